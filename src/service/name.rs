//! Turns the folders of programs into service names: short, legal in command lines and CI files, and unique.

use std::collections::BTreeMap;

use crate::repo::{Digest, RepoPath};

/// Folder names that say what kind of folder it is, not which program.
const GENERIC: [&[u8]; 4] = [b"cmd", b"server", b"main", b"app"];

/// A name for each folder (with the path of its module), in order. All folders that would share a name get their
/// whole path instead.
pub(super) fn unique<'a>(folders: impl Iterator<Item = (&'a RepoPath, &'a str)>) -> Vec<String> {
    let folders: Vec<(&RepoPath, String)> = folders.map(|(dir, module)| (dir, short(dir, module))).collect();
    let short_names = count(folders.iter().map(|(_, name)| name.as_str()));
    let names: Vec<String> = folders
        .iter()
        .map(|(dir, name)| match short_names[name.as_str()] == 1 || dir.is_root() {
            true => name.clone(),
            false => legal(dir.as_bytes()),
        })
        .collect();
    let long_names = count(names.iter().map(String::as_str));
    let clash = |name: &str| long_names[name] > 1 || name.is_empty();
    // Two folders that differ only in characters that a name cannot have.
    names
        .iter()
        .zip(&folders)
        .map(|(name, (dir, _))| match clash(name) {
            true => format!("{name}-{:.8}", Digest::of("service name", dir.as_bytes()).to_string()),
            false => name.clone(),
        })
        .map(|name| name.trim_start_matches('-').to_owned())
        .collect()
}

fn count<'n>(names: impl Iterator<Item = &'n str>) -> BTreeMap<&'n str, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_insert(0) += 1;
    }
    counts
}

/// The last folder name that says something, else the last element of the module path that does.
fn short(dir: &RepoPath, module: &str) -> String {
    let is_version =
        |element: &str| element.strip_prefix('v').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    let of_path = dir.elements().rev().find(|element| !GENERIC.contains(element)).map(legal);
    let of_module = || module.rsplit('/').find(|element| !is_version(element)).map(|element| legal(element.as_bytes()));
    of_path.or_else(of_module).filter(|name| !name.is_empty()).unwrap_or_else(|| "service".to_owned())
}

fn legal(bytes: &[u8]) -> String {
    let text: String = bytes
        .iter()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => char::from(*byte),
            _ => '-',
        })
        .collect();
    text.trim_start_matches(['.', '_', '-']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(folders: &[&str], expected: &[&str]) {
        let paths: Vec<RepoPath> = folders.iter().map(|path| RepoPath::from_clean(path.as_bytes())).collect();
        assert_eq!(unique(paths.iter().map(|path| (path, "example.com/shop/v2"))), expected);
    }

    #[test]
    fn the_last_telling_folder_is_the_name() {
        check(&["services/auth/cmd", "cart/cmd/server", "cmd/migrate"], &["auth", "cart", "migrate"]);
        check(&["", "x"], &["shop", "x"]);
        check(&["", "cmd"], &["shop", "cmd"]);
    }

    #[test]
    fn colliding_names_become_whole_paths() {
        check(&["a/cmd/api", "b/cmd/api", "c/web"], &["a-cmd-api", "b-cmd-api", "web"]);
    }

    #[test]
    fn names_are_legal_and_stay_apart() {
        let paths = [RepoPath::from_clean(b"x/a b"), RepoPath::from_clean(b"x/a\xffb")];
        let names = unique(paths.iter().map(|path| (path, "m")));
        assert!(names[0] != names[1] && names.iter().all(|name| name.starts_with("x-a-b-")), "{names:?}");
    }
}
