//! Generates a Go monorepo for benchmarks, as a git repository with a history and a checked out `main`.
//!
//! ```text
//! cargo run --release --example generate_monorepo -- target/bench/medium --size medium
//! ```

#[path = "../benches/monorepo/mod.rs"]
mod monorepo;

use anyhow::Result;
use clap::Parser;
use monorepo::Size;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

/// Generate a Go monorepo for benchmarks.
#[derive(Parser)]
struct Arguments {
    /// A folder that is new or empty
    out: PathBuf,
    /// How large: tiny, small, medium or large
    #[arg(long, default_value = "small")]
    size: Size,
    /// Other seeds give other repositories of the same size
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let start = Instant::now();
    let summary = monorepo::generate(&arguments.out, arguments.size, arguments.seed)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}: main is {}", arguments.out.display(), summary.head)?;
    writeln!(
        out,
        "{} services, {} modules, {} packages, {} Go files, {} commits on main",
        summary.services.len(),
        summary.modules,
        summary.packages,
        summary.go_files,
        summary.commits
    )?;
    for (name, branch) in &summary.branches {
        let (affected, files) = (branch.affected.len(), branch.files.len());
        writeln!(out, "{name}: {files} files about {} affect {affected} services", branch.target)?;
    }
    writeln!(out, "generated in {:.1} s", start.elapsed().as_secs_f64())?;
    Ok(())
}
