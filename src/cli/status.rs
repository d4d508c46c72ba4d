//! `buildplan status`.

use std::path::Path;

use crate::cli::args::{GlobalArguments, StatusArguments, StatusFormat};
use crate::cli::output::{Failure, Output, Status};
use crate::git::Repository;
use crate::ledger::local::LocalLedger;
use crate::ledger::{Entry, History, Ledger as _};
use crate::render::json;
use crate::render::status::{StatusRow, status_document, status_text};

pub(super) fn run(global: &GlobalArguments, command: &StatusArguments, output: &Output) -> Result<Status, Failure> {
    let repository = Repository::discover(global.directory.as_deref().unwrap_or(Path::new(".")))?;
    let ledger = LocalLedger::new(repository.common_dir());
    let mut histories = ledger.histories();
    for name in &command.services {
        if !histories.contains_key(name) {
            return Err(Failure::new(format!("the ledger has never seen a service `{name}`"))
                .with_hint("`buildplan status` lists all that it has seen"));
        }
    }
    histories.retain(|name, _| command.services.is_empty() || command.services.contains(name));
    for complaint in ledger.complaints() {
        output.warn(complaint);
    }
    let rows: Vec<StatusRow> = histories.iter().flat_map(|(service, history)| rows(service, history)).collect();
    let rendered = match command.output {
        StatusFormat::Text => status_text(&rows, date),
        StatusFormat::Json => json::to_text(&status_document(&rows)).map_err(Failure::new)?,
    };
    output.data(&rendered)?;
    Ok(Status::Done)
}

/// A row for each fingerprint.
fn rows(service: &str, history: &History) -> Vec<StatusRow> {
    let row = |(fingerprint, entries): &(String, Vec<Entry>)| {
        let mut row =
            StatusRow { service: service.to_owned(), fingerprint: fingerprint.clone(), ..StatusRow::default() };
        for entry in entries {
            match entry {
                Entry::Attempt(attempt) => {
                    row.started = row.started.max(attempt.started);
                    if attempt.step == "build" {
                        row.outcome.clone_from(&attempt.outcome);
                    }
                }
                Entry::Built(built) => {
                    row.built = true;
                    row.started = row.started.max(built.started);
                    row.commit = Some(built.commit.clone());
                    row.duration_ms = Some(built.duration_ms);
                    row.reference.clone_from(&built.image.reference);
                    row.digest = row.digest.take().or_else(|| built.image.digest.clone());
                    row.size = row.size.or(built.image.size);
                }
                Entry::Pushed(pushed) => {
                    row.started = row.started.max(pushed.started);
                    row.pushed.extend(pushed.tags.iter().map(|tag| format!("{}:{tag}", pushed.repository)));
                    row.digest = pushed.image.digest.clone().or(row.digest);
                    row.size = pushed.image.size.or(row.size);
                }
            }
        }
        row
    };
    history.fingerprints.iter().map(row).collect()
}

/// Milliseconds since 1970 as a date.
fn date(milliseconds: u64) -> String {
    let time = i64::try_from(milliseconds).ok().and_then(|time| jiff::Timestamp::from_millisecond(time).ok());
    time.map(|time| format!("{time:.0}")).unwrap_or_default()
}
