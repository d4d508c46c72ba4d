//! Turns the services of a tree into fingerprints: one digest per service that covers everything its image is made of.
//!
//! A [`Snapshot`] is all that is known of one tree; two snapshots are all that a plan needs. Fingerprints are composed
//! of [`item::Item`]s, so that the difference of two can always be named. It never compares trees and decides nothing.

mod cache_key;
pub mod closure;
pub mod context;
pub mod context_files;
mod declared;
pub mod external;
mod image;
mod image_edges;
pub mod item;
mod notes;
pub mod package;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

pub use self::cache_key::cache_key;
use crate::config::{Config, check_repository, fill_template};
use crate::docker::Selection;
use crate::fingerprint::context::{Context, ContextKey, ContextRequest, is_strict};
use crate::fingerprint::context_files::{ContextFiles, FileSet};
use crate::fingerprint::image_edges::{Offer, image_edges};
use crate::fingerprint::item::{Fact, InputKind, Item, SCHEME, Subject, Value, digest_of};
use crate::go::mode::{ModFlag, Mode};
use crate::go::workspace::Workspace;
use crate::graph::NodeId;
use crate::repo::{Digest, Hasher, Note, RepoPath, TreeError};
use crate::service::{Problem, Program, Service, Services};

/// Everything that is known of one tree.
pub struct Snapshot<'t> {
    /// The Go source.
    pub workspace: &'t Workspace<'t>,
    /// The services by name.
    pub services: BTreeMap<String, ServiceState>,
    /// The ways to build that the services share.
    pub contexts: BTreeMap<ContextKey, Arc<Context>>,
    /// What keeps some services from being planned.
    pub problems: Vec<Problem>,
    /// What else was met, sorted, each once.
    pub notes: Vec<Note>,
}

/// One service with its fingerprint.
pub struct ServiceState {
    /// The service.
    pub service: Service,
    /// The import path of its main package.
    pub import_path: Option<String>,
    /// The contexts that it may be built in.
    pub contexts: Vec<ContextKey>,
    /// What it depends on beside its packages, sorted.
    pub items: Vec<Item>,
    /// The larger parts of its context that count, too, by their digests.
    pub files: Vec<Arc<FileSet>>,
    /// The fingerprint; `None` if an input cannot be known at all.
    pub fingerprint: Option<Digest>,
    /// What cannot be known, one sentence each.
    pub unknown: Vec<String>,
    /// The services whose images it starts from.
    pub images_of: BTreeSet<String>,
}

/// What a snapshot needs beside the tree.
#[derive(Clone, Debug, Default)]
pub struct SnapshotOptions {
    /// The values of the environment variables that the configuration names.
    pub environment: BTreeMap<String, String>,
    /// Whether to know every package and its tests, not only what the services import.
    pub every_package: bool,
}

impl<'t> Snapshot<'t> {
    /// Takes the snapshot of a tree. What it has in common with an earlier one is taken over; the result is the same.
    pub fn new(
        workspace: &'t Workspace<'t>,
        config: &Config,
        options: &SnapshotOptions,
        earlier: Option<&Snapshot<'_>>,
    ) -> Result<Self, TreeError> {
        let Services { services, mut problems, mut notes } = Services::find(config, workspace)?;
        let contexts = contexts(workspace, requests(workspace, config, &services, options), earlier)?;
        notes.extend(contexts.values().filter_map(|context| notes::of_refusal(context)));
        problems.extend(notes::broken_files(workspace, contexts.keys().map(|key| &key.mode)));
        let global = declared::matching_files(workspace.tree(), &config.global_inputs)?;
        let global: Vec<Item> =
            global.into_iter().map(|(path, identity)| Item::file(InputKind::Global, path, identity)).collect();
        let context_files = ContextFiles::new(workspace);
        let images: Vec<(Service, image::ImageItems)> = services
            .into_values()
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|service| {
                let items = image::image_items(&service, workspace, &context_files, &options.environment)?;
                Ok((service, items))
            })
            .collect::<Result<_, _>>()?;
        let repositories = repositories(images.iter().map(|(service, _)| service));
        let offers = images.iter().map(|(service, _)| (service.name.clone(), Offer::new(service))).collect();
        let mut states = BTreeMap::new();
        for (service, image) in images {
            notes.extend(image.notes);
            let edges = image_edges(&service, &image.bases, &repositories, &offers);
            notes.extend(edges.notes);
            let mut files = image.files;
            if let Some(traced) = service.image.as_ref().filter(|_| !edges.triggered_by.is_empty()) {
                // What another Dockerfile has in `ONBUILD` may copy anything here.
                files.push(context_files.get(&service, traced, &Selection::folder(service.context.clone()))?);
            }
            let mut items = image.items;
            items.extend(global.iter().cloned());
            items.extend(conversions_of(workspace, &items)?);
            let state = ServiceState::new(service, items, files, edges.of, &contexts);
            notes.extend(notes::of_service(&state, &contexts, workspace.lock().is_some()));
            states.insert(state.service.name.clone(), state);
        }
        // A context that no service is built in any more says nothing about the plan.
        let used: BTreeSet<&ContextKey> = states.values().flat_map(|state: &ServiceState| &state.contexts).collect();
        notes.extend(used.iter().filter_map(|key| contexts.get(key)).flat_map(|context| notes::of_context(context)));
        notes.extend(workspace.lock().and_then(notes::of_lock));
        notes.sort_unstable();
        notes.dedup();
        let mut snapshot = Self { workspace, services: states, contexts, problems, notes };
        snapshot.compose_images();
        snapshot.problems.sort_unstable();
        snapshot.problems.dedup();
        Ok(snapshot)
    }

    /// A service's image contains the images that it starts from, so those come first.
    fn compose_images(&mut self) {
        let mut waiting: Vec<String> = self.services.keys().cloned().collect();
        while !waiting.is_empty() {
            let (ready, blocked): (Vec<String>, Vec<String>) = waiting
                .iter()
                .cloned()
                .partition(|name| self.services[name].images_of.iter().all(|of| !waiting.contains(of)));
            if ready.is_empty() {
                let message = format!("the images of {} start from each other in a circle", blocked.join(", "));
                self.problems.push(Problem { service: None, path: None, position: (0, 0), message });
                return;
            }
            for name in &ready {
                let images: Vec<(String, Option<Digest>)> = self.services[name]
                    .images_of
                    .iter()
                    .map(|of| (of.clone(), self.services.get(of).and_then(|state| state.fingerprint)))
                    .collect();
                if let Some(state) = self.services.get_mut(name) {
                    state.finish(images, &self.contexts);
                }
            }
            waiting = blocked;
        }
    }
}

fn contexts(
    workspace: &Workspace<'_>,
    requests: Vec<ContextRequest>,
    earlier: Option<&Snapshot<'_>>,
) -> Result<BTreeMap<ContextKey, Arc<Context>>, TreeError> {
    let earlier = match earlier {
        Some(earlier) if earlier.workspace.has_same_layout(workspace)? => Some(&earlier.contexts),
        _ => None,
    };
    let context = |request: ContextRequest| {
        if let Some(context) = earlier.and_then(|contexts| contexts.get(&request.key))
            && context.still_holds(workspace, &request)?
        {
            return Ok(Some(Arc::clone(context)));
        }
        Ok(Context::new(workspace, request)?.map(Arc::new))
    };
    let contexts = requests.into_par_iter().map(context).filter_map(Result::transpose);
    contexts.map(|context| context.map(|context| (context.key.clone(), context))).collect()
}

/// The rules that change what a checkout writes, for the files among some items.
fn conversions_of(workspace: &Workspace<'_>, items: &[Item]) -> Result<Vec<Item>, TreeError> {
    let mut folders = BTreeSet::new();
    for item in items {
        if let (Subject::File(_, path), Value::File(identity)) = (&item.subject, &item.value) {
            folders.extend([path, identity.link_target().unwrap_or(path)].into_iter().filter_map(RepoPath::parent));
        }
    }
    let rules = workspace.conversions(folders)?.into_iter();
    Ok(rules.map(|(path, rules)| Item::conversion(path, rules)).collect())
}

/// The go.work or go.mod in force and what `-mod` says, each with the folders of the programs that are built that way.
pub type WaysToBuild = BTreeMap<(Mode, ModFlag), BTreeSet<RepoPath>>;

/// Every way in which a service, or any module by itself, is built.
pub fn ways_to_build(workspace: &Workspace<'_>, config: &Config, services: &BTreeMap<String, Service>) -> WaysToBuild {
    let options = SnapshotOptions { every_package: true, ..SnapshotOptions::default() };
    let mut ways = WaysToBuild::new();
    for request in requests(workspace, config, services, &options) {
        ways.entry((request.key.mode, request.key.mod_flag)).or_default().extend(request.programs);
    }
    ways
}

/// One request for each way in which any service is built.
fn requests(
    workspace: &Workspace<'_>,
    config: &Config,
    services: &BTreeMap<String, Service>,
    options: &SnapshotOptions,
) -> Vec<ContextRequest> {
    let mut programs: BTreeMap<ContextKey, BTreeSet<RepoPath>> = BTreeMap::new();
    for (service, program) in services.values().filter_map(|service| Some((service, service.program.as_ref()?))) {
        for key in keys(service, program) {
            programs.entry(key).or_default().extend(program.dirs().cloned());
        }
    }
    if options.every_package {
        for key in notes::keys_of_all_modules(workspace, config) {
            programs.entry(key).or_default();
        }
    }
    let everything = options.every_package;
    programs.into_iter().map(|(key, programs)| ContextRequest { key, programs, everything }).collect()
}

fn keys<'s>(service: &'s Service, program: &'s Program) -> impl Iterator<Item = ContextKey> + 's {
    let strict = is_strict(service.settings.go.back_edges);
    program.targets.iter().flat_map(move |target| {
        program.modes.iter().map(move |mode| ContextKey {
            target: target.clone(),
            mode: mode.clone(),
            mod_flag: program.flags.mod_flag,
            strict,
        })
    })
}

/// The image repository of each service that has one.
fn repositories<'s>(services: impl Iterator<Item = &'s Service>) -> BTreeMap<String, String> {
    services
        .filter_map(|service| {
            let template = service.settings.image.repository.as_deref()?;
            let repository = fill_template(template, |name| (name == "service").then(|| service.name.clone()));
            check_repository(&repository).is_ok().then(|| (repository, service.name.clone()))
        })
        .collect()
}

impl ServiceState {
    fn new(
        service: Service,
        mut items: Vec<Item>,
        mut files: Vec<Arc<FileSet>>,
        images_of: BTreeSet<String>,
        contexts: &BTreeMap<ContextKey, Arc<Context>>,
    ) -> Self {
        let mut unknown = Vec::new();
        let mut used: Vec<ContextKey> = Vec::new();
        let mut import_path = None;
        if let Some(program) = &service.program {
            used = keys(&service, program).filter(|key| contexts.contains_key(key)).collect();
            drop_impossible(program, &mut used, contexts);
            import_path = used.iter().find_map(|key| {
                let context = &contexts[key];
                Some(context.graph.node(context.program(&program.dir)?).import_path.to_string())
            });
            if !used.iter().any(|key| contexts[key].program(&program.dir).is_some()) {
                unknown.push(format!("no go.work or go.mod in force has {} among its modules", program.dir));
            }
            unknown.extend(used.iter().filter_map(|key| contexts[key].refused.clone()).collect::<BTreeSet<_>>());
            unknown.extend(notes::unknown_inputs(program, &used, contexts));
            unknown.extend(program.unknown.iter().cloned());
            items.extend(program_items(&service, program, &used));
        }
        items.sort_unstable_by(|left, right| left.subject.cmp(&right.subject));
        items.dedup_by(|left, right| left.subject == right.subject);
        files.sort_unstable_by_key(|set| set.digest);
        files.dedup_by_key(|set| set.digest);
        Self { service, import_path, contexts: used, items, files, fingerprint: None, unknown, images_of }
    }

    /// The items, and the files of all parts of the context but those that another state has, too; sorted, each once.
    pub fn items_beside(&self, other: Option<&Self>) -> Vec<Item> {
        let sets = self.files.iter().filter(|set| !other.is_some_and(|other| other.has_files(set)));
        let mut items: Vec<Item> = self.items.iter().chain(sets.flat_map(|set| &set.items)).cloned().collect();
        items.sort_by(|left, right| left.subject.cmp(&right.subject));
        items.dedup_by(|left, right| left.subject == right.subject);
        items
    }

    /// The parts of the context that another state does not have just so.
    pub fn files_beside(&self, other: &Self) -> Vec<&FileSet> {
        self.files.iter().map(|set| &**set).filter(|set| !other.has_files(set)).collect()
    }

    /// Whether an item is among the shared parts of the context, in the same state.
    pub fn shares(&self, item: &Item) -> bool {
        let same = |set: &FileSet| {
            let at = set.items.binary_search_by(|own| own.subject.cmp(&item.subject));
            at.ok().and_then(|at| set.items.get(at)).is_some_and(|own| own.same_state(item))
        };
        self.files.iter().any(|set| same(set))
    }

    fn has_files(&self, set: &FileSet) -> bool {
        self.files.binary_search_by_key(&set.digest, |own| own.digest).is_ok()
    }

    fn finish(&mut self, images: Vec<(String, Option<Digest>)>, contexts: &BTreeMap<ContextKey, Arc<Context>>) {
        for (name, fingerprint) in images {
            match fingerprint {
                Some(digest) => {
                    self.items.push(Item { subject: Subject::ImageOf(name), value: Value::Digest(digest) });
                }
                None => self.unknown.push(format!("its image starts from that of {name}, which cannot be known")),
            }
        }
        self.items.sort_unstable_by(|left, right| left.subject.cmp(&right.subject));
        self.fingerprint = self.unknown.is_empty().then(|| self.digest(contexts));
    }

    fn digest(&self, contexts: &BTreeMap<ContextKey, Arc<Context>>) -> Digest {
        let mut hasher = Hasher::new("service");
        hasher.count(SCHEME as usize).field(digest_of("service items", &self.items).as_bytes());
        hasher.count(self.files.len());
        for set in &self.files {
            hasher.field(set.digest.as_bytes());
        }
        for (program, key) in
            self.service.program.iter().flat_map(|program| self.contexts.iter().map(move |key| (program, key)))
        {
            let Some(context) = contexts.get(key) else { continue };
            hasher.field(key.target.label().as_bytes()).field(key.mode.to_string().as_bytes());
            hasher.field(digest_of("facts", &self.facts(context)).as_bytes());
            let nodes: Vec<NodeId> = context.programs(program).collect();
            hasher.count(nodes.len());
            for node in nodes {
                hasher.field(context.digests.deep(node).as_bytes());
                if context.digests.doubts(node).external {
                    hasher.field(context.external_digest.as_bytes());
                }
            }
        }
        hasher.finish()
    }

    /// Its programs, each in every context that it may be built in.
    pub fn programs<'s>(
        &'s self,
        snapshot: &'s Snapshot<'_>,
    ) -> impl Iterator<Item = (&'s ContextKey, &'s Context, NodeId)> {
        self.service.program.iter().flat_map(move |program| {
            let contexts = self.contexts.iter().filter_map(|key| Some((key, &**snapshot.contexts.get(key)?)));
            contexts.flat_map(move |(key, context)| context.programs(program).map(move |start| (key, context, start)))
        })
    }

    /// The facts of a context that count for this service: a configured toolchain overrides what go.mod asks for.
    pub fn facts(&self, context: &Context) -> Vec<Item> {
        let pinned = self.service.settings.go.toolchain.is_some();
        let counts = |item: &&Item| !(pinned && item.subject == Subject::Fact(Fact::Toolchain));
        context.facts.iter().filter(counts).cloned().collect()
    }
}

/// Without a fact that only a failing build could have, the others decide alone; if all fail, none is dropped.
fn drop_impossible(program: &Program, used: &mut Vec<ContextKey>, contexts: &BTreeMap<ContextKey, Arc<Context>>) {
    let is_possible = |key: &ContextKey| {
        let context = &contexts[key];
        let mut nodes = context.programs(program).peekable();
        context.refused.is_none()
            && nodes.peek().is_some()
            && nodes.all(|node| !context.digests.doubts(node).impossible)
    };
    let possible_modes: BTreeSet<Mode> = program
        .modes
        .iter()
        .filter(|mode| used.iter().any(|key| key.mode == **mode && is_possible(key)))
        .cloned()
        .collect();
    if !possible_modes.is_empty() {
        used.retain(|key| possible_modes.contains(&key.mode));
    }
}

fn program_items(service: &Service, program: &Program, used: &[ContextKey]) -> Vec<Item> {
    let go = &service.settings.go;
    let targets: BTreeSet<String> = used.iter().map(|key| key.target.label()).collect();
    let modes: BTreeSet<String> = used.iter().map(|key| key.mode.to_string()).collect();
    let list = |set: BTreeSet<String>| set.into_iter().collect::<Vec<_>>().join("; ");
    let mut items = vec![
        Item::text(Subject::Fact(Fact::Package), list(program.dirs().map(ToString::to_string).collect())),
        Item::text(Subject::Fact(Fact::Targets), format!("{} ({})", list(targets), list(modes))),
        Item::text(Subject::Fact(Fact::Flags), go.flags.join(" ")),
    ];
    items.extend(go.toolchain.iter().map(|version| Item::text(Subject::Fact(Fact::Toolchain), version.as_str())));
    items
}
