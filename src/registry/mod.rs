//! Turns questions about images into what their registries answer: which digest a tag has, how large an image is. It puts
//! known manifests under more tags; it never moves a layer.
//!
//! What is spoken is the vocabulary of `oci-client` (manifests, errors, tokens). Its requests are made here, because the
//! planner needs one for each question, and to hear what the registry says of trying again; the library asks up to three
//! times and keeps that to itself.

mod challenge;
mod credentials;
mod error;
mod manifest;
mod place;
mod transport;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode, header};
use serde::Deserialize;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

pub use crate::registry::credentials::Credentials;
pub use crate::registry::error::{FailureKind, RegistryError};
pub use crate::registry::manifest::is_digest;
use crate::registry::place::Place;
use crate::registry::transport::{Access, Request, Transport};

/// How many questions are asked at a time.
const AT_ONCE: usize = 32;

/// How long all questions that are asked together may take, and how long anything else.
const LONGEST_LOOKUP: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_mins(1);

/// How often it is looked whether anybody still wants to know.
const TICK: Duration = Duration::from_millis(50);

/// The largest manifest that registries take.
const LARGEST_MANIFEST: usize = 4 << 20;

/// The largest page of tags.
const LARGEST_PAGE: usize = 8 << 20;

/// How many pages of tags are read.
const MOST_PAGES: usize = 1000;

/// How many images an index may have.
const MOST_IMAGES: usize = 256;

/// The registries of the images, over connections that are kept while any clone of it lives.
#[derive(Clone, Debug)]
pub struct Registry(Arc<Inner>);

struct Inner {
    insecure: BTreeSet<String>,
    transport: Arc<Transport>,
    runtime: OnceLock<Result<Runtime, String>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("insecure", &self.insecure).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // A name that is still being looked up must not hold up the end.
        if let Some(Ok(runtime)) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A tag of a repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tagged {
    /// With its registry, without tag: `ghcr.io/acme/auth`.
    pub repository: String,
    /// The tag.
    pub tag: String,
}

/// How long somebody is ready to wait.
#[derive(Clone, Copy)]
pub struct Patience<'p> {
    /// Until when.
    pub until: Instant,
    /// Whether it is over before that.
    pub is_over: &'p (dyn Fn() -> bool + Sync),
}

impl Patience<'_> {
    /// As long as anything may take that nobody watches.
    pub fn usual() -> Self {
        Self { until: Instant::now() + LONGEST, is_over: &|| false }
    }
}

/// A page of `tags/list`.
#[derive(Deserialize)]
struct TagPage {
    tags: Option<Vec<String>>,
}

impl Registry {
    /// Registries with these credentials; `insecure` are the hosts (`host` or `host:port`) that may be spoken to in plain
    /// HTTP, beside this machine itself. Nothing is done until something is asked.
    pub fn new(insecure: BTreeSet<String>, credentials: Credentials) -> Self {
        let transport = Arc::new(Transport::new(insecure.clone(), credentials));
        Self(Arc::new(Inner { insecure, transport, runtime: OnceLock::new() }))
    }

    /// The digest of the manifest under a tag; `None` if there certainly is none.
    ///
    /// # Errors
    /// If that cannot be said for certain.
    pub fn resolve(&self, repository: &str, tag: &str) -> Result<Option<String>, RegistryError> {
        let question = Tagged { repository: repository.to_owned(), tag: tag.to_owned() };
        let answer = self.resolve_all(&[question]).pop();
        answer.unwrap_or_else(|| Err(not_asked(repository, "look up a tag", "nothing was asked")))
    }

    /// The same for many tags at once, in their order. A host that does not answer is given up for all of them.
    pub fn resolve_all(&self, questions: &[Tagged]) -> Vec<Result<Option<String>, RegistryError>> {
        let places = questions.iter().map(|question| self.place(&question.repository, "look up its images"));
        let places: Vec<Result<Place, RegistryError>> = places.collect();
        let mut firsts: BTreeSet<&str> = BTreeSet::new();
        let (mut first, mut others) = (Vec::new(), Vec::new());
        for (number, (place, question)) in places.iter().zip(questions).enumerate() {
            let Ok(place) = place else { continue };
            // One request to a host shows how it wants to be asked; the others need not find out once more.
            let is_new = firsts.insert(&place.host) && !self.0.transport.is_known(&place.host);
            let list = if is_new { &mut first } else { &mut others };
            list.push((number, place.clone(), question.tag.clone()));
        }
        let round = Arc::new(Round {
            transport: self.0.transport.clone(),
            permits: Semaphore::new(AT_ONCE),
            given_up: Mutex::default(),
        });
        let mut answers: Vec<_> = places.into_iter().map(|place| place.map(|_| None)).collect();
        let until = Instant::now() + LONGEST_LOOKUP;
        for list in [first, others] {
            if list.is_empty() {
                continue;
            }
            for (number, answer) in self.ask_all(&round, list, until) {
                answers[number] = answer;
            }
        }
        answers
    }

    fn ask_all(
        &self,
        round: &Arc<Round>,
        list: Vec<(usize, Place, String)>,
        until: Instant,
    ) -> Vec<(usize, Result<Option<String>, RegistryError>)> {
        let asked: Vec<(usize, RegistryError)> = list
            .iter()
            .map(|(number, place, tag)| (*number, lookup_error(place, tag, FailureKind::TimedOut, &too_long(place))))
            .collect();
        let runtime = match self.runtime() {
            Ok(runtime) => runtime,
            Err(reason) => {
                let fail = |error: RegistryError| RegistryError { reason: reason.to_owned(), ..error };
                return asked.into_iter().map(|(number, error)| (number, Err(fail(error)))).collect();
            }
        };
        let answered = runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for (number, place, tag) in list {
                let round = round.clone();
                tasks.spawn(async move { (number, round.resolve(&place, &tag).await) });
            }
            let mut answered = BTreeMap::new();
            let limit = tokio::time::Instant::from_std(until);
            while let Ok(Some(done)) = tokio::time::timeout_at(limit, tasks.join_next()).await {
                answered.extend(done.ok());
            }
            answered
        });
        let mut answered = answered;
        asked.into_iter().map(|(number, late)| (number, answered.remove(&number).unwrap_or(Err(late)))).collect()
    }

    /// Puts the manifest with a digest, unchanged, under more tags of its repository.
    ///
    /// # Errors
    /// If it is not there, is not what it should be, or one of the tags could not be put; some may be.
    pub fn tag(
        &self,
        repository: &str,
        digest: &str,
        tags: &[String],
        patience: Patience<'_>,
    ) -> Result<(), RegistryError> {
        let what = format!("tag {repository} as {}", tags.join(", "));
        let place = self.place(repository, &what)?;
        self.wait(&place, &what, patience, async {
            let (bytes, served_as) = self.manifest(&place, digest).await?;
            let not_an_image = || error(&place, &what, FailureKind::Wrong, format!("{digest} is no image manifest"));
            let media_type = manifest::media_type(&bytes, served_as.as_deref()).ok_or_else(not_an_image)?;
            for tag in tags {
                let request = Request {
                    place: &place,
                    method: Method::PUT,
                    path: &format!("manifests/{tag}"),
                    what: format!("put the tag {}:{tag}", place.path),
                    access: Access::Push,
                    accept: &[],
                    body: Some((&media_type, &bytes)),
                    largest: LARGEST_PAGE,
                };
                let answer = self.0.transport.ask(&request).await?;
                if answer.status == StatusCode::NOT_FOUND {
                    let reason = format!("it answered 404; see that {} exists", place.path);
                    return Err(request.error(FailureKind::Missing, reason));
                }
            }
            Ok(())
        })
    }

    /// The bytes of the layers of an image as they are stored; of all its platforms together.
    ///
    /// # Errors
    /// If its manifests cannot be had.
    pub fn size(&self, repository: &str, digest: &str) -> Result<u64, RegistryError> {
        let what = format!("get the size of {repository}@{digest}");
        let place = self.place(repository, &what)?;
        let wrong = |reason: &str| error(&place, &what, FailureKind::Wrong, reason);
        let not_an_image = || wrong("that is no image manifest");
        self.wait(&place, &what, Patience::usual(), async {
            let (bytes, _) = self.manifest(&place, digest).await?;
            let images = match manifest::size(&bytes).ok_or_else(not_an_image)? {
                manifest::Size::Image(size) => return Ok(size),
                manifest::Size::Index(images) => images,
            };
            if images.len() > MOST_IMAGES {
                return Err(wrong("its index has too many images"));
            }
            let mut sum = 0_u64;
            for image in images {
                let (bytes, _) = self.manifest(&place, &image).await?;
                match manifest::size(&bytes).ok_or_else(not_an_image)? {
                    manifest::Size::Image(size) => sum = sum.saturating_add(size),
                    manifest::Size::Index(_) => return Err(wrong("its index has indexes")),
                }
            }
            Ok(sum)
        })
    }

    /// All tags of a repository, sorted; none if it does not exist.
    ///
    /// # Errors
    /// If they cannot be had.
    pub fn tags(&self, repository: &str) -> Result<Vec<String>, RegistryError> {
        let what = format!("list the tags of {repository}");
        let place = self.place(repository, &what)?;
        self.wait(&place, &what, Patience::usual(), async {
            let mut tags = BTreeSet::new();
            let mut path = "tags/list?n=1000".to_owned();
            for _ in 0..MOST_PAGES {
                let request = Request {
                    place: &place,
                    method: Method::GET,
                    path: &path,
                    what: what.clone(),
                    access: Access::Pull,
                    accept: &[],
                    body: None,
                    largest: LARGEST_PAGE,
                };
                let answer = self.0.transport.ask(&request).await?;
                if answer.status == StatusCode::NOT_FOUND {
                    break;
                }
                let page: TagPage = serde_json::from_slice(&answer.body)
                    .map_err(|_| request.error(FailureKind::Wrong, "it answered with no list of tags"))?;
                let found = page.tags.unwrap_or_default();
                let last = found.last().filter(|_| answer.headers.contains_key(header::LINK)).cloned();
                let before = tags.len();
                tags.extend(found);
                match last {
                    // Where the next page is follows from the last tag; no address is taken from the answer.
                    Some(last) if tags.len() > before && is_tag(&last) => {
                        path = format!("tags/list?n=1000&last={last}");
                    }
                    _ => break,
                }
            }
            Ok(tags.into_iter().collect())
        })
    }

    /// The bytes of a manifest, which are those of its digest, and the type that they were served as.
    async fn manifest(&self, place: &Place, digest: &str) -> Result<(Vec<u8>, Option<String>), RegistryError> {
        let request = Request {
            place,
            method: Method::GET,
            path: &format!("manifests/{digest}"),
            what: format!("get {}@{digest}", place.path),
            access: Access::Pull,
            accept: &manifest::ACCEPT,
            body: None,
            largest: LARGEST_MANIFEST,
        };
        if !is_digest(digest) {
            return Err(request.error(FailureKind::Wrong, "that is no digest"));
        }
        let answer = self.0.transport.ask(&request).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Err(request.error(FailureKind::Missing, "it is not there; build and push it again"));
        }
        if manifest::digest_of(&answer.body) != digest {
            return Err(request.error(FailureKind::Wrong, "it answered with a manifest of another digest"));
        }
        let served_as = answer.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Ok((answer.body, served_as.map(str::to_owned)))
    }

    fn place(&self, repository: &str, what: &str) -> Result<Place, RegistryError> {
        Place::of(repository, &self.0.insecure).map_err(|reason| not_asked(repository, what, &reason))
    }

    /// Runs something to its end, or until nobody wants to wait for it any more.
    fn wait<T>(
        &self,
        place: &Place,
        what: &str,
        patience: Patience<'_>,
        work: impl Future<Output = Result<T, RegistryError>>,
    ) -> Result<T, RegistryError> {
        let runtime = self.runtime().map_err(|reason| error(place, what, FailureKind::Wrong, reason))?;
        runtime.block_on(async {
            let mut work = pin!(work);
            loop {
                if let Ok(done) = tokio::time::timeout(TICK, work.as_mut()).await {
                    return done;
                }
                if (patience.is_over)() {
                    return Err(error(place, what, FailureKind::Cancelled, "it was stopped"));
                }
                if Instant::now() >= patience.until {
                    return Err(error(place, what, FailureKind::TimedOut, too_long(place)));
                }
            }
        })
    }

    /// What the requests run on. One thread looks after all connections, so that they are kept in order between requests.
    fn runtime(&self) -> Result<&Runtime, &str> {
        let build = || {
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("registry").enable_all().build()
        };
        let made = self.0.runtime.get_or_init(|| build().map_err(|error| format!("cannot start a thread: {error}")));
        made.as_ref().map_err(String::as_str)
    }
}

/// Questions that are asked together.
struct Round {
    transport: Arc<Transport>,
    permits: Semaphore,
    given_up: Mutex<BTreeMap<String, RegistryError>>,
}

impl Round {
    async fn resolve(&self, place: &Place, tag: &str) -> Result<Option<String>, RegistryError> {
        // It is never closed.
        let _permit = self.permits.acquire().await;
        if let Some(failed) = self.given_up().get(&place.host) {
            return Err(lookup_error(place, tag, failed.kind, &failed.reason));
        }
        let resolved = self.ask(place, tag).await;
        if let Err(error) = &resolved
            && error.may_pass_later()
        {
            self.given_up().insert(place.host.clone(), error.clone());
        }
        resolved
    }

    async fn ask(&self, place: &Place, tag: &str) -> Result<Option<String>, RegistryError> {
        let path = format!("manifests/{tag}");
        let mut request = Request {
            place,
            method: Method::HEAD,
            path: &path,
            what: looked_up(place, tag),
            access: Access::Pull,
            accept: &manifest::ACCEPT,
            body: None,
            largest: LARGEST_MANIFEST,
        };
        let answer = self.transport.ask(&request).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let digest = match answer.headers.get("docker-content-digest") {
            Some(digest) => digest.to_str().unwrap_or_default().to_owned(),
            // Registries need not say it; then it is that of the bytes.
            None => {
                request.method = Method::GET;
                let answer = self.transport.ask(&request).await?;
                if answer.status == StatusCode::NOT_FOUND {
                    return Ok(None);
                }
                manifest::digest_of(&answer.body)
            }
        };
        match is_digest(&digest) {
            true => Ok(Some(digest)),
            false => Err(request.error(FailureKind::Wrong, "it answered with what is no sha256 digest")),
        }
    }

    fn given_up(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, RegistryError>> {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn error(place: &Place, what: &str, kind: FailureKind, reason: impl Into<String>) -> RegistryError {
    RegistryError { host: place.host.clone(), what: what.to_owned(), kind, reason: reason.into() }
}

/// An error about a repository whose name is none.
fn not_asked(repository: &str, what: &str, reason: &str) -> RegistryError {
    let host = repository.split('/').next().unwrap_or_default().to_owned();
    RegistryError { host, what: what.to_owned(), kind: FailureKind::Wrong, reason: reason.to_owned() }
}

fn too_long(place: &Place) -> String {
    format!("it took too long; see whether {} is well, and try again later", place.host)
}

fn looked_up(place: &Place, tag: &str) -> String {
    format!("look up {}:{tag}", place.path)
}

fn lookup_error(place: &Place, tag: &str, kind: FailureKind, reason: &str) -> RegistryError {
    error(place, &looked_up(place, tag), kind, reason)
}

/// Whether a text is a tag, which needs no escaping in an address.
fn is_tag(text: &str) -> bool {
    crate::config::check_tag(text).is_ok()
}
