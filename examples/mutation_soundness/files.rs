//! The files of a tree as values: read from a text or a folder, changed, and written out. It knows no Go.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) kind: Kind,
    /// The content, or the target of a link.
    pub(crate) bytes: Arc<[u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Regular,
    Executable,
    Link,
}

/// All files of a tree by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Files(BTreeMap<String, File>);

/// What becomes of some files; `None` removes one.
pub(crate) type Edits = Vec<(String, Option<File>)>;

impl File {
    pub(crate) fn regular(bytes: impl AsRef<[u8]>) -> Self {
        Self { kind: Kind::Regular, bytes: bytes.as_ref().into() }
    }

    pub(crate) fn link(target: &str) -> Self {
        Self { kind: Kind::Link, bytes: target.as_bytes().into() }
    }

    /// The text of a file that is no link.
    pub(crate) fn text(&self) -> Option<&str> {
        (self.kind != Kind::Link).then(|| std::str::from_utf8(&self.bytes).ok())?
    }

    /// Where a link leads, as written in it.
    pub(crate) fn target(&self) -> Option<&str> {
        (self.kind == Kind::Link).then(|| std::str::from_utf8(&self.bytes).ok())?
    }

    /// A file of the same kind with another text.
    pub(crate) fn with_text(&self, text: &str) -> Self {
        Self { kind: self.kind, bytes: text.as_bytes().into() }
    }
}

impl Files {
    /// Reads a text in which a line `-- path --` starts a file and `-- link -> target --` is a link. What stands before
    /// the first such line is a remark.
    pub(crate) fn from_txtar(text: &str) -> Self {
        let mut files = Self::default();
        let mut current: Option<(String, String)> = None;
        for line in text.split_inclusive('\n') {
            let header = line.trim_end().strip_prefix("-- ").and_then(|rest| rest.strip_suffix(" --"));
            match (header, &mut current) {
                (Some(header), _) => files.insert_section(current.replace((header.to_owned(), String::new()))),
                (None, Some((_, content))) => content.push_str(line),
                (None, None) => {}
            }
        }
        files.insert_section(current);
        files
    }

    fn insert_section(&mut self, section: Option<(String, String)>) {
        let Some((header, content)) = section else { return };
        match header.split_once(" -> ") {
            Some((link, target)) => self.insert(link, File::link(target)),
            None => self.insert(&header, File::regular(content)),
        }
    }

    /// Reads all files below a folder.
    pub(crate) fn from_folder(folder: &Path) -> Result<Self> {
        let mut files = Self::default();
        let mut pending = vec![(folder.to_owned(), String::new())];
        while let Some((folder, prefix)) = pending.pop() {
            let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name().into_string().ok().context("a name is not UTF-8")?;
                let (kind, path) = (entry.file_type()?, join(&prefix, &name));
                if kind.is_dir() {
                    pending.push((entry.path(), path));
                } else if kind.is_symlink() {
                    let target = fs::read_link(entry.path())?;
                    files.insert(&path, File::link(target.to_str().context("a link is not UTF-8")?));
                } else {
                    files.insert(&path, File::regular(fs::read(entry.path())?));
                }
            }
        }
        Ok(files)
    }

    pub(crate) fn insert(&mut self, path: &str, file: File) {
        self.0.insert(path.to_owned(), file);
    }

    pub(crate) fn get(&self, path: &str) -> Option<&File> {
        self.0.get(path)
    }

    /// The text of a file that is no link.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.get(path)?.text()
    }

    /// All files, sorted by path.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &File)> {
        self.0.iter().map(|(path, file)| (&**path, file))
    }

    /// The files at or below a folder, each with its path relative to it.
    pub(crate) fn below<'f>(&'f self, folder: &'f str) -> impl Iterator<Item = (&'f str, &'f File)> {
        self.iter().filter_map(move |(path, file)| match folder {
            "" => Some((path, file)),
            _ => Some((path.strip_prefix(folder)?.strip_prefix('/')?, file)),
        })
    }

    /// The folders with files in them or below them, the root (an empty path) among them.
    pub(crate) fn folders(&self) -> BTreeSet<&str> {
        let mut folders = BTreeSet::from([""]);
        for mut path in self.0.keys().map(|path| &**path) {
            while let Some((folder, _)) = path.rsplit_once('/') {
                folders.insert(folder);
                path = folder;
            }
        }
        folders
    }

    /// A copy with some edits; `None` if then a file would lie below a file, or nothing would be other than before.
    pub(crate) fn edited(&self, edits: &Edits) -> Option<Self> {
        let mut files = self.clone();
        for (path, file) in edits {
            match file {
                Some(file) => files.insert(path, file.clone()),
                None => drop(files.0.remove(path)),
            }
        }
        let lies_in_file = files.folders().iter().any(|folder| files.0.contains_key(*folder));
        (!lies_in_file && files != *self).then_some(files)
    }

    /// Makes a folder hold these files and nothing else.
    pub(crate) fn write_to(&self, folder: &Path) -> Result<()> {
        remove_folder(folder)?;
        fs::create_dir_all(folder)?;
        for (path, file) in &self.0 {
            let full = folder.join(path);
            if let Some(parent) = full.parent() {
                fs::create_dir_all(parent)?;
            }
            match file.target() {
                Some(target) => symlink(target, &full),
                None => fs::write(&full, &file.bytes),
            }
            .with_context(|| format!("cannot write {}", full.display()))?;
            if file.kind == Kind::Executable {
                fs::set_permissions(&full, fs::Permissions::from_mode(0o755))?;
            }
        }
        Ok(())
    }
}

/// Removes a folder if it is there.
pub(crate) fn remove_folder(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// The path of `name` in a folder; the folder's own path is empty at the root.
pub(crate) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The folder that a path lies in, and its name there.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Whether a path ends in a dot and these letters: to Go, other cases are other extensions.
pub(crate) fn has_extension(path: &str, extension: &str) -> bool {
    split(path).1.rsplit_once('.').is_some_and(|(_, found)| found == extension)
}

/// A link's text that leads from a folder to a path.
pub(crate) fn relative(from: &str, to: &str) -> String {
    let depth = if from.is_empty() { 0 } else { from.split('/').count() };
    format!("{}{to}", "../".repeat(depth))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Files {
        Files::from_txtar("remark\n-- a/b/c.txt --\ntext\n-- l -> a/b --\n-- d --\n")
    }

    #[test]
    fn a_text_becomes_files_and_a_folder_gives_them_back() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("left-over"), "").unwrap();
        files().write_to(folder.path()).unwrap();
        assert_eq!(Files::from_folder(folder.path()).unwrap(), files());
        assert_eq!(fs::read_to_string(folder.path().join("l/c.txt")).unwrap(), "text\n");
        assert_eq!(files().folders(), BTreeSet::from(["", "a", "a/b"]));
        assert_eq!(files().below("a").map(|(path, _)| path).collect::<Vec<_>>(), ["b/c.txt"]);
    }

    #[test]
    fn edits_that_change_nothing_or_nest_files_are_refused() {
        let file = || Some(File::regular("text\n"));
        assert!(files().edited(&vec![("a/b/c.txt".into(), file())]).is_none());
        assert!(files().edited(&vec![("d/e".into(), file())]).is_none());
        assert!(files().edited(&vec![("a".into(), file())]).is_none());
        let moved = files().edited(&vec![("d".into(), None), ("d/e".into(), file())]).unwrap();
        assert_eq!((moved.get("d"), moved.text("d/e")), (None, Some("text\n")));
    }

    #[test]
    fn links_lead_up_to_the_root_first() {
        assert!(has_extension("a.b/c.go", "go") && !has_extension("a.go/c", "go") && !has_extension("c.GO", "go"));
        assert_eq!((relative("", "x/y"), relative("a/b", "x/y")), ("x/y".to_owned(), "../../x/y".to_owned()));
    }
}
