//! Turns the variables of GitLab CI/CD into a base.
//!
//! Reference: <https://docs.gitlab.com/ci/variables/predefined_variables/>, for merge requests with
//! <https://docs.gitlab.com/ci/pipelines/merged_results_pipelines/> and
//! <https://docs.gitlab.com/ci/pipelines/merge_trains/>.

use super::{CiBase, Environment, Provider, Rule, branch, commit, first_push, tag_base, value};
use crate::git::{Fork, Wanted};

const ADVICE: &str = "this pipeline says nothing of what was built last (CI_COMMIT_BEFORE_SHA is zero), so only the \
                      last commit counts as new: pass `--base REV`, `--all`, or use a ledger";

pub(super) fn base(environment: &Environment) -> CiBase {
    let default = branch(environment, "CI_DEFAULT_BRANCH");
    let (rule, wanted) = match value(environment, "CI_PIPELINE_SOURCE") {
        _ if value(environment, "CI_MERGE_REQUEST_IID").is_some() => merge_request(environment),
        Some("external_pull_request_event") => external_pull_request(environment),
        source => branch_or_tag(environment, source == Some("push"), default.as_deref()),
    };
    let name = ["CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_COMMIT_REF_NAME"];
    let heads = ["CI_COMMIT_SHA", "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"];
    CiBase {
        wanted,
        heads: heads.iter().filter_map(|name| commit(environment, name)).collect(),
        default_branch: default,
        branch: name.iter().find_map(|name| branch(environment, name)),
        first_parent_advice: Some(ADVICE),
        ..CiBase::unknown(Provider::GitLab, rule)
    }
}

fn merge_request(environment: &Environment) -> (Rule, Option<Wanted>) {
    let rule = match value(environment, "CI_MERGE_REQUEST_EVENT_TYPE") {
        Some("merged_result") => Rule::GitLabMergedResults,
        Some("merge_train") => Rule::GitLabMergeTrain,
        _ => Rule::GitLabMergeRequest,
    };
    // The first says what the source branch was merged into, and is only set where it was. The second is the merge
    // base already, so that the target branch need not be here.
    let merged_into = commit(environment, "CI_MERGE_REQUEST_TARGET_BRANCH_SHA");
    if rule != Rule::GitLabMergeRequest {
        if let Some(id) = merged_into {
            return (rule, Some(Wanted::Commit { id }));
        }
        let merged = commit(environment, "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA");
        let branch = branch(environment, "CI_MERGE_REQUEST_TARGET_BRANCH_NAME");
        return (rule, Some(Wanted::Fork(Fork { branch, merged, ..Fork::default() })));
    }
    if let Some(id) = commit(environment, "CI_MERGE_REQUEST_DIFF_BASE_SHA") {
        return (rule, Some(Wanted::Commit { id }));
    }
    let branch = branch(environment, "CI_MERGE_REQUEST_TARGET_BRANCH_NAME");
    (rule, Some(Wanted::Fork(Fork { branch, ..Fork::default() })))
}

/// A pull request of another service whose repository GitLab mirrors.
fn external_pull_request(environment: &Environment) -> (Rule, Option<Wanted>) {
    let branch = branch(environment, "CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME");
    let commit = commit(environment, "CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_SHA");
    (Rule::GitLabMergeRequest, Some(Wanted::Fork(Fork { branch, commit, ..Fork::default() })))
}

/// Only a push, and the child pipelines of one, say what was there before; for the first pipeline of a branch, and for
/// pipelines that a person or a schedule starts, `CI_COMMIT_BEFORE_SHA` is zero.
fn branch_or_tag(environment: &Environment, is_push: bool, default: Option<&str>) -> (Rule, Option<Wanted>) {
    let before = commit(environment, "CI_COMMIT_BEFORE_SHA").map(|id| Wanted::Commit { id });
    if let Some(tag) = value(environment, "CI_COMMIT_TAG") {
        return (Rule::GitLabTag, Some(before.unwrap_or_else(|| tag_base(Some(tag)))));
    }
    if before.is_some() {
        return (Rule::GitLabPush, before);
    }
    if !is_push {
        return (Rule::GitLabOther, None);
    }
    let current = branch(environment, "CI_COMMIT_REF_NAME");
    if default.is_some() && current.as_deref() == default {
        return (Rule::GitLabNewBranch, Some(first_push()));
    }
    let fork = Fork { branch: default.map(str::to_owned), ..Fork::default() };
    (Rule::GitLabNewBranch, Some(Wanted::Fork(fork)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{A, B, C, ZERO, environment, shown};

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: &str) {
        let own = [("GITLAB_CI", "true"), ("CI_DEFAULT_BRANCH", "main"), ("CI_COMMIT_SHA", C)];
        assert_eq!(
            shown(&super::super::base(&environment(own.into_iter().chain(variables.iter().copied())), None)),
            expected
        );
    }

    #[test]
    fn a_branch_is_compared_with_what_was_there_before() {
        let (push, before) = (("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_BEFORE_SHA", A));
        let (zero, x) = (("CI_COMMIT_BEFORE_SHA", ZERO), ("CI_COMMIT_REF_NAME", "x"));
        check(&[push, before, x], "gitlab-push: commit a, branch x, default main");
        check(&[("CI_PIPELINE_SOURCE", "parent_pipeline"), before, x], "gitlab-push: commit a, branch x, default main");
        check(&[push, zero, x], "gitlab-new-branch: fork from main, branch x, default main");
        check(
            &[push, zero, ("CI_COMMIT_REF_NAME", "main")],
            "gitlab-new-branch: missing (this is the first push of the default branch: nothing was there before it), \
             branch main, default main",
        );
    }

    #[test]
    fn a_pipeline_that_nobody_pushed_for_leaves_it_to_the_branches() {
        let zero = ("CI_COMMIT_BEFORE_SHA", ZERO);
        for source in ["schedule", "web", "api", "trigger", "pipeline"] {
            let source = ("CI_PIPELINE_SOURCE", source);
            check(&[source, zero, ("CI_COMMIT_REF_NAME", "main")], "gitlab-other: nothing, branch main, default main");
            check(&[source, zero, ("CI_COMMIT_REF_NAME", "x")], "gitlab-other: nothing, branch x, default main");
        }
    }

    #[test]
    fn a_tag_has_a_base_only_if_it_was_moved() {
        let tag = [("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_TAG", "v1"), ("CI_COMMIT_REF_NAME", "v1")];
        let asked = "gitlab-tag: missing (the tag `v1` was pushed, which says nothing of what to compare with), branch \
                     v1, default main";
        check(&[&tag[..], &[("CI_COMMIT_BEFORE_SHA", ZERO)]].concat(), asked);
        check(&[&tag[..], &[("CI_COMMIT_BEFORE_SHA", A)]].concat(), "gitlab-tag: commit a, branch v1, default main");
    }

    #[test]
    fn a_merge_request_is_compared_with_its_target() {
        let own = [
            ("CI_PIPELINE_SOURCE", "merge_request_event"),
            ("CI_MERGE_REQUEST_IID", "7"),
            ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "dev"),
            ("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "x"),
            ("CI_COMMIT_REF_NAME", "x"),
            ("CI_COMMIT_BEFORE_SHA", ZERO),
        ];
        let with = |more: &[(&'static str, &'static str)]| [&own[..], more].concat();
        let kind = |kind| ("CI_MERGE_REQUEST_EVENT_TYPE", kind);
        let diff_base = ("CI_MERGE_REQUEST_DIFF_BASE_SHA", A);
        let target = ("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", B);
        let rest = "branch x, default main";
        check(&with(&[kind("detached"), diff_base]), &format!("gitlab-merge-request: commit a, {rest}"));
        check(
            &with(&[diff_base, ("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", "")]),
            &format!("gitlab-merge-request: commit a, {rest}"),
        );
        check(&with(&[kind("detached")]), &format!("gitlab-merge-request: fork from dev, {rest}"));
        let merged = with(&[kind("merged_result"), diff_base, target]);
        check(&merged, &format!("gitlab-merged-results: commit b, {rest}"));
        check(&with(&[kind("merge_train"), diff_base, target]), &format!("gitlab-merge-train: commit b, {rest}"));
        let source = ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", C);
        let without = with(&[kind("merge_train"), diff_base, source]);
        check(&without, &format!("gitlab-merge-train: fork from dev merging c, {rest}"));
    }

    #[test]
    fn a_pull_request_of_a_mirrored_repository_is_compared_with_its_target() {
        check(
            &[
                ("CI_PIPELINE_SOURCE", "external_pull_request_event"),
                ("CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME", "dev"),
                ("CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_SHA", A),
                ("CI_COMMIT_REF_NAME", "x"),
            ],
            "gitlab-merge-request: fork from dev or a, branch x, default main",
        );
    }
}
