//! Generates large Go monorepos for benchmarks and tests: services and libraries as modules that a `go.work` joins,
//! with a history and with branches of which it is known which services they affect.
//!
//! The same size and seed give the same commits, byte for byte, on every machine. All code compiles without a network
//! with Go 1.24 or later. Nothing is ever written to a folder that holds something already.

mod branches;
mod edits;
mod git;
mod growth;
mod model;
mod pages;
pub(crate) mod random;
mod snippets;
mod source;
mod words;

use anyhow::{Context as _, Result, bail, ensure};
use edits::Change;
use git::FastImport;
use growth::Shape;
use model::Repo;
use random::Random;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

/// Where the generator writes what it knows, from the root of the generated repository.
const RECORD: &str = ".git/monogen.json";

/// How large a repository to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Size {
    /// 4 services, 8 libraries.
    Tiny,
    /// 20 services, 40 libraries, about 1 000 Go files.
    Small,
    /// 200 services, 400 libraries, about 10 000 Go files.
    Medium,
    /// 1 000 services, 2 000 libraries, about 61 000 Go files.
    Large,
}

impl Size {
    fn shape(self) -> Shape {
        match self {
            Self::Tiny => Shape { services: 4, libraries: 8, packages: 3, commits: 10 },
            Self::Small => Shape { services: 20, libraries: 40, packages: 4, commits: 30 },
            Self::Medium => Shape { services: 200, libraries: 400, packages: 5, commits: 60 },
            Self::Large => Shape { services: 1000, libraries: 2000, packages: 7, commits: 60 },
        }
    }
}

impl FromStr for Size {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "tiny" => Self::Tiny,
            "small" => Self::Small,
            "medium" => Self::Medium,
            "large" => Self::Large,
            _ => bail!("unknown size `{text}`: use tiny, small, medium or large"),
        })
    }
}

/// What was generated, at the head of `main` unless said otherwise.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    pub(crate) size: Size,
    pub(crate) seed: u64,
    /// The commit id of `main`.
    pub(crate) head: String,
    pub(crate) commits: usize,
    pub(crate) modules: usize,
    pub(crate) packages: usize,
    pub(crate) go_files: usize,
    /// The names of all services, sorted.
    pub(crate) services: Vec<String>,
    /// By the full name of the branch.
    pub(crate) branches: BTreeMap<String, Branch>,
}

/// What the one commit does that a branch is ahead of `main`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Branch {
    /// The folder that it is about.
    pub(crate) target: String,
    /// The files that it writes or removes, sorted.
    pub(crate) files: Vec<String>,
    /// The services whose binary for linux/amd64 without tags has other inputs than on `main`, sorted.
    pub(crate) affected: Vec<String>,
}

/// Generates a repository in a new or empty folder, checks out `main`, and leaves the summary in `.git/monogen.json`.
///
/// # Errors
///
/// The folder is not empty, cannot be written, or git cannot be run.
pub(crate) fn generate(folder: &Path, size: Size, seed: u64) -> Result<Summary> {
    prepare(folder)?;
    let shape = size.shape();
    let mut repo = growth::grow(shape, seed);
    let mut import = FastImport::start(folder)?;
    let main = write_history(&mut import, &mut repo, shape.commits)?;
    let mut branches = BTreeMap::new();
    for (name, kind) in branches::KINDS {
        let mut changed = repo.clone();
        let change = branches::change(&mut changed, &mut Random::named(seed, name), kind)
            .with_context(|| format!("nothing to change for branch bench/{name}"))?;
        let name = format!("bench/{name}");
        import.commit(&name, shape.commits, &format!("{}: change for {name}", change.target), Some(main))?;
        write_patch(&mut import, &change)?;
        let files = change.patch.into_keys().collect();
        branches.insert(name, Branch { target: change.target, files, affected: changed.affected_since(&repo) });
    }
    import.finish()?;
    check_out(folder)?;
    let summary = summarize(&repo, size, git::run(folder, &["rev-parse", "main"])?, branches);
    let record = folder.join(RECORD);
    let json = serde_json::to_vec_pretty(&summary)?;
    std::fs::write(&record, json).with_context(|| format!("cannot write {}", record.display()))?;
    Ok(summary)
}

fn prepare(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    ensure!(entries.next().is_none(), "{} is not empty: remove it or name another folder", folder.display());
    git::run(folder, &["init", "--quiet", "--template=", "--initial-branch=main", "--object-format=sha1"])?;
    git::run(folder, &["config", "core.autocrlf", "false"])?;
    git::run(folder, &["config", "gc.auto", "0"])?;
    Ok(())
}

/// Writes the commits of `main`; returns the mark of the last one.
fn write_history(import: &mut FastImport, repo: &mut Repo, commits: usize) -> Result<usize> {
    let mut parent = import.commit("main", 0, "initial import", None)?;
    write_everything(import, repo)?;
    let mut random = Random::named(repo.seed, "history");
    for age in 1..commits {
        let change = match age + 1 {
            last if last == commits => branches::typical_change(repo, &mut random).context("no package is used")?,
            _ => edits::daily_change(repo, &mut random),
        };
        let subject = random.pick(words::SUBJECTS).copied().unwrap_or("edit");
        parent = import.commit("main", age, &format!("{}: {subject}", change.target), Some(parent))?;
        write_patch(import, &change)?;
    }
    Ok(parent)
}

fn write_everything(import: &mut FastImport, repo: &Repo) -> Result<()> {
    for (path, text) in pages::root_files(repo) {
        import.write(&path, text.as_bytes())?;
    }
    for (id, module) in repo.modules.iter().enumerate() {
        for (path, text) in pages::module_files(repo, id) {
            import.write(&path, text.as_bytes())?;
        }
        for &package in &module.packages {
            for file in &repo.packages[package].files {
                import.write(&file.path, &source::render(repo, package, file))?;
            }
            for file in &repo.packages[package].data {
                import.write(&file.path, pages::data(repo, file).as_bytes())?;
            }
        }
    }
    Ok(())
}

fn write_patch(import: &mut FastImport, change: &Change) -> Result<()> {
    for (path, bytes) in &change.patch {
        match bytes {
            Some(bytes) => import.write(path, bytes)?,
            None => import.delete(path)?,
        }
    }
    Ok(())
}

/// Writes the work tree, and then an index that is younger than all its files: git need not read any of them again.
fn check_out(folder: &Path) -> Result<()> {
    git::run(folder, &["reset", "--quiet", "--hard", "main"])?;
    std::thread::sleep(Duration::from_millis(1100));
    let changes = git::run(folder, &["status", "--porcelain"])?;
    ensure!(changes.is_empty(), "the work tree in {} differs from main:\n{changes}", folder.display());
    Ok(())
}

fn summarize(repo: &Repo, size: Size, head: String, branches: BTreeMap<String, Branch>) -> Summary {
    let mut services: Vec<String> = repo.services().map(|service| service.name.clone()).collect();
    services.sort();
    Summary {
        size,
        seed: repo.seed,
        head,
        commits: size.shape().commits,
        modules: repo.modules.len(),
        packages: repo.packages.len(),
        go_files: repo.packages.iter().map(|package| package.files.len()).sum(),
        services,
        branches,
    }
}
