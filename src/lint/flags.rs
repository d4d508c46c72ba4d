//! The rules about how binaries are built: `dynamic-binary`, `no-trimpath`, `unstripped`, `forced-rebuild`,
//! `no-target-arch`, `upx`.

use super::base_image::Kind;
use super::commands::{GoCommand, Setting, commands, program};
use super::subject::{Step, Subject};
use super::{Advised, Findings};
use crate::config::LintRule;
use crate::go::modfile::go_version;

/// How many commands of one Dockerfile are looked at: far more than any real one has.
const MAX_COMMANDS: usize = 64;

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for (step, command) in subject.builds().iter().filter(|(step, command)| subject.ships(*step, command)) {
        dynamic_binary(subject, *step, command, findings);
        no_target_arch(subject, *step, command, findings);
        if !is_for_debugging(command) {
            no_trimpath(command, findings);
            unstripped(*step, command, findings);
        }
    }
    for (_, command) in subject.go_commands().take(MAX_COMMANDS) {
        forced_rebuild(&command, findings);
    }
    packed(subject, findings);
}

/// The command in short, as a message can name it: `go build -o /app ./cmd/app`.
fn shown(command: &GoCommand<'_>) -> String {
    let output = command.flag_text("o").map(|output| format!(" -o {output}")).unwrap_or_default();
    let mut text = format!("go {}{output}", command.verb);
    for word in &command.arguments {
        text.push(' ');
        text.push_str(&word.text);
    }
    if text.chars().count() > 80 { format!("go {}", command.verb) } else { text }
}

/// The same with a flag added.
fn with_flag(command: &GoCommand<'_>, flag: &str) -> String {
    let (verb, text) = (command.verb, shown(command));
    text.replacen(&format!("go {verb}"), &format!("go {verb} {flag}"), 1)
}

/// Without optimisation it is for a debugger.
fn is_for_debugging(command: &GoCommand<'_>) -> bool {
    let flags = command.flag_text("gcflags").unwrap_or_default();
    flags.split(['=', ' ']).any(|flag| flag == "-N" || flag == "-l")
        || matches!(command.flag("race"), Setting::Known("true"))
        || matches!(command.flag("cover"), Setting::Known("true"))
}

fn no_trimpath(command: &GoCommand<'_>, findings: &mut Findings<'_>) {
    if !command.lacks("trimpath") {
        return;
    }
    findings.add(
        LintRule::NoTrimpath,
        command.line,
        Advised {
            message: format!("`{}` keeps the paths of the builder in the binary", shown(command)),
            reason:
                "the same source gives another binary in another folder, and stack traces show paths that exist nowhere"
                    .to_owned(),
            gain: "the same binary wherever it is built, so that digests, caches and signatures can be compared"
                .to_owned(),
            fix: with_flag(command, "-trimpath"),
        },
    );
}

fn unstripped(step: Step<'_>, command: &GoCommand<'_>, findings: &mut Findings<'_>) {
    if matches!(command.flag("ldflags"), Setting::Unknown) && command.flag_text("ldflags").is_none() {
        return;
    }
    let given = command.flag_text("ldflags").unwrap_or_default();
    let mut words = given.split_whitespace();
    // `-s` includes `-w`; a word that is not known may be both.
    if words.any(|word| matches!(word.trim_matches(['\'', '"']), "-s" | "-w" | "--s" | "--w") || word.starts_with("${"))
    {
        return;
    }
    let mut others = step.instruction.run().into_iter().flat_map(commands).map(program);
    if others.any(|words| words.first().is_some_and(|name| name.ends_with("strip"))) {
        return;
    }
    let ldflags = if given.is_empty() { "-s -w".to_owned() } else { format!("-s -w {given}") };
    let flag = format!("-ldflags '{}'", ldflags.replace('\'', "\""));
    findings.add(
        LintRule::Unstripped,
        command.line,
        Advised {
            message: format!("`{}` links symbols and DWARF that only a debugger reads", shown(command)),
            reason: "panics, profiles and `runtime.Caller` work without them: they use tables of their own".to_owned(),
            gain: "about a third of the binary, and half of what is pulled".to_owned(),
            fix: with_flag(command, &flag),
        },
    );
}

fn forced_rebuild(command: &GoCommand<'_>, findings: &mut Findings<'_>) {
    if !matches!(command.verb, "build" | "install") || command.flag("a") != Setting::Known("true") {
        return;
    }
    findings.add(
        LintRule::ForcedRebuild,
        command.line,
        Advised {
            message: format!(
                "`{}` runs with `-a`, which compiles everything again, the standard library too",
                shown(command)
            ),
            reason:
                "since Go 1.10 the build cache knows when a setting such as CGO_ENABLED changes, so `-a` only keeps it \
                 from being used"
                    .to_owned(),
            gain: "with a cache mount, all of the time that unchanged packages take".to_owned(),
            fix: format!("{}, without `-a`", shown(command)),
        },
    );
}

fn no_target_arch(subject: &Subject<'_>, step: Step<'_>, command: &GoCommand<'_>, findings: &mut Findings<'_>) {
    let is_here = |text: &str| text.contains("BUILDPLATFORM");
    let platform_of = |number: usize| {
        let mut at = subject.file.stages.get(number);
        while let Some(stage) = at.filter(|stage| stage.base_stage.is_some()) {
            at = stage.base_stage.and_then(|base| subject.file.stages.get(base));
        }
        at.and_then(|stage| stage.platform.as_ref()).map_or("", |platform| platform.text.as_str())
    };
    let ends_elsewhere = subject
        .first_stage()
        .is_some_and(|stage| !stage.platform.as_ref().is_some_and(|platform| is_here(&platform.text)));
    if command.verb != "build" || command.is_wrapped || !ends_elsewhere || !is_here(platform_of(step.stage)) {
        return;
    }
    if command.variable("GOARCH") != Setting::Unset {
        return;
    }
    findings.add(
        LintRule::NoTargetArch,
        command.line,
        Advised {
            message: format!("the stage runs on the builder's platform, and `{}` builds for that one", shown(command)),
            reason: "an image for another platform gets a binary that it cannot run: exec format error".to_owned(),
            gain: "images that work on each platform, without emulation".to_owned(),
            fix: format!("ARG TARGETOS TARGETARCH and GOOS=$TARGETOS GOARCH=$TARGETARCH {}", shown(command)),
        },
    );
}

fn dynamic_binary(subject: &Subject<'_>, step: Step<'_>, command: &GoCommand<'_>, findings: &mut Findings<'_>) {
    let base = subject.final_base();
    if !matches!(base.kind(), Kind::Scratch | Kind::Static) || !may_use_cgo(subject, step, command) {
        return;
    }
    let Some(culprit) = needs_c_library(subject, command) else { return };
    findings.add(LintRule::DynamicBinary, command.line, Advised {
        message: format!("`{}` uses cgo, and `{}` has no C library", shown(command), base.text),
        reason: format!(
            "CGO_ENABLED is not 0 and the program has {culprit}, so on its own platform `go` links glibc dynamically; \
             the container ends with \"no such file or directory\""
        ),
        gain: "a program that starts".to_owned(),
        fix: if subject.closure().uses_cgo {
            "start from gcr.io/distroless/base-debian12:nonroot, which has glibc".to_owned()
        } else {
            format!("CGO_ENABLED=0 {}", shown(command))
        },
    });
}

/// Whether cgo is on where a command runs: it is asked for, or nothing turns it off and a C compiler is there.
fn may_use_cgo(subject: &Subject<'_>, step: Step<'_>, command: &GoCommand<'_>) -> bool {
    let linked = command.flag_text("ldflags").unwrap_or_default();
    if command.is_wrapped || command.has_unknown_flags || linked.contains("-static") || linked.contains("${") {
        return false;
    }
    match command.variable("CGO_ENABLED") {
        Setting::Known("1") => return true,
        Setting::Known(_) | Setting::Unknown => return false,
        Setting::Unset => {}
    }
    let image = subject.base_of(step.stage);
    if image.kind() != Kind::Go {
        return false;
    }
    // Alpine's Go has no C compiler; since 1.20 `go` notices.
    let is_old = image.go_version().and_then(go_version::minor).is_some_and(|minor| minor < 20);
    !image.is_alpine() || is_old || installs_compiler(subject, step)
}

fn installs_compiler(subject: &Subject<'_>, step: Step<'_>) -> bool {
    let runs = subject.before(step).chain([step]).filter_map(|step| step.instruction.run());
    let mut words = runs.flat_map(commands).map(program).filter(|words| words.first() == Some(&"apk")).flatten();
    words.any(|word| matches!(word, "gcc" | "build-base" | "clang" | "alpine-sdk"))
}

/// What of the program calls a C library if it may.
fn needs_c_library(subject: &Subject<'_>, command: &GoCommand<'_>) -> Option<String> {
    let closure = subject.closure();
    if closure.uses_cgo {
        return Some("packages with `import \"C\"`".to_owned());
    }
    let tags = command.flag_text("tags").unwrap_or_default();
    let has_tag = |name: &str| tags.split([',', ' ']).any(|tag| tag == name);
    let of_net = |import: &&String| {
        matches!(import.as_str(), "net" | "crypto/tls" | "crypto/x509" | "expvar" | "log/syslog" | "mime/multipart")
            || import.starts_with("net/") && !matches!(import.as_str(), "net/netip" | "net/url")
            || import.starts_with("google.golang.org/grpc")
    };
    let net = closure.imports.iter().find(of_net).filter(|_| !has_tag("netgo"));
    let user = || closure.imports.get("os/user").filter(|_| !has_tag("osusergo"));
    net.or_else(user).map(|import| format!("`{import}`"))
}

fn packed(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for step in subject.steps() {
        let Some(run) = step.instruction.run() else { continue };
        let is_upx = |words: &Vec<&str>| words.first() == Some(&"upx") && words.len() > 1 && !words.contains(&"-d");
        if !commands(run).map(program).any(|words| is_upx(&words)) {
            continue;
        }
        findings.add(
            LintRule::Upx,
            step.instruction.line,
            Advised {
                message: "`upx` packs the binary".to_owned(),
                reason:
                    "it is unpacked into memory at each start: a slower start, memory that no two containers share, no \
                     symbols for profilers, and a file that virus scanners report; the layer is compressed anyway"
                        .to_owned(),
                gain: "fast starts, and some megabytes of memory per container; the pulled layer hardly grows"
                    .to_owned(),
                fix: "leave it out, and strip the binary instead: `-ldflags '-s -w'`".to_owned(),
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::{findings, lines_with};

    /// The lines where a rule finds something in a build, which is line 3, onto a base.
    #[track_caller]
    fn check(rule: LintRule, build: &str, base: &str, expected: bool) {
        let dockerfile = format!("FROM golang:1.24 AS b\nCOPY . .\n{build}\nFROM {base}\nCOPY --from=b /a /\n");
        assert_eq!(!lines_with(rule, &dockerfile, "").is_empty(), expected, "{dockerfile}");
    }

    #[test]
    fn paths_are_trimmed_by_flag_or_goflags() {
        let check = |build: &str, expected| check(LintRule::NoTrimpath, build, "scratch", expected);
        check("RUN go build -o /a .", true);
        check("RUN go build -trimpath=false -o /a .", true);
        check("RUN go build -trimpath -o /a .", false);
        check("RUN go build --trimpath -o /a .", false);
        check("ENV GOFLAGS=\"-mod=readonly -trimpath\"\nRUN go build -o /a .", false);
        check("RUN GOFLAGS=-trimpath go build -o /a .", false);
        check("ENV F=\"-trimpath -v\"\nRUN go build $F -o /a .", false);
        check("ARG F\nRUN go build $F -o /a .", false);
        check("ARG GOFLAGS\nRUN go build -o /a .", false);
        check("RUN [\"go\", \"build\", \"-o\", \"/a\", \".\"]", true);
        check("RUN <<EOF\nset -e\ngo build -o /a .\nEOF", true);
        check("RUN set -e && cd cmd && CGO_ENABLED=0 go build -v -o /a ./app", true);
        check("RUN if true; then go build -o /a .; fi", true);
        // For a debugger, or for nothing that is kept.
        check("RUN go build -gcflags='all=-N -l' -o /a .", false);
        check("RUN go build ./...", false);
        check("RUN go build -o /dev/null .", false);
        check("RUN go install ex.io/tool@v1.2.3", false);
        check("RUN echo go build -o /a .", false);
        check("RUN make /a", false);
    }

    #[test]
    fn only_what_is_shipped_counts() {
        let check = |rest: &str, expected: &[usize]| {
            let dockerfile = format!("FROM golang:1.24 AS b\nCOPY . .\n{rest}");
            assert_eq!(lines_with(LintRule::NoTrimpath, &dockerfile, ""), expected, "{dockerfile}");
        };
        check("RUN go build -o /gen . && /gen >/out\nFROM scratch\nCOPY --from=b /out /\n", &[]);
        check("RUN go build -o /gen .\nFROM scratch\nCOPY --from=b / /\n", &[3]);
        check("RUN go build -o gen .\nWORKDIR /x\nRUN go build -o gen .\nFROM scratch\nCOPY --from=b /x/gen /\n", &[5]);
        check(
            "RUN go build -o /o/a .\nFROM scratch AS m\nCOPY --from=b /o /p\nFROM scratch\nCOPY --from=m /p/a /\n",
            &[3],
        );
        check(
            "RUN go build -o /o/a .\nFROM scratch AS m\nCOPY --from=b /o/a /p/\nFROM scratch\nCOPY --from=m /q /\n",
            &[],
        );
        check("RUN go build -o /o/a .\nFROM b AS c\nRUN true\nFROM scratch\nCOPY --from=c /o/a /\n", &[3]);
        check("RUN go install ./cmd/app\nFROM scratch\nCOPY --from=b /go/bin/app /\n", &[3]);
        // The first build only fills the cache: the second writes the same file.
        check("RUN go build -o /a .\nRUN go build -trimpath -o /a .\nFROM scratch\nCOPY --from=b /a /\n", &[]);
        check("RUN go build ./cmd/app\nRUN go build -trimpath -o app .\nFROM scratch\nCOPY --from=b app /\n", &[]);
        // What is fetched is somebody else's.
        let foreign = "FROM golang:1.24 AS b\nRUN git clone ex.io/x && cd x && go build -o /a .\nFROM scratch\nCOPY --from=b /a /\n";
        assert_eq!(lines_with(LintRule::NoTrimpath, foreign, ""), [0_usize; 0]);
    }

    #[test]
    fn binaries_are_stripped_by_the_linker() {
        let check = |build: &str, expected| check(LintRule::Unstripped, build, "scratch", expected);
        check("RUN go build -o /a .", true);
        check("RUN go build -ldflags '-X main.v=1' -o /a .", true);
        check("ARG V\nRUN go build -ldflags \"-X main.v=$V\" -o /a .", true);
        check("RUN go build -ldflags '-s -w -X main.v=1' -o /a .", false);
        check("RUN go build -ldflags=-s -o /a .", false);
        check("RUN go build -ldflags=\"-w\" -o /a .", false);
        check("ARG L\nRUN go build -ldflags \"$L\" -o /a .", false);
        check("ARG L\nRUN go build -ldflags \"$L -extldflags '-static'\" -o /a .", false);
        check("RUN go build -o /a . && strip /a", false);
        check("ENV GOFLAGS=-ldflags=-s\nRUN go build -o /a .", false);
        let dockerfile = "FROM golang:1.24\nCOPY . .\nRUN go build -ldflags \"-X 'main.v=1'\" -o /a .\n";
        let fix = &findings(LintRule::Unstripped, dockerfile, "")[0].fix;
        assert_eq!(fix, "go build -ldflags '-s -w -X \"main.v=1\"' -o /a .");
    }

    #[test]
    fn nothing_is_forced() {
        let check = |build: &str, expected| check(LintRule::ForcedRebuild, build, "scratch", expected);
        check("RUN go build -a -o /a .", true);
        check("RUN go build -o /a -a -installsuffix cgo .", true);
        check("RUN go build -o /a .", false);
        check("RUN go vet -a .", false);
    }

    #[test]
    fn builds_on_the_builders_platform_say_what_for() {
        let check = |build: &str, base: &str, expected| {
            let dockerfile = format!(
                "FROM --platform=$BUILDPLATFORM golang:1.24 AS b\nCOPY . .\n{build}\nFROM {base}\nCOPY --from=b /a /\n"
            );
            assert_eq!(!lines_with(LintRule::NoTargetArch, &dockerfile, "").is_empty(), expected, "{dockerfile}");
        };
        check("RUN go build -o /a .", "scratch", true);
        check("RUN GOOS=linux go build -o /a .", "scratch", true);
        check("ARG TARGETARCH\nRUN GOARCH=$TARGETARCH go build -o /a .", "scratch", false);
        check("ARG TARGETARCH\nENV GOARCH=$TARGETARCH\nRUN go build -o /a .", "scratch", false);
        check("ARG GOARCH\nRUN go build -o /a .", "scratch", false);
        check("RUN export GOARCH=arm64 && go build -o /a .", "scratch", false);
        check("RUN go env -w GOARCH=arm64 && go build -o /a .", "scratch", false);
        check("RUN xx-go build -o /a .", "scratch", false);
        check("RUN go build -o /a .", "--platform=$BUILDPLATFORM alpine:3.20", false);
        super::tests::check(LintRule::NoTargetArch, "RUN go build -o /a .", "scratch", false);
    }

    #[test]
    fn a_static_base_takes_static_binaries() {
        let check = |build: &str, base: &str, expected| check(LintRule::DynamicBinary, build, base, expected);
        check("RUN go build -o /a .", "scratch", true);
        check("RUN go build -o /a .", "gcr.io/distroless/static-debian12", true);
        check("RUN CGO_ENABLED=1 go build -o /a .", "scratch", true);
        check("RUN go build -o /a .", "gcr.io/distroless/base-debian12", false);
        check("RUN go build -o /a .", "debian:12", false);
        check("RUN CGO_ENABLED=0 go build -o /a .", "scratch", false);
        check("ENV CGO_ENABLED=0\nRUN go build -o /a .", "scratch", false);
        check("ENV CGO_ENABLED 0\nRUN go build -o /a .", "scratch", false);
        check("RUN go env -w CGO_ENABLED=0 && go build -o /a .", "scratch", false);
        check("ARG CGO_ENABLED\nRUN go build -o /a .", "scratch", false);
        check("RUN go build -ldflags '-extldflags \"-static\"' -o /a .", "scratch", false);
        check("RUN go build -tags netgo -o /a .", "scratch", false);
        let on = |builder: &str, before: &str, program: &str| {
            let dockerfile = format!(
                "FROM {builder} AS b\nCOPY . .\n{before}RUN go build -o /a .\nFROM scratch\nCOPY --from=b /a /\n"
            );
            let files = format!("-- cmd/app/main.go --\npackage main\n{program}\n");
            !lines_with(LintRule::DynamicBinary, &dockerfile, &files).is_empty()
        };
        let http = "import _ \"net/http\"";
        assert!(on("golang:1.24", "", http));
        assert!(on("golang:1.24", "", "import _ \"os/user\""));
        assert!(on("golang:1.24", "", "import _ \"google.golang.org/grpc\""));
        assert!(on("golang:1.24", "", "import \"C\""));
        assert!(!on("golang:1.24", "", "import _ \"net/url\""));
        assert!(!on("golang:1.24", "", "import _ \"fmt\""));
        // Alpine's Go has no C compiler unless it is installed.
        assert!(!on("golang:1.24-alpine", "", http));
        assert!(on("golang:1.24-alpine", "RUN apk add --no-cache build-base\n", http));
        assert!(on("golang:1.19-alpine", "", http));
        assert!(!on("ex.io/our/builder:1", "", http));
    }

    #[test]
    fn packers_are_named() {
        let check = |build: &str, expected| check(LintRule::Upx, build, "scratch", expected);
        check("RUN go build -o /a . && upx --best /a", true);
        check("RUN apk add --no-cache upx", false);
    }
}
