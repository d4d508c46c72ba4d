//! Turns a request into the answer of a registry: speaks HTTP over connections that are kept, meets the registry's
//! challenge, waits and tries again where that may help. It knows nothing of manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::io;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use oci_client::errors::OciEnvelope;
use oci_client::token_cache::RegistryToken;
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, redirect};
use serde::Deserialize;

use crate::registry::challenge::Challenge;
use crate::registry::credentials::{Credential, Credentials};
use crate::registry::error::{FailureKind, RegistryError};
use crate::registry::place::{Place, Route};

/// How often a request is tried, the first time included.
const MOST_TRIES: u32 = 4;

/// How long it waits before the second try; then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// How long it waits at most, also if the registry asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// More than any error or token has.
const LARGEST_TALK: usize = 1 << 18;

/// For how long a token counts if nobody says (the distribution specification's minimum), and how long before its end it
/// counts no more.
const TOKEN_LIFE: Duration = Duration::from_mins(1);
const TOKEN_MARGIN: Duration = Duration::from_secs(10);

/// How many redirects are followed.
const MOST_REDIRECTS: usize = 5;

/// A request to one repository.
#[derive(Clone)]
pub(super) struct Request<'r> {
    pub(super) place: &'r Place,
    pub(super) method: Method,
    /// Below the repository: `manifests/latest`.
    pub(super) path: &'r str,
    /// A verb and what it is about, for errors.
    pub(super) what: String,
    pub(super) access: Access,
    /// The types that are asked for.
    pub(super) accept: &'r [&'r str],
    /// What is put, with its type.
    pub(super) body: Option<(&'r str, &'r [u8])>,
    /// The most bytes that an answer may have.
    pub(super) largest: usize,
}

/// What a request needs a right to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Access {
    Pull,
    Push,
}

impl Access {
    fn actions(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "pull,push",
        }
    }
}

/// An answer that went well, or 404.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Why one try came to nothing.
struct Failure {
    kind: FailureKind,
    reason: String,
    /// When the registry wants to be asked again.
    after: Option<Duration>,
}

impl Failure {
    fn new(kind: FailureKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into(), after: None }
    }
}

/// The connections, and what was learned of the hosts.
pub(super) struct Transport {
    insecure: BTreeSet<String>,
    credentials: Credentials,
    /// By [`Route`], each made when it is first needed.
    clients: [OnceLock<Result<Client, String>>; 3],
    challenges: Mutex<BTreeMap<String, Challenge>>,
    tokens: Mutex<BTreeMap<(String, String, Access), Token>>,
}

/// What a realm gave, as a header, and until when it counts.
struct Token {
    header: HeaderValue,
    until: Instant,
}

/// What a realm says beside the token.
#[derive(Deserialize)]
struct TokenLife {
    expires_in: Option<u64>,
}

impl Transport {
    pub(super) fn new(insecure: BTreeSet<String>, credentials: Credentials) -> Self {
        let clients = std::array::from_fn(|_| OnceLock::new());
        Self { insecure, credentials, clients, challenges: Mutex::default(), tokens: Mutex::default() }
    }

    /// Whether a host has asked for credentials before.
    pub(super) fn is_known(&self, host: &str) -> bool {
        lock(&self.challenges).contains_key(host)
    }

    /// Asks until there is an answer, or no hope.
    ///
    /// # Errors
    /// For every answer but one that went well or 404.
    pub(super) async fn ask(&self, request: &Request<'_>) -> Result<Answer, RegistryError> {
        let mut pause = FIRST_PAUSE;
        let mut tries = 1;
        loop {
            let failure = match self.ask_once(request).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if failure.kind != FailureKind::Unavailable || tries == MOST_TRIES {
                let often = if tries > 1 { format!(", {tries} times") } else { String::new() };
                let reason = format!("{}{often}", failure.reason);
                let reason = if tries > 1 { format!("{reason}; try again later") } else { reason };
                return Err(request.error(failure.kind, reason));
            }
            tokio::time::sleep(failure.after.unwrap_or(pause).min(LONGEST_PAUSE)).await;
            pause *= 2;
            tries += 1;
        }
    }

    /// One try; a second request follows at once if the registry wants to know who asks.
    async fn ask_once(&self, request: &Request<'_>) -> Result<Answer, Failure> {
        let told = self.authorization(request).await?;
        let response = self.send(request, told.as_ref()).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return finish(request, response).await;
        }
        let challenges = response.headers().get_all(header::WWW_AUTHENTICATE).iter();
        let challenge = Challenge::parse(challenges.filter_map(|value| value.to_str().ok()));
        let host = &request.place.host;
        let log_in = format!("log in with `docker login {host}`");
        let Some(challenge) = challenge else {
            let reason = format!("it answered 401 and does not say how to log in; see whether {host} is the registry");
            return Err(Failure::new(FailureKind::Refused, reason));
        };
        lock(&self.challenges).insert(host.clone(), challenge);
        lock(&self.tokens).remove(&request.token_key());
        let now = self.authorization(request).await?;
        if now.is_none() {
            let reason = format!("it asks who is there, and no credentials for it are filed; {log_in}");
            return Err(Failure::new(FailureKind::Refused, reason));
        }
        if now == told {
            return Err(Failure::new(FailureKind::Refused, format!("it refuses the credentials; {log_in}")));
        }
        let response = self.send(request, now.as_ref()).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            return Err(Failure::new(FailureKind::Refused, format!("it refuses the credentials; {log_in}")));
        }
        finish(request, response).await
    }

    /// What the registry is told of who asks, as far as it wants to know.
    async fn authorization(&self, request: &Request<'_>) -> Result<Option<HeaderValue>, Failure> {
        let challenge = lock(&self.challenges).get(&request.place.host).cloned();
        match challenge {
            None => Ok(None),
            Some(Challenge::Basic) => match self.credential(request.place).await? {
                Credential::Basic(user, password) => basic(&user, &password).map(Some),
                Credential::None | Credential::Identity(_) => Ok(None),
            },
            Some(Challenge::Bearer { realm, service }) => {
                let key = request.token_key();
                let known =
                    lock(&self.tokens).get(&key).filter(|token| token.until > Instant::now()).map(Token::header);
                if known.is_some() {
                    return Ok(known);
                }
                let token = self.token(request, &realm, service.as_deref()).await?;
                let header = token.header();
                lock(&self.tokens).insert(key, token);
                Ok(Some(header))
            }
        }
    }

    async fn credential(&self, place: &Place) -> Result<Credential, Failure> {
        self.credentials.find(place).await.map_err(|reason| Failure::new(FailureKind::Refused, reason))
    }

    /// Gets a token for one repository (distribution specification, token authentication).
    async fn token(&self, request: &Request<'_>, realm: &str, service: Option<&str>) -> Result<Token, Failure> {
        let wrong = |what: &str| Failure::new(FailureKind::Wrong, format!("where it sends for a token {what}"));
        let mut url = reqwest::Url::parse(realm).map_err(|_| wrong("is no address"))?;
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => return Err(wrong("is no address")),
        };
        let route = match url.scheme() {
            "https" => Route::Secure,
            "http" => Route::to(&host, &self.insecure),
            _ => return Err(wrong("is no address")),
        };
        if url.scheme() == "http" && route == Route::Secure {
            return Err(wrong(&format!("is plain HTTP: {host}; if that is right, list it in `insecure-registries`")));
        }
        let scope = format!("repository:{}:{}", request.place.path, request.access.actions());
        let client = self.client(route)?;
        let service = service.map(|service| ("service", service));
        let asked = match self.credential(request.place).await? {
            Credential::Identity(token) => {
                let fixed = [("grant_type", "refresh_token"), ("client_id", "buildplan"), ("scope", scope.as_str())];
                let secret = ("refresh_token", token.as_str());
                let form = encoded(fixed.into_iter().chain(service).chain([secret]));
                let form_type = "application/x-www-form-urlencoded";
                client.post(url).header(header::CONTENT_TYPE, form_type).body(form)
            }
            credential => {
                url.query_pairs_mut().extend_pairs(service).append_pair("scope", &scope);
                let asked = client.get(url);
                match credential {
                    Credential::Basic(user, password) => asked.header(header::AUTHORIZATION, basic(&user, &password)?),
                    Credential::None | Credential::Identity(_) => asked,
                }
            }
        };
        let mut response = exchange(asked, &host).await?;
        let status = response.status();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            let reason = format!("{host}, which gives its tokens, answered {}", shown(status));
            return Err(Failure { after: retry_after(&response), ..Failure::new(FailureKind::Unavailable, reason) });
        }
        if !status.is_success() {
            let reason = format!(
                "{host}, which gives its tokens, answered {}; log in with `docker login {}`",
                shown(status),
                request.place.host
            );
            return Err(Failure::new(FailureKind::Refused, reason));
        }
        let body = read(&mut response, LARGEST_TALK, &host).await?;
        let no_token = || wrong(&format!("gives none: {host}"));
        let token: RegistryToken = serde_json::from_slice(&body).map_err(|_| no_token())?;
        let life = serde_json::from_slice::<TokenLife>(&body).ok().and_then(|life| life.expires_in);
        let life = life.map_or(TOKEN_LIFE, Duration::from_secs).min(Duration::from_hours(1));
        let header = HeaderValue::from_str(&token.bearer_token()).map_err(|_| no_token())?;
        Ok(Token { header: secret(header), until: Instant::now() + life.saturating_sub(TOKEN_MARGIN) })
    }

    async fn send(&self, request: &Request<'_>, told: Option<&HeaderValue>) -> Result<Response, Failure> {
        let place = request.place;
        let mut asked = self.client(place.route)?.request(request.method.clone(), place.url(request.path));
        if !request.accept.is_empty() {
            asked = asked.header(header::ACCEPT, request.accept.join(", "));
        }
        if let Some(told) = told {
            asked = asked.header(header::AUTHORIZATION, told.clone());
        }
        if let Some((media_type, bytes)) = request.body {
            asked = asked.header(header::CONTENT_TYPE, media_type).body(bytes.to_vec());
        }
        exchange(asked, &place.host).await
    }

    fn client(&self, route: Route) -> Result<&Client, Failure> {
        let client = self.clients[route as usize].get_or_init(|| client(route));
        client.as_ref().map_err(|reason| Failure::new(FailureKind::Wrong, format!("HTTP does not work here: {reason}")))
    }
}

impl Token {
    fn header(&self) -> HeaderValue {
        self.header.clone()
    }
}

impl Request<'_> {
    pub(super) fn error(&self, kind: FailureKind, reason: impl Into<String>) -> RegistryError {
        RegistryError { host: self.place.host.clone(), what: self.what.clone(), kind, reason: reason.into() }
    }

    fn token_key(&self) -> (String, String, Access) {
        (self.place.host.clone(), self.place.path.clone(), self.access)
    }
}

/// The client of a route. One for this machine goes through no proxy, and a secure one never speaks in the clear.
fn client(route: Route) -> Result<Client, String> {
    // Some other part of the process may have chosen one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let redirects = redirect::Policy::custom(|attempt| {
        let is_secret = attempt.previous().iter().any(|before| before.scheme() == "https");
        if attempt.previous().len() > MOST_REDIRECTS || (is_secret && attempt.url().scheme() != "https") {
            return attempt.stop();
        }
        attempt.follow()
    });
    let builder = Client::builder()
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .redirect(redirects);
    let builder = match route {
        Route::Loopback => builder.no_proxy().tls_certs_only([]),
        Route::Plain => builder,
        Route::Secure => builder.https_only(true),
    };
    builder.build().map_err(|error| root_cause(&error))
}

/// Sends a request and reads the head of the answer.
async fn exchange(asked: RequestBuilder, host: &str) -> Result<Response, Failure> {
    asked.send().await.map_err(|error| not_reached(&error, host))
}

/// Why there is no answer.
fn not_reached(error: &reqwest::Error, host: &str) -> Failure {
    if error.is_timeout() {
        return Failure::new(FailureKind::Unavailable, format!("{host} did not answer in time"));
    }
    let cause = root_cause(error);
    if is_tls(error) {
        let reason = format!(
            "{cause}; name who signed its certificate in SSL_CERT_FILE, or list {host} in `insecure-registries` if it speaks \
             plain HTTP"
        );
        return Failure::new(FailureKind::Wrong, reason);
    }
    match error.is_builder() {
        true => Failure::new(FailureKind::Wrong, cause),
        false => Failure::new(FailureKind::Unavailable, cause),
    }
}

/// Reads an answer, and says what is wrong with it.
async fn finish(request: &Request<'_>, mut response: Response) -> Result<Answer, Failure> {
    let host = &request.place.host;
    let status = response.status();
    if status.is_success() {
        let body = read(&mut response, request.largest, host).await?;
        return Ok(Answer { status, headers: std::mem::take(response.headers_mut()), body });
    }
    let after = retry_after(&response);
    let body = read(&mut response, LARGEST_TALK, host).await?;
    if status == StatusCode::NOT_FOUND {
        return Ok(Answer { status, headers: HeaderMap::new(), body });
    }
    let answered = format!("it answered {}{}", shown(status), said(&body));
    let passes = [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT];
    if status.is_server_error() || passes.contains(&status) {
        return Err(Failure { after, ..Failure::new(FailureKind::Unavailable, answered) });
    }
    if status == StatusCode::FORBIDDEN {
        let can = if request.access == Access::Pull { "pull from" } else { "push to" };
        let reason = format!("{answered}; see that {} exists and that you may {can} it", request.place.path);
        return Err(Failure::new(FailureKind::Refused, reason));
    }
    Err(Failure::new(FailureKind::Wrong, format!("{answered}; see whether {host} is a registry")))
}

/// Reads a body that must not be larger than some size.
async fn read(response: &mut Response, largest: usize, host: &str) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| not_reached(&error, host))? {
        if body.len() + chunk.len() > largest {
            return Err(Failure::new(FailureKind::Wrong, format!("{host} answered with more than {largest} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// When it wants to be asked again: a number of seconds or a date (RFC 9110, section 10.2.3).
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(date - Timestamp::now()).unwrap_or_default())
}

/// `404 Not Found`.
fn shown(status: StatusCode) -> String {
    let reason = status.canonical_reason().map(|reason| format!(" {reason}")).unwrap_or_default();
    format!("{}{reason}", status.as_str())
}

/// The codes of the errors in a body, where it has some. What else it says is for nobody: it may repeat a secret.
fn said(body: &[u8]) -> String {
    let Ok(envelope) = serde_json::from_slice::<OciEnvelope>(body) else { return String::new() };
    let code = |code| serde_json::to_value(code).ok()?.as_str().map(str::to_owned);
    let is_code =
        |code: &String| code.len() <= 40 && code.bytes().all(|byte| byte == b'_' || byte.is_ascii_uppercase());
    let codes: Vec<String> =
        envelope.errors.iter().filter_map(|error| code(&error.code)).filter(is_code).take(3).collect();
    if codes.is_empty() { String::new() } else { format!(" ({})", codes.join(", ")) }
}

fn basic(user: &str, password: &str) -> Result<HeaderValue, Failure> {
    let text = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    HeaderValue::from_str(&text)
        .map(secret)
        .map_err(|_| Failure::new(FailureKind::Refused, "its credentials cannot be sent"))
}

/// The same, but never printed.
fn secret(mut header: HeaderValue) -> HeaderValue {
    header.set_sensitive(true);
    header
}

fn encoded<'p>(pairs: impl Iterator<Item = (&'p str, &'p str)>) -> String {
    // The query of an address has the form of a form.
    let Ok(mut url) = reqwest::Url::parse("http://localhost/") else { return String::new() };
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

/// The innermost reason, which is the one that people can do something about.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "nobody listens there".to_owned(),
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof) => {
            "the connection was dropped".to_owned()
        }
        _ if error.is_connect() || error.is_builder() => cause.to_string(),
        _ if cause.to_string().contains("closed") || error.is_body() => "the connection was dropped".to_owned(),
        _ => cause.to_string(),
    }
}

/// Whether the two could not agree on how to speak in secret.
fn is_tls(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.source();
    while let Some(source) = cause {
        if source.is::<rustls::Error>() {
            return true;
        }
        // What an I/O error is made of is not its source.
        let inner = source.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = match inner {
            Some(inner) => Some(inner),
            None => source.source(),
        };
    }
    false
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
