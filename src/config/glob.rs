//! Turns a glob of the configuration into a test of repository paths. It never lists a folder.
//!
//! `*` and `?` stay within one path element, `**` stands for any number of them, `[a-z]` for one character and `{a,b}`
//! for either. Where the rule leaves a choice the pattern matches more rather than less: a file too many is a build too
//! many, a file too few is a wrong "nothing to do".

use std::fmt;
use std::sync::{Arc, OnceLock};

use globset::{Candidate, ErrorKind, GlobBuilder, GlobSet};

use super::error::shown;
use crate::repo::RepoPath;

/// Longer patterns are refused; no honest one comes near.
const LONGEST: usize = 1024;

/// How deep `{…}` may nest.
const DEEPEST: usize = 8;

/// Any byte that is part of a character beyond ASCII.
const BEYOND_ASCII: &str = "[!\0-\u{7f}]";

/// A pattern of paths, relative to the repository root; case matters.
///
/// A pattern that names a folder matches everything below it too: one that ends in a slash (`configs/*/`), or whose last
/// element has no wildcard (`configs/auth`, `services/*/configs`). Cloning is cheap.
#[derive(Clone)]
pub struct Glob(Arc<Inner>);

struct Inner {
    /// As it was written.
    written: String,
    /// The deepest folder that needs no wildcard.
    literal_prefix: RepoPath,
    matcher: Matcher,
}

/// How a pattern is matched, cheapest first.
enum Matcher {
    /// This path and everything below it.
    Within(RepoPath),
    /// What the patterns match; compiled when first asked, which takes longer than parsing a whole configuration.
    Patterns { patterns: Vec<globset::Glob>, compiled: OnceLock<Option<GlobSet>> },
}

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, in words: it is empty, absolute, leaves the repository, negates, is too long or malformed.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let elements = clean_elements(pattern)?;
        let names_folder = pattern.ends_with('/') || elements.last().is_none_or(|last| !has_wildcard(last));
        let literal = elements.iter().take_while(|element| is_literal(element)).count();
        let (folders, recursive) = match elements.split_last() {
            Some((&"**", folders)) => (folders, true),
            _ => (&elements[..], names_folder),
        };
        let matcher = if recursive && literal >= folders.len() {
            Matcher::Within(join(folders)?)
        } else {
            let cleaned = elements.join("/");
            let covers_below = elements.last() == Some(&"**");
            let mut patterns = Vec::with_capacity(2);
            if covers_below || !pattern.ends_with('/') {
                patterns.push(compile(&cleaned)?);
            }
            if names_folder && !covers_below {
                patterns.push(compile(&format!("{cleaned}/**"))?);
            }
            Matcher::Patterns { patterns, compiled: OnceLock::new() }
        };
        // The last element of `configs/auth` may be a file: only what is above it is surely a folder.
        let certain = if pattern.ends_with('/') { elements.len() } else { elements.len().saturating_sub(1) };
        let literal_prefix = join(&elements[..literal.min(certain)])?;
        Ok(Self(Arc::new(Inner { written: pattern.to_owned(), literal_prefix, matcher })))
    }

    /// Whether the pattern covers a path.
    pub fn matches(&self, path: &RepoPath) -> bool {
        match &self.0.matcher {
            Matcher::Within(folder) => path.is_within(folder),
            Matcher::Patterns { patterns, compiled } => {
                path.is_within(&self.0.literal_prefix)
                    && compiled
                        .get_or_init(|| GlobSet::new(patterns).ok())
                        .as_ref()
                        // A pattern that cannot be compiled covers all: never too little.
                        .is_none_or(|set| set.is_match_candidate(&Candidate::from_bytes(path.as_bytes())))
            }
        }
    }

    /// The deepest folder that needs no wildcard, where a walk for matching paths may start: nothing outside it matches.
    pub fn literal_prefix(&self) -> RepoPath {
        self.0.literal_prefix.clone()
    }

    /// The path, file or folder, that is all that the pattern covers, together with everything below it; `None` if the
    /// pattern has wildcards. With it one look-up takes the place of a walk.
    pub fn literal_path(&self) -> Option<&RepoPath> {
        match &self.0.matcher {
            Matcher::Within(path) => Some(path),
            Matcher::Patterns { .. } => None,
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0.written
    }
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Glob({:?})", self.0.written)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.written)
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.0.written == other.0.written
    }
}

impl Eq for Glob {}

/// The elements of a pattern without `.`, empty ones and repeated `**`, checked for everything that globset would let
/// pass in silence.
fn clean_elements(pattern: &str) -> Result<Vec<&str>, String> {
    let named = shown(pattern);
    if pattern.is_empty() {
        return Err("the pattern is empty; write `**` for every file".to_owned());
    }
    if pattern.len() > LONGEST {
        return Err(format!("the pattern `{named}` is longer than {LONGEST} bytes"));
    }
    if pattern.contains(char::is_control) {
        return Err(format!("the pattern `{named}` has a control character"));
    }
    if pattern.starts_with('!') {
        return Err(format!(
            "the pattern `{named}` cannot be negated; write `\\!` for a file name that begins with `!`"
        ));
    }
    if pattern.starts_with('/') {
        return Err(format!("the pattern `{named}` is absolute; patterns are relative to the repository root"));
    }
    let mut elements: Vec<&str> = Vec::new();
    for element in pattern.split('/') {
        match element {
            "" | "." => {}
            ".." => return Err(format!("the pattern `{named}` leads out of its folder with `..`")),
            "**" if elements.last() == Some(&"**") => {}
            _ if element != "**" && element.contains("**") => {
                return Err(format!(
                    "the pattern `{named}` has `**` beside other characters; write it between slashes"
                ));
            }
            _ => elements.push(element),
        }
    }
    Ok(elements)
}

/// Whether an element stands for itself alone.
fn is_literal(element: &str) -> bool {
    !element.contains(['*', '?', '[', ']', '{', '}', '\\'])
}

/// Whether an element stands for many names. Alternatives are no wildcards: each is a name.
fn has_wildcard(element: &str) -> bool {
    let mut escaped = false;
    element.chars().any(|character| {
        let wildcard = !escaped && matches!(character, '*' | '?' | '[');
        escaped = !escaped && character == '\\';
        wildcard
    })
}

fn join(elements: &[&str]) -> Result<RepoPath, String> {
    let joined = elements.join("/");
    RepoPath::clean(joined.as_bytes()).ok_or_else(|| format!("the pattern `{}` leaves the repository", shown(&joined)))
}

fn compile(pattern: &str) -> Result<globset::Glob, String> {
    let translated = count_characters(pattern)?;
    let mut builder = GlobBuilder::new(&translated);
    builder.literal_separator(true).backslash_escape(true).empty_alternates(true);
    builder.build().map_err(|error| {
        let pattern = shown(pattern);
        match error.kind() {
            ErrorKind::UnclosedClass => unclosed_class(&pattern),
            ErrorKind::InvalidRange(from, to) => {
                format!("the pattern `{pattern}` has the range `{from}-{to}`, which is backwards")
            }
            ErrorKind::UnopenedAlternates => format!("the pattern `{pattern}` has a `}}` without its `{{`"),
            ErrorKind::UnclosedAlternates => format!("the pattern `{pattern}` has a `{{` without its `}}`"),
            other => format!("the pattern `{pattern}` is malformed: {other}"),
        }
    })
}

fn unclosed_class(pattern: &str) -> String {
    format!("the pattern `{pattern}` has a `[` without its `]`")
}

/// Rewrites `?` and `[!…]`, which globset takes for one byte, so that they stand for one character.
fn count_characters(pattern: &str) -> Result<String, String> {
    let named = shown(pattern);
    let mut translated = String::with_capacity(pattern.len());
    let mut depth: usize = 0;
    let mut rest = pattern;
    while let Some(character) = rest.chars().next() {
        let mut length = character.len_utf8();
        match character {
            '\\' => {
                let escaped = rest[length..].chars().next();
                if !escaped.is_some_and(|escaped| "*?[]{}!,\\-".contains(escaped)) {
                    return Err(format!("the pattern `{named}` has a stray `\\`; folders are separated by `/`"));
                }
                length += 1;
            }
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '[' => length = class_length(rest, &named)?,
            _ => {}
        }
        if depth > DEEPEST {
            return Err(format!("the pattern `{named}` nests `{{` more than {DEEPEST} deep"));
        }
        let (token, after) = rest.split_at(length);
        if token == "?" || token.starts_with("[!") || token.starts_with("[^") {
            let bytes = [2, 3, 4].map(|count| BEYOND_ASCII.repeat(count)).join(",");
            translated.extend(["{", token, ",", &bytes, "}"]);
        } else {
            translated.push_str(token);
        }
        rest = after;
    }
    Ok(translated)
}

/// The length of the class that `rest` begins with, in bytes.
fn class_length(rest: &str, named: &str) -> Result<usize, String> {
    let negated = usize::from(rest[1..].starts_with(['!', '^']));
    // A `]` right at the start stands for itself.
    let content = 1 + negated;
    let first = rest[content..].chars().next().map_or(0, char::len_utf8);
    let close = rest[content + first..].find(']').ok_or_else(|| unclosed_class(named))?;
    let length = content + first + close + 1;
    if !rest[..length].is_ascii() {
        return Err(format!("the pattern `{named}` has a class with letters beyond ASCII; write `{{ä,ö}}`"));
    }
    if rest[..length].contains('/') {
        return Err(format!("the pattern `{named}` has a class with a `/`"));
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(pattern: &str, matched: &[&str], unmatched: &[&str]) {
        let glob = Glob::new(pattern).unwrap();
        for (paths, expected) in [(matched, true), (unmatched, false)] {
            for path in paths {
                assert_eq!(glob.matches(&RepoPath::from_clean(path.as_bytes())), expected, "{pattern} on {path}");
            }
        }
        for path in matched {
            let path = RepoPath::from_clean(path.as_bytes());
            assert!(path.is_within(&glob.literal_prefix()), "{path} is outside the literal prefix of {pattern}");
        }
    }

    #[track_caller]
    fn check_error(pattern: &str, expected: &str) {
        let error = Glob::new(pattern).unwrap_err();
        assert!(error.contains(expected), "{pattern}: {error}");
    }

    #[track_caller]
    fn check_prefix(pattern: &str, prefix: &str, path: Option<&str>) {
        let glob = Glob::new(pattern).unwrap();
        assert_eq!(glob.literal_prefix(), RepoPath::from_clean(prefix.as_bytes()), "prefix of {pattern}");
        let expected = path.map(|path| RepoPath::from_clean(path.as_bytes()));
        assert_eq!(glob.literal_path(), expected.as_ref(), "path of {pattern}");
    }

    #[test]
    fn wildcards_stay_within_one_element() {
        check("configs/*.yaml", &["configs/a.yaml", "configs/.yaml"], &["configs/a/b.yaml", "a.yaml", "configs/a.yml"]);
        check("*", &["a", ".hidden"], &["a/b"]);
        check("a?c", &["abc", "aéc", "a世c", "a😀c"], &["ac", "abbc", "a/c"]);
        check("[a-c]x", &["ax", "cx"], &["dx", "Ax"]);
        check("[!a-c]x", &["dx", "éx"], &["ax"]);
        check("{a,b}.txt", &["a.txt", "b.txt"], &["c.txt"]);
        check("größe/*", &["größe/x"], &["grosse/x"]);
    }

    #[test]
    fn two_stars_stand_for_any_number_of_elements() {
        check("**", &["a", "a/b/c"], &[]);
        check("build/**", &["build/a", "build/a/b"], &["builds/a", "x/build/a"]);
        check("**/*.tmpl", &["a.tmpl", "x/y/a.tmpl"], &["a.tmpl.go"]);
        check("a/**/b", &["a/b", "a/x/b", "a/x/y/b", "a/x/b/below"], &["ab", "b"]);
        check("a/**/**/b.*", &["a/b.c", "a/x/y/b.c"], &["a/b"]);
        check("services/*/migrations/**", &["services/auth/migrations/1.sql"], &["services/migrations/1.sql"]);
    }

    #[test]
    fn a_pattern_that_names_a_folder_covers_what_is_below() {
        check("configs/auth", &["configs/auth", "configs/auth/a/b"], &["configs/authority", "configs"]);
        check("configs/", &["configs/a", "configs"], &["configs2"]);
        check("services/*/configs", &["services/a/configs", "services/a/configs/x/y"], &["services/configs"]);
        check("configs/*/", &["configs/a/b", "configs/a/b/c"], &["configs/a"]);
        check("configs/*/**/", &["configs/a/b", "configs/a/b/c"], &["configs/a"]);
        check("{a,b}", &["a", "b/c"], &["c"]);
        check(".", &["a", "b/c"], &[]);
        check("configs/*", &["configs/a"], &["configs/a/b"]);
    }

    #[test]
    fn patterns_are_cleaned() {
        check("./configs//auth/.", &["configs/auth", "configs/auth/x"], &["auth"]);
        check(r"a\*b", &["a*b", "a*b/below"], &["axb"]);
        check(r"a\{b", &["a{b", "a{b/below"], &["a"]);
        check(r"\!x", &["!x", "!x/below"], &["x"]);
    }

    #[test]
    fn bytes_that_are_not_utf8_match() {
        let path = RepoPath::from_clean(b"configs/\xff\xfe.bin");
        assert!(Glob::new("configs/*.bin").unwrap().matches(&path));
        assert!(Glob::new("configs").unwrap().matches(&path));
    }

    #[test]
    fn a_walk_starts_at_the_deepest_certain_folder() {
        check_prefix("configs/auth/**", "configs/auth", Some("configs/auth"));
        check_prefix("configs/auth/", "configs/auth", Some("configs/auth"));
        check_prefix("configs/auth", "configs", Some("configs/auth"));
        check_prefix("Makefile", "", Some("Makefile"));
        check_prefix("**", "", Some(""));
        check_prefix("configs/*/x", "configs", None);
        check_prefix("x/{a/b,c}", "x", None);
        check_prefix("**/*.go", "", None);
    }

    #[test]
    fn what_is_wrong_is_said() {
        check_error("", "is empty");
        check_error("/etc/**", "is absolute");
        check_error("../x", "leads out");
        check_error("a/../../x", "leads out");
        check_error("!a", "cannot be negated");
        check_error("a\nb", "control character");
        check_error("a**", "`**` beside other");
        check_error("{**,a}", "`**` beside other");
        check_error(r"configs\auth", "separated by `/`");
        check_error(r"a\", "stray `\\`");
        check_error("[a", "`[` without its `]`");
        check_error("[]", "`[` without its `]`");
        check_error("[", "`[` without its `]`");
        check_error("[z-a]", "backwards");
        check_error("[ä]", "beyond ASCII");
        check_error("[a/b]", "class with a `/`");
        check_error("{a,b", "`{` without its `}`");
        check_error("a}", "`}` without its `{`");
        check_error(&"{".repeat(9), "more than 8 deep");
        check_error(&"a".repeat(1025), "longer than 1024");
    }

    #[test]
    fn the_worst_patterns_compile() {
        for pattern in
            ["?".repeat(LONGEST), "[!a]".repeat(LONGEST / 4), "*a".repeat(LONGEST / 2), "{a,b}?*".repeat(128)]
        {
            let glob = Glob::new(&pattern).unwrap();
            assert!(!glob.matches(&RepoPath::from_clean(b"x")), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_glob_matches_lies_within_its_prefix(
            pattern in "[a-c/*?.{},\\[\\]!\\\\ä-]{0,12}",
            path in "[a-cä]{1,3}(/[a-cä]{1,3}){0,3}",
        ) {
            let path = RepoPath::from_clean(path.as_bytes());
            if let Ok(glob) = Glob::new(&pattern) && glob.matches(&path) {
                prop_assert!(path.is_within(&glob.literal_prefix()));
            }
        }
    }
}
