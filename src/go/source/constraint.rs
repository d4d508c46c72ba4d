//! Turns the text of `//go:build` and `// +build` lines into expressions over tags that can be unknown. It never knows
//! which tags hold, and needs no recursion however deep an expression nests.

use std::fmt;

use super::Tri;

/// How many tags and parentheses Go accepts in one `//go:build` line.
const MAX_SIZE: usize = 1000;

/// How many operators Go accepts in one `// +build` line.
const MAX_LEGACY_SIZE: usize = 100;

/// Under which conditions a file belongs to the build, as far as its text says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Constraint {
    /// The file has no constraint.
    #[default]
    Always,
    /// The file has one.
    Expression(Expression),
    /// The file has one that Go rejects, and with it the package; the text says what is wrong.
    Invalid(String),
}

impl Constraint {
    /// Whether the file belongs to the build, given what is known of each tag; unknown if the constraint is invalid.
    pub fn eval(&self, tag: &dyn Fn(&str) -> Tri) -> Tri {
        match self {
            Self::Always => Tri::True,
            Self::Expression(expression) => expression.eval(tag),
            Self::Invalid(_) => Tri::Unknown,
        }
    }

    /// The constraint of a `//go:build` line, from what follows these words.
    pub fn parse_go_build(text: &str) -> Self {
        GoBuildParser::new(text).parse().map_or_else(Self::Invalid, Self::Expression)
    }

    /// The constraint of a `// +build` line, from what follows these words; `None` if it is too complex for Go, which
    /// then ignores the line.
    pub fn parse_plus_build(text: &str) -> Option<Self> {
        let mut any = Vec::new();
        let mut operators = 0;
        for (index, clause) in text.split_whitespace().enumerate() {
            operators += clause.matches(',').count() + usize::from(index > 0);
            if operators > MAX_LEGACY_SIZE {
                return None;
            }
            let literals = clause.split(',').map(legacy_literal).collect();
            any.push(Expression::join(literals, &Step::And));
        }
        if any.is_empty() {
            any.push(legacy_literal(""));
        }
        Some(Self::Expression(Expression::join(any, &Step::Or)))
    }

    /// One that never holds.
    pub(super) fn never() -> Self {
        Self::Expression(Expression { steps: vec![Step::Never] })
    }

    /// Both have to hold; an invalid one makes the whole invalid.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.combine(other, Step::And)
    }

    /// One has to hold; an invalid one makes the whole invalid. `Always` is no operand here, but neutral.
    #[must_use]
    pub(super) fn or(self, other: Self) -> Self {
        self.combine(other, Step::Or)
    }

    fn combine(self, other: Self, operator: Step) -> Self {
        match (self, other) {
            (Self::Always, constraint) | (constraint, Self::Always) => constraint,
            (Self::Invalid(reason), _) | (_, Self::Invalid(reason)) => Self::Invalid(reason),
            (Self::Expression(mut left), Self::Expression(right)) => {
                left.steps.extend(right.steps);
                left.steps.push(operator);
                Self::Expression(left)
            }
        }
    }
}

/// As a `//go:build` line has it, without spaces; nothing for no constraint. What is shown means the same when it is
/// parsed again, unless it is invalid, or is made of several lines and too large for one.
impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => Ok(()),
            Self::Expression(expression) => fmt::Display::fmt(expression, f),
            Self::Invalid(reason) => f.write_str(reason),
        }
    }
}

/// A condition over tags, in postfix order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Tag(Box<str>),
    /// A tag beyond the Latin letters. Whether Go takes it for one depends on its version of Unicode.
    DoubtfulTag(Box<str>),
    Never,
    Not,
    And,
    Or,
}

impl Step {
    fn tag(name: &str) -> Self {
        let is_certain = name.chars().all(|character| character.is_ascii() || is_latin_letter(character));
        if is_certain { Self::Tag(name.into()) } else { Self::DoubtfulTag(name.into()) }
    }
}

impl Expression {
    /// The value of the expression, given what is known of each tag.
    pub fn eval(&self, tag: &dyn Fn(&str) -> Tri) -> Tri {
        if let [Step::Tag(name)] = &self.steps[..] {
            return tag(name);
        }
        let mut values = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let value = match step {
                Step::Tag(name) => tag(name),
                Step::DoubtfulTag(_) => Tri::Unknown,
                Step::Never => Tri::False,
                Step::Not => !pop(&mut values),
                Step::And => pop(&mut values).and(pop(&mut values)),
                Step::Or => pop(&mut values).or(pop(&mut values)),
            };
            values.push(value);
        }
        pop(&mut values)
    }

    fn tag(name: &str) -> Self {
        Self { steps: vec![Step::tag(name)] }
    }

    fn join(operands: Vec<Self>, operator: &Step) -> Self {
        let mut steps = Vec::new();
        for (index, operand) in operands.into_iter().enumerate() {
            steps.extend(operand.steps);
            if index > 0 {
                steps.push(operator.clone());
            }
        }
        Self { steps }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut operands: Vec<(String, Binding)> = Vec::new();
        for step in &self.steps {
            let operand = match step {
                Step::Tag(name) | Step::DoubtfulTag(name) => (name.to_string(), Binding::Tight),
                Step::Never => ("ignore&&!ignore".to_owned(), Binding::And),
                Step::Not => (format!("!{}", operand_within(&mut operands, Binding::Tight)), Binding::Not),
                Step::And | Step::Or => {
                    let (binding, sign) = if *step == Step::And { (Binding::And, "&&") } else { (Binding::Or, "||") };
                    let right = operand_within(&mut operands, binding);
                    let left = operand_within(&mut operands, binding);
                    (left + sign + &right, binding)
                }
            };
            operands.push(operand);
        }
        f.write_str(&operand_within(&mut operands, Binding::Or))
    }
}

/// How tightly an expression holds together, loosest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Or,
    And,
    /// Go takes no `!!`.
    Not,
    Tight,
}

/// The last operand, in parentheses if it would fall apart.
fn operand_within(operands: &mut Vec<(String, Binding)>, around: Binding) -> String {
    match operands.pop() {
        Some((text, binding)) if binding < around => format!("({text})"),
        Some((text, _)) => text,
        None => String::new(),
    }
}

fn pop(values: &mut Vec<Tri>) -> Tri {
    values.pop().unwrap_or_default()
}

/// A term of a `// +build` line; one that is no tag counts as the tag `ignore`.
fn legacy_literal(text: &str) -> Expression {
    if text.starts_with("!!") || text == "!" {
        return Expression::tag("ignore");
    }
    let name = text.strip_prefix('!').unwrap_or(text);
    let valid = !name.is_empty() && name.chars().all(is_tag_character);
    let mut expression = Expression::tag(if valid { name } else { "ignore" });
    if name.len() < text.len() {
        expression.steps.push(Step::Not);
    }
    expression
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Open,
    Not,
    And,
    Or,
}

#[derive(Clone, Copy)]
enum Word<'a> {
    /// A tag, or what may be one.
    Tag(&'a str),
    Operator(Operator),
    Close,
    End,
}

/// Precedence climbing with an explicit stack; the grammar and the limits are those of `go/build/constraint`.
struct GoBuildParser<'a> {
    rest: &'a str,
    steps: Vec<Step>,
    pending: Vec<Operator>,
    size: usize,
}

impl<'a> GoBuildParser<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text, steps: Vec::new(), pending: Vec::new(), size: 0 }
    }

    fn parse(mut self) -> Result<Expression, String> {
        loop {
            self.operand()?;
            loop {
                match self.word()? {
                    Word::Operator(operator @ (Operator::And | Operator::Or)) => {
                        self.reduce(operator);
                        self.pending.push(operator);
                        break;
                    }
                    Word::Close => self.close()?,
                    Word::End => return self.finish(),
                    word => return Err(unexpected(word)),
                }
            }
        }
    }

    /// Reads up to and including the next tag.
    fn operand(&mut self) -> Result<(), String> {
        loop {
            match self.word()? {
                Word::Tag(name) => {
                    self.grow()?;
                    self.steps.push(Step::tag(name));
                    self.negate();
                    return Ok(());
                }
                Word::Operator(Operator::Open) => {
                    self.grow()?;
                    self.pending.push(Operator::Open);
                }
                Word::Operator(Operator::Not) if self.pending.last() == Some(&Operator::Not) => {
                    return Err("double negation not allowed".into());
                }
                Word::Operator(Operator::Not) => self.pending.push(Operator::Not),
                Word::End if self.pending.contains(&Operator::Open) => return Err("missing close paren".into()),
                word => return Err(unexpected(word)),
            }
        }
    }

    fn grow(&mut self) -> Result<(), String> {
        self.size += 1;
        if self.size > MAX_SIZE { Err("build expression too large".into()) } else { Ok(()) }
    }

    /// Applies the `!` right before a complete atom.
    fn negate(&mut self) {
        if self.pending.last() == Some(&Operator::Not) {
            self.pending.pop();
            self.steps.push(Step::Not);
        }
    }

    /// Applies the pending operators that bind at least as tightly as the next one.
    fn reduce(&mut self, next: Operator) {
        loop {
            let step = match self.pending.last() {
                Some(Operator::And) => Step::And,
                Some(Operator::Or) if next == Operator::Or => Step::Or,
                _ => return,
            };
            self.pending.pop();
            self.steps.push(step);
        }
    }

    fn close(&mut self) -> Result<(), String> {
        self.reduce(Operator::Or);
        if self.pending.pop() != Some(Operator::Open) {
            return Err(unexpected(Word::Close));
        }
        self.negate();
        Ok(())
    }

    fn finish(mut self) -> Result<Expression, String> {
        self.reduce(Operator::Or);
        if self.pending.is_empty() { Ok(Expression { steps: self.steps }) } else { Err("missing close paren".into()) }
    }

    fn word(&mut self) -> Result<Word<'a>, String> {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        let operators = [
            ("(", Word::Operator(Operator::Open)),
            (")", Word::Close),
            ("!", Word::Operator(Operator::Not)),
            ("&&", Word::Operator(Operator::And)),
            ("||", Word::Operator(Operator::Or)),
        ];
        for (text, word) in operators {
            if let Some(rest) = self.rest.strip_prefix(text) {
                self.rest = rest;
                return Ok(word);
            }
        }
        let end = self.rest.find(|c| !is_tag_character(c)).unwrap_or(self.rest.len());
        let (tag, rest) = self.rest.split_at(end);
        self.rest = rest;
        match rest.chars().next() {
            _ if !tag.is_empty() => Ok(Word::Tag(tag)),
            Some(c) => Err(format!("invalid syntax at {c:?}")),
            None => Ok(Word::End),
        }
    }
}

fn is_tag_character(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '.')
}

/// A letter of Latin-1 or Latin Extended: to every version of Unicode that Go has had.
fn is_latin_letter(character: char) -> bool {
    matches!(character, '\u{c0}'..='\u{24f}') && character.is_alphabetic()
}

fn unexpected(word: Word<'_>) -> String {
    let text = match word {
        Word::Tag(name) => name,
        Word::Operator(Operator::Open) => "(",
        Word::Operator(Operator::Not) => "!",
        Word::Operator(Operator::And) => "&&",
        Word::Operator(Operator::Or) => "||",
        Word::Close => ")",
        Word::End => return "unexpected end of expression".into(),
    };
    format!("unexpected token {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tags that begin with `t` hold, those that begin with `u` are unknown.
    fn tag(name: &str) -> Tri {
        match name.chars().next() {
            Some('t') => Tri::True,
            Some('u') => Tri::Unknown,
            _ => Tri::False,
        }
    }

    #[track_caller]
    fn check(text: &str, expected: Tri) {
        let constraint = Constraint::parse_go_build(text);
        assert!(matches!(constraint, Constraint::Expression(_)), "{text}: {constraint:?}");
        assert_eq!(constraint.eval(&tag), expected, "{text}");
    }

    #[test]
    fn an_expression_is_shown_as_it_could_be_written() {
        for (text, expected) in [
            ("a && ( b || !c )", "a&&(b||!c)"),
            ("(a && b) || c", "a&&b||c"),
            ("!(a || b) && (c && d)", "!(a||b)&&c&&d"),
            ("!( a )", "!a"),
            ("!(!a)", "!(!a)"),
            ("!(!(!(a))) && b", "!(!(!a))&&b"),
            ("größe || !b", "größe||!b"),
        ] {
            let shown = Constraint::parse_go_build(text).to_string();
            assert_eq!(shown, expected);
            assert_eq!(Constraint::parse_go_build(&shown).to_string(), expected);
        }
        let never = Constraint::parse_go_build(&Constraint::never().to_string());
        assert_eq!(never.eval(&|_| Tri::True), Tri::False);
    }

    #[test]
    fn expressions_follow_precedence_and_parentheses() {
        check("t", Tri::True);
        check("f", Tri::False);
        check("!f", Tri::True);
        check("! ( f )", Tri::True);
        check("t || f && f", Tri::True);
        check("(t || f) && f", Tri::False);
        check("f && f || t", Tri::True);
        check("!f && !f", Tri::True);
        check("!(t && !(f || t))", Tri::True);
        check("f || f || t", Tri::True);
        check("t&&t&&\tf", Tri::False);
        check("((((t))))", Tri::True);
        check("go1.21 || 386 || _x || t.v1", Tri::True);
    }

    #[test]
    fn unknown_tags_follow_kleene() {
        check("u", Tri::Unknown);
        check("!u", Tri::Unknown);
        check("u && f", Tri::False);
        check("u || t", Tri::True);
        check("u || f", Tri::Unknown);
        check("u && !u", Tri::Unknown);
        check("größe", Tri::False);
        check("größ\u{a7cd}", Tri::Unknown);
        check("f && größ\u{a7cd}", Tri::False);
    }

    #[track_caller]
    fn check_invalid(text: &str, expected: &str) {
        assert_eq!(Constraint::parse_go_build(text), Constraint::Invalid(expected.into()), "{text}");
    }

    #[test]
    fn what_go_rejects_is_invalid_and_unknown() {
        check_invalid("", "unexpected end of expression");
        check_invalid("((", "missing close paren");
        check_invalid("(a", "missing close paren");
        check_invalid("a)", "unexpected token )");
        check_invalid("()", "unexpected token )");
        check_invalid("!!a", "double negation not allowed");
        check_invalid("a b", "unexpected token b");
        check_invalid("windows // c", "invalid syntax at '/'");
        check_invalid("a & b", "invalid syntax at '&'");
        check_invalid("a,b", "invalid syntax at ','");
        check_invalid("a &&", "unexpected end of expression");
        check_invalid("a !b", "unexpected token !");
        check_invalid("\u{a0}a", "invalid syntax at '\\u{a0}'");
        assert_eq!(Constraint::parse_go_build("((").eval(&tag), Tri::Unknown);
    }

    #[test]
    fn size_is_limited_as_in_go() {
        let nested = |depth: usize| format!("{}t{}", "(".repeat(depth), ")".repeat(depth));
        check(&nested(999), Tri::True);
        check_invalid(&nested(1000), "build expression too large");
        check_invalid(&"(".repeat(1_000_000), "build expression too large");
        check(&vec!["f"; 1000].join("||"), Tri::False);
        check_invalid(&vec!["f"; 1001].join("||"), "build expression too large");
    }

    #[track_caller]
    fn check_legacy(text: &str, expected: Tri) {
        assert_eq!(Constraint::parse_plus_build(text).unwrap().eval(&tag), expected, "{text}");
    }

    #[test]
    fn legacy_lines_read_space_as_or_and_comma_as_and() {
        check_legacy("f t", Tri::True);
        check_legacy("t,f", Tri::False);
        check_legacy("t,!f f", Tri::True);
        check_legacy("!u", Tri::Unknown);
        check_legacy("", Tri::False);
        check_legacy("t,", Tri::False);
        check_legacy("!", Tri::False);
        check_legacy("!!t", Tri::False);
        check_legacy("!t-x", Tri::True);
        check_legacy("tür", Tri::True);
        check_legacy("größ\u{a7cd}", Tri::Unknown);
        check_legacy("größe-x", Tri::False);
        check_legacy("größe t", Tri::True);
        assert_eq!(Constraint::parse_plus_build(&"t ".repeat(102)), None);
        check_legacy(&"t ".repeat(101), Tri::True);
    }

    #[test]
    fn lines_are_joined() {
        let line = |text: &str| Constraint::parse_go_build(text);
        assert_eq!(line("t").and(line("f")).eval(&tag), Tri::False);
        assert_eq!(line("t").or(line("f")).eval(&tag), Tri::True);
        assert_eq!(Constraint::Always.and(line("f")).eval(&tag), Tri::False);
        assert_eq!(line("f").and(line("((")).eval(&tag), Tri::Unknown);
        assert_eq!(Constraint::never().eval(&tag), Tri::False);
    }
}
