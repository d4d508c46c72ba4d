//! The trees that changes are made to: those written for it, those of `testdata/` that Go builds, and random ones.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use git2::Repository;

use super::super::go_workspaces::{Content, Flavour, TAGS, Workspace as Random};
use super::files::{File, Files};
use super::mutate::{CONFIG, LOCK, Material};
use super::oracle::Go;
use super::{native, proxy};

/// A tree and how it is built.
pub(crate) struct Workspace {
    pub(crate) name: String,
    /// With a build-plan.toml that says how it is built.
    pub(crate) files: Files,
    pub(crate) go_work: GoWork,
    pub(crate) cgo: bool,
    pub(crate) tags: Vec<&'static str>,
    pub(crate) material: Material,
    /// What renews the build-plan.lock, if there is to be one.
    pub(crate) locker: Option<Locker>,
}

/// Whether builds see a go.work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GoWork {
    /// If there is one.
    Auto,
    On,
    Off,
}

/// What a workspace is made of.
struct Recipe {
    name: &'static str,
    source: Source,
    go_work: GoWork,
    cgo: bool,
    tags: &'static [&'static str],
    extra: Extra,
}

#[derive(Clone, Copy)]
enum Source {
    /// Written for this purpose.
    Text(&'static str),
    /// A folder of `testdata/`.
    TestData(&'static str),
}

/// What a workspace has beside its text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extra {
    Nothing,
    /// A static library at this path, and objects to add.
    Library(&'static str),
    /// A profile at this path, of a function that calls another one.
    Profile(&'static str, [&'static str; 2]),
    /// External modules: go.sum files that say `ALL` hold the lines of all of them.
    Modules,
    /// The same with a build-plan.lock.
    Lock,
    /// The same without one, where the modules may import packages of the workspace.
    BackEdges,
}

const PLAIN: Recipe =
    Recipe { name: "", source: Source::Text(""), go_work: GoWork::Auto, cgo: false, tags: &[], extra: Extra::Nothing };

const fn text(name: &'static str, text: &'static str) -> Recipe {
    Recipe { name, source: Source::Text(text), ..PLAIN }
}

const fn testdata(name: &'static str) -> Recipe {
    Recipe { name, source: Source::TestData(name), ..PLAIN }
}

const SINGLE: &str = include_str!("workspaces/single.txtar");
const WORK: &str = include_str!("workspaces/work.txtar");
const LINKS: &str = include_str!("workspaces/links.txtar");
const EXTERNAL: &str = include_str!("workspaces/external.txtar");
const EXTERNAL_OLD: &str = include_str!("workspaces/external-old.txtar");
const EXTERNAL_WORK: &str = include_str!("workspaces/external-work.txtar");
const BACK_EDGES: &str = include_str!("workspaces/back-edges.txtar");

const RECIPES: [Recipe; 30] = [
    text("single", SINGLE),
    Recipe { tags: &["special"], go_work: GoWork::Off, ..text("single-tags", SINGLE) },
    Recipe { go_work: GoWork::On, ..text("work", WORK) },
    Recipe { go_work: GoWork::Off, ..text("work-off", WORK) },
    text("nested", include_str!("workspaces/nested.txtar")),
    text("old", include_str!("workspaces/old.txtar")),
    text("vendored", include_str!("workspaces/vendored.txtar")),
    Recipe { go_work: GoWork::On, ..text("work-vendored", include_str!("workspaces/work-vendored.txtar")) },
    text("asm", include_str!("workspaces/asm.txtar")),
    Recipe { cgo: true, extra: Extra::Library("lib/lib/libv.a"), ..text("cgo", include_str!("workspaces/cgo.txtar")) },
    Recipe { go_work: GoWork::On, ..text("links-work", LINKS) },
    Recipe { go_work: GoWork::Off, ..text("links-off", LINKS) },
    Recipe {
        extra: Extra::Profile("cmd/hot/default.pgo", ["main.main", "ex.io/pgo/sum.Of"]),
        ..text("pgo", include_str!("workspaces/pgo.txtar"))
    },
    Recipe { extra: Extra::Modules, ..text("external", EXTERNAL) },
    Recipe { extra: Extra::Modules, ..text("external-old", EXTERNAL_OLD) },
    Recipe { extra: Extra::Modules, go_work: GoWork::On, ..text("external-work", EXTERNAL_WORK) },
    Recipe { extra: Extra::Modules, go_work: GoWork::Off, ..text("external-off", EXTERNAL_WORK) },
    Recipe { extra: Extra::BackEdges, go_work: GoWork::On, ..text("back-edges", BACK_EDGES) },
    Recipe { extra: Extra::Lock, ..text("external-locked", EXTERNAL) },
    Recipe { extra: Extra::Lock, ..text("external-old-locked", EXTERNAL_OLD) },
    Recipe { extra: Extra::Lock, go_work: GoWork::On, ..text("external-work-locked", EXTERNAL_WORK) },
    Recipe { extra: Extra::Lock, go_work: GoWork::On, ..text("back-edges-locked", BACK_EDGES) },
    testdata("build-tags"),
    Recipe { cgo: true, ..testdata("cgo-and-assembly") },
    testdata("embed"),
    testdata("nested-modules"),
    testdata("replace-local"),
    testdata("single-module"),
    testdata("vendored"),
    Recipe { go_work: GoWork::On, ..testdata("workspace") },
];

/// How the names of random workspaces begin; a seed follows.
const GENERATED: &str = "generated/";

/// The names of all workspaces that are not random.
pub(crate) fn names() -> Vec<String> {
    RECIPES.iter().map(Recipe::name).collect()
}

/// Makes the workspaces with these names.
pub(crate) fn load(names: &[String], go: &Go, buildplan: &Path, folder: &Path) -> Result<Vec<Workspace>> {
    let modules = proxy::write(&Files::from_txtar(include_str!("workspaces/modules.txtar")), &go.proxy())?;
    let sums = go.sums(&modules)?;
    let kitchen = Kitchen { go, buildplan, folder, modules, sums };
    let make = |name: &String| {
        if let Some(seed) = name.strip_prefix(GENERATED).and_then(|seed| seed.parse().ok()) {
            return Ok(kitchen.random(name, seed));
        }
        let recipe = RECIPES.iter().find(|recipe| recipe.name() == *name);
        let recipe = recipe.with_context(|| format!("there is no workspace {name}; see --list"))?;
        kitchen.make(recipe).with_context(|| format!("cannot make the workspace {name}"))
    };
    names.iter().map(make).collect()
}

impl Recipe {
    fn name(&self) -> String {
        match self.source {
            Source::Text(_) => self.name.to_owned(),
            Source::TestData(_) => format!("testdata/{}", self.name),
        }
    }
}

/// What is needed to make workspaces.
struct Kitchen<'k> {
    go: &'k Go,
    buildplan: &'k Path,
    folder: &'k Path,
    /// The external modules.
    modules: Vec<String>,
    /// Their go.sum lines.
    sums: String,
}

impl Kitchen<'_> {
    fn make(&self, recipe: &Recipe) -> Result<Workspace> {
        let mut files = match recipe.source {
            Source::Text(text) => Files::from_txtar(text),
            Source::TestData(name) => {
                Files::from_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name))?
            }
        };
        let mut material = Material::default();
        match recipe.extra {
            Extra::Nothing => {}
            Extra::Library(path) => {
                let libraries = native::libraries(self.folder)?;
                files.insert(path, File::regular(&libraries[0]));
                material.spares = vec![("a", libraries), ("syso", native::objects(self.folder)?)];
            }
            Extra::Profile(path, [caller, callee]) => {
                let profiles = native::profiles(caller, callee);
                files.insert(path, File::regular(&profiles[0]));
                material.spares = vec![("pgo", profiles)];
            }
            Extra::Modules | Extra::Lock | Extra::BackEdges => {
                let to_fill = files.iter().filter(|(_, file)| &*file.bytes == b"ALL\n");
                for path in to_fill.map(|(path, _)| path.to_owned()).collect::<Vec<_>>() {
                    files.insert(&path, File::regular(&self.sums));
                }
                material.versions.clone_from(&self.modules);
            }
        }
        let back_edges = if recipe.extra == Extra::BackEdges { "strict" } else { "assume-none" };
        files.insert(CONFIG, File::regular(self.config(recipe.go_work, recipe.cgo, recipe.tags, back_edges)));
        let locker = (recipe.extra == Extra::Lock).then(|| self.locker(recipe.name));
        if let Some(locker) = &locker {
            files = locker.renew(&files)?.context("a workspace with a lock cannot be locked")?;
        }
        let Recipe { go_work, cgo, .. } = *recipe;
        Ok(Workspace { name: recipe.name(), files, go_work, cgo, tags: recipe.tags.to_vec(), material, locker })
    }

    /// The random repository of a seed; every third one is built with cgo, every second one with tags.
    fn random(&self, name: &str, seed: u64) -> Workspace {
        let random = Random::random(seed, Flavour::Sound);
        let mut files = Files::default();
        for (path, content) in &random.files {
            match content {
                Content::File(bytes) => files.insert(path, File::regular(bytes)),
                Content::Symlink(target) => files.insert(path, File::link(target)),
            }
        }
        let go_work = if random.has_go_work { GoWork::On } else { GoWork::Auto };
        let cgo = seed.is_multiple_of(3);
        let tags: &[&str] = if seed.is_multiple_of(2) { &TAGS } else { &[] };
        files.insert(CONFIG, File::regular(self.config(go_work, cgo, tags, "assume-none")));
        let (tags, material) = (tags.to_vec(), Material::default());
        Workspace { name: name.to_owned(), files, go_work, cgo, tags, material, locker: None }
    }

    fn locker(&self, name: &str) -> Locker {
        Locker {
            buildplan: self.buildplan.to_owned(),
            modules: self.go.modules(),
            folder: self.folder.join(format!("lock-{name}")),
        }
    }

    /// Everything that the build is told, so that nothing is left to guess; and only what Go reads counts.
    fn config(&self, go_work: GoWork, cgo: bool, tags: &[&str], back_edges: &str) -> String {
        let go_work = match go_work {
            GoWork::Auto => "auto",
            GoWork::On => "on",
            GoWork::Off => "off",
        };
        format!(
            "version = 1\n\n[go]\nplatforms = [\"{}\"]\ncgo = {cgo}\ntoolchain = \"{}\"\nbuild-tags = {tags:?}\n\
             workspace = \"{go_work}\"\nback-edges = \"{back_edges}\"\n\n[image]\ndocker-inputs = \"none\"\n",
            self.go.platform, self.go.version,
        )
    }
}

/// Runs `buildplan lock`.
pub(crate) struct Locker {
    buildplan: PathBuf,
    /// The module cache.
    modules: PathBuf,
    /// Where a tree can be checked out.
    folder: PathBuf,
}

impl Locker {
    /// The tree with a build-plan.lock that is up to date; `None` if it cannot be locked.
    pub(crate) fn renew(&self, files: &Files) -> Result<Option<Files>> {
        files.write_to(&self.folder)?;
        Repository::init(&self.folder)?;
        let mut command = Command::new(&self.buildplan);
        command.arg("-C").arg(&self.folder).arg("lock").env("GOMODCACHE", &self.modules).env_remove("CI");
        let output = command.output().with_context(|| format!("cannot start {}", self.buildplan.display()))?;
        let lock = self.folder.join(LOCK);
        if !output.status.success() || !lock.is_file() {
            return Ok(None);
        }
        let mut files = files.clone();
        files.insert(LOCK, File::regular(std::fs::read(lock)?));
        Ok(Some(files))
    }
}
