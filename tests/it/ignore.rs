//! Files of ignore patterns, held to what `BuildKit` makes of them: both are given the same patterns for the same tree, with
//! odd names, and must see the same files. `PROPTEST_RNG_SEED` and `PROPTEST_CASES` choose other and more patterns.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Output;

use buildplan::docker::Ignore;

use super::servers::Engine;

/// The files of the tree; folders that end with a slash are empty.
const FILES: &[&str] = &[
    "a/a",
    "a/b/c/d",
    "a/b/c.go",
    "a/b/a/b",
    "a/c/b",
    "b/a",
    "b/b/b",
    "ab",
    "aab",
    "a.b",
    "axb",
    "abc/d.go",
    "c/d/e/f/g",
    "main.go",
    "main_test.go",
    "Dockerfile",
    "README.md",
    "docs/a.md",
    "docs/README.md",
    "docs/api/v1/x.md",
    ".git/config",
    ".git/refs/heads/main",
    ".env",
    ".a/.b/.c",
    "..a",
    "...",
    "a../x",
    "vendor/x.io/y/z.go",
    "vendor/modules.txt",
    "bin/debug",
    "obj1/bin/x9",
    "node_modules/a/node_modules/b/c",
    "with space/a b",
    " lead",
    "trail ",
    "tab\tname",
    "line\nbreak/x",
    "back\\slash",
    "star*",
    "[ab]",
    "/]",
    "x]",
    "x^",
    "^/y",
    "a-b",
    "!bang",
    "#hash",
    "#",
    "(x)|{y}+$",
    "é",
    "éé/ü",
    "日本/語.go",
    "\u{feff}bom",
    "_",
    "-",
    "0",
    "7/8",
    "empty/",
    "a/empty/",
    "deep/1/2/3/4/5/6/7/8/9/x",
];

/// Builds in one go, each with patterns of its own, as one build with many contexts.
const BATCH: usize = 20;

/// Numbers that depend on a seed alone.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    /// A file of patterns.
    fn patterns(&mut self) -> String {
        let mut text = String::from(if self.one_in(12) { "\u{feff}" } else { "" });
        let end = if self.one_in(8) { "\r\n" } else { "\n" };
        if self.one_in(3) {
            text += self.pick(&["*", "**", "a", "**/*", "*/*"]);
            text += end;
        }
        for _ in 0..=self.below(6) {
            if self.one_in(8) {
                text +=
                    self.pick(&["# a comment", "#a", " #", "", "  ", ".", "/", "..", "!.", "!..", "./", "//", "!**"]);
            } else {
                text += &self.pattern();
            }
            text += end;
        }
        if self.one_in(4) {
            text.truncate(text.trim_end_matches(end).len());
        }
        text
    }

    fn pattern(&mut self) -> String {
        let mut body = if self.one_in(8) { self.noise() } else { self.path() };
        if self.one_in(5) {
            body = format!("{}{body}", self.pick(&["/", "./", "**/", "*/", "../", "/../", "//", "a/../", "**", "\\"]));
        }
        if self.one_in(4) {
            body += self.pick(&["/", "/**", "/*", "/.", "/..", "**", "*", "/**/*", "//", "/*/**", "/**/b"]);
        }
        if self.one_in(3) {
            body = format!("{}{body}", self.pick(&["!", "!", "!", "!/", "! ", "!!", "/!", "!./"]));
        }
        if self.one_in(10) {
            format!("{}{body}{}", self.pick(&["", " ", "\t", "\u{a0}"]), self.pick(&["", " "]))
        } else {
            body
        }
    }

    /// A path of the tree or a part of one, with some of it replaced.
    fn path(&mut self) -> String {
        let path = FILES[self.below(FILES.len())].trim_end_matches('/');
        let all: Vec<&str> = path.split('/').collect();
        let start = if self.one_in(6) { self.below(all.len()) } else { 0 };
        let end = start + 1 + self.below(all.len() - start);
        let mut elements = Vec::new();
        for element in &all[start..end] {
            elements.push(match self.below(12) {
                0 => "*".to_owned(),
                1 => "**".to_owned(),
                2..4 => self.blurred(element),
                _ => (*element).to_owned(),
            });
        }
        elements.join("/")
    }

    /// A name, with some of its characters replaced by what may match them.
    fn blurred(&mut self, name: &str) -> String {
        let mut text = String::new();
        for character in name.chars() {
            match self.below(12) {
                0 => text.push('?'),
                1 => text.push('*'),
                2 => _ = write!(text, "[{character}]"),
                3 => _ = write!(text, "\\{character}"),
                4 => {
                    text +=
                        self.pick(&["[a-c]", "[^a]", "[!a]", "[^a-c]", "[\\d]", "[[:alpha:]]", "[*]", "[?]", "[a-]"])
                }
                5 => {
                    text +=
                        self.pick(&["\\w", "\\d", "\\b", "\\s", "\\x61", "\\141", "**", "***", "\\W", "[\\w]", "\\Q"])
                }
                _ => text.push(character),
            }
        }
        text
    }

    fn noise(&mut self) -> String {
        let alphabet = [
            "a", "b", "c", "*", "**", "?", "[", "]", "^", "-", "\\", "/", "!", ".", "$", " ", "é", "[ab]", "d", "/",
            "|", "{", "}", "1", ",",
        ];
        (0..=self.below(7)).map(|_| self.pick(&alphabet)).collect()
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Makes the tree with this `.dockerignore`.
fn make_tree(folder: &Path, ignore: &str) {
    for path in FILES {
        let at = folder.join(path);
        if path.ends_with('/') {
            fs::create_dir_all(at).unwrap();
        } else {
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            fs::write(at, path).unwrap();
        }
    }
    std::os::unix::fs::symlink("a", folder.join("link")).unwrap();
    fs::write(folder.join(".dockerignore"), ignore).unwrap();
}

/// All that is below a folder, as paths relative to it; none if there is no such folder.
fn list(folder: &Path) -> BTreeSet<Vec<u8>> {
    let mut found = BTreeSet::new();
    let mut queue = vec![folder.to_owned()];
    while let Some(next) = queue.pop() {
        for entry in fs::read_dir(next).into_iter().flatten() {
            let entry = entry.unwrap();
            found.insert(entry.path().strip_prefix(folder).unwrap().as_os_str().as_bytes().to_vec());
            if entry.file_type().unwrap().is_dir() {
                queue.push(entry.path());
            }
        }
    }
    found
}

/// What of a tree is seen: what is not left out, and the folders that it is in.
fn seen(ignore: &Ignore, all: &BTreeSet<Vec<u8>>) -> BTreeSet<Vec<u8>> {
    let mut seen = BTreeSet::new();
    for path in all {
        let folders = || path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(end, _)| &path[..end]);
        let is_passed_over = folders().any(|folder| ignore.excludes_all_below(folder));
        if !ignore.excludes(path) {
            assert!(!is_passed_over, "{} cannot be seen below a folder of which nothing is", path.escape_ascii());
            seen.extend(folders().map(<[u8]>::to_vec));
            seen.insert(path.clone());
        }
    }
    seen
}

fn shown(paths: &BTreeSet<Vec<u8>>, without: &BTreeSet<Vec<u8>>) -> String {
    paths.difference(without).map(|path| format!("{}, ", path.escape_ascii())).collect()
}

/// A BuildKit daemon, and where its builds take place.
struct Kitchen {
    engine: Engine,
    folder: tempfile::TempDir,
}

impl Kitchen {
    fn open() -> Self {
        Self { engine: Engine::only_buildkit(), folder: tempfile::tempdir().unwrap() }
    }

    /// Builds a context into a folder, which is emptied first.
    fn build(&self, dockerfile: &Path, context: &Path, arguments: &[String], to: &Path) -> Output {
        _ = fs::remove_dir_all(to);
        let mut command = self.engine.command("buildx");
        command.args(["build", "--quiet", "--provenance=false", "--file"]).arg(dockerfile).args(arguments);
        command.arg(format!("--output=type=local,dest={}", to.display())).arg(context).output().unwrap()
    }

    /// What BuildKit sees of the tree with each of these files of patterns, or nothing if it refuses one of them.
    fn look(&self, ignores: &[&str]) -> Option<Vec<BTreeSet<Vec<u8>>>> {
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap();
        let mut dockerfile = String::from("FROM scratch\n");
        let mut arguments = Vec::new();
        for (number, ignore) in ignores.iter().enumerate() {
            let tree = folder.path().join(number.to_string());
            make_tree(&tree, ignore);
            writeln!(dockerfile, "COPY --from=tree{number} . /{number}/").unwrap();
            arguments.push(format!("--build-context=tree{number}={}", tree.display()));
        }
        let (context, to) = (folder.path().join("context"), folder.path().join("out"));
        fs::create_dir(&context).unwrap();
        fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
        let output = self.build(&folder.path().join("Dockerfile"), &context, &arguments, &to);
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            let is_refusal =
                ["syntax error in pattern", "illegal exclusion pattern", "error parsing regexp", "non-printable ASCII"];
            assert!(is_refusal.iter().any(|refusal| error.contains(refusal)), "{error}");
            return None;
        }
        Some((0..ignores.len()).map(|number| list(&to.join(number.to_string()))).collect())
    }
}

/// Whether both agree about a file of patterns; if not, how they differ.
fn difference(text: &str, all: &BTreeSet<Vec<u8>>, theirs: Option<&BTreeSet<Vec<u8>>>) -> Option<String> {
    let ignore = Ignore::parse(text.as_bytes());
    let ours = seen(&ignore, all);
    let problems = ignore.problems();
    let difference = match theirs {
        None if problems.is_empty() => "BuildKit refuses it".to_owned(),
        Some(theirs) if *theirs != ours => {
            format!("only we see {}only BuildKit sees {}", shown(&ours, theirs), shown(theirs, &ours))
        }
        _ => return None,
    };
    Some(format!("{text:?}: {difference} (problems: {problems:?})\n"))
}

#[test]
#[ignore = "needs buildkitd and buildx"]
fn what_patterns_leave_out_is_what_buildkit_leaves_out() {
    let kitchen = Kitchen::open();
    let tree = kitchen.folder.path().join("tree");
    make_tree(&tree, "");
    let all = list(&tree);
    let mut random = Random(number("PROPTEST_RNG_SEED", 1));
    let cases: Vec<String> = (0..number("PROPTEST_CASES", 400)).map(|_| random.patterns()).collect();
    let is_malformed = |text: &&str| !Ignore::parse(text.as_bytes()).problems().is_empty();
    let (malformed, sound): (Vec<&str>, Vec<&str>) = cases.iter().map(String::as_str).partition(is_malformed);
    let mut differences = String::new();
    for batch in sound.chunks(BATCH) {
        match kitchen.look(batch) {
            Some(theirs) => differences
                .extend(batch.iter().zip(&theirs).filter_map(|(text, theirs)| difference(text, &all, Some(theirs)))),
            None => differences.extend(batch.iter().filter_map(|text| {
                let theirs = kitchen.look(&[text]);
                difference(text, &all, theirs.as_ref().map(|theirs| &theirs[0]))
            })),
        }
    }
    let mut refused = 0;
    for text in &malformed {
        let theirs = kitchen.look(&[text]);
        refused += usize::from(theirs.is_none());
        differences.extend(difference(text, &all, theirs.as_ref().map(|theirs| &theirs[0])));
    }
    println!(
        "{} files of patterns; {} are malformed, of which BuildKit refuses {refused}",
        cases.len(),
        malformed.len()
    );
    assert!(differences.is_empty(), "{differences}");
    assert!(sound.len() > malformed.len() && refused * 2 > malformed.len(), "{} {refused}", malformed.len());
}
