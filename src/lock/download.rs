//! Asks the `go` program where its module cache is, and to fill it. It never goes through a shell and reads no terminal.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the `go` program keeps modules; `None` if there is no such program, or it does not say.
pub fn module_cache_of_go(repository: &Path) -> Option<PathBuf> {
    let output = go(repository).args(["env", "GOMODCACHE"]).stderr(Stdio::null()).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    let path = path.trim_end_matches(['\r', '\n']);
    (output.status.success() && !path.is_empty()).then(|| PathBuf::from(path))
}

/// Runs `go mod download` in a folder, with the go.work there or without any; what it says goes to standard error.
///
/// # Errors
/// Why it could not be run, or how it ended.
pub fn download(dir: &Path, in_workspace: bool) -> Result<(), String> {
    let work_file = if in_workspace { dir.join("go.work").into_os_string() } else { "off".into() };
    match go(dir).args(["mod", "download"]).env("GOWORK", work_file).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`go mod download` in {} failed: {status}", dir.display())),
        Err(error) => Err(format!("cannot run the go program: {error}")),
    }
}

fn go(dir: &Path) -> Command {
    let mut command = Command::new("go");
    command.current_dir(dir).stdin(Stdio::null());
    command
}
