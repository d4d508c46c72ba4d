//! Turns two snapshots of every package into the packages that differ, or whose tests do.

use std::collections::BTreeMap;

use crate::fingerprint::Snapshot;
use crate::fingerprint::context::ContextKey;
use crate::graph::{FolderPackage, Part};
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
    let before = base.map(|base| packages(base, question));
    let after = packages(head, question);
    let affected = after.into_iter().filter_map(|((import_path, dir), package)| {
        let old = before.as_ref().and_then(|before| before.get(&(import_path.clone(), dir.clone())));
        if old.is_some_and(|old| !differs(&old.deep, &package.deep)) {
            return None;
        }
        let changed = old.is_none_or(|old| differs(&old.own, &package.own));
        Some(AffectedPackage { import_path, dir, module: package.module, changed })
    });
    affected.collect()
}

/// What is known of a package in every context that has it.
struct Package<'s> {
    module: String,
    own: States<'s>,
    deep: States<'s>,
}

/// Its digest, and that of the external modules if it uses any.
type States<'s> = BTreeMap<&'s ContextKey, (Digest, Option<Digest>)>;

/// Whether a package is built in any way in which it was not built before. A way to build that only one side has says
/// nothing of itself: a new service brings in the context of its module.
fn differs(old: &States<'_>, new: &States<'_>) -> bool {
    new.iter().any(|(key, state)| match old.get(key) {
        Some(before) => before != state,
        None => !old.values().any(|before| before == state),
    })
}

fn packages<'s>(snapshot: &'s Snapshot<'_>, question: Question) -> BTreeMap<(String, RepoPath), Package<'s>> {
    let wanted = match question {
        Question::Builds => Part::Package,
        Question::Tests => Part::Tests,
    };
    let mut found = BTreeMap::new();
    for (key, context) in &snapshot.contexts {
        let nodes = context.graph.nodes().filter_map(|(id, node)| Some((id, node, node.folder()?)));
        for (id, node, folder) in nodes.filter(|(.., folder)| folder.part == wanted && counts(folder)) {
            let name = (node.import_path.to_string(), folder.place.dir.clone());
            let new = || Package { module: folder.place.module.clone(), own: States::new(), deep: States::new() };
            let package: &mut Package<'_> = found.entry(name).or_insert_with(new);
            let external = context.digests.doubts(id).external.then_some(context.external_digest);
            package.own.insert(key, (context.digests.own(id), None));
            package.deep.insert(key, (context.digests.deep(id), external));
        }
    }
    found
}

fn counts(folder: &FolderPackage) -> bool {
    let files = match folder.part {
        Part::Tests => &folder.package.test_files,
        Part::Package => &folder.package.files,
    };
    !folder.place.vendored && !files.is_empty()
}
