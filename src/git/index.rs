//! Turns Git's index into a sorted table: which paths are tracked, with which blob, and how their files looked on the
//! disk when that was last known. It never looks at the files themselves.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

use super::ids::{IdKind, parse_id};
use super::process::Program;
use super::{GitError, index_file};
use crate::repo::ObjectId;

/// The index of a work tree.
pub(super) struct Index {
    paths: Vec<u8>,
    entries: Vec<IndexEntry>,
    written: Option<Moment>,
    ids: IdKind,
    tree_ids: OnceLock<HashMap<Vec<u8>, ObjectId>>,
}

/// One tracked path.
pub(super) struct IndexEntry {
    /// Where its path is among the paths of the index.
    pub(super) path: Range<usize>,
    /// The file type and the executable bit, as in a tree object.
    pub(super) mode: u32,
    /// What `id` says is the content, and not a conflict or a bare intention.
    pub(super) settled: bool,
    /// A sparse checkout leaves it out of the work tree.
    pub(super) skipped: bool,
    /// The blob, or the commit of a submodule.
    pub(super) id: ObjectId,
    /// The stat of its file when that was last known to have this content.
    pub(super) stat: Option<Stat>,
}

/// A time stamp of a file: seconds (as the index keeps them, 32 bits) and nanoseconds.
type Moment = (u32, u32);

/// What tells that a file was not touched since it was last looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) size: u32,
    pub(super) modified: Moment,
    pub(super) changed: Moment,
    pub(super) inode: u32,
}

impl Stat {
    /// The stat of a file; `None` where the system does not tell enough.
    #[cfg(unix)]
    #[expect(clippy::unnecessary_wraps, reason = "other systems tell less")]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the index keeps the low 32 bits of each"
    )]
    pub(super) fn of(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        Some(Self {
            size: metadata.size() as u32,
            modified: (metadata.mtime() as u32, metadata.mtime_nsec() as u32),
            changed: (metadata.ctime() as u32, metadata.ctime_nsec() as u32),
            inode: metadata.ino() as u32,
        })
    }

    /// The stat of a file; `None` where the system does not tell enough.
    #[cfg(not(unix))]
    pub(super) fn of(_metadata: &Metadata) -> Option<Self> {
        None
    }
}

/// How much of a stat counts: `core.trustCtime` and `core.checkStat`.
#[derive(Clone, Copy)]
pub(super) struct Trust {
    pub(super) ctime: bool,
    pub(super) inode: bool,
}

/// A name in a folder of the index.
pub(super) enum Child<'a> {
    Entry(&'a IndexEntry),
    /// A folder: which entries lie below it.
    Folder(Range<usize>),
}

impl Index {
    /// Reads an index file; one that does not exist is empty. One that cannot be read here (sparse, split, or of a
    /// later version) is asked from the `git` program, without stats.
    pub(super) fn load(file: &Path, program: &Program, ids: IdKind) -> Result<Self, GitError> {
        // Before the content: if the file is replaced in between, too many entries are racy and none too few.
        let written = std::fs::metadata(file).ok().and_then(|metadata| Stat::of(&metadata)).map(|stat| stat.modified);
        let parsed = match std::fs::read(file) {
            Ok(bytes) => index_file::parse(&bytes, ids),
            Err(error) if error.kind() == ErrorKind::NotFound => Some((Vec::new(), Vec::new())),
            Err(error) => return Err(GitError::new(format!("cannot read the index: {error}"))),
        };
        let known = parsed.is_some();
        let (paths, entries) = parsed.unwrap_or_default();
        let mut index = Self { paths, entries, written, ids, tree_ids: OnceLock::new() };
        if !known {
            index.push_listed(program)?;
        }
        index.sort();
        Ok(index)
    }

    fn push_listed(&mut self, program: &Program) -> Result<(), GitError> {
        let failed = |why: &str| {
            let error = GitError::new(format!("cannot read the index: {why}"));
            error.with_hint("`git status` should show what is wrong with it")
        };
        let listed = program.run(&["ls-files", "--stage", "-t", "-z"], b"").map_err(|why| failed(&why))?;
        for line in listed.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
            self.push_line(line).ok_or_else(|| failed("git ls-files printed a line of another form"))?;
        }
        Ok(())
    }

    /// Adds a line `TAG MODE ID STAGE<tab>PATH` of `git ls-files --stage -t`.
    fn push_line(&mut self, line: &[u8]) -> Option<()> {
        let tab = line.iter().position(|byte| *byte == b'\t')?;
        let mut fields = std::str::from_utf8(line.get(..tab)?).ok()?.split(' ');
        let skipped = fields.next()? == "S";
        let mode = u32::from_str_radix(fields.next()?, 8).ok()?;
        let id = parse_id(fields.next()?)?;
        let settled = fields.next()? == "0";
        let start = self.paths.len();
        self.paths.extend_from_slice(line.get(tab + 1..)?);
        let path = start..self.paths.len();
        self.entries.push(IndexEntry { path, mode, settled, skipped, id, stat: None });
        Some(())
    }

    /// Brings the entries into the order of their bytes, and the stages of a conflict down to one entry.
    fn sort(&mut self) {
        let paths = std::mem::take(&mut self.paths);
        let path = |entry: &IndexEntry| paths.get(entry.path.clone()).unwrap_or_default();
        if !self.entries.is_sorted_by(|a, b| path(a) < path(b)) {
            self.entries.sort_by(|a, b| path(a).cmp(path(b)));
            self.entries.dedup_by(|a, b| path(a) == path(b));
        }
        self.paths = paths;
    }

    /// The path of an entry.
    pub(super) fn path(&self, entry: &IndexEntry) -> &[u8] {
        self.paths.get(entry.path.clone()).unwrap_or_default()
    }

    /// All tracked paths, sorted by their bytes.
    pub(super) fn entries(&self) -> &[IndexEntry] {
        &self.entries
    }

    /// The entry of a tracked path.
    pub(super) fn find(&self, path: &[u8]) -> Option<&IndexEntry> {
        let at = self.entries.binary_search_by(|entry| self.path(entry).cmp(path)).ok()?;
        self.entries.get(at)
    }

    /// Whether a file with this stat has, without reading it, the content that the entry says.
    ///
    /// Not if the file was written in the same moment as the index or later (it is *racy*: it could have been written
    /// once more without a trace).
    pub(super) fn agrees(&self, entry: &IndexEntry, now: Stat, trust: Trust) -> bool {
        let (Some(then), Some(written)) = (entry.stat, self.written) else { return false };
        entry.settled
            && then.size == now.size
            && then.modified == now.modified
            && (!trust.ctime || then.changed == now.changed)
            && (!trust.inode || then.inode == now.inode)
            && then.modified < written
    }

    /// Which entries lie below a folder.
    pub(super) fn below(&self, folder: &[u8]) -> Range<usize> {
        if folder.is_empty() {
            return 0..self.entries.len();
        }
        let mut prefix = folder.to_vec();
        prefix.push(b'/');
        let start = self.entries.partition_point(|entry| self.path(entry) < &prefix[..]);
        start..self.end_of(start, &prefix)
    }

    /// Where the run of entries ends that starts at `start` and shares a prefix.
    fn end_of(&self, start: usize, prefix: &[u8]) -> usize {
        let rest = self.entries.get(start..).unwrap_or_default();
        // Most folders are small, so a few steps from the start are cheaper than halving the whole index.
        let mut window = 8;
        while rest.get(window).is_some_and(|entry| self.path(entry).starts_with(prefix)) {
            window *= 2;
        }
        let near = rest.get(..window).unwrap_or(rest);
        start + near.partition_point(|entry| self.path(entry).starts_with(prefix))
    }

    /// The entries of a range that [`Index::below`] or a [`Child::Folder`] gave.
    pub(super) fn in_range(&self, range: Range<usize>) -> &[IndexEntry] {
        self.entries.get(range).unwrap_or_default()
    }

    /// The names in a folder, sorted by their bytes.
    pub(super) fn children(&self, folder: &[u8]) -> Vec<(&[u8], Child<'_>)> {
        let range = self.below(folder);
        let skip = if folder.is_empty() { 0 } else { folder.len() + 1 };
        let mut children = Vec::new();
        let mut at = range.start;
        while let Some(entry) = self.entries.get(at).filter(|_| at < range.end) {
            let path = self.path(entry);
            let name = path.get(skip..).unwrap_or_default();
            if let Some(slash) = name.iter().position(|byte| *byte == b'/') {
                let end = self.end_of(at, path.get(..=skip + slash).unwrap_or_default());
                children.push((name.get(..slash).unwrap_or_default(), Child::Folder(at..end)));
                at = end;
            } else {
                children.push((name, Child::Entry(entry)));
                at += 1;
            }
        }
        // The index has `a.b` before `a/c`; among names, `a` is before `a.b`.
        children.sort_unstable_by(|a, b| a.0.cmp(b.0));
        children
    }

    /// The id of the tree object that a commit of this index would have for a folder; `None` if it has none, or
    /// conflicts.
    pub(super) fn tree_id(&self, folder: &[u8]) -> Option<ObjectId> {
        self.tree_ids.get_or_init(|| self.compute_tree_ids()).get(folder).copied()
    }

    fn compute_tree_ids(&self) -> HashMap<Vec<u8>, ObjectId> {
        let mut ids = HashMap::new();
        let mut open = vec![OpenTree { path: Vec::new(), content: Vec::new(), settled: true }];
        for entry in &self.entries {
            let path = self.path(entry);
            let folder_end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
            let folder = path.get(..folder_end).unwrap_or_default();
            close_trees(&mut open, folder, self.ids, &mut ids);
            open_trees(&mut open, folder);
            if let Some(tree) = open.last_mut() {
                tree.settled &= entry.settled;
                let name = if folder.is_empty() { path } else { path.get(folder_end + 1..).unwrap_or_default() };
                tree.push(entry.mode, name, &entry.id);
            }
        }
        while let Some(tree) = open.pop() {
            finish(tree, self.ids, open.last_mut(), &mut ids);
        }
        ids
    }
}

/// A tree object whose entries are still being collected.
struct OpenTree {
    path: Vec<u8>,
    content: Vec<u8>,
    settled: bool,
}

impl OpenTree {
    fn push(&mut self, mode: u32, name: &[u8], id: &ObjectId) {
        self.content.extend_from_slice(format!("{mode:o} ").as_bytes());
        self.content.extend_from_slice(name);
        self.content.push(0);
        self.content.extend_from_slice(id.as_bytes());
    }
}

/// Ends the trees that `folder` does not lie in; the index comes in the order of tree objects, so they are complete.
fn close_trees(open: &mut Vec<OpenTree>, folder: &[u8], kind: IdKind, ids: &mut HashMap<Vec<u8>, ObjectId>) {
    while open.last().is_some_and(|tree| !is_within(folder, &tree.path)) {
        if let Some(tree) = open.pop() {
            finish(tree, kind, open.last_mut(), ids);
        }
    }
}

/// Starts the trees from the innermost open one down to `folder`.
fn open_trees(open: &mut Vec<OpenTree>, folder: &[u8]) {
    let mut at = open.last().map_or(0, |tree| tree.path.len());
    while at < folder.len() {
        let from = if at == 0 { 0 } else { at + 1 };
        let rest = folder.get(from..).unwrap_or_default();
        at = rest.iter().position(|byte| *byte == b'/').map_or(folder.len(), |slash| from + slash);
        let path = folder.get(..at).unwrap_or_default().to_vec();
        open.push(OpenTree { path, content: Vec::new(), settled: true });
    }
}

fn finish(tree: OpenTree, kind: IdKind, parent: Option<&mut OpenTree>, ids: &mut HashMap<Vec<u8>, ObjectId>) {
    let id = kind.tree(&tree.content).filter(|_| tree.settled);
    match (id, parent) {
        (Some(id), Some(parent)) => {
            let start = tree.path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
            parent.push(0o040_000, tree.path.get(start..).unwrap_or_default(), &id);
        }
        (None, Some(parent)) => parent.settled = false,
        (_, None) => {}
    }
    if let Some(id) = id {
        ids.insert(tree.path, id);
    }
}

fn is_within(path: &[u8], folder: &[u8]) -> bool {
    match path.strip_prefix(folder) {
        Some(rest) => folder.is_empty() || rest.is_empty() || rest.first() == Some(&b'/'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_repository::TestRepository;
    use super::*;

    fn load(test: &TestRepository) -> Index {
        Index::load(&test.path(b".git/index"), &Program::new(&test.path(b".git"), Some(test.dir())), IdKind::Sha1)
            .unwrap()
    }

    fn with_files() -> TestRepository {
        let test = TestRepository::new();
        for file in ["a/x", "a/deep/er/y", "a.b", "a0", "b/c/d", "b/c.d", "z"] {
            test.write(file, file);
        }
        test.make_executable("z");
        test.link("link", "z");
        test.git(["update-index", "--add", "--cacheinfo", &format!("160000,{},sub", "1".repeat(40))]);
        test.git(["add", "a", "a.b", "a0", "b", "z", "link"]);
        test
    }

    #[test]
    fn folders_have_the_tree_ids_that_a_commit_would_have() {
        let test = with_files();
        let index = load(&test);
        let root = test.line(["write-tree"]);
        assert_eq!(index.tree_id(b"").map(|id| id.to_string()).as_ref(), Some(&root));
        for folder in ["a", "a/deep", "a/deep/er", "b", "b/c"] {
            let id = test.line(["rev-parse", &format!("{root}:{folder}")]);
            assert_eq!(index.tree_id(folder.as_bytes()).map(|id| id.to_string()), Some(id), "{folder}");
        }
        assert_eq!(index.tree_id(b"a.b"), None);
    }

    #[test]
    fn a_folder_with_unsettled_entries_has_no_tree_id_nor_have_those_above() {
        let test = with_files();
        test.write("a/deep/new", "1");
        test.git(["add", "--intent-to-add", "a/deep/new"]);
        let index = load(&test);
        for (folder, has_id) in [("", false), ("a", false), ("a/deep", false), ("a/deep/er", true), ("b", true)] {
            assert_eq!(index.tree_id(folder.as_bytes()).is_some(), has_id, "{folder}");
        }
    }

    #[test]
    fn children_are_sorted_by_plain_names() {
        let test = with_files();
        let index = load(&test);
        let names = |folder: &[u8]| -> Vec<String> {
            let children = index.children(folder).into_iter().map(|(name, child)| match child {
                Child::Entry(_) => String::from_utf8_lossy(name).into_owned(),
                Child::Folder(range) => format!("{}/ {}", String::from_utf8_lossy(name), range.len()),
            });
            children.collect()
        };
        assert_eq!(names(b""), ["a/ 2", "a.b", "a0", "b/ 2", "link", "sub", "z"]);
        assert_eq!(names(b"a"), ["deep/ 1", "x"]);
        assert_eq!(names(b"b"), ["c/ 1", "c.d"]);
        assert_eq!(names(b"a.b"), [""; 0]);
        assert_eq!(names(b"nope"), [""; 0]);
    }

    #[test]
    fn a_split_index_is_asked_from_the_program() {
        let test = with_files();
        let (id, before) = (load(&test).tree_id(b""), load(&test));
        test.git(["update-index", "--split-index"]);
        assert!(index_file::parse(&std::fs::read(test.path(b".git/index")).unwrap(), IdKind::Sha1).is_none());
        let index = load(&test);
        assert_eq!(index.tree_id(b""), id);
        assert_eq!(index.entries().len(), before.entries().len());
        assert!(
            index.find(b"a/deep/er/y").is_some_and(|entry| entry.settled && !entry.skipped && entry.stat.is_none())
        );
    }

    #[test]
    fn a_damaged_index_is_an_error_with_a_hint() {
        let test = with_files();
        std::fs::write(test.path(b".git/index"), "DIRC garbage").unwrap();
        let program = Program::new(&test.path(b".git"), Some(test.dir()));
        let error = Index::load(&test.path(b".git/index"), &program, IdKind::Sha1).map(|_| ()).unwrap_err();
        assert!(error.message.starts_with("cannot read the index: "), "{error}");
        assert!(error.hint.unwrap().contains("git status"));
    }
}
