//! Advice on Dockerfiles: for people, as JSON, and as annotations of GitHub Actions.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use crate::config::LintRule;
use crate::lint::{Advice, Finding, about};
use crate::render::ci_log::{github_data, github_property};
use crate::render::json::{Tool, path_base64, path_text};
use crate::render::style::{Style, Styles};
use crate::render::text::Detail;
use crate::render::words;

/// How wide the text of a finding may become before it goes on in another line.
const WIDTH: usize = 110;

/// Advice on Dockerfiles.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "buildplan.lint.v1")]
pub struct LintDocument {
    /// Always `buildplan.lint.v1`.
    schema: &'static str,
    tool: Tool,
    summary: Summary,
    /// By path, line and rule.
    findings: Vec<FindingDocument>,
}

/// How many there are.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Summary {
    /// Dockerfiles that were looked at.
    dockerfiles: usize,
    findings: usize,
    /// Findings of denied rules.
    denied: usize,
    /// Findings that a comment or the configuration silenced.
    silenced: usize,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct FindingDocument {
    /// The name of the rule; docs/lint.md describes each.
    rule: &'static str,
    /// `error` if the rule is denied, else `warning`.
    level: &'static str,
    /// The Dockerfile.
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_base64: Option<String>,
    /// Where the instruction starts, from 1.
    line: usize,
    /// The services whose image it is about.
    services: Vec<String>,
    /// What is found.
    message: String,
    /// Why that matters here.
    reason: String,
    /// What the fix brings.
    gain: String,
    /// What it brings above all: `size`, `time` or `safety`.
    gain_kind: &'static str,
    /// What to write instead.
    fix: String,
    /// The rules of hadolint that ask the same.
    hadolint: &'static [&'static str],
}

/// The advice as a document. Findings of the `denied` rules are errors.
pub fn lint_document(advice: &Advice, denied: &[LintRule]) -> LintDocument {
    let finding = |finding: &Finding| FindingDocument {
        rule: finding.rule.as_str(),
        level: if denied.contains(&finding.rule) { "error" } else { "warning" },
        path: path_text(&finding.path),
        path_base64: path_base64(&finding.path),
        line: finding.line,
        services: finding.services.clone(),
        message: finding.message.clone(),
        reason: finding.reason.clone(),
        gain: finding.gain.clone(),
        gain_kind: about(finding.rule).gain.as_str(),
        fix: finding.fix.clone(),
        hadolint: about(finding.rule).hadolint,
    };
    LintDocument {
        schema: "buildplan.lint.v1",
        tool: Tool::this(),
        summary: Summary {
            dockerfiles: advice.dockerfiles,
            findings: advice.findings.len(),
            denied: count_denied(advice, denied),
            silenced: advice.silenced,
        },
        findings: advice.findings.iter().map(finding).collect(),
    }
}

/// One annotation for each finding.
pub fn lint_github(advice: &Advice, denied: &[LintRule]) -> String {
    let mut text = String::new();
    for finding in &advice.findings {
        let level = if denied.contains(&finding.rule) { "error" } else { "warning" };
        let title = format!("{}: {}", finding.rule.as_str(), about(finding.rule).summary);
        let message = format!("{}. {}.\nFix: {}", sentence(&finding.message), sentence(&finding.reason), finding.fix);
        let message: Vec<String> = message.lines().map(words::escape).collect();
        let _ = writeln!(
            text,
            "::{level} file={},line={},title={}::{}",
            github_property(&words::escape(&path_text(&finding.path))),
            finding.line,
            github_property(&words::escape(&title)),
            github_data(&message.join("\n"))
        );
    }
    text
}

/// The advice for people: by file, with reason and fix; if quiet, a line for each finding.
pub fn lint_text(advice: &Advice, denied: &[LintRule], detail: Detail, styles: Styles) -> String {
    let mut text = String::new();
    if detail == Detail::Quiet {
        for finding in &advice.findings {
            let place = format!("{}:{}", path_text(&finding.path), finding.line);
            let _ = writeln!(
                text,
                "{}: {}: {}",
                words::escape(&place),
                finding.rule.as_str(),
                words::escape(&finding.message)
            );
        }
        return text;
    }
    let mut explained = BTreeSet::new();
    for group in advice.findings.chunk_by(|left, right| left.path == right.path) {
        let Some(first) = group.first() else { continue };
        let _ = writeln!(
            text,
            "{}{}\n",
            styles.paint(Style::Name, words::escape(&path_text(&first.path))),
            of_services(group)
        );
        for finding in group {
            push_head(&mut text, finding, group, denied, styles);
            // The reasons of a rule are mostly the same; once is enough.
            if explained.insert(finding.rule) || detail == Detail::Verbose {
                let why = format!("{}. Gain: {}.", sentence(&finding.reason), finding.gain);
                push_wrapped(&mut text, &why, |line| styles.paint(Style::Dim, line));
            }
            push_wrapped(&mut text, &format!("Fix: {}", finding.fix), |line| line);
            text.push('\n');
        }
    }
    text + &summary(advice, denied, styles)
}

fn push_head(text: &mut String, finding: &Finding, group: &[Finding], denied: &[LintRule], styles: Styles) {
    let style = if denied.contains(&finding.rule) { Style::Removed } else { Style::Changed };
    let rule = styles.paint(style, finding.rule.as_str());
    let shares = group.iter().all(|other| other.services == finding.services);
    let of = if shares { String::new() } else { format!(" ({})", finding.services.join(", ")) };
    let _ = writeln!(text, "  {:>4}  {rule}{}", finding.line, styles.paint(Style::Dim, of));
    push_wrapped(text, &format!("{}.", sentence(&finding.message)), |line| line);
}

/// The services of a file, if all of its findings are about the same.
fn of_services(group: &[Finding]) -> String {
    const SHOWN: usize = 3;
    let Some(first) = group.first().filter(|first| group.iter().all(|other| other.services == first.services)) else {
        return String::new();
    };
    let more = first.services.len().saturating_sub(SHOWN);
    let shown: Vec<&str> = first.services.iter().take(SHOWN).map(String::as_str).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(" ({}{more})", shown.join(", "))
}

fn summary(advice: &Advice, denied: &[LintRule], styles: Styles) -> String {
    let mut more = Vec::new();
    let errors = count_denied(advice, denied);
    if errors > 0 {
        more.push(format!("{errors} denied"));
    }
    if advice.silenced > 0 {
        more.push(format!("{} silenced", advice.silenced));
    }
    let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join(", ")) };
    if advice.dockerfiles == 0 {
        return "No Dockerfiles: none of the services has one.\n".to_owned();
    }
    let files = words::count(advice.dockerfiles, "Dockerfile");
    if advice.findings.is_empty() {
        return format!("No advice on {files}{more}.\n");
    }
    let hint = "A comment `# buildplan: allow RULE` above an instruction silences a rule there; docs/lint.md has more";
    format!(
        "{}\n{}\n",
        styles.paint(Style::Name, format!("{} in {files}{more}", words::count(advice.findings.len(), "finding"))),
        styles.paint(Style::Dim, hint)
    )
}

fn count_denied(advice: &Advice, denied: &[LintRule]) -> usize {
    advice.findings.iter().filter(|finding| denied.contains(&finding.rule)).count()
}

/// With a capital letter, unless it starts with code.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

/// Text below a finding, in lines that are not too long.
fn push_wrapped(text: &mut String, long: &str, paint: impl Fn(String) -> String) {
    let mut line = String::new();
    let mut length = 0;
    let mut push = |line: &mut String| {
        let _ = writeln!(text, "        {}", paint(std::mem::take(line)));
    };
    for word in words::escape(long).split(' ') {
        let width = word.chars().count();
        if length > 0 && length + 1 + width > WIDTH - 8 {
            push(&mut line);
            length = 0;
        }
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        line.push_str(word);
        length += width;
    }
    push(&mut line);
}
