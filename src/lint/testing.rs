//! A small repository with one service, for tests of the rules: what they find in its Dockerfile.

use super::{Advice, Finding, lint};
use crate::config::{Config, LintRule};
use crate::fingerprint::{Snapshot, SnapshotOptions};
use crate::go::workspace::Workspace;
use crate::repo::MemoryTree;

/// A module with a server that needs another module.
const REPO: &str = "-- go.mod --\nmodule ex.io/shop\ngo 1.24.2\nrequire ext.io/y v1.0.0\n-- go.sum --\n-- cmd/app/main.go --\n\
                    package main\nimport _ \"net/http\"\n-- .dockerignore --\n.git\n.env*\n**/node_modules\n";

/// A service that says all that can be said of it.
pub(super) const CONFIG: &str = "[services.app]\npackage = \"cmd/app\"\ndockerfile = \"Dockerfile\"\ncontext = \".\"\n";

/// The advice on a Dockerfile. `files` is a txtar of more files, or of others in the place of those above.
pub(super) fn advice(dockerfile: &str, files: &str, config: &str) -> Advice {
    let tree = tree(dockerfile, files);
    let config = Config::parse(format!("{CONFIG}{config}").as_bytes()).unwrap();
    let workspace = Workspace::scan(&tree).unwrap();
    let snapshot = Snapshot::new(&workspace, &config, &SnapshotOptions::default(), None).unwrap();
    assert_eq!(snapshot.problems, []);
    lint(&snapshot, &|_| true, &config.lint.allow).unwrap()
}

/// The repository with a Dockerfile.
pub(super) fn tree(dockerfile: &str, files: &str) -> MemoryTree {
    let mut tree = MemoryTree::from_txtar(&format!("{REPO}{files}"));
    tree.insert("Dockerfile", dockerfile);
    tree
}

/// The lines where a rule finds something.
pub(super) fn lines_with(rule: LintRule, dockerfile: &str, files: &str) -> Vec<usize> {
    findings(rule, dockerfile, files).iter().map(|finding| finding.line).collect()
}

/// What a rule finds.
pub(super) fn findings(rule: LintRule, dockerfile: &str, files: &str) -> Vec<Finding> {
    let found = advice(dockerfile, files, "").findings;
    found.into_iter().filter(|finding| finding.rule == rule).collect()
}
