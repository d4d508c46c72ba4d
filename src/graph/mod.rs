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
use crate::go::external::{ExternalModule, ExternalPackage};
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
    index: HashMap<NodeKey, NodeId>,
    by_folder: HashMap<(RepoPath, Part), NodeId>,
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

/// What tells two nodes apart: the import path, and where the package is.
type NodeKey = (Arc<str>, Spot);

/// Where a package of some import path is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Spot {
    Folder(RepoPath, Part),
    Module(String),
    Outside,
}

/// Which part of a folder a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// What `go build` compiles.
    Package,
    /// What `go test` adds.
    Tests,
}

/// One package, or the tests of one.
#[derive(Clone, Debug)]
pub struct Node {
    /// The import path.
    pub import_path: Arc<str>,
    /// Each import and what it means.
    pub imports: Vec<(ImportUse, Arc<Meaning>)>,
    /// What it is.
    pub content: Content,
}

/// What a node stands for.
#[derive(Clone, Debug)]
pub enum Content {
    /// A package whose files are in the repository.
    Folder(Box<FolderPackage>),
    /// A package of a module that is not.
    External(Arc<ExternalModule>),
    /// All that external modules could import, where back-edges are followed strictly.
    Outside,
}

/// A package whose files are in the repository.
#[derive(Clone, Debug)]
pub struct FolderPackage {
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
    /// Whether a module outside the repository may provide it of which too little is known.
    pub fn is_unknown(&self) -> bool {
        matches!(&self.resolution, Resolution::External(providers) if !providers.complete)
    }

    fn new(resolution: Resolution) -> Self {
        let mut hasher = Hasher::new("resolution");
        let places = match &resolution {
            Resolution::Toolchain => &[][..],
            Resolution::Packages(places) => places,
            Resolution::External(providers) => {
                hasher.field(b"external").count(providers.packages.len()).count(usize::from(providers.complete));
                for package in &providers.packages {
                    hasher.field(package.module.module.path.as_bytes());
                }
                &providers.folders
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
        let all = |roots: &[Root], part| roots.iter().map(move |root| Wanted::folder(root, part)).collect::<Vec<_>>();
        let mut wanted = all(roots, Part::Package);
        if options.tests {
            wanted.extend(all(roots, Part::Tests));
        }
        let outside = &options.importable_from_outside;
        builder.add_all(wanted)?;
        if !outside.is_empty() && builder.any_unknown() {
            builder.add_all(all(outside, Part::Package))?;
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

    /// The node of the same package as a node of another graph.
    pub fn counterpart(&self, of: &Node) -> Option<NodeId> {
        self.index.get(&of.key()).copied()
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
    index: HashMap<NodeKey, NodeId>,
    /// The number of each import path.
    numbers: HashMap<Arc<str>, usize>,
    /// By number: the path and what it means.
    resolved: Vec<(Arc<str>, Arc<Meaning>)>,
    /// By node: the numbers of its imports.
    imports: Vec<Vec<usize>>,
}

/// A package that some import leads to.
struct Wanted {
    key: NodeKey,
    from: Source,
}

enum Source {
    Folder(Arc<PackageFolder>, Part),
    External(Arc<ExternalPackage>),
}

impl Wanted {
    fn folder(root: &Root, part: Part) -> Self {
        Self { key: key(root, part), from: Source::Folder(Arc::clone(&root.place), part) }
    }

    fn external(path: &Arc<str>, package: &Arc<ExternalPackage>) -> Self {
        let key = (Arc::clone(path), Spot::Module(package.module.module.path.clone()));
        Self { key, from: Source::External(Arc::clone(package)) }
    }
}

/// A node, and what it imports.
type Selected = (Node, Vec<ImportUse>);

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

    fn add_all(&mut self, mut wanted: Vec<Wanted>) -> Result<(), TreeError> {
        while !wanted.is_empty() {
            wanted.sort_unstable_by(|left, right| left.key.cmp(&right.key));
            wanted.dedup_by(|left, right| left.key == right.key);
            wanted.retain(|wanted| !self.index.contains_key(&wanted.key));
            let selected: Vec<Option<Selected>> =
                wanted.into_par_iter().map(|wanted| self.select(wanted)).collect::<Result<_, _>>()?;
            let selected: Vec<Selected> = selected.into_iter().flatten().collect();
            let known = self.resolved.len();
            self.resolve_imports(&selected)?;
            for (node, uses) in selected {
                self.add(node, uses);
            }
            // Whatever a known path leads to is there already.
            wanted = self.resolved[known..].iter().flat_map(|(path, meaning)| provided_by(path, meaning)).collect();
        }
        Ok(())
    }

    /// The package as the target has it; `None` if there is no such folder.
    fn select(&self, wanted: Wanted) -> Result<Option<Selected>, TreeError> {
        let import_path = wanted.key.0;
        let (place, part) = match wanted.from {
            Source::Folder(place, part) => (place, part),
            Source::External(package) => {
                let content = Content::External(Arc::clone(&package.module));
                let uses = package.imports.uses(self.target);
                return Ok(Some((Node { import_path, imports: Vec::new(), content }, uses)));
            }
        };
        let Some(source) = self.workspace.folder(&place.dir)? else { return Ok(None) };
        let package = source.package(self.target);
        let tree = self.workspace.tree();
        let (includes, uses) = match part {
            Part::Package => (included_files(tree, &source, &package)?, package.imports.clone()),
            Part::Tests => (test_data(tree, &place.dir)?, package.test_imports.clone()),
        };
        let conversions = self.workspace.conversions(folders_of_files(&source, &package, &includes))?;
        let folder = FolderPackage { part, place, source, package, includes, conversions };
        Ok(Some((Node { import_path, imports: Vec::new(), content: Content::Folder(Box::new(folder)) }, uses)))
    }

    fn resolve_imports(&mut self, selected: &[Selected]) -> Result<(), TreeError> {
        let uses = selected.iter().flat_map(|(_, uses)| uses).map(|used| &used.path);
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

    fn add(&mut self, mut node: Node, uses: Vec<ImportUse>) {
        let numbers: Vec<usize> = uses.iter().filter_map(|used| self.numbers.get(&used.path).copied()).collect();
        let meanings = numbers.iter().map(|number| Arc::clone(&self.resolved[*number].1));
        node.imports = uses.into_iter().zip(meanings).collect();
        let key = node.key();
        let id = NodeId::from(self.graph.add_node(node));
        self.index.insert(key, id);
        self.imports.push(numbers);
    }

    fn any_unknown(&self) -> bool {
        self.graph.node_weights().any(Node::imports_unknown)
    }

    fn finish(mut self, outside: &[Root]) -> PackageGraph {
        let provided: Vec<Vec<NodeId>> = self
            .resolved
            .iter()
            .map(|(path, meaning)| {
                provided_by(path, meaning).filter_map(|wanted| self.index.get(&wanted.key).copied()).collect()
            })
            .collect();
        for (from, numbers) in std::mem::take(&mut self.imports).into_iter().enumerate() {
            let from = NodeIndex::new(from);
            let node = &self.graph[from];
            let mut targets: Vec<NodeId> = numbers.into_iter().flat_map(|number| &provided[number]).copied().collect();
            if let Some(tests) = node.folder().filter(|folder| folder.part == Part::Tests) {
                let tested = (Arc::clone(&node.import_path), Spot::Folder(tests.place.dir.clone(), Part::Package));
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

    /// One node stands for all external modules of which too little is known: who imports one of them may reach every
    /// package that they can see.
    fn add_back_edges(&mut self, outside: &[Root]) {
        let importers: Vec<_> =
            self.graph.node_indices().filter(|index| self.graph[*index].imports_unknown()).collect();
        if importers.is_empty() {
            return;
        }
        let import_path = Arc::from("(external modules)");
        let all = self.graph.add_node(Node { import_path, imports: Vec::new(), content: Content::Outside });
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

/// The packages that an import path leads to.
fn provided_by<'m>(path: &'m Arc<str>, meaning: &'m Meaning) -> impl Iterator<Item = Wanted> + 'm {
    let (folders, packages) = match &meaning.resolution {
        Resolution::Packages(places) => (&places[..], &[][..]),
        Resolution::External(providers) => (&providers.folders[..], &providers.packages[..]),
        Resolution::Toolchain | Resolution::Missing(_) | Resolution::Outside(_) => (&[][..], &[][..]),
    };
    let folders = folders
        .iter()
        .map(|place| Wanted::folder(&Root { import_path: Arc::clone(path), place: Arc::clone(place) }, Part::Package));
    folders.chain(packages.iter().map(|package| Wanted::external(path, package)))
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

fn key(root: &Root, part: Part) -> NodeKey {
    (Arc::clone(&root.import_path), Spot::Folder(root.place.dir.clone(), part))
}

impl Node {
    fn key(&self) -> NodeKey {
        let spot = match &self.content {
            Content::Folder(folder) => Spot::Folder(folder.place.dir.clone(), folder.part),
            Content::External(module) => Spot::Module(module.module.path.clone()),
            Content::Outside => Spot::Outside,
        };
        (Arc::clone(&self.import_path), spot)
    }

    /// The package in the repository that it stands for, if it does.
    pub fn folder(&self) -> Option<&FolderPackage> {
        match &self.content {
            Content::Folder(folder) => Some(folder),
            Content::External(_) | Content::Outside => None,
        }
    }

    /// The module outside the repository that the package is of, if it is.
    pub fn external(&self) -> Option<&Arc<ExternalModule>> {
        match &self.content {
            Content::External(module) => Some(module),
            Content::Folder(_) | Content::Outside => None,
        }
    }

    /// Whether any import may be provided by a module outside the repository of which too little is known.
    pub fn imports_unknown(&self) -> bool {
        self.imports.iter().any(|(_, meaning)| meaning.is_unknown())
    }
}
