//! What has been asked of a tree outside the walked folders, with the answers: asked once, and asked again of another
//! tree to see whether it answers alike. It never forgets.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use crate::repo::{RepoPath, TreeError};

/// Questions about folders and their answers, filled by many threads.
#[derive(Debug)]
pub(super) struct Lookups<T>(RwLock<BTreeMap<RepoPath, T>>);

impl<T> Default for Lookups<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T: Clone> Lookups<T> {
    /// The answer for a folder, found now if nobody has asked before.
    pub(super) fn get(&self, dir: &RepoPath, find: impl FnOnce() -> Result<T, TreeError>) -> Result<T, TreeError> {
        // A poisoned lock only means that another thread panicked; the map itself is always whole.
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(dir) {
            return Ok(known.clone());
        }
        let found = find()?;
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Ok(known.entry(dir.clone()).or_insert(found).clone())
    }

    /// Whether each answer is the same elsewhere.
    pub(super) fn all(
        &self,
        mut same: impl FnMut(&RepoPath, &T) -> Result<bool, TreeError>,
    ) -> Result<bool, TreeError> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        for (dir, answer) in &known {
            if !same(dir, answer)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
