//! The builder `docker`: builds with buildx, or with the BuildKit of the daemon where there is no buildx, and pushes.
//! It never uses the builder that Docker had before BuildKit, and never guesses a digest.

mod arguments;
mod progress;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Deserialize;

pub(super) use self::arguments::cache_image;
use self::arguments::{Client, ResultFiles, Target, references, target_of_build};
use self::progress::{Format, Progress, Seen};
use crate::execute::builder::{
    BuildResult, Builder, Commands, Job, StepContext, StepError, may_a_push_pass, scratch_folder, with_digest,
    without_tags,
};
use crate::execute::cancel::Cancellation;
use crate::execute::process::{self, Ended, Invocation};
use crate::ledger::Image;
use crate::registry::is_digest;

/// How long `docker` may take to say what it can.
const PATIENCE: Duration = Duration::from_secs(30);

/// More than the metadata of any build has.
const LARGEST_METADATA: u64 = 16 * 1024 * 1024;

/// Builds and pushes with `docker`.
#[derive(Clone, Debug)]
pub struct DockerBuilder {
    client: Client,
}

/// A `docker` that cannot build.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NoDocker {
    message: String,
    /// What to do about it.
    pub hint: &'static str,
}

impl DockerBuilder {
    /// Asks the `docker` of this machine how it builds.
    ///
    /// # Errors
    /// If there is none, it has no BuildKit, or its daemon does not answer.
    pub fn find(environment: &[(OsString, OsString)], cancellation: &Cancellation) -> Result<Self, NoDocker> {
        let ask = |words: &[&str]| ask(words, environment, cancellation);
        let client = if ask(&["buildx", "version"])?.is_well() {
            let builder = ask(&["buildx", "inspect"])?.or_refuse("has no builder that can be used")?;
            Client::Buildx {
                is_daemon: driver(&builder) == Some("docker"),
                has_raw_progress: ask(&["buildx", "build", "--help"])?.text.contains("rawjson"),
            }
        } else {
            if ask(&["build", "--help"])?.text.contains("buildx component is missing") {
                let message = "this `docker` cannot use BuildKit".to_owned();
                let hint = "install its component buildx (the package docker-buildx-plugin)";
                return Err(NoDocker { message, hint });
            }
            Client::Plain
        };
        let needs_daemon = !matches!(client, Client::Buildx { is_daemon: false, .. });
        if needs_daemon {
            ask(&["version", "--format", "{{.Server.Version}}"])?.or_refuse("does not reach its daemon")?;
        }
        Ok(Self { client })
    }

    fn build_in(
        &self,
        folder: &Path,
        job: &Job,
        target: Target,
        context: &mut StepContext<'_>,
    ) -> Result<(Image, Progress), StepError> {
        let (metadata, image_id) = (folder.join("metadata.json"), folder.join("image-id"));
        let files = ResultFiles { metadata: &metadata, image_id: &image_id };
        let (argv, left_out) = arguments::build(self.client, job, target, Some(files));
        for setting in left_out {
            context.note(&format!("without buildx there is no {setting}; it was left out"));
        }
        let format = match self.client {
            Client::Buildx { has_raw_progress: true, .. } => Format::RawJson,
            Client::Buildx { .. } | Client::Plain => Format::Plain,
        };
        let mut progress = Progress::new(format);
        let say = context.progress;
        let ended = context.run_translated(&invocation(job, argv), &mut |line| {
            let Seen { log, begun } = progress.line(line);
            if let Some(begun) = begun {
                say(&begun);
            }
            log
        });
        for line in progress.finish() {
            context.note(&line);
        }
        ended.map_err(|error| explained(error, &progress))?;
        let (id, digest) = match self.client {
            Client::Plain => (std::fs::read_to_string(&image_id).unwrap_or_default().trim().to_owned(), None),
            Client::Buildx { .. } => read_metadata(&metadata).map_err(StepError::failed)?,
        };
        // An image of the daemon has its digest only once it was pushed.
        let image = match target {
            Target::Daemon if is_digest(&id) => Image { reference: Some(id), ..Image::default() },
            Target::Daemon => return Err(StepError::failed("docker did not say which image it built")),
            // No registry has it yet, so its digest is of no use to anybody.
            Target::Builder => Image::default(),
            Target::Registry => Image { digest, ..Image::default() },
        };
        Ok((image, progress))
    }

    /// Pushes an image of the daemon under each of its names.
    fn push_from_daemon(job: &Job, image: &Image, context: &mut StepContext<'_>) -> Result<Image, StepError> {
        let Some(id) = &image.reference else {
            return Err(StepError { is_gone: true, ..StepError::failed("it is not known which image was built") });
        };
        let mut digests = Vec::new();
        for reference in references(job) {
            let mut output = String::new();
            let tagged = context.run(&invocation(job, arguments::tag(id, &reference)), &mut |line| output += line);
            tagged.map_err(|error| match output.contains("No such image") {
                true => StepError { message: format!("the image {id} is gone"), is_gone: true, ..error },
                false => error,
            })?;
            let mut lines = PushLines::default();
            let say = context.progress;
            let pushed = context.run(&invocation(job, arguments::push(&reference)), &mut |line| {
                if lines.line(line) {
                    say(line);
                }
            });
            pushed.map_err(|error| may_a_push_pass(error, &lines.last))?;
            digests.extend(lines.digest);
        }
        with_digest("docker", image, digests)
    }
}

impl Builder for DockerBuilder {
    fn build(&self, job: &Job, context: &mut StepContext<'_>) -> Result<BuildResult, StepError> {
        let folder = scratch_folder()?;
        let target = target_of_build(self.client, job);
        let (mut image, progress) = self.build_in(folder.path(), job, target, context)?;
        if let (Target::Daemon, Some(id)) = (target, &image.reference) {
            image.size = size(job, id, context)?;
        }
        let (total, cached) = progress.counts();
        Ok(BuildResult { image, cached_steps: Some(cached), total_steps: Some(total) })
    }

    fn push(&self, job: &Job, image: &Image, context: &mut StepContext<'_>) -> Result<Image, StepError> {
        if references(job).is_empty() {
            return Err(without_tags());
        }
        match target_of_build(self.client, job) {
            Target::Daemon => Self::push_from_daemon(job, image, context),
            // All of it comes from the cache of the builder, which then pushes it.
            Target::Builder | Target::Registry => {
                let folder = scratch_folder()?;
                let built = self.build_in(folder.path(), job, Target::Registry, context);
                let (pushed, _) = built.map_err(|error| may_a_push_pass(error, ""))?;
                if pushed.digest.is_none() {
                    return Err(StepError::failed("docker did not say what it pushed"));
                }
                Ok(pushed)
            }
        }
    }

    fn push_reads_inputs(&self, job: &Job) -> bool {
        target_of_build(self.client, job) == Target::Builder
    }

    fn commands(&self, job: &Job) -> Commands {
        let target = target_of_build(self.client, job);
        let build = arguments::build(self.client, job, target, None).0;
        let push = match target {
            Target::Daemon => {
                let both = |name: &String| [arguments::tag("IMAGE", name), arguments::push(name)];
                references(job).iter().flat_map(both).collect()
            }
            Target::Builder | Target::Registry => {
                vec![arguments::build(self.client, job, Target::Registry, None).0]
            }
        };
        Commands { build: vec![build], push }
    }
}

/// What `docker image push` says.
#[derive(Default)]
struct PushLines {
    digest: Option<String>,
    last: String,
}

impl PushLines {
    /// Takes a line; returns whether it says something new.
    fn line(&mut self, line: &str) -> bool {
        if line.trim().is_empty() || line == self.last {
            return false;
        }
        // `v1: digest: sha256:… size: 735`
        let mut words = line.split_ascii_whitespace().skip_while(|word| *word != "digest:").skip(1);
        if let Some(digest) = words.next().filter(|digest| is_digest(digest)) {
            self.digest = Some(digest.to_owned());
        }
        line.clone_into(&mut self.last);
        true
    }
}

/// The bytes of the layers of an image of the daemon; `None` if it does not say.
fn size(job: &Job, id: &str, context: &mut StepContext<'_>) -> Result<Option<u64>, StepError> {
    let argv = ["docker", "image", "inspect", "--format", "size {{.Size}}", id].map(OsString::from).to_vec();
    let mut size = None;
    let asked = context.run(&invocation(job, argv), &mut |line| {
        size = line.strip_prefix("size ").and_then(|size| size.parse().ok()).or(size);
    });
    match asked {
        Err(error) if error.exit_status.is_none() => Err(error),
        Ok(()) | Err(_) => Ok(size),
    }
}

/// The error of a build in the words of BuildKit, where it has any.
fn explained(error: StepError, progress: &Progress) -> StepError {
    // A program that was killed or stopped says nothing about why.
    if error.exit_status.is_none() {
        return error;
    }
    let message = progress.error().unwrap_or_else(|| error.message.clone());
    StepError { message, may_pass_later: progress.failed_on_network(), ..error }
}

/// What buildx writes into its metadata file, as far as it is read here.
#[derive(Debug, Deserialize)]
struct Metadata {
    #[serde(rename = "containerimage.digest", default)]
    digest: String,
    #[serde(rename = "containerimage.config.digest", default)]
    config: String,
}

/// The id that the daemon knows the image by, and the digest of its manifest.
fn read_metadata(path: &PathBuf) -> Result<(String, Option<String>), String> {
    let about = |what: &dyn std::fmt::Display| format!("the metadata that buildx wrote cannot be read: {what}");
    let size = std::fs::metadata(path).map_err(|error| about(&error))?.len();
    if size > LARGEST_METADATA {
        return Err(about(&"it is too large"));
    }
    let bytes = std::fs::read(path).map_err(|error| about(&error))?;
    let found: Metadata = serde_json::from_slice(&bytes).map_err(|error| about(&error))?;
    Ok(ids(found))
}

/// A daemon without the image store of containerd knows images by the digest of their configuration, which it may give
/// as that of the image; one with it knows them by that of their manifest.
fn ids(metadata: Metadata) -> (String, Option<String>) {
    let digest = Some(metadata.digest).filter(|digest| is_digest(digest));
    let id = digest.clone().or_else(|| Some(metadata.config).filter(|config| is_digest(config)));
    (id.unwrap_or_default(), digest)
}

fn invocation(job: &Job, argv: Vec<OsString>) -> Invocation {
    let mut environment = job.environment.clone();
    environment.insert("DOCKER_BUILDKIT".into(), "1".into());
    environment.insert("DOCKER_CLI_HINTS".into(), "false".into());
    Invocation { argv, dir: job.root.clone(), environment: environment.into_iter().collect() }
}

/// What `docker` answered.
struct Answer {
    ended: Ended,
    text: String,
}

impl Answer {
    fn is_well(&self) -> bool {
        self.ended == Ended::Exited(0)
    }

    fn or_refuse(self, what: &str) -> Result<String, NoDocker> {
        if self.is_well() {
            return Ok(self.text);
        }
        let words = self.text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it says nothing");
        let words = words.strip_prefix("ERROR: ").unwrap_or(words);
        let hint = "see that Docker runs and `docker info` answers, or set `[image] builder`";
        Err(NoDocker { message: format!("`docker` {what}: {words}"), hint })
    }
}

fn ask(words: &[&str], environment: &[(OsString, OsString)], cancellation: &Cancellation) -> Result<Answer, NoDocker> {
    let mut environment = environment.to_vec();
    environment.push(("DOCKER_BUILDKIT".into(), "1".into()));
    let argv = std::iter::once("docker").chain(words.iter().copied()).map(OsString::from).collect();
    let invocation = Invocation { argv, dir: std::env::temp_dir(), environment };
    let mut text = String::new();
    let ended = process::run(&invocation, Instant::now() + PATIENCE, cancellation, &mut |line| {
        text += &String::from_utf8_lossy(line);
        text.push('\n');
    });
    match ended {
        Ok(ended) => Ok(Answer { ended, text }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(NoDocker {
            message: "there is no program `docker` here".to_owned(),
            hint: "install Docker, or set `[image] builder` to \"buildah\" or \"command\"",
        }),
        Err(error) => Err(NoDocker { message: format!("cannot run docker: {error}"), hint: "see that it can be run" }),
    }
}

/// The driver that `docker buildx inspect` names.
fn driver(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("Driver:")).map(str::trim)
}
