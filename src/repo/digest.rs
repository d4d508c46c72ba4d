//! Turns fields into a blake3 digest that no other sequence of fields has: every digest has a domain, every field a
//! length. It never hashes a file name or a number in a way that depends on the machine.

use std::fmt;

/// A blake3 digest: 32 bytes, shown as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether a text is one of 32 bytes as it is shown: 64 small hexadecimal digits.
    pub fn is_text(text: &str) -> bool {
        text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    }

    /// The digest of one run of bytes within a domain.
    pub fn of(domain: &'static str, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(domain);
        hasher.field(bytes);
        hasher.finish()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Collects the fields of one [`Digest`].
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// Starts a digest; two domains never give the same digest for the same fields.
    pub fn new(domain: &'static str) -> Self {
        let mut hasher = Self(blake3::Hasher::new());
        hasher.field(domain.as_bytes());
        hasher
    }

    /// Adds bytes, with their length in front.
    pub fn field(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// Adds the number of fields that follow, so that a list cannot run into its neighbour.
    pub fn count(&mut self, count: usize) -> &mut Self {
        self.0.update(&(count as u64).to_le_bytes());
        self
    }

    /// The digest of all that was added.
    pub fn finish(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_cannot_run_into_each_other() {
        let digest = |domain: &'static str, fields: &[&str]| {
            let mut hasher = Hasher::new(domain);
            for field in fields {
                hasher.field(field.as_bytes());
            }
            hasher.finish()
        };
        assert_ne!(digest("d", &["ab", "c"]), digest("d", &["a", "bc"]));
        assert_ne!(digest("d", &["a"]), digest("e", &["a"]));
        assert_ne!(digest("d", &["a"]), digest("d", &["a", ""]));
    }
}
