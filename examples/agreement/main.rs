//! Compares `buildplan` with the Go toolchain on random repositories: which files belong to which program.

#![expect(clippy::print_stderr, reason = "progress of a program that people watch")]

mod check;
#[path = "../go_oracle/mod.rs"]
#[expect(dead_code, reason = "plans are compared by another program")]
mod go_oracle;
#[path = "../go_workspaces/mod.rs"]
mod go_workspaces;
mod minimise;
#[path = "../../benches/monorepo/random.rs"]
mod random;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use rayon::prelude::*;

use check::{Checker, Outcome};
use go_workspaces::{Flavour, Main, Workspace};

/// Compare buildplan with the Go toolchain on random repositories.
#[derive(Parser)]
#[command(after_help = "Example:\n  scripts/agreement --seed 7 --count 1 --minimise")]
struct Arguments {
    /// The first seed; each repository has one of its own, counted upward
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many repositories
    #[arg(long, default_value_t = 300)]
    count: u64,
    /// Only repositories that Go builds
    #[arg(long)]
    sound: bool,
    /// Write the first repository into this folder, and compare nothing
    #[arg(long, value_name = "DIR")]
    show: Option<PathBuf>,
    /// Print the smallest part of each repository on which the two still differ
    #[arg(long)]
    minimise: bool,
    /// How many repositories at once
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// The program to check
    #[arg(long, default_value = "buildplan")]
    buildplan: PathBuf,
    /// A build cache for Go that is kept
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    let flavour = if arguments.sound { Flavour::Sound } else { Flavour::Odd };
    if let Some(folder) = &arguments.show {
        let workspace = Workspace::random(arguments.seed, flavour);
        workspace.write(folder).with_context(|| format!("cannot write to {}", folder.display()))?;
        std::io::stdout().write_all(programs(&workspace).as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    rayon::ThreadPoolBuilder::new().num_threads(arguments.jobs).build_global()?;
    let temporary = tempfile::tempdir()?;
    let cache = arguments.cache.as_deref().unwrap_or(temporary.path()).to_owned();
    std::fs::create_dir_all(&cache).with_context(|| format!("cannot create {}", cache.display()))?;
    let checker = Checker { buildplan: &arguments.buildplan, cache: &cache.canonicalize()? };
    let outcomes = (arguments.seed..arguments.seed.saturating_add(arguments.count)).into_par_iter().map(|seed| {
        let workspace = Workspace::random(seed, flavour);
        let outcome = checker.check(&workspace).with_context(|| format!("seed {seed}"))?;
        if !outcome.failures.is_empty() {
            eprintln!("{}", complaint(seed, &workspace, &outcome));
        }
        if let (Some(failure), true) = (outcome.failures.first(), arguments.minimise) {
            eprintln!("{}", minimise::smallest(checker, &workspace, failure)?);
        }
        Ok(outcome)
    });
    let outcomes: Vec<Outcome> = outcomes.collect::<Result<_>>()?;
    let mut total = Outcome::default();
    for outcome in outcomes {
        total.add(outcome);
    }
    std::io::stdout().write_all(summary(&total).as_bytes())?;
    ensure!(total.comparisons > 0 || !total.failures.is_empty(), "nothing could be compared");
    Ok(if total.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn programs(workspace: &Workspace) -> String {
    let mut text = String::new();
    for Main { dir, module, is_used, works_alone } in &workspace.mains {
        let _ =
            writeln!(text, "program {dir:?} of module {module:?}, in go.work: {is_used}, works without: {works_alone}");
    }
    text
}

fn complaint(seed: u64, workspace: &Workspace, outcome: &Outcome) -> String {
    let features: Vec<&str> = workspace.features.iter().copied().collect();
    let mut text = format!("seed {seed} ({}):\n", features.join(", "));
    for failure in &outcome.failures {
        let _ = writeln!(
            text,
            "  {} in {:?} for {}: {}",
            failure.kind.title(),
            failure.main,
            failure.setting,
            failure.detail
        );
    }
    text
}

fn summary(total: &Outcome) -> String {
    let mut text = format!(
        "{} repositories, {} comparisons of {} files; {} programs that Go refuses, {} lists that it refuses\n",
        total.workspaces, total.comparisons, total.files, total.broken, total.unlisted
    );
    for (explanation, count) in &total.extras {
        let _ = writeln!(text, "  {count} more inputs: {explanation}");
    }
    let _ = writeln!(text, "{} differences", total.failures.len());
    text
}
