//! Where the program's words go: data to standard output or a file, talk and failures to standard error.

use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::cli::args::{ColorChoice, GlobalArguments};
use crate::git::GitError;
use crate::render::style::Styles;
use crate::render::text::Detail;
use crate::repo::TreeError;
use crate::service::Problem;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Done.
    Done,
    /// With `--exit-code`: there is something to build.
    SomethingToBuild,
    /// A check found something.
    CheckFailed,
    /// A build or push failed.
    StepFailed,
    /// The user stopped it.
    Interrupted,
    /// Usage, configuration, repository or internal error.
    Error,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Done => 0,
            Status::SomethingToBuild | Status::CheckFailed | Status::StepFailed => 1,
            Status::Error => 2,
            Status::Interrupted => 130,
        })
    }
}

/// What went wrong, for people: each part on a line of its own, then a hint.
#[derive(Clone, Debug, Default)]
pub(super) struct Failure {
    messages: Vec<String>,
    hint: Option<String>,
}

impl Failure {
    /// A failure in one sentence.
    pub(super) fn new(message: impl Display) -> Self {
        Self { messages: vec![message.to_string()], hint: None }
    }

    /// The same with the next step.
    #[must_use]
    pub(super) fn with_hint(mut self, hint: impl Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.messages.join("; "))
    }
}

impl From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        Self { messages: vec![error.message], hint: error.hint }
    }
}

impl From<TreeError> for Failure {
    fn from(error: TreeError) -> Self {
        Self::new(error)
    }
}

impl From<&[Problem]> for Failure {
    fn from(problems: &[Problem]) -> Self {
        let place = |problem: &Problem| match (&problem.path, problem.position) {
            (Some(path), (0, _)) => format!("{path}: "),
            (Some(path), (line, column)) => format!("{path}:{line}:{column}: "),
            (None, _) => String::new(),
        };
        let messages = problems.iter().map(|problem| format!("{}{}", place(problem), problem.message));
        Self { messages: messages.collect(), hint: None }
    }
}

/// The streams of one run.
pub(super) struct Output {
    file: Option<PathBuf>,
    color: ColorChoice,
    /// How much to say.
    pub(super) detail: Detail,
}

impl Output {
    /// The streams that the arguments ask for.
    pub(super) fn new(arguments: &GlobalArguments) -> Self {
        let detail = match (arguments.quiet, arguments.verbose) {
            (true, _) => Detail::Quiet,
            (false, true) => Detail::Verbose,
            (false, false) => Detail::Normal,
        };
        let folder = arguments.directory.as_deref().unwrap_or(Path::new(""));
        let file = arguments.write.as_ref().map(|file| folder.join(file));
        Self { file, color: arguments.color, detail }
    }

    /// Whether data is coloured: on a terminal, unless the user or `NO_COLOR` says otherwise.
    pub(super) fn styles(&self) -> Styles {
        let coloured = match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                self.file.is_none() && anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
            }
        };
        Styles { coloured }
    }

    /// Writes data: to standard output, or whole to the file of `--write`, or not at all.
    pub(super) fn data(&self, text: &str) -> Result<(), Failure> {
        match &self.file {
            Some(path) => self.file_or(path, text),
            None => {
                let mut stdout = io::stdout().lock();
                match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
                    // The reader has seen enough, as with `| head`.
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                    written => {
                        written.map_err(|error| Failure::new(format!("cannot write to standard output: {error}")))
                    }
                }
            }
        }
    }

    /// Writes a file of the repository, or that of `--write` instead: whole or not at all.
    pub(super) fn file_or(&self, path: &Path, text: &str) -> Result<(), Failure> {
        write_file(self.file.as_deref().unwrap_or(path), text)
    }

    /// Says how it goes, unless the user wants it quiet.
    pub(super) fn say(&self, message: impl Display) {
        if self.detail != Detail::Quiet {
            let _ = writeln!(self.stderr(), "{message}");
        }
    }

    /// Prints talk whose every byte means something to whoever reads it, also where no terminal is.
    pub(super) fn print_raw(text: &str) {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// Says what may not be as the user expects.
    pub(super) fn warn(&self, message: impl Display) {
        let yellow = anstyle::AnsiColor::Yellow.on_default().effects(anstyle::Effects::BOLD);
        let _ = writeln!(self.stderr(), "{yellow}warning:{yellow:#} {message}");
    }

    /// Says something to the CI system, in its words.
    pub(super) fn annotate(&self, command: &str) {
        let _ = write!(self.stderr(), "{command}");
    }

    /// Where talk goes.
    pub(super) fn stderr(&self) -> impl Write + use<> {
        let choice = match self.color {
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
            ColorChoice::Auto => anstream::AutoStream::choice(&io::stderr()),
        };
        anstream::AutoStream::new(io::stderr().lock(), choice)
    }

    /// Says what went wrong with a part of the work.
    pub(super) fn complain(&self, message: impl Display) {
        let red = anstyle::AnsiColor::Red.on_default().effects(anstyle::Effects::BOLD);
        let _ = writeln!(self.stderr(), "{red}error:{red:#} {message}");
    }

    /// Says what went wrong.
    pub(super) fn fail(&self, failure: &Failure) {
        for message in &failure.messages {
            self.complain(message);
        }
        if let Some(hint) = &failure.hint {
            let _ = writeln!(self.stderr(), "hint: {hint}");
        }
    }
}

/// What the operating system said, without the name of a temporary file that means nothing to the user.
fn own_words(error: io::Error) -> io::Error {
    if error.get_ref().is_some() { error.kind().into() } else { error }
}

/// Reads a file that the user named.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))
}

/// Writes a file that the user named: whole or not at all.
pub(super) fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    write_whole(path, text.as_bytes())
        .map_err(|error| Failure::new(format!("cannot write {}: {}", path.display(), own_words(error))))
}

/// Writes a temporary file beside the target and renames it, so that no reader ever sees half of it.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A device or a pipe is to be written to, not to be replaced.
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return fs::OpenOptions::new().write(true).open(path)?.write_all(bytes);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // Others may read it as far as the user's mask lets them, as with any file that a program makes.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
