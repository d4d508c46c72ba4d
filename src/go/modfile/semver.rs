//! Orders module versions as `golang.org/x/mod/semver` does: semantic versions with a leading `v`, where `v1` and
//! `v1.2` are short for `v1.0.0` and `v1.2.0`. It never allocates and never fails.

use std::cmp::Ordering;

/// The parts of a valid version, as written.
#[derive(Clone, Copy, Debug)]
struct Parsed<'a> {
    major: &'a str,
    minor: &'a str,
    patch: &'a str,
    /// What a short version leaves out: `.0.0`, `.0` or nothing.
    left_out: &'static str,
    /// With its `-`.
    prerelease: &'a str,
    /// With its `+`.
    build: &'a str,
}

/// Compares by precedence. Build metadata does not count; an invalid version is less than a valid one, and equal to
/// any other invalid one.
pub fn compare(a: &str, b: &str) -> Ordering {
    match (parse(a), parse(b)) {
        (Some(a), Some(b)) => compare_number(a.major, b.major)
            .then_with(|| compare_number(a.minor, b.minor))
            .then_with(|| compare_number(a.patch, b.patch))
            .then_with(|| compare_prerelease(a.prerelease, b.prerelease)),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

/// Whether the text is a semantic version, in full or short.
pub fn is_valid(version: &str) -> bool {
    parse(version).is_some()
}

/// The major version with its `v` (`v2` of `v2.1.0`); empty for an invalid version.
pub fn major(version: &str) -> &str {
    parse(version).map_or("", |parsed| &version[..=parsed.major.len()])
}

/// The pre-release with its `-`; empty if there is none or the version is invalid.
pub fn prerelease(version: &str) -> &str {
    parse(version).map_or("", |parsed| parsed.prerelease)
}

/// The build metadata with its `+`; empty if there is none or the version is invalid.
pub fn build(version: &str) -> &str {
    parse(version).map_or("", |parsed| parsed.build)
}

/// The version in full and without build metadata; `None` for an invalid one.
pub fn canonical(version: &str) -> Option<String> {
    let parsed = parse(version)?;
    let kept = version.strip_suffix(parsed.build).unwrap_or(version);
    Some(format!("{kept}{}", parsed.left_out))
}

fn parse(version: &str) -> Option<Parsed<'_>> {
    let (major, rest) = number(version.strip_prefix('v')?)?;
    let mut parsed = Parsed { major, minor: "0", patch: "0", left_out: ".0.0", prerelease: "", build: "" };
    if rest.is_empty() {
        return Some(parsed);
    }
    let (minor, rest) = number(rest.strip_prefix('.')?)?;
    (parsed.minor, parsed.left_out) = (minor, ".0");
    if rest.is_empty() {
        return Some(parsed);
    }
    let (patch, rest) = number(rest.strip_prefix('.')?)?;
    let (prerelease, build) = rest.split_at(rest.find('+').unwrap_or(rest.len()));
    let prerelease_ok = prerelease.is_empty() || prerelease.strip_prefix('-')?.split('.').all(is_prerelease_part);
    let build_ok = build.is_empty() || build.strip_prefix('+')?.split('.').all(is_identifier);
    if !prerelease_ok || !build_ok {
        return None;
    }
    Some(Parsed { patch, left_out: "", prerelease, build, ..parsed })
}

/// A decimal number without needless zeros, and what follows it.
fn number(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    (!number.is_empty() && !has_leading_zero(number)).then_some((number, rest))
}

fn has_leading_zero(number: &str) -> bool {
    number.len() > 1 && number.starts_with('0')
}

fn is_identifier(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_prerelease_part(part: &str) -> bool {
    is_identifier(part) && !(is_number(part) && has_leading_zero(part))
}

fn is_number(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_digit())
}

/// Compares decimal numbers of any size.
pub(super) fn compare_number(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn compare_prerelease(a: &str, b: &str) -> Ordering {
    match (a.strip_prefix('-'), b.strip_prefix('-')) {
        (Some(a), Some(b)) => a.split('.').map(Part).cmp(b.split('.').map(Part)),
        // A release is greater than its pre-releases.
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

/// One dot-separated part of a pre-release: numbers come before words.
#[derive(PartialEq, Eq)]
struct Part<'a>(&'a str);

impl Ord for Part<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (is_number(self.0), is_number(other.0)) {
            (true, true) => compare_number(self.0, other.0),
            (false, false) => self.0.cmp(other.0),
            (self_is_number, other_is_number) => other_is_number.cmp(&self_is_number),
        }
    }
}

impl PartialOrd for Part<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In ascending order; what stands on one line is equal.
    const ORDERED: &[&[&str]] = &[
        &["", "v", "1.0.0", "v01.0.0", "v1.2.3-", "v1.2.3-01", "v1.2-pre", "v1.2.3+", "v1.2.3.4", "vx", "v1.2.3-ä"],
        &["v0.0.0-20180101000000-abcdefabcdef"],
        &["v0.0.0-20190101000000-0123456789ab"],
        &["v0.0.0-a0.20180101000000-0123456789ab"],
        &["v0.0.0", "v0", "v0.0"],
        &["v1.0.0-2"],
        &["v1.0.0-10", "v1.0.0-10+meta"],
        &["v1.0.0--"],
        &["v1.0.0-alpha"],
        &["v1.0.0-alpha.1"],
        &["v1.0.0-alpha.1.0"],
        &["v1.0.0-alpha.beta"],
        &["v1.0.0-beta"],
        &["v1.0.0-beta.2"],
        &["v1.0.0-beta.11"],
        &["v1.0.0-rc.1"],
        &["v1.0.0", "v1", "v1.0", "v1.0.0+incompatible", "v1.0.0+b.1-2.01"],
        &["v1.2.0"],
        &["v1.10.0"],
        &["v1.10.1-0.20200101000000-0123456789ab"],
        &["v1.10.1"],
        &["v2.0.0+incompatible"],
        &["v10.0.0"],
        &["v99999999999999999999999.0.0"],
        &["v100000000000000000000000.0.0"],
    ];

    #[test]
    fn versions_are_ordered_as_go_orders_them() {
        for (row, left) in ORDERED.iter().enumerate() {
            for (other_row, right) in ORDERED.iter().enumerate() {
                for (a, b) in left.iter().flat_map(|a| right.iter().map(move |b| (a, b))) {
                    assert_eq!(compare(a, b), row.cmp(&other_row), "{a} and {b}");
                }
            }
        }
    }

    #[test]
    fn only_the_first_row_is_invalid() {
        for (row, versions) in ORDERED.iter().enumerate() {
            for version in *versions {
                assert_eq!(is_valid(version), row > 0, "{version}");
            }
        }
    }

    #[track_caller]
    fn check_parts(version: &str, expected: (&str, &str, &str, Option<&str>)) {
        let canonical = canonical(version);
        assert_eq!((major(version), prerelease(version), build(version), canonical.as_deref()), expected);
    }

    #[test]
    fn parts_are_as_written() {
        check_parts("v12.3.4-rc.1+a.b", ("v12", "-rc.1", "+a.b", Some("v12.3.4-rc.1")));
        check_parts("v2", ("v2", "", "", Some("v2.0.0")));
        check_parts("v2.1", ("v2", "", "", Some("v2.1.0")));
        check_parts("v2.0.0+incompatible", ("v2", "", "+incompatible", Some("v2.0.0")));
        check_parts("2.0.0", ("", "", "", None));
    }
}
