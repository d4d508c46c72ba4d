//! Turns a package graph into a digest for every package that covers all it imports, and the doubts that come along.
//!
//! Digests are composed over strongly connected components, imported ones first, so an import cycle is hashed like
//! anything else. It never stops at a doubt; it hands it up.

use rayon::prelude::*;

use crate::fingerprint::package::package_digest;
use crate::go::mode::Resolution;
use crate::graph::{Node, NodeId, PackageGraph};
use crate::repo::{Digest, Hasher};

/// The digests of all packages of one graph.
pub struct ClosureDigests {
    own: Vec<Digest>,
    deep: Vec<Digest>,
    doubts: Vec<Doubts>,
}

/// What is not known of a package or of anything that it imports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Doubts {
    /// An import may be provided by a module outside the repository of which too little is known.
    pub external: bool,
    /// An input lies outside the tree, or nothing provides an import.
    pub unknown: bool,
    /// A file that is certainly compiled imports what nothing can provide: the build fails in this mode.
    pub impossible: bool,
}

impl Doubts {
    fn add(&mut self, other: Self) {
        self.external |= other.external;
        self.unknown |= other.unknown;
        self.impossible |= other.impossible;
    }
}

impl ClosureDigests {
    /// Hashes every package of a graph.
    pub fn new(graph: &PackageGraph) -> Self {
        let nodes: Vec<_> = graph.nodes().map(|(_, node)| node).collect();
        let own: Vec<Digest> = nodes.par_iter().map(|node| package_digest(node)).collect();
        let mut closure = Self { deep: own.clone(), own, doubts: Vec::new() };
        closure.doubts = nodes.iter().map(|node| own_doubts(node)).collect();
        let components = graph.components();
        let mut component_of = vec![0; nodes.len()];
        for (number, component) in components.iter().enumerate() {
            for id in component {
                component_of[id.index()] = number;
            }
        }
        for component in components {
            closure.compose(graph, component, &component_of);
        }
        closure
    }

    fn compose(&mut self, graph: &PackageGraph, component: &[NodeId], component_of: &[usize]) {
        let mut members: Vec<Digest> = component.iter().map(|id| self.own[id.index()]).collect();
        members.sort_unstable();
        let mut doubts = Doubts::default();
        let mut imported = Vec::new();
        for id in component {
            doubts.add(self.doubts[id.index()]);
            let here = component_of[id.index()];
            for import in graph.imports(*id).filter(|import| component_of[import.index()] != here) {
                doubts.add(self.doubts[import.index()]);
                imported.push(self.deep[import.index()]);
            }
        }
        imported.sort_unstable();
        imported.dedup();
        let mut hasher = Hasher::new("closure");
        for list in [&members, &imported] {
            hasher.count(list.len());
            for digest in list {
                hasher.field(digest.as_bytes());
            }
        }
        let whole = hasher.finish();
        for id in component {
            // In a cycle every member depends on all the others, but the members are still told apart.
            let mut hasher = Hasher::new("closure of package");
            hasher.field(self.own[id.index()].as_bytes()).field(whole.as_bytes());
            self.deep[id.index()] = hasher.finish();
            self.doubts[id.index()] = doubts;
        }
    }

    /// The digest of a package itself, without what it imports.
    pub fn own(&self, id: NodeId) -> Digest {
        self.own[id.index()]
    }

    /// The digest of a package with all that it imports.
    pub fn deep(&self, id: NodeId) -> Digest {
        self.deep[id.index()]
    }

    /// The doubts of a package and all that it imports.
    pub fn doubts(&self, id: NodeId) -> Doubts {
        self.doubts[id.index()]
    }
}

fn own_doubts(node: &Node) -> Doubts {
    let mut doubts = Doubts { external: node.imports_unknown(), ..Doubts::default() };
    for (used, meaning) in &node.imports {
        match &meaning.resolution {
            Resolution::Outside(_) => doubts.unknown = true,
            // An external module may well be imported only for platforms or tags that nobody builds with.
            Resolution::Missing(_) if node.external().is_some() => {}
            Resolution::Missing(_) => {
                doubts.unknown = true;
                doubts.impossible |= used.certain;
            }
            Resolution::External(_) | Resolution::Toolchain | Resolution::Packages(_) => {}
        }
    }
    doubts
}
