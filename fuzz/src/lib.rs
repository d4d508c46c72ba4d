//! What the fuzz targets share: where to cut an input, and what to say of a tag. All of it follows from the bytes of the
//! input alone, so that every file is an input and a finding can be repeated.

use buildplan::go::source::Tri;

/// A hash of some bytes (FNV-1a): a number that the fuzzer can change with any byte.
pub fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A place in the input: anywhere, the end included.
pub fn cut(bytes: &[u8]) -> usize {
    usize::try_from(hash(bytes) % (bytes.len() as u64 + 1)).unwrap_or_default()
}

/// A place in the input where a line starts.
pub fn cut_at_line(bytes: &[u8]) -> usize {
    let cut = cut(bytes);
    bytes[..cut].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1)
}

/// How many lines the bytes have, counted as editors do: one more than newlines.
pub fn lines(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count()
}

/// What one build says of a tag. No tag is unknown.
pub fn decided(build: u64, tag: &str) -> Tri {
    Tri::from(hash(&[tag.as_bytes(), &build.to_le_bytes()].concat()) & 16 == 0)
}

/// The same, where half of the tags are not known yet.
pub fn partly(build: u64, tag: &str) -> Tri {
    let known = hash(&[&build.to_le_bytes(), tag.as_bytes()].concat()) & 16 == 0;
    if known { decided(build, tag) } else { Tri::Unknown }
}

/// Asserts that what was said of unknown tags covers what comes out once they are known.
#[track_caller]
pub fn assert_refines(eval: &dyn Fn(&dyn Fn(&str) -> Tri) -> Tri) {
    let all_unknown = eval(&|_| Tri::Unknown);
    for build in 0..4 {
        let (open, certain) = (eval(&|tag| partly(build, tag)), eval(&|tag| decided(build, tag)));
        assert!(open == Tri::Unknown || open == certain, "{open:?} became {certain:?}");
        assert!(all_unknown == Tri::Unknown || all_unknown == open, "{all_unknown:?} became {open:?}");
    }
}
