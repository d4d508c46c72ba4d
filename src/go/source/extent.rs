//! Turns the text of a Go file into the part that Go reads before it parses it: package clause and imports, in a grammar
//! of its own that knows no semicolons. It judges nothing but how far it got.

use memchr::{memchr, memmem};

/// How far Go reads a file for its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// To here, where something else than an import begins. Go parses no more than that.
    Header(usize),
    /// Not even the package clause and the imports are right: Go parses all of the file.
    Everything,
    /// To the NUL byte here. Go reads no such file, whatever its constraint says.
    Nul(usize),
}

/// Reads a Go file without byte order mark, as `readGoInfo` of `go/build` does.
pub(super) fn header_extent(content: &[u8]) -> Extent {
    let mut reader = Reader { content, at: 0 };
    match reader.header() {
        Ok(()) => Extent::Header(reader.at),
        Err(Stop::Syntax) => Extent::Everything,
        // All bytes up to there were read, so that it is the first.
        Err(Stop::Nul) => memchr(0, content).map_or(Extent::Everything, Extent::Nul),
    }
}

#[derive(Clone, Copy, Debug)]
enum Stop {
    Syntax,
    Nul,
}

struct Reader<'a> {
    content: &'a [u8],
    /// The next byte that is not used up. It may have been looked at.
    at: usize,
}

impl Reader<'_> {
    fn header(&mut self) -> Result<(), Stop> {
        self.keyword(b"package")?;
        self.identifier()?;
        while self.peek_token()? == Some(b'i') {
            self.keyword(b"import")?;
            if self.peek_token()? != Some(b'(') {
                self.import()?;
                continue;
            }
            self.at += 1;
            while self.peek_token()? != Some(b')') {
                self.import()?;
            }
            self.at += 1;
        }
        Ok(())
    }

    fn import(&mut self) -> Result<(), Stop> {
        match self.peek_token()? {
            Some(b'.') => self.at += 1,
            Some(byte) if is_identifier(byte) => self.identifier()?,
            _ => {}
        }
        self.string()
    }

    fn keyword(&mut self, keyword: &[u8]) -> Result<(), Stop> {
        self.peek_token()?;
        for expected in keyword {
            if self.next()? != *expected {
                return Err(Stop::Syntax);
            }
        }
        if self.peek()?.is_some_and(is_identifier) { Err(Stop::Syntax) } else { Ok(()) }
    }

    fn identifier(&mut self) -> Result<(), Stop> {
        if !self.peek_token()?.is_some_and(is_identifier) {
            return Err(Stop::Syntax);
        }
        while self.peek()?.is_some_and(is_identifier) {
            self.at += 1;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), Stop> {
        self.peek_token()?;
        match self.next()? {
            b'`' => self.find(b"`"),
            b'"' => loop {
                match self.next()? {
                    b'"' => return Ok(()),
                    b'\n' => return Err(Stop::Syntax),
                    b'\\' => _ = self.next()?,
                    _ => {}
                }
            },
            _ => Err(Stop::Syntax),
        }
    }

    /// The first byte after white space, semicolons and comments; `None` at the end.
    fn peek_token(&mut self) -> Result<Option<u8>, Stop> {
        loop {
            match self.peek()? {
                Some(b' ' | b'\x0c' | b'\t' | b'\r' | b'\n' | b';') => self.at += 1,
                Some(b'/') => {
                    self.at += 1;
                    match self.next()? {
                        b'/' => self.find(b"\n").or_else(|stop| self.or_end(stop))?,
                        b'*' => self.find(b"*/")?,
                        _ => return Err(Stop::Syntax),
                    }
                }
                byte => return Ok(byte),
            }
        }
    }

    /// A line comment may end with the file.
    fn or_end(&mut self, stop: Stop) -> Result<(), Stop> {
        match stop {
            Stop::Syntax => {
                self.at = self.content.len();
                Ok(())
            }
            Stop::Nul => Err(stop),
        }
    }

    /// Uses up everything to the end of the next `end`.
    fn find(&mut self, end: &[u8]) -> Result<(), Stop> {
        let rest = self.content.get(self.at..).unwrap_or_default();
        let length = memmem::find(rest, end).map(|start| start + end.len());
        let read = rest.get(..length.unwrap_or(rest.len())).unwrap_or(rest);
        if memchr(0, read).is_some() {
            return Err(Stop::Nul);
        }
        self.at += read.len();
        length.map(drop).ok_or(Stop::Syntax)
    }

    fn next(&mut self) -> Result<u8, Stop> {
        let byte = self.peek()?.ok_or(Stop::Syntax)?;
        self.at += 1;
        Ok(byte)
    }

    fn peek(&self) -> Result<Option<u8>, Stop> {
        match self.content.get(self.at) {
            Some(0) => Err(Stop::Nul),
            byte => Ok(byte.copied()),
        }
    }
}

/// Whatever is not ASCII counts as a letter here.
fn is_identifier(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: &str, rest: &str) {
        let text = format!("{header}{rest}");
        assert_eq!(header_extent(text.as_bytes()), Extent::Header(header.len()), "{text:?}");
    }

    #[test]
    fn a_header_ends_where_something_else_begins() {
        check("package p", "");
        check("package p // c", "");
        check("/* c */ package p;;import \"a\" import(`b`;x \"c\". \"\\\"\");\n", "var x");
        check("package p import\"a\"", ")");
        check("package ü\n", "\u{feff}");
        check("package p\n", "0 \0");
        check("package p\nimport \"a\\\nb\"\n", "x");
    }

    #[track_caller]
    fn check_stop(text: &str, expected: Extent) {
        assert_eq!(header_extent(text.as_bytes()), expected, "{text:?}");
    }

    #[test]
    fn whatever_does_not_look_like_imports_is_read_to_the_end() {
        for text in [
            "",
            "// c",
            "package",
            "package ;",
            "packagep",
            "var package p",
            "package p\nint",
            "package p\nimporting",
            "package p\nimport",
            "package p\nimport x",
            "package p\nimport 'a'",
            "package p\nimport \"a\n\"",
            "package p\nimport `a",
            "package p\nimport (\"a\"",
            "package p\nimport (\"a\",\"b\")",
            "package p\n/",
            "package p\n/ x",
            "package p\n/* x",
        ] {
            check_stop(text, Extent::Everything);
        }
    }

    #[test]
    fn a_nul_counts_if_it_is_read() {
        check_stop("package p\0", Extent::Nul(9));
        check_stop("package p\n\0", Extent::Nul(10));
        check_stop("// \0\npackage p\nint", Extent::Nul(3));
        check_stop("package p\n/* \0", Extent::Nul(13));
        check_stop("package p\nimp\0", Extent::Nul(13));
        check_stop("package p\nimport \"a\0", Extent::Nul(19));
        check_stop("package p\nimport `a\0`", Extent::Nul(19));
        check_stop("package p\nint\0", Extent::Everything);
        check_stop("package p\nimport ?\0", Extent::Everything);
    }
}
