//! Turns the output of a step into its log file, every line with the time at which it came, and keeps the end of it in
//! memory. A log that cannot be written is a warning, and no reason to stop a build.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

/// How many lines are kept for the report of a failure.
const TAIL_LINES: usize = 30;

/// How much of each of them, in bytes.
const TAIL_WIDTH: usize = 2000;

/// How many runs keep their logs.
const MOST_RUNS: usize = 10;

/// The folder of the logs of one run.
#[derive(Debug)]
pub struct LogFolder {
    folder: PathBuf,
}

impl LogFolder {
    /// Makes a folder for a run below `parent`, and drops those of the oldest runs.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn create(parent: &Path, started: Timestamp, process: u32) -> io::Result<Self> {
        let name = format!("{}-{process}", started.strftime("%Y%m%dT%H%M%SZ"));
        let folder = parent.join(name);
        fs::create_dir_all(&folder)?;
        let mut runs: Vec<PathBuf> = fs::read_dir(parent)?.flatten().map(|entry| entry.path()).collect();
        runs.sort_unstable();
        runs.retain(|run| *run != folder);
        for old in runs.iter().take((runs.len() + 1).saturating_sub(MOST_RUNS)) {
            let _ = fs::remove_dir_all(old);
        }
        Ok(Self { folder })
    }

    /// Where the log of a step is.
    pub fn path_of(&self, step: &str) -> PathBuf {
        let legal = |character: char| match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => character,
            _ => '.',
        };
        let name: String = step.chars().map(legal).collect();
        self.folder.join(format!("{}.log", name.trim_start_matches('.')))
    }
}

/// The log of one step.
pub(super) struct StepLog {
    file: Option<BufWriter<File>>,
    tail: VecDeque<String>,
    /// Why some of it is not in the file.
    pub(super) problem: Option<String>,
}

impl StepLog {
    /// Opens the file for what follows.
    pub(super) fn open(path: &Path) -> Self {
        let file = File::options().create(true).append(true).open(path);
        let problem = file.as_ref().err().map(|error| format!("cannot write the log {}: {error}", path.display()));
        Self { file: file.ok().map(BufWriter::new), tail: VecDeque::new(), problem }
    }

    /// Adds one line.
    pub(super) fn add(&mut self, line: &[u8]) {
        self.write(line);
        if self.tail.len() == TAIL_LINES {
            self.tail.pop_front();
        }
        let shown = line.get(..TAIL_WIDTH).unwrap_or(line);
        self.tail.push_back(String::from_utf8_lossy(shown).into_owned());
    }

    /// Adds how it ended, which the report says beside the last lines.
    pub(super) fn conclude(&mut self, line: &[u8]) {
        self.write(line);
    }

    fn write(&mut self, line: &[u8]) {
        if let Some(file) = &mut self.file {
            let written = write!(file, "{:.3} ", Timestamp::now())
                .and_then(|()| file.write_all(line))
                .and_then(|()| file.write_all(b"\n"));
            self.check(written);
        }
    }

    /// Puts everything into the file, so that others can read it.
    pub(super) fn flush(&mut self) {
        if let Some(file) = &mut self.file {
            let written = file.flush();
            self.check(written);
        }
    }

    /// The last lines.
    pub(super) fn into_tail(self) -> Vec<String> {
        self.tail.into()
    }

    fn check(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.problem = Some(format!("the log is not complete: {error}"));
            self.file = None;
        }
    }
}

/// The end of a log, as it was printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogEnd {
    /// The last lines, without their times.
    pub text: String,
    /// How many lines there are before those.
    pub left_out: u64,
}

/// Reads the end of the log of a step: at most so many lines and bytes. However long the log is, it takes no more memory
/// than that.
///
/// # Errors
/// If the file cannot be read.
pub fn read_end(path: &Path, most_lines: usize, most_bytes: u64) -> io::Result<LogEnd> {
    let mut file = File::open(path)?;
    let starts = line_starts(&file, most_lines)?;
    let kept = starts.last.iter().copied().find(|start| starts.length - start <= most_bytes).unwrap_or(starts.length);
    let shown = starts.last.iter().filter(|start| **start >= kept).count() as u64;
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(kept))?;
    file.take(starts.length - kept).read_to_end(&mut bytes)?;
    let mut text = String::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        text += &String::from_utf8_lossy(without_time(line));
    }
    Ok(LogEnd { text, left_out: starts.count - shown })
}

/// Where the last lines of a file begin.
struct LineStarts {
    last: VecDeque<u64>,
    /// How many lines there are.
    count: u64,
    /// Of the file, in bytes.
    length: u64,
}

fn line_starts(mut file: &File, most: usize) -> io::Result<LineStarts> {
    let mut starts = LineStarts { last: VecDeque::new(), count: 0, length: 0 };
    let mut buffer = vec![0; 1 << 16];
    let mut is_start = true;
    loop {
        let read = file.read(&mut buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(starts);
        }
        // A line begins at the first byte and after each end of a line that is not the last byte.
        let ends = memchr::memchr_iter(b'\n', bytes).map(|end| end + 1);
        for start in is_start.then_some(0).into_iter().chain(ends).filter(|start| *start < read) {
            if starts.last.len() == most {
                starts.last.pop_front();
            }
            starts.last.push_back(starts.length + start as u64);
            starts.count += 1;
        }
        is_start = bytes.ends_with(b"\n");
        starts.length += read as u64;
    }
}

/// What was printed, of a line of a log.
fn without_time(line: &[u8]) -> &[u8] {
    line.iter().position(|byte| *byte == b' ').and_then(|space| line.get(space + 1..)).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_its_time_and_the_last_ones_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut log = StepLog::open(&path);
        for number in 0..100 {
            log.add(format!("line {number}").as_bytes());
        }
        log.add(&vec![b'x'; 5000]);
        log.conclude(b"failed");
        log.flush();
        let text = fs::read_to_string(&path).unwrap();
        let (time, first) = text.lines().next().unwrap().split_once(' ').unwrap();
        assert!(time.parse::<Timestamp>().is_ok() && time.len() == 24, "{time}");
        assert_eq!((first, text.lines().count()), ("line 0", 102));
        let tail = log.into_tail();
        assert_eq!((tail.len(), &*tail[0], tail[TAIL_LINES - 1].len()), (TAIL_LINES, "line 71", TAIL_WIDTH));
    }

    #[test]
    fn the_end_of_a_log_is_what_was_printed_last() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut log = StepLog::open(&path);
        for number in 0..100 {
            log.add(format!("line  {number}").as_bytes());
        }
        log.add(b"");
        log.flush();
        assert_eq!(read_end(&path, 3, 1000).unwrap(), LogEnd { text: "line  98\nline  99\n\n".into(), left_out: 98 });
        let all = read_end(&path, 1000, 1 << 20).unwrap();
        assert_eq!((all.text.lines().count(), all.left_out), (101, 0));
        // Each line has 24 bytes of time and a space.
        assert_eq!(read_end(&path, 1000, 80).unwrap(), LogEnd { text: "line  99\n\n".into(), left_out: 99 });
        assert_eq!(read_end(&path, 1000, 5).unwrap(), LogEnd { text: String::new(), left_out: 101 });
        fs::write(&path, "x a\ny b".repeat(100_000)).unwrap();
        let end = read_end(&path, 2, 1000).unwrap();
        assert_eq!(end, LogEnd { text: "bx a\nb".into(), left_out: 99_999 });
        fs::write(&path, "").unwrap();
        assert_eq!(read_end(&path, 2, 1000).unwrap(), LogEnd::default());
        assert!(read_end(folder.path(), 3, 1000).is_err());
    }

    #[test]
    fn a_log_that_cannot_be_written_is_a_problem_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = StepLog::open(&folder.path().join("none/a.log"));
        log.add(b"x");
        log.flush();
        assert!(log.problem.as_ref().unwrap().contains("cannot write the log"));
        assert_eq!(log.into_tail(), ["x"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told() {
        let mut log = StepLog::open(Path::new("/dev/full"));
        for _ in 0..1000 {
            log.add(b"some text that fills the buffer");
        }
        log.flush();
        assert!(log.problem.as_ref().unwrap().contains("not complete"), "{:?}", log.problem);
    }

    #[test]
    fn the_logs_of_old_runs_are_dropped() {
        let folder = tempfile::tempdir().unwrap();
        for second in 0..15 {
            let started = Timestamp::from_second(1_000_000_000 + second).unwrap();
            let logs = LogFolder::create(folder.path(), started, 7).unwrap();
            assert!(logs.path_of("api/build").ends_with("api.build.log"));
            assert!(logs.path_of("../x").parent() == Some(&logs.folder));
        }
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|run| run.unwrap().file_name()).collect();
        left.sort();
        assert_eq!((left.len(), left[0].to_str().unwrap()), (MOST_RUNS, "20010909T014645Z-7"));
    }
}
