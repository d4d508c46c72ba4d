//! What `buildplan run` does when the disk is full, a file is in the way, a builder is killed, the checkout moves, or
//! names try to be commands. After each: nothing is recorded that was not built, and the next run heals.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::run::{Builds, outcomes};
use crate::support::Run;

/// Runs the program with files of at most so many blocks of 512 bytes: what is written beyond fails, as on a full disk.
fn run_with_small_files(builds: &Builds, blocks: u32, arguments: &[&str]) -> Run {
    let program = builds.repo.program();
    let mut limited = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    limited.args(["-c", &script, "sh"]).arg(program.get_program()).args(["run", "--all"]).args(arguments);
    limited.current_dir(builds.repo.dir());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    Run::of(&mut limited)
}

const MUCH_OUTPUT: &str = "i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo \"line $i of a log that is too long\"; done";

#[test]
fn a_log_that_cannot_be_written_is_a_warning() {
    let builds = Builds::new("");
    builds.hook("build", "a", MUCH_OUTPUT);
    let run = run_with_small_files(&builds, 8, &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("warning: a/build: the log is not complete: File too large"), "{}", run.stderr);
    assert!(run.stdout.contains("3 built in "), "{}", run.stdout);
    builds.calls();
    assert_eq!(builds.run(&[]).code, 0);
    assert_eq!(builds.calls(), "");
}

#[test]
fn a_log_that_cannot_be_written_does_not_hide_why_a_build_failed() {
    let builds = Builds::new("");
    builds.hook("build", "a", &format!("{MUCH_OUTPUT}; echo main.go:7: undefined: x; exit 2"));
    let run = run_with_small_files(&builds, 8, &["a"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("  | main.go:7: undefined: x"), "{}", run.stdout);
}

#[test]
fn a_report_that_cannot_be_written_is_an_error_and_all_else_stands() {
    let builds = Builds::new("");
    let run = builds.run(&["--report", "/dev/full", "--report", "report.json"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.ends_with("error: cannot write /dev/full: No space left on device (os error 28)\n"), "{run:?}");
    assert_eq!((outcomes(&builds.report("report.json")).len(), run.stdout.contains("3 built in ")), (3, true));
    builds.calls();
    assert_eq!(builds.run(&[]).code, 0);
    assert_eq!(builds.calls(), "");
    // A report that is too large for the disk leaves the one before it.
    let before = builds.repo.read("report.json");
    let run = run_with_small_files(&builds, 1, &["--report", "report.json"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("error: cannot write report.json: "), "{}", run.stderr);
    assert_eq!(builds.repo.read("report.json"), before);
}

#[test]
fn a_failed_build_is_told_even_if_the_report_is_not() {
    let builds = Builds::new("");
    builds.hook("build", "a", "exit 2");
    let run = builds.run(&["a", "--report", "/dev/full"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("error: cannot write /dev/full"), "{}", run.stderr);
    assert!(run.stdout.contains("a/build failed"), "{}", run.stdout);
}

#[test]
fn a_report_that_never_could_be_written_is_refused_before_anything_is_built() {
    let builds = Builds::new("");
    let refused = builds.run(&["--report", "none/report.json"]).failure();
    assert_eq!(refused, "error: cannot write the report none/report.json: there is no folder none\n");
    let refused = builds.run(&["--report", "lib"]).failure();
    assert_eq!(refused, "error: cannot write the report lib: it is a folder\n");
    assert_eq!(builds.calls(), "");
}

#[test]
fn events_that_cannot_be_written_are_a_warning_and_a_full_standard_output_an_error() {
    let builds = Builds::new("");
    let run = builds.run(&["--events", "/dev/full"]);
    assert_eq!(run.code, 0);
    assert_eq!(run.stderr.matches("warning: the events are not complete: No space left on device").count(), 1);
    assert_eq!(builds.calls(), "build a, build b, build c");
    let mut program = builds.repo.program();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = program
        .args(["run", "--all", "--force", "c"])
        .stdout(full)
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
        .wait()
        .unwrap();
    assert_eq!(output.code(), Some(2));
    builds.calls();
    assert_eq!(builds.run(&[]).code, 0);
    assert_eq!(builds.calls(), "");
}

#[test]
fn without_a_ledger_that_can_be_written_everything_is_built_again() {
    let builds = Builds::new("");
    let folder = builds.repo.dir().join(".git/buildplan");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("ledger"), "in the way").unwrap();
    for _ in 0..2 {
        let run = builds.run(&["--push"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert!(run.stderr.contains("warning: cannot record a in "), "{}", run.stderr);
        assert_eq!(builds.calls().matches("build").count(), 3);
    }
    fs::remove_file(folder.join("ledger")).unwrap();
    assert_eq!(builds.run(&["--push"]).code, 0);
    builds.calls();
    assert_eq!(builds.run(&["--push"]).code, 0);
    assert_eq!(builds.calls(), "");
}

#[test]
fn without_a_place_for_the_lock_or_the_logs_nothing_is_built() {
    let builds = Builds::new("");
    let folder = builds.repo.dir().join(".git/buildplan");
    fs::write(&folder, "in the way").unwrap();
    let refused = builds.run(&[]).failure();
    assert!(refused.contains("error: cannot make sure that no other run is going on: "), "{refused}");
    fs::remove_file(&folder).unwrap();
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("runs"), "in the way").unwrap();
    let refused = builds.run(&[]).failure();
    assert!(refused.contains("error: cannot make a folder for the logs"), "{refused}");
    assert_eq!(builds.calls(), "");
    fs::remove_file(folder.join("runs")).unwrap();
    assert_eq!(builds.run(&[]).code, 0);
    assert_eq!(builds.calls(), "build a, build b, build c");
}

/// Logs and ledger are on a disk of 64 KiB, in a mount namespace that ends with the program.
#[test]
#[ignore = "needs a mount namespace"]
fn on_a_full_disk_nothing_is_recorded_that_was_not_built() {
    let builds = Builds::new("");
    builds.hook(
        "build",
        "a",
        "i=0; while [ $i -lt 5000 ]; do i=$((i+1)); echo \"line $i of a log that is too long\"; done",
    );
    let folder = builds.repo.dir().join(".git/buildplan");
    fs::create_dir(&folder).unwrap();
    let program = builds.repo.program();
    let mut limited = Command::new("unshare");
    let script = "mount -t tmpfs -o size=64k none .git/buildplan && \"$@\"; status=$?; \
                  cp -r .git/buildplan/ledger \"$0\" 2>/dev/null; exit $status";
    let copy = builds.state.join("ledger");
    limited.args(["--mount", "--map-root-user", "sh", "-c", script]).arg(&copy).arg(program.get_program());
    limited.args(["run", "--all", "-j", "1", "--report", "report.json"]).current_dir(builds.repo.dir());
    for (name, value) in program.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        limited.env(name, value);
    }
    let run = Run::of(limited.env_remove("CI"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("a/build: the log is not complete: No space left on device"), "{}", run.stderr);
    assert_eq!(outcomes(&builds.report("report.json")), ["a/build ok", "b/build ok", "c/build ok"]);
    // What is left of the ledger is believed only as far as it is whole: nothing is skipped that was not built.
    let _ = fs::remove_dir_all(folder.join("ledger"));
    if copy.exists() {
        fs::rename(&copy, folder.join("ledger")).unwrap();
    }
    let plan = builds.repo.plan(["--all"]);
    assert!(plan.note_kinds().iter().all(|kind| *kind != "ledger"), "{:?}", plan.note_kinds());
    builds.calls();
    assert_eq!(builds.run(&[]).code, 0);
    assert_eq!(builds.calls().split(", ").filter(|call| !call.is_empty()).count(), plan.built().len());
    assert_eq!(builds.run(&[]).code, 0);
    assert_eq!(builds.calls(), "");
}

#[test]
fn a_builder_that_is_killed_has_built_nothing() {
    for signal in ["KILL", "SEGV", "TERM"] {
        let builds = Builds::new("");
        builds.hook("build", "a", &format!("kill -{signal} $$; sleep 10"));
        let run = builds.run(&["a", "--report", "report.json"]);
        assert_eq!(run.code, 1);
        let report = builds.report("report.json");
        let attempt = &report["steps"][0]["attempts"][0];
        assert!(attempt["error"].as_str().unwrap().starts_with("sh was killed by signal "), "{attempt}");
        assert_eq!(attempt["exit_status"], Value::Null);
        builds.calls();
        builds.unhook("build", "a");
        assert_eq!(builds.run(&["a"]).code, 0);
        assert_eq!(builds.calls(), "build a");
    }
}

#[test]
fn a_build_that_reports_before_it_fails_has_built_nothing() {
    let builds = Builds::new("");
    let script = "printf '{\"digest\": \"sha256:%064d\"}' 0 > \"$BUILDPLAN_RESULT\"; exit 3";
    builds.hook("build", "a", script);
    assert_eq!(builds.run(&["a", "--push"]).code, 1);
    assert_eq!(builds.calls(), "build a");
    assert!(!builds.repo.run(["status"]).success().contains("sha256:"));
    assert_eq!(builds.repo.plan(["--all", "a"]).built(), ["a"]);
}

#[test]
fn head_may_move_while_it_builds_and_only_what_is_the_same_is_recorded() {
    let builds = Builds::new("");
    builds.repo.git(["checkout", "--quiet", "-b", "other"]);
    builds.repo.write("lib/lib.go", "package lib\n\nvar Other = 1\n").commit("other");
    builds.repo.git(["checkout", "--quiet", "main"]);
    // The first build moves the checkout to the other branch, in which a library of a and b differs.
    builds.hook("build", "a", "git checkout --quiet other");
    let run = builds.run(&["-j", "1", "--report", "report.json"]);
    assert_eq!(run.code, 1);
    let report = builds.report("report.json");
    assert_eq!(outcomes(&report), ["a/build failed", "b/build failed", "c/build ok"]);
    let error = |step: usize| report["steps"][step]["attempts"][0]["error"].as_str().unwrap().to_owned();
    let expected = "it is not what was planned any more: lib/lib.go";
    assert!(error(0).starts_with(expected) && error(0).ends_with("it is not recorded"), "{}", error(0));
    assert!(error(1).starts_with(expected), "{}", error(1));
    assert_eq!(builds.calls(), "build a, build c");
    builds.unhook("build", "a");
    assert_eq!(builds.run(&[]).code, 0);
    assert_eq!(builds.calls(), "build a, build b");
    builds.repo.git(["checkout", "--quiet", "main"]);
    assert_eq!(builds.repo.plan(["--all"]).built(), ["a", "b"]);
}

#[test]
fn a_commit_of_what_is_built_changes_nothing() {
    let builds = Builds::new("");
    builds.repo.write("lib/lib.go", "package lib\n\nvar New = 1\n");
    let commit = "git -c user.name=T -c user.email=t@example.com commit --quiet --all --message=moved";
    builds.hook("build", "a", commit);
    assert_eq!(builds.run(&["-j", "1"]).code, 0);
    builds.calls();
    assert_eq!(builds.run(&[]).code, 0);
    assert_eq!(builds.calls(), "");
}

#[test]
fn hostile_arguments_and_paths_arrive_as_data() {
    let builds = Builds::new("");
    let repo = &builds.repo;
    let folder = "img/-$(touch pwned) ; --x 'q' \"d\" `touch pwned` *";
    repo.write(format!("{folder}/Dockerfile"), "FROM scratch\n");
    repo.write(
        "show.sh",
        "for argument; do printf '%s\\n' \"$argument\"; done\nprintf '%s\\n' \"$BUILDPLAN_CONTEXT\"\n",
    );
    let quoted = |text: &str| Value::from(text).to_string();
    let hostile = ["; touch pwned", "$(touch pwned)", "-rf", "--", "a b", "'", "\"", "{nothing}", "\n", "*"];
    let arguments: Vec<String> = hostile.iter().map(|argument| quoted(argument)).collect();
    repo.write(
        "build-plan.toml",
        format!(
            "[services.x]\ndockerfile = {}\ncontext = {}\n\n[services.x.image]\nbuilder = \"command\"\n\
             command = [\"sh\", \"show.sh\", \"{{context}}\", \"{{dockerfile}}\", {}]\n",
            quoted(&format!("{folder}/Dockerfile")),
            quoted(folder),
            arguments.join(", ")
        ),
    );
    repo.commit("hostile");
    let run = builds.run(&["--events", "events.jsonl"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let events = repo.read("events.jsonl");
    let log = events.lines().find_map(|line| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["log"].as_str().map(str::to_owned)
    });
    let log = fs::read_to_string(log.unwrap()).unwrap();
    let printed: Vec<&str> = log.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    let context = repo.dir().join(folder).display().to_string();
    let mut expected = vec![context.clone(), format!("{context}/Dockerfile")];
    expected.extend(hostile.iter().flat_map(|argument| argument.split('\n')).map(str::to_owned));
    expected.push(context);
    assert_eq!(printed, expected);
    assert!(!repo.dir().join("pwned").exists());
}

#[test]
fn hostile_names_tags_and_repositories_are_refused() {
    let builds = Builds::new("");
    let config = builds.repo.read("build-plan.toml");
    for hostile in ["$(touch pwned)", "a b", "; touch pwned", "-rf", "--push", "'", "a\\nb"] {
        for (addition, key) in [
            (format!("[services.\"{hostile}\"]\npackage = \"cmd/a\"\n"), "service"),
            (format!("[services.a]\npackage = \"cmd/a\"\n[services.a.image]\ntags = [\"{hostile}\"]\n"), "tag"),
            (
                format!("[services.a]\npackage = \"cmd/a\"\n[services.a.image]\nrepository = \"{hostile}\"\n"),
                "repository",
            ),
        ] {
            builds.repo.write("build-plan.toml", format!("{config}\n{addition}"));
            let refused = builds.run(&["--push"]).failure();
            assert!(refused.contains(key), "{addition}: {refused}");
        }
    }
    assert_eq!(builds.calls(), "");
    assert!(!builds.repo.dir().join("pwned").exists());
}
