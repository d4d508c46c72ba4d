//! Turns an expensive question into a cheap one: maps that many threads fill and read. They never forget, and two
//! threads that ask at the same moment may both do the work.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{PoisonError, RwLock};

use crate::repo::RepoPath;

/// Enough shards that threads seldom meet.
const SHARDS: usize = 16;

/// A concurrent map from a question to its answer.
pub(super) struct Memo<K, V> {
    shards: Vec<RwLock<HashMap<K, V>>>,
    hasher: RandomState,
}

impl<K: Hash + Eq + Clone, V: Clone> Memo<K, V> {
    pub(super) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| RwLock::default()).collect(), hasher: RandomState::new() }
    }

    /// The answer, if the question was asked before.
    pub(super) fn get(&self, key: &K) -> Option<V> {
        self.shard(key)?.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Remembers an answer.
    pub(super) fn insert(&self, key: &K, value: &V) {
        if let Some(shard) = self.shard(key) {
            shard.write().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), value.clone());
        }
    }

    fn shard(&self, key: &K) -> Option<&RwLock<HashMap<K, V>>> {
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits choose the shard")]
        let hash = self.hasher.hash_one(key) as usize;
        self.shards.get(hash % SHARDS)
    }
}

/// What is known of each folder of a tree; `None` for folders that are not there.
pub(super) type Folders<V> = Memo<RepoPath, Option<V>>;

impl<V: Clone> Memo<RepoPath, Option<V>> {
    /// The folder at a path, found by going down from the nearest folder that is known.
    ///
    /// `root` makes the root; `child` makes a folder from its parent, or says that there is none.
    pub(super) fn resolve<E>(
        &self,
        folder: &RepoPath,
        root: impl Fn() -> Result<V, E>,
        child: impl Fn(&V, &RepoPath) -> Result<Option<V>, E>,
    ) -> Result<Option<V>, E> {
        if let Some(known) = self.get(folder) {
            return Ok(known);
        }
        let mut missing = vec![folder.clone()];
        let mut nearest = None;
        for above in folder.ancestors() {
            nearest = self.get(&above);
            if nearest.is_some() {
                break;
            }
            missing.push(above);
        }
        for path in missing.iter().rev() {
            let found = match &nearest {
                _ if path.is_root() => Some(root()?),
                Some(Some(parent)) => child(parent, path)?,
                _ => None,
            };
            self.insert(path, &found);
            nearest = Some(found);
        }
        Ok(nearest.flatten())
    }
}
