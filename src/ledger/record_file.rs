//! Turns one record of the local ledger into the bytes of a file and back. A file that was cut short, filled with noise
//! or written by another version is told from a good one, and never believed.

use crate::ledger::Entry;
use crate::repo::Digest;

/// What the first line begins with; the number is that of the format.
const MAGIC: &str = "buildplan-ledger 1 ";

/// The bytes of a record.
pub(super) fn to_bytes(entry: &Entry) -> Result<Vec<u8>, serde_json::Error> {
    let body = serde_json::to_vec_pretty(entry)?;
    let mut bytes = format!("{MAGIC}{}\n", seal(&body)).into_bytes();
    bytes.extend(body);
    bytes.push(b'\n');
    Ok(bytes)
}

/// The record in a file; `None` if it is damaged.
pub(super) fn from_bytes(bytes: &[u8]) -> Option<Entry> {
    let rest = bytes.strip_prefix(MAGIC.as_bytes())?;
    let (sum, rest) = rest.split_at_checked(64)?;
    let body = rest.strip_prefix(b"\n")?.strip_suffix(b"\n")?;
    if sum != seal(body).as_bytes() {
        return None;
    }
    serde_json::from_slice(body).ok()
}

fn seal(body: &[u8]) -> String {
    Digest::of("ledger record", body).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::{Attempt, Built, Image, Pushed};

    fn entries() -> Vec<Entry> {
        let image = Image { reference: Some("auth:x".into()), digest: Some("sha256:ab".into()), size: Some(7) };
        vec![
            Entry::Attempt(Attempt { step: "build".into(), started: 1, outcome: None }),
            Entry::Built(Built {
                image: image.clone(),
                builder: "docker".into(),
                platforms: vec!["linux/amd64".into()],
                commit: "c".repeat(40),
                started: 5,
                duration_ms: 3,
            }),
            Entry::Pushed(Pushed {
                image,
                repository: "r.io/a".into(),
                tags: vec!["t".into()],
                started: 9,
                duration_ms: 2,
            }),
        ]
    }

    #[test]
    fn what_was_written_reads_the_same() {
        for entry in entries() {
            assert_eq!(from_bytes(&to_bytes(&entry).unwrap()), Some(entry));
        }
    }

    proptest! {
        #[test]
        fn a_damaged_file_is_no_record(index: prop::sample::Index, cut: prop::sample::Index, byte: u8, which in 0..3_usize) {
            let whole = to_bytes(&entries()[which]).unwrap();
            prop_assert_eq!(from_bytes(&whole[..cut.index(whole.len())]), None);
            let mut changed = whole.clone();
            let at = index.index(whole.len());
            changed[at] = byte;
            if changed != whole {
                prop_assert_eq!(from_bytes(&changed), None);
            }
        }
    }
}
