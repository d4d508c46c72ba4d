//! The rules about what images start from: `floating-base`, `old-builder`, `toolchain-in-image`, `heavy-base`.

use std::collections::BTreeSet;

use super::base_image::{BaseImage, Kind};
use super::commands::{Setting, commands, program};
use super::subject::Subject;
use super::{Advised, Findings};
use crate::config::{LintRule, fill_template};
use crate::docker::{Action, Origin, Run};
use crate::go::mode::Mode;
use crate::go::modfile::go_version;

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    floating_bases(subject, findings);
    old_builder(subject, findings);
    if !toolchain_in_image(subject, findings) {
        heavy_base(subject, findings);
    }
}

fn floating_bases(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let own = images_of_services(subject);
    let mut seen = BTreeSet::new();
    let mut check = |text: &str, line: usize| {
        let image = BaseImage::read(text);
        let floats = image.tag.is_none_or(|tag| tag == "latest") && !image.has_digest;
        if !floats
            || image.is_unknown()
            || image.may_be_local()
            || text == "scratch"
            || own.contains(image.repository)
            || !seen.insert(line)
        {
            return;
        }
        let shown = image.text;
        let message = match image.tag {
            None => format!("`{shown}` names no version, so it is whatever `latest` is on the day of the build"),
            Some(_) => format!("`{shown}` is whatever was pushed last on the day of the build"),
        };
        findings.add(LintRule::FloatingBase, line, Advised {
            message,
            reason: "two builds of the same commit differ, a new major version arrives unasked, and no plan can see it: \
                     a base that moves makes nothing stale"
                .to_owned(),
            gain: "builds that can be repeated; updates that are commits".to_owned(),
            fix: format!("name a version, or better a digest as well: `{}`", pinned(subject, &image)),
        });
    };
    for (_, stage) in subject.stages().filter(|(_, stage)| stage.base_stage.is_none()) {
        check(&stage.base, stage.line);
    }
    for step in subject.steps() {
        let line = step.instruction.line;
        let mounts = step.instruction.run().into_iter().flat_map(|run| &run.mounts).map(|mount| &mount.from);
        for origin in step.instruction.copy().map(|copy| &copy.from).into_iter().chain(mounts) {
            if let Origin::Image(image) = origin {
                // The name of a context that the command line gives, or of an image: both are possible without a tag.
                if image.contains(['/', ':']) {
                    check(image, line);
                }
            }
        }
    }
}

/// How the image could be named.
fn pinned(subject: &Subject<'_>, image: &BaseImage<'_>) -> String {
    let repository = image.repository;
    match image.kind() {
        Kind::Go if repository.ends_with("golang") => {
            let line = subject.module().and_then(|module| module.go_mod.go.as_deref());
            let minor = line.and_then(go_version::minor).map_or_else(|| "1.N".to_owned(), |minor| format!("1.{minor}"));
            format!("{repository}:{minor}")
        }
        Kind::Static | Kind::Glibc if !repository.contains("-debian") && repository.contains("distroless/") => {
            format!("{repository}-debian12:nonroot@sha256:…")
        }
        Kind::Static | Kind::Glibc => format!("{repository}@sha256:…"),
        Kind::Alpine => format!("{repository}:3.N"),
        _ => format!("{repository}:VERSION@sha256:…"),
    }
}

/// The repositories of the images of all services: their tags are the planner's business.
fn images_of_services(subject: &Subject<'_>) -> BTreeSet<String> {
    let services = subject.snapshot.services.values().map(|state| &state.service);
    let of = services.filter_map(|service| {
        let template = service.settings.image.repository.as_deref()?;
        Some(fill_template(template, |name| (name == "service").then(|| service.name.clone())))
    });
    of.collect()
}

/// The least version of Go that the program's go.mod or go.work accepts, and which file says so.
fn go_line<'s>(subject: &Subject<'s>) -> Option<(&'s str, String)> {
    let module = subject.module()?;
    let of_module = module.go_mod.go.as_deref().map(|go| (go, module.file().to_string()));
    let work_files = subject.snapshot.workspace.work_files();
    // Only if there is no way to build without the go.work.
    let of_work = subject.modes().map(|mode| match mode {
        Mode::Workspace(dir) => work_files.get(dir),
        Mode::Module(_) => None,
    });
    let of_work: Option<Vec<_>> = of_work.collect();
    let of_work =
        of_work.into_iter().flatten().filter_map(|file| Some((file.go_work.go.as_deref()?, file.file().to_string())));
    of_work.chain(of_module).max_by(|left, right| go_version::compare(left.0, right.0))
}

fn old_builder(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let Some((line, file)) = go_line(subject) else { return };
    let mut seen = BTreeSet::new();
    for (step, command) in subject.go_commands() {
        let image = subject.base_of(step.stage);
        let Some(version) = image.go_version() else { continue };
        if !is_older(version, line) || !seen.insert(image.text) {
            continue;
        }
        let has_switching = go_version::minor(version).is_some_and(|minor| minor >= 21);
        let downloads = match command.variable("GOTOOLCHAIN") {
            Setting::Known(value) => value != "local" && !value.starts_with("go1"),
            // `go` may not have been told yet; what the image says is `local`.
            Setting::Unset => false,
            Setting::Unknown => continue,
        };
        let reason = match (has_switching, downloads) {
            (true, true) => "each build without a cache downloads another toolchain of about 70 MB before it begins",
            (true, false) => "the official images set GOTOOLCHAIN=local, so `go` refuses to build the module",
            (false, _) => {
                "Go before 1.21 fetches no newer toolchain: the build fails on what it does not know, at worst \
                           late"
            }
        };
        let from = stage_line(subject, step.stage);
        findings.add(
            LintRule::OldBuilder,
            from,
            Advised {
                message: format!("the image has Go {version}, but {file} asks for {line}"),
                reason: reason.to_owned(),
                gain: "builds that work, with the toolchain that the image was chosen for".to_owned(),
                fix: format!("FROM {}", image.text.replacen(&format!(":{version}"), &format!(":{line}"), 1)),
            },
        );
    }
}

/// Whether the newest release that a tag may mean is older than a go line asks for.
fn is_older(tag: &str, line: &str) -> bool {
    let (Some(have), Some(want)) = (go_version::minor(tag), go_version::minor(line)) else { return false };
    // `1.24` is the newest 1.24.N.
    let names_release = tag.matches('.').count() > 1 || tag.contains("rc") || tag.contains("beta");
    have < want || have == want && names_release && go_version::compare(tag, line).is_lt()
}

/// The `FROM` of the image that a stage starts from.
fn stage_line(subject: &Subject<'_>, number: usize) -> usize {
    let base = subject.base_of(number).text;
    let first = subject.stages().find(|(_, stage)| stage.base_stage.is_none() && stage.base == base);
    first.map_or(1, |(_, stage)| stage.line)
}

fn toolchain_in_image(subject: &Subject<'_>, findings: &mut Findings<'_>) -> bool {
    let base = subject.final_base();
    let Some(stage) = subject.first_stage() else { return false };
    if base.kind() != Kind::Go || starts_a_tool(subject) {
        return false;
    }
    // An image of tools builds nothing of its own, or starts nothing.
    if subject.builds().is_empty() || !subject.starts_something() {
        return false;
    }
    let size = if base.is_alpine() { "about 250 MB" } else { "about 850 MB" };
    let output = output_path(subject);
    let last = output.rsplit('/').find(|name| !name.is_empty()).unwrap_or("app");
    findings.add(
        LintRule::ToolchainInImage,
        stage.line,
        Advised {
            message: format!("the image is built on `{}`, so the compiler is shipped with the program", base.text),
            reason:
                "a Go program needs nothing of the toolchain to run; compiler, shell and package manager are there for \
                 whoever breaks in, and each of their CVEs is reported against the image"
                    .to_owned(),
            gain: format!("{size} less to store, push, pull and scan"),
            fix: format!(
                "name the stage (`FROM {} AS build`) and add `FROM gcr.io/distroless/static-debian12:nonroot` with \
             `COPY --from=build {output} /{last}`",
                base.text
            ),
        },
    );
    true
}

/// Where the last build writes its program.
fn output_path(subject: &Subject<'_>) -> String {
    let builds = subject.builds();
    let Some((step, command)) = builds.last() else { return "/app".to_owned() };
    let output = command.output().unwrap_or("app");
    if command.verb == "install" {
        return format!("/go/bin/{}", output.trim_end_matches(".go"));
    }
    let folder = step.instruction.run().map_or("", |run| run.directory.text.trim_end_matches('/'));
    if output.starts_with('/') { output.to_owned() } else { format!("{folder}/{}", output.trim_start_matches("./")) }
}

/// Whether the image is for work with the toolchain: what it starts is `go`, or a tool that builds or debugs.
fn starts_a_tool(subject: &Subject<'_>) -> bool {
    const TOOLS: [&str; 12] =
        ["go", "gow", "air", "dlv", "reflex", "gotestsum", "ginkgo", "golangci-lint", "make", "bash", "sh", "tail"];
    let starts = subject.final_steps().filter_map(|step| match &step.instruction.action {
        Action::Start(_, commands) => Some(commands),
        _ => None,
    });
    let mut programs = starts.flatten().map(program);
    programs.any(|words| words.first().is_some_and(|name| TOOLS.contains(name)))
}

fn heavy_base(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let base = subject.final_base();
    let Some(stage) = subject.first_stage() else { return };
    if !matches!(base.kind(), Kind::Distribution { .. }) || subject.program().is_none() || uses_the_base(subject) {
        return;
    }
    let slim = base.tag.is_some_and(|tag| tag.contains("slim"));
    let size = if slim { "about 75 MB" } else { "about 75 to 200 MB" };
    let with_libc = subject.closure().uses_cgo;
    let better =
        if with_libc { "gcr.io/distroless/base-debian12:nonroot" } else { "gcr.io/distroless/static-debian12:nonroot" };
    findings.add(LintRule::HeavyBase, stage.line, Advised {
        message: format!("the program is shipped with all of `{}`, and nothing here uses it", base.text),
        reason: "only files are copied onto it; its shell, package manager and libraries are there for whoever breaks in, \
                 and their CVEs are reported against the image"
            .to_owned(),
        gain: format!("{size} less, and next to nothing left to patch"),
        fix: if with_libc {
            format!("FROM {better} (the program uses cgo: check with `ldd` which libraries it needs)")
        } else {
            format!("FROM {better}, with CGO_ENABLED=0 in the build; it has certificates, time zones and a user")
        },
    });
}

/// Whether something of a distribution is used: commands beyond users, folders, certificates and time zones, a script
/// that is started, or files that are copied in and may need it.
fn uses_the_base(subject: &Subject<'_>) -> bool {
    for step in subject.final_steps() {
        match &step.instruction.action {
            Action::Run(run) if needs_the_base(run) => return true,
            Action::Start(_, commands) => {
                let is_script =
                    |words: &[&str]| words.first().is_some_and(|name| is_script_file(name) || is_shell(name));
                if commands.iter().map(program).any(|words| is_script(&words)) {
                    return true;
                }
            }
            Action::Copy(copy) => {
                let sources = copy.sources.iter().chain([&copy.target.text]);
                if sources.into_iter().any(|path| is_script_file(path) || path.contains("entrypoint")) {
                    return true;
                }
            }
            Action::Shell(_) => return true,
            _ => {}
        }
    }
    // Without a program to start it is an image for others to build on, or for people to look into.
    !subject.starts_something()
        || subject.builds().iter().any(|(_, command)| command.variable("CGO_ENABLED") == Setting::Known("1"))
}

fn is_script_file(path: &str) -> bool {
    std::path::Path::new(path).extension().is_some_and(|extension| extension == "sh")
}

fn is_shell(name: &str) -> bool {
    matches!(name, "sh" | "bash" | "ash" | "dash" | "tini" | "dumb-init")
}

fn needs_the_base(run: &Run) -> bool {
    const PORTABLE: [&str; 14] = [
        "",
        "set",
        "mkdir",
        "chmod",
        "chown",
        "useradd",
        "groupadd",
        "adduser",
        "addgroup",
        "update-ca-certificates",
        "rm",
        "touch",
        "true",
        "ln",
    ];
    const PACKAGES: [&str; 3] = ["ca-certificates", "tzdata", "netbase"];
    run.has_odd_shell
        || commands(run).any(|command| {
            let words = program(command);
            let name = words.first().copied().unwrap_or_default();
            if matches!(name, "apt-get" | "apt" | "dnf" | "microdnf" | "yum") {
                let plain = words.iter().skip(1).filter(|word| !word.starts_with('-'));
                let is_verb =
                    |word: &str| matches!(word, "install" | "update" | "upgrade" | "clean" | "all" | "autoremove");
                return plain.into_iter().any(|word| !is_verb(word) && !PACKAGES.contains(word));
            }
            !PORTABLE.contains(&name)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::{advice, findings, lines_with};

    #[track_caller]
    fn check(rule: LintRule, dockerfile: &str, expected: &[usize]) {
        assert_eq!(lines_with(rule, dockerfile, ""), expected, "{dockerfile}");
    }

    #[test]
    fn bases_float_without_a_version() {
        let check = |dockerfile: &str, expected| check(LintRule::FloatingBase, dockerfile, expected);
        check("FROM alpine\n", &[1]);
        check("FROM golang:latest AS b\nFROM scratch\nCOPY --from=b /a /\n", &[1]);
        check("FROM alpine:3.20\n", &[]);
        check("FROM alpine@sha256:0\n", &[]);
        check("FROM alpine:latest@sha256:0\n", &[]);
        check("FROM localhost:5000/x/y\n", &[1]);
        check("FROM golang:1.24 AS build\nFROM build\n", &[]);
        check("ARG V=latest\nFROM alpine:$V\n", &[2]);
        check("ARG BASE\nFROM $BASE\n", &[]);
        // A stage that nothing needs is not built.
        check("FROM alpine AS unused\nFROM scratch\n", &[]);
        // It may be an image of this machine, or a context that the command line names.
        check("FROM our-base\n", &[]);
        check("FROM scratch\nCOPY --from=busybox:latest /bin/sh /\nCOPY --from=tools /x /\n", &[2]);
        check("FROM alpine:3.20\nRUN --mount=from=ex.io/tools,target=/t /t/x\n", &[2]);
    }

    #[test]
    fn images_of_services_have_the_tags_of_the_plan() {
        let base = "[services.base]\ndockerfile = \"base/Dockerfile\"\n[services.base.image]\nrepository = \"ex.io/{service}\"\n";
        let files = "-- base/Dockerfile --\nFROM scratch\n";
        let found = |config| advice("FROM ex.io/base\n", files, config).findings.len();
        assert_eq!(found("") - found(base), 1);
    }

    #[test]
    fn a_builder_is_as_new_as_the_go_line() {
        let check = |version: &str, rest: &str, expected| {
            let dockerfile = format!(
                "FROM golang:{version} AS b\nCOPY . .\n{rest}RUN go build -o /a .\nFROM scratch\nCOPY --from=b /a /\n"
            );
            check(LintRule::OldBuilder, &dockerfile, expected);
        };
        check("1.21", "", &[1]);
        check("1.23.9-alpine3.20", "", &[1]);
        check("1.24.1", "", &[1]);
        check("1.24rc1", "", &[1]);
        check("1.24", "", &[]);
        check("1.24.2-bookworm", "", &[]);
        check("1.25-alpine", "", &[]);
        check("1", "", &[]);
        check("latest", "", &[]);
        check("1.23", "ENV GOTOOLCHAIN=auto\n", &[1]);
        check("1.23", "ARG GOTOOLCHAIN\n", &[]);
        let reason = |dockerfile: &str| findings(LintRule::OldBuilder, dockerfile, "")[0].reason.clone();
        assert!(reason("FROM golang:1.23\nENV GOTOOLCHAIN=auto\nRUN go build\n").contains("downloads"));
        assert!(reason("FROM golang:1.23\nRUN go build\n").contains("refuses"));
        assert!(reason("FROM golang:1.19\nRUN go build\n").contains("1.21"));
        // A stage without `go` may be as old as it likes.
        super::tests::check(LintRule::OldBuilder, "FROM golang:1.19\nRUN apt-get update\n", &[]);
    }

    #[test]
    fn the_toolchain_is_in_the_image_of_a_single_stage() {
        let check = |dockerfile: &str, expected| check(LintRule::ToolchainInImage, dockerfile, expected);
        check("FROM golang:1.24\nCOPY . .\nRUN go build -o /app ./cmd/app\nCMD [\"/app\"]\n", &[1]);
        check("FROM golang:1.24 AS b\nCOPY . .\nRUN go build -o /app ./cmd/app\nFROM b\nCMD [\"/app\"]\n", &[1]);
        check(
            "FROM golang:1.24 AS b\nCOPY . .\nRUN go build -o /app .\nFROM scratch\nCOPY --from=b /app /\nCMD [\"/app\"]\n",
            &[],
        );
        // For work with the toolchain.
        check("FROM golang:1.24\nCOPY . .\nRUN go install ./cmd/app\nCMD [\"go\", \"test\", \"./...\"]\n", &[]);
        check("FROM golang:1.24\nCOPY . .\nRUN go install ./cmd/app\n", &[]);
        check("FROM golang:1.24\nRUN go install ex.io/tool@v1.0.0\nENTRYPOINT [\"/go/bin/tool\"]\n", &[]);
        let dockerfile = "FROM golang:1.24\nWORKDIR /src\nCOPY . .\nRUN go build -o app ./cmd/app\nCMD [\"./app\"]\n";
        assert!(
            findings(LintRule::ToolchainInImage, dockerfile, "")[0].fix.contains("`COPY --from=build /src/app /app`")
        );
    }

    #[test]
    fn a_distribution_is_heavy_if_nothing_of_it_is_used() {
        let check = |rest: &str, expected| check(LintRule::HeavyBase, &format!("FROM {rest}"), expected);
        check("debian:12-slim\nCOPY app /\nENTRYPOINT [\"/app\"]\n", &[1]);
        check(
            "ubuntu:24.04\nRUN apt-get update && apt-get install -y ca-certificates tzdata\nCOPY app /\nCMD [\"/app\"]\n",
            &[1],
        );
        check("debian:12\nRUN useradd -r app && mkdir /data\nCOPY app /\nCMD [\"/app\"]\n", &[1]);
        check("debian:12\nRUN apt-get update && apt-get install -y git\nCOPY app /\nCMD [\"/app\"]\n", &[]);
        check("debian:12\nCOPY app /\nCMD /app --x && sleep 1\n", &[1]);
        check("debian:12\nCOPY app entrypoint.sh /\nENTRYPOINT [\"/entrypoint.sh\"]\n", &[]);
        check("debian:12\nCOPY app /\nENTRYPOINT [\"bash\", \"-c\", \"/app\"]\n", &[]);
        check("debian:12\nCOPY app /\n", &[]);
        check("alpine:3.20\nCOPY app /\nCMD [\"/app\"]\n", &[]);
        check("gcr.io/distroless/base-debian12\nCOPY app /\nCMD [\"/app\"]\n", &[]);
        check("ex.io/our/base:1\nCOPY app /\nCMD [\"/app\"]\n", &[]);
        check(
            "golang:1.24 AS b\nCOPY . .\nENV CGO_ENABLED=1\nRUN go build -o /a .\nFROM debian:12\nCOPY --from=b /a /\nCMD [\"/a\"]\n",
            &[],
        );
    }
}
