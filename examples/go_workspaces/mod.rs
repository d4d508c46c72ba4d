//! Makes random Go repositories: the same seed gives the same files on every machine, for ever. They need no network.
//!
//! `layout` plans modules, packages and who imports whom, `module` writes go.mod, go.work and modules.txt, `package` and
//! the others write the files of one package. It runs nothing; only [`Workspace::write`] touches the disk.

mod constraint;
mod data;
mod layout;
mod module;
mod native;
mod package;
mod sketch;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use super::random;
use sketch::Sketch;

/// The build tags that constraints speak of and that are nobody else's: compare with and without them.
pub(crate) const TAGS: [&str; 3] = ["alpha", "beta", "integration"];

/// How odd a repository may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// Every program builds for linux/amd64, with and without cgo, with and without [`TAGS`].
    Sound,
    /// A share of the repositories has something that Go refuses.
    Odd,
}

/// The files of a repository, and the programs in it.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    /// What lies where; paths are relative and have slashes.
    pub(crate) files: BTreeMap<String, Content>,
    /// The programs.
    pub(crate) mains: Vec<Main>,
    /// Whether there is a go.work, at the root.
    pub(crate) has_go_work: bool,
    /// What it is an example of.
    pub(crate) features: BTreeSet<&'static str>,
}

/// What lies at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    File(Vec<u8>),
    /// A link with this text.
    Symlink(String),
}

/// A package `main`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Main {
    /// Its folder; empty for the root.
    pub(crate) dir: String,
    /// The folder of its go.mod; empty for the root.
    pub(crate) module: String,
    /// Whether its module is in the go.work.
    pub(crate) is_used: bool,
    /// Whether Go lists it without a go.work as well: all that it imports is in its go.mod.
    pub(crate) works_alone: bool,
}

impl Workspace {
    /// The repository of a seed.
    pub(crate) fn random(seed: u64, flavour: Flavour) -> Self {
        let mut sketch = Sketch::new(seed, flavour);
        let layout = layout::Layout::random(&mut sketch);
        module::write(&mut sketch, &layout);
        for package in &layout.packages {
            package::write(&mut sketch, &layout, package);
        }
        let mains = layout.mains();
        Self { mains, has_go_work: layout.has_go_work(), files: sketch.files, features: sketch.features }
    }

    /// Writes all files below a folder.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        for (path, content) in &self.files {
            let path = folder.join(path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            match content {
                Content::File(bytes) => std::fs::write(&path, bytes)?,
                Content::Symlink(target) => std::os::unix::fs::symlink(target, &path)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_files_and_another_one_others() {
        for flavour in [Flavour::Sound, Flavour::Odd] {
            let files = |seed| Workspace::random(seed, flavour).files;
            assert_eq!(files(5), files(5));
            assert_ne!(files(5), files(6));
        }
    }

    #[test]
    fn every_repository_has_a_program_in_a_module_and_no_file_in_place_of_a_folder() {
        for seed in 0..200 {
            let workspace = Workspace::random(seed, Flavour::Odd);
            assert!(!workspace.mains.is_empty(), "{seed}");
            for main in &workspace.mains {
                assert!(workspace.files.contains_key(&sketch::join(&main.module, "go.mod")), "{seed} {main:?}");
            }
            for path in workspace.files.keys() {
                let mut above = path.as_str();
                while let Some((folder, _)) = above.rsplit_once('/') {
                    assert!(!workspace.files.contains_key(folder), "{seed}: {folder} of {path}");
                    above = folder;
                }
            }
        }
    }

    #[test]
    fn a_hundred_repositories_show_every_feature() {
        let features =
            |flavour| -> BTreeSet<_> { (0..100).flat_map(|seed| Workspace::random(seed, flavour).features).collect() };
        let odd = features(Flavour::Odd);
        assert!(odd.is_superset(&features(Flavour::Sound)));
        let missing: Vec<_> = FEATURES.iter().filter(|feature| !odd.contains(*feature)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    /// What the issue asks for.
    const FEATURES: [&str; 25] = [
        "one module",
        "go.work",
        "modules without go.work",
        "nested module",
        "folder replace",
        "replace in go.work",
        "vendor folder",
        "workspace vendor folder",
        "vendored copies of replaced modules",
        "dotless module path",
        "go:build",
        "+build",
        "name constraint",
        "package under a constraint",
        "embed",
        "cgo",
        "include",
        "assembly",
        "syso",
        "test file",
        "imported odd folder",
        "linked file",
        "linked folder",
        "package documentation",
        "broken",
    ];
}
