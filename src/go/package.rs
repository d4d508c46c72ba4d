//! Turns a folder and a target into a package: which files are compiled, what they import and embed.
//!
//! It evaluates build constraints in three values: a file that may be part of the package is part of it, and the
//! package says so. It never looks outside the folder and never reports an error: what Go refuses is a problem in the
//! value.

use std::collections::{BTreeMap, BTreeSet};
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
    /// Files that are not compiled but keep the package from being built: a test that cannot be read or is of another
    /// package, a name that differs in case only. Indexes into the folder's files.
    pub refused: Vec<usize>,
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
        let mut selection = Selection::default();
        for (index, file) in folder.files.iter().enumerate() {
            let by_name = file_name_matches(&file.name, &tag);
            if by_name == Tri::False {
                continue;
            }
            let verdict = by_name.and(constraint_of(file).eval(&tag));
            if verdict != Tri::False {
                selection.add(index, folder, verdict, target);
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
struct Selection<'f> {
    files: Vec<(usize, Tri)>,
    test_files: Vec<usize>,
    /// Whether any cgo file is selected: the strongest verdict met.
    has_cgo: Tri,
    /// The package that the first file is of, and which file that is.
    name: Option<(&'f str, usize)>,
    problems: Vec<String>,
    /// The files that are problems.
    refused: BTreeSet<usize>,
}

impl Default for Selection<'_> {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            test_files: Vec::new(),
            has_cgo: Tri::False,
            name: None,
            problems: Vec::new(),
            refused: BTreeSet::new(),
        }
    }
}

impl<'f> Selection<'f> {
    fn add(&mut self, index: usize, folder: &'f GoFolder, verdict: Tri, target: &Target) {
        let file = &folder.files[index];
        if let Some(problem) = problem_of(file) {
            self.problems.push(format!("{}: {problem}", shown(file)));
            self.refused.insert(index);
        }
        let SourceContent::Go { header, .. } = &file.content else {
            self.files.push((index, verdict));
            return;
        };
        // go/build ignores such files whole: they hold nothing but documentation.
        if header.package.as_deref() == Some("documentation") {
            return;
        }
        if verdict == Tri::True {
            self.check_name(index, folder, header);
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

    /// All files are of one package, tests included, as is a file that cgo would have to compile.
    fn check_name(&mut self, index: usize, folder: &GoFolder, header: &'f GoFile) {
        let Some(name) = header.package.as_deref() else { return };
        let Some((first, named_by)) = self.name else {
            let outer = if folder.files[index].is_test { name.strip_suffix("_test") } else { None };
            self.name = Some((outer.unwrap_or(name), index));
            return;
        };
        let is_of_it = name == first || folder.files[index].is_test && name.strip_suffix("_test") == Some(first);
        if !is_of_it {
            let (one, other) = (&folder.files[named_by], &folder.files[index]);
            self.problems.push(format!("found packages {first} ({}) and {name} ({})", shown(one), shown(other)));
            self.refused.extend([named_by, index]);
        }
    }

    fn finish(self, folder: &GoFolder, target: &Target) -> Package {
        let Self { mut files, test_files, has_cgo, problems, mut refused, .. } = self;
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
        package.problems.extend(foreign_source(folder, &files, has_cgo));
        package.uncertain =
            files.iter().filter(|(_, verdict)| *verdict == Tri::Unknown).map(|(index, _)| *index).collect();
        package.files = files.into_iter().map(|(index, _)| index).collect();
        package.imports = imports(
            package.files.iter().filter_map(|index| Some((header(*index)?, !package.uncertain.contains(index)))),
        );
        package.test_imports = imports(package.test_files.iter().filter_map(|index| Some((header(*index)?, false))));
        if let Some((one, other, collision)) = case_collision(folder, &package.files) {
            package.problems.push(collision);
            refused.extend([one, other].into_iter().flatten());
        }
        package.refused = refused.into_iter().filter(|index| !package.files.contains(index)).collect();
        package.content = Some(content_digest(folder, package.files.iter().chain(&package.refused)));
        package.test_content = Some(content_digest(folder, &package.test_files));
        package
    }
}

/// Only a package with cgo or SWIG may hold C and its kin (cmd/go/internal/load).
fn foreign_source(folder: &GoFolder, files: &[(usize, Tri)], has_cgo: Tri) -> Option<String> {
    let kinds = || files.iter().map(|(index, verdict)| (folder.files[*index].kind, *verdict, *index));
    let uses_swig = kinds().any(|(kind, ..)| matches!(kind, FileKind::Swig | FileKind::SwigCxx));
    if has_cgo.possible() || uses_swig {
        return None;
    }
    let is_foreign = |kind| matches!(kind, FileKind::C | FileKind::Cxx | FileKind::ObjC | FileKind::Fortran);
    let (.., index) = kinds().find(|(kind, verdict, _)| *verdict == Tri::True && is_foreign(*kind))?;
    let file = &folder.files[index];
    let language = match file.kind {
        FileKind::C => "C",
        FileKind::Cxx => "C++",
        FileKind::ObjC => "Objective-C",
        _ => "Fortran",
    };
    Some(format!("{language} source files are not allowed without cgo or SWIG: {}", shown(file)))
}

/// Two names that are one where case does not count, among all files that Go looks at, tests and files for other
/// platforms included, and all that are embedded (cmd/go/internal/load `AllFiles`). The first two are indexes.
fn case_collision(folder: &GoFolder, compiled: &[usize]) -> Option<(Option<usize>, Option<usize>, String)> {
    let names = || {
        let own = folder.files.iter().enumerate().map(|(index, file)| (&file.name[..], Some(index)));
        let embedded = compiled.iter().flat_map(|index| folder.files[*index].embedded());
        own.chain(embedded.map(|path| (path.strip_prefix(&folder.path).unwrap_or(path.as_bytes()), None)))
    };
    let is_lower = |name: &[u8]| name.iter().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if names().all(|(name, _)| is_lower(name)) {
        return None;
    }
    let mut seen: BTreeMap<String, (&[u8], Option<usize>)> = BTreeMap::new();
    for (name, index) in names() {
        let folded = String::from_utf8_lossy(name).to_lowercase();
        let (other, other_index) = *seen.entry(folded).or_insert((name, index));
        if other != name {
            let [one, other] = [other, name].map(String::from_utf8_lossy);
            return Some((other_index, index, format!("the names {one} and {other} differ in case only")));
        }
    }
    None
}

fn content_digest<'i>(folder: &GoFolder, files: impl IntoIterator<Item = &'i usize>) -> Digest {
    let mut hasher = Hasher::new("package content");
    let files: Vec<&SourceFile> = files.into_iter().map(|index| &folder.files[*index]).collect();
    hasher.count(files.len());
    for file in files {
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

fn shown(file: &SourceFile) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(&file.name)
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
            _ if header.imports_c && file.is_test => Some("tests cannot use cgo".to_owned()),
            _ => header.cgo.iter().find_map(|block| block.problem.clone()),
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

    #[track_caller]
    fn check_refused(txtar: &str, problem: &str, refused: &[usize]) {
        let package = select(txtar, &linux(Tri::False)).1;
        assert_eq!((&package.problems[..], &package.refused[..]), (&[problem.to_owned()][..], refused), "{txtar}");
        assert_ne!(package.content, select("-- a.go --\npackage p\n", &linux(Tri::False)).1.content);
    }

    #[test]
    fn files_that_are_not_compiled_may_keep_a_package_from_being_built() {
        let with = |rest: &str| format!("-- a.go --\npackage p\n-- {rest}");
        let message = "b_test.go: line 1: expected the package clause";
        check_refused(&with("b_test.go --\nnonsense\n"), message, &[1]);
        check_refused(&with("b_test.go --\npackage q\n"), "found packages p (a.go) and q (b_test.go)", &[1]);
        check_refused(&with("b_test.go --\npackage p\nimport \"C\"\n"), "b_test.go: tests cannot use cgo", &[1]);
        check_refused(&with("b.go --\npackage q\nimport \"C\"\n"), "found packages p (a.go) and q (b.go)", &[1]);
        let message = "the names A_windows.go and a_windows.go differ in case only";
        check_refused(&with("A_windows.go --\n-- a_windows.go --\n"), message, &[0, 2]);
        let embeds = "-- a.go --\npackage p\nimport _ \"embed\"\n//go:embed d\nvar s string\n-- d/x --\n-- d/X --\n";
        check_refused(embeds, "the names d/X and d/x differ in case only", &[]);
        let fine = select(&with("b_test.go --\npackage p_test\n"), &linux(Tri::False)).1;
        assert!(fine.problems.is_empty() && fine.refused.is_empty());
    }

    #[test]
    fn c_without_cgo_is_a_problem() {
        let package = select("-- a.go --\npackage p\n-- x.c --\n", &linux(Tri::True)).1;
        assert_eq!(package.problems, ["C source files are not allowed without cgo or SWIG: x.c"]);
        assert!(select("-- a.go --\npackage p\n-- x.c --\n", &linux(Tri::Unknown)).1.problems.is_empty());
        assert!(select("-- a.go --\npackage p\n-- x.c --\n-- x.swig --\n", &linux(Tri::True)).1.problems.is_empty());
    }

    #[test]
    fn two_package_names_are_a_problem() {
        let package = select("-- a.go --\npackage a\n-- b.go --\npackage b\n", &linux(Tri::False)).1;
        assert_eq!(package.problems, ["found packages a (a.go) and b (b.go)"]);
    }
}
