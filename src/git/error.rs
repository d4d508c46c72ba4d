//! Turns what goes wrong with a repository into a sentence and the next command. It never shows a raw error code.

/// A revision, a base or a working copy cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct GitError {
    /// What failed, and on which thing.
    pub message: String,
    /// What to do next, where that is known.
    pub hint: Option<String>,
    missing_base: bool,
}

impl GitError {
    /// An error without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, missing_base: false }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Marks the error as one that `--on-missing-base all` forgives.
    #[must_use]
    pub(super) fn missing_base(mut self) -> Self {
        self.missing_base = true;
        self
    }

    /// An operation of libgit2 that failed without a better explanation.
    pub(super) fn from_git(what: &str, error: &git2::Error) -> Self {
        Self::new(format!("{what}: {}", error.message()))
    }

    /// Whether the base exists somewhere but cannot be had here (shallow, zero id, unknown, unrelated, no parent):
    /// building everything would be a sound answer.
    pub fn is_missing_base(&self) -> bool {
        self.missing_base
    }
}
