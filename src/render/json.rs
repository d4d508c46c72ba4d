//! The JSON of a plan. These types are the format: what users script against. The plan's own types can change freely.
//!
//! Keys are `snake_case`, values kebab-case, lists sorted, and nothing in it depends on time or machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use schemars::JsonSchema;
use serde::Serialize;

use crate::fingerprint::item::SCHEME;
use crate::plan::reason::{Reason, ReasonKind};
use crate::plan::{Plan, PlannedImage, PlannedService};
use crate::render::words;
use crate::repo::{ChangeStatus, Note, RepoPath};

/// What every JSON document of the program starts with.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Tool {
    /// Always `buildplan`.
    name: &'static str,
    /// The version of the program.
    version: &'static str,
    /// Which rules made the fingerprints; those of two schemes cannot be compared.
    fingerprint_scheme: u32,
}

impl Tool {
    /// This program.
    pub fn this() -> Self {
        Self { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION"), fingerprint_scheme: SCHEME }
    }
}

/// What is to be built, and why.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "buildplan.plan.v1")]
pub struct PlanDocument {
    /// Always `buildplan.plan.v1`.
    schema: &'static str,
    tool: Tool,
    /// What head is compared with; null with `--all`, or if no base could be had.
    base: Option<BaseDocument>,
    head: HeadDocument,
    ledger: LedgerDocument,
    /// What the user should know about how the plan was made.
    notes: Vec<NoteDocument>,
    /// Every path that differs between base and head.
    changed_files: Vec<ChangedFileDocument>,
    /// Services that only base has.
    removed: Vec<String>,
    /// Every service of head, by name.
    services: Vec<ServiceDocument>,
    /// What is to be done, in an order in which it can be done.
    steps: Vec<StepDocument>,
    summary: SummaryDocument,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct BaseDocument {
    /// The revision as it was asked for.
    rev: String,
    /// The commit compared with.
    commit: String,
    /// Whether that is the merge base of the revision and head, rather than the revision itself.
    merge_base: bool,
    /// Which rule chose it.
    source: String,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct HeadDocument {
    /// The revision as it was asked for; null for what is checked out.
    rev: Option<String>,
    /// The commit, or the one that the working copy stands on.
    commit: String,
    /// The tree of that commit.
    tree: String,
    /// Whether the working copy is planned, not the commit.
    working_copy: bool,
    /// Whether the working copy differs from the commit.
    dirty: bool,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct LedgerDocument {
    /// Which ledger was consulted.
    store: String,
}

/// A note, as every document has it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NoteDocument {
    kind: &'static str,
    message: String,
    /// The service that it concerns; null for all.
    service: Option<String>,
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_base64: Option<String>,
}

impl From<&Note> for NoteDocument {
    fn from(note: &Note) -> Self {
        Self {
            kind: note.kind.as_str(),
            message: note.message.clone(),
            service: note.service.clone(),
            path: note.path.as_ref().map(path_text),
            path_base64: note.path.as_ref().and_then(path_base64),
        }
    }
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum StatusDocument {
    Added,
    Modified,
    Deleted,
}

impl From<ChangeStatus> for StatusDocument {
    fn from(status: ChangeStatus) -> Self {
        match status {
            ChangeStatus::Added => Self::Added,
            ChangeStatus::Modified => Self::Modified,
            ChangeStatus::Deleted => Self::Deleted,
        }
    }
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct ChangedFileDocument {
    path: String,
    /// The bytes of a path that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_base64: Option<String>,
    status: StatusDocument,
    /// The services that have it among their reasons.
    services: Vec<String>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct ServiceDocument {
    name: String,
    /// The import path of its main package.
    package: Option<String>,
    /// The folder of its main package, or of its Dockerfile.
    dir: String,
    /// `build` or `skip`.
    decision: &'static str,
    /// Whether it differs from base, whatever the ledger says.
    affected: bool,
    /// 64 hexadecimal digits; null if an input cannot be known.
    fingerprint: Option<String>,
    base_fingerprint: Option<String>,
    /// The digest of the image, where the ledger knows it.
    digest: Option<String>,
    weight: u64,
    targets: Vec<TargetDocument>,
    /// Why, most telling first; never empty.
    reasons: Vec<ReasonDocument>,
    /// Why, in one line.
    reason: String,
    /// The key of a cache for the modules and compiled packages of its build: it changes with what is taken from outside
    /// the repository, with the toolchain and the targets. Null without a Go program, or if it is not built.
    cache_key: Option<String>,
    image: ImageDocument,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct TargetDocument {
    platform: String,
    build_tags: Vec<String>,
    /// Null if it is not known.
    cgo: Option<bool>,
}

/// One reason; which of the optional keys there are depends on the kind.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct ReasonDocument {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_base64: Option<String>,
    /// What happened to the file between base and head.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<StatusDocument>,
    /// Whether the input is one of head, or of base only.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<&'static str>,
    /// For `external-module`, `vendoring` and `language-version`.
    #[serde(skip_serializing_if = "Option::is_none")]
    module: Option<String>,
    /// For `resolution`.
    #[serde(skip_serializing_if = "Option::is_none")]
    import: Option<String>,
    /// What else it is about: a setting, a fact, a variable, an image, a service.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    /// The only target that it concerns; null if it concerns all.
    target: Option<String>,
    /// The import paths from the main package to the package concerned.
    chain: Vec<Arc<str>>,
}

impl From<&Reason> for ReasonDocument {
    fn from(reason: &Reason) -> Self {
        let mut document = Self {
            kind: reason.kind.as_str(),
            path: reason.path.as_ref().map(path_text),
            path_base64: reason.path.as_ref().and_then(path_base64),
            status: reason.status.map(StatusDocument::from),
            at: reason.at.map(crate::plan::reason::At::as_str),
            from: reason.from.clone(),
            to: reason.to.clone(),
            target: reason.target.clone(),
            chain: reason.chain.clone(),
            ..Self::default()
        };
        let subject = match reason.kind {
            ReasonKind::ExternalModule | ReasonKind::Vendoring | ReasonKind::LanguageVersion => &mut document.module,
            ReasonKind::Resolution => &mut document.import,
            _ => &mut document.subject,
        };
        subject.clone_from(&reason.subject);
        document
    }
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct ImageDocument {
    repository: Option<String>,
    tags: Vec<String>,
    dockerfile: Option<String>,
    context: String,
    target: Option<String>,
    build_args: BTreeMap<String, String>,
    builder: &'static str,
    labels: BTreeMap<String, String>,
    /// Build secrets as `docker build --secret` takes them.
    secrets: Vec<String>,
    ssh: Vec<String>,
    cache_from: Vec<String>,
    cache_to: Vec<String>,
    provenance: Vec<String>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct StepDocument {
    id: String,
    /// `build`, `push` or `tag`.
    kind: &'static str,
    service: String,
    /// The steps that must have ended well before.
    needs: Vec<String>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct SummaryDocument {
    services: usize,
    build: usize,
    skip: usize,
}

/// The plan as a document.
pub fn plan_document(plan: &Plan) -> PlanDocument {
    let build = plan.builds().count();
    PlanDocument {
        schema: "buildplan.plan.v1",
        tool: Tool::this(),
        base: plan.base.as_ref().map(|base| BaseDocument {
            rev: base.rev.clone(),
            commit: base.commit.to_string(),
            merge_base: base.merge_base,
            source: base.source.to_owned(),
        }),
        head: HeadDocument {
            rev: plan.head.rev.clone(),
            commit: plan.head.commit.to_string(),
            tree: plan.head.tree.to_string(),
            working_copy: plan.head.working_copy,
            dirty: plan.head.dirty,
        },
        ledger: LedgerDocument { store: plan.ledger.to_owned() },
        notes: plan.notes.iter().map(NoteDocument::from).collect(),
        changed_files: plan
            .changed_files
            .iter()
            .map(|file| ChangedFileDocument {
                path: path_text(&file.path),
                path_base64: path_base64(&file.path),
                status: file.status.into(),
                services: file.services.clone(),
            })
            .collect(),
        removed: plan.removed.clone(),
        services: plan.services.iter().map(service).collect(),
        steps: plan
            .steps
            .iter()
            .map(|step| StepDocument {
                id: step.id.clone(),
                kind: step.kind.as_str(),
                service: step.service.clone(),
                needs: step.needs.clone(),
            })
            .collect(),
        summary: SummaryDocument { services: plan.services.len(), build, skip: plan.services.len() - build },
    }
}

fn service(service: &PlannedService) -> ServiceDocument {
    ServiceDocument {
        name: service.name.clone(),
        package: service.package.clone(),
        dir: path_text(&service.dir),
        decision: service.decision.as_str(),
        affected: service.affected,
        fingerprint: service.fingerprint.map(|digest| digest.to_string()),
        base_fingerprint: service.base_fingerprint.map(|digest| digest.to_string()),
        digest: service.digest.clone(),
        weight: service.weight,
        targets: service
            .targets
            .iter()
            .map(|target| TargetDocument {
                platform: target.platform.clone(),
                build_tags: target.build_tags.clone(),
                cgo: target.cgo,
            })
            .collect(),
        reasons: service.reasons.iter().map(ReasonDocument::from).collect(),
        reason: words::reasons(&service.reasons),
        cache_key: service.cache_key.map(|key| format!("{:.32}", key.to_string())),
        image: image(&service.image),
    }
}

fn image(image: &PlannedImage) -> ImageDocument {
    ImageDocument {
        repository: image.repository.clone(),
        tags: image.tags.clone(),
        dockerfile: image.dockerfile.as_ref().map(path_text),
        context: path_text(&image.context),
        target: image.target.clone(),
        build_args: image.build_args.clone(),
        builder: image.builder,
        labels: image.labels.clone(),
        secrets: image.secrets.clone(),
        ssh: image.ssh.clone(),
        cache_from: image.cache_from.clone(),
        cache_to: image.cache_to.clone(),
        provenance: image.provenance.clone(),
    }
}

/// A path as JSON shows it: as it is if it is UTF-8, else escaped, with the bytes beside it.
pub fn path_text(path: &RepoPath) -> String {
    match path.to_str() {
        Some("") => ".".to_owned(),
        Some(text) => text.to_owned(),
        None => path.to_string(),
    }
}

/// The bytes of a path that is not UTF-8.
pub fn path_base64(path: &RepoPath) -> Option<String> {
    path.to_str().is_none().then(|| base64::engine::general_purpose::STANDARD.encode(path.as_bytes()))
}

/// Any document as indented text that ends with a line break.
///
/// # Errors
/// Never for the documents of this module; serde's signature allows for types that JSON cannot hold.
pub fn to_text(document: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(document)?;
    text.push('\n');
    Ok(text)
}
