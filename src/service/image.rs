//! Turns the trace of a service's Dockerfile into what the service is made of: the parts of the context that reach its
//! image, and how its program is really built. Where the Dockerfile and the configuration disagree, a note says so.
//!
//! Where it cannot say for sure what a Go build reads, everything that the build could read counts.

use std::collections::{BTreeMap, BTreeSet};

use super::flags::{BuildFlags, Pgo};
use super::{Program, minimum_minor, read_bytes};
use crate::config::{GoSettings, ImageSettings, Platform, WorkspaceMode};
use crate::docker::{
    DockerNote, Dockerfile, GoBuild, GoTarget, Ignore, Selection, Setting, TagMention, TraceQuestion, dockerignore_of,
    trace,
};
use crate::go::folder::GoFolder;
use crate::go::mode::{ModFlag, Mode};
use crate::go::modfile::Replace;
use crate::go::workspace::Workspace;
use crate::repo::{RepoPath, TreeError};
use crate::service::target::TargetSpec;

/// The variables that set what the compiler makes of the same files, and which files those are.
const LEVELS: [&str; 11] = [
    "GO386",
    "GOAMD64",
    "GOARM",
    "GOARM64",
    "GOMIPS",
    "GOMIPS64",
    "GOPPC64",
    "GORISCV64",
    "GOWASM",
    "GOEXPERIMENT",
    "GO111MODULE",
];

/// What the Dockerfile of a service says.
#[derive(Debug, Default)]
pub struct ServiceImage {
    /// The Dockerfile, for the first platform.
    pub parsed: Dockerfile,
    /// The `.dockerignore`.
    pub ignore_file: Option<RepoPath>,
    /// The rules of the `.dockerignore`.
    pub ignore: Ignore,
    /// The parts of the context that reach the image otherwise than through the Go closure.
    pub selections: BTreeSet<Selection>,
    /// What the user should know.
    pub notes: Vec<DockerNote>,
}

/// What an image is made from.
pub(super) struct ImageRequest<'a> {
    pub(super) dockerfile: &'a RepoPath,
    pub(super) context: &'a RepoPath,
    pub(super) image: &'a ImageSettings,
    pub(super) go: &'a GoSettings,
}

/// A Go build that reaches the image when it is built for a platform.
struct Reached {
    platform: Platform,
    build: GoBuild,
}

/// Follows the Dockerfile of a service for each platform, and amends how its program is built.
pub(super) fn trace_image(
    workspace: &Workspace<'_>,
    request: &ImageRequest<'_>,
    program: Option<&mut Program>,
) -> Result<ServiceImage, TreeError> {
    let ignore_file = dockerignore_of(workspace.tree(), request.dockerfile, request.context)?;
    let ignore = match &ignore_file {
        Some(path) => Ignore::parse(&read_bytes(workspace, path)?.unwrap_or_default()),
        None => Ignore::default(),
    };
    let mut found = ServiceImage { ignore_file, ignore, ..ServiceImage::default() };
    let bytes = read_bytes(workspace, request.dockerfile)?.unwrap_or_default();
    let is_per_platform = bytes.windows(6).any(|word| word == b"TARGET");
    let platforms = request.go.platforms.iter().take(if is_per_platform { usize::MAX } else { 1 });
    let mut reached = Vec::new();
    for (number, platform) in platforms.enumerate() {
        let parsed = Dockerfile::parse_with(&bytes, &request.image.build_args, Some(platform));
        let question = TraceQuestion {
            tree: workspace.tree(),
            context: request.context,
            ignore: &found.ignore,
            target: request.image.target.as_deref(),
            is_go_folder: &|folder| workspace.has_source_within(folder),
        };
        let traced = trace(&parsed, &question)?;
        found.selections.extend(traced.selections);
        found.notes.extend(traced.notes);
        reached.extend(traced.builds.into_iter().map(|build| Reached { platform: platform.clone(), build }));
        if number == 0 {
            found.parsed = parsed;
        }
    }
    let builds = Builds { workspace, request, ignore: &found.ignore, reached, doubts: BTreeMap::new() };
    let (selections, notes) = builds.judge(program, &found.parsed)?;
    found.selections.extend(selections);
    found.notes.extend(notes);
    found.notes.sort();
    found.notes.dedup();
    Ok(found)
}

struct Builds<'a> {
    workspace: &'a Workspace<'a>,
    request: &'a ImageRequest<'a>,
    ignore: &'a Ignore,
    reached: Vec<Reached>,
    /// The builds of which all that they could read counts, by position, and why.
    doubts: BTreeMap<usize, String>,
}

impl Builds<'_> {
    /// Amends the program, and says what counts beside its closure.
    fn judge(
        mut self,
        program: Option<&mut Program>,
        parsed: &Dockerfile,
    ) -> Result<(BTreeSet<Selection>, Vec<DockerNote>), TreeError> {
        let mut notes = Vec::new();
        let Some(program) = program else {
            for at in 0..self.reached.len() {
                self.doubt(at, "the service has no `package`");
            }
            return Ok((self.doubtful(), self.notes(notes)));
        };
        let others = self.other_programs(program)?;
        let own: Vec<usize> = (0..self.reached.len()).filter(|at| self.builds_program(*at, program)).collect();
        if own.is_empty() {
            self.settle_without_build(program, parsed);
            if let Some(first) = self.reached.first() {
                let message = format!(
                    "this builds {}, and not {}, which `package` names; both count",
                    Self::shown(&first.build),
                    program.dir
                );
                notes.push(DockerNote { line: first.build.line, message });
            }
        } else {
            self.settle(program, &own, &mut notes)?;
        }
        program.others = others;
        self.check_files()?;
        self.check_replacements(program);
        self.check_places();
        Ok((self.doubtful(), self.notes(notes)))
    }

    fn doubt(&mut self, at: usize, why: &str) {
        self.doubts.entry(at).or_insert_with(|| why.to_owned());
    }

    /// All that the builds in doubt could read.
    fn doubtful(&self) -> BTreeSet<Selection> {
        self.doubts.keys().filter_map(|at| self.reached.get(*at)).flat_map(|it| it.build.readable.clone()).collect()
    }

    fn notes(&self, mut notes: Vec<DockerNote>) -> Vec<DockerNote> {
        notes.extend(self.doubts.iter().filter_map(|(at, why)| {
            let build = &self.reached.get(*at)?.build;
            // What is fetched while the image is built has nothing of the context.
            if build.readable.is_empty() {
                return None;
            }
            let message = format!("{why}, so all files that this `go build` could read count");
            Some(DockerNote { line: build.line, message })
        }));
        notes
    }

    fn shown(build: &GoBuild) -> String {
        let shown = |target: &GoTarget| match target {
            GoTarget::Folder { pattern, below: true, .. } => format!("{pattern}/..."),
            GoTarget::Folder { pattern, .. } if pattern.is_empty() => ".".to_owned(),
            GoTarget::Folder { pattern, .. } => pattern.clone(),
            GoTarget::ImportPath { path, .. } => path.clone(),
            GoTarget::Unknown => "a package that is not known".to_owned(),
        };
        build.targets.iter().map(shown).collect::<Vec<_>>().join(", ")
    }

    /// Whether a build may make the program of the service.
    fn builds_program(&self, at: usize, program: &Program) -> bool {
        let Some(Reached { build, .. }) = self.reached.get(at) else { return false };
        if !is_taken(build, &self.file_name(&program.dir)) {
            return false;
        }
        build.targets.iter().any(|target| match target {
            GoTarget::Folder { .. } => target.has_folder(&program.dir),
            GoTarget::ImportPath { path, below } => self
                .folder_of(path)
                .is_some_and(|(folder, _)| folder == program.dir || *below && program.dir.is_within(&folder)),
            GoTarget::Unknown => true,
        })
    }

    /// The folder that an import path has in the repository, and its module.
    fn folder_of(&self, path: &str) -> Option<(RepoPath, RepoPath)> {
        let candidates = self.workspace.modules().values().filter_map(|module| {
            let rest = path.strip_prefix(module.path()).filter(|_| !module.path().is_empty())?;
            (rest.is_empty() || rest.starts_with('/')).then_some((module, rest.trim_start_matches('/')))
        });
        let (module, rest) = candidates.max_by_key(|(module, _)| module.path().len())?;
        Some((module.dir.join(rest.as_bytes())?, module.dir.clone()))
    }

    /// What `go build` names the program of a folder (cmd/go/internal/load `DefaultExecName`).
    fn file_name(&self, dir: &RepoPath) -> String {
        let module = self.workspace.module_of(dir);
        let below = module.and_then(|module| dir.strip_prefix(&module.dir)).unwrap_or_default();
        let below = String::from_utf8_lossy(below);
        let path = module.map_or_else(String::new, |module| format!("{}/{below}", module.path()));
        let mut elements = path.split('/').rev().filter(|element| !element.is_empty());
        let last = elements.next().unwrap_or_default();
        let is_version = last
            .strip_prefix('v')
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
        if is_version { elements.next().unwrap_or(last) } else { last }.to_owned()
    }

    /// The folders of the other programs that reach the image.
    fn other_programs(&mut self, program: &Program) -> Result<Vec<RepoPath>, TreeError> {
        let mut found = BTreeSet::new();
        for at in 0..self.reached.len() {
            let targets = self.reached[at].build.targets.clone();
            for target in &targets {
                match self.programs_of(target, program)? {
                    Ok(programs) => {
                        let build = &self.reached[at].build;
                        found.extend(programs.into_iter().filter(|dir| is_taken(build, &self.file_name(dir))));
                    }
                    Err(why) => self.doubt(at, why),
                }
            }
        }
        found.remove(&program.dir);
        Ok(found.into_iter().collect())
    }

    /// The programs of the service's module that a target means, or why that cannot be said.
    fn programs_of(
        &self,
        target: &GoTarget,
        program: &Program,
    ) -> Result<Result<Vec<RepoPath>, &'static str>, TreeError> {
        const ELSEWHERE: &str = "what it builds is no program of the module of `package`";
        let (pattern, below) = match target {
            GoTarget::Unknown => return Ok(Err("which package it builds is not known")),
            GoTarget::Folder { is_parameter: true, .. } if target.has_folder(&program.dir) => {
                return Ok(Ok(Vec::new()));
            }
            GoTarget::Folder { pattern, below, is_unknown, .. } => (pattern.clone(), *below || *is_unknown),
            GoTarget::ImportPath { path, below } => match self.folder_of(path) {
                Some((folder, _)) => (String::from_utf8_lossy(folder.as_bytes()).into_owned(), *below),
                None => return Ok(Err(ELSEWHERE)),
            },
        };
        if !below {
            let dir = RepoPath::from_clean(pattern.as_bytes());
            return Ok(if self.is_program(program, &dir)? { Ok(vec![dir]) } else { Err(ELSEWHERE) });
        }
        let as_folders = match target {
            GoTarget::Folder { .. } => target.clone(),
            _ => GoTarget::Folder { pattern, below: true, is_unknown: false, is_parameter: false },
        };
        // `./...` never leaves the module that it starts in.
        let packages = self.workspace.packages().filter(|(folder, _)| as_folders.has_folder(&folder.path));
        let packages = packages.filter(|(_, module)| module.dir == program.module);
        let mains = packages.map(|(folder, _)| folder).filter(|folder| self.is_main(program, folder));
        Ok(Ok(mains.map(|folder| folder.path.clone()).collect()))
    }

    /// Whether a folder holds a program of the service's own module.
    fn is_program(&self, program: &Program, dir: &RepoPath) -> Result<bool, TreeError> {
        if self.workspace.module_of(dir).is_none_or(|module| module.dir != program.module) {
            return Ok(false);
        }
        Ok(self.workspace.folder(dir)?.is_some_and(|folder| self.is_main(program, &folder)))
    }

    fn is_main(&self, program: &Program, folder: &GoFolder) -> bool {
        let minor = minimum_minor(self.workspace, &folder.path);
        program.targets.iter().any(|target| folder.package(&target.resolve(minor)).is_main())
    }

    /// How a program is built that no `go build` of the Dockerfile is seen to build: by a script, or outside.
    fn settle_without_build(&self, program: &mut Program, parsed: &Dockerfile) {
        program.targets = TargetSpec::all(self.request.go, &program.flags, &parsed.build_tags());
    }

    /// How a program is built by builds that are seen.
    fn settle(&mut self, program: &mut Program, own: &[usize], notes: &mut Vec<DockerNote>) -> Result<(), TreeError> {
        let mut go = self.request.go.clone();
        self.settle_flags(program, own, &mut go);
        let mention = self.settle_tags(own, &mut go, notes);
        self.settle_cgo(own, &mut go, notes);
        self.settle_platforms(own, &mut go, notes);
        program.targets = TargetSpec::all(&go, &program.flags, &mention);
        self.settle_modes(program, own, notes)
    }

    fn builds(&self, own: &[usize]) -> Vec<&Reached> {
        own.iter().filter_map(|at| self.reached.get(*at)).collect()
    }

    fn settle_flags(&mut self, program: &mut Program, own: &[usize], go: &mut GoSettings) {
        let mut all: Vec<BuildFlags> = Vec::new();
        for at in own {
            let Some(Reached { build, .. }) = self.reached.get(*at) else { continue };
            let mut words = build.flags.clone();
            let mut unknown: Vec<&str> = Vec::new();
            for name in LEVELS {
                match build.variable(name) {
                    Setting::Known(value) => words.push(format!("{name}={value}")),
                    Setting::Unknown => unknown.push(name),
                    Setting::Unset => {}
                }
            }
            for name in ["CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_CXXFLAGS", "CGO_LDFLAGS", "CC", "CXX", "GOENV"] {
                match build.variable(name) {
                    Setting::Known(value) => words.push(format!("{name}={value}")),
                    Setting::Unknown if name.starts_with("CGO_") => unknown.push(name),
                    Setting::Unknown | Setting::Unset => {}
                }
            }
            unknown.extend(["GOOS", "GOARCH"].iter().filter(|name| *build.variable(name) == Setting::Unknown));
            let mut flags = BuildFlags::parse(&words);
            if !flags.opaque.is_empty() {
                let why = format!("{} may make the compiler read other files", flags.opaque.join(", "));
                self.doubt(*at, &why);
            } else if !unknown.is_empty() {
                let names = unknown.join(", ");
                self.doubt(*at, &format!("the value of {names} is not known (`build-args` may say it)"));
            }
            flags.opaque.clear();
            if matches!(flags.pgo, Pgo::File(_)) {
                // The file is an input of the build already; the one beside the program is not read.
                flags.pgo = Pgo::Off;
            }
            all.push(flags);
        }
        let Some(first) = all.first() else { return };
        if all.iter().any(|other| other != first) {
            for at in own {
                self.doubt(*at, "the program is built in several ways");
            }
            return;
        }
        // What the configuration says beyond that is taken for what the Dockerfile hides.
        if go.flags.is_empty() {
            program.flags = first.clone();
        } else if program.flags != *first {
            for at in own {
                self.doubt(*at, "`[go] flags` and the Dockerfile name different flags");
            }
        }
    }

    fn settle_tags(&self, own: &[usize], go: &mut GoSettings, notes: &mut Vec<DockerNote>) -> TagMention {
        let builds = self.builds(own);
        let mut sets = builds.iter().map(|it| tags_of(&it.build.flags));
        let Some(first) = sets.next() else { return TagMention::default() };
        let (mut common, mut any) = (first.clone(), first);
        for tags in sets {
            common.retain(|tag| tags.contains(tag));
            any.extend(tags);
        }
        let unknowable = builds.iter().any(|it| it.build.has_unknown_flags);
        let configured: BTreeSet<String> = go.build_tags.iter().cloned().collect();
        if !configured.is_empty() {
            if !unknowable
                && (common != configured || any != configured)
                && let Some(build) = builds.first()
            {
                let shown = |tags: &BTreeSet<String>| {
                    let tags = tags.iter().cloned().collect::<Vec<_>>().join(", ");
                    if tags.is_empty() { "no tags".to_owned() } else { format!("the tags {tags}") }
                };
                let message = format!(
                    "this builds with {}, and `build-tags` says {}; files of either count",
                    shown(&any),
                    shown(&configured)
                );
                notes.push(DockerNote { line: build.build.line, message });
            }
            any.extend(configured.iter().cloned());
            common.retain(|tag| configured.contains(tag));
        }
        let names = any.difference(&common).cloned().collect();
        go.build_tags = common.into_iter().collect();
        TagMention { names, unknowable }
    }

    fn settle_cgo(&self, own: &[usize], go: &mut GoSettings, notes: &mut Vec<DockerNote>) {
        let builds = self.builds(own);
        let said: BTreeSet<Option<bool>> = builds
            .iter()
            .map(|it| match it.build.variable("CGO_ENABLED") {
                Setting::Known(value) if value == "0" => Some(false),
                Setting::Known(value) if value == "1" => Some(true),
                _ => None,
            })
            .collect();
        let other = said.iter().flatten().find(|said| go.cgo.is_some_and(|cgo| cgo != **said));
        if let (Some(other), Some(build)) = (other, builds.first()) {
            let word = |on: bool| if on { "on" } else { "off" };
            let message = format!(
                "this builds with cgo {}, and `cgo` says {}; files of either count",
                word(*other),
                word(!*other)
            );
            notes.push(DockerNote { line: build.build.line, message });
            go.cgo = None;
        } else if go.cgo.is_none() && said.len() == 1 {
            go.cgo = said.into_iter().next().flatten();
        }
    }

    fn settle_platforms(&self, own: &[usize], go: &mut GoSettings, notes: &mut Vec<DockerNote>) {
        let mut platforms: Vec<Platform> = Vec::new();
        let mut add = |platform: Platform| {
            if !platforms.contains(&platform) {
                platforms.push(platform);
            }
        };
        for Reached { platform, build } in self.builds(own) {
            let value = |name: &str, unset: &str| match build.variable(name) {
                Setting::Known(value) if !value.is_empty() => value.clone(),
                _ => unset.to_owned(),
            };
            let is_unset = |name| matches!(build.variable(name), Setting::Unset);
            // One build may stand for all platforms, where the Dockerfile names none.
            let meant: Vec<&Platform> =
                go.platforms.iter().filter(|other| *other == platform || !self.is_traced(other)).collect();
            for platform in meant {
                if build.is_cross {
                    add(platform.clone());
                    continue;
                }
                let (os, arch) = (value("GOOS", &platform.os), value("GOARCH", &platform.arch));
                let is_same = os == platform.os && arch == platform.arch;
                let variant = if is_same { platform.variant.clone() } else { None };
                add(Platform { os: os.clone(), arch: arch.clone(), variant });
                let says = if !is_same {
                    Some(format!(
                        "this builds for {os}/{arch} when the image is for {platform}; the files of {os}/{arch} count"
                    ))
                } else if build.runs_on_host && is_unset("GOARCH") {
                    for arch in ["amd64", "arm64"] {
                        add(Platform { os: os.clone(), arch: arch.to_owned(), variant: None });
                    }
                    Some(format!(
                        "this builds for the machine that builds the image, and not for {platform}: set GOARCH=$TARGETARCH"
                    ))
                } else {
                    None
                };
                notes.extend(says.map(|message| DockerNote { line: build.line, message }));
            }
        }
        go.platforms = platforms;
    }

    /// Whether the Dockerfile was followed for a platform by itself.
    fn is_traced(&self, platform: &Platform) -> bool {
        self.reached.iter().any(|it| it.platform == *platform)
    }

    /// Which go.work or go.mod the builds find, and whether they find the vendor folder.
    fn settle_modes(
        &mut self,
        program: &mut Program,
        own: &[usize],
        notes: &mut Vec<DockerNote>,
    ) -> Result<(), TreeError> {
        let mut found: BTreeSet<&Mode> = BTreeSet::new();
        let mut line = 1;
        for Reached { build, .. } in self.builds(own) {
            line = build.line;
            found.extend(program.modes.iter().filter(|mode| self.may_be_in_force(build, mode)));
        }
        let is_auto = self.request.go.workspace == WorkspaceMode::Auto;
        if found.is_empty() {
            let message = match program.modes.first() {
                Some(Mode::Workspace(dir)) => {
                    format!(
                        "{} is not there when this builds, or GOWORK=off; yet `workspace` asks for it",
                        dir.child(b"go.work")
                    )
                }
                _ => "a go.work is in force here, which `workspace` = \"off\" leaves out".to_owned(),
            };
            notes.push(DockerNote { line, message });
            if !is_auto {
                for at in own {
                    self.doubt(*at, "`workspace` is not what the Dockerfile does");
                }
            }
        } else {
            program.modes = found.into_iter().cloned().collect();
        }
        if program.flags.mod_flag == ModFlag::Auto {
            self.settle_vendoring(program, own)?;
        }
        Ok(())
    }

    fn may_be_in_force(&self, build: &GoBuild, mode: &Mode) -> bool {
        let work_file = match mode {
            Mode::Workspace(dir) => Some(dir.clone()),
            Mode::Module(dir) => self.workspace.work_file_of(dir).map(|file| file.dir.clone()),
        };
        let is_there = match (build.variable("GOWORK"), work_file) {
            (Setting::Known(value), _) if value == "off" => Some(false),
            (Setting::Known(value), _) if !value.is_empty() => None,
            (Setting::Unknown, _) => None,
            (_, None) => Some(false),
            (_, Some(_)) if build.dir.is_none() => None,
            (_, Some(dir)) => Some(self.sees(build, &dir.child(b"go.work"))),
        };
        is_there.is_none_or(|is_there| is_there == matches!(mode, Mode::Workspace(_)))
    }

    /// A vendor folder that the build does not find decides nothing.
    fn settle_vendoring(&self, program: &mut Program, own: &[usize]) -> Result<(), TreeError> {
        for mode in &program.modes {
            let (Mode::Workspace(dir) | Mode::Module(dir)) = mode;
            let list = dir.child(b"vendor").child(b"modules.txt");
            if self.workspace.tree().entry(&list)?.is_some()
                && self.builds(own).iter().all(|it| it.build.dir.is_some() && !self.sees(&it.build, &list))
            {
                program.flags.mod_flag = ModFlag::Readonly;
            }
        }
        Ok(())
    }

    fn sees(&self, build: &GoBuild, path: &RepoPath) -> bool {
        build.sees(path, |path| self.is_hidden(path))
    }

    fn is_hidden(&self, path: &RepoPath) -> bool {
        path.strip_prefix(self.request.context).is_some_and(|below| self.ignore.excludes(below))
    }

    /// A file that is named is compiled even if its constraint says no, and so is what it imports.
    fn check_files(&mut self) -> Result<(), TreeError> {
        for at in 0..self.reached.len() {
            for file in self.reached[at].build.files.clone() {
                let bytes = read_bytes(self.workspace, &file)?.unwrap_or_default();
                let has_constraint =
                    bytes.windows(6).any(|word| word == b"+build") || bytes.windows(8).any(|word| word == b"go:build");
                if has_constraint || file.name().contains(&b'_') {
                    self.doubt(at, "it is given files that Go may leave out of their package");
                }
            }
        }
        Ok(())
    }

    /// A folder that replaces a module must lie where the go.mod says, as seen from where that lies in the image.
    fn check_replacements(&mut self, program: &Program) {
        let used = program.modes.iter().filter_map(|mode| match mode {
            Mode::Workspace(dir) => self.workspace.work_files().get(dir),
            Mode::Module(_) => None,
        });
        let mut replaced: BTreeSet<RepoPath> = BTreeSet::new();
        for file in used {
            let folders = file.go_work.replaces.iter().filter_map(Replace::folder);
            replaced.extend(folders.filter_map(|folder| file.dir.join(folder.as_bytes())));
        }
        if let Some(module) = self.workspace.modules().get(&program.module) {
            let folders = module.go_mod.replaces.iter().filter_map(Replace::folder);
            replaced.extend(folders.filter_map(|folder| module.dir.join(folder.as_bytes())));
        }
        for at in 0..self.reached.len() {
            let build = &self.reached[at].build;
            let list = program.module.child(b"vendor").child(b"modules.txt");
            let is_elsewhere = |folder: &RepoPath| {
                self.workspace.modules().contains_key(folder) && !self.sees(build, &folder.child(b"go.mod"))
            };
            if !self.sees(build, &list) && replaced.iter().any(is_elsewhere) {
                self.doubt(at, "a folder that replaces a module is not where the repository has it");
            }
        }
    }

    /// Source that comes without its go.mod would belong to another module than in the repository.
    fn check_places(&mut self) {
        for at in 0..self.reached.len() {
            let build = &self.reached[at].build;
            if build.is_rearranged {
                self.doubt(at, "Go source lies elsewhere than in the repository, or is made on the way");
                continue;
            }
            let mut is_whole = true;
            for selection in build.in_place() {
                let owner = self.workspace.module_of(&selection.path);
                let has_go = if selection.is_folder {
                    self.workspace.has_source_within(&selection.path)
                } else {
                    selection.path.name().ends_with(b".go")
                };
                is_whole &= !has_go || owner.is_none_or(|module| self.sees(build, &module.file()));
                if !self.ignore.is_empty() && selection.is_folder {
                    let mut nested =
                        self.workspace.modules().values().filter(|module| module.dir.is_within(&selection.path));
                    is_whole &=
                        nested.all(|module| !self.is_hidden(&module.file()) || self.ignore_hides_all(&module.dir));
                }
            }
            if !is_whole {
                self.doubt(at, "a go.mod is left out, though packages of its module are copied");
            }
        }
    }

    fn ignore_hides_all(&self, dir: &RepoPath) -> bool {
        dir.strip_prefix(self.request.context).is_some_and(|below| self.ignore.excludes_all_below(below))
    }
}

/// Whether a program of this file name is one of those that reach the image.
fn is_taken(build: &GoBuild, name: &str) -> bool {
    let is_taken =
        |names: &BTreeSet<String>| names.iter().any(|taken| taken == name || taken.strip_suffix(".exe") == Some(name));
    build.has_files || build.names.as_ref().is_none_or(is_taken)
}

/// The tags that flags set; the last `-tags` counts.
fn tags_of(flags: &[String]) -> BTreeSet<String> {
    let mut tags = BTreeSet::new();
    for flag in flags {
        let name = flag.trim_start_matches('-');
        if let Some(value) = name.strip_prefix("tags=") {
            let names = value.split(|character: char| character == ',' || character.is_whitespace());
            let is_name = |tag: &&str| {
                !tag.is_empty() && tag.chars().all(|character| character.is_alphanumeric() || "_.".contains(character))
            };
            tags = names.filter(is_name).map(ToOwned::to_owned).collect();
        }
    }
    tags
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::go::workspace::Workspace;
    use crate::repo::MemoryTree;
    use crate::service::{Service, Services};

    /// Service `a` of two modules and a go.work, for the lines of a Dockerfile before its last stage, with more
    /// configuration of the service.
    fn service(lines: &str, settings: &str) -> Service {
        let program = "package main\nfunc main() {}\n";
        let mut tree = MemoryTree::new();
        tree.insert("go.work", "go 1.24\nuse (\n.\n./other\n)\n");
        tree.insert("go.mod", "module ex.io/m\ngo 1.24\n");
        tree.insert("other/go.mod", "module ex.io/m/other\ngo 1.24\n");
        for dir in ["cmd/a", "cmd/b", "tools/gen", "other"] {
            tree.insert(&format!("{dir}/main.go"), program);
        }
        tree.insert("lib/lib.go", "package lib\n");
        tree.insert("notes.txt", "");
        let text = format!("FROM golang AS build\nWORKDIR /src\n{lines}\nFROM scratch\nCOPY --from=build /out /\n");
        tree.insert("cmd/a/Dockerfile", text);
        let config = format!("[services.a]\npackage = \"cmd/a\"\n{settings}\n");
        let workspace = Workspace::scan(&tree).unwrap();
        let found = Services::find(&Config::parse(config.as_bytes()).unwrap(), &workspace).unwrap();
        assert_eq!(found.problems, []);
        found.services["a"].clone()
    }

    fn copied(lines: &str) -> String {
        format!("COPY . .\n{lines}")
    }

    /// The other programs of the service, and whether everything that was copied counts.
    #[track_caller]
    fn check_programs(lines: &str, others: &[&str], all_count: bool) {
        let service = service(&copied(lines), "");
        let found: Vec<String> = service.program.unwrap().others.iter().map(ToString::to_string).collect();
        assert_eq!(
            (found, !service.image.unwrap().selections.is_empty()),
            (others.iter().map(ToString::to_string).collect(), all_count)
        );
    }

    #[test]
    fn programs_that_reach_the_image_are_part_of_the_service() {
        check_programs("RUN go build -o /out/a ./cmd/a", &[], false);
        check_programs("RUN go build -o /out/ ./cmd/a ./cmd/b", &["cmd/b"], false);
        check_programs("RUN go build -o /out/ ./cmd/...", &["cmd/b"], false);
        check_programs("RUN go build -o /out/ ./...", &["cmd/b", "tools/gen"], false);
        check_programs("RUN go build -o /out/b /src/cmd/b && go build -o /out/a ex.io/m/cmd/a", &["cmd/b"], false);
        check_programs("RUN go build -o /tmp/b ./cmd/b && go build -o /out/a ./cmd/a", &[], false);
        check_programs("RUN for x in a b; do go build -o /out/$x ./cmd/$x; done", &["cmd/b"], false);
        check_programs("ARG NAME\nRUN go build -o /out/x ./cmd/$NAME", &[], false);
    }

    #[test]
    fn programs_that_cannot_be_followed_make_everything_count() {
        check_programs("RUN go build -o /out/x ./other && go build -o /out/a ./cmd/a", &[], true);
        check_programs("RUN go build -o /out/x example.com/elsewhere && go build -o /out/a ./cmd/a", &[], true);
        check_programs("ARG TARGET\nRUN go build -o /out/x $TARGET", &[], true);
        check_programs("RUN go run ./tools/gen && go build -o /out/a ./cmd/a", &[], true);
        check_programs("RUN go build -overlay=o.json -o /out/a ./cmd/a", &[], true);
    }

    /// The targets and ways to build of the service, and its notes.
    #[track_caller]
    fn check_build(lines: &str, settings: &str, labels: &[&str], modes: &str, note: Option<&str>) {
        let service = service(lines, settings);
        let program = service.program.unwrap();
        let found: Vec<String> = program.targets.iter().map(super::TargetSpec::label).collect();
        assert_eq!(found, labels, "{lines}");
        let found: Vec<String> = program.modes.iter().map(ToString::to_string).collect();
        assert_eq!(found.join("; "), modes, "{lines}");
        let notes = &service.image.unwrap().notes;
        assert_eq!(notes.first().map(|note| note.message.as_str()), note, "{lines}");
    }

    const BUILD: &str = "RUN go build -o /out/a ./cmd/a";

    #[test]
    fn the_dockerfile_says_how_the_program_is_built() {
        let check = |lines: &str, label: &str| check_build(&copied(lines), "", &[label], "go.work", None);
        check(BUILD, "linux/amd64");
        check(&format!("ENV CGO_ENABLED=0 GOARCH=amd64\n{BUILD}"), "linux/amd64 cgo=off");
        check("RUN go build -tags=x,y -o /out/a ./cmd/a", "linux/amd64 tags=x,y");
        check("ARG TAGS\nRUN go build -tags=$TAGS -o /out/a ./cmd/a", "linux/amd64 any-tag-possible");
        check("RUN GOAMD64=v3 go build -race -o /out/a ./cmd/a", "linux/amd64 level=v3 race");
    }

    #[test]
    fn what_is_copied_says_which_go_work_is_in_force() {
        check_build(&copied(BUILD), "", &["linux/amd64"], "go.work", None);
        check_build(&format!("COPY go.mod .\nCOPY cmd cmd\n{BUILD}"), "", &["linux/amd64"], "go.mod", None);
        check_build(&copied(&format!("ENV GOWORK=off\n{BUILD}")), "", &["linux/amd64"], "go.mod", None);
        check_build(&copied(&format!("ARG GOWORK\n{BUILD}")), "", &["linux/amd64"], "go.work; go.mod", None);
    }

    #[test]
    fn disagreements_are_said_and_both_sides_count() {
        let go = |line: &str| format!("[services.a.go]\n{line}");
        check_build(
            &copied(BUILD),
            &go("build-tags = [\"x\"]"),
            &["linux/amd64 possible-tags=x"],
            "go.work",
            Some("this builds with no tags, and `build-tags` says the tags x; files of either count"),
        );
        check_build(
            &copied(&format!("ENV CGO_ENABLED=1\n{BUILD}")),
            &go("cgo = false"),
            &["linux/amd64"],
            "go.work",
            Some("this builds with cgo on, and `cgo` says off; files of either count"),
        );
        check_build(
            &copied(&format!("ENV GOARCH=arm64\n{BUILD}")),
            "",
            &["linux/arm64"],
            "go.work",
            Some("this builds for linux/arm64 when the image is for linux/amd64; the files of linux/arm64 count"),
        );
        check_build(
            &copied("RUN go build -o /out/b ./cmd/b"),
            "",
            &["linux/amd64"],
            "go.work; go.mod",
            Some("this builds cmd/b, and not cmd/a, which `package` names; both count"),
        );
    }

    #[test]
    fn platforms_are_those_that_the_dockerfile_is_built_for() {
        let settings = "[services.a.go]\nplatforms = [\"linux/amd64\", \"linux/arm64\"]";
        let lines = copied(&format!("ARG TARGETARCH\nENV GOARCH=$TARGETARCH\n{BUILD}"));
        check_build(&lines, settings, &["linux/amd64", "linux/arm64"], "go.work", None);
        check_build(&copied(BUILD), settings, &["linux/amd64", "linux/arm64"], "go.work", None);
    }

    #[test]
    fn packages_without_their_go_mod_make_everything_count() {
        let image = service(&format!("COPY go.mod .\nCOPY cmd cmd\nCOPY other other\n{BUILD}"), "").image.unwrap();
        assert!(image.selections.is_empty(), "{:?}", image.notes);
        let image = service(&format!("COPY cmd cmd\nRUN echo module x > go.mod\n{BUILD}"), "").image.unwrap();
        assert!(!image.selections.is_empty());
    }
}
