//! Says in words what a snapshot rests on: doubts, bounds, assumptions, and files that Go would refuse.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::Config;
use crate::docker::TagMention;
use crate::fingerprint::ServiceState;
use crate::fingerprint::context::{Context, ContextKey, is_strict};
use crate::go::external::lock_file::{LOCK_FILE, LockFile};
use crate::go::folder::SourceContent;
use crate::go::mode::{Mode, Resolution};
use crate::go::modfile::Problem as ModfileProblem;
use crate::go::workspace::Workspace;
use crate::graph::{FolderPackage, Node, Part};
use crate::repo::{Note, NoteKind, RepoPath};
use crate::service::flags::BuildFlags;
use crate::service::target::TargetSpec;
use crate::service::{Problem, Program};

/// What Go refuses in the go.work and go.mod files that are in force.
pub(super) fn broken_files<'m>(workspace: &Workspace<'_>, modes: impl Iterator<Item = &'m Mode>) -> Vec<Problem> {
    let mut problems = BTreeSet::new();
    let mut modules = BTreeSet::new();
    for mode in modes {
        match mode {
            Mode::Module(dir) => drop(modules.insert(dir.clone())),
            Mode::Workspace(dir) => {
                let Some(work_file) = workspace.work_files().get(dir) else { continue };
                problems.extend(work_file.go_work.problems.iter().map(|problem| at(&work_file.file(), problem)));
                for (used, position) in work_file.uses() {
                    match used {
                        Ok(used) if workspace.modules().contains_key(&used) => drop(modules.insert(used)),
                        Ok(used) => drop(problems.insert(Problem {
                            service: None,
                            path: Some(work_file.file()),
                            position,
                            message: format!(
                                "use {used}: there is no {}; add the module or drop the line (go work edit -dropuse)",
                                used.child(b"go.mod")
                            ),
                        })),
                        Err(outside) => drop(problems.insert(Problem {
                            service: None,
                            path: Some(work_file.file()),
                            position,
                            message: format!("use {outside}: the folder lies outside the repository"),
                        })),
                    }
                }
            }
        }
    }
    for module in modules.iter().filter_map(|dir| workspace.modules().get(dir)) {
        problems.extend(module.go_mod.problems.iter().map(|problem| at(&module.file(), problem)));
        if module.path().is_empty() && module.go_mod.problems.is_empty() {
            let message = "there is no module line; start the file with `module example.com/name`".to_owned();
            problems.insert(Problem { service: None, path: Some(module.file()), position: (1, 1), message });
        }
    }
    problems.into_iter().collect()
}

fn at(path: &RepoPath, problem: &ModfileProblem) -> Problem {
    Problem {
        service: None,
        path: Some(path.clone()),
        position: (problem.line, problem.column),
        message: problem.message.clone(),
    }
}

/// The contexts of all modules, for commands that look at packages and not at services.
pub(super) fn keys_of_all_modules(workspace: &Workspace<'_>, config: &Config) -> Vec<ContextKey> {
    let flags = BuildFlags::parse(&config.go.flags);
    let targets = TargetSpec::all(&config.go, &flags, &TagMention::default());
    let mut modes: BTreeSet<Mode> = BTreeSet::new();
    for (_, module) in workspace.packages() {
        let work_file = workspace.work_file_of(&module.dir);
        let used = work_file.filter(|file| file.is_used(&module.dir));
        modes.insert(match used {
            Some(file) if config.go.workspace != crate::config::WorkspaceMode::Off => Mode::Workspace(file.dir.clone()),
            _ => Mode::Module(module.dir.clone()),
        });
    }
    let strict = is_strict(config.go.back_edges);
    let keys = targets.into_iter().flat_map(|target| {
        modes.iter().map(move |mode| ContextKey {
            target: target.clone(),
            mode: mode.clone(),
            mod_flag: flags.mod_flag,
            strict,
        })
    });
    keys.collect()
}

/// Every input in a program's closure that cannot be known, with the chain of imports that leads there.
pub(super) fn unknown_inputs(
    program: &Program,
    used: &[ContextKey],
    contexts: &BTreeMap<ContextKey, Arc<Context>>,
) -> BTreeSet<String> {
    let mut unknown = BTreeSet::new();
    for context in used.iter().filter_map(|key| contexts.get(key)) {
        let starts = context.programs(program).filter(|start| context.digests.doubts(*start).unknown);
        for start in starts {
            for id in context.graph.reach(start).nodes() {
                let node = context.graph.node(*id);
                unknown.extend(node.imports.iter().filter_map(|(_, meaning)| match &meaning.resolution {
                    Resolution::Missing(_) if node.external().is_some() => None,
                    Resolution::Missing(reason) | Resolution::Outside(reason) => {
                        Some(format!("{reason}, imported by {}", node.import_path))
                    }
                    _ => None,
                }));
            }
        }
    }
    unknown
}

/// What is to be said of a service.
pub(super) fn of_service(
    state: &ServiceState,
    contexts: &BTreeMap<ContextKey, Arc<Context>>,
    has_lock: bool,
) -> Vec<Note> {
    let mut notes = Vec::new();
    let Some(program) = &state.service.program else { return notes };
    let is_bounded = |context: &&Context| context.programs(program).any(|node| context.digests.doubts(node).external);
    let bounded: Vec<&Context> = state.contexts.iter().filter_map(|key| Some(&**contexts.get(key)?)).collect();
    let bounded: Vec<&Context> = bounded.into_iter().filter(is_bounded).collect();
    if !bounded.is_empty() {
        const BOUND: &str = "any change of a version that go.mod lists (with go.work: that any module lists) rebuilds \
                             every service that imports one";
        let uncovered = bounded.iter().find_map(|context| context.uncovered.as_ref()).filter(|_| has_lock);
        let message = match uncovered {
            Some((import, importer)) => format!(
                "{LOCK_FILE} does not say what provides {import}, which {importer} imports: {BOUND} that is not locked; \
                 run `buildplan lock`"
            ),
            None => format!("what external modules import is not known: {BOUND}; `buildplan lock` makes this exact"),
        };
        notes.push(Note::general(NoteKind::ExternalBound, message));
    }
    if !bounded.is_empty() && !is_strict(state.service.settings.go.back_edges) {
        notes.push(Note::general(
            NoteKind::BackEdges,
            "no external module is assumed to import a package of this repository; `[go] back-edges = \"strict\"` \
             drops the assumption, `buildplan lock` or vendoring makes it unnecessary",
        ));
    }
    notes
}

/// What of the lock does not count.
pub(super) fn of_lock(lock: &LockFile) -> Option<Note> {
    let first = lock.problems.first()?;
    let others = match lock.problems.len() - 1 {
        0 => String::new(),
        others => format!(" (and {others} more)"),
    };
    let message = format!(
        "{LOCK_FILE}:{}: {}, so this line does not count{others}; run `buildplan lock`",
        first.line, first.message
    );
    Some(Note::at(NoteKind::ExternalBound, &RepoPath::from_clean(LOCK_FILE.as_bytes()), message))
}

/// That Go builds nothing in a context. Where the services have another one, that decides alone.
pub(super) fn of_refusal(context: &Context) -> Option<Note> {
    let (Mode::Workspace(dir) | Mode::Module(dir)) = &context.key.mode;
    Some(Note::at(NoteKind::GoSource, dir, context.refused.clone()?))
}

/// Said of a file whose constraint cannot be decided.
const UNCERTAIN: &str = "is compiled depends on cgo, the toolchain or tags that are not configured; it counts";

/// What is to be said of the packages of a context.
pub(super) fn of_context(context: &Context) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut vendored: BTreeMap<RepoPath, BTreeSet<RepoPath>> = BTreeMap::new();
    for (_, node) in context.graph.nodes() {
        let Some(package) = node.folder().filter(|folder| folder.part == Part::Package) else { continue };
        if package.place.vendored {
            vendored.entry(vendor_folder(node, package)).or_default().extend(uncertain_files(package));
        } else {
            of_package(node, package, &mut notes);
        }
    }
    notes.extend(vendored.iter().filter_map(|(folder, files)| of_vendor_folder(folder, files)));
    for component in context.graph.components().iter().filter(|component| component.len() > 1) {
        let mut nodes: Vec<&Node> = component.iter().map(|id| context.graph.node(*id)).collect();
        // What external modules could import makes no circle that Go would see.
        let Some(folders) = nodes.iter().map(|node| node.folder()).collect::<Option<Vec<_>>>() else { continue };
        let Some(first) = folders.iter().map(|folder| &folder.place.dir).min() else { continue };
        nodes.sort_unstable_by(|left, right| left.import_path.cmp(&right.import_path));
        let names: Vec<&str> = nodes.iter().take(5).map(|node| &*node.import_path).collect();
        let more = if nodes.len() > names.len() { " …" } else { "" };
        let message = format!("packages import each other in a circle, which Go refuses: {}{more}", names.join(", "));
        notes.push(Note::at(NoteKind::ImportCycle, first, message));
    }
    notes
}

/// Vendored code is not the user's to mend: one note says what of it cannot be told.
fn of_vendor_folder(folder: &RepoPath, files: &BTreeSet<RepoPath>) -> Option<Note> {
    let first = files.first()?;
    let message = match files.len() - 1 {
        0 => format!("whether {first} {UNCERTAIN}"),
        others => format!("whether {first} {UNCERTAIN}; the same holds of {others} more files of {folder}"),
    };
    Some(Note::at(NoteKind::UnknownConstraint, folder, message))
}

/// The vendor folder that a package lies in: its own folder is that and the import path.
fn vendor_folder(node: &Node, package: &FolderPackage) -> RepoPath {
    let dir = package.place.dir.as_bytes();
    let folder = dir.strip_suffix(node.import_path.as_bytes()).and_then(|folder| folder.strip_suffix(b"/"));
    RepoPath::from_clean(folder.unwrap_or(dir))
}

fn uncertain_files(package: &FolderPackage) -> impl Iterator<Item = RepoPath> {
    let FolderPackage { place, source, package, .. } = package;
    package.uncertain.iter().map(|index| place.dir.child(&source.files[*index].name))
}

fn of_package(node: &Node, folder: &FolderPackage, notes: &mut Vec<Note>) {
    let FolderPackage { place, source, package, .. } = folder;
    let dir = &place.dir;
    for problem in &package.problems {
        notes.push(Note::at(NoteKind::GoSource, dir, format!("{dir}: {problem}")));
    }
    for index in &package.files {
        let SourceContent::Go { embeds, header } = &source.files[*index].content else { continue };
        for (directive, embedded) in header.embeds.iter().zip(embeds) {
            if let Some(problem) = &embedded.problem {
                let file = dir.child(&source.files[*index].name);
                let message = format!("{file}:{}: //go:embed {}: {problem}", directive.line, directive.pattern);
                notes.push(Note::at(NoteKind::GoSource, &file, message));
            }
        }
    }
    if !package.uncertain.is_empty() {
        let name = |index: &usize| String::from_utf8_lossy(&source.files[*index].name).into_owned();
        let files: Vec<String> = package.uncertain.iter().map(name).collect();
        let message = format!("{dir}: whether {} {UNCERTAIN}", files.join(", "));
        notes.push(Note::at(NoteKind::UnknownConstraint, dir, message));
    }
    for (used, resolution) in &node.imports {
        if let Resolution::Missing(reason) = &resolution.resolution {
            let message = format!("{}: {reason}", node.import_path);
            let kind = if used.certain { NoteKind::UnresolvedImport } else { NoteKind::UnknownConstraint };
            notes.push(Note::at(kind, dir, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::{Snapshot, SnapshotOptions};
    use crate::repo::MemoryTree;

    #[track_caller]
    fn check(txtar: &str, kind: NoteKind, expected: &[&str]) {
        let tree = MemoryTree::from_txtar(txtar);
        let workspace = Workspace::scan(&tree).unwrap();
        let config = Config::parse(b"").unwrap();
        let snapshot = Snapshot::new(&workspace, &config, &SnapshotOptions::default(), None).unwrap();
        let said = snapshot.notes.iter().filter(|note| note.kind == kind).map(|note| {
            let path = note.path.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{path}: {}", note.message)
        });
        assert_eq!(said.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn one_note_says_which_vendored_files_may_be_compiled() {
        let tree = "-- go.mod --\nmodule ex.io/m\ngo 1.24\nrequire o.io/a v1.0.0\n-- main.go --\npackage main\n\
                    import _ \"o.io/a\"\nimport _ \"o.io/a/b\"\n-- vendor/modules.txt --\n# o.io/a v1.0.0\n## explicit\no.io/a\n\
                    o.io/a/b\n-- vendor/o.io/a/a.go --\npackage a\n-- vendor/o.io/a/c.go --\n//go:build cgo\n\npackage a\n\
                    -- vendor/o.io/a/b/b.go --\n//go:build !cgo\n\npackage b\n";
        let expected = "vendor: whether vendor/o.io/a/b/b.go is compiled depends on cgo, the toolchain or tags that are not \
                        configured; it counts; the same holds of 1 more files of vendor";
        check(tree, NoteKind::UnknownConstraint, &[expected]);
    }
}
