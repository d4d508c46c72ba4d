//! `buildplan run`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::cli::args::{GlobalArguments, Jobs, RunArguments, SelectionArguments};
use crate::cli::comparison::{Comparison, Planned, compare, environment, moved_since, repository_of};
use crate::cli::output::{Failure, Output, Status};
use crate::cli::plan_file::PlanFile;
use crate::cli::progress::Progress;
use crate::cli::run_report::{check_places, finish};
use crate::config::Builder as BuilderKind;
use crate::execute::buildah::BuildahBuilder;
use crate::execute::builder::{Builder, Builders, Commands, Job};
use crate::execute::cancel::Cancellation;
use crate::execute::command::CommandBuilder;
use crate::execute::docker::DockerBuilder;
use crate::execute::exclusive::Exclusive;
use crate::execute::log::LogFolder;
use crate::execute::signals::SignalWatch;
use crate::execute::tagging::{missing_tags, needs_no_builder};
use crate::execute::verifier::Verifier;
use crate::execute::{Run, logs_folder, run as execute};
use crate::fingerprint::{ServiceState, SnapshotOptions};
use crate::ledger::Image;
use crate::plan::report::Report;
use crate::plan::{Plan, Step, StepKind};
use crate::registry::Registry;
use crate::render::ci_log::CiLog;
use crate::render::text;
use crate::repo::{NoteKind, RepoPath};

/// The variables of this process that programs get: where tools, caches and credentials are. None of them is an input of
/// a build; what is has to be named in `env`.
const PASSED_ON: [&str; 27] = [
    "HOME",
    "PATH",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "NETRC",
    "GOAUTH",
    "GOCACHE",
    "GOMODCACHE",
    "GONOSUMDB",
    "GOPATH",
    "GOPRIVATE",
    "GOPROXY",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSH_AUTH_SOCK",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "STORAGE_DRIVER",
    "REGISTRY_AUTH_FILE",
];

/// The same, by how they begin.
const PASSED_ON_FROM: [&str; 8] =
    ["AWS_", "AZURE_", "BUILDAH_", "BUILDKIT_", "BUILDX_", "CONTAINERS_", "DOCKER_", "XDG_"];

pub(super) fn run(global: &GlobalArguments, command: &RunArguments, output: &Output) -> Result<Status, Failure> {
    let file = command.plan.as_deref().map(|path| PlanFile::read(&global.place(path))).transpose()?;
    let mut arguments = command.comparison.clone();
    // A saved plan says what is compared, and what is here only has to be the same.
    arguments.all |= file.is_some();
    compare(global, &arguments, false, |comparison| {
        let plan = || planned(comparison, command, file.as_ref());
        let now = plan()?;
        check_head(&now.plan, command)?;
        let jobs = jobs(comparison, &now.plan)?;
        let builders = builders(&jobs, &now, comparison.registry)?;
        if command.dry_run {
            return dry_run(&now, &jobs, (&builders, comparison.registry), output);
        }
        check_places(global, command)?;
        let done = perform(global, command, comparison, (now, &plan), (jobs, builders), output)?;
        let Some(mut done) = done else { return Ok(Status::Interrupted) };
        if let Some(file) = &file {
            done.base = file.base().map(str::to_owned);
        }
        Ok(finish(global, command, &done, output))
    })
}

/// What is to be done now: what the tree and the ledger say, or of a saved plan what the ledger leaves.
fn planned(comparison: &Comparison<'_>, command: &RunArguments, file: Option<&PlanFile>) -> Result<Planned, Failure> {
    let Some(file) = file else {
        let mut planned = comparison.planned(&command.services, &command.selection)?;
        if let Some(shard) = command.shard {
            let own = planned.plan.in_shard(shard);
            planned.plan.keep_only(&own);
        }
        return Ok(planned);
    };
    let services = file.services(&command.services, command.shard)?;
    file.check(comparison, &services)?;
    let names: Vec<String> = services.iter().cloned().collect();
    let selection = SelectionArguments { force: file.is_forced(), ..command.selection.clone() };
    let mut planned = comparison.planned(&names, &selection)?;
    planned.plan.keep_only(&services);
    Ok(planned)
}

/// What the jobs are built with. What cannot build is refused before anything starts.
fn builders(jobs: &BTreeMap<String, Job>, planned: &Planned, registry: Option<&Registry>) -> Result<Builders, Failure> {
    let needs_one = |step: &Step| {
        let (job, image) = (jobs.get(&step.service)?, planned.images.get(&step.service));
        (!needs_no_builder(registry, job, step.kind, image)).then_some(job.settings.builder)
    };
    let needed: BTreeSet<BuilderKind> = planned.plan.steps.iter().filter_map(needs_one).collect();
    let made = needed.into_iter().map(|kind| Ok((kind, builder(kind)?)));
    made.collect()
}

fn builder(kind: BuilderKind) -> Result<Box<dyn Builder>, Failure> {
    Ok(match kind {
        BuilderKind::Command => Box::new(CommandBuilder),
        BuilderKind::Docker => {
            let environment: Vec<_> = passed_on(&[]).into_iter().collect();
            let found = DockerBuilder::find(&environment, &Cancellation::default());
            Box::new(found.map_err(|error| Failure::new(&error).with_hint(error.hint))?)
        }
        BuilderKind::Buildah => {
            let found = BuildahBuilder::find(&std::env::var_os("PATH").unwrap_or_default());
            let missing = || {
                let hint = "install one of them, or set `[image] builder` to \"docker\" or \"command\"";
                Failure::new("there is neither `buildah` nor `podman` here").with_hint(hint)
            };
            Box::new(found.ok_or_else(missing)?)
        }
    })
}

/// What is built is what is checked out.
fn check_head(plan: &Plan, command: &RunArguments) -> Result<(), Failure> {
    let is_checkout = command.comparison.head.as_deref().is_none_or(|rev| rev == "HEAD");
    if is_checkout {
        return Ok(());
    }
    let failure = Failure::new(format!("cannot build {}: what is built is the working copy", plan.head.commit));
    Err(failure.with_hint("check it out first, or leave out --head"))
}

/// Runs the plan; `None` if it was stopped before it could begin.
fn perform(
    global: &GlobalArguments,
    command: &RunArguments,
    comparison: &Comparison<'_>,
    (now, plan_again): (Planned, &dyn Fn() -> Result<Planned, Failure>),
    (mut jobs, mut builders): (BTreeMap<String, Job>, Builders),
    output: &Output,
) -> Result<Option<Report>, Failure> {
    let cancellation = Arc::new(Cancellation::default());
    let _watch = SignalWatch::start(&cancellation).map_err(|error| failed("listen to signals", &error))?;
    let waiting = |holder: &str| output.say(format!("another run has to end first: {holder}"));
    let exclusive = Exclusive::acquire(comparison.common_dir(), &cancellation, waiting)
        .map_err(|error| failed("make sure that no other run is going on", &error))?;
    let Some(_exclusive) = exclusive else { return Ok(None) };
    // Another run may have done some of it while this one waited.
    let now = if now.plan.steps.is_empty() {
        now
    } else {
        let again = plan_again()?;
        // A registry that could be asked before and cannot now makes the plan larger.
        if again.plan.steps.iter().any(|step| !now.plan.steps.contains(step)) {
            jobs = self::jobs(comparison, &again.plan)?;
            builders = self::builders(&jobs, &again, comparison.registry)?;
        }
        again
    };
    let Planned { plan, images, tagged } = now;
    for note in plan.notes.iter().filter(|note| note.kind == NoteKind::Ledger) {
        output.warn(&note.message);
    }
    let logs = LogFolder::create(&logs_folder(comparison.common_dir()), jiff::Timestamp::now(), std::process::id())
        .map_err(|error| failed("make a folder for the logs", &error))?;
    let system = CiLog::detect(|name| std::env::var(name).ok());
    let progress = Progress::new(output, system, command.events.as_deref().map(|file| global.place(file)).as_deref())?;
    let options =
        SnapshotOptions { environment: environment(std::iter::once(comparison.config())), every_package: false };
    let ask = || moved_since(global, comparison.head, &options).map_err(|failure| failure.to_string());
    let verifier = Verifier::new(&ask);
    let verify = |service: &str| match &*verifier.answer() {
        Err(reason) => Err(format!("its inputs cannot be checked: {reason}")),
        Ok(moved) => match moved.get(service) {
            Some(Some(what)) => Err(format!("it is not what was planned any more: {what}")),
            Some(None) | None => Ok(()),
        },
    };
    let settings = &comparison.config().run;
    let done = execute(&Run {
        plan: &plan,
        jobs: &jobs,
        builders: &builders,
        ledger: comparison.ledger,
        histories: &comparison.ledger.histories(),
        registry: comparison.registry,
        images,
        tagged,
        verify: &verify,
        build_jobs: command.jobs.map_or(settings.build_jobs, count),
        push_jobs: command.push_jobs.unwrap_or(settings.push_jobs),
        fail_fast: command.fail_fast,
        logs: &logs,
        cancellation: &cancellation,
        on_event: &|event| progress.tell(event),
    });
    done.map(Some).map_err(Failure::new)
}

fn failed(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot {what}: {error}"))
}

fn count(jobs: Jobs) -> NonZeroUsize {
    match jobs {
        Jobs::Count(count) => count,
        Jobs::Percent(percent) => {
            let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
            NonZeroUsize::new(processors * percent.get() / 100).unwrap_or(NonZeroUsize::MIN)
        }
    }
}

fn dry_run(
    planned: &Planned,
    jobs: &BTreeMap<String, Job>,
    (builders, registry): (&Builders, Option<&Registry>),
    output: &Output,
) -> Result<Status, Failure> {
    let mut lines = String::new();
    for step in &planned.plan.steps {
        let Some(job) = jobs.get(&step.service) else { continue };
        let image = planned.images.get(&step.service);
        let only_tags = |image: &&Image| needs_no_builder(registry, job, step.kind, Some(image));
        if let Some(image) = image.filter(only_tags) {
            let missing = missing_tags(job, planned.tagged.get(&step.service));
            let _ = writeln!(lines, "# {image} is tagged {}", missing.join(", "));
            continue;
        }
        let Some(builder) = builders.get(&job.settings.builder) else { continue };
        let Commands { build, push } = builder.commands(job);
        let commands = if step.kind == StepKind::Build { build } else { push };
        for argv in commands {
            lines += &text::command_line(&argv);
            lines.push('\n');
        }
    }
    output.data(&lines)?;
    Ok(Status::Done)
}

/// What the builders need to know of the services that have steps.
fn jobs(comparison: &Comparison<'_>, plan: &Plan) -> Result<BTreeMap<String, Job>, Failure> {
    let root = comparison.work_dir()?;
    let mut kinds: BTreeMap<&str, Vec<StepKind>> = BTreeMap::new();
    for step in &plan.steps {
        kinds.entry(&step.service).or_default().push(step.kind);
    }
    let mut jobs = BTreeMap::new();
    for service in &plan.services {
        let (Some(state), Some(kinds)) = (comparison.head.services.get(&service.name), kinds.get(&*service.name))
        else {
            continue;
        };
        let at = |path: &RepoPath| comparison.on_disk(path);
        let mut platforms: Vec<String> = service.targets.iter().map(|target| target.platform.clone()).collect();
        platforms.dedup();
        if platforms.is_empty() {
            platforms = state.service.settings.go.platforms.iter().map(ToString::to_string).collect();
        }
        let job = Job {
            service: service.name.clone(),
            fingerprint: service.fingerprint.map(|fingerprint| fingerprint.to_string()),
            package: state.service.program.as_ref().map(|program| program.dir.to_string()),
            root: root.to_owned(),
            context: at(&state.service.context)?,
            dockerfile: state.service.dockerfile.as_ref().map(at).transpose()?,
            platforms,
            repository: repository_of(state),
            tags: service.image.tags.clone(),
            is_pushed: kinds.contains(&StepKind::Push),
            has_known_registry: comparison.asks_registries()
                || state.service.settings.image.builder != BuilderKind::Command,
            settings: settings(comparison, state),
            limits: state.service.settings.run.clone(),
            environment: passed_on(&state.service.settings.env),
        };
        jobs.insert(service.name.clone(), job);
    }
    Ok(jobs)
}

/// The image settings with their templates filled.
fn settings(comparison: &Comparison<'_>, state: &ServiceState) -> crate::config::ImageSettings {
    let mut settings = state.service.settings.image.clone();
    for template in settings.cache_from.iter_mut().chain(&mut settings.cache_to) {
        *template = comparison.filled(state, template);
    }
    settings
}

/// The environment of a service's programs.
fn passed_on(named: &[String]) -> BTreeMap<OsString, OsString> {
    let is_passed = |name: &OsStr| {
        let Some(name) = name.to_str() else { return false };
        PASSED_ON.contains(&name)
            || PASSED_ON_FROM.iter().any(|prefix| name.starts_with(prefix))
            || named.iter().any(|own| own == name)
    };
    std::env::vars_os().filter(|(name, _)| is_passed(name)).collect()
}
