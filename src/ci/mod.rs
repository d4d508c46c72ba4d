//! Turns the environment of a CI job, and the event file that some providers write, into what to compare with. The
//! rules by provider and event are in `docs/ci/baselines.md`.
//!
//! Pure: the caller reads the variables and the file, and [`git`](crate::git) looks for the commits. All of it is
//! untrusted: what is no commit id or no branch name counts as not given.

mod azure;
mod buildkite;
mod circleci;
mod github;
mod gitlab;
mod jenkins;
mod rule;

use std::collections::BTreeMap;
use std::path::Path;

pub use self::rule::Rule;
use crate::git::Wanted;
use crate::repo::ObjectId;

/// The variables of a process, by name.
pub type Environment = BTreeMap<String, String>;

/// Who runs the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// GitHub Actions, and what imitates it (Gitea, Forgejo).
    GitHub,
    /// GitLab CI/CD.
    GitLab,
    /// Buildkite.
    Buildkite,
    /// CircleCI.
    CircleCi,
    /// Azure Pipelines.
    Azure,
    /// Jenkins.
    Jenkins,
    /// Nobody that is known here.
    None,
}

impl Provider {
    /// Whose variables are set.
    pub fn of(environment: &Environment) -> Self {
        let is = |name: &str| environment.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        match () {
            () if is("GITHUB_ACTIONS") => Self::GitHub,
            () if is("GITLAB_CI") => Self::GitLab,
            () if is("BUILDKITE") => Self::Buildkite,
            () if is("CIRCLECI") => Self::CircleCi,
            () if is("TF_BUILD") => Self::Azure,
            () if environment.get("JENKINS_URL").is_some_and(|url| !url.is_empty()) => Self::Jenkins,
            () => Self::None,
        }
    }

    /// The name that people know it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::GitHub => "GitHub Actions",
            Self::GitLab => "GitLab CI",
            Self::Buildkite => "Buildkite",
            Self::CircleCi => "CircleCI",
            Self::Azure => "Azure Pipelines",
            Self::Jenkins => "Jenkins",
            Self::None => "no CI provider",
        }
    }

    /// How its checkout is told to get more history.
    pub fn history_hint(self) -> Option<&'static str> {
        match self {
            Self::GitHub => Some("set `fetch-depth: 0` (and `filter: blob:none`) for actions/checkout"),
            Self::GitLab => Some("set the variable `GIT_DEPTH: 0`"),
            Self::Buildkite => Some("leave `--depth` out of BUILDKITE_GIT_CLONE_FLAGS"),
            Self::CircleCi => Some("set `method: full` for the checkout step"),
            Self::Azure => Some("set `fetchDepth: 0` for the checkout step"),
            Self::Jenkins => Some("take the shallow clone option from the job"),
            Self::None => None,
        }
    }
}

/// What a job is to be compared with, as far as its provider says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CiBase {
    /// Who says so.
    pub provider: Provider,
    /// The event, and the rule that follows from it.
    pub rule: Rule,
    /// What to compare with; `None` if the provider says nothing, so that the branches decide.
    pub wanted: Option<Wanted>,
    /// The commits that the job may be about: what the provider checks out, and what it was made from.
    pub heads: Vec<String>,
    /// The branch that others start from.
    pub default_branch: Option<String>,
    /// The branch or tag that the job is about, since CI checks out commits without a branch.
    pub branch: Option<String>,
    /// What is known to be wrong with comparing with the first parent here, and what would be better.
    pub first_parent_advice: Option<&'static str>,
}

impl CiBase {
    /// A base about which the provider says nothing.
    fn unknown(provider: Provider, rule: Rule) -> Self {
        Self {
            provider,
            rule,
            wanted: None,
            heads: Vec::new(),
            default_branch: None,
            branch: None,
            first_parent_advice: None,
        }
    }
}

/// The event file that belongs to the job, for the caller to read.
pub fn event_file(environment: &Environment) -> Option<&Path> {
    match Provider::of(environment) {
        Provider::GitHub => value(environment, "GITHUB_EVENT_PATH").map(Path::new),
        _ => None,
    }
}

/// What to compare with according to the provider. `event` is the content of [`event_file`], if it could be read.
pub fn base(environment: &Environment, event: Option<&[u8]>) -> CiBase {
    match Provider::of(environment) {
        Provider::GitHub => github::base(environment, event),
        Provider::GitLab => gitlab::base(environment),
        Provider::Buildkite => buildkite::base(environment),
        Provider::CircleCi => circleci::base(environment),
        Provider::Azure => azure::base(environment),
        Provider::Jenkins => jenkins::base(environment),
        Provider::None => CiBase::unknown(Provider::None, Rule::NoProvider),
    }
}

/// A variable that is set to something.
fn value<'e>(environment: &'e Environment, name: &str) -> Option<&'e str> {
    environment.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
}

/// A variable that holds a commit id.
fn commit(environment: &Environment, name: &str) -> Option<String> {
    commit_id(value(environment, name)?)
}

/// A variable that holds the name of a branch, in short or in full.
fn branch(environment: &Environment, name: &str) -> Option<String> {
    branch_name(value(environment, name)?)
}

/// A full commit id; `None` for anything else, the id of nothing included.
fn commit_id(text: &str) -> Option<String> {
    (ObjectId::is_text(text) && !is_zero_id(text)).then(|| text.to_ascii_lowercase())
}

/// Whether a text is the id that stands for "there was nothing".
fn is_zero_id(text: &str) -> bool {
    ObjectId::is_text(text) && text.bytes().all(|byte| byte == b'0')
}

/// The short name of a branch; `None` for what `git check-ref-format` would not take, and for other references.
fn branch_name(text: &str) -> Option<String> {
    let name = text.strip_prefix("refs/heads/").unwrap_or(text);
    let is_legal = |byte: u8| byte > b' ' && byte != 0x7f && !b"~^:?*[\\".contains(&byte);
    let elements = || {
        name.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && part.strip_suffix(".lock").is_none())
    };
    let legal = !name.starts_with('-')
        && !name.starts_with("refs/")
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains("@{")
        && name != "@"
        && name != "HEAD"
        && name.bytes().all(is_legal)
        && elements();
    legal.then(|| name.to_owned())
}

/// A base for a tag, which has none of its own: the user has to say what it is compared with.
fn tag_base(tag: Option<&str>) -> Wanted {
    let tag = tag.map_or_else(String::new, |tag| format!(" `{tag}`"));
    Wanted::Missing {
        message: format!("the tag{tag} was pushed, which says nothing of what to compare with"),
        hint: "pass `--base \"$(git describe --tags --abbrev=0 HEAD^)\"` for the tag before, or `--all` to build \
               everything"
            .to_owned(),
    }
}

/// A base for the first push of the default branch: there is none.
fn first_push() -> Wanted {
    Wanted::Missing {
        message: "this is the first push of the default branch: nothing was there before it".to_owned(),
        hint: "pass `--all` to build everything, or `--base REV`".to_owned(),
    }
}

#[cfg(test)]
mod testing {
    //! A base as one line, so that the rules can be tested as tables.

    use super::*;

    pub(super) const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    pub(super) const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    pub(super) const C: &str = "cccccccccccccccccccccccccccccccccccccccc";
    pub(super) const ZERO: &str = "0000000000000000000000000000000000000000";

    pub(super) fn environment<'v>(variables: impl IntoIterator<Item = (&'v str, &'v str)>) -> Environment {
        variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// `source: what is wanted [branch NAME] [default NAME]`, ids by their first letter.
    pub(super) fn shown(base: &CiBase) -> String {
        let short = |id: &str| id.chars().take(1).collect::<String>();
        let wanted = match &base.wanted {
            None => "nothing".to_owned(),
            Some(Wanted::Commit { id }) => format!("commit {}", short(id)),
            Some(Wanted::Missing { message, .. }) => format!("missing ({message})"),
            Some(Wanted::Fork(fork)) => {
                let mut words = vec!["fork from".to_owned()];
                words.push(fork.branch.clone().unwrap_or_else(|| "default".to_owned()));
                words.extend(fork.commit.as_deref().map(|id| format!("or {}", short(id))));
                words.extend(fork.merged.as_deref().map(|id| format!("merging {}", short(id))));
                words.extend(fork.needs_own_commits.then(|| "own".to_owned()));
                words.extend(fork.must_be_head.as_deref().map(|_| "checked".to_owned()));
                words.join(" ")
            }
        };
        let mut text = format!("{}: {wanted}", base.rule.source());
        text.extend(base.branch.iter().map(|name| format!(", branch {name}")));
        text.extend(base.default_branch.iter().map(|name| format!(", default {name}")));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{A, ZERO, environment, shown};
    use super::*;

    #[test]
    fn a_provider_is_known_by_its_own_variable() {
        let of = |name, value| Provider::of(&environment([(name, value)]));
        assert_eq!(of("GITHUB_ACTIONS", "true"), Provider::GitHub);
        assert_eq!(of("GITLAB_CI", "true"), Provider::GitLab);
        assert_eq!(of("BUILDKITE", "true"), Provider::Buildkite);
        assert_eq!(of("CIRCLECI", "true"), Provider::CircleCi);
        assert_eq!(of("TF_BUILD", "True"), Provider::Azure);
        assert_eq!(of("JENKINS_URL", "https://ci.example.com/"), Provider::Jenkins);
        assert_eq!(of("GITHUB_ACTIONS", ""), Provider::None);
        assert_eq!(of("JENKINS_URL", ""), Provider::None);
        assert_eq!(of("CI", "true"), Provider::None);
    }

    #[test]
    fn without_a_provider_the_branches_decide() {
        assert_eq!(shown(&base(&environment([("CI", "true"), ("GITHUB_SHA", A)]), None)), "no-provider: nothing");
    }

    #[test]
    fn only_full_ids_are_commits() {
        let upper = "ABCDEF0123456789abcdef0123456789abcdef01";
        assert_eq!(commit_id(A).as_deref(), Some(A));
        assert_eq!(commit_id(upper), Some(upper.to_lowercase()));
        assert_eq!(commit_id(&"a".repeat(64)), Some("a".repeat(64)));
        for text in [ZERO, &"0".repeat(64), "", "main", &A[1..], "--upload-pack=x", &"g".repeat(40)] {
            assert_eq!(commit_id(text), None, "{text}");
        }
        assert!(is_zero_id(ZERO) && is_zero_id(&"0".repeat(64)) && !is_zero_id("0") && !is_zero_id(A));
    }

    #[test]
    fn only_names_that_git_takes_are_branches() {
        for (text, name) in [
            ("main", "main"),
            ("refs/heads/main", "main"),
            ("feature/größe#1", "feature/größe#1"),
            ("a$(b)", "a$(b)"),
            ("refs/heads/release/1.x", "release/1.x"),
        ] {
            assert_eq!(branch_name(text).as_deref(), Some(name));
        }
        for text in [
            "",
            "-x",
            "refs/tags/v1",
            "refs/pull/1/merge",
            "a..b",
            "a b",
            "a\nb",
            "a:b",
            "a^",
            "a~1",
            "a@{1}",
            "@",
            "HEAD",
            "/a",
            "a//b",
            "a/",
            ".a",
            "a/.b",
            "a.",
            "a.lock",
            "a\\b",
            "a*",
            "refs/heads/-x",
        ] {
            assert_eq!(branch_name(text), None, "{text:?}");
        }
    }

    #[test]
    fn only_github_has_an_event_file() {
        let file = ("GITHUB_EVENT_PATH", "/tmp/event.json");
        assert_eq!(event_file(&environment([("GITHUB_ACTIONS", "true"), file])), Some(Path::new("/tmp/event.json")));
        assert_eq!(event_file(&environment([("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_PATH", "")])), None);
        assert_eq!(event_file(&environment([file])), None);
    }

    #[test]
    fn every_rule_has_a_name_of_its_own_and_a_sentence() {
        let mut names: Vec<&str> = Rule::ALL.iter().map(|rule| rule.source()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Rule::ALL.len());
        for rule in Rule::ALL {
            assert!(rule.source().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{rule:?}");
            assert!(!rule.sentence().is_empty() && !rule.sentence().ends_with('.'), "{rule:?}");
        }
    }
}
