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
use crate::registry::is_digest;

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
    /// Whether the plan pushes what is built.
    pub is_pushed: bool,
    /// Whether its registry can be told by us to give an image more tags. What a command pushed may be anywhere, unless
    /// the registry itself says that it is there.
    pub has_known_registry: bool,
    /// How it is built. Templates in it are filled.
    pub settings: ImageSettings,
    /// How long its steps may take, and how often they are tried.
    pub limits: RunSettings,
    /// The environment of its programs.
    pub environment: BTreeMap<OsString, OsString>,
}

impl Job {
    /// Whether the registry of the image may be spoken to without TLS.
    pub(super) fn is_insecure(&self) -> bool {
        let host = self.repository.as_deref().and_then(|repository| repository.split('/').next()).unwrap_or_default();
        self.settings.insecure_registries.iter().any(|insecure| insecure == host)
    }
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

/// A push that failed may go well later, unless the registry says that it is not allowed, or the builder that it is not
/// possible.
pub(super) fn may_a_push_pass(error: StepError, last_line: &str) -> StepError {
    const FINAL: [&str; 5] = ["unauthorized", "denied", "no basic auth credentials", "forbidden", "invalid reference"];
    if error.exit_status.is_none() {
        return error;
    }
    let is_final = |text: &str| FINAL.iter().any(|words| text.to_ascii_lowercase().contains(words));
    let may_pass_later = !is_final(last_line) && !is_final(&error.message);
    let message = match last_line.trim() {
        "" => error.message,
        said => format!("{}: {said}", error.message),
    };
    StepError { message, may_pass_later, ..error }
}

/// The image with the digest that each of its tags was pushed as, which must be the same.
pub(super) fn with_digest(program: &str, image: &Image, mut digests: Vec<String>) -> Result<Image, StepError> {
    digests.dedup();
    match digests.as_slice() {
        [digest] if is_digest(digest) => Ok(Image { digest: Some(digest.clone()), ..image.clone() }),
        [] | [_] => Err(StepError::failed(format!("{program} did not say what it pushed"))),
        several => Err(StepError::failed(format!("its tags were pushed as different images: {}", several.join(", ")))),
    }
}

/// Why something without a tag cannot be pushed: the default tag is the fingerprint.
pub(super) fn without_tags() -> StepError {
    StepError::failed(
        "it has no tag to push it with, because its fingerprint cannot be known; add a tag without {fingerprint} to \
         `[image] tags`",
    )
}

/// A folder for the files that a program writes for its caller.
pub(super) fn scratch_folder() -> Result<tempfile::TempDir, StepError> {
    let made = tempfile::Builder::new().prefix("buildplan-").tempdir();
    made.map_err(|error| StepError::failed(format!("cannot make a temporary folder: {error}")))
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

    /// Whether a push looks at the files of the service again, which then must still be what was planned.
    fn push_reads_inputs(&self, _job: &Job) -> bool {
        false
    }

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
        self.run_with(invocation, &mut |log, line| {
            log.add(line);
            on_line(&String::from_utf8_lossy(line));
        })
    }

    /// The same, but the log gets what `translate` makes of each line.
    ///
    /// # Errors
    /// If it cannot be started, fails, takes too long or is cancelled.
    pub fn run_translated(
        &mut self,
        invocation: &Invocation,
        translate: &mut dyn FnMut(&str) -> Vec<String>,
    ) -> Result<(), StepError> {
        self.run_with(invocation, &mut |log, line| {
            for line in translate(&String::from_utf8_lossy(line)) {
                log.add(line.as_bytes());
            }
        })
    }

    fn run_with(
        &mut self,
        invocation: &Invocation,
        on_line: &mut dyn FnMut(&mut StepLog, &[u8]),
    ) -> Result<(), StepError> {
        let log = &mut *self.log;
        let ended = process::run(invocation, self.deadline, self.cancellation, &mut |line| on_line(log, line));
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A service `api` in `/repo`.
    pub(in crate::execute) fn job() -> Job {
        Job {
            service: "api".into(),
            fingerprint: Some("f".repeat(64)),
            package: Some("cmd/api".into()),
            root: "/repo".into(),
            context: "/repo".into(),
            dockerfile: Some("/repo/Dockerfile".into()),
            platforms: vec!["linux/amd64".into()],
            repository: Some("r.io/api".into()),
            tags: vec!["a".into(), "b".into()],
            is_pushed: false,
            has_known_registry: true,
            settings: ImageSettings::default(),
            limits: RunSettings::default(),
            environment: BTreeMap::new(),
        }
    }

    #[test]
    fn a_push_that_is_refused_is_not_tried_again() {
        let failed = || StepError { exit_status: Some(1), ..StepError::failed("docker ended with exit status 1") };
        let passes = |last: &str| may_a_push_pass(failed(), last);
        assert!(passes("received unexpected HTTP status: 500").may_pass_later);
        assert!(passes("").may_pass_later);
        assert!(!passes("unauthorized: authentication required").may_pass_later);
        let denied = passes("denied: requested access to the resource is denied");
        assert_eq!(
            (denied.may_pass_later, denied.message.as_str()),
            (false, "docker ended with exit status 1: denied: requested access to the resource is denied")
        );
    }
}
