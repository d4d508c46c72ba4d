//! Turns the files on the disk into a [`Tree`], as a build sees them: uncommitted, untracked and ignored files too.
//! It never follows a symlink, never waits for a pipe, and never changes what lies there.

use std::collections::BTreeMap;
use std::fs::{DirEntry, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::checkout::Checkout;
use super::conversion::{ATTRIBUTES, Conversion, is_plain};
use super::ids::parse_id;
use super::index::{Child, IndexEntry};
use super::memo::Folders;
use super::names;
use super::nested;
use super::{GitError, Repository};
use crate::repo::{Entry, EntryKind, Listing, ObjectId, RepoPath, Tree, TreeError, find_entry};

/// Larger files are hashed piece by piece, and are not searched for line ends.
const LARGE: u64 = 64 << 20;

/// The files of the work tree. Listings are remembered: a later state of the disk needs a new value.
pub struct WorkingTree<'repo> {
    repository: &'repo Repository,
    work_dir: PathBuf,
    checkout: Arc<Checkout>,
    folders: Folders<Folder>,
    notes: Mutex<BTreeMap<RepoPath, String>>,
}

/// A listed folder.
#[derive(Clone)]
struct Folder {
    listing: Listing,
    /// Whether its files are just those of the index, or ignored; of its folders only that they exist.
    is_clean: bool,
}

/// A name as Git would store it, and what the disk says of it.
type DiskEntry = (Vec<u8>, DirEntry);

/// The ids of the files of one folder while they are being found.
#[derive(Default)]
struct Draft {
    entries: Vec<Entry>,
    /// The entries whose ids only the `git` program can tell.
    converted: Vec<usize>,
}

impl<'repo> WorkingTree<'repo> {
    pub(super) fn new(repository: &'repo Repository, work_dir: &Path, checkout: Arc<Checkout>) -> Self {
        let (folders, notes) = (Folders::new(), Mutex::default());
        Self { repository, work_dir: work_dir.to_path_buf(), checkout, folders, notes }
    }

    /// What was met while listing that the user should know, by path: each a sentence about that file.
    pub fn notes(&self) -> Vec<(RepoPath, String)> {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.iter().map(|(path, note)| (path.clone(), note.clone())).collect()
    }

    /// Whether the files differ from those of `HEAD`: tracked ones that changed, or untracked ones that are not
    /// ignored. Before the first commit, whether there are any.
    pub fn is_dirty(&self) -> Result<bool, GitError> {
        let tree = match self.repository.head_if_born()? {
            Some(head) => Some(head.tree),
            None => self.repository.ids.tree(b""),
        };
        let tree = tree.ok_or_else(|| GitError::new("cannot read HEAD"))?;
        let head = super::CommitTree::new(self.repository, tree);
        let changes = self.repository.changes_to_working_copy(&head, self);
        changes.map(|changes| !changes.is_empty()).map_err(|error| GitError::new(error.to_string()))
    }

    pub(super) fn checkout(&self) -> &Checkout {
        &self.checkout
    }

    fn note(&self, path: &RepoPath, note: impl Into<String>) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).insert(path.clone(), note.into());
    }

    fn on_disk(&self, path: &RepoPath) -> PathBuf {
        names::on_disk(&self.work_dir, path.as_bytes())
    }

    /// Whether the files of a folder are just those of the index, or ignored; nothing is said of what is below.
    pub(super) fn is_clean(&self, folder: &RepoPath) -> Result<bool, TreeError> {
        Ok(self.folder(folder)?.is_some_and(|folder| folder.is_clean))
    }

    fn folder(&self, folder: &RepoPath) -> Result<Option<Folder>, TreeError> {
        let gone = || TreeError::new(&RepoPath::root(), "the work tree is gone");
        let root = || self.list_folder(&RepoPath::root(), false)?.ok_or_else(gone);
        self.folders.resolve(folder, root, |parent, path| match find_entry(&parent.listing, path.name()) {
            Some(entry) if entry.kind == EntryKind::Folder => self.list_folder(path, entry.ignored),
            _ => Ok(None),
        })
    }

    fn list_folder(&self, folder: &RepoPath, ignored: bool) -> Result<Option<Folder>, TreeError> {
        let children = self.checkout.index.children(folder.as_bytes());
        let on_disk = self.disk_entries(folder)?;
        let found = on_disk.is_some();
        let on_disk = on_disk.unwrap_or_default();
        if on_disk.iter().any(|(name, _)| name == ATTRIBUTES) {
            // Untracked or changed, it may ask for conversions from here on down.
            self.checkout.conversions.learn_file(&self.on_disk(&folder.child(ATTRIBUTES)));
        }
        let mut draft = Draft::default();
        for (name, file) in &on_disk {
            let tracked = children.binary_search_by(|child| child.0.cmp(name)).ok();
            let tracked = tracked.and_then(|at| children.get(at)).map(|(_, child)| child);
            self.add(&mut draft, &folder.child(name), file, tracked, ignored)?;
        }
        let mut entries = self.finish(draft, folder);
        self.add_sparse(&mut entries, &children);
        if !found && entries.is_empty() {
            return Ok(None);
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let is_clean = is_clean(&entries, &children);
        Ok(Some(Folder { listing: entries.into(), is_clean }))
    }

    /// The names of a folder on the disk, without Git's own; `None` if there is no such folder.
    fn disk_entries(&self, folder: &RepoPath) -> Result<Option<Vec<DiskEntry>>, TreeError> {
        let failed = |error: &io::Error| TreeError::new(folder, error.to_string());
        let entries = match std::fs::read_dir(self.on_disk(folder)) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            entries => entries.map_err(|error| failed(&error))?,
        };
        let named = entries.map(|entry| entry.map(|entry| (names::bytes(entry.file_name()), entry)));
        let others = named.filter(|entry| !matches!(entry, Ok((name, _)) if name == b".git"));
        others.collect::<io::Result<Vec<_>>>().map(Some).map_err(|error| failed(&error))
    }

    fn add(
        &self,
        draft: &mut Draft,
        path: &RepoPath,
        file: &DirEntry,
        tracked: Option<&Child<'_>>,
        folder_ignored: bool,
    ) -> Result<(), TreeError> {
        let Some(on_disk) = skip_vanished(file.file_type(), path)? else { return Ok(()) };
        let ignored = match tracked {
            Some(_) => false,
            None => folder_ignored || self.is_ignored(path, on_disk.is_dir())?,
        };
        let name = Arc::from(path.name());
        if on_disk.is_dir() {
            let (kind, id) = self.identify_folder(path, tracked);
            draft.entries.push(Entry { name, kind, id, ignored });
            return Ok(());
        }
        if !on_disk.is_file() && !on_disk.is_symlink() {
            // A socket, a pipe or a device: Git does not see it, and opening it could block.
            return Ok(());
        }
        let Some(metadata) = skip_vanished(file.metadata(), path)? else { return Ok(()) };
        let tracked = match tracked {
            Some(Child::Entry(entry)) => Some(*entry),
            Some(Child::Folder(_)) | None => None,
        };
        let kind = self.kind(&metadata, tracked);
        let id = match self.identify_file(path, kind, &metadata, tracked)? {
            FileId::Known(id) => Some(id),
            FileId::BeforeConversion(id) => {
                draft.converted.push(draft.entries.len());
                Some(id)
            }
            FileId::Unreadable => None,
            FileId::Vanished => return Ok(()),
        };
        draft.entries.push(Entry { name, kind, id, ignored });
        Ok(())
    }

    fn kind(&self, metadata: &Metadata, tracked: Option<&IndexEntry>) -> EntryKind {
        let recorded = tracked.map_or(0o100_644, |entry| entry.mode);
        if metadata.is_symlink() || (!self.checkout.has_links && recorded & 0o170_000 == 0o120_000) {
            return EntryKind::Symlink;
        }
        EntryKind::File {
            executable: if self.checkout.has_modes { is_executable(metadata, recorded) } else { recorded & 0o100 != 0 },
        }
    }

    fn is_ignored(&self, path: &RepoPath, is_folder: bool) -> Result<bool, TreeError> {
        let mut name = path.as_bytes().to_vec();
        if is_folder {
            name.push(b'/');
        }
        let ignored = self.repository.is_ignored(&name);
        ignored.map_err(|error| TreeError::new(path, format!("cannot tell if it is ignored: {error}")))
    }

    /// What a folder on the disk is: a folder, or the work tree of another repository.
    fn identify_folder(&self, path: &RepoPath, tracked: Option<&Child<'_>>) -> (EntryKind, Option<ObjectId>) {
        let link = match tracked {
            Some(Child::Folder(_)) => return (EntryKind::Folder, None),
            Some(Child::Entry(entry)) if entry.mode & 0o170_000 == 0o160_000 => Some(entry.id),
            Some(Child::Entry(_)) | None => None,
        };
        let folder = self.on_disk(path);
        if std::fs::symlink_metadata(folder.join(".git")).is_err() {
            return link.map_or((EntryKind::Folder, None), |id| (EntryKind::Submodule, Some(id)));
        }
        if link.is_some() && nested::is_dirty(&folder) {
            self.note(path, "the submodule has changes that are not committed; only its commit is looked at");
        }
        match nested::head(&folder).or(link) {
            Some(id) => (EntryKind::Submodule, Some(id)),
            None => (EntryKind::Folder, None),
        }
    }

    fn identify_file(
        &self,
        path: &RepoPath,
        kind: EntryKind,
        metadata: &Metadata,
        tracked: Option<&IndexEntry>,
    ) -> Result<FileId, TreeError> {
        if let Some(entry) = tracked.filter(|entry| self.checkout.is_untouched(entry, metadata)) {
            return Ok(FileId::Known(entry.id));
        }
        match self.hash(path, kind, metadata, tracked) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(FileId::Vanished),
            Err(error) if tracked.is_none() && error.kind() == ErrorKind::PermissionDenied => {
                self.note(path, "it cannot be read (permission denied), so a change of it is not seen");
                Ok(FileId::Unreadable)
            }
            id => id.map_err(|error| TreeError::new(path, error.to_string())),
        }
    }

    fn hash(
        &self,
        path: &RepoPath,
        kind: EntryKind,
        metadata: &Metadata,
        tracked: Option<&IndexEntry>,
    ) -> io::Result<FileId> {
        let (file, ids) = (self.on_disk(path), self.repository.ids);
        if metadata.is_symlink() {
            return ids.blob(&names::bytes(std::fs::read_link(file)?.into_os_string())).map(FileId::Known);
        }
        let (id, plain) = if metadata.len() > LARGE {
            (ids.file(&file)?, false)
        } else {
            let bytes = std::fs::read(&file)?;
            (ids.blob(&bytes)?, is_plain(&bytes))
        };
        if kind == EntryKind::Symlink || tracked.is_some_and(|entry| entry.settled && entry.id == id) {
            // The bytes are those of the blob, whatever a conversion would make of them.
            return Ok(FileId::Known(id));
        }
        Ok(match self.checkout.conversions.of(self.repository, path, plain) {
            Conversion::None => FileId::Known(id),
            Conversion::BuiltIn => FileId::BeforeConversion(id),
            Conversion::Filter(name) => {
                self.note(path, format!("the filter `{name}` is not run on it, so it counts as it is on the disk"));
                FileId::Known(id)
            }
        })
    }

    /// Asks the `git` program for the ids that its conversions give, in one run for the folder.
    fn finish(&self, mut draft: Draft, folder: &RepoPath) -> Vec<Entry> {
        if draft.converted.is_empty() {
            return draft.entries;
        }
        let names = draft.converted.iter().filter_map(|at| draft.entries.get(*at)).map(|entry| &entry.name);
        let paths: Vec<RepoPath> = names.map(|name| folder.child(name)).collect();
        let input: Vec<u8> = paths.iter().flat_map(|path| quoted_line(path.as_bytes())).collect();
        let printed = self.repository.program.run(&["hash-object", "--stdin-paths"], &input);
        let ids = printed.and_then(|printed| match parse_ids(&printed) {
            Some(ids) if ids.len() == paths.len() => Ok(ids),
            _ => Err("git hash-object printed something else than ids".to_owned()),
        });
        match ids {
            Ok(ids) => draft.converted.iter().zip(ids).for_each(|(at, id)| {
                if let Some(entry) = draft.entries.get_mut(*at) {
                    entry.id = Some(id);
                }
            }),
            Err(why) => paths.iter().for_each(|path| {
                self.note(path, format!("its line ends count as they are on the disk: {why}"));
            }),
        }
        draft.entries
    }

    /// Adds what a sparse checkout leaves out of the disk: it is tracked, and its content is known.
    fn add_sparse(&self, entries: &mut Vec<Entry>, children: &[(&[u8], Child<'_>)]) {
        let mut present: Vec<Arc<[u8]>> = entries.iter().map(|entry| Arc::clone(&entry.name)).collect();
        present.sort_unstable();
        for (name, child) in children {
            if present.binary_search_by(|known| known[..].cmp(name)).is_ok() {
                continue;
            }
            let (kind, id) = match child {
                Child::Entry(entry) if entry.skipped => (kind_of_mode(entry.mode), Some(entry.id)),
                Child::Folder(range)
                    if self.checkout.index.in_range(range.clone()).iter().any(|entry| entry.skipped) =>
                {
                    (EntryKind::Folder, None)
                }
                Child::Entry(_) | Child::Folder(_) => continue,
            };
            entries.push(Entry { name: Arc::from(*name), kind, id, ignored: false });
        }
    }

    fn read_file(&self, path: &RepoPath) -> io::Result<Vec<u8>> {
        let file = self.on_disk(path);
        let metadata = std::fs::symlink_metadata(&file)?;
        if metadata.is_symlink() {
            return Ok(names::bytes(std::fs::read_link(file)?.into_os_string()));
        }
        if !metadata.is_file() {
            return Err(io::Error::other("it is no longer a file"));
        }
        std::fs::read(file)
    }
}

impl Tree for WorkingTree<'_> {
    fn list(&self, folder: &RepoPath) -> Result<Option<Listing>, TreeError> {
        Ok(self.folder(folder)?.map(|folder| folder.listing))
    }

    fn read(&self, path: &RepoPath) -> Result<Arc<[u8]>, TreeError> {
        let entry = self.entry(path)?.ok_or_else(|| TreeError::new(path, "no such file"))?;
        match (entry.kind, entry.id) {
            (EntryKind::Submodule, Some(id)) => return Ok(Arc::from(id.to_string().as_bytes())),
            (EntryKind::Folder | EntryKind::Submodule, _) => return Err(TreeError::new(path, "it is a folder")),
            (EntryKind::File { .. } | EntryKind::Symlink, _) => {}
        }
        match self.read_file(path) {
            Ok(bytes) => Ok(bytes.into()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                match self.checkout.index.find(path.as_bytes()).filter(|entry| entry.skipped) {
                    Some(entry) => self.repository.blob(&entry.id, path),
                    None => Err(TreeError::new(path, "it has been deleted meanwhile")),
                }
            }
            Err(error) => Err(TreeError::new(path, error.to_string())),
        }
    }

    fn subtree_id(&self, _folder: &RepoPath) -> Result<Option<ObjectId>, TreeError> {
        Ok(None)
    }
}

/// What is known of a file's blob id.
enum FileId {
    Known(ObjectId),
    /// The id of the bytes as they are; the `git` program will say what its conversions make of them.
    BeforeConversion(ObjectId),
    Unreadable,
    Vanished,
}

/// Whether what Git does not ignore of a folder is just what the index has in it.
fn is_clean(entries: &[Entry], children: &[(&[u8], Child<'_>)]) -> bool {
    let mut children = children.iter();
    let mut seen = entries.iter().filter(|entry| !entry.ignored);
    let equal = |entry: &Entry, (name, child): &(&[u8], Child<'_>)| {
        entry.name[..] == **name
            && match child {
                Child::Folder(_) => entry.kind == EntryKind::Folder,
                Child::Entry(known) => {
                    known.settled && entry.id == Some(known.id) && entry.kind == kind_of_mode(known.mode)
                }
            }
    };
    seen.all(|entry| children.next().is_some_and(|child| equal(entry, child))) && children.next().is_none()
}

/// Files may come and go while a folder is listed.
fn skip_vanished<T>(result: io::Result<T>, path: &RepoPath) -> Result<Option<T>, TreeError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(TreeError::new(path, error.to_string())),
    }
}

pub(super) fn kind_of_mode(mode: u32) -> EntryKind {
    match mode & 0o170_000 {
        0o120_000 => EntryKind::Symlink,
        0o160_000 => EntryKind::Submodule,
        _ => EntryKind::File { executable: mode & 0o100 != 0 },
    }
}

#[cfg(unix)]
fn is_executable(metadata: &Metadata, _recorded: u32) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_metadata: &Metadata, recorded: u32) -> bool {
    recorded & 0o100 != 0
}

/// A path as a line in the quoted form that `git` reads, whatever bytes it has.
fn quoted_line(path: &[u8]) -> Vec<u8> {
    let mut line = vec![b'"'];
    for byte in path {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => line.push(*byte),
            _ => line.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
        }
    }
    line.extend_from_slice(b"\"\n");
    line
}

fn parse_ids(printed: &[u8]) -> Option<Vec<ObjectId>> {
    let text = std::str::from_utf8(printed).ok()?;
    text.lines().map(parse_id).collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_repository::{TestRepository, path};
    use super::*;

    /// Checks the id of every file of the root against `git hash-object --path`, which knows all conversions.
    #[track_caller]
    fn check_ids(test: &TestRepository) {
        let repository = test.open();
        let tree = repository.working_copy().unwrap();
        for entry in tree.list(&RepoPath::root()).unwrap().unwrap().iter() {
            if matches!(entry.kind, EntryKind::File { .. }) {
                let name = String::from_utf8(entry.name.to_vec()).unwrap();
                let expected = test.line(["hash-object", &format!("--path={name}"), &name]);
                assert_eq!(entry.id.map(|id| id.to_string()), Some(expected), "{name}");
            }
        }
        assert_eq!(tree.notes(), []);
    }

    /// The entries of a folder as text: kind, name, and `ignored` where it is.
    fn listed(tree: &WorkingTree<'_>, folder: &str) -> Option<Vec<String>> {
        let listing = tree.list(&path(folder)).unwrap()?;
        let shown = listing.iter().map(|entry| {
            let kind = match entry.kind {
                EntryKind::File { executable: true } => "program",
                EntryKind::File { executable: false } => "file",
                EntryKind::Symlink => "link",
                EntryKind::Folder => "folder",
                EntryKind::Submodule => "submodule",
            };
            let ignored = if entry.ignored { " ignored" } else { "" };
            format!("{kind} {}{ignored}", String::from_utf8_lossy(&entry.name))
        });
        Some(shown.collect())
    }

    #[test]
    fn the_disk_is_listed_as_a_build_sees_it() {
        let test = TestRepository::new();
        test.write(".gitignore", "*.gen.go\n/out/\n!keep.gen.go\n/mixed/\n");
        test.write("a.go", "1");
        test.write("gone.go", "1");
        test.write("mixed/tracked", "1");
        test.git(["add", "--force", "mixed/tracked"]);
        test.commit("one");
        std::fs::remove_file(test.path(b"gone.go")).unwrap();
        for file in ["b.gen.go", "keep.gen.go", "new.go", "out/deep/file", "mixed/other", "tool"] {
            test.write(file, "1");
        }
        test.make_executable("tool");
        test.link("link", "a.go");
        std::fs::create_dir(test.path(b"empty")).unwrap();
        let status = std::process::Command::new("mkfifo").arg(test.path(b"pipe")).status().unwrap();
        assert!(status.success());
        let _socket = std::os::unix::net::UnixListener::bind(test.path(b"socket")).unwrap();
        let repository = test.open();
        let tree = repository.working_copy().unwrap();
        let expected = [
            "file .gitignore",
            "file a.go",
            "file b.gen.go ignored",
            "folder empty",
            "file keep.gen.go",
            "link link",
            "folder mixed",
            "file new.go",
            "folder out ignored",
            "program tool",
        ];
        assert_eq!(listed(&tree, "").unwrap(), expected);
        assert_eq!(listed(&tree, "out").unwrap(), ["folder deep ignored"]);
        assert_eq!(listed(&tree, "out/deep").unwrap(), ["file file ignored"]);
        assert_eq!(listed(&tree, "mixed").unwrap(), ["file other ignored", "file tracked"]);
        assert_eq!(listed(&tree, "empty").unwrap(), [""; 0]);
        for missing in ["nope", "a.go", "link", "nope/deep", ".git"] {
            assert_eq!(listed(&tree, missing), None, "{missing}");
        }
        assert_eq!(tree.subtree_id(&path("mixed")).unwrap(), None);
    }

    #[test]
    fn files_and_links_are_read_from_the_disk() {
        let test = TestRepository::new();
        test.write("a", "committed");
        test.commit("one");
        test.write("a", "on disk");
        test.link("link", "../outside");
        let repository = test.open();
        let tree = repository.working_copy().unwrap();
        assert_eq!(&tree.read(&path("a")).unwrap()[..], b"on disk");
        assert_eq!(&tree.read(&path("link")).unwrap()[..], b"../outside");
        assert_eq!(tree.entry(&path("link")).unwrap().unwrap().id, repository.ids.blob(b"../outside").ok());
        assert_eq!(tree.read(&path("b")).unwrap_err().to_string(), "cannot read b: no such file");
        std::fs::remove_file(test.path(b"a")).unwrap();
        assert_eq!(tree.read(&path("a")).unwrap_err().to_string(), "cannot read a: it has been deleted meanwhile");
    }

    #[test]
    fn a_linked_folder_is_never_entered() {
        let test = TestRepository::new();
        std::fs::create_dir(test.beside("outside")).unwrap();
        std::fs::write(test.beside("outside").join("secret"), "1").unwrap();
        test.write("lib/file", "1");
        test.commit("one");
        std::fs::remove_dir_all(test.path(b"lib")).unwrap();
        test.link("lib", "../outside");
        let repository = test.open();
        let tree = repository.working_copy().unwrap();
        assert_eq!(listed(&tree, "lib"), None);
        assert!(tree.read(&path("lib/secret")).is_err());
        assert!(tree.read(&path("lib/file")).is_err());
    }

    #[test]
    fn ids_are_those_of_git_for_touched_and_untouched_files() {
        let test = TestRepository::new();
        for name in ["same", "touched", "changed", "same size"] {
            test.write(name, "content");
        }
        test.commit("one");
        test.settle();
        test.write("changed", "other content");
        test.write("same size", "CONTENT");
        test.write("touched", "content");
        test.write("untracked", "new\r\n");
        check_ids(&test);
    }

    #[test]
    fn a_racy_file_is_hashed() {
        let test = TestRepository::new();
        test.write("racy", "content");
        test.commit("one");
        let file = std::fs::File::options().append(true).open(test.path(b"racy")).unwrap();
        test.git(["config", "core.trustctime", "false"]);
        let modified = std::fs::metadata(test.path(b"racy")).unwrap().modified().unwrap();
        test.write("racy", "CONTENT");
        file.set_modified(modified).unwrap();
        std::fs::File::options().append(true).open(test.path(b".git/index")).unwrap().set_modified(modified).unwrap();
        let repository = test.open();
        let entry = repository.working_copy().unwrap().entry(&path("racy")).unwrap().unwrap();
        assert_eq!(entry.id, repository.ids.blob(b"CONTENT").ok());
    }

    #[test]
    fn line_ends_count_as_git_would_store_them() {
        let test = TestRepository::new();
        test.write("old", "a\r\nb\r\n");
        test.commit("one");
        let rules =
            "*.txt text\n*.auto text=auto\n*.bin -text\n*.id ident\n*.u16 text working-tree-encoding=UTF-16LE\n";
        test.write(".gitattributes", rules);
        for name in ["a.txt", "a.auto", "a.bin", "a.id", "plain", "with space.txt", "quo\"te.txt"] {
            test.write(name, "line\r\n$Id: expanded $\r\n");
        }
        test.write("lone.auto", "a\rb\r\n");
        test.write("nul.auto", "a\0b\r\n");
        test.write("b.u16", b"a\0\r\0\n\0");
        check_ids(&test);
        test.commit("two");
        test.settle();
        check_ids(&test);
    }

    #[test]
    fn a_file_with_the_bytes_of_its_blob_has_its_id_whatever_the_rules_say_by_now() {
        let test = TestRepository::new();
        test.write("a.txt", "line\r\n");
        test.commit("one");
        let id = test.line(["rev-parse", "HEAD:a.txt"]);
        test.write(".gitattributes", "*.txt text\n");
        test.write("a.txt", "line\r\n");
        let entry = test.open().working_copy().unwrap().entry(&path("a.txt")).unwrap().unwrap();
        assert_eq!(entry.id.map(|id| id.to_string()), Some(id));
    }

    #[test]
    fn line_ends_follow_the_configuration_without_attributes() {
        for value in ["true", "input"] {
            let test = TestRepository::new();
            test.git(["config", "core.autocrlf", value]);
            test.write("crlf", "a\r\nb\r\n");
            test.write("lf", "a\nb\n");
            test.write("mixed", "a\r\nb\n");
            check_ids(&test);
        }
    }

    #[test]
    fn a_file_under_an_external_filter_counts_as_it_is_with_a_note() {
        let test = TestRepository::new();
        test.write("big.dat", "content");
        test.commit("one");
        test.write(".gitattributes", "*.dat filter=lfs\n");
        test.write("big.dat", "changed");
        test.write("new.dat", "new");
        check_ids(&test);
        test.git(["config", "filter.lfs.clean", "false"]);
        test.git(["config", "filter.lfs.required", "true"]);
        let repository = test.open();
        let tree = repository.working_copy().unwrap();
        assert_eq!(tree.entry(&path("big.dat")).unwrap().unwrap().id, repository.ids.blob(b"changed").ok());
        let notes = tree.notes();
        assert_eq!(notes.iter().map(|(path, _)| path.to_string()).collect::<Vec<_>>(), ["big.dat", "new.dat"]);
        assert!(notes[0].1.starts_with("the filter `lfs` is not run on it"), "{notes:?}");
    }

    #[test]
    fn a_submodule_is_the_commit_that_is_checked_out() {
        let test = TestRepository::new();
        test.write("a", "1");
        test.commit("one");
        let url = test.dir().to_str().unwrap().to_owned();
        test.git(["submodule", "--quiet", "add", &url, "sub"]);
        test.git(["submodule", "--quiet", "add", &url, "empty"]);
        let base = test.commit("two");
        test.git(["submodule", "--quiet", "deinit", "empty"]);
        test.git(["clone", "--quiet", &url, "nested"]);
        let head = test.line(["-C", "sub", "rev-parse", "HEAD"]);
        let repository = test.open();
        let tree = repository.working_copy().unwrap();
        let expected = ["file .gitmodules", "file a", "submodule empty", "submodule nested", "submodule sub"];
        assert_eq!(listed(&tree, "").unwrap(), expected);
        assert_eq!(tree.read(&path("sub")).unwrap()[..], *head.as_bytes());
        assert_eq!(tree.list(&path("sub")).unwrap(), None);
        assert_eq!(tree.notes(), []);
        let changes = repository.changes_to_working_copy(&repository.commit_tree(&base), &tree).unwrap();
        assert_eq!(changes.paths().map(ToString::to_string).collect::<Vec<_>>(), ["nested"]);

        test.git(["-C", "sub", "commit", "--quiet", "--allow-empty", "--message", "moved"]);
        test.write("sub/a", "dirty");
        let tree = repository.working_copy().unwrap();
        assert_ne!(tree.read(&path("sub")).unwrap()[..], *head.as_bytes());
        assert_eq!(tree.notes().len(), 1);
    }

    #[test]
    fn what_a_sparse_checkout_leaves_out_is_there() {
        for sparse_index in [false, true] {
            let test = TestRepository::new();
            for file in ["in/a", "out/b", "out/deep/c", "top"] {
                test.write(file, file);
            }
            let head = test.commit("one");
            let flag = if sparse_index { "--sparse-index" } else { "--no-sparse-index" };
            test.git(["sparse-checkout", "set", "--cone", flag, "in"]);
            assert!(!test.path(b"out").exists());
            let repository = test.open();
            let tree = repository.working_copy().unwrap();
            assert_eq!(listed(&tree, "").unwrap(), ["folder in", "folder out", "file top"]);
            assert_eq!(listed(&tree, "out").unwrap(), ["file b", "folder deep"]);
            assert_eq!(&tree.read(&path("out/deep/c")).unwrap()[..], b"out/deep/c");
            let changes = repository.changes_to_working_copy(&repository.commit_tree(&head), &tree).unwrap();
            assert!(changes.is_empty(), "{changes:?}");
        }
    }

    #[test]
    fn a_conflict_is_listed_by_what_is_on_the_disk() {
        let test = TestRepository::new();
        test.write("a", "1\n");
        test.commit("one");
        test.git(["checkout", "--quiet", "-b", "side"]);
        test.write("a", "2\n");
        test.commit("two");
        test.git(["checkout", "--quiet", "main"]);
        test.write("a", "3\n");
        test.commit("three");
        test.git(["-c", "alias.try=!git merge --quiet side || true", "try"]);
        let content = std::fs::read(test.path(b"a")).unwrap();
        assert!(content.starts_with(b"<<<<"));
        let repository = test.open();
        let tree = repository.working_copy().unwrap();
        assert_eq!(tree.entry(&path("a")).unwrap().unwrap().id, repository.ids.blob(&content).ok());
        assert_eq!(tree.is_dirty(), Ok(true));
    }

    #[test]
    fn modes_and_links_come_from_the_index_where_the_disk_cannot_tell() {
        let test = TestRepository::new();
        test.write("tool", "1");
        test.make_executable("tool");
        test.link("link", "tool");
        let head = test.commit("one");
        test.git(["config", "core.filemode", "false"]);
        test.git(["config", "core.symlinks", "false"]);
        std::fs::remove_file(test.path(b"link")).unwrap();
        std::fs::remove_file(test.path(b"tool")).unwrap();
        test.write("link", "tool");
        test.write("tool", "1");
        let repository = test.open();
        let tree = repository.working_copy().unwrap();
        assert_eq!(listed(&tree, "").unwrap(), ["link link", "program tool"]);
        let changes = repository.changes_to_working_copy(&repository.commit_tree(&head), &tree).unwrap();
        assert!(changes.is_empty(), "{changes:?}");
    }

    #[test]
    fn many_threads_may_list_and_read_at_once() {
        let test = TestRepository::new();
        for number in 0..200 {
            test.write(format!("d{}/e{}/f{number}", number % 7, number % 5), number.to_string());
        }
        let head = test.commit("one");
        let repository = test.open();
        let (tree, commit) = (repository.working_copy().unwrap(), repository.commit_tree(&head));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..200 {
                        let file = path(format!("d{}/e{}/f{number}", number % 7, number % 5));
                        assert_eq!(&tree.read(&file).unwrap()[..], number.to_string().as_bytes());
                        assert_eq!(tree.read(&file).unwrap(), commit.read(&file).unwrap());
                        assert_eq!(tree.entry(&file).unwrap(), commit.entry(&file).unwrap());
                    }
                });
            }
        });
    }
}
