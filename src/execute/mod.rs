//! Turns a [`Plan`] into a [`Report`]: starts the builders in parallel, pushes what they built, records what happened. It
//! decides nothing: what is done is in the plan.
//!
//! Builds and pushes have a rayon pool each. The executor itself sits on neither: it waits for steps that end, and hands
//! out the next, so that no worker ever waits for another step.

pub mod buildah;
pub mod builder;
pub mod cancel;
pub mod command;
pub mod docker;
pub mod exclusive;
pub mod log;
pub mod process;
mod schedule;
pub mod signals;
mod step;
pub mod tagging;
pub mod verifier;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::execute::builder::{Builders, Job};
use crate::execute::cancel::Cancellation;
use crate::execute::log::LogFolder;
use crate::execute::schedule::{Lane, Schedule};
use crate::execute::step::{Done, Performer};
use crate::ledger::{Entry, History, Image, Ledger};
use crate::plan::report::{Event, ImageReport, Report, RunOutcome, StepOutcome, StepReport};
use crate::plan::{Plan, Step, StepKind};
use crate::registry::Registry;

/// How often the executor looks whether it is still wanted.
const TICK: Duration = Duration::from_millis(25);

/// Everything that it takes to run a plan.
pub struct Run<'r> {
    /// What is done.
    pub plan: &'r Plan,
    /// For each service that has steps.
    pub jobs: &'r BTreeMap<String, Job>,
    /// What builds and pushes.
    pub builders: &'r Builders,
    /// Where it is recorded.
    pub ledger: &'r dyn Ledger,
    /// What the ledger has of each service.
    pub histories: &'r BTreeMap<String, History>,
    /// The registries of the images, if they are asked what is there; then tags are put there without the builder.
    pub registry: Option<&'r Registry>,
    /// The images that were built before, by service.
    pub images: BTreeMap<String, Image>,
    /// The tags that they have at their destinations.
    pub tagged: BTreeMap<String, BTreeSet<String>>,
    /// Whether a service is still what was planned; else which input moved.
    pub verify: &'r (dyn Fn(&str) -> Result<(), String> + Sync),
    /// How many builds run at a time.
    pub build_jobs: NonZeroUsize,
    /// How many pushes and tags.
    pub push_jobs: NonZeroUsize,
    /// Whether the first failure stops everything.
    pub fail_fast: bool,
    /// Where the logs go.
    pub logs: &'r LogFolder,
    /// Who wants to stop.
    pub cancellation: &'r Cancellation,
    /// Who is told what happens.
    pub on_event: &'r (dyn Fn(&Event) + Sync),
}

/// A plan that could not be run at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot start {count} threads: {source}")]
pub struct ExecuteError {
    count: usize,
    source: rayon::ThreadPoolBuildError,
}

/// Runs a plan to its end, or until it is stopped.
///
/// # Errors
/// If there are no threads to run it on.
pub fn run(run: &Run<'_>) -> Result<Report, ExecuteError> {
    let started = now_ms();
    let clock = Instant::now();
    let steps = &run.plan.steps;
    (run.on_event)(&Event::RunStarted { steps: counts(steps) });
    let pools = [pool("build", run.build_jobs)?, pool("push", run.push_jobs)?];
    let performer = Performer::new(run);
    let mut reports: Vec<Option<StepReport>> = steps.iter().map(|_| None).collect();
    let mut schedule = Schedule::new(steps, |step| expected_ms(run, step));
    let stopped = drive(run, &performer, &pools, &mut schedule, &mut reports);
    let steps: Vec<StepReport> = steps
        .iter()
        .zip(reports)
        .map(|(step, report)| report.unwrap_or_else(|| StepReport::not_started(step)))
        .collect();
    let outcome = match () {
        () if stopped && run.cancellation.is_raised() && !performer.failed_fast() => RunOutcome::Cancelled,
        () if steps.iter().all(|step| step.outcome == StepOutcome::Ok) => RunOutcome::Ok,
        () => RunOutcome::Failed,
    };
    let duration_ms = milliseconds(clock.elapsed());
    (run.on_event)(&Event::RunEnded { outcome, duration_ms });
    let images = images(run, &steps, &performer.images());
    Ok(Report {
        base: run.plan.base.as_ref().map(|base| base.commit.to_string()),
        head: run.plan.head.commit.to_string(),
        outcome,
        started,
        duration_ms,
        steps,
        images,
        warnings: performer.warnings(),
    })
}

/// Hands out steps until none is left; returns whether it was stopped before.
fn drive(
    run: &Run<'_>,
    performer: &Performer<'_>,
    pools: &[ThreadPool; 2],
    schedule: &mut Schedule,
    reports: &mut [Option<StepReport>],
) -> bool {
    let (sender, receiver) = mpsc::channel::<(usize, Done)>();
    let [builders, pushers] = pools;
    let limits = [(Lane::Build, run.build_jobs.get()), (Lane::Push, run.push_jobs.get())];
    let mut running = BTreeMap::from(limits.map(|(lane, _)| (lane, 0_usize)));
    let mut stopped = false;
    builders.in_place_scope(|builds| {
        pushers.in_place_scope(|pushes| {
            loop {
                if !stopped && run.cancellation.is_raised() {
                    stopped = true;
                    give_up(run, schedule.stop(), "the run was stopped", reports);
                }
                for (lane, limit) in limits {
                    let busy = running.entry(lane).or_default();
                    while *busy < limit
                        && let Some(number) = schedule.next(lane)
                    {
                        *busy += 1;
                        let sender = sender.clone();
                        // Nobody listens any more only if this thread is unwinding.
                        let work = move || _ = sender.send((number, performer.perform(&run.plan.steps[number])));
                        match lane {
                            Lane::Build => builds.spawn(move |_| work()),
                            Lane::Push => pushes.spawn(move |_| work()),
                        }
                    }
                }
                if running.values().all(|busy| *busy == 0) {
                    return;
                }
                let Ok((number, done)) = receiver.recv_timeout(TICK) else { continue };
                let step = &run.plan.steps[number];
                running.entry(Lane::of(step.kind)).and_modify(|busy| *busy -= 1);
                if done.report.outcome == StepOutcome::Ok {
                    schedule.succeed(number);
                } else {
                    give_up(run, schedule.fail(number), &format!("{} did not end well", step.id), reports);
                    if run.fail_fast {
                        performer.fail_fast();
                    }
                }
                reports[number] = Some(done.report);
            }
        });
    });
    stopped
}

/// Reports steps that are never started.
fn give_up(run: &Run<'_>, steps: Vec<usize>, reason: &str, reports: &mut [Option<StepReport>]) {
    for number in steps {
        let step = &run.plan.steps[number];
        (run.on_event)(&Event::StepEnded {
            id: step.id.clone(),
            outcome: StepOutcome::Skipped,
            duration_ms: 0,
            error: Some(reason.to_owned()),
        });
        reports[number] = Some(StepReport::not_started(step));
    }
}

fn pool(name: &'static str, count: NonZeroUsize) -> Result<ThreadPool, ExecuteError> {
    let count = count.get();
    let named = move |index| format!("{name}-{index}");
    let built = ThreadPoolBuilder::new().num_threads(count).thread_name(named).build();
    built.map_err(|source| ExecuteError { count, source })
}

/// How long a step may take, from the times before; else the weight of the service stands for it.
fn expected_ms(run: &Run<'_>, step: &Step) -> u64 {
    let history = run.histories.get(&step.service);
    let known = history.and_then(|history| {
        history.duration(|entry| match (entry, step.kind) {
            (Entry::Built(built), StepKind::Build) => Some(built.duration_ms),
            (Entry::Pushed(pushed), StepKind::Push | StepKind::Tag) => Some(pushed.duration_ms),
            _ => None,
        })
    });
    let weight = run.plan.service(&step.service).map_or(1, |service| service.weight);
    let guess = if step.kind == StepKind::Build { 30_000 } else { 5_000 };
    known.map_or_else(|| weight.saturating_mul(guess), milliseconds)
}

fn counts(steps: &[Step]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for step in steps {
        *counts.entry(step.kind.as_str()).or_default() += 1;
    }
    counts
}

/// What is known of the image of every service of the plan.
fn images(run: &Run<'_>, steps: &[StepReport], made: &BTreeMap<String, Image>) -> Vec<ImageReport> {
    let image = |service: &crate::plan::PlannedService| {
        let mut own = steps.iter().filter(|step| step.service == service.name);
        let arrived =
            |step: &StepReport| matches!(step.kind, StepKind::Push | StepKind::Tag) && step.outcome == StepOutcome::Ok;
        let is_new = made.contains_key(&service.name);
        let known = made.get(&service.name).or_else(|| run.images.get(&service.name));
        let history = run.histories.get(&service.name);
        let before = service.fingerprint.and_then(|fingerprint| history?.image_before(&fingerprint));
        let pushed = own.any(arrived) && known.is_some_and(|image| image.digest.is_some());
        ImageReport {
            service: service.name.clone(),
            fingerprint: service.fingerprint.map(|fingerprint| fingerprint.to_string()),
            decision: service.decision,
            reference: match pushed {
                true => service.image.repository.clone(),
                false => known.and_then(|image| image.reference.clone()).or_else(|| service.image.repository.clone()),
            },
            tags: if pushed { service.image.tags.clone() } else { Vec::new() },
            digest: known.and_then(|image| image.digest.clone()).or_else(|| service.digest.clone()),
            size: known.and_then(|image| image.size),
            size_before: if is_new { before.and_then(|image| image.size) } else { None },
            pushed,
        }
    };
    run.plan.services.iter().map(image).collect()
}

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl StepReport {
    fn not_started(step: &Step) -> Self {
        Self {
            id: step.id.clone(),
            kind: step.kind,
            service: step.service.clone(),
            outcome: StepOutcome::Skipped,
            attempts: Vec::new(),
            log: None,
            tail: Vec::new(),
            cached_steps: None,
            total_steps: None,
        }
    }
}

/// Where the logs of a repository's runs are, below its common Git folder.
pub fn logs_folder(common_dir: &std::path::Path) -> PathBuf {
    common_dir.join("buildplan/runs")
}
