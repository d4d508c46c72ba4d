//! Turns the bytes of `build-plan.toml` into a validated [`Config`], or into the first error with its line and column.
//!
//! The keys, their documentation, their types and the JSON Schema come from one table (`keys.rs`). It never reads a
//! file or the environment, and never asks whether a path of the configuration exists.

mod consistency;
mod duration;
mod error;
mod glob;
mod image_reference;
mod keys;
mod kinds;
mod lint_rule;
mod nearest;
mod platform;
mod read;
pub mod schema;
mod section;
mod template;
mod words;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

pub use error::ConfigError;
pub use glob::Glob;
pub use image_reference::{check_registry, check_repository, check_tag, split_repository};
pub use lint_rule::LintRule;
pub use nearest::nearest;
pub use platform::Platform;
pub use template::fill_template;
pub use words::is_service_name;

use crate::repo::RepoPath;

/// What `build-plan.toml` says. The default is what no file means.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Config {
    /// The branch that others are compared with, from `[git] default-branch`.
    pub default_branch: Option<String>,
    /// How Go builds, unless a service says otherwise.
    pub go: GoSettings,
    /// Files that are inputs of every service.
    pub global_inputs: Vec<Glob>,
    /// How images are built, unless a service says otherwise.
    pub image: ImageSettings,
    /// How plans are run, unless a service says otherwise.
    pub run: RunSettings,
    /// Where it is recorded what was built.
    pub ledger: LedgerSettings,
    /// Which advice is given.
    pub lint: LintSettings,
    /// The services by name; empty if they are to be found.
    pub services: BTreeMap<String, ServiceConfig>,
}

/// One `[services.NAME]` table. At least one of `package` and `dockerfile` is there.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceConfig {
    /// The folder of the `main` package.
    pub package: Option<RepoPath>,
    /// The Dockerfile.
    pub dockerfile: Option<RepoPath>,
    /// The folder that is the build context.
    pub context: Option<RepoPath>,
    /// Files that are inputs of this service, beside the global ones.
    pub inputs: Vec<Glob>,
    /// Environment variables whose values are inputs.
    pub env: Vec<String>,
    /// How much work the service is, relative to others; from 1 to 1 000 000.
    pub weight: u64,
    /// The global settings with the service's own keys in their place.
    pub go: GoSettings,
    /// The global settings with the service's own keys in their place.
    pub image: ImageSettings,
    /// The global settings with the service's own keys in their place.
    pub run: RunSettings,
    /// The line of the table, counted from 1.
    pub line: usize,
}

impl Default for ServiceConfig {
    fn default() -> Self {
        Self {
            package: None,
            dockerfile: None,
            context: None,
            inputs: Vec::new(),
            env: Vec::new(),
            weight: 1,
            go: GoSettings::default(),
            image: ImageSettings::default(),
            run: RunSettings::default(),
            line: 1,
        }
    }
}

/// How Go builds: `[go]` and `[services.NAME.go]`.
#[derive(Clone, Debug, PartialEq)]
pub struct GoSettings {
    /// What is built for; never empty, no platform twice.
    pub platforms: Vec<Platform>,
    /// Build tags that are set (`-tags`).
    pub build_tags: Vec<String>,
    /// `CGO_ENABLED`; `None` if either may be the case.
    pub cgo: Option<bool>,
    /// The version of the Go toolchain without `go` (`1.24.3`); `None` takes it from `go.work` or `go.mod`.
    pub toolchain: Option<String>,
    /// Whether builds see a `go.work`.
    pub workspace: WorkspaceMode,
    /// Further build flags and settings as `go build` spells them, each one not empty.
    pub flags: Vec<String>,
    /// Whether external modules may import packages of this repository.
    pub back_edges: BackEdges,
}

impl Default for GoSettings {
    fn default() -> Self {
        let linux = Platform { os: "linux".to_owned(), arch: "amd64".to_owned(), variant: None };
        Self {
            platforms: vec![linux],
            build_tags: Vec::new(),
            cgo: None,
            toolchain: None,
            workspace: WorkspaceMode::Auto,
            flags: Vec::new(),
            back_edges: BackEdges::AssumeNone,
        }
    }
}

/// Whether builds see a `go.work`, as `GOWORK` says it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum WorkspaceMode {
    /// Both with and without it, until it is known which.
    #[default]
    Auto,
    /// Always with the `go.work` that Go finds.
    On,
    /// Never.
    Off,
    /// With this file.
    File(RepoPath),
}

/// Whether external modules may import packages of this repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum BackEdges {
    /// None does; plans that rest on it say so.
    #[default]
    AssumeNone,
    /// Any may, unless it is proved that none does.
    Strict,
}

/// How images are built and named: `[image]` and `[services.NAME.image]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSettings {
    /// Template of the image repository, with the placeholder `{service}`.
    pub repository: Option<String>,
    /// Templates of the tags, with `{service}`, `{fingerprint}`, `{branch}`, `{commit}` and `{short-commit}`; never empty.
    pub tags: Vec<String>,
    /// What builds the image.
    pub builder: Builder,
    /// The argument vector of the `command` builder; not empty for it.
    pub command: Vec<String>,
    /// The argument vector that pushes for the `command` builder.
    pub push_command: Vec<String>,
    /// The stage of the Dockerfile to build.
    pub target: Option<String>,
    /// Build arguments.
    pub build_args: BTreeMap<String, String>,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// Which files of the context are inputs.
    pub docker_inputs: DockerInputs,
    /// Build secrets as `docker build --secret` takes them.
    pub secrets: Vec<String>,
    /// SSH agents and keys as `docker build --ssh` takes them.
    pub ssh: Vec<String>,
    /// Cache sources as `docker build --cache-from` takes them; templates with the placeholders of tags.
    pub cache_from: Vec<String>,
    /// Cache destinations as `docker build --cache-to` takes them; templates with the placeholders of tags.
    pub cache_to: Vec<String>,
    /// Provenance attestations as `docker build --provenance` takes them.
    pub provenance: Vec<String>,
    /// Registries (`host` or `host:port`) that may be spoken to in plain HTTP.
    pub insecure_registries: Vec<String>,
}

impl Default for ImageSettings {
    fn default() -> Self {
        Self {
            repository: None,
            tags: vec!["{fingerprint}".to_owned()],
            builder: Builder::Docker,
            command: Vec::new(),
            push_command: Vec::new(),
            target: None,
            build_args: BTreeMap::new(),
            labels: BTreeMap::new(),
            docker_inputs: DockerInputs::Trace,
            secrets: Vec::new(),
            ssh: Vec::new(),
            cache_from: Vec::new(),
            cache_to: Vec::new(),
            provenance: Vec::new(),
            insecure_registries: Vec::new(),
        }
    }
}

/// What builds images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Builder {
    /// `docker buildx`, or the daemon's own builder.
    #[default]
    Docker,
    /// `buildah`, or `podman build`.
    Buildah,
    /// A program of the user's.
    Command,
}

impl Builder {
    /// The name used in the configuration and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Buildah => "buildah",
            Self::Command => "command",
        }
    }
}

/// Which files of the build context are inputs of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DockerInputs {
    /// Those that `COPY` and `ADD` carry into the image other than through the Go compiler.
    #[default]
    Trace,
    /// All that `.dockerignore` leaves.
    Context,
    /// None; the inputs are declared.
    None,
}

/// How a plan is run: `[run]` and `[services.NAME.run]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSettings {
    /// How many builds run at a time, at most 1024.
    pub build_jobs: NonZeroUsize,
    /// How many pushes run at a time, at most 1024.
    pub push_jobs: NonZeroUsize,
    /// When a build is killed; more than zero, at most a week.
    pub build_timeout: Duration,
    /// When a push is killed; more than zero, at most a week.
    pub push_timeout: Duration,
    /// How often a failed push is tried again, at most 100 times.
    pub push_retries: u32,
}

impl Default for RunSettings {
    fn default() -> Self {
        let jobs = |count| NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN);
        Self {
            build_jobs: jobs(4),
            push_jobs: jobs(8),
            build_timeout: Duration::from_mins(5),
            push_timeout: Duration::from_mins(10),
            push_retries: 1,
        }
    }
}

/// Where it is recorded what was built: `[ledger]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerSettings {
    /// Where the records are.
    pub store: LedgerStore,
    /// What becomes of a service that the ledger has never seen.
    pub unseen: Unseen,
    /// Whether `unseen` follows from the store.
    unseen_by_default: bool,
}

impl Default for LedgerSettings {
    fn default() -> Self {
        Self { store: LedgerStore::Local, unseen: Unseen::Compare, unseen_by_default: true }
    }
}

impl LedgerSettings {
    /// The same settings with another store, as `--ledger` asks for. `unseen` follows the store unless it was given.
    #[must_use]
    pub fn with_store(self, store: LedgerStore) -> Self {
        let unseen = match (self.unseen_by_default, store) {
            (false, _) => self.unseen,
            (true, LedgerStore::Registry) => Unseen::Build,
            (true, LedgerStore::Local | LedgerStore::None) => Unseen::Compare,
        };
        Self { store, unseen, ..self }
    }

    /// The same settings with a fixed answer for services that the ledger has never seen.
    #[must_use]
    pub fn with_unseen(self, unseen: Unseen) -> Self {
        Self { unseen, unseen_by_default: false, ..self }
    }
}

/// Where the records of the ledger are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LedgerStore {
    /// In the repository's Git folder on this machine.
    #[default]
    Local,
    /// Beside the images in their registry, shared by all machines.
    Registry,
    /// Nowhere.
    None,
}

/// What becomes of a service that the ledger has never seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Unseen {
    /// It is built if it differs from base.
    #[default]
    Compare,
    /// It is built.
    Build,
}

/// Which advice is given: `[lint]`. No rule is in both lists.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct LintSettings {
    /// Rules that are not applied.
    pub allow: Vec<LintRule>,
    /// Rules whose findings are errors.
    pub deny: Vec<LintRule>,
}

impl Config {
    /// Reads and checks the bytes of a `build-plan.toml`.
    ///
    /// # Errors
    /// The first thing in the file that is wrong, with its line and column.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        read::read(bytes)
    }
}
