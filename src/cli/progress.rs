//! Tells how a run goes: live bars on a terminal, plain lines elsewhere, and in a CI system the log of each step once it
//! has ended. Nothing that a program printed moves a cursor or is taken for a command.

use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{IsTerminal as _, Write as _, stderr};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::output::{Failure, Output};
use crate::execute::log::{LogEnd, read_end};
use crate::plan::report::{Event, StepOutcome};
use crate::render::ci_log::{CiLog, FinishedStep};
use crate::render::report::event_line;
use crate::render::text::Detail;
use crate::render::words;

/// How much of a step's log is printed in a CI system.
const MOST_LINES: usize = 2000;
const MOST_BYTES: u64 = 1 << 20;

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

/// The steps that run, for a CI system.
struct Groups {
    system: CiLog,
    /// The log of each, and when it was started, in seconds since 1970.
    running: Mutex<BTreeMap<String, (String, u64)>>,
    /// Who prints a log.
    turn: Mutex<()>,
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
            Some(system) => Show::Groups(Groups { system, running: Mutex::default(), turn: Mutex::default() }),
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
            Show::Groups(groups) => self.tell_group(groups, event),
            Show::Lines => {
                self.say(event);
                if let Some(message) = complaint(event) {
                    self.output.complain(&message);
                }
            }
        }
    }

    fn tell_group(&self, groups: &Groups, event: &Event) {
        match event {
            Event::StepStarted { id, log, .. } => {
                let mut running = groups.running.lock().unwrap_or_else(PoisonError::into_inner);
                running.entry(id.clone()).or_insert_with(|| (log.clone(), now_ms() / 1000));
                if groups.system.groups_end() {
                    self.say(event);
                }
            }
            Event::StepEnded { id, outcome, duration_ms, error } if *outcome != StepOutcome::Skipped => {
                let started = groups.running.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
                let (log, started) = started.unwrap_or_default();
                if self.output.detail == Detail::Quiet && *outcome == StepOutcome::Ok {
                    return;
                }
                // One after the other: many logs at once would be much memory.
                let _turn = groups.turn.lock().unwrap_or_else(PoisonError::into_inner);
                let end = read_end(Path::new(&log), MOST_LINES, MOST_BYTES).unwrap_or_else(|error| LogEnd {
                    text: format!("the log {log} cannot be read: {error}\n"),
                    left_out: 0,
                });
                let step = FinishedStep {
                    id,
                    outcome: *outcome,
                    started,
                    duration_ms: *duration_ms,
                    error: error.as_deref(),
                    output: &end.text,
                    left_out: end.left_out,
                    log: &log,
                };
                Output::print_raw(&groups.system.step(&step, &token()));
            }
            Event::RunEnded { .. } => Output::print_raw(groups.system.conclusion()),
            _ => self.say(event),
        }
    }

    fn say(&self, event: &Event) {
        match event {
            Event::StepStarted { id, attempt: 1, .. } => self.output.say(format!("{id} started")),
            Event::StepStarted { id, attempt, .. } => self.output.say(format!("{id} started, attempt {attempt}")),
            Event::StepEnded { id, outcome: StepOutcome::Ok, duration_ms, .. } => {
                self.output.say(format!("{id} done in {}", words::duration(*duration_ms)));
            }
            Event::StepEnded { id, outcome: StepOutcome::Skipped, error, .. } => {
                self.output.say(format!("{id} not started: {}", error.as_deref().unwrap_or_default()));
            }
            _ => {}
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

/// A word that no program which has run so far can know.
fn token() -> String {
    let random = || RandomState::new().hash_one(now_ms());
    format!("{:016x}{:016x}", random(), random())
}
