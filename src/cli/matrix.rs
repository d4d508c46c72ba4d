//! `buildplan matrix`.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use crate::cli::args::{GlobalArguments, MatrixArguments, MatrixFormat, Shards};
use crate::cli::comparison::compare;
use crate::cli::output::{Failure, Output, Status, read_file};
use crate::plan::saved::SavedPlan;
use crate::render::json;
use crate::render::matrix::{self, AZURE_JOBS, BUILDKITE_JOBS, GITHUB_JOBS, Matrix, Packing};

/// The most bytes of an output of a GitHub job are 1 MB; the other outputs of the step take some.
const LARGEST_OUTPUT: usize = 900_000;

pub(super) fn run(global: &GlobalArguments, command: &MatrixArguments, output: &Output) -> Result<Status, Failure> {
    // Both ways lead through the same JSON, so that a saved plan gives the same jobs.
    let (name, text) = match &command.plan {
        Some(file) => (file.display().to_string(), read_file(&global.place(file))?),
        None => {
            let plan = compare(global, &command.comparison, false, |comparison| {
                comparison.plan(&command.services, &command.selection)
            })?;
            ("the plan".to_owned(), json::to_text(&json::plan_document(&plan)).map_err(Failure::new)?.into_bytes())
        }
    };
    let plan = SavedPlan::parse(&text).map_err(|error| Failure::new(format!("{name}: {error}")))?;
    if let Some(unknown) = command.services.iter().find(|service| plan.service(service).is_none()) {
        return Err(Failure::new(format!("{name} has no service `{unknown}`")));
    }
    let matrix = fitting(&plan, command)?;
    let rendered = match command.output {
        MatrixFormat::Github => matrix::github(&matrix).map_err(Failure::new)?,
        MatrixFormat::Gitlab => json::to_text(&matrix::gitlab(&matrix)).map_err(Failure::new)?,
        MatrixFormat::Buildkite => {
            let default = format!("buildkite-agent artifact download plan.json . && {}", follow_plan(&matrix));
            let command = command.command.as_ref().unwrap_or(&default);
            json::to_text(&matrix::buildkite(&matrix, command)).map_err(Failure::new)?
        }
        MatrixFormat::Circleci => {
            let default = plan_again(&plan, &matrix);
            let command = command.command.as_ref().unwrap_or(&default);
            json::to_text(&matrix::circleci(&matrix, command)).map_err(Failure::new)?
        }
        MatrixFormat::Azure => matrix::azure(&matrix),
        MatrixFormat::Jenkins => matrix::jenkins(&matrix).map_err(Failure::new)?,
        MatrixFormat::Bake => matrix::bake(&plan, &matrix).map_err(Failure::new)?,
        MatrixFormat::Dotenv => matrix::dotenv(&matrix),
        MatrixFormat::Json => json::to_text(&matrix).map_err(Failure::new)?,
        MatrixFormat::Template => from_template(global, command, &matrix, &text)?,
    };
    if command.github_output {
        write_outputs(&matrix, &text, output)?;
    }
    output.data(&rendered)?;
    Ok(if command.exit_code && matrix.has_work { Status::SomethingToBuild } else { Status::Done })
}

/// The jobs, as few as the format needs them to be.
fn fitting(plan: &SavedPlan, command: &MatrixArguments) -> Result<Matrix, Failure> {
    let mut most = match command.output {
        MatrixFormat::Github => Some(GITHUB_JOBS),
        MatrixFormat::Azure => Some(AZURE_JOBS),
        MatrixFormat::Buildkite => Some(BUILDKITE_JOBS),
        _ => command.github_output.then_some(GITHUB_JOBS),
    };
    let shards = match command.shards {
        Shards::Auto => None,
        Shards::Count(count) => Some(count),
    };
    let names: BTreeSet<String> = command.services.iter().cloned().collect();
    loop {
        let matrix = Matrix::new(plan, &names, Packing { shards, only: command.shard, most });
        let is_output = command.github_output || command.output == MatrixFormat::Github;
        let jobs = matrix.include.len();
        if !is_output || jobs <= 1 || matrix::github(&matrix).map_err(Failure::new)?.len() <= LARGEST_OUTPUT {
            return Ok(matrix);
        }
        most = Some(jobs.div_ceil(2));
    }
}

/// What a job runs that has the plan.
fn follow_plan(matrix: &Matrix) -> String {
    format!("buildplan run --plan plan.json{} $BUILDPLAN_SERVICES", push_flag(matrix))
}

/// What a job runs that has no plan, but a clone with the base.
fn plan_again(plan: &SavedPlan, matrix: &Matrix) -> String {
    let base = match &plan.base {
        Some(base) => format!("--base {} --no-merge-base", base.commit),
        None => "--all".to_owned(),
    };
    let force = if plan.is_forced() { " --force" } else { "" };
    format!("buildplan run {base}{force}{} $BUILDPLAN_SERVICES", push_flag(matrix))
}

fn push_flag(matrix: &Matrix) -> &'static str {
    if matrix.include.iter().any(|entry| entry.push) { " --push" } else { "" }
}

fn from_template(
    global: &GlobalArguments,
    command: &MatrixArguments,
    matrix: &Matrix,
    plan: &[u8],
) -> Result<String, Failure> {
    let Some(file) = &command.template else {
        return Err(Failure::new("the format `template` needs a template").with_hint("name it with --template FILE"));
    };
    let name = file.display();
    let source =
        String::from_utf8(read_file(&global.place(file))?).map_err(|_| Failure::new(format!("{name} is not UTF-8")))?;
    let plan = serde_json::from_slice(plan).map_err(Failure::new)?;
    matrix::template(&source, matrix, &plan).map_err(|error| Failure::new(format!("{name}:{error}")))
}

/// Tells GitHub Actions: outputs for the jobs that follow, a table for people, the notes as annotations.
fn write_outputs(matrix: &Matrix, plan: &[u8], output: &Output) -> Result<(), Failure> {
    let variable = |name: &str| {
        let file = std::env::var_os(name).filter(|file| !file.is_empty());
        file.ok_or_else(|| {
            Failure::new(format!("--github-output needs ${name}, which GitHub Actions sets for each step"))
        })
    };
    append(variable("GITHUB_OUTPUT")?.as_ref(), &matrix::github_outputs(matrix).map_err(Failure::new)?)?;
    if let Ok(summary) = variable("GITHUB_STEP_SUMMARY") {
        append(summary.as_ref(), &matrix::job_summary(matrix))?;
    }
    let plan: serde_json::Value = serde_json::from_slice(plan).map_err(Failure::new)?;
    for note in plan["notes"].as_array().into_iter().flatten() {
        if let Some(message) = note["message"].as_str() {
            output.annotate(&matrix::workflow_note(message));
        }
    }
    Ok(())
}

/// Adds to a file that others write to as well, in one write.
fn append(path: &Path, text: &str) -> Result<(), Failure> {
    let written = OpenOptions::new().create(true).append(true).open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.flush()
    });
    written.map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))
}
