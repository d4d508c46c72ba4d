//! What the Go toolchain and what `buildplan` say of a repository, and how the two differ.
//!
//! `toolchain` runs Go, `planner` runs `buildplan`; both give plain values, which `compare` compares.

pub(crate) mod closure;
pub(crate) mod compare;
pub(crate) mod listing;
pub(crate) mod planner;
pub(crate) mod process;
pub(crate) mod target;
pub(crate) mod toolchain;
pub(crate) mod tree;
