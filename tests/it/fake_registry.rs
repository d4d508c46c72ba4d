//! A registry on this machine that keeps its images in a folder, where scripts put them, remembers every request, and
//! misbehaves as a test wants it to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

/// A registry that ends with the test.
pub(crate) struct FakeRegistry {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

struct Shared {
    root: PathBuf,
    requests: Mutex<Vec<String>>,
    faults: Mutex<Vec<(String, usize, Fault)>>,
    /// What it wants to be told: `Basic dTpw`, or a token for that.
    wanted: Mutex<Option<Wanted>>,
    ends: AtomicBool,
}

/// How it wants to be told who asks.
#[derive(Clone)]
pub(crate) enum Wanted {
    /// This header with each request.
    Basic(String),
    /// A token, which it gives for this header; or for this token, posted; or to anybody.
    Token(Option<String>),
    /// The same, for an identity token.
    TokenFor(String),
}

/// What it does instead of answering.
#[derive(Clone)]
pub(crate) enum Fault {
    /// Answers with a status and one more header.
    Status(u16, &'static str),
    /// Answers with a status and a body.
    Says(u16, &'static str),
    /// Closes the connection.
    Drop,
    /// Closes the connection in the middle of the body.
    DropInBody,
    /// Answers as ever, but with one header replaced; without it, if the value is empty.
    Header(&'static str, &'static str),
    /// Answers with other bytes.
    Body(&'static str),
}

/// A token that is in nobody's answer but its own.
pub(crate) const TOKEN: &str = "to.ken-0123456789";

struct Request {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl FakeRegistry {
    pub(crate) fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn on(listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        let mut this = Self::at(address);
        let shared = this.shared.clone();
        this.acceptor = Some(spawn(move || accept(&listener, &shared)));
        this
    }

    /// One that nobody listens for before some time has passed.
    pub(crate) fn start_after(pause: Duration) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut this = Self::at(address);
        let shared = this.shared.clone();
        let start = move || {
            sleep(pause);
            accept(&TcpListener::bind(address).unwrap(), &shared);
        };
        this.acceptor = Some(spawn(start));
        this
    }

    fn at(address: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shared = Shared {
            root: folder.path().to_owned(),
            requests: Mutex::default(),
            faults: Mutex::default(),
            wanted: Mutex::default(),
            ends: AtomicBool::new(false),
        };
        Self { address, shared: Arc::new(shared), acceptor: None, _folder: folder }
    }

    /// `127.0.0.1:4711`.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// Where the images are: `REPOSITORY/manifests/DIGEST`, and `REPOSITORY/tags/TAG` with a digest in it.
    pub(crate) fn root(&self) -> &Path {
        &self.shared.root
    }

    /// Puts a manifest there, and returns its digest.
    pub(crate) fn put(&self, repository: &str, manifest: &str, tags: &[&str]) -> String {
        let digest = digest_of(manifest.as_bytes());
        write(&self.root().join(repository).join("manifests").join(&digest), manifest.as_bytes());
        for tag in tags {
            write(&self.root().join(repository).join("tags").join(tag), digest.as_bytes());
        }
        digest
    }

    /// The tags of a repository, sorted, and what they are of.
    pub(crate) fn tags(&self, repository: &str) -> BTreeMap<String, String> {
        let Ok(found) = fs::read_dir(self.root().join(repository).join("tags")) else { return BTreeMap::new() };
        let tag = |entry: fs::DirEntry| {
            (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap().trim().to_owned())
        };
        found.map(|entry| tag(entry.unwrap())).collect()
    }

    /// Loses a repository.
    pub(crate) fn forget(&self, repository: &str) {
        fs::remove_dir_all(self.root().join(repository)).unwrap();
    }

    /// Does something else for the next requests that contain a text, such as `PUT /v2/a/`.
    pub(crate) fn fail(&self, requests: &str, times: usize, fault: Fault) {
        self.shared.faults.lock().unwrap().push((requests.to_owned(), times, fault));
    }

    /// Behaves again.
    pub(crate) fn mend(&self) {
        self.shared.faults.lock().unwrap().clear();
        *self.shared.wanted.lock().unwrap() = None;
    }

    pub(crate) fn want(&self, wanted: Wanted) {
        *self.shared.wanted.lock().unwrap() = Some(wanted);
    }

    /// The requests since the last time: `HEAD /v2/a/manifests/latest`, in their order.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.shared.requests.lock().unwrap())
    }
}

impl Drop for FakeRegistry {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::SeqCst);
        // Whoever is not listening yet will see that it ends.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take().filter(JoinHandle::is_finished) {
            let _ = acceptor.join();
        }
    }
}

/// `sha256:…`.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// The manifest of an image with one layer of some size.
pub(crate) fn image(size: u64) -> String {
    format!(
        r#"{{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
 "config": {{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "{config}", "size": 2}},
 "layers": [{{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": "{config}", "size": {size}}}]}}"#,
        config = digest_of(b"{}"),
    )
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.ends.load(Ordering::SeqCst) {
            return;
        }
        let (Ok(stream), shared) = (stream, shared.clone()) else { return };
        spawn(move || serve(&stream, &shared));
    }
}

/// Answers the requests of one connection.
fn serve(mut stream: &TcpStream, shared: &Shared) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(request) = read(&mut reader) {
        let line = format!("{} {}", request.method, request.path);
        shared.requests.lock().unwrap().push(line.clone());
        let fault = shared.next_fault(&line);
        let mut answer = match &fault {
            Some(Fault::Status(status, header)) => Answer::status(*status).with(header),
            Some(Fault::Says(status, body)) => Answer { body: body.as_bytes().to_vec(), ..Answer::status(*status) },
            Some(Fault::Drop) => break,
            _ => shared.answer(&request),
        };
        match &fault {
            Some(Fault::Header(name, "")) => drop(answer.headers.remove(*name)),
            Some(Fault::Header(name, value)) => drop(answer.headers.insert((*name).into(), (*value).into())),
            Some(Fault::Body(body)) => answer.body = body.as_bytes().to_vec(),
            _ => {}
        }
        let is_cut = matches!(fault, Some(Fault::DropInBody));
        let mut text = format!("HTTP/1.1 {} X\r\n", answer.status);
        answer.headers.entry("content-length".into()).or_insert_with(|| answer.body.len().to_string());
        for (name, value) in &answer.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("\r\n");
        let body = if request.method == "HEAD" { &[][..] } else { &answer.body };
        let body = if is_cut { &body[..body.len() / 2] } else { body };
        if stream.write_all(&[text.as_bytes(), body].concat()).is_err() || is_cut {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = || {
        let mut text = String::new();
        let length = reader.read_line(&mut text).ok()?;
        (length > 0).then(|| text.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let text = line()?;
        let Some((name, value)) = text.split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, headers, body })
}

impl Shared {
    fn next_fault(&self, line: &str) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        let (_, times, fault) = faults.iter_mut().find(|(part, times, _)| *times > 0 && line.contains(part))?;
        *times -= 1;
        Some(fault.clone())
    }

    fn answer(&self, request: &Request) -> Answer {
        let wanted = self.wanted.lock().unwrap().clone();
        let told = request.headers.get("authorization").map_or("", String::as_str);
        if request.path.starts_with("/token") {
            return give_token(wanted.as_ref(), request, told);
        }
        let refused = |challenge: String| Answer::status(401).with(&format!("www-authenticate: {challenge}"));
        match wanted {
            Some(Wanted::Basic(basic)) if told != basic => return refused("Basic realm=\"fake\"".to_owned()),
            Some(Wanted::Token(_) | Wanted::TokenFor(_)) if told != format!("Bearer {TOKEN}") => {
                let host = &request.headers["host"];
                return refused(format!("Bearer realm=\"http://{host}/token\",service=\"fake\",scope=\"none\""));
            }
            _ => {}
        }
        let Some(rest) = request.path.strip_prefix("/v2/") else { return Answer::status(404) };
        if let Some((repository, reference)) = rest.split_once("/manifests/") {
            return self.manifest(request, repository, reference);
        }
        match rest.split_once("/tags/list") {
            Some((repository, query)) => self.list(repository, query),
            None => Answer::status(404),
        }
    }

    fn manifest(&self, request: &Request, repository: &str, reference: &str) -> Answer {
        let folder = self.root.join(repository);
        let at = |digest: &str| folder.join("manifests").join(digest);
        if request.method == "PUT" {
            let digest = digest_of(&request.body);
            write(&at(&digest), &request.body);
            write(&at(&(digest.clone() + ".type")), request.headers["content-type"].as_bytes());
            if !reference.starts_with("sha256:") {
                write(&folder.join("tags").join(reference), digest.as_bytes());
            }
            return Answer::status(201).with("location: /nowhere");
        }
        let tagged = fs::read_to_string(folder.join("tags").join(reference)).ok();
        let digest = tagged.map_or(reference.to_owned(), |digest| digest.trim().to_owned());
        match fs::read(at(&digest)) {
            Ok(body) => Answer { body, ..Answer::status(200) }
                .with(&format!("docker-content-digest: {digest}"))
                .with("content-type: application/vnd.oci.image.manifest.v1+json"),
            Err(_) => Answer::status(404),
        }
    }

    /// Two tags on each page.
    fn list(&self, repository: &str, query: &str) -> Answer {
        let Ok(found) = fs::read_dir(self.root.join(repository).join("tags")) else { return Answer::status(404) };
        let mut tags: Vec<String> = found.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        tags.sort();
        let last = query.split_once("last=").map(|(_, last)| last.to_owned()).unwrap_or_default();
        tags.retain(|tag| *tag > last);
        let more = tags.len() > 2;
        tags.truncate(2);
        let answer =
            Answer { body: serde_json::json!({"name": "x", "tags": tags}).to_string().into(), ..Answer::status(200) };
        if more { answer.with("link: <http://elsewhere.example.com/>; rel=\"next\"") } else { answer }
    }
}

fn give_token(wanted: Option<&Wanted>, request: &Request, told: &str) -> Answer {
    let token = |name: &str| Answer {
        body: serde_json::json!({name: TOKEN, "expires_in": 300}).to_string().into(),
        ..Answer::status(200)
    };
    match wanted {
        Some(Wanted::Token(basic)) if told == basic.as_deref().unwrap_or_default() => {
            assert!(request.path.contains("scope=repository%3A") && request.path.contains("service=fake"));
            token("token")
        }
        Some(Wanted::TokenFor(identity)) => {
            let form = String::from_utf8(request.body.clone()).unwrap();
            let right =
                form.contains("grant_type=refresh_token") && form.contains(&format!("refresh_token={identity}"));
            if right { token("access_token") } else { Answer::status(401) }
        }
        _ => Answer::status(401),
    }
}

impl Answer {
    fn status(status: u16) -> Self {
        Self { status, headers: BTreeMap::new(), body: Vec::new() }
    }

    fn with(mut self, header: &str) -> Self {
        let (name, value) = header.split_once(": ").unwrap_or((header, ""));
        if !name.is_empty() {
            self.headers.insert(name.to_owned(), value.to_owned());
        }
        self
    }
}
