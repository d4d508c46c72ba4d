//! Turns the requirements of the main modules and of all that they require into one version of every module: minimal
//! version selection over the module graph that the `go` command would load, pruned where it prunes.
//!
//! It reads no file and asks no network: go.mod texts of other modules come from the caller, and where one is missing
//! the outcome says so. It does not decide which of the selected modules provide packages.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use crate::go::modfile::{ModuleVersion, canonical_version, go_version, is_canonical_version, semver};
use crate::go::module::Module;

/// What the go.mod of a module outside the repository says that version selection needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExternalGoMod {
    /// The version of the `go` line.
    pub go: Option<String>,
    /// The `require` lines.
    pub requires: Vec<ModuleVersion>,
}

/// What stands in for a module at a version.
#[derive(Clone, Copy, Debug)]
pub enum Stand<'a> {
    /// Nothing: it is not replaced.
    Itself,
    /// Another module, or another version.
    Module(&'a ModuleVersion),
    /// A folder; `None` if it is not in the repository or has no go.mod.
    Folder(Option<&'a Module>),
}

/// All that decides which versions are selected.
#[derive(Clone, Copy)]
pub struct Requirements<'r> {
    /// The main modules: those of the workspace, or the one module.
    pub mains: &'r [Arc<Module>],
    /// Whether a go.work is in force.
    pub in_workspace: bool,
    /// The replacement in force for a module at a version. Main modules themselves are never asked about, published
    /// versions of them are.
    pub stand_in: &'r dyn Fn(&ModuleVersion) -> Stand<'r>,
    /// The go.mod of a module outside the repository, after replacement; `None` if it is not known.
    pub go_mod: &'r dyn Fn(&ModuleVersion) -> Option<Arc<ExternalGoMod>>,
}

/// The outcome of version selection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The selected version of each module in the graph, by module path; without the main modules.
    pub versions: BTreeMap<String, String>,
    /// What was needed and is not known: modules outside the repository without a go.mod, modules replaced by a folder
    /// that cannot be read, and versions that only the network can tell (`v1`, `main`). If there are any, `versions` are
    /// lower bounds, and modules may be missing (unless it is an `exclude` that has such a version).
    pub unknown: BTreeSet<ModuleVersion>,
    /// The modules outside the repository whose go.mod counts, after replacement, known or not.
    pub asked: BTreeSet<ModuleVersion>,
}

/// Selects the version of every module in the graph (modload `readModGraph`).
///
/// Without go.work and with go ≥ 1.17 a build uses what the main module lists (see [`listed`]). That is the same if
/// go.mod is tidy; otherwise `go` asks for updates to go.mod, or does not look at what differs.
pub fn select(requirements: &Requirements<'_>) -> Selection {
    let mut graph = Graph::new(requirements);
    for main in 0..graph.mains {
        graph.enqueue(main, Depth::Main);
    }
    graph.load_all();
    if requirements.in_workspace {
        Reload::new(&graph).run(&mut graph);
    }
    graph.finish()
}

/// The versions that the main modules list: the highest where one is listed several times. No other go.mod counts.
pub fn listed(requirements: &Requirements<'_>) -> Selection {
    let mut graph = Graph::new(requirements);
    for main in 0..graph.mains {
        graph.load(main);
    }
    graph.finish()
}

/// How far the requirements of a module are followed (modload `modPruning`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    /// As those of a main module: all of them count, and theirs as far as the module's go line says.
    Main,
    /// Only its own, unless it is too old to list all that it needs.
    Pruned,
    /// All, to the end.
    Full,
}

/// A module at a version in the graph; a main module has none.
struct Node {
    module: Arc<ModuleVersion>,
    path: usize,
    /// Its requirements, without excluded ones, once they are loaded.
    requires: Option<Arc<[usize]>>,
    /// Whether its requirements' requirements count only as far as they are listed (go ≥ 1.17).
    is_pruned: bool,
    /// The depths to which it is enqueued or loaded.
    reached: [bool; 3],
}

/// The module graph as far as it is loaded. Nodes and paths are numbers; the first nodes are the main modules.
struct Graph<'r> {
    requirements: Requirements<'r>,
    excluded: HashSet<&'r ModuleVersion>,
    mains: usize,
    nodes: Vec<Node>,
    by_module: HashMap<Arc<ModuleVersion>, usize>,
    by_path: HashMap<String, usize>,
    /// The selected node of each path.
    selected: Vec<usize>,
    /// The paths whose selected node was changed.
    changed: Vec<usize>,
    queue: Vec<(usize, Depth)>,
    outcome: Selection,
}

impl<'r> Graph<'r> {
    fn new(requirements: &Requirements<'r>) -> Self {
        let mut graph = Self {
            requirements: *requirements,
            excluded: requirements.mains.iter().flat_map(|main| &main.go_mod.excludes).collect(),
            mains: 0,
            nodes: Vec::new(),
            by_module: HashMap::new(),
            by_path: HashMap::new(),
            selected: Vec::new(),
            changed: Vec::new(),
            queue: Vec::new(),
            outcome: Selection::default(),
        };
        for main in requirements.mains {
            // Only the first of several modules of one path can be selected, but the requirements of all count.
            graph.add(&Arc::new(ModuleVersion { path: main.path().to_owned(), version: String::new() }));
        }
        graph.mains = graph.nodes.len();
        // What an exclusion of `v1` or `main` excludes is not known.
        let excludes = requirements.mains.iter().flat_map(|main| &main.go_mod.excludes);
        graph.outcome.unknown.extend(excludes.filter(|module| !is_canonical_version(&module.version)).cloned());
        graph
    }

    /// A new node, which is selected if no higher version of its path is.
    fn add(&mut self, module: &Arc<ModuleVersion>) -> usize {
        let node = self.nodes.len();
        let path = match self.by_path.get(&module.path) {
            Some(&path) => {
                self.raise(path, node, module);
                path
            }
            None => {
                self.by_path.insert(module.path.clone(), self.selected.len());
                self.changed.push(self.selected.len());
                self.selected.push(node);
                self.selected.len() - 1
            }
        };
        self.nodes.push(Node {
            module: Arc::clone(module),
            path,
            requires: None,
            is_pruned: false,
            reached: [false; 3],
        });
        node
    }

    fn raise(&mut self, path: usize, node: usize, module: &ModuleVersion) {
        let selected = &self.nodes[self.selected[path]].module;
        // The version of a main module, none, is above all others.
        if !selected.version.is_empty() && order(&selected.version, &module.version).is_lt() {
            self.selected[path] = node;
            self.changed.push(path);
        }
    }

    fn enqueue(&mut self, node: usize, depth: Depth) {
        let reached = &mut self.nodes[node].reached[depth as usize];
        if !*reached {
            *reached = true;
            self.queue.push((node, depth));
        }
    }

    /// Loads all that is enqueued, and what its depth makes it lead to.
    fn load_all(&mut self) {
        while let Some((node, depth)) = self.queue.pop() {
            let requires = self.load(node);
            let is_pruned = self.nodes[node].is_pruned;
            if depth == Depth::Pruned && is_pruned {
                continue;
            }
            let next = if is_pruned && depth != Depth::Full { Depth::Pruned } else { Depth::Full };
            for &required in &*requires {
                self.enqueue(required, next);
            }
        }
    }

    /// The requirements of a node (modload `goModSummary`).
    fn load(&mut self, node: usize) -> Arc<[usize]> {
        if let Some(requires) = &self.nodes[node].requires {
            return Arc::clone(requires);
        }
        let module = Arc::clone(&self.nodes[node].module);
        let mains = self.requirements.mains;
        let (go, requires) = match mains.get(node) {
            Some(main) => (main.go_mod.go.clone(), self.require_as_written(main)),
            None => match (self.requirements.stand_in)(&module) {
                Stand::Itself => self.require_of_external(&module),
                Stand::Module(other) => self.require_of_external(other),
                Stand::Folder(Some(folder)) => (folder.go_mod.go.clone(), self.require_all(required_by(folder))),
                Stand::Folder(None) => {
                    self.outcome.unknown.insert((*module).clone());
                    (None, Vec::new())
                }
            },
        };
        let requires: Arc<[usize]> = requires.into();
        self.nodes[node].is_pruned = go.is_some_and(|go| go_version::compare(&go, "1.17").is_ge());
        self.nodes[node].requires = Some(Arc::clone(&requires));
        requires
    }

    fn require_of_external(&mut self, module: &ModuleVersion) -> (Option<String>, Vec<usize>) {
        let go_mod = if is_canonical_version(&module.version) {
            self.outcome.asked.insert(module.clone());
            (self.requirements.go_mod)(module)
        } else {
            None
        };
        match go_mod {
            Some(go_mod) => (go_mod.go.clone(), self.require_all(go_mod.requires.iter())),
            None => {
                self.outcome.unknown.insert(module.clone());
                (None, Vec::new())
            }
        }
    }

    /// In a main module `go` asks the network what a version such as `v1` is, and writes down the answer.
    fn require_as_written(&mut self, main: &Module) -> Vec<usize> {
        required_by(main).filter_map(|required| self.require(required)).collect()
    }

    /// Anywhere else `v1` is short for `v1.0.0`.
    fn require_all<'a>(&mut self, requires: impl Iterator<Item = &'a ModuleVersion>) -> Vec<usize> {
        let require = |required: &ModuleVersion| match canonical_version(&required.version) {
            Some(version) if version != required.version => {
                self.require(&ModuleVersion { path: required.path.clone(), version })
            }
            _ => self.require(required),
        };
        requires.filter_map(require).collect()
    }

    fn require(&mut self, required: &ModuleVersion) -> Option<usize> {
        // `go` and `toolchain` are versions of Go, not modules.
        if matches!(required.path.as_str(), "go" | "toolchain") || self.excluded.contains(required) {
            return None;
        }
        if let Some(&node) = self.by_module.get(required) {
            return Some(node);
        }
        if !is_canonical_version(&required.version) {
            self.outcome.unknown.insert(required.clone());
            return None;
        }
        let module = Arc::new(required.clone());
        let node = self.add(&module);
        self.by_module.insert(module, node);
        Some(node)
    }

    fn finish(self) -> Selection {
        let selected = self.selected.iter().map(|&node| &self.nodes[node].module);
        let versions = selected.filter(|module| !module.version.is_empty());
        let versions = versions.map(|module| (module.path.clone(), module.version.clone())).collect();
        Selection { versions, ..self.outcome }
    }
}

/// A requirement by version, the lowest first.
struct Watch {
    required: Arc<ModuleVersion>,
    by: usize,
}

impl Ord for Watch {
    fn cmp(&self, other: &Self) -> Ordering {
        order(&self.required.version, &other.required.version).then_with(|| self.by.cmp(&other.by))
    }
}

impl PartialOrd for Watch {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Watch {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Watch {}

/// The second part of loading a workspace: when a module that may need all of its requirements requires less than what
/// is selected, the selected version may need all of its requirements too (the loop over `hasDepsInAll` in modload
/// `readModGraph`).
///
/// The rounds are those of `go`, since what is selected between two rounds decides what is loaded; in each only what the
/// last one changed is looked at.
struct Reload {
    /// For each path, whether a version of it may need all of its requirements.
    is_deep: Vec<bool>,
    /// For each node, whether it was loaded for that reason.
    is_seen: Vec<bool>,
    /// For each path, the requirements on it by nodes of that kind. Those of nodes that are no longer selected do not
    /// count.
    watches: Vec<BinaryHeap<Reverse<Watch>>>,
}

impl Reload {
    fn new(graph: &Graph<'_>) -> Self {
        let mut reload = Self { is_deep: Vec::new(), is_seen: Vec::new(), watches: Vec::new() };
        reload.grow(graph);
        reload
    }

    fn grow(&mut self, graph: &Graph<'_>) {
        self.is_deep.resize(graph.selected.len(), false);
        self.watches.resize_with(graph.selected.len(), BinaryHeap::new);
        self.is_seen.resize(graph.nodes.len(), false);
    }

    fn run(mut self, graph: &mut Graph<'_>) {
        let mut needed: Vec<usize> = (0..graph.mains).collect();
        while !needed.is_empty() {
            for &node in &needed {
                graph.enqueue(node, Depth::Main);
                self.is_seen[node] = true;
                self.is_deep[graph.nodes[node].path] = true;
            }
            graph.load_all();
            self.grow(graph);
            let mut touched = std::mem::take(&mut graph.changed);
            for &node in &needed {
                self.watch(graph, node, &mut touched);
            }
            touched.sort_unstable();
            touched.dedup();
            needed = touched.into_iter().filter_map(|path| self.need(graph, path)).collect();
        }
    }

    /// Watches the requirements of a node that was loaded, and notes their paths.
    fn watch(&mut self, graph: &Graph<'_>, node: usize, touched: &mut Vec<usize>) {
        for &required in graph.nodes[node].requires.iter().flat_map(|requires| requires.iter()) {
            let required = &graph.nodes[required];
            let watch = Watch { required: Arc::clone(&required.module), by: node };
            self.watches[required.path].push(Reverse(watch));
            touched.push(required.path);
        }
    }

    /// The selected node of a path, if it may need all of its requirements and is not loaded for that yet.
    fn need(&mut self, graph: &Graph<'_>, path: usize) -> Option<usize> {
        let selected = graph.selected[path];
        if self.is_seen[selected] {
            return None;
        }
        let is_needed = self.is_deep[path] || {
            let is_current =
                |watch: &Watch| watch.by < graph.mains || graph.selected[graph.nodes[watch.by].path] == watch.by;
            while self.watches[path].peek().is_some_and(|Reverse(watch)| !is_current(watch)) {
                self.watches[path].pop();
            }
            // A main module, which has no version, is never above a requirement.
            let version = &graph.nodes[selected].module.version;
            let lowest = self.watches[path].peek().map(|Reverse(watch)| &watch.required.version);
            lowest.is_some_and(|lowest| semver::compare(version, lowest).is_gt())
        };
        is_needed.then_some(selected)
    }
}

/// The versions that a go.mod of the repository requires.
fn required_by(module: &Module) -> impl Iterator<Item = &ModuleVersion> {
    module.go_mod.requires.iter().map(|require| &require.module)
}

/// The order in which versions are selected. Versions that differ in build metadata alone are equal for Go, and either
/// may be selected; here always the same.
fn order(a: &str, b: &str) -> Ordering {
    semver::compare(a, b).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::go::mode::{BuildList, ModFlag, Mode};
    use crate::go::modfile::{GoMod, Replace, ReplaceTarget, Strictness};
    use crate::go::workspace::Workspace;
    use crate::repo::{MemoryTree, RepoPath};

    /// What is selected in a workspace (if the tree has a go.work) or for the module `a`, as `path@version`, and after
    /// that with a `?` what is not known. `published` has a line for each go.mod: `path@version [go]: path@version …`.
    #[track_caller]
    fn check(tree: &str, published: &str, expected: &str) {
        assert_eq!(shown(tree, published, select), expected);
    }

    fn shown(tree: &str, published: &str, select: fn(&Requirements<'_>) -> Selection) -> String {
        let tree = MemoryTree::from_txtar(tree);
        let workspace = Workspace::scan(&tree).unwrap();
        let in_workspace = !workspace.work_files().is_empty();
        let mode =
            if in_workspace { Mode::Workspace(RepoPath::root()) } else { Mode::Module(RepoPath::from_clean(b"a")) };
        let list = BuildList::new(&workspace, mode, ModFlag::Auto).unwrap();
        let published = read_published(published);
        let replaces: Vec<_> = list.replaces().collect();
        let selection = select(&Requirements {
            mains: &list.mains,
            in_workspace,
            stand_in: &|module| stand_in(&replaces, &workspace, module),
            go_mod: &|module| published.get(module).cloned(),
        });
        let versions = selection.versions.iter().map(|(path, version)| format!("{path}@{version}"));
        versions.chain(selection.unknown.iter().map(|module| format!("?{module}"))).collect::<Vec<_>>().join(" ")
    }

    fn read_published(text: &str) -> BTreeMap<ModuleVersion, Arc<ExternalGoMod>> {
        let module = |word: &str| {
            let (path, version) = word.split_once('@').unwrap();
            ModuleVersion { path: path.to_owned(), version: version.to_owned() }
        };
        let lines = text.lines().map(|line| {
            let (head, requires) = line.split_once(':').unwrap();
            let mut head = head.split_whitespace();
            let name = module(head.next().unwrap());
            let requires = requires.split_whitespace().map(module).collect();
            (name, Arc::new(ExternalGoMod { go: head.next().map(str::to_owned), requires }))
        });
        lines.collect()
    }

    fn stand_in<'w>(
        replaces: &[(&RepoPath, &'w Replace)],
        workspace: &'w Workspace<'w>,
        module: &ModuleVersion,
    ) -> Stand<'w> {
        let of_version = |version: Option<&str>| {
            replaces.iter().find(|(_, replace)| replace.path == module.path && replace.version.as_deref() == version)
        };
        match of_version(Some(&module.version)).or_else(|| of_version(None)) {
            None => Stand::Itself,
            Some((from, replace)) => match &replace.target {
                ReplaceTarget::Module(other) => Stand::Module(other),
                ReplaceTarget::Folder(folder) => Stand::Folder(
                    from.join(folder.as_bytes()).and_then(|dir| workspace.modules().get(&dir)).map(|module| &**module),
                ),
            },
        }
    }

    /// A module in the folder `a`.
    fn module(go: &str, lines: &str) -> String {
        format!("-- a/go.mod --\nmodule ex.io/a\ngo {go}\n{lines}\n")
    }

    /// Two modules in a workspace.
    fn workspace(a: &str, b: &str) -> String {
        format!(
            "-- go.work --\ngo 1.25\nuse (\n./a\n./b\n)\n{}-- b/go.mod --\nmodule ex.io/b\ngo 1.25\n{b}\n",
            module("1.25", a)
        )
    }

    #[test]
    fn the_highest_of_the_required_versions_is_selected() {
        let published = "x@v1.0.0 1.16: z@v1.2.0\ny@v1.0.0 1.16: z@v1.10.0\nz@v1.2.0:\nz@v1.10.0:";
        let tree = module("1.16", "require x v1.0.0\nrequire y v1.0.0 // indirect");
        check(&tree, published, "x@v1.0.0 y@v1.0.0 z@v1.10.0");
        check(&module("1.25", ""), "", "");
    }

    #[test]
    fn versions_are_ordered_as_semantic_versions() {
        let highest = |versions: &[&str]| {
            let lines: Vec<_> = versions.iter().map(|version| format!("require z {version}")).collect();
            let published: Vec<_> = versions.iter().map(|version| format!("z@{version}:")).collect();
            shown(&module("1.16", &lines.join("\n")), &published.join("\n"), select)
        };
        assert_eq!(highest(&["v1.0.0-rc.10", "v1.0.0-rc.9", "v1.0.0-beta"]), "z@v1.0.0-rc.10");
        assert_eq!(highest(&["v1.0.0", "v1.0.0-rc.1"]), "z@v1.0.0");
        let pseudo = "v1.0.1-0.20200102000000-0123456789ab";
        assert_eq!(highest(&[pseudo, "v1.0.0", "v1.0.1-0.20200101000000-ffffffffffff"]), format!("z@{pseudo}"));
        assert_eq!(highest(&["v1.9.0", "v2.0.0+incompatible"]), "z@v2.0.0+incompatible");
    }

    #[test]
    fn requirements_of_pruned_modules_are_not_followed() {
        let published = |go: &str| format!("p@v1.0.0 {go}: q@v1.0.0\nq@v1.0.0 1.20: z@v1.0.0\nz@v1.0.0:");
        let tree = module("1.20", "require p v1.0.0");
        check(&tree, &published("1.20"), "p@v1.0.0 q@v1.0.0");
        check(&tree, &published("1.17rc1"), "p@v1.0.0 q@v1.0.0 z@v1.0.0");
        check(&tree, &published("1.16"), "p@v1.0.0 q@v1.0.0 z@v1.0.0");
        check(&tree, &published(""), "p@v1.0.0 q@v1.0.0 z@v1.0.0");
        // An old main module follows all.
        check(&module("1.16", "require p v1.0.0"), &published("1.20"), "p@v1.0.0 q@v1.0.0 z@v1.0.0");
    }

    #[test]
    fn a_module_reached_twice_is_followed_as_far_as_either_way_says() {
        let published = "new@v1.0.0 1.20: q@v1.0.0\nold@v1.0.0 1.16: q@v1.0.0\nq@v1.0.0 1.20: r@v1.0.0\n\
                         r@v1.0.0 1.20: z@v1.0.0\nz@v1.0.0:";
        check(
            &module("1.20", "require new v1.0.0\nrequire old v1.0.0"),
            published,
            "new@v1.0.0 old@v1.0.0 q@v1.0.0 r@v1.0.0 z@v1.0.0",
        );
    }

    #[test]
    fn in_a_workspace_the_requirements_of_a_module_count_in_all_others() {
        let published = "z@v1.2.0 1.20:\nz@v1.5.0 1.20:\ny@v1.0.0 1.20: z@v1.5.0";
        check(&module("1.25", "require z v1.2.0"), published, "z@v1.2.0");
        check(&workspace("require z v1.2.0", "require y v1.0.0"), published, "y@v1.0.0 z@v1.5.0");
    }

    #[test]
    fn in_a_workspace_raised_versions_are_followed_one_step_further() {
        // a lists x v1.0.0 but gets v1.1.0, whose requirement y is followed, and y's requirement z is in the graph.
        let published = "x@v1.0.0 1.20:\nw@v1.0.0 1.20: x@v1.1.0\nx@v1.1.0 1.20: y@v1.0.0\ny@v1.0.0 1.20: z@v1.0.0\n\
                         z@v1.0.0 1.20: deep@v1.0.0\ndeep@v1.0.0:";
        let both = workspace("require x v1.0.0", "require w v1.0.0");
        check(&both, published, "w@v1.0.0 x@v1.1.0 y@v1.0.0 z@v1.0.0");
        // Nothing is raised.
        check(&workspace("", "require w v1.0.0"), published, "w@v1.0.0 x@v1.1.0");
    }

    #[test]
    fn in_a_workspace_what_a_raised_module_requires_may_be_raised_too() {
        let published = "x@v1.0.0 1.20:\nx@v1.1.0 1.20: y@v1.0.0\ny@v1.0.0 1.20:\ny@v1.1.0 1.20: z@v1.0.0\n\
                         z@v1.0.0 1.20: q@v1.0.0\nw@v1.0.0 1.20: x@v1.1.0\nv@v1.0.0 1.20: y@v1.1.0\nq@v1.0.0:";
        let both = workspace("require x v1.0.0", "require w v1.0.0\nrequire v v1.0.0");
        check(&both, published, "q@v1.0.0 v@v1.0.0 w@v1.0.0 x@v1.1.0 y@v1.1.0 z@v1.0.0");
    }

    #[test]
    fn what_was_raised_once_is_followed_at_every_version() {
        // x is raised above what p wants, which raises x again and p to a version that does not want it any more.
        let published = "w@v1.0.0 1.20: p@v1.1.0\nv@v1.0.0 1.20: x@v1.1.0\np@v1.0.0 1.20:\np@v1.1.0 1.20: x@v1.0.0\n\
                         p@v1.2.0 1.20:\nx@v1.0.0 1.20:\nx@v1.1.0 1.20: k@v1.0.0\nk@v1.0.0 1.20: p@v1.2.0 x@v1.2.0\n\
                         x@v1.2.0 1.20: y@v1.0.0\ny@v1.0.0 1.20: z@v1.0.0";
        let tree = workspace("require p v1.0.0", "require w v1.0.0\nrequire v v1.0.0");
        check(&tree, published, "k@v1.0.0 p@v1.2.0 v@v1.0.0 w@v1.0.0 x@v1.2.0 y@v1.0.0 z@v1.0.0");
    }

    #[test]
    fn what_versions_require_that_are_not_selected_raises_nothing() {
        // p v1.1.0 wants less of x than is selected, but is not selected itself by then.
        let published = "w@v1.0.0 1.20: p@v1.1.0\np@v1.0.0 1.20:\np@v1.1.0 1.20: x@v1.0.0 y@v1.0.0\n\
                         y@v1.0.0 1.20: p@v1.2.0 x@v1.1.0\np@v1.2.0 1.20:\nx@v1.0.0 1.20:\nx@v1.1.0 1.20: z@v1.0.0";
        let tree = workspace("require p v1.0.0", "require w v1.0.0");
        check(&tree, published, "p@v1.2.0 w@v1.0.0 x@v1.1.0 y@v1.0.0");
    }

    #[test]
    fn a_published_version_of_a_workspace_module_has_requirements() {
        let published = "ex.io/b@v1.0.0 1.20: z@v1.5.0\nz@v1.5.0:\nz@v1.2.0:";
        check(&workspace("require ex.io/b v1.0.0", "require z v1.2.0"), published, "z@v1.5.0");
        let replaced = workspace("require ex.io/b v1.0.0\nreplace ex.io/b => ../b", "require z v1.2.0");
        check(&replaced, published, "z@v1.2.0");
        check(&workspace("require ex.io/b v0.0.0", ""), published, "?ex.io/b@v0.0.0");
    }

    #[test]
    fn a_replaced_module_requires_what_its_replacement_requires() {
        let published = "q@v1.0.0: z@v1.5.0\nfork@v1.0.0: z@v1.2.0\nz@v1.2.0:\nz@v1.5.0:";
        let tree = |line: &str| module("1.16", &format!("require q v1.0.0\n{line}"));
        check(&tree(""), published, "q@v1.0.0 z@v1.5.0");
        check(&tree("replace q => fork v1.0.0"), published, "q@v1.0.0 z@v1.2.0");
        check(&tree("replace q v1.1.0 => fork v1.0.0"), published, "q@v1.0.0 z@v1.5.0");
        check(&tree("replace q v1.0.0 => fork main"), published, "q@v1.0.0 ?fork@main");
        let folder = tree("replace q => ../q") + "-- q/go.mod --\nmodule other\nrequire z v1.2\n";
        check(&folder, published, "q@v1.0.0 z@v1.2.0");
        check(&tree("replace q => ../q"), published, "q@v1.0.0 ?q@v1.0.0");
    }

    #[test]
    fn replacements_of_every_module_count_for_all() {
        let published = "q@v1.0.0: z@v1.5.0\nfork@v1.0.0: z@v1.2.0\nz@v1.2.0:\nz@v1.5.0:";
        let tree = workspace("require q v1.0.0", "replace q => fork v1.0.0");
        check(&tree, published, "q@v1.0.0 z@v1.2.0");
        let in_work_file = tree.replace("use (", "replace q v1.0.0 => q v1.0.0\nuse (");
        check(&in_work_file, published, "q@v1.0.0 z@v1.5.0");
    }

    #[test]
    fn excluded_versions_are_required_by_nobody() {
        let published = "y@v1.0.0: z@v1.5.0 q@v1.0.0\nz@v1.2.0:\nq@v1.0.0:";
        check(&module("1.16", "require z v1.5.0\nexclude z v1.5.0"), "", "");
        let lines = "require y v1.0.0\nrequire z v1.2.0\nexclude z v1.5.0";
        check(&module("1.16", lines), published, "q@v1.0.0 y@v1.0.0 z@v1.2.0");
        let both = workspace("require y v1.0.0\nrequire z v1.2.0", "exclude (\nz v1.5.0\nq v1.0.0\n)");
        check(&both, published, "y@v1.0.0 z@v1.2.0");
    }

    #[test]
    fn cycles_end() {
        let published = "x@v1.0.0: y@v1.0.0\ny@v1.0.0: x@v1.1.0 ex.io/a@v1.0.0\nx@v1.1.0: y@v1.1.0\n\
                         y@v1.1.0: x@v1.1.0\nex.io/a@v1.0.0: x@v1.0.0";
        check(&module("1.16", "require x v1.0.0"), published, "x@v1.1.0 y@v1.1.0");
        check(&workspace("require x v1.0.0", "require y v1.0.0"), published, "x@v1.1.0 y@v1.1.0");
    }

    #[test]
    fn what_the_network_would_tell_is_unknown() {
        let published = "x@v1.0.0 1.20: y@v1 z@main go@1.20 toolchain@go1.20\ny@v1.0.0:";
        check(&module("1.20", "require x v1.0.0"), published, "x@v1.0.0 y@v1.0.0 ?z@main");
        check(&module("1.20", "require x v1"), published, "?x@v1");
        check(&module("1.20", "require x v1.0.0"), "", "x@v1.0.0 ?x@v1.0.0");
        check(&module("1.20", "exclude x v1"), "", "?x@v1");
    }

    #[test]
    fn go_mods_that_prunings_cut_off_are_not_asked_for() {
        let tree = module("1.20", "require p v1.0.0");
        check(&tree, "p@v1.0.0 1.20: q@v1.0.0", "p@v1.0.0 q@v1.0.0");
    }

    #[test]
    fn the_listed_versions_are_those_of_the_main_module() {
        // y needs a newer z, but a build that uses only z does not look.
        let published = "y@v1.0.0 1.20: z@v1.5.0\nz@v1.2.0 1.20:\nz@v1.1.0 1.20:";
        let tree = module("1.21", "require y v1.0.0\nrequire z v1.2.0\nrequire z v1.1.0");
        check(&tree, published, "y@v1.0.0 z@v1.5.0");
        assert_eq!(shown(&tree, published, listed), "y@v1.0.0 z@v1.2.0");
    }

    /// Each module raises the version of the next, and of two that all require: as many rounds as there are modules.
    #[test]
    fn large_graphs_take_little_time() {
        const SIZE: usize = 5_000;
        let module = |path: String, version: usize| ModuleVersion { path, version: format!("v1.{version}.0") };
        let go_mod = |wanted: &ModuleVersion| {
            let number: usize = wanted.path.strip_prefix('m')?.parse().ok()?;
            let requires = match number {
                SIZE => vec![],
                _ => vec![
                    module(format!("m{}", number + 1), 0),
                    module(format!("m{}", number + 1), 1),
                    module("common".to_owned(), number),
                    module("m0".to_owned(), number),
                ],
            };
            Some(Arc::new(ExternalGoMod { go: Some("1.20".to_owned()), requires }))
        };
        for (go, in_workspace) in [("1.16", false), ("1.20", true)] {
            let text =
                format!("module ex.io/a\ngo {go}\nrequire m0 v1.0.0\nrequire m1 v1.0.0\nrequire common v1.0.0\n");
            let go_mod_file = GoMod::parse(text.as_bytes(), Strictness::MainModule);
            let dir = RepoPath::root();
            let go_sum = crate::go::modfile::GoSum::default();
            let main = Module { dir, go_mod: go_mod_file, go_as_dependency: None, go_sum, vendor: None };
            let selection = select(&Requirements {
                mains: &[Arc::new(main)],
                in_workspace,
                stand_in: &|_| Stand::Itself,
                go_mod: &|module| go_mod(module).or_else(|| Some(Arc::default())),
            });
            assert_eq!(selection.versions.len(), SIZE + 2, "{go}");
            assert_eq!(selection.unknown.len(), 0);
        }
    }
}
