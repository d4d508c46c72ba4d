//! Turns changed files that are no input of a service into the reason why: the other half of every explanation.
//!
//! It explains a decision that has been made; it never makes one.

use crate::fingerprint::context::Context;
use crate::fingerprint::{ServiceState, Snapshot};
use crate::graph::{NodeId, Part, Reach};
use crate::repo::{ChangeSet, RepoPath};

/// A changed file and why a service does not depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhyNot {
    /// The file.
    pub path: RepoPath,
    /// Why it does not matter, as a fragment of a sentence.
    pub because: String,
}

/// Explains every changed file with respect to a service that none of them affects.
pub fn why_not(snapshot: &Snapshot<'_>, state: &ServiceState, changes: &ChangeSet) -> Vec<WhyNot> {
    let programs: Vec<(&Context, NodeId, Reach)> = state
        .service
        .program
        .iter()
        .flat_map(|program| {
            let contexts = state.contexts.iter().filter_map(|key| snapshot.contexts.get(key));
            contexts.flat_map(move |context| {
                let context = &**context;
                context.programs(program).map(move |start| (context, start, context.graph.reach(start)))
            })
        })
        .collect();
    changes.paths().map(|path| WhyNot { path: path.clone(), because: explain(state, &programs, path) }).collect()
}

fn explain(state: &ServiceState, programs: &[(&Context, NodeId, Reach)], path: &RepoPath) -> String {
    let name = path.name();
    if matches!(name, b"go.mod" | b"go.sum" | b"go.work" | b"go.work.sum" | b"modules.txt") {
        return "nothing in it that this service depends on changed".to_owned();
    }
    if name.ends_with(b"_test.go") {
        return "a test file, which go build does not compile".to_owned();
    }
    let Some(dir) = path.parent() else { return "not an input".to_owned() };
    let is_source = crate::go::source::file_kind(name).is_some();
    if is_source {
        let imported = programs.iter().any(|(context, _, reach)| {
            reach.nodes().iter().any(|id| {
                let node = context.graph.node(*id);
                node.folder().is_some_and(|folder| folder.part == Part::Package && folder.place.dir == dir)
            })
        });
        let targets: Vec<String> = state
            .service
            .program
            .iter()
            .flat_map(|program| &program.targets)
            .map(super::super::service::target::TargetSpec::platform)
            .collect();
        return match imported {
            true => format!("not compiled for {}: its name or build constraint leaves it out", targets.join(", ")),
            false => "its package is not imported, directly or indirectly".to_owned(),
        };
    }
    if name == b"Dockerfile" || name.ends_with(b".dockerignore") {
        return "not the Dockerfile of this service".to_owned();
    }
    "neither embedded, nor copied into the image, nor a declared input".to_owned()
}
