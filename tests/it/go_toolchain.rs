//! The trees of `testdata/` are what their README says: good Go, or broken on purpose.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{copy, testdata, trees};

/// The trees that the README marks as broken.
fn broken_trees() -> Vec<String> {
    let readme = fs::read_to_string(testdata().join("README.md")).unwrap();
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" | yes |"));
    rows.map(|row| row.split('`').next().unwrap().to_owned()).collect()
}

/// The folders with a go.mod at or below a folder.
fn modules(folder: &Path, found: &mut Vec<PathBuf>) {
    if folder.join("go.mod").exists() {
        found.push(folder.to_owned());
    }
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            modules(&entry.path(), found);
        }
    }
}

/// What `go vet` complains of in all modules of a copy of a tree; empty if it does not.
fn complaints(tree: &str) -> String {
    let copied = tempfile::tempdir().unwrap();
    copy(&testdata().join(tree), copied.path());
    let mut folders = Vec::new();
    modules(copied.path(), &mut folders);
    let mut complaints = String::new();
    for folder in folders {
        let mut go = Command::new("go");
        go.args(["vet", "./..."]).current_dir(folder).env("GOFLAGS", "-buildvcs=false");
        go.env("GOPROXY", "off").env("GOTOOLCHAIN", "local").env_remove("GOWORK");
        let output = go.output().unwrap();
        if !output.status.success() {
            complaints += &String::from_utf8_lossy(&output.stderr);
        }
    }
    complaints
}

#[test]
#[ignore = "needs go"]
fn go_accepts_all_trees_but_those_that_are_broken_on_purpose() {
    let broken = broken_trees();
    assert!(broken.len() > 3, "{broken:?}");
    for tree in trees() {
        let complaints = complaints(&tree);
        assert_eq!(!complaints.is_empty(), broken.contains(&tree), "{tree}: {complaints}");
    }
}
