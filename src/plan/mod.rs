//! Turns two snapshots, the change set and the ledger's records into a [`Plan`]: for every service build or skip, the
//! reasons, and the steps that follow.
//!
//! Every command shows or executes the same value. It never reads a tree, and never makes a plan smaller on a doubt.

pub mod difference;
pub mod packages;
pub mod reason;
pub mod report;
pub mod saved;
pub mod shards;
pub mod why_not;

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use crate::config::{Glob, Unseen};
use crate::fingerprint::{ServiceState, Snapshot, cache_key};
use crate::plan::difference::{Question, context_differences};
use crate::plan::reason::{Reason, ReasonKind};
use crate::repo::{ChangeSet, ChangeStatus, Digest, Note, NoteKind, ObjectId, RepoPath};

/// What is to be done, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What head is compared with; `None` with `--all`, or if the base could not be had.
    pub base: Option<BaseRevision>,
    /// What is planned.
    pub head: HeadRevision,
    /// Which ledger was consulted.
    pub ledger: &'static str,
    /// What the user should know about how the plan was made, sorted.
    pub notes: Vec<Note>,
    /// Every changed path, sorted, with the services that have it among their reasons.
    pub changed_files: Vec<ChangedFile>,
    /// Services that only base has.
    pub removed: Vec<String>,
    /// All services of head, by name.
    pub services: Vec<PlannedService>,
    /// The steps, those that others need first.
    pub steps: Vec<Step>,
}

/// The commit that head is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseRevision {
    /// The revision as it was asked for.
    pub rev: String,
    /// The commit compared with.
    pub commit: ObjectId,
    /// Whether that is the merge base of the revision and head, rather than the revision itself.
    pub merge_base: bool,
    /// Which rule chose it.
    pub source: &'static str,
    /// That rule in words, where a CI provider's event decided.
    pub rule: Option<&'static str>,
}

/// The tree that is planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadRevision {
    /// The revision as it was asked for; `None` for what is checked out.
    pub rev: Option<String>,
    /// The commit, or the one that the working copy stands on.
    pub commit: ObjectId,
    /// The tree of the commit.
    pub tree: ObjectId,
    /// Whether the working copy is planned, not the commit.
    pub working_copy: bool,
    /// Whether the working copy differs from the commit.
    pub dirty: bool,
}

/// A path that differs between base and head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedFile {
    /// The path.
    pub path: RepoPath,
    /// What happened to it.
    pub status: ChangeStatus,
    /// The services that have it among their reasons, sorted.
    pub services: Vec<String>,
}

/// One service in a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedService {
    /// Its name.
    pub name: String,
    /// The import path of its main package.
    pub package: Option<String>,
    /// The folder of its main package, or of its Dockerfile.
    pub dir: RepoPath,
    /// Build or skip.
    pub decision: Decision,
    /// Whether it differs from base, whatever the ledger says.
    pub affected: bool,
    /// The fingerprint at head; `None` if an input cannot be known.
    pub fingerprint: Option<Digest>,
    /// The fingerprint at base.
    pub base_fingerprint: Option<Digest>,
    /// The digest of the image, where the ledger knows it.
    pub digest: Option<String>,
    /// The key of a cache for what its build takes from outside the repository; `None` without a Go program, or if
    /// nothing is to be done.
    pub cache_key: Option<Digest>,
    /// The services whose images it starts from.
    pub images_of: BTreeSet<String>,
    /// How much work it is, relative to others.
    pub weight: u64,
    /// What it is built for.
    pub targets: Vec<PlannedTarget>,
    /// Why, most telling first; never empty.
    pub reasons: Vec<Reason>,
    /// The image.
    pub image: PlannedImage,
}

/// One target of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedTarget {
    /// `linux/amd64`.
    pub platform: String,
    /// Build tags that are set.
    pub build_tags: Vec<String>,
    /// Whether cgo is on; `None` if that is not known.
    pub cgo: Option<bool>,
}

/// How the image of a service is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedImage {
    /// Where it is pushed to.
    pub repository: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its Dockerfile.
    pub dockerfile: Option<RepoPath>,
    /// The build context.
    pub context: RepoPath,
    /// The stage to build.
    pub target: Option<String>,
    /// Build arguments.
    pub build_args: BTreeMap<String, String>,
    /// What builds it.
    pub builder: &'static str,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Build secrets: where they are, not what they are.
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

/// What is done with a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// It is built.
    Build,
    /// It is left as it is.
    Skip,
}

impl Decision {
    /// The name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Skip => "skip",
        }
    }
}

/// One build, push or tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// `SERVICE/build`.
    pub id: String,
    /// What is done.
    pub kind: StepKind,
    /// For which service.
    pub service: String,
    /// The steps that must have ended well before.
    pub needs: Vec<String>,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// Builds the image.
    Build,
    /// Pushes it.
    Push,
    /// Gives more tags to the image that its repository has.
    Tag,
}

impl StepKind {
    /// The name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Push => "push",
            Self::Tag => "tag",
        }
    }
}

/// What a ledger says of a service and a fingerprint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Record {
    /// It has never seen the service.
    #[default]
    Unseen,
    /// It has other records of the service: older fingerprints, or attempts that failed.
    Others,
    /// This fingerprint is built, to this digest, but not pushed.
    Built(Option<String>),
    /// This fingerprint is built and pushed.
    Pushed {
        /// The digest of the image.
        digest: Option<String>,
        /// The tags that its repository has for it.
        tags: BTreeSet<String>,
    },
    /// Who would know could not be asked, for this reason.
    Unanswered(String),
}

/// What the user asked for.
pub struct PlanRequest<'r> {
    /// What is planned.
    pub head: HeadRevision,
    /// What it is compared with; `None` with `--all`.
    pub base: Option<BaseRevision>,
    /// Why there is no base, unless the user wants none.
    pub missing_base: Option<String>,
    /// Which ledger is consulted.
    pub ledger: &'static str,
    /// What the ledger says of a service with a fingerprint.
    pub record: &'r (dyn Fn(&str, &Digest) -> Record + Sync),
    /// What to do with a service that the ledger has never seen.
    pub unseen: Unseen,
    /// Build the selected services whatever the ledger and the base say.
    pub force: bool,
    /// Plan pushes too.
    pub push: bool,
    /// The services asked for; empty for all.
    pub selection: Selection,
    /// The tags of a service with a fingerprint.
    pub tags: &'r (dyn Fn(&ServiceState) -> Vec<String> + Sync),
    /// The image repository of a service.
    pub repository: &'r (dyn Fn(&ServiceState) -> Option<String> + Sync),
    /// A template of a service's settings with its placeholders filled.
    pub fill: &'r (dyn Fn(&ServiceState, &str) -> String + Sync),
}

/// Which services the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Names; empty for all.
    pub names: BTreeSet<String>,
    /// Only services whose name or folder matches one of these; empty for all.
    pub filters: Vec<Glob>,
    /// No service whose name or folder matches one of these.
    pub excludes: Vec<Glob>,
}

impl Selection {
    /// Whether a service is asked for.
    pub fn contains(&self, service: &ServiceState) -> bool {
        let name = RepoPath::from_clean(service.service.name.as_bytes());
        let dir = dir_of(service);
        let matches = |glob: &Glob| glob.matches(&name) || glob.matches(&dir);
        (self.names.is_empty() || self.names.contains(&service.service.name))
            && (self.filters.is_empty() || self.filters.iter().any(matches))
            && !self.excludes.iter().any(matches)
    }
}

impl Plan {
    /// Decides for every service of head. `base` is the snapshot of the base, if there is one.
    pub fn new(
        base: Option<&Snapshot<'_>>,
        head: &Snapshot<'_>,
        changes: &ChangeSet,
        request: PlanRequest<'_>,
    ) -> Self {
        let differences = base.map(|base| context_differences(base, head)).unwrap_or_default();
        let question = base.map(|base| Question::new(base, head, changes, &differences));
        let states: Vec<&ServiceState> = head.services.values().collect();
        let wanted = with_images(&request.selection, head);
        let decided: Vec<(PlannedService, Work)> = states
            .into_par_iter()
            .map(|state| {
                decide(question.as_ref(), head, state, (&request, wanted.contains(state.service.name.as_str())))
            })
            .collect();
        let (services, work): (Vec<PlannedService>, Vec<Work>) = decided.into_iter().unzip();
        let removed = base.iter().flat_map(|base| base.services.keys());
        let removed = removed.filter(|name| !head.services.contains_key(*name)).cloned().collect();
        let mut notes = head.notes.clone();
        notes.extend(
            request
                .missing_base
                .as_ref()
                .map(|reason| Note::general(NoteKind::MissingBase, format!("{reason}; everything is built"))),
        );
        notes.retain(|note| note.service.as_ref().is_none_or(|name| request.selection.is_named(name)));
        notes.sort_unstable();
        notes.dedup();
        let steps = steps(services.iter().map(|service| service.name.as_str()).zip(work), head, request.push);
        Self {
            base: request.base,
            head: request.head,
            ledger: request.ledger,
            notes,
            changed_files: changed_files(changes, &services),
            removed,
            services,
            steps,
        }
    }

    /// The services that are built.
    pub fn builds(&self) -> impl Iterator<Item = &PlannedService> {
        self.services.iter().filter(|service| service.decision == Decision::Build)
    }

    /// Leaves out the steps of all services but these; those that would have been built then count as filtered.
    pub fn keep_only(&mut self, names: &BTreeSet<String>) {
        self.steps.retain(|step| names.contains(&step.service));
        for service in self.services.iter_mut().filter(|service| !names.contains(&service.name)) {
            if service.decision == Decision::Build {
                service.decision = Decision::Skip;
                service.reasons = vec![Reason::rule(ReasonKind::Filtered)];
            }
        }
        let known: BTreeSet<String> = self.steps.iter().map(|step| step.id.clone()).collect();
        for step in &mut self.steps {
            step.needs.retain(|needed| known.contains(needed));
        }
    }

    /// The services that fall to one of several jobs. It goes by all that were asked for, stale or not: what is stale
    /// changes while the other jobs run, and none may be left to nobody.
    pub fn in_shard(&self, shard: shards::Shard) -> BTreeSet<String> {
        let is_filtered = |service: &PlannedService| service.reasons.iter().any(|one| one.kind == ReasonKind::Filtered);
        let asked_for = self.services.iter().filter(|service| !is_filtered(service));
        let items = asked_for.map(|service| shards::Item {
            name: &service.name,
            weight: service.weight,
            needs: service.images_of.iter().map(String::as_str).collect(),
        });
        shards::members(shard, &items.collect::<Vec<_>>())
    }

    /// One service by name.
    pub fn service(&self, name: &str) -> Option<&PlannedService> {
        self.services.iter().find(|service| service.name == name)
    }
}

impl Selection {
    fn is_named(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.contains(name)
    }
}

/// What is left to do for a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// Everything.
    Build,
    /// The image is there, and has to be pushed.
    Push,
    /// The image is at its destination, and lacks tags there.
    Tag,
    Nothing,
}

/// The services that are asked for, and those whose images they start from: without these they would be built from what
/// was there before.
pub fn with_images<'s>(selection: &Selection, head: &'s Snapshot<'_>) -> BTreeSet<&'s str> {
    let asked_for = head.services.values().filter(|state| selection.contains(state));
    let mut wanted: BTreeSet<&str> = BTreeSet::new();
    let mut next: Vec<&str> = asked_for.map(|state| state.service.name.as_str()).collect();
    while let Some(name) = next.pop() {
        if wanted.insert(name) {
            next.extend(head.services.get(name).into_iter().flat_map(|state| &state.images_of).map(String::as_str));
        }
    }
    wanted
}

/// Section 4 of the decision rules, in their order.
fn decide(
    question: Option<&Question<'_>>,
    head: &Snapshot<'_>,
    state: &ServiceState,
    (request, is_wanted): (&PlanRequest<'_>, bool),
) -> (PlannedService, Work) {
    let before = question.and_then(|question| question.base.services.get(&state.service.name));
    let base_fingerprint = before.and_then(|before| before.fingerprint);
    let differs = state.fingerprint.is_none() || state.fingerprint != base_fingerprint;
    let record = state.fingerprint.as_ref().map(|digest| (request.record)(&state.service.name, digest));
    let changes = || match (question, before) {
        (None, _) => vec![Reason::rule(ReasonKind::MissingBase)],
        (Some(_), None) => vec![Reason::rule(ReasonKind::NewService)],
        (Some(_), Some(before)) if before.fingerprint.is_none() && state.fingerprint.is_some() => {
            vec![Reason { to: before.unknown.first().cloned(), ..Reason::rule(ReasonKind::MissingBase) }]
        }
        (Some(question), Some(before)) => question.reasons(before, state),
    };
    let unknown = || {
        let reasons =
            state.unknown.iter().map(|what| Reason { to: Some(what.clone()), ..Reason::rule(ReasonKind::Unknown) });
        reasons.collect::<Vec<_>>()
    };
    let mut digest = None;
    let mut work = Work::Nothing;
    let image = image(state, request);
    let (decision, reasons) = if !is_wanted {
        (Decision::Skip, vec![Reason::rule(ReasonKind::Filtered)])
    } else if state.fingerprint.is_none() {
        let mut reasons = unknown();
        reasons.extend(before.is_some().then(changes).into_iter().flatten());
        (Decision::Build, reasons)
    } else if request.force && request.selection.contains(state) {
        let mut reasons = vec![Reason::rule(ReasonKind::Forced)];
        reasons.extend(if differs && question.is_some() { changes() } else { Vec::new() });
        (Decision::Build, reasons)
    } else {
        match record.unwrap_or_default() {
            Record::Built(known) => {
                digest = known;
                work = if request.push { Work::Push } else { Work::Nothing };
                (Decision::Skip, vec![Reason::rule(ReasonKind::AlreadyBuilt)])
            }
            Record::Pushed { digest: known, tags } => {
                let has_all = image.tags.iter().all(|tag| tags.contains(tag));
                digest = known;
                work = if request.push && !has_all { Work::Tag } else { Work::Nothing };
                (Decision::Skip, vec![Reason::rule(ReasonKind::AlreadyBuilt)])
            }
            // Nobody may take for done what nobody knows to be done.
            Record::Unanswered(why) => {
                let mut reasons = vec![Reason { to: Some(why), ..Reason::rule(ReasonKind::NotBuiltYet) }];
                reasons.extend(if differs && question.is_some() { changes() } else { Vec::new() });
                (Decision::Build, reasons)
            }
            Record::Others | Record::Unseen if differs => (Decision::Build, changes()),
            Record::Unseen if request.unseen == Unseen::Compare => {
                (Decision::Skip, vec![Reason::rule(ReasonKind::Unchanged)])
            }
            Record::Others | Record::Unseen => (Decision::Build, vec![Reason::rule(ReasonKind::NotBuiltYet)]),
        }
    };
    if decision == Decision::Build {
        work = Work::Build;
    }
    let service = PlannedService {
        name: state.service.name.clone(),
        package: state.import_path.clone(),
        dir: dir_of(state),
        decision,
        affected: differs,
        fingerprint: state.fingerprint,
        base_fingerprint,
        digest,
        cache_key: if work == Work::Build { cache_key(head, state) } else { None },
        images_of: state.images_of.clone(),
        weight: state.service.settings.weight,
        targets: targets(state),
        reasons,
        image,
    };
    (service, work)
}

fn dir_of(state: &ServiceState) -> RepoPath {
    match &state.service.program {
        Some(program) => program.dir.clone(),
        None => state.service.own_folder.clone(),
    }
}

fn targets(state: &ServiceState) -> Vec<PlannedTarget> {
    let targets = state.service.program.iter().flat_map(|program| &program.targets);
    targets
        .map(|target| PlannedTarget {
            platform: target.platform(),
            build_tags: target.tags.iter().cloned().collect(),
            cgo: target.cgo,
        })
        .collect()
}

fn image(state: &ServiceState, request: &PlanRequest<'_>) -> PlannedImage {
    let settings = &state.service.settings.image;
    let filled = |templates: &[String]| templates.iter().map(|template| (request.fill)(state, template)).collect();
    PlannedImage {
        repository: (request.repository)(state),
        tags: (request.tags)(state),
        dockerfile: state.service.dockerfile.clone(),
        context: state.service.context.clone(),
        target: settings.target.clone(),
        build_args: settings.build_args.clone(),
        builder: settings.builder.as_str(),
        labels: settings.labels.clone(),
        secrets: settings.secrets.clone(),
        ssh: settings.ssh.clone(),
        cache_from: filled(&settings.cache_from),
        cache_to: filled(&settings.cache_to),
        provenance: settings.provenance.clone(),
    }
}

/// Builds come in the order of their needs; a push follows its build. What is built already only has to be pushed or
/// tagged, which nothing waits for.
fn steps<'s>(work: impl Iterator<Item = (&'s str, Work)>, head: &Snapshot<'_>, push: bool) -> Vec<Step> {
    let mut waiting: BTreeSet<&str> = BTreeSet::new();
    let mut others = Vec::new();
    let step = |name: &str, kind: StepKind, needs: Vec<String>| Step {
        id: format!("{name}/{}", kind.as_str()),
        kind,
        service: name.to_owned(),
        needs,
    };
    for (name, work) in work {
        match work {
            Work::Build => drop(waiting.insert(name)),
            Work::Push => others.push(step(name, StepKind::Push, Vec::new())),
            Work::Tag => others.push(step(name, StepKind::Tag, Vec::new())),
            Work::Nothing => {}
        }
    }
    let built = waiting.clone();
    let mut steps = Vec::new();
    while !waiting.is_empty() {
        let images_of = |name: &str| head.services.get(name).into_iter().flat_map(|state| &state.images_of);
        let mut ready: Vec<&str> =
            waiting.iter().copied().filter(|name| images_of(name).all(|of| !waiting.contains(of.as_str()))).collect();
        // A circle of images has been reported as a problem before a plan is made; it must not hang here.
        if ready.is_empty() {
            ready = waiting.iter().copied().collect();
        }
        for name in ready {
            waiting.remove(name);
            // Not every builder finds an image that is not in its registry yet.
            let last = if push { StepKind::Push } else { StepKind::Build }.as_str();
            let needs = images_of(name).filter(|of| built.contains(of.as_str())).map(|of| format!("{of}/{last}"));
            let build = step(name, StepKind::Build, needs.collect());
            let push = push.then(|| step(name, StepKind::Push, vec![build.id.clone()]));
            steps.push(build);
            steps.extend(push);
        }
    }
    steps.extend(others);
    steps
}

fn changed_files(changes: &ChangeSet, services: &[PlannedService]) -> Vec<ChangedFile> {
    let mut users: BTreeMap<&RepoPath, BTreeSet<&str>> = BTreeMap::new();
    for service in services {
        for path in service.reasons.iter().filter_map(|reason| reason.path.as_ref()) {
            users.entry(path).or_default().insert(&service.name);
        }
    }
    let file = |change: crate::repo::Change| {
        let services = users.get(&change.path).into_iter().flatten().map(|name| (*name).to_owned()).collect();
        ChangedFile { path: change.path, status: change.status, services }
    };
    changes.iter().map(file).collect()
}
