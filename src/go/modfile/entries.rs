//! Turns tokens into directives: single lines, and the lines of parenthesised blocks. It knows the grammar, not what
//! any directive means.
//!
//! The rules are those of `parseStmt` and `parseLineBlock` in `golang.org/x/mod/modfile/read.go`.

use super::lexer::{Lexer, Token, TokenKind};
use super::problem::{Position, Problems, quote};

/// No directive takes half as many words, so a line with more is wrong whatever they are; the rest is not kept.
const MOST_WORDS: usize = 16;

/// One directive: `verb arguments… // comment`, wherever the verb stood.
#[derive(Debug)]
pub(super) struct Directive<'a> {
    pub(super) verb: &'a [u8],
    pub(super) arguments: &'a [Word<'a>],
    /// The text after `//` at the end of the line.
    pub(super) comment: &'a [u8],
    /// Where the line starts.
    pub(super) at: Position,
}

/// A word, a string with its quotes, or a punctuation mark.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: Position,
}

/// Which blocks a kind of file has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks {
    pub(super) verbs: &'static [&'static str],
    /// Whether other blocks are problems, or passed over in silence.
    pub(super) refuse_others: bool,
}

/// Hands every directive of the file, in order, to `each`.
pub(super) fn read<F>(bytes: &[u8], blocks: Blocks, problems: &mut Problems, mut each: F)
where
    F: FnMut(&Directive<'_>, &mut Problems),
{
    let mut reader = Reader::new(bytes, problems);
    while reader.next.kind != TokenKind::EndOfFile {
        if reader.next.kind.ends_line() {
            reader.take(problems);
            continue;
        }
        let line = reader.statement(problems);
        match line.block {
            BlockStart::None => {
                if let Some((verb, arguments)) = line.words.split_first() {
                    line.hand_over(verb.bytes, arguments, problems, &mut each);
                }
            }
            BlockStart::Empty => {
                block_verb(&line, blocks, problems);
            }
            BlockStart::Open => {
                let verb = block_verb(&line, blocks, problems);
                reader.block(&line, verb, problems, &mut each);
            }
        }
    }
}

/// The verb that the lines of a block share; `None` if the file has no such blocks.
fn block_verb<'a>(head: &Line<'a>, blocks: Blocks, problems: &mut Problems) -> Option<&'a [u8]> {
    if let [verb] = head.words[..]
        && blocks.verbs.iter().any(|known| known.as_bytes() == verb.bytes)
    {
        return Some(verb.bytes);
    }
    if blocks.refuse_others && !head.broken {
        let words: Vec<&[u8]> = head.words.iter().map(|word| word.bytes).collect();
        let known = blocks.verbs.join(", ");
        let message = format!("unknown block {}; there are blocks of {known}", quote(&words.join(&b' ')));
        problems.report(head.at, message);
    }
    None
}

#[derive(Debug)]
struct Line<'a> {
    at: Position,
    words: Vec<Word<'a>>,
    comment: &'a [u8],
    block: BlockStart,
    /// A string on the line has no end: its words mean nothing, and that is reported.
    broken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BlockStart {
    None,
    /// `verb ()`
    Empty,
    /// `verb (` and a new line
    Open,
}

impl<'a> Line<'a> {
    fn push(&mut self, token: Token<'a>) {
        self.broken |= token.kind == TokenKind::BrokenString;
        if self.words.len() < MOST_WORDS {
            self.words.push(Word { bytes: token.bytes, at: token.at });
        }
    }

    fn hand_over<F>(&self, verb: &[u8], arguments: &[Word<'_>], problems: &mut Problems, each: &mut F)
    where
        F: FnMut(&Directive<'_>, &mut Problems),
    {
        if !self.broken {
            each(&Directive { verb, arguments, comment: self.comment, at: self.at }, problems);
        }
    }
}

#[derive(Debug)]
struct Reader<'a> {
    lexer: Lexer<'a>,
    next: Token<'a>,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], problems: &mut Problems) -> Self {
        let mut lexer = Lexer::new(bytes);
        let next = lexer.next(problems);
        Self { lexer, next }
    }

    fn take(&mut self, problems: &mut Problems) -> Token<'a> {
        let following = self.lexer.next(problems);
        std::mem::replace(&mut self.next, following)
    }

    /// A line outside blocks, with its newline; of a block, its first line.
    fn statement(&mut self, problems: &mut Problems) -> Line<'a> {
        let mut line = self.first_word(problems);
        loop {
            let token = self.take(problems);
            if token.kind.ends_line() {
                line.comment = token.comment();
                return line;
            }
            if token.kind != TokenKind::Punctuation(b'(') {
                line.push(token);
            } else if self.next.kind.ends_line() {
                self.take(problems);
                line.block = BlockStart::Open;
                return line;
            } else if self.next.kind == TokenKind::Punctuation(b')') {
                let closing = self.take(problems);
                if self.next.kind.ends_line() {
                    self.take(problems);
                    line.block = BlockStart::Empty;
                    return line;
                }
                line.push(token);
                line.push(closing);
            } else {
                line.push(token);
            }
        }
    }

    /// The lines of a block, to the newline after its `)`.
    fn block<F>(&mut self, head: &Line<'_>, verb: Option<&[u8]>, problems: &mut Problems, each: &mut F)
    where
        F: FnMut(&Directive<'_>, &mut Problems),
    {
        loop {
            match self.next.kind {
                TokenKind::Comment | TokenKind::Newline => {
                    self.take(problems);
                }
                TokenKind::EndOfFile => {
                    let Position { line, column } = head.at;
                    let message = format!("the block that starts at {line}:{column} has no end; add a line with )");
                    problems.report(self.lexer.position(), message);
                    return;
                }
                TokenKind::Punctuation(b')') => {
                    self.take(problems);
                    self.end_of_line(problems);
                    return;
                }
                TokenKind::Word | TokenKind::BrokenString | TokenKind::Punctuation(_) => {
                    let line = self.line_of_block(problems);
                    if let Some(verb) = verb {
                        line.hand_over(verb, &line.words, problems, each);
                    }
                }
            }
        }
    }

    fn line_of_block(&mut self, problems: &mut Problems) -> Line<'a> {
        let mut line = self.first_word(problems);
        loop {
            let token = self.take(problems);
            if token.kind.ends_line() {
                line.comment = token.comment();
                return line;
            }
            line.push(token);
        }
    }

    fn first_word(&mut self, problems: &mut Problems) -> Line<'a> {
        let token = self.take(problems);
        let mut line = Line { at: token.at, words: Vec::new(), comment: b"", block: BlockStart::None, broken: false };
        line.push(token);
        line
    }

    fn end_of_line(&mut self, problems: &mut Problems) {
        if !self.next.kind.ends_line() {
            problems.report(self.next.at, "the ) that ends a block must be the last thing on its line");
        }
        while !self.take(problems).kind.ends_line() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCKS: Blocks = Blocks { verbs: &["use", "require"], refuse_others: true };

    /// Directives as `line:verb argument argument#comment`, and the places of the problems.
    #[track_caller]
    fn check(input: &str, expected: &[&str], expected_problems: &[&str]) {
        let mut problems = Problems::default();
        let mut directives = Vec::new();
        read(input.as_bytes(), BLOCKS, &mut problems, |directive, _| {
            let mut words = vec![directive.verb];
            words.extend(directive.arguments.iter().map(|word| word.bytes));
            let words = String::from_utf8_lossy(&words.join(&b' ')).into_owned();
            let comment = String::from_utf8_lossy(directive.comment);
            directives.push(format!("{}:{words}#{comment}", directive.at.line));
        });
        assert_eq!(directives, expected);
        let problems: Vec<_> = problems.into_vec().iter().map(|p| format!("{}:{}", p.line, p.column)).collect();
        assert_eq!(problems, expected_problems);
    }

    #[test]
    fn lines_of_a_block_share_its_verb() {
        check(
            "// top\nuse ( // not a\n\n./a // x\n// y\n\"./b\"\r\n) // z\nuse c//d",
            &["4:use ./a# x", "6:use \"./b\"#", "8:use c#d"],
            &[],
        );
        check("use()\nuse ( )\nuse (\n)\n", &[], &[]);
    }

    #[test]
    fn parentheses_within_a_line_are_words() {
        check("use ( ./a\n)\nuse () x", &["1:use ( ./a#", "2:)#", "3:use ( ) x#"], &[]);
        check("use (\n./a (\n./b ()\n)", &["2:use ./a (#", "3:use ./b ( )#"], &[]);
        check("(\n)", &["1:(#", "2:)#"], &[]);
    }

    #[test]
    fn unknown_blocks_are_reported_and_passed_over() {
        check("foo (\na b\n)\nuse x (\n./a\n)\nuse ./b", &["7:use ./b#"], &["1:1", "4:1"]);
        check("foo ()", &[], &["1:1"]);
        check("use ( (\n)\n", &[], &["1:1"]);
    }

    #[test]
    fn blocks_without_a_proper_end_are_reported() {
        check("use (\n./a\n", &["2:use ./a#"], &["3:1"]);
        check("use (", &[], &["1:6"]);
        check("use (\n./a\n) use ./b\nuse ./c", &["2:use ./a#", "4:use ./c#"], &["3:3"]);
    }

    #[test]
    fn lines_with_a_broken_string_are_dropped() {
        check("use \"a\nuse b\nuse (\n\"c\n\"d\"\n)", &["2:use b#", "5:use \"d\"#"], &["1:7", "4:3"]);
    }

    #[test]
    fn the_words_of_a_line_are_bounded() {
        let line = "use ".to_owned() + &"(".repeat(100_000);
        let mut longest = 0;
        read(line.as_bytes(), BLOCKS, &mut Problems::default(), |directive, _| longest = directive.arguments.len());
        assert_eq!(longest, 0, "a line that ends with ( opens a block");
        read((line + "x").as_bytes(), BLOCKS, &mut Problems::default(), |directive, _| {
            longest = directive.arguments.len();
        });
        assert_eq!(longest, MOST_WORDS - 1);
    }
}
