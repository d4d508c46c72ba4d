//! Turns what a service takes from outside the repository into the key of a cache of modules and compiled packages: it
//! stays the same while the external modules, the toolchain and the targets do, whatever else changes.

use std::collections::BTreeSet;

use crate::fingerprint::external::reached_modules;
use crate::fingerprint::item::{Fact, Item, Subject};
use crate::fingerprint::{ServiceState, Snapshot};
use crate::repo::{Digest, Hasher};

/// The key of a service; `None` without a Go program.
pub fn cache_key(snapshot: &Snapshot<'_>, state: &ServiceState) -> Option<Digest> {
    state.service.program.as_ref()?;
    let mut parts: BTreeSet<Digest> = BTreeSet::new();
    let mut add = |item: &Item| {
        let mut hasher = Hasher::new("cache key item");
        item.hash_into(&mut hasher);
        parts.insert(hasher.finish());
    };
    for (_, context, start) in state.programs(snapshot) {
        let reach = context.graph.reach(start);
        reached_modules(&context.graph, &reach).iter().for_each(&mut add);
        if context.digests.doubts(start).external {
            context.external.iter().for_each(&mut add);
        }
        let is_kept =
            |item: &Item| matches!(item.subject, Subject::Fact(Fact::Toolchain | Fact::Targets | Fact::Flags));
        state.facts(context).into_iter().filter(|item| is_kept(item)).for_each(|item| add(&item));
    }
    let mut hasher = Hasher::new("cache key");
    hasher.count(parts.len());
    for part in &parts {
        hasher.field(part.to_string().as_bytes());
    }
    Some(hasher.finish())
}
