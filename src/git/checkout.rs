//! Turns a path and a blob id into bytes by way of the work tree, where that is certain to give the same bytes:
//! reading a file is five to ten times cheaper than inflating a pack. It never guesses; in doubt it gives nothing.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::conversion::Conversions;
use super::index::{Index, IndexEntry, Stat, Trust};
use super::names;
use super::{GitError, Repository};
use crate::repo::{ObjectId, RepoPath};

/// The index of a work tree with the configuration that says how far it can be trusted.
pub(super) struct Checkout {
    work_dir: PathBuf,
    index_file: PathBuf,
    stamp: Option<Stat>,
    pub(super) index: Index,
    pub(super) conversions: Conversions,
    /// Whether the executable bits on the disk mean something (`core.fileMode`).
    pub(super) has_modes: bool,
    /// Whether symlinks on the disk are symlinks (`core.symlinks`).
    pub(super) has_links: bool,
    trust: Trust,
}

impl Checkout {
    /// Reads the index and the configuration of the repository.
    pub(super) fn load(repository: &Repository, work_dir: &Path) -> Result<Self, GitError> {
        let index_file = repository.git_dir().join("index");
        let stamp = stamp(&index_file);
        let index = Index::load(&index_file, &repository.program, repository.ids)?;
        let flag = |name: &str| repository.config_flag(name).unwrap_or(true);
        let stat = repository.config_text("core.checkstat");
        let full = stat.is_none_or(|value| !value.eq_ignore_ascii_case("minimal"));
        let trust = Trust { ctime: full && flag("core.trustctime"), inode: full };
        let conversions = Conversions::load(repository, work_dir, &index);
        let (has_modes, has_links) = (flag("core.filemode"), flag("core.symlinks"));
        let work_dir = work_dir.to_path_buf();
        Ok(Self { work_dir, index_file, stamp, index, conversions, has_modes, has_links, trust })
    }

    /// Whether the index was not written since it was read.
    pub(super) fn is_current(&self) -> bool {
        stamp(&self.index_file) == self.stamp
    }

    /// Whether a file on the disk is, by its stat, the one that the index knows.
    pub(super) fn is_untouched(&self, entry: &IndexEntry, metadata: &std::fs::Metadata) -> bool {
        let kind = if metadata.is_symlink() { 0o120_000 } else { 0o100_000 };
        let linkless = !self.has_links && entry.mode & 0o170_000 == 0o120_000 && metadata.is_file();
        (entry.mode & 0o170_000 == kind || linkless)
            && Stat::of(metadata).is_some_and(|now| self.index.agrees(entry, now, self.trust))
    }

    /// The bytes of a blob, if a file of the work tree is certain to hold them.
    pub(super) fn read(&self, repository: &Repository, path: &RepoPath, id: &ObjectId) -> Option<Vec<u8>> {
        let entry = self.index.find(path.as_bytes()).filter(|entry| entry.id == *id)?;
        let file = names::on_disk(&self.work_dir, path.as_bytes());
        // Looked at before it is opened: opening a pipe would wait for a writer.
        let metadata = std::fs::symlink_metadata(&file).ok().filter(std::fs::Metadata::is_file)?;
        if !self.is_untouched(entry, &metadata) {
            return None;
        }
        let mut bytes = vec![0; usize::try_from(metadata.len()).ok()?];
        File::open(&file).ok()?.read_exact(&mut bytes).ok()?;
        self.conversions.is_verbatim(repository, path, &bytes).then_some(bytes)
    }
}

fn stamp(file: &Path) -> Option<Stat> {
    std::fs::metadata(file).ok().and_then(|metadata| Stat::of(&metadata))
}

#[cfg(test)]
mod tests {
    use super::super::test_repository::{TestRepository, path};
    use crate::repo::Tree;

    /// What the shortcut gives for `file`, after `change` was made to a clean, settled checkout that has it.
    fn shortcut(content: &str, change: impl FnOnce(&TestRepository)) -> Option<Vec<u8>> {
        let test = TestRepository::new();
        test.write("file", content);
        let head = test.commit("one");
        test.settle();
        change(&test);
        let repository = test.open();
        let id = repository.commit_tree(&head).entry(&path("file")).unwrap().unwrap().id.unwrap();
        let checkout = repository.checkout(test.dir()).unwrap();
        checkout.read(&repository, &path("file"), &id)
    }

    #[test]
    fn an_untouched_file_is_read_from_the_disk() {
        assert_eq!(shortcut("text", |_| {}).as_deref(), Some(&b"text"[..]));
        assert_eq!(shortcut("", |_| {}).as_deref(), Some(&b""[..]));
        // These rules can only add carriage returns or expand `$Id$`, and neither is there.
        let rules = "* text=auto eol=lf ident\n";
        assert_eq!(shortcut("text", |test| test.write(".gitattributes", rules)).as_deref(), Some(&b"text"[..]));
    }

    #[test]
    fn a_file_that_may_differ_from_its_blob_is_not() {
        assert_eq!(shortcut("text", |test| test.write("file", "more")), None);
        assert_eq!(shortcut("text", |test| test.link("file", "elsewhere")), None);
        assert_eq!(shortcut("text", |test| std::fs::remove_file(test.path(b"file")).unwrap()), None);
        assert_eq!(shortcut("line\r\n", |_| {}), None);
        assert_eq!(shortcut("$Id$", |_| {}), None);
        let filter = |test: &TestRepository| {
            test.git(["config", "filter.upper.smudge", "tr a-z A-Z"]);
            test.git(["config", "filter.upper.clean", "tr A-Z a-z"]);
            test.write(".gitattributes", "file filter=upper\n");
            test.git(["add", ".gitattributes"]);
        };
        assert_eq!(shortcut("text", filter), None);
        let encoding =
            |test: &TestRepository| test.write(".git/info/attributes", "file working-tree-encoding=UTF-16\n");
        assert_eq!(shortcut("text", encoding), None);
    }

    #[test]
    fn a_file_as_young_as_the_index_is_racy() {
        let racy = |test: &TestRepository| {
            let modified = std::fs::metadata(test.path(b"file")).unwrap().modified().unwrap();
            std::fs::File::options()
                .append(true)
                .open(test.path(b".git/index"))
                .unwrap()
                .set_modified(modified)
                .unwrap();
        };
        assert_eq!(shortcut("text", racy), None);
    }

    #[test]
    fn a_commit_takes_contents_from_the_disk_once_there_are_many() {
        let test = TestRepository::new();
        test.write("file", "text");
        let head = test.commit("one");
        test.settle();
        let repository = test.open();
        let tree = repository.commit_tree(&head);
        for _ in 0..200 {
            assert_eq!(&tree.read(&path("file")).unwrap()[..], b"text");
        }
        std::fs::remove_dir_all(test.path(b".git/objects")).unwrap();
        assert_eq!(&tree.read(&path("file")).unwrap()[..], b"text");
    }

    #[test]
    fn the_index_is_read_again_once_it_was_written() {
        let test = TestRepository::new();
        test.write("file", "text");
        test.commit("one");
        let repository = test.open();
        assert!(repository.checkout(test.dir()).unwrap().index.find(b"new").is_none());
        test.write("new", "text");
        test.git(["add", "new"]);
        assert!(repository.checkout(test.dir()).unwrap().index.find(b"new").is_some());
    }
}
