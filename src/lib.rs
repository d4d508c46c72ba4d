//! A change-aware incremental build planner for Go monorepos: which services does a change make stale, why exactly, and
//! what has to be built for it. It needs no Go toolchain.
//!
//! This page is the map. How to use the program is in the README; what a fingerprint covers is in `docs/inputs.md`.
//!
//! # Bird's-eye view
//!
//! A *tree* is the files of one commit, of the working copy, or of a test. The program takes two, base and head, finds
//! the services of each, and collects for each service everything that its image is made of: the packages that its
//! `main` package imports, what they embed, the facts of go.mod and go.work, the Dockerfile and what it copies, what
//! the configuration declares. That list is its *manifest*, the digest of the list its *fingerprint*. A service whose
//! two fingerprints differ is built, and the difference of the two manifests is the reason.
//!
//! ```text
//! build-plan.toml ──config──► Config ──────────────────────────────┐
//! CI environment ──ci──┐ what to compare with                      │
//!                      ▼                                           │
//! repository ──git──► base and head ──► ChangeSet ─────────────────┼────────────────────────────┐
//!                          │                                       ▼                            │
//!                          ├─► Tree ──go──► Workspace ──service──► Service                      │
//!                          │                    └───────graph────► PackageGraph                 │
//!                          └─► Tree ──docker──► image inputs       │                            │
//!                                                    └─────────────┴──fingerprint──► Snapshot   │
//!                                                                     (of base, of head) │      │
//!                                  text, JSON, Markdown ◄──render── Plan ◄──plan─────────┴──────┘
//! ```
//!
//! # Modules
//!
//! Folders are stages. Data flows one way, and a module uses only modules above it in this table.
//!
//! | module | turns | into |
//! | --- | --- | --- |
//! | [`repo`] | – | what all others speak of: paths, [`Tree`](repo::Tree), [`ChangeSet`](repo::ChangeSet), notes |
//! | [`config`] | the bytes of build-plan.toml | a checked [`Config`](config::Config) |
//! | [`git`] | a repository and revisions | trees, the base, the change set |
//! | [`ci`] | the environment of a CI job | what to compare with, by provider and event |
//! | [`registry`] | image repositories and tags | digests and sizes, as the registries of the images have them |
//! | [`ledger`] | fingerprints | records of what was built and pushed |
//! | [`go`] | a tree | a [`Workspace`](go::workspace::Workspace): modules, folders, headers; what an import means |
//! | [`docker`] | a Dockerfile and its context | the files that reach the image other than through Go |
//! | [`graph`] | programs and a workspace | a [`PackageGraph`](graph::PackageGraph): closures, chains, components |
//! | [`service`] | configuration and workspace | each [`Service`](service::Service) with its targets |
//! | [`fingerprint`] | services and graphs | a [`Snapshot`](fingerprint::Snapshot): manifests and fingerprints |
//! | [`lint`] | a snapshot | advice on Dockerfiles |
//! | [`plan`] | two snapshots and the change set | a [`Plan`](plan::Plan): decisions, reasons, steps |
//! | [`render`] | a plan | text, JSON, Markdown: one pure function and one file for each format |
//! | [`lock`] | the Go module cache | build-plan.lock |
//! | [`execute`] | a plan | a [`Report`](plan::report::Report); starts the builders, and records what they made |
//! | [`cli`] | arguments | an exit code; one file for each command |
//!
//! # Invariants
//!
//! What is deliberately absent:
//!
//! - The core (`go`, `docker`, `graph`, `service`, `fingerprint`, `lint`, `plan`, `render`) touches no disk, Git, network,
//!   environment or clock, and prints nothing. Bytes come from `&dyn Tree`, so a test is a tree in memory.
//! - No module knows one below it. `render` computes nothing; only `cli` prints and reads the environment.
//! - Nothing of the host is an input: not its Go, its module cache, its Git configuration, its time.
//! - Nothing is decided from "changed paths". Fingerprints decide; the change set makes it fast and explains it.
//! - Nothing is guessed smaller. What cannot be known counts as input, or leaves a service without a fingerprint, and
//!   then it is always built; a [`Note`](repo::Note) says so. Odd source is never an error of the core.
//! - No input makes it panic, hang, recurse without bound, read outside the repository or run a program of its choice.
//! - The types of the core derive no `Serialize`: what users script against are the mirrors in `render`.
//! - A third-party crate has one home (libgit2 in `git`, clap in `cli`). `tests/it/tidy.rs` checks that, and the order.
//!
//! # Where to start reading
//!
//! `src/cli/plan.rs` is the table of contents of the program, `src/cli/comparison.rs` its first chapter: from arguments
//! to two snapshots. `decide` in `src/plan/mod.rs` is the decision. `src/fingerprint/item.rs` lists what a service can
//! depend on. The rules of Go are in `src/go/source/` (which files), `src/go/modfile/` (what go.mod says) and
//! `src/go/mode.rs` (what an import means).
//!
//! # How to add
//!
//! - **An input**: a variant of [`Subject`](fingerprint::item::Subject), and the place in `fingerprint` that makes the
//!   item. The compiler names the places that hash, explain and list it. Where the same tree gets another fingerprint,
//!   raise [`SCHEME`](fingerprint::item::SCHEME). Describe it in `docs/inputs.md`.
//! - **A reason or note**: a variant in `plan::reason` or `repo::note`, its phrase in `render::words`, a row in
//!   `docs/reasons.md`.
//! - **An output format**: a file in `render`, a variant in `cli::args`, one arm in the command.
//! - **A builder**: a file in `execute` that implements [`Builder`](execute::builder::Builder), one line in `cli::run`.
//! - **A command**: a file in `cli`, a variant in `cli::args`, one arm in `cli::run`.
//! - **A rule of `lint`**: a variant of [`LintRule`](config::LintRule), a row in `src/lint/rules.rs`, a function in the file
//!   of its group that takes what it needs from the subject, and a section in `docs/lint.md`.
//! - **A configuration key**: a line in `src/config/keys.rs`, which reads, checks and describes it, and a row in
//!   `docs/configuration.md`.

pub mod ci;
pub mod cli;
pub mod config;
pub mod docker;
pub mod execute;
pub mod fingerprint;
pub mod git;
pub mod go;
pub mod graph;
pub mod ledger;
pub mod lint;
pub mod lock;
pub mod plan;
pub mod registry;
pub mod render;
pub mod repo;
pub mod service;
