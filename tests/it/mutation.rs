//! A sample of the check by mutation: every program whose binary a small change alters is flagged. The whole of it is
//! `scripts/mutation-soundness`.

#[path = "../../examples/mutation_soundness/soundness.rs"]
mod soundness;

use super::agreement::go_workspaces;
use super::generator::monorepo::random;
use soundness::{Options, run, workspace_names};

/// Workspaces that are small, and unlike each other.
const SAMPLE: [&str; 13] = [
    "asm",
    "back-edges-locked",
    "cgo",
    "external-work",
    "external-work-locked",
    "generated/1",
    "links-work",
    "nested",
    "old",
    "single",
    "vendored",
    "work",
    "work-vendored",
];

/// Kinds of changes that alter a binary more often than others, and of those some that look as if they did.
const KINDS: [&str; 17] = [
    "file: add a Go file",
    "file: append",
    "file: rename with a suffix",
    "folder: put behind",
    "go: add a debug line",
    "go: change",
    "go: disguise",
    "go: drop a constraint",
    "go: edit",
    "link: retarget",
    "lock",
    "module: add godebug",
    "module: add replace",
    "module: change",
    "native: add a file of that name",
    "native: change",
    "vendor: change",
];

#[test]
#[ignore = "needs go"]
fn every_program_is_flagged_whose_binary_a_change_alters() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        buildplan: env!("CARGO_BIN_EXE_buildplan").into(),
        count: 3 * SAMPLE.len(),
        seed: 1,
        first: 0,
        workspaces: SAMPLE.map(ToOwned::to_owned).to_vec(),
        kinds: KINDS.map(ToOwned::to_owned).to_vec(),
        jobs: 2,
        folder: folder.path().to_owned(),
    };
    let report = run(&options, &|_| {}).unwrap();
    assert!(report.faults.is_empty() && report.failures.is_empty(), "{}", report.markdown());
    // The sample would say nothing if nothing built, or if everything was flagged.
    let total = report.total();
    assert!(total.changed >= 10 && total.not_needed < total.flagged, "{}", report.markdown());
    assert_eq!(report.remarks.len(), total.not_needed + total.unplanned.iter().sum::<usize>());
}

#[test]
fn the_sample_is_of_workspaces_that_there_are() {
    let names = workspace_names();
    assert!(SAMPLE.iter().all(|name| name.starts_with("generated/") || names.iter().any(|known| known == name)));
}
