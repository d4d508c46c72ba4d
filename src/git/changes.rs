//! Turns two trees into the paths that differ. It goes down only where folders differ, and it never follows renames.

use std::cmp::Ordering;
use std::sync::Arc;

use rayon::prelude::*;

use super::index::{Child, Index};
use super::working_tree::kind_of_mode;
use super::{CommitTree, Repository, WorkingTree};
use crate::repo::{Change, ChangeSet, ChangeStatus, Entry, EntryKind, Listing, ObjectId, RepoPath, Tree, TreeError};

/// More changes than any repository has files; hostile trees can name one folder a million times.
const MAX_CHANGES: usize = 5_000_000;

/// A folder in which base and head may differ, with its listing's id on each side.
struct Pair {
    path: RepoPath,
    base: Option<ObjectId>,
    head: Option<ObjectId>,
}

impl Repository {
    /// The paths that differ between two commits. A file that becomes a folder is deleted, and what is in the folder
    /// added; a change of the executable bit or of the kind of a file is a modification.
    pub fn changes(&self, base: &CommitTree<'_>, head: &CommitTree<'_>) -> Result<ChangeSet, TreeError> {
        let mut changes = Vec::new();
        let root = RepoPath::root();
        let mut open = vec![Pair { path: root, base: Some(base.root_id()), head: Some(head.root_id()) }];
        let mut visited = 0;
        while let Some(pair) = open.pop() {
            visited += 1;
            if pair.base == pair.head {
                continue;
            }
            let list = |id: Option<ObjectId>| match id {
                Some(id) => self.tree_listing(id, &pair.path),
                None => Ok(Listing::default()),
            };
            for (old, new) in merge(&list(pair.base)?, &list(pair.head)?) {
                let path = pair.path.child(name_of(old, new));
                let (base, head) = (folder_id(old), folder_id(new));
                if base.is_some() || head.is_some() {
                    open.push(Pair { path: path.clone(), base, head });
                }
                changes.extend(status(old, new).map(|status| Change { path, status }));
            }
            check_size(changes.len() + visited, &pair.path)?;
        }
        Ok(changes.into_iter().collect())
    }

    /// The paths that differ between a commit and the files on the disk: tracked files that changed, and untracked
    /// ones that are not ignored.
    pub fn changes_to_working_copy(
        &self,
        base: &CommitTree<'_>,
        head: &WorkingTree<'_>,
    ) -> Result<ChangeSet, TreeError> {
        let mut changes = Vec::new();
        let mut level = vec![DiskPair { path: RepoPath::root(), base: Some(base.root_id()), on_disk: true }];
        // Folder by folder of the same depth, so that the threads share the work and no stack grows.
        let mut visited = 0;
        while !level.is_empty() {
            visited += level.len();
            check_size(changes.len() + visited, &RepoPath::root())?;
            let compared: Result<Vec<_>, _> = level.par_iter().map(|pair| self.compare_with_disk(pair, head)).collect();
            let mut next = Vec::new();
            for (found, below) in compared? {
                changes.extend(found);
                next.extend(below);
            }
            level = next;
        }
        Ok(changes.into_iter().collect())
    }

    fn compare_with_disk(
        &self,
        pair: &DiskPair,
        head: &WorkingTree<'_>,
    ) -> Result<(Vec<Change>, Vec<DiskPair>), TreeError> {
        let (mut changes, mut below) = (Vec::new(), Vec::new());
        let index = &head.checkout().index;
        let is_indexed = pair.base.is_some() && index.tree_id(pair.path.as_bytes()) == pair.base;
        if is_indexed && pair.on_disk && head.is_clean(&pair.path)? {
            return Ok((changes, folders_of_index(index, &pair.path)));
        }
        let old_listing = match pair.base {
            // Where the index has just this tree, its entries need not be read from the object database.
            Some(_) if is_indexed => index_listing(index, &pair.path),
            Some(id) => self.tree_listing(id, &pair.path)?,
            None => Listing::default(),
        };
        let new_listing = if pair.on_disk { head.list(&pair.path)?.unwrap_or_default() } else { Listing::default() };
        for (old, new) in merge(&old_listing, &new_listing) {
            // What Git ignores is no change, unless the base has it: then it is here, and may even be the same.
            let new = new.filter(|new| old.is_some() || !new.ignored);
            let path = pair.path.child(name_of(old, new));
            let on_disk = is_folder(new);
            if old.is_none() && new.is_none() {
                continue;
            }
            if is_folder(old) || on_disk {
                below.push(DiskPair { path: path.clone(), base: folder_id(old), on_disk });
            }
            changes.extend(status(old, new).map(|status| Change { path, status }));
        }
        Ok((changes, below))
    }
}

/// A folder in which base and the disk may differ.
struct DiskPair {
    path: RepoPath,
    base: Option<ObjectId>,
    on_disk: bool,
}

/// The folders in a folder that has the same tree in base and index, and is clean on the disk.
fn folders_of_index(index: &Index, folder: &RepoPath) -> Vec<DiskPair> {
    let children = index.children(folder.as_bytes()).into_iter();
    let folders = children.filter(|(_, child)| matches!(child, Child::Folder(_)));
    let pairs = folders.map(|(name, _)| {
        let path = folder.child(name);
        DiskPair { base: index.tree_id(path.as_bytes()), path, on_disk: true }
    });
    pairs.collect()
}

/// What the base has in a folder of which the index has the same tree.
fn index_listing(index: &Index, folder: &RepoPath) -> Listing {
    let children = index.children(folder.as_bytes());
    let entries = children.into_iter().map(|(name, child)| {
        let (kind, id) = match child {
            Child::Entry(entry) => (kind_of_mode(entry.mode), Some(entry.id)),
            Child::Folder(_) => (EntryKind::Folder, index.tree_id(folder.child(name).as_bytes())),
        };
        Entry { name: Arc::from(name), kind, id, ignored: false }
    });
    entries.collect()
}

/// What happened to the file of a name; `None` if it is the same, or on neither side a file.
fn status(old: Option<&Entry>, new: Option<&Entry>) -> Option<ChangeStatus> {
    let file = |entry: Option<&Entry>| {
        entry.filter(|entry| entry.kind != EntryKind::Folder).map(|entry| (entry.kind, entry.id))
    };
    match (file(old), file(new)) {
        (None, None) => None,
        (None, Some(_)) => Some(ChangeStatus::Added),
        (Some(_), None) => Some(ChangeStatus::Deleted),
        (Some(old), Some(new)) => (old != new).then_some(ChangeStatus::Modified),
    }
}

fn is_folder(entry: Option<&Entry>) -> bool {
    entry.is_some_and(|entry| entry.kind == EntryKind::Folder)
}

fn folder_id(entry: Option<&Entry>) -> Option<ObjectId> {
    entry.filter(|entry| entry.kind == EntryKind::Folder).and_then(|entry| entry.id)
}

fn name_of<'a>(old: Option<&'a Entry>, new: Option<&'a Entry>) -> &'a [u8] {
    old.or(new).map_or(&[], |entry| &entry.name)
}

/// The names of two sorted listings, each once, with what either side has under it.
fn merge<'a>(old: &'a [Entry], new: &'a [Entry]) -> Vec<(Option<&'a Entry>, Option<&'a Entry>)> {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    let mut merged = Vec::new();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return merged,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.name.cmp(&new.name),
        };
        merged.push(match order {
            Ordering::Less => (old.next(), None),
            Ordering::Greater => (None, new.next()),
            Ordering::Equal => (old.next(), new.next()),
        });
    }
}

fn check_size(seen: usize, path: &RepoPath) -> Result<(), TreeError> {
    if seen > MAX_CHANGES {
        return Err(TreeError::new(path, format!("more than {MAX_CHANGES} paths differ between base and head")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::test_repository::{TestRepository, path, shown, shown_raw};
    use super::super::{Commit, GitError};
    use super::*;

    /// What changed between two commits, after checking that `git diff` says the same.
    #[track_caller]
    fn check_commits(test: &TestRepository, base: &Commit, head: &Commit) -> Vec<String> {
        let repository = test.open();
        let changes = repository.changes(&repository.commit_tree(base), &repository.commit_tree(head)).unwrap();
        let (base, head) = (base.id.to_string(), head.id.to_string());
        let raw = test.git(["diff", "--raw", "-z", "--no-renames", "--no-abbrev", &base, &head]);
        assert_eq!(shown(&changes), shown_raw(&raw));
        shown(&changes)
    }

    /// What changed between a commit and the disk, after checking that git says the same once all is added.
    #[track_caller]
    fn check_disk(test: &TestRepository, base: &Commit) -> Vec<String> {
        let repository = test.open();
        let working_copy = repository.working_copy().unwrap();
        let changes = repository.changes_to_working_copy(&repository.commit_tree(base), &working_copy).unwrap();
        let index = std::fs::read(test.path(b".git/index")).unwrap();
        test.git(["add", "--all"]);
        let raw = test.git(["diff", "--cached", "--raw", "-z", "--no-renames", "--no-abbrev", &base.id.to_string()]);
        std::fs::write(test.path(b".git/index"), index).unwrap();
        assert_eq!(shown(&changes), shown_raw(&raw));
        let dirty = !test.git(["status", "--porcelain"]).is_empty();
        assert_eq!(working_copy.is_dirty(), Ok::<bool, GitError>(dirty));
        shown(&changes)
    }

    #[test]
    fn every_kind_of_change_is_seen_between_commits_and_on_the_disk() {
        let test = TestRepository::new();
        for file in ["same", "content", "mode", "becomes-link", "becomes-folder", "folder/a", "folder.b", "old-name"] {
            test.write(file, file);
        }
        test.link("link", "same");
        let base = test.commit("base");
        test.write("content", "other");
        test.make_executable("mode");
        test.link("becomes-link", "same");
        test.link("link", "content");
        std::fs::remove_file(test.path(b"becomes-folder")).unwrap();
        test.write("becomes-folder/deep/file", "new");
        std::fs::remove_dir_all(test.path(b"folder")).unwrap();
        test.write("folder", "now a file");
        std::fs::rename(test.path(b"old-name"), test.path(b"new-name")).unwrap();
        let expected = [
            "deleted becomes-folder",
            "added becomes-folder/deep/file",
            "modified becomes-link",
            "modified content",
            "added folder",
            "deleted folder/a",
            "modified link",
            "modified mode",
            "added new-name",
            "deleted old-name",
        ];
        assert_eq!(check_disk(&test, &base), expected);
        let head = test.commit("head");
        assert_eq!(check_commits(&test, &base, &head), expected);
        assert_eq!(check_disk(&test, &base), expected);
        assert_eq!(check_disk(&test, &head), [""; 0]);
    }

    #[test]
    fn a_change_of_nothing_but_the_mode_is_seen_on_the_disk() {
        let test = TestRepository::new();
        test.write("dir/tool", "1");
        let base = test.commit("base");
        test.settle();
        test.make_executable("dir/tool");
        assert_eq!(check_disk(&test, &base), ["modified dir/tool"]);
    }

    #[test]
    fn names_are_bytes() {
        let test = TestRepository::new();
        let names: [&[u8]; 6] =
            [b"a b", b"new\nline", b"quo\"te", b"tab\t", b"not-utf8-\xff\xfe", "größe/π".as_bytes()];
        let base = test.commit("empty");
        for name in names {
            test.write(name, name);
        }
        let on_disk = check_disk(&test, &base);
        let head = test.commit("names");
        assert_eq!(check_commits(&test, &base, &head), on_disk);
        assert_eq!(on_disk.len(), names.len());
        let repository = test.open();
        let tree = repository.commit_tree(&head);
        for name in names {
            assert_eq!(&tree.read(&path(name)).unwrap()[..], name);
        }
    }

    #[test]
    fn a_moved_submodule_is_a_modification() {
        let test = TestRepository::new();
        let link = |id: char| format!("160000,{},sub/module", String::from(id).repeat(40));
        test.git(["update-index", "--add", "--cacheinfo", &link('1')]);
        let base = test.commit_index("base");
        test.git(["update-index", "--add", "--cacheinfo", &link('2')]);
        let head = test.commit_index("head");
        assert_eq!(check_commits(&test, &base, &head), ["modified sub/module"]);
        let repository = test.open();
        let id = repository.commit_tree(&head).read(&path("sub/module")).unwrap();
        assert_eq!(&id[..], "2".repeat(40).as_bytes());
        // A submodule without its folder is deleted, one with an empty folder only not checked out.
        assert_eq!(check_disk(&test, &head), ["deleted sub/module"]);
        std::fs::create_dir_all(test.path(b"sub/module")).unwrap();
        let changes =
            repository.changes_to_working_copy(&repository.commit_tree(&head), &repository.working_copy().unwrap());
        assert_eq!(shown(&changes.unwrap()), [""; 0]);
    }

    #[test]
    fn ignored_files_are_no_change_but_tracked_ones_in_ignored_folders_are() {
        let test = TestRepository::new();
        test.write(".gitignore", "*.gen.go\n/build/\n/gone/\n");
        test.write("a.go", "1");
        test.write("build/kept", "1");
        test.write("gone/kept", "1");
        test.git(["add", "--force", "build/kept", "gone/kept"]);
        let base = test.commit("base");
        test.write("x.gen.go", "1");
        test.write("build/kept", "2");
        test.write("build/other", "1");
        test.write("lib/new.go", "1");
        assert_eq!(check_disk(&test, &base), ["modified build/kept", "added lib/new.go"]);
        // What the base has and the disk still has is compared, although it is ignored by now.
        test.git(["rm", "-r", "--quiet", "--cached", "gone"]);
        let repository = test.open();
        let changes =
            repository.changes_to_working_copy(&repository.commit_tree(&base), &repository.working_copy().unwrap());
        assert_eq!(shown(&changes.unwrap()), ["modified build/kept", "added lib/new.go"]);
    }

    #[test]
    fn before_the_first_commit_every_file_is_a_change() {
        let test = TestRepository::new();
        assert!(!test.open().working_copy().unwrap().is_dirty().unwrap());
        test.write("a", "1");
        assert!(test.open().working_copy().unwrap().is_dirty().unwrap());
    }

    /// Small numbers that look random, and are the same in every run.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap() % limit
        }
    }

    fn disturb(test: &TestRepository, numbers: &mut Numbers) {
        let names = ["a", "a.b", "a0", "b", "dir", "x y"];
        let mut name = String::from(names[numbers.below(names.len())]);
        for _ in 0..numbers.below(3) {
            name = format!("{name}/{}", names[numbers.below(names.len())]);
        }
        let file = test.path(name.as_bytes());
        let parents_are_folders = file
            .ancestors()
            .skip(1)
            .take_while(|above| *above != test.dir())
            .all(|above| std::fs::symlink_metadata(above).map_or(true, |above| above.is_dir()));
        if !parents_are_folders {
            return;
        }
        if std::fs::symlink_metadata(&file).is_ok_and(|file| file.is_dir()) {
            std::fs::remove_dir_all(&file).unwrap();
        } else {
            let _ = std::fs::remove_file(&file);
        }
        match numbers.below(5) {
            0 => {}
            1 => {
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                test.link(&name, names[numbers.below(names.len())]);
            }
            kind => {
                test.write(&name, numbers.below(4).to_string());
                if kind == 2 {
                    test.make_executable(&name);
                }
            }
        }
    }

    #[test]
    fn a_random_history_has_the_changes_that_git_says() {
        let test = TestRepository::new();
        let mut numbers = Numbers(7);
        let mut commits = vec![test.commit("empty")];
        for round in 0..25 {
            for _ in 0..=numbers.below(8) {
                disturb(&test, &mut numbers);
            }
            if numbers.below(2) == 0 {
                test.settle();
            }
            let base = commits[numbers.below(commits.len())];
            check_disk(&test, &base);
            commits.push(test.commit(&round.to_string()));
            check_commits(&test, &base, &commits[commits.len() - 1]);
            check_commits(&test, &commits[commits.len() - 1], &base);
        }
    }
}
