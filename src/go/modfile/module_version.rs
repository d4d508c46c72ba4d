//! Pairs of a module path and a version, and the rule that the major version must agree with the path.
//!
//! The rules are those of `golang.org/x/mod/module`: `CanonicalVersion`, `SplitPathVersion` and `CheckPathMajor`.

use std::fmt;

use super::entries::Word;
use super::problem::{Position, Problems, quote};
use super::semver;
use super::text::text;

/// A module path with a version. Ordered by path, then by the text of the version (not by [`semver::compare`]).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleVersion {
    /// The module path.
    pub path: String,
    /// The version; empty where the format allows none.
    pub version: String,
}

impl fmt::Display for ModuleVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.version.is_empty() { f.write_str(&self.path) } else { write!(f, "{}@{}", self.path, self.version) }
    }
}

/// The form in which a version stands in a build list: in full, without build metadata except `+incompatible`.
///
/// `None` for a text that is not a version but asks for one (`latest`, a branch, a commit).
pub fn canonical_version(version: &str) -> Option<String> {
    let suffix = if semver::build(version) == "+incompatible" { "+incompatible" } else { "" };
    Some(semver::canonical(version)? + suffix)
}

/// Whether a version stands for itself. Any other (`v1`, `master`) means whatever the network says.
pub fn is_canonical_version(version: &str) -> bool {
    canonical_version(version).is_some_and(|canonical| canonical == version)
}

/// What a file may say for a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VersionRule {
    /// A main module: anything that `go` can ask the network for. Versions stay as written.
    AnyQuery,
    /// Dependencies and go.work: semantic versions, which are made canonical.
    Canonical,
}

/// Reads a version. One that the rule refuses is reported and kept as written.
pub(super) fn read_version(word: &Word<'_>, rule: VersionRule, problems: &mut Problems) -> Option<String> {
    let version = problems.take(text(word))?;
    if version.is_empty() || version.bytes().any(|byte| b"()[]{},".contains(&byte)) {
        problems.report(word.at, format!("{} is not a version; write one like v1.2.3", quote(word.bytes)));
        return None;
    }
    match (rule, canonical_version(&version)) {
        (VersionRule::AnyQuery, _) => Some(version),
        (VersionRule::Canonical, Some(canonical)) => Some(canonical),
        (VersionRule::Canonical, None) => {
            problems.report(word.at, format!("version {} is not of the form v1.2.3", quote(word.bytes)));
            Some(version)
        }
    }
}

/// Reports a path that ends in a malformed major version, and a version that is not of the major version that the
/// path names. A version that is not canonical is not compared: it is not known yet what it is.
pub(super) fn check_major(path: &str, version: Option<&str>, at: Position, problems: &mut Problems) {
    let Some(path_major) = path_major(path) else {
        let message = format!("module path {} ends in a malformed major version", quote(path.as_bytes()));
        problems.report(at, message);
        return;
    };
    let Some(version) = version.filter(|version| is_canonical_version(version)) else {
        return;
    };
    if !agrees(path_major, version) {
        let wanted = if path_major.is_empty() { "v0 or v1" } else { &path_major[1..] };
        let found = semver::major(version);
        let message = format!("version of module {} must be {wanted}, not {found}", quote(path.as_bytes()));
        problems.report(at, message);
    }
}

fn agrees(path_major: &str, version: &str) -> bool {
    let major = semver::major(version);
    if path_major.is_empty() {
        return matches!(major, "v0" | "v1") || semver::build(version) == "+incompatible";
    }
    // Old pseudo-versions of gopkg.in modules have the wrong number.
    (path_major == ".v1" && version.starts_with("v0.0.0-")) || &path_major[1..] == major
}

/// The end of a module path that names its major version: `/v2`, on gopkg.in `.v2`, otherwise nothing.
///
/// `None` if it looks like one and cannot be one (`/v1`, `/v02`, `/v2.1`, or none at all on gopkg.in).
fn path_major(path: &str) -> Option<&str> {
    if path.starts_with("gopkg.in/") {
        return gopkg_major(path);
    }
    let stem = path.trim_end_matches(|character: char| character.is_ascii_digit() || character == '.');
    let number = &path[stem.len()..];
    let Some(prefix) = stem.strip_suffix("/v") else {
        return Some("");
    };
    if number.is_empty() {
        return Some("");
    }
    let is_major = !number.contains('.') && !number.starts_with('0') && number != "1";
    is_major.then(|| &path[prefix.len()..])
}

fn gopkg_major(path: &str) -> Option<&str> {
    let path = path.strip_suffix("-unstable").unwrap_or(path);
    let stem = path.trim_end_matches(|character: char| character.is_ascii_digit());
    let number = &path[stem.len()..];
    let prefix = stem.strip_suffix(".v")?;
    let is_major = !number.is_empty() && (number == "0" || !number.starts_with('0'));
    is_major.then(|| &path[prefix.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_path(path: &str, expected: Option<&str>) {
        assert_eq!(path_major(path), expected, "{path}");
    }

    #[test]
    fn the_major_version_is_the_end_of_the_path() {
        check_path("ex.io/a", Some(""));
        check_path("ex.io/a/v2", Some("/v2"));
        check_path("ex.io/a/v10", Some("/v10"));
        check_path("ex.io/a/v", Some(""));
        check_path("ex.io/av2", Some(""));
        check_path("v2", Some(""));
        check_path("/v2", Some("/v2"));
        check_path("ex.io/a/v1", None);
        check_path("ex.io/a/v0", None);
        check_path("ex.io/a/v02", None);
        check_path("ex.io/a/v2.1", None);
        check_path("gopkg.in/yaml.v2", Some(".v2"));
        check_path("gopkg.in/yaml.v0", Some(".v0"));
        check_path("gopkg.in/yaml.v2-unstable", Some(".v2"));
        check_path("gopkg.in/yaml.v02", None);
        check_path("gopkg.in/yaml", None);
        check_path("gopkg.in/v2", None);
    }

    #[track_caller]
    fn check(path: &str, version: &str, is_fine: bool) {
        let mut problems = Problems::default();
        check_major(path, Some(version), Position::START, &mut problems);
        assert_eq!(problems.into_vec().is_empty(), is_fine, "{path}@{version}");
    }

    #[test]
    fn versions_agree_with_their_path() {
        check("ex.io/a", "v0.1.0", true);
        check("ex.io/a", "v2.0.0", false);
        check("ex.io/a", "v2.0.0+incompatible", true);
        check("ex.io/a/v2", "v2.3.4", true);
        check("ex.io/a/v2", "v2.0.0+incompatible", true);
        check("ex.io/a/v2", "v3.0.0", false);
        check("ex.io/a/v2", "v3", true);
        check("gopkg.in/check.v1", "v0.0.0-20161208181325-20d25e280405", true);
        check("gopkg.in/yaml.v2", "v2.2.1", true);
        check("gopkg.in/yaml.v2-unstable", "v2.2.1", true);
        check("gopkg.in/yaml.v2", "v3.0.0", false);
    }

    #[test]
    fn canonical_versions_are_full_and_have_no_metadata() {
        assert_eq!(canonical_version("v1").as_deref(), Some("v1.0.0"));
        assert_eq!(canonical_version("v2.0.0+incompatible").as_deref(), Some("v2.0.0+incompatible"));
        assert_eq!(canonical_version("v2.0.0+meta").as_deref(), Some("v2.0.0"));
        assert_eq!(canonical_version("master"), None);
        assert!(is_canonical_version("v1.2.3-pre") && !is_canonical_version("v1.2"));
    }

    #[test]
    fn a_module_version_is_shown_as_go_shows_it() {
        let mut module = ModuleVersion { path: "ex.io/a".to_owned(), version: "v1.0.0".to_owned() };
        assert_eq!(module.to_string(), "ex.io/a@v1.0.0");
        module.version.clear();
        assert_eq!(module.to_string(), "ex.io/a");
    }
}
