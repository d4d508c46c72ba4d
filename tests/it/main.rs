//! The integration tests: one binary, so that they are linked once.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

// The files of programs in random repositories, held to what Go says of them.
mod agreement;
// The base that the events of CI providers give, in clones as they make them.
mod ci_baselines;
// Clones that lack something: history, files, folders of the checkout, or the format that libgit2 knows.
mod clones;
// The documents, held to what the program knows and prints.
mod docs;
// Plans run with Docker, BuildKit, buildah and a registry.
mod engines;
// Every complaint in full.
mod errors;
// What a lock makes exact, held to what Go lists.
mod external_modules;
// What is printed, in every format.
mod formats;
// A registry that misbehaves.
mod fake_registry;
// The generator of benchmark repositories, which the other figures rest on.
mod generator;
// Which trees are compared, and what Git makes of their files.
mod git;
// The rules of Go, held against the planner and against Go.
mod go_rules;
// The trees of testdata/, held to what Go says of them.
mod go_toolchain;
// What a .dockerignore leaves out, held to what BuildKit leaves out.
mod ignore;
// BuildKit as the judge of what a Dockerfile reads.
mod judge;
// Advice on Dockerfiles: what is printed, and what silences it.
mod lint;
// External modules: what a build-plan.lock makes exact.
mod lock;
// Plans as the jobs of CI systems.
mod matrix;
// Modules in short, for tests about what they require and import.
mod modules;
// Small changes, held to what Go builds of them.
mod mutation;
// What is rebuilt, and why.
mod plan;
// What must hold of every repository, tried on generated ones.
mod properties;
// Module proxies in temporary folders, and the `go` command that uses them.
mod proxy;
// The ledger beside the images, and what registries make of it.
mod registry_ledger;
// What is written about a run: the page, the texts.
mod reports;
// What running a plan does, leaves behind and recovers from.
mod run;
// How a run shows logs in CI systems.
mod run_ci;
// What a run does on a full disk, with files in the way, and with hostile names.
mod run_faults;
// Builders and registries, started for a test and stopped with it.
mod servers;
// A repository in a temporary folder, and the program run in it.
mod support;
// The architecture, held to by a scan of the source.
mod tidy;
// Which versions are selected, held to what Go selects.
mod version_selection;
