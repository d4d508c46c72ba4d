//! Turns the bytes of a go.mod or go.work file into tokens with their places. It never fails: what is not allowed is
//! reported and passed over, so that the lines around it can still be read.
//!
//! The rules are those of `(*input).readToken` in `golang.org/x/mod/modfile/read.go`.

use super::problem::{Position, Problems, quote};

/// One token; comments reach to the end of their line and include its newline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind,
    /// The bytes as they stand in the file; of a comment, those after `//`.
    pub(super) bytes: &'a [u8],
    pub(super) at: Position,
}

impl<'a> Token<'a> {
    /// The text of a comment; empty for any other token.
    pub(super) fn comment(&self) -> &'a [u8] {
        if self.kind == TokenKind::Comment { self.bytes } else { b"" }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A bare word, or a string with its quotes.
    Word,
    /// A string that never ends. It is reported already.
    BrokenString,
    /// One of `( ) [ ] { } ,`.
    Punctuation(u8),
    Comment,
    Newline,
    EndOfFile,
}

impl TokenKind {
    /// Whether a line is over.
    pub(super) fn ends_line(self) -> bool {
        matches!(self, Self::Comment | Self::Newline | Self::EndOfFile)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    rest: &'a [u8],
    at: Position,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, at: Position::START }
    }

    /// The place right after the last token.
    pub(super) fn position(&self) -> Position {
        self.at
    }

    /// The next token; at the end of the file [`TokenKind::EndOfFile`], again and again.
    pub(super) fn next(&mut self, problems: &mut Problems) -> Token<'a> {
        loop {
            let (start, at) = (self.rest, self.at);
            let Some(byte) = start.first() else {
                return Token { kind: TokenKind::EndOfFile, bytes: b"", at };
            };
            let kind = match byte {
                b' ' | b'\t' | b'\r' => {
                    self.skip_char();
                    continue;
                }
                b'\n' => {
                    self.skip_char();
                    TokenKind::Newline
                }
                b'(' | b')' | b'[' | b']' | b'{' | b'}' | b',' => {
                    self.skip_char();
                    TokenKind::Punctuation(*byte)
                }
                b'/' if start.starts_with(b"//") || start.starts_with(b"/*") => return self.comment(problems),
                b'"' | b'`' => self.string(*byte, problems),
                _ => {
                    self.word();
                    TokenKind::Word
                }
            };
            let bytes = consumed(start, self.rest);
            if bytes.is_empty() {
                let character = self.skip_char();
                problems.report(at, format!("character {} is not allowed here; remove it", quote(character)));
                continue;
            }
            return Token { kind, bytes, at };
        }
    }

    /// Skips to the end of the line: both kinds of comment do, so that one `/* */` costs no more than itself.
    fn comment(&mut self, problems: &mut Problems) -> Token<'a> {
        let at = self.at;
        let end = memchr::memchr(b'\n', self.rest);
        let text = &self.rest[..end.unwrap_or(self.rest.len())];
        let is_block = text.starts_with(b"/*");
        if is_block {
            problems.report(at, "comments are written with //, not with /* */");
        }
        if let Some(end) = end {
            self.rest = &self.rest[end + 1..];
            self.at = Position::start_of_line(at.line + 1);
        } else {
            self.rest = b"";
            self.at.column += characters(text);
        }
        let bytes = if is_block { b"" } else { text.strip_prefix(b"//").unwrap_or(text) };
        Token { kind: TokenKind::Comment, bytes, at }
    }

    /// Skips a string. Only the quotes matter here; escapes are checked where the text is needed.
    fn string(&mut self, quote: u8, problems: &mut Problems) -> TokenKind {
        let start = self.at;
        self.skip_char();
        loop {
            match self.rest.first() {
                None => {
                    problems.report(start, "the string has no end; close its quotes");
                    return TokenKind::BrokenString;
                }
                Some(b'\n') => {
                    problems.report(self.at, "the string has no end on its line; close its quotes");
                    return TokenKind::BrokenString;
                }
                Some(byte) if *byte == quote => {
                    self.skip_char();
                    return TokenKind::Word;
                }
                Some(b'\\') if quote == b'"' => {
                    self.skip_char();
                    self.skip_char();
                }
                Some(_) => {
                    self.skip_char();
                }
            }
        }
    }

    /// Skips the characters of a bare word, which a comment ends even without a space.
    fn word(&mut self) {
        while let Some((character, length)) = first_char(self.rest) {
            let in_word = is_word_character(character);
            if !in_word || self.rest.starts_with(b"//") || self.rest.starts_with(b"/*") {
                break;
            }
            self.rest = &self.rest[length..];
            self.at.column += 1;
        }
    }

    /// Skips one character (none at the end) and returns its bytes.
    fn skip_char(&mut self) -> &'a [u8] {
        let Some((character, length)) = first_char(self.rest) else {
            return b"";
        };
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        if character == '\n' {
            self.at = Position::start_of_line(self.at.line + 1);
        } else {
            self.at.column += 1;
        }
        bytes
    }
}

fn consumed<'a>(start: &'a [u8], rest: &[u8]) -> &'a [u8] {
    &start[..start.len() - rest.len()]
}

/// The first character and its length. A byte that is not UTF-8 counts as U+FFFD, as in Go.
fn first_char(bytes: &[u8]) -> Option<(char, usize)> {
    let first = bytes.first()?;
    if first.is_ascii() {
        return Some((char::from(*first), 1));
    }
    let chunk = bytes[..bytes.len().min(4)].utf8_chunks().next()?;
    Some(chunk.valid().chars().next().map_or((char::REPLACEMENT_CHARACTER, 1), |found| (found, found.len_utf8())))
}

/// How many characters a text has, where each byte that is not UTF-8 counts as one.
fn characters(text: &[u8]) -> usize {
    text.utf8_chunks().map(|chunk| chunk.valid().chars().count() + chunk.invalid().len()).sum()
}

fn is_word_character(character: char) -> bool {
    match character {
        '(' | ')' | '[' | ']' | '{' | '}' | ',' => false,
        _ if character.is_ascii() => character.is_ascii_graphic(),
        _ => is_printable(character),
    }
}

/// Whether `unicode.IsPrint` of Go holds: letters, marks, numbers, punctuation and symbols.
///
/// The standard library escapes exactly the other categories in debug output; the leading letter keeps it from
/// escaping marks too.
fn is_printable(character: char) -> bool {
    let mut buffer = [b'a'; 5];
    let length = character.encode_utf8(&mut buffer[1..]).len();
    std::str::from_utf8(&buffer[..=length]).is_ok_and(|text| text.escape_debug().nth(1) == Some(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens joined with spaces (`$` ends a line, `#` starts a comment), and the number of problems.
    #[track_caller]
    fn check(input: &[u8], expected: &str, expected_problems: &[&str]) {
        let mut problems = Problems::default();
        let mut lexer = Lexer::new(input);
        let mut shown = Vec::new();
        loop {
            let token = lexer.next(&mut problems);
            let text = String::from_utf8_lossy(token.bytes);
            match token.kind {
                TokenKind::EndOfFile => break,
                TokenKind::Newline => shown.push("$".to_owned()),
                TokenKind::Comment => shown.push(format!("#{text}")),
                TokenKind::BrokenString => shown.push(format!("!{text}")),
                TokenKind::Word | TokenKind::Punctuation(_) => shown.push(text.into_owned()),
            }
        }
        assert_eq!(shown.join(" "), expected);
        let problems: Vec<_> = problems.into_vec().iter().map(|p| format!("{}:{}", p.line, p.column)).collect();
        assert_eq!(problems, expected_problems);
    }

    #[test]
    fn words_end_at_spaces_and_punctuation_and_comments() {
        check(b"require (\r\n\tex.io/q//c\n)", "require ( $ ex.io/q #c )", &[]);
        check(b"retract [v1,v2]{}", "retract [ v1 , v2 ] { }", &[]);
        check(b"a=>./x =>", "a=>./x =>", &[]);
        check(b"https://x\n/x /", "https: #x /x /", &[]);
    }

    #[test]
    fn strings_keep_their_quotes_and_end_at_the_same_quote() {
        check(br#"use "a \" // b"c `d\`e"#, r#"use "a \" // b" c `d\` e"#, &[]);
        check(b"a\"b\" 'c d'", "a\"b\" 'c d'", &[]);
        check(b"x \"a\\\nb\"\ny", "x \"a\\\nb\" $ y", &[]);
    }

    #[test]
    fn strings_without_an_end_are_broken() {
        check(b"use \"a\nuse `b", "use !\"a $ use !`b", &["1:7", "2:5"]);
        check(b"\"a\\", "!\"a\\", &["1:1"]);
    }

    #[test]
    fn block_comments_are_reported_and_passed_over() {
        check(b"a /* b */ c\nd/*e", "a # $ d #".replace(" $", "").as_str(), &["1:3", "2:2"]);
    }

    #[test]
    fn characters_that_do_not_print_are_reported_and_passed_over() {
        check("\u{feff}module a\u{a0}b\u{200b}\0".as_bytes(), "module a b", &["1:1", "1:10", "1:12", "1:13"]);
    }

    #[test]
    fn a_comment_at_the_end_is_as_wide_as_its_characters() {
        let (mut lexer, mut problems) = (Lexer::new("go // ü".as_bytes()), Problems::default());
        let ends = std::iter::from_fn(|| Some(lexer.next(&mut problems)));
        let end = ends.into_iter().find(|token| token.kind == TokenKind::EndOfFile).unwrap();
        assert_eq!(end.at, Position { line: 1, column: 8 });
    }

    #[test]
    fn letters_marks_and_broken_bytes_are_word_characters() {
        check("größe/e\u{301}/漢".as_bytes(), "größe/e\u{301}/漢", &[]);
        check(b"\xe9\xff \x80\0", "\u{fffd}\u{fffd} \u{fffd}", &["1:5"]);
    }
}
