//! Turns a [`Job`] into the argument vectors of `docker`. Values that come from a repository or its configuration stand
//! behind the `=` of their flag, so that none of them can be taken for a flag. It starts nothing.

use std::ffi::OsString;
use std::path::Path;

use crate::execute::builder::Job;

/// What builds: how the `docker` of this machine gets at BuildKit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    /// `docker buildx build`.
    Buildx {
        /// Whether the builder is the daemon itself, whose images `docker push` can push. Others (`docker-container`,
        /// `kubernetes`, `remote`) push what they build themselves.
        is_daemon: bool,
        /// Whether it can print its progress as JSON.
        has_raw_progress: bool,
    },
    /// `docker build`, by clients before 23.0, which speak to the BuildKit of the daemon without buildx.
    Plain,
}

/// What becomes of what is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The daemon has it.
    Daemon,
    /// It stays with the builder, until it is pushed.
    Builder,
    /// The registry has it.
    Registry,
}

/// The files that a build writes for its caller.
#[derive(Clone, Copy, Debug)]
pub(super) struct ResultFiles<'f> {
    /// The metadata of buildx, as JSON.
    pub(super) metadata: &'f Path,
    /// The id of the image, for [`Client::Plain`].
    pub(super) image_id: &'f Path,
}

/// What a build could not be told, because this client knows no such thing.
pub(super) type LeftOut = Vec<String>;

/// Where a build puts its image.
pub(super) fn target_of_build(client: Client, job: &Job) -> Target {
    let has_own_store = matches!(client, Client::Buildx { is_daemon: false, .. });
    // What is pushed later need not pass through the daemon, and several platforms cannot.
    match has_own_store && (job.is_pushed || job.platforms.len() > 1) {
        true => Target::Builder,
        false => Target::Daemon,
    }
}

/// The argument vector of a build, and what it could not be told. Without files it is for people to read.
pub(super) fn build(
    client: Client,
    job: &Job,
    target: Target,
    files: Option<ResultFiles<'_>>,
) -> (Vec<OsString>, LeftOut) {
    let settings = &job.settings;
    let mut argv = Arguments::default();
    match client {
        Client::Buildx { has_raw_progress, .. } => {
            argv.words(&["docker", "buildx", "build"]);
            argv.flag("progress", if has_raw_progress { "rawjson" } else { "plain" });
            if let Some(files) = files {
                argv.flag("metadata-file", files.metadata);
            }
        }
        Client::Plain => {
            argv.words(&["docker", "build"]);
            argv.flag("progress", "plain");
            if let Some(files) = files {
                argv.flag("iidfile", files.image_id);
            }
        }
    }
    argv.flag("platform", job.platforms.join(","));
    if let Some(dockerfile) = &job.dockerfile {
        argv.flag("file", dockerfile);
    }
    if let Some(stage) = &settings.target {
        argv.flag("target", stage);
    }
    argv.pairs("build-arg", &settings.build_args);
    argv.pairs("label", &settings.labels);
    argv.each("secret", &settings.secrets);
    argv.each("ssh", &settings.ssh);
    let left_out = match client {
        Client::Buildx { .. } => {
            argv.each("cache-from", &settings.cache_from);
            argv.each("cache-to", &settings.cache_to);
            if !settings.provenance.is_empty() {
                argv.flag("provenance", settings.provenance.join(","));
            }
            Vec::new()
        }
        Client::Plain => argv.plain_caches(job),
    };
    match (client, target) {
        (Client::Plain, _) => argv.each("tag", &references(job)),
        (Client::Buildx { .. }, Target::Daemon) => {
            argv.word("--load");
            argv.each("tag", &references(job));
        }
        (Client::Buildx { .. }, Target::Builder) => argv.flag("output", "type=image,push=false"),
        (Client::Buildx { .. }, Target::Registry) => argv.flag("output", pushing_output(job)),
    }
    argv.word(&job.context);
    (argv.0, left_out)
}

/// What gives an image of the daemon a further name.
pub(super) fn tag(image: &str, reference: &str) -> Vec<OsString> {
    ["docker", "image", "tag", image, reference].map(OsString::from).to_vec()
}

/// What pushes one name of an image of the daemon.
pub(super) fn push(reference: &str) -> Vec<OsString> {
    ["docker", "image", "push", reference].map(OsString::from).to_vec()
}

/// The names that an image gets: its tags at its repository; without one, those of its service for the daemon alone.
pub(super) fn references(job: &Job) -> Vec<String> {
    let local = || is_name(&job.service).then(|| job.service.clone());
    let Some(repository) = job.repository.clone().or_else(local) else { return Vec::new() };
    job.tags.iter().map(|tag| format!("{repository}:{tag}")).collect()
}

/// Whether a service's name can be that of an image without a registry.
fn is_name(service: &str) -> bool {
    let is_word =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    service.split(['-', '_', '.']).all(is_word)
}

/// The value of `--output` that pushes all tags at once. It is read as CSV.
fn pushing_output(job: &Job) -> String {
    let mut output = format!("type=image,push=true,\"name={}\"", references(job).join(","));
    if job.is_insecure() {
        output.push_str(",registry.insecure=true");
    }
    output
}

#[derive(Default)]
struct Arguments(Vec<OsString>);

impl Arguments {
    fn word(&mut self, word: impl Into<OsString>) {
        self.0.push(word.into());
    }

    fn words(&mut self, words: &[&str]) {
        self.0.extend(words.iter().map(OsString::from));
    }

    /// `--name=value`.
    fn flag(&mut self, name: &str, value: impl Into<OsString>) {
        let mut flag = OsString::from(format!("--{name}="));
        flag.push(value.into());
        self.0.push(flag);
    }

    fn each(&mut self, name: &str, values: &[String]) {
        for value in values {
            self.flag(name, value);
        }
    }

    fn pairs(&mut self, name: &str, pairs: &std::collections::BTreeMap<String, String>) {
        for (key, value) in pairs {
            self.flag(name, format!("{key}={value}"));
        }
    }

    /// Without buildx, caches are images: they are read from registries and written into the image itself.
    fn plain_caches(&mut self, job: &Job) -> LeftOut {
        let mut left_out = Vec::new();
        for cache in &job.settings.cache_from {
            match cache_image(cache) {
                Some(image) => self.flag("cache-from", image),
                None => left_out.push(format!("cache-from {cache}")),
            }
        }
        for cache in &job.settings.cache_to {
            match cache.as_str() {
                "type=inline" => self.flag("build-arg", "BUILDKIT_INLINE_CACHE=1"),
                _ => left_out.push(format!("cache-to {cache}")),
            }
        }
        left_out.extend(job.settings.provenance.iter().map(|provenance| format!("provenance {provenance}")));
        left_out
    }
}

/// The image of a cache of type `registry`, which a plain name is short for.
pub(in crate::execute) fn cache_image(cache: &str) -> Option<&str> {
    if !cache.contains('=') {
        return Some(cache);
    }
    let attributes = || cache.split(',').filter_map(|attribute| attribute.split_once('='));
    attributes().find(|attribute| *attribute == ("type", "registry"))?;
    attributes().find_map(|(name, value)| (name == "ref").then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::builder::tests::job;

    const DAEMON: Client = Client::Buildx { is_daemon: true, has_raw_progress: true };
    const CONTAINER: Client = Client::Buildx { is_daemon: false, has_raw_progress: false };

    fn text(argv: &[OsString]) -> String {
        argv.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    fn build_text(client: Client, job: &Job, target: Target) -> String {
        text(&build(client, job, target, None).0)
    }

    #[test]
    fn a_build_is_told_everything_that_the_configuration_says() {
        let mut job = job();
        job.platforms = vec!["linux/amd64".into(), "linux/arm64".into()];
        job.settings.target = Some("final".into());
        job.settings.build_args = [("A".to_owned(), "1 2".to_owned()), ("B".to_owned(), String::new())].into();
        job.settings.labels = [("team".to_owned(), "--push".to_owned())].into();
        job.settings.secrets = vec!["id=npm,src=.npmrc".into()];
        job.settings.ssh = vec!["default".into()];
        job.settings.cache_from = vec!["type=registry,ref=r.io/c".into()];
        job.settings.cache_to = vec!["type=gha,mode=max".into()];
        job.settings.provenance = vec!["mode=max".into()];
        assert_eq!(
            build_text(DAEMON, &job, Target::Daemon),
            "docker buildx build --progress=rawjson --platform=linux/amd64,linux/arm64 --file=/repo/Dockerfile \
             --target=final --build-arg=A=1 2 --build-arg=B= --label=team=--push --secret=id=npm,src=.npmrc \
             --ssh=default --cache-from=type=registry,ref=r.io/c --cache-to=type=gha,mode=max --provenance=mode=max \
             --load --tag=r.io/api:a --tag=r.io/api:b /repo"
        );
    }

    #[test]
    fn a_builder_that_is_not_the_daemon_keeps_what_is_pushed_later() {
        let mut job = job();
        assert_eq!(target_of_build(CONTAINER, &job), Target::Daemon);
        assert_eq!(target_of_build(DAEMON, &job), Target::Daemon);
        job.is_pushed = true;
        assert_eq!(target_of_build(CONTAINER, &job), Target::Builder);
        assert_eq!(target_of_build(DAEMON, &job), Target::Daemon);
        let built = build_text(CONTAINER, &job, Target::Builder);
        assert!(built.contains("--output=type=image,push=false") && !built.contains("--tag"), "{built}");
        job.settings.insecure_registries = vec!["r.io".into()];
        let pushed = build_text(CONTAINER, &job, Target::Registry);
        let output = "--output=type=image,push=true,\"name=r.io/api:a,r.io/api:b\",registry.insecure=true";
        assert!(pushed.contains(output), "{pushed}");
    }

    #[test]
    fn without_buildx_what_the_client_does_not_know_is_left_out_and_said() {
        let mut job = job();
        job.settings.cache_from = vec!["type=registry,ref=r.io/c:x".into(), "r.io/d".into(), "type=gha".into()];
        job.settings.cache_to = vec!["type=inline".into(), "type=s3,bucket=b".into()];
        job.settings.provenance = vec!["false".into()];
        let (argv, left_out) = build(Client::Plain, &job, Target::Daemon, None);
        assert_eq!(
            text(&argv),
            "docker build --progress=plain --platform=linux/amd64 --file=/repo/Dockerfile --cache-from=r.io/c:x \
             --cache-from=r.io/d --build-arg=BUILDKIT_INLINE_CACHE=1 --tag=r.io/api:a --tag=r.io/api:b /repo"
        );
        assert_eq!(left_out, ["cache-from type=gha", "cache-to type=s3,bucket=b", "provenance false"]);
    }

    #[test]
    fn an_image_without_a_repository_is_named_like_its_service_if_it_can_be() {
        let mut job = job();
        job.repository = None;
        assert_eq!(references(&job), ["api:a", "api:b"]);
        for odd in ["Api", "a b", "a--b", "-a", "$(x)", ""] {
            odd.clone_into(&mut job.service);
            assert!(references(&job).is_empty(), "{odd}");
        }
    }
}
