//! `buildplan inputs`.

use crate::cli::args::{ComparisonArguments, GlobalArguments, InputsArguments, InputsFormat, SelectionArguments};
use crate::cli::comparison::compare;
use crate::cli::output::{Failure, Output, Status};
use crate::render::inputs::{difference_document, difference_text, inputs_document, inputs_text};
use crate::render::json;

pub(super) fn run(global: &GlobalArguments, command: &InputsArguments, output: &Output) -> Result<Status, Failure> {
    // The manifest of head needs no base, and must not fail where there is none.
    let compared = ComparisonArguments { all: command.comparison.all || !command.diff, ..command.comparison.clone() };
    let text = compare(global, &compared, false, |comparison| {
        let state = comparison.service(&command.service)?;
        if !command.diff {
            let document = inputs_document(comparison.head, state);
            return match command.output {
                InputsFormat::Text => Ok(inputs_text(&document, output.styles())),
                InputsFormat::Json => json::to_text(&document).map_err(Failure::new),
            };
        }
        let plan = comparison.plan(&[], &SelectionArguments::default())?;
        let Some(service) = plan.service(&command.service) else { return Ok(String::new()) };
        match command.output {
            InputsFormat::Text => Ok(difference_text(service, output.styles())),
            InputsFormat::Json => json::to_text(&difference_document(service)).map_err(Failure::new),
        }
    })?;
    output.data(&text)?;
    Ok(Status::Done)
}
