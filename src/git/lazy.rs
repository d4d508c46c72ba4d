//! Completes a partial clone: fetches the objects that it has left out, all that are known to be needed at once. It
//! fetches nothing else, and nothing at all into a clone that is not partial.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use super::ids::parse_id;
use super::objects::Object;
use super::queries::oid;
use super::{CommitTree, Repository};
use crate::repo::{EntryKind, ObjectId, RepoPath, Tree, TreeError, find_entry};

/// How the names of files end that are read, and not only known by their ids. It only saves round trips: what is not
/// named here and read all the same is fetched when it is.
const READ: [&str; 21] = [
    ".go",
    ".mod",
    ".work",
    ".sum",
    ".lock",
    ".toml",
    ".c",
    ".cc",
    ".cpp",
    ".cxx",
    ".m",
    ".f",
    ".F",
    ".for",
    ".f90",
    ".h",
    ".hh",
    ".hpp",
    ".s",
    ".S",
    "modules.txt",
];

/// The same for what their names start with.
const READ_FROM: [&str; 4] = ["Dockerfile", "Containerfile", ".dockerignore", ".gitattributes"];

impl Repository {
    /// What is stored under an id. What a partial clone has left out is fetched.
    ///
    /// # Errors
    /// Says what is missing, and what mends it.
    pub(super) fn object(&self, id: &ObjectId) -> Result<Object, String> {
        let stored = || self.stored(id).map_err(|why| format!("object {id}: {why}"));
        if let Some(object) = stored()? {
            return Ok(object);
        }
        if !self.is_partial() {
            return Err(format!("object {id} is missing; `git fsck` tells what else is, `git fetch` may mend it"));
        }
        let _one_at_a_time = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have fetched it meanwhile.
        if let Some(object) = stored()? {
            return Ok(object);
        }
        let mend = "see that `git fetch` reaches the remote here, or make the clone without `--filter`";
        let failed = |why: &str| format!("this partial clone lacks object {id}, and {why}; {mend}");
        self.fetch_objects(&[*id]).map_err(|why| failed(&why))?;
        stored()?.ok_or_else(|| failed("the remote does not have it either"))
    }

    /// Whether objects may have been left out on purpose, to be fetched when they are needed.
    pub(super) fn is_partial(&self) -> bool {
        !self.promisors().is_empty()
    }

    /// Fetches, in one go, what will be read of a commit and is not here; with `known`, only where the two differ.
    /// Does nothing in a clone that is not partial.
    ///
    /// Returns how many objects were asked for.
    pub fn prefetch(&self, tree: &CommitTree<'_>, known: Option<&CommitTree<'_>>) -> Result<usize, TreeError> {
        if !self.is_partial() {
            return Ok(0);
        }
        let mut ids = files_to_read(tree, known)?;
        ids.sort_unstable();
        ids.dedup();
        let missing = self.missing(&ids);
        if !missing.is_empty() {
            let _one_at_a_time = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
            // Offline, it may still turn out that none of them is read.
            let _ = self.fetch_objects(&missing);
        }
        Ok(missing.len())
    }

    /// Those of some objects that are not here.
    fn missing(&self, ids: &[ObjectId]) -> Vec<ObjectId> {
        if self.has_library() {
            let found = self.with_handle(|handle| {
                let objects = handle.odb()?;
                // Looking again for new packs at every object would take longer than to fetch them.
                objects.refresh()?;
                let is_here =
                    |id: &ObjectId| oid(id).is_ok_and(|id| objects.exists_ext(id, git2::OdbLookupFlags::NO_REFRESH));
                Ok(ids.iter().filter(|id| !is_here(id)).copied().collect())
            });
            return found.unwrap_or_default();
        }
        // The program can be asked for one object without fetching it only since Git 2.45, but always for what is here.
        let arguments = ["cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname)"];
        let Ok(listed) = self.program.run(&arguments, b"") else { return Vec::new() };
        let here: BTreeSet<ObjectId> = String::from_utf8_lossy(&listed).lines().filter_map(parse_id).collect();
        ids.iter().filter(|id| !here.contains(id)).copied().collect()
    }

    /// Fetches objects by their ids from the remotes that have promised them, without history, tags or references.
    fn fetch_objects(&self, ids: &[ObjectId]) -> Result<(), String> {
        let input: String = ids.iter().flat_map(|id| [id.to_string(), "\n".to_owned()]).collect();
        let mut why = "no remote has promised it".to_owned();
        for remote in self.promisors() {
            // The same that the program does for the commands of a person.
            let arguments = [
                "-c",
                "fetch.negotiationAlgorithm=noop",
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--recurse-submodules=no",
                "--filter=blob:none",
                "--stdin",
                &remote,
            ];
            match self.program.run_remote(&arguments, input.as_bytes()) {
                Ok(_) => return Ok(()),
                Err(error) => why = error,
            }
        }
        Err(why)
    }
}

/// The files of a commit whose content is likely to be read; with `known`, those that differ.
fn files_to_read(tree: &CommitTree<'_>, known: Option<&CommitTree<'_>>) -> Result<Vec<ObjectId>, TreeError> {
    let mut ids = Vec::new();
    let mut open = vec![RepoPath::root()];
    while let Some(folder) = open.pop() {
        let Some(listing) = tree.list(&folder)? else { continue };
        let other = match known {
            Some(known) => known.list(&folder)?,
            None => None,
        };
        for entry in listing.iter() {
            let same = other.as_deref().and_then(|other| find_entry(other, &entry.name));
            if same.is_some_and(|same| same.id == entry.id) {
                continue;
            }
            match (entry.kind, entry.id) {
                (EntryKind::Folder, _) => open.push(folder.child(&entry.name)),
                (EntryKind::Symlink, Some(id)) => ids.push(id),
                (EntryKind::File { .. }, Some(id)) if is_read(&entry.name) => ids.push(id),
                _ => {}
            }
        }
    }
    Ok(ids)
}

fn is_read(name: &[u8]) -> bool {
    READ.iter().any(|end| name.ends_with(end.as_bytes()))
        || READ_FROM.iter().any(|start| name.starts_with(start.as_bytes()))
        || name.ends_with(b".Dockerfile")
        || name.ends_with(b".dockerignore")
}
