//! `replace` directives, which go.mod and go.work share, by the rules of `parseReplace` in
//! `golang.org/x/mod/modfile/rule.go`. Whether a folder exists is not asked here.

use super::entries::{Directive, Word};
use super::module_version::{ModuleVersion, VersionRule, check_major, read_version};
use super::problem::{Problem, Problems, quote};
use super::text::text;

/// `replace path [version] => target`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replace {
    /// The module that is replaced.
    pub path: String,
    /// The only version that is replaced; `None` for every version without a `replace` of its own.
    pub version: Option<String>,
    /// What stands in its place.
    pub target: ReplaceTarget,
    /// The line of the directive, starting at 1.
    pub line: usize,
}

impl Replace {
    /// The folder that stands in the module's place, as written; `None` if another module does.
    pub fn folder(&self) -> Option<&str> {
        match &self.target {
            ReplaceTarget::Folder(folder) => Some(folder),
            ReplaceTarget::Module(_) => None,
        }
    }
}

/// What stands in the place of a module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReplaceTarget {
    /// A folder as written, relative to the folder of the file that says so. It may also be absolute (`/x`, `C:/x`).
    Folder(String),
    /// Another module, or another version of the same.
    Module(ModuleVersion),
}

/// Whether the target of a `replace` is a folder and not a module path: it starts with `./`, `../` or `/` (or with
/// those as Windows writes them), is `.` or `..`, or names a Windows drive.
pub fn is_folder_target(text: &str) -> bool {
    let is_drive = matches!(text.as_bytes(), [drive, b':', ..] if drive.is_ascii_alphabetic());
    matches!(text, "." | "..")
        || is_drive
        || ["./", "../", "/", ".\\", "..\\", "\\"].iter().any(|prefix| text.starts_with(prefix))
}

pub(super) fn read_replace(directive: &Directive<'_>, rule: VersionRule, problems: &mut Problems) -> Option<Replace> {
    let sides = sides(directive);
    let (old, old_version, target) = problems.take(sides)?;
    let path = problems.take(text(old))?;
    let version = match old_version {
        Some(word) => Some(read_version(word, rule, problems)?),
        None => None,
    };
    check_major(&path, version.as_deref(), old.at, problems);
    let target = match target {
        [folder] => folder_target(folder, problems)?,
        [module, version] => module_target(module, version, rule, problems)?,
        _ => return None,
    };
    Some(Replace { path, version, target, line: directive.at.line })
}

type Sides<'a> = (&'a Word<'a>, Option<&'a Word<'a>>, &'a [Word<'a>]);

/// The words before and after the arrow, which must be a word of its own.
fn sides<'a>(directive: &'a Directive<'a>) -> Result<Sides<'a>, Problem> {
    let usage = || directive.problem("write `replace module [v1.2.3] => other/module v1.4.0` or `… => ../folder`");
    let is_arrow = |word: &Word<'_>| word.bytes == b"=>";
    let (old, version, target) = match directive.arguments {
        [old, arrow, target @ ..] if is_arrow(arrow) => (old, None, target),
        [old, version, arrow, target @ ..] if is_arrow(arrow) => (old, Some(version), target),
        _ => return Err(usage()),
    };
    if matches!(target.len(), 1 | 2) { Ok((old, version, target)) } else { Err(usage()) }
}

fn folder_target(word: &Word<'_>, problems: &mut Problems) -> Option<ReplaceTarget> {
    let folder = problems.take(text(word))?;
    let shown = quote(word.bytes);
    if !is_folder_target(&folder) {
        let message = if folder.contains('@') {
            format!("write the replacement {shown} as `path version`, not as `path@version`")
        } else {
            format!("replacement {shown} needs a version, or ./ or ../ in front if it is a folder")
        };
        problems.report(word.at, message);
        return None;
    }
    if folder.contains('\\') {
        problems.report(word.at, format!("replacement {shown} is a Windows path; write it with / between folders"));
    }
    Some(ReplaceTarget::Folder(folder))
}

fn module_target(
    module: &Word<'_>,
    version: &Word<'_>,
    rule: VersionRule,
    problems: &mut Problems,
) -> Option<ReplaceTarget> {
    let path = problems.take(text(module))?;
    let version = read_version(version, rule, problems)?;
    if is_folder_target(&path) {
        problems.report(module.at, format!("replacement folder {} cannot have a version", quote(module.bytes)));
        return None;
    }
    if rule == VersionRule::AnyQuery {
        check_major(&path, Some(&version), module.at, problems);
    }
    Some(ReplaceTarget::Module(ModuleVersion { path, version }))
}

#[cfg(test)]
mod tests {
    use super::super::entries::{Blocks, read};
    use super::*;

    /// What a line reads as, in the notation of the file, and how many problems it has.
    #[track_caller]
    fn check(line: &str, rule: VersionRule, expected: Option<&str>, expected_problems: usize) {
        let mut problems = Problems::default();
        let mut shown = None;
        let blocks = Blocks { verbs: &[], refuse_others: true };
        read(line.as_bytes(), blocks, &mut problems, |directive, problems| {
            shown = read_replace(directive, rule, problems).map(|replace| {
                let version = replace.version.map(|version| format!("@{version}")).unwrap_or_default();
                match replace.target {
                    ReplaceTarget::Folder(folder) => format!("{}{version} => folder {folder}", replace.path),
                    ReplaceTarget::Module(module) => format!("{}{version} => module {module}", replace.path),
                }
            });
        });
        let problems = problems.into_vec();
        assert_eq!((shown.as_deref(), problems.len()), (expected, expected_problems), "{problems:?}");
    }

    #[test]
    fn replacements_are_folders_or_modules() {
        let rule = VersionRule::AnyQuery;
        check("replace a => ../a", rule, Some("a => folder ../a"), 0);
        check("replace a v1.2.3 => \"./a b\"", rule, Some("a@v1.2.3 => folder ./a b"), 0);
        check("replace a => b v1.2.3", rule, Some("a => module b@v1.2.3"), 0);
        check("replace a v1.0.0 => b/v2 v2.0.0", rule, Some("a@v1.0.0 => module b/v2@v2.0.0"), 0);
        check("replace a => C:/x", rule, Some("a => folder C:/x"), 0);
        check("replace a => .\\x", rule, Some("a => folder .\\x"), 1);
    }

    #[test]
    fn the_arrow_needs_spaces() {
        let rule = VersionRule::AnyQuery;
        check("replace a=>./x", rule, None, 1);
        check("replace a =>./x", rule, None, 1);
        check("replace a =>", rule, None, 1);
        check("replace a => ./x v1.0.0 y", rule, None, 1);
        check("replace a b c => ./x", rule, None, 1);
        check("replace => ./x", rule, None, 1);
        check("replace a \"=>\" ./x", rule, None, 1);
    }

    #[test]
    fn targets_without_version_are_folders() {
        let rule = VersionRule::AnyQuery;
        check("replace a => b", rule, None, 1);
        check("replace a => b@v1.0.0", rule, None, 1);
        check("replace a => ./b v1.0.0", rule, None, 1);
        check("replace a => .b", rule, None, 1);
    }

    #[test]
    fn versions_follow_the_rule_of_the_file() {
        check("replace a v1 => b main", VersionRule::AnyQuery, Some("a@v1 => module b@main"), 0);
        check("replace a v1 => b v1.0", VersionRule::Canonical, Some("a@v1.0.0 => module b@v1.0.0"), 0);
        check("replace a => b main", VersionRule::Canonical, Some("a => module b@main"), 1);
        check("replace a v2.0.0 => ./a", VersionRule::Canonical, Some("a@v2.0.0 => folder ./a"), 1);
        check("replace a => b v2.0.0", VersionRule::AnyQuery, Some("a => module b@v2.0.0"), 1);
        check("replace a => b v2.0.0", VersionRule::Canonical, Some("a => module b@v2.0.0"), 0);
        check("replace a ( => ./a", VersionRule::AnyQuery, None, 1);
    }
}
