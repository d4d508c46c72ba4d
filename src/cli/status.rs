//! `buildplan status`.

use std::collections::BTreeMap;
use std::path::Path;

use crate::cli::args::{ComparisonArguments, GlobalArguments, LedgerChoice, StatusArguments, StatusFormat};
use crate::cli::comparison::{compare, configuration};
use crate::cli::output::{Failure, Output, Status};
use crate::config::LedgerStore;
use crate::git::Repository;
use crate::ledger::local::LocalLedger;
use crate::ledger::registry::fingerprint_tag;
use crate::ledger::{Entry, History, Ledger as _, Query, Record};
use crate::render::json;
use crate::render::status::{StatusRow, status_document, status_text};

pub(super) fn run(global: &GlobalArguments, command: &StatusArguments, output: &Output) -> Result<Status, Failure> {
    let repository = Repository::discover(global.directory.as_deref().unwrap_or(Path::new(".")))?;
    let store = match command.ledger {
        Some(choice) => choice.store(),
        None => configuration(global, &repository)?.ledger.store,
    };
    let ledger = LocalLedger::new(repository.common_dir());
    let histories = if store == LedgerStore::None { BTreeMap::new() } else { ledger.histories() };
    let mut rows: Vec<StatusRow> = histories.iter().flat_map(|(service, history)| rows(service, history)).collect();
    for complaint in ledger.complaints() {
        output.warn(complaint);
    }
    if store == LedgerStore::Registry {
        add_registry(global, command, output, &mut rows)?;
    }
    for name in &command.services {
        if !rows.iter().any(|row| row.service == *name) {
            return Err(Failure::new(format!("the ledger has never seen a service `{name}`"))
                .with_hint("`buildplan status` lists all that it has seen"));
        }
    }
    rows.retain(|row| command.services.is_empty() || command.services.contains(&row.service));
    let rendered = match command.output {
        StatusFormat::Text => status_text(&rows, date),
        StatusFormat::Json => json::to_text(&status_document(&rows)).map_err(Failure::new)?,
    };
    output.data(&rendered)?;
    Ok(Status::Done)
}

/// Asks the registries about what is checked out.
fn add_registry(
    global: &GlobalArguments,
    command: &StatusArguments,
    output: &Output,
    rows: &mut Vec<StatusRow>,
) -> Result<(), Failure> {
    let arguments = ComparisonArguments { ledger: Some(LedgerChoice::Registry), ..ComparisonArguments::without_base() };
    let (queries, answers) = compare(global, &arguments, false, |comparison| {
        let names = &command.services;
        let asked = comparison.ask_ledger(&|state| names.is_empty() || names.contains(&state.service.name));
        for complaint in comparison.ledger.complaints() {
            output.warn(complaint);
        }
        Ok(asked)
    })?;
    for row in rows.iter_mut() {
        row.current = Some(false);
    }
    for (query, answer) in queries.iter().zip(answers) {
        let fingerprint = query.fingerprint.to_string();
        let known = rows.iter().position(|row| row.service == query.service && row.fingerprint == fingerprint);
        let mut row = match known {
            Some(number) => rows.remove(number),
            None => StatusRow { service: query.service.clone(), fingerprint, ..StatusRow::default() },
        };
        row.current = Some(true);
        told(&mut row, query, answer);
        let after = rows.partition_point(|other| other.service <= query.service);
        rows.insert(after, row);
    }
    Ok(())
}

/// What a registry says of what is checked out. What it says of the tags holds; what was recorded here does not.
fn told(row: &mut StatusRow, query: &Query, answer: Record) {
    let Some(repository) = &query.repository else { return };
    let place = |tag: &str| format!("{repository}:{tag}");
    match answer {
        Record::Unanswered(_) => {}
        Record::Pushed(image, tags) => {
            row.in_registry = Some(true);
            row.digest = image.digest;
            row.size = row.size.or(image.size);
            row.pushed = std::iter::once(place(&fingerprint_tag(&query.fingerprint)))
                .chain(tags.iter().map(|tag| place(tag)))
                .collect();
        }
        Record::Built(_) | Record::Others | Record::Unseen => {
            row.in_registry = Some(false);
            row.pushed.clear();
        }
    }
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
