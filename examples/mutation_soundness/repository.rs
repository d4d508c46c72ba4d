//! Turns trees into commits that have nothing to do with each other, in a repository without a working copy.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use git2::{Index, IndexEntry, IndexTime, Oid, Repository, RepositoryInitOptions, Signature, Time};

use super::files::{Files, Kind, remove_folder};

/// A repository of its own for one workspace.
pub(crate) struct Commits {
    repository: Repository,
    folder: PathBuf,
}

impl Commits {
    /// Makes an empty repository in a folder.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        remove_folder(folder)?;
        let repository = Repository::init_opts(folder, RepositoryInitOptions::new().initial_head("main"))
            .with_context(|| format!("cannot make a repository in {}", folder.display()))?;
        Ok(Self { repository, folder: folder.to_owned() })
    }

    /// Where the repository is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Commits a tree; the same tree is the same commit.
    pub(crate) fn commit(&self, files: &Files) -> Result<String> {
        let mut index = Index::new()?;
        for (path, file) in files.iter() {
            let mode = match file.kind {
                Kind::Regular => 0o100_644,
                Kind::Executable => 0o100_755,
                Kind::Link => 0o120_000,
            };
            index.add(&entry(path, mode, self.repository.blob(&file.bytes)?))?;
        }
        let tree = self.repository.find_tree(index.write_tree_to(&self.repository)?)?;
        let who = Signature::new("Test", "test@example.com", &Time::new(1_700_000_000, 0))?;
        let commit = self.repository.commit(None, &who, &who, "tree", &tree, &[])?;
        // Something has to be checked out; what it is does not matter.
        self.repository.reference("refs/heads/main", commit, true, "")?;
        Ok(commit.to_string())
    }
}

fn entry(path: &str, mode: u32, id: Oid) -> IndexEntry {
    let never = IndexTime::new(0, 0);
    IndexEntry {
        ctime: never,
        mtime: never,
        dev: 0,
        ino: 0,
        mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}
