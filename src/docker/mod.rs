//! Turns a Dockerfile into the files that reach the image other than through the Go compiler, and into what it says
//! about the Go build: targets and tags.
//!
//! It reads the repository through a [`Tree`] only, follows no reference to a registry, and runs nothing. What it
//! cannot know makes the set of files larger, and a note says so.

mod commands;
#[cfg(test)]
mod corpus;
mod ignore;
mod inputs;
mod lines;
mod matching;
mod parse;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::repo::RepoPath;
#[expect(unused_imports, reason = "for the documentation")]
use crate::repo::Tree;

pub use commands::TagMention;
pub use ignore::{Ignore, IgnoreProblem};
pub use inputs::{DockerNote, ImageInputs, ImageQuestion, context_has_sources, dockerignore_of, image_inputs};

/// What is of interest in a Dockerfile.
///
/// `ONBUILD` instructions count as if they were carried out here, because a later stage of the file may do so.
#[derive(Clone, Debug, Default)]
pub struct Dockerfile {
    /// The stages, in order.
    pub stages: Vec<Stage>,
    /// What `FROM` names, other than earlier stages and `scratch`: sorted, unique, with variables put in where they are
    /// known and as written otherwise.
    pub bases: Vec<String>,
    /// Images that `COPY --from` and `RUN --mount` read from, as for [`Self::bases`]; stages are left out.
    pub image_sources: Vec<String>,
    /// The `COPY` and `ADD` instructions that read the context, in order.
    pub copies: Vec<Copy>,
    /// The bind mounts of `RUN` that read the context, in order; a source of `.` is the whole context.
    pub binds: Vec<Copy>,
    /// The commands of all `RUN` instructions: a superset of what the shell would run.
    pub run_words: Vec<RunWords>,
    /// Why the file could not be read; everything else is empty then.
    pub problem: Option<Problem>,
    /// The values that `ENV`, `ARG` and `RUN` give to `GOFLAGS`.
    go_flags: Vec<Word>,
    /// Where the root of the context probably is in the image: absolute `WORKDIR`s and targets of `COPY .`.
    roots: BTreeSet<String>,
    /// The words of all instructions that look like paths, relative to the context.
    mentioned: BTreeSet<String>,
    /// Those of `RUN`, with their lines.
    run_paths: BTreeMap<String, usize>,
}

impl Dockerfile {
    /// Reads a Dockerfile. One that does not parse has a [`Dockerfile::problem`] and is empty otherwise.
    pub fn parse(bytes: &[u8]) -> Self {
        Self::parse_with(bytes, &BTreeMap::new())
    }

    /// Reads a Dockerfile that is built with these build arguments: they replace the defaults of `ARG`.
    pub fn parse_with(bytes: &[u8], build_args: &BTreeMap<String, String>) -> Self {
        parse::parse(bytes, build_args)
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

/// One `FROM`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// What `AS` names it, in lower case.
    pub name: Option<String>,
    /// What `FROM` names, as in [`Dockerfile::bases`], or the name of an earlier stage.
    pub base: String,
    /// Where it starts, from 1.
    pub line: usize,
}

/// What an instruction reads from the context. Here-documents, URLs and Git sources are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Paths and wildcards as written, with quotes removed and known variables put in; what is not known stays as
    /// `${NAME}`.
    pub sources: Vec<String>,
    /// Where the instruction starts, from 1.
    pub line: usize,
    /// Whether it is `ADD`.
    pub is_add: bool,
    /// Whether it is in `ONBUILD`, so that the sources may be missing here.
    pub is_onbuild: bool,
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
