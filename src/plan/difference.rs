//! Turns two snapshots and a service into the reasons why its fingerprints differ.
//!
//! Only packages whose own digest differs are looked into, so the cost grows with the change. It never decides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::fingerprint::context::{Context, ContextKey};
use crate::fingerprint::context_files::FileSet;
use crate::fingerprint::external::reached_modules;
use crate::fingerprint::item::{Fact, InputKind, Item, Subject, Value};
use crate::fingerprint::package::package_items;
use crate::fingerprint::{ServiceState, Snapshot};
use crate::go::mode::Resolution;
use crate::graph::{Node, NodeId, Reach};
use crate::plan::reason::{At, Reason, ReasonKind};
use crate::repo::{ChangeSet, ChangeStatus, Digest, RepoPath};

/// Which packages of a context differ between base and head.
pub struct ContextDifference {
    /// Packages of head whose own digest is another than in base, or that base does not have.
    changed: Vec<(NodeId, Option<NodeId>)>,
    /// Packages that only base has.
    gone: Vec<NodeId>,
}

impl ContextDifference {
    /// Compares the packages of two contexts.
    pub fn new(base: &Context, head: &Context) -> Self {
        if std::ptr::eq(base, head) {
            return Self { changed: Vec::new(), gone: Vec::new() };
        }
        let counterpart = |from: &Context, id, to: &Context| to.graph.counterpart(from.graph.node(id));
        let mut changed = Vec::new();
        for (id, _) in head.graph.nodes() {
            let before = counterpart(head, id, base);
            if before.is_none_or(|before| base.digests.own(before) != head.digests.own(id)) {
                changed.push((id, before));
            }
        }
        let gone = base.graph.nodes().filter(|(id, _)| counterpart(base, *id, head).is_none());
        let gone = gone.map(|(id, _)| id).collect();
        Self { changed, gone }
    }
}

/// The differences of all contexts that base and head both have.
pub fn context_differences(base: &Snapshot<'_>, head: &Snapshot<'_>) -> BTreeMap<ContextKey, ContextDifference> {
    let both = head.contexts.iter().filter_map(|(key, context)| Some((key, base.contexts.get(key)?, context)));
    both.map(|(key, base, head)| (key.clone(), ContextDifference::new(base, head))).collect()
}

/// What two snapshots have to say of one service.
pub struct Question<'q> {
    /// The snapshot of base.
    pub base: &'q Snapshot<'q>,
    /// The snapshot of head.
    pub head: &'q Snapshot<'q>,
    /// What changed between them.
    pub changes: &'q ChangeSet,
    /// What changed between their contexts.
    pub differences: &'q BTreeMap<ContextKey, ContextDifference>,
    /// What changed between the parts of build contexts that services share.
    files: FileDifferences,
}

/// What differs between sets of files, compared once for all services that share them.
#[derive(Default)]
struct FileDifferences(Mutex<BTreeMap<[Digest; 2], Arc<Sides>>>);

/// The items of an old and a new set that differ.
type Sides = [Vec<Item>; 2];

impl FileDifferences {
    /// The items of each set that the other does not have in the same state.
    fn between(&self, old: &FileSet, new: &FileSet) -> Arc<Sides> {
        let key = [old.digest, new.digest];
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&key) {
            return Arc::clone(known);
        }
        let mut sides = [Vec::new(), Vec::new()];
        for (old, new) in merge(&old.items, &new.items) {
            sides[0].extend(old.cloned());
            sides[1].extend(new.cloned());
        }
        Arc::clone(lock().entry(key).or_insert_with(|| Arc::new(sides)))
    }
}

impl<'q> Question<'q> {
    /// A question about two snapshots, what changed between them, and what between their contexts.
    pub fn new(
        base: &'q Snapshot<'q>,
        head: &'q Snapshot<'q>,
        changes: &'q ChangeSet,
        differences: &'q BTreeMap<ContextKey, ContextDifference>,
    ) -> Self {
        Self { base, head, changes, differences, files: FileDifferences::default() }
    }

    /// All reasons why the fingerprint at head is not that at base; empty only if the two are equal.
    pub fn reasons(&self, before: &ServiceState, after: &ServiceState) -> Vec<Reason> {
        let mut found = Reasons { changes: self.changes, found: BTreeMap::new(), minor: BTreeMap::new() };
        let [old, new] = self.items(before, after);
        found.compare(&old, &new, &[], None);
        let program = before.service.program.as_ref().zip(after.service.program.as_ref());
        if let Some((before_program, after_program)) = program {
            for key in before.contexts.iter().filter(|key| after.contexts.contains(key)) {
                let contexts = self.base.contexts.get(key).zip(self.head.contexts.get(key));
                let (Some((base, head)), Some(difference)) = (contexts, self.differences.get(key)) else { continue };
                let mut pair = Pair { base, head, target: key.target.platform(), bounded: [false, false] };
                found.compare(&before.facts(base), &after.facts(head), &[], Some(&pair.target));
                let both = before_program.dirs().filter(|dir| after_program.dirs().any(|other| other == *dir));
                for (base_start, head_start) in both.filter_map(|dir| base.program(dir).zip(head.program(dir))) {
                    let is_bounded = |context: &Context, start| context.digests.doubts(start).external;
                    pair.bounded = [is_bounded(base, base_start), is_bounded(head, head_start)];
                    if base.digests.deep(base_start) != head.digests.deep(head_start) {
                        pair.compare_closures(difference, base_start, head_start, &mut found);
                    }
                    pair.compare_external(base_start, head_start, &mut found);
                }
            }
        }
        let targets = after.service.program.iter().flat_map(|program| &program.targets);
        found.finish(&targets.map(crate::service::target::TargetSpec::platform).collect())
    }
}

impl Question<'_> {
    /// The items of two states in which they may differ.
    fn items(&self, before: &ServiceState, after: &ServiceState) -> [Vec<Item>; 2] {
        let [old, new] = [(before, after), (after, before)].map(|(state, other)| state.files_beside(other));
        if let ([old], [new]) = (&old[..], &new[..]) {
            let differing = self.files.between(old, new);
            let with = |state: &ServiceState, other: &ServiceState, files: &[Item]| {
                let mut items: Vec<Item> = state.items.iter().filter(|item| !other.shares(item)).cloned().collect();
                items.extend(files.iter().cloned());
                items.sort_by(|left, right| left.subject.cmp(&right.subject));
                items.dedup_by(|left, right| left.subject == right.subject);
                items
            };
            return [with(before, after, &differing[0]), with(after, before, &differing[1])];
        }
        [before.items_beside(Some(after)), after.items_beside(Some(before))]
    }
}

/// One context at base and at head.
struct Pair<'p> {
    base: &'p Context,
    head: &'p Context,
    target: String,
    /// Whether the external modules of the program are bounded only, at base and at head.
    bounded: [bool; 2],
}

impl Pair<'_> {
    fn compare_closures(
        &self,
        difference: &ContextDifference,
        base_start: NodeId,
        head_start: NodeId,
        found: &mut Reasons<'_>,
    ) {
        let base_reach = self.base.graph.reach(base_start);
        let head_reach = self.head.graph.reach(head_start);
        for (id, before) in &difference.changed {
            let before = before.filter(|before| base_reach.contains(*before));
            let old = before.map_or_else(Vec::new, |before| package_items(self.base.graph.node(before)));
            if head_reach.contains(*id) {
                let chain = chain(self.head, &head_reach, *id);
                let node = self.head.graph.node(*id);
                self.compare_package(node, &old, &package_items(node), &chain, found);
            } else if let Some(before) = before {
                let chain = chain(self.base, &base_reach, before);
                self.compare_package(self.base.graph.node(before), &old, &[], &chain, found);
            }
        }
        for id in difference.gone.iter().filter(|id| base_reach.contains(**id)) {
            let chain = chain(self.base, &base_reach, *id);
            let node = self.base.graph.node(*id);
            self.compare_package(node, &package_items(node), &[], &chain, found);
        }
    }

    /// What external packages import follows from the versions of their modules, and what an import means that only one
    /// side knows follows from that.
    fn compare_package(&self, node: &Node, old: &[Item], new: &[Item], chain: &[Arc<str>], found: &mut Reasons<'_>) {
        let is_external = |path: &Arc<str>| {
            let found = node.imports.iter().find(|(used, _)| used.path == *path);
            found.is_some_and(|(_, meaning)| matches!(meaning.resolution, Resolution::External(_)))
        };
        let is_minor = |item: &Item| match &item.subject {
            Subject::Import { import, .. } => {
                node.external().is_some() || (self.bounded[0] != self.bounded[1] && is_external(import))
            }
            _ => false,
        };
        for (old, new) in merge(old, new) {
            let minor = old.is_none_or(is_minor) && new.is_none_or(is_minor);
            found.add(old, new, chain, Some(&self.target), minor);
        }
    }

    /// Changed external modules, with the chain to the package that uses each, or most likely does.
    fn compare_external(&self, base_start: NodeId, head_start: NodeId, found: &mut Reasons<'_>) {
        let same_packages = self.base.digests.deep(base_start) == self.head.digests.deep(head_start);
        let bounds = self.bounded;
        if same_packages && (bounds == [false, false] || self.base.external_digest == self.head.external_digest) {
            return;
        }
        let (base_reach, reach) = (self.base.graph.reach(base_start), self.head.graph.reach(head_start));
        let exact = [reached_modules(&self.base.graph, &base_reach), reached_modules(&self.head.graph, &reach)];
        let mut add = |old: &[Item], new: &[Item], is_change: &dyn Fn(&Item, &Item) -> bool| {
            for (old, new) in merge(old, new) {
                if old.zip(new).is_some_and(|(old, new)| !is_change(old, new)) {
                    continue;
                }
                let Some(Subject::External(module)) = old.or(new).map(|item| &item.subject) else { continue };
                let chain = match new {
                    Some(_) => chain_to_module(self.head, &reach, module),
                    None => chain_to_module(self.base, &base_reach, module),
                };
                found.add(old, new, &chain, Some(&self.target), false);
            }
        };
        match bounds {
            [true, true] => add(&self.base.external, &self.head.external, &|_, _| true),
            [false, false] => add(&exact[0], &exact[1], &|_, _| true),
            // No external module is used on one side.
            _ if exact.iter().zip(bounds).any(|(exact, is_bound)| !is_bound && exact.is_empty()) => {}
            // What is known of the two sides differs, so only what can be compared is.
            _ => {
                let [old, new] = [(bounds[0], &exact[0], self.base), (bounds[1], &exact[1], self.head)]
                    .map(|(is_bound, exact, context)| if is_bound { &context.external } else { exact });
                let in_both = |items: &[Item], others: &[Item]| -> Vec<Item> {
                    let has = |item: &&Item| others.iter().any(|other| other.subject == item.subject);
                    items.iter().filter(has).cloned().collect()
                };
                add(&in_both(old, new), &in_both(new, old), &|old, new| old.value.shown() != new.value.shown());
                let knowledge = |is_bound| {
                    let text = if is_bound { "bounded by go.mod" } else { "known from build-plan.lock" };
                    Item::text(Subject::Fact(Fact::ExternalModules), text)
                };
                found.add(Some(&knowledge(bounds[0])), Some(&knowledge(bounds[1])), &[], Some(&self.target), false);
            }
        }
    }
}

/// No sensible program imports deeper; in a made-up one, full chains would be as large as the square of the packages.
const LONGEST_CHAIN: usize = 64;

/// The import paths of a chain; of one that is too long, its two ends.
fn chain(context: &Context, reach: &Reach, to: NodeId) -> Vec<Arc<str>> {
    let ids = reach.chain(to);
    let path = |id: &NodeId| Arc::clone(&context.graph.node(*id).import_path);
    if ids.len() <= LONGEST_CHAIN {
        return ids.iter().map(path).collect();
    }
    let half = LONGEST_CHAIN / 2;
    let ends = ids[..half].iter().map(path).chain([Arc::from("…")]);
    ends.chain(ids[ids.len() - half..].iter().map(path)).collect()
}

/// The nearest package of the module, if it is known; the nearest that imports something below the module's path; else the nearest that imports any external.
fn chain_to_module(context: &Context, reach: &Reach, module: &str) -> Vec<Arc<str>> {
    let is_of_module = |id: &&NodeId| context.graph.node(**id).external().is_some_and(|of| of.module.path == module);
    if let Some(id) = reach.nodes().iter().find(is_of_module) {
        return chain(context, reach, *id);
    }
    let below = |path: &str| path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let importing = reach.nodes().iter().find_map(|id| {
        let used = context.graph.node(*id).imports.iter().find(|(used, _)| below(&used.path))?;
        Some((*id, Arc::clone(&used.0.path)))
    });
    match importing {
        Some((id, import)) => {
            let mut chain = chain(context, reach, id);
            chain.push(import);
            chain
        }
        None => {
            let any = reach.nodes().iter().find(|id| context.graph.node(**id).imports_unknown());
            any.map_or_else(Vec::new, |id| chain(context, reach, *id))
        }
    }
}

/// Collects reasons; the same reason in several targets is one.
struct Reasons<'r> {
    changes: &'r ChangeSet,
    found: BTreeMap<Reason, BTreeSet<String>>,
    /// Those that count only if there are no others.
    minor: BTreeMap<Reason, BTreeSet<String>>,
}

impl Reasons<'_> {
    fn compare(&mut self, old: &[Item], new: &[Item], chain: &[Arc<str>], target: Option<&str>) {
        for (old, new) in merge(old, new) {
            self.add(old, new, chain, target, false);
        }
    }

    fn add(&mut self, old: Option<&Item>, new: Option<&Item>, chain: &[Arc<str>], target: Option<&str>, minor: bool) {
        let Some(item) = new.or(old) else { return };
        let mut reason = Reason {
            distance: distance_of(&item.subject, chain),
            at: Some(if new.is_some() { At::Head } else { At::Base }),
            chain: chain.to_vec(),
            ..Reason::rule(kind_of(&item.subject))
        };
        match &item.subject {
            Subject::File(_, path) => {
                let changed = self.changes.status(path);
                reason.status = changed.or((old.is_some() && new.is_some()).then_some(ChangeStatus::Modified));
                reason.path = Some(path.clone());
            }
            Subject::Import { import, .. } => reason.subject = Some(import.to_string()),
            Subject::Language(name) | Subject::ModuleVersion(name) | Subject::External(name) => {
                reason.subject = Some(name.to_string());
            }
            Subject::Fact(fact) => reason.subject = Some(fact.as_str().to_owned()),
            Subject::Environment(name) | Subject::Setting(name) | Subject::BaseImage(name) | Subject::ImageOf(name) => {
                reason.subject = Some(name.clone());
            }
        }
        if !matches!(item.value, Value::File(_) | Value::Digest(_)) {
            reason.from = old.map(|item| item.value.shown());
            reason.to = new.map(|item| item.value.shown());
        }
        let reasons = if minor { &mut self.minor } else { &mut self.found };
        reasons.entry(reason).or_default().extend(target.map(ToOwned::to_owned));
    }

    fn finish(self, all_targets: &BTreeSet<String>) -> Vec<Reason> {
        let mut reasons: Vec<Reason> = Vec::new();
        let found = if self.found.is_empty() { self.minor } else { self.found };
        for (mut reason, targets) in found {
            if !targets.is_empty() && targets != *all_targets && all_targets.len() > 1 {
                reason.target = Some(targets.into_iter().collect::<Vec<_>>().join(", "));
            }
            reasons.push(reason);
        }
        if reasons.iter().any(|reason| !reason.is_consequence()) {
            reasons.retain(|reason| !reason.is_consequence());
        }
        drop_repeated(&mut reasons);
        reasons
    }
}

/// Drops what says nothing new: that a file is copied into the image where it is named already as the Dockerfile, an
/// embedded file and so on; and a fact of a module for each of its packages but the nearest.
fn drop_repeated(reasons: &mut Vec<Reason>) {
    let others = reasons.iter().filter(|reason| reason.kind != ReasonKind::ContextFile);
    let named: BTreeSet<RepoPath> = others.filter_map(|reason| reason.path.clone()).collect();
    let mut modules = BTreeSet::new();
    reasons.retain(|reason| match reason.kind {
        ReasonKind::ContextFile => reason.path.as_ref().is_none_or(|path| !named.contains(path)),
        ReasonKind::LanguageVersion | ReasonKind::Vendoring => {
            let Reason { kind, subject, from, to, target, .. } = reason;
            modules.insert([Some(kind.as_str().to_owned()), subject.clone(), from.clone(), to.clone(), target.clone()])
        }
        _ => true,
    });
}

/// Pairs the items of two sorted lists by subject, leaving out those that are the same in both.
fn merge<'i>(old: &'i [Item], new: &'i [Item]) -> Vec<(Option<&'i Item>, Option<&'i Item>)> {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    let mut pairs = Vec::new();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return pairs,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(left), Some(right)) => left.subject.cmp(&right.subject),
        };
        let pair = match order {
            std::cmp::Ordering::Less => (old.next(), None),
            std::cmp::Ordering::Greater => (None, new.next()),
            std::cmp::Ordering::Equal => (old.next(), new.next()),
        };
        if !matches!(pair, (Some(left), Some(right)) if left.same_state(right)) {
            pairs.push(pair);
        }
    }
}

/// The nearest reasons come first. That more or less is known than before is the last thing that anybody wants to hear.
fn distance_of(subject: &Subject, chain: &[Arc<str>]) -> usize {
    if *subject == Subject::Fact(Fact::ExternalModules) { usize::MAX } else { chain.len() }
}

fn kind_of(subject: &Subject) -> ReasonKind {
    match subject {
        Subject::File(kind, _) => match kind {
            InputKind::Go | InputKind::Cgo => ReasonKind::GoFile,
            InputKind::C
            | InputKind::Cxx
            | InputKind::M
            | InputKind::F
            | InputKind::H
            | InputKind::S
            | InputKind::Syso
            | InputKind::Swig => ReasonKind::SourceFile,
            InputKind::Embed => ReasonKind::EmbedFile,
            InputKind::Include => ReasonKind::CInclude,
            InputKind::Pgo => ReasonKind::PgoProfile,
            InputKind::Dockerfile => ReasonKind::Dockerfile,
            InputKind::Dockerignore => ReasonKind::Dockerignore,
            InputKind::Context => ReasonKind::ContextFile,
            InputKind::Declared => ReasonKind::DeclaredInput,
            InputKind::Global | InputKind::Conversion => ReasonKind::GlobalInput,
        },
        Subject::Import { .. } => ReasonKind::Resolution,
        Subject::Language(_) | Subject::Fact(Fact::GoVersion) => ReasonKind::LanguageVersion,
        Subject::ModuleVersion(_) => ReasonKind::Vendoring,
        Subject::External(_) | Subject::Fact(Fact::ExternalModules) => ReasonKind::ExternalModule,
        Subject::Fact(Fact::Godebug) => ReasonKind::Godebug,
        Subject::Fact(Fact::Toolchain) => ReasonKind::Toolchain,
        Subject::Fact(Fact::Flags | Fact::Targets) => ReasonKind::BuildFlags,
        Subject::Fact(Fact::Package) | Subject::Setting(_) => ReasonKind::ServiceConfig,
        Subject::Environment(_) => ReasonKind::Environment,
        Subject::BaseImage(_) => ReasonKind::BaseImage,
        Subject::ImageOf(_) => ReasonKind::ImageDependency,
    }
}
