//! Compares this module with what `go list` says of the same files, and checks what holds for any input.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::repo::{MemoryTree, RepoPath};

/// One set of flags and variables of `go list`.
#[derive(Clone, Copy, Debug)]
struct Build {
    os: &'static str,
    arch: &'static str,
    cgo: bool,
    tags: &'static str,
}

const BUILDS: [Build; 9] = [
    Build { os: "linux", arch: "amd64", cgo: true, tags: "" },
    Build { os: "linux", arch: "amd64", cgo: false, tags: "windows,integration" },
    Build { os: "linux", arch: "arm64", cgo: false, tags: "cgo" },
    Build { os: "windows", arch: "amd64", cgo: false, tags: "" },
    Build { os: "windows", arch: "arm64", cgo: true, tags: "linux" },
    Build { os: "darwin", arch: "arm64", cgo: true, tags: "boringcrypto" },
    Build { os: "android", arch: "arm64", cgo: true, tags: "" },
    Build { os: "ios", arch: "arm64", cgo: false, tags: "ignore" },
    Build { os: "js", arch: "wasm", cgo: false, tags: "go1.99" },
];

impl Build {
    fn go(&self, folder: &Path) -> Command {
        let mut go = Command::new("go");
        go.current_dir(folder).env("GOOS", self.os).env("GOARCH", self.arch);
        go.env("CGO_ENABLED", if self.cgo { "1" } else { "0" });
        go.env("GOFLAGS", "").env("GOWORK", "off").env("GOPROXY", "off").env("GOTOOLCHAIN", "local");
        // With its index of a folder, which it makes once the files are two seconds old, Go also rejects broken files
        // that their names exclude.
        go.env("GODEBUG", "goindex=0");
        go
    }

    fn list(&self, folder: &Path, arguments: &[String]) -> Vec<Value> {
        let mut go = self.go(folder);
        let output = go.args(["list", "-e", "-json", "-tags", self.tags]).args(arguments).output().unwrap();
        let packages = serde_json::Deserializer::from_slice(&output.stdout).into_iter();
        let packages: Vec<Value> = packages.map(Result::unwrap).collect();
        assert!(!packages.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        packages
    }

    fn target(&self) -> Target {
        let format = "{{range context.ToolTags}}{{.}} {{end}}|{{len context.ReleaseTags}}";
        let output = self.go(Path::new("/")).args(["list", "-f", format, "unsafe"]).output().unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        let (tool_tags, releases) = output.trim().split_once('|').unwrap();
        let mut target = Target::new(self.os, self.arch);
        let (experiments, features): (BTreeSet<&str>, BTreeSet<&str>) =
            tool_tags.split_whitespace().partition(|tag| tag.starts_with("goexperiment."));
        assert!(target.arch_features.iter().all(|feature| features.contains(feature.as_str())));
        target.toolchain_minor = Some(releases.parse().unwrap());
        target.cgo = Tri::from(self.cgo);
        target.tags = self.tags.split(',').filter(|tag| !tag.is_empty()).map(String::from).collect();
        target.experiments = experiments_of(&self.go(Path::new("/")));
        assert!(experiments.iter().chain(&features).all(|tag| target.tag(tag) == Tri::True));
        target
    }
}

/// All experiments that the toolchain knows, and whether they are on by default.
fn experiments_of(go: &Command) -> BTreeMap<String, bool> {
    let mut list = Command::new("go");
    list.current_dir("/").envs(go.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = list.args(["list", "-json", "internal/goexperiment"]).output().unwrap();
    let package: Value = serde_json::from_slice(&output.stdout).unwrap();
    let known = [("GoFiles", true), ("IgnoredGoFiles", false)].into_iter().flat_map(|(field, built)| {
        let names = package[field].as_array().unwrap().iter().filter_map(Value::as_str);
        names.filter_map(move |name| {
            let on = name.strip_prefix("exp_")?.strip_suffix("_on.go")?;
            Some((on.to_owned(), built))
        })
    });
    known.collect()
}

/// What a package consists of, by the names that `go list` uses.
type Selection = BTreeMap<&'static str, BTreeSet<String>>;

const FIELDS: [&str; 13] = [
    "GoFiles",
    "CgoFiles",
    "IgnoredGoFiles",
    "InvalidGoFiles",
    "IgnoredOtherFiles",
    "CFiles",
    "HFiles",
    "SFiles",
    "SysoFiles",
    "Imports",
    "EmbedPatterns",
    "CgoCFLAGS",
    "TestFiles",
];

fn listed(package: &Value) -> Selection {
    let strings = |field: &str| -> Vec<String> {
        let values = package[field].as_array().map(Vec::as_slice).unwrap_or_default();
        values.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
    };
    let mut listed: Selection = FIELDS.iter().map(|field| (*field, strings(field).into_iter().collect())).collect();
    let tests = strings("TestGoFiles").into_iter().chain(strings("XTestGoFiles"));
    listed.entry("TestFiles").or_default().extend(tests);
    // Imports are shown as they are resolved.
    let sources = package["ImportMap"].as_object().cloned().unwrap_or_default();
    let imports = listed.entry("Imports").or_default();
    for (source, resolved) in sources {
        imports.remove(resolved.as_str().unwrap());
        imports.insert(source);
    }
    imports.remove("C");
    listed
}

/// What is known of a tag where nothing asks for a module of FIPS 140.
fn tag_without_fips(target: &Target, name: &str) -> Tri {
    if name.starts_with("fips140v") { Tri::False } else { target.tag(name) }
}

/// The same, made with the functions under test.
fn selected(files: &BTreeMap<String, Vec<u8>>, target: &Target) -> Selection {
    let mut selection: Selection = FIELDS.iter().map(|field| (*field, BTreeSet::new())).collect();
    let mut add = |field, value: &str| _ = selection.entry(field).or_default().insert(value.to_owned());
    let tag = |name: &str| tag_without_fips(target, name);
    let mut uses_cgo = false;
    let mut c_assembly = Vec::new();
    for (name, bytes) in files {
        let Some(kind) = file_kind(name.as_bytes()) else { continue };
        let name_matches = file_name_matches(name.as_bytes(), &tag).possible();
        if kind == FileKind::Go && name_matches {
            uses_cgo |= select_go(name, &scan_go(bytes), target, &mut add);
            continue;
        }
        let matches = name_matches && (kind == FileKind::Syso || scan_other(bytes).eval(&tag).possible());
        match kind {
            FileKind::Go => add("IgnoredGoFiles", name),
            _ if !matches => add("IgnoredOtherFiles", name),
            FileKind::C if target.cgo.possible() => add("CFiles", name),
            FileKind::Header => add("HFiles", name),
            FileKind::Assembly => add("SFiles", name),
            FileKind::CAssembly => c_assembly.push(name),
            FileKind::Syso => add("SysoFiles", name),
            _ => {}
        }
    }
    for name in c_assembly {
        add(if uses_cgo { "SFiles" } else { "IgnoredOtherFiles" }, name);
    }
    selection
}

/// Returns whether the file uses cgo.
fn select_go(name: &str, file: &GoFile, target: &Target, add: &mut dyn FnMut(&'static str, &str)) -> bool {
    let tag = |name: &str| tag_without_fips(target, name);
    if matches!(file.constraint, Constraint::Invalid(_)) {
        add("InvalidGoFiles", name);
        return false;
    }
    if !file.constraint.eval(&tag).possible() {
        add("IgnoredGoFiles", name);
        return false;
    }
    if file.package.as_deref() == Some("documentation") {
        add("IgnoredGoFiles", name);
        return false;
    }
    let is_test = name.ends_with("_test.go");
    let cgo_problem = file.cgo.iter().any(|block| block.problem.is_some());
    if file.problem.is_some() || (file.imports_c && is_test) || cgo_problem {
        add("InvalidGoFiles", name);
    }
    // Go keeps nothing but the name of a file with a broken header.
    let broken = file.problem.is_some();
    let uses_cgo = file.imports_c && !broken;
    let field = match (is_test, uses_cgo) {
        (true, _) => "TestFiles",
        (false, false) => "GoFiles",
        (false, true) if target.cgo.possible() => "CgoFiles",
        (false, true) => "IgnoredGoFiles",
    };
    add(field, name);
    for block in &file.cgo {
        let flags = block.directives.iter().filter(|directive| directive.verb == "CFLAGS" && uses_cgo);
        let flags = flags.filter(|directive| directive.eval(&tag).possible());
        flags.flat_map(|directive| &directive.arguments).for_each(|flag| add("CgoCFLAGS", flag));
    }
    if matches!(field, "GoFiles" | "CgoFiles") && !broken {
        file.imports.iter().for_each(|import| add("Imports", &import.path));
        file.embeds.iter().for_each(|embed| add("EmbedPatterns", &embed.pattern));
    }
    field == "CgoFiles"
}

/// A folder for a module, one package per case, and the arguments that name the packages.
fn write_module(cases: &[BTreeMap<String, Vec<u8>>]) -> (tempfile::TempDir, Vec<String>) {
    let module = tempfile::tempdir().unwrap();
    std::fs::write(module.path().join("go.mod"), "module example.org/m\n\ngo 1.21\n").unwrap();
    let names: Vec<String> = (0..cases.len()).map(|index| format!("./c{index:04}")).collect();
    for (case, name) in cases.iter().zip(&names) {
        let folder = module.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        for (file, bytes) in case {
            std::fs::write(folder.join(file), bytes).unwrap();
        }
    }
    (module, names)
}

/// Go does not see that a broken file is mere documentation if it breaks before its package clause ends.
fn is_broken_documentation(bytes: &[u8]) -> bool {
    let file = scan_go(bytes);
    file.package.as_deref() == Some("documentation") && file.problem.is_some()
}

#[track_caller]
fn compare(cases: &[BTreeMap<String, Vec<u8>>], builds: &[Build]) {
    let (module, names) = write_module(cases);
    let mut differences = Vec::new();
    let mut compared = 0;
    for build in builds {
        let target = build.target();
        let packages: BTreeMap<PathBuf, Value> = build
            .list(module.path(), &names)
            .into_iter()
            .map(|package| (PathBuf::from(package["Dir"].as_str().unwrap()), package))
            .collect();
        for (case, name) in cases.iter().zip(&names) {
            if case.values().any(|bytes| is_broken_documentation(bytes)) {
                continue;
            }
            let package = &packages[&module.path().join(name.trim_start_matches("./"))];
            let (mut go, mut ours) = (listed(package), selected(case, &target));
            let error = package["Error"]["Err"].as_str().unwrap_or_default();
            if error.contains("unexpected NUL") && !ours["InvalidGoFiles"].is_empty() {
                // Go reads on after an error, and may find a NUL byte then.
                continue;
            }
            if !ours["InvalidGoFiles"].is_empty() && !go["InvalidGoFiles"].is_empty() {
                // More files are invalid where package names conflict, which is not this module's business.
                ours.insert("InvalidGoFiles", go["InvalidGoFiles"].clone());
            }
            if error.contains("#cgo") {
                // Go stops at the first bad line.
                go.remove("CgoCFLAGS");
                ours.remove("CgoCFLAGS");
            }
            if error.contains("found packages") {
                go.remove("InvalidGoFiles");
                ours.remove("InvalidGoFiles");
            }
            compared += 1;
            if go != ours {
                let text = case.iter().map(|(name, bytes)| format!("{name}: {:?}\n", String::from_utf8_lossy(bytes)));
                let fields = FIELDS.iter().filter(|field| go.get(*field) != ours.get(*field));
                let fields = fields.map(|field| format!("  {field}: go {:?}, ours {:?}\n", go[field], ours[field]));
                let (text, fields): (String, String) = (text.collect(), fields.collect());
                differences.push(format!("{build:?} {name}: {error}\n{text}{fields}"));
            }
        }
    }
    assert!(
        differences.is_empty(),
        "{} of {compared} differ:\n{}",
        differences.len(),
        differences[..differences.len().min(12)].join("\n")
    );
}

fn package(files: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
}

#[test]
#[ignore = "needs go"]
fn odd_files_are_selected_as_by_go() {
    let texts = include_str!("testdata/odd_headers.txt").split("\n====\n").map(|text| text.replace("<NUL>", "\0"));
    let texts = texts.map(|text| text.replace("<BOM>", "\u{feff}").replace("<CR>", "\r").replace("<FF>", "\x0c"));
    let mut cases: Vec<_> = texts.map(|text| package(&[("a.go", "package p\n"), ("x.go", &text)])).collect();
    cases.push(BTreeMap::from([("x.go".to_owned(), b"// \xff\npackage p\n".to_vec())]));
    cases.push(BTreeMap::from([("x.go".to_owned(), b"\xff\xfep\0".to_vec())]));
    for name in include_str!("testdata/odd_names.txt").lines() {
        cases.push(package(&[("a.go", "package p\n"), (name, "package p\n")]));
    }
    let others =
        ["", "//go:build windows\n", "//go:build ((\n", "// +build windows\nx", "// +build windows\n x", ";\n"];
    for (index, text) in others.iter().enumerate() {
        let tail = ["#include \"a.h\"\n//go:build linux\n", "\0", "/", "/* open", "//go:build linux\n", ""][index % 6];
        let text = format!("{text}{tail}");
        cases.push(package(&[("a.go", "package p\n"), ("x.s", &text), ("x.h", text.trim_end_matches('\0'))]));
        cases.push(package(&[("a.go", "package p\nimport \"C\"\n"), ("x.c", &text), ("x.S", "//"), ("y.syso", &text)]));
    }
    compare(&cases, &BUILDS);
}

/// A generator with a fixed seed: every run writes the same files.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

const CONSTRAINTS: [&str; 24] = [
    "//go:build linux",
    "//go:build !linux && (cgo || windows)",
    "//go:build (darwin || unix) && !arm64",
    "//go:build go1.21",
    "//go:build !go1.99",
    "//go:build integration",
    "//go:build boringcrypto || ignore",
    "//go:build amd64.v1 || arm64.v8.0 || wasm.satconv",
    "//go:build linux // c",
    "//go:build ((",
    "// +build linux darwin,!cgo",
    "//+build !windows",
    "// +build ignore",
    "// +build !go1.99",
    "/* c */",
    "/*\n//go:build windows\n*/",
    "/* c */ //go:build windows",
    "// c",
    "//go:debug panicnil=1",
    "",
    "",
    "",
    "\t",
    "  //go:build windows",
];

const BODY: [&str; 33] = [
    "import \"fmt\"",
    "import `os`",
    "import (",
    ")",
    "\"strings\"",
    "_ \"embed\"",
    ". \"io\"",
    "x \"f\\x6dt\"",
    "\"C\"",
    "import \"C\"",
    "// #cgo CFLAGS: -DA",
    "// #cgo linux,cgo !windows CFLAGS: -DB",
    "/*\n#cgo CFLAGS: -DC\n*/",
    "// c",
    "",
    "/* c */",
    "var x = 1",
    "import",
    "int",
    ";",
    "import ()",
    "\"bad path\"",
    "'c'",
    "/",
    "//go:embed x.go",
    "import ;",
    "var s = `\n//go:embed y.go\n`",
    "func f() { //go:embed \"z.go\" `w.go`\n}",
    "\t//go:embed v.go",
    ",",
    "import \"os\" // c",
    "\"sort\"; \"bytes\"",
    "import _ \"embed\"",
];

/// A file that is more or less Go.
fn random_file(dice: &mut Dice) -> String {
    let mut text = String::new();
    let end = |dice: &mut Dice| dice.pick(&["\n", "\n", "\n", "\n", "\n", "\r\n", "\n\n", " ", ";"]);
    for _ in 0..dice.below(5) {
        text += dice.pick(&CONSTRAINTS);
        text += dice.pick(&["\n", "\n", "\r\n", "\n\n"]);
    }
    text +=
        dice.pick(&["package p", "package p", "package p", "package p // c", "package documentation", "package", ""]);
    text += end(dice);
    let mut open = false;
    for _ in 0..dice.below(9) {
        let part = dice.pick(&BODY);
        // Half of the files are left with the parentheses that chance gives them.
        if dice.below(2) == 0 && (part == "import (" && open || part == ")" && !open) {
            continue;
        }
        open = (open || part == "import (") && part != ")";
        text += part;
        text += end(dice);
    }
    if open {
        text += ")\n";
    }
    if dice.below(8) == 0 {
        let at = dice.below(text.len());
        text.replace_range(
            at..at,
            dice.pick(&["\0", "\u{feff}", "\"", "`", "(", "/*", "*/", "\x0c", "\u{a0}", "i", ";"]),
        );
    }
    text
}

#[test]
#[ignore = "needs go"]
fn random_files_are_selected_as_by_go() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let names = ["x.go", "x.go", "x.go", "x_linux.go", "x_windows_arm64.go", "x_test.go", "x_darwin_test.go"];
    let cases: Vec<_> = (0..600)
        .map(|_| {
            let text = random_file(&mut dice);
            package(&[(dice.pick(&names), &text)])
        })
        .collect();
    compare(&cases, &BUILDS[..5]);
}

/// A folder on this disk as a tree, two levels of folders at most.
fn tree_of(folder: &Path) -> MemoryTree {
    let mut tree = MemoryTree::new();
    let mut pending = vec![(folder.to_owned(), String::new())];
    while let Some((folder, prefix)) = pending.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                pending.push((entry.path(), path + "/"));
            } else if kind.is_symlink() {
                tree.insert_link(&path, &std::fs::read_link(entry.path()).unwrap().to_string_lossy());
            } else {
                tree.insert(&path, "");
            }
        }
    }
    tree
}

#[test]
#[ignore = "needs go"]
fn patterns_embed_what_go_embeds() {
    let patterns: Vec<&str> = include_str!("testdata/embed_patterns.txt").lines().collect();
    let files = [
        "a.txt",
        "b.txt",
        "br[1].txt",
        ".hid",
        "_und",
        "con.txt",
        "dot.",
        "größe",
        "sub/x.txt",
        "sub/.h",
        "sub/_u",
        "sub/_dir/z",
        "sub/.dotdir/z",
        "sub/.git/c",
        "sub/nested/go.mod",
        "sub/nested/n",
        "sub/testdata/t",
        "sub/a_test.go",
        "h/.a",
        "h/_b",
        "h/c",
        "h/d/.e",
        "h/d/f",
        "bad/a:b",
        "bad/c",
        "baddir/a:b/x",
        "baddir/y",
        "empty/.x",
        "modfolder/go.mod/x",
        "modfolder/y",
        "sub/deep/er/x.txt",
    ];
    let links = [
        ("lnk", "a.txt"),
        ("dlnk", "sub"),
        ("sub/lnk", ".."),
        ("brokenmod/go.mod", "no"),
        ("gone", "no"),
        ("h/loop", "."),
    ];
    let sources: Vec<_> = patterns
        .iter()
        .map(|p| package(&[("x.go", &format!("package p\n\nimport _ \"embed\"\n\n//go:embed {p}\nvar x string\n"))]))
        .collect();
    let (module, names) = write_module(&sources);
    for name in &names {
        for file in files.iter().chain(&["brokenmod/x"]) {
            let path = module.path().join(name).join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        for (link, to) in links {
            std::os::unix::fs::symlink(to, module.path().join(name).join(link)).unwrap();
        }
    }
    let tree = tree_of(module.path());
    let packages = BUILDS[0].list(module.path(), &names);
    let mut differences = Vec::new();
    for ((package, pattern), name) in packages.iter().zip(&patterns).zip(&names) {
        let folder = RepoPath::from_clean(name.trim_start_matches("./").as_bytes());
        let unquoted = package["EmbedPatterns"][0].as_str().unwrap_or_else(|| panic!("{pattern}: {package}"));
        let ours = embed_files(&tree, &folder, unquoted).unwrap();
        let error = package["Error"]["Err"].as_str();
        let go: Vec<&str> = package["EmbedFiles"]
            .as_array()
            .map(|files| files.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let files: Vec<String> = ours
            .files
            .iter()
            .map(|file| String::from_utf8_lossy(file.strip_prefix(&folder).unwrap_or(b"?")).into_owned())
            .collect();
        if error.is_some() != ours.problem.is_some() || (error.is_none() && files != go) {
            differences.push(format!("{pattern}: go {go:?} {error:?}, ours {files:?} {:?}", ours.problem));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
#[ignore = "needs go"]
fn the_standard_library_is_read_as_by_go() {
    let build = BUILDS[0];
    let target = build.target();
    let mut differences = Vec::new();
    let packages = build.list(Path::new("/"), &["std".into(), "cmd".into()]);
    assert!(packages.len() > 300);
    for package in packages {
        let folder = Path::new(package["Dir"].as_str().unwrap());
        let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
        let files: BTreeMap<String, Vec<u8>> = files
            .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
            .collect();
        let (mut go, mut ours) = (listed(&package), selected(&files, &target));
        if !go["CgoFiles"].is_empty() {
            // What cgo itself needs.
            for implied in ["unsafe", "runtime/cgo", "syscall"] {
                go.entry("Imports").or_default().remove(implied);
                ours.entry("Imports").or_default().remove(implied);
            }
        }
        for field in FIELDS.iter().filter(|field| go[*field] != ours[*field] && **field != "CgoCFLAGS") {
            differences.push(format!("{}: {field}: go {:?}, ours {:?}", package["ImportPath"], go[field], ours[field]));
        }
        let names = files.iter().filter(|(name, _)| go["GoFiles"].contains(*name));
        for (name, bytes) in names {
            if scan_go(bytes).package.as_deref() != package["Name"].as_str() {
                differences.push(format!("{}: {name}: package", package["ImportPath"]));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// A list of patterns of one file, so long that anything but a linear scan would show.
#[test]
fn long_lists_take_linear_time() {
    let words = "a ".repeat(60_000);
    let source = format!("package p\nimport _ \"embed\"\n//go:embed {words}\n");
    assert_eq!(scan_go(source.as_bytes()).embeds.len(), 60_000);
    let source = format!("package p\n{}", "import \"C\"\n".repeat(30_000));
    assert_eq!(scan_go(source.as_bytes()).cgo.len(), 30_000);
    let source = format!("package p\n{}import \"C\"\n", "// c\n\n/* d */\n".repeat(30_000));
    assert_eq!(scan_go(source.as_bytes()).cgo[0].preamble, " d \n");
}

/// Go-like text with odd bytes in it.
fn source_text() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        prop::sample::select(&CONSTRAINTS[..]).prop_map(|part| part.as_bytes().to_vec()),
        prop::sample::select(&BODY[..]).prop_map(|part| part.as_bytes().to_vec()),
        prop::sample::select(vec![
            "package p",
            "\n",
            "\r\n",
            "\"",
            "`",
            "'",
            "\\",
            "/*",
            "*/",
            "//",
            "#include \"",
            ".incbin "
        ])
        .prop_map(|part| part.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_bytes_make_the_scanners_panic(bytes in source_text()) {
        let file = scan_go(&bytes);
        file.constraint.eval(&|_| Tri::Unknown);
        scan_other(&bytes);
        asm_includes(&bytes);
        c_includes(&bytes);
        file_kind(&bytes);
        file_name_matches(&bytes, &|_| Tri::Unknown);
    }

    #[test]
    fn no_pattern_makes_matching_panic(pattern in "[a*?\\[\\]\\\\^/.é-]{0,12}", name in "[a/.é^-]{0,8}") {
        let tree = MemoryTree::from_txtar("-- a --\n-- aa/a --\n-- é/.a --\n-- aa/l -> .. --\n");
        let found = embed_files(&tree, &RepoPath::root(), &pattern).unwrap();
        prop_assert!(found.problem.is_some() || !found.files.is_empty());
        let matched = path_match(pattern.as_bytes(), name.as_bytes());
        // Whether a pattern is well formed does not depend on the name.
        prop_assert_eq!(matched.is_ok(), path_match(pattern.as_bytes(), b"").is_ok());
    }

    /// What is said of a file with unknown tags covers what is said whatever they turn out to be.
    #[test]
    fn unknown_covers_both_outcomes(bytes in source_text(), outcomes in any::<u64>(), unknown in any::<u64>()) {
        let bit = |bits: u64, name: &str| bits >> (name.bytes().map(u32::from).sum::<u32>() % 64) & 1 == 1;
        let decided = |name: &str| Tri::from(bit(outcomes, name));
        let partly = |name: &str| if bit(unknown, name) { Tri::Unknown } else { decided(name) };
        for constraint in [scan_go(&bytes).constraint, scan_other(&bytes)] {
            let (certain, open) = (constraint.eval(&decided), constraint.eval(&partly));
            prop_assert!(open == Tri::Unknown || open == certain);
        }
        for name in ["x_linux.go", "x_windows_arm64.go", "x_js_wasm_test.go"] {
            let (certain, open) = (file_name_matches(name.as_bytes(), &decided), file_name_matches(name.as_bytes(), &partly));
            prop_assert!(open == Tri::Unknown || open == certain);
        }
    }
}
