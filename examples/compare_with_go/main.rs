//! Compares `buildplan` with the Go toolchain on the history of any Git repository.
//!
//! For each commit and its first parent it takes what `go list` says of every `main` package, and checks that `inputs`
//! names the same files and that `plan` builds what they changed. It works in a private clone.

#![expect(clippy::print_stderr, reason = "progress of a program that people watch")]

mod checkout;
mod comparison;
#[path = "../go_oracle/mod.rs"]
mod go_oracle;
mod go_side;
mod locks;
mod options;
mod report;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use crate::checkout::Checkout;
use crate::comparison::Comparison;
use crate::go_side::GoSide;
use crate::locks::Locker;
use crate::options::{Options, USAGE};
use crate::report::Report;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<ExitCode> {
    let Some(options) = Options::parse(std::env::args_os().skip(1), std::env::var_os("BUILDPLAN"))? else {
        std::io::stdout().write_all(USAGE.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    };
    rayon::ThreadPoolBuilder::new().num_threads(options.jobs).build_global()?;
    let checkout = Checkout::open(&options.repository, options.work_dir.as_deref())?;
    let go = GoSide::new(&checkout, options.work_dir.as_deref())?;
    let locker = Locker::new(&checkout, &options.buildplan);
    let commits = checkout.commits(&options.revisions)?;
    let mut report = Report::default();
    for (index, commit) in commits.iter().enumerate() {
        eprint!("[{}/{}] {commit:.10} ", index + 1, commits.len());
        let locker = options.lock.then_some(&locker);
        Comparison { options: &options, checkout: &checkout, go: &go, locker }.commit(commit, &mut report)?;
    }
    if options.go_side_only {
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_vec_pretty(&report)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    std::io::stdout().write_all(report.markdown().as_bytes())?;
    ensure!(report.mains > 0 || report.is_failure(), "nothing could be compared");
    Ok(if report.is_failure() { ExitCode::from(1) } else { ExitCode::SUCCESS })
}
