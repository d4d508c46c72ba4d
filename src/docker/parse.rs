//! Turns the bytes of a Dockerfile into a [`Dockerfile`]: stages, references, what is read from the context, commands.
//!
//! The grammar of single instructions is `parse-dockerfile`'s; this is the only file that knows that crate. Lines and
//! here-documents are split before, because the crate knows a here-document only where it starts a command.

use std::collections::{BTreeMap, BTreeSet};

use parse_dockerfile::{Command, Flag, HealthcheckArguments, Instruction as Parsed, Source, parse_iter};

use super::lines::{Line, Lines};
use super::words::{Budget, Variables, assignment, exec_form, expand, join, split_raw, split_script};
use super::{
    Action, Certainty, Copy, Dockerfile, Instruction, Mount, Nesting, Origin, Problem, Run, RunWords, Stage, Start,
    Word,
};
use crate::config::Platform;

/// The largest Dockerfile and the most stages that are read: far above any real one.
const MAX_BYTES: usize = 1 << 20;
const MAX_STAGES: usize = 500;
/// The longest word that is looked at as a path; Linux has the same limit.
const MAX_PATH: usize = 4096;

/// The longest folder that is taken for the root of the context in the image.
const MAX_ROOT: usize = 256;

/// The files that these programs read without being told.
const TOOL_FILES: [(&str, &[&str]); 3] = [
    ("make", &["GNUmakefile", "makefile", "Makefile"]),
    ("task", &["Taskfile.yml", "Taskfile.yaml"]),
    ("just", &["justfile"]),
];

/// Reads a Dockerfile that is built with these build arguments, for this platform.
pub(super) fn parse(bytes: &[u8], build_args: &BTreeMap<String, String>, platform: Option<&Platform>) -> Dockerfile {
    read(bytes, build_args, platform)
        .unwrap_or_else(|problem| Dockerfile { problem: Some(problem), ..Dockerfile::default() })
}

fn read(
    bytes: &[u8],
    build_args: &BTreeMap<String, String>,
    platform: Option<&Platform>,
) -> Result<Dockerfile, Problem> {
    if bytes.len() > MAX_BYTES {
        return Err(Problem { line: 1, message: format!("it is larger than {MAX_BYTES} bytes") });
    }
    let text = String::from_utf8_lossy(bytes);
    let lines = Lines::read(&text)?;
    let plain = lines.plain();
    let problem = |error: &parse_dockerfile::Error| Problem {
        line: error
            .line()
            .checked_sub(Lines::FIRST)
            .and_then(|at| lines.instructions.get(at))
            .map_or(1, |line| line.number),
        message: format!("{error:#}"),
    };
    let starts: Vec<usize> = std::iter::once(0).chain(plain.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let mut reader = Reader::new(&lines, &starts, build_args, platform);
    for instruction in parse_iter(&plain).map_err(|error| problem(&error))? {
        let instruction = instruction.map_err(|error| problem(&error))?;
        reader.instruction(&instruction, false)?;
    }
    Ok(reader.finish())
}

/// What a stage hands on to the stages that start from it.
#[derive(Clone, Debug, Default)]
struct State {
    variables: Variables,
    workdir: Word,
    has_odd_shell: bool,
}

struct Reader<'a> {
    lines: &'a Lines,
    /// Where the lines of the plain text start.
    starts: &'a [usize],
    build_args: &'a BTreeMap<String, String>,
    budget: Budget,
    file: Dockerfile,
    bases: BTreeSet<String>,
    image_sources: BTreeSet<String>,
    /// The `ARG`s before the first `FROM`.
    global: Variables,
    /// Where each stage ended.
    ended: Vec<State>,
    stage_names: BTreeMap<String, usize>,
    state: State,
    /// Words of instructions other than `RUN`, as they are.
    mentions: Vec<String>,
}

impl<'a> Reader<'a> {
    fn new(
        lines: &'a Lines,
        starts: &'a [usize],
        build_args: &'a BTreeMap<String, String>,
        platform: Option<&Platform>,
    ) -> Self {
        let mut state = State::default();
        for (name, value) in platform.map(platform_arguments).into_iter().flatten() {
            state.variables.set(name, &Word { text: value, ..Word::default() }, false);
        }
        Self {
            lines,
            starts,
            build_args,
            budget: Budget::new(),
            file: Dockerfile::default(),
            bases: BTreeSet::new(),
            image_sources: BTreeSet::new(),
            global: Variables::default(),
            ended: Vec::new(),
            stage_names: BTreeMap::new(),
            state,
            mentions: Vec::new(),
        }
    }

    fn instruction(&mut self, instruction: &Parsed<'_>, is_onbuild: bool) -> Result<(), Problem> {
        let (position, action) = match instruction {
            Parsed::From(from) => {
                let name = from.as_.as_ref().map(|(_, name)| name.value.to_lowercase());
                let platform = option(&from.options, "platform").map(ToOwned::to_owned);
                return self.from(&from.image.value, name, platform.as_deref(), from.from.span.start);
            }
            Parsed::Arg(arg) => {
                self.arg(&arg.arguments.value, self.line(arg.arg.span.start), is_onbuild);
                return Ok(());
            }
            Parsed::Env(env) => {
                self.env(&env.arguments.value, self.line(env.env.span.start), is_onbuild);
                return Ok(());
            }
            Parsed::Workdir(workdir) => {
                let target = self.expanded(&workdir.arguments.value);
                self.state.workdir = self.located(&target);
                self.add_root();
                (workdir.workdir.span.start, Action::Workdir(self.state.workdir.clone()))
            }
            Parsed::User(user) => (user.user.span.start, Action::User(self.expanded(&user.arguments.value))),
            Parsed::Copy(copy) => (copy.copy.span.start, self.copy(&copy.options, &copy.src, &copy.dest.value, false)),
            Parsed::Add(add) => (add.add.span.start, self.copy(&add.options, &add.src, &add.dest.value, true)),
            Parsed::Run(run) => {
                let position = run.run.span.start;
                let mounts = self.mounts(&run.options);
                (position, self.run(&run.arguments, mounts, position))
            }
            Parsed::Shell(shell) => {
                let words: Vec<String> = shell.arguments.iter().map(|word| word.value.to_string()).collect();
                self.state.has_odd_shell = !words.first().is_some_and(|program| is_posix_shell(program));
                (shell.shell.span.start, Action::Shell(words))
            }
            Parsed::Cmd(cmd) => (cmd.cmd.span.start, self.start(Start::Cmd, &cmd.arguments, cmd.cmd.span.start)),
            Parsed::Entrypoint(entry) => {
                let position = entry.entrypoint.span.start;
                (position, self.start(Start::Entrypoint, &entry.arguments, position))
            }
            Parsed::Healthcheck(check) => {
                let position = check.healthcheck.span.start;
                match &check.arguments {
                    HealthcheckArguments::Cmd { arguments, .. } => {
                        (position, self.start(Start::Healthcheck, arguments, position))
                    }
                    _ => (position, Action::Other),
                }
            }
            // The parser has no nested ONBUILD, so this goes one level deep.
            Parsed::Onbuild(onbuild) => return self.instruction(&onbuild.instruction, true),
            _ => return Ok(()),
        };
        self.push(self.line(position), is_onbuild, action);
        Ok(())
    }

    fn push(&mut self, line: usize, is_onbuild: bool, action: Action) {
        let instructions = match self.file.stages.last_mut() {
            Some(stage) => &mut stage.instructions,
            None => &mut self.file.arguments,
        };
        instructions.push(Instruction { line, is_onbuild, action });
    }

    fn line_at(&self, position: usize) -> Option<&'a Line> {
        let index = self.starts.partition_point(|start| *start <= position).checked_sub(Lines::FIRST)?;
        self.lines.instructions.get(index)
    }

    fn line(&self, position: usize) -> usize {
        self.line_at(position).map_or(1, |line| line.number)
    }

    fn expanded(&self, text: &str) -> Word {
        expand(text, &self.state.variables, self.lines.escape, &self.budget)
    }

    /// A path of the image from the working directory. Where that is not known, it stays relative.
    fn located(&self, path: &Word) -> Word {
        let workdir = &self.state.workdir;
        let certainty = if path.text.starts_with('/') { path.certainty } else { path.certainty.max(workdir.certainty) };
        let text = join(&workdir.text, &path.text);
        if text.len() > MAX_PATH {
            return Word { certainty: Certainty::Unknown, ..Word::default() };
        }
        Word { text, certainty, is_redirect: false }
    }

    fn from(
        &mut self,
        image: &str,
        name: Option<String>,
        platform: Option<&str>,
        position: usize,
    ) -> Result<(), Problem> {
        let line = self.line(position);
        if self.file.stages.len() >= MAX_STAGES {
            return Err(Problem { line, message: format!("it has more than {MAX_STAGES} stages") });
        }
        let ended = std::mem::take(&mut self.state);
        if self.file.stages.is_empty() {
            self.global = ended.variables;
        } else {
            self.ended.push(ended);
        }
        let word = expand(image, &self.global, self.lines.escape, &self.budget);
        let base = if word.certainty == Certainty::Unknown { image.to_owned() } else { word.text };
        let base_stage = self.stage_names.get(&base.to_lowercase()).copied();
        match base_stage {
            Some(earlier) => self.state = self.ended.get(earlier).cloned().unwrap_or_default(),
            None if base == "scratch" => self.state.workdir.text.push('/'),
            None => {
                if is_official_go(&base) {
                    self.state.workdir.text.push_str("/go");
                    let path = Word { text: "/go".to_owned(), ..Word::default() };
                    self.state.variables.set("GOPATH", &path, true);
                }
                self.bases.insert(base.clone());
            }
        }
        let platform = platform.map(|text| expand(text, &self.global, self.lines.escape, &self.budget));
        if let Some(name) = &name {
            self.stage_names.insert(name.clone(), self.file.stages.len());
        }
        self.file.stages.push(Stage { name, base, base_stage, platform, line, instructions: Vec::new() });
        Ok(())
    }

    fn arg(&mut self, arguments: &str, line: usize, is_onbuild: bool) {
        let is_global = self.file.stages.is_empty();
        for raw in split_raw(arguments, self.lines.escape) {
            let (name, default) = raw.split_once('=').map_or((raw, None), |(name, default)| (name, Some(default)));
            let default = default.map(|default| self.expanded(default));
            self.push(line, is_onbuild, Action::Arg { name: name.to_owned(), default: default.clone() });
            if self.state.variables.get(name).is_some_and(|value| value.is_env) {
                continue;
            }
            let global = if is_global { &self.state.variables } else { &self.global };
            let word = match (self.build_args.get(name), default, global.get(name)) {
                (Some(given), ..) => Word { text: given.clone(), ..Word::default() },
                (None, Some(default), _) => default,
                (None, None, Some(value)) => {
                    Word { text: value.text.to_string(), certainty: value.certainty, is_redirect: false }
                }
                (None, None, None) => Word { certainty: Certainty::Unknown, ..Word::default() },
            };
            self.variable(name, &word, false);
        }
    }

    fn env(&mut self, arguments: &str, line: usize, is_onbuild: bool) {
        let escape = self.lines.escape;
        let words = split_raw(arguments, escape);
        let pairs: Vec<(&str, &str)> = if words.first().is_some_and(|word| word.contains('=')) {
            words.iter().filter_map(|word| word.split_once('=')).collect()
        } else {
            // The old form: one variable, and the rest of the line is its value.
            arguments.split_once(char::is_whitespace).map(|(name, value)| (name, value.trim())).into_iter().collect()
        };
        // All values see the variables as they were before the instruction.
        let values: Vec<(String, Word)> =
            pairs.into_iter().map(|(name, value)| (self.expanded(name).text, self.expanded(value))).collect();
        for (name, word) in values {
            self.variable(&name, &word, true);
            self.push(line, is_onbuild, Action::Env(name, word));
        }
    }

    fn variable(&mut self, name: &str, word: &Word, is_env: bool) {
        self.state.variables.set(name, word, is_env);
        self.mentions.push(word.text.clone());
        if name == "GOFLAGS" {
            self.file.go_flags.push(word.clone());
        }
    }

    fn add_root(&mut self) {
        let workdir = &self.state.workdir;
        if workdir.certainty != Certainty::Unknown && workdir.text.len() <= MAX_ROOT && workdir.text.starts_with('/') {
            self.file.roots.insert(workdir.text.clone());
        }
    }

    fn copy(&mut self, options: &[Flag<'_>], sources: &[Source<'_>], target: &str, is_add: bool) -> Action {
        let from = option(options, "from").map(|from| self.expanded(from));
        let from = from.map_or(Origin::Context, |from| self.origin(from));
        let words: Vec<Word> = sources
            .iter()
            .filter_map(|source| match source {
                Source::Path(path) => Some(path.value.as_ref()),
                _ => None,
            })
            .map(|path| self.expanded(path))
            .collect();
        // What is left of a here-document's word.
        let has_document = sources.len() > words.len() || words.iter().any(|word| word.text == "<<");
        let paths = words.into_iter().map(|word| word.text.replace('\u{fffd}', "*")).filter(|path| path != "<<");
        let (remotes, sources): (Vec<String>, Vec<String>) = paths.partition(|path| is_add && is_remote(path));
        let written = self.expanded(target);
        if from == Origin::Context {
            let is_root = written.text.starts_with('/') && written.text.len() <= MAX_ROOT;
            if is_root && sources.iter().any(|source| join("", source.trim_start_matches('/')).is_empty()) {
                self.file.roots.insert(join("", &written.text));
            }
            self.mentions.extend(sources.iter().map(|source| source.trim_start_matches('/').to_owned()));
            self.mentions.push(written.text.clone());
        }
        let others = options.iter().filter_map(|option| {
            let name = option.name.value.to_ascii_lowercase();
            let value =
                option.value.as_ref().map_or_else(|| "true".to_owned(), |value| self.expanded(&value.value).text);
            (!matches!(name.as_str(), "from" | "exclude" | "parents")).then_some((name, value))
        });
        Action::Copy(Copy {
            options: others.collect(),
            excludes: options
                .iter()
                .filter(|option| option.name.value.eq_ignore_ascii_case("exclude"))
                .filter_map(|option| option.value.as_ref())
                .map(|value| value.value.trim_matches(['"', '\'']).to_owned())
                .collect(),
            keeps_parents: options.iter().any(|option| {
                let value = option.value.as_ref().map_or("true", |value| value.value.as_ref());
                option.name.value.eq_ignore_ascii_case("parents") && !matches!(value, "false" | "0")
            }),
            into_folder: written.text.ends_with(['/', '.']) || written.text.is_empty(),
            target: self.located(&written),
            from,
            sources,
            remotes,
            has_document,
            is_add,
        })
    }

    /// What `--from` names: a stage by name or number, or an image, which is remembered.
    fn origin(&mut self, from: Word) -> Origin {
        let current = self.file.stages.len().saturating_sub(1);
        let stage = match from.text.parse::<usize>() {
            Ok(number) => Some(number),
            Err(_) => self.stage_names.get(&from.text.to_lowercase()).copied(),
        };
        match stage.filter(|stage| *stage < current) {
            Some(stage) => Origin::Stage(stage),
            None => {
                if from.text != "scratch" && from.text.parse::<usize>().is_err() {
                    self.image_sources.insert(from.text.clone());
                }
                Origin::Image(from.text)
            }
        }
    }

    fn mounts(&mut self, options: &[Flag<'_>]) -> Vec<Mount> {
        let mounts = options.iter().filter(|option| option.name.value.eq_ignore_ascii_case("mount"));
        let texts: Vec<String> =
            mounts.filter_map(|option| option.value.as_ref()).map(|mount| self.expanded(&mount.value).text).collect();
        texts.iter().map(|text| self.mount(text)).collect()
    }

    fn mount(&mut self, text: &str) -> Mount {
        let mut fields: BTreeMap<String, &str> = BTreeMap::new();
        let pairs = text.split(',').map(|field| field.split_once('=').unwrap_or((field, "")));
        fields.extend(pairs.map(|(name, value)| (name.trim().to_ascii_lowercase(), value)));
        let field = |names: &[&str]| names.iter().find_map(|name| fields.get(*name).copied());
        let kind = field(&["type"]).unwrap_or("bind").to_ascii_lowercase();
        let from = field(&["from"]).map(|from| Word { text: from.to_owned(), ..Word::default() });
        let source = field(&["source", "src"]).unwrap_or(".").replace('\u{fffd}', "*");
        let target = field(&["target", "dst", "destination"]).unwrap_or_default();
        let certainty = if target.contains("${") { Certainty::Unknown } else { Certainty::Certain };
        let target = self.located(&Word { text: target.to_owned(), certainty, is_redirect: false });
        let from = from.map_or(Origin::Context, |from| self.origin(from));
        if kind == "bind" && from == Origin::Context {
            self.mentions.push(source.clone());
        }
        Mount { kind, from, source, target }
    }

    fn run(&mut self, arguments: &Command<'_>, mounts: Vec<Mount>, position: usize) -> Action {
        let line = self.line(position);
        let mut commands = self.words_of(arguments, line);
        let bodies = self.line_at(position).map(|line| &line.bodies);
        // What other programs than shells are given is no script.
        let mut readers = commands.iter().filter(|command| command.nesting == Nesting::Plain).peekable();
        let is_script = readers.peek().is_none() || readers.any(|reader| reader.words.iter().any(Word::is_shell));
        let nesting = if is_script { Nesting::Plain } else { Nesting::Guess };
        for body in bodies.into_iter().flatten() {
            commands.extend(split_script(body, nesting, line, &self.state.variables, &self.budget));
        }
        for word in commands.iter().flat_map(|command| &command.words) {
            if let Some(("GOFLAGS", flags)) = assignment(&word.text) {
                let word = Word { text: flags.to_owned(), ..word.clone() };
                self.file.go_flags.push(word);
            }
        }
        let bodies = bodies.is_some_and(|bodies| bodies.iter().any(|body| has_odd_interpreter(body)));
        Action::Run(Run {
            has_document: self.line_at(position).is_some_and(|line| !line.bodies.is_empty()),
            mounts,
            commands,
            directory: self.state.workdir.clone(),
            variables: self.state.variables.of_go(),
            has_odd_shell: bodies || self.state.has_odd_shell && !matches!(arguments, Command::Exec(_)),
        })
    }

    fn words_of(&self, command: &Command<'_>, line: usize) -> Vec<RunWords> {
        match command {
            Command::Exec(words) => {
                let words = words.value.iter().map(|word| word.value.to_string()).collect();
                exec_form(words, line, &self.state.variables, &self.budget)
            }
            Command::Shell(script) => {
                split_script(script.value, Nesting::Plain, line, &self.state.variables, &self.budget)
            }
            _ => Vec::new(),
        }
    }

    fn start(&mut self, start: Start, command: &Command<'_>, position: usize) -> Action {
        let commands = self.words_of(command, self.line(position));
        self.mentions.extend(commands.iter().flat_map(|command| &command.words).map(|word| word.text.clone()));
        Action::Start(start, commands)
    }

    fn finish(self) -> Dockerfile {
        let mut file = self.file;
        file.bases = self.bases.into_iter().collect();
        file.image_sources = self.image_sources.into_iter().collect();
        file.comments.clone_from(&self.lines.comments);
        let mut mentioned = run_paths(&file);
        for text in self.mentions.iter().chain(&file.roots) {
            mentioned.extend(pieces(text).flat_map(|piece| file.relative_forms(piece)));
        }
        mentioned.remove("");
        file.mentioned = mentioned;
        file
    }
}

/// Whether an image is Docker's own image of Go, which sets `GOPATH` to `/go` and starts there.
fn is_official_go(image: &str) -> bool {
    let name = image.split('@').next().unwrap_or_default();
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    let name = name.strip_prefix("library/").unwrap_or(name);
    name.split(':').next() == Some("golang")
}

/// The arguments that `BuildKit` sets for the platform that is built for.
fn platform_arguments(platform: &Platform) -> [(&'static str, String); 4] {
    [
        ("TARGETPLATFORM", platform.to_string()),
        ("TARGETOS", platform.os.clone()),
        ("TARGETARCH", platform.arch.clone()),
        ("TARGETVARIANT", platform.variant.clone().unwrap_or_default()),
    ]
}

/// Whether a program is a shell whose scripts are split as those of `sh`.
pub(super) fn is_posix_shell(program: &str) -> bool {
    let name = program.rsplit('/').next().unwrap_or_default();
    matches!(name, "sh" | "bash" | "ash" | "dash" | "ksh" | "zsh")
}

/// Whether the first line of a script names another interpreter than a shell.
fn has_odd_interpreter(script: &str) -> bool {
    let Some(interpreter) = script.strip_prefix("#!") else { return false };
    let mut words = interpreter.lines().next().unwrap_or_default().split_whitespace();
    let program = words.next().unwrap_or_default();
    let program = if program.ends_with("/env") { words.find(|word| !word.starts_with('-')) } else { Some(program) };
    !program.is_some_and(is_posix_shell)
}

fn option<'a>(options: &'a [Flag<'_>], name: &str) -> Option<&'a str> {
    let found = options.iter().find(|option| option.name.value.eq_ignore_ascii_case(name))?;
    found.value.as_ref().map(|value| value.value.as_ref())
}

/// The sources that `ADD` takes for a URL or a Git repository.
fn is_remote(source: &str) -> bool {
    ["http://", "https://", "git://", "ssh://", "git@", "github.com/"].iter().any(|prefix| source.starts_with(prefix))
}

/// The parts of a word that may be paths: `--config=a/b,c:d` has three.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let is_separator = |character: char| character.is_whitespace() || "=,:;@\"'()<>|&".contains(character);
    text.split(is_separator).filter(|piece| !piece.is_empty() && !piece.starts_with('-') && piece.len() <= MAX_PATH)
}

/// The paths that words of `RUN` may mean, relative to the context.
pub(super) fn run_paths(file: &Dockerfile) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for command in file.commands() {
        let mut add = |path: &str| paths.extend(file.relative_forms(path));
        for piece in command.words.iter().flat_map(|word| pieces(&word.text)) {
            add(piece);
            if !command.directory.is_empty() && !piece.starts_with('/') {
                add(&join(&command.directory, piece));
            }
        }
        for path in tool_files(command) {
            add(&path);
        }
    }
    paths
}

/// The files that `make` and its like read: `make -C dir` reads `dir/Makefile`.
fn tool_files(command: &RunWords) -> Vec<String> {
    let mut words = command.words.iter().skip_while(|word| !TOOL_FILES.iter().any(|(tool, _)| word.text == *tool));
    let Some(tool) = words.next() else { return Vec::new() };
    let folder = words.skip_while(|word| word.text != "-C").nth(1).map_or("", |word| word.text.as_str());
    let folder = join(&command.directory, folder);
    let names = TOOL_FILES.iter().filter(|(name, _)| tool.text == *name).flat_map(|(_, names)| names.iter());
    names.map(|name| join(&folder, name)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::repo::RepoPath;

    fn sources(file: &Dockerfile) -> Vec<String> {
        file.context_reads().map(|read| format!("{}: {}", read.line, read.sources.join(" | "))).collect()
    }

    #[track_caller]
    fn check_copies(dockerfile: &str, expected: &[&str]) {
        let file = Dockerfile::parse(dockerfile.as_bytes());
        assert_eq!(file.problem, None);
        assert_eq!(sources(&file), expected);
    }

    #[test]
    fn copies_from_the_context_keep_their_sources_and_lines() {
        check_copies("FROM a\nCOPY go.mod go.sum ./\nADD --chown=1:1 conf /etc/", &["2: go.mod | go.sum", "3: conf"]);
        check_copies("FROM a\nCOPY [\"a b\", \"c\", \"/x/\"]", &["2: a b | c"]);
        check_copies("FROM a\nCOPY 'a' \"b\" c\\ d /x", &["2: a | b | c | d"]);
        check_copies("FROM a AS b\nFROM c\nCOPY --from=b /x /y\nCOPY --link --chmod=755 x /y", &["4: x"]);
        check_copies("FROM a\nCOPY <<EOF <<-B /etc/\nCOPY x y\nEOF\n\tB\nCOPY z /", &["6: z"]);
        check_copies("FROM a\r\nCOPY a \\\r\n  # note\r\n  b /c\r\nCOPY d /\r\n", &["2: a | b", "5: d"]);
        check_copies("# escape=`\nFROM a\nCOPY a `\n b C:\\\nCOPY c D:\\", &["3: a | b", "5: c"]);
        check_copies("FROM a\nADD https://x.org/y git@x:y.git https://x/y.git z /", &["2: z"]);
        check_copies("FROM a\nONBUILD COPY . /app\nONBUILD RUN ls", &["2: ."]);
        check_copies("\u{feff}from a\ncopy x /", &["2: x"]);
    }

    #[test]
    fn sources_are_expanded_as_their_stage_knows_the_variables() {
        let stages = "ARG S=auth\nARG T\nFROM a AS b\nARG S\nARG T\nENV C=conf D='d d'\nCOPY $S/${C} ${T}/x $D /\n";
        check_copies(stages, &["7: auth/conf | ${T}/x | d d"]);
        check_copies(
            &format!("{stages}FROM b\nCOPY $C /\nFROM c\nCOPY $C $S /"),
            &["7: auth/conf | ${T}/x | d d", "9: conf", "11: ${C} | ${S}"],
        );
        check_copies("FROM a\nENV E one two\nARG E=no\nCOPY $E /", &["4: one two"]);
        check_copies("FROM a\nENV A=1\nENV A=2 B=$A\nCOPY $A$B /", &["4: 21"]);
    }

    #[test]
    fn build_arguments_replace_defaults_of_declared_arguments_only() {
        let args = BTreeMap::from([("S".to_owned(), "cart".to_owned()), ("N".to_owned(), "no".to_owned())]);
        let file = Dockerfile::parse_with(b"ARG S=auth\nFROM base-$S\nARG S\nCOPY $S $N /", &args, None);
        assert_eq!(sources(&file), ["4: cart | ${N}"]);
        assert_eq!(file.bases, ["base-cart"]);
    }

    #[track_caller]
    fn check_bases(dockerfile: &str, bases: &[&str], image_sources: &[&str]) {
        let file = Dockerfile::parse(dockerfile.as_bytes());
        assert_eq!(file.problem, None);
        assert_eq!((file.bases, file.image_sources), (texts(bases), texts(image_sources)));
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn bases_are_references_and_not_stages() {
        check_bases("FROM b AS x\nFROM a\nFROM X AS y\nFROM scratch\nCOPY --from=y /a /a", &["a", "b"], &[]);
        check_bases(
            "ARG V=1.25\nARG R=golang\nFROM --platform=$BUILDPLATFORM ${R}:${V}-alpine",
            &["golang:1.25-alpine"],
            &[],
        );
        check_bases("ARG V\nFROM golang:${V}\nFROM ${X:-alpine}:3", &["alpine:3", "golang:${V}"], &[]);
        check_bases("FROM a\nCOPY --from=0 /x /x\nCOPY --from=nginx:1 /x /x", &["a"], &["nginx:1"]);
        check_bases("FROM a AS s\nFROM b AS s\nFROM s", &["a", "b"], &[]);
        check_bases("FROM a\nRUN --mount=from=img,target=/x ls", &["a"], &["img"]);
    }

    #[test]
    fn stages_have_names_in_lower_case_and_lines() {
        let file = Dockerfile::parse(b"# c\nFROM a as Build\nRUN x\nFROM build");
        let stages: Vec<_> =
            file.stages.iter().map(|stage| (stage.line, stage.name.as_deref(), &*stage.base)).collect();
        assert_eq!(stages, [(2, Some("build"), "a"), (4, None, "build")]);
    }

    #[test]
    fn bind_mounts_read_the_context_unless_they_name_a_stage() {
        let text = "FROM a\nRUN --mount=type=cache,target=/x --mount=target=. --mount=type=bind,src=go.sum,target=go.sum \\\n  \
                    --mount=type=bind,from=a,source=x,target=y --mount=type=secret,id=x go build";
        let file = Dockerfile::parse(text.as_bytes());
        let binds: Vec<_> = file.context_reads().flat_map(|read| read.sources).collect();
        assert_eq!(binds, [".", "go.sum"]);
    }

    #[track_caller]
    fn check_problem(dockerfile: &str, line: usize, message: &str) {
        let problem = Dockerfile::parse(dockerfile.as_bytes()).problem;
        assert_eq!(problem, Some(Problem { line, message: message.to_owned() }));
    }

    #[test]
    fn what_does_not_parse_is_a_problem_with_its_line() {
        check_problem("", 1, "expected at least one FROM instruction");
        check_problem("FROM a\n\nRUN b \\\n c\nINCLUDE x", 5, "unknown instruction 'INCLUDE'");
        check_problem("RUN a\nFROM b", 1, "expected FROM");
        check_problem("FROM a\nCOPY b", 2, "COPY instruction requires at least two arguments");
        check_problem("FROM a\nCOPY <<E /b\nx", 2, "a here-document has no end");
        check_problem(&"FROM a\n".repeat(501), 501, "it has more than 500 stages");
        check_problem(&"#\n".repeat(1 << 20), 1, "it is larger than 1048576 bytes");
    }

    #[track_caller]
    fn check_mentions(dockerfile: &str, path: &str, expected: bool) {
        let file = Dockerfile::parse(format!("FROM a\n{dockerfile}").as_bytes());
        assert_eq!(file.problem, None);
        assert_eq!(file.mentions_path(&RepoPath::from_clean(path.as_bytes())), expected, "{path}");
    }

    #[test]
    fn paths_are_mentioned_as_words_and_as_starts_of_longer_ones() {
        let auth = "services/auth";
        check_mentions("RUN go build ./services/auth", auth, true);
        check_mentions("RUN go build services/auth/cmd/x", auth, true);
        check_mentions("RUN go build ./services/authz", auth, false);
        check_mentions("RUN go build ./x/services/auth", auth, false);
        check_mentions("COPY /services/auth/conf /x", auth, true);
        check_mentions("WORKDIR /src\nRUN cd services && make -C auth", auth, true);
        check_mentions("WORKDIR /src\nWORKDIR services/auth", auth, true);
        check_mentions("COPY . /src\nWORKDIR /src/services/auth", auth, true);
        check_mentions("WORKDIR /app\nENTRYPOINT [\"/app/services/auth\"]", auth, true);
        check_mentions("ENV PKG=./services/auth", auth, true);
        check_mentions("RUN --mount=type=bind,source=services/auth,target=. x", auth, true);
        check_mentions("ARG N=auth\nRUN go build ./services/$N", auth, true);
        check_mentions("LABEL x=services/auth", auth, false);
        check_mentions("RUN x", "", false);
    }

    #[test]
    fn bytes_that_are_no_text_become_wildcards() {
        let file = Dockerfile::parse(b"FROM a\n# \xff\nCOPY a\xffb /");
        assert_eq!(sources(&file), ["3: a*b"]);
    }

    #[test]
    fn hostile_files_take_linear_time() {
        let texts = [
            "FROM a AS b\nENV A=x$A$A$A$A\n",
            "FROM b AS b\nENV A1=1\n",
            "WORKDIR ../aaaaaaaaaaaaaaaaaaa/b\nRUN cd /a/b/c;\n",
            "COPY <<E <<E /\nE\nE\n",
            "RUN \\\n\\\n#\n",
            "RUN [\"a\",\n",
            "RUN /a/a/a/a/a/a/a/a/a/a/a/a $(cd x/$A)\n",
            "E\\\nN\\\nV a=$a$a\n",
        ];
        for text in texts {
            Dockerfile::parse(format!("FROM a AS b\nENV A=aaaaaaaaaa\n{}", text.repeat(4000)).as_bytes());
        }
    }

    fn token() -> impl Strategy<Value = String> {
        let tokens = vec![
            "FROM ",
            "a ",
            "AS ",
            "b",
            "\n",
            "\n",
            "RUN ",
            "COPY ",
            "ADD ",
            "ENV ",
            "ARG ",
            "ONBUILD ",
            "--from=",
            "--mount=",
            "<<EOF",
            "<<-",
            "EOF",
            "\\\n",
            "\\",
            "`",
            "\"",
            "'",
            "$",
            "${",
            "}",
            "$(",
            ")",
            ":-",
            "[",
            "]",
            ", ",
            "=",
            "x",
            "./",
            "../",
            "*",
            "/",
            "# escape=`\n",
            "#",
            "\r\n",
            "\t",
            "é",
            "\u{0}",
            "go build ",
            "-tags ",
            "cd ",
            "HEALTHCHECK ",
            "CMD ",
            "SHELL ",
            "WORKDIR ",
            "type=bind,source=",
            "make ",
            " > ",
            "\u{feff}",
            "<<",
        ];
        proptest::sample::select(tokens).prop_map(str::to_owned)
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(tokens in proptest::collection::vec(token(), 0..60)) {
            let file = Dockerfile::parse(format!("FROM a\n{}", tokens.concat()).as_bytes());
            file.build_tags();
            file.go_build_targets();
            Dockerfile::parse(tokens.concat().as_bytes());
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            Dockerfile::parse(&bytes);
        }
    }
}
