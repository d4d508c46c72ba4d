//! Keeps what the file systems of stages are made of: parts of the context, what the Go compiler wrote, and what
//! commands made of other files; and answers what a path of a stage, or a whole stage, comes from.
//!
//! It never looks at trees. An answer may hold too much, never too little: every question costs, and when the budget is
//! spent, the answer is the whole stage.

use std::collections::{BTreeMap, BTreeSet};

use super::super::matching::{is_wildcard, matches};
use crate::repo::RepoPath;

/// How many entries may be looked at for one Dockerfile.
const MAX_VISITS: usize = 1 << 18;

/// Part of the context: a file, or a folder with all that is below it and not left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Selection {
    /// Where it lies in the repository.
    pub path: RepoPath,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Whether it was asked for by its name, so that it counts even if Git ignores it.
    pub is_named: bool,
    /// What `--exclude` leaves out of it.
    pub excludes: Option<Excludes>,
}

/// The patterns of `--exclude`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Excludes {
    /// The folder that they are relative to: the one that was copied.
    pub folder: RepoPath,
    /// The patterns, as written.
    pub patterns: Vec<String>,
}

impl Selection {
    /// A folder with all that is below it.
    pub fn folder(path: RepoPath) -> Self {
        Self { path, is_folder: true, is_named: true, excludes: None }
    }

    /// One file.
    pub fn file(path: RepoPath) -> Self {
        Self { path, is_folder: false, is_named: true, excludes: None }
    }
}

/// What something in a stage comes from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// A part of the context, as it is.
    Context(Selection),
    /// A `go build`, by its number; only the program of this name, if one is given.
    Build(usize, Option<String>),
    /// A command that read these.
    Made(Vec<SourceId>),
    /// Modules that the `go` command fetched because these files list them: what it compiles is told otherwise.
    Modules(Vec<SourceId>),
    /// A command that may have read everything that its stage had, and these.
    Anything { view: View, mounted: Vec<SourceId>, blame: Blame },
    /// Everything that a stage has.
    All(View),
    /// A link, or what it leads to: whatever is asked for there may be anything of the stage.
    Link,
}

/// A command that nobody can follow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Blame {
    pub(super) line: usize,
    pub(super) command: String,
}

/// The number of a source.
pub(super) type SourceId = usize;

/// A stage up to one of its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) stage: usize,
    pub(super) len: usize,
}

/// Something at a path of a stage.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The file or folder; everything below it counts. `None` if it may be anywhere.
    pub(super) at: Option<String>,
    pub(super) source: SourceId,
    /// Whether it is a file that replaces whatever was at the path.
    pub(super) is_whole_file: bool,
}

/// What a question found.
#[derive(Clone, Debug)]
pub(super) struct Hit {
    pub(super) source: SourceId,
    pub(super) place: HitPlace,
    pub(super) is_whole_file: bool,
}

/// How what was found lies to what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HitPlace {
    /// At the path, or below it by these elements.
    Below(String),
    /// The path lies below it, by these elements, which may hold wildcards.
    Above(String),
    /// Nobody knows.
    Somewhere,
}

struct StageFiles {
    parent: Option<View>,
    entries: Vec<Entry>,
    /// Whether any of them may hold Go source.
    has_go: bool,
}

/// What is known of a source as a whole.
#[derive(Clone, Copy)]
struct Facts {
    /// Whether it may hold Go source of the repository.
    has_go: bool,
    /// Whether it holds nothing but what Go builds made.
    is_program: bool,
}

/// The file systems of all stages.
pub(super) struct Files<'a> {
    sources: Vec<(Source, Facts)>,
    stages: Vec<StageFiles>,
    visits_left: usize,
    is_go_folder: &'a dyn Fn(&RepoPath) -> bool,
}

/// What some files come from.
#[derive(Clone, Debug, Default)]
pub(super) struct Reached {
    pub(super) selections: BTreeSet<Selection>,
    /// The builds, each with the names of those of its programs that count; `None` for all.
    pub(super) builds: BTreeMap<usize, Option<BTreeSet<String>>>,
    pub(super) blames: BTreeSet<Blame>,
}

impl<'a> Files<'a> {
    pub(super) fn new(is_go_folder: &'a dyn Fn(&RepoPath) -> bool) -> Self {
        Self { sources: Vec::new(), stages: Vec::new(), visits_left: MAX_VISITS, is_go_folder }
    }

    pub(super) fn add_stage(&mut self, parent: Option<View>) {
        let has_go = parent.is_some_and(|parent| self.stage_has_go(parent));
        self.stages.push(StageFiles { parent, entries: Vec::new(), has_go });
    }

    /// The last stage as it is now.
    pub(super) fn now(&self) -> View {
        self.view(self.stages.len().saturating_sub(1))
    }

    /// A stage as it is in the end.
    pub(super) fn view(&self, stage: usize) -> View {
        View { stage, len: self.stages.get(stage).map_or(0, |stage| stage.entries.len()) }
    }

    pub(super) fn add_source(&mut self, source: Source) -> SourceId {
        let facts = match &source {
            Source::Context(selection) => {
                let is_go = if selection.is_folder {
                    (self.is_go_folder)(&selection.path)
                } else {
                    selection.path.to_str().is_none_or(is_go_name)
                };
                Facts { has_go: is_go, is_program: false }
            }
            Source::Build(..) => Facts { has_go: false, is_program: true },
            Source::Modules(_) => Facts { has_go: false, is_program: false },
            Source::Made(of) => Facts {
                has_go: of.iter().any(|id| self.has_go(*id)),
                is_program: !of.is_empty() && of.iter().all(|id| self.is_program(*id)),
            },
            Source::Anything { view, mounted, .. } => Facts {
                has_go: self.stage_has_go(*view) || mounted.iter().any(|id| self.has_go(*id)),
                is_program: false,
            },
            Source::All(view) => Facts { has_go: self.stage_has_go(*view), is_program: false },
            Source::Link => Facts { has_go: true, is_program: false },
        };
        self.sources.push((source, facts));
        self.sources.len() - 1
    }

    pub(super) fn source(&self, id: SourceId) -> Option<&Source> {
        self.sources.get(id).map(|(source, _)| source)
    }

    /// Whether a source may hold Go source of the repository.
    pub(super) fn has_go(&self, id: SourceId) -> bool {
        self.sources.get(id).is_none_or(|(_, facts)| facts.has_go)
    }

    /// Whether a source holds nothing but what Go builds made.
    pub(super) fn is_program(&self, id: SourceId) -> bool {
        self.sources.get(id).is_some_and(|(_, facts)| facts.is_program)
    }

    fn stage_has_go(&self, view: View) -> bool {
        self.stages.get(view.stage).is_none_or(|stage| stage.has_go)
    }

    /// Puts something into the last stage.
    pub(super) fn put(&mut self, mut entry: Entry) {
        entry.at = entry.at.map(|at| before_wildcard(&at).to_owned());
        let has_go = self.has_go(entry.source);
        if let Some(stage) = self.stages.last_mut() {
            stage.has_go |= has_go;
            stage.entries.push(entry);
        }
    }

    /// The entries of a stage and of those that it starts from, the latest first.
    pub(super) fn entries(&self, view: View) -> impl Iterator<Item = &Entry> {
        let mut next = Some(view);
        std::iter::from_fn(move || {
            let view = next.take()?;
            let stage = self.stages.get(view.stage)?;
            next = stage.parent;
            stage.entries.get(..view.len)
        })
        .flat_map(|entries| entries.iter().rev())
    }

    pub(super) fn is_empty(&self, view: View) -> bool {
        self.entries(view).next().is_none()
    }

    /// What a path of a stage comes from. Entries that are mounted come before those of the stage.
    pub(super) fn lookup(&mut self, view: View, mounted: &[Entry], path: &str) -> Vec<Hit> {
        let question = Question::new(path);
        let mut hits = Vec::new();
        let mut visits = 0;
        for entry in mounted.iter().rev().chain(self.entries(view)) {
            visits += 1;
            if visits > self.visits_left {
                break;
            }
            let Some(place) = question.place(entry.at.as_deref()) else { continue };
            let is_answer = entry.is_whole_file && place == HitPlace::Below(String::new());
            hits.push(Hit { source: entry.source, place, is_whole_file: entry.is_whole_file });
            if is_answer && question.is_plain() {
                break;
            }
        }
        self.visits_left = self.visits_left.saturating_sub(visits);
        let is_linked = hits.iter().any(|hit| matches!(self.source(hit.source), Some(Source::Link)));
        if self.visits_left == 0 || is_linked {
            let source = self.add_source(Source::All(view));
            hits.push(Hit { source, place: HitPlace::Somewhere, is_whole_file: false });
        }
        hits
    }

    /// Everything that some sources come from. `inputs_of` names what a build reads beside what the compiler follows.
    pub(super) fn reach(&self, from: Vec<SourceId>, inputs_of: &dyn Fn(usize) -> Vec<SourceId>) -> Reached {
        let mut reached = Reached::default();
        let mut seen = vec![false; self.sources.len()];
        let mut seen_of_stage = vec![0; self.stages.len()];
        let mut pending = from;
        while let Some(id) = pending.pop() {
            let Some(seen) = seen.get_mut(id).filter(|seen| !**seen) else { continue };
            *seen = true;
            let Some((source, _)) = self.sources.get(id) else { continue };
            match source {
                Source::Context(selection) => drop(reached.selections.insert(selection.clone())),
                Source::Build(build, name) => {
                    if !reached.builds.contains_key(build) {
                        pending.extend(inputs_of(*build));
                    }
                    let names = reached.builds.entry(*build).or_insert_with(|| Some(BTreeSet::new()));
                    match (names, name) {
                        (Some(names), Some(name)) => drop(names.insert(name.clone())),
                        (names, _) => *names = None,
                    }
                }
                Source::Made(of) | Source::Modules(of) => pending.extend(of),
                Source::Anything { view, mounted, blame } => {
                    let before = pending.len();
                    pending.extend(mounted);
                    self.all_of(*view, &mut seen_of_stage, &mut pending);
                    if pending.len() > before {
                        reached.blames.insert(blame.clone());
                    }
                }
                Source::All(view) => self.all_of(*view, &mut seen_of_stage, &mut pending),
                Source::Link => {}
            }
        }
        reached
    }

    /// The sources of a stage that were not asked for before.
    fn all_of(&self, view: View, seen: &mut [usize], sources: &mut Vec<SourceId>) {
        let mut next = Some(view);
        while let Some(View { stage, len }) = next {
            let Some((files, seen)) = self.stages.get(stage).zip(seen.get_mut(stage)) else { return };
            sources.extend(files.entries.get(*seen..len).into_iter().flatten().map(|entry| entry.source));
            *seen = len.max(*seen);
            next = files.parent;
        }
    }
}

/// A path that is asked for, taken apart.
struct Question<'a> {
    path: &'a str,
    /// The folder before the first wildcard, and the elements from there.
    folder: &'a str,
    pattern: Vec<&'a str>,
    is_unknown: bool,
}

impl<'a> Question<'a> {
    fn new(path: &'a str) -> Self {
        let first = path.split('/').position(is_wildcard);
        let (folder, pattern) = match first {
            None => (path, Vec::new()),
            Some(at) => {
                let end: usize = path.split('/').take(at).map(|element| element.len() + 1).sum();
                let (folder, pattern) = path.split_at(end);
                let folder = if folder.len() > 1 { folder.trim_end_matches('/') } else { folder };
                (folder, pattern.split('/').collect())
            }
        };
        Self { path, folder, pattern, is_unknown: path.contains("${") }
    }

    fn is_plain(&self) -> bool {
        self.pattern.is_empty() && !self.is_unknown
    }

    /// How an entry lies to the path; `None` if the two have nothing in common.
    fn place(&self, at: Option<&str>) -> Option<HitPlace> {
        let Some(at) = at.filter(|at| !self.is_unknown && !at.contains("${")) else {
            return Some(HitPlace::Somewhere);
        };
        if at.starts_with('/') != self.path.starts_with('/') {
            // Where a relative path lies depends on the working directory of an image.
            return Some(HitPlace::Somewhere);
        }
        if self.pattern.is_empty() {
            return match (strip(at, self.path), strip(self.path, at)) {
                (Some(rest), _) => Some(HitPlace::Below(rest.to_owned())),
                (None, Some(rest)) => Some(HitPlace::Above(rest.to_owned())),
                (None, None) => None,
            };
        }
        if let Some(rest) = strip(self.folder, at) {
            let pattern = self.pattern.join("/");
            let rest = if rest.is_empty() { pattern } else { format!("{rest}/{pattern}") };
            return Some(HitPlace::Above(rest));
        }
        let elements: Vec<&str> = strip(at, self.folder)?.split('/').collect();
        let agree = self.pattern.iter().zip(&elements).all(|(pattern, name)| matches(pattern, name.as_bytes()));
        match (agree, self.pattern.get(elements.len()..)) {
            (false, _) => None,
            (true, Some(rest)) if !rest.is_empty() => Some(HitPlace::Above(rest.join("/"))),
            (true, _) => Some(HitPlace::Somewhere),
        }
    }
}

/// The folder of the first wildcard of a path, or the path.
fn before_wildcard(path: &str) -> &str {
    let Some(first) = path.split('/').position(is_wildcard) else { return path };
    let end: usize = path.split('/').take(first).map(|element| element.len() + 1).sum();
    let folder = path.get(..end).unwrap_or_default();
    if folder.len() > 1 { folder.trim_end_matches('/') } else { folder }
}

/// What of a path lies below a folder: empty if it is the folder.
pub(super) fn strip<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(folder)?;
    if rest.is_empty() || folder.is_empty() {
        return Some(rest);
    }
    if folder.ends_with('/') { Some(rest) } else { rest.strip_prefix('/') }
}

/// Whether the `go` command or a compiler that it starts may look at a file of this name.
pub(super) fn is_go_name(path: &str) -> bool {
    const EXTENSIONS: [&str; 20] = [
        "go", "mod", "sum", "work", "c", "cc", "cpp", "cxx", "m", "h", "hh", "hpp", "hxx", "f", "F", "for", "f90", "s",
        "S", "syso",
    ];
    let name = path.rsplit('/').next().unwrap_or_default();
    name.rsplit_once('.').is_some_and(|(_, extension)| EXTENSIONS.contains(&extension))
}
