//! Times commands against each other: in turns, so that a busy moment of the machine hits all of them alike.
//!
//! ```text
//! time_commands [--runs N] [--warmup N] [--cd DIR] (--command LABEL [--runs N] -- PROGRAM ARGUMENT…)…
//! ```
//!
//! The arguments of a command end at the next `--command`. No shell is involved. What is timed is all from the start of
//! the program to its end, reading its output included. Output is counted and thrown away. A command with fewer runs
//! than the others takes part in the first rounds only. Memory is the peak resident set of the program itself, without
//! its children, as seen by polling in a run of its own that is not timed: it can be a little low, and is only known on
//! Linux.

use anyhow::{Context as _, Result, bail, ensure};
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

fn main() -> Result<()> {
    let settings = Settings::parse(std::env::args_os().skip(1))?;
    let mut failures = String::new();
    for candidate in &settings.candidates {
        warm_up(candidate, &settings, &mut failures)?;
    }
    let samples = measure(&settings)?;
    let mut table = Table::new(samples.first().and_then(|samples| median(samples)));
    for (candidate, samples) in settings.candidates.iter().zip(&samples) {
        table.add(&candidate.label, samples, peak_memory(candidate, &settings)?);
    }
    let mut out = std::io::stdout().lock();
    write!(out, "{}{failures}", table.text)?;
    Ok(())
}

/// One command that takes part.
struct Candidate {
    label: String,
    program: OsString,
    arguments: Vec<OsString>,
    /// Its own number of runs.
    runs: Option<usize>,
}

struct Settings {
    runs: usize,
    warmups: usize,
    folder: PathBuf,
    candidates: Vec<Candidate>,
}

impl Settings {
    fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Self> {
        let mut settings = Self { runs: 10, warmups: 1, folder: PathBuf::from("."), candidates: Vec::new() };
        let mut arguments = arguments.peekable();
        while let Some(flag) = arguments.next() {
            let value = arguments.next().with_context(|| format!("{} needs a value", flag.display()))?;
            match flag.to_str() {
                Some("--runs") => settings.runs = count(&value)?,
                Some("--warmup") => settings.warmups = count(&value)?,
                Some("--cd") => settings.folder = value.into(),
                Some("--command") => {
                    let runs = arguments.next_if(|next| next == "--runs").and_then(|_| arguments.next());
                    let dashes = arguments.next();
                    ensure!(
                        dashes.is_some_and(|dashes| dashes == "--"),
                        "`--command LABEL` is followed by `-- PROGRAM`"
                    );
                    let is_argument = |next: &OsString| next != "--command";
                    let mut words = std::iter::from_fn(|| arguments.next_if(is_argument));
                    settings.candidates.push(Candidate {
                        label: value.to_string_lossy().into_owned(),
                        program: words.next().with_context(|| format!("{} has no program", value.display()))?,
                        arguments: words.collect(),
                        runs: runs.map(|runs| count(&runs)).transpose()?,
                    });
                }
                _ => bail!("unknown argument {}: the flags are --runs, --warmup, --cd and --command", flag.display()),
            }
        }
        ensure!(!settings.candidates.is_empty(), "nothing to time: give at least one `--command LABEL -- PROGRAM`");
        Ok(settings)
    }
}

fn count(text: &OsStr) -> Result<usize> {
    let text = text.to_string_lossy();
    text.parse().with_context(|| format!("`{text}` is not a number"))
}

impl Candidate {
    fn command(&self, settings: &Settings) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&settings.folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn cannot_start(&self) -> String {
        format!("cannot start {} for {}", self.program.display(), self.label)
    }
}

/// What one run came to.
struct Sample {
    wall: Duration,
    bytes: usize,
    exit: ExitStatus,
}

/// Runs a command untimed, and keeps the end of what it says when it fails.
fn warm_up(candidate: &Candidate, settings: &Settings, failures: &mut String) -> Result<()> {
    for round in 0..settings.warmups {
        let output = candidate.command(settings).stderr(Stdio::piped()).output();
        let output = output.with_context(|| candidate.cannot_start())?;
        if !output.status.success() && round == 0 {
            let text = String::from_utf8_lossy(&output.stderr);
            let lines: Vec<&str> = text.lines().collect();
            let end = lines.get(lines.len().saturating_sub(5)..).unwrap_or_default().join("\n");
            write!(failures, "\n{} ended with {}:\n{end}\n", candidate.label, output.status)?;
        }
    }
    Ok(())
}

/// Runs all commands in turns; returns the samples of each.
fn measure(settings: &Settings) -> Result<Vec<Vec<Sample>>> {
    let runs = |candidate: &Candidate| candidate.runs.unwrap_or(settings.runs);
    let rounds = settings.candidates.iter().map(runs).max().unwrap_or(0);
    let mut samples: Vec<Vec<Sample>> = settings.candidates.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        for (candidate, samples) in settings.candidates.iter().zip(&mut samples) {
            if round < runs(candidate) {
                samples.push(time(candidate, settings).with_context(|| candidate.cannot_start())?);
            }
        }
    }
    Ok(samples)
}

fn time(candidate: &Candidate, settings: &Settings) -> std::io::Result<Sample> {
    let mut command = candidate.command(settings);
    command.stdout(Stdio::piped());
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    let start = Instant::now();
    let mut child = command.spawn()?;
    if let Some(mut output) = child.stdout.take() {
        loop {
            match output.read(&mut buffer)? {
                0 => break,
                read => bytes += read,
            }
        }
    }
    let exit = child.wait()?;
    Ok(Sample { wall: start.elapsed(), bytes, exit })
}

/// The peak resident set of a command in KiB, as far as polling sees it.
fn peak_memory(candidate: &Candidate, settings: &Settings) -> Result<Option<u64>> {
    let mut child = candidate.command(settings).spawn().with_context(|| candidate.cannot_start())?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = None;
    while child.try_wait()?.is_none() {
        let Ok(text) = std::fs::read_to_string(&status) else {
            child.wait()?;
            break;
        };
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok());
        peak = peak.max(kibibytes);
        std::thread::sleep(Duration::from_micros(100));
    }
    Ok(peak)
}

fn median(samples: &[Sample]) -> Option<Duration> {
    let mut walls: Vec<Duration> = samples.iter().map(|sample| sample.wall).collect();
    walls.sort();
    let (low, high) = (walls.get(walls.len().saturating_sub(1) / 2)?, walls.get(walls.len() / 2)?);
    Some((*low + *high) / 2)
}

/// A Markdown table of the results.
struct Table {
    text: String,
    /// The median of the first command.
    unit: Option<Duration>,
}

impl Table {
    fn new(unit: Option<Duration>) -> Self {
        let head = "| command | runs | minimum | median | maximum | ratio | memory | output | exit |\n\
                    | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
        Self { text: head.to_owned(), unit }
    }

    fn add(&mut self, label: &str, samples: &[Sample], memory: Option<u64>) {
        let walls = || samples.iter().map(|sample| sample.wall);
        let median = median(samples);
        let ratio = median.zip(self.unit).map(|(median, unit)| median.as_secs_f64() / unit.as_secs_f64().max(1e-9));
        let cells = [
            label.replace('|', "\\|"),
            samples.len().to_string(),
            cell(walls().min(), duration),
            cell(median, duration),
            cell(walls().max(), duration),
            cell(ratio, |ratio| format!("{ratio:.2}")),
            cell(memory.map(|kibibytes| kibibytes * 10 / 1024), |tenths| {
                format!("{}.{} MiB", tenths / 10, tenths % 10)
            }),
            distinct(samples.iter().map(|sample| sample.bytes.to_string())),
            distinct(
                samples.iter().map(|sample| sample.exit.code().map_or("signal".to_owned(), |code| code.to_string())),
            ),
        ];
        self.text.extend(["| ", &cells.join(" | "), " |\n"]);
    }
}

fn cell<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or("–".to_owned(), show)
}

fn duration(wall: Duration) -> String {
    let milliseconds = wall.as_secs_f64() * 1000.0;
    match milliseconds {
        ..100.0 => format!("{milliseconds:.1} ms"),
        ..1000.0 => format!("{milliseconds:.0} ms"),
        _ => format!("{:.2} s", wall.as_secs_f64()),
    }
}

/// All different values, in the order in which they came.
fn distinct(values: impl Iterator<Item = String>) -> String {
    let mut seen: Vec<String> = Vec::new();
    for value in values {
        if !seen.contains(&value) {
            seen.push(value);
        }
    }
    seen.join(", ")
}
