//! Turns a folder and a target into a package: which files are compiled, what they import and embed.
//!
//! It evaluates build constraints in three values: a file that may be part of the package is part of it, and the
//! package says so. It never looks outside the folder and never reports an error: what Go refuses is a problem in the
//! value.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::go::folder::{GoFolder, SourceContent, SourceFile};
use crate::go::source::{Constraint, FileKind, GoFile, Target, Tri, file_name_matches};
use crate::repo::{Digest, Hasher};

/// What a folder is to `go build` for one target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Package {
    /// The package clause of the first file; `None` without Go files.
    pub name: Option<String>,
    /// The files that are compiled, linked or hashed by `go build`: indexes into the folder's files.
    pub files: Vec<usize>,
    /// Test files, in-package and external ones: indexes into the folder's files.
    pub test_files: Vec<usize>,
    /// What the compiled files import, sorted, each path once.
    pub imports: Vec<ImportUse>,
    /// What the test files import, sorted, each path once.
    pub test_imports: Vec<ImportUse>,
    /// Files whose part in the package cannot be told; they are in `files`. Indexes into the folder's files.
    pub uncertain: Vec<usize>,
    /// What Go would refuse or what could not be read, with the file's name in front.
    pub problems: Vec<String>,
    /// A digest of the files in use: names, kinds, identities, and what they embed.
    pub content: Option<Digest>,
    /// The same for the test files.
    pub test_content: Option<Digest>,
}

/// One import path of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportUse {
    /// The path.
    pub path: Arc<str>,
    /// Whether a file that is certainly part of the package imports it.
    pub certain: bool,
}

impl Package {
    /// Selects the files of `folder` (go/build `Context.Import` and `matchFile`).
    pub fn select(folder: &GoFolder, target: &Target) -> Self {
        let tag = |name: &str| target.tag(name);
        let mut selection =
            Selection { files: Vec::new(), test_files: Vec::new(), has_cgo: Tri::False, problems: Vec::new() };
        for (index, file) in folder.files.iter().enumerate() {
            let by_name = file_name_matches(&file.name, &tag);
            if by_name == Tri::False {
                continue;
            }
            let verdict = by_name.and(constraint_of(file).eval(&tag));
            if verdict != Tri::False {
                selection.add(index, file, verdict, target);
            }
        }
        selection.finish(folder, target)
    }

    /// Whether this is a program: package `main` with at least one non-test Go file.
    pub fn is_main(&self) -> bool {
        self.name.as_deref() == Some("main")
    }
}

fn constraint_of(file: &SourceFile) -> &Constraint {
    match &file.content {
        SourceContent::Go { header, .. } => &header.constraint,
        SourceContent::Other { constraint, .. } => constraint,
        SourceContent::Opaque { .. } => &Constraint::Always,
    }
}

/// The files that passed their constraints, before the rules that need to know all of them.
struct Selection {
    files: Vec<(usize, Tri)>,
    test_files: Vec<usize>,
    /// Whether any cgo file is selected: the strongest verdict met.
    has_cgo: Tri,
    problems: Vec<String>,
}

impl Selection {
    fn add(&mut self, index: usize, file: &SourceFile, verdict: Tri, target: &Target) {
        if let Some(problem) = problem_of(file) {
            self.problems.push(format!("{}: {problem}", String::from_utf8_lossy(&file.name)));
        }
        let SourceContent::Go { header, .. } = &file.content else {
            self.files.push((index, verdict));
            return;
        };
        // go/build ignores such files whole: they hold nothing but documentation.
        if header.package.as_deref() == Some("documentation") {
            return;
        }
        let verdict = if header.imports_c { verdict.and(target.cgo) } else { verdict };
        match verdict {
            Tri::False => {}
            _ if file.is_test => self.test_files.push(index),
            _ => {
                if header.imports_c {
                    self.has_cgo = self.has_cgo.or(verdict);
                }
                self.files.push((index, verdict));
            }
        }
    }

    fn finish(self, folder: &GoFolder, target: &Target) -> Package {
        let Self { mut files, test_files, has_cgo, problems } = self;
        files.retain_mut(|(index, verdict)| {
            *verdict = verdict.and(language_verdict(folder.files[*index].kind, target.cgo, has_cgo));
            *verdict != Tri::False
        });
        let mut package = Package { test_files, problems, ..Package::default() };
        let header = |index: usize| header_of(&folder.files[index]);
        // Go takes the name from the first file by name; a file that may not be there must not decide it alone.
        let named = |wanted: Tri| {
            files
                .iter()
                .filter(|(_, verdict)| *verdict == wanted)
                .find_map(|(index, _)| header(*index)?.package.clone())
        };
        package.name = named(Tri::True).or_else(|| named(Tri::Unknown));
        package.uncertain =
            files.iter().filter(|(_, verdict)| *verdict == Tri::Unknown).map(|(index, _)| *index).collect();
        package.files = files.into_iter().map(|(index, _)| index).collect();
        package.imports = imports(
            package.files.iter().filter_map(|index| Some((header(*index)?, !package.uncertain.contains(index)))),
        );
        package.test_imports = imports(package.test_files.iter().filter_map(|index| Some((header(*index)?, false))));
        package.note_mixed_names(folder);
        package.content = Some(content_digest(folder, &package.files));
        package.test_content = Some(content_digest(folder, &package.test_files));
        package
    }
}

impl Package {
    fn note_mixed_names(&mut self, folder: &GoFolder) {
        let mut names: BTreeMap<&str, &[u8]> = BTreeMap::new();
        let certain = self.files.iter().filter(|index| !self.uncertain.contains(index));
        for file in certain.map(|index| &folder.files[*index]) {
            if let Some(name) = header_of(file).and_then(|header| header.package.as_deref()) {
                names.entry(name).or_insert(&file.name);
            }
        }
        if names.len() > 1 {
            let list: Vec<String> =
                names.iter().map(|(name, file)| format!("{name} ({})", String::from_utf8_lossy(file))).collect();
            self.problems.push(format!("found packages {}", list.join(" and ")));
        }
    }
}

fn content_digest(folder: &GoFolder, files: &[usize]) -> Digest {
    let mut hasher = Hasher::new("package content");
    hasher.count(files.len());
    for file in files.iter().map(|index| &folder.files[*index]) {
        hasher.field(&file.name);
        file.identity.hash_into(&mut hasher, false);
        let SourceContent::Go { embeds, .. } = &file.content else { continue };
        let embedded = || embeds.iter().flat_map(|embedded| &embedded.files);
        hasher.count(embedded().count());
        for (path, identity) in embedded() {
            hasher.field(path.as_bytes());
            identity.hash_into(&mut hasher, false);
        }
    }
    hasher.finish()
}

/// What cgo says of a file by its language (go/build, and cmd/go/internal/load for what it drops without cgo).
fn language_verdict(kind: FileKind, cgo: Tri, has_cgo_files: Tri) -> Tri {
    match kind {
        FileKind::Go | FileKind::Header | FileKind::Assembly | FileKind::Syso | FileKind::Fortran => Tri::True,
        FileKind::C | FileKind::Cxx | FileKind::ObjC | FileKind::Swig | FileKind::SwigCxx => cgo,
        FileKind::CAssembly => has_cgo_files,
    }
}

fn header_of(file: &SourceFile) -> Option<&GoFile> {
    match &file.content {
        SourceContent::Go { header, .. } => Some(header),
        _ => None,
    }
}

fn problem_of(file: &SourceFile) -> Option<String> {
    match &file.content {
        SourceContent::Go { header, .. } => match (&header.problem, &header.constraint) {
            (Some(problem), _) => Some(format!("line {}: {}", problem.line, problem.message)),
            (None, Constraint::Invalid(reason)) => Some(reason.clone()),
            _ => None,
        },
        SourceContent::Other { constraint: Constraint::Invalid(reason), .. } => Some(reason.clone()),
        SourceContent::Other { .. } | SourceContent::Opaque { broken: false } => None,
        SourceContent::Opaque { broken: true } => Some("the symlink leads to no file of this repository".to_owned()),
    }
}

/// The imports of several files: a path is certain if one of the certain files has it.
fn imports<'a>(headers: impl Iterator<Item = (&'a GoFile, bool)>) -> Vec<ImportUse> {
    let mut paths: Vec<(&str, bool)> = headers
        .flat_map(|(header, certain)| header.imports.iter().map(move |import| (import.path.as_str(), !certain)))
        .collect();
    paths.sort_unstable();
    paths.dedup_by_key(|(path, _)| *path);
    paths.into_iter().map(|(path, uncertain)| ImportUse { path: Arc::from(path), certain: !uncertain }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::{MemoryTree, RepoPath};

    fn select(txtar: &str, target: &Target) -> (Vec<String>, Package) {
        let folder = GoFolder::read(&MemoryTree::from_txtar(txtar), &RepoPath::root()).unwrap().unwrap();
        let package = Package::select(&folder, target);
        let names = package.files.iter().map(|index| String::from_utf8_lossy(&folder.files[*index].name).into_owned());
        (names.collect(), package)
    }

    fn linux(cgo: Tri) -> Target {
        Target { cgo, ..Target::new("linux", "amd64") }
    }

    const CGO: &str = "-- a.go --\npackage p\nimport \"C\"\nimport \"net\"\n-- b.go --\npackage p\n-- x.c --\n-- x.h --\n-- x.s --\n-- y.S --\n";

    #[test]
    fn without_cgo_its_files_go_with_their_imports() {
        let (names, package) = select(CGO, &linux(Tri::False));
        assert_eq!(names, ["b.go", "x.h", "x.s"]);
        assert!(package.imports.is_empty() && package.uncertain.is_empty());
    }

    #[test]
    fn with_cgo_everything_is_compiled() {
        let (names, package) = select(CGO, &linux(Tri::True));
        assert_eq!(names, ["a.go", "b.go", "x.c", "x.h", "x.s", "y.S"]);
        assert_eq!(package.imports, [ImportUse { path: Arc::from("net"), certain: true }]);
    }

    #[test]
    fn unknown_cgo_takes_all_files_and_says_which_are_uncertain() {
        let (names, package) = select(CGO, &linux(Tri::Unknown));
        assert_eq!(names.len(), 6);
        assert_eq!(package.uncertain, [0, 2, 5]);
    }

    #[test]
    fn a_main_needs_a_file_that_is_no_test() {
        assert!(!select("-- main_test.go --\npackage main\n", &linux(Tri::False)).1.is_main());
        assert!(select("-- z.go --\npackage main\n", &linux(Tri::False)).1.is_main());
        let generator = "-- gen.go --\n//go:build ignore\n\npackage main\n-- z.go --\npackage lib\n";
        let package = select(generator, &linux(Tri::False)).1;
        assert_eq!((package.name.as_deref(), package.problems.len()), (Some("lib"), 0));
    }

    #[test]
    fn two_package_names_are_a_problem() {
        let package = select("-- a.go --\npackage a\n-- b.go --\npackage b\n", &linux(Tri::False)).1;
        assert_eq!(package.problems, ["found packages a (a.go) and b (b.go)"]);
    }
}
