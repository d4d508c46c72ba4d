//! Turns the text of vendor/modules.txt into the modules and packages that it lists. Whether it agrees with go.mod is
//! not asked here.
//!
//! The rules are those of `readVendorList` and `modulesTextIsForWorkspace` in `cmd/go/internal/modload`.

use std::collections::BTreeMap;

use super::import_path::is_import_path;
use super::module_version::ModuleVersion;
use super::problem::{Position, Problem, Problems, quote};
use super::replace::ReplaceTarget;
use super::semver;

/// As much of the first line as `go` looks at, in bytes.
const MARKER_LENGTH: usize = 512;

/// A vendor/modules.txt file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModulesTxt {
    /// Whether the first line marks the folder as one for a workspace.
    pub workspace: bool,
    /// The modules in file order, each (path, version) once.
    pub modules: Vec<VendoredModule>,
    /// The lines that `go` passes over because it does not understand them.
    pub problems: Vec<Problem>,
}

/// `# path version [=> replacement]` and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendoredModule {
    /// The module; the version is empty for a `replace` of every version.
    pub module: ModuleVersion,
    /// What the module was replaced with.
    pub replacement: Option<ReplaceTarget>,
    /// Whether a main module requires it in so many words.
    pub explicit: bool,
    /// The version of the module's `go` line.
    pub go: Option<String>,
    /// The import paths of its vendored packages, in file order. A package is listed in one module only, the last that
    /// claims it.
    pub packages: Vec<String>,
}

impl ModulesTxt {
    /// Reads a vendor/modules.txt file. Nothing in it is an error to `go`.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut reader = Reader::default();
        for (line, number) in bytes.split(|byte| *byte == b'\n').zip(1..) {
            reader.line(&String::from_utf8_lossy(line), Position::start_of_line(number));
        }
        reader.assign_packages();
        Self { workspace: has_workspace_marker(bytes), modules: reader.modules, problems: reader.problems.into_vec() }
    }
}

fn has_workspace_marker(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(MARKER_LENGTH)];
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or(start);
    let line = String::from_utf8_lossy(line);
    line.strip_prefix("## ").is_some_and(|entries| entries.split(';').any(|entry| entry.trim() == "workspace"))
}

#[derive(Debug, Default)]
struct Reader {
    modules: Vec<VendoredModule>,
    index: BTreeMap<ModuleVersion, usize>,
    /// The module that annotations and packages belong to.
    current: Option<usize>,
    /// Packages with the position of their first mention and their (last) module.
    packages: BTreeMap<String, (usize, usize)>,
    problems: Problems,
}

impl Reader {
    fn line(&mut self, line: &str, at: Position) {
        if line.starts_with("# ") {
            self.module(line, at);
        } else if let Some(annotations) = line.strip_prefix("## ") {
            if let Some(module) = self.current.and_then(|current| self.modules.get_mut(current)) {
                annotate(module, annotations);
            }
        } else {
            self.package(line, at);
        }
    }

    fn module(&mut self, line: &str, at: Position) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (path, version, replacement) = match fields[..] {
            // Go goes on with the module before: nothing else in the file belongs to such a line.
            [] | [_] | [_, _] => {
                self.problems.report(at, format!("module line {} has no version", quote(line.as_bytes())));
                return;
            }
            [_, path, ref replacement @ ..] if replacement.first() == Some(&"=>") => (path, "", replacement),
            [_, path, version, ref replacement @ ..] => (path, version, replacement),
        };
        if !version.is_empty() && !semver::is_valid(version) {
            self.problems.report(at, format!("{} is not a version", quote(version.as_bytes())));
            self.current = None;
            return;
        }
        let current = self.enter(ModuleVersion { path: path.to_owned(), version: version.to_owned() });
        let target = match *replacement {
            ["=>", folder] => ReplaceTarget::Folder(folder.to_owned()),
            ["=>", path, version] if semver::is_valid(version) => {
                ReplaceTarget::Module(ModuleVersion { path: path.to_owned(), version: version.to_owned() })
            }
            [] => return,
            _ => {
                self.problems
                    .report(at, format!("module line {} ends in a malformed replacement", quote(line.as_bytes())));
                return;
            }
        };
        if let Some(module) = self.modules.get_mut(current) {
            module.replacement = Some(target);
        }
    }

    /// Makes a module the current one, listing it if it is new.
    fn enter(&mut self, module: ModuleVersion) -> usize {
        let next = self.modules.len();
        let current = *self.index.entry(module).or_insert_with_key(|module| {
            let module = module.clone();
            self.modules.push(VendoredModule {
                module,
                replacement: None,
                explicit: false,
                go: None,
                packages: vec![],
            });
            next
        });
        self.current = Some(current);
        current
    }

    fn package(&mut self, line: &str, at: Position) {
        let name = line.trim();
        if name.is_empty() {
            return;
        }
        if !is_import_path(name) {
            self.problems.report(at, format!("{} is not an import path", quote(name.as_bytes())));
        } else if let Some(current) = self.current {
            let next = self.packages.len();
            self.packages.entry(name.to_owned()).or_insert((next, current)).1 = current;
        } else {
            self.problems.report(at, format!("package {} has no module line above it", quote(name.as_bytes())));
        }
    }

    /// Lists every package in its module, in file order.
    fn assign_packages(&mut self) {
        let mut packages: Vec<_> = std::mem::take(&mut self.packages).into_iter().collect();
        packages.sort_by_key(|(_, (position, _))| *position);
        for (name, (_, module)) in packages {
            if let Some(module) = self.modules.get_mut(module) {
                module.packages.push(name);
            }
        }
    }
}

fn annotate(module: &mut VendoredModule, annotations: &str) {
    for entry in annotations.split(';').map(str::trim) {
        if entry == "explicit" {
            module.explicit = true;
        } else if let Some(version) = entry.strip_prefix("go ") {
            module.go = Some(version.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each module as one line, and the problems.
    #[track_caller]
    fn check(input: &str, expected: &[&str], expected_problems: &[&str]) {
        let file = ModulesTxt::parse(input.as_bytes());
        let shown: Vec<_> = file.modules.iter().map(show).collect();
        assert_eq!(shown, expected);
        let problems: Vec<_> = file.problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems, expected_problems);
    }

    fn show(module: &VendoredModule) -> String {
        let replacement = match &module.replacement {
            None => String::new(),
            Some(ReplaceTarget::Folder(folder)) => format!(" => {folder}"),
            Some(ReplaceTarget::Module(target)) => format!(" => {target}"),
        };
        let explicit = if module.explicit { " explicit" } else { "" };
        let go = module.go.as_ref().map(|go| format!(" go {go}")).unwrap_or_default();
        format!("{}{replacement}{explicit}{go}: {}", module.module, module.packages.join(" "))
    }

    #[test]
    fn modules_have_annotations_and_packages() {
        check(
            "# ex.io/a v1.0.0\n## explicit; go 1.20\nex.io/a\nex.io/a/b\n\
             # ex.io/c v1.2.0 => ./c\n## explicit\nex.io/c\n\
             # ex.io/d v1.0.0 => ex.io/e v1.1.0\r\n## go 1.16; future\r\nex.io/d\r\n\
             # ex.io/f v0.1.0\n\
             # ex.io/c => ./c\n# ex.io/g => ex.io/h v1.0.0\n",
            &[
                "ex.io/a@v1.0.0 explicit go 1.20: ex.io/a ex.io/a/b",
                "ex.io/c@v1.2.0 => ./c explicit: ex.io/c",
                "ex.io/d@v1.0.0 => ex.io/e@v1.1.0 go 1.16: ex.io/d",
                "ex.io/f@v0.1.0: ",
                "ex.io/c => ./c: ",
                "ex.io/g => ex.io/h@v1.0.0: ",
            ],
            &[],
        );
    }

    #[test]
    fn lines_about_one_module_are_united_and_the_last_claim_of_a_package_counts() {
        check(
            "# a.io/a v1.0.0\n## explicit\na.io/p\na.io/q\n# a.io/b v1.0.0\na.io/p\n# a.io/a v1.0.0 => ./a\n## go 1.20\na.io/r\na.io/q\n",
            &["a.io/a@v1.0.0 => ./a explicit go 1.20: a.io/q a.io/r", "a.io/b@v1.0.0: a.io/p"],
            &[],
        );
    }

    #[test]
    fn lines_that_go_passes_over_are_reported() {
        check(
            "a.io/x\n# a.io/a v1.0.0 => b v1 c\n# a.io/z\na.io/p\n## explicit\n# a.io/b main\na.io/q\n## explicit\n# a.io/c v1 =>\nnot a path\n",
            &["a.io/a@v1.0.0 explicit: a.io/p", "a.io/c@v1: "],
            &[
                "1:1: package `a.io/x` has no module line above it",
                "2:1: module line `# a.io/a v1.0.0 => b v1 c` ends in a malformed replacement",
                "3:1: module line `# a.io/z` has no version",
                "6:1: `main` is not a version",
                "7:1: package `a.io/q` has no module line above it",
                "9:1: module line `# a.io/c v1 =>` ends in a malformed replacement",
                "10:1: `not a path` is not an import path",
            ],
        );
    }

    #[track_caller]
    fn check_workspace(input: &str, expected: bool) {
        assert_eq!(ModulesTxt::parse(input.as_bytes()).workspace, expected, "{input}");
    }

    #[test]
    fn the_first_line_marks_a_workspace() {
        check_workspace("## workspace\n# a v1.0.0\n", true);
        check_workspace("## other;  workspace\r\n", true);
        check_workspace("## workspace", true);
        check_workspace("##workspace\n", false);
        check_workspace("# a v1.0.0\n## workspace\n", false);
        check_workspace("", false);
        check_workspace(&format!("## {};workspace\n", "x".repeat(600)), false);
    }
}
