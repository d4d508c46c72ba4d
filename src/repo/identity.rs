//! Turns a path of a tree into what a fingerprint knows of it: blob id, executable bit, link text and target. It
//! never hashes file content itself.

use super::{EntryKind, Hasher, ObjectId, RepoPath, Tree, TreeError, read_through_links};

/// What a file is to a fingerprint. Two files with equal identities are the same input.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// A regular file.
    File {
        /// Its blob id.
        id: ObjectId,
        /// Git's executable bit; it reaches images through `COPY`, but never a Go binary.
        executable: bool,
    },
    /// A symlink: its text, and the file that it leads to (`None` if that is a folder, missing or outside).
    Link {
        /// The blob id of the link's text.
        text: ObjectId,
        /// Where it leads, and the blob id found there.
        target: Option<(RepoPath, ObjectId)>,
    },
    /// A submodule, known by its commit.
    Submodule(ObjectId),
}

impl Identity {
    /// The identity of the entry at a path; `None` if there is none or it is a folder.
    pub fn of(tree: &dyn Tree, path: &RepoPath) -> Result<Option<Self>, TreeError> {
        let Some(entry) = tree.entry(path)? else { return Ok(None) };
        let Some(id) = entry.id else { return Ok(None) };
        Ok(match entry.kind {
            EntryKind::File { executable } => Some(Self::File { id, executable }),
            EntryKind::Symlink => Some(Self::Link { text: id, target: link_target(tree, path)? }),
            EntryKind::Submodule => Some(Self::Submodule(id)),
            EntryKind::Folder => None,
        })
    }

    /// Adds this identity to a digest. `with_mode` says whether the executable bit counts.
    pub fn hash_into(&self, hasher: &mut Hasher, with_mode: bool) {
        match self {
            Self::File { id, executable } => {
                hasher.field(if with_mode && *executable { b"executable" } else { b"file" }).field(id.as_bytes());
            }
            Self::Link { text, target } => {
                hasher.field(b"link").field(text.as_bytes());
                if let Some((path, id)) = target {
                    hasher.field(path.as_bytes()).field(id.as_bytes());
                }
            }
            Self::Submodule(id) => {
                hasher.field(b"submodule").field(id.as_bytes());
            }
        }
    }

    /// Where a symlink leads, if that is a file of the tree.
    pub fn link_target(&self) -> Option<&RepoPath> {
        match self {
            Self::Link { target, .. } => target.as_ref().map(|(path, _)| path),
            Self::File { .. } | Self::Submodule(_) => None,
        }
    }

    /// The blob id of the content that a reader of the path gets, if that is known.
    pub fn content_id(&self) -> Option<ObjectId> {
        match self {
            Self::File { id, .. } | Self::Submodule(id) => Some(*id),
            Self::Link { target, .. } => target.as_ref().map(|(_, id)| *id),
        }
    }
}

fn link_target(tree: &dyn Tree, link: &RepoPath) -> Result<Option<(RepoPath, ObjectId)>, TreeError> {
    let Ok(Some((real, EntryKind::File { .. }))) = read_through_links(tree, link)? else { return Ok(None) };
    let id = tree.entry(&real)?.and_then(|entry| entry.id);
    Ok(id.map(|id| (real, id)))
}
