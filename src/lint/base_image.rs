//! Turns the name of a base image into what is known of it: its kind, its tag, its user. Nothing is asked of a registry;
//! an image that is not known by its name is of no kind.

use crate::go::modfile::go_version;

/// The parts of an image reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BaseImage<'a> {
    /// What is written.
    pub(super) text: &'a str,
    /// Without tag and digest.
    pub(super) repository: &'a str,
    pub(super) tag: Option<&'a str>,
    pub(super) has_digest: bool,
}

/// What is in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing.
    Scratch,
    /// Certificates, time zones, a user; no C library, no shell.
    Static,
    /// The same with glibc.
    Glibc,
    /// musl, a shell, `apk`.
    Alpine,
    /// A shell, and nothing else.
    Busybox,
    /// A general-purpose distribution: megabytes of programs and libraries. Whether it has certificates.
    Distribution { has_certificates: bool },
    /// A Go toolchain.
    Go,
    /// Not known.
    Unknown,
}

impl<'a> BaseImage<'a> {
    pub(super) fn read(text: &'a str) -> Self {
        let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
            _ => (name, None),
        };
        Self { text, repository, tag: tag.filter(|tag| !tag.is_empty()), has_digest: digest.is_some() }
    }

    /// Whether a part of the name is not known.
    pub(super) fn is_unknown(&self) -> bool {
        self.text.contains('$') || self.text.is_empty()
    }

    /// Whether the name may be that of an image which only this machine has, or of a context that the command line gives:
    /// it names no registry and nobody, and is no official image that is known.
    pub(super) fn may_be_local(&self) -> bool {
        const OFFICIAL: [&str; 24] = [
            "bash",
            "caddy",
            "composer",
            "docker",
            "eclipse-temurin",
            "elixir",
            "gradle",
            "haproxy",
            "httpd",
            "mariadb",
            "maven",
            "memcached",
            "mongo",
            "mysql",
            "nginx",
            "node",
            "openjdk",
            "perl",
            "php",
            "postgres",
            "python",
            "redis",
            "ruby",
            "rust",
        ];
        !self.repository.contains('/') && self.kind() == Kind::Unknown && !OFFICIAL.contains(&self.repository)
    }

    fn name(&self) -> &'a str {
        self.repository.rsplit('/').next().unwrap_or(self.repository)
    }

    fn is_chainguard(&self) -> bool {
        self.repository.starts_with("cgr.dev/") || self.repository.starts_with("chainguard/")
    }

    pub(super) fn kind(&self) -> Kind {
        const FULL: [&str; 10] = [
            "centos",
            "fedora",
            "rockylinux",
            "almalinux",
            "amazonlinux",
            "oraclelinux",
            "archlinux",
            "leap",
            "ubi8",
            "ubi9",
        ];
        if self.text == "scratch" {
            return Kind::Scratch;
        }
        if self.repository.contains('$') {
            return Kind::Unknown;
        }
        let name = self.name();
        if self.repository.contains("distroless/") || self.is_chainguard() {
            return match name {
                _ if name == "static" || name.starts_with("static-") => Kind::Static,
                "go" => Kind::Go,
                _ if name.starts_with("base") || name.starts_with("cc") || name == "glibc-dynamic" => Kind::Glibc,
                _ => Kind::Unknown,
            };
        }
        match name {
            "golang" | "go-toolset" => Kind::Go,
            "alpine" => Kind::Alpine,
            "busybox" => Kind::Busybox,
            "debian" | "ubuntu" => Kind::Distribution { has_certificates: false },
            "buildpack-deps" => Kind::Distribution { has_certificates: true },
            _ if FULL.contains(&name) => Kind::Distribution { has_certificates: true },
            _ => Kind::Unknown,
        }
    }

    /// Whether programs run as root unless the Dockerfile says otherwise; `None` where that is not known.
    pub(super) fn runs_as_root(&self) -> Option<bool> {
        if self.is_chainguard() || self.tag.is_some_and(|tag| tag.split('-').any(|part| part == "nonroot")) {
            return Some(false);
        }
        match self.kind() {
            Kind::Unknown => None,
            Kind::Go if self.name() != "golang" => None,
            _ => Some(true),
        }
    }

    /// The version of the toolchain in the official Go image: `1.24` or `1.24.3`.
    pub(super) fn go_version(&self) -> Option<&'a str> {
        if self.name() != "golang" {
            return None;
        }
        let version = self.tag?.split('-').next()?;
        (go_version::is_valid(version) && go_version::minor(version).is_some() && version.contains('.'))
            .then_some(version)
    }

    /// Whether it is made of Alpine.
    pub(super) fn is_alpine(&self) -> bool {
        self.kind() == Kind::Alpine || self.tag.is_some_and(|tag| tag.contains("alpine"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, kind: Kind, root: Option<bool>, go: Option<&str>) {
        let image = BaseImage::read(text);
        assert_eq!((image.kind(), image.runs_as_root(), image.go_version()), (kind, root, go), "{text}");
    }

    #[test]
    fn images_are_known_by_their_names() {
        check("scratch", Kind::Scratch, Some(true), None);
        check("gcr.io/distroless/static-debian12:nonroot", Kind::Static, Some(false), None);
        check("gcr.io/distroless/static:nonroot-${ARCH}", Kind::Static, Some(false), None);
        check("gcr.io/distroless/static", Kind::Static, Some(true), None);
        check("gcr.io/distroless/base-debian12:debug-nonroot@sha256:0", Kind::Glibc, Some(false), None);
        check("gcr.io/distroless/java21", Kind::Unknown, None, None);
        check("cgr.dev/chainguard/static", Kind::Static, Some(false), None);
        check("cgr.dev/chainguard/go:latest", Kind::Go, Some(false), None);
        check("alpine:3.20@sha256:0", Kind::Alpine, Some(true), None);
        check("registry.example.com:5000/mirror/alpine", Kind::Alpine, Some(true), None);
        check("debian:bookworm-slim", Kind::Distribution { has_certificates: false }, Some(true), None);
        check("example.com/team/base:1", Kind::Unknown, None, None);
        check("$BASE", Kind::Unknown, None, None);
    }

    #[test]
    fn the_toolchain_of_a_go_image_is_in_its_tag() {
        check("golang:1.24.3-alpine3.20", Kind::Go, Some(true), Some("1.24.3"));
        check("docker.io/library/golang:1.25rc1", Kind::Go, Some(true), Some("1.25rc1"));
        check("golang:1", Kind::Go, Some(true), None);
        check("golang:alpine", Kind::Go, Some(true), None);
        check("golang@sha256:0", Kind::Go, Some(true), None);
        check("golang:1.24${SUFFIX}", Kind::Go, Some(true), None);
    }

    #[test]
    fn ports_are_no_tags() {
        let image = BaseImage::read("localhost:5000/a/b");
        assert_eq!((image.repository, image.tag, image.has_digest), ("localhost:5000/a/b", None, false));
        let image = BaseImage::read("localhost:5000/a/b:1@sha256:0");
        assert_eq!((image.repository, image.tag, image.has_digest), ("localhost:5000/a/b", Some("1"), true));
    }
}
