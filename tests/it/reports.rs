//! What is written about a run, in every format: a small one as golden texts, and one in which every name and every line
//! tries to break out of the page.

use buildplan::plan::report::{AttemptReport, ImageReport, Report, RunOutcome, StepOutcome, StepReport};
use buildplan::plan::{Decision, StepKind};
use buildplan::render::report::{report_markdown, report_text};
use buildplan::render::report_html::report_html;
use insta::assert_snapshot;

const STARTED: u64 = 1_795_280_000_000;

fn attempt(start: u64, duration_ms: u64, error: Option<&str>) -> AttemptReport {
    let exit_status = Some(i32::from(error.is_some()));
    AttemptReport { started: STARTED + start, duration_ms, exit_status, error: error.map(str::to_owned) }
}

fn step(service: &str, kind: StepKind, outcome: StepOutcome, attempts: Vec<AttemptReport>) -> StepReport {
    let id = format!("{service}/{}", kind.as_str());
    StepReport {
        log: (!attempts.is_empty()).then(|| format!("/logs/{id}.log")),
        service: service.to_owned(),
        tail: Vec::new(),
        cached_steps: None,
        total_steps: None,
        id,
        kind,
        outcome,
        attempts,
    }
}

fn image(service: &str, decision: Decision, size: Option<u64>, size_before: Option<u64>) -> ImageReport {
    let digit = service.chars().next().unwrap().to_string();
    ImageReport {
        service: service.to_owned(),
        fingerprint: Some("f".repeat(64)),
        decision,
        reference: Some(format!("r.io/{service}")),
        tags: vec!["main".to_owned()],
        digest: size.map(|_| format!("sha256:{}", digit.repeat(64))),
        size,
        size_before,
        pushed: decision == Decision::Build && size.is_some(),
    }
}

/// One service is built and pushed at the second try, one fails, one is up to date.
fn small() -> Report {
    let built = StepReport {
        cached_steps: Some(3),
        total_steps: Some(8),
        ..step("auth", StepKind::Build, StepOutcome::Ok, vec![attempt(100, 5200, None)])
    };
    let pushed = vec![attempt(5310, 800, Some("push ended with exit status 1")), attempt(7120, 900, None)];
    let error = Some("docker ended with exit status 1");
    let failed = StepReport {
        tail: vec!["\u{1b}[31mmain.go:7:1\u{1b}[0m: undefined: x".to_owned(), "\texit <1> & out".to_owned()],
        ..step("cart", StepKind::Build, StepOutcome::Failed, vec![attempt(100, 2600, error)])
    };
    Report {
        base: Some("b".repeat(40)),
        head: "c".repeat(40),
        outcome: RunOutcome::Failed,
        started: STARTED,
        duration_ms: 8100,
        steps: vec![
            built,
            step("auth", StepKind::Push, StepOutcome::Ok, pushed),
            failed,
            step("cart", StepKind::Push, StepOutcome::Skipped, Vec::new()),
        ],
        images: vec![
            image("auth", Decision::Build, Some(22 << 20), Some(20 << 20)),
            image("cart", Decision::Build, None, None),
            image("docs", Decision::Skip, Some(5 << 20), None),
        ],
        warnings: vec!["auth/push: it was slow".to_owned()],
    }
}

/// Tries to end whatever it may be written into.
const HOSTILE: &str =
    "\"'><script>alert(1)</script><!-- & ]]> {{ 7 * 7 }} {% x %} </style></pre>\u{1b}]0;x\u{7}\u{202e}\n|`";

fn hostile() -> Report {
    let mut report = small();
    let text = || HOSTILE.to_owned();
    (report.head, report.base) = (text(), Some(text()));
    report.warnings = vec![text()];
    for step in &mut report.steps {
        (step.id, step.service) = (format!("{HOSTILE}/{}", step.kind.as_str()), format!("{}{HOSTILE}", step.service));
        step.log = step.log.as_ref().map(|_| text());
        step.tail = vec![text(), "</pre></script>".to_owned()];
        step.attempts.iter_mut().for_each(|attempt| attempt.error = attempt.error.as_ref().map(|_| text()));
    }
    for image in &mut report.images {
        image.service += HOSTILE;
        (image.reference, image.digest, image.fingerprint) = (Some(text()), Some(text()), Some(text()));
        image.tags = vec![text()];
    }
    report
}

/// The names of the elements of a page whose tags must all be closed, in their order. The style and the script are left
/// out: they are the same in every page.
#[track_caller]
fn elements(page: &str) -> Vec<String> {
    let mut page = page.strip_prefix("<!DOCTYPE html>\n").unwrap().to_owned();
    for name in ["style", "script"] {
        let (start, end) = (format!("<{name}>\n"), format!("</{name}>"));
        let (before, rest) = page.split_once(&start).unwrap();
        let (own, after) = rest.split_once(&end).unwrap();
        assert!(!own.contains('<') || name == "script", "{own}");
        page = format!("{before}{after}");
    }
    let (mut open, mut seen) = (Vec::new(), Vec::new());
    let mut parts = page.split('<');
    assert_eq!(parts.next(), Some(""));
    for part in parts {
        let (tag, text) = part.split_once('>').unwrap();
        assert!(!text.contains('>'), "{text}");
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        for entity in text.split('&').skip(1).chain(tag.split('&').skip(1)) {
            let name = entity.split_once(';').unwrap().0;
            assert!(["lt", "gt", "amp", "quot", "#x27", "#x2f"].contains(&name), "{name}");
        }
        let name = tag.split([' ', '/']).find(|word| !word.is_empty()).unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{part}");
        } else {
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{tag}");
            seen.push(name.to_owned());
            open.extend((!tag.ends_with('/')).then_some(name));
        }
    }
    assert!(open.is_empty(), "{open:?}");
    seen
}

#[test]
fn a_page_of_a_small_run() {
    let page = report_html(&small()).unwrap();
    let body = page.split_once("<body>").unwrap().1.split_once("<script>").unwrap().0;
    assert_snapshot!("report_as_html", body);
    assert_eq!(page.matches("<style>").count() + page.matches("<script>").count(), 2);
}

#[test]
fn a_page_needs_nothing_from_elsewhere() {
    let page = report_html(&small()).unwrap();
    assert!(page.contains("content=\"default-src 'none';"));
    for request in ["http:", "https:", "//", "url(", "@import", " src=", "<link", "@font-face"] {
        // Comments of the script begin with two slashes.
        let known = if request == "//" { page.matches("\n// ").count() } else { 0 };
        assert_eq!(page.matches(request).count(), known, "{request}");
    }
}

#[test]
fn no_text_breaks_out_of_a_page() {
    let (calm, page) = (report_html(&small()).unwrap(), report_html(&hostile()).unwrap());
    let without_labels = |page: &str| {
        // The label of a bar is there only if it fits, and the digest only of what was built.
        let mut elements = elements(page);
        elements.retain(|name| !["text", "code", "span"].contains(&name.as_str()));
        elements
    };
    assert_eq!(without_labels(&page), without_labels(&calm));
    assert_eq!(page.matches("alert(1)").count(), page.matches("&lt;script&gt;alert(1)&lt;&#x2f;script&gt;").count());
    assert!(page.contains("{{ 7 * 7 }}") && !page.contains("{ 49 }"));
    for control in ['\u{1b}', '\u{7}', '\u{202e}'] {
        assert!(!page.contains(control), "{control:?}");
    }
}

#[test]
fn a_page_of_many_steps_has_each_of_them_once() {
    let mut report = small();
    report.steps = (0..500)
        .map(|number| {
            let attempts = vec![attempt(number / 64 * 1000, 900 + number % 64, None)];
            step(&format!("service-{number}"), StepKind::Build, StepOutcome::Ok, attempts)
        })
        .collect();
    let page = report_html(&report).unwrap();
    elements(&page);
    assert!(page.contains("64 lanes, 500 steps"));
    assert_eq!((page.matches("class=\"bar build ok\"").count(), page.matches("<tr id=\"step-").count()), (500, 500));
    assert!(page.len() < 600_000, "{}", page.len());
}

#[test]
fn times_and_sizes_at_their_limits_have_a_page() {
    let mut report = small();
    report.started = u64::MAX;
    report.duration_ms = u64::MAX;
    for step in &mut report.steps {
        for attempt in &mut step.attempts {
            (attempt.started, attempt.duration_ms) = (u64::MAX, u64::MAX);
        }
    }
    (report.images[0].size, report.images[0].size_before) = (Some(u64::MAX), Some(0));
    (report.images[2].size, report.images[2].size_before) = (Some(u64::MAX), Some(u64::MAX));
    elements(&report_html(&report).unwrap());
    report.started = 0;
    report.steps.iter_mut().for_each(|step| step.attempts.clear());
    let page = report_html(&report).unwrap();
    assert!(!page.contains("Time line"));
}

#[test]
fn a_small_run_as_text() {
    assert_snapshot!(report_text(&small()), @"
    cart/build failed: docker ended with exit status 1
      | main.go:7:1: undefined: x
      |     exit <1> & out
      all of it: /logs/cart/build.log

    new images: 22.0 MiB, +2.0 MiB (+10.0 %) since the last builds
    1 built, 1 pushed, 1 failed, 1 not started in 8.1 s
    ");
}

#[test]
fn a_small_run_as_markdown() {
    assert_snapshot!(report_markdown(&small()), @"
    ### 1 built, 1 pushed, 1 failed, 1 not started in 8.1 s

    | step | outcome | time | tried | cached |
    | --- | --- | ---: | ---: | ---: |
    | auth/build | ok | 5.2 s | 1 | 3 of 8 |
    | auth/push | ok | 1.7 s | 2 |  |
    | cart/build | failed | 2.6 s | 1 |  |
    | cart/push | skipped |  |  |  |

    <details><summary>cart/build: docker ended with exit status 1</summary>

    <pre>
    main.go:7:1: undefined: x
        exit &lt;1&gt; &amp; out
    </pre></details>

    | image | digest | size | since the last build |
    | --- | --- | ---: | ---: |
    | r.io/auth | sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | 22.0 MiB | +2.0 MiB (+10.0 %) |
    | r.io/docs | sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd | 5.0 MiB |  |

    - auth/push: it was slow
    ");
}
