//! Three-valued truth: what is unknown at plan time stays unknown through every rule, and the caller includes it.
//! It never decides for the caller.

use std::ops::Not;

/// Kleene's strong three-valued logic, ordered so that `and` is the minimum and `or` the maximum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tri {
    /// Certainly not.
    False,
    /// Nothing that the planner may read says so.
    #[default]
    Unknown,
    /// Certainly.
    True,
}

impl Tri {
    /// True if both are, false if one is not.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.min(other)
    }

    /// True if one is, false if neither is.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.max(other)
    }

    /// Whether it is true or unknown: what a sound planner has to take into account.
    pub fn possible(self) -> bool {
        self != Self::False
    }
}

impl Not for Tri {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }
}

impl From<bool> for Tri {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

#[cfg(test)]
mod tests {
    use super::Tri::{False, True, Unknown};

    #[test]
    fn unknown_spreads_unless_the_other_side_decides() {
        assert_eq!(Unknown.and(False), False);
        assert_eq!(Unknown.and(True), Unknown);
        assert_eq!(Unknown.or(True), True);
        assert_eq!(Unknown.or(False), Unknown);
        assert_eq!(!Unknown, Unknown);
        assert_eq!(!True, False);
    }
}
