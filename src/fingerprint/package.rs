//! Turns a package of the graph into its items: files, embeds, what its imports mean, its module's facts.
//!
//! It never looks at what the imported packages hold; that is composed in `closure`.

use std::sync::Arc;

use crate::fingerprint::item::{InputKind, Item, Subject};
use crate::go::folder::{SourceContent, SourceFile};
use crate::go::mode::PackageFolder;
use crate::go::source::FileKind;
use crate::graph::{Node, Part};
use crate::repo::{Digest, Hasher};

/// A digest of the items of a package, without making them: it covers the same facts.
pub(super) fn package_digest(node: &Node) -> Digest {
    let mut hasher = Hasher::new("package");
    hasher.field(node.import_path.as_bytes());
    let content = match node.part {
        Part::Package => node.package.content,
        Part::Tests => node.package.test_content,
        Part::Outside => None,
    };
    hasher.field(content.as_ref().map_or(&[][..], |digest| digest.as_bytes()));
    hasher.field(node.place.dir.as_bytes()).field(node.place.module.as_bytes());
    hasher.field(node.place.language.as_bytes()).field(node.place.version.as_bytes());
    hasher.count(node.includes.len());
    for (path, identity) in &node.includes {
        hasher.field(path.as_bytes());
        identity.hash_into(&mut hasher, node.part == Part::Tests);
    }
    hasher.count(node.conversions.len());
    for (path, rules) in &node.conversions {
        hasher.field(path.as_bytes()).field(rules.as_bytes());
    }
    hasher.count(node.imports.len());
    for (used, meaning) in &node.imports {
        hasher.field(used.path.as_bytes()).field(meaning.digest.as_bytes());
    }
    hasher.finish()
}

/// The items of one package, sorted by subject, each subject once.
pub fn package_items(node: &Node) -> Vec<Item> {
    let mut items = Vec::new();
    let (files, refused) = match node.part {
        Part::Package => (&node.package.files[..], &node.package.refused[..]),
        Part::Tests => (&node.package.test_files[..], &[][..]),
        Part::Outside => (&[][..], &[][..]),
    };
    for index in files.iter().chain(refused) {
        add_file(&mut items, node, &node.source.files[*index]);
    }
    items.extend(node.includes.iter().map(|(path, identity)| {
        let kind = if node.part == Part::Tests { InputKind::Declared } else { InputKind::Include };
        Item::file(kind, path.clone(), identity.clone())
    }));
    for (used, meaning) in &node.imports {
        let subject = Subject::Import { importer: Arc::clone(&node.import_path), import: Arc::clone(&used.path) };
        items.push(Item::text(subject, meaning.resolution.to_string()));
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

fn add_module(items: &mut Vec<Item>, place: &PackageFolder) {
    let module: Arc<str> = Arc::from(place.module.as_str());
    items.push(Item::text(Subject::Language(Arc::clone(&module)), place.language.clone()));
    if !place.version.is_empty() || place.vendored {
        items.push(Item::text(Subject::ModuleVersion(module), place.version.clone()));
    }
}
