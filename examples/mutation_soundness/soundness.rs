//! Makes small changes to workspaces and checks what `buildplan` plans against the binaries that Go builds before and
//! after: every program whose binary changed must be flagged.
//!
//! Changes come in short chains, each made to the tree that the one before led to. All is drawn from the seed.

mod files;
mod mutate;
mod native;
mod oracle;
mod planner;
mod proxy;
mod report;
mod repository;
mod workspaces;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use buildplan::repo::Digest;
use rayon::prelude::*;

use self::files::Files;
use self::mutate::Mutation;
use self::oracle::{Bench, Go, Program};
use self::planner::{Plan, Planner};
pub(crate) use self::report::{Figures, Report};
use self::repository::Commits;
use self::workspaces::Workspace;
use super::random::{self, Random};

/// How many changes are made one after the other before the workspace is taken afresh.
const CHAIN: usize = 4;

/// What to check.
pub(crate) struct Options {
    /// The program to check.
    pub(crate) buildplan: PathBuf,
    /// How many changes to make, over all workspaces.
    pub(crate) count: usize,
    /// Where the lot starts.
    pub(crate) seed: u64,
    /// The number of the first change in each workspace.
    pub(crate) first: usize,
    /// The names of the workspaces.
    pub(crate) workspaces: Vec<String>,
    /// What the kinds of changes begin with; all if there are none.
    pub(crate) kinds: Vec<String>,
    /// How many workspaces are worked on at a time.
    pub(crate) jobs: usize,
    /// Where trees and caches lie, some hundred megabytes.
    pub(crate) folder: PathBuf,
}

/// The names of the workspaces that there are.
pub(crate) fn workspace_names() -> Vec<String> {
    workspaces::names()
}

/// Is told of each workspace that is done, and of each fault at once.
type Progress<'p> = &'p (dyn Fn(&str) + Sync);

/// Makes the changes.
pub(crate) fn run(options: &Options, progress: Progress<'_>) -> Result<Report> {
    let folder = fs::canonicalize(&options.folder)
        .with_context(|| format!("cannot use the folder {}", options.folder.display()))?;
    let go = Go::new(&folder)?;
    let workspaces = workspaces::load(&options.workspaces, &go, &options.buildplan, &folder.join("made"))?;
    go.prepare(&workspaces)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.jobs).build()?;
    let planner = Planner { buildplan: options.buildplan.clone() };
    let share = |index: usize| (options.count + workspaces.len() - 1 - index) / workspaces.len();
    let work = |(index, workspace): (usize, &Workspace)| {
        let folder = folder.join(workspace.name.replace('/', "-"));
        let setting = Setting { options, planner: &planner, progress };
        let report = Trial::new(workspace, &go, setting, &folder).and_then(|mut trial| {
            trial.run(options.first..options.first + share(index))?;
            files::remove_folder(&folder)?;
            Ok(trial.report)
        });
        // What the others found is worth being told.
        let report = report.unwrap_or_else(|error| Report::failed(&workspace.name, &error));
        progress(&format!("{}: {} changes", workspace.name, report.total().mutations));
        report
    };
    let parts: Vec<Report> = pool.install(|| workspaces.par_iter().enumerate().with_max_len(1).map(work).collect());
    let mut report = Report::default();
    for part in parts {
        report.add(part);
    }
    Ok(report)
}

/// A tree, its commit, and what Go makes of its programs.
struct State {
    files: Files,
    commit: String,
    /// By folder: the program, and the same without a build id.
    programs: BTreeMap<String, (Program, Program)>,
}

/// What all workspaces have in common.
#[derive(Clone, Copy)]
struct Setting<'w> {
    options: &'w Options,
    planner: &'w Planner,
    progress: Progress<'w>,
}

/// The work on one workspace.
struct Trial<'w> {
    workspace: &'w Workspace,
    setting: Setting<'w>,
    bench: Bench<'w>,
    commits: Commits,
    start: State,
    /// By folder of a program and fingerprint: the binary, and the commit that it was built from.
    known: BTreeMap<(String, String), (Digest, String)>,
    report: Report,
}

/// One change, to be told of.
struct Step<'s> {
    number: usize,
    mutation: &'s Mutation,
    before: &'s State,
    after: &'s State,
}

impl<'w> Trial<'w> {
    fn new(workspace: &'w Workspace, go: &'w Go, setting: Setting<'w>, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let commits = Commits::new(&folder.join("repository"))?;
        let commit = commits.commit(&workspace.files)?;
        let bench = Bench::new(go, workspace, folder);
        bench.place(&workspace.files)?;
        let services = match setting.planner.plan(&commits, &commit, &commit)? {
            Plan::Services(services) => services,
            Plan::Refused(complaint) => anyhow::bail!("no plan: {complaint}"),
        };
        let mut programs = BTreeMap::new();
        for dir in services.into_keys() {
            let built = (bench.build(&dir, false)?, bench.build(&dir, true)?);
            ensure!(!matches!(&built.0, Program::Fails(_)), "{dir} does not build: {:?}", built.0);
            programs.insert(dir, built);
        }
        ensure!(!programs.is_empty(), "there is no program");
        let start = State { files: workspace.files.clone(), commit, programs };
        Ok(Self { workspace, setting, bench, commits, start, known: BTreeMap::new(), report: Report::default() })
    }

    /// Makes the changes with these numbers, and whatever comes before them in their chains.
    fn run(&mut self, numbers: std::ops::Range<usize>) -> Result<()> {
        let mut state: Option<State> = None;
        for number in numbers.start / CHAIN * CHAIN..numbers.end {
            let before = state.take().filter(|_| !number.is_multiple_of(CHAIN));
            let before = before.unwrap_or_else(|| self.start.copy());
            let mut random = Random::named(self.setting.options.seed, &format!("{} {number}", self.workspace.name));
            let (material, kinds) = (&self.workspace.material, &self.setting.options.kinds);
            let Some((mutation, files)) = mutate::choose(&before.files, material, kinds, &mut random) else { continue };
            let files = self.renewed(number, files)?;
            let after = self.build(&before, files)?;
            let figures = self.judge(&Step { number, mutation: &mutation, before: &before, after: &after })?;
            if number >= numbers.start {
                self.count(&mutation, &figures);
            } else {
                self.report = Report::default();
            }
            // Little can be learnt from what follows on a tree in which little builds, or without a plan.
            let is_poor = after.failing() > before.failing() && number.is_multiple_of(2);
            state = Some(if is_poor || figures.unplanned != [0, 0] { before } else { after });
        }
        Ok(())
    }

    /// The lock is kept up to date in every other step only: an old one must do no harm.
    fn renewed(&self, number: usize, files: Files) -> Result<Files> {
        let locker = self.workspace.locker.as_ref().filter(|_| number % 2 == 1);
        let renewed = locker.map(|locker| locker.renew(&files)).transpose()?;
        Ok(renewed.flatten().unwrap_or(files))
    }

    /// Builds a tree. Where the binary is the same as before, so is the code.
    fn build(&self, before: &State, files: Files) -> Result<State> {
        let commit = self.commits.commit(&files)?;
        self.bench.place(&files)?;
        let mut programs = BTreeMap::new();
        for (dir, (program_before, code_before)) in &before.programs {
            let program = self.bench.build(dir, false)?;
            let code = match &program {
                Program::Fails(_) => program.clone(),
                Program::Built(_) if program == *program_before => code_before.clone(),
                Program::Built(_) => self.bench.build(dir, true)?,
            };
            programs.insert(dir.clone(), (program, code));
        }
        Ok(State { files, commit, programs })
    }

    /// Compares the plans in both directions with the binaries.
    fn judge(&mut self, step: &Step<'_>) -> Result<Figures> {
        let forth = self.setting.planner.plan(&self.commits, &step.before.commit, &step.after.commit)?;
        let back = self.setting.planner.plan(&self.commits, &step.after.commit, &step.before.commit)?;
        let mut figures = Figures { mutations: 1, ..Figures::default() };
        for (dir, (after, code_after)) in &step.after.programs {
            let Some((before, code_before)) = step.before.programs.get(dir) else { continue };
            figures.pairs += 1;
            match (before, after) {
                (Program::Built(old), Program::Built(new)) => {
                    let code = code_before != code_after;
                    self.judge_pair(step, dir, [&forth, &back], (old != new).then_some(code), &mut figures);
                }
                // Each change undone is a change, too.
                (Program::Built(_), Program::Fails(_)) => {
                    count(&mut figures.to_failing, &forth, dir);
                    count(&mut figures.from_failing, &back, dir);
                }
                (Program::Fails(_), Program::Built(_)) => {
                    count(&mut figures.from_failing, &forth, dir);
                    count(&mut figures.to_failing, &back, dir);
                }
                (Program::Fails(_), Program::Fails(_)) => figures.failing += 1,
            }
            self.compare_with_known(step, dir, &forth, after);
        }
        self.compare_directions(step, &forth, &back);
        Ok(figures)
    }

    fn count(&mut self, mutation: &Mutation, figures: &Figures) {
        let mut part = Report::default();
        part.by_workspace.insert(self.workspace.name.clone(), figures.clone());
        part.by_kind.insert(mutation.kind.to_owned(), figures.clone());
        self.report.add(part);
    }

    /// Both trees build; `changed` says whether the binaries differ, and then whether their code does.
    fn judge_pair(
        &mut self,
        step: &Step<'_>,
        dir: &str,
        plans: [&Plan; 2],
        changed: Option<bool>,
        figures: &mut Figures,
    ) {
        figures.changed += usize::from(changed.is_some());
        figures.code_changed += usize::from(changed == Some(true));
        for (plan, direction) in plans.into_iter().zip(["", ", backwards"]) {
            let is_forth = direction.is_empty();
            let service = match plan {
                Plan::Services(services) => services.get(dir).ok_or("the plan does not have it"),
                Plan::Refused(complaint) => Err(&**complaint),
            };
            match service {
                Ok(service) => {
                    figures.flagged += usize::from(is_forth && service.is_flagged());
                    if changed.is_some() && !service.is_flagged() {
                        figures.missed += usize::from(is_forth);
                        let what = if changed == Some(true) { "code" } else { "build id" };
                        self.fault(step, dir, &format!("missed, other {what}{direction}"));
                    } else if changed.is_none() && service.is_flagged() && is_forth {
                        figures.not_needed += 1;
                        *self.report.not_needed.entry(service.causes()).or_default() += 1;
                        self.remark(step, dir, &format!("not needed: {}", service.causes()));
                    }
                }
                Err(why) if is_forth => {
                    figures.unplanned[usize::from(changed.is_none())] += 1;
                    self.remark(step, dir, &format!("unplanned: {why}"));
                }
                Err(_) => {}
            }
        }
    }

    /// Two trees with the same fingerprint must have the same binary, however they came to be.
    fn compare_with_known(&mut self, step: &Step<'_>, dir: &str, plan: &Plan, program: &Program) {
        let (Plan::Services(services), Program::Built(binary)) = (plan, program) else { return };
        let Some(fingerprint) = services.get(dir).and_then(|service| service.fingerprint.clone()) else { return };
        let built = (*binary, step.after.commit.clone());
        let known = self.known.entry((dir.to_owned(), fingerprint)).or_insert_with(|| built);
        if known.0 != *binary {
            let text = format!("the same fingerprint as at {:.8}, and another binary", known.1);
            self.fault(step, dir, &text);
        }
    }

    /// A tree has one fingerprint, whichever other one it is compared with. A change of module paths or folders may give
    /// the service another name, which base then does not have.
    fn compare_directions(&mut self, step: &Step<'_>, forth: &Plan, back: &Plan) {
        let (Plan::Services(forth), Plan::Services(back)) = (forth, back) else { return };
        for (dir, service) in forth {
            let Some(other) = back.get(dir) else { continue };
            let differ = |head: &Option<String>, base: &Option<String>| base.is_some() && head != base;
            if differ(&service.fingerprint, &other.base_fingerprint)
                || differ(&other.fingerprint, &service.base_fingerprint)
            {
                self.fault(step, dir, "another fingerprint, backwards");
            }
        }
    }

    fn fault(&mut self, step: &Step<'_>, dir: &str, what: &str) {
        let text = self.told(step, dir, what);
        (self.setting.progress)(&text);
        self.report.faults.push(text);
    }

    fn remark(&mut self, step: &Step<'_>, dir: &str, what: &str) {
        let text = self.told(step, dir, what);
        self.report.remarks.push(text);
    }

    fn told(&self, step: &Step<'_>, dir: &str, what: &str) -> String {
        let Mutation { kind, what: which, .. } = step.mutation;
        let name = &self.workspace.name;
        let kinds: Vec<String> = self.setting.options.kinds.iter().map(|kind| format!(" --kind {kind:?}")).collect();
        let kinds = kinds.concat();
        let replay =
            format!("--workspace {name} --seed {}{kinds} --first {} --count 1", self.setting.options.seed, step.number);
        format!("{name} {dir:?}: {what}; {kind}: {which} ({replay})")
    }
}

impl State {
    /// How many programs do not build.
    fn failing(&self) -> usize {
        self.programs.values().filter(|(program, _)| matches!(program, Program::Fails(_))).count()
    }

    fn copy(&self) -> Self {
        Self { files: self.files.clone(), commit: self.commit.clone(), programs: self.programs.clone() }
    }
}

/// Counts a program under flagged or skipped; without a plan nothing is skipped.
fn count(counts: &mut [usize; 2], plan: &Plan, dir: &str) {
    let is_skipped = match plan {
        Plan::Services(services) => services.get(dir).is_some_and(|service| !service.is_flagged()),
        Plan::Refused(_) => false,
    };
    counts[usize::from(is_skipped)] += 1;
}
