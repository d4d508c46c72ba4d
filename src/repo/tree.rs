//! The seam between the planner and where source comes from: folders, entries and bytes on demand.
//!
//! It never says how a tree is stored, and it never follows a symlink unasked.

use std::sync::Arc;

use super::{ObjectId, RepoPath};

/// The files of one commit, of the working copy, or of an in-memory test.
///
/// Listings and bytes are fetched on demand and may be asked for from several threads at once. A tree does not change
/// while it is planned.
pub trait Tree: Sync {
    /// The entries of a folder, sorted by name; `None` if there is no such folder. Symlinks are not followed.
    fn list(&self, folder: &RepoPath) -> Result<Option<Listing>, TreeError>;

    /// The bytes of a file, the text of a symlink, or the commit id of a submodule (as hexadecimal text).
    ///
    /// # Errors
    /// [`TreeError`] if there is no such entry, it is a folder, or it cannot be read.
    fn read(&self, path: &RepoPath) -> Result<Arc<[u8]>, TreeError>;

    /// The entry at a path; `None` if there is none. The root has no entry.
    fn entry(&self, path: &RepoPath) -> Result<Option<Entry>, TreeError> {
        let Some(parent) = path.parent() else { return Ok(None) };
        Ok(self.list(&parent)?.and_then(|listing| find_entry(&listing, path.name()).cloned()))
    }

    /// An id that is equal for folders with equal content, where the tree knows one without reading the folder.
    fn subtree_id(&self, folder: &RepoPath) -> Result<Option<ObjectId>, TreeError>;
}

/// The entries of one folder, sorted by the bytes of their names, shared between those who asked for them.
pub type Listing = Arc<[Entry]>;

/// One name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The last element of the path.
    pub name: Arc<[u8]>,
    /// What it is.
    pub kind: EntryKind,
    /// Its identity: the blob id of a file or symlink, the tree id of a folder (`None` where the tree does not know
    /// it), the commit id of a submodule.
    pub id: Option<ObjectId>,
    /// Whether Git ignores it: it is on this disk and the build sees it, but a clean checkout would not have it.
    pub ignored: bool,
}

/// What an [`Entry`] is. Git knows no other kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// A regular file; `executable` is the only permission that Git keeps.
    File {
        /// Whether the executable bit is set.
        executable: bool,
    },
    /// A symbolic link, to a file, a folder or nothing.
    Symlink,
    /// A folder.
    Folder,
    /// A submodule (gitlink): its content is known only by its commit id.
    Submodule,
}

/// A tree could not give what it must have: a broken repository, a missing object, an unreadable disk.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot read {path}: {reason}")]
pub struct TreeError {
    /// What was asked for.
    pub path: RepoPath,
    /// What went wrong, and what mends it where that is known.
    pub reason: String,
}

impl TreeError {
    /// An error about a path.
    pub fn new(path: &RepoPath, reason: impl Into<String>) -> Self {
        Self { path: path.clone(), reason: reason.into() }
    }
}

/// Finds a name in a sorted listing.
pub fn find_entry<'a>(listing: &'a [Entry], name: &[u8]) -> Option<&'a Entry> {
    let index = listing.binary_search_by(|entry| entry.name[..].cmp(name)).ok()?;
    listing.get(index)
}

/// How many symlinks one path may pass through; Linux has the same limit.
const MAX_LINKS: usize = 40;

/// Where a path leads when every symlink on the way is followed: the real path and its entry.
///
/// `Ok(Err(link))` if `link` leads out of the repository, to nothing on purpose unreadable (a submodule), or in a
/// circle. `Ok(Ok(None))` if nothing is there.
pub fn read_through_links(
    tree: &dyn Tree,
    path: &RepoPath,
) -> Result<Result<Option<(RepoPath, EntryKind)>, RepoPath>, TreeError> {
    let mut pending: Vec<Vec<u8>> = path.elements().rev().map(<[u8]>::to_vec).collect();
    let mut real = RepoPath::root();
    let mut kind = EntryKind::Folder;
    let mut links = 0;
    while let Some(element) = pending.pop() {
        if element == b".." {
            // Only a link's text can hold `..`: it is relative to the folder that the link really lies in.
            let Some(parent) = real.parent() else { return Ok(Err(path.clone())) };
            real = parent;
            continue;
        }
        let here = real.child(&element);
        let Some(entry) = tree.entry(&here)? else { return Ok(Ok(None)) };
        kind = entry.kind;
        match entry.kind {
            EntryKind::Symlink => {
                links += 1;
                let text = tree.read(&here)?;
                if links > MAX_LINKS || text.first() == Some(&b'/') {
                    return Ok(Err(here));
                }
                let elements = text.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
                let mut target: Vec<Vec<u8>> = elements.map(<[u8]>::to_vec).collect();
                target.reverse();
                pending.extend(target);
                kind = EntryKind::Folder;
            }
            EntryKind::Submodule if !pending.is_empty() => return Ok(Err(here)),
            EntryKind::File { .. } if !pending.is_empty() => return Ok(Ok(None)),
            _ => real = here,
        }
    }
    Ok(Ok(Some((real, kind))))
}
