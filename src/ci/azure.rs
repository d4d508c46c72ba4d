//! Turns the variables of Azure Pipelines into a base.
//!
//! Reference: <https://learn.microsoft.com/en-us/azure/devops/pipelines/build/variables>. A pull request is built as
//! the merge that Azure Repos or GitHub made of it: its first parent is the target branch.

use super::{CiBase, Environment, Provider, Rule, branch, branch_name, commit, tag_base, value};
use crate::git::{Fork, Wanted};

const ADVICE: &str = "Azure Pipelines does not say what was pushed over or built last, so only the last commit counts \
                      as new: pass `--base REV`, `--all`, or use a ledger";

pub(super) fn base(environment: &Environment) -> CiBase {
    let source = value(environment, "BUILD_SOURCEBRANCH").unwrap_or_default();
    let (rule, wanted) = match (value(environment, "BUILD_REASON"), source.strip_prefix("refs/tags/")) {
        (Some("PullRequest"), _) => (Rule::AzurePullRequest, Some(pull_request(environment))),
        (_, Some(tag)) => (Rule::AzureTag, Some(tag_base(Some(tag)))),
        _ => (Rule::AzureOther, None),
    };
    let of_request = branch(environment, "SYSTEM_PULLREQUEST_SOURCEBRANCH");
    let heads = ["BUILD_SOURCEVERSION", "SYSTEM_PULLREQUEST_SOURCECOMMITID"];
    CiBase {
        wanted,
        heads: heads.iter().filter_map(|name| commit(environment, name)).collect(),
        branch: of_request.or_else(|| branch_name(source.strip_prefix("refs/tags/").unwrap_or(source))),
        first_parent_advice: Some(ADVICE),
        ..CiBase::unknown(Provider::Azure, rule)
    }
}

fn pull_request(environment: &Environment) -> Wanted {
    Wanted::Fork(Fork {
        branch: branch(environment, "SYSTEM_PULLREQUEST_TARGETBRANCH"),
        merged: commit(environment, "SYSTEM_PULLREQUEST_SOURCECOMMITID"),
        needs_own_commits: true,
        ..Fork::default()
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{B, C, environment, shown};

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: &str) {
        let own = [("TF_BUILD", "True"), ("BUILD_SOURCEVERSION", C)];
        let environment = environment(own.into_iter().chain(variables.iter().copied()));
        assert_eq!(shown(&super::super::base(&environment, None)), expected);
    }

    #[test]
    fn each_reason_of_a_build_has_its_rule() {
        for target in ["refs/heads/dev", "dev"] {
            check(
                &[
                    ("BUILD_REASON", "PullRequest"),
                    ("BUILD_SOURCEBRANCH", "refs/pull/7/merge"),
                    ("SYSTEM_PULLREQUEST_TARGETBRANCH", target),
                    ("SYSTEM_PULLREQUEST_SOURCEBRANCH", "refs/heads/x"),
                    ("SYSTEM_PULLREQUEST_SOURCECOMMITID", B),
                ],
                "azure-pull-request: fork from dev merging b own, branch x",
            );
        }
        for reason in ["IndividualCI", "BatchedCI", "Manual", "Schedule"] {
            let branch = ("BUILD_SOURCEBRANCH", "refs/heads/a/b");
            check(&[("BUILD_REASON", reason), branch], "azure-other: nothing, branch a/b");
        }
        check(
            &[("BUILD_REASON", "IndividualCI"), ("BUILD_SOURCEBRANCH", "refs/tags/v1")],
            "azure-tag: missing (the tag `v1` was pushed, which says nothing of what to compare with), branch v1",
        );
    }
}
