//! Makes a repository on which the two differ as small as it can be, and prints it as text.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::Result;

use super::check::{Checker, Failure};
use super::go_workspaces::{Content, Workspace};

/// The files without which the difference is gone, in the txtar format.
pub(crate) fn smallest(checker: Checker<'_>, workspace: &Workspace, failure: &Failure) -> Result<String> {
    let mut smallest = workspace.clone();
    // Whole folders first, the largest before those in them.
    let mut parts: BTreeSet<(usize, String)> = BTreeSet::new();
    for path in workspace.files.keys() {
        parts.extend(path.match_indices('/').map(|(at, _)| (path[..at].matches('/').count(), path[..=at].to_owned())));
        parts.insert((usize::MAX, path.clone()));
    }
    for (_, part) in parts {
        let mut smaller = smallest.clone();
        smaller.files.retain(|path, _| match part.strip_suffix('/') {
            Some(_) => !path.starts_with(&part),
            None => *path != part,
        });
        smaller.mains.retain(|main| {
            let prefix = if main.dir.is_empty() { String::new() } else { format!("{}/", main.dir) };
            smaller.files.keys().any(|path| path.starts_with(&prefix))
        });
        if smaller.files.len() == smallest.files.len() {
            continue;
        }
        let outcome = checker.check(&smaller)?;
        let is_same = |other: &Failure| other.kind == failure.kind && other.setting == failure.setting;
        if outcome.failures.iter().any(is_same) {
            smallest = smaller;
        }
    }
    Ok(text(&smallest))
}

fn text(workspace: &Workspace) -> String {
    let mut text = String::new();
    for (path, content) in &workspace.files {
        match content {
            Content::File(bytes) => {
                let bytes = String::from_utf8_lossy(bytes);
                let end = if bytes.ends_with('\n') || bytes.is_empty() { "" } else { "\n" };
                let _ = write!(text, "-- {path} --\n{bytes}{end}");
            }
            Content::Symlink(target) => drop(writeln!(text, "-- {path} -> {target} --")),
        }
    }
    text
}
