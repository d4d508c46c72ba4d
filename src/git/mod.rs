//! Turns a Git repository and revisions into trees and change sets, and finds the commit to compare with.
//!
//! The only home of libgit2, and of the `git` program where libgit2 cannot help. It never touches work tree, index or
//! branches, and it talks to a remote only when a partial clone lacks a file that the plan needs, or when it was told to
//! fetch the history that a base needs.

mod base;
mod changes;
mod checkout;
mod commit_tree;
mod conversion;
mod deepen;
mod error;
mod ids;
mod index;
mod index_file;
mod lazy;
mod memo;
mod names;
mod nested;
mod objects;
mod process;
mod queries;
mod repository;
#[cfg(test)]
mod test_repository;
mod wanted;
mod working_tree;

pub use base::{Base, BaseRequest, BaseSource};
pub use commit_tree::CommitTree;
pub use error::GitError;
pub use repository::{Commit, Repository};
pub use wanted::{Fork, ProviderBase, Wanted};
pub use working_tree::WorkingTree;
