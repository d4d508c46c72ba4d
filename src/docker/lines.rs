//! Turns the text of a Dockerfile into instructions of one line each, with their here-documents set aside.
//!
//! It follows `parser.go` of `BuildKit` (directives, continuation lines, comments, here-documents). It never looks at
//! what an instruction means, except that only `RUN`, `COPY` and `ADD` can have here-documents.

use std::ops::Range;

use super::{Comment, Problem};

/// The instructions of a Dockerfile, in order.
pub(super) struct Lines {
    /// The character that continues lines and quotes others: `\` or a backtick.
    pub(super) escape: char,
    pub(super) instructions: Vec<Line>,
    pub(super) comments: Vec<Comment>,
}

/// One instruction: continuation lines joined, comments gone, here-document words cut down to `<<`.
pub(super) struct Line {
    /// Where it starts, from 1.
    pub(super) number: usize,
    pub(super) text: String,
    /// The bodies of its here-documents.
    pub(super) bodies: Vec<String>,
}

impl Lines {
    /// Splits a text.
    ///
    /// # Errors
    /// A [`Problem`] if a here-document has no end.
    pub(super) fn read(text: &str) -> Result<Self, Problem> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let escape = escape_directive(text);
        let mut physical = text.lines().zip(1..);
        let mut lines = Vec::new();
        let mut comments = Vec::new();
        let mut is_skipped = |line: &str, number: usize| {
            let line = line.trim();
            if line.starts_with('#') {
                comments.push(Comment { line: number, text: line.to_owned() });
            }
            // Comments and empty lines do not even end a continued line.
            line.is_empty() || line.starts_with('#')
        };
        while let Some((first, number)) = physical.next() {
            if is_skipped(first, number) {
                continue;
            }
            let (chunk, mut goes_on) = continuation(first, escape);
            let mut joined = chunk.trim_start().to_owned();
            while goes_on {
                let Some((next, number)) = physical.next() else { break };
                if !is_skipped(next, number) {
                    let (chunk, more) = continuation(next, escape);
                    joined.push_str(chunk);
                    goes_on = more;
                }
            }
            let (text, documents) = cut_documents(joined.trim());
            let mut bodies = Vec::new();
            for document in documents {
                bodies.push(read_body(&mut physical, &document, number)?);
            }
            let text = text.trim_end_matches(|character: char| character == escape || character.is_whitespace());
            if !text.is_empty() {
                lines.push(Line { number, text: text.to_owned(), bodies });
            }
        }
        Ok(Self { escape, instructions: lines, comments })
    }

    /// A Dockerfile of the same meaning with one instruction on each line, the first on line [`Self::FIRST`].
    pub(super) fn plain(&self) -> String {
        let mut plain = format!("# escape={}\n", self.escape);
        for line in &self.instructions {
            plain.push_str(&line.text);
            plain.push('\n');
        }
        plain
    }

    /// The number, from 1, of the first instruction's line in [`Self::plain`].
    pub(super) const FIRST: usize = 2;
}

/// A line without its continuation character, and whether it had one. A doubled one does not count.
fn continuation(line: &str, escape: char) -> (&str, bool) {
    let trimmed = line.trim_end_matches([' ', '\t', '\r']);
    match trimmed.strip_suffix(escape) {
        Some(chunk) if !chunk.ends_with(escape) => (chunk, true),
        _ => (line, false),
    }
}

/// The `# escape=` directive. Directives stand at the top; the first line that is none ends them.
fn escape_directive(text: &str) -> char {
    for line in text.lines() {
        let comment = line.trim_start().strip_prefix('#');
        let Some((name, value)) = comment.and_then(|comment| comment.split_once('=')) else { break };
        match name.trim().to_ascii_lowercase().as_str() {
            "escape" => return if value.trim() == "`" { '`' } else { '\\' },
            "syntax" | "check" if !value.trim().is_empty() => {}
            _ => break,
        }
    }
    '\\'
}

/// What `<<-"EOF"` announces.
struct Document {
    end: String,
    strips_tabs: bool,
}

fn read_body<'a>(
    physical: &mut impl Iterator<Item = (&'a str, usize)>,
    document: &Document,
    number: usize,
) -> Result<String, Problem> {
    let mut body = String::new();
    for (line, _) in physical {
        let candidate = line.trim_end_matches('\r');
        let candidate = if document.strips_tabs { candidate.trim_start_matches('\t') } else { candidate };
        if candidate == document.end {
            return Ok(body);
        }
        body.push_str(line);
        body.push('\n');
    }
    Err(Problem { line: number, message: "a here-document has no end".to_owned() })
}

/// Finds the here-documents of an instruction and cuts their words down to `<<`, which means nothing to the parser.
fn cut_documents(line: &str) -> (String, Vec<Document>) {
    if !line.contains("<<") || !can_have_documents(line) {
        return (line.to_owned(), Vec::new());
    }
    let mut text = String::with_capacity(line.len());
    let mut documents = Vec::new();
    let mut copied = 0;
    for range in raw_words(line) {
        let Some(document) = line.get(range.clone()).and_then(document_of) else { continue };
        documents.push(document);
        text.push_str(line.get(copied..range.start).unwrap_or_default());
        text.push_str("<<");
        copied = range.end;
    }
    text.push_str(line.get(copied..).unwrap_or_default());
    (sever(&text), documents)
}

/// Puts a space behind each `<<` that starts a word: the parser would take `<<<x` for a here-document.
fn sever(text: &str) -> String {
    let mut severed = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        match word.strip_prefix("<<") {
            Some(rest) if !rest.starts_with(char::is_whitespace) && !rest.is_empty() => severed.extend(["<< ", rest]),
            _ => severed.push_str(word),
        }
    }
    severed
}

fn can_have_documents(line: &str) -> bool {
    let is = |word: Option<&str>, name: &str| word.is_some_and(|word| word.eq_ignore_ascii_case(name));
    let mut words = line.split_whitespace();
    let mut word = words.next();
    if is(word, "ONBUILD") {
        word = words.next();
    }
    is(word, "RUN") || is(word, "COPY") || is(word, "ADD")
}

/// Where the words of a line lie, quotes kept; none if a quote has no end.
fn raw_words(line: &str) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut start = None;
    let mut quote = None;
    let mut characters = line.char_indices();
    while let Some((at, character)) = characters.next() {
        match (quote, character) {
            (None, _) if character.is_whitespace() => {
                words.extend(start.take().map(|start| start..at));
                continue;
            }
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (None | Some('"'), '\\') => {
                characters.next();
            }
            _ => {}
        }
        start.get_or_insert(at);
    }
    words.extend(start.map(|start| start..line.len()));
    if quote.is_some() { Vec::new() } else { words }
}

/// `<<EOF`, `3<<EOF`, `<<-'EOF'`, but not `<<<EOF`.
fn document_of(word: &str) -> Option<Document> {
    let rest = word.trim_start_matches(|character: char| character.is_ascii_digit()).strip_prefix("<<")?;
    let (strips_tabs, name) = rest.strip_prefix('-').map_or((false, rest), |name| (true, name));
    if name.is_empty() || name.contains('<') {
        return None;
    }
    let mut end = String::new();
    let mut characters = name.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' | '\'' => {}
            '\\' => end.extend(characters.next()),
            _ => end.push(character),
        }
    }
    Some(Document { end, strips_tabs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(usize, &str, &[&str])]) {
        let lines = Lines::read(text).unwrap();
        let lines: Vec<_> =
            lines.instructions.iter().map(|line| (line.number, line.text.as_str(), &line.bodies)).collect();
        assert_eq!(format!("{lines:?}"), format!("{expected:?}"));
    }

    #[test]
    fn continued_lines_are_joined_over_comments_and_empty_lines() {
        check("RUN a \\\n  # why\n\n  && b\n\nRUN c", &[(1, "RUN a   && b", &[]), (6, "RUN c", &[])]);
        check("RUN a \\ \t\r\n b\r\nRUN c\r\n", &[(1, "RUN a  b", &[]), (3, "RUN c", &[])]);
        check("RUN a\\", &[(1, "RUN a", &[])]);
    }

    #[test]
    fn a_doubled_escape_does_not_continue_a_line() {
        check("RUN a \\\\\nCOPY b c", &[(1, "RUN a", &[]), (2, "COPY b c", &[])]);
    }

    #[test]
    fn the_escape_directive_counts_at_the_top_only() {
        check(
            "# syntax=docker/dockerfile:1\n# escape=`\nRUN a `\n b\\\nRUN c",
            &[(3, "RUN a  b\\", &[]), (5, "RUN c", &[])],
        );
        check("# a comment\n# escape=`\nRUN a \\\n b", &[(3, "RUN a  b", &[])]);
        check("# no=directive\n# escape=`\nRUN a \\\n b", &[(3, "RUN a  b", &[])]);
    }

    #[test]
    fn here_documents_are_set_aside_wherever_they_stand() {
        check("RUN <<EOF\nFROM x\nEOF\nRUN b", &[(1, "RUN <<", &["FROM x\n"]), (4, "RUN b", &[])]);
        check("RUN cat <<-'E' > f && c <<F\n\tx\n\tE\ny\nF\n", &[(1, "RUN cat << > f && c <<", &["\tx\n", "y\n"])]);
        check("ONBUILD COPY <<a.txt /b\nx\na.txt", &[(1, "ONBUILD COPY << /b", &["x\n"])]);
        check("RUN cat <<<x\nRUN b", &[(1, "RUN cat << <x", &[]), (2, "RUN b", &[])]);
        check("RUN it's <<<x y<<<z", &[(1, "RUN it's << <x y<<<z", &[])]);
        check("ENV A=<<EOF\nRUN b", &[(1, "ENV A=<<EOF", &[]), (2, "RUN b", &[])]);
    }

    #[test]
    fn a_here_document_without_end_is_a_problem() {
        assert_eq!(Lines::read("FROM a\nRUN <<EOF\nx").err().map(|problem| problem.line), Some(2));
    }
}
