//! Finds the profiles that a program is compiled with: `default.pgo` beside it, or the file that `-pgo` names. It never
//! reads them.

use std::collections::BTreeSet;

use super::Program;
use super::flags::Pgo;
use crate::go::workspace::Workspace;
use crate::repo::{RepoPath, TreeError, read_through_links};

/// The profiles that the tree has, and what cannot be known of them, one sentence each (cmd/go/internal/load
/// `setPGOProfilePath`).
pub(super) fn profiles(
    workspace: &Workspace<'_>,
    program: &Program,
) -> Result<(Vec<RepoPath>, Vec<String>), TreeError> {
    let mut found = Vec::new();
    let mut unknown = Vec::new();
    for path in candidates(program) {
        if read_through_links(workspace.tree(), &path)?.is_err() {
            unknown.push(format!("the profile {path} leads out of the repository"));
        } else if workspace.tree().entry(&path)?.is_some() {
            found.push(path);
        }
    }
    if let Pgo::File(file) = &program.flags.pgo
        && found.is_empty()
        && unknown.is_empty()
    {
        unknown.push(format!("the profile {file} that -pgo names is not in the repository"));
    }
    Ok((found, unknown))
}

fn candidates(program: &Program) -> BTreeSet<RepoPath> {
    match &program.flags.pgo {
        Pgo::Off => BTreeSet::new(),
        Pgo::Auto => program.dirs().map(|dir| dir.child(b"default.pgo")).collect(),
        // Relative to where `go build` runs, which is the root or the module.
        Pgo::File(file) => {
            let from = [&RepoPath::root(), &program.module, &program.dir].map(Clone::clone);
            from.iter().filter_map(|dir| dir.join(file.as_bytes())).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::go::workspace::Workspace;
    use crate::repo::MemoryTree;
    use crate::service::Services;

    /// The profiles of the only service, and what is unknown of it.
    #[track_caller]
    fn check(flag: &str, files: &str, profiles: &[&str], unknown: &[&str]) {
        let tree = "-- go.mod --\nmodule ex.io/m\n-- cmd/a/main.go --\npackage main\n";
        let tree = MemoryTree::from_txtar(&format!("{tree}{files}"));
        let workspace = Workspace::scan(&tree).unwrap();
        let config = Config::parse(format!("[go]\nflags = [\"{flag}\"]\n").as_bytes()).unwrap();
        let services = Services::find(&config, &workspace).unwrap();
        let program = services.services["a"].program.as_ref().unwrap();
        let found: Vec<String> = program.profiles.iter().map(ToString::to_string).collect();
        assert_eq!(
            (&found[..], &program.unknown[..]),
            (
                &profiles.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>()[..],
                &unknown.iter().map(|reason| (*reason).to_owned()).collect::<Vec<_>>()[..],
            )
        );
    }

    #[test]
    fn the_profile_lies_beside_the_program_unless_a_flag_names_another() {
        check("-trimpath", "-- cmd/a/default.pgo --\n-- default.pgo --\n", &["cmd/a/default.pgo"], &[]);
        check("-pgo=off", "-- cmd/a/default.pgo --\n", &[], &[]);
        check("-pgo=p/x.pgo", "-- p/x.pgo --\n-- cmd/a/default.pgo --\n", &["p/x.pgo"], &[]);
    }

    #[test]
    fn a_profile_that_is_not_in_the_repository_is_unknown() {
        let missing = "the profile /x.pgo that -pgo names is not in the repository";
        check("-pgo=/x.pgo", "-- x.pgo --\n", &[], &[missing]);
        let outside = "the profile cmd/a/default.pgo leads out of the repository";
        check("-trimpath", "-- cmd/a/default.pgo -> /x.pgo --\n", &[], &[outside]);
    }
}
