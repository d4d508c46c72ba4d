//! Turns words of a Dockerfile and shell scripts into words with quotes removed and known variables put in.
//!
//! It never runs or fully understands a script: where in doubt it yields more commands and words than the shell would
//! run. Every expansion draws on one budget, and nesting has a limit, so that no text takes more than linear work.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::str::Chars;
use std::sync::Arc;

use super::parse::is_posix_shell;
use super::{Certainty, Nesting, RunWords, Word};

/// How deep scripts in words and substitutions, and defaults in `${…}`, are looked into.
const MAX_DEPTH: usize = 4;
/// How many bytes of values one Dockerfile may put in; what comes later counts as unknown.
const EXPANSION_BUDGET: usize = 4 << 20;
/// The longest value that is remembered; longer ones count as unknown.
const MAX_VALUE: usize = 4096;
/// How many variables a stage may have; more are not remembered, so they are unknown.
const MAX_VARIABLES: usize = 1000;
/// The longest folder that `cd` is followed to.
const MAX_DIRECTORY: usize = 256;

/// The variables of a stage whose values are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    known: BTreeMap<String, Value>,
    /// Variables of the `go` command that are set to something that is not known.
    unknown: BTreeSet<String>,
}

/// What is known of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Its value.
    pub text: Arc<str>,
    /// How far that can be trusted.
    pub certainty: Certainty,
    /// `ENV` wins over `ARG`, wherever they stand.
    pub is_env: bool,
}

impl Variables {
    /// What is known of a variable; `None` if nothing is, or if it is not set.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.known.get(name)
    }

    /// Whether a variable of the `go` command is set to something that is not known.
    pub fn is_unknown(&self, name: &str) -> bool {
        self.unknown.contains(name)
    }

    /// The variables whose values are known.
    pub(super) fn known(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.known.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The variables of the `go` command that are set to something that is not known.
    pub(super) fn unknown(&self) -> impl Iterator<Item = &str> {
        self.unknown.iter().map(String::as_str)
    }

    /// Only the variables that the `go` command reads.
    pub(super) fn of_go(&self) -> Self {
        let known = self.known.iter().filter(|(name, _)| is_go_variable(name));
        Self {
            known: known.map(|(name, value)| (name.clone(), value.clone())).collect(),
            unknown: self.unknown.clone(),
        }
    }

    /// Remembers what a word said a variable is, which may be that it is unknown.
    pub(super) fn set(&mut self, name: &str, word: &Word, is_env: bool) {
        // Of the folders of PATH those count that are known.
        let is_unknown = word.certainty == Certainty::Unknown && name != "PATH";
        if is_unknown || word.text.len() > MAX_VALUE {
            self.forget(name);
        } else if self.known.len() < MAX_VARIABLES || self.known.contains_key(name) {
            let value = Value { text: Arc::from(word.text.as_str()), certainty: word.certainty, is_env };
            self.known.insert(name.to_owned(), value);
            self.unknown.remove(name);
        }
    }

    pub(super) fn forget(&mut self, name: &str) {
        self.known.remove(name);
        if is_go_variable(name) {
            self.unknown.insert(name.to_owned());
        }
    }
}

/// Whether the `go` command, or what it starts, reads a variable (`go help environment`).
pub(super) fn is_go_variable(name: &str) -> bool {
    const OTHERS: [&str; 8] = ["PATH", "CC", "CXX", "AR", "FC", "PKG_CONFIG", "HOME", "GCCGO"];
    (name.starts_with("GO") || name.starts_with("CGO_")) && name.len() <= 24 || OTHERS.contains(&name)
}

/// How much may still be put in, for one Dockerfile.
#[derive(Debug)]
pub(super) struct Budget(Cell<usize>);

impl Budget {
    pub(super) fn new() -> Self {
        Self(Cell::new(EXPANSION_BUDGET))
    }

    fn take(&self, bytes: usize) -> bool {
        let left = self.0.get().checked_sub(bytes);
        self.0.set(left.unwrap_or(0));
        left.is_some()
    }
}

/// Expands a word of an instruction other than `RUN`, as `BuildKit` does.
pub(super) fn expand(text: &str, variables: &Variables, escape: char, budget: &Budget) -> Word {
    let scope = Scope { variables, local: BTreeMap::new(), budget };
    scope.expand(text, escape, 0)
}

/// Splits the arguments of `ENV` and `ARG` at white space outside quotes. Quotes and escapes stay.
pub(super) fn split_raw(text: &str, escape: char) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = None;
    let mut quote = None;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        if quote.is_none() && character.is_whitespace() {
            words.extend(start.take().and_then(|start| text.get(start..at)));
            continue;
        }
        start.get_or_insert(at);
        match quote {
            _ if character == escape && quote != Some('\'') => {
                characters.next();
            }
            None if character == '"' || character == '\'' => quote = Some(character),
            Some(open) if open == character => quote = None,
            _ => {}
        }
    }
    words.extend(start.and_then(|start| text.get(start..)));
    words
}

/// The commands of a shell script, of the scripts in its words, and of its substitutions.
pub(super) fn split_script(
    script: &str,
    nesting: Nesting,
    line: usize,
    variables: &Variables,
    budget: &Budget,
) -> Vec<RunWords> {
    split_scripts(
        vec![Nested { script: script.to_owned(), directory: Arc::from(""), depth: 0, nesting }],
        line,
        variables,
        budget,
    )
}

/// The command of an exec form, whose words are taken as they are, and the scripts in its words.
pub(super) fn exec_form(words: Vec<String>, line: usize, variables: &Variables, budget: &Budget) -> Vec<RunWords> {
    let directory: Arc<str> = Arc::from("");
    let scripts = words.iter().filter(|word| word.contains(char::is_whitespace));
    let is_script = words.first().is_some_and(|program| is_posix_shell(program));
    let nesting = if is_script { Nesting::Plain } else { Nesting::Guess };
    let scripts =
        scripts.map(|word| Nested { script: word.clone(), directory: Arc::clone(&directory), depth: 1, nesting });
    let nested = split_scripts(scripts.collect(), line, variables, budget);
    let words = words.into_iter().map(|text| Word { text, certainty: Certainty::Certain, is_redirect: false });
    let words = words.collect();
    let mut commands = vec![RunWords {
        line,
        directory,
        words,
        nesting: Nesting::Plain,
        is_conditional: false,
        is_piped: false,
        is_label: false,
    }];
    commands.extend(nested);
    commands
}

/// A script inside a word, to be split later: a list instead of recursion.
struct Nested {
    script: String,
    directory: Arc<str>,
    depth: usize,
    nesting: Nesting,
}

fn split_scripts(mut pending: Vec<Nested>, line: usize, variables: &Variables, budget: &Budget) -> Vec<RunWords> {
    let mut commands = Vec::new();
    pending.reverse();
    while let Some(next) = pending.pop() {
        let mut shell = Shell {
            scope: Scope { variables, local: BTreeMap::new(), budget },
            line,
            depth: next.depth,
            nesting: next.nesting,
            is_conditional: false,
            control: 0,
            rest: next.script.chars(),
            word: None,
            redirects: false,
            words: Vec::new(),
            commands: &mut commands,
            directory: next.directory,
            outer: Vec::new(),
            nested: Vec::new(),
        };
        shell.split();
        let nested = shell.nested;
        pending.extend(nested.into_iter().rev());
    }
    commands
}

/// Where a variable is looked up: what the script assigned first, then the stage.
struct Scope<'a> {
    variables: &'a Variables,
    local: BTreeMap<String, Option<Value>>,
    budget: &'a Budget,
}

impl Scope<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        let value = match self.local.get(name) {
            Some(local) => local.as_ref(),
            None => self.variables.get(name),
        };
        value.filter(|value| self.budget.take(value.text.len()))
    }

    fn expand(&self, text: &str, escape: char, depth: usize) -> Word {
        let mut word = Word::default();
        let mut rest = text.chars();
        let mut in_quotes = false;
        while let Some(character) = rest.next() {
            match character {
                '"' => in_quotes = !in_quotes,
                '\'' if !in_quotes => push_until(&mut rest, '\'', &mut word.text),
                '$' => self.dollar(&mut rest, &mut word, escape, depth),
                _ if character == escape => match rest.next() {
                    Some(next) if in_quotes && next != '"' && next != '$' && next != escape => {
                        word.text.extend([escape, next]);
                    }
                    next => word.text.extend(next),
                },
                _ => word.text.push(character),
            }
        }
        word
    }

    /// Reads a variable, after its `$`.
    fn dollar(&self, rest: &mut Chars<'_>, word: &mut Word, escape: char, depth: usize) {
        match rest.clone().next() {
            Some('{') => {
                rest.next();
                let inner = braced(rest);
                self.braces(inner, word, escape, depth);
            }
            Some(first) if first == '_' || first.is_ascii_alphabetic() => {
                let name = take_name(rest);
                self.put(name, word);
            }
            Some(special) if special.is_ascii_digit() || "@*#?$!-".contains(special) => {
                rest.next();
                word.push_unknown(special.encode_utf8(&mut [0; 4]));
            }
            _ => word.text.push('$'),
        }
    }

    fn put(&self, name: &str, word: &mut Word) {
        match self.get(name) {
            Some(value) => {
                word.text.push_str(&value.text);
                word.certainty = word.certainty.max(value.certainty);
            }
            None => word.push_unknown(name),
        }
    }

    /// `${NAME}`, `${NAME:-default}` and the like, between the braces.
    fn braces(&self, inner: &str, word: &mut Word, escape: char, depth: usize) {
        let mut rest = inner.chars();
        let name = take_name(&mut rest);
        let operator = rest.as_str();
        let (is_strict, operator) = operator.strip_prefix(':').map_or((false, operator), |operator| (true, operator));
        let value = self.get(name).filter(|value| !(is_strict && value.text.is_empty()));
        match (operator.chars().next(), value) {
            (Some('-'), None) | (Some('+'), Some(_)) if depth < MAX_DEPTH => {
                let other = self.expand(operator.get(1..).unwrap_or_default(), escape, depth + 1);
                word.text.push_str(&other.text);
                // Whether this text is taken depends on a variable that may be given from outside.
                word.certainty = word.certainty.max(other.certainty).max(Certainty::Default);
            }
            (None | Some('-' | '?'), Some(_)) if !name.is_empty() => self.put(name, word),
            _ => word.push_unknown(name),
        }
    }
}

/// The reader of one script.
struct Shell<'a> {
    scope: Scope<'a>,
    line: usize,
    depth: usize,
    nesting: Nesting,
    /// Whether a `||` stands before the next command.
    is_conditional: bool,
    /// How many `if`, `for` and the like are open.
    control: usize,
    rest: Chars<'a>,
    word: Option<Word>,
    /// Whether the next word is where output goes or input comes from.
    redirects: bool,
    words: Vec<Word>,
    commands: &'a mut Vec<RunWords>,
    /// Where `cd` has led, relative to where the script started.
    directory: Arc<str>,
    /// The same for the shells around this subshell.
    outer: Vec<Arc<str>>,
    nested: Vec<Nested>,
}

impl Shell<'_> {
    fn split(&mut self) {
        while let Some(character) = self.rest.next() {
            match character {
                '\\' => self.escaped(),
                '\'' => push_until(&mut self.rest, '\'', &mut self.word.get_or_insert_default().text),
                '"' => self.quoted(),
                '$' => self.dollar(),
                '`' => {
                    let mut script = String::new();
                    push_until(&mut self.rest, '`', &mut script);
                    self.substitution(script);
                }
                '#' if self.word.is_none() => self.comment(),
                '<' | '>' => self.redirect(),
                '|' if self.rest.as_str().starts_with('|') => {
                    self.rest.next();
                    self.end_command();
                    self.is_conditional = true;
                }
                '|' => {
                    let before = self.commands.len();
                    self.end_command();
                    match self.commands.get_mut(before) {
                        Some(command) => command.is_piped = true,
                        None => self.pipe_of_group(),
                    }
                }
                '\n' | ';' | '&' => self.end_command(),
                '(' => {
                    self.end_command();
                    self.outer.push(Arc::clone(&self.directory));
                }
                ')' => match self.outer.pop() {
                    Some(directory) => {
                        self.end_command();
                        self.directory = directory;
                    }
                    None => self.end_label(),
                },
                _ if character.is_whitespace() => self.end_word(),
                _ => self.word.get_or_insert_default().text.push(character),
            }
        }
        self.end_command();
    }

    fn comment(&mut self) {
        while self.rest.next().is_some_and(|skipped| skipped != '\n') {}
        self.end_command();
    }

    fn escaped(&mut self) {
        match self.rest.next() {
            Some('\n') | None => {}
            Some('\r') if self.rest.as_str().starts_with('\n') => {
                self.rest.next();
            }
            Some(character) => self.word.get_or_insert_default().text.push(character),
        }
    }

    fn quoted(&mut self) {
        self.word.get_or_insert_default();
        while let Some(character) = self.rest.next() {
            match character {
                '"' => return,
                '\\' => self.escaped_in_quotes(),
                '$' => self.dollar(),
                '`' => {
                    let mut script = String::new();
                    push_until(&mut self.rest, '`', &mut script);
                    self.substitution(script);
                }
                _ => self.word.get_or_insert_default().text.push(character),
            }
        }
    }

    fn escaped_in_quotes(&mut self) {
        let text = &mut self.word.get_or_insert_default().text;
        match self.rest.next() {
            Some('\n') | None => {}
            Some(character @ ('"' | '$' | '\\' | '`')) => text.push(character),
            Some(character) => text.extend(['\\', character]),
        }
    }

    fn dollar(&mut self) {
        if self.rest.as_str().starts_with('(') {
            self.rest.next();
            let script = parenthesized(&mut self.rest).to_owned();
            self.substitution(script);
        } else {
            self.scope.dollar(&mut self.rest, self.word.get_or_insert_default(), '\\', self.depth);
        }
    }

    /// A command whose output becomes part of the word: unknown, but its words are of interest.
    fn substitution(&mut self, script: String) {
        self.word.get_or_insert_default().push_unknown("");
        self.nest(script, Nesting::Substitution);
    }

    fn nest(&mut self, script: String, nesting: Nesting) {
        if self.depth < MAX_DEPTH {
            // In the text of a here-document substitutions are carried out, too.
            let is_carried_out = nesting == Nesting::Substitution && self.depth == 0;
            let nesting = if is_carried_out { nesting } else { nesting.max(self.nesting) };
            let directory = Arc::clone(&self.directory);
            self.nested.push(Nested { script, directory, depth: self.depth + 1, nesting });
        }
    }

    fn redirect(&mut self) {
        // The number in `2>file` is not a word.
        self.word.take_if(|word| word.text.bytes().all(|byte| byte.is_ascii_digit()));
        self.end_word();
        let operator = self.rest.as_str();
        while self.rest.as_str().starts_with(['<', '>', '&', '|']) {
            self.rest.next();
        }
        // A here-document is cut down to its `<<`: no word follows that belongs to it.
        let is_document =
            operator.strip_prefix('<').is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
        self.redirects = !is_document;
    }

    fn end_word(&mut self) {
        let Some(mut word) = self.word.take() else { return };
        word.is_redirect = std::mem::take(&mut self.redirects);
        if word.text.contains(char::is_whitespace) {
            let nesting = if is_script_of_shell(&self.words) { Nesting::Plain } else { Nesting::Guess };
            self.nest(word.text.clone(), nesting);
        }
        self.words.push(word);
    }

    /// What `{ …; }` or `( … )` prints goes to a pipe, so what any command before it prints may.
    fn pipe_of_group(&mut self) {
        for command in self.commands.iter_mut().rev().take_while(|command| !command.is_piped) {
            command.is_piped = true;
        }
    }

    /// The words before the `)` of a `case`.
    fn end_label(&mut self) {
        let before = self.commands.len();
        self.end_command();
        if let Some(command) = self.commands.get_mut(before) {
            command.is_label = true;
            for other in self.commands.iter_mut().take(before).rev().take_while(|command| command.is_piped) {
                other.is_label = true;
            }
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        self.redirects = false;
        let words = std::mem::take(&mut self.words);
        let Some(first) = words.first() else { return };
        let is_start = matches!(first.text.as_str(), "if" | "while" | "until" | "for" | "case" | "select");
        self.control += usize::from(is_start);
        let lead = words.iter().take_while(|word| is_keyword(&word.text)).count();
        let rest = words.get(lead..).unwrap_or_default();
        let is_certain = self.control == 0 && !self.is_conditional;
        match rest.first().map(|word| word.text.as_str()) {
            Some("cd" | "pushd") => {
                let target = rest.iter().skip(1).find(|word| !word.text.starts_with('-'));
                self.change_directory(target.filter(|_| is_certain));
            }
            Some("popd") => self.change_directory(None),
            Some("for" | "read" | "select" | "mapfile" | "getopts") => {
                for name in rest.iter().skip(1).filter(|word| !word.text.starts_with('-')) {
                    self.scope.local.insert(name.text.clone(), None);
                }
            }
            _ => self.assign(rest, is_certain && self.outer.is_empty()),
        }
        if matches!(first.text.as_str(), "fi" | "done" | "esac") {
            self.control = self.control.saturating_sub(1);
        }
        let is_conditional = std::mem::take(&mut self.is_conditional) || !self.outer.is_empty();
        self.commands.push(RunWords {
            line: self.line,
            directory: Arc::clone(&self.directory),
            words,
            nesting: self.nesting,
            is_conditional,
            is_piped: false,
            is_label: false,
        });
    }

    /// Remembers what assignments say, if they are carried out for sure and for the first time.
    fn assign(&mut self, words: &[Word], is_certain: bool) {
        let words = words.iter().skip_while(|word| matches!(word.text.as_str(), "export" | "local" | "readonly"));
        let assignments = words.map_while(|word| Some((word, assignment(&word.text)?)));
        for (word, (name, text)) in assignments {
            // Whether the assignment is reached is unknown, so its value is a guess.
            let value = Value { text: Arc::from(text), certainty: Certainty::Default, is_env: false };
            let is_first = !self.scope.local.contains_key(name) && self.scope.variables.get(name).is_none();
            let is_known = is_certain && is_first && word.certainty != Certainty::Unknown && text.len() <= MAX_VALUE;
            if self.scope.local.len() < MAX_VARIABLES || self.scope.local.contains_key(name) {
                self.scope.local.insert(name.to_owned(), is_known.then_some(value));
            }
        }
    }

    fn change_directory(&mut self, target: Option<&Word>) {
        let known = target.filter(|word| word.certainty != Certainty::Unknown && word.text != "-");
        let joined = known.map(|word| join_upward(&self.directory, &word.text));
        // Where nobody knows is written like a variable that is not known.
        let joined = joined.filter(|joined| joined.len() <= MAX_DIRECTORY).unwrap_or_else(|| "${}".to_owned());
        self.directory = Arc::from(joined);
    }
}

/// Whether a word of the shell may stand before a command.
pub(super) fn is_keyword(word: &str) -> bool {
    matches!(word, "if" | "then" | "elif" | "else" | "while" | "until" | "do" | "!" | "{" | "}" | "time")
}

/// Whether the next word of a command is a script for a shell: `sh -euc`, `eval`.
fn is_script_of_shell(words: &[Word]) -> bool {
    let is_shell = words.iter().any(|word| is_posix_shell(&word.text));
    let takes_script =
        |word: &Word| word.text.starts_with('-') && !word.text.starts_with("--") && word.text.ends_with('c');
    is_shell && words.last().is_some_and(takes_script) || words.iter().any(|word| word.text == "eval")
}

/// `NAME=value` as its parts.
pub(super) fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let is_name =
        |(at, byte): (usize, u8)| byte == b'_' || byte.is_ascii_alphabetic() || at > 0 && byte.is_ascii_digit();
    (!name.is_empty() && name.bytes().enumerate().all(is_name)).then_some((name, value))
}

/// Joins a path to a folder and cleans it; `..` never leads above the start. An absolute path replaces the folder.
pub(super) fn join(folder: &str, path: &str) -> String {
    let from = if path.starts_with('/') { "" } else { folder };
    let is_absolute = path.starts_with('/') || folder.starts_with('/');
    let mut elements: Vec<&str> = Vec::new();
    for element in from.split('/').chain(path.split('/')) {
        match element {
            "" | "." => {}
            ".." => {
                elements.pop();
            }
            _ => elements.push(element),
        }
    }
    let joined = elements.join("/");
    if is_absolute { format!("/{joined}") } else { joined }
}

/// The same, but the way up from where a relative folder starts is kept: it may lead somewhere.
fn join_upward(folder: &str, path: &str) -> String {
    let is_relative = !folder.starts_with('/') && !path.starts_with('/');
    let (mut ups, mut depth) = (0_usize, 0_usize);
    for element in folder.split('/').chain(path.split('/')).filter(|_| is_relative) {
        match element {
            "" | "." => {}
            ".." if depth == 0 => ups += 1,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    let below = join(folder, path);
    let up = "../".repeat(ups);
    if ups == 0 { below } else { format!("{up}{below}").trim_end_matches('/').to_owned() }
}

fn push_until(rest: &mut Chars<'_>, end: char, text: &mut String) {
    text.extend(rest.by_ref().take_while(|character| *character != end));
}

fn take_name<'a>(rest: &mut Chars<'a>) -> &'a str {
    let text = rest.as_str();
    let is_part = |character: char| character == '_' || character.is_ascii_alphanumeric();
    let end = text.find(|character| !is_part(character)).unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    *rest = after.chars();
    name
}

/// What lies before the `}` that closes a `${`; everything if nothing closes it.
fn braced<'a>(rest: &mut Chars<'a>) -> &'a str {
    let text = rest.as_str();
    let mut open = 0_usize;
    let mut before = '\0';
    while let Some(character) = rest.next() {
        match character {
            '\\' => {
                rest.next();
            }
            '{' if before == '$' => open += 1,
            '}' if open == 0 => return text.get(..text.len() - rest.as_str().len() - 1).unwrap_or_default(),
            '}' => open -= 1,
            _ => {}
        }
        before = character;
    }
    text
}

/// What lies before the `)` that closes a `$(`; everything if nothing closes it.
fn parenthesized<'a>(rest: &mut Chars<'a>) -> &'a str {
    let text = rest.as_str();
    let mut open = 0_usize;
    let mut quote = None;
    while let Some(character) = rest.next() {
        match (quote, character) {
            (None | Some('"'), '\\') => {
                rest.next();
            }
            (None, '"' | '\'') => quote = Some(character),
            (Some(begin), _) if begin == character => quote = None,
            (None, '(') => open += 1,
            (None, ')') if open == 0 => {
                return text.get(..text.len() - rest.as_str().len() - 1).unwrap_or_default();
            }
            (None, ')') => open -= 1,
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let mut variables = Variables::default();
        let certain = |text: &str| Word { text: text.to_owned(), ..Word::default() };
        variables.set("A", &certain("alpha"), true);
        variables.set("EMPTY", &certain(""), true);
        variables.set("FLAGS", &certain("-tags netgo"), true);
        variables.set("D", &Word { certainty: Certainty::Default, ..certain("dflt") }, false);
        variables
    }

    #[track_caller]
    fn check_expand(text: &str, expected: &str, certainty: Certainty) {
        let word = expand(text, &variables(), '\\', &Budget::new());
        assert_eq!((word.text.as_str(), word.certainty), (expected, certainty));
    }

    #[test]
    fn known_variables_are_put_in_and_unknown_ones_stay_visible() {
        check_expand("a/$A/${A}x", "a/alpha/alphax", Certainty::Certain);
        check_expand("$D", "dflt", Certainty::Default);
        check_expand("x/$NO-y", "x/${NO}-y", Certainty::Unknown);
        check_expand("${A:-no}${EMPTY:-${D}}", "alphadflt", Certainty::Default);
        check_expand("${NO:-yes}", "yes", Certainty::Default);
        check_expand("${A:+yes}", "yes", Certainty::Default);
        check_expand("${NO:+yes}", "${NO}", Certainty::Unknown);
        check_expand("${A#al}", "${A}", Certainty::Unknown);
        check_expand("${A", "alpha", Certainty::Certain);
        check_expand("$(ls)$", "$(ls)$", Certainty::Certain);
    }

    #[test]
    fn quotes_and_escapes_go() {
        check_expand(r#""a b"'$A'\$A"\n\"""#, r#"a b$A$A\n""#, Certainty::Certain);
        check_expand("it's", "its", Certainty::Certain);
    }

    #[track_caller]
    fn check_script(script: &str, expected: &[&str]) {
        let commands = split_script(script, Nesting::Plain, 1, &variables(), &Budget::new());
        let commands: Vec<String> = commands.iter().map(shown).collect();
        assert_eq!(commands, expected);
    }

    fn shown(command: &RunWords) -> String {
        let words =
            command.words.iter().map(|word| format!("{}{}", if word.is_redirect { ">" } else { "" }, word.text));
        let words = words.collect::<Vec<_>>().join("|");
        if command.directory.is_empty() { words } else { format!("{}: {words}", command.directory) }
    }

    #[test]
    fn scripts_become_commands_of_words() {
        check_script("set -e; go build -o /x ./a && echo 'a'b\"c\"", &["set|-e", "go|build|-o|/x|./a", "echo|abc"]);
        check_script("a \\\n b # not this\nc", &["a|b", "c"]);
        check_script("a >x 2>&1 <in b", &["a|>x|>1|>in|b"]);
        check_script("cat << > /x", &["cat|>/x"]);
        check_script("X=1 go build ./$X ./$A", &["X=1|go|build|./${X}|./alpha"]);
        check_script("X=1; go build ./$X", &["X=1", "go|build|./1"]);
        check_script("for s in a b; do go build ./$s; done", &["for|s|in|a|b", "do|go|build|./${s}", "done"]);
    }

    #[test]
    fn scripts_in_words_and_substitutions_are_split_too() {
        check_script("sh -c 'go build ./a; b'", &["sh|-c|go build ./a; b", "go|build|./a", "b"]);
        check_script("go build $FLAGS .", &["go|build|-tags netgo|.", "-tags|netgo"]);
        check_script("X=$(sh v.sh) `./y`", &["X=${}|${}", "sh|v.sh", "./y"]);
        check_script("echo \"$(cat f)\"", &["echo|${}", "cat|f"]);
    }

    #[test]
    fn directories_are_followed_and_left_with_their_subshell() {
        check_script("cd a && x && (cd b; y) && z", &["a: cd|a", "a: x", "a/b: cd|b", "a/b: y", "a: z"]);
        check_script(
            "cd a; cd ../..; x; cd /r; cd s; y",
            &["a: cd|a", "..: cd|../..", "..: x", "/r: cd|/r", "/r/s: cd|s", "/r/s: y"],
        );
    }

    #[test]
    fn hostile_nesting_takes_linear_time() {
        for text in ["${", "${a:-", "$(", "`", "(", "cd a;", "sh -c '", "$A", "\"$("] {
            let script = text.repeat(100_000);
            split_script(&script, Nesting::Plain, 1, &variables(), &Budget::new());
            expand(&script, &variables(), '\\', &Budget::new());
        }
    }

    #[test]
    fn raw_words_keep_quotes() {
        assert_eq!(split_raw("a=\"b c\" d='e  f' g\\ h", '\\'), ["a=\"b c\"", "d='e  f'", "g\\ h"]);
    }
}
