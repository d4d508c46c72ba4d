//! Turns the bytes of `.git/index` (versions 2 to 4, see gitformat-index) into entries. It gives up on what it does not
//! know, such as sparse and split indexes, and does not verify the checksum, as Git itself does not.

use super::ids::IdKind;
use super::index::{IndexEntry, Stat};
use crate::repo::ObjectId;

const EXTENDED: u16 = 1 << 14;
const STAGE: u16 = 3 << 12;
const INTENT_TO_ADD: u16 = 1 << 13;
const SKIP_WORKTREE: u16 = 1 << 14;
const NAME_LENGTH: u16 = 0x0fff;
/// A longer path is not one that a disk could hold; with shared prefixes, few bytes could name very many of them.
const MAX_PATH: usize = 1 << 16;

/// The entries of an index in the order of the file, and the paths that they refer to; `None` if the file is of a kind
/// that is not known here.
pub(super) fn parse(file: &[u8], ids: IdKind) -> Option<(Vec<u8>, Vec<IndexEntry>)> {
    // The checksum at the end is of the same kind as the ids.
    let body = file.get(..file.len().checked_sub(ids.length())?)?;
    let mut reader = Reader { rest: body, ids };
    if reader.take(4)? != b"DIRC" {
        return None;
    }
    let version = reader.u32().filter(|version| (2..=4).contains(version))?;
    let count = usize::try_from(reader.u32()?).ok()?;
    // The smallest entry has 62 bytes and a NUL: a count that the file cannot hold reserves no memory.
    let mut entries = Vec::with_capacity(count.min(file.len() / 63));
    let mut paths = Vec::with_capacity(file.len() / 2);
    let mut previous = 0..0;
    for _ in 0..count {
        let entry = reader.entry(version, &mut paths, previous)?;
        previous = entry.path.clone();
        entries.push(entry);
    }
    while !reader.rest.is_empty() {
        // An extension whose name starts with a capital may be passed over.
        if !reader.take(4)?.first()?.is_ascii_uppercase() {
            return None;
        }
        let length = usize::try_from(reader.u32()?).ok()?;
        reader.take(length)?;
    }
    Some((paths, entries))
}

/// The part of the file that is still to be read.
struct Reader<'a> {
    rest: &'a [u8],
    ids: IdKind,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u32::from_be_bytes(*bytes))
    }

    fn u16(&mut self) -> Option<u16> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u16::from_be_bytes(*bytes))
    }

    fn entry(&mut self, version: u32, paths: &mut Vec<u8>, previous: std::ops::Range<usize>) -> Option<IndexEntry> {
        let before = self.rest.len();
        let changed = (self.u32()?, self.u32()?);
        let modified = (self.u32()?, self.u32()?);
        let (_device, inode, mode) = (self.u32()?, self.u32()?, self.u32()?);
        let (_user, _group, size) = (self.u32()?, self.u32()?, self.u32()?);
        let id = ObjectId::from_bytes(self.take(self.ids.length())?);
        let flags = self.u16()?;
        let extended = if flags & EXTENDED == 0 { 0 } else { self.u16()? };
        let start = paths.len();
        if version == 4 {
            // What the path shares with the one before, less some bytes at its end, and then its own.
            let dropped = self.offset()?;
            let shared = previous.start..previous.end.checked_sub(dropped).filter(|end| *end >= previous.start)?;
            paths.extend_from_within(shared);
            paths.extend_from_slice(self.text()?);
        } else {
            let length = usize::from(flags & NAME_LENGTH);
            if length < usize::from(NAME_LENGTH) {
                paths.extend_from_slice(self.take(length)?);
            } else {
                let length = memchr::memchr(0, self.rest)?;
                paths.extend_from_slice(self.take(length)?);
            }
            // One to eight NULs bring the entry to a multiple of eight bytes.
            let read = before - self.rest.len();
            self.take(8 - read % 8)?;
        }
        let path = start..paths.len();
        let settled = flags & STAGE == 0 && extended & INTENT_TO_ADD == 0;
        let skipped = extended & SKIP_WORKTREE != 0;
        let seen = Stat { size, modified, changed, inode };
        (path.len() <= MAX_PATH).then_some(IndexEntry { path, mode, settled, skipped, id, stat: Some(seen) })
    }

    /// A number in the variable-length form that packs use for offsets.
    fn offset(&mut self) -> Option<usize> {
        let mut value: usize = 0;
        loop {
            let byte = *self.take(1)?.first()?;
            value = value.checked_mul(128)?.checked_add(usize::from(byte & 0x7f))?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
            value = value.checked_add(1)?;
        }
    }

    /// The bytes up to a NUL, which is passed over.
    fn text(&mut self) -> Option<&'a [u8]> {
        let text = self.take(memchr::memchr(0, self.rest)?)?;
        self.take(1)?;
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_repository::TestRepository;
    use super::*;

    /// The entries of the index as `git ls-files --stage` shows them.
    fn shown(file: &[u8], ids: IdKind) -> Option<Vec<u8>> {
        let (paths, entries) = parse(file, ids)?;
        let lines = entries.iter().map(|entry| {
            let stage = if entry.settled { "0" } else { "?" };
            let head = format!("{:06o} {} {stage}\t", entry.mode, entry.id);
            [head.as_bytes(), &paths[entry.path.clone()], b"\0"].concat()
        });
        Some(lines.collect::<Vec<_>>().concat())
    }

    fn with_files() -> TestRepository {
        with_files_of("sha1")
    }

    fn with_files_of(format: &str) -> TestRepository {
        let test = TestRepository::with_format(format);
        let long = "long/".repeat(900);
        for length in 1..20 {
            test.write(format!("dir/{}", "x".repeat(length)), "1");
        }
        test.write([b"not-utf8-\xff".as_slice()].concat(), "1");
        test.git(["add", "--all"]);
        let blob = test.line(["rev-parse", ":dir/x"]);
        test.git(["update-index", "--add", "--cacheinfo", &format!("100755,{blob},{long}file")]);
        test
    }

    #[test]
    fn every_version_has_the_entries_that_git_lists_for_both_kinds_of_ids() {
        for (format, ids) in [("sha1", IdKind::Sha1), ("sha256", IdKind::Sha256)] {
            let test = with_files_of(format);
            for version in ["2", "4"] {
                test.git(["update-index", "--index-version", version]);
                let file = std::fs::read(test.path(b".git/index")).unwrap();
                assert_eq!(file[7].to_string(), version);
                assert_eq!(shown(&file, ids), Some(test.git(["ls-files", "--stage", "-z"])));
            }
        }
    }

    #[test]
    fn flags_say_what_is_left_out_and_what_is_only_intended() {
        let test = with_files();
        test.write("intended", "1");
        test.git(["add", "--intent-to-add", "intended"]);
        test.git(["update-index", "--skip-worktree", "dir/x"]);
        let (paths, entries) = parse(&std::fs::read(test.path(b".git/index")).unwrap(), IdKind::Sha1).unwrap();
        let named = |chosen: fn(&IndexEntry) -> bool| -> Vec<&[u8]> {
            entries.iter().filter(|entry| chosen(entry)).map(|entry| &paths[entry.path.clone()]).collect()
        };
        assert_eq!(named(|entry| entry.skipped), [b"dir/x"]);
        assert_eq!(named(|entry| !entry.settled), [b"intended"]);
    }

    #[test]
    fn damaged_files_are_refused_and_never_a_panic() {
        let test = with_files();
        for version in ["2", "4"] {
            test.git(["update-index", "--index-version", version]);
            let file = std::fs::read(test.path(b".git/index")).unwrap();
            let entries_end = file.windows(4).position(|bytes| bytes == b"TREE").unwrap_or(file.len() - 20);
            for end in (0..entries_end).step_by(7) {
                assert!(parse(&file[..end], IdKind::Sha1).is_none(), "cut at {end}");
            }
            for at in 0..file.len() {
                let mut damaged = file.clone();
                damaged[at] ^= 0xff;
                let _ = parse(&damaged, IdKind::Sha1);
            }
        }
        assert!(parse(b"", IdKind::Sha1).is_none());
        assert!(parse(&[b"DIRC\0\0\0\x02\xff\xff\xff\xff".as_slice(), &[0; 200]].concat(), IdKind::Sha1).is_none());
    }
}
