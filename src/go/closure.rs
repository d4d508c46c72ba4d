//! Turns a package with C or assembly into the files that its sources include, which `go list` does not show; and the
//! folder of a test into the files that the test may read.
//!
//! It ignores `#if`: every include counts. Where an include is computed, everything near is taken (spec of the C
//! preprocessor; `cmd/asm/internal/lex`; cgo's `${SRCDIR}`).

use std::collections::{BTreeMap, BTreeSet};

use crate::go::folder::{GoFolder, SourceContent};
use crate::go::package::Package;
use crate::go::source::{FileKind, GoFile, Includes, c_includes};
use crate::repo::{EntryKind, Identity, RepoPath, Tree, TreeError};

/// The files that C, assembly and cgo preambles of the package include, or that its linker flags name, sorted.
///
/// Files of the package itself are left out. An include that is nowhere in the repository belongs to the toolchain.
pub fn included_files(
    tree: &dyn Tree,
    folder: &GoFolder,
    package: &Package,
) -> Result<Vec<(RepoPath, Identity)>, TreeError> {
    let mut search = Search::new(tree, folder, package);
    for index in &package.files {
        let file = &folder.files[*index];
        match &file.content {
            SourceContent::Go { header, .. } if header.imports_c => search.cgo_file(header)?,
            SourceContent::Other { includes, .. } if file.kind != FileKind::Header => {
                search.follow(&folder.path, includes)?;
            }
            SourceContent::Other { includes, .. } if search.compiles_c => search.follow(&folder.path, includes)?,
            _ => {}
        }
    }
    search.finish()
}

/// Everything below the folder of a test that is not a package of its own: tests read such files by relative path.
pub fn test_data(tree: &dyn Tree, dir: &RepoPath) -> Result<Vec<(RepoPath, Identity)>, TreeError> {
    let mut found = BTreeMap::new();
    for entry in tree.list(dir)?.iter().flat_map(|listing| listing.iter()) {
        let path = dir.child(&entry.name);
        match entry.kind {
            EntryKind::Folder if &entry.name[..] == b"testdata" => add_all_below(tree, &path, &mut found)?,
            EntryKind::Folder => {}
            _ if entry.name.ends_with(b".go") => {}
            _ => found.extend(Identity::of(tree, &path)?.map(|identity| (path, identity))),
        }
    }
    Ok(found.into_iter().collect())
}

struct Search<'s> {
    tree: &'s dyn Tree,
    folder: &'s GoFolder,
    own: BTreeSet<RepoPath>,
    /// Folders that `-I` and its kin name.
    include_dirs: Vec<RepoPath>,
    found: BTreeMap<RepoPath, Identity>,
    pending: Vec<RepoPath>,
    computed: bool,
    compiles_c: bool,
}

impl<'s> Search<'s> {
    fn new(tree: &'s dyn Tree, folder: &'s GoFolder, package: &Package) -> Self {
        let files = || package.files.iter().map(|index| &folder.files[*index]);
        let own = files().map(|file| folder.path.child(&file.name)).collect();
        let cgo = || {
            files().filter_map(|file| match &file.content {
                SourceContent::Go { header, .. } if header.imports_c => Some(header),
                _ => None,
            })
        };
        let swig = files().any(|file| matches!(file.kind, FileKind::Swig | FileKind::SwigCxx));
        let mut search = Self {
            tree,
            folder,
            own,
            include_dirs: Vec::new(),
            found: BTreeMap::new(),
            pending: Vec::new(),
            computed: swig,
            compiles_c: cgo().next().is_some() || swig,
        };
        for flag in cgo().flat_map(|header| flags(header)) {
            search.include_flag(&flag);
        }
        search
    }

    /// `-Idir` and its kin; `${SRCDIR}` is the package's folder (go/build `saveCgo`).
    fn include_flag(&mut self, flag: &str) {
        if matches!(flag, "-imacros") || flag.starts_with('@') {
            self.computed = true;
        }
        for option in ["-iquote", "-isystem", "-idirafter", "-include", "-I", "-L", "-F"] {
            if let Some(dir) = flag.strip_prefix(option) {
                let dir = dir.trim_start_matches('=');
                self.include_dirs.extend(self.source_path(dir));
                return;
            }
        }
        // The value of `-I dir`, or a file or library that is linked.
        self.include_dirs.extend(self.source_path(flag));
    }

    fn source_path(&self, text: &str) -> Option<RepoPath> {
        let relative = text.strip_prefix("${SRCDIR}").map_or(text, |rest| rest.trim_start_matches('/'));
        if relative.is_empty() || relative.starts_with('-') {
            return None;
        }
        self.folder.path.join(relative.as_bytes())
    }

    fn cgo_file(&mut self, header: &GoFile) -> Result<(), TreeError> {
        for block in &header.cgo {
            let includes = c_includes(block.preamble.as_bytes());
            self.follow(&self.folder.path.clone(), &includes)?;
        }
        for flag in flags(header) {
            self.link_flag(&flag)?;
        }
        Ok(())
    }

    /// Libraries below a repository folder that `-L` names, and files that are named outright.
    fn link_flag(&mut self, flag: &str) -> Result<(), TreeError> {
        let (text, is_library_dir) = match flag.strip_prefix("-L") {
            Some(dir) => (dir, true),
            None => (flag, false),
        };
        let Some(path) = self.source_path(text) else { return Ok(()) };
        match self.tree.entry(&path)?.map(|entry| entry.kind) {
            Some(EntryKind::Folder) if is_library_dir => {
                for entry in self.tree.list(&path)?.iter().flat_map(|listing| listing.iter()) {
                    if entry.kind != EntryKind::Folder {
                        self.add(path.child(&entry.name))?;
                    }
                }
            }
            Some(EntryKind::File { .. } | EntryKind::Symlink) => self.add(path)?,
            _ => {}
        }
        Ok(())
    }

    fn follow(&mut self, from: &RepoPath, includes: &Includes) -> Result<(), TreeError> {
        self.computed |= includes.computed;
        for name in includes.quoted.iter().chain(&includes.angled) {
            let mut dirs = vec![from.clone(), self.folder.path.clone()];
            dirs.extend(self.include_dirs.iter().cloned());
            for path in dirs.iter().filter_map(|dir| dir.join(name.as_bytes())) {
                if self.tree.entry(&path)?.is_some_and(|entry| entry.kind != EntryKind::Folder) {
                    self.add(path)?;
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, path: RepoPath) -> Result<(), TreeError> {
        if self.own.contains(&path) || self.found.contains_key(&path) {
            return Ok(());
        }
        if let Some(identity) = Identity::of(self.tree, &path)? {
            self.found.insert(path.clone(), identity);
            self.pending.push(path);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<(RepoPath, Identity)>, TreeError> {
        while let Some(path) = self.pending.pop() {
            let Some(dir) = path.parent() else { continue };
            let includes = match self.tree.entry(&path)?.map(|entry| entry.kind) {
                Some(EntryKind::File { .. }) => c_includes(&self.tree.read(&path)?),
                _ => continue,
            };
            self.follow(&dir, &includes)?;
        }
        if self.computed {
            for dir in std::iter::once(self.folder.path.clone()).chain(std::mem::take(&mut self.include_dirs)) {
                add_all_below(self.tree, &dir, &mut self.found)?;
            }
            self.found.retain(|path, _| !self.own.contains(path));
        }
        Ok(self.found.into_iter().collect())
    }
}

/// The arguments of all `#cgo` lines, whatever their conditions.
fn flags(header: &GoFile) -> impl Iterator<Item = String> + '_ {
    header.cgo.iter().flat_map(|block| &block.directives).flat_map(|line| &line.arguments).cloned()
}

fn add_all_below(tree: &dyn Tree, dir: &RepoPath, found: &mut BTreeMap<RepoPath, Identity>) -> Result<(), TreeError> {
    let mut pending = vec![dir.clone()];
    while let Some(dir) = pending.pop() {
        for entry in tree.list(&dir)?.iter().flat_map(|listing| listing.iter()) {
            let path = dir.child(&entry.name);
            if entry.kind == EntryKind::Folder {
                pending.push(path);
            } else if let Some(identity) = Identity::of(tree, &path)? {
                found.insert(path, identity);
            }
        }
    }
    Ok(())
}
