//! Turns the steps of a plan into the order in which they can run: what is ready, which of it first, and what never will
//! be. It starts nothing and knows no clock.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::{Step, StepKind};

/// Which workers run a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    Build,
    Push,
}

impl Lane {
    pub(super) fn of(kind: StepKind) -> Self {
        match kind {
            StepKind::Build => Self::Build,
            StepKind::Push | StepKind::Tag => Self::Push,
        }
    }
}

/// The steps that are still to be started.
pub(super) struct Schedule {
    lanes: Vec<Lane>,
    /// The steps that need a step.
    dependents: Vec<Vec<usize>>,
    /// How many steps a step still waits for.
    missing: Vec<usize>,
    /// How long it takes from the start of a step to the end of all that waits for it.
    remaining: Vec<u64>,
    /// Longest first, then as planned.
    ready: BTreeMap<Lane, BTreeSet<(std::cmp::Reverse<u64>, usize)>>,
    waiting: BTreeSet<usize>,
}

impl Schedule {
    /// A schedule of steps that lists each after all that it needs. A need that is no step is met.
    pub(super) fn new(steps: &[Step], expected_ms: impl Fn(&Step) -> u64) -> Self {
        let index: BTreeMap<&str, usize> =
            steps.iter().enumerate().map(|(index, step)| (step.id.as_str(), index)).collect();
        let mut dependents = vec![Vec::new(); steps.len()];
        let mut missing = vec![0; steps.len()];
        for (number, step) in steps.iter().enumerate() {
            for needed in step.needs.iter().filter_map(|id| index.get(id.as_str())) {
                dependents[*needed].push(number);
                missing[number] += 1;
            }
        }
        let mut remaining = vec![0_u64; steps.len()];
        for (number, step) in steps.iter().enumerate().rev() {
            let after = dependents[number].iter().map(|dependent| remaining[*dependent]).max().unwrap_or(0);
            remaining[number] = expected_ms(step).saturating_add(after);
        }
        let lanes = steps.iter().map(|step| Lane::of(step.kind)).collect();
        let mut schedule =
            Self { lanes, dependents, missing, remaining, ready: BTreeMap::new(), waiting: (0..steps.len()).collect() };
        let free: Vec<usize> = (0..steps.len()).filter(|step| schedule.missing[*step] == 0).collect();
        for step in free {
            schedule.make_ready(step);
        }
        schedule
    }

    fn make_ready(&mut self, step: usize) {
        let key = (std::cmp::Reverse(self.remaining[step]), step);
        self.ready.entry(self.lanes[step]).or_default().insert(key);
    }

    /// The step of a lane to start next, which then counts as started.
    pub(super) fn next(&mut self, lane: Lane) -> Option<usize> {
        let (_, step) = self.ready.get_mut(&lane)?.pop_first()?;
        self.waiting.remove(&step);
        Some(step)
    }

    /// A step ended well: what waited for it alone is ready.
    pub(super) fn succeed(&mut self, step: usize) {
        for dependent in self.dependents[step].clone() {
            self.missing[dependent] -= 1;
            if self.missing[dependent] == 0 && self.waiting.contains(&dependent) {
                self.make_ready(dependent);
            }
        }
    }

    /// A step did not end well: what needs it, directly or not, is never started. Returns those steps.
    pub(super) fn fail(&mut self, step: usize) -> Vec<usize> {
        let mut given_up = Vec::new();
        let mut queue = self.dependents[step].clone();
        while let Some(next) = queue.pop() {
            if self.waiting.remove(&next) {
                given_up.push(next);
                queue.extend(&self.dependents[next]);
            }
        }
        given_up.sort_unstable();
        given_up
    }

    /// Nothing more is to be started. Returns what was not.
    pub(super) fn stop(&mut self) -> Vec<usize> {
        self.ready.clear();
        std::mem::take(&mut self.waiting).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each word is `name`, `name:milliseconds` or `name:milliseconds:need,need`; a name that begins with `p` is a push.
    fn schedule(words: &str) -> (Schedule, Vec<String>) {
        let mut expected = BTreeMap::new();
        let steps = words.split_whitespace().map(|word| {
            let mut parts = word.split(':');
            let id = parts.next().unwrap().to_owned();
            expected.insert(id.clone(), parts.next().map_or(0, |number| number.parse().unwrap()));
            let needs = parts.next().map(|needs| needs.split(',').map(str::to_owned).collect()).unwrap_or_default();
            let kind = if id.starts_with('p') { StepKind::Push } else { StepKind::Build };
            Step { service: id.clone(), id, kind, needs }
        });
        let steps: Vec<Step> = steps.collect();
        let names = steps.iter().map(|step| step.id.clone()).collect();
        (Schedule::new(&steps, |step| expected[&step.id]), names)
    }

    fn drain(schedule: &mut Schedule, lane: Lane, names: &[String]) -> String {
        let started = std::iter::from_fn(|| schedule.next(lane));
        started.map(|step| names[step].as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_takes_longest_with_all_that_waits_for_it_goes_first() {
        let (mut schedule, names) = schedule("a:10 b:30 c:1 pc:100:c d:30 lib:5 e:20:lib f:8:e");
        assert_eq!(drain(&mut schedule, Lane::Build, &names), "c lib b d a");
        assert_eq!(drain(&mut schedule, Lane::Push, &names), "");
        schedule.succeed(2);
        assert_eq!(drain(&mut schedule, Lane::Push, &names), "pc");
        schedule.succeed(5);
        assert_eq!(drain(&mut schedule, Lane::Build, &names), "e");
    }

    #[test]
    fn a_failure_gives_up_all_that_needs_it_and_nothing_else() {
        let (mut schedule, names) = schedule("a b:1:a pb:1:b c:1:a,x x px:1:x");
        assert_eq!(drain(&mut schedule, Lane::Build, &names), "a x");
        let given_up: Vec<&str> = schedule.fail(0).into_iter().map(|step| names[step].as_str()).collect();
        assert_eq!(given_up, ["b", "pb", "c"]);
        schedule.succeed(4);
        assert_eq!(drain(&mut schedule, Lane::Build, &names), "");
        assert_eq!(drain(&mut schedule, Lane::Push, &names), "px");
        assert!(schedule.stop().is_empty());
    }

    #[test]
    fn after_a_stop_nothing_is_ready() {
        let (mut schedule, names) = schedule("a b:1:a x");
        assert_eq!(schedule.next(Lane::Build).map(|step| names[step].as_str()), Some("a"));
        assert_eq!(schedule.stop(), [1, 2]);
        schedule.succeed(0);
        assert_eq!(schedule.next(Lane::Build), None);
    }
}
