//! Turns globs of the configuration into the files that they match.
//!
//! A walk starts at the deepest folder that the glob names outright. Folders that Git ignores are not walked, unless
//! the glob names them: a clean checkout would not have them.

use std::collections::BTreeMap;

use crate::config::Glob;
use crate::repo::{EntryKind, Identity, RepoPath, Tree, TreeError};

/// The files that any of the globs matches, sorted by path.
pub(super) fn matching_files(tree: &dyn Tree, globs: &[Glob]) -> Result<BTreeMap<RepoPath, Identity>, TreeError> {
    let mut found = BTreeMap::new();
    for glob in globs {
        match glob.literal_path() {
            Some(path) => found.extend(files_below(tree, path)?),
            None => walk(tree, &glob.literal_prefix(), &|path| glob.matches(path), &mut found)?,
        }
    }
    Ok(found)
}

/// All files below a folder, or the file itself.
pub(super) fn files_below(tree: &dyn Tree, path: &RepoPath) -> Result<BTreeMap<RepoPath, Identity>, TreeError> {
    let mut found = BTreeMap::new();
    match Identity::of(tree, path)? {
        Some(identity) => drop(found.insert(path.clone(), identity)),
        None => walk(tree, path, &|_| true, &mut found)?,
    }
    Ok(found)
}

fn walk(
    tree: &dyn Tree,
    start: &RepoPath,
    wanted: &dyn Fn(&RepoPath) -> bool,
    found: &mut BTreeMap<RepoPath, Identity>,
) -> Result<(), TreeError> {
    let mut pending = vec![start.clone()];
    while let Some(dir) = pending.pop() {
        for entry in tree.list(&dir)?.iter().flat_map(|listing| listing.iter()) {
            let path = dir.child(&entry.name);
            if entry.kind == EntryKind::Folder {
                if !entry.ignored {
                    pending.push(path);
                }
            } else if wanted(&path)
                && let Some(identity) = Identity::of(tree, &path)?
            {
                found.insert(path, identity);
            }
        }
    }
    Ok(())
}
