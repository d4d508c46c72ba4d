//! The registry ledger, with real processes and a registry that misbehaves: nothing that is there is built again, nothing
//! that cannot be asked is taken for there, and no layer and no secret goes where it should not.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use buildplan::ledger::local::LocalLedger;
use buildplan::ledger::registry::{RegistryLedger, fingerprint_tag};
use buildplan::ledger::{Image, Ledger as _, Query, Record};
use buildplan::registry::{Credentials, FailureKind, Patience, Registry, Tagged};
use buildplan::repo::Digest;
use proptest::prelude::*;
use serde_json::Value;

use super::fake_registry::{FakeRegistry, Fault, TOKEN, Wanted, digest_of, image};
use super::support::{Plan, Run, Sandbox};

/// Builds by writing a manifest, pushes by moving it into the folder of the registry.
const SCRIPT: &str = r#"step=$1; service=$2; state=$3; root=$4
echo "$step $service" >> "$state/calls"
blob=$(printf '{}' | sha256sum | cut -c 1-64)
manifest="{\"schemaVersion\": 2, \"mediaType\": \"application/vnd.oci.image.manifest.v1+json\",
 \"config\": {\"mediaType\": \"application/vnd.oci.image.config.v1+json\", \"digest\": \"sha256:$blob\", \"size\": 2},
 \"layers\": [{\"mediaType\": \"application/vnd.oci.image.layer.v1.tar\", \"digest\": \"sha256:$blob\", \"size\": 2}],
 \"annotations\": {\"of\": \"$service $BUILDPLAN_FINGERPRINT\"}}"
digest=sha256:$(printf %s "$manifest" | sha256sum | cut -c 1-64)
printf %s "$manifest" > "$state/$service.json"
if [ "$step" = push ]; then
    mkdir -p "$root/$service/manifests" "$root/$service/tags"
    printf %s "$manifest" > "$root/$service/manifests/$digest"
    for tag in $BUILDPLAN_TAGS; do echo "$digest" > "$root/$service/tags/$tag"; done
fi
printf '{"digest": "%s"}' "$digest" > "$BUILDPLAN_RESULT"
"#;

/// Three programs, two of which share a package, and their registry.
struct Shop {
    repo: Sandbox,
    state: PathBuf,
    registry: FakeRegistry,
}

impl Shop {
    fn new() -> Self {
        Self::with(FakeRegistry::start(), "")
    }

    fn with(registry: FakeRegistry, settings: &str) -> Self {
        let repo = Sandbox::empty();
        let state = repo.beside("state");
        fs::create_dir(&state).unwrap();
        let main = |import: &str| format!("package main\n\n{import}func main() {{}}\n");
        let library = "import _ \"ex.io/m/lib\"\n\n";
        repo.write("go.mod", "module ex.io/m\n\ngo 1.24\n").write("lib/lib.go", "package lib\n");
        repo.write("cmd/a/main.go", main(library)).write("cmd/b/main.go", main(library));
        repo.write("cmd/c/main.go", main("")).write("work.sh", SCRIPT);
        let command = |step: &str| {
            format!(
                "[\"sh\", \"work.sh\", \"{step}\", \"{{service}}\", \"{}\", \"{}\"]",
                state.display(),
                registry.root().display()
            )
        };
        let config = format!(
            "[ledger]\nstore = \"registry\"\n{settings}\n[image]\nbuilder = \"command\"\n\
             repository = \"{}/{{service}}\"\ncommand = {}\npush-command = {}\n",
            registry.host(),
            command("build"),
            command("push"),
        );
        repo.write("build-plan.toml", config).commit("base");
        Self { repo, state, registry }
    }

    /// One whose images are all in the registry.
    fn pushed() -> Self {
        let shop = Self::new();
        shop.push().success_with_talk();
        assert_eq!(shop.calls(), "build a, build b, build c, push a, push b, push c");
        shop.registry.requests();
        shop
    }

    /// The same repository on an empty machine.
    fn clone(&self) -> Sandbox {
        self.repo.clone_as("clone", &[])
    }

    fn push(&self) -> Run {
        push(&self.repo)
    }

    /// The steps that were started since the last time, sorted.
    fn calls(&self) -> String {
        let path = self.state.join("calls");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(path);
        let mut calls: Vec<&str> = text.lines().collect();
        calls.sort_unstable();
        calls.join(", ")
    }

    /// The tags of a service, without those of its fingerprint, which it must have.
    #[track_caller]
    fn tags(&self, service: &str) -> Vec<String> {
        let mut tags = self.registry.tags(service);
        let before = tags.len();
        tags.retain(|tag, _| !tag.starts_with("fp-"));
        assert_eq!(before - tags.len(), 1, "{tags:?}");
        tags.into_keys().filter(|tag| tag.len() < 64).collect()
    }
}

impl Run {
    /// A run that ended well, whatever it said.
    #[track_caller]
    fn success_with_talk(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    fn warnings(&self) -> usize {
        self.stderr.matches("warning: ").count()
    }
}

fn push(repo: &Sandbox) -> Run {
    repo.run(["run", "--all", "--push"])
}

fn planned(repo: &Sandbox) -> Plan {
    repo.plan(["--all", "--push"])
}

/// The messages of the notes about the ledger.
fn notes(plan: &Plan) -> Vec<String> {
    let notes = plan.0["notes"].as_array().unwrap().iter().filter(|note| note["kind"] == "ledger");
    notes.map(|note| note["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_fresh_clone_builds_nothing_that_the_registry_has() {
    let shop = Shop::pushed();
    let clone = shop.clone();
    let run = clone.run(["run", "--all", "--push", "-o", "images"]);
    assert_eq!((run.code, shop.calls().as_str(), run.warnings()), (0, "", 0));
    let images: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(images.len(), 3);
    for (line, service) in images.iter().zip(["a", "b", "c"]) {
        let tags = shop.registry.tags(service);
        let fingerprint = planned(&clone).fingerprint(service);
        let digest = &tags[&format!("fp-{fingerprint:.32}")];
        assert!(line.ends_with(&format!("{}/{service}@{digest}", shop.registry.host())), "{line}");
        assert_eq!(&tags[&fingerprint], digest);
    }
    // A change builds its dependents, and nothing else.
    clone.write("lib/lib.go", "package lib\n\nvar X = 1\n");
    push(&clone).success_with_talk();
    assert_eq!(shop.calls(), "build a, build b, push a, push b");
    // And then the first machine has nothing to do for it.
    shop.repo.write("lib/lib.go", "package lib\n\nvar X = 1\n");
    assert_eq!(planned(&shop.repo).steps(), [""; 0]);
}

#[test]
fn proxies_are_not_for_this_machine() {
    let shop = Shop::pushed();
    let proxy = || "http://127.0.0.1:1".to_owned();
    let environment = BTreeMap::from([("HTTP_PROXY", proxy()), ("http_proxy", proxy()), ("ALL_PROXY", proxy())]);
    assert_eq!(plan_with(&shop.clone(), &environment).steps(), [""; 0]);
}

#[test]
fn a_lookup_asks_once_for_each_service_and_each_tag_of_a_found_one() {
    let shop = Shop::pushed();
    let clone = shop.clone();
    planned(&clone);
    let requests = shop.registry.requests();
    assert!(requests.len() <= 6 && requests.iter().all(|request| request.starts_with("HEAD ")), "{requests:#?}");
    shop.registry.forget("b");
    planned(&clone);
    assert_eq!(shop.registry.requests().len(), 5);
    // What is not selected is not asked for.
    clone.plan(["--all", "--push", "a"]);
    assert_eq!(shop.registry.requests().len(), 2);
    clone.plan(["--all", "--ledger", "local"]);
    clone.plan(["--all", "--ledger", "none"]);
    assert_eq!(shop.registry.requests(), [""; 0]);
}

#[test]
fn missing_tags_are_put_and_no_layer_is_moved() {
    let shop = Shop::pushed();
    let clone = shop.clone();
    clone.replace("build-plan.toml", "[image]\n", "[image]\ntags = [\"{fingerprint}\", \"new\", \"{service}-x\"]\n");
    assert_eq!(planned(&clone).steps(), ["a/tag", "b/tag", "c/tag"]);
    let shown = clone.run(["run", "--all", "--push", "--dry-run"]).success();
    let begin = format!("# {}/a@sha256:", shop.registry.host());
    assert!(
        shown.starts_with(&begin) && shown.contains(" is tagged a-x, new\n") && shown.lines().count() == 3,
        "{shown}"
    );
    shop.registry.requests();
    let run = clone.run(["run", "--all", "--push", "--report", "report.json"]);
    assert_eq!((run.code, shop.calls().as_str(), run.warnings()), (0, "", 0));
    assert_eq!(shop.tags("a"), ["a-x", "new"]);
    let requests = shop.registry.requests();
    assert!(requests.iter().all(|request| request.contains("/manifests/")), "{requests:#?}");
    let put: Vec<&String> = requests.iter().filter(|request| request.starts_with("PUT ")).collect();
    assert_eq!(put.len(), 6, "{requests:#?}");
    for tags in ["a", "b", "c"].map(|service| shop.registry.tags(service)) {
        assert!(tags.len() == 4 && tags.values().all(|digest| Some(digest) == tags.values().next()), "{tags:?}");
    }
    let report: Value = serde_json::from_str(&clone.read("report.json")).unwrap();
    assert_eq!((&report["images"][0]["size"], &report["images"][0]["pushed"]), (&2.into(), &true.into()));
    assert_eq!(planned(&clone).steps(), [""; 0]);
}

#[test]
fn a_machine_without_a_builder_can_tag() {
    let fake = FakeRegistry::start();
    let repo = Sandbox::empty();
    repo.write("go.mod", "module ex.io/m\n\ngo 1.24\n").write("cmd/a/main.go", "package main\n\nfunc main() {}\n");
    repo.write("cmd/a/Dockerfile", "FROM scratch\nCOPY cmd/a/main.go /\n");
    let config = format!("[ledger]\nstore = \"registry\"\n[image]\nrepository = \"{}/a\"\n", fake.host());
    repo.write("build-plan.toml", config).commit("base");
    let fingerprint = planned(&repo).fingerprint("a");
    let digest = fake.put("a", &image(1), &[&format!("fp-{fingerprint:.32}")]);
    Run::of(repo.program().args(["run", "--all", "--push"]).env("PATH", "/nonexistent")).success_with_talk();
    assert_eq!(fake.tags("a")[&fingerprint], digest);
}

#[test]
fn a_tag_of_another_image_is_moved() {
    let shop = Shop::pushed();
    let clone = shop.clone();
    clone.replace("build-plan.toml", "[image]\n", "[image]\ntags = [\"live\"]\n");
    shop.registry.put("a", &image(1), &["live"]);
    let before = shop.registry.tags("a")["live"].clone();
    assert_eq!(planned(&clone).steps(), ["a/tag", "b/tag", "c/tag"]);
    push(&clone).success_with_talk();
    assert_ne!(shop.registry.tags("a")["live"], before);
    assert_eq!(planned(&clone).steps(), [""; 0]);
}

#[test]
fn what_was_deleted_from_the_registry_is_built_again_and_what_was_only_built_is_pushed() {
    let shop = Shop::pushed();
    shop.registry.forget("b");
    assert_eq!(planned(&shop.repo).steps(), ["b/build", "b/push b/build"]);
    shop.push().success_with_talk();
    assert_eq!(shop.calls(), "build b, push b");
    let clone = shop.clone();
    clone.write("cmd/c/main.go", "package main\n\nfunc main() { println() }\n");
    assert_eq!(clone.run(["run", "--all"]).code, 0);
    assert_eq!(shop.calls(), "build c");
    assert_eq!(planned(&clone).steps(), ["c/push"]);
    push(&clone).success_with_talk();
    assert_eq!((shop.calls().as_str(), planned(&clone).steps().len()), ("push c", 0));
}

/// With a registry that fails, everything is built, whatever base says.
#[track_caller]
fn check_error(fault: Fault, said: &str) -> (Shop, Sandbox) {
    let shop = Shop::with(FakeRegistry::start(), "unseen = \"compare\"");
    shop.push().success_with_talk();
    shop.calls();
    shop.registry.fail("HEAD ", 999, fault);
    let clone = shop.clone();
    let plan = clone.plan(["--base", "HEAD", "--push"]);
    assert_eq!(plan.built(), ["a", "b", "c"], "{said}");
    for service in ["a", "b", "c"] {
        assert_eq!(plan.service(service)["reasons"][0]["kind"], "not-built-yet");
    }
    let notes = notes(&plan);
    assert!(notes.len() == 1 && notes[0].contains(said) && notes[0].contains(&shop.registry.host()), "{notes:#?}");
    assert!(notes[0].starts_with("3 services count as not built"), "{notes:#?}");
    (shop, clone)
}

/// The same, and a run builds it; after that it is known again.
#[track_caller]
fn check_run_with_error(fault: Fault, said: &str) {
    let (shop, clone) = check_error(fault, said);
    let run = clone.run(["run", "--base", "HEAD", "--push"]).success_with_talk();
    assert!(run.stderr.contains(said), "{}", run.stderr);
    assert_eq!(shop.calls(), "build a, build b, build c, push a, push b, push c", "{said}");
    shop.registry.mend();
    assert_eq!(shop.clone().plan(["--base", "HEAD", "--push"]).steps(), [""; 0]);
}

#[test]
fn no_error_of_a_registry_is_taken_for_an_image() {
    let host = "127.0.0.1";
    let may_you = "it answered 403 Forbidden; see that a exists and that you may pull from it";
    check_run_with_error(Fault::Status(403, ""), may_you);
    let challenge = "www-authenticate: Basic realm=\"x\"";
    let log_in = format!("no credentials for it are filed; log in with `docker login {host}");
    check_run_with_error(Fault::Status(401, challenge), &log_in);
    check_error(Fault::Status(401, ""), "it answered 401 and does not say how to log in");
    check_error(Fault::Status(400, ""), &format!("it answered 400 Bad Request; see whether {host}"));
    check_error(Fault::Status(307, "location: /v2/elsewhere"), "it answered 307 Temporary Redirect");
    let in_the_clear = "www-authenticate: Bearer realm=\"http://tokens.example.com/\"";
    check_error(Fault::Status(401, in_the_clear), "where it sends for a token is plain HTTP: tokens.example.com");
    let odd = "www-authenticate: Bearer realm=\"ftp://tokens.example.com/\"";
    check_error(Fault::Status(401, odd), "where it sends for a token is no address");
    check_error(Fault::Header("docker-content-digest", "sha256:1"), "what is no sha256 digest");
}

#[test]
fn a_registry_that_falls_ill_between_plan_and_run_makes_the_run_larger() {
    let shop = Shop::pushed();
    shop.registry.forget("b");
    // The first look at three images and the tags of two goes well.
    shop.registry.fail("HEAD ", 5, Fault::Header("x-none", ""));
    shop.registry.fail("HEAD ", 999, Fault::Status(403, ""));
    let run = push(&shop.clone()).success_with_talk();
    assert!(run.stderr.contains("warning: 3 services count as not built"), "{}", run.stderr);
    assert_eq!(shop.calls(), "build a, build b, build c, push a, push b, push c");
}

#[test]
fn a_registry_that_is_ill_for_long_is_given_up() {
    check_run_with_error(Fault::Status(500, ""), "it answered 500 Internal Server Error, 4 times; try again later");
}

#[test]
fn a_registry_that_is_too_busy_or_hangs_up_is_given_up() {
    check_error(Fault::Status(429, "retry-after: 0"), "it answered 429 Too Many Requests, 4 times");
    check_error(Fault::Drop, "the connection was dropped, 4 times");
}

#[test]
fn a_registry_that_is_down_is_a_note_and_a_build() {
    let shop = Shop::with(FakeRegistry::start_after(Duration::from_mins(10)), "");
    let plan = planned(&shop.repo);
    assert_eq!(plan.built(), ["a", "b", "c"]);
    let notes = notes(&plan);
    assert!(notes.len() == 1 && notes[0].contains("nobody listens there, 4 times"), "{notes:?}");
    let text = shop.repo.run(["plan", "--all"]).success();
    assert!(text.contains("note: 3 services count as not built"), "{text}");
}

#[track_caller]
fn check_passing(fault: Fault, times: usize, least: Duration) {
    let shop = Shop::pushed();
    shop.registry.fail("HEAD ", times, fault);
    let started = Instant::now();
    let plan = planned(&shop.clone());
    assert_eq!((plan.built(), notes(&plan)), (Vec::new(), Vec::new()));
    assert!(started.elapsed() >= least, "{:?}", started.elapsed());
    assert!(started.elapsed() < least + Duration::from_secs(4), "{:?}", started.elapsed());
}

#[test]
fn what_passes_is_waited_for() {
    check_passing(Fault::Status(429, "retry-after: 2"), 1, Duration::from_secs(2));
    check_passing(Fault::Status(429, ""), 1, Duration::from_millis(500));
    check_passing(Fault::Status(429, "retry-after: Sun, 06 Nov 1994 08:49:37 GMT"), 1, Duration::ZERO);
    check_passing(Fault::Status(503, ""), 2, Duration::from_millis(1500));
    check_passing(Fault::Drop, 1, Duration::ZERO);
}

#[test]
fn a_registry_that_comes_up_late_is_waited_for() {
    let shop = Shop::with(FakeRegistry::start_after(Duration::from_millis(1200)), "");
    let plan = planned(&shop.repo);
    assert_eq!((plan.built().len(), notes(&plan)), (3, Vec::new()));
    assert_eq!(plan.service("a")["reasons"][0]["kind"], "missing-base");
}

#[test]
fn refusals_are_final() {
    for status in [401, 403, 404] {
        let shop = Shop::pushed();
        shop.registry.fail("HEAD ", 99, Fault::Status(status, ""));
        let started = Instant::now();
        assert_eq!(planned(&shop.clone()).built().len(), 3);
        assert!(started.elapsed() < Duration::from_secs(3));
        assert_eq!(shop.registry.requests().len(), 3, "{status}");
    }
}

#[test]
fn a_digest_that_is_not_said_is_that_of_the_bytes() {
    let shop = Shop::pushed();
    shop.registry.fail("manifests/fp-", 99, Fault::Header("docker-content-digest", ""));
    assert_eq!(planned(&shop.clone()).steps(), [""; 0]);
}

#[test]
fn a_push_that_cannot_be_marked_is_pushed_again() {
    let shop = Shop::new();
    shop.registry.fail("PUT /v2/a/manifests/fp-", 1, Fault::Status(403, ""));
    let run = shop.push().success_with_talk();
    let said = "the push is not recorded, so that it will be pushed again: cannot put the tag a:fp-";
    assert!(run.stderr.contains(said) && run.stderr.contains("that you may push to it"), "{}", run.stderr);
    shop.calls();
    assert_eq!(planned(&shop.repo).steps(), ["a/push"]);
    shop.push().success_with_talk();
    assert_eq!((shop.calls().as_str(), planned(&shop.repo).steps().len()), ("push a", 0));
}

#[track_caller]
fn check_tag_step(request: &str, fault: Fault, times: usize, error: Option<&str>) {
    let shop = Shop::pushed();
    let clone = shop.clone();
    clone.replace("build-plan.toml", "[image]\n", "[image]\ntags = [\"new\"]\n");
    clone.write("build-plan.toml", clone.read("build-plan.toml") + "[run]\npush-retries = 0\n");
    shop.registry.fail(request, times, fault);
    let run = clone.run(["run", "--all", "--push", "a"]);
    assert_eq!(run.code, i32::from(error.is_some()), "{run:?}");
    if let Some(error) = error {
        assert!(run.stdout.contains(error) && run.stdout.contains(&shop.registry.host()), "{}", run.stdout);
        assert!(!shop.registry.tags("a").contains_key("new"));
    }
    shop.registry.mend();
    assert_eq!(clone.run(["run", "--all", "--push", "a"]).code, 0);
    assert_eq!((shop.calls().as_str(), shop.tags("a")), ("", vec!["new".to_owned()]));
}

#[test]
fn a_tag_that_cannot_be_put_fails_its_step_and_the_next_run_puts_it() {
    let put = "PUT /v2/a/manifests/new";
    let get = "GET /v2/a/manifests/sha256:";
    check_tag_step(put, Fault::Status(403, ""), 99, Some("that you may push to it"));
    check_tag_step(put, Fault::Status(500, ""), 99, Some("500 Internal Server Error, 4 times"));
    check_tag_step(put, Fault::Status(404, ""), 99, Some("it answered 404"));
    check_tag_step(get, Fault::Body("{}"), 99, Some("a manifest of another digest"));
    check_tag_step(get, Fault::Status(404, ""), 99, Some("it is not there; build and push it again"));
    check_tag_step(get, Fault::DropInBody, 99, Some("the connection was dropped, 4 times"));
    for fault in [Fault::Status(429, "retry-after: 1"), Fault::Status(502, ""), Fault::Drop] {
        check_tag_step(put, fault.clone(), 1, None);
        check_tag_step(get, fault, 1, None);
    }
    check_tag_step(get, Fault::Header("content-type", "text/html"), 99, None);
    check_tag_step(get, Fault::DropInBody, 1, None);
}

/// A plan of a clone with more of the environment, and what the whole clone then contains.
fn plan_with(clone: &Sandbox, environment: &BTreeMap<&str, String>) -> Plan {
    Plan::of(clone.program().args(["plan", "--all", "--push", "-o", "json"]).envs(environment))
}

const SECRET: &str = "s3cret-pass";

/// `me:s3cret-pass`.
const BASIC: &str = "Basic bWU6czNjcmV0LXBhc3M=";

fn docker_config(shop: &Shop, text: &str) -> BTreeMap<&'static str, String> {
    let folder = shop.repo.beside("docker");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.json"), text.replace("HOST", &shop.registry.host())).unwrap();
    BTreeMap::from([("DOCKER_CONFIG", folder.display().to_string())])
}

const FILED: &str = r#"{"auths": {"HOST": {"auth": "bWU6czNjcmV0LXBhc3M="}}}"#;

#[test]
fn credentials_come_from_the_docker_configuration_and_its_helpers() {
    let shop = Shop::pushed();
    let filed = docker_config(&shop, FILED);
    for wanted in [Wanted::Basic(BASIC.into()), Wanted::Token(Some(BASIC.into()))] {
        shop.registry.want(wanted);
        assert_eq!(plan_with(&shop.clone(), &filed).steps(), [""; 0]);
    }
    let bin = shop.repo.beside("bin");
    fs::create_dir(&bin).unwrap();
    let helper = bin.join("docker-credential-test");
    let script = format!(
        "#!/bin/sh\nread host\necho \"$host\" >> {}/helped\nprintf '{{\"Username\": \"me\", \"Secret\": \"{SECRET}\"}}'\n",
        shop.state.display()
    );
    fs::write(&helper, script).unwrap();
    make_executable(&helper);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    for text in [r#"{"credsStore": "test"}"#, r#"{"credHelpers": {"HOST": "test"}}"#] {
        let mut environment = docker_config(&shop, text);
        environment.insert("PATH", path.clone());
        assert_eq!(plan_with(&shop.clone(), &environment).steps(), [""; 0]);
        let helped = fs::read_to_string(shop.state.join("helped")).unwrap();
        assert_eq!(helped, format!("{}\n", shop.registry.host()), "it is asked once");
        fs::remove_file(shop.state.join("helped")).unwrap();
    }
    // A helper that fails is no answer, and what it prints is for nobody.
    fs::write(&helper, format!("#!/bin/sh\nread host\necho {SECRET}\necho {SECRET} >&2\nexit 1\n")).unwrap();
    let mut environment = docker_config(&shop, r#"{"credsStore": "test"}"#);
    environment.insert("PATH", path);
    let plan = plan_with(&shop.clone(), &environment);
    assert_eq!(plan.built().len(), 3);
    assert!(notes(&plan)[0].contains("the credential helper `docker-credential-test` failed"), "{:?}", notes(&plan));
    assert!(!plan.0.to_string().contains(SECRET));
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_token_is_had_for_nothing_for_a_password_and_for_an_identity() {
    let shop = Shop::pushed();
    shop.registry.want(Wanted::Token(None));
    assert_eq!(planned(&shop.clone()).steps(), [""; 0]);
    // One token for each repository, and no request twice, but the first.
    let requests = shop.registry.requests();
    assert_eq!(requests.len(), 3 + 3 + 3 + 1, "{requests:#?}");
    shop.registry.want(Wanted::TokenFor("identity".into()));
    let environment = docker_config(&shop, r#"{"auths": {"HOST": {"identitytoken": "identity"}}}"#);
    assert_eq!(plan_with(&shop.clone(), &environment).steps(), [""; 0]);
    let folder = shop.repo.beside("run");
    fs::create_dir_all(folder.join("containers")).unwrap();
    let text = FILED.replace("HOST", &shop.registry.host());
    fs::write(folder.join("containers/auth.json"), text).unwrap();
    shop.registry.want(Wanted::Basic(BASIC.into()));
    let environment = BTreeMap::from([("XDG_RUNTIME_DIR", folder.display().to_string())]);
    assert_eq!(plan_with(&shop.clone(), &environment).steps(), [""; 0]);
}

#[test]
fn secrets_are_nowhere_to_be_read() {
    let shop = Shop::new();
    let mut environment = docker_config(&shop, FILED);
    environment.insert("RUST_LOG", "trace".into());
    for (wanted, works) in [
        (Wanted::Token(Some(BASIC.into())), true),
        (Wanted::Basic(BASIC.into()), true),
        (Wanted::Basic("Basic other".into()), false),
        (Wanted::Token(Some("Basic other".into())), false),
    ] {
        shop.registry.want(wanted);
        let clone = shop.clone();
        clone.write("lib/lib.go", format!("package lib\n\nvar X = {works}\n"));
        let mut program = clone.program();
        program.args(["run", "--all", "--push", "-v", "--report", "report.json", "--events", "events.jsonl"]);
        let run = Run::of(program.envs(&environment)).success_with_talk();
        assert_eq!(run.stderr.contains("log in with `docker login"), !works, "{}", run.stderr);
        let mut all = run.stdout + &run.stderr;
        read_all(clone.dir(), &mut all);
        for secret in [SECRET, TOKEN, "bWU6czNjcmV0LXBhc3M", "me:"] {
            assert!(!all.contains(secret), "{secret}");
        }
    }
}

/// Everything below a folder.
fn read_all(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, all);
        } else {
            all.push_str(&String::from_utf8_lossy(&fs::read(path).unwrap()));
        }
    }
}

#[test]
fn without_a_repository_there_is_one_note_and_what_was_built_here_is_known() {
    let shop = Shop::new();
    let line = format!("repository = \"{}/{{service}}\"\n", shop.registry.host());
    shop.repo.replace("build-plan.toml", &line, "");
    let plan = shop.repo.plan(["--all"]);
    assert_eq!(notes(&plan).len(), 1);
    assert!(notes(&plan)[0].starts_with("no registry can be asked about a and 2 others"), "{:?}", notes(&plan));
    assert_eq!(shop.repo.run(["run", "--all"]).code, 0);
    assert_eq!(shop.repo.plan(["--all"]).built(), [""; 0]);
    assert_eq!(shop.registry.requests(), [""; 0]);
}

#[test]
fn a_service_that_nobody_has_seen_is_built_unless_it_is_to_be_compared() {
    let shop = Shop::new();
    assert_eq!(shop.repo.plan(["--base", "HEAD"]).built(), ["a", "b", "c"]);
    assert_eq!(shop.repo.plan(["--base", "HEAD", "--ledger", "local"]).built(), [""; 0]);
    shop.repo.replace("build-plan.toml", "[ledger]\n", "[ledger]\nunseen = \"compare\"\n");
    assert_eq!(shop.repo.plan(["--base", "HEAD"]).built(), [""; 0]);
    shop.repo.replace("build-plan.toml", "store = \"registry\"\n", "").replace(
        "build-plan.toml",
        "unseen = \"compare\"",
        "",
    );
    assert_eq!(shop.repo.plan(["--base", "HEAD", "--ledger", "registry"]).built(), ["a", "b", "c"]);
}

#[test]
fn status_shows_what_the_registry_has() {
    let shop = Shop::pushed();
    shop.registry.forget("b");
    let clone = shop.clone();
    let text = clone.run(["status"]).success();
    let lines: Vec<&str> = text.lines().collect();
    let fingerprint = planned(&clone).fingerprint("a");
    let digest = &shop.registry.tags("a")[&fingerprint];
    assert_eq!(lines[0], format!("a  {fingerprint:.12}  in registry   {digest}  fp-{fingerprint:.32} {fingerprint}"));
    assert!(lines[1].ends_with("  not built") && lines[2].contains("  in registry "), "{text}");
    let status = |repo: &Sandbox, arguments: &[&str]| -> Value {
        let arguments = ["status", "-o", "json"].iter().chain(arguments).copied();
        serde_json::from_str(&repo.run(arguments).success()).unwrap()
    };
    let records = status(&shop.repo, &[])["records"].clone();
    let seen = |number: usize| (records[number]["current"].clone(), records[number]["in_registry"].clone());
    assert_eq!([seen(0), seen(1)], [(true.into(), true.into()), (true.into(), false.into())]);
    assert_eq!(status(&shop.repo, &["--ledger", "none"])["records"], serde_json::json!([]));
    assert_eq!(status(&shop.repo, &["--ledger", "local", "b"])["records"][0]["in_registry"], Value::Null);
    shop.registry.requests();
    assert_eq!(status(&clone, &["a"])["records"].as_array().unwrap().len(), 1);
    assert_eq!(shop.registry.requests().len(), 2);
    shop.registry.fail("HEAD", 99, Fault::Status(403, ""));
    let run = clone.run(["status"]);
    assert!(run.stdout.contains("  not known\n") && run.stderr.contains("403 Forbidden"), "{run:?}");
}

fn open() -> Registry {
    Registry::new(std::collections::BTreeSet::new(), Credentials::default())
}

fn index(entries: &[(&str, &str)]) -> String {
    let entry = |(digest, os): &(&str, &str)| {
        format!(
            r#"{{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "{digest}", "size": 9,
               "platform": {{"architecture": "amd64", "os": "{os}"}}}}"#
        )
    };
    let entries: Vec<String> = entries.iter().map(entry).collect();
    let media_type = "application/vnd.oci.image.index.v1+json";
    format!(r#"{{"schemaVersion": 2, "mediaType": "{media_type}", "manifests": [{}]}}"#, entries.join(", "))
}

#[test]
fn an_index_is_tagged_unchanged_and_is_as_large_as_its_images() {
    let fake = FakeRegistry::start();
    let (small, large, attest) =
        (fake.put("x/y", &image(10), &[]), fake.put("x/y", &image(500), &[]), digest_of(b"no"));
    let text = index(&[(&small, "linux"), (&large, "linux"), (&attest, "unknown")]);
    let digest = fake.put("x/y", &text, &["one"]);
    let repository = format!("{}/x/y", fake.host());
    let registry = open();
    assert_eq!(registry.size(&repository, &digest).unwrap(), 510);
    assert_eq!(registry.size(&repository, &small).unwrap(), 10);
    registry.tag(&repository, &digest, &["two".into(), "three".into()], Patience::usual()).unwrap();
    assert_eq!(registry.resolve(&repository, "two").unwrap(), Some(digest.clone()));
    assert_eq!(registry.tags(&repository).unwrap(), ["one", "three", "two"]);
    assert_eq!(registry.tags(&format!("{}/none", fake.host())).unwrap(), [""; 0]);
    let put_as = fs::read_to_string(fake.root().join("x/y/manifests").join(format!("{digest}.type"))).unwrap();
    assert_eq!(put_as, "application/vnd.oci.image.index.v1+json");
    assert_eq!(registry.resolve(&repository, "none").unwrap(), None);
    let missing = registry.size(&repository, &attest).unwrap_err();
    assert_eq!(missing.kind, FailureKind::Missing);
}

#[test]
fn an_error_says_which_host_what_was_asked_and_what_to_do() {
    let registry = open();
    let error = registry.resolve("127.0.0.1:1/a", "x").unwrap_err();
    let said = "cannot look up a:x at 127.0.0.1:1: nobody listens there, 4 times; try again later";
    assert_eq!((error.to_string().as_str(), error.may_pass_later()), (said, true));
    let error = registry.resolve("127.0.0.1:1/A", "x").unwrap_err();
    assert!(error.to_string().contains("must be in lower case"), "{error}");
    let fake = FakeRegistry::start();
    let repository = format!("{}/a", fake.host());
    // What a registry says in its own words may repeat what it was told.
    let said =
        r#"{"errors": [{"code": "DENIED", "message": "no, s3cret-pass"}, {"code": "s3cret-pass", "message": ""}]}"#;
    fake.fail("GET", 1, Fault::Says(403, said));
    let denied = registry.tags(&repository).unwrap_err();
    assert_eq!(denied.kind, FailureKind::Refused);
    let told = "it answered 403 Forbidden (DENIED); see that a exists and that you may pull from it";
    assert_eq!(denied.to_string(), format!("cannot list the tags of {repository} at {}: {told}", fake.host()));
    assert_eq!(format!("{registry:?}"), "Registry(Registry { insecure: {}, .. })");
}

#[test]
fn a_host_that_does_not_answer_is_given_up_for_all() {
    let fake = FakeRegistry::start();
    fake.put("a", &image(1), &["x"]);
    let ask = |host: &str, number: usize| Tagged { repository: format!("{host}/s{number}"), tag: "x".into() };
    let mut questions: Vec<Tagged> = (0..300).map(|number| ask("127.0.0.1:1", number)).collect();
    questions.push(Tagged { repository: format!("{}/a", fake.host()), tag: "x".into() });
    let started = Instant::now();
    let answers = open().resolve_all(&questions);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert!(
        answers[..300]
            .iter()
            .all(|answer| answer.as_ref().is_err_and(buildplan::registry::RegistryError::may_pass_later))
    );
    assert_eq!(answers[300].as_ref().unwrap(), &Some(digest_of(image(1).as_bytes())));
}

#[test]
fn nobody_waits_longer_than_he_wants_to() {
    let fake = FakeRegistry::start();
    let digest = fake.put("a", &image(1), &["x"]);
    let repository = format!("{}/a", fake.host());
    fake.fail("PUT", 99, Fault::Status(503, "retry-after: 9"));
    let tags = ["y".to_owned()];
    let started = Instant::now();
    let until = started + Duration::from_millis(300);
    let late = open().tag(&repository, &digest, &tags, Patience { until, is_over: &|| false }).unwrap_err();
    assert_eq!(late.kind, FailureKind::TimedOut);
    let until = started + Duration::from_mins(1);
    let stopped = open().tag(&repository, &digest, &tags, Patience { until, is_over: &|| true }).unwrap_err();
    assert_eq!(stopped.kind, FailureKind::Cancelled);
    assert!(started.elapsed() < Duration::from_secs(3));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Of each service: whether it is there, and of each of its tags whether it is there, or that of another image.
    #[test]
    fn no_lookup_asks_more_than_it_must(
        services in prop::collection::vec((any::<bool>(), prop::collection::vec(0..3_u8, 0..4)), 1..60)
    ) {
        let fake = FakeRegistry::start();
        let folder = tempfile::tempdir().unwrap();
        let (mut queries, mut expected, mut most) = (Vec::new(), Vec::new(), 0);
        for (number, (is_there, tags)) in services.iter().enumerate() {
            let service = format!("s{number}");
            let fingerprint = Digest::of("test", service.as_bytes());
            let name = |tag: usize| format!("t{tag}");
            let put = |wanted: u8| (0..tags.len()).filter(|tag| tags[*tag] == wanted).map(name).collect::<Vec<_>>();
            let digest = fake.put(&service, &image(number as u64), &put(1).iter().map(String::as_str).collect::<Vec<_>>());
            fake.put(&service, &image(10_000), &put(2).iter().map(String::as_str).collect::<Vec<_>>());
            if *is_there {
                fake.put(&service, &image(number as u64), &[&fingerprint_tag(&fingerprint)]);
                let image = Image { digest: Some(digest), ..Image::default() };
                expected.push(Record::Pushed(image, put(1)));
                most += tags.len();
            } else {
                expected.push(Record::Unseen);
            }
            most += 1;
            let repository = Some(format!("{}/{service}", fake.host()));
            queries.push(Query { service, fingerprint, repository, tags: (0..tags.len()).map(name).collect() });
        }
        let ledger = RegistryLedger::new(LocalLedger::new(folder.path()), open());
        prop_assert_eq!(ledger.lookup(&queries), expected);
        prop_assert_eq!(ledger.complaints(), Vec::<String>::new());
        let requests = fake.requests();
        prop_assert!(requests.len() <= most, "{} > {most}: {requests:#?}", requests.len());
    }
}

/// The registry that Debian has.
struct RealRegistry {
    child: std::process::Child,
    host: String,
    _folder: tempfile::TempDir,
}

impl RealRegistry {
    fn start(htpasswd: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let host = format!("127.0.0.1:{port}");
        let at = |name: &str| folder.path().join(name);
        let auth = htpasswd.map(|line| {
            fs::write(at("htpasswd"), line).unwrap();
            format!("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", at("htpasswd").display())
        });
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{host}\"}}\n{}",
            at("data").display(),
            auth.unwrap_or_default()
        );
        fs::write(at("config.yml"), config).unwrap();
        let mut program = Command::new("docker-registry");
        program.arg("serve").arg(at("config.yml"));
        let log = fs::File::create(at("log")).unwrap();
        let child = program.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(&host).is_err() {
            assert!(Instant::now() < until, "{}", fs::read_to_string(at("log")).unwrap());
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, host, _folder: folder }
    }
}

impl Drop for RealRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `me:s3cret-pass` in the form of htpasswd.
const HTPASSWD: &str = "me:$2y$05$abcdefghijklmnopqrstuuV7fpPozvyqJfnY19y0802WTlXUm6Rjy\n";

/// Sends one request, and returns the status and the `Location`.
fn send(host: &str, head: &str, basic: Option<&str>, body: &[u8]) -> (u16, String) {
    use std::io::{Read as _, Write as _};

    let mut stream = std::net::TcpStream::connect(host).unwrap();
    let told = basic.map(|basic| format!("authorization: {basic}\r\n")).unwrap_or_default();
    let head = format!("{head}\r\nhost: {host}\r\nconnection: close\r\n{told}content-length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let location = text.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap_or_default();
    (text[9..12].parse().unwrap(), location.to_owned())
}

/// Puts a manifest and the blobs that it names into a registry, without a tag.
fn upload(host: &str, repository: &str, manifest: &str, basic: Option<&str>) {
    let put_blob = |bytes: &[u8]| {
        let (_, location) = send(host, &format!("POST /v2/{repository}/blobs/uploads/ HTTP/1.1"), basic, b"");
        let address = location.split_once(host).unwrap().1.to_owned();
        let head = format!("PUT {address}&digest={} HTTP/1.1", digest_of(bytes));
        assert_eq!(send(host, &head, basic, bytes).0, 201);
    };
    put_blob(b"{}");
    let head = format!(
        "PUT /v2/{repository}/manifests/{} HTTP/1.1\r\ncontent-type: application/vnd.oci.image.manifest.v1+json",
        digest_of(manifest.as_bytes())
    );
    assert_eq!(send(host, &head, basic, manifest.as_bytes()).0, 201, "{manifest}");
}

/// The whole way with the registry that Debian has: pushed, found from a fresh clone, tagged for the next commit.
fn check_with_a_real_registry(htpasswd: Option<&str>, basic: Option<&str>) {
    let real = RealRegistry::start(htpasswd);
    let shop = Shop::new();
    let environment = docker_config(&shop, &FILED.replace("HOST", &real.host));
    let run = |repo: &Sandbox, arguments: &[&str]| {
        Run::of(repo.program().args(arguments).envs(&environment)).success_with_talk()
    };
    let config = shop.repo.read("build-plan.toml").replace(&shop.registry.host(), &real.host);
    shop.repo.write("build-plan.toml", config.replace("[image]\n", "[image]\ntags = [\"{commit}\"]\n")).commit("real");
    run(&shop.repo, &["run", "--all"]);
    for service in ["a", "b", "c"] {
        upload(&real.host, service, &fs::read_to_string(shop.state.join(format!("{service}.json"))).unwrap(), basic);
    }
    assert_eq!(run(&shop.repo, &["run", "--all", "--push"]).warnings(), 0);
    assert_eq!(shop.calls(), "build a, build b, build c, push a, push b, push c");
    let clone = shop.clone();
    assert_eq!(plan_with(&clone, &environment).steps(), ["a/tag", "b/tag", "c/tag"]);
    clone.write("README.md", "More.\n").commit("next");
    let done = run(&clone, &["run", "--all", "--push", "-o", "images"]);
    assert_eq!((shop.calls().as_str(), done.warnings()), ("", 0));
    assert_eq!(plan_with(&clone, &environment).steps(), [""; 0]);
    let commit = clone.git(["rev-parse", "HEAD"]);
    let folder = PathBuf::from(&environment["DOCKER_CONFIG"]);
    let credentials = Credentials::of(|name| (name == "DOCKER_CONFIG").then(|| folder.clone().into()));
    let registry = Registry::new(std::collections::BTreeSet::new(), credentials);
    for (line, service) in done.stdout.lines().zip(["a", "b", "c"]) {
        let repository = format!("{}/{service}", real.host);
        let manifest = fs::read_to_string(shop.state.join(format!("{service}.json"))).unwrap();
        let digest = digest_of(manifest.as_bytes());
        assert_eq!(line, format!("{repository}@{digest}"));
        assert_eq!(registry.resolve(&repository, &commit).unwrap(), Some(digest.clone()));
        assert_eq!(registry.tags(&repository).unwrap().len(), 2);
        assert_eq!(registry.size(&repository, &digest).unwrap(), 2);
    }
}

#[test]
#[ignore = "needs docker-registry"]
fn a_real_registry_is_a_ledger() {
    check_with_a_real_registry(None, None);
}

#[test]
#[ignore = "needs docker-registry"]
fn a_real_registry_with_a_password_is_a_ledger() {
    check_with_a_real_registry(Some(HTPASSWD), Some(BASIC));
    let real = RealRegistry::start(Some(HTPASSWD));
    let refused = open().resolve(&format!("{}/a", real.host), "x").unwrap_err();
    assert_eq!(refused.kind, FailureKind::Refused);
}
