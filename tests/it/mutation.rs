//! A sample of the check by mutation: every program whose binary a small change alters is flagged. The whole of it is
//! `scripts/mutation-soundness`.

#[path = "../../examples/mutation_soundness/soundness.rs"]
mod soundness;

use soundness::{Options, run, workspace_names};

#[test]
#[ignore = "needs go"]
fn every_program_is_flagged_whose_binary_a_change_alters() {
    let folder = tempfile::tempdir().unwrap();
    // The trees of testdata/ are like those written for this, only smaller.
    let workspaces: Vec<String> = workspace_names().into_iter().filter(|name| !name.contains('/')).collect();
    let options = Options {
        buildplan: env!("CARGO_BIN_EXE_buildplan").into(),
        count: 3 * workspaces.len(),
        seed: 1,
        first: 0,
        workspaces,
        kinds: Vec::new(),
        jobs: 2,
        folder: folder.path().to_owned(),
    };
    let report = run(&options, &|_| {}).unwrap();
    assert!(report.faults.is_empty(), "{}", report.markdown());
    // The sample would say nothing if nothing built, or if everything was flagged.
    let total = report.total();
    assert!(total.changed >= 10 && total.not_needed < total.flagged, "{}", report.markdown());
    assert_eq!(report.remarks.len(), total.not_needed + total.unplanned.iter().sum::<usize>());
}
