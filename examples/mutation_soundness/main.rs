//! Checks `buildplan` by mutation: see `soundness.rs`.
//!
//! ```text
//! mutation_soundness --count 500 --seed 7 [--workspace NAME…]
//! ```
//!
//! Ends with 1 if a program was missed, and with 2 if something could not be had.

#![expect(clippy::print_stderr, reason = "progress of a program that people watch")]

#[path = "../go_workspaces/mod.rs"]
#[expect(dead_code, reason = "odd ones are made, and written, by another program")]
mod go_workspaces;
#[path = "../../benches/monorepo/random.rs"]
mod random;
#[path = "soundness.rs"]
mod soundness;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;

/// Make small changes to Go workspaces, and compare what is planned with what Go builds.
#[derive(Parser)]
struct Arguments {
    /// How many changes to make, over all workspaces
    #[arg(long, default_value_t = 500)]
    count: usize,
    /// Another seed gives other changes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of the first change in each workspace
    #[arg(long, default_value_t = 0)]
    first: usize,
    /// Only these workspaces; generated/N is the random one with the seed N
    #[arg(long = "workspace", value_name = "NAME")]
    workspaces: Vec<String>,
    /// Without --workspace: how many random workspaces to take beside those that --list names
    #[arg(long, default_value_t = 10)]
    generated: u64,
    /// Only changes whose kind begins like this
    #[arg(long = "kind", value_name = "WORDS")]
    kinds: Vec<String>,
    /// How many workspaces are worked on at a time
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// The program to check [default: the one built beside this example]
    #[arg(long)]
    buildplan: Option<PathBuf>,
    /// Keep trees and caches below this folder, on a fast disk if there is one [default: a temporary one]
    #[arg(long)]
    work_dir: Option<PathBuf>,
    /// Tell of every flag that was not needed, too
    #[arg(short, long)]
    verbose: bool,
    /// Only print the names of the workspaces
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    if arguments.list {
        writeln!(out, "{}", soundness::workspace_names().join("\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let buildplan = match arguments.buildplan {
        Some(path) => path,
        None => std::env::current_exe()?.ancestors().nth(2).context("no folder above")?.join("buildplan"),
    };
    let temporary = tempfile::tempdir()?;
    if let Some(folder) = &arguments.work_dir {
        std::fs::create_dir_all(folder)?;
    }
    let mut workspaces = arguments.workspaces;
    if workspaces.is_empty() {
        let seeds = (1..=arguments.generated).map(|number| arguments.seed.wrapping_mul(1000).wrapping_add(number));
        workspaces = soundness::workspace_names();
        workspaces.extend(seeds.map(|seed| format!("generated/{seed}")));
    }
    let report = soundness::run(
        &soundness::Options {
            buildplan,
            count: arguments.count,
            seed: arguments.seed,
            first: arguments.first,
            workspaces,
            kinds: arguments.kinds,
            jobs: arguments.jobs,
            folder: arguments.work_dir.unwrap_or_else(|| temporary.path().to_owned()),
        },
        &|line| eprintln!("{line}"),
    )?;
    if arguments.verbose {
        report.remarks.iter().try_for_each(|remark| writeln!(out, "- {remark}"))?;
        writeln!(out)?;
    }
    out.write_all(report.markdown().as_bytes())?;
    Ok(match (report.faults.is_empty(), report.failures.is_empty()) {
        (false, _) => ExitCode::from(1),
        (true, false) => ExitCode::from(2),
        (true, true) => ExitCode::SUCCESS,
    })
}
