//! Turns a saved plan into CI jobs: one for each service that has something to do, or one for each shard of them, in the
//! form of each CI system. Whatever a plan says arrives as data, never as syntax; a plan without work gives what its
//! system takes for that. It starts nothing, and reads no environment.

mod bake;
mod github;
mod pipelines;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::Serialize;

pub use self::bake::bake;
pub use self::github::{GITHUB_JOBS, github, github_outputs, job_summary, workflow_note};
pub use self::pipelines::{AZURE_JOBS, BUILDKITE_JOBS, azure, buildkite, circleci, dotenv, gitlab, jenkins};
pub use self::template::{TemplateError, template};
use crate::plan::saved::{SavedPlan, SavedService};
use crate::plan::shards::{Item, Shard, connected, divide};
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
    /// The service; empty if there are several.
    pub service: String,
    /// `I/N`, as `run --plan --shard` takes it with the same plan; empty without shards.
    pub shard: String,
    /// All services of the job. Services that start from each other's images are in one.
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
        let wanted = plan.with_needs(busy.iter().map(String::as_str));
        let services: Vec<&SavedService> = wanted.into_iter().filter_map(|name| plan.service(name)).collect();
        let most = packing.most.and_then(NonZeroUsize::new);
        let (is_sharded, include) = match packing.shards {
            Some(count) => (true, packed(plan, &services, most.map_or(count, |most| count.min(most)))),
            None => {
                let jobs = together(plan, &services);
                match most.filter(|most| jobs.len() > most.get()) {
                    Some(most) => (true, packed(plan, &services, most)),
                    None => (false, jobs),
                }
            }
        };
        Self {
            schema: "buildplan.matrix.v1",
            tool: Tool::this(),
            has_work: !include.is_empty(),
            count: services.len(),
            shards: if is_sharded { include.len() } else { 0 },
            include,
        }
    }
}

/// The services as what is divided among jobs.
fn items<'p>(plan: &'p SavedPlan, services: &[&'p SavedService]) -> Vec<Item<'p>> {
    plan.items(services.iter().map(|service| service.name.as_str()))
}

/// A job for each service, or for several that start from each other's images: one after the other, not side by side.
fn together(plan: &SavedPlan, services: &[&SavedService]) -> Vec<Entry> {
    let groups = connected(&items(plan, services));
    let mut members: BTreeMap<usize, Vec<&SavedService>> = BTreeMap::new();
    for (service, group) in services.iter().zip(groups) {
        members.entry(group).or_default().push(service);
    }
    let entry = |members: Vec<&SavedService>| match members.as_slice() {
        [service] => single(plan, service),
        several => Entry { name: listed(several), ..joined(plan, several) },
    };
    members.into_values().map(entry).collect()
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
    plan.steps_of(service).any(|step| step.kind != "build")
}

/// The jobs of services that are packed into shards; the same services as `run --plan --shard I/N` does.
fn packed(plan: &SavedPlan, services: &[&SavedService], count: NonZeroUsize) -> Vec<Entry> {
    let numbers = divide(&items(plan, services), count);
    let mut shards: BTreeMap<usize, Vec<&SavedService>> = BTreeMap::new();
    for (service, number) in services.iter().zip(numbers) {
        shards.entry(number).or_default().push(service);
    }
    let entry = |(number, members): (usize, Vec<&SavedService>)| {
        let id = format!("{}/{count}", number + 1);
        Entry { name: format!("shard {id}"), shard: id, ..joined(plan, &members) }
    };
    shards.into_iter().map(entry).collect()
}

/// What several services have in one job.
fn joined(plan: &SavedPlan, members: &[&SavedService]) -> Entry {
    let platforms: BTreeSet<&str> =
        members.iter().flat_map(|service| &service.targets).map(|target| target.platform.as_str()).collect();
    Entry {
        services: members.iter().map(|service| service.name.clone()).collect(),
        push: members.iter().any(|service| pushes(plan, &service.name)),
        platforms: platforms.into_iter().map(str::to_owned).collect(),
        weight: members.iter().map(|service| service.weight).fold(0, u64::saturating_add),
        cache_key: joined_key(members),
        reason: listed(members),
        ..Entry::default()
    }
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
