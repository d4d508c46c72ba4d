//! `buildplan completions`.

use clap::CommandFactory;

use crate::cli::args::{Arguments, CompletionsArguments};
use crate::cli::output::{Failure, Output, Status};

pub(super) fn run(command: &CompletionsArguments, output: &Output) -> Result<Status, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(command.shell, &mut Arguments::command(), "buildplan", &mut script);
    output.data(&String::from_utf8_lossy(&script))?;
    Ok(Status::Done)
}
