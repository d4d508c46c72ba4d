//! Turns what the planner asks of a repository into an answer of libgit2, or of the `git` program for repositories that
//! libgit2 cannot open (SHA-256, reftable, other extensions). Both answer alike; none of it changes the repository or
//! talks to a remote.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::PoisonError;

use git2::{AttrCheckFlags, AttrValue, ErrorCode};

use super::ids::{object_id, parse_id};
use super::names;
use super::objects::{Batch, Kind, Object, RawCommit, merge_bases_with, parse_commit, parse_tag, read_with};
use super::repository::Repository;
use crate::repo::{ObjectId, RepoPath};

/// Why a revision is not a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unresolved {
    /// Nothing has that name.
    Unknown,
    /// Something that is no commit has it.
    NoCommit,
    /// Several objects have ids that start like it.
    Ambiguous,
}

/// The longest chain of tags that name tags.
const MAX_TAGS: usize = 10;

impl Repository {
    /// What is stored under an id; `None` if nothing is.
    pub(super) fn stored(&self, id: &ObjectId) -> Result<Option<Object>, String> {
        if id.as_bytes().len() != self.ids.length() {
            return Ok(None);
        }
        if self.has_library() {
            return self.with_handle(|handle| read_with(handle, id)).map_err(|error| error.message().to_owned());
        }
        let mut batch = self.batch.lock().unwrap_or_else(PoisonError::into_inner);
        let running = match batch.take() {
            Some(running) => Ok(running),
            None => Batch::start(&self.program),
        };
        let mut running = running?;
        match running.read(id) {
            Ok(found) => {
                *batch = Some(running);
                Ok(found)
            }
            // Where it may not fetch what is missing, the program gives up at the first such object.
            Err(_) if self.is_partial() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A commit, by the id of it or of a tag; `None` if it is not here or something else.
    pub(super) fn stored_commit(&self, id: &ObjectId) -> Result<Option<(ObjectId, RawCommit)>, String> {
        let mut id = *id;
        for _ in 0..MAX_TAGS {
            match self.stored(&id)? {
                Some(Object { kind: Kind::Commit, bytes }) => {
                    let commit = parse_commit(&bytes).ok_or_else(|| format!("the commit {id} is damaged"))?;
                    return Ok(Some((id, commit)));
                }
                Some(Object { kind: Kind::Tag, bytes }) => match parse_tag(&bytes) {
                    Some(target) => id = target,
                    None => return Err(format!("the tag {id} is damaged")),
                },
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// The id of the commit that a revision names.
    pub(super) fn resolve(&self, rev: &str) -> Result<ObjectId, Unresolved> {
        if let Some(id) = parse_id(rev) {
            // Asked for by name, the program would fetch a missing commit of a partial clone with all its history.
            return match self.stored_commit(&id) {
                Ok(Some((id, _))) => Ok(id),
                _ if matches!(self.stored(&id), Ok(Some(_))) => Err(Unresolved::NoCommit),
                _ => Err(Unresolved::Unknown),
            };
        }
        let found = self.with_handle(|handle| Ok(object_id(handle.revparse_single(rev)?.peel_to_commit()?.id())));
        let error = match found {
            Ok(id) => return Ok(id),
            Err(error) => error,
        };
        // libgit2 does not know every form of a revision, such as `@{push}`.
        if let Some(id) = self.parse_rev(&format!("{rev}^{{commit}}")) {
            return Ok(id);
        }
        if error.code() == ErrorCode::Ambiguous {
            return Err(Unresolved::Ambiguous);
        }
        // In some forms, such as `:/message`, what is to be peeled cannot be written behind the rest.
        let object = self.parse_rev(rev).ok_or(Unresolved::Unknown)?;
        match self.stored_commit(&object) {
            Ok(Some((id, _))) => Ok(id),
            _ => Err(Unresolved::NoCommit),
        }
    }

    fn parse_rev(&self, rev: &str) -> Option<ObjectId> {
        if rev.contains('\0') {
            return None;
        }
        let printed = self.program.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", rev], b"").ok()?;
        let text = std::str::from_utf8(&printed).ok()?;
        // Before Git 2.30 `rev-parse` printed this option back.
        parse_id(text.trim().trim_start_matches("--end-of-options").trim())
    }

    /// The commit that a reference names in the end.
    pub(super) fn reference(&self, name: &str) -> Option<ObjectId> {
        if self.has_library() {
            let found = self.with_handle(|handle| {
                Ok(object_id(handle.find_reference(name)?.resolve()?.target().ok_or_else(no_target)?))
            });
            return found.ok();
        }
        let is_name = name == "HEAD" || name.starts_with("refs/");
        if is_name { self.parse_rev(name) } else { None }
    }

    /// What a symbolic reference points to; `None` if it names a commit.
    pub(super) fn symbolic_target(&self, name: &str) -> Result<Option<String>, String> {
        if self.has_library() {
            let target = self.with_handle(|handle| {
                let found = handle.find_reference(name)?;
                Ok(found.symbolic_target_bytes().map(|target| String::from_utf8_lossy(target).into_owned()))
            });
            return target.map_err(|error| error.message().to_owned());
        }
        let printed = self.program.run(&["symbolic-ref", "--quiet", name], b"");
        Ok(printed.ok().map(|target| String::from_utf8_lossy(&target).trim_end().to_owned()))
    }

    /// The full name of the reference that a local branch follows.
    pub(super) fn upstream_name(&self, branch: &str) -> Option<String> {
        let reference = format!("refs/heads/{branch}");
        if self.has_library() {
            let name = self.with_handle(|handle| handle.branch_upstream_name(&reference));
            return name.ok().map(|name| String::from_utf8_lossy(&name).into_owned());
        }
        let printed = self.program.run(&["for-each-ref", "--format=%(upstream)", &reference], b"").ok()?;
        let name = String::from_utf8_lossy(&printed).trim_end().to_owned();
        (!name.is_empty()).then_some(name)
    }

    /// All merge bases of two commits.
    pub(super) fn merge_bases(&self, one: &ObjectId, two: &ObjectId) -> Result<Vec<ObjectId>, String> {
        if self.has_library() {
            let found = self.with_handle(|handle| merge_bases_with(handle, one, two));
            match found {
                // libgit2 walks past the end of a shallow history where the program stops.
                Err(_) if self.is_shallow() => {}
                found => return found.map_err(|error| error.message().to_owned()),
            }
        }
        // Without a merge base the program fails and says nothing.
        match self.program.run(&["merge-base", "--all", &one.to_string(), &two.to_string()], b"") {
            Ok(printed) => Ok(String::from_utf8_lossy(&printed).lines().filter_map(parse_id).collect()),
            Err(why) if why.contains("exit status: 1") => Ok(Vec::new()),
            Err(why) => Err(why),
        }
    }

    /// The names of the remotes, sorted.
    pub(super) fn remotes(&self) -> Vec<String> {
        let names = self.config_names("remote.", ".url");
        let plain = names.into_iter().filter(|name| !name.starts_with('-') && !name.contains(['\n', '\0']));
        plain.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The remotes that a partial clone may be completed from, sorted.
    pub(super) fn promisors(&self) -> Vec<String> {
        let marked = self.config_names("remote.", ".promisor").into_iter();
        let mut names: BTreeSet<String> =
            marked.filter(|name| self.config_flag(&format!("remote.{name}.promisor")) == Some(true)).collect();
        names.extend(self.config_text("extensions.partialclone"));
        names.into_iter().filter(|name| !name.starts_with('-')).collect()
    }

    /// The middle parts of all keys of the configuration that start and end like this.
    fn config_names(&self, start: &str, end: &str) -> Vec<String> {
        let keys = if self.has_library() {
            let keys = self.with_handle(|handle| {
                let config = handle.config()?.snapshot()?;
                let mut entries = config.entries(None)?;
                let mut keys = Vec::new();
                while let Some(entry) = entries.next() {
                    keys.push(String::from_utf8_lossy(entry?.name_bytes()).into_owned());
                }
                Ok(keys)
            });
            keys.unwrap_or_default()
        } else {
            let printed = self.program.run(&["config", "--list", "--name-only", "-z"], b"").unwrap_or_default();
            let keys = printed.split(|byte| *byte == 0).map(|key| String::from_utf8_lossy(key).into_owned());
            keys.collect()
        };
        let middle = |key: &String| Some(key.strip_prefix(start)?.strip_suffix(end)?.to_owned());
        keys.iter().filter_map(middle).collect()
    }

    /// A setting that is on or off.
    pub(super) fn config_flag(&self, key: &str) -> Option<bool> {
        if self.has_library() {
            return self.with_handle(|handle| handle.config()?.snapshot()?.get_bool(key)).ok();
        }
        let printed = self.program.run(&["config", "--type=bool", "--get", key], b"").ok()?;
        Some(printed.trim_ascii() == b"true")
    }

    /// A setting as text.
    pub(super) fn config_text(&self, key: &str) -> Option<String> {
        if self.has_library() {
            let text = self.with_handle(|handle| Ok(handle.config()?.snapshot()?.get_bytes(key)?.to_vec()));
            return text.ok().map(|text| String::from_utf8_lossy(&text).into_owned());
        }
        let printed = self.program.run(&["config", "--null", "--get", key], b"").ok()?;
        Some(String::from_utf8_lossy(printed.strip_suffix(b"\0").unwrap_or(&printed)).into_owned())
    }

    /// A setting that names a file.
    pub(super) fn config_path(&self, key: &str) -> Option<PathBuf> {
        if self.has_library() {
            return self.with_handle(|handle| handle.config()?.snapshot()?.get_path(key)).ok();
        }
        let printed = self.program.run(&["config", "--null", "--type=path", "--get", key], b"").ok()?;
        Some(names::native(printed.strip_suffix(b"\0").unwrap_or(&printed)))
    }

    /// Whether Git ignores an untracked path; that of a folder ends with a slash.
    pub(super) fn is_ignored(&self, path: &[u8]) -> Result<bool, String> {
        if self.has_library() {
            let ignored = self.with_handle(|handle| handle.is_path_ignored(names::native(path)));
            return ignored.map_err(|error| error.message().to_owned());
        }
        let ignored = self.ignored.get_or_init(|| {
            let arguments = ["ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"];
            let printed = self.program.run(&arguments, b"")?;
            Ok(printed.split(|byte| *byte == 0).filter(|path| !path.is_empty()).map(<[u8]>::to_vec).collect())
        });
        let ignored: &BTreeSet<Vec<u8>> = ignored.as_ref().map_err(Clone::clone)?;
        // A folder stands for all that is in it.
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let mut folders = slashes.filter_map(|(at, _)| path.get(..=at));
        Ok(ignored.contains(path) || folders.any(|folder| ignored.contains(folder)))
    }

    /// The values of the attributes `filter` and `working-tree-encoding` of a path, where they have one.
    pub(super) fn rewriting_attributes(&self, path: &RepoPath) -> Result<[Option<String>; 2], String> {
        if self.has_library() {
            let found = self.with_handle(|handle| {
                Ok(["filter", "working-tree-encoding"].map(|name| attribute_of(handle, path, name)))
            });
            return found.map_err(|error| error.message().to_owned());
        }
        let input = [path.as_bytes(), b"\0"].concat();
        let printed = self.program.run(&["check-attr", "-z", "--stdin", "filter", "working-tree-encoding"], &input)?;
        // Path, name and value, each ended by a NUL.
        let fields: Vec<&[u8]> = printed.split(|byte| *byte == 0).collect();
        let value = |at: usize| {
            let value = String::from_utf8_lossy(fields.get(at)?).into_owned();
            (!matches!(&*value, "set" | "unset" | "unspecified")).then_some(value)
        };
        Ok([value(2), value(5)])
    }
}

fn attribute_of(handle: &git2::Repository, path: &RepoPath, name: &str) -> Option<String> {
    let found = handle.get_attr_bytes(&names::native(path.as_bytes()), name, AttrCheckFlags::default());
    match AttrValue::always_bytes(found.ok().flatten()) {
        AttrValue::Bytes(value) => Some(String::from_utf8_lossy(value).into_owned()),
        AttrValue::String(value) => Some(value.to_owned()),
        AttrValue::True | AttrValue::False | AttrValue::Unspecified => None,
    }
}

fn no_target() -> git2::Error {
    git2::Error::from_str("the reference names nothing")
}

/// An id as libgit2 wants it.
pub(super) fn oid(id: &ObjectId) -> Result<git2::Oid, git2::Error> {
    git2::Oid::from_bytes(id.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::test_repository::{TestRepository, path, shown};
    use super::*;

    /// A repository with some of everything, and both ways to ask about it.
    fn both(test: &TestRepository) -> [Repository; 2] {
        let by_program = Repository::discover_by_program(test.dir()).unwrap();
        assert!(!by_program.has_library() && test.open().has_library());
        [test.open(), by_program]
    }

    fn with_history() -> TestRepository {
        let test = TestRepository::new();
        test.write("a.txt", "1\r\n");
        test.write("dir/b.go", "package b\n");
        test.write(".gitattributes", "*.large filter=lfs\n*.utf working-tree-encoding=UTF-16\n*.txt text\n");
        test.write(".gitignore", "*.tmp\n/out/\n!keep.tmp\n");
        test.commit("one");
        test.git(["tag", "--annotate", "v1", "--message", "first"]);
        test.git(["checkout", "--quiet", "-b", "side"]);
        test.write("c", "side");
        test.commit("side");
        test.git(["checkout", "--quiet", "main"]);
        test.write("dir/b.go", "package b // two\n");
        test.commit("two");
        test.git(["config", "branch.side.remote", "."]);
        test.git(["config", "branch.side.merge", "refs/heads/main"]);
        test.git(["config", "remote.origin.url", "https://example.com/x.git"]);
        test.git(["config", "remote.other.url", "https://example.com/y.git"]);
        test.git(["config", "remote.other.promisor", "true"]);
        test.git(["config", "remote.origin.promisor", "false"]);
        test.git(["config", "core.attributesfile", "~/attributes"]);
        test
    }

    #[track_caller]
    fn check<T: PartialEq + std::fmt::Debug>(test: &TestRepository, ask: impl Fn(&Repository) -> T) -> T {
        let [library, program] = both(test);
        let answer = ask(&library);
        assert_eq!(ask(&program), answer);
        answer
    }

    #[test]
    fn revisions_and_references_are_the_same_either_way() {
        let test = with_history();
        let id = test.line(["rev-parse", "HEAD"]);
        for rev in
            ["HEAD", "@", "main", "side", "v1", "HEAD~1", ":/one", &id[..9], &id, "HEAD:dir", "nope", "", "--all"]
        {
            let _ = check(&test, |repository| repository.resolve(rev));
        }
        assert_eq!(check(&test, |repository| repository.resolve("HEAD^{tree}")), Err(Unresolved::NoCommit));
        assert_eq!(check(&test, |repository| repository.resolve("nope")), Err(Unresolved::Unknown));
        for name in ["HEAD", "refs/heads/main", "refs/heads/nope", "refs/tags/v1"] {
            check(&test, |repository| repository.commit_with_id(&repository.reference(name)?).ok());
        }
        assert_eq!(check(&test, |repository| repository.current_branch().unwrap()).as_deref(), Some("main"));
        assert_eq!(check(&test, |repository| repository.upstream_name("side")).as_deref(), Some("refs/heads/main"));
        assert_eq!(check(&test, |repository| repository.upstream_name("main")), None);
        test.git(["checkout", "--quiet", "--detach"]);
        assert_eq!(check(&test, |repository| repository.current_branch().unwrap()), None);
    }

    #[test]
    fn histories_are_the_same_either_way() {
        let test = with_history();
        let id = |rev: &str| parse_id(&test.line(["rev-parse", rev])).unwrap();
        let (main, side, root) = (id("main"), id("side"), id("main~1"));
        assert_eq!(check(&test, |repository| repository.merge_bases(&main, &side)), Ok(vec![root]));
        test.git(["checkout", "--quiet", "--orphan", "other"]);
        let other = test.commit("other").id;
        assert_eq!(check(&test, |repository| repository.merge_bases(&main, &other)), Ok(Vec::new()));
        assert!(check(&test, |repository| repository.stored_commit(&id("v1"))).unwrap().is_some());
        assert_eq!(check(&test, |repository| repository.stored(&parse_id(&"1".repeat(40)).unwrap())), Ok(None));
        assert_eq!(check(&test, |repository| repository.stored(&parse_id(&"1".repeat(64)).unwrap())), Ok(None));
    }

    #[test]
    fn settings_are_the_same_either_way() {
        let test = with_history();
        assert_eq!(check(&test, Repository::remotes), ["origin", "other"]);
        assert_eq!(check(&test, Repository::promisors), ["other"]);
        assert_eq!(check(&test, |repository| repository.config_flag("core.filemode")), Some(true));
        assert_eq!(check(&test, |repository| repository.config_flag("core.nope")), None);
        let url = check(&test, |repository| repository.config_text("remote.origin.url"));
        assert_eq!(url.as_deref(), Some("https://example.com/x.git"));
        let file = check(&test, |repository| repository.config_path("core.attributesfile").is_some());
        assert!(file);
        for (name, expected) in [
            ("a.large", [Some("lfs".to_owned()), None]),
            ("dir/a.utf", [None, Some("UTF-16".to_owned())]),
            ("a.txt", [None, None]),
        ] {
            assert_eq!(check(&test, |repository| repository.rewriting_attributes(&path(name))), Ok(expected), "{name}");
        }
    }

    #[test]
    fn the_working_copy_is_the_same_either_way() {
        let test = with_history();
        for file in ["x.tmp", "keep.tmp", "out/deep/file", "new/x.tmp", "new/y", "dir/z.tmp"] {
            test.write(file, file);
        }
        test.write("a.txt", "2\r\n");
        test.link("link", "a.txt");
        for name in
            ["x.tmp", "keep.tmp", "out/", "out/deep/", "out/deep/file", "new/", "new/x.tmp", "new/y", "dir/z.tmp"]
        {
            assert!(check(&test, |repository| repository.is_ignored(name.as_bytes())).is_ok());
        }
        let changes = check(&test, |repository| {
            let head = repository.commit_tree(&repository.head().unwrap());
            let working_copy = repository.working_copy().unwrap();
            assert!(working_copy.is_dirty().unwrap());
            shown(&repository.changes_to_working_copy(&head, &working_copy).unwrap())
        });
        assert_eq!(changes, ["modified a.txt", "added keep.tmp", "added link", "added new/y"]);
    }

    #[test]
    fn worktrees_and_bare_repositories_are_the_same_either_way() {
        let test = with_history();
        let url = test.dir().to_str().unwrap().to_owned();
        let linked = test.beside("linked");
        test.git(["worktree", "add", "--quiet", linked.to_str().unwrap(), "side"]);
        let [library, program] =
            [Repository::discover(&linked).unwrap(), Repository::discover_by_program(&linked).unwrap()];
        let places = |repository: &Repository| {
            let real = |path: &Path| path.canonicalize().unwrap();
            (real(repository.common_dir()), real(repository.git_dir()), repository.work_dir().map(real))
        };
        assert_eq!(places(&library), places(&program));
        assert_eq!(library.head(), program.head());
        let bare = test.beside("bare");
        test.git(["clone", "--quiet", "--bare", &url, bare.to_str().unwrap()]);
        assert!(Repository::discover_by_program(&bare).unwrap().is_bare());
        assert!(Repository::discover_by_program(Path::new("/")).is_none());
    }
}
