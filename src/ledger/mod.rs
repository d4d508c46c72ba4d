//! Turns fingerprints into what is known of them: what was built, what was pushed, what was tried. It records what it is
//! told and never decides; what it cannot read it does not believe.

pub mod local;
mod record_file;
pub mod registry;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::repo::Digest;

/// A fingerprint of a service, and where its image goes: what a ledger is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The service.
    pub service: String,
    /// Its fingerprint.
    pub fingerprint: Digest,
    /// The repository that the image is pushed to; `None` if it is not pushed.
    pub repository: Option<String>,
    /// The tags that it is to have there.
    pub tags: Vec<String>,
}

/// What a ledger says to a [`Query`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Record {
    /// It has never seen the service.
    #[default]
    Unseen,
    /// It has other records of the service: older fingerprints, or attempts that came to nothing.
    Others,
    /// The image is built, but not at its destination.
    Built(Image),
    /// The image is built and, where it is to be pushed, at its destination; the tags it has there.
    Pushed(Image, Vec<String>),
    /// Who would know could not be asked, for this reason.
    Unanswered(String),
}

/// An image that was built.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// What its builder knows it by, for example the name under which the local daemon has it.
    pub reference: Option<String>,
    /// The digest of its manifest, `sha256:…`; `None` if the builder did not report one.
    pub digest: Option<String>,
    /// The bytes of its layers as they are stored; `None` if the builder did not report them.
    pub size: Option<u64>,
}

/// Something that happened to a fingerprint of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Entry {
    /// A step was started. If nothing else follows, it was killed.
    Attempt(Attempt),
    /// The image was built.
    Built(Built),
    /// The image was pushed, or tagged anew at its destination.
    Pushed(Pushed),
}

/// A step that was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// `build`, `push` or `tag`.
    pub step: String,
    /// Milliseconds since 1970.
    pub started: u64,
    /// How it ended, as the report says it; `None` while it runs, or if it was killed.
    pub outcome: Option<String>,
}

/// An image that was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Built {
    /// The image.
    pub image: Image,
    /// What built it.
    pub builder: String,
    /// What it was built for.
    pub platforms: Vec<String>,
    /// The commit that was checked out.
    pub commit: String,
    /// Milliseconds since 1970.
    pub started: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// An image that was pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// The image, with the digest that the registry knows it by.
    pub image: Image,
    /// Where it is.
    pub repository: String,
    /// The tags that it was given there.
    pub tags: Vec<String>,
    /// Milliseconds since 1970.
    pub started: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// What a ledger has of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The fingerprints in the order in which they were last touched, the newest last; each as 64 hexadecimal digits.
    pub fingerprints: Vec<(String, Vec<Entry>)>,
}

impl History {
    /// How long the newest steps of a kind took: the builds, or the pushes.
    pub fn duration(&self, of: impl Fn(&Entry) -> Option<u64>) -> Option<Duration> {
        let newest = self.fingerprints.iter().rev().flat_map(|(_, entries)| entries).find_map(of);
        newest.map(Duration::from_millis)
    }

    /// The newest image but that of one fingerprint.
    pub fn image_before(&self, fingerprint: &Digest) -> Option<&Image> {
        let fingerprint = fingerprint.to_string();
        let others = self.fingerprints.iter().rev().filter(|(other, _)| *other != fingerprint);
        others.flat_map(|(_, entries)| entries).find_map(|entry| match entry {
            Entry::Built(built) => Some(&built.image),
            Entry::Attempt(_) | Entry::Pushed(_) => None,
        })
    }
}

/// A ledger that cannot be written to, or read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LedgerError(pub String);

/// A store of records. Reading never fails: what cannot be read is no record, and a note.
pub trait Ledger: Sync {
    /// The name used in the configuration and in JSON.
    fn name(&self) -> &'static str;

    /// What is known, one answer for each query.
    fn lookup(&self, queries: &[Query]) -> Vec<Record>;

    /// Everything that is known of each service.
    fn histories(&self) -> BTreeMap<String, History>;

    /// Records something: all of it, or nothing.
    ///
    /// # Errors
    /// If it could not be written; then it is not recorded.
    fn record(&self, service: &str, fingerprint: &Digest, entry: &Entry) -> Result<(), LedgerError>;

    /// Forgets that an image was built and pushed, because it is gone or about to be replaced.
    ///
    /// # Errors
    /// If the record could not be removed.
    fn forget(&self, service: &str, fingerprint: &Digest) -> Result<(), LedgerError>;

    /// What was wrong with records so far, one sentence each.
    fn complaints(&self) -> Vec<String>;
}

/// The ledger of `store = "none"`: it remembers nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLedger;

impl Ledger for NoLedger {
    fn name(&self) -> &'static str {
        "none"
    }

    fn lookup(&self, queries: &[Query]) -> Vec<Record> {
        vec![Record::Unseen; queries.len()]
    }

    fn histories(&self) -> BTreeMap<String, History> {
        BTreeMap::new()
    }

    fn record(&self, _: &str, _: &Digest, _: &Entry) -> Result<(), LedgerError> {
        Ok(())
    }

    fn forget(&self, _: &str, _: &Digest) -> Result<(), LedgerError> {
        Ok(())
    }

    fn complaints(&self) -> Vec<String> {
        Vec::new()
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.reference, &self.digest) {
            (Some(reference), Some(digest)) => write!(f, "{reference}@{digest}"),
            (Some(only), None) | (None, Some(only)) => f.write_str(only),
            (None, None) => f.write_str("an image without a name"),
        }
    }
}
