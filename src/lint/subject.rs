//! Turns a service into what the rules ask about: which stages are built, what is copied from the context and when, and
//! what the program imports.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::base_image::BaseImage;
use super::commands::{GoCommand, go_commands};
use crate::docker::{Action, Copy, Dockerfile, Instruction, Mount, Origin, Stage, context_has_sources};
use crate::fingerprint::{ServiceState, Snapshot};
use crate::go::folder::SourceContent;
use crate::go::module::Module;
use crate::graph::{Content, FolderPackage};
use crate::repo::{RepoPath, Tree, TreeError};
use crate::service::{Program, Service};

/// How many builds of one Dockerfile are looked at: far more than any real one has.
const MAX_BUILDS: usize = 64;

/// How many copies one binary is followed through.
const MAX_COPIES: usize = 64;

/// A service and its Dockerfile.
pub(super) struct Subject<'s> {
    pub(super) service: &'s Service,
    pub(super) file: &'s Dockerfile,
    pub(super) snapshot: &'s Snapshot<'s>,
    state: &'s ServiceState,
    /// The build context; where it is not configured, the more likely one.
    pub(super) context: RepoPath,
    /// The stages that are built, in order.
    used: Vec<usize>,
    /// The final stage and those that it starts from, the first one first.
    chain: Vec<usize>,
    closure: OnceCell<Closure>,
}

/// An instruction, and the stage that it is in.
#[derive(Clone, Copy)]
pub(super) struct Step<'s> {
    pub(super) stage: usize,
    pub(super) instruction: &'s Instruction,
}

/// What a program is made of.
#[derive(Default)]
pub(super) struct Closure {
    /// The import paths that some package certainly has.
    pub(super) imports: BTreeSet<String>,
    /// Whether a package outside the standard library uses cgo.
    pub(super) uses_cgo: bool,
    /// The Go files of the repository, sorted.
    pub(super) files: BTreeSet<RepoPath>,
}

impl<'s> Subject<'s> {
    /// `None` without a stage to build.
    ///
    /// # Errors
    /// [`TreeError`] if the tree cannot be read.
    pub(super) fn new(
        snapshot: &'s Snapshot<'s>,
        state: &'s ServiceState,
        file: &'s Dockerfile,
    ) -> Result<Option<Self>, TreeError> {
        let Some((used, chain)) = stages_of(file, state.service.settings.image.target.as_deref()) else {
            return Ok(None);
        };
        let service = &state.service;
        let context = likely_context(snapshot, service, file)?;
        Ok(Some(Self { service, file, snapshot, state, context, used, chain, closure: OnceCell::new() }))
    }

    pub(super) fn tree(&self) -> &'s dyn Tree {
        self.snapshot.workspace.tree()
    }

    pub(super) fn program(&self) -> Option<&'s Program> {
        self.service.program.as_ref()
    }

    /// The module of the program.
    pub(super) fn module(&self) -> Option<&'s Module> {
        self.snapshot.workspace.modules().get(&self.program()?.module).map(|module| &**module)
    }

    fn stage(&self, number: usize) -> Option<&'s Stage> {
        self.file.stages.get(number)
    }

    pub(super) fn final_stage(&self) -> Option<&'s Stage> {
        self.stage(*self.chain.last()?)
    }

    /// The stages that are built.
    pub(super) fn stages(&self) -> impl Iterator<Item = (usize, &'s Stage)> {
        self.used.iter().filter_map(|number| Some((*number, self.stage(*number)?)))
    }

    /// The instructions of all stages that are built, in order.
    pub(super) fn steps(&self) -> impl Iterator<Item = Step<'s>> {
        self.stages().flat_map(|(number, stage)| steps_of(number, stage))
    }

    /// The instructions whose layers are in the image.
    pub(super) fn final_steps(&self) -> impl DoubleEndedIterator<Item = Step<'s>> {
        let stages = self.chain.iter().filter_map(|number| Some((*number, self.stage(*number)?)));
        stages.flat_map(|(number, stage)| steps_of(number, stage))
    }

    /// The stage, other than an image, that the final one starts from, or itself.
    pub(super) fn first_stage(&self) -> Option<&'s Stage> {
        self.stage(*self.chain.first()?)
    }

    /// The image that the image starts from.
    pub(super) fn final_base(&self) -> BaseImage<'s> {
        BaseImage::read(self.first_stage().map_or("", |stage| &stage.base))
    }

    /// The image that a stage starts from, through other stages.
    pub(super) fn base_of(&self, mut number: usize) -> BaseImage<'s> {
        while let Some(base) = self.stage(number).and_then(|stage| stage.base_stage).filter(|base| *base < number) {
            number = base;
        }
        BaseImage::read(self.stage(number).map_or("", |stage| &stage.base))
    }

    /// Whether the image says what it runs. If not, it is one to build on, or for people to work in.
    pub(super) fn starts_something(&self) -> bool {
        use crate::docker::Start::{Cmd, Entrypoint};
        self.final_steps().any(|step| matches!(&step.instruction.action, Action::Start(Entrypoint | Cmd, _)))
    }

    /// What came before an instruction in its stage and those that it starts from, the latest first.
    pub(super) fn before(&self, step: Step<'s>) -> impl Iterator<Item = Step<'s>> {
        let mut numbers = vec![step.stage];
        while let Some(base) = numbers
            .last()
            .and_then(|last| self.stage(*last).and_then(|stage| stage.base_stage).filter(|base| base < last))
        {
            numbers.push(base);
        }
        let stages = numbers.into_iter().filter_map(|number| Some((number, self.stage(number)?)));
        let all = stages.flat_map(|(number, stage)| steps_of(number, stage).rev());
        all.skip_while(move |other| !std::ptr::eq(other.instruction, step.instruction)).skip(1)
    }

    /// The `go` commands of all stages that are built.
    pub(super) fn go_commands(&self) -> impl Iterator<Item = (Step<'s>, GoCommand<'s>)> {
        self.steps().flat_map(|step| go_commands(step.instruction).map(move |command| (step, command)))
    }

    /// The commands that make binaries of the context, each output once: what an earlier command wrote there only fills
    /// the cache.
    pub(super) fn builds(&self) -> Vec<(Step<'s>, GoCommand<'s>)> {
        let mut seen = BTreeSet::new();
        let is_own = |step: &Step<'s>| {
            std::iter::once(*step).chain(self.before(*step)).any(|step| takes_context(step.instruction))
        };
        let builds = self.go_commands().filter(|(_, command)| command.makes_binary()).take(MAX_BUILDS);
        let builds: Vec<_> = builds.filter(|(step, _)| is_own(step)).collect();
        let mut last: Vec<_> = builds
            .into_iter()
            .rev()
            .filter(|(step, command)| match command.output() {
                Some(output) => seen.insert((step.stage, output)),
                None => true,
            })
            .collect();
        last.reverse();
        last
    }

    /// Whether what a command writes is copied into the image, as far as that can be told: a tool that only runs while
    /// the image is built is not.
    pub(super) fn ships(&self, step: Step<'s>, command: &GoCommand<'s>) -> bool {
        let folder = step.instruction.run().map_or("", |run| run.directory.text.trim_end_matches('/'));
        let written = match command.output() {
            Some(output) if output.starts_with('/') => Some(output.to_owned()),
            Some(output) if command.verb == "build" => Some(format!("{folder}/{}", output.trim_start_matches("./"))),
            _ => None,
        };
        let written = written.filter(|path| !path.contains("${") && !path.ends_with('/'));
        let mut seen = BTreeSet::new();
        let mut pending = vec![(step.stage, written)];
        while let Some((stage, path)) = pending.pop() {
            if self.chain.contains(&stage) {
                return true;
            }
            if seen.len() > MAX_COPIES || !seen.insert((stage, path.clone())) {
                continue;
            }
            // Stages that start from this one have it too.
            pending.extend(
                self.stages().filter(|(_, other)| other.base_stage == Some(stage)).map(|(at, _)| (at, path.clone())),
            );
            for other in self.steps() {
                let copy = other.instruction.copy().filter(|copy| copy.from == Origin::Stage(stage));
                if let Some(copied) = copy.and_then(|copy| carried(copy, path.as_deref())) {
                    pending.push((other.stage, copied));
                }
            }
        }
        false
    }

    /// A path of the context as a path of the repository; `None` if it is not known or has wildcards.
    pub(super) fn in_context(&self, source: &str) -> Option<RepoPath> {
        let relative = source.trim_start_matches('/');
        if source.contains("${") || is_pattern(source) && !matches!(relative, "*" | "**" | "./*") {
            return None;
        }
        let relative = if is_pattern(relative) { "" } else { relative };
        self.context.join(relative.as_bytes())
    }

    /// Whether sources bring a path of the repository along, whole.
    pub(super) fn brings(&self, sources: &[String], path: &RepoPath) -> bool {
        sources.iter().filter_map(|source| self.in_context(source)).any(|source| path.is_within(&source))
    }

    /// Whether an instruction brings a path of the repository into its stage, or shows it to its command.
    pub(super) fn step_brings(&self, step: Step<'s>, path: &RepoPath) -> bool {
        context_copy(step.instruction).is_some_and(|copy| self.brings(&copy.sources, path))
            || context_mounts(step.instruction).any(|mount| self.brings(std::slice::from_ref(&mount.source), path))
    }

    /// The instructions that copy or mount the whole context.
    pub(super) fn whole_copies(&self) -> impl Iterator<Item = Step<'s>> {
        self.steps().filter(|step| self.step_brings(*step, &self.context))
    }

    /// What the program is made of; empty without one.
    pub(super) fn closure(&self) -> &Closure {
        self.closure.get_or_init(|| {
            let mut closure = Closure::default();
            for (_, context, start) in self.state.programs(self.snapshot) {
                for node in context.graph.reach(start).nodes() {
                    let node = context.graph.node(*node);
                    let certain = node.imports.iter().filter(|(used, _)| used.certain);
                    closure.imports.extend(certain.map(|(used, _)| used.path.to_string()));
                    if let Content::Folder(package) = &node.content {
                        closure.add(package);
                    }
                }
            }
            closure
        })
    }

    /// The ways in which the program may be built: with a go.work, or with a go.mod alone.
    pub(super) fn modes(&self) -> impl Iterator<Item = &'s crate::go::mode::Mode> {
        self.program().into_iter().flat_map(|program| &program.modes)
    }
}

impl Closure {
    fn add(&mut self, package: &FolderPackage) {
        for file in package.package.files.iter().filter_map(|index| package.source.files.get(*index)) {
            if let SourceContent::Go { header, .. } = &file.content {
                self.uses_cgo |= header.imports_c;
                self.files.insert(package.source.path.child(&file.name));
            }
        }
    }
}

/// The stages that are built, in order, and those that the final one is made of, the first one first.
fn stages_of(file: &Dockerfile, target: Option<&str>) -> Option<(Vec<usize>, Vec<usize>)> {
    let last = match target {
        Some(target) => {
            let by_name = file.stages.iter().position(|stage| stage.name.as_deref() == Some(&target.to_lowercase()));
            by_name.or_else(|| target.parse().ok().filter(|number| *number < file.stages.len()))?
        }
        None => file.stages.len().checked_sub(1)?,
    };
    let mut chain = vec![last];
    let mut at = last;
    // A stage starts from an earlier one, so this ends.
    while let Some(base) = file.stages.get(at).and_then(|stage| stage.base_stage).filter(|base| *base < at) {
        chain.push(base);
        at = base;
    }
    chain.reverse();
    Some((used_stages(file, last), chain))
}

fn steps_of(number: usize, stage: &Stage) -> impl DoubleEndedIterator<Item = Step<'_>> {
    let own = stage.instructions.iter().filter(|instruction| !instruction.is_onbuild);
    own.map(move |instruction| Step { stage: number, instruction })
}

/// The stages that a stage needs, itself included, in order.
fn used_stages(file: &Dockerfile, last: usize) -> Vec<usize> {
    let mut used = BTreeSet::from([last]);
    let mut pending = vec![last];
    while let Some(stage) = pending.pop().and_then(|number| file.stages.get(number)) {
        let copied = stage.instructions.iter().flat_map(|instruction| {
            let copy = instruction.copy().map(|copy| &copy.from);
            copy.into_iter().chain(instruction.run().into_iter().flat_map(|run| &run.mounts).map(|mount| &mount.from))
        });
        let copied = copied.filter_map(|origin| match origin {
            Origin::Stage(number) => Some(*number),
            _ => None,
        });
        pending.extend(copied.chain(stage.base_stage).filter(|number| used.insert(*number)));
    }
    used.into_iter().collect()
}

/// Where a service that does not say so is built. Many a Dockerfile would work in its own folder as well as at the root;
/// what holds for the root only, such as that there is a `.git`, should then not be said.
fn likely_context(snapshot: &Snapshot<'_>, service: &Service, file: &Dockerfile) -> Result<RepoPath, TreeError> {
    let tree = snapshot.workspace.tree();
    let folder = service.dockerfile.as_ref().and_then(RepoPath::parent);
    let Some(folder) = folder.filter(|_| service.settings.context.is_none()) else {
        return Ok(service.context.clone());
    };
    let targets = file.go_build_targets();
    // A build needs the go.mod; a copy of everything, whatever the program is made of.
    let is_there =
        |program: &Program| program.dir.is_within(&folder) && (targets.is_empty() || program.module.is_within(&folder));
    if !service.program.as_ref().is_none_or(is_there) || !context_has_sources(tree, file, &folder)? {
        return Ok(service.context.clone());
    }
    for target in targets {
        let is_plain =
            !target.contains("${") && !target.contains("...") && !is_pattern(&target) && target.starts_with('.');
        let path = folder.join(target.as_bytes()).filter(|_| is_plain);
        if path.is_some_and(|path| !path.is_root() && tree.entry(&path).is_ok_and(|entry| entry.is_none())) {
            return Ok(service.context.clone());
        }
    }
    Ok(folder)
}

/// Where a copy puts a path of another stage; `Some(None)` if it may be among what is copied, `None` if it is not.
#[expect(clippy::option_option, reason = "whether it is copied, and whether it is known where to")]
fn carried(copy: &Copy, path: Option<&str>) -> Option<Option<String>> {
    let Some(path) = path else { return Some(None) };
    let path = path.trim_start_matches('/');
    for source in &copy.sources {
        if source.contains("${") || is_pattern(source) || source.contains("..") {
            return Some(None);
        }
        let source = source.trim_start_matches("./").trim_matches('/');
        let Some(rest) = path.strip_prefix(source) else { continue };
        let target = copy.target.text.trim_end_matches('/');
        if target.contains("${") {
            return Some(None);
        }
        match rest.strip_prefix('/') {
            Some(below) => return Some(Some(format!("{target}/{below}"))),
            None if source.is_empty() => return Some(Some(format!("{target}/{path}"))),
            None if rest.is_empty() && copy.into_folder => {
                let name = path.rsplit('/').next().unwrap_or(path);
                return Some(Some(format!("{target}/{name}")));
            }
            None if rest.is_empty() => return Some(Some(target.to_owned())),
            None => {}
        }
    }
    None
}

/// Whether an instruction takes anything from the context.
fn takes_context(instruction: &Instruction) -> bool {
    context_copy(instruction).is_some() || context_mounts(instruction).next().is_some()
}

/// The instruction as a copy out of the context.
pub(super) fn context_copy(instruction: &Instruction) -> Option<&Copy> {
    instruction.copy().filter(|copy| copy.from == Origin::Context)
}

/// What an instruction mounts out of the context.
pub(super) fn context_mounts(instruction: &Instruction) -> impl Iterator<Item = &Mount> {
    let mounts = instruction.run().into_iter().flat_map(|run| &run.mounts);
    mounts.filter(|mount| mount.kind == "bind" && mount.from == Origin::Context)
}

/// Whether a `RUN` has a cache at a path of the image.
pub(super) fn has_cache_at(instruction: &Instruction, path: &str) -> bool {
    let caches = instruction.run().into_iter().flat_map(|run| &run.mounts).filter(|mount| mount.kind == "cache");
    caches.into_iter().any(|mount| {
        let target = mount.target.text.trim_end_matches('/');
        target.contains("${") || path.strip_prefix(target).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

pub(super) fn is_pattern(source: &str) -> bool {
    source.contains(['*', '?', '['])
}

/// The last `USER` of the image; `None` if there is none.
pub(super) fn final_user<'s>(subject: &Subject<'s>) -> Option<(&'s Instruction, &'s crate::docker::Word)> {
    subject.final_steps().rev().find_map(|step| match &step.instruction.action {
        Action::User(user) => Some((step.instruction, user)),
        _ => None,
    })
}
