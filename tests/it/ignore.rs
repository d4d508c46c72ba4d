//! Patterns that leave files out, held to what `BuildKit` makes of them: both are given the same patterns for the same
//! tree of odd names, and must see the same files. `PROPTEST_RNG_SEED` and `PROPTEST_CASES` choose other and more
//! patterns.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

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

/// Patterns that random ones rarely make: rules that are skipped where they would change nothing, folders that are passed
/// over, and characters that mean something to regular expressions.
const RARE: &[&str] = &[
    "a/b\n!a",
    "a\n!a/b\na",
    "a/b\n!a/*/**",
    "a/b\n!a/*/**\n!x*",
    "!a\na/b/c\n!a/b\na/b/a",
    "*\n!docs\ndocs/*.md\n!**/README.md",
    "a*|b/a",
    "a{2}*\n{0}x*",
    "*.{b,go}",
    "a*\\",
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
                        self.pick(&["[a-c]", "[^a]", "[!a]", "[^a-c]", "[\\d]", "[[:alpha:]]", "[*]", "[?]", "[a-]"]);
                }
                5 => {
                    text +=
                        self.pick(&["\\w", "\\d", "\\b", "\\s", "\\x61", "\\141", "\\W", "[\\w]", "\\Q", "**", "***"]);
                }
                6 if self.one_in(2) => text += self.pick(&["|", "{2}", "{0,2}", "{1,}", "?{3}"]),
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
    let shown: Vec<String> = paths.difference(without).map(|path| path.escape_ascii().to_string()).collect();
    shown.join(", ")
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

    /// A folder with the tree.
    fn tree(&self) -> PathBuf {
        let tree = self.folder.path().join("tree");
        make_tree(&tree, "");
        tree
    }

    /// Builds a context into a folder; fails with what buildx says.
    fn build(&self, dockerfile: &Path, context: &Path, arguments: &[String], to: &Path) -> Result<(), String> {
        let mut command = self.engine.command("buildx");
        command.args(["build", "--quiet", "--provenance=false", "--file"]).arg(dockerfile).args(arguments);
        let output = format!("--output=type=local,dest={}", to.display());
        let output = command.arg(output).arg(context).output().unwrap();
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    /// What these instructions make of a context: what is in the image.
    #[track_caller]
    fn copied(&self, instructions: &str, context: &Path) -> BTreeSet<Vec<u8>> {
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap();
        let (dockerfile, to) = (folder.path().join("Dockerfile"), folder.path().join("out"));
        fs::write(&dockerfile, format!("FROM scratch\n{instructions}\n")).unwrap();
        let built = self.build(&dockerfile, context, &[], &to);
        assert!(built.is_ok(), "{instructions}: {built:?}; scripts/test installs a BuildKit that knows all flags");
        list(&to)
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
        if let Err(error) = self.build(&folder.path().join("Dockerfile"), &context, &arguments, &to) {
            let refusals =
                ["syntax error in pattern", "illegal exclusion pattern", "error parsing regexp", "non-printable ASCII"];
            assert!(refusals.iter().any(|refusal| error.contains(refusal)), "{error}");
            return None;
        }
        Some((0..ignores.len()).map(|number| list(&to.join(number.to_string()))).collect())
    }

    /// How we and BuildKit differ about these files of patterns, and how many it refuses.
    fn differences(&self, cases: &[&str], all: &BTreeSet<Vec<u8>>) -> (String, usize) {
        let (mut differences, mut refused) = (String::new(), 0);
        for batch in cases.chunks(BATCH) {
            if let Some(theirs) = self.look(batch) {
                let both = batch.iter().zip(&theirs);
                differences.extend(both.filter_map(|(text, theirs)| difference(text, all, Some(theirs))));
            } else if let [text] = batch {
                refused += 1;
                differences.extend(difference(text, all, None));
            } else {
                for text in batch {
                    let (more, refusals) = self.differences(&[text], all);
                    differences += &more;
                    refused += refusals;
                }
            }
        }
        (differences, refused)
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
            format!("only we see {}; only BuildKit sees {}", shown(&ours, theirs), shown(theirs, &ours))
        }
        _ => return None,
    };
    Some(format!("{text:?}: {difference} (problems: {problems:?})\n"))
}

#[test]
#[ignore = "needs buildkitd and buildx"]
fn what_patterns_leave_out_is_what_buildkit_leaves_out() {
    let kitchen = Kitchen::open();
    let all = list(&kitchen.tree());
    let mut random = Random(number("PROPTEST_RNG_SEED", 1));
    let rare = RARE.iter().copied().map(str::to_owned);
    let cases: Vec<String> = rare.chain((0..number("PROPTEST_CASES", 200)).map(|_| random.patterns())).collect();
    let is_malformed = |text: &&str| !Ignore::parse(text.as_bytes()).problems().is_empty();
    let (malformed, sound): (Vec<&str>, Vec<&str>) = cases.iter().map(String::as_str).partition(is_malformed);
    let (differences, refused) = kitchen.differences(&sound, &all);
    assert!(differences.is_empty() && refused == 0, "{differences}");
    // What is refused needs a build of its own, so these are fewer.
    let some = &malformed[..malformed.len().min(cases.len() / 10)];
    let (mut differences, mut refused) = (String::new(), 0);
    for text in some {
        let (more, refusals) = kitchen.differences(&[text], &all);
        differences += &more;
        refused += refusals;
    }
    assert!(differences.is_empty(), "{differences}");
    assert!(sound.len() * 3 > malformed.len() * 2 && refused * 2 > some.len(), "{refused} of {}", some.len());
}

#[test]
#[ignore = "needs buildkitd and buildx"]
fn the_patterns_beside_a_dockerfile_replace_those_of_the_context() {
    let kitchen = Kitchen::open();
    let context = kitchen.folder.path().join("context");
    let write = |path: &str, text: &str| {
        fs::create_dir_all(context.join(path).parent().unwrap()).unwrap();
        fs::write(context.join(path), text).unwrap();
    };
    for path in ["a", "b", "c"] {
        write(path, path);
    }
    for path in ["Dockerfile", "sub/Dockerfile", "sub/plain", "empty", "comment", "link"] {
        write(path, "FROM scratch\nCOPY ? /\n");
    }
    write("sub/Dockerfile.dockerignore", "b");
    write("empty.dockerignore", "");
    write("comment.dockerignore", "#");
    std::os::unix::fs::symlink("sub/Dockerfile.dockerignore", context.join("link.dockerignore")).unwrap();
    let check = |dockerfile: &str, expected: &[&str]| {
        let to = kitchen.folder.path().join("out");
        _ = fs::remove_dir_all(&to);
        kitchen.build(&context.join(dockerfile), &context, &[], &to).unwrap();
        let expected: BTreeSet<Vec<u8>> = expected.iter().map(|path| path.as_bytes().to_vec()).collect();
        assert_eq!(list(&to), expected, "{dockerfile}");
    };
    check("Dockerfile", &["a", "b", "c"]);
    write(".dockerignore", "a");
    check("Dockerfile", &["b", "c"]);
    check("sub/plain", &["b", "c"]);
    check("sub/Dockerfile", &["a", "c"]);
    check("empty", &["a", "b", "c"]);
    check("comment", &["a", "b", "c"]);
    check("link", &["a", "c"]);
    fs::remove_file(context.join(".dockerignore")).unwrap();
    std::os::unix::fs::symlink("sub/Dockerfile.dockerignore", context.join(".dockerignore")).unwrap();
    check("Dockerfile", &["a", "c"]);
    fs::remove_file(context.join("sub/Dockerfile.dockerignore")).unwrap();
    check("Dockerfile", &["a", "b", "c"]);
}

#[test]
#[ignore = "needs buildkitd with all flags of COPY, and buildx"]
fn patterns_of_copy_are_relative_to_each_folder_that_is_copied() {
    let kitchen = Kitchen::open();
    let tree = kitchen.tree();
    let below = |source: &str| list(&tree.join(source));
    for (patterns, source) in [
        (&["*.md"][..], "docs"),
        (&["a.md", "api/v1"], "docs"),
        (&["docs/a.md", "docs"], "docs"),
        (&["/a.md"], "docs"),
        (&["**/b"], "a"),
        (&["b", "!b/c"], "a"),
        (&["*", "!b/**"], "a"),
        (&["b/", "./c/../a", "#x"], "a"),
        (&["!./a", "a"], "a"),
        (&["*"], "a"),
        (&["**", "!docs/*.md"], "."),
        (&["a", "!*/c"], "."),
    ] {
        let flags = patterns.iter().fold(String::new(), |flags, pattern| flags + "--exclude=" + pattern + " ");
        let expected = seen(&Ignore::of_patterns(patterns.iter().copied()), &below(source));
        assert_eq!(kitchen.copied(&format!("COPY {flags}{source} /"), &tree), expected, "{flags}{source}");
        let staged = format!("COPY . /\nFROM scratch\nCOPY --from=0 {flags}{source} /");
        assert_eq!(kitchen.copied(&staged, &tree), expected, "{staged}");
    }
}

#[test]
#[ignore = "needs buildkitd with all flags of COPY, and buildx"]
fn patterns_of_copy_leave_out_no_file_that_is_named() {
    let kitchen = Kitchen::open();
    let tree = kitchen.tree();
    let check = |arguments: &str, expected: &[&str]| {
        let mut copied = kitchen.copied(&format!("COPY {arguments} /"), &tree);
        // Only files: folders may be there for them.
        let parents: Vec<_> =
            copied.iter().flat_map(|path| Path::new(OsStr::from_bytes(path)).ancestors().skip(1)).collect();
        let parents: Vec<Vec<u8>> = parents.into_iter().map(|path| path.as_os_str().as_bytes().to_vec()).collect();
        for parent in &parents {
            copied.remove(parent);
        }
        let expected: BTreeSet<Vec<u8>> = expected.iter().map(|path| path.as_bytes().to_vec()).collect();
        assert_eq!(copied, expected, "{arguments}");
    };
    check("--exclude=main.go main.go", &["main.go"]);
    check("--exclude=*.go main*", &["main.go", "main_test.go"]);
    check("--exclude=a.md --exclude=api docs/*", &["README.md", "a.md", "v1/x.md"]);
    check("--exclude=*.md --exclude=v1 doc*", &["api/v1/x.md"]);
    check("--exclude=api/v1/*.md doc*", &["README.md", "a.md", "api/v1"]);
    // With --parents they are relative to the context, or to where ./ is, and leave out named files, too.
    check("--parents --exclude=*.md docs/api", &["docs/api/v1/x.md"]);
    check("--parents --exclude=docs/*.md docs", &["docs/api/v1/x.md"]);
    check("--parents --exclude=api/v1/x.md docs/./*", &["README.md", "a.md", "api/v1"]);
    check("--parents --exclude=main.go main*.go", &["main_test.go"]);
    // Variables are not known there, quotes are.
    check("--exclude=$HOME --exclude=\"a.md\" --exclude= docs", &["README.md", "api/v1/x.md"]);
}
