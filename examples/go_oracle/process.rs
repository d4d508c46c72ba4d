//! Runs a program to its end and turns a failure into an error that quotes what the program said.

use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// How many lines of standard error are quoted.
const LINES_SHOWN: usize = 12;

/// The standard output of `command`. An exit status other than 0 is an error with the end of its standard error.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>> {
    let arguments = command.get_args().map(|argument| argument.to_string_lossy()).collect::<Vec<_>>().join(" ");
    let label = format!("{} {}", command.get_program().to_string_lossy(), shortened(&arguments, 160));
    output_of(command, &label)
}

/// The same, where errors name the command by `label`.
pub(crate) fn output_of(command: &mut Command, label: &str) -> Result<Vec<u8>> {
    Ok(finished(command, label)?.stdout)
}

/// The end of its standard error.
pub(crate) fn diagnostics(command: &mut Command, label: &str) -> Result<String> {
    Ok(tail(&String::from_utf8_lossy(&finished(command, label)?.stderr), LINES_SHOWN))
}

fn finished(command: &mut Command, label: &str) -> Result<Output> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {label}"))?;
    if !output.status.success() {
        bail!("{label}: {}: {}", output.status, tail(&String::from_utf8_lossy(&output.stderr), LINES_SHOWN));
    }
    Ok(output)
}

/// Standard output as text without the line end.
pub(crate) fn text(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    Ok(String::from_utf8(output).context("the output is not UTF-8")?.trim_end().to_owned())
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.trim().lines().collect();
    all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join(" | ")
}

fn shortened(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
