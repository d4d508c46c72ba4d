//! Turns a build list into the bound on external modules: all that may decide which version of which module is used.
//!
//! Without the modules' own source, or a lock that knows them, nothing smaller is sound. In module mode (go ≥ 1.17) a build uses exactly the
//! listed versions, so the main module's list is the bound; in a workspace a requirement of one module can raise the
//! version of another, so everything that all of them list counts. It never guesses which module a package is from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::fingerprint::item::{Item, Subject, Value};
use crate::go::external::ExternalModule;
use crate::go::mode::{BuildList, has_pruned_graph};
use crate::go::modfile::{GoSum, ReplaceTarget};
use crate::graph::{PackageGraph, Reach};
use crate::repo::Hasher;

/// The external modules of which a package is reached: they are known exactly, each with its version. Sorted.
pub fn reached_modules(graph: &PackageGraph, reach: &Reach) -> Vec<Item> {
    let modules = reach.nodes().iter().filter_map(|id| graph.node(*id).external());
    modules.collect::<BTreeSet<_>>().into_iter().map(|module| module_item(module)).collect()
}

/// What is known of an external module that is in use.
pub(super) fn module_item(module: &ExternalModule) -> Item {
    let ExternalModule { module, replacement, sum, is_summed } = module;
    let version = match replacement {
        None => module.version.clone(),
        Some(other) => format!("{} => {} {}", module.version, other.path, other.version),
    };
    let mut rest = Hasher::new("used module");
    rest.count(usize::from(*is_summed));
    let value = Value::Version { version, h1: Some(sum.to_string()), rest: rest.finish() };
    Item { subject: Subject::External(Arc::from(&*module.path)), value }
}

/// What is known of one external module.
#[derive(Default)]
struct Known {
    versions: BTreeSet<String>,
    /// Replacements, exclusions and sums, each as one line.
    rest: BTreeSet<String>,
}

/// The items of all external modules that a build with this list may use, sorted.
pub(super) fn external_items(list: &BuildList<'_>) -> Vec<Item> {
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    for module in list.requiring_modules() {
        for require in &module.go_mod.requires {
            let known = known.entry(require.module.path.clone()).or_default();
            known.versions.insert(require.module.version.clone());
            if !list.is_listed_only() && !has_pruned_graph(module) {
                known.rest.insert(format!("required with all that it requires by {}", module.path()));
            }
        }
    }
    for main in &list.mains {
        if !list.is_listed_only() {
            for exclude in &main.go_mod.excludes {
                let line = format!("exclude {}", exclude.version);
                known.entry(exclude.path.clone()).or_default().rest.insert(line);
            }
        }
    }
    for (_, replace) in list.replaces() {
        let target = match &replace.target {
            ReplaceTarget::Folder(folder) => folder.clone(),
            ReplaceTarget::Module(module) => format!("{} {}", module.path, module.version),
        };
        let line = format!("replace {} => {target}", replace.version.as_deref().unwrap_or("*"));
        // A replacement of what nobody requires has no effect, but in a workspace others may bring it in.
        match known.get_mut(&replace.path) {
            Some(module) => drop(module.rest.insert(line)),
            None if !list.is_listed_only() => {
                known.entry(replace.path.clone()).or_default().rest.insert(line);
            }
            None => {}
        }
    }
    let sums = list.mains.iter().map(|main| &main.go_sum).chain(list.work_file.iter().map(|file| &file.go_sum));
    for sum in sums {
        add_sums(&mut known, sum, list.is_listed_only());
    }
    // What lies in a folder of the repository is seen directly; its version is a fact of the package.
    known.retain(|path, _| !list.is_in_folder(path));
    known.into_iter().map(|(path, known)| item(&path, &known)).collect()
}

/// Adds the hashes of go.sum: those of the listed versions where only these can be used, else all.
fn add_sums(known: &mut BTreeMap<String, Known>, sum: &GoSum, listed_only: bool) {
    let mut replaced_by: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for (path, module) in known.iter() {
        for line in &module.rest {
            if let Some((new, version)) = line.split_once(" => ").and_then(|(_, target)| target.split_once(' ')) {
                replaced_by.entry((new.to_owned(), version.to_owned())).or_default().push(path.clone());
            }
        }
    }
    for (module, hashes) in &sum.modules {
        let lines = || hashes.iter().map(|hash| format!("{} {hash}", module.version));
        for path in replaced_by.get(&(module.path.clone(), module.version.clone())).into_iter().flatten() {
            if let Some(known) = known.get_mut(path) {
                known.rest.extend(lines());
            }
        }
        match known.get_mut(&module.path) {
            Some(known) if !listed_only || known.versions.contains(&module.version) => known.rest.extend(lines()),
            None if !listed_only => known.entry(module.path.clone()).or_default().rest.extend(lines()),
            _ => {}
        }
    }
}

fn item(path: &str, known: &Known) -> Item {
    let mut hasher = Hasher::new("external module");
    hasher.count(known.rest.len());
    for line in &known.rest {
        hasher.field(line.as_bytes());
    }
    let versions: Vec<&str> = known.versions.iter().map(String::as_str).collect();
    let rest: Vec<&String> = known.rest.iter().collect();
    let h1 = match (&versions[..], &rest[..]) {
        ([version], [line]) => {
            line.strip_prefix(version).and_then(|rest| rest.strip_prefix(' ')).map(ToOwned::to_owned)
        }
        _ => None,
    };
    let value = Value::Version { version: versions.join(", "), h1, rest: hasher.finish() };
    Item { subject: Subject::External(Arc::from(path)), value }
}
