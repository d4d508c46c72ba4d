//! What it costs when many builds print much at the same time, and whether each log has each line of its own program,
//! whole, once and in order.

use crate::repository::{Repository, Service};
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[derive(Args)]
pub(crate) struct Settings {
    /// The program to look at
    #[arg(long)]
    buildplan: PathBuf,
    #[arg(long, default_value_t = 64)]
    services: usize,
    #[arg(long, default_value_t = 100_000)]
    lines: u64,
    /// Fail if it takes more memory than this, in MiB
    #[arg(long)]
    most: Option<u64>,
}

pub(crate) fn run(settings: &Settings) -> Result<()> {
    let service = |number: usize| {
        let name = format!("service-{number:03}");
        let build = vec!["print".to_owned(), name.clone(), settings.lines.to_string()];
        Service { build, push: vec!["sleep".to_owned(), "0".to_owned()], name }
    };
    let services: Vec<Service> = (0..settings.services).map(service).collect();
    let repository = Repository::new(&settings.buildplan, &services)?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{} builds at the same time, {} lines each\n\n| shown as | time | logs | printed | peak memory |\n\
         | --- | ---: | ---: | ---: | ---: |",
        settings.services, settings.lines
    )?;
    for (label, system) in [("lines", None), ("groups", Some("GITHUB_ACTIONS"))] {
        let jobs = settings.services.to_string();
        let mut command = repository.run(&["--force", "-j", &jobs]);
        command.envs(system.map(|name| (name, "true")));
        let start = Instant::now();
        let (peak, printed) = watch(&mut command)?;
        let wall = start.elapsed();
        let bytes = check(&repository.report()?, settings)?;
        let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
        writeln!(
            out,
            "| {label} | {:.2} s | {} MiB | {} MiB | {} MiB |",
            wall.as_secs_f64(),
            mebibytes(bytes),
            mebibytes(printed),
            peak.div_ceil(1024)
        )?;
        if let Some(most) = settings.most {
            ensure!(peak.div_ceil(1024) <= most, "it took {} MiB of memory", peak.div_ceil(1024));
        }
    }
    Ok(())
}

/// The line that a builder prints.
pub(crate) fn line(name: &str, number: u64) -> String {
    format!("{name} {number} {}", "abcdefghij".repeat(usize::try_from(number % 17).unwrap_or(0)))
}

/// Runs a command to its end: its peak resident set in KiB, as far as polling sees it, and how much it printed.
fn watch(command: &mut Command) -> Result<(u64, u64)> {
    let talk = tempfile::NamedTempFile::new()?;
    let mut child = command.stdout(Stdio::null()).stderr(talk.reopen()?).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let exit = loop {
        if let Some(exit) = child.try_wait()? {
            break exit;
        }
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok());
        peak = peak.max(kibibytes.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    };
    ensure!(exit.success(), "the run ended with {exit}:\n{}", fs::read_to_string(talk.path())?);
    Ok((peak, talk.as_file().metadata()?.len()))
}

/// Holds each log against what its program printed; returns how many bytes all logs have.
fn check(report: &Value, settings: &Settings) -> Result<u64> {
    let steps = report["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    ensure!(steps.len() == settings.services, "the run had {} steps", steps.len());
    let mut bytes = 0;
    for step in steps {
        let name = step["service"].as_str().context("a step has a service")?;
        let log = step["log"].as_str().context("a step has a log")?;
        bytes += fs::metadata(log)?.len();
        let mut number = 0;
        for found in BufReader::new(File::open(log)?).lines() {
            let found = found?;
            let said = found.split_once(' ').map(|(_, said)| said);
            ensure!(said == Some(&line(name, number)), "line {number} of {log} is {found:?}");
            number += 1;
        }
        ensure!(number == settings.lines, "{log} has {number} lines");
    }
    Ok(bytes)
}
