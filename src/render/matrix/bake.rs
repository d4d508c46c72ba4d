//! The builds of a plan as a file for `docker buildx bake`, which builds all of them at once and sends each context once.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::plan::saved::{SavedPlan, SavedService};
use crate::render::matrix::Matrix;
use crate::render::matrix::pipelines::UniqueNames;

/// <https://docs.docker.com/build/bake/reference/>
#[derive(Serialize)]
struct BakeFile<'b> {
    group: BTreeMap<&'static str, Group>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    target: BTreeMap<String, Build<'b>>,
}

#[derive(Serialize)]
struct Group {
    targets: Vec<String>,
}

#[derive(Serialize)]
struct Build<'b> {
    context: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    dockerfile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    tags: Vec<String>,
    platforms: Vec<&'b str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    args: BTreeMap<&'b str, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secret: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ssh: Vec<String>,
    #[serde(rename = "cache-from", skip_serializing_if = "Vec::is_empty")]
    cache_from: Vec<String>,
    #[serde(rename = "cache-to", skip_serializing_if = "Vec::is_empty")]
    cache_to: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attest: Vec<String>,
}

/// A plan that `bake` would build in another way than `run`.
#[derive(Debug, thiserror::Error)]
pub enum BakeError {
    /// A program of the user's builds it.
    #[error("service {0} is built by a command, which `bake` cannot do")]
    Command(String),
    /// It has no Dockerfile.
    #[error("service {0} has no Dockerfile")]
    NoDockerfile(String),
    /// It starts from an image that has to be built before.
    #[error("service {0} starts from the image of {1}, which `bake` would build at the same time; use `buildplan run`")]
    Image(String, String),
    /// All of it can be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// The targets of the services of a matrix that are to be built, in the group `default`.
///
/// # Errors
/// If `bake` would not build what is planned.
pub fn bake(plan: &SavedPlan, matrix: &Matrix) -> Result<String, BakeError> {
    let builds: BTreeSet<&str> =
        plan.steps.iter().filter(|step| step.kind == "build").map(|step| step.service.as_str()).collect();
    let names = matrix.include.iter().flat_map(|entry| &entry.services).filter(|name| builds.contains(name.as_str()));
    let mut target = BTreeMap::new();
    // Targets have no dots, and two services may differ in nothing else.
    let mut unique = UniqueNames::default();
    for service in names.filter_map(|name| plan.service(name)) {
        let name = &service.name;
        if !["docker", "buildah"].contains(&service.image.builder.as_str()) {
            return Err(BakeError::Command(name.clone()));
        }
        if service.image.dockerfile.is_none() {
            return Err(BakeError::NoDockerfile(name.clone()));
        }
        if let Some(needed) = plan.needs_of(name).next() {
            return Err(BakeError::Image(name.clone(), needed.to_owned()));
        }
        target.insert(unique.unique("", name, '-'), build_of(service));
    }
    let group = BTreeMap::from([("default", Group { targets: target.keys().cloned().collect() })]);
    Ok(serde_json::to_string_pretty(&BakeFile { group, target })? + "\n")
}

fn build_of(service: &SavedService) -> Build<'_> {
    let image = &service.image;
    let repository = image.repository.as_deref().unwrap_or(&service.name);
    let all = |values: &[String]| values.iter().map(|value| literal(value)).collect();
    let mut platforms: Vec<&str> = service.targets.iter().map(|target| target.platform.as_str()).collect();
    platforms.dedup();
    Build {
        context: literal(&image.context),
        dockerfile: image.dockerfile.as_deref().map(|file| literal(&below(&image.context, file))),
        target: image.target.as_deref().map(literal),
        tags: image.tags.iter().map(|tag| literal(&format!("{repository}:{tag}"))).collect(),
        platforms,
        args: image.build_args.iter().map(|(name, value)| (name.as_str(), literal(value))).collect(),
        labels: image.labels.iter().map(|(name, value)| (literal(name), literal(value))).collect(),
        secret: all(&image.secrets),
        ssh: all(&image.ssh),
        cache_from: all(&image.cache_from),
        cache_to: all(&image.cache_to),
        attest: image.provenance.iter().map(|value| format!("type=provenance,{}", attributes(value))).collect(),
    }
}

/// `false` and `true` are short for attributes.
fn attributes(provenance: &str) -> String {
    match provenance {
        "false" => "disabled=true".to_owned(),
        "true" => "mode=min".to_owned(),
        other => literal(other),
    }
}

/// A Dockerfile from the folder that `bake` looks for it in: the context.
fn below(context: &str, dockerfile: &str) -> String {
    if context == "." {
        return dockerfile.to_owned();
    }
    if let Some(rest) = dockerfile.strip_prefix(context).and_then(|rest| rest.strip_prefix('/')) {
        return rest.to_owned();
    }
    let up = context.split('/').map(|_| "../").collect::<String>();
    format!("{up}{dockerfile}")
}

/// A text in which nothing is filled in.
fn literal(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}
