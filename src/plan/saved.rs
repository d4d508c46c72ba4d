//! Turns the JSON of a plan back into values: those that decide what is run, and those that a CI job is made of. A plan
//! from a file is not trusted: what a step does comes from the configuration of the tree, and a fingerprint is computed
//! again before it is believed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::config::{Platform, check_repository, check_tag, is_service_name};
use crate::fingerprint::item::SCHEME;
use crate::plan::shards::{Item, Shard, members};
use crate::repo::{Digest, ObjectId};

/// The version of the format that is read.
const SCHEMA: &str = "buildplan.plan.v1";

/// A plan as its JSON has it. Keys that are not read here may be there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SavedPlan {
    schema: String,
    tool: SavedTool,
    /// What head was compared with.
    pub base: Option<SavedBase>,
    /// What was planned.
    pub head: SavedHead,
    /// All services.
    pub services: Vec<SavedService>,
    /// What was to be done.
    pub steps: Vec<SavedStep>,
    /// Where each service is.
    #[serde(skip)]
    by_name: BTreeMap<String, usize>,
    /// Where the steps of each service are.
    #[serde(skip)]
    steps_by_service: BTreeMap<String, Vec<usize>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct SavedTool {
    version: String,
    fingerprint_scheme: u32,
}

/// The commit that head was compared with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SavedBase {
    /// Its id.
    pub commit: String,
}

/// The tree that was planned.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SavedHead {
    /// The commit, or the one that the working copy stood on.
    pub commit: String,
    /// Whether the working copy differed from it.
    pub dirty: bool,
}

/// One service of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SavedService {
    /// Its name.
    pub name: String,
    /// The import path of its main package.
    pub package: Option<String>,
    /// Its folder.
    pub dir: String,
    /// 64 hexadecimal digits; `None` if an input could not be known.
    pub fingerprint: Option<String>,
    /// How much work it is.
    pub weight: u64,
    /// What it is built for.
    pub targets: Vec<SavedTarget>,
    /// Why it was to be built, or not.
    pub reasons: Vec<SavedReason>,
    /// The same in one line.
    pub reason: String,
    /// The key of a cache for what its build takes from outside the repository.
    pub cache_key: Option<String>,
    /// The image.
    pub image: SavedImage,
}

/// One target of a service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SavedTarget {
    /// `linux/amd64`.
    pub platform: String,
}

/// How the image of a service is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct SavedImage {
    /// Where it is pushed to.
    pub repository: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// What builds it.
    pub builder: String,
    /// Its Dockerfile.
    pub dockerfile: Option<String>,
    /// The build context.
    pub context: String,
    /// The stage to build.
    pub target: Option<String>,
    /// Build arguments.
    pub build_args: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Build secrets.
    pub secrets: Vec<String>,
    /// SSH agents and keys.
    pub ssh: Vec<String>,
    /// Cache sources.
    pub cache_from: Vec<String>,
    /// Cache destinations.
    pub cache_to: Vec<String>,
    /// Provenance attestations.
    pub provenance: Vec<String>,
}

/// A reason, as far as a run asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SavedReason {
    /// Its kind in JSON.
    pub kind: String,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SavedStep {
    /// `SERVICE/build`.
    pub id: String,
    /// `build`, `push` or `tag`.
    pub kind: String,
    /// For which service.
    pub service: String,
    /// The steps that must have ended well before.
    #[serde(default)]
    pub needs: Vec<String>,
}

/// A file that is no plan, or none that this program can follow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SavedPlanError {
    /// It is not the JSON of a plan.
    #[error("{line}:{column}: it is not a plan: {reason}")]
    NoPlan {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// It has another format.
    #[error("it is `{0}`, and not the `{SCHEMA}` that `buildplan plan -o json` prints")]
    Schema(String),
    /// It says what no plan says.
    #[error("it is not a plan: {0}")]
    Contradiction(String),
    /// Its fingerprints cannot be compared with those of this program.
    #[error("it was made by buildplan {0}, whose fingerprints follow other rules; make it with the same version")]
    Scheme(String),
}

impl SavedPlan {
    /// Reads the JSON that `plan -o json` prints.
    ///
    /// # Errors
    /// If it is something else, or from a version whose fingerprints cannot be compared.
    pub fn parse(json: &[u8]) -> Result<Self, SavedPlanError> {
        #[derive(Deserialize)]
        struct Head {
            schema: String,
        }
        let no_plan = |error: serde_json::Error| SavedPlanError::NoPlan {
            line: error.line(),
            column: error.column(),
            reason: reason(&error),
        };
        // A document of another format is better named than compared key by key.
        let head: Head = serde_json::from_slice(json).map_err(no_plan)?;
        if head.schema != SCHEMA {
            return Err(SavedPlanError::Schema(head.schema));
        }
        let mut plan: Self = serde_json::from_slice(json).map_err(no_plan)?;
        if plan.tool.fingerprint_scheme != SCHEME {
            return Err(SavedPlanError::Scheme(plan.tool.version));
        }
        plan.check().map_err(SavedPlanError::Contradiction)?;
        plan.by_name = plan.services.iter().enumerate().map(|(at, service)| (service.name.clone(), at)).collect();
        for (at, step) in plan.steps.iter().enumerate() {
            plan.steps_by_service.entry(step.service.clone()).or_default().push(at);
        }
        Ok(plan)
    }

    /// Names reach command lines and CI files, and a step without its service would be forgotten.
    fn check(&self) -> Result<(), String> {
        let commits = self.base.iter().map(|base| &base.commit).chain([&self.head.commit]);
        if let Some(commit) = commits.into_iter().find(|commit| !ObjectId::is_text(commit)) {
            return Err(format!("{commit:?} is not a commit"));
        }
        let mut names = BTreeSet::new();
        for service in &self.services {
            let name = &service.name;
            if !is_service_name(name) {
                return Err(format!("{name:?} is not the name of a service"));
            }
            if !names.insert(name) {
                return Err(format!("it has the service {name} twice"));
            }
            if service.fingerprint.as_deref().is_some_and(|digest| !Digest::is_text(digest)) {
                return Err(format!("the fingerprint of {name} is none"));
            }
            let image = &service.image;
            if let Some(Err(reason)) = image.repository.as_deref().map(check_repository) {
                return Err(format!("{name}: {reason}"));
            }
            if let Some(reason) = image.tags.iter().find_map(|tag| check_tag(tag).err()) {
                return Err(format!("{name}: {reason}"));
            }
            if let Some(target) = service.targets.iter().find(|target| target.platform.parse::<Platform>().is_err()) {
                return Err(format!("{name}: {:?} is not a platform", target.platform));
            }
        }
        let ids: BTreeSet<&str> = self.steps.iter().map(|step| step.id.as_str()).collect();
        if ids.len() < self.steps.len() {
            return Err("it has a step twice".to_owned());
        }
        for step in &self.steps {
            let (name, kind) = (&step.service, &step.kind);
            if !names.contains(name) {
                return Err(format!("it has a step of {name:?}, which is none of its services"));
            }
            if !["build", "push", "tag"].contains(&kind.as_str()) || step.id != format!("{name}/{kind}") {
                return Err(format!("the step {:?} is none", step.id));
            }
            if let Some(needed) = step.needs.iter().find(|needed| !ids.contains(needed.as_str())) {
                return Err(format!("the step {} needs {needed:?}, which is none", step.id));
            }
        }
        Ok(())
    }

    /// One service by name.
    pub fn service(&self, name: &str) -> Option<&SavedService> {
        self.services.get(*self.by_name.get(name)?)
    }

    /// The steps of a service.
    pub fn steps_of(&self, name: &str) -> impl Iterator<Item = &SavedStep> {
        let numbers = self.steps_by_service.get(name).into_iter().flatten();
        numbers.filter_map(|number| self.steps.get(*number))
    }

    /// The other services that have to be done before a service.
    pub fn needs_of<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        let ids = self.steps_of(name).flat_map(|step| &step.needs);
        ids.filter_map(|id| Some(id.rsplit_once('/')?.0)).filter(move |needed| *needed != name)
    }

    /// Services with all that has to be done before them: what they start from would else be what was there before.
    pub fn with_needs<'p>(&'p self, names: impl Iterator<Item = &'p str>) -> BTreeSet<&'p str> {
        let mut wanted = BTreeSet::new();
        let mut next: Vec<&str> = names.collect();
        while let Some(name) = next.pop() {
            if wanted.insert(name) {
                next.extend(self.needs_of(name));
            }
        }
        wanted
    }

    /// Whether services are built whatever is recorded of them.
    pub fn is_forced(&self) -> bool {
        self.services.iter().flat_map(|service| &service.reasons).any(|reason| reason.kind == "forced")
    }

    /// Services as what is divided among jobs.
    pub fn items<'p>(&'p self, names: impl Iterator<Item = &'p str>) -> Vec<Item<'p>> {
        let weight = |name: &str| self.service(name).map_or(1, |service| service.weight);
        names.map(|name| Item { name, weight: weight(name), needs: self.needs_of(name).collect() }).collect()
    }

    /// The services that have steps.
    pub fn busy(&self) -> BTreeSet<String> {
        self.steps.iter().map(|step| step.service.clone()).collect()
    }

    /// The services with steps that fall to one of several jobs.
    pub fn in_shard(&self, shard: Shard) -> BTreeSet<String> {
        let busy = self.busy();
        members(shard, &self.items(busy.iter().map(String::as_str)))
    }
}

/// What serde says, without the place, which stands before it.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str, fingerprint: &serde_json::Value) -> serde_json::Value {
        serde_json::json!({
            "name": name, "package": null, "dir": name, "fingerprint": fingerprint, "weight": 3, "targets": [],
            "reasons": [{"kind": "forced", "chain": []}], "reason": "forced", "cache_key": null,
            "image": {
                "repository": null, "tags": [], "builder": "docker", "dockerfile": null, "context": ".", "target": null, "build_args": {},
                "labels": {}, "secrets": [], "ssh": [], "cache_from": [], "cache_to": [], "provenance": [],
            },
        })
    }

    fn plan(change: impl Fn(&mut serde_json::Value)) -> Result<SavedPlan, String> {
        let mut plan = serde_json::json!({
            "schema": SCHEMA,
            "tool": {"name": "buildplan", "version": "9.9.9", "fingerprint_scheme": SCHEME},
            "base": null,
            "head": {"rev": null, "commit": "c".repeat(40), "tree": "", "working_copy": false, "dirty": false},
            "services": [
                service("api", &serde_json::Value::Null),
                service("web", &"0".repeat(64).into()),
            ],
            "steps": [{"id": "api/build", "kind": "build", "service": "api", "needs": []}],
            "of a later version": true,
        });
        change(&mut plan);
        SavedPlan::parse(plan.to_string().as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_plan_is_read_and_what_is_none_is_refused() {
        let read = plan(|_| {}).unwrap();
        assert_eq!(read.busy(), BTreeSet::from(["api".to_owned()]));
        assert_eq!(read.service("web").unwrap().fingerprint.as_deref(), Some("0".repeat(64).as_str()));
        let matrix = plan(|plan| plan["schema"] = "buildplan.matrix.v1".into());
        let expected =
            "it is `buildplan.matrix.v1`, and not the `buildplan.plan.v1` that `buildplan plan -o json` prints";
        assert_eq!(matrix.unwrap_err(), expected);
        let scheme = plan(|plan| plan["tool"]["fingerprint_scheme"] = 99.into());
        assert!(scheme.unwrap_err().starts_with("it was made by buildplan 9.9.9"));
        let steps = plan(|plan| plan["steps"] = 1.into());
        assert!(steps.unwrap_err().contains("it is not a plan: invalid type: integer `1`, expected a sequence"));
        let changes: [(&str, serde_json::Value, &str); 6] = [
            ("/services/0/name", "a\nb".into(), "\"a\\nb\" is not the name of a service"),
            ("/services/0/name", "-x".into(), "\"-x\" is not the name of a service"),
            ("/services/0/name", "web".into(), "it has the service web twice"),
            ("/services/1/fingerprint", "xyz".into(), "the fingerprint of web is none"),
            ("/steps/0/service", "nobody".into(), "it has a step of \"nobody\", which is none of its services"),
            ("/steps/0/kind", "deploy".into(), "the step \"api/build\" is none"),
        ];
        for (place, value, complaint) in changes {
            let refused = plan(|plan| *plan.pointer_mut(place).unwrap() = value.clone()).unwrap_err();
            assert_eq!(refused, format!("it is not a plan: {complaint}"));
        }
        let error = SavedPlan::parse(b"{\n  \"schema\": }").unwrap_err().to_string();
        assert_eq!(error, "2:13: it is not a plan: expected value");
    }
}
