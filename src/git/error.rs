//! Turns what goes wrong with a repository into a sentence and the next command. It never shows a raw error code.

/// What a clone lacks of its base, and a fetch could get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// Nothing that a fetch could get.
    Nothing,
    /// This commit.
    Commit(String),
    /// This branch of a remote.
    Branch {
        /// The remote.
        remote: String,
        /// The short name.
        branch: String,
    },
    /// The history of head and of this revision, up to where they met.
    History(String),
}

/// A revision, a base or a working copy cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct GitError {
    /// What failed, and on which thing.
    pub message: String,
    /// What to do next, where that is known.
    pub hint: Option<String>,
    /// What is lacking, if the base exists somewhere but not here.
    pub(super) lack: Option<Lack>,
}

impl GitError {
    /// An error without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, lack: None }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Marks the error as one that `--on-missing-base all` forgives.
    #[must_use]
    pub(super) fn missing_base(self) -> Self {
        self.lacking(Lack::Nothing)
    }

    /// The same, if a fetch could get it.
    #[must_use]
    pub(super) fn lacking(mut self, lack: Lack) -> Self {
        self.lack = Some(lack);
        self
    }

    /// Whether the base exists somewhere but cannot be had here (shallow, zero id, unknown, unrelated, no parent):
    /// building everything would be a sound answer.
    pub fn is_missing_base(&self) -> bool {
        self.lack.is_some()
    }
}
