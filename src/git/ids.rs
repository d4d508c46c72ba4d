//! Turns bytes into object ids, as the repository computes them, and text into ids. Nothing is stored.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use git2::{ObjectType, Oid};
use sha2::{Digest, Sha256};

use crate::repo::ObjectId;

/// The hash function of a repository's object ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdKind {
    Sha1,
    Sha256,
}

impl IdKind {
    /// The length of an id in bytes.
    pub(super) fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// The id of a blob with this content.
    pub(super) fn blob(self, content: &[u8]) -> io::Result<ObjectId> {
        match self {
            Self::Sha1 => Oid::hash_object(ObjectType::Blob, content).map(object_id).map_err(io::Error::other),
            Self::Sha256 => Ok(sha256("blob", content)),
        }
    }

    /// The id of a tree with this content.
    pub(super) fn tree(self, content: &[u8]) -> Option<ObjectId> {
        match self {
            Self::Sha1 => Oid::hash_object(ObjectType::Tree, content).ok().map(object_id),
            Self::Sha256 => Some(sha256("tree", content)),
        }
    }

    /// The id of a blob with the content of a file, without holding all of it in memory.
    pub(super) fn file(self, file: &Path) -> io::Result<ObjectId> {
        match self {
            Self::Sha1 => Oid::hash_file(ObjectType::Blob, file).map(object_id).map_err(io::Error::other),
            Self::Sha256 => {
                let mut file = File::open(file)?;
                let length = file.metadata()?.len();
                let mut hash = Sha256::new_with_prefix(format!("blob {length}\0"));
                // What is appended meanwhile is not what the length says.
                let copied = io::copy(&mut Read::by_ref(&mut file).take(length), &mut hash)?;
                if copied != length {
                    return Err(io::Error::other("it was cut off meanwhile"));
                }
                Ok(ObjectId::from_bytes(&hash.finalize()))
            }
        }
    }
}

fn sha256(kind: &str, content: &[u8]) -> ObjectId {
    let mut hash = Sha256::new_with_prefix(format!("{kind} {}\0", content.len()));
    hash.update(content);
    ObjectId::from_bytes(&hash.finalize())
}

/// A libgit2 id as ours.
pub(super) fn object_id(id: Oid) -> ObjectId {
    ObjectId::from_bytes(id.as_bytes())
}

/// An id from its hexadecimal digits, all of them.
pub(super) fn parse_id(text: &str) -> Option<ObjectId> {
    let digits = text.as_bytes();
    if !matches!(digits.len(), 40 | 64) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes: Option<Vec<u8>> =
        digits.as_chunks::<2>().0.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    bytes.map(|bytes| ObjectId::from_bytes(&bytes))
}

#[cfg(test)]
mod tests {
    use super::super::test_repository::TestRepository;
    use super::*;

    #[test]
    fn ids_are_those_that_git_computes() {
        for (format, kind) in [("sha1", IdKind::Sha1), ("sha256", IdKind::Sha256)] {
            let test = TestRepository::with_format(format);
            test.write("file", "content\n");
            test.git(["add", "file"]);
            let (blob, tree) = (test.line(["rev-parse", ":file"]), test.line(["write-tree"]));
            assert_eq!(kind.blob(b"content\n").unwrap().to_string(), blob);
            assert_eq!(kind.file(&test.path(b"file")).unwrap().to_string(), blob);
            let id = parse_id(&blob).unwrap();
            assert_eq!(id.as_bytes().len(), kind.length());
            let content = [b"100644 file\0", id.as_bytes()].concat();
            assert_eq!(kind.tree(&content).unwrap().to_string(), tree);
        }
    }

    #[test]
    fn only_full_ids_are_parsed() {
        let id = "0123456789abcdef0123456789ABCDEF01234567";
        assert_eq!(parse_id(id).unwrap().to_string(), id.to_lowercase());
        for text in ["", "0123", &"g".repeat(40), &"é".repeat(20), &"+".repeat(64)] {
            assert_eq!(parse_id(text), None, "{text}");
        }
    }
}
