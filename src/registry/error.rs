//! What a registry could not be asked, in one sentence: which host, what was asked, why not, and what to do. It never holds
//! anything secret.

/// Something that a registry was asked in vain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot {what} at {host}: {reason}")]
pub struct RegistryError {
    /// The registry, as the repository names it.
    pub host: String,
    /// What was asked: a verb and what it is about.
    pub what: String,
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// Why not, and what to do.
    pub reason: String,
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureKind {
    /// The registry does not let it happen: no credentials, wrong ones, or no right to it.
    Refused,
    /// What should be there is not.
    Missing,
    /// It did not answer, or was too busy, however often it was asked. It may pass.
    Unavailable,
    /// It answered what no registry should.
    Wrong,
    /// It took too long. It may pass.
    TimedOut,
    /// Nobody wants to know any more.
    Cancelled,
}

impl RegistryError {
    /// Whether the same may go well later.
    pub fn may_pass_later(&self) -> bool {
        matches!(self.kind, FailureKind::Unavailable | FailureKind::TimedOut)
    }
}
