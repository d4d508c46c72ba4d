//! Turns what the user, the environment and the branches say into the commit to compare with. It never makes one up:
//! a base that cannot be had is an error with the command that mends it.

use std::fmt;

use super::error::Lack;
use super::ids::parse_id;
use super::{Commit, Fork, GitError, ProviderBase, Repository, Wanted};
use crate::repo::ObjectId;

/// What decides about the base.
#[derive(Clone, Copy, Debug)]
pub struct BaseRequest<'a> {
    /// `--base REV`.
    pub flag: Option<&'a str>,
    /// The value of `BUILDPLAN_BASE`; an empty one counts as unset.
    pub environment: Option<&'a str>,
    /// What the CI provider says, if it says something about head.
    pub provider: Option<ProviderBase<'a>>,
    /// `[git] default-branch`, or what the CI provider says.
    pub default_branch: Option<&'a str>,
    /// The branch that the CI provider says head is on; it counts where no branch is checked out.
    pub branch: Option<&'a str>,
    /// The commit that is planned, or that the working copy was checked out from.
    pub head: &'a Commit,
    /// Whether `head` is what `HEAD` names, so that the current branch matters.
    pub head_is_checkout: bool,
    /// Whether to compare with the merge base instead of the revision itself; false for `--no-merge-base`.
    pub merge_base: bool,
}

/// The commit to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// The revision that it came from, as a person would write it.
    pub rev: String,
    /// The commit itself.
    pub commit: Commit,
    /// Whether `commit` is the merge base of `rev` and head, rather than `rev` itself.
    pub merge_base: bool,
    /// Why this revision.
    pub source: BaseSource,
}

/// Where a base came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseSource {
    /// `--base`.
    Flag,
    /// `BUILDPLAN_BASE`.
    Environment,
    /// A rule for an event of a CI provider, by its name.
    Provider(&'static str),
    /// The branch that others start from.
    DefaultBranch,
    /// On the default branch: what of it has been pushed.
    Upstream,
    /// The parent of head.
    FirstParent,
}

impl BaseSource {
    /// The kebab-case name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::Provider(rule) => rule,
            Self::DefaultBranch => "default-branch",
            Self::Upstream => "upstream",
            Self::FirstParent => "first-parent",
        }
    }
}

impl fmt::Display for BaseSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A branch that is used as base.
struct Branch {
    /// The name without a remote: `main`.
    name: String,
    /// What to call it: `origin/main`, or `main` where only the local one exists.
    rev: String,
    commit: Commit,
}

impl Repository {
    /// The commit to compare with: the flag, the environment, what the provider says, or what the branches suggest.
    ///
    /// On a branch: its merge base with the default branch. On the default branch: its merge base with its upstream if
    /// there is something unpushed, else the first parent. A detached head that the default branch contains counts as
    /// the default branch, since it has nothing of its own to compare.
    pub fn base(&self, request: &BaseRequest<'_>) -> Result<Base, GitError> {
        if let Some(rev) = request.flag {
            return self.named_base(request, rev, BaseSource::Flag);
        }
        if let Some(rev) = request.environment.filter(|rev| !rev.is_empty()) {
            return self.named_base(request, rev, BaseSource::Environment);
        }
        match request.provider {
            Some(provider) => self.provider_base(request, provider),
            None => self.base_of_branches(request),
        }
    }

    fn base_of_branches(&self, request: &BaseRequest<'_>) -> Result<Base, GitError> {
        let current = if request.head_is_checkout { self.current_branch()? } else { None };
        let current = current.or_else(|| request.branch.filter(|_| request.head_is_checkout).map(str::to_owned));
        let named = request.default_branch.filter(|name| !name.is_empty());
        if named.is_some() && current.as_deref() == named {
            // The branch need not exist here under that name.
            return self.base_on_default_branch(request, named.unwrap_or_default());
        }
        let default = self.default_branch(named)?;
        if current.as_ref() == Some(&default.name) {
            return self.base_on_default_branch(request, &default.name);
        }
        let commit = self.compared(request, default.commit, &default.rev)?;
        if current.is_none() && commit.id == request.head.id {
            return self.first_parent(request);
        }
        let merge_base = commit.id != default.commit.id;
        Ok(Base { rev: default.rev, commit, merge_base, source: BaseSource::DefaultBranch })
    }

    fn named_base(&self, request: &BaseRequest<'_>, rev: &str, source: BaseSource) -> Result<Base, GitError> {
        if rev.len() >= 40 && rev.bytes().all(|byte| byte == b'0') {
            let message = "the base is the zero id: nothing was there before this push";
            return Err(GitError::new(message).missing_base().with_hint(
                "pass `--base REV` with the branch that this one started from, or `--all` to build everything",
            ));
        }
        let named = self.commit(rev).map_err(|mut error| {
            if source == BaseSource::Environment {
                error.message = format!("BUILDPLAN_BASE: {}", error.message);
            }
            error
        })?;
        let commit = self.compared(request, named, rev)?;
        let merge_base = commit.id != named.id;
        Ok(Base { rev: rev.to_owned(), commit, merge_base, source })
    }

    fn provider_base(&self, request: &BaseRequest<'_>, provider: ProviderBase<'_>) -> Result<Base, GitError> {
        let source = BaseSource::Provider(provider.source);
        match provider.wanted {
            Wanted::Missing { message, hint } => Err(GitError::new(message).missing_base().with_hint(hint)),
            Wanted::Commit { id } => {
                let commit = self.commit(id).map_err(|mut error| {
                    let message = format!("the base {id} ({}) is not in this clone", provider.source);
                    error.message = if error.lack.is_some() { message } else { error.message };
                    error
                })?;
                Ok(Base { rev: id.clone(), commit, merge_base: false, source })
            }
            Wanted::Fork(fork) => self.fork_base(request, fork, source),
        }
    }

    /// The base of a branch or pull request, which head may already be the merge of.
    fn fork_base(&self, request: &BaseRequest<'_>, fork: &Fork, source: BaseSource) -> Result<Base, GitError> {
        if let Some(base) = self.merged_into(request, fork, source)? {
            return Ok(base);
        }
        let head = request.head.id.to_string();
        if let Some(hint) = fork.must_be_head.as_ref().filter(|_| fork.merged.as_ref() != Some(&head)) {
            let short: String = head.chars().take(12).collect();
            let message = format!("the commit {short} is not the pull request: this job checks out its target branch");
            return Err(GitError::new(message).with_hint(hint));
        }
        let branch = match &fork.branch {
            Some(name) => self.find_branch(name).ok_or_else(|| self.unknown_branch(name)),
            None => self.default_branch(request.default_branch.filter(|name| !name.is_empty())),
        };
        let mut lacking = None;
        if let Ok(branch) = &branch {
            match self.fork_from(request, fork, branch.commit, &branch.rev, source) {
                Ok(base) => return Ok(base),
                error => lacking = error.err(),
            }
        }
        // What others have committed on top of the target must not pass for the pull request.
        let may_be_tip = fork.merged.as_ref().is_none_or(|merged| *merged == head) || lacking.is_none();
        let known = fork
            .commit
            .as_deref()
            .filter(|_| may_be_tip)
            .and_then(parse_id)
            .and_then(|id| self.commit_with_id(&id).ok());
        if let Some(commit) = known {
            match self.fork_from(request, fork, commit, &commit.id.to_string(), source) {
                Ok(base) => return Ok(base),
                error => lacking = lacking.or(error.err()),
            }
        }
        Err(match (lacking, branch) {
            (Some(error), _) | (None, Err(error)) => error,
            (None, Ok(branch)) => self.unknown_branch(&branch.name),
        })
    }

    /// If head is the merge that the fork speaks of, what it was merged into. It may lie beyond the end of a shallow
    /// history, but the commit itself says its name.
    fn merged_into(
        &self,
        request: &BaseRequest<'_>,
        fork: &Fork,
        source: BaseSource,
    ) -> Result<Option<Base>, GitError> {
        let (Some(merged), parents) = (fork.merged.as_deref().and_then(parse_id), self.parents(&request.head.id)?)
        else {
            return Ok(None);
        };
        let [target, tip] = parents[..] else { return Ok(None) };
        if tip != merged {
            return Ok(None);
        }
        let commit = self.commit_with_id(&target).map_err(|mut error| {
            if error.lack.is_some() {
                error.message = format!(
                    "this clone ends at the merge that is checked out: {target}, what it was \
                                         merged into, is not here"
                );
            }
            error
        })?;
        Ok(Some(Base { rev: parent_rev(request, '^'), commit, merge_base: false, source }))
    }

    fn fork_from(
        &self,
        request: &BaseRequest<'_>,
        fork: &Fork,
        tip: Commit,
        rev: &str,
        source: BaseSource,
    ) -> Result<Base, GitError> {
        let commit = self.compared(request, tip, rev)?;
        if fork.needs_own_commits && commit.id == request.head.id {
            let message =
                format!("the commit that is checked out is part of `{rev}` already, so it has nothing to compare");
            return Err(GitError::new(message)
                .missing_base()
                .with_hint("check out the pull request itself, or pass `--base REV`, or `--all` to build everything"));
        }
        Ok(Base { rev: rev.to_owned(), commit, merge_base: commit.id != tip.id, source })
    }

    fn base_on_default_branch(&self, request: &BaseRequest<'_>, branch: &str) -> Result<Base, GitError> {
        if let Some((rev, tip)) = self.upstream(branch) {
            let commit = self.compared(request, tip, &rev)?;
            if commit.id != request.head.id {
                let merge_base = commit.id != tip.id;
                return Ok(Base { rev, commit, merge_base, source: BaseSource::Upstream });
            }
        }
        self.first_parent(request)
    }

    /// The commit that stands for a revision: its merge base with head, unless that was switched off.
    fn compared(&self, request: &BaseRequest<'_>, commit: Commit, rev: &str) -> Result<Commit, GitError> {
        if request.merge_base { self.merge_base(commit, rev, request.head) } else { Ok(commit) }
    }

    fn merge_base(&self, base: Commit, rev: &str, head: &Commit) -> Result<Commit, GitError> {
        if base.id == head.id {
            return Ok(base);
        }
        match self.best_common_ancestor(&base.id, &head.id) {
            Ok(Some(id)) => self.commit_with_id(&id),
            Ok(None) | Err(_) if self.is_shallow() => Err(GitError::new(format!(
                "this shallow clone does not reach the merge base of `{rev}` and head"
            ))
            .lacking(Lack::History(rev.to_owned()))
            .with_hint(
                "run `git fetch --deepen=100` (for both branches) or `git fetch --unshallow`, or pass `--deepen`",
            )),
            Ok(None) => Err(GitError::new(format!("`{rev}` and head have no commit in common"))
                .missing_base()
                .with_hint("pass `--no-merge-base` to compare with it all the same, or `--all` to build everything")),
            Err(why) => Err(GitError::new(format!("cannot find the merge base of `{rev}` and head: {why}"))),
        }
    }

    /// The merge base that `git merge-base` prints: of several the youngest.
    fn best_common_ancestor(&self, one: &ObjectId, two: &ObjectId) -> Result<Option<ObjectId>, String> {
        let mut best: Option<(i64, ObjectId)> = None;
        for id in self.merge_bases(one, two)? {
            let time = self.stored_commit(&id)?.map_or(i64::MIN, |(_, commit)| commit.time);
            if best.is_none_or(|(youngest, _)| time > youngest) {
                best = Some((time, id));
            }
        }
        Ok(best.map(|(_, id)| id))
    }

    /// The parents that a commit names, whether they are here or not.
    fn parents(&self, id: &ObjectId) -> Result<Vec<ObjectId>, GitError> {
        match self.stored_commit(id) {
            Ok(commit) => Ok(commit.map(|(_, commit)| commit.parents).unwrap_or_default()),
            Err(why) => Err(GitError::new(format!("cannot read commit {id}: {why}"))),
        }
    }

    fn first_parent(&self, request: &BaseRequest<'_>) -> Result<Base, GitError> {
        let short: String = request.head.id.to_string().chars().take(12).collect();
        let Some(parent) = self.parents(&request.head.id)?.into_iter().next() else {
            return Err(GitError::new(format!("commit {short} has no parent to compare with"))
                .missing_base()
                .with_hint("pass `--base REV`, or `--all` to build everything"));
        };
        let commit = self.commit_with_id(&parent).map_err(|error| {
            if !self.is_shallow() {
                return error;
            }
            GitError::new(format!("this shallow clone ends at commit {short}: its parent is not here"))
                .lacking(Lack::Commit(parent.to_string()))
                .with_hint("run `git fetch --deepen=1`, or clone with a depth of 2 or more, or pass `--deepen`")
        })?;
        Ok(Base { rev: parent_rev(request, '~'), commit, merge_base: false, source: BaseSource::FirstParent })
    }

    /// The name of the branch that is checked out; `None` if the head is detached.
    pub fn current_branch(&self) -> Result<Option<String>, GitError> {
        let name = self.symbolic_target("HEAD");
        let name = name.map_err(|error| GitError::new(format!("cannot read HEAD: {error}")))?;
        Ok(name.and_then(|name| name.strip_prefix("refs/heads/").map(str::to_owned)))
    }

    /// The branch that others start from: the configured one, what `origin/HEAD` points to, `main` or `master`.
    fn default_branch(&self, configured: Option<&str>) -> Result<Branch, GitError> {
        if let Some(name) = configured {
            return self.find_branch(name).ok_or_else(|| {
                let mut error = self.unknown_branch(name);
                error.message = format!("the default branch `{name}` does not exist in this clone");
                error
            });
        }
        let remote = self.main_remote().unwrap_or_else(|| "origin".to_owned());
        let prefix = format!("refs/remotes/{remote}/");
        let of_remote = self.symbolic_target(&format!("{prefix}HEAD")).ok().flatten();
        let of_remote = of_remote.as_deref().and_then(|target| target.strip_prefix(&*prefix));
        of_remote.into_iter().chain(["main", "master"]).find_map(|name| self.find_branch(name)).ok_or_else(|| {
            GitError::new(format!(
                "there is no default branch to compare with: neither {remote}/HEAD nor main nor master exists"
            ))
            .missing_base()
            .with_hint("pass `--base REV`, or set `default-branch` under `[git]` in build-plan.toml")
        })
    }

    /// The error for a branch that is not here, with what gets it.
    fn unknown_branch(&self, name: &str) -> GitError {
        let name = name.strip_prefix("refs/heads/").unwrap_or(name);
        let remotes = self.remotes();
        let of_remote = remotes.iter().find_map(|remote| {
            Some((remote.clone(), name.strip_prefix(&**remote)?.strip_prefix('/')?))
                .filter(|(_, name)| !name.is_empty())
        });
        let (remote, branch) =
            of_remote.unwrap_or_else(|| (self.main_remote().unwrap_or_else(|| "origin".to_owned()), name));
        GitError::new(format!("the branch `{name}` does not exist in this clone"))
            .with_hint(format!(
                "run `git fetch {remote} {branch}:refs/remotes/{remote}/{branch}`, or pass `--base REV` or `--deepen`"
            ))
            .lacking(Lack::Branch { remote, branch: branch.to_owned() })
    }

    /// A branch by its short name: as it is on the remote if that is known, else the local one.
    fn find_branch(&self, name: &str) -> Option<Branch> {
        let name = name.strip_prefix("refs/heads/").or_else(|| name.strip_prefix("refs/remotes/")).unwrap_or(name);
        let remote = self.main_remote().unwrap_or_else(|| "origin".to_owned());
        let plain = name.strip_prefix(&*remote).and_then(|name| name.strip_prefix('/')).unwrap_or(name);
        let candidates = [
            (format!("refs/remotes/{remote}/{name}"), name, format!("{remote}/{name}")),
            (format!("refs/heads/{name}"), name, name.to_owned()),
            (format!("refs/remotes/{name}"), plain, name.to_owned()),
            (format!("refs/heads/{plain}"), plain, plain.to_owned()),
        ];
        candidates.into_iter().find_map(|(reference, name, rev)| {
            let commit = self.reference_commit(&reference)?;
            Some(Branch { name: name.to_owned(), rev, commit })
        })
    }

    fn reference_commit(&self, reference: &str) -> Option<Commit> {
        self.commit_with_id(&self.reference(reference)?).ok()
    }

    /// What a local branch is pushed to: its configured upstream, else the branch of that name on the remote.
    fn upstream(&self, branch: &str) -> Option<(String, Commit)> {
        let remote = self.main_remote().unwrap_or_else(|| "origin".to_owned());
        let names = self.upstream_name(branch).into_iter().chain([format!("refs/remotes/{remote}/{branch}")]);
        names.into_iter().find_map(|name| {
            let commit = self.reference_commit(&name)?;
            let short = name.strip_prefix("refs/remotes/").or_else(|| name.strip_prefix("refs/heads/"));
            Some((short.unwrap_or(&name).to_owned(), commit))
        })
    }
}

/// The first parent of head as a person would write it.
fn parent_rev(request: &BaseRequest<'_>, mark: char) -> String {
    if request.head_is_checkout {
        return format!("HEAD{mark}1");
    }
    let short: String = request.head.id.to_string().chars().take(12).collect();
    format!("{short}{mark}1")
}

#[cfg(test)]
mod tests {
    use super::super::test_repository::TestRepository;
    use super::*;

    /// `main` with three commits, and `feature` with one of its own from the second.
    fn with_branches() -> TestRepository {
        let test = TestRepository::new();
        for message in ["one", "two", "three"] {
            test.write("a", message);
            test.commit(message);
        }
        test.git(["checkout", "--quiet", "-b", "feature", "main~1"]);
        test.write("b", "feature");
        test.commit("feature");
        test
    }

    fn request(head: &Commit) -> BaseRequest<'_> {
        BaseRequest {
            flag: None,
            environment: None,
            provider: None,
            default_branch: None,
            branch: None,
            head,
            head_is_checkout: true,
            merge_base: true,
        }
    }

    /// The base as text: `source rev commit`, with `merge-base` where it is one.
    fn base(repository: &Repository, change: impl FnOnce(&mut BaseRequest<'_>)) -> Result<String, GitError> {
        let head = repository.head().unwrap();
        let mut request = request(&head);
        change(&mut request);
        let base = repository.base(&request)?;
        let id = base.commit.id.to_string();
        let subject = repository.program.run(&["log", "-1", "--format=%s", &id], b"").unwrap();
        let subject = String::from_utf8(subject).unwrap().trim().to_owned();
        let merge_base = if base.merge_base { " merge-base" } else { "" };
        Ok(format!("{} {} {subject}{merge_base}", base.source, base.rev))
    }

    #[track_caller]
    fn check(test: &TestRepository, change: impl FnOnce(&mut BaseRequest<'_>), expected: &str) {
        assert_eq!(base(&test.open(), change).as_deref(), Ok(expected));
    }

    #[track_caller]
    fn check_missing(error: Result<String, GitError>, message: &str, hint: &str) {
        let error = error.unwrap_err();
        assert!(error.message.contains(message), "{error:?}");
        assert!(error.hint.as_deref().unwrap_or_default().contains(hint), "{error:?}");
        assert!(error.is_missing_base());
    }

    #[test]
    fn a_named_base_is_its_merge_base_with_head_unless_that_is_off() {
        let test = with_branches();
        check(&test, |request| request.flag = Some("main"), "flag main two merge-base");
        check(&test, |request| request.environment = Some("main"), "environment main two merge-base");
        check(&test, |request| (request.flag, request.environment) = (Some("HEAD~2"), Some("main")), "flag HEAD~2 one");
        check(&test, |request| (request.flag, request.merge_base) = (Some("main"), false), "flag main three");
        check(&test, |request| request.environment = Some(""), "default-branch main two merge-base");
    }

    #[test]
    fn on_a_branch_the_base_is_where_it_left_the_default_branch() {
        let test = with_branches();
        check(&test, |_| {}, "default-branch main two merge-base");
        check(&test, |request| request.merge_base = false, "default-branch main three");
        test.git(["checkout", "--quiet", "-b", "fresh", "main"]);
        check(&test, |_| {}, "default-branch main three");
        test.git(["checkout", "--quiet", "feature"]);
        test.git(["branch", "trunk", "main~2"]);
        check(&test, |request| request.default_branch = Some("trunk"), "default-branch trunk one");
        test.git(["branch", "--move", "main", "master"]);
        check(&test, |_| {}, "default-branch master two merge-base");
    }

    #[test]
    fn what_origin_says_of_the_default_branch_counts_more_than_the_local_one() {
        let test = with_branches();
        test.git(["update-ref", "refs/remotes/origin/main", "main~2"]);
        check(&test, |_| {}, "default-branch origin/main one");
        test.git(["update-ref", "refs/remotes/origin/dev/next", "main~1"]);
        test.git(["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/dev/next"]);
        check(&test, |_| {}, "default-branch origin/dev/next two");
        check(&test, |request| request.default_branch = Some("origin/main"), "default-branch origin/main one");
        test.git(["checkout", "--quiet", "-b", "dev/next", "main"]);
        check(&test, |_| {}, "upstream origin/dev/next two");
    }

    #[test]
    fn on_the_default_branch_the_base_is_what_was_pushed_or_the_first_parent() {
        let test = with_branches();
        test.git(["checkout", "--quiet", "main"]);
        check(&test, |_| {}, "first-parent HEAD~1 two");
        test.git(["update-ref", "refs/remotes/origin/main", "main"]);
        check(&test, |_| {}, "first-parent HEAD~1 two");
        test.git(["update-ref", "refs/remotes/origin/main", "main~2"]);
        check(&test, |_| {}, "upstream origin/main one");
        test.git(["config", "branch.main.remote", "."]);
        test.git(["config", "branch.main.merge", "refs/heads/feature"]);
        check(&test, |_| {}, "upstream feature two merge-base");
        check(&test, |request| request.merge_base = false, "upstream feature feature");
        // An upstream that is only ahead has nothing to compare with.
        test.git(["branch", "--force", "feature", "main"]);
        test.git(["checkout", "--quiet", "-B", "main", "main~1"]);
        check(&test, |_| {}, "first-parent HEAD~1 one");
    }

    #[test]
    fn a_detached_head_on_the_default_branch_is_compared_with_its_parent() {
        let test = with_branches();
        test.git(["checkout", "--quiet", "--detach"]);
        check(&test, |_| {}, "default-branch main two merge-base");
        test.git(["checkout", "--quiet", "--detach", "main"]);
        check(&test, |_| {}, "first-parent HEAD~1 two");
        test.git(["checkout", "--quiet", "--detach", "main~1"]);
        check(&test, |_| {}, "first-parent HEAD~1 one");
        // Also when head is not what is checked out, whatever branch that is.
        test.git(["checkout", "--quiet", "main"]);
        let short = test.line(["rev-parse", "--short=12", "HEAD"]);
        check(&test, |request| request.head_is_checkout = false, &format!("first-parent {short}~1 two"));
    }

    #[test]
    fn of_several_merge_bases_the_one_is_taken_that_git_prints() {
        let test = with_branches();
        test.git(["checkout", "--quiet", "-b", "left", "main"]);
        test.git(["merge", "--quiet", "--no-edit", "feature"]);
        test.git(["checkout", "--quiet", "-b", "right", "feature"]);
        test.git(["merge", "--quiet", "--no-edit", "main"]);
        test.write("c", "right");
        test.commit("right");
        let expected = test.line(["merge-base", "left", "right"]);
        assert_eq!(test.line(["merge-base", "--all", "left", "right"]).lines().count(), 2);
        let repository = test.open();
        let head = repository.head().unwrap();
        let base = repository.base(&BaseRequest { flag: Some("left"), ..request(&head) }).unwrap();
        assert_eq!(base.commit.id.to_string(), expected);
    }

    #[test]
    fn a_base_that_cannot_be_had_is_a_missing_base() {
        let test = with_branches();
        let zero = "0000000000000000000000000000000000000000";
        check_missing(base(&test.open(), |request| request.flag = Some(zero)), "zero id", "--base REV");
        check_missing(base(&test.open(), |request| request.flag = Some("gone")), "`gone`", "git fetch");
        check_missing(base(&test.open(), |request| request.environment = Some("gone")), "BUILDPLAN_BASE: `gone`", "");
        check_missing(
            base(&test.open(), |request| request.default_branch = Some("gone")),
            "`gone` does not exist",
            "git fetch origin gone",
        );
        test.git(["branch", "--move", "main", "trunk"]);
        check_missing(base(&test.open(), |_| {}), "no default branch", "`default-branch` under `[git]`");
        test.git(["checkout", "--quiet", "--orphan", "other"]);
        test.commit("other");
        check_missing(
            base(&test.open(), |request| request.flag = Some("trunk")),
            "no commit in common",
            "--no-merge-base",
        );
    }

    #[test]
    fn a_first_commit_has_no_base() {
        let test = TestRepository::new();
        test.write("a", "1");
        test.commit("one");
        check_missing(base(&test.open(), |_| {}), "has no parent", "--all");
    }

    #[test]
    fn a_shallow_clone_names_the_fetch_that_deepens_it() {
        let test = with_branches();
        test.git(["checkout", "--quiet", "main"]);
        let one = test.clone_with("one", &["--depth=1"]);
        assert!(one.is_shallow());
        check_missing(base(&one, |_| {}), "shallow clone ends at", "git fetch --deepen=1");
        check_missing(base(&one, |request| request.flag = Some("HEAD~1")), "`HEAD~1`", "--unshallow");

        let two = test.clone_with("two", &["--depth=2"]);
        assert_eq!(base(&two, |_| {}).as_deref(), Ok("first-parent HEAD~1 two"));

        let both = test.clone_with("both", &["--depth=1", "--no-single-branch"]);
        let feature = base(&both, |request| request.flag = Some("origin/feature"));
        check_missing(feature, "does not reach the merge base", "git fetch --deepen=");
    }

    #[test]
    fn a_shallow_clone_that_reaches_the_merge_base_has_it() {
        let test = with_branches();
        test.git(["checkout", "--quiet", "main"]);
        test.write("a", "four");
        test.commit("four");
        let clone = test.clone_with("clone", &["--depth=3", "--no-single-branch"]);
        assert!(clone.is_shallow());
        let found = base(&clone, |request| request.flag = Some("origin/feature"));
        assert_eq!(found.as_deref(), Ok("flag origin/feature two merge-base"));
    }
}
