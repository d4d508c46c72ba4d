//! From arguments to two snapshots: opens the repository, finds base and head, reads the configuration of each tree,
//! and hands the whole to a command. All commands that compare go through here, so they cannot disagree.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::ci::{self, CiBase, Provider};
use crate::cli::args::{ComparisonArguments, GlobalArguments, LedgerChoice, OnMissingBase, SelectionArguments};
use crate::cli::output::{Failure, Output, read_file};
use crate::config::{Config, Glob, LedgerStore, check_repository, check_tag, fill_template, nearest};
use crate::fingerprint::{ServiceState, Snapshot, SnapshotOptions};
use crate::git::{Base, BaseRequest, BaseSource, Commit, CommitTree, GitError, ProviderBase, Repository, WorkingTree};
use crate::go::workspace::Workspace;
use crate::ledger::local::LocalLedger;
use crate::ledger::registry::RegistryLedger;
use crate::ledger::{self, Image, Ledger, NoLedger, Query};
use crate::plan::difference::{Question, context_differences};
use crate::plan::{BaseRevision, HeadRevision, Plan, PlanRequest, Record, Selection, with_images};
use crate::registry::{Credentials, Registry};
use crate::render::words;
use crate::repo::{ChangeSet, EntryKind, Note, NoteKind, ObjectId, RepoPath, Tree};

/// The configuration file at the root of each tree.
const CONFIG_FILE: &str = "build-plan.toml";

/// Event files are smaller than this: GitHub's are at most 25 MB.
const MAX_EVENT: u64 = 32 << 20;

/// Everything that a command can be asked about.
pub(super) struct Comparison<'c> {
    /// The snapshot of the base, if there is one.
    pub(super) base: Option<&'c Snapshot<'c>>,
    /// The snapshot of head.
    pub(super) head: &'c Snapshot<'c>,
    /// What changed between them.
    pub(super) changes: &'c ChangeSet,
    /// Where it is recorded what was built.
    pub(super) ledger: &'c dyn Ledger,
    /// The registries of the images, unless nothing is recorded.
    pub(super) registry: Option<&'c Registry>,
    head_tree: &'c Head<'c>,
    details: &'c Details,
    repository: &'c Repository,
}

/// A plan, and what the ledger had to say.
pub(super) struct Planned {
    pub(super) plan: Plan,
    /// The images that are built already, by service.
    pub(super) images: BTreeMap<String, Image>,
    /// The tags that they have at their destinations, by service.
    pub(super) tagged: BTreeMap<String, BTreeSet<String>>,
}

/// What the ledger had to say, by service.
#[derive(Default)]
struct Known {
    records: BTreeMap<String, Record>,
    images: BTreeMap<String, Image>,
    tagged: BTreeMap<String, BTreeSet<String>>,
}

/// What was asked for and found, beside the trees.
struct Details {
    config: Config,
    base: Option<Base>,
    missing_base: Option<String>,
    head: HeadRevision,
    branch: Option<String>,
    ci: CiBase,
}

/// Compares as the arguments say, and gives the result to `then`.
pub(super) fn compare<T>(
    global: &GlobalArguments,
    arguments: &ComparisonArguments,
    every_package: bool,
    then: impl FnOnce(&Comparison<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let start = global.directory.as_deref().unwrap_or(Path::new("."));
    let repository = Repository::discover(start)?;
    let ci = ci_base();
    let head = Head::open(&repository, arguments, ci.provider)?;
    let folder = global.directory.as_deref().unwrap_or(Path::new(""));
    let shared = global.config.as_ref().map(|file| read_config_file(&folder.join(file))).transpose()?;
    let config = match &shared {
        Some(config) => config.clone(),
        None => config_of(head.tree())?.unwrap_or_default(),
    };
    let mut details = Details {
        missing_base: None,
        base: None,
        branch: repository.current_branch()?.or_else(|| ci.branch.clone()),
        head: head.revision(arguments)?,
        config,
        ci,
    };
    let store = arguments.ledger.map_or(details.config.ledger.store, LedgerChoice::store);
    details.config.ledger = std::mem::take(&mut details.config.ledger).with_store(store);
    let (ledger, registry) = ledger_of(&repository, &details.config);
    let base_tree = find_base(&repository, global, arguments, &head, &mut details)?;
    let base_config = match (&base_tree, shared) {
        (None, _) => None,
        (Some(_), Some(config)) => Some(config),
        (Some(tree), None) => match config_of(tree) {
            Ok(config) => Some(config.unwrap_or_default()),
            Err(failure) => {
                details.missing_base = Some(format!("the base configuration cannot be used ({failure})"));
                None
            }
        },
    };
    let environment = environment([Some(&details.config), base_config.as_ref()].into_iter().flatten());
    let options = SnapshotOptions { environment, every_package };
    let (ledger, registry) = (&*ledger, registry.as_ref());
    let head_workspace = Workspace::scan(head.tree())?;
    let head_snapshot = Snapshot::new(&head_workspace, &details.config, &options, None)?;
    if !head_snapshot.problems.is_empty() {
        return Err(Failure::from(&head_snapshot.problems[..]));
    }
    let (Some(base_tree), Some(base_config)) = (base_tree, base_config) else {
        let changes = ChangeSet::default();
        return then(&Comparison {
            base: None,
            head: &head_snapshot,
            changes: &changes,
            ledger,
            registry,
            head_tree: &head,
            details: &details,
            repository: &repository,
        });
    };
    let changes = head.changes_from(&repository, &base_tree)?;
    let base_workspace = head_workspace.update(&base_tree)?;
    let base_snapshot = Snapshot::new(&base_workspace, &base_config, &options, Some(&head_snapshot))?;
    let broken: Vec<_> = base_snapshot.problems.iter().filter(|problem| problem.service.is_none()).cloned().collect();
    if !broken.is_empty() {
        let failure = Failure::from(&broken[..]);
        details.missing_base = Some(format!("the base cannot be planned ({failure})"));
        return then(&Comparison {
            base: None,
            head: &head_snapshot,
            changes: &changes,
            ledger,
            registry,
            head_tree: &head,
            details: &details,
            repository: &repository,
        });
    }
    then(&Comparison {
        base: Some(&base_snapshot),
        head: &head_snapshot,
        changes: &changes,
        ledger,
        registry,
        head_tree: &head,
        details: &details,
        repository: &repository,
    })
}

impl Comparison<'_> {
    /// The plan for a selection.
    pub(super) fn plan(&self, names: &[String], selection: &SelectionArguments) -> Result<Plan, Failure> {
        Ok(self.planned(names, selection)?.plan)
    }

    /// The plan for a selection, with what the ledger knows of the images.
    pub(super) fn planned(&self, names: &[String], selection: &SelectionArguments) -> Result<Planned, Failure> {
        let config = &self.details.config;
        let selection_value = self.selection(names, selection)?;
        if selection.push {
            self.check_push(&selection_value)?;
        }
        let missing_base = self.details.missing_base.clone();
        let base = self.details.base.as_ref().filter(|_| self.base.is_some());
        let Known { records, images, tagged } = self.known(&selection_value);
        let request = PlanRequest {
            head: self.details.head.clone(),
            base: base.map(|base| BaseRevision {
                rev: base.rev.clone(),
                commit: base.commit.id,
                merge_base: base.merge_base,
                source: base.source.as_str(),
                rule: matches!(base.source, BaseSource::Provider(_)).then(|| self.details.ci.rule.sentence()),
            }),
            missing_base,
            ledger: self.ledger.name(),
            record: &|service, _| records.get(service).cloned().unwrap_or_default(),
            unseen: config.ledger.unseen,
            force: selection.force,
            push: selection.push,
            selection: selection_value,
            tags: &|state| self.tags(state),
            repository: &repository_of,
            fill: &|state, template| self.filled(state, template),
        };
        let mut plan = Plan::new(self.base, self.head, self.changes, request);
        // The working copy has notes only once it has been looked at.
        plan.notes.extend(self.head_tree.notes());
        plan.notes.extend(self.base_notes());
        plan.notes.extend(self.ledger.complaints().into_iter().map(|text| Note::general(NoteKind::Ledger, text)));
        plan.notes.sort_unstable();
        plan.notes.dedup();
        Ok(Planned { plan, images, tagged })
    }

    /// What the ledger says of every service of head with a fingerprint.
    fn known(&self, selection: &Selection) -> Known {
        // What is far away is asked only about what matters.
        let wanted = with_images(selection, self.head);
        let matters = |state: &ServiceState| !self.asks_registries() || wanted.contains(state.service.name.as_str());
        let (queries, answers) = self.ask_ledger(&matters);
        let mut known = Known::default();
        for (query, answer) in queries.into_iter().zip(answers) {
            let record = match answer {
                ledger::Record::Unseen => Record::Unseen,
                ledger::Record::Others => Record::Others,
                ledger::Record::Unanswered(reason) => Record::Unanswered(reason),
                ledger::Record::Built(image) => {
                    let digest = image.digest.clone();
                    known.images.insert(query.service.clone(), image);
                    Record::Built(digest)
                }
                ledger::Record::Pushed(image, tags) => {
                    let digest = image.digest.clone();
                    let tags: BTreeSet<String> = tags.into_iter().collect();
                    known.images.insert(query.service.clone(), Image { reference: query.repository, ..image });
                    known.tagged.insert(query.service.clone(), tags.clone());
                    Record::Pushed { digest, tags }
                }
            };
            known.records.insert(query.service, record);
        }
        known
    }

    /// What the ledger is asked of some services, and what it says.
    pub(super) fn ask_ledger(&self, of: &dyn Fn(&ServiceState) -> bool) -> (Vec<Query>, Vec<ledger::Record>) {
        let query = |state: &ServiceState| {
            let fingerprint = state.fingerprint?;
            let service = state.service.name.clone();
            Some(Query { service, fingerprint, repository: repository_of(state), tags: self.tags(state) })
        };
        let queries: Vec<Query> = self.head.services.values().filter(|state| of(state)).filter_map(query).collect();
        let answers = self.ledger.lookup(&queries);
        (queries, answers)
    }

    /// Whether the registries of the images are the ledger.
    pub(super) fn asks_registries(&self) -> bool {
        self.details.config.ledger.store == LedgerStore::Registry
    }

    /// The commit that head is, or stands on.
    pub(super) fn head_commit(&self) -> ObjectId {
        self.details.head.commit
    }

    /// Whether head is exactly that commit, without any change.
    pub(super) fn is_commit(&self, id: &str) -> bool {
        self.details.head.commit.to_string() == id && !self.details.head.dirty
    }

    /// The first input in which a service differs from what it was at a commit; `None` if that cannot be known here.
    pub(super) fn moved_since_commit(&self, rev: &str, name: &str) -> Option<String> {
        let tree = self.repository.commit_tree(&self.repository.commit(rev).ok()?);
        let config = config_of(&tree).ok()?.unwrap_or_default();
        let workspace = Workspace::scan(&tree).ok()?;
        let environment = environment(std::iter::once(&config));
        let options = SnapshotOptions { environment, every_package: false };
        let before = Snapshot::new(&workspace, &config, &options, None).ok()?;
        let changes = self.head_tree.changes_from(self.repository, &tree).ok()?;
        let differences = context_differences(&before, self.head);
        let question = Question::new(&before, self.head, &changes, &differences);
        let reasons = question.reasons(before.services.get(name)?, self.head.services.get(name)?);
        reasons.first().map(words::reason)
    }

    /// The folder that all working copies of the repository share.
    pub(super) fn common_dir(&self) -> &Path {
        self.repository.common_dir()
    }

    /// The root of the working copy.
    pub(super) fn work_dir(&self) -> Result<&Path, Failure> {
        let hint = "clone it with a working copy";
        self.repository
            .work_dir()
            .ok_or_else(|| Failure::new("the repository has nothing to build from").with_hint(hint))
    }

    /// Where a path of the working copy is.
    pub(super) fn on_disk(&self, path: &RepoPath) -> Result<PathBuf, Failure> {
        self.repository.on_disk(path).ok_or_else(|| Failure::new(format!("{path} cannot be a path on this machine")))
    }

    /// The configuration of head.
    pub(super) fn config(&self) -> &Config {
        &self.details.config
    }

    /// A template of a tag or a cache with its placeholders filled.
    pub(super) fn filled(&self, state: &ServiceState, template: &str) -> String {
        fill_template(template, |name| self.placeholder(state, name))
    }

    /// One service of head, by name.
    pub(super) fn service(&self, name: &str) -> Result<&ServiceState, Failure> {
        self.head.services.get(name).ok_or_else(|| {
            let known = self.head.services.keys().map(String::as_str);
            let failure = Failure::new(format!("there is no service `{name}`"));
            match nearest(name, known) {
                Some(near) => failure.with_hint(format!("did you mean `{near}`?")),
                None => failure.with_hint("`buildplan plan -v` lists all services"),
            }
        })
    }

    fn selection(&self, names: &[String], selection: &SelectionArguments) -> Result<Selection, Failure> {
        for name in names {
            self.service(name)?;
        }
        Ok(Selection {
            names: names.iter().cloned().collect(),
            filters: globs("--filter", &selection.filter)?,
            excludes: globs("--exclude", &selection.exclude)?,
        })
    }

    /// A push needs somewhere to go, and must not claim a commit that it is not.
    fn check_push(&self, selection: &Selection) -> Result<(), Failure> {
        let wanted = with_images(selection, self.head);
        for state in self.head.services.values().filter(|state| wanted.contains(state.service.name.as_str())) {
            let name = &state.service.name;
            let Some(repository) = repository_of(state) else {
                let failure = Failure::new(format!("service {name} has no image repository to push to"));
                return Err(failure.with_hint("set `[image] repository`, for example \"ghcr.io/acme/{service}\""));
            };
            check_repository(&repository).map_err(|reason| Failure::new(format!("service {name}: {reason}")))?;
            let names_commit = |tag: &String| tag.contains("{commit}") || tag.contains("{short-commit}");
            if self.details.head.dirty && state.service.settings.image.tags.iter().any(names_commit) {
                let failure = Failure::new(format!("service {name} is tagged with the commit, but there are changes"));
                return Err(failure.with_hint("commit them, or plan a commit with --head"));
            }
            for tag in self.tags(state) {
                check_tag(&tag).map_err(|reason| Failure::new(format!("service {name}: {reason}")))?;
            }
        }
        Ok(())
    }

    /// The tags of a service. Without a fingerprint there is no tag that names it.
    fn tags(&self, state: &ServiceState) -> Vec<String> {
        let tags = state.service.settings.image.tags.iter();
        let tags = tags.filter(|tag| state.fingerprint.is_some() || !tag.contains("{fingerprint}"));
        let tags: BTreeSet<String> = tags.map(|tag| self.filled(state, tag)).collect();
        tags.into_iter().collect()
    }

    fn placeholder(&self, state: &ServiceState, name: &str) -> Option<String> {
        let commit = || self.details.head.commit.to_string();
        match name {
            "service" => Some(state.service.name.clone()),
            "fingerprint" => state.fingerprint.map(|digest| digest.to_string()),
            "branch" => Some(tag_safe(self.details.branch.as_deref().unwrap_or("detached"))),
            "commit" => Some(commit()),
            "short-commit" => Some(format!("{:.12}", commit())),
            _ => None,
        }
    }

    /// What a job should know of its base: a guess, or nothing to compare.
    fn base_notes(&self) -> Vec<Note> {
        let (ci, head) = (&self.details.ci, &self.details.head);
        let Some(base) = self.details.base.as_ref().filter(|_| self.base.is_some()) else { return Vec::new() };
        let note = |message: String| Note::general(NoteKind::Base, message);
        let from_job = matches!(base.source, BaseSource::Provider(_));
        let mut notes = Vec::new();
        if base.source == BaseSource::FirstParent {
            notes.extend(ci.first_parent_advice.map(|advice| note(advice.to_owned())));
        }
        if from_job && base.commit.id == head.commit && !head.dirty {
            notes
                .push(note(format!("base and head are the same commit, {}: there is nothing to compare", head.commit)));
        }
        if from_job && head.rev.is_none() && !ci.heads.is_empty() && !ci.heads.contains(&head.commit.to_string()) {
            let (name, about) = (ci.provider.name(), ci.heads.join(" or "));
            notes.push(note(format!("{} is checked out, but {name} runs this job for {about}", head.commit)));
        }
        notes
    }
}

/// The tree that is planned.
enum Head<'r> {
    Commit(Commit, CommitTree<'r>),
    WorkingCopy(Commit, WorkingTree<'r>),
}

impl<'r> Head<'r> {
    /// The named commit; in CI the commit that is checked out; else the working copy.
    fn open(repository: &'r Repository, arguments: &ComparisonArguments, provider: Provider) -> Result<Self, Failure> {
        let in_ci = match std::env::var("CI") {
            Ok(value) => matches!(value.as_str(), "true" | "1"),
            // Not every provider sets it.
            Err(_) => provider != Provider::None,
        };
        let commit = match &arguments.head {
            Some(rev) => repository.commit(rev)?,
            None => repository.head()?,
        };
        if arguments.head.is_some() || in_ci {
            let tree = repository.commit_tree(&commit);
            repository.prefetch(&tree, None)?;
            return Ok(Self::Commit(commit, tree));
        }
        repository.prefetch(&repository.commit_tree(&commit), None)?;
        Ok(Self::WorkingCopy(commit, repository.working_copy()?))
    }

    fn commit(&self) -> &Commit {
        match self {
            Self::Commit(commit, _) | Self::WorkingCopy(commit, _) => commit,
        }
    }

    fn tree(&self) -> &dyn Tree {
        match self {
            Self::Commit(_, tree) => tree,
            Self::WorkingCopy(_, tree) => tree,
        }
    }

    fn revision(&self, arguments: &ComparisonArguments) -> Result<HeadRevision, Failure> {
        let (working_copy, dirty) = match self {
            Self::Commit(..) => (false, false),
            Self::WorkingCopy(_, tree) => (true, tree.is_dirty()?),
        };
        let commit = self.commit();
        Ok(HeadRevision { rev: arguments.head.clone(), commit: commit.id, tree: commit.tree, working_copy, dirty })
    }

    fn notes(&self) -> Vec<Note> {
        match self {
            Self::Commit(..) => Vec::new(),
            Self::WorkingCopy(_, tree) => {
                let notes = tree.notes().into_iter();
                notes.map(|(path, message)| Note::at(NoteKind::OutsideTree, &path, message)).collect()
            }
        }
    }

    fn changes_from(&self, repository: &Repository, base: &CommitTree<'_>) -> Result<ChangeSet, Failure> {
        Ok(match self {
            Self::Commit(_, tree) => repository.changes(base, tree)?,
            Self::WorkingCopy(_, tree) => repository.changes_to_working_copy(base, tree)?,
        })
    }
}

/// The tree of the base; `None` if the user wants none, or allows that there is none.
fn find_base<'r>(
    repository: &'r Repository,
    global: &GlobalArguments,
    arguments: &ComparisonArguments,
    head: &Head<'r>,
    details: &mut Details,
) -> Result<Option<CommitTree<'r>>, Failure> {
    if arguments.all {
        return Ok(None);
    }
    let environment = std::env::var("BUILDPLAN_BASE").ok().filter(|base| !base.is_empty());
    let ci = &details.ci;
    let head_is_checkout = arguments.head.as_deref().is_none_or(|rev| rev == "HEAD");
    // What is planned may be something else than what the job is about.
    let is_about_head = head_is_checkout || ci.heads.contains(&head.commit().id.to_string());
    let provider = ci.wanted.as_ref().filter(|_| is_about_head);
    let request = BaseRequest {
        flag: arguments.base.as_deref(),
        environment: environment.as_deref(),
        provider: provider.map(|wanted| ProviderBase { source: ci.rule.source(), wanted }),
        default_branch: details.config.default_branch.as_deref().or(ci.default_branch.as_deref()),
        branch: ci.branch.as_deref(),
        head: head.commit(),
        head_is_checkout,
        merge_base: !arguments.no_merge_base,
    };
    let found = if arguments.deepen {
        let output = Output::new(global);
        repository.base_deepening(&request, &|command| output.say(command))
    } else {
        repository.base(&request)
    };
    match found {
        Ok(base) => {
            let tree = repository.commit_tree(&base.commit);
            repository.prefetch(&tree, Some(&repository.commit_tree(head.commit())))?;
            details.base = Some(base);
            Ok(Some(tree))
        }
        Err(error) if error.is_missing_base() && arguments.on_missing_base == OnMissingBase::All => {
            details.missing_base = Some(error.message);
            Ok(None)
        }
        Err(error) => Err(with_history_hint(error, repository, ci.provider).into()),
    }
}

/// What the CI job reads in the environment and the event file.
fn ci_base() -> CiBase {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let environment = std::env::vars_os().filter_map(text).collect();
    let event = ci::event_file(&environment).and_then(|file| {
        let mut bytes = Vec::new();
        std::fs::File::open(file).ok()?.take(MAX_EVENT).read_to_end(&mut bytes).ok().map(|_| bytes)
    });
    ci::base(&environment, event.as_deref())
}

/// In a shallow clone of a CI job, its configuration is what should change.
fn with_history_hint(error: GitError, repository: &Repository, provider: Provider) -> GitError {
    match (provider.history_hint(), error.hint.clone()) {
        (Some(of_provider), Some(hint)) if error.is_missing_base() && repository.is_shallow() => {
            error.with_hint(format!("{hint}; or {of_provider}"))
        }
        _ => error,
    }
}

/// The configuration of what is checked out.
pub(super) fn configuration(global: &GlobalArguments, repository: &Repository) -> Result<Config, Failure> {
    let folder = global.directory.as_deref().unwrap_or(Path::new(""));
    match &global.config {
        Some(file) => read_config_file(&folder.join(file)),
        None => Ok(config_of(&repository.working_copy()?)?.unwrap_or_default()),
    }
}

pub(super) fn read_config_file(path: &Path) -> Result<Config, Failure> {
    Config::parse(&read_file(path)?).map_err(|error| Failure::new(format!("{}:{error}", path.display())))
}

/// The configuration that a tree contains; `None` if it has none.
pub(super) fn config_of(tree: &dyn Tree) -> Result<Option<Config>, Failure> {
    let path = RepoPath::from_clean(CONFIG_FILE.as_bytes());
    match tree.entry(&path)?.map(|entry| entry.kind) {
        None => Ok(None),
        Some(EntryKind::File { .. }) => {
            let config = Config::parse(&tree.read(&path)?);
            config.map(Some).map_err(|error| Failure::new(format!("{CONFIG_FILE}:{error}")))
        }
        Some(_) => Err(Failure::new(format!("{CONFIG_FILE} is not a regular file"))),
    }
}

/// The ledger that is configured, and the registries if anything is recorded.
fn ledger_of(repository: &Repository, config: &Config) -> (Box<dyn Ledger>, Option<Registry>) {
    let images = config.services.values().map(|service| &service.image).chain([&config.image]);
    let insecure = images.flat_map(|image| image.insecure_registries.iter().cloned()).collect();
    let registry = Registry::new(insecure, Credentials::of(|name| std::env::var_os(name)));
    let local = LocalLedger::new(repository.common_dir());
    match config.ledger.store {
        LedgerStore::None => (Box::new(NoLedger), None),
        LedgerStore::Local => (Box::new(local), Some(registry)),
        LedgerStore::Registry => (Box::new(RegistryLedger::new(local, registry.clone())), Some(registry)),
    }
}

/// What each service is in the working copy as it is now, against what was planned: `None` if it is the same, else what
/// moved.
pub(super) fn moved_since(
    global: &GlobalArguments,
    planned: &Snapshot<'_>,
    options: &SnapshotOptions,
) -> Result<BTreeMap<String, Option<String>>, Failure> {
    let start = global.directory.as_deref().unwrap_or(Path::new("."));
    let repository = Repository::discover(start)?;
    let tree = repository.working_copy()?;
    let folder = global.directory.as_deref().unwrap_or(Path::new(""));
    let config = match &global.config {
        Some(file) => read_config_file(&folder.join(file))?,
        None => config_of(&tree)?.unwrap_or_default(),
    };
    let workspace = Workspace::scan(&tree)?;
    let now = Snapshot::new(&workspace, &config, options, None)?;
    let differences = context_differences(planned, &now);
    let changes = ChangeSet::default();
    let question = Question::new(planned, &now, &changes, &differences);
    let moved = |before: &ServiceState| match now.services.get(&before.service.name) {
        Some(after) if after.fingerprint == before.fingerprint => None,
        None => Some("the service is gone".to_owned()),
        Some(after) => {
            let reasons = question.reasons(before, after);
            Some(reasons.first().map_or_else(|| "an input moved".to_owned(), words::reason))
        }
    };
    Ok(planned.services.iter().map(|(name, state)| (name.clone(), moved(state))).collect())
}

/// The values of all variables that the services name.
pub(super) fn environment<'c>(configs: impl Iterator<Item = &'c Config>) -> BTreeMap<String, String> {
    let services = configs.flat_map(|config| config.services.values());
    let names = services.flat_map(|service| &service.env);
    names.filter_map(|name| Some((name.clone(), std::env::var(name).ok()?))).collect()
}

pub(super) fn repository_of(state: &ServiceState) -> Option<String> {
    let template = state.service.settings.image.repository.as_deref()?;
    Some(fill_template(template, |name| (name == "service").then(|| state.service.name.clone())))
}

fn globs(flag: &str, patterns: &[String]) -> Result<Vec<Glob>, Failure> {
    let compile =
        |pattern: &String| Glob::new(pattern).map_err(|reason| Failure::new(format!("{flag} {pattern}: {reason}")));
    patterns.iter().map(compile).collect()
}

/// A branch name as a tag can hold it.
fn tag_safe(branch: &str) -> String {
    let legal = |character: char| match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => character,
        _ => '-',
    };
    branch.chars().map(legal).take(128).collect::<String>().trim_start_matches(['.', '-']).to_owned()
}
