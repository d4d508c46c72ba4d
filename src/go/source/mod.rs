//! Turns the text of one source file into what `go build` reads of it before compiling: constraint, package, imports,
//! embed patterns, includes. It never reads a file itself (only [`embed_files`] looks at a tree), and what it cannot
//! know is [`Tri::Unknown`].

mod cgo;
mod constraint;
mod embed;
mod extent;
mod file_name;
mod header;
mod include;
mod leading;
mod path_match;
mod platforms;
mod target;
mod text;
mod tokenizer;
mod tri;

// It makes symlinks, so it is a Unix test.
#[cfg(unix)]
#[cfg(test)]
mod differential;

pub use cgo::{CgoBlock, CgoDirective};
pub use constraint::{Constraint, Expression};
pub use embed::{EmbedMatch, embed_files};
pub use file_name::{FileKind, file_kind, file_name_constraint, file_name_matches};
pub use header::{EmbedDirective, GoFile, Import, SourceProblem, scan_go};
pub use include::{Includes, asm_includes, c_includes, macro_names};
pub use leading::scan_other;
pub use path_match::{BadPattern, path_match};
pub use platforms::{is_known_arch, is_known_os, is_unix};
pub use target::{Target, default_arch_features};
pub use tri::Tri;
