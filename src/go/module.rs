//! Turns the files beside a go.mod or go.work into a module or a workspace file: requirements, sums, vendor folder.
//!
//! It reads those files and nothing else; what they mean together is `mode`'s business.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::go::modfile::{GoMod, GoSum, GoWork, ModulesTxt, Strictness, VendoredModule};
use crate::repo::{EntryKind, Listing, RepoPath, Tree, TreeError, find_entry, read_through_links};

/// One go.mod and what lies beside it.
#[derive(Debug, PartialEq, Eq)]
pub struct Module {
    /// The folder of the go.mod.
    pub dir: RepoPath,
    /// What the go.mod says.
    pub go_mod: GoMod,
    /// The version of its `go` line to a module that depends on it: those read it more laxly (modfile `ParseLax`).
    pub go_as_dependency: Option<String>,
    /// What the go.sum says; empty without one.
    pub go_sum: GoSum,
    /// The vendor folder, if there is one.
    pub vendor: Option<Vendor>,
}

/// One go.work and what lies beside it.
#[derive(Debug, PartialEq, Eq)]
pub struct WorkFile {
    /// The folder of the go.work.
    pub dir: RepoPath,
    /// What the go.work says.
    pub go_work: GoWork,
    used: BTreeSet<RepoPath>,
    /// What the go.work.sum says; empty without one.
    pub go_sum: GoSum,
    /// The vendor folder, if there is one.
    pub vendor: Option<Vendor>,
}

/// A vendor folder.
#[derive(Debug, PartialEq, Eq)]
pub struct Vendor {
    /// The folder itself.
    pub dir: RepoPath,
    /// What its modules.txt says.
    pub modules_txt: ModulesTxt,
    /// For each vendored package, its module's place in `modules_txt.modules`.
    by_package: BTreeMap<String, usize>,
}

impl Module {
    /// Reads the module in `dir`; `None` if there is no go.mod that is a file (a folder of that name does not count).
    pub fn read(tree: &dyn Tree, dir: &RepoPath) -> Result<Option<Self>, TreeError> {
        let Some(text) = read_file(tree, dir, b"go.mod")? else { return Ok(None) };
        let go_mod = GoMod::parse(&text, Strictness::MainModule);
        let go_as_dependency = match go_mod.problems.is_empty() {
            true => go_mod.go.clone(),
            false => GoMod::parse(&text, Strictness::Dependency).go,
        };
        Ok(Some(Self {
            dir: dir.clone(),
            go_mod,
            go_as_dependency,
            go_sum: read_sum(tree, dir, b"go.sum")?,
            vendor: Vendor::read(tree, dir)?,
        }))
    }

    /// The module path; a go.mod without a `module` line has an empty one and provides nothing.
    pub fn path(&self) -> &str {
        self.go_mod.module.as_deref().unwrap_or_default()
    }

    /// The go.mod's own path.
    pub fn file(&self) -> RepoPath {
        self.dir.child(b"go.mod")
    }

    /// Whether `dir` matches an `ignore` directive, which hides packages from patterns but not from imports
    /// (cmd/go/internal/search `ShouldIgnore`).
    pub fn ignores(&self, dir: &RepoPath) -> bool {
        let Some(relative) = dir.strip_prefix(&self.dir) else { return false };
        let relative = [b"/", relative, b"/"].concat();
        self.go_mod.ignores.iter().any(|ignored| match ignored.strip_prefix("./") {
            Some(anchored) => relative.starts_with(format!("/{}/", anchored.trim_matches('/')).as_bytes()),
            None => {
                let run = format!("/{}/", ignored.trim_matches('/'));
                memchr::memmem::find(&relative, run.as_bytes()).is_some()
            }
        })
    }
}

impl WorkFile {
    /// Reads the go.work in `dir`; `None` if there is none that is a file.
    pub fn read(tree: &dyn Tree, dir: &RepoPath) -> Result<Option<Self>, TreeError> {
        let Some(text) = read_file(tree, dir, b"go.work")? else { return Ok(None) };
        let go_work = GoWork::parse(&text);
        let used = go_work.uses.iter().filter_map(|used| dir.join(used.path.as_bytes())).collect();
        Ok(Some(Self {
            dir: dir.clone(),
            go_work,
            used,
            go_sum: read_sum(tree, dir, b"go.work.sum")?,
            vendor: Vendor::read(tree, dir)?,
        }))
    }

    /// The go.work's own path.
    pub fn file(&self) -> RepoPath {
        self.dir.child(b"go.work")
    }

    /// Whether the module in a folder is used.
    pub fn is_used(&self, module: &RepoPath) -> bool {
        self.used.contains(module)
    }

    /// The folders of the used modules, each with its line and column; `Err` for one outside the repository.
    pub fn uses(&self) -> impl Iterator<Item = (Result<RepoPath, &str>, (usize, usize))> {
        self.go_work
            .uses
            .iter()
            .map(|used| (self.dir.join(used.path.as_bytes()).ok_or(used.path.as_str()), (used.line, used.column)))
    }
}

impl Vendor {
    fn read(tree: &dyn Tree, dir: &RepoPath) -> Result<Option<Self>, TreeError> {
        let dir = dir.child(b"vendor");
        let modules_txt = match read_file(tree, &dir, b"modules.txt")? {
            Some(text) => ModulesTxt::parse(&text),
            // A vendor folder without the list counts as one whose list is empty (modload `modulesTextIsForWorkspace`).
            None => match read_through_links(tree, &dir)? {
                Ok(Some((_, EntryKind::Folder))) => ModulesTxt::default(),
                _ => return Ok(None),
            },
        };
        let mut by_package = BTreeMap::new();
        for (index, module) in modules_txt.modules.iter().enumerate() {
            by_package.extend(module.packages.iter().map(|package| (package.clone(), index)));
        }
        Ok(Some(Self { dir, modules_txt, by_package }))
    }

    /// The module that provides a vendored package.
    pub fn module_of(&self, package: &str) -> Option<&VendoredModule> {
        self.modules_txt.modules.get(*self.by_package.get(package)?)
    }
}

/// Reads a file, whatever symlinks lead to it or to its folder.
fn read_file(tree: &dyn Tree, dir: &RepoPath, name: &[u8]) -> Result<Option<Arc<[u8]>>, TreeError> {
    let path = dir.child(name);
    if let Some(listing) = tree.list(dir)? {
        match find_entry(&listing, name).map(|entry| entry.kind) {
            Some(EntryKind::File { .. }) => return tree.read(&path).map(Some),
            Some(EntryKind::Symlink) => {}
            _ => return Ok(None),
        }
    }
    match read_through_links(tree, &path)? {
        Ok(Some((real, EntryKind::File { .. }))) => tree.read(&real).map(Some),
        _ => Ok(None),
    }
}

/// Whether anything beside a go.mod or go.work that [`Module`] and [`WorkFile`] read is a symlink: where it leads may
/// change without anything in the folder changing.
pub(super) fn has_links(tree: &dyn Tree, dir: &RepoPath, listing: &Listing) -> Result<bool, TreeError> {
    const FILES: [&[u8]; 5] = [b"go.mod", b"go.sum", b"go.work", b"go.work.sum", b"vendor"];
    let is_link = |listing: &Listing, name: &[u8]| {
        find_entry(listing, name).is_some_and(|entry| entry.kind == EntryKind::Symlink)
    };
    if FILES.iter().any(|name| is_link(listing, name)) {
        return Ok(true);
    }
    let is_root = [b"go.mod" as &[u8], b"go.work"].iter().any(|name| find_entry(listing, name).is_some());
    let vendor = match is_root && find_entry(listing, b"vendor").is_some() {
        true => tree.list(&dir.child(b"vendor"))?,
        false => None,
    };
    Ok(vendor.is_some_and(|vendor| is_link(&vendor, b"modules.txt")))
}

fn read_sum(tree: &dyn Tree, dir: &RepoPath, name: &[u8]) -> Result<GoSum, TreeError> {
    Ok(read_file(tree, dir, name)?.map_or_else(GoSum::default, |text| GoSum::parse(&text)))
}
