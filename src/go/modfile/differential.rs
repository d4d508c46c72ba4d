//! Compares the parsers with those of an installed `go`, on texts that show one oddity each.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::hostile::mutated;
use super::*;

/// Where the parsers may differ from the command that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Differs {
    /// Nowhere: an error here is an error there, on the same line; without one the values are equal.
    Nowhere,
    /// What the reference documents, or what the network may explain, is accepted though `go … edit` refuses it.
    Laxer,
    /// `go … edit` prints what every other command refuses.
    Stricter,
}
use Differs::{Laxer, Nowhere, Stricter};

const GO_MOD: &[(&str, Differs)] = &[
    ("module ex.io/m\n\ngo 1.21\n", Nowhere),
    ("", Nowhere),
    ("// only a comment", Nowhere),
    ("module \"ex.io/m\" // quoted\r\ngo 1.21.3\r\ntoolchain go1.22.0\r\n", Nowhere),
    ("module (\n\tex.io/m\n)\n", Nowhere),
    ("module ex.io/m//glued\n", Nowhere),
    ("module a b\n", Nowhere),
    ("module\n", Nowhere),
    ("module a\nmodule b\n", Nowhere),
    ("module a\ngo 1.20\ngo 1.21\n", Nowhere),
    ("module a\ntoolchain default\ntoolchain default\n", Nowhere),
    ("module a\ntoolchain 1.21\n", Nowhere),
    ("module a\ntoolchain go1.\"x\n", Nowhere),
    ("module a\ngo 1.21.3rc2\n", Nowhere),
    ("module a\ngo 1.021\n", Nowhere),
    ("module a\ngo v1.21\n", Nowhere),
    ("module a\ngo \"1.21\"\n", Nowhere),
    ("module a\ngo (\n\t1.21\n)\n", Nowhere),
    ("module a\nrequire()\nrequire ( )\nrequire (\n)\n", Nowhere),
    ("module a\nrequire () x\n", Nowhere),
    ("module a\nrequire ( // indirect\n\tq v1.0.0\n) // indirect\n", Nowhere),
    ("module a\nrequire (\n\tq v1.0.0 //indirect\n\tr v1.0.0 // indirect; x\n\ts v1.0.0 // indirect x\n)\n", Nowhere),
    (
        "module a\nrequire (\n\t// indirect\n\tq v1.0.0//\tindirect\t\n\tr v1.0.0 // indirect;\n\ts v1 //indirect//\n)\n",
        Nowhere,
    ),
    ("module a\nrequire q v1.0.0 // indirect", Nowhere),
    ("module a\nrequire \"q\" \"v1.0.0\"\n", Nowhere),
    ("module a\nrequire q v1.2 r\n", Nowhere),
    ("module a\nrequire q v2.0.0\n", Nowhere),
    ("module a\nrequire q/v2 v2\nrequire r v2.0.0+incompatible\nrequire s v1.0.0+meta\n", Nowhere),
    ("module a\nrequire q/v1 v1.0.0\n", Nowhere),
    (
        "module a\nrequire gopkg.in/yaml.v2 v2.2.1\nrequire gopkg.in/check.v1 v0.0.0-20161208181325-20d25e280405\n",
        Nowhere,
    ),
    ("module a\nrequire gopkg.in/yaml v2.2.1\n", Nowhere),
    ("module a\nrequire (\n\tq (\n\tr v1.0.0\n)\n", Nowhere),
    ("module a\nrequire (\n\tq v1.0.0\n", Nowhere),
    ("module a\nrequire (\n\tq v1.0.0\n) r\n", Nowhere),
    ("module a\nrequire x (\n\tq v1.0.0\n)\n", Nowhere),
    ("module a\n)\n", Nowhere),
    ("module a\nexclude q v1.0.0\nexclude (\n\tq v1.1.0\n)\n", Nowhere),
    ("module a\nreplace q=>./x\n", Nowhere),
    ("module a\nreplace q => ./x // c\nreplace (\n\tq v1 => r/v3 v3.0.0\n\t\"s\" => \"./a b\"\n)\n", Nowhere),
    ("module a\nreplace q => x\n", Nowhere),
    ("module a\nreplace q => x@v1.0.0\n", Nowhere),
    ("module a\nreplace q => ./x v1.0.0\n", Nowhere),
    ("module a\nreplace q => C:/x\nreplace r => /x\nreplace s => ..\n", Nowhere),
    ("module a\nreplace q => ..\\x\n", Nowhere),
    ("module a\nreplace q \"=>\" ./x\n", Nowhere),
    ("module a\nreplace q v2.0.0 => ./x\n", Nowhere),
    ("module a\nretract v1.0.0\nretract [v1.0.0, v1.1.0]\nretract (\n\t[v1.0.0,v1.1.0]\n)\n", Nowhere),
    ("module a\nretract [v1.0.0 v1.1.0]\n", Nowhere),
    ("module a\nretract v1.0.0 v1.1.0\n", Nowhere),
    ("module a\nretract )\n", Nowhere),
    ("module a\ngodebug a=b=c\ngodebug (\n\tx=\n)\n", Nowhere),
    ("module a\ngodebug a=b,c=d\n", Nowhere),
    ("module a\ngodebug a\n", Nowhere),
    ("module a\ngodebug \"a=b\"\n", Nowhere),
    ("module a\ntool (\n\tq/cmd/x\n\t\"r\"\n)\nignore ./x\nignore \"y z\"\n", Nowhere),
    ("module a\ntool x y\n", Nowhere),
    ("module a\nfoo bar\n", Nowhere),
    ("module a\nfoo (\n\tbar\n)\n", Nowhere),
    ("module a\nfoo ()\n", Nowhere),
    ("\"module\" a\n", Nowhere),
    ("module a\n/* x */\n", Nowhere),
    ("module a/*b*/\n", Nowhere),
    ("\u{feff}module a\n", Nowhere),
    ("module a\n\nrequire q\u{a0}v1.0.0\n", Nowhere),
    ("module a\nrequire q v1.0.0\0\n", Nowhere),
    ("module a\nrequire q v1.0.0\u{200b}\n", Nowhere),
    ("module a\rgo 1.20\r", Nowhere),
    ("module a\n\x0cgo 1.20\n", Nowhere),
    ("module a\nignore \"gr\\u00f6\\xc3\\x9fe\\t\\101\"\nignore größe/漢/e\u{301}\n", Nowhere),
    ("module a\nignore \"\\q\"\n", Nowhere),
    ("module a\nignore \"x\n", Nowhere),
    ("module a\nignore \"x", Nowhere),
    ("module a\nignore \"x\\\ny\" // c\ngo 1.21\n", Nowhere),
    ("module a\nignore 'x'\n", Nowhere),
    ("module a\nignore x\"y\"\n", Nowhere),
    ("module a\nignore \"x\"y\n", Nowhere),
    ("module a\nignore x`y\n", Nowhere),
    // The reference has strings in backquotes.
    ("module `a`\nignore `x y`\n", Laxer),
    // Other commands ask the network what these are.
    ("module a\nrequire q master\n", Laxer),
    ("module a\nexclude q v1.x\n", Laxer),
    ("module a\nreplace q latest => r main\n", Laxer),
    // The loader checks these, the parser does not.
    ("module ../a\n", Stricter),
    ("module go\n", Stricter),
    ("module \"\"\n", Stricter),
    ("module a\nreplace q => r v2.0.0\n", Stricter),
];

const GO_WORK: &[(&str, Differs)] = &[
    ("go 1.22\n\nuse .\nuse ./a\n", Nowhere),
    ("", Nowhere),
    ("go 1.22\ntoolchain go1.22.1\ngodebug a=b\ngodebug (\n\tc=d\n)\n", Nowhere),
    ("go 1.22\nuse (\n\t./a // x\n\t../b/\n\tbare\n\t\"c d\"\n\t/abs\n)\n", Nowhere),
    ("use . ./x\n", Nowhere),
    ("use\n", Nowhere),
    ("use ()\n", Nowhere),
    ("use ./a\nuse ./a\n", Nowhere),
    ("use 'a'\n", Nowhere),
    ("use ./a//b\n", Nowhere),
    ("go 1.22\ngo 1.22\n", Nowhere),
    ("go 1.22.x\n", Nowhere),
    ("go (\n\t1.22\n)\n", Nowhere),
    ("toolchain (\n\tgo1.22.0\n)\n", Nowhere),
    ("require a v1.0.0\n", Nowhere),
    ("require (\n\ta v1.0.0\n)\n", Nowhere),
    ("module a\n", Nowhere),
    ("ignore ./a\n", Nowhere),
    ("replace a => ./x\nreplace a v1 => b v1.2\nreplace (\n\tc => d v3.0.0\n)\n", Nowhere),
    ("replace a => b main\n", Nowhere),
    ("replace a latest => ./b\n", Nowhere),
    ("replace a v2.0.0 => ./b\n", Nowhere),
    ("\u{feff}use .\n", Nowhere),
    ("use (\r\n\t.\r\n)\r\n", Nowhere),
    ("use /* x */ .\n", Nowhere),
    ("use `a b`\n", Laxer),
];

/// go.mod files of a replaced folder; each is an error, or has the version of its `go` line.
const DEPENDENCIES: &[&str] = &[
    "module dep\n\ngo 1.20\n",
    "module dep\ngo 1.18-next\nfoo bar\nfoo (\n\tbar\n)\nfoo x (\n)\n",
    "module dep\ngo v1.19.x\ntoolchain nonsense\ntoolchain nonsense\n",
    "module dep\ngo v1.19\n",
    "module dep\ngo 1.19\ngo 1.19\n",
    "module dep\nmodule dep\n",
    "module totally.different\ngo 1.20\nreplace x=>y\nexclude z\nretract [\ntool a b\ngodebug ,\n",
    "module dep\nrequire q\n",
    "module dep\nrequire q main\n",
    "module dep\nrequire q v2.0.0\n",
    "module dep\nignore a b\n",
    "module dep\ngo 1.20\ngo (\n\t1.21\n)\nfoo \"a\\\nb\"\nfoo 'x'\n",
    "module dep\nfoo \"a\n",
    "module dep\n/* x */\n",
    "module dep b\n",
    "",
];

fn go(folder: &Path, arguments: &[&str]) -> Output {
    Command::new("go")
        .args(arguments)
        .current_dir(folder)
        .envs([
            ("GOTOOLCHAIN", "local"),
            ("GOPROXY", "off"),
            ("GOFLAGS", "-mod=mod"),
            ("GOWORK", "off"),
            ("GOENV", "off"),
        ])
        .output()
        .expect("go is installed")
}

/// The line of the first error about the file.
fn error_line(output: &Output, file: &str) -> Option<usize> {
    let text = String::from_utf8_lossy(&output.stderr);
    let number = |after: &str| after.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok();
    text.split(&format!("{file}:")).skip(1).find_map(number)
}

#[track_caller]
fn check_edit(text: &str, differs: Differs, command: &str, problems: &[Problem], ours: &Value) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("the.file"), text).unwrap();
    let output = go(folder.path(), &[command, "edit", "-json", "the.file"]);
    assert_eq!(output.status.success(), !output.stdout.is_empty(), "{text:?}: {output:?}");
    let differing = match differs {
        Nowhere => problems.is_empty() != output.status.success(),
        Laxer => output.status.success() || !problems.is_empty(),
        Stricter => !output.status.success() || problems.is_empty(),
    };
    assert!(!differing, "{text:?}: {problems:?} and {output:?}");
    if !output.status.success() {
        let line = error_line(&output, "the.file").expect("errors have a line");
        assert!(differs == Laxer || problems.iter().any(|p| p.line == line), "{text:?}: {problems:?}, {output:?}");
        return;
    }
    let mut theirs: Value = serde_json::from_slice(&output.stdout).unwrap();
    if differs == Stricter {
        return;
    }
    let fields = ours.as_object().unwrap();
    let theirs: serde_json::Map<_, _> =
        fields.keys().map(|key| (key.clone(), theirs.get_mut(key).map(Value::take).unwrap_or_default())).collect();
    assert_eq!(&theirs, fields, "{text:?}");
}

fn list<T>(items: &[T], show: impl Fn(&T) -> Value) -> Value {
    if items.is_empty() { Value::Null } else { items.iter().map(show).collect() }
}

fn show_module(module: &ModuleVersion) -> Value {
    let version = canonical_version(&module.version).unwrap_or_else(|| module.version.clone());
    if version.is_empty() { json!({"Path": module.path}) } else { json!({"Path": module.path, "Version": version}) }
}

fn show_replace(replace: &Replace) -> Value {
    let version = replace.version.clone().unwrap_or_default();
    let old = ModuleVersion { path: replace.path.clone(), version };
    let new = match &replace.target {
        ReplaceTarget::Folder(folder) => json!({"Path": folder}),
        ReplaceTarget::Module(module) => show_module(module),
    };
    json!({"Old": show_module(&old), "New": new})
}

fn show_require(require: &Require) -> Value {
    let mut value = show_module(&require.module);
    if require.indirect {
        value["Indirect"] = json!(true);
    }
    value
}

#[test]
#[ignore = "needs go"]
fn go_mod_files_read_as_go_reads_them() {
    for (text, differs) in GO_MOD {
        let file = GoMod::parse(text.as_bytes(), Strictness::MainModule);
        let ours = json!({
            "Module": {"Path": file.module.unwrap_or_default()},
            "Go": file.go,
            "Toolchain": file.toolchain,
            "Require": list(&file.requires, show_require),
            "Exclude": list(&file.excludes, show_module),
            "Replace": list(&file.replaces, show_replace),
            "Tool": list(&file.tools, |path| json!({"Path": path})),
            "Ignore": list(&file.ignores, |path| json!({"Path": path})),
            "GoDebug": list(&file.godebug, |(key, value)| json!({"Key": key, "Value": value})),
        });
        check_edit(text, *differs, "mod", &file.problems, &ours);
    }
}

#[test]
#[ignore = "needs go"]
fn go_work_files_read_as_go_reads_them() {
    for (text, differs) in GO_WORK {
        let file = GoWork::parse(text.as_bytes());
        let ours = json!({
            "Go": file.go,
            "Use": list(&file.uses, |used| json!({"DiskPath": used.path})),
            "Replace": list(&file.replaces, show_replace),
        });
        check_edit(text, *differs, "work", &file.problems, &ours);
    }
}

#[test]
#[ignore = "needs go"]
fn go_mod_files_of_dependencies_read_as_go_reads_them() {
    for text in DEPENDENCIES {
        let folder = tempfile::tempdir().unwrap();
        let main = "module main.test\ngo 1.20\nrequire dep v0.0.0\nreplace dep => ./dep\n";
        fs::create_dir(folder.path().join("dep")).unwrap();
        fs::write(folder.path().join("go.mod"), main).unwrap();
        fs::write(folder.path().join("dep/go.mod"), text).unwrap();
        let output = go(folder.path(), &["mod", "graph"]);
        let file = GoMod::parse(text.as_bytes(), Strictness::Dependency);
        let refused = String::from_utf8_lossy(&output.stderr).contains("parsing ");
        assert_eq!(!file.problems.is_empty(), refused, "{text:?}: {:?} and {output:?}", file.problems);
        if refused {
            let line = error_line(&output, "go.mod").expect("errors have a line");
            assert!(file.problems.iter().any(|problem| problem.line == line), "{text:?}: {output:?}");
        } else {
            let output = go(folder.path(), &["list", "-m", "-f", "{{.GoVersion}}", "dep"]);
            let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            assert_eq!(file.go.unwrap_or_default(), version, "{text:?}");
        }
    }
}

/// Whether `go mod edit` or `go work edit` can read the text; `None` if the parsers differ on purpose about such texts.
fn go_accepts(bytes: &[u8], command: &str) -> Option<bool> {
    let has_extension = bytes.contains(&b'`') || std::str::from_utf8(bytes).is_err();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("the.file"), bytes).unwrap();
    (!has_extension).then(|| go(folder.path(), &[command, "edit", "-json", "the.file"]).status.success())
}

fn asks_the_network(file: &GoMod) -> bool {
    let replaced = file.replaces.iter().flat_map(|replace| {
        let target = match &replace.target {
            ReplaceTarget::Folder(_) => None,
            ReplaceTarget::Module(module) => Some(&module.version),
        };
        replace.version.iter().chain(target)
    });
    let required = file.requires.iter().map(|require| &require.module.version);
    let excluded = file.excludes.iter().map(|module| &module.version);
    required.chain(excluded).chain(replaced).any(|version| !is_canonical_version(version))
}

fn is_the_loaders(problem: &Problem) -> bool {
    ["cannot be the path of a module", "the module path is empty"].iter().any(|part| problem.message.contains(part))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    #[ignore = "needs go"]
    fn mutated_go_work_files_are_refused_when_go_refuses_them(bytes in mutated()) {
        if let Some(accepted) = go_accepts(&bytes, "work") {
            let problems = GoWork::parse(&bytes).problems;
            prop_assert_eq!(problems.is_empty(), accepted, "{:?}", problems);
        }
    }

    #[test]
    #[ignore = "needs go"]
    fn mutated_go_mod_files_are_refused_when_go_refuses_them(bytes in mutated()) {
        let file = GoMod::parse(&bytes, Strictness::MainModule);
        if let Some(accepted) = go_accepts(&bytes, "mod").filter(|_| !asks_the_network(&file)) {
            prop_assert_eq!(file.problems.iter().all(is_the_loaders), accepted, "{:?}", file.problems);
        }
    }
}
