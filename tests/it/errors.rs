//! Every complaint of the program in full: what is wrong, where, and what to do next. All end with status 2 and print
//! no data.

use insta::assert_snapshot;

use crate::support::{Run, Sandbox, without_ids};

/// What the program says when it is asked for a whole plan.
#[track_caller]
fn complaint(repo: &Sandbox) -> String {
    repo.run(["plan", "--all"]).failure()
}

/// What it says of a build-plan.toml.
#[track_caller]
fn config_complaint(text: &str) -> String {
    let repo = Sandbox::copy_of("single-module");
    repo.write("build-plan.toml", text);
    complaint(&repo)
}

#[test]
fn a_go_mod_that_go_refuses_is_named_with_line_and_column() {
    assert_snapshot!(complaint(&Sandbox::copy_of("broken-go-mod")), @"error: go.mod:5:1: unknown directive `requires`; go.mod has go, toolchain, module, godebug, require, exclude, replace, retract, tool, ignore");
}

#[test]
fn all_mistakes_of_a_go_mod_are_named_at_once() {
    let repo = Sandbox::copy_of("single-module");
    repo.write(
        "go.mod",
        "module example.com/notes\n\ngo 1.24\n\nrequire (\n\texample.org/a\n\texample.org/b v1.0\n)\nreplace x => \n",
    );
    assert_snapshot!(complaint(&repo), @"
    error: go.mod:6:2: write `require module/path v1.2.3`
    error: go.mod:9:1: write `replace module [v1.2.3] => other/module v1.4.0` or `… => ../folder`
    ");
}

#[test]
fn a_go_mod_without_a_module_line_is_named() {
    let repo = Sandbox::copy_of("single-module");
    repo.write("go.mod", "go 1.24\n");
    assert_snapshot!(complaint(&repo), @"error: go.mod:1:1: there is no module line; start the file with `module example.com/name`");
}

#[test]
fn a_go_work_that_go_refuses_is_named_with_line_and_column() {
    assert_snapshot!(complaint(&Sandbox::copy_of("broken-go-work")), @"error: go.work:4:1: unknown directive `usee`; go.work has go, toolchain, godebug, use, replace");
}

#[test]
fn a_use_without_a_module_names_the_line() {
    assert_snapshot!(complaint(&Sandbox::copy_of("missing-use")), @"error: go.work:5:2: use gone: there is no gone/go.mod; add the module or drop the line (go work edit -dropuse)");
}

#[test]
fn a_use_outside_the_repository_names_the_line() {
    let repo = Sandbox::copy_of("missing-use");
    repo.replace("go.work", "./gone", "../gone");
    assert_snapshot!(complaint(&repo), @"error: go.work:5:2: use ../gone: the folder lies outside the repository");
}

#[test]
fn an_unknown_key_names_the_nearest_known_one() {
    assert_snapshot!(config_complaint("version = 1\n\n[go]\nplatfroms = [\"linux/amd64\"]\n"), @"error: build-plan.toml:4:1: unknown key `platfroms` in `[go]` (did you mean `platforms`?)");
    assert_snapshot!(config_complaint("[service.api]\npackage = \"cmd/api\"\n"), @"error: build-plan.toml:1:2: unknown key `service` (did you mean `services`?)");
    assert_snapshot!(config_complaint("[services.api]\npackages = \"cmd/api\"\n"), @"error: build-plan.toml:2:1: unknown key `packages` in `[services.api]` (did you mean `package`?)");
    assert_snapshot!(config_complaint("colour = true\n"), @"error: build-plan.toml:1:1: unknown key `colour` (known keys: version, git, go, inputs, image, run, ledger, lint, services)");
}

#[test]
fn a_wrong_value_is_shown_with_what_is_allowed() {
    assert_snapshot!(config_complaint("version = 2\n"), @"error: build-plan.toml:1:11: this version of the configuration is not supported (this buildplan reads `version = 1`)");
    assert_snapshot!(config_complaint("[go]\ncgo = \"yes\"\n"), @"error: build-plan.toml:2:7: `go.cgo` must be true or false, found a string");
    assert_snapshot!(config_complaint("[go]\nplatforms = [\"linux\"]\n"), @"error: build-plan.toml:2:14: `linux` is not a platform; write it as `linux/amd64`");
    assert_snapshot!(config_complaint("[image]\nbuilder = \"dokcer\"\n"), @r#"error: build-plan.toml:2:11: `image.builder` must be `"docker"`, `"buildah"` or `"command"`, found `"dokcer"` (did you mean `"docker"`?)"#);
    assert_snapshot!(config_complaint("[inputs]\nglobal = [\"/etc/**\"]\n"), @"error: build-plan.toml:2:11: the pattern `/etc/**` is absolute; patterns are relative to the repository root");
    assert_snapshot!(config_complaint("[inputs]\nglobal = [\"a[\"]\n"), @"error: build-plan.toml:2:11: the pattern `a[` has a `[` without its `]`");
    assert_snapshot!(config_complaint("[image]\ntags = [\"{sha}\"]\n"), @"error: build-plan.toml:2:9: unknown placeholder `{sha}` (known here: `{service}`, `{fingerprint}`, `{branch}`, `{commit}`, `{short-commit}`)");
    assert_snapshot!(config_complaint("[run]\nbuild-timeout = \"5 parsecs\"\n"), @r#"error: build-plan.toml:2:17: `5 parsecs`: a duration has the units h, m, s and ms, with whole numbers (write it as `"90s"` or `"1h30m"`)"#);
}

#[test]
fn a_file_that_is_no_toml_is_named_with_line_and_column() {
    assert_snapshot!(config_complaint("version = 1\n[image\n"), @"error: build-plan.toml:2:7: unclosed table, expected `]`");
    assert_snapshot!(config_complaint("[services.api]\npackage = \"a\"\n\n[services.api]\npackage = \"b\"\n"), @"error: build-plan.toml:4:11: duplicate key");
}

#[test]
fn paths_of_a_service_stay_inside_the_repository() {
    assert_snapshot!(config_complaint("[services.api]\npackage = \"../api\"\n"), @"error: build-plan.toml:2:11: the path `../api` leaves the repository (paths are relative to the repository root)");
    assert_snapshot!(config_complaint("[services.api]\ndockerfile = \"/Dockerfile\"\n"), @"error: build-plan.toml:2:14: the path `/Dockerfile` is absolute (paths are relative to the repository root)");
}

#[test]
fn a_service_needs_something_to_build_and_a_name_that_is_safe() {
    assert_snapshot!(config_complaint("[services.api]\nweight = 2\n"), @"error: build-plan.toml:1:11: the service `api` has neither a package nor a Dockerfile (give it `package`, `dockerfile` or both)");
    assert_snapshot!(config_complaint("[services.\"a b\"]\npackage = \"cmd/api\"\n"), @"error: build-plan.toml:1:11: `a b` is not a service name (names are letters, digits, `.`, `_` and `-`, and begin with a letter or digit)");
}

#[test]
fn a_configured_package_must_be_a_program() {
    assert_snapshot!(complaint(&Sandbox::copy_of("not-main")), @"error: build-plan.toml:3:1: service lib: lib is package `lib`, not `main`; name the folder of a program");
    assert_snapshot!(config_complaint("[services.api]\npackage = \"cmd/apj\"\n"), @"error: build-plan.toml:1:1: service api: there is no folder cmd/apj");
    assert_snapshot!(config_complaint("[services.api]\npackage = \"cmd\"\n"), @"error: build-plan.toml:1:1: service api: cmd has no Go files for the configured platforms and tags");
    let repo = Sandbox::empty();
    repo.write("main.go", "package main\n").write("build-plan.toml", "[services.x]\npackage = \".\"\n").commit("base");
    assert_snapshot!(complaint(&repo), @"error: build-plan.toml:1:1: service x: . is in no Go module (no go.mod at or above it)");
}

#[test]
fn a_configured_dockerfile_must_exist() {
    assert_snapshot!(config_complaint("[services.api]\ndockerfile = \"cmd/api/Dockerfile\"\n"), @"error: build-plan.toml:1:1: service api: there is no Dockerfile at cmd/api/Dockerfile");
}

#[test]
fn a_workspace_must_exist_where_one_is_asked_for() {
    assert_snapshot!(config_complaint("[go]\nworkspace = \"on\"\n\n[services.api]\npackage = \"cmd/api\"\n"), @r#"error: build-plan.toml:4:1: service api: workspace = "on", but there is no go.work at or above cmd/api"#);
    assert_snapshot!(config_complaint("[go]\nworkspace = \"go.work\"\n\n[services.api]\npackage = \"cmd/api\"\n"), @"error: build-plan.toml:4:1: service api: there is no go.work at go.work");
}

#[test]
fn images_that_start_from_each_other_are_an_error() {
    let repo = Sandbox::empty();
    repo.write("build-plan.toml", "[image]\nrepository = \"r.example.com/{service}\"\n\n[services.a]\ndockerfile = \"a/Dockerfile\"\n\n[services.b]\ndockerfile = \"b/Dockerfile\"\n")
        .write("a/Dockerfile", "FROM r.example.com/b\n")
        .write("b/Dockerfile", "FROM r.example.com/a:latest\n")
        .commit("circle");
    assert_snapshot!(complaint(&repo), @"error: the images of a, b start from each other in a circle");
}

#[test]
fn an_unknown_service_names_the_nearest_known_one() {
    let repo = Sandbox::copy_of("workspace");
    assert_snapshot!(repo.run(["plan", "--all", "catalogue"]).failure(), @"
    error: there is no service `catalogue`
    hint: did you mean `catalog`?
    ");
    assert_snapshot!(repo.run(["why", "--all", "nothing-like-it"]).failure(), @"
    error: there is no service `nothing-like-it`
    hint: `buildplan plan -v` lists all services
    ");
    assert_snapshot!(repo.run(["inputs", "--all", "Cart"]).failure(), @"
    error: there is no service `Cart`
    hint: did you mean `cart`?
    ");
}

#[test]
fn a_broken_filter_is_named() {
    let repo = Sandbox::copy_of("single-module");
    assert_snapshot!(repo.run(["plan", "--all", "--filter", "a["]).failure(), @"error: --filter a[: the pattern `a[` has a `[` without its `]`");
    assert_snapshot!(repo.run(["plan", "--all", "--exclude", "../x"]).failure(), @"error: --exclude ../x: the pattern `../x` leads out of its folder with `..`");
}

#[test]
fn a_repository_without_services_is_no_error() {
    assert_snapshot!(without_ids(&Sandbox::copy_of("no-services").run(["plan", "--all"]).success()), @"
    the working copy (ID), without a base

    No services: there is no main package in a Go module here, and build-plan.toml names none.
    ");
}

#[test]
fn a_revision_that_does_not_exist_is_named() {
    let repo = Sandbox::copy_of("single-module");
    assert_snapshot!(repo.run(["plan", "--base", "origin/main"]).failure(), @"
    error: `origin/main` is not a revision of this repository
    hint: `git branch --all` and `git tag` list what there is; `git fetch` gets the rest
    ");
    assert_snapshot!(repo.run(["plan", "--all", "--head", "v1.0"]).failure(), @"
    error: `v1.0` is not a revision of this repository
    hint: `git branch --all` and `git tag` list what there is; `git fetch` gets the rest
    ");
    assert_snapshot!(repo.run(["plan", "--base", "HEAD:go.mod"]).failure(), @"
    error: `HEAD:go.mod` is not a commit
    hint: name a branch, a tag or a commit
    ");
    assert_snapshot!(repo.run(["plan", "--base", "--output"]).failure(), @"
    error: a value is required for '--base <REV>' but none was supplied

    For more information, try '--help'.
    ");
}

#[test]
fn bases_that_cannot_be_had_say_what_to_do() {
    let repo = Sandbox::copy_of("single-module");
    assert_snapshot!(without_ids(&repo.run(["plan"]).failure()), @"
    error: commit ID has no parent to compare with
    hint: pass `--base REV`, or `--all` to build everything
    ");
    assert_snapshot!(repo.run(["plan", "--base", &"0".repeat(40)]).failure(), @"
    error: the base is the zero id: nothing was there before this push
    hint: pass `--base REV` with the branch that this one started from, or `--all` to build everything
    ");
    repo.git(["checkout", "--quiet", "--orphan", "other"]);
    repo.commit("other");
    assert_snapshot!(repo.run(["plan"]).failure(), @"
    error: `main` and head have no commit in common
    hint: pass `--no-merge-base` to compare with it all the same, or `--all` to build everything
    ");
    repo.git(["branch", "--quiet", "-D", "main"]);
    assert_snapshot!(repo.run(["plan"]).failure(), @"
    error: there is no default branch to compare with: neither origin/HEAD nor main nor master exists
    hint: pass `--base REV`, or set `default-branch` under `[git]` in build-plan.toml
    ");
}

#[test]
fn a_push_needs_somewhere_to_go_and_a_tag_that_is_true() {
    let repo = Sandbox::copy_of("single-module");
    assert_snapshot!(repo.run(["plan", "--all", "--push"]).failure(), @r#"
    error: service api has no image repository to push to
    hint: set `[image] repository`, for example "ghcr.io/acme/{service}"
    "#);
    repo.write("build-plan.toml", "[image]\nrepository = \"r.example.com/{service}\"\ntags = [\"{commit}\"]\n");
    assert_snapshot!(repo.run(["plan", "--all", "--push"]).failure(), @"
    error: service api is tagged with the commit, but there are changes
    hint: commit them, or plan a commit with --head
    ");
    repo.write("build-plan.toml", "[image]\nrepository = \"https://r.example.com/{service}\"\n");
    assert_snapshot!(repo.run(["plan", "--all", "--push"]).failure(), @"error: build-plan.toml:2:14: the image repository `https://r.example.com/service` has a scheme; write it without");
}

#[test]
fn a_configuration_file_that_cannot_be_read_is_named() {
    let repo = Sandbox::copy_of("single-module");
    assert_snapshot!(repo.run(["plan", "--all", "--config", "gone.toml"]).failure(), @"error: cannot read gone.toml: No such file or directory (os error 2)");
    repo.write("other.toml", "[go]\ncgoo = true\n");
    assert_snapshot!(repo.run(["plan", "--all", "--config", "other.toml"]).failure(), @"error: other.toml:2:1: unknown key `cgoo` in `[go]` (did you mean `cgo`?)");
    repo.write("build-plan.toml/x", "");
    assert_snapshot!(complaint(&repo), @"error: build-plan.toml is not a regular file");
}

#[test]
fn files_on_the_command_line_are_relative_to_the_folder_of_dash_c() {
    let repo = Sandbox::copy_of("single-module");
    repo.write("below/plan.toml", "[services.only]\npackage = \"cmd/api\"\n");
    let arguments = ["-C", "below", "plan", "-q", "--all", "--config", "plan.toml", "--write", "names.txt"];
    assert_eq!((repo.run(arguments).success(), repo.read("below/names.txt")), (String::new(), "only\n".to_owned()));
}

#[test]
fn a_pipe_to_write_to_stays_a_pipe() {
    use std::io::Read as _;
    use std::os::unix::fs::FileTypeExt as _;

    let repo = Sandbox::copy_of("single-module");
    let pipe = repo.beside("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Opened both ways, it does not wait for the other side.
    let mut reader = std::fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    repo.run(["schema", "plan", "--write", pipe.to_str().unwrap()]).success();
    assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());
    let mut start = [0];
    reader.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"{");
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let repo = Sandbox::copy_of("single-module");
    assert_snapshot!(repo.run(["plan", "--all", "--write", "gone/plan.txt"]).failure(), @"error: cannot write gone/plan.txt: entity not found");
}

#[test]
fn a_folder_that_is_no_repository_is_named() {
    let folder = Sandbox::folder();
    let run = |arguments: &[&str]| {
        let ceiling = folder.dir().parent().unwrap();
        Run::of(folder.program().args(arguments).env("GIT_CEILING_DIRECTORIES", ceiling)).failure()
    };
    assert_snapshot!(run(&["plan"]), @"
    error: `.` is not in a git repository
    hint: run buildplan inside a clone, or make a repository with `git init`
    ");
    assert_snapshot!(run(&["-C", "gone", "plan"]), @"
    error: `gone` is not in a git repository
    hint: run buildplan inside a clone, or make a repository with `git init`
    ");
}

#[test]
fn a_repository_without_commits_is_named() {
    assert_snapshot!(Sandbox::empty().run(["plan", "--all"]).failure(), @"
    error: the current branch has no commit yet
    hint: commit first, or check out a branch that has commits
    ");
}

#[test]
fn a_bare_repository_asks_for_a_head() {
    let bare = Sandbox::copy_of("single-module").clone_as("bare", &["--bare"]);
    assert_snapshot!(bare.run(["plan", "--all"]).failure(), @"
    error: the repository is bare: it has no working copy
    hint: pass `--head REV` to plan a commit
    ");
}

#[test]
fn a_shallow_clone_names_the_command_that_deepens_it() {
    let repo = Sandbox::copy_of("single-module");
    repo.edit("README.md").commit("second");
    let clone = repo.clone_as("clone", &["--depth=1"]);
    assert_snapshot!(without_ids(&clone.run(["plan"]).failure()), @"
    error: this shallow clone ends at commit ID: its parent is not here
    hint: run `git fetch --deepen=1`, or clone with a depth of 2 or more, or pass `--deepen`
    ");
    assert_snapshot!(clone.run(["plan", "--base", "HEAD~1"]).failure(), @"
    error: `HEAD~1` is not a revision of this repository
    hint: this is a shallow clone: run `git fetch --deepen=100` or `git fetch --unshallow`, or pass `--deepen`
    ");
}

#[test]
fn usage_errors_end_like_all_others() {
    let repo = Sandbox::copy_of("single-module");
    assert_snapshot!(repo.run(["plan", "--bass", "main"]).failure(), @"
    error: unexpected argument '--bass' found

      tip: a similar argument exists: '--base'

    Usage: buildplan plan --base <REV> [SERVICE]...

    For more information, try '--help'.
    ");
    assert_snapshot!(repo.run(["plan", "--all", "--base", "main"]).failure(), @"
    error: the argument '--all' cannot be used with '--base <REV>'

    Usage: buildplan plan --all [SERVICE]...

    For more information, try '--help'.
    ");
    assert_snapshot!(repo.run(["pln"]).failure(), @"
    error: unrecognized subcommand 'pln'

      tip: some similar subcommands exist: 'lint', 'plan'

    Usage: buildplan [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
}
