//! `buildplan lock`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::cli::args::{GlobalArguments, LockArguments};
use crate::cli::comparison::{config_of, read_config_file};
use crate::cli::output::{Failure, Output, Status};
use crate::fingerprint::{WaysToBuild, ways_to_build};
use crate::git::Repository;
use crate::go::external::lock_file::{LOCK_FILE, LockFile};
use crate::go::mode::Mode;
use crate::go::workspace::Workspace;
use crate::lock::download::{download, module_cache_of_go};
use crate::lock::{ModuleCache, Survey};
use crate::render::words;
use crate::service::Services;

pub(super) fn run(global: &GlobalArguments, command: &LockArguments, output: &Output) -> Result<Status, Failure> {
    let repository = Repository::discover(global.directory.as_deref().unwrap_or(Path::new(".")))?;
    let tree = repository.working_copy()?;
    let Some(root) = repository.work_dir() else {
        return Err(Failure::new("the repository has no working copy to lock"));
    };
    let folder = global.directory.as_deref().unwrap_or(Path::new(""));
    let config = match &global.config {
        Some(file) => read_config_file(&folder.join(file))?,
        None => config_of(&tree)?.unwrap_or_default(),
    };
    let workspace = Workspace::scan(&tree)?;
    let services = Services::find(&config, &workspace)?;
    if !services.problems.is_empty() {
        return Err(Failure::from(&services.problems[..]));
    }
    let ways = ways_to_build(&workspace, &config, &services.services);
    if command.check {
        return check(&workspace, &ways, output);
    }
    if command.download {
        download_all(&repository, &ways, output);
    }
    let cache = ModuleCache::new(module_cache(root)?);
    let survey = Survey::take(&workspace, &ways, &cache)?;
    let file = root.join(LOCK_FILE);
    let has_file = workspace.lock().is_some();
    if survey.lock.modules().is_empty() && survey.uncovered.is_empty() && !has_file {
        output.say("nothing to lock: no module outside the repository is required, or all are vendored");
        return Ok(Status::Done);
    }
    output.file_or(&file, &survey.lock.to_text())?;
    output.say(summary(&survey.lock));
    for path in cache.unreadable() {
        output.warn(format!("cannot read {path}"));
    }
    if !survey.is_complete() {
        let holder = format!("the module cache {}", cache.root().display());
        let hint = if command.download { "" } else { "; `buildplan lock --download` fetches it first" };
        output.warn(format!("{}{hint}", survey.shortcomings(&holder)));
    }
    Ok(Status::Done)
}

/// Fetches what the go.mod and go.work files in force list. One that fails keeps no other from being locked: what the lock
/// then lacks is said.
fn download_all(repository: &Repository, ways: &WaysToBuild, output: &Output) {
    let modes: BTreeSet<&Mode> = ways.keys().map(|(mode, _)| mode).collect();
    for mode in modes {
        output.say(format!("running go mod download for {mode}"));
        let (Mode::Workspace(dir) | Mode::Module(dir)) = mode;
        let in_workspace = matches!(mode, Mode::Workspace(_));
        if let Err(reason) = download(&repository.on_disk(dir).unwrap_or_default(), in_workspace) {
            output.warn(reason);
        }
    }
}

/// Whether the lock would answer all questions and hold nothing else; it needs no module cache.
fn check(workspace: &Workspace<'_>, ways: &WaysToBuild, output: &Output) -> Result<Status, Failure> {
    let empty = LockFile::default();
    let lock = workspace.lock().unwrap_or(&empty);
    let survey = Survey::take(workspace, ways, lock)?;
    let hint = "run `buildplan lock` and commit build-plan.lock";
    let complaint = if let Some(problem) = lock.problems.first() {
        format!("{LOCK_FILE}:{}: {}; {hint}", problem.line, problem.message)
    } else if !survey.is_complete() {
        format!("{}; {hint}", survey.shortcomings(LOCK_FILE))
    } else if survey.lock.modules() != lock.modules() {
        format!("{LOCK_FILE} has entries that nothing needs any more; {hint}")
    } else {
        let state = if workspace.lock().is_some() { "is up to date" } else { "is not needed" };
        output.say(format!("{LOCK_FILE} {state}"));
        return Ok(Status::Done);
    };
    output.fail(&Failure::new(complaint));
    Ok(Status::CheckFailed)
}

fn summary(lock: &LockFile) -> String {
    let folders = lock.modules().values().filter_map(|module| module.files.as_ref());
    let packages = folders.flat_map(|files| files.folders.values()).filter(|folder| folder.is_some()).count();
    let modules = lock.modules().values().filter(|module| module.files.is_some()).count();
    format!("locked {} in {}", words::count(packages, "package"), words::count(modules, "module"))
}

/// The module cache that the `go` command would use here.
fn module_cache(root: &Path) -> Result<PathBuf, Failure> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let of_path = || {
        let first = std::env::split_paths(&std::env::var_os("GOPATH")?).next()?;
        (!first.as_os_str().is_empty()).then(|| first.join("pkg/mod"))
    };
    let cache = variable("GOMODCACHE")
        .or_else(|| module_cache_of_go(root))
        .or_else(of_path)
        .or_else(|| Some(variable("HOME")?.join("go/pkg/mod")));
    cache.ok_or_else(|| Failure::new("cannot tell where the Go module cache is").with_hint("set GOMODCACHE"))
}
