//! The model of a monorepo: modules, packages and files, and which service is built from which of them.
//! It knows nothing of how files look or how commits are written.

use super::words;

/// The import path of the repository's root folder.
pub(crate) const ROOT: &str = "example.com/mono";

/// The place of a module in [`Repo::modules`].
pub(crate) type ModuleId = usize;
/// The place of a package in [`Repo::packages`].
pub(crate) type PackageId = usize;

/// A whole repository at one commit.
#[derive(Clone)]
pub(crate) struct Repo {
    pub(crate) seed: u64,
    pub(crate) modules: Vec<Module>,
    pub(crate) packages: Vec<Package>,
    pub(crate) testkit: ModuleId,
    pub(crate) workflow_revision: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Library,
    Service,
}

/// A Go module: a library or a service.
#[derive(Clone)]
pub(crate) struct Module {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) folder: String,
    /// The position of its domain in [`words::DOMAINS`]; none for the platform.
    pub(crate) domain: Option<usize>,
    /// Imports go to modules of a lower layer only.
    pub(crate) layer: usize,
    /// The modules that its packages choose their imports from.
    pub(crate) neighbours: Vec<ModuleId>,
    pub(crate) packages: Vec<PackageId>,
    pub(crate) owner_comment: bool,
    pub(crate) copies_everything: bool,
    pub(crate) readme_revision: u32,
    pub(crate) dockerfile_revision: u32,
    pub(crate) manifest_revision: u32,
}

/// A Go package.
#[derive(Clone)]
pub(crate) struct Package {
    pub(crate) module: ModuleId,
    pub(crate) folder: String,
    pub(crate) name: String,
    pub(crate) files: Vec<GoFile>,
    pub(crate) data: Vec<DataFile>,
}

/// A file beside Go files: a template, an asset, test data.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct DataFile {
    pub(crate) path: String,
    pub(crate) revision: u32,
    /// A `//go:embed` of an ordinary file takes it in.
    pub(crate) embedded: bool,
}

/// When a Go file is part of a build.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    Always,
    Linux,
    Windows,
    Darwin,
    Amd64,
    NotAmd64,
    Unix,
    NotUnix,
    Debug,
    NotDebug,
    Ignore,
    Test,
}

impl Condition {
    /// The expression for a `//go:build` line; none where the name of the file says it.
    pub(crate) fn constraint(self) -> Option<&'static str> {
        match self {
            Self::NotAmd64 => Some("!amd64"),
            Self::Unix => Some("unix && !plan9"),
            Self::NotUnix => Some("!unix || plan9"),
            Self::Debug => Some("debug"),
            Self::NotDebug => Some("!debug"),
            Self::Ignore => Some("ignore"),
            Self::Always | Self::Linux | Self::Windows | Self::Darwin | Self::Amd64 | Self::Test => None,
        }
    }

    /// Whether linux/amd64 without tags includes the file.
    pub(crate) fn holds_on_linux(self) -> bool {
        matches!(self, Self::Always | Self::Linux | Self::Amd64 | Self::Unix | Self::NotDebug)
    }
}

/// What a Go file is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Declares `Total`, which importers call.
    Entry,
    /// Declares `main`.
    Main,
    Plain,
    /// One of several files of which a build includes one; they declare the same function.
    Variant(&'static str),
    Test,
}

/// An unusual but legal way to write a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quirk {
    SingleImports,
    RawImportsOnOneLine,
    CommentsAmongImports,
    CarriageReturns,
    ByteOrderMark,
}

/// A Go file. Its bytes follow from `key`, not from `path`, so that a rename keeps them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct GoFile {
    pub(crate) path: String,
    pub(crate) key: u64,
    pub(crate) stem: String,
    pub(crate) package_name: String,
    pub(crate) role: Role,
    pub(crate) condition: Condition,
    pub(crate) quirk: Option<Quirk>,
    pub(crate) imports: Vec<PackageId>,
    /// Patterns of `//go:embed` lines, with the type of the variable.
    pub(crate) embeds: Vec<(&'static str, &'static str)>,
    pub(crate) pieces: Vec<Piece>,
}

/// One snippet in a file, filled in.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) snippet: usize,
    pub(crate) noun: &'static str,
    pub(crate) verb: &'static str,
    /// How often the numbers in it have been edited.
    pub(crate) revision: u32,
}

impl Module {
    /// The import path of the module.
    pub(crate) fn import_path(&self) -> String {
        format!("{ROOT}/{}", self.folder)
    }

    /// The owner: a domain, or the platform.
    pub(crate) fn owner(&self) -> &'static str {
        self.domain.and_then(|domain| words::DOMAINS.get(domain)).copied().unwrap_or("platform")
    }
}

impl Package {
    /// The import path of the package.
    pub(crate) fn import_path(&self) -> String {
        format!("{ROOT}/{}", self.folder)
    }

    /// Whether only its own module may import it.
    pub(crate) fn is_internal(&self) -> bool {
        self.folder.split('/').any(|element| element == "internal")
    }

    fn imports_on_linux(&self) -> impl Iterator<Item = PackageId> {
        self.files_on_linux().flat_map(|file| file.imports.iter().copied())
    }

    fn files_on_linux(&self) -> impl Iterator<Item = &GoFile> {
        self.files.iter().filter(|file| file.condition.holds_on_linux())
    }

    fn is_built_like(&self, other: &Self) -> bool {
        let data =
            |package: &Self| -> Vec<DataFile> { package.data.iter().filter(|file| file.embedded).cloned().collect() };
        self.files_on_linux().eq(other.files_on_linux()) && data(self) == data(other)
    }
}

impl Repo {
    /// The modules that are services, in the order of their making.
    pub(crate) fn services(&self) -> impl Iterator<Item = &Module> {
        self.modules.iter().filter(|module| module.kind == Kind::Service)
    }

    /// The modules that are libraries, with their ids.
    pub(crate) fn libraries(&self) -> impl Iterator<Item = (ModuleId, &Module)> {
        self.modules.iter().enumerate().filter(|(_, module)| module.kind == Kind::Library)
    }

    /// For each package, the number of services that linux/amd64 without tags builds it into.
    pub(crate) fn usage(&self) -> Vec<usize> {
        let mut usage = vec![0; self.packages.len()];
        for service in self.services() {
            for package in self.closure(service) {
                usage[package] += 1;
            }
        }
        usage
    }

    /// The services whose binary for linux/amd64 without tags is built from other files than at `base`, sorted.
    ///
    /// Enough for changes that remove no package: a changed edge is a changed file of a package that is still there.
    pub(crate) fn affected_since(&self, base: &Self) -> Vec<String> {
        let changed: Vec<bool> = (self.packages.iter().enumerate())
            .map(|(id, package)| base.packages.get(id).is_none_or(|before| !before.is_built_like(package)))
            .collect();
        let is_affected = |service: &&Module| self.closure(service).into_iter().any(|package| changed[package]);
        let mut affected: Vec<String> =
            self.services().filter(is_affected).map(|service| service.name.clone()).collect();
        affected.sort();
        affected
    }

    /// The packages of the repository that a service's binary is built from.
    fn closure(&self, service: &Module) -> Vec<PackageId> {
        let main_folder = format!("{}/cmd/{}", service.folder, service.name);
        let mut found: Vec<PackageId> =
            service.packages.iter().copied().filter(|&id| self.packages[id].folder == main_folder).collect();
        let mut seen = vec![false; self.packages.len()];
        let mut next = 0;
        while let Some(&package) = found.get(next) {
            next += 1;
            for import in self.packages[package].imports_on_linux() {
                if !std::mem::replace(&mut seen[import], true) {
                    found.push(import);
                }
            }
        }
        found
    }
}
