//! Turns arguments into an exit code: one file for each command, each a straight line through the stages.
//!
//! Only this module prints, and only this module reads the environment. It decides nothing.

mod args;
mod comparison;
mod completions;
mod groups;
mod inputs;
mod lint;
mod lock;
mod matrix;
mod output;
mod packages;
mod plan;
mod plan_file;
mod progress;
mod run;
mod run_report;
mod schema;
mod status;
mod why;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::args::{Arguments, Command};
use crate::cli::output::{Failure, Output, Status};

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // `--help` and `--version` come here too; clap knows which stream each belongs to.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Status::Error } else { Status::Done });
        }
    };
    let output = Output::new(&arguments.global);
    match run(&arguments, &output) {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            output.fail(&failure);
            ExitCode::from(Status::Error)
        }
    }
}

fn run(arguments: &Arguments, output: &Output) -> Result<Status, Failure> {
    let global = &arguments.global;
    match &arguments.command {
        Command::Plan(command) => plan::run(global, command, output),
        Command::Why(command) => why::run(global, command, output),
        Command::Inputs(command) => inputs::run(global, command, output),
        Command::Packages(command) => packages::run(global, command, output),
        Command::Matrix(command) => matrix::run(global, command, output),
        Command::Run(command) => run::run(global, command, output),
        Command::Status(command) => status::run(global, command, output),
        Command::Lint(command) => lint::run(global, command, output),
        Command::Lock(command) => lock::run(global, command, output),
        Command::Schema(command) => schema::run(command, output),
        Command::Completions(command) => completions::run(command, output),
    }
}
