//! Collects verdicts into totals and writes them as Markdown and JSON. It compares nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::go_oracle::compare::{Difference, FileVerdict, Kind, PlanVerdict};
use crate::go_oracle::listing::Main;
use crate::locks::Locked;

/// How many differences the Markdown shows in full.
const SHOWN: usize = 50;

/// Everything that was found.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) commits: usize,
    /// Main packages that could be compared, once for each commit.
    pub(crate) mains: usize,
    pub(crate) files: usize,
    pub(crate) equal: usize,
    pub(crate) includes: usize,
    pub(crate) profiles: usize,
    /// Main packages some of whose external packages Go could not download: their modules are not compared.
    pub(crate) partial: usize,
    /// Main packages whose modules could be compared.
    pub(crate) module_lists: usize,
    pub(crate) modules: usize,
    pub(crate) equal_modules: usize,
    pub(crate) plans: usize,
    pub(crate) plan_agreements: usize,
    /// Services that are built though nothing Go reads changed, by the kinds of their reasons.
    pub(crate) other_builds: BTreeMap<String, usize>,
    pub(crate) locks: Locks,
    pub(crate) counts: BTreeMap<Kind, usize>,
    pub(crate) differences: Vec<Found>,
    pub(crate) not_comparable: BTreeMap<String, usize>,
}

/// What was found of locks.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Locks {
    seen: BTreeSet<String>,
    /// Milliseconds that writing took.
    times: Vec<usize>,
    sizes: Vec<usize>,
    incomplete: BTreeMap<String, usize>,
    /// Milliseconds of a plan with locks, and without any.
    plan_times: Vec<usize>,
    plan_times_without: Vec<usize>,
    plans_without: usize,
    agreements_without: usize,
    other_builds_without: BTreeMap<String, usize>,
    /// Decisions with the lock of the parent, where that is another.
    stale_plans: usize,
    stale_agreements: usize,
    stale_other_builds: BTreeMap<String, usize>,
}

/// A difference, where it was seen first and how often it was seen in all.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    pub(crate) service: String,
    pub(crate) detail: String,
    pub(crate) commits: Vec<String>,
}

impl Report {
    /// Adds what came of the files of one main package.
    pub(crate) fn add_files(&mut self, commit: &str, main: &Main, verdict: FileVerdict) {
        self.mains += 1;
        self.files += main.files.len();
        self.partial += usize::from(!main.unavailable.is_empty());
        self.includes += verdict.includes;
        self.profiles += verdict.profiles;
        self.equal += usize::from(verdict.differences.is_empty());
        for difference in verdict.differences {
            self.add(commit, &main.dir, difference);
        }
    }

    /// Adds what came of the modules of one main package.
    pub(crate) fn add_modules(&mut self, commit: &str, service: &str, number: usize, differences: Vec<Difference>) {
        self.module_lists += 1;
        self.modules += number;
        self.equal_modules += usize::from(differences.is_empty());
        for difference in differences {
            self.add(commit, service, difference);
        }
    }

    /// Adds what came of one decision with the lock of the parent.
    pub(crate) fn add_stale(&mut self, commit: &str, service: &str, verdict: PlanVerdict) {
        self.locks.stale_plans += usize::from(!matches!(verdict, PlanVerdict::NotComparable(_)));
        match verdict {
            PlanVerdict::Agrees => self.locks.stale_agreements += 1,
            PlanVerdict::OtherBuild(kinds) => count(&mut self.locks.stale_other_builds, kinds),
            PlanVerdict::Differs(differences) => {
                for Difference { kind, detail } in differences {
                    let kind = if kind == Kind::MissedBuild { Kind::StaleMissedBuild } else { kind };
                    self.add(commit, service, Difference { kind, detail: format!("{detail} (lock of the parent)") });
                }
            }
            PlanVerdict::NotComparable(_) => {}
        }
    }

    /// Adds what came of one decision.
    pub(crate) fn add_plan(&mut self, commit: &str, service: &str, verdict: PlanVerdict) {
        self.plans += 1;
        match verdict {
            PlanVerdict::Agrees => self.plan_agreements += 1,
            PlanVerdict::OtherBuild(kinds) => count(&mut self.other_builds, kinds),
            PlanVerdict::Differs(differences) => {
                for difference in differences {
                    self.add(commit, service, difference);
                }
            }
            PlanVerdict::NotComparable(reason) => {
                self.plans -= 1;
                self.add_not_comparable(service, &reason);
            }
        }
    }

    /// Adds one difference.
    pub(crate) fn add(&mut self, commit: &str, service: &str, Difference { kind, detail }: Difference) {
        *self.counts.entry(kind).or_default() += 1;
        let same = |found: &&mut Found| found.kind == kind && found.service == service && found.detail == detail;
        match self.differences.iter_mut().find(same) {
            Some(found) => found.commits.push(commit.to_owned()),
            None => self.differences.push(Found {
                kind,
                service: service.to_owned(),
                detail,
                commits: vec![commit.to_owned()],
            }),
        }
    }

    /// Adds something that Go could not tell, and why.
    pub(crate) fn add_not_comparable(&mut self, what: &str, reason: &str) {
        let what = if what.is_empty() { "." } else { what };
        *self.not_comparable.entry(format!("{what}: {reason}")).or_default() += 1;
    }

    /// Whether anything was found that must not be.
    pub(crate) fn is_failure(&self) -> bool {
        self.counts.keys().any(|kind| kind.is_failure())
    }

    /// The report for people.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from("| what | number |\n| --- | ---: |\n");
        let mut row = |what: &str, number: usize| row_of(&mut text, what, number);
        row("commits", self.commits);
        row("comparisons of a main package's files", self.mains);
        row("… files in them", self.files);
        row("… equal", self.equal);
        row("… with external packages that Go could not get (modules not compared)", self.partial);
        row("… allowed extras: include", self.includes);
        row("… allowed extras: pgo", self.profiles);
        let count = |kind| self.counts.get(&kind).copied().unwrap_or_default();
        for kind in
            [Kind::MissingFile, Kind::Misnamed, Kind::WrongBlob, Kind::ExtraFile, Kind::NotedExtraFile, Kind::BackEdge]
        {
            row(kind.title(), count(kind));
        }
        row("comparisons of a main package's modules", self.module_lists);
        row("… modules in them", self.modules);
        row("… equal", self.equal_modules);
        for kind in [Kind::MissingModule, Kind::ExtraModule, Kind::InexactModule] {
            row(kind.title(), count(kind));
        }
        row("comparisons of a decision", self.plans);
        row("… agreements", self.plan_agreements);
        for kind in [Kind::MissedBuild, Kind::SpuriousReason, Kind::NewServiceReason, Kind::BackEdgeSkip] {
            row(kind.title(), count(kind));
        }
        row("other builds", self.other_builds.values().sum());
        for (kinds, number) in &self.other_builds {
            row(&format!("… for {kinds}"), *number);
        }
        row(Kind::Failure.title(), count(Kind::Failure));
        row("not comparable", self.not_comparable.values().sum());
        self.locks.list(&mut text);
        row_of(&mut text, Kind::StaleMissedBuild.title(), count(Kind::StaleMissedBuild));
        row_of(&mut text, Kind::Lock.title(), count(Kind::Lock));
        self.list_differences(&mut text);
        self.list_not_comparable(&mut text);
        text
    }

    fn list_differences(&self, text: &mut String) {
        if self.differences.is_empty() {
            return;
        }
        let mut differences: Vec<&Found> = self.differences.iter().collect();
        differences.sort_by_key(|found| found.kind);
        let _ = write!(text, "\n## Differences ({})\n\n", differences.len());
        for found in differences.iter().take(SHOWN) {
            let Some((first, others)) = found.commits.split_first() else { continue };
            let service = if found.service.is_empty() { "." } else { &found.service };
            let _ = write!(text, "- {}: {service} at {first}: {}", found.kind.title(), found.detail);
            if !others.is_empty() {
                let _ = write!(text, " (and in {} more)", others.len());
            }
            text.push('\n');
        }
        if differences.len() > SHOWN {
            let _ = writeln!(text, "- … and {} more; --json has them all", differences.len() - SHOWN);
        }
    }

    fn list_not_comparable(&self, text: &mut String) {
        if self.not_comparable.is_empty() {
            return;
        }
        text.push_str("\n## Not comparable\n\n");
        for (what, number) in &self.not_comparable {
            let _ = writeln!(text, "- {number} × {what}");
        }
    }
}

impl Locks {
    /// Adds a lock; each counts once.
    pub(crate) fn add(&mut self, commit: &str, locked: &Locked) {
        if !self.seen.insert(commit.to_owned()) {
            return;
        }
        if let Some(shortcoming) = &locked.shortcoming {
            *self.incomplete.entry(shortcoming.clone()).or_default() += 1;
        }
        if let Some(text) = &locked.text {
            self.times.push(milliseconds(locked.time));
            self.sizes.push(text.len());
        }
    }

    /// Adds how long the same plan took with locks and without.
    pub(crate) fn add_plan_times(&mut self, with: Duration, without: Duration) {
        self.plan_times.push(milliseconds(with));
        self.plan_times_without.push(milliseconds(without));
    }

    /// Adds what came of one decision without locks.
    pub(crate) fn add_without(&mut self, verdict: PlanVerdict) {
        self.plans_without += usize::from(!matches!(verdict, PlanVerdict::NotComparable(_)));
        match verdict {
            PlanVerdict::Agrees => self.agreements_without += 1,
            PlanVerdict::OtherBuild(kinds) => count(&mut self.other_builds_without, kinds),
            PlanVerdict::Differs(_) | PlanVerdict::NotComparable(_) => {}
        }
    }

    fn list(&self, text: &mut String) {
        if self.seen.is_empty() {
            return;
        }
        let mut row = |what: &str, value: usize| row_of(text, what, value);
        row("commits to lock", self.seen.len());
        row("… with a lock", self.sizes.len());
        row("… that stays incomplete", self.incomplete.values().sum());
        row("… bytes (median)", median(&self.sizes));
        row("… milliseconds to write (median)", median(&self.times));
        row("milliseconds of a plan (median)", median(&self.plan_times));
        row("… without locks", median(&self.plan_times_without));
        row("decisions without locks", self.plans_without);
        row("… agreements", self.agreements_without);
        for (kinds, number) in &self.other_builds_without {
            row(&format!("… other builds for {kinds}"), *number);
        }
        row("decisions with the lock of the parent", self.stale_plans);
        row("… agreements", self.stale_agreements);
        for (kinds, number) in &self.stale_other_builds {
            row(&format!("… other builds for {kinds}"), *number);
        }
        for (reason, number) in &self.incomplete {
            row(&format!("incomplete: {}", reason.replace('|', "/")), *number);
        }
    }
}

fn row_of(text: &mut String, what: &str, number: usize) {
    let _ = writeln!(text, "| {what} | {number} |");
}

fn count(counts: &mut BTreeMap<String, usize>, kinds: BTreeSet<String>) {
    *counts.entry(Vec::from_iter(kinds).join(" + ")).or_default() += 1;
}

fn milliseconds(time: Duration) -> usize {
    usize::try_from(time.as_millis()).unwrap_or(usize::MAX)
}

fn median(values: &[usize]) -> usize {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_difference_in_many_commits_is_listed_once() {
        let mut report = Report::default();
        for commit in ["c1", "c2", "c3"] {
            report.add(commit, "cmd/a", Difference { kind: Kind::ExtraFile, detail: "x.go".into() });
        }
        assert!(!report.is_failure());
        report.add("c3", "", Difference { kind: Kind::MissingFile, detail: "y.go".into() });
        assert!(report.is_failure());
        let text = report.markdown();
        let list = text.split("## Differences (2)\n\n").nth(1).unwrap();
        let expected = "- missing file (UNSOUND): . at c3: y.go\n- extra file: cmd/a at c1: x.go (and in 2 more)\n";
        assert_eq!(list, expected);
    }
}
