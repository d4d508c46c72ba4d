//! A private clone of the repository: checks commits out, lists their files, walks the history. The repository itself
//! is only read.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::go_oracle::process;
use crate::go_oracle::tree::Tree;
use crate::options::Revisions;

/// What counts as a Go file for `--go-only`.
const GO_PATHS: [&str; 9] = ["*.go", "*.c", "*.h", "*.s", "*.S", "*go.mod", "*go.sum", "*go.work", "*go.work.sum"];

/// The clone and what is checked out in it.
#[derive(Debug)]
pub(crate) struct Checkout {
    /// The canonical path of the work tree.
    root: PathBuf,
    checked_out: RefCell<Option<String>>,
    /// Removes the clone at the end, unless it is to be kept.
    _temporary: Option<TempDir>,
}

impl Checkout {
    /// Clones `repository` without copying its objects, into `work_dir` or a temporary folder.
    pub(crate) fn open(repository: &Path, work_dir: Option<&Path>) -> Result<Self> {
        let repository =
            repository.canonicalize().with_context(|| format!("no repository at {}", repository.display()))?;
        let (folder, temporary) = if let Some(folder) = work_dir {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
            (folder.canonicalize()?, None)
        } else {
            let temporary = TempDir::with_prefix("compare-with-go-")?;
            (temporary.path().canonicalize()?, Some(temporary))
        };
        let root = folder.join("clone");
        let checkout = Self { root, checked_out: RefCell::new(None), _temporary: temporary };
        if checkout.root.exists() {
            let origin = process::text(checkout.git().args(["config", "remote.origin.url"]))?;
            ensure!(
                Path::new(&origin) == repository,
                "{} is a clone of {origin}; use another --work-dir",
                checkout.root.display()
            );
            process::output(checkout.git().args(["fetch", "-q", "origin", "+HEAD:refs/compare/head"]))?;
        } else {
            let mut clone = Command::new("git");
            clone.args(["clone", "-q", "--shared", "--no-checkout", "-c", "core.hooksPath=/dev/null"]);
            clone.args(["-c", "core.autocrlf=false", "-c", "core.symlinks=true", "-c", "gc.auto=0"]);
            process::output(clone.arg("--").args([&repository, &checkout.root]))?;
            process::output(checkout.git().args(["update-ref", "refs/compare/head", "HEAD"]))?;
        }
        Ok(checkout)
    }

    /// The work tree.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The ids of the commits to compare, oldest first for a history.
    pub(crate) fn commits(&self, revisions: &Revisions) -> Result<Vec<String>> {
        match revisions {
            Revisions::Last { count, go_only } => {
                let mut list = self.git();
                list.args(["rev-list", "--first-parent", "-n", &count.to_string(), "refs/compare/head"]);
                if *go_only {
                    list.arg("--").args(GO_PATHS);
                }
                let mut commits: Vec<String> = process::text(&mut list)?.lines().map(str::to_owned).collect();
                commits.reverse();
                Ok(commits)
            }
            Revisions::Named(names) => {
                let mut commits = Vec::new();
                for name in names {
                    commits.extend(self.named(name)?);
                }
                Ok(commits)
            }
        }
    }

    fn named(&self, name: &str) -> Result<Vec<String>> {
        let mut command = self.git();
        if name.contains("..") {
            command.args(["rev-list", "--first-parent", "--reverse", name, "--"]);
        } else {
            // The clone has the branches of the repository as its remote's.
            let remote = format!("refs/remotes/origin/{name}^{{commit}}");
            let known = process::text(self.git().args(["rev-parse", "-q", "--verify", &remote]));
            if let Ok(commit) = known {
                return Ok(vec![commit]);
            }
            command.args(["rev-parse", "-q", "--verify", &format!("{name}^{{commit}}")]);
        }
        let commits = process::text(&mut command).with_context(|| format!("no revision {name} in the repository"))?;
        Ok(commits.lines().map(str::to_owned).collect())
    }

    /// The first parent, if there is one.
    pub(crate) fn parent(&self, commit: &str) -> Result<Option<String>> {
        let line = process::text(self.git().args(["rev-list", "--parents", "-n", "1", commit, "--"]))?;
        Ok(line.split(' ').nth(1).map(str::to_owned))
    }

    /// The subject line of a commit.
    pub(crate) fn subject(&self, commit: &str) -> Result<String> {
        process::text(self.git().args(["log", "-1", "--format=%s", commit, "--"]))
    }

    /// The files of a commit.
    pub(crate) fn tree(&self, commit: &str) -> Result<Tree> {
        let listing = process::output(self.git().args(["ls-tree", "-r", "-z", "--full-tree", commit]))?;
        Tree::parse(&listing, |blob| process::output(self.git().args(["cat-file", "blob", blob])))
    }

    /// The files of a commit whose contents the repository lacks: partial clones and snapshots leave large ones out.
    pub(crate) fn absent<'a>(&self, commit: &str, tree: &'a Tree) -> Result<Vec<&'a str>> {
        let root = format!("{commit}^{{tree}}");
        let objects = process::output(self.git().args(["rev-list", "--objects", "--missing=print", &root]))?;
        let objects = String::from_utf8_lossy(&objects);
        let blobs: BTreeSet<String> =
            objects.lines().filter_map(|line| line.strip_prefix('?')).map(Into::into).collect();
        Ok(if blobs.is_empty() { Vec::new() } else { tree.paths_of(&blobs) })
    }

    /// Makes the work tree exactly that of `commit`, without the `absent` files.
    pub(crate) fn check_out(&self, commit: &str, absent: &[&str]) -> Result<()> {
        if self.checked_out.borrow().as_deref() != Some(commit) {
            *self.checked_out.borrow_mut() = None;
            self.leave_out(absent)?;
            process::output(self.git().args(["checkout", "-q", "--force", "--detach", commit, "--"]))?;
            self.restore()?;
            *self.checked_out.borrow_mut() = Some(commit.to_owned());
        }
        Ok(())
    }

    /// A commit on top of `commit` that has one more file in its root. Nothing is checked out.
    pub(crate) fn with_file(&self, commit: &str, name: &str, content: &[u8]) -> Result<String> {
        let folder = self.root.join(".git");
        let file = folder.join("compare-file");
        std::fs::write(&file, content).with_context(|| format!("cannot write {}", file.display()))?;
        let blob = process::text(self.git().args(["hash-object", "-w", "--no-filters"]).arg(&file))?;
        let with_index = |arguments: &[&str]| {
            process::text(self.git().env("GIT_INDEX_FILE", folder.join("compare-index")).args(arguments))
        };
        with_index(&["read-tree", commit])?;
        with_index(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},{name}")])?;
        let tree = with_index(&["write-tree", "--missing-ok"])?;
        let mut commit_tree = self.git();
        for (variable, value) in [("NAME", "compare"), ("EMAIL", "compare@localhost"), ("DATE", "@0 +0000")] {
            commit_tree.env(format!("GIT_AUTHOR_{variable}"), value).env(format!("GIT_COMMITTER_{variable}"), value);
        }
        process::text(commit_tree.args(["commit-tree", "-p", commit, "-m", name, &tree]))
    }

    fn leave_out(&self, paths: &[&str]) -> Result<()> {
        let is_needed = if paths.is_empty() { "false" } else { "true" };
        process::output(self.git().args(["config", "core.sparseCheckout", is_needed]))?;
        let mut patterns = String::from("/*\n");
        for path in paths {
            let escaped: String =
                path.chars().flat_map(|c| r"*?[\".contains(c).then_some('\\').into_iter().chain([c])).collect();
            let _ = writeln!(patterns, "!/{escaped}");
        }
        let info = self.root.join(".git/info");
        std::fs::create_dir_all(&info)?;
        std::fs::write(info.join("sparse-checkout"), patterns).context("cannot write the sparse-checkout patterns")
    }

    /// Undoes what a program did to the work tree: Go writes `go.work.sum` when it lists a workspace.
    pub(crate) fn restore(&self) -> Result<()> {
        process::output(self.git().args(["reset", "-q", "--hard"]))?;
        process::output(self.git().args(["clean", "-q", "-ffdx"]))?;
        Ok(())
    }

    fn git(&self) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.root).env("GIT_LFS_SKIP_SMUDGE", "1").env("LC_ALL", "C");
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(variable);
        }
        command
    }
}
