//! Servers that tests start: Docker with and without buildx, a BuildKit daemon of its own, buildah's store, and a
//! registry. Each listens on loopback or a socket of its own, keeps its files in a temporary folder, and is stopped by
//! its test.

use std::ffi::OsString;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_mins(1);

/// Daemons share the bridge of the machine, and there are few processors: one journey at a time.
pub(crate) static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A server that is asked to end with the test, and then has ended.
pub(crate) struct Server(Child);

impl Server {
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        let log = fs::File::create(log).unwrap();
        let child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
        assert!(child.is_ok(), "{command:?}: {child:?}; scripts/test installs what is needed");
        Self(child.unwrap())
    }

    #[track_caller]
    pub(crate) fn wait_until(&mut self, what: &str, is_up: impl Fn() -> bool) {
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
pub(crate) struct Registry {
    _server: Server,
    pub(crate) host: String,
    _folder: tempfile::TempDir,
}

impl Registry {
    pub(crate) fn start() -> Self {
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
    pub(crate) fn digest(&self, repository: &str, tag: &str) -> String {
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
pub(crate) struct Engine {
    pub(crate) environment: Vec<(&'static str, OsString)>,
    pub(crate) folder: tempfile::TempDir,
    servers: Vec<Server>,
    _turn: MutexGuard<'static, ()>,
}

impl Engine {
    /// A Docker daemon; `docker` is the one of the system, with buildx or without.
    pub(crate) fn docker(with_buildx: bool) -> Self {
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

    /// A BuildKit daemon of its own, which buildx uses, and a Docker daemon.
    pub(crate) fn buildkit() -> Self {
        let mut engine = Self::docker(true);
        engine.start_buildkit(&["docker", "buildx"]);
        engine
    }

    /// A BuildKit daemon without Docker, which `buildx` uses.
    pub(crate) fn only_buildkit() -> Self {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::Builder::new().prefix("buildkit").tempdir().unwrap();
        let environment = vec![("BUILDX_CONFIG", folder.path().join("buildx").into())];
        let mut engine = Self { environment, folder, servers: Vec::new(), _turn: turn };
        engine.start_buildkit(&["buildx"]);
        engine
    }

    fn start_buildkit(&mut self, buildx: &[&str]) {
        let at = |name: &str| self.folder.path().join(name);
        let address = format!("unix://{}", at("buildkit.sock").display());
        let mut command = Command::new("buildkitd");
        command.args(["--addr", &address, "--oci-worker-net=host", "--containerd-worker=false"]);
        command.arg("--root").arg(at("buildkit"));
        let mut server = Server::start(&mut command, &at("buildkit.log"));
        server.wait_until("buildkitd", || at("buildkit.sock").exists());
        self.check(&[buildx, &["create", "--name=own", "--driver=remote", "--use", &address]].concat());
        self.servers.insert(0, server);
    }

    /// buildah with a store of its own.
    pub(crate) fn buildah() -> Self {
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

    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a program, which must succeed, and returns what it printed.
    #[track_caller]
    pub(crate) fn check(&self, argv: &[&str]) -> String {
        let output = self.command(argv[0]).args(&argv[1..]).env("DOCKER_BUILDKIT", "1").output().unwrap();
        assert!(output.status.success(), "{argv:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Builds an image with a shell and a Go toolchain from what this machine has, and pushes it.
    pub(crate) fn make_base(&self, build: &[&str], push: &[&str], reference: &str) {
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

pub(crate) fn found(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    assert!(found.is_some(), "there is no {program}; scripts/test installs it");
    found.unwrap()
}
