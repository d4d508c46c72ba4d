//! Turns `git ls-tree` into a table of the files of one commit, and follows symlinks in it. It reads no file.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

/// Every file, symlink and submodule of a commit by path.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    entries: BTreeMap<String, Entry>,
    /// Targets of symlinks by the path of the link.
    links: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Entry {
    mode: String,
    blob: String,
}

/// Where a path leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// The path of the real file; `None` when it is not in the tree.
    pub(crate) path: Option<String>,
    /// The symlinks on the way to it.
    pub(crate) links: BTreeSet<String>,
}

impl Tree {
    /// Parses the output of `git ls-tree -r -z --full-tree COMMIT`; `read` returns the bytes of a blob by id.
    pub(crate) fn parse(listing: &[u8], mut read: impl FnMut(&str) -> Result<Vec<u8>>) -> Result<Self> {
        let mut tree = Self::default();
        for line in listing.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
            let line = String::from_utf8_lossy(line);
            let (head, path) = line.split_once('\t').with_context(|| format!("no tab in {line:?}"))?;
            let mut fields = head.split(' ');
            let (Some(mode), _, Some(blob)) = (fields.next(), fields.next(), fields.next()) else {
                anyhow::bail!("too few fields in {line:?}");
            };
            if mode == "120000" {
                let target = read(blob)?;
                tree.links.insert(path.to_owned(), String::from_utf8_lossy(&target).into_owned());
            }
            tree.entries.insert(path.to_owned(), Entry { mode: mode.to_owned(), blob: blob.to_owned() });
        }
        Ok(tree)
    }

    /// The paths of all entries.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The blob id of a regular file.
    pub(crate) fn blob(&self, path: &str) -> Option<&str> {
        self.entries.get(path).filter(|entry| entry.mode.starts_with("100")).map(|entry| entry.blob.as_str())
    }

    /// The paths of the regular files with one of these blob ids.
    pub(crate) fn paths_of(&self, blobs: &BTreeSet<String>) -> Vec<&str> {
        self.entries.iter().filter(|(_, entry)| blobs.contains(&entry.blob)).map(|(path, _)| path.as_str()).collect()
    }

    /// Everything that decides what `go list` says: the names of all files, and what is in those it reads.
    pub(crate) fn listing_key(&self) -> String {
        let mut key = String::new();
        for (path, entry) in &self.entries {
            key.push_str(path);
            if entry.mode == "120000" || is_read_by_go_list(path) {
                key.push('\t');
                key.push_str(&entry.blob);
            }
            key.push('\n');
        }
        key
    }

    /// Follows the symlinks in `path`, those of its folders too.
    pub(crate) fn resolve(&self, path: &str) -> Resolved {
        let mut resolved = Resolved::default();
        let mut done: Vec<String> = Vec::new();
        let mut rest: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        while let Some(part) = rest.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    if done.pop().is_none() {
                        return resolved;
                    }
                    continue;
                }
                _ => done.push(part),
            }
            let here = done.join("/");
            if let Some(target) = self.links.get(&here) {
                // Git has no chains longer than the kernel follows; a cycle ends here too.
                if target.starts_with('/') || resolved.links.len() > 40 || !resolved.links.insert(here) {
                    return resolved;
                }
                done.pop();
                rest.extend(target.split('/').rev().map(str::to_owned));
            }
        }
        let path = done.join("/");
        if self.blob(&path).is_some() {
            resolved.path = Some(path);
        }
        resolved
    }
}

/// Whether `go list` opens files of this name; of all others only the name counts.
pub(crate) fn is_read_by_go_list(path: &str) -> bool {
    const EXTENSIONS: [&str; 20] = [
        "go", "c", "cc", "cpp", "cxx", "m", "h", "hh", "hpp", "hxx", "f", "F", "for", "f90", "s", "S", "sx", "swig",
        "swigcxx", "syso",
    ];
    let name = path.rsplit('/').next().unwrap_or(path);
    matches!(name, "go.mod" | "go.sum" | "go.work" | "go.work.sum" | "modules.txt" | ".gitattributes")
        || name.rsplit_once('.').is_some_and(|(_, extension)| EXTENSIONS.contains(&extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(entries: &[(&str, &str, &str)]) -> Tree {
        let lines: Vec<String> =
            entries.iter().map(|(mode, blob, path)| format!("{mode} blob {blob}\t{path}\0")).collect();
        let listing = lines.concat();
        Tree::parse(listing.as_bytes(), |blob| Ok(blob.as_bytes().to_vec())).unwrap()
    }

    #[track_caller]
    fn check(path: &str, expected: Option<&str>, links: &[&str]) {
        let tree = tree(&[
            ("100644", "1", "real/a.go"),
            ("120000", "../real/a.go", "dir/a.go"),
            ("120000", "real", "alias"),
            ("120000", "loop", "loop"),
            ("120000", "../../etc/passwd", "dir/out"),
        ]);
        let resolved = tree.resolve(path);
        assert_eq!(resolved.path.as_deref(), expected);
        assert_eq!(resolved.links.iter().map(String::as_str).collect::<Vec<_>>(), links);
    }

    #[test]
    fn symlinks_to_files_and_folders_are_followed() {
        check("real/a.go", Some("real/a.go"), &[]);
        check("dir/a.go", Some("real/a.go"), &["dir/a.go"]);
        check("alias/a.go", Some("real/a.go"), &["alias"]);
    }

    #[test]
    fn cycles_and_links_out_of_the_tree_lead_nowhere() {
        check("loop", None, &["loop"]);
        check("dir/out", None, &["dir/out"]);
        check("missing", None, &[]);
    }

    #[test]
    fn only_the_name_of_other_files_is_in_the_key() {
        let before = tree(&[("100644", "1", "a.go"), ("100644", "2", "a.txt")]).listing_key();
        let text_edited = tree(&[("100644", "1", "a.go"), ("100644", "3", "a.txt")]).listing_key();
        let source_edited = tree(&[("100644", "4", "a.go"), ("100644", "2", "a.txt")]).listing_key();
        let renamed = tree(&[("100644", "1", "a.go"), ("100644", "2", "b.txt")]).listing_key();
        assert_eq!(before, text_edited);
        assert_ne!(before, source_edited);
        assert_ne!(before, renamed);
    }
}
