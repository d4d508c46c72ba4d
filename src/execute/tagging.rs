//! Gives an image that its registry has more tags there, whatever built it: its manifest is put under them, and no layer
//! is moved. It also asks the registry what a builder does not say, the size.

use std::collections::BTreeSet;

use crate::execute::builder::{Job, StepContext, StepError};
use crate::ledger::Image;
use crate::plan::report::StepOutcome;
use crate::plan::{Step, StepKind};
use crate::registry::{FailureKind, Patience, Registry, RegistryError};

/// An image in a registry that is to have more tags.
pub(super) struct Target<'t> {
    registry: &'t Registry,
    repository: &'t str,
    digest: String,
    tags: &'t [String],
}

/// What a step tags without its builder; `None` if the step does something else, or it is not known what to tag.
pub(super) fn target<'t>(
    registry: Option<&'t Registry>,
    step: &Step,
    job: &'t Job,
    image: &Image,
) -> Option<Target<'t>> {
    let registry = registry.filter(|_| step.kind == StepKind::Tag)?;
    let (repository, digest) = (job.repository.as_deref()?, image.digest.clone()?);
    Some(Target { registry, repository, digest, tags: &job.tags })
}

impl Target<'_> {
    /// Puts the tags that are not there.
    pub(super) fn put(&self, there: Option<&BTreeSet<String>>, context: &mut StepContext<'_>) -> Result<(), StepError> {
        let is_missing = |tag: &&String| there.is_none_or(|there| !there.contains(*tag));
        let missing: Vec<String> = self.tags.iter().filter(is_missing).cloned().collect();
        context.note(&format!("tagging {}@{} as {}", self.repository, self.digest, missing.join(", ")));
        let cancellation = context.cancellation;
        let patience = Patience { until: context.deadline, is_over: &|| cancellation.is_raised() };
        self.registry.tag(self.repository, &self.digest, &missing, patience).map_err(|error| failure(&error))
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
