//! A tree made of values: the unit tests' repositories. It is complete (links, modes, submodules) and reads nothing.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::{
    Change, ChangeSet, ChangeStatus, Digest, Entry, EntryKind, Hasher, Listing, ObjectId, RepoPath, Tree, TreeError,
};

/// An in-memory [`Tree`]. Blob ids are blake3 digests of the content, so equal content has equal ids.
#[derive(Clone, Debug, Default)]
pub struct MemoryTree {
    files: BTreeMap<RepoPath, (EntryKind, Arc<[u8]>)>,
}

impl MemoryTree {
    /// A tree without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a whole tree from one text: a line `-- path --` starts a file, `-- link -> target --` is a symlink.
    ///
    /// This is the `txtar` format of Go's own tests; text before the first such line is a comment.
    pub fn from_txtar(text: &str) -> Self {
        let mut tree = Self::new();
        let mut current: Option<(String, String)> = None;
        for line in text.split_inclusive('\n') {
            let header = line.trim_end().strip_prefix("-- ").and_then(|rest| rest.strip_suffix(" --"));
            match (header, &mut current) {
                (Some(header), _) => {
                    tree.insert_section(current.take());
                    current = Some((header.to_owned(), String::new()));
                }
                (None, Some((_, content))) => content.push_str(line),
                (None, None) => {}
            }
        }
        tree.insert_section(current);
        tree
    }

    fn insert_section(&mut self, section: Option<(String, String)>) {
        let Some((header, content)) = section else { return };
        match header.split_once(" -> ") {
            Some((link, target)) => self.insert_link(link, target),
            None => self.insert(&header, content),
        }
    }

    /// Adds or replaces a regular file.
    pub fn insert(&mut self, path: &str, content: impl AsRef<[u8]>) {
        self.insert_entry(path.as_bytes(), EntryKind::File { executable: false }, content.as_ref());
    }

    /// Adds or replaces a symlink.
    pub fn insert_link(&mut self, path: &str, target: &str) {
        self.insert_entry(path.as_bytes(), EntryKind::Symlink, target.as_bytes());
    }

    /// Adds or replaces an entry of any kind but a folder; a submodule's content is its commit id.
    pub fn insert_entry(&mut self, path: &[u8], kind: EntryKind, content: &[u8]) {
        self.files.insert(RepoPath::from_clean(path), (kind, Arc::from(content)));
    }

    /// Removes a file; removing what is not there does nothing.
    pub fn remove(&mut self, path: &str) {
        self.files.remove(path.as_bytes());
    }

    /// The paths of all files, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &RepoPath> {
        self.files.keys()
    }

    /// What changed from `base` to this tree.
    pub fn changes_from(&self, base: &Self) -> ChangeSet {
        let deleted = base.files.keys().filter(|path| !self.files.contains_key(*path));
        let deleted = deleted.map(|path| Change { path: path.clone(), status: ChangeStatus::Deleted });
        let others = self.files.iter().filter_map(|(path, file)| match base.files.get(path) {
            None => Some(Change { path: path.clone(), status: ChangeStatus::Added }),
            Some(old) if old != file => Some(Change { path: path.clone(), status: ChangeStatus::Modified }),
            Some(_) => None,
        });
        deleted.chain(others).collect()
    }
}

impl Tree for MemoryTree {
    fn list(&self, folder: &RepoPath) -> Result<Option<Listing>, TreeError> {
        let mut entries: BTreeMap<&[u8], Entry> = BTreeMap::new();
        // The files below a folder are one run of the sorted map: all names with its path and a slash in front.
        let mut from = folder.as_bytes().to_vec();
        if !from.is_empty() {
            from.push(b'/');
        }
        for (path, (kind, content)) in self.files.range::<[u8], _>((Bound::Included(&from[..]), Bound::Unbounded)) {
            let Some(below) = path.as_bytes().strip_prefix(&from[..]) else { break };
            let (name, kind, id) = match below.iter().position(|byte| *byte == b'/') {
                Some(slash) => (&below[..slash], EntryKind::Folder, None),
                None => (below, *kind, Some(ObjectId::from_bytes(Digest::of("memory blob", content).as_bytes()))),
            };
            entries.entry(name).or_insert_with(|| Entry { name: Arc::from(name), kind, id, ignored: false });
        }
        if entries.is_empty() && !folder.is_root() {
            return Ok(None);
        }
        Ok(Some(entries.into_values().collect()))
    }

    fn read(&self, path: &RepoPath) -> Result<Arc<[u8]>, TreeError> {
        let file = self.files.get(path).ok_or_else(|| TreeError::new(path, "no such file"))?;
        Ok(Arc::clone(&file.1))
    }

    fn subtree_id(&self, folder: &RepoPath) -> Result<Option<ObjectId>, TreeError> {
        let mut hasher = Hasher::new("memory folder");
        let mut is_empty = true;
        for (path, (kind, content)) in self.files.range(folder.clone()..) {
            let Some(below) = path.strip_prefix(folder) else {
                // `dir-x` sorts between `dir` and `dir/x`.
                if path.as_bytes().starts_with(folder.as_bytes()) {
                    continue;
                }
                break;
            };
            is_empty = false;
            hasher.field(below).field(format!("{kind:?}").as_bytes()).field(content);
        }
        Ok((!is_empty).then(|| ObjectId::from_bytes(hasher.finish().as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::read_through_links;

    fn path(text: &str) -> RepoPath {
        RepoPath::from_clean(text.as_bytes())
    }

    #[test]
    fn folders_are_listed_with_files_links_and_subfolders() {
        let tree = MemoryTree::from_txtar("-- a/x --\n1\n-- a.b --\n2\n-- a/c/d --\n3\n-- l -> a --\n");
        let names = |folder: &str| -> Option<Vec<String>> {
            let listing = tree.list(&path(folder)).ok()??;
            Some(listing.iter().map(|entry| String::from_utf8_lossy(&entry.name).into_owned()).collect())
        };
        assert_eq!(names(""), Some(vec!["a".into(), "a.b".into(), "l".into()]));
        assert_eq!(names("a"), Some(vec!["c".into(), "x".into()]));
        assert_eq!(names("missing"), None);
    }

    #[track_caller]
    fn check_link(tree: &str, from: &str, expected: Result<Option<&str>, &str>) {
        let found = read_through_links(&MemoryTree::from_txtar(tree), &path(from)).unwrap();
        let found = found.map(|real| real.map(|(real, _)| real));
        assert_eq!(found, expected.map(|real| real.map(path)).map_err(path));
    }

    #[test]
    fn links_are_followed_inside_the_repository_only() {
        check_link("-- a/f --\n-- l -> a --\n", "l/f", Ok(Some("a/f")));
        check_link("-- a/f --\n-- b/l -> ../a/./f --\n", "b/l", Ok(Some("a/f")));
        check_link("-- b/l -> ../../etc --\n", "b/l", Err("b/l"));
        check_link("-- l -> /etc/passwd --\n", "l", Err("l"));
        check_link("-- l -> l --\n", "l", Err("l"));
        check_link("-- l -> gone --\n", "l", Ok(None));
    }
}
