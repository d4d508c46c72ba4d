//! Adds to commits the build-plan.lock that `buildplan lock` writes for them. It judges the lock only by asking
//! `buildplan lock --check`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::checkout::Checkout;
use crate::go_oracle::planner::go_section;
use crate::go_oracle::process;
use crate::go_oracle::target::Target;
use crate::go_oracle::tree::Tree;

/// The name of the file.
const LOCK_FILE: &str = "build-plan.lock";

/// Locks commits, each only once.
#[derive(Debug)]
pub(crate) struct Locker<'a> {
    checkout: &'a Checkout,
    buildplan: &'a Path,
    known: RefCell<BTreeMap<(String, bool), Rc<Locked>>>,
}

/// A commit with a lock.
#[derive(Clone, Debug)]
pub(crate) struct Locked {
    /// The commit on top of the original that has the lock, or the original if there is nothing to lock.
    pub(crate) commit: String,
    /// The text of the lock.
    pub(crate) text: Option<Vec<u8>>,
    /// How long it took to write.
    pub(crate) time: Duration,
    /// Why it does not say all.
    pub(crate) shortcoming: Option<String>,
    /// What it lacks though `buildplan lock` did not complain.
    pub(crate) defect: Option<String>,
}

impl<'a> Locker<'a> {
    /// Locks with this binary.
    pub(crate) fn new(checkout: &'a Checkout, buildplan: &'a Path) -> Self {
        Self { checkout, buildplan, known: RefCell::default() }
    }

    /// The commit with a lock for all of its packages, whatever the platform.
    pub(crate) fn lock(&self, commit: &str, tree: &Tree, target: &Target, workspace: bool) -> Result<Rc<Locked>> {
        let key = (commit.to_owned(), workspace);
        if let Some(locked) = self.known.borrow().get(&key) {
            return Ok(Rc::clone(locked));
        }
        self.checkout.check_out(commit, &self.checkout.absent(commit, tree)?)?;
        let config = self.checkout.root().with_file_name("lock.toml");
        let text = format!("version = 1\n{}\n[image]\ndocker-inputs = \"none\"\n", go_section(target, workspace));
        std::fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;
        let locked = self.write(&config, commit);
        self.checkout.restore()?;
        let locked = Rc::new(locked?);
        self.known.borrow_mut().insert(key, Rc::clone(&locked));
        Ok(locked)
    }

    fn write(&self, config: &Path, commit: &str) -> Result<Locked> {
        let run = |flag: &[&str]| {
            let mut command = Command::new(self.buildplan);
            command.arg("--config").arg(config).arg("-C").arg(self.checkout.root()).args(["-q", "lock"]).args(flag);
            command.env_remove("CI");
            let start = Instant::now();
            process::diagnostics(&mut command, "buildplan lock").map(|said| (said, start.elapsed()))
        };
        let (mut said, mut time) = run(&[])?;
        let mut shortcoming = None;
        if !said.is_empty() {
            shortcoming = run(&["--download"]).err().map(|error| format!("{error:#}"));
            (said, time) = run(&[])?;
        }
        if said.is_empty() {
            shortcoming = None;
        } else {
            shortcoming.get_or_insert(said);
        }
        let defect =
            if shortcoming.is_some() { None } else { run(&["--check"]).err().map(|error| format!("{error:#}")) };
        let text = std::fs::read(self.checkout.root().join(LOCK_FILE)).ok();
        let commit = match &text {
            Some(text) => self.checkout.with_file(commit, LOCK_FILE, text)?,
            None => commit.to_owned(),
        };
        Ok(Locked { commit, text, time, shortcoming, defect })
    }

    /// `commit` with the lock of another one; `None` if that has none.
    pub(crate) fn with_lock_of(&self, other: &Locked, commit: &str) -> Result<Option<String>> {
        other.text.as_ref().map(|text| self.checkout.with_file(commit, LOCK_FILE, text)).transpose()
    }
}
