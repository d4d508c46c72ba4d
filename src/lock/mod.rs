//! Turns the Go source of a repository and what a module cache holds into a build-plan.lock.
//!
//! The lock is the record of all that version selection and import resolution ask of external modules, for every way to
//! build and every target at once. So the planner, which asks the same questions of one target, finds its answers
//! there. It decides nothing about services.

pub mod download;
mod module_cache;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fingerprint::WaysToBuild;
use crate::fingerprint::context::{packages_of, root};
use crate::go::external::lock_file::{LockFile, LockedFiles, LockedModule, all_below};
use crate::go::external::{ExternalFolder, ExternalModules};
use crate::go::mode::{BuildList, ModFlag};
use crate::go::modfile::ModuleVersion;
use crate::go::mvs::ExternalGoMod;
use crate::go::source::Target;
use crate::go::workspace::Workspace;
use crate::graph::{GraphOptions, PackageGraph, Root};
use crate::repo::TreeError;

pub use module_cache::ModuleCache;

/// A lock, and what it lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// The lock.
    pub lock: LockFile,
    /// The modules of which the go.mod or the files were needed and are not known.
    pub missing: BTreeSet<ModuleVersion>,
    /// The imports that may be provided by a module of which too little is known, each with a package that has it.
    pub uncovered: BTreeMap<String, String>,
}

impl Survey {
    /// Asks for all that is needed to plan with these ways to build.
    ///
    /// # Errors
    /// A file of the tree cannot be read.
    pub fn take(
        workspace: &Workspace<'_>,
        ways: &WaysToBuild,
        source: &dyn ExternalModules,
    ) -> Result<Self, TreeError> {
        let recorder = Recorder { source, record: Mutex::default() };
        let mut uncovered = BTreeMap::new();
        for ((mode, flag), programs) in ways {
            let Some(list) = BuildList::with(workspace, mode.clone(), *flag, Some(&recorder)) else { continue };
            // What is vendored is in the tree; with `-mod=mod` the network decides.
            if list.is_vendored() || *flag == ModFlag::Mod {
                continue;
            }
            let programs = programs.iter().filter_map(|dir| root(&list, dir));
            let roots: Vec<Root> = packages_of(workspace, &list).chain(programs).collect();
            let options = GraphOptions { tests: true, importable_from_outside: Vec::new() };
            let graph = PackageGraph::build(workspace, &list, &Target::any(), &roots, &options)?;
            for (_, node) in graph.nodes() {
                for (used, _) in node.imports.iter().filter(|(_, meaning)| meaning.is_unknown()) {
                    uncovered.entry(used.path.to_string()).or_insert_with(|| node.import_path.to_string());
                }
            }
        }
        let record = recorder.record.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Self { lock: LockFile::new(record.modules), missing: record.missing, uncovered })
    }
}

impl Survey {
    /// Whether everything that was asked for is known.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.uncovered.is_empty()
    }

    /// What is not known, in a sentence; `holder` is what does not have it.
    pub fn shortcomings(&self, holder: &str) -> String {
        const SHOWN: usize = 5;
        if self.missing.is_empty() {
            let (import, importer) = self.uncovered.first_key_value().map_or(("", ""), |(import, by)| (import, by));
            let others = self.uncovered.len().saturating_sub(1);
            let others = if others == 0 { String::new() } else { format!(" (and {others} more)") };
            return format!("what provides {import}, imported by {importer}, is not in {holder}{others}");
        }
        let names: Vec<String> = self.missing.iter().take(SHOWN).map(ToString::to_string).collect();
        let more = match self.missing.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let verb = if self.missing.len() == 1 { "is" } else { "are" };
        format!("{}{more} {verb} not in {holder}", names.join(", "))
    }
}

/// Passes questions on and keeps the answers.
struct Recorder<'s> {
    source: &'s dyn ExternalModules,
    record: Mutex<Record>,
}

#[derive(Default)]
struct Record {
    modules: BTreeMap<ModuleVersion, LockedModule>,
    missing: BTreeSet<ModuleVersion>,
}

impl Recorder<'_> {
    fn record(&self) -> MutexGuard<'_, Record> {
        // A poisoned lock only means that another thread panicked; what it holds is whole.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ExternalModules for Recorder<'_> {
    fn go_mod(&self, module: &ModuleVersion) -> Option<(Arc<ExternalGoMod>, Arc<str>)> {
        let found = self.source.go_mod(module);
        let mut record = self.record();
        match &found {
            Some(go_mod) => record.modules.entry(module.clone()).or_default().go_mod = Some(go_mod.clone()),
            None => drop(record.missing.insert(module.clone())),
        }
        found
    }

    fn sum(&self, module: &ModuleVersion) -> Option<Arc<str>> {
        let sum = self.source.sum(module);
        if sum.is_none() {
            self.record().missing.insert(module.clone());
        }
        sum
    }

    fn package(&self, module: &ModuleVersion, below: &str) -> ExternalFolder {
        let folder = self.source.package(module, below);
        let known = match &folder {
            ExternalFolder::Package(imports) => (below.to_owned(), Some(Arc::clone(imports))),
            ExternalFolder::Empty => (below.to_owned(), None),
            ExternalFolder::Absent(above) => (all_below(above), None),
            ExternalFolder::Unknown => {
                self.record().missing.insert(module.clone());
                return folder;
            }
        };
        if let Some(sum) = self.source.sum(module) {
            let mut record = self.record();
            let files = &mut record.modules.entry(module.clone()).or_default().files;
            let files = files.get_or_insert_with(|| LockedFiles { sum, folders: BTreeMap::new() });
            files.folders.extend([known]);
        }
        folder
    }
}
