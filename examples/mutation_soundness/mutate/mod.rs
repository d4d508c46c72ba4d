//! Turns a tree into all the small changes that could be made to it, and picks one of them by lot.
//!
//! A change need not make sense: what Go makes of it is Go's business. It never touches the build-plan.toml but for a
//! remark.

mod go_source;
mod layout;
mod module_files;
mod native_source;

use std::collections::BTreeMap;

use super::files::{Edits, File, Files, has_extension, split};
use super::random::Random;

/// One change.
#[derive(Clone, Debug)]
pub(crate) struct Mutation {
    /// What kind of change, in a few words.
    pub(crate) kind: &'static str,
    /// Which change exactly.
    pub(crate) what: String,
    edits: Edits,
}

/// What changes are made of beside the files themselves.
#[derive(Debug, Default)]
pub(crate) struct Material {
    /// Contents that can take the place of a file with that extension, or be added under one.
    pub(crate) spares: Vec<(&'static str, Vec<Vec<u8>>)>,
    /// The versions of the external modules, as `path@version`.
    pub(crate) versions: Vec<String>,
}

/// The file that says how a workspace is built; it is part of the tree, but no subject of changes.
pub(crate) const CONFIG: &str = "build-plan.toml";

/// A change, each kind as likely as the others, and the tree that it leads to. Only kinds that begin with one of some
/// words are made, if there are any words.
pub(crate) fn choose(
    files: &Files,
    material: &Material,
    words: &[String],
    random: &mut Random,
) -> Option<(Mutation, Files)> {
    let mut kinds: BTreeMap<&str, Vec<Mutation>> = BTreeMap::new();
    let is_wanted = |kind: &str| words.is_empty() || words.iter().any(|word| kind.starts_with(&**word));
    for mutation in all(files, material).into_iter().filter(|mutation| is_wanted(mutation.kind)) {
        kinds.entry(mutation.kind).or_default().push(mutation);
    }
    let mut kinds: Vec<Vec<Mutation>> = kinds.into_values().collect();
    while !kinds.is_empty() {
        let kind = random.below(kinds.len());
        let mutations = &mut kinds[kind];
        let mutation = mutations.swap_remove(random.below(mutations.len()));
        if mutations.is_empty() {
            kinds.swap_remove(kind);
        }
        if let Some(changed) = files.edited(&mutation.edits) {
            return Some((mutation, changed));
        }
    }
    None
}

/// All changes that lead to another tree.
pub(crate) fn all(files: &Files, material: &Material) -> Vec<Mutation> {
    let mut found = Found::default();
    go_source::add(files, &mut found);
    module_files::add(files, material, &mut found);
    native_source::add(files, material, &mut found);
    layout::add(files, &mut found);
    found.0.retain(|mutation| files.edited(&mutation.edits).is_some());
    found.0
}

/// The changes found so far.
#[derive(Default)]
struct Found(Vec<Mutation>);

impl Found {
    fn add(&mut self, kind: &'static str, what: String, edits: Edits) {
        self.0.push(Mutation { kind, what, edits });
    }

    /// Another text for a file.
    fn text(&mut self, kind: &'static str, path: &str, file: &File, how: &str, text: &str) {
        let edit = (path.to_owned(), Some(file.with_text(text)));
        self.add(kind, format!("{path}: {how}"), vec![edit]);
    }

    /// A new file; one that is there is left alone.
    fn new_file(&mut self, kind: &'static str, files: &Files, path: &str, file: File) {
        if files.get(path).is_none() {
            self.add(kind, path.to_owned(), vec![(path.to_owned(), Some(file))]);
        }
    }

    /// Another name for a file.
    fn renamed(&mut self, kind: &'static str, from: &str, to: &str, file: &File) {
        let edits = vec![(from.to_owned(), None), (to.to_owned(), Some(file.clone()))];
        self.add(kind, format!("{from} to {to}"), edits);
    }
}

/// The text without one line, or with another in its place.
fn with_line(text: &str, number: usize, line: Option<&str>) -> String {
    let lines = text.split_inclusive('\n').enumerate();
    let ended = line.map(|line| format!("{line}\n")).unwrap_or_default();
    lines.map(|(index, old)| if index == number { &*ended } else { old }).collect()
}

/// The name of the package in a folder, as its first Go file has it.
fn package_name<'f>(files: &'f Files, folder: &str) -> Option<&'f str> {
    let sources = files.iter().filter(|(path, _)| {
        let (dir, name) = split(path);
        dir == folder && has_extension(name, "go") && !name.ends_with("_test.go")
    });
    sources
        .filter_map(|(_, file)| file.text())
        .filter(|text| !text.contains("//go:build ignore") && !text.contains("package documentation"))
        .find_map(clause)
}

/// The name in the package clause of a Go file.
fn clause(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("package "))?.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Files {
        Files::from_txtar(
            "-- go.mod --\nmodule ex.io/m\n\ngo 1.22\n-- main.go --\n//go:build linux\n\npackage main\n\n\
             import \"ex.io/m/lib\"\n\nfunc main() { lib.F() }\n-- lib/a.go --\npackage lib\n\nfunc F() {}\n\
             -- lib/a.h --\n#define A 1\n-- link -> lib --\n",
        )
    }

    #[test]
    fn there_are_many_kinds_and_every_change_changes_something() {
        let mutations = all(&files(), &Material::default());
        let kinds: std::collections::BTreeSet<&str> = mutations.iter().map(|mutation| mutation.kind).collect();
        assert!(kinds.len() > 40, "{kinds:?}");
        assert!(mutations.iter().all(|mutation| files().edited(&mutation.edits).is_some()));
    }

    #[test]
    fn the_lot_decides_which_change_is_made() {
        let chosen = |seed, word: &str| {
            choose(&files(), &Material::default(), &[word.to_owned()], &mut Random::named(seed, "x")).unwrap().0
        };
        assert_eq!(chosen(1, "").what, chosen(1, "").what);
        assert!((2..20).any(|seed| chosen(seed, "").what != chosen(1, "").what));
        assert!((0..20).all(|seed| chosen(seed, "go: add").kind.starts_with("go: add")));
    }

    #[test]
    fn lines_are_replaced_and_dropped() {
        assert_eq!(with_line("a\nb\nc\n", 1, Some("x")), "a\nx\nc\n");
        assert_eq!(with_line("a\nb\nc\n", 1, None), "a\nc\n");
        assert_eq!(package_name(&files(), "lib"), Some("lib"));
    }
}
