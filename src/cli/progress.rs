//! Tells how a run goes: live bars on a terminal, plain lines elsewhere, and in a CI system the log of each step once it
//! has ended. Nothing that a program printed moves a cursor or is taken for a command.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{IsTerminal as _, Write as _, stderr};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::groups::Groups;
use crate::cli::output::{Failure, Output};
use crate::plan::report::{Event, StepOutcome};
use crate::render::ci_log::CiLog;
use crate::render::report::event_line;
use crate::render::text::Detail;
use crate::render::words;

/// Everyone who is told what happens.
pub(super) struct Progress<'o> {
    output: &'o Output,
    show: Show,
    events: Mutex<Option<File>>,
}

/// How it is shown what happens.
enum Show {
    Lines,
    Bars(Bars),
    Groups(Groups),
}

struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    steps: Mutex<BTreeMap<String, ProgressBar>>,
}

impl<'o> Progress<'o> {
    /// Tells it to standard error, in the way of the CI system if it is one, and to a file of events if there is one.
    pub(super) fn new(output: &'o Output, system: Option<CiLog>, events: Option<&Path>) -> Result<Self, Failure> {
        let open = |path: &Path| {
            File::create(path).map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))
        };
        let is_terminal = stderr().is_terminal() && std::env::var_os("CI").is_none();
        let show = match system {
            Some(system) => Show::Groups(Groups::new(system, output.detail == Detail::Quiet)),
            None if is_terminal && output.detail != Detail::Quiet => Show::Bars(Bars::new()),
            None => Show::Lines,
        };
        Ok(Self { output, show, events: Mutex::new(events.map(open).transpose()?) })
    }

    /// Takes in an event.
    pub(super) fn tell(&self, event: &Event) {
        self.write_event(event);
        match &self.show {
            Show::Bars(bars) => {
                bars.tell(event);
                if let Some(message) = complaint(event) {
                    bars.all.suspend(|| self.output.complain(&message));
                }
            }
            Show::Groups(groups) => groups.tell(event, now_ms() / 1000),
            Show::Lines => {
                if let Some(line) = line(event) {
                    self.output.say(line);
                }
                if let Some(message) = complaint(event) {
                    self.output.complain(&message);
                }
            }
        }
    }

    /// An event that cannot be written ends the file, not the run.
    fn write_event(&self, event: &Event) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = events.as_mut() else { return };
        let line = event_line(event, now_ms());
        let written = line.map_err(std::io::Error::from).and_then(|line| file.write_all((line + "\n").as_bytes()));
        if let Err(error) = written {
            self.output.warn(format!("the events are not complete: {error}"));
            *events = None;
        }
    }
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let total = all.add(ProgressBar::new(0));
        total.set_style(style("{bar:24} {pos} of {len} steps, {elapsed}"));
        Self { all, total, steps: Mutex::default() }
    }

    fn tell(&self, event: &Event) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::RunStarted { steps } => {
                self.total.set_length(steps.values().map(|count| *count as u64).sum());
                self.total.enable_steady_tick(Duration::from_millis(200));
            }
            Event::StepStarted { id, .. } => {
                let bar = self.all.insert_before(&self.total, ProgressBar::new_spinner());
                bar.set_style(style("  {prefix} {elapsed} {wide_msg:.dim}"));
                bar.set_prefix(id.clone());
                bar.enable_steady_tick(Duration::from_millis(200));
                if let Some(before) = steps.insert(id.clone(), bar) {
                    before.finish_and_clear();
                }
            }
            Event::StepProgress { id, message } => {
                if let Some(bar) = steps.get(id) {
                    bar.set_message(words::escape(message));
                }
            }
            Event::StepEnded { id, outcome, duration_ms, .. } => {
                if let Some(bar) = steps.remove(id) {
                    bar.finish_and_clear();
                }
                self.total.inc(1);
                if *outcome == StepOutcome::Ok {
                    let _ = self.all.println(format!("  {id} done in {}", words::duration(*duration_ms)));
                }
            }
            Event::RunEnded { .. } => {
                self.total.finish_and_clear();
                let _ = self.all.clear();
            }
        }
    }
}

/// A style; should the template be wrong, the plain one.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// What happened, for whoever waits.
pub(super) fn line(event: &Event) -> Option<String> {
    Some(match event {
        Event::StepStarted { id, attempt: 1, .. } => format!("{id} started"),
        Event::StepStarted { id, attempt, .. } => format!("{id} started, attempt {attempt}"),
        Event::StepEnded { id, outcome: StepOutcome::Ok, duration_ms, .. } => {
            format!("{id} done in {}", words::duration(*duration_ms))
        }
        Event::StepEnded { id, outcome: StepOutcome::Skipped, error, .. } => {
            format!("{id} not started: {}", error.as_deref().unwrap_or_default())
        }
        _ => return None,
    })
}

/// What went wrong, if something did.
fn complaint(event: &Event) -> Option<String> {
    match event {
        Event::StepEnded { outcome: StepOutcome::Skipped, .. } => None,
        Event::StepEnded { id, outcome, error: Some(error), .. } => {
            Some(format!("{id} {}: {}", words::outcome(*outcome), words::escape(error)))
        }
        _ => None,
    }
}

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    u64::try_from(time).unwrap_or(u64::MAX)
}
