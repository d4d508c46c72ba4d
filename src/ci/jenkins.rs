//! Turns the variables of Jenkins into a base.
//!
//! References: <https://plugins.jenkins.io/git/> (`GIT_*`) and
//! <https://www.jenkins.io/doc/book/pipeline/multibranch/> (`BRANCH_NAME`, `CHANGE_*`, `TAG_NAME`). A pull request is
//! built as it is or merged with its target, in which case the target can be either parent: the merge base is right for
//! both.

use super::{CiBase, Environment, Provider, Rule, branch, commit, tag_base, value};
use crate::git::{Fork, Wanted};

const ADVICE: &str = "no build of this branch was successful before (GIT_PREVIOUS_SUCCESSFUL_COMMIT is not set), so only \
                      the last commit counts as new: pass `--base REV`, `--all`, or use a ledger";

pub(super) fn base(environment: &Environment) -> CiBase {
    let (rule, wanted) = rule(environment);
    let names = ["CHANGE_BRANCH", "BRANCH_NAME"];
    CiBase {
        wanted,
        heads: commit(environment, "GIT_COMMIT").into_iter().collect(),
        branch: names.iter().find_map(|name| branch(environment, name)).or_else(|| git_branch(environment)),
        first_parent_advice: Some(ADVICE),
        ..CiBase::unknown(Provider::Jenkins, rule)
    }
}

/// `GIT_BRANCH` is the name of the remote branch, and `detached` for some jobs.
fn git_branch(environment: &Environment) -> Option<String> {
    let name = branch(environment, "GIT_BRANCH")?;
    let name = name.strip_prefix("origin/").unwrap_or(&name);
    (name != "detached").then(|| name.to_owned())
}

fn rule(environment: &Environment) -> (Rule, Option<Wanted>) {
    if let Some(target) = branch(environment, "CHANGE_TARGET") {
        let fork = Fork { branch: Some(target), needs_own_commits: true, ..Fork::default() };
        return (Rule::JenkinsChange, Some(Wanted::Fork(fork)));
    }
    if let Some(tag) = value(environment, "TAG_NAME") {
        return (Rule::JenkinsTag, Some(tag_base(Some(tag))));
    }
    match commit(environment, "GIT_PREVIOUS_SUCCESSFUL_COMMIT") {
        Some(id) => (Rule::JenkinsPreviousSuccess, Some(Wanted::Commit { id })),
        None => (Rule::JenkinsOther, None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{A, C, environment, shown};

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: &str) {
        let own = [("JENKINS_URL", "https://ci.example.com/"), ("GIT_COMMIT", C)];
        let environment = environment(own.into_iter().chain(variables.iter().copied()));
        assert_eq!(shown(&super::super::base(&environment, None)), expected);
    }

    #[test]
    fn each_kind_of_build_has_its_rule() {
        let previous = ("GIT_PREVIOUS_SUCCESSFUL_COMMIT", A);
        let change = [("CHANGE_TARGET", "dev"), ("CHANGE_BRANCH", "x"), ("BRANCH_NAME", "PR-7"), previous];
        check(&change, "jenkins-change: fork from dev own, branch x");
        check(&[("BRANCH_NAME", "main"), previous], "jenkins-previous-success: commit a, branch main");
        check(&[("GIT_BRANCH", "origin/a/b"), previous], "jenkins-previous-success: commit a, branch a/b");
        check(&[("GIT_BRANCH", "detached")], "jenkins-other: nothing");
        let null = ("GIT_PREVIOUS_SUCCESSFUL_COMMIT", "null");
        check(&[("BRANCH_NAME", "main"), null], "jenkins-other: nothing, branch main");
        check(
            &[("BRANCH_NAME", "v1"), ("TAG_NAME", "v1"), previous],
            "jenkins-tag: missing (the tag `v1` was pushed, which says nothing of what to compare with), branch v1",
        );
    }
}
