//! Every reason for one service with its whole chain; for a skipped one, why each changed file does not matter.

use std::fmt::Write;

use crate::plan::reason::ReasonKind;
use crate::plan::why_not::WhyNot;
use crate::plan::{Decision, Plan, PlannedService};
use crate::render::style::{Style, Styles};
use crate::render::text::revisions;
use crate::render::words;
use crate::repo::ChangeStatus;

/// How many changed files a skipped service is explained with, unless all are asked for.
const FILES_SHOWN: usize = 20;

/// The explanation. `why_not` has one entry for each changed file that is no input of the service.
pub fn why_text(plan: &Plan, service: &PlannedService, why_not: &[WhyNot], verbose: bool, styles: Styles) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{}", styles.paint(Style::Dim, revisions(plan)));
    match service.decision {
        Decision::Build => built(&mut text, service, styles),
        Decision::Skip => skipped(&mut text, plan, service, why_not, verbose, styles),
    }
    for note in plan.notes.iter().filter(|note| note.service.as_ref() == Some(&service.name)) {
        let _ = writeln!(text, "\n{} {}", styles.paint(Style::Changed, "note:"), words::escape(&note.message));
    }
    text
}

fn built(text: &mut String, service: &PlannedService, styles: Styles) {
    let reasons = words::count(service.reasons.len(), "reason");
    let _ = writeln!(text, "\n{} is built, for {reasons}:", styles.paint(Style::Name, &service.name));
    for reason in &service.reasons {
        let style = match reason.status {
            Some(ChangeStatus::Added) => Style::Added,
            Some(ChangeStatus::Deleted) => Style::Removed,
            _ => Style::Changed,
        };
        let kind = styles.paint(Style::Dim, format!("[{}]", reason.kind.as_str()));
        let _ = writeln!(text, "\n  {}  {kind}", styles.paint(style, words::reason(reason)));
        for (depth, package) in reason.chain.iter().enumerate() {
            let package = words::escape(package);
            match depth {
                0 => _ = writeln!(text, "    {package}"),
                _ => _ = writeln!(text, "    {}└─ {package}", "   ".repeat(depth - 1)),
            }
        }
    }
}

fn skipped(
    text: &mut String,
    plan: &Plan,
    service: &PlannedService,
    why_not: &[WhyNot],
    verbose: bool,
    styles: Styles,
) {
    let name = styles.paint(Style::Name, &service.name);
    let kind = service.reasons.first().map_or(ReasonKind::Unchanged, |reason| reason.kind);
    let _ = match kind {
        ReasonKind::Filtered => writeln!(text, "\n{name} is skipped: the command line leaves it out."),
        ReasonKind::AlreadyBuilt => writeln!(text, "\n{name} is skipped: the ledger has it as built."),
        _ => writeln!(text, "\n{name} is skipped: no input differs between base and head."),
    };
    if let Some(fingerprint) = service.fingerprint.filter(|_| verbose) {
        let _ = writeln!(text, "fingerprint {fingerprint}");
    }
    if kind == ReasonKind::Filtered {
        return;
    }
    if why_not.is_empty() {
        if plan.base.is_some() {
            text.push_str("No file differs at all.\n");
        }
        return;
    }
    let files = words::count(why_not.len(), "changed file");
    let verb = if why_not.len() == 1 { "is" } else { "are" };
    let _ = writeln!(text, "\n{files} {verb} no input of it:");
    let shown = if verbose { why_not.len() } else { FILES_SHOWN };
    let width = why_not.iter().take(shown).map(|file| file.path.to_string().chars().count()).max().unwrap_or(0).min(60);
    for file in why_not.iter().take(shown) {
        let path = file.path.to_string();
        let _ = writeln!(text, "  {path:<width$}  {}", styles.paint(Style::Dim, words::escape(&file.because)));
    }
    if why_not.len() > shown {
        let _ = writeln!(text, "  … and {} more (-v shows them)", why_not.len() - shown);
    }
}
