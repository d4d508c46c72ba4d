//! Build constraints: both syntaxes, how they are shown, and those of file names.
//!
//! Compared with a second parser of the grammar of `go/build/constraint`, which recurses and so takes short texts only.

#![no_main]

use buildplan::go::source::{Constraint, Tri, file_name_constraint, file_name_matches, scan_go, scan_other};
use buildplan_fuzz::{assert_refines, cut, decided, partly};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let modern = Constraint::parse_go_build(&text);
    assert_eq!(modern, Constraint::parse_go_build(&text));
    assert!(modern != Constraint::Always);
    check_shown(&modern);
    if data.len() < 400 {
        check_grammar(&text, &modern);
    }
    if let Some(legacy) = Constraint::parse_plus_build(&text) {
        assert!(matches!(legacy, Constraint::Expression(_)));
        check_shown(&legacy);
        check_and(&modern, &legacy);
    }
    check_in_files(&text, &modern);
    check_name(data);
    let (first, second) = text.split_at((0..=cut(data)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0));
    check_and(&Constraint::parse_go_build(first), &Constraint::parse_go_build(second));
});

/// What is shown is one word and means the same when it is parsed again, unless it is larger than Go allows a line to be.
fn check_shown(constraint: &Constraint) {
    assert_refines(&|tag| constraint.eval(tag));
    let shown = constraint.to_string();
    match constraint {
        Constraint::Always => return assert_eq!((shown.as_str(), constraint.eval(&|_| Tri::Unknown)), ("", Tri::True)),
        Constraint::Invalid(_) => return assert_eq!(constraint.eval(&|_| Tri::True), Tri::Unknown),
        Constraint::Expression(_) => {}
    }
    assert!(!shown.contains(char::is_whitespace), "{shown:?}");
    let again = Constraint::parse_go_build(&shown);
    if again == Constraint::Invalid("build expression too large".to_owned()) {
        return;
    }
    assert!(matches!(again, Constraint::Expression(_)), "{shown:?}: {again:?}");
    assert_eq!(again.to_string(), shown);
    for build in 0..4 {
        for tag in [decided, partly] {
            assert_eq!(again.eval(&|name| tag(build, name)), constraint.eval(&|name| tag(build, name)), "{shown:?}");
        }
    }
}

fn check_and(left: &Constraint, right: &Constraint) {
    let both = left.clone().and(right.clone());
    for build in 0..2 {
        let eval = |constraint: &Constraint| constraint.eval(&|tag| partly(build, tag));
        if matches!(both, Constraint::Expression(_)) {
            assert_eq!(eval(&both), eval(left).and(eval(right)));
        }
    }
    check_shown(&both);
}

/// The line of a file says what the expression says.
fn check_in_files(text: &str, expected: &Constraint) {
    if text.contains(['\n', '\0']) || text.trim_matches([' ', '\t']) != text.trim() {
        return;
    }
    let source = format!("//go:build {text}\npackage p\n");
    assert_eq!(scan_go(source.as_bytes()).constraint, *expected, "{text:?}");
    let other = scan_other(source.as_bytes());
    match expected {
        Constraint::Invalid(_) => assert_eq!(other.eval(&|_| Tri::True), Tri::False),
        expected => assert_eq!(other, *expected),
    }
}

fn check_name(name: &[u8]) {
    let constraint = file_name_constraint(name);
    check_shown(&constraint);
    for build in 0..4 {
        let tag = |name: &str| partly(build, name);
        assert_eq!(constraint.eval(&tag), file_name_matches(name, &tag));
    }
}

/// Compares with the second parser on texts in which it knows what a tag is.
fn check_grammar(text: &str, found: &Constraint) {
    if !text.is_ascii() {
        return;
    }
    let mut expected = Grammar { rest: text.as_bytes(), build: 0 };
    let mut values = Vec::new();
    for build in 0..3 {
        expected = Grammar { rest: text.as_bytes(), build };
        values.push(expected.or().filter(|_| expected.space().is_empty()));
    }
    let found: Vec<Option<bool>> = (0..3)
        .map(|build| {
            let value = found.eval(&|tag| decided(build, tag)) == Tri::True;
            matches!(found, Constraint::Expression(_)).then_some(value)
        })
        .collect();
    assert_eq!(found, values, "{text:?} up to {:?}", String::from_utf8_lossy(expected.rest));
}

/// Evaluates while it reads; `None` where Go refuses the text.
struct Grammar<'a> {
    rest: &'a [u8],
    build: u64,
}

impl Grammar<'_> {
    fn or(&mut self) -> Option<bool> {
        let mut value = self.and()?;
        while self.take(b"||") {
            value |= self.and()?;
        }
        Some(value)
    }

    fn and(&mut self) -> Option<bool> {
        let mut value = self.not()?;
        while self.take(b"&&") {
            value &= self.not()?;
        }
        Some(value)
    }

    fn not(&mut self) -> Option<bool> {
        if self.take(b"!") {
            return if self.space().starts_with(b"!") { None } else { self.atom().map(|value| !value) };
        }
        self.atom()
    }

    fn atom(&mut self) -> Option<bool> {
        if self.take(b"(") {
            let value = self.or()?;
            return self.take(b")").then_some(value);
        }
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
        let length = self.space().iter().take_while(|byte| is_word(byte)).count();
        let (tag, rest) = self.rest.split_at(length);
        self.rest = rest;
        let tag = std::str::from_utf8(tag).ok().filter(|tag| !tag.is_empty())?;
        Some(decided(self.build, tag) == Tri::True)
    }

    fn space(&mut self) -> &[u8] {
        while let [b' ' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
        self.rest
    }

    fn take(&mut self, word: &[u8]) -> bool {
        let found = self.space().starts_with(word);
        if found {
            self.rest = &self.rest[word.len()..];
        }
        found
    }
}
