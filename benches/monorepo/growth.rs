//! Grows the model of a repository: a layered random import graph in which a few libraries have many users and most
//! have few. Everything follows from the seed and the shape.

use super::model::{Condition, DataFile, GoFile, Kind, Module, ModuleId, Package, PackageId, Piece, Quirk, Repo, Role};
use super::random::{self, Random};
use super::snippets::{self, Snippet};
use super::words;
use std::collections::BTreeSet;

/// How large a repository is.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) services: usize,
    pub(crate) libraries: usize,
    /// Packages of a library, on average.
    pub(crate) packages: usize,
    /// Commits on `main`.
    pub(crate) commits: usize,
}

const PLATFORM_LAYERS: usize = 3;
const DOMAIN_LAYERS: usize = 4;
/// How many of 100 modules use each of the first platform libraries directly, after the one for tests. A service reaches
/// them through all its libraries, so that even the last one has many users.
const LEANING: [usize; 6] = [80, 16, 8, 4, 2, 1];
const QUIRKS: [Quirk; 5] = [
    Quirk::SingleImports,
    Quirk::RawImportsOnOneLine,
    Quirk::CommentsAmongImports,
    Quirk::CarriageReturns,
    Quirk::ByteOrderMark,
];

type Variants = &'static [(&'static str, Condition)];

const BY_SYSTEM: (&str, Variants) = (
    "System",
    &[("sys_linux", Condition::Linux), ("sys_windows", Condition::Windows), ("sys_darwin", Condition::Darwin)],
);
const BY_TAG: (&str, Variants) =
    ("Tracing", &[("trace_debug", Condition::Debug), ("trace_release", Condition::NotDebug)]);
const BY_ARCHITECTURE: (&str, Variants) =
    ("Speed", &[("fast_amd64", Condition::Amd64), ("fast_generic", Condition::NotAmd64)]);
const BY_FAMILY: (&str, Variants) =
    ("Family", &[("family_unix", Condition::Unix), ("family_other", Condition::NotUnix)]);

/// Makes the repository as it is in the first commit.
pub(crate) fn grow(shape: Shape, seed: u64) -> Repo {
    let mut grower = Grower {
        repo: Repo { seed, modules: Vec::new(), packages: Vec::new(), testkit: 0, workflow_revision: 0 },
        random: Random::named(seed, "growth"),
        names: BTreeSet::new(),
        packages: shape.packages,
    };
    let domains = (shape.services / 15).clamp(2, words::DOMAINS.len());
    let platform = (shape.libraries / 5).max(3);
    grower.add_platform(platform);
    grower.add_domain_libraries(shape.libraries - platform, domains);
    grower.add_services(shape.services, domains);
    grower.repo
}

/// Adds a package that nothing imports to a library.
pub(crate) fn add_package(repo: &mut Repo, random: &mut Random, module: ModuleId) -> Option<PackageId> {
    let taken: BTreeSet<&str> =
        repo.modules[module].packages.iter().map(|&id| repo.packages[id].name.as_str()).collect();
    let name = words::PACKAGES.iter().find(|name| !taken.contains(*name))?;
    let folder = format!("{}/{name}", repo.modules[module].folder);
    let imports = random.sample(&importable(repo, module), 3);
    let id = push_package(repo, module, folder, (*name).to_owned());
    fill(repo, random, id, &imports);
    Some(id)
}

/// The packages of other modules that a module's code chooses its imports from.
fn importable(repo: &Repo, module: ModuleId) -> Vec<PackageId> {
    let neighbours = repo.modules[module].neighbours.iter().flat_map(|&id| repo.modules[id].packages.iter().copied());
    neighbours.filter(|&id| !repo.packages[id].is_internal()).collect()
}

struct Grower {
    repo: Repo,
    random: Random,
    names: BTreeSet<String>,
    packages: usize,
}

impl Grower {
    fn add_platform(&mut self, count: usize) {
        for position in 0..count {
            let name = match words::PLATFORM.get(position) {
                Some(name) => (*name).to_owned(),
                None => self.library_name(None),
            };
            let layer = position * PLATFORM_LAYERS / count;
            let below = self.below(None, layer);
            let wanted = self.random.between(1, 4);
            let mut neighbours = self.random.skewed(&below, wanted);
            self.lean_on_platform(&mut neighbours);
            let id = self.add_module(Kind::Library, name, None, layer, neighbours);
            self.add_library_packages(id);
        }
    }

    fn add_domain_libraries(&mut self, count: usize, domains: usize) {
        let each = count.div_ceil(domains).max(1);
        for position in 0..count {
            let domain = position % domains;
            let layer = PLATFORM_LAYERS + (position / domains * DOMAIN_LAYERS / each).min(DOMAIN_LAYERS - 1);
            let (own, platform) = (self.below(Some(domain), layer), self.below(None, layer));
            let (few, more) = (self.random.between(1, 3), self.random.between(1, 4));
            let mut neighbours = self.random.skewed(&own, more);
            neighbours.extend(self.random.skewed(&platform, few));
            if self.random.chance(10) {
                let other = self.random.below(domains);
                let other = self.below(Some(other), layer);
                let foreign = self.random.skewed(&other, 1);
                neighbours.extend(foreign.into_iter().filter(|id| !own.contains(id)));
            }
            self.lean_on_platform(&mut neighbours);
            let name = self.library_name(Some(domain));
            let id = self.add_module(Kind::Library, name, Some(domain), layer, neighbours);
            self.add_library_packages(id);
        }
    }

    fn add_services(&mut self, count: usize, domains: usize) {
        let layer = PLATFORM_LAYERS + DOMAIN_LAYERS;
        for position in 0..count {
            let domain = position % domains;
            let (own, platform) = (self.below(Some(domain), layer), self.below(None, layer));
            let (few, more) = (self.random.between(1, 3), self.random.between(2, 4));
            let mut neighbours = self.random.skewed(&own, more);
            neighbours.extend(self.random.skewed(&platform, few));
            self.lean_on_platform(&mut neighbours);
            let round = position / domains;
            let role = words::ROLES[round % words::ROLES.len()];
            let owner = words::DOMAINS[domain];
            let name = match round / words::ROLES.len() {
                0 => format!("{owner}-{role}"),
                turn => format!("{owner}-{role}-{}", turn + 1),
            };
            let id = self.add_module(Kind::Service, name, Some(domain), layer, neighbours);
            self.add_service_packages(id);
        }
    }

    /// The libraries of a domain, or of the platform, below a layer; without the one for tests.
    fn below(&self, domain: Option<usize>, layer: usize) -> Vec<ModuleId> {
        let testkit = self.repo.testkit;
        let fits =
            |(id, module): &(ModuleId, &Module)| module.domain == domain && module.layer < layer && *id != testkit;
        self.repo.libraries().filter(fits).map(|(id, _)| id).collect()
    }

    /// Nearly all modules use the logging library, which is the second one, and some use those that follow it.
    fn lean_on_platform(&mut self, neighbours: &mut Vec<ModuleId>) {
        for (position, percent) in LEANING.into_iter().enumerate() {
            let library = self.repo.testkit + 1 + position;
            let is_there = self.repo.modules.get(library).is_some_and(|module| module.domain.is_none());
            if is_there && self.random.chance(percent) && !neighbours.contains(&library) {
                neighbours.push(library);
            }
        }
    }

    fn library_name(&mut self, domain: Option<usize>) -> String {
        let prefix = domain.map_or(String::new(), |domain| format!("{}-", words::DOMAINS[domain]));
        let mut tries = 0;
        loop {
            let word = self.random.pick(words::LIBRARIES).copied().unwrap_or("library");
            let suffix = self.random.pick(words::SUFFIXES).copied().unwrap_or("");
            tries += 1;
            let turn = if tries > 20 { tries.to_string() } else { String::new() };
            let name = format!("{prefix}{word}{suffix}{turn}");
            if self.names.insert(name.clone()) {
                return name;
            }
        }
    }

    fn add_module(
        &mut self,
        kind: Kind,
        name: String,
        domain: Option<usize>,
        layer: usize,
        neighbours: Vec<ModuleId>,
    ) -> ModuleId {
        let place = if kind == Kind::Service { "services" } else { "libs" };
        self.repo.modules.push(Module {
            kind,
            folder: format!("{place}/{name}"),
            name,
            domain,
            layer,
            neighbours,
            packages: Vec::new(),
            owner_comment: false,
            copies_everything: self.random.chance(50),
            readme_revision: 0,
            dockerfile_revision: 0,
            manifest_revision: 0,
        });
        self.repo.modules.len() - 1
    }

    /// The last package is the one in the module's root folder; it may import its siblings.
    fn add_library_packages(&mut self, module: ModuleId) {
        let count = self.random.between(self.packages.saturating_sub(2).max(2), self.packages + 2);
        let chosen = self.random.sample(words::PACKAGES, count - 1);
        let folder = self.repo.modules[module].folder.clone();
        for name in chosen {
            let inner = if self.random.chance(12) { "internal/" } else { "" };
            self.add_package(module, format!("{folder}/{inner}{name}"), name.to_owned());
        }
        let name = self.repo.modules[module].name.replace('-', "");
        let root = self.add_package(module, folder, name);
        // Every size has something to change for each kind of benchmark branch.
        if module == self.repo.testkit + 1 {
            self.repo.packages[root].files.retain(|file| !matches!(file.role, Role::Variant(_)));
            add_variants(&mut self.repo, &mut self.random, root, BY_SYSTEM, None);
            add_variants(&mut self.repo, &mut self.random, root, BY_TAG, None);
            if !self.repo.packages[root].files.iter().any(|file| file.role == Role::Test) {
                add_test(&mut self.repo, &mut self.random, root, None);
            }
        }
        if module == self.repo.testkit + 2 && self.repo.packages[root].data.iter().all(|file| !file.embedded) {
            add_embed(&mut self.repo, &mut self.random, root);
        }
    }

    fn add_service_packages(&mut self, module: ModuleId) {
        let (folder, service) = (self.repo.modules[module].folder.clone(), self.repo.modules[module].name.clone());
        let count = self.random.between(2, 4);
        for name in self.random.sample(words::INTERNAL, count) {
            self.add_package(module, format!("{folder}/internal/{name}"), name.to_owned());
        }
        let own = self.repo.modules[module].packages.clone();
        self.add_command(module, &service, &own);
        if self.random.chance(10) {
            self.add_command(module, "migrate", own.get(..1).unwrap_or_default());
        }
    }

    fn add_command(&mut self, module: ModuleId, name: &str, own: &[PackageId]) {
        let folder = format!("{}/cmd/{name}", self.repo.modules[module].folder);
        let wanted = self.random.between(1, 3);
        let others = importable(&self.repo, module);
        let mut imports = own.to_vec();
        imports.extend(self.random.sample(&others, wanted));
        let id = push_package(&mut self.repo, module, folder, "main".to_owned());
        let mut file = new_file(&self.repo, id, "main", Role::Main, Condition::Always);
        file.imports = imports;
        file.pieces = pieces(&mut self.random, snippets::SOURCE, 100, 180);
        self.repo.packages[id].files.push(file);
        if self.random.chance(40) {
            add_test(&mut self.repo, &mut self.random, id, None);
        }
    }

    fn add_package(&mut self, module: ModuleId, folder: String, name: String) -> PackageId {
        let wanted = self.random.between(2, 7);
        let siblings = self.repo.modules[module].packages.clone();
        let others = importable(&self.repo, module);
        let near = (wanted * 2 / 5).min(siblings.len());
        let mut imports = self.random.sample(&siblings, near);
        imports.extend(self.random.sample(&others, wanted - near));
        let id = push_package(&mut self.repo, module, folder, name);
        fill(&mut self.repo, &mut self.random, id, &imports);
        id
    }
}

fn push_package(repo: &mut Repo, module: ModuleId, folder: String, name: String) -> PackageId {
    let id = repo.packages.len();
    repo.packages.push(Package { module, folder, name, files: Vec::new(), data: Vec::new() });
    repo.modules[module].packages.push(id);
    id
}

/// Gives a package its files, the imports spread over them.
fn fill(repo: &mut Repo, random: &mut Random, id: PackageId, imports: &[PackageId]) {
    let count = random.pick(&[1, 2, 2, 3, 3, 4]).copied().unwrap_or(1);
    let name = repo.packages[id].name.clone();
    let mut stems = random.sample(words::STEMS, count - 1);
    stems.insert(0, &name);
    for (position, stem) in stems.into_iter().enumerate() {
        let role = if position == 0 { Role::Entry } else { Role::Plain };
        let mut file = new_file(repo, id, stem, role, Condition::Always);
        file.imports = imports.iter().skip(position).step_by(count).copied().collect();
        file.pieces = pieces(random, snippets::SOURCE, 90, 260);
        if random.chance(2) {
            file.quirk = random.pick(&QUIRKS).copied();
        }
        repo.packages[id].files.push(file);
    }
    let other = random.pick(&importable(repo, repo.packages[id].module)).copied();
    if random.chance(12) {
        let variants = [BY_SYSTEM, BY_SYSTEM, BY_TAG, BY_ARCHITECTURE, BY_FAMILY];
        let variants = random.pick(&variants).copied().unwrap_or(BY_SYSTEM);
        add_variants(repo, random, id, variants, other);
    }
    if random.chance(8) {
        add_embed(repo, random, id);
    }
    if random.chance(3) {
        let mut file = new_file(repo, id, "generate", Role::Main, Condition::Ignore);
        "main".clone_into(&mut file.package_name);
        file.pieces = pieces(random, snippets::SOURCE, 60, 120);
        repo.packages[id].files.push(file);
    }
    if random.chance(65) {
        add_test(repo, random, id, other);
    }
}

fn new_file(repo: &Repo, id: PackageId, stem: &str, role: Role, condition: Condition) -> GoFile {
    let package = &repo.packages[id];
    let path = format!("{}/{stem}.go", package.folder);
    GoFile {
        key: random::key(repo.seed, &path),
        path,
        stem: stem.to_owned(),
        package_name: package.name.clone(),
        role,
        condition,
        quirk: None,
        imports: Vec::new(),
        embeds: Vec::new(),
        pieces: Vec::new(),
    }
}

/// Pieces with about as many lines as a number drawn from `low` to `high`.
fn pieces(random: &mut Random, from: &[Snippet], low: usize, high: usize) -> Vec<Piece> {
    let wanted = random.between(low, high);
    let (mut lines, mut pieces) = (0, Vec::new());
    while lines < wanted {
        let snippet = random.below(from.len());
        lines += from[snippet].lines() + 1;
        let noun = random.pick(words::NOUNS).copied().unwrap_or("Noun");
        let verb = random.pick(words::VERBS).copied().unwrap_or("Verb");
        pieces.push(Piece { snippet, noun, verb, revision: 0 });
    }
    pieces
}

fn add_variants(
    repo: &mut Repo,
    random: &mut Random,
    id: PackageId,
    (function, variants): (&'static str, Variants),
    import: Option<PackageId>,
) {
    for &(stem, condition) in variants {
        let mut file = new_file(repo, id, stem, Role::Variant(function), condition);
        file.imports.extend(import.filter(|_| random.chance(50)));
        file.pieces = pieces(random, snippets::SOURCE, 40, 120);
        repo.packages[id].files.push(file);
    }
}

fn add_test(repo: &mut Repo, random: &mut Random, id: PackageId, other: Option<PackageId>) {
    let stem = format!("{}_test", repo.packages[id].files.first().map_or("package", |file| &file.stem));
    let mut file = new_file(repo, id, &stem, Role::Test, Condition::Test);
    if random.chance(30) && file.package_name != "main" {
        file.package_name.push_str("_test");
        file.imports.push(id);
    }
    let testkit = &repo.modules[repo.testkit];
    if repo.packages[id].module != repo.testkit && random.chance(50) {
        file.imports.extend(testkit.packages.last());
    }
    file.imports.extend(other.filter(|_| random.chance(30)));
    file.pieces = pieces(random, snippets::TEST, 60, 200);
    let package = &mut repo.packages[id];
    package.files.push(file);
    if random.chance(15) {
        add_data(package, "testdata/golden.json", false);
    }
    if random.chance(3) {
        add_data(package, "testdata/src/broken/broken.go", false);
    }
}

/// Files for `//go:embed`, and beside them one that the pattern leaves out.
fn add_embed(repo: &mut Repo, random: &mut Random, id: PackageId) {
    let mut file = new_file(repo, id, "embed", Role::Plain, Condition::Always);
    file.pieces = pieces(random, snippets::SOURCE, 30, 90);
    let package = &mut repo.packages[id];
    match random.below(4) {
        0 => {
            file.embeds.push(("schema.sql", "string"));
            add_data(package, "schema.sql", true);
            add_data(package, "schema.old.sql", false);
        }
        1 => {
            file.embeds.extend([("all:assets", "embed.FS"), ("version.txt", "[]byte")]);
            add_data(package, "assets/logo.svg", true);
            add_data(package, "assets/.keep", true);
            add_data(package, "version.txt", true);
        }
        2 => {
            file.embeds.push(("assets", "embed.FS"));
            add_data(package, "assets/logo.svg", true);
            add_data(package, "assets/css/site.css", true);
            add_data(package, "assets/.keep", false);
        }
        _ => {
            file.embeds.push(("templates/*.tmpl", "embed.FS"));
            add_data(package, "templates/index.tmpl", true);
            add_data(package, "templates/mail.tmpl", true);
            add_data(package, "templates/README.txt", false);
        }
    }
    package.files.push(file);
}

fn add_data(package: &mut Package, name: &str, embedded: bool) {
    package.data.push(DataFile { path: format!("{}/{name}", package.folder), revision: 0, embedded });
}
