//! Module proxies in temporary folders, and the `go` command that uses them and nothing else: no network, no settings
//! and no caches of the machine.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use buildplan::go::modfile::{GoMod, ModuleVersion, Strictness};
use buildplan::go::mvs::ExternalGoMod;
use serde_json::Value;

/// A proxy as a tree of files, and the module cache that is filled from it. Both vanish with the test.
pub(crate) struct Proxy {
    folder: tempfile::TempDir,
    go_mods: BTreeMap<ModuleVersion, String>,
    sums: OnceCell<BTreeMap<ModuleVersion, [String; 2]>>,
}

impl Proxy {
    /// A proxy that serves the modules of a txtar text, whose files are called `module/path@version/file`.
    pub(crate) fn from_txtar(text: &str) -> Self {
        let mut modules: BTreeMap<(&str, &str), Vec<(&str, &str)>> = BTreeMap::new();
        for (name, content) in sections(text) {
            let (path, rest) = name.split_once('@').unwrap();
            let (version, file) = rest.split_once('/').unwrap();
            modules.entry((path, version)).or_default().push((file, content));
        }
        let mut proxy = Self { folder: tempfile::tempdir().unwrap(), go_mods: BTreeMap::new(), sums: OnceCell::new() };
        for ((path, version), files) in modules {
            proxy.publish(path, version, &files);
        }
        proxy
    }

    /// Serves a module with these files; one without a go.mod gets the one that `go` makes up.
    fn publish(&mut self, path: &str, version: &str, files: &[(&str, &str)]) {
        let folder = self.folder.path().join("proxy").join(escaped(path)).join("@v");
        fs::create_dir_all(&folder).unwrap();
        let write = |name: String, content: &[u8]| fs::write(folder.join(name), content).unwrap();
        let versions = fs::read_to_string(folder.join("list")).unwrap_or_default();
        write("list".to_owned(), format!("{versions}{version}\n").as_bytes());
        let go_mod = files.iter().find(|(name, _)| *name == "go.mod");
        let go_mod = go_mod.map_or_else(|| format!("module {path}\n"), |(_, text)| (*text).to_owned());
        let version_file = escaped(version);
        let info = format!("{{\"Version\":\"{version}\",\"Time\":\"2020-01-01T00:00:00Z\"}}");
        write(format!("{version_file}.info"), info.as_bytes());
        write(format!("{version_file}.mod"), go_mod.as_bytes());
        let members = files.iter().map(|(name, content)| (format!("{path}@{version}/{name}"), *content));
        write(format!("{version_file}.zip"), &zip(members));
        self.go_mods.insert(ModuleVersion { path: path.to_owned(), version: version.to_owned() }, go_mod);
    }

    /// What the go.mod of a module says, for version selection.
    pub(crate) fn go_mod(&self, module: &ModuleVersion) -> Option<Arc<ExternalGoMod>> {
        let go_mod = GoMod::parse(self.go_mods.get(module)?.as_bytes(), Strictness::Dependency);
        let requires = go_mod.requires.into_iter().map(|require| require.module).collect();
        Some(Arc::new(ExternalGoMod { go: go_mod.go, requires }))
    }

    /// The module cache, which `go` makes when it needs it.
    pub(crate) fn module_cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// The modules whose go.mod is in the module cache.
    pub(crate) fn fetched_go_mods(&self) -> Vec<ModuleVersion> {
        let download = self.module_cache().join("cache/download");
        let is_fetched = |module: &&ModuleVersion| {
            let folder = download.join(escaped(&module.path)).join("@v");
            folder.join(format!("{}.mod", escaped(&module.version))).exists()
        };
        self.go_mods.keys().filter(is_fetched).cloned().collect()
    }

    /// The hashes of all that is served, as go.sum has them. They are computed in a cache of their own.
    pub(crate) fn go_sum(&self) -> String {
        let sums = self.sums.get_or_init(|| {
            let downloaded = self.download_into(&self.folder.path().join("sums"));
            let downloaded = serde_json::Deserializer::from_str(&downloaded).into_iter::<Value>().map(Result::unwrap);
            let sum = |module: Value| {
                let text = |key: &str| module[key].as_str().unwrap().to_owned();
                let name = ModuleVersion { path: text("Path"), version: text("Version") };
                (name, [text("Sum"), text("GoModSum")])
            };
            downloaded.map(sum).collect()
        });
        let lines = sums.iter().map(|(ModuleVersion { path, version }, [sum, go_mod_sum])| {
            format!("{path} {version} {sum}\n{path} {version}/go.mod {go_mod_sum}\n")
        });
        lines.collect::<Vec<_>>().concat()
    }

    /// The hash of a module that is served.
    pub(crate) fn sum(&self, path: &str, version: &str) -> String {
        self.go_sum();
        let name = ModuleVersion { path: path.to_owned(), version: version.to_owned() };
        self.sums.get().unwrap()[&name][0].clone()
    }

    /// Fills the module cache with all that is served.
    pub(crate) fn download_all(&self) {
        self.download_into(&self.module_cache());
    }

    fn download_into(&self, cache: &Path) -> String {
        let modules = self.go_mods.keys().map(ToString::to_string);
        let mut go = self.go(self.folder.path());
        output(go.env("GOMODCACHE", cache).args(["mod", "download", "-json"]).args(modules)).unwrap()
    }

    /// The `go` command in a folder.
    pub(crate) fn go(&self, dir: &Path) -> Command {
        let mut go = Command::new("go");
        self.configure(&mut go);
        go.current_dir(dir);
        go
    }

    /// Takes all settings of Go from the environment of a command, and lets it use the proxy.
    pub(crate) fn configure(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("GO") || name.starts_with("CGO")) {
                command.env_remove(name);
            }
        }
        let proxy = format!("file://{}", self.folder.path().join("proxy").display());
        command.env("GOENV", "off").env("GOTOOLCHAIN", "local").env("GOFLAGS", "-modcacherw -buildvcs=false");
        command.env("GOPROXY", proxy).env("GOSUMDB", "off").env("GOPATH", self.folder.path().join("path"));
        command.env("GOMODCACHE", self.module_cache()).env("CGO_ENABLED", "0");
        command.env("GOCACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/go-build"));
    }
}

/// Runs a command; what it printed if it ended well, else what it complained of.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// The sections of a txtar text.
pub(crate) fn sections(text: &str) -> Vec<(&str, &str)> {
    let mut sections: Vec<(&str, &str)> = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        match line.trim_end().strip_prefix("-- ").and_then(|line| line.strip_suffix(" --")) {
            Some(name) => sections.push((name, &text[end..end])),
            None => {
                if let Some((_, content)) = sections.last_mut() {
                    *content = &text[end - content.len() - line.len()..end];
                }
            }
        }
        start = end;
    }
    sections
}

/// Writes the files of a txtar text into a folder.
pub(crate) fn write_tree(dir: &Path, text: &str) {
    for (name, content) in sections(text) {
        let file = dir.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }
}

/// A path or version as file names have it: capital letters as small ones after a `!` (module `EscapePath`).
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        if letter.is_ascii_uppercase() {
            escaped.push('!');
        }
        escaped.push(letter.to_ascii_lowercase());
    }
    escaped
}

/// A zip archive whose members are not compressed (APPNOTE sections 4.3.7, 4.3.12 and 4.3.16).
fn zip<'a>(members: impl Iterator<Item = (String, &'a str)>) -> Vec<u8> {
    let (mut archive, mut directory, mut count) = (Vec::new(), Vec::new(), 0u16);
    for (name, content) in members {
        let offset = u32::try_from(archive.len()).unwrap();
        let size = u32::try_from(content.len()).unwrap().to_le_bytes();
        let name_size = u16::try_from(name.len()).unwrap().to_le_bytes();
        // Version 2.0, no flags, stored, midnight of the first of January 1980.
        let version_to_date = [20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        let common = [&version_to_date[..], &crc32(content.as_bytes()).to_le_bytes(), &size, &size, &name_size];
        let common = common.concat();
        archive.extend([&b"PK\x03\x04"[..], &common, &[0; 2], name.as_bytes(), content.as_bytes()].concat());
        let rest = [&[0; 12][..], &offset.to_le_bytes(), name.as_bytes()].concat();
        directory.extend([&b"PK\x01\x02"[..], &[20, 0], &common, &rest].concat());
        count += 1;
    }
    let at = u32::try_from(archive.len()).unwrap().to_le_bytes();
    let size = u32::try_from(directory.len()).unwrap().to_le_bytes();
    let count = count.to_le_bytes();
    [&archive[..], &directory, b"PK\x05\x06", &[0; 4], &count, &count, &size, &at, &[0; 2]].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

#[test]
#[ignore = "needs go"]
fn go_downloads_modules_from_the_proxy() {
    let proxy = Proxy::from_txtar(
        "-- ex.io/Upper@v1.0.0-RC/go.mod --\nmodule ex.io/Upper\n-- ex.io/Upper@v1.0.0-RC/sub/p.go --\npackage p\n",
    );
    let folder = tempfile::tempdir().unwrap();
    write_tree(folder.path(), "-- go.mod --\nmodule m\ngo 1.24\nrequire ex.io/Upper v1.0.0-RC\n");
    let json = output(proxy.go(folder.path()).args(["mod", "download", "-json"])).unwrap();
    assert!(json.contains("\"Sum\": \"h1:"), "{json}");
    let source = proxy.module_cache().join("ex.io/!upper@v1.0.0-!r!c/sub/p.go");
    assert_eq!(fs::read_to_string(source).unwrap(), "package p\n");
    assert_eq!(proxy.fetched_go_mods().len(), 1);
}
