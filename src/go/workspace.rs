//! Turns a tree into all that Go could build in it: folders with source, modules, workspace files.
//!
//! The walk finds what `./...` finds in every module; what an import names is found by looking, also where no walk
//! goes (`testdata`, `_x`, symlinks). It never evaluates a build constraint and never follows an import.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, RwLock};

use rayon::prelude::*;

use crate::go::folder::GoFolder;
use crate::go::module::{Module, WorkFile};
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
    looked_up: RwLock<HashMap<RepoPath, Option<Arc<GoFolder>>>>,
}

/// What the walk found in one folder. Folders without any of these are not kept.
#[derive(Debug)]
struct Walked {
    source: Option<Arc<GoFolder>>,
    module: Option<Arc<Module>>,
    work_file: Option<Arc<WorkFile>>,
    conversions: Option<Digest>,
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
        Workspace::walk(tree, Some(Previous { tree: self.tree, walked: &self.walked }))
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
        for replaced in replaced_folders(&walked) {
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
        Ok(Self { tree, walked, sources, modules, work_files, conversions, looked_up: RwLock::default() })
    }

    /// The tree that was scanned.
    pub fn tree(&self) -> &'t dyn Tree {
        self.tree
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
        // A poisoned lock only means that another thread panicked; the map itself is always whole.
        if let Some(found) = self.looked_up.read().unwrap_or_else(std::sync::PoisonError::into_inner).get(dir) {
            return Ok(found.clone());
        }
        let found = GoFolder::read(self.tree, dir)?.map(Arc::new);
        let mut looked_up = self.looked_up.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(looked_up.entry(dir.clone()).or_insert(found).clone())
    }

    /// Whether every import means the same in both workspaces: they have the same modules, workspace files and folders
    /// with source, wherever anyone has looked. What the source says may differ.
    pub fn has_same_layout(&self, other: &Workspace<'_>) -> Result<bool, TreeError> {
        let same = |((dir, walked), (other_dir, other)): ((&RepoPath, &Arc<Walked>), (&RepoPath, &Arc<Walked>))| {
            dir == other_dir && (Arc::ptr_eq(walked, other) || walked.has_same_layout(other))
        };
        if self.walked.len() != other.walked.len() || !self.walked.iter().zip(&other.walked).all(same) {
            return Ok(false);
        }
        if self.modules != other.modules {
            return Ok(false);
        }
        let looked_up = self.looked_up.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut dirs: Vec<&RepoPath> = looked_up.keys().collect();
        dirs.sort_unstable();
        for dir in dirs {
            let provides = |found: Option<&Arc<GoFolder>>| found.is_some_and(|source| source.provides_package);
            let theirs = other.folder(dir)?;
            let same_place = read_through_links(self.tree, dir)? == read_through_links(other.tree, dir)?;
            if !same_place || provides(looked_up[dir].as_ref()) != provides(theirs.as_ref()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The `.gitattributes` at or above a folder that convert files on checkout, with a digest of those rules.
    pub fn conversions(&self, dir: &RepoPath) -> impl Iterator<Item = (RepoPath, Digest)> {
        // Nearly every repository has none: then nobody should pay for the climb.
        let above = (!self.conversions.is_empty()).then(|| std::iter::once(dir.clone()).chain(dir.ancestors()));
        above.into_iter().flatten().filter_map(|folder| {
            let rules = *self.conversions.get(&folder)?;
            Some((folder.child(b".gitattributes"), rules))
        })
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
}

struct Walk<'w> {
    tree: &'w dyn Tree,
    previous: Option<Previous<'w>>,
}

type Found = Vec<(RepoPath, Arc<Walked>)>;

impl Walk<'_> {
    fn folder(&self, dir: &RepoPath) -> Result<Found, TreeError> {
        if let Some(unchanged) = self.unchanged(dir)? {
            return Ok(unchanged);
        }
        let Some(listing) = self.tree.list(dir)? else { return Ok(Vec::new()) };
        let below: Vec<&Entry> = listing.iter().filter(|entry| is_walked(entry)).collect();
        let mut found: Found = below.into_par_iter().map(|entry| self.folder(&dir.child(&entry.name))).try_reduce(
            Vec::new,
            |mut left, mut right| {
                left.append(&mut right);
                Ok(left)
            },
        )?;
        if let Some(walked) = self.here(dir, &listing)? {
            found.push((dir.clone(), Arc::new(walked)));
        }
        Ok(found)
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
            let Some(source) = walked.source.as_ref().filter(|source| source.has_links()) else {
                found.push((path.clone(), Arc::clone(walked)));
                continue;
            };
            // A link can lead to another folder, which may have changed although this one did not.
            if let Some(again) = self.here(path, &source.listing)? {
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
        if source.is_none() && module.is_none() && work_file.is_none() && conversions.is_none() {
            return Ok(None);
        }
        Ok(Some(Walked { source, module: module.map(Arc::new), work_file: work_file.map(Arc::new), conversions }))
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
    entry.kind == EntryKind::Folder
        && !entry.ignored
        && !matches!(entry.name.first(), Some(b'.' | b'_'))
        && !matches!(&entry.name[..], b"testdata" | b"vendor")
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

/// The lines of a `.gitattributes` that change what a checkout writes (gitattributes(5)); `None` without any.
fn conversions(tree: &dyn Tree, dir: &RepoPath) -> Result<Option<Digest>, TreeError> {
    const CONVERTING: [&[u8]; 6] = [b"text", b"eol", b"ident", b"filter", b"working-tree-encoding", b"crlf"];
    let path = dir.child(b".gitattributes");
    if !matches!(tree.entry(&path)?.map(|entry| entry.kind), Some(EntryKind::File { .. })) {
        return Ok(None);
    }
    let text = tree.read(&path)?;
    let converts = |line: &&[u8]| {
        let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).skip(1);
        !line.starts_with(b"#")
            && words.into_iter().any(|word| {
                let word = word.strip_prefix(b"-").or_else(|| word.strip_prefix(b"!")).unwrap_or(word);
                CONVERTING.contains(&word.split(|byte| *byte == b'=').next().unwrap_or_default())
            })
    };
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(converts).collect();
    Ok((!lines.is_empty()).then(|| Digest::of("gitattributes", &lines.join(&b'\n'))))
}
