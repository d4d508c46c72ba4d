//! Modules that are not in the repository: what their packages import, and where that is known from.
//!
//! Their files are covered by one hash each, so all that has to be known of a package is what it imports, and under
//! which condition. Nothing here opens a module; [`ExternalModules`] is asked.

pub mod lock_file;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::go::mode::is_toolchain_import;
use crate::go::modfile::ModuleVersion;
use crate::go::mvs::ExternalGoMod;
use crate::go::package::ImportUse;
use crate::go::source::{Constraint, FileKind, Target, Tri, file_kind, file_name_constraint, scan_go};

/// What is known of the modules outside the repository: a lock file, or a module cache.
pub trait ExternalModules: Sync {
    /// What the go.mod of a module says, and its hash (`h1:…`).
    fn go_mod(&self, module: &ModuleVersion) -> Option<(Arc<ExternalGoMod>, Arc<str>)>;

    /// The hash of a module's files (`h1:…`).
    fn sum(&self, module: &ModuleVersion) -> Option<Arc<str>>;

    /// The package in a folder of a module; `below` is relative to the module's root and empty for the root itself.
    fn package(&self, module: &ModuleVersion, below: &str) -> ExternalFolder;
}

/// What a folder of an external module holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExternalFolder {
    /// It is not known.
    Unknown,
    /// No Go files: it provides no package.
    Empty,
    /// This folder at or above it does not exist, so neither does anything in it.
    Absent(String),
    /// A package.
    Package(Arc<ExternalImports>),
}

/// What a package imports, less what only the toolchain can provide.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExternalImports {
    /// By condition, sorted by its text; first what is imported in any case.
    pub by_condition: Vec<ConditionalImports>,
}

/// Imports of the files that share a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionalImports {
    /// When the files belong to the build.
    pub condition: Constraint,
    /// The import paths, sorted.
    pub paths: Vec<Arc<str>>,
}

impl ExternalImports {
    /// Reads the files of a folder, each with its name and text; `None` if none provides a package (`fsys.IsGoDir`).
    pub fn of_files<'f>(files: impl IntoIterator<Item = (&'f [u8], &'f [u8])>) -> Option<Self> {
        let mut provides = false;
        let mut by_text: BTreeMap<String, (Constraint, BTreeSet<Arc<str>>)> = BTreeMap::new();
        for (name, text) in files {
            provides |= name.ends_with(b".go");
            if file_kind(name) != Some(FileKind::Go) || name.ends_with(b"_test.go") {
                continue;
            }
            let header = scan_go(text);
            let paths = header.imports.iter().map(|import| &import.path[..]).filter(|path| !is_toolchain_import(path));
            let mut paths = paths.peekable();
            if paths.peek().is_none() || header.package.as_deref() == Some("documentation") {
                continue;
            }
            let mut condition = file_name_constraint(name).and(valid(header.constraint));
            if header.imports_c {
                condition = condition.and(Constraint::parse_go_build("cgo"));
            }
            let condition = as_shown(&condition);
            let known = by_text.entry(condition.to_string()).or_insert_with(|| (condition, BTreeSet::new()));
            known.1.extend(paths.map(Arc::from));
        }
        provides.then(|| Self::new(by_text.into_values()))
    }

    /// Leaves out what is repeated: under a condition, that which is imported in any case.
    fn new(groups: impl Iterator<Item = (Constraint, BTreeSet<Arc<str>>)>) -> Self {
        let mut by_condition: Vec<ConditionalImports> = Vec::new();
        for (condition, mut paths) in groups {
            if let Some(always) = by_condition.first().filter(|first| first.condition == Constraint::Always) {
                paths.retain(|path| always.paths.binary_search(path).is_err());
            }
            if !paths.is_empty() {
                by_condition.push(ConditionalImports { condition, paths: paths.into_iter().collect() });
            }
        }
        Self { by_condition }
    }

    /// What is imported when building for a target, sorted, each path once.
    pub fn uses(&self, target: &Target) -> Vec<ImportUse> {
        let mut uses: BTreeMap<&Arc<str>, bool> = BTreeMap::new();
        for group in &self.by_condition {
            let verdict = group.condition.eval(&|tag| target.tag(tag));
            if verdict == Tri::False {
                continue;
            }
            for path in &group.paths {
                *uses.entry(path).or_default() |= verdict == Tri::True;
            }
        }
        uses.into_iter().map(|(path, certain)| ImportUse { path: Arc::clone(path), certain }).collect()
    }
}

/// A constraint that Go refuses says nothing about when the file counts.
fn valid(constraint: Constraint) -> Constraint {
    match constraint {
        Constraint::Invalid(_) => Constraint::Always,
        constraint => constraint,
    }
}

/// A condition as it reads once it was written down; what is too large for that counts in any case.
fn as_shown(condition: &Constraint) -> Constraint {
    match condition {
        Constraint::Always => Constraint::Always,
        condition => valid(Constraint::parse_go_build(&condition.to_string())),
    }
}

/// A module outside the repository as one build uses it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExternalModule {
    /// Its path as imports see it, and the version that was selected.
    pub module: ModuleVersion,
    /// What replaces it, if anything does. It may be the module itself: programs record that too.
    pub replacement: Option<ModuleVersion>,
    /// The hash of those files.
    pub sum: Arc<str>,
    /// Whether go.sum vouches for them, where Go asks for that (not in a workspace).
    pub is_summed: bool,
}

impl ExternalModule {
    /// The module whose files are used: itself, or what replaces it.
    pub fn actual(&self) -> &ModuleVersion {
        self.replacement.as_ref().unwrap_or(&self.module)
    }
}

/// A package of such a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalPackage {
    /// The module.
    pub module: Arc<ExternalModule>,
    /// What the package imports.
    pub imports: Arc<ExternalImports>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(files: &[(&str, &str)], expected: &str) {
        let files = files.iter().map(|(name, text)| (name.as_bytes(), text.as_bytes()));
        let shown = ExternalImports::of_files(files).map(|imports| {
            let groups = imports.by_condition.iter();
            let group = |group: &ConditionalImports| format!("[{}] {}", group.condition, group.paths.join(" "));
            groups.map(group).collect::<Vec<_>>().join(" ")
        });
        assert_eq!(shown.as_deref().unwrap_or("no package"), expected);
    }

    #[test]
    fn imports_are_grouped_by_the_condition_of_name_and_text() {
        let files = [
            ("a.go", "package p\nimport (\"fmt\"; \"x.io/a\")\n"),
            ("b_linux.go", "//go:build !cgo || go1.22\n\npackage p\nimport (\"x.io/a\"; \"x.io/b\")\n"),
            ("c.go", "package p\nimport \"C\"\nimport \"x.io/c\"\n"),
            ("d_linux_arm64_test.go", "package p\nimport \"x.io/test\"\n"),
            ("e.go", "package documentation\nimport \"x.io/doc\"\n"),
        ];
        check(&files, "[] x.io/a [cgo] x.io/c [linux&&(!cgo||go1.22)] x.io/b");
    }

    #[test]
    fn a_folder_whose_only_go_files_are_hidden_or_tests_is_a_package_without_imports() {
        check(&[("_x.go", "package p\nimport \"x.io/a\"\n")], "");
        check(&[("x_test.go", "package p\n")], "");
        check(&[("README.md", "")], "no package");
    }

    #[test]
    fn a_condition_that_is_too_large_for_one_line_counts_as_none() {
        let file = |lines: usize| {
            let line = format!("// +build {}\n", vec!["x"; 100].join(" "));
            line.repeat(lines) + "\npackage p\nimport \"x.io/a\"\n"
        };
        assert!(matches!(scan_go(file(10).as_bytes()).constraint, Constraint::Expression(_)));
        check(&[("a.go", &file(10))], "[] x.io/a");
        let one = vec!["x"; 100].join("||");
        check(&[("a.go", &file(1))], &format!("[{one}] x.io/a"));
        check(&[("a.go", &file(2))], &format!("[({one})&&({one})] x.io/a"));
    }

    #[test]
    fn a_target_takes_what_may_hold() {
        let text = "//go:build windows || mine\n\npackage p\nimport \"x.io/a\"\n";
        let imports = ExternalImports::of_files([(&b"a.go"[..], text.as_bytes())]).unwrap();
        let mut target = Target::new("linux", "amd64");
        assert!(imports.uses(&target).is_empty());
        target.all_tags_unknown = true;
        assert!(!imports.uses(&target)[0].certain);
        assert!(imports.uses(&Target::new("windows", "amd64"))[0].certain);
    }
}
