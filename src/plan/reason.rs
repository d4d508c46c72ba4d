//! Why a service is built or skipped, as values that every renderer and `why` share.

use std::sync::Arc;

use crate::repo::{ChangeStatus, RepoPath};

/// One reason, complete enough to be shown alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// What kind of input changed, or which rule applied.
    pub kind: ReasonKind,
    /// How many packages lie between the service and the change; reasons that are near come first.
    pub distance: usize,
    /// The file, where there is one.
    pub path: Option<RepoPath>,
    /// What happened to the file between base and head; `None` if only its part in the service changed.
    pub status: Option<ChangeStatus>,
    /// Where the file or fact is an input.
    pub at: Option<At>,
    /// The module, import, setting, variable, image or service that it is about.
    pub subject: Option<String>,
    /// The state at base, where people can read it.
    pub from: Option<String>,
    /// The state at head.
    pub to: Option<String>,
    /// The only target that it concerns, if the service has several and it does not concern all.
    pub target: Option<String>,
    /// The import paths from the service's main package to the package that is concerned, both included.
    pub chain: Vec<Arc<str>>,
}

/// The tree in which something is an input of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// In head (and perhaps in base too).
    Head,
    /// In base only.
    Base,
}

impl At {
    /// The name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Base => "base",
        }
    }
}

/// The kinds of reasons, most telling first: when a service has several, they are listed in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReasonKind {
    /// `--force`.
    Forced,
    /// There is no base to compare with.
    MissingBase,
    /// Base does not have the service.
    NewService,
    /// An input cannot be known.
    Unknown,
    /// The ledger has no record of this fingerprint.
    NotBuiltYet,
    /// A Go file.
    GoFile,
    /// C, assembly, headers, system objects.
    SourceFile,
    /// An embedded file.
    EmbedFile,
    /// A file that C or assembly includes.
    CInclude,
    /// A profile.
    PgoProfile,
    /// An import means something else.
    Resolution,
    /// A vendored or replaced module has another version.
    Vendoring,
    /// A module in use has another language version.
    LanguageVersion,
    /// Other `godebug` lines.
    Godebug,
    /// Other build flags, platforms, tags or modes.
    BuildFlags,
    /// Another toolchain is asked for.
    Toolchain,
    /// An external module changed.
    ExternalModule,
    /// The Dockerfile.
    Dockerfile,
    /// The .dockerignore.
    Dockerignore,
    /// A file that reaches the image other than through Go.
    ContextFile,
    /// The Dockerfile starts from another image.
    BaseImage,
    /// The image of another service, from which this one starts.
    ImageDependency,
    /// A file that the service's configuration names.
    DeclaredInput,
    /// A file that counts for all services.
    GlobalInput,
    /// An environment variable.
    Environment,
    /// A setting of the service.
    ServiceConfig,
    /// Nothing changed: a reason to skip.
    Unchanged,
    /// The ledger has this fingerprint: a reason to skip.
    AlreadyBuilt,
    /// The command line leaves it out: a reason to skip.
    Filtered,
}

impl ReasonKind {
    /// The kebab-case name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forced => "forced",
            Self::MissingBase => "missing-base",
            Self::NewService => "new-service",
            Self::Unknown => "unknown",
            Self::NotBuiltYet => "not-built-yet",
            Self::GoFile => "go-file",
            Self::SourceFile => "source-file",
            Self::EmbedFile => "embed-file",
            Self::CInclude => "c-include",
            Self::PgoProfile => "pgo-profile",
            Self::Resolution => "resolution",
            Self::Vendoring => "vendoring",
            Self::LanguageVersion => "language-version",
            Self::Godebug => "godebug",
            Self::BuildFlags => "build-flags",
            Self::Toolchain => "toolchain",
            Self::ExternalModule => "external-module",
            Self::Dockerfile => "dockerfile",
            Self::Dockerignore => "dockerignore",
            Self::ContextFile => "context-file",
            Self::BaseImage => "base-image",
            Self::ImageDependency => "image-dependency",
            Self::DeclaredInput => "declared-input",
            Self::GlobalInput => "global-input",
            Self::Environment => "environment",
            Self::ServiceConfig => "service-config",
            Self::Unchanged => "unchanged",
            Self::AlreadyBuilt => "already-built",
            Self::Filtered => "filtered",
        }
    }
}

impl Reason {
    /// A reason that is a rule and nothing more.
    pub fn rule(kind: ReasonKind) -> Self {
        Self {
            kind,
            distance: 0,
            path: None,
            status: None,
            at: None,
            subject: None,
            from: None,
            to: None,
            target: None,
            chain: Vec::new(),
        }
    }

    /// Whether the reason only follows from another one: a file that itself did not change came in or went out.
    pub fn is_consequence(&self) -> bool {
        self.path.is_some() && self.status.is_none()
    }
}
