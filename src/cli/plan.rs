//! `buildplan plan`.

use crate::cli::args::{GlobalArguments, PlanArguments, PlanFormat};
use crate::cli::comparison::compare;
use crate::cli::output::{Failure, Output, Status};
use crate::render::{json, markdown, text};

pub(super) fn run(global: &GlobalArguments, command: &PlanArguments, output: &Output) -> Result<Status, Failure> {
    let plan = compare(global, &command.comparison, false, |comparison| {
        comparison.plan(&command.services, &command.selection)
    })?;
    let rendered = match command.output {
        PlanFormat::Text => text::plan_text(&plan, output.detail, output.styles()),
        PlanFormat::Json => json::to_text(&json::plan_document(&plan)).map_err(Failure::new)?,
        PlanFormat::Markdown => markdown::plan_markdown(&plan),
    };
    output.data(&rendered)?;
    Ok(if command.exit_code && !plan.steps.is_empty() { Status::SomethingToBuild } else { Status::Done })
}
