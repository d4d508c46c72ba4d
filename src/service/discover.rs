//! Finds services where none are configured: `main` packages, and the Dockerfiles that belong to them.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::{
    Problem, Service, Services, discovery_note, make, minimum_minor, name, nearest_dockerfile, read_dockerfile,
};
use crate::config::{Config, ServiceConfig};
use crate::docker::{Dockerfile, TagMention};
use crate::go::workspace::Workspace;
use crate::repo::{RepoPath, TreeError};
use crate::service::flags::BuildFlags;
use crate::service::target::TargetSpec;

/// How many names a note lists before it only counts.
const LISTED: usize = 5;

/// The services of a tree without `[services]`.
///
/// Each `main` package that has a Dockerfile in its folder or in the nearest folder above within its module; without
/// any such Dockerfile, every `main` package.
pub(super) fn discover(config: &Config, workspace: &Workspace<'_>) -> Result<Services, TreeError> {
    let mains = main_packages(config, workspace);
    let mut claims: BTreeMap<RepoPath, Vec<RepoPath>> = BTreeMap::new();
    let mut unclaimed = Vec::new();
    for main in &mains {
        match nearest_dockerfile(workspace, main)? {
            Some(dockerfile) => claims.entry(dockerfile).or_default().push(main.clone()),
            None => unclaimed.push(main.clone()),
        }
    }
    let mut found = Services::default();
    let mut chosen: Vec<(RepoPath, Option<RepoPath>)> = Vec::new();
    if claims.is_empty() {
        chosen.extend(unclaimed.into_iter().map(|main| (main, None)));
    } else {
        found.notes.extend(list_note(
            &unclaimed,
            "a main package without a Dockerfile in its folder or above it in its module",
        ));
        for (dockerfile, mains) in claims {
            let (its, others) = divide(config, workspace, &dockerfile, mains)?;
            chosen.extend(its.into_iter().map(|main| (main, Some(dockerfile.clone()))));
            found.notes.extend(list_note(&others, &format!("{dockerfile} builds other main packages")));
        }
    }
    let names = name::unique(chosen.iter().map(|(main, _)| (main, module_name(workspace, main))));
    let settings = ServiceConfig {
        go: config.go.clone(),
        image: config.image.clone(),
        run: config.run.clone(),
        ..ServiceConfig::default()
    };
    let made: Vec<Result<Service, String>> = chosen
        .into_par_iter()
        .zip(names)
        .map(|((main, dockerfile), name)| make(&name, Some(main), dockerfile, settings.clone(), workspace))
        .collect::<Result<_, _>>()?;
    for service in made {
        match service {
            Ok(service) => drop(found.services.insert(service.name.clone(), service)),
            Err(message) => found.problems.push(Problem { service: None, path: None, position: (0, 0), message }),
        }
    }
    Ok(found)
}

fn main_packages(config: &Config, workspace: &Workspace<'_>) -> Vec<RepoPath> {
    let flags = BuildFlags::parse(&config.go.flags);
    let targets = TargetSpec::all(&config.go, &flags, &TagMention::default());
    let packages: Vec<_> = workspace.packages().collect();
    let mains = packages.into_par_iter().filter(|(folder, _)| {
        let minor = minimum_minor(workspace, &folder.path);
        targets.iter().any(|target| folder.package(&target.resolve(minor)).is_main())
    });
    mains.map(|(folder, _)| folder.path.clone()).collect()
}

/// Which of several programs a Dockerfile builds, and which not. One that names none of them may build any.
fn divide(
    config: &Config,
    workspace: &Workspace<'_>,
    dockerfile: &RepoPath,
    mains: Vec<RepoPath>,
) -> Result<(Vec<RepoPath>, Vec<RepoPath>), TreeError> {
    if mains.len() == 1 {
        return Ok((mains, Vec::new()));
    }
    let parsed = read_dockerfile(workspace, dockerfile, &config.image.build_args)?;
    let folder = dockerfile.parent().unwrap_or_else(RepoPath::root);
    let targets = parsed.go_build_targets();
    let (its, others): (Vec<_>, Vec<_>) =
        mains.into_iter().partition(|main| is_named(workspace, &parsed, &targets, &folder, main));
    Ok(if its.is_empty() { (others, its) } else { (its, others) })
}

fn is_named(
    workspace: &Workspace<'_>,
    parsed: &Dockerfile,
    targets: &[String],
    folder: &RepoPath,
    main: &RepoPath,
) -> bool {
    let module = workspace.module_of(main);
    // What a build command names is relative to a folder of the image: mostly the root, the module or the Dockerfile's.
    let mut spellings: BTreeSet<RepoPath> = BTreeSet::from([main.clone()]);
    for from in module.iter().map(|module| &module.dir).chain([folder]) {
        spellings.extend(main.strip_prefix(from).map(RepoPath::from_clean));
    }
    let import_path = module.and_then(|module| {
        let below = std::str::from_utf8(main.strip_prefix(&module.dir)?).ok()?;
        Some(if below.is_empty() { module.path().to_owned() } else { format!("{}/{below}", module.path()) })
    });
    let by_target = targets.iter().any(|target| {
        import_path.as_deref() == Some(target)
            || RepoPath::clean(target.as_bytes()).is_some_and(|path| {
                let file = path.name().ends_with(b".go").then(|| path.parent()).flatten();
                spellings.contains(file.as_ref().unwrap_or(&path))
            })
    });
    by_target || spellings.iter().any(|spelling| !spelling.is_root() && parsed.mentions_path(spelling))
}

fn module_name<'w>(workspace: &'w Workspace<'_>, main: &RepoPath) -> &'w str {
    workspace.module_of(main).map_or("", |module| module.path())
}

fn list_note(mains: &[RepoPath], reason: &str) -> Option<crate::repo::Note> {
    let count = mains.len();
    let first: Vec<String> = mains.iter().take(LISTED).map(ToString::to_string).collect();
    let more = if count > LISTED { format!(" and {} more", count - LISTED) } else { String::new() };
    let what = if count == 1 { "not a service" } else { "not services" };
    (count > 0).then(|| discovery_note(format!("{what} ({reason}): {}{more}", first.join(", "))))
}
