//! The rules about what a program needs at run time and an image lacks: `no-certificates`, `no-time-zones`.
//!
//! Whether it needs them is read in its own source: that a package is imported says too little.

use super::base_image::Kind;
use super::commands::{commands, program};
use super::subject::Subject;
use super::{Advised, Findings};
use crate::config::LintRule;
use crate::docker::Origin;
use crate::repo::{EntryKind, RepoPath, TreeError};

/// What sends HTTP requests.
const CLIENTS: [&str; 6] =
    ["http.Get(", "http.Post(", "http.PostForm(", "http.NewRequest", "http.DefaultClient", "http.Client{"];

/// Addresses that need certificates. A client alone may only talk to neighbours.
const ADDRESSES: [&str; 2] = ["\"https://", "`https://"];

/// Modules whose whole purpose is to talk to a service over HTTPS.
const SERVICES: [&str; 7] = [
    "github.com/aws/aws-sdk-go-v2/service/",
    "github.com/aws/aws-sdk-go/service/",
    "github.com/getsentry/sentry-go",
    "github.com/google/go-github",
    "github.com/slack-go/slack",
    "github.com/stripe/stripe-go",
    "google.golang.org/api/",
];

/// What looks for a time zone by its name.
const ZONES: [&str; 1] = ["time.LoadLocation("];

/// Packages with certificates of their own.
const EMBEDDED_CERTIFICATES: [&str; 3] =
    ["golang.org/x/crypto/x509roots/fallback", "github.com/breml/rootcerts", "github.com/certifi/gocertifi"];

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) -> Result<(), TreeError> {
    let kind = subject.final_base().kind();
    let Some(stage) = subject.final_stage().filter(|_| subject.program().is_some()) else { return Ok(()) };
    let lacks_certificates =
        matches!(kind, Kind::Scratch | Kind::Busybox | Kind::Distribution { has_certificates: false });
    let lacks_zones = matches!(kind, Kind::Scratch | Kind::Busybox | Kind::Alpine);
    let base = subject.final_base().text;
    let fix_copy = |path: &str, from: &str| format!("COPY --from={from} {path} {path}");
    if lacks_certificates
        && !brings(subject, &["cert", "ssl", ".pem", ".crt"])
        && !has_certificates(subject)
        && let Some(culprit) = needs_certificates(subject)?
    {
        findings.add(
            LintRule::NoCertificates,
            stage.line,
            Advised {
                message: format!("`{base}` has no CA certificates, and {culprit}"),
                reason: "each https:// request fails with \"x509: certificate signed by unknown authority\"".to_owned(),
                gain: "requests that work".to_owned(),
                fix: match kind {
                    Kind::Distribution { .. } => {
                        "RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && \
                     rm -rf /var/lib/apt/lists/*"
                            .to_owned()
                    }
                    _ => fix_copy("/etc/ssl/certs/ca-certificates.crt", "build"),
                },
            },
        );
    }
    if lacks_zones
        && !brings(subject, &["zoneinfo", "tzdata"])
        && !subject.closure().imports.contains("time/tzdata")
        && let Some((path, line)) = find(subject, &ZONES)?
    {
        findings.add(
            LintRule::NoTimeZones,
            stage.line,
            Advised {
                message: format!("`{base}` has no time zone data, and {path}:{line} calls `time.LoadLocation`"),
                reason:
                    "it fails with \"unknown time zone\" for every name but UTC and Local, often first in production"
                        .to_owned(),
                gain: "time zones that work".to_owned(),
                fix:
                    "import _ \"time/tzdata\" in the main package (450 kB), or RUN apk add --no-cache tzdata on Alpine"
                        .to_owned(),
            },
        );
    }
    Ok(())
}

/// Why the program cannot do without certificates.
fn needs_certificates(subject: &Subject<'_>) -> Result<Option<String>, TreeError> {
    let imports = &subject.closure().imports;
    let service = imports.iter().find(|import| SERVICES.iter().any(|service| import.starts_with(service)));
    if let Some(service) = service {
        return Ok(Some(format!("the program uses `{service}`")));
    }
    let (Some(address), Some(client)) = (find(subject, &ADDRESSES)?, find(subject, &CLIENTS)?) else { return Ok(None) };
    let ((address, address_line), (client, client_line)) = (address, client);
    Ok(Some(format!(
        "the program has an https address ({address}:{address_line}) and a client ({client}:{client_line})"
    )))
}

fn has_certificates(subject: &Subject<'_>) -> bool {
    EMBEDDED_CERTIFICATES.iter().any(|package| subject.closure().imports.contains(*package))
}

/// Whether something with such a name, or of which it is not known what it is, comes into the image.
fn brings(subject: &Subject<'_>, parts: &[&str]) -> bool {
    let is_named = |text: &str| parts.iter().any(|part| text.to_ascii_lowercase().contains(part));
    // `/` and `/etc` hold it as well.
    let holds =
        |path: &str| matches!(path.trim_end_matches(['/', '*', '.']), "" | "/etc" | "/usr" | "/usr/share" | "/rootfs");
    subject.final_steps().any(|step| {
        let copied = step.instruction.copy().is_some_and(|copy| {
            let outside = copy.from != Origin::Context;
            let paths = || copy.sources.iter().chain([&copy.target.text]).chain(&copy.remotes);
            paths().any(|path| is_named(path))
                || outside && copy.sources.iter().any(|path| holds(path) || path.contains("${"))
        });
        let installed = step.instruction.run().is_some_and(|run| commands(run).flat_map(program).any(is_named));
        copied || installed
    })
}

/// The first place in the program's source that says one of these, outside of comments.
fn find(subject: &Subject<'_>, needles: &[&str]) -> Result<Option<(RepoPath, usize)>, TreeError> {
    for path in &subject.closure().files {
        if !subject.tree().entry(path)?.is_some_and(|entry| matches!(entry.kind, EntryKind::File { .. })) {
            continue;
        }
        let bytes = subject.tree().read(path)?;
        for needle in needles {
            let mut places = memchr::memmem::find_iter(&bytes, needle.as_bytes());
            let place = places.find(|at| {
                let before = bytes.get(..*at).unwrap_or_default();
                let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                let line = before.get(start..).unwrap_or_default();
                memchr::memmem::find(line, b"//").is_none()
                    && !line.last().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            });
            if let Some(at) = place {
                let before = bytes.get(..at).unwrap_or_default();
                let line = memchr::memchr_iter(b'\n', before).count() + 1;
                return Ok(Some((path.clone(), line)));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::lines_with;

    #[track_caller]
    fn check(rule: LintRule, stage: &str, program: &str, expected: bool) {
        let dockerfile =
            format!("FROM golang:1.24 AS b\nCOPY . .\nRUN go build -o /a .\nFROM {stage}\nCOPY --from=b /a /\n");
        let files = format!("-- cmd/app/main.go --\npackage main\n{program}\n");
        assert_eq!(!lines_with(rule, &dockerfile, &files).is_empty(), expected, "{stage} {program}");
    }

    const REQUEST: &str = "import \"net/http\"\nfunc main() { http.Get(\"https://ex.io\") }";
    const ZONE: &str = "import \"time\"\nfunc main() { time.LoadLocation(\"Europe/Berlin\") }";

    #[test]
    fn requests_need_certificates() {
        let check = |stage: &str, program: &str, expected| check(LintRule::NoCertificates, stage, program, expected);
        check("scratch", REQUEST, true);
        check("busybox:1.36", REQUEST, true);
        check("debian:12-slim", REQUEST, true);
        check("alpine:3.20", REQUEST, false);
        check("gcr.io/distroless/static-debian12", REQUEST, false);
        check("ex.io/our/base:1", REQUEST, false);
        check("debian:12-slim\nRUN apt-get update && apt-get install -y ca-certificates", REQUEST, false);
        check("scratch\nCOPY --from=b /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/", REQUEST, false);
        check("scratch\nCOPY --from=b /etc /etc", REQUEST, false);
        check("scratch\nCOPY --from=b /rootfs/ /", REQUEST, false);
        check("scratch", "import _ \"github.com/getsentry/sentry-go\"", true);
        check("scratch", &format!("import _ \"golang.org/x/crypto/x509roots/fallback\"\n{REQUEST}"), false);
    }

    #[test]
    fn a_server_or_a_client_of_neighbours_needs_none() {
        let check = |program: &str| check(LintRule::NoCertificates, "scratch", program, false);
        check("import \"net/http\"\nfunc main() { http.ListenAndServe(\":80\", nil) }");
        check("import \"net/http\"\nfunc main() { http.Get(\"http://cart\") }");
        check("import \"net/http\"\nfunc main() { http.Get(\"http://cart\") } // see \"https://ex.io\"");
        check("import \"net/http\"\n// http.Get(\"https://ex.io\")");
    }

    #[test]
    fn zones_need_their_data() {
        let check = |stage: &str, program: &str, expected| check(LintRule::NoTimeZones, stage, program, expected);
        check("scratch", ZONE, true);
        check("alpine:3.20", ZONE, true);
        check("debian:12", ZONE, false);
        check("gcr.io/distroless/static-debian12", ZONE, false);
        check("alpine:3.20\nRUN apk add --no-cache tzdata", ZONE, false);
        check("scratch\nCOPY --from=b /usr/share/zoneinfo /usr/share/zoneinfo", ZONE, false);
        check("scratch\nCOPY --from=b /usr/local/go/lib/time/zoneinfo.zip /", ZONE, false);
        check("scratch", &format!("import _ \"time/tzdata\"\n{ZONE}"), false);
        check("scratch", "import \"time\"\nfunc main() { time.Now() }", false);
        check("scratch", "import \"time\"\n// time.LoadLocation(x)", false);
    }
}
