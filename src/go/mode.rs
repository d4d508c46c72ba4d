//! Turns a workspace and a way to build in it (with go.work or without) into a build list: which modules there are,
//! where their packages lie, and what an import path means.
//!
//! It resolves by looking at folders, never from a list of packages, and answers with all that may provide an import.
//! Of external modules it knows what [`ExternalModules`] knows: with a complete lock their versions and packages, else
//! only their names.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::go::external::{ExternalFolder, ExternalModule, ExternalModules, ExternalPackage};
use crate::go::modfile::{ModuleVersion, Replace, ReplaceTarget, go_version};
use crate::go::module::{Module, Vendor, WorkFile};
use crate::go::mvs::{Requirements, Stand, listed, select};
use crate::go::sums::{Sums, Vouched};
use crate::go::workspace::Workspace;
use crate::repo::{EntryKind, RepoPath, TreeError, read_through_links};

/// One of the two ways in which the `go` command resolves imports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// With the go.work in this folder.
    Workspace(RepoPath),
    /// `GOWORK=off`, or no go.work: the module in this folder is the only main module.
    Module(RepoPath),
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workspace(dir) => write!(f, "{}", dir.child(b"go.work")),
            Self::Module(dir) => write!(f, "{}", dir.child(b"go.mod")),
        }
    }
}

/// What `-mod` says (`go help modules`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ModFlag {
    /// Not given: vendor when there is a vendor folder that fits, else readonly.
    #[default]
    Auto,
    /// `-mod=vendor`.
    Vendor,
    /// `-mod=readonly`.
    Readonly,
    /// `-mod=mod`: go.mod is amended from the network.
    Mod,
}

/// The modules that imports resolve against in one [`Mode`].
pub struct BuildList<'w> {
    workspace: &'w Workspace<'w>,
    /// The mode.
    pub mode: Mode,
    /// The main modules: those used by the go.work, or the one module.
    pub mains: Vec<Arc<Module>>,
    main_dirs: HashSet<RepoPath>,
    /// The go.work in force.
    pub work_file: Option<Arc<WorkFile>>,
    /// The vendor folder in force.
    vendor: Option<&'w Vendor>,
    /// Module path to the modules in folders that have it: main modules and folder replacements.
    locals: BTreeMap<String, Vec<Local>>,
    /// Paths of modules that are required, or mentioned in a sum file, and are not in a folder; and each as it is used,
    /// once somebody has asked.
    externals: BTreeMap<String, OnceLock<Option<Arc<ExternalModule>>>>,
    /// Who knows more of them.
    known: Option<&'w dyn ExternalModules>,
    sums: Sums<'w>,
    /// The version of each module that is used, where that is known.
    versions: Option<BTreeMap<String, String>>,
    /// Paths of modules of which no version outside the repository can be in use.
    in_folders: BTreeSet<String>,
    /// Whether every module that provides a package must be listed (go ≥ 1.17 without go.work).
    listed_only: bool,
}

/// A module in a folder.
#[derive(Clone, Debug)]
struct Local {
    dir: Option<RepoPath>,
    shown: String,
    module: Option<Arc<Module>>,
    /// The version and target that a `replace` gives it; empty for a main module.
    replaced: String,
    /// Whether no external module may be used instead: a `replace` may be for another version than the one selected, or
    /// yield to one of the go.work.
    certain: bool,
}

impl Local {
    /// A folder of the module as a package; `path` is the module's path as imports see it.
    fn place(&self, path: &str, dir: RepoPath) -> PackageFolder {
        PackageFolder {
            dir,
            module: path.to_owned(),
            language: match &self.module {
                Some(module) if !self.replaced.is_empty() => {
                    minor_version(go_or_oldest(module.go_as_dependency.as_deref()))
                }
                module => language_of(module.as_ref()),
            },
            go: String::new(),
            version: self.replaced.clone(),
            vendored: false,
        }
    }
}

/// What an import path means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Part of the Go toolchain.
    Toolchain,
    /// Folders of this repository. Usually one; several where Go would call the import ambiguous.
    Packages(Vec<Arc<PackageFolder>>),
    /// A module that is not in this repository.
    External(Providers),
    /// Nothing can provide it: a missing generated package, or a requirement that go.mod does not have.
    Missing(String),
    /// It leads out of the repository, or into a submodule.
    Outside(String),
}

/// What provides an import that is not of this repository alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Providers {
    /// Folders of this repository that may provide it as well.
    pub folders: Vec<Arc<PackageFolder>>,
    /// The packages that are known. Usually one; several where Go would call the import ambiguous.
    pub packages: Vec<Arc<ExternalPackage>>,
    /// Whether nothing else can provide it.
    pub complete: bool,
}

/// Where it leads, in words that people can read; equal words are equal meanings.
impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folders = |places: &[Arc<PackageFolder>]| {
            places.iter().map(|place| place.dir.to_string()).collect::<Vec<_>>().join(" and ")
        };
        match self {
            Self::Toolchain => f.write_str("the Go toolchain"),
            Self::Packages(places) => f.write_str(&folders(places)),
            Self::External(providers) => {
                let modules = providers.packages.iter().map(|package| package.module.module.path.clone());
                let unknown = (!providers.complete).then(|| "an external module".to_owned());
                let folders = Some(folders(&providers.folders)).filter(|folders| !folders.is_empty());
                f.write_str(&folders.into_iter().chain(modules).chain(unknown).collect::<Vec<_>>().join(" or "))
            }
            Self::Missing(reason) | Self::Outside(reason) => f.write_str(reason),
        }
    }
}

/// A folder that provides a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackageFolder {
    /// The folder, as the import path names it (symlinks not followed).
    pub dir: RepoPath,
    /// The module's path as imports see it.
    pub module: String,
    /// The module's language version, `1.N` (go.mod `go` line; 1.16 without one).
    pub language: String,
    /// The whole `go` line of a workspace's module, for what is built in it; else empty. The id of a program covers it
    /// (cmd/go `buildActionID`), as without go.work the fact of the main module does.
    pub go: String,
    /// For a vendored or replaced module: version and replacement. Empty for a main module.
    pub version: String,
    /// Whether it is a vendored copy of an external module.
    pub vendored: bool,
}

impl<'w> BuildList<'w> {
    /// The build list of a mode; `None` if there is no such go.work or go.mod. Of external modules it knows what the
    /// lock in the tree says.
    pub fn new(workspace: &'w Workspace<'w>, mode: Mode, flag: ModFlag) -> Option<Self> {
        Self::with(workspace, mode, flag, workspace.external_modules())
    }

    /// The same with what somebody else knows of external modules.
    pub fn with(
        workspace: &'w Workspace<'w>,
        mode: Mode,
        flag: ModFlag,
        known: Option<&'w dyn ExternalModules>,
    ) -> Option<Self> {
        let (mains, work_file) = match &mode {
            Mode::Module(dir) => (vec![Arc::clone(workspace.modules().get(dir)?)], None),
            Mode::Workspace(dir) => {
                let work_file = workspace.work_files().get(dir)?;
                let used = work_file.uses().filter_map(|(used, _)| workspace.modules().get(&used.ok()?));
                (used.cloned().collect(), Some(Arc::clone(work_file)))
            }
        };
        let listed_only =
            work_file.is_none() && flag != ModFlag::Mod && mains.iter().all(|main| has_pruned_graph(main));
        let mut list = Self {
            workspace,
            vendor: vendor_in_force(workspace, &mode, flag),
            mode,
            main_dirs: mains.iter().map(|main| main.dir.clone()).collect(),
            mains,
            work_file,
            locals: BTreeMap::new(),
            externals: BTreeMap::new(),
            known: None,
            sums: Sums::default(),
            versions: None,
            in_folders: BTreeSet::new(),
            listed_only,
        };
        // With `-mod=mod` the network has a say, and with a vendor folder nobody asks.
        list.known = known.filter(|_| list.vendor.is_none() && flag != ModFlag::Mod);
        if let Some(known) = list.known {
            list.sums = list.sums_in_force();
            list.versions = list.select_versions(known);
        }
        list.collect_modules();
        Some(list)
    }

    /// Whether the vendor folder is in force; then no external module is unknown.
    pub fn is_vendored(&self) -> bool {
        self.vendor.is_some()
    }

    /// Whether every external module in use must be in the main module's go.mod (go ≥ 1.17, no go.work).
    pub fn is_listed_only(&self) -> bool {
        self.listed_only
    }

    /// Whether a folder belongs to one of the main modules.
    pub fn has_main(&self, dir: &RepoPath) -> bool {
        self.main_dirs.contains(dir)
    }

    /// The import path of a folder in a main module; `None` if it is in none, or its name is not UTF-8.
    pub fn import_path(&self, dir: &RepoPath) -> Option<String> {
        let module = self.workspace.module_of(dir)?;
        if !self.has_main(&module.dir) {
            return None;
        }
        let relative = std::str::from_utf8(dir.strip_prefix(&module.dir)?).ok()?;
        Some(if relative.is_empty() { module.path().to_owned() } else { format!("{}/{relative}", module.path()) })
    }

    /// What a folder of a main module is as a package.
    pub fn main_package(&self, dir: &RepoPath) -> Option<Arc<PackageFolder>> {
        let module = self.workspace.module_of(dir).filter(|module| self.has_main(&module.dir))?;
        Some(Arc::new(PackageFolder {
            dir: dir.clone(),
            module: module.path().to_owned(),
            language: language_of(Some(module)),
            go: self.work_file.as_ref().and(module.go_mod.go.clone()).unwrap_or_default(),
            version: String::new(),
            vendored: false,
        }))
    }

    /// Whether every version of a module lies in a folder: a main module, or one replaced by a folder.
    pub fn is_in_folder(&self, path: &str) -> bool {
        self.in_folders.contains(path)
    }

    /// Every package of a main module or of a module that a folder replaces, by the path that imports it.
    pub fn packages(&self) -> Vec<(String, Arc<PackageFolder>)> {
        let mut by_dir: HashMap<&RepoPath, Vec<(&str, &Local)>> = HashMap::new();
        for (path, local) in self.locals.iter().flat_map(|(path, locals)| locals.iter().map(move |local| (path, local)))
        {
            // With a vendor folder, replaced modules are read from their copies there.
            if let Some(dir) = local.dir.as_ref().filter(|_| self.vendor.is_none() || local.replaced.is_empty()) {
                by_dir.entry(dir).or_default().push((path, local));
            }
        }
        let mut packages = Vec::new();
        for (folder, module) in self.workspace.packages() {
            let below = folder.path.strip_prefix(&module.dir).and_then(|below| std::str::from_utf8(below).ok());
            let (Some(below), Some(locals)) = (below, by_dir.get(&module.dir)) else { continue };
            for (path, local) in locals {
                let import_path = if below.is_empty() { (*path).to_owned() } else { format!("{path}/{below}") };
                packages.push((import_path, Arc::new(local.place(path, folder.path.clone()))));
            }
        }
        packages
    }

    /// All `replace` directives of the go.work and the main modules, go.work's first.
    pub fn replaces(&self) -> impl Iterator<Item = (&RepoPath, &Replace)> {
        self.replaces_by_file().map(|(_, dir, replace)| (dir, replace))
    }

    /// The same, each with whether it is of the go.work.
    fn replaces_by_file(&self) -> impl Iterator<Item = (bool, &RepoPath, &Replace)> {
        let of_work_file = self
            .work_file
            .iter()
            .flat_map(|file| file.go_work.replaces.iter().map(move |replace| (true, &file.dir, replace)));
        let of_modules = self
            .mains
            .iter()
            .flat_map(|main| main.go_mod.replaces.iter().map(move |replace| (false, &main.dir, replace)));
        of_work_file.chain(of_modules)
    }

    fn sums_in_force(&self) -> Sums<'w> {
        let modules = self.mains.iter().filter_map(|main| Some(&self.workspace.modules().get(&main.dir)?.go_sum));
        let work_file =
            self.work_file.iter().filter_map(|file| Some(&self.workspace.work_files().get(&file.dir)?.go_sum));
        Sums::new(modules.chain(work_file))
    }

    /// Which version of each module is used; `None` if that cannot be known.
    fn select_versions(&self, known: &dyn ExternalModules) -> Option<BTreeMap<String, String>> {
        let replacements = self.replacements();
        let stand_in = |module: &ModuleVersion| match replacements.get(&module.path[..]) {
            Some(replacements) => self.stand_in(replacements, module),
            None => Stand::Itself,
        };
        let requirements = Requirements {
            mains: &self.mains,
            in_workspace: self.work_file.is_some(),
            stand_in: &stand_in,
            go_mod: &|module| {
                let (go_mod, hash) = known.go_mod(module)?;
                (self.sums.of_go_mod(module, &hash) != Vouched::No).then_some(go_mod)
            },
        };
        let selection = if self.listed_only { listed(&requirements) } else { select(&requirements) };
        selection.unknown.is_empty().then_some(selection.versions)
    }

    fn stand_in<'s>(&'s self, replacements: &Replacements<'s>, module: &ModuleVersion) -> Stand<'s> {
        let (possible, is_replaced) = replacements.possible(Some(&module.version));
        match possible.first() {
            Some((from, replace)) if is_replaced => match &replace.target {
                ReplaceTarget::Module(other) => Stand::Module(other),
                ReplaceTarget::Folder(folder) => {
                    let dir = from.join(folder.as_bytes());
                    Stand::Folder(dir.and_then(|dir| self.workspace.modules().get(&dir)).map(|module| &**module))
                }
            },
            _ => Stand::Itself,
        }
    }

    /// The version of a module in use: `Ok(None)` if the module is in no build, `Err` if it is not known.
    fn version_of(&self, path: &str) -> Result<Option<&str>, VersionUnknown> {
        self.versions.as_ref().map(|versions| versions.get(path).map(String::as_str)).ok_or(VersionUnknown)
    }

    fn collect_modules(&mut self) {
        let (locals, mut in_folders) = self.local_modules();
        let mut externals = self.external_paths(&locals);
        externals.retain(|path| !locals.get(path).is_some_and(|locals| locals.iter().any(|local| local.certain)));
        // A workspace module that is also required at a published version keeps that version's requirements in play.
        let mains = self.mains.iter().filter(|_| self.work_file.is_none());
        in_folders.extend(mains.map(|main| main.path().to_owned()));
        self.locals = locals;
        self.externals = externals.into_iter().map(|path| (path, OnceLock::new())).collect();
        self.in_folders = in_folders;
    }

    /// The paths of all modules that may be used.
    fn external_paths(&self, locals: &BTreeMap<String, Vec<Local>>) -> BTreeSet<String> {
        if let Some(versions) = self.versions.as_ref().filter(|_| !self.listed_only) {
            return versions.keys().cloned().collect();
        }
        let mut externals = BTreeSet::new();
        for main in &self.mains {
            externals.extend(main.go_mod.requires.iter().map(|require| require.module.path.clone()));
            if !self.listed_only {
                externals.extend(main.go_sum.go_mods.keys().map(|module| module.path.clone()));
            }
        }
        if let Some(work_file) = &self.work_file {
            externals.extend(work_file.go_sum.go_mods.keys().map(|module| module.path.clone()));
        }
        if !self.listed_only {
            let replaced = locals.values().flatten().filter_map(|local| local.module.as_ref());
            externals
                .extend(replaced.flat_map(|module| &module.go_mod.requires).map(|require| require.module.path.clone()));
        }
        externals
    }

    /// The modules whose requirements decide which versions are used: the main modules, and, unless only listed versions
    /// are, those that a folder stands for.
    pub fn requiring_modules(&self) -> impl Iterator<Item = &Arc<Module>> {
        let replaced = self.locals.values().flatten().filter(|local| !self.listed_only && !local.replaced.is_empty());
        self.mains.iter().chain(replaced.filter_map(|local| local.module.as_ref()))
    }

    /// The main modules, and the modules that a `replace` puts into a folder; and the paths of those modules that are
    /// replaced by folders whatever their version.
    fn local_modules(&self) -> (BTreeMap<String, Vec<Local>>, BTreeSet<String>) {
        let mut locals: BTreeMap<String, Vec<Local>> = BTreeMap::new();
        for main in self.mains.iter().filter(|main| !main.path().is_empty()) {
            locals.entry(main.path().to_owned()).or_default().push(Local {
                dir: Some(main.dir.clone()),
                shown: main.dir.to_string(),
                module: Some(Arc::clone(main)),
                replaced: String::new(),
                certain: true,
            });
        }
        let mut versions: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        for require in self.mains.iter().flat_map(|main| &main.go_mod.requires) {
            versions.entry(&require.module.path).or_default().insert(&require.module.version);
        }
        let mut in_folders = BTreeSet::new();
        for (path, replacements) in self.replacements() {
            let version = versions.get(path);
            let version = version.map(|all| all.iter().copied().collect::<Vec<_>>().join(",")).unwrap_or_default();
            let selected = match self.version_of(path) {
                Ok(Some(selected)) => Some(selected),
                // Nothing asks for the module, so that it is replaced has no effect.
                Ok(None) if !self.listed_only => continue,
                Ok(None) => Some(&version[..]),
                Err(VersionUnknown) => self.listed_only.then_some(&version[..]),
            };
            let (possible, is_replaced) = replacements.possible(selected);
            let certain = is_replaced && possible.iter().all(|(_, replace)| replace.folder().is_some());
            if certain {
                in_folders.insert(path.to_owned());
            }
            // A main module wins over any replacement of its path.
            if locals.contains_key(path) {
                continue;
            }
            // Many modules may replace one alike.
            let mut targets: BTreeMap<(Option<RepoPath>, Option<&str>), Local> = BTreeMap::new();
            for (from, target) in possible.iter().filter_map(|(from, replace)| Some((from, replace.folder()?))) {
                let dir = from.join(target.as_bytes());
                let key = (dir.clone(), dir.is_none().then_some(target));
                targets.entry(key).or_insert_with(|| Local {
                    module: dir.as_ref().and_then(|dir| self.workspace.modules().get(dir)).cloned(),
                    dir,
                    shown: target.to_owned(),
                    replaced: format!("{} => {target}", selected.unwrap_or(&version)),
                    certain,
                });
            }
            locals.entry(path.to_owned()).or_default().extend(targets.into_values());
        }
        (locals, in_folders)
    }

    /// The `replace` directives by module path.
    fn replacements(&self) -> BTreeMap<&str, Replacements<'_>> {
        let mut by_path: BTreeMap<&str, Replacements<'_>> = BTreeMap::new();
        for (is_of_work_file, from, replace) in self.replaces_by_file() {
            by_path.entry(&replace.path).or_default().add(is_of_work_file, from, replace);
        }
        by_path
    }

    /// What an import path means (modload `importFromFiles`, sections "5" of the Go modules reference).
    pub fn resolve(&self, import: &str) -> Result<Resolution, TreeError> {
        if import == "unsafe" || import == "C" {
            return Ok(Resolution::Toolchain);
        }
        if !is_importable(import) {
            return Ok(Resolution::Missing(format!("`{import}` is not an import path that the go command accepts")));
        }
        let mut local = LocalSearch::default();
        for prefix in prefixes(import) {
            for candidate in self.locals.get(prefix).into_iter().flatten() {
                // With a vendor folder, replaced modules are read from their copies there.
                if self.vendor.is_some() && !candidate.replaced.is_empty() {
                    continue;
                }
                self.look(prefix, import, candidate, &mut local)?;
            }
        }
        if let Some(copy) = self.vendor.map(|vendor| self.look_in_vendor(vendor, import)).transpose()?.flatten() {
            // It stands for whatever version is listed.
            local.certain = true;
            local.found.push(copy);
        }
        Ok(self.verdict(import, local))
    }

    fn verdict(&self, import: &str, local: LocalSearch) -> Resolution {
        let LocalSearch { found, certain, outside, missed, broken } = local;
        if let Some(outside) = outside {
            return Resolution::Outside(outside);
        }
        if !found.is_empty() && certain {
            return Resolution::Packages(found);
        }
        let external = self.look_outside(import);
        if self.vendor.is_none() && (!external.packages.is_empty() || !external.complete) {
            return Resolution::External(Providers { folders: found, ..external });
        }
        if !found.is_empty() && external.complete {
            return Resolution::Packages(found);
        }
        if let Some(broken) = broken {
            return Resolution::Missing(broken);
        }
        if external.complete && is_dotless(import) && (missed.is_none() || is_toolchain_import(import)) {
            return Resolution::Toolchain;
        }
        if let Some(outside) = self.vendor.filter(|vendor| vendor.outside) {
            return Resolution::Outside(format!("`{import}` may be in {}, which is not versioned here", outside.dir));
        }
        if self.vendor.is_some() {
            return Resolution::Missing(format!("no folder of a main module and none in vendor provides `{import}`"));
        }
        if missed.is_none() && !self.listed_only && self.versions.is_none() {
            return Resolution::External(Providers::default());
        }
        Resolution::Missing(match missed {
            Some(dir) => format!("`{import}` should be in {dir}, which has no Go files (is it generated?)"),
            None => format!("no module in {} provides `{import}`", self.mode),
        })
    }

    /// The packages outside the repository that provide an import, as far as they are known.
    fn look_outside(&self, import: &str) -> Providers {
        let mut providers = Providers { complete: true, ..Providers::default() };
        for prefix in prefixes(import) {
            let Some(module) = self.externals.get(prefix) else { continue };
            let module = module.get_or_init(|| self.external_module(prefix).map(Arc::new));
            let folder = module.as_ref().zip(self.known).map(|(module, known)| {
                let below = import[prefix.len()..].trim_start_matches('/');
                (module, known.package(module.actual(), below))
            });
            match folder {
                Some((module, ExternalFolder::Package(imports))) => {
                    providers.packages.push(Arc::new(ExternalPackage { module: Arc::clone(module), imports }));
                }
                Some((_, ExternalFolder::Empty | ExternalFolder::Absent(_))) => {}
                Some((_, ExternalFolder::Unknown)) | None => providers.complete = false,
            }
        }
        providers
    }

    /// A module as this build uses it; `None` if its version or its files are not known.
    fn external_module(&self, path: &str) -> Option<ExternalModule> {
        let version = self.version_of(path).ok().flatten()?;
        let module = ModuleVersion { path: path.to_owned(), version: version.to_owned() };
        let mut replacements = Replacements::default();
        for (is_of_work_file, from, replace) in self.replaces_by_file().filter(|(.., replace)| replace.path == path) {
            replacements.add(is_of_work_file, from, replace);
        }
        let replacement = match self.stand_in(&replacements, &module) {
            Stand::Module(other) => Some(other.clone()),
            Stand::Folder(_) => return None,
            Stand::Itself => None,
        };
        let actual = replacement.as_ref().unwrap_or(&module);
        let sum = self.known?.sum(actual)?;
        let vouched = self.sums.of_files(actual, &sum);
        // In a workspace Go asks for no sums.
        let is_summed = self.work_file.is_some() || vouched == Vouched::Yes;
        (vouched != Vouched::No).then_some(ExternalModule { module, replacement, sum, is_summed })
    }

    fn look(&self, prefix: &str, import: &str, candidate: &Local, search: &mut LocalSearch) -> Result<(), TreeError> {
        let Some(root) = &candidate.dir else {
            search.outside = Some(format!("{prefix} is replaced by {}, outside the repository", candidate.shown));
            return Ok(());
        };
        if candidate.module.is_none() {
            let reason = format!("{prefix} is replaced by {}, which has no go.mod", candidate.shown);
            search.broken.get_or_insert(reason);
            return Ok(());
        }
        let below = import[prefix.len()..].trim_start_matches('/');
        let Some(dir) = root.join(below.as_bytes()) else { return Ok(()) };
        if self.is_cut_off(root, &dir)? {
            return Ok(());
        }
        if self.workspace.folder(&dir)?.is_some_and(|source| source.provides_package) {
            search.certain |= candidate.certain;
            search.found.push(Arc::new(candidate.place(prefix, dir)));
            return Ok(());
        }
        match read_through_links(self.workspace.tree(), &dir)? {
            Err(link) => {
                search.outside = Some(format!("`{import}` leads through {link}, out of what is versioned here"));
            }
            Ok(Some((real, EntryKind::Submodule))) => {
                search.outside = Some(format!("`{import}` is the submodule {real}, known only by its commit"));
            }
            Ok(_) => {
                search.missed.get_or_insert(dir);
            }
        }
        Ok(())
    }

    /// Whether a go.mod between the module's root and the folder makes it part of another module.
    fn is_cut_off(&self, root: &RepoPath, dir: &RepoPath) -> Result<bool, TreeError> {
        if self.workspace.is_walked(dir) {
            // The walk has seen every go.mod on the way.
            return Ok(self.workspace.module_of(dir).is_none_or(|module| module.dir != *root));
        }
        let mut above = Some(dir.clone());
        while let Some(folder) = above.filter(|folder| folder != root) {
            if self.workspace.has_go_mod(&folder)? {
                return Ok(true);
            }
            above = folder.parent();
        }
        Ok(false)
    }

    /// The Go version of the go.work, or of the main module.
    fn go(&self) -> Option<u32> {
        let version = match &self.work_file {
            Some(file) => file.go_work.go.as_deref(),
            None => self.mains.first()?.go_mod.go.as_deref(),
        };
        version.and_then(go_version::minor)
    }

    fn look_in_vendor(&self, vendor: &Vendor, import: &str) -> Result<Option<Arc<PackageFolder>>, TreeError> {
        let Some(dir) = vendor.dir.join(import.as_bytes()) else { return Ok(None) };
        if !self.workspace.folder(&dir)?.is_some_and(|source| source.provides_package) {
            return Ok(None);
        }
        let module = vendor.module_of(import);
        // From 1.23 on a package that is not listed is passed over (modload `importFromFiles`).
        if module.is_none() && self.go().is_some_and(|minor| minor >= 23) {
            return Ok(None);
        }
        let version = module.map_or_else(String::new, |module| {
            let replacement = match &module.replacement {
                None => String::new(),
                Some(ReplaceTarget::Folder(folder)) => format!(" => {folder}"),
                Some(ReplaceTarget::Module(other)) => format!(" => {} {}", other.path, other.version),
            };
            format!("{}{replacement}", module.module.version)
        });
        let language = module.and_then(|module| module.go.as_deref()).unwrap_or("1.16");
        Ok(Some(Arc::new(PackageFolder {
            dir,
            module: module.map_or_else(String::new, |module| module.module.path.clone()),
            language: minor_version(language),
            go: String::new(),
            version,
            vendored: true,
        })))
    }
}

/// Which version is used depends on a go.mod that is not known.
struct VersionUnknown;

/// The `replace` directives of one module path, each with the folder of its file: those of the go.work, and those of the
/// modules in the order of the build list.
#[derive(Default)]
struct Replacements<'r> {
    of_work_file: Vec<(&'r RepoPath, &'r Replace)>,
    of_modules: Vec<(&'r RepoPath, &'r Replace)>,
}

impl<'r> Replacements<'r> {
    fn add(&mut self, is_of_work_file: bool, from: &'r RepoPath, replace: &'r Replace) {
        let list = if is_of_work_file { &mut self.of_work_file } else { &mut self.of_modules };
        list.push((from, replace));
    }

    /// The directives of which one may be in force, and whether one surely is: go.work's come first. `version` is the one
    /// that is used, if that is known.
    fn possible(&self, version: Option<&str>) -> (Vec<(&'r RepoPath, &'r Replace)>, bool) {
        let files = [&self.of_work_file, &self.of_modules];
        if let Some(version) = version {
            let in_force = files.into_iter().find_map(|directives| in_force(directives, version));
            return (in_force.into_iter().collect(), in_force.is_some());
        }
        let mut possible = Vec::new();
        for directives in files {
            possible.extend(directives);
            if directives.iter().any(|(_, replace)| replace.version.is_none()) {
                return (possible, true);
            }
        }
        (possible, false)
    }
}

/// The directive that is in force for a version (modload `replacementFrom`): in each file the one of that very version
/// before the one of every version, and of several modules that of the last. Most of what differs by that Go refuses.
fn in_force<'r>(directives: &[(&'r RepoPath, &'r Replace)], version: &str) -> Option<(&'r RepoPath, &'r Replace)> {
    let applies = |replace: &Replace| replace.version.as_deref().is_none_or(|replaced| replaced == version);
    let of_file = |file: &[(&'r RepoPath, &'r Replace)]| {
        let applying = file.iter().copied().filter(|(_, replace)| applies(replace));
        applying.max_by_key(|(_, replace)| replace.version.is_some())
    };
    directives.chunk_by(|left, right| left.0 == right.0).filter_map(of_file).next_back()
}

#[derive(Default)]
struct LocalSearch {
    found: Vec<Arc<PackageFolder>>,
    certain: bool,
    outside: Option<String>,
    missed: Option<RepoPath>,
    /// Why a module that should provide the package cannot be read.
    broken: Option<String>,
}

/// The import path itself and every shorter prefix of whole elements: the module paths that may provide it.
fn prefixes(import: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(import), |prefix| prefix.rfind('/').map(|slash| &prefix[..slash]))
}

/// Import paths that cannot name a folder are refused by Go (module `CheckImportPath`).
fn is_importable(import: &str) -> bool {
    !import.is_empty()
        && !import.starts_with('/')
        && !import.contains(['@', '\\', '\0'])
        && import.split('/').all(|element| !matches!(element, "" | "." | ".."))
}

fn is_dotless(import: &str) -> bool {
    !import.split('/').next().unwrap_or_default().contains('.')
}

/// Whether the first element is one of the standard library's. Asked to tell a missing package from one of the toolchain
/// where a module of the repository has the import's first element too.
pub fn is_toolchain_import(import: &str) -> bool {
    const ROOTS: &str = " C archive arena bufio builtin bytes cmd cmp compress container context crypto database debug \
        embed encoding errors expvar flag fmt go hash html image index internal io iter log maps math mime net os path \
        plugin reflect regexp runtime simd slices sort strconv strings structs sync syscall testing text time unicode \
        unique unsafe vendor weak ";
    let root = import.split('/').next().unwrap_or_default();
    ROOTS.split(' ').any(|known| known == root)
}

fn language_of(module: Option<&Arc<Module>>) -> String {
    minor_version(go_or_oldest(module.and_then(|module| module.go_mod.go.as_deref())))
}

/// A module without a `go` line is read as one of Go 1.16.
fn go_or_oldest(version: Option<&str>) -> &str {
    version.unwrap_or("1.16")
}

/// `1.21.3` and `1.21rc1` are both language version `1.21`.
fn minor_version(version: &str) -> String {
    go_version::minor(version).map_or_else(|| version.to_owned(), |minor| format!("1.{minor}"))
}

/// Whether what a module's requirements require is left out of the graph (go ≥ 1.17, modload `pruningForGoVersion`).
pub fn has_pruned_graph(module: &Module) -> bool {
    module.go_mod.go.as_deref().is_some_and(|version| go_version::compare(version, "1.17").is_ge())
}

/// The vendor folder that the `go` command would use (modload `setDefaultBuildMod`).
pub(super) fn vendor_in_force<'w>(workspace: &'w Workspace<'w>, mode: &Mode, flag: ModFlag) -> Option<&'w Vendor> {
    let (vendor, go, in_workspace) = match mode {
        Mode::Module(dir) => {
            let module = workspace.modules().get(dir)?;
            (module.vendor.as_ref()?, module.go_mod.go.as_deref(), false)
        }
        Mode::Workspace(dir) => {
            let work_file = workspace.work_files().get(dir)?;
            (work_file.vendor.as_ref()?, work_file.go_work.go.as_deref(), true)
        }
    };
    match flag {
        ModFlag::Vendor => Some(vendor),
        ModFlag::Readonly | ModFlag::Mod => None,
        ModFlag::Auto => {
            let minor = go.and_then(go_version::minor);
            let is_new = minor.is_some_and(|minor| minor >= 14);
            let fits = vendor.outside || vendor.modules_txt.workspace == in_workspace;
            (is_new && fits).then_some(vendor)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::MemoryTree;

    /// What an import means to the module in the root: the folders that provide it, or the kind of the answer.
    #[track_caller]
    fn check(txtar: &str, import: &str, expected: &str) {
        let tree = MemoryTree::from_txtar(txtar);
        let workspace = Workspace::scan(&tree).unwrap();
        let list = BuildList::new(&workspace, Mode::Module(RepoPath::root()), ModFlag::Auto).unwrap();
        let shown = |folders: &[Arc<PackageFolder>]| {
            let show = |folder: &Arc<PackageFolder>| format!("{} {} {}", folder.dir, folder.module, folder.version);
            folders.iter().map(show).collect::<Vec<_>>().join(", ")
        };
        let found = match list.resolve(import).unwrap() {
            Resolution::Toolchain => "toolchain".to_owned(),
            Resolution::Packages(folders) => shown(&folders),
            Resolution::External(providers) => format!("external {}", shown(&providers.folders)),
            Resolution::Missing(why) => format!("missing: {why}"),
            Resolution::Outside(why) => format!("outside: {why}"),
        };
        assert_eq!(found, expected);
    }

    const VENDORED: &str = "\
-- go.mod --
module ex.io/m
go 1.25
require other.io/a v1.0.0
require other.io/c v1.0.0
replace other.io/c => ./c
-- vendor/modules.txt --
# other.io/a v1.0.0
## explicit; go 1.20
other.io/a/p
# other.io/c v1.0.0 => ./c
## explicit
other.io/c
-- vendor/other.io/a/p/p.go --
package p
-- vendor/other.io/c/c.go --
package c
-- c/go.mod --
module other.io/c
-- c/c.go --
package c
";

    #[test]
    fn a_vendored_copy_is_all_there_is_of_a_required_module() {
        check(VENDORED, "other.io/a/p", "vendor/other.io/a/p other.io/a v1.0.0");
        check(VENDORED, "other.io/c", "vendor/other.io/c other.io/c v1.0.0 => ./c");
        let missing = "missing: no folder of a main module and none in vendor provides `other.io/a/q`";
        check(VENDORED, "other.io/a/q", missing);
        check(VENDORED, "fmt", "toolchain");
    }

    #[test]
    fn a_vendor_folder_that_lies_elsewhere_hides_what_it_has() {
        let tree = "-- go.mod --\nmodule ex.io/m\ngo 1.25\nrequire o.io/a v1.0.0\n-- vendor -> ../vendor --\n";
        check(tree, "o.io/a", "outside: `o.io/a` may be in vendor, which is not versioned here");
        check(tree, "fmt", "toolchain");
        check(&tree.replace("-> ../vendor", "-> gone"), "o.io/a", "external ");
    }

    #[test]
    fn the_replacement_of_the_listed_version_goes_before_that_of_every_version() {
        let tree = "-- go.mod --\nmodule ex.io/m\ngo 1.25\nrequire other.io/c v1.0.0\nreplace other.io/c => ./c\n\
                    replace other.io/c v1.0.0 => other.io/fork v1.1.0\n-- c/go.mod --\nmodule other.io/c\n-- c/c.go --\npackage c\n";
        check(tree, "other.io/c", "external ");
        let unlisted = tree.replace("c v1.0.0 =>", "c v1.5.0 =>");
        check(&unlisted, "other.io/c", "c other.io/c v1.0.0 => ./c");
    }

    #[test]
    fn the_replacement_of_go_work_goes_before_those_of_its_modules() {
        let tree = |work: &str, module: &str| {
            format!(
                "-- go.work --\ngo 1.25\nuse ./a\nreplace other.io/c {work}\n-- a/go.mod --\nmodule ex.io/a\ngo 1.25\n\
                 require other.io/c v1.0.0\nreplace other.io/c {module}\n-- c/go.mod --\nmodule other.io/c\n-- c/c.go --\npackage c\n"
            )
        };
        let is_folder = |work: &str, module: &str| {
            let tree = MemoryTree::from_txtar(&tree(work, module));
            let workspace = Workspace::scan(&tree).unwrap();
            let list = BuildList::new(&workspace, Mode::Workspace(RepoPath::root()), ModFlag::Auto).unwrap();
            let is_folder = list.is_in_folder("other.io/c");
            let packages = matches!(list.resolve("other.io/c").unwrap(), Resolution::Packages(_));
            assert_eq!(is_folder, packages);
            is_folder
        };
        assert!(is_folder("=> ./c", "=> other.io/fork v1.0.0"));
        assert!(!is_folder("=> other.io/fork v1.0.0", "=> ../c"));
        assert!(is_folder("v1.5.0 => ./c", "=> ../c"));
        assert!(!is_folder("v1.5.0 => ./c", "=> other.io/fork v1.0.0"));
        assert!(!is_folder("v1.5.0 => ./c", "v1.0.0 => ../c"));
    }

    #[test]
    fn in_a_workspace_a_folder_that_stands_for_a_module_has_requirements() {
        let tree = "-- go.work --\ngo 1.25\nuse ./a\nreplace other.io/c => ./c\n-- a/go.mod --\nmodule ex.io/a\ngo 1.25\n\
                    require other.io/c v1.0.0\n-- c/go.mod --\nmodule other.io/c\nrequire other.io/d v1.0.0\n";
        let tree = MemoryTree::from_txtar(tree);
        let workspace = Workspace::scan(&tree).unwrap();
        let requiring = |mode| {
            let list = BuildList::new(&workspace, mode, ModFlag::Auto).unwrap();
            list.requiring_modules().map(|module| module.path().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(requiring(Mode::Workspace(RepoPath::root())), ["ex.io/a", "other.io/c"]);
        assert_eq!(requiring(Mode::Module(RepoPath::from_clean(b"a"))), ["ex.io/a"]);
    }
}
