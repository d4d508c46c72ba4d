//! The rules about modules and the build cache: `source-before-modules`, `missing-module-file`, `unlocked-modules`,
//! `no-cache-mount`.

use std::collections::BTreeSet;

use super::commands::{GoCommand, Setting, go_commands, is_opaque};
use super::subject::{Step, Subject, context_copy, context_mounts, has_cache_at, is_pattern};
use super::{Advised, Findings};
use crate::config::{Glob, LintRule};
use crate::docker::Origin;
use crate::go::mode::Mode;
use crate::go::module::Module;
use crate::repo::{RepoPath, TreeError};

/// How many downloads, and how many patterns of `COPY`, are looked at: far more than any real Dockerfile has.
const MAX_DOWNLOADS: usize = 64;
const MAX_PATTERNS: usize = 64;

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) -> Result<(), TreeError> {
    unlocked_modules(subject, findings);
    no_cache_mount(subject, findings);
    let Some(module) = subject.module().filter(|module| fetches_modules(subject, module)) else { return Ok(()) };
    let mut stages = BTreeSet::new();
    for (step, command) in subject.go_commands().filter(|(_, go)| go.is_mod("download")).take(MAX_DOWNLOADS) {
        let source = source_before(subject, step);
        match source {
            Some(source) if stages.insert(step.stage) => {
                source_before_modules(subject, module, step, source, &command, findings)?;
            }
            Some(_) => {}
            None => missing_module_files(subject, module, step, &command, findings)?,
        }
        stages.insert(step.stage);
    }
    for (step, command) in subject.builds() {
        if !stages.insert(step.stage) || downloads_by_itself(subject, step) {
            continue;
        }
        if let Some(source) = source_before(subject, step) {
            source_before_modules(subject, module, step, source, &command, findings)?;
        }
    }
    Ok(())
}

/// Whether a build needs modules that are not in the repository.
fn fetches_modules(subject: &Subject<'_>, module: &Module) -> bool {
    let work_file = subject.modes().find_map(|mode| match mode {
        Mode::Workspace(dir) => subject.snapshot.workspace.work_files().get(dir),
        Mode::Module(_) => None,
    });
    let is_vendored = module.vendor.is_some() || work_file.is_some_and(|file| file.vendor.is_some());
    !is_vendored && !module.go_mod.requires.is_empty()
}

/// The instruction that brings the source of the program, before a command or with it.
fn source_before<'s>(subject: &Subject<'s>, step: Step<'s>) -> Option<Step<'s>> {
    let dir = &subject.program()?.dir;
    let mut found = None;
    for other in std::iter::once(step).chain(subject.before(step)) {
        if subject.step_brings(other, dir) && !names_files_only(subject, other) {
            found = Some(other);
        }
    }
    found
}

/// Whether a step with wildcards takes the place of a folder that it only matches in part.
fn names_files_only(subject: &Subject<'_>, step: Step<'_>) -> bool {
    let sources = context_copy(step.instruction).map(|copy| copy.sources.as_slice()).unwrap_or_default();
    let mounts: Vec<&String> = context_mounts(step.instruction).map(|mount| &mount.source).collect();
    sources.iter().chain(mounts).all(|source| subject.in_context(source).is_none())
}

/// Whether modules are there before a stage builds: a cache mount, another command that fetches them, a copy of them, or
/// a script of which that is not known.
fn downloads_by_itself(subject: &Subject<'_>, step: Step<'_>) -> bool {
    let Some(source) = source_before(subject, step) else { return true };
    let is_cached = |step: Step<'_>| has_cache_at(step.instruction, "/go/pkg/mod");
    let copies_modules = |step: &Step<'_>| {
        let copy = step.instruction.copy().filter(|copy| copy.from != Origin::Context);
        copy.is_some_and(|copy| copy.target.text.starts_with("/go") || copy.target.text.contains("pkg/mod"))
    };
    let fetches = |step: &Step<'_>| {
        let mut commands = go_commands(step.instruction);
        commands.any(|go| go.may_download()) || step.instruction.run().is_some_and(is_opaque)
    };
    if is_cached(step) || subject.before(step).any(|step| copies_modules(&step)) {
        return true;
    }
    // Before the source came, commands that fetch modules; after it, scripts that may.
    subject.before(source).any(|step| fetches(&step))
        || subject.before(step).any(|step| step.instruction.run().is_some_and(is_opaque))
}

fn source_before_modules(
    subject: &Subject<'_>,
    module: &Module,
    step: Step<'_>,
    source: Step<'_>,
    command: &GoCommand<'_>,
    findings: &mut Findings<'_>,
) -> Result<(), TreeError> {
    if has_cache_at(step.instruction, "/go/pkg/mod") {
        return Ok(());
    }
    let by = if command.is_mod("download") { "`go mod download`" } else { "the build" };
    let way = if source.instruction.line == step.instruction.line { "with" } else { "after" };
    let files = module_files(subject, module, uses_workspace(subject))?;
    if files.is_empty() {
        return Ok(());
    }
    let fix = format!("before the source: {}, then `RUN go mod download`", copies(subject, &files));
    findings.add(
        LintRule::SourceBeforeModules,
        source.instruction.line,
        Advised {
            message: format!("the source is copied here, and {by} at line {} comes {way} it", step.instruction.line),
            reason:
                "every change of a source file throws the layer with the modules away, so all of them are downloaded \
                 again"
                    .to_owned(),
            gain: "no downloads unless go.mod changes".to_owned(),
            fix,
        },
    );
    Ok(())
}

/// Whether a go.work is in force in some way to build.
fn uses_workspace(subject: &Subject<'_>) -> bool {
    subject.modes().any(|mode| matches!(mode, Mode::Workspace(_)))
}

/// The files that `go mod download` reads: those of the module and of the folders that replace others, or of the
/// go.work and all modules that it uses. Only such as are there and in the context.
fn module_files(subject: &Subject<'_>, module: &Module, with_work_file: bool) -> Result<Vec<RepoPath>, TreeError> {
    let workspace = subject.snapshot.workspace;
    let mut folders = BTreeSet::from([module.dir.clone()]);
    let mut files = Vec::new();
    let work_files = subject.modes().filter_map(|mode| match mode {
        Mode::Workspace(dir) if with_work_file => workspace.work_files().get(dir),
        _ => None,
    });
    for file in work_files {
        files.extend([file.dir.child(b"go.work"), file.dir.child(b"go.work.sum")]);
        folders.extend(file.uses().filter_map(|(used, _)| used.ok()));
    }
    for folder in folders {
        files.extend([folder.child(b"go.mod"), folder.child(b"go.sum")]);
    }
    // Of what replaces others only the requirements are read.
    let replaced = module.go_mod.replaces.iter().filter_map(|replace| module.dir.join(replace.folder()?.as_bytes()));
    let replaced: BTreeSet<RepoPath> = replaced.map(|folder| folder.child(b"go.mod")).collect();
    files.extend(replaced.into_iter().filter(|file| !files.contains(file)).collect::<Vec<_>>());
    let mut there = Vec::new();
    for file in files {
        if file.is_within(&subject.context) && subject.tree().entry(&file)?.is_some() {
            there.push(file);
        }
    }
    Ok(there)
}

/// `COPY` instructions for files, by folder.
fn copies(subject: &Subject<'_>, files: &[RepoPath]) -> String {
    const SHOWN: usize = 4;
    let mut folders: Vec<(String, Vec<String>)> = Vec::new();
    for file in files {
        let relative = |path: &RepoPath| {
            path.strip_prefix(&subject.context).map(|path| String::from_utf8_lossy(path).into_owned())
        };
        let (Some(path), Some(folder)) = (relative(file), file.parent().and_then(|folder| relative(&folder))) else {
            continue;
        };
        match folders.iter_mut().find(|(known, _)| *known == folder) {
            Some((_, paths)) => paths.push(path),
            None => folders.push((folder, vec![path])),
        }
    }
    if folders.len() > SHOWN {
        return "`COPY --parents go.work* **/go.mod **/go.sum ./`".to_owned();
    }
    let copy = |(folder, paths): &(String, Vec<String>)| {
        let target = if folder.is_empty() { "./".to_owned() } else { format!("{folder}/") };
        format!("`COPY {} {target}`", paths.join(" "))
    };
    folders.iter().map(copy).collect::<Vec<_>>().join(", ")
}

/// What is in a stage when a command runs.
#[derive(Default)]
struct Present {
    paths: BTreeSet<RepoPath>,
    patterns: Vec<Glob>,
    /// Whether something is copied of which it is not known what it is.
    is_unknown: bool,
}

impl Present {
    fn at<'s>(subject: &Subject<'s>, step: Step<'s>) -> Self {
        let mut present = Self::default();
        for step in std::iter::once(step).chain(subject.before(step)) {
            let instruction = step.instruction;
            let copied = context_copy(instruction).map(|copy| copy.sources.as_slice()).unwrap_or_default();
            for source in copied.iter().chain(context_mounts(instruction).map(|mount| &mount.source)) {
                present.add(subject, source);
            }
            present.is_unknown |= instruction.copy().is_some_and(|copy| copy.from != Origin::Context);
            present.is_unknown |= instruction.run().is_some_and(is_opaque);
        }
        present
    }

    fn add(&mut self, subject: &Subject<'_>, source: &str) {
        if let Some(path) = subject.in_context(source) {
            self.paths.insert(path);
            return;
        }
        let folder = subject.context.to_str().unwrap_or_default();
        let separator = if folder.is_empty() { "" } else { "/" };
        let pattern = format!("{folder}{separator}{}", source.trim_start_matches('/').trim_start_matches("./"));
        match Glob::new(&pattern) {
            Ok(glob) if is_pattern(source) && !source.contains("${") && self.patterns.len() < MAX_PATTERNS => {
                self.patterns.push(glob);
            }
            _ => self.is_unknown = true,
        }
    }

    fn has(&self, file: &RepoPath) -> bool {
        self.paths.contains(file)
            || file.ancestors().any(|folder| self.paths.contains(&folder))
            || self.patterns.iter().any(|pattern| pattern.matches(file))
    }
}

fn missing_module_files(
    subject: &Subject<'_>,
    module: &Module,
    step: Step<'_>,
    command: &GoCommand<'_>,
    findings: &mut Findings<'_>,
) -> Result<(), TreeError> {
    let present = Present::at(subject, step);
    // It may be the download of another module.
    if present.is_unknown || !present.has(&module.file()) || command.flag_text("C").is_some() {
        return Ok(());
    }
    let work_file = module_files(subject, module, true)?.into_iter().find(|file| file.name() == b"go.work");
    let work_file = work_file.filter(|_| command.variable("GOWORK") == Setting::Unset);
    let has_work_file = work_file.as_ref().is_some_and(|file| present.has(file));
    let wanted = module_files(subject, module, has_work_file)?;
    let missing: Vec<RepoPath> = wanted.into_iter().filter(|file| !present.has(file)).collect();
    let is_fatal = missing.iter().any(|file| file.name() == b"go.mod");
    if missing.is_empty() {
        return Ok(());
    }
    let (reason, gain) = if is_fatal {
        (
            "`go mod download` stops where a module of go.work, or one that replaces another, has no go.mod",
            "a build that works",
        )
    } else {
        (
            "without its sums `go` cannot tell whether a module is the one that was reviewed: it asks sum.golang.org, \
             which knows no private modules",
            "downloads that are checked against what was committed",
        )
    };
    findings.add(
        LintRule::MissingModuleFile,
        command.line,
        Advised {
            message: format!("{} when modules are downloaded", are_missing(&missing)),
            reason: reason.to_owned(),
            gain: gain.to_owned(),
            fix: format!("{} before it", copies(subject, &missing)),
        },
    );
    Ok(())
}

/// `a/go.sum is missing`, `a/go.sum and 3 others are missing`.
fn are_missing(files: &[RepoPath]) -> String {
    match files {
        [one] => format!("{one} is not there"),
        [one, other] => format!("{one} and {other} are not there"),
        [first, rest @ ..] => format!("{first} and {} others are not there", rest.len()),
        [] => String::new(),
    }
}

fn unlocked_modules(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let mut seen = BTreeSet::new();
    for (_, command) in subject.go_commands() {
        let tool = command.arguments.iter().find(|word| word.text.ends_with("@latest"));
        let (message, reason, fix) = match (command.verb, tool) {
            ("install" | "run", Some(tool)) => {
                let fixed = tool.text.replace("@latest", "@vX.Y.Z");
                (
                    format!("`go {} {}` takes whatever version is the newest", command.verb, tool.text),
                    "a release of somebody else changes or breaks the build, and no commit says when",
                    format!("go {} {fixed}, or a `tool` line in go.mod", command.verb),
                )
            }
            ("get", _) => (
                "`go get` may change go.mod while the image is built".to_owned(),
                "the image may be built of versions that are in no commit",
                "run it in the repository, commit go.mod and go.sum, and use `go mod download` here".to_owned(),
            ),
            ("mod", _) if command.is_mod("tidy") => (
                "`go mod tidy` may change go.mod while the image is built".to_owned(),
                "the image may be built of versions that are in no commit",
                "run it in the repository, commit go.mod and go.sum, and use `go mod download` here".to_owned(),
            ),
            ("build" | "install", _) if command.flag("mod") == Setting::Known("mod") => (
                "`-mod=mod` lets the build change go.mod".to_owned(),
                "a missing requirement is taken in its newest version instead of being an error",
                "leave it out: the default, `-mod=readonly`, stops there".to_owned(),
            ),
            _ => continue,
        };
        if seen.insert(command.line) {
            findings.add(
                LintRule::UnlockedModules,
                command.line,
                Advised { message, reason: reason.to_owned(), gain: "builds that can be repeated".to_owned(), fix },
            );
        }
    }
}

fn no_cache_mount(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let mut seen = BTreeSet::new();
    for (step, command) in &subject.builds() {
        let home = match command.variable("HOME") {
            Setting::Known(home) => home.trim_end_matches('/'),
            _ => "/root",
        };
        let cache = match command.variable("GOCACHE") {
            Setting::Known(cache) => cache.to_owned(),
            Setting::Unset => format!("{home}/.cache/go-build"),
            Setting::Unknown => continue,
        };
        let run = step.instruction.run();
        let mut caches = run.into_iter().flat_map(|run| &run.mounts).filter(|mount| mount.kind == "cache");
        let looks_right = |target: &str| target.contains("go-build") || target.ends_with("/.cache");
        if has_cache_at(step.instruction, &cache)
            || caches.any(|mount| looks_right(&mount.target.text))
            || !seen.insert(command.line)
        {
            continue;
        }
        findings.add(LintRule::NoCacheMount, command.line, Advised {
            message: format!("`go {}` runs without a cache", command.verb),
            reason: "any change of the source throws the layer away and the compiled packages with it, so all of them, the \
                     standard library too, are compiled again"
                .to_owned(),
            gain: "builds that compile what changed: seconds instead of minutes, wherever the builder keeps its state"
                .to_owned(),
            fix: format!(
                "RUN --mount=type=cache,target={cache} --mount=type=cache,target=/go/pkg/mod go {} …",
                command.verb
            ),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::{findings, lines_with};

    const WORKSPACE: &str = "-- go.work --\ngo 1.24.2\nuse (\n.\n./lib\n)\n-- go.work.sum --\n-- lib/go.mod --\nmodule ex.io/lib\n\
                             go 1.24\n-- lib/go.sum --\n-- lib/lib.go --\npackage lib\n";

    #[track_caller]
    fn check(rule: LintRule, stage: &str, files: &str, expected: &[usize]) {
        let dockerfile = format!("FROM golang:1.24\n{stage}");
        assert_eq!(lines_with(rule, &dockerfile, files), expected, "{stage}");
    }

    #[test]
    fn modules_come_before_the_source() {
        let check = |stage: &str, expected| check(LintRule::SourceBeforeModules, stage, "", expected);
        check("COPY . .\nRUN go mod download\nRUN go build -o /a ./cmd/app\n", &[2]);
        check("COPY . .\nRUN go build -o /a ./cmd/app\n", &[2]);
        check("COPY go.mod go.sum ./\nCOPY cmd cmd\nRUN go mod download && go build -o /a ./cmd/app\n", &[3]);
        check("COPY go.mod go.sum ./\nRUN go mod download\nCOPY . .\nRUN go build -o /a ./cmd/app\n", &[]);
        check("COPY go.mod go.sum ./\nRUN go list -m all\nCOPY . .\nRUN go build -o /a ./cmd/app\n", &[]);
        check("COPY go.mod go.sum Makefile ./\nRUN make deps\nCOPY . .\nRUN go build -o /a ./cmd/app\n", &[]);
        check("COPY . .\nRUN --mount=type=cache,target=/go/pkg/mod go mod download\n", &[]);
        check("COPY . .\nRUN --mount=type=cache,target=/go go build -o /a ./cmd/app\n", &[]);
        check("RUN --mount=target=. go build -o /a ./cmd/app\n", &[2]);
        check("RUN --mount=target=. --mount=type=cache,target=/go/pkg/mod go build -o /a ./cmd/app\n", &[]);
        check("COPY --from=ex.io/modules:1 /go/pkg/mod /go/pkg/mod\nCOPY . .\nRUN go build -o /a .\n", &[]);
        // The source of something else.
        check("COPY tools tools\nRUN go mod download\n", &[]);
        check("COPY $WHAT .\nRUN go mod download\n", &[]);
    }

    #[test]
    fn without_modules_there_is_nothing_to_download() {
        let stage = "COPY . .\nRUN go build -o /a ./cmd/app\n";
        check(LintRule::SourceBeforeModules, stage, "-- go.mod --\nmodule ex.io/shop\ngo 1.24\n", &[]);
        check(LintRule::SourceBeforeModules, stage, "-- vendor/modules.txt --\n# ex.io/y v1.0.0\n", &[]);
    }

    #[test]
    fn the_fix_names_the_files_of_this_repository() {
        let fix = |files: &str| {
            let dockerfile = "FROM golang:1.24\nCOPY . .\nRUN go mod download\n";
            findings(LintRule::SourceBeforeModules, dockerfile, files)[0].fix.clone()
        };
        assert_eq!(fix(""), "before the source: `COPY go.mod go.sum ./`, then `RUN go mod download`");
        assert_eq!(
            fix(WORKSPACE),
            "before the source: `COPY go.work go.work.sum go.mod go.sum ./`, `COPY lib/go.mod lib/go.sum lib/`, then `RUN go \
             mod download`"
        );
    }

    #[test]
    fn downloads_find_all_module_files() {
        let check = |stage: &str, files: &str, expected| check(LintRule::MissingModuleFile, stage, files, expected);
        let download = "RUN go mod download\nCOPY . .\n";
        check(&format!("COPY go.mod go.sum ./\n{download}"), "", &[]);
        check(&format!("COPY go.* ./\n{download}"), "", &[]);
        check(&format!("COPY go.mod ./\n{download}"), "", &[3]);
        check(&format!("COPY go.mod .\nCOPY go.sum .\n{download}"), "", &[]);
        check("RUN --mount=type=bind,source=go.mod,target=go.mod go mod download\n", "", &[2]);
        check(&format!("COPY $FILES ./\n{download}"), "", &[]);
        check(&format!("COPY tools/go.mod ./\n{download}"), "", &[]);
        check(&format!("COPY . .\n{download}"), "", &[]);
        let replaced = "-- go.mod --\nmodule ex.io/shop\ngo 1.24\nrequire ex.io/lib v0.0.0\nreplace ex.io/lib => ./lib\n\
                        -- lib/go.mod --\nmodule ex.io/lib\n-- lib/go.sum --\n-- lib/lib.go --\npackage lib\n";
        check(&format!("COPY go.mod go.sum ./\n{download}"), replaced, &[3]);
        check(&format!("COPY go.mod go.sum ./\nCOPY lib/go.mod lib/\n{download}"), replaced, &[]);
    }

    #[test]
    fn downloads_in_a_workspace_find_all_used_modules() {
        let found = |copies: &str| {
            let dockerfile = format!("FROM golang:1.24\n{copies}RUN go mod download\nCOPY . .\n");
            let found = findings(LintRule::MissingModuleFile, &dockerfile, WORKSPACE);
            found.first().map(|finding| finding.message.clone())
        };
        let missing = |files: &str| Some(format!("{files} when modules are downloaded"));
        assert_eq!(
            found("COPY go.work go.work.sum go.mod go.sum ./\n"),
            missing("lib/go.mod and lib/go.sum are not there")
        );
        assert_eq!(found("COPY go.* ./\nCOPY lib/go.mod lib/\n"), missing("lib/go.sum is not there"));
        assert_eq!(found("COPY go.* ./\nCOPY lib/go.* lib/\n"), None);
        assert_eq!(found("COPY --parents go.work* **/go.mod **/go.sum ./\n"), None);
        // Without go.work it is another download, which is right by itself.
        assert_eq!(found("COPY go.mod go.sum ./\n"), None);
    }

    #[test]
    fn versions_are_those_of_the_commit() {
        let check = |run: &str, expected: bool| {
            let stage = format!("COPY . .\nRUN {run}\n");
            super::tests::check(LintRule::UnlockedModules, &stage, "", if expected { &[3] } else { &[] });
        };
        check("go install ex.io/tool@latest", true);
        check("go run ex.io/tool@latest", true);
        check("go install ex.io/tool@v1.2.3", false);
        check("go get ./...", true);
        check("go mod tidy && go build -o /a .", true);
        check("go mod download && go mod verify", false);
        check("go build -mod=mod -o /a .", true);
        check("go build -mod=readonly -o /a .", false);
    }

    #[test]
    fn builds_keep_their_cache() {
        let check = |run: &str, expected: bool| {
            let stage = format!("COPY . .\nRUN {run}\n");
            super::tests::check(LintRule::NoCacheMount, &stage, "", if expected { &[3] } else { &[] });
        };
        check("go build -o /a .", true);
        check("--mount=type=cache,target=/go/pkg/mod go build -o /a .", true);
        check("--mount=type=cache,target=/root/.cache/go-build go build -o /a .", false);
        check("--mount=type=cache,target=/root/.cache go build -o /a .", false);
        check("--mount=type=cache,target=/root/ go build -o /a .", false);
        check("--mount=type=cache,target=/c GOCACHE=/c go build -o /a .", false);
        check("--mount=type=cache,id=x,target=/home/me/.cache/go-build go build -o /a .", false);
        check("make", false);
        check("go mod download", false);
    }
}
