//! Turns a service's Dockerfile, image settings and declared inputs into items.
//!
//! It never looks at what the Go compiler reads, and takes nothing from where images go to: destinations, tags, caches.
//! What is copied is told by the trace of the Dockerfile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::{Builder, DockerInputs, ImageSettings};
use crate::docker::Selection;
use crate::fingerprint::context_files::{ContextFiles, FileSet};
use crate::fingerprint::declared::{files_below, matching_files};
use crate::fingerprint::item::{InputKind, Item, Subject, Value};
use crate::go::workspace::Workspace;
use crate::repo::{Digest, Identity, Note, NoteKind, RepoPath, TreeError};
use crate::service::{Service, ServiceImage};

/// Parts of a context with more files than this are shared between services.
const SHARED_FROM: usize = 64;

/// The items of a service that do not come from its packages, not yet sorted, and what is to be said of them.
pub(super) struct ImageItems {
    /// The items.
    pub items: Vec<Item>,
    /// The larger parts of the context that count, which services share.
    pub files: Vec<Arc<FileSet>>,
    /// The notes.
    pub notes: Vec<Note>,
    /// The images that the Dockerfile starts from or copies from.
    pub bases: Vec<String>,
}

/// Collects the items. `environment` has the values of the variables that the configuration names.
pub(super) fn image_items(
    service: &Service,
    workspace: &Workspace<'_>,
    context_files: &ContextFiles<'_>,
    environment: &BTreeMap<String, String>,
) -> Result<ImageItems, TreeError> {
    let mut found = ImageItems { items: Vec::new(), files: Vec::new(), notes: Vec::new(), bases: Vec::new() };
    let tree = workspace.tree();
    if let (Some(path), Some(image)) = (&service.dockerfile, &service.image) {
        found.dockerfile(service, path, image, workspace, context_files)?;
    }
    found.files(InputKind::Declared, matching_files(tree, &service.settings.inputs)?);
    for name in &service.settings.env {
        let value = environment.get(name).map_or_else(String::new, |value| format!("={value}"));
        let digest = Digest::of("environment variable", format!("{name}{value}").as_bytes());
        found.items.push(Item { subject: Subject::Environment(name.clone()), value: Value::Digest(digest) });
    }
    found.settings(&service.settings.image);
    if service.dockerfile.is_some() {
        // The same Dockerfile copies other files from another context, even where none of them is seen here.
        found.items.push(Item::text(Subject::Setting("image.context".to_owned()), service.context.to_string()));
    }
    if service.settings.image.builder == Builder::Command {
        for word in &service.settings.image.command {
            let Some(path) = RepoPath::clean(word.as_bytes()).filter(|path| !path.is_root()) else { continue };
            found.files(InputKind::Declared, files_below(tree, &path)?);
        }
    }
    found.profiles(service, workspace)?;
    Ok(found)
}

impl ImageItems {
    fn dockerfile(
        &mut self,
        service: &Service,
        path: &RepoPath,
        image: &ServiceImage,
        workspace: &Workspace<'_>,
        context_files: &ContextFiles<'_>,
    ) -> Result<(), TreeError> {
        let tree = workspace.tree();
        if let Some(identity) = Identity::of(tree, path)? {
            self.items.push(Item::file(InputKind::Dockerfile, path.clone(), identity));
        }
        // What is copied out of another image is as much part of this one as what it starts from.
        self.bases = image.parsed.bases.iter().chain(&image.parsed.image_sources).cloned().collect();
        self.items.extend(self.bases.iter().map(|base| Item::text(Subject::BaseImage(base.clone()), base.as_str())));
        if let Some(ignore) = &image.ignore_file
            && let Some(identity) = Identity::of(tree, ignore)?
        {
            self.items.push(Item::file(InputKind::Dockerignore, ignore.clone(), identity));
        }
        let whole = || BTreeSet::from([Selection::folder(service.context.clone())]);
        let selections = match service.settings.image.docker_inputs {
            DockerInputs::None => BTreeSet::new(),
            DockerInputs::Context => whole(),
            DockerInputs::Trace => match image.parsed.unreadable() {
                Some((line, why)) => {
                    self.note(service, path, line, &format!("{why}, so the whole context counts"));
                    whole()
                }
                None => {
                    for note in &image.notes {
                        self.note(service, path, note.line, &note.message);
                    }
                    image.selections.clone()
                }
            },
        };
        let mut ignored = BTreeSet::new();
        for selection in &selections {
            let set = context_files.get(service, image, selection)?;
            ignored.extend(set.ignored.iter().cloned());
            if set.items.len() > SHARED_FROM {
                self.files.push(set);
            } else {
                self.items.extend(set.items.iter().cloned());
            }
        }
        if let Some(first) = ignored.first() {
            let more = if ignored.len() > 1 { format!(" and {} more", ignored.len() - 1) } else { String::new() };
            let message =
                format!("{first}{more}: ignored by Git and not looked into; list the files that matter under inputs");
            self.note(service, path, 1, &message);
        }
        Ok(())
    }

    /// The profiles for profile-guided optimisation.
    fn profiles(&mut self, service: &Service, workspace: &Workspace<'_>) -> Result<(), TreeError> {
        for path in service.program.iter().flat_map(|program| &program.profiles) {
            if let Some(identity) = Identity::of(workspace.tree(), path)? {
                self.items.push(Item::file(InputKind::Pgo, path.clone(), identity));
            }
        }
        Ok(())
    }

    fn settings(&mut self, image: &ImageSettings) {
        let inputs = match image.docker_inputs {
            DockerInputs::Trace => "trace",
            DockerInputs::Context => "context",
            DockerInputs::None => "none",
        };
        let mut settings: Vec<(String, String)> = vec![
            ("image.builder".to_owned(), image.builder.as_str().to_owned()),
            ("image.docker-inputs".to_owned(), inputs.to_owned()),
        ];
        settings.extend(image.target.iter().map(|target| ("image.target".to_owned(), target.clone())));
        for (key, words) in [("image.command", &image.command), ("image.push-command", &image.push_command)] {
            if !words.is_empty() {
                settings.push((key.to_owned(), words.join("\u{1f}")));
            }
        }
        for (key, table) in [("image.build-args", &image.build_args), ("image.labels", &image.labels)] {
            settings.extend(table.iter().map(|(name, value)| (format!("{key}.{name}"), value.clone())));
        }
        self.items.extend(settings.into_iter().map(|(key, value)| Item::text(Subject::Setting(key), value)));
    }

    fn files(&mut self, kind: InputKind, files: BTreeMap<RepoPath, Identity>) {
        self.items.extend(files.into_iter().map(|(path, identity)| Item::file(kind, path, identity)));
    }

    fn note(&mut self, service: &Service, path: &RepoPath, line: usize, message: &str) {
        let note = Note::at(NoteKind::DockerfileNotTraced, path, format!("{path}:{line}: {message}"));
        self.notes.push(Note { service: Some(service.name.clone()), ..note });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::fingerprint::{Snapshot, SnapshotOptions};
    use crate::repo::MemoryTree;

    const REPO: &str = "-- go.mod --\nmodule example.com/m\ngo 1.24\n-- a/main.go --\npackage main\n-- x.json --\n-- y.json --\n\
                        -- a/Dockerfile --\nFROM scratch\nARG NAME=x\nCOPY $NAME.json /\n";

    /// The fingerprint with more configuration of the service, and the files that are copied.
    fn inputs(settings: &str) -> (Digest, Vec<String>) {
        let tree = MemoryTree::from_txtar(REPO);
        let config = format!("[services.a]\npackage = \"a\"\n{settings}\n");
        let config = Config::parse(config.as_bytes()).unwrap();
        let workspace = Workspace::scan(&tree).unwrap();
        let snapshot = Snapshot::new(&workspace, &config, &SnapshotOptions::default(), None).unwrap();
        let state = &snapshot.services["a"];
        let copied = state.items.iter().filter_map(|item| match &item.subject {
            Subject::File(InputKind::Context, path) => Some(path.to_string()),
            _ => None,
        });
        (state.fingerprint.unwrap(), copied.collect())
    }

    #[test]
    fn the_context_counts_even_if_no_file_is_looked_at() {
        let none = "[services.a.image]\ndocker-inputs = \"none\"";
        let [root, own] = [".", "a"].map(|context| inputs(&format!("context = \"{context}\"\n{none}")).0);
        assert_ne!(root, own);
    }

    #[test]
    fn build_arguments_decide_what_is_copied() {
        assert_eq!(inputs("").1, ["x.json"]);
        assert_eq!(inputs("[services.a.image]\nbuild-args = { NAME = \"y\" }").1, ["y.json"]);
    }

    #[test]
    fn where_an_image_goes_does_not_count() {
        let moved = "[services.a.image]\nrepository = \"example.com/a\"\ntags = [\"new\"]";
        assert_eq!(inputs(moved), inputs(""));
    }
}
