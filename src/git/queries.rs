//! Turns what the planner asks of a repository into an answer of libgit2, or of the `git` program for repositories that
//! libgit2 cannot open (SHA-256, reftable, other extensions). Both answer alike; none of it changes the repository or
//! talks to a remote.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use git2::{AttrCheckFlags, AttrValue, ErrorCode};

use super::ids::{object_id, parse_id};
use super::names;
use super::objects::{Batch, Kind, Object, RawCommit, merge_bases_with, parse_commit, parse_tag, read_with};
use super::process::run_in;
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
        let is_object = || self.parse_rev(rev).is_some();
        Err(match error.code() {
            ErrorCode::Ambiguous => Unresolved::Ambiguous,
            ErrorCode::Peel | ErrorCode::InvalidSpec if is_object() => Unresolved::NoCommit,
            ErrorCode::GenericError if !self.has_library() && is_object() => Unresolved::NoCommit,
            _ => Unresolved::Unknown,
        })
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

    /// The commit that is checked out in a work tree of its own below this one, if there is one.
    pub(super) fn nested_head(&self, folder: &Path) -> Option<ObjectId> {
        match open_nested(folder) {
            Ok(nested) => Some(object_id(nested.head().ok()?.peel_to_commit().ok()?.id())),
            Err(error) if error.code() == ErrorCode::NotFound => None,
            Err(_) => {
                let head =
                    run_in(folder, &["--git-dir=.git", "rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).ok()?;
                parse_id(String::from_utf8_lossy(&head).trim())
            }
        }
    }

    /// Whether a work tree of its own has changes that are not committed.
    pub(super) fn is_nested_dirty(&self, folder: &Path) -> bool {
        match open_nested(folder) {
            Ok(nested) => {
                let mut options = git2::StatusOptions::new();
                options.include_untracked(true).include_ignored(false);
                nested.statuses(Some(&mut options)).is_ok_and(|statuses| !statuses.is_empty())
            }
            Err(_) => {
                let options = ["--git-dir=.git", "--work-tree=.", "-c", "core.fsmonitor=false"];
                run_in(folder, &[&options[..], &["status", "--porcelain", "-z"]].concat())
                    .is_ok_and(|status| !status.is_empty())
            }
        }
    }
}

fn open_nested(folder: &Path) -> Result<git2::Repository, git2::Error> {
    let none: [&std::ffi::OsStr; 0] = [];
    git2::Repository::open_ext(folder, git2::RepositoryOpenFlags::NO_SEARCH, none)
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
