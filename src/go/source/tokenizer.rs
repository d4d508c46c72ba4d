//! Turns Go source into tokens and the comments between them, with Go's automatic semicolons. It never fails: what is
//! no token of Go is a token of one byte, so that strings and comments are found behind any nonsense.

use std::ops::Range;

use memchr::{memchr, memmem};

use super::text::BOM;

/// What a token is. Only the kinds that a file's header is made of are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An identifier or keyword.
    Identifier,
    /// A quoted or raw string.
    String,
    /// Written, or put in at the end of a line.
    Semicolon,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `}`
    CloseBrace,
    /// `.`
    Period,
    /// A rune, a byte of a number or operator, or a byte that Go does not know.
    Other,
    /// The end of the text.
    End,
}

/// One token: where it starts, and its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) text: &'a [u8],
}

/// The tokens of a text, one after the other.
pub(super) struct Tokenizer<'a> {
    bytes: &'a [u8],
    offset: usize,
    /// Whether the end of the line ends the statement.
    statement_open: bool,
    /// The comments between the last token and the one before it.
    pub(super) comments: Vec<Range<usize>>,
    /// The first thing that Go's scanner complains about: where, and what.
    pub(super) problem: Option<(usize, &'static str)>,
}

impl<'a> Tokenizer<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let offset = if bytes.starts_with(BOM) { BOM.len() } else { 0 };
        Self { bytes, offset, statement_open: false, comments: Vec::new(), problem: None }
    }

    pub(super) fn next(&mut self) -> Token<'a> {
        self.comments.clear();
        loop {
            let rest = self.bytes.get(self.offset..).unwrap_or_default();
            match rest {
                [b' ' | b'\t' | b'\r', ..] => self.offset += 1,
                [b'\n', ..] if !self.statement_open => self.offset += 1,
                [b'\n', ..] => return self.token(Kind::Semicolon, 1),
                [b'/', b'/' | b'*', ..] => {
                    let length = self.comment_length(rest);
                    if self.statement_open && ends_line(rest.get(..length).unwrap_or_default()) {
                        return self.token(Kind::Semicolon, 0);
                    }
                    self.comments.push(self.offset..self.offset + length);
                    self.offset += length;
                }
                [] if self.statement_open => return self.token(Kind::Semicolon, 0),
                [] => return self.token(Kind::End, 0),
                // To the reader of headers it is white space, to the scanner it is not.
                [b'\x0c', ..] => {
                    self.complain(self.offset, "illegal character U+000C");
                    self.offset += 1;
                }
                [first, ..] => return self.scan(*first, rest),
            }
        }
    }

    fn scan(&mut self, first: u8, rest: &'a [u8]) -> Token<'a> {
        match first {
            b'A'..=b'Z' | b'a'..=b'z' | b'_' | 0x80.. => self.identifier(rest),
            b'"' | b'\'' => {
                let length = self.quoted_length(first, rest);
                self.token(if first == b'"' { Kind::String } else { Kind::Other }, length)
            }
            b'`' => {
                let end = memchr(b'`', rest.get(1..).unwrap_or_default());
                if end.is_none() {
                    self.complain(self.offset, "raw string literal not terminated");
                }
                self.token(Kind::String, end.map_or(rest.len(), |end| end + 2))
            }
            b'(' => self.token(Kind::Open, 1),
            b')' => self.token(Kind::Close, 1),
            b'}' => self.token(Kind::CloseBrace, 1),
            b';' => self.token(Kind::Semicolon, 1),
            b'.' => self.token(Kind::Period, 1),
            _ => self.token(Kind::Other, 1),
        }
    }

    fn token(&mut self, kind: Kind, length: usize) -> Token<'a> {
        let start = self.offset;
        self.offset += length;
        let text = self.bytes.get(start..self.offset).unwrap_or_default();
        self.statement_open = match kind {
            Kind::Identifier => {
                !is_keyword(text) || matches!(text, b"break" | b"continue" | b"fallthrough" | b"return")
            }
            _ => matches!(kind, Kind::String | Kind::Close | Kind::CloseBrace),
        };
        Token { kind, start, text }
    }

    /// Like Go's reader of headers, takes all that is not ASCII for letters; Go's scanner then complains.
    fn identifier(&mut self, rest: &'a [u8]) -> Token<'a> {
        let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
        let token = self.token(Kind::Identifier, rest.iter().take_while(|byte| is_letter(byte)).count());
        // The letters are those of this program's Unicode.
        if !token.text.is_ascii()
            && !String::from_utf8_lossy(token.text).chars().all(|c| c.is_alphanumeric() || c == '_')
        {
            self.complain(token.start, "illegal character in a name");
        }
        token
    }

    fn complain(&mut self, offset: usize, what: &'static str) {
        self.problem.get_or_insert((offset, what));
    }

    fn comment_length(&mut self, rest: &[u8]) -> usize {
        if rest.starts_with(b"//") {
            return memchr(b'\n', rest).unwrap_or(rest.len());
        }
        let end = memmem::find(rest.get(2..).unwrap_or_default(), b"*/");
        if end.is_none() {
            self.complain(self.offset, "comment not terminated");
        }
        end.map_or(rest.len(), |end| end + 4)
    }

    /// The length of a string or rune; it ends at its quote, else before the end of the line.
    fn quoted_length(&mut self, quote: u8, rest: &[u8]) -> usize {
        let mut bytes = rest.iter().enumerate().skip(1).peekable();
        while let Some((index, byte)) = bytes.next() {
            match *byte {
                b'\\' => _ = bytes.next_if(|(_, escaped)| **escaped != b'\n'),
                b'\n' => {
                    self.complain(self.offset, "string literal not terminated");
                    return index;
                }
                byte if byte == quote => return index + 1,
                _ => {}
            }
        }
        self.complain(self.offset, "string literal not terminated");
        rest.len()
    }
}

fn ends_line(comment: &[u8]) -> bool {
    comment.starts_with(b"//") || memchr(b'\n', comment).is_some()
}

/// Whether an identifier is a keyword of Go.
pub(super) fn is_keyword(text: &[u8]) -> bool {
    matches!(
        text,
        b"break"
            | b"case"
            | b"chan"
            | b"const"
            | b"continue"
            | b"default"
            | b"defer"
            | b"else"
            | b"fallthrough"
            | b"for"
            | b"func"
            | b"go"
            | b"goto"
            | b"if"
            | b"import"
            | b"interface"
            | b"map"
            | b"package"
            | b"range"
            | b"return"
            | b"select"
            | b"struct"
            | b"switch"
            | b"type"
            | b"var"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &[&str]) {
        let mut tokenizer = Tokenizer::new(source.as_bytes());
        let mut found = Vec::new();
        loop {
            let token = tokenizer.next();
            let comments = tokenizer.comments.iter().map(|range| source[range.clone()].to_owned());
            found.extend(comments.map(|comment| format!("C{comment}")));
            if token.kind == Kind::End {
                break;
            }
            found.push(format!("{}", String::from_utf8_lossy(token.text)));
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn a_statement_ends_with_its_line() {
        check("a\nb", &["a", "\n", "b", ""]);
        check("a // c\n", &["a", "", "C// c"]);
        check("a /* c */\n", &["a", "C/* c */", "\n"]);
        check("a /* c\n */ b", &["a", "", "C/* c\n */", "b", ""]);
        check("(\n)\n", &["(", ")", "\n"]);
        check("a;b", &["a", ";", "b", ""]);
    }

    #[test]
    fn comments_in_strings_are_none_and_strings_in_comments_neither() {
        check("`//`\"//\\\"/*\"'\"'//x", &["`//`", "\"//\\\"/*\"", "'\"'", "C//x"]);
        check("/*/ \" */x", &["C/*/ \" */", "x", ""]);
        check("'\\''//c", &["'\\''", "C//c"]);
        check("\"open\n//c", &["\"open", "\n", "C//c"]);
        check("'\\\n//c", &["'\\", "C//c"]);
        check("`open //c", &["`open //c", ""]);
    }
}
