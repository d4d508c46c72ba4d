//! `buildplan why`.

use crate::cli::args::{GlobalArguments, SelectionArguments, WhyArguments};
use crate::cli::comparison::compare;
use crate::cli::output::{Failure, Output, Status};
use crate::plan::Decision;
use crate::plan::why_not::why_not;
use crate::render::text::Detail;
use crate::render::why::why_text;

pub(super) fn run(global: &GlobalArguments, command: &WhyArguments, output: &Output) -> Result<Status, Failure> {
    let text = compare(global, &command.comparison, false, |comparison| {
        let state = comparison.service(&command.service)?;
        let plan = comparison.plan(&[], &SelectionArguments::default())?;
        let Some(service) = plan.service(&command.service) else { return Ok(String::new()) };
        let others = match service.decision {
            Decision::Skip => why_not(comparison.head, state, comparison.changes),
            Decision::Build => Vec::new(),
        };
        Ok(why_text(&plan, service, &others, output.detail == Detail::Verbose, output.styles()))
    })?;
    output.data(&text)?;
    Ok(Status::Done)
}
