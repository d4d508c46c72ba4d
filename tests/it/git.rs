//! Which two trees are compared, and that the files of each are seen as a build would see them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::support::{Plan, Run, Sandbox};

/// A program that embeds all that lies in `data`, and one that does not.
fn with_data() -> Sandbox {
    let repo = Sandbox::empty();
    repo.write("go.mod", "module example.com/data\n\ngo 1.24\n")
        .write(
            "cmd/all/main.go",
            "package main\n\nimport \"embed\"\n\n//go:embed data\nvar data embed.FS\n\nfunc main() {}\n",
        )
        .write("cmd/all/data/a.txt", "a\n")
        .write("cmd/none/main.go", "package main\n\nfunc main() {}\n")
        .commit("base");
    repo
}

/// The single module on `main`, and one commit to the worker on `feature`.
fn with_branch() -> Sandbox {
    let repo = Sandbox::copy_of("single-module");
    repo.edit("README.md").commit("second");
    repo.git(["checkout", "--quiet", "-b", "feature", "HEAD~1"]);
    repo.edit("internal/clean/clean.go").commit("feature");
    repo
}

/// The base of a plan: its source, its revision, and whether it is a merge base.
fn base(plan: &Plan) -> String {
    let base = &plan.0["base"];
    let merge_base = if base["merge_base"] == true { " merge-base" } else { "" };
    format!("{} {}{merge_base}", base["source"].as_str().unwrap(), base["rev"].as_str().unwrap())
}

#[test]
fn uncommitted_changes_count_whether_staged_or_not() {
    let repo = Sandbox::copy_of("single-module");
    repo.edit("cmd/api/main.go").edit("internal/clean/clean.go");
    repo.git(["add", "cmd"]);
    let plan = repo.plan(["--base", "HEAD"]);
    assert_eq!(plan.built(), ["api", "worker"]);
    assert_eq!((&plan.0["head"]["working_copy"], &plan.0["head"]["dirty"]), (&true.into(), &true.into()));
}

#[test]
fn untracked_files_count() {
    let repo = Sandbox::copy_of("single-module");
    repo.write("internal/clean/more.go", "package clean\n");
    let plan = repo.plan(["--base", "HEAD"]);
    assert_eq!(plan.story(), ["worker: go-file internal/clean/more.go added via worker > clean"]);
}

#[test]
fn ignored_go_files_count_in_the_working_copy_since_the_build_sees_them() {
    let repo = Sandbox::copy_of("missing-package");
    repo.write(".gitignore", "gen/\n*.tmp.go\n").commit("ignore");
    repo.write("gen/api/api.go", "package api\n\nfunc Call() {}\n").write("cmd/steady/x.tmp.go", "package main\n");
    let plan = repo.plan(["--base", "HEAD"]);
    assert_eq!(plan.built(), ["client", "steady"]);
    assert_eq!(plan.fingerprint("client").len(), 64);
    let first = plan.fingerprint("client");
    repo.edit("gen/api/api.go");
    assert_ne!(repo.plan(["--base", "HEAD"]).fingerprint("client"), first);
    // A commit does not have them.
    assert_eq!(repo.plan(["--base", "HEAD", "--head", "HEAD"]).built(), ["client"]);
}

#[test]
fn a_file_that_only_looks_changed_is_not() {
    let repo = Sandbox::copy_of("single-module");
    repo.write("cmd/api/main.go", repo.read("cmd/api/main.go"));
    let plan = repo.plan(["--base", "HEAD"]);
    assert_eq!((plan.built(), &plan.0["head"]["dirty"]), (vec![], &false.into()));
}

#[test]
fn a_change_of_the_same_size_in_the_same_second_is_seen() {
    let repo = Sandbox::copy_of("single-module");
    for word in ["aaaa", "bbbb", "cccc"] {
        repo.write("cmd/api/x.go", format!("package main // {word}\n")).commit(word);
        repo.write("cmd/api/x.go", "package main // zzzz\n");
        assert_eq!(repo.plan(["--base", "HEAD"]).built(), ["api"], "{word}");
        repo.git(["checkout", "--quiet", "."]);
    }
}

#[test]
fn in_ci_the_commit_is_planned_and_not_the_working_copy() {
    let repo = Sandbox::copy_of("single-module");
    repo.edit("README.md").commit("second").edit("cmd/api/main.go");
    let plan = |ci: &str| Plan::of(repo.program().args(["plan", "-o", "json"]).env("CI", ci));
    assert_eq!((plan("true").built(), plan("1").built()), (vec![], vec![]));
    assert_eq!(plan("true").0["head"]["working_copy"], false);
    assert_eq!((plan("false").built(), plan("").built()), (vec!["api"], vec!["api"]));
}

#[test]
fn head_names_the_commit_to_plan() {
    let repo = with_branch();
    let plan = repo.plan(["--base", "main", "--head", "feature"]);
    assert_eq!((plan.built(), base(&plan)), (vec!["worker"], "flag main merge-base".to_owned()));
    assert_eq!(plan.0["head"]["rev"], "feature");
    assert_eq!(repo.plan(["--base", "main~1", "--head", "main"]).built(), [""; 0]);
}

#[test]
fn on_a_branch_the_base_is_where_it_left_the_default_branch() {
    let repo = with_branch();
    let plan = repo.plan([]);
    assert_eq!((base(&plan).as_str(), plan.built()), ("default-branch main merge-base", vec!["worker"]));
    let tip = repo.plan(["--no-merge-base"]);
    assert_eq!((base(&tip).as_str(), tip.0["changed_files"].as_array().unwrap().len()), ("default-branch main", 2));
}

#[test]
fn on_the_default_branch_the_base_is_the_first_parent_or_what_was_pushed() {
    let repo = with_branch();
    repo.git(["checkout", "--quiet", "main"]);
    assert_eq!(base(&repo.plan([])), "first-parent HEAD~1");
    repo.edit("cmd/api/main.go").commit("third");
    repo.git(["update-ref", "refs/remotes/origin/main", "main~2"]);
    let plan = repo.plan([]);
    assert_eq!((base(&plan).as_str(), plan.built()), ("upstream origin/main", vec!["api"]));
}

#[test]
fn a_merge_is_compared_with_its_first_parent() {
    let repo = with_branch();
    repo.git(["checkout", "--quiet", "main"]);
    repo.git(["merge", "--quiet", "--no-edit", "--no-ff", "feature"]);
    assert_eq!(repo.plan([]).built(), ["worker"]);
}

#[test]
fn the_flag_counts_before_the_environment_and_the_environment_before_the_branches() {
    let repo = with_branch();
    let plan = |arguments: &[&str], base: &str| {
        Plan::of(repo.program().args(["plan", "-o", "json"]).args(arguments).env("BUILDPLAN_BASE", base))
    };
    assert_eq!(base(&plan(&[], "HEAD")), "environment HEAD");
    assert_eq!(base(&plan(&["--base", "HEAD~1"], "HEAD")), "flag HEAD~1");
    assert_eq!(base(&plan(&["--since", "HEAD~1"], "HEAD")), "flag HEAD~1");
    assert_eq!(base(&plan(&[], "")), "default-branch main merge-base");
}

#[test]
fn the_configured_default_branch_is_the_base() {
    let repo = with_branch();
    repo.git(["branch", "trunk", "feature"]);
    repo.write("build-plan.toml", "[git]\ndefault-branch = \"trunk\"\n").commit("configured");
    assert_eq!(base(&repo.plan([])), "default-branch trunk");
}

#[test]
fn a_shallow_clone_says_how_to_deepen_it_or_builds_all_if_allowed() {
    let repo = with_branch();
    repo.git(["checkout", "--quiet", "main"]);
    let clone = repo.clone_as("clone", &["--depth=1"]);
    let complaint = clone.run(["plan"]).failure();
    assert!(complaint.contains("shallow clone") && complaint.contains("git fetch --deepen=1"), "{complaint}");
    let plan = clone.plan(["--on-missing-base", "all"]);
    assert_eq!(plan.story(), ["api: missing-base", "worker: missing-base"]);
    assert!(plan.note_kinds().contains(&"missing-base"));
    let deeper = repo.clone_as("deeper", &["--depth=2"]);
    assert_eq!(base(&deeper.plan([])), "first-parent HEAD~1");
}

#[test]
fn a_clone_without_blobs_is_planned_from_the_checkout() {
    let repo = with_branch();
    repo.git(["config", "uploadpack.allowFilter", "true"]);
    let clone = repo.clone_as("clone", &["--filter=blob:none"]);
    let plan = clone.plan(["--base", "HEAD"]);
    assert_eq!((plan.services(), plan.built()), (vec!["api", "worker"], vec![]));
}

#[test]
fn a_repository_with_one_commit_needs_a_base_or_all() {
    let repo = Sandbox::copy_of("single-module");
    let complaint = repo.run(["plan"]).failure();
    assert!(complaint.contains("has no parent") && complaint.contains("--all"), "{complaint}");
    assert_eq!(repo.plan(["--on-missing-base", "all"]).built(), ["api", "worker"]);
    assert_eq!(repo.plan(["--all"]).built(), ["api", "worker"]);
}

#[test]
fn a_repository_without_a_commit_cannot_be_planned() {
    let repo = Sandbox::empty();
    repo.write("go.mod", "module m\n").write("main.go", "package main\n\nfunc main() {}\n");
    let complaint = repo.run(["plan", "--all"]).failure();
    assert!(complaint.contains("no commit"), "{complaint}");
}

#[test]
fn a_bare_repository_has_commits_but_no_working_copy() {
    let repo = with_branch();
    let bare = repo.clone_as("bare", &["--bare"]);
    let plan = bare.plan(["--base", "main", "--head", "feature"]);
    assert_eq!(plan.built(), ["worker"]);
    let complaint = bare.run(["plan", "--base", "main"]).failure();
    assert!(complaint.contains("--head"), "{complaint}");
}

#[test]
fn a_detached_head_and_a_linked_worktree_are_planned_like_any_other() {
    let repo = with_branch();
    repo.git(["checkout", "--quiet", "--detach"]);
    assert_eq!(base(&repo.plan([])), "default-branch main merge-base");
    let tree = repo.beside("tree");
    repo.git(["worktree", "add", "--quiet", tree.to_str().unwrap(), "feature"]);
    let plan = Plan::of(repo.program().args(["-C", tree.to_str().unwrap(), "plan", "-o", "json"]));
    assert_eq!((base(&plan).as_str(), plan.built()), ("default-branch main merge-base", vec!["worker"]));
}

#[test]
fn the_whole_repository_is_planned_from_any_folder_of_it() {
    let repo = with_branch();
    let here = repo.plan([]);
    let below = Plan::of(repo.program().current_dir(repo.dir().join("cmd/api")).args(["plan", "-o", "json"]));
    let with_flag = Plan::of(repo.program().current_dir("/").args(["plan", "-o", "json", "-C"]).arg(repo.dir()));
    assert_eq!(here, below);
    assert_eq!(here, with_flag);
}

#[test]
fn a_hook_of_another_repository_does_not_lead_astray() {
    let (repo, other) = (with_branch(), Sandbox::copy_of("workspace"));
    let plan = Plan::of(
        repo.program().args(["plan", "-o", "json"]).arg("-C").arg(repo.dir()).env("GIT_DIR", other.dir().join(".git")),
    );
    assert_eq!(plan.services(), ["api", "worker"]);
}

#[test]
fn names_may_hold_anything_that_git_allows() {
    let repo = with_data();
    let names: [&[u8]; 6] =
        [b"with space", b"-dash", b"quote\"d", b"new\nline", "umlaut-\u{e4}".as_bytes(), b"latin-\xe4"];
    for name in names {
        repo.write([b"cmd/all/data/deep/", name].concat(), "x\n");
    }
    let check = |plan: &Plan| {
        assert_eq!(plan.built(), ["all"]);
        let files = plan.0["changed_files"].as_array().unwrap();
        assert_eq!(files.len(), names.len(), "{files:#?}");
        let odd = files.iter().find(|file| file["path_base64"].is_string()).unwrap();
        assert_eq!(odd["path_base64"], "Y21kL2FsbC9kYXRhL2RlZXAvbGF0aW4t5A==");
    };
    let uncommitted = repo.plan(["--base", "HEAD"]);
    check(&uncommitted);
    let text = repo.run(["plan", "--base", "HEAD", "-v"]).success();
    assert!(text.contains("new\\nline"), "{text}");
    repo.commit("odd");
    let committed = repo.plan([]);
    check(&committed);
    assert_eq!(uncommitted.fingerprint("all"), committed.fingerprint("all"));
}

#[test]
fn a_go_folder_whose_name_is_not_utf_8_is_still_read() {
    let repo = with_data();
    repo.write(b"cmd/latin-\xe4/main.go", "package main\n\nfunc main() {}\n");
    let plan = repo.plan(["--base", "HEAD"]);
    assert_eq!(plan.built().len(), 1);
    let folder = OsStr::from_bytes(b"cmd/latin-\xe4");
    let plan =
        Plan::of(repo.program().args(["plan", "-o", "json", "--base", "HEAD", "-C"]).arg(repo.dir().join(folder)));
    assert_eq!(plan.built().len(), 1);
}

#[test]
fn the_executable_bit_of_a_go_file_means_nothing() {
    let repo = with_data();
    repo.set_executable("cmd/none/main.go", true).set_executable("cmd/all/data/a.txt", true).commit("modes");
    assert_eq!(repo.plan([]).built(), [""; 0]);
}

#[test]
fn a_file_that_becomes_a_link_is_another_file() {
    let repo = with_data();
    repo.write("cmd/none/real.txt", "package main\n").write("cmd/none/more.go", "package main\n").commit("file");
    repo.link("cmd/none/more.go", "real.txt").commit("link");
    assert_eq!(repo.plan([]).built(), ["none"]);
    // Go reads what the link leads to.
    repo.edit("cmd/none/real.txt").commit("target");
    assert_eq!(repo.plan([]).built(), ["none"]);
}

#[test]
fn a_package_behind_a_link_is_read_where_it_really_lies() {
    let repo = with_data();
    repo.write("elsewhere/lib.go", "package lib\n").link("lib", "elsewhere");
    repo.write("cmd/none/main.go", "package main\n\nimport _ \"example.com/data/lib\"\n\nfunc main() {}\n")
        .commit("link");
    repo.edit("elsewhere/lib.go").commit("library");
    assert_eq!(repo.plan([]).built(), ["none"]);
    repo.write("other/lib.go", "package lib // other\n").commit("other").link("lib", "other").commit("retarget");
    assert_eq!(repo.plan([]).built(), ["none"]);
}

#[test]
fn a_package_in_a_submodule_cannot_be_known() {
    let library = Sandbox::empty();
    library.write("lib.go", "package lib\n").commit("one");
    let repo = with_data();
    repo.git(["submodule", "--quiet", "add", library.dir().to_str().unwrap(), "lib"]);
    repo.write("cmd/none/main.go", "package main\n\nimport _ \"example.com/data/lib\"\n\nfunc main() {}\n")
        .commit("use");
    let plan = repo.plan(["--base", "HEAD", "--head", "HEAD"]);
    assert_eq!(plan.built(), ["none"]);
    assert!(plan.story()[0].contains("submodule"), "{:?}", plan.story());
}

#[test]
fn a_submodule_that_moves_is_a_changed_input_where_it_is_declared() {
    let library = Sandbox::empty();
    library.write("a.txt", "1\n").commit("one");
    let repo = with_data();
    repo.git(["submodule", "--quiet", "add", library.dir().to_str().unwrap(), "assets"]);
    repo.write("build-plan.toml", "[services.none]\npackage = \"cmd/none\"\ninputs = [\"assets\"]\n").commit("declare");
    library.write("a.txt", "2\n").commit("two");
    repo.git(["-C", "assets", "pull", "--quiet", "origin", "main"]);
    let uncommitted = repo.plan(["--base", "HEAD"]);
    assert_eq!(uncommitted.story(), ["none: declared-input assets modified"]);
    repo.commit("bump");
    assert_eq!(repo.plan([]).0["services"], uncommitted.0["services"]);
}

#[test]
fn line_ends_that_git_converts_do_not_make_a_checkout_differ() {
    let repo = with_data();
    repo.write(".gitattributes", "*.txt text eol=crlf\n*.go text\n").commit("attributes");
    repo.write("cmd/all/data/a.txt", "a\r\n").write("cmd/none/main.go", "package main\r\n\r\nfunc main() {}\r\n");
    let plan = repo.plan(["--base", "HEAD"]);
    assert_eq!((plan.built(), &plan.0["head"]["dirty"]), (vec![], &false.into()));
    repo.write("cmd/all/data/a.txt", "b\r\n");
    assert_eq!(repo.plan(["--base", "HEAD"]).built(), ["all"]);
}

#[test]
fn attributes_that_convert_files_are_inputs_of_what_lies_below_them() {
    let repo = with_data();
    repo.write("cmd/all/.gitattributes", "*.txt text eol=crlf\n").commit("attributes");
    assert_eq!(repo.plan([]).built(), ["all"]);
    repo.write("cmd/all/.gitattributes", "*.txt text eol=crlf\n# a comment\n*.md linguist-documentation\n")
        .commit("comment");
    assert_eq!(repo.plan([]).built(), [""; 0]);
}

#[test]
fn a_changed_file_under_an_external_filter_has_a_note_in_the_plan() {
    let repo = with_data();
    repo.git(["config", "filter.large.clean", "cat"]);
    repo.write(".gitattributes", "*.txt filter=large\n").write(".gitignore", "made/\n").commit("attributes");
    assert!(!repo.plan(["--base", "HEAD"]).note_kinds().contains(&"outside-tree"));
    repo.write("cmd/all/data/a.txt", "changed\n");
    let plan = repo.plan(["--base", "HEAD"]);
    assert_eq!(plan.built(), ["all"]);
    assert!(plan.note_kinds().contains(&"outside-tree"), "{:?}", plan.note_kinds());
    // A folder that Git ignores is looked into by the planner alone.
    repo.git(["checkout", "--quiet", "."]);
    repo.write("cmd/all/data/made/a.txt", "made\n");
    let plan = repo.plan(["--base", "HEAD"]);
    assert!(plan.note_kinds().contains(&"outside-tree"), "{:?}", plan.note_kinds());
}

#[test]
fn a_base_that_cannot_be_had_is_never_an_empty_plan() {
    let repo = with_branch();
    let zero = "0".repeat(40);
    let complaint = repo.run(["plan", "--base", &zero]).failure();
    assert!(complaint.contains("zero id"), "{complaint}");
    assert_eq!(repo.plan(["--base", &zero, "--on-missing-base", "all"]).built(), ["api", "worker"]);
    repo.git(["checkout", "--quiet", "--orphan", "other"]);
    repo.commit("other");
    let complaint = repo.run(["plan"]).failure();
    assert!(complaint.contains("no commit in common") && complaint.contains("--no-merge-base"), "{complaint}");
    assert_eq!(repo.plan(["--no-merge-base"]).built(), ["worker"]);
}

#[test]
fn a_rewritten_branch_is_compared_with_the_very_commit_that_was_named() {
    let repo = with_branch();
    let before = repo.git(["rev-parse", "HEAD"]);
    repo.git(["reset", "--quiet", "--hard", "HEAD~1"]);
    repo.edit("cmd/api/main.go").commit("rewritten");
    assert_eq!(repo.plan(["--base", &before, "--no-merge-base"]).built(), ["api", "worker"]);
    assert_eq!(repo.plan(["--base", &before]).built(), ["api"]);
}

#[test]
fn outside_a_repository_there_is_nothing_to_plan() {
    let folder = Sandbox::folder();
    let run = Run::of(
        folder.program().args(["plan", "--all"]).env("GIT_CEILING_DIRECTORIES", folder.dir().parent().unwrap()),
    );
    let complaint = run.failure();
    assert!(complaint.contains("not") && complaint.contains("repository"), "{complaint}");
}
