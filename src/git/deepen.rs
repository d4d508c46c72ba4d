//! Gets what a clone lacks of its base: a commit, a branch, or history in growing steps until the merge base is there.
//! It fetches commits and folders, but no files where the remote can leave them out. It never touches the work tree, the
//! index or a local branch.

use std::collections::BTreeSet;

use super::error::Lack;
use super::ids::parse_id;
use super::{Base, BaseRequest, GitError, Repository};

/// How many commits each step adds to a shallow history. After them comes all of it.
const STEPS: [u32; 4] = [50, 200, 800, 3200];

/// What was tried already.
#[derive(Default)]
struct Tried {
    commits: BTreeSet<String>,
    branches: BTreeSet<String>,
    steps: usize,
}

impl Repository {
    /// The same as [`Repository::base`], but what the clone lacks is fetched. `say` is told of each fetch.
    pub fn base_deepening(&self, request: &BaseRequest<'_>, say: &dyn Fn(&str)) -> Result<Base, GitError> {
        let mut tried = Tried::default();
        loop {
            let error = match self.base(request) {
                Ok(base) => return Ok(base),
                Err(error) => error,
            };
            let Some(lack) = error.lack.clone().filter(|lack| *lack != Lack::Nothing) else { return Err(error) };
            match self.mend(&lack, request, &mut tried, say) {
                Ok(true) => self.refresh(),
                Ok(false) => {
                    return Err(error.with_hint("it was fetched as far as the remote has it: pass `--base REV`"));
                }
                Err(why) => {
                    let message = format!("{}; --deepen could not mend that: {why}", error.message);
                    return Err(GitError { message, ..error });
                }
            }
        }
    }

    /// Makes one step; false if there is none left to make.
    fn mend(
        &self,
        lack: &Lack,
        request: &BaseRequest<'_>,
        tried: &mut Tried,
        say: &dyn Fn(&str),
    ) -> Result<bool, String> {
        let main = || self.main_remote().ok_or_else(|| "there is no remote to fetch from".to_owned());
        match lack {
            Lack::Nothing => Ok(false),
            Lack::Commit(id) => {
                let remote = main()?;
                if tried.commits.insert(id.clone()) {
                    // A whole history would be cut off by a depth, and a cut-off one would be fetched whole without.
                    let depth = if self.is_shallow() { vec!["--depth=1".to_owned()] } else { Vec::new() };
                    let fetched = self.fetch(&depth, &remote, std::slice::from_ref(id), say);
                    if fetched.is_ok() || !self.is_shallow() {
                        return fetched.map(|()| true);
                    }
                }
                // Some servers give out no commits by their ids. It may lie in the history of head.
                self.deepen_history(&remote, None, request, tried, say)
            }
            Lack::Branch { remote, branch } => {
                if !tried.branches.insert(format!("{remote}/{branch}")) {
                    return Ok(false);
                }
                // A depth of 1 would cut off the history of head, if the tip of the branch is part of that.
                let cut = self.is_shallow() && !self.has_tip(remote, branch)?;
                let depth = if cut { vec!["--depth=1".to_owned()] } else { Vec::new() };
                self.fetch(&depth, remote, &[branch_refspec(remote, branch)], say).map(|()| true)
            }
            Lack::History(rev) => {
                let remote = main()?;
                self.deepen_history(&remote, Some(rev), request, tried, say)
            }
        }
    }

    /// Whether the commit that a branch of a remote names is here already.
    fn has_tip(&self, remote: &str, branch: &str) -> Result<bool, String> {
        let reference = format!("refs/heads/{branch}");
        let listed = self.program.run_remote(&["ls-remote", "--quiet", remote, &reference], b"")?;
        let listed = String::from_utf8_lossy(&listed);
        let tip = listed.split('\t').next().and_then(parse_id);
        Ok(tip.is_some_and(|tip| matches!(self.stored(&tip), Ok(Some(_)))))
    }

    /// Adds to the history of head, and of the revision that it is compared with.
    fn deepen_history(
        &self,
        remote: &str,
        rev: Option<&str>,
        request: &BaseRequest<'_>,
        tried: &mut Tried,
        say: &dyn Fn(&str),
    ) -> Result<bool, String> {
        if !self.is_shallow() {
            return Ok(false);
        }
        let depth = match STEPS.get(tried.steps) {
            Some(count) => format!("--deepen={count}"),
            None if tried.steps == STEPS.len() => "--unshallow".to_owned(),
            None => return Ok(false),
        };
        tried.steps += 1;
        let mut wanted = vec![request.head.id.to_string()];
        wanted.extend(rev.and_then(|rev| self.refspec_of(remote, rev)));
        let depth = [depth];
        let fetched = self.fetch(&depth, remote, &wanted, say);
        // A head that was never pushed cannot be asked for; neither does every server give out commits by their ids.
        fetched.or_else(|_| self.fetch(&depth, remote, &[], say)).map(|()| true)
    }

    /// How to ask the remote for a revision: a branch of it, or a commit.
    fn refspec_of(&self, remote: &str, rev: &str) -> Option<String> {
        let branch = rev.strip_prefix("refs/remotes/").unwrap_or(rev).strip_prefix(remote)?.strip_prefix('/');
        let on_remote = |branch: &&str| self.reference(&format!("refs/remotes/{remote}/{branch}")).is_some();
        match branch.filter(on_remote) {
            Some(branch) => Some(branch_refspec(remote, branch)),
            None => Some(self.commit(rev).ok()?.id.to_string()),
        }
    }

    fn fetch(&self, depth: &[String], remote: &str, wanted: &[String], say: &dyn Fn(&str)) -> Result<(), String> {
        let mut arguments: Vec<String> = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"]
            .into_iter()
            .chain(["--recurse-submodules=no"])
            // A whole clone stays one: it would be marked as partial.
            .chain((self.is_shallow() || self.is_partial()).then_some("--filter=blob:none"))
            .map(str::to_owned)
            .collect();
        arguments.extend_from_slice(depth);
        arguments.push(remote.to_owned());
        arguments.extend_from_slice(wanted);
        let shown = arguments.iter().filter(|argument| *argument != "--quiet" && *argument != "--no-write-fetch-head");
        say(&format!("git {}", shown.map(String::as_str).collect::<Vec<_>>().join(" ")));
        self.program.run_remote(&arguments, b"").map(|_| ())
    }
}

fn branch_refspec(remote: &str, branch: &str) -> String {
    format!("+refs/heads/{branch}:refs/remotes/{remote}/{branch}")
}
