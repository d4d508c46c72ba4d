//! The figures of a run as tables. It judges nothing.

use std::collections::BTreeMap;

/// What became of the pairs of a change and a program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    /// Changes made.
    pub(crate) mutations: usize,
    /// Changes times programs.
    pub(crate) pairs: usize,
    /// Both trees build, to different binaries.
    pub(crate) changed: usize,
    /// Of these, those that differ in more than the build id.
    pub(crate) code_changed: usize,
    /// Both trees build, and the program is flagged.
    pub(crate) flagged: usize,
    /// Changed, and not flagged.
    pub(crate) missed: usize,
    /// Flagged, and not changed.
    pub(crate) not_needed: usize,
    /// Builds at first and then no more: flagged, skipped.
    pub(crate) to_failing: [usize; 2],
    /// Builds only after the change: flagged, skipped.
    pub(crate) from_failing: [usize; 2],
    /// Builds neither before nor after.
    pub(crate) failing: usize,
    /// There is no plan, or it does not have the program any more, while Go builds it: changed, the same.
    pub(crate) unplanned: [usize; 2],
}

/// The figures of a run, by workspace and by kind of change.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) by_workspace: BTreeMap<String, Figures>,
    pub(crate) by_kind: BTreeMap<String, Figures>,
    /// For each combination of causes, the flags that were not needed.
    pub(crate) not_needed: BTreeMap<String, usize>,
    /// What must not be, each with how to see it again.
    pub(crate) faults: Vec<String>,
    /// Why a workspace could not be worked on to the end.
    pub(crate) failures: Vec<String>,
    /// Each flag that was not needed, and each program without a plan.
    pub(crate) remarks: Vec<String>,
}

impl Figures {
    fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.mutations, other.mutations),
            (&mut self.pairs, other.pairs),
            (&mut self.changed, other.changed),
            (&mut self.code_changed, other.code_changed),
            (&mut self.flagged, other.flagged),
            (&mut self.missed, other.missed),
            (&mut self.not_needed, other.not_needed),
            (&mut self.failing, other.failing),
        ];
        for (sum, more) in pairs {
            *sum += more;
        }
        for (sums, more) in [
            (&mut self.to_failing, other.to_failing),
            (&mut self.from_failing, other.from_failing),
            (&mut self.unplanned, other.unplanned),
        ] {
            sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        }
    }

    fn row(&self, name: &str) -> String {
        let Self { mutations, pairs, changed, code_changed, flagged, missed, not_needed, failing, .. } = self;
        let [[to_flagged, to_skipped], [from_flagged, from_skipped], [unplanned_changed, unplanned_same]] =
            [self.to_failing, self.from_failing, self.unplanned];
        format!(
            "| {name} | {mutations} | {pairs} | {changed} | {code_changed} | {flagged} | {missed} | {not_needed} | \
             {to_flagged} / {to_skipped} | {from_flagged} / {from_skipped} | {failing} | \
             {unplanned_changed} / {unplanned_same} |"
        )
    }
}

const HEADER: &str = "mutations | pairs | changed | changed code | flagged | missed | not needed | \
                      to failing: flagged / skipped | from failing: flagged / skipped | failing | \
                      unplanned: changed / same |\n| --- |";

impl Report {
    /// The report on a workspace that could not be worked on to the end.
    pub(crate) fn failed(workspace: &str, error: &anyhow::Error) -> Self {
        Self { failures: vec![format!("the workspace {workspace}: {error:#}")], ..Self::default() }
    }

    /// Takes in what another part of the run found.
    pub(crate) fn add(&mut self, other: Self) {
        for (mine, its) in [(&mut self.by_workspace, other.by_workspace), (&mut self.by_kind, other.by_kind)] {
            for (name, figures) in its {
                mine.entry(name).or_default().add(&figures);
            }
        }
        for (causes, count) in other.not_needed {
            *self.not_needed.entry(causes).or_default() += count;
        }
        self.faults.extend(other.faults);
        self.failures.extend(other.failures);
        self.remarks.extend(other.remarks);
    }

    /// The sum of all workspaces.
    pub(crate) fn total(&self) -> Figures {
        let mut total = Figures::default();
        for figures in self.by_workspace.values() {
            total.add(figures);
        }
        total
    }

    /// The tables.
    pub(crate) fn markdown(&self) -> String {
        let total = self.total();
        let mut lines = Vec::new();
        for (title, rows) in [("workspace", &self.by_workspace), ("kind of change", &self.by_kind)] {
            lines.push(format!("| {title} | {HEADER}{}", " ---: |".repeat(11)));
            lines.extend(rows.iter().map(|(name, figures)| figures.row(name)));
            lines.extend([total.row("**all**"), String::new()]);
        }
        let needed = total.flagged - total.not_needed;
        let share = percent(needed, total.flagged);
        lines.push(format!(
            "Of {} flags {needed} were needed ({share}). Those that were not, by cause:\n",
            total.flagged
        ));
        lines.push("| cause | flags |\n| --- | ---: |".to_owned());
        let mut causes: Vec<_> = self.not_needed.iter().collect();
        causes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        lines.extend(causes.into_iter().map(|(causes, count)| format!("| {causes} | {count} |")));
        for (title, texts) in [("Faults", &self.faults), ("Failures", &self.failures)] {
            lines.extend((!texts.is_empty()).then(|| format!("\n{title}:\n")));
            lines.extend(texts.iter().map(|text| format!("- {text}")));
        }
        lines.join("\n") + "\n"
    }
}

fn percent(part: usize, whole: usize) -> String {
    match whole {
        0 => "none".to_owned(),
        _ => format!("{}.{} %", 100 * part / whole, 1000 * part / whole % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_add_up() {
        let part = || {
            let figures = Figures { mutations: 1, pairs: 2, flagged: 2, not_needed: 1, ..Figures::default() };
            Report {
                by_workspace: [("w".to_owned(), figures)].into(),
                not_needed: [("go-file".to_owned(), 1)].into(),
                ..Report::default()
            }
        };
        let mut report = part();
        report.add(part());
        assert_eq!((report.total().pairs, report.not_needed["go-file"]), (4, 2));
        assert!(report.markdown().contains("Of 4 flags 2 were needed (50.0 %)"), "{}", report.markdown());
    }
}
