//! What `buildplan run` leaves behind when it has ended: the reports, what it prints, and its exit status.

use std::ffi::OsStr;
use std::path::Path;

use crate::cli::args::{GlobalArguments, RunArguments, RunFormat};
use crate::cli::output::{Failure, Output, Status, write_file};
use crate::plan::report::{Report, RunOutcome};
use crate::render::report_html::report_html;
use crate::render::{json, report};

/// Refuses reports that could never be written, before an hour of builds and not after it.
pub(super) fn check_places(global: &GlobalArguments, command: &RunArguments) -> Result<(), Failure> {
    for file in &command.report {
        let file = global.place(file);
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let reason = match (file.is_dir(), folder.is_dir()) {
            (true, _) => "it is a folder".to_owned(),
            (false, false) => format!("there is no folder {}", folder.display()),
            (false, true) => continue,
        };
        return Err(Failure::new(format!("cannot write the report {}: {reason}", file.display())));
    }
    Ok(())
}

/// Writes and prints what happened. What cannot be written keeps nothing else from being: it is an error at the end, if
/// nothing worse happened.
pub(super) fn finish(global: &GlobalArguments, command: &RunArguments, done: &Report, output: &Output) -> Status {
    for warning in &done.warnings {
        output.warn(warning);
    }
    let mut failures = Vec::new();
    for file in &command.report {
        let written = rendered(done, format_of(file)).and_then(|text| write_file(&global.place(file), &text));
        failures.extend(written.err());
    }
    let printed = rendered(done, command.output).and_then(|text| output.data(&text));
    failures.extend(printed.err());
    let status = match done.outcome {
        RunOutcome::Ok if failures.is_empty() => Status::Done,
        RunOutcome::Ok => Status::Error,
        RunOutcome::Failed => Status::StepFailed,
        RunOutcome::Cancelled => Status::Interrupted,
    };
    for failure in &failures {
        output.fail(failure);
    }
    status
}

/// What a report is written as, by its name.
fn format_of(file: &Path) -> RunFormat {
    let extension = file.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
    match extension.as_deref() {
        Some("md") => RunFormat::Markdown,
        Some("html" | "htm") => RunFormat::Html,
        _ => RunFormat::Json,
    }
}

fn rendered(done: &Report, format: RunFormat) -> Result<String, Failure> {
    match format {
        RunFormat::Text => Ok(report::report_text(done)),
        RunFormat::Json => json::to_text(&report::report_document(done)).map_err(Failure::new),
        RunFormat::Markdown => Ok(report::report_markdown(done)),
        RunFormat::Html => report_html(done).map_err(Failure::new),
        RunFormat::Images => Ok(report::image_list(done)),
    }
}
