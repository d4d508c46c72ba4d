//! Plans that are run with the real thing: Docker with and without buildx, a BuildKit daemon of its own, buildah, and a
//! registry.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use serde_json::Value;

use super::servers::{Engine, Registry};
use super::support::{Run, Sandbox};

/// The platforms of images that are built for two.
const PLATFORMS: [&str; 2] = ["amd64", "arm64"];

/// A repository of many services whose images an engine builds; service `i` uses library `i % 4`.
struct Shop<'e> {
    repo: Sandbox,
    engine: &'e Engine,
    registry: &'e Registry,
    services: usize,
}

impl<'e> Shop<'e> {
    fn new(engine: &'e Engine, registry: &'e Registry, services: usize, base: &str, settings: &str) -> Self {
        let repo = Sandbox::empty();
        repo.write("go.mod", "module ex.io/shop\n\ngo 1.24\n").commit("begin");
        for number in 0..4 {
            let text = format!("package lib\n\nconst Name = \"lib {number}\"\n");
            repo.write(format!("lib{number}/lib.go"), text);
        }
        let mut config = format!("[image]\nrepository = \"{}/{{service}}\"\n{settings}\n", registry.host);
        for number in 0..services {
            let (name, lib) = (service(number), number % 4);
            let text = format!(
                "package main\n\nimport lib \"ex.io/shop/lib{lib}\"\n\nfunc main() {{ println(\"{name} of \" + lib.Name) }}\n"
            );
            repo.write(format!("cmd/{name}/main.go"), text);
            let text = format!(
                "FROM --platform=$BUILDPLATFORM {base} AS build\nARG TARGETARCH\nENV GOARCH=$TARGETARCH\nWORKDIR /src\n\
                 COPY . .\nRUN go build -trimpath -o /out ./cmd/{name}\n\n\
                 FROM scratch\nCOPY --from=build /out /app\nENTRYPOINT [\"/app\"]\n"
            );
            repo.write(format!("cmd/{name}/Dockerfile"), text);
            write!(config, "\n[services.{name}]\npackage = \"cmd/{name}\"\ncontext = \".\"\n").unwrap();
        }
        repo.write("build-plan.toml", config).commit("base");
        Self { repo, engine, registry, services }
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let mut program = self.repo.program();
        program.envs(self.engine.environment.iter().map(|(name, value)| (name, value)));
        Run::of(program.arg("run").args(arguments))
    }

    /// Runs to a good end, and returns the report.
    #[track_caller]
    fn run_well(&self, arguments: &[&str]) -> Value {
        let report = self.repo.beside("report.json");
        let run = self.run(&[arguments, &["--report", report.to_str().unwrap()]].concat());
        assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
        serde_json::from_slice(&fs::read(report).unwrap()).unwrap()
    }

    /// The digest of each service of a report, which the registry must have, too.
    #[track_caller]
    fn digests(&self, report: &Value) -> BTreeMap<String, String> {
        let mut digests = BTreeMap::new();
        for image in report["images"].as_array().unwrap() {
            let name = image["service"].as_str().unwrap();
            let digest = image["digest"].as_str().unwrap_or_default();
            let fingerprint = image["fingerprint"].as_str().unwrap();
            assert_eq!(self.registry.digest(name, fingerprint), digest, "{name}");
            digests.insert(name.to_owned(), digest.to_owned());
        }
        digests
    }

    fn users_of(&self, library: usize) -> Vec<String> {
        (0..self.services).filter(|number| number % 4 == library).map(service).collect()
    }

    fn change_library(&self, number: usize, name: &str) {
        self.repo.write(format!("lib{number}/lib.go"), format!("package lib\n\nconst Name = \"{name}\"\n"));
    }
}

fn service(number: usize) -> String {
    format!("s{number:02}")
}

/// The services whose steps of a kind ended well.
fn done(report: &Value, kind: &str) -> Vec<String> {
    let steps = report["steps"].as_array().unwrap().iter();
    let done = steps.filter(|step| step["kind"] == kind && step["outcome"] == "ok");
    done.map(|step| step["service"].as_str().unwrap().to_owned()).collect()
}

/// Everything is built and pushed once, and then only what a change reaches. `output` runs the image with a digest.
fn journey(shop: &Shop<'_>, output: &dyn Fn(&str) -> String) {
    let all: Vec<String> = (0..shop.services).map(service).collect();
    let first = shop.run_well(&["--all", "--push"]);
    assert_eq!((done(&first, "build"), done(&first, "push")), (all.clone(), all));
    let digests = shop.digests(&first);
    let reference = |name: &str, digest: &str| format!("{}/{name}@{digest}", shop.registry.host);
    for (name, digest) in &digests {
        let library = name[1..].parse::<usize>().unwrap() % 4;
        assert_eq!(output(&reference(name, digest)), format!("{name} of lib {library}\n"));
    }

    let second = shop.run_well(&["--all", "--push"]);
    assert_eq!(second["steps"].as_array().unwrap().len(), 0);
    assert_eq!(shop.digests(&second), digests);

    shop.change_library(1, "another library");
    let third = shop.run_well(&["--push"]);
    assert_eq!((done(&third, "build"), done(&third, "push")), (shop.users_of(1), shop.users_of(1)));
    let after = shop.digests(&third);
    for (name, digest) in &after {
        assert_eq!(digest == &digests[name], !shop.users_of(1).contains(name), "{name}");
    }
    assert_eq!(output(&reference("s05", &after["s05"])), "s05 of another library\n");
    let build = third["steps"].as_array().unwrap().iter().find(|step| step["id"] == "s01/build").unwrap();
    let steps = |key: &str| build[key].as_u64().unwrap();
    assert!(steps("total_steps") >= 4 && steps("cached_steps") >= 1, "{build}");

    // What is built without being pushed is pushed later without being built.
    shop.change_library(2, "a third library");
    assert_eq!(done(&shop.run_well(&[]), "build"), shop.users_of(2));
    let fifth = shop.run_well(&["--push"]);
    assert_eq!((done(&fifth, "build"), done(&fifth, "push")), (vec![], shop.users_of(2)));
    shop.digests(&fifth);
}

/// What does not compile fails alone, with the words of the compiler, and is built once it is mended.
fn mishap(shop: &Shop<'_>) {
    shop.repo.write("cmd/s03/main.go", "package main\n\nfunc main() { undefined() }\n");
    shop.change_library(3, "mended");
    let report = shop.repo.beside("failed.json");
    let failed = shop.run(&["--push", "--report", report.to_str().unwrap()]);
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    let text = format!("{}{}", failed.stdout, failed.stderr);
    assert!(text.contains("undefined: undefined") && text.contains("s03/build"), "{text}");
    let report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    let others: Vec<String> = shop.users_of(3).into_iter().filter(|name| name != "s03").collect();
    assert_eq!(done(&report, "push"), others);
    let step = report["steps"].as_array().unwrap().iter().find(|step| step["id"] == "s03/build").unwrap();
    let error = step["attempts"][0]["error"].as_str().unwrap();
    assert!(error.contains("RUN go build") && step["attempts"].as_array().unwrap().len() == 1, "{step}");
    shop.repo.write("cmd/s03/main.go", "package main\n\nfunc main() {}\n");
    assert_eq!(done(&shop.run_well(&["--push"]), "push"), ["s03"]);
}

/// With the registry as ledger, a machine that has nothing, not even a builder, builds nothing, and gives the images the
/// tags of a new commit.
fn empty_machine(shop: &Shop<'_>) {
    let all: Vec<String> = (0..shop.services).map(service).collect();
    shop.repo.commit("pushed");
    let pushed = shop.run_well(&["--all", "--push", "--ledger", "registry"]);
    let digests = shop.digests(&pushed);
    assert_eq!(done(&pushed, "push"), all);
    assert!(pushed["images"][0]["size"].as_u64().unwrap() > 100_000, "{}", pushed["images"][0]);
    let clone = shop.repo.clone_as("clone", &[]);
    clone.replace("build-plan.toml", "[image]\n", "[image]\ntags = [\"{fingerprint}\", \"{commit}\"]\n").commit("next");
    let mut program = clone.program();
    program.env("PATH", "/nonexistent").args(["run", "--all", "--push", "--ledger", "registry"]);
    let run = Run::of(program.args(["--report", "report.json"]));
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let report: Value = serde_json::from_str(&clone.read("report.json")).unwrap();
    assert_eq!(["build", "push", "tag"].map(|kind| done(&report, kind)), [vec![], vec![], all.clone()]);
    let commit = clone.git(["rev-parse", "HEAD"]);
    for name in &all {
        assert_eq!(shop.registry.digest(name, &commit), digests[name], "{name}");
    }
}

/// A tag that images lack is put by the registry: every image keeps its digest.
fn one_more_tag(shop: &Shop<'_>) {
    let before = shop.digests(&shop.run_well(&["--all", "--push"]));
    shop.repo.replace("build-plan.toml", "[image]\n", "[image]\ntags = [\"{fingerprint}\", \"extra\"]\n");
    let tagged = shop.run_well(&["--all", "--push"]);
    assert_eq!((done(&tagged, "tag").len(), tagged["steps"].as_array().unwrap().len()), (before.len(), before.len()));
    for (name, digest) in &before {
        assert_eq!(&shop.registry.digest(name, "extra"), digest, "{name}");
    }
    assert_eq!(shop.digests(&tagged), before);
}

fn docker_journey(with_buildx: bool) {
    let (registry, engine) = (Registry::start(), Engine::docker(with_buildx));
    engine.make_base(&["docker", "build", "--network=host"], &[], "base");
    let shop = Shop::new(&engine, &registry, 12, "base", "");
    journey(&shop, &|reference| {
        // From the registry, not from what the daemon has.
        let id = engine.check(&["docker", "image", "inspect", "--format={{.Id}}", reference]);
        engine.check(&["docker", "image", "rm", "--force", id.trim()]);
        let pulled = engine.check(&["docker", "pull", reference]);
        assert!(pulled.contains(reference.rsplit('@').next().unwrap()), "{pulled}");
        let output = engine.command("docker").args(["run", "--rm", "--network=none", reference]).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    });
    mishap(&shop);

    // An image that the daemon lost cannot be pushed; it is built again.
    shop.change_library(0, "lost");
    assert_eq!(done(&shop.run_well(&["s00"]), "build"), ["s00"]);
    let ids = engine.check(&["docker", "image", "ls", "--quiet", "--no-trunc", &format!("{}/s00", registry.host)]);
    let ids: Vec<&str> = ids.split_whitespace().collect();
    engine.check(&[&["docker", "image", "rm", "--force"], &*ids].concat());
    let lost = shop.run(&["--push", "s00"]);
    assert!(lost.code == 1 && lost.stdout.contains("is gone"), "{}{}", lost.stdout, lost.stderr);
    let healed = shop.run_well(&["--push", "s00"]);
    assert_eq!((done(&healed, "build"), done(&healed, "push")), (vec!["s00".to_owned()], vec!["s00".to_owned()]));
    empty_machine(&shop);
    one_more_tag(&shop);
}

#[test]
#[ignore = "needs docker, docker-registry and go"]
fn docker_without_buildx_builds_and_pushes_what_a_change_reaches() {
    docker_journey(false);
}

#[test]
#[ignore = "needs docker, buildx, docker-registry and go"]
fn docker_with_buildx_builds_and_pushes_what_a_change_reaches() {
    docker_journey(true);
}

#[test]
#[ignore = "needs docker, buildx, buildkitd, docker-registry and go"]
fn a_buildkit_daemon_builds_and_pushes_images_of_several_platforms() {
    let (registry, engine) = (Registry::start(), Engine::buildkit());
    // Only what a registry has reaches that daemon.
    let base = format!("{}/base", registry.host);
    let build = ["docker", "--context=default", "buildx", "build", "--builder=default", "--network=host"];
    engine.make_base(&build, &["docker", "push"], &base);
    let platforms = PLATFORMS.map(|arch| format!("\"linux/{arch}\"")).join(", ");
    let settings = format!(
        "insecure-registries = [\"{0}\"]\ncache-to = [\"type=registry,ref={0}/cache:{{service}}\"]\n\
         cache-from = [\"type=registry,ref={0}/cache:{{service}}\"]\n\n[go]\nplatforms = [{platforms}]\n",
        registry.host
    );
    let shop = Shop::new(&engine, &registry, 4, &base, &settings);
    let first = shop.run_well(&["--all", "--push"]);
    let digests = shop.digests(&first);
    for (name, digest) in &digests {
        for arch in PLATFORMS {
            let reference = format!("{}/{name}@{digest}", registry.host);
            let inspected = engine.check(&["docker", "buildx", "imagetools", "inspect", "--raw", &reference]);
            let index: Value = serde_json::from_str(&inspected).unwrap();
            let manifests = index["manifests"].as_array().unwrap();
            assert!(manifests.iter().any(|manifest| manifest["platform"]["architecture"] == arch), "{inspected}");
        }
    }
    assert_eq!(shop.run_well(&["--all", "--push"])["steps"].as_array().unwrap().len(), 0);
    shop.change_library(1, "another library");
    let second = shop.run_well(&["--push"]);
    assert_eq!((done(&second, "build"), done(&second, "push")), (shop.users_of(1), shop.users_of(1)));
    shop.digests(&second);
    // A push that finds its inputs moved would push something else than was built.
    shop.change_library(2, "a third library");
    assert_eq!(done(&shop.run_well(&[]), "build"), shop.users_of(2));
    assert_eq!(done(&shop.run_well(&["--push"]), "push"), shop.users_of(2));
    mishap(&shop);
}

#[test]
#[ignore = "needs buildah, docker-registry and go"]
fn buildah_builds_and_pushes_what_a_change_reaches() {
    let (registry, engine) = (Registry::start(), Engine::buildah());
    engine.make_base(&["buildah", "build"], &[], "localhost/base");
    let settings = format!("builder = \"buildah\"\ninsecure-registries = [\"{}\"]", registry.host);
    let shop = Shop::new(&engine, &registry, 12, "localhost/base", &settings);
    journey(&shop, &|reference| {
        let container = engine.check(&["buildah", "from", "--pull-always", "--tls-verify=false", reference]);
        let output = engine.command("buildah").args(["run", container.trim(), "/app"]).output().unwrap();
        engine.check(&["buildah", "rm", container.trim()]);
        String::from_utf8(output.stderr).unwrap()
    });
    mishap(&shop);
    empty_machine(&shop);
    one_more_tag(&shop);
}
