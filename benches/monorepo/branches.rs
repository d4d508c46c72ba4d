//! The benchmark branches: each is `main` and one commit of a known kind.

use super::edits::{self, Change, Patch};
use super::model::{Condition, GoFile, ModuleId, PackageId, Repo, Role};
use super::random::Random;

/// What the one commit of a branch does.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Edits a file of one service.
    Service,
    /// Edits a library file that about a twelfth of the services use.
    Domain,
    /// Edits a library file that about half of the services use.
    Half,
    /// Edits a file of the library package with the most users.
    Platform,
    /// Edits a test of a widely used package.
    Test,
    /// Edits the library that only tests import.
    Testkit,
    /// Edits a file of another operating system in a widely used package.
    Windows,
    /// Edits a file behind a build tag in a widely used package.
    Tagged,
    /// Edits the README.md of a widely used library.
    Docs,
    /// Edits an embedded file of a library.
    Embed,
    /// Adds a comment to the `go.mod` of a widely used library.
    Comment,
    /// Adds an import, and the module it needs to `go.mod`.
    Edge,
    /// Deletes a Go file of a library.
    Delete,
    /// Renames a Go file of a library.
    Rename,
    /// Edits 30 files in up to 12 libraries of one domain.
    Pr,
}

/// All kinds, with the names of their branches below `bench/`.
pub(crate) const KINDS: [(&str, Kind); 15] = [
    ("service", Kind::Service),
    ("domain", Kind::Domain),
    ("half", Kind::Half),
    ("platform", Kind::Platform),
    ("test", Kind::Test),
    ("testkit", Kind::Testkit),
    ("windows", Kind::Windows),
    ("tagged", Kind::Tagged),
    ("docs", Kind::Docs),
    ("embed", Kind::Embed),
    ("comment", Kind::Comment),
    ("edge", Kind::Edge),
    ("delete", Kind::Delete),
    ("rename", Kind::Rename),
    ("pr", Kind::Pr),
];

/// Makes the change of a branch; none where the repository has nothing to change for it.
pub(crate) fn change(repo: &mut Repo, random: &mut Random, kind: Kind) -> Option<Change> {
    let packages = Ranking::new(repo);
    let ordinary = |file: &GoFile| matches!(file.role, Role::Entry | Role::Main) && file.condition == Condition::Always;
    let windows = |file: &GoFile| file.condition == Condition::Windows;
    let tagged = |file: &GoFile| file.condition == Condition::Debug;
    let test = |file: &GoFile| file.role == Role::Test;
    match kind {
        Kind::Service => {
            let count = repo.services().count();
            let package = repo.services().nth(count / 2)?.packages.first().copied()?;
            edit_file_in(repo, random, &[package], ordinary)
        }
        Kind::Domain => edit_file_in(repo, random, &packages.near(8), ordinary),
        Kind::Half => edit_file_in(repo, random, &packages.near(50), ordinary),
        Kind::Platform => edit_file_in(repo, random, &packages.near(100), ordinary),
        Kind::Test => edit_file_in(repo, random, &packages.near(100), test),
        Kind::Windows => edit_file_in(repo, random, &packages.near(100), windows),
        Kind::Tagged => edit_file_in(repo, random, &packages.near(100), tagged),
        Kind::Testkit => {
            let package = repo.modules[repo.testkit].packages.last().copied()?;
            edit_file_in(repo, random, &[package], ordinary)
        }
        Kind::Docs => on_module(repo, &packages.near(100), edits::edit_readme),
        Kind::Comment => on_module(repo, &packages.near(100), edits::comment_go_mod),
        Kind::Embed => edit_embedded(repo, &packages.near(20)),
        Kind::Edge => first_that_works(repo, random, &packages.near(20), edits::add_import),
        Kind::Delete => first_that_works(repo, random, &packages.near(20), edits::delete_file),
        Kind::Rename => first_that_works(repo, random, &packages.near(20), edits::rename_file),
        Kind::Pr => edit_domain(repo, random, &packages.near(8)),
    }
}

/// Edits up to three files that a quarter of the services use: the last commit on `main`.
pub(crate) fn typical_change(repo: &mut Repo, random: &mut Random) -> Option<Change> {
    let package = *Ranking::new(repo).near(25).first()?;
    let mut patch = Patch::new();
    for position in 0..repo.packages[package].files.len().min(3) {
        edits::edit_go(repo, random, package, position, &mut patch);
    }
    Some(Change { target: repo.packages[package].folder.clone(), patch })
}

/// The packages of libraries that some service uses, with the number of their users.
struct Ranking {
    services: usize,
    packages: Vec<(PackageId, usize)>,
}

impl Ranking {
    fn new(repo: &Repo) -> Self {
        let usage = repo.usage();
        let packages = repo.libraries().flat_map(|(_, module)| module.packages.iter().copied());
        let used = packages.map(|id| (id, usage[id])).filter(|(_, users)| *users > 0);
        Self { services: repo.services().count(), packages: used.collect() }
    }

    /// The packages, first those whose share of the services is nearest to `percent`.
    fn near(&self, percent: usize) -> Vec<PackageId> {
        let mut packages = self.packages.clone();
        packages.sort_by_key(|(id, users)| ((users * 100).abs_diff(percent * self.services), *id));
        packages.into_iter().map(|(id, _)| id).collect()
    }
}

/// Edits the first file that fits.
fn edit_file_in(
    repo: &mut Repo,
    random: &mut Random,
    packages: &[PackageId],
    fits: impl Fn(&GoFile) -> bool,
) -> Option<Change> {
    let place = |&package: &PackageId| Some((package, repo.packages[package].files.iter().position(&fits)?));
    let (package, position) = packages.iter().find_map(place)?;
    let mut patch = Patch::new();
    edits::edit_go(repo, random, package, position, &mut patch);
    Some(Change { target: repo.packages[package].folder.clone(), patch })
}

fn edit_embedded(repo: &mut Repo, packages: &[PackageId]) -> Option<Change> {
    let place =
        |&package: &PackageId| Some((package, repo.packages[package].data.iter().position(|file| file.embedded)?));
    let (package, position) = packages.iter().find_map(place)?;
    let mut patch = Patch::new();
    edits::edit_data(repo, package, position, &mut patch);
    Some(Change { target: repo.packages[package].folder.clone(), patch })
}

fn on_module(repo: &mut Repo, packages: &[PackageId], edit: fn(&mut Repo, ModuleId, &mut Patch)) -> Option<Change> {
    let module = repo.packages[*packages.first()?].module;
    let mut patch = Patch::new();
    edit(repo, module, &mut patch);
    Some(Change { target: repo.modules[module].folder.clone(), patch })
}

fn first_that_works(
    repo: &mut Repo,
    random: &mut Random,
    packages: &[PackageId],
    edit: fn(&mut Repo, &mut Random, PackageId, &mut Patch) -> bool,
) -> Option<Change> {
    let mut patch = Patch::new();
    let package = packages.iter().copied().find(|&package| edit(repo, random, package, &mut patch))?;
    Some(Change { target: repo.packages[package].folder.clone(), patch })
}

fn edit_domain(repo: &mut Repo, random: &mut Random, packages: &[PackageId]) -> Option<Change> {
    let domain = packages.iter().find_map(|&package| repo.modules[repo.packages[package].module].domain)?;
    let modules: Vec<ModuleId> =
        repo.libraries().filter(|(_, module)| module.domain == Some(domain)).map(|(id, _)| id).collect();
    let modules = random.sample(&modules, 12);
    let mut patch = Patch::new();
    for (package, position) in random.sample(&edits::go_files(repo, &modules), 30) {
        edits::edit_go(repo, random, package, position, &mut patch);
    }
    Some(Change { target: "libs".to_owned(), patch })
}
