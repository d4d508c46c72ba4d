//! Compares one commit with its first parent, for one target after the other: what Go says of both against what
//! `buildplan` says, without a lock or with one. The verdicts go to the report.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;
use rayon::prelude::*;

use crate::checkout::Checkout;
use crate::go_oracle::compare::{self, Difference, Kind, Notes, PlanVerdict, Side};
use crate::go_oracle::listing::{Listing, Main};
use crate::go_oracle::planner::{Inputs, Plan, PlanService, Planner, Service};
use crate::go_oracle::target::Target;
use crate::go_oracle::tree::Tree;
use crate::go_side::GoSide;
use crate::locks::{Locked, Locker};
use crate::options::Options;
use crate::report::Report;

/// What stays the same from commit to commit.
#[derive(Clone, Copy)]
pub(crate) struct Comparison<'a> {
    pub(crate) options: &'a Options,
    pub(crate) checkout: &'a Checkout,
    pub(crate) go: &'a GoSide<'a>,
    /// `None`: the commits are compared as they are.
    pub(crate) locker: Option<&'a Locker<'a>>,
}

/// The step from one commit to the next.
#[derive(Clone, Copy)]
struct Step<'a> {
    base: Revision<'a>,
    head: Revision<'a>,
    workspace: bool,
}

#[derive(Clone, Copy)]
struct Revision<'a> {
    commit: &'a str,
    tree: &'a Tree,
}

/// Both ends of a step with their locks.
struct Locks {
    base: Rc<Locked>,
    head: Rc<Locked>,
}

/// What is known of one target.
#[derive(Clone, Copy)]
struct Known<'a> {
    step: Step<'a>,
    target: &'a Target,
    base: &'a Listing,
    head: &'a Listing,
    /// Whether complete locks tell all of external modules.
    locked: bool,
}

impl Comparison<'_> {
    /// Compares one commit.
    pub(crate) fn commit(self, commit: &str, report: &mut Report) -> Result<()> {
        let Some(base) = self.checkout.parent(commit)? else {
            eprintln!("has no parent");
            report.add_not_comparable(commit, "the commit has no parent");
            return Ok(());
        };
        let (tree, base_tree) = (self.checkout.tree(commit)?, self.checkout.tree(&base)?);
        let workspace = self.options.workspace.unwrap_or_else(|| tree.blob("go.work").is_some());
        let step = Step {
            base: Revision { commit: &base, tree: &base_tree },
            head: Revision { commit, tree: &tree },
            workspace,
        };
        report.commits += 1;
        for target in &self.options.targets {
            self.target(step, target, report)?;
        }
        Ok(())
    }

    fn target(self, step: Step<'_>, target: &Target, report: &mut Report) -> Result<()> {
        let start = Instant::now();
        let base = self.go.listing(step.base.commit, step.base.tree, target, step.workspace)?;
        let head = self.go.listing(step.head.commit, step.head.tree, target, step.workspace)?;
        let go_time = start.elapsed();
        let subject = self.checkout.subject(step.head.commit)?;
        if self.options.go_side_only {
            go_side_progress(&head, go_time, &subject);
            return Ok(());
        }
        let start = Instant::now();
        let locks = self.locker.map(|locker| Self::locks(locker, step, target, report)).transpose()?;
        let lock_time = start.elapsed();
        let start = Instant::now();
        let before = (report.mains, report.equal, report.plans, report.plan_agreements);
        let complete = |locks: &Locks| locks.base.shortcoming.is_none() && locks.head.shortcoming.is_none();
        let locked = locks.as_ref().is_some_and(complete);
        let known = Known { step, target, base: &base, head: &head, locked };
        for module in &head.modules {
            if let Some(failure) = &module.failure {
                report.add_not_comparable(&module.dir, failure);
            }
        }
        match &locks {
            None => self.compare(known, report)?,
            Some(locks) => self.compare_locked(known, locks, report)?,
        }
        eprintln!(
            "{}{target}: {}/{} files equal, {}/{} decisions agree, go {:.1} s, lock {:.1} s, buildplan {:.1} s: {subject}",
            if self.locker.is_some() && !locked { "(lock incomplete) " } else { "" },
            report.equal - before.1,
            report.mains - before.0,
            report.plan_agreements - before.3,
            report.plans - before.2,
            go_time.as_secs_f32(),
            lock_time.as_secs_f32(),
            start.elapsed().as_secs_f32(),
        );
        Ok(())
    }

    fn locks(locker: &Locker<'_>, step: Step<'_>, target: &Target, report: &mut Report) -> Result<Locks> {
        let mut lock = |revision: Revision<'_>| -> Result<Rc<Locked>> {
            let locked = locker.lock(revision.commit, revision.tree, target, step.workspace)?;
            report.locks.add(revision.commit, &locked);
            Ok(locked)
        };
        let locks = Locks { base: lock(step.base)?, head: lock(step.head)? };
        if let Some(defect) = &locks.head.defect {
            report.add(step.head.commit, "", Difference { kind: Kind::Lock, detail: defect.clone() });
        }
        Ok(locks)
    }

    fn planner(self, known: Known<'_>, revisions: (&str, &str)) -> Result<Planner> {
        let pinned = Some((known.target, known.step.workspace));
        Planner::new(&self.options.buildplan, self.checkout.root(), revisions, known.head, pinned)
    }

    fn compare(self, known: Known<'_>, report: &mut Report) -> Result<()> {
        let head = known.step.head;
        self.checkout.check_out(head.commit, &self.checkout.absent(head.commit, head.tree)?)?;
        let planner = self.planner(known, (known.step.base.commit, head.commit))?;
        let plan = known.plan(&planner, report).0;
        known.judge(&planner, &plan, report);
        Ok(())
    }

    /// The same with a lock at both ends, and also with the base's at both: that of a commit that forgot about it.
    fn compare_locked(self, known: Known<'_>, locks: &Locks, report: &mut Report) -> Result<()> {
        let head = known.step.head;
        self.checkout.check_out(&locks.head.commit, &self.checkout.absent(head.commit, head.tree)?)?;
        let planner = self.planner(known, (&locks.base.commit, &locks.head.commit))?;
        let (plan, time) = known.plan(&planner, report);
        known.judge(&planner, &plan, report);
        let (without, time_without) = known.plan(&planner.between(known.step.base.commit, head.commit), report);
        report.locks.add_plan_times(time, time_without);
        for verdict in known.unlocked().decisions(&planner, &without) {
            report.locks.add_without(verdict);
        }
        if locks.base.text == locks.head.text {
            return Ok(());
        }
        let Some(locker) = self.locker else { return Ok(()) };
        let Some(stale) = locker.with_lock_of(&locks.base, head.commit)? else { return Ok(()) };
        let planner = planner.between(&locks.base.commit, &stale);
        let plan = known.plan(&planner, report).0;
        for (main, verdict) in known.mains().zip(known.unlocked().decisions(&planner, &plan)) {
            report.add_stale(head.commit, &main.dir, verdict);
        }
        Ok(())
    }
}

impl<'a> Known<'a> {
    /// The same for a lock that may lack something.
    fn unlocked(self) -> Self {
        Self { locked: false, ..self }
    }

    fn mains(self) -> impl Iterator<Item = &'a Main> {
        self.head.modules.iter().flat_map(|module| &module.mains)
    }

    fn plan(self, planner: &Planner, report: &mut Report) -> (Plan, Duration) {
        let start = Instant::now();
        let plan = planner.plan().unwrap_or_else(|error| {
            report.add(self.step.head.commit, "", failure(&error));
            Plan::default()
        });
        (plan, start.elapsed())
    }

    /// Compares what goes into each service, and what is to be done with it.
    fn judge(self, planner: &Planner, plan: &Plan, report: &mut Report) {
        let commit = self.step.head.commit;
        for (service, main, inputs) in self.inputs_of_all(planner) {
            if let Some(obstacle) = &main.obstacle {
                report.add_not_comparable(&main.dir, obstacle);
                continue;
            }
            let side = self.side(main);
            let inputs = inputs.unwrap_or_else(|error| {
                report.add(commit, &main.dir, failure(&error));
                None
            });
            let inputs_notes = inputs.as_ref().map_or(&[][..], |inputs| &inputs.notes);
            let notes = Notes { service: &service.name, plan: &plan.notes, inputs: inputs_notes };
            if let Some(inputs) = &inputs {
                report.add_files(commit, main, compare::files(side, inputs, notes));
                if let Some(differences) = compare::modules(side, inputs) {
                    report.add_modules(commit, &main.dir, inputs.external.len(), differences);
                }
            }
            if let Some(planned) = plan.services.iter().find(|planned| planned.name == service.name) {
                report.add_plan(commit, &main.dir, self.decision(main, planned, notes));
            } else if !plan.services.is_empty() {
                let detail = "the plan does not have the service".to_owned();
                report.add(commit, &main.dir, Difference { kind: Kind::Failure, detail });
            }
        }
    }

    /// What is to be said of each decision of a plan, in the order of the main packages.
    fn decisions(self, planner: &Planner, plan: &Plan) -> Vec<PlanVerdict> {
        let verdict = |(service, main): (&Service, &'a Main)| {
            if let Some(obstacle) = &main.obstacle {
                return PlanVerdict::NotComparable(obstacle.clone());
            }
            let planned = plan.services.iter().find(|planned| planned.name == service.name);
            let notes = Notes { service: &service.name, plan: &plan.notes, inputs: &[] };
            planned.map_or_else(
                || PlanVerdict::NotComparable("the plan does not have the service".to_owned()),
                |planned| self.decision(main, planned, notes),
            )
        };
        planner.services.iter().zip(self.mains()).map(verdict).collect()
    }

    fn side(self, main: &'a Main) -> Side<'a> {
        Side { main, tree: self.step.head.tree, strict: self.target.strict, locked: self.locked }
    }

    fn decision(self, main: &'a Main, planned: &PlanService, notes: Notes<'_>) -> PlanVerdict {
        compare::decision(self.side(main), &self.base.main_in(&main.dir), self.step.base.tree, planned, notes)
    }

    /// The inputs of each service, asked for in parallel; none where Go says that there is nothing to compare with.
    fn inputs_of_all(self, planner: &Planner) -> Vec<(&Service, &'a Main, Result<Option<Inputs>>)> {
        let mains: Vec<&Main> = self.mains().collect();
        planner
            .services
            .par_iter()
            .zip(mains)
            .map(|(service, main)| {
                let inputs = main.obstacle.is_none().then(|| planner.inputs(&service.name));
                (service, main, inputs.transpose())
            })
            .collect()
    }
}

fn failure(error: &anyhow::Error) -> Difference {
    Difference { kind: Kind::Failure, detail: format!("{error:#}") }
}

fn go_side_progress(listing: &Listing, time: Duration, subject: &str) {
    let mains: Vec<&Main> = listing.modules.iter().flat_map(|module| &module.mains).collect();
    eprintln!(
        "{} modules, {} mains, {} files, go {:.1} s: {subject}",
        listing.modules.len(),
        mains.len(),
        mains.iter().map(|main| main.files.len()).sum::<usize>(),
        time.as_secs_f32(),
    );
    for module in &listing.modules {
        if let Some(failure) = &module.failure {
            eprintln!("  module {:?}: {failure}", module.dir);
        }
    }
    for main in mains {
        if let Some(obstacle) = &main.obstacle {
            eprintln!("  main {:?}: {obstacle}", main.dir);
        }
        if !main.unavailable.is_empty() {
            eprintln!("  main {:?}: {} external packages unavailable", main.dir, main.unavailable.len());
        }
    }
}
