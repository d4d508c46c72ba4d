//! Turns a Dockerfile and its context into what reaches the image: parts of the context, and what the Go compiler made.
//!
//! It follows files through stages: what `COPY` puts where, what commands make of it, what a later stage takes. What a
//! command does that it does not know is taken for everything that it could do. It reads names and links of the tree
//! only, and resolves no Go package.

mod files;
mod go_build;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use self::files::{Blame, Entry, Files, Hit, HitPlace, Reached, Source, SourceId, View, strip};
use super::context::{Context, Match, Matches};
use super::shell::{self, CONFIGURATION, Effect, PROGRAM_FOLDERS, SYSTEM, Tool};
use super::words::{assignment, is_keyword, join};
use super::{
    Action, Certainty, Copy, Dockerfile, Ignore, Instruction, Mount, Nesting, Origin, Run, RunWords, Stage, Word,
};
use crate::repo::{RepoPath, Tree, TreeError};

pub use self::files::{Excludes, Selection};
pub use self::go_build::{GoBuild, GoTarget, Setting};

/// How many builds of one Dockerfile are told apart when it is asked what they could read.
const MAX_READERS: usize = 64;

/// What is asked of a Dockerfile.
#[derive(Clone, Copy)]
pub struct TraceQuestion<'a> {
    /// The tree.
    pub tree: &'a dyn Tree,
    /// The build context.
    pub context: &'a RepoPath,
    /// The `.dockerignore`.
    pub ignore: &'a Ignore,
    /// The stage that is built, if not the last.
    pub target: Option<&'a str>,
    /// Whether a folder, or one below it, holds Go source of a module.
    pub is_go_folder: &'a dyn Fn(&RepoPath) -> bool,
}

/// What reaches an image.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// The parts of the context that reach it otherwise than through the Go compiler.
    pub selections: BTreeSet<Selection>,
    /// The Go builds whose programs reach it, in order.
    pub builds: Vec<GoBuild>,
    /// What the user should know, in the order of lines.
    pub notes: Vec<DockerNote>,
}

/// Something the user should know about a Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DockerNote {
    /// Where it is about, from 1.
    pub line: usize,
    /// What it is.
    pub message: String,
}

/// Follows the files of the context to the image.
///
/// # Errors
/// [`TreeError`] if the tree cannot be read.
pub fn trace(dockerfile: &Dockerfile, question: &TraceQuestion<'_>) -> Result<Trace, TreeError> {
    let mut tracer = Tracer {
        dockerfile,
        question: *question,
        context: Context::new(question.tree, question.context, question.ignore),
        files: Files::new(question.is_go_folder),
        builds: Vec::new(),
        remarks: Remarks::default(),
        base_on_host: false,
        changed_go_env: BTreeSet::new(),
    };
    let target = tracer.target();
    for stage in dockerfile.stages.iter().take(target + 1) {
        tracer.stage(stage)?;
    }
    Ok(tracer.finish(target))
}

/// The files and folders of a selection of the context, as the `.dockerignore` leaves them, and the folders that were
/// not looked into because Git ignores them.
///
/// # Errors
/// [`TreeError`] if the tree cannot be read.
pub fn selected_files(
    question: &TraceQuestion<'_>,
    selection: &Selection,
) -> Result<(Vec<RepoPath>, Vec<RepoPath>), TreeError> {
    Context::new(question.tree, question.context, question.ignore).files(selection)
}

struct Tracer<'a> {
    dockerfile: &'a Dockerfile,
    question: TraceQuestion<'a>,
    context: Context<'a>,
    files: Files<'a>,
    builds: Vec<GoBuild>,
    remarks: Remarks,
    /// Whether the stage runs on the platform of the machine that builds.
    base_on_host: bool,
    /// The stages where `go env -w` was run.
    changed_go_env: BTreeSet<usize>,
}

/// What was met on the way, by line.
#[derive(Default)]
struct Remarks {
    missing: BTreeSet<(usize, String)>,
    unknown: BTreeSet<(usize, String)>,
    escaping: BTreeSet<(usize, String)>,
    ignored: BTreeSet<(usize, String)>,
    too_many: BTreeSet<(usize, String)>,
    other: Vec<DockerNote>,
}

impl Tracer<'_> {
    /// The position of the stage that is built (`docker build --target`).
    fn target(&mut self) -> usize {
        let last = self.dockerfile.stages.len().saturating_sub(1);
        let Some(name) = self.question.target else { return last };
        let by_name =
            self.dockerfile.stages.iter().position(|stage| stage.name.as_deref() == Some(&name.to_lowercase()));
        let by_number = name.parse().ok().filter(|number| *number <= last);
        by_name.or(by_number).unwrap_or_else(|| {
            let message = format!("there is no stage {name}, which `target` names, so the last one is looked at");
            self.remarks.other.push(DockerNote { line: 1, message });
            last
        })
    }

    fn stage(&mut self, stage: &Stage) -> Result<(), TreeError> {
        let parent = stage.base_stage.map(|base| self.files.view(base));
        self.files.add_stage(parent);
        if stage.base_stage.is_some_and(|base| self.changed_go_env.contains(&base)) {
            self.changed_go_env.insert(self.now().stage);
        }
        let runs_on_host =
            |stage: &Stage| stage.platform.as_ref().is_some_and(|word| word.text.contains("BUILDPLATFORM"));
        let mut base = Some(stage);
        self.base_on_host = false;
        // Positions of base stages only get smaller.
        while let Some(here) = base {
            self.base_on_host |= runs_on_host(here);
            base = here.base_stage.and_then(|base| self.dockerfile.stages.get(base));
        }
        if stage.base_stage.is_none() && may_name_stage(&stage.base) {
            // Which image that is nobody knows; it may be an earlier stage.
            let earlier = self.now().stage;
            for stage in 0..earlier {
                let source = self.files.add_source(Source::All(self.files.view(stage)));
                self.put(None, source);
            }
        }
        let triggers = stage.base_stage.and_then(|base| self.dockerfile.stages.get(base));
        let triggers = triggers.into_iter().flat_map(|base| &base.instructions).filter(|trigger| trigger.is_onbuild);
        let own = stage.instructions.iter().filter(|instruction| !instruction.is_onbuild);
        for instruction in triggers.chain(own) {
            self.instruction(instruction)?;
        }
        Ok(())
    }

    fn instruction(&mut self, instruction: &Instruction) -> Result<(), TreeError> {
        match &instruction.action {
            Action::Copy(copy) => self.copy(copy, instruction.line),
            Action::Run(run) => self.run(run, instruction.line),
            _ => Ok(()),
        }
    }

    fn now(&self) -> View {
        self.files.now()
    }

    fn put(&mut self, at: Option<String>, source: SourceId) {
        self.files.put(Entry { at, source, is_whole_file: false });
    }

    fn copy(&mut self, copy: &Copy, line: usize) -> Result<(), TreeError> {
        let verb = if copy.is_add { "ADD" } else { "COPY" };
        match &copy.from {
            Origin::Context => {
                for source in &copy.sources {
                    for entry in self.context_entries(source, &Placing::of_copy(copy), line, verb)? {
                        self.files.put(entry);
                    }
                }
            }
            Origin::Stage(stage) => {
                let view = self.files.view(*stage);
                for source in &copy.sources {
                    for entry in self.stage_entries(view, source, &Placing::of_copy(copy))? {
                        self.files.put(entry);
                    }
                }
            }
            Origin::Image(image) if may_name_stage(image) => self.copy_from_any_stage(copy),
            Origin::Image(_) => {}
        }
        Ok(())
    }

    /// `COPY --from=$X`: nobody knows which stage or image.
    fn copy_from_any_stage(&mut self, copy: &Copy) {
        for stage in 0..self.now().stage {
            let source = self.files.add_source(Source::All(self.files.view(stage)));
            self.put(known(&copy.target), source);
        }
    }

    /// What a source of the context puts where.
    fn context_entries(
        &mut self,
        source: &str,
        placing: &Placing<'_>,
        line: usize,
        verb: &str,
    ) -> Result<Vec<Entry>, TreeError> {
        let label = || (line, format!("{verb} {}", shown(source)));
        let matches = self.context.matches(source)?;
        let is_unknown = source.contains("${");
        if is_unknown {
            self.remarks.unknown.insert(label());
        }
        if matches.gave_up {
            self.remarks.too_many.insert(label());
        }
        if matches.found.is_empty() && matches.escaping.is_empty() && !is_unknown && !has_wildcard(source) {
            self.remarks.missing.insert(label());
        }
        self.remarks.ignored.extend(matches.ignored.iter().map(|folder| (line, folder.to_string())));
        self.remarks.escaping.extend(matches.escaping.iter().map(|link| (line, link.to_string())));
        let mut entries = Vec::new();
        for link in &matches.links {
            let link = self.files.add_source(Source::Context(Selection::file(link.clone())));
            let source = self.files.add_source(Source::Made(vec![link]));
            entries.push(Entry { at: placing.target.clone(), source, is_whole_file: false });
        }
        if matches.gave_up {
            let whole = self.files.add_source(Source::Context(Selection::folder(self.question.context.clone())));
            entries.push(Entry { at: placing.target.clone(), source: whole, is_whole_file: false });
        }
        for found in matches.found {
            // An archive is unpacked into the target, another file lies in it.
            let at =
                if placing.unpacks && !found.is_folder { placing.target.clone() } else { placing.of(&found, source) };
            let path = found.path;
            // Files are never excluded; with `--parents` patterns have another root, so none is applied.
            let is_excluding = found.is_folder && !placing.keeps_parents;
            let excludes = (is_excluding && !placing.excludes.is_empty())
                .then(|| Excludes { folder: path.clone(), patterns: placing.excludes.to_vec() });
            let selection = Selection { path, is_folder: found.is_folder, is_named: found.is_named, excludes };
            let mut source = self.files.add_source(Source::Context(selection));
            if is_unknown || placing.unpacks && !found.is_folder {
                source = self.files.add_source(Source::Made(vec![source]));
            }
            entries.push(Entry { at, source, is_whole_file: false });
        }
        Ok(entries)
    }

    /// What a path of another stage puts where.
    fn stage_entries(&mut self, view: View, path: &str, placing: &Placing<'_>) -> Result<Vec<Entry>, TreeError> {
        // Sources in stages are relative to the root.
        let asked = if path.contains("${") { path.to_owned() } else { join("/", path) };
        let hits = self.files.lookup(view, &[], &asked);
        let mut entries = Vec::new();
        for hit in hits {
            let is_plain = !has_wildcard(path) && !placing.keeps_parents && placing.excludes.is_empty();
            entries.extend(self.placed(&hit, &asked, placing, is_plain)?);
        }
        Ok(entries)
    }

    /// Puts what a question found to another place.
    fn placed(
        &mut self,
        hit: &Hit,
        asked: &str,
        placing: &Placing<'_>,
        is_plain: bool,
    ) -> Result<Vec<Entry>, TreeError> {
        let is_folder = |source: &Source| matches!(source, Source::Context(selection) if selection.is_folder);
        let mut entries = Vec::new();
        for (source, place) in self.narrowed(hit, asked)? {
            let folder = self.files.source(source).is_some_and(is_folder);
            let at = match (&placing.target, &place) {
                (Some(target), HitPlace::Below(rest)) if !rest.is_empty() => Some(join(target, rest)),
                (Some(target), HitPlace::Below(_)) if !folder && placing.into_folder => {
                    let is_file = matches!(self.files.source(source), Some(Source::Context(_)));
                    if !is_file && !hit.is_whole_file {
                        // It may be a folder, whose contents go into the target.
                        entries.push(Entry { at: Some(target.clone()), source, is_whole_file: false });
                    }
                    Some(join(target, last_element(asked)))
                }
                (target, _) => target.clone(),
            };
            let is_precise = is_plain && matches!(place, HitPlace::Below(_));
            let source = if is_precise { source } else { self.files.add_source(Source::Made(vec![source])) };
            entries.push(Entry {
                at,
                source,
                is_whole_file: is_precise
                    && hit.is_whole_file
                    && placing.target.as_deref().is_some_and(|target| self.is_no_folder(target)),
            });
        }
        Ok(entries)
    }

    /// What of a hit lies at the path that was asked for: of a folder of the context only that part.
    fn narrowed(&mut self, hit: &Hit, asked: &str) -> Result<Vec<(SourceId, HitPlace)>, TreeError> {
        let whole = vec![(hit.source, hit.place.clone())];
        let HitPlace::Above(rest) = &hit.place else { return Ok(whole) };
        match self.files.source(hit.source).cloned() {
            Some(Source::Context(selection)) if selection.is_folder => self.part_of(&selection, rest, hit.source),
            Some(Source::Build(build, None)) if !has_wildcard(asked) => {
                let name = last_element(rest).to_owned();
                let part = self.files.add_source(Source::Build(build, Some(name)));
                Ok(vec![(part, HitPlace::Below(String::new()))])
            }
            _ => Ok(whole),
        }
    }

    fn part_of(
        &mut self,
        selection: &Selection,
        rest: &str,
        whole: SourceId,
    ) -> Result<Vec<(SourceId, HitPlace)>, TreeError> {
        let Some(below) = selection.path.strip_prefix(self.question.context) else {
            return Ok(vec![(whole, HitPlace::Somewhere)]);
        };
        let below = String::from_utf8_lossy(below);
        if below.contains('\u{fffd}') {
            return Ok(vec![(whole, HitPlace::Somewhere)]);
        }
        let pattern = if below.is_empty() { rest.to_owned() } else { format!("{}/{rest}", escaped(&below)) };
        let pattern = if has_wildcard(rest) { pattern } else { format!("{below}/{rest}") };
        let Matches { found, links, escaping, gave_up, .. } = self.context.matches(&pattern)?;
        if gave_up || !escaping.is_empty() {
            return Ok(vec![(whole, HitPlace::Somewhere)]);
        }
        let mut parts = Vec::new();
        for link in links {
            let link = self.files.add_source(Source::Context(Selection::file(link)));
            parts.push((link, HitPlace::Somewhere));
        }
        for Match { path, is_folder, is_named, .. } in found {
            let selection = Selection { path, is_folder, is_named, excludes: selection.excludes.clone() };
            parts.push((self.files.add_source(Source::Context(selection)), HitPlace::Below(String::new())));
        }
        Ok(parts)
    }

    fn run(&mut self, run: &Run, line: usize) -> Result<(), TreeError> {
        let mounted = self.mounts(&run.mounts, line)?;
        if run.has_odd_shell {
            self.anything(line, "a shell that is not known".to_owned(), &mounted);
            return Ok(());
        }
        let mut script = Script {
            run,
            line,
            mounted,
            own_programs: BTreeSet::new(),
            flowing: None,
            all_read: None,
            assigned: BTreeMap::new(),
            is_branching: run.commands.iter().any(is_branch),
            has_unknown_variables: false,
            is_taken: false,
        };
        script.own_programs = self.own_programs(&script);
        // What substitutions read is there before the commands that they are part of run.
        let (before, then): (Vec<&RunWords>, Vec<&RunWords>) =
            run.commands.iter().partition(|command| command.nesting == Nesting::Substitution);
        // What a loop reads is there before its body runs.
        for command in
            then.iter().filter(|command| command.words.first().is_some_and(|word| is_end_of_group(&word.text)))
        {
            let folder = join(&run.directory.text, &command.directory);
            let words = command.words.iter().filter(|word| word.is_redirect);
            let paths: BTreeSet<String> = words.map(|word| shell::located_path(&folder, &word.text)).collect();
            let sources = self.read(&paths, &script)?;
            self.flow(sources, &mut script);
        }
        let mut is_fed = false;
        // Scripts within scripts come after their own commands here, and substitutions before all others: a second
        // round sees what they wrote.
        let has_scripts =
            run.has_document || run.commands.iter().any(|command| command.words.iter().any(Word::is_shell));
        let rounds = if has_scripts || !before.is_empty() { 2 } else { 1 };
        let commands: Vec<&RunWords> = before.into_iter().chain(then).collect();
        for command in commands.iter().copied().cycle().take(commands.len() * rounds) {
            let has_input = is_fed || command.words.iter().any(|word| word.is_redirect);
            if command.nesting == Nesting::Plain && has_input && shell::reads_script(command) {
                self.anything(line, "a script from elsewhere".to_owned(), &script.mounted);
            }
            is_fed = command.is_piped;
            self.command(command, &mut script)?;
        }
        Ok(())
    }

    /// What the bind mounts put where, for one `RUN`.
    fn mounts(&mut self, mounts: &[Mount], line: usize) -> Result<Vec<Entry>, TreeError> {
        let mut mounted = Vec::new();
        for mount in mounts.iter().filter(|mount| matches!(mount.kind.as_str(), "bind" | "cache")) {
            let placing = Placing::of_mount(mount);
            match &mount.from {
                Origin::Context if mount.kind == "bind" => {
                    mounted.extend(self.context_entries(&mount.source, &placing, line, "RUN --mount")?);
                }
                Origin::Stage(stage) => {
                    mounted.extend(self.stage_entries(self.files.view(*stage), &mount.source, &placing)?);
                }
                Origin::Image(image) if may_name_stage(image) => {
                    for stage in 0..self.now().stage {
                        let source = self.files.add_source(Source::All(self.files.view(stage)));
                        mounted.push(Entry { at: known(&mount.target), source, is_whole_file: false });
                    }
                }
                _ => {}
            }
        }
        Ok(mounted)
    }

    /// The folders where programs are looked for, if something that is not of the system lies in one.
    fn own_programs(&mut self, script: &Script<'_>) -> BTreeSet<String> {
        let path = script.run.variables.get("PATH").map(|path| path.text.to_string());
        let assigned = script.run.commands.iter().flat_map(|command| &command.words).filter_map(|word| {
            assignment(&word.text).filter(|(name, _)| *name == "PATH").map(|(_, value)| value.to_owned())
        });
        let paths: Vec<String> = path.into_iter().chain(assigned).collect();
        let own = paths.iter().flat_map(|path| path.split(':')).filter(|folder| !folder.is_empty());
        let own = own.filter(|folder| !folder.contains("${")).map(|folder| join(&script.run.directory.text, folder));
        let folders = PROGRAM_FOLDERS.iter().map(|folder| (*folder).to_owned()).chain(own);
        let folders: BTreeSet<String> = folders.collect();
        folders.into_iter().filter(|folder| !self.certain_hits(script, folder).is_empty()).collect()
    }

    /// What is known to lie at a path or below it, or to be a folder above it that has it.
    fn certain_hits(&mut self, script: &Script<'_>, path: &str) -> Vec<SourceId> {
        let hits = self.files.lookup(self.now(), &script.mounted, path);
        let mut found = Vec::new();
        for hit in hits {
            if hit.place == HitPlace::Somewhere || self.files.is_program(hit.source) {
                continue;
            }
            let parts = self.narrowed(&hit, path).unwrap_or_else(|_| vec![(hit.source, hit.place.clone())]);
            found.extend(parts.into_iter().map(|(source, _)| source));
        }
        found
    }

    fn command(&mut self, command: &RunWords, script: &mut Script<'_>) -> Result<(), TreeError> {
        let folder = join(&script.run.directory.text, &command.directory);
        let effect = shell::effect(command);
        let program =
            command.words.iter().map(|word| &word.text).find(|word| assignment(word).is_none() && !is_keyword(word));
        if !script.own_programs.is_empty()
            && let Some(program) = program.filter(|program| !program.contains('/'))
            && !shell::is_builtin(program)
            && self.is_shadowed(script, program)
        {
            self.anything(script.line, program.clone(), &script.mounted);
            return Ok(());
        }
        script.assign(command);
        let is_printed = |word: &Word| word.is_redirect && !word.text.starts_with("/dev/");
        script.is_taken =
            command.is_piped || command.nesting == Nesting::Substitution || command.words.iter().any(is_printed);
        match effect {
            Effect::Nothing => {
                self.decided(command, &folder, program, script);
                self.redirected(command, &folder, Vec::new(), script);
            }
            Effect::Files(tool) => self.files_of_tool(command, &folder, tool, script)?,
            Effect::Packages => self.packages(command, &folder, script),
            Effect::Go(invocation) => self.go(&invocation, &folder, script)?,
            Effect::Anything(name) => self.anything(script.line, name, &script.mounted),
        }
        Ok(())
    }

    fn is_shadowed(&mut self, script: &Script<'_>, program: &str) -> bool {
        script.own_programs.iter().any(|folder| !self.certain_hits(script, &format!("{folder}/{program}")).is_empty())
    }

    /// Whether nothing says that a path is a folder, so that a file of that name replaces what is there.
    fn is_no_folder(&mut self, path: &str) -> bool {
        let is_below = |other: &str| strip(other, path).is_some();
        let is_made = |commands: &[RunWords]| {
            commands.iter().flat_map(|command| &command.words).any(|word| {
                last_element(&word.text) == last_element(path) && {
                    commands.iter().any(|command| {
                        command.words.iter().any(|word| matches!(word.text.as_str(), "mkdir" | "install"))
                    })
                }
            })
        };
        let is_folder = self.dockerfile.instructions().any(|(_, instruction)| match &instruction.action {
            Action::Workdir(folder) => is_below(&folder.text),
            Action::Run(run) => is_made(&run.commands),
            _ => false,
        });
        let view = self.now();
        !is_folder
            && self
                .files
                .lookup(view, &[], path)
                .iter()
                .all(|hit| hit.is_whole_file || matches!(hit.place, HitPlace::Above(_)))
    }

    fn anything(&mut self, line: usize, command: String, mounted: &[Entry]) {
        let view = self.now();
        if self.files.is_empty(view) && mounted.is_empty() {
            return;
        }
        let mounted = mounted.iter().map(|entry| entry.source).collect();
        let blame = Blame { line, command };
        let source = self.files.add_source(Source::Anything { view, mounted, blame });
        self.put(None, source);
    }

    /// Everything that paths come from, as far as it is known.
    fn read(&mut self, paths: &BTreeSet<String>, script: &Script<'_>) -> Result<Vec<SourceId>, TreeError> {
        let mut sources = Vec::new();
        for path in paths {
            if path.contains("${") {
                sources.push(self.files.add_source(Source::All(self.now())));
                sources.extend(script.mounted.iter().map(|entry| entry.source));
                continue;
            }
            for hit in self.files.lookup(self.now(), &script.mounted, path) {
                sources.extend(self.narrowed(&hit, path)?.into_iter().map(|(source, _)| source));
            }
        }
        sources.sort_unstable();
        sources.dedup();
        Ok(sources)
    }

    /// Lets sources go into pipes and variables.
    fn flow(&mut self, sources: Vec<SourceId>, script: &mut Script<'_>) {
        if !sources.is_empty() {
            let flowing = sources.into_iter().chain(script.flowing).collect();
            script.flowing = Some(self.files.add_source(Source::Made(flowing)));
        }
    }

    fn files_of_tool(
        &mut self,
        command: &RunWords,
        folder: &str,
        tool: Tool,
        script: &mut Script<'_>,
    ) -> Result<(), TreeError> {
        if command.words.iter().any(|word| word.text == "ln") {
            self.link(command, folder);
        }
        if tool == Tool::Last && script.flowing.is_none() && self.moved(command, folder, script)? {
            return Ok(());
        }
        let mut paths: BTreeSet<String> = shell::paths(command, folder).collect();
        let lists = command.words.iter().any(|word| matches!(word.text.as_str(), "ls" | "find" | "du"));
        if lists && shell::file_arguments(command).next().is_none() {
            paths.insert(folder.to_owned());
        }
        let sources = self.read(&paths, script)?;
        if sources.is_empty() && script.flowing.is_none() {
            return Ok(());
        }
        // Whether a file is there, or what it holds, may decide what the rest of the script does.
        let decides = tool == Tool::Variables || tool == Tool::Prints && script.is_branching;
        let flows = decides || command.is_piped || command.nesting == Nesting::Substitution;
        if flows && tool != Tool::Last {
            self.flow(sources.clone(), script);
        }
        let arguments = || shell::file_arguments(command);
        let written: Vec<&Word> = match tool {
            Tool::Prints | Tool::Variables | Tool::Loose => Vec::new(),
            Tool::Folder if !shell::unpacks(command) => arguments().collect(),
            Tool::Arguments => arguments().collect(),
            Tool::Last => {
                let into = command.words.iter().skip_while(|word| word.text != "-t").nth(1);
                into.or_else(|| arguments().next_back()).into_iter().collect()
            }
            Tool::Folder => {
                let into = command.words.iter().skip_while(|word| !matches!(word.text.as_str(), "-C" | "-d")).nth(1);
                into.into_iter().collect()
            }
            Tool::Runs if sources.is_empty() => return Ok(()),
            Tool::Runs => {
                let name = command.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
                self.anything(script.line, name, &script.mounted);
                return Ok(());
            }
        };
        let mut of = sources;
        of.extend(script.flowing);
        if !of.is_empty() && !shell::has_plain_target(command, tool) {
            let made = self.files.add_source(Source::Made(of.clone()));
            self.put(None, made);
        }
        let written: BTreeSet<String> = match (tool, written.is_empty()) {
            (Tool::Folder, true) if shell::unpacks(command) => BTreeSet::from([folder.to_owned()]),
            _ => written.into_iter().map(|word| shell::located_path(folder, &word.text)).collect(),
        };
        if !written.is_empty() && !of.is_empty() {
            let made = self.files.add_source(Source::Made(of.clone()));
            for path in written {
                self.put(Some(path).filter(|path| !path.contains("${")), made);
            }
        }
        self.redirected(command, folder, of, script);
        Ok(())
    }

    /// What a command that reads nothing writes, where what was read before decides what that is, or whether it runs.
    fn decided(&mut self, command: &RunWords, folder: &str, program: Option<&String>, script: &Script<'_>) {
        let is_step = command.nesting == Nesting::Plain && !command.is_label;
        let is_program = program.is_some_and(|program| !shell::is_builtin(program));
        let Some(made) = script.flowing.filter(|_| is_step && is_program) else { return };
        let words: BTreeSet<String> =
            shell::file_arguments(command).map(|word| shell::located_path(folder, &word.text)).collect();
        for path in words {
            self.put(Some(path).filter(|path| !path.contains("${")), made);
        }
    }

    /// A link may be filled later, and be used to fill what it leads to.
    fn link(&mut self, command: &RunWords, folder: &str) {
        const PLACES: [&str; 9] =
            ["/etc", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/share", "/usr/local/bin", "/bin", "/sbin", "/lib"];
        let words: Vec<&Word> = shell::file_arguments(command).collect();
        let mut places: BTreeSet<String> = words.iter().map(|word| shell::located_path(folder, &word.text)).collect();
        if places.iter().all(|path| PLACES.iter().any(|system| strip(path, system).is_some())) {
            return;
        }
        match &words[..] {
            [target] => drop(places.insert(join(folder, last_element(&target.text)))),
            [targets @ .., link] => {
                // What a link leads to is relative to its own folder.
                let link = shell::located_path(folder, &link.text);
                let above = link.rsplit_once('/').map_or("", |(above, _)| above).to_owned();
                for target in targets.iter().filter(|target| !target.text.starts_with('/')) {
                    places.insert(join(&format!("{above}/"), &target.text));
                    places.insert(join(&link, last_element(&target.text)));
                }
            }
            [] => {}
        }
        let source = self.files.add_source(Source::Link);
        for place in places {
            self.put(Some(place).filter(|place| !place.contains("${")), source);
        }
    }

    /// Follows `cp`, `mv` and `ln`, which leave files as they are; `false` if it is not known what goes where.
    fn moved(&mut self, command: &RunWords, folder: &str, script: &Script<'_>) -> Result<bool, TreeError> {
        let mut words: Vec<&Word> =
            command.words.iter().skip(1).filter(|word| !word.text.starts_with('-') && !word.is_redirect).collect();
        let is_plain = words.iter().all(|word| word.certainty == Certainty::Certain && !word.text.contains("${"));
        let is_plain = is_plain
            && shell::has_plain_target(command, Tool::Last)
            && words.iter().all(|word| shell::located_path(folder, &word.text) != "${}");
        let Some(target) = words.pop().filter(|_| is_plain) else { return Ok(false) };
        let target = shell::located_path(folder, &target.text);
        let mut moved = Vec::new();
        for word in words {
            let path = shell::located_path(folder, &word.text);
            for hit in self.files.lookup(self.now(), &script.mounted, &path) {
                for (source, place) in self.narrowed(&hit, &path)? {
                    moved.push((path.clone(), source, place));
                }
            }
        }
        for (path, source, place) in moved {
            let rest = match place {
                HitPlace::Below(rest) if !has_wildcard(&path) => rest,
                _ => {
                    let source = self.files.add_source(Source::Made(vec![source]));
                    self.put(Some(target.clone()), source);
                    continue;
                }
            };
            // Whether the target is a folder already is not known: both places count.
            for place in [target.clone(), join(&target, last_element(&path))] {
                self.put(Some(join(&place, &rest)), source);
            }
        }
        Ok(true)
    }

    /// What a command prints into files.
    fn redirected(&mut self, command: &RunWords, folder: &str, mut of: Vec<SourceId>, script: &mut Script<'_>) {
        of.extend(script.flowing);
        let targets: Vec<String> =
            command.words.iter().filter(|word| word.is_redirect).map(|word| join(folder, &word.text)).collect();
        // What whole groups of commands print may come from any of them.
        let is_group = command.words.first().is_none_or(|word| word.is_redirect || is_end_of_group(&word.text));
        if is_group {
            of.extend(self.read_by_all(folder, script));
        }
        let targets: Vec<String> = targets.into_iter().filter(|target| !target.starts_with("/dev/")).collect();
        if of.is_empty() || targets.is_empty() {
            return;
        }
        let made = self.files.add_source(Source::Made(of));
        for target in targets {
            self.put(Some(target).filter(|target| !target.contains("${")), made);
        }
    }

    /// What the commands of a script read, Go builds aside.
    fn read_by_all(&mut self, folder: &str, script: &mut Script<'_>) -> Vec<SourceId> {
        if script.all_read.is_none() {
            let mut paths = BTreeSet::new();
            for other in script.run.commands.iter().filter(|other| !matches!(shell::effect(other), Effect::Go(_))) {
                paths.extend(shell::paths(other, folder));
            }
            let read = self.read(&paths, script).unwrap_or_default();
            let is_nothing = read.is_empty();
            let made = self.files.add_source(Source::Made(read));
            script.all_read = Some(if is_nothing { Vec::new() } else { vec![made] });
        }
        script.all_read.clone().unwrap_or_default()
    }

    fn packages(&mut self, command: &RunWords, folder: &str, script: &Script<'_>) {
        let mut of = Vec::new();
        for path in CONFIGURATION {
            of.extend(self.certain_hits(script, path));
        }
        let configured = of.len();
        let paths: BTreeSet<String> = shell::paths(command, folder).collect();
        for path in paths.iter().filter(|path| !path.contains("${")) {
            of.extend(self.certain_hits(script, path));
        }
        // What a file of the context says, or is, may be installed anywhere.
        let named = of.len() > configured || script.flowing.is_some() && command.nesting == Nesting::Plain;
        of.extend(script.flowing);
        if !of.is_empty() {
            let made = self.files.add_source(Source::Made(of));
            if named {
                self.put(None, made);
            }
            for place in SYSTEM {
                self.put(Some(place.to_owned()), made);
            }
        }
    }

    fn finish(mut self, target: usize) -> Trace {
        let whole = self.files.add_source(Source::All(self.files.view(target)));
        let inputs = |build: usize| self.builds.get(build).map(|build| build.inputs.clone()).unwrap_or_default();
        let Reached { selections, builds, blames } = self.files.reach(vec![whole], &inputs);
        let mut reached = Vec::new();
        for (at, names) in builds {
            let Some(mut build) = self.builds.get(at).cloned() else { continue };
            build.names = names;
            if reached.len() < MAX_READERS {
                build.readable = self.files.reach(build.visible.clone(), &inputs).selections;
            } else {
                build.readable = BTreeSet::from([Selection::folder(self.question.context.clone())]);
            }
            reached.push(build);
        }
        let notes = self.remarks.notes(&blames, !selections.is_empty());
        Trace { selections, builds: reached, notes }
    }
}

/// One `RUN` while it is followed.
struct Script<'a> {
    run: &'a Run,
    line: usize,
    mounted: Vec<Entry>,
    own_programs: BTreeSet<String>,
    /// What has gone into pipes and variables.
    flowing: Option<SourceId>,
    /// What all its commands read, once that was asked for.
    all_read: Option<Vec<SourceId>>,
    /// What the script has assigned to variables of the `go` command; `None` if it is not known.
    assigned: BTreeMap<String, Option<String>>,
    /// Whether some commands may not be reached.
    is_branching: bool,
    /// Whether it may have set any variable.
    has_unknown_variables: bool,
    /// Whether what the command at hand prints goes anywhere.
    is_taken: bool,
}

impl Script<'_> {
    fn assign(&mut self, command: &RunWords) {
        if command.nesting != Nesting::Plain {
            return;
        }
        let lead = command.words.iter().take_while(|word| is_keyword(&word.text)).count();
        let rest = command.words.get(lead..).unwrap_or_default();
        let first = rest.first().map(|word| word.text.as_str()).unwrap_or_default();
        if first == "unset" {
            for word in rest.iter().skip(1).filter(|word| super::words::is_go_variable(&word.text)) {
                self.assigned.insert(word.text.clone(), (!self.is_branching).then(String::new));
            }
            return;
        }
        let is_export = matches!(first, "export" | "declare" | "readonly" | "local");
        let words = || rest.iter().skip(usize::from(is_export));
        if is_export && words().any(|word| word.text.starts_with("${")) {
            self.has_unknown_variables = true;
        }
        if !is_export && !words().all(|word| assignment(&word.text).is_some()) {
            return;
        }
        for (word, (name, value)) in words().filter_map(|word| Some((word, assignment(&word.text)?))) {
            let is_known = word.certainty == Certainty::Certain && is_export && !self.is_branching;
            if super::words::is_go_variable(name) {
                self.assigned.insert(name.to_owned(), is_known.then(|| value.to_owned()));
            }
        }
    }
}

fn is_branch(command: &RunWords) -> bool {
    let first = command.words.first().map(|word| word.text.as_str()).unwrap_or_default();
    let lead = command.words.iter().find(|word| !is_keyword(&word.text)).map(|word| word.text.as_str());
    let is_test = matches!(lead.unwrap_or_default(), "[" | "[[" | "test" | "grep" | "cmp" | "diff" | "find");
    command.is_conditional || is_test || matches!(first, "if" | "case" | "while" | "until" | "!")
}

fn is_end_of_group(word: &str) -> bool {
    matches!(word, "done" | "fi" | "esac" | "}" | "exec")
}

/// Where an instruction puts what it copies.
struct Placing<'a> {
    /// The target; `None` if it is not known.
    target: Option<String>,
    /// Whether the target is a folder for sure.
    into_folder: bool,
    keeps_parents: bool,
    excludes: &'a [String],
    /// Whether archives are unpacked, so that what is put there is not what was copied.
    unpacks: bool,
}

impl<'a> Placing<'a> {
    fn of_copy(copy: &'a Copy) -> Self {
        Self {
            target: known(&copy.target),
            into_folder: copy.into_folder || copy.sources.len() > 1,
            keeps_parents: copy.keeps_parents,
            excludes: &copy.excludes,
            unpacks: copy.is_add,
        }
    }

    fn of_mount(mount: &Mount) -> Self {
        Self { target: known(&mount.target), into_folder: false, keeps_parents: false, excludes: &[], unpacks: false }
    }

    /// Where a match of a source goes.
    fn of(&self, found: &Match, source: &str) -> Option<String> {
        let target = self.target.as_deref()?;
        if self.keeps_parents {
            // `a/./b/c` keeps what stands behind the pivot.
            let pivot = source.find("/./").map(|at| join("", source.get(..at).unwrap_or_default()));
            let kept = pivot.as_deref().and_then(|pivot| strip(&found.name, pivot.trim_start_matches('/')));
            return Some(join(target, kept.unwrap_or(&found.name)));
        }
        if found.is_folder || !(self.into_folder || has_wildcard(source)) {
            return Some(target.to_owned());
        }
        Some(join(target, last_element(&found.name)))
    }
}

impl Remarks {
    fn notes(self, blames: &BTreeSet<Blame>, has_files: bool) -> Vec<DockerNote> {
        let mut notes = self.other;
        let mut add = |labels: &BTreeSet<(usize, String)>, says: &str| {
            if let Some((line, _)) = labels.first() {
                notes.push(DockerNote { line: *line, message: format!("{}: {says}", enumerate(labels)) });
            }
        };
        add(
            &self.unknown,
            "a variable has no known value, so all that the path could match counts; set it under build-args",
        );
        add(
            &self.missing,
            "no such file in the context, so what it is made of is not seen; a program that is built outside counts if \
             `package` names it, other sources if `inputs` does",
        );
        add(&self.too_many, "there are too many files to compare, so the whole context counts");
        add(&self.ignored, "ignored by Git and not looked into; list the files that matter under inputs");
        add(&self.escaping, "a link that leads out of the repository or in a circle; only the link is seen");
        if has_files && let Some(first) = blames.first() {
            let commands: BTreeSet<(usize, String)> =
                blames.iter().map(|blame| (blame.line, format!("`{}`", blame.command))).collect();
            let message = format!(
                "{} may read every file that is copied before it, so all of them count; to narrow this, copy less before \
                 it, or set docker-inputs = \"none\" and list what matters under inputs",
                enumerate(&commands)
            );
            notes.push(DockerNote { line: first.line, message });
        }
        notes.sort();
        notes
    }
}

/// The first three of a list, and how many more there are; with their lines, unless that is the line of the first.
fn enumerate(labels: &BTreeSet<(usize, String)>) -> String {
    let first = labels.first().map(|(line, _)| *line);
    let shown = labels.iter().take(3).map(|(line, label)| match first {
        Some(first) if first != *line => format!("{label} at line {line}"),
        _ => label.clone(),
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    match labels.len().saturating_sub(3) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Whether a reference with variables that are not known may turn out to be the name of a stage: those have no `/`, `:`
/// and `@` (`instructions/parse.go` of `BuildKit`).
fn may_name_stage(reference: &str) -> bool {
    let mut rest = reference;
    let mut is_inside = false;
    let has_variable = reference.contains('$');
    while let Some(character) = rest.chars().next() {
        match character {
            '{' => is_inside = true,
            '}' => is_inside = false,
            '/' | ':' | '@' if !is_inside => return false,
            _ => {}
        }
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
    }
    has_variable
}

fn known(word: &Word) -> Option<String> {
    (word.certainty != Certainty::Unknown && !word.text.contains("${")).then(|| word.text.clone())
}

fn has_wildcard(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

fn escaped(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for character in path.chars() {
        if "*?[\\".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

fn last_element(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn shown(source: &str) -> String {
    let short: String = source.chars().take(100).collect();
    if short.is_empty() { "\"\"".to_owned() } else { RepoPath::from_clean(short.as_bytes()).to_string() }
}
