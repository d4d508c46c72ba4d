//! Turns the text of build-plan.lock into what is known of external modules, and back. It reads no module itself, and
//! what it cannot believe is as if it were not there.
//!
//! A module's block starts with its path and version. Every other line is one fact, and true by itself: what go.mod
//! requires, the hash of the files, what one package imports, that one folder is no package. So a merge that unites the
//! lines of two branches is right, and one that drops lines leaves less known. Each line ends in a seal over itself and
//! the module, so that one that was edited, or that a merge moved to another version, is not believed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use super::{ConditionalImports, ExternalFolder, ExternalImports, ExternalModules};
use crate::go::modfile::ModuleVersion;
use crate::go::mvs::ExternalGoMod;
use crate::go::source::Constraint;
use crate::repo::Digest;

/// The name of the file at the root of the repository.
pub const LOCK_FILE: &str = "build-plan.lock";

const HEADER: &str = "\
# What the modules outside this repository require and import: with it, `buildplan` plans exactly, without Go and
# without a module cache. Written by `buildplan lock`; commit it. Merges may unite lines; edited lines do not count.
";

/// The first line that is no comment.
const FORMAT: &str = "buildplan-lock 1";

/// The content of a build-plan.lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockFile {
    modules: BTreeMap<ModuleVersion, LockedModule>,
    /// The lines that are not believed, each with the reason.
    pub problems: Vec<LockProblem>,
}

/// A line that is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockProblem {
    /// The line, from 1.
    pub line: usize,
    /// Why.
    pub message: &'static str,
}

/// What is known of one module at one version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockedModule {
    /// What go.mod says, and its hash.
    pub go_mod: Option<(Arc<ExternalGoMod>, Arc<str>)>,
    /// What is known of the files.
    pub files: Option<LockedFiles>,
}

/// What is known of the files of one module at one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedFiles {
    /// The hash of all of them.
    pub sum: Arc<str>,
    /// The folders that were looked into, by path below the module's root: what the package there imports, or that there
    /// is none. A path with a slash at its end (see [`all_below`]) stands for a folder that does not exist.
    pub folders: BTreeMap<String, Option<Arc<ExternalImports>>>,
}

impl LockFile {
    /// Reads a lock file. Nothing in it makes this fail: see [`LockFile::problems`].
    pub fn parse(bytes: &[u8]) -> Self {
        let mut reader = Reader::default();
        for (line, number) in bytes.split(|byte| *byte == b'\n').zip(1..) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let read = std::str::from_utf8(line).map_err(|_| "it is not UTF-8").and_then(|line| reader.line(line));
            if let Err(message) = read {
                reader.file.problems.push(LockProblem { line: number, message });
            }
        }
        reader.file
    }

    /// A lock file with these modules.
    pub fn new(modules: BTreeMap<ModuleVersion, LockedModule>) -> Self {
        Self { modules, problems: Vec::new() }
    }

    /// The modules, by path and version.
    pub fn modules(&self) -> &BTreeMap<ModuleVersion, LockedModule> {
        &self.modules
    }

    /// The text of the file; equal content gives equal text. What would not read as it is (only a hostile go.mod has
    /// such names) is left out.
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEADER}{FORMAT}\n");
        for (module, known) in &self.modules {
            let line = format!("{} {}", module.path, module.version);
            if module_line(&line).as_ref() == Some(module) {
                let _ = write!(text, "\n{line}\n{}", module_text(module, known));
            }
        }
        text
    }
}

/// The lines below that of the module.
fn module_text(module: &ModuleVersion, known: &LockedModule) -> String {
    let mut text = String::new();
    let mut line = |sum: &str, fact: &Fact| {
        let shown = fact.show(&module.path);
        let is_readable = !shown.contains('\n') && Fact::read(&module.path, &shown).as_ref() == Ok(fact);
        if is_readable {
            let _ = writeln!(text, "\t{shown} {}", seal(module, sum, &shown));
        }
        is_readable
    };
    if let Some((go_mod, sum)) = &known.go_mod {
        line("", &Fact::GoMod(Arc::clone(go_mod), Arc::clone(sum)));
    }
    if let Some(LockedFiles { sum, folders }) = &known.files
        && line("", &Fact::Files(Arc::clone(sum)))
    {
        for (below, package) in folders {
            line(sum, &Fact::Folder(below.clone(), package.clone()));
        }
    }
    text
}

impl ExternalModules for LockFile {
    fn go_mod(&self, module: &ModuleVersion) -> Option<(Arc<ExternalGoMod>, Arc<str>)> {
        self.modules.get(module)?.go_mod.clone()
    }

    fn sum(&self, module: &ModuleVersion) -> Option<Arc<str>> {
        Some(Arc::clone(&self.modules.get(module)?.files.as_ref()?.sum))
    }

    fn package(&self, module: &ModuleVersion, below: &str) -> ExternalFolder {
        let files = self.modules.get(module).and_then(|known| known.files.as_ref());
        let Some(files) = files else { return ExternalFolder::Unknown };
        match files.folders.get(below) {
            Some(Some(imports)) => ExternalFolder::Package(Arc::clone(imports)),
            Some(None) => ExternalFolder::Empty,
            None => {
                let ends = below.match_indices('/').map(|(slash, _)| slash).chain([below.len()]);
                let absent = ends.map(|end| &below[..end]).find(|above| files.folders.contains_key(&all_below(above)));
                absent.map_or(ExternalFolder::Unknown, |above| ExternalFolder::Absent(above.to_owned()))
            }
        }
    }
}

/// The key of a folder that does not exist, among those that were looked into.
pub fn all_below(folder: &str) -> String {
    format!("{folder}/")
}

/// What ties a line to its module and, for packages, to the module's files.
fn seal(module: &ModuleVersion, sum: &str, fact: &str) -> String {
    let content = [&module.path, &module.version, sum, fact].join("\n");
    format!("{:.8}", Digest::of("lock line", content.as_bytes()).to_string())
}

/// The imports of a package, those of its own module shortened: ` ./x other.io/y [windows] ./z`.
fn shown_imports(module: &str, imports: &ExternalImports) -> String {
    let mut text = String::new();
    for group in &imports.by_condition {
        if group.condition != Constraint::Always {
            let _ = write!(text, " [{}]", group.condition);
        }
        for path in &group.paths {
            match path.strip_prefix(module).and_then(|rest| rest.strip_prefix('/')) {
                Some(below) => drop(write!(text, " ./{below}")),
                None => drop(write!(text, " {path}")),
            }
        }
    }
    text
}

#[derive(Default)]
struct Reader {
    file: LockFile,
    seen_format: bool,
    module: Option<ModuleVersion>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), &'static str> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if let Some(fact) = line.strip_prefix('\t') {
            return self.fact(fact);
        }
        if !self.seen_format {
            self.seen_format = line == FORMAT;
            return if self.seen_format { Ok(()) } else { Err("it should say `buildplan-lock 1`") };
        }
        self.module = module_line(line);
        let module = self.module.clone().ok_or("it is neither a module with its version nor a fact")?;
        self.file.modules.entry(module).or_default();
        Ok(())
    }

    fn fact(&mut self, line: &str) -> Result<(), &'static str> {
        if !self.seen_format {
            return Err("it comes before `buildplan-lock 1`");
        }
        let module = self.module.as_ref().ok_or("it belongs to no module")?;
        let known = self.file.modules.entry(module.clone()).or_default();
        let (fact, sealed) = line.rsplit_once(' ').ok_or("it has no seal")?;
        let is_package = fact.starts_with(['/', '-']);
        let sum = known.files.as_ref().filter(|_| is_package).map_or("", |files| &files.sum);
        if seal(module, sum, fact) != sealed {
            return Err("it was edited, or belongs to another version");
        }
        match Fact::read(&module.path, fact)? {
            Fact::GoMod(go_mod, sum) => known.go_mod = Some((go_mod, sum)),
            Fact::Files(sum) => {
                let new = || LockedFiles { sum: Arc::clone(&sum), folders: BTreeMap::new() };
                if known.files.get_or_insert_with(new).sum != sum {
                    return Err("the module has another hash above");
                }
            }
            Fact::Folder(below, package) => {
                let files = known.files.as_mut().ok_or("the hash of the module's files is missing")?;
                files.folders.insert(below, package);
            }
        }
        Ok(())
    }
}

/// No longer line names a module: each of its packages may repeat the path.
const MAX_MODULE_LINE: usize = 1024;

/// The module of a line without indentation.
fn module_line(line: &str) -> Option<ModuleVersion> {
    let (path, version) = line.split_once(' ')?;
    let is_path = !path.is_empty() && !path.starts_with(['#', '\t']);
    let is_version = version.starts_with('v') && !version.contains(' ');
    let is_line = line.len() <= MAX_MODULE_LINE && !line.contains(['\n', '\r']);
    (is_path && is_version && is_line).then(|| ModuleVersion { path: path.to_owned(), version: version.to_owned() })
}

/// A line of a module, without its seal.
#[derive(Debug, PartialEq, Eq)]
enum Fact {
    /// What go.mod says, and its hash.
    GoMod(Arc<ExternalGoMod>, Arc<str>),
    /// The hash of the files.
    Files(Arc<str>),
    /// A folder, as in [`LockedFiles::folders`].
    Folder(String, Option<Arc<ExternalImports>>),
}

impl Fact {
    fn show(&self, module: &str) -> String {
        match self {
            Self::GoMod(go_mod, sum) => {
                let mut fact = format!("go.mod {sum} {}", go_mod.go.as_deref().unwrap_or("-"));
                for required in &go_mod.requires {
                    let _ = write!(fact, " {}@{}", required.path, required.version);
                }
                fact
            }
            Self::Files(sum) => format!("zip {sum}"),
            Self::Folder(below, Some(imports)) => format!("/{below}{}", shown_imports(module, imports)),
            Self::Folder(below, None) => format!("-/{below}"),
        }
    }

    fn read(module: &str, text: &str) -> Result<Self, &'static str> {
        let mut words = text.split(' ');
        match words.next().unwrap_or_default() {
            "go.mod" => go_mod(words),
            "zip" => Ok(Self::Files(Arc::from(words.next().ok_or("it has no hash")?))),
            folder => {
                let (below, package) = match folder.strip_prefix('-') {
                    Some(folder) => (folder, None),
                    None => (folder, Some(Arc::new(imports(module, words)?))),
                };
                let below = below.strip_prefix('/').ok_or("it is not a fact that this version knows")?;
                Ok(Self::Folder(below.to_owned(), package))
            }
        }
    }
}

fn go_mod<'w>(mut words: impl Iterator<Item = &'w str>) -> Result<Fact, &'static str> {
    let sum = words.next().ok_or("it has no hash")?;
    let go = words.next().ok_or("it has no go version")?;
    let requires = words.map(|word| {
        let (path, version) = word.rsplit_once('@')?;
        Some(ModuleVersion { path: path.to_owned(), version: version.to_owned() })
    });
    let requires = requires.collect::<Option<_>>().ok_or("a requirement has no version")?;
    let go = (go != "-").then(|| go.to_owned());
    Ok(Fact::GoMod(Arc::new(ExternalGoMod { go, requires }), Arc::from(sum)))
}

fn imports<'w>(module: &str, words: impl Iterator<Item = &'w str>) -> Result<ExternalImports, &'static str> {
    let mut by_condition: Vec<ConditionalImports> = Vec::new();
    for word in words {
        if let Some(condition) = word.strip_prefix('[').and_then(|word| word.strip_suffix(']')) {
            let condition = Constraint::parse_go_build(condition);
            if matches!(condition, Constraint::Invalid(_)) {
                return Err("a condition is not one of Go");
            }
            by_condition.push(ConditionalImports { condition, paths: Vec::new() });
            continue;
        }
        if by_condition.is_empty() {
            by_condition.push(ConditionalImports { condition: Constraint::Always, paths: Vec::new() });
        }
        let path =
            word.strip_prefix("./").map_or_else(|| Arc::from(word), |below| Arc::from(format!("{module}/{below}")));
        if let Some(group) = by_condition.last_mut() {
            group.paths.push(path);
        }
    }
    Ok(ExternalImports { by_condition })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "\
buildplan-lock 1

x.io/m v1.0.0
\tgo.mod h1:mod= 1.21 y.io/n@v1.2.3 z.io/w@v0.0.0-20200101000000-abcdefabcdef 9c5439ea
\tzip h1:zip= 8893b35f
\t/ ./sub y.io/n [windows&&(cgo||go1.22)] z.io/w 909207de
\t-/no/ f672ceac
\t-/other c36c6544
\t/sub d7160fef

x.io/m v1.1.0
\tgo.mod h1:bare= - 21cee220
";

    fn version(text: &str) -> ModuleVersion {
        let (path, version) = text.split_once('@').unwrap();
        ModuleVersion { path: path.to_owned(), version: version.to_owned() }
    }

    fn sample() -> LockFile {
        let files = [
            (&b"a.go"[..], &b"package p\nimport (\"x.io/m/sub\"; \"y.io/n\")\n"[..]),
            (b"b_windows.go", b"//go:build cgo||go1.22\n\npackage p\nimport \"z.io/w\"\n"),
        ];
        let packages = [
            (String::new(), ExternalImports::of_files(files).map(Arc::new)),
            ("sub".to_owned(), Some(Arc::default())),
            ("other".to_owned(), None),
            (all_below("no"), None),
        ];
        let requires = vec![version("y.io/n@v1.2.3"), version("z.io/w@v0.0.0-20200101000000-abcdefabcdef")];
        let go_mod = ExternalGoMod { go: Some("1.21".to_owned()), requires };
        let full = LockedModule {
            go_mod: Some((Arc::new(go_mod), Arc::from("h1:mod="))),
            files: Some(LockedFiles { sum: Arc::from("h1:zip="), folders: packages.into_iter().collect() }),
        };
        let bare = LockedModule { go_mod: Some((Arc::default(), Arc::from("h1:bare="))), files: None };
        LockFile::new([(version("x.io/m@v1.0.0"), full), (version("x.io/m@v1.1.0"), bare)].into())
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let text = sample().to_text();
        assert_eq!(LockFile::parse(text.as_bytes()), sample());
        assert_eq!(LockFile::parse(text.replace('\n', "\r\n").as_bytes()), sample());
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(lines, SAMPLE.lines().collect::<Vec<_>>());
    }

    #[test]
    fn whatever_line_is_lost_the_others_still_hold() {
        let text = sample().to_text();
        for index in 0..text.lines().count() {
            let kept: Vec<&str> =
                text.lines().enumerate().filter(|(at, _)| *at != index).map(|(_, line)| line).collect();
            let partial = LockFile::parse(kept.join("\n").as_bytes());
            for (module, known) in &partial.modules {
                let whole = &sample().modules[module];
                assert!(known.go_mod.is_none() || known.go_mod == whole.go_mod);
                let Some(files) = &known.files else { continue };
                let whole = whole.files.as_ref().unwrap();
                assert_eq!(files.sum, whole.sum);
                assert!(files.folders.iter().all(|(below, package)| whole.folders.get(below) == Some(package)));
            }
        }
    }

    #[test]
    fn below_a_folder_that_does_not_exist_there_is_nothing() {
        let (lock, module) = (sample(), version("x.io/m@v1.0.0"));
        assert_eq!(lock.package(&module, "no/where"), ExternalFolder::Absent("no".to_owned()));
        assert_eq!(lock.package(&module, "no"), ExternalFolder::Absent("no".to_owned()));
        assert_eq!(lock.package(&module, "nowhere"), ExternalFolder::Unknown);
        assert_eq!(lock.package(&module, "other"), ExternalFolder::Empty);
        assert_eq!(lock.package(&module, "other/where"), ExternalFolder::Unknown);
    }

    #[track_caller]
    fn check(from: &str, to: &str, line: usize, message: &str) {
        let text = sample().to_text();
        assert!(text.contains(from), "{text}");
        let problems = LockFile::parse(text.replacen(from, to, 1).as_bytes()).problems;
        let first = problems.first().map(|problem| (problem.line, problem.message));
        assert_eq!(first, Some((line, message)));
    }

    #[test]
    fn lines_that_were_edited_or_moved_are_not_believed() {
        check("y.io/n@v1.2.3", "y.io/n@v1.2.4", 6, "it was edited, or belongs to another version");
        check("x.io/m v1.0.0", "x.io/m v1.0.1", 6, "it was edited, or belongs to another version");
        check("\t/sub", "\t/sub [windows]", 11, "it was edited, or belongs to another version");
        check("x.io/m v1.0.0", "<<<<<<< ours", 5, "it is neither a module with its version nor a fact");
        check("buildplan-lock 1", "buildplan-lock 9", 3, "it should say `buildplan-lock 1`");
    }

    /// Puts a name in every place where there is one.
    fn with_name(name: &str) -> LockFile {
        let module = |path: &str, version: &str| ModuleVersion { path: path.to_owned(), version: version.to_owned() };
        let import = |path: &str| {
            let group = ConditionalImports { condition: Constraint::Always, paths: vec![Arc::from(path)] };
            Some(Arc::new(ExternalImports { by_condition: vec![group] }))
        };
        let locked = |sum: &str, go: &str, required: &ModuleVersion, below: &str, path: &str| LockedModule {
            go_mod: Some((
                Arc::new(ExternalGoMod { go: Some(go.to_owned()), requires: vec![required.clone()] }),
                Arc::from(sum),
            )),
            files: Some(LockedFiles { sum: Arc::from(sum), folders: [(below.to_owned(), import(path))].into() }),
        };
        let x = module("x.io/m", "v1.0.0");
        let modules = [
            (module(name, "v1.0.0"), locked("h1:a=", "1.20", &x, "b", "c")),
            (module("a", name), locked("h1:a=", "1.20", &x, "b", "c")),
            (module("b", "v1.0.0"), locked(name, "1.20", &x, "b", "c")),
            (module("c", "v1.0.0"), locked("h1:a=", name, &x, "b", "c")),
            (module("d", "v1.0.0"), locked("h1:a=", "1.20", &module(name, "v1.0.0"), "b", "c")),
            (module("e", "v1.0.0"), locked("h1:a=", "1.20", &module("x.io/m", name), "b", "c")),
            (module("f", "v1.0.0"), locked("h1:a=", "1.20", &x, name, "c")),
            (module("g", "v1.0.0"), locked("h1:a=", "1.20", &x, "b", name)),
        ];
        LockFile::new(modules.into())
    }

    #[test]
    fn names_that_would_read_as_something_else_are_left_out() {
        for name in [
            "a b",
            "a v1@v1",
            "a\nx.io/m v1.0.0",
            "#a",
            "\ta",
            "",
            "-",
            "./a",
            "[a]",
            "v1\r",
            "v1@v2",
            &"v".repeat(2000),
        ] {
            let whole = with_name(name);
            let read = LockFile::parse(whole.to_text().as_bytes());
            assert_eq!(read.problems, [], "{name:?}");
            for (module, known) in &read.modules {
                let whole = &whole.modules[module];
                assert!(known.go_mod.is_none() || known.go_mod == whole.go_mod, "{name:?}: {known:?}");
                let Some(files) = &known.files else { continue };
                let whole = whole.files.as_ref().unwrap();
                assert_eq!(files.sum, whole.sum, "{name:?}");
                assert!(files.folders.iter().all(|(below, package)| whole.folders.get(below) == Some(package)));
            }
        }
        assert_eq!(LockFile::parse(with_name("v1.2.3").to_text().as_bytes()), with_name("v1.2.3"));
    }

    #[test]
    fn a_long_path_is_not_repeated_for_every_import() {
        let path = "x".repeat(100_000);
        let module = ModuleVersion { path: path.clone(), version: "v1.0.0".to_owned() };
        let zip = format!("zip h1:a= {}", seal(&module, "", "zip h1:a="));
        let fact = format!("/{}", " ./y".repeat(25_000));
        let text = format!("{FORMAT}\n{path} v1.0.0\n\t{zip}\n\t{fact} {}\n", seal(&module, "h1:a=", &fact));
        assert_eq!(LockFile::parse(text.as_bytes()).modules.len(), 0);
    }

    #[test]
    fn nonsense_is_reported_and_never_panics() {
        for text in ["\t", "\t ", "\0", "buildplan-lock 1\nx v\n\t\n\t/ \n\tzip\n", "buildplan-lock 1\n v1\n"] {
            assert!(!LockFile::parse(text.as_bytes()).problems.is_empty(), "{text:?}");
        }
    }
}
