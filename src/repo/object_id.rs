//! Turns Git's object names into a small copyable value. It never computes one: hashing is `git`'s business.

use std::fmt;

/// The id of a blob, tree or commit: 20 bytes (SHA-1) or 32 bytes (SHA-256).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    bytes: [u8; 32],
    length: u8,
}

impl ObjectId {
    /// An id from its raw bytes; anything past 32 bytes is not a Git object id and is cut off.
    pub fn from_bytes(raw: &[u8]) -> Self {
        let length = raw.len().min(32);
        let mut bytes = [0; 32];
        bytes[..length].copy_from_slice(&raw[..length]);
        #[expect(clippy::cast_possible_truncation, reason = "the length is at most 32")]
        Self { bytes, length: length as u8 }
    }

    /// Whether a text is a whole id: 40 or 64 hexadecimal digits.
    pub fn is_text(text: &str) -> bool {
        matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
