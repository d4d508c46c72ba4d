//! Performs one step: makes sure that its service is still what was planned, notes the attempt, builds or pushes, and
//! records the result. What did not end well is never recorded as done.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::execute::builder::{BuildResult, Builder, Job, StepContext, StepError};
use crate::execute::log::StepLog;
use crate::execute::tagging::{self, Tagger, needs_no_builder};
use crate::execute::{Run, milliseconds, now_ms};
use crate::ledger::{Attempt, Built, Entry, Image, Pushed};
use crate::plan::report::{AttemptReport, Event, StepOutcome, StepReport};
use crate::plan::{Step, StepKind};
use crate::registry::Registry;
use crate::repo::Digest;

/// How long it waits before it tries again, the first time; then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// How long it waits at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A step that ended.
pub(super) struct Done {
    pub(super) report: StepReport,
}

/// Performs the steps of one run.
pub(super) struct Performer<'r> {
    run: &'r Run<'r>,
    /// By service.
    images: Mutex<BTreeMap<String, Image>>,
    warnings: Mutex<BTreeSet<String>>,
    failed_fast: AtomicBool,
}

impl<'r> Performer<'r> {
    pub(super) fn new(run: &'r Run<'r>) -> Self {
        Self { run, images: Mutex::default(), warnings: Mutex::default(), failed_fast: AtomicBool::new(false) }
    }

    /// The images that were built or pushed in this run.
    pub(super) fn images(&self) -> BTreeMap<String, Image> {
        lock(&self.images).clone()
    }

    /// What the user should know of the run, one sentence each.
    pub(super) fn warnings(&self) -> Vec<String> {
        lock(&self.warnings).iter().cloned().collect()
    }

    /// Stops everything because of a failure.
    pub(super) fn fail_fast(&self) {
        if !self.run.cancellation.is_raised() {
            self.failed_fast.store(true, Ordering::SeqCst);
            self.run.cancellation.raise();
        }
    }

    pub(super) fn failed_fast(&self) -> bool {
        self.failed_fast.load(Ordering::SeqCst)
    }

    /// Runs a step to its end.
    pub(super) fn perform(&self, step: &Step) -> Done {
        let path = self.run.logs.path_of(&step.id);
        let mut log = StepLog::open(&path);
        let mut report = StepReport { log: Some(path.display().to_string()), ..StepReport::not_started(step) };
        let result = match self.run.jobs.get(&step.service) {
            Some(job) => self.attempts(step, job, &mut log, &mut report),
            None => Err(StepError::failed("nothing is known of its service")),
        };
        if let Err(error) = &result {
            log.conclude(format!("{}: {}", error.outcome.as_str(), error.message).as_bytes());
        }
        log.flush();
        if let Some(problem) = log.problem.take() {
            self.warn(format!("{}: {problem}", step.id));
        }
        match result {
            Ok(built) => {
                report.outcome = StepOutcome::Ok;
                report.cached_steps = built.cached_steps;
                report.total_steps = built.total_steps;
            }
            Err(error) => {
                report.outcome = error.outcome;
                report.tail = log.into_tail();
            }
        }
        (self.run.on_event)(&Event::StepEnded {
            id: step.id.clone(),
            outcome: report.outcome,
            duration_ms: report.duration_ms(),
            error: report.error().map(str::to_owned),
        });
        Done { report }
    }

    fn attempts(
        &self,
        step: &Step,
        job: &Job,
        log: &mut StepLog,
        report: &mut StepReport,
    ) -> Result<BuildResult, StepError> {
        let retries = job.limits.push_retries;
        let mut pause = FIRST_PAUSE;
        for number in 1.. {
            let log_path = report.log.clone().unwrap_or_default();
            (self.run.on_event)(&Event::StepStarted { id: step.id.clone(), attempt: number, log: log_path });
            let (started, clock) = (now_ms(), Instant::now());
            let attempt = catch_unwind(AssertUnwindSafe(|| self.attempt(step, job, log, started)));
            let result = attempt.unwrap_or_else(|_| Err(StepError::failed("internal error; please report it")));
            let error = result.as_ref().err();
            report.attempts.push(AttemptReport {
                started,
                duration_ms: milliseconds(clock.elapsed()),
                exit_status: if error.is_none() { Some(0) } else { error.and_then(|error| error.exit_status) },
                error: error.map(|error| error.message.clone()),
            });
            self.note_attempt(step, job, started, error.map_or(StepOutcome::Ok, |error| error.outcome));
            match result {
                Err(error) if error.may_pass_later && number <= retries && !self.run.cancellation.is_raised() => {
                    log.add(format!("{}; trying again in {} s", error.message, pause.as_secs()).as_bytes());
                    self.wait(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                result => return result,
            }
        }
        Err(StepError::failed("it was tried too often"))
    }

    fn wait(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while Instant::now() < until && !self.run.cancellation.is_raised() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn attempt(&self, step: &Step, job: &Job, log: &mut StepLog, started: u64) -> Result<BuildResult, StepError> {
        let fingerprint = self.run.plan.service(&step.service).and_then(|service| service.fingerprint);
        let tagger = self.tagger(step, job);
        let builder = match &tagger {
            Some(tagger) => tagger,
            None => self.builder(job)?,
        };
        let reads_inputs = step.kind == StepKind::Build || builder.push_reads_inputs(job);
        if reads_inputs {
            (self.run.verify)(&step.service).map_err(StepError::failed)?;
        }
        if let Some(fingerprint) = &fingerprint {
            let attempt = Attempt { step: step.kind.as_str().to_owned(), started, outcome: None };
            self.record(&step.service, fingerprint, &Entry::Attempt(attempt));
        }
        let clock = Instant::now();
        let timeout = match step.kind {
            StepKind::Build => job.limits.build_timeout,
            StepKind::Push | StepKind::Tag => job.limits.push_timeout,
        };
        let id = &step.id;
        let progress = |message: &str| {
            (self.run.on_event)(&Event::StepProgress { id: id.clone(), message: message.to_owned() });
        };
        let mut context =
            StepContext { log, deadline: clock + timeout, cancellation: self.run.cancellation, progress: &progress };
        let result = match step.kind {
            StepKind::Build => {
                // What it makes may replace what an older record names, whether it is recorded or not.
                if let Some(fingerprint) = &fingerprint {
                    self.warn_if(self.run.ledger.forget(&step.service, fingerprint).err());
                }
                builder.build(job, &mut context)?
            }
            StepKind::Push | StepKind::Tag => {
                let image = self.image_of(&step.service).ok_or_else(|| StepError::failed("its image is not known"))?;
                let pushed = builder.push(job, &image, &mut context).inspect_err(|error| {
                    if let Some(fingerprint) = fingerprint.filter(|_| error.is_gone) {
                        self.warn_if(self.run.ledger.forget(&step.service, &fingerprint).err());
                    }
                })?;
                BuildResult { image: tagging::with_size(self.run.registry, job, pushed), ..BuildResult::default() }
            }
        };
        if reads_inputs {
            // What was compiled may be neither what was planned nor what is there now.
            (self.run.verify)(&step.service)
                .map_err(|moved| StepError::failed(format!("{moved}, while it was built; it is not recorded")))?;
        }
        lock(&self.images).insert(step.service.clone(), result.image.clone());
        if let Some(fingerprint) = &fingerprint {
            let duration_ms = milliseconds(clock.elapsed());
            self.record_result(step, job, fingerprint, &result.image, (started, duration_ms));
        }
        Ok(result)
    }

    fn builder(&self, job: &Job) -> Result<&dyn Builder, StepError> {
        let name = job.settings.builder;
        let missing = || StepError::failed(format!("this version cannot run the builder `{}`", name.as_str()));
        self.run.builders.get(&name).map(Box::as_ref).ok_or_else(missing)
    }

    /// What does a step for which no builder is needed.
    fn tagger(&self, step: &Step, job: &Job) -> Option<Tagger<'_>> {
        let image = self.image_of(&step.service);
        let is_enough = |registry: &&Registry| needs_no_builder(Some(registry), job, step.kind, image.as_ref());
        let registry = self.run.registry.filter(is_enough)?;
        Some(Tagger { registry, there: self.run.tagged.get(&step.service) })
    }

    fn record_result(
        &self,
        step: &Step,
        job: &Job,
        fingerprint: &Digest,
        image: &Image,
        (started, duration_ms): (u64, u64),
    ) {
        let entry = match (step.kind, &job.repository) {
            (StepKind::Build, _) => Entry::Built(Built {
                image: image.clone(),
                builder: job.settings.builder.as_str().to_owned(),
                platforms: job.platforms.clone(),
                commit: self.run.plan.head.commit.to_string(),
                started,
                duration_ms,
            }),
            // Nobody knows what was pushed, if anything was.
            (StepKind::Push | StepKind::Tag, _) if image.digest.is_none() => {
                return self.warn(format!("{}: no digest was reported, so it does not count as pushed", step.id));
            }
            (StepKind::Push | StepKind::Tag, Some(repository)) => Entry::Pushed(Pushed {
                image: image.clone(),
                repository: repository.clone(),
                tags: job.tags.clone(),
                started,
                duration_ms,
            }),
            (StepKind::Push | StepKind::Tag, None) => return,
        };
        self.record(&step.service, fingerprint, &entry);
    }

    /// Notes how an attempt ended.
    fn note_attempt(&self, step: &Step, job: &Job, started: u64, outcome: StepOutcome) {
        let fingerprint = self.run.plan.service(&job.service).and_then(|service| service.fingerprint);
        if let Some(fingerprint) = fingerprint {
            let outcome = Some(outcome.as_str().to_owned());
            let attempt = Attempt { step: step.kind.as_str().to_owned(), started, outcome };
            self.record(&step.service, &fingerprint, &Entry::Attempt(attempt));
        }
    }

    /// The image that this run made, or one before it.
    fn image_of(&self, service: &str) -> Option<Image> {
        let made = lock(&self.images).get(service).cloned();
        made.or_else(|| self.run.images.get(service).cloned())
    }

    /// A record that cannot be written costs a build the next time, and nothing else.
    fn record(&self, service: &str, fingerprint: &Digest, entry: &Entry) {
        self.warn_if(self.run.ledger.record(service, fingerprint, entry).err());
    }

    fn warn_if(&self, error: Option<crate::ledger::LedgerError>) {
        if let Some(error) = error {
            self.warn(error.to_string());
        }
    }

    fn warn(&self, message: String) {
        lock(&self.warnings).insert(message);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
