//! Turns one way to build (a target, and a go.work or go.mod) into what all services built that way share: the package
//! graph, the digests of its packages, and the facts of the build list.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::BackEdges;
use crate::fingerprint::closure::ClosureDigests;
use crate::fingerprint::external::external_items;
use crate::fingerprint::item::{Fact, Item, Subject, digest_of};
use crate::go::closure::included_files;
use crate::go::mode::{BuildList, ModFlag, Mode};
use crate::go::modfile::go_version;
use crate::go::refusal::refusal;
use crate::go::workspace::Workspace;
use crate::graph::{GraphOptions, NodeId, PackageGraph, Part, Root};
use crate::repo::{Digest, RepoPath, TreeError};
use crate::service::Program;
use crate::service::target::TargetSpec;

/// What tells two contexts apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContextKey {
    /// What is built for.
    pub target: TargetSpec,
    /// Which go.work or go.mod is in force.
    pub mode: Mode,
    /// What `-mod` says.
    pub mod_flag: ModFlag,
    /// Whether external modules may import packages of the repository.
    pub strict: bool,
}

/// All that the services built one way share.
pub struct Context {
    /// What tells it apart.
    pub key: ContextKey,
    /// The packages.
    pub graph: PackageGraph,
    /// Their digests.
    pub digests: ClosureDigests,
    /// Go version, godebug and toolchain of the go.work or main go.mod.
    pub facts: Vec<Item>,
    /// The bound on external modules, for services that import any.
    pub external: Vec<Item>,
    /// The digest of `external`.
    pub external_digest: Digest,
    /// The first import of which it is not known which external module provides it, and a package that has it.
    pub uncovered: Option<(Arc<str>, Arc<str>)>,
    /// Why Go builds nothing this way.
    pub refused: Option<String>,
    programs: BTreeSet<RepoPath>,
}

/// What a context is made for.
pub struct ContextRequest {
    /// Which context.
    pub key: ContextKey,
    /// The folders of the main packages.
    pub programs: BTreeSet<RepoPath>,
    /// Whether the graph holds every package and its tests, not only what the programs import.
    pub everything: bool,
}

impl Context {
    /// Builds a context; `None` if its go.work or go.mod is not there.
    pub fn new(workspace: &Workspace<'_>, request: ContextRequest) -> Result<Option<Self>, TreeError> {
        let ContextRequest { key, programs, everything } = request;
        let Some(list) = BuildList::new(workspace, key.mode.clone(), key.mod_flag) else { return Ok(None) };
        let target = key.target.resolve(minimum_minor(&list));
        let mut folders = programs.clone();
        if everything {
            folders.extend(packages_of(workspace, &list).map(|root| root.place.dir.clone()));
        }
        let roots: Vec<Root> = folders.iter().filter_map(|dir| root(&list, dir)).collect();
        let importable_from_outside = if key.strict { importable(&list) } else { Vec::new() };
        let options = GraphOptions { tests: everything, importable_from_outside };
        let graph = PackageGraph::build(workspace, &list, &target, &roots, &options)?;
        let digests = ClosureDigests::new(&graph);
        let uncovered = first_uncovered(&graph);
        let external = if uncovered.is_some() { external_items(&list) } else { Vec::new() };
        Ok(Some(Self {
            refused: refusal(workspace, &key.mode, key.mod_flag),
            graph,
            digests,
            facts: facts(&list),
            external_digest: digest_of("external modules", &external),
            external,
            uncovered,
            programs,
            key,
        }))
    }

    /// Whether this context, made for a workspace of the same layout, is what the request would give for this one: no
    /// package in it has other source.
    pub fn still_holds(&self, workspace: &Workspace<'_>, request: &ContextRequest) -> Result<bool, TreeError> {
        if self.programs != request.programs || request.everything {
            return Ok(false);
        }
        for known in self.graph.nodes().filter_map(|(_, node)| node.folder()) {
            let Some(source) = workspace.folder(&known.place.dir)? else { return Ok(false) };
            if !Arc::ptr_eq(&source, &known.source) && !source.is_same(&known.source) {
                return Ok(false);
            }
            // Included files lie anywhere.
            if !source.is_pure_go() && included_files(workspace.tree(), &source, &known.package)? != known.includes {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The node of the program in a folder.
    pub fn program(&self, dir: &RepoPath) -> Option<NodeId> {
        self.graph.find_folder(dir, Part::Package)
    }

    /// The nodes of all programs of a service.
    pub fn programs(&self, program: &Program) -> impl Iterator<Item = NodeId> {
        program.dirs().filter_map(|dir| self.program(dir))
    }
}

/// A folder of a main module as a package to start from.
pub fn root(list: &BuildList<'_>, dir: &RepoPath) -> Option<Root> {
    Some(Root { import_path: list.import_path(dir)?.into(), place: list.main_package(dir)? })
}

fn first_uncovered(graph: &PackageGraph) -> Option<(Arc<str>, Arc<str>)> {
    let imports = graph.nodes().flat_map(|(_, node)| node.imports.iter().map(move |import| (node, import)));
    let unknown = imports.filter(|(_, (_, meaning))| meaning.is_unknown());
    unknown.map(|(node, (used, _))| (Arc::clone(&used.path), Arc::clone(&node.import_path))).min()
}

/// The packages that patterns find in the main modules.
pub fn packages_of<'l>(workspace: &'l Workspace<'_>, list: &'l BuildList<'_>) -> impl Iterator<Item = Root> + 'l {
    let folders = workspace.packages().filter(|(_, module)| list.has_main(&module.dir));
    folders.filter_map(|(folder, _)| root(list, &folder.path))
}

/// The packages that another module could import: not internal, and of a module path that can be fetched.
fn importable(list: &BuildList<'_>) -> Vec<Root> {
    let is_importable = |path: &str| {
        let published = path.split('/').next().is_some_and(|first| first.contains('.'));
        published && path.split('/').all(|element| element != "internal")
    };
    let packages = list.packages().into_iter().filter(|(path, _)| is_importable(path));
    packages.map(|(path, place)| Root { import_path: path.into(), place }).collect()
}

/// What the go lines say the toolchain is at least.
fn minimum_minor(list: &BuildList<'_>) -> u32 {
    let of_work_file = list.work_file.iter().filter_map(|file| file.go_work.go.as_deref());
    let versions = of_work_file.chain(list.mains.iter().filter_map(|main| main.go_mod.go.as_deref()));
    versions.filter_map(go_version::minor).max().unwrap_or(1)
}

/// In a workspace the go.work speaks for all its modules; without, the main module speaks for itself.
fn facts(list: &BuildList<'_>) -> Vec<Item> {
    let (go, godebug, toolchain) = match (&list.work_file, list.mains.first()) {
        (Some(file), _) => {
            let go_work = &file.go_work;
            (go_work.go.as_deref().unwrap_or("1.18"), &go_work.godebug[..], go_work.toolchain.as_deref())
        }
        (None, Some(main)) => {
            let go_mod = &main.go_mod;
            (go_mod.go.as_deref().unwrap_or("1.16"), &go_mod.godebug[..], go_mod.toolchain.as_deref())
        }
        (None, None) => ("", &[][..], None),
    };
    let mut godebug: Vec<String> = godebug.iter().map(|(name, value)| format!("{name}={value}")).collect();
    godebug.sort_unstable();
    vec![
        Item::text(Subject::Fact(Fact::GoVersion), go),
        Item::text(Subject::Fact(Fact::Godebug), godebug.join(",")),
        Item::text(Subject::Fact(Fact::Toolchain), toolchain.unwrap_or_default()),
    ]
}

/// How `[go] back-edges` reads as a part of the key.
pub fn is_strict(back_edges: BackEdges) -> bool {
    back_edges == BackEdges::Strict
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::fingerprint::{Snapshot, SnapshotOptions};
    use crate::repo::MemoryTree;

    /// Whether a change of one file gives the only service another fingerprint.
    #[track_caller]
    fn check(back_edges: &str, changed: &str, expected: bool) {
        let mut tree = MemoryTree::from_txtar(
            "-- go.mod --\nmodule ex.io/m\ngo 1.24\nrequire ext.io/y v1.0.0\nrequire ext.io/z v1.0.0\n\
             replace ext.io/z => ./fork\n-- main.go --\npackage main\nimport \"ext.io/y\"\n-- lib/lib.go --\n\
             package lib\n-- lib/internal/x/x.go --\npackage x\n-- fork/go.mod --\nmodule ext.io/z\n\
             -- fork/z.go --\npackage z\n",
        );
        let config = Config::parse(format!("[go]\nback-edges = \"{back_edges}\"\n").as_bytes()).unwrap();
        let fingerprint = |tree: &MemoryTree| {
            let workspace = Workspace::scan(tree).unwrap();
            let snapshot = Snapshot::new(&workspace, &config, &SnapshotOptions::default(), None).unwrap();
            snapshot.services["m"].fingerprint
        };
        let before = fingerprint(&tree);
        tree.insert(changed, "package changed\n");
        assert_eq!(fingerprint(&tree) != before, expected, "{back_edges} {changed}");
    }

    #[test]
    fn strict_back_edges_reach_all_that_an_external_module_can_import() {
        for (changed, expected) in [("lib/lib.go", true), ("fork/z.go", true), ("lib/internal/x/x.go", false)] {
            check("strict", changed, expected);
            check("assume-none", changed, false);
        }
    }
}
