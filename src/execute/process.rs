//! Runs a program in a process group of its own, with its output as lines, until it ends, takes too long or is not
//! wanted any more. No shell is involved, and no process of the group is left behind.

use std::ffi::OsString;
use std::io::{self, PipeReader, Read as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::execute::cancel::{Cancellation, Urgency};

/// How often a quiet program is looked at.
const TICK: Duration = Duration::from_millis(20);

/// How soon a program is looked at that has closed its output: most have ended a moment later. Then ever less often.
const FIRST_LOOK: Duration = Duration::from_micros(200);

/// How long a program has to end by itself after it was asked to.
const GRACE: Duration = Duration::from_secs(5);

/// How long output is waited for after the program has ended: only a process that left the group can still write.
const LAST_OUTPUT: Duration = Duration::from_millis(500);

/// A longer line is cut into lines of this many bytes.
pub(super) const LONGEST_LINE: usize = 64 * 1024;

/// A program and how to start it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The program and its arguments; the program is looked up in `PATH`.
    pub argv: Vec<OsString>,
    /// The folder to start it in.
    pub dir: PathBuf,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With an exit status.
    Exited(i32),
    /// By a signal that this program did not send.
    Killed(i32),
    /// It was killed because it took too long.
    TimedOut,
    /// It was killed because it is not wanted any more.
    Cancelled,
}

/// Runs a program to its end and hands each line of its output, errors included, to `on_line` as it comes.
///
/// # Errors
/// If it cannot be started or waited for.
pub fn run(
    invocation: &Invocation,
    deadline: Instant,
    cancellation: &Cancellation,
    on_line: &mut dyn FnMut(&[u8]),
) -> io::Result<Ended> {
    let (mut output, child) = start(invocation)?;
    let mut group = Group::new(child)?;
    let mut lines = LineSplitter::default();
    let mut is_open = true;
    let mut killed: Option<(Ended, Instant)> = None;
    let mut is_forced = false;
    let mut pause = FIRST_LOOK;
    while !group.has_ended()? {
        let now = Instant::now();
        let reason = match cancellation.urgency() {
            Urgency::None if now >= deadline => Some(Ended::TimedOut),
            Urgency::None => None,
            Urgency::Stop | Urgency::Now => Some(Ended::Cancelled),
        };
        if let Some(reason) = reason {
            let (_, since) = killed.get_or_insert_with(|| {
                group.send(Signal::TERM);
                (reason, now)
            });
            let is_late = now.duration_since(*since) >= GRACE || cancellation.urgency() == Urgency::Now;
            if is_late && !is_forced {
                group.send(Signal::KILL);
                is_forced = true;
            }
        }
        if is_open {
            is_open = read(&mut output, TICK, &mut lines, on_line)?;
        } else {
            std::thread::sleep(pause);
            pause = (pause * 2).min(TICK);
        }
    }
    let status = group.finish()?;
    let last = Instant::now() + LAST_OUTPUT;
    while is_open && Instant::now() < last {
        is_open = read(&mut output, TICK, &mut lines, on_line)?;
    }
    lines.finish(on_line);
    Ok(match killed {
        Some((reason, _)) => reason,
        None => match (status.code(), status.signal()) {
            (Some(code), _) => Ended::Exited(code),
            (None, signal) => Ended::Killed(signal.unwrap_or_default()),
        },
    })
}

fn start(invocation: &Invocation) -> io::Result<(PipeReader, Child)> {
    let (reader, writer) = io::pipe()?;
    let (program, arguments) =
        invocation.argv.split_first().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(&invocation.dir)
        .env_clear()
        .envs(invocation.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0);
    let child = command.spawn()?;
    // The command holds the ends that the program writes to: the pipe would never end.
    drop(command);
    Ok((reader, child))
}

/// Waits a moment for output; `false` once there will be no more.
fn read(
    output: &mut PipeReader,
    wait: Duration,
    lines: &mut LineSplitter,
    on_line: &mut dyn FnMut(&[u8]),
) -> io::Result<bool> {
    let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(wait.subsec_nanos()) };
    let mut waiting = [PollFd::new(output, PollFlags::IN)];
    match poll(&mut waiting, Some(&timeout)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(true),
        Ok(_) => {}
        Err(error) => return Err(error.into()),
    }
    let mut buffer = [0; 16 * 1024];
    match output.read(&mut buffer) {
        Ok(0) => Ok(false),
        Ok(length) => {
            lines.add(buffer.get(..length).unwrap_or_default(), on_line);
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
        Err(error) => Err(error),
    }
}

/// A child that leads a process group. Whatever happens, none of the group outlives it.
struct Group {
    child: Child,
    id: Pid,
    is_reaped: bool,
}

impl Group {
    fn new(mut child: Child) -> io::Result<Self> {
        match i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            Some(id) => Ok(Self { child, id, is_reaped: false }),
            None => {
                child.kill()?;
                Err(io::Error::other("the process id is out of range"))
            }
        }
    }

    /// Whether the leader has ended. It is left to be waited for, so that its id stays that of the group.
    fn has_ended(&self) -> io::Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(self.id), options) {
            Ok(status) => Ok(status.is_some()),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Nobody may be left to receive it.
    fn send(&self, signal: Signal) {
        let _ = kill_process_group(self.id, signal);
    }

    /// Kills what is left of the group, and waits for the leader.
    fn finish(&mut self) -> io::Result<std::process::ExitStatus> {
        self.send(Signal::KILL);
        let status = self.child.wait()?;
        self.is_reaped = true;
        Ok(status)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.is_reaped {
            self.send(Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// Cuts output into lines.
#[derive(Default)]
struct LineSplitter {
    /// The beginning of a line whose end has not come.
    rest: Vec<u8>,
}

impl LineSplitter {
    fn add(&mut self, mut bytes: &[u8], on_line: &mut dyn FnMut(&[u8])) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end);
            bytes = rest.get(1..).unwrap_or_default();
            if self.rest.is_empty() {
                emit(line, on_line);
            } else {
                self.rest.extend_from_slice(line);
                emit(&self.rest, on_line);
                self.rest.clear();
            }
        }
        self.rest.extend_from_slice(bytes);
        if self.rest.len() >= LONGEST_LINE {
            emit(&self.rest, on_line);
            self.rest.clear();
        }
    }

    fn finish(mut self, on_line: &mut dyn FnMut(&[u8])) {
        if !self.rest.is_empty() {
            emit(&std::mem::take(&mut self.rest), on_line);
        }
    }
}

/// Hands on a line without its end, in pieces if it is very long.
fn emit(line: &[u8], on_line: &mut dyn FnMut(&[u8])) {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    for part in line.chunks(LONGEST_LINE) {
        on_line(part);
    }
    if line.is_empty() {
        on_line(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Invocation {
        Invocation {
            argv: ["sh", "-c", script].map(OsString::from).to_vec(),
            dir: std::env::temp_dir(),
            environment: std::env::var_os("PATH").map(|path| ("PATH".into(), path)).into_iter().collect(),
        }
    }

    fn run_for(invocation: &Invocation, limit: Duration, cancellation: &Cancellation) -> (Ended, Vec<String>) {
        let mut lines = Vec::new();
        let mut add = |line: &[u8]| lines.push(String::from_utf8_lossy(line).into_owned());
        let ended = run(invocation, Instant::now() + limit, cancellation, &mut add).unwrap();
        (ended, lines)
    }

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn output_and_errors_come_line_by_line_in_their_order() {
        let script = "echo a; echo b >&2; printf 'c\\r\\n\\n'; printf d; exit 3";
        let (ended, lines) = run_for(&shell(script), LONG, &Cancellation::default());
        assert_eq!((ended, lines.join("|")), (Ended::Exited(3), "a|b|c||d".to_owned()));
    }

    #[test]
    fn the_environment_is_the_one_that_is_given_and_there_is_no_input() {
        let mut invocation = shell("cat; env | sort");
        invocation.environment.push(("ONLY".into(), "this".into()));
        let (_, lines) = run_for(&invocation, LONG, &Cancellation::default());
        assert!(lines.contains(&"ONLY=this".to_owned()));
        assert!(!lines.iter().any(|line| line.starts_with("HOME=")), "{lines:?}");
    }

    #[test]
    fn a_program_that_takes_too_long_is_killed_with_its_whole_group() {
        // The inner one does not heed the signal that asks it to end.
        let script = "(trap '' TERM; sleep 61) & echo $!; sleep 61";
        let (ended, lines) = run_for(&shell(script), Duration::from_millis(200), &Cancellation::default());
        assert_eq!(ended, Ended::TimedOut);
        check_gone(&lines[0]);
    }

    #[test]
    fn what_a_program_leaves_behind_is_killed_when_it_ends() {
        let (ended, lines) = run_for(&shell("sleep 61 & echo $!"), LONG, &Cancellation::default());
        assert_eq!(ended, Ended::Exited(0));
        check_gone(&lines[0]);
    }

    /// No such process is left, or only its entry until somebody waits for it.
    #[track_caller]
    fn check_gone(pid: &str) {
        let until = Instant::now() + Duration::from_secs(5);
        loop {
            let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            if state.is_empty() || state.contains(") Z ") {
                return;
            }
            assert!(Instant::now() < until, "process {pid} is still there");
            std::thread::sleep(TICK);
        }
    }

    #[test]
    fn a_program_that_is_not_wanted_may_tidy_up_unless_it_has_to_go_at_once() {
        let script = "trap 'echo tidy; exit 0' TERM; echo ready; while :; do sleep 0.05; done";
        let cancellation = Cancellation::default();
        let mut lines = Vec::new();
        let mut add = |line: &[u8]| {
            if line == b"ready" {
                cancellation.raise();
            }
            lines.push(String::from_utf8_lossy(line).into_owned());
        };
        let ended = run(&shell(script), Instant::now() + LONG, &cancellation, &mut add).unwrap();
        // The shell may find its `sleep` terminated before it hears of its own signal.
        lines.retain(|line| line != "Terminated");
        assert_eq!((ended, lines.join("|")), (Ended::Cancelled, "ready|tidy".to_owned()));
        let stubborn = shell("trap '' TERM; while :; do sleep 0.05; done");
        cancellation.raise();
        let started = Instant::now();
        assert_eq!(run_for(&stubborn, LONG, &cancellation).0, Ended::Cancelled);
        assert!(started.elapsed() < GRACE);
    }

    #[test]
    fn a_signal_from_elsewhere_is_told_and_a_missing_program_is_an_error() {
        assert_eq!(run_for(&shell("kill -9 $$"), LONG, &Cancellation::default()).0, Ended::Killed(9));
        let missing = Invocation { argv: vec!["/no/such/program".into()], ..shell("") };
        let error = run(&missing, Instant::now(), &Cancellation::default(), &mut |_| ()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_long_line_is_cut() {
        let script = "head -c 200000 /dev/zero | tr '\\0' x";
        let (_, lines) = run_for(&shell(script), LONG, &Cancellation::default());
        assert_eq!(lines.iter().map(String::len).sum::<usize>(), 200_000);
        assert!(lines.iter().all(|line| line.len() <= LONGEST_LINE) && lines.len() >= 4);
    }
}
