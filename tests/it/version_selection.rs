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

use crate::modules::{Choices, Modules, proptest_config};
use crate::proxy::{Proxy, output, write_tree};

const GO_LINES: [&str; 6] = ["1.21", "1.20", "1.17", "1.16", "1.21.3", "-"];
const VERSIONS: [&str; 7] =
    ["v1.0.0", "v1.1.0", "v1.10.0", "v1.2.0-rc.1", "v1.2.0-rc.1.0.20200101000000-0123456789ab", "v0.9.0", "v1.2.0"];
/// The modules that are published. The first three are main modules as well.
const PATHS: [&str; 9] = ["a", "b", "c", "Upper", "x", "y", "z", "x/sub", "d"];
const MAINS: [&str; 3] = ["a", "b", "c"];
/// Folders that may stand for a module, beside the main modules.
const FOLDERS: [&str; 2] = ["lib0", "lib1"];

fn case(choices: &mut Choices<'_>) -> Modules {
    let mut text = String::new();
    let mains = if choices.odds(10) { &MAINS[..=choices.below(MAINS.len())] } else { &[] };
    for main in if mains.is_empty() { &MAINS[..1] } else { mains } {
        text += &required_by(main, choices, 5);
        for _ in 0..choices.below(4) {
            let _ = write!(text, " exclude {}@{}", choices.of(&PATHS), choices.of(&VERSIONS));
        }
        for _ in 0..choices.below(3) {
            text += &replacement(choices);
        }
        text.push('\n');
    }
    if !mains.is_empty() {
        // Go refuses to replace a module of the workspace at all versions.
        let replacement = replacement(choices);
        let is_refused = MAINS.iter().any(|main| replacement.starts_with(&format!(" replace {main}=>")));
        let replacement = if is_refused { "" } else { &replacement };
        let _ = writeln!(text, "work 1.24 use {}{replacement}", mains.join(" "));
    }
    for folder in FOLDERS {
        text += &required_by(folder, choices, 4);
        text.push('\n');
    }
    // What is mentioned is published.
    let mut published = BTreeSet::new();
    let mut mentioned = Modules::mentions(&text);
    while let Some(name) = mentioned.pop_first() {
        if published.insert(name.clone()) {
            let line = required_by(&name, choices, 4);
            mentioned.extend(Modules::mentions(&line));
            text += &line;
            text.push('\n');
        }
    }
    Modules(text)
}

/// A module that requires each other at most once.
fn required_by(name: &str, choices: &mut Choices<'_>, most: usize) -> String {
    let mut line = format!("{name} {}", choices.of(&GO_LINES));
    let mut required = BTreeSet::from([name.split('@').next().unwrap_or_default()]);
    for _ in 0..choices.below(most) {
        let other = choices.of(&PATHS);
        if required.insert(other) {
            let _ = write!(line, " require {other}@{}", choices.of(&VERSIONS));
        }
    }
    line
}

/// A replacement, or none.
fn replacement(choices: &mut Choices<'_>) -> String {
    if !choices.odds(8) {
        return String::new();
    }
    let path = choices.of(&PATHS);
    let version = if choices.odds(8) { String::new() } else { format!("@{}", choices.of(&VERSIONS)) };
    let target = match choices.below(4) {
        0 => format!("../{}", choices.of(&FOLDERS)),
        1 => format!("../{}", choices.of(&["a", "lib0"])),
        2 => format!("{path}@{}", choices.of(&VERSIONS)),
        _ => format!("{}@{}", choices.of(&PATHS), choices.of(&VERSIONS)),
    };
    format!(" replace {path}{version}=>{target}")
}

/// What version selection selects.
fn selected(repository: &str, mode: Mode, proxy: &Proxy) -> Selection {
    let tree = MemoryTree::from_txtar(repository);
    let workspace = Workspace::scan(&tree).unwrap();
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
    match work_file.chain(mains.rev()).find_map(of_file) {
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

fn check(modules: &Modules) {
    let (repository, proxy) = (modules.repository(), Proxy::from_txtar(&modules.published()));
    let folder = tempfile::tempdir().unwrap();
    write_tree(folder.path(), &repository);
    let (dir, mode) = match modules.have_work_file() {
        true => (folder.path().to_owned(), Mode::Workspace(RepoPath::root())),
        false => (folder.path().join("a"), Mode::Module(RepoPath::from_clean(b"a"))),
    };
    let selection = selected(&repository, mode, &proxy);
    let by_go = selected_by_go(&dir, &proxy);
    if by_go.as_ref().is_err_and(|complaint| complaint.contains("conflicting replacements")) {
        return;
    }
    let (mut versions, go_mods) = by_go.map_err(|complaint| format!("{modules:?}{complaint}")).unwrap();
    let mains: Vec<_> = modules.programs().into_iter().map(|main| format!("ex.io/{main}")).collect();
    versions.retain(|path, _| !mains.contains(path));
    assert_eq!(selection.unknown, BTreeSet::new(), "{modules:?}");
    assert_eq!(selection.versions, versions, "{modules:?}");
    assert_eq!(selection.asked.into_iter().collect::<Vec<_>>(), go_mods, "{modules:?}");
    if let Some(listed) = listed_by_go(&dir, &proxy) {
        assert_eq!(selection.versions, listed, "{modules:?}");
    }
}

/// Graphs that chance finds too seldom.
const GRAPHS: [&str; 6] = [
    // A requirement that only the workspace sees.
    "work 1.24 use a b\na 1.20 require z@v1.2.0\nb 1.20 require y@v1.0.0\ny@v1.0.0 1.20 require z@v1.5.0\n\
     z@v1.2.0 1.20\nz@v1.5.0 1.20",
    // A published version of a workspace module has requirements.
    "work 1.24 use a b\na 1.20 require b@v1.0.0\nb 1.20 require z@v1.2.0\nb@v1.0.0 1.20 require z@v1.5.0\n\
     z@v1.2.0 1.20\nz@v1.5.0 1.20",
    // A module that is raised is followed one step further.
    "work 1.24 use a b\na 1.20 require x@v1.0.0\nb 1.20 require w@v1.0.0\nx@v1.0.0 1.20\n\
     w@v1.0.0 1.20 require x@v1.1.0\nx@v1.1.0 1.20 require y@v1.0.0\ny@v1.0.0 1.20 require z@v1.0.0\n\
     z@v1.0.0 1.20 require deep@v1.0.0",
    // A module that was raised is followed at every version that is selected.
    "work 1.24 use a b\na 1.20 require p@v1.0.0\nb 1.20 require w@v1.0.0 v@v1.0.0\nw@v1.0.0 1.20 require p@v1.1.0\n\
     v@v1.0.0 1.20 require x@v1.1.0\np@v1.0.0 1.20\np@v1.1.0 1.20 require x@v1.0.0\np@v1.2.0 1.20\nx@v1.0.0 1.20\n\
     x@v1.1.0 1.20 require k@v1.0.0\nk@v1.0.0 1.20 require p@v1.2.0 x@v1.2.0\nx@v1.2.0 1.20 require y@v1.0.0\n\
     y@v1.0.0 1.20 require z@v1.0.0",
    // What a version requires that is not selected any more raises nothing.
    "work 1.24 use a b\na 1.20 require p@v1.0.0\nb 1.20 require w@v1.0.0\nw@v1.0.0 1.20 require p@v1.1.0\n\
     p@v1.0.0 1.20\np@v1.1.0 1.20 require x@v1.0.0 y@v1.0.0\ny@v1.0.0 1.20 require p@v1.2.0 x@v1.1.0\np@v1.2.0 1.20\n\
     x@v1.0.0 1.20\nx@v1.1.0 1.20 require z@v1.0.0",
    // With a release candidate of 1.17 all is followed; with incompatible versions.
    "a 1.17rc1 require x@v1.0.0-rc.1 y@v1.0.0\nx@v1.0.0-rc.1 1.20 require z@v2.0.0+incompatible\n\
     y@v1.0.0 1.20 require x@v1.0.0\nx@v1.0.0 1.20 require z@v1.9.0\nz@v1.9.0 1.20\nz@v2.0.0+incompatible 1.20",
];

#[test]
#[ignore = "needs go"]
fn versions_of_chosen_graphs_are_those_that_go_selects() {
    for text in GRAPHS {
        check(&Modules(text.to_owned()));
    }
}

proptest! {
    #![proptest_config(proptest_config(48))]

    #[test]
    #[ignore = "needs go"]
    fn versions_of_generated_graphs_are_those_that_go_selects(modules in Choices::cases(case)) {
        check(&modules);
    }
}
