//! Turns the steps of a report into bars on two pools of lanes and a time axis: where each bar is, in shares of the whole
//! time from left to right and in pixels from top to bottom. It knows no colours and escapes nothing; the template does.

use std::fmt::Write as _;

use serde::Serialize;

use crate::plan::StepKind;
use crate::plan::report::{Report, StepOutcome, StepReport};
use crate::render::words;

/// The height of a pool's title, and of the axis below the pools.
const TITLE: usize = 30;
const AXIS: usize = 26;

/// What a character of a label takes, and the space beside it, of a page that is 1000 wide.
const LETTER: f64 = 7.2;
const LABEL_MARGIN: f64 = 14.0;

/// A narrower bar could not be seen, in percent.
const NARROWEST: f64 = 0.12;

/// When each step ran, drawn on lanes.
#[derive(Debug, Serialize)]
pub(super) struct Timeline {
    pub(super) height: usize,
    /// Where the lanes end and the axis begins.
    pub(super) axis: usize,
    pub(super) pools: Vec<Pool>,
    pub(super) ticks: Vec<Tick>,
    pub(super) legend: Vec<Key>,
}

/// What a colour means.
#[derive(Debug, Serialize)]
pub(super) struct Key {
    class: &'static str,
    meaning: &'static str,
}

/// The lanes of the builds, or of the pushes.
#[derive(Debug, Serialize)]
pub(super) struct Pool {
    pub(super) name: &'static str,
    /// `4 lanes, 12 steps, 93 % busy`.
    pub(super) facts: String,
    /// Where its title stands.
    pub(super) title: usize,
    pub(super) bars: Vec<Bar>,
}

/// A step on its lane.
#[derive(Debug, Serialize)]
pub(super) struct Bar {
    /// Which row of the table of steps it is.
    pub(super) row: usize,
    pub(super) top: usize,
    pub(super) height: usize,
    pub(super) left: String,
    pub(super) width: String,
    pub(super) kind: &'static str,
    pub(super) outcome: &'static str,
    /// What a pointer that rests on it is told.
    pub(super) hint: String,
    /// The service, if there is room for it.
    pub(super) label: Option<String>,
    /// Whether the label fits on a narrow page, too.
    pub(super) is_wide: bool,
    /// From its first attempt to its last, with the pauses; one entry means that the bar itself is the attempt.
    pub(super) attempts: Vec<Part>,
}

/// An attempt within a bar.
#[derive(Debug, Serialize)]
pub(super) struct Part {
    pub(super) left: String,
    pub(super) width: String,
    pub(super) is_last: bool,
}

/// A line of the time axis.
#[derive(Debug, Serialize)]
pub(super) struct Tick {
    pub(super) left: String,
    pub(super) label: String,
    /// `start`, `middle` or `end`: where its label stands.
    pub(super) anchor: &'static str,
}

/// A step that was started, with its times in milliseconds from the start of the run.
struct Span<'r> {
    row: usize,
    step: &'r StepReport,
    start: u64,
    end: u64,
}

/// The time line of a report; `None` if nothing was started.
pub(super) fn timeline(report: &Report) -> Option<Timeline> {
    let spans: Vec<Span<'_>> =
        report.steps.iter().enumerate().filter_map(|(row, step)| span(report.started, row, step)).collect();
    let end = spans.iter().map(|span| span.end).max()?.max(report.duration_ms).max(1);
    let mut top = 0;
    let mut pools = Vec::new();
    for (name, is_build) in [("Builds", true), ("Pushes", false)] {
        let own: Vec<&Span<'_>> = spans.iter().filter(|span| (span.step.kind == StepKind::Build) == is_build).collect();
        if !own.is_empty() {
            pools.push(pool(name, own, end, &mut top));
        }
    }
    Some(Timeline { height: top + AXIS, axis: top, pools, ticks: ticks(end), legend: legend(&spans) })
}

/// The colours that occur.
fn legend(spans: &[Span<'_>]) -> Vec<Key> {
    let is = |outcome| move |span: &Span<'_>| span.step.outcome == outcome;
    let occurs = |condition: &dyn Fn(&Span<'_>) -> bool| spans.iter().any(condition);
    let keys = [
        ("build", "built", occurs(&|span| is(StepOutcome::Ok)(span) && span.step.kind == StepKind::Build)),
        ("push", "pushed or tagged", occurs(&|span| is(StepOutcome::Ok)(span) && span.step.kind != StepKind::Build)),
        ("failed", "failed", occurs(&is(StepOutcome::Failed))),
        ("timed-out", "timed out", occurs(&is(StepOutcome::TimedOut))),
        ("cancelled", "stopped", occurs(&is(StepOutcome::Cancelled))),
        ("earlier", "an attempt before", occurs(&|span| span.step.attempts.len() > 1)),
    ];
    keys.into_iter().filter(|(.., occurs)| *occurs).map(|(class, meaning, _)| Key { class, meaning }).collect()
}

fn span(run_started: u64, row: usize, step: &StepReport) -> Option<Span<'_>> {
    let (first, last) = (step.attempts.first()?, step.attempts.last()?);
    let start = first.started.saturating_sub(run_started);
    let end = last.started.saturating_sub(run_started).saturating_add(last.duration_ms).max(start);
    Some(Span { row, step, start, end })
}

fn pool(name: &'static str, mut spans: Vec<&Span<'_>>, end: u64, top: &mut usize) -> Pool {
    spans.sort_by_key(|span| (span.start, span.row));
    let lanes = lanes(&spans);
    let count = lanes.iter().max().map_or(0, |last| last + 1);
    let (pitch, height) = match count {
        0..=16 => (26, 22),
        17..=40 => (14, 11),
        _ => (6, 5),
    };
    let title = *top + TITLE - 10;
    let first = *top + TITLE;
    let draw = |(span, lane): (&&Span<'_>, &usize)| bar(span, first + lane * pitch, height, end);
    let bars = spans.iter().zip(&lanes).map(draw).collect();
    *top = first + count * pitch + 8;
    Pool { name, facts: facts(&spans, count), title, bars }
}

/// For each span the first lane that is free when it starts. The spans are sorted by their start. Steps of one lane hand
/// over within the same millisecond, so an end and a start that are equal do not overlap.
fn lanes(spans: &[&Span<'_>]) -> Vec<usize> {
    let mut free_from: Vec<u64> = Vec::new();
    let place = |span: &&Span<'_>| {
        let lane = free_from.iter().position(|free| *free <= span.start).unwrap_or(free_from.len());
        match free_from.get_mut(lane) {
            Some(free) => *free = span.end,
            None => free_from.push(span.end),
        }
        lane
    };
    spans.iter().map(place).collect()
}

/// How many lanes and steps there are, and how busy the lanes were between the first start and the last end.
fn facts(spans: &[&Span<'_>], lanes: usize) -> String {
    let (first, last) = (spans.iter().map(|span| span.start).min(), spans.iter().map(|span| span.end).max());
    let busy: u128 = spans.iter().map(|span| u128::from(span.end - span.start)).sum();
    let there = first.zip(last).map_or(0, |(first, last)| u128::from(last - first)) * lanes as u128;
    let mut text = format!("{}, {}", words::count(lanes, "lane"), words::count(spans.len(), "step"));
    if let Some(share) = (busy * 100).checked_div(there)
        && lanes > 1
    {
        let _ = write!(text, ", {share} % busy");
    }
    text
}

fn bar(span: &Span<'_>, top: usize, height: usize, end: u64) -> Bar {
    let step = span.step;
    let (left, width) = (share(span.start, end), share(span.end - span.start, end).max(NARROWEST));
    let last = step.attempts.last().map_or(0, |attempt| attempt.duration_ms);
    let room = share(last, end).max(NARROWEST) * 10.0 - LABEL_MARGIN;
    let mark = if step.outcome == StepOutcome::Ok { "" } else { "✕ " };
    let label = format!("{mark}{}", words::escape(&step.service));
    let fits = |scale: f64| letters(&label) * LETTER <= room * scale;
    let attempts = step.attempts.iter().enumerate().map(|(number, attempt)| {
        let start = attempt.started.saturating_sub(step.attempts.first().map_or(0, |first| first.started));
        let length = (span.end - span.start).max(1);
        Part {
            left: percent(share(start, length).min(100.0)),
            width: percent(share(attempt.duration_ms, length).clamp(1.0, 100.0)),
            is_last: number + 1 == step.attempts.len(),
        }
    });
    Bar {
        row: span.row,
        top,
        height,
        left: percent(left.min(100.0 - NARROWEST)),
        width: percent(width),
        kind: step.kind.as_str(),
        outcome: step.outcome.as_str(),
        hint: hint(span),
        is_wide: fits(0.6),
        attempts: attempts.collect(),
        label: (height > 16 && fits(1.0)).then_some(label),
    }
}

fn hint(span: &Span<'_>) -> String {
    let step = span.step;
    let mut text = format!(
        "{}: {} in {}, from {} to {}",
        words::escape(&step.id),
        words::outcome(step.outcome),
        words::duration(step.duration_ms()),
        words::duration(span.start),
        words::duration(span.end)
    );
    if step.attempts.len() > 1 {
        let _ = write!(text, ", {} attempts", step.attempts.len());
    }
    if let (Some(cached), Some(total)) = (step.cached_steps, step.total_steps) {
        let _ = write!(text, ", {cached} of {total} steps cached");
    }
    text
}

/// Lines at round times, at most eight of them.
fn ticks(end: u64) -> Vec<Tick> {
    const ROUND: [u64; 20] = [
        10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000,
        900_000, 1_800_000, 3_600_000, 7_200_000,
    ];
    let known = ROUND.into_iter().find(|distance| end / distance < 8);
    // Beyond 16 hours, in whole hours.
    let distance = known.unwrap_or_else(|| end.div_ceil(8 * 3_600_000).saturating_mul(3_600_000));
    let tick = |number: u64| {
        let time = number.saturating_mul(distance);
        let left = share(time, end);
        let anchor = match left {
            0.0..3.0 => "start",
            97.0.. => "end",
            _ => "middle",
        };
        Tick { left: percent(left), label: tick_label(time, distance), anchor }
    };
    (0..=end / distance).map(tick).collect()
}

fn tick_label(time: u64, distance: u64) -> String {
    match (time, distance) {
        (0, _) => "0".to_owned(),
        (_, 0..100) => format!("{:.2} s", seconds(time)),
        (_, 100..1000) => format!("{:.1} s", seconds(time)),
        (_, 1000..60_000) if time < 60_000 => format!("{} s", time / 1000),
        (_, 1000..60_000) => format!("{}:{:02}", time / 60_000, time / 1000 % 60),
        (_, 60_000..3_600_000) if time < 3_600_000 => format!("{} min", time / 60_000),
        (_, 60_000..3_600_000) => format!("{} h {:02}", time / 3_600_000, time / 60_000 % 60),
        _ => format!("{} h", time / 3_600_000),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a picture is not exact to the millisecond")]
fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "a picture is not exact to the millisecond")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole as f64
}

#[expect(clippy::cast_precision_loss, reason = "a picture is not exact to the letter")]
fn letters(text: &str) -> f64 {
    text.chars().count() as f64
}

fn percent(share: f64) -> String {
    format!("{share:.3}%")
}
