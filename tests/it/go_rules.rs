//! The rules of Go, one row each: a tree, and what Go makes of it. Every row is held against the planner, and, where
//! there is Go, against Go itself, so that neither the rows nor the planner can drift away from it.
//!
//! The rows are in `go_rules/*.txt`. A row is `=== NAME what it says`, lines that begin with a verb, and a tree in the
//! `txtar` format; a tree without go.mod and go.work is the module `ex.io/m`. The verbs, of which one with `~` in front
//! is not asked of Go:
//!
//! - `list TARGET [DIR]: FILES`: the files of a package, paths from the root, `-` for none
//! - `imports TARGET [DIR]: PATHS`: what these files import
//! - `main TARGET [DIR]: yes` (or `no`): whether the folder is a program
//! - `embeds DIR: FILES`: what its Go files embed
//! - `import PATH: DIRS`: the folders that the path means, or `toolchain`, `external`, `missing`, `outside`; with
//!   `import@DIR` in the module of that folder, without go.work; `go DIR` is what Go says, if it knows more
//! - `language PATH: VERSION`: the language version of the package there
//! - `includes DIR: FILES ? MORE`: what its C and assembly read of other files; after the `?` what is a guess
//! - `build DIR: NAME=VERDICT …`: what it does to the program if the files of `@NAME/` are laid over the tree: `same`,
//!   `differs`, `refused` or `builds`; `base` is the tree itself. The planner may say that it is `unknown`
//!
//! - `~note NAME: TEXT`: a note on the tree with the files of `@NAME/`
//!
//! `! TEXT` at the end says that Go refuses the package, and why. A target is `OS`, `OS,cgo=on`, `OS,tags=a`,
//! `OS,go=unknown`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use buildplan::config::Config;
use buildplan::fingerprint::{Snapshot, SnapshotOptions};
use buildplan::go::closure::included_files;
use buildplan::go::mode::{BuildList, ModFlag, Mode, Resolution};
use buildplan::go::package::Package;
use buildplan::go::source::{Target, Tri};
use buildplan::go::workspace::Workspace;
use buildplan::repo::{Digest, EntryKind, MemoryTree, RepoPath, Tree};
use rayon::prelude::*;
use serde_json::Value;

const FILES: [&str; 5] = [
    include_str!("go_rules/files.txt"),
    include_str!("go_rules/embeds.txt"),
    include_str!("go_rules/imports.txt"),
    include_str!("go_rules/includes.txt"),
    include_str!("go_rules/builds.txt"),
];

/// The minor version of the toolchain that rows without Go are read for.
const MINOR: u32 = 26;

struct Row {
    name: String,
    expectations: Vec<Expectation>,
    tree: MemoryTree,
    minor: u32,
}

/// One line of a row: `verb@at arguments: expected ? guessed go other ! error`.
#[derive(Default)]
struct Expectation {
    of_planner_only: bool,
    verb: String,
    at: Option<String>,
    arguments: Vec<String>,
    expected: Vec<String>,
    guessed: Vec<String>,
    of_go: Option<String>,
    error: Option<String>,
}

fn rows(minor: u32) -> Vec<Row> {
    let mut rows = Vec::new();
    for text in FILES {
        let text = text.replace("<BOM>", "\u{feff}").replace("<CR>", "\r");
        let text = text.replace("<MINOR>", &minor.to_string()).replace("<NEXT>", &(minor + 1).to_string());
        rows.extend(text.split("\n=== ").skip(1).map(|row| Row::parse(row, minor)));
    }
    rows
}

impl Row {
    fn parse(text: &str, minor: u32) -> Self {
        let mut lines = text.lines();
        let name = lines.next().unwrap().to_owned();
        let expectations = lines.take_while(|line| !line.starts_with("-- ")).filter(|line| !line.is_empty());
        let expectations: Vec<_> = expectations.map(Expectation::parse).collect();
        assert!(!expectations.is_empty(), "{name}");
        let mut tree = MemoryTree::from_txtar(text);
        if tree.paths().all(|path| !matches!(path.as_bytes(), b"go.mod" | b"go.work")) {
            tree.insert("go.mod", "module ex.io/m\n\ngo 1.24\n");
        }
        Self { name, expectations, tree, minor }
    }

    /// The tree with the files of `@NAME/` laid over it.
    fn variant(&self, name: &str) -> MemoryTree {
        let mut tree = MemoryTree::new();
        let overlay = format!("@{name}/");
        let mut found = name == "base";
        for path in self.tree.paths() {
            let text = path.to_str().unwrap();
            if !text.starts_with('@') {
                copy_entry(&self.tree, path, &mut tree, text);
            }
        }
        for path in self.tree.paths() {
            if let Some(below) = path.to_str().unwrap().strip_prefix(&overlay) {
                copy_entry(&self.tree, path, &mut tree, below);
                found = true;
            }
        }
        assert!(found, "{}: there is no {overlay}", self.name);
        tree
    }

    /// The folder that a package to import from may be put into.
    fn main_folder(&self) -> String {
        if self.tree.paths().any(|path| path.as_bytes() == b"go.mod") {
            return ".".to_owned();
        }
        let workspace = Workspace::scan(&self.tree).unwrap();
        workspace.modules().keys().next().unwrap().to_string()
    }
}

fn copy_entry(from: &MemoryTree, path: &RepoPath, to: &mut MemoryTree, new: &str) {
    let kind = from.entry(path).unwrap().unwrap().kind;
    to.insert_entry(new.as_bytes(), kind, &from.read(path).unwrap());
}

impl Expectation {
    fn parse(line: &str) -> Self {
        let (line, error) = match line.split_once(" ! ") {
            Some((line, error)) => (line, Some(error.to_owned())),
            None => (line, None),
        };
        let (head, tail) = line.split_once(": ").unwrap();
        let (tail, of_go) = match tail.split_once(" go ") {
            Some((tail, of_go)) => (tail, Some(of_go.to_owned())),
            None => (tail, None),
        };
        let (tail, guessed) = tail.split_once(" ? ").unwrap_or((tail, ""));
        let words = |text: &str| text.split(' ').filter(|word| !matches!(*word, "" | "-")).map(str::to_owned).collect();
        let mut arguments: Vec<String> = words(head.trim_start_matches('~'));
        let verb = arguments.remove(0);
        let (verb, at) = match verb.split_once('@') {
            Some((verb, at)) => (verb.to_owned(), Some(at.to_owned())),
            None => (verb, None),
        };
        Self {
            of_planner_only: head.starts_with('~'),
            verb,
            at,
            arguments,
            expected: words(tail),
            guessed: words(guessed),
            of_go,
            error,
        }
    }

    /// The folder, behind the target if the verb has one.
    fn folder(&self) -> &str {
        let position = usize::from(matches!(&*self.verb, "list" | "imports" | "main"));
        self.arguments.get(position).map_or(".", |folder| folder)
    }

    fn path(&self) -> RepoPath {
        RepoPath::clean(self.folder().as_bytes()).unwrap()
    }
}

/// `linux,cgo=on,tags=a`.
struct Platform<'t> {
    os: &'t str,
    cgo: Tri,
    tags: Option<&'t str>,
    knows_toolchain: bool,
}

impl<'t> Platform<'t> {
    fn parse(text: &'t str) -> Self {
        let mut parts = text.split(',');
        let os = parts.next().unwrap();
        let mut platform = Self { os, cgo: Tri::False, tags: None, knows_toolchain: true };
        for part in parts {
            match part.split_once('=').unwrap() {
                ("cgo", "on") => platform.cgo = Tri::True,
                ("cgo", "off") => platform.cgo = Tri::False,
                ("cgo", "unknown") => platform.cgo = Tri::Unknown,
                ("go", "unknown") => platform.knows_toolchain = false,
                ("tags", tags) => platform.tags = Some(tags),
                other => unreachable!("{other:?}"),
            }
        }
        platform
    }

    fn target(&self, minor: u32) -> Target {
        Target {
            cgo: self.cgo,
            tags: self.tags.into_iter().map(str::to_owned).collect(),
            toolchain_minor: self.knows_toolchain.then_some(minor),
            minimum_minor: 24,
            ..Target::new(self.os, "amd64")
        }
    }

    fn go(&self, folder: &Path) -> Command {
        let mut go = go(folder);
        go.env("GOOS", self.os).env("GOARCH", "amd64");
        go.env("CGO_ENABLED", if self.cgo == Tri::True { "1" } else { "0" });
        go
    }
}

#[test]
fn the_planner_keeps_every_rule() {
    let failures: Vec<String> = rows(MINOR).iter().flat_map(planner_failures).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn planner_failures(row: &Row) -> Vec<String> {
    row.expectations.iter().filter_map(|expectation| planner(row, expectation).err()).collect()
}

/// A difference in words.
fn compare(row: &Row, expectation: &Expectation, expected: &[String], found: &[String]) -> Result<(), String> {
    let set = |words: &[String]| words.iter().cloned().collect::<BTreeSet<_>>();
    if set(expected) == set(found) {
        return Ok(());
    }
    Err(format!("{}: {} {}: {found:?}", row.name, expectation.verb, expectation.arguments.join(" ")))
}

fn planner(row: &Row, expectation: &Expectation) -> Result<(), String> {
    match &*expectation.verb {
        "list" | "imports" | "main" | "embeds" | "includes" => planner_folder(row, expectation),
        "import" | "language" => planner_import(row, expectation),
        "build" => planner_build(row, expectation),
        "note" => planner_note(row, expectation),
        other => unreachable!("{}: {other}", row.name),
    }
}

fn planner_folder(row: &Row, expectation: &Expectation) -> Result<(), String> {
    let platform = match &*expectation.verb {
        "embeds" => Platform::parse("linux"),
        "includes" => Platform::parse("linux,cgo=on"),
        _ => Platform::parse(&expectation.arguments[0]),
    };
    let workspace = Workspace::scan(&row.tree).unwrap();
    let folder = workspace.folder(&expectation.path()).unwrap().unwrap();
    let package = folder.package(&platform.target(row.minor));
    let files = || package.files.iter().map(|index| &folder.files[*index]);
    let mut refused = !package.problems.is_empty() || !files().any(|file| file.name.ends_with(b".go"));
    let mut expected = expectation.expected.clone();
    let found = match &*expectation.verb {
        "list" => files().map(|file| folder.path.child(&file.name).to_string()).collect(),
        "imports" => package.imports.iter().map(|used| used.path.to_string()).collect(),
        "main" => vec![if package.is_main() { "yes" } else { "no" }.to_owned()],
        "embeds" => {
            refused |= files().any(|file| embed_problem(file).is_some());
            files().flat_map(buildplan::go::folder::SourceFile::embedded).map(ToString::to_string).collect()
        }
        _ => {
            expected.extend(expectation.guessed.iter().cloned());
            included(&row.tree, &folder, &package)
        }
    };
    if matches!(&*expectation.verb, "list" | "embeds") && refused != expectation.error.is_some() {
        return Err(format!("{}: {:?} {:?}", row.name, expectation.arguments, package.problems));
    }
    compare(row, expectation, &expected, &found)
}

fn embed_problem(file: &buildplan::go::folder::SourceFile) -> Option<&String> {
    match &file.content {
        buildplan::go::folder::SourceContent::Go { embeds, .. } => {
            embeds.iter().find_map(|embedded| embedded.problem.as_ref())
        }
        _ => None,
    }
}

fn included(tree: &MemoryTree, folder: &buildplan::go::folder::GoFolder, package: &Package) -> Vec<String> {
    included_files(tree, folder, package).unwrap().files.into_iter().map(|(path, _)| path.to_string()).collect()
}

fn planner_import(row: &Row, expectation: &Expectation) -> Result<(), String> {
    let workspace = Workspace::scan(&row.tree).unwrap();
    let mode = match &expectation.at {
        Some(at) => Mode::Module(RepoPath::clean(at.as_bytes()).unwrap()),
        None if workspace.work_files().is_empty() => Mode::Module(RepoPath::root()),
        None => Mode::Workspace(RepoPath::root()),
    };
    let list = BuildList::new(&workspace, mode, ModFlag::Auto).unwrap();
    let resolution = list.resolve(&expectation.arguments[0]).unwrap();
    let places = match &resolution {
        Resolution::Packages(places) => &places[..],
        Resolution::External(providers) => &providers.folders,
        _ => &[],
    };
    let found = match &resolution {
        _ if expectation.verb == "language" => places.iter().map(|place| place.language.clone()).collect(),
        Resolution::Packages(_) => places.iter().map(|place| place.dir.to_string()).collect(),
        Resolution::External(_) if places.is_empty() => vec!["external".to_owned()],
        Resolution::External(_) => unreachable!("{}: {resolution:?}", row.name),
        Resolution::Toolchain => vec!["toolchain".to_owned()],
        Resolution::Missing(_) => vec!["missing".to_owned()],
        Resolution::Outside(_) => vec!["outside".to_owned()],
    };
    compare(row, expectation, &expectation.expected, &found)
}

fn config(tree: &MemoryTree) -> Config {
    let text = tree.read(&RepoPath::from_clean(b"build-plan.toml"));
    text.map_or_else(|_| Config::default(), |text| Config::parse(&text).unwrap())
}

/// The fingerprint of the program in a folder; `None` if the planner says that Go refuses it.
fn fingerprint(tree: &MemoryTree, folder: &RepoPath) -> Option<Digest> {
    let workspace = Workspace::scan(tree).unwrap();
    let snapshot = Snapshot::new(&workspace, &config(tree), &SnapshotOptions::default(), None).unwrap();
    if !snapshot.problems.is_empty() {
        return None;
    }
    let service = snapshot
        .services
        .values()
        .find(|state| state.service.program.as_ref().is_some_and(|program| program.dir == *folder));
    service?.fingerprint
}

fn planner_build(row: &Row, expectation: &Expectation) -> Result<(), String> {
    let base = fingerprint(&row.variant("base"), &expectation.path());
    let verdicts = expectation.expected.iter().map(|word| {
        let (name, verdict) = word.split_once('=').unwrap();
        let found = fingerprint(&row.variant(name), &expectation.path());
        match verdict_of(base.as_ref(), found.as_ref(), verdict) {
            // What Go refuses need not be known as such, as long as it is another state.
            "differs" if verdict == "refused" => word.clone(),
            "refused" if verdict == "unknown" => word.clone(),
            found => format!("{name}={found}"),
        }
    });
    compare(row, expectation, &expectation.expected, &verdicts.collect::<Vec<_>>())
}

fn planner_note(row: &Row, expectation: &Expectation) -> Result<(), String> {
    let tree = row.variant(&expectation.arguments[0]);
    let (workspace, config) = (Workspace::scan(&tree).unwrap(), config(&tree));
    let snapshot = Snapshot::new(&workspace, &config, &SnapshotOptions::default(), None).unwrap();
    let text = expectation.expected.join(" ");
    let is_there = snapshot.notes.iter().any(|note| note.message.contains(&text));
    if is_there { Ok(()) } else { Err(format!("{}: no note {text:?} in {:?}", row.name, snapshot.notes)) }
}

fn verdict_of<T: PartialEq>(base: Option<&T>, found: Option<&T>, expected: &str) -> &'static str {
    match found {
        None => "refused",
        Some(_) if expected == "builds" => "builds",
        Some(found) if base == Some(found) => "same",
        Some(_) => "differs",
    }
}

#[test]
#[ignore = "needs go"]
fn go_keeps_every_rule() {
    let rows = rows(minor_of_go());
    let failures: Vec<String> = rows.par_iter().flat_map_iter(go_failures).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let failures: Vec<String> = rows.iter().flat_map(planner_failures).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The command in a folder, without what the environment may say to it.
fn go(folder: &Path) -> Command {
    let mut go = Command::new("go");
    go.current_dir(folder).env("GOFLAGS", "-buildvcs=false").env("GOPROXY", "off").env("GOTOOLCHAIN", "local");
    go.env("GOENV", "off").env_remove("GOWORK").env_remove("GOEXPERIMENT").env_remove("GO111MODULE");
    // With its index of a folder Go also rejects broken files that their names exclude.
    go.env("GODEBUG", "goindex=0");
    go
}

fn minor_of_go() -> u32 {
    let output = go(Path::new("/")).args(["env", "GOVERSION"]).output().unwrap();
    let version = String::from_utf8(output.stdout).unwrap();
    buildplan::go::modfile::go_version::minor(version.trim()).unwrap()
}

fn go_failures(row: &Row) -> Vec<String> {
    let asked = || row.expectations.iter().filter(|expectation| !expectation.of_planner_only);
    let mut failures = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap().join("r");
    fs::create_dir_all(root.join("../outside")).unwrap();
    fs::write(root.join("../outside/o.go"), "package o\n").unwrap();
    for expectation in asked().filter(|expectation| expectation.verb == "build") {
        failures.extend(go_build(row, expectation, &root).err());
    }
    write_tree(&row.variant("base"), &root);
    for at in asked().map(|expectation| &expectation.at).collect::<BTreeSet<_>>() {
        let imports: Vec<&Expectation> = asked().filter(|e| e.verb == "import" && e.at == *at).collect();
        failures.extend(go_imports(row, at.as_deref(), &imports, &root).into_iter().filter_map(Result::err));
    }
    for expectation in asked() {
        failures.extend(match &*expectation.verb {
            "build" | "import" => None,
            "language" => go_language(row, expectation, &root).err(),
            "includes" => go_includes(row, expectation, &root).err(),
            _ => go_folder(row, expectation, &root).err(),
        });
    }
    failures
}

fn write_tree(tree: &MemoryTree, root: &Path) {
    _ = fs::remove_dir_all(root);
    fs::create_dir_all(root).unwrap();
    for path in tree.paths() {
        let file = root.join(path.to_str().unwrap());
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let content = tree.read(path).unwrap();
        match tree.entry(path).unwrap().unwrap().kind {
            EntryKind::Symlink => std::os::unix::fs::symlink(str::from_utf8(&content).unwrap(), file).unwrap(),
            _ => fs::write(file, content).unwrap(),
        }
    }
}

/// The packages that a `go list -json` prints.
fn listed(go: &mut Command, arguments: &[&str]) -> Vec<Value> {
    let output = go.args(["list", "-e", "-json"]).args(arguments).output().unwrap();
    let packages: Vec<Value> =
        serde_json::Deserializer::from_slice(&output.stdout).into_iter().map(Result::unwrap).collect();
    assert!(!packages.is_empty(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    packages
}

fn strings(package: &Value, field: &str) -> Vec<String> {
    package[field].as_array().into_iter().flatten().map(|value| value.as_str().unwrap().to_owned()).collect()
}

fn go_folder(row: &Row, expectation: &Expectation, root: &Path) -> Result<(), String> {
    let platform = Platform::parse(if expectation.verb == "embeds" { "linux" } else { &expectation.arguments[0] });
    let folder = format!("./{}", expectation.folder());
    let packages = listed(&mut platform.go(root), &["-tags", platform.tags.unwrap_or_default(), &folder]);
    let package = &packages[0];
    let at_root = |name: String| match expectation.folder() {
        "." => name,
        folder => format!("{folder}/{name}"),
    };
    let fields: &[&str] = match &*expectation.verb {
        "embeds" => &["EmbedFiles"],
        "imports" => &["Imports"],
        _ => &[
            "GoFiles",
            "CgoFiles",
            "CFiles",
            "CXXFiles",
            "MFiles",
            "HFiles",
            "FFiles",
            "SFiles",
            "SwigFiles",
            "SwigCXXFiles",
            "SysoFiles",
        ],
    };
    let found = fields.iter().flat_map(|field| strings(package, field));
    let found: Vec<String> = match &*expectation.verb {
        // What cgo itself needs.
        "imports" => found.filter(|path| !matches!(&**path, "C" | "unsafe" | "syscall" | "runtime/cgo")).collect(),
        "main" => {
            let is_main = package["Name"] == "main" && found.count() > 0;
            vec![if is_main { "yes" } else { "no" }.to_owned()]
        }
        _ => found.map(at_root).collect(),
    };
    let error = package["Error"]["Err"].as_str().unwrap_or_default();
    if matches!(&*expectation.verb, "list" | "embeds") {
        check_error(row, expectation, error)?;
        if expectation.error.is_some() {
            let all: BTreeSet<&String> = expectation.expected.iter().collect();
            return match found.iter().all(|file| all.contains(file)) {
                true => Ok(()),
                false => Err(format!("{}: go lists {found:?}", row.name)),
            };
        }
    }
    compare(row, expectation, &expectation.expected, &found).map_err(|found| format!("go: {found}"))
}

fn check_error(row: &Row, expectation: &Expectation, error: &str) -> Result<(), String> {
    let as_expected = match &expectation.error {
        Some(text) => error.contains(text),
        None => error.is_empty(),
    };
    if as_expected { Ok(()) } else { Err(format!("{}: {:?}: go says {error:?}", row.name, expectation.arguments)) }
}

/// Asks for all imports of a row at once, from a package that has them.
fn go_imports(row: &Row, at: Option<&str>, imports: &[&Expectation], root: &Path) -> Vec<Result<(), String>> {
    if imports.is_empty() {
        return Vec::new();
    }
    let folder = root.join(at.map_or_else(|| row.main_folder(), str::to_owned));
    let mut source = "package importer\n".to_owned();
    source.extend(imports.iter().map(|import| format!("import _ \"{}\"\n", import.arguments[0])));
    fs::create_dir_all(folder.join("importer")).unwrap();
    fs::write(folder.join("importer/i.go"), source).unwrap();
    let mut go = go(&folder);
    if at.is_some() {
        go.env("GOWORK", "off");
    }
    let packages = listed(&mut go, &["-deps", "./importer"]);
    imports.iter().map(|import| go_import(row, import, &packages, root)).collect()
}

fn go_import(row: &Row, import: &Expectation, packages: &[Value], root: &Path) -> Result<(), String> {
    let path = &*import.arguments[0];
    let package = packages.iter().find(|package| package["ImportPath"] == path);
    let error = |package: &Value| package["Error"]["Err"].as_str().map(str::to_owned);
    if let Some(text) = &import.error {
        let own = package.and_then(error);
        let error = own.or_else(|| packages.iter().filter_map(error).find(|error| error.contains(text)));
        return check_error(row, import, &error.unwrap_or_default());
    }
    let Some(package) = package else { return Err(format!("{}: go does not list {path}", row.name)) };
    check_error(row, import, &error(package).unwrap_or_default())?;
    let dir = Path::new(package["Dir"].as_str().unwrap());
    let found = match package["Standard"] == true {
        true => "toolchain".to_owned(),
        false => dir.strip_prefix(root).unwrap_or(dir).to_string_lossy().into_owned(),
    };
    let expected = import.of_go.clone().map_or_else(|| import.expected.clone(), |of_go| vec![of_go]);
    compare(row, import, &expected, &[found]).map_err(|found| format!("go: {found}"))
}

fn go_language(row: &Row, expectation: &Expectation, root: &Path) -> Result<(), String> {
    // The version that the compiler is told.
    let mut go = go(root);
    let output = go.args(["build", "-n", "-a", &expectation.arguments[0]]).output().unwrap();
    let commands = String::from_utf8_lossy(&output.stderr).into_owned();
    let package = format!("-p {} ", expectation.arguments[0]);
    let compile = commands.lines().find(|line| line.contains("/compile ") && line.contains(&package));
    let found = compile.and_then(|line| line.split("-lang=go").nth(1)?.split(' ').next());
    compare(row, expectation, &expectation.expected, &[found.unwrap_or(&commands).to_owned()])
}

/// Without a file that it includes a package does not build. The Go file is changed as well, because Go itself does
/// not look at what is included.
fn go_includes(row: &Row, expectation: &Expectation, root: &Path) -> Result<(), String> {
    let file = root.join(expectation.folder()).join("p.go");
    let source = fs::read_to_string(&file).unwrap();
    let package = format!("./{}", expectation.folder());
    let build = |mark: &str| {
        fs::write(&file, format!("{source}\n// {mark}\n")).unwrap();
        let mut go = go(root);
        go.args(["build", "-o", "built", &package]).env("CGO_ENABLED", "1").env("CGO_CFLAGS_ALLOW", ".*");
        go.output().unwrap()
    };
    let complete = build("complete");
    if !complete.status.success() {
        return Err(format!("{}: {}", row.name, complaint(&complete)));
    }
    for file in &expectation.expected {
        let path = root.join(file);
        let aside = root.join("aside");
        fs::rename(&path, &aside).unwrap();
        let succeeds = build(file).status.success();
        fs::rename(&aside, &path).unwrap();
        if succeeds {
            return Err(format!("{}: go builds without {file}", row.name));
        }
    }
    Ok(())
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn go_build(row: &Row, expectation: &Expectation, root: &Path) -> Result<(), String> {
    let mut complaints = Vec::new();
    let mut program = |name: &str| {
        write_tree(&row.variant(name), root);
        let mut go = go(&root.join(expectation.folder()));
        let output = go.args(["build", "-trimpath", "-o", "program", "."]).env("CGO_ENABLED", "0").output().unwrap();
        complaints.push(format!("{name}: {}", complaint(&output)));
        output.status.success().then(|| fs::read(root.join(expectation.folder()).join("program")).unwrap())
    };
    let base = program("base");
    let verdicts: Vec<String> = expectation
        .expected
        .iter()
        .map(|word| match word.split_once('=').unwrap() {
            (_, "unknown") => word.clone(),
            (name, verdict) => format!("{name}={}", verdict_of(base.as_ref(), program(name).as_ref(), verdict)),
        })
        .collect();
    compare(row, expectation, &expectation.expected, &verdicts)
        .map_err(|found| format!("go: {found}\n{}", complaints.concat()))
}
