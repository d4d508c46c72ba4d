//! What both sides build for.

use std::fmt;

/// A platform with everything else that selects files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) os: String,
    pub(crate) arch: String,
    pub(crate) tags: Vec<String>,
    pub(crate) cgo: bool,
    /// Whether external modules may import packages of the repository. Go does not ask, but `buildplan` does.
    pub(crate) strict: bool,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.os, self.arch, if self.cgo { " cgo" } else { "" })?;
        if self.tags.is_empty() { Ok(()) } else { write!(f, " tags {}", self.tags.join(",")) }
    }
}
