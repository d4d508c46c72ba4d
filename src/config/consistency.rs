//! The checks that look at several keys at once. They assume that each key by itself is right.

use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use super::error::{Mistake, Problems};
use super::template::{check_repository_for, check_tag_for};
use super::{Builder, Config, GoSettings, ImageSettings, ServiceConfig};

/// Checks a configuration that was read from `root`.
pub(super) fn check(config: &Config, root: &DeTable<'_>, problems: &mut Problems) {
    check_lint(config, root, problems);
    check_platforms(&config.go, || offset_of(root, &["go", "platforms"]), problems);
    if config.services.is_empty() {
        check_command(&config.image, || offset_of(root, &["image", "builder"]), problems);
    }
    for (name, service) in &config.services {
        check_service(name, service, root, problems);
    }
}

fn check_lint(config: &Config, root: &DeTable<'_>, problems: &mut Problems) {
    if let Some(rule) = config.lint.deny.iter().find(|rule| config.lint.allow.contains(rule)) {
        problems.add(offset_of(root, &["lint", "deny"]), || {
            Mistake::new(format!("the rule `{}` is both allowed and denied", rule.as_str()))
        });
    }
}

fn check_service(name: &str, service: &ServiceConfig, root: &DeTable<'_>, problems: &mut Problems) {
    let place = |key: &[&str]| {
        let own = [&["services", name], key].concat();
        let path: &[&str] = if has(root, &own) { &own } else { &["services", name] };
        offset_of(root, path)
    };
    if service.package.is_none() && service.dockerfile.is_none() {
        problems.add(place(&[]), || {
            Mistake::new(format!("the service `{name}` has neither a package nor a Dockerfile"))
                .hint("give it `package`, `dockerfile` or both")
        });
    }
    check_platforms(&service.go, || place(&["go", "platforms"]), problems);
    check_command(&service.image, || place(&["image", "builder"]), problems);
    // A service name may be legal where a repository or tag that is made of it is not.
    let mut repository = service.image.repository.iter();
    if let Some(error) = repository.find_map(|template| check_repository_for(template, name).err()) {
        problems.add(place(&["image", "repository"]), || for_service(name, error));
    }
    if let Some(error) = service.image.tags.iter().find_map(|template| check_tag_for(template, name).err()) {
        problems.add(place(&["image", "tags"]), || for_service(name, error));
    }
}

/// A platform twice would be built twice, and one of the two would win.
fn check_platforms(go: &GoSettings, offset: impl FnOnce() -> usize, problems: &mut Problems) {
    let mut seen = BTreeSet::new();
    if let Some(twice) = go.platforms.iter().find(|platform| !seen.insert(*platform)) {
        problems.add(offset(), || Mistake::new(format!("the platform `{twice}` is there twice")));
    }
}

fn for_service(name: &str, error: String) -> Mistake {
    Mistake::new(error).hint(format!("for the service `{name}`"))
}

fn check_command(image: &ImageSettings, offset: impl FnOnce() -> usize, problems: &mut Problems) {
    if image.builder == Builder::Command && image.command.is_empty() {
        problems.add(offset(), || {
            Mistake::new("the builder `command` has no command").hint("give it `command = [\"program\", \"argument\"]`")
        });
    }
}

fn has(root: &DeTable<'_>, path: &[&str]) -> bool {
    find(root, path).is_some()
}

/// Where the key at a path begins; the start of the file if there is none.
fn offset_of(root: &DeTable<'_>, path: &[&str]) -> usize {
    find(root, path).unwrap_or(0)
}

fn find(root: &DeTable<'_>, path: &[&str]) -> Option<usize> {
    let (last, tables) = path.split_last()?;
    let mut table = root;
    for name in tables {
        let DeValue::Table(inner) = table.get(*name)?.get_ref() else { return None };
        table = inner;
    }
    table.get_key_value(*last).map(|(name, _)| name.span().start)
}
