//! The manifest of a service: as JSON, as text, and as the difference between base and head.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use schemars::JsonSchema;
use serde::Serialize;

use crate::fingerprint::external::reached_modules;
use crate::fingerprint::item::{InputKind, Item, Subject, Value};
use crate::fingerprint::package::package_items;
use crate::fingerprint::{ServiceState, Snapshot};
use crate::plan::PlannedService;
use crate::plan::reason::At;
use crate::render::json::{NoteDocument, ReasonDocument, path_base64, path_text};
use crate::render::style::{Style, Styles};
use crate::render::words;
use crate::repo::{ChangeStatus, RepoPath};

/// How wide the column of kinds is at least: with most kinds it is the same in all lists.
const KIND_WIDTH: usize = 5;

/// Everything that the fingerprint of one service covers.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "buildplan.inputs.v1")]
pub struct InputsDocument {
    /// Always `buildplan.inputs.v1`.
    schema: &'static str,
    service: String,
    /// 64 hexadecimal digits; null if an input cannot be known.
    fingerprint: Option<String>,
    /// The packages of the repository, vendored ones included.
    packages: Vec<PackageDocument>,
    /// The modules outside the repository that may be part of it.
    external: Vec<ExternalDocument>,
    /// Files that reach the image other than through Go.
    image: Vec<FileDocument>,
    /// Files that the configuration names.
    declared: Vec<FileDocument>,
    /// All that is no file.
    facts: BTreeMap<String, String>,
    /// Why there is no fingerprint.
    unknown: Vec<String>,
    notes: Vec<NoteDocument>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct PackageDocument {
    import_path: String,
    dir: String,
    module: String,
    files: Vec<FileDocument>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
struct FileDocument {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_base64: Option<String>,
    /// The part that it plays: go, cgo, c, cxx, m, f, h, s, syso, swig, embed, include, pgo, dockerfile, …
    kind: &'static str,
    /// Its blob id.
    blob: Option<String>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct ExternalDocument {
    module: String,
    version: String,
    /// The hash of go.sum where it is known to be the one in use.
    h1: Option<String>,
    /// Whether the service is known to use the module; false if it only may.
    exact: bool,
}

/// The manifest of a service as a document.
pub fn inputs_document(snapshot: &Snapshot<'_>, state: &ServiceState) -> InputsDocument {
    let mut packages: BTreeMap<(String, RepoPath), (String, BTreeSet<FileDocument>)> = BTreeMap::new();
    let mut external: BTreeMap<String, ExternalDocument> = BTreeMap::new();
    let mut facts = BTreeMap::new();
    for (key, context, start) in state.programs(snapshot) {
        let reach = context.graph.reach(start);
        for id in reach.nodes() {
            let node = context.graph.node(*id);
            let Some(folder) = node.folder() else { continue };
            let entry = packages.entry((node.import_path.to_string(), folder.place.dir.clone()));
            let (_, files) = entry.or_insert_with(|| (folder.place.module.clone(), BTreeSet::new()));
            for item in &package_items(node) {
                match (&item.subject, &item.value) {
                    (Subject::File(kind, path), Value::File(_)) => drop(files.insert(file(*kind, path, item))),
                    (Subject::Language(module), value) => {
                        facts.entry(format!("language of {module}")).or_insert_with(|| value.shown());
                    }
                    (Subject::ModuleVersion(module), value) => drop(external.insert(
                        module.to_string(),
                        ExternalDocument { module: module.to_string(), version: value.shown(), h1: None, exact: true },
                    )),
                    _ => {}
                }
            }
        }
        for item in state.facts(context) {
            if let Subject::Fact(fact) = item.subject {
                facts.insert(format!("{} in {}", fact.as_str(), key.mode), item.value.shown());
            }
        }
        add_external(&mut external, &reached_modules(&context.graph, &reach), true);
        if context.digests.doubts(start).external {
            add_external(&mut external, &context.external, false);
        }
    }
    let mut image = Vec::new();
    let mut declared = Vec::new();
    for item in &state.items_beside(None) {
        match &item.subject {
            Subject::File(kind @ (InputKind::Declared | InputKind::Global), path) => {
                declared.push(file(*kind, path, item));
            }
            Subject::File(kind, path) => image.push(file(*kind, path, item)),
            subject => drop(facts.insert(fact_name(subject), item.value.shown())),
        }
    }
    let packages = packages.into_iter().map(|((import_path, dir), (module, files))| PackageDocument {
        import_path,
        dir: path_text(&dir),
        module,
        files: files.into_iter().collect(),
    });
    let notes =
        snapshot.notes.iter().filter(|note| note.service.as_ref().is_none_or(|name| *name == state.service.name));
    InputsDocument {
        schema: "buildplan.inputs.v1",
        service: state.service.name.clone(),
        fingerprint: state.fingerprint.map(|digest| digest.to_string()),
        packages: packages.collect(),
        external: external.into_values().collect(),
        image,
        declared,
        facts,
        unknown: state.unknown.clone(),
        notes: notes.map(NoteDocument::from).collect(),
    }
}

fn add_external(external: &mut BTreeMap<String, ExternalDocument>, items: &[Item], exact: bool) {
    for item in items {
        let Subject::External(module) = &item.subject else { continue };
        let h1 = match &item.value {
            Value::Version { h1, .. } => h1.clone(),
            _ => None,
        };
        let version = item.value.shown();
        let module = module.to_string();
        external.entry(module.clone()).or_insert(ExternalDocument { module, version, h1, exact });
    }
}

fn file(kind: InputKind, path: &RepoPath, item: &Item) -> FileDocument {
    let blob = match &item.value {
        Value::File(identity) => identity.content_id().map(|id| id.to_string()),
        _ => None,
    };
    FileDocument { path: path_text(path), path_base64: path_base64(path), kind: kind.as_str(), blob }
}

fn fact_name(subject: &Subject) -> String {
    match subject {
        Subject::Fact(fact) => fact.as_str().to_owned(),
        Subject::Environment(name) => format!("environment {name}"),
        Subject::Setting(name) => name.clone(),
        Subject::BaseImage(image) => format!("base image {image}"),
        Subject::ImageOf(service) => format!("image of {service}"),
        Subject::Language(name) | Subject::ModuleVersion(name) | Subject::External(name) => name.to_string(),
        Subject::File(_, path) => path.to_string(),
        Subject::Import { import, .. } => import.to_string(),
    }
}

/// The manifest for people.
pub fn inputs_text(document: &InputsDocument, styles: Styles) -> String {
    let mut text = String::new();
    let files: usize = document.packages.iter().map(|package| package.files.len()).sum();
    let _ = writeln!(
        text,
        "{}: {} in {}, {}, {}",
        styles.paint(Style::Name, &document.service),
        words::count(files, "file"),
        words::count(document.packages.len(), "package"),
        words::count(document.image.len() + document.declared.len(), "image input"),
        words::count(document.external.len(), "required module"),
    );
    let fingerprint = document.fingerprint.as_deref().unwrap_or("none, because an input cannot be known");
    let _ = writeln!(text, "fingerprint {fingerprint}");
    for reason in &document.unknown {
        let _ = writeln!(text, "  unknown: {reason}");
    }
    for package in &document.packages {
        let _ = writeln!(text, "\n{}", styles.paint(Style::Heading, &package.import_path));
        list(&mut text, &package.files);
    }
    for (title, files) in [("image", &document.image), ("declared", &document.declared)] {
        if !files.is_empty() {
            let _ = writeln!(text, "\n{}", styles.paint(Style::Heading, title));
            list(&mut text, files);
        }
    }
    if !document.external.is_empty() {
        let _ = writeln!(text, "\n{}", styles.paint(Style::Heading, "required modules"));
        for module in &document.external {
            let doubt = if module.exact { "" } else { "  (may be used)" };
            let _ = writeln!(text, "  {} {}{}", module.module, module.version, styles.paint(Style::Dim, doubt));
        }
    }
    let _ = writeln!(text, "\n{}", styles.paint(Style::Heading, "facts"));
    for (name, value) in document.facts.iter().filter(|(_, value)| !value.is_empty()) {
        // An image that the Dockerfile starts from is its own value.
        let value = if name.strip_prefix("base image ") == Some(value) { String::new() } else { format!(" = {value}") };
        let _ = writeln!(text, "  {name}{value}");
    }
    text
}

fn list(text: &mut String, files: &[FileDocument]) {
    let width = files.iter().map(|file| file.kind.len()).max().unwrap_or(0).max(KIND_WIDTH);
    for file in files {
        let _ = writeln!(text, "  {:<width$}  {}", file.kind, words::escape(&file.path));
    }
}

/// What moved between base and head, one line each: `+`, `-` or `~`.
pub fn difference_text(service: &PlannedService, styles: Styles) -> String {
    let mut text = String::new();
    let mut inputs = service.reasons.iter().filter(|reason| reason.at.is_some()).peekable();
    if inputs.peek().is_none() {
        let rule = service.reasons.first().map(words::reason).unwrap_or_default();
        let _ = writeln!(text, "{}: {rule}", styles.paint(Style::Name, &service.name));
    }
    for reason in inputs {
        let (sign, style) = match (reason.status, &reason.from, &reason.to) {
            (Some(ChangeStatus::Added), ..) | (None, None, Some(_)) => ("+", Style::Added),
            (Some(ChangeStatus::Deleted), ..) | (None, Some(_), None) => ("-", Style::Removed),
            _ if reason.at == Some(At::Base) => ("-", Style::Removed),
            _ => ("~", Style::Changed),
        };
        let _ = writeln!(text, "{} {}", styles.paint(style, sign), words::reason(reason));
    }
    text
}

/// What moved between base and head.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "buildplan.inputs-diff.v1")]
pub struct DifferenceDocument {
    /// Always `buildplan.inputs-diff.v1`.
    schema: &'static str,
    service: String,
    fingerprint: Option<String>,
    base_fingerprint: Option<String>,
    reasons: Vec<ReasonDocument>,
}

/// What moved between base and head as a document.
pub fn difference_document(service: &PlannedService) -> DifferenceDocument {
    DifferenceDocument {
        schema: "buildplan.inputs-diff.v1",
        service: service.name.clone(),
        fingerprint: service.fingerprint.map(|digest| digest.to_string()),
        base_fingerprint: service.base_fingerprint.map(|digest| digest.to_string()),
        reasons: service.reasons.iter().map(ReasonDocument::from).collect(),
    }
}
