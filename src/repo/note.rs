//! What the user should know about how a plan was made: a fallback, an assumption, a warning. A note is a value; it
//! never changes a decision by itself.

use super::RepoPath;

/// One note; the same note is reported once, however often it was met.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// What it is about.
    pub kind: NoteKind,
    /// One sentence: what was met, and what follows from it.
    pub message: String,
    /// The service that it concerns; `None` if it concerns all.
    pub service: Option<String>,
    /// The file or folder that it is about.
    pub path: Option<RepoPath>,
}

impl Note {
    /// A note about a file or folder.
    pub fn at(kind: NoteKind, path: &RepoPath, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), service: None, path: Some(path.clone()) }
    }

    /// A note about the plan as a whole.
    pub fn general(kind: NoteKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), service: None, path: None }
    }
}

/// The kinds of [`Note`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoteKind {
    /// The base could not be had, so everything is built.
    MissingBase,
    /// How the base was found, where that may not be what was built last.
    Base,
    /// A Go file, go.mod or go.work is odd; more is taken as input than may be needed.
    GoSource,
    /// Whether a file is part of a package cannot be told (cgo, toolchain or tags unknown); it is taken as input.
    UnknownConstraint,
    /// An import cannot be resolved, or not in every mode.
    UnresolvedImport,
    /// Packages import each other in a circle.
    ImportCycle,
    /// External modules are bounded by what go.mod lists, because they are not vendored.
    ExternalBound,
    /// No external module is assumed to import a package of this repository.
    BackEdges,
    /// What of the Dockerfile is not traced.
    DockerfileNotTraced,
    /// A symlink, submodule or filter whose content is outside what the planner sees.
    OutsideTree,
    /// Which ledger was, or was not, consulted.
    Ledger,
    /// A `main` package that is not a service, or services that could not be told apart.
    Discovery,
}

impl NoteKind {
    /// The kebab-case name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingBase => "missing-base",
            Self::Base => "base",
            Self::GoSource => "go-source",
            Self::UnknownConstraint => "unknown-constraint",
            Self::UnresolvedImport => "unresolved-import",
            Self::ImportCycle => "import-cycle",
            Self::ExternalBound => "external-bound",
            Self::BackEdges => "back-edges",
            Self::DockerfileNotTraced => "dockerfile-not-traced",
            Self::OutsideTree => "outside-tree",
            Self::Ledger => "ledger",
            Self::Discovery => "discovery",
        }
    }
}
