//! `buildplan schema`.

use crate::cli::args::{SchemaArguments, SchemaChoice};
use crate::cli::output::{Failure, Output, Status};
use crate::render::json;
use crate::render::schema::{SchemaName, schema};

pub(super) fn run(command: &SchemaArguments, output: &Output) -> Result<Status, Failure> {
    let name = match command.name {
        SchemaChoice::Config => SchemaName::Config,
        SchemaChoice::Plan => SchemaName::Plan,
        SchemaChoice::Inputs => SchemaName::Inputs,
        SchemaChoice::Packages => SchemaName::Packages,
        SchemaChoice::Matrix => SchemaName::Matrix,
        SchemaChoice::Status => SchemaName::Status,
        SchemaChoice::Lint => SchemaName::Lint,
        SchemaChoice::Report => SchemaName::Report,
    };
    output.data(&json::to_text(&schema(name)).map_err(Failure::new)?)?;
    Ok(Status::Done)
}
