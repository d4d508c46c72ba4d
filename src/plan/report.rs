//! What happened when a plan was run: the values that the executor fills and the renderers show. It holds no clock:
//! times come from whoever ran the plan.

use std::collections::BTreeMap;

use crate::plan::{Decision, StepKind};

/// What happened when a plan was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The commit that head was compared with; `None` without one.
    pub base: Option<String>,
    /// The commit that was checked out.
    pub head: String,
    /// How it ended.
    pub outcome: RunOutcome,
    /// Milliseconds since 1970.
    pub started: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The steps, in the order of the plan.
    pub steps: Vec<StepReport>,
    /// All services, by name.
    pub images: Vec<ImageReport>,
    /// What else the user should know, one sentence each.
    pub warnings: Vec<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunOutcome {
    /// Every step ended well.
    Ok,
    /// Some did not.
    Failed,
    /// The user stopped it.
    Cancelled,
}

impl RunOutcome {
    /// The name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepOutcome {
    /// Well.
    Ok,
    /// Not.
    Failed,
    /// It took too long and was killed.
    TimedOut,
    /// It was killed because the run was stopped.
    Cancelled,
    /// It was not started, because a step that it needs did not end well, or because the run was stopped.
    Skipped,
}

impl StepOutcome {
    /// The name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::TimedOut => "timed-out",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }
}

/// What happened to one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepReport {
    /// `SERVICE/build`.
    pub id: String,
    /// What it does.
    pub kind: StepKind,
    /// For which service.
    pub service: String,
    /// How it ended.
    pub outcome: StepOutcome,
    /// Each time that it was tried.
    pub attempts: Vec<AttemptReport>,
    /// Its log file, as the user can open it; `None` if it was never started.
    pub log: Option<String>,
    /// The last lines of its output, if it did not end well.
    pub tail: Vec<String>,
    /// How many steps of the builder came from its cache; `None` if it does not say.
    pub cached_steps: Option<u32>,
    /// How many steps the builder had.
    pub total_steps: Option<u32>,
}

/// One try of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptReport {
    /// Milliseconds since 1970.
    pub started: u64,
    /// In milliseconds.
    pub duration_ms: u64,
    /// What the program ended with; `None` if it was killed or there is none.
    pub exit_status: Option<i32>,
    /// Why it did not end well, in one sentence.
    pub error: Option<String>,
}

/// What became of the image of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageReport {
    /// The service.
    pub service: String,
    /// Its fingerprint, as 64 hexadecimal digits; `None` if an input cannot be known.
    pub fingerprint: Option<String>,
    /// What the plan was.
    pub decision: Decision,
    /// The image repository, or what the builder knows the image by.
    pub reference: Option<String>,
    /// The tags that it was given.
    pub tags: Vec<String>,
    /// The digest of its manifest, from this run or from the ledger.
    pub digest: Option<String>,
    /// The bytes of its layers.
    pub size: Option<u64>,
    /// The same of the image before.
    pub size_before: Option<u64>,
    /// Whether it is at its destination as far as is known.
    pub pushed: bool,
}

/// Something that happens while a plan is run, as it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The run begins; how many steps there are.
    RunStarted {
        /// By kind.
        steps: BTreeMap<&'static str, usize>,
    },
    /// A step begins, or is tried again.
    StepStarted {
        /// The step.
        id: String,
        /// From 1.
        attempt: u32,
        /// Its log file.
        log: String,
    },
    /// A step says what it is at.
    StepProgress {
        /// The step.
        id: String,
        /// In the words of its program, on one line.
        message: String,
    },
    /// A step ended.
    StepEnded {
        /// The step.
        id: String,
        /// How.
        outcome: StepOutcome,
        /// In milliseconds, all attempts together.
        duration_ms: u64,
        /// Why it did not end well.
        error: Option<String>,
    },
    /// The run ended.
    RunEnded {
        /// How.
        outcome: RunOutcome,
        /// In milliseconds.
        duration_ms: u64,
    },
}

impl Report {
    /// The steps that ended in one way.
    pub fn with_outcome(&self, outcome: StepOutcome) -> impl Iterator<Item = &StepReport> {
        self.steps.iter().filter(move |step| step.outcome == outcome)
    }

    /// The steps that went wrong by themselves: not those that were stopped or never started.
    pub fn failures(&self) -> impl Iterator<Item = &StepReport> {
        self.steps.iter().filter(|step| matches!(step.outcome, StepOutcome::Failed | StepOutcome::TimedOut))
    }

    /// The bytes of all images whose size now and before is known: now, and before. `None` if there are none.
    pub fn sizes(&self) -> Option<(u64, u64)> {
        let both = self.images.iter().filter_map(|image| Some((image.size?, image.size_before?)));
        both.reduce(|(size, before), (more, more_before)| {
            (size.saturating_add(more), before.saturating_add(more_before))
        })
    }

    /// How many steps of the builders came from their caches, and how many there were; `None` if none said so.
    pub fn cached(&self) -> Option<(u64, u64)> {
        let both = self.steps.iter().filter_map(|step| Some((step.cached_steps?, step.total_steps?)));
        both.map(|(cached, total)| (u64::from(cached), u64::from(total)))
            .reduce(|(cached, total), (more, more_total)| (cached + more, total + more_total))
    }
}

impl StepReport {
    /// In milliseconds, all attempts together.
    pub fn duration_ms(&self) -> u64 {
        self.attempts.iter().fold(0, |all, attempt| all.saturating_add(attempt.duration_ms))
    }

    /// Why it did not end well, as the last attempt tells it.
    pub fn error(&self) -> Option<&str> {
        self.attempts.last()?.error.as_deref()
    }
}
