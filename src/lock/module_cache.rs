//! Turns the folders of a Go module cache into what is known of modules. It never writes there, and never asks a network.
//!
//! The layout is that of <https://go.dev/ref/mod#module-cache>: `cache/download/<path>/@v/<version>.mod` and `.ziphash`,
//! and the files themselves in `<path>@<version>/`, where capital letters are escaped.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::go::external::{ExternalFolder, ExternalImports, ExternalModules};
use crate::go::modfile::{GoMod, ModuleVersion, Strictness};
use crate::go::mvs::ExternalGoMod;

/// A module cache on disk.
pub struct ModuleCache {
    root: PathBuf,
    sums: Mutex<HashMap<ModuleVersion, Option<Arc<str>>>>,
    unreadable: Mutex<BTreeSet<String>>,
}

impl ModuleCache {
    /// The module cache in a folder, which need not exist.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), sums: Mutex::default(), unreadable: Mutex::default() }
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What is there but could not be read so far, each with the reason.
    pub fn unreadable(&self) -> BTreeSet<String> {
        self.unreadable.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A file of the download cache; `None` if it is not there.
    fn download(&self, module: &ModuleVersion, extension: &str) -> Option<Vec<u8>> {
        let (path, version) = (escape(&module.path)?, escape(&module.version)?);
        let file = self.root.join(format!("cache/download/{path}/@v/{version}.{extension}"));
        self.present(&file, fs::read(&file))
    }

    /// The folder of a module's files.
    fn folder(&self, module: &ModuleVersion) -> Option<PathBuf> {
        Some(self.root.join(format!("{}@{}", escape(&module.path)?, escape(&module.version)?)))
    }

    fn present<T>(&self, path: &Path, result: io::Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
            Err(error) => {
                let message = format!("{}: {error}", path.display());
                self.unreadable.lock().unwrap_or_else(PoisonError::into_inner).insert(message);
                None
            }
        }
    }

    fn read_sum(&self, module: &ModuleVersion) -> Option<Arc<str>> {
        let sum = String::from_utf8(self.download(module, "ziphash")?).ok()?;
        // A hash without the files, or with some of them (modfetch `DownloadDir`), would say that nothing is there.
        let is_there = self.folder(module)?.is_dir() && self.download(module, "partial").is_none();
        is_there.then(|| Arc::from(sum.trim())).filter(|sum: &Arc<str>| is_hash(sum))
    }

    /// The Go files in a folder that is there, sorted by name; `None` if they cannot be read.
    fn read_files(&self, folder: &Path) -> Option<Vec<(String, Vec<u8>)>> {
        let entries = self.present(folder, fs::read_dir(folder))?;
        let mut files = Vec::new();
        for entry in entries {
            let path = self.present(folder, entry)?.path();
            let is_go = path.extension().is_some_and(|extension| extension == "go");
            if !is_go || path.is_dir() {
                continue;
            }
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            files.push((name.to_owned(), self.present(&path, fs::read(&path))?));
        }
        files.sort_unstable();
        Some(files)
    }
}

impl ExternalModules for ModuleCache {
    fn go_mod(&self, module: &ModuleVersion) -> Option<(Arc<ExternalGoMod>, Arc<str>)> {
        let text = self.download(module, "mod")?;
        let go_mod = GoMod::parse(&text, Strictness::Dependency);
        let requires = go_mod.requires.into_iter().map(|require| require.module).collect();
        let known = ExternalGoMod { go: go_mod.go, requires };
        Some((Arc::new(known), Arc::from(hash_of_file("go.mod", &text))))
    }

    fn sum(&self, module: &ModuleVersion) -> Option<Arc<str>> {
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = sums.get(module) {
            return known.clone();
        }
        let sum = self.read_sum(module);
        sums.insert(module.clone(), sum.clone());
        sum
    }

    fn package(&self, module: &ModuleVersion, below: &str) -> ExternalFolder {
        let Some(root) = self.sum(module).and_then(|_| self.folder(module)) else { return ExternalFolder::Unknown };
        let ends = below.match_indices('/').map(|(slash, _)| slash).chain([below.len()]);
        if let Some(absent) = ends.map(|end| &below[..end]).find(|above| !root.join(above).is_dir()) {
            return ExternalFolder::Absent(absent.to_owned());
        }
        let Some(files) = self.read_files(&root.join(below)) else { return ExternalFolder::Unknown };
        let files = files.iter().map(|(name, text)| (name.as_bytes(), &text[..]));
        match ExternalImports::of_files(files) {
            Some(imports) => ExternalFolder::Package(Arc::new(imports)),
            None => ExternalFolder::Empty,
        }
    }
}

/// The name of a path or version in the cache (module `EscapePath`): capital letters would collide where names do not
/// differ by case. `None` for what could lead elsewhere.
fn escape(name: &str) -> Option<String> {
    let is_harmless = |character: char| !matches!(character, '\\' | '\0' | ':' | '!');
    let elements = || name.split('/').all(|element| !matches!(element, "" | "." | ".."));
    if !name.chars().all(is_harmless) || !elements() {
        return None;
    }
    let mut escaped = String::with_capacity(name.len());
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            escaped.push('!');
        }
        escaped.push(character.to_ascii_lowercase());
    }
    Some(escaped)
}

/// `h1:` as go.sum has it for one file (`golang.org/x/mod/sumdb/dirhash`, `Hash1`).
fn hash_of_file(name: &str, text: &[u8]) -> String {
    let line = format!("{:x}  {name}\n", Sha256::digest(text));
    format!("h1:{}", STANDARD.encode(Sha256::digest(line)))
}

fn is_hash(sum: &str) -> bool {
    sum.strip_prefix("h1:").is_some_and(|hash| STANDARD.decode(hash).is_ok_and(|bytes| bytes.len() == 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(path: &str, version: &str) -> ModuleVersion {
        ModuleVersion { path: path.to_owned(), version: version.to_owned() }
    }

    #[test]
    fn names_are_escaped_as_the_go_command_does() {
        assert_eq!(escape("github.com/Azure/azure-sdk").as_deref(), Some("github.com/!azure/azure-sdk"));
        assert_eq!(escape("v1.0.0-RC1").as_deref(), Some("v1.0.0-!r!c1"));
        for name in ["", "a/../b", "/a", "a//b", "c:\\x", "!a"] {
            assert_eq!(escape(name), None, "{name}");
        }
    }

    #[test]
    fn the_hash_of_a_go_mod_is_that_of_go_sum() {
        // From a real go.sum: the go.mod of github.com/pkg/errors v0.9.1.
        let expected = "h1:bwawxfHBFNV+L2hUp1rHADufV3IMtnDRdf1r5NINEl0=";
        assert_eq!(hash_of_file("go.mod", b"module github.com/pkg/errors\n"), expected);
    }

    #[test]
    fn only_what_is_there_is_known() {
        let cache = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = cache.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let sum = format!("h1:{}", STANDARD.encode([7; 32]));
        write("cache/download/x.io/!a/@v/v1.0.0.mod", "module x.io/A\ngo 1.21\nrequire x.io/b v1.2.3 // indirect\n");
        write("cache/download/x.io/!a/@v/v1.0.0.ziphash", &sum);
        write("x.io/!a@v1.0.0/p/p.go", "package p\nimport \"x.io/b\"\n");
        write("x.io/!a@v1.0.0/p/README.go/x", "");
        write("cache/download/x.io/b/@v/v1.2.3.ziphash", &sum);
        let cache = ModuleCache::new(cache.path());
        let (a, b) = (module("x.io/A", "v1.0.0"), module("x.io/b", "v1.2.3"));
        let (go_mod, _) = cache.go_mod(&a).unwrap();
        assert_eq!((go_mod.go.as_deref(), &go_mod.requires[..]), (Some("1.21"), &[b.clone()][..]));
        assert_eq!(cache.sum(&a).as_deref(), Some(&sum[..]));
        let ExternalFolder::Package(imports) = cache.package(&a, "p") else { panic!("there is a package") };
        assert_eq!(imports.by_condition[0].paths, [Arc::from("x.io/b")]);
        assert_eq!(cache.package(&a, ""), ExternalFolder::Empty);
        assert_eq!(cache.package(&a, "p/nowhere/at/all"), ExternalFolder::Absent("p/nowhere".to_owned()));
        assert_eq!(cache.package(&a, "nowhere"), ExternalFolder::Absent("nowhere".to_owned()));
        write("cache/download/x.io/c/@v/v1.0.0.ziphash", &sum);
        write("cache/download/x.io/c/@v/v1.0.0.partial", "");
        write("x.io/c@v1.0.0/c.go", "package c\n");
        assert_eq!(cache.package(&module("x.io/c", "v1.0.0"), ""), ExternalFolder::Unknown);
        // Without its files a hash says nothing.
        assert_eq!((cache.go_mod(&b), cache.sum(&b)), (None, None));
        assert_eq!(cache.package(&b, ""), ExternalFolder::Unknown);
        assert!(cache.unreadable().is_empty());
    }
}
