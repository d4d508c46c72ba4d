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

/// What sends HTTPS requests, or checks certificates.
const CLIENTS: [&str; 9] = [
    "http.Get(",
    "http.Post(",
    "http.PostForm(",
    "http.DefaultClient",
    "http.Client{",
    "http.DefaultTransport",
    "tls.Dial(",
    "x509.SystemCertPool(",
    "credentials.NewTLS(",
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
        && let Some((path, line, text)) = find(subject, &CLIENTS)?
    {
        findings.add(
            LintRule::NoCertificates,
            stage.line,
            Advised {
                message: format!("`{base}` has no CA certificates, and {path}:{line} makes requests (`{text}`)"),
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
        && let Some((path, line, _)) = find(subject, &ZONES)?
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
        let installed =
            step.instruction.run().is_some_and(|run| commands(run).map(program).flatten().any(|word| is_named(word)));
        copied || installed
    })
}

/// The first place in the program's source that says one of these, outside of comments.
fn find<'n>(subject: &Subject<'_>, needles: &[&'n str]) -> Result<Option<(RepoPath, usize, &'n str)>, TreeError> {
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
                let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
                return Ok(Some((path.clone(), line, needle)));
            }
        }
    }
    Ok(None)
}
