//! Turns one node into all that it imports, with the shortest chain to each.

use std::collections::VecDeque;

use super::{NodeId, PackageGraph};

/// The transitive imports of one package, by breadth-first search: of several shortest chains, the one whose packages
/// come first in the graph.
pub struct Reach {
    from: NodeId,
    /// For each node of the graph, who imports it on the way; `None` where the search did not come.
    importer: Vec<Option<NodeId>>,
    order: Vec<NodeId>,
}

impl Reach {
    pub(super) fn new(graph: &PackageGraph, from: NodeId) -> Self {
        let mut importer = vec![None; graph.len()];
        importer[from.index()] = Some(from);
        let mut order = Vec::new();
        let mut queue = VecDeque::from([from]);
        while let Some(node) = queue.pop_front() {
            order.push(node);
            for import in graph.imports(node) {
                if importer[import.index()].is_none() {
                    importer[import.index()] = Some(node);
                    queue.push_back(import);
                }
            }
        }
        Self { from, importer, order }
    }

    /// Whether the search came to a node.
    pub fn contains(&self, node: NodeId) -> bool {
        self.importer.get(node.index()).is_some_and(Option::is_some)
    }

    /// All nodes reached, the start first, then by distance.
    pub fn nodes(&self) -> &[NodeId] {
        &self.order
    }

    /// The chain of imports from the start to a node, both included; empty if it was not reached.
    pub fn chain(&self, to: NodeId) -> Vec<NodeId> {
        if !self.contains(to) {
            return Vec::new();
        }
        let mut chain = vec![to];
        let mut at = to;
        while at != self.from {
            let Some(importer) = self.importer[at.index()] else { break };
            chain.push(importer);
            at = importer;
        }
        chain.reverse();
        chain
    }
}
