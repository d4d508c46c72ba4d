//! Turns a `Tree` into a Go workspace: modules, packages, notes. It never runs Go and never reads a disk.

pub mod modfile;
pub mod source;
