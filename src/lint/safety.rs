//! The rules about what others could abuse: `root-user`, `secret-in-variable`.

use std::collections::BTreeSet;

use super::base_image::Kind;
use super::subject::{Subject, final_user};
use super::{Advised, Findings};
use crate::config::LintRule;
use crate::docker::{Action, Certainty, Instruction};

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    root_user(subject, findings);
    secrets(subject, findings);
}

fn root_user(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let base = subject.final_base();
    let (line, message) = match final_user(subject) {
        Some((instruction, user)) => {
            let name = user.text.split(':').next().unwrap_or_default();
            let is_root = matches!(name, "root" | "0") && user.certainty != Certainty::Unknown;
            if !is_root {
                return;
            }
            (instruction.line, format!("`USER {}` is the last one, so the program runs as root", user.text))
        }
        None => {
            let is_for_tools = base.kind() == Kind::Go && subject.builds().is_empty() || !subject.starts_something();
            let is_root = base.runs_as_root() == Some(true) && !is_for_tools;
            let Some(stage) = subject.final_stage().filter(|_| is_root) else { return };
            (stage.line, format!("no USER is set and `{}` has none, so the program runs as root", base.text))
        }
    };
    findings.add(LintRule::RootUser, line, Advised {
        message,
        reason: "whoever takes over the program is root in the container, one flaw of the kernel or one mounted folder \
                 away from the host; clusters with restricted pod security refuse to start it"
            .to_owned(),
        gain: "a break-in that stays in the container".to_owned(),
        fix: "USER 65532:65532 before ENTRYPOINT (a number needs no entry in /etc/passwd); below port 1024 it can listen \
              where Docker or Kubernetes runs it"
            .to_owned(),
    });
}

fn secrets(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let mut seen = BTreeSet::new();
    let instructions = subject.file.arguments.iter().chain(subject.steps().map(|step| step.instruction));
    for Instruction { line, action, .. } in instructions {
        let (verb, name, is_set) = match action {
            Action::Arg { name, .. } => ("ARG", name, true),
            Action::Env(name, value) => ("ENV", name, !value.text.is_empty()),
            _ => continue,
        };
        if !is_set || !is_secret(name) || !seen.insert(name) {
            continue;
        }
        let id = name.to_ascii_lowercase();
        let (reason, fix) = match verb {
            "ARG" => (
                "build arguments are in the history of the image, in provenance attestations and in the caches that are \
                 pushed: whoever pulls those can read it",
                format!("RUN --mount=type=secret,id={id},env={name} …, built with `--secret id={id},env={name}`"),
            ),
            _ => (
                "variables are in the configuration of the image: whoever pulls it can read it",
                format!("set {name} where the container is started, or mount it as a file"),
            ),
        };
        findings.add(
            LintRule::SecretInVariable,
            *line,
            Advised {
                message: format!("`{verb} {name}` looks like a secret"),
                reason: reason.to_owned(),
                gain: "a secret that stays one".to_owned(),
                fix,
            },
        );
    }
}

/// Whether a variable is named like a secret, and not like a place where one is.
fn is_secret(name: &str) -> bool {
    const SECRETS: [&str; 12] = [
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "SECRET",
        "TOKEN",
        "APIKEY",
        "API_KEY",
        "ACCESS_KEY",
        "PRIVATE_KEY",
        "SECRET_KEY",
        "CREDENTIALS",
        "CREDENTIAL",
    ];
    let name = name.to_ascii_uppercase();
    SECRETS.iter().any(|secret| name.strip_suffix(secret).is_some_and(|rest| rest.is_empty() || rest.ends_with('_')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::{findings, lines_with};

    #[test]
    fn programs_do_not_run_as_root() {
        #[track_caller]
        fn check(stage: &str, expected: &[usize]) {
            let dockerfile = format!("{stage}CMD [\"/app\"]\n");
            assert_eq!(lines_with(LintRule::RootUser, &dockerfile, ""), expected, "{stage}");
        }
        check("FROM scratch\n", &[1]);
        check("FROM alpine:3.20\nUSER app\n", &[]);
        check("FROM alpine:3.20\nUSER 65532:65532\n", &[]);
        check("FROM alpine:3.20\nUSER app\nRUN x\nUSER root\n", &[4]);
        check("FROM alpine:3.20\nUSER 0:0\n", &[2]);
        check("FROM alpine:3.20\nARG U\nUSER $U\n", &[]);
        check("FROM alpine:3.20\nARG U=0\nUSER $U\n", &[3]);
        check("FROM gcr.io/distroless/static\n", &[1]);
        check("FROM gcr.io/distroless/static:nonroot\n", &[]);
        check("FROM gcr.io/distroless/static:debug-nonroot\n", &[]);
        check("FROM cgr.dev/chainguard/static\n", &[]);
        check("FROM ex.io/our/base:1\n", &[]);
        check("FROM ex.io/our/base:1\nUSER root\n", &[2]);
        check("FROM alpine:3.20 AS base\nUSER app\nFROM base\n", &[]);
        check("FROM alpine:3.20 AS base\nFROM base\n", &[2]);
    }

    #[test]
    fn images_to_build_on_and_to_work_in_may_be_roots() {
        assert_eq!(lines_with(LintRule::RootUser, "FROM alpine:3.20\nRUN apk add --no-cache git\n", ""), [0_usize; 0]);
        assert_eq!(
            lines_with(LintRule::RootUser, "FROM golang:1.24\nCMD [\"go\", \"test\", \"./...\"]\n", ""),
            [0_usize; 0]
        );
    }

    #[test]
    fn secrets_are_no_variables() {
        #[track_caller]
        fn check(line: &str, expected: bool) {
            let dockerfile = format!("FROM alpine:3.20\n{line}\n");
            assert_eq!(!lines_with(LintRule::SecretInVariable, &dockerfile, "").is_empty(), expected, "{line}");
        }
        check("ARG GITHUB_TOKEN", true);
        check("ARG password=x", true);
        check("ENV DB_PASSWORD=hunter2", true);
        check("ENV A=1 AWS_SECRET_ACCESS_KEY=x", true);
        check("ENV DB_PASSWORD=", false);
        check("ENV DB_PASSWORD_FILE=/run/secrets/db", false);
        check("ARG TOKEN_URL", false);
        check("ENV MONKEY=1 TOKENIZER=x", false);
        check("ENV GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D", false);
        check("LABEL token=x", false);
        let dockerfile = "ARG NPM_TOKEN\nFROM alpine:3.20\nARG NPM_TOKEN\nENV NPM_TOKEN=$NPM_TOKEN\n";
        let found = findings(LintRule::SecretInVariable, dockerfile, "");
        assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [1]);
        assert!(found[0].fix.contains("--mount=type=secret,id=npm_token,env=NPM_TOKEN"));
    }
}
