//! Turns a Dockerfile into the files that reach the image other than through the Go compiler, and into what it says
//! about the Go build: targets and tags.
//!
//! It reads the repository through a [`Tree`] only, follows no reference to a registry, and runs nothing. What it
//! cannot know makes the set of files larger, and a note says so.

mod commands;
mod context;
#[cfg(test)]
mod corpus;
mod ignore;
mod lines;
mod matching;
mod parse;
mod shell;
mod trace;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::Platform;
use crate::repo::RepoPath;
#[expect(unused_imports, reason = "for the documentation")]
use crate::repo::Tree;

pub use commands::{TagMention, takes_value};
pub use context::{context_has_sources, dockerignore_of};
pub use ignore::{Ignore, IgnoreProblem};
pub use trace::{
    DockerNote, Excludes, GoBuild, GoTarget, Selection, Setting, Trace, TraceQuestion, selected_files, trace,
};
pub use words::Variables;

/// A Dockerfile, with known variables put in.
#[derive(Clone, Debug, Default)]
pub struct Dockerfile {
    /// The `ARG`s before the first `FROM`, in order.
    pub arguments: Vec<Instruction>,
    /// The stages, in order.
    pub stages: Vec<Stage>,
    /// What `FROM` names, other than earlier stages and `scratch`: sorted, unique, with variables put in where they are
    /// known and as written otherwise.
    pub bases: Vec<String>,
    /// Images that `COPY --from` and `RUN --mount` read from, as for [`Self::bases`]; stages are left out.
    pub image_sources: Vec<String>,
    /// The comments, directives included.
    pub comments: Vec<Comment>,
    /// Why the file could not be read; everything else is empty then.
    pub problem: Option<Problem>,
    /// The values that `ENV`, `ARG` and `RUN` give to `GOFLAGS`.
    go_flags: Vec<Word>,
    /// Where the root of the context probably is in the image: absolute `WORKDIR`s and targets of `COPY .`.
    roots: BTreeSet<String>,
    /// The words of all instructions that look like paths, relative to the context.
    mentioned: BTreeSet<String>,
}

impl Dockerfile {
    /// Reads a Dockerfile. One that does not parse has a [`Dockerfile::problem`] and is empty otherwise.
    pub fn parse(bytes: &[u8]) -> Self {
        Self::parse_with(bytes, &BTreeMap::new(), None)
    }

    /// Reads a Dockerfile that is built with these build arguments, which replace the defaults of `ARG`, and for this
    /// platform, which `TARGETPLATFORM` and its kin name.
    pub fn parse_with(bytes: &[u8], build_args: &BTreeMap<String, String>, platform: Option<&Platform>) -> Self {
        parse::parse(bytes, build_args, platform)
    }

    /// Why nothing can be said of the file, and where: it does not parse, or is not in the language that is known here.
    pub fn unreadable(&self) -> Option<(usize, String)> {
        if let Some(problem) = &self.problem {
            return Some((problem.line, problem.message.clone()));
        }
        let directives = self.comments.iter().take_while(|comment| comment.line <= self.comments.len());
        let frontend = directives.filter_map(|comment| {
            let (name, value) = comment.text.trim_start_matches('#').split_once('=')?;
            name.trim().eq_ignore_ascii_case("syntax").then_some((comment.line, value.trim()))
        });
        let (line, frontend) = frontend.into_iter().next()?;
        let name = frontend.rsplit_once('@').map_or(frontend, |(name, _)| name);
        let is_known = name.contains("docker/dockerfile") || name.contains("moby/buildkit");
        (!is_known).then(|| (line, format!("`# syntax={frontend}` is a language that is not known here")))
    }

    /// All instructions in order, with their stages; those before the first `FROM` are left out.
    pub fn instructions(&self) -> impl Iterator<Item = (&Stage, &Instruction)> {
        self.stages.iter().flat_map(|stage| stage.instructions.iter().map(move |instruction| (stage, instruction)))
    }

    /// The commands of all `RUN` instructions: a superset of what the shell would run.
    pub fn commands(&self) -> impl Iterator<Item = &RunWords> {
        self.instructions().filter_map(|(_, instruction)| instruction.run()).flat_map(|run| &run.commands)
    }

    /// Whether a variable is an `ARG`, so that whoever builds the image may set it.
    pub fn has_argument(&self, name: &str) -> bool {
        let inside = self.stages.iter().flat_map(|stage| &stage.instructions);
        self.arguments.iter().chain(inside).any(|instruction| match &instruction.action {
            Action::Arg { name: argument, .. } => argument == name,
            _ => false,
        })
    }

    /// What `COPY`, `ADD` and bind mounts read from the context.
    pub fn context_reads(&self) -> impl Iterator<Item = ContextRead<'_>> {
        self.instructions().flat_map(|(_, instruction)| {
            let Instruction { line, is_onbuild, .. } = *instruction;
            let read = move |verb, sources| ContextRead { verb, sources, line, is_onbuild };
            let copy = instruction.copy().filter(|copy| copy.from == Origin::Context && !copy.sources.is_empty());
            let copy = copy.map(|copy| read(if copy.is_add { "ADD" } else { "COPY" }, copy.sources.as_slice()));
            let binds = instruction.run().into_iter().flat_map(|run| &run.mounts);
            let binds = binds.filter(|mount| mount.kind == "bind" && mount.from == Origin::Context);
            copy.into_iter().chain(binds.map(move |mount| read("RUN --mount", std::slice::from_ref(&mount.source))))
        })
    }

    /// Whether a path of the context occurs in an instruction, alone, after `./` or a working directory, or as the
    /// start of a longer path. The root never does.
    pub fn mentions_path(&self, path: &RepoPath) -> bool {
        let Some(path) = path.to_str().filter(|path| !path.is_empty()) else { return false };
        self.mentioned.contains(path) || {
            let below = format!("{path}/");
            self.mentioned.range(below.clone()..).next().is_some_and(|mention| mention.starts_with(&below))
        }
    }
}

/// One `FROM` and what follows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stage {
    /// What `AS` names it, in lower case.
    pub name: Option<String>,
    /// What `FROM` names, as in [`Dockerfile::bases`], or the name of an earlier stage.
    pub base: String,
    /// The earlier stage that `FROM` names, by its position.
    pub base_stage: Option<usize>,
    /// What `--platform` says.
    pub platform: Option<Word>,
    /// Where it starts, from 1.
    pub line: usize,
    /// What it does, in order.
    pub instructions: Vec<Instruction>,
}

/// One instruction other than `FROM`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Where it starts, from 1.
    pub line: usize,
    /// Whether it is in `ONBUILD`, so that it is carried out where a later stage or another Dockerfile starts from
    /// this stage.
    pub is_onbuild: bool,
    /// What it does.
    pub action: Action,
}

impl Instruction {
    /// The instruction as `COPY` or `ADD`.
    pub fn copy(&self) -> Option<&Copy> {
        match &self.action {
            Action::Copy(copy) => Some(copy),
            _ => None,
        }
    }

    /// The instruction as `RUN`.
    pub fn run(&self) -> Option<&Run> {
        match &self.action {
            Action::Run(run) => Some(run),
            _ => None,
        }
    }
}

/// What an instruction does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `COPY` or `ADD`.
    Copy(Copy),
    /// `RUN`.
    Run(Run),
    /// `WORKDIR`: the folder that it leads to, absolute unless an earlier one is not known.
    Workdir(Word),
    /// `USER`.
    User(Word),
    /// One variable of `ENV`, and its value.
    Env(String, Word),
    /// One variable of `ARG`.
    Arg {
        /// Its name.
        name: String,
        /// The default that stands there, if there is one.
        default: Option<Word>,
    },
    /// `ENTRYPOINT`, `CMD` or `HEALTHCHECK CMD`, as commands of words.
    Start(Start, Vec<RunWords>),
    /// `SHELL`: its words.
    Shell(Vec<String>),
    /// Anything else, which reads no files and runs no commands.
    Other,
}

/// When a command is run that an image holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// `ENTRYPOINT`.
    Entrypoint,
    /// `CMD`.
    Cmd,
    /// `HEALTHCHECK`.
    Healthcheck,
}

/// Where files are taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The build context.
    Context,
    /// An earlier stage, by its position.
    Stage(usize),
    /// An image, or what a variable that is not known names.
    Image(String),
}

/// A `COPY` or an `ADD`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the instruction of its own")]
pub struct Copy {
    /// Where it copies from.
    pub from: Origin,
    /// Paths and wildcards as written, with quotes removed and known variables put in; what is not known stays as
    /// `${NAME}`. Here-documents, URLs and Git sources are left out.
    pub sources: Vec<String>,
    /// The URLs and Git sources of an `ADD`.
    pub remotes: Vec<String>,
    /// Whether a here-document is among the sources.
    pub has_document: bool,
    /// Where it copies to, absolute where the working directory is known.
    pub target: Word,
    /// Whether the target ends with a slash, so that it is a folder.
    pub into_folder: bool,
    /// The patterns of `--exclude`.
    pub excludes: Vec<String>,
    /// Whether `--parents` keeps the folders of the sources.
    pub keeps_parents: bool,
    /// Whether it is `ADD`.
    pub is_add: bool,
    /// The other options, with lower-case names: `chown`, `chmod`, `link`, `checksum`, …
    pub options: BTreeMap<String, String>,
}

/// A `RUN`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Its `--mount`s.
    pub mounts: Vec<Mount>,
    /// Its commands: a superset of what the shell would run.
    pub commands: Vec<RunWords>,
    /// The folder that it starts in; as for [`Action::Workdir`].
    pub directory: Word,
    /// The variables of `ENV` and `ARG` that are known there.
    pub variables: Variables,
    /// Whether it has here-documents.
    pub has_document: bool,
    /// Whether a shell runs it that is not known to be like `sh`.
    pub has_odd_shell: bool,
}

/// A `--mount`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// `bind`, `cache`, `tmpfs`, `secret` or `ssh`.
    pub kind: String,
    /// Where it is from.
    pub from: Origin,
    /// The path that is mounted, as in [`Copy::sources`].
    pub source: String,
    /// Where it is mounted, absolute where the working directory is known.
    pub target: Word,
}

/// What an instruction reads from the context.
#[derive(Clone, Copy, Debug)]
pub struct ContextRead<'a> {
    /// How the instruction is called.
    pub verb: &'static str,
    /// As in [`Copy::sources`].
    pub sources: &'a [String],
    /// Where the instruction starts, from 1.
    pub line: usize,
    /// Whether it is in `ONBUILD`, so that the sources may be missing here.
    pub is_onbuild: bool,
}

/// A comment, from its `#` on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Where it stands, from 1.
    pub line: usize,
    /// Its text.
    pub text: String,
}

/// The words of one simple command in a `RUN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunWords {
    /// Where the instruction starts, from 1.
    pub line: usize,
    /// Where `cd` has led before the command, relative to the working directory; empty if nowhere.
    pub directory: Arc<str>,
    /// The words, assignments before the command included.
    pub words: Vec<Word>,
    /// How sure it is that the shell runs it.
    pub nesting: Nesting,
    /// Whether a `||` stands before it, so that it may not be reached.
    pub is_conditional: bool,
    /// Whether what it prints goes to another command.
    pub is_piped: bool,
    /// Whether it is no command but the pattern of a `case`, which looks like one.
    pub is_label: bool,
}

/// How a command came to light.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nesting {
    /// It is part of the script.
    Plain,
    /// Its output becomes part of another command.
    Substitution,
    /// A word of another command reads like it.
    Guess,
}

/// A word, with quotes removed and known variables put in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// The text; what is not known stays as `${NAME}`, a command substitution as `${}`.
    pub text: String,
    /// How far the text can be trusted.
    pub certainty: Certainty,
    /// Whether it is the target of `<` or `>`.
    pub is_redirect: bool,
}

impl Word {
    fn is_shell(&self) -> bool {
        parse::is_posix_shell(&self.text)
    }

    fn push_unknown(&mut self, name: &str) {
        self.text.push_str("${");
        self.text.push_str(name);
        self.text.push('}');
        self.certainty = Certainty::Unknown;
    }
}

/// How far the text of a word can be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// It is what the build uses.
    #[default]
    Certain,
    /// It holds the default of an `ARG` or the like: what the build uses if nobody says otherwise.
    Default,
    /// It holds a variable or a substitution whose value is not known.
    Unknown,
}

/// Why a Dockerfile could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}
