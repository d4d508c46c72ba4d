//! Writes commits with one `git fast-import`, and runs git for the generator. Author and dates are fixed and the
//! configuration of the machine is left out, so that the ids of the commits follow from the contents.

use anyhow::{Context as _, Result, ensure};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// The date of the first commit, in seconds; each commit is an hour later than its parent.
const FIRST_COMMIT: usize = 1_700_000_000;
const HOUR: usize = 3600;

/// A running `git fast-import`.
pub(crate) struct FastImport {
    child: Child,
    pipe: BufWriter<ChildStdin>,
    commits: usize,
}

impl FastImport {
    /// Starts to write to the repository in `folder`.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let mut command = git(folder);
        // Speed matters more than size: the pack is read seldom, and never deleted from.
        command.args([
            "-c",
            "core.compression=1",
            "-c",
            "fastimport.unpackLimit=0",
            "fast-import",
            "--quiet",
            "--done",
        ]);
        let mut child = command.stdin(Stdio::piped()).spawn().context("cannot start git fast-import")?;
        let pipe = child.stdin.take().context("git fast-import has no standard input")?;
        Ok(Self { child, pipe: BufWriter::with_capacity(1 << 20, pipe), commits: 0 })
    }

    /// Starts a commit, `age` hours after the first one; returns its mark.
    pub(crate) fn commit(&mut self, branch: &str, age: usize, subject: &str, parent: Option<usize>) -> Result<usize> {
        self.commits += 1;
        let (mark, date) = (self.commits, FIRST_COMMIT + age * HOUR);
        let person = format!("Mono Bot <bot@example.com> {date} +0000");
        let length = subject.len() + 1;
        writeln!(self.pipe, "commit refs/heads/{branch}\nmark :{mark}\nauthor {person}\ncommitter {person}")?;
        writeln!(self.pipe, "data {length}\n{subject}\n")?;
        if let Some(parent) = parent {
            writeln!(self.pipe, "from :{parent}")?;
        }
        Ok(mark)
    }

    /// Adds or replaces a file in the commit that was started last.
    pub(crate) fn write(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        writeln!(self.pipe, "M 100644 inline {path}\ndata {}", bytes.len())?;
        self.pipe.write_all(bytes)?;
        Ok(writeln!(self.pipe)?)
    }

    /// Removes a file in the commit that was started last.
    pub(crate) fn delete(&mut self, path: &str) -> Result<()> {
        Ok(writeln!(self.pipe, "D {path}")?)
    }

    /// Waits until all is written.
    pub(crate) fn finish(mut self) -> Result<()> {
        writeln!(self.pipe, "done")?;
        self.pipe.flush()?;
        drop(self.pipe);
        let status = self.child.wait()?;
        ensure!(status.success(), "git fast-import ended with {status}");
        Ok(())
    }
}

/// Runs git in a folder and returns its output without the last line end.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Result<String> {
    let output = git(folder).args(arguments).stderr(Stdio::inherit()).output().context("cannot start git")?;
    ensure!(output.status.success(), "git {} ended with {}", arguments.join(" "), output.status);
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder);
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", if cfg!(windows) { "NUL" } else { "/dev/null" });
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_CEILING_DIRECTORIES"] {
        command.env_remove(name);
    }
    command
}
