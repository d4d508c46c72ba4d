//! GitHub Actions: the matrix of a job, the outputs of a step, the summary of a job, and annotations.

use std::fmt::Write as _;

use serde::Serialize;

use crate::render::markdown::escape;
use crate::render::matrix::{Entry, Matrix};
use crate::render::words;

/// The most jobs that a matrix may have.
/// <https://docs.github.com/en/actions/reference/limits>
pub const GITHUB_JOBS: usize = 256;

/// The most bytes of a job summary are 1024 KiB; this leaves room for those of other steps.
const LARGEST_SUMMARY: usize = 900 * 1024;

#[derive(Serialize)]
struct GithubMatrix<'m> {
    include: &'m [Entry],
}

/// The value of `strategy.matrix`, on one line.
///
/// # Errors
/// None in practice: all of it can be written as JSON.
pub fn github(matrix: &Matrix) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string(&GithubMatrix { include: &matrix.include })? + "\n")
}

/// The lines for `$GITHUB_OUTPUT`. JSON has no line breaks of its own, so each is one line.
///
/// # Errors
/// None in practice: all of it can be written as JSON.
pub fn github_outputs(matrix: &Matrix) -> Result<String, serde_json::Error> {
    let shards: Vec<&str> =
        matrix.include.iter().map(|entry| entry.shard.as_str()).filter(|id| !id.is_empty()).collect();
    Ok(format!(
        "matrix={}has-work={}\ncount={}\nshards={}\n",
        github(matrix)?,
        matrix.has_work,
        matrix.count,
        serde_json::to_string(&shards)?
    ))
}

/// The jobs as Markdown for `$GITHUB_STEP_SUMMARY`, within the size that it may have.
pub fn job_summary(matrix: &Matrix) -> String {
    let title = match matrix.count {
        0 => "Nothing to build".to_owned(),
        count => format!("{} to build", words::count(count, "service")),
    };
    let mut text = format!("### {title}\n\n");
    if matrix.has_work {
        text.push_str("| job | why |\n| --- | --- |\n");
    }
    for (number, entry) in matrix.include.iter().enumerate() {
        let line = format!("| {} | {} |\n", escape(&entry.name), escape(&words::escape(&entry.reason)));
        if text.len() + line.len() > LARGEST_SUMMARY {
            let _ = writeln!(text, "\nand {} more", words::count(matrix.include.len() - number, "job"));
            break;
        }
        text.push_str(&line);
    }
    text
}

/// An annotation: one line, whatever is in the message.
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>
pub fn workflow_note(message: &str) -> String {
    let message = message.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    format!("::notice title=buildplan::{message}\n")
}
