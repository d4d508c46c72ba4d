//! The base that the events of CI providers give, in clones as their checkouts make them.

use serde_json::{Value, json};

use crate::matrix::{github_plan_step, step_shell};
use crate::support::{Plan, Run, Sandbox};

const ZERO: &str = "0000000000000000000000000000000000000000";

/// The remote: `main` with an edit of each service, and `feature` with one of the worker from before the last of them.
fn remote() -> Sandbox {
    let repo = Sandbox::copy_of("single-module");
    for (key, value) in [("uploadpack.allowFilter", "true"), ("uploadpack.allowAnySHA1InWant", "true")] {
        repo.git(["config", key, value]);
    }
    repo.edit("README.md").commit("second");
    repo.git(["checkout", "--quiet", "-b", "feature"]);
    repo.edit("internal/clean/clean.go").commit("feature");
    repo.git(["checkout", "--quiet", "main"]);
    repo.edit("cmd/api/main.go").commit("third");
    repo
}

/// The same with `refs/pull/7/merge`, and a `main` that has moved on since.
fn with_pull_request() -> Sandbox {
    let repo = remote();
    repo.git(["checkout", "--quiet", "--detach", "main"]);
    repo.git(["merge", "--quiet", "--no-edit", "--no-ff", "feature"]);
    repo.git(["update-ref", "refs/pull/7/merge", "HEAD"]);
    repo.git(["checkout", "--quiet", "main"]);
    repo.edit("cmd/worker/main.go").commit("drift");
    repo
}

fn id(repo: &Sandbox, rev: &str) -> String {
    repo.git(["rev-parse", rev])
}

/// An empty repository, and in it what `actions/checkout` fetches of `reference`.
fn checkout(remote: &Sandbox, reference: &str, local: &str, options: &[&str]) -> Sandbox {
    let repo = Sandbox::empty();
    let url = format!("file://{}", remote.dir().display());
    repo.git(["remote", "add", "origin", &url]);
    let refspec = format!("+{reference}:{local}");
    repo.git(["fetch", "--quiet", "--no-tags"].iter().chain(options).copied().chain(["origin", &refspec]));
    match local.strip_prefix("refs/remotes/origin/") {
        Some(branch) => repo.git(["checkout", "--quiet", "-B", branch, local]),
        None => repo.git(["checkout", "--quiet", "--detach", local]),
    };
    repo
}

fn checkout_pull(remote: &Sandbox, options: &[&str]) -> Sandbox {
    checkout(remote, "refs/pull/7/merge", "refs/remotes/pull/7/merge", options)
}

fn checkout_branch(remote: &Sandbox, branch: &str, options: &[&str]) -> Sandbox {
    checkout(remote, &format!("refs/heads/{branch}"), &format!("refs/remotes/origin/{branch}"), options)
}

/// A job of GitHub Actions with an event.
struct Job<'r> {
    repo: &'r Sandbox,
    variables: Vec<(String, String)>,
}

impl<'r> Job<'r> {
    fn github(repo: &'r Sandbox, name: &str, event: &Value) -> Self {
        let file = repo.beside("event.json");
        std::fs::write(&file, event.to_string()).unwrap();
        Self::of(repo, &[("CI", "true"), ("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", name)])
            .with("GITHUB_EVENT_PATH", file.to_str().unwrap())
            .with("GITHUB_SHA", &id(repo, "HEAD"))
    }

    fn of(repo: &'r Sandbox, variables: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self { repo, variables: variables.iter().map(own).collect() }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.repo.program();
        command.args(arguments).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    #[track_caller]
    fn plan(&self, arguments: &[&str]) -> Plan {
        Plan::of(&mut self.command(&[&["plan", "-o", "json"], arguments].concat()))
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Run {
        Run::of(&mut self.command(arguments))
    }

    /// The plan of a run that says on the way what it fetches, and that.
    #[track_caller]
    fn deepened(&self, arguments: &[&str]) -> (Plan, String) {
        let run = self.run(&[&["plan", "-o", "json", "--deepen"], arguments].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        (Plan(serde_json::from_str(&run.stdout).unwrap()), run.stderr)
    }
}

fn push(repo: &Sandbox, branch: &str, before: &str) -> Value {
    let after = id(repo, "HEAD");
    json!({"ref": format!("refs/heads/{branch}"), "before": before, "after": after,
           "repository": {"default_branch": "main"}})
}

fn pull_request(remote: &Sandbox) -> Value {
    json!({"number": 7, "repository": {"default_branch": "main"}, "pull_request": {
        "base": {"ref": "main", "sha": id(remote, "main~1")}, "head": {"ref": "feature", "sha": id(remote, "feature")}}})
}

fn message_of_base_note(plan: &Plan) -> String {
    let notes = plan.0["notes"].as_array().unwrap().iter();
    let of_base = notes.filter(|note| note["kind"] == "base").map(|note| note["message"].as_str().unwrap());
    of_base.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_push_is_compared_with_the_very_commit_that_it_was_pushed_over() {
    let remote = remote();
    let repo = checkout_branch(&remote, "main", &[]);
    let before = id(&repo, "main~2");
    let job = Job::github(&repo, "push", &push(&repo, "main", &before)).with("GITHUB_REF_NAME", "main");
    let plan = job.plan(&[]);
    assert_eq!(plan.base(), format!("github-push {before}"));
    assert_eq!((plan.built(), &plan.0["base"]["commit"]), (vec!["api"], &Value::from(before.clone())));
    let text = job.run(&["plan"]).success();
    assert!(text.contains("\ngithub-push: a push is compared with the commit that was there before\n"), "{text}");
    // The flag and the variable count for more.
    assert_eq!(job.plan(&["--base", "HEAD~1"]).base(), "flag HEAD~1");
    assert_eq!(job.with("BUILDPLAN_BASE", "HEAD").plan(&[]).base(), "environment HEAD");
}

#[test]
fn a_push_to_a_shallow_clone_names_the_fetch_or_makes_it() {
    let remote = remote();
    let repo = checkout_branch(&remote, "main", &["--depth=1"]);
    let before = id(&remote, "main~2");
    let job = Job::github(&repo, "push", &push(&repo, "main", &before));
    let complaint = job.run(&["plan"]).failure();
    let fetch = format!("`git fetch --depth=1 origin {before}`");
    assert!(complaint.contains(&fetch) && complaint.contains("fetch-depth: 0"), "{complaint}");
    assert_eq!(job.plan(&["--on-missing-base", "all"]).story(), ["api: missing-base", "worker: missing-base"]);
    let untouched = (id(&repo, "HEAD"), id(&repo, "refs/remotes/origin/main"), repo.git(["status", "--porcelain"]));
    let (plan, said) = job.deepened(&[]);
    assert_eq!((plan.base(), plan.built()), (format!("github-push {before}"), vec!["api"]));
    assert!(
        said.contains(&format!(
            "git fetch --no-tags --recurse-submodules=no --filter=blob:none --depth=1 origin {before}\n"
        )),
        "{said}"
    );
    assert_eq!(
        untouched,
        (id(&repo, "HEAD"), id(&repo, "refs/remotes/origin/main"), repo.git(["status", "--porcelain"]))
    );
    // What was fetched stays: the next one needs no network.
    assert_eq!(job.plan(&[]).built(), ["api"]);
}

#[test]
fn the_first_push_of_a_branch_is_compared_with_where_it_left_the_default_branch() {
    let remote = remote();
    let repo = checkout_branch(&remote, "feature", &["--depth=1"]);
    let job = Job::github(&repo, "push", &push(&repo, "feature", ZERO));
    let complaint = job.run(&["plan"]).failure();
    assert!(complaint.contains("`git fetch origin main:refs/remotes/origin/main`"), "{complaint}");
    let (plan, said) = job.deepened(&[]);
    assert_eq!((plan.base(), plan.built()), ("github-new-branch origin/main merge-base".to_owned(), vec!["worker"]));
    assert!(said.contains("+refs/heads/main:refs/remotes/origin/main") && said.contains("--deepen=50"), "{said}");

    let whole = remote.clone_as("whole", &["--branch=feature"]);
    let plan = Job::github(&whole, "push", &push(&whole, "feature", ZERO)).plan(&[]);
    assert_eq!((plan.base(), plan.built()), ("github-new-branch origin/main merge-base".to_owned(), vec!["worker"]));
}

#[test]
fn the_first_push_of_all_is_no_empty_plan() {
    let repo = Sandbox::copy_of("single-module");
    let job = Job::github(&repo, "push", &push(&repo, "main", ZERO));
    let complaint = job.run(&["plan"]).failure();
    assert!(complaint.contains("first push of the default branch") && complaint.contains("--all"), "{complaint}");
    assert_eq!(job.plan(&["--on-missing-base", "all"]).built(), ["api", "worker"]);
}

#[test]
fn a_force_push_is_compared_with_what_it_replaced_even_if_that_is_gone() {
    let remote = remote();
    let before = id(&remote, "feature");
    remote.git(["checkout", "--quiet", "feature"]);
    remote.git(["reset", "--quiet", "--hard", "feature~1"]);
    remote.edit("README.md").commit("rewritten");
    let repo = remote.clone_as("clone", &["--branch=feature"]);
    let mut event = push(&repo, "feature", &before);
    event["forced"] = true.into();
    let job = Job::github(&repo, "push", &event);
    let complaint = job.run(&["plan"]).failure();
    assert!(complaint.contains("github-force-push"), "{complaint}");
    assert!(complaint.contains(&format!("`git fetch origin {before}`")), "{complaint}");
    let (plan, _) = job.deepened(&[]);
    // The worker is as it was before the commit that is gone, but not as it was last built.
    assert_eq!((plan.base(), plan.built()), (format!("github-force-push {before}"), vec!["worker"]));
    // A whole clone stays one.
    assert_eq!(repo.git(["rev-parse", "--is-shallow-repository"]), "false");
    assert!(!repo.git(["config", "--list"]).contains("promisor"));
}

#[test]
fn a_force_push_over_a_commit_that_nobody_has_any_more_stays_an_error() {
    let remote = remote();
    let repo = remote.clone_as("clone", &[]);
    let gone = "1234567890123456789012345678901234567890";
    let job = Job::github(&repo, "push", &push(&repo, "main", gone));
    for arguments in [&["plan"][..], &["plan", "--deepen"]] {
        let run = job.run(arguments);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{}", run.stderr);
        assert!(run.stderr.contains(gone), "{}", run.stderr);
    }
    let all = job.deepened(&["--on-missing-base", "all"]);
    assert_eq!(all.0.built(), ["api", "worker"]);
}

#[test]
fn a_pushed_tag_asks_for_its_base() {
    let repo = remote();
    let event = json!({"ref": "refs/tags/v1", "before": ZERO, "repository": {"default_branch": "main"}});
    let job = Job::github(&repo, "push", &event);
    let complaint = job.run(&["plan"]).failure();
    assert!(complaint.contains("`v1`") && complaint.contains("git describe --tags"), "{complaint}");
    assert_eq!(job.plan(&["--on-missing-base", "all"]).built(), ["api", "worker"]);
}

#[test]
fn a_pull_request_is_compared_with_the_parent_that_it_was_merged_into() {
    let remote = with_pull_request();
    for options in [&["--depth=2"][..], &[]] {
        let repo = checkout_pull(&remote, options);
        let plan = Job::github(&repo, "pull_request", &pull_request(&remote)).plan(&[]);
        // What others did to main is no change of the pull request.
        assert_eq!((plan.base(), plan.built()), ("github-pull-request HEAD^1".to_owned(), vec!["worker"]));
        assert_eq!(plan.0["base"]["commit"], id(&remote, "main~1"));
    }
}

#[test]
fn a_pull_request_of_depth_1_names_the_fetch_or_makes_it() {
    let remote = with_pull_request();
    let repo = checkout_pull(&remote, &["--depth=1"]);
    let job = Job::github(&repo, "pull_request", &pull_request(&remote));
    let complaint = job.run(&["plan"]).failure();
    let parent = id(&remote, "refs/pull/7/merge^1");
    assert!(complaint.contains(&format!("`git fetch --depth=1 origin {parent}`")), "{complaint}");
    assert!(complaint.contains("fetch-depth: 0"), "{complaint}");
    assert_eq!(job.plan(&["--on-missing-base", "all"]).built(), ["api", "worker"]);
    let (plan, said) = job.deepened(&[]);
    assert_eq!((plan.base(), plan.built()), ("github-pull-request HEAD^1".to_owned(), vec!["worker"]));
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn the_head_of_a_pull_request_is_compared_with_where_it_left_its_target() {
    let remote = with_pull_request();
    let repo = remote.clone_as("clone", &[]);
    repo.git(["checkout", "--quiet", "--detach", "origin/feature"]);
    let event = pull_request(&remote);
    let plan = Job::github(&repo, "pull_request", &event).plan(&[]);
    let expected = ("github-pull-request origin/main merge-base".to_owned(), vec!["worker"]);
    assert_eq!((plan.base(), plan.built()), expected);
    // Without the target branch, the commit of it that the event knows will do.
    repo.git(["update-ref", "-d", "refs/remotes/origin/main"]);
    repo.git(["branch", "-D", "main"]);
    let sha = event["pull_request"]["base"]["sha"].as_str().unwrap();
    let plan = Job::github(&repo, "pull_request", &event).plan(&[]);
    assert_eq!((plan.base(), plan.built()), (format!("github-pull-request {sha} merge-base"), vec!["worker"]));
}

#[test]
fn a_target_that_was_merged_into_the_pull_request_is_no_change_of_it() {
    let remote = remote();
    remote.git(["checkout", "--quiet", "feature"]);
    remote.git(["merge", "--quiet", "--no-edit", "main"]);
    let repo = remote.clone_as("clone", &["--branch=feature"]);
    let mut event = pull_request(&remote);
    // The event has the target as it was when the pull request was opened.
    event["pull_request"]["base"]["sha"] = id(&remote, "main~1").into();
    let plan = Job::github(&repo, "pull_request", &event).plan(&[]);
    assert_eq!((plan.base(), plan.built()), ("github-pull-request origin/main".to_owned(), vec!["worker"]));
}

#[test]
fn a_target_branch_in_a_pull_request_job_is_no_empty_plan() {
    let remote = with_pull_request();
    let repo = remote.clone_as("clone", &[]);
    let event = pull_request(&remote);
    let complaint = Job::github(&repo, "pull_request_target", &event).run(&["plan"]).failure();
    assert!(complaint.contains("is not the pull request"), "{complaint}");
    assert!(complaint.contains("refs/pull/7/merge") && complaint.contains("fetch-depth: 2"), "{complaint}");
    // Nor is that a base that could be done without: the target branch is not what is to be built.
    let run = Job::github(&repo, "pull_request_target", &event).run(&["plan", "--on-missing-base", "all"]);
    assert_eq!(run.code, 2, "{}", run.stdout);
    // The merge of it, and the head of it, are.
    let merge = checkout_pull(&remote, &["--depth=2"]);
    let plan = Job::github(&merge, "pull_request_target", &event).plan(&[]);
    assert_eq!((plan.base(), plan.built()), ("github-pull-request-target HEAD^1".to_owned(), vec!["worker"]));
    repo.git(["checkout", "--quiet", "--detach", "origin/feature"]);
    let plan = Job::github(&repo, "pull_request_target", &event).plan(&[]);
    assert_eq!(plan.base(), "github-pull-request-target origin/main merge-base");
    // The same by a flag, in a job that has the target branch checked out.
    repo.git(["checkout", "--quiet", "main"]);
    let plan = Job::github(&repo, "pull_request_target", &event).plan(&["--head", "origin/feature"]);
    assert_eq!(
        (plan.base(), plan.built()),
        ("github-pull-request-target origin/main merge-base".to_owned(), vec!["worker"])
    );
    // The simpler event has the same mistake, if it checks out the wrong branch.
    let complaint = Job::github(&repo, "pull_request", &event).run(&["plan"]).failure();
    assert!(complaint.contains("is part of `origin/main` already"), "{complaint}");
}

#[test]
fn a_merge_group_is_compared_with_what_it_is_queued_behind() {
    let remote = with_pull_request();
    let repo = remote.clone_as("clone", &[]);
    repo.git(["checkout", "--quiet", "--detach", "origin/main~1"]);
    repo.git(["fetch", "--quiet", "origin", "refs/pull/7/merge"]);
    repo.git(["checkout", "--quiet", "--detach", "FETCH_HEAD"]);
    let base = id(&remote, "main~1");
    let event = json!({"merge_group": {"base_sha": base, "head_sha": id(&repo, "HEAD")}});
    let plan = Job::github(&repo, "merge_group", &event).plan(&[]);
    assert_eq!((plan.base(), plan.built()), (format!("github-merge-group {base}"), vec!["worker"]));
}

#[test]
fn an_event_that_is_not_about_a_change_says_that_its_base_is_a_guess() {
    let repo = remote().clone_as("clone", &[]);
    let event = json!({"repository": {"default_branch": "main"}});
    for name in ["schedule", "workflow_dispatch", "workflow_run"] {
        let job = Job::github(&repo, name, &event).with("GITHUB_REF_NAME", "main");
        let plan = job.plan(&[]);
        assert_eq!((plan.base(), plan.built()), ("first-parent HEAD~1".to_owned(), vec!["api"]));
        assert!(message_of_base_note(&plan).contains("only the last commit counts as new"), "{:?}", plan.0["notes"]);
        assert!(job.run(&["plan"]).success().contains("only the last commit counts as new"));
    }
    // On a machine of one's own it is no guess.
    assert_eq!(message_of_base_note(&repo.plan(["--no-merge-base"])), "");
}

#[test]
fn what_a_job_says_of_its_own_commit_says_nothing_of_another() {
    let repo = remote().clone_as("clone", &[]);
    let job = Job::github(&repo, "push", &push(&repo, "main", &id(&repo, "HEAD~1")));
    assert_eq!(job.plan(&["--head", "origin/feature"]).base(), "default-branch origin/main merge-base");
    assert_eq!(job.plan(&["--head", "HEAD"]).base(), format!("github-push {}", id(&repo, "HEAD~1")));
    assert_eq!(job.plan(&["--head", "origin/main"]).base(), format!("github-push {}", id(&repo, "HEAD~1")));
}

#[test]
fn another_commit_than_the_job_is_about_is_said_to_be_one() {
    let repo = remote().clone_as("clone", &[]);
    let event = push(&repo, "main", &id(&repo, "HEAD~1"));
    let job = Job::github(&repo, "push", &event).with("GITHUB_SHA", &id(&repo, "HEAD~1"));
    let note = message_of_base_note(&job.plan(&[]));
    assert!(note.contains("GitHub Actions runs this job for"), "{note}");
}

#[test]
fn the_same_commit_on_both_sides_is_said_to_be_so() {
    let repo = remote().clone_as("clone", &[]);
    let plan = Job::github(&repo, "push", &push(&repo, "main", &id(&repo, "HEAD"))).plan(&[]);
    assert_eq!(plan.built(), [""; 0]);
    assert!(message_of_base_note(&plan).contains("base and head are the same commit"), "{:?}", plan.0["notes"]);
}

#[test]
fn an_event_file_that_cannot_be_read_is_a_missing_base() {
    let repo = remote().clone_as("clone", &[]);
    for file in ["/nonexistent/event.json", "", "/"] {
        let job =
            Job::of(&repo, &[("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", "push"), ("GITHUB_EVENT_PATH", file)]);
        let complaint = job.run(&["plan"]).failure();
        assert!(complaint.contains("event file"), "{complaint}");
    }
}

#[test]
fn names_in_an_event_are_never_options_or_other_references() {
    let repo = remote().clone_as("clone", &[]);
    let mut event = push(&repo, "main", "--upload-pack=touch pwned");
    let complaint = Job::github(&repo, "push", &event).run(&["plan", "--deepen"]);
    assert_eq!(complaint.code, 2, "{}", complaint.stdout);
    event["before"] = ZERO.into();
    event["repository"]["default_branch"] = "--output=pwned".into();
    event["ref"] = "refs/heads/x".into();
    // A default branch that cannot be one counts as not said.
    assert_eq!(Job::github(&repo, "push", &event).plan(&[]).base(), "github-new-branch origin/main");
    assert!(!repo.dir().join("pwned").exists());
}

#[test]
fn the_branch_of_a_tag_comes_from_the_provider_where_none_is_checked_out() {
    let remote = with_pull_request();
    let repo = checkout_pull(&remote, &["--depth=2"]);
    let config = "[image]\nrepository = \"localhost/{service}\"\ntags = [\"{branch}\"]\n";
    std::fs::write(repo.beside("config.toml"), config).unwrap();
    let config = repo.beside("config.toml");
    let tags = |job: &Job<'_>| {
        let plan = job.plan(&["--config", config.to_str().unwrap()]);
        plan.service("worker")["image"]["tags"].as_array().unwrap()[0].as_str().unwrap().to_owned()
    };
    let job = |head: &str| {
        let job = Job::github(&repo, "pull_request", &pull_request(&remote)).with("GITHUB_REF", "refs/pull/7/merge");
        tags(&job.with("GITHUB_REF_NAME", "7/merge").with("GITHUB_HEAD_REF", head))
    };
    assert_eq!(job("feature/x"), "feature-x");
    // Neither what is no branch name nor the reference of the pull request is one.
    assert_eq!(job("feature x"), "detached");
}

/// A job of GitLab, in a clone of depth 20 as its runner makes it: detached, with only the ref of the pipeline.
#[test]
fn gitlab_pipelines_have_their_bases() {
    let remote = with_pull_request();
    let of = |reference: &str, depth: &str| {
        let reference =
            if reference.starts_with("refs/") { reference.to_owned() } else { format!("refs/heads/{reference}") };
        checkout(&remote, &reference, "refs/pipelines/1", &[depth])
    };
    let gitlab = [("CI", "true"), ("GITLAB_CI", "true"), ("CI_DEFAULT_BRANCH", "main")];
    let job = |repo, more: &[(&str, &str)]| Job::of(repo, &[&gitlab[..], more].concat());

    let main = of("main", "--depth=20");
    let before = id(&remote, "main~2");
    let push = [("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_REF_NAME", "main"), ("CI_COMMIT_BEFORE_SHA", &*before)];
    let plan = job(&main, &push).plan(&[]);
    assert_eq!((plan.base(), plan.built()), (format!("gitlab-push {before}"), vec!["api", "worker"]));

    let feature = of("feature", "--depth=20");
    let first = [("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_REF_NAME", "feature"), ("CI_COMMIT_BEFORE_SHA", ZERO)];
    let complaint = job(&feature, &first).run(&["plan"]).failure();
    assert!(complaint.contains("`git fetch origin main:refs/remotes/origin/main`"), "{complaint}");
    let (plan, _) = job(&feature, &first).deepened(&[]);
    assert_eq!((plan.base(), plan.built()), ("gitlab-new-branch origin/main merge-base".to_owned(), vec!["worker"]));

    let diff_base = id(&remote, "main~2");
    let request = [("CI_PIPELINE_SOURCE", "merge_request_event"), ("CI_MERGE_REQUEST_IID", "7")];
    let names = [("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"), ("CI_MERGE_REQUEST_DIFF_BASE_SHA", &*diff_base)];
    let plan = job(&feature, &[&request[..], &names].concat()).plan(&[]);
    assert_eq!((plan.base(), plan.built()), (format!("gitlab-merge-request {diff_base}"), vec!["worker"]));
    let shallow = of("feature", "--depth=1");
    let detached = job(&shallow, &[&request[..], &names].concat());
    let complaint = detached.run(&["plan"]).failure();
    assert!(complaint.contains("GIT_DEPTH: 0"), "{complaint}");
    assert_eq!(detached.deepened(&[]).0.built(), ["worker"]);

    let merged = of("refs/pull/7/merge", "--depth=20");
    let target = id(&remote, "main~1");
    for (kind, rule) in [("merged_result", "gitlab-merged-results"), ("merge_train", "gitlab-merge-train")] {
        let more = [("CI_MERGE_REQUEST_EVENT_TYPE", kind), ("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", &*target)];
        let plan = job(&merged, &[&request[..], &names, &more].concat()).plan(&[]);
        assert_eq!((plan.base(), plan.built()), (format!("{rule} {target}"), vec!["worker"]));
    }
}

#[test]
fn a_scheduled_gitlab_pipeline_is_a_guess_on_the_default_branch_and_none_on_others() {
    let remote = remote();
    let gitlab = [("GITLAB_CI", "true"), ("CI_DEFAULT_BRANCH", "main"), ("CI_PIPELINE_SOURCE", "schedule")];
    let main = checkout(&remote, "refs/heads/main", "refs/pipelines/1", &[]);
    // Here nothing but the variables says which branch that is.
    main.git(["update-ref", "-d", "refs/remotes/origin/main"]);
    let job = Job::of(&main, &gitlab).with("CI_COMMIT_REF_NAME", "main").with("CI_COMMIT_BEFORE_SHA", ZERO);
    let plan = job.plan(&[]);
    assert_eq!(plan.base(), "first-parent HEAD~1");
    assert!(message_of_base_note(&plan).contains("CI_COMMIT_BEFORE_SHA is zero"), "{:?}", plan.0["notes"]);
    let feature = remote.clone_as("clone", &["--branch=feature"]);
    feature.git(["checkout", "--quiet", "--detach"]);
    let plan = Job::of(&feature, &gitlab).with("CI_COMMIT_REF_NAME", "feature").plan(&[]);
    assert_eq!((plan.base(), plan.built()), ("default-branch origin/main merge-base".to_owned(), vec!["worker"]));
}

#[test]
fn the_other_providers_have_their_bases() {
    let remote = with_pull_request();
    let repo = remote.clone_as("clone", &[]);
    let main = id(&remote, "main");
    let at = |rev: &str| repo.git(["checkout", "--quiet", "--detach", rev]);
    let check = |variables: &[(&str, &str)], expected: &str, built: &[&str]| {
        let plan = Job::of(&repo, variables).plan(&[]);
        assert_eq!((plan.base(), plan.built()), (expected.to_owned(), built.to_vec()), "{variables:?}");
        assert_eq!(plan.0["head"]["working_copy"], false, "{variables:?}");
    };
    at("origin/feature");
    let buildkite =
        [("BUILDKITE", "true"), ("BUILDKITE_PIPELINE_DEFAULT_BRANCH", "main"), ("BUILDKITE_BRANCH", "feature")];
    let buildkite = |more: &[(&'static str, &'static str)]| [&buildkite[..], more].concat();
    check(&buildkite(&[("BUILDKITE_PULL_REQUEST", "false")]), "buildkite-branch origin/main merge-base", &["worker"]);
    let request = [("BUILDKITE_PULL_REQUEST", "7"), ("BUILDKITE_PULL_REQUEST_BASE_BRANCH", "main")];
    check(&buildkite(&request), "buildkite-pull-request origin/main merge-base", &["worker"]);
    let jenkins = ("JENKINS_URL", "https://ci.example.com/");
    let change = [jenkins, ("CHANGE_ID", "7"), ("CHANGE_TARGET", "main"), ("BRANCH_NAME", "PR-7")];
    check(&change, "jenkins-change origin/main merge-base", &["worker"]);
    check(&[("CIRCLECI", "true"), ("CIRCLE_BRANCH", "feature")], "default-branch origin/main merge-base", &["worker"]);

    at("origin/main");
    let before = id(&remote, "main~2");
    let previous = [jenkins, ("BRANCH_NAME", "main"), ("GIT_PREVIOUS_SUCCESSFUL_COMMIT", &*before)];
    check(&previous, &format!("jenkins-previous-success {before}"), &["api", "worker"]);
    let circle = [("CIRCLECI", "true"), ("CIRCLE_BRANCH", "main"), ("CIRCLE_BASE_REVISION", &*before)];
    check(&circle, &format!("circleci-base-revision {before}"), &["api", "worker"]);
    let queue = [("BUILDKITE", "true"), ("BUILDKITE_MERGE_QUEUE_BASE_COMMIT", &*before)];
    check(&queue, &format!("buildkite-merge-queue {before}"), &["api", "worker"]);
    for variables in [
        &[("BUILDKITE", "true"), ("BUILDKITE_PIPELINE_DEFAULT_BRANCH", "main"), ("BUILDKITE_BRANCH", "main")][..],
        &[("CIRCLECI", "true"), ("CIRCLE_BRANCH", "main"), ("CIRCLE_BASE_REVISION", "")],
        &[("TF_BUILD", "True"), ("BUILD_REASON", "IndividualCI"), ("BUILD_SOURCEBRANCH", "refs/heads/main")],
        &[jenkins, ("BRANCH_NAME", "main")],
    ] {
        check(variables, "first-parent HEAD~1", &["worker"]);
        let note = message_of_base_note(&Job::of(&repo, variables).plan(&[]));
        assert!(note.contains("only the last commit counts as new"), "{variables:?}: {note}");
    }

    repo.git(["fetch", "--quiet", "origin", "refs/pull/7/merge"]);
    at("FETCH_HEAD");
    let feature = id(&remote, "feature");
    let azure = [
        ("TF_BUILD", "True"),
        ("BUILD_REASON", "PullRequest"),
        ("BUILD_SOURCEBRANCH", "refs/pull/7/merge"),
        ("SYSTEM_PULLREQUEST_TARGETBRANCH", "refs/heads/main"),
        ("SYSTEM_PULLREQUEST_SOURCECOMMITID", &*feature),
    ];
    check(&azure, "azure-pull-request HEAD^1", &["worker"]);
    // Jenkins merges on its own: there, the merge base is right for both orders of the parents.
    check(&change, "jenkins-change origin/main merge-base", &["worker"]);
    assert_ne!(main, before);
}

#[test]
fn a_ci_variable_that_says_no_counts_for_more_than_a_provider() {
    let repo = remote().clone_as("clone", &[]);
    repo.edit("cmd/worker/main.go");
    let event = push(&repo, "main", &id(&repo, "HEAD"));
    let plan = |ci| Job::github(&repo, "push", &event).with("CI", ci).plan(&[]);
    assert_eq!((plan("false").built(), &plan("false").0["head"]["working_copy"]), (vec!["worker"], &true.into()));
    assert_eq!(plan("true").built(), [""; 0]);
}

/// What the planning step of the recipe writes for a job: the outputs, and the summary.
#[track_caller]
fn recipe_outputs(job: &Job<'_>, push: &str) -> (String, String) {
    let (outputs, summary) = (job.repo.beside("github-output"), job.repo.beside("github-summary"));
    for file in [&outputs, &summary] {
        std::fs::write(file, "").unwrap();
    }
    let mut shell = step_shell(job.repo, &github_plan_step());
    shell.envs(job.variables.iter().map(|(name, value)| (name, value))).env("PUSH", push);
    let run = Run::of(shell.env("GITHUB_OUTPUT", &outputs).env("GITHUB_STEP_SUMMARY", &summary));
    assert_eq!(run.code, 0, "{}", run.stderr);
    (std::fs::read_to_string(outputs).unwrap(), std::fs::read_to_string(summary).unwrap())
}

/// The outputs without all of an entry but its service and reason.
fn in_short(outputs: &str) -> String {
    let mut lines = outputs.lines();
    let matrix = lines.next().unwrap().strip_prefix("matrix=").unwrap();
    let matrix: Value = serde_json::from_str(matrix).unwrap();
    let entries = matrix["include"].as_array().unwrap().iter();
    let entries =
        entries.map(|entry| format!("{}: {}", entry["service"].as_str().unwrap(), entry["reason"].as_str().unwrap()));
    let mut short: Vec<String> = entries.collect();
    short.extend(lines.map(str::to_owned));
    short.join("; ")
}

#[test]
fn the_github_recipe_plans_each_event() {
    let remote = with_pull_request();
    let pull = checkout_pull(&remote, &[]);
    let job = Job::github(&pull, "pull_request", &pull_request(&remote));
    let (outputs, summary) = recipe_outputs(&job, "");
    let worker = "worker: internal/clean/clean.go modified; has-work=true; count=1; shards=[]";
    assert_eq!(in_short(&outputs), worker);
    let table =
        "### 1 service to build\n\n| job | why |\n| --- | --- |\n| worker | internal/clean/clean.go modified |\n";
    assert_eq!(summary, table);

    let remote = self::remote();
    let main = checkout_branch(&remote, "main", &[]);
    let job = Job::github(&main, "push", &push(&main, "main", &id(&main, "main~2"))).with("GITHUB_REF_NAME", "main");
    let api = "api: cmd/api/main.go modified; has-work=true; count=1; shards=[]";
    assert_eq!(in_short(&recipe_outputs(&job, "").0), api);
    let job = Job::github(&main, "push", &push(&main, "main", &id(&main, "main"))).with("GITHUB_REF_NAME", "main");
    let (outputs, summary) = recipe_outputs(&job, "");
    assert_eq!(outputs, "matrix={\"include\":[]}\nhas-work=false\ncount=0\nshards=[]\n");
    assert_eq!(summary, "### Nothing to build\n\n");

    let whole = remote.clone_as("whole", &["--branch=feature"]);
    let job = Job::github(&whole, "push", &push(&whole, "feature", ZERO));
    assert_eq!(in_short(&recipe_outputs(&job, "").0), worker);

    let remote = with_pull_request();
    let queued = remote.clone_as("clone", &[]);
    queued.git(["fetch", "--quiet", "origin", "refs/pull/7/merge"]);
    queued.git(["checkout", "--quiet", "--detach", "FETCH_HEAD"]);
    let event = json!({"merge_group": {"base_sha": id(&remote, "main~1"), "head_sha": id(&queued, "HEAD")}});
    let job = Job::github(&queued, "merge_group", &event);
    assert_eq!(in_short(&recipe_outputs(&job, "").0), worker);
    // Pushing needs to know where to.
    let mut shell = step_shell(job.repo, &github_plan_step());
    let refused = Run::of(shell.envs(job.variables.iter().map(|(name, value)| (name, value))).env("PUSH", "--push"));
    assert!(refused.code == 2 && refused.stderr.contains("no image repository to push to"), "{}", refused.stderr);
}
