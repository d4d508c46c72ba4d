//! `buildplan lint`: what it prints, how it ends, and how it is silenced.

use std::collections::BTreeSet;
use std::fs;

use buildplan::config::LintRule;
use buildplan::lint::about;
use insta::assert_snapshot;
use serde_json::Value;

use crate::support::{Run, Sandbox, testdata};

/// Two services that share a Dockerfile, and one that has its own.
fn shop() -> Sandbox {
    let repo = Sandbox::empty();
    repo.write("go.mod", "module example.com/shop\n\ngo 1.24\n\nrequire example.com/dep v1.0.0\n")
        .write("go.sum", "")
        .write("cmd/cart/main.go", "package main\n\nfunc main() {}\n")
        .write("cmd/web/main.go", "package main\n\nimport _ \"net/http\"\n\nfunc main() {}\n")
        .write("cmd/job/main.go", "package main\n\nfunc main() {}\n")
        .write(
            "Dockerfile",
            "FROM golang:1.23 AS build\nARG SERVICE\nCOPY . /src\nWORKDIR /src\n\
             RUN go build -o /app ./cmd/$SERVICE\n\nFROM scratch\nCOPY --from=build /app /app\nENTRYPOINT [\"/app\"]\n",
        )
        .write("cmd/job/Dockerfile", "FROM alpine:latest\nADD job.sh /\nUSER 65532\nENTRYPOINT [\"/job.sh\"]\n")
        .write(
            "build-plan.toml",
            "[services.cart]\npackage = \"cmd/cart\"\ndockerfile = \"Dockerfile\"\n\
             image = { build-args = { SERVICE = \"cart\" } }\n\n\
             [services.web]\npackage = \"cmd/web\"\ndockerfile = \"Dockerfile\"\n\
             image = { build-args = { SERVICE = \"web\" } }\n\n\
             [services.job]\npackage = \"cmd/job\"\ncontext = \"cmd/job\"\n",
        )
        .commit("base");
    repo
}

fn lint(repo: &Sandbox, arguments: &[&str]) -> Run {
    repo.run(["lint"].iter().chain(arguments).copied())
}

#[test]
fn advice_for_people() {
    let repo = shop();
    assert_snapshot!(lint(&repo, &["--deny", "floating-base"]).stdout);
    assert_snapshot!(lint(&repo, &["job", "-q"]).success(), @"
    cmd/job/Dockerfile:1: floating-base: `alpine:latest` is whatever was pushed last on the day of the build
    cmd/job/Dockerfile:2: add-for-copy: `ADD job.sh` copies files, which is what COPY is for
    ");
    let verbose = lint(&repo, &["-v"]).success();
    assert_eq!(verbose.matches("Gain: ").count(), verbose.matches("Fix: ").count());
}

#[test]
fn advice_for_scripts() {
    let json = lint(&shop(), &["job", "-o", "json", "--deny", "add-for-copy"]);
    assert_eq!(json.code, 1);
    assert_snapshot!(json.stdout);
}

#[test]
fn advice_for_github() {
    let found = lint(&shop(), &["job", "-o", "github", "--deny", "add-for-copy"]);
    assert_eq!(found.code, 1);
    assert_snapshot!(found.stdout);
}

#[test]
fn a_shared_dockerfile_is_looked_at_for_each_of_its_services() {
    let repo = shop();
    let findings = |arguments: &[&str]| -> Vec<(String, String)> {
        let text = lint(&repo, &[arguments, &["-o", "json"]].concat()).success();
        let document: Value = serde_json::from_str(&text).unwrap();
        let findings = document["findings"].as_array().unwrap().iter();
        let row = |finding: &Value| {
            let services: Vec<&str> =
                finding["services"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            (finding["rule"].as_str().unwrap().to_owned(), services.join(" "))
        };
        findings.map(row).filter(|(rule, _)| rule == "root-user" || rule == "dynamic-binary").collect()
    };
    let row = |rule: &str, services: &str| (rule.to_owned(), services.to_owned());
    // Only one of the programs opens sockets.
    assert_eq!(findings(&[]), [row("dynamic-binary", "web"), row("root-user", "cart web")]);
    assert_eq!(findings(&["cart"]), [row("root-user", "cart")]);
}

#[test]
fn denied_rules_decide_the_exit_status() {
    let repo = shop();
    let status = |arguments: &[&str]| lint(&repo, arguments).code;
    assert_eq!(status(&[]), 0);
    assert_eq!(status(&["--deny", "upx"]), 0);
    assert_eq!(status(&["--deny", "upx", "--deny", "root-user"]), 1);
    assert_eq!(status(&["job", "--deny", "root-user"]), 0);
    assert_eq!(status(&["--deny", "all"]), 1);
    assert_eq!(status(&["--deny", "root-usr"]), 2);
    assert_eq!(status(&["nobody"]), 2);
    let complaint = lint(&repo, &["--deny", "root-usr"]).stderr;
    assert!(complaint.contains("did you mean `root-user`?"), "{complaint}");
}

#[test]
fn the_configuration_allows_and_denies() {
    let repo = shop();
    let config = repo.read("build-plan.toml");
    let status = |lint_table: &str, arguments: &[&str]| {
        repo.write("build-plan.toml", format!("{config}\n[lint]\n{lint_table}\n"));
        lint(&repo, arguments).code
    };
    assert_eq!(status("deny = [\"root-user\"]", &[]), 1);
    assert_eq!(status("deny = [\"upx\"]", &[]), 0);
    assert_eq!(status("allow = [\"add-for-copy\", \"floating-base\"]", &["job", "--deny", "all"]), 0);
    assert_eq!(status("allow = [\"add-for-copy\", \"floating-base\"]", &["job", "--deny", "floating-base"]), 1);
    assert_eq!(status("allow = [\"add-for-copi\"]", &[]), 2);
}

#[test]
fn comments_silence_and_must_be_of_use() {
    let repo = shop();
    repo.write(
        "cmd/job/Dockerfile",
        "# buildplan: allow floating-base\nFROM alpine:latest\n# buildplan: allow add-for-copy\nADD job.sh /\n\
         USER 65532\nENTRYPOINT [\"/job.sh\"]\n",
    );
    assert_snapshot!(lint(&repo, &["job", "--deny", "all"]).success(), @"No advice on 1 Dockerfile (2 silenced).");
    repo.replace("cmd/job/Dockerfile", "ADD job.sh", "COPY job.sh");
    assert_snapshot!(
        lint(&repo, &["job", "-q"]).success(),
        @"cmd/job/Dockerfile:3: unused-allow: `add-for-copy` is allowed here, but there is nothing to allow"
    );
}

#[test]
fn a_repository_without_dockerfiles_has_no_advice() {
    assert_snapshot!(lint(&Sandbox::copy_of("no-services"), &[]).success(), @"No Dockerfiles: none of the services has one.");
}

#[test]
fn output_goes_to_a_file_whole() {
    let repo = shop();
    let printed = lint(&repo, &["-o", "github"]).success();
    assert_eq!(lint(&repo, &["-o", "github", "--write", "advice.txt"]).success(), "");
    assert_eq!(repo.read("advice.txt"), printed);
}

#[test]
fn every_rule_has_a_section_and_no_others() {
    let page = fs::read_to_string(testdata().join("../docs/lint.md")).unwrap();
    let (_, rules) = page.split_once("\n# The rules\n").unwrap();
    let mut seen = BTreeSet::new();
    for section in rules.split("\n## ").skip(1) {
        let (name, text) = section.split_once("\n\n").unwrap();
        let rule = LintRule::of(name).unwrap_or_else(|| panic!("docs/lint.md: there is no rule {name}"));
        let about = about(rule);
        let hadolint = match about.hadolint {
            [] => String::new(),
            names => format!(" hadolint: {}.", names.join(", ")),
        };
        let head = format!("Gain: {}.{hadolint} Reported at ", about.gain.as_str());
        assert!(text.starts_with(&head), "docs/lint.md, {name}: does not start with {head}");
        seen.insert(rule);
    }
    let missing: Vec<_> = LintRule::ALL.into_iter().filter(|rule| !seen.contains(rule)).collect();
    assert!(missing.is_empty(), "docs/lint.md does not describe {missing:?}");
}
