//! Turns a saved plan into CI jobs: one for each service that has something to do, or one for each shard of them, in the
//! form of each CI system. Whatever a plan says arrives as data, never as syntax; a plan without work gives what its
//! system takes for that. It starts nothing, and reads no environment.

mod bake;
mod github;
mod pipelines;
mod template;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::Serialize;

pub use self::bake::bake;
pub use self::github::{GITHUB_JOBS, github, github_outputs, job_summary, workflow_note};
pub use self::pipelines::{AZURE_JOBS, BUILDKITE_JOBS, azure, buildkite, circleci, dotenv, gitlab, jenkins};
pub use self::template::{TemplateError, template};
use crate::plan::saved::{SavedPlan, SavedService};
use crate::plan::shards::{Item, Shard, divide, services_needed};
use crate::render::json::Tool;

/// The jobs of a plan.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "buildplan.matrix.v1")]
pub struct Matrix {
    /// Always `buildplan.matrix.v1`.
    schema: &'static str,
    tool: Tool,
    /// Whether there is anything to do.
    pub has_work: bool,
    /// How many services have something to do.
    pub count: usize,
    /// How many shards there are; 0 if every service has a job of its own.
    pub shards: usize,
    /// The jobs.
    pub include: Vec<Entry>,
}

/// One job. All keys are always there; what it does not have is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Entry {
    /// What to call it: the service, or `shard 2/4`.
    pub name: String,
    /// The service; empty for a shard.
    pub service: String,
    /// `I/N`, as `run --shard` takes it; empty for a single service.
    pub shard: String,
    /// All services of the job.
    pub services: Vec<String>,
    /// Whether an image is pushed, or tagged at its destination.
    pub push: bool,
    /// The folder of the service.
    pub directory: String,
    /// The import path of its main package.
    pub package: String,
    /// The image repository.
    pub image: String,
    /// The tags of the image.
    pub tags: Vec<String>,
    /// The platforms, such as `linux/amd64`.
    pub platforms: Vec<String>,
    /// 64 hexadecimal digits; empty if an input cannot be known.
    pub fingerprint: String,
    /// How much work it is, relative to others.
    pub weight: u64,
    /// The key of a cache for Go modules and compiled packages.
    pub cache_key: String,
    /// Why, in one line.
    pub reason: String,
}

/// How services become jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packing {
    /// So many shards; `None` for a job for each service.
    pub shards: Option<NonZeroUsize>,
    /// Only the services of one shard, each in a job of its own.
    pub only: Option<Shard>,
    /// The most jobs that the format takes: more are packed into shards.
    pub most: Option<usize>,
}

impl Matrix {
    /// The jobs of the services that are named, or of all, as far as they have something to do.
    pub fn new(plan: &SavedPlan, names: &BTreeSet<String>, packing: Packing) -> Self {
        let mut busy = plan.busy();
        if let Some(shard) = packing.only {
            busy.retain({
                let own = plan.in_shard(shard);
                move |name| own.contains(name)
            });
        }
        busy.retain(|name| names.is_empty() || names.contains(name));
        let services: Vec<&SavedService> = busy.iter().filter_map(|name| plan.service(name)).collect();
        let most = packing.most.and_then(NonZeroUsize::new);
        let shards = match (packing.shards, most) {
            (Some(shards), Some(most)) => Some(shards.min(most)),
            (Some(shards), None) => Some(shards),
            (None, Some(most)) if services.len() > most.get() => Some(most),
            (None, _) => None,
        };
        let include = match shards {
            None => services.iter().map(|service| single(plan, service)).collect(),
            Some(count) => packed(plan, &services, count),
        };
        Self {
            schema: "buildplan.matrix.v1",
            tool: Tool::this(),
            has_work: !include.is_empty(),
            count: services.len(),
            shards: if shards.is_some() { include.len() } else { 0 },
            include,
        }
    }
}

/// The job of one service.
fn single(plan: &SavedPlan, service: &SavedService) -> Entry {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let mut platforms: Vec<String> = service.targets.iter().map(|target| target.platform.clone()).collect();
    platforms.dedup();
    Entry {
        name: service.name.clone(),
        service: service.name.clone(),
        shard: String::new(),
        services: vec![service.name.clone()],
        push: pushes(plan, &service.name),
        directory: service.dir.clone(),
        package: text(&service.package),
        image: text(&service.image.repository),
        tags: service.image.tags.clone(),
        platforms,
        fingerprint: text(&service.fingerprint),
        weight: service.weight,
        cache_key: text(&service.cache_key),
        reason: service.reason.clone(),
    }
}

fn pushes(plan: &SavedPlan, service: &str) -> bool {
    plan.steps.iter().any(|step| step.service == service && step.kind != "build")
}

/// The jobs of services that are packed into shards; the same services as `run --plan --shard I/N` does.
fn packed(plan: &SavedPlan, services: &[&SavedService], count: NonZeroUsize) -> Vec<Entry> {
    let needs = |name: &str| {
        let steps = plan.steps.iter().filter(|step| step.service == name);
        services_needed(steps.flat_map(|step| &step.needs).map(String::as_str).collect())
    };
    let items: Vec<Item<'_>> = services
        .iter()
        .map(|service| Item { name: &service.name, weight: service.weight, needs: needs(&service.name) })
        .collect();
    let numbers = divide(&items, count);
    let used = numbers.iter().max().map_or(0, |last| last + 1);
    let entry = |shard: usize| {
        let members = services.iter().zip(&numbers).filter(|(_, number)| **number == shard);
        let members: Vec<&SavedService> = members.map(|(service, _)| *service).collect();
        let id = format!("{}/{count}", shard + 1);
        let platforms: BTreeSet<&str> =
            members.iter().flat_map(|service| &service.targets).map(|target| target.platform.as_str()).collect();
        Entry {
            name: format!("shard {id}"),
            shard: id,
            services: members.iter().map(|service| service.name.clone()).collect(),
            push: members.iter().any(|service| pushes(plan, &service.name)),
            platforms: platforms.into_iter().map(str::to_owned).collect(),
            weight: members.iter().map(|service| service.weight).fold(0, u64::saturating_add),
            cache_key: joined_key(&members),
            reason: listed(&members),
            ..Entry::default()
        }
    };
    (0..used).map(entry).collect()
}

/// A key that changes with any of those of the services.
fn joined_key(services: &[&SavedService]) -> String {
    let mut hasher = crate::repo::Hasher::new("cache key of a shard");
    for service in services {
        hasher.field(service.cache_key.as_deref().unwrap_or_default().as_bytes());
    }
    format!("{:.32}", hasher.finish().to_string())
}

/// `auth, cart, web and 12 more`.
fn listed(services: &[&SavedService]) -> String {
    const SHOWN: usize = 5;
    let names: Vec<&str> = services.iter().take(SHOWN).map(|service| service.name.as_str()).collect();
    match services.len().saturating_sub(SHOWN) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}
