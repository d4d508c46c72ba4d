//! Changes in go.mod, go.work, go.sum and modules.txt: every line gone, doubled or altered, and new ones.

use super::super::files::{File, Files, has_extension, join, split};
use super::{Found, Material, with_line};

/// Lines that a go.mod or go.work may have, each with the kind of change that adding it is.
const LINES: [(&str, &str); 20] = [
    ("module: add a remark", "// A remark."),
    ("module: add whitespace", ""),
    ("module: add godebug", "godebug panicnil=1"),
    ("module: add godebug", "godebug http2client=1"),
    ("module: add godebug", "godebug default=go1.21"),
    ("module: add toolchain", "toolchain go1.22.0"),
    ("module: add toolchain", "toolchain default"),
    ("module: add exclude", "exclude ext.io/z v1.2.0"),
    ("module: add exclude", "exclude ext.io/nobody v1.0.0"),
    ("module: add retract", "retract v0.9.0"),
    ("module: add tool", "tool ex.io/none/tool"),
    ("module: add ignore", "ignore ./cmd"),
    ("module: add ignore", "ignore internal"),
    ("module: add replace", "replace ext.io/nobody => ./nowhere"),
    ("module: add replace", "replace ext.io/z => ./local"),
    ("module: add replace", "replace ext.io/z => ext.io/fork v1.0.0"),
    ("module: add replace", "replace ext.io/z v1.2.0 => ext.io/fork v1.0.0"),
    ("module: add require", "require ext.io/z v1.5.0"),
    ("module: add require", "require ext.io/nobody v1.0.0"),
    ("module: add use", "use ."),
];

/// Language versions on both sides of every border that means something.
const VERSIONS: [&str; 12] =
    ["1.13", "1.16", "1.17", "1.20", "1.21", "1.21.1", "1.22", "1.22.3", "1.23", "1.24", "1.25rc1", "1.99"];

pub(super) fn add(files: &Files, material: &Material, found: &mut Found) {
    for (path, file) in files.iter() {
        let Some(text) = file.text() else { continue };
        let lines = Lines { path, file, text };
        match split(path).1 {
            "go.mod" | "go.work" => lines.directives(material, found),
            name if has_extension(name, "mod") => lines.directives(material, found),
            "go.sum" | "go.work.sum" => lines.sums(found),
            "modules.txt" => lines.vendored(found),
            _ => {}
        }
    }
    for folder in files.folders() {
        add_files(files, folder, found);
    }
}

fn add_files(files: &Files, folder: &str, found: &mut Found) {
    let file = |text: &str| File::regular(text);
    for text in ["module nested.io/x\n\ngo 1.22\n", "module nested.io/x\n", ""] {
        found.new_file("module: add a go.mod", files, &join(folder, "go.mod"), file(text));
    }
    let is_module = files.get(&join(folder, "go.mod")).is_some();
    if !is_module && !folder.is_empty() {
        return;
    }
    for text in ["go 1.24\n\nuse .\n", "go 1.22\n"] {
        found.new_file("module: add a go.work", files, &join(folder, "go.work"), file(text));
    }
    found.new_file("module: add a go.sum", files, &join(folder, "go.sum"), file("ext.io/q v1.0.0 h1:x=\n"));
    found.new_file("module: add a go.work.sum", files, &join(folder, "go.work.sum"), file(""));
    for text in ["", "## workspace\n", "# ext.io/z v1.2.0\n## explicit; go 1.20\next.io/z\n"] {
        found.new_file("module: add vendor", files, &join(folder, "vendor/modules.txt"), file(text));
    }
    found.new_file("module: add vendor", files, &join(folder, "vendor/ext.io/z/z.go"), file("package z\n"));
    found.new_file("module: add vendor", files, &join(folder, "vendor/readme"), file(""));
}

#[derive(Clone, Copy)]
struct Lines<'f> {
    path: &'f str,
    file: &'f File,
    text: &'f str,
}

impl Lines<'_> {
    fn add(self, found: &mut Found, kind: &'static str, how: &str, text: &str) {
        found.text(kind, self.path, self.file, how, text);
    }

    fn directives(self, material: &Material, found: &mut Found) {
        let text = self.text;
        for (kind, line) in LINES {
            self.add(found, kind, line, &format!("{text}\n{line}\n"));
        }
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let mut replace = |kind: &'static str, new: &str| {
                self.add(found, kind, &format!("{:?} to {new:?}", line.trim()), &with_line(text, number, Some(new)));
            };
            replace("module: comment a line out", &format!("// {line}"));
            replace("module: append a remark", &format!("{line} // indirect"));
            for changed in other_versions(line, material) {
                replace("module: change a version", &changed);
            }
            for changed in other_folders(line) {
                replace("module: change a folder", &changed);
            }
            for changed in respelled(line) {
                replace("module: respell a line", &changed);
            }
            match line.split_whitespace().next() {
                Some("go") => {
                    for version in VERSIONS {
                        replace("module: change go", &format!("go {version}"));
                    }
                }
                Some("module") => replace("module: rename", &format!("{line}x")),
                Some("godebug") => replace("module: change godebug", "godebug http2client=1"),
                Some("toolchain") => replace("module: change toolchain", "toolchain go1.25.0"),
                _ => {}
            }
            self.add(found, "module: drop a line", line.trim(), &with_line(text, number, None));
            self.add(found, "module: repeat a line", line.trim(), &format!("{text}\n{line}\n"));
        }
        self.add(found, "module: respell a file", "CRLF", &text.replace('\n', "\r\n"));
        let reversed: String = text
            .split("\n\n")
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .fold(String::new(), |all, part| format!("{all}{}\n\n", part.trim_end()));
        self.add(found, "module: reorder", "last block first", &reversed);
        self.add(found, "module: break a file", "nonsense", &format!("{text}\nnonsense (\n"));
    }

    fn sums(self, found: &mut Found) {
        let text = self.text;
        for (number, line) in text.lines().enumerate() {
            self.add(found, "sum: drop a line", line, &with_line(text, number, None));
            let forged: String = line.chars().rev().skip(8).collect::<Vec<_>>().into_iter().rev().collect();
            let forged = format!("{forged}AAAAAAA=");
            self.add(found, "sum: alter a hash", line, &with_line(text, number, Some(&forged)));
            self.add(found, "sum: repeat a line", line, &format!("{text}{line}\n"));
        }
        let unused = "ext.io/nobody v1.0.0 h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
        self.add(found, "sum: add an unused line", "at the end", &format!("{text}{unused}"));
        self.add(found, "sum: add an unused line", "in front", &format!("{unused}{text}"));
        self.add(found, "sum: empty", "all", "");
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        lines.reverse();
        self.add(found, "sum: reorder", "backwards", &lines.concat());
    }

    fn vendored(self, found: &mut Found) {
        let text = self.text;
        for (number, line) in text.lines().enumerate() {
            self.add(found, "vendor: drop a line", line, &with_line(text, number, None));
            if let Some((before, _)) = line.split_once("; go ") {
                for version in ["1.16", "1.20", "1.22"] {
                    let changed = format!("{before}; go {version}");
                    self.add(found, "vendor: change go", &changed, &with_line(text, number, Some(&changed)));
                }
                self.add(found, "vendor: change go", before, &with_line(text, number, Some(before)));
            }
            if let Some((before, _)) = line.split_once(" v") {
                let changed = format!("{before} v9.9.9");
                self.add(found, "vendor: change a version", &changed, &with_line(text, number, Some(&changed)));
            }
        }
        self.add(found, "vendor: add a line", "workspace", &format!("## workspace\n{text}"));
        self.add(found, "vendor: add a line", "remark", &format!("{text}## remark\n"));
        let extra = "# ext.io/extra v1.0.0\n## explicit; go 1.20\next.io/extra\n";
        self.add(found, "vendor: add a line", "extra", &format!("{text}{extra}"));
    }
}

/// The line with other versions of the external modules that it names, or of none in particular.
fn other_versions(line: &str, material: &Material) -> Vec<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut changed = Vec::new();
    for pair in words.windows(2) {
        let [module, version] = pair else { continue };
        let is_version = version.starts_with('v') && version.contains('.');
        if !is_version {
            continue;
        }
        let others = material.versions.iter().filter_map(|known| known.strip_prefix(module)?.strip_prefix('@'));
        for other in others.chain(["v0.0.1"]).filter(|other| other != version) {
            changed.push(line.replacen(&format!("{module} {version}"), &format!("{module} {other}"), 1));
        }
    }
    changed
}

/// The line with its folder spelled otherwise, or with another one in its place.
fn other_folders(line: &str) -> Vec<String> {
    let Some(folder) = line.split_whitespace().last().filter(|word| word.starts_with('.')) else { return Vec::new() };
    let (before, folder) = (line.strip_suffix(folder).unwrap_or_default(), folder.to_owned());
    let others = [
        format!("{folder}/"),
        format!("{folder}/../{}", split(&folder).1),
        format!("\"{folder}\""),
        format!("{folder}x"),
        "./local".to_owned(),
        "../lib".to_owned(),
    ];
    others.into_iter().map(|other| format!("{before}{other}")).collect()
}

/// The line with the same meaning, or nearly.
fn respelled(line: &str) -> Vec<String> {
    let mut changed = vec![format!("\t {line}\t"), line.replacen(' ', "  ", 1)];
    for word in line.split_whitespace().filter(|word| !matches!(*word, "=>" | "(" | ")")) {
        changed.push(line.replacen(word, &format!("\"{word}\""), 1));
        changed.push(line.replacen(word, &format!("`{word}`"), 1));
    }
    if let Some((verb, rest)) = line.split_once(' ').filter(|_| !line.starts_with('\t') && !line.ends_with('(')) {
        changed.push(format!("{verb} (\n\t{rest}\n)"));
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_exchanged_for_known_ones() {
        let material = Material { versions: vec!["a.b/c@v1.0.0".into(), "a.b/c@v1.1.0".into()], ..Material::default() };
        assert_eq!(other_versions("\ta.b/c v1.0.0", &material), ["\ta.b/c v1.1.0", "\ta.b/c v0.0.1"]);
        assert!(other_versions("go 1.22", &material).is_empty());
    }

    #[test]
    fn folders_and_verbs_are_respelled() {
        assert_eq!(other_folders("use ./a")[..3], ["use ./a/", "use ./a/../a", "use \"./a\""]);
        assert_eq!(respelled("use ./a").last().unwrap(), "use (\n\t./a\n)");
        assert!(respelled("use ./a").contains(&"use `./a`".to_owned()));
    }
}
