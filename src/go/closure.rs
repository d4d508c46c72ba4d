//! Turns a package with C or assembly into the files that its sources include, which `go list` does not show; and the
//! folder of a test into the files that the test may read.
//!
//! It ignores `#if`: every include counts. Where an include is computed, everything near is taken (spec of the C
//! preprocessor; `cmd/asm/internal/lex`; cgo's `${SRCDIR}`).

use std::collections::{BTreeMap, BTreeSet};

use crate::go::folder::{GoFolder, SourceContent};
use crate::go::package::Package;
use crate::go::source::{FileKind, GoFile, Includes, c_includes};
use crate::repo::{EntryKind, Identity, RepoPath, Tree, TreeError, read_through_links};

/// The files that C, assembly and cgo preambles of the package include, or that its linker flags name, sorted.
///
/// Files of the package itself are left out. An include that is nowhere in the repository belongs to the toolchain.
pub fn included_files(
    tree: &dyn Tree,
    folder: &GoFolder,
    package: &Package,
) -> Result<Vec<(RepoPath, Identity)>, TreeError> {
    let mut search = Search::new(tree, folder, package)?;
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
    /// Where the folder really lies, if the path leads through a link: to the compiler `..` is what is above that.
    real: Option<RepoPath>,
    own: BTreeSet<RepoPath>,
    /// Folders that `-I` and its kin name.
    include_dirs: Vec<RepoPath>,
    found: BTreeMap<RepoPath, Identity>,
    /// The paths looked at, and of those that are there, the ones whose text is still to be read.
    seen: BTreeSet<RepoPath>,
    pending: Vec<RepoPath>,
    computed: bool,
    compiles_c: bool,
}

impl<'s> Search<'s> {
    fn new(tree: &'s dyn Tree, folder: &'s GoFolder, package: &Package) -> Result<Self, TreeError> {
        let files = || package.files.iter().map(|index| &folder.files[*index]);
        let own = files().map(|file| folder.path.child(&file.name)).collect();
        let cgo = || {
            files().filter_map(|file| match &file.content {
                SourceContent::Go { header, .. } if header.imports_c => Some(header),
                _ => None,
            })
        };
        let swig = files().any(|file| matches!(file.kind, FileKind::Swig | FileKind::SwigCxx));
        let looks_around = swig || files().any(|file| matches!(file.content, SourceContent::Other { .. }));
        let compiles_c = cgo().next().is_some() || swig;
        let real = match looks_around || compiles_c {
            true => read_through_links(tree, &folder.path)?.ok().flatten().map(|(real, _)| real),
            false => None,
        };
        let mut search = Self {
            tree,
            folder,
            real: real.filter(|real| *real != folder.path),
            own,
            include_dirs: Vec::new(),
            found: BTreeMap::new(),
            seen: BTreeSet::new(),
            pending: Vec::new(),
            computed: swig,
            compiles_c,
        };
        for header in cgo() {
            for line in lines(header) {
                search.include_flags(line);
            }
        }
        Ok(search)
    }

    /// `-Idir` and its kin; `${SRCDIR}` is the package's folder (go/build `saveCgo`).
    fn include_flags(&mut self, line: &[String]) {
        for flag in line {
            self.computed |= flag == "-imacros" || flag.starts_with('@');
            let value = ["-iquote", "-isystem", "-idirafter", "-I", "-L", "-F"]
                .iter()
                .find_map(|option| flag.strip_prefix(option))
                .map_or(flag.as_str(), |dir| dir.trim_start_matches('='));
            // A word without an option may be the value of `-I dir`; if it is a file, nothing is found below it.
            self.include_dirs.extend(self.source_path(value));
        }
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
        for line in lines(header) {
            let mut option = "";
            for flag in line {
                self.flag_value(option, flag)?;
                option = flag;
            }
        }
        Ok(())
    }

    /// The files that a flag names: libraries in a folder of `-L`, headers of `-include`, and files named outright.
    fn flag_value(&mut self, option: &str, flag: &str) -> Result<(), TreeError> {
        let header = flag.strip_prefix("-include").filter(|name| !name.is_empty());
        if let Some(name) = header.or_else(|| (option == "-include").then_some(flag)) {
            let name = name.strip_prefix("${SRCDIR}/").unwrap_or(name).to_owned();
            let includes = Includes { quoted: vec![name], ..Includes::default() };
            return self.follow(&self.folder.path.clone(), &includes);
        }
        let library_dir = flag.strip_prefix("-L").filter(|dir| !dir.is_empty());
        if let Some(dir) = library_dir.or_else(|| (option == "-L").then_some(flag)) {
            return self.source_path(dir).map_or(Ok(()), |dir| self.libraries(&dir));
        }
        // `-Wl,--whole-archive,lib.a` names files as well.
        for word in flag.split(',') {
            if let Some(path) = self.source_path(word) {
                self.add(&path)?;
            }
        }
        Ok(())
    }

    fn libraries(&mut self, dir: &RepoPath) -> Result<(), TreeError> {
        let Ok(Some((real, EntryKind::Folder))) = read_through_links(self.tree, dir)? else { return Ok(()) };
        for entry in self.tree.list(&real)?.iter().flat_map(|listing| listing.iter()) {
            if entry.kind != EntryKind::Folder {
                self.add(&real.child(&entry.name))?;
            }
        }
        Ok(())
    }

    fn follow(&mut self, from: &RepoPath, includes: &Includes) -> Result<(), TreeError> {
        self.computed |= includes.computed;
        let mut dirs = vec![from.clone(), self.folder.path.clone()];
        dirs.extend(self.real.clone());
        dirs.extend(self.include_dirs.iter().cloned());
        dirs.sort_unstable();
        dirs.dedup();
        for name in includes.quoted.iter().chain(&includes.angled) {
            for path in dirs.iter().filter_map(|dir| dir.join(name.as_bytes())) {
                self.add(&path)?;
            }
        }
        Ok(())
    }

    /// Adds what lies at a path, if it is a file, with every link on the way to it.
    fn add(&mut self, path: &RepoPath) -> Result<(), TreeError> {
        if !self.seen.insert(path.clone()) {
            return Ok(());
        }
        if self.own.contains(path) {
            // It is an item of the package already, but what it includes is not.
            self.pending.push(path.clone());
            return Ok(());
        }
        if let Some(identity) = Identity::of(self.tree, path)? {
            self.found.insert(path.clone(), identity);
            self.pending.push(path.clone());
        } else if self.tree.entry(path)?.is_none()
            && let Ok(Some((real, kind))) = read_through_links(self.tree, path)?
            && kind != EntryKind::Folder
        {
            return self.add(&real);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<(RepoPath, Identity)>, TreeError> {
        while let Some(path) = self.pending.pop() {
            let Ok(Some((real, EntryKind::File { .. }))) = read_through_links(self.tree, &path)? else { continue };
            let includes = c_includes(&self.tree.read(&real)?);
            for dir in BTreeSet::from([path.parent(), real.parent()]).into_iter().flatten() {
                self.follow(&dir, &includes)?;
            }
        }
        if self.computed {
            let folder = self.real.clone().unwrap_or_else(|| self.folder.path.clone());
            for dir in std::iter::once(folder).chain(std::mem::take(&mut self.include_dirs)) {
                if let Ok(Some((real, EntryKind::Folder))) = read_through_links(self.tree, &dir)? {
                    add_all_below(self.tree, &real, &mut self.found)?;
                }
            }
            self.found.retain(|path, _| !self.own.contains(path));
        }
        Ok(self.found.into_iter().collect())
    }
}

/// The arguments of each `#cgo` line, whatever its conditions.
fn lines(header: &GoFile) -> impl Iterator<Item = &[String]> {
    header.cgo.iter().flat_map(|block| &block.directives).map(|line| &line.arguments[..])
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::go::source::{Target, Tri};
    use crate::repo::MemoryTree;

    /// The files that the package in a folder includes.
    #[track_caller]
    fn check(txtar: &str, dir: &str, expected: &[&str]) {
        let tree = MemoryTree::from_txtar(txtar);
        let folder = GoFolder::read(&tree, &RepoPath::from_clean(dir.as_bytes())).unwrap().unwrap();
        let package = Package::select(&folder, &Target { cgo: Tri::True, ..Target::new("linux", "amd64") });
        let found = included_files(&tree, &folder, &package).unwrap();
        assert_eq!(found.iter().map(|(path, _)| path.to_string()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_the_headers_of_a_package_include_is_followed() {
        let tree =
            "-- p/a.go --\npackage p\n-- p/a.s --\n#include \"a.h\"\n-- p/a.h --\n#include \"a.tbl\"\n-- p/a.tbl --\n";
        check(tree, "p", &["p/a.tbl"]);
    }

    #[test]
    fn links_are_followed_to_what_they_include() {
        let tree = "-- p/a.go --\npackage p\n-- p/a.s --\n#include \"l.inc\"\n-- p/l.inc -> ../q/l.inc --\n\
                    -- q/l.inc --\n#include \"m.inc\"\n-- p/m.inc --\n-- q/m.inc --\n";
        check(tree, "p", &["p/l.inc", "p/m.inc", "q/m.inc"]);
        let tree = "-- link -> real/p --\n-- real/p/a.go --\npackage p\n-- real/p/a.s --\n#include \"../up.inc\"\n\
                    -- real/up.inc --\n#include \"sub/x.inc\"\n-- up.inc --\n-- real/sub -> ../other --\n-- other/x.inc --\n";
        check(tree, "link", &["other/x.inc", "real/up.inc", "up.inc"]);
    }

    #[test]
    fn flags_may_have_their_value_in_the_next_word() {
        let cgo = |flags: &str| format!("-- p/a.go --\npackage p\n\n// #cgo CFLAGS: {flags}\nimport \"C\"\n");
        let files = "-- p/inc/a.h --\n-- p/lib/libv.a --\n-- p/lib/sub/x.a --\n";
        for (flags, expected) in [
            ("-L ${SRCDIR}/lib -lv", &["p/lib/libv.a"][..]),
            ("-L${SRCDIR}/lib -lv", &["p/lib/libv.a"]),
            ("-Wl,--whole-archive,${SRCDIR}/lib/libv.a", &["p/lib/libv.a"]),
            ("-I inc -include a.h", &["p/inc/a.h"]),
            ("-I${SRCDIR}/inc -includea.h", &["p/inc/a.h"]),
            ("-I${SRCDIR}/inc", &[]),
        ] {
            check(&format!("{}{files}", cgo(flags)), "p", expected);
        }
    }
}
