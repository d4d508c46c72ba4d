//! Plans as CI jobs: what each system gets, that hostile text arrives as data, and that others' validators take it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::support::{Run, Sandbox, testdata};

/// Text that one system or another would take for syntax.
const HOSTILE: &str = "a\"b'c\\ ${{ github.token }} $(touch x) $HOME `id` %0A %{x} ${y} << z >> [[ w ]] ü\n::error::no";

/// The JSON of a plan in which so many services have something to do, and one has not.
fn plan(services: usize, text: &str) -> Value {
    let service = |number: usize, decision: &str| {
        let name = format!("svc-{number:04}");
        json!({
            "name": name, "package": format!("ex.io/m/{name}"), "dir": format!("services/{text}{number}"),
            "decision": decision, "affected": true, "fingerprint": format!("{number:064x}"), "base_fingerprint": null,
            "digest": null, "weight": 1 + number % 3,
            "targets": [{"platform": "linux/amd64", "build_tags": [], "cgo": null}],
            "reasons": [{"kind": "go-file", "target": null, "chain": []}],
            "reason": format!("lib/{text}.go modified"), "cache_key": format!("{number:032x}"),
            "image": {
                "repository": format!("ghcr.io/acme/{name}"), "tags": [format!("v{number}"), "main"],
                "dockerfile": format!("services/{text}/Dockerfile"), "context": format!("services/{text}"),
                "target": null, "build_args": {"A": text}, "builder": "docker", "labels": {"team": text},
                "secrets": ["id=npm,src=.npmrc"], "ssh": [], "cache_from": [], "cache_to": [], "provenance": ["false"],
            },
        })
    };
    let mut all: Vec<Value> = (0..services).map(|number| service(number, "build")).collect();
    all.push(service(services, "skip"));
    let steps = (0..services).flat_map(|number| {
        let name = format!("svc-{number:04}");
        [
            json!({"id": format!("{name}/build"), "kind": "build", "service": name, "needs": []}),
            json!({"id": format!("{name}/push"), "kind": "push", "service": name, "needs": [format!("{name}/build")]}),
        ]
    });
    json!({
        "schema": "buildplan.plan.v1",
        "tool": {"name": "buildplan", "version": "0.1.0", "fingerprint_scheme": 1},
        "base": {"rev": "main", "commit": "c".repeat(40), "merge_base": true, "source": "flag"},
        "head": {"rev": null, "commit": "d".repeat(40), "tree": "e".repeat(40), "working_copy": false, "dirty": false},
        "ledger": {"store": "local"},
        "notes": [{"kind": "lock", "message": format!("a note {text}"), "service": null, "path": null}],
        "changed_files": [], "removed": [], "services": all, "steps": steps.collect::<Vec<_>>(),
        "summary": {"services": services + 1, "build": services, "skip": 1},
    })
}

/// A folder with a saved plan.
struct Saved(Sandbox);

impl Saved {
    fn new(plan: &Value) -> Self {
        let folder = Sandbox::folder();
        folder.write("plan.json", plan.to_string());
        Self(folder)
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.0.run(["matrix", "--plan", "plan.json"].iter().chain(arguments).copied())
    }

    #[track_caller]
    fn matrix(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.run(arguments).success()).unwrap()
    }
}

fn names(matrix: &Value) -> Vec<&str> {
    matrix["include"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect()
}

#[test]
fn without_work_every_system_gets_what_it_takes_for_that() {
    let saved = Saved::new(&plan(0, "x"));
    assert_eq!(saved.run(&[]).success(), "{\"include\":[]}\n");
    assert_eq!(saved.run(&["-o", "azure"]).success(), "{}\n");
    assert_eq!(saved.matrix(&["-o", "jenkins"]), json!([]));
    assert_eq!(
        saved.run(&["-o", "dotenv"]).success(),
        "BUILDPLAN_HAS_WORK=false\nBUILDPLAN_COUNT=0\nBUILDPLAN_SERVICES=\n"
    );
    assert_eq!(saved.matrix(&["-o", "gitlab"])["nothing to build"]["script"], json!(["echo nothing to build"]));
    assert_eq!(saved.matrix(&["-o", "buildkite"])["steps"].as_array().unwrap().len(), 1);
    assert_eq!(saved.matrix(&["-o", "circleci"])["workflows"]["build"]["jobs"], json!(["nothing"]));
    assert_eq!(saved.matrix(&["-o", "bake"])["group"]["default"]["targets"], json!([]));
    let matrix = saved.matrix(&["-o", "json"]);
    assert_eq!((&matrix["has_work"], &matrix["count"]), (&json!(false), &json!(0)));
    assert_eq!((saved.run(&["--exit-code"]).code, Saved::new(&plan(1, "x")).run(&["--exit-code"]).code), (0, 1));
}

#[test]
fn an_entry_has_what_a_job_needs() {
    let saved = Saved::new(&plan(2, "x"));
    let expected = json!({
        "name": "svc-0001", "service": "svc-0001", "shard": "", "services": ["svc-0001"], "push": true,
        "directory": "services/x1", "package": "ex.io/m/svc-0001", "image": "ghcr.io/acme/svc-0001",
        "tags": ["v1", "main"], "platforms": ["linux/amd64"], "fingerprint": format!("{:064x}", 1), "weight": 2,
        "cache_key": format!("{:032x}", 1), "reason": "lib/x.go modified",
    });
    assert_eq!(saved.matrix(&[])["include"][1], expected);
    assert_eq!(names(&saved.matrix(&["svc-0001"])), ["svc-0001"]);
    assert_eq!(names(&saved.matrix(&["svc-0002"])), [""; 0], "the plan skips it");
    assert!(saved.run(&["svc-0009"]).failure().contains("plan.json has no service `svc-0009`"));
    let schema: Value = serde_json::from_str(&saved.0.run(["schema", "matrix"]).success()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&saved.matrix(&["-o", "json"])));
    assert!(validator.is_valid(&saved.matrix(&["-o", "json", "--shards", "2"])));
}

#[test]
fn a_fresh_plan_and_a_saved_one_give_the_same_jobs() {
    let shop = Sandbox::copy_of("shop");
    shop.edit("libs/money/round.go").commit("change");
    for format in ["github", "gitlab", "json", "bake"] {
        let fresh = shop.run(["matrix", "--base", "HEAD~1", "-o", format]).success();
        shop.run(["plan", "--base", "HEAD~1", "-o", "json", "--write", "/dev/null"]).success();
        let file = shop.beside("plan.json").display().to_string();
        shop.run(["plan", "--base", "HEAD~1", "-o", "json", "--write", &file]).success();
        assert_eq!(shop.run(["matrix", "--plan", &file, "-o", format]).success(), fresh);
        assert!(fresh.contains("catalog"), "{fresh}");
    }
}

#[test]
fn more_jobs_than_a_system_takes_are_packed() {
    let saved = Saved::new(&plan(257, "x"));
    let matrix = saved.matrix(&[]);
    let shards = matrix["include"].as_array().unwrap();
    assert_eq!(shards.len(), 256);
    let mut all: Vec<&str> = shards
        .iter()
        .flat_map(|entry| entry["services"].as_array().unwrap())
        .map(|name| name.as_str().unwrap())
        .collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 257);
    assert_eq!(Saved::new(&plan(256, "x")).matrix(&[])["include"][0]["service"], "svc-0000");
    assert_eq!(names(&saved.matrix(&["--shards", "2"])), ["shard 1/2", "shard 2/2"]);
    assert_eq!(saved.matrix(&["-o", "gitlab"]).as_object().unwrap().len(), 257);
    // Every shard is told what `run --shard` does.
    let first = saved.matrix(&["--shard", "1/2"]);
    let packed = saved.matrix(&["--shards", "2"]);
    assert_eq!(json!(names(&first)), packed["include"][0]["services"]);
    // No output has more than a megabyte.
    let long = saved.run(&[]).success().len();
    let saved = Saved::new(&plan(250, &"long".repeat(2000)));
    let short = saved.run(&["--github-output"]);
    assert_eq!(short.code, 2, "{}", short.stderr);
    let packed = saved.run(&[]).success();
    assert!(long < 900_000 && packed.len() < 900_000, "{long} {}", packed.len());
    assert!(packed.contains("shard 1/"));
}

#[test]
fn hostile_text_arrives_as_data() {
    let saved = Saved::new(&plan(1, HOSTILE));
    let directory = format!("services/{HOSTILE}0");
    assert_eq!(saved.matrix(&[])["include"][0]["directory"], json!(directory));
    assert_eq!(saved.matrix(&["-o", "jenkins"])[0]["directory"], json!(directory));
    assert_eq!(saved.run(&[]).success().lines().count(), 1);
    let job = &saved.matrix(&["-o", "gitlab"])["build svc-0000"];
    assert_eq!(job["variables"]["BUILDPLAN_DIRECTORY"], json!({"value": directory, "expand": false}));
    let step = &saved.matrix(&["-o", "buildkite", "--command", "make \"$X\""])["steps"][0];
    assert_eq!(step["env"]["BUILDPLAN_DIRECTORY"], json!(directory.replace('$', "$$")));
    assert_eq!(step["command"], "make \"$$X\"");
    let call = &saved.matrix(&["-o", "circleci"])["workflows"]["build"]["jobs"][0]["build"];
    assert_eq!(call["directory"], json!(directory.replace("<<", "\\<<")));
    let azure = &saved.matrix(&["-o", "azure"])["build_svc_0000"];
    assert_eq!((&azure["BUILDPLAN_DIRECTORY"], &azure["BUILDPLAN_SERVICE"]), (&Value::Null, &json!("svc-0000")));
    let bake = &saved.matrix(&["-o", "bake"])["target"]["svc-0000"];
    assert_eq!(bake["labels"]["team"], json!(HOSTILE.replace("${", "$${").replace("%{", "%%{")));
    assert_eq!(bake["dockerfile"], "Dockerfile");
}

#[test]
fn github_outputs_are_appended_as_lines_and_notes_are_annotations() {
    let saved = Saved::new(&plan(2, HOSTILE));
    let (outputs, summary) = (saved.0.beside("output"), saved.0.beside("summary"));
    fs::write(&outputs, "before=1\n").unwrap();
    let mut program = saved.0.program();
    program.args(["matrix", "--plan", "plan.json", "--github-output"]);
    let run = Run::of(program.env("GITHUB_OUTPUT", &outputs).env("GITHUB_STEP_SUMMARY", &summary));
    let notes = run.stderr.clone();
    assert_eq!(run.code, 0, "{notes}");
    let matrix = run.stdout;
    let text = fs::read_to_string(&outputs).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines, ["before=1", &format!("matrix={}", matrix.trim_end()), "has-work=true", "count=2", "shards=[]"]);
    let summary = fs::read_to_string(summary).unwrap();
    assert!(summary.starts_with("### 2 services to build\n\n| job | why |"), "{summary}");
    assert_eq!(summary.lines().count(), 6, "{summary}");
    let notes: Vec<&str> = notes.lines().collect();
    assert!(notes.len() == 1 && notes[0].starts_with("::notice title=buildplan::a note"), "{notes:?}");
    assert!(notes[0].contains("%250A") && notes[0].ends_with("%0A::error::no"), "{notes:?}");
    assert!(saved.run(&["--github-output"]).failure().contains("needs $GITHUB_OUTPUT"));
}

#[test]
fn a_template_sees_the_jobs_and_the_plan_and_says_where_it_is_wrong() {
    let saved = Saved::new(&plan(1, HOSTILE));
    let filled = |source: &str| {
        saved.0.write("t", source);
        saved.run(&["-o", "template", "--template", "t"])
    };
    let all = "{% for job in matrix.include %}{{ job.directory | tojson }} {{ plan.head.commit }}\n{% endfor %}end\n";
    let expected = format!("{} {}\nend\n", json!(format!("services/{HOSTILE}0")), "d".repeat(40));
    let unescaped = |text: String| text.replace("\\u003c", "<").replace("\\u003e", ">").replace("\\u0027", "'");
    assert_eq!(unescaped(filled(all).success()), expected);
    let wrong = filled("a\n{{ matrix.nothing }}\n").failure();
    assert!(wrong.contains("t:2: undefined value"), "{wrong}");
    assert!(filled("{% for %}").failure().contains("t:1: syntax error"));
    assert_eq!(saved.run(&["-o", "template"]).code, 2);
}

/// The blocks of a document in a language, each with the file that the line before it names.
fn blocks(document: &str, language: &str) -> Vec<(Option<String>, String)> {
    let mut blocks = Vec::new();
    let mut named = None;
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        if line == format!("```{language}") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((named.take(), text.join("\n") + "\n"));
        } else if let Some(name) = line.strip_prefix('`').and_then(|rest| rest.strip_suffix("`:")) {
            named = Some(name.to_owned());
        }
    }
    blocks
}

fn recipe(name: &str) -> String {
    fs::read_to_string(testdata().join("../docs/ci").join(name)).unwrap()
}

/// The commands of the step with an `id`, or of the one that runs a command.
fn step(workflow: &str, marker: &str) -> String {
    let at = workflow.find(marker).unwrap();
    let after = &workflow[at..];
    let mut lines = after[after.find("run: |\n").unwrap()..].lines().skip(1);
    let first = lines.next().unwrap();
    let indent = first.len() - first.trim_start().len();
    let rest = lines.take_while(|line| line.len() > indent && line[..indent].trim().is_empty());
    let lines: Vec<&str> = std::iter::once(first).chain(rest).map(|line| &line[indent..]).collect();
    lines.join("\n") + "\n"
}

/// A shell that runs a step of a workflow as GitHub does, with the program on its path.
pub(crate) fn step_shell(repo: &Sandbox, script: &str) -> Command {
    let own = Path::new(env!("CARGO_BIN_EXE_buildplan")).parent().unwrap().to_owned();
    let folders = std::env::split_paths(&std::env::var_os("PATH").unwrap()).collect::<Vec<_>>();
    let mut shell = repo.program_of("bash");
    shell.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]);
    shell.env("PATH", std::env::join_paths(std::iter::once(own).chain(folders)).unwrap());
    shell
}

/// The step of the GitHub recipe that plans.
pub(crate) fn github_plan_step() -> String {
    step(&blocks(&recipe("github.md"), "yaml").remove(0).1, "- id: plan")
}

#[test]
fn the_gate_of_the_github_recipe_lets_nothing_through_that_was_not_built() {
    let gate = step(&blocks(&recipe("github.md"), "yaml").remove(0).1, "HAS_WORK: ${{");
    let folder = Sandbox::folder();
    let passes = |plan: &str, build: &str, work: &str| {
        let mut shell = step_shell(&folder, &gate);
        Run::of(shell.env("PLAN", plan).env("BUILD", build).env("HAS_WORK", work)).code == 0
    };
    assert!(passes("success", "success", "true") && passes("success", "skipped", "false"));
    for (plan, build, work) in [
        ("failure", "skipped", ""),
        ("success", "skipped", "true"),
        ("success", "skipped", ""),
        ("success", "failure", "true"),
        ("skipped", "skipped", "false"),
        ("cancelled", "success", "true"),
    ] {
        assert!(!passes(plan, build, work), "{plan} {build} {work}");
    }
}

/// Runs a validator, which must be content.
#[track_caller]
fn check(argv: &[&str]) {
    let output = Command::new(argv[0]).args(&argv[1..]).output();
    assert!(output.is_ok(), "there is no {}; scripts/test installs it", argv[0]);
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{argv:?}: {said}");
}

fn write(folder: &Sandbox, name: &str, text: &str) -> PathBuf {
    folder.write(name, text);
    folder.dir().join(name)
}

#[test]
#[ignore = "needs check-jsonschema and actionlint"]
fn what_is_generated_is_valid_for_the_validators_of_others() {
    for services in [0, 1, 3, 256, 257, 1000] {
        for text in ["x", HOSTILE] {
            let saved = Saved::new(&plan(services, text));
            for (format, schema) in
                [("gitlab", "vendor.gitlab-ci"), ("buildkite", "vendor.buildkite"), ("circleci", "vendor.circle-ci")]
            {
                let file = saved.0.dir().join(format!("{format}.json"));
                saved.run(&["-o", format, "--write", file.to_str().unwrap()]).success();
                check(&[
                    "check-jsonschema",
                    "--regex-variant",
                    "nonunicode",
                    "--builtin-schema",
                    schema,
                    file.to_str().unwrap(),
                ]);
            }
            if services == 0 {
                continue;
            }
            // Azure and GitHub get a matrix; it is valid if a pipeline with it is.
            let matrix = saved.matrix(&["-o", "azure"]);
            let job = json!({"job": "build", "strategy": {"matrix": matrix}, "steps": [{"bash": "true"}]});
            let file = write(&saved.0, "azure.json", &json!({"jobs": [job]}).to_string());
            check(&[
                "check-jsonschema",
                "--regex-variant",
                "nonunicode",
                "--builtin-schema",
                "vendor.azure-pipelines",
                file.to_str().unwrap(),
            ]);
            let matrix = saved.matrix(&[]);
            assert!(matrix["include"].as_array().unwrap().len() <= 256);
        }
    }
}

#[test]
#[ignore = "needs check-jsonschema and actionlint"]
fn the_recipes_are_valid_for_the_validators_of_others() {
    let folder = Sandbox::folder();
    let mut checked = 0;
    for (document, schema) in [
        ("github.md", "vendor.github-workflows"),
        ("gitlab.md", "vendor.gitlab-ci"),
        ("buildkite.md", "vendor.buildkite"),
        ("circleci.md", "vendor.circle-ci"),
        ("azure.md", "vendor.azure-pipelines"),
    ] {
        for (number, (name, text)) in blocks(&recipe(document), "yaml").into_iter().enumerate() {
            let file = write(&folder, &format!("{document}-{number}.yml"), &text);
            check(&[
                "check-jsonschema",
                "--regex-variant",
                "nonunicode",
                "--builtin-schema",
                schema,
                file.to_str().unwrap(),
            ]);
            if document == "github.md" {
                check(&["actionlint", "-shellcheck=", "-pyflakes=", file.to_str().unwrap()]);
            }
            assert!(name.is_some() || document == "github.md", "{document}: a block without the name of its file");
            checked += 1;
        }
    }
    assert_eq!(checked, 7);
    let action = testdata().join("../action.yml");
    check(&[
        "check-jsonschema",
        "--regex-variant",
        "nonunicode",
        "--builtin-schema",
        "vendor.github-actions",
        action.to_str().unwrap(),
    ]);
}

#[test]
#[ignore = "needs docker and buildx"]
fn bake_reads_what_is_generated() {
    for services in [0, 1, 3, 257] {
        let saved = Saved::new(&plan(services, HOSTILE));
        saved.0.write(".npmrc", "");
        saved.run(&["-o", "bake", "--write", "bake.json"]).success();
        let output = Command::new("buildx")
            .args(["bake", "--file", "bake.json", "--print"])
            .current_dir(saved.0.dir())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
        if services > 0 {
            assert_eq!(printed["target"].as_object().unwrap().len(), services);
            assert_eq!(printed["target"]["svc-0000"]["labels"]["team"], json!(HOSTILE));
        }
    }
}

#[test]
fn the_cache_key_changes_with_what_is_taken_from_outside_and_with_nothing_else() {
    let repo = Sandbox::empty();
    let module = |version: &str| format!("module ex.io/m\n\ngo 1.24\n\nrequire ex.org/x {version}\n");
    repo.write("go.mod", module("v1.0.0"));
    repo.write("go.sum", "ex.org/x v1.0.0 h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
    repo.write("cmd/a/main.go", "package main\n\nimport _ \"ex.org/x\"\n\nfunc main() {}\n");
    repo.write("cmd/b/main.go", "package main\n\nfunc main() {}\n").commit("base");
    let keys = || -> Vec<String> {
        let matrix: Value = serde_json::from_str(&repo.run(["matrix", "--all"]).success()).unwrap();
        let entries = matrix["include"].as_array().unwrap().iter();
        entries.map(|entry| entry["cache_key"].as_str().unwrap().to_owned()).collect()
    };
    let before = keys();
    assert!(before.iter().all(|key| key.len() == 32) && before[0] != before[1], "{before:?}");
    repo.edit("cmd/a/main.go").edit("cmd/b/main.go");
    assert_eq!(keys(), before);
    repo.write("go.mod", module("v1.1.0"));
    let after = keys();
    assert_ne!(after[0], before[0]);
    assert_eq!(after[1], before[1], "it takes nothing from outside");
}

/// Two services, of which `cart` starts from the image of `auth`.
fn chained() -> Sandbox {
    let repo = Sandbox::empty();
    repo.write("go.mod", "module ex.io/m\n\ngo 1.24\n");
    for (name, from) in [("auth", "scratch"), ("cart", "ghcr.io/acme/auth:latest"), ("web", "scratch")] {
        repo.write(format!("cmd/{name}/main.go"), "package main\n\nfunc main() {}\n");
        repo.write(format!("cmd/{name}/Dockerfile"), format!("FROM {from}\nCOPY main.go /\n"));
    }
    repo.write("build-plan.toml", "[image]\nrepository = \"ghcr.io/acme/{service}\"\n").commit("base");
    repo.edit("cmd/auth/main.go").commit("change");
    repo
}

#[test]
fn what_a_service_starts_from_is_built_before_it_in_the_same_job() {
    let repo = chained();
    let plan = |arguments: &[&str]| repo.plan(["--base", "HEAD~1", "--head", "HEAD"].iter().chain(arguments).copied());
    let both = ["auth/build", "auth/push auth/build", "cart/build auth/push", "cart/push cart/build"];
    assert_eq!(plan(&["--push"]).steps(), both);
    assert_eq!(plan(&["--push", "cart"]).steps(), both, "cart alone would start from the auth of before");
    assert_eq!(plan(&["cart"]).steps(), ["auth/build", "cart/build auth/build"]);
    assert_eq!(plan(&["auth"]).steps(), ["auth/build"]);
    let file = repo.beside("plan.json").display().to_string();
    repo.run(["plan", "--base", "HEAD~1", "-o", "json", "--write", &file]).success();
    for arguments in [&[][..], &["cart"], &["--shards", "2"], &["--shard", "1/2"]] {
        let run = repo.run(["matrix", "--plan", &file].iter().chain(arguments).copied());
        let matrix: Value = serde_json::from_str(&run.success()).unwrap();
        assert_eq!(matrix["include"].as_array().unwrap().len(), 1, "{arguments:?} {matrix}");
        assert_eq!(matrix["include"][0]["services"], json!(["auth", "cart"]), "{arguments:?}");
    }
    let refused = repo.run(["matrix", "--plan", &file, "-o", "bake"]).failure();
    assert!(refused.contains("service cart starts from the image of auth"), "{refused}");
    repo.replace("build-plan.toml", "[image]\n", "[image]\nbuilder = \"command\"\ncommand = [\"true\"]\n")
        .commit("command");
    let report = repo.beside("report.json").display().to_string();
    repo.run(["plan", "--base", "HEAD~1", "-o", "json", "--write", &file]).success();
    assert_eq!(repo.run(["run", "--plan", &file, "--report", &report, "cart"]).code, 0);
    let report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    let steps: Vec<&str> =
        report["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
    assert_eq!(steps, ["auth/build", "cart/build"]);
    let refused = repo.run(["matrix", "--plan", &file, "-o", "bake"]).failure();
    assert!(refused.contains("is built by a command"), "{refused}");
}
