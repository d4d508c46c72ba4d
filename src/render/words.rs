//! The phrases that several formats share: counts, escaped names, a reason in one line, a chain of imports.

use std::sync::Arc;

use crate::fingerprint::item::Fact;
use crate::plan::reason::{At, Reason, ReasonKind};
use crate::plan::{Decision, Plan, Step, StepKind};
use crate::repo::ChangeStatus;

/// `1 file`, `2 files`.
pub fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ if noun.ends_with('y') => format!("{number} {}ies", &noun[..noun.len() - 1]),
        _ => format!("{number} {noun}s"),
    }
}

/// What is done with images that are built already: `push 2`, `push 1 and tag 3`; `None` if nothing is.
pub fn without_build(plan: &Plan) -> Option<String> {
    let is_built = |step: &&Step| plan.service(&step.service).is_some_and(|service| service.decision == Decision::Skip);
    let steps = |kind: StepKind| plan.steps.iter().filter(is_built).filter(|step| step.kind == kind).count();
    let parts = [StepKind::Push, StepKind::Tag].map(|kind| (kind, steps(kind)));
    let shown = parts.iter().filter(|(_, count)| *count > 0).map(|(kind, count)| format!("{} {count}", kind.as_str()));
    let shown: Vec<String> = shown.collect();
    (!shown.is_empty()).then(|| shown.join(" and "))
}

/// A time as people say it: `0.4 s`, `12.3 s`, `2 min 5 s`, `1 h 2 min`.
pub fn duration(milliseconds: u64) -> String {
    let tenths = milliseconds.saturating_add(50) / 100;
    let seconds = milliseconds.saturating_add(500) / 1000;
    match seconds {
        0..60 => format!("{}.{} s", tenths / 10, tenths % 10),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// A size as people say it: `980 B`, `1.5 MiB`.
pub fn bytes(size: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let exponent = (1..=units.len()).rev().find(|exponent| size >= 1 << (10 * exponent));
    let Some(exponent) = exponent else { return format!("{size} B") };
    let tenths = u128::from(size) * 10 / (1_u128 << (10 * exponent));
    let unit = units.get(exponent - 1).unwrap_or(&"B");
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// Text from outside with its control characters escaped, so that it cannot break a line or steer a terminal.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// A reason in one line, without its chain.
pub fn reason(reason: &Reason) -> String {
    let text = match &reason.path {
        Some(path) => format!("{path} {}", file_event(reason)),
        None => fact_event(reason),
    };
    match &reason.target {
        Some(target) => format!("{} ({target})", escape(&text)),
        None => escape(&text),
    }
}

/// All reasons in one line: the first, and how many more there are.
pub fn reasons(reasons: &[Reason]) -> String {
    match reasons {
        [] => String::new(),
        [only] => reason(only),
        [first, rest @ ..] => format!("{} (+{})", reason(first), rest.len()),
    }
}

/// What happened to a file, as a participle.
pub fn file_event(reason: &Reason) -> String {
    let event = match (reason.status, reason.at) {
        (Some(ChangeStatus::Added), _) => "added",
        (Some(ChangeStatus::Modified), Some(At::Base)) => "modified, no longer used",
        (Some(ChangeStatus::Modified), _) => "modified",
        (Some(ChangeStatus::Deleted), _) => "deleted",
        (None, Some(At::Base)) => "no longer used",
        (None, _) => "now used",
    };
    match reason.kind {
        ReasonKind::EmbedFile => format!("{event} (embedded)"),
        ReasonKind::CInclude => format!("{event} (included)"),
        ReasonKind::ContextFile => format!("{event} (copied into the image)"),
        ReasonKind::DeclaredInput => format!("{event} (declared input)"),
        ReasonKind::GlobalInput => format!("{event} (input of all services)"),
        _ => event.to_owned(),
    }
}

fn fact_event(reason: &Reason) -> String {
    let subject = reason.subject.as_deref().unwrap_or_default();
    match reason.kind {
        ReasonKind::Forced => "forced".to_owned(),
        ReasonKind::MissingBase => match &reason.to {
            Some(why) => format!("base cannot be known: {why}"),
            None => "no base to compare with".to_owned(),
        },
        ReasonKind::NewService => "new service".to_owned(),
        ReasonKind::Unknown => reason.to.clone().unwrap_or_default(),
        ReasonKind::NotBuiltYet => "not built yet".to_owned(),
        ReasonKind::Unchanged => "unchanged".to_owned(),
        ReasonKind::AlreadyBuilt => "already built".to_owned(),
        ReasonKind::Filtered => "left out by the command line".to_owned(),
        ReasonKind::Resolution => match (&reason.from, &reason.to) {
            (None, _) => format!("new import {subject}"),
            (Some(_), None) => format!("import {subject} dropped"),
            (Some(from), Some(to)) => format!("import {subject} now means {to} (was {from})"),
        },
        ReasonKind::ExternalModule => module_event("", subject, reason),
        ReasonKind::Vendoring => module_event("vendored ", subject, reason),
        // Of the go.work or main go.mod; it decides more than the language.
        ReasonKind::LanguageVersion if subject == Fact::GoVersion.as_str() => {
            format!("go line of the build {}", transition(reason))
        }
        ReasonKind::LanguageVersion => module_event("Go version of ", subject, reason),
        ReasonKind::BaseImage => match reason.to {
            Some(_) => format!("base image {subject}"),
            None => format!("base image {subject} no longer used"),
        },
        ReasonKind::ImageDependency => format!("the image of {subject}, from which it starts, differs"),
        ReasonKind::Environment => format!("environment variable {subject} differs"),
        _ => format!("{subject} {}", transition(reason)),
    }
}

fn module_event(what: &str, module: &str, reason: &Reason) -> String {
    if reason.from.is_some() && reason.from == reason.to {
        return format!("{what}{module} {}: replacement or checksum differs", reason.to.as_deref().unwrap_or_default());
    }
    let is_none = |version: &Option<String>| version.as_deref().is_none_or(str::is_empty);
    if is_none(&reason.from) && is_none(&reason.to) {
        // A module that only sum files and replacements name.
        return format!("{what}{module}: replacement or checksum differs");
    }
    format!("{what}{module} {}", transition(reason))
}

fn transition(reason: &Reason) -> String {
    let show = |value: &Option<String>| match value.as_deref() {
        None | Some("") => "none".to_owned(),
        Some(value) => value.replace('\u{1f}', " "),
    };
    format!("{} → {}", show(&reason.from), show(&reason.to))
}

/// What all import paths of some chains start with, up to a slash: it says nothing, so it need not be shown.
pub fn common_prefix<'c>(chains: impl Iterator<Item = &'c [Arc<str>]>) -> String {
    let mut paths = chains.flatten();
    let Some(first) = paths.next() else { return String::new() };
    let mut prefix: &str = first.rfind('/').map_or("", |slash| &first[..=slash]);
    for path in paths {
        while !path.starts_with(prefix) {
            prefix = prefix.trim_end_matches('/').rfind('/').map_or("", |slash| &prefix[..=slash]);
        }
    }
    prefix.to_owned()
}

/// A chain on one line, without what all paths start with; a long one without its middle.
pub fn chain(chain: &[Arc<str>], prefix: &str) -> String {
    const SHOWN: usize = 4;
    let short = |path: &Arc<str>| escape(path.strip_prefix(prefix).unwrap_or(path));
    if chain.len() <= SHOWN {
        return chain.iter().map(short).collect::<Vec<_>>().join(" → ");
    }
    let hidden = chain.len() - SHOWN + 1;
    let ends: Vec<String> = chain[chain.len() - 2..].iter().map(short).collect();
    format!("{} → … {hidden} more … → {}", short(&chain[0]), ends.join(" → "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_the_right_number() {
        assert_eq!((count(1, "file").as_str(), count(0, "entry").as_str()), ("1 file", "0 entries"));
    }

    #[track_caller]
    fn check_event(kind: ReasonKind, subject: &str, from: Option<&str>, to: Option<&str>, expected: &str) {
        let text = |value: Option<&str>| value.map(ToOwned::to_owned);
        let reason = Reason { subject: text(Some(subject)), from: text(from), to: text(to), ..Reason::rule(kind) };
        assert_eq!(fact_event(&reason), expected);
    }

    #[test]
    fn versions_are_shown_where_there_are_any() {
        let external = ReasonKind::ExternalModule;
        check_event(external, "ex.io/a", Some("v1.0.0"), Some("v1.1.0"), "ex.io/a v1.0.0 → v1.1.0");
        check_event(external, "ex.io/a", Some("v1.0.0"), None, "ex.io/a v1.0.0 → none");
        let unlisted = "ex.io/a: replacement or checksum differs";
        check_event(external, "ex.io/a", None, Some(""), unlisted);
        let language = ReasonKind::LanguageVersion;
        check_event(language, "ex.io/a", Some("1.24"), Some("1.25"), "Go version of ex.io/a 1.24 → 1.25");
        check_event(language, "go-version", Some("1.24.0"), Some("1.24.2"), "go line of the build 1.24.0 → 1.24.2");
    }

    #[test]
    fn a_common_prefix_ends_at_a_slash() {
        let chains: [Vec<Arc<str>>; 2] = [vec!["ex.io/m/a/b".into(), "ex.io/m/ac".into()], vec!["ex.io/m/a/c".into()]];
        assert_eq!(common_prefix(chains.iter().map(Vec::as_slice)), "ex.io/m/");
        assert_eq!(common_prefix([["a".into(), "b/c".into()]].iter().map(|chain: &[Arc<str>; 2]| &chain[..])), "");
    }

    #[test]
    fn times_and_sizes_have_units() {
        for (milliseconds, expected) in
            [(0, "0.0 s"), (449, "0.4 s"), (59_400, "59.4 s"), (125_000, "2 min 5 s"), (3_720_000, "1 h 2 min")]
        {
            assert_eq!(duration(milliseconds), expected);
        }
        for (size, expected) in
            [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 20, "5.0 MiB"), (3 << 40, "3.0 TiB")]
        {
            assert_eq!(bytes(size), expected);
        }
    }

    #[test]
    fn control_characters_cannot_reach_a_terminal() {
        assert_eq!(escape("a\u{1b}[31m\n"), "a\\u{1b}[31m\\n");
    }
}
