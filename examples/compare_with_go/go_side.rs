//! Runs the Go toolchain on a checked-out commit: finds the modules, lists them in parallel, remembers the results.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use anyhow::{Context, Result, anyhow};
use rayon::prelude::*;
use serde::Deserialize;

use crate::checkout::Checkout;
use crate::go_oracle::closure::FIELDS;
use crate::go_oracle::listing::{Listing, Module};
use crate::go_oracle::process;
use crate::go_oracle::target::Target;
use crate::go_oracle::toolchain::{Go, module_path};
use crate::go_oracle::tree::{Tree, is_read_by_go_list};

/// Asks Go about commits, each only once.
#[derive(Debug)]
pub(crate) struct GoSide<'a> {
    checkout: &'a Checkout,
    go_version: String,
    store: Option<PathBuf>,
    known: RefCell<BTreeMap<String, Rc<Listing>>>,
}

impl<'a> GoSide<'a> {
    /// Results are kept in `work_dir` when there is one.
    pub(crate) fn new(checkout: &'a Checkout, work_dir: Option<&Path>) -> Result<Self> {
        let store = work_dir.map(|folder| folder.join("go-lists"));
        if let Some(store) = &store {
            std::fs::create_dir_all(store).with_context(|| format!("cannot create {}", store.display()))?;
        }
        let go_version = process::text(Command::new("go").args(["env", "GOVERSION"]).env("GOTOOLCHAIN", "local"))
            .context("the comparison needs a Go toolchain")?;
        Ok(Self { checkout, go_version, store, known: RefCell::default() })
    }

    /// What Go says of `commit`, whose files are `tree`. Checks the commit out if it has to look.
    pub(crate) fn listing(&self, commit: &str, tree: &Tree, target: &Target, workspace: bool) -> Result<Rc<Listing>> {
        let workspace = workspace && tree.blob("go.work").is_some();
        let key = self.key(tree, target, workspace);
        if let Some(listing) = self.known.borrow().get(&key) {
            return Ok(Rc::clone(listing));
        }
        let listing = Rc::new(match self.load(&key) {
            Some(listing) => listing,
            None => self.ask(commit, tree, target, workspace, &key)?,
        });
        self.known.borrow_mut().insert(key, Rc::clone(&listing));
        Ok(listing)
    }

    fn key(&self, tree: &Tree, target: &Target, workspace: bool) -> String {
        let mut hasher = DefaultHasher::new();
        tree.listing_key().hash(&mut hasher);
        let Target { os, arch, tags, cgo, strict: _ } = target;
        (os, arch, tags, cgo, workspace, &self.go_version, FIELDS).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    fn load(&self, key: &str) -> Option<Listing> {
        let bytes = std::fs::read(self.store.as_ref()?.join(key)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    fn ask(&self, commit: &str, tree: &Tree, target: &Target, workspace: bool, key: &str) -> Result<Listing> {
        let absent = self.checkout.absent(commit, tree)?;
        if let Some(path) = absent.iter().find(|path| is_read_by_go_list(path)) {
            let error = anyhow!("the repository lacks the contents of {path}");
            return Ok(Listing { modules: vec![Module::failed(String::new(), &error)] });
        }
        self.checkout.check_out(commit, &absent)?;
        let stand_ins = StandIns::create(self.checkout.root(), &absent)?;
        let modules = if workspace { used_modules(self.checkout.root()) } else { Ok(modules_in(tree)) };
        let modules = match modules {
            Ok(modules) => modules,
            Err(error) => return Ok(Listing { modules: vec![Module::failed(String::new(), &error)] }),
        };
        let paths: BTreeSet<String> = modules.iter().filter_map(|dir| module_path(self.checkout.root(), dir)).collect();
        let go = Go { root: self.checkout.root(), target, workspace, offline: None };
        let modules = modules.into_par_iter().map(|dir| go.module(dir, &paths)).collect();
        drop(stand_ins);
        self.checkout.restore()?;
        let listing = Listing { modules };
        if let Some(store) = self.store.as_ref().filter(|_| listing.is_complete()) {
            std::fs::write(store.join(key), serde_json::to_vec(&listing)?)?;
        }
        Ok(listing)
    }
}

/// Empty files in place of absent ones while Go looks for their names; removed when dropped.
struct StandIns(Vec<PathBuf>);

impl StandIns {
    fn create(root: &Path, paths: &[&str]) -> Result<Self> {
        let mut stand_ins = Self(Vec::new());
        for path in paths {
            let path = root.join(path);
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(&path, "").with_context(|| format!("cannot write {}", path.display()))?;
            stand_ins.0.push(path);
        }
        Ok(stand_ins)
    }
}

impl Drop for StandIns {
    fn drop(&mut self) {
        for path in &self.0 {
            // What stays behind is noticed by the next checkout.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The folders of all modules that Go would not skip as test data or as copies.
fn modules_in(tree: &Tree) -> Vec<String> {
    let folders = tree.paths().filter_map(|path| match path {
        "go.mod" => Some(""),
        _ => path.strip_suffix("/go.mod"),
    });
    let is_skipped =
        |part: &str| part == "vendor" || part == "testdata" || part.starts_with('_') || part.starts_with('.');
    folders.filter(|folder| !folder.split('/').any(is_skipped)).map(str::to_owned).collect()
}

/// The folders that `go.work` uses, those outside the repository left out.
fn used_modules(root: &Path) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Work {
        #[serde(default)]
        r#use: Option<Vec<Use>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Use {
        disk_path: String,
    }
    let output = process::output(Command::new("go").current_dir(root).args(["work", "edit", "-json", "go.work"]))?;
    let work: Work = serde_json::from_slice(&output)?;
    let below_root = |used: Use| {
        let path = root.join(used.disk_path).canonicalize().ok()?;
        Some(path.strip_prefix(root).ok()?.to_string_lossy().into_owned())
    };
    let folders: BTreeSet<String> = work.r#use.unwrap_or_default().into_iter().filter_map(below_root).collect();
    Ok(folders.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_in_folders_that_go_skips_are_left_out() {
        let paths =
            ["go.mod", "a/go.mod", "a/b.mod", "a/testdata/x/go.mod", "vendor/y/go.mod", "_old/go.mod", ".x/go.mod"];
        let listing = paths.map(|path| format!("100644 blob 1\t{path}\0")).concat();
        let tree = Tree::parse(listing.as_bytes(), |_| Ok(Vec::new())).unwrap();
        assert_eq!(modules_in(&tree), ["a", ""]);
    }
}
