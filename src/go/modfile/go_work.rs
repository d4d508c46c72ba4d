//! Turns the text of a go.work file into its directives. Whether the folders that it uses exist is not asked here.
//!
//! The rules are those of `ParseWork` in `golang.org/x/mod/modfile/work.go`.

use super::entries::{Blocks, Directive, read};
use super::module_version::VersionRule;
use super::problem::{Problem, Problems, quote};
use super::replace::{Replace, read_replace};
use super::text::text;

const BLOCK_VERBS: &[&str] = &["godebug", "use", "replace"];

/// A go.work file: whatever of it could be read, and what could not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoWork {
    /// The version of the `go` line.
    pub go: Option<String>,
    /// The name of the `toolchain` line (`go1.21.3`, `default`).
    pub toolchain: Option<String>,
    /// The keys and values of the `godebug` lines, in file order.
    pub godebug: Vec<(String, String)>,
    /// The `use` lines, in file order, repeated ones too.
    pub uses: Vec<Use>,
    /// The `replace` lines, in file order, conflicting ones too. Versions are canonical.
    pub replaces: Vec<Replace>,
    /// What `go` would refuse.
    pub problems: Vec<Problem>,
}

/// `use folder`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The folder as written: relative to the folder of go.work (with or without `./`), or absolute.
    pub path: String,
    /// The line of the folder, starting at 1.
    pub line: usize,
    /// Its column, in characters, starting at 1.
    pub column: usize,
}

impl GoWork {
    /// Reads a go.work file, as far as it can be read.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut file = Self::default();
        let mut problems = Problems::default();
        let blocks = Blocks { verbs: BLOCK_VERBS, refuse_others: true };
        read(bytes, blocks, &mut problems, |directive, problems| file.add(directive, problems));
        file.problems = problems.into_vec();
        file
    }

    fn add(&mut self, directive: &Directive<'_>, problems: &mut Problems) {
        match directive.verb {
            b"go" => directive.set_once(&mut self.go, directive.go_version(false), problems),
            b"toolchain" => directive.set_once(&mut self.toolchain, directive.toolchain(), problems),
            b"godebug" => self.godebug.extend(problems.take(directive.godebug())),
            b"use" => {
                let path = directive.argument().and_then(|word| Ok((text(word)?, word.at)));
                let used = problems.take(path);
                self.uses.extend(used.map(|(path, at)| Use { path, line: at.line, column: at.column }));
            }
            b"replace" => self.replaces.extend(read_replace(directive, VersionRule::Canonical, problems)),
            unknown => problems.push(directive.problem(format!(
                "unknown directive {}; go.work has go, toolchain, {}",
                quote(unknown),
                BLOCK_VERBS.join(", ")
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::replace::ReplaceTarget;
    use super::*;

    #[track_caller]
    fn check(input: &str, expected_uses: &[(&str, usize)], expected_problems: &[&str]) -> GoWork {
        let file = GoWork::parse(input.as_bytes());
        let uses: Vec<_> = file.uses.iter().map(|used| (used.path.as_str(), used.line)).collect();
        let problems: Vec<_> = file.problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            (uses.as_slice(), problems),
            (expected_uses, expected_problems.iter().map(ToString::to_string).collect())
        );
        file
    }

    #[test]
    fn every_directive_is_read() {
        let input = "go 1.22\ntoolchain go1.22.1\ngodebug a=b\nuse .\nuse (\n\t./a // c\n\t\"b c/\"\n)\n\
                     replace x v1 => ./x\nreplace y => z v1.2.3\n";
        let file = check(input, &[(".", 4), ("./a", 6), ("b c/", 7)], &[]);
        assert_eq!((file.go.as_deref(), file.toolchain.as_deref()), (Some("1.22"), Some("go1.22.1")));
        assert_eq!(file.godebug, [("a".to_owned(), "b".to_owned())]);
        assert_eq!(file.replaces[0].version.as_deref(), Some("v1.0.0"));
        assert_eq!(file.replaces[0].target, ReplaceTarget::Folder("./x".to_owned()));
        assert_eq!(file.replaces[1].line, 10);
        assert_eq!(file.uses.iter().map(|used| used.column).collect::<Vec<_>>(), [5, 2, 2]);
    }

    #[test]
    fn directives_of_go_mod_are_problems() {
        let verbs = "godebug, use, replace";
        let expected = [
            &format!("1:1: unknown directive `require`; go.work has go, toolchain, {verbs}"),
            &format!("2:1: unknown block `require`; there are blocks of {verbs}"),
        ];
        check("require a v1.0.0\nrequire (\n\ta v1.0.0\n)\nuse ./a\n", &[("./a", 5)], &expected.map(String::as_str));
    }

    #[test]
    fn use_takes_one_folder() {
        check(
            "use . ./x\nuse\nuse ./y\n",
            &[("./y", 3)],
            &["1:1: `use` takes exactly one argument, not 2", "2:1: `use` takes exactly one argument, not 0"],
        );
        check(
            "use 'a'\nuse `b`\n",
            &[("b", 2)],
            &["1:5: `\\'a\\'` has a quote inside; put the whole word in double quotes"],
        );
    }
}
