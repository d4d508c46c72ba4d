//! What somebody who knows more than the branches, such as a CI provider, says of the base. A value: it is looked for
//! in [`base`](super::base).

/// What to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// This very commit; no merge base is taken.
    Commit {
        /// Its full id.
        id: String,
    },
    /// Where head left a branch.
    Fork(Fork),
    /// There is no base.
    Missing {
        /// Why not.
        message: String,
        /// What to do about it.
        hint: String,
    },
}

/// Where head left a branch that it is to be merged into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fork {
    /// The short name of the branch; `None` for the default branch.
    pub branch: Option<String>,
    /// A commit of that branch, for a clone that does not have the branch.
    pub commit: Option<String>,
    /// The tip of what is to be merged. If head is the merge of it, its other parent is the base, exactly.
    pub merged: Option<String>,
    /// Whether it is a mistake if head has nothing of its own, and not only a branch without commits yet.
    pub needs_own_commits: bool,
    /// Refuse any head but `merged` and a merge of it, with this hint.
    pub must_be_head: Option<String>,
}

/// What a provider says of the base.
#[derive(Clone, Copy, Debug)]
pub struct ProviderBase<'a> {
    /// The name of the rule, for `base.source`.
    pub source: &'static str,
    /// What to compare with.
    pub wanted: &'a Wanted,
}
