//! The difference between two trees as a sorted list of paths. It never detects renames: a rename is a deletion and
//! an addition, because to Go the import path or the file name changed.

use std::collections::BTreeMap;
use std::fmt;

use super::RepoPath;

/// What happened to a path between base and head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeStatus {
    /// Only head has it.
    Added,
    /// Both have it, with other content, kind or executable bit.
    Modified,
    /// Only base has it.
    Deleted,
}

impl fmt::Display for ChangeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Added => "added",
            Self::Modified => "modified",
            Self::Deleted => "deleted",
        })
    }
}

/// One changed path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// The path of a file, symlink or submodule; never of a folder.
    pub path: RepoPath,
    /// What happened to it.
    pub status: ChangeStatus,
}

/// All paths that differ between base and head, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeSet(BTreeMap<RepoPath, ChangeStatus>);

impl ChangeSet {
    /// Whether the two trees are equal.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many paths differ.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What happened to one path; `None` if it did not change.
    pub fn status(&self, path: &RepoPath) -> Option<ChangeStatus> {
        self.0.get(path).copied()
    }

    /// The changes, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = Change> + '_ {
        self.0.iter().map(|(path, status)| Change { path: path.clone(), status: *status })
    }

    /// The changed paths, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &RepoPath> {
        self.0.keys()
    }
}

impl FromIterator<Change> for ChangeSet {
    fn from_iter<T: IntoIterator<Item = Change>>(changes: T) -> Self {
        Self(changes.into_iter().map(|change| (change.path, change.status)).collect())
    }
}
