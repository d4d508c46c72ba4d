//! No input makes a parser panic, hang or blow up.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

const SEEDS: &[&str] = &[
    "module ex.io/m // c\n\ngo 1.21\nrequire (\n\t\"ex.io/a\" v1.2.3 // indirect\n\tb/v2 v2.1.0\n)\nreplace a v1.0.0 => ../a\n\
     replace (\n\tb => c/v2 v2.0.0\n)\nretract [v1.0.0, v1.1.0]\ngodebug a=b\ntool t\nignore ./i\nexclude q v1.0.0\n",
    "go 1.22\ntoolchain go1.22.0\nuse (\n\t./a\n\t\"\\x41\\u00e4\"\n)\nuse .\nreplace gopkg.in/x.v1 v0.0.0-2 => ./x\n",
    "## workspace\n# a v1.0.0 => ./a\n## explicit; go 1.20\na/b\n# c => d v1.0.0\n",
    "a v1.0.0 h1:x=\na v1.0.0/go.mod h1:y=\n",
];

/// Bytes that mean something to one of the formats.
const SPICE: &[&[u8]] = &[
    b"(",
    b")",
    b"\n",
    b"\r\n",
    b" ",
    b"\"",
    b"`",
    b"'",
    b"\\",
    b"//",
    b"/*",
    b"=>",
    b"# ",
    b"## ",
    b",",
    b"[",
    b"]",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xe2\x80",
    b"v",
    b".",
    b"-",
    b"+",
    b"go",
    b"require",
    b"\\x",
    b"\\u",
    b"99999999999",
];

fn parse_all(bytes: &[u8]) -> usize {
    let main = GoMod::parse(bytes, Strictness::MainModule);
    let dependency = GoMod::parse(bytes, Strictness::Dependency);
    let text = String::from_utf8_lossy(bytes);
    for word in text.split_whitespace().take(100) {
        let _ = semver::compare(word, "v1.0.0");
        let _ = (semver::major(word), canonical_version(word), go_version::minor(word), is_import_path(word));
    }
    let problems = [main.problems, dependency.problems, GoWork::parse(bytes).problems];
    let others = [ModulesTxt::parse(bytes).problems, GoSum::parse(bytes).problems];
    problems.iter().chain(&others).flatten().map(|problem| problem.to_string().len()).max().unwrap_or(0)
}

/// A valid file with a few random edits.
pub(super) fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), 0..6_usize, prop::sample::select(SPICE));
    (prop::sample::select(SEEDS), prop::collection::vec(edit, 0..12)).prop_map(|(seed, edits)| {
        let mut bytes = seed.as_bytes().to_vec();
        for (place, removed, added) in edits {
            let start = place.index(bytes.len() + 1);
            let end = (start + removed).min(bytes.len());
            bytes.splice(start..end, added.iter().copied());
        }
        bytes
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        parse_all(&bytes);
    }

    #[test]
    fn mutated_files_are_read_and_messages_stay_short(bytes in mutated()) {
        prop_assert!(parse_all(&bytes) < 1000);
    }

    /// An unknown place cannot be shown to anyone.
    #[test]
    fn problems_lie_within_the_file(bytes in mutated()) {
        let lines = bytes.split(|byte| *byte == b'\n').count();
        for problem in GoMod::parse(&bytes, Strictness::MainModule).problems {
            prop_assert!((1..=lines).contains(&problem.line) && (1..=bytes.len() + 1).contains(&problem.column));
        }
    }
}

/// Each takes milliseconds; anything quadratic would take minutes.
#[test]
fn long_files_take_linear_time() {
    let start = Instant::now();
    for pattern in [
        "(",
        "require (\n",
        "\"a",
        "a/*\n",
        "//",
        "\u{a0}",
        "é",
        "\\",
        "a (",
        "retract [",
        "# a v1 => b\n",
        "a b c\n",
        ")\n",
    ] {
        parse_all(pattern.repeat(200_000 / pattern.len()).as_bytes());
    }
    parse_all(format!("go {}", "9".repeat(200_000)).as_bytes());
    parse_all(format!("require a v{}", "1.".repeat(100_000)).as_bytes());
    assert!(start.elapsed() < Duration::from_mins(1), "took {:?}", start.elapsed());
}
