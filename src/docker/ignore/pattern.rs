//! Turns one pattern of a `.dockerignore` into the paths that it matches.
//!
//! `BuildKit` compares patterns without wildcards as they are, and makes regular expressions of Go from the others by
//! replacing their characters one by one, also within classes. What is odd about that (`[*]` matches `/]`, `\d` a digit)
//! is kept.

use std::ops::ControlFlow;

use super::super::matching;
use super::regex::{FOLDERS, Regex};

const SYNTAX: &str = "the pattern is malformed";

#[derive(Debug)]
pub(super) enum Pattern {
    /// One path.
    Exact(Vec<u8>),
    /// All that starts like this.
    Prefix(Vec<u8>),
    /// All that ends like this; if that starts with a slash, what follows the slash, too.
    Suffix(Vec<u8>),
    Regex(Regex),
}

/// The paths of the folders that a path is in, from the first element on, and the path itself, with their levels.
pub(super) fn prefixes(path: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let ends = memchr::memchr_iter(b'/', path).chain([path.len()]);
    ends.filter_map(|end| path.get(..end)).enumerate()
}

impl Pattern {
    /// Understands a clean pattern without the `!`.
    pub(super) fn compile(text: &str) -> Result<Self, &'static str> {
        if matching::is_refused_for_dot(text) {
            return Err(SYNTAX);
        }
        let bytes = text.as_bytes();
        let (regex, kind) = translated(text);
        Ok(match kind {
            Kind::Exact => Self::Exact(bytes.to_vec()),
            Kind::Prefix => Self::Prefix(bytes.strip_suffix(b"**").unwrap_or(bytes).to_vec()),
            Kind::Suffix => Self::Suffix(bytes.get(2..).unwrap_or_default().to_vec()),
            Kind::Regex => Self::Regex(Regex::compile(&regex).ok_or(SYNTAX)?),
        })
    }

    /// How much memory it takes, in parts.
    pub(super) fn size(&self) -> usize {
        if let Self::Regex(regex) = self { regex.size() } else { 0 }
    }

    /// Tells the levels of [`prefixes`] that match, in order, until it is told to stop.
    pub(super) fn each_match(&self, path: &[u8], visit: &mut dyn FnMut(usize) -> ControlFlow<()>) {
        let mut compare = |accepts: &dyn Fn(&[u8]) -> bool| {
            let mut matches = prefixes(path).filter(|(_, prefix)| accepts(prefix));
            _ = matches.try_for_each(|(level, _)| visit(level));
        };
        match self {
            Self::Exact(exact) => compare(&|path| path == exact),
            Self::Prefix(start) => {
                if path.starts_with(start) {
                    compare(&|path| path.len() >= start.len());
                }
            }
            Self::Suffix(end) => {
                compare(&|path| path.ends_with(end) || end.strip_prefix(b"/").is_some_and(|end| path == end));
            }
            Self::Regex(regex) => regex.each_match(path, visit),
        }
    }
}

/// How a pattern is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Exact,
    Prefix,
    Suffix,
    Regex,
}

/// The regular expression that `BuildKit` makes of a pattern, without the `^` before it, and whether it uses it.
fn translated(pattern: &str) -> (String, Kind) {
    let (mut regex, mut kind) = (String::new(), Kind::Exact);
    // Go's scanner drops a byte order mark that comes first.
    let mut rest = pattern.strip_prefix('\u{feff}').unwrap_or(pattern).chars().peekable();
    let mut is_first = true;
    while let Some(character) = rest.next() {
        match character {
            '*' if rest.next_if_eq(&'*').is_some() => {
                rest.next_if_eq(&'/');
                kind = match (rest.peek().is_none(), kind) {
                    (true, Kind::Exact) => Kind::Prefix,
                    (is_last, _) => {
                        regex.push_str(if is_last { ".*" } else { FOLDERS });
                        Kind::Regex
                    }
                };
                if is_first {
                    kind = Kind::Suffix;
                }
            }
            '*' | '?' => {
                regex.push_str(if character == '*' { "[^/]*" } else { "[^/]" });
                kind = Kind::Regex;
            }
            // Not `|`, `{` and `}`, which BuildKit means to, too.
            '.' | '+' | '(' | ')' | '$' => regex.extend(['\\', character]),
            '\\' => {
                regex.push('\\');
                if let Some(escaped) = rest.next() {
                    regex.push(escaped);
                    kind = Kind::Regex;
                }
            }
            _ => {
                regex.push(character);
                if matches!(character, '[' | ']') {
                    kind = Kind::Regex;
                }
            }
        }
        is_first = false;
    }
    regex.push('$');
    (regex, kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks which of some paths, given with spaces between them, match themselves.
    #[track_caller]
    fn check(pattern: &str, paths: &str, expected: &str) {
        let compiled = Pattern::compile(pattern).unwrap();
        let matches = |path: &&str| {
            let mut levels = Vec::new();
            compiled.each_match(path.as_bytes(), &mut |level| {
                levels.push(level);
                ControlFlow::Continue(())
            });
            assert!(levels.is_sorted(), "{pattern} on {path}: {levels:?}");
            levels.last() == Some(&path.matches('/').count())
        };
        assert_eq!(paths.split(' ').filter(matches).collect::<Vec<_>>().join(" "), expected, "{pattern}");
    }

    #[test]
    fn all_levels_that_match_are_told_in_order() {
        for (pattern, expected) in [
            ("a", vec![0]),
            ("a/b", vec![1]),
            ("**/b", vec![1, 3]),
            ("**", vec![0, 1, 2, 3]),
            ("a/**", vec![1, 2, 3]),
            ("a/**/*", vec![1, 2, 3]),
            ("*", vec![0]),
            ("**/?", vec![0, 1, 2, 3]),
            ("x*|b", vec![1, 3]),
        ] {
            let mut levels = Vec::new();
            Pattern::compile(pattern).unwrap().each_match(b"a/b/c/b", &mut |level| {
                levels.push(level);
                ControlFlow::Continue(())
            });
            assert_eq!(levels, expected, "{pattern}");
        }
    }

    #[test]
    fn two_stars_are_folders_if_something_follows() {
        check("a**/b", "ab a/b axx/b axxb a/x/b", "ab a/b axx/b a/x/b");
        check("**b", "b ab a/b a/bb ba", "b ab a/b a/bb");
        check("**b*", "b ab a/b a/bb ba", "b a/b a/bb ba");
        check("**/b", "b ab a/b x/a/b", "b a/b x/a/b");
        check("a**", "a ab a/b b", "a ab a/b");
        check("***", "a a/b", "a a/b");
        check("a/*/**", "a a/b a/b/c", "a/b/c");
    }

    #[test]
    fn classes_are_those_of_regular_expressions() {
        check("[a-c]x", "ax dx", "ax");
        check("[^a]x", "ax bx /x", "bx /x");
        check("[!a]x", "ax !x bx", "ax !x");
        check("[\\d]", "d 1", "1");
        check("[\\W]", "d - _", "-");
        check("[[:alpha:]]", "a 1 :]", "a");
        check("[[:^alpha:]-]", "a 1 -", "1 -");
        check("[*]", "* [^/] ]", "[^/] ]");
        check("[?]", "? /] ^]", "/] ^]");
        check("[**]", "* ( a", "* (");
    }

    #[test]
    fn escapes_are_those_of_regular_expressions() {
        check("\\*", "* a", "*");
        check("a\\d", "ad a1", "a1");
        check("a\\Wb", "a-b aab a\\b", "a-b a\\b");
        check("\\x41\\102\\n*", "AB AB\n", "AB\n");
        check("*\\b", "a -", "a");
        check("*\\B", "a -", "-");
        check("\\Aa\\z*", "a aa", "a");
        check("\\Qa*\\E", "a[^/]* ab", "a[^/]*");
        check("a*\\", "a$ a a$b b$", "a$ a$b");
        for malformed in ["\\", "\\y", "a\\8*", "\\xg0", "\\pL", "[\\Q]", "[[:no:]]", "[b-a]"] {
            assert!(Pattern::compile(malformed).is_err(), "{malformed}");
        }
    }

    #[test]
    fn braces_and_bars_are_not_escaped() {
        check("x{2}?", "xxa xa x{2}a", "xxa");
        check("x{1,2}?", "xa xxa xxxa a", "xa xxa");
        check("x{0,1}a*", "a xa xxa", "a xa");
        check("[xy]{2,}*", "x xy xyx", "xy xyx");
        check("*.{a,b}", "x.a x.{a,b}", "x.{a,b}");
        check("x{02}*", "x{02} xx", "x{02}");
        check("a*|b", "ax xb x/b c ca", "ax xb x/b");
        check("{0}a*", "xa a", "xa a");
        check("a|b", "a b a|b", "a|b");
        for malformed in ["*{2}", "|{2}*", "x{2}{2}*", "x{1001}*", "x{2,1}*"] {
            assert!(Pattern::compile(malformed).is_err(), "{malformed}");
        }
    }

    #[test]
    fn only_a_star_of_its_own_takes_line_breaks() {
        check("*x", "a\nx", "a\nx");
        check("**/x*", "a\nb/x ab/x", "ab/x");
    }
}
