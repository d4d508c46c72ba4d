//! Turns parts of build contexts into items, once for all services that copy the same: in a monorepo many images hold
//! the whole repository.
//!
//! It decides nothing about what is copied, and reads names and ids only.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::docker::{Selection, TraceQuestion, selected_files};
use crate::fingerprint::conversions_of;
use crate::fingerprint::item::{InputKind, Item, digest_of};
use crate::go::workspace::Workspace;
use crate::repo::{Digest, Identity, RepoPath, TreeError};
use crate::service::{Service, ServiceImage};

/// The files of one part of a context.
#[derive(Debug)]
pub struct FileSet {
    /// One item a file, sorted.
    pub items: Vec<Item>,
    /// What makes two sets the same.
    pub digest: Digest,
    /// The folders that Git ignores and nobody looked into.
    pub ignored: Vec<RepoPath>,
}

/// What makes two services copy the same.
type Key = (RepoPath, Option<RepoPath>, Selection);

/// The sets of one tree.
pub(super) struct ContextFiles<'w> {
    workspace: &'w Workspace<'w>,
    known: Mutex<BTreeMap<Key, Arc<FileSet>>>,
}

impl<'w> ContextFiles<'w> {
    pub(super) fn new(workspace: &'w Workspace<'w>) -> Self {
        Self { workspace, known: Mutex::new(BTreeMap::new()) }
    }

    /// The files of a part of a service's context.
    pub(super) fn get(
        &self,
        service: &Service,
        image: &ServiceImage,
        selection: &Selection,
    ) -> Result<Arc<FileSet>, TreeError> {
        let key = (service.context.clone(), image.ignore_file.clone(), selection.clone());
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&key) {
            return Ok(Arc::clone(known));
        }
        let set = Arc::new(self.read(service, image, selection)?);
        Ok(Arc::clone(lock().entry(key).or_insert(set)))
    }

    fn read(&self, service: &Service, image: &ServiceImage, selection: &Selection) -> Result<FileSet, TreeError> {
        let tree = self.workspace.tree();
        let question = TraceQuestion {
            tree,
            context: &service.context,
            ignore: &image.ignore,
            target: None,
            is_go_folder: &|_| false,
        };
        let (files, ignored) = selected_files(&question, selection)?;
        let mut items = Vec::with_capacity(files.len());
        for path in files {
            if let Some(identity) = Identity::of(tree, &path)? {
                items.push(Item::file(InputKind::Context, path, identity));
            }
        }
        items.extend(conversions_of(self.workspace, &items)?);
        items.sort_unstable_by(|left, right| left.subject.cmp(&right.subject));
        Ok(FileSet { digest: digest_of("context files", &items), items, ignored })
    }
}
