//! Turns the text of go.sum and go.work.sum into hashes by module. It verifies nothing.
//!
//! The rules are those of `readGoSum` in `cmd/go/internal/modfetch`.

use std::collections::{BTreeMap, BTreeSet};

use super::module_version::ModuleVersion;
use super::problem::{Position, Problem, Problems};

/// The hash of an empty go.mod, which an old release wrote by mistake and every later one passes over.
const EMPTY_GO_MOD: &str = "h1:G7mAYYxgmS0lVkHyy2hEOLQCFB0DlQFTMLWggykrydY=";

/// A go.sum or go.work.sum file. A module has more than one hash only if lines contradict each other or use several
/// algorithms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoSum {
    /// The hashes of the modules' files (`h1:…`), which stand for their content.
    pub modules: BTreeMap<ModuleVersion, BTreeSet<String>>,
    /// The hashes of the modules' go.mod files.
    pub go_mods: BTreeMap<ModuleVersion, BTreeSet<String>>,
    /// Malformed lines; `go build` refuses a file that has one.
    pub problems: Vec<Problem>,
}

impl GoSum {
    /// Reads a go.sum file, passing over malformed lines.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut file = Self::default();
        let mut problems = Problems::default();
        for (line, number) in bytes.split(|byte| *byte == b'\n').zip(1..) {
            file.line(&String::from_utf8_lossy(line), Position::start_of_line(number), &mut problems);
        }
        file.problems = problems.into_vec();
        file
    }

    fn line(&mut self, line: &str, at: Position, problems: &mut Problems) {
        let mut fields = line.split_whitespace();
        let (path, version, hash) = match (fields.next(), fields.next(), fields.next(), fields.next()) {
            (None, ..) | (_, _, Some(EMPTY_GO_MOD), None) => return,
            (Some(path), Some(version), Some(hash), None) => (path, version, hash),
            _ => {
                problems.report(at, "a line has a module path, a version and a hash; run go mod tidy to mend it");
                return;
            }
        };
        let (version, hashes) = match version.strip_suffix("/go.mod") {
            Some(version) => (version, &mut self.go_mods),
            None => (version, &mut self.modules),
        };
        let module = ModuleVersion { path: path.to_owned(), version: version.to_owned() };
        hashes.entry(module).or_default().insert(hash.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(hashes: &BTreeMap<ModuleVersion, BTreeSet<String>>) -> Vec<String> {
        let show = |(module, hashes): (&ModuleVersion, &BTreeSet<String>)| {
            format!("{module} {}", hashes.iter().map(String::as_str).collect::<Vec<_>>().join(" "))
        };
        hashes.iter().map(show).collect()
    }

    #[test]
    fn lines_are_hashes_of_modules_and_of_their_go_mod_files() {
        let file = GoSum::parse(
            b"ex.io/b v1.0.0 h1:bb=\nex.io/b v1.0.0/go.mod h1:bm=\r\n\n  ex.io/a\tv1.0.0  h1:aa=\nex.io/a v1.0.0 h1:a2=\n",
        );
        assert_eq!(show(&file.modules), ["ex.io/a@v1.0.0 h1:a2= h1:aa=", "ex.io/b@v1.0.0 h1:bb="]);
        assert_eq!(show(&file.go_mods), ["ex.io/b@v1.0.0 h1:bm="]);
        assert_eq!(file.problems, []);
    }

    #[test]
    fn malformed_lines_are_reported_and_passed_over() {
        let file = GoSum::parse(b"a v1.0.0\na v1.0.0 h1:a= x\n<<<<<<< HEAD\nb v1.0.0 h1:b=");
        assert_eq!(show(&file.modules), ["b@v1.0.0 h1:b="]);
        assert_eq!(file.problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn the_hash_of_an_empty_go_mod_does_not_count() {
        let file = GoSum::parse(format!("a v1.0.0/go.mod {EMPTY_GO_MOD}\n").as_bytes());
        assert_eq!(file, GoSum::default());
    }
}
