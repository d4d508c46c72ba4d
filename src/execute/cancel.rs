//! The wish to stop, as everything that waits can see it. It kills nothing itself.

use std::sync::atomic::{AtomicU8, Ordering};

/// How much of a hurry there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Nobody wants to stop.
    None,
    /// Start nothing more, and let programs end as they like, but soon.
    Stop,
    /// Kill at once.
    Now,
}

/// Shared by the executor, its steps and whoever hears the signals.
#[derive(Debug, Default)]
pub struct Cancellation(AtomicU8);

impl Cancellation {
    /// Asks to stop; asked again, to stop at once.
    pub fn raise(&self) {
        let next = |level: u8| (level < 2).then_some(level + 1);
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next);
    }

    /// What was asked for so far.
    pub fn urgency(&self) -> Urgency {
        match self.0.load(Ordering::SeqCst) {
            0 => Urgency::None,
            1 => Urgency::Stop,
            _ => Urgency::Now,
        }
    }

    /// Whether anybody wants to stop.
    pub fn is_raised(&self) -> bool {
        self.urgency() > Urgency::None
    }
}
