//! The keys of `build-plan.toml`: for each its name, what it does, what it means to leave it out, the kind of its value
//! and where that goes. Nothing else in this module knows a key by name, except for the checks across several keys.

use std::num::NonZeroUsize;

use serde_json::{Value, json};
use toml::de::DeValue;

use super::error::Problems;
use super::kinds::{Boolean, Choice, Integer, Item, KeyPath, Kind, List, RuleName};
use super::section::{Field, Section};
use super::words::{
    ARGUMENT, BRANCH, BUILD_ARGS, BUILD_TAG, CACHE, DURATION, ENV_NAME, FILE, FLAG, FOLDER, GLOB, LABELS,
    LONGEST_SERVICE_NAME, OPTION, PACKAGE, PLATFORM, REGISTRY, REPOSITORY, SERVICE_NAME, STAGE, TAG, TOOLCHAIN,
    WORKSPACE, check_service_name,
};
use super::{
    BackEdges, Builder, Config, DockerInputs, Glob, GoSettings, ImageSettings, LedgerSettings, LedgerStore,
    LintSettings, RunSettings, ServiceConfig, Unseen,
};

/// The version of the format.
pub(super) const VERSION: Integer = Integer { least: 1, most: 1 };

/// More jobs than this would exhaust the machine before they did any work.
const JOBS: Integer = Integer { least: 1, most: 1024 };

const RETRIES: Integer = Integer { least: 0, most: 100 };

const WEIGHT: Integer = Integer { least: 1, most: 1_000_000 };

const BACK_EDGES: Choice<BackEdges> =
    Choice { words: &[("assume-none", BackEdges::AssumeNone), ("strict", BackEdges::Strict)] };

const BUILDER: Choice<Builder> =
    Choice { words: &[("docker", Builder::Docker), ("buildah", Builder::Buildah), ("command", Builder::Command)] };

const DOCKER_INPUTS: Choice<DockerInputs> = Choice {
    words: &[("trace", DockerInputs::Trace), ("context", DockerInputs::Context), ("none", DockerInputs::None)],
};

const LEDGER_STORE: Choice<LedgerStore> = Choice {
    words: &[("local", LedgerStore::Local), ("registry", LedgerStore::Registry), ("none", LedgerStore::None)],
};

const UNSEEN: Choice<Unseen> = Choice { words: &[("compare", Unseen::Compare), ("build", Unseen::Build)] };

const fn list<K: Kind>(of: K) -> List<K> {
    List { of, may_be_empty: true }
}

const fn filled_list<K: Kind>(of: K) -> List<K> {
    List { of, may_be_empty: false }
}

/// The whole file. The services come last: they begin with the settings for all.
pub(super) fn file() -> Section<Config> {
    Section::<Config>::new("What buildplan cannot find out from the repository by itself.")
        .key("version", "The version of this format.", VERSION, |_, _| {})
        .default(json!(1))
        .table("git", git(), |config| &mut config.default_branch)
        .table("go", go(), |config| &mut config.go)
        .table("inputs", inputs(), |config| &mut config.global_inputs)
        .table("image", image(), |config| &mut config.image)
        .table("run", run(), |config| &mut config.run)
        .table("ledger", ledger(), |config| &mut config.ledger)
        .table("lint", lint(), |config| &mut config.lint)
        .field("services", "The services by name. Without any they are found.", Services { section: service() })
}

fn git() -> Section<Option<String>> {
    Section::<Option<String>>::new("The Git repository.").key(
        "default-branch",
        "The branch that other branches are compared with. Without it: the one that the CI provider names, \
         `origin/HEAD`, `main` or `master`.",
        BRANCH,
        |branch, name| *branch = Some(name),
    )
}

fn go() -> Section<GoSettings> {
    Section::<GoSettings>::new("How Go builds. Changes make services stale.")
        .key("platforms", "What is built for.", filled_list(PLATFORM), |go, platforms| go.platforms = platforms)
        .default(json!(["linux/amd64"]))
        .key("build-tags", "Build tags that are set, as by `go build -tags`.", list(BUILD_TAG), |go, tags| {
            go.build_tags = tags;
        })
        .default(json!([]))
        .key("cgo", "Whether cgo is enabled. Without it both are considered.", Boolean, |go, cgo| go.cgo = Some(cgo))
        .key(
            "toolchain",
            "The version of the Go toolchain. Without it the one of go.work or go.mod.",
            TOOLCHAIN,
            |go, version| go.toolchain = Some(version),
        )
        .key(
            "workspace",
            "Whether builds see a go.work: `on`, `off`, the path of one, or `auto`, which considers both.",
            WORKSPACE,
            |go, mode| go.workspace = mode,
        )
        .default(json!("auto"))
        .key(
            "flags",
            "Further build flags and settings as `go build` spells them: `-trimpath`, `-ldflags=-s -w`, `GOAMD64=v3`. \
             `GOEXPERIMENT=` says that no experiment is set beyond the toolchain's own.",
            list(FLAG),
            |go, flags| go.flags = flags,
        )
        .default(json!([]))
        .key(
            "back-edges",
            "Whether external modules may import packages of this repository: `assume-none` says that none does.",
            BACK_EDGES,
            |go, back_edges| go.back_edges = back_edges,
        )
        .default(json!("assume-none"))
}

fn inputs() -> Section<Vec<Glob>> {
    Section::<Vec<Glob>>::new("Inputs that are declared.")
        .key("global", "Files that are inputs of every service, as globs.", list(GLOB), |global, globs| *global = globs)
        .default(json!([]))
}

fn image() -> Section<ImageSettings> {
    let section = Section::<ImageSettings>::new("How images are built and named.")
        .key(
            "repository",
            "The image repository, with its registry and without a tag. `{service}` stands for the service's name.",
            REPOSITORY,
            |image, repository| image.repository = Some(repository),
        )
        .key(
            "tags",
            "The tags of an image, with the placeholders `{service}`, `{fingerprint}`, `{branch}`, `{commit}` and \
             `{short-commit}`.",
            filled_list(TAG),
            |image, tags| image.tags = tags,
        )
        .default(json!(["{fingerprint}"]))
        .key("builder", "What builds the image. Changes make services stale.", BUILDER, |image, builder| {
            image.builder = builder;
        })
        .default(json!("docker"))
        .key(
            "command",
            "The program that the `command` builder starts, and its arguments. Changes make services stale.",
            filled_list(ARGUMENT),
            |image, command| image.command = command,
        )
        .key(
            "push-command",
            "The program that pushes for the `command` builder, and its arguments. Changes make services stale.",
            filled_list(ARGUMENT),
            |image, command| image.push_command = command,
        );
    build_inputs(section)
}

/// The keys of `[image]` that are passed on to the builder.
fn build_inputs(section: Section<ImageSettings>) -> Section<ImageSettings> {
    section
        .key("target", "The stage of the Dockerfile to build. Changes make services stale.", STAGE, |image, target| {
            image.target = Some(target);
        })
        .key("build-args", "Build arguments. Changes make services stale.", BUILD_ARGS, |image, args| {
            image.build_args = args;
        })
        .default(json!({}))
        .key("labels", "Labels of the image. Changes make services stale.", LABELS, |image, labels| {
            image.labels = labels;
        })
        .default(json!({}))
        .key(
            "docker-inputs",
            "Which files of the build context are inputs: those that reach the image (`trace`), all (`context`) or \
             only declared ones (`none`). Changes make services stale.",
            DOCKER_INPUTS,
            |image, inputs| image.docker_inputs = inputs,
        )
        .default(json!("trace"))
        .key("secrets", "Build secrets as `docker build --secret` takes them.", list(OPTION), |image, secrets| {
            image.secrets = secrets;
        })
        .default(json!([]))
        .key("ssh", "SSH agents and keys as `docker build --ssh` takes them.", list(OPTION), |image, ssh| {
            image.ssh = ssh;
        })
        .default(json!([]))
        .key(
            "cache-from",
            "Cache sources as `docker build --cache-from` takes them, with the placeholders of tags.",
            list(CACHE),
            |image, caches| image.cache_from = caches,
        )
        .default(json!([]))
        .key(
            "cache-to",
            "Cache destinations as `docker build --cache-to` takes them, with the placeholders of tags.",
            list(CACHE),
            |image, caches| image.cache_to = caches,
        )
        .default(json!([]))
        .key(
            "provenance",
            "Provenance attestations as `docker build --provenance` takes them.",
            list(OPTION),
            |image, provenance| image.provenance = provenance,
        )
        .default(json!([]))
        .key(
            "insecure-registries",
            "Registries, as `host` or `host:port`, that may be spoken to in plain HTTP.",
            list(REGISTRY),
            |image, registries| image.insecure_registries = registries,
        )
        .default(json!([]))
}

fn run() -> Section<RunSettings> {
    Section::<RunSettings>::new("How a plan is run.")
        .key("build-jobs", "How many builds run at a time.", JOBS, |run, jobs| run.build_jobs = to_count(jobs))
        .default(json!(4))
        .key("push-jobs", "How many pushes run at a time.", JOBS, |run, jobs| run.push_jobs = to_count(jobs))
        .default(json!(8))
        .key("build-timeout", "When a build is killed, such as `90s` or `1h30m`.", DURATION, |run, timeout| {
            run.build_timeout = timeout;
        })
        .default(json!("5m"))
        .key("push-timeout", "When a push is killed.", DURATION, |run, timeout| run.push_timeout = timeout)
        .default(json!("10m"))
        .key("push-retries", "How often a failed push is tried again.", RETRIES, |run, retries| {
            run.push_retries = u32::try_from(retries).unwrap_or(u32::MAX);
        })
        .default(json!(1))
}

/// A number that `JOBS` has checked.
fn to_count(jobs: u64) -> NonZeroUsize {
    usize::try_from(jobs).ok().and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MIN)
}

fn ledger() -> Section<LedgerSettings> {
    Section::<LedgerSettings>::new("Where it is recorded what was built.")
        .key(
            "store",
            "Where the records are: on this machine (`local`), beside the images (`registry`) or nowhere (`none`).",
            LEDGER_STORE,
            |ledger, store| *ledger = std::mem::take(ledger).with_store(store),
        )
        .default(json!("local"))
        .key(
            "unseen",
            "Whether a service that the ledger has never seen is built if it differs from base (`compare`) or always \
             (`build`). The default is `build` for the store `registry`, else `compare`.",
            UNSEEN,
            |ledger, unseen| *ledger = std::mem::take(ledger).with_unseen(unseen),
        )
}

fn lint() -> Section<LintSettings> {
    Section::<LintSettings>::new("Which advice is given.")
        .key("allow", "Rules that are not applied.", list(RuleName), |lint, rules| lint.allow = rules)
        .default(json!([]))
        .key("deny", "Rules whose findings are errors.", list(RuleName), |lint, rules| lint.deny = rules)
        .default(json!([]))
}

fn service() -> Section<ServiceConfig> {
    Section::<ServiceConfig>::new("A service: it has a package, a Dockerfile or both.")
        .key(
            "package",
            "The folder of the main package, from the repository root. Changes make the service stale.",
            PACKAGE,
            |service, folder| service.package = Some(folder),
        )
        .key(
            "dockerfile",
            "The Dockerfile, from the repository root. Changes make the service stale.",
            FILE,
            |service, file| service.dockerfile = Some(file),
        )
        .key(
            "context",
            "The folder that is the build context, from the repository root. Changes make the service stale.",
            FOLDER,
            |service, folder| service.context = Some(folder),
        )
        .key("inputs", "Files that are inputs beside the global ones, as globs.", list(GLOB), |service, globs| {
            service.inputs = globs;
        })
        .default(json!([]))
        .key("env", "Environment variables whose values are inputs.", list(ENV_NAME), |service, names| {
            service.env = names;
        })
        .default(json!([]))
        .key("weight", "How much work the service is, relative to others.", WEIGHT, |service, weight| {
            service.weight = weight;
        })
        .default(json!(1))
        .table("go", go().replacing("What replaces keys of `[go]` for this service."), |service| &mut service.go)
        .table("image", image().replacing("What replaces keys of `[image]` for this service."), |service| {
            &mut service.image
        })
        .table("run", run().replacing("What replaces keys of `[run]` for this service."), |service| &mut service.run)
}

/// The table of services.
struct Services {
    section: Section<ServiceConfig>,
}

impl Field<Config> for Services {
    fn read(&self, config: &mut Config, item: &Item<'_>, problems: &mut Problems) {
        let DeValue::Table(table) = item.value else {
            problems.add(item.offset, || item.wrong_type("a table of services"));
            return;
        };
        for (name, value) in table {
            problems.keep(name.span().start, check_service_name(name.get_ref()));
            let key = KeyPath { parent: Some(item.key), name: name.get_ref() };
            let offset = value.span().start;
            let item = Item { key: &key, offset, value: value.get_ref() };
            let mut service = ServiceConfig {
                go: config.go.clone(),
                image: config.image.clone(),
                run: config.run.clone(),
                ..ServiceConfig::default()
            };
            self.section.read(&mut service, &item, problems);
            config.services.insert(name.get_ref().to_string(), service);
        }
    }

    fn schema(&self) -> Value {
        let mut service = self.section.schema();
        if let Value::Object(members) = &mut service {
            members.insert("anyOf".to_owned(), json!([{"required": ["package"]}, {"required": ["dockerfile"]}]));
        }
        json!({
            "type": "object",
            "propertyNames": {"pattern": SERVICE_NAME, "maxLength": LONGEST_SERVICE_NAME},
            "additionalProperties": service,
        })
    }
}
