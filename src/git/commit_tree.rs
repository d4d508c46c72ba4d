//! Turns a commit into a [`Tree`]: folders are read when they are asked for, once for all commits that share them.
//! It never takes a name from a tree object that could lead out of the repository.

use std::sync::{Arc, OnceLock};

use super::Repository;
use super::checkout::Checkout;
use super::memo::Folders;
use super::objects::{Kind, parse_tree};
use crate::repo::{Entry, EntryKind, Listing, ObjectId, RepoPath, Tree, TreeError, find_entry};

/// The longest path of a folder that is looked into; no system could check out a longer one.
const MAX_PATH: usize = 8 * 1024;

/// The files of one commit.
pub struct CommitTree<'repo> {
    repository: &'repo Repository,
    root: ObjectId,
    folders: Folders<(ObjectId, Listing)>,
    checkout: OnceLock<Option<Arc<Checkout>>>,
}

impl<'repo> CommitTree<'repo> {
    pub(super) fn new(repository: &'repo Repository, root: ObjectId) -> Self {
        Self { repository, root, folders: Folders::new(), checkout: OnceLock::new() }
    }

    /// The id of the root tree.
    pub fn root_id(&self) -> ObjectId {
        self.root
    }

    /// The checkout to take contents from, once enough of them are asked for to be worth reading the index.
    fn checkout(&self) -> Option<&Checkout> {
        if !self.repository.reads_many_blobs() {
            return None;
        }
        self.checkout.get_or_init(|| self.repository.checkout(self.repository.work_dir()?).ok()).as_deref()
    }

    fn folder(&self, folder: &RepoPath) -> Result<Option<(ObjectId, Listing)>, TreeError> {
        let open = |id, path: &RepoPath| Ok((id, self.repository.tree_listing(id, path)?));
        let root = || open(self.root, &RepoPath::root());
        self.folders.resolve(folder, root, |(_, parent), path| match find_entry(parent, path.name()) {
            Some(Entry { kind: EntryKind::Folder, id: Some(id), .. }) => open(*id, path).map(Some),
            _ => Ok(None),
        })
    }
}

impl Tree for CommitTree<'_> {
    fn list(&self, folder: &RepoPath) -> Result<Option<Listing>, TreeError> {
        Ok(self.folder(folder)?.map(|(_, listing)| listing))
    }

    fn read(&self, path: &RepoPath) -> Result<Arc<[u8]>, TreeError> {
        let entry = self.entry(path)?.ok_or_else(|| TreeError::new(path, "no such file"))?;
        match (entry.kind, entry.id) {
            (EntryKind::Submodule, Some(id)) => Ok(Arc::from(id.to_string().as_bytes())),
            (EntryKind::Symlink, Some(id)) => self.repository.blob(&id, path),
            (EntryKind::File { .. }, Some(id)) => {
                match self.checkout().and_then(|checkout| checkout.read(self.repository, path, &id)) {
                    Some(bytes) => Ok(bytes.into()),
                    None => self.repository.blob(&id, path),
                }
            }
            (EntryKind::Folder, _) | (_, None) => Err(TreeError::new(path, "it is a folder")),
        }
    }

    fn subtree_id(&self, folder: &RepoPath) -> Result<Option<ObjectId>, TreeError> {
        let Some(parent) = folder.parent() else { return Ok(Some(self.root)) };
        let Some((_, listing)) = self.folder(&parent)? else { return Ok(None) };
        let entry = find_entry(&listing, folder.name());
        Ok(entry.filter(|entry| entry.kind == EntryKind::Folder).and_then(|entry| entry.id))
    }
}

impl Repository {
    /// The entries of a tree object that is found at `path`.
    pub(super) fn tree_listing(&self, id: ObjectId, path: &RepoPath) -> Result<Listing, TreeError> {
        if path.as_bytes().len() > MAX_PATH {
            return Err(TreeError::new(path, "its folders are nested too deeply"));
        }
        if let Some(listing) = self.listings.get(&id) {
            return Ok(listing);
        }
        let object = self.object(&id).map_err(|why| TreeError::new(path, why))?;
        let entries = match object.kind {
            Kind::Tree => parse_tree(&object.bytes, self.ids),
            _ => Err("is no tree".to_owned()),
        };
        let listing =
            entries.and_then(sorted).map_err(|why| TreeError::new(path, format!("the tree object {id} {why}")))?;
        self.listings.insert(&id, &listing);
        Ok(listing)
    }

    /// The content of a blob that is found at `path`.
    pub(super) fn blob(&self, id: &ObjectId, path: &RepoPath) -> Result<Arc<[u8]>, TreeError> {
        let object = self.object(id).map_err(|why| TreeError::new(path, why))?;
        match object.kind {
            Kind::Blob => Ok(object.bytes),
            _ => Err(TreeError::new(path, format!("object {id} is not a blob; `git fsck` tells what is wrong"))),
        }
    }
}

/// Git sorts a folder as if its name ended with a slash; listings are sorted by plain names.
fn sorted(mut entries: Vec<Entry>) -> Result<Listing, String> {
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let twice = entries.windows(2).find_map(|pair| match pair {
        [a, b] if a.name == b.name => Some(&a.name),
        _ => None,
    });
    match twice {
        Some(name) => Err(format!("has two entries named `{}`", RepoPath::from_clean(name))),
        None => Ok(entries.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ids::parse_id;
    use super::super::test_repository::{TestRepository, path};
    use super::*;

    #[test]
    fn folders_are_listed_by_plain_names_with_kinds_and_ids() {
        let test = TestRepository::new();
        for file in ["a/x", "a.b", "a0", "run"] {
            test.write(file, file);
        }
        test.make_executable("run");
        test.link("l", "a/x");
        let head = test.commit("one");
        let repository = test.open();
        let tree = repository.commit_tree(&head);
        let listing = tree.list(&RepoPath::root()).unwrap().unwrap();
        let file = |executable| EntryKind::File { executable };
        let kinds: Vec<_> = listing.iter().map(|entry| (&entry.name[..], entry.kind)).collect();
        let expected: [(&[u8], EntryKind); 5] = [
            (b"a", EntryKind::Folder),
            (b"a.b", file(false)),
            (b"a0", file(false)),
            (b"l", EntryKind::Symlink),
            (b"run", file(true)),
        ];
        assert_eq!(kinds, expected);
        for entry in listing.iter() {
            let id = test.line(["rev-parse", &format!("HEAD:{}", String::from_utf8_lossy(&entry.name))]);
            assert_eq!(entry.id.map(|id| id.to_string()), Some(id));
        }
        assert_eq!(tree.subtree_id(&path("a")).unwrap(), listing[0].id);
        assert_eq!(tree.subtree_id(&RepoPath::root()).unwrap(), Some(head.tree));
        for missing in ["nope", "a/x", "a.b/x", "l/x", "a/nope/deep"] {
            assert_eq!(tree.list(&path(missing)).unwrap(), None, "{missing}");
            assert_eq!(tree.subtree_id(&path(missing)).unwrap(), None, "{missing}");
        }
        assert_eq!(&tree.read(&path("l")).unwrap()[..], b"a/x");
        assert_eq!(tree.read(&path("a")).unwrap_err().to_string(), "cannot read a: it is a folder");
        assert_eq!(tree.read(&path("l/x")).unwrap_err().to_string(), "cannot read l/x: no such file");
    }

    #[test]
    fn contents_are_those_of_git_whether_from_packs_or_from_the_disk() {
        let test = TestRepository::new();
        let long = vec![b'x'; 100_000];
        let contents: [&[u8]; 6] = [b"", b"text\n", b"crlf\r\n", b"\0binary\xff", b"$Id$\n", &long];
        for number in 0..300 {
            test.write(format!("f{number}"), [contents[number % 6], number.to_string().as_bytes()].concat());
        }
        let head = test.commit("one");
        test.git(["gc", "--quiet"]);
        test.settle();
        for number in 0..50 {
            test.write(format!("f{number}"), "changed since");
        }
        let repository = test.open();
        let tree = repository.commit_tree(&head);
        for number in 0..300 {
            let name = format!("f{number}");
            assert_eq!(&tree.read(&path(&name)).unwrap()[..], test.git(["cat-file", "blob", &format!("HEAD:{name}")]));
        }
    }

    #[test]
    fn a_missing_object_is_an_error_that_names_it() {
        let test = TestRepository::new();
        test.write("dir/file", "1");
        let head = test.commit("one");
        let id = test.line(["rev-parse", "HEAD:dir/file"]);
        std::fs::remove_file(test.path(format!(".git/objects/{}/{}", &id[..2], &id[2..]).as_bytes())).unwrap();
        let repository = test.open();
        let error = repository.commit_tree(&head).read(&path("dir/file")).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot read dir/file: object {id} is missing; `git fsck`")), "{error}");
    }

    #[test]
    fn what_a_partial_clone_left_out_is_fetched_or_named() {
        let test = TestRepository::new();
        test.write("dir/file", "content");
        test.commit("one");
        test.git(["config", "uploadpack.allowFilter", "true"]);
        test.git(["config", "uploadpack.allowAnySHA1InWant", "true"]);
        let clone = test.clone_with("clone", &["--filter=blob:none", "--no-checkout"]);
        let tree = clone.commit_tree(&clone.head().unwrap());
        assert_eq!(&tree.read(&path("dir/file")).unwrap()[..], b"content");

        let treeless = test.clone_with("treeless", &["--filter=tree:0", "--no-checkout"]);
        let tree = treeless.commit_tree(&treeless.head().unwrap());
        assert_eq!(tree.list(&RepoPath::root()).unwrap().unwrap().len(), 1);

        let offline = test.clone_with("offline", &["--filter=blob:none", "--no-checkout"]);
        std::fs::rename(test.dir(), test.beside("away")).unwrap();
        let error = offline.commit_tree(&offline.head().unwrap()).read(&path("dir/file")).unwrap_err();
        assert!(error.reason.contains("this partial clone lacks object"), "{error}");
        assert!(error.reason.contains("`git fetch"), "{error}");
    }

    #[test]
    fn a_tree_that_is_passed_off_as_a_file_is_refused() {
        let test = TestRepository::new();
        let head = test.commit("empty");
        let repository = test.open();
        let error = repository.blob(&test.commit("again").id, &path("file")).unwrap_err();
        assert!(error.reason.contains("is not a blob"), "{error}");
        assert!(repository.tree_listing(head.id, &path("folder")).is_err());
    }

    /// A tree object with these bytes in place of real entries, as the root of a commit.
    fn hostile(test: &TestRepository, content: &[u8]) -> String {
        test.write("raw", content);
        let options = ["hash-object", "-w", "--literally", "-t", "tree", "raw"];
        let id = parse_id(&test.line(options)).unwrap();
        let repository = test.open();
        CommitTree::new(&repository, id).list(&RepoPath::root()).unwrap_err().reason
    }

    #[test]
    fn hostile_tree_objects_are_refused() {
        let test = TestRepository::new();
        let entry = |mode: &str, name: &str| [format!("{mode} {name}\0").as_bytes(), &[1; 20]].concat();
        for name in [".", "..", "a/b", "../../etc/passwd"] {
            let reason = hostile(&test, &entry("100644", name));
            assert!(reason.ends_with(&format!("has an entry named `{name}`")), "{reason}");
        }
        assert!(hostile(&test, &entry("10644", "a")).ends_with("has an entry of the unknown mode 10644"));
        let twice = [entry("100644", "a"), entry("40000", "a")].concat();
        assert!(hostile(&test, &twice).ends_with("has two entries named `a`"));
        assert!(!hostile(&test, b"100644").is_empty());
        assert!(!hostile(&test, &entry("100644", "")).is_empty());
    }

    #[test]
    fn a_path_that_no_disk_could_hold_is_refused() {
        let test = TestRepository::new();
        let head = test.commit("empty");
        let repository = test.open();
        assert_eq!(repository.commit_tree(&head).list(&path("a/".repeat(10_000))).unwrap(), None);
        assert!(repository.tree_listing(head.tree, &path("a/".repeat(10_000))).is_err());
    }
}
