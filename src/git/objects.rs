//! Turns object ids into what is stored under them: by libgit2, or by the `git` program where libgit2 cannot open the
//! repository. It verifies nothing but the form; where objects are missing is the business of [`lazy`](super::lazy).

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout};
use std::sync::Arc;

use git2::{ErrorCode, ObjectType, Oid};

use super::ids::{IdKind, object_id, parse_id};
use super::process::Program;
use crate::repo::{Entry, EntryKind, ObjectId, RepoPath};

/// The largest object that is asked of the program; more is not source.
const MAX_SIZE: usize = 1 << 31;

/// The kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Blob,
    Tree,
    Commit,
    Tag,
}

/// A stored object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) kind: Kind,
    pub(super) bytes: Arc<[u8]>,
}

/// Reads an object with libgit2; `None` if it is not there.
pub(super) fn read_with(handle: &git2::Repository, id: &ObjectId) -> Result<Option<Object>, git2::Error> {
    let objects = handle.odb()?;
    match objects.read(Oid::from_bytes(id.as_bytes())?) {
        Ok(object) => {
            let kind = match object.kind() {
                ObjectType::Commit => Kind::Commit,
                ObjectType::Tree => Kind::Tree,
                ObjectType::Tag => Kind::Tag,
                _ => Kind::Blob,
            };
            Ok(Some(Object { kind, bytes: Arc::from(object.data()) }))
        }
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A running `git cat-file --batch`.
pub(super) struct Batch {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Batch {
    pub(super) fn start(program: &Program) -> Result<Self, String> {
        let mut child = program.start(&["cat-file", "--batch"])?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(questions), Some(answers)) => Ok(Self { child, questions, answers: BufReader::new(answers) }),
            _ => Err("cannot talk to the git program".to_owned()),
        }
    }

    /// Reads an object; `None` if it is not there. After an error the process is of no more use.
    pub(super) fn read(&mut self, id: &ObjectId) -> Result<Option<Object>, String> {
        let failed = |error: std::io::Error| format!("cannot talk to the git program: {error}");
        writeln!(self.questions, "{id}").map_err(failed)?;
        let mut line = String::new();
        self.answers.by_ref().take(200).read_line(&mut line).map_err(failed)?;
        let mut words = line.trim_end().split(' ').skip(1);
        let kind = match words.next() {
            Some("blob") => Kind::Blob,
            Some("tree") => Kind::Tree,
            Some("commit") => Kind::Commit,
            Some("tag") => Kind::Tag,
            Some("missing") => return Ok(None),
            _ => return Err(format!("git cat-file gave up on object {id}")),
        };
        let size: Option<usize> = words.next().and_then(|size| size.parse().ok());
        let size = size.filter(|size| *size < MAX_SIZE).ok_or_else(|| format!("object {id} is too large"))?;
        let mut bytes = vec![0; size + 1];
        self.answers.read_exact(&mut bytes).map_err(failed)?;
        bytes.truncate(size);
        Ok(Some(Object { kind, bytes: bytes.into() }))
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a commit object says, whatever a shallow clone has of its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RawCommit {
    pub(super) tree: ObjectId,
    pub(super) parents: Vec<ObjectId>,
    /// When it was committed, in seconds.
    pub(super) time: i64,
}

/// Reads a commit object; `None` if it is of another form.
pub(super) fn parse_commit(bytes: &[u8]) -> Option<RawCommit> {
    let header = bytes.split(|byte| *byte == b'\n').take_while(|line| !line.is_empty());
    let (mut tree, mut parents, mut time) = (None, Vec::new(), 0);
    for line in header {
        let Some(space) = memchr::memchr(b' ', line) else { continue };
        let (key, value) = (line.get(..space)?, line.get(space + 1..)?);
        let id = || parse_id(std::str::from_utf8(value).ok()?);
        match key {
            b"tree" if tree.is_none() => tree = Some(id()?),
            b"parent" => parents.push(id()?),
            b"committer" => {
                // `Name <address> SECONDS ZONE`
                let mut words = value.rsplit(|byte| *byte == b' ').skip(1);
                let seconds = words.next().and_then(|word| std::str::from_utf8(word).ok()?.parse().ok());
                time = seconds.unwrap_or(0);
            }
            _ => {}
        }
    }
    Some(RawCommit { tree: tree?, parents, time })
}

/// The commit that a tag object names.
pub(super) fn parse_tag(bytes: &[u8]) -> Option<ObjectId> {
    let line = bytes.split(|byte| *byte == b'\n').next()?;
    parse_id(std::str::from_utf8(line.strip_prefix(b"object ")?).ok()?)
}

/// The entries of a tree object, in its own order.
///
/// # Errors
/// Says what is wrong with it: a name that leads elsewhere, an unknown mode, a damaged form.
pub(super) fn parse_tree(bytes: &[u8], ids: IdKind) -> Result<Vec<Entry>, String> {
    let damaged = || "is damaged".to_owned();
    let mut entries = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let space = memchr::memchr(b' ', rest).ok_or_else(damaged)?;
        let (mode, after) = rest.split_at(space);
        let after = after.get(1..).ok_or_else(damaged)?;
        let end = memchr::memchr(0, after).ok_or_else(damaged)?;
        let (name, after) = after.split_at(end);
        let (id, after) = after.get(1..).and_then(|after| after.split_at_checked(ids.length())).ok_or_else(damaged)?;
        let mode = std::str::from_utf8(mode).ok().and_then(|mode| u32::from_str_radix(mode, 8).ok());
        entries.push(entry(mode.ok_or_else(damaged)?, name, ObjectId::from_bytes(id))?);
        rest = after;
    }
    Ok(entries)
}

fn entry(mode: u32, name: &[u8], id: ObjectId) -> Result<Entry, String> {
    if matches!(name, b"" | b"." | b"..") || name.contains(&b'/') {
        return Err(format!("has an entry named `{}`", RepoPath::from_clean(name)));
    }
    let kind = match mode & 0o170_000 {
        0o040_000 => EntryKind::Folder,
        0o100_000 => EntryKind::File { executable: mode & 0o100 != 0 },
        0o120_000 => EntryKind::Symlink,
        0o160_000 => EntryKind::Submodule,
        _ => return Err(format!("has an entry of the unknown mode {mode:o}")),
    };
    Ok(Entry { name: Arc::from(name), kind, id: Some(id), ignored: false })
}

/// All merge bases, from libgit2.
pub(super) fn merge_bases_with(
    handle: &git2::Repository,
    one: &ObjectId,
    two: &ObjectId,
) -> Result<Vec<ObjectId>, git2::Error> {
    match handle.merge_bases(Oid::from_bytes(one.as_bytes())?, Oid::from_bytes(two.as_bytes())?) {
        Ok(bases) => Ok(bases.iter().map(|id| object_id(*id)).collect()),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_repository::TestRepository;
    use super::*;

    #[test]
    fn commits_are_read_with_all_their_parents() {
        let test = TestRepository::new();
        test.write("a", "1");
        test.commit("one");
        test.git(["checkout", "--quiet", "-b", "side"]);
        test.commit("side");
        test.git(["checkout", "--quiet", "main"]);
        test.commit("two");
        test.git(["merge", "--quiet", "--no-edit", "--no-ff", "side"]);
        let raw = parse_commit(&test.git(["cat-file", "commit", "HEAD"])).unwrap();
        let ids: Vec<String> = raw.parents.iter().map(ToString::to_string).collect();
        assert_eq!(ids, test.line(["log", "-1", "--format=%P"]).split(' ').collect::<Vec<_>>());
        assert_eq!(raw.tree.to_string(), test.line(["log", "-1", "--format=%T"]));
        assert_eq!(raw.time.to_string(), test.line(["log", "-1", "--format=%ct"]));
    }

    #[test]
    fn a_message_that_looks_like_a_header_is_none() {
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let text = format!("tree {a}\nauthor x <x> 1 +0000\ncommitter x y <x> 7 +0000\n\nparent {b}\n");
        let raw = parse_commit(text.as_bytes()).unwrap();
        assert_eq!((raw.parents.len(), raw.time), (0, 7));
        for text in ["", "tree x\n", "author x\n", &format!("tree {a}\nparent {}\n", &b[1..])] {
            assert_eq!(parse_commit(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn damaged_trees_are_refused() {
        let whole = [b"100644 a\0".as_slice(), &[1; 20], b"40000 b\0", &[2; 20]].concat();
        assert_eq!(parse_tree(&whole, IdKind::Sha1).unwrap().len(), 2);
        for end in (1..whole.len()).filter(|end| *end != 29) {
            assert!(parse_tree(&whole[..end], IdKind::Sha1).is_err(), "cut at {end}");
        }
        assert!(parse_tree(&whole, IdKind::Sha256).is_err());
        assert!(parse_tree(b"100944 a\0aaaaaaaaaaaaaaaaaaaa", IdKind::Sha1).is_err());
    }

    #[test]
    fn the_program_gives_the_same_objects_as_the_library() {
        let test = TestRepository::new();
        test.write("dir/a", "content");
        test.commit("one");
        test.git(["tag", "--annotate", "v1", "--message", "first"]);
        let repository = test.open();
        let mut batch = Batch::start(&repository.program).unwrap();
        for rev in ["HEAD", "HEAD^{tree}", "HEAD:dir", "HEAD:dir/a", "v1"] {
            let id = parse_id(&test.line(["rev-parse", rev])).unwrap();
            let expected = repository.with_handle(|handle| read_with(handle, &id)).unwrap();
            assert_eq!(batch.read(&id), Ok(expected), "{rev}");
        }
        assert_eq!(batch.read(&parse_id(&"1".repeat(40)).unwrap()), Ok(None));
    }
}
