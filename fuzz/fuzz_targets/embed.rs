//! `//go:embed`: where its comments are found in a file, the patterns in them, and what a pattern matches.
//!
//! The first line of an input is a pattern, the second a name; all of it is also the body of a Go file.

#![no_main]

use std::sync::LazyLock;

use buildplan::go::source::{GoFile, embed_files, path_match, scan_go};
use buildplan::repo::{EntryKind, MemoryTree, RepoPath, Tree};
use buildplan_fuzz::cut_at_line;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let pattern = lines.next().unwrap_or_default();
    let name = lines.next().unwrap_or_default();
    check_match(pattern, name);
    if let Ok(pattern) = std::str::from_utf8(pattern) {
        check_files(pattern);
        check_written(pattern);
    }
    check_comments(data);
});

/// Compares with a matcher that tries everything, in square time.
fn check_match(pattern: &[u8], name: &[u8]) {
    let found = path_match(pattern, name);
    assert_eq!(found.is_err(), path_match(pattern, b"").is_err(), "whether it is well formed depends on the name");
    // A star can end in the middle of a character; Go then matches the rest byte by byte, but not in every way.
    if pattern.len() < 64 && name.len() < 64 && pattern.is_ascii() && name.is_ascii() {
        let operators = operators(pattern);
        assert_eq!(found.is_err(), operators.is_none());
        // A star goes on where its chunk matches first. That is all there is, unless a class takes a slash.
        let has_slash = |operator: &Operator| matches!(operator, Operator::Class { .. }) && takes(operator, b'/');
        if let (Ok(found), Some(operators)) = (found, operators)
            && !(name.contains(&b'/') && operators.iter().any(has_slash))
        {
            assert_eq!(found, matches(&operators, name));
        }
    }
    let mut escaped = Vec::new();
    name.iter().for_each(|byte| escaped.extend([b'\\', *byte]));
    assert_eq!(path_match(&escaped, name), Ok(true));
    assert_eq!(path_match(b"*", name), Ok(!name.contains(&b'/')));
    if found == Ok(true) && !name.contains(&b'/') {
        assert!(path_match(&[pattern, b"*"].concat(), name) == Ok(true) || pattern.ends_with(b"\\"));
    }
}

enum Operator {
    Star,
    Any,
    Byte(u8),
    Class { negated: bool, ranges: Vec<(u8, u8)> },
}

/// The operators of an ASCII pattern; `None` if it is malformed.
fn operators(mut rest: &[u8]) -> Option<Vec<Operator>> {
    let mut operators = Vec::new();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        operators.push(match byte {
            b'*' => Operator::Star,
            b'?' => Operator::Any,
            b'\\' => Operator::Byte(take(&mut rest)?),
            b'[' => {
                let negated = rest.first() == Some(&b'^');
                rest = &rest[usize::from(negated)..];
                let mut ranges = Vec::new();
                while ranges.is_empty() || rest.first() != Some(&b']') {
                    let low = member(&mut rest)?;
                    let is_range = rest.first() == Some(&b'-');
                    rest = &rest[usize::from(is_range)..];
                    ranges.push((low, if is_range { member(&mut rest)? } else { low }));
                }
                rest = &rest[1..];
                Operator::Class { negated, ranges }
            }
            byte => Operator::Byte(*byte),
        });
    }
    Some(operators)
}

fn member(rest: &mut &[u8]) -> Option<u8> {
    match take(rest)? {
        b'-' | b']' => None,
        b'\\' => take(rest),
        byte => Some(byte),
    }
}

fn take(rest: &mut &[u8]) -> Option<u8> {
    let (byte, after) = rest.split_first()?;
    *rest = after;
    Some(*byte)
}

fn takes(operator: &Operator, byte: u8) -> bool {
    match operator {
        Operator::Byte(expected) => *expected == byte,
        Operator::Class { negated, ranges } => {
            ranges.iter().any(|(low, high)| (low..=high).contains(&&byte)) != *negated
        }
        Operator::Any | Operator::Star => byte != b'/',
    }
}

fn matches(operators: &[Operator], name: &[u8]) -> bool {
    // Which ends of the name are left over after the operators so far.
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for operator in operators {
        let mut next = vec![false; name.len() + 1];
        for at in (0..=name.len()).filter(|at| reached[*at]) {
            if let Operator::Star = operator {
                let end = name[at..].iter().position(|byte| *byte == b'/').map_or(name.len(), |slash| at + slash);
                next[at..=end].fill(true);
            } else if let Some(&byte) = name.get(at) {
                next[at + 1] |= takes(operator, byte);
            }
        }
        reached = next;
    }
    reached[name.len()]
}

static TREE: LazyLock<MemoryTree> = LazyLock::new(|| {
    let mut tree = MemoryTree::from_txtar(
        "-- go.mod --\n-- p/a.txt --\n-- p/aa.txt --\n-- p/.hidden --\n-- p/_under/x --\n-- p/é --\n-- p/con --\n\
         -- p/d/a --\n-- p/d/.b --\n-- p/d/_c --\n-- p/d/e/f --\n-- p/d/.git/x --\n-- p/d/l -> a --\n-- p/m/go.mod --\n\
         -- p/m/x --\n-- p/l -> a.txt --\n-- p/up -> .. --\n-- p/loop -> loop --\n-- p/out -> /etc --\n-- q/x --\n",
    );
    tree.insert_entry(b"p/s", EntryKind::Submodule, b"");
    tree.insert_entry(b"p/\xff", EntryKind::File { executable: false }, b"");
    tree
});

fn check_files(pattern: &str) {
    let folder = RepoPath::from_clean(b"p");
    let found = embed_files(&*TREE, &folder, pattern).expect("the tree is in memory");
    assert_eq!(Ok(&found), embed_files(&*TREE, &folder, pattern).as_ref().map_err(ToString::to_string));
    assert!(found.problem.is_some() || !found.files.is_empty());
    assert!(found.files.windows(2).all(|pair| pair[0] < pair[1]));
    if found.problem.is_some() {
        return;
    }
    for file in &found.files {
        assert!(file.is_within(&folder));
        let entry = TREE.entry(file).expect("the tree is in memory").expect("the file is there");
        assert!(matches!(entry.kind, EntryKind::File { .. }), "{file}: {:?}", entry.kind);
    }
    // `all:` only ever adds files.
    if !pattern.starts_with("all:") {
        let all = embed_files(&*TREE, &folder, &format!("all:{pattern}")).expect("the tree is in memory");
        assert!(found.files.iter().all(|file| all.files.contains(file)));
    }
}

fn patterns(arguments: &str) -> Vec<String> {
    let file = source(format!("//go:embed {arguments}\nvar x string\n").as_bytes());
    file.embeds.into_iter().map(|embed| embed.pattern).collect()
}

/// A pattern that is written as a Go string is read as it is.
fn check_written(pattern: &str) {
    let escape = |byte: u8| format!("\\x{byte:02x}");
    let quoted = format!("\"{}\"", pattern.bytes().map(escape).collect::<String>());
    assert_eq!(patterns(&format!("{quoted} b {quoted}")), [pattern, "b", pattern]);
    let is_bare = !pattern.starts_with(['"', '`']) && !pattern.is_empty();
    if is_bare && !pattern.contains(char::is_whitespace) {
        assert_eq!(patterns(pattern), [pattern]);
    }
}

fn source(body: &[u8]) -> GoFile {
    scan_go(&[b"package p\nimport _ \"embed\"\n", body].concat())
}

/// Compares with a second scanner, which only knows where comments are.
fn check_comments(body: &[u8]) {
    let file = source(body);
    let comments = line_comments(body);
    let found: Vec<u32> = file.embeds.iter().map(|embed| embed.line).collect();
    assert!(found.is_sorted());
    let expected: Vec<u32> = comments.iter().map(|(line, _)| line + 2).collect();
    assert!(found.iter().all(|line| expected.contains(line)), "{found:?} of {expected:?}");
    for (line, arguments) in comments {
        let simple = arguments.strip_prefix(b" ").filter(|a| !a.is_empty() && a.iter().all(u8::is_ascii_alphanumeric));
        if let Some(pattern) = simple {
            let is_it = |embed: &_| embed_is(embed, line + 2, pattern);
            assert!(file.embeds.iter().any(is_it), "line {line} of the body");
        }
    }
    // The first lines of a file have the first of the patterns.
    let start = source(&body[..cut_at_line(body)]);
    assert!(file.embeds.starts_with(&start.embeds));
}

fn embed_is(embed: &buildplan::go::source::EmbedDirective, line: u32, pattern: &[u8]) -> bool {
    embed.line == line && embed.pattern.as_bytes() == pattern
}

/// The lines of the `//go:embed` comments, and what follows that in them.
fn line_comments(text: &[u8]) -> Vec<(u32, &[u8])> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let line_end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let length = match rest {
            [b'/', b'/', ..] => {
                found.extend(rest[..line_end].strip_prefix(b"//go:embed").map(|arguments| (line, arguments)));
                line_end
            }
            [b'/', b'*', after @ ..] => after.windows(2).position(|end| end == b"*/").map_or(rest.len(), |end| end + 4),
            [b'`', after @ ..] => after.iter().position(|byte| *byte == b'`').map_or(rest.len(), |end| end + 2),
            [quote @ (b'"' | b'\''), ..] => {
                let mut end = 1;
                while end < line_end && rest[end] != *quote {
                    // What follows a backslash on the same line is not the end.
                    end += if rest[end] == b'\\' && end + 1 < line_end { 2 } else { 1 };
                }
                if end < line_end { end + 1 } else { line_end }
            }
            _ => 1,
        };
        line += u32::try_from(rest[..length].iter().filter(|byte| **byte == b'\n').count()).unwrap_or(0);
        at += length;
    }
    found
}
