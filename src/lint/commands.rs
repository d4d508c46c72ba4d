//! Turns the commands of a `RUN` into what the rules ask of them: `go` commands with flags and settings, and the
//! programs that run. It knows nothing of Dockerfiles beyond their commands.

use crate::docker::{Certainty, Instruction, Nesting, Run, RunWords, Word, takes_value};

/// Words that may stand before a command and change nothing about which one it is.
const BEFORE_COMMANDS: [&str; 15] =
    ["env", "time", "exec", "sudo", "nice", "command", "if", "then", "else", "elif", "do", "while", "!", "{", "("];

/// A `go` command as it is typed.
#[derive(Clone, Debug)]
pub(super) struct GoCommand<'a> {
    /// `build`, `mod`, …
    pub(super) verb: &'a str,
    /// Where its `RUN` starts.
    pub(super) line: usize,
    /// Its place among the commands of the `RUN`.
    position: usize,
    run: &'a Run,
    /// Assignments before the command.
    assignments: Vec<(&'a str, &'a str, Certainty)>,
    /// The flags with their values, in order; those of `GOFLAGS` first.
    flags: Vec<Flag<'a>>,
    /// What is no flag: packages, or the words after `mod`.
    pub(super) arguments: Vec<&'a Word>,
    /// Whether there may be flags that are not known.
    pub(super) has_unknown_flags: bool,
    /// Whether a wrapper runs it that chooses the platform (`xx-go`).
    pub(super) is_wrapped: bool,
}

#[derive(Clone, Copy, Debug)]
struct Flag<'a> {
    name: &'a str,
    value: Option<&'a str>,
    certainty: Certainty,
}

/// What a variable of the `go` command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting<'a> {
    Unset,
    Known(&'a str),
    /// It is set, but to what is not known, or can be chosen by whoever builds.
    Unknown,
}

impl<'a> GoCommand<'a> {
    /// The `go` command that a command is, if it is one.
    fn read(run: &'a Run, position: usize) -> Option<Self> {
        let command = run.commands.get(position).filter(|command| is_run(command))?;
        let words = || command.words.iter().filter(|word| !word.is_redirect);
        let is_go = |word: &Word| matches!(program_name(&word.text), "go" | "xx-go");
        let at = words().position(is_go)?;
        let mut assignments = Vec::new();
        for word in words().take(at) {
            match assignment(&word.text) {
                Some((name, value)) => assignments.push((name, value, word.certainty)),
                None if word.text.starts_with('-') || BEFORE_COMMANDS.contains(&word.text.as_str()) => {}
                None => return None,
            }
        }
        let is_wrapped = words().nth(at).is_some_and(|word| program_name(&word.text) == "xx-go");
        let mut rest = words().skip(at + 1);
        let verb = rest.next()?.text.as_str();
        let line = command.line;
        let mut go = Self {
            verb,
            line,
            position,
            run,
            assignments,
            flags: Vec::new(),
            arguments: Vec::new(),
            has_unknown_flags: false,
            is_wrapped,
        };
        go.read_go_flags();
        go.read_words(rest);
        Some(go)
    }

    fn read_go_flags(&mut self) {
        let own = self.assignments.iter().rev().find(|(name, ..)| *name == "GOFLAGS");
        let (text, certainty) = match (own, self.run.variables.get("GOFLAGS")) {
            (Some((_, value, certainty)), _) => (*value, *certainty),
            (None, Some(value)) => (&*value.text, value.certainty),
            (None, None) => {
                self.has_unknown_flags |= self.run.variables.is_unknown("GOFLAGS");
                return;
            }
        };
        self.has_unknown_flags |= certainty != Certainty::Certain;
        self.flags.extend(text.split_whitespace().filter_map(|flag| split_flag(flag, certainty)));
    }

    fn read_words(&mut self, words: impl Iterator<Item = &'a Word>) {
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            let text = word.text.as_str();
            if text.starts_with("${") {
                self.has_unknown_flags = true;
                self.arguments.push(word);
                continue;
            }
            let is_one = text.split('=').next().is_some_and(|name| !name.contains(char::is_whitespace));
            if text.starts_with('-') && !is_one {
                // A variable that holds several flags.
                self.has_unknown_flags |= word.certainty != Certainty::Certain;
                self.flags.extend(text.split_whitespace().filter_map(|flag| split_flag(flag, word.certainty)));
                continue;
            }
            match split_flag(text, word.certainty) {
                None if !text.is_empty() => self.arguments.push(word),
                None => {}
                Some(mut flag) => {
                    if flag.value.is_none() && takes_value(flag.name) {
                        let value = words.next();
                        flag.value = value.map(|value| value.text.as_str());
                        flag.certainty = value.map_or(Certainty::Certain, |value| value.certainty);
                    }
                    self.flags.push(flag);
                }
            }
        }
    }

    /// What a flag says; `Known("true")` without a value. The last one counts.
    pub(super) fn flag(&self, name: &str) -> Setting<'a> {
        match self.flags.iter().rev().find(|flag| flag.name == name) {
            None if self.has_unknown_flags => Setting::Unknown,
            None => Setting::Unset,
            Some(flag) if flag.certainty != Certainty::Certain => Setting::Unknown,
            Some(flag) => Setting::Known(flag.value.unwrap_or("true")),
        }
    }

    /// Whether a flag that is true or false is certainly not set.
    pub(super) fn lacks(&self, name: &str) -> bool {
        matches!(self.flag(name), Setting::Unset | Setting::Known("false" | "0"))
    }

    /// The value of a flag as it is written, however sure that is.
    pub(super) fn flag_text(&self, name: &str) -> Option<&'a str> {
        self.flags.iter().rev().find(|flag| flag.name == name)?.value
    }

    /// What a variable of the environment is there: assigned to the command, exported before it, or of the stage.
    pub(super) fn variable(&self, name: &str) -> Setting<'a> {
        let known = |value: &'a str, certainty: Certainty| match certainty {
            Certainty::Certain => Setting::Known(value),
            _ => Setting::Unknown,
        };
        if let Some((_, value, certainty)) = self.assignments.iter().rev().find(|(assigned, ..)| *assigned == name) {
            return known(value, *certainty);
        }
        let mut earlier = self.run.commands.iter().take(self.position).rev();
        if let Some((value, certainty)) = earlier.find_map(|command| exported(command, name)) {
            return known(value, certainty);
        }
        match self.run.variables.get(name) {
            Some(value) => known(&value.text, value.certainty),
            None if self.run.variables.is_unknown(name) => Setting::Unknown,
            None => Setting::Unset,
        }
    }

    /// Whether it is `go mod VERB`.
    pub(super) fn is_mod(&self, verb: &str) -> bool {
        self.verb == "mod" && self.arguments.first().is_some_and(|word| word.text == verb)
    }

    /// Whether it makes a program of this repository that is kept.
    pub(super) fn makes_binary(&self) -> bool {
        let is_pattern = |word: &&Word| word.text.contains("...") || word.text == "std";
        let has_version = |word: &&Word| word.text.contains('@');
        match self.verb {
            // `go build` of several packages without `-o` throws the result away.
            "build" => match self.flag_text("o") {
                Some(output) => output != "/dev/null",
                None => self.arguments.len() < 2 && !self.arguments.iter().any(is_pattern),
            },
            "install" => !self.arguments.iter().any(has_version),
            _ => false,
        }
    }

    /// The name of what it writes, as far as the command says.
    pub(super) fn output(&self) -> Option<&'a str> {
        if let Some(output) = self.flag_text("o") {
            return Some(output);
        }
        let package = self.arguments.first()?.text.as_str();
        Some(program_name(package.trim_end_matches('/'))).filter(|name| !name.starts_with('.'))
    }

    /// Whether it may fetch modules.
    pub(super) fn may_download(&self) -> bool {
        matches!(self.verb, "mod" | "get" | "list" | "build" | "install" | "run" | "vet" | "test" | "generate")
    }
}

/// The `go` commands of a `RUN`, in order.
pub(super) fn go_commands(instruction: &Instruction) -> impl Iterator<Item = GoCommand<'_>> {
    let run = instruction.run().filter(|_| !instruction.is_onbuild);
    run.into_iter().flat_map(|run| (0..run.commands.len()).filter_map(move |position| GoCommand::read(run, position)))
}

/// The commands that a `RUN` certainly has.
pub(super) fn commands(run: &Run) -> impl Iterator<Item = &RunWords> {
    run.commands.iter().filter(|command| is_run(command))
}

fn is_run(command: &RunWords) -> bool {
    command.nesting == Nesting::Plain && !command.is_label
}

/// The words of a command from its program on: assignments, `env` and `then` in front are left out.
pub(super) fn program(command: &RunWords) -> Vec<&str> {
    let words = command.words.iter().filter(|word| !word.is_redirect).map(|word| word.text.as_str());
    let is_before = |word: &&str| assignment(word).is_some() || BEFORE_COMMANDS.contains(word);
    let mut words: Vec<&str> = words.skip_while(is_before).collect();
    if let Some(first) = words.first_mut() {
        *first = program_name(first);
    }
    words
}

/// Whether a `RUN` has a command whose program may do or read anything: it is none of those that are known.
pub(super) fn is_opaque(run: &Run) -> bool {
    const KNOWN: [&str; 57] = [
        "",
        "[",
        "[[",
        ":",
        "}",
        ")",
        "fi",
        "done",
        "addgroup",
        "adduser",
        "apk",
        "apt",
        "apt-get",
        "cat",
        "cd",
        "chgrp",
        "chmod",
        "chown",
        "cp",
        "curl",
        "dnf",
        "echo",
        "exit",
        "export",
        "false",
        "for",
        "go",
        "groupadd",
        "gunzip",
        "install",
        "ls",
        "microdnf",
        "mkdir",
        "mv",
        "printf",
        "pwd",
        "rm",
        "rmdir",
        "sed",
        "set",
        "sleep",
        "strip",
        "tar",
        "tdnf",
        "test",
        "touch",
        "true",
        "umask",
        "uname",
        "unset",
        "unzip",
        "upx",
        "useradd",
        "update-ca-certificates",
        "wget",
        "xx-go",
        "yum",
    ];
    run.has_odd_shell || commands(run).any(|command| program(command).first().is_some_and(|name| !KNOWN.contains(name)))
}

/// The value that `export NAME=VALUE` or `go env -w NAME=VALUE` gives a variable.
pub(super) fn exported<'a>(command: &'a RunWords, name: &str) -> Option<(&'a str, Certainty)> {
    let mut words = command.words.iter();
    let first = words.next()?;
    let of_go = first.text == "go" && command.words.get(2).is_some_and(|word| word.text == "-w");
    if first.text != "export" && !of_go {
        return None;
    }
    let found =
        words.rev().find_map(|word| Some((assignment(&word.text)?, word.certainty)).filter(|((n, _), _)| *n == name));
    found.map(|((_, value), certainty)| (value, certainty))
}

fn split_flag(text: &str, certainty: Certainty) -> Option<Flag<'_>> {
    let flag = text.strip_prefix('-').filter(|flag| !flag.is_empty())?;
    let flag = flag.strip_prefix('-').unwrap_or(flag);
    let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
    Some(Flag { name, value, certainty })
}

/// `NAME=VALUE`.
fn assignment(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let is_name = !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
    is_name.then_some((name, value))
}

/// The last element of the path of a program.
fn program_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
