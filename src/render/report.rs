//! What happened when a plan was run: as JSON, whose types here are the format, as Markdown for a job summary, and as a
//! list of images for deployment tools.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use crate::plan::StepKind;
use crate::plan::report::{Event, ImageReport, Report, StepOutcome, StepReport};
use crate::render::json::Tool;
use crate::render::markdown::escape;
use crate::render::words;

/// What happened when a plan was run.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "buildplan.report.v1")]
pub struct ReportDocument<'r> {
    /// Always `buildplan.report.v1`.
    schema: &'static str,
    tool: Tool,
    plan: PlanReference<'r>,
    /// `ok`, `failed` or `cancelled`.
    outcome: &'static str,
    /// Milliseconds since 1970.
    started: u64,
    /// In milliseconds.
    duration_ms: u64,
    /// The steps of the plan, in its order. A service that was skipped has none.
    steps: Vec<StepDocument<'r>>,
    /// Every service, by name.
    images: Vec<ImageDocument<'r>>,
    /// What else is worth knowing, one sentence each.
    warnings: &'r [String],
}

/// Which plan was run.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct PlanReference<'r> {
    /// The commit that was compared with; null without one.
    base: Option<&'r str>,
    /// The commit that was checked out.
    head: &'r str,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct StepDocument<'r> {
    /// `SERVICE/build`, `SERVICE/push` or `SERVICE/tag`.
    id: &'r str,
    /// `build`, `push` or `tag`.
    kind: &'static str,
    service: &'r str,
    /// `ok`, `failed`, `timed-out`, `cancelled`, or `skipped` if it was never started.
    outcome: &'static str,
    /// Each time that it was tried.
    attempts: Vec<AttemptDocument<'r>>,
    /// Its log file; null if it was never started.
    log: Option<&'r str>,
    /// How many steps of the builder came from its cache; null if it does not say.
    cached_steps: Option<u32>,
    /// How many steps the builder had; null if it does not say.
    total_steps: Option<u32>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct AttemptDocument<'r> {
    /// Milliseconds since 1970.
    started: u64,
    /// In milliseconds.
    duration_ms: u64,
    /// What the program ended with; null if it was killed, or never started.
    exit_status: Option<i32>,
    /// Why it did not end well.
    error: Option<&'r str>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct ImageDocument<'r> {
    service: &'r str,
    /// 64 hexadecimal digits; null if an input cannot be known.
    fingerprint: Option<&'r str>,
    /// `build` or `skip`: what the plan said.
    decision: &'static str,
    /// The image repository, or what the builder knows the image by.
    reference: Option<&'r str>,
    /// The tags that it was given there.
    tags: &'r [String],
    /// The digest of its manifest; null if nobody reported it.
    digest: Option<&'r str>,
    /// In bytes; null if nobody reported it.
    size: Option<u64>,
    /// The size of the image that was built before it.
    size_before: Option<u64>,
    /// Whether this run pushed or tagged it.
    pushed: bool,
}

/// The document of a report.
pub fn report_document(report: &Report) -> ReportDocument<'_> {
    ReportDocument {
        schema: "buildplan.report.v1",
        tool: Tool::this(),
        plan: PlanReference { base: report.base.as_deref(), head: &report.head },
        outcome: report.outcome.as_str(),
        started: report.started,
        duration_ms: report.duration_ms,
        steps: report.steps.iter().map(step).collect(),
        images: report.images.iter().map(image).collect(),
        warnings: &report.warnings,
    }
}

fn step(step: &StepReport) -> StepDocument<'_> {
    let attempts = step.attempts.iter().map(|attempt| AttemptDocument {
        started: attempt.started,
        duration_ms: attempt.duration_ms,
        exit_status: attempt.exit_status,
        error: attempt.error.as_deref(),
    });
    StepDocument {
        id: &step.id,
        kind: step.kind.as_str(),
        service: &step.service,
        outcome: step.outcome.as_str(),
        attempts: attempts.collect(),
        log: step.log.as_deref(),
        cached_steps: step.cached_steps,
        total_steps: step.total_steps,
    }
}

fn image(image: &ImageReport) -> ImageDocument<'_> {
    ImageDocument {
        service: &image.service,
        fingerprint: image.fingerprint.as_deref(),
        decision: image.decision.as_str(),
        reference: image.reference.as_deref(),
        tags: &image.tags,
        digest: image.digest.as_deref(),
        size: image.size,
        size_before: image.size_before,
        pushed: image.pushed,
    }
}

/// One line of the events of a run.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum EventDocument<'e> {
    RunStarted { steps: &'e std::collections::BTreeMap<&'static str, usize> },
    StepStarted { id: &'e str, attempt: u32, log: &'e str },
    StepProgress { id: &'e str, message: &'e str },
    StepEnded { id: &'e str, outcome: &'static str, duration_ms: u64, error: Option<&'e str> },
    RunEnded { outcome: &'static str, duration_ms: u64 },
}

/// An event with the time at which it happened, in milliseconds since 1970, as one line of JSON.
///
/// # Errors
/// None in practice: all of it can be written as JSON.
pub fn event_line(event: &Event, time: u64) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    struct Line<'e> {
        time: u64,
        #[serde(flatten)]
        event: EventDocument<'e>,
    }
    let event = match event {
        Event::RunStarted { steps } => EventDocument::RunStarted { steps },
        Event::StepStarted { id, attempt, log } => EventDocument::StepStarted { id, attempt: *attempt, log },
        Event::StepProgress { id, message } => EventDocument::StepProgress { id, message },
        Event::StepEnded { id, outcome, duration_ms, error } => EventDocument::StepEnded {
            id,
            outcome: outcome.as_str(),
            duration_ms: *duration_ms,
            error: error.as_deref(),
        },
        Event::RunEnded { outcome, duration_ms } => {
            EventDocument::RunEnded { outcome: outcome.as_str(), duration_ms: *duration_ms }
        }
    };
    serde_json::to_string(&Line { time, event })
}

/// What happened, in one line: `3 built, 3 pushed, 1 failed in 12.3 s`.
pub fn summary(report: &Report) -> String {
    let mut parts = Vec::new();
    for (kind, done) in [("build", "built"), ("push", "pushed"), ("tag", "tagged")] {
        let ended = report.with_outcome(StepOutcome::Ok).filter(|step| step.kind.as_str() == kind).count();
        if ended > 0 {
            parts.push(format!("{ended} {done}"));
        }
    }
    let others = [
        (StepOutcome::Failed, "failed"),
        (StepOutcome::TimedOut, "timed out"),
        (StepOutcome::Cancelled, "stopped"),
        (StepOutcome::Skipped, "not started"),
    ];
    for (outcome, words) in others {
        let count = report.with_outcome(outcome).count();
        if count > 0 {
            parts.push(format!("{count} {words}"));
        }
    }
    if parts.is_empty() {
        parts.push("nothing to do".to_owned());
    }
    format!("{} in {}", parts.join(", "), words::duration(report.duration_ms))
}

/// What happened, for people: failures with the end of their logs, then one line.
pub fn report_text(report: &Report) -> String {
    let mut text = String::new();
    for step in report.failures() {
        let error = words::escape(step.error().unwrap_or_default());
        let _ = writeln!(text, "{} {}: {error}", step.id, step.outcome.as_str());
        for line in &step.tail {
            let _ = writeln!(text, "  | {}", words::log_line(line));
        }
        if let Some(log) = &step.log {
            let _ = writeln!(text, "  all of it: {log}");
        }
        text.push('\n');
    }
    if let Some((size, before)) = report.sizes().filter(|(size, before)| size != before) {
        let _ = writeln!(
            text,
            "new images: {}, {} since the last builds",
            words::bytes(size),
            words::size_change(size, before)
        );
    }
    let _ = writeln!(text, "{}", summary(report));
    text
}

/// The report as Markdown, for the summary of a CI job.
pub fn report_markdown(report: &Report) -> String {
    let mut text = format!("### {}\n\n", escape(&summary(report)));
    if !report.steps.is_empty() {
        text.push_str("| step | outcome | time | tried | cached |\n| --- | --- | ---: | ---: | ---: |\n");
        for step in &report.steps {
            let cached = match (step.cached_steps, step.total_steps) {
                (Some(cached), Some(total)) => format!("{cached} of {total}"),
                _ => String::new(),
            };
            let (time, tried) = match step.attempts.len() {
                0 => (String::new(), String::new()),
                attempts => (words::duration(step.duration_ms()), attempts.to_string()),
            };
            let (id, outcome) = (escape(&step.id), step.outcome.as_str());
            let _ = writeln!(text, "| {id} | {outcome} | {time} | {tried} | {cached} |");
        }
        text.push('\n');
    }
    for step in report.failures() {
        let error = step.error().unwrap_or_default();
        let _ = writeln!(text, "<details><summary>{}: {}</summary>\n\n<pre>", escape(&step.id), escape(error));
        for line in &step.tail {
            let _ = writeln!(text, "{}", escape_html(&words::log_line(line)));
        }
        text.push_str("</pre></details>\n\n");
    }
    let images: Vec<&ImageReport> = report.images.iter().filter(|image| image.digest.is_some()).collect();
    if !images.is_empty() {
        text.push_str("| image | digest | size | since the last build |\n| --- | --- | ---: | ---: |\n");
        for image in images {
            let name = image.reference.as_deref().unwrap_or(&image.service);
            let digest = escape(image.digest.as_deref().unwrap_or_default());
            let size = image.size.map(words::bytes).unwrap_or_default();
            let _ = writeln!(text, "| {} | {digest} | {size} | {} |", escape(name), size_change(image));
        }
        text.push('\n');
    }
    for warning in &report.warnings {
        let _ = writeln!(text, "- {}", escape(&words::escape(warning)));
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// How the size of an image differs from that of the one before; empty if either is not known.
pub(super) fn size_change(image: &ImageReport) -> String {
    let sizes = image.size.zip(image.size_before);
    sizes.map(|(size, before)| words::size_change(size, before)).unwrap_or_default()
}

/// `reference@digest` of every service whose digest is known, one a line.
pub fn image_list(report: &Report) -> String {
    let mut text = String::new();
    let was_sent = |service: &str| {
        let mut pushes = report.steps.iter().filter(|step| step.service == service && step.kind != StepKind::Build);
        pushes.all(|step| step.outcome == StepOutcome::Ok)
    };
    for image in report.images.iter().filter(|image| was_sent(&image.service)) {
        if let (Some(reference), Some(digest)) = (&image.reference, &image.digest) {
            let _ = writeln!(text, "{reference}@{digest}");
        }
    }
    text
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
