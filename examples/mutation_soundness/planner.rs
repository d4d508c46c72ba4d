//! What `buildplan plan` says of two commits, read from its JSON. It decides nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::repository::Commits;

/// The program.
pub(crate) struct Planner {
    pub(crate) buildplan: PathBuf,
}

/// The services of head by folder, or why there is no plan.
pub(crate) enum Plan {
    Services(BTreeMap<String, Service>),
    Refused(String),
}

#[derive(Debug, Deserialize)]
pub(crate) struct Service {
    dir: String,
    package: Option<String>,
    decision: String,
    pub(crate) fingerprint: Option<String>,
    pub(crate) base_fingerprint: Option<String>,
    reasons: Vec<Reason>,
}

#[derive(Debug, Deserialize)]
struct Reason {
    kind: String,
}

#[derive(Deserialize)]
struct Document {
    services: Vec<Service>,
}

impl Planner {
    /// The plan for one commit against another.
    pub(crate) fn plan(&self, commits: &Commits, base: &str, head: &str) -> Result<Plan> {
        let mut command = Command::new(&self.buildplan);
        command.arg("-C").arg(commits.folder());
        command.args(["plan", "-o", "json", "--no-merge-base", "--base", base, "--head", head]);
        for name in ["CI", "BUILDPLAN_BASE", "GIT_DIR", "GIT_WORK_TREE"] {
            command.env_remove(name);
        }
        let output = command.output().with_context(|| format!("cannot start {}", self.buildplan.display()))?;
        let complaint = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
        if output.status.code() == Some(2) {
            return Ok(Plan::Refused(complaint));
        }
        ensure!(output.status.success(), "the plan ended with {}: {complaint}", output.status);
        let document: Document = serde_json::from_slice(&output.stdout)?;
        let programs = document.services.into_iter().filter(|service| service.package.is_some());
        Ok(Plan::Services(programs.map(|service| (service.dir.clone(), service)).collect()))
    }
}

impl Service {
    /// Whether it is to be built.
    pub(crate) fn is_flagged(&self) -> bool {
        self.decision == "build"
    }

    /// The kinds of its reasons, each once.
    pub(crate) fn causes(&self) -> String {
        let mut kinds: Vec<&str> = self.reasons.iter().map(|reason| &*reason.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds.join(" + ")
    }
}
