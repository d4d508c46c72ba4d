//! Applies comments of the form `# buildplan: allow RULE, RULE` to findings: right above an instruction they are for
//! that instruction, before the first `FROM` for the whole file.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use crate::config::LintRule;
use crate::docker::Dockerfile;
use crate::repo::RepoPath;

/// A rule that a comment allows.
struct Allowed {
    line: usize,
    rule: LintRule,
    /// The line of the instruction; `None` for the whole file.
    at: Option<usize>,
    is_used: bool,
}

/// Removes what comments allow, and returns what is to be said of the comments.
pub(super) fn apply(
    file: &Dockerfile,
    path: &RepoPath,
    services: &[String],
    findings: &mut Vec<Finding>,
) -> Vec<Finding> {
    let finding = |line: usize, message: String, reason: &str, fix: String| Finding {
        path: path.clone(),
        line,
        rule: LintRule::UnusedAllow,
        message,
        reason: reason.to_owned(),
        gain: "comments that mean what they say".to_owned(),
        fix,
        services: services.to_vec(),
    };
    let mut allowed: Vec<Allowed> = Vec::new();
    let mut complaints = Vec::new();
    let targets = targets(file);
    for comment in &file.comments {
        let Some(names) = names_in(&comment.text) else { continue };
        let at = targets.get(&comment.line).copied();
        for name in names {
            match (LintRule::of(name), at) {
                (None, _) => {
                    let fix = match LintRule::nearest(name) {
                        Some(near) => format!("did you mean `{}`?", near.as_str()),
                        None => "docs/lint.md lists the rules".to_owned(),
                    };
                    let reason = "the comment silences nothing";
                    complaints.push(finding(comment.line, format!("there is no rule `{name}`"), reason, fix));
                }
                (Some(rule), Some(at)) => allowed.push(Allowed { line: comment.line, rule, at, is_used: false }),
                (Some(rule), None) => complaints.push(finding(
                    comment.line,
                    format!("this comment allows `{}` for nothing", rule.as_str()),
                    "it stands neither right above an instruction nor before the first FROM",
                    "move it right above the instruction, without an empty line between".to_owned(),
                )),
            }
        }
    }
    let mut by_place: BTreeMap<(LintRule, Option<usize>), Vec<usize>> = BTreeMap::new();
    for (index, allow) in allowed.iter().enumerate() {
        by_place.entry((allow.rule, allow.at)).or_default().push(index);
    }
    let mut used = BTreeSet::new();
    findings.retain(|found| {
        let places = [Some(found.line), None].into_iter().filter_map(|at| by_place.get(&(found.rule, at)));
        let mut is_allowed = false;
        for index in places.flatten() {
            is_allowed = true;
            used.insert(*index);
        }
        !is_allowed
    });
    for index in used {
        if let Some(allow) = allowed.get_mut(index) {
            allow.is_used = true;
        }
    }
    for allow in allowed.iter().filter(|allow| !allow.is_used) {
        let name = allow.rule.as_str();
        let message = format!("`{name}` is allowed here, but there is nothing to allow");
        complaints.push(finding(
            allow.line,
            message,
            "the next mistake of that kind would be silenced unseen",
            format!("remove `{name}` from the comment"),
        ));
    }
    complaints
}

/// What each comment is for, by its line: the line of an instruction, or the whole file.
fn targets(file: &Dockerfile) -> BTreeMap<usize, Option<usize>> {
    let first = file.stages.first().map_or(usize::MAX, |stage| stage.line);
    let stages = file.stages.iter().map(|stage| stage.line);
    let lines: BTreeSet<usize> = stages.chain(file.instructions().map(|(_, instruction)| instruction.line)).collect();
    let mut targets = BTreeMap::new();
    // From below, so that of a block of comments each knows what the one below it is for.
    for comment in file.comments.iter().rev() {
        if comment.line < first {
            targets.insert(comment.line, None);
            continue;
        }
        let below = comment.line + 1;
        let target = if lines.contains(&below) { Some(Some(below)) } else { targets.get(&below).copied() };
        targets.extend(target.map(|target| (comment.line, target)));
    }
    targets
}

/// The names in `# buildplan: allow a, b`.
fn names_in(comment: &str) -> Option<impl Iterator<Item = &str>> {
    let text = comment.trim_start_matches('#').trim_start().strip_prefix("buildplan:")?;
    let names = text.trim_start().strip_prefix("allow").filter(|names| names.starts_with(char::is_whitespace))?;
    Some(names.split([',', ' ', '\t']).filter(|name| !name.is_empty()))
}

#[cfg(test)]
mod tests {
    use crate::config::LintRule;
    use crate::lint::testing::advice;

    /// What is left, as `LINE RULE`, and how much was silenced.
    #[track_caller]
    fn check(dockerfile: &str, config: &str, expected: &[&str], silenced: usize) {
        let advice = advice(dockerfile, "", config);
        let found: Vec<String> =
            advice.findings.iter().map(|finding| format!("{} {}", finding.line, finding.rule.as_str())).collect();
        assert_eq!(
            (found, advice.silenced),
            (expected.iter().map(ToString::to_string).collect(), silenced),
            "{dockerfile}"
        );
    }

    #[test]
    fn comments_silence_the_instruction_below_or_the_file() {
        check("FROM alpine\nUSER 0\n", "", &["1 floating-base", "2 root-user"], 0);
        check("# buildplan: allow floating-base\nFROM alpine\nUSER 0\n", "", &["3 root-user"], 1);
        check("# buildplan: allow root-user, floating-base\nFROM alpine\nUSER 0\n", "", &[], 2);
        check("#buildplan:allow root-user floating-base\n\nARG X\nFROM alpine\nUSER 0\n", "", &[], 2);
        check("FROM alpine\n# buildplan: allow root-user\n# It has to.\nUSER 0\n", "", &["1 floating-base"], 1);
        check("FROM alpine:1\n# buildplan: allow floating-base\nFROM alpine\n", "", &[], 1);
    }

    #[test]
    fn comments_that_silence_nothing_are_found() {
        check("FROM alpine:1\n# buildplan: allow root-user\n\nUSER 0\n", "", &["2 unused-allow", "4 root-user"], 0);
        check("FROM alpine:1\n# buildplan: allow upx\nUSER 0\n", "", &["2 unused-allow", "3 root-user"], 0);
        check("# buildplan: allow root-usr\nFROM alpine:1\n", "", &["1 unused-allow"], 0);
        check("FROM alpine:1\nUSER app\n# buildplan: allow upx\n", "", &["3 unused-allow"], 0);
        check("# buildplan: allowed upx\n# see buildplan: allow upx\n# allow upx\nFROM alpine:1\n", "", &[], 0);
        let found = advice("# buildplan: allow root-usr\nFROM alpine:1\n", "", "").findings;
        assert_eq!((found[0].rule, found[0].fix.as_str()), (LintRule::UnusedAllow, "did you mean `root-user`?"));
    }

    #[test]
    fn the_configuration_silences_everywhere() {
        check("FROM alpine\nUSER 0\n", "[lint]\nallow = [\"root-user\"]\n", &["1 floating-base"], 1);
        // A comment is used even if it would not be needed.
        check("FROM alpine:1\n# buildplan: allow root-user\nUSER 0\n", "[lint]\nallow = [\"root-user\"]\n", &[], 1);
        check("FROM alpine:1\n# buildplan: allow upx\n", "[lint]\nallow = [\"unused-allow\"]\n", &[], 1);
    }
}
