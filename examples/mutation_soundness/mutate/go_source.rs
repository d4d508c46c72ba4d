//! Changes in the text of Go files: bodies, constraints, imports, embed and debug directives, spelling.

use super::super::files::{File, Files, has_extension, join, split};
use super::{Found, clause, package_name, with_line};

/// Constraints to put in front of a file.
const CONSTRAINTS: [&str; 16] = [
    "linux",
    "windows",
    "!linux",
    "unix",
    "amd64",
    "arm64",
    "cgo",
    "!cgo",
    "gc",
    "race",
    "special",
    "!special",
    "go1.20",
    "go1.99",
    "ignore",
    "linux && (cgo || !cgo)",
];

/// Packages of the standard library that are small and imported anyhow.
const SMALL: [&str; 3] = ["errors", "unicode/utf8", "embed"];

pub(super) fn add(files: &Files, found: &mut Found) {
    let paths = import_paths(files);
    for (path, file) in files.iter().filter(|(path, _)| has_extension(path, "go")) {
        let Some(text) = file.text() else { continue };
        let source = Source { path, file, text };
        source.bodies(found);
        source.constraints(found);
        source.directives(found);
        source.imports(&paths, found);
        source.spelling(found);
    }
    for folder in files.folders() {
        add_embedding(files, folder, found);
    }
}

#[derive(Clone, Copy)]
struct Source<'f> {
    path: &'f str,
    file: &'f File,
    text: &'f str,
}

impl Source<'_> {
    fn add(self, found: &mut Found, kind: &'static str, how: &str, text: &str) {
        found.text(kind, self.path, self.file, how, text);
    }

    fn bodies(self, found: &mut Found) {
        let Self { path, text, .. } = self;
        let code = format!("{text}\nfunc init() {{ println(\"edited\") }}\n");
        let kind = if path.ends_with("_test.go") { "test: edit code" } else { "go: edit code" };
        self.add(found, kind, "a function", &code);
        self.add(found, "go: add whitespace", "a line in front", &format!("\n{text}"));
        self.add(found, "go: add whitespace", "a line at the end", &format!("{text}\n"));
        self.add(found, "go: add a remark", "at the end", &format!("{text}// A remark.\n"));
        if let Some(digit) = text.find(|character: char| character.is_ascii_digit() && character != '9') {
            let next = char::from(text.as_bytes()[digit] + 1);
            let changed = format!("{}{next}{}", &text[..digit], &text[digit + 1..]);
            self.add(found, "go: change a number", "the first one", &changed);
        }
        self.add(found, "go: empty a file", "all", "");
        if let Some(name) = clause(text) {
            self.add(found, "go: empty a file", "all but the clause", &format!("package {name}\n"));
        }
    }

    fn constraints(self, found: &mut Found) {
        let text = self.text;
        for constraint in CONSTRAINTS {
            self.add(found, "go: add a constraint", constraint, &format!("//go:build {constraint}\n\n{text}"));
        }
        for line in ["// +build windows", "//+build linux,special", "// +build !windows\n// +build amd64 special"] {
            self.add(found, "go: add a +build line", line, &format!("{line}\n\n{text}"));
        }
        for (number, line) in text.lines().enumerate() {
            if let Some(constraint) = line.strip_prefix("//go:build ") {
                let negated = format!("//go:build !({constraint})");
                self.add(found, "go: negate a constraint", constraint, &with_line(text, number, Some(&negated)));
                self.add(found, "go: drop a constraint", constraint, &with_line(text, number, None));
            } else if line.starts_with("// +build ") {
                self.add(found, "go: drop a constraint", line, &with_line(text, number, None));
            }
        }
        for (how, disguise) in [
            ("in a block comment", "/*\n//go:build windows\n*/\n\n"),
            ("after a block comment", "/* x */\n//go:build windows\n\n"),
            ("after a block comment, +build", "/* x */\n\n// +build windows\n\n"),
            ("in the line of a block comment", "/* x */ //go:build windows\n\n"),
            ("without a blank line", "//go:build windows\n"),
            ("without a blank line, +build", "// +build windows\n"),
            ("with a blank", "// go:build windows\n\n"),
            ("indented", " \t//go:build windows\n\n"),
            ("twice", "//go:build linux\n//go:build linux\n\n"),
            ("both kinds", "//go:build linux\n// +build windows\n\n"),
            ("broken", "//go:build ((\n\n"),
            ("with a remark", "//go:build windows // x\n\n"),
        ] {
            self.add(found, "go: disguise a constraint", how, &format!("{disguise}{text}"));
        }
        if let Some(name) = clause(text) {
            let after = text.replacen(&format!("package {name}"), &format!("package {name}\n\n//go:build windows"), 1);
            self.add(found, "go: disguise a constraint", "after the clause", &after);
        }
    }

    fn directives(self, found: &mut Found) {
        let text = self.text;
        for (number, line) in text.lines().enumerate() {
            if let Some(patterns) = line.strip_prefix("//go:embed ") {
                for changed in [
                    format!("//go:embed all:{patterns}"),
                    format!("//go:embed {patterns} *"),
                    format!("//go:embed \"{patterns}\""),
                    format!("\t//go:embed\t{patterns}"),
                    format!("// go:embed {patterns}"),
                    format!("//go:embed {patterns}/*"),
                    "//go:embed *.tx?".to_owned(),
                    "//go:embed [!.]*".to_owned(),
                ] {
                    self.add(found, "go: change an embed", &changed, &with_line(text, number, Some(&changed)));
                }
                self.add(found, "go: drop an embed", patterns, &with_line(text, number, None));
            }
            if line.starts_with("//go:debug ") {
                self.add(found, "go: drop a debug line", line, &with_line(text, number, None));
            }
        }
        for setting in ["panicnil=1", "http2client=0", "default=go1.21"] {
            let debug = format!("//go:debug {setting}\n\n{text}");
            self.add(found, "go: add a debug line", setting, &debug);
        }
        self.add(found, "go: add a generate line", "at the end", &format!("{text}\n//go:generate false\n"));
    }

    fn imports(self, paths: &[String], found: &mut Found) {
        let text = self.text;
        let Some(name) = clause(text) else { return };
        let package = format!("package {name}\n");
        let mut after_clause = |kind: &'static str, what: &str, line: &str| {
            let changed = text.replacen(&package, &format!("{package}\n{line}\n"), 1);
            found.text(kind, self.path, self.file, what, &changed);
        };
        for import in SMALL {
            after_clause("go: import the standard library", import, &format!("import _ \"{import}\""));
        }
        for import in paths {
            after_clause("go: import a package", import, &format!("import _ \"{import}\""));
        }
        for line in ["import \"C\"", "import _ \"no/such\"", "import _ \"unsafe\"", "import _ \"./x\""] {
            after_clause("go: import what is special", line, line);
        }
        for (number, line) in text.lines().enumerate() {
            let trimmed = line.trim();
            let is_import = trimmed.starts_with("import ") || line.starts_with('\t');
            let quoted = trimmed.split('"').nth(1).filter(|_| is_import && trimmed.ends_with('"'));
            if let Some(import) = quoted {
                self.add(found, "go: drop an import", import, &with_line(text, number, None));
                let blank = line.replacen('"', "_ \"", usize::from(!line.contains("_ \"")));
                self.add(found, "go: respell an import", "blank", &with_line(text, number, Some(&blank)));
                let raw = with_line(text, number, Some(&line.replace('"', "`")));
                self.add(found, "go: respell an import", "raw", &raw);
                let late = format!("{}\nvar _ = 0\n\n{}\n", with_line(text, number, None), trimmed);
                self.add(found, "go: respell an import", "late", &late);
            }
        }
        let renamed = text.replacen(&package, "package other\n", 1);
        self.add(found, "go: rename the package", "other", &renamed);
        let documentation = text.replacen(&package, "package documentation\n", 1);
        self.add(found, "go: rename the package", "documentation", &documentation);
    }

    fn spelling(self, found: &mut Found) {
        let text = self.text;
        self.add(found, "go: respell a file", "CRLF", &text.replace('\n', "\r\n"));
        self.add(found, "go: respell a file", "byte order mark", &format!("\u{feff}{text}"));
        self.add(found, "go: respell a file", "leading block", &format!("/* one\ntwo */\n\n{text}"));
        self.add(found, "go: break a file", "end", &format!("{text}\nfunc {{\n"));
        self.add(found, "go: break a file", "start", &format!("x\n{text}"));
        self.add(found, "go: break a file", "comment", &format!("/* {text}"));
        self.add(found, "go: break a file", "NUL", &format!("{text}\0"));
    }
}

/// New files that embed what lies in their folder.
fn add_embedding(files: &Files, folder: &str, found: &mut Found) {
    let Some(package) = package_name(files, folder) else { return };
    let names = files.iter().filter(|(path, _)| split(path).0 == folder).map(|(path, _)| split(path).1);
    let folders = files.folders().into_iter().filter(|dir| !dir.is_empty() && split(dir).0 == folder);
    let folders: Vec<&str> = folders.map(|dir| split(dir).1).collect();
    for name in names.chain(folders).chain(["*", "*/*", "go.mod"]) {
        let text = format!(
            "package {package}\n\nimport \"embed\"\n\n//go:embed {name}\nvar zzFiles embed.FS\n\n\
             func init() {{ entries, _ := zzFiles.ReadDir(\".\"); println(len(entries)) }}\n"
        );
        let path = join(folder, "zz_embeds.go");
        if files.get(&path).is_none() {
            found.add("go: add an embedding file", format!("{path}: {name}"), vec![(path, Some(File::regular(text)))]);
        }
    }
}

/// What packages of the tree may be imported as, going by the module lines and the folder replacements.
fn import_paths(files: &Files) -> Vec<String> {
    let mut roots: Vec<(String, String)> = Vec::new();
    for (path, file) in files.iter() {
        let (folder, name) = split(path);
        for line in file.text().filter(|_| matches!(name, "go.mod" | "go.work")).into_iter().flat_map(str::lines) {
            let line = line.trim().trim_start_matches("replace ");
            if let Some(module) = line.strip_prefix("module ") {
                roots.push((module.trim().to_owned(), folder.to_owned()));
            } else if let Some((module, target)) = line.split_once(" => .") {
                let module = module.split_whitespace().next().unwrap_or_default();
                // `./x` from here, `../x` from the folder above.
                let target = target.trim_start_matches(['.', '/']);
                roots.extend([folder, split(folder).0].map(|from| (module.to_owned(), join(from, target))));
            }
        }
    }
    let mut paths = Vec::new();
    for (module, root) in roots {
        for (path, _) in files.below(&root).filter(|(path, _)| has_extension(path, "go")) {
            paths.push(join(&module, split(path).0).trim_end_matches('/').to_owned());
        }
    }
    paths.sort_unstable();
    paths.dedup();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_imported_by_the_names_that_modules_and_replacements_give_them() {
        let files = Files::from_txtar(
            "-- app/go.mod --\nmodule ex.io/app\nreplace ex.io/lib => ../lib\n-- app/main.go --\npackage main\n\
             -- lib/go.mod --\nmodule other\n-- lib/a/a.go --\npackage a\n",
        );
        assert_eq!(import_paths(&files), ["ex.io/app", "ex.io/lib/a", "other/a"]);
    }
}
