//! The plan as Markdown, for a pull request comment or a job summary.

use std::fmt::Write;

use crate::plan::{Decision, Plan};
use crate::render::text::{base_rule, revisions};
use crate::render::words;

/// The plan as Markdown.
pub fn plan_markdown(plan: &Plan) -> String {
    let mut text = String::new();
    let builds = plan.builds().count();
    let all = words::count(plan.services.len(), "service");
    let mut title = match builds {
        0 => format!("Nothing to build ({all})"),
        _ => format!("Build {builds} of {all}"),
    };
    title.extend(words::without_build(plan).map(|more| format!(", {more}")));
    let _ = writeln!(text, "### {title}\n\n{}\n", escape(&revisions(plan)));
    if let Some(rule) = base_rule(plan) {
        let _ = writeln!(text, "{}\n", escape(&rule));
    }
    if builds > 0 {
        let chains = plan.builds().flat_map(|service| &service.reasons).map(|reason| &reason.chain[..]);
        let prefix = words::common_prefix(chains);
        text.push_str("| service | why | chain |\n| --- | --- | --- |\n");
        for service in plan.builds() {
            let Some(first) = service.reasons.first() else { continue };
            let more = match service.reasons.len() {
                1 => String::new(),
                reasons => format!(" (+{})", reasons - 1),
            };
            let chain = if first.chain.len() > 1 { words::chain(&first.chain, &prefix) } else { String::new() };
            let _ = writeln!(
                text,
                "| {} | {}{more} | {} |",
                escape(&service.name),
                escape(&words::reason(first)),
                escape(&chain)
            );
        }
        text.push('\n');
    }
    let skipped: Vec<&str> = plan
        .services
        .iter()
        .filter(|service| service.decision == Decision::Skip)
        .map(|service| service.name.as_str())
        .collect();
    if !skipped.is_empty() {
        let _ = writeln!(text, "<details><summary>{} skipped</summary>\n", words::count(skipped.len(), "service"));
        let _ = writeln!(text, "{}\n\n</details>\n", escape(&skipped.join(", ")));
    }
    if !plan.removed.is_empty() {
        let _ = writeln!(text, "Removed since base: {}\n", escape(&plan.removed.join(", ")));
    }
    if !plan.notes.is_empty() {
        let _ = writeln!(text, "<details><summary>{}</summary>\n", words::count(plan.notes.len(), "note"));
        for note in &plan.notes {
            let _ = writeln!(text, "- {}", escape(&words::escape(&note.message)));
        }
        text.push_str("\n</details>\n");
    }
    // Every part ends with an empty line, to keep it apart from the next.
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Text that Markdown and HTML leave as it is.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\n' | '\r' => escaped.push(' '),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '~' | '@' | '#' => {
                escaped.push('\\');
                escaped.push(character);
            }
            _ => escaped.push(character),
        }
    }
    escaped
}
