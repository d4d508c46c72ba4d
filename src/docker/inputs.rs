//! Turns a Dockerfile and its context into the files that reach the image other than through the Go compiler.
//!
//! This is the rule that holds until copies are traced across stages: what is copied by name is an input whole, Go
//! folders are left to the Go closure, and a note says what is still not seen. It follows no link out of the tree.

use std::collections::BTreeSet;

use super::Dockerfile;
use super::matching::{is_wildcard, matches};
use super::parse::run_paths;
use super::words::join;
use crate::repo::{Entry, EntryKind, RepoPath, Tree, TreeError, find_entry, read_through_links};

/// How many names may be compared with wildcards for one question; then the rest is not looked for, and a note says so.
const MAX_COMPARISONS: usize = 4_000_000;
/// The longest source that is looked for; Linux has the same limit.
const MAX_PATH: usize = 4096;

/// The files that reach an image, and what is not known about them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageInputs {
    /// Files, symlinks and submodules; never folders.
    pub files: BTreeSet<RepoPath>,
    /// At most one note: what is still not seen.
    pub notes: Vec<DockerNote>,
}

/// Something the user should know about a Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerNote {
    /// Where it is about, from 1.
    pub line: usize,
    /// What it is.
    pub message: String,
}

/// Whose image is asked about.
#[derive(Clone, Copy)]
pub struct ImageQuestion<'a> {
    /// The Dockerfile.
    pub dockerfile: &'a RepoPath,
    /// The build context.
    pub context: &'a RepoPath,
    /// The folder of the service: what is not Go source there is an input when the whole context is copied.
    pub own_folder: &'a RepoPath,
    /// Whether a folder, or one below it, holds Go source of a module.
    pub is_go_folder: &'a dyn Fn(&RepoPath) -> bool,
}

/// The files of the context that reach the image other than through the Go compiler.
///
/// The Dockerfile itself and the `.dockerignore` are not among them, and the `.dockerignore` is not applied: it can only
/// make the set smaller.
///
/// # Errors
/// [`TreeError`] if the tree cannot be read.
pub fn image_inputs(
    tree: &dyn Tree,
    parsed: &Dockerfile,
    question: &ImageQuestion<'_>,
) -> Result<ImageInputs, TreeError> {
    let mut collector = Collector::new(tree, *question);
    if let Some(problem) = &parsed.problem {
        collector.own_files_in(question.own_folder)?;
        let folder = question.own_folder;
        let message = format!(
            "{} does not parse ({}), so of the files it copies only those below {folder} that are not Go source are \
             seen; mend it, or list them under inputs",
            question.dockerfile, problem.message
        );
        collector.unseen.push(DockerNote { line: problem.line, message });
        return Ok(collector.finish());
    }
    for read in parsed.context_reads() {
        for source in read.sources {
            collector.source(read.verb, source, read.line)?;
        }
    }
    let listing = tree.list(question.context)?;
    let is_there = |name: &[u8]| listing.as_ref().is_some_and(|listing| find_entry(listing, name).is_some());
    // Most words are no paths: one look at the context's names tells.
    let paths = run_paths(parsed);
    for path in paths.iter().filter(|path| path.split('/').next().is_some_and(|name| is_there(name.as_bytes()))) {
        collector.run_path(path)?;
    }
    Ok(collector.finish())
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

/// Which files of a folder count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    Everything,
    /// Not Go source, and none of the files whose facts the Go side covers.
    NotGo,
}

struct Collector<'a> {
    tree: &'a dyn Tree,
    question: ImageQuestion<'a>,
    files: BTreeSet<RepoPath>,
    walked: BTreeSet<(RepoPath, Wanted)>,
    seen_sources: BTreeSet<&'a str>,
    comparisons: usize,
    /// Instructions that copy more than is seen.
    partial: Vec<(usize, String)>,
    unknown: Vec<(usize, String)>,
    missing: Vec<(usize, String)>,
    too_many: Vec<(usize, String)>,
    /// Where the instruction stands that is being looked at.
    line: usize,
    escaping: Vec<(usize, String)>,
    ignored: Vec<(usize, String)>,
    unseen: Vec<DockerNote>,
}

impl<'a> Collector<'a> {
    fn new(tree: &'a dyn Tree, question: ImageQuestion<'a>) -> Self {
        Self {
            tree,
            question,
            files: BTreeSet::new(),
            walked: BTreeSet::new(),
            seen_sources: BTreeSet::new(),
            comparisons: MAX_COMPARISONS,
            partial: Vec::new(),
            unknown: Vec::new(),
            missing: Vec::new(),
            too_many: Vec::new(),
            line: 1,
            escaping: Vec::new(),
            ignored: Vec::new(),
            unseen: Vec::new(),
        }
    }

    fn source(&mut self, verb: &str, source: &'a str, line: usize) -> Result<(), TreeError> {
        if !self.seen_sources.insert(source) {
            return Ok(());
        }
        self.line = line;
        let label = (line, format!("{verb} {}", shown(source)));
        let mut elements = elements_of(source);
        if is_unknown(source) {
            if !is_platform_only(source) {
                self.own_files_in(self.question.context)?;
                self.unknown.push(label.clone());
            }
            elements = elements.iter().map(|element| as_pattern(element)).collect();
        }
        if elements.iter().all(|element| matches!(element.as_str(), "*" | "**")) {
            return self.whole_context(label);
        }
        if !elements.iter().any(|element| is_wildcard(element)) {
            let path = below(self.question.context, &elements);
            if source.len() > MAX_PATH || !self.reach(&path, true, &label)? {
                self.missing.push(label);
            }
            return Ok(());
        }
        let found = find(self.tree, self.question.context, &elements, &mut self.comparisons)?;
        if found.gave_up {
            self.own_files_in(self.question.context)?;
            self.too_many.push(label.clone());
        }
        self.ignored.extend(found.ignored.iter().map(|folder| (line, folder.to_string())));
        self.files.extend(found.links);
        for (path, takes_ignored) in found.matches {
            self.reach(&path, takes_ignored, &label)?;
        }
        Ok(())
    }

    fn whole_context(&mut self, label: (usize, String)) -> Result<(), TreeError> {
        let ImageQuestion { context, own_folder, is_go_folder, .. } = self.question;
        let holds_more = own_folder.is_within(context) && own_folder != context;
        if !holds_more && !is_go_folder(context) {
            return self.walk(context, Wanted::Everything, true);
        }
        if !context.is_within(own_folder) {
            self.partial.push(label);
        }
        self.own_files_in(context)
    }

    /// Adds what a path leads to; `false` if nothing is there.
    fn reach(&mut self, path: &RepoPath, is_named: bool, label: &(usize, String)) -> Result<bool, TreeError> {
        let has_link = self.add_links(path)?;
        let real = match read_through_links(self.tree, path)? {
            Err(link) => {
                self.escaping.push((label.0, link.to_string()));
                return Ok(true);
            }
            Ok(None) => return Ok(has_link),
            Ok(Some(real)) => real,
        };
        let (real, kind) = real;
        if kind == EntryKind::Folder {
            self.folder(&real, is_named, label)?;
        } else if !is_fact_file(path) && !is_fact_file(&real) {
            self.files.insert(real);
        }
        Ok(true)
    }

    fn folder(&mut self, folder: &RepoPath, is_named: bool, label: &(usize, String)) -> Result<(), TreeError> {
        if self.question.context.is_within(folder) {
            return self.whole_context(label.clone());
        }
        if !(self.question.is_go_folder)(folder) {
            return self.walk(folder, Wanted::Everything, is_named);
        }
        if !folder.is_within(self.question.own_folder) {
            self.partial.push(label.clone());
        }
        self.own_files_in(folder)
    }

    /// Adds the service's own files in a folder that are not Go source.
    fn own_files_in(&mut self, folder: &RepoPath) -> Result<(), TreeError> {
        let own = self.question.own_folder;
        if own.is_within(folder) {
            self.walk(own, Wanted::NotGo, false)
        } else if folder.is_within(own) {
            self.walk(folder, Wanted::NotGo, false)
        } else {
            Ok(())
        }
    }

    /// Adds the files below a folder. Ignored folders are left out unless `is_named` says that they were asked for.
    fn walk(&mut self, folder: &RepoPath, wanted: Wanted, is_named: bool) -> Result<(), TreeError> {
        // A folder that was asked for by name may be ignored itself, or lie in one; then all that is in it counts.
        let takes_ignored = is_named && self.tree.entry(folder)?.is_some_and(|entry| entry.ignored);
        let mut pending = vec![folder.clone()];
        while let Some(folder) = pending.pop() {
            if !self.walked.insert((folder.clone(), wanted)) {
                continue;
            }
            let Some(listing) = self.tree.list(&folder)? else { continue };
            for entry in listing.iter() {
                let path = folder.child(&entry.name);
                match entry.kind {
                    EntryKind::Folder if entry.ignored && !takes_ignored => {
                        self.ignored.push((self.line, path.to_string()));
                    }
                    EntryKind::Folder => pending.push(path),
                    _ if !wanted.takes(&path) => {}
                    EntryKind::Symlink => {
                        pending.extend(self.link(&path, wanted)?);
                        self.files.insert(path);
                    }
                    EntryKind::File { .. } | EntryKind::Submodule => {
                        self.files.insert(path);
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds the file that a link leads to, or returns the folder.
    fn link(&mut self, path: &RepoPath, wanted: Wanted) -> Result<Option<RepoPath>, TreeError> {
        // A link out of the repository is copied as a link: its text is all that reaches the image.
        let Ok(Some((real, kind))) = read_through_links(self.tree, path)? else { return Ok(None) };
        if kind == EntryKind::Folder {
            return Ok(Some(real));
        }
        if wanted.takes(&real) {
            self.files.insert(real);
        }
        Ok(None)
    }

    /// Adds the links that a path goes through, itself included.
    fn add_links(&mut self, path: &RepoPath) -> Result<bool, TreeError> {
        let mut last_is_link = false;
        let mut prefix = RepoPath::root();
        for element in path.elements() {
            prefix = prefix.child(element);
            let Some(entry) = self.tree.entry(&prefix)? else { return Ok(false) };
            last_is_link = entry.kind == EntryKind::Symlink;
            if last_is_link {
                self.files.insert(prefix.clone());
            }
        }
        Ok(last_is_link)
    }

    /// Adds a file of the context that a command names.
    fn run_path(&mut self, path: &str) -> Result<(), TreeError> {
        let path = below(self.question.context, &elements_of(path));
        let Ok(Some((real, kind))) = read_through_links(self.tree, &path)? else { return Ok(()) };
        if kind != EntryKind::Folder && !is_fact_file(&real) {
            self.add_links(&path)?;
            self.files.insert(real);
        }
        Ok(())
    }

    fn finish(mut self) -> ImageInputs {
        let own = self.question.own_folder;
        let kinds = [
            (&self.partial, format!("files outside {own} that are not Go source are not seen; list them under inputs")),
            (
                &self.unknown,
                format!(
                    "a variable has no known value, so only what it could match and the files below {own} that are not \
                     Go source are seen; set it under build-args, or list the files under inputs"
                ),
            ),
            (&self.missing, "no such file in the context, so a change of it is not seen before it is there".to_owned()),
            (&self.too_many, "there are too many files to compare; list those that matter under inputs".to_owned()),
        ];
        let mut notes: Vec<DockerNote> = Vec::new();
        for (labels, says) in kinds {
            let Some((line, _)) = labels.first() else { continue };
            let shown_line = notes.first().map_or(*line, |note| note.line);
            notes.push(DockerNote { line: *line, message: format!("{}: {says}", enumerate(labels, Some(shown_line))) });
        }
        for (paths, says) in [
            (&self.ignored, "ignored by Git and not looked into; list the files that matter under inputs"),
            (&self.escaping, "a link that leads out of the repository or in a circle; only the link is seen"),
        ] {
            let Some((line, _)) = paths.first() else { continue };
            notes.push(DockerNote { line: *line, message: format!("{}: {says}", enumerate(paths, None)) });
        }
        notes.append(&mut self.unseen);
        let line = notes.first().map_or(1, |note| note.line);
        let messages: Vec<String> = notes.into_iter().map(|note| note.message).collect();
        let message = messages.join("; ");
        let notes = if message.is_empty() { Vec::new() } else { vec![DockerNote { line, message }] };
        ImageInputs { files: self.files, notes }
    }
}

impl Wanted {
    fn takes(self, path: &RepoPath) -> bool {
        self == Self::Everything || !path.name().ends_with(b".go") && !is_fact_file(path)
    }
}

/// The first three of a list, and how many more there are; with their lines, unless that is the line of the whole note.
fn enumerate(labels: &[(usize, String)], line_of_note: Option<usize>) -> String {
    let shown = labels.iter().take(3).map(|(line, label)| match line_of_note {
        Some(shown) if shown != *line => format!("{label} at line {line}"),
        _ => label.clone(),
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    match labels.len().saturating_sub(3) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The files whose facts the Go side covers.
fn is_fact_file(path: &RepoPath) -> bool {
    match path.name() {
        b"go.mod" | b"go.sum" | b"go.work" | b"go.work.sum" => true,
        b"modules.txt" => path.parent().is_some_and(|folder| folder.name() == b"vendor"),
        _ => false,
    }
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

/// Whether the only unknown variables are those that `BuildKit` sets for each platform.
fn is_platform_only(source: &str) -> bool {
    let mut names = source.split("${").skip(1).map(|rest| rest.split('}').next().unwrap_or_default());
    names.all(|name| {
        let rest = name.strip_prefix("TARGET").or_else(|| name.strip_prefix("BUILD"));
        matches!(rest, Some("OS" | "ARCH" | "VARIANT" | "PLATFORM"))
    })
}

/// An element with each unknown variable replaced by a wildcard.
fn as_pattern(element: &str) -> String {
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

fn shown(source: &str) -> String {
    let short: String = source.chars().take(100).collect();
    if short.is_empty() { "\"\"".to_owned() } else { RepoPath::from_clean(short.as_bytes()).to_string() }
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
    use proptest::prelude::Strategy;

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

    fn ask(tree: &MemoryTree, dockerfile: &str, context: &str) -> ImageInputs {
        let is_go_folder = |folder: &RepoPath| {
            let mut go = tree.paths().filter(|file| file.name().ends_with(b".go") && !file.is_within(&path("static")));
            go.any(|file| file.is_within(folder))
        };
        let question = ImageQuestion {
            dockerfile: &path("services/auth/Dockerfile"),
            context: &path(context),
            own_folder: &path("services/auth"),
            is_go_folder: &is_go_folder,
        };
        image_inputs(tree, &Dockerfile::parse(format!("FROM a\n{dockerfile}").as_bytes()), &question).unwrap()
    }

    /// What one more file or more in the repository, and an instruction, make inputs; and what the note says.
    #[track_caller]
    fn check_in(more: &str, dockerfile: &str, context: &str, expected: &[&str], note: Option<&str>) {
        let inputs = ask(&MemoryTree::from_txtar(&format!("{REPO}{more}")), dockerfile, context);
        let files: Vec<String> = inputs.files.iter().map(ToString::to_string).collect();
        assert_eq!(files, expected, "{dockerfile}");
        assert!(inputs.notes.len() <= 1);
        assert_eq!(inputs.notes.first().map(|note| note.message.as_str()), note, "{dockerfile}");
    }

    #[track_caller]
    fn check(dockerfile: &str, expected: &[&str], note: Option<&str>) {
        check_in("", dockerfile, "", expected, note);
    }

    const OWN: [&str; 3] = ["services/auth/Dockerfile", "services/auth/page.html", "services/auth/sub/x.txt"];

    #[test]
    fn files_that_are_copied_by_name_are_inputs_but_those_of_modules_are_not() {
        check("COPY go.mod go.sum ./\nCOPY README.md /", &["README.md"], None);
        check(
            "COPY ./configs//../README.md /\nADD /../../configs/app.yaml /",
            &["README.md", "configs/app.yaml"],
            None,
        );
        check_in("-- vendor/modules.txt --\n", "COPY vendor/modules.txt /x", "", &[], None);
        check("COPY tools/gen.go /", &["tools/gen.go"], None);
    }

    #[test]
    fn folders_without_go_are_inputs_whole() {
        check("COPY configs /etc", &["configs/app.yaml", "configs/auth/a.json", "configs/auth/b.json"], None);
        check("COPY configs/auth/ /etc", &["configs/auth/a.json", "configs/auth/b.json"], None);
        check_in("-- static/tmpl.go --\n", "COPY static /", "", &["static/tmpl.go"], None);
    }

    #[test]
    fn go_folders_are_left_to_the_closure_except_for_own_files() {
        check("COPY services/auth services/auth", &OWN, None);
        check("COPY services/auth/sub /", &["services/auth/sub/x.txt"], None);
        check(
            "RUN a\nCOPY libs libs\nCOPY services/ services/",
            &OWN,
            Some(
                "COPY libs, COPY services/ at line 4: files outside services/auth that are not Go source are not \
                 seen; list them under inputs",
            ),
        );
    }

    #[test]
    fn the_whole_context_means_the_own_files() {
        let note = |what: &str| {
            format!("{what}: files outside services/auth that are not Go source are not seen; list them under inputs")
        };
        for source in [".", "./", "*", "/", "..", "services/.."] {
            check(&format!("COPY {source} /src"), &OWN, Some(&note(&format!("COPY {source}"))));
        }
        check("RUN --mount=target=. go build", &OWN, Some(&note("RUN --mount .")));
        check_in("", "COPY . .", "services/auth", &OWN, None);
        check_in("", "COPY . .", "configs", &["configs/app.yaml", "configs/auth/a.json", "configs/auth/b.json"], None);
    }

    #[test]
    fn wildcards_match_element_by_element() {
        check("COPY configs/*/[a].json /", &["configs/auth/a.json"], None);
        check("COPY *.md go.* /", &["README.md"], None);
        check("COPY conf* /", &["configs/app.yaml", "configs/auth/a.json", "configs/auth/b.json"], None);
        check("COPY --parents **/*.json /", &["configs/auth/a.json", "configs/auth/b.json"], None);
        check("COPY none* /", &[], None);
    }

    #[test]
    fn files_that_commands_name_are_inputs() {
        check("RUN ./scripts/build.sh --fast", &["scripts/build.sh"], None);
        check("RUN sh -c 'cd scripts && ./build.sh'", &["scripts/build.sh"], None);
        check("WORKDIR /src\nRUN [\"sh\", \"/src/scripts/build.sh\"]", &["scripts/build.sh"], None);
        check("RUN go build -ldflags \"-X v=$(cat README.md)\" && cat go.mod", &["README.md"], None);
        check("RUN --mount=type=bind,source=configs/app.yaml,target=/x cat /x", &["configs/app.yaml"], None);
        check("RUN make build", &["Makefile"], None);
        check("RUN go vet ./services/auth scripts", &[], None);
        check("CMD [\"scripts/build.sh\"]", &[], None);
    }

    #[test]
    fn unknown_variables_take_what_could_match_and_say_so() {
        let mut expected = vec!["configs/auth/a.json", "configs/auth/b.json"];
        expected.extend(OWN);
        let note = "COPY configs/auth/${ENV}.json: a variable has no known value, so only what it could match \
                    and the files below services/auth that are not Go source are seen; set it under build-args, or list \
                    the files under inputs";
        check("ARG ENV\nCOPY configs/auth/${ENV}.json /", &expected, Some(note));
        check("ARG E=a\nCOPY configs/auth/${E}.json /", &["configs/auth/a.json"], None);
        let more = "-- bin/linux/amd64/x --\n-- bin/linux/y --\n";
        check_in(more, "ARG TARGETPLATFORM\nCOPY bin/$TARGETPLATFORM/x /", "", &["bin/linux/amd64/x"], None);
        check_in(more, "COPY bin/${TARGETOS}/y /", "", &["bin/linux/y"], None);
    }

    #[test]
    fn what_is_not_there_is_said() {
        let note = "COPY bin/auth: no such file in the context, so a change of it is not seen before it is there";
        check("COPY bin/auth /", &[], Some(note));
    }

    #[test]
    fn links_are_inputs_with_what_they_lead_to() {
        let more = "-- l -> configs/auth --\n-- web/a -> ../README.md --\n-- web/loop -> . --\n-- web/out -> /etc --\n";
        check_in(more, "COPY l /", "", &["configs/auth/a.json", "configs/auth/b.json", "l"], None);
        check_in(more, "COPY l/a.json /", "", &["configs/auth/a.json", "l"], None);
        check_in(more, "COPY l/*.json /", "", &["configs/auth/a.json", "configs/auth/b.json", "l"], None);
        check_in(more, "COPY web /", "", &["README.md", "web/a", "web/loop", "web/out"], None);
        check_in(more, "COPY --parents web/**/a /", "", &["README.md", "web/a", "web/loop"], None);
        check_in(
            more,
            "COPY web/out /",
            "",
            &["web/out"],
            Some("web/out: a link that leads out of the repository or in a circle; only the link is seen"),
        );
    }

    #[test]
    fn submodules_are_inputs_by_themselves() {
        let mut tree = MemoryTree::from_txtar(REPO);
        tree.insert_entry(b"ui/dep", EntryKind::Submodule, b"0123");
        assert_eq!(ask(&tree, "COPY ui /", "").files, BTreeSet::from([path("ui/dep")]));
    }

    #[test]
    fn a_dockerfile_that_does_not_parse_takes_the_own_files() {
        let note = "services/auth/Dockerfile does not parse (unknown instruction 'INCLUDE'), so of the files it copies only \
                    those below services/auth that are not Go source are seen; mend it, or list them under inputs";
        check("INCLUDE x", &OWN, Some(note));
    }

    /// A tree where Git ignores the names that start with `ig`.
    struct Ignoring(MemoryTree);

    impl Tree for Ignoring {
        fn list(&self, folder: &RepoPath) -> Result<Option<crate::repo::Listing>, TreeError> {
            let listing = self.0.list(folder)?;
            let below = folder.elements().any(|element| element.starts_with(b"ig"));
            let mark = |entry: &Entry| Entry { ignored: below || entry.name.starts_with(b"ig"), ..entry.clone() };
            Ok(listing.map(|listing| listing.iter().map(mark).collect()))
        }

        fn read(&self, path: &RepoPath) -> Result<std::sync::Arc<[u8]>, TreeError> {
            self.0.read(path)
        }

        fn subtree_id(&self, _folder: &RepoPath) -> Result<Option<crate::repo::ObjectId>, TreeError> {
            Ok(None)
        }
    }

    #[track_caller]
    fn check_ignored(dockerfile: &str, expected: &[&str], note: Option<&str>) {
        let text = "-- web/a --\n-- web/ig.txt --\n-- web/ig/b --\n-- web/ig/c/d --\n";
        let tree = Ignoring(MemoryTree::from_txtar(text));
        let root = RepoPath::root();
        let question = ImageQuestion {
            dockerfile: &path("web/D"),
            context: &root,
            own_folder: &path("web"),
            is_go_folder: &|_| false,
        };
        let inputs = image_inputs(&tree, &Dockerfile::parse(dockerfile.as_bytes()), &question).unwrap();
        assert_eq!(inputs.files.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
        assert_eq!(inputs.notes.first().map(|note| note.message.as_str()), note);
    }

    #[test]
    fn ignored_files_count_and_ignored_folders_when_they_are_named() {
        let note = "web/ig: ignored by Git and not looked into; list the files that matter under inputs";
        check_ignored("FROM a\nCOPY web /", &["web/a", "web/ig.txt"], Some(note));
        check_ignored("FROM a\nCOPY web/* /", &["web/a", "web/ig.txt"], Some(note));
        check_ignored("FROM a\nCOPY web/ig /", &["web/ig/b", "web/ig/c/d"], None);
        check_ignored("FROM a\nCOPY web/ig/* /", &["web/ig/b", "web/ig/c/d"], None);
    }

    #[test]
    fn many_wildcards_end() {
        let mut tree = MemoryTree::new();
        for at in 0..300 {
            tree.insert(&format!("a{at}/b"), "");
        }
        let lines: Vec<String> = (0..200).map(|at| format!("COPY **/*a*/**/x{at} /")).collect();
        ask(&tree, &lines.join("\n"), "");
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

    fn source() -> impl Strategy<Value = String> {
        let parts = vec![
            "l", "web", "configs", "auth", "a.json", "services", "*", "**", "?", "[a-z]", "[", "..", ".", "", "${X}",
            "\\",
        ];
        proptest::collection::vec(proptest::sample::select(parts), 1..6).prop_map(|parts| parts.join("/"))
    }

    proptest::proptest! {
        #[test]
        fn inputs_are_always_files_of_the_tree(sources in proptest::collection::vec(source(), 1..4)) {
            let more = "-- l -> . --\n-- web/a -> ../l/web --\n-- web/b -> ../../x --\n";
            let tree = MemoryTree::from_txtar(&format!("{REPO}{more}"));
            let lines: Vec<String> = sources.iter().map(|source| format!("COPY {source} /\nRUN {source}")).collect();
            for file in ask(&tree, &lines.join("\n"), "").files {
                let entry = tree.entry(&file).unwrap().map(|entry| entry.kind);
                proptest::prop_assert!(entry.is_some_and(|kind| kind != EntryKind::Folder), "{}", file);
            }
        }
    }
}
