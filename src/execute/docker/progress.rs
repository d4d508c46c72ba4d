//! Turns what BuildKit prints while it builds, as plain text or as JSON lines (`--progress plain` and `rawjson`), into
//! the lines of a log, what is being done at the moment, the count of cached steps and the error. It never decides
//! whether a build went well: the exit status does.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// More steps than any build has; what else comes is logged and not counted.
const MOST_STEPS: usize = 100_000;

/// How BuildKit prints its progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// For people: `#5 [2/2] RUN make`.
    Plain,
    /// The `SolveStatus` of its client, one a line; buildx has it since 0.13.
    RawJson,
}

/// Follows a build line by line.
#[derive(Debug)]
pub(super) struct Progress {
    format: Format,
    steps: Vec<BuildStep>,
    /// Where the steps are, by what BuildKit calls them: a number or a digest.
    by_id: BTreeMap<String, usize>,
    /// The last line that says that the build as a whole failed.
    failure: Option<String>,
}

/// What becomes of one line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// For the log.
    pub(super) log: Vec<String>,
    /// The step that has begun.
    pub(super) begun: Option<String>,
}

#[derive(Debug, Default)]
struct BuildStep {
    name: String,
    is_begun: bool,
    is_done: bool,
    is_cached: bool,
    error: Option<String>,
    /// The beginning of a line whose end has not come yet, of the output and of the errors.
    partial: [Vec<u8>; 2],
}

impl BuildStep {
    /// Whether a user would call it a step: an instruction of the Dockerfile.
    fn is_instruction(&self) -> bool {
        self.name.starts_with('[') && !self.is_internal()
    }

    fn is_internal(&self) -> bool {
        self.name.starts_with("[internal]") || self.name.starts_with("[auth]")
    }
}

/// One line of `--progress rawjson`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SolveStatus {
    vertexes: Vec<Vertex>,
    logs: Vec<VertexLog>,
    warnings: Vec<VertexWarning>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Vertex {
    digest: String,
    name: String,
    started: Option<String>,
    completed: Option<String>,
    cached: bool,
    error: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct VertexLog {
    vertex: String,
    /// 1 is the output, 2 the errors.
    stream: u8,
    /// In base64.
    data: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct VertexWarning {
    /// In base64.
    short: String,
}

impl Progress {
    pub(super) fn new(format: Format) -> Self {
        Self { format, steps: Vec::new(), by_id: BTreeMap::new(), failure: None }
    }

    /// Takes one line of output, without its end.
    pub(super) fn line(&mut self, line: &str) -> Seen {
        let is_failure = ["ERROR: ", "error: ", "failed to solve"].iter().any(|words| line.starts_with(words));
        if is_failure {
            self.failure = Some(line.trim_end().to_owned());
        }
        match self.format {
            Format::Plain => self.plain(line),
            // What is no JSON comes from the program that drives BuildKit.
            Format::RawJson => match serde_json::from_str::<SolveStatus>(line) {
                Ok(status) => self.status(status),
                Err(_) => Seen { log: vec![line.to_owned()], begun: None },
            },
        }
    }

    /// The ends of output that had no end of line.
    pub(super) fn finish(&mut self) -> Vec<String> {
        let mut log = Vec::new();
        for (number, step) in self.steps.iter_mut().enumerate() {
            for partial in step.partial.iter_mut().filter(|partial| !partial.is_empty()) {
                log.push(format!("#{} {}", number + 1, text_of(partial)));
                partial.clear();
            }
        }
        log
    }

    /// How many steps there were, and how many of them came from the cache.
    pub(super) fn counts(&self) -> (u32, u32) {
        let count = |is: fn(&BuildStep) -> bool| {
            let steps = self.steps.iter().filter(|step| step.is_instruction() && is(step));
            u32::try_from(steps.count()).unwrap_or(u32::MAX)
        };
        (count(|step| step.is_begun || step.is_cached), count(|step| step.is_cached))
    }

    /// Why the build failed, in one line, with the step that failed; `None` if BuildKit did not say.
    pub(super) fn error(&self) -> Option<String> {
        match self.failed_step() {
            Some((name, error)) => Some(format!("{}: {}", shortened(name), in_short(error))),
            None => self.failure.as_deref().map(in_short),
        }
    }

    /// Whether it failed while it asked a registry for something, other than to hear that there is no such thing.
    pub(super) fn failed_on_network(&self) -> bool {
        let Some((name, error)) = self.failed_step() else { return false };
        let asks = name.contains("load metadata for") || name.contains("] FROM ") || name.starts_with("[auth]");
        let is_final = ["not found", "unauthorized", "authorization failed", "denied", "invalid reference"];
        asks && !is_final.iter().any(|words| error.contains(words))
    }

    /// The name and the error of the step that failed. Steps that were stopped because of it say so and come second.
    fn failed_step(&self) -> Option<(&str, &str)> {
        let failed = |step: &BuildStep| step.error.as_deref().is_some_and(|error| !is_cancellation(error));
        let step = self.steps.iter().find(|step| failed(step))?;
        Some((&step.name, step.error.as_deref()?))
    }

    /// `#5 [2/2] RUN make`, `#5 CACHED`, `#5 ERROR: …`, `#5 0.061 output`.
    fn plain(&mut self, line: &str) -> Seen {
        let mut seen = Seen { log: vec![line.to_owned()], begun: None };
        let Some((id, rest)) = line.strip_prefix('#').and_then(|rest| rest.split_once(' ')) else { return seen };
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return seen;
        }
        let is_new = !self.by_id.contains_key(id);
        let Some(number) = self.number(id) else { return seen };
        let step = &mut self.steps[number];
        if is_new {
            rest.clone_into(&mut step.name);
            step.is_begun = true;
            seen.begun = (!step.is_internal()).then(|| shortened(rest));
        } else if rest == "CACHED" {
            step.is_cached = true;
        } else if let Some(error) = rest.strip_prefix("ERROR: ") {
            step.error = Some(error.to_owned());
        }
        seen
    }

    fn status(&mut self, status: SolveStatus) -> Seen {
        let mut seen = Seen::default();
        for vertex in status.vertexes {
            self.vertex(vertex, &mut seen);
        }
        for part in status.logs {
            let (Some(number), Ok(data)) = (self.number(&part.vertex), STANDARD.decode(&part.data)) else { continue };
            let partial = &mut self.steps[number].partial[usize::from(part.stream == 2)];
            partial.extend_from_slice(&data);
            while let Some(end) = memchr::memchr(b'\n', partial) {
                let line: Vec<u8> = partial.drain(..=end).collect();
                seen.log.push(format!("#{} {}", number + 1, text_of(&line)));
            }
        }
        for warning in status.warnings {
            if let Ok(text) = STANDARD.decode(&warning.short) {
                seen.log.push(format!("WARNING: {}", text_of(&text)));
            }
        }
        seen
    }

    fn vertex(&mut self, vertex: Vertex, seen: &mut Seen) {
        let Some(number) = self.number(&vertex.digest) else { return };
        let step = &mut self.steps[number];
        let shown = number + 1;
        if step.name.is_empty() {
            step.name = vertex.name;
        }
        if vertex.started.is_some() && !step.is_begun {
            step.is_begun = true;
            seen.log.push(format!("#{shown} {}", step.name));
            seen.begun = (!step.is_internal()).then(|| shortened(&step.name));
        }
        if vertex.cached && !step.is_cached {
            step.is_cached = true;
            step.is_done = true;
            seen.log.push(format!("#{shown} CACHED"));
        }
        if !vertex.error.is_empty() && step.error.is_none() {
            seen.log.push(format!("#{shown} ERROR: {}", vertex.error));
            step.error = Some(vertex.error);
            step.is_done = true;
        }
        // A step may be completed several times, once for each of its parts.
        if vertex.completed.is_some() && !step.is_done {
            step.is_done = true;
            seen.log.push(format!("#{shown} DONE"));
        }
    }

    fn number(&mut self, id: &str) -> Option<usize> {
        if let Some(number) = self.by_id.get(id) {
            return Some(*number);
        }
        if self.steps.len() >= MOST_STEPS {
            return None;
        }
        self.by_id.insert(id.to_owned(), self.steps.len());
        self.steps.push(BuildStep::default());
        Some(self.steps.len() - 1)
    }
}

/// A step that ended because another one failed.
fn is_cancellation(error: &str) -> bool {
    error.contains("context canceled")
}

/// An error without the chain of what BuildKit tried to do, and without the command that the name of the step has:
/// `process "/bin/sh -c go build" did not complete successfully: exit code: 1` becomes `exit code 1`.
fn in_short(error: &str) -> String {
    const CHAIN: [&str; 7] = [
        "ERROR: ",
        "error: ",
        "failed to solve: ",
        "failed to build: ",
        "rpc error: code = Unknown desc = ",
        "failed to solve with frontend dockerfile.v0: ",
        "failed to create LLB definition: ",
    ];
    let mut short = error.lines().next().unwrap_or_default().trim();
    while let Some(rest) = CHAIN.iter().find_map(|words| short.strip_prefix(words)) {
        short = rest;
    }
    let is_command = short.starts_with("process \"") || short.starts_with("executor failed running [");
    match short.rsplit_once("exit code: ") {
        Some((_, code)) if is_command => format!("exit code {code}"),
        _ => short.to_owned(),
    }
}

/// The name of a step on one line.
fn shortened(name: &str) -> String {
    let line = name.lines().next().unwrap_or_default();
    match line.char_indices().nth(100) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches(['\n', '\r']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [&str; 5] = [
        include_str!("testdata/built.plain"),
        include_str!("testdata/failed.plain"),
        include_str!("testdata/unreachable.plain"),
        include_str!("testdata/absent.plain"),
        include_str!("testdata/mistaken.plain"),
    ];

    const RAW: [&str; 5] = [
        include_str!("testdata/built.rawjson"),
        include_str!("testdata/failed.rawjson"),
        include_str!("testdata/unreachable.rawjson"),
        include_str!("testdata/absent.rawjson"),
        include_str!("testdata/mistaken.rawjson"),
    ];

    fn read(format: Format, output: &str) -> (Progress, Vec<String>, Vec<String>) {
        let mut progress = Progress::new(format);
        let (mut log, mut begun) = (Vec::new(), Vec::new());
        for line in output.lines() {
            let seen = progress.line(line);
            log.extend(seen.log);
            begun.extend(seen.begun);
        }
        log.extend(progress.finish());
        (progress, log, begun)
    }

    #[test]
    fn both_formats_say_the_same_of_a_build() {
        let errors = [
            None,
            Some(
                r#"[two 1/1] RUN ["/bin/busybox","sh","-c","echo compiling; echo 'main.go:3:1: syntax error' >&2; print…: exit code 3"#,
            ),
            Some(
                "[internal] load metadata for 127.0.0.1:1/nothing:x: failed to do request: Head \
                 \"http://127.0.0.1:1/v2/nothing/manifests/x\": dial tcp 127.0.0.1:1: connect: connection refused",
            ),
            Some("[internal] load metadata for 127.0.0.1:5000/nothing:x: 127.0.0.1:5000/nothing:x: not found"),
            Some("dockerfile parse error line 2: unknown instruction: FOO"),
        ];
        for (format, outputs) in [(Format::Plain, PLAIN), (Format::RawJson, RAW)] {
            for (number, output) in outputs.iter().enumerate() {
                let (progress, ..) = read(format, output);
                assert_eq!(progress.error().as_deref(), errors[number], "{format:?} {number}");
                assert_eq!(progress.failed_on_network(), number == 2, "{format:?} {number}");
            }
        }
        // The second build found everything in the cache.
        assert_eq!(read(Format::Plain, PLAIN[0]).0.counts(), (2, 1));
        assert_eq!(read(Format::RawJson, RAW[0]).0.counts(), (2, 2));
    }

    #[test]
    fn what_programs_print_is_logged_by_line() {
        let (_, log, begun) = read(Format::RawJson, RAW[1]);
        let said = |text: &str| log.iter().any(|line| line.ends_with(text));
        assert!(said(" compiling") && said(" main.go:3:1: syntax error") && said(" unfinished"), "{log:#?}");
        assert!(!log.iter().any(|line| line.starts_with('{')), "{log:#?}");
        assert!(begun.iter().any(|step| step.starts_with("[two 1/1] RUN")), "{begun:#?}");
        assert!(!begun.iter().any(|step| step.contains("[internal]")), "{begun:#?}");
    }

    #[test]
    fn noise_is_logged_and_harms_nothing() {
        for format in [Format::Plain, Format::RawJson] {
            for noise in
                ["", "#", "# ", "#x y", "#99999999999999999999 a", "{}", "{\"logs\":[{\"data\":\"%\"}]}", "\u{0}"]
            {
                let (progress, ..) = read(format, noise);
                assert_eq!(progress.error(), None, "{noise}");
            }
        }
        let (_, log, _) = read(Format::RawJson, "WARN: no output specified");
        assert_eq!(log, ["WARN: no output specified"]);
    }
}
