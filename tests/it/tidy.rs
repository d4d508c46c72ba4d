//! Scans the source for what the compiler does not check: the order of the stages, the homes of the dependencies, the
//! purity of the core, and that nothing is left unfinished.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The stages from left to right: a module may name only those before it.
const LAYERS: [&str; 18] = [
    "repo",
    "config",
    "git",
    "ci",
    "registry",
    "ledger",
    "cache",
    "go",
    "docker",
    "graph",
    "service",
    "fingerprint",
    "lint",
    "plan",
    "render",
    "lock",
    "execute",
    "cli",
];

/// Stages that turn values into values. Of the rim they may use `SHARED`.
const CORE: [&str; 8] = ["go", "docker", "graph", "service", "fingerprint", "lint", "plan", "render"];

/// Stages of the rim whose types are the vocabulary of the core.
const SHARED: [&str; 2] = ["repo", "config"];

/// What a pure function has no use for.
const OUTSIDE: [&str; 9] = [
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "std::io::stdout",
    "std::io::stderr",
    "SystemTime",
    "Instant",
];

/// Third-party crates that only one stage may name.
const HOMES: [(&str, &str); 16] = [
    ("git2", "git"),
    ("petgraph", "graph"),
    ("blake3", "repo"),
    ("globset", "config"),
    ("toml", "config"),
    ("clap", "cli"),
    ("parse_dockerfile", "docker"),
    ("rustix", "execute"),
    ("signal_hook", "execute"),
    ("indicatif", "cli"),
    ("oci_client", "registry"),
    ("docker_credential", "registry"),
    ("reqwest", "registry"),
    ("rustls", "registry"),
    ("tokio", "registry"),
    ("minijinja", "render"),
];

/// Marks of unfinished work, in halves so that this file has none.
const UNFINISHED: [[&str; 2]; 6] =
    [["to", "do!"], ["unimple", "mented!"], ["db", "g!"], ["TO", "DO"], ["FIX", "ME"], ["XX", "X"]];

/// A source file of a stage.
struct Source {
    path: String,
    stage: String,
    text: String,
}

#[test]
fn stages_use_only_stages_to_their_left() {
    check(|source| {
        let own = position(&source.stage)?;
        let mut wrong: Vec<String> = named_stages(&code(&source.text))
            .into_iter()
            .filter(|named| position(named).is_none_or(|named| named > own))
            .map(|named| format!("names crate::{named}"))
            .collect();
        // A list in braces would hide the stages from this scan.
        if code(&source.text).contains("crate::{") {
            wrong.push("names crate::{…}; write one module a line".to_owned());
        }
        Some(wrong)
    });
}

#[test]
fn every_stage_has_a_place_in_the_order() {
    check(|source| match position(&source.stage) {
        Some(_) => None,
        None => Some(vec![format!("is in the stage {}, which is not among LAYERS", source.stage)]),
    });
}

#[test]
fn the_core_uses_only_values() {
    let tests = test_modules();
    check(|source| {
        if !CORE.contains(&source.stage.as_str()) || tests.contains(&source.path) {
            return None;
        }
        let text = without_tests(&code(&source.text));
        let rim = named_stages(&text)
            .into_iter()
            .filter(|named| !CORE.contains(&named.as_str()) && !SHARED.contains(&named.as_str()))
            .map(|named| format!("names crate::{named}, which is no part of the core"));
        let outside = OUTSIDE.iter().filter(|name| has_word(&text, name)).map(|name| format!("names {name}"));
        Some(rim.chain(outside).collect())
    });
}

#[test]
fn third_party_crates_stay_at_home() {
    check(|source| {
        let text = code(&source.text);
        let is_named = |name: &str| has_word(&text, &format!("{name}::")) || has_word(&text, &format!("use {name}"));
        let wrong = HOMES.iter().filter(|(name, home)| source.stage != *home && is_named(name));
        Some(wrong.map(|(name, home)| format!("names {name}, whose home is {home}")).collect())
    });
}

#[test]
fn every_file_opens_with_what_it_is() {
    let wrong: Vec<String> = files(&["src", "tests", "examples", "benches"])
        .into_iter()
        .filter(|path| is_rust(path) && !read(path).starts_with("//! "))
        .collect();
    assert!(wrong.is_empty(), "these do not start with `//! `: {wrong:#?}");
}

#[test]
fn nothing_is_left_unfinished() {
    let marks = UNFINISHED.map(|halves| halves.concat());
    let mut wrong = Vec::new();
    for path in files(&["src", "tests", "scripts", ".ci", "examples", "benches"]) {
        for (number, line) in read(&path).lines().enumerate() {
            let found = marks.iter().filter(|mark| has_word(line, mark));
            wrong.extend(found.map(|mark| format!("{path}:{}: {mark}", number + 1)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_tree_of_test_data_is_described() {
    let Ok(trees) = fs::read_dir(root().join("testdata")) else { return };
    let readme = read("testdata/README.md");
    let folders = trees.map(Result::unwrap).filter(|tree| tree.file_type().unwrap().is_dir());
    let missing: Vec<String> =
        folders.map(|tree| tree.file_name().into_string().unwrap()).filter(|name| !has_word(&readme, name)).collect();
    assert!(missing.is_empty(), "testdata/README.md does not name {missing:?}");
}

#[cfg(unix)]
#[test]
fn scripts_can_be_run_and_stop_at_the_first_error() {
    use std::os::unix::fs::PermissionsExt as _;

    let scripts = files(&["scripts", ".ci"]);
    assert!(!scripts.is_empty());
    for path in scripts {
        let mode = fs::metadata(root().join(&path)).unwrap().permissions().mode();
        assert!(mode & 0o111 == 0o111, "{path} is not executable");
        let text = read(&path);
        assert!(text.starts_with("#!/usr/bin/env "), "{path} does not start with #!/usr/bin/env");
        let is_bash = text.starts_with("#!/usr/bin/env bash\n");
        assert!(!is_bash || text.contains("\nset -euo pipefail\n"), "{path} does not set -euo pipefail");
    }
}

#[test]
fn the_scan_sees_names_in_code_and_not_in_comments_or_longer_words() {
    let text = code("use crate::git::Repository;\n//! crate::plan\n    // crate::cli\nlet x = my_crate::lock;\n");
    assert_eq!(named_stages(&text), BTreeSet::from(["git".to_owned()]));
    assert!(has_word("use toml;", "toml") && !has_word("use toml_edit;", "toml") && !has_word("xtoml::y", "toml::"));
    let text = "a\n#[cfg(test)]\nmod other;\nb\n#[cfg(test)]\n#[expect(x)]\nmod tests {\nc\n}\n";
    assert_eq!(without_tests(text), "a\nb\n");
}

/// Asserts that `faults` finds none in any file of a stage; `None` stands for a file that the rule is not about.
#[track_caller]
fn check(faults: impl Fn(&Source) -> Option<Vec<String>>) {
    let sources = sources();
    assert!(!sources.is_empty(), "no sources found");
    let wrong: Vec<String> = sources
        .iter()
        .flat_map(|source| {
            faults(source).unwrap_or_default().into_iter().map(|fault| format!("{} {fault}", source.path))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// All files of stages: those directly in `src` only put stages together.
fn sources() -> Vec<Source> {
    files(&["src"])
        .into_iter()
        .filter(|path| is_rust(path))
        .filter_map(|path| {
            let stage = path.strip_prefix("src/")?.split_once('/')?.0.to_owned();
            Some(Source { text: read(&path), stage, path })
        })
        .collect()
}

fn position(stage: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| *layer == stage)
}

/// The names after `crate::`.
fn named_stages(text: &str) -> BTreeSet<String> {
    text.match_indices("crate::")
        .filter(|(at, _)| !text[..*at].ends_with(is_word))
        .map(|(at, found)| text[at + found.len()..].chars().take_while(|c| is_word(*c)).collect::<String>())
        .filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
        .collect()
}

/// The text without lines that are comments.
fn code(text: &str) -> String {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .fold(String::new(), |text, line| text + line + "\n")
}

/// The text without test modules; one with a body is the last thing in its file.
fn without_tests(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            match lines.by_ref().find(|line| !line.trim_start().starts_with("#[")) {
                Some(item) if item.starts_with("mod ") && item.ends_with('{') => break,
                _ => continue,
            }
        }
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

/// The files of modules that are declared as `#[cfg(test)] mod NAME;`.
fn test_modules() -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for source in sources() {
        let folder = match source.path.strip_suffix("/mod.rs") {
            Some(folder) => folder.to_owned(),
            None => source.path.trim_end_matches(".rs").to_owned(),
        };
        for (at, found) in source.text.match_indices("#[cfg(test)]\nmod ") {
            if let Some((name, _)) = source.text[at + found.len()..].split_once(';')
                && name.chars().all(is_word)
            {
                modules.insert(format!("{folder}/{name}.rs"));
            }
        }
    }
    modules
}

fn has_word(text: &str, word: &str) -> bool {
    let is_open = |end: &str, c: Option<char>| end.ends_with(is_word) && c.is_some_and(is_word);
    text.match_indices(word).any(|(at, found)| {
        let after = text[at + found.len()..].chars().next();
        !text[..at].ends_with(is_word) && !is_open(found, after)
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// All files below the folders that exist, as paths relative to the project, sorted.
fn files(folders: &[&str]) -> Vec<String> {
    let mut queue: Vec<PathBuf> =
        folders.iter().map(|folder| root().join(folder)).filter(|path| path.exists()).collect();
    let mut found = Vec::new();
    while let Some(folder) = queue.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                queue.push(entry.path());
            } else {
                found.push(entry.path().strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}

fn read(path: &str) -> String {
    String::from_utf8_lossy(&fs::read(root().join(path)).unwrap()).into_owned()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
