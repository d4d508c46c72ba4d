//! Turns configuration and workspace into the list of services, each with its program, targets, modes and Dockerfile.
//!
//! It finds services where none are configured and says why a `main` package is none. It never hashes anything.

mod discover;
pub mod flags;
mod image;
mod name;
mod profile;
pub mod target;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{Config, ServiceConfig, WorkspaceMode};
use crate::docker::{Dockerfile, TagMention, context_has_sources};
use crate::go::mode::Mode;
use crate::go::modfile::go_version;
use crate::go::package::Package;
use crate::go::workspace::Workspace;
use crate::repo::{EntryKind, Note, NoteKind, RepoPath, TreeError};
use crate::service::flags::BuildFlags;
use crate::service::image::{ImageRequest, trace_image};
use crate::service::target::TargetSpec;

pub use crate::service::image::ServiceImage;

/// A deployable unit.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name, unique in the plan.
    pub name: String,
    /// Its Go program; `None` if it has only a Dockerfile.
    pub program: Option<Program>,
    /// Its Dockerfile.
    pub dockerfile: Option<RepoPath>,
    /// The build context.
    pub context: RepoPath,
    /// The folder of the program, or the Dockerfile's if that is nearer to the root.
    pub own_folder: RepoPath,
    /// What its Dockerfile says.
    pub image: Option<Arc<ServiceImage>>,
    /// Its settings, global ones included.
    pub settings: ServiceConfig,
}

/// The Go part of a service.
#[derive(Clone, Debug)]
pub struct Program {
    /// The folder of the `main` package.
    pub dir: RepoPath,
    /// The folders of the other programs that the Dockerfile builds or runs: their code is in the image too, sorted.
    pub others: Vec<RepoPath>,
    /// The module that the folder belongs to.
    pub module: RepoPath,
    /// What it is built for, sorted.
    pub targets: Vec<TargetSpec>,
    /// With which go.work or go.mod it may be built.
    pub modes: Vec<Mode>,
    /// The build flags.
    pub flags: BuildFlags,
    /// The profiles that it is compiled with.
    pub profiles: Vec<RepoPath>,
    /// What of its build cannot be known, one sentence each.
    pub unknown: Vec<String>,
}

impl Program {
    /// The folders of all programs that are part of the service, its own first.
    pub fn dirs(&self) -> impl Iterator<Item = &RepoPath> {
        std::iter::once(&self.dir).chain(&self.others)
    }
}

/// Something that keeps a tree from being planned: configuration or source that Go would refuse.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The service that it concerns; `None` if it concerns all.
    pub service: Option<String>,
    /// The file, if it is in the tree.
    pub path: Option<RepoPath>,
    /// Line and column, counted from 1; 0 where there is none.
    pub position: (usize, usize),
    /// What is wrong and what to do.
    pub message: String,
}

/// The services of one tree.
#[derive(Debug, Default)]
pub struct Services {
    /// By name.
    pub services: BTreeMap<String, Service>,
    /// What keeps some from being planned.
    pub problems: Vec<Problem>,
    /// What else was met.
    pub notes: Vec<Note>,
}

impl Services {
    /// The configured services, or all that can be found if none are.
    pub fn find(config: &Config, workspace: &Workspace<'_>) -> Result<Self, TreeError> {
        if config.services.is_empty() {
            return discover::discover(config, workspace);
        }
        let mut found = Self::default();
        for (name, settings) in &config.services {
            match configured(name, settings, workspace)? {
                Ok(service) => drop(found.services.insert(name.clone(), service)),
                Err(message) => found.problems.push(Problem {
                    service: Some(name.clone()),
                    path: Some(RepoPath::from_clean(b"build-plan.toml")),
                    position: (settings.line, 1),
                    message,
                }),
            }
        }
        Ok(found)
    }
}

fn configured(
    name: &str,
    settings: &ServiceConfig,
    workspace: &Workspace<'_>,
) -> Result<Result<Service, String>, TreeError> {
    let dockerfile = match (&settings.dockerfile, &settings.package) {
        (Some(dockerfile), _) => {
            let entry = workspace.tree().entry(dockerfile)?;
            if entry.is_none_or(|entry| entry.kind == EntryKind::Folder) {
                return Ok(Err(format!("service {name}: there is no Dockerfile at {dockerfile}")));
            }
            Some(dockerfile.clone())
        }
        (None, Some(package)) => nearest_dockerfile(workspace, package)?,
        (None, None) => None,
    };
    if let Some(package) = &settings.package
        && let Err(message) = check_package(name, package, settings, workspace)?
    {
        return Ok(Err(message));
    }
    make(name, settings.package.clone(), dockerfile, settings.clone(), workspace)
}

/// Whether a configured package is a program.
fn check_package(
    name: &str,
    package: &RepoPath,
    settings: &ServiceConfig,
    workspace: &Workspace<'_>,
) -> Result<Result<(), String>, TreeError> {
    let Some(folder) = workspace.folder(package)? else {
        return Ok(Err(format!("service {name}: there is no folder {package}")));
    };
    if workspace.module_of(package).is_none() {
        return Ok(Err(in_no_module(name, package)));
    }
    let flags = BuildFlags::parse(&settings.go.flags);
    let minor = minimum_minor(workspace, package);
    let packages: Vec<Arc<Package>> = TargetSpec::all(&settings.go, &flags, &TagMention::default())
        .iter()
        .map(|target| folder.package(&target.resolve(minor)))
        .collect();
    if packages.iter().any(|package| package.is_main()) {
        return Ok(Ok(()));
    }
    Ok(Err(match packages.iter().find_map(|package| package.name.as_deref()) {
        Some(other) => {
            format!("service {name}: {package} is package `{other}`, not `main`; name the folder of a program")
        }
        None => format!("service {name}: {package} has no Go files for the configured platforms and tags"),
    }))
}

fn in_no_module(name: &str, dir: &RepoPath) -> String {
    format!("service {name}: {dir} is in no Go module (no go.mod at or above it)")
}

/// The go lines around a folder say how new the toolchain is at least.
fn minimum_minor(workspace: &Workspace<'_>, dir: &RepoPath) -> u32 {
    let of_work_file = workspace.work_file_of(dir).and_then(|file| file.go_work.go.as_deref());
    let of_module = workspace.module_of(dir).and_then(|module| module.go_mod.go.as_deref());
    of_work_file.into_iter().chain(of_module).filter_map(go_version::minor).max().unwrap_or(1)
}

/// The Dockerfile in a folder, or in the nearest one above it within its module.
fn nearest_dockerfile(workspace: &Workspace<'_>, dir: &RepoPath) -> Result<Option<RepoPath>, TreeError> {
    let Some(module) = workspace.module_of(dir) else { return Ok(None) };
    for folder in std::iter::once(dir.clone()).chain(dir.ancestors()) {
        let candidate = folder.child(b"Dockerfile");
        if workspace.tree().entry(&candidate)?.is_some_and(|entry| entry.kind != EntryKind::Folder) {
            return Ok(Some(candidate));
        }
        if folder == module.dir {
            break;
        }
    }
    Ok(None)
}

/// The bytes of a file, through symlinks; `None` if there is none that can be read.
fn read_bytes(workspace: &Workspace<'_>, path: &RepoPath) -> Result<Option<Arc<[u8]>>, TreeError> {
    let tree = workspace.tree();
    let Ok(Some((real, EntryKind::File { .. }))) = crate::repo::read_through_links(tree, path)? else {
        return Ok(None);
    };
    tree.read(&real).map(Some)
}

/// Reads a Dockerfile as it is built with these build arguments; one that cannot be read is empty.
fn read_dockerfile(
    workspace: &Workspace<'_>,
    path: &RepoPath,
    build_args: &BTreeMap<String, String>,
) -> Result<Dockerfile, TreeError> {
    Ok(Dockerfile::parse_with(&read_bytes(workspace, path)?.unwrap_or_default(), build_args, None))
}

fn make(
    name: &str,
    package: Option<RepoPath>,
    dockerfile: Option<RepoPath>,
    settings: ServiceConfig,
    workspace: &Workspace<'_>,
) -> Result<Result<Service, String>, TreeError> {
    let context = match (&settings.context, &dockerfile) {
        (Some(context), _) => context.clone(),
        (None, Some(path)) => {
            let parsed = read_dockerfile(workspace, path, &settings.image.build_args)?;
            likely_context(workspace, package.as_ref(), path, &parsed)?
        }
        (None, None) => RepoPath::root(),
    };
    if let Some(dir) = &package
        && let Some(hidden) = hidden_module(workspace, dir)?
    {
        return Ok(Err(format!(
            "service {name}: {dir} belongs to {hidden}, in a folder that Go's patterns skip; `use` it in a go.work"
        )));
    }
    let mut program = match package.map(|dir| program(name, dir, &settings, workspace)).transpose() {
        Ok(program) => program,
        Err(message) => return Ok(Err(message)),
    };
    let image = match &dockerfile {
        Some(dockerfile) => {
            let request = ImageRequest { dockerfile, context: &context, image: &settings.image, go: &settings.go };
            Some(Arc::new(trace_image(workspace, &request, program.as_mut())?))
        }
        None => None,
    };
    if let Some(program) = &mut program {
        let (profiles, unknown) = profile::profiles(workspace, program)?;
        program.profiles = profiles;
        program.unknown.extend(unknown);
    }
    let own_folder = own_folder(program.as_ref(), dockerfile.as_ref());
    Ok(Ok(Service { name: name.to_owned(), program, dockerfile, context, own_folder, image, settings }))
}

/// The first folder that has what the Dockerfile copies: the repository's root, then the module's; else its own folder.
fn likely_context(
    workspace: &Workspace<'_>,
    package: Option<&RepoPath>,
    dockerfile: &RepoPath,
    parsed: &Dockerfile,
) -> Result<RepoPath, TreeError> {
    let module = package.and_then(|package| workspace.module_of(package)).map(|module| module.dir.clone());
    for folder in std::iter::once(RepoPath::root()).chain(module) {
        if context_has_sources(workspace.tree(), parsed, &folder)? {
            return Ok(folder);
        }
    }
    Ok(dockerfile.parent().unwrap_or_else(RepoPath::root))
}

/// A go.mod above a folder that the walk did not come to, so that its module is not known.
fn hidden_module(workspace: &Workspace<'_>, dir: &RepoPath) -> Result<Option<RepoPath>, TreeError> {
    let known = workspace.module_of(dir).map(|module| module.dir.clone());
    for above in std::iter::once(dir.clone()).chain(dir.ancestors()) {
        if Some(&above) == known.as_ref() {
            return Ok(None);
        }
        if workspace.has_go_mod(&above)? {
            return Ok(Some(above.child(b"go.mod")));
        }
    }
    Ok(None)
}

fn program(name: &str, dir: RepoPath, settings: &ServiceConfig, workspace: &Workspace<'_>) -> Result<Program, String> {
    let Some(module) = workspace.module_of(&dir) else {
        return Err(in_no_module(name, &dir));
    };
    let flags = BuildFlags::parse(&settings.go.flags);
    let targets = TargetSpec::all(&settings.go, &flags, &TagMention::default());
    let modes = modes(name, &dir, &module.dir, &settings.go.workspace, workspace)?;
    let unknown = flags.opaque.iter().map(|flag| format!("the build flag {flag} hides what the compiler reads"));
    let unknown = unknown.collect();
    let module = module.dir.clone();
    Ok(Program { module, dir, others: Vec::new(), targets, modes, flags, profiles: Vec::new(), unknown })
}

fn modes(
    name: &str,
    dir: &RepoPath,
    module: &RepoPath,
    wanted: &WorkspaceMode,
    workspace: &Workspace<'_>,
) -> Result<Vec<Mode>, String> {
    let alone = Mode::Module(module.clone());
    let nearest = workspace.work_file_of(dir);
    Ok(match wanted {
        WorkspaceMode::Off => vec![alone],
        WorkspaceMode::Auto => match nearest {
            Some(file) if file.is_used(module) => vec![Mode::Workspace(file.dir.clone()), alone],
            _ => vec![alone],
        },
        WorkspaceMode::On => match nearest {
            Some(file) => vec![Mode::Workspace(file.dir.clone())],
            None => {
                return Err(format!("service {name}: workspace = \"on\", but there is no go.work at or above {dir}"));
            }
        },
        WorkspaceMode::File(path) => match path.parent().filter(|dir| workspace.work_files().contains_key(dir)) {
            Some(dir) if path.name() == b"go.work" => vec![Mode::Workspace(dir)],
            _ => return Err(format!("service {name}: there is no go.work at {path}")),
        },
    })
}

/// The Dockerfile's folder if the program lies below it, unless that is the whole repository.
fn own_folder(program: Option<&Program>, dockerfile: Option<&RepoPath>) -> RepoPath {
    let of_dockerfile = dockerfile.and_then(RepoPath::parent);
    match (program, of_dockerfile) {
        (Some(program), Some(folder)) if !folder.is_root() && program.dir.is_within(&folder) => folder,
        (Some(program), _) => program.dir.clone(),
        (None, folder) => folder.unwrap_or_else(RepoPath::root),
    }
}

fn discovery_note(message: String) -> Note {
    Note::general(NoteKind::Discovery, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::MemoryTree;

    /// The problem of the one configured service.
    #[track_caller]
    fn check(txtar: &str, config: &str, expected: &str) {
        let tree = MemoryTree::from_txtar(txtar);
        let workspace = Workspace::scan(&tree).unwrap();
        let found = Services::find(&Config::parse(config.as_bytes()).unwrap(), &workspace).unwrap();
        let messages: Vec<&str> = found.problems.iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(messages, [expected]);
    }

    #[test]
    fn a_service_of_a_module_that_no_walk_finds_is_a_problem() {
        let tree = "-- go.mod --\nmodule ex.io/m\n-- _x/go.mod --\nmodule ex.io/x\n-- _x/main.go --\npackage main\n";
        let expected = "service x: _x belongs to _x/go.mod, in a folder that Go's patterns skip; `use` it in a go.work";
        check(tree, "[services.x]\npackage = \"_x\"\n", expected);
    }

    #[test]
    fn the_context_is_where_the_copied_files_are() {
        let context = |dockerfile: &str| {
            let mut tree = MemoryTree::from_txtar(
                "-- a/go.mod --\nmodule ex.io/a\n-- a/cmd/x/main.go --\npackage main\n-- a/cmd/x/own.txt --\n-- top.txt --\n",
            );
            tree.insert("a/cmd/x/Dockerfile", format!("FROM golang\nCOPY {dockerfile} /\n"));
            let workspace = Workspace::scan(&tree).unwrap();
            let services = Services::find(&Config::default(), &workspace).unwrap().services;
            services["x"].context.to_string()
        };
        assert_eq!(["top.txt", "go.mod", "own.txt", "nowhere.txt"].map(context), [".", "a", "a/cmd/x", "a/cmd/x"]);
    }

    #[test]
    fn a_service_without_a_program_is_a_problem() {
        let tree = "-- go.mod --\nmodule ex.io/m\n-- lib/lib.go --\npackage lib\n";
        let expected = "service x: lib is package `lib`, not `main`; name the folder of a program";
        check(tree, "[services.x]\npackage = \"lib\"\n", expected);
    }
}
