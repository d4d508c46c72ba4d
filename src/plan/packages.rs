//! Turns two snapshots of every package into the packages that differ, or whose tests do.

use std::collections::BTreeMap;

use crate::fingerprint::Snapshot;
use crate::graph::{Node, Part};
use crate::repo::{Digest, RepoPath};

/// A package that a change affects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AffectedPackage {
    /// Its import path.
    pub import_path: String,
    /// Its folder.
    pub dir: RepoPath,
    /// Its module.
    pub module: String,
    /// Whether its own files differ, not only what it imports.
    pub changed: bool,
}

/// What of each package is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// What `go build` would compile differently.
    Builds,
    /// Which tests could end differently; only packages that have tests.
    Tests,
}

/// The packages of head that differ from base; without a base, all of them. Vendored ones are left out.
pub fn affected_packages(base: Option<&Snapshot<'_>>, head: &Snapshot<'_>, question: Question) -> Vec<AffectedPackage> {
    let before = base.map(|base| digests(base, question));
    let after = digests(head, question);
    let affected = after.into_iter().filter_map(|(key, (module, own, deep))| {
        let old = match &before {
            None => None,
            Some(before) => before.get(&key).map(|(_, own, deep)| (own, deep)),
        };
        if old.is_some_and(|(_, before)| *before == deep) {
            return None;
        }
        let changed = old.is_none_or(|(before, _)| *before != own);
        Some(AffectedPackage { import_path: key.0, dir: key.1, module, changed })
    });
    affected.collect()
}

type Digests = BTreeMap<(String, RepoPath), (String, Vec<Digest>, Vec<Digest>)>;

/// For each package its digests in all contexts.
fn digests(snapshot: &Snapshot<'_>, question: Question) -> Digests {
    let wanted = match question {
        Question::Builds => Part::Package,
        Question::Tests => Part::Tests,
    };
    let mut found = Digests::new();
    for context in snapshot.contexts.values() {
        let nodes = context.graph.nodes().filter(|(_, node)| node.part == wanted && !node.place.vendored);
        for (id, node) in nodes.filter(|(_, node)| counts(node)) {
            let key = (node.import_path.to_string(), node.place.dir.clone());
            let entry = found.entry(key).or_insert_with(|| (node.place.module.clone(), Vec::new(), Vec::new()));
            entry.1.push(context.digests.own(id));
            entry.2.push(context.digests.deep(id));
            if context.digests.doubts(id).external {
                entry.2.push(context.external_digest);
            }
        }
    }
    found
}

fn counts(node: &Node) -> bool {
    match node.part {
        Part::Tests => !node.package.test_files.is_empty(),
        _ => !node.package.files.is_empty(),
    }
}
