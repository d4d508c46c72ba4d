//! Turns a folder into a repository, and revisions into commits. Many threads may use one [`Repository`] at once; it
//! never changes what is in it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use git2::{ErrorCode, RepositoryOpenFlags};

use super::checkout::Checkout;
use super::error::Lack;
use super::ids::{IdKind, parse_id};
use super::memo::Memo;
use super::names::{native, on_disk};
use super::objects::Batch;
use super::process::{Program, run_in};
use super::queries::Unresolved;
use super::{CommitTree, GitError, WorkingTree};
use crate::repo::{Listing, ObjectId, RepoPath};

/// A Git repository, with or without a work tree.
pub struct Repository {
    git_dir: PathBuf,
    common_dir: PathBuf,
    work_dir: Option<PathBuf>,
    pub(super) ids: IdKind,
    /// Handles that no thread uses at the moment; a `git2::Repository` serves one thread at a time. `None` if libgit2
    /// cannot open the repository, so that the `git` program has to answer everything.
    handles: Option<Mutex<Vec<git2::Repository>>>,
    /// The folders of all commits by tree id, so that base and head share what they have in common.
    pub(super) listings: Memo<ObjectId, Listing>,
    pub(super) program: Program,
    /// The process that reads objects where libgit2 cannot.
    pub(super) batch: Mutex<Option<Batch>>,
    /// What is ignored, for repositories that libgit2 cannot open.
    pub(super) ignored: OnceLock<Result<BTreeSet<Vec<u8>>, String>>,
    /// Held while objects are fetched, so that several threads do not fetch the same.
    pub(super) fetching: Mutex<()>,
    checkout: Mutex<Option<Arc<Checkout>>>,
    blob_reads: AtomicUsize,
}

/// Where a repository is.
struct Place {
    git_dir: PathBuf,
    common_dir: PathBuf,
    work_dir: Option<PathBuf>,
    ids: IdKind,
}

/// A commit and its root tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The id of the commit.
    pub id: ObjectId,
    /// The id of its root tree.
    pub tree: ObjectId,
}

/// How many blobs are inflated before it pays to read the index and take contents from the disk.
const READS_BEFORE_CHECKOUT: usize = 128;

impl Repository {
    /// Finds the repository that `start` lies in, as `git` does: upwards to the next `.git` folder or file, so linked
    /// worktrees and submodule checkouts are repositories of their own.
    ///
    /// The environment does not decide: `GIT_DIR`, which Git sets for hooks, counts only where nothing is found.
    pub fn discover(start: &Path) -> Result<Self, GitError> {
        let start = if start.as_os_str().is_empty() { Path::new(".") } else { start };
        let none: [&std::ffi::OsStr; 0] = [];
        let found = match git2::Repository::open_ext(start, RepositoryOpenFlags::empty(), none) {
            Err(error) if error.code() == ErrorCode::NotFound && std::env::var_os("GIT_DIR").is_some() => {
                git2::Repository::open_from_env()
            }
            found => found,
        };
        match found {
            Ok(handle) => {
                let place = Place {
                    git_dir: handle.path().to_path_buf(),
                    common_dir: handle.commondir().to_path_buf(),
                    work_dir: handle.workdir().map(Path::to_path_buf),
                    ids: IdKind::Sha1,
                };
                Ok(Self::new(place, Some(handle)))
            }
            Err(error) if error.code() == ErrorCode::NotFound => Err(not_opened(start, &error)),
            Err(error) => Self::discover_by_program(start).ok_or_else(|| not_opened(start, &error)),
        }
    }

    /// Finds a repository of which libgit2 says that it cannot, or may not, open it.
    pub(super) fn discover_by_program(start: &Path) -> Option<Self> {
        let ask = |option: &str| {
            let printed = run_in(start, &["rev-parse", "--path-format=absolute", option]).ok()?;
            printed.strip_suffix(b"\n").map(<[u8]>::to_vec)
        };
        let ids = match ask("--show-object-format")?.as_slice() {
            b"sha1" => IdKind::Sha1,
            b"sha256" => IdKind::Sha256,
            _ => return None,
        };
        let is_bare = ask("--is-bare-repository")? == b"true";
        let work_dir = if is_bare { None } else { Some(native(&ask("--show-toplevel")?)) };
        let git_dir = native(&ask("--absolute-git-dir")?);
        let common_dir = native(&ask("--git-common-dir")?);
        Some(Self::new(Place { git_dir, common_dir, work_dir, ids }, None))
    }

    fn new(place: Place, handle: Option<git2::Repository>) -> Self {
        let Place { git_dir, common_dir, work_dir, ids } = place;
        let listings = Memo::new();
        if let Some(empty) = ids.tree(b"") {
            // Git knows the empty tree even where no object stores it.
            listings.insert(&empty, &Listing::default());
        }
        Self {
            program: Program::new(&git_dir, work_dir.as_deref()),
            git_dir,
            common_dir,
            work_dir,
            ids,
            handles: handle.map(|handle| Mutex::new(vec![handle])),
            listings,
            batch: Mutex::default(),
            ignored: OnceLock::new(),
            fetching: Mutex::default(),
            checkout: Mutex::default(),
            blob_reads: AtomicUsize::new(0),
        }
    }

    /// The root of the work tree; `None` in a bare repository.
    pub fn work_dir(&self) -> Option<&Path> {
        self.work_dir.as_deref()
    }

    /// Where a path of the repository lies on the disk; `None` in a bare repository.
    pub fn on_disk(&self, path: &RepoPath) -> Option<PathBuf> {
        Some(on_disk(self.work_dir()?, path.as_bytes()))
    }

    /// The `.git` folder that all worktrees of the repository share.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// The `.git` folder of this worktree: its index and `HEAD`.
    pub(super) fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// Whether there is no work tree.
    pub fn is_bare(&self) -> bool {
        self.work_dir.is_none()
    }

    /// Whether the history is cut off (`git clone --depth`).
    pub fn is_shallow(&self) -> bool {
        // libgit2 looks in the folder of a linked worktree, where the file never is.
        std::fs::metadata(self.common_dir.join("shallow")).is_ok_and(|file| file.len() > 0)
    }

    /// The commit that a revision names, as `git rev-parse REV^{commit}` finds it.
    pub fn commit(&self, rev: &str) -> Result<Commit, GitError> {
        if rev.is_empty() {
            return Err(GitError::new("a revision is empty").with_hint("name a branch, a tag or a commit"));
        }
        let id = self.resolve(rev).map_err(|why| self.unresolved(rev, why))?;
        self.commit_with_id(&id)
    }

    /// The commit of that id, which is known to be here.
    pub(super) fn commit_with_id(&self, id: &ObjectId) -> Result<Commit, GitError> {
        match self.stored_commit(id) {
            Ok(Some((id, commit))) => Ok(Commit { id, tree: commit.tree }),
            Ok(None) => Err(self.unknown_revision(&id.to_string())),
            Err(why) => Err(GitError::new(format!("cannot read commit {id}: {why}"))
                .with_hint("`git fsck` tells what is wrong with the repository")),
        }
    }

    fn unresolved(&self, rev: &str, why: Unresolved) -> GitError {
        match why {
            Unresolved::NoCommit => {
                GitError::new(format!("`{rev}` is not a commit")).with_hint("name a branch, a tag or a commit")
            }
            Unresolved::Ambiguous => GitError::new(format!("`{rev}` could be several commits"))
                .with_hint("give more digits of the id, or the full name (refs/heads/… or refs/tags/…)"),
            Unresolved::Unknown if matches!(rev, "HEAD" | "@") => {
                self.head().err().unwrap_or_else(|| self.unknown_revision(rev))
            }
            Unresolved::Unknown => self.unknown_revision(rev),
        }
    }

    /// The error for a revision that is not here, with what gets it.
    pub(super) fn unknown_revision(&self, rev: &str) -> GitError {
        let error = GitError::new(format!("`{rev}` is not a revision of this repository"));
        let name = rev.strip_prefix("refs/remotes/").unwrap_or(rev);
        let remotes = self.remotes();
        let on_remote = remotes.iter().find_map(|remote| {
            let branch = name.strip_prefix(&**remote)?.strip_prefix('/')?;
            let is_name = !branch.is_empty() && !branch.contains([':', '^', '~', '@', '*', '\0', ' ', '\n']);
            is_name.then_some((remote, branch))
        });
        let is_id = rev.len() >= 7 && rev.bytes().all(|byte| byte.is_ascii_hexdigit());
        if let Some((remote, branch)) = on_remote {
            let lack = Lack::Branch { remote: remote.clone(), branch: branch.to_owned() };
            return error.lacking(lack).with_hint(format!(
                "run `git fetch {remote} {branch}:refs/remotes/{remote}/{branch}`, or pass `--deepen`"
            ));
        }
        let lack = match parse_id(rev) {
            Some(_) => Lack::Commit(rev.to_owned()),
            None if self.is_shallow() => Lack::History(rev.to_owned()),
            None => Lack::Nothing,
        };
        let error = error.lacking(lack);
        let remote = self.main_remote().unwrap_or_else(|| "origin".to_owned());
        match (is_id, self.is_shallow()) {
            (true, true) => error.with_hint(format!(
                "this is a shallow clone: run `git fetch --depth=1 {remote} {rev}`, or pass `--deepen`"
            )),
            (false, true) => error.with_hint(
                "this is a shallow clone: run `git fetch --deepen=100` or `git fetch --unshallow`, or pass `--deepen`",
            ),
            (true, false) => error.with_hint(format!("run `git fetch {remote} {rev}`, or pass `--deepen`")),
            (false, false) => {
                error.with_hint("`git branch --all` and `git tag` list what there is; `git fetch` gets the rest")
            }
        }
    }

    /// The remote that a clone has its branches from: `origin`, or the only one.
    pub(super) fn main_remote(&self) -> Option<String> {
        let remotes = self.remotes();
        if remotes.iter().any(|name| name == "origin") {
            return Some("origin".to_owned());
        }
        <[String; 1]>::try_from(remotes).ok().map(|[only]| only)
    }

    /// The commit that is checked out.
    pub fn head(&self) -> Result<Commit, GitError> {
        let unborn = || {
            GitError::new("the current branch has no commit yet")
                .with_hint("commit first, or check out a branch that has commits")
        };
        self.head_if_born()?.ok_or_else(unborn)
    }

    /// The commit that is checked out; `None` before the first one.
    pub(super) fn head_if_born(&self) -> Result<Option<Commit>, GitError> {
        if let Some(id) = self.reference("HEAD") {
            return self.commit_with_id(&id).map(Some);
        }
        match self.symbolic_target("HEAD") {
            Ok(Some(_)) => Ok(None),
            Ok(None) => Err(GitError::new("cannot read HEAD").with_hint("`git status` should show what is wrong")),
            Err(why) => Err(GitError::new(format!("cannot read HEAD: {why}"))),
        }
    }

    /// The files of a commit.
    pub fn commit_tree(&self, commit: &Commit) -> CommitTree<'_> {
        CommitTree::new(self, commit.tree)
    }

    /// The files on the disk, as they are from now on; listings are remembered, so a later state needs a new value.
    pub fn working_copy(&self) -> Result<WorkingTree<'_>, GitError> {
        let Some(work_dir) = self.work_dir() else {
            return Err(GitError::new("the repository is bare: it has no working copy")
                .with_hint("pass `--head REV` to plan a commit"));
        };
        Ok(WorkingTree::new(self, work_dir, self.checkout(work_dir)?))
    }

    /// The index and what belongs to it, as they are on the disk now.
    pub(super) fn checkout(&self, work_dir: &Path) -> Result<Arc<Checkout>, GitError> {
        let mut kept = self.checkout.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(checkout) = kept.as_ref().filter(|checkout| checkout.is_current()) {
            return Ok(Arc::clone(checkout));
        }
        let checkout = Arc::new(Checkout::load(self, work_dir)?);
        *kept = Some(Arc::clone(&checkout));
        Ok(checkout)
    }

    /// Counts one more content that a commit is asked for, and says whether there were many.
    pub(super) fn reads_many_blobs(&self) -> bool {
        self.blob_reads.fetch_add(1, Ordering::Relaxed) >= READS_BEFORE_CHECKOUT
    }

    /// Whether libgit2 answers.
    pub(super) fn has_library(&self) -> bool {
        self.handles.is_some()
    }

    /// Runs some work with a handle of libgit2 that no other thread has meanwhile; an error if libgit2 has none.
    pub(super) fn with_handle<T>(
        &self,
        work: impl FnOnce(&git2::Repository) -> Result<T, git2::Error>,
    ) -> Result<T, git2::Error> {
        let none = || git2::Error::from_str("libgit2 cannot open the repository");
        let handles = self.handles.as_ref().ok_or_else(none)?;
        let idle = handles.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let handle = match idle {
            Some(handle) => handle,
            None => self.open()?,
        };
        let result = work(&handle);
        handles.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        result
    }

    /// Forgets what was read, after a fetch has changed references, configuration or the end of a shallow history.
    pub(super) fn refresh(&self) {
        if let Some(handles) = &self.handles {
            handles.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        *self.batch.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn open(&self) -> Result<git2::Repository, git2::Error> {
        let flags = RepositoryOpenFlags::NO_SEARCH | RepositoryOpenFlags::NO_DOTGIT;
        let none: [&std::ffi::OsStr; 0] = [];
        let handle = git2::Repository::open_ext(&self.git_dir, flags, none)?;
        if let Some(work_dir) = self.work_dir().filter(|work_dir| handle.workdir() != Some(work_dir)) {
            handle.set_workdir(work_dir, false)?;
        }
        Ok(handle)
    }
}

fn not_opened(start: &Path, error: &git2::Error) -> GitError {
    let start = start.display();
    let message = error.message();
    if error.code() == ErrorCode::NotFound {
        return GitError::new(format!("`{start}` is not in a git repository"))
            .with_hint("run buildplan inside a clone, or make a repository with `git init`");
    }
    if error.code() == ErrorCode::Owner {
        let folder = quoted_folder(message).unwrap_or("\"$PWD\"");
        return GitError::new(format!("git does not trust the repository at `{start}`: another user owns it"))
            .with_hint(format!("run `git config --global --add safe.directory {folder}`"));
    }
    let error = GitError::new(format!("cannot open the git repository at `{start}`: {message}"));
    match message {
        _ if ["object format", "partialclone", "unsupported extension"].iter().any(|what| message.contains(what)) => {
            error.with_hint("put a `git` program that knows this extension of repositories on the PATH")
        }
        _ => error.with_hint("`git status` should show what is wrong with it"),
    }
}

/// The first text in single quotes of a message of libgit2.
fn quoted_folder(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once('\'')?;
    rest.split_once('\'').map(|(folder, _)| folder.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::super::test_repository::TestRepository;
    use super::*;

    /// A repository with two commits, a tag on the first, and a branch.
    fn with_history() -> TestRepository {
        let test = TestRepository::new();
        test.write("a", "1");
        test.commit("one");
        test.git(["tag", "--annotate", "v1", "--message", "first"]);
        test.write("a", "2");
        test.commit("two");
        test
    }

    #[test]
    fn revisions_name_the_commits_that_git_says() {
        let test = with_history();
        let repository = test.open();
        for rev in
            ["HEAD", "@", "main", "v1", "HEAD~1", "HEAD^", "refs/tags/v1", "v1^{}", ":/one", "main@{0}", "tags/v1"]
        {
            let expected = test.line(["log", "-1", "--format=%H", rev]);
            let found = repository.commit(rev).unwrap();
            assert_eq!(found.id.to_string(), expected, "{rev}");
            assert_eq!(found.tree.to_string(), test.line(["log", "-1", "--format=%T", rev]), "{rev}");
        }
        let short = &test.line(["rev-parse", "HEAD"])[..8];
        assert_eq!(repository.commit(short).unwrap(), repository.head().unwrap());
    }

    #[test]
    fn revisions_that_only_the_program_knows_are_found() {
        let test = with_history();
        let described = format!("v1-1-g{}", &test.line(["rev-parse", "HEAD"])[..10]);
        test.git(["branch", "side", "v1"]);
        test.git(["config", "branch.main.remote", "."]);
        test.git(["config", "branch.main.merge", "refs/heads/side"]);
        test.git(["config", "push.default", "upstream"]);
        let repository = test.open();
        assert_eq!(repository.commit(&described).unwrap(), repository.head().unwrap());
        assert_eq!(repository.commit("@{push}").map(|found| found.id), repository.commit("v1").map(|found| found.id));
    }

    #[track_caller]
    fn check_error(rev: &str, message: &str, hint: &str, missing_base: bool) {
        let error = with_history().open().commit(rev).unwrap_err();
        assert_eq!(error.message, message);
        assert!(error.hint.as_deref().unwrap_or_default().contains(hint), "{error:?}");
        assert_eq!(error.is_missing_base(), missing_base);
    }

    #[test]
    fn revisions_that_cannot_be_had_say_what_to_do() {
        check_error("nope", "`nope` is not a revision of this repository", "`git branch --all`", true);
        check_error("--help", "`--help` is not a revision of this repository", "`git branch --all`", true);
        check_error("HEAD~9", "`HEAD~9` is not a revision of this repository", "`git branch --all`", true);
        check_error("a\0b", "`a\0b` is not a revision of this repository", "", true);
        check_error("", "a revision is empty", "name a branch", false);
        check_error("HEAD:a", "`HEAD:a` is not a commit", "name a branch", false);
        check_error("HEAD^{tree}", "`HEAD^{tree}` is not a commit", "name a branch", false);
        let id = "0123456789012345678901234567890123456789";
        check_error(
            id,
            &format!("`{id}` is not a revision of this repository"),
            &format!("git fetch origin {id}"),
            true,
        );
    }

    #[test]
    fn a_remote_branch_that_is_not_here_names_the_fetch() {
        let test = with_history();
        test.git(["remote", "add", "origin", "https://example.com/x.git"]);
        let error = test.open().commit("origin/release/1").unwrap_err();
        assert_eq!(
            error.hint.unwrap(),
            "run `git fetch origin release/1:refs/remotes/origin/release/1`, or pass `--deepen`"
        );
    }

    #[test]
    fn an_unborn_branch_is_said_to_have_no_commit() {
        let test = TestRepository::new();
        for error in [test.open().head().unwrap_err(), test.open().commit("HEAD").unwrap_err()] {
            assert_eq!(error.message, "the current branch has no commit yet");
            assert!(!error.is_missing_base());
        }
    }

    #[test]
    fn a_repository_is_found_from_its_folders_worktrees_and_submodules() {
        let test = with_history();
        test.write("deep/er/file", "1");
        let repository = Repository::discover(&test.path(b"deep/er")).unwrap();
        assert_eq!(repository.work_dir().map(|dir| dir.canonicalize().unwrap()).as_deref(), Some(test.dir()));
        assert_eq!(repository.common_dir().canonicalize().unwrap(), test.path(b".git"));
        assert!(!repository.is_bare() && !repository.is_shallow());

        let linked = test.beside("linked");
        test.git(["worktree", "add", "--quiet", "--detach", linked.to_str().unwrap(), "v1"]);
        let repository = Repository::discover(&linked).unwrap();
        assert_eq!(repository.common_dir().canonicalize().unwrap(), test.path(b".git"));
        assert_eq!(repository.head().unwrap(), test.open().commit("v1").unwrap());

        let url = test.dir().to_str().unwrap().to_owned();
        test.git(["submodule", "--quiet", "add", &url, "sub"]);
        let repository = Repository::discover(&test.path(b"sub")).unwrap();
        assert_eq!(repository.work_dir().map(|dir| dir.canonicalize().unwrap()), Some(test.path(b"sub")));
    }

    #[test]
    fn a_second_handle_sees_the_same_work_tree() {
        let test = with_history();
        let linked = test.beside("linked");
        test.git(["worktree", "add", "--quiet", "--detach", linked.to_str().unwrap(), "v1"]);
        for dir in [test.dir(), &linked] {
            let repository = Repository::discover(dir).unwrap();
            let dirs = repository.with_handle(|first| {
                repository.with_handle(|second| {
                    Ok((first.workdir().map(Path::to_path_buf), second.workdir().map(Path::to_path_buf)))
                })
            });
            let (first, second) = dirs.unwrap();
            assert_eq!(first, second);
        }
    }

    #[test]
    fn no_repository_and_no_work_tree_are_errors_with_a_hint() {
        let folder = tempfile::tempdir().unwrap();
        let error = Repository::discover(folder.path()).map(|_| ()).unwrap_err();
        assert!(error.message.ends_with("is not in a git repository"), "{error}");
        assert!(error.hint.unwrap().contains("git init"));

        let bare = with_history().clone_with("bare", &["--bare"]);
        assert!(bare.is_bare() && bare.head().is_err() == bare.commit("HEAD").is_err());
        let error = bare.working_copy().map(|_| ()).unwrap_err();
        assert_eq!(error.message, "the repository is bare: it has no working copy");
        assert_eq!(error.hint.as_deref(), Some("pass `--head REV` to plan a commit"));
    }

    #[test]
    fn a_repository_of_another_kind_is_refused_with_its_reason() {
        let test = with_history();
        test.git(["config", "core.repositoryformatversion", "1"]);
        test.git(["config", "extensions.noSuchThing", "true"]);
        let error = Repository::discover(test.dir()).map(|_| ()).unwrap_err();
        assert!(error.message.contains("nosuchthing"), "{error}");
        assert!(error.hint.unwrap().contains("extension"));
    }

    #[test]
    fn a_repository_of_another_user_names_the_configuration_that_trusts_it() {
        let message = "repository path '/src/shop/' is not owned by current user";
        let owner = git2::Error::new(ErrorCode::Owner, git2::ErrorClass::Config, message);
        let error = not_opened(Path::new("."), &owner);
        assert_eq!(error.hint.as_deref(), Some("run `git config --global --add safe.directory /src/shop`"));
    }
}
