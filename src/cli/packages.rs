//! `buildplan packages`.

use crate::cli::args::{GlobalArguments, PackagesArguments, PackagesFormat};
use crate::cli::comparison::compare;
use crate::cli::output::{Failure, Output, Status};
use crate::plan::packages::{Question, affected_packages};
use crate::render::json;
use crate::render::packages::{packages_document, packages_text};

pub(super) fn run(global: &GlobalArguments, command: &PackagesArguments, output: &Output) -> Result<Status, Failure> {
    let question = if command.tests { Question::Tests } else { Question::Builds };
    let packages = compare(global, &command.comparison, true, |comparison| {
        Ok(affected_packages(comparison.base, comparison.head, question))
    })?;
    let text = match command.output {
        PackagesFormat::Text => packages_text(&packages),
        PackagesFormat::Json => json::to_text(&packages_document(&packages, command.tests)).map_err(Failure::new)?,
    };
    output.data(&text)?;
    Ok(if command.exit_code && !packages.is_empty() { Status::SomethingToBuild } else { Status::Done })
}
