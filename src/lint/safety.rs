//! The rules about what others could abuse: `root-user`, `secret-in-variable`.

use std::collections::BTreeSet;

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
            let Some(stage) = subject.final_stage().filter(|_| base.runs_as_root() == Some(true)) else { return };
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
