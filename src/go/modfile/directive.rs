//! The directives that go.mod and go.work share, and the shapes that many of them have.

use super::entries::{Directive, Word};
use super::go_version::{is_go_line, is_toolchain_line, lax_go_line};
use super::problem::{Problem, Problems, quote};
use super::text::text;

impl Directive<'_> {
    pub(super) fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::new(self.at, message)
    }

    /// The one argument of a directive that takes one.
    pub(super) fn argument(&self) -> Result<&Word<'_>, Problem> {
        match self.arguments {
            [argument] => Ok(argument),
            others => {
                let found = others.len();
                Err(self.problem(format!("{} takes exactly one argument, not {found}", quote(self.verb))))
            }
        }
    }

    /// The text of the one argument.
    pub(super) fn argument_text(&self) -> Result<String, Problem> {
        text(self.argument()?)
    }

    /// The argument of a directive that stands in a file at most once; a second one is reported and dropped.
    pub(super) fn set_once(&self, slot: &mut Option<String>, value: Result<String, Problem>, problems: &mut Problems) {
        if slot.is_some() {
            problems.push(self.problem(format!("repeated {} line; remove one of them", quote(self.verb))));
        } else {
            *slot = problems.take(value);
        }
    }

    /// The version of a `go` line. `is_lax` cuts what follows `1.N` where the grammar does not know it.
    pub(super) fn go_version(&self, is_lax: bool) -> Result<String, Problem> {
        let word = self.argument()?;
        let version = if is_go_line(word.bytes) {
            Some(word.bytes)
        } else if is_lax {
            lax_go_line(word.bytes)
        } else {
            None
        };
        let version = version.and_then(|bytes| str::from_utf8(bytes).ok());
        version
            .map(str::to_owned)
            .ok_or_else(|| Problem::new(word.at, format!("go version {} is not of the form 1.23.0", quote(word.bytes))))
    }

    /// The name of a `toolchain` line.
    pub(super) fn toolchain(&self) -> Result<String, Problem> {
        let word = self.argument()?;
        // Go takes the word as it stands, quotes included.
        let name = str::from_utf8(word.bytes).ok().filter(|name| is_toolchain_line(name.as_bytes()));
        name.map(str::to_owned).ok_or_else(|| {
            let message = format!("toolchain {} is neither of the form go1.23.0 nor `default`", quote(word.bytes));
            Problem::new(word.at, message)
        })
    }

    /// The key and value of a `godebug` line.
    pub(super) fn godebug(&self) -> Result<(String, String), Problem> {
        let word = self.argument()?;
        let bare = !word.bytes.iter().any(|byte| matches!(byte, b'"' | b'`' | b'\'' | b','));
        match text(word)?.split_once('=') {
            Some((key, value)) if bare => Ok((key.to_owned(), value.to_owned())),
            _ => Err(Problem::new(word.at, format!("{} is not of the form key=value", quote(word.bytes)))),
        }
    }
}
