//! Turns a package with C or assembly into the files that its sources include, which `go list` does not show; and the
//! folder of a test into the files that the test may read.
//!
//! It ignores `#if`: every include counts. Where an include is computed, everything near is taken, and whatever macros
//! name (spec of the C preprocessor; `cmd/asm/internal/lex`; cgo's `${SRCDIR}`). It never follows anything out of the
//! repository, but says so.

use std::collections::{BTreeMap, BTreeSet};

use crate::go::folder::{GoFolder, SourceContent};
use crate::go::package::Package;
use crate::go::source::{CgoDirective, FileKind, Includes, c_includes, macro_names};
use crate::repo::{EntryKind, Identity, RepoPath, Tree, TreeError, read_through_links};

/// What C, assembly and cgo preambles of a package read of other files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Included {
    /// The files and submodules, sorted, without those of the package itself.
    pub files: Vec<(RepoPath, Identity)>,
    /// What they read outside the repository, one sentence each, sorted.
    pub outside: Vec<String>,
    /// Whether more is taken than may be read, because nobody can tell.
    pub guessed: bool,
}

/// The files that C, assembly and cgo preambles of the package include, or that its compiler and linker flags name.
///
/// An include that is nowhere in the repository belongs to the toolchain.
pub fn included_files(tree: &dyn Tree, folder: &GoFolder, package: &Package) -> Result<Included, TreeError> {
    let files = || package.files.iter().map(|index| &folder.files[*index]);
    let is_cgo = |content: &_| matches!(content, SourceContent::Go { header, .. } if header.imports_c);
    let is_swig = |kind| matches!(kind, FileKind::Swig | FileKind::SwigCxx);
    let swig = files().any(|file| is_swig(file.kind));
    let compiles_c = swig || files().any(|file| is_cgo(&file.content));
    if !compiles_c && !files().any(|file| matches!(file.content, SourceContent::Other { .. })) {
        return Ok(Included::default());
    }
    let Ok(Some((real, EntryKind::Folder))) = read_through_links(tree, &folder.path)? else {
        return Ok(Included::default());
    };
    let mut search = Search::new(tree, &folder.path, real, files().map(|file| &file.name[..]));
    search.guessed = swig;
    for directive in &package.cgo {
        search.flags(directive)?;
    }
    for file in files() {
        let path = folder.path.child(&file.name);
        match &file.content {
            SourceContent::Go { header, .. } if header.imports_c => {
                for block in &header.cgo {
                    search.follow_from_package(&path, &c_includes(block.preamble.as_bytes()))?;
                    search.macros.extend(macro_names(block.preamble.as_bytes()));
                }
            }
            SourceContent::Other { includes, .. } if compiles_c || file.kind != FileKind::Header => {
                search.follow_from_package(&path, includes)?;
            }
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
    /// The package's folder as it is imported, and where it really lies: the compilers run there, and to them `..` is
    /// what is above that.
    folder: RepoPath,
    real: RepoPath,
    /// The files of the package, by either path.
    own: BTreeSet<RepoPath>,
    /// Folders that `-I` and its kin name.
    include_dirs: Vec<RepoPath>,
    found: BTreeMap<RepoPath, Identity>,
    /// The paths looked at, and of those that are there, the ones whose text is still to be read.
    seen: BTreeSet<RepoPath>,
    pending: Vec<RepoPath>,
    outside: BTreeSet<String>,
    guessed: bool,
    /// What the macros of preambles and flags may name.
    macros: Vec<String>,
}

/// Where a path leads.
enum Place {
    /// A file, or a link to one.
    File(RepoPath),
    /// A folder, without links on the way.
    Folder(RepoPath),
    /// A submodule, or something in it.
    Submodule(RepoPath),
    /// Out of the repository, but not to a fixed place of the machine.
    Outside,
    /// There is nothing, or it is the machine's.
    Nothing,
}

/// What an option of a compiler or linker does with its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Headers are searched in the folder.
    Headers,
    /// Libraries are searched in the folder.
    Libraries,
    /// Anything below the folder may be read.
    Everything,
    /// The file is included before all others.
    Include,
    /// Nothing that is known.
    Other,
}

/// The options whose value, in the same word or in the next one, is a path.
const OPTIONS: [(&str, Role); 17] = [
    ("-include", Role::Include),
    ("-imacros", Role::Include),
    ("-iquote", Role::Headers),
    ("-isystem", Role::Headers),
    ("-idirafter", Role::Headers),
    ("-iframework", Role::Everything),
    ("-isysroot", Role::Everything),
    ("--sysroot", Role::Everything),
    ("--embed-dir", Role::Headers),
    ("-rpath-link", Role::Libraries),
    ("-rpath", Role::Libraries),
    ("-I", Role::Headers),
    ("-L", Role::Libraries),
    ("-R", Role::Libraries),
    ("-F", Role::Everything),
    ("-B", Role::Everything),
    ("-T", Role::Other),
];

impl<'s> Search<'s> {
    fn new<'n>(tree: &'s dyn Tree, folder: &RepoPath, real: RepoPath, names: impl Iterator<Item = &'n [u8]>) -> Self {
        let own = names.flat_map(|name| [folder.child(name), real.child(name)]).collect();
        Self {
            tree,
            folder: folder.clone(),
            real,
            own,
            include_dirs: Vec::new(),
            found: BTreeMap::new(),
            seen: BTreeSet::new(),
            pending: Vec::new(),
            outside: BTreeSet::new(),
            guessed: false,
            macros: Vec::new(),
        }
    }

    /// Reads one `#cgo` line.
    fn flags(&mut self, directive: &CgoDirective) -> Result<(), TreeError> {
        if directive.verb == "pkg-config" {
            return directive.arguments.iter().try_for_each(|name| self.pkg_config(name));
        }
        self.macros.extend(directive.arguments.iter().flat_map(|flag| flag.split('=')).map(str::to_owned));
        self.options(directive.arguments.iter().map(String::as_str))
    }

    /// The flags of a `.pc` file are not read: a name means one of the machine, a path may mean anything around it.
    fn pkg_config(&mut self, name: &str) -> Result<(), TreeError> {
        if let (true, Place::File(path)) = (name.contains('/'), self.named(name)?) {
            self.guessed = true;
            self.include_dirs.extend(path.parent());
        }
        Ok(())
    }

    fn options<'f>(&mut self, words: impl Iterator<Item = &'f str>) -> Result<(), TreeError> {
        let mut expected = None;
        for word in words {
            if let Some(role) = expected.take() {
                self.value(role, word)?;
            } else if let Some(role) = OPTIONS.iter().find(|(option, _)| *option == word).map(|(_, role)| *role) {
                expected = Some(role);
            } else {
                self.option(word)?;
            }
        }
        Ok(())
    }

    fn option(&mut self, word: &str) -> Result<(), TreeError> {
        // `-Wl,--whole-archive,lib.a` hands its parts on to the linker.
        if let Some(parts) = ["-Wl,", "-Wa,", "-Wp,"].iter().find_map(|prefix| word.strip_prefix(prefix)) {
            return self.options(parts.split(','));
        }
        if let Some(file) = word.strip_prefix('@') {
            self.guessed = true;
            return self.value(Role::Other, file);
        }
        let known = OPTIONS.iter().find_map(|(option, role)| Some((word.strip_prefix(option)?, *role)));
        if let Some((value, role)) = known {
            // `-Bstatic` names no folder.
            let is_word = role == Role::Everything && !value.contains(['/', '.', '$']);
            return if is_word { Ok(()) } else { self.value(role, value.trim_start_matches('=')) };
        }
        let is_macro = word.starts_with("-D") || word.starts_with("-U");
        let value = match (word.find(SOURCE_DIR), word.split_once('=')) {
            (Some(start), _) => word.get(start..),
            (None, _) if !word.starts_with('-') => Some(word),
            // `--version-script=exports.map`
            (None, Some((_, value))) if !is_macro => Some(value),
            (None, _) => None,
        };
        value.map_or(Ok(()), |value| self.value(Role::Other, value))
    }

    /// Takes what an option names.
    fn value(&mut self, role: Role, value: &str) -> Result<(), TreeError> {
        if role == Role::Include {
            let name = value.strip_prefix("${SRCDIR}/").unwrap_or(value).to_owned();
            let includes = Includes { quoted: vec![name], ..Includes::default() };
            return self.follow_from_package(&self.folder.clone(), &includes);
        }
        let place = self.named(value)?;
        self.take(role, value, place)?;
        // Go itself makes these absolute, and does not look where a link leads.
        let is_joined = matches!(role, Role::Headers | Role::Libraries) && !value.starts_with(['$', '/']);
        match self.folder.join(value.as_bytes()).filter(|_| is_joined && self.folder != self.real) {
            Some(path) => {
                let place = self.look(&path)?;
                self.take(role, value, place)
            }
            None => Ok(()),
        }
    }

    fn take(&mut self, role: Role, value: &str, place: Place) -> Result<(), TreeError> {
        match place {
            Place::File(path) => self.add(&path),
            Place::Submodule(path) => self.add_submodule(&path),
            Place::Folder(path) => match role {
                Role::Headers | Role::Other => {
                    self.include_dirs.push(path);
                    Ok(())
                }
                Role::Libraries => self.libraries(&path),
                Role::Everything | Role::Include => {
                    self.include_dirs.push(path.clone());
                    self.add_below(&path)
                }
            },
            Place::Outside if role == Role::Other && !value.contains(SOURCE_DIR) => Ok(()),
            Place::Outside => {
                self.outside.insert(format!("the #cgo lines of {} name {value}, outside the repository", self.folder));
                Ok(())
            }
            Place::Nothing => Ok(()),
        }
    }

    /// What a flag means by a path (go/build `saveCgo` and `makePathsAbsolute`).
    fn named(&self, value: &str) -> Result<Place, TreeError> {
        match value.strip_prefix(SOURCE_DIR) {
            Some(below) => self.walk(&self.real, below.trim_start_matches('/').as_bytes()),
            None if value.is_empty() || value.starts_with(['/', '-', '$']) => Ok(Place::Nothing),
            None => self.walk(&self.real, value.as_bytes()),
        }
    }

    /// Where a relative path leads from a folder, as the system walks it: `..` is what is above the folder that a link
    /// leads to.
    fn walk(&self, from: &RepoPath, relative: &[u8]) -> Result<Place, TreeError> {
        if relative.contains(&0) || relative.first() == Some(&b'/') {
            return Ok(Place::Nothing);
        }
        let mut at = from.clone();
        for element in relative.split(|byte| *byte == b'/').filter(|element| !matches!(*element, b"" | b".")) {
            if element == b".." {
                match self.look(&at)? {
                    Place::Folder(real) => match real.parent() {
                        Some(above) => at = above,
                        None => return Ok(Place::Outside),
                    },
                    Place::File(_) | Place::Nothing => return Ok(Place::Nothing),
                    out => return Ok(out),
                }
            } else {
                at = at.child(element);
            }
        }
        self.look(&at)
    }

    /// What lies at a path.
    fn look(&self, path: &RepoPath) -> Result<Place, TreeError> {
        Ok(match read_through_links(self.tree, path)? {
            Ok(Some((real, EntryKind::Folder))) => Place::Folder(real),
            Ok(Some((real, EntryKind::Submodule))) => Place::Submodule(real),
            // The link itself counts too, if the last part of the path is one.
            Ok(Some((real, _))) => Place::File(if self.tree.entry(path)?.is_some() { path.clone() } else { real }),
            Ok(None) => Place::Nothing,
            Err(link) => match self.tree.entry(&link)?.map(|entry| entry.kind) {
                Some(EntryKind::Submodule) => Place::Submodule(link),
                _ => Place::Outside,
            },
        })
    }

    fn libraries(&mut self, dir: &RepoPath) -> Result<(), TreeError> {
        for entry in self.tree.list(dir)?.iter().flat_map(|listing| listing.iter()) {
            if entry.kind != EntryKind::Folder {
                self.add(&dir.child(&entry.name))?;
            }
        }
        Ok(())
    }

    fn follow_from_package(&mut self, by: &RepoPath, includes: &Includes) -> Result<(), TreeError> {
        self.follow(by, &self.real.clone(), includes)
    }

    /// Adds what a file includes. `from` is the folder that it lies in.
    fn follow(&mut self, by: &RepoPath, from: &RepoPath, includes: &Includes) -> Result<(), TreeError> {
        self.guessed |= includes.computed;
        let dirs = self.dirs(from);
        for name in includes.quoted.iter().chain(&includes.angled) {
            let mut is_found = false;
            let mut leaves = false;
            for dir in &dirs {
                match self.walk(dir, name.as_bytes())? {
                    Place::File(path) => {
                        is_found = true;
                        self.add(&path)?;
                    }
                    Place::Submodule(path) => {
                        is_found = true;
                        self.add_submodule(&path)?;
                    }
                    Place::Outside => leaves |= !is_found,
                    Place::Folder(_) | Place::Nothing => {}
                }
            }
            if leaves && !is_found {
                self.outside.insert(format!("{by} includes {name}, outside the repository"));
            }
        }
        Ok(())
    }

    /// The folders that a name is looked up in, in order: those of the file, of the package, and of the flags.
    fn dirs(&self, from: &RepoPath) -> Vec<RepoPath> {
        let mut known = BTreeSet::new();
        let all = [from, &self.real].into_iter().chain(&self.include_dirs);
        all.filter(|dir| known.insert(*dir)).cloned().collect()
    }

    /// Adds the file at a path.
    fn add(&mut self, path: &RepoPath) -> Result<(), TreeError> {
        if !self.seen.insert(path.clone()) {
            return Ok(());
        }
        // It is an item of the package already, but what it includes is not.
        if !self.own.contains(path) {
            let Some(identity) = Identity::of(self.tree, path)? else { return Ok(()) };
            self.found.insert(path.clone(), identity);
        }
        self.pending.push(path.clone());
        Ok(())
    }

    /// A submodule is known by its commit. What its files include cannot be seen, and may be anything within reach.
    fn add_submodule(&mut self, path: &RepoPath) -> Result<(), TreeError> {
        self.guessed = true;
        self.found.extend(Identity::of(self.tree, path)?.map(|identity| (path.clone(), identity)));
        Ok(())
    }

    /// Adds all files below a folder, and what they include.
    fn add_below(&mut self, dir: &RepoPath) -> Result<(), TreeError> {
        let mut below = BTreeMap::new();
        add_all_below(self.tree, dir, &mut below)?;
        below.keys().try_for_each(|path| self.add(path))
    }

    fn finish(mut self) -> Result<Included, TreeError> {
        self.read_pending(false)?;
        if self.guessed {
            for dir in std::iter::once(self.real.clone()).chain(self.include_dirs.clone()) {
                self.add_below(&dir)?;
            }
            let macros = std::mem::take(&mut self.macros);
            self.follow_macros(&self.real.clone(), &macros)?;
            // What has been read before the macro was met has to be read again: its name may be defined anywhere.
            self.pending = self.found.keys().chain(&self.own).cloned().collect();
            self.read_pending(true)?;
        }
        self.found.retain(|path, _| !self.own.contains(path));
        let (files, outside) = (self.found.into_iter().collect(), self.outside.into_iter().collect());
        Ok(Included { files, outside, guessed: self.guessed })
    }

    /// Follows what the files found include; with macros, also whatever looks like a name in a `#define`.
    fn read_pending(&mut self, with_macros: bool) -> Result<(), TreeError> {
        while let Some(path) = self.pending.pop() {
            let Ok(Some((real, EntryKind::File { .. }))) = read_through_links(self.tree, &path)? else { continue };
            if path.name().ends_with(b".go") {
                continue;
            }
            let text = self.tree.read(&real)?;
            let includes = c_includes(&text);
            let macros = if with_macros { macro_names(&text) } else { Vec::new() };
            // To some compilers a link lies where it is, to others where it leads.
            for dir in BTreeSet::from([path.parent(), real.parent()]).into_iter().flatten() {
                self.follow(&path, &dir, &includes)?;
                self.follow_macros(&dir, &macros)?;
            }
        }
        Ok(())
    }

    /// Adds what macros may name. What looks like a name need not be one, so it may lead anywhere.
    fn follow_macros(&mut self, from: &RepoPath, names: &[String]) -> Result<(), TreeError> {
        for dir in self.dirs(from) {
            for name in names {
                if let Place::File(path) = self.walk(&dir, name.as_bytes())? {
                    self.add(&path)?;
                }
            }
        }
        Ok(())
    }
}

/// The package's folder, in the words of `#cgo` lines.
const SOURCE_DIR: &str = "${SRCDIR}";

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

    fn included(tree: &MemoryTree, dir: &str) -> Included {
        let folder = GoFolder::read(tree, &RepoPath::from_clean(dir.as_bytes())).unwrap().unwrap();
        let package = Package::select(&folder, &Target { cgo: Tri::True, ..Target::new("linux", "amd64") });
        included_files(tree, &folder, &package).unwrap()
    }

    fn names(found: &Included) -> Vec<String> {
        found.files.iter().map(|(path, _)| path.to_string()).collect()
    }

    /// The files that the package in a folder includes.
    #[track_caller]
    fn check(txtar: &str, dir: &str, expected: &[&str]) {
        let found = included(&MemoryTree::from_txtar(txtar), dir);
        assert_eq!(names(&found), expected);
        assert_eq!((found.outside, found.guessed), (Vec::new(), false));
    }

    fn cgo(flags: &str) -> String {
        format!("-- p/a.go --\npackage p\n\n// #cgo {flags}\n// #include \"a.h\"\nimport \"C\"\n")
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
        check(tree, "link", &["other/x.inc", "real/up.inc"]);
    }

    #[test]
    fn flags_may_have_their_value_in_the_next_word() {
        let files = "-- p/inc/a.h --\n-- p/lib/libv.a --\n-- p/lib/sub/x.a --\n";
        for (flags, expected) in [
            ("-L ${SRCDIR}/lib -lv", &["p/lib/libv.a"][..]),
            ("-L${SRCDIR}/lib -lv", &["p/lib/libv.a"]),
            ("-Wl,--whole-archive,${SRCDIR}/lib/libv.a", &["p/lib/libv.a"]),
            ("-I inc -include a.h", &["p/inc/a.h"]),
            ("-I${SRCDIR}/inc -includea.h", &["p/inc/a.h"]),
            ("-I${SRCDIR}/inc", &["p/inc/a.h"]),
            ("-O2", &[]),
        ] {
            check(&format!("{}{files}", cgo(&format!("CFLAGS: {flags}"))), "p", expected);
        }
    }

    #[test]
    fn flags_name_files_in_many_ways() {
        let files = "-- p/x.map --\n-- p/lib/libv.a --\n-- p/lib/sub/x.a --\n-- p/static/x.a --\n-- p/2/x --\n";
        for (flags, expected) in [
            ("LDFLAGS: -Wl,--version-script=x.map", &["p/x.map"][..]),
            ("LDFLAGS: -Wl,-Tx.map", &["p/x.map"]),
            ("LDFLAGS: -Wl,-T,x.map", &["p/x.map"]),
            ("LDFLAGS: -Wl,-rpath,${SRCDIR}/lib -Wl,-rpath=$ORIGIN/lib", &["p/lib/libv.a"]),
            ("LDFLAGS: -Wl,-Bstatic -lv -O2 -std=c99", &[]),
            ("LDFLAGS: -fuse-profile=${SRCDIR}/x.map", &["p/x.map"]),
            ("CFLAGS: -DDATA=${SRCDIR}/x.map -DX=x.map", &["p/x.map"]),
            ("CFLAGS: --sysroot=${SRCDIR}/lib", &["p/lib/libv.a", "p/lib/sub/x.a"]),
            ("windows LDFLAGS: -L${SRCDIR}/lib", &[]),
            ("pkg-config: libv x.map", &[]),
        ] {
            check(&format!("{}{files}", cgo(flags)), "p", expected);
        }
    }

    #[test]
    fn what_nobody_can_tell_takes_everything_near() {
        let everything = ["near/a.txt", "p/sub/x.txt"];
        let files = "-- near/a.txt --\n-- far/b.txt --\n-- p/sub/x.txt --\n";
        for text in [
            &cgo("CFLAGS: -I../near @args"),
            &format!("{}-- p/a.h --\n#include NAME\n", cgo("CFLAGS: -I../near")),
            &format!("{}-- p/x.swig --\n", cgo("CFLAGS: -I../near")),
            &cgo("pkg-config: ../near/a.txt"),
        ] {
            let found = included(&MemoryTree::from_txtar(&format!("{text}{files}")), "p");
            assert_eq!((names(&found), found.guessed), (everything.map(str::to_owned).to_vec(), true), "{text}");
        }
    }

    #[test]
    fn a_submodule_counts_as_its_commit_and_hides_what_it_includes() {
        let mut tree = MemoryTree::from_txtar(&cgo("CFLAGS: -I${SRCDIR}/../conf -I${SRCDIR}/../third/inc"));
        tree.insert("conf/third.h", "");
        tree.insert_entry(b"third", EntryKind::Submodule, b"commit");
        let found = included(&tree, "p");
        assert_eq!((names(&found), found.guessed), (vec!["conf/third.h".to_owned(), "third".to_owned()], true));
    }

    #[track_caller]
    fn check_outside(txtar: &str, expected: &[&str]) {
        let found = included(&MemoryTree::from_txtar(txtar), "p");
        assert_eq!(
            (found.outside.iter().map(String::as_str).collect::<Vec<_>>(), found.guessed),
            (expected.to_vec(), false)
        );
    }

    #[test]
    fn above_a_link_is_what_is_above_the_folder_that_it_leads_to() {
        let tree = "-- link -> real/pkg --\n-- real/pkg/a.go --\npackage p\n\n\
                    // #cgo CFLAGS: -I${SRCDIR}/../inc -I${SRCDIR}/side/..\n// #include \"x.h\"\n\
                    // #include \"side/../y.h\"\nimport \"C\"\n\
                    -- real/inc/x.h --\n-- inc/x.h --\n-- real/pkg/side -> ../../other/inner --\n\
                    -- other/inner/i --\n-- other/y.h --\n-- other/x.h --\n";
        check(tree, "link", &["other/x.h", "other/y.h", "real/inc/x.h"]);
        check(
            &tree.replace("-I${SRCDIR}/../inc", "-I../inc"),
            "link",
            &["inc/x.h", "other/x.h", "other/y.h", "real/inc/x.h"],
        );
    }

    #[test]
    fn what_a_macro_may_name_is_taken_with_all_that_it_includes() {
        let tree = "-- p/a.go --\npackage p\n\n// #define WHERE \"../out/a.h\"\n// #include WHERE\n\
                    // #include \"names.h\"\nimport \"C\"\n-- p/names.h --\n#define OTHER TEXT(../out/c.h)\n\
                    -- p/sub/near.h --\n#include \"../../out/d.h\"\n\
                    -- out/a.h --\n#include \"b.h\"\n-- out/b.h --\n-- out/c.h --\n-- out/d.h --\n-- out/e.h --\n";
        let found = included(&MemoryTree::from_txtar(tree), "p");
        assert_eq!(names(&found), ["out/a.h", "out/b.h", "out/c.h", "out/d.h", "p/sub/near.h"]);
    }

    #[test]
    fn what_leaves_the_repository_is_named() {
        let preamble = |include: &str| format!("-- p/a.go --\npackage p\n\n// #include {include}\nimport \"C\"\n");
        check_outside(&preamble("\"../../x.h\""), &["p/a.go includes ../../x.h, outside the repository"]);
        check_outside(
            &preamble("\"link/x.h\"").replace("-- p", "-- p/link -> /opt --\n-- p"),
            &["p/a.go includes link/x.h, outside the repository"],
        );
        check_outside(&preamble("\"/usr/include/x.h\""), &[]);
        check_outside(&preamble("<stdio.h>"), &[]);
        let flags = "the #cgo lines of p name ${SRCDIR}/../../inc, outside the repository";
        check_outside(&cgo("CFLAGS: -I${SRCDIR}/../../inc"), &[flags]);
        check_outside(&cgo("CFLAGS: -I/usr/local/include"), &[]);
        let nested = format!("{}-- p/a.h --\n#include \"../../../y.h\"\n", preamble("\"a.h\""));
        check_outside(&nested, &["p/a.h includes ../../../y.h, outside the repository"]);
        check_outside(
            "-- p/a.go --\npackage p\n-- p/a.s --\n#include \"../../z.inc\"\n",
            &["p/a.s includes ../../z.inc, outside the repository"],
        );
    }
}
