//! Turns the variables of CircleCI into a base.
//!
//! Reference: <https://circleci.com/docs/reference/variables/>. What was built before on the branch is only a pipeline
//! value, `pipeline.git.base_revision`, and no variable: the configuration has to hand it on as `CIRCLE_BASE_REVISION`.
//! It is empty for the first pipeline of a branch.

use super::{CiBase, Environment, Provider, Rule, branch, commit, tag_base, value};
use crate::git::Wanted;

const ADVICE: &str = "CircleCI tells the job nothing of what was built last, so only the last commit counts as new: set \
                      `CIRCLE_BASE_REVISION: << pipeline.git.base_revision >>` in the environment of the job";

pub(super) fn base(environment: &Environment) -> CiBase {
    let (rule, wanted) = match (commit(environment, "CIRCLE_BASE_REVISION"), value(environment, "CIRCLE_TAG")) {
        (_, Some(tag)) => (Rule::CircleCiTag, Some(tag_base(Some(tag)))),
        (Some(id), None) => (Rule::CircleCiBaseRevision, Some(Wanted::Commit { id })),
        (None, None) => (Rule::CircleCiOther, None),
    };
    CiBase {
        wanted,
        heads: commit(environment, "CIRCLE_SHA1").into_iter().collect(),
        branch: branch(environment, "CIRCLE_BRANCH").or_else(|| branch(environment, "CIRCLE_TAG")),
        first_parent_advice: Some(ADVICE),
        ..CiBase::unknown(Provider::CircleCi, rule)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{A, C, environment, shown};

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: &str) {
        let own = [("CIRCLECI", "true"), ("CIRCLE_SHA1", C)];
        let environment = environment(own.into_iter().chain(variables.iter().copied()));
        assert_eq!(shown(&super::super::base(&environment, None)), expected);
    }

    #[test]
    fn the_base_is_what_the_configuration_hands_on() {
        let x = ("CIRCLE_BRANCH", "x");
        check(&[x, ("CIRCLE_BASE_REVISION", A)], "circleci-base-revision: commit a, branch x");
        check(&[x, ("CIRCLE_BASE_REVISION", "")], "circleci-other: nothing, branch x");
        check(&[x], "circleci-other: nothing, branch x");
        check(
            &[("CIRCLE_TAG", "v1"), ("CIRCLE_BASE_REVISION", A)],
            "circleci-tag: missing (the tag `v1` was pushed, which says nothing of what to compare with), branch v1",
        );
    }
}
