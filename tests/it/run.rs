//! What `buildplan run` does, leaves behind and recovers from, with real processes: a shell script builds, and hooks
//! beside the repository make it fail, hang or meddle.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::support::{Run, Sandbox};

/// Notes that it was called, does what the hook of the service says, and reports an image.
const SCRIPT: &str = r#"echo "$1 $2" >> "$3/calls"
echo "this is $1 of $2"
if [ -e "$3/$1-$2" ]; then . "$3/$1-$2"; fi
digest=$(printf %s "$2$BUILDPLAN_FINGERPRINT" | sha256sum | cut -c 1-64)
printf '{"reference": "local/%s", "digest": "sha256:%s", "size": 2048}' "$2" "$digest" > "$BUILDPLAN_RESULT"
"#;

/// Three programs, two of which share a package.
pub(crate) struct Builds {
    pub(crate) repo: Sandbox,
    pub(crate) state: PathBuf,
}

impl Builds {
    pub(crate) fn new(settings: &str) -> Self {
        let repo = Sandbox::empty();
        let state = repo.beside("state");
        fs::create_dir(&state).unwrap();
        let main = |import: &str| format!("package main\n\n{import}func main() {{}}\n");
        let library = "import _ \"ex.io/m/lib\"\n\n";
        repo.write("go.mod", "module ex.io/m\n\ngo 1.24\n").write("lib/lib.go", "package lib\n");
        repo.write("cmd/a/main.go", main(library))
            .write("cmd/b/main.go", main(library))
            .write("cmd/c/main.go", main(""));
        repo.write("work.sh", SCRIPT);
        let folder = state.display();
        let config = format!(
            "[image]\nbuilder = \"command\"\nrepository = \"localhost:5000/{{service}}\"\n\
             command = [\"sh\", \"work.sh\", \"build\", \"{{service}}\", \"{folder}\"]\n\
             push-command = [\"sh\", \"work.sh\", \"push\", \"{{service}}\", \"{folder}\"]\n{settings}"
        );
        repo.write("build-plan.toml", config);
        repo.commit("base");
        Self { repo, state }
    }

    /// Lets a step of a service do something more.
    pub(crate) fn hook(&self, step: &str, service: &str, script: &str) {
        fs::write(self.state.join(format!("{step}-{service}")), script).unwrap();
    }

    pub(crate) fn unhook(&self, step: &str, service: &str) {
        fs::remove_file(self.state.join(format!("{step}-{service}"))).unwrap();
    }

    /// The steps that were started since the last time, sorted.
    pub(crate) fn calls(&self) -> String {
        let path = self.state.join("calls");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(path);
        text.lines().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.repo.run(["run", "--all"].iter().chain(arguments).copied())
    }

    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        let mut program = self.repo.program();
        program.args(["run", "--all"]).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        program.spawn().unwrap()
    }

    /// Waits until a hook has made a file.
    #[track_caller]
    pub(crate) fn wait_for(&self, name: &str) -> String {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            match fs::read_to_string(self.state.join(name)) {
                Ok(text) if !text.is_empty() => return text.trim().to_owned(),
                _ => assert!(Instant::now() < until, "there is no {name}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn report(&self, name: &str) -> Value {
        serde_json::from_str(&self.repo.read(name)).unwrap()
    }
}

/// The outcome of each step.
pub(crate) fn outcomes(report: &Value) -> Vec<String> {
    let steps = report["steps"].as_array().unwrap().iter();
    steps.map(|step| format!("{} {}", step["id"].as_str().unwrap(), step["outcome"].as_str().unwrap())).collect()
}

#[track_caller]
pub(crate) fn check_gone(pid: &str) {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if state.is_empty() || state.contains(") Z ") {
            return;
        }
        assert!(Instant::now() < until, "process {pid} is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn send(child: &Child, signal: &str) {
    let status = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

pub(crate) fn finish(child: Child) -> (i32, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn what_is_built_is_not_built_again_and_a_change_builds_its_dependents() {
    let builds = Builds::new("");
    assert_eq!(builds.run(&[]).code, 0);
    assert_eq!(builds.calls(), "build a, build b, build c");
    assert_eq!(builds.run(&[]).code, 0);
    assert_eq!(builds.calls(), "");
    builds.repo.write("lib/lib.go", "package lib\n\nvar X = 1\n");
    assert_eq!(builds.repo.plan(["--all"]).built(), ["a", "b"]);
    assert_eq!(builds.run(&[]).code, 0);
    assert_eq!(builds.calls(), "build a, build b");
    // What it was before is built, too.
    builds.repo.write("lib/lib.go", "package lib\n");
    assert_eq!(builds.run(&[]).code, 0);
    assert_eq!(builds.calls(), "");
    assert_eq!(builds.run(&["--force", "c"]).code, 0);
    assert_eq!(builds.calls(), "build c");
    assert_eq!(builds.run(&["--ledger", "none", "c"]).code, 0);
    assert_eq!(builds.calls(), "build c");
}

#[test]
fn built_images_are_only_pushed_and_pushed_ones_only_tagged() {
    let builds = Builds::new("");
    assert_eq!(builds.run(&["a"]).code, 0);
    assert_eq!(builds.repo.plan(["--all", "--push", "a", "c"]).steps(), ["c/build", "c/push c/build", "a/push"]);
    let run = builds.run(&["a", "c", "--push", "-o", "images", "--report", "report.json"]);
    assert_eq!(builds.calls(), "build a, build c, push a, push c");
    let digests: Vec<&str> = run.stdout.lines().filter(|line| line.contains("@sha256:")).collect();
    assert!(digests[0].starts_with("localhost:5000/a@sha256:") && digests.len() == 2, "{digests:?}");
    assert_eq!(builds.run(&["a", "c", "--push"]).code, 0);
    assert_eq!(builds.calls(), "");
    builds.repo.replace("build-plan.toml", "[image]\n", "[image]\ntags = [\"{fingerprint}\", \"new\"]\n");
    assert_eq!(builds.repo.plan(["--all", "--push", "a"]).steps(), ["a/tag"]);
    assert_eq!(builds.run(&["a", "--push"]).code, 0);
    assert_eq!(builds.calls(), "push a");
    assert_eq!(builds.run(&["a", "--push"]).code, 0);
    assert_eq!(builds.calls(), "");
    let status = builds.repo.run(["status"]).success();
    assert_eq!(status.lines().filter(|line| line.contains("pushed")).count(), 2);
}

#[test]
fn a_failure_stops_only_what_needs_it_and_is_tried_again_the_next_time() {
    let builds = Builds::new("");
    builds.hook("build", "b", "echo main.go:7: undefined: x; exit 2");
    let run = builds.run(&["--push", "--report", "report.json", "--report", "report.md", "--report", "report.html"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("b/build failed: sh ended with exit status 2"), "{}", run.stdout);
    assert!(run.stdout.contains("  | main.go:7: undefined: x\n  all of it: "), "{}", run.stdout);
    assert_eq!(run.stdout.matches("exit status 2").count(), 1, "{}", run.stdout);
    assert!(run.stdout.contains("2 built, 2 pushed, 1 failed, 1 not started in "), "{}", run.stdout);
    let report = builds.report("report.json");
    assert_eq!(report["outcome"], "failed");
    let expected = ["a/build ok", "a/push ok", "b/build failed", "b/push skipped", "c/build ok", "c/push ok"];
    assert_eq!(outcomes(&report), expected);
    assert_eq!(report["steps"][2]["attempts"][0]["exit_status"], 2);
    assert!(builds.repo.read("report.md").contains("| b/build | failed |"));
    assert!(builds.repo.read("report.html").contains("<title>Failed: 2 built, 2 pushed, 1 failed, 1 not started in "));
    builds.calls();
    builds.unhook("build", "b");
    assert_eq!(builds.run(&["--push"]).code, 0);
    assert_eq!(builds.calls(), "build b, push b");
}

#[test]
fn a_report_is_what_its_schema_says() {
    let builds = Builds::new("");
    builds.hook("build", "b", "exit 2");
    assert_eq!(builds.run(&["--push", "--report", "report.json"]).code, 1);
    let schema: Value = serde_json::from_str(&builds.repo.run(["schema", "report"]).success()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let report = builds.report("report.json");
    let errors: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0]);
    let schema: Value = serde_json::from_str(&builds.repo.run(["schema", "status"]).success()).unwrap();
    let status: Value = serde_json::from_str(&builds.repo.run(["status", "-o", "json"]).success()).unwrap();
    assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&status));
}

#[test]
fn a_report_lists_the_images_that_were_skipped_and_how_sizes_changed() {
    let builds = Builds::new("");
    assert_eq!(builds.run(&["--push"]).code, 0);
    builds.repo.write("cmd/a/main.go", "package main\n\nfunc main() { println() }\n");
    builds.repo.replace("work.sh", "2048", "3072").commit("second");
    assert_eq!(builds.run(&["--push", "--report", "report.json", "--report", "report.md", "a", "b"]).code, 0);
    let report = builds.report("report.json");
    let shown = |image: &Value| format!("{} {} {}", image["decision"], image["size"], image["size_before"]);
    let images: Vec<String> = report["images"].as_array().unwrap().iter().map(shown).collect();
    assert_eq!(images, ["\"build\" 3072 2048", "\"build\" 3072 2048", "\"skip\" null null"]);
    assert!(builds.repo.read("report.md").contains("| 3.0 KiB | +1.0 KiB (+50.0 %) |"));
    let again = builds.run(&["--push", "--report", "again.json", "-o", "images"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    let report = builds.report("again.json");
    let images: Vec<String> = report["images"].as_array().unwrap().iter().map(shown).collect();
    assert_eq!(images, ["\"skip\" 3072 null", "\"skip\" 3072 null", "\"build\" 3072 2048"]);
    assert_eq!(again.stdout.lines().count(), 3, "{}", again.stdout);
}

#[test]
fn a_build_that_hangs_is_killed_with_all_that_it_started() {
    let builds = Builds::new("[run]\nbuild-timeout = \"1s\"\n");
    builds.hook("build", "c", "(trap '' TERM; sleep 300) & echo $! > \"$3/pid\"; sleep 300");
    let run = builds.run(&["c", "--report", "report.json"]);
    assert_eq!(run.code, 1);
    assert_eq!(outcomes(&builds.report("report.json")), ["c/build timed-out"]);
    check_gone(&builds.wait_for("pid"));
    builds.unhook("build", "c");
    assert_eq!(builds.run(&["c"]).code, 0);
}

#[test]
fn a_signal_stops_the_run_and_what_it_started_and_the_report_is_written() {
    for signal in ["-INT", "-TERM"] {
        let builds = Builds::new("");
        builds.hook("build", "b", "sleep 300 & echo $! > \"$3/pid\"; wait");
        let child = builds.spawn(&["--push", "-j", "1", "--report", "report.json"]);
        let pid = builds.wait_for("pid");
        send(&child, signal);
        assert_eq!(finish(child).0, 130);
        check_gone(&pid);
        let report = builds.report("report.json");
        assert_eq!(report["outcome"], "cancelled");
        let outcomes = outcomes(&report);
        assert!(outcomes.contains(&"b/build cancelled".to_owned()), "{outcomes:?}");
        assert!(outcomes.contains(&"c/build skipped".to_owned()), "{outcomes:?}");
        builds.calls();
        builds.unhook("build", "b");
        assert_eq!(builds.run(&[]).code, 0);
        assert_eq!(builds.calls(), "build b, build c");
    }
}

#[test]
fn a_second_signal_kills_what_does_not_heed_the_first() {
    let builds = Builds::new("");
    builds.hook("build", "c", "trap '' TERM INT; echo $$ > \"$3/pid\"; while :; do sleep 0.1; done");
    let child = builds.spawn(&["c"]);
    let pid = builds.wait_for("pid");
    send(&child, "-TERM");
    std::thread::sleep(Duration::from_millis(300));
    let started = Instant::now();
    send(&child, "-TERM");
    assert_eq!(finish(child).0, 130);
    assert!(started.elapsed() < Duration::from_secs(4));
    check_gone(&pid);
}

#[test]
fn a_run_that_was_killed_has_recorded_only_what_was_done() {
    let builds = Builds::new("");
    builds.hook("build", "b", "echo $$ > \"$3/pid\"; sleep 300");
    let child = builds.spawn(&["-j", "1"]);
    let pid = builds.wait_for("pid");
    send(&child, "-KILL");
    finish(child);
    assert!(std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    assert!(builds.repo.run(["status"]).success().contains("not finished"));
    builds.calls();
    builds.unhook("build", "b");
    assert_eq!(builds.repo.plan(["--all"]).built(), ["b", "c"]);
    assert_eq!(builds.run(&[]).code, 0);
    assert_eq!(builds.calls(), "build b, build c");
}

#[test]
fn two_runs_at_once_do_nothing_twice() {
    let builds = Builds::new("");
    builds.hook("build", "a", "echo x > \"$3/started\"; while [ ! -e \"$3/go\" ]; do sleep 0.05; done");
    let first = builds.spawn(&[]);
    builds.wait_for("started");
    let second = builds.spawn(&[]);
    std::thread::sleep(Duration::from_millis(300));
    fs::write(builds.state.join("go"), "x").unwrap();
    let ((first, _), (second, said)) = (finish(first), finish(second));
    assert_eq!((first, second), (0, 0));
    assert!(said.contains("another run has to end first: process "), "{said}");
    assert_eq!(builds.calls(), "build a, build b, build c");
    assert!(said.lines().all(|line| !line.contains("started")), "{said}");
}

#[test]
fn what_moved_before_or_during_a_build_is_not_recorded() {
    let builds = Builds::new("");
    let library = builds.repo.dir().join("lib/lib.go");
    let meddle = format!("echo 'package lib // {{}}' > {}", library.display());
    builds.hook("build", "a", &meddle);
    let run = builds.run(&["-j", "1", "--report", "report.json"]);
    assert_eq!(run.code, 1);
    let report = builds.report("report.json");
    assert_eq!(outcomes(&report), ["a/build failed", "b/build failed", "c/build ok"]);
    let error = |step: usize| report["steps"][step]["attempts"][0]["error"].as_str().unwrap().to_owned();
    assert_eq!(
        error(0),
        "it is not what was planned any more: lib/lib.go modified, while it was built; it is not recorded"
    );
    assert_eq!(error(1), "it is not what was planned any more: lib/lib.go modified");
    assert_eq!(builds.calls(), "build a, build c");
    builds.unhook("build", "a");
    assert_eq!(builds.run(&[]).code, 0);
    assert_eq!(builds.calls(), "build a, build b");
}

#[test]
fn damaged_records_are_not_believed() {
    let builds = Builds::new("");
    assert_eq!(builds.run(&[]).code, 0);
    builds.calls();
    let ledger = builds.repo.dir().join(".git/buildplan/ledger/1");
    let built = |service: &str| {
        let fingerprint = fs::read_dir(ledger.join(service)).unwrap().next().unwrap().unwrap().path();
        fingerprint.join("built")
    };
    let whole = fs::read(built("a")).unwrap();
    fs::write(built("a"), &whole[..whole.len() / 2]).unwrap();
    fs::write(built("b"), b"\0\x01\x02noise").unwrap();
    let plan = builds.repo.run(["plan", "--all", "-v"]).success();
    assert_eq!(plan.matches("was damaged and is dropped").count(), 2, "{plan}");
    assert_eq!(builds.run(&[]).code, 0);
    assert_eq!(builds.calls(), "build a, build b");
}

#[test]
fn a_push_is_tried_again_and_without_a_digest_it_does_not_count() {
    let builds = Builds::new("");
    builds.hook("push", "a", "if [ ! -e \"$3/once\" ]; then echo x > \"$3/once\"; echo no route; exit 1; fi");
    builds.hook("push", "b", "exit 0");
    let run = builds.run(&["a", "b", "--push", "--report", "report.json"]);
    assert_eq!(run.code, 0);
    let report = builds.report("report.json");
    let attempts = |step: usize| report["steps"][step]["attempts"].as_array().unwrap().len();
    assert_eq!((attempts(1), attempts(3)), (2, 1));
    assert_eq!((&report["images"][0]["pushed"], &report["images"][1]["pushed"]), (&true.into(), &false.into()));
    assert!(run.stderr.contains("b/push: no digest was reported"), "{}", run.stderr);
    builds.calls();
    assert_eq!(builds.run(&["a", "b", "--push"]).code, 0);
    assert_eq!(builds.calls(), "push b");
}

#[test]
fn the_first_failure_can_stop_everything() {
    let builds = Builds::new("");
    builds.hook("build", "a", "exit 1");
    builds.hook("build", "b", "sleep 300");
    let run = builds.run(&["--fail-fast", "-j", "2", "--report", "report.json"]);
    assert_eq!(run.code, 1);
    let report = builds.report("report.json");
    assert_eq!(
        (outcomes(&report).join(", "), &report["outcome"]),
        ("a/build failed, b/build cancelled, c/build skipped".to_owned(), &"failed".into())
    );
}

#[test]
fn a_dry_run_shows_command_lines_and_starts_nothing() {
    let builds = Builds::new("");
    let shown = builds.run(&["a", "--push", "--dry-run"]).success();
    let state = builds.state.display();
    assert_eq!(shown, format!("sh work.sh build a {state}\nsh work.sh push a {state}\n"));
    assert_eq!(builds.calls(), "");
    assert!(!builds.repo.dir().join(".git/buildplan").exists());
}

#[test]
fn only_what_is_checked_out_can_be_built() {
    let builds = Builds::new("");
    builds.repo.edit("lib/lib.go").commit("second");
    let refused = builds.run(&["--head", "HEAD~1"]).failure();
    assert!(refused.contains("what is built is the working copy"), "{refused}");
}

#[test]
fn where_nothing_can_build_nothing_begins() {
    let builds = Builds::new("");
    let programs = builds.repo.beside("programs");
    fs::create_dir(&programs).unwrap();
    let refusal = |builder: &str| {
        let from = builds.repo.read("build-plan.toml").lines().nth(1).unwrap().to_owned();
        builds.repo.replace("build-plan.toml", &from, &format!("builder = \"{builder}\""));
        let mut program = builds.repo.program();
        Run::of(program.args(["run", "--all"]).env("PATH", &programs)).failure()
    };
    assert!(refusal("docker").contains("there is no program `docker` here"));
    assert!(refusal("buildah").contains("there is neither `buildah` nor `podman` here"));
    let say = |script: &str| {
        fs::write(programs.join("docker"), format!("#!/bin/sh\n{script}\n")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(programs.join("docker"), mode).unwrap();
        refusal("docker")
    };
    let bare = say("echo 'ERROR: BuildKit is enabled but the buildx component is missing or broken.'; exit 1");
    assert!(bare.contains("cannot use BuildKit") && bare.contains("docker-buildx-plugin"), "{bare}");
    let down = say("case $1 in build) echo --secret;; *) echo 'Cannot connect to the Docker daemon'; exit 1; esac");
    assert!(down.contains("`docker` does not reach its daemon: Cannot connect to the Docker daemon"), "{down}");
    assert!(!builds.repo.dir().join(".git/buildplan").exists());
}

#[test]
fn events_tell_what_happens_as_it_happens() {
    let builds = Builds::new("");
    assert_eq!(builds.run(&["a", "--events", "events.jsonl"]).code, 0);
    let events: Vec<Value> =
        builds.repo.read("events.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["run-started", "step-started", "step-progress", "step-ended", "run-ended"]);
    assert!(events.is_sorted_by_key(|event| event["time"].as_u64().unwrap()));
    assert_eq!(events[2]["message"], "this is build of a");
    let log = fs::read_to_string(events[1]["log"].as_str().unwrap()).unwrap();
    assert!(log.ends_with(" this is build of a\n"), "{log}");
}

/// Saves the plan of everything, as a CI job hands it to others.
fn save_plan(builds: &Builds, arguments: &[&str]) -> String {
    let file = builds.repo.beside("plan.json").display().to_string();
    let saved = builds.repo.run(["plan", "--all", "-o", "json", "--write", &file].iter().chain(arguments).copied());
    assert_eq!(saved.code, 0, "{}", saved.stderr);
    file
}

#[test]
fn a_saved_plan_is_run_without_a_base_in_a_clone_that_has_none() {
    let builds = Builds::new("");
    builds.repo.write("lib/lib.go", "package lib\n\nvar X = 1\n").commit("change");
    let file = builds.repo.beside("plan.json").display().to_string();
    let saved = builds.repo.run(["plan", "--head", "HEAD", "-o", "json", "--write", &file]);
    assert_eq!(saved.code, 0, "{}", saved.stderr);
    let clone = builds.repo.clone_as("job", &["--depth=1"]);
    let run = |arguments: &[&str]| clone.run(["run", "--plan", &file].iter().chain(arguments).copied());
    assert_eq!(run(&["a"]).code, 0);
    assert_eq!(builds.calls(), "build a");
    // The plan skips it.
    assert_eq!(run(&["c"]).code, 0);
    assert_eq!(builds.calls(), "");
    let report = clone.beside("report.json");
    assert_eq!(run(&["--report", report.to_str().unwrap()]).code, 0);
    assert_eq!(builds.calls(), "build b", "what is recorded is not built again");
    let report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    let plan: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(report["plan"]["base"], plan["base"]["commit"]);
    assert_eq!(run(&["nobody"]).code, 2);
}

#[test]
fn a_saved_plan_is_refused_where_its_services_are_something_else() {
    let builds = Builds::new("");
    let file = save_plan(&builds, &["--head", "HEAD"]);
    builds.repo.write("lib/lib.go", "package lib\n\nvar Moved = 1\n");
    let moved = builds.repo.run(["run", "--plan", &file]);
    assert_eq!((moved.code, builds.calls()), (2, String::new()));
    assert!(moved.stderr.contains("service a is not what") && moved.stderr.contains("lib/lib.go"), "{}", moved.stderr);
    // What did not move can be done.
    assert_eq!(builds.repo.run(["run", "--plan", &file, "c"]).code, 0);
    assert_eq!(builds.calls(), "build c");
    builds.repo.commit("moved");
    let moved = builds.repo.run(["run", "--plan", &file, "a"]);
    assert!(moved.code == 2 && moved.stderr.contains("is checked out"), "{}", moved.stderr);
    // What a step does is never taken from the file.
    let plan =
        fs::read_to_string(&file).unwrap().replace("\"command\"", "\"docker\"").replace("localhost:5000", "evil");
    fs::write(&file, plan).unwrap();
    builds.repo.git(["checkout", "--quiet", "HEAD~1"]);
    assert_eq!(builds.repo.run(["run", "--plan", &file, "a"]).code, 0);
    assert_eq!(builds.calls(), "build a");
    fs::write(&file, "{\"schema\": \"buildplan.report.v1\"}").unwrap();
    let other = builds.repo.run(["run", "--plan", &file]);
    assert!(other.code == 2 && other.stderr.contains("buildplan.report.v1"), "{}", other.stderr);
}

#[test]
fn the_shards_of_a_plan_do_all_of_it_once() {
    let builds = Builds::new("");
    let file = save_plan(&builds, &[]);
    let mut done = Vec::new();
    for shard in ["1/2", "2/2"] {
        assert_eq!(builds.repo.run(["run", "--plan", &file, "--shard", shard]).code, 0);
        done.push(builds.calls());
    }
    assert_eq!(done, ["build a, build c", "build b"]);
    // Without a file, too, even though each shard finds less to do than the one before.
    builds.repo.write("lib/lib.go", "package lib\n\nvar X = 1\n");
    let mut done = Vec::new();
    for shard in ["2/3", "1/3", "3/3"] {
        assert_eq!(builds.run(&["--shard", shard]).code, 0);
        done.push(builds.calls());
    }
    assert_eq!(done, ["build b", "build a", ""]);
    assert_eq!(builds.run(&["--shard", "3/2"]).code, 2);
}

#[test]
fn a_rebuild_that_is_not_recorded_leaves_nothing_to_push() {
    let builds = Builds::new("");
    assert_eq!(builds.run(&["c"]).code, 0);
    builds.hook("build", "c", "echo '// edited' >> cmd/c/main.go");
    assert_eq!(builds.run(&["--force", "c"]).code, 1);
    builds.unhook("build", "c");
    builds.repo.git(["checkout", "--quiet", "."]);
    // The image that the older record names may be the one that was built of the edited file.
    assert_eq!(builds.repo.plan(["--all", "--push", "c"]).steps(), ["c/build", "c/push c/build"]);
}

#[test]
fn a_saved_plan_of_what_cannot_be_known_is_run_on_its_own_commit_only() {
    let builds = Builds::new("");
    builds
        .repo
        .write("go.mod", "module ex.io/m\n\ngo 1.24\n\nrequire ex.io/x v0.0.0\n\nreplace ex.io/x => ../elsewhere\n");
    builds.repo.write("cmd/c/main.go", "package main\n\nimport _ \"ex.io/x\"\n\nfunc main() {}\n").commit("outside");
    let file = save_plan(&builds, &["--head", "HEAD", "c"]);
    let plan: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let service = plan["services"].as_array().unwrap().iter().find(|service| service["name"] == "c").unwrap();
    assert_eq!(service["fingerprint"], Value::Null, "{service}");
    assert_eq!(builds.repo.run(["run", "--plan", &file]).code, 0);
    assert_eq!(builds.calls(), "build c");
    builds.repo.edit("cmd/c/main.go");
    assert_eq!(builds.repo.run(["run", "--plan", &file]).code, 2);
    builds.repo.commit("moved");
    assert_eq!((builds.repo.run(["run", "--plan", &file]).code, builds.calls()), (2, String::new()));
}
