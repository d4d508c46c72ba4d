//! Turns a service into what the rules ask about: which stages are built, what is copied from the context and when, and
//! what the program imports.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::base_image::BaseImage;
use super::commands::{GoCommand, go_commands};
use crate::docker::{Action, Copy, Dockerfile, Instruction, Mount, Origin, Stage};
use crate::fingerprint::{ServiceState, Snapshot};
use crate::go::folder::SourceContent;
use crate::go::module::Module;
use crate::graph::{Content, FolderPackage};
use crate::repo::{RepoPath, Tree};
use crate::service::{Program, Service};

/// A service and its Dockerfile.
pub(super) struct Subject<'s> {
    pub(super) service: &'s Service,
    pub(super) file: &'s Dockerfile,
    pub(super) snapshot: &'s Snapshot<'s>,
    state: &'s ServiceState,
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
    pub(super) fn new(snapshot: &'s Snapshot<'s>, state: &'s ServiceState, file: &'s Dockerfile) -> Option<Self> {
        let service = &state.service;
        let target = service.settings.image.target.as_deref();
        let last = match target {
            Some(target) => {
                let by_name =
                    file.stages.iter().position(|stage| stage.name.as_deref() == Some(&target.to_lowercase()));
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
        let used = used_stages(file, last);
        Some(Self { service, file, snapshot, state, used, chain, closure: OnceCell::new() })
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

    /// The commands that make binaries, each output once: what an earlier command wrote there only fills the cache.
    pub(super) fn builds(&self) -> Vec<(Step<'s>, GoCommand<'s>)> {
        let mut seen = BTreeSet::new();
        let builds: Vec<_> = self.go_commands().filter(|(_, command)| command.makes_binary()).collect();
        let mut last: Vec<_> = builds
            .into_iter()
            .rev()
            .filter(|(step, command)| match command.flag_text("o") {
                Some(output) => seen.insert((step.stage, output)),
                None => true,
            })
            .collect();
        last.reverse();
        last
    }

    /// A path of the context as a path of the repository; `None` if it is not known or has wildcards.
    pub(super) fn in_context(&self, source: &str) -> Option<RepoPath> {
        let relative = source.trim_start_matches('/');
        if source.contains("${") || is_pattern(source) && !matches!(relative, "*" | "**" | "./*") {
            return None;
        }
        let relative = if is_pattern(relative) { "" } else { relative };
        self.service.context.join(relative.as_bytes())
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
        self.steps().filter(|step| self.step_brings(*step, &self.service.context))
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

    /// Whether go.work decides which versions are used, in every way that the service may be built.
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
