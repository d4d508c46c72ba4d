//! What `buildplan run` prints in CI systems: the log of each step, whole and folded, with nothing in it that the system
//! takes for a command.

use insta::assert_snapshot;

use crate::run::Builds;
use crate::support::Run;

/// Runs in a CI system that sets this variable.
fn run_in(builds: &Builds, variable: &str, arguments: &[&str]) -> Run {
    let mut program = builds.repo.program();
    Run::of(program.env(variable, "true").args(["run", "--all", "-j", "1"]).args(arguments))
}

/// Two services, the second of which fails; both try to command the CI system.
fn builds() -> Builds {
    let builds = Builds::new("");
    builds.hook(
        "build",
        "a",
        "printf '::add-mask::x\\n##vso[task.complete]x\\n--- x\\n\\033[0Ksection_end:1:a_build\\r\\n'",
    );
    builds.hook("build", "b", "printf '\\033[31mmain.go:7: undefined: x\\033[0m\\n'; exit 2");
    builds
}

/// What differs from run to run replaced: times, random words, the folder of the logs.
fn calm(text: &str) -> String {
    let mut calm = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(|character: char| character.is_ascii_digit()) {
        let (before, number) = rest.split_at(at);
        let word = |character: char| character.is_ascii_alphanumeric() || character == '.';
        let is_token = before.ends_with(|character: char| character.is_ascii_hexdigit());
        let (number, after) = number.split_at(number.find(|character| !word(character)).unwrap_or(number.len()));
        let before =
            if is_token { before.trim_end_matches(|character: char| character.is_ascii_hexdigit()) } else { before };
        calm += before;
        calm += if number.len() >= 10 || is_token || after.starts_with(" s") { "N" } else { number };
        rest = after;
    }
    calm + rest
}

#[test]
fn github() {
    let run = run_in(&builds(), "GITHUB_ACTIONS", &["a", "b"]);
    assert_eq!(run.code, 1);
    assert_snapshot!(calm(&run.stderr), @"
    a/build started
    ::group::a/build (N s, ok)
    ::stop-commands::N
    this is build of a
    ::add-mask::x
    ## vso[task.complete]x
    --- x
    section_end:1:a_build
    ::N::
    ::endgroup::
    b/build started
    ::group::b/build (N s, failed)
    ::stop-commands::N
    this is build of b
    main.go:7: undefined: x
    ::N::
    ::endgroup::
    ::error title=b/build failed::sh ended with exit status 2
    ");
}

#[test]
fn gitlab() {
    let run = run_in(&builds(), "GITLAB_CI", &["a", "b"]);
    assert_snapshot!(calm(&run.stderr).replace('\r', "<CR>").replace('\x1b', "<ESC>"), @"
    a/build started
    <ESC>[0Ksection_start:N:a_build[collapsed=true]<CR><ESC>[0Ka/build (N s, ok)
    this is build of a
    ::add-mask::x
    ## vso[task.complete]x
    --- x
    section_end:1:a_build
    <ESC>[0Ksection_end:N:a_build<CR><ESC>[0K
    b/build started
    <ESC>[0Ksection_start:N:b_build[collapsed=false]<CR><ESC>[0Kb/build (N s, failed)
    this is build of b
    main.go:7: undefined: x
    <ESC>[0Ksection_end:N:b_build<CR><ESC>[0K
    error: b/build failed: sh ended with exit status 2
    ");
}

#[test]
fn azure() {
    let run = run_in(&builds(), "TF_BUILD", &["a", "b"]);
    assert_snapshot!(calm(&run.stderr), @"
    a/build started
    ##[group]a/build (N s, ok)
    this is build of a
    ::add-mask::x
    ## vso[task.complete]x
    --- x
    section_end:1:a_build
    ##[endgroup]
    b/build started
    ##[group]b/build (N s, failed)
    this is build of b
    main.go:7: undefined: x
    ##[endgroup]
    ##vso[task.logissue type=error]b/build failed: sh ended with exit status 2
    ");
    // The end of the log of a failure is printed once more, where nothing stops commands.
    let builds = Builds::new("");
    builds.hook("build", "a", "echo 'x ##vso[task.setvariable variable=a]b'; exit 2");
    let run = run_in(&builds, "TF_BUILD", &["a"]);
    assert!(run.stdout.contains("x ## vso[task.setvariable"), "{}", run.stdout);
    assert_eq!(run.stderr.matches("##vso[").count(), 1, "{}", run.stderr);
}

#[test]
fn buildkite() {
    let run = run_in(&builds(), "BUILDKITE", &["a", "b"]);
    assert_snapshot!(calm(&run.stderr), @"
    --- a/build (N s, ok)
    this is build of a
    ::add-mask::x
    ## vso[task.complete]x
     --- x
    section_end:1:a_build
    +++ b/build (N s, failed)
    this is build of b
    main.go:7: undefined: x
    error: b/build failed: sh ended with exit status 2
    +++ what happened
    ");
}

#[test]
fn other_systems_get_a_line_for_each_step() {
    let run = run_in(&builds(), "CI", &["a", "b"]);
    assert_snapshot!(calm(&run.stderr), @"
    a/build started
    a/build done in N s
    b/build started
    error: b/build failed: sh ended with exit status 2
    ");
}

#[test]
fn a_quiet_run_shows_only_what_failed() {
    let run = run_in(&builds(), "GITHUB_ACTIONS", &["a", "b", "-q"]);
    assert!(run.stderr.starts_with("::group::b/build ("), "{}", run.stderr);
    assert_eq!((run.stderr.matches("::group::").count(), run.stderr.matches("started").count()), (1, 0));
}

#[test]
fn steps_at_the_same_time_do_not_interleave_and_a_long_log_is_cut() {
    let builds = Builds::new("");
    for service in ["a", "b", "c"] {
        let script = format!("i=0; while [ $i -lt 5000 ]; do i=$((i+1)); echo \"{service} $i\"; done");
        builds.hook("build", service, &script);
    }
    let mut program = builds.repo.program();
    let run = Run::of(program.env("GITHUB_ACTIONS", "true").args(["run", "--all", "-j", "3"]));
    assert_eq!(run.code, 0, "{}", run.stderr);
    let mut groups = 0;
    for group in run.stderr.split("::group::").skip(1) {
        let service = group.chars().next().unwrap();
        let lines: Vec<&str> = group.lines().collect();
        // The title and the token, the note, the log, the token, the end; then what others say may follow.
        assert!(lines[2].starts_with("(3001 lines before these: all of it is in /"), "{}", lines[2]);
        for (number, line) in lines[3..2003].iter().enumerate() {
            assert_eq!(*line, format!("{service} {}", number + 3001));
        }
        assert_eq!(lines[2004], "::endgroup::");
        groups += 1;
    }
    assert_eq!(groups, 3);
}
