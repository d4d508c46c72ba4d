//! Turns the sum files of a build into the answer to one question: do they vouch for this hash of a module, or contradict
//! it? It never computes a hash.

use std::collections::{BTreeSet, HashMap};

use crate::go::modfile::{GoSum, ModuleVersion};

/// The hashes of all sum files in force.
#[derive(Default)]
pub(super) struct Sums<'s> {
    modules: HashMap<&'s ModuleVersion, Vec<&'s BTreeSet<String>>>,
    go_mods: HashMap<&'s ModuleVersion, Vec<&'s BTreeSet<String>>>,
}

/// What the sum files say of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vouched {
    /// They have the same.
    Yes,
    /// They have none.
    Silent,
    /// They have another one.
    No,
}

impl<'s> Sums<'s> {
    /// The hashes of several sum files.
    pub(super) fn new(files: impl IntoIterator<Item = &'s GoSum>) -> Self {
        let mut sums = Self::default();
        for file in files {
            for (all, more) in [(&mut sums.modules, &file.modules), (&mut sums.go_mods, &file.go_mods)] {
                for (module, hashes) in more {
                    let known = all.entry(module).or_default();
                    if !known.contains(&hashes) {
                        known.push(hashes);
                    }
                }
            }
        }
        sums
    }

    /// What is said of the hash of a module's files.
    pub(super) fn of_files(&self, module: &ModuleVersion, hash: &str) -> Vouched {
        verdict(self.modules.get(module), hash)
    }

    /// What is said of the hash of a go.mod.
    pub(super) fn of_go_mod(&self, module: &ModuleVersion, hash: &str) -> Vouched {
        verdict(self.go_mods.get(module), hash)
    }
}

fn verdict(known: Option<&Vec<&BTreeSet<String>>>, hash: &str) -> Vouched {
    let mut known = known.into_iter().flatten().flat_map(|hashes| hashes.iter()).peekable();
    if known.peek().is_none() {
        return Vouched::Silent;
    }
    // Contradicting lines vouch for nothing, and neither does one of an unknown algorithm.
    if known.all(|line| line == hash) { Vouched::Yes } else { Vouched::No }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_vouched_for_only_if_nothing_contradicts_it() {
        let one = GoSum::parse(b"x.io/a v1.0.0 h1:a=\nx.io/a v1.0.0/go.mod h1:m=\nx.io/b v1.0.0 h1:b=\n");
        let other = GoSum::parse(b"x.io/a v1.0.0 h1:a=\nx.io/b v1.0.0 h1:c=\n");
        let sums = Sums::new([&one, &other]);
        let module = |path: &str| ModuleVersion { path: path.to_owned(), version: "v1.0.0".to_owned() };
        assert_eq!(sums.of_files(&module("x.io/a"), "h1:a="), Vouched::Yes);
        assert_eq!(sums.of_files(&module("x.io/a"), "h1:m="), Vouched::No);
        assert_eq!(sums.of_files(&module("x.io/b"), "h1:b="), Vouched::No);
        assert_eq!(sums.of_files(&module("x.io/c"), "h1:c="), Vouched::Silent);
        assert_eq!(sums.of_go_mod(&module("x.io/a"), "h1:m="), Vouched::Yes);
    }
}
