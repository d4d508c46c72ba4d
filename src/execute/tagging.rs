//! Gives an image that its registry has more tags there, whatever built it: its manifest is put under them, and no layer
//! is moved. It also asks the registry what a builder does not say, the size.

use std::collections::BTreeSet;

use crate::execute::builder::{BuildResult, Builder, Commands, Job, StepContext, StepError};
use crate::ledger::Image;
use crate::plan::StepKind;
use crate::plan::report::StepOutcome;
use crate::registry::{FailureKind, Patience, Registry, RegistryError};

/// Whether a step only puts tags in a registry, for which no builder is needed.
pub fn needs_no_builder(registry: Option<&Registry>, job: &Job, kind: StepKind, image: Option<&Image>) -> bool {
    let is_known = image.is_some_and(|image| image.digest.is_some());
    registry.is_some() && job.has_known_registry && kind == StepKind::Tag && is_known
}

/// The tags of a job that are not there yet.
pub fn missing_tags(job: &Job, there: Option<&BTreeSet<String>>) -> Vec<String> {
    let is_missing = |tag: &&String| there.is_none_or(|there| !there.contains(*tag));
    job.tags.iter().filter(is_missing).cloned().collect()
}

/// Stands for the builder in a step that only puts tags.
pub(super) struct Tagger<'t> {
    pub(super) registry: &'t Registry,
    /// The tags that the image has.
    pub(super) there: Option<&'t BTreeSet<String>>,
}

impl Builder for Tagger<'_> {
    fn build(&self, _: &Job, _: &mut StepContext<'_>) -> Result<BuildResult, StepError> {
        Err(StepError::failed("a registry builds nothing"))
    }

    fn push(&self, job: &Job, image: &Image, context: &mut StepContext<'_>) -> Result<Image, StepError> {
        let (Some(repository), Some(digest)) = (&job.repository, &image.digest) else {
            return Err(StepError::failed("it is not known which image to tag"));
        };
        let missing = missing_tags(job, self.there);
        context.note(&format!("tagging {repository}@{digest} as {}", missing.join(", ")));
        let cancellation = context.cancellation;
        let patience = Patience { until: context.deadline, is_over: &|| cancellation.is_raised() };
        self.registry.tag(repository, digest, &missing, patience).map_err(|error| failure(&error))?;
        Ok(image.clone())
    }

    fn commands(&self, _: &Job) -> Commands {
        Commands::default()
    }
}

fn failure(error: &RegistryError) -> StepError {
    let failed = StepError::failed(error.to_string());
    match error.kind {
        FailureKind::Cancelled => StepError { outcome: StepOutcome::Cancelled, ..failed },
        FailureKind::TimedOut => StepError { outcome: StepOutcome::TimedOut, ..failed },
        FailureKind::Missing => StepError { is_gone: true, ..failed },
        FailureKind::Unavailable => failed.that_may_pass(),
        FailureKind::Refused | FailureKind::Wrong => failed,
    }
}

/// The image with its size, if its registry can say it. Nothing depends on that.
pub(super) fn with_size(registry: Option<&Registry>, job: &Job, image: Image) -> Image {
    if image.size.is_some() {
        return image;
    }
    let known = registry.zip(job.repository.as_deref()).zip(image.digest.as_deref());
    let size = known.and_then(|((registry, repository), digest)| registry.size(repository, digest).ok());
    Image { size, ..image }
}
