//! What version selection selects is what the `go` command selects: on generated module graphs, with workspaces,
//! replacements, exclusions, pre-releases and cycles, and all that old go lines change.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use buildplan::go::mode::{BuildList, ModFlag, Mode};
use buildplan::go::modfile::{ModuleVersion, Replace, ReplaceTarget, semver};
use buildplan::go::mvs::{Requirements, Selection, Stand, select};
use buildplan::go::workspace::Workspace;
use buildplan::repo::{MemoryTree, RepoPath};
use proptest::prelude::*;

use crate::proxy::{Proxy, output, write_tree};

/// Numbers from which everything else about a case follows. Fewer and smaller ones make a smaller case, and none an
/// empty one, so that a failure shrinks.
struct Choices<'b>(std::slice::Iter<'b, u8>);

impl Choices<'_> {
    fn below(&mut self, limit: usize) -> usize {
        usize::from(*self.0.next().unwrap_or(&0)) % limit
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// True in so many of 16 cases.
    fn odds(&mut self, sixteenths: usize) -> bool {
        self.below(16) >= 16 - sixteenths
    }
}

/// A repository and a proxy, both as txtar.
#[derive(Clone, Default)]
struct Case {
    repository: String,
    proxy: String,
    /// The folder of the main module; none in a workspace.
    main: Option<String>,
    /// The paths of the main modules.
    mains: Vec<String>,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\n{}\n--- proxy ---\n{}", self.repository, self.proxy)
    }
}

const GO_LINES: [&str; 6] = ["1.21", "1.20", "1.17", "1.16", "1.21.3", ""];
const VERSIONS: [&str; 7] =
    ["v1.0.0", "v1.1.0", "v1.10.0", "v1.2.0-rc.1", "v1.2.0-rc.1.0.20200101000000-0123456789ab", "v0.9.0", "v1.2.0"];
/// The modules that are published. The first ones are main modules as well.
const PATHS: [&str; 9] =
    ["ex.io/a", "ex.io/b", "ex.io/c", "ex.io/Upper", "ex.io/x", "ex.io/y", "ex.io/z", "ex.io/x/sub", "ex.io/d"];
const MAINS: usize = 3;
/// Folders that may stand for a module, beside the main modules.
const FOLDERS: [&str; 2] = ["lib0", "lib1"];

impl Case {
    fn new(bytes: &[u8]) -> Self {
        let choices = &mut Choices(bytes.iter());
        let mut case = Self::default();
        let mains = if choices.odds(10) { 1 + choices.below(MAINS) } else { 0 };
        if mains == 0 {
            case.main = Some("a".to_owned());
            case.add_main("a", choices);
        }
        for folder in ["a", "b", "c"].iter().take(mains) {
            case.add_main(folder, choices);
        }
        if mains > 0 {
            let uses: String = ["use ./a\n", "use ./b\n", "use ./c\n"][..mains].concat();
            let mut replace = replace_line(choices).replace("../", "./");
            // Go refuses this.
            if PATHS[..MAINS].iter().any(|main| replace.starts_with(&format!("replace {main} =>"))) {
                replace.clear();
            }
            let _ = write!(case.repository, "-- go.work --\ngo 1.24\n{uses}{replace}");
        }
        for folder in FOLDERS {
            let go_mod = go_mod(folder, choices, 3);
            let _ = write!(case.repository, "-- {folder}/go.mod --\n{go_mod}");
        }
        case.publish(choices);
        case
    }

    /// Publishes what the repository and what is published mention.
    fn publish(&mut self, choices: &mut Choices<'_>) {
        let mut mentioned: Vec<_> = mentions(&self.repository);
        let mut published = BTreeSet::new();
        while let Some((path, version)) = mentioned.pop() {
            if published.insert((path.clone(), version.clone())) {
                let go_mod = go_mod(&path, choices, 4);
                mentioned.extend(mentions(&go_mod));
                let _ = write!(self.proxy, "-- {path}@{version}/go.mod --\n{go_mod}");
            }
        }
    }

    fn add_main(&mut self, folder: &str, choices: &mut Choices<'_>) {
        let mut text = go_mod(&format!("ex.io/{folder}"), choices, 5);
        for _ in 0..choices.below(4) {
            let _ = writeln!(text, "exclude {} {}", choices.of(&PATHS), choices.of(&VERSIONS));
        }
        for _ in 0..choices.below(3) {
            text += &replace_line(choices);
        }
        let _ = write!(self.repository, "-- {folder}/go.mod --\n{text}");
        self.mains.push(format!("ex.io/{folder}"));
    }
}

/// The modules with versions in a text.
fn mentions(text: &str) -> Vec<(String, String)> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let pairs = words.windows(2).map(|pair| (pair[0], pair[1]));
    let modules = pairs.filter(|(path, version)| PATHS.contains(path) && VERSIONS.contains(version));
    modules.map(|(path, version)| (path.to_owned(), version.to_owned())).collect()
}

/// A go.mod that requires each module at most once.
fn go_mod(path: &str, choices: &mut Choices<'_>, most: usize) -> String {
    let mut text = format!("module {path}\n");
    let go = choices.of(&GO_LINES);
    if !go.is_empty() {
        let _ = writeln!(text, "go {go}");
    }
    let mut required = BTreeSet::from([path]);
    for _ in 0..choices.below(most) {
        let other = choices.of(&PATHS);
        if required.insert(other) {
            let comment = if choices.odds(4) { " // indirect" } else { "" };
            let _ = writeln!(text, "require {other} {}{comment}", choices.of(&VERSIONS));
        }
    }
    text
}

/// A replacement, or none.
fn replace_line(choices: &mut Choices<'_>) -> String {
    let (path, version) = (choices.of(&PATHS), choices.of(&VERSIONS));
    if !choices.odds(8) {
        return String::new();
    }
    let version = if choices.odds(8) { "" } else { version };
    let target = match choices.below(4) {
        0 => format!("../{}", choices.of(&FOLDERS)),
        1 => format!("../{}", choices.of(&["a", "lib0"])),
        2 => format!("{path} {}", choices.of(&VERSIONS)),
        _ => format!("{} {}", choices.of(&PATHS), choices.of(&VERSIONS)),
    };
    let space = if version.is_empty() { "" } else { " " };
    format!("replace {path}{space}{version} => {target}\n")
}

/// What version selection selects.
fn selected(case: &Case, proxy: &Proxy) -> Selection {
    let tree = MemoryTree::from_txtar(&case.repository);
    let workspace = Workspace::scan(&tree).unwrap();
    let mode = case
        .main
        .as_ref()
        .map_or(Mode::Workspace(RepoPath::root()), |main| Mode::Module(RepoPath::from_clean(main.as_bytes())));
    let list = BuildList::new(&workspace, mode, ModFlag::Auto).unwrap();
    select(&Requirements {
        mains: &list.mains,
        in_workspace: list.work_file.is_some(),
        stand_in: &|module| stand_in(&list, &workspace, module),
        go_mod: &|module| proxy.go_mod(module),
    })
}

/// The replacement that is in force (modload `replacementFrom`).
fn stand_in<'w>(list: &'w BuildList<'w>, workspace: &'w Workspace<'w>, module: &ModuleVersion) -> Stand<'w> {
    let work_file = list.work_file.iter().map(|file| (&file.dir, &file.go_work.replaces));
    let mains = list.mains.iter().map(|main| (&main.dir, &main.go_mod.replaces));
    let of_file = |(dir, replaces): (&'w RepoPath, &'w Vec<Replace>)| {
        let of_version = |version: Option<&str>| {
            replaces.iter().find(|replace| replace.path == module.path && replace.version.as_deref() == version)
        };
        of_version(Some(&module.version)).or_else(|| of_version(None)).map(|replace| (dir, replace))
    };
    // Go takes the last of several modules that replace it.
    match work_file.filter_map(of_file).next().or_else(|| mains.filter_map(of_file).last()) {
        None => Stand::Itself,
        Some((dir, replace)) => match &replace.target {
            ReplaceTarget::Module(other) => Stand::Module(other),
            ReplaceTarget::Folder(folder) => {
                let dir = dir.join(folder.as_bytes());
                Stand::Folder(dir.and_then(|dir| workspace.modules().get(&dir)).map(|module| &**module))
            }
        },
    }
}

/// What `go` selects in a folder: the highest version of each module in its graph; and the modules whose go.mod it
/// needed for that.
fn selected_by_go(dir: &Path, proxy: &Proxy) -> Result<(BTreeMap<String, String>, Vec<ModuleVersion>), String> {
    // With a version at hand `go mod graph` shows the graph even if go.mod is not tidy.
    let version = output(proxy.go(dir).args(["env", "GOVERSION"])).unwrap();
    let version = format!("-go={}", version.trim().trim_start_matches("go"));
    let graph = output(proxy.go(dir).args(["mod", "graph", &version]))?;
    let mut selected: BTreeMap<String, String> = BTreeMap::new();
    for word in graph.split_whitespace() {
        match word.split_once('@') {
            None | Some(("go" | "toolchain", _)) => {}
            Some((path, version)) => {
                let highest = selected.entry(path.to_owned()).or_default();
                if semver::compare(highest, version).is_lt() {
                    version.clone_into(highest);
                }
            }
        }
    }
    Ok((selected, proxy.fetched_go_mods()))
}

/// What `go list -m all` lists in a folder; `None` if it finds that go.mod is not tidy.
fn listed_by_go(dir: &Path, proxy: &Proxy) -> Option<BTreeMap<String, String>> {
    const FORMAT: &str = "{{if not .Main}}{{.Path}} {{.Version}}{{end}}";
    let list = output(proxy.go(dir).args(["list", "-m", "-f", FORMAT, "all"])).ok()?;
    Some(
        list.lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(path, version)| (path.to_owned(), version.to_owned()))
            .collect(),
    )
}

fn check(case: &Case) {
    let proxy = Proxy::from_txtar(&case.proxy);
    let folder = tempfile::tempdir().unwrap();
    write_tree(folder.path(), &case.repository);
    let dir = folder.path().join(case.main.as_deref().unwrap_or_default());
    let selection = selected(case, &proxy);
    let (versions, go_mods): (BTreeMap<_, _>, _) = match selected_by_go(&dir, &proxy) {
        Ok((versions, go_mods)) => {
            let is_main = |path: &String| case.mains.contains(path);
            (versions.into_iter().filter(|(path, _)| !is_main(path)).collect(), go_mods)
        }
        Err(complaint) if complaint.contains("conflicting replacements") => return,
        Err(complaint) => panic!("{case:?}\n{complaint}"),
    };
    assert_eq!(selection.unknown, BTreeSet::new(), "{case:?}");
    assert_eq!(selection.versions, versions, "{case:?}");
    assert_eq!(selection.asked.into_iter().collect::<Vec<_>>(), go_mods, "{case:?}");
    if let Some(listed) = listed_by_go(&dir, &proxy) {
        assert_eq!(selection.versions, listed, "{case:?}");
    }
}

fn case() -> impl Strategy<Value = Case> {
    proptest::collection::vec(any::<u8>(), 0..1200).prop_map(|bytes| Case::new(&bytes))
}

/// Few cases, since they are tried at every build; `PROPTEST_CASES` asks for more.
fn proptest_config() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig { cases: asked.unwrap_or(48), failure_persistence: None, ..ProptestConfig::default() }
}

/// A case of a graph that has a line for each go.mod, `path[@version] [go]: requirement …`. Those without a version are
/// main modules, in a workspace if there are several.
fn graph(text: &str) -> Case {
    let mut case = Case::default();
    for line in text.lines() {
        let (head, requires) = line.split_once(':').unwrap();
        let mut head = head.split_whitespace();
        let (name, go) = (head.next().unwrap(), head.next().unwrap_or("1.20"));
        let (path, version) = name.split_once('@').unwrap_or((name, ""));
        let mut go_mod = format!("module {path}\ngo {go}\n");
        for required in requires.split_whitespace() {
            let _ = writeln!(go_mod, "require {}", required.replace('@', " "));
        }
        match version {
            "" => {
                let _ = write!(case.repository, "-- {}/go.mod --\n{go_mod}", path.replace("ex.io/", ""));
                case.mains.push(path.to_owned());
            }
            _ => {
                let _ = write!(case.proxy, "-- {name}/go.mod --\n{go_mod}");
            }
        }
    }
    match &*case.mains {
        [main] => case.main = Some(main.replace("ex.io/", "")),
        mains => {
            let uses = mains.iter().map(|main| format!("use {}\n", main.replace("ex.io/", "./")));
            let _ = write!(case.repository, "-- go.work --\ngo 1.24\n{}", uses.collect::<Vec<_>>().concat());
        }
    }
    case
}

/// Graphs that chance finds too seldom.
const GRAPHS: [&str; 6] = [
    // A requirement that only the workspace sees.
    "ex.io/a: ex.io/z@v1.2.0\nex.io/b: ex.io/y@v1.0.0\nex.io/y@v1.0.0: ex.io/z@v1.5.0\nex.io/z@v1.2.0:\nex.io/z@v1.5.0:",
    // A published version of a workspace module has requirements.
    "ex.io/a: ex.io/b@v1.0.0\nex.io/b: ex.io/z@v1.2.0\nex.io/b@v1.0.0: ex.io/z@v1.5.0\nex.io/z@v1.2.0:\nex.io/z@v1.5.0:",
    // A module that is raised is followed one step further.
    "ex.io/a: ex.io/x@v1.0.0\nex.io/b: ex.io/w@v1.0.0\nex.io/x@v1.0.0:\nex.io/w@v1.0.0: ex.io/x@v1.1.0\n\
     ex.io/x@v1.1.0: ex.io/y@v1.0.0\nex.io/y@v1.0.0: ex.io/z@v1.0.0\nex.io/z@v1.0.0: ex.io/deep@v1.0.0",
    // A module that was raised is followed at every version that is selected.
    "ex.io/a: ex.io/p@v1.0.0\nex.io/b: ex.io/w@v1.0.0 ex.io/v@v1.0.0\nex.io/w@v1.0.0: ex.io/p@v1.1.0\n\
     ex.io/v@v1.0.0: ex.io/x@v1.1.0\nex.io/p@v1.0.0:\nex.io/p@v1.1.0: ex.io/x@v1.0.0\nex.io/p@v1.2.0:\n\
     ex.io/x@v1.0.0:\nex.io/x@v1.1.0: ex.io/k@v1.0.0\nex.io/k@v1.0.0: ex.io/p@v1.2.0 ex.io/x@v1.2.0\n\
     ex.io/x@v1.2.0: ex.io/y@v1.0.0\nex.io/y@v1.0.0: ex.io/z@v1.0.0",
    // What a version requires that is not selected any more raises nothing.
    "ex.io/a: ex.io/p@v1.0.0\nex.io/b: ex.io/w@v1.0.0\nex.io/w@v1.0.0: ex.io/p@v1.1.0\nex.io/p@v1.0.0:\n\
     ex.io/p@v1.1.0: ex.io/x@v1.0.0 ex.io/y@v1.0.0\nex.io/y@v1.0.0: ex.io/p@v1.2.0 ex.io/x@v1.1.0\nex.io/p@v1.2.0:\n\
     ex.io/x@v1.0.0:\nex.io/x@v1.1.0: ex.io/z@v1.0.0",
    // A release candidate of the go line is older than the release, pre-releases of modules are.
    "ex.io/a 1.17rc1: ex.io/x@v1.0.0-rc.1 ex.io/y@v1.0.0\nex.io/x@v1.0.0-rc.1: ex.io/z@v2.0.0+incompatible\n\
     ex.io/y@v1.0.0: ex.io/x@v1.0.0\nex.io/x@v1.0.0: ex.io/z@v1.9.0\nex.io/z@v1.9.0:\nex.io/z@v2.0.0+incompatible:",
];

#[test]
#[ignore = "needs go"]
fn versions_of_chosen_graphs_are_those_that_go_selects() {
    for text in GRAPHS {
        check(&graph(text));
    }
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    #[ignore = "needs go"]
    fn versions_of_generated_graphs_are_those_that_go_selects(case in case()) {
        check(&case);
    }
}
