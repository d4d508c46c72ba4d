//! Compares what `buildplan` plans for each `bench/…` branch of a generated repository with what is known to be right.
//!
//! ```text
//! check_branches --buildplan target/release/buildplan --repo target/bench/small [BRANCH…] [-- FLAG OF PLAN…]
//! ```
//!
//! Ends with 1 if a service that has to be built is not planned, and with 2 if a plan could not be had.

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Compare the plans for the branches of a generated repository with what is known to be right.
#[derive(Parser)]
struct Arguments {
    /// The program to check
    #[arg(long)]
    buildplan: PathBuf,
    /// A repository that `generate_monorepo` has made
    #[arg(long)]
    repo: PathBuf,
    /// Check these branches only, such as `bench/docs`
    branches: Vec<String>,
    /// More flags for `buildplan plan`
    #[arg(last = true)]
    flags: Vec<OsString>,
}

/// What the generator knows.
#[derive(Deserialize)]
struct Record {
    branches: BTreeMap<String, Branch>,
}

#[derive(Deserialize)]
struct Branch {
    affected: BTreeSet<String>,
}

/// The part of a plan that is compared.
#[derive(Deserialize)]
struct Plan {
    services: Vec<Service>,
}

#[derive(Deserialize)]
struct Service {
    name: String,
    decision: String,
    affected: bool,
}

fn main() -> ExitCode {
    let result = check(&Arguments::parse());
    let (text, code) = match result {
        Ok((text, 0)) => (text, ExitCode::SUCCESS),
        Ok((text, _)) => (text, ExitCode::from(1)),
        Err(error) => (format!("error: {error:#}\n"), ExitCode::from(2)),
    };
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => code,
        Err(_) => ExitCode::from(2),
    }
}

/// Returns the table, and how many services were missed.
fn check(arguments: &Arguments) -> Result<(String, usize)> {
    let record = arguments.repo.join(".git/monogen.json");
    let bytes = std::fs::read(&record)
        .with_context(|| format!("cannot read {}: generate_monorepo makes it", record.display()))?;
    let record: Record =
        serde_json::from_slice(&bytes).with_context(|| format!("cannot parse {}", record.display()))?;
    for name in &arguments.branches {
        ensure!(record.branches.contains_key(name), "no branch {name} in {}", arguments.repo.display());
    }

    let mut text = "| branch | expected | planned | missed | too many | which |\n\
                    | --- | ---: | ---: | ---: | ---: | --- |\n"
        .to_owned();
    let mut totals = [0; 4];
    let is_chosen = |name: &String| arguments.branches.is_empty() || arguments.branches.contains(name);
    for (name, branch) in record.branches.iter().filter(|(name, _)| is_chosen(name)) {
        let planned = plan(arguments, name)?;
        let missed: Vec<&str> = branch.affected.difference(&planned).map(String::as_str).collect();
        let extra: Vec<&str> = planned.difference(&branch.affected).map(String::as_str).collect();
        let counts = [branch.affected.len(), planned.len(), missed.len(), extra.len()];
        let which = [names("missed", &missed), names("too many", &extra)].concat();
        add_row(&mut text, name, counts, which.trim())?;
        for (total, count) in totals.iter_mut().zip(counts) {
            *total += count;
        }
    }
    add_row(&mut text, "**total**", totals, "")?;
    let [_, _, missed, _] = totals;
    Ok((text, missed))
}

/// The services that are to be built because the one commit of a branch affects them.
fn plan(arguments: &Arguments, branch: &str) -> Result<BTreeSet<String>> {
    let mut command = Command::new(&arguments.buildplan);
    command.arg("-C").arg(&arguments.repo).args(["plan", "-o", "json"]);
    command.args(["--base", &format!("{branch}~1"), "--head", branch]).args(&arguments.flags);
    let output = command.output().with_context(|| format!("cannot start {}", arguments.buildplan.display()))?;
    ensure!(
        output.status.success(),
        "the plan for {branch} ended with {}:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    let plan: Plan =
        serde_json::from_slice(&output.stdout).with_context(|| format!("cannot parse the plan for {branch}"))?;
    let stale = plan.services.into_iter().filter(|service| service.affected && service.decision == "build");
    Ok(stale.map(|service| service.name).collect())
}

fn add_row(text: &mut String, name: &str, counts: [usize; 4], which: &str) -> std::fmt::Result {
    let [expected, planned, missed, extra] = counts;
    writeln!(text, "| {name} | {expected} | {planned} | {missed} | {extra} | {which} |")
}

/// The first few names.
fn names(what: &str, all: &[&str]) -> String {
    match all {
        [] => String::new(),
        [first, second, third, _, ..] => format!("{what}: {first}, {second}, {third}, … "),
        few => format!("{what}: {} ", few.join(", ")),
    }
}
