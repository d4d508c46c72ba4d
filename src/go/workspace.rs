//! Turns a tree into all that Go could build in it: folders with source, modules, workspace files.
//!
//! The walk finds what `./...` finds in every module; what an import names is found by looking, also where no walk
//! goes (`testdata`, `_x`, symlinks). It never evaluates a build constraint and never follows an import.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use rayon::prelude::*;

use crate::go::external::ExternalModules;
use crate::go::external::lock_file::{LOCK_FILE, LockFile};
use crate::go::folder::{self, GoFolder};
use crate::go::lookups::Lookups;
use crate::go::module::{self, Module, WorkFile};
use crate::repo::{Digest, Entry, EntryKind, Listing, RepoPath, Tree, TreeError, find_entry, read_through_links};

/// The Go source of one tree.
pub struct Workspace<'t> {
    tree: &'t dyn Tree,
    walked: BTreeMap<RepoPath, Arc<Walked>>,
    /// The source of the walked folders once more: a hash map is several times faster to ask.
    sources: HashMap<RepoPath, Arc<GoFolder>>,
    modules: BTreeMap<RepoPath, Arc<Module>>,
    work_files: BTreeMap<RepoPath, Arc<WorkFile>>,
    conversions: BTreeMap<RepoPath, Digest>,
    lock: Option<Arc<LockFile>>,
    looked_up: Lookups<Option<Arc<GoFolder>>>,
    looked_up_modules: Lookups<bool>,
    unwalked_conversions: Lookups<Option<Digest>>,
}

/// What the walk found in one folder. Folders without any of these are not kept.
#[derive(Debug)]
struct Walked {
    source: Option<Arc<GoFolder>>,
    module: Option<Arc<Module>>,
    work_file: Option<Arc<WorkFile>>,
    conversions: Option<Digest>,
    /// The listing, if a link in it leads to something that may change although this folder does not.
    links: Option<Listing>,
}

impl<'t> Workspace<'t> {
    /// Scans a tree.
    pub fn scan(tree: &'t dyn Tree) -> Result<Self, TreeError> {
        Self::walk(tree, None)
    }

    /// Scans another tree, taking over from this workspace every folder that is the same in both.
    ///
    /// The result equals [`Workspace::scan`] of that tree; the cost grows with what differs, where both trees know
    /// the ids of their folders.
    pub fn update<'u>(&self, tree: &'u dyn Tree) -> Result<Workspace<'u>, TreeError> {
        Workspace::walk(tree, Some(Previous { tree: self.tree, walked: &self.walked, lock: self.lock.as_ref() }))
    }

    fn walk(tree: &'t dyn Tree, previous: Option<Previous<'_>>) -> Result<Self, TreeError> {
        let walk = Walk { tree, previous };
        let mut walked: BTreeMap<_, _> = walk.folder(&RepoPath::root())?.into_iter().collect();
        // A workspace may use modules that no pattern reaches, for example below `_examples` or `testdata`.
        for used in used_folders(&walked) {
            if !walked.contains_key(&used) {
                walked.extend(walk.folder(&used)?);
            }
        }
        let collect = |folders: &BTreeMap<RepoPath, Arc<Walked>>| -> BTreeMap<RepoPath, Arc<Module>> {
            folders.iter().filter_map(|(dir, folder)| Some((dir.clone(), folder.module.clone()?))).collect()
        };
        let mut modules = collect(&walked);
        // A folder that is named need not be one that the walk comes to: it may be a link.
        for replaced in used_folders(&walked).into_iter().chain(replaced_folders(&walked)) {
            if !modules.contains_key(&replaced)
                && let Some(module) = Module::read(tree, &replaced)?
            {
                modules.insert(replaced, Arc::new(module));
            }
        }
        let work_files =
            walked.iter().filter_map(|(dir, folder)| Some((dir.clone(), folder.work_file.clone()?))).collect();
        let conversions = walked.iter().filter_map(|(dir, folder)| Some((dir.clone(), folder.conversions?))).collect();
        let sources = walked.iter().filter_map(|(dir, folder)| Some((dir.clone(), folder.source.clone()?))).collect();
        Ok(Self {
            tree,
            walked,
            sources,
            modules,
            work_files,
            conversions,
            lock: read_lock(tree, walk.previous)?,
            looked_up: Lookups::default(),
            looked_up_modules: Lookups::default(),
            unwalked_conversions: Lookups::default(),
        })
    }

    /// The tree that was scanned.
    pub fn tree(&self) -> &'t dyn Tree {
        self.tree
    }

    /// The build-plan.lock at the root.
    pub fn lock(&self) -> Option<&LockFile> {
        self.lock.as_deref()
    }

    /// What the lock says of modules outside the repository.
    pub fn external_modules(&self) -> Option<&dyn ExternalModules> {
        self.lock().map(|lock| lock as &dyn ExternalModules)
    }

    /// Every module that the walk, a `use` or a `replace` leads to, by folder.
    pub fn modules(&self) -> &BTreeMap<RepoPath, Arc<Module>> {
        &self.modules
    }

    /// Every go.work that the walk found, by folder.
    pub fn work_files(&self) -> &BTreeMap<RepoPath, Arc<WorkFile>> {
        &self.work_files
    }

    /// The module that the files of a folder belong to: that of the nearest go.mod at or above it.
    pub fn module_of(&self, dir: &RepoPath) -> Option<&Arc<Module>> {
        nearest(&self.modules, dir)
    }

    /// Whether the walk came to a folder with source, and so to every folder above it.
    pub fn is_walked(&self, dir: &RepoPath) -> bool {
        self.sources.contains_key(dir)
    }

    /// The nearest go.work at or above a folder, as the `go` command finds it (modload `FindGoWork`).
    pub fn work_file_of(&self, dir: &RepoPath) -> Option<&Arc<WorkFile>> {
        nearest(&self.work_files, dir)
    }

    /// The folders that `./...` matches in the module they belong to, sorted. Without a module there are none.
    pub fn packages(&self) -> impl Iterator<Item = (&Arc<GoFolder>, &Arc<Module>)> {
        self.walked.iter().filter_map(|(dir, folder)| {
            let source = folder.source.as_ref()?;
            let module = self.module_of(dir)?;
            (!module.ignores(dir)).then_some((source, module))
        })
    }

    /// Whether a folder holds Go source or a module, itself or anywhere below.
    pub fn has_source_within(&self, dir: &RepoPath) -> bool {
        within(&self.walked, dir).any(|(_, walked)| walked.source.is_some() || walked.module.is_some())
    }

    /// The source in a folder, wherever it is; `None` if there is no such folder.
    pub fn folder(&self, dir: &RepoPath) -> Result<Option<Arc<GoFolder>>, TreeError> {
        if let Some(source) = self.sources.get(dir) {
            return Ok(Some(Arc::clone(source)));
        }
        self.looked_up.get(dir, || Ok(GoFolder::read(self.tree, dir)?.map(Arc::new)))
    }

    /// Whether every import means the same in both workspaces: they have the same modules, workspace files and folders
    /// with source, wherever anyone has looked. What the source says may differ.
    pub fn has_same_layout(&self, other: &Workspace<'_>) -> Result<bool, TreeError> {
        let same =
            |walked: &Arc<Walked>, other: &Arc<Walked>| Arc::ptr_eq(walked, other) || walked.has_same_layout(other);
        let mut pairs = self.walked.iter().zip(&other.walked);
        if self.walked.len() != other.walked.len()
            || !pairs.all(|((dir, walked), (other_dir, other))| dir == other_dir && same(walked, other))
        {
            return Ok(false);
        }
        if self.modules != other.modules || self.lock != other.lock {
            return Ok(false);
        }
        let provides = |found: &Option<Arc<GoFolder>>| found.as_ref().is_some_and(|source| source.provides_package);
        Ok(self.looked_up.all(|dir, ours| {
            let same_place = read_through_links(self.tree, dir)? == read_through_links(other.tree, dir)?;
            Ok(same_place && provides(ours) == provides(&other.folder(dir)?))
        })? && self.looked_up_modules.all(|dir, has| Ok(other.has_go_mod(dir)? == *has))?
            && self.unwalked_conversions.all(|dir, rules| Ok(other.conversions_in(dir)? == *rules))?)
    }

    /// Whether a folder has a go.mod that is not a folder, as `stat` sees it: through links.
    pub fn has_go_mod(&self, dir: &RepoPath) -> Result<bool, TreeError> {
        if self.modules.contains_key(dir) {
            return Ok(true);
        }
        self.looked_up_modules.get(dir, || has_go_mod(self.tree, dir))
    }

    /// The `.gitattributes` at or above any of some folders that convert files on checkout, with a digest of those rules,
    /// sorted.
    pub fn conversions(&self, dirs: impl IntoIterator<Item = RepoPath>) -> Result<Vec<(RepoPath, Digest)>, TreeError> {
        let mut asked = BTreeSet::new();
        let mut found = Vec::new();
        for dir in dirs {
            // Nearly every repository has none: then nobody should pay for the climb.
            if self.conversions.is_empty() && is_walked_path(&dir) {
                continue;
            }
            let mut next = Some(dir);
            while let Some(folder) = next.filter(|folder| !asked.contains(folder)) {
                if let Some(rules) = self.conversions_in(&folder)? {
                    found.push((folder.child(b".gitattributes"), rules));
                }
                next = folder.parent();
                asked.insert(folder);
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    fn conversions_in(&self, dir: &RepoPath) -> Result<Option<Digest>, TreeError> {
        if is_walked_path(dir) {
            return Ok(self.conversions.get(dir).copied());
        }
        self.unwalked_conversions.get(dir, || conversions(self.tree, dir))
    }
}

impl Walked {
    fn has_same_layout(&self, other: &Self) -> bool {
        let provides = |walked: &Self| walked.source.as_ref().map(|source| source.provides_package);
        provides(self) == provides(other)
            && self.module == other.module
            && self.work_file == other.work_file
            && self.conversions == other.conversions
    }
}

/// What an earlier scan found, to take over from.
#[derive(Clone, Copy)]
struct Previous<'p> {
    tree: &'p dyn Tree,
    walked: &'p BTreeMap<RepoPath, Arc<Walked>>,
    lock: Option<&'p Arc<LockFile>>,
}

struct Walk<'w> {
    tree: &'w dyn Tree,
    previous: Option<Previous<'w>>,
}

type Found = Vec<(RepoPath, Arc<Walked>)>;

impl Walk<'_> {
    /// What is in a folder and below. One level after the other, because folders can lie deeper than a stack reaches.
    fn folder(&self, dir: &RepoPath) -> Result<Found, TreeError> {
        let mut found = Vec::new();
        let mut level = vec![dir.clone()];
        while !level.is_empty() {
            let looked_at: Vec<(Found, Vec<RepoPath>)> =
                level.par_iter().map(|dir| self.look(dir)).collect::<Result<_, _>>()?;
            level.clear();
            for (mut here, below) in looked_at {
                found.append(&mut here);
                level.extend(below);
            }
        }
        Ok(found)
    }

    /// What is in a folder, and the folders in it that are still to be looked at.
    fn look(&self, dir: &RepoPath) -> Result<(Found, Vec<RepoPath>), TreeError> {
        if let Some(unchanged) = self.unchanged(dir)? {
            return Ok((unchanged, Vec::new()));
        }
        let Some(listing) = self.tree.list(dir)? else { return Ok((Vec::new(), Vec::new())) };
        let below = listing.iter().filter(|entry| is_walked(entry)).map(|entry| dir.child(&entry.name)).collect();
        let here = self.here(dir, &listing)?.map(|walked| (dir.clone(), Arc::new(walked)));
        Ok((here.into_iter().collect(), below))
    }

    /// What was found here and below before, if this folder is the same as it was then.
    fn unchanged(&self, dir: &RepoPath) -> Result<Option<Found>, TreeError> {
        let Some(previous) = self.previous else { return Ok(None) };
        let Some(id) = self.tree.subtree_id(dir)? else { return Ok(None) };
        if previous.tree.subtree_id(dir)? != Some(id) {
            return Ok(None);
        }
        let mut found = Vec::new();
        for (path, walked) in within(previous.walked, dir) {
            let Some(listing) = &walked.links else {
                found.push((path.clone(), Arc::clone(walked)));
                continue;
            };
            // A link can lead to another folder, which may have changed although this one did not.
            if let Some(again) = self.here(path, listing)? {
                found.push((path.clone(), Arc::new(again)));
            }
        }
        Ok(Some(found))
    }

    fn here(&self, dir: &RepoPath, listing: &Listing) -> Result<Option<Walked>, TreeError> {
        let has = |name: &[u8]| find_entry(listing, name).is_some();
        let module = if has(b"go.mod") { Module::read(self.tree, dir)? } else { None };
        let work_file = if has(b"go.work") { WorkFile::read(self.tree, dir)? } else { None };
        let conversions = if has(b".gitattributes") { conversions(self.tree, dir)? } else { None };
        let source = match listing.iter().any(|entry| entry.name.ends_with(b".go")) {
            true => Some(self.source(dir, listing)?),
            false => None,
        };
        let has_links = folder::has_links(listing)
            || source.as_ref().is_some_and(|source| source.embeds_through_links())
            || module::has_links(self.tree, dir, listing)?;
        let links = has_links.then(|| Arc::clone(listing));
        if source.is_none() && module.is_none() && work_file.is_none() && conversions.is_none() && links.is_none() {
            return Ok(None);
        }
        let (module, work_file) = (module.map(Arc::new), work_file.map(Arc::new));
        Ok(Some(Walked { source, module, work_file, conversions, links }))
    }

    fn source(&self, dir: &RepoPath, listing: &Listing) -> Result<Arc<GoFolder>, TreeError> {
        let before = self.previous.and_then(|previous| previous.walked.get(dir)?.source.as_ref());
        if let Some(before) = before
            && before.is_self_contained()
            && files(&before.listing).eq(files(listing))
        {
            return Ok(Arc::clone(before));
        }
        let fresh = GoFolder::from_listing(self.tree, dir, dir, listing)?;
        match before {
            Some(before) if before.is_same(&fresh) => Ok(Arc::clone(before)),
            _ => Ok(Arc::new(fresh)),
        }
    }
}

fn read_lock(tree: &dyn Tree, previous: Option<Previous<'_>>) -> Result<Option<Arc<LockFile>>, TreeError> {
    let path = RepoPath::from_clean(LOCK_FILE.as_bytes());
    let Some(entry) = tree.entry(&path)?.filter(|entry| matches!(entry.kind, EntryKind::File { .. })) else {
        return Ok(None);
    };
    if let Some(previous) = previous
        && entry.id.is_some()
        && previous.tree.entry(&path)?.is_some_and(|before| before.id == entry.id)
    {
        return Ok(previous.lock.cloned());
    }
    Ok(Some(Arc::new(LockFile::parse(&tree.read(&path)?))))
}

/// The entry of the nearest folder at or above one.
fn nearest<'m, T>(map: &'m BTreeMap<RepoPath, T>, dir: &RepoPath) -> Option<&'m T> {
    let mut above = dir.as_bytes();
    loop {
        if let Some(found) = map.get(above) {
            return Some(found);
        }
        if above.is_empty() {
            return None;
        }
        above = &above[..above.iter().rposition(|byte| *byte == b'/').unwrap_or(0)];
    }
}

/// The entries of a map at or below a folder.
fn within<'m, T>(map: &'m BTreeMap<RepoPath, T>, dir: &RepoPath) -> impl Iterator<Item = (&'m RepoPath, &'m T)> {
    // `dir/…` is one run of the map, but `dir-x` and `dir.x` sort between it and `dir` itself.
    let below = if dir.is_root() { dir.clone() } else { dir.child(b"") };
    let here = if dir.is_root() { None } else { map.get_key_value(dir) };
    let dir = dir.clone();
    let range = map.range((Bound::Included(below), Bound::Unbounded));
    here.into_iter().chain(range.take_while(move |(path, _)| path.is_within(&dir)))
}

fn files(listing: &[Entry]) -> impl Iterator<Item = &Entry> {
    listing.iter().filter(|entry| entry.kind != EntryKind::Folder)
}

/// The folders that patterns descend into (modload `matchPackages`), less those that Git ignores.
fn is_walked(entry: &Entry) -> bool {
    entry.kind == EntryKind::Folder && !entry.ignored && is_walked_name(&entry.name)
}

fn is_walked_name(name: &[u8]) -> bool {
    !matches!(name.first(), Some(b'.' | b'_')) && !matches!(name, b"testdata" | b"vendor")
}

fn is_walked_path(dir: &RepoPath) -> bool {
    dir.elements().all(is_walked_name)
}

fn used_folders(walked: &BTreeMap<RepoPath, Arc<Walked>>) -> Vec<RepoPath> {
    let work_files = walked.values().filter_map(|folder| folder.work_file.as_ref());
    work_files.flat_map(|work_file| work_file.uses().filter_map(|(used, _)| used.ok())).collect()
}

fn replaced_folders(walked: &BTreeMap<RepoPath, Arc<Walked>>) -> Vec<RepoPath> {
    let mut replaced = Vec::new();
    for (dir, folder) in walked {
        let of_module = folder.module.iter().flat_map(|module| &module.go_mod.replaces);
        let of_work_file = folder.work_file.iter().flat_map(|work_file| &work_file.go_work.replaces);
        for replace in of_module.chain(of_work_file) {
            if let crate::go::modfile::ReplaceTarget::Folder(target) = &replace.target {
                replaced.extend(dir.join(target.as_bytes()));
            }
        }
    }
    replaced.sort_unstable();
    replaced.dedup();
    replaced
}

fn has_go_mod(tree: &dyn Tree, dir: &RepoPath) -> Result<bool, TreeError> {
    if let Some(listing) = tree.list(dir)? {
        match find_entry(&listing, b"go.mod").map(|entry| entry.kind) {
            None | Some(EntryKind::Folder | EntryKind::Submodule) => return Ok(false),
            Some(EntryKind::File { .. }) => return Ok(true),
            Some(EntryKind::Symlink) => {}
        }
    }
    let found = read_through_links(tree, &dir.child(b"go.mod"))?;
    Ok(matches!(found, Ok(Some((_, EntryKind::File { .. })))))
}

/// The lines of a `.gitattributes` that may change what a checkout writes (gitattributes(5)); `None` without any. A name
/// that is not known may be a macro (`binary` is one), so it counts.
fn conversions(tree: &dyn Tree, dir: &RepoPath) -> Result<Option<Digest>, TreeError> {
    let path = dir.child(b".gitattributes");
    if !matches!(tree.entry(&path)?.map(|entry| entry.kind), Some(EntryKind::File { .. })) {
        return Ok(None);
    }
    let text = tree.read(&path)?;
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(converts).collect();
    Ok((!lines.is_empty()).then(|| Digest::of("gitattributes", &lines.join(&b'\n'))))
}

fn converts(line: &&[u8]) -> bool {
    const HARMLESS: [&[u8]; 9] = [
        b"diff",
        b"merge",
        b"whitespace",
        b"delta",
        b"encoding",
        b"export-ignore",
        b"export-subst",
        b"conflict-marker-size",
        b"lockable",
    ];
    let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).skip(1);
    !line.starts_with(b"#")
        && words.into_iter().any(|word| {
            let word = word.strip_prefix(b"-").or_else(|| word.strip_prefix(b"!")).unwrap_or(word);
            let name = word.split(|byte| *byte == b'=').next().unwrap_or_default();
            !HARMLESS.contains(&name) && !name.starts_with(b"linguist-") && !name.starts_with(b"gitlab-")
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::go::mode::{BuildList, ModFlag, Mode, PackageFolder, Resolution};
    use crate::repo::MemoryTree;

    fn import(workspace: &Workspace<'_>, mode: &Mode, path: &str) -> Vec<Arc<PackageFolder>> {
        match BuildList::new(workspace, mode.clone(), ModFlag::Auto).unwrap().resolve(path).unwrap() {
            Resolution::Packages(folders) => folders,
            other => panic!("{path}: {other:?}"),
        }
    }

    /// Checks what an import is after a file behind a link was changed, scanned anew and taken over from before.
    #[track_caller]
    fn check_language(txtar: &str, changed: &str, mode: &Mode, path: &str) {
        let language = |workspace: &Workspace<'_>| import(workspace, mode, path)[0].language.clone();
        let (before, mut after) = (MemoryTree::from_txtar(txtar), MemoryTree::from_txtar(txtar));
        let text = before.read(&RepoPath::from_clean(changed.as_bytes())).unwrap();
        after.insert(changed, String::from_utf8_lossy(&text).replace("go 1.20", "go 1.22"));
        let scanned = Workspace::scan(&before).unwrap();
        assert_eq!(language(&scanned), "1.20");
        assert_eq!(language(&Workspace::scan(&after).unwrap()), "1.22");
        assert_eq!(language(&scanned.update(&after).unwrap()), "1.22");
    }

    const LINKS: &str = "\
-- go.work --
go 1.25
use ./app
use ./lib
-- app/go.mod -> ../shared/app.mod --
-- app/app.go --
package app
-- shared/app.mod --
module ex.io/app
go 1.20
replace ex.io/rep => ../rep
require ex.io/rep v0.0.0
-- lib -> real/lib --
-- rep -> real/rep --
-- real/lib/go.mod --
module ex.io/lib
go 1.20
-- real/lib/lib.go --
package lib
-- real/rep/go.mod --
module ex.io/rep
go 1.20
-- real/rep/rep.go --
package rep
";

    #[test]
    fn module_files_and_folders_may_be_links() {
        let (work, app) = (Mode::Workspace(RepoPath::root()), Mode::Module(RepoPath::from_clean(b"app")));
        check_language(LINKS, "shared/app.mod", &app, "ex.io/app");
        check_language(LINKS, "real/rep/go.mod", &app, "ex.io/rep");
        check_language(LINKS, "real/rep/go.mod", &work, "ex.io/rep");
        check_language(LINKS, "real/lib/go.mod", &work, "ex.io/lib");
    }

    #[test]
    fn a_vendor_folder_may_be_a_link() {
        let tree = "-- go.mod --\nmodule ex.io/m\ngo 1.25\nrequire o.io/a v1.0.0\n-- vendor -> v --\n-- v/o.io/a/a.go --\npackage a\n\
                    -- v/modules.txt --\n# o.io/a v1.0.0\n## explicit; go 1.20\no.io/a\n";
        check_language(tree, "v/modules.txt", &Mode::Module(RepoPath::root()), "o.io/a");
    }

    #[test]
    fn a_go_mod_behind_a_link_cuts_a_folder_off() {
        let tree = "-- go.mod --\nmodule ex.io/m\ngo 1.25\n-- link -> .real --\n-- .real/a.go --\npackage a\n";
        let resolve = |tree: &str| {
            let tree = MemoryTree::from_txtar(tree);
            let workspace = Workspace::scan(&tree).unwrap();
            let list = BuildList::new(&workspace, Mode::Module(RepoPath::root()), ModFlag::Auto).unwrap();
            list.resolve("ex.io/m/link").unwrap()
        };
        assert!(matches!(resolve(tree), Resolution::Packages(_)));
        assert!(matches!(resolve(&format!("{tree}-- .real/go.mod --\nmodule x\n")), Resolution::Missing(_)));
    }

    #[test]
    fn the_rules_for_checkouts_are_found_wherever_the_files_lie() {
        let tree = "-- .gitattributes --\n*.go text\n-- a/b/.gitattributes --\n*.md diff=x linguist-generated\n\
                    -- a/.gitattributes --\n*.png binary\n-- vendor/x/.gitattributes --\n* -text\n-- vendor/x/y/f --\n";
        let tree = MemoryTree::from_txtar(tree);
        let workspace = Workspace::scan(&tree).unwrap();
        let found = |dirs: &[&str]| {
            let dirs = dirs.iter().map(|dir| RepoPath::from_clean(dir.as_bytes()));
            let found = workspace.conversions(dirs).unwrap();
            found.iter().map(|(path, _)| path.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(found(&["a/b", "a/c"]), [".gitattributes", "a/.gitattributes"]);
        assert_eq!(found(&["vendor/x/y"]), [".gitattributes", "vendor/x/.gitattributes"]);
        assert_eq!(found(&["c"]), [".gitattributes"]);
    }

    #[test]
    fn folders_may_lie_deeper_than_a_stack_reaches() {
        let mut tree = MemoryTree::from_txtar("-- go.mod --\nmodule ex.io/m\n");
        tree.insert(&format!("{}x.go", "d/".repeat(3000)), "package x\n");
        assert_eq!(Workspace::scan(&tree).unwrap().packages().count(), 1);
    }
}
