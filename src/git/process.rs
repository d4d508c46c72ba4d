//! Turns a question that libgit2 cannot answer into a run of the `git` program. It never goes through a shell, never
//! reads a terminal, and never lets variables of the environment point it at another repository.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The variables with which a caller (a hook, another tool) may have redirected `git`.
const REDIRECTIONS: [&str; 12] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_GRAFT_FILE",
    "GIT_SHALLOW_FILE",
    "GIT_REPLACE_REF_BASE",
];

/// The `git` program, bound to one repository.
pub(super) struct Program {
    git_dir: PathBuf,
    work_dir: Option<PathBuf>,
}

impl Program {
    pub(super) fn new(git_dir: &Path, work_dir: Option<&Path>) -> Self {
        Self { git_dir: git_dir.to_path_buf(), work_dir: work_dir.map(Path::to_path_buf) }
    }

    /// Runs one command and returns what it printed. `input` is its standard input.
    ///
    /// # Errors
    /// The first line of what it complained about, or why it could not be started.
    pub(super) fn run<S: AsRef<OsStr>>(&self, arguments: &[S], input: &[u8]) -> Result<Vec<u8>, String> {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("cannot run the git program: {error}"))?;
        let stdin = child.stdin.take();
        let output = std::thread::scope(|scope| {
            // A program that reads and writes in turns would wait for us, and we for it, without a second thread.
            scope.spawn(move || {
                if let Some(mut stdin) = stdin {
                    // A program that stops reading says why by its exit status.
                    let _ = stdin.write_all(input);
                }
            });
            child.wait_with_output()
        });
        let output = output.map_err(|error| format!("cannot run the git program: {error}"))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        let first = complaint.lines().next().unwrap_or_default().trim_start_matches("fatal: ");
        Err(if first.is_empty() { format!("git: {}", output.status) } else { format!("git: {first}") })
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        for variable in REDIRECTIONS {
            command.env_remove(variable);
        }
        // libgit2 knows no replacement objects, so the program must not either.
        command.env("GIT_NO_REPLACE_OBJECTS", "1").env("GIT_OPTIONAL_LOCKS", "0");
        command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
        command.arg("-C").arg(self.work_dir.as_deref().unwrap_or(&self.git_dir));
        command.arg(joined("--git-dir=", &self.git_dir));
        if let Some(work_dir) = &self.work_dir {
            command.arg(joined("--work-tree=", work_dir));
        }
        command.args(["-c", "core.fsmonitor=false"]);
        command
    }
}

fn joined(option: &str, path: &Path) -> std::ffi::OsString {
    let mut argument = std::ffi::OsString::from(option);
    argument.push(path);
    argument
}

#[cfg(test)]
mod tests {
    use super::super::test_repository::TestRepository;
    use super::*;

    fn program(test: &TestRepository) -> Program {
        Program::new(&test.path(b".git"), Some(test.dir()))
    }

    #[test]
    fn variables_that_name_another_repository_are_taken_away() {
        let test = TestRepository::new();
        let command = program(&test).command();
        let removed: Vec<_> = command.get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
        assert_eq!(removed.len(), REDIRECTIONS.len());
        assert!(removed.contains(&OsStr::new("GIT_DIR")) && removed.contains(&OsStr::new("GIT_INDEX_FILE")));
    }

    #[test]
    fn much_input_and_output_at_once_do_not_block() {
        let test = TestRepository::new();
        test.write("file", "1");
        let lines = "file\n".repeat(50_000);
        let printed = program(&test).run(&["hash-object", "--stdin-paths"], lines.as_bytes()).unwrap();
        assert_eq!(printed.len(), 41 * 50_000);
    }

    #[test]
    fn a_failure_is_the_first_line_of_the_complaint() {
        let test = TestRepository::new();
        let error = program(&test).run(&["cat-file", "blob", "nope"], b"").unwrap_err();
        assert_eq!(error, "git: Not a valid object name nope");
    }
}
