//! Turns `ghcr.io/acme/{service}` and values into text. It never decides what a placeholder stands for.

use super::error::{Mistake, shown};
use super::image_reference::{check_repository, check_tag};
use super::nearest::nearest;

/// The placeholders of image repositories.
pub(super) const REPOSITORY_PLACEHOLDERS: [&str; 1] = ["service"];

/// The placeholders of tags and cache locations.
pub(super) const TAG_PLACEHOLDERS: [&str; 5] = ["service", "fingerprint", "branch", "commit", "short-commit"];

/// One part of a template.
enum Part<'a> {
    Text(&'a str),
    Placeholder(&'a str),
    /// A `{` without its `}`, with all that follows.
    Unclosed(&'a str),
}

/// Replaces each `{placeholder}` for which `value` knows one by its value. Everything else stays as it is.
pub fn fill_template(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(template.len());
    for part in parts(template) {
        match part {
            Part::Text(text) | Part::Unclosed(text) => filled.push_str(text),
            Part::Placeholder(name) => match value(name) {
                Some(value) => filled.push_str(&value),
                None => filled.extend(["{", name, "}"]),
            },
        }
    }
    filled
}

/// Checks that a template names only known placeholders and closes each of them.
pub(super) fn check_placeholders(template: &str, known: &[&'static str]) -> Result<(), Mistake> {
    for part in parts(template) {
        match part {
            Part::Text(_) => {}
            Part::Unclosed(_) => {
                return Err(Mistake::new(format!("`{}` has a `{{` that is not closed", shown(template))));
            }
            Part::Placeholder(name) if known.contains(&name) => {}
            Part::Placeholder(name) => return Err(unknown_placeholder(name, known)),
        }
    }
    Ok(())
}

fn unknown_placeholder(name: &str, known: &[&'static str]) -> Mistake {
    let placed = |names: &[&str]| names.iter().map(|name| format!("`{{{name}}}`")).collect::<Vec<_>>().join(", ");
    if TAG_PLACEHOLDERS.contains(&name) {
        return Mistake::new(format!("the placeholder `{{{name}}}` can only be used in tags"))
            .hint(format!("here there is {}", placed(known)));
    }
    let mistake = Mistake::new(format!("unknown placeholder `{{{}}}`", shown(name)));
    match nearest(name, known.iter().copied()) {
        Some(meant) => mistake.hint(format!("did you mean `{{{meant}}}`?")),
        None => mistake.hint(format!("known here: {}", placed(known))),
    }
}

/// Checks that a repository template makes a legal image repository for a service.
pub(super) fn check_repository_for(template: &str, service: &str) -> Result<(), String> {
    check_repository(&fill_template(template, |name| (name == "service").then(|| service.to_owned())))
}

/// Checks that a tag template makes a legal tag for a service.
pub(super) fn check_tag_for(template: &str, service: &str) -> Result<(), String> {
    check_tag(&fill_template(template, |name| {
        Some(match name {
            "service" => service.to_owned(),
            "fingerprint" => "f".repeat(64),
            "branch" => "main".to_owned(),
            "commit" => "c".repeat(40),
            "short-commit" => "c".repeat(12),
            _ => return None,
        })
    }))
}

fn parts(template: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (part, after) = match (rest.find('{'), rest.find('}')) {
            (Some(0), None) => (Part::Unclosed(rest), ""),
            (Some(0), Some(close)) => (Part::Placeholder(&rest[1..close]), &rest[close + 1..]),
            (Some(open), _) => (Part::Text(&rest[..open]), &rest[open..]),
            (None, _) => (Part::Text(rest), ""),
        };
        rest = after;
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_fill(template: &str, expected: &str) {
        assert_eq!(fill_template(template, |name| (name == "service").then(|| "auth".to_owned())), expected);
    }

    #[track_caller]
    fn check_error(template: &str, known: &[&'static str], message: &str, hint: Option<&str>) {
        let mistake = check_placeholders(template, known).unwrap_err();
        assert_eq!((mistake.message.as_str(), mistake.hint.as_deref()), (message, hint));
    }

    #[test]
    fn known_placeholders_are_replaced_and_the_rest_stays() {
        check_fill("a/{service}/b", "a/auth/b");
        check_fill("{service}{service}", "authauth");
        check_fill("{other}-{service", "{other}-{service");
        check_fill("}{service}", "}auth");
        check_fill("", "");
    }

    #[test]
    fn unknown_placeholders_lead_to_the_nearest() {
        check_error("{servce}", &TAG_PLACEHOLDERS, "unknown placeholder `{servce}`", Some("did you mean `{service}`?"));
        check_error(
            "{date}",
            &REPOSITORY_PLACEHOLDERS,
            "unknown placeholder `{date}`",
            Some("known here: `{service}`"),
        );
        check_error(
            "x-{branch}",
            &REPOSITORY_PLACEHOLDERS,
            "the placeholder `{branch}` can only be used in tags",
            Some("here there is `{service}`"),
        );
        check_error("x{service", &TAG_PLACEHOLDERS, "`x{service` has a `{` that is not closed", None);
    }

    #[test]
    fn the_filled_template_must_be_legal() {
        assert_eq!(check_repository_for("ghcr.io/acme/{service}", "auth"), Ok(()));
        assert!(check_repository_for("ghcr.io/acme/{service}", "Auth").is_err());
        assert_eq!(check_tag_for("{service}-{fingerprint}", "auth"), Ok(()));
        assert!(check_tag_for("{fingerprint}{fingerprint}x", "auth").is_err());
        assert_eq!(check_tag_for("{branch}.{commit}.{short-commit}", "auth"), Ok(()));
        assert!(check_tag_for("{service}}", "auth").is_err());
    }
}
