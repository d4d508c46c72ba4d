//! Turns the comment above `import "C"` into C text and `#cgo` lines. It never expands `${SRCDIR}` and never follows an
//! include.

use std::ops::Range;

use memchr::{memchr, memmem};

use super::{Constraint, Tri};

/// What one `import "C"` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgoBlock {
    /// The line of the import, from 1.
    pub line: u32,
    /// The comment right above it, without comment markers: C text. Feed it to [`c_includes`](super::c_includes).
    pub preamble: String,
    /// Its `#cgo` lines.
    pub directives: Vec<CgoDirective>,
    /// The first `#cgo` line that Go rejects, and why; it is an error of the package where cgo is on.
    pub problem: Option<String>,
}

/// One `#cgo` line, like `#cgo linux,amd64 darwin LDFLAGS: -L${SRCDIR}/lib -lm`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgoDirective {
    /// Under which conditions the line counts.
    pub condition: Constraint,
    /// `CFLAGS`, `CPPFLAGS`, `CXXFLAGS`, `FFLAGS`, `LDFLAGS` or `pkg-config`.
    pub verb: String,
    /// The arguments, unquoted, with `${SRCDIR}` as it is written.
    pub arguments: Vec<String>,
}

impl CgoDirective {
    /// Whether the line counts.
    pub fn eval(&self, tag: &dyn Fn(&str) -> Tri) -> Tri {
        self.condition.eval(tag)
    }
}

/// Reads the comments in `range`, which holds nothing else but white space.
pub(super) fn cgo_block(bytes: &[u8], range: Range<usize>, line: u32) -> CgoBlock {
    let preamble = comment_text(bytes.get(range).unwrap_or_default());
    let mut directives = Vec::new();
    let mut problem = None;
    for text in preamble.lines() {
        match parse_directive(text.trim()) {
            None => {}
            Some(Ok(directive)) => directives.push(directive),
            Some(Err(reason)) => _ = problem.get_or_insert_with(|| format!("{reason}: {}", text.trim())),
        }
    }
    CgoBlock { line, preamble, directives, problem }
}

fn comment_text(mut rest: &[u8]) -> String {
    let mut text = Vec::with_capacity(rest.len());
    loop {
        if let Some(after) = rest.strip_prefix(b"//") {
            let end = memchr(b'\n', after).unwrap_or(after.len());
            text.extend_from_slice(after.get(..end).unwrap_or_default());
            text.push(b'\n');
            rest = after.get(end..).unwrap_or_default();
        } else if let Some(after) = rest.strip_prefix(b"/*") {
            let end = memmem::find(after, b"*/").unwrap_or(after.len());
            text.extend_from_slice(after.get(..end).unwrap_or_default());
            text.push(b'\n');
            rest = after.get(end + 2..).unwrap_or_default();
        } else if let Some((_, after)) = rest.split_first() {
            rest = after;
        } else {
            return String::from_utf8_lossy(&text).into_owned();
        }
    }
}

/// Parses a trimmed line of the preamble as `saveCgo` of `go/build` does; `None` if it is no `#cgo` line with flags.
fn parse_directive(line: &str) -> Option<Result<CgoDirective, &'static str>> {
    let rest = line.strip_prefix("#cgo").filter(|rest| rest.starts_with([' ', '\t']))?;
    let words: Vec<&str> = rest.split_whitespace().take(3).collect();
    if matches!(words[..], ["nocallback" | "noescape", _]) {
        return None;
    }
    Some(parse_flags(rest))
}

fn parse_flags(text: &str) -> Result<CgoDirective, &'static str> {
    let (head, arguments) = text.split_once(':').ok_or("invalid #cgo line")?;
    let mut words: Vec<&str> = head.split_whitespace().collect();
    let verb = words.pop().ok_or("invalid #cgo line")?;
    if !matches!(verb, "CFLAGS" | "CPPFLAGS" | "CXXFLAGS" | "FFLAGS" | "LDFLAGS" | "pkg-config") {
        return Err("invalid #cgo verb");
    }
    let arguments = split_quoted(arguments).ok_or("invalid #cgo line")?;
    if !arguments.iter().all(|argument| is_safe(argument)) {
        return Err("malformed #cgo argument");
    }
    let conditions = words.into_iter().map(|word| {
        let expression = word.contains(['&', '|', '(', ')']);
        let condition =
            if expression { Some(Constraint::parse_go_build(word)) } else { Constraint::parse_plus_build(word) };
        // What Go cannot parse never holds.
        condition.filter(|condition| !matches!(condition, Constraint::Invalid(_))).unwrap_or_else(Constraint::never)
    });
    let condition = conditions.fold(Constraint::Always, Constraint::or);
    Ok(CgoDirective { condition, verb: verb.into(), arguments })
}

/// Whether Go hands an argument to the compiler: no character that a shell would read.
fn is_safe(argument: &str) -> bool {
    let safe = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "+-.,/=_:$@%! ~^".contains(c);
    !argument.is_empty() && argument.replace("${SRCDIR}", "").chars().all(safe)
}

/// Splits at white space outside quotes; `None` if a quote or an escape is not finished.
fn split_quoted(text: &str) -> Option<Vec<String>> {
    let mut arguments = Vec::new();
    let mut argument: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\\', _) => argument.get_or_insert_default().push(characters.next()?),
            (character, Some(open)) if character == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(character);
                argument.get_or_insert_default();
            }
            (character, None) if character.is_whitespace() => arguments.extend(argument.take()),
            (character, _) => argument.get_or_insert_default().push(character),
        }
    }
    arguments.extend(argument);
    quote.is_none().then_some(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::go::source::Target;

    #[track_caller]
    fn check(line: &str, expected: Option<(Tri, &str, &[&str])>) {
        let target = Target::new("linux", "amd64");
        let block = cgo_block(line.as_bytes(), 0..line.len(), 1);
        let found: Vec<_> = block.directives.iter().map(|d| (d.eval(&|tag| target.tag(tag)), &d.verb[..])).collect();
        assert_eq!(found, expected.map(|(holds, verb, _)| (holds, verb)).into_iter().collect::<Vec<_>>());
        let arguments: Vec<_> = block.directives.iter().flat_map(|d| &d.arguments).collect();
        assert_eq!(arguments, expected.map_or(&[][..], |(_, _, arguments)| arguments));
    }

    #[test]
    fn conditions_use_either_syntax() {
        check("// #cgo LDFLAGS: -lm -L${SRCDIR}/lib", Some((Tri::True, "LDFLAGS", &["-lm", "-L${SRCDIR}/lib"])));
        check("//#cgo linux,arm64 darwin CFLAGS: -I.", Some((Tri::False, "CFLAGS", &["-I."])));
        check("//#cgo windows linux,!arm64 CFLAGS: -I.", Some((Tri::True, "CFLAGS", &["-I."])));
        check("//#cgo linux&&(amd64||arm64) CFLAGS: -I.", Some((Tri::True, "CFLAGS", &["-I."])));
        check("//#cgo (( CFLAGS: -I.", Some((Tri::False, "CFLAGS", &["-I."])));
        check("//#cgo cgo pkg-config: foo", Some((Tri::Unknown, "pkg-config", &["foo"])));
    }

    #[test]
    fn arguments_are_unquoted() {
        check("//#cgo CFLAGS: a b:\"c d\" 'e''f'  \"g\\~\"", Some((Tri::True, "CFLAGS", &["a", "b:c d", "ef", "g~"])));
    }

    #[test]
    fn lines_that_are_no_flags_are_left_out() {
        check("//#cgo noescape f", None);
        check("//#cgofoo CFLAGS: x", None);
        check("// #include <stdio.h>", None);
    }

    #[test]
    fn lines_that_go_rejects_are_a_problem() {
        for line in [
            "//#cgo LDFLAGS -lm",
            "//#cgo FLAGS: x",
            "//#cgo CFLAGS: 'x",
            "//#cgo CFLAGS: x\\",
            "//#cgo : x",
            "//#cgo CFLAGS: a;b",
            "//#cgo CFLAGS: ''",
        ] {
            assert!(cgo_block(line.as_bytes(), 0..line.len(), 1).problem.is_some(), "{line}");
            check(line, None);
        }
    }

    #[test]
    fn the_preamble_is_the_text_of_all_comments() {
        let source = b"/*\n#include \"a.h\"\n*/\n// int x;";
        assert_eq!(cgo_block(source, 0..source.len(), 7).preamble, "\n#include \"a.h\"\n\n int x;\n");
    }
}
