//! What every builder can do, and what it is given for it. A builder turns a [`Job`] into an image; it decides nothing
//! about what is built, and knows neither the plan nor the ledger.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Instant;

use crate::config::{Builder as BuilderKind, ImageSettings, RunSettings};
use crate::execute::cancel::Cancellation;
use crate::execute::log::StepLog;
use crate::execute::process::{self, Ended, Invocation};
use crate::ledger::Image;
use crate::plan::report::StepOutcome;

/// Everything that a builder needs to know of a service.
#[derive(Clone, Debug)]
pub struct Job {
    /// The service.
    pub service: String,
    /// Its fingerprint as 64 hexadecimal digits; `None` if an input cannot be known.
    pub fingerprint: Option<String>,
    /// The folder of its `main` package below `root`, `.` for the root itself.
    pub package: Option<String>,
    /// The root of the working copy; programs are started there.
    pub root: PathBuf,
    /// The build context.
    pub context: PathBuf,
    /// The Dockerfile.
    pub dockerfile: Option<PathBuf>,
    /// `linux/amd64` and so on, never empty.
    pub platforms: Vec<String>,
    /// Where the image is pushed to.
    pub repository: Option<String>,
    /// The tags that it gets there.
    pub tags: Vec<String>,
    /// How it is built. Templates in it are filled.
    pub settings: ImageSettings,
    /// How long its steps may take, and how often they are tried.
    pub limits: RunSettings,
    /// The environment of its programs.
    pub environment: BTreeMap<OsString, OsString>,
}

/// What a build gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildResult {
    /// The image.
    pub image: Image,
    /// How many steps of the builder came from its cache; `None` if it does not say.
    pub cached_steps: Option<u32>,
    /// How many steps the builder had.
    pub total_steps: Option<u32>,
}

/// Why a step did not end well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepError {
    /// Failed, timed out or cancelled.
    pub outcome: StepOutcome,
    /// What the program ended with.
    pub exit_status: Option<i32>,
    /// In one sentence.
    pub message: String,
    /// Whether the same might go well later: a network that does not answer, not a compile error.
    pub may_pass_later: bool,
    /// Whether the image is not where it was said to be, so that it has to be built again.
    pub is_gone: bool,
}

impl StepError {
    /// A failure that trying again does not mend.
    pub fn failed(message: impl Into<String>) -> Self {
        let outcome = StepOutcome::Failed;
        Self { outcome, exit_status: None, message: message.into(), may_pass_later: false, is_gone: false }
    }

    /// The same, but it may pass.
    #[must_use]
    pub fn that_may_pass(self) -> Self {
        Self { may_pass_later: true, ..self }
    }
}

/// Something that builds and pushes images.
pub trait Builder: Send + Sync {
    /// Builds the image.
    ///
    /// # Errors
    /// If there is no image; what was printed is in the log.
    fn build(&self, job: &Job, context: &mut StepContext<'_>) -> Result<BuildResult, StepError>;

    /// Pushes an image with all tags of the job. The result has the digest that the registry knows it by; without one
    /// it does not count as pushed.
    ///
    /// # Errors
    /// If it is not there with all its tags.
    fn push(&self, job: &Job, image: &Image, context: &mut StepContext<'_>) -> Result<Image, StepError>;

    /// The command lines of a build and of a push, for `--dry-run`.
    fn commands(&self, job: &Job) -> Commands;
}

/// The builders that there are, by the name that the configuration gives them.
pub type Builders = BTreeMap<BuilderKind, Box<dyn Builder>>;

/// What a builder starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commands {
    /// For a build.
    pub build: Vec<Vec<OsString>>,
    /// For a push.
    pub push: Vec<Vec<OsString>>,
}

/// What a step may use while it runs.
pub struct StepContext<'r> {
    pub(super) log: &'r mut StepLog,
    pub(super) deadline: Instant,
    pub(super) cancellation: &'r Cancellation,
    pub(super) progress: &'r (dyn Fn(&str) + Sync),
}

impl StepContext<'_> {
    /// Runs a program to its end; its output goes to the log, and line by line to `on_line`.
    ///
    /// # Errors
    /// If it cannot be started, fails, takes too long or is cancelled.
    pub fn run(&mut self, invocation: &Invocation, on_line: &mut dyn FnMut(&str)) -> Result<(), StepError> {
        let log = &mut *self.log;
        let mut both = |line: &[u8]| {
            log.add(line);
            on_line(&String::from_utf8_lossy(line));
        };
        let ended = process::run(invocation, self.deadline, self.cancellation, &mut both);
        self.log.flush();
        let name = invocation.argv.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let error = |outcome, message: String| StepError { outcome, ..StepError::failed(message) };
        match ended {
            Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => {
                Err(StepError::failed(format!("there is no program `{name}` here")))
            }
            Err(problem) => Err(StepError::failed(format!("cannot run {name}: {problem}"))),
            Ok(Ended::Exited(0)) => Ok(()),
            Ok(Ended::Exited(status)) => Err(StepError {
                exit_status: Some(status),
                ..StepError::failed(format!("{name} ended with exit status {status}"))
            }),
            Ok(Ended::Killed(signal)) => Err(StepError::failed(format!("{name} was killed by signal {signal}"))),
            Ok(Ended::TimedOut) => Err(error(StepOutcome::TimedOut, "it took too long and was killed".to_owned())),
            Ok(Ended::Cancelled) => Err(error(StepOutcome::Cancelled, "it was stopped".to_owned())),
        }
    }

    /// Says what the step is at.
    pub fn progress(&self, message: &str) {
        (self.progress)(message);
    }

    /// Adds a line to the log that no program printed.
    pub fn note(&mut self, line: &str) {
        self.log.add(line.as_bytes());
    }
}
