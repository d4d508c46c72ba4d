//! A sample of what `scripts/agreement` does at length: on random repositories the files of every program are those that
//! Go reads.

#[path = "../../examples/agreement/check.rs"]
mod check;
#[path = "../../examples/go_oracle/mod.rs"]
#[expect(dead_code, reason = "plans are compared by another program")]
mod go_oracle;
#[path = "../../examples/go_workspaces/mod.rs"]
pub(super) mod go_workspaces;

use std::path::Path;

use rayon::prelude::*;

use super::generator::monorepo::random;
use check::{Checker, Outcome};
use go_workspaces::{Flavour, Workspace};

#[test]
#[ignore = "needs go"]
fn the_files_of_a_program_are_those_that_go_reads() {
    let cache = tempfile::tempdir().unwrap();
    let checker = Checker { buildplan: Path::new(env!("CARGO_BIN_EXE_buildplan")), cache: cache.path() };
    let outcomes = (1..=14_u64).into_par_iter().map(|seed| {
        let flavour = if seed % 2 == 0 { Flavour::Odd } else { Flavour::Sound };
        let mut outcome = checker.check(&Workspace::random(seed, flavour)).unwrap();
        outcome
            .failures
            .iter_mut()
            .for_each(|failure| failure.setting.insert_str(0, &format!("seed {seed} {flavour:?}, ")));
        outcome
    });
    let mut total = Outcome::default();
    outcomes.collect::<Vec<_>>().into_iter().for_each(|outcome| total.add(outcome));
    assert_eq!(total.failures, []);
    assert!(total.comparisons > 200 && total.files > 2000 && !total.extras.is_empty(), "{total:?}");
}
