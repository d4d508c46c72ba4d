//! The ledger beside the images: an image that was pushed also has the tag `fp-` and its fingerprint, and whoever wants to
//! know asks its registry for that tag. It keeps what no registry has (attempts, durations) in a local ledger, and
//! takes no failure for an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ledger::local::LocalLedger;
use crate::ledger::{Entry, History, Image, Ledger, LedgerError, Pushed, Query, Record};
use crate::registry::{Patience, Registry, RegistryError, Tagged};
use crate::repo::Digest;

/// The tag that says that an image has a fingerprint: `fp-` and its first 32 hexadecimal digits.
pub fn fingerprint_tag(fingerprint: &Digest) -> String {
    format!("fp-{:.32}", fingerprint.to_string())
}

/// The store in the registries of the images, above one on this machine.
pub struct RegistryLedger {
    local: LocalLedger,
    registry: Registry,
    complaints: Mutex<BTreeSet<String>>,
    /// The digests under tags as they were last seen or put.
    seen: Mutex<BTreeMap<Tagged, String>>,
}

/// What a registry says of the tag of a fingerprint.
type Answer = Result<Option<String>, RegistryError>;

impl RegistryLedger {
    /// The ledger of these registries.
    pub fn new(local: LocalLedger, registry: Registry) -> Self {
        Self { local, registry, complaints: Mutex::default(), seen: Mutex::default() }
    }

    /// Asks for the tags of fingerprints, all at once; those without a repository are left out.
    fn ask_for_images(&self, queries: &[Query]) -> Vec<Option<Answer>> {
        let questions: Vec<Option<Tagged>> = queries.iter().map(tagged).collect();
        let asked: Vec<Tagged> = questions.iter().flatten().cloned().collect();
        let mut answers = self.registry.resolve_all(&asked).into_iter();
        questions.iter().map(|question| question.as_ref().and_then(|_| answers.next())).collect()
    }

    /// Of the tags that the found images are to have, those that they have.
    fn ask_for_tags(&self, found: &[(&Query, &str)]) -> (BTreeMap<String, Vec<String>>, Vec<RegistryError>) {
        let mut asked = Vec::new();
        let mut owners = Vec::new();
        for (query, digest) in found {
            for tag in &query.tags {
                let Some(repository) = query.repository.clone() else { continue };
                asked.push(Tagged { repository, tag: tag.clone() });
                owners.push((query.service.as_str(), *digest));
            }
        }
        let mut has: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut errors = Vec::new();
        let answers = self.registry.resolve_all(&asked);
        for ((question, (service, digest)), answer) in asked.into_iter().zip(owners).zip(answers) {
            match answer {
                Ok(Some(other)) if other == digest => has.entry(service.to_owned()).or_default().push(question.tag),
                Ok(_) => {}
                Err(error) => errors.push(error),
            }
        }
        (has, errors)
    }

    fn complain(&self, answers: &[Option<Answer>], of_tags: &[RegistryError], queries: &[Query]) {
        let mut complaints = BTreeSet::new();
        let failed = answers.iter().flatten().filter_map(|answer| answer.as_ref().err());
        complaints.extend(for_each_host(failed, |count| match count {
            1 => "1 service counts as not built, because its registry could not be asked".to_owned(),
            _ => format!("{count} services count as not built, because their registry could not be asked"),
        }));
        complaints.extend(for_each_host(of_tags.iter(), |count| match count {
            1 => "1 tag is put again, because its registry could not be asked".to_owned(),
            _ => format!("{count} tags are put again, because their registry could not be asked"),
        }));
        let nowhere: Vec<&str> =
            queries.iter().filter(|query| query.repository.is_none()).map(|query| query.service.as_str()).collect();
        if let Some(first) = nowhere.first() {
            let others = if nowhere.len() > 1 { format!(" and {} others", nowhere.len() - 1) } else { String::new() };
            complaints.insert(format!(
                "no registry can be asked about {first}{others}, because there is no `[image] repository`; only what was \
                 built on this machine is known"
            ));
        }
        *lock(&self.complaints) = complaints;
    }

    /// Gives an image that was pushed the tag of its fingerprint.
    fn mark(&self, fingerprint: &Digest, pushed: &Pushed) -> Result<(), LedgerError> {
        let Some(digest) = &pushed.image.digest else { return Ok(()) };
        let question = Tagged { repository: pushed.repository.clone(), tag: fingerprint_tag(fingerprint) };
        if lock(&self.seen).get(&question) == Some(digest) {
            return Ok(());
        }
        let tags = std::slice::from_ref(&question.tag);
        self.registry.tag(&question.repository, digest, tags, Patience::usual()).map_err(|error| {
            LedgerError(format!("the push is not recorded, so that it will be pushed again: {error}"))
        })?;
        lock(&self.seen).insert(question, digest.clone());
        Ok(())
    }
}

impl Ledger for RegistryLedger {
    fn name(&self) -> &'static str {
        "registry"
    }

    fn lookup(&self, queries: &[Query]) -> Vec<Record> {
        let answers = self.ask_for_images(queries);
        let found: Vec<(&Query, &str)> = queries
            .iter()
            .zip(&answers)
            .filter_map(|(query, answer)| match answer {
                Some(Ok(Some(digest))) => Some((query, digest.as_str())),
                _ => None,
            })
            .collect();
        let (mut tags, errors) = self.ask_for_tags(&found);
        self.complain(&answers, &errors, queries);
        let local = self.local.lookup(queries);
        let mut seen = lock(&self.seen);
        let records = queries.iter().zip(answers).zip(local).map(|((query, answer), local)| match answer {
            // Nobody can be asked; this machine knows what it built.
            None => local,
            Some(Err(error)) => {
                Record::Unanswered(format!("the registry {} could not be asked: {}", error.host, error.reason))
            }
            Some(Ok(None)) => match local {
                // It was deleted there, and nobody says that its builder still has it.
                Record::Pushed(..) => Record::Others,
                other => other,
            },
            Some(Ok(Some(digest))) => {
                seen.extend(tagged(query).map(|question| (question, digest.clone())));
                Record::Pushed(image(digest, &local), tags.remove(&query.service).unwrap_or_default())
            }
        });
        records.collect()
    }

    fn histories(&self) -> BTreeMap<String, History> {
        self.local.histories()
    }

    fn record(&self, service: &str, fingerprint: &Digest, entry: &Entry) -> Result<(), LedgerError> {
        // If the image cannot be marked, nobody else will find it; then it must not count as pushed here either.
        if let Entry::Pushed(pushed) = entry {
            self.mark(fingerprint, pushed)?;
        }
        self.local.record(service, fingerprint, entry)
    }

    fn forget(&self, service: &str, fingerprint: &Digest) -> Result<(), LedgerError> {
        self.local.forget(service, fingerprint)
    }

    fn complaints(&self) -> Vec<String> {
        let own = lock(&self.complaints).clone();
        own.into_iter().chain(self.local.complaints()).collect()
    }
}

fn tagged(query: &Query) -> Option<Tagged> {
    Some(Tagged { repository: query.repository.clone()?, tag: fingerprint_tag(&query.fingerprint) })
}

/// The image in the registry, with what is known here of the very same one.
fn image(digest: String, local: &Record) -> Image {
    let size = match local {
        Record::Built(image) | Record::Pushed(image, _) if image.digest.as_ref() == Some(&digest) => image.size,
        _ => None,
    };
    Image { reference: None, digest: Some(digest), size }
}

/// One sentence for each host, which ends with the first error there.
fn for_each_host<'e>(errors: impl Iterator<Item = &'e RegistryError>, what: impl Fn(usize) -> String) -> Vec<String> {
    let mut hosts: BTreeMap<&str, (usize, &RegistryError)> = BTreeMap::new();
    for error in errors {
        hosts.entry(&error.host).or_insert((0, error)).0 += 1;
    }
    hosts.into_values().map(|(count, first)| format!("{}: {first}", what(count))).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
