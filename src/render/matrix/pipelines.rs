//! The jobs as the other CI systems take them: GitLab, Buildkite, `CircleCI`, Azure Pipelines and Jenkins. Each
//! of them reads JSON. What each would take for syntax in a value is escaped in its own way.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::render::matrix::{Entry, Matrix};

/// The most jobs of one upload.
/// <https://buildkite.com/docs/platform/limits>
pub const BUILDKITE_JOBS: usize = 500;

/// The most jobs that a matrix may have.
/// <https://learn.microsoft.com/en-us/azure/devops/pipelines/yaml-schema/jobs-job-strategy>
pub const AZURE_JOBS: usize = 256;

/// What a job is called on.
const NOTHING: &str = "nothing to build";

/// A child pipeline: each job extends `.buildplan`, which the parent includes beside it. Without work there is one job
/// that does nothing, since a pipeline without jobs is an error.
/// <https://docs.gitlab.com/ci/yaml/>
pub fn gitlab(matrix: &Matrix) -> Value {
    let mut pipeline = Map::new();
    if !matrix.has_work {
        let job = json!({"variables": {"GIT_STRATEGY": "none"}, "script": [format!("echo {NOTHING}")]});
        pipeline.insert(NOTHING.to_owned(), job);
    }
    for entry in &matrix.include {
        // Else `$NAME` and `%NAME%` would be variables.
        let data = |value: String| json!({"value": value, "expand": false});
        let variables: Map<String, Value> =
            variables(entry).map(|(name, value)| (name.to_owned(), data(value))).collect();
        pipeline.insert(format!("build {}", entry.name), json!({"extends": ".buildplan", "variables": variables}));
    }
    Value::Object(pipeline)
}

/// Steps for `buildkite-agent pipeline upload`, each of which runs a command. The agent fills in variables before it
/// uploads, so a `$` of the data is doubled, and one of the command, too: it is meant for the job.
/// <https://buildkite.com/docs/pipelines/configure/step-types/command-step>
pub fn buildkite(matrix: &Matrix, command: &str) -> Value {
    let escaped = |text: &str| text.replace('$', "$$");
    let mut keys = UniqueNames::default();
    let mut steps: Vec<Value> = Vec::new();
    if !matrix.has_work {
        steps.push(json!({"label": NOTHING, "command": format!("echo {NOTHING}")}));
    }
    for entry in &matrix.include {
        let env: Map<String, Value> =
            variables(entry).map(|(name, value)| (name.to_owned(), escaped(&value).into())).collect();
        let key = keys.unique("build-", &entry.name, '-');
        let label = format!("build {}", entry.name);
        steps.push(json!({"label": label, "key": key, "command": escaped(command), "env": env}));
    }
    json!({"steps": steps})
}

/// A configuration for the continuation of a setup workflow: one job with parameters, and a workflow that calls it.
/// <https://circleci.com/docs/reference/configuration-reference/>
pub fn circleci(matrix: &Matrix, command: &str) -> Value {
    let machine = json!({"image": "default"});
    if !matrix.has_work {
        let job =
            json!({"machine": machine, "steps": [{"run": {"name": NOTHING, "command": format!("echo {NOTHING}")}}]});
        return json!({
            "version": 2.1,
            "jobs": {"nothing": job},
            "workflows": {"build": {"jobs": ["nothing"]}},
        });
    }
    // `<<` begins an expression.
    let escaped = |text: &str| text.replace("<<", "\\<<");
    let empty = Entry::default();
    let names: Vec<&str> = variables(&empty).map(|(name, _)| name).collect();
    let parameter = |name: &str| name.trim_start_matches("BUILDPLAN_").to_ascii_lowercase().replace('_', "-");
    let parameters: Map<String, Value> =
        names.iter().map(|name| (parameter(name), json!({"type": "string", "default": ""}))).collect();
    let environment: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), format!("<< parameters.{} >>", parameter(name)).into())).collect();
    let mut keys = UniqueNames::default();
    let jobs = matrix.include.iter().map(|entry| {
        let mut call: Map<String, Value> = variables(entry)
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (parameter(name), escaped(&value).into()))
            .collect();
        call.insert("name".to_owned(), keys.unique("build-", &entry.name, '-').into());
        json!({"build": call})
    });
    let jobs: Vec<Value> = jobs.collect();
    json!({
        "version": 2.1,
        "jobs": {"build": {
            "parameters": parameters,
            "machine": machine,
            "environment": environment,
            "steps": ["checkout", {"run": {"name": "build", "command": escaped(command)}}],
        }},
        "workflows": {"build": {"jobs": jobs}},
    })
}

/// The value of `strategy.matrix`, on one line. Values become variables of the job, and there is no way to write
/// `$(`, `$[` or `${{` in one: a value with any of them is left out.
/// <https://learn.microsoft.com/en-us/azure/devops/pipelines/process/variables>
pub fn azure(matrix: &Matrix) -> String {
    let mut keys = UniqueNames::default();
    let mut jobs = Map::new();
    for entry in &matrix.include {
        let is_data = |value: &str| !["$(", "$[", "${{"].iter().any(|syntax| value.contains(syntax));
        let values: Map<String, Value> = variables(entry)
            .filter(|(_, value)| is_data(value))
            .map(|(name, value)| (name.to_owned(), value.replace(['\r', '\n'], " ").into()))
            .collect();
        jobs.insert(keys.unique("build_", &entry.name, '_'), Value::Object(values));
    }
    Value::Object(jobs).to_string() + "\n"
}

/// A list for `readJSON`, from which a Jenkinsfile makes parallel stages.
///
/// # Errors
/// None in practice: all of it can be written as JSON.
pub fn jenkins(matrix: &Matrix) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(&matrix.include)? + "\n")
}

/// What GitLab takes as `artifacts:reports:dotenv`: a variable a line, as it is, without quotes.
pub fn dotenv(matrix: &Matrix) -> String {
    let services: Vec<&str> = matrix.include.iter().flat_map(|entry| &entry.services).map(String::as_str).collect();
    let mut text = String::new();
    let _ = writeln!(text, "BUILDPLAN_HAS_WORK={}", matrix.has_work);
    let _ = writeln!(text, "BUILDPLAN_COUNT={}", matrix.count);
    let _ = writeln!(text, "BUILDPLAN_SERVICES={}", services.join(" "));
    text
}

/// An entry as the environment of a job.
fn variables(entry: &Entry) -> impl Iterator<Item = (&'static str, String)> {
    [
        ("BUILDPLAN_SERVICE", entry.service.clone()),
        ("BUILDPLAN_SHARD", entry.shard.clone()),
        ("BUILDPLAN_SERVICES", entry.services.join(" ")),
        ("BUILDPLAN_PUSH", if entry.push { "true".to_owned() } else { String::new() }),
        ("BUILDPLAN_DIRECTORY", entry.directory.clone()),
        ("BUILDPLAN_PACKAGE", entry.package.clone()),
        ("BUILDPLAN_IMAGE", entry.image.clone()),
        ("BUILDPLAN_TAGS", entry.tags.join(" ")),
        ("BUILDPLAN_PLATFORMS", entry.platforms.join(",")),
        ("BUILDPLAN_FINGERPRINT", entry.fingerprint.clone()),
        ("BUILDPLAN_CACHE_KEY", entry.cache_key.clone()),
        ("BUILDPLAN_REASON", entry.reason.clone()),
    ]
    .into_iter()
}

/// The most characters of the name of a job in Azure Pipelines, with room for a number.
const LONGEST_NAME: usize = 90;

/// Names of letters, digits and one other character, each once, also where case does not count.
#[derive(Default)]
pub(super) struct UniqueNames {
    used: BTreeSet<String>,
    next: BTreeMap<String, usize>,
}

impl UniqueNames {
    pub(super) fn unique(&mut self, prefix: &str, name: &str, other: char) -> String {
        let legal = |character: char| if character.is_ascii_alphanumeric() { character } else { other };
        let plain = format!("{prefix}{}", name.chars().map(legal).take(LONGEST_NAME).collect::<String>());
        let mut unique = plain.clone();
        while !self.used.insert(unique.to_ascii_lowercase()) {
            let next = self.next.entry(plain.to_ascii_lowercase()).or_insert(2);
            unique = format!("{plain}{other}{next}");
            *next += 1;
        }
        unique
    }
}
