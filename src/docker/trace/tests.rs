//! Dockerfiles, and what of a small repository reaches their images by which way.

use proptest::prelude::*;

use super::*;
use crate::repo::MemoryTree;

const REPO: &str = "
-- Makefile --
-- VERSION --
-- go.mod --
-- cmd/app/main.go --
-- cmd/app/page.html --
-- cmd/tool/main.go --
-- conf/a.yaml --
-- conf/b.yaml --
-- conf/sub/c.yaml --
-- web/index.html --
-- web/js/app.js --
";

fn path(text: &str) -> RepoPath {
    RepoPath::from_clean(text.as_bytes())
}

fn is_go_folder(folder: &RepoPath) -> bool {
    ["", "cmd", "cmd/app", "cmd/tool"].contains(&folder.to_str().unwrap_or_default())
}

fn traced(more: &str, ignore: &str, dockerfile: &str) -> (Trace, Vec<String>) {
    let tree = MemoryTree::from_txtar(&format!("{REPO}{more}"));
    let root = RepoPath::root();
    let ignore = Ignore::parse(ignore.as_bytes());
    let question =
        TraceQuestion { tree: &tree, context: &root, ignore: &ignore, target: None, is_go_folder: &is_go_folder };
    let parsed = Dockerfile::parse(dockerfile.as_bytes());
    assert_eq!(parsed.problem, None);
    let trace = trace(&parsed, &question).unwrap();
    let mut files = BTreeSet::new();
    for selection in &trace.selections {
        files.extend(selected_files(&question, selection).unwrap().0);
    }
    let files = files.iter().map(ToString::to_string).collect();
    (trace, files)
}

/// The files that reach the image otherwise than through Go.
#[track_caller]
fn check(dockerfile: &str, expected: &[&str]) {
    assert_eq!(traced("", "", dockerfile).1, expected, "{dockerfile}");
}

/// The same in a stage `build` with the whole context in `/src`, of which the final stage takes a path.
#[track_caller]
fn check_taken(commands: &str, taken: &str, expected: &[&str]) {
    let text = format!(
        "FROM alpine AS build\nWORKDIR /src\nCOPY . .\n{commands}\nFROM scratch\nCOPY --from=build {taken} /x\n"
    );
    check(&text, expected);
}

const ALL: [&str; 11] = [
    "Makefile",
    "VERSION",
    "cmd/app/main.go",
    "cmd/app/page.html",
    "cmd/tool/main.go",
    "conf/a.yaml",
    "conf/b.yaml",
    "conf/sub/c.yaml",
    "go.mod",
    "web/index.html",
    "web/js/app.js",
];

#[test]
fn what_the_last_stage_copies_reaches_the_image() {
    check("FROM scratch\nCOPY conf /etc", &["conf/a.yaml", "conf/b.yaml", "conf/sub/c.yaml"]);
    check("FROM scratch\nADD web/*.html go.mod /x/", &["go.mod", "web/index.html"]);
    check("FROM golang\nCOPY . .\nRUN go build ./cmd/app", &ALL);
    check("FROM scratch AS unused\nCOPY . .\nFROM scratch\nCOPY VERSION /", &["VERSION"]);
    check("FROM scratch\nONBUILD COPY . .", &[]);
    check("FROM scratch AS a\nONBUILD COPY VERSION .\nFROM a", &["VERSION"]);
}

#[test]
fn what_is_taken_from_a_stage_leads_back_to_the_context() {
    check_taken("", "/src/web/js", &["web/js/app.js"]);
    check_taken("", "/src/conf/*.yaml", &["conf/a.yaml", "conf/b.yaml"]);
    check_taken("", "/src/no /bin", &[]);
    check_taken("WORKDIR /other", "/other", &[]);
    check_taken("RUN mkdir -p /out && cp -r web /out/w && mv conf/sub /out", "/out/w/index.html", &["web/index.html"]);
    check_taken("RUN cp -r web /out && mv conf/sub /out/", "/out/sub/c.yaml", &["conf/sub/c.yaml"]);
    check_taken("RUN cat conf/*.yaml | sed s/a/b/ > /merged", "/merged", &["conf/a.yaml", "conf/b.yaml"]);
    check_taken("RUN tar -C web -cf /w.tar .", "/w.tar", &["web/index.html", "web/js/app.js"]);
    check_taken("RUN echo \"$(cat VERSION)\" > /v", "/v", &["VERSION"]);
    check_taken("RUN if [ -f conf/a.yaml ]; then touch /there; fi", "/there", &["conf/a.yaml"]);
}

#[test]
fn known_commands_of_go_and_of_the_system_take_nothing() {
    for commands in [
        "RUN apk add --no-cache git && go mod download && CGO_ENABLED=0 go build -o /app ./cmd/app",
        "RUN --mount=type=cache,target=/root/.cache go vet ./... && go build -o /app ./cmd/app && strip /app",
        "RUN <<EOF\nset -eux\napt-get update\ngo build -o /app ./cmd/app\nEOF",
        "RUN case \"$(uname -m)\" in x86_64|amd64) export GOAMD64=v1 ;; *) ;; esac; go build -o /app ./cmd/app",
    ] {
        check_taken(commands, "/app", &[]);
    }
}

#[test]
fn commands_that_nobody_knows_may_read_all_that_is_there() {
    for command in ["make", "./x.sh", "go generate ./...", "go test ./...", "npm ci", "sh -c \"$X\"", "sh < VERSION"] {
        check_taken(&format!("RUN {command}"), "/out", &ALL);
    }
    check("FROM node AS ui\nCOPY web/js .\nRUN npm ci\nCOPY . .\nFROM scratch\nCOPY --from=ui /dist /", &ALL);
    check("FROM node AS ui\nCOPY web/js /w\nRUN npm ci\nFROM scratch\nCOPY --from=ui /dist /", &["web/js/app.js"]);
}

#[test]
fn the_blame_is_put_on_the_command() {
    let (trace, _) = traced("", "", "FROM a AS b\nCOPY . .\nRUN make\nFROM scratch\nCOPY --from=b /x /x");
    let [note] = &trace.notes[..] else { panic!("{:?}", trace.notes) };
    assert!(note.line == 3 && note.message.starts_with("`make` may read every file"), "{note:?}");
    assert!(traced("", "", "FROM a\nRUN make\nCOPY VERSION /").0.notes.is_empty());
}

#[test]
fn the_ignore_file_is_applied() {
    let (_, files) = traced("", "conf\n!conf/sub\n*.mod", "FROM scratch\nCOPY . /");
    let expected: Vec<&str> = ALL
        .into_iter()
        .filter(|file| !file.ends_with("mod") && !file.starts_with("conf/a") && !file.starts_with("conf/b"))
        .collect();
    assert_eq!(files, expected);
}

#[test]
fn excluded_files_are_left_out() {
    check("FROM scratch\nCOPY --exclude=sub --exclude=b.yaml conf /", &["conf/a.yaml"]);
    check(
        "FROM scratch AS a\nCOPY --exclude=conf . /w\nFROM scratch\nCOPY --from=a /w/conf /w/web/js /",
        &["web/js/app.js"],
    );
}

#[test]
fn links_count_with_what_they_lead_to() {
    let more = "-- www -> web --\n-- out -> /etc --\n";
    assert_eq!(traced(more, "", "FROM scratch\nCOPY www/js /").1, ["web/js/app.js", "www"]);
    let (trace, files) = traced(more, "", "FROM scratch\nCOPY out /");
    assert_eq!(files, ["out"]);
    assert!(trace.notes[0].message.contains("leads out of the repository"), "{:?}", trace.notes);
}

#[test]
fn missing_and_unknown_sources_are_said() {
    let (trace, _) = traced("", "", "FROM scratch\nCOPY bin/app /");
    assert!(trace.notes[0].message.starts_with("COPY bin/app: no such file"), "{:?}", trace.notes);
    let (trace, files) = traced("", "", "FROM scratch\nARG ENV\nCOPY conf/${ENV}.yaml /");
    assert_eq!(files, ["conf/a.yaml", "conf/b.yaml"]);
    assert!(trace.notes[0].message.contains("variable has no known value"), "{:?}", trace.notes);
}

/// The Go builds that reach the image: folder, targets, flags, and whether sources lie as in the repository.
#[track_caller]
fn check_builds(commands: &str, taken: &str, expected: &[&str]) {
    let text = format!(
        "FROM golang AS build\nWORKDIR /src\nCOPY . .\n{commands}\nFROM scratch\nCOPY --from=build {taken} /x\n"
    );
    let (trace, _) = traced("", "", &text);
    let shown: Vec<String> = trace.builds.iter().map(shown_build).collect();
    assert_eq!(shown, expected, "{commands}");
}

fn shown_build(build: &GoBuild) -> String {
    let targets = build.targets.iter().map(|target| match target {
        GoTarget::Folder { pattern, below, .. } => format!("{pattern}{}", if *below { "/..." } else { "" }),
        GoTarget::ImportPath { path, .. } => path.clone(),
        GoTarget::Unknown => "?".to_owned(),
    });
    let mut parts: Vec<String> = targets.collect();
    parts.extend(build.flags.clone());
    parts.extend(build.names.iter().flatten().map(|name| format!("only {name}")));
    for name in ["CGO_ENABLED", "GOOS"] {
        match build.variable(name) {
            Setting::Known(value) => parts.push(format!("{name}={value}")),
            Setting::Unknown => parts.push(format!("{name}=?")),
            Setting::Unset => {}
        }
    }
    parts.extend(build.is_rearranged.then(|| "rearranged".to_owned()));
    parts.join(" ")
}

#[test]
fn builds_are_known_by_folder_flags_and_variables() {
    check_builds(
        "RUN CGO_ENABLED=0 go build -tags a,b -o /app ./cmd/app",
        "/app",
        &["cmd/app -tags=a,b -o=/app CGO_ENABLED=0"],
    );
    check_builds(
        "ENV GOFLAGS=-mod=vendor GOOS=linux\nRUN cd cmd && go build -C app -o /app",
        "/app",
        &["cmd/app -mod=vendor -C=app -o=/app GOOS=linux"],
    );
    check_builds("RUN export GOOS=js && go build -o /app cmd/app/main.go", "/app", &["cmd/app -o=/app GOOS=js"]);
    check_builds(
        "RUN [ -z x ] || export GOOS=js; go build -o /app ex.io/m/cmd/app",
        "/app",
        &["ex.io/m/cmd/app -o=/app GOOS=?"],
    );
    check_builds("RUN for s in app tool; do go build -o /out/$s ./cmd/$s; done", "/out/app", &["cmd/* -o=/out/${s}"]);
    check_builds("RUN go build -o /out/ ./cmd/...", "/out/tool", &["cmd/... -o=/out/ only tool"]);
    check_builds("RUN go build -o /a ./cmd/app && go build -o /b ./cmd/tool", "/b", &["cmd/tool -o=/b"]);
    check_builds("RUN go install example.com/tool@v1", "/go/bin/tool", &[]);
}

#[test]
fn source_that_is_moved_or_made_is_noticed() {
    let app = |commands: &str| format!("{commands}\nRUN go build -o /app ./cmd/app");
    check_builds(&app("RUN cat VERSION"), "/app", &["cmd/app -o=/app"]);
    check_builds(&app("COPY web /etc/web"), "/app", &["cmd/app -o=/app"]);
    check_builds(&app("RUN sed -i s/a/b/ cmd/app/main.go"), "/app", &["cmd/app -o=/app rearranged"]);
    check_builds(&app("COPY cmd/tool cmd/app"), "/app", &["cmd/app -o=/app rearranged"]);
    check_builds(&app("RUN go generate ./..."), "/app", &["cmd/app -o=/app rearranged"]);
    check_builds("WORKDIR /elsewhere\nRUN go build -o /app .", "/app", &["? -o=/app rearranged"]);
}

#[test]
fn a_build_sees_what_lies_in_its_place() {
    let text = "FROM golang AS build\nWORKDIR /src\nCOPY go.mod .\nCOPY cmd cmd\nRUN go build -o /a ./cmd/app\nFROM scratch\nCOPY --from=build /a /";
    let (trace, _) = traced("", "", text);
    let sees = |file: &str| trace.builds[0].sees(&path(file), |_| false);
    assert_eq!(["go.mod", "cmd/app/main.go", "web/index.html"].map(sees), [true, true, false]);
    assert_eq!(trace.builds[0].dir, Some(RepoPath::root()));
}

#[test]
fn hostile_files_end() {
    let lines = [
        "RUN go build\n",
        "RUN make\n",
        "RUN cp /x /x\n",
        "RUN cat a | sed b > a; { ls; } > c\n",
        "COPY . .\n",
        "COPY --from=a / /\n",
        "RUN --mount=from=a,target=/x apk add x\n",
        "RUN mv * /src\n",
        "COPY **/*a*/**/x* /\n",
    ];
    for line in lines {
        let text = format!("FROM a AS a\nCOPY . /x\nFROM b AS b\nCOPY . /src\n{}", line.repeat(3000));
        traced("", "", &text);
        traced("", "", &text.replace("FROM b AS b", "FROM b AS b\nWORKDIR /src"));
    }
    traced("", "", &format!("FROM a AS s\nCOPY . .\n{}", "FROM s AS s\nRUN make\n".repeat(400)));
    traced(
        "",
        "",
        &format!("FROM a\nCOPY . .\nRUN {}", "{ cat x; } > y; for f in *; do echo $f > z; done; ".repeat(3000)),
    );
}

fn line() -> impl Strategy<Value = String> {
    let lines = vec![
        "FROM a AS a",
        "FROM a AS b",
        "FROM b",
        "FROM scratch",
        "FROM $X",
        "WORKDIR /src",
        "WORKDIR web",
        "WORKDIR $Y",
        "COPY . .",
        "COPY conf/*.yaml /etc/",
        "COPY --from=a /src /x",
        "COPY --from=0 / .",
        "COPY --from=b conf x",
        "COPY --from=$Z / /",
        "ADD web /w",
        "ARG X",
        "ENV GOFLAGS=-mod=vendor",
        "RUN make",
        "RUN go build -o /o ./cmd/app",
        "RUN cp -r . /o",
        "RUN --mount=from=a,target=/m cat /m/x > y",
        "RUN --mount=target=. go build -o /o",
        "RUN cd $V && mv web /w",
        "ONBUILD COPY . /",
        "RUN tar xf a.tar -C /",
        "RUN <<E\ncat VERSION | sh\nE",
        "COPY --parents */*/*.js /p",
        "COPY --exclude=*.js web /q",
    ];
    proptest::sample::select(lines).prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn traces_hold_files_of_the_tree_and_grow_with_what_is_taken(lines in proptest::collection::vec(line(), 0..14)) {
        let text = format!("FROM a AS a\n{}\n", lines.join("\n"));
        let (_, files) = traced("", "", &text);
        prop_assert!(files.iter().all(|file| ALL.contains(&file.as_str())));
        let (_, more) = traced("", "", &format!("{text}COPY conf/a.yaml /zz\n"));
        prop_assert!(files.iter().all(|file| more.contains(file)));
    }
}
