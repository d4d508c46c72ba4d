//! The leaves of every fingerprint: what a service depends on, one item each, and how it is hashed.
//!
//! A manifest is a list of items and a fingerprint is a hash over them, so whatever differs can be named. Items hold
//! values only; where they come from is the business of their makers.

use std::sync::Arc;

use crate::repo::{Digest, Hasher, Identity, RepoPath};

/// Which rules made a fingerprint. Raised whenever the same tree would get another fingerprint; version 1 is the first.
pub const SCHEME: u32 = 1;

/// One thing that a service depends on, and what it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub subject: Subject,
    /// Its state.
    pub value: Value,
}

/// What an item is about. The order is the order of items in a manifest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A file, with the part that it plays.
    File(InputKind, RepoPath),
    /// What an import path of a package means.
    Import {
        /// The package that imports.
        importer: Arc<str>,
        /// The path that it imports.
        import: Arc<str>,
    },
    /// The language version of a module in the closure.
    Language(Arc<str>),
    /// Version and replacement of a module that is vendored or replaced by a folder.
    ModuleVersion(Arc<str>),
    /// An external module that the closure may read.
    External(Arc<str>),
    /// A named fact.
    Fact(Fact),
    /// An environment variable that the configuration names.
    Environment(String),
    /// A key of the configuration that the image depends on.
    Setting(String),
    /// An image that the Dockerfile starts from.
    BaseImage(String),
    /// Another service whose image the Dockerfile starts from.
    ImageOf(String),
}

/// Facts that are no files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// The import path of the main package, and its module.
    Package,
    /// The platforms, tags and cgo settings, and with which go.work or go.mod each is built.
    Targets,
    /// The Go version of the go.work or main go.mod: it decides the default GODEBUG.
    GoVersion,
    /// The `godebug` lines.
    Godebug,
    /// The toolchain that go.work, go.mod or the configuration asks for.
    Toolchain,
    /// Build flags.
    Flags,
    /// Whether the external modules in use are known.
    ExternalModules,
}

impl Fact {
    /// The name used in `inputs`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Package => "package",
            Self::Targets => "targets",
            Self::GoVersion => "go-version",
            Self::Godebug => "godebug",
            Self::Toolchain => "toolchain",
            Self::Flags => "flags",
            Self::ExternalModules => "external modules",
        }
    }
}

/// The part that a file plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InputKind {
    /// A Go file.
    Go,
    /// A Go file that imports "C".
    Cgo,
    /// A C file.
    C,
    /// A C++ file.
    Cxx,
    /// An Objective-C file.
    M,
    /// A Fortran file.
    F,
    /// A header.
    H,
    /// An assembly file.
    S,
    /// A system object file.
    Syso,
    /// A SWIG file.
    Swig,
    /// A file that is embedded.
    Embed,
    /// A file that C or assembly includes.
    Include,
    /// A profile for profile-guided optimisation.
    Pgo,
    /// The Dockerfile.
    Dockerfile,
    /// The .dockerignore.
    Dockerignore,
    /// A file that reaches the image through `COPY`, `ADD` or `RUN`.
    Context,
    /// A file that `inputs` of the service names.
    Declared,
    /// A file that `[inputs] global` names.
    Global,
    /// The rules of a .gitattributes that change what a checkout writes.
    Conversion,
}

impl InputKind {
    /// The name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Cgo => "cgo",
            Self::C => "c",
            Self::Cxx => "cxx",
            Self::M => "m",
            Self::F => "f",
            Self::H => "h",
            Self::S => "s",
            Self::Syso => "syso",
            Self::Swig => "swig",
            Self::Embed => "embed",
            Self::Include => "include",
            Self::Pgo => "pgo",
            Self::Dockerfile => "dockerfile",
            Self::Dockerignore => "dockerignore",
            Self::Context => "context",
            Self::Declared => "declared",
            Self::Global => "global",
            Self::Conversion => "conversion",
        }
    }

    /// Whether the executable bit reaches the result: it is copied into images, but not into Go binaries.
    fn has_mode(self) -> bool {
        matches!(self, Self::Dockerfile | Self::Dockerignore | Self::Context | Self::Declared | Self::Global)
    }
}

/// The state of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A file as the tree has it.
    File(Identity),
    /// Something that people can read.
    Text(String),
    /// A digest of something long or secret.
    Digest(Digest),
    /// What is known of an external module.
    Version {
        /// The versions that may be used, joined with commas.
        version: String,
        /// The hash of the module's content, where go.sum has just one for it.
        h1: Option<String>,
        /// All else: replacements, exclusions, other hashes.
        rest: Digest,
    },
}

impl Value {
    /// The value in a few words, where it is not a file.
    pub fn shown(&self) -> String {
        match self {
            Self::File(identity) => identity.content_id().map(|id| id.to_string()).unwrap_or_default(),
            Self::Text(text) | Self::Version { version: text, .. } => text.clone(),
            Self::Digest(digest) => digest.to_string(),
        }
    }
}

impl Item {
    /// An item whose state is text.
    pub fn text(subject: Subject, text: impl Into<String>) -> Self {
        Self { subject, value: Value::Text(text.into()) }
    }

    /// A file.
    pub fn file(kind: InputKind, path: RepoPath, identity: Identity) -> Self {
        Self { subject: Subject::File(kind, path), value: Value::File(identity) }
    }

    /// Rules that change what a checkout writes.
    pub fn conversion(path: RepoPath, rules: Digest) -> Self {
        Self { subject: Subject::File(InputKind::Conversion, path), value: Value::Digest(rules) }
    }

    /// Adds subject and state to a digest.
    pub fn hash_into(&self, hasher: &mut Hasher) {
        let (tag, first, second): (&str, &[u8], &[u8]) = match &self.subject {
            Subject::File(kind, path) => ("file", kind.as_str().as_bytes(), path.as_bytes()),
            Subject::Import { importer, import } => ("import", importer.as_bytes(), import.as_bytes()),
            Subject::Language(module) => ("language", module.as_bytes(), b""),
            Subject::ModuleVersion(module) => ("module-version", module.as_bytes(), b""),
            Subject::External(module) => ("external", module.as_bytes(), b""),
            Subject::Fact(fact) => ("fact", fact.as_str().as_bytes(), b""),
            Subject::Environment(name) => ("environment", name.as_bytes(), b""),
            Subject::Setting(name) => ("setting", name.as_bytes(), b""),
            Subject::BaseImage(image) => ("base-image", image.as_bytes(), b""),
            Subject::ImageOf(service) => ("image-of", service.as_bytes(), b""),
        };
        hasher.field(tag.as_bytes()).field(first).field(second);
        let with_mode = matches!(&self.subject, Subject::File(kind, _) if kind.has_mode());
        match &self.value {
            Value::File(identity) => identity.hash_into(hasher, with_mode),
            Value::Text(text) => {
                hasher.field(b"text").field(text.as_bytes());
            }
            Value::Digest(digest) => {
                hasher.field(b"digest").field(digest.as_bytes());
            }
            Value::Version { version, h1, rest } => {
                let h1 = h1.as_deref().unwrap_or_default();
                hasher.field(b"version").field(version.as_bytes()).field(h1.as_bytes()).field(rest.as_bytes());
            }
        }
    }

    /// Whether two states of the same subject are the same to a fingerprint.
    pub fn same_state(&self, other: &Self) -> bool {
        match (&self.subject, &self.value, &other.value) {
            (
                Subject::File(kind, _),
                Value::File(Identity::File { id, .. }),
                Value::File(Identity::File { id: other_id, .. }),
            ) if !kind.has_mode() => id == other_id,
            (_, value, other) => value == other,
        }
    }
}

/// The digest of a list of items, which its maker has sorted.
pub fn digest_of(domain: &'static str, items: &[Item]) -> Digest {
    let mut hasher = Hasher::new(domain);
    hasher.count(items.len());
    for item in items {
        item.hash_into(&mut hasher);
    }
    hasher.finish()
}
