//! Turns the patterns of a `.dockerignore` and a path into whether the path is left out of the context, as `BuildKit`
//! does: as its walk of the context decides, not as the documentation says.
//!
//! It never looks at files, and no pattern takes more than pattern times path steps.

mod pattern;
mod regex;

use std::collections::{BTreeSet, HashMap};
use std::ops::{Bound, ControlFlow};

use super::matching;
use pattern::Pattern;

/// What Go's `bufio.Scanner` takes for a line, with its end.
const LONGEST_LINE: usize = 64 * 1024;

/// How large patterns may become together, in parts of regular expressions: `a{1000}` is a thousand.
const LARGEST: usize = 1 << 20;

/// The rules of a `.dockerignore`, or of `COPY --exclude`.
///
/// The last rule that matches a path decides. A rule matches what lies below what it matches, if it was looked at
/// there: `BuildKit` skips rules that would change nothing (an `!` rule for what is not left out so far, any other for
/// what is), and what lies below does not inherit a rule that was skipped. So `a/b` followed by `!a` leaves out `a/b`.
#[derive(Debug, Default)]
pub struct Ignore {
    rules: Vec<Rule>,
    /// The rules that are the path of one file or folder, by that path.
    exact: HashMap<Vec<u8>, Vec<usize>>,
    /// The other rules, in order.
    others: Vec<usize>,
    exceptions: Exceptions,
    /// The sizes of all patterns.
    size: usize,
    problems: Vec<IgnoreProblem>,
}

#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    /// Whether it takes back what others leave out.
    is_exception: bool,
}

/// What a pattern has that `BuildKit` refuses to build with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoreProblem {
    /// Where the pattern is, from 1.
    pub line: usize,
    /// The pattern, or what of it can be shown.
    pub pattern: String,
    /// What is wrong.
    pub message: &'static str,
}

impl Ignore {
    /// Reads a `.dockerignore`. Malformed patterns are left out of the rules, and are [`Self::problems`].
    pub fn parse(bytes: &[u8]) -> Self {
        let mut ignore = Self::default();
        let (mut is_ascii, mut unprintable) = (true, Vec::new());
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            if line.len() >= LONGEST_LINE {
                let start: String = matching::characters(line).take(40).collect();
                ignore.problems.push(IgnoreProblem { line: number, pattern: start, message: "the line is too long" });
            } else if !line.starts_with(b"#") {
                let line: String = matching::characters(line).collect();
                let pattern = normalized(line.trim());
                ignore.add(&pattern, number);
                is_ascii &= pattern.is_ascii();
                if pattern.contains(|character: char| character.is_ascii_control()) {
                    unprintable.push(IgnoreProblem {
                        line: number,
                        pattern,
                        message: "the pattern has a control character",
                    });
                }
            }
        }
        // Patterns travel as headers of HTTP, and are encoded if one of them is not ASCII.
        if is_ascii {
            ignore.problems.append(&mut unprintable);
            ignore.problems.sort_by_key(|problem| problem.line);
        }
        ignore
    }

    /// Patterns that are given one by one, as `COPY --exclude` has them: without comments, and a leading `/` is part
    /// of the pattern. The lines of problems count the patterns.
    pub fn of_patterns<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        let mut ignore = Self::default();
        for (number, pattern) in (1..).zip(patterns) {
            ignore.add(pattern, number);
        }
        ignore
    }

    fn add(&mut self, pattern: &str, line: usize) {
        let pattern = pattern.trim();
        if pattern.is_empty() {
            return;
        }
        let cleaned = cleaned(pattern);
        let is_exception = cleaned.starts_with('!');
        let text = cleaned.strip_prefix('!').unwrap_or(&cleaned);
        let compiled = if text.is_empty() { Err("there is nothing after the !") } else { Pattern::compile(text) };
        let compiled = compiled.and_then(|compiled| {
            self.size += compiled.size();
            if self.size > LARGEST { Err("the patterns are too large") } else { Ok(compiled) }
        });
        match compiled {
            Ok(compiled) => {
                let at = self.rules.len();
                if let Pattern::Exact(path) = &compiled {
                    self.exact.entry(path.clone()).or_default().push(at);
                } else {
                    self.others.push(at);
                }
                if is_exception {
                    self.exceptions.add(text);
                }
                self.rules.push(Rule { pattern: compiled, is_exception });
            }
            Err(message) => self.problems.push(IgnoreProblem { line, pattern: pattern.to_owned(), message }),
        }
    }

    /// The patterns that are malformed: `BuildKit` refuses to build with these.
    ///
    /// Some it refuses only when it comes to look at them, and it understands `\p` with a class of Unicode, as Go's
    /// regular expressions do; here they are malformed all the same.
    pub fn problems(&self) -> &[IgnoreProblem] {
        &self.problems
    }

    /// Whether there are no rules, so that nothing is left out.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether the file, symlink or folder at this path, which is relative to the context and clean, is left out. A
    /// folder that is may still be there because of what it contains. The context itself never is left out.
    pub fn excludes(&self, path: &[u8]) -> bool {
        let states = self.states(path);
        states.last() || self.is_hidden(&states, path)
    }

    /// Whether nothing at all below this folder can be seen, so that a walk may stop: it is left out, and no `!` rule
    /// can reach into it.
    pub fn excludes_all_below(&self, folder: &[u8]) -> bool {
        let states = self.states(folder);
        states.last() && !self.exceptions.reach_into(&[folder, b"/"].concat()) || self.is_hidden(&states, folder)
    }

    /// Whether a folder above the path is left out so that its content is not looked at.
    fn is_hidden(&self, states: &States, path: &[u8]) -> bool {
        if states.0.is_empty() {
            return false;
        }
        let mut folders = memchr::memchr_iter(b'/', path).enumerate();
        folders.any(|(level, end)| states.at(level) && !self.exceptions.reach_into(path.get(..=end).unwrap_or(path)))
    }

    fn states(&self, path: &[u8]) -> States {
        let mut states = States::default();
        if path.is_empty() {
            return states;
        }
        let hits = self.exact_hits(path);
        let mut hits = hits.iter().peekable();
        for at in self.others.iter().copied().chain([usize::MAX]) {
            while let Some((hit, level)) = hits.next_if(|(hit, _)| *hit < at) {
                if let Some(rule) = self.rules.get(*hit) {
                    states.apply(rule.is_exception, |visit| _ = visit(*level));
                }
            }
            if let Some(rule) = self.rules.get(at)
                && states.can_change(rule.is_exception)
            {
                states.apply(rule.is_exception, |visit| rule.pattern.each_match(path, visit));
            }
        }
        states
    }

    /// The rules that are the path or a folder above it, in order, and how deep that is.
    fn exact_hits(&self, path: &[u8]) -> Vec<(usize, usize)> {
        let mut hits = Vec::new();
        if !self.exact.is_empty() {
            for (level, prefix) in pattern::prefixes(path) {
                let rules = self.exact.get(prefix).into_iter().flatten();
                hits.extend(rules.map(|rule| (*rule, level)));
            }
            hits.sort_unstable();
        }
        hits
    }
}

/// What the rules so far say of a path and the folders above it. These are its levels, from 0 for the first element.
///
/// Nothing is left out up to the first of the numbers, everything is from there to the second, and so on: they ascend.
#[derive(Default)]
struct States(Vec<usize>);

impl States {
    fn at(&self, level: usize) -> bool {
        self.0.iter().take_while(|change| **change <= level).count() % 2 == 1
    }

    /// What is said of the path itself; no change lies deeper.
    fn last(&self) -> bool {
        self.0.len() % 2 == 1
    }

    /// Whether there is a level at which a rule would be looked at.
    fn can_change(&self, is_exception: bool) -> bool {
        if is_exception { !self.0.is_empty() } else { self.0 != [0] }
    }

    /// Applies a rule that tells the levels that it matches, in order, until it is told to stop.
    fn apply(&mut self, is_exception: bool, matches: impl FnOnce(&mut dyn FnMut(usize) -> ControlFlow<()>)) {
        let mut first = None;
        matches(&mut |level| {
            if self.at(level) == is_exception {
                first = Some(level);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        if let Some(level) = first {
            self.0.retain(|change| *change < level);
            if self.0.len() % 2 == usize::from(is_exception) {
                self.0.push(level);
            }
        }
    }
}

/// How `!` rules keep folders from being passed over.
#[derive(Debug, Default)]
struct Exceptions {
    /// Whether one has a wildcard that is not at its end. It may match anywhere, so that every folder is looked into.
    reach_everywhere: bool,
    /// What the others say without their wildcards, each with a slash at its end.
    stems: BTreeSet<Vec<u8>>,
}

impl Exceptions {
    fn add(&mut self, pattern: &str) {
        let stem = pattern.strip_suffix("/**").unwrap_or(pattern);
        let stem = stem.strip_suffix("/*").unwrap_or(stem);
        if stem.contains(['*', '[', ']', '?', '^', '\\']) {
            self.reach_everywhere = true;
        } else {
            self.stems.insert([stem.as_bytes(), b"/"].concat());
        }
    }

    /// Whether `BuildKit` looks into a folder that is left out; the folder has a slash at its end.
    fn reach_into(&self, folder: &[u8]) -> bool {
        let from = (Bound::Included(folder), Bound::Unbounded);
        self.reach_everywhere || self.stems.range::<[u8], _>(from).next().is_some_and(|stem| stem.starts_with(folder))
    }
}

/// A line as a pattern that is relative to the context.
fn normalized(line: &str) -> String {
    let (mark, rest) = match line.strip_prefix('!') {
        Some(rest) => ("!", rest.trim()),
        None => ("", line),
    };
    if rest.is_empty() {
        return mark.to_owned();
    }
    let rest = cleaned(rest);
    let relative = if rest.len() > 1 { rest.strip_prefix('/').unwrap_or(&rest) } else { &rest };
    format!("{mark}{relative}")
}

/// The shortest path that says the same, as `filepath.Clean` of Go does it.
fn cleaned(path: &str) -> String {
    let is_absolute = path.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    for element in path.split('/') {
        match element {
            "" | "." => {}
            ".." if kept.last().is_some_and(|last| *last != "..") => _ = kept.pop(),
            ".." if is_absolute => {}
            _ => kept.push(element),
        }
    }
    match (is_absolute, kept.is_empty()) {
        (true, _) => format!("/{}", kept.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => kept.join("/"),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// Checks which of some paths, given with spaces between them, are left out.
    #[track_caller]
    fn check(patterns: &str, paths: &str, expected: &str) {
        let ignore = Ignore::parse(patterns.as_bytes());
        assert_eq!(ignore.problems(), [], "{patterns:?}");
        let excluded: Vec<&str> = paths.split(' ').filter(|path| ignore.excludes(path.as_bytes())).collect();
        assert_eq!(excluded.join(" "), expected, "{patterns:?}");
    }

    #[test]
    fn a_rule_matches_what_it_names_and_what_is_below() {
        check("a/b", "a a/b a/b/c a/bc b x/a/b", "a/b a/b/c");
        check("*.md", "x.md docs/x.md x.md/y", "x.md x.md/y");
        check("**/*.md", "x.md docs/x.md docs/api/x.md x.mdx", "x.md docs/x.md docs/api/x.md");
        check("*/b", "b a/b a/b/c x/a/b", "a/b a/b/c");
        check("a/**", "a a/b a/b/c b", "a/b a/b/c");
        check("a/**/b", "a/b a/c/b a/c/d/b a/c/d ab", "a/b a/c/b a/c/d/b");
        check("**", "a a/b", "a a/b");
        check("a.b", "a.b axb", "a.b");
        check(".git", ".git .git/config .gitignore", ".git .git/config");
    }

    #[test]
    fn the_last_rule_that_matches_decides() {
        check("*\n!a", "a a/b b", "b");
        check("*\n!a\na/c", "a/b a/c a/c/d", "a/c a/c/d");
        check("*.md\n!README.md", "x.md README.md docs", "x.md");
        check("!a\na", "a a/b", "a a/b");
        check("*\n!**/*.go", "a a/b.go a/b.md", "a a/b.md");
    }

    #[test]
    fn a_skipped_rule_is_not_inherited() {
        // `!a` changes nothing for a, and so is asked again for a/b, which it does not name.
        check("a/b\n!a", "a a/b a/b/c", "a/b a/b/c");
        check("a\n!a/b\na", "a a/b a/c", "a a/c");
        // No rule that starts with a/b/ can take something back, so that a/b is not looked into.
        check("a/b\n!a/*/**", "a/b a/b/c", "a/b a/b/c");
        check("a/b\n!a/*/**\n!x*", "a/b a/b/c", "a/b");
    }

    #[test]
    fn lines_are_read_as_builders_read_them() {
        check("\u{feff}a\r\n  b\t\r\n# c\n\n #d\n", "a b # #d", "a b #d");
        check("/a\n./b/\nc/../d//e/.\n/../f", "a b c d d/e f", "a b d/e f");
        check("*\n! /a/\n!./b", "a b c", "c");
        check("/\n.\n..\n!.\n/.", "a b", "");
        check("*\n/!a\n!!b", "a !a b !b", "!a b");
        check("#\n\u{a0}a\u{3000}", "# a", "a");
        assert!(Ignore::parse(b"#a\n\n \n").is_empty());
        assert!(!Ignore::parse(b"a").is_empty());
    }

    #[test]
    fn bytes_that_are_not_utf_8_match_no_path_but_are_characters_of_wildcards() {
        assert!(!Ignore::parse(b"a\xff").excludes(b"a\xff"));
        assert!(Ignore::parse(b"a?").excludes(b"a\xff"));
        assert!(Ignore::parse(b"?\xff").excludes(b"a\xff"));
    }

    #[test]
    fn the_context_itself_is_never_left_out() {
        for patterns in ["*", "**", ".", "/", ""] {
            let ignore = Ignore::parse(patterns.as_bytes());
            assert!(!ignore.excludes(b"") && !ignore.excludes_all_below(b""), "{patterns}");
        }
    }

    #[test]
    fn a_walk_may_stop_where_no_rule_takes_anything_back() {
        #[track_caller]
        fn check(patterns: &str, folders: &str, expected: &str) {
            let ignore = Ignore::parse(patterns.as_bytes());
            let closed: Vec<&str> =
                folders.split(' ').filter(|path| ignore.excludes_all_below(path.as_bytes())).collect();
            assert_eq!(closed.join(" "), expected, "{patterns:?}");
        }
        check("a\nb/c", "a a/b b b/c b/c/d c", "a a/b b/c b/c/d");
        check("*\n!a/b", "a a/b a/c ab c", "a/c ab c");
        check("*\n!a/*\n!b/**", "a b c", "c");
        check("*\n!a/b/*", "a a/b a/b/c a/c", "a/c");
        check("*\n!**/x", "a a/b", "");
        check("*\n!a\\b", "a c", "");
    }

    #[test]
    fn malformed_patterns_are_remembered_and_left_out() {
        #[track_caller]
        fn check(patterns: &str, expected: &[(usize, &str)]) {
            let ignore = Ignore::parse(patterns.as_bytes());
            let found: Vec<_> = ignore.problems().iter().map(|found| (found.line, &*found.pattern)).collect();
            assert_eq!(found, expected, "{patterns:?}");
            assert!(ignore.excludes(b"good"), "{patterns:?}");
        }
        check("good\n[\n!\n ! / \na[b-a]", &[(2, "["), (3, "!"), (4, "!/"), (5, "a[b-a]")]);
        check("good\n\\y*\n*{2}\nx{2,1}*", &[(2, "\\y*"), (3, "*{2}"), (4, "x{2,1}*")]);
        check("good\nb\x01\n[", &[(2, "b\x01"), (3, "[")]);
        check("good\nb\x01\né", &[]);
        check(&format!("{}\ngood", "a".repeat(70_000)), &[(1, &"a".repeat(40))]);
        check(&format!("good\n{}", "a{1000}*\n".repeat(3)), &[]);
        let many = Ignore::parse("a{1000}*\n".repeat(2000).as_bytes());
        assert_eq!(many.problems().first().map(|problem| problem.message), Some("the patterns are too large"));
    }

    #[test]
    fn patterns_of_copy_are_taken_as_they_are() {
        let excludes =
            |patterns: &[&str], path: &str| Ignore::of_patterns(patterns.iter().copied()).excludes(path.as_bytes());
        assert!(excludes(&["#a"], "#a") && excludes(&[" a/ "], "a/b") && excludes(&["./a"], "a"));
        assert!(!excludes(&["/a"], "a") && !excludes(&[""], "a"));
        assert!(!excludes(&["*", "!a"], "a"));
        // Cleaning sees `!a` as a folder, and `!.` too.
        assert!(excludes(&["b", "!a/../b"], "b") && excludes(&["a", "!./a"], "a"));
        assert_eq!(Ignore::of_patterns(["a", "["]).problems()[0].line, 2);
    }

    #[test]
    fn hostile_patterns_end() {
        let deep = "a/".repeat(1000) + "b";
        for pattern in ["**a".repeat(300), "**/*".repeat(300), "*a".repeat(300), "a*|".repeat(300), "[*]".repeat(999)] {
            Ignore::parse(pattern.as_bytes()).excludes(deep.as_bytes());
        }
        let mut many = String::new();
        for number in 0..10_000 {
            write!(many, "*\nfolder{number}/**/x*\n!folder{number}/file.go\n").unwrap();
        }
        let ignore = Ignore::parse(many.as_bytes());
        for number in 0..20 {
            assert!(ignore.excludes(format!("folder{number}/a/file.go").as_bytes()));
        }
    }
}
