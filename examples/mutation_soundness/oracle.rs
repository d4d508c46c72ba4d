//! What the Go toolchain makes of a tree: every program built twice, on a copy of a build cache that holds the standard
//! library and nothing else. It never sees what an earlier build left behind.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use buildplan::repo::Digest;

use super::files::{Files, join, remove_folder};
use super::workspaces::{GoWork, Workspace};

/// A Go toolchain, with places of its own for caches.
pub(crate) struct Go {
    folder: PathBuf,
    /// Such as `linux/amd64`.
    pub(crate) platform: String,
    /// Such as `go1.26.8`.
    pub(crate) version: String,
}

/// One program of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// The digest of the binary.
    Built(Digest),
    /// What Go says of it.
    Fails(String),
}

impl Go {
    /// The toolchain on the path. Caches and modules lie below a folder.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let mut go = Self { folder: folder.to_owned(), platform: String::new(), version: String::new() };
        let said = go.output(folder, "off", false, &["env", "GOHOSTOS", "GOHOSTARCH", "GOVERSION"])?;
        let words: Vec<&str> = said.split_whitespace().collect();
        let [os, arch, version] = words[..] else { anyhow::bail!("go env says {said:?}") };
        (go.platform, go.version) = (format!("{os}/{arch}"), version.to_owned());
        Ok(go)
    }

    /// Where modules are downloaded from.
    pub(crate) fn proxy(&self) -> PathBuf {
        self.folder.join("proxy")
    }

    /// The go.sum lines of modules of the proxy.
    pub(crate) fn sums(&self, modules: &[String]) -> Result<String> {
        let empty = self.folder.join("empty");
        fs::create_dir_all(&empty)?;
        let arguments: Vec<&str> =
            ["mod", "download", "-json"].into_iter().chain(modules.iter().map(|m| &**m)).collect();
        let said = self.output(&empty, "off", false, &arguments)?;
        let mut lines = BTreeSet::new();
        for module in serde_json::Deserializer::from_str(&said).into_iter::<serde_json::Value>() {
            let module = module?;
            let field = |name: &str| module[name].as_str().context("go mod download leaves something out");
            let (path, version) = (field("Path")?, field("Version")?);
            lines.insert(format!("{path} {version} {}\n", field("Sum")?));
            lines.insert(format!("{path} {version}/go.mod {}\n", field("GoModSum")?));
        }
        Ok(lines.into_iter().collect())
    }

    /// Compiles what of the standard library some workspaces import, once for each way to build.
    pub(crate) fn prepare(&self, workspaces: &[Workspace]) -> Result<()> {
        let std = self.output(&self.folder, "off", false, &["list", "std"])?;
        for cgo in [false, true] {
            let chosen = || workspaces.iter().filter(|workspace| workspace.cgo == cgo);
            if chosen().next().is_none() {
                continue;
            }
            let texts: Vec<&str> =
                chosen().flat_map(|workspace| workspace.files.iter()).filter_map(|(_, file)| file.text()).collect();
            let is_named = |package: &&str| {
                let quoted = format!("\"{package}\"");
                texts.iter().any(|text| text.contains(&quoted))
            };
            let mut packages: Vec<&str> = std.lines().filter(is_named).collect();
            packages.extend(["runtime", "errors", "embed", "unicode/utf8"]);
            packages.extend(cgo.then_some("runtime/cgo"));
            let mut command = self.command(&self.folder, &self.std_cache(cgo), "off", cgo);
            command.args(["build", "-trimpath", "-buildvcs=false"]).args(packages);
            let output = command.output().context("cannot start go")?;
            ensure!(output.status.success(), "go build std: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    fn std_cache(&self, cgo: bool) -> PathBuf {
        self.folder.join(if cgo { "std-cgo" } else { "std" })
    }

    fn output(&self, folder: &Path, go_work: &str, cgo: bool, arguments: &[&str]) -> Result<String> {
        let cache = self.folder.join("scratch-cache");
        let output = self.command(folder, &cache, go_work, cgo).args(arguments).output().context("cannot start go")?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "go {}: {}", arguments.join(" "), complaint.trim_end());
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Nothing of the machine's own settings reaches it but the path.
    fn command(&self, folder: &Path, cache: &Path, go_work: &str, cgo: bool) -> Command {
        let mut command = Command::new("go");
        command.current_dir(folder).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        for (name, place) in [("HOME", "home"), ("GOMODCACHE", "modules"), ("GOPATH", "gopath")] {
            command.env(name, self.folder.join(place));
        }
        command.env("PWD", folder).env("GOCACHE", cache).env("GOPROXY", format!("file://{}", self.proxy().display()));
        command.env("GOWORK", go_work).env("CGO_ENABLED", if cgo { "1" } else { "0" });
        for (name, value) in [
            // Flags that could run a program are refused otherwise.
            ("CGO_LDFLAGS_ALLOW", ".*"),
            ("GOENV", "off"),
            ("GOFLAGS", "-modcacherw"),
            ("GOSUMDB", "off"),
            ("GOTELEMETRY", "off"),
            ("GOTOOLCHAIN", "local"),
            ("LC_ALL", "C"),
        ] {
            command.env(name, value);
        }
        command
    }
}

/// The place where the trees of one workspace are built, always the same, so that no path tells two trees apart.
pub(crate) struct Bench<'g> {
    go: &'g Go,
    workspace: &'g Workspace,
    folder: PathBuf,
}

impl<'g> Bench<'g> {
    pub(crate) fn new(go: &'g Go, workspace: &'g Workspace, folder: &Path) -> Self {
        Self { go, workspace, folder: folder.to_owned() }
    }

    /// Puts a tree there, with a fresh build cache.
    pub(crate) fn place(&self, files: &Files) -> Result<()> {
        files.write_to(&self.tree())?;
        remove_folder(&self.cache())?;
        link_all(&self.go.std_cache(self.workspace.cgo), &self.cache())
    }

    /// Builds the program in a folder of the tree that is there; without its build id if only code counts.
    pub(crate) fn build(&self, folder: &str, only_code: bool) -> Result<Program> {
        let dir = self.tree().join(folder);
        if !dir.is_dir() {
            return Ok(Program::Fails(format!("there is no folder {folder}")));
        }
        let binary = self.folder.join("binary");
        let go_work = if self.workspace.go_work == GoWork::Off { "off" } else { "" };
        let mut command = self.go.command(&dir, &self.cache(), go_work, self.workspace.cgo);
        command.args(["build", "-trimpath", "-buildvcs=false"]).arg("-o").arg(&binary);
        if !self.workspace.tags.is_empty() {
            command.arg(format!("-tags={}", self.workspace.tags.join(",")));
        }
        if only_code {
            command.arg("-ldflags=-buildid=");
        }
        let output = command.arg(".").output().context("cannot start go")?;
        if !output.status.success() {
            return Ok(Program::Fails(String::from_utf8_lossy(&output.stderr).trim_end().to_owned()));
        }
        // A package that is not main is compiled and written nowhere.
        let Ok(bytes) = fs::read(&binary) else { return Ok(Program::Fails("not a program".to_owned())) };
        fs::remove_file(&binary)?;
        Ok(Program::Built(Digest::of("binary", &bytes)))
    }

    fn tree(&self) -> PathBuf {
        self.folder.join("tree")
    }

    fn cache(&self) -> PathBuf {
        self.folder.join("cache")
    }
}

/// Copies a build cache by hard links. Go never writes into an entry of it unless with what it holds already: files are
/// named by what is in them, or by an action, whose entries are found before they would be written.
fn link_all(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let mut pending = vec![String::new()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(from.join(&folder)).with_context(|| format!("cannot list {}", from.display()))? {
            let entry = entry?;
            let path = join(&folder, entry.file_name().to_str().context("a name is not UTF-8")?);
            if entry.file_type()?.is_dir() {
                fs::create_dir(to.join(&path))?;
                pending.push(path);
            } else {
                fs::hard_link(entry.path(), to.join(&path))?;
            }
        }
    }
    Ok(())
}
