//! Turns the text of a Go file into its package name, constraint, imports and embed patterns. It never reads past the
//! imports unless the file imports `embed`, and never gives up: what it found before an error is kept.

use std::ops::Range;

use memchr::{memchr, memmem};

use super::cgo::cgo_block;
use super::extent::{Extent, header_extent};
use super::leading::constraint_of;
use super::text::{BOM, decode, line_of, newlines, quoted_prefix, trim, trim_start, unquote};
use super::tokenizer::{Kind, Token, Tokenizer, is_keyword};
use super::{CgoBlock, Constraint};

/// What `go build` reads of a Go file before it compiles it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoFile {
    /// The name in the package clause; Go ignores a file of package `documentation`.
    pub package: Option<String>,
    /// When the file belongs to the build, apart from its name.
    pub constraint: Constraint,
    /// The imports in their order, without `"C"`.
    pub imports: Vec<Import>,
    /// Whether the file imports `"C"`: Go ignores it, imports and embeds included, where cgo is off.
    pub imports_c: bool,
    /// What each `import "C"` says.
    pub cgo: Vec<CgoBlock>,
    /// The patterns of all `//go:embed` lines; none unless the file imports `embed`.
    pub embeds: Vec<EmbedDirective>,
    /// The settings (`key=value`) of the `//go:debug` lines above the package clause.
    pub go_debug: Vec<String>,
    /// What Go rejects in the header. The file is still part of its package, which does not build.
    pub problem: Option<SourceProblem>,
}

/// One import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The import path, unquoted.
    pub path: String,
    /// The line of the path, from 1.
    pub line: u32,
}

/// One pattern of a `//go:embed` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbedDirective {
    /// The pattern, unquoted, with `all:` if it has it.
    pub pattern: String,
    /// The line of the comment, from 1.
    pub line: u32,
}

/// Something in the header that Go rejects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceProblem {
    /// Where, from 1.
    pub line: u32,
    /// What.
    pub message: String,
}

/// Reads a Go file as `readGoInfo` of `go/build` does.
pub fn scan_go(bytes: &[u8]) -> GoFile {
    let content = bytes.strip_prefix(BOM).unwrap_or(bytes);
    let extent = header_extent(content);
    let header = match extent {
        Extent::Header(end) => content.get(..end).unwrap_or(content),
        Extent::Everything | Extent::Nul(_) => content,
    };
    let mut parser = HeaderParser::new(header);
    parser.file.constraint = constraint_of(content);
    parser.parse_file();
    parser.check_encoding();
    if let Extent::Nul(offset) = extent {
        parser.refuse_nul(offset);
    }
    let imports_embed = parser.file.imports.iter().any(|import| import.path == "embed");
    let mut file = parser.finish();
    if imports_embed {
        file.embeds = embed_directives(content);
    }
    file
}

/// `go/parser` in the mode `ImportsOnly`, except that it goes on after an error as long as there are imports.
struct HeaderParser<'a> {
    /// What Go parses.
    content: &'a [u8],
    tokens: Tokenizer<'a>,
    token: Token<'a>,
    /// Where the token before `token` starts.
    previous: usize,
    /// An offset and its line, to count lines from.
    counted: (usize, u32),
    problem: Option<(usize, String)>,
    file: GoFile,
}

impl<'a> HeaderParser<'a> {
    fn new(content: &'a [u8]) -> Self {
        let mut tokens = Tokenizer::new(content);
        let token = tokens.next();
        let file = GoFile::default();
        Self { content, tokens, token, previous: 0, counted: (0, 1), problem: None, file }
    }

    fn finish(mut self) -> GoFile {
        let scanned = self.tokens.problem.map(|(offset, what)| (offset, what.to_owned()));
        let first = scanned.into_iter().chain(self.problem).min_by_key(|(offset, _)| *offset);
        self.file.problem =
            first.map(|(offset, message)| SourceProblem { line: line_of(self.content, offset), message });
        self.file
    }

    fn parse_file(&mut self) {
        self.read_go_debug();
        if !self.at_keyword(b"package") {
            self.complain("expected the package clause");
            return;
        }
        self.advance();
        if self.token.kind != Kind::Identifier {
            self.complain("expected the name of the package");
            return;
        }
        if is_keyword(self.token.text) {
            self.complain("the name of the package is a keyword");
        }
        self.file.package = Some(String::from_utf8_lossy(self.token.text).into_owned());
        self.advance();
        self.end_statement();
        while self.at_keyword(b"import") {
            self.parse_import_declaration();
            self.end_statement();
        }
    }

    fn parse_import_declaration(&mut self) {
        let declaration = self.lead_comments();
        self.advance();
        if self.token.kind != Kind::Open {
            if let Some(line) = self.parse_import() {
                self.add_cgo(line, declaration);
            }
            return;
        }
        self.advance();
        let mut count = 0;
        let mut cgo = Vec::new();
        while !matches!(self.token.kind, Kind::Close | Kind::End) {
            let own = self.lead_comments();
            cgo.extend(self.parse_import().map(|line| (line, own)));
            count += 1;
            match self.token.kind {
                Kind::Semicolon => self.advance(),
                Kind::Close => {}
                _ => self.complain("expected a semicolon or a new line after the import"),
            }
        }
        for (line, own) in cgo {
            // The comment above the parenthesis belongs to an import that is alone in it.
            let declaration = declaration.clone().filter(|_| count == 1);
            self.add_cgo(line, own.or(declaration));
        }
        if self.token.kind == Kind::Close {
            self.advance();
        } else {
            self.complain("expected the closing parenthesis of the imports");
        }
    }

    /// Reads an optional name and the path; returns the line if it imports `"C"`.
    fn parse_import(&mut self) -> Option<u32> {
        if matches!(self.token.kind, Kind::Identifier | Kind::Period) {
            if is_keyword(self.token.text) {
                self.complain("the name of the import is a keyword");
            }
            self.advance();
        }
        if self.token.kind != Kind::String {
            self.complain("expected the path of the import");
            if !matches!(self.token.kind, Kind::Semicolon | Kind::Close | Kind::End) {
                self.advance();
            }
            return None;
        }
        let line = self.line();
        let path = unquote(self.token.text).and_then(|path| String::from_utf8(path).ok());
        let path = path.filter(|path| is_valid_import(path));
        if path.is_none() {
            self.complain("the path of the import is invalid");
        }
        self.advance();
        let path = path?;
        if path == "C" {
            return Some(line);
        }
        self.file.imports.push(Import { path, line });
        None
    }

    fn add_cgo(&mut self, line: u32, comments: Option<Range<usize>>) {
        self.file.imports_c = true;
        self.file.cgo.push(cgo_block(self.content, comments.unwrap_or_default(), line));
    }

    /// Ends a package clause or an import declaration.
    fn end_statement(&mut self) {
        match self.token.kind {
            Kind::Semicolon => self.advance(),
            Kind::Close | Kind::CloseBrace | Kind::End => {}
            _ => self.complain("expected a semicolon or a new line"),
        }
    }

    fn read_go_debug(&mut self) {
        for range in &self.tokens.comments {
            let text = self.content.get(range.clone()).unwrap_or_default();
            if let Some(rest) = text.strip_prefix(b"//go:debug") {
                let space = rest.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(rest.len());
                let setting: Vec<u8> = rest.iter().skip(space).copied().filter(|byte| *byte != b'\r').collect();
                self.file.go_debug.push(String::from_utf8_lossy(trim(&setting)).into_owned());
            }
        }
    }

    /// The comments that belong to the current token: the last group of them, if it ends on the line before.
    fn lead_comments(&self) -> Option<Range<usize>> {
        let comments = &self.tokens.comments;
        let gap = |from: usize, to: usize| newlines(self.content, from..to);
        let mut start = 0;
        // Comments that begin on the line of the previous token belong to that.
        let mut last = self.previous;
        while let Some(comment) = comments.get(start).filter(|comment| gap(last, comment.start) == 0) {
            last = comment.end;
            start += 1;
        }
        let rest = comments.get(start..)?;
        let split = rest.windows(2).rposition(|pair| matches!(pair, [a, b] if gap(a.end, b.start) > 1));
        let group = rest.get(split.map_or(0, |index| index + 1)..)?;
        let (first, last) = (group.first()?, group.last()?);
        (gap(last.end, self.token.start) == 1).then_some(first.start..last.end)
    }

    fn advance(&mut self) {
        self.previous = self.token.start;
        self.token = self.tokens.next();
    }

    fn at_keyword(&self, keyword: &[u8]) -> bool {
        self.token.kind == Kind::Identifier && self.token.text == keyword
    }

    /// The line of the current token.
    fn line(&mut self) -> u32 {
        let (offset, line) = self.counted;
        let more = u32::try_from(newlines(self.content, offset..self.token.start)).unwrap_or(u32::MAX);
        self.counted = (self.token.start, line.saturating_add(more));
        self.counted.1
    }

    fn complain(&mut self, what: &str) {
        let offset = self.token.start;
        self.problem.get_or_insert_with(|| (offset, what.to_owned()));
    }

    /// Go's scanner looks at the encoding of all that it reads: to the end of the last token, and one character more.
    fn check_encoding(&mut self) {
        let end = self.token.start + self.token.text.len();
        let rest = self.content.get(end..).unwrap_or_default();
        let read = self.content.get(..end + decode(rest).1).unwrap_or(self.content);
        let not_utf_8 = std::str::from_utf8(read).err().map(|error| (error.valid_up_to(), "illegal UTF-8 encoding"));
        let mark = memmem::find(read.get(1..).unwrap_or_default(), BOM);
        let mark = mark.map(|offset| (offset + 1, "illegal byte order mark"));
        let nul = memchr(0, read).map(|offset| (offset, "illegal NUL"));
        let found = [not_utf_8, mark, nul].into_iter().flatten().map(|(offset, what)| (offset, what.to_owned()));
        self.problem = found.chain(self.problem.take()).min_by_key(|(offset, _)| *offset);
    }

    /// A NUL byte that is read before anything is parsed keeps Go from reading the file, whatever its constraint says.
    fn refuse_nul(&mut self, offset: usize) {
        let message = "unexpected NUL in input".to_owned();
        self.file.constraint = Constraint::Invalid(message.clone());
        self.problem = Some((offset, message));
        self.tokens.problem = None;
    }
}

/// Whether Go admits an import path, as far as ASCII and space go; beyond that no module has such a package.
fn is_valid_import(path: &str) -> bool {
    let illegal = |c: char| {
        c.is_control()
            || c.is_whitespace()
            || matches!(c, '!'..=')' | '*' | ',' | ':'..='?' | '['..='^' | '`' | '{'..='}')
    };
    !path.is_empty() && !path.contains('\u{fffd}') && !path.contains(illegal)
}

/// All patterns of the `//go:embed` comments of a file, wherever they stand.
fn embed_directives(content: &[u8]) -> Vec<EmbedDirective> {
    let mut found = Vec::new();
    // Most files need no tokens: they import `embed` for its types only.
    let Some(last) = memmem::rfind(content, DIRECTIVE) else { return found };
    let mut tokens = Tokenizer::new(content);
    let mut counted = (0, 1_u32);
    loop {
        let token = tokens.next();
        for range in &tokens.comments {
            let comment = content.get(range.clone()).unwrap_or_default();
            if let Some(arguments) = comment.strip_prefix(DIRECTIVE) {
                let more = u32::try_from(newlines(content, counted.0..range.start)).unwrap_or(u32::MAX);
                counted = (range.start, counted.1.saturating_add(more));
                let patterns = embed_patterns(arguments).unwrap_or_default();
                found.extend(patterns.into_iter().map(|pattern| EmbedDirective { pattern, line: counted.1 }));
            }
        }
        if token.kind == Kind::End || token.start > last {
            return found;
        }
    }
}

const DIRECTIVE: &[u8] = b"//go:embed";

/// The arguments of a directive, from after its name; `None` if Go ignores the line.
fn embed_patterns(arguments: &[u8]) -> Option<Vec<String>> {
    let text: Vec<u8> = arguments.iter().copied().filter(|byte| *byte != b'\r').collect();
    let mut patterns = Vec::new();
    let mut rest = &text[..];
    loop {
        let word = trim_start(rest);
        if word.is_empty() {
            return Some(patterns);
        }
        // Each argument, the first one too, follows white space.
        if word.len() == rest.len() {
            return None;
        }
        let quoted = matches!(word.first(), Some(b'"' | b'`'));
        let length = if quoted { quoted_prefix(word)? } else { word_length(word) };
        let (argument, after) = word.split_at_checked(length)?;
        let pattern = if quoted { unquote(argument)? } else { argument.to_vec() };
        patterns.push(String::from_utf8_lossy(&pattern).into_owned());
        rest = after;
    }
}

fn word_length(text: &[u8]) -> usize {
    let mut length = 0;
    loop {
        let (character, width) = decode(text.get(length..).unwrap_or_default());
        if width == 0 || character.is_whitespace() {
            return length;
        }
        length += width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::go::source::{Target, Tri};

    #[track_caller]
    fn check_imports(source: &str, expected: &[&str]) {
        let file = scan_go(source.as_bytes());
        let found: Vec<&str> = file.imports.iter().map(|import| &import.path[..]).collect();
        assert_eq!(found, expected, "{source:?}");
        assert_eq!(file.problem, None, "{source:?}");
    }

    #[test]
    fn f26_imports_in_every_spelling() {
        check_imports("package\np\nimport\n\"fmt\"\nimport\n(\n\"os\")", &["fmt", "os"]);
        check_imports("package p;import\"fmt\";import(\"os\")", &["fmt", "os"]);
        check_imports("package p\nimport \"f\\x6dt\"\nimport `strings`\n", &["fmt", "strings"]);
        check_imports("package p\nimport (\n\t. \"a\"\n\t_ \"b\" // c\n\tx \"c\"; \"d\"\n)\n", &["a", "b", "c", "d"]);
        check_imports("package /* c */ p // d\n/*\n*/ import /* e */ x /* f */ \"a\"", &["a"]);
        check_imports("package p\nimport ()\nimport \"a\"\nimport (\"b\")", &["a", "b"]);
        check_imports("package p\r\nimport (\r\n\"a\"\r\n)\r\n", &["a"]);
        check_imports("\u{feff}package p\nimport \"a\"", &["a"]);
    }

    #[test]
    fn f27_imports_end_with_the_first_other_declaration() {
        check_imports("package p\nvar x int\nimport \"net/http\"\n", &[]);
        check_imports("package p\nimport \"a\"\nint x\nimport \"b\"\n", &["a"]);
        check_imports("package p\nimport \"a\" var x\n", &["a"]);
        check_imports("package p\n;import \"a\"", &[]);
        check_imports("package p\n\n/x\n", &[]);
        check_imports("package p\nfunc f() { \0 }", &[]);
        check_imports("package p\n\n`open", &[]);
        check_imports("package p\nfunc f() { \u{feff} }", &[]);
    }

    #[track_caller]
    fn check_problem(source: &[u8], line: u32, message: &str, imports: &[&str]) {
        let file = scan_go(source);
        assert_eq!(file.problem, Some(SourceProblem { line, message: message.into() }));
        let found: Vec<&str> = file.imports.iter().map(|import| &import.path[..]).collect();
        assert_eq!(found, imports);
    }

    #[test]
    fn what_is_found_in_a_broken_header_is_kept() {
        check_problem(b"", 1, "expected the package clause", &[]);
        check_problem(b"// c\npackag p", 2, "expected the package clause", &[]);
        check_problem(b"package\n", 2, "expected the name of the package", &[]);
        check_problem(b"package func\nimport \"a\"", 1, "the name of the package is a keyword", &["a"]);
        check_problem(b"package p import \"a\"", 1, "expected a semicolon or a new line", &["a"]);
        let missing = "expected a semicolon or a new line after the import";
        check_problem(b"package p\nimport (\"a\" \"b\",\n\"c\")", 2, missing, &["a", "b", "c"]);
        check_problem(b"package p\nimport (;\"a\")", 2, "expected the path of the import", &["a"]);
        check_problem(b"package p\nimport 'a'\nimport \"b\"", 2, "expected the path of the import", &["b"]);
        check_problem(b"package p\nimport \"a\nimport \"b\"\n", 2, "string literal not terminated", &["b"]);
        check_problem(b"package p\nimport \"a b\"\nimport \"c\"", 2, "the path of the import is invalid", &["c"]);
        check_problem(b"package p\nimport \"\\q\"\nimport \"c\"", 2, "the path of the import is invalid", &["c"]);
        let open = "expected the closing parenthesis of the imports";
        check_problem(b"package p\nimport (\"a\"\n", 3, open, &["a"]);
        check_problem(b"package p\nimport \"a\"\n/* open", 3, "comment not terminated", &["a"]);
        check_problem(b"// \xff\npackage p\nimport \"a\"", 1, "illegal UTF-8 encoding", &["a"]);
        check_problem(b"package p // \xef\xbb\xbf\nimport \"a\"", 1, "illegal byte order mark", &["a"]);
    }

    #[test]
    fn a_nul_in_the_header_makes_the_file_unreadable() {
        let file = scan_go(b"//go:build windows\npackage p\n\0");
        assert!(matches!(file.constraint, Constraint::Invalid(_)));
        assert!(file.problem.is_some());
        assert_eq!(file.package.as_deref(), Some("p"));
    }

    #[test]
    fn f09_to_f17_constraint_and_package_are_read_together() {
        let target = Target::new("linux", "amd64");
        let eval = |source: &str| scan_go(source.as_bytes()).constraint.eval(&|tag| target.tag(tag));
        assert_eq!(eval("//go:build windows // c\npackage p"), Tri::Unknown);
        assert_eq!(eval("\u{feff}//go:build windows\r\npackage p"), Tri::False);
        assert_eq!(eval("//go:build go1.21\npackage p"), Tri::True);
        assert_eq!(eval("package p"), Tri::True);
        let file = scan_go(b"package documentation\nimport \"no/such\"");
        assert_eq!(file.package.as_deref(), Some("documentation"));
    }

    #[test]
    fn debug_settings_stand_above_the_package_clause() {
        let source = "// Doc.\n\n//go:debug a=1\r\n//go:debug\tb=2 \n/* //go:debug c=3 */\n// //go:debug d=4\n\
                      package p\n//go:debug e=5\n";
        assert_eq!(scan_go(source.as_bytes()).go_debug, ["a=1", "b=2"]);
    }

    #[track_caller]
    fn check_preamble(imports: &str, expected: &[&str]) {
        let source = format!("package p\n\n{imports}\n");
        let file = scan_go(source.as_bytes());
        let found: Vec<&str> = file.cgo.iter().map(|block| block.preamble.trim()).collect();
        assert_eq!(found, expected, "{imports:?}");
        assert!(file.imports_c);
        assert_eq!(file.problem, None);
    }

    #[test]
    fn the_preamble_is_the_comment_right_above() {
        check_preamble("// int x;\nimport \"C\"", &["int x;"]);
        check_preamble("/*\nint x;\n*/\nimport \"C\"", &["int x;"]);
        check_preamble("// a\n/* b */\n// c\nimport \"C\"", &["a\n b \n c"]);
        check_preamble("// int x;\n\nimport \"C\"", &[""]);
        check_preamble("// a\n\n// b\nimport \"C\"", &["b"]);
        check_preamble("/* a */ import \"C\"", &[""]);
        check_preamble("import \"fmt\" // a\nimport \"C\"", &[""]);
        check_preamble("import \"fmt\" /* a\n*/\nimport \"C\"", &[""]);
        check_preamble("import \"fmt\" // a\n// b\nimport \"C\"", &["b"]);
        check_preamble("// a\nimport (\n\t\"fmt\"\n\t// b\n\t\"C\"\n)", &["b"]);
        check_preamble("// a\nimport (\n\t\"fmt\"\n\t\"C\"\n)", &[""]);
        check_preamble("// a\nimport (\n\t\"C\"\n)", &["a"]);
        check_preamble("// a\nimport ( // b\n\t// c\n\t\"C\"\n)", &["c"]);
        check_preamble("// a\nimport \"C\"\n// b\nimport \"C\"", &["a", "b"]);
    }

    #[test]
    fn the_lines_are_those_of_the_source() {
        let file = scan_go(
            b"// c\npackage p\n\nimport (\n\t\"a\"\n\n\t\"C\"\n\t\"embed\"\n)\n\n//go:embed x y\nvar v string\n",
        );
        assert_eq!(file.imports.iter().map(|import| import.line).collect::<Vec<_>>(), [5, 8]);
        assert_eq!(file.cgo[0].line, 7);
        assert_eq!(file.embeds.iter().map(|embed| embed.line).collect::<Vec<_>>(), [11, 11]);
    }

    #[track_caller]
    fn check_embeds(body: &str, expected: &[&str]) {
        let source = format!("package p\n\nimport _ \"embed\"\n\n{body}");
        let found: Vec<_> = scan_go(source.as_bytes()).embeds.into_iter().map(|embed| embed.pattern).collect();
        assert_eq!(found, expected, "{body:?}");
    }

    #[test]
    fn e06_patterns_may_be_quoted() {
        check_embeds("//go:embed a.txt \"b c\" `d e`\tf", &["a.txt", "b c", "d e", "f"]);
        check_embeds("//go:embed \"\\x61\" all:x", &["a", "all:x"]);
        check_embeds("//go:embed \"a\"b", &[]);
        check_embeds("//go:embed a \"b", &[]);
        check_embeds("//go:embed", &[]);
        check_embeds("//go:embed a\u{a0}b", &["a", "b"]);
        check_embeds("//go:embed a\r\nvar x int", &["a"]);
    }

    #[test]
    fn e08_directives_in_strings_and_block_comments_are_none() {
        check_embeds("var x = `\n//go:embed a\n`", &[]);
        check_embeds("/*\n//go:embed a\n*/", &[]);
        check_embeds("var x = \"//go:embed a\"\nvar y = '\"'\n//go:embed b\n", &["b"]);
        check_embeds("var x = \"\\\"//go:embed a\"", &[]);
        check_embeds("var x = '`'\n//go:embed a\nvar y = '`'", &["a"]);
    }

    #[test]
    fn e09_directives_count_wherever_they_stand() {
        check_embeds("/*x*/ //go:embed a\n", &["a"]);
        check_embeds("\t//go:embed a\n", &["a"]);
        check_embeds("func f() {\n\t//go:embed a\n}", &["a"]);
        check_embeds("var x int //go:embed\ta", &["a"]);
    }

    #[test]
    fn e10_other_comments_and_files_are_not_directives() {
        check_embeds("// go:embed a\n//go:embedx a\n//go:embed:a b", &[]);
        assert_eq!(scan_go(b"package p\n//go:embed a\nvar x string").embeds, []);
    }
}
