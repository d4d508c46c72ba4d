//! Compares `buildplan` with the Go toolchain on the history of any Git repository.
//!
//! For each commit and its first parent it takes what `go list` says of every `main` package, and checks that `inputs`
//! names the same files and that `plan` builds what they changed. It works in a private clone.

#![expect(clippy::print_stderr, reason = "progress of a program that people watch")]

mod checkout;
#[path = "../go_oracle/mod.rs"]
mod go_oracle;
mod go_side;
mod options;
mod report;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rayon::prelude::*;

use crate::checkout::Checkout;
use crate::go_oracle::compare::{self, Difference, Kind, Notes, Side};
use crate::go_oracle::listing::{Listing, Main};
use crate::go_oracle::planner::{Inputs, Plan, Planner, Service};
use crate::go_oracle::tree::Tree;
use crate::go_side::GoSide;
use crate::options::{Options, USAGE};
use crate::report::Report;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<ExitCode> {
    let Some(options) = Options::parse(std::env::args_os().skip(1), std::env::var_os("BUILDPLAN"))? else {
        std::io::stdout().write_all(USAGE.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    };
    rayon::ThreadPoolBuilder::new().num_threads(options.jobs).build_global()?;
    let checkout = Checkout::open(&options.repository, options.work_dir.as_deref())?;
    let go = GoSide::new(&checkout, options.target.clone(), options.work_dir.as_deref())?;
    let commits = checkout.commits(&options.revisions)?;
    let mut report = Report::default();
    for (index, commit) in commits.iter().enumerate() {
        eprint!("[{}/{}] {commit:.10} ", index + 1, commits.len());
        Comparison { options: &options, checkout: &checkout, go: &go }.commit(commit, &mut report)?;
    }
    if options.go_side_only {
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_vec_pretty(&report)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    std::io::stdout().write_all(report.markdown().as_bytes())?;
    ensure!(report.mains > 0 || report.is_failure(), "nothing could be compared");
    Ok(if report.is_failure() { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// What stays the same from commit to commit.
#[derive(Clone, Copy)]
struct Comparison<'a> {
    options: &'a Options,
    checkout: &'a Checkout,
    go: &'a GoSide<'a>,
}

/// What Go knows of one commit.
#[derive(Clone, Copy)]
struct Known<'a> {
    tree: &'a Tree,
    listing: &'a Listing,
}

impl Comparison<'_> {
    fn commit(self, commit: &str, report: &mut Report) -> Result<()> {
        let Some(base) = self.checkout.parent(commit)? else {
            eprintln!("has no parent");
            report.add_not_comparable(commit, "the commit has no parent");
            return Ok(());
        };
        let start = Instant::now();
        let (tree, base_tree) = (self.checkout.tree(commit)?, self.checkout.tree(&base)?);
        let workspace = self.options.workspace.unwrap_or_else(|| tree.blob("go.work").is_some());
        let base_listing = self.go.listing(&base, &base_tree, workspace)?;
        let listing = self.go.listing(commit, &tree, workspace)?;
        let go_time = start.elapsed();
        report.commits += 1;
        let subject = self.checkout.subject(commit)?;
        if self.options.go_side_only {
            go_side_progress(&listing, go_time, &subject);
            return Ok(());
        }
        let start = Instant::now();
        let head = Known { tree: &tree, listing: &listing };
        let before = (report.mains, report.equal, report.plans, report.plan_agreements);
        self.compare(commit, &base, head, Known { tree: &base_tree, listing: &base_listing }, workspace, report)?;
        eprintln!(
            "{}/{} files equal, {}/{} decisions agree, go {:.1} s, buildplan {:.1} s: {subject}",
            report.equal - before.1,
            report.mains - before.0,
            report.plan_agreements - before.3,
            report.plans - before.2,
            go_time.as_secs_f32(),
            start.elapsed().as_secs_f32(),
        );
        Ok(())
    }

    fn compare(
        self,
        commit: &str,
        base: &str,
        head: Known<'_>,
        before: Known<'_>,
        workspace: bool,
        report: &mut Report,
    ) -> Result<()> {
        for module in &head.listing.modules {
            if let Some(failure) = &module.failure {
                report.add_not_comparable(&module.dir, failure);
            }
        }
        self.checkout.check_out(commit, &self.checkout.absent(commit, head.tree)?)?;
        let Options { buildplan, target, .. } = self.options;
        let pinned = Some((target, workspace));
        let planner = Planner::new(buildplan, self.checkout.root(), (base, commit), head.listing, pinned)?;
        let plan = planner.plan().unwrap_or_else(|error| {
            report.add(commit, "", failure(&error));
            Plan::default()
        });
        for (service, main, inputs) in inputs_of_all(&planner, head.listing) {
            if let Some(obstacle) = &main.obstacle {
                report.add_not_comparable(&main.dir, obstacle);
                continue;
            }
            let side = Side { main, tree: head.tree, strict: target.strict };
            let inputs = inputs.unwrap_or_else(|error| {
                report.add(commit, &main.dir, failure(&error));
                None
            });
            let inputs_notes = inputs.as_ref().map_or(&[][..], |inputs| &inputs.notes);
            let notes = Notes { service: &service.name, plan: &plan.notes, inputs: inputs_notes };
            if let Some(inputs) = &inputs {
                let verdict = compare::files(side, inputs, notes);
                report.add_files(commit, main, verdict);
            }
            if let Some(planned) = plan.services.iter().find(|planned| planned.name == service.name) {
                let found = before.listing.main_in(&main.dir);
                let verdict = compare::decision(side, &found, before.tree, planned, notes);
                report.add_plan(commit, &main.dir, verdict);
            } else if !plan.services.is_empty() {
                let detail = "the plan does not have the service".to_owned();
                report.add(commit, &main.dir, Difference { kind: Kind::Failure, detail });
            }
        }
        Ok(())
    }
}

/// The inputs of each service, asked for in parallel; none where Go says that there is nothing to compare with.
fn inputs_of_all<'a>(
    planner: &'a Planner,
    listing: &'a Listing,
) -> Vec<(&'a Service, &'a Main, Result<Option<Inputs>>)> {
    let mains: Vec<&Main> = listing.modules.iter().flat_map(|module| &module.mains).collect();
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
