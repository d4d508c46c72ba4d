//! Runs the Go toolchain on the modules of a work tree, with everything pinned that changes what it says.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::closure::{self, FIELDS, Package};
use super::listing::{Main, Module};
use super::process;
use super::target::Target;

/// The toolchain with everything pinned that changes what it says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Go<'a> {
    /// The canonical path of the work tree.
    pub(crate) root: &'a Path,
    pub(crate) target: &'a Target,
    /// Whether the go.work at the root is used.
    pub(crate) workspace: bool,
    /// `None`: as on this machine. `Some`: from no network, with this build cache, and reading every file anew.
    pub(crate) offline: Option<&'a Path>,
}

impl Go<'_> {
    /// What it says of all programs of a module.
    pub(crate) fn module(self, dir: String, module_paths: &BTreeSet<String>) -> Module {
        match self.list_module(&dir, module_paths) {
            Ok((go_version, mains)) => Module { dir, go_version, failure: None, mains },
            Err(error) => Module::failed(dir, &error),
        }
    }

    fn list_module(self, dir: &str, module_paths: &BTreeSet<String>) -> Result<(String, Vec<Main>)> {
        let version = self.version(dir)?;
        // Without dependencies this is quick, and most modules have no main package.
        let found = self.list(dir, &["-find", "-json=ImportPath,Dir,Name,GoFiles,CgoFiles"], &["./...".into()])?;
        let module_root = self.root.join(dir);
        let folders = found.iter().filter(|package| package.is_main());
        let patterns: Vec<String> =
            folders.filter_map(|main| main.dir_below(&module_root)).map(|dir| format!("./{dir}")).collect();
        if patterns.is_empty() {
            return Ok((version, Vec::new()));
        }
        let mains = self.mains(dir, &patterns, module_paths)?;
        ensure!(mains.len() == patterns.len(), "{} main packages found, {} listed", patterns.len(), mains.len());
        Ok((version, mains))
    }

    /// The version that is in force in a folder.
    pub(crate) fn version(self, dir: &str) -> Result<String> {
        let version = process::text(self.command(dir).args(["env", "GOVERSION"]))?;
        Ok(version.split(' ').next().unwrap_or_default().to_owned())
    }

    /// What it says of the programs that these patterns mean in a folder. `module_paths` are those of the repository.
    pub(crate) fn mains(self, dir: &str, patterns: &[String], module_paths: &BTreeSet<String>) -> Result<Vec<Main>> {
        let packages = self.list(dir, &["-deps", &format!("-json={FIELDS}")], patterns)?;
        Ok(closure::mains(&packages, self.root, module_paths))
    }

    fn list(self, dir: &str, flags: &[&str], patterns: &[String]) -> Result<Vec<Package>> {
        let mut command = self.command(dir);
        command.args(["list", "-e"]).args(flags);
        if !self.target.tags.is_empty() {
            command.arg(format!("-tags={}", self.target.tags.join(",")));
        }
        let output = process::output(command.arg("--").args(patterns))?;
        serde_json::Deserializer::from_slice(&output)
            .into_iter::<Package>()
            .collect::<Result<_, _>>()
            .context("cannot read what go list printed")
    }

    fn command(self, dir: &str) -> Command {
        let mut command = Command::new("go");
        command.current_dir(self.root.join(dir)).env("GOOS", &self.target.os).env("GOARCH", &self.target.arch);
        command.env("CGO_ENABLED", if self.target.cgo { "1" } else { "0" });
        command.env("GOFLAGS", "-buildvcs=false").env("GO111MODULE", "on").env("GOFIPS140", "off");
        let work_file = self.root.join("go.work");
        command.env("GOWORK", if self.workspace { work_file.as_os_str() } else { "off".as_ref() });
        for variable in ["GOEXPERIMENT", "GOAMD64", "GOARM64", "GOARM", "GODEBUG", "PWD"] {
            command.env_remove(variable);
        }
        if let Some(cache) = self.offline {
            command.env("GOPROXY", "off").env("GOTOOLCHAIN", "local").env("GOENV", "off").env("GOCACHE", cache);
            // The index of a folder complains of excluded files that are broken, but only once the folder is two seconds old.
            command.env("GODEBUG", "goindex=0");
        }
        command
    }
}

/// The path in the `module` line of a `go.mod`, read by Go itself; `None` where it has no readable one.
pub(crate) fn module_path(root: &Path, dir: &str) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Mod {
        module: Named,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Named {
        path: String,
    }
    let output =
        process::output(Command::new("go").current_dir(root.join(dir)).args(["mod", "edit", "-json", "go.mod"]))
            .ok()?;
    Some(serde_json::from_slice::<Mod>(&output).ok()?.module.path)
}
