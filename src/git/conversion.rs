//! Turns configuration and attribute files into an answer to "can the bytes on the disk differ from the blob?". It
//! never converts anything itself.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use memchr::{memchr, memmem};

use super::index::Index;
use super::{Repository, names};
use crate::repo::RepoPath;

/// The name of Git's attribute files.
pub(super) const ATTRIBUTES: &[u8] = b".gitattributes";

/// Which conversions Git may apply between blob and disk in this checkout.
pub(super) struct Conversions {
    /// Line ends, `$Id$` or encodings: some rule mentions them.
    content: AtomicBool,
    /// External filters or encodings: some rule mentions them, so no byte can be trusted without asking.
    rewriting: AtomicBool,
}

/// What turns the bytes of one file on the disk into its blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Conversion {
    /// Nothing.
    None,
    /// Git's own conversions.
    BuiltIn,
    /// A program that the user has set up, such as LFS.
    Filter(String),
}

impl Conversions {
    /// Looks at the configuration, and at the attribute files of the index and of the user.
    pub(super) fn load(repository: &Repository, work_dir: &Path, index: &Index) -> Self {
        let known = Self { content: AtomicBool::new(false), rewriting: AtomicBool::new(false) };
        let line_ends = repository.config_text("core.autocrlf");
        let off = line_ends.is_none_or(|value| matches!(&*value.to_lowercase(), "false" | "no" | "off" | "0" | ""));
        known.content.store(!off, Ordering::Relaxed);
        for file in user_files(repository) {
            known.learn(&std::fs::read(file).unwrap_or_default());
        }
        let is_attributes = |path: &[u8]| path.rsplit(|byte| *byte == b'/').next() == Some(ATTRIBUTES);
        for entry in index.entries().iter().filter(|entry| is_attributes(index.path(entry))) {
            // A blob that cannot be had may say anything.
            match repository.stored(&entry.id) {
                Ok(Some(blob)) => known.learn(&blob.bytes),
                _ => known.learn(b"text filter"),
            }
            known.learn_file(&names::on_disk(work_dir, index.path(entry)));
        }
        known
    }

    /// Takes note of an attribute file on the disk.
    pub(super) fn learn_file(&self, file: &Path) {
        if std::fs::symlink_metadata(file).is_ok_and(|metadata| metadata.is_file()) {
            self.learn(&std::fs::read(file).unwrap_or_default());
        }
    }

    fn learn(&self, rules: &[u8]) {
        let mentions = |words: &[&str]| words.iter().any(|word| memmem::find(rules, word.as_bytes()).is_some());
        if mentions(&["text", "eol", "crlf", "ident", "working-tree-encoding"]) {
            self.content.store(true, Ordering::Relaxed);
        }
        if mentions(&["filter", "working-tree-encoding"]) {
            self.rewriting.store(true, Ordering::Relaxed);
        }
    }

    /// Whether these bytes of an untouched file are those of its blob: then nothing that Git's checkout adds (a
    /// carriage return, an expanded `$Id$`) is in them, and no rule can have rewritten them.
    pub(super) fn is_verbatim(&self, repository: &Repository, path: &RepoPath, bytes: &[u8]) -> bool {
        is_plain(bytes) && self.rewriting(repository, path) == Rewriting::No
    }

    /// How the bytes of a file become its blob. `plain` says whether [`is_plain`] holds for them.
    pub(super) fn of(&self, repository: &Repository, path: &RepoPath, plain: bool) -> Conversion {
        match self.rewriting(repository, path) {
            Rewriting::Filter(name) => Conversion::Filter(name),
            Rewriting::Encoding => Conversion::BuiltIn,
            Rewriting::No if !plain && self.content.load(Ordering::Relaxed) => Conversion::BuiltIn,
            Rewriting::No => Conversion::None,
        }
    }

    fn rewriting(&self, repository: &Repository, path: &RepoPath) -> Rewriting {
        if !self.rewriting.load(Ordering::Relaxed) {
            return Rewriting::No;
        }
        match repository.rewriting_attributes(path) {
            Ok([Some(filter), _]) if is_configured(repository, &filter) => Rewriting::Filter(filter),
            Ok([_, Some(_)]) => Rewriting::Encoding,
            Ok([_, None]) => Rewriting::No,
            Err(_) => Rewriting::Filter("unknown".to_owned()),
        }
    }
}

/// Whether bytes hold nothing that Git's own conversions of line ends and `$Id$` look for.
pub(super) fn is_plain(bytes: &[u8]) -> bool {
    memchr(b'\r', bytes).is_none() && memmem::find(bytes, b"$Id").is_none()
}

#[derive(PartialEq, Eq)]
enum Rewriting {
    No,
    Encoding,
    Filter(String),
}

/// A filter without a program is one that Git passes over, as a clone without LFS does.
fn is_configured(repository: &Repository, filter: &str) -> bool {
    ["clean", "process"].iter().any(|key| repository.config_text(&format!("filter.{filter}.{key}")).is_some())
}

/// The attribute files that do not belong to the tree.
fn user_files(repository: &Repository) -> Vec<PathBuf> {
    let mut files = vec![repository.common_dir().join("info/attributes"), PathBuf::from("/etc/gitattributes")];
    match repository.config_path("core.attributesfile") {
        Some(file) => files.push(file),
        None => files.extend(default_attributes_file()),
    }
    files
}

/// Where Git looks when `core.attributesFile` is not set.
fn default_attributes_file() -> Option<PathBuf> {
    let folder = match std::env::var_os("XDG_CONFIG_HOME").filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(std::env::var_os("HOME")?).join(".config"),
    };
    Some(folder.join("git/attributes"))
}
