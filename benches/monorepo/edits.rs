//! Changes to the model, each with the files that a commit of it writes and removes.

use super::growth;
use super::model::{Condition, Kind, ModuleId, PackageId, Repo, Role};
use super::random::Random;
use super::{pages, source};
use std::collections::BTreeMap;

/// The files of a commit: new contents, or none for a removed file.
pub(crate) type Patch = BTreeMap<String, Option<Vec<u8>>>;

/// What a commit does, and to what.
pub(crate) struct Change {
    /// A folder of the repository.
    pub(crate) target: String,
    pub(crate) patch: Patch,
}

/// Edits some numbers in one Go file.
pub(crate) fn edit_go(repo: &mut Repo, random: &mut Random, package: PackageId, position: usize, patch: &mut Patch) {
    let file = &mut repo.packages[package].files[position];
    let piece = random.below(file.pieces.len());
    if let Some(piece) = file.pieces.get_mut(piece) {
        piece.revision += 1;
    }
    let file = &repo.packages[package].files[position];
    patch.insert(file.path.clone(), Some(source::render(repo, package, file)));
}

/// Edits one data file.
pub(crate) fn edit_data(repo: &mut Repo, package: PackageId, position: usize, patch: &mut Patch) {
    repo.packages[package].data[position].revision += 1;
    let file = &repo.packages[package].data[position];
    patch.insert(file.path.clone(), Some(pages::data(repo, file).into_bytes()));
}

/// Edits the README.md of a module.
pub(crate) fn edit_readme(repo: &mut Repo, module: ModuleId, patch: &mut Patch) {
    repo.modules[module].readme_revision += 1;
    let module = &repo.modules[module];
    patch.insert(pages::readme_path(module), Some(pages::readme(repo, module).into_bytes()));
}

/// Edits the Dockerfile of a service.
pub(crate) fn edit_dockerfile(repo: &mut Repo, module: ModuleId, patch: &mut Patch) {
    let module = &mut repo.modules[module];
    module.dockerfile_revision += 1;
    patch.insert(pages::dockerfile_path(module), Some(pages::dockerfile(module).into_bytes()));
}

/// Edits the deploy manifest of a service.
pub(crate) fn edit_manifest(repo: &mut Repo, module: ModuleId, patch: &mut Patch) {
    let module = &mut repo.modules[module];
    module.manifest_revision += 1;
    patch.insert(pages::manifest_path(module), Some(pages::manifest(module).into_bytes()));
}

/// Edits the workflow of the CI system.
pub(crate) fn edit_workflow(repo: &mut Repo, patch: &mut Patch) {
    repo.workflow_revision += 1;
    patch.insert(pages::WORKFLOW.to_owned(), Some(pages::workflow(repo).into_bytes()));
}

/// Puts a comment into the `go.mod` of a module.
pub(crate) fn comment_go_mod(repo: &mut Repo, module: ModuleId, patch: &mut Patch) {
    with_go_mod(repo, module, patch, |repo, _| repo.modules[module].owner_comment = true);
}

/// Adds an import to a package, of a module that its own module does not require yet where there is one.
pub(crate) fn add_import(repo: &mut Repo, random: &mut Random, package: PackageId, patch: &mut Patch) -> bool {
    let own = repo.packages[package].module;
    let candidates = new_imports(repo, package);
    let required = pages::go_mod(repo, own);
    let is_new =
        |id: &PackageId| !required.contains(&format!("{} ", repo.modules[repo.packages[*id].module].import_path()));
    let new: Vec<PackageId> = candidates.iter().copied().filter(is_new).collect();
    let Some(&import) = random.pick(if new.is_empty() { &candidates } else { &new }) else { return false };
    let Some(position) = repo.packages[package].files.iter().position(|file| file.condition == Condition::Always)
    else {
        return false;
    };
    with_go_mod(repo, own, patch, |repo, patch| {
        repo.packages[package].files[position].imports.push(import);
        let file = &repo.packages[package].files[position];
        patch.insert(file.path.clone(), Some(source::render(repo, package, file)));
    });
    true
}

/// Packages of lower layers that a package does not import yet: none of them can close a cycle.
fn new_imports(repo: &Repo, package: PackageId) -> Vec<PackageId> {
    let layer = repo.modules[repo.packages[package].module].layer;
    let imports: Vec<PackageId> =
        repo.packages[package].files.iter().flat_map(|file| file.imports.iter().copied()).collect();
    let below = repo.libraries().filter(|(id, module)| module.layer < layer && *id != repo.testkit);
    let packages = below.flat_map(|(_, module)| module.packages.iter().copied());
    packages.filter(|id| !repo.packages[*id].is_internal() && !imports.contains(id)).collect()
}

/// Removes a file that nothing refers to.
pub(crate) fn delete_file(repo: &mut Repo, random: &mut Random, package: PackageId, patch: &mut Patch) -> bool {
    let Some(position) = movable_file(repo, random, package) else { return false };
    let module = repo.packages[package].module;
    with_go_mod(repo, module, patch, |repo, patch| {
        let file = repo.packages[package].files.remove(position);
        patch.insert(file.path, None);
    });
    true
}

/// Renames a file and leaves its contents as they are.
pub(crate) fn rename_file(repo: &mut Repo, random: &mut Random, package: PackageId, patch: &mut Patch) -> bool {
    let Some(position) = movable_file(repo, random, package) else { return false };
    let old = repo.packages[package].files[position].path.clone();
    let new = old.replace(".go", "_v2.go");
    if new.contains("_v2_v2") {
        return false;
    }
    repo.packages[package].files[position].path.clone_from(&new);
    let file = &repo.packages[package].files[position];
    patch.insert(new, Some(source::render(repo, package, file)));
    patch.insert(old, None);
    true
}

fn movable_file(repo: &Repo, random: &mut Random, package: PackageId) -> Option<usize> {
    let files = repo.packages[package].files.iter().enumerate();
    let plain = files.filter(|(_, file)| file.role == Role::Plain && file.condition == Condition::Always);
    let movable: Vec<usize> = plain.filter(|(_, file)| file.embeds.is_empty()).map(|(position, _)| position).collect();
    random.pick(&movable).copied()
}

/// Adds a package to a library.
pub(crate) fn add_package(repo: &mut Repo, random: &mut Random, module: ModuleId, patch: &mut Patch) {
    with_go_mod(repo, module, patch, |repo, patch| {
        let Some(id) = growth::add_package(repo, random, module) else { return };
        let package = &repo.packages[id];
        for file in &package.files {
            patch.insert(file.path.clone(), Some(source::render(repo, id, file)));
        }
        for file in &package.data {
            patch.insert(file.path.clone(), Some(pages::data(repo, file).into_bytes()));
        }
    });
}

/// Makes a change, and writes the `go.mod` of the module where the change shows in it.
fn with_go_mod(repo: &mut Repo, module: ModuleId, patch: &mut Patch, change: impl FnOnce(&mut Repo, &mut Patch)) {
    let before = pages::go_mod(repo, module);
    change(repo, patch);
    let after = pages::go_mod(repo, module);
    if after != before {
        patch.insert(pages::go_mod_path(&repo.modules[module]), Some(after.into_bytes()));
    }
}

/// A commit as they come in the daily work on `main`.
pub(crate) fn daily_change(repo: &mut Repo, random: &mut Random) -> Change {
    loop {
        let roll = random.below(100);
        let kind = if (58..73).contains(&roll) { Kind::Service } else { Kind::Library };
        let modules: Vec<ModuleId> = (0..repo.modules.len()).filter(|&id| repo.modules[id].kind == kind).collect();
        let module = random.pick(&modules).copied().unwrap_or(0);
        let package = random.pick(&repo.modules[module].packages).copied().unwrap_or(0);
        let mut patch = Patch::new();
        match roll {
            0..70 => edit_some_files(repo, random, module, &mut patch),
            70..73 => edit_dockerfile_or_manifest(repo, random, module, &mut patch),
            73..76 => edit_workflow(repo, &mut patch),
            76..82 => edit_readme(repo, module, &mut patch),
            82..88 => edit_any_data(repo, random, module, &mut patch),
            88..92 => _ = add_import(repo, random, package, &mut patch),
            92..95 => add_package(repo, random, module, &mut patch),
            95..97 => _ = delete_file(repo, random, package, &mut patch),
            _ => _ = rename_file(repo, random, package, &mut patch),
        }
        if !patch.is_empty() {
            return Change { target: repo.modules[module].folder.clone(), patch };
        }
    }
}

fn edit_dockerfile_or_manifest(repo: &mut Repo, random: &mut Random, module: ModuleId, patch: &mut Patch) {
    if repo.modules[module].kind == Kind::Service && random.chance(50) {
        edit_dockerfile(repo, module, patch);
    } else if repo.modules[module].kind == Kind::Service {
        edit_manifest(repo, module, patch);
    }
}

/// Edits one to five Go files of a module, tests and variants among them.
fn edit_some_files(repo: &mut Repo, random: &mut Random, module: ModuleId, patch: &mut Patch) {
    let count = random.between(1, 5);
    for (package, position) in random.sample(&go_files(repo, &[module]), count) {
        edit_go(repo, random, package, position, patch);
    }
}

/// The places of all Go files of some modules.
pub(crate) fn go_files(repo: &Repo, modules: &[ModuleId]) -> Vec<(PackageId, usize)> {
    let packages = modules.iter().flat_map(|&module| repo.modules[module].packages.iter().copied());
    packages.flat_map(|id| (0..repo.packages[id].files.len()).map(move |position| (id, position))).collect()
}

fn edit_any_data(repo: &mut Repo, random: &mut Random, module: ModuleId, patch: &mut Patch) {
    let packages = &repo.modules[module].packages;
    let places: Vec<(PackageId, usize)> =
        packages.iter().flat_map(|&id| (0..repo.packages[id].data.len()).map(move |position| (id, position))).collect();
    if let Some(&(package, position)) = random.pick(&places) {
        edit_data(repo, package, position, patch);
    }
}
