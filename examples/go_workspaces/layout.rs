//! Plans a repository: which modules and packages it has, where they lie, and who may import whom.
//!
//! A package imports only packages before it, so there are no circles, and only modules that its own module sees.

use std::collections::BTreeSet;

use super::Main;
use super::sketch::{Sketch, is_within, join};

/// How modules are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One module with programs; others only replace what it requires.
    One,
    /// A go.work at the root.
    Work,
    /// Several modules with programs of their own, and no go.work.
    Many,
}

/// What a module is to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It has programs, and is in the go.work if there is one.
    Main,
    /// A folder that replaces a required module.
    Replaced,
    /// Nobody knows it: it only takes a folder out of the module around it.
    Loose,
    /// A copy in the vendor folder.
    Vendored,
}

/// A module, in the repository or copied into it.
#[derive(Clone, Debug)]
pub(super) struct Module {
    pub(super) dir: String,
    /// As its go.mod says.
    pub(super) path: String,
    /// What others import it by.
    pub(super) known_as: String,
    pub(super) version: String,
    /// The minor version of its go line.
    pub(super) go: Option<usize>,
    pub(super) role: Role,
    /// The modules in its go.mod, by index.
    pub(super) requires: BTreeSet<usize>,
    /// The modules that its packages may import, by index.
    sees: BTreeSet<usize>,
    /// Whether the go.work says what replaces it.
    pub(super) replaced_in_work: bool,
}

/// What a package is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Library,
    Program,
    /// A link to the folder of another package, by index.
    Link(usize),
    /// Source that is reached through a link only.
    Unnamed,
}

/// A package.
#[derive(Clone, Debug)]
pub(super) struct Package {
    pub(super) kind: Kind,
    pub(super) module: usize,
    pub(super) dir: String,
    pub(super) import_path: String,
    /// Its names are made of this number; those of a link are the ones of what it leads to.
    pub(super) id: usize,
    /// The packages that it may import, by index.
    pub(super) may_import: Vec<usize>,
    /// A constraint that all its files have.
    pub(super) only: Option<&'static str>,
}

/// A repository as planned.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) shape: Shape,
    /// Whether required modules are copied into the vendor folder.
    pub(super) has_vendor: bool,
    /// Whether the last module with programs has copies of what folders replace: they count unless a go.work does.
    pub(super) has_copies: bool,
    pub(super) modules: Vec<Module>,
    pub(super) packages: Vec<Package>,
}

const BASES: [&str; 7] =
    ["ex.io/mono", "example.com/acme/shop", "mono", "acme/back-end", "ex.io/Mixed_Case", "ex.io/v2/mono", "errors"];

const MODULE_DIRS: [&str; 11] = [
    "",
    "libs/core",
    "libs/core/nested",
    "services/api",
    "services/api/v9",
    "tools",
    "third_party/fork",
    "app",
    "services/_private",
    "x/testdata/mod",
    "go",
];

const PACKAGE_DIRS: [&str; 26] = [
    "",
    "a",
    "a/b",
    "a/b/c",
    "core",
    "core/util",
    "nested/deep",
    "internal/x",
    "a/internal/y",
    "pkg/_gen",
    "_tools",
    "testdata/fix",
    "a/testdata",
    ".hid",
    "lib/v2",
    "x_linux",
    "Upper",
    "deep/er/est",
    "libs",
    "dot.dir",
    "dash-dir",
    "main",
    "go.mod.d",
    "build",
    "C",
    "zz_test",
];

const PROGRAM_DIRS: [&str; 8] =
    ["cmd/one", "cmd/two", "cmd/three_linux", "", "server", "cmd/deep/four", "internal/cmd", "bin"];

const VENDORED: [(&str, &str); 5] = [
    ("ext.io/one", "v1.2.3"),
    ("ext.io/one/two", "v0.1.0"),
    ("github.com/Other/three", "v1.0.0-20200102030405-abcdefabcdef"),
    ("gopkg.in/four.v2", "v2.0.0+incompatible"),
    ("ext.io/five/v3", "v3.1.0"),
];

const ONLY: [&str; 8] =
    ["windows", "!linux", "js && wasm", "cgo", "!cgo", "alpha", "darwin || windows", "linux && !beta"];

impl Layout {
    /// Draws a layout. The last module is one with programs.
    pub(super) fn random(sketch: &mut Sketch) -> Self {
        let shape = sketch.pick(&[Shape::One, Shape::One, Shape::Work, Shape::Work, Shape::Work, Shape::Many]);
        sketch.shows(match shape {
            Shape::One => "one module",
            Shape::Work => "go.work",
            Shape::Many => "modules without go.work",
        });
        let has_vendor = shape != Shape::Many && sketch.chance(25);
        let mut layout = Self { shape, has_vendor, has_copies: false, modules: Vec::new(), packages: Vec::new() };
        layout.add_modules(sketch);
        layout.has_copies = !has_vendor && sketch.chance(30) && layout.can_have_copies();
        for module in 0..layout.modules.len() {
            layout.add_packages(sketch, module);
        }
        layout
    }

    pub(super) fn has_go_work(&self) -> bool {
        self.shape == Shape::Work
    }

    /// The folder of the go.mod or go.work that the vendor folder lies beside.
    pub(super) fn vendor_dir(&self) -> Option<String> {
        let beside = match self.shape {
            Shape::Work => "",
            _ => &self.last()?.dir,
        };
        self.has_vendor.then(|| join(beside, "vendor"))
    }

    /// The last module with programs.
    pub(super) fn last(&self) -> Option<&Module> {
        self.modules.iter().rfind(|module| module.role == Role::Main)
    }

    /// Whether all that the last module requires is replaced in its own go.mod.
    fn can_have_copies(&self) -> bool {
        let is_replaced = |required: &usize| !self.modules[*required].replaced_in_work;
        self.last().is_some_and(|last| !last.requires.is_empty() && last.requires.iter().all(is_replaced))
    }

    /// The programs.
    pub(super) fn mains(&self) -> Vec<Main> {
        let programs = self.packages.iter().filter(|package| package.kind == Kind::Program);
        let main = |package: &Package| {
            let module = &self.modules[package.module];
            let is_used = self.has_go_work() && module.role == Role::Main;
            let works_alone = module.role == Role::Loose || self.works_alone(package.module);
            Main { dir: package.dir.clone(), module: module.dir.clone(), is_used, works_alone }
        };
        programs.map(main).collect()
    }

    fn works_alone(&self, index: usize) -> bool {
        let is_alone = |index: usize| {
            let module = &self.modules[index];
            let hidden = |required: &usize| self.modules[*required].replaced_in_work;
            module.sees.is_subset(&module.requires) && !module.requires.iter().any(hidden)
        };
        let is_vendored_with_work = self.has_go_work() && self.has_vendor;
        !is_vendored_with_work && is_alone(index) && self.modules[index].requires.iter().copied().all(is_alone)
    }

    fn add_modules(&mut self, sketch: &mut Sketch) {
        let base = sketch.pick(&BASES);
        if !base.split('/').next().unwrap_or_default().contains('.') {
            sketch.shows("dotless module path");
        }
        let newest = sketch.pick(&[16, 17, 18, 20, 21, 22, 23, 24]).max(if self.has_vendor { 17 } else { 0 });
        let more = sketch.random.between(0, 3);
        let count = if self.shape == Shape::One { 1 + more.min(2) } else { 2 + more };
        let mut dirs = sketch.random.sample(&MODULE_DIRS, count);
        if self.shape != Shape::Work {
            // Programs in folders that patterns skip are known by a go.work only.
            dirs.retain(|dir| !is_skipped(dir));
            if dirs.is_empty() {
                dirs.push("app");
            }
        }
        if self.shape == Shape::One && sketch.chance(60) {
            dirs.retain(|dir| !dir.is_empty());
            dirs.truncate(count - 1);
            dirs.push("");
        }
        let last = dirs.len() - 1;
        for (index, dir) in dirs.iter().enumerate() {
            let is_main = index == last
                || match self.shape {
                    Shape::One => false,
                    Shape::Work => sketch.chance(70),
                    Shape::Many => true,
                };
            // Copies in the vendor folder stand for what is replaced.
            let role = match is_main {
                true => Role::Main,
                false if self.has_vendor => Role::Loose,
                false => Role::Replaced,
            };
            self.add_module(sketch, base, dir, role, newest);
        }
        if self.has_vendor {
            self.add_vendored(sketch);
        }
        self.connect(sketch);
        self.order_go_lines(newest);
        self.add_loose(sketch, base, newest);
    }

    fn add_module(&mut self, sketch: &mut Sketch, base: &str, dir: &str, role: Role, newest: usize) {
        let path = match dir {
            "" => base.to_owned(),
            // The path of another folder of the module around: the longest module path that has the package counts.
            _ if sketch.chance(30) => join(base, sketch.pick(&["a", "a/b", "core", "deep/er"])),
            _ if sketch.chance(20) => format!("ex.io/{}", dir.rsplit('/').next().unwrap_or(dir)),
            _ => join(base, dir),
        };
        let path = if self.modules.iter().any(|other| other.path == path || other.known_as == path) {
            format!("{path}/m{}", self.modules.len())
        } else {
            path
        };
        let is_renamed = role == Role::Replaced && sketch.chance(40);
        let known_as = if is_renamed { format!("old.io/{}", self.modules.len()) } else { path.clone() };
        let go = if newest < 21 { sketch.random.between(16, newest) } else { sketch.random.between(18, newest) };
        let version = sketch.pick(&["v0.0.0", "v0.0.0-00010101000000-000000000000", "v1.2.3"]);
        // Only a path that ends in the major version may have one above 1; the paths here end otherwise, but for `v9`.
        let version = if known_as.ends_with("/v9") { "v9.0.0" } else { version };
        if self.modules.iter().any(|other| is_within(dir, &other.dir) || is_within(&other.dir, dir)) {
            sketch.shows("nested module");
        }
        self.modules.push(Module {
            dir: dir.to_owned(),
            path,
            known_as,
            version: version.to_owned(),
            go: Some(go).filter(|go| *go > 16),
            role,
            requires: BTreeSet::new(),
            sees: BTreeSet::new(),
            replaced_in_work: false,
        });
    }

    fn add_vendored(&mut self, sketch: &mut Sketch) {
        sketch.shows(if self.shape == Shape::Work { "workspace vendor folder" } else { "vendor folder" });
        let Some(vendor) = self.vendor_dir() else { return };
        let count = sketch.random.between(1, 3);
        let mut chosen = sketch.random.sample(&VENDORED, count);
        chosen.sort_unstable();
        // Before all others, so that they may import it.
        for (index, (path, version)) in chosen.into_iter().enumerate() {
            let module = Module {
                dir: join(&vendor, path),
                path: path.to_owned(),
                known_as: path.to_owned(),
                version: version.to_owned(),
                go: Some(sketch.pick(&[16, 17, 18])).filter(|go| *go > 16),
                role: Role::Vendored,
                requires: (0..index).collect(),
                sees: (0..index).collect(),
                replaced_in_work: false,
            };
            self.modules.insert(index, module);
        }
    }

    fn connect(&mut self, sketch: &mut Sketch) {
        for index in 0..self.modules.len() {
            if matches!(self.modules[index].role, Role::Loose | Role::Vendored) {
                continue;
            }
            let mut requires = BTreeSet::new();
            let mut sees = BTreeSet::new();
            for earlier in 0..index {
                let other = &self.modules[earlier];
                let needs = match other.role {
                    Role::Loose => false,
                    Role::Vendored => true,
                    Role::Main | Role::Replaced => sketch.chance(70),
                };
                if needs {
                    requires.insert(earlier);
                    requires.extend(&other.requires);
                    sees.insert(earlier);
                }
                let is_used = |module: &Module| self.shape == Shape::Work && module.role == Role::Main;
                if is_used(other) && is_used(&self.modules[index]) && sketch.chance(40) {
                    sees.insert(earlier);
                }
            }
            sees.extend(&requires);
            self.modules[index].requires = requires;
            self.modules[index].sees = sees;
        }
        if self.shape == Shape::Work {
            for module in self.modules.iter_mut().filter(|module| module.role == Role::Replaced) {
                module.replaced_in_work = sketch.chance(40);
            }
        }
    }

    /// A module's go line is not older than those of the modules that it requires.
    fn order_go_lines(&mut self, newest: usize) {
        for index in 0..self.modules.len() {
            let required = self.modules[index].requires.iter().map(|required| self.modules[*required].go);
            let oldest = required.max().flatten();
            let module = &mut self.modules[index];
            module.go = module.go.max(oldest);
            if self.has_vendor && module.role == Role::Main {
                // Without one, the vendor folder is not looked at.
                module.go = module.go.max(Some(newest.min(17)));
            }
        }
    }

    fn add_loose(&mut self, sketch: &mut Sketch, base: &str, newest: usize) {
        // A module whose path is that of a folder of another one: a go.mod there leaves the path to the module alone.
        let path_of = |dir: &str| self.modules.iter().find(|module| module.dir == dir).map(|module| &module.path[..]);
        let shadow = self.modules.iter().find_map(|module| {
            let below = module.known_as.strip_prefix(path_of("")?)?.strip_prefix('/')?;
            (module.dir != below && module.role != Role::Loose).then(|| below.to_owned())
        });
        if let Some(below) = shadow.filter(|_| sketch.chance(80))
            && self.modules.iter().all(|module| module.dir != below)
        {
            self.add_module(sketch, "ex.io/shadow", &below, Role::Loose, newest);
        } else if sketch.chance(25) {
            let around = sketch.random.below(self.modules.len());
            let dir = join(&self.modules[around].dir, sketch.pick(&["a/loose", "loose", "testdata/loose"]));
            if self.modules[around].role != Role::Vendored && self.modules.iter().all(|module| module.dir != dir) {
                self.add_module(sketch, &format!("{base}/around"), &dir, Role::Loose, newest);
                sketch.shows("nested module");
            }
        }
    }

    fn add_packages(&mut self, sketch: &mut Sketch, module: usize) {
        let role = self.modules[module].role;
        let is_vendored = role == Role::Vendored;
        let count = sketch.random.between(1, if is_vendored { 2 } else { 5 });
        for below in self.shadowed_packages(module) {
            self.add_package(sketch, Kind::Library, module, &below, None);
        }
        for _ in 0..count {
            let below = match is_vendored {
                true => sketch.pick(&["", "sub", "internal/x", "a/b"]),
                false => sketch.pick(&PACKAGE_DIRS),
            };
            let only = sketch.chance(12).then(|| sketch.pick(&ONLY));
            self.add_package(sketch, Kind::Library, module, below, only);
        }
        if !is_vendored && sketch.chance(25) {
            self.add_linked(sketch, module);
        }
        let is_last = self.modules.iter().rposition(|module| module.role == Role::Main) == Some(module);
        let count = match role {
            Role::Main if is_last => sketch.random.between(1, 3),
            Role::Main => sketch.random.between(0, 2),
            Role::Loose if !is_skipped(&self.modules[module].dir) => sketch.random.between(0, 1),
            Role::Loose | Role::Replaced | Role::Vendored => 0,
        };
        for _ in 0..count {
            let below = sketch.pick(&PROGRAM_DIRS);
            self.add_package(sketch, Kind::Program, module, below, None);
        }
        if is_last && !self.packages.iter().any(|package| package.kind == Kind::Program) {
            let below = format!("cmd/last{module}");
            self.add_package(sketch, Kind::Program, module, &below, None);
        }
    }

    /// The folders of the packages that a module would have if its path were that of the module around and its folder.
    fn shadowed_packages(&self, module: usize) -> Vec<String> {
        let shadow = &self.modules[module];
        let Some(around) = self.modules.iter().find(|around| around.dir.is_empty()) else { return Vec::new() };
        let path = join(&around.path, &shadow.dir);
        let is_shadowed = |package: &&Package| {
            let other = &self.modules[package.module];
            shadow.role == Role::Loose && other.known_as == path && package.kind == Kind::Library
        };
        let shadowed = self.packages.iter().filter(is_shadowed);
        let below = shadowed.filter_map(|package| package.import_path.strip_prefix(&path));
        below.map(|below| below.trim_start_matches('/').to_owned()).collect()
    }

    /// A folder that is a link, to another package of the module or to source that is in no module's care.
    fn add_linked(&mut self, sketch: &mut Sketch, module: usize) {
        let same = |package: &&Package| package.module == module && package.kind == Kind::Library;
        let own: Vec<usize> = self.packages.iter().filter(same).map(|package| package.id).collect();
        let to = if own.is_empty() || sketch.chance(50) {
            let dir = format!("shared/source{}", self.packages.len());
            if self.packages.iter().any(|package| is_within(&package.dir, &dir)) {
                return;
            }
            self.push_package(Kind::Unnamed, module, dir, String::new(), Vec::new(), None);
            self.packages.len() - 1
        } else {
            sketch.pick(&own)
        };
        let target = &self.packages[to];
        let imports_internal = target
            .may_import
            .iter()
            .any(|import| self.packages[*import].import_path.split('/').any(|e| e == "internal"));
        let is_around = target.dir == self.modules[module].dir;
        if imports_internal || is_around {
            return;
        }
        let below = sketch.pick(&["linked", "a/linked", "links/to/it", "_linked", "testdata/linked"]);
        let only = target.only;
        if self.add_package(sketch, Kind::Link(to), module, below, only) {
            sketch.shows("linked folder");
        }
    }

    fn add_package(
        &mut self,
        sketch: &mut Sketch,
        kind: Kind,
        module: usize,
        below: &str,
        only: Option<&'static str>,
    ) -> bool {
        let owner = &self.modules[module];
        let dir = join(&owner.dir, below);
        let import_path = join(&owner.known_as, below);
        let is_taken = self.packages.iter().any(|other| other.dir == dir || other.import_path == import_path);
        let is_cut_off =
            self.modules.iter().any(|other| other.dir.len() > owner.dir.len() && is_within(&dir, &other.dir));
        let is_through_link = self.packages.iter().any(|other| {
            matches!(other.kind, Kind::Link(_)) && is_within(&dir, &other.dir)
                || matches!(kind, Kind::Link(_)) && is_within(&other.dir, &dir)
        });
        // The standard library has it too.
        let is_ambiguous = import_path == "errors";
        if (is_taken || is_cut_off || is_ambiguous) && !sketch.breaks(10)
            || is_through_link
            || is_vendor(&dir, &owner.dir)
        {
            return false;
        }
        if is_skipped(below) {
            sketch.shows("imported odd folder");
        }
        let visible = |other: &&Package| {
            let is_near = other.module == module || owner.sees.contains(&other.module);
            is_near && matches!(other.kind, Kind::Library | Kind::Link(_)) && may_see(&import_path, &other.import_path)
        };
        let may_import = self.packages.iter().filter(visible).map(|other| other.id).collect();
        self.push_package(kind, module, dir, import_path, may_import, only);
        true
    }

    fn push_package(
        &mut self,
        kind: Kind,
        module: usize,
        dir: String,
        import_path: String,
        may_import: Vec<usize>,
        only: Option<&'static str>,
    ) {
        let id = self.packages.len();
        self.packages.push(Package { kind, module, dir, import_path, id, may_import, only });
    }
}

/// Whether a folder of a module lies where only copies of other modules lie.
fn is_vendor(dir: &str, module: &str) -> bool {
    !module.split('/').any(|part| part == "vendor") && dir.split('/').any(|part| part == "vendor")
}

/// Whether patterns such as `./...` do not lead to a folder.
fn is_skipped(dir: &str) -> bool {
    dir.split('/').any(|element| element.starts_with(['.', '_']) || element == "testdata")
}

/// The rule of `internal` folders.
fn may_see(importer: &str, imported: &str) -> bool {
    let elements: Vec<&str> = imported.split('/').collect();
    match elements.iter().rposition(|element| *element == "internal") {
        Some(at) => is_within(importer, &elements[..at].join("/")),
        None => true,
    }
}
