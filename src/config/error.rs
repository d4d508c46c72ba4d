//! Turns what is wrong with a configuration, and where, into the one error that is shown: the first in the file.

/// The first thing that is wrong with a `build-plan.toml`, in the order of the file.
///
/// Displayed as `line:column: message (hint)`; whoever read the file puts its name in front.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}{}", hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default())]
pub struct ConfigError {
    /// The line, counted from 1.
    pub line: usize,
    /// The character in the line, counted from 1.
    pub column: usize,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
}

/// What is wrong with a value, before it is known where the value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Mistake {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<String> for Mistake {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

/// Keeps the first mistake of a file, whatever the order in which they are found.
#[derive(Default)]
pub(super) struct Problems {
    first: Option<(usize, Mistake)>,
}

impl Problems {
    /// Notes a mistake at a byte offset. It is only put into words if it is the first so far.
    pub(super) fn add(&mut self, offset: usize, mistake: impl FnOnce() -> Mistake) {
        if self.first.as_ref().is_none_or(|(first, _)| offset < *first) {
            self.first = Some((offset, mistake()));
        }
    }

    /// Passes on the value, or notes what is wrong with it.
    pub(super) fn keep<T>(&mut self, offset: usize, result: Result<T, Mistake>) -> Option<T> {
        result.map_err(|mistake| self.add(offset, || mistake)).ok()
    }

    pub(super) fn none_so_far(&self) -> bool {
        self.first.is_none()
    }

    /// The first mistake as an error, if there was any.
    pub(super) fn into_result(self, lines: &Lines<'_>) -> Result<(), ConfigError> {
        self.first.map_or(Ok(()), |(offset, mistake)| Err(lines.error(offset, mistake)))
    }
}

/// Where the lines of a text begin, to turn byte offsets into lines and columns.
pub(super) struct Lines<'a> {
    text: &'a [u8],
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        let after_breaks = memchr::memchr_iter(b'\n', text).map(|line_break| line_break + 1);
        Self { text, starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    /// The line at a byte offset, counted from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    /// A mistake, at the line and column of a byte offset.
    pub(super) fn error(&self, offset: usize, mistake: Mistake) -> ConfigError {
        let line = self.line(offset);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = self.text.get(start..offset.min(self.text.len())).unwrap_or_default();
        let before = if start == 0 { before.strip_prefix(BYTE_ORDER_MARK).unwrap_or(before) } else { before };
        let column = String::from_utf8_lossy(before).chars().count() + 1;
        ConfigError { line, column, message: mistake.message, hint: mistake.hint }
    }
}

/// Takes no column: editors do not show it.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// How much of a word is repeated in a message.
const LONGEST_SHOWN: usize = 60;

/// A word from the file, safe to be part of a one-line message: control characters escaped, shortened if very long.
pub(super) fn shown(word: &str) -> String {
    let mut shown = String::new();
    for character in word.chars().take(LONGEST_SHOWN) {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    if word.chars().nth(LONGEST_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_position(text: &str, offset: usize, expected: (usize, usize)) {
        let error = Lines::new(text.as_bytes()).error(offset, Mistake::new("wrong"));
        assert_eq!((error.line, error.column), expected, "{text:?} at {offset}");
    }

    #[test]
    fn columns_count_characters_and_lines_end_at_line_feeds() {
        check_position("", 0, (1, 1));
        check_position("ab\ncd", 1, (1, 2));
        check_position("ab\ncd", 2, (1, 3));
        check_position("ab\ncd", 3, (2, 1));
        check_position("ab\r\ncd", 5, (2, 2));
        check_position("größe = 1", 10, (1, 9));
        check_position("\u{feff}ab", 4, (1, 2));
        check_position("ab\n", 3, (2, 1));
        check_position("ab", 99, (1, 3));
    }

    #[test]
    fn the_first_mistake_of_the_file_is_kept() {
        let mut problems = Problems::default();
        problems.add(5, || Mistake::new("second"));
        problems.add(9, || Mistake::new("third"));
        problems.add(1, || Mistake::new("first").hint("do this"));
        let error = problems.into_result(&Lines::new(b"some text")).unwrap_err();
        assert_eq!(error.to_string(), "1:2: first (do this)");
    }

    #[test]
    fn words_in_messages_stay_in_one_line() {
        assert_eq!(shown("a\nb\u{1b}[1m"), "a\\nb\\u{1b}[1m");
        assert_eq!(shown(&"ä".repeat(61)), format!("{}…", "ä".repeat(60)));
    }
}
