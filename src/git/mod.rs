//! Turns a Git repository and revisions into trees and change sets, and finds the commit to compare with.
//!
//! The only home of libgit2, and of the `git` program where libgit2 cannot help. It never writes to the repository,
//! and it talks to a remote only when a partial clone lacks a file that the plan needs.

mod base;
mod changes;
mod checkout;
mod commit_tree;
mod conversion;
mod error;
mod index;
mod index_file;
mod memo;
mod names;
mod process;
mod repository;
#[cfg(test)]
mod test_repository;
mod working_tree;

pub use base::{Base, BaseRequest, BaseSource};
pub use commit_tree::CommitTree;
pub use error::GitError;
pub use repository::{Commit, Repository};
pub use working_tree::WorkingTree;
