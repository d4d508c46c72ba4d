//! Turns the packages that a Dockerfile's `go build`, `go install` and `go run` name into folders of programs.
//!
//! What a target is relative to depends on `WORKDIR` and `COPY`, which are not traced: every folder that it may be
//! relative to is tried, and every program found counts.

use std::collections::BTreeSet;

use super::{Program, minimum_minor};
use crate::docker::Dockerfile;
use crate::go::workspace::Workspace;
use crate::repo::{RepoPath, TreeError};

/// The programs beside the service's own that the Dockerfile puts or runs into the image, sorted.
pub(super) fn other_programs(
    workspace: &Workspace<'_>,
    program: &Program,
    parsed: &Dockerfile,
    dockerfile: &RepoPath,
    context: &RepoPath,
) -> Result<Vec<RepoPath>, TreeError> {
    let bases = BTreeSet::from([
        dockerfile.parent().unwrap_or_else(RepoPath::root),
        program.module.clone(),
        context.clone(),
        RepoPath::root(),
    ]);
    let mut found = BTreeSet::new();
    for target in parsed.go_build_targets().into_iter().chain(parsed.go_run_targets()) {
        match target.strip_suffix("...") {
            Some(below) => found.extend(programs_below(workspace, program, &bases, below)),
            None => {
                for dir in bases.iter().filter_map(|base| base.join(target.as_bytes())) {
                    let dir = if dir.name().ends_with(b".go") { dir.parent().unwrap_or(dir) } else { dir };
                    if is_program(workspace, program, &dir)? {
                        found.insert(dir);
                    }
                }
            }
        }
    }
    found.remove(&program.dir);
    Ok(found.into_iter().collect())
}

/// What `dir/...` matches: it never leaves the module.
fn programs_below<'w>(
    workspace: &'w Workspace<'_>,
    program: &'w Program,
    bases: &BTreeSet<RepoPath>,
    below: &str,
) -> impl Iterator<Item = RepoPath> + use<'w> {
    let roots: Vec<RepoPath> = bases.iter().filter_map(|base| base.join(below.as_bytes())).collect();
    let packages = workspace.packages().filter(|(_, module)| module.dir == program.module);
    packages.map(|(folder, _)| folder).filter_map(move |folder| {
        let matches = roots.iter().any(|root| folder.path.is_within(root));
        (matches && is_main(workspace, program, folder)).then(|| folder.path.clone())
    })
}

/// Whether a folder holds a program of the service's own module.
fn is_program(workspace: &Workspace<'_>, program: &Program, dir: &RepoPath) -> Result<bool, TreeError> {
    if workspace.module_of(dir).is_none_or(|module| module.dir != program.module) {
        return Ok(false);
    }
    Ok(workspace.folder(dir)?.is_some_and(|folder| is_main(workspace, program, &folder)))
}

fn is_main(workspace: &Workspace<'_>, program: &Program, folder: &crate::go::folder::GoFolder) -> bool {
    let minor = minimum_minor(workspace, &folder.path);
    program.targets.iter().any(|target| folder.package(&target.resolve(minor)).is_main())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::repo::MemoryTree;
    use crate::service::Services;

    /// The other programs of service `a`, for a Dockerfile with these lines.
    #[track_caller]
    fn check(lines: &str, expected: &[&str]) {
        let program = "package main\nfunc main() {}\n";
        let mut tree = MemoryTree::new();
        tree.insert("go.mod", "module ex.io/m\ngo 1.24\n");
        tree.insert("other/go.mod", "module ex.io/m/other\ngo 1.24\n");
        for dir in ["cmd/a", "cmd/b", "tools/gen", "other"] {
            tree.insert(&format!("{dir}/main.go"), program);
        }
        tree.insert("lib/lib.go", "package lib\n");
        tree.insert("cmd/a/Dockerfile", format!("FROM golang\nCOPY . .\n{lines}\n"));
        let workspace = Workspace::scan(&tree).unwrap();
        let services = Services::find(&Config::default(), &workspace).unwrap();
        let others = &services.services["a"].program.as_ref().unwrap().others;
        let others: Vec<String> = others.iter().map(ToString::to_string).collect();
        assert_eq!(others, expected);
    }

    #[test]
    fn programs_that_the_dockerfile_builds_or_runs_are_part_of_the_service() {
        check("RUN go build -o /a ./cmd/a", &[]);
        check("RUN go build -o /bin/ ./cmd/a ./cmd/b", &["cmd/b"]);
        check("RUN go run ./tools/gen && go build -o /a ./cmd/a", &["tools/gen"]);
        check("RUN go install ./cmd/...", &["cmd/b"]);
        check("RUN go build ./...", &["cmd/b", "tools/gen"]);
        check("RUN go build -o /b cmd/b/main.go", &["cmd/b"]);
    }

    #[test]
    fn libraries_and_other_modules_are_not() {
        check("RUN go build ./lib ./other ./missing", &[]);
    }
}
