//! The repository while it is being made: its files so far, the random numbers, and how odd it may be.

use std::collections::{BTreeMap, BTreeSet};

use super::random::Random;
use super::{Content, Flavour};

/// A repository in the making.
pub(super) struct Sketch {
    pub(super) random: Random,
    /// Whether this one may have what Go refuses.
    pub(super) is_odd: bool,
    pub(super) files: BTreeMap<String, Content>,
    pub(super) features: BTreeSet<&'static str>,
    serial: usize,
}

impl Sketch {
    pub(super) fn new(seed: u64, flavour: Flavour) -> Self {
        let mut random = Random::named(seed, "workspace");
        // One broken file hides the rest of a program, so most repositories have none.
        let is_odd = random.chance(40) && flavour == Flavour::Odd;
        Self { random, is_odd, files: BTreeMap::new(), features: BTreeSet::new(), serial: 0 }
    }

    /// True in `percent` of 100 cases.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.random.chance(percent)
    }

    /// The same for what Go refuses.
    pub(super) fn breaks(&mut self, percent: usize) -> bool {
        let breaks = self.random.chance(percent) && self.is_odd;
        if breaks {
            self.features.insert("broken");
        }
        breaks
    }

    /// One of a list, which must not be empty.
    pub(super) fn pick<T: Clone>(&mut self, pool: &[T]) -> T {
        self.random.pick(pool).unwrap_or(&pool[0]).clone()
    }

    /// A number that no other file of this repository has.
    pub(super) fn serial(&mut self) -> usize {
        self.serial += 1;
        self.serial
    }

    /// Notes what the repository is an example of.
    pub(super) fn shows(&mut self, feature: &'static str) {
        self.features.insert(feature);
    }

    /// Adds a file, unless something else is in its place.
    pub(super) fn put(&mut self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.add(path, Content::File(bytes.into()));
    }

    /// Adds a symlink, unless something else is in its place.
    pub(super) fn link(&mut self, path: &str, target: impl Into<String>) {
        self.add(path, Content::Symlink(target.into()));
    }

    fn add(&mut self, path: &str, content: Content) {
        if self.is_free(path) {
            self.files.insert(path.to_owned(), content);
        }
    }

    /// Whether nothing is at, below or in the way of a path.
    pub(super) fn is_free(&self, path: &str) -> bool {
        let below = format!("{path}/");
        let is_taken_below = self.files.range(below.clone()..).next().is_some_and(|(next, _)| next.starts_with(&below));
        let above = path.match_indices('/').any(|(at, _)| self.files.contains_key(&path[..at]));
        !self.files.contains_key(path) && !is_taken_below && !above
    }
}

/// A path below a folder; the empty folder is the root, the empty path the folder.
pub(super) fn join(folder: &str, below: &str) -> String {
    match (folder, below) {
        ("", _) => below.to_owned(),
        (_, "") => folder.to_owned(),
        _ => format!("{folder}/{below}"),
    }
}

/// The way from one folder to a path, as a symlink or go.mod spells it.
pub(super) fn relative(from: &str, to: &str) -> String {
    let parts = |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (from, to) = (parts(from), parts(to));
    let common = from.iter().zip(&to).take_while(|(left, right)| left == right).count();
    let up = std::iter::repeat_n("..".to_owned(), from.len() - common);
    let way: Vec<String> = up.chain(to[common..].iter().cloned()).collect();
    if way.is_empty() { ".".to_owned() } else { way.join("/") }
}

/// Whether `path` is `folder` or lies in it; the empty folder is the root.
pub(super) fn is_within(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_lead_from_folder_to_folder() {
        for (from, to, expected) in
            [("", "a/b", "a/b"), ("a/b", "a/c", "../c"), ("a", "", ".."), ("a", "a", "."), ("a/b", "c", "../../c")]
        {
            assert_eq!(relative(from, to), expected);
        }
    }

    #[test]
    fn nothing_is_put_below_a_file_or_in_place_of_a_folder() {
        let mut sketch = Sketch::new(1, Flavour::Sound);
        sketch.put("a/b", "1");
        for path in ["a", "a/b", "a/b/c"] {
            assert!(!sketch.is_free(path), "{path}");
        }
        assert!(sketch.is_free("a/c") && sketch.is_free("a.b"));
    }
}
