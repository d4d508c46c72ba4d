//! Clones that lack something: history, files, folders of the checkout, or the format that libgit2 knows. What can be
//! planned is planned as in a full clone; what cannot is an error that names the command that mends it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use serde_json::Value;

use crate::support::{Plan, Run, Sandbox};

/// A remote that gives out what is asked for: a library with many files, and a last commit that changes one of them, a
/// Dockerfile and a file that nobody reads.
fn remote() -> Sandbox {
    let repo = Sandbox::copy_of("single-module");
    serve(&repo);
    for number in 0..40 {
        repo.write(format!("internal/many/f{number}.go"), format!("package many\n\nconst C{number} = {number}\n"));
        repo.write(format!("docs/{number}.md"), format!("page {number}\n"));
    }
    repo.write("cmd/api/Dockerfile", "FROM scratch\nCOPY api /\n").write("cmd/worker/Dockerfile", "FROM scratch\n");
    repo.commit("many");
    repo.edit("internal/clean/clean.go").edit("docs/1.md").edit("cmd/worker/Dockerfile").commit("last");
    repo
}

fn serve(repo: &Sandbox) {
    for (key, value) in [("uploadpack.allowFilter", "true"), ("uploadpack.allowAnySHA1InWant", "true")] {
        repo.git(["config", key, value]);
    }
}

/// The objects that a clone has, with their kinds.
fn objects(repo: &Sandbox) -> BTreeSet<String> {
    let format = "--batch-check=%(objecttype) %(objectname)";
    repo.git(["cat-file", "--batch-all-objects", format]).lines().map(str::to_owned).collect()
}

/// How many packs came from a remote that has promised what is missing.
fn fetches(repo: &Sandbox) -> usize {
    let packs = fs::read_dir(repo.dir().join(".git/objects/pack")).unwrap().map(Result::unwrap);
    packs.filter(|pack| pack.path().extension().is_some_and(|extension| extension == "promisor")).count()
}

fn ids(repo: &Sandbox, revs: &[&str]) -> BTreeSet<String> {
    revs.iter().map(|rev| format!("blob {}", repo.git(["rev-parse", rev]))).collect()
}

/// The plan without what says which clone it is of.
fn decisions(plan: &Plan) -> (Value, Value, Value) {
    (plan.0["services"].clone(), plan.0["changed_files"].clone(), plan.0["base"]["commit"].clone())
}

/// What changes if a plan in it changed the repository: references, index, files.
fn state(repo: &Sandbox) -> (String, String, Vec<u8>) {
    let index = fs::read(repo.dir().join(".git/index")).unwrap_or_default();
    let refs = repo.git(["for-each-ref", "refs/heads", "refs/tags"]) + &repo.git(["rev-parse", "HEAD"]);
    (refs, repo.git(["status", "--porcelain"]), index)
}

#[test]
fn a_blobless_clone_fetches_the_old_contents_of_changed_files_and_no_others() {
    let remote = remote();
    let expected = decisions(&remote.plan(["--base", "HEAD~1"]));
    for ci in ["false", "true"] {
        let clone = remote.clone_as("clone", &["--filter=blob:none"]);
        let before = (objects(&clone), fetches(&clone), state(&clone));
        let plan = Plan::of(clone.program().args(["plan", "-o", "json", "--base", "HEAD~1"]).env("CI", ci));
        assert_eq!(decisions(&plan), expected);
        let fetched: BTreeSet<String> = objects(&clone).difference(&before.0).cloned().collect();
        assert_eq!(fetched, ids(&remote, &["HEAD~1:internal/clean/clean.go", "HEAD~1:cmd/worker/Dockerfile"]));
        assert_eq!((fetches(&clone) - before.1, state(&clone)), (1, before.2));
    }
}

#[test]
fn a_blobless_clone_without_a_checkout_fetches_what_is_read_in_one_go() {
    let remote = remote();
    let expected = decisions(&remote.plan(["--base", "HEAD~1", "--head", "HEAD"]));
    let clone = remote.clone_as("clone", &["--filter=blob:none", "--no-checkout"]);
    let before = fetches(&clone);
    assert_eq!(decisions(&clone.plan(["--base", "HEAD~1", "--head", "HEAD"])), expected);
    // One for head, and one for what base has besides.
    assert_eq!(fetches(&clone) - before, 2);
    let pages = (0..40).filter(|number| {
        let page = remote.git(["rev-parse", &format!("HEAD:docs/{number}.md")]);
        objects(&clone).contains(&format!("blob {page}"))
    });
    assert_eq!(pages.count(), 0);
}

#[test]
fn a_treeless_clone_fetches_the_folders_of_base_and_head_and_is_planned_like_any_other() {
    let remote = remote();
    let expected = decisions(&remote.plan(["--base", "HEAD~1", "--head", "HEAD"]));
    for options in [&["--filter=tree:0"][..], &["--filter=tree:0", "--no-checkout"]] {
        let clone = remote.clone_as("clone", options);
        let before = fetches(&clone);
        assert_eq!(decisions(&clone.plan(["--base", "HEAD~1", "--head", "HEAD"])), expected);
        assert!(fetches(&clone) - before <= 4, "{options:?}: {} fetches", fetches(&clone) - before);
        let pages = objects(&clone).iter().filter(|object| object.starts_with("blob")).count();
        assert!(pages < objects(&remote).iter().filter(|object| object.starts_with("blob")).count());
    }
}

#[test]
fn a_partial_clone_that_cannot_reach_its_remote_says_what_it_lacks() {
    let remote = remote();
    let clone = remote.clone_as("clone", &["--filter=blob:none"]);
    clone.git(["remote", "set-url", "origin", "file:///nonexistent/remote"]);
    let complaint = clone.run(["plan", "--base", "HEAD~1"]).failure();
    assert!(complaint.contains("this partial clone lacks object"), "{complaint}");
    assert!(complaint.contains("`git fetch`"), "{complaint}");
    // What needs nothing of the remote works.
    assert_eq!(clone.plan(["--base", "HEAD"]).built(), [""; 0]);
}

#[test]
fn a_base_that_is_not_in_a_partial_clone_is_not_fetched_unasked() {
    let remote = remote();
    let gone = remote.git(["rev-parse", "HEAD"]);
    remote.git(["reset", "--quiet", "--hard", "HEAD~1"]);
    for filter in ["--filter=blob:none", "--filter=tree:0"] {
        let clone = remote.clone_as("clone", &[filter]);
        let before = objects(&clone);
        let complaint = clone.run(["plan", "--base", &gone]).failure();
        assert!(complaint.contains(&format!("`git fetch origin {gone}`")), "{complaint}");
        assert_eq!(objects(&clone), before);
        let run = clone.run(["plan", "-q", "--deepen", "--no-merge-base", "--base", &gone]);
        assert_eq!((run.code, run.stdout.as_str()), (0, "worker\n"), "{}", run.stderr);
    }
}

#[test]
fn a_whole_clone_never_talks_to_its_remote() {
    let remote = remote();
    let clone = remote.clone_as("clone", &[]);
    clone.git(["remote", "set-url", "origin", "file:///nonexistent/remote"]);
    assert_eq!(clone.plan(["--base", "HEAD~1", "--deepen"]).built(), ["worker"]);
}

#[test]
fn a_shallow_clone_is_deepened_in_steps_until_the_merge_base_is_there() {
    let remote = remote();
    remote.git(["checkout", "--quiet", "-b", "feature"]);
    for number in 0..60 {
        remote.git(["commit", "--quiet", "--allow-empty", "--message", &number.to_string()]);
    }
    remote.edit("cmd/api/main.go").commit("api");
    remote.git(["checkout", "--quiet", "main"]);
    remote.write("cmd/api/main.go", "package main\n\nfunc main() { println() }\n").commit("drift");
    let clone = remote.clone_as("clone", &["--depth=1", "--no-single-branch", "--branch=feature"]);
    let complaint = clone.run(["plan"]).failure();
    assert!(complaint.contains("does not reach the merge base of `origin/main` and head"), "{complaint}");
    assert!(complaint.contains("`git fetch --deepen=100`") && complaint.contains("--deepen`"), "{complaint}");
    assert_eq!(clone.plan(["--on-missing-base", "all"]).built(), ["api", "worker"]);
    let before = (state(&clone), objects(&clone));
    let run = clone.run(["plan", "-o", "json", "--deepen"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let plan = Plan(serde_json::from_str(&run.stdout).unwrap());
    assert_eq!((plan.base(), plan.built()), ("default-branch origin/main merge-base".to_owned(), vec!["api"]));
    let said: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("--deepen=50") && said[1].contains("--deepen=200"), "{said:?}");
    assert_eq!(state(&clone), before.0);
    // Of all that, only commits and folders, and the one file that had to be read.
    let fetched: Vec<String> =
        objects(&clone).difference(&before.1).filter(|id| id.starts_with("blob")).cloned().collect();
    assert_eq!(fetched, ids(&remote, &["main~1:cmd/api/main.go"]).into_iter().collect::<Vec<_>>());
}

#[test]
fn a_remote_that_cannot_leave_files_out_is_deepened_all_the_same() {
    let remote = Sandbox::copy_of("single-module");
    remote.git(["config", "uploadpack.allowFilter", "false"]);
    remote.edit("cmd/api/main.go").commit("second");
    let clone = remote.clone_as("clone", &["--depth=1"]);
    let run = clone.run(["plan", "-q", "--deepen"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "api\n"), "{}", run.stderr);
    assert_eq!(run.stderr, "");
}

#[test]
fn deepening_for_a_named_base_gets_it() {
    let remote = remote();
    remote.git(["tag", "v1", "HEAD~2"]);
    let old = remote.git(["rev-parse", "HEAD~2"]);
    for rev in ["HEAD~2", &*old, "origin/old"] {
        remote.git(["branch", "--force", "old", "HEAD~2"]);
        let clone = remote.clone_as("clone", &["--depth=1"]);
        assert_eq!(clone.run(["plan", "--base", rev]).code, 2);
        let run = clone.run(["plan", "-o", "json", "--deepen", "--base", rev, "--no-merge-base"]);
        assert_eq!(run.code, 0, "{rev}: {}", run.stderr);
        let plan = Plan(serde_json::from_str(&run.stdout).unwrap());
        assert_eq!(plan.0["base"]["commit"], old.as_str(), "{rev}");
    }
}

#[test]
fn deepening_never_cuts_off_the_history_that_is_there() {
    let remote = remote();
    for name in ["one", "two", "three", "four"] {
        remote.edit("README.md").commit(name);
    }
    remote.git(["checkout", "--quiet", "-b", "feature"]);
    remote.edit("cmd/api/main.go").commit("feature");
    let clone = remote.clone_as("clone", &["--depth=4", "--branch=feature"]);
    let before = clone.git(["rev-list", "--count", "HEAD"]);
    let run = clone.run(["plan", "-q", "--deepen", "--base", "origin/main"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "api\n"), "{}", run.stderr);
    assert_eq!(clone.git(["rev-list", "--count", "HEAD"]), before);
}

#[test]
fn deepening_without_a_remote_or_to_no_end_says_so() {
    let remote = remote();
    let clone = remote.clone_as("clone", &["--depth=1"]);
    clone.git(["remote", "set-url", "origin", "file:///nonexistent/remote"]);
    let run = clone.run(["plan", "--deepen"]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    assert!(run.stderr.contains("--deepen could not mend that: git: '/nonexistent/remote'"), "{}", run.stderr);
    let run = clone.run(["plan", "-q", "--deepen", "--on-missing-base", "all"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "api\nworker\n"), "{}", run.stderr);
    clone.git(["remote", "remove", "origin"]);
    assert!(clone.run(["plan", "--deepen", "--base", "HEAD~1"]).stderr.contains("there is no remote to fetch from"));

    // A history that ends is not a history that is cut off.
    let other = remote.clone_as("clone", &["--depth=1", "--no-single-branch"]);
    other.git(["checkout", "--quiet", "--orphan", "other"]);
    other.commit("other");
    let run = other.run(["plan", "--deepen", "--base", "origin/main"]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    assert!(run.stderr.contains("no commit in common"), "{}", run.stderr);
}

#[test]
fn deepening_works_in_a_linked_worktree_and_touches_no_other() {
    let remote = remote();
    let clone = remote.clone_as("clone", &["--depth=1"]);
    let linked = clone.beside("linked");
    clone.git(["worktree", "add", "--quiet", "--detach", linked.to_str().unwrap()]);
    let before = state(&clone);
    let run = Run::of(clone.program().current_dir(&linked).args(["plan", "-q", "--deepen"]));
    assert_eq!((run.code, run.stdout.as_str()), (0, "worker\n"), "{}", run.stderr);
    assert_eq!(state(&clone), before);
}

#[test]
fn a_sparse_checkout_is_planned_like_a_whole_one() {
    let remote = remote();
    let expected = decisions(&remote.plan(["--base", "HEAD~1"]));
    for (name, options) in [
        ("cone", &["set", "--cone", "cmd/api"][..]),
        ("sparse index", &["set", "--cone", "--sparse-index", "cmd/api"]),
        ("patterns", &["set", "--no-cone", "/cmd/api/", "/go.mod"]),
    ] {
        for filter in [None, Some("--filter=blob:none")] {
            let sparse = remote.clone_as("clone", &filter.into_iter().chain(["--no-checkout"]).collect::<Vec<_>>());
            sparse.git(["sparse-checkout"].iter().chain(options).copied());
            sparse.git(["checkout", "--quiet", "main"]);
            assert!(!sparse.dir().join("internal/clean/clean.go").exists(), "{name}");
            for ci in ["false", "true"] {
                let plan = Plan::of(sparse.program().args(["plan", "-o", "json", "--base", "HEAD~1"]).env("CI", ci));
                assert_eq!(decisions(&plan), expected, "{name}, {filter:?}, CI={ci}");
                assert_eq!(plan.0["head"]["dirty"], false, "{name}, {filter:?}, CI={ci}");
            }
            // What is there is looked at as ever.
            sparse.edit("cmd/api/main.go");
            assert_eq!(sparse.plan(["--base", "HEAD"]).built(), ["api"], "{name}, {filter:?}");
        }
    }
}

#[test]
fn a_file_that_git_was_told_not_to_look_at_is_not_deleted() {
    let repo = remote();
    repo.git(["update-index", "--skip-worktree", "internal/clean/clean.go"]);
    repo.remove("internal/clean/clean.go");
    let plan = repo.plan(["--base", "HEAD"]);
    assert_eq!((plan.built(), &plan.0["head"]["dirty"]), (vec![], &false.into()));
    repo.git(["update-index", "--no-skip-worktree", "internal/clean/clean.go"]);
    assert_eq!(repo.plan(["--base", "HEAD"]).built(), ["worker"]);
}

#[test]
fn the_default_branch_is_that_of_origin_or_of_the_only_remote() {
    let shared = remote();
    let fork = shared.clone_as("fork", &["--bare"]);
    shared.edit("README.md").commit("moved on");
    let clone = fork.clone_as("clone", &[]);
    clone.git(["remote", "add", "upstream", &format!("file://{}", shared.dir().display())]);
    clone.git(["fetch", "--quiet", "upstream"]);
    clone.git(["checkout", "--quiet", "-b", "feature", "upstream/main"]);
    clone.edit("cmd/api/main.go").commit("feature");
    // The fork lags behind: more is compared than need be, until somebody says which remote is meant.
    let plan = clone.plan([]);
    assert_eq!((plan.base().as_str(), plan.built()), ("default-branch origin/main", vec!["api"]));
    assert_eq!(plan.0["changed_files"].as_array().unwrap().len(), 2);
    let config = clone.beside("config.toml");
    fs::write(&config, "[git]\ndefault-branch = \"upstream/main\"\n").unwrap();
    let plan = clone.plan(["--config", config.to_str().unwrap()]);
    assert_eq!((plan.base().as_str(), plan.built()), ("default-branch upstream/main", vec!["api"]));
    assert_eq!(plan.0["changed_files"].as_array().unwrap().len(), 1);

    let renamed = shared.clone_as("renamed", &["--origin=company"]);
    renamed.git(["checkout", "--quiet", "-b", "feature"]);
    renamed.git(["branch", "-D", "main"]);
    renamed.edit("cmd/api/main.go").commit("feature");
    assert_eq!(renamed.plan([]).base(), "default-branch company/main");
    let complaint = renamed.run(["plan", "--base", "company/gone"]).failure();
    assert!(complaint.contains("`git fetch company gone:refs/remotes/company/gone`"), "{complaint}");
}

#[test]
fn variables_that_git_sets_for_a_hook_change_nothing() {
    let repo = remote();
    let expected = repo.plan(["--base", "HEAD~1"]);
    let hook = |variables: &[(&str, &str)]| {
        let mut command = repo.program();
        command.args(["plan", "-o", "json", "--base", "HEAD~1"]).envs(variables.iter().copied());
        Plan::of(&mut command)
    };
    assert_eq!(hook(&[("GIT_DIR", ".git"), ("GIT_INDEX_FILE", ".git/index")]), expected);
    // `git commit -a` has an index of its own while its hooks run.
    assert_eq!(
        hook(&[("GIT_DIR", ".git"), ("GIT_INDEX_FILE", ".git/next-index-1.lock"), ("GIT_PREFIX", "cmd/")]),
        expected
    );
    assert_eq!(hook(&[("GIT_WORK_TREE", "/nonexistent"), ("GIT_OBJECT_DIRECTORY", "/nonexistent")]), expected);
}

#[test]
fn a_work_tree_whose_repository_only_the_environment_knows_is_planned() {
    let repo = remote();
    let expected = decisions(&repo.plan(["--base", "HEAD~1"]));
    let git_dir = repo.beside("elsewhere.git");
    fs::rename(repo.dir().join(".git"), &git_dir).unwrap();
    let plan = Plan::of(
        repo.program()
            .args(["plan", "-o", "json", "--base", "HEAD~1"])
            .env("GIT_DIR", &git_dir)
            .env("GIT_WORK_TREE", repo.dir())
            .env("GIT_CEILING_DIRECTORIES", repo.dir().parent().unwrap()),
    );
    assert_eq!(decisions(&plan), expected);
}

#[test]
fn a_repository_of_somebody_else_names_the_setting_that_trusts_it() {
    let repo = remote();
    if fs::metadata(repo.dir()).unwrap().uid() != 0 {
        // Only the superuser can give files away.
        return;
    }
    let expected = decisions(&repo.plan(["--base", "HEAD~1"]));
    give_away(repo.dir());
    let complaint = repo.run(["plan", "--base", "HEAD~1"]).failure();
    assert!(complaint.contains("another user owns it"), "{complaint}");
    let folder = repo.dir().display();
    assert!(complaint.contains(&format!("`git config --global --add safe.directory {folder}`")), "{complaint}");
    // The setting is seen where libgit2 looks for it, and where only the program does.
    let home = repo.beside("home");
    fs::create_dir(&home).unwrap();
    let file = home.join(".gitconfig");
    fs::write(&file, format!("[safe]\n\tdirectory = {folder}\n")).unwrap();
    for name in [&["HOME", "GIT_CONFIG_GLOBAL"][..], &["GIT_CONFIG_GLOBAL"]] {
        let mut command = repo.program();
        command.args(["plan", "-o", "json", "--base", "HEAD~1"]);
        for name in name {
            command.env(name, if *name == "HOME" { home.as_path() } else { file.as_path() });
        }
        assert_eq!(decisions(&Plan::of(&mut command)), expected);
    }
}

fn give_away(path: &Path) {
    chown(path, Some(12345), Some(12345)).unwrap();
    for entry in [".git", ".git/config", ".git/index"] {
        chown(path.join(entry), Some(12345), Some(12345)).unwrap();
    }
}

/// The same tree and edits with SHA-1 and SHA-256: what is decided, without ids.
fn story_in(format: &str) -> Vec<Vec<String>> {
    let repo = Sandbox::with_format(format).with_tree("single-module");
    serve(&repo);
    let mut told = Vec::new();
    let mut tell = |plan: Plan| {
        let dirty = plan.0["head"]["dirty"].to_string();
        let files = plan.0["changed_files"].as_array().unwrap().iter();
        let files = files.map(|file| format!("{} {}", file["status"], file["path"]));
        let fingerprints = plan.services().into_iter().map(|name| plan.fingerprint(name).len().to_string());
        told.push(plan.story().into_iter().chain([plan.base(), dirty]).chain(files).chain(fingerprints).collect());
    };
    repo.write(".gitignore", "*.tmp.go\n/made/\n").write(".gitattributes", "*.txt text eol=crlf\n").commit("settings");
    repo.write("internal/clean/notes.txt", "a\r\n").link("internal/clean/link.go", "clean.go");
    repo.edit("internal/clean/clean.go").set_executable("cmd/api/main.go", true).commit("second");
    tell(repo.plan(["--base", "HEAD~1"]));
    tell(repo.plan(["--base", "HEAD~1", "--head", "HEAD"]));
    repo.edit("cmd/api/main.go").write("cmd/worker/x.tmp.go", "package main\n").write("made/x", "y").write("new", "x");
    repo.remove("internal/clean/link.go");
    tell(repo.plan(["--base", "HEAD"]));
    repo.git(["checkout", "--quiet", "--force", "main"]);
    repo.git(["clean", "-qfdx"]);
    repo.git(["tag", "--annotate", "v1", "--message", "first", "HEAD~1"]);
    tell(repo.plan(["--base", "v1"]));
    repo.git(["checkout", "--quiet", "-b", "feature", "HEAD~1"]);
    repo.edit("cmd/worker/main.go").commit("feature");
    tell(repo.plan([]));
    repo.git(["checkout", "--quiet", "main"]);
    tell(repo.plan([]));
    let shallow = repo.clone_as("shallow", &["--depth=1"]);
    assert!(shallow.run(["plan"]).failure().contains("shallow clone ends"));
    let deepened = shallow.run(["plan", "-o", "json", "--deepen"]);
    assert_eq!(deepened.code, 0, "{}", deepened.stderr);
    tell(Plan(serde_json::from_str(&deepened.stdout).unwrap()));
    let blobless = repo.clone_as("blobless", &["--filter=blob:none"]);
    let before = objects(&blobless);
    tell(blobless.plan(["--base", "HEAD~1"]));
    told.push(vec![objects(&blobless).difference(&before).count().to_string()]);
    told
}

#[test]
fn a_repository_with_sha_256_ids_is_planned_like_any_other() {
    assert_eq!(story_in("sha256"), story_in("sha1"));
}

#[test]
fn a_repository_with_a_reftable_is_planned_like_any_other() {
    let repo = Sandbox::folder();
    let init = Run::of(repo.program_of("git").args(["init", "--quiet", "--ref-format=reftable"]));
    if init.code != 0 {
        // This Git is older than the format.
        return;
    }
    let repo = repo.with_tree("single-module");
    repo.edit("cmd/api/main.go").commit("second");
    let plan = repo.plan([]);
    assert_eq!((plan.base().as_str(), plan.built()), ("first-parent HEAD~1", vec!["api"]));
    repo.edit("cmd/worker/main.go");
    assert_eq!(repo.plan(["--base", "HEAD"]).built(), ["worker"]);
}

#[test]
fn a_rename_that_only_changes_the_case_is_a_rename() {
    let repo = remote();
    repo.rename("internal/clean/clean.go", "internal/clean/Clean.go").commit("case");
    let story = [
        "worker: go-file internal/clean/Clean.go added via worker > clean",
        "worker: go-file internal/clean/clean.go deleted (at base) via worker > clean",
    ];
    let mut told = repo.plan([]).story();
    told.sort();
    assert_eq!(told, story);
}

#[test]
fn of_several_merge_bases_one_is_taken() {
    let repo = remote();
    repo.git(["checkout", "--quiet", "-b", "left", "main~1"]);
    repo.edit("cmd/api/main.go").commit("left");
    repo.git(["checkout", "--quiet", "-b", "right"]);
    repo.git(["merge", "--quiet", "--no-edit", "main"]);
    repo.git(["checkout", "--quiet", "main"]);
    repo.git(["merge", "--quiet", "--no-edit", "--no-ff", "left"]);
    repo.git(["checkout", "--quiet", "right"]);
    repo.edit("cmd/worker/main.go").commit("right");
    assert_eq!(repo.git(["merge-base", "--all", "main", "right"]).lines().count(), 2);
    let plan = repo.plan([]);
    assert_eq!(plan.0["base"]["commit"], repo.git(["merge-base", "main", "right"]).as_str());
    assert!(plan.built().contains(&"worker"), "{:?}", plan.story());
}
