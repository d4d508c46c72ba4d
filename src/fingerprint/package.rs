//! Turns a package of the graph into its items: files, embeds, what its imports mean, its module's facts.
//!
//! It never looks at what the imported packages hold; that is composed in `closure`.

use std::sync::Arc;

use crate::fingerprint::external::module_item;
use crate::fingerprint::item::{InputKind, Item, Subject};
use crate::go::folder::{SourceContent, SourceFile};
use crate::go::source::FileKind;
use crate::graph::{Content, FolderPackage, Node, Part};
use crate::repo::{Digest, Hasher, RepoPath};

/// A digest of the items of a package, without making them: it covers the same facts.
pub(super) fn package_digest(node: &Node) -> Digest {
    let mut hasher = Hasher::new("package");
    hasher.field(node.import_path.as_bytes());
    match &node.content {
        Content::Folder(folder) => add_folder(&mut hasher, folder),
        Content::External(module) => module_item(module).hash_into(&mut hasher),
        Content::Outside => {}
    }
    hasher.count(node.imports.len());
    for (used, meaning) in &node.imports {
        hasher.field(used.path.as_bytes()).field(meaning.digest.as_bytes());
    }
    hasher.finish()
}

fn add_folder(hasher: &mut Hasher, folder: &FolderPackage) {
    let content = match folder.part {
        Part::Package => folder.package.content,
        Part::Tests => folder.package.test_content,
    };
    hasher.field(content.as_ref().map_or(&[][..], |digest| digest.as_bytes()));
    let place = &folder.place;
    hasher.field(place.dir.as_bytes()).field(place.module.as_bytes());
    hasher.field(language(folder).as_bytes()).field(place.version.as_bytes());
    hasher.count(folder.includes.files.len());
    for (path, identity) in &folder.includes.files {
        hasher.field(path.as_bytes());
        identity.hash_into(hasher, folder.part == Part::Tests);
    }
    hasher.count(folder.conversions.len());
    for (path, rules) in &folder.conversions {
        hasher.field(path.as_bytes()).field(rules.as_bytes());
    }
}

/// The items of one package, sorted by subject, each subject once; without the module of an external package, which is
/// an item of all services that reach it (see [`reached_modules`](super::external::reached_modules)).
pub fn package_items(node: &Node) -> Vec<Item> {
    let mut items = match &node.content {
        Content::Folder(folder) => folder_items(folder),
        Content::External(_) | Content::Outside => Vec::new(),
    };
    for (used, meaning) in &node.imports {
        let subject = Subject::Import { importer: Arc::clone(&node.import_path), import: Arc::clone(&used.path) };
        items.push(Item::text(subject, meaning.resolution.to_string()));
    }
    items.sort_unstable_by(|left, right| left.subject.cmp(&right.subject));
    items.dedup_by(|left, right| left.subject == right.subject);
    items
}

fn folder_items(folder: &FolderPackage) -> Vec<Item> {
    let mut items = Vec::new();
    let (files, refused) = match folder.part {
        Part::Package => (&folder.package.files, &folder.package.refused[..]),
        Part::Tests => (&folder.package.test_files, &[][..]),
    };
    for index in files.iter().chain(refused) {
        add_file(&mut items, &folder.place.dir, &folder.source.files[*index]);
    }
    items.extend(folder.includes.files.iter().map(|(path, identity)| {
        let kind = if folder.part == Part::Tests { InputKind::Declared } else { InputKind::Include };
        Item::file(kind, path.clone(), identity.clone())
    }));
    add_module(&mut items, folder);
    items.extend(folder.conversions.iter().map(|(path, rules)| Item::conversion(path.clone(), *rules)));
    items
}

fn add_file(items: &mut Vec<Item>, dir: &RepoPath, file: &SourceFile) {
    let path = dir.child(&file.name);
    items.push(Item::file(kind_of(file), path, file.identity.clone()));
    if let SourceContent::Go { embeds, .. } = &file.content {
        let embedded = embeds.iter().flat_map(|embedded| &embedded.files);
        items.extend(embedded.map(|(path, identity)| Item::file(InputKind::Embed, path.clone(), identity.clone())));
    }
}

fn kind_of(file: &SourceFile) -> InputKind {
    match (file.kind, &file.content) {
        (FileKind::Go, SourceContent::Go { header, .. }) if header.imports_c => InputKind::Cgo,
        (FileKind::Go, _) => InputKind::Go,
        (FileKind::C, _) => InputKind::C,
        (FileKind::Cxx, _) => InputKind::Cxx,
        (FileKind::ObjC, _) => InputKind::M,
        (FileKind::Fortran, _) => InputKind::F,
        (FileKind::Header, _) => InputKind::H,
        (FileKind::Assembly | FileKind::CAssembly, _) => InputKind::S,
        (FileKind::Syso, _) => InputKind::Syso,
        (FileKind::Swig | FileKind::SwigCxx, _) => InputKind::Swig,
    }
}

/// What the package takes from the go line of its module.
fn language(folder: &FolderPackage) -> &str {
    let is_program = folder.part == Part::Package && folder.package.is_main();
    if is_program && !folder.place.go.is_empty() { &folder.place.go } else { &folder.place.language }
}

fn add_module(items: &mut Vec<Item>, folder: &FolderPackage) {
    let place = &folder.place;
    let module: Arc<str> = Arc::from(place.module.as_str());
    items.push(Item::text(Subject::Language(Arc::clone(&module)), language(folder)));
    if !place.version.is_empty() || place.vendored {
        items.push(Item::text(Subject::ModuleVersion(module), place.version.clone()));
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::fingerprint::{Snapshot, SnapshotOptions};
    use crate::go::workspace::Workspace;
    use crate::repo::MemoryTree;

    /// Whether another go line in one go.mod of a workspace gives the only service another fingerprint.
    #[track_caller]
    fn check(dir: &str, go: &str, expected: bool) {
        let mut tree = MemoryTree::from_txtar(
            "-- go.work --\ngo 1.25\nuse (\n./cmd\n./lib\n)\n-- cmd/go.mod --\nmodule ex.io/cmd\ngo 1.24.0\n\
             -- cmd/main.go --\npackage main\nimport _ \"ex.io/lib\"\n-- lib/go.mod --\nmodule ex.io/lib\n\
             go 1.24.0\n-- lib/lib.go --\npackage lib\n",
        );
        let config = Config::parse(b"[go]\nworkspace = \"on\"\n").unwrap();
        let fingerprint = |tree: &MemoryTree| {
            let workspace = Workspace::scan(tree).unwrap();
            let snapshot = Snapshot::new(&workspace, &config, &SnapshotOptions::default(), None).unwrap();
            snapshot.services["cmd"].fingerprint.unwrap()
        };
        let before = fingerprint(&tree);
        tree.insert(&format!("{dir}/go.mod"), format!("module ex.io/{dir}\ngo {go}\n"));
        assert_eq!(fingerprint(&tree) != before, expected, "{dir} {go}");
    }

    #[test]
    fn the_whole_go_line_counts_for_a_program_and_the_language_for_what_it_imports() {
        check("cmd", "1.24.0", false);
        check("cmd", "1.24.1", true);
        check("cmd", "1.23.0", true);
        check("lib", "1.24.1", false);
        check("lib", "1.23.0", true);
    }
}
