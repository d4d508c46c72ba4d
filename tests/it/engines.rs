//! Plans that are run with the real thing: Docker with and without buildx, a BuildKit daemon of its own, buildah, and a
//! registry. Every server listens on loopback, keeps its files in a temporary folder, and is stopped by its test.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::support::{Run, Sandbox};

/// The platforms of images that are built for two.
const PLATFORMS: [&str; 2] = ["amd64", "arm64"];

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_mins(1);

/// Daemons share the bridge of the machine, and there are few processors: one journey at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A server that is asked to end with the test, and then has ended.
struct Server(Child);

impl Server {
    fn start(command: &mut Command, log: &Path) -> Self {
        let log = fs::File::create(log).unwrap();
        let child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
        assert!(child.is_ok(), "{command:?}: {child:?}; scripts/test installs what is needed");
        Self(child.unwrap())
    }

    #[track_caller]
    fn wait_until(&mut self, what: &str, is_up: impl Fn() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !is_up() {
            assert!(self.0.try_wait().unwrap().is_none(), "{what} has ended");
            assert!(Instant::now() < until, "{what} does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// A registry.
struct Registry {
    _server: Server,
    host: String,
    _folder: tempfile::TempDir,
}

impl Registry {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let root = folder.path().join("storage");
        let config = folder.path().join("config.yml");
        let text = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: true\n\
             http:\n  addr: {free}\nlog:\n  level: error\n",
            root.display()
        );
        fs::write(&config, text).unwrap();
        let mut command = Command::new("docker-registry");
        let mut server = Server::start(command.arg("serve").arg(config), &folder.path().join("log"));
        server.wait_until("docker-registry", || TcpStream::connect(free).is_ok());
        Self { _server: server, host: free.to_string(), _folder: folder }
    }

    /// The digest that a tag has there, as its own interface tells it.
    #[track_caller]
    fn digest(&self, repository: &str, tag: &str) -> String {
        let url = format!("http://{}/v2/{repository}/manifests/{tag}", self.host);
        let accept = "Accept: application/vnd.docker.distribution.manifest.v2+json, \
                      application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
                      application/vnd.docker.distribution.manifest.list.v2+json";
        let output = Command::new("curl").args(["--silent", "--fail", "--head", "--header", accept, &url]).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{url}: {output:?}");
        let head = String::from_utf8(output.stdout).unwrap();
        let digest = head.lines().find_map(|line| line.strip_prefix("Docker-Content-Digest: ")).unwrap();
        digest.trim().to_owned()
    }
}

/// What a builder needs to be started with.
struct Engine {
    environment: Vec<(&'static str, OsString)>,
    folder: tempfile::TempDir,
    servers: Vec<Server>,
    _turn: MutexGuard<'static, ()>,
}

impl Engine {
    /// A Docker daemon; `docker` is the one of the system, with buildx or without.
    fn docker(with_buildx: bool) -> Self {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::Builder::new().prefix("docker").tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let host = format!("unix://{}", at("socket").display());
        let mut command = Command::new("dockerd");
        command.args(["--host", &host, "--iptables=false", "--ip6tables=false"]);
        command.arg("--data-root").arg(at("data")).arg("--exec-root").arg(at("exec"));
        command.arg("--pidfile").arg(at("pid"));
        let server = Server::start(&mut command, &at("log"));
        let programs = at("bin");
        fs::create_dir(&programs).unwrap();
        std::os::unix::fs::symlink("/usr/bin/docker", programs.join("docker")).unwrap();
        let config = at("config");
        fs::create_dir_all(config.join("cli-plugins")).unwrap();
        if with_buildx {
            std::os::unix::fs::symlink(found("buildx"), config.join("cli-plugins/docker-buildx")).unwrap();
        }
        let path = std::env::join_paths(
            std::iter::once(programs).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        let environment = vec![
            ("DOCKER_HOST", host.into()),
            ("DOCKER_CONFIG", config.into()),
            ("BUILDX_CONFIG", at("buildx").into()),
            ("PATH", path.unwrap()),
        ];
        let mut engine = Self { environment, folder, servers: Vec::new(), _turn: turn };
        let mut server = server;
        server.wait_until("dockerd", || engine.command("docker").arg("version").output().unwrap().status.success());
        engine.servers.push(server);
        engine
    }

    /// A BuildKit daemon of its own, which buildx uses.
    fn buildkit() -> Self {
        let mut engine = Self::docker(true);
        let at = |name: &str| engine.folder.path().join(name);
        let address = format!("unix://{}", at("buildkit.sock").display());
        let mut command = Command::new("buildkitd");
        command.args(["--addr", &address, "--oci-worker-net=host", "--containerd-worker=false"]);
        command.arg("--root").arg(at("buildkit"));
        let mut server = Server::start(&mut command, &at("buildkit.log"));
        server.wait_until("buildkitd", || at("buildkit.sock").exists());
        engine.check(&["docker", "buildx", "create", "--name=own", "--driver=remote", "--use", &address]);
        engine.servers.insert(0, server);
        engine
    }

    /// buildah with a store of its own.
    fn buildah() -> Self {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::Builder::new().prefix("buildah").tempdir().unwrap();
        let storage = folder.path().join("storage.conf");
        let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
        let driver = if known.contains("overlay") { "overlay" } else { "vfs" };
        let text = format!(
            "[storage]\ndriver = \"{driver}\"\ngraphroot = \"{0}/graph\"\nrunroot = \"{0}/run\"\n",
            folder.path().display()
        );
        fs::write(&storage, text).unwrap();
        let environment =
            vec![("CONTAINERS_STORAGE_CONF", storage.into()), ("BUILDAH_ISOLATION", OsString::from("chroot"))];
        Self { environment, folder, servers: Vec::new(), _turn: turn }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a program, which must succeed, and returns what it printed.
    #[track_caller]
    fn check(&self, argv: &[&str]) -> String {
        let output = self.command(argv[0]).args(&argv[1..]).env("DOCKER_BUILDKIT", "1").output().unwrap();
        assert!(output.status.success(), "{argv:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Builds an image with a shell and a Go toolchain from what this machine has, and pushes it.
    fn make_base(&self, build: &[&str], push: &[&str], reference: &str) {
        let shell = self.folder.path().join("shell");
        fs::create_dir(&shell).unwrap();
        fs::copy(found("busybox"), shell.join("busybox")).unwrap();
        let goroot = Command::new("go").args(["env", "GOROOT"]).output().unwrap();
        let goroot = String::from_utf8(goroot.stdout).unwrap().trim().to_owned();
        fs::write(shell.join("Dockerfile"), "FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\n").unwrap();
        let dockerfile = self.folder.path().join("base.Dockerfile");
        let ignored =
            "*\n!bin/go\n!pkg/tool\n!pkg/include\n!src\nsrc/cmd\n**/testdata\n**/*_test.go\n!VERSION\n!go.env\n";
        fs::write(self.folder.path().join("base.Dockerfile.dockerignore"), ignored).unwrap();
        // The standard library is compiled once, not by every service.
        let text = format!(
            "FROM {reference}-shell\nCOPY . /usr/local/go\nENV PATH=/usr/local/go/bin:/bin HOME=/root CGO_ENABLED=0 \
             GOTOOLCHAIN=local GOFLAGS=-buildvcs=false\nRUN busybox mkdir -p /tmp /root /src && cd /src && \
             printf 'package main\\n\\nfunc main() {{}}\\n' >main.go && go build -trimpath -o /tmp/x main.go && \
             GOARCH=arm64 go build -trimpath -o /tmp/x main.go\n"
        );
        fs::write(&dockerfile, text).unwrap();
        let shell_reference = format!("{reference}-shell");
        for (tag, file, context) in [
            (&*shell_reference, shell.join("Dockerfile"), shell.as_path()),
            (reference, dockerfile, Path::new(&goroot)),
        ] {
            let file = file.display().to_string();
            let arguments = ["--file", &file, "--tag", tag, context.to_str().unwrap()];
            self.check(&[build, &arguments].concat());
            if !push.is_empty() {
                self.check(&[push, &[tag]].concat());
            }
        }
    }
}

fn found(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    assert!(found.is_some(), "there is no {program}; scripts/test installs it");
    found.unwrap()
}

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
