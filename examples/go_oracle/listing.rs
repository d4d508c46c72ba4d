//! What Go says of one commit, as plain values: modules, their `main` packages, and the repository files that are
//! compiled or embedded into each.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What Go says of all modules of a commit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Listing {
    pub(crate) modules: Vec<Module>,
}

/// What Go says of one module.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Module {
    /// The folder of its `go.mod`, relative to the repository; empty for the root.
    pub(crate) dir: String,
    /// `go env GOVERSION` there.
    pub(crate) go_version: String,
    /// Why Go could not list it.
    pub(crate) failure: Option<String>,
    pub(crate) mains: Vec<Main>,
}

/// A `main` package and what is built into it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Main {
    /// Its folder, relative to the repository; empty for the root.
    pub(crate) dir: String,
    pub(crate) import_path: String,
    pub(crate) packages: usize,
    pub(crate) files: BTreeSet<File>,
    pub(crate) facts: BTreeSet<Fact>,
    /// The packages of the repository that only packages from elsewhere import, and the facts of those alone.
    pub(crate) behind_external: BTreeSet<String>,
    pub(crate) facts_behind_external: BTreeSet<Fact>,
    /// Why Go cannot build it: the first error in a package of the repository.
    pub(crate) obstacle: Option<String>,
    /// External packages that could not be had; what they import is not known.
    pub(crate) unavailable: BTreeSet<String>,
}

/// A file of a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct File {
    pub(crate) path: String,
    /// As `buildplan inputs` spells it.
    pub(crate) kind: String,
    /// The import path of the package it belongs to.
    pub(crate) package: String,
}

/// Something that is not a file of a package and changes the binary.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Fact {
    pub(crate) kind: FactKind,
    pub(crate) text: String,
}

/// The kinds of facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FactKind {
    /// A module outside the repository at a version.
    ExternalModule,
    /// The version under which a module of the repository is required; the binary records it.
    BuildInfo,
    /// The language version of a module of the repository.
    Language,
    /// The default GODEBUG settings of the main package.
    Godebug,
}

impl FactKind {
    /// The kind as in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ExternalModule => "external-module",
            Self::BuildInfo => "build-info",
            Self::Language => "language-version",
            Self::Godebug => "godebug",
        }
    }
}

/// What a commit has at the folder of a main package.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    Main(&'a Main),
    Absent,
    /// Go could not say, because of this.
    Unknown(&'a str),
}

impl Module {
    /// A module that Go could not list.
    pub(crate) fn failed(dir: String, error: &anyhow::Error) -> Self {
        Self { dir, failure: Some(format!("{error:#}")), ..Self::default() }
    }
}

impl Listing {
    /// The main package in `dir`.
    pub(crate) fn main_in(&self, dir: &str) -> Found<'_> {
        if let Some(main) = self.modules.iter().flat_map(|module| &module.mains).find(|main| main.dir == dir) {
            return match &main.obstacle {
                Some(obstacle) => Found::Unknown(obstacle),
                None => Found::Main(main),
            };
        }
        let failed = self.modules.iter().filter(|module| is_within(dir, &module.dir));
        match failed.filter_map(|module| module.failure.as_deref()).next_back() {
            Some(failure) => Found::Unknown(failure),
            None => Found::Absent,
        }
    }

    /// Whether all that it says holds whatever the network does.
    pub(crate) fn is_complete(&self) -> bool {
        self.modules.iter().all(|module| {
            module.failure.is_none()
                && module.mains.iter().all(|main| main.obstacle.is_none() && main.unavailable.is_empty())
        })
    }
}

/// Whether `path` is `folder` or lies in it; the empty folder is the root.
pub(crate) fn is_within(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
