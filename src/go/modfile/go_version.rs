//! Reads and orders Go versions (`1.21`, `1.21rc1`, `1.21.3`), which are not semantic versions. It knows no release
//! history and never looks at an installed toolchain.
//!
//! The rules are those of `internal/gover` of the Go distribution; a `go` prefix and the suffix of a custom toolchain
//! (`go1.21.3-acme`) are passed over.

use std::cmp::Ordering;

use super::semver::compare_number;

/// The parts of a version; all empty for an invalid one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Parsed<'a> {
    major: &'a str,
    minor: &'a str,
    patch: &'a str,
    kind: &'a str,
    pre: &'a str,
}

/// The `N` of the language version `1.N`: 21 of `1.21.3`, `1.21rc1` and `go1.21`; 0 of `1`.
///
/// `None` for an invalid version, another major version, and a number that is out of all bounds.
pub fn minor(version: &str) -> Option<u32> {
    let parsed = parse(bare(version))?;
    if parsed.major != "1" {
        return None;
    }
    parsed.minor.parse().ok()
}

/// Compares Go versions. An invalid one is less than all others and equal to any other invalid one; the language
/// version `1.21` is less than `1.21rc1`, which is less than `1.21.0`; before 1.21, `1.N` equals `1.N.0`.
pub fn compare(a: &str, b: &str) -> Ordering {
    let a = parse(bare(a)).unwrap_or_default();
    let b = parse(bare(b)).unwrap_or_default();
    compare_number(a.major, b.major)
        .then_with(|| compare_number(a.minor, b.minor))
        .then_with(|| compare_number(a.patch, b.patch))
        .then_with(|| a.kind.cmp(b.kind))
        .then_with(|| compare_number(a.pre, b.pre))
}

/// Whether the text is a Go version at all.
pub fn is_valid(version: &str) -> bool {
    parse(bare(version)).is_some()
}

/// Whether a `go` line of go.mod or go.work may say this. Looser than [`is_valid`] (`1.21.3rc1`), as in Go.
pub(super) fn is_go_line(text: &[u8]) -> bool {
    let Some((_, rest)) = major_and_minor(text) else {
        return false;
    };
    let mut rest = rest;
    if let Some(after_dot) = rest.strip_prefix(b".") {
        match decimal(after_dot) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    let digits = rest.iter().position(|byte| !byte.is_ascii_lowercase()).unwrap_or(rest.len());
    let number = &rest[digits..];
    rest.is_empty() || (digits > 0 && !number.is_empty() && number.iter().all(u8::is_ascii_digit))
}

/// The `1.N` that the `go` line of a dependency starts with, if something follows it that this version of the grammar
/// does not know.
pub(super) fn lax_go_line(text: &[u8]) -> Option<&[u8]> {
    let text = text.strip_prefix(b"v").unwrap_or(text);
    let (version, rest) = major_and_minor(text)?;
    (!rest.is_empty()).then_some(version)
}

/// Whether a `toolchain` line may say this: `default`, or a name that starts with `go1`.
pub(super) fn is_toolchain_line(text: &[u8]) -> bool {
    match text.strip_prefix(b"go1") {
        Some(rest) => rest.first().is_none_or(|byte| *byte == b'.'),
        None => text == b"default",
    }
}

/// `1.N` at the start of the text, and what follows it.
fn major_and_minor(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (major, after_major) = decimal(text)?;
    let (minor, rest) = decimal(after_major.strip_prefix(b".")?)?;
    (major != b"0").then(|| (&text[..major.len() + 1 + minor.len()], rest))
}

/// A decimal number without needless zeros, and what follows it.
fn decimal(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let has_needless_zero = number.len() > 1 && number.starts_with(b"0");
    (!number.is_empty() && !has_needless_zero).then_some((number, rest))
}

/// The version without `go` and without the suffix of a custom toolchain.
fn bare(version: &str) -> &str {
    let Some(name) = version.strip_prefix("go") else {
        return version;
    };
    name.split([' ', '\t', '-']).next().unwrap_or(name)
}

fn parse(version: &str) -> Option<Parsed<'_>> {
    let (major, rest) = cut_number(version)?;
    if rest.is_empty() {
        return Some(Parsed { major, minor: "0", patch: "0", ..Parsed::default() });
    }
    let (minor, rest) = cut_number(rest.strip_prefix('.')?)?;
    if rest.is_empty() {
        // From 1.21 on `1.N` is the language and `1.N.0` the first release; before that they are the same.
        let patch = if compare_number(minor, "21").is_lt() { "0" } else { "" };
        return Some(Parsed { major, minor, patch, ..Parsed::default() });
    }
    if let Some(patch) = rest.strip_prefix('.') {
        let (patch, rest) = cut_number(patch)?;
        return rest.is_empty().then_some(Parsed { major, minor, patch, ..Parsed::default() });
    }
    let end = rest.bytes().position(|byte| byte.is_ascii_digit()).unwrap_or(rest.len());
    let (kind, pre) = rest.split_at(end);
    let is_kind = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_pre = pre.is_empty() || cut_number(pre).is_some_and(|(_, rest)| rest.is_empty());
    (is_kind && is_pre).then_some(Parsed { major, minor, kind, pre, ..Parsed::default() })
}

fn cut_number(text: &str) -> Option<(&str, &str)> {
    let (number, _) = decimal(text.as_bytes())?;
    Some(text.split_at(number.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_go_orders_them() {
        let ordered: &[&[&str]] = &[
            &["", "x", "01.2", "1.", "1.02", "1.2.", "1.21.3rc1", "1.21-rc1", "1.21rc01", "go", "default", "go1.21/x"],
            &["1", "1.0", "go1", "1.0.0"],
            &["1.9rc1"],
            &["1.9", "1.9.0"],
            &["1.20", "1.20.0"],
            &["1.21", "go1.21"],
            &["1.21alpha1"],
            &["1.21rc"],
            &["1.21rc2"],
            &["1.21rc10"],
            &["1.21.0", "go1.21.0-acme", "go1.21.0 X:x"],
            &["1.21.3"],
            &["1.99999999999999999999"],
            &["2.0", "2"],
        ];
        for (row, left) in ordered.iter().enumerate() {
            for (other_row, right) in ordered.iter().enumerate() {
                for (a, b) in left.iter().flat_map(|a| right.iter().map(move |b| (a, b))) {
                    assert_eq!(compare(a, b), row.cmp(&other_row), "{a} and {b}");
                }
            }
        }
    }

    #[track_caller]
    fn check_minor(version: &str, expected: Option<u32>) {
        assert_eq!(minor(version), expected, "{version}");
        assert!(expected.is_none() || is_valid(version), "{version}");
    }

    #[test]
    fn the_minor_version_is_that_of_the_language() {
        check_minor("1.21.3", Some(21));
        check_minor("1.21rc1", Some(21));
        check_minor("go1.22", Some(22));
        check_minor("go1.22.1-acme", Some(22));
        check_minor("1", Some(0));
        check_minor("2.1", None);
        check_minor("1.x", None);
        check_minor("1.99999999999", None);
        check_minor("default", None);
    }

    #[track_caller]
    fn check_lines(text: &str, go_line: bool, lax: Option<&str>, toolchain: bool) {
        let text = text.as_bytes();
        let outcome = (is_go_line(text), lax_go_line(text), is_toolchain_line(text));
        assert_eq!(outcome, (go_line, lax.map(str::as_bytes), toolchain));
    }

    #[test]
    fn lines_allow_what_go_allows() {
        check_lines("1.21", true, None, false);
        check_lines("1.21.0", true, Some("1.21"), false);
        check_lines("1.21rc2", true, Some("1.21"), false);
        check_lines("1.21.3rc02", true, Some("1.21"), false);
        check_lines("1.21rc", false, Some("1.21"), false);
        check_lines("1.21.x", false, Some("1.21"), false);
        check_lines("v1.21-foo", false, Some("1.21"), false);
        check_lines("v1.21", false, None, false);
        check_lines("1.021", false, None, false);
        check_lines("0.1", false, None, false);
        check_lines("1", false, None, false);
        check_lines("\"1.21\"", false, None, false);
        check_lines("go1", false, None, true);
        check_lines("go1.21.3-acme", false, None, true);
        check_lines("go1.x", false, None, true);
        check_lines("go12", false, None, false);
        check_lines("default", false, None, true);
        check_lines("local", false, None, false);
    }
}
