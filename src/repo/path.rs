//! Turns bytes from Git, Go and configuration into one kind of path: relative to the repository root, cleaned, with
//! slashes. It never consults a disk and never leaves the repository.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// A path inside the repository: bytes, separated by `/`, without `.`, `..`, empty elements or a leading slash.
///
/// The repository root is the empty path. Paths are bytes because Git's are; [`fmt::Display`] shows them for people,
/// with control characters and bytes that are not UTF-8 escaped, so that a name can never break a line of output.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoPath(Arc<[u8]>);

impl RepoPath {
    /// The repository root.
    pub fn root() -> Self {
        Self(Arc::from(&[][..]))
    }

    /// A path that is clean already, as Git stores it.
    pub fn from_clean(bytes: &[u8]) -> Self {
        Self(Arc::from(bytes))
    }

    /// Cleans a path that a person or a file wrote (`./a//b/../c`), relative to the root.
    ///
    /// `None` if it is absolute, leaves the repository, or holds a NUL byte.
    pub fn clean(bytes: &[u8]) -> Option<Self> {
        Self::root().join(bytes)
    }

    /// Joins a relative path as `path.Join` of Go does, cleaning `.` and `..` lexically.
    ///
    /// `None` if it is absolute, leaves the repository, or holds a NUL byte.
    pub fn join(&self, relative: &[u8]) -> Option<Self> {
        if relative.first() == Some(&b'/') || relative.contains(&0) {
            return None;
        }
        let mut joined = self.0.to_vec();
        for element in relative.split(|byte| *byte == b'/') {
            match element {
                b"" | b"." => {}
                b".." => {
                    if joined.is_empty() {
                        return None;
                    }
                    let parent = joined.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                    joined.truncate(parent);
                }
                _ => push(&mut joined, element),
            }
        }
        Some(Self(joined.into()))
    }

    /// Appends one element that is known to be a plain name.
    #[must_use]
    pub fn child(&self, name: &[u8]) -> Self {
        let mut joined = Vec::with_capacity(self.0.len() + 1 + name.len());
        joined.extend_from_slice(&self.0);
        push(&mut joined, name);
        Self(joined.into())
    }

    /// The bytes of the path.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text of the path, if it is UTF-8.
    pub fn to_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Whether this is the repository root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The folder that holds this path; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let end = self.0.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        Some(Self(Arc::from(&self.0[..end])))
    }

    /// The last element; empty for the root.
    pub fn name(&self) -> &[u8] {
        let start = self.0.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        &self.0[start..]
    }

    /// The elements, from the root down.
    pub fn elements(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/').filter(|element| !element.is_empty())
    }

    /// This path relative to `folder`, if it is `folder` itself (then empty) or lies below it.
    pub fn strip_prefix(&self, folder: &Self) -> Option<&[u8]> {
        if folder.is_root() {
            return Some(&self.0);
        }
        let rest = self.0.strip_prefix(&folder.0[..])?;
        match rest.split_first() {
            None => Some(rest),
            Some((b'/', below)) => Some(below),
            Some(_) => None,
        }
    }

    /// Whether this path is `folder` or lies below it.
    pub fn is_within(&self, folder: &Self) -> bool {
        self.strip_prefix(folder).is_some()
    }

    /// The folders above this path, nearest first, ending with the root. The root has none.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> + use<> {
        std::iter::successors(self.parent(), Self::parent)
    }
}

fn push(joined: &mut Vec<u8>, element: &[u8]) {
    if !joined.is_empty() {
        joined.push(b'/');
    }
    joined.extend_from_slice(element);
}

/// Lets maps keyed by path be asked with plain bytes.
impl Borrow<[u8]> for RepoPath {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str(".");
        }
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if character.is_control() || character == '\\' {
                    write!(f, "{}", character.escape_default())?;
                } else {
                    write!(f, "{character}")?;
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_join(base: &str, relative: &str, expected: Option<&str>) {
        let joined = RepoPath::from_clean(base.as_bytes()).join(relative.as_bytes());
        assert_eq!(joined, expected.map(|path| RepoPath::from_clean(path.as_bytes())));
    }

    #[test]
    fn joining_cleans_and_never_leaves_the_repository() {
        check_join("a/b", "../c", Some("a/c"));
        check_join("a", "./b//c/.", Some("a/b/c"));
        check_join("a", "..", Some(""));
        check_join("a", "../..", None);
        check_join("a", "../../a", None);
        check_join("", "/etc", None);
        check_join("", "a\0b", None);
    }

    #[test]
    fn prefixes_end_at_a_slash() {
        let path = RepoPath::from_clean(b"libs/log/log.go");
        assert_eq!(path.strip_prefix(&RepoPath::from_clean(b"libs")), Some(&b"log/log.go"[..]));
        assert!(!path.is_within(&RepoPath::from_clean(b"lib")));
        assert!(path.is_within(&RepoPath::root()));
        let above: Vec<_> = path.ancestors().map(|folder| folder.to_string()).collect();
        assert_eq!(above, ["libs/log", "libs", "."]);
    }

    #[test]
    fn names_that_would_break_a_line_are_escaped() {
        assert_eq!(RepoPath::from_clean(b"a\nb\xffc\\d").to_string(), "a\\nb\\xffc\\\\d");
        assert_eq!(RepoPath::from_clean("größe".as_bytes()).to_string(), "größe");
    }
}
