//! Turns the name of an image repository into where it is: host, path, and how the host is spoken to.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::config::{check_repository, split_repository};

/// The registry of repositories that name none, as people and credentials know it.
const DOCKER_HUB: &str = "docker.io";

/// Where Docker Hub answers.
const DOCKER_HUB_ENDPOINT: &str = "registry-1.docker.io";

/// An image repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The registry as the user writes it.
    pub(super) host: String,
    /// The repository within it.
    pub(super) path: String,
    pub(super) route: Route,
}

/// How a host is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Route {
    /// Plain HTTP on this machine, never through a proxy.
    Loopback,
    /// Plain HTTP, because the configuration allows it.
    Plain,
    /// HTTPS only.
    Secure,
}

impl Route {
    /// How a host, with or without port, is spoken to.
    pub(super) fn to(host: &str, insecure: &BTreeSet<String>) -> Self {
        if is_loopback(host) {
            Self::Loopback
        } else if insecure.contains(host) {
            Self::Plain
        } else {
            Self::Secure
        }
    }
}

impl Place {
    /// The place of a repository such as `ghcr.io/acme/auth`.
    ///
    /// # Errors
    /// What is wrong with the name.
    pub(super) fn of(repository: &str, insecure: &BTreeSet<String>) -> Result<Self, String> {
        check_repository(repository)?;
        let (host, path) = split_repository(repository);
        let host = match host {
            None | Some("index.docker.io" | DOCKER_HUB_ENDPOINT) => DOCKER_HUB,
            Some(host) => host,
        };
        let path = match host == DOCKER_HUB && !path.contains('/') {
            true => format!("library/{path}"),
            false => path.to_owned(),
        };
        Ok(Self { host: host.to_owned(), path, route: Route::to(host, insecure) })
    }

    /// The address of something in the repository: `manifests/latest`.
    pub(super) fn url(&self, what: &str) -> String {
        let scheme = if self.route == Route::Secure { "https" } else { "http" };
        let host = if self.host == DOCKER_HUB { DOCKER_HUB_ENDPOINT } else { &self.host };
        format!("{scheme}://{host}/v2/{}/{what}", self.path)
    }

    /// The names under which credentials for it may be filed, the narrowest first.
    pub(super) fn credential_names(&self) -> Vec<String> {
        let whole = format!("{}/{}", self.host, self.path);
        let mut names: Vec<String> =
            whole.rmatch_indices('/').map(|(at, _)| whole[..at].to_owned()).filter(|name| *name != self.host).collect();
        names.insert(0, whole);
        if self.host == DOCKER_HUB {
            names.extend(["https://index.docker.io/v1/".to_owned(), "index.docker.io".to_owned()]);
        }
        names.push(self.host.clone());
        names
    }

    /// The name under which Docker's helpers know the host.
    pub(super) fn helper_name(&self) -> String {
        if self.host == DOCKER_HUB { "https://index.docker.io/v1/".to_owned() } else { self.host.clone() }
    }
}

/// Whether a host, with or without port, is this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(repository: &str, host: &str, url: &str) {
        let place = Place::of(repository, &BTreeSet::from(["10.0.0.1:5000".to_owned()])).unwrap();
        assert_eq!((place.host.as_str(), place.url("tags/list").as_str()), (host, url));
    }

    #[test]
    fn plain_http_is_for_this_machine_and_for_what_the_configuration_names() {
        check("ghcr.io/acme/auth", "ghcr.io", "https://ghcr.io/v2/acme/auth/tags/list");
        check("localhost:5000/auth", "localhost:5000", "http://localhost:5000/v2/auth/tags/list");
        check("localhost/auth", "localhost", "http://localhost/v2/auth/tags/list");
        check("127.9.0.1:5000/auth", "127.9.0.1:5000", "http://127.9.0.1:5000/v2/auth/tags/list");
        check("[::1]:5000/auth", "[::1]:5000", "http://[::1]:5000/v2/auth/tags/list");
        check("10.0.0.1:5000/auth", "10.0.0.1:5000", "http://10.0.0.1:5000/v2/auth/tags/list");
        check("10.0.0.1/auth", "10.0.0.1", "https://10.0.0.1/v2/auth/tags/list");
        check("127.0.0.1.example.com/a", "127.0.0.1.example.com", "https://127.0.0.1.example.com/v2/a/tags/list");
        check("localhost.example.com/a", "localhost.example.com", "https://localhost.example.com/v2/a/tags/list");
    }

    #[test]
    fn names_without_a_registry_are_those_of_docker_hub() {
        check("auth", "docker.io", "https://registry-1.docker.io/v2/library/auth/tags/list");
        check("acme/auth", "docker.io", "https://registry-1.docker.io/v2/acme/auth/tags/list");
        check("index.docker.io/acme/auth", "docker.io", "https://registry-1.docker.io/v2/acme/auth/tags/list");
        assert!(Place::of("https://ghcr.io/a", &BTreeSet::new()).unwrap_err().contains("has a scheme"));
    }

    #[test]
    fn credentials_of_a_narrower_place_come_first() {
        let names = |repository: &str| Place::of(repository, &BTreeSet::new()).unwrap().credential_names();
        assert_eq!(
            names("quay.io/acme/shop/auth")[..3],
            ["quay.io/acme/shop/auth", "quay.io/acme/shop", "quay.io/acme"]
        );
        assert_eq!(names("quay.io/auth"), ["quay.io/auth", "quay.io"]);
        let hub = names("acme/auth");
        assert_eq!(hub[2..], ["https://index.docker.io/v1/", "index.docker.io", "docker.io"]);
    }
}
