//! Turns services and their Dockerfiles into advice: what makes the image of a Go program big, slow to build or unsafe,
//! where, why, and what to write instead.
//!
//! A rule speaks only where it is sure: what is opaque (`make`, a variable that is not known, an image of unknown name)
//! silences it. It reads the tree through a [`Snapshot`], asks no registry and runs nothing.

mod allow;
mod base_image;
mod bases;
mod commands;
mod context;
mod flags;
mod imports;
mod layers;
mod modules;
mod rules;
mod safety;
mod subject;
#[cfg(test)]
mod testing;

use std::collections::{BTreeMap, BTreeSet};

use crate::config::LintRule;
use crate::docker::Dockerfile;
use crate::fingerprint::{ServiceState, Snapshot};
use crate::lint::subject::Subject;
use crate::repo::{EntryKind, RepoPath, Tree, TreeError, read_through_links};

pub use rules::{About, Gain, about};

/// One piece of advice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The Dockerfile.
    pub path: RepoPath,
    /// Where the instruction starts, from 1.
    pub line: usize,
    /// The rule.
    pub rule: LintRule,
    /// What is found, in one sentence without a period.
    pub message: String,
    /// Why that matters here.
    pub reason: String,
    /// What the fix brings.
    pub gain: String,
    /// What to write instead.
    pub fix: String,
    /// The services whose image it is about, sorted.
    pub services: Vec<String>,
}

/// The advice on a number of services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advice {
    /// By file, line and rule.
    pub findings: Vec<Finding>,
    /// How many Dockerfiles were read.
    pub dockerfiles: usize,
    /// How many findings a comment or the configuration silenced.
    pub silenced: usize,
}

/// The advice on the services that are `wanted`. Rules in `allow` are not applied.
///
/// A Dockerfile that several services share is looked at once for each, and what is found in it is given once.
///
/// # Errors
/// [`TreeError`] if the tree cannot be read.
pub fn lint(snapshot: &Snapshot<'_>, wanted: &dyn Fn(&str) -> bool, allow: &[LintRule]) -> Result<Advice, TreeError> {
    let mut by_file: BTreeMap<&RepoPath, Vec<&ServiceState>> = BTreeMap::new();
    for state in snapshot.services.values() {
        if let Some(path) = &state.service.dockerfile {
            by_file.entry(path).or_default().push(state);
        }
    }
    by_file.retain(|_, states| states.iter().any(|state| wanted(&state.service.name)));
    let mut advice = Advice { dockerfiles: by_file.len(), ..Advice::default() };
    for (path, states) in by_file {
        // A comment is used if it silences something for any service, whichever are asked for.
        let mut findings = of_file(snapshot, path, &states)?;
        for finding in &mut findings.all {
            finding.services.retain(|service| wanted(service));
        }
        let before = findings.all.len();
        findings.all.retain(|finding| !allow.contains(&finding.rule) && !finding.services.is_empty());
        advice.silenced += findings.silenced + before - findings.all.len();
        advice.findings.extend(findings.all);
    }
    Ok(advice)
}

/// What is found in one Dockerfile, sorted.
struct OfFile {
    all: Vec<Finding>,
    silenced: usize,
}

/// Findings by line and rule, and which of several there it is: what each service has once, with its services. The words
/// are those for the first service; a build argument may make them differ.
type Merged = BTreeMap<(usize, LintRule, usize), (Finding, BTreeSet<String>)>;

fn of_file(snapshot: &Snapshot<'_>, path: &RepoPath, states: &[&ServiceState]) -> Result<OfFile, TreeError> {
    let mut merged = Merged::new();
    let mut comments = Dockerfile::default();
    for state in states {
        let build_args = &state.service.settings.image.build_args;
        let file = read_dockerfile(snapshot.workspace.tree(), path, build_args)?;
        let mut findings = Findings { path, all: Vec::new() };
        check(snapshot, state, &file, &mut findings)?;
        let mut counts: BTreeMap<(usize, LintRule), usize> = BTreeMap::new();
        for finding in findings.all {
            let count = counts.entry((finding.line, finding.rule)).or_default();
            let (_, services) =
                merged.entry((finding.line, finding.rule, *count)).or_insert_with(|| (finding, BTreeSet::new()));
            services.insert(state.service.name.clone());
            *count += 1;
        }
        comments = file;
    }
    let all = merged.into_values();
    let mut all: Vec<Finding> =
        all.map(|(finding, services)| Finding { services: services.into_iter().collect(), ..finding }).collect();
    let before = all.len();
    let services: Vec<String> = states.iter().map(|state| state.service.name.clone()).collect();
    let unused = allow::apply(&comments, path, &services, &mut all);
    let silenced = before - all.len();
    all.extend(unused);
    all.sort_unstable();
    Ok(OfFile { all, silenced })
}

/// The Dockerfile as it is built with these build arguments, for whatever platform; empty if it cannot be read.
fn read_dockerfile(
    tree: &dyn Tree,
    path: &RepoPath,
    build_args: &BTreeMap<String, String>,
) -> Result<Dockerfile, TreeError> {
    let Ok(Some((real, EntryKind::File { .. }))) = read_through_links(tree, path)? else {
        return Ok(Dockerfile::default());
    };
    Ok(Dockerfile::parse_with(&tree.read(&real)?, build_args, None))
}

fn check(
    snapshot: &Snapshot<'_>,
    state: &ServiceState,
    file: &Dockerfile,
    findings: &mut Findings<'_>,
) -> Result<(), TreeError> {
    if let Some((line, problem)) = file.unreadable() {
        findings.add(
            LintRule::UnreadableDockerfile,
            line,
            Advised {
                message: format!("it cannot be read: {problem}"),
                reason: "so no advice is given on it, and the planner takes every file of its folder as an input"
                    .to_owned(),
                gain: "advice, and builds only when needed".to_owned(),
                fix: "mend it: `docker build --check` shows what BuildKit thinks of it".to_owned(),
            },
        );
        return Ok(());
    }
    let Some(subject) = Subject::new(snapshot, state, file)? else { return Ok(()) };
    bases::check(&subject, findings);
    flags::check(&subject, findings);
    modules::check(&subject, findings)?;
    context::check(&subject, findings)?;
    layers::check(&subject, findings);
    safety::check(&subject, findings);
    imports::check(&subject, findings)
}

/// Where the rules put what they find in a Dockerfile.
struct Findings<'f> {
    path: &'f RepoPath,
    all: Vec<Finding>,
}

/// The words of a finding.
struct Advised {
    message: String,
    reason: String,
    gain: String,
    fix: String,
}

impl Findings<'_> {
    fn add(&mut self, rule: LintRule, line: usize, advised: Advised) {
        let Advised { message, reason, gain, fix } = advised;
        let path = self.path.clone();
        self.all.push(Finding { path, line, rule, message, reason, gain, fix, services: Vec::new() });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::testing::{advice, findings};
    use super::*;
    use crate::config::Config;
    use crate::fingerprint::SnapshotOptions;
    use crate::go::workspace::Workspace;

    #[test]
    fn what_cannot_be_read_is_said() {
        let found = findings(LintRule::UnreadableDockerfile, "FROM golang:1.24\nRUN <<EOF\nx\n", "");
        assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [2]);
        let found = findings(LintRule::UnreadableDockerfile, "# syntax=ex.io/other/language\nFROM x\n", "");
        assert_eq!(found.len(), 1);
        assert_eq!(findings(LintRule::UnreadableDockerfile, "", "").len(), 1);
    }

    #[test]
    fn a_good_dockerfile_has_no_findings() {
        let good = "# syntax=docker/dockerfile:1\nFROM --platform=$BUILDPLATFORM golang:1.24 AS build\nWORKDIR /src\n\
                    COPY go.mod go.sum ./\nRUN --mount=type=cache,target=/go/pkg/mod go mod download\nCOPY . .\n\
                    ARG TARGETOS TARGETARCH VERSION\nRUN --mount=type=cache,target=/root/.cache/go-build \\\n    \
                    --mount=type=cache,target=/go/pkg/mod \\\n    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build \
                    -trimpath -ldflags \"-s -w -X main.version=$VERSION\" -o /app ./cmd/app\n\n\
                    FROM gcr.io/distroless/static-debian12:nonroot\nCOPY --from=build /app /app\nENTRYPOINT [\"/app\"]\n";
        assert_eq!(advice(good, "", "").findings, []);
    }

    /// Files that are large in one way each must not take long. What else is made of a Dockerfile is not asked here.
    #[test]
    fn large_files_take_linear_time() {
        let tree = testing::tree("FROM scratch\n", "");
        let workspace = Workspace::scan(&tree).unwrap();
        let config = Config::parse(testing::CONFIG.as_bytes()).unwrap();
        let snapshot = Snapshot::new(&workspace, &config, &SnapshotOptions::default(), None).unwrap();
        let path = RepoPath::from_clean(b"Dockerfile");
        let check = |text: &str| {
            let file = Dockerfile::parse(text.as_bytes());
            assert_eq!(file.problem, None);
            let mut findings = Findings { path: &path, all: Vec::new() };
            super::check(&snapshot, &snapshot.services["app"], &file, &mut findings).unwrap();
            allow::apply(&file, &path, &[], &mut findings.all);
        };
        let lines =
            |line: &str| format!("FROM golang:1.24\nCOPY . .\n{}CMD [\"x\"]\n", line.repeat(300_000 / line.len()));
        check(&lines("RUN go build\n"));
        check(&lines("RUN go mod download\n"));
        check(&lines("COPY a/go.mod /x/\n"));
        check(&lines("ENV A_TOKEN=x\n"));
        check(&lines("# buildplan: allow upx\n"));
        check(&format!("FROM golang:1.24\nCOPY . .\nRUN <<EOF\n{}EOF\n", "go build -o x .\n".repeat(20_000)));
        let stages = |stage: &dyn Fn(usize) -> String| (1..400).map(stage).collect::<String>();
        let chained =
            stages(&|number| format!("FROM s{} AS s{number}\nRUN go build\n{}", number - 1, "COPY x /\n".repeat(40)));
        check(&format!("FROM golang:1.24 AS s0\nCOPY . .\n{chained}"));
        let copied = stages(&|number| {
            let copies: Vec<String> =
                (0..number).rev().take(40).map(|from| format!("COPY --from={from} / /\n")).collect();
            format!("FROM scratch\n{}", copies.concat())
        });
        check(&format!("FROM golang:1.24\nCOPY . .\nRUN go build -o /a .\n{copied}"));
    }

    proptest! {
        #[test]
        fn no_dockerfile_makes_it_panic(words in proptest::collection::vec(prop::sample::select(vec![
            "FROM ", "RUN ", "COPY ", "ADD ", "ENV ", "ARG ", "USER ", "CMD ", "golang:1.2", "scratch", "alpine", "AS b", "--from=b ",
            "--from=0 ", "--mount=type=cache,target=", "--mount=target=. ", "go ", "build ", "install ", "mod download ", "-o ",
            "-ldflags ", "'-s -w' ", "-trimpath ", "$X ", "${X:-y} ", "X=1 ", "CGO_ENABLED=0 ", "apt-get update ", "&& ", "; ",
            "../", "/", ". ", "* ", "# buildplan: allow upx", "\n", "\n", "\n", "\\\n", "\"", "[", "]", ",", "<<EOF\n", "EOF\n", "é", "upx ",
        ]), 0..60)) {
            let advice = advice(&words.concat(), "", "");
            prop_assert!(advice.findings.is_sorted());
        }
    }
}
