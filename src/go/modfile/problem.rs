//! What is wrong with a file, and where. Reading goes on after a problem; the caller decides what it means.

use std::fmt;

/// Enough to mend a file by; a hostile one must not fill the memory with complaints.
const MOST_PROBLEMS: usize = 1000;

/// How much of a hostile word a message quotes, in characters.
const LONGEST_QUOTE: usize = 80;

/// Something in a file that `go` would refuse or cannot understand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, starting at 1.
    pub line: usize,
    /// The column, in characters, starting at 1.
    pub column: usize,
    /// What is wrong, on which word, and what is allowed instead.
    pub message: String,
}

impl Problem {
    pub(super) fn new(at: Position, message: impl Into<String>) -> Self {
        Self { line: at.line, column: at.column, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

/// A place in a file, as [`Problem`] shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Position {
    pub(super) const START: Self = Self { line: 1, column: 1 };

    pub(super) fn start_of_line(line: usize) -> Self {
        Self { line, column: 1 }
    }
}

/// Collects the problems of one file, up to a limit.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn report(&mut self, at: Position, message: impl Into<String>) {
        self.push(Problem::new(at, message));
    }

    pub(super) fn push(&mut self, problem: Problem) {
        if self.0.len() < MOST_PROBLEMS {
            self.0.push(problem);
        }
    }

    /// Unwraps a value, or keeps the problem that stands in its place.
    pub(super) fn take<T>(&mut self, outcome: Result<T, Problem>) -> Option<T> {
        outcome.map_err(|problem| self.push(problem)).ok()
    }

    pub(super) fn into_vec(self) -> Vec<Problem> {
        self.0
    }
}

/// A word of the file as a message shows it: in backquotes, escaped, and shortened.
pub(super) fn quote(word: &[u8]) -> String {
    // A character is at most four bytes, so nothing that is shown gets lost.
    let start = &word[..word.len().min(4 * LONGEST_QUOTE)];
    let text = String::from_utf8_lossy(start);
    let shown: String = text.chars().take(LONGEST_QUOTE).collect();
    let ellipsis = if shown.len() < text.len() || start.len() < word.len() { "…" } else { "" };
    format!("`{}{ellipsis}`", shown.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_shown_with_its_place() {
        let problem = Problem::new(Position { line: 3, column: 7 }, "unknown directive `foo`");
        assert_eq!(problem.to_string(), "3:7: unknown directive `foo`");
    }

    #[test]
    fn quoted_words_are_escaped_and_short() {
        assert_eq!(quote(b"a\x1b[2J\xff"), "`a\\u{1b}[2J\u{fffd}`");
        assert_eq!(quote("ä".repeat(500).as_bytes()), format!("`{}…`", "ä".repeat(80)));
    }

    #[test]
    fn the_number_of_problems_is_bounded() {
        let mut problems = Problems::default();
        for line in 1..5000 {
            problems.report(Position::start_of_line(line), "bad");
        }
        assert_eq!(problems.into_vec().len(), MOST_PROBLEMS);
    }
}
