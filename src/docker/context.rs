//! Finds what sources of `COPY` match in a build context, and the files below what they match, as `.dockerignore` leaves
//! them.
//!
//! It reads names and links only, follows no link out of the repository, and applies no rule of Go.

use std::collections::BTreeSet;

use super::matching::{is_wildcard, matches};
use super::trace::{Excludes, Selection};
use super::words::join;
use super::{Dockerfile, Ignore};
use crate::repo::{Entry, EntryKind, RepoPath, Tree, TreeError, find_entry, read_through_links};

/// How many names may be compared with wildcards for one question; then the rest is not looked for, and a note says so.
pub(super) const MAX_COMPARISONS: usize = 4_000_000;
/// The longest source that is looked for; Linux has the same limit.
const MAX_PATH: usize = 4096;

/// A build context that sources are looked for in.
pub(super) struct Context<'a> {
    tree: &'a dyn Tree,
    folder: &'a RepoPath,
    ignore: &'a Ignore,
    comparisons: usize,
}

/// What a source matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Matches {
    /// What it leads to.
    pub(super) found: Vec<Match>,
    /// The links on the way.
    pub(super) links: BTreeSet<RepoPath>,
    /// The links that lead out of the repository or in a circle.
    pub(super) escaping: Vec<RepoPath>,
    /// The folders that a wildcard would have to look into, were they not ignored by Git.
    pub(super) ignored: Vec<RepoPath>,
    /// Whether there was too much to compare, so that anything may match.
    pub(super) gave_up: bool,
}

/// A file or folder that a source leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Match {
    /// What was asked for, relative to the context.
    pub(super) name: String,
    /// Where that leads to, in the repository.
    pub(super) path: RepoPath,
    /// Whether it is a folder.
    pub(super) is_folder: bool,
    /// Whether it was asked for by its name, so that it counts even if Git ignores it.
    pub(super) is_named: bool,
}

impl<'a> Context<'a> {
    /// A context with what its `.dockerignore` leaves out.
    pub(super) fn new(tree: &'a dyn Tree, folder: &'a RepoPath, ignore: &'a Ignore) -> Self {
        Self { tree, folder, ignore, comparisons: MAX_COMPARISONS }
    }

    /// What a source of `COPY` matches. Variables that are not known match anything.
    pub(super) fn matches(&mut self, source: &str) -> Result<Matches, TreeError> {
        let mut matches = Matches::default();
        if source.len() > MAX_PATH {
            return Ok(matches);
        }
        let elements: Vec<String> = elements_of(source).iter().map(|element| as_pattern(element)).collect();
        if !elements.iter().any(|element| is_wildcard(element)) {
            self.follow(&below(self.folder, &elements), true, &mut matches)?;
            return Ok(matches);
        }
        let found = find(self.tree, self.folder, &elements, &mut self.comparisons)?;
        matches.gave_up = found.gave_up;
        matches.ignored = found.ignored;
        matches.links.extend(found.links);
        for (path, is_named) in found.matches {
            self.follow(&path, is_named, &mut matches)?;
        }
        Ok(matches)
    }

    /// Follows the links of a path.
    pub(super) fn follow(&self, path: &RepoPath, is_named: bool, matches: &mut Matches) -> Result<(), TreeError> {
        let mut prefix = RepoPath::root();
        for element in path.elements() {
            prefix = prefix.child(element);
            match self.tree.entry(&prefix)? {
                Some(entry) if entry.kind == EntryKind::Symlink => drop(matches.links.insert(prefix.clone())),
                Some(_) => {}
                None => break,
            }
        }
        match read_through_links(self.tree, path)? {
            Err(link) => matches.escaping.push(link),
            Ok(None) => {}
            Ok(Some((real, kind))) => {
                let is_folder = kind == EntryKind::Folder;
                let is_hidden = |path: &RepoPath| if is_folder { self.is_hidden_whole(path) } else { self.hides(path) };
                if !is_hidden(path) && !is_hidden(&real) {
                    let name = String::from_utf8_lossy(path.strip_prefix(self.folder).unwrap_or_default()).into_owned();
                    matches.found.push(Match { name, path: real, is_folder, is_named });
                }
            }
        }
        Ok(())
    }

    /// Whether the `.dockerignore` leaves a file out. What lies outside the context is not its business.
    pub(super) fn hides(&self, path: &RepoPath) -> bool {
        let below = path.strip_prefix(self.folder).filter(|below| !below.is_empty());
        below.is_some_and(|below| self.ignore.excludes(below))
    }

    fn is_hidden_whole(&self, path: &RepoPath) -> bool {
        let below = path.strip_prefix(self.folder).filter(|below| !below.is_empty());
        below.is_some_and(|below| self.ignore.excludes_all_below(below))
    }

    /// The files, symlinks and submodules of a selection, and the folders that were not looked into because Git
    /// ignores them.
    pub(super) fn files(&self, selection: &Selection) -> Result<(Vec<RepoPath>, Vec<RepoPath>), TreeError> {
        let mut files = Vec::new();
        let mut ignored = Vec::new();
        let excludes = Excluding::new(selection.excludes.as_ref());
        if !selection.is_folder {
            files.extend((!excludes.has(&selection.path)).then(|| selection.path.clone()));
            return Ok((files, ignored));
        }
        // A folder that was asked for by name may be ignored itself, or lie in one; then all that is in it counts.
        let own = self.tree.entry(&selection.path)?;
        let takes_ignored = selection.is_named && own.is_some_and(|entry| entry.ignored);
        let mut pending = vec![selection.path.clone()];
        while let Some(folder) = pending.pop() {
            let Some(listing) = self.tree.list(&folder)? else { continue };
            for entry in listing.iter() {
                let path = folder.child(&entry.name);
                let is_folder = entry.kind == EntryKind::Folder;
                if if is_folder { self.is_hidden_whole(&path) } else { self.hides(&path) } {
                    continue;
                }
                match entry.kind {
                    EntryKind::Folder if entry.ignored && !takes_ignored => ignored.push(path),
                    EntryKind::Folder if !excludes.all_below(&path) => pending.push(path),
                    EntryKind::Folder => {}
                    _ if !excludes.has(&path) => files.push(path),
                    _ => {}
                }
            }
        }
        Ok((files, ignored))
    }
}

/// The rules of `--exclude` for the paths of a selection.
struct Excluding<'a>(Option<(&'a RepoPath, Ignore)>);

impl<'a> Excluding<'a> {
    fn new(excludes: Option<&'a Excludes>) -> Self {
        let ignore = |excludes: &Excludes| Ignore::of_patterns(excludes.patterns.iter().map(String::as_str));
        Self(excludes.map(|excludes| (&excludes.folder, ignore(excludes))))
    }

    fn has(&self, path: &RepoPath) -> bool {
        let Some((folder, ignore)) = &self.0 else { return false };
        path.strip_prefix(folder).is_some_and(|below| !below.is_empty() && ignore.excludes(below))
    }

    fn all_below(&self, path: &RepoPath) -> bool {
        let Some((folder, ignore)) = &self.0 else { return false };
        path.strip_prefix(folder).is_some_and(|below| !below.is_empty() && ignore.excludes_all_below(below))
    }
}

/// Whether every source of `COPY`, `ADD` and bind mounts exists below a context.
///
/// A wildcard needs a match, unless the instruction names a plain path as well (`COPY go.mod go.sum* ./`): it may match
/// nothing then. Sources with unknown variables and those of `ONBUILD` are not asked for.
///
/// # Errors
/// [`TreeError`] if the tree cannot be read.
pub fn context_has_sources(tree: &dyn Tree, parsed: &Dockerfile, context: &RepoPath) -> Result<bool, TreeError> {
    let mut comparisons = MAX_COMPARISONS;
    let mut asked = BTreeSet::new();
    for read in parsed.context_reads().filter(|read| !read.is_onbuild) {
        for source in required(read.sources) {
            if !asked.insert(source) {
                continue;
            }
            let elements = elements_of(source);
            let exists = if elements.iter().any(|element| is_wildcard(element)) {
                !find(tree, context, &elements, &mut comparisons)?.matches.is_empty()
            } else {
                exists(tree, &below(context, &elements))?
            };
            if !exists {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// The sources of an instruction that must exist.
fn required(sources: &[String]) -> impl Iterator<Item = &String> {
    let is_plain = |source: &&String| !is_unknown(source) && !is_wildcard(source);
    let has_plain = sources.iter().any(|source| is_plain(&source));
    sources.iter().filter(move |source| is_plain(source) || !has_plain && !is_unknown(source))
}

/// The file that leaves things out of the context: the Dockerfile's own if there is one, else that of the context.
///
/// # Errors
/// [`TreeError`] if the tree cannot be read.
pub fn dockerignore_of(
    tree: &dyn Tree,
    dockerfile: &RepoPath,
    context: &RepoPath,
) -> Result<Option<RepoPath>, TreeError> {
    let own_name = [dockerfile.name(), b".dockerignore"].concat();
    let own = dockerfile.parent().map(|folder| folder.child(&own_name));
    for candidate in own.into_iter().chain([context.child(b".dockerignore")]) {
        if tree.entry(&candidate)?.is_some_and(|entry| entry.kind != EntryKind::Folder) {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

/// The elements of a source, cleaned; `..` stops at the root of the context, as in Docker.
fn elements_of(source: &str) -> Vec<String> {
    let cleaned = join("", source.trim_start_matches('/'));
    cleaned.split('/').filter(|element| !element.is_empty()).map(str::to_owned).collect()
}

fn below(context: &RepoPath, elements: &[String]) -> RepoPath {
    // One join, so that a path of many elements is not copied once for each.
    context.join(elements.join("/").as_bytes()).unwrap_or_else(|| context.child(b"\0"))
}

fn is_unknown(source: &str) -> bool {
    source.contains("${")
}

/// An element with each unknown variable replaced by a wildcard.
pub(super) fn as_pattern(element: &str) -> String {
    if matches!(element, "${TARGETPLATFORM}" | "${BUILDPLATFORM}") {
        return "**".to_owned();
    }
    let mut parts = element.split("${");
    let mut pattern = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        pattern.push('*');
        pattern.push_str(part.split_once('}').map_or("", |(_, rest)| rest));
    }
    pattern
}

fn exists(tree: &dyn Tree, path: &RepoPath) -> Result<bool, TreeError> {
    if path.is_root() {
        return Ok(true);
    }
    Ok(match read_through_links(tree, path)? {
        Ok(None) => tree.entry(path)?.is_some(),
        Ok(Some(_)) | Err(_) => true,
    })
}

/// What a wildcard found.
#[derive(Default)]
struct Found {
    /// What matches, and whether all that is below it was asked for, ignored or not.
    matches: Vec<(RepoPath, bool)>,
    /// The links that the matches lie behind.
    links: Vec<RepoPath>,
    /// Ignored folders that were neither looked into nor taken.
    ignored: Vec<RepoPath>,
    gave_up: bool,
}

/// A folder where a wildcard goes on.
struct Step {
    folder: RepoPath,
    /// The positions in the pattern.
    states: BTreeSet<usize>,
    /// Whether an ignored folder above was named, so that ignored folders count.
    takes_ignored: bool,
}

/// Finds what matches a source, element by element; `**` stands for any number of them (`COPY --parents` has it).
fn find(tree: &dyn Tree, context: &RepoPath, elements: &[String], left: &mut usize) -> Result<Found, TreeError> {
    let mut found = Found::default();
    let mut walked = BTreeSet::new();
    let start = Step { folder: context.clone(), states: reachable([0], elements), takes_ignored: false };
    let mut pending = vec![start];
    while let Some(here) = pending.pop() {
        // Links lead to real folders, so a circle of links ends here.
        if !walked.insert((here.folder.clone(), here.states.clone())) {
            continue;
        }
        let Some(listing) = tree.list(&here.folder)? else { continue };
        for entry in candidates(&listing, &here.states, elements) {
            *left = left.saturating_sub(here.states.len());
            if *left == 0 {
                found.gave_up = true;
                return Ok(found);
            }
            pending.extend(found.visit(tree, &here, entry, elements)?);
        }
    }
    found.matches.sort();
    found.ignored.sort();
    Ok(found)
}

impl Found {
    /// Takes an entry that matches, or returns where to go on in it.
    fn visit(
        &mut self,
        tree: &dyn Tree,
        here: &Step,
        entry: &Entry,
        elements: &[String],
    ) -> Result<Option<Step>, TreeError> {
        let states = step(&here.states, elements, &entry.name);
        if states.is_empty() {
            return Ok(None);
        }
        let path = here.folder.child(&entry.name);
        let is_named = here.states.iter().any(|state| is_plain_at(elements, *state, &entry.name));
        let is_ignored = entry.ignored && entry.kind == EntryKind::Folder;
        let takes_ignored = here.takes_ignored || is_ignored && is_named;
        if is_ignored && !takes_ignored {
            self.ignored.push(path);
        } else if states.contains(&elements.len()) {
            self.matches.push((path, takes_ignored));
        } else if entry.kind == EntryKind::Folder {
            return Ok(Some(Step { folder: path, states, takes_ignored }));
        } else if entry.kind == EntryKind::Symlink
            && let Ok(Some((folder, EntryKind::Folder))) = read_through_links(tree, &path)?
        {
            self.links.push(path);
            return Ok(Some(Step { folder, states, takes_ignored }));
        }
        Ok(None)
    }
}

/// The entries that can match at all: one, if the pattern has a plain name here.
fn candidates<'a>(listing: &'a [Entry], states: &BTreeSet<usize>, elements: &[String]) -> Vec<&'a Entry> {
    if let (1, Some(element)) = (states.len(), states.first().and_then(|state| elements.get(*state)))
        && element != "**"
        && !is_wildcard(element)
    {
        return find_entry(listing, element.as_bytes()).into_iter().collect();
    }
    listing.iter().collect()
}

fn is_plain_at(elements: &[String], state: usize, name: &[u8]) -> bool {
    elements.get(state).is_some_and(|element| element.as_bytes() == name)
}

/// The positions in the pattern after one more name.
fn step(states: &BTreeSet<usize>, elements: &[String], name: &[u8]) -> BTreeSet<usize> {
    let next = states.iter().filter_map(|state| {
        let element = elements.get(*state)?;
        if element == "**" {
            return Some(*state);
        }
        matches(element, name).then_some(state + 1)
    });
    reachable(next, elements)
}

/// Positions, and those behind a `**` that stands for nothing.
fn reachable(states: impl IntoIterator<Item = usize>, elements: &[String]) -> BTreeSet<usize> {
    let mut all = BTreeSet::new();
    for mut state in states {
        while all.insert(state) && elements.get(state).is_some_and(|element| element == "**") {
            state += 1;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::MemoryTree;

    const REPO: &str = "
-- go.mod --
-- go.sum --
-- Makefile --
-- README.md --
-- configs/app.yaml --
-- configs/auth/a.json --
-- configs/auth/b.json --
-- libs/log/log.go --
-- libs/log/log.md --
-- scripts/build.sh --
-- services/auth/Dockerfile --
-- services/auth/go.mod --
-- services/auth/main.go --
-- services/auth/page.html --
-- services/auth/sub/x.txt --
-- services/cart/main.go --
-- services/cart/page.html --
-- tools/gen.go --
";

    fn path(text: &str) -> RepoPath {
        RepoPath::from_clean(text.as_bytes())
    }

    #[track_caller]
    fn check_sources(dockerfile: &str, context: &str, expected: bool) {
        let parsed = Dockerfile::parse(format!("FROM a\n{dockerfile}").as_bytes());
        let found = context_has_sources(&MemoryTree::from_txtar(REPO), &parsed, &path(context)).unwrap();
        assert_eq!(found, expected, "{dockerfile}");
    }

    #[test]
    fn a_context_fits_if_all_its_sources_are_there() {
        check_sources("COPY go.mod go.sum ./\nCOPY services/auth .", "", true);
        check_sources("COPY go.mod go.sum ./\nCOPY services/auth .", "services/auth", false);
        check_sources("COPY page.html .", "services/auth", true);
        check_sources("COPY page.html .", "", false);
        check_sources("COPY *.html .", "services/auth", true);
        check_sources("COPY *.html .", "", false);
        check_sources("COPY go.mod go.sum* ./", "services/auth", true);
        check_sources("COPY . .", "", true);
        check_sources("COPY ${X}/y .\nONBUILD COPY gone .\nCOPY --from=x gone .", "", true);
        check_sources("RUN --mount=type=bind,source=gone,target=. x", "", false);
    }

    #[test]
    fn the_ignore_file_of_the_dockerfile_comes_first() {
        let tree = MemoryTree::from_txtar("-- a/Dockerfile.dockerignore --\n-- .dockerignore --\n");
        let of = |dockerfile: &str, context: &str| dockerignore_of(&tree, &path(dockerfile), &path(context)).unwrap();
        assert_eq!(of("a/Dockerfile", ""), Some(path("a/Dockerfile.dockerignore")));
        assert_eq!(of("a/Other", ""), Some(path(".dockerignore")));
        assert_eq!(of("a/Other", "a"), None);
    }
}
