//! `run --plan FILE`: reads a saved plan, and holds it to what is checked out before anything of it is done.

use std::collections::BTreeSet;
use std::path::Path;

use crate::cli::comparison::Comparison;
use crate::cli::output::{Failure, read_file};
use crate::plan::saved::SavedPlan;
use crate::plan::shards::Shard;

/// A plan from a file.
pub(super) struct PlanFile {
    plan: SavedPlan,
    /// The file, as the user named it.
    name: String,
}

impl PlanFile {
    /// Reads it.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let json = read_file(path)?;
        let plan = SavedPlan::parse(&json).map_err(|error| Failure::new(format!("{name}: {error}")))?;
        Ok(Self { plan, name })
    }

    /// The services that it has steps for, as far as the user asks for them.
    pub(super) fn services(&self, names: &[String], shard: Option<Shard>) -> Result<BTreeSet<String>, Failure> {
        for name in names {
            if self.plan.service(name).is_none() {
                return Err(Failure::new(format!("{} has no service `{name}`", self.name)));
            }
        }
        let mut services = match shard {
            Some(shard) => self.plan.in_shard(shard),
            None => self.plan.busy(),
        };
        if !names.is_empty() {
            let wanted = self.plan.with_needs(names.iter().map(String::as_str));
            services.retain(|service| wanted.contains(service.as_str()));
        }
        Ok(services)
    }

    /// Whether it builds services whatever is recorded of them.
    pub(super) fn is_forced(&self) -> bool {
        self.plan.is_forced()
    }

    /// The commit that it was compared with.
    pub(super) fn base(&self) -> Option<&str> {
        self.plan.base.as_ref().map(|base| base.commit.as_str())
    }

    /// Refuses services that are not what was planned any more, and says what moved.
    pub(super) fn check(&self, comparison: &Comparison<'_>, services: &BTreeSet<String>) -> Result<(), Failure> {
        for name in services {
            let Some(planned) = self.plan.service(name) else { continue };
            let here = comparison.head.services.get(name);
            let fingerprint = here.and_then(|state| state.fingerprint).map(|digest| digest.to_string());
            // What cannot be known can only be the same where nothing at all is different.
            let is_same_tree = || comparison.is_commit(&self.plan.head.commit) && !self.plan.head.dirty;
            if here.is_some() && fingerprint == planned.fingerprint && (fingerprint.is_some() || is_same_tree()) {
                continue;
            }
            return Err(self.moved(comparison, name));
        }
        Ok(())
    }

    fn moved(&self, comparison: &Comparison<'_>, name: &str) -> Failure {
        let planned = &self.plan.head.commit;
        let here = comparison.head_commit().to_string();
        let what = if comparison.head.services.contains_key(name) {
            // Nobody can say what the changes were that no commit has.
            let moved = if self.plan.head.dirty { None } else { comparison.moved_since_commit(planned, name) };
            moved.map(|moved| format!(": {moved}")).unwrap_or_default()
        } else {
            ": the service is gone".to_owned()
        };
        let failure = Failure::new(format!("service {name} is not what {} plans{what}", self.name));
        match () {
            () if here != *planned => {
                failure.with_hint(format!("the plan is of commit {planned:.12}, and {here:.12} is checked out"))
            }
            () if self.plan.head.dirty => failure
                .with_hint("the plan was made of a working copy with changes; make it of a commit, or make a new one"),
            () => failure.with_hint("`git status` shows how the working copy differs; else make a new plan"),
        }
    }
}
