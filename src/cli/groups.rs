//! Prints the log of each step that ended, as a CI system folds it. One thread prints them all, so that no step waits for
//! whoever reads, and many logs at once take no more memory than one.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use crate::cli::output::Output;
use crate::cli::progress::line;
use crate::execute::log::{LogEnd, read_end};
use crate::plan::report::{Event, StepOutcome};
use crate::render::ci_log::{CiLog, FinishedStep};

/// How much of a step's log is printed.
const MOST_LINES: usize = 2000;
const MOST_BYTES: u64 = 1 << 20;

/// The logs of a run.
pub(super) struct Groups {
    system: CiLog,
    is_quiet: bool,
    /// The log of each step that runs, and when it was started, in seconds since 1970.
    running: Mutex<BTreeMap<String, (String, u64)>>,
    printer: Mutex<Option<(mpsc::Sender<Message>, JoinHandle<()>)>>,
}

/// What is printed, in the order in which it is sent.
enum Message {
    Line(String),
    Ended(Ended),
}

/// A step that ended.
struct Ended {
    id: String,
    outcome: StepOutcome,
    started: u64,
    duration_ms: u64,
    error: Option<String>,
    log: String,
}

impl Groups {
    /// Starts to print for a system; if it is to be quiet, only what did not end well.
    pub(super) fn new(system: CiLog, is_quiet: bool) -> Self {
        let (sender, receiver) = mpsc::channel();
        let print = move || {
            for message in receiver {
                Output::print_raw(&match message {
                    Message::Line(line) => line + "\n",
                    Message::Ended(ended) => group(system, &ended),
                });
            }
        };
        let printer = std::thread::spawn(print);
        Self { system, is_quiet, running: Mutex::default(), printer: Mutex::new(Some((sender, printer))) }
    }

    /// Takes in an event that happened at a time in seconds since 1970. After the end of the run everything is printed.
    pub(super) fn tell(&self, event: &Event, now: u64) {
        match event {
            Event::StepStarted { id, log, .. } => {
                let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
                running.entry(id.clone()).or_insert_with(|| (log.clone(), now));
                // Where groups have no end, a line would be a part of the one before.
                if self.system.groups_end() {
                    self.say(event);
                }
            }
            Event::StepEnded { outcome: StepOutcome::Skipped, .. } => self.say(event),
            Event::StepEnded { id, outcome, duration_ms, error } => {
                let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
                let Some((log, started)) = running else { return };
                if self.is_quiet && *outcome == StepOutcome::Ok {
                    return;
                }
                let (id, error) = (id.clone(), error.clone());
                let ended = Ended { id, outcome: *outcome, started, duration_ms: *duration_ms, error, log };
                self.send(Message::Ended(ended));
            }
            Event::RunEnded { .. } => self.finish(),
            Event::RunStarted { .. } | Event::StepProgress { .. } => {}
        }
    }

    fn say(&self, event: &Event) {
        if let Some(line) = line(event).filter(|_| !self.is_quiet) {
            self.send(Message::Line(line));
        }
    }

    fn send(&self, message: Message) {
        if let Some((sender, _)) = &*self.printer.lock().unwrap_or_else(PoisonError::into_inner) {
            // The thread ends only after its sender.
            let _ = sender.send(message);
        }
    }

    fn finish(&self) {
        if let Some((sender, printer)) = self.printer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            drop(sender);
            let _ = printer.join();
            Output::print_raw(self.system.conclusion());
        }
    }
}

/// The log of a step.
fn group(system: CiLog, ended: &Ended) -> String {
    let end = read_end(Path::new(&ended.log), MOST_LINES, MOST_BYTES).unwrap_or_else(|error| LogEnd {
        text: format!("the log {} cannot be read: {error}\n", ended.log),
        left_out: 0,
    });
    let step = FinishedStep {
        id: &ended.id,
        outcome: ended.outcome,
        started: ended.started,
        duration_ms: ended.duration_ms,
        error: ended.error.as_deref(),
        output: &end.text,
        left_out: end.left_out,
        log: &ended.log,
    };
    system.step(&step, &token())
}

/// A word that no program which has run so far can know.
fn token() -> String {
    let random = || RandomState::new().hash_one("token");
    format!("{:016x}{:016x}", random(), random())
}
