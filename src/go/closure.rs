//! Turns a package with C or assembly into the files that its sources include, which `go list` does not show; and the
//! folder of a test into the files that the test may read.
//!
//! It ignores `#if`: every include counts. Where an include is computed, everything near is taken, and whatever macros
//! name (spec of the C preprocessor; `cmd/asm/internal/lex`; cgo's `${SRCDIR}`).

use std::collections::{BTreeMap, BTreeSet};

use crate::go::folder::{GoFolder, SourceContent};
use crate::go::package::Package;
use crate::go::source::{FileKind, GoFile, Includes, c_includes, macro_names};
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
    search.finish(package)
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
    /// The paths looked at, and of those that are there, the ones whose text is still to be read.
    seen: BTreeSet<RepoPath>,
    pending: Vec<RepoPath>,
    /// Whether some name is made by a macro.
    computed: bool,
    compiles_c: bool,
}

impl<'s> Search<'s> {
    fn new(tree: &'s dyn Tree, folder: &'s GoFolder, package: &Package) -> Result<Self, TreeError> {
        let files = || package.files.iter().map(|index| &folder.files[*index]);
        let own = files().map(|file| folder.path.child(&file.name)).collect();
        let swig = files().any(|file| matches!(file.kind, FileKind::Swig | FileKind::SwigCxx));
        let mut search = Self {
            tree,
            folder,
            own,
            include_dirs: Vec::new(),
            found: BTreeMap::new(),
            seen: BTreeSet::new(),
            pending: Vec::new(),
            computed: swig,
            compiles_c: swig,
        };
        for header in cgo_headers(folder, package) {
            search.compiles_c = true;
            for line in lines(header) {
                search.include_flags(line)?;
            }
        }
        Ok(search)
    }

    /// `-Idir` and its kin; `${SRCDIR}` is the package's folder (go/build `saveCgo`).
    fn include_flags(&mut self, line: &[String]) -> Result<(), TreeError> {
        for flag in line {
            self.computed |= flag == "-imacros" || flag.starts_with('@');
            let value = INCLUDE_OPTIONS
                .iter()
                .chain(&["-L", "-F"])
                .find_map(|option| flag.strip_prefix(option))
                .map_or(flag.as_str(), |dir| dir.trim_start_matches('='));
            // A word without an option may be the value of `-I dir`; if it is a file, nothing is found below it.
            self.include_dirs.extend(self.source_paths(value)?);
        }
        Ok(())
    }

    fn source_paths(&self, text: &str) -> Result<Vec<RepoPath>, TreeError> {
        let relative = text.strip_prefix("${SRCDIR}").map_or(text, |rest| rest.trim_start_matches('/'));
        if text.is_empty() || relative.starts_with('-') {
            return Ok(Vec::new());
        }
        self.places(&self.folder.path, relative.as_bytes())
    }

    /// Where a name leads from a folder: by its letters, as Go reads it, and along every link, as the system does.
    fn places(&self, from: &RepoPath, name: &[u8]) -> Result<Vec<RepoPath>, TreeError> {
        let mut places = Vec::from_iter(from.join(name));
        if !name.starts_with(b"/") && name.split(|byte| *byte == b'/').any(|element| element == b"..") {
            places.extend(self.along_links(from, name)?.filter(|real| !places.contains(real)));
        }
        Ok(places)
    }

    /// `link/..` is the folder that holds what the link leads to, not the folder that holds the link.
    fn along_links(&self, from: &RepoPath, name: &[u8]) -> Result<Option<RepoPath>, TreeError> {
        let real_folder = |path: &RepoPath| match read_through_links(self.tree, path)? {
            Ok(Some((real, EntryKind::Folder))) => Ok(Some(real)),
            _ => Ok(None),
        };
        let Some(mut place) = real_folder(from)? else { return Ok(None) };
        let elements = name.split(|byte| *byte == b'/').filter(|element| !matches!(*element, b"" | b"."));
        let mut elements = elements.peekable();
        while let Some(element) = elements.next() {
            let next = match element {
                b".." => place.parent(),
                _ if elements.peek().is_none() => return Ok(Some(place.child(element))),
                _ => real_folder(&place.child(element))?,
            };
            let Some(next) = next else { return Ok(None) };
            place = next;
        }
        Ok(Some(place))
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
            return self.source_paths(dir)?.iter().try_for_each(|dir| self.libraries(dir));
        }
        if INCLUDE_OPTIONS.iter().any(|known| option == *known || flag.starts_with(known)) {
            return Ok(());
        }
        // `-Wl,--whole-archive,lib.a` and `-Wl,--version-script=${SRCDIR}/lib.map` name files as well.
        for word in flag.split([',', '=']) {
            let word = word.find("${SRCDIR}").and_then(|start| word.get(start..)).unwrap_or(word);
            for path in self.source_paths(word)? {
                self.add(&path)?;
                // What is done with the folder, as in `--sysroot=${SRCDIR}/root`, is not known.
                if word.starts_with("${SRCDIR}/") && !flag.contains("rpath") {
                    self.add_below(&path)?;
                }
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
        self.follow_names(from, includes.quoted.iter().chain(&includes.angled))
    }

    fn follow_names<'n>(&mut self, from: &RepoPath, names: impl Iterator<Item = &'n String>) -> Result<(), TreeError> {
        let mut dirs = vec![from.clone(), self.folder.path.clone()];
        dirs.extend(self.include_dirs.iter().cloned());
        dirs.sort_unstable();
        dirs.dedup();
        for name in names {
            for dir in &dirs {
                for path in self.places(dir, name.as_bytes())? {
                    self.add(&path)?;
                }
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

    /// Adds all files below a folder, if it is one.
    fn add_below(&mut self, dir: &RepoPath) -> Result<(), TreeError> {
        let Ok(Some((real, EntryKind::Folder))) = read_through_links(self.tree, dir)? else { return Ok(()) };
        let mut below = BTreeMap::new();
        add_all_below(self.tree, &real, &mut below)?;
        below.keys().try_for_each(|path| self.add(path))
    }

    fn finish(mut self, package: &Package) -> Result<Vec<(RepoPath, Identity)>, TreeError> {
        self.read_pending(false)?;
        if self.computed {
            let dirs = std::iter::once(self.folder.path.clone()).chain(self.include_dirs.clone());
            dirs.collect::<Vec<_>>().iter().try_for_each(|dir| self.add_below(dir))?;
            let mut names = Vec::new();
            for header in cgo_headers(self.folder, package) {
                names.extend(header.cgo.iter().flat_map(|block| macro_names(block.preamble.as_bytes())));
                names.extend(lines(header).flatten().flat_map(|flag| flag.split('=').map(ToOwned::to_owned)));
            }
            self.follow_names(&self.folder.path.clone(), names.iter())?;
            // What has been read before the macro was met has to be read again: its name may be defined anywhere.
            self.pending = self.found.keys().chain(&self.own).cloned().collect();
            self.read_pending(true)?;
        }
        Ok(self.found.into_iter().collect())
    }

    /// Follows what the files found include; with macros, also whatever looks like a name in a `#define`.
    fn read_pending(&mut self, with_macros: bool) -> Result<(), TreeError> {
        while let Some(path) = self.pending.pop() {
            let Ok(Some((real, EntryKind::File { .. }))) = read_through_links(self.tree, &path)? else { continue };
            if with_macros && path.name().ends_with(b".go") {
                continue;
            }
            let text = self.tree.read(&real)?;
            let includes = c_includes(&text);
            let names = if with_macros { macro_names(&text) } else { Vec::new() };
            for dir in BTreeSet::from([path.parent(), real.parent()]).into_iter().flatten() {
                self.follow(&dir, &includes)?;
                self.follow_names(&dir, names.iter())?;
            }
        }
        Ok(())
    }
}

/// Options whose value is a folder that headers are looked up in.
const INCLUDE_OPTIONS: [&str; 4] = ["-iquote", "-isystem", "-idirafter", "-I"];

/// The headers of the Go files that use cgo.
fn cgo_headers<'f>(folder: &'f GoFolder, package: &'f Package) -> impl Iterator<Item = &'f GoFile> {
    package.files.iter().filter_map(|index| match &folder.files[*index].content {
        SourceContent::Go { header, .. } if header.imports_c => Some(&**header),
        _ => None,
    })
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
            ("-Wl,--version-script=${SRCDIR}/lib/libv.a", &["p/lib/libv.a"]),
            ("-T${SRCDIR}/lib/libv.a", &["p/lib/libv.a"]),
            ("--sysroot=${SRCDIR}/lib", &["p/lib/libv.a", "p/lib/sub/x.a"]),
            ("-Wl,-rpath,${SRCDIR}/lib", &[]),
            ("-I inc -include a.h", &["p/inc/a.h"]),
            ("-I${SRCDIR}/inc -includea.h", &["p/inc/a.h"]),
            ("-I${SRCDIR}/inc", &[]),
        ] {
            check(&format!("{}{files}", cgo(flags)), "p", expected);
        }
    }

    #[test]
    fn above_a_link_is_what_is_above_the_folder_that_it_leads_to() {
        let tree = "-- link -> real/pkg --\n-- real/pkg/a.go --\npackage p\n\n\
                    // #cgo CFLAGS: -I${SRCDIR}/../inc -I${SRCDIR}/side/..\n// #include \"x.h\"\n\
                    // #include \"side/../y.h\"\nimport \"C\"\n\
                    -- real/inc/x.h --\n-- inc/x.h --\n-- real/pkg/side -> ../../other/inner --\n\
                    -- other/inner/i --\n-- other/y.h --\n-- other/x.h --\n";
        check(tree, "link", &["inc/x.h", "other/x.h", "other/y.h", "real/inc/x.h"]);
    }

    #[test]
    fn what_a_macro_may_name_is_taken_with_all_that_it_includes() {
        let tree = "-- p/a.go --\npackage p\n\n// #define WHERE \"../out/a.h\"\n// #include WHERE\n\
                    // #include \"names.h\"\nimport \"C\"\n-- p/names.h --\n#define OTHER TEXT(../out/c.h)\n\
                    -- p/sub/near.h --\n#include \"../../out/d.h\"\n\
                    -- out/a.h --\n#include \"b.h\"\n-- out/b.h --\n-- out/c.h --\n-- out/d.h --\n-- out/e.h --\n";
        check(tree, "p", &["out/a.h", "out/b.h", "out/c.h", "out/d.h", "p/sub/near.h"]);
    }
}
