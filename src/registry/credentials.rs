//! Turns the files that `docker login`, `podman login` and `buildah login` write, and the helpers that they name, into
//! the credentials of one place. It never prints one, and gives one to nobody but the registry that it is filed for.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::{Mutex, oneshot};

use crate::registry::place::Place;

/// More than any such file has.
const LARGEST_FILE: u64 = 4 << 20;

/// How long a helper may take; some ask the user.
const LONGEST_HELP: Duration = Duration::from_secs(30);

/// What a helper prints that has nothing for a registry.
const NOTHING_THERE: &str = "credentials not found in native keychain";

/// What a registry is told.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Credential {
    /// Nothing.
    None,
    /// A user and a password.
    Basic(String, String),
    /// What only buys other tokens.
    Identity(String),
}

/// Where credentials are filed.
#[derive(Clone, Debug, Default)]
pub struct Credentials(Arc<Inner>);

#[derive(Default)]
struct Inner {
    paths: Vec<PathBuf>,
    files: OnceLock<Vec<Filed>>,
    known: Mutex<BTreeMap<(usize, String), Result<Credential, String>>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("paths", &self.paths).finish_non_exhaustive()
    }
}

/// One file.
struct Filed {
    path: PathBuf,
    bytes: Vec<u8>,
    /// `Err` if it is not as it should be.
    index: Result<Index, ()>,
}

/// What a file has something for.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Index {
    auths: Option<Map<String, Value>>,
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
}

impl Credentials {
    /// The files that an environment points to, in the order in which they are asked: `$REGISTRY_AUTH_FILE`, that of
    /// Docker, those of podman and buildah.
    pub fn of(environment: impl Fn(&str) -> Option<OsString>) -> Self {
        let folder = |name: &str| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = |below: &str| folder("HOME").map(|home| home.join(below));
        let containers = |folder: PathBuf| folder.join("containers/auth.json");
        let paths = [
            folder("REGISTRY_AUTH_FILE"),
            folder("DOCKER_CONFIG").or_else(|| home(".docker")).map(|folder| folder.join("config.json")),
            folder("XDG_RUNTIME_DIR").map(containers),
            folder("XDG_CONFIG_HOME").or_else(|| home(".config")).map(containers),
        ];
        Self(Arc::new(Inner { paths: paths.into_iter().flatten().collect(), ..Inner::default() }))
    }

    /// The credential for a place; [`Credential::None`] if there is none.
    ///
    /// # Errors
    /// If there may be one, but it cannot be had.
    pub(super) async fn find(&self, place: &Place) -> Result<Credential, String> {
        let files = self.0.files.get_or_init(|| self.0.paths.iter().filter_map(|path| read(path)).collect());
        for (number, file) in files.iter().enumerate() {
            let index = file.index.as_ref().map_err(|()| not_readable(&file.path))?;
            let Some(name) = index.name_of(place) else { continue };
            // A helper is asked once, however many want to know.
            let mut known = self.0.known.lock().await;
            let credential = match known.get(&(number, name.clone())) {
                Some(credential) => credential.clone(),
                None => {
                    let found = file.ask(&name).await;
                    known.insert((number, name), found.clone());
                    found
                }
            }?;
            if credential != Credential::None {
                return Ok(credential);
            }
        }
        Ok(Credential::None)
    }
}

fn read(path: &Path) -> Option<Filed> {
    let mut bytes = Vec::new();
    let found = File::open(path).and_then(|file| file.take(LARGEST_FILE).read_to_end(&mut bytes));
    let index = match found {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return None,
        Err(_) => Err(()),
        Ok(_) => serde_json::from_slice(&bytes).map_err(drop),
    };
    Some(Filed { path: path.to_owned(), bytes, index })
}

fn not_readable(path: &Path) -> String {
    format!("the credentials in {} cannot be read; mend or remove that file", path.display())
}

impl Index {
    /// What a file calls a place, if it, or the helper for all, has something for it.
    fn name_of(&self, place: &Place) -> Option<String> {
        let is_filed = |name: &str| {
            let auths = self.auths.iter().flat_map(Map::keys);
            let helpers = self.cred_helpers.iter().flat_map(BTreeMap::keys);
            auths.chain(helpers).any(|filed| filed == name || host_of(filed) == Some(name))
        };
        let named = place.credential_names().into_iter().find(|name| is_filed(name));
        named.or_else(|| self.creds_store.as_ref().map(|_| place.helper_name()))
    }

    fn helper_of(&self, name: &str) -> String {
        let own = self.cred_helpers.as_ref().and_then(|helpers| helpers.get(name));
        own.or(self.creds_store.as_ref()).cloned().unwrap_or_default()
    }
}

/// The host in a name that is written as an address.
fn host_of(filed: &str) -> Option<&str> {
    let rest = filed.strip_prefix("https://").or_else(|| filed.strip_prefix("http://"))?;
    rest.split('/').next()
}

impl Filed {
    /// Reads the credential on a thread of its own: what it takes may be a program that waits for the user.
    async fn ask(&self, name: &str) -> Result<Credential, String> {
        let helper = self.index.as_ref().map(|index| index.helper_of(name)).unwrap_or_default();
        let helper = format!("docker-credential-{helper}");
        let (sender, receiver) = oneshot::channel();
        let (bytes, asked) = (self.bytes.clone(), name.to_owned());
        std::thread::spawn(move || sender.send(get_credential_from_reader(bytes.as_slice(), &asked)));
        let Ok(found) = tokio::time::timeout(LONGEST_HELP, receiver).await else {
            return Err(format!("the credential helper `{helper}` does not end; see why it waits"));
        };
        let mend = "run it by hand with `get`, or log in again";
        match found.unwrap_or(Err(CredentialRetrievalError::HelperCommunicationError)) {
            Ok(DockerCredential::UsernamePassword(user, password)) if user.is_empty() && password.is_empty() => {
                Ok(Credential::None)
            }
            Ok(DockerCredential::UsernamePassword(user, password)) => Ok(Credential::Basic(user, password)),
            Ok(DockerCredential::IdentityToken(token)) => Ok(Credential::Identity(token)),
            Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(Credential::None),
            Err(CredentialRetrievalError::HelperFailure { stdout, .. }) if stdout.trim() == NOTHING_THERE => {
                Ok(Credential::None)
            }
            // What the helper printed may be the very secret.
            Err(CredentialRetrievalError::HelperFailure { .. }) => {
                Err(format!("the credential helper `{helper}` failed; {mend}"))
            }
            Err(CredentialRetrievalError::HelperCommunicationError) => {
                Err(format!("the credential helper `{helper}` cannot be run, or ends at once; install it or mend it"))
            }
            Err(CredentialRetrievalError::MalformedHelperResponse) => {
                Err(format!("the credential helper `{helper}` answers what is no credential; {mend}"))
            }
            Err(_) => Err(not_readable(&self.path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The credential for a repository, as text, with these files.
    #[track_caller]
    fn check(files: &[(&str, &str)], repository: &str, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let environment = |name: &str| match name {
            "HOME" => Some(folder.path().into()),
            "XDG_RUNTIME_DIR" => Some(folder.path().join("run").into()),
            "REGISTRY_AUTH_FILE" => Some(folder.path().join("named.json").into()),
            _ => None,
        };
        let place = Place::of(repository, &BTreeSet::new()).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let found = match runtime.block_on(Credentials::of(environment).find(&place)) {
            Ok(Credential::None) => "none".to_owned(),
            Ok(Credential::Basic(user, password)) => format!("{user}:{password}"),
            Ok(Credential::Identity(token)) => format!("identity {token}"),
            Err(reason) => reason.replace(folder.path().to_str().unwrap(), "~"),
        };
        assert_eq!(found, expected);
    }

    /// `auth` is `u:p` or `v:q`.
    const U_P: &str = r#"{"auths": {"r.io": {"auth": "dTpw"}}}"#;

    #[test]
    fn a_credential_goes_only_to_the_registry_that_it_is_filed_for() {
        let docker = ".docker/config.json";
        check(&[(docker, U_P)], "r.io/a", "u:p");
        check(&[(docker, U_P)], "r.io.example.com/a", "none");
        check(&[(docker, U_P)], "r.io:5000/a", "none");
        check(&[(docker, U_P)], "a", "none");
        check(&[], "r.io/a", "none");
        let hub = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "dTpw"}}}"#;
        check(&[(docker, hub)], "acme/a", "u:p");
        check(&[(docker, hub)], "r.io/a", "none");
        check(&[(docker, r#"{"auths": {"https://r.io/v2/": {"auth": "dTpw"}}}"#)], "r.io/a", "u:p");
        check(&[(docker, r#"{"auths": {"r.io": {"identitytoken": "t"}}}"#)], "r.io/a", "identity t");
        check(&[(docker, r#"{"auths": {"r.io": {}}}"#)], "r.io/a", "none");
    }

    #[test]
    fn the_files_of_podman_and_buildah_count_too() {
        let other = r#"{"auths": {"r.io": {"auth": "djpx"}}}"#;
        check(&[("run/containers/auth.json", U_P)], "r.io/a", "u:p");
        check(&[(".config/containers/auth.json", U_P)], "r.io/a", "u:p");
        check(&[("named.json", U_P), (".docker/config.json", other)], "r.io/a", "u:p");
        check(&[("named.json", "{}"), (".docker/config.json", other)], "r.io/a", "v:q");
        let narrow = r#"{"auths": {"r.io": {"auth": "dTpw"}, "r.io/acme": {"auth": "djpx"}}}"#;
        check(&[("named.json", narrow)], "r.io/acme/a", "v:q");
        check(&[("named.json", narrow)], "r.io/other/a", "u:p");
    }

    #[test]
    fn what_cannot_be_had_is_said_and_not_taken_for_nothing() {
        let broken = "the credentials in ~/.docker/config.json cannot be read; mend or remove that file";
        for text in ["{", r#"{"auths": {"r.io": {"auth": "%"}}}"#, r#"{"auths": {"r.io": {"auth": 3}}}"#] {
            check(&[(".docker/config.json", text)], "r.io/a", broken);
        }
        let missing = r#"{"credsStore": "no-such-helper"}"#;
        let said = "the credential helper `docker-credential-no-such-helper` cannot be run, or ends at once; install it or mend it";
        check(&[(".docker/config.json", missing)], "r.io/a", said);
        let own = r#"{"credHelpers": {"r.io": "no-such-helper"}}"#;
        check(&[(".docker/config.json", own)], "r.io/a", said);
        check(&[(".docker/config.json", own)], "other.io/a", "none");
    }
}
