//! Turns C, C++, Objective-C, SWIG and assembly text into the files that it names, whatever `#if` surrounds them. It
//! never resolves a name, and reads too much rather than too little.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memmem};

use super::text::{quoted_prefix, unquote};

/// The files that a text names, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Includes {
    /// Names in quotes, looked up next to the file first.
    pub quoted: Vec<String>,
    /// Names in angle brackets, looked up in the include folders only.
    pub angled: Vec<String>,
    /// Whether some name is made by a macro, or cannot be read: any file may be meant.
    pub computed: bool,
}

/// The files that assembly names: `#include` of Go's assembler and of the C preprocessor, `.include` and `.incbin`.
pub fn asm_includes(bytes: &[u8]) -> Includes {
    Scanner::new(&splice(bytes), Language::Assembly).scan()
}

/// The files that C and its relatives name: `#include`, `#include_next`, `#import`, `#embed`, SWIG's `%include` and
/// `%import`, and `.include` and `.incbin` in inline assembly.
pub fn c_includes(bytes: &[u8]) -> Includes {
    Scanner::new(&splice(bytes), Language::C).scan()
}

/// Whatever in a macro or an include could be the name of a file: quoted names, and words with a dot or a slash. Where a
/// name is made by a macro, it is made of these.
pub fn macro_names(bytes: &[u8]) -> Vec<String> {
    let text = splice(bytes);
    let mut names = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii_start();
        let Some(rest) = line.strip_prefix(b"#").or_else(|| line.strip_prefix(b"%:")) else { continue };
        let rest = rest.trim_ascii_start();
        let keywords: [&[u8]; 5] = [b"define", b"include_next", b"include", b"import", b"embed"];
        let Some(length) = keyword_length(rest, &keywords) else { continue };
        let rest = rest.get(length..).unwrap_or_default();
        let quoted = rest.split(|byte| matches!(byte, b'"' | b'<' | b'>'));
        let words = rest.split(|byte| !byte.is_ascii_alphanumeric() && !b"_-+./~@".contains(byte));
        names.extend(quoted.chain(words).filter(is_name).map(|name| String::from_utf8_lossy(name).into_owned()));
    }
    names.sort_unstable();
    names.dedup();
    names
}

fn is_name(text: &&[u8]) -> bool {
    text.len() <= MAX_NAME
        && text.iter().any(|byte| matches!(byte, b'.' | b'/'))
        && text.iter().any(u8::is_ascii_alphabetic)
}

/// No longer name can be opened, on any system.
const MAX_NAME: usize = 4096;

/// How many comments may stand within one directive; with more of them the name counts as unreadable.
const MAX_COMMENTS: usize = 32;

/// Joins continued lines, and writes the trigraphs for `#` and `\` out.
fn splice(bytes: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'\\', bytes).is_none() && memmem::find(bytes, b"??").is_none() {
        return Cow::Borrowed(bytes);
    }
    let mut text = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        let (character, after) = match rest {
            [b'?', b'?', b'=', after @ ..] => (b'#', after),
            [b'?', b'?', b'/', after @ ..] => (b'\\', after),
            _ => (first, after),
        };
        rest = after;
        if character == b'\\'
            && let Some([b'\n', after @ ..]) = after.get(blank_length(after)..)
        {
            rest = after;
        } else {
            text.push(character);
        }
    }
    Cow::Owned(text)
}

/// The length of the white space that a text begins with, within its line.
fn blank_length(text: &[u8]) -> usize {
    text.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\x0b' | b'\x0c')).count()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    C,
    Assembly,
}

/// One text. It does not track comments, which strings could hide from it: a directive counts wherever it begins a
/// line, or follows the end of a comment.
struct Scanner<'a> {
    text: &'a [u8],
    language: Language,
    /// The offsets after every `*/`.
    comment_ends: Vec<usize>,
    includes: Includes,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a [u8], language: Language) -> Self {
        let comment_ends = memmem::find_iter(text, b"*/").map(|end| end + 2).collect();
        Self { text, language, comment_ends, includes: Includes::default() }
    }

    fn scan(mut self) -> Includes {
        self.preprocessor_directive(0);
        for newline in memchr_iter(b'\n', self.text) {
            self.preprocessor_directive(newline + 1);
        }
        for index in 0..self.comment_ends.len() {
            self.preprocessor_directive(self.comment_ends.get(index).copied().unwrap_or_default());
        }
        for dot in memchr_iter(b'.', self.text) {
            self.assembler_directive(dot);
        }
        for test in memmem::find_iter(self.text, b"__has_") {
            self.existence_test(test + b"__has_".len());
        }
        for names in [&mut self.includes.quoted, &mut self.includes.angled] {
            names.sort_unstable();
            names.dedup();
        }
        self.includes
    }

    /// Reads `#include "file"`, `%:include <file>` or SWIG's `%include "file"`, if one begins here.
    fn preprocessor_directive(&mut self, start: usize) {
        let rest = self.rest(start);
        let start = start + blank_length(rest);
        let mark = match self.rest(start) {
            [b'%', b':', ..] => 2,
            [b'#' | b'%', ..] => 1,
            _ => return,
        };
        let Some(word) = self.skip_blank(start + mark) else {
            self.includes.computed = true;
            return;
        };
        let keywords: &[&[u8]] = match self.language {
            Language::C => &[b"include_next", b"include", b"import", b"embed"],
            Language::Assembly => &[b"include_next", b"include"],
        };
        let Some(length) = keyword_length(self.rest(word), keywords) else { return };
        let name = self.skip_blank(word + length).and_then(|name| file_name(self.rest(name)));
        match name {
            Some((name, true)) => self.includes.angled.push(name),
            Some((name, false)) => self.includes.quoted.push(name),
            None => self.includes.computed = true,
        }
    }

    /// Reads `.incbin "file"`, if it stands here. In C it is part of a string, and its quotes are escaped: a plain
    /// quote ends that string, and a macro follows.
    fn assembler_directive(&mut self, dot: usize) {
        let rest = self.rest(dot + 1);
        let Some(length) = keyword_length(rest, &[b"incbin", b"include"]) else { return };
        if rest.starts_with(b"include") && self.language == Language::C && is_field(self.text.get(..dot)) {
            return;
        }
        let rest = rest.get(length..).unwrap_or_default();
        let rest = rest.get(blank_length(rest)..).unwrap_or_default();
        let quote: &[u8] = if self.language == Language::C { b"\\\"" } else { b"\"" };
        let name = rest.strip_prefix(quote).and_then(|name| {
            let name = name.get(..MAX_NAME).unwrap_or(name);
            let name = name.get(..memmem::find(name, quote)?)?;
            std::str::from_utf8(name).ok().filter(|name| !name.contains(['\\', '"', '\n']))
        });
        match name {
            Some(name) => self.includes.quoted.push(name.to_owned()),
            None => self.includes.computed = true,
        }
    }

    /// Reads `__has_include("file")` and its kin, which ask whether a file is there.
    fn existence_test(&mut self, word: usize) {
        let Some(length) = keyword_length(self.rest(word), &[b"include_next", b"include", b"embed"]) else { return };
        let Some(open) = self.skip_blank(word + length).filter(|open| self.rest(*open).starts_with(b"(")) else {
            return;
        };
        match self.skip_blank(open + 1).and_then(|name| file_name(self.rest(name))) {
            Some((name, true)) => self.includes.angled.push(name),
            Some((name, false)) => self.includes.quoted.push(name),
            None => self.includes.computed = true,
        }
    }

    fn rest(&self, start: usize) -> &'a [u8] {
        self.text.get(start..).unwrap_or_default()
    }

    /// The offset after white space and comments; a comment may go on over several lines. `None` if there are too many.
    fn skip_blank(&self, mut start: usize) -> Option<usize> {
        for _ in 0..MAX_COMMENTS {
            start += blank_length(self.rest(start));
            if !self.rest(start).starts_with(b"/*") {
                return Some(start);
            }
            let next = self.comment_ends.partition_point(|end| *end < start + 4);
            start = self.comment_ends.get(next).copied().unwrap_or(self.text.len());
        }
        None
    }
}

fn keyword_length(rest: &[u8], keywords: &[&[u8]]) -> Option<usize> {
    let keyword = keywords.iter().find(|keyword| rest.starts_with(keyword))?;
    let next = rest.get(keyword.len());
    let goes_on = next.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    (!goes_on).then_some(keyword.len())
}

/// Whether a dot after this text takes a field of something, as in `options.include`.
fn is_field(before: Option<&[u8]>) -> bool {
    match before {
        Some([.., b'\\', b'n' | b't' | b'r']) => false,
        Some([.., last]) => last.is_ascii_alphanumeric() || matches!(last, b'_' | b')' | b']'),
        _ => false,
    }
}

/// The name that a text begins with, and whether it stands in angle brackets.
fn file_name(rest: &[u8]) -> Option<(String, bool)> {
    let line = rest.get(..MAX_NAME).unwrap_or(rest);
    let line = line.get(..memchr(b'\n', line).unwrap_or(line.len()))?;
    let (name, angled) = match line.split_first()? {
        (b'<', name) => (name.get(..memchr(b'>', name)?)?.to_vec(), true),
        (b'"', name) => {
            let name = name.get(..memchr(b'"', name)?)?;
            // To C a backslash is one; Go's assembler reads a Go string.
            let escaped = memchr(b'\\', name).is_some();
            let name = if escaped { unquote(line.get(..quoted_prefix(line)?)?)? } else { name.to_vec() };
            (name, false)
        }
        _ => return None,
    };
    Some((String::from_utf8(name).ok()?, angled))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn includes(quoted: &[&str], angled: &[&str], computed: bool) -> Includes {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Includes { quoted: names(quoted), angled: names(angled), computed }
    }

    #[track_caller]
    fn check_c(text: &str, quoted: &[&str], angled: &[&str], computed: bool) {
        assert_eq!(c_includes(text.as_bytes()), includes(quoted, angled, computed), "{text:?}");
    }

    #[test]
    fn directives_are_found_in_every_spelling() {
        check_c("#include \"a.h\"\n  #  include<b.h>\n", &["a.h"], &["b.h"], false);
        check_c("#import \"a.h\"\n#embed \"b.bin\" limit(3)\n#include_next <c.h>", &["a.h", "b.bin"], &["c.h"], false);
        check_c("/* x */ #/* y */include/* z */\"a.h\"", &["a.h"], &[], false);
        check_c("#/* over\nlines */include \"a.h\"", &["a.h"], &[], false);
        check_c("/* over\nlines */ #include \"a.h\"", &["a.h"], &[], false);
        check_c("#incl\\\nude \"a.\\ \t\r\nh\"", &["a.h"], &[], false);
        check_c("%:include \"a.h\"\n??=include \"b.h\"\n#include ??/\n\"c.h\"", &["a.h", "b.h", "c.h"], &[], false);
        check_c("%include \"a.i\"\n%import <b.i>", &["a.i"], &["b.i"], false);
        check_c("#include \"../x/a.h\"\r\n", &["../x/a.h"], &[], false);
    }

    #[test]
    fn conditions_and_comments_hide_nothing() {
        check_c("#if 0\n#include \"a.h\"\n#endif\n", &["a.h"], &[], false);
        check_c("/*\n#include \"a.h\"\n*/", &["a.h"], &[], false);
        check_c("char *s = R\"(/*)\";\n#include \"a.h\"\n", &["a.h"], &[], false);
    }

    #[test]
    fn asking_whether_a_file_is_there_names_it() {
        check_c("#if __has_include(\"a.h\") && __has_embed( <b.bin> )", &["a.h"], &["b.bin"], false);
        check_c("#ifdef __has_include\n#if defined(__has_include)", &[], &[], false);
        check_c("#if __has_include(NAME)", &[], &[], true);
    }

    #[test]
    fn other_text_is_no_include() {
        check_c("// #include \"a.h\"\n * #include foo\nx #include \"b.h\"\n#includes \"c.h\"", &[], &[], false);
        check_c("#define X\n#pragma once\nint main() { return a % b; }", &[], &[], false);
    }

    #[test]
    fn names_that_cannot_be_read_are_computed() {
        check_c("#include HEADER", &[], &[], true);
        check_c("#include \"open", &[], &[], true);
        check_c("#include <open\n>", &[], &[], true);
        check_c("#include", &[], &[], true);
        check_c("%import(module=\"x\") \"y.i\"", &[], &[], true);
        assert!(c_includes(b"#include \"\xff.h\"").computed);
        check_c(&format!("#{}include \"a.h\"", "/**/".repeat(100)), &[], &[], true);
    }

    #[test]
    fn inline_assembly_names_files_in_escaped_quotes() {
        check_c("asm(\".incbin \\\"data.bin\\\"\");", &["data.bin"], &[], false);
        check_c("asm(\"nop\\n.include \\\"a.inc\\\"\");", &["a.inc"], &[], false);
        check_c("asm(\".incbin \" STRING(FILE));", &[], &[], true);
        check_c("options.include = 1; f().include(2);", &[], &[], false);
    }

    #[track_caller]
    fn check_asm(text: &str, quoted: &[&str], computed: bool) {
        assert_eq!(asm_includes(text.as_bytes()), includes(quoted, &[], computed), "{text:?}");
    }

    #[test]
    fn assembly_names_files_for_either_assembler() {
        check_asm("#include \"textflag.h\"\n#include \"../asinc/c.inc\"\n", &["../asinc/c.inc", "textflag.h"], false);
        check_asm("#include \"\\x61.h\"", &["a.h"], false);
        check_asm("x: .incbin \"a.bin\", 0, 4\n.include \"b.s\"", &["a.bin", "b.s"], false);
        check_asm(".incbin FILE", &[], true);
        check_asm("#embed \"x\"\n", &[], false);
    }

    #[test]
    fn macros_name_files_in_quotes_and_without() {
        let has = |text: &str, name: &str| macro_names(text.as_bytes()).iter().any(|known| known == name);
        let text = "#define A \"x y.h\"\n# include TEXT(../b.h)\n#define C \\\n <sys/c>\n// d.h\n#define E 1.5\n";
        for name in ["x y.h", "../b.h", "sys/c"] {
            assert!(has(text, name), "{name}");
        }
        assert!(!has(text, "d.h") && !has(text, "1.5") && !has(text, "A"));
    }

    #[test]
    fn hostile_text_takes_no_quadratic_time() {
        for part in [
            "#",
            "*/#include<",
            "\n#/*",
            "#/*\n#/**/ /*",
            ".include/*",
            "\\ ",
            ".incbin \\\"",
            "??/",
            "__has_include(/*",
        ] {
            c_includes(part.repeat(50_000).as_bytes());
            asm_includes(part.repeat(50_000).as_bytes());
            macro_names(format!("#define {}", part.repeat(50_000)).as_bytes());
        }
    }
}
