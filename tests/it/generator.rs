//! The generator of benchmark repositories is deterministic, and what it knows of its branches is plausible.

#[path = "../../benches/monorepo/mod.rs"]
pub(super) mod monorepo;

use monorepo::{Size, Summary, generate};

fn tiny(seed: u64) -> Summary {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path(), Size::Tiny, seed).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_commits_and_another_one_others() {
    let (first, second, other) = (tiny(7), tiny(7), tiny(8));
    assert_eq!(first, second);
    assert_ne!(first.head, other.head);
}

#[test]
fn a_folder_with_something_in_it_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("precious"), "text").unwrap();
    let error = generate(folder.path(), Size::Tiny, 1).unwrap_err();
    assert!(error.to_string().contains("is not empty"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn the_record_in_the_repository_is_the_summary() {
    let folder = tempfile::tempdir().unwrap();
    let summary = generate(folder.path(), Size::Tiny, 1).unwrap();
    let record: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join(".git/monogen.json")).unwrap()).unwrap();
    assert_eq!(record, serde_json::to_value(&summary).unwrap());
}

#[test]
fn branches_affect_what_their_names_say() {
    let summary = tiny(1);
    let affected = |kind: &str| summary.branches[&format!("bench/{kind}")].affected.len();
    for kind in ["test", "testkit", "windows", "tagged", "docs", "comment"] {
        assert_eq!(affected(kind), 0, "{kind}");
    }
    for kind in ["domain", "half", "embed", "edge", "delete", "rename", "pr"] {
        assert!((1..=4).contains(&affected(kind)), "{kind}");
    }
    assert_eq!((affected("service"), affected("platform")), (1, 4));
    assert_eq!(summary.branches.len(), 15);
}

#[test]
fn sizes_are_read_from_their_names() {
    assert_eq!("large".parse::<Size>().unwrap(), Size::Large);
    assert!("huge".parse::<Size>().is_err());
}
