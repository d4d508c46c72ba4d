//! Turns the text of a go.mod file into its directives. It resolves no version and opens no folder.
//!
//! The rules are those of `(*File).add` in `golang.org/x/mod/modfile/rule.go`.

use super::entries::{Blocks, Directive, Word, read};
use super::import_path::is_import_path;
use super::module_version::{ModuleVersion, VersionRule, check_major, read_version};
use super::problem::{Problem, Problems, quote};
use super::replace::{Replace, read_replace};
use super::text::text;

const BLOCK_VERBS: &[&str] = &["module", "godebug", "require", "exclude", "replace", "retract", "tool", "ignore"];

/// A go.mod file: whatever of it could be read, and what could not.
///
/// `retract` lines are checked and dropped: they change no build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoMod {
    /// The path of the module; never empty for a main module.
    pub module: Option<String>,
    /// The version of the `go` line (`1.21`, `1.21.3`, `1.21rc1`).
    pub go: Option<String>,
    /// The name of the `toolchain` line (`go1.21.3`, `default`).
    pub toolchain: Option<String>,
    /// The `require` lines, in file order, repeated ones too.
    pub requires: Vec<Require>,
    /// The `replace` lines, in file order, conflicting ones too.
    pub replaces: Vec<Replace>,
    /// The `exclude` lines, in file order.
    pub excludes: Vec<ModuleVersion>,
    /// The keys and values of the `godebug` lines, in file order.
    pub godebug: Vec<(String, String)>,
    /// The folders of the `ignore` lines, as written.
    pub ignores: Vec<String>,
    /// The package paths of the `tool` lines.
    pub tools: Vec<String>,
    /// What `go` would refuse. What it asks the network about (a version such as `v1` or `main`) is none.
    pub problems: Vec<Problem>,
}

/// `require path version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Require {
    /// The module and its least version.
    pub module: ModuleVersion,
    /// Whether the line has an `// indirect` comment.
    pub indirect: bool,
    /// The line of the directive, starting at 1.
    pub line: usize,
}

/// How a go.mod file is read, which depends on whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// Of the main module or a module of the workspace. Unknown directives are problems; versions stay as written,
    /// and may be queries (see [`is_canonical_version`](super::is_canonical_version)).
    MainModule,
    /// Of a dependency or a replaced folder. Only `go`, `module`, `require` and `ignore` count, everything else is
    /// passed over in silence; versions are made canonical, and it is a problem if they cannot be.
    Dependency,
}

impl GoMod {
    /// Reads a go.mod file, as far as it can be read.
    pub fn parse(bytes: &[u8], strictness: Strictness) -> Self {
        let mut file = Self::default();
        let mut problems = Problems::default();
        let blocks = Blocks { verbs: BLOCK_VERBS, refuse_others: strictness == Strictness::MainModule };
        read(bytes, blocks, &mut problems, |directive, problems| match strictness {
            Strictness::MainModule => file.add(directive, VersionRule::AnyQuery, problems),
            Strictness::Dependency => file.add_of_dependency(directive, problems),
        });
        file.problems = problems.into_vec();
        file
    }

    fn add_of_dependency(&mut self, directive: &Directive<'_>, problems: &mut Problems) {
        match directive.verb {
            b"go" => directive.set_once(&mut self.go, directive.go_version(true), problems),
            b"module" => directive.set_once(&mut self.module, directive.argument_text(), problems),
            b"require" | b"ignore" => self.add(directive, VersionRule::Canonical, problems),
            _ => {}
        }
    }

    fn add(&mut self, directive: &Directive<'_>, rule: VersionRule, problems: &mut Problems) {
        match directive.verb {
            b"go" => directive.set_once(&mut self.go, directive.go_version(false), problems),
            b"toolchain" => directive.set_once(&mut self.toolchain, directive.toolchain(), problems),
            b"module" => {
                directive.set_once(&mut self.module, main_module_path(directive, problems), problems);
            }
            b"godebug" => self.godebug.extend(problems.take(directive.godebug())),
            b"require" => self.requires.extend(require(directive, rule, problems)),
            b"exclude" => self.excludes.extend(module_version(directive, rule, problems)),
            b"replace" => self.replaces.extend(read_replace(directive, rule, problems)),
            b"retract" => {
                problems.take(check_retract(directive));
            }
            b"tool" => self.tools.extend(problems.take(directive.argument_text())),
            b"ignore" => self.ignores.extend(problems.take(directive.argument_text())),
            unknown => problems.push(directive.problem(format!(
                "unknown directive {}; go.mod has go, toolchain, {}",
                quote(unknown),
                BLOCK_VERBS.join(", ")
            ))),
        }
    }
}

/// The path of a main module, which must be one that can be imported.
fn main_module_path(directive: &Directive<'_>, problems: &mut Problems) -> Result<String, Problem> {
    let path = directive.argument_text()?;
    if path.is_empty() {
        return Err(directive.problem("the module path is empty; write one like example.com/module"));
    }
    if matches!(path.as_str(), "go" | "toolchain") || !is_import_path(&path) {
        let message =
            format!("{} cannot be the path of a module; write one like example.com/module", quote(path.as_bytes()));
        problems.push(directive.problem(message));
    }
    Ok(path)
}

fn require(directive: &Directive<'_>, rule: VersionRule, problems: &mut Problems) -> Option<Require> {
    let module = module_version(directive, rule, problems)?;
    Some(Require { module, indirect: is_indirect(directive.comment), line: directive.at.line })
}

fn module_version(directive: &Directive<'_>, rule: VersionRule, problems: &mut Problems) -> Option<ModuleVersion> {
    let [path_word, version_word] = directive.arguments else {
        let verb = String::from_utf8_lossy(directive.verb);
        problems.push(directive.problem(format!("write `{verb} module/path v1.2.3`")));
        return None;
    };
    let path = problems.take(text(path_word))?;
    let version = read_version(version_word, rule, problems)?;
    check_major(&path, Some(&version), path_word.at, problems);
    Some(ModuleVersion { path, version })
}

/// Whether a comment is `indirect`, alone or before other remarks (`indirect; …`).
fn is_indirect(comment: &[u8]) -> bool {
    let comment = String::from_utf8_lossy(comment);
    let mut fields = comment.split_whitespace();
    match (fields.next(), fields.next()) {
        (Some(only), None) => only == "indirect",
        (Some(first), Some(_)) => first == "indirect;",
        (None, _) => false,
    }
}

/// Checks the shape of a `retract` line: one version, or two in brackets.
fn check_retract(directive: &Directive<'_>) -> Result<(), Problem> {
    let is_mark = |word: &Word<'_>, mark: &[u8]| word.bytes == mark;
    let versions: &[&Word<'_>] = match directive.arguments {
        [version] if !is_mark(version, b"(") && !is_mark(version, b"[") => &[version],
        [open, low, comma, high, close] if is_mark(open, b"[") && is_mark(comma, b",") && is_mark(close, b"]") => {
            &[low, high]
        }
        _ => return Err(directive.problem("write `retract v1.2.3` or `retract [v1.2.3, v1.4.5]`")),
    };
    versions.iter().try_for_each(|version| text(version).map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_problems(input: &str, strictness: Strictness, expected: &[&str]) -> GoMod {
        let file = GoMod::parse(input.as_bytes(), strictness);
        let problems: Vec<_> = file.problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems, expected);
        file
    }

    const FULL: &str = r#"// Deprecated: no.
module ex.io/m // the module

go 1.21.3
toolchain go1.22.0
godebug panicnil=1
godebug (
	default=go1.21
)
require ex.io/q v1.2.3//indirect
require (
	"ex.io/r/v2" v2.0.0-20200101000000-0123456789ab // indirect; why
	ex.io/s `v1` // indirect why

	// indirect
	ex.io/t v3.0.0+incompatible // indirect;
)
exclude ex.io/q v1.0.0
replace ex.io/q => ../q
retract (
	v1.0.0 // bad
	[v1.1.0, v1.2.0]
)
tool ex.io/t/cmd/x
ignore ./node_modules
"#;

    #[test]
    fn every_directive_is_read() {
        let file = check_problems(FULL, Strictness::MainModule, &[]);
        assert_eq!(file.module.as_deref(), Some("ex.io/m"));
        assert_eq!(file.go.as_deref(), Some("1.21.3"));
        assert_eq!(file.toolchain.as_deref(), Some("go1.22.0"));
        let requires: Vec<_> = file.requires.iter().map(|r| (r.module.to_string(), r.indirect, r.line)).collect();
        let expected = [
            ("ex.io/q@v1.2.3", true, 10),
            ("ex.io/r/v2@v2.0.0-20200101000000-0123456789ab", true, 12),
            ("ex.io/s@v1", false, 13),
            ("ex.io/t@v3.0.0+incompatible", false, 16),
        ];
        assert_eq!(requires, expected.map(|(module, indirect, line)| (module.to_owned(), indirect, line)));
        assert_eq!(file.excludes.len(), 1);
        assert_eq!((file.replaces.len(), file.replaces[0].line), (1, 19));
        let godebug = [("panicnil", "1"), ("default", "go1.21")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(file.godebug, godebug);
        assert_eq!(
            (file.tools.as_slice(), file.ignores.as_slice()),
            (&["ex.io/t/cmd/x".to_owned()][..], &["./node_modules".to_owned()][..])
        );
    }

    #[test]
    fn a_dependency_keeps_only_what_concerns_others() {
        let file = check_problems(FULL, Strictness::Dependency, &[]);
        assert_eq!((file.requires.len(), file.ignores.len()), (4, 1));
        assert_eq!(file.requires[2].module.version, "v1.0.0");
        assert_eq!((file.toolchain, file.replaces, file.excludes), (None, vec![], vec![]));
        assert_eq!((file.godebug, file.tools), (vec![], vec![]));
    }

    #[test]
    fn unknown_directives_are_problems_of_main_modules_only() {
        let input = "module m\nfoo \"\\q\"\nbar (\n\tx\n)\ngo (\n1.20\n)\nretract ]\n";
        let verbs = "module, godebug, require, exclude, replace, retract, tool, ignore";
        let expected = [
            &format!("2:1: unknown directive `foo`; go.mod has go, toolchain, {verbs}"),
            &format!("3:1: unknown block `bar`; there are blocks of {verbs}"),
            &format!("6:1: unknown block `go`; there are blocks of {verbs}"),
        ];
        check_problems(input, Strictness::MainModule, &expected.map(String::as_str));
        let file = check_problems(input, Strictness::Dependency, &[]);
        assert_eq!((file.module.as_deref(), file.go), (Some("m"), None));
    }

    #[test]
    fn go_lines_of_dependencies_are_read_laxly() {
        let file = check_problems("go v1.30-next", Strictness::Dependency, &[]);
        assert_eq!(file.go.as_deref(), Some("1.30"));
        let expected = ["1:4: go version `v1.30-next` is not of the form 1.23.0"];
        assert_eq!(check_problems("go v1.30-next", Strictness::MainModule, &expected).go, None);
    }

    #[test]
    fn repeated_lines_are_problems_and_the_first_counts() {
        let expected =
            ["2:1: repeated `module` line; remove one of them", "4:1: repeated `go` line; remove one of them"];
        let file = check_problems("module a\nmodule b\ngo 1.20\ngo 1.21\n", Strictness::MainModule, &expected);
        assert_eq!((file.module.as_deref(), file.go.as_deref()), (Some("a"), Some("1.20")));
    }

    #[test]
    fn what_surrounds_an_error_is_still_read() {
        let input = "\u{feff}module ex.io/m\nrequire (\n\ta v1.0.0 /* x */\n\tb\n\tc \"v1.0.0\n\td v1.0.0\n";
        let expected = [
            "1:1: character `\\u{feff}` is not allowed here; remove it",
            "3:11: comments are written with //, not with /* */",
            "4:2: write `require module/path v1.2.3`",
            "5:11: the string has no end on its line; close its quotes",
            "7:1: the block that starts at 2:1 has no end; add a line with )",
        ];
        let file = check_problems(input, Strictness::MainModule, &expected);
        assert_eq!(file.module.as_deref(), Some("ex.io/m"));
        let requires: Vec<_> = file.requires.iter().map(|r| r.module.path.as_str()).collect();
        assert_eq!(requires, ["a", "d"]);
    }

    #[test]
    fn module_paths_must_be_importable() {
        let expected = ["1:1: `../m` cannot be the path of a module; write one like example.com/module"];
        let file = check_problems("module ../m", Strictness::MainModule, &expected);
        assert_eq!(file.module.as_deref(), Some("../m"));
        check_problems("module ../m", Strictness::Dependency, &[]);
        let expected = ["1:1: the module path is empty; write one like example.com/module"];
        assert_eq!(check_problems("module \"\"", Strictness::MainModule, &expected).module, None);
    }

    #[test]
    fn line_endings_do_not_matter() {
        let unix = GoMod::parse(FULL.as_bytes(), Strictness::MainModule);
        let dos = GoMod::parse(FULL.replace('\n', "\r\n").as_bytes(), Strictness::MainModule);
        assert_eq!(unix, dos);
    }
}
