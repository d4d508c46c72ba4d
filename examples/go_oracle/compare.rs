//! Compares what Go says of a main package with what `buildplan` says of its service. Pure: values in, verdicts out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use super::listing::{Fact, FactKind, File, Found, Main};
use super::planner::{InputModule, Inputs, Note, PlanService};
use super::tree::Tree;

/// The ways in which the two can differ, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// `buildplan` failed, or did not answer for the service.
    Failure,
    /// Something that is built in changed, and the service is not built.
    MissedBuild,
    /// The same, with the lock of the commit before.
    StaleMissedBuild,
    /// Go reads a file that is not among the inputs.
    MissingFile,
    /// A module that provides a package and is not among the inputs.
    MissingModule,
    /// A lock that is not as it should be when it has just been written.
    Lock,
    /// An input with another blob id than the commit has.
    WrongBlob,
    /// A service that only head has is built for another reason.
    NewServiceReason,
    /// A file is given as the reason that did not change, or is not part of the program; or with a lock such a module.
    SpuriousReason,
    /// A file that Go reads is among the inputs as another kind of file.
    Misnamed,
    /// A module among the inputs that provides no package.
    ExtraModule,
    /// A module that only may be used, though the lock is complete.
    InexactModule,
    /// An input that Go does not read.
    ExtraFile,
    /// The same, where a note says why.
    NotedExtraFile,
    /// Files of packages that only external modules import, left out on the assumption that there are none.
    BackEdge,
    /// A service that is skipped on that assumption.
    BackEdgeSkip,
}

impl Kind {
    /// As in the report.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Failure => "buildplan failed",
            Self::MissedBuild => "missed build (UNSOUND)",
            Self::StaleMissedBuild => "missed build with the lock of the parent (UNSOUND)",
            Self::MissingFile => "missing file (UNSOUND)",
            Self::MissingModule => "missing module (UNSOUND)",
            Self::Lock => "lock that is not up to date when it was just written",
            Self::WrongBlob => "wrong blob id (UNSOUND)",
            Self::NewServiceReason => "new service without its reason",
            Self::SpuriousReason => "spurious reason",
            Self::Misnamed => "file listed as another kind",
            Self::ExtraModule => "extra module",
            Self::InexactModule => "module that is not exact in spite of the lock",
            Self::ExtraFile => "extra file",
            Self::NotedExtraFile => "extra file with a note",
            Self::BackEdge => "back-edge that is assumed away",
            Self::BackEdgeSkip => "skipped as if there were no back-edges",
        }
    }

    /// Whether it makes the comparison fail: extra files cost only time, and the assumption is one that users make.
    pub(crate) fn is_failure(self) -> bool {
        !matches!(self, Self::ExtraFile | Self::NotedExtraFile | Self::BackEdge | Self::BackEdgeSkip)
    }
}

/// One difference of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) kind: Kind,
    pub(crate) detail: String,
}

/// The result of comparing the files of one main package.
#[derive(Debug, Default)]
pub(crate) struct FileVerdict {
    pub(crate) differences: Vec<Difference>,
    /// Inputs that go beyond `go list` by design.
    pub(crate) includes: usize,
    /// Profiles of the program, which `go list` does not name.
    pub(crate) profiles: usize,
}

/// The result of comparing one decision.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PlanVerdict {
    Agrees,
    /// Built, though neither files nor facts differ: the kinds of the reasons.
    OtherBuild(BTreeSet<String>),
    Differs(Vec<Difference>),
    NotComparable(String),
}

/// One side of the step from base to head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side<'a> {
    pub(crate) main: &'a Main,
    pub(crate) tree: &'a Tree,
    /// Whether `buildplan` was told that external modules may import packages of the repository.
    pub(crate) strict: bool,
    /// Whether a complete lock tells which packages they do import.
    pub(crate) locked: bool,
}

impl Side<'_> {
    /// Whether `buildplan` may leave out a package.
    fn is_assumed_away(self, package: &str) -> bool {
        !self.strict && !self.locked && self.main.behind_external.contains(package)
    }
}

/// The notes that can excuse a difference of one service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Notes<'a> {
    pub(crate) service: &'a str,
    pub(crate) plan: &'a [Note],
    pub(crate) inputs: &'a [Note],
}

impl Notes<'_> {
    /// The kind of a note about this service that speaks of `path` or of its package.
    fn about(&self, path: &str, package: &str) -> Option<&str> {
        let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
        let speaks_of = |note: &&Note| {
            if note.service.as_deref().is_some_and(|service| service != self.service) {
                return false;
            }
            match note.path.as_deref() {
                Some(noted) => path == noted || folder == noted || path.starts_with(&format!("{noted}/")),
                None => note.service.is_some() && (note.message.contains(path) || note.message.contains(package)),
            }
        };
        self.plan.iter().chain(self.inputs).find(speaks_of).map(|note| note.kind.as_str())
    }
}

/// Compares the files that Go builds into a main package with the inputs of the service.
pub(crate) fn files(go: Side<'_>, inputs: &Inputs, notes: Notes<'_>) -> FileVerdict {
    let mut actual: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    let mut verdict = FileVerdict::default();
    for package in &inputs.packages {
        for file in &package.files {
            actual.entry(&file.path).or_default().insert(&file.kind, &package.import_path);
            if let (Some(blob), Some(real)) = (&file.blob, go.tree.blob(&file.path))
                && blob != real
            {
                verdict.add(Kind::WrongBlob, format!("{} is {real}, not {blob}", file.path));
            }
        }
    }
    let mut behind = BTreeSet::new();
    for file in &go.main.files {
        let resolved = go.tree.resolve(&file.path);
        let mut names: BTreeSet<&str> = resolved.path.iter().map(String::as_str).collect();
        names.insert(&file.path);
        let listed: BTreeSet<&str> =
            names.iter().filter_map(|name| actual.get(name)).flat_map(BTreeMap::keys).copied().collect();
        let File { path, kind, package } = file;
        if listed.is_empty() && go.is_assumed_away(package) {
            behind.insert(package);
        } else if listed.is_empty() {
            verdict.add(Kind::MissingFile, format!("{path} ({kind}) of {package}"));
        } else if !listed.contains(kind.as_str()) {
            let listed = Vec::from_iter(listed).join(", ");
            verdict.add(Kind::Misnamed, format!("{path} ({kind}) of {package} is listed as {listed}"));
        }
    }
    if !behind.is_empty() {
        verdict.add(Kind::BackEdge, format!("only external modules import {}", first_few(behind)));
    }
    verdict.compare_profiles(go, inputs);
    let expected = expected_kinds(go);
    for (path, kinds) in &actual {
        for (kind, package) in kinds {
            let known = expected.get(*path);
            match *kind {
                _ if known.is_some_and(|known| known.is_empty() || known.contains(*kind)) => {}
                // Reported above, as another kind.
                _ if known.is_some() && kinds.len() == 1 => {}
                "include" => verdict.includes += 1,
                _ => match notes.about(path, package) {
                    Some(note) => {
                        verdict.add(Kind::NotedExtraFile, format!("{path} ({kind}) of {package}, note `{note}`"));
                    }
                    None => verdict.add(Kind::ExtraFile, format!("{path} ({kind}) of {package}")),
                },
            }
        }
    }
    verdict
}

impl FileVerdict {
    fn add(&mut self, kind: Kind, detail: String) {
        self.differences.push(Difference { kind, detail });
    }

    /// `go build` takes the profile in the folder of the program (`go help build`, `-pgo`).
    fn compare_profiles(&mut self, go: Side<'_>, inputs: &Inputs) {
        let dir = &go.main.dir;
        let path = if dir.is_empty() { "default.pgo".to_owned() } else { format!("{dir}/default.pgo") };
        let real = go.tree.resolve(&path).path;
        let is_listed = inputs.image.iter().any(|file| file.kind == "pgo" && file.path == path);
        self.profiles = inputs.image.iter().filter(|file| file.kind == "pgo").count();
        match (real, is_listed) {
            (Some(_), false) => self.add(Kind::MissingFile, format!("{path} (pgo)")),
            (None, true) => self.add(Kind::ExtraFile, format!("{path} (pgo)")),
            _ => {}
        }
    }
}

/// Compares the modules that provide packages to a main package with those of the inputs; `None` where one of both does
/// not know them.
pub(crate) fn modules(go: Side<'_>, inputs: &Inputs) -> Option<Vec<Difference>> {
    let inexact = inputs.external.iter().filter(|external| !external.exact).map(|external| external.module.as_str());
    let inexact: Vec<&str> = inexact.collect();
    if !go.main.unavailable.is_empty() || !inexact.is_empty() && !go.locked {
        return None;
    }
    let mut differences = Vec::new();
    if !inexact.is_empty() {
        differences.push(Difference { kind: Kind::InexactModule, detail: first_few(inexact) });
    }
    let facts = go.main.facts.iter().chain(&go.main.facts_behind_external);
    let facts = facts.filter(|fact| matches!(fact.kind, FactKind::ExternalModule | FactKind::BuildInfo));
    let expected: BTreeSet<&str> = facts.map(|fact| fact.text.as_str()).collect();
    let actual = inputs.external.iter().filter(|external| external.exact).map(module_text);
    let actual: BTreeSet<String> = actual.collect();
    for module in expected.iter().filter(|module| !actual.contains(**module)) {
        differences.push(Difference { kind: Kind::MissingModule, detail: (*module).to_owned() });
    }
    for module in actual.into_iter().filter(|module| !expected.contains(module.as_str())) {
        differences.push(Difference { kind: Kind::ExtraModule, detail: module });
    }
    Some(differences)
}

/// A module as [`Fact`] has it: a folder that replaces it is not named.
fn module_text(external: &InputModule) -> String {
    let version = match external.version.split_once(" => ") {
        Some((version, folder)) if folder.starts_with(['.', '/']) => version,
        _ => &external.version,
    };
    format!("{} {version}", external.module)
}

/// All names of the files that Go reads, with their kinds; a symlink on the way to one has no kind.
fn expected_kinds(go: Side<'_>) -> BTreeMap<String, BTreeSet<String>> {
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut links = BTreeSet::new();
    for file in &go.main.files {
        let resolved = go.tree.resolve(&file.path);
        for name in resolved.path.into_iter().chain([file.path.clone()]) {
            expected.entry(name).or_default().insert(file.kind.clone());
        }
        links.extend(resolved.links);
    }
    for link in links {
        expected.entry(link).or_default();
    }
    expected
}

/// Compares the decision for a service with what changed between base and head according to Go.
pub(crate) fn decision(
    head: Side<'_>,
    base: &Found<'_>,
    base_tree: &Tree,
    planned: &PlanService,
    notes: Notes<'_>,
) -> PlanVerdict {
    let is_built = planned.decision == "build";
    let base = match base {
        Found::Main(main) => Side { main, tree: base_tree, ..head },
        Found::Absent => return new_service(planned, is_built),
        Found::Unknown(reason) => return PlanVerdict::NotComparable(format!("base: {reason}")),
    };
    let (Ok(contents), Ok(base_contents)) = (contents(head), contents(base)) else {
        return PlanVerdict::NotComparable("a file leads out of the repository".to_owned());
    };
    let changed: BTreeSet<(&str, &str)> = contents
        .symmetric_difference(&base_contents)
        .flat_map(|(path, _, real, _, package)| [(path.as_str(), package.as_str()), (real, package)])
        .collect();
    let facts = changed_facts(head, base);
    if !is_built {
        return skipped(head, base, &changed, &facts);
    }
    let changed: BTreeSet<&str> = changed.into_iter().map(|(path, _)| path).collect();
    let known: BTreeSet<&str> = contents.iter().chain(&base_contents).map(|(path, ..)| path.as_str()).collect();
    let is_new = |module: &str| facts.iter().any(|fact| fact.split(' ').nth(1) == Some(module));
    let modules = planned.reasons.iter().filter(|reason| head.locked && reason.kind == "external-module");
    let modules = modules.filter_map(|reason| reason.module.as_deref()).filter(|module| !is_new(module));
    let modules =
        modules.map(|module| Difference { kind: Kind::SpuriousReason, detail: format!("external-module {module}") });
    let spurious: Vec<Difference> = planned
        .reasons
        .iter()
        .filter(|reason| matches!(reason.kind.as_str(), "go-file" | "source-file" | "embed-file"))
        .filter_map(|reason| Some((&reason.kind, reason.path.as_deref()?)))
        // With strict back-edges every file that others could import is a possible reason.
        .filter(|(_, path)| !head.strict || known.contains(path))
        .filter(|(_, path)| !changed.contains(path) && notes.about(path, path).is_none())
        .map(|(kind, path)| Difference { kind: Kind::SpuriousReason, detail: format!("{kind} {path}") })
        .chain(modules)
        .collect();
    if !spurious.is_empty() {
        PlanVerdict::Differs(spurious)
    } else if changed.is_empty() && facts.is_empty() {
        PlanVerdict::OtherBuild(planned.reasons.iter().map(|reason| reason.kind.clone()).collect())
    } else {
        PlanVerdict::Agrees
    }
}

/// The verdict on a service that is not built, though these files and facts may have changed.
fn skipped(head: Side<'_>, base: Side<'_>, changed: &BTreeSet<(&str, &str)>, facts: &[String]) -> PlanVerdict {
    let is_assumed_away = |package: &str| head.is_assumed_away(package) || base.is_assumed_away(package);
    let seen = changed.iter().filter(|(_, package)| !is_assumed_away(package)).map(|(path, _)| *path);
    let seen: BTreeSet<&str> = seen.collect();
    if !seen.is_empty() {
        return missed(format!("files changed: {}", first_few(seen)));
    }
    if !facts.is_empty() {
        return missed(first_few(facts));
    }
    if changed.is_empty() {
        return PlanVerdict::Agrees;
    }
    let paths: BTreeSet<&str> = changed.iter().map(|(path, _)| *path).collect();
    let detail = format!("files changed: {}", first_few(paths));
    PlanVerdict::Differs(vec![Difference { kind: Kind::BackEdgeSkip, detail }])
}

fn new_service(planned: &PlanService, is_built: bool) -> PlanVerdict {
    if !is_built {
        missed("the service is new".to_owned())
    } else if planned.reasons.iter().any(|reason| reason.kind == "new-service") {
        PlanVerdict::Agrees
    } else {
        let kinds: BTreeSet<&str> = planned.reasons.iter().map(|reason| reason.kind.as_str()).collect();
        let detail = format!("the reasons are {}", Vec::from_iter(kinds).join(", "));
        PlanVerdict::Differs(vec![Difference { kind: Kind::NewServiceReason, detail }])
    }
}

fn first_few(items: impl IntoIterator<Item: AsRef<str>>) -> String {
    const SHOWN: usize = 5;
    let mut items = items.into_iter();
    let first: Vec<_> = items.by_ref().take(SHOWN).collect();
    let mut list = first.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    let more = items.count();
    if more > 0 {
        let _ = write!(list, " and {more} more");
    }
    list
}

fn missed(detail: String) -> PlanVerdict {
    PlanVerdict::Differs(vec![Difference { kind: Kind::MissedBuild, detail }])
}

/// Path, kind, real path, blob id and package of a file.
type Content = (String, String, String, String, String);

/// The contents of all files; an error where one is not in the tree.
fn contents(side: Side<'_>) -> Result<BTreeSet<Content>, ()> {
    side.main
        .files
        .iter()
        .map(|file| {
            let real = side.tree.resolve(&file.path).path.ok_or(())?;
            let blob = side.tree.blob(&real).ok_or(())?.to_owned();
            Ok((file.path.clone(), file.kind.clone(), real, blob, file.package.clone()))
        })
        .collect()
}

/// What besides files differs. Where packages could not be had, their modules are not known either.
fn changed_facts(head: Side<'_>, base: Side<'_>) -> Vec<String> {
    if !head.main.unavailable.is_empty() || !base.main.unavailable.is_empty() {
        return Vec::new();
    }
    let facts = |side: Side<'_>| -> BTreeSet<Fact> {
        let behind = side.main.facts_behind_external.iter().filter(|_| side.strict || side.locked);
        side.main.facts.iter().chain(behind).cloned().collect()
    };
    let (head, base) = (facts(head), facts(base));
    let describe = |fact: &Fact, side: &str| format!("{} {} {side}", fact.kind.name(), fact.text);
    let added = head.difference(&base).map(|fact| describe(fact, "at head"));
    let removed = base.difference(&head).map(|fact| describe(fact, "at base"));
    added.chain(removed).collect()
}

#[cfg(test)]
mod tests {
    use super::super::planner::{InputFile, InputPackage, Reason};
    use super::*;

    fn tree(entries: &str) -> Tree {
        let listing: String = entries
            .split_whitespace()
            .filter_map(|entry| entry.split_once('='))
            .map(|(path, blob)| match blob.strip_prefix('@') {
                Some(target) => format!("120000 blob {target}\t{path}\0"),
                None => format!("100644 blob {blob}\t{path}\0"),
            })
            .collect();
        Tree::parse(listing.as_bytes(), |target| Ok(target.as_bytes().to_vec())).unwrap()
    }

    fn main(files: &str) -> Main {
        let file = |text: &str| {
            let (path, kind) = text.split_once(':').unwrap();
            File { path: path.into(), kind: kind.into(), package: "ex.io/m".into() }
        };
        Main { files: files.split_whitespace().map(file).collect(), ..Main::default() }
    }

    fn note(service: Option<&str>, path: Option<&str>) -> Note {
        Note {
            kind: "unsure".into(),
            message: "about x.go".into(),
            service: service.map(Into::into),
            path: path.map(Into::into),
        }
    }

    #[track_caller]
    fn check_files(go: &str, inputs: &str, notes: &[Note], expected: &[(Kind, &str)]) {
        let tree = tree("a.go=1 b.go=2 l.go=@b.go d=@e e/c.go=3");
        let file = |text: &str| {
            let (path, rest) = text.split_once(':').unwrap();
            let (kind, blob) = rest.split_once('=').map_or((rest, None), |(kind, blob)| (kind, Some(blob.into())));
            InputFile { path: path.into(), kind: kind.into(), blob }
        };
        let files = inputs.split_whitespace().map(file).collect();
        let inputs =
            Inputs { packages: vec![InputPackage { import_path: "ex.io/m".into(), files }], ..Inputs::default() };
        let notes = Notes { service: "s", plan: notes, inputs: &[] };
        let verdict = super::files(Side { main: &main(go), tree: &tree, strict: false, locked: false }, &inputs, notes);
        let found: Vec<_> = verdict.differences.iter().map(|found| (found.kind, found.detail.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn equal_sets_have_no_differences() {
        check_files("a.go:go b.go:embed", "a.go:go=1 b.go:embed=2", &[], &[]);
    }

    #[test]
    fn missing_extra_and_misnamed_files_are_told_apart() {
        check_files("a.go:go", "", &[], &[(Kind::MissingFile, "a.go (go) of ex.io/m")]);
        check_files("", "a.go:go", &[], &[(Kind::ExtraFile, "a.go (go) of ex.io/m")]);
        check_files("a.go:h", "a.go:c", &[], &[(Kind::Misnamed, "a.go (h) of ex.io/m is listed as c")]);
        check_files("a.go:go", "a.go:go a.go:embed", &[], &[(Kind::ExtraFile, "a.go (embed) of ex.io/m")]);
        check_files("a.go:go", "a.go:go=9", &[], &[(Kind::WrongBlob, "a.go is 1, not 9")]);
    }

    #[test]
    fn included_files_are_not_extra() {
        check_files("a.go:go", "a.go:go b.go:include", &[], &[]);
    }

    #[test]
    fn the_profile_of_a_program_is_an_input() {
        let tree = tree("cmd/default.pgo=@../p p=1");
        let profile = InputFile { path: "cmd/default.pgo".into(), kind: "pgo".into(), blob: None };
        let listed = Inputs { image: vec![profile], ..Inputs::default() };
        let found = |dir: &str, inputs: &Inputs| {
            let main = Main { dir: dir.into(), ..Main::default() };
            let notes = Notes { service: "s", plan: &[], inputs: &[] };
            let verdict = super::files(Side { main: &main, tree: &tree, strict: false, locked: false }, inputs, notes);
            verdict.differences.into_iter().map(|found| (found.kind, found.detail)).collect::<Vec<_>>()
        };
        assert_eq!(found("cmd", &listed), []);
        assert_eq!(found("cmd", &Inputs::default()), [(Kind::MissingFile, "cmd/default.pgo (pgo)".to_owned())]);
        assert_eq!(found("other", &Inputs::default()), []);
    }

    #[test]
    fn a_symlink_may_be_named_by_itself_by_its_target_or_by_both() {
        for inputs in ["l.go:go", "b.go:go", "l.go:go b.go:go"] {
            check_files("l.go:go", inputs, &[], &[]);
        }
        check_files("d/c.go:go", "d:go e/c.go:go", &[], &[]);
    }

    #[test]
    fn only_a_note_about_the_file_or_its_package_excuses_it() {
        let excused = [(Kind::NotedExtraFile, "e/c.go (go) of ex.io/m, note `unsure`")];
        let not_excused = [(Kind::ExtraFile, "e/c.go (go) of ex.io/m")];
        check_files("", "e/c.go:go", &[note(Some("s"), Some("e"))], &excused);
        check_files("", "e/c.go:go", &[note(None, Some("e/c.go"))], &excused);
        check_files("", "e/c.go:go", &[note(Some("t"), Some("e"))], &not_excused);
        check_files("", "e/c.go:go", &[note(None, None), note(Some("s"), None)], &not_excused);
    }

    #[track_caller]
    fn check_decision(base: Option<(&Main, &str)>, head: (&Main, &str), planned: &str, expected: &PlanVerdict) {
        let (decision, reasons) = planned.split_once(' ').unwrap_or((planned, ""));
        let reason = |text: &str| {
            let (kind, path) = text.split_once(':').map_or((text, None), |(kind, path)| (kind, Some(path.into())));
            Reason { kind: kind.into(), path, module: None }
        };
        let planned = PlanService {
            name: "s".into(),
            decision: decision.into(),
            reasons: reasons.split_whitespace().map(reason).collect(),
        };
        let base_tree = tree(base.map_or("", |(_, entries)| entries));
        let head_tree = tree(head.1);
        let found = base.map_or(Found::Absent, |(main, _)| Found::Main(main));
        let notes = Notes { service: "s", plan: &[], inputs: &[] };
        let side = Side { main: head.0, tree: &head_tree, strict: false, locked: false };
        assert_eq!(super::decision(side, &found, &base_tree, &planned, notes), *expected);
    }

    fn differs(kind: Kind, detail: &str) -> PlanVerdict {
        PlanVerdict::Differs(vec![Difference { kind, detail: detail.into() }])
    }

    #[test]
    fn a_changed_file_must_build_and_an_unchanged_one_must_not_be_a_reason() {
        let main = main("a.go:go");
        let (before, after) = (Some((&main, "a.go=1")), (&main, "a.go=2"));
        check_decision(before, after, "build go-file:a.go", &PlanVerdict::Agrees);
        check_decision(before, after, "skip", &differs(Kind::MissedBuild, "files changed: a.go"));
        let same = (&main, "a.go=1");
        check_decision(before, same, "skip", &PlanVerdict::Agrees);
        check_decision(before, same, "build go-file:a.go", &differs(Kind::SpuriousReason, "go-file a.go"));
        let other = PlanVerdict::OtherBuild(BTreeSet::from(["toolchain".to_owned()]));
        check_decision(before, same, "build toolchain", &other);
    }

    #[test]
    fn a_changed_target_of_a_symlink_is_a_change() {
        let main = main("l.go:go");
        let expected = differs(Kind::MissedBuild, "files changed: b.go, l.go");
        check_decision(Some((&main, "l.go=@b.go b.go=1")), (&main, "l.go=@b.go b.go=2"), "skip", &expected);
    }

    #[test]
    fn a_back_edge_excuses_only_what_it_leads_to() {
        let mut main = main("a.go:go b.go:go");
        main.behind_external = BTreeSet::from(["ex.io/m".to_owned()]);
        let (before, after) = (Some((&main, "a.go=1 b.go=1")), (&main, "a.go=2 b.go=1"));
        check_decision(before, after, "skip", &differs(Kind::BackEdgeSkip, "files changed: a.go"));
        check_decision(before, after, "build go-file:a.go", &PlanVerdict::Agrees);
        let trees = [tree("a.go=1 b.go=1"), tree("a.go=2 b.go=1")];
        let side = |strict| Side { main: &main, tree: &trees[1], strict, locked: false };
        let found = Found::Main(&main);
        let notes = Notes { service: "s", plan: &[], inputs: &[] };
        let planned = PlanService { name: "s".into(), decision: "skip".into(), reasons: Vec::new() };
        let verdict = super::decision(side(true), &found, &trees[0], &planned, notes);
        assert_eq!(verdict, differs(Kind::MissedBuild, "files changed: a.go"));
        let planned = PlanService {
            decision: "build".into(),
            reasons: vec![Reason { kind: "go-file".into(), path: Some("b.go".into()), module: None }],
            ..planned
        };
        let verdict = super::decision(side(true), &found, &trees[0], &planned, notes);
        assert_eq!(verdict, differs(Kind::SpuriousReason, "go-file b.go"));
        let planned = PlanService {
            reasons: vec![Reason { kind: "go-file".into(), path: Some("c.go".into()), module: None }],
            ..planned
        };
        assert_eq!(super::decision(side(true), &found, &trees[0], &planned, notes), PlanVerdict::Agrees);
        let spurious = differs(Kind::SpuriousReason, "go-file c.go");
        assert_eq!(super::decision(side(false), &found, &trees[0], &planned, notes), spurious);
        let verdict = super::files(side(false), &Inputs::default(), notes);
        let detail = "only external modules import ex.io/m".to_owned();
        assert_eq!(verdict.differences, [Difference { kind: Kind::BackEdge, detail }]);
        assert_eq!(super::files(side(true), &Inputs::default(), notes).differences.len(), 2);
    }

    #[track_caller]
    fn check_modules(go: &[(FactKind, &str)], inputs: &[(&str, &str, bool)], locked: bool, expected: &[(Kind, &str)]) {
        let mut main = Main::default();
        main.facts.extend(go.iter().map(|(kind, text)| Fact { kind: *kind, text: (*text).to_owned() }));
        let module = |(module, version, exact): &(&str, &str, bool)| InputModule {
            module: (*module).to_owned(),
            version: (*version).to_owned(),
            exact: *exact,
        };
        let inputs = Inputs { external: inputs.iter().map(module).collect(), ..Inputs::default() };
        let side = Side { main: &main, tree: &tree(""), strict: false, locked };
        let found = modules(side, &inputs).unwrap();
        let found: Vec<_> = found.iter().map(|found| (found.kind, found.detail.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn modules_are_compared_by_path_version_and_replacement() {
        let go = [
            (FactKind::ExternalModule, "x.io/a v1.0.0"),
            (FactKind::ExternalModule, "x.io/b v1.0.0 => y.io/b v1.1.0"),
            (FactKind::BuildInfo, "x.io/c v0.0.0"),
            (FactKind::Language, "ex.io/m go 1.25"),
        ];
        let (a, b) = (("x.io/a", "v1.0.0", true), ("x.io/b", "v1.0.0 => y.io/b v1.1.0", true));
        let c = ("x.io/c", "v0.0.0 => ../c", true);
        check_modules(&go, &[a, b, c], true, &[]);
        check_modules(&go, &[a, b, c], false, &[]);
        check_modules(&go, &[a, b], true, &[(Kind::MissingModule, "x.io/c v0.0.0")]);
        check_modules(&go, &[a, b, c, ("x.io/d", "v1.0.0", true)], true, &[(Kind::ExtraModule, "x.io/d v1.0.0")]);
        let expected = [(Kind::MissingModule, "x.io/b v1.0.0 => y.io/b v1.1.0"), (Kind::ExtraModule, "x.io/b v1.0.0")];
        check_modules(&go, &[a, ("x.io/b", "v1.0.0", true), c], true, &expected);
        let expected = [(Kind::InexactModule, "x.io/a"), (Kind::MissingModule, "x.io/a v1.0.0")];
        check_modules(&go, &[("x.io/a", "v1.0.0", false), b, c], true, &expected);
    }

    #[test]
    fn what_only_may_be_used_is_not_compared_without_a_lock() {
        let main = Main::default();
        let external = vec![InputModule { module: "x.io/a".into(), version: "v1.0.0".into(), exact: false }];
        let inputs = Inputs { external, ..Inputs::default() };
        assert_eq!(modules(Side { main: &main, tree: &tree(""), strict: false, locked: false }, &inputs), None);
    }

    #[test]
    fn with_a_lock_an_unchanged_module_is_no_reason_and_a_back_edge_is_no_excuse() {
        let mut main = main("a.go:go");
        main.behind_external = BTreeSet::from(["ex.io/m".to_owned()]);
        main.facts.insert(Fact { kind: FactKind::ExternalModule, text: "x.io/y v1.0.0".into() });
        let trees = [tree("a.go=1"), tree("a.go=2")];
        let side = Side { main: &main, tree: &trees[1], strict: false, locked: true };
        let notes = Notes { service: "s", plan: &[], inputs: &[] };
        let planned = |decision: &str, reasons| PlanService { name: "s".into(), decision: decision.into(), reasons };
        let verdict = super::decision(side, &Found::Main(&main), &trees[0], &planned("skip", Vec::new()), notes);
        assert_eq!(verdict, differs(Kind::MissedBuild, "files changed: a.go"));
        let reason = Reason { kind: "external-module".into(), path: None, module: Some("x.io/y".into()) };
        let verdict = super::decision(side, &Found::Main(&main), &trees[0], &planned("build", vec![reason]), notes);
        assert_eq!(verdict, differs(Kind::SpuriousReason, "external-module x.io/y"));
    }

    #[test]
    fn a_new_service_needs_its_reason() {
        let main = main("a.go:go");
        check_decision(None, (&main, "a.go=1"), "build new-service", &PlanVerdict::Agrees);
        check_decision(None, (&main, "a.go=1"), "skip", &differs(Kind::MissedBuild, "the service is new"));
        let expected = differs(Kind::NewServiceReason, "the reasons are go-file");
        check_decision(None, (&main, "a.go=1"), "build go-file:a.go", &expected);
    }

    #[test]
    fn changed_facts_must_build_unless_packages_were_unavailable() {
        let before = main("a.go:go");
        let mut after = before.clone();
        after.facts.insert(Fact { kind: FactKind::ExternalModule, text: "x.io/y v1.0.0".into() });
        let expected = differs(Kind::MissedBuild, "external-module x.io/y v1.0.0 at head");
        check_decision(Some((&before, "a.go=1")), (&after, "a.go=1"), "skip", &expected);
        check_decision(Some((&before, "a.go=1")), (&after, "a.go=1"), "build external-module", &PlanVerdict::Agrees);
        after.unavailable.insert("x.io/y".into());
        check_decision(Some((&before, "a.go=1")), (&after, "a.go=1"), "skip", &PlanVerdict::Agrees);
    }
}
