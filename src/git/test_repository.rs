//! Real repositories for the tests of this module, made with the `git` program in folders that vanish.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Commit, Repository, names};
use crate::repo::{ChangeSet, RepoPath};

/// A repository in a temporary folder, away from the user's configuration.
pub(super) struct TestRepository {
    folder: tempfile::TempDir,
    dir: PathBuf,
}

impl TestRepository {
    /// A repository on the unborn branch `main`.
    pub(super) fn new() -> Self {
        Self::with_format("sha1")
    }

    /// The same with object ids of that format.
    pub(super) fn with_format(format: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().canonicalize().unwrap().join("repository");
        std::fs::create_dir(&dir).unwrap();
        let repository = Self { folder, dir };
        repository.git(["init", "--quiet", "--object-format", format]);
        // libgit2 reads the user's own files; what they say must not reach the tests.
        for (key, value) in [("core.autocrlf", "false"), ("core.excludesfile", "none"), ("core.attributesfile", "none")]
        {
            repository.git(["config", key, value]);
        }
        repository
    }

    /// A clone of this one in a folder of that name beside it.
    pub(super) fn clone_with(&self, name: &str, options: &[&str]) -> Repository {
        let url = format!("file://{}", self.dir.display());
        let target = self.beside(name);
        let mut arguments = vec!["clone", "--quiet"];
        arguments.extend(options);
        arguments.extend([&url, target.to_str().unwrap()]);
        self.git(arguments);
        Repository::discover(&target).unwrap()
    }

    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn path(&self, path: &[u8]) -> PathBuf {
        names::on_disk(&self.dir, path)
    }

    /// Opens the repository anew, as a run of the program does.
    pub(super) fn open(&self) -> Repository {
        Repository::discover(&self.dir).unwrap()
    }

    /// Writes a file and the folders above it.
    pub(super) fn write(&self, path: impl AsRef<[u8]>, content: impl AsRef<[u8]>) {
        let file = self.path(path.as_ref());
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }

    pub(super) fn link(&self, path: &str, target: &str) {
        let _ = std::fs::remove_file(self.path(path.as_bytes()));
        std::os::unix::fs::symlink(target, self.path(path.as_bytes())).unwrap();
    }

    pub(super) fn make_executable(&self, path: &str) {
        use std::os::unix::fs::PermissionsExt;
        let permissions = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.path(path.as_bytes()), permissions).unwrap();
    }

    /// Adds everything and commits it; every commit is a minute younger than the one before.
    pub(super) fn commit(&self, message: &str) -> Commit {
        self.git(["add", "--all"]);
        self.commit_index(message)
    }

    pub(super) fn commit_index(&self, message: &str) -> Commit {
        self.git(["commit", "--quiet", "--allow-empty", "--message", message]);
        self.open().head().unwrap()
    }

    /// Makes the index trust the stat of every file: none is as young as the index any more.
    pub(super) fn settle(&self) {
        let past = std::time::SystemTime::now() - std::time::Duration::from_secs(100);
        for path in self.git(["ls-files", "-z"]).split(|byte| *byte == 0).filter(|path| !path.is_empty()) {
            let file = self.path(path);
            if std::fs::symlink_metadata(&file).is_ok_and(|file| file.is_file()) {
                std::fs::File::options().append(true).open(file).unwrap().set_modified(past).unwrap();
            }
        }
        self.git(["update-index", "-q", "--refresh"]);
    }

    /// Runs `git` and returns what it printed.
    #[track_caller]
    pub(super) fn git<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
        let output = self.command().args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Runs `git` and returns the line that it printed.
    #[track_caller]
    pub(super) fn line<const N: usize>(&self, arguments: [&str; N]) -> String {
        String::from_utf8(self.git(arguments)).unwrap().trim_end().to_owned()
    }

    fn command(&self) -> Command {
        let log = std::fs::read(self.dir.join(".git/logs/HEAD")).unwrap_or_default();
        let date = format!("{} +0000", 1_700_000_000 + 60 * log.split(|byte| *byte == b'\n').count());
        let mut command = Command::new("git");
        command.current_dir(&self.dir).args(["-c", "user.name=Test", "-c", "user.email=test@example.com"]);
        command.args([
            "-c",
            "commit.gpgsign=false",
            "-c",
            "init.defaultBranch=main",
            "-c",
            "protocol.file.allow=always",
        ]);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C");
        command.env("GIT_AUTHOR_DATE", &date).env("GIT_COMMITTER_DATE", &date);
        command
    }
}

/// A path of the repository.
pub(super) fn path(text: impl AsRef<[u8]>) -> RepoPath {
    RepoPath::from_clean(text.as_ref())
}

/// A change set as text: `added a/b`, `deleted c`.
pub(super) fn shown(changes: &ChangeSet) -> Vec<String> {
    changes.iter().map(|change| format!("{} {}", change.status, change.path)).collect()
}

/// The same text from `git diff --raw -z --no-renames` or `git diff-tree`.
pub(super) fn shown_raw(raw: &[u8]) -> Vec<String> {
    let fields: Vec<&[u8]> = raw.split(|byte| *byte == 0).filter(|field| !field.is_empty()).collect();
    let mut lines: Vec<(RepoPath, &str)> = Vec::new();
    for pair in fields.chunks(2) {
        let status = match pair[0].last() {
            Some(b'A') => "added",
            Some(b'D') => "deleted",
            _ => "modified",
        };
        lines.push((path(pair[1]), status));
    }
    lines.sort();
    lines.iter().map(|(path, status)| format!("{status} {path}")).collect()
}
