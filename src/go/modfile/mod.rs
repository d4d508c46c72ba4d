//! Turns the text of go.mod, go.work, go.sum and vendor/modules.txt into values. It never reads a file, resolves a
//! version or decides what an error means.
//!
//! A file with errors still yields whatever parses; each thing that `go` would refuse is a [`Problem`] beside it. The
//! grammar is that of `golang.org/x/mod/modfile` with one extension: strings in backquotes, which the reference
//! documents (<https://go.dev/ref/mod#go-mod-file-lexical>) but the parser refuses.

mod directive;
mod entries;
mod go_mod;
mod go_sum;
pub mod go_version;
mod go_work;
mod import_path;
mod lexer;
mod module_version;
mod modules_txt;
mod problem;
mod replace;
pub mod semver;
mod text;

#[cfg(test)]
mod differential;
#[cfg(test)]
mod hostile;

pub use go_mod::{GoMod, Require, Strictness};
pub use go_sum::GoSum;
pub use go_work::{GoWork, Use};
pub use import_path::is_import_path;
pub use module_version::{ModuleVersion, canonical_version, is_canonical_version};
pub use modules_txt::{ModulesTxt, VendoredModule};
pub use problem::Problem;
pub use replace::{Replace, ReplaceTarget, is_folder_target};
