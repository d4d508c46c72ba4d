//! Turns the variables of Buildkite into a base.
//!
//! Reference: <https://buildkite.com/docs/pipelines/configure/environment-variables>; for merge queues
//! <https://buildkite.com/docs/pipelines/tutorials/github-merge-queue>.

use super::{CiBase, Environment, Provider, Rule, branch, commit, tag_base, value};
use crate::git::{Fork, Wanted};

const ADVICE: &str = "Buildkite does not say what was pushed over or built last, so only the last commit counts as \
                      new: pass `--base REV`, `--all`, or use a ledger";

pub(super) fn base(environment: &Environment) -> CiBase {
    let default = branch(environment, "BUILDKITE_PIPELINE_DEFAULT_BRANCH");
    let (rule, wanted) = rule(environment, default.as_ref());
    CiBase {
        wanted,
        heads: commit(environment, "BUILDKITE_COMMIT").into_iter().collect(),
        default_branch: default,
        branch: branch(environment, "BUILDKITE_BRANCH").or_else(|| branch(environment, "BUILDKITE_TAG")),
        first_parent_advice: Some(ADVICE),
        ..CiBase::unknown(Provider::Buildkite, rule)
    }
}

fn rule(environment: &Environment, default: Option<&String>) -> (Rule, Option<Wanted>) {
    if let Some(id) = commit(environment, "BUILDKITE_MERGE_QUEUE_BASE_COMMIT") {
        return (Rule::BuildkiteMergeQueue, Some(Wanted::Commit { id }));
    }
    if value(environment, "BUILDKITE_PULL_REQUEST").is_some_and(|number| number != "false") {
        let branch = branch(environment, "BUILDKITE_PULL_REQUEST_BASE_BRANCH");
        let fork = Fork { branch, needs_own_commits: true, ..Fork::default() };
        return (Rule::BuildkitePullRequest, Some(Wanted::Fork(fork)));
    }
    if let Some(tag) = value(environment, "BUILDKITE_TAG") {
        return (Rule::BuildkiteTag, Some(tag_base(Some(tag))));
    }
    let current = branch(environment, "BUILDKITE_BRANCH");
    if default.is_some() && current.is_some() && current.as_ref() != default {
        let fork = Fork { branch: default.cloned(), ..Fork::default() };
        return (Rule::BuildkiteBranch, Some(Wanted::Fork(fork)));
    }
    (Rule::BuildkiteOther, None)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{A, C, environment, shown};

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: &str) {
        let own = [("BUILDKITE", "true"), ("BUILDKITE_PIPELINE_DEFAULT_BRANCH", "main"), ("BUILDKITE_COMMIT", C)];
        let environment = environment(own.into_iter().chain(variables.iter().copied()));
        assert_eq!(shown(&super::super::base(&environment, None)), expected);
    }

    #[test]
    fn each_kind_of_build_has_its_rule() {
        let (x, none) = (("BUILDKITE_BRANCH", "x"), ("BUILDKITE_PULL_REQUEST", "false"));
        let target = ("BUILDKITE_PULL_REQUEST_BASE_BRANCH", "dev");
        let rest = "branch x, default main";
        check(
            &[x, ("BUILDKITE_PULL_REQUEST", "7"), target],
            &format!("buildkite-pull-request: fork from dev own, {rest}"),
        );
        check(
            &[x, none, ("BUILDKITE_PULL_REQUEST_BASE_BRANCH", "")],
            &format!("buildkite-branch: fork from main, {rest}"),
        );
        let queue = ("BUILDKITE_MERGE_QUEUE_BASE_COMMIT", A);
        check(&[x, none, queue], &format!("buildkite-merge-queue: commit a, {rest}"));
        check(&[("BUILDKITE_BRANCH", "main"), none], "buildkite-other: nothing, branch main, default main");
        check(
            &[("BUILDKITE_BRANCH", "v1"), ("BUILDKITE_TAG", "v1"), none],
            "buildkite-tag: missing (the tag `v1` was pushed, which says nothing of what to compare with), branch v1, \
             default main",
        );
    }
}
