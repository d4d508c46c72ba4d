//! Turns a build list, a target and some packages to start from into the graph of all packages that they import.
//!
//! It knows who imports whom and by which chain, and gives petgraph to nobody. It never hashes, and never decides
//! what an import means.

mod reach;

use std::collections::HashMap;
use std::sync::Arc;

use petgraph::graph::{DiGraph, NodeIndex};
use rayon::prelude::*;

use crate::go::closure::{included_files, test_data};
use crate::go::folder::GoFolder;
use crate::go::mode::{BuildList, PackageFolder, Resolution};
use crate::go::package::{ImportUse, Package};
use crate::go::source::Target;
use crate::go::workspace::Workspace;
use crate::repo::{Digest, Hasher, Identity, RepoPath, TreeError};

pub use reach::Reach;

/// The packages that some roots import, directly or not.
pub struct PackageGraph {
    graph: DiGraph<Node, ()>,
    index: HashMap<(Arc<str>, PackageKey), NodeId>,
    by_folder: HashMap<PackageKey, NodeId>,
    components: Vec<Vec<NodeId>>,
}

/// The place of a package in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

impl NodeId {
    /// The place as an index into a list of all nodes.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    fn petgraph(self) -> NodeIndex {
        NodeIndex::new(self.index())
    }
}

impl From<NodeIndex> for NodeId {
    fn from(index: NodeIndex) -> Self {
        // petgraph's own index is 32 bits wide.
        Self(u32::try_from(index.index()).unwrap_or(u32::MAX))
    }
}

/// What tells two packages of one import path apart.
type PackageKey = (RepoPath, Part);

/// Which part of a folder a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// What `go build` compiles.
    Package,
    /// What `go test` adds.
    Tests,
    /// All that external modules could import, where back-edges are followed strictly.
    Outside,
}

/// One package, or the tests of one.
#[derive(Clone, Debug)]
pub struct Node {
    /// The import path.
    pub import_path: Arc<str>,
    /// Which part of the folder it is.
    pub part: Part,
    /// Where it lies and which module it belongs to.
    pub place: Arc<PackageFolder>,
    /// The folder's files.
    pub source: Arc<GoFolder>,
    /// The files in use.
    pub package: Arc<Package>,
    /// Files that C or assembly of the package includes; for tests, the files that they may read.
    pub includes: Vec<(RepoPath, Identity)>,
    /// The checkout conversions in force for the folder.
    pub conversions: Vec<(RepoPath, Digest)>,
    /// Each import and what it means.
    pub imports: Vec<(ImportUse, Arc<Meaning>)>,
}

/// What an import path means, with a digest of that.
#[derive(Clone, Debug)]
pub struct Meaning {
    /// What it means.
    pub resolution: Resolution,
    /// Two meanings with equal digests are the same to a fingerprint.
    pub digest: Digest,
}

impl Meaning {
    fn new(resolution: Resolution) -> Self {
        let mut hasher = Hasher::new("resolution");
        let places = match &resolution {
            Resolution::Toolchain => &[][..],
            Resolution::Packages(places) => places,
            Resolution::External(places) => {
                hasher.field(b"external");
                places
            }
            Resolution::Missing(reason) | Resolution::Outside(reason) => {
                hasher.field(b"unknown").field(reason.as_bytes());
                &[]
            }
        };
        hasher.count(places.len());
        for place in places {
            hasher.field(place.dir.as_bytes()).field(place.module.as_bytes());
        }
        Self { digest: hasher.finish(), resolution }
    }
}

/// A package to start from: its import path and where it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Root {
    /// The import path.
    pub import_path: Arc<str>,
    /// Where it lies.
    pub place: Arc<PackageFolder>,
}

/// What to take into a graph.
#[derive(Clone, Debug, Default)]
pub struct GraphOptions {
    /// Whether each root's tests become nodes of their own.
    pub tests: bool,
    /// The packages that any external module may import; empty to assume that none does.
    pub importable_from_outside: Vec<Root>,
}

impl PackageGraph {
    /// Builds the graph.
    pub fn build(
        workspace: &Workspace<'_>,
        list: &BuildList<'_>,
        target: &Target,
        roots: &[Root],
        options: &GraphOptions,
    ) -> Result<Self, TreeError> {
        let mut builder = Builder::new(workspace, list, target);
        let mut wanted: Vec<(Root, Part)> = roots.iter().map(|root| (root.clone(), Part::Package)).collect();
        if options.tests {
            wanted.extend(roots.iter().map(|root| (root.clone(), Part::Tests)));
        }
        let outside = &options.importable_from_outside;
        builder.add_all(wanted)?;
        if !outside.is_empty() && builder.any_external() {
            builder.add_all(outside.iter().map(|root| (root.clone(), Part::Package)).collect())?;
        }
        let mut graph = builder.finish(outside);
        for root in roots {
            for part in [Part::Package, Part::Tests] {
                if let Some(id) = graph.index.get(&key(root, part)) {
                    graph.by_folder.insert((root.place.dir.clone(), part), *id);
                }
            }
        }
        Ok(graph)
    }

    /// All nodes with their places.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.graph.node_indices().map(|index| (NodeId::from(index), &self.graph[index]))
    }

    /// One node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.graph[id.petgraph()]
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The node of a package, by import path and folder.
    pub fn find(&self, import_path: &str, dir: &RepoPath, part: Part) -> Option<NodeId> {
        self.index.get(&(Arc::from(import_path), (dir.clone(), part))).copied()
    }

    /// The node of a root, by folder. A root has one import path only.
    pub fn find_folder(&self, dir: &RepoPath, part: Part) -> Option<NodeId> {
        self.by_folder.get(&(dir.clone(), part)).copied()
    }

    /// The nodes that a node imports directly.
    pub fn imports(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.graph.neighbors(id.petgraph()).map(NodeId::from)
    }

    /// The strongly connected components, each after all that it imports. Go allows components of one package only;
    /// a larger one is an import cycle.
    pub fn components(&self) -> &[Vec<NodeId>] {
        &self.components
    }

    /// What a node reaches, and by which shortest chain.
    pub fn reach(&self, from: NodeId) -> Reach {
        Reach::new(self, from)
    }
}

/// Grows the graph level by level: the packages of one level are selected, and then all their new imports resolved, in
/// parallel. Every import path is resolved once, so it can be told apart by its number.
struct Builder<'b> {
    workspace: &'b Workspace<'b>,
    list: &'b BuildList<'b>,
    target: &'b Target,
    graph: DiGraph<Node, ()>,
    index: HashMap<(Arc<str>, PackageKey), NodeId>,
    /// The number of each import path.
    numbers: HashMap<Arc<str>, usize>,
    /// By number: the path and what it means.
    resolved: Vec<(Arc<str>, Arc<Meaning>)>,
    /// By node: the numbers of its imports.
    imports: Vec<Vec<usize>>,
}

impl<'b> Builder<'b> {
    fn new(workspace: &'b Workspace<'b>, list: &'b BuildList<'b>, target: &'b Target) -> Self {
        Self {
            workspace,
            list,
            target,
            graph: DiGraph::new(),
            index: HashMap::new(),
            numbers: HashMap::new(),
            resolved: Vec::new(),
            imports: Vec::new(),
        }
    }

    fn add_all(&mut self, mut wanted: Vec<(Root, Part)>) -> Result<(), TreeError> {
        while !wanted.is_empty() {
            wanted.sort_unstable();
            wanted.dedup();
            wanted.retain(|(root, part)| !self.index.contains_key(&key(root, *part)));
            let nodes: Vec<Option<Node>> =
                wanted.into_par_iter().map(|(root, part)| self.select(&root, part)).collect::<Result<_, _>>()?;
            let nodes: Vec<Node> = nodes.into_iter().flatten().collect();
            let known = self.resolved.len();
            self.resolve_imports(&nodes)?;
            for node in nodes {
                self.add(node);
            }
            // Whatever a known path leads to is there already.
            wanted = self.resolved[known..].iter().flat_map(|(path, meaning)| places_of(path, meaning)).collect();
        }
        Ok(())
    }

    fn select(&self, root: &Root, part: Part) -> Result<Option<Node>, TreeError> {
        let Some(source) = self.workspace.folder(&root.place.dir)? else { return Ok(None) };
        let package = source.package(self.target);
        let import_path = Arc::clone(&root.import_path);
        let tree = self.workspace.tree();
        let includes = match part {
            Part::Package => included_files(tree, &source, &package)?,
            Part::Tests => test_data(tree, &root.place.dir)?,
            Part::Outside => Vec::new(),
        };
        let conversions = self.workspace.conversions(folders_of_files(&source, &package, &includes))?;
        let place = Arc::clone(&root.place);
        Ok(Some(Node { import_path, part, place, source, package, includes, conversions, imports: Vec::new() }))
    }

    fn resolve_imports(&mut self, nodes: &[Node]) -> Result<(), TreeError> {
        let uses = nodes.iter().flat_map(|node| node.uses().iter().map(|used| &used.path));
        let mut unknown: Vec<Arc<str>> = uses.filter(|path| !self.numbers.contains_key(*path)).cloned().collect();
        unknown.sort_unstable();
        unknown.dedup();
        let list = self.list;
        let resolved: Vec<(Arc<str>, Arc<Meaning>)> = unknown
            .into_par_iter()
            .map(|path| list.resolve(&path).map(|resolution| (path, Arc::new(Meaning::new(resolution)))))
            .collect::<Result<_, _>>()?;
        for (path, meaning) in resolved {
            self.numbers.insert(Arc::clone(&path), self.resolved.len());
            self.resolved.push((path, meaning));
        }
        Ok(())
    }

    fn add(&mut self, mut node: Node) {
        let numbers: Vec<usize> = node.uses().iter().filter_map(|used| self.numbers.get(&used.path).copied()).collect();
        let meanings = numbers.iter().map(|number| Arc::clone(&self.resolved[*number].1));
        node.imports = node.uses().iter().cloned().zip(meanings).collect();
        let key = (Arc::clone(&node.import_path), (node.place.dir.clone(), node.part));
        let id = NodeId::from(self.graph.add_node(node));
        self.index.insert(key, id);
        self.imports.push(numbers);
    }

    fn any_external(&self) -> bool {
        self.graph.node_weights().any(Node::imports_external)
    }

    fn finish(mut self, outside: &[Root]) -> PackageGraph {
        let provided: Vec<Vec<NodeId>> = self
            .resolved
            .iter()
            .map(|(path, meaning)| {
                let places = places_of(path, meaning);
                places.filter_map(|(root, part)| self.index.get(&key(&root, part)).copied()).collect()
            })
            .collect();
        for (from, numbers) in std::mem::take(&mut self.imports).into_iter().enumerate() {
            let from = NodeIndex::new(from);
            let node = &self.graph[from];
            let mut targets: Vec<NodeId> = numbers.into_iter().flat_map(|number| &provided[number]).copied().collect();
            if node.part == Part::Tests {
                let tested = (Arc::clone(&node.import_path), (node.place.dir.clone(), Part::Package));
                targets.extend(self.index.get(&tested));
            }
            targets.sort_unstable();
            targets.dedup();
            // petgraph lists the edge that was added last first.
            for to in targets.into_iter().rev() {
                self.graph.add_edge(from, to.petgraph(), ());
            }
        }
        if !outside.is_empty() {
            self.add_back_edges(outside);
        }
        // Kosaraju's algorithm, because petgraph's of Tarjan recurses as deep as the imports go.
        let components = petgraph::algo::kosaraju_scc(&self.graph);
        let components = components.into_iter().map(|nodes| nodes.into_iter().map(NodeId::from).collect()).collect();
        PackageGraph { graph: self.graph, index: self.index, by_folder: HashMap::new(), components }
    }

    /// One node stands for all external modules: who imports one of them may reach every package that they can see.
    fn add_back_edges(&mut self, outside: &[Root]) {
        let importers: Vec<_> =
            self.graph.node_indices().filter(|index| self.graph[*index].imports_external()).collect();
        let Some(first) = importers.first().map(|index| self.graph[*index].clone()) else { return };
        let node = Node {
            import_path: Arc::from("(external modules)"),
            part: Part::Outside,
            package: Arc::default(),
            includes: Vec::new(),
            conversions: Vec::new(),
            imports: Vec::new(),
            ..first
        };
        let all = self.graph.add_node(node);
        for importer in importers {
            self.graph.add_edge(importer, all, ());
        }
        for root in outside {
            if let Some(id) = self.index.get(&key(root, Part::Package)) {
                self.graph.add_edge(all, id.petgraph(), ());
            }
        }
    }
}

/// The packages of this repository that an import path leads to.
fn places_of<'m>(path: &'m Arc<str>, meaning: &'m Meaning) -> impl Iterator<Item = (Root, Part)> + 'm {
    let places = match &meaning.resolution {
        Resolution::Packages(places) | Resolution::External(places) => &places[..],
        Resolution::Toolchain | Resolution::Missing(_) | Resolution::Outside(_) => &[],
    };
    places.iter().map(|place| {
        let root = Root { import_path: Arc::clone(path), place: Arc::clone(place) };
        (root, Part::Package)
    })
}

/// The folders that any file of a package lies in.
fn folders_of_files(
    source: &GoFolder,
    package: &Package,
    includes: &[(RepoPath, Identity)],
) -> impl Iterator<Item = RepoPath> {
    let embedded = package.files.iter().flat_map(|index| source.files[*index].embedded());
    let links = source.files.iter().filter_map(|file| file.identity.link_target());
    let folders = embedded.chain(includes.iter().map(|(path, _)| path)).chain(links).filter_map(RepoPath::parent);
    let mut folders: Vec<RepoPath> = folders.chain([source.path.clone()]).collect();
    folders.sort_unstable();
    folders.dedup();
    folders.into_iter()
}

fn key(root: &Root, part: Part) -> (Arc<str>, PackageKey) {
    (Arc::clone(&root.import_path), (root.place.dir.clone(), part))
}

impl Node {
    /// What the node's files import.
    fn uses(&self) -> &[ImportUse] {
        match self.part {
            Part::Package => &self.package.imports,
            Part::Tests => &self.package.test_imports,
            Part::Outside => &[],
        }
    }

    /// Whether any import is provided, or may be, by a module that is not in the repository.
    pub fn imports_external(&self) -> bool {
        self.imports.iter().any(|(_, resolution)| matches!(resolution.resolution, Resolution::External(_)))
    }
}
