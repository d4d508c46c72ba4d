//! The trees that changes are made to: those written for it, and those of `testdata/` that Go builds.

use std::path::Path;

use anyhow::{Result, ensure};

use super::files::{File, Files};
use super::mutate::{CONFIG, Material};
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
    /// External modules that import packages of the workspace.
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

const WORK: &str = include_str!("workspaces/work.txtar");
const LINKS: &str = include_str!("workspaces/links.txtar");
const EXTERNAL_WORK: &str = include_str!("workspaces/external-work.txtar");

const RECIPES: [Recipe; 26] = [
    text("single", include_str!("workspaces/single.txtar")),
    Recipe { tags: &["special"], go_work: GoWork::Off, ..text("single-tags", include_str!("workspaces/single.txtar")) },
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
    Recipe { extra: Extra::Modules, ..text("external", include_str!("workspaces/external.txtar")) },
    Recipe { extra: Extra::Modules, ..text("external-old", include_str!("workspaces/external-old.txtar")) },
    Recipe { extra: Extra::Modules, go_work: GoWork::On, ..text("external-work", EXTERNAL_WORK) },
    Recipe { extra: Extra::Modules, go_work: GoWork::Off, ..text("external-off", EXTERNAL_WORK) },
    Recipe {
        extra: Extra::BackEdges,
        go_work: GoWork::On,
        ..text("back-edges", include_str!("workspaces/back-edges.txtar"))
    },
    testdata("build-tags"),
    Recipe { cgo: true, ..testdata("cgo-and-assembly") },
    testdata("embed"),
    testdata("nested-modules"),
    testdata("replace-local"),
    testdata("single-module"),
    testdata("vendored"),
    Recipe { go_work: GoWork::On, ..testdata("workspace") },
];

/// The names of all workspaces.
pub(crate) fn names() -> Vec<String> {
    RECIPES.iter().map(Recipe::name).collect()
}

/// Makes the workspaces with these names, all if there are none.
pub(crate) fn load(names: &[String], go: &Go, folder: &Path) -> Result<Vec<Workspace>> {
    let unknown = names.iter().find(|name| !RECIPES.iter().any(|recipe| recipe.name() == **name));
    ensure!(unknown.is_none(), "there is no workspace {}; see --list", unknown.map_or("", |name| name));
    let chosen = RECIPES.iter().filter(|recipe| names.is_empty() || names.contains(&recipe.name()));
    let chosen: Vec<&Recipe> = chosen.collect();
    let mut modules = Vec::new();
    let mut sums = String::new();
    if chosen.iter().any(|recipe| matches!(recipe.extra, Extra::Modules | Extra::BackEdges)) {
        modules = proxy::write(&Files::from_txtar(include_str!("workspaces/modules.txtar")), &go.proxy())?;
        sums = go.sums(&modules)?;
    }
    chosen.into_iter().map(|recipe| recipe.make(go, &modules, &sums, folder)).collect()
}

impl Recipe {
    fn name(&self) -> String {
        match self.source {
            Source::Text(_) => self.name.to_owned(),
            Source::TestData(_) => format!("testdata/{}", self.name),
        }
    }

    fn make(&self, go: &Go, modules: &[String], sums: &str, folder: &Path) -> Result<Workspace> {
        let mut files = match self.source {
            Source::Text(text) => Files::from_txtar(text),
            Source::TestData(name) => {
                Files::from_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name))?
            }
        };
        let mut material = Material::default();
        match self.extra {
            Extra::Nothing => {}
            Extra::Library(path) => {
                let libraries = native::libraries(folder)?;
                files.insert(path, File::regular(&libraries[0]));
                material.spares = vec![("a", libraries), ("syso", native::objects(folder)?)];
            }
            Extra::Profile(path, [caller, callee]) => {
                let profiles = native::profiles(caller, callee);
                files.insert(path, File::regular(&profiles[0]));
                material.spares = vec![("pgo", profiles)];
            }
            Extra::Modules | Extra::BackEdges => {
                let to_fill: Vec<String> = files
                    .iter()
                    .filter(|(_, file)| &*file.bytes == b"ALL\n")
                    .map(|(path, _)| path.to_owned())
                    .collect();
                for path in to_fill {
                    files.insert(&path, File::regular(sums));
                }
                material.versions = modules.to_vec();
            }
        }
        files.insert(CONFIG, File::regular(self.config(go)));
        Ok(Workspace {
            name: self.name(),
            files,
            go_work: self.go_work,
            cgo: self.cgo,
            tags: self.tags.to_vec(),
            material,
        })
    }

    /// Everything that the build is told, so that nothing is left to guess; and only what Go reads counts.
    fn config(&self, go: &Go) -> String {
        let go_work = match self.go_work {
            GoWork::Auto => "auto",
            GoWork::On => "on",
            GoWork::Off => "off",
        };
        let back_edges = if self.extra == Extra::BackEdges { "strict" } else { "assume-none" };
        format!(
            "version = 1\n\n[go]\nplatforms = [\"{}\"]\ncgo = {}\ntoolchain = \"{}\"\nbuild-tags = {:?}\n\
             workspace = \"{go_work}\"\nback-edges = \"{back_edges}\"\n\n[image]\ndocker-inputs = \"none\"\n",
            go.platform, self.cgo, go.version, self.tags,
        )
    }
}
