//! How near a run comes to the best possible schedule of steps whose times are known.
//!
//! No schedule can be shorter than each of these, so the largest of them is the bound; the best schedule may be a little
//! longer than it:
//! - the longest build with its push,
//! - all builds, shared evenly by the build workers, and then the shortest push: after the last build there is still one,
//! - the shortest build, and then all pushes, shared evenly by the push workers.
//!
//! The last column is what the order of the steps alone gives, simulated: longest first if the durations are known, else as
//! planned. What is between it and the median is what the program and the machine add.
//!
//! A run is timed from the start of the program to its end: planning, starting the programs, checking before and after
//! each build that nothing moved, recording and reporting are included.

use crate::repository::{Repository, Service};
use anyhow::{Result, ensure};
use clap::Args;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

#[derive(Args)]
pub(crate) struct Settings {
    /// The program to time
    #[arg(long)]
    buildplan: PathBuf,
    #[arg(long, default_value_t = 5)]
    runs: usize,
    #[arg(long, default_value_t = 40)]
    services: usize,
    #[arg(long, default_value_t = 4)]
    build_jobs: u64,
    #[arg(long, default_value_t = 8)]
    push_jobs: u64,
    /// Other seeds give other times
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Fail if a run with known times takes longer than this many times the bound
    #[arg(long)]
    most: Option<f64>,
}

/// The times of a service, in milliseconds.
struct Times {
    build: u64,
    push: u64,
}

pub(crate) fn run(settings: &Settings) -> Result<()> {
    let times = times(settings);
    let services: Vec<Service> = times.iter().enumerate().map(|(number, times)| service(number, times)).collect();
    let repository = Repository::new(&settings.buildplan, &services)?;
    let bound = bound(&times, settings);
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{} services at {} builds and {} pushes, seed {}: bound {:.3} s\n\n\
         | durations | runs | minimum | median | maximum | median / bound | order alone / bound |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        settings.services,
        settings.build_jobs,
        settings.push_jobs,
        settings.seed,
        bound.as_secs_f64()
    )?;
    let mut known_ratio = 0.0;
    for (label, known) in [("not known", false), ("known", true)] {
        let mut walls = Vec::new();
        for number in 0..settings.runs {
            if !known && number > 0 {
                repository.forget()?;
            }
            walls.push(time(&repository, settings)?);
        }
        walls.sort();
        let middle = walls.len() / 2;
        let ratio = walls[middle].as_secs_f64() / bound.as_secs_f64();
        known_ratio = ratio;
        writeln!(
            out,
            "| {label} | {} | {:.3} s | {:.3} s | {:.3} s | {ratio:.3} | {:.3} |",
            walls.len(),
            walls[0].as_secs_f64(),
            walls[middle].as_secs_f64(),
            walls[walls.len() - 1].as_secs_f64(),
            simulated(&times, settings, known).as_secs_f64() / bound.as_secs_f64()
        )?;
    }
    if let Some(most) = settings.most {
        ensure!(known_ratio <= most, "a run with known durations took {known_ratio:.3} times the bound");
    }
    Ok(())
}

fn time(repository: &Repository, settings: &Settings) -> Result<Duration> {
    let (builds, pushes) = (settings.build_jobs.to_string(), settings.push_jobs.to_string());
    let mut command = repository.run(&["--force", "--push", "-j", &builds, "--push-jobs", &pushes]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let status = command.status()?;
    let wall = start.elapsed();
    ensure!(status.success(), "the run ended with {status}");
    let steps = repository.report()?["steps"].as_array().map_or(0, Vec::len);
    ensure!(steps == 2 * settings.services, "the run had {steps} steps");
    Ok(wall)
}

/// Seeded times: builds of 100 to 900 ms, pushes of 50 to 400 ms.
fn times(settings: &Settings) -> Vec<Times> {
    let mut state = settings.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = |from: u64, to: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        from + state % (to - from + 1)
    };
    (0..settings.services).map(|_| Times { build: random(100, 900), push: random(50, 400) }).collect()
}

fn service(number: usize, times: &Times) -> Service {
    let sleep = |milliseconds: u64| vec!["sleep".to_owned(), milliseconds.to_string()];
    Service { name: format!("service-{number:03}"), build: sleep(times.build), push: sleep(times.push) }
}

fn bound(times: &[Times], settings: &Settings) -> Duration {
    let builds: u64 = times.iter().map(|times| times.build).sum();
    let pushes: u64 = times.iter().map(|times| times.push).sum();
    let shortest = |of: fn(&Times) -> u64| times.iter().map(of).min().unwrap_or(0);
    let path = times.iter().map(|times| times.build + times.push).max().unwrap_or(0);
    let by_builds = builds.div_ceil(settings.build_jobs) + shortest(|times| times.push);
    let by_pushes = pushes.div_ceil(settings.push_jobs) + shortest(|times| times.build);
    Duration::from_millis(path.max(by_builds).max(by_pushes))
}

/// How long a run would take whose every step starts at once when its worker is free.
fn simulated(times: &[Times], settings: &Settings, known: bool) -> Duration {
    let mut order: Vec<&Times> = times.iter().collect();
    if known {
        order.sort_by_key(|times| Reverse(times.build + times.push));
    }
    let workers = |count: u64| -> BinaryHeap<Reverse<u64>> { (0..count).map(|_| Reverse(0)).collect() };
    let (mut builders, mut pushers) = (workers(settings.build_jobs), workers(settings.push_jobs));
    let mut built: Vec<(u64, u64)> = Vec::new();
    for times in order {
        let Reverse(free) = builders.pop().unwrap_or_default();
        builders.push(Reverse(free + times.build));
        built.push((free + times.build, times.push));
    }
    built.sort_unstable();
    let ends = built.into_iter().map(|(ready, push)| {
        let Reverse(free) = pushers.pop().unwrap_or_default();
        let end = free.max(ready) + push;
        pushers.push(Reverse(end));
        end
    });
    Duration::from_millis(ends.max().unwrap_or(0))
}
