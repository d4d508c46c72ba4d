//! A repository of services that this program itself builds, and runs of it.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A repository in a temporary folder.
pub(crate) struct Repository {
    folder: tempfile::TempDir,
    buildplan: PathBuf,
}

/// What builds and pushes a service: the arguments for this program.
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) build: Vec<String>,
    pub(crate) push: Vec<String>,
}

impl Repository {
    pub(crate) fn new(buildplan: &Path, services: &[Service]) -> Result<Self> {
        let buildplan = buildplan.canonicalize().with_context(|| format!("there is no {}", buildplan.display()))?;
        let folder = tempfile::tempdir()?;
        let program = std::env::current_exe()?;
        let argv = |arguments: &[String]| {
            let words = std::iter::once(program.to_string_lossy().into_owned()).chain(arguments.iter().cloned());
            words.map(|word| Value::from(word).to_string()).collect::<Vec<_>>().join(", ")
        };
        let mut config = "[image]\nbuilder = \"command\"\nrepository = \"localhost/{service}\"\n".to_owned();
        for service in services {
            let name = &service.name;
            write!(config, "\n[services.{name}]\npackage = \"{name}\"\n\n[services.{name}.image]\n")?;
            writeln!(config, "command = [{}]", argv(&service.build))?;
            writeln!(config, "push-command = [{}]", argv(&service.push))?;
            fs::create_dir(folder.path().join(name))?;
            fs::write(folder.path().join(name).join("main.go"), "package main\n\nfunc main() {}\n")?;
        }
        fs::write(folder.path().join("build-plan.toml"), config)?;
        fs::write(folder.path().join("go.mod"), "module example.com/timed\n\ngo 1.24\n")?;
        let repository = Self { folder, buildplan };
        repository.git(&["init", "--quiet", "--initial-branch=main"])?;
        repository.git(&["add", "--all"])?;
        repository.git(&["commit", "--quiet", "--message=all"])?;
        Ok(repository)
    }

    fn git(&self, arguments: &[&str]) -> Result<()> {
        let own = ["-c", "user.name=Bench", "-c", "user.email=bench@example.com", "-c", "commit.gpgsign=false"];
        let mut command = Command::new("git");
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(name);
        }
        let status = command.args(own).args(arguments).current_dir(self.folder.path()).status()?;
        ensure!(status.success(), "git {} ended with {status}", arguments.join(" "));
        Ok(())
    }

    /// `buildplan run` with everything to build.
    pub(crate) fn run(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.buildplan);
        command.args(["run", "--all", "--report", "report.json"]).args(arguments).current_dir(self.folder.path());
        for name in ["CI", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "BUILDKITE", "BUILDPLAN_BASE"] {
            command.env_remove(name);
        }
        command
    }

    /// What the last run reported.
    pub(crate) fn report(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&fs::read(self.folder.path().join("report.json"))?)?)
    }

    /// Forgets everything that was built.
    pub(crate) fn forget(&self) -> Result<()> {
        Ok(fs::remove_dir_all(self.folder.path().join(".git/buildplan"))?)
    }
}
