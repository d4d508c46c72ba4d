//! Turns a question that libgit2 cannot answer into a run of the `git` program. It never goes through a shell, never
//! reads a terminal, never waits for ever, and never lets variables of the environment point it at another repository.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long one run may take, a fetch of much history included.
const LIMIT: Duration = Duration::from_mins(10);

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

/// What keeps a command from fetching what a partial clone lacks whenever it looks at it: the first where it is known
/// (Git 2.45), the second elsewhere, by leaving it no way to talk.
const OFFLINE: [(&str, &str); 2] = [("GIT_NO_LAZY_FETCH", "1"), ("GIT_ALLOW_PROTOCOL", "")];

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
        command.args(arguments);
        run(command, input, LIMIT)
    }

    /// Runs a command that talks to a remote: it asks nobody for a password, leaves no file behind that says what was
    /// fetched, and starts nothing in the background.
    pub(super) fn run_remote<S: AsRef<OsStr>>(&self, arguments: &[S], input: &[u8]) -> Result<Vec<u8>, String> {
        let mut command = self.command();
        for (variable, _) in OFFLINE {
            match std::env::var_os(variable) {
                Some(value) => command.env(variable, value),
                None => command.env_remove(variable),
            };
        }
        let own_ssh = self.run(&["config", "core.sshCommand"], b"").is_ok();
        if !own_ssh && std::env::var_os("GIT_SSH_COMMAND").is_none() && std::env::var_os("GIT_SSH").is_none() {
            command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes");
        }
        command.args(["-c", "gc.auto=0", "-c", "maintenance.auto=false"]);
        // A connection that has stalled is given up long before the limit.
        command.args(["-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=120"]);
        command.args(arguments);
        run(command, input, LIMIT)
    }

    /// Starts a command that answers questions one by one.
    pub(super) fn start<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Child, String> {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().map_err(|error| not_started(&error))
    }

    fn command(&self) -> Command {
        let mut command = plain_command();
        command.arg("-C").arg(self.work_dir.as_deref().unwrap_or(&self.git_dir));
        command.arg(joined("--git-dir=", &self.git_dir));
        if let Some(work_dir) = &self.work_dir {
            command.arg(joined("--work-tree=", work_dir));
        }
        command.args(["-c", "core.fsmonitor=false"]);
        command
    }
}

/// Runs a command in a folder that may lie in a repository.
pub(super) fn run_in(folder: &Path, arguments: &[&str]) -> Result<Vec<u8>, String> {
    let mut command = plain_command();
    command.arg("-C").arg(folder).args(arguments);
    run(command, b"", LIMIT)
}

fn plain_command() -> Command {
    let mut command = Command::new("git");
    for variable in REDIRECTIONS {
        command.env_remove(variable);
    }
    // libgit2 knows no replacement objects, so the program must not either.
    command.env("GIT_NO_REPLACE_OBJECTS", "1").env("GIT_OPTIONAL_LOCKS", "0");
    command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C").envs(OFFLINE);
    command
}

fn run(mut command: Command, input: &[u8], limit: Duration) -> Result<Vec<u8>, String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| not_started(&error))?;
    // A program that reads and writes in turns would wait for us, and we for it, without threads. They are left alone
    // if the time is over: what the program has started may keep its streams open.
    if let Some(mut stdin) = child.stdin.take() {
        let input = input.to_vec();
        std::thread::spawn(move || {
            // A program that stops reading says why by its exit status.
            let _ = stdin.write_all(&input);
        });
    }
    let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let Ok(printed) = stdout.recv_timeout(limit) else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("git did not end within {} seconds", limit.as_secs()));
    };
    let status = child.wait().map_err(|error| not_started(&error))?;
    if status.success() {
        return Ok(printed);
    }
    let complaint = stderr.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
    Err(first_complaint(&complaint).unwrap_or_else(|| format!("git: {status}")))
}

/// Reads a stream to its end, on a thread of its own.
fn drain(stream: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    });
    receiver
}

/// The first line that says what went wrong, rather than what else is to be known.
fn first_complaint(complaint: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(complaint);
    let lines = || text.lines().filter(|line| !line.trim().is_empty());
    let telling = lines().find(|line| ["fatal: ", "error: "].iter().any(|start| line.starts_with(start)));
    let line = telling.or_else(|| lines().next())?;
    Some(format!("git: {}", line.trim_start_matches("fatal: ").trim_start_matches("error: ")))
}

fn not_started(error: &std::io::Error) -> String {
    format!("cannot run the git program: {error}")
}

fn joined(option: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(option);
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

    #[test]
    fn what_does_not_end_in_time_is_stopped() {
        let test = TestRepository::new();
        let mut command = program(&test).command();
        command.env("GIT_ALLOW_PROTOCOL", "ext").args(["fetch", "ext::sleep 30"]);
        let start = std::time::Instant::now();
        let error = run(command, b"", Duration::from_secs(1)).unwrap_err();
        assert_eq!(error, "git did not end within 1 seconds");
        assert!(start.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn the_complaint_is_the_line_that_says_what_went_wrong() {
        let complaint = |text: &str| first_complaint(text.as_bytes());
        assert_eq!(complaint("warning: x\nfatal: gone\n").as_deref(), Some("git: gone"));
        assert_eq!(complaint("remote: hello\n").as_deref(), Some("git: remote: hello"));
        assert_eq!(complaint("\n"), None);
    }
}
