//! What the ledger knows: as a table for people, and as JSON.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use crate::render::json::Tool;
use crate::render::words;

/// What the ledger has of one fingerprint of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StatusRow {
    /// The service.
    pub service: String,
    /// 64 hexadecimal digits.
    pub fingerprint: String,
    /// Whether an image was built.
    pub built: bool,
    /// The commit that was checked out; null if nothing was built.
    pub commit: Option<String>,
    /// When the last step began, in milliseconds since 1970.
    pub started: u64,
    /// How long the build took, in milliseconds; null if nothing was built.
    pub duration_ms: Option<u64>,
    /// What the builder knows the image by.
    pub reference: Option<String>,
    /// The digest of its manifest.
    pub digest: Option<String>,
    /// In bytes.
    pub size: Option<u64>,
    /// Where it was pushed, each as `repository:tag`.
    pub pushed: Vec<String>,
    /// Whether it is what is checked out; null if that was not looked at.
    pub current: Option<bool>,
    /// Whether the registry has the image; null if it was not asked, or did not answer.
    pub in_registry: Option<bool>,
    /// How the last build was tried: `ok`, `failed`, `timed-out`, `cancelled`; null if it was killed, or is under way.
    pub outcome: Option<String>,
}

/// What the ledger knows.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "buildplan.status.v1")]
pub struct StatusDocument<'s> {
    /// Always `buildplan.status.v1`.
    schema: &'static str,
    tool: Tool,
    /// By service, the newest last.
    records: &'s [StatusRow],
}

/// The document of all rows.
pub fn status_document(rows: &[StatusRow]) -> StatusDocument<'_> {
    StatusDocument { schema: "buildplan.status.v1", tool: Tool::this(), records: rows }
}

/// The newest of each service on a line of its own; `time` writes a number of milliseconds since 1970 as a date.
///
/// Of the rows of a service, that of what is checked out stands for all, where that is known.
pub fn status_text(rows: &[StatusRow], time: impl Fn(u64) -> String) -> String {
    if rows.is_empty() {
        return "The ledger is empty: nothing was built here with `buildplan run` yet.\n".to_owned();
    }
    let width = rows.iter().map(|row| row.service.chars().count()).max().unwrap_or(0).min(48);
    let mut text = String::new();
    for group in rows.chunk_by(|left, right| left.service == right.service) {
        let shown = group.iter().find(|row| row.current == Some(true)).or(group.last());
        let Some(row) = shown else { continue };
        let others = group.len() - 1;
        let state = state(row);
        let _ = write!(text, "{:<width$}  {:.12}  {state:<12}", row.service, row.fingerprint);
        if row.started > 0 {
            let _ = write!(text, "  {}", time(row.started));
        }
        if let Some(duration) = row.duration_ms {
            let _ = write!(text, "  {}", words::duration(duration));
        }
        if let Some(size) = row.size {
            let _ = write!(text, "  {}", words::bytes(size));
        }
        if let Some(image) = row.digest.as_ref().or(row.reference.as_ref()) {
            let _ = write!(text, "  {}", words::escape(image));
        }
        if row.in_registry == Some(true) {
            let tags = row.pushed.iter().filter_map(|reference| reference.rsplit(':').next());
            let tags: Vec<String> = tags.map(words::escape).collect();
            let _ = write!(text, "  {}", tags.join(" "));
        }
        if others > 0 {
            let _ = write!(text, "  +{others} {}", if row.current.is_some() { "others" } else { "older" });
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// What became of a fingerprint, in a word or two.
fn state(row: &StatusRow) -> &str {
    match (&row.outcome, row.built, row.in_registry) {
        (_, _, Some(true)) => "in registry",
        (_, true, None) if !row.pushed.is_empty() => "pushed",
        (_, true, _) => "built",
        (Some(outcome), false, _) => outcome,
        // Nothing was tried.
        (None, false, _) if row.started == 0 => match row.in_registry {
            Some(_) => "not built",
            None => "not known",
        },
        (None, false, _) => "not finished",
    }
}
