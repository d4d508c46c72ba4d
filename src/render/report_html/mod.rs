//! What happened when a plan was run, as one HTML page that needs nothing else: no network, no fonts, no scripts. What it
//! says is put together here; how it looks is in the files beside this one. The template escapes every text.

mod timeline;

use minijinja::Environment;
use minijinja::value::{Serde, Value};
use serde::Serialize;

use crate::plan::report::{ImageReport, Report, RunOutcome, StepOutcome, StepReport};
use crate::plan::{Decision, StepKind};
use crate::render::report::{size_change, summary};
use crate::render::words;
use timeline::{Timeline, timeline};

/// With so many steps or services, a table is shown when it is asked for.
const LONG_TABLE: usize = 100;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

#[derive(Debug, Serialize)]
struct Page {
    style: Value,
    script: Value,
    version: &'static str,
    /// `ok`, `failed` or `cancelled`.
    outcome: &'static str,
    headline: &'static str,
    summary: String,
    started: String,
    head: String,
    base: Option<String>,
    facts: Vec<Fact>,
    failures: Vec<Failure>,
    warnings: Vec<String>,
    timeline: Option<Timeline>,
    steps: Vec<StepRow>,
    steps_are_many: bool,
    /// Those that this run built, pushed, or tried to.
    images: Vec<ImageRow>,
    images_are_many: bool,
    /// Those that there was nothing to do for.
    skipped: Vec<ImageRow>,
}

/// A figure beside the headline.
#[derive(Debug, Serialize)]
struct Fact {
    name: &'static str,
    value: String,
    detail: String,
}

#[derive(Debug, Serialize)]
struct Failure {
    id: String,
    outcome: &'static str,
    error: String,
    detail: String,
    tail: Vec<String>,
    log: Option<String>,
}

/// A row of the table of steps. The numbers are what it is sorted by.
#[derive(Debug, Serialize)]
struct StepRow {
    service: String,
    kind: &'static str,
    outcome: &'static str,
    outcome_words: &'static str,
    /// Milliseconds after the start of the run; `None` if it was never started.
    start: Option<u64>,
    start_words: String,
    duration: u64,
    duration_words: String,
    /// The share of the longest step, in percent.
    share: u128,
    attempts: usize,
    cached: String,
    cached_share: Option<u64>,
}

#[derive(Debug, Serialize)]
struct ImageRow {
    service: String,
    reference: String,
    digest: String,
    tags: Vec<String>,
    fingerprint: String,
    size: Option<u64>,
    size_words: String,
    change: i128,
    change_words: String,
    /// `grew`, `shrank` or nothing.
    direction: &'static str,
    state: &'static str,
}

/// The report as an HTML page.
///
/// # Errors
/// None in practice: the template is part of the program.
pub fn report_html(report: &Report) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    // The name says that it is HTML, and so that everything is escaped.
    environment.add_template("report.html", PAGE)?;
    environment.get_template("report.html")?.render(Serde(page(report)))
}

fn page(report: &Report) -> Page {
    let is_skipped = |image: &&ImageReport| {
        image.decision == Decision::Skip && !report.steps.iter().any(|step| step.service == image.service)
    };
    let (skipped, images): (Vec<&ImageReport>, Vec<&ImageReport>) = report.images.iter().partition(is_skipped);
    Page {
        style: Value::from_safe_string(STYLE.to_owned()),
        script: Value::from_safe_string(SCRIPT.to_owned()),
        version: env!("CARGO_PKG_VERSION"),
        outcome: report.outcome.as_str(),
        headline: headline(report),
        summary: summary(report),
        started: time(report.started),
        head: short(&report.head),
        base: report.base.as_deref().map(short),
        facts: facts(report, skipped.len()),
        failures: failures(report),
        warnings: report.warnings.iter().map(|warning| words::escape(warning)).collect(),
        timeline: timeline(report),
        steps: steps(report),
        steps_are_many: report.steps.len() > LONG_TABLE,
        images_are_many: images.len() > LONG_TABLE,
        images: images.into_iter().map(|image| image_row(report, image)).collect(),
        skipped: skipped.into_iter().map(|image| image_row(report, image)).collect(),
    }
}

fn headline(report: &Report) -> &'static str {
    match report.outcome {
        RunOutcome::Ok if report.steps.is_empty() => "Up to date",
        RunOutcome::Ok => "All done",
        RunOutcome::Failed => "Failed",
        RunOutcome::Cancelled => "Stopped",
    }
}

/// A time as `2026-11-21 17:05:13 UTC`.
fn time(milliseconds: u64) -> String {
    let known = i64::try_from(milliseconds).ok().and_then(|time| jiff::Timestamp::from_millisecond(time).ok());
    known.map(|time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()).unwrap_or_default()
}

/// The beginning of a commit id.
fn short(commit: &str) -> String {
    commit.chars().take(12).collect()
}

fn facts(report: &Report, skipped: usize) -> Vec<Fact> {
    let mut facts = vec![Fact {
        name: "Services",
        value: report.images.len().to_string(),
        detail: match skipped {
            0 => "none was up to date".to_owned(),
            _ => format!("{skipped} up to date"),
        },
    }];
    if let Some((cached, total)) = report.cached() {
        let share = (cached * 100).checked_div(total).unwrap_or(0);
        let detail = format!("{cached} of {total} build steps");
        facts.push(Fact { name: "From the cache", value: format!("{share} %"), detail });
    }
    let sizes: Vec<u64> = report.images.iter().filter_map(|image| image.size).collect();
    if !sizes.is_empty() {
        let detail = match report.sizes() {
            Some((size, before)) => format!("{} since the last builds", words::size_change(size, before)),
            None => format!("in {}", words::count(sizes.len(), "image")),
        };
        let all = sizes.iter().fold(0_u64, |all, size| all.saturating_add(*size));
        facts.push(Fact { name: "Size", value: words::bytes(all), detail });
    }
    if let Some(longest) = report.steps.iter().max_by_key(|step| step.duration_ms())
        && report.steps.len() > 1
    {
        let value = words::duration(longest.duration_ms());
        facts.push(Fact { name: "Longest step", value, detail: words::escape(&longest.id) });
    }
    facts
}

fn failures(report: &Report) -> Vec<Failure> {
    let failure = |step: &StepReport| {
        let after = format!("after {}", words::duration(step.duration_ms()));
        let tried = match step.attempts.len() {
            0 | 1 => String::new(),
            attempts => format!(", tried {attempts} times"),
        };
        Failure {
            id: words::escape(&step.id),
            outcome: step.outcome.as_str(),
            error: words::escape(step.error().unwrap_or_default()),
            detail: format!("{} {after}{tried}", words::outcome(step.outcome)),
            tail: step.tail.iter().map(|line| words::log_line(line)).collect(),
            log: step.log.as_deref().map(words::escape),
        }
    };
    report.failures().map(failure).collect()
}

fn steps(report: &Report) -> Vec<StepRow> {
    let longest = report.steps.iter().map(StepReport::duration_ms).max().unwrap_or(0).max(1);
    let row = |step: &StepReport| {
        let start = step.attempts.first().map(|attempt| attempt.started.saturating_sub(report.started));
        let cached = step.cached_steps.zip(step.total_steps);
        StepRow {
            service: words::escape(&step.service),
            kind: step.kind.as_str(),
            outcome: step.outcome.as_str(),
            outcome_words: words::outcome(step.outcome),
            start,
            start_words: start.map(words::duration).unwrap_or_default(),
            duration: step.duration_ms(),
            duration_words: start.map(|_| words::duration(step.duration_ms())).unwrap_or_default(),
            share: u128::from(step.duration_ms()) * 100 / u128::from(longest),
            attempts: step.attempts.len(),
            cached: cached.map(|(cached, total)| format!("{cached} of {total}")).unwrap_or_default(),
            cached_share: cached.map(|(cached, total)| u64::from(cached) * 100 / u64::from(total.max(1))),
        }
    };
    report.steps.iter().map(row).collect()
}

fn image_row(report: &Report, image: &ImageReport) -> ImageRow {
    let change = image.size.zip(image.size_before).map_or(0, |(size, before)| i128::from(size) - i128::from(before));
    ImageRow {
        service: words::escape(&image.service),
        reference: words::escape(image.reference.as_deref().unwrap_or_default()),
        digest: words::escape(image.digest.as_deref().unwrap_or_default()),
        tags: if image.pushed { image.tags.iter().map(|tag| words::escape(tag)).collect() } else { Vec::new() },
        fingerprint: image.fingerprint.as_deref().map(short).unwrap_or_default(),
        size: image.size,
        size_words: image.size.map(words::bytes).unwrap_or_default(),
        change,
        change_words: size_change(image),
        direction: match change {
            1.. => "grew",
            ..0 => "shrank",
            0 => "",
        },
        state: state(report, image),
    }
}

/// How far an image came in this run.
fn state(report: &Report, image: &ImageReport) -> &'static str {
    let ended_well = |kind: StepKind| {
        let mut own = report.steps.iter().filter(|step| step.service == image.service && step.kind == kind);
        own.any(|step| step.outcome == StepOutcome::Ok)
    };
    match () {
        () if ended_well(StepKind::Push) => "pushed",
        () if ended_well(StepKind::Tag) => "tagged",
        () if ended_well(StepKind::Build) => "built",
        () if image.decision == Decision::Skip && image.digest.is_some() => "as before",
        () if image.decision == Decision::Skip => "unchanged",
        () => "not built",
    }
}
