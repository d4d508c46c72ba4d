//! Turns the variables and the event file of GitHub Actions into a base.
//!
//! Variables: <https://docs.github.com/en/actions/reference/workflows-and-actions/variables>. What `GITHUB_SHA` is for
//! each event: <https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows>. The
//! event file: <https://docs.github.com/en/webhooks/webhook-events-and-payloads>.

use serde_json::Value;

use super::{
    CiBase, Environment, Provider, Rule, branch, branch_name, commit, commit_id, first_push, is_zero_id, tag_base,
    value,
};
use crate::git::{Fork, Wanted};

const ADVICE: &str = "this event says nothing of what was built last, so only the last commit counts as new: pass \
                      `--base REV`, `--all`, or use a ledger";

pub(super) fn base(environment: &Environment, event: Option<&[u8]>) -> CiBase {
    let event = event.and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or(Value::Null);
    let job = Job { environment, event };
    let (rule, wanted) = match value(environment, "GITHUB_EVENT_NAME") {
        Some("push") => job.push(),
        Some("pull_request" | "pull_request_review" | "pull_request_review_comment") => job.pull_request(),
        Some("pull_request_target") => job.pull_request_target(),
        Some("merge_group") => job.merge_group(),
        _ => (Rule::GitHubOther, None),
    };
    let heads = [commit(environment, "GITHUB_SHA"), job.commit("/pull_request/head/sha")];
    CiBase {
        wanted,
        heads: heads.into_iter().flatten().collect(),
        default_branch: job.default_branch(),
        branch: job.branch(),
        first_parent_advice: Some(ADVICE),
        ..CiBase::unknown(Provider::GitHub, rule)
    }
}

struct Job<'e> {
    environment: &'e Environment,
    event: Value,
}

impl Job<'_> {
    fn text(&self, pointer: &str) -> Option<&str> {
        self.event.pointer(pointer).and_then(Value::as_str)
    }

    fn commit(&self, pointer: &str) -> Option<String> {
        commit_id(self.text(pointer)?)
    }

    fn default_branch(&self) -> Option<String> {
        branch_name(self.text("/repository/default_branch")?)
    }

    /// The full name of the branch or tag that was pushed.
    fn reference(&self) -> &str {
        self.text("/ref").or_else(|| value(self.environment, "GITHUB_REF")).unwrap_or_default()
    }

    /// The source branch of a pull request, else the branch or tag.
    fn branch(&self) -> Option<String> {
        let from = |name| branch(self.environment, name);
        // The name of a pull request's own reference (`1/merge`) is not that of a branch.
        let is_pull = self.reference().starts_with("refs/pull/");
        from("GITHUB_HEAD_REF").or_else(|| if is_pull { None } else { from("GITHUB_REF_NAME") })
    }

    fn push(&self) -> (Rule, Option<Wanted>) {
        let before = self.text("/before").unwrap_or_default();
        let reference = self.reference();
        if let Some(tag) = reference.strip_prefix("refs/tags/") {
            let moved = commit_id(before).map(|id| Wanted::Commit { id });
            return (Rule::GitHubTag, Some(moved.unwrap_or_else(|| tag_base(Some(tag)))));
        }
        if let Some(id) = commit_id(before) {
            let forced = self.event.pointer("/forced").and_then(Value::as_bool) == Some(true);
            let rule = if forced { Rule::GitHubForcePush } else { Rule::GitHubPush };
            return (rule, Some(Wanted::Commit { id }));
        }
        if !is_zero_id(before) {
            return (Rule::GitHubPush, Some(unreadable("which commit was there before the push")));
        }
        let default = self.default_branch();
        if default.is_some() && default == branch_name(reference) {
            return (Rule::GitHubNewBranch, Some(first_push()));
        }
        (Rule::GitHubNewBranch, Some(Wanted::Fork(Fork { branch: default, ..Fork::default() })))
    }

    fn pull_request(&self) -> (Rule, Option<Wanted>) {
        let target =
            branch(self.environment, "GITHUB_BASE_REF").or_else(|| branch_name(self.text("/pull_request/base/ref")?));
        let commit = self.commit("/pull_request/base/sha");
        if target.is_none() && commit.is_none() {
            return (Rule::GitHubPullRequest, Some(unreadable("the target branch of the pull request")));
        }
        let merged = self.commit("/pull_request/head/sha");
        let fork = Fork { branch: target, commit, merged, needs_own_commits: true, must_be_head: None };
        (Rule::GitHubPullRequest, Some(Wanted::Fork(fork)))
    }

    /// Its checkout is the target branch, for the secrets that the job gets: the pull request has to be asked for.
    fn pull_request_target(&self) -> (Rule, Option<Wanted>) {
        let (_, wanted) = self.pull_request();
        let checked = match wanted {
            Some(Wanted::Fork(fork)) => {
                let number = self.event.pointer("/number").or_else(|| self.event.pointer("/pull_request/number"));
                let hint = match number.and_then(Value::as_u64) {
                    Some(number) => format!(
                        "check out the pull request (`ref: refs/pull/{number}/merge`, `fetch-depth: 2`), and run none \
                         of its code with the secrets of this job; or use the event `pull_request`"
                    ),
                    None => "use the event `pull_request`".to_owned(),
                };
                Wanted::Fork(Fork { must_be_head: Some(hint), ..fork })
            }
            _ => unreadable("the pull request"),
        };
        (Rule::GitHubPullRequestTarget, Some(checked))
    }

    fn merge_group(&self) -> (Rule, Option<Wanted>) {
        let wanted = match self.commit("/merge_group/base_sha") {
            Some(id) => Wanted::Commit { id },
            None => unreadable("what the merge group is queued behind"),
        };
        (Rule::GitHubMergeGroup, Some(wanted))
    }
}

fn unreadable(what: &str) -> Wanted {
    Wanted::Missing {
        message: format!("the event file of GitHub Actions (GITHUB_EVENT_PATH) does not say {what}"),
        hint: "pass `--base REV`, or `--all` to build everything".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{A, B, C, ZERO, environment, shown};
    use super::*;

    #[track_caller]
    fn check(event_name: &str, variables: &[(&str, &str)], event: &Value, expected: &str) {
        let own = [("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", event_name), ("GITHUB_SHA", C)];
        let environment = environment(own.into_iter().chain(variables.iter().copied()));
        assert_eq!(shown(&super::super::base(&environment, Some(event.to_string().as_bytes()))), expected);
    }

    fn repository() -> Value {
        json!({"default_branch": "trunk"})
    }

    #[test]
    fn a_push_is_compared_with_what_was_there_before() {
        let push = |reference: &str, before: &str, forced: bool| json!({"ref": reference, "before": before, "after": C, "forced": forced, "repository": repository()});
        let on = |name| [("GITHUB_REF_NAME", name)];
        let trunk = "refs/heads/trunk";
        check("push", &on("trunk"), &push(trunk, A, false), "github-push: commit a, branch trunk, default trunk");
        check("push", &on("x"), &push("refs/heads/x", A, false), "github-push: commit a, branch x, default trunk");
        check("push", &on("x"), &push("refs/heads/x", A, true), "github-force-push: commit a, branch x, default trunk");
        let new = "github-new-branch: fork from trunk, branch x, default trunk";
        check("push", &on("x"), &push("refs/heads/x", ZERO, false), new);
        let first = "github-new-branch: missing (this is the first push of the default branch: nothing was there \
                     before it), branch trunk, default trunk";
        check("push", &on("trunk"), &push(trunk, ZERO, false), first);
        let tag = "github-tag: missing (the tag `v1` was pushed, which says nothing of what to compare with), branch \
                   v1, default trunk";
        check("push", &on("v1"), &push("refs/tags/v1", ZERO, false), tag);
        let moved = "github-tag: commit a, branch v1, default trunk";
        check("push", &on("v1"), &push("refs/tags/v1", A, true), moved);
    }

    #[test]
    fn a_push_without_its_event_file_is_a_missing_base() {
        let message = "github-push: missing (the event file of GitHub Actions (GITHUB_EVENT_PATH) does not say which \
                       commit was there before the push)";
        for event in [json!(null), json!({"before": "main"}), json!({"before": 7}), json!([])] {
            check("push", &[("GITHUB_REF", "refs/heads/x")], &event, message);
        }
        let environment = environment([("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", "push")]);
        assert_eq!(shown(&super::super::base(&environment, None)), message);
        assert_eq!(shown(&super::super::base(&environment, Some(&b"[".repeat(100_000)))), message);
    }

    #[test]
    fn a_pull_request_is_compared_with_its_target_branch() {
        let request = json!({"base": {"ref": "trunk", "sha": A}, "head": {"ref": "x", "sha": B}, "number": 7});
        let event = json!({"pull_request": request, "repository": repository()});
        let variables = [
            ("GITHUB_BASE_REF", "trunk"),
            ("GITHUB_HEAD_REF", "x"),
            ("GITHUB_REF", "refs/pull/7/merge"),
            ("GITHUB_REF_NAME", "7/merge"),
        ];
        let expected = "github-pull-request: fork from trunk or a merging b own, branch x, default trunk";
        for name in ["pull_request", "pull_request_review", "pull_request_review_comment"] {
            check(name, &variables, &event, expected);
        }
        let checked = "github-pull-request-target: fork from trunk or a merging b own checked, branch x, default trunk";
        check("pull_request_target", &variables, &event, checked);
        // The variables alone say enough.
        check("pull_request", &variables, &json!(null), "github-pull-request: fork from trunk own, branch x");
        let nothing = "github-pull-request: missing (the event file of GitHub Actions (GITHUB_EVENT_PATH) does not \
                       say the target branch of the pull request)";
        check("pull_request", &variables[2..], &json!(null), nothing);
    }

    #[test]
    fn a_pull_request_is_about_the_merge_and_about_its_head() {
        let event = json!({"pull_request": {"head": {"sha": B}}}).to_string();
        let own = [("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", "pull_request"), ("GITHUB_SHA", C)];
        assert_eq!(super::super::base(&environment(own), Some(event.as_bytes())).heads, [C, B]);
    }

    #[test]
    fn a_merge_group_is_compared_with_its_base() {
        let group = json!({"base_sha": A, "base_ref": "refs/heads/trunk", "head_sha": C});
        let event = json!({"merge_group": group, "repository": repository()});
        let name = ("GITHUB_REF_NAME", "gh-readonly-queue/trunk/pr-7-a");
        let expected = "github-merge-group: commit a, branch gh-readonly-queue/trunk/pr-7-a, default trunk";
        check("merge_group", &[name], &event, expected);
        let missing = "github-merge-group: missing (the event file of GitHub Actions (GITHUB_EVENT_PATH) does not say \
                       what the merge group is queued behind)";
        check("merge_group", &[], &json!({}), missing);
    }

    #[test]
    fn an_event_that_is_not_about_a_change_leaves_it_to_the_branches() {
        let event = json!({"repository": repository(), "before": A});
        for name in ["workflow_dispatch", "schedule", "workflow_run", "repository_dispatch", "release", "issue_comment"]
        {
            let expected = "github-other: nothing, branch trunk, default trunk";
            check(name, &[("GITHUB_REF_NAME", "trunk")], &event, expected);
        }
    }

    #[test]
    fn names_that_no_branch_can_have_count_as_not_given() {
        let event = json!({"ref": "refs/heads/--x", "before": ZERO, "repository": {"default_branch": "--output=x"}});
        check("push", &[("GITHUB_REF_NAME", "--x")], &event, "github-new-branch: fork from default");
    }
}
