//! Turns a tree into the Go source of a repository: folders, modules, packages, and what an import means.
//!
//! [`source`] and [`modfile`] read single files, [`workspace`] finds them, [`package`] selects the files of a package
//! for a target, and [`mode`] resolves imports; [`mvs`] and [`external`] are about modules that are not in the
//! repository. It never runs Go, reads a disk, or fails on odd source: what Go would refuse is a problem in the value.

pub mod closure;
pub mod external;
pub mod folder;
mod lookups;
pub mod mode;
pub mod modfile;
pub mod module;
pub mod mvs;
pub mod package;
pub mod refusal;
pub mod source;
mod sums;
pub mod workspace;
