//! Turns a package of the graph into its items: files, embeds, what its imports mean, its module's facts.
//!
//! It never looks at what the imported packages hold; that is composed in `closure`.

use std::sync::Arc;

use crate::fingerprint::item::{InputKind, Item, Subject};
use crate::go::folder::{SourceContent, SourceFile};
use crate::go::mode::{PackageFolder, Resolution};
use crate::go::source::FileKind;
use crate::graph::{Node, Part};

/// The items of one package, sorted by subject, each subject once.
pub(super) fn package_items(node: &Node) -> Vec<Item> {
    let mut items = Vec::new();
    let files = match node.part {
        Part::Package => &node.package.files[..],
        Part::Tests => &node.package.test_files[..],
        Part::Outside => &[],
    };
    for index in files {
        add_file(&mut items, node, &node.source.files[*index]);
    }
    items.extend(node.includes.iter().map(|(path, identity)| {
        let kind = if node.part == Part::Tests { InputKind::Declared } else { InputKind::Include };
        Item::file(kind, path.clone(), identity.clone())
    }));
    for (used, resolution) in &node.imports {
        let subject = Subject::Import { importer: Arc::clone(&node.import_path), import: Arc::clone(&used.path) };
        items.push(Item::text(subject, meaning(resolution)));
    }
    if node.part != Part::Outside {
        add_module(&mut items, &node.place);
    }
    items.extend(node.conversions.iter().map(|(path, rules)| Item::conversion(path.clone(), *rules)));
    items.sort_unstable_by(|left, right| left.subject.cmp(&right.subject));
    items.dedup_by(|left, right| left.subject == right.subject);
    items
}

fn add_file(items: &mut Vec<Item>, node: &Node, file: &SourceFile) {
    let path = node.place.dir.child(&file.name);
    items.push(Item::file(kind_of(file), path, file.identity.clone()));
    if let SourceContent::Go { embeds, .. } = &file.content
        && node.part == Part::Package
    {
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

/// Where an import leads, in words that `why` can show.
fn meaning(resolution: &Resolution) -> String {
    let folders =
        |places: &[PackageFolder]| places.iter().map(|place| place.dir.to_string()).collect::<Vec<_>>().join(" and ");
    match resolution {
        Resolution::Toolchain => "the Go toolchain".to_owned(),
        Resolution::Packages(places) => folders(places),
        Resolution::External(places) if places.is_empty() => "an external module".to_owned(),
        Resolution::External(places) => format!("{} or an external module", folders(places)),
        Resolution::Missing(reason) | Resolution::Outside(reason) => reason.clone(),
    }
}

fn add_module(items: &mut Vec<Item>, place: &PackageFolder) {
    let module: Arc<str> = Arc::from(place.module.as_str());
    items.push(Item::text(Subject::Language(Arc::clone(&module)), place.language.clone()));
    if !place.version.is_empty() || place.vendored {
        items.push(Item::text(Subject::ModuleVersion(module), place.version.clone()));
    }
}
