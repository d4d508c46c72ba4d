//! What a repository is to the planner: paths, object ids, trees and change sets.
//!
//! Everything to the right of this module sees source only through the [`Tree`] trait, so a commit, the working copy
//! and a test's in-memory files are the same thing to it. This module never touches a disk or a Git repository.

mod changes;
mod digest;
mod identity;
mod memory;
mod note;
mod object_id;
mod path;
mod tree;

pub use changes::{Change, ChangeSet, ChangeStatus};
pub use digest::{Digest, Hasher};
pub use identity::Identity;
pub use memory::MemoryTree;
pub use note::{Note, NoteKind};
pub use object_id::ObjectId;
pub use path::RepoPath;
pub use tree::{Entry, EntryKind, Listing, Tree, TreeError, find_entry, read_through_links};
