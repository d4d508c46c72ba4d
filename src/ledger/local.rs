//! The ledger of one machine: a folder of small files below the common Git folder, one for each record.
//!
//! A file is written beside its place and renamed, so that another process sees all of it or nothing, and no process
//! ever changes a file that another one wrote. It never waits for a lock.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::ledger::{Entry, History, Ledger, LedgerError, Query, Record, record_file};
use crate::repo::Digest;

/// Where the ledger is, below the common Git folder.
const FOLDER: &str = "buildplan/ledger/1";

/// How many fingerprints of a service are kept.
const MOST_FINGERPRINTS: usize = 64;

/// More than any record has.
const LARGEST_RECORD: u64 = 1 << 20;

/// The store in one folder.
pub struct LocalLedger {
    folder: PathBuf,
    complaints: Mutex<BTreeSet<String>>,
}

impl LocalLedger {
    /// The ledger of the repository with this common Git folder. Nothing is made until something is recorded.
    pub fn new(common_dir: &Path) -> Self {
        Self { folder: common_dir.join(FOLDER), complaints: Mutex::default() }
    }

    fn service_folder(&self, service: &str) -> PathBuf {
        self.folder.join(encode(service))
    }

    /// The records of one fingerprint.
    fn entries(&self, folder: &Path) -> Vec<Entry> {
        let names = self.names(folder);
        names.iter().filter_map(|name| self.read(&folder.join(name))).collect()
    }

    /// The names in a folder, sorted; none if it does not exist.
    fn names(&self, folder: &Path) -> Vec<String> {
        let found = match fs::read_dir(folder) {
            Ok(found) => found,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    self.complain(format!("the ledger folder {} cannot be read: {error}", folder.display()));
                }
                return Vec::new();
            }
        };
        let mut names: Vec<String> = found.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        // What begins with a dot is being written.
        names.retain(|name| !name.starts_with('.'));
        names.sort_unstable();
        names
    }

    fn read(&self, path: &Path) -> Option<Entry> {
        let bytes = match read_bounded(path) {
            Ok(bytes) => bytes,
            // Another process may have dropped it in the meantime.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                self.complain(format!("the ledger record {} cannot be read: {error}", path.display()));
                return None;
            }
        };
        let entry = record_file::from_bytes(&bytes);
        if entry.is_none() {
            self.complain(format!("the ledger record {} was damaged and is dropped", path.display()));
            let _ = fs::remove_file(path);
        }
        entry
    }

    fn complain(&self, message: String) {
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner).insert(message);
    }

    fn history(&self, service: &Path) -> History {
        let names = self.names(service).into_iter();
        let mut fingerprints: Vec<(u64, String, Vec<Entry>)> = names
            .map(|name| {
                let entries = self.entries(&service.join(&name));
                (entries.iter().map(started).max().unwrap_or(0), name, entries)
            })
            .filter(|(_, _, entries)| !entries.is_empty())
            .collect();
        fingerprints.sort_unstable_by(|left, right| (left.0, &left.1).cmp(&(right.0, &right.1)));
        History { fingerprints: fingerprints.into_iter().map(|(_, name, entries)| (name, entries)).collect() }
    }

    /// Drops the fingerprints of a service that have not been touched for longest.
    fn prune(&self, service: &Path) {
        let names = self.names(service);
        if names.len() <= MOST_FINGERPRINTS {
            return;
        }
        let kept = self.history(service).fingerprints;
        let surplus = kept.len().saturating_sub(MOST_FINGERPRINTS);
        for (name, _) in kept.iter().take(surplus) {
            let _ = fs::remove_dir_all(service.join(name));
        }
    }
}

impl Ledger for LocalLedger {
    fn name(&self) -> &'static str {
        "local"
    }

    fn lookup(&self, queries: &[Query]) -> Vec<Record> {
        // Most often there is nothing: that is found out once, not for every service.
        let known: BTreeSet<String> = self.names(&self.folder).into_iter().collect();
        let look_up = |query: &Query| match known.contains(&encode(&query.service)) {
            true => self.look_up(query),
            false => Record::Unseen,
        };
        queries.iter().map(look_up).collect()
    }

    fn histories(&self) -> BTreeMap<String, History> {
        let names = self.names(&self.folder).into_iter();
        let named = names.filter_map(|name| Some((decode(&name)?, self.history(&self.folder.join(&name)))));
        named.filter(|(_, history)| !history.fingerprints.is_empty()).collect()
    }

    fn record(&self, service: &str, fingerprint: &Digest, entry: &Entry) -> Result<(), LedgerError> {
        let service_folder = self.service_folder(service);
        let path = service_folder.join(fingerprint.to_string()).join(file_name(entry));
        let failed = |error: io::Error| LedgerError(format!("cannot record {service} in {}: {error}", path.display()));
        let bytes = record_file::to_bytes(entry).map_err(|error| failed(error.into()))?;
        // An attempt that a power failure takes away costs nothing; waiting for the disk before each step would.
        let is_lasting = !matches!(entry, Entry::Attempt(_));
        let written = write(&path, &bytes, is_lasting);
        // Another process may have dropped the folder just after it was made.
        let written = match written {
            Err(error) if error.kind() == io::ErrorKind::NotFound => write(&path, &bytes, is_lasting),
            written => written,
        };
        written.map_err(failed)?;
        self.prune(&service_folder);
        Ok(())
    }

    fn forget(&self, service: &str, fingerprint: &Digest) -> Result<(), LedgerError> {
        let folder = self.service_folder(service).join(fingerprint.to_string());
        let cannot = |path: &Path, error: &io::Error| LedgerError(format!("cannot drop {}: {error}", path.display()));
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(cannot(&folder, &error)),
        };
        for entry in entries {
            let path = entry.map_err(|error| cannot(&folder, &error))?.path();
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            if name != BUILT.as_bytes() && !name.starts_with(b"pushed-") {
                continue;
            }
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot(&path, &error)),
                _ => {}
            }
        }
        Ok(())
    }

    fn complaints(&self) -> Vec<String> {
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl LocalLedger {
    fn look_up(&self, query: &Query) -> Record {
        let service = self.service_folder(&query.service);
        let entries = self.entries(&service.join(query.fingerprint.to_string()));
        let built = entries.iter().find_map(|entry| match entry {
            Entry::Built(built) => Some(built.image.clone()),
            Entry::Attempt(_) | Entry::Pushed(_) => None,
        });
        let pushed = entries.iter().find_map(|entry| match entry {
            Entry::Pushed(pushed) if Some(&pushed.repository) == query.repository.as_ref() => {
                Some((pushed.image.clone(), pushed.tags.clone()))
            }
            _ => None,
        });
        match (pushed, built) {
            (Some((image, tags)), _) => Record::Pushed(image, tags),
            (None, Some(image)) => Record::Built(image),
            (None, None) if self.has_records(&service) => Record::Others,
            (None, None) => Record::Unseen,
        }
    }

    fn has_records(&self, service: &Path) -> bool {
        self.names(service).iter().any(|name| !self.entries(&service.join(name)).is_empty())
    }
}

/// The name of the file of [`Entry::Built`].
const BUILT: &str = "built";

fn file_name(entry: &Entry) -> String {
    match entry {
        Entry::Attempt(attempt) => format!("attempt-{}", encode(&attempt.step)),
        Entry::Built(_) => BUILT.to_owned(),
        Entry::Pushed(pushed) => {
            let repository = Digest::of("ledger destination", pushed.repository.as_bytes()).to_string();
            format!("pushed-{repository:.32}")
        }
    }
}

fn started(entry: &Entry) -> u64 {
    match entry {
        Entry::Attempt(attempt) => attempt.started,
        Entry::Built(built) => built.started,
        Entry::Pushed(pushed) => pushed.started,
    }
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(LARGEST_RECORD).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn write(path: &Path, bytes: &[u8], is_lasting: bool) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".").tempfile_in(folder)?;
    file.write_all(bytes)?;
    if is_lasting {
        file.as_file().sync_all()?;
    }
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// A service's name as the name of a folder, also where upper and lower case are one.
fn encode(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => encoded.push(char::from(byte)),
            _ => drop(write!(encoded, "%{byte:02x}")),
        }
    }
    encoded
}

/// The name that [`encode`] made a folder's name of.
fn decode(folder: &str) -> Option<String> {
    let mut parts = folder.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend(rest.as_bytes());
    }
    let name = String::from_utf8(bytes).ok()?;
    (encode(&name) == folder).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Attempt, Built, Image, Pushed};

    struct Fixture {
        folder: tempfile::TempDir,
        ledger: LocalLedger,
    }

    fn fixture() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let ledger = LocalLedger::new(folder.path());
        Fixture { folder, ledger }
    }

    fn fingerprint(text: &str) -> Digest {
        Digest::of("test", text.as_bytes())
    }

    fn built(started: u64) -> Entry {
        Entry::Built(Built {
            image: Image { reference: Some("a:1".into()), digest: Some(format!("sha256:{started}")), size: None },
            builder: "command".into(),
            platforms: Vec::new(),
            commit: String::new(),
            started,
            duration_ms: 10,
        })
    }

    fn pushed(repository: &str) -> Entry {
        Entry::Pushed(Pushed {
            image: Image::default(),
            repository: repository.into(),
            tags: vec!["t".into()],
            started: 3,
            duration_ms: 10,
        })
    }

    fn ask(ledger: &LocalLedger, service: &str, text: &str, repository: Option<&str>) -> Record {
        let query = Query {
            service: service.into(),
            fingerprint: fingerprint(text),
            repository: repository.map(str::to_owned),
            tags: Vec::new(),
        };
        ledger.lookup(&[query]).remove(0)
    }

    #[test]
    fn only_what_was_recorded_of_a_fingerprint_is_known_of_it() {
        let Fixture { folder: _folder, ledger } = fixture();
        assert_eq!(ask(&ledger, "a", "1", None), Record::Unseen);
        let attempt = Attempt { step: "build".into(), started: 1, outcome: Some("failed".into()) };
        ledger.record("a", &fingerprint("1"), &Entry::Attempt(attempt)).unwrap();
        assert_eq!(ask(&ledger, "a", "1", None), Record::Others);
        ledger.record("a", &fingerprint("1"), &built(2)).unwrap();
        assert!(matches!(ask(&ledger, "a", "1", None), Record::Built(_)));
        assert_eq!(ask(&ledger, "a", "2", None), Record::Others);
        assert_eq!(ask(&ledger, "b", "1", None), Record::Unseen);
        ledger.record("a", &fingerprint("1"), &pushed("r.io/a")).unwrap();
        assert_eq!(ask(&ledger, "a", "1", Some("r.io/a")), Record::Pushed(Image::default(), vec!["t".into()]));
        assert!(matches!(ask(&ledger, "a", "1", Some("r.io/b")), Record::Built(_)));
        ledger.forget("a", &fingerprint("1")).unwrap();
        assert_eq!(ask(&ledger, "a", "1", Some("r.io/b")), Record::Others);
        ledger.forget("a", &fingerprint("1")).unwrap();
        assert!(ledger.complaints().is_empty());
    }

    #[test]
    fn a_damaged_record_is_dropped_with_a_complaint() {
        let Fixture { folder, ledger } = fixture();
        ledger.record("A b", &fingerprint("1"), &built(2)).unwrap();
        let path = folder.path().join(FOLDER).join("%41%20b").join(fingerprint("1").to_string()).join(BUILT);
        let whole = fs::read(&path).unwrap();
        for bytes in [&whole[..whole.len() - 5], b"\0\xff noise", b""] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(ask(&ledger, "A b", "1", None), Record::Unseen);
            assert!(!path.exists());
        }
        let complaints = ledger.complaints();
        assert!(complaints.len() == 1 && complaints[0].contains("was damaged and is dropped"), "{complaints:?}");
    }

    #[test]
    fn the_newest_fingerprints_are_kept_and_listed_last() {
        let Fixture { folder: _folder, ledger } = fixture();
        for number in 0..MOST_FINGERPRINTS as u64 + 3 {
            ledger.record("x/é", &fingerprint(&number.to_string()), &built(1000 - number)).unwrap();
        }
        let histories = ledger.histories();
        let history = &histories["x/é"];
        assert_eq!(history.fingerprints.len(), MOST_FINGERPRINTS);
        assert_eq!(history.fingerprints.last().unwrap().0, fingerprint("0").to_string());
        let before = history.image_before(&fingerprint("0")).unwrap();
        assert_eq!(before.digest.as_deref(), Some("sha256:999"));
    }

    #[test]
    fn names_become_folders_and_back() {
        for (name, folder) in [("auth-2_x", "auth-2_x"), ("A/../é", "%41%2f%2e%2e%2f%c3%a9"), ("", ""), ("%", "%25")] {
            assert_eq!(encode(name), folder);
            assert_eq!(decode(folder).as_deref(), Some(name));
        }
        for folder in ["%4", "%zz", "A", "%41%", "%e9", "a.b"] {
            assert_eq!(decode(folder), None, "{folder}");
        }
    }

    #[test]
    fn many_writers_and_readers_see_whole_records() {
        let Fixture { folder, ledger } = fixture();
        std::thread::scope(|scope| {
            for number in 0..8_u64 {
                let ledger = LocalLedger::new(folder.path());
                scope.spawn(move || {
                    for round in 0..20 {
                        ledger.record("a", &fingerprint("1"), &built(number * 100 + round)).unwrap();
                        assert!(matches!(ask(&ledger, "a", "1", None), Record::Built(_)));
                    }
                    assert!(ledger.complaints().is_empty());
                });
            }
        });
        assert_eq!(ledger.histories()["a"].fingerprints[0].1.len(), 1);
    }
}
