//! Checks one random repository: for each target the files that Go builds into each program against the inputs that
//! `buildplan` names, and for the defaults the union of what Go builds.
//!
//! A file that Go reads and `buildplan` does not name is a failure, and so is one that it names without a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::go_oracle::compare::{self, Difference, Kind, Notes, Side};
use super::go_oracle::listing::{Listing, Main, Module};
use super::go_oracle::planner::{Inputs, Planner};
use super::go_oracle::process;
use super::go_oracle::target::Target;
use super::go_oracle::toolchain::{Go, module_path};
use super::go_oracle::tree::Tree;
use super::go_workspaces::{TAGS, Workspace};

/// The platforms with cgo off and on, without and with the tags.
const TARGETS: [(&str, &str, bool, bool); 8] = [
    ("linux", "amd64", false, false),
    ("linux", "amd64", true, true),
    ("darwin", "arm64", true, false),
    ("darwin", "arm64", false, true),
    ("windows", "amd64", false, false),
    ("windows", "amd64", true, true),
    ("js", "wasm", false, false),
    ("js", "wasm", false, true),
];

/// The programs to compare.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checker<'c> {
    pub(crate) buildplan: &'c Path,
    /// The build cache of Go.
    pub(crate) cache: &'c Path,
}

/// What came of comparing one or more repositories.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) workspaces: usize,
    /// Programs for targets whose files were compared.
    pub(crate) comparisons: usize,
    /// Files that Go reads, summed over the comparisons.
    pub(crate) files: usize,
    /// Programs that Go cannot build: of those only missing files are looked for.
    pub(crate) broken: usize,
    /// Programs that Go does not even list.
    pub(crate) unlisted: usize,
    /// Inputs beyond those that Go lists, by what explains them.
    pub(crate) extras: BTreeMap<String, usize>,
    pub(crate) failures: Vec<Failure>,
}

/// A difference that nothing explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What both were told.
    pub(crate) setting: String,
    /// The folder of the program.
    pub(crate) main: String,
    pub(crate) kind: Kind,
    pub(crate) detail: String,
}

/// What both programs are told.
#[derive(Clone, Debug)]
struct Setting {
    target: Target,
    workspace: bool,
}

/// What `buildplan` is told.
#[derive(Clone, Copy)]
enum Told<'a> {
    /// What Go is told.
    Everything(&'a Setting),
    /// Nothing: it has to take every way to build into account. Go refuses these programs in some of them.
    Nothing { refused: &'a BTreeSet<String> },
}

impl Checker<'_> {
    /// Compares a repository for every target, with and without its go.work, and for the defaults of `buildplan`.
    pub(crate) fn check(self, workspace: &Workspace) -> Result<Outcome> {
        let repository = Repository::new(workspace)?;
        let mut outcome = Outcome { workspaces: 1, ..Outcome::default() };
        let modes: &[bool] = if workspace.has_go_work { &[true, false] } else { &[false] };
        let mut by_default: Vec<Module> = Vec::new();
        for (index, (os, arch, cgo, tagged)) in TARGETS.into_iter().enumerate() {
            // Without the go.work nothing new is asked of most targets.
            for workspace_mode in modes.iter().copied().filter(|on| *on || modes.len() == 1 || index < 2) {
                let tags = if tagged { TAGS.map(str::to_owned).to_vec() } else { Vec::new() };
                let target = Target { os: os.to_owned(), arch: arch.to_owned(), tags, cgo, strict: false };
                let setting = Setting { target, workspace: workspace_mode };
                let listing = self.listing(&repository, workspace, &setting);
                outcome.unlisted += listing.modules.iter().filter(|module| module.failure.is_some()).count();
                self.compare(&repository, &listing, Told::Everything(&setting), &mut outcome)?;
            }
        }
        for workspace_mode in modes {
            for cgo in [false, true] {
                let target = Target { os: "linux".into(), arch: "amd64".into(), tags: Vec::new(), cgo, strict: false };
                let setting = Setting { target, workspace: *workspace_mode };
                let listing = self.listing(&repository, workspace, &setting);
                by_default.extend(listing.modules);
            }
        }
        let refused = refused_in_some_way(&by_default, workspace);
        let listing = Listing { modules: vec![united(by_default)] };
        self.compare(&repository, &listing, Told::Nothing { refused: &refused }, &mut outcome)?;
        Ok(outcome)
    }

    /// What Go says of all programs: with a go.work of all at once, else module by module.
    fn listing(self, repository: &Repository, workspace: &Workspace, setting: &Setting) -> Listing {
        let go = Go {
            root: &repository.root,
            target: &setting.target,
            workspace: setting.workspace,
            offline: Some(self.cache),
        };
        let mut modules: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for main in &workspace.mains {
            let is_asked = main.is_used || !setting.workspace;
            if is_asked {
                modules.entry(if setting.workspace { "" } else { &main.module }).or_default().push(&main.dir);
            }
        }
        let list = |(dir, mains): (&str, Vec<&str>)| {
            let patterns: Vec<String> = mains.iter().map(|main| pattern(dir, main)).collect();
            let found = go.version(dir).and_then(|version| {
                let mains = go.mains(dir, &patterns, &repository.module_paths)?;
                Ok(Module { dir: dir.to_owned(), go_version: version, failure: None, mains })
            });
            found.unwrap_or_else(|error| Module::failed(dir.to_owned(), &error))
        };
        Listing { modules: modules.into_iter().map(list).collect() }
    }

    fn compare(self, repository: &Repository, listing: &Listing, told: Told<'_>, outcome: &mut Outcome) -> Result<()> {
        let nobody = BTreeSet::new();
        let (setting, pinned, refused) = match told {
            Told::Everything(setting) => (setting.to_string(), Some((&setting.target, setting.workspace)), &nobody),
            Told::Nothing { refused } => ("defaults".to_owned(), None, refused),
        };
        let has_failed = listing.modules.iter().any(|module| module.failure.is_some());
        let mains: Vec<&Main> = listing.modules.iter().flat_map(|module| &module.mains).collect();
        let planner = Planner::new(self.buildplan, &repository.root, ("HEAD", "HEAD"), listing, pinned)?;
        for (service, main) in planner.services.iter().zip(mains) {
            let mut fail = |kind, detail: String| {
                let (setting, main) = (setting.clone(), main.dir.clone());
                outcome.failures.push(Failure { setting, main, kind, detail });
            };
            let is_broken = !is_built(main);
            let inputs = match planner.inputs(&service.name) {
                Ok(inputs) => inputs,
                Err(_) if is_broken || pinned.is_none() && has_failed => {
                    outcome.broken += 1;
                    continue;
                }
                Err(error) => {
                    fail(Kind::Failure, format!("{error:#}"));
                    continue;
                }
            };
            let side = Side { main, tree: &repository.tree, strict: false, locked: false };
            let notes = Notes { service: &service.name, plan: &[], inputs: &inputs.notes };
            let verdict = compare::files(side, &inputs, notes);
            let mut extras = vec![("include".to_owned(), verdict.includes), ("profile".to_owned(), verdict.profiles)];
            // Without settings, a way to build that Go would refuse may count or not.
            let is_open = is_broken && pinned.is_none();
            for Difference { kind, detail } in verdict.differences.into_iter().filter(|_| !is_open) {
                match explanation(kind, &detail, is_broken || refused.contains(&main.dir), main, &inputs) {
                    Some(explanation) => extras.push((explanation, 1)),
                    None => fail(kind, detail),
                }
            }
            for (name, count) in extras {
                *outcome.extras.entry(name).or_default() += count;
            }
            outcome.comparisons += 1;
            outcome.broken += usize::from(is_broken);
            outcome.files += main.files.len();
        }
        Ok(())
    }
}

/// What excuses a difference; `None` if nothing does.
fn explanation(kind: Kind, detail: &str, is_refused: bool, main: &Main, inputs: &Inputs) -> Option<String> {
    match kind {
        // That source is odd is no excuse where Go finds nothing wrong with it.
        Kind::NotedExtraFile => {
            let note = detail.split_once("note ").map_or("", |(_, note)| note.trim_matches('`'));
            (is_refused || note == "unknown-constraint").then(|| format!("note {note}"))
        }
        Kind::BackEdge => Some("back edge".to_owned()),
        // What Go lists of a program that it refuses ends at the refusal.
        Kind::ExtraFile | Kind::Misnamed if is_refused => Some("program that Go refuses".to_owned()),
        // A file that may be part of a package brings the packages that it imports, and those bring others.
        Kind::ExtraFile => {
            let package = detail.rsplit_once(" of ").map_or("", |(_, package)| package);
            let is_listed = main.files.iter().any(|file| file.package == package);
            let is_unsure = inputs.notes.iter().any(|note| note.kind == "unknown-constraint");
            (!is_listed && is_unsure).then(|| "imported under note unknown-constraint".to_owned())
        }
        _ => None,
    }
}

/// The folder of a program as a pattern in another folder.
fn pattern(dir: &str, main: &str) -> String {
    let below = main.strip_prefix(dir).unwrap_or(main).trim_start_matches('/');
    format!("./{below}")
}

/// The programs that Go refuses, at least in one of the ways to build them.
fn refused_in_some_way(modules: &[Module], workspace: &Workspace) -> BTreeSet<String> {
    let refused = modules.iter().flat_map(|module| &module.mains).filter(|main| !is_built(main));
    let unlisted = modules
        .iter()
        .filter(|module| module.failure.is_some())
        .flat_map(|module| workspace.mains.iter().filter(|main| module.dir.is_empty() || main.module == module.dir));
    refused.map(|main| main.dir.clone()).chain(unlisted.map(|main| main.dir.clone())).collect()
}

/// For each program all files of it in any list of what Go builds; if there is none, what it lists nevertheless.
fn united(modules: Vec<Module>) -> Module {
    let failure = modules.iter().find_map(|module| module.failure.clone());
    let mains: Vec<Main> = modules.into_iter().flat_map(|module| module.mains).collect();
    let mut by_dir: BTreeMap<String, Main> = BTreeMap::new();
    let (built, refused): (Vec<_>, Vec<_>) = mains.into_iter().partition(is_built);
    let is_built_elsewhere = |main: &Main| built.iter().any(|other| other.dir == main.dir);
    let refused: Vec<Main> = refused.into_iter().filter(|main| !is_built_elsewhere(main)).collect();
    for main in built.into_iter().chain(refused) {
        match by_dir.get_mut(&main.dir) {
            Some(known) => {
                known.files.extend(main.files);
                known.behind_external.extend(main.behind_external);
                known.obstacle = known.obstacle.take().or(main.obstacle);
            }
            None => drop(by_dir.insert(main.dir.clone(), main)),
        }
    }
    Module { failure, mains: by_dir.into_values().collect(), ..Module::default() }
}

fn is_built(main: &Main) -> bool {
    main.obstacle.is_none() && main.unavailable.is_empty()
}

impl Outcome {
    /// Adds another outcome to this one.
    pub(crate) fn add(&mut self, other: Self) {
        self.workspaces += other.workspaces;
        self.comparisons += other.comparisons;
        self.files += other.files;
        self.broken += other.broken;
        self.unlisted += other.unlisted;
        for (name, count) in other.extras {
            *self.extras.entry(name).or_default() += count;
        }
        self.failures.extend(other.failures);
    }
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, go.work {}", self.target, if self.workspace { "on" } else { "off" })
    }
}

/// A random repository, committed in a temporary folder.
struct Repository {
    _folder: TempDir,
    /// The canonical path of the work tree.
    root: PathBuf,
    tree: Tree,
    module_paths: BTreeSet<String>,
}

impl Repository {
    fn new(workspace: &Workspace) -> Result<Self> {
        let folder = TempDir::with_prefix("agreement-")?;
        let root = folder.path().canonicalize()?.join("repository");
        std::fs::create_dir(&root)?;
        workspace.write(&root).context("cannot write the repository")?;
        let git = |arguments: &[&str]| {
            let mut command = Command::new("git");
            command.arg("-C").arg(&root).args(["-c", "core.autocrlf=false", "-c", "core.hooksPath=/dev/null"]);
            command.args(["-c", "user.name=a", "-c", "user.email=a@ex.io", "-c", "commit.gpgSign=false"]);
            command.args(["-c", "core.excludesFile=", "-c", "gc.auto=0"]).args(arguments);
            process::output(command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE"))
        };
        git(&["init", "-q"])?;
        git(&["add", "--force", "--all"])?;
        git(&["commit", "-q", "-m", "Add all"])?;
        let listing = git(&["ls-tree", "-r", "-z", "--full-tree", "HEAD"])?;
        let tree = Tree::parse(&listing, |blob| git(&["cat-file", "blob", blob]))?;
        let modules = tree.paths().filter_map(|path| match path {
            "go.mod" => Some(""),
            _ => path.strip_suffix("/go.mod"),
        });
        let module_paths = modules.filter_map(|dir| module_path(&root, dir)).collect();
        Ok(Self { _folder: folder, root, tree, module_paths })
    }
}
