//! Turns one folder of a tree into what Go could read there: every Go-relevant file with its header, for any target.
//!
//! It decides nothing that depends on a target or on another folder, so a folder whose listing is the same in two
//! trees is the same folder. It never walks into subfolders, except where a `//go:embed` pattern leads.

use std::sync::{Arc, PoisonError, RwLock};

use crate::go::package::Package;
use crate::go::source::{
    Constraint, FileKind, GoFile, Includes, Target, asm_includes, c_includes, embed_files, file_kind, scan_go,
    scan_other,
};
use crate::repo::{Entry, EntryKind, Identity, Listing, RepoPath, Tree, TreeError, read_through_links};

/// The Go-relevant files of one folder, sorted by name.
#[derive(Debug)]
pub struct GoFolder {
    /// Where the folder is. Reached through symlinks, this is the path as imported, not the real one.
    pub path: RepoPath,
    /// The files, sorted by name.
    pub files: Vec<SourceFile>,
    /// Whether any name ends in `.go` and is a file: then the folder provides a package, whatever the files say
    /// (cmd/go `fsys.IsGoDir`).
    pub provides_package: bool,
    /// The listing that this was made of.
    pub listing: Listing,
    packages: Packages,
}

/// The packages that a folder has been asked for, by target. Trees share folders, so most are asked for often.
#[derive(Debug, Default)]
struct Packages(RwLock<Vec<(Target, Arc<Package>)>>);

/// One file that Go could read.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Its name in the folder.
    pub name: Arc<[u8]>,
    /// What its extension says.
    pub kind: FileKind,
    /// Whether it is `*_test.go`.
    pub is_test: bool,
    /// Its identity.
    pub identity: Identity,
    /// What its text says.
    pub content: SourceContent,
}

/// What the text of a file says before it is compiled.
#[derive(Clone, Debug)]
pub enum SourceContent {
    /// A Go file, and for each embed pattern of it the files that match.
    Go {
        /// The header.
        header: Arc<GoFile>,
        /// The matches, in the order of the header's directives.
        embeds: Vec<Embedded>,
    },
    /// C, assembly and their kin.
    Other {
        /// The build constraint of the leading comments.
        constraint: Constraint,
        /// What it includes.
        includes: Includes,
    },
    /// A file whose text is not known.
    Opaque(Opaque),
}

/// Why the text of a file is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opaque {
    /// Go never opens such files before it links them (`.syso`).
    Unread,
    /// It is a link that leads nowhere.
    Missing,
    /// It is a link that leads out of the repository, or into a submodule.
    Outside,
}

/// What one `//go:embed` pattern matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// The files, sorted by path, each with its identity.
    pub files: Vec<(RepoPath, Identity)>,
    /// Why Go would refuse the pattern; then `files` is all that it could touch.
    pub problem: Option<String>,
    /// Whether a link was met on the way.
    pub has_links: bool,
}

impl SourceFile {
    /// The files that it embeds.
    pub fn embedded(&self) -> impl Iterator<Item = &RepoPath> {
        let embeds = match &self.content {
            SourceContent::Go { embeds, .. } => &embeds[..],
            _ => &[],
        };
        embeds.iter().flat_map(|embedded| &embedded.files).map(|(path, _)| path)
    }
}

impl Embedded {
    fn look(tree: &dyn Tree, folder: &RepoPath, pattern: &str) -> Result<Self, TreeError> {
        let matched = embed_files(tree, folder, pattern)?;
        let mut files = Vec::with_capacity(matched.files.len());
        for path in matched.files {
            if let Some(identity) = Identity::of(tree, &path)? {
                files.push((path, identity));
            }
        }
        Ok(Self { files, problem: matched.problem, has_links: matched.has_links })
    }
}

impl GoFolder {
    /// Reads a folder; `None` if there is no such folder or a part of the path leaves the repository.
    ///
    /// Symlinked folders are followed, as the `go` command does when an import names one.
    pub fn read(tree: &dyn Tree, path: &RepoPath) -> Result<Option<Self>, TreeError> {
        if let Some(listing) = tree.list(path)? {
            return Self::from_listing(tree, path, path, &listing).map(Some);
        }
        let Some(real) = real_folder(tree, path)? else { return Ok(None) };
        let Some(listing) = tree.list(&real)? else { return Ok(None) };
        Self::from_listing(tree, path, &real, &listing).map(Some)
    }

    /// Reads the files of a folder whose listing is known. `real` is where it really lies.
    pub fn from_listing(
        tree: &dyn Tree,
        path: &RepoPath,
        real: &RepoPath,
        listing: &Listing,
    ) -> Result<Self, TreeError> {
        let mut folder = Self {
            path: path.clone(),
            files: Vec::new(),
            provides_package: false,
            listing: Arc::clone(listing),
            packages: Packages::default(),
        };
        for entry in listing.iter() {
            let is_go = entry.name.ends_with(b".go");
            if !is_go && file_kind(&entry.name).is_none() {
                continue;
            }
            let Some(found) = Found::look(tree, real, entry)? else { continue };
            folder.provides_package |= is_go && found.readable.is_ok();
            if let Some(kind) = file_kind(&entry.name) {
                folder.files.push(read_file(tree, real, entry, kind, found)?);
            }
        }
        Ok(folder)
    }

    /// The package that the folder is for a target.
    pub fn package(&self, target: &Target) -> Arc<Package> {
        // A poisoned lock only means that another thread panicked; the list itself is always whole.
        let known = self.packages.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, package)) = known.iter().find(|(known, _)| known == target) {
            return Arc::clone(package);
        }
        drop(known);
        let package = Arc::new(Package::select(self, target));
        let mut known = self.packages.0.write().unwrap_or_else(PoisonError::into_inner);
        known.push((target.clone(), Arc::clone(&package)));
        package
    }

    /// Whether the folder's own listing says all there is to know of it. Symlinks and embeds look elsewhere.
    pub fn is_self_contained(&self) -> bool {
        let embeds =
            |file: &SourceFile| matches!(&file.content, SourceContent::Go { embeds, .. } if !embeds.is_empty());
        !has_links(&self.listing) && !self.files.iter().any(embeds)
    }

    /// Whether what a pattern embeds can change although nothing in this folder or below it does.
    pub fn embeds_through_links(&self) -> bool {
        self.files.iter().any(|file| match &file.content {
            SourceContent::Go { embeds, .. } => embeds.iter().any(|embedded| embedded.has_links),
            _ => false,
        })
    }

    /// Whether two folders hold the same source: then they are the same to every target.
    pub fn is_same(&self, other: &Self) -> bool {
        let embeds = |file: &SourceFile| match &file.content {
            SourceContent::Go { embeds, .. } => embeds.clone(),
            _ => Vec::new(),
        };
        let same_file = |(left, right): (&SourceFile, &SourceFile)| {
            left.name == right.name && left.identity == right.identity && embeds(left) == embeds(right)
        };
        self.path == other.path
            && self.provides_package == other.provides_package
            && self.files.len() == other.files.len()
            && self.files.iter().zip(&other.files).all(same_file)
    }

    /// Whether no file can include another one: there is Go without cgo and nothing else.
    pub fn is_pure_go(&self) -> bool {
        let is_pure = |file: &SourceFile| match &file.content {
            SourceContent::Go { header, .. } => !header.imports_c,
            SourceContent::Other { .. } | SourceContent::Opaque(_) => false,
        };
        self.files.iter().all(is_pure)
    }
}

/// Whether any name that Go would read is a symlink: where it leads may change without anything here changing.
pub(super) fn has_links(listing: &Listing) -> bool {
    let is_source = |name: &[u8]| name.ends_with(b".go") || file_kind(name).is_some();
    listing.iter().any(|entry| entry.kind == EntryKind::Symlink && is_source(&entry.name))
}

/// Where a symlinked folder leads.
fn real_folder(tree: &dyn Tree, path: &RepoPath) -> Result<Option<RepoPath>, TreeError> {
    Ok(match read_through_links(tree, path)? {
        Ok(Some((real, EntryKind::Folder))) => Some(real),
        _ => None,
    })
}

/// A directory entry that may be a file: its identity, and where its bytes are.
struct Found {
    identity: Identity,
    readable: Result<RepoPath, Opaque>,
}

impl Found {
    /// `None` for what is a folder, in truth or through a link: Go passes over those in silence.
    fn look(tree: &dyn Tree, folder: &RepoPath, entry: &Entry) -> Result<Option<Self>, TreeError> {
        let path = folder.child(&entry.name);
        match (entry.kind, entry.id) {
            (EntryKind::File { executable }, Some(id)) => {
                Ok(Some(Self { identity: Identity::File { id, executable }, readable: Ok(path) }))
            }
            (EntryKind::Symlink, Some(text)) => {
                let readable = match read_through_links(tree, &path)? {
                    Ok(Some((_, EntryKind::Folder | EntryKind::Submodule))) => return Ok(None),
                    Ok(Some((real, _))) => Ok(real),
                    Ok(None) => Err(Opaque::Missing),
                    Err(_) => Err(Opaque::Outside),
                };
                let identity = Identity::of(tree, &path)?.unwrap_or(Identity::Link { text, target: None });
                Ok(Some(Self { identity, readable }))
            }
            _ => Ok(None),
        }
    }
}

fn read_file(
    tree: &dyn Tree,
    folder: &RepoPath,
    entry: &Entry,
    kind: FileKind,
    found: Found,
) -> Result<SourceFile, TreeError> {
    let content = match (kind, &found.readable) {
        (_, Err(why)) => SourceContent::Opaque(*why),
        (FileKind::Syso, Ok(_)) => SourceContent::Opaque(Opaque::Unread),
        (FileKind::Go, Ok(real)) => {
            let header = scan_go(&tree.read(real)?);
            let embeds = header
                .embeds
                .iter()
                .map(|directive| Embedded::look(tree, folder, &directive.pattern))
                .collect::<Result<_, _>>()?;
            SourceContent::Go { header: Arc::new(header), embeds }
        }
        (_, Ok(real)) => {
            let text = tree.read(real)?;
            let assembly = matches!(kind, FileKind::Assembly | FileKind::CAssembly);
            let includes = if assembly { asm_includes(&text) } else { c_includes(&text) };
            SourceContent::Other { constraint: scan_other(&text), includes }
        }
    };
    let is_test = kind == FileKind::Go && entry.name.ends_with(b"_test.go");
    Ok(SourceFile { name: Arc::clone(&entry.name), kind, is_test, identity: found.identity, content })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::MemoryTree;

    fn read(txtar: &str, path: &str) -> Option<GoFolder> {
        GoFolder::read(&MemoryTree::from_txtar(txtar), &RepoPath::from_clean(path.as_bytes())).unwrap()
    }

    fn names(folder: &GoFolder) -> Vec<String> {
        folder.files.iter().map(|file| String::from_utf8_lossy(&file.name).into_owned()).collect()
    }

    #[test]
    fn only_files_that_go_could_read_are_kept() {
        let folder =
            read("-- p/a.go --\npackage p\n-- p/b.s --\n-- p/README.md --\n-- p/sub/c.go --\npackage c\n", "p");
        let folder = folder.unwrap();
        assert_eq!(names(&folder), ["a.go", "b.s"]);
        assert!(folder.provides_package);
    }

    #[test]
    fn a_folder_with_only_hidden_go_files_still_provides_a_package() {
        let folder = read("-- p/_x.go --\npackage p\n", "p").unwrap();
        assert!(folder.files.is_empty() && folder.provides_package);
        assert!(!read("-- p/x.txt --\n", "p").unwrap().provides_package);
    }

    #[test]
    fn symlinked_files_and_folders_are_followed_and_broken_ones_are_kept() {
        let tree = "-- real/a.go --\npackage p\n-- link -> real --\n-- real/l.go -> ../other.txt --\n-- other.txt --\npackage p\nimport \"fmt\"\n-- real/z.go -> gone --\n";
        let folder = read(tree, "link").unwrap();
        assert_eq!(names(&folder), ["a.go", "l.go", "z.go"]);
        assert_eq!(folder.path, RepoPath::from_clean(b"link"));
        let SourceContent::Go { header, .. } = &folder.files[1].content else { panic!("{folder:?}") };
        assert_eq!(header.imports[0].path, "fmt");
        assert!(matches!(folder.files[2].content, SourceContent::Opaque(Opaque::Missing)));
        assert!(has_links(&folder.listing));
    }
}
