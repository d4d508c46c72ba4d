//! Turns a `go` command of a Dockerfile into what it builds: packages as folders of the repository, flags, variables,
//! and which files it sees at the places that they have in the repository.
//!
//! It resolves no import and reads no Go file: that is left to those who know the workspace.

use std::collections::{BTreeMap, BTreeSet};

use super::super::commands::takes_value;
use super::super::matching::matches;
use super::super::shell::Invocation;
use super::super::words::join;
use super::files::{Entry, Files, Selection, Source, SourceId, View, is_go_name, strip};
use super::{Script, Tracer, has_wildcard, last_element};
use crate::docker::{Certainty, Word};
use crate::repo::{RepoPath, TreeError};

/// How many builds of one Dockerfile are followed one by one.
const MAX_BUILDS: usize = 200;

/// A `go build` or `go install` whose program reaches the image.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a doubt of its own")]
pub struct GoBuild {
    /// Where its `RUN` starts, from 1.
    pub line: usize,
    /// The folder of the repository where it runs, if that can be told.
    pub dir: Option<RepoPath>,
    /// What it builds.
    pub targets: Vec<GoTarget>,
    /// The file names of those of its programs that reach the image; `None` for all.
    pub names: Option<BTreeSet<String>>,
    /// The files that it is given in place of a package, which decide the name of the program.
    pub files: Vec<RepoPath>,
    /// Whether it is given files.
    pub has_files: bool,
    /// Its flags and those of `GOFLAGS`, as `go build` spells them, without packages.
    pub flags: Vec<String>,
    /// Whether there may be other flags.
    pub has_unknown_flags: bool,
    /// Whether it builds for the machine that builds images, unless its variables say otherwise.
    pub runs_on_host: bool,
    /// Whether it is `xx-go`, which builds for the platform of the image.
    pub is_cross: bool,
    /// Whether Go source lies elsewhere than in the repository, or was made while the image is built, so that what it
    /// compiles is not what the repository says.
    pub is_rearranged: bool,
    /// Everything of the context that it could read.
    pub readable: BTreeSet<Selection>,
    variables: BTreeMap<String, Setting>,
    in_place: BTreeSet<Selection>,
    pub(super) inputs: Vec<SourceId>,
    pub(super) visible: Vec<SourceId>,
}

/// What is known of a variable of the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Setting {
    /// It is not set, as far as the Dockerfile says.
    #[default]
    Unset,
    /// Its value.
    Known(String),
    /// It is set, to something that is not known.
    Unknown,
}

/// What `go build` is told to build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GoTarget {
    /// The package in a folder of the repository.
    Folder {
        /// The folder; what is not known in it is `*`.
        pattern: String,
        /// Whether all packages below it are meant, too.
        below: bool,
        /// Whether something in it is not known.
        is_unknown: bool,
        /// Whether that is an `ARG` that is not given: who builds the image says which package it is.
        is_parameter: bool,
    },
    /// A package by its import path.
    ImportPath {
        /// The path.
        path: String,
        /// Whether all packages below it are meant, too.
        below: bool,
    },
    /// Nobody knows.
    Unknown,
}

impl GoTarget {
    /// Whether the package in a folder may be meant; import paths and the unknown never are.
    pub fn has_folder(&self, folder: &RepoPath) -> bool {
        let Self::Folder { pattern, below, .. } = self else { return false };
        let mut patterns = pattern.split('/').filter(|element| !element.is_empty());
        let mut names = folder.elements();
        loop {
            match (patterns.next(), names.next()) {
                (None, None) => return true,
                (None, Some(_)) => return *below,
                (Some(pattern), Some(name)) if pattern.as_bytes() == name || matches(pattern, name) => {}
                _ => return false,
            }
        }
    }
}

impl GoBuild {
    /// What is known of a variable of its environment.
    pub fn variable(&self, name: &str) -> &Setting {
        self.variables.get(name).unwrap_or(&Setting::Unset)
    }

    /// The parts of the context that lie for it as in the repository.
    pub fn in_place(&self) -> impl Iterator<Item = &Selection> {
        self.in_place.iter()
    }

    /// Whether a file of the repository is there for it, at the place that it has in the repository. `is_hidden` says
    /// what the `.dockerignore` leaves out.
    pub fn sees(&self, path: &RepoPath, is_hidden: impl Fn(&RepoPath) -> bool) -> bool {
        let has =
            |selection: &Selection| selection.path == *path || selection.is_folder && path.is_within(&selection.path);
        self.in_place.iter().any(has) && !is_hidden(path)
    }
}

/// How the paths of an image and of the context belong together: a folder of each.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shift {
    image: String,
    context: String,
}

impl Shift {
    /// The shift of something that was copied, its common last elements taken off.
    fn new(at: &str, path: &str) -> Self {
        let mut image: Vec<&str> = at.split('/').filter(|element| !element.is_empty()).collect();
        let mut context: Vec<&str> = path.split('/').filter(|element| !element.is_empty()).collect();
        while let (Some(left), Some(right)) = (image.last(), context.last())
            && left == right
        {
            image.pop();
            context.pop();
        }
        let root = if at.starts_with('/') { "/" } else { "" };
        Self { image: format!("{root}{}", image.join("/")), context: context.join("/") }
    }

    /// The path of the context that a path of the image has.
    fn to_context(&self, path: &str) -> Option<String> {
        Some(join(&self.context, strip(path, &self.image)?.trim_start_matches('/')))
    }
}

/// The words of a `go` command, taken apart.
#[derive(Default)]
struct Words<'a> {
    verb: &'a str,
    folder: Option<&'a Word>,
    output: Option<&'a Word>,
    flags: Vec<String>,
    packages: Vec<&'a Word>,
    has_unknown_flags: bool,
}

impl<'a> Words<'a> {
    fn new(arguments: &[&'a Word]) -> Option<Self> {
        let mut arguments = arguments.iter().copied();
        let mut words = Words { verb: arguments.next()?.text.as_str(), ..Words::default() };
        while let Some(word) = arguments.next() {
            let Some(flag) = word.text.strip_prefix('-').filter(|_| words.packages.is_empty()) else {
                // A variable may hold flags, packages or nothing.
                words.has_unknown_flags |= word.text.starts_with("${") && words.packages.is_empty();
                words.packages.push(word);
                continue;
            };
            let flag = flag.strip_prefix('-').unwrap_or(flag);
            let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
            let next = if value.is_none() && takes_value(name) { arguments.next() } else { None };
            match (name, next) {
                ("C", Some(folder)) => words.folder = Some(folder),
                ("o", Some(output)) => words.output = Some(output),
                _ => {}
            }
            if name == "o" && next.is_none() {
                words.output = Some(word);
            }
            let certainty = next.map_or(word.certainty, |next| next.certainty);
            let is_harmless =
                matches!(name, "o" | "C" | "ldflags" | "gcflags" | "asmflags" | "p" | "v" | "x" | "work" | "a");
            words.has_unknown_flags |= certainty == Certainty::Unknown && !is_harmless;
            words.flags.push(match next {
                Some(next) => format!("-{name}={}", next.text),
                None => format!("-{flag}"),
            });
        }
        Some(words)
    }

    fn is_about(&self, verbs: &[&str]) -> bool {
        self.packages.first().is_some_and(|word| verbs.contains(&word.text.as_str()))
    }

    /// What stands after `-o`.
    fn output_path(&self) -> Option<&'a str> {
        let text = self.output?.text.as_str();
        Some(match text.strip_prefix("-o=").or_else(|| text.strip_prefix("--o=")) {
            Some(value) => value,
            None => text,
        })
    }
}

impl Tracer<'_> {
    /// Follows a `go` command.
    pub(super) fn go(
        &mut self,
        invocation: &Invocation<'_>,
        folder: &str,
        script: &mut Script<'_>,
    ) -> Result<(), TreeError> {
        let Some(words) = Words::new(&invocation.arguments) else { return Ok(()) };
        match words.verb {
            // Nobody builds that much by hand.
            "build" | "install" if self.builds.len() >= MAX_BUILDS => {
                let mounted = script.mounted.clone();
                self.anything(script.line, format!("go {}", words.verb), &mounted);
                Ok(())
            }
            "build" | "install" => self.go_build(&words, invocation, folder, script),
            "mod" if words.is_about(&["download", "vendor"]) => {
                self.fetched_modules(folder, words.is_about(&["vendor"]));
                Ok(())
            }
            // What it prints tells of all that is there.
            verb if is_harmless(verb, &words) && !script.is_taken => Ok(()),
            verb => {
                if verb == "env" {
                    self.changed_go_env.insert(self.now().stage);
                }
                let mounted = script.mounted.clone();
                self.anything(script.line, format!("go {verb}"), &mounted);
                Ok(())
            }
        }
    }

    /// Whether the settings of the `go` command may be others than the Dockerfile says.
    fn has_odd_settings(&mut self, script: &Script<'_>) -> bool {
        const FILES: [&str; 2] = ["/root/.config/go", "/usr/local/go/go.env"];
        script.has_unknown_variables
            || self.changed_go_env.contains(&self.now().stage)
            || FILES.iter().any(|file| !self.certain_hits(script, file).is_empty())
    }

    fn go_build(
        &mut self,
        words: &Words<'_>,
        invocation: &Invocation<'_>,
        folder: &str,
        script: &mut Script<'_>,
    ) -> Result<(), TreeError> {
        let is_fetched = |word: &&Word| word.text.contains('@') && !word.text.starts_with(['.', '/']);
        if !words.packages.is_empty() && words.packages.iter().all(is_fetched) {
            if let Some(flowing) = script.flowing {
                self.put(None, flowing);
            }
            return Ok(());
        }
        let folder = words.folder.map_or_else(|| folder.to_owned(), |into| join(folder, &into.text));
        let view = self.now();
        let shift = self.shift(view, &script.mounted, &folder);
        let mut build = GoBuild {
            line: script.line,
            dir: shift.as_ref().and_then(|shift| self.repository_path(shift, &folder)),
            flags: words.flags.clone(),
            has_unknown_flags: words.has_unknown_flags,
            runs_on_host: self.base_on_host,
            is_cross: invocation.program == "xx-go",
            variables: variables(invocation, script),
            ..GoBuild::default()
        };
        build.add_go_flags();
        let mut named_files = BTreeSet::new();
        for word in &words.packages {
            let target = self.go_target(word, &folder, shift.as_ref(), &mut named_files);
            build.targets.push(target);
        }
        if words.packages.is_empty() {
            let here = Word { text: ".".to_owned(), ..Word::default() };
            build.targets.push(self.go_target(&here, &folder, shift.as_ref(), &mut named_files));
        }
        for flag in &build.flags {
            let values =
                flag.split_once('=').map(|(_, value)| value).into_iter().flat_map(|value| value.split([' ', '=', ',']));
            let values = values.map(|value| value.trim_matches(['"', '\'']));
            let values = values
                .filter(|value| (value.contains(['/', '.']) || flag.starts_with("-pgo")) && !flag.starts_with("-o="));
            named_files.extend(values.map(|value| join(&folder, value)).filter(|path| !path.contains("${")));
        }
        let files = words.packages.iter().filter(|word| super::super::commands::is_go_file(&word.text));
        let files = files.map(|word| join(&folder, &word.text));
        build.files = files.filter_map(|file| self.repository_path(shift.as_ref()?, &file)).collect();
        self.inputs_of_build(&mut build, view, shift.as_ref(), script);
        if self.has_odd_settings(script) {
            build.has_unknown_flags = true;
            build.is_rearranged = true;
        }
        build.has_files = words.packages.iter().any(|word| super::super::commands::is_go_file(&word.text));
        build.inputs.extend(script.flowing);
        for path in &named_files {
            for hit in self.files.lookup(view, &script.mounted, path) {
                let parts = self.narrowed(&hit, path)?;
                build.inputs.extend(parts.into_iter().map(|(source, _)| source).filter(|source| self.is_file(*source)));
            }
        }
        build.inputs.sort_unstable();
        build.inputs.dedup();
        self.put_program(words, build, &folder, script);
        Ok(())
    }

    /// Whether a source is one file of the context: folders that flags mention are left to the compiler.
    fn is_file(&self, source: SourceId) -> bool {
        matches!(self.files.source(source), Some(Source::Context(selection)) if !selection.is_folder)
    }

    /// The module cache, or the vendor folder, hold what the files of the module list.
    fn fetched_modules(&mut self, folder: &str, is_vendor: bool) {
        let mut listing = Vec::new();
        for name in ["go.mod", "go.sum", "go.work", "go.work.sum"] {
            let path = join(folder, name);
            for hit in self.files.lookup(self.now(), &[], &path) {
                let parts = self.narrowed(&hit, &path).unwrap_or_else(|_| vec![(hit.source, hit.place.clone())]);
                listing.extend(parts.into_iter().map(|(source, _)| source).filter(|source| self.is_file(*source)));
            }
        }
        if listing.is_empty() {
            return;
        }
        let modules = self.files.add_source(Source::Modules(listing));
        let places = if is_vendor { vec![join(folder, "vendor")] } else { Vec::new() };
        for place in places.into_iter().chain(["/go/pkg/mod".to_owned(), "/root/go/pkg/mod".to_owned()]) {
            self.put(Some(place), modules);
        }
    }

    fn put_program(&mut self, words: &Words<'_>, build: GoBuild, folder: &str, script: &Script<'_>) {
        let number = self.builds.len();
        let is_single = words.packages.len() < 2 && !words.packages.iter().any(|word| word.text.ends_with("..."));
        let output = words.output_path();
        let is_known = output.is_none_or(|output| !output.contains("${"));
        let at = match output {
            Some(output) if is_known => Some(join(folder, output)),
            None if words.verb == "build" => Some(folder.to_owned()),
            None => match (build.variable("GOBIN"), build.variable("GOPATH")) {
                (Setting::Known(folder), _) if !folder.is_empty() => Some(folder.clone()),
                (Setting::Unset, Setting::Known(folder)) if !folder.contains(':') => Some(format!("{folder}/bin")),
                _ => None,
            },
            Some(_) => None,
        };
        let is_file = output.is_some_and(|output| !output.ends_with(['/', '.'])) && is_known;
        let is_whole_file =
            is_file && is_single && !script.is_branching && at.as_ref().is_some_and(|at| self.is_no_folder(at));
        // Only a folder of programs has the names of the packages.
        let source = self.files.add_source(Source::Build(number, None));
        let source = if is_single && is_file { self.files.add_source(Source::Made(vec![source])) } else { source };
        self.files.put(Entry { at: at.filter(|at| !at.contains("${")), source, is_whole_file });
        self.builds.push(build);
    }

    /// The shift of what covers a folder best: the latest of the longest.
    fn shift(&self, view: View, mounted: &[Entry], folder: &str) -> Option<Shift> {
        let mut best: Option<(bool, usize, Shift)> = None;
        for entry in mounted.iter().rev().chain(self.files.entries(view)) {
            let Some((shift, at, is_folder)) = self.shift_of(&self.files, entry) else { continue };
            if strip(folder, &shift.image).is_none() {
                continue;
            }
            let covers = is_folder && strip(folder, &at).is_some();
            let rank = (covers, if covers { at.len() } else { shift.image.len() });
            if best.as_ref().is_none_or(|(covers, length, _)| rank > (*covers, *length)) {
                best = Some((rank.0, rank.1, shift));
            }
        }
        best.map(|(_, _, shift)| shift)
    }

    /// The shift of an entry that is a part of the context as it is, where it lies, and whether it is a folder.
    fn shift_of(&self, files: &Files<'_>, entry: &Entry) -> Option<(Shift, String, bool)> {
        let Some(Source::Context(selection)) = files.source(entry.source) else { return None };
        let path = std::str::from_utf8(selection.path.strip_prefix(self.question.context)?).ok()?;
        let mut at = entry.at.clone().filter(|at| !at.contains("${"))?;
        if !selection.is_folder && last_element(&at) != last_element(path) {
            at = join(&at, last_element(path));
        }
        Some((Shift::new(&at, path), at, selection.is_folder))
    }

    /// The path of the repository that a path of the image has.
    fn repository_path(&self, shift: &Shift, path: &str) -> Option<RepoPath> {
        if path.contains("${") {
            return None;
        }
        self.question.context.join(shift.to_context(path)?.as_bytes())
    }

    fn go_target(
        &self,
        word: &Word,
        folder: &str,
        shift: Option<&Shift>,
        named_files: &mut BTreeSet<String>,
    ) -> GoTarget {
        let text = word.text.as_str();
        if text.starts_with("${") {
            return GoTarget::Unknown;
        }
        let (path, below) = match text.strip_suffix("...") {
            Some(path) => (path, true),
            None => (text, false),
        };
        let is_file = super::super::commands::is_go_file(text);
        let is_path = text.starts_with(['.', '/']) || is_file;
        if !is_path {
            let path = path.trim_end_matches('/').to_owned();
            return if path.contains("${") { GoTarget::Unknown } else { GoTarget::ImportPath { path, below } };
        }
        let mut located = join(folder, path);
        if is_file {
            named_files.insert(located.clone());
            located = located.rsplit_once('/').map_or_else(String::new, |(folder, _)| folder.to_owned());
        }
        let is_unknown = located.contains("${") || has_wildcard(&located);
        let mut unknown = located.split("${").skip(1).map(|rest| rest.split('}').next().unwrap_or_default());
        let is_parameter =
            is_unknown && !has_wildcard(&located) && unknown.all(|name| self.dockerfile.has_argument(name));
        let located: Vec<String> = located.split('/').map(super::super::context::as_pattern).collect();
        let mapped = shift.and_then(|shift| shift.to_context(&located.join("/")));
        let whole = mapped.and_then(|mapped| {
            let context = self.question.context.to_str()?;
            Some(if context.is_empty() { mapped } else { format!("{context}/{mapped}") })
        });
        match whole {
            Some(pattern) => GoTarget::Folder { pattern, below, is_unknown, is_parameter },
            None => GoTarget::Unknown,
        }
    }

    /// What a build reads beside the Go source that lies as in the repository.
    fn inputs_of_build(&mut self, build: &mut GoBuild, view: View, shift: Option<&Shift>, script: &Script<'_>) {
        build.visible = script.mounted.iter().map(|entry| entry.source).collect();
        build.visible.push(self.files.add_source(Source::All(view)));
        let entries: Vec<Entry> = script.mounted.iter().chain(self.files.entries(view)).cloned().collect();
        for entry in entries {
            let in_place =
                shift.is_some() && self.shift_of(&self.files, &entry).map(|(shift, ..)| shift).as_ref() == shift;
            if let (true, Some(Source::Context(selection))) = (in_place, self.files.source(entry.source)) {
                build.in_place.insert(selection.clone());
                continue;
            }
            let is_inside = |at: &String| shift.is_some_and(|shift| strip(at, &shift.image).is_some());
            if self.files.is_program(entry.source) {
                if entry.at.as_ref().is_some_and(is_inside) {
                    build.inputs.push(entry.source);
                }
                continue;
            }
            if is_out_of_reach(&entry, shift) || matches!(self.files.source(entry.source), Some(Source::Modules(_))) {
                continue;
            }
            build.is_rearranged |= self.may_hold_go(&entry, shift);
            build.inputs.push(entry.source);
        }
        build.is_rearranged |= build.dir.is_none();
    }

    /// Whether something that does not lie as in the repository may be Go source where the build looks for it.
    fn may_hold_go(&self, entry: &Entry, shift: Option<&Shift>) -> bool {
        let source = self.files.source(entry.source);
        let Some(at) = &entry.at else {
            return self.files.has_go(entry.source);
        };
        let Some(shift) = shift else { return true };
        if strip(&shift.image, at).is_some_and(|rest| !rest.is_empty()) {
            return self.files.has_go(entry.source);
        }
        if strip(at, &shift.image).is_none() {
            return false;
        }
        if let Some(Source::Context(_)) = source {
            return self.files.has_go(entry.source) || is_go_name(last_element(at));
        }
        let name = last_element(at);
        match name.rsplit_once('.') {
            Some((stem, _)) if !stem.is_empty() => is_go_name(name),
            _ => self.repository_path(shift, at).is_none_or(|path| (self.question.is_go_folder)(&path)),
        }
    }
}

impl GoBuild {
    /// Adds what `GOFLAGS` says, which comes before the flags of the command.
    fn add_go_flags(&mut self) {
        match self.variable("GOFLAGS").clone() {
            Setting::Unset => {}
            Setting::Known(flags) => {
                self.flags.splice(0..0, flags.split_whitespace().map(ToOwned::to_owned));
            }
            Setting::Unknown => self.has_unknown_flags = true,
        }
    }
}

/// The variables of a `go` command: of the command itself, of its script, of its stage.
fn variables(invocation: &Invocation<'_>, script: &Script<'_>) -> BTreeMap<String, Setting> {
    let mut variables: BTreeMap<String, Setting> = BTreeMap::new();
    let known = script.run.variables.known();
    variables.extend(known.map(|(name, value)| {
        let setting = if value.certainty == Certainty::Certain {
            Setting::Known(value.text.to_string())
        } else {
            Setting::Unknown
        };
        (name.to_owned(), setting)
    }));
    variables.extend(script.run.variables.unknown().map(|name| (name.to_owned(), Setting::Unknown)));
    for (name, value) in &script.assigned {
        variables.insert(name.clone(), value.clone().map_or(Setting::Unknown, Setting::Known));
    }
    for (word, name, value) in &invocation.assignments {
        let is_known = word.certainty == Certainty::Certain;
        let setting = if is_known { Setting::Known((*value).to_owned()) } else { Setting::Unknown };
        variables.insert((*name).to_owned(), setting);
    }
    variables
}

/// Whether a `go` command other than `build` and `install` leaves alone what is built.
fn is_harmless(verb: &str, words: &Words<'_>) -> bool {
    let first = words.packages.first().map(|word| word.text.as_str()).unwrap_or_default();
    match verb {
        "version" | "vet" | "clean" | "help" | "doc" | "bug" | "telemetry" => true,
        "mod" => matches!(first, "download" | "verify" | "vendor" | "graph" | "why"),
        "list" => words.flags.iter().any(|flag| flag == "-m"),
        "env" => {
            let writes = words.flags.iter().any(|flag| flag == "-w" || flag == "-u");
            let names = words.packages.iter().map(|word| word.text.split('=').next().unwrap_or_default());
            !writes || names.into_iter().all(is_about_the_network)
        }
        _ => false,
    }
}

/// The variables that decide where modules come from, and not which.
fn is_about_the_network(name: &str) -> bool {
    matches!(
        name,
        "GOPROXY"
            | "GOPRIVATE"
            | "GONOPROXY"
            | "GONOSUMDB"
            | "GOSUMDB"
            | "GONOSUMCHECK"
            | "GOINSECURE"
            | "GOAUTH"
            | "GOVCS"
            | "GOCACHE"
            | "GOMODCACHE"
            | "GOTMPDIR"
    )
}

/// Whether something lies where neither the Go source nor anything of the system is: no compiler looks there, unless
/// a flag or a `replace` line says so.
fn is_out_of_reach(entry: &Entry, shift: Option<&Shift>) -> bool {
    const SYSTEM: [&str; 11] =
        ["/usr", "/lib", "/lib64", "/etc", "/opt", "/root", "/home", "/var", "/bin", "/sbin", "/go"];
    let (Some(at), Some(shift)) = (&entry.at, shift) else { return false };
    let overlaps = |folder: &str| strip(at, folder).is_some() || strip(folder, at).is_some();
    let is_absolute = at.starts_with('/') && shift.image.starts_with('/');
    is_absolute && !overlaps(&shift.image) && !SYSTEM.iter().any(|folder| overlaps(folder))
}
