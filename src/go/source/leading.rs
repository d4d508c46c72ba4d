//! Turns the comments that a file begins with into its build constraint: `//go:build`, else the old `// +build`. It
//! never looks past the first text that is no comment.

use memchr::{memchr, memmem};

use super::Constraint;
use super::text::{BOM, trim};

/// The constraint of a file that is not Go (`.c`, `.s`, `.h`, …), from its leading comments.
///
/// Where Go cannot read the comments it takes the file as it is; where it cannot parse the constraint it silently
/// leaves the file out.
pub fn scan_other(bytes: &[u8]) -> Constraint {
    let content = bytes.strip_prefix(BOM).unwrap_or(bytes);
    let Some(comments) = leading_comments(content) else { return Constraint::Always };
    match constraint_of(comments) {
        Constraint::Invalid(_) => Constraint::never(),
        constraint => constraint,
    }
}

/// The white space, semicolons and comments that a text begins with; `None` if Go cannot read them.
fn leading_comments(content: &[u8]) -> Option<&[u8]> {
    let mut end = 0;
    let comments = loop {
        let rest = content.get(end..)?;
        end += match rest {
            [b' ' | b'\x0c' | b'\t' | b'\r' | b'\n' | b';', ..] => 1,
            [b'/', b'/', ..] => memchr(b'\n', rest).unwrap_or(rest.len()),
            [b'/', b'*', after @ ..] => memmem::find(after, b"*/")? + 4,
            [b'/', ..] => return None,
            _ => break content.get(..end)?,
        };
    };
    // The byte that ends the comments has been read by then, and a NUL is an error wherever it is read.
    let read = content.get(..=end).unwrap_or(comments);
    memchr(0, read).is_none().then_some(comments)
}

/// The constraint in the leading comments of a text without byte order mark: `shouldBuild` of `go/build`.
pub(super) fn constraint_of(content: &[u8]) -> Constraint {
    match find_lines(content) {
        Err(reason) => Constraint::Invalid(reason),
        Ok((_, Some(line))) => Constraint::parse_go_build(&String::from_utf8_lossy(line)),
        Ok((legacy, None)) => legacy_constraint(legacy),
    }
}

/// The part of the text where `// +build` lines count, and the expression of the one `//go:build` line.
fn find_lines(content: &[u8]) -> Result<(&[u8], Option<&[u8]>), String> {
    let mut legacy_end = 0;
    let mut ended = false;
    let mut in_comment = false;
    let mut found = None;
    let mut next = 0;
    while let Some(rest) = content.get(next..).filter(|rest| !rest.is_empty()) {
        let length = memchr(b'\n', rest);
        next += length.map_or(rest.len(), |length| length + 1);
        let line = trim(rest.get(..length.unwrap_or(rest.len())).unwrap_or_default());
        if line.is_empty() && !ended {
            legacy_end = next;
            continue;
        }
        ended |= !line.starts_with(b"//");
        if !in_comment && let Some(expression) = after_keyword(line, b"//go:build") {
            if found.is_some() {
                return Err("multiple //go:build comments".into());
            }
            found = Some(expression);
        }
        if !skip_comments(line, &mut in_comment) {
            break;
        }
    }
    Ok((content.get(..legacy_end).unwrap_or_default(), found))
}

/// Reads one trimmed line; `false` if it holds text that is no comment.
fn skip_comments(mut line: &[u8], in_comment: &mut bool) -> bool {
    while !line.is_empty() {
        if *in_comment {
            let Some(end) = memmem::find(line, b"*/") else { return true };
            *in_comment = false;
            line = trim(line.get(end + 2..).unwrap_or_default());
        } else if line.starts_with(b"//") {
            return true;
        } else if let Some(rest) = line.strip_prefix(b"/*") {
            *in_comment = true;
            line = trim(rest);
        } else {
            return false;
        }
    }
    true
}

/// What follows a keyword that ends the trimmed line or is followed by space.
fn after_keyword<'a>(line: &'a [u8], keyword: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(keyword)?;
    let expression = trim(rest);
    (rest.is_empty() || expression.len() < rest.len()).then_some(expression)
}

fn legacy_constraint(content: &[u8]) -> Constraint {
    let lines = content.split(|byte| *byte == b'\n').filter_map(|line| {
        let comment = trim(line).strip_prefix(b"//")?;
        Constraint::parse_plus_build(&String::from_utf8_lossy(after_keyword(trim(comment), b"+build")?))
    });
    lines.fold(Constraint::Always, Constraint::and)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::go::source::{Target, Tri};

    #[track_caller]
    fn check(text: &str, expected: Tri) {
        let target = Target::new("linux", "amd64");
        assert_eq!(constraint_of(text.as_bytes()).eval(&|tag| target.tag(tag)), expected, "{text:?}");
    }

    #[test]
    fn f03_to_f08_where_a_constraint_counts() {
        check("//go:build windows\npackage p", Tri::False);
        check("// +build windows\npackage p", Tri::True);
        check("// +build windows\n\npackage p", Tri::False);
        check("//+build windows\n\npackage p", Tri::False);
        check("/* c */\n//go:build windows\n\npackage p", Tri::False);
        check("/* c */\n\n// +build windows\n\npackage p", Tri::True);
        check("/* c */ //go:build windows\n\npackage p", Tri::True);
        check("/*\n//go:build windows\n*/\n\npackage p", Tri::True);
        check("  //go:build windows\npackage p", Tri::False);
        check("// go:build windows\npackage p", Tri::True);
        check("//go:buildwindows\npackage p", Tri::True);
        check("package p\n//go:build windows", Tri::True);
        check("/* a */ /* b\n*/ // c\n//go:build windows\npackage p", Tri::False);
    }

    #[test]
    fn f09_to_f13_what_a_constraint_may_be() {
        check("//go:build windows // c\npackage p", Tri::Unknown);
        check("//go:build windows\n//go:build linux\npackage p", Tri::Unknown);
        check("//go:build linux\n// +build windows\n\npackage p", Tri::True);
        check("//go:build windows\r\n\r\npackage p", Tri::False);
        check("//go:build\npackage p", Tri::Unknown);
        check("// +build linux\n// +build arm64\n\npackage p", Tri::False);
        check("// +build linux arm64\n\npackage p", Tri::True);
    }

    #[test]
    fn many_lines_take_linear_time() {
        check(&("// +build linux\n".repeat(100_000) + "\npackage p"), Tri::True);
        check(&("/* */".repeat(50_000) + "\n//go:build windows\npackage p"), Tri::False);
    }

    #[track_caller]
    fn check_other(text: &str, expected: Tri) {
        let target = Target::new("linux", "amd64");
        assert_eq!(scan_other(text.as_bytes()).eval(&|tag| target.tag(tag)), expected, "{text:?}");
    }

    #[test]
    fn f14_the_header_of_other_files_stops_at_the_first_text() {
        check_other("#include \"a.h\"\n//go:build windows\n", Tri::True);
        check_other("//go:build windows\n#include \"a.h\"\n", Tri::False);
        check_other("\u{feff}//go:build windows\nTEXT x", Tri::False);
        check_other("// +build windows\n\nTEXT x", Tri::False);
        check_other("// +build windows\n  TEXT x", Tri::False);
        check_other("// +build windows\nTEXT x", Tri::True);
        check_other("//go:build windows", Tri::False);
    }

    #[test]
    fn other_files_with_a_bad_constraint_are_left_out_and_unreadable_ones_taken() {
        check_other("//go:build ((\nint x;", Tri::False);
        check_other("//go:build windows\n/* never closed", Tri::True);
        check_other("//go:build windows\n\0", Tri::True);
        check_other("//go:build windows\n/x", Tri::True);
        check_other("//go:build größ\u{a7cd}\nint x;", Tri::Unknown);
    }
}
