//! The plan for people: what is built and why on one line each, and hardly a word about the rest.

use std::fmt::Write;

use crate::plan::reason::ReasonKind;
use crate::plan::{Decision, Plan, PlannedService};
use crate::render::style::{Style, Styles};
use crate::render::words;
use crate::repo::NoteKind;

/// How much to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Only the names of what is built.
    Quiet,
    /// What matters.
    #[default]
    Normal,
    /// Every reason, every skipped service, every note.
    Verbose,
}

/// Notes of these kinds are shown without being asked for: they mean that something is wrong.
const URGENT: [NoteKind; 7] = [
    NoteKind::MissingBase,
    NoteKind::Base,
    NoteKind::UnresolvedImport,
    NoteKind::ImportCycle,
    NoteKind::GoSource,
    NoteKind::OutsideTree,
    NoteKind::Ledger,
];

/// How many urgent notes are shown before they are only counted.
const URGENT_SHOWN: usize = 5;

/// Above this number of builds, chains are left to `why`: one line for each build reads better then.
const CHAINS_SHOWN: usize = 20;

/// The plan as text.
pub fn plan_text(plan: &Plan, detail: Detail, styles: Styles) -> String {
    let mut text = String::new();
    if detail == Detail::Quiet {
        for service in plan.builds() {
            let _ = writeln!(text, "{}", service.name);
        }
        return text;
    }
    header(&mut text, plan, styles);
    if plan.services.is_empty() {
        text.push_str("\nNo services: there is no main package in a Go module here, and build-plan.toml names none.\n");
        return text;
    }
    builds(&mut text, plan, detail, styles);
    skips(&mut text, plan, detail, styles);
    notes(&mut text, plan, detail, styles);
    hint(&mut text, plan, detail, styles);
    text
}

fn header(text: &mut String, plan: &Plan, styles: Styles) {
    let base = revisions(plan);
    let _ = writeln!(text, "{}", styles.paint(Style::Dim, base));
    if let Some(rule) = base_rule(plan) {
        let _ = writeln!(text, "{}", styles.paint(Style::Dim, rule));
    }
}

/// Why that is the base, where it was not a person who said so.
pub fn base_rule(plan: &Plan) -> Option<String> {
    let base = plan.base.as_ref()?;
    Some(format!("{}: {}", base.source, base.rule?))
}

/// What is compared with what, in one line.
pub fn revisions(plan: &Plan) -> String {
    let commit = format!("{:.12}", plan.head.commit.to_string());
    let head = match (&plan.head.rev, plan.head.working_copy) {
        (Some(rev), _) if commit.starts_with(&**rev) || rev == "HEAD" => commit,
        (Some(rev), _) => format!("{} ({commit})", words::escape(rev)),
        (None, true) if plan.head.dirty => format!("the working copy ({commit} with changes)"),
        (None, true) => format!("the working copy ({commit})"),
        (None, false) => commit,
    };
    let changed = words::count(plan.changed_files.len(), "changed file");
    match &plan.base {
        None => format!("{head}, without a base"),
        Some(base) => {
            let commit = format!("{:.12}", base.commit.to_string());
            let name = match base.source {
                "first-parent" => "its first parent".to_owned(),
                _ if base.commit.to_string() == base.rev => "commit".to_owned(),
                _ => words::escape(&base.rev),
            };
            let merge = if base.merge_base { "the merge base with " } else { "" };
            format!("{head} against {merge}{name} ({commit}): {changed}")
        }
    }
}

fn builds(text: &mut String, plan: &Plan, detail: Detail, styles: Styles) {
    let builds: Vec<&PlannedService> = plan.builds().collect();
    let all = plan.services.len();
    if builds.is_empty() && plan.steps.is_empty() {
        let nothing = format!("Nothing to build: {}.", all_unchanged(plan));
        let _ = writeln!(text, "\n{}", styles.paint(Style::Name, nothing));
        return;
    }
    let mut title = format!("Build {} of {}", builds.len(), words::count(all, "service"));
    title.extend(words::without_build(plan).map(|more| format!(", {more}")));
    let _ = writeln!(text, "\n{}", styles.paint(Style::Name, title));
    if builds.is_empty() {
        return;
    }
    text.push('\n');
    let width = builds.iter().map(|service| service.name.chars().count()).max().unwrap_or(0).min(48);
    let chains = || builds.iter().flat_map(|service| &service.reasons).map(|reason| &reason.chain[..]);
    let prefix = words::common_prefix(chains());
    let with_chains = detail == Detail::Verbose || builds.len() <= CHAINS_SHOWN;
    for service in builds {
        let name = styles.paint(Style::Name, format!("{:<width$}", service.name));
        let shown = if detail == Detail::Verbose { service.reasons.len() } else { 1 };
        for (index, reason) in service.reasons.iter().take(shown).enumerate() {
            let margin = if index == 0 { name.clone() } else { " ".repeat(width) };
            let _ = write!(text, "  {margin}  {}", words::reason(reason));
            let more = service.reasons.len() - shown;
            if more > 0 {
                let _ = write!(text, "{}", styles.paint(Style::Dim, format!("  +{}", words::count(more, "reason"))));
            }
            text.push('\n');
            if reason.chain.len() > 1 && with_chains {
                let chain = format!("via {}", words::chain(&reason.chain, &prefix));
                let _ = writeln!(text, "  {}  {}", " ".repeat(width), styles.paint(Style::Dim, chain));
            }
        }
    }
}

fn all_unchanged(plan: &Plan) -> String {
    let skipped =
        |kind| plan.services.iter().filter(move |service| service.reasons.iter().any(|reason| reason.kind == kind));
    let all = plan.services.len();
    if skipped(ReasonKind::Unchanged).count() == all {
        return match all {
            1 => "the only service is unchanged".to_owned(),
            _ => format!("all {all} services are unchanged"),
        };
    }
    skip_counts(plan)
}

fn skip_counts(plan: &Plan) -> String {
    let kinds = [
        (ReasonKind::Unchanged, "unchanged"),
        (ReasonKind::AlreadyBuilt, "already built"),
        (ReasonKind::Filtered, "left out"),
    ];
    let counts = kinds.iter().filter_map(|(kind, words)| {
        let skipped = plan.services.iter().filter(|service| service.decision == Decision::Skip);
        let count = skipped.filter(|service| service.reasons.iter().any(|reason| reason.kind == *kind)).count();
        (count > 0).then(|| format!("{count} {words}"))
    });
    counts.collect::<Vec<_>>().join(", ")
}

fn skips(text: &mut String, plan: &Plan, detail: Detail, styles: Styles) {
    let skipped: Vec<&PlannedService> =
        plan.services.iter().filter(|service| service.decision == Decision::Skip).collect();
    if !plan.steps.is_empty() && !skipped.is_empty() {
        let _ = writeln!(text, "\nSkip {}", skip_counts(plan));
    }
    if detail == Detail::Verbose {
        for service in skipped {
            let reason = service.reasons.first().map(words::reason).unwrap_or_default();
            let _ = writeln!(text, "  {}", styles.paint(Style::Dim, format!("{} {reason}", service.name)));
        }
    }
    if !plan.removed.is_empty() {
        let _ = writeln!(text, "\nRemoved since base: {}", plan.removed.join(", "));
    }
}

/// A command line as a shell would take it. It is only shown.
pub fn command_line(argv: &[std::ffi::OsString]) -> String {
    let word = |word: &std::ffi::OsString| {
        let word = words::escape(&word.to_string_lossy());
        let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./:=,@%+".contains(character);
        if !word.is_empty() && word.chars().all(is_plain) { word } else { format!("'{}'", word.replace('\'', "'\\''")) }
    };
    argv.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn notes(text: &mut String, plan: &Plan, detail: Detail, styles: Styles) {
    let verbose = detail == Detail::Verbose;
    let urgent = |kind: &NoteKind| URGENT.contains(kind);
    let (shown, hidden): (Vec<_>, Vec<_>) = plan.notes.iter().partition(|note| verbose || urgent(&note.kind));
    let limit = if verbose { shown.len() } else { URGENT_SHOWN };
    if !shown.is_empty() {
        text.push('\n');
    }
    for note in shown.iter().take(limit) {
        let service = note.service.as_ref().map(|service| format!("{service}: ")).unwrap_or_default();
        let _ = writeln!(text, "{} {service}{}", styles.paint(Style::Changed, "note:"), words::escape(&note.message));
    }
    let hidden = hidden.len() + shown.len().saturating_sub(limit);
    if hidden > 0 {
        let more = if shown.is_empty() { "note" } else { "more note" };
        let _ =
            writeln!(text, "\n{}", styles.paint(Style::Dim, format!("{} (-v shows them)", words::count(hidden, more))));
    }
}

fn hint(text: &mut String, plan: &Plan, detail: Detail, styles: Styles) {
    if let Some(first) = plan.builds().next()
        && detail == Detail::Normal
    {
        let hint = format!("buildplan why {} shows every reason and chain; -v shows all services", first.name);
        let _ = writeln!(text, "{}", styles.paint(Style::Dim, hint));
    }
}
