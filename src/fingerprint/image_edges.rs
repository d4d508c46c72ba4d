//! Turns the images that Dockerfiles start from into edges between services: whose image starts from whose.
//!
//! It compares names of repositories only, asks no registry, and orders nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::fill_template;
use crate::repo::{Note, NoteKind};
use crate::service::Service;

/// What a service's image takes from the images of other services.
#[derive(Default)]
pub(super) struct ImageEdges {
    /// The services whose images it starts or copies from.
    pub(super) of: BTreeSet<String>,
    /// Those of them whose images bring instructions that are carried out in this build (`ONBUILD`).
    pub(super) triggered_by: BTreeSet<String>,
    /// What the user should know.
    pub(super) notes: Vec<Note>,
}

/// What is to be known of a service whose image others may start from.
pub(super) struct Offer {
    tags: Vec<String>,
    has_triggers: bool,
}

impl Offer {
    pub(super) fn new(service: &Service) -> Self {
        let tags = service.settings.image.tags.iter();
        let fill = |name: &str| (name == "service").then(|| service.name.clone());
        Self { tags: tags.map(|tag| fill_template(tag, fill)).collect(), has_triggers: has_triggers(service) }
    }

    /// Whether the image may have a tag: `{branch}` and its kin may stand for anything.
    fn may_have(&self, tag: &str) -> bool {
        self.tags.iter().any(|offered| offered == tag || offered.contains('{'))
    }
}

/// Whether the stage that a service's image is holds `ONBUILD` instructions.
fn has_triggers(service: &Service) -> bool {
    let Some(image) = &service.image else { return false };
    let stages = &image.parsed.stages;
    let named = service
        .settings
        .image
        .target
        .as_ref()
        .and_then(|target| stages.iter().find(|stage| stage.name.as_deref() == Some(&target.to_lowercase())));
    let stage = named.or(stages.last());
    stage.is_some_and(|stage| stage.instructions.iter().any(|instruction| instruction.is_onbuild))
}

/// The edges of a service, whose Dockerfile names these images. `repositories` has the service of each repository.
pub(super) fn image_edges(
    service: &Service,
    bases: &[String],
    repositories: &BTreeMap<String, String>,
    offers: &BTreeMap<String, Offer>,
) -> ImageEdges {
    let mut edges = ImageEdges::default();
    for base in bases {
        let (repository, tag) = split(base);
        let Some(name) = repositories.get(repository).filter(|name| **name != service.name) else { continue };
        edges.of.insert(name.clone());
        let Some(offer) = offers.get(name) else { continue };
        if offer.has_triggers {
            edges.triggered_by.insert(name.clone());
        }
        if let (Some(path), Some(tag)) = (&service.dockerfile, tag)
            && !offer.may_have(tag)
        {
            let message = format!(
                "{path}: {base} is the image of {name}, whose `tags` are {}, and never {tag}: the build takes what the \
                 registry has under that name; add the tag to those of {name}",
                offer.tags.join(", ")
            );
            let note = Note::at(NoteKind::DockerfileNotTraced, path, message);
            edges.notes.push(Note { service: Some(service.name.clone()), ..note });
        }
    }
    edges
}

/// A reference without tag and digest, and the tag; `latest` where neither is given.
fn split(reference: &str) -> (&str, Option<&str>) {
    let (untagged, is_pinned) = reference.split_once('@').map_or((reference, false), |(name, _)| (name, true));
    match untagged.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, (!tag.contains('$')).then_some(tag)),
        _ => (untagged, (!is_pinned).then_some("latest")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::go::workspace::Workspace;
    use crate::repo::MemoryTree;
    use crate::service::Services;

    /// The edges of service `app`, which starts from an image, where `base` has these tags and last lines.
    fn edges(from: &str, tags: &str, last_lines: &str) -> ImageEdges {
        let mut tree = MemoryTree::new();
        tree.insert("base/Dockerfile", format!("FROM alpine\n{last_lines}"));
        tree.insert("app/Dockerfile", format!("FROM {from}\n"));
        let config = format!(
            "[image]\nrepository = \"ex.io/{{service}}\"\n[services.base]\ndockerfile = \"base/Dockerfile\"\n\
             [services.base.image]\ntags = [{tags}]\n[services.app]\ndockerfile = \"app/Dockerfile\"\n"
        );
        let workspace = Workspace::scan(&tree).unwrap();
        let services = Services::find(&Config::parse(config.as_bytes()).unwrap(), &workspace).unwrap().services;
        let offers = services.iter().map(|(name, service)| (name.clone(), Offer::new(service))).collect();
        let repositories = BTreeMap::from([("ex.io/base".to_owned(), "base".to_owned())]);
        image_edges(&services["app"], &[from.to_owned()], &repositories, &offers)
    }

    #[track_caller]
    fn check(from: &str, tags: &str, is_edge: bool, note: Option<&str>) {
        let found = edges(from, tags, "");
        assert_eq!(found.of.contains("base"), is_edge);
        assert_eq!(found.notes.first().map(|note| note.message.as_str()), note);
    }

    #[test]
    fn an_image_of_a_service_is_known_by_its_repository() {
        check("ex.io/base", "\"latest\"", true, None);
        check("ex.io/base:v1", "\"v1\"", true, None);
        check("ex.io/base@sha256:0", "\"v1\"", true, None);
        check("ex.io/base:${V}", "\"v1\"", true, None);
        check("ex.io:5000/base", "\"v1\"", false, None);
        check("ex.io/base-image", "\"v1\"", false, None);
    }

    #[test]
    fn a_tag_that_nobody_gives_is_said() {
        let note = "app/Dockerfile: ex.io/base is the image of base, whose `tags` are v1, and never latest: the build takes \
                    what the registry has under that name; add the tag to those of base";
        check("ex.io/base", "\"v1\"", true, Some(note));
        check("ex.io/base:main", "\"{branch}\"", true, None);
    }

    #[test]
    fn triggers_of_the_image_are_seen() {
        assert!(edges("ex.io/base", "\"latest\"", "ONBUILD COPY . .\n").triggered_by.contains("base"));
        assert!(edges("ex.io/base", "\"latest\"", "ONBUILD COPY . .\nFROM scratch\n").triggered_by.is_empty());
    }
}
