//! The phrases that several formats share: counts, escaped names, a reason in one line, a chain of imports.

use std::sync::Arc;

use crate::fingerprint::item::Fact;
use crate::plan::reason::{At, Reason, ReasonKind};
use crate::plan::report::StepOutcome;
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

/// How a step ended, as people say it.
pub fn outcome(outcome: StepOutcome) -> &'static str {
    match outcome {
        StepOutcome::Ok => "ok",
        StepOutcome::Failed => "failed",
        StepOutcome::TimedOut => "timed out",
        StepOutcome::Cancelled => "stopped",
        StepOutcome::Skipped => "not started",
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

/// Text from outside with its control characters escaped, so that it cannot break a line, steer a terminal or turn the
/// direction in which the text after it is shown.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        push_escaped(&mut escaped, character);
    }
    without_commands(escaped)
}

/// Text in which a CI system finds no `##[command]` and no `##vso[command]`, which some look for anywhere in a line.
fn without_commands(text: String) -> String {
    let is_command = |rest: &str| {
        let name = rest.trim_start_matches(|character: char| character.is_ascii_alphanumeric());
        name.starts_with('[')
    };
    if !text.contains("##") {
        return text;
    }
    let mut clean = String::with_capacity(text.len() + 1);
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("##") {
        clean.push_str(before);
        clean.push_str(if is_command(after) { "## " } else { "#" });
        // Of three or more, the last two may be the mark.
        rest = if is_command(after) { after } else { rest.get(before.len() + 1..).unwrap_or_default() };
    }
    clean + rest
}

fn push_escaped(text: &mut String, character: char) {
    match character {
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => text.extend(character.escape_unicode()),
        _ if character.is_control() => text.extend(character.escape_default()),
        _ => text.push(character),
    }
}

/// A line that a program printed, for a page or a log: without the sequences that colour a terminal or move its cursor,
/// without what a carriage return overwrites, tabs as spaces, every other control character escaped, and nothing that a
/// CI system takes for a command.
pub fn log_line(line: &str) -> String {
    let line = line.strip_suffix('\r').unwrap_or(line);
    let line = line.rsplit_once('\r').map_or(line, |(_, last)| last);
    let mut shown = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(character) = rest.next() {
        match character {
            '\u{1b}' => skip_sequence(&mut rest),
            '\t' => shown.push_str("    "),
            _ => push_escaped(&mut shown, character),
        }
    }
    without_commands(shown)
}

/// Goes to the end of an escape sequence: of colours and cursors (`ESC [ … letter`), or of titles and links
/// (`ESC ] … BEL`, or `ESC \` at its end).
fn skip_sequence(rest: &mut std::str::Chars<'_>) {
    match rest.clone().next() {
        Some('[') => {
            let _ = rest.by_ref().skip(1).find(|character| matches!(character, '@'..='~'));
        }
        Some(']' | 'P' | '_' | '^' | 'X') => {
            while let Some(character) = rest.next() {
                if character == '\u{7}' || character == '\u{1b}' && rest.next().is_some() {
                    break;
                }
            }
        }
        // Of a character set (`ESC ( B`), or a single letter.
        Some(' '..='~') => _ = rest.find(|character| !matches!(character, ' '..='/')),
        _ => {}
    }
}

/// How a size differs from the one before: `+1.2 MiB (+3.4 %)`, `−12.0 KiB (−0.5 %)`, `no change`.
pub fn size_change(size: u64, before: u64) -> String {
    if size == before {
        return "no change".to_owned();
    }
    let sign = if size > before { '+' } else { '−' };
    let difference = size.abs_diff(before);
    let amount = format!("{sign}{}", bytes(difference));
    if before == 0 {
        return amount;
    }
    let tenths = (u128::from(difference) * 1000 + u128::from(before) / 2) / u128::from(before);
    match tenths {
        0 => amount,
        _ => format!("{amount} ({sign}{}.{} %)", tenths / 10, tenths % 10),
    }
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
        ReasonKind::NotBuiltYet => match &reason.to {
            Some(why) => format!("not known to be built: {}", escape(why)),
            None => "not built yet".to_owned(),
        },
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
    fn changes_of_size_have_a_sign_and_a_share() {
        for (size, before, expected) in [
            (1024, 1024, "no change"),
            (1536, 1024, "+512 B (+50.0 %)"),
            (980 << 20, 1000 << 20, "−20.0 MiB (−2.0 %)"),
            (5, 0, "+5 B"),
            ((1 << 30) + 1, 1 << 30, "+1 B"),
            (0, u64::MAX, "−16777215.9 TiB (−100.0 %)"),
        ] {
            assert_eq!(size_change(size, before), expected);
        }
    }

    #[test]
    fn what_programs_print_is_shown_without_its_colours() {
        for (line, expected) in [
            ("\u{1b}[31;1mred\u{1b}[0m", "red"),
            ("\tx \u{1b}]8;;http://a\u{7}link\u{1b}]8;;\u{1b}\\ y", "    x link y"),
            ("10 %\r55 %\r100 %\r", "100 %"),
            ("a\u{1b}", "a"),
            ("a\u{1b}[", "a"),
            ("a\u{1b}]b", "a"),
            ("a\u{1b}(Bc\u{1b}7", "ac"),
            ("\u{1b}é\0\u{202e}", "é\\u{0}\\u{202e}"),
        ] {
            assert_eq!(log_line(line), expected, "{line:?}");
        }
    }

    #[test]
    fn commands_of_ci_systems_are_broken() {
        for (text, expected) in [
            ("x ##vso[a] ##[b] ###teamcity[c]", "x ## vso[a] ## [b] ### teamcity[c]"),
            ("## Title #### x ##", "## Title #### x ##"),
            ("##é[", "##é["),
        ] {
            assert_eq!(escape(text), expected);
        }
        // No quadratic time.
        assert_eq!(escape(&"#".repeat(1 << 20)).len(), 1 << 20);
    }

    #[test]
    fn control_characters_cannot_reach_a_terminal() {
        assert_eq!(escape("a\u{1b}[31m\n\u{202e}"), "a\\u{1b}[31m\\n\\u{202e}");
    }
}
