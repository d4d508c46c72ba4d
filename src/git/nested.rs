//! Turns the folder of a submodule, or of any other work tree inside this one, into the commit that is checked out
//! there. It looks no deeper.

use std::path::Path;

use git2::{ErrorCode, RepositoryOpenFlags, StatusOptions};

use super::ids::{object_id, parse_id};
use super::process::run_in;
use crate::repo::ObjectId;

/// The commit that is checked out in a folder that has a `.git` of its own; `None` if that is no repository, or has no
/// commit.
pub(super) fn head(folder: &Path) -> Option<ObjectId> {
    match open(folder) {
        Ok(nested) => Some(object_id(nested.head().ok()?.peel_to_commit().ok()?.id())),
        Err(error) if error.code() == ErrorCode::NotFound => None,
        Err(_) => {
            let head = run_in(folder, &["--git-dir=.git", "rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).ok()?;
            parse_id(String::from_utf8_lossy(&head).trim())
        }
    }
}

/// Whether there is something in it that is not committed.
pub(super) fn is_dirty(folder: &Path) -> bool {
    match open(folder) {
        Ok(nested) => {
            let mut options = StatusOptions::new();
            options.include_untracked(true).include_ignored(false);
            nested.statuses(Some(&mut options)).is_ok_and(|statuses| !statuses.is_empty())
        }
        Err(_) => {
            let options = ["--git-dir=.git", "--work-tree=.", "-c", "core.fsmonitor=false"];
            let status = run_in(folder, &[&options[..], &["status", "--porcelain", "-z"]].concat());
            status.is_ok_and(|status| !status.is_empty())
        }
    }
}

fn open(folder: &Path) -> Result<git2::Repository, git2::Error> {
    let none: [&std::ffi::OsStr; 0] = [];
    git2::Repository::open_ext(folder, RepositoryOpenFlags::NO_SEARCH, none)
}

#[cfg(test)]
mod tests {
    use super::super::test_repository::TestRepository;
    use super::*;

    #[test]
    fn the_head_of_a_nested_work_tree_is_known_in_both_formats() {
        for format in ["sha1", "sha256"] {
            let test = TestRepository::with_format(format);
            assert_eq!(head(test.dir()), None);
            test.write("a", "1");
            let commit = test.commit("one");
            assert_eq!(head(test.dir()), Some(commit.id));
            assert!(!is_dirty(test.dir()));
            test.write("a", "2");
            assert!(is_dirty(test.dir()));
        }
    }

    #[test]
    fn a_folder_that_is_no_work_tree_has_no_head_of_its_own() {
        let test = TestRepository::new();
        test.write("a", "1");
        test.commit("one");
        test.write("folder/.git", "this is no repository");
        test.write("other/file", "1");
        for folder in ["folder", "other"] {
            assert_eq!(head(&test.path(folder.as_bytes())), None, "{folder}");
        }
    }
}
