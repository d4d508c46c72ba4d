//! The builder `command`: a program of the user's that reports by writing a file.

use std::ffi::OsString;
use std::path::Path;

use serde::Deserialize;

use crate::config::fill_template;
use crate::execute::builder::{BuildResult, Builder, Commands, Job, StepContext, StepError, scratch_folder};
use crate::execute::process::Invocation;
use crate::ledger::Image;
use crate::registry::is_digest;

/// Starts `[image] command` and `push-command`.
#[derive(Clone, Copy, Debug, Default)]
pub struct CommandBuilder;

/// What a program writes into the file that `BUILDPLAN_RESULT` names.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResultFile {
    reference: Option<String>,
    digest: Option<String>,
    size: Option<u64>,
}

/// More than any result has.
const LARGEST_RESULT: u64 = 64 * 1024;

impl Builder for CommandBuilder {
    fn build(&self, job: &Job, context: &mut StepContext<'_>) -> Result<BuildResult, StepError> {
        let image = run(&job.settings.command, job, None, context)?;
        Ok(BuildResult { image, ..BuildResult::default() })
    }

    fn push(&self, job: &Job, image: &Image, context: &mut StepContext<'_>) -> Result<Image, StepError> {
        if job.settings.push_command.is_empty() {
            return Err(StepError::failed("there is no `push-command` to push it with"));
        }
        // Whatever kept it from being pushed may have been the network.
        let pushed = run(&job.settings.push_command, job, Some(image), context).map_err(StepError::that_may_pass)?;
        Ok(Image {
            size: pushed.size.or(image.size),
            reference: pushed.reference.or(image.reference.clone()),
            ..pushed
        })
    }

    fn commands(&self, job: &Job) -> Commands {
        let command = |template: &[String]| match template {
            [] => Vec::new(),
            _ => vec![argv(template, job, None)],
        };
        Commands { build: command(&job.settings.command), push: command(&job.settings.push_command) }
    }
}

fn run(
    template: &[String],
    job: &Job,
    image: Option<&Image>,
    context: &mut StepContext<'_>,
) -> Result<Image, StepError> {
    let folder = scratch_folder()?;
    let result = folder.path().join("result.json");
    let mut environment = job.environment.clone();
    for (name, value) in variables(job, image) {
        environment.insert(format!("BUILDPLAN_{name}").into(), value.into());
    }
    environment.insert("BUILDPLAN_RESULT".into(), result.clone().into());
    let invocation = Invocation {
        argv: argv(template, job, image),
        dir: job.root.clone(),
        environment: environment.into_iter().collect(),
    };
    let mut last = String::new();
    let progress = context.progress;
    context.run(&invocation, &mut |line| {
        if !line.trim().is_empty() && line != last {
            progress(line);
            line.clone_into(&mut last);
        }
    })?;
    read_result(&result).map_err(StepError::failed)
}

/// The argument vector. A placeholder is filled within its argument: what it stands for never becomes another one.
fn argv(template: &[String], job: &Job, image: Option<&Image>) -> Vec<OsString> {
    let variables = variables(job, image);
    let value = |name: &str| {
        let known = variables.iter().find(|(variable, _)| variable.eq_ignore_ascii_case(name));
        known.map(|(_, value)| value.clone())
    };
    template.iter().map(|argument| fill_template(argument, value).into()).collect()
}

/// What a command is told, by placeholder and, in capitals after `BUILDPLAN_`, by environment variable.
fn variables(job: &Job, image: Option<&Image>) -> Vec<(&'static str, String)> {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let optional = |value: &Option<String>| value.clone().unwrap_or_default();
    let mut variables = vec![
        ("SERVICE", job.service.clone()),
        ("FINGERPRINT", optional(&job.fingerprint)),
        ("PACKAGE", optional(&job.package)),
        ("CONTEXT", path(&job.context)),
        ("DOCKERFILE", job.dockerfile.as_deref().map(path).unwrap_or_default()),
        ("PLATFORMS", job.platforms.join(",")),
        ("REPOSITORY", optional(&job.repository)),
        ("TAGS", job.tags.join(" ")),
    ];
    if let Some(image) = image {
        variables.push(("REFERENCE", optional(&image.reference)));
        variables.push(("DIGEST", optional(&image.digest)));
    }
    variables
}

/// What the program reported; nothing if it wrote no file.
fn read_result(path: &Path) -> Result<Image, String> {
    let about = |what: &str| format!("the result that it wrote to BUILDPLAN_RESULT {what}");
    let size = match std::fs::metadata(path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Image::default()),
        Err(error) => return Err(about(&format!("cannot be read: {error}"))),
    };
    if size > LARGEST_RESULT {
        return Err(about("is too large"));
    }
    let bytes = std::fs::read(path).map_err(|error| about(&format!("cannot be read: {error}")))?;
    let found: ResultFile =
        serde_json::from_slice(&bytes).map_err(|error| about(&format!("is not as it should be: {error}")))?;
    if let Some(digest) = found.digest.as_deref().filter(|digest| !is_digest(digest)) {
        return Err(about(&format!("has the digest {digest:?}, which is not `sha256:` and 64 hexadecimal digits")));
    }
    if found.reference.as_deref().is_some_and(|reference| !is_reference(reference)) {
        return Err(about("has a reference with characters that no reference has"));
    }
    Ok(Image { reference: found.reference, digest: found.digest, size: found.size })
}

fn is_reference(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"/:@._-+".contains(&byte);
    (1..=1024).contains(&text.len()) && !text.starts_with('-') && text.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(command: &[&str]) -> Job {
        let mut job = crate::execute::builder::tests::job();
        job.settings.command = command.iter().map(|word| (*word).to_owned()).collect();
        job.platforms.push("linux/arm64".into());
        job
    }

    #[test]
    fn a_placeholder_stays_within_its_argument() {
        let mut job = job(&["build", "--name={service}", "{platforms}", "{{.ID}}", "$(x) {nothing}"]);
        job.service = "a b; $(rm) --x".into();
        let commands = CommandBuilder.commands(&job);
        let expected = ["build", "--name=a b; $(rm) --x", "linux/amd64,linux/arm64", "{{.ID}}", "$(x) {nothing}"];
        assert_eq!(commands.build, [expected.map(OsString::from).to_vec()]);
        assert!(commands.push.is_empty());
    }

    #[track_caller]
    fn check_result(text: &str, expected: Result<Image, &str>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.json");
        std::fs::write(&path, text).unwrap();
        match (read_result(&path), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
            (found, expected) => assert_eq!(found, expected.map_err(str::to_owned)),
        }
    }

    #[test]
    fn what_a_program_reports_is_checked() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let image = Image { reference: Some("r.io/api:x".into()), digest: Some(digest.clone()), size: Some(12) };
        check_result(&format!(r#"{{"reference":"r.io/api:x","digest":"{digest}","size":12}}"#), Ok(image));
        check_result("{}", Ok(Image::default()));
        check_result(r#"{"digest":"sha256:abc"}"#, Err("which is not `sha256:`"));
        check_result(r#"{"reference":"-x"}"#, Err("no reference has"));
        check_result(r#"{"reference":"a b"}"#, Err("no reference has"));
        check_result(r#"{"size":-1}"#, Err("not as it should be"));
        check_result("", Err("not as it should be"));
        check_result(r#"{"sise":1}"#, Err("unknown field"));
        assert_eq!(read_result(Path::new("/no/such/file")), Ok(Image::default()));
    }
}
