//! The log of a finished step as a CI system folds it away: one text for one step, so that steps which ran at the same
//! time never interleave, and no line of a log is taken for a command to the CI system.

use std::fmt::Write as _;

use crate::plan::report::StepOutcome;
use crate::render::words;

/// A CI system whose logs have parts that can be folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CiLog {
    /// GitHub Actions, and what is compatible with it.
    GitHub,
    /// GitLab CI.
    GitLab,
    /// Azure Pipelines.
    Azure,
    /// Buildkite.
    Buildkite,
}

/// A step that ended, and what it printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishedStep<'s> {
    /// `SERVICE/build`.
    pub id: &'s str,
    /// How it ended.
    pub outcome: StepOutcome,
    /// Seconds since 1970.
    pub started: u64,
    /// In milliseconds.
    pub duration_ms: u64,
    /// Why it did not end well.
    pub error: Option<&'s str>,
    /// The last lines of its output.
    pub output: &'s str,
    /// How many lines came before those.
    pub left_out: u64,
    /// Where all of them are.
    pub log: &'s str,
}

impl CiLog {
    /// The CI system that the environment tells of.
    pub fn detect(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let known = [
            ("GITHUB_ACTIONS", Self::GitHub),
            ("GITLAB_CI", Self::GitLab),
            ("TF_BUILD", Self::Azure),
            ("BUILDKITE", Self::Buildkite),
        ];
        let is_set = |name: &str| variable(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        known.into_iter().find(|(name, _)| is_set(name)).map(|(_, system)| system)
    }

    /// Whether what is printed after a group is not taken for a part of it.
    pub fn groups_end(self) -> bool {
        self != Self::Buildkite
    }

    /// What begins the part after all steps.
    pub fn conclusion(self) -> &'static str {
        if self.groups_end() { "" } else { "+++ what happened\n" }
    }

    /// All of a step: its log as a group, then, outside of it, why it failed. Nothing in the log can know the `token`.
    pub fn step(self, step: &FinishedStep<'_>, token: &str) -> String {
        let title = format!("{} ({}, {})", step.id, words::duration(step.duration_ms), words::outcome(step.outcome));
        let title = words::escape(&title);
        let lines = lines(step);
        let failed = matches!(step.outcome, StepOutcome::Failed | StepOutcome::TimedOut);
        let error = step.error.filter(|_| failed).map(words::escape);
        let subject = words::escape(&format!("{} {}", step.id, words::outcome(step.outcome)));
        match self {
            Self::GitHub => {
                let mut text = format!("::group::{}\n::stop-commands::{token}\n", github_data(&title));
                text += &lines;
                let _ = write!(text, "::{token}::\n::endgroup::\n");
                if let Some(error) = error {
                    let _ = writeln!(text, "::error title={}::{}", github_property(&subject), github_data(&error));
                }
                text
            }
            Self::GitLab => {
                let (name, collapsed) = (gitlab_name(step.id), !failed);
                let (start, end) = (step.started, step.started.saturating_add(step.duration_ms / 1000));
                let mut text =
                    format!("\x1b[0Ksection_start:{start}:{name}[collapsed={collapsed}]\r\x1b[0K{title}\n{lines}");
                let _ = writeln!(text, "\x1b[0Ksection_end:{end}:{name}\r\x1b[0K");
                text + &plain_error(&subject, error)
            }
            Self::Azure => {
                let mut text = format!("##[group]{title}\n{lines}##[endgroup]\n");
                if let Some(error) = error {
                    let message = format!("{subject}: {error}").replace('%', "%AZP25");
                    let _ = writeln!(text, "##vso[task.logissue type=error]{message}");
                }
                text
            }
            Self::Buildkite => {
                let mark = if failed { "+++" } else { "---" };
                let mut text = format!("{mark} {title}\n");
                for line in lines.lines() {
                    // Such a line would begin another group.
                    let is_header = ["---", "+++", "~~~", "^^^"].iter().any(|mark| line.starts_with(mark));
                    let _ = writeln!(text, "{}{line}", if is_header { " " } else { "" });
                }
                text + &plain_error(&subject, error)
            }
        }
    }
}

fn plain_error(subject: &str, error: Option<String>) -> String {
    error.map(|error| format!("error: {subject}: {error}\n")).unwrap_or_default()
}

/// The log, each line on a line of its own and with nothing in it that a terminal or a CI system obeys.
fn lines(step: &FinishedStep<'_>) -> String {
    let mut text = String::new();
    if step.left_out > 0 {
        let before = words::count(usize::try_from(step.left_out).unwrap_or(usize::MAX), "line");
        let _ = writeln!(text, "({before} before these: all of it is in {})", words::escape(step.log));
    }
    // The error is said outside of the log.
    let conclusion = step.error.map(|error| format!("{}: {error}\n", step.outcome.as_str()));
    let conclusion = conclusion.as_deref().unwrap_or_default();
    let is_line = |before: &&str| before.is_empty() || before.ends_with('\n');
    let output = step.output.strip_suffix(conclusion).filter(is_line).unwrap_or(step.output);
    for line in output.split_terminator('\n') {
        text += &words::log_line(line);
        text.push('\n');
    }
    text
}

/// See `escapeData` in the toolkit of GitHub Actions.
pub(super) fn github_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

pub(super) fn github_property(text: &str) -> String {
    github_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The name of a section, which may not have every character.
fn gitlab_name(id: &str) -> String {
    let legal = |character: char| if character.is_ascii_alphanumeric() { character } else { '_' };
    id.chars().map(legal).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(system: CiLog, outcome: StepOutcome, lines: &[&str], expected: &str) {
        let output: String = lines.iter().flat_map(|line| [*line, "\n"]).collect();
        let step = FinishedStep {
            id: "a/build",
            outcome,
            started: 100,
            duration_ms: 12_300,
            error: (outcome == StepOutcome::Failed).then_some("100 % of it, sadly"),
            output: &output,
            left_out: if lines.len() > 1 { 3 } else { 0 },
            log: "/logs/a.log",
        };
        assert_eq!(system.step(&step, "TOKEN"), expected);
    }

    const NOTE: &str = "(3 lines before these: all of it is in /logs/a.log)";

    #[test]
    fn github_gets_a_group_in_which_nothing_is_a_command() {
        check(
            CiLog::GitHub,
            StepOutcome::Ok,
            &["::set-output name=x::y"],
            "::group::a/build (12.3 s, ok)\n::stop-commands::TOKEN\n::set-output name=x::y\n::TOKEN::\n::endgroup::\n",
        );
        let expected = format!(
            "::group::a/build (12.3 s, failed)\n::stop-commands::TOKEN\n{NOTE}\nx\n## [error]y\n::TOKEN::\n\
             ::endgroup::\n::error title=a/build failed::100 %25 of it, sadly\n"
        );
        check(CiLog::GitHub, StepOutcome::Failed, &["x", "##[error]y", "failed: 100 % of it, sadly"], &expected);
    }

    #[test]
    fn gitlab_gets_a_section_that_is_open_if_the_step_failed() {
        let hostile = "\x1b[0Ksection_end:1:a_build\r\x1b[0Kx";
        check(
            CiLog::GitLab,
            StepOutcome::Ok,
            &[hostile],
            "\x1b[0Ksection_start:100:a_build[collapsed=true]\r\x1b[0Ka/build (12.3 s, ok)\nx\n\
             \x1b[0Ksection_end:112:a_build\r\x1b[0K\n",
        );
        let expected = format!(
            "\x1b[0Ksection_start:100:a_build[collapsed=false]\r\x1b[0Ka/build (12.3 s, failed)\n{NOTE}\nx\ny\n\
             \x1b[0Ksection_end:112:a_build\r\x1b[0K\nerror: a/build failed: 100 % of it, sadly\n"
        );
        check(CiLog::GitLab, StepOutcome::Failed, &["x", "y"], &expected);
    }

    #[test]
    fn azure_gets_a_group_and_an_issue() {
        let expected = format!(
            "##[group]a/build (12.3 s, failed)\n{NOTE}\nx ## vso[task.setvariable variable=a]b\n## [endgroup]\n\
             ##[endgroup]\n##vso[task.logissue type=error]a/build failed: 100 %AZP25 of it, sadly\n"
        );
        let lines = ["x ##vso[task.setvariable variable=a]b", "#\x1b[1m#[endgroup]"];
        check(CiLog::Azure, StepOutcome::Failed, &lines, &expected);
        check(CiLog::Azure, StepOutcome::Cancelled, &[], "##[group]a/build (12.3 s, stopped)\n##[endgroup]\n");
    }

    #[test]
    fn buildkite_gets_headers() {
        check(CiLog::Buildkite, StepOutcome::Ok, &["+++ x"], "--- a/build (12.3 s, ok)\n +++ x\n");
        let expected =
            format!("+++ a/build (12.3 s, failed)\n{NOTE}\nx\ny\nerror: a/build failed: 100 % of it, sadly\n");
        check(CiLog::Buildkite, StepOutcome::Failed, &["x", "y"], &expected);
    }

    #[test]
    fn the_environment_says_which_it_is() {
        let detect = |set: &str| CiLog::detect(|name| (set == name).then(|| "True".to_owned()));
        assert_eq!(detect("GITHUB_ACTIONS"), Some(CiLog::GitHub));
        assert_eq!(detect("TF_BUILD"), Some(CiLog::Azure));
        assert_eq!(detect("CI"), None);
        assert_eq!(CiLog::detect(|_| Some("false".to_owned())), None);
    }
}
