//! Holds the documents to the program: every reason, note and configuration key is described, and what the README shows
//! is what the demo prints.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use buildplan::ci::Rule;
use buildplan::config::Config;
use buildplan::go::external::lock_file::LockFile;
use buildplan::render::schema::{SchemaName, schema};
use serde_json::Value;

#[test]
fn every_reason_and_note_is_described_and_no_others() {
    let page = read("docs/reasons.md");
    let described: BTreeSet<&str> = first_cells(&page).collect();
    let mut names = names_in("src/plan/reason.rs", "impl ReasonKind");
    names.extend(names_in("src/repo/note.rs", "impl NoteKind"));
    assert!(names.len() > 30, "{names:?}");
    let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(described, names);
}

#[test]
fn every_rule_for_a_base_is_described_and_no_others() {
    let page = read("docs/ci/baselines.md");
    let described: Vec<&str> = first_cells(&page).collect();
    let mut rules: Vec<&str> = Rule::ALL.iter().map(|rule| rule.source()).collect();
    assert_eq!(rules.pop(), Some("no-provider"));
    assert_eq!(described, rules);
}

#[test]
fn every_key_of_the_configuration_is_described_with_its_default_and_no_others() {
    let page = read("docs/configuration.md");
    let schema = schema(SchemaName::Config);
    let top_level = schema["properties"].as_object().unwrap();
    for (name, section) in top_level {
        match section["properties"].as_object() {
            Some(keys) => check_section(&page, &format!("## `[{name}]`"), keys.iter()),
            None if name == "services" => {
                let keys = section["additionalProperties"]["properties"].as_object().unwrap();
                check_section(&page, "## `[services.NAME]`", keys.iter());
            }
            None => check_section(&page, "## Top level", [(name, section)].into_iter()),
        }
    }
    let sections = page.matches("\n## ").count();
    let tables = top_level.values().filter(|value| !value["type"].is_null()).count();
    assert_eq!(sections, tables + 1, "a section of docs/configuration.md is about nothing");
}

#[test]
fn the_examples_of_the_documents_are_valid() {
    Config::parse(read("build-plan.toml").as_bytes()).unwrap();
    let readme = read("README.md");
    let examples: Vec<&str> = blocks(&readme, "toml").collect();
    assert!(!examples.is_empty());
    for example in examples {
        assert!(Config::parse(example.as_bytes()).is_ok(), "{example}");
    }
    let modules = read("docs/external-modules.md");
    let lock = LockFile::parse(blocks(&modules, "lock").next().unwrap().as_bytes());
    assert_eq!((lock.modules().len(), lock.problems), (1, Vec::new()));
}

#[test]
fn links_between_documents_lead_somewhere() {
    for page in [
        "README.md",
        "CONTRIBUTING.md",
        "docs/ci/baselines.md",
        "docs/configuration.md",
        "docs/external-modules.md",
        "docs/inputs.md",
        "docs/lint.md",
        "docs/reasons.md",
    ] {
        let text = read(page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            let target = root().join(page).parent().unwrap().join(link.split('#').next().unwrap());
            assert!(link.starts_with("https://") || target.exists(), "{page}: {link}");
        }
    }
}

#[cfg(unix)]
#[test]
fn the_readme_shows_what_the_demo_prints() {
    let demo = std::process::Command::new(root().join("scripts/demo"))
        .arg("--no-run")
        .env("BUILDPLAN", env!("CARGO_BIN_EXE_buildplan"))
        .output()
        .unwrap();
    let errors = String::from_utf8(demo.stderr).unwrap();
    assert!(demo.status.success(), "{errors}");
    assert_eq!(errors, "");
    let printed = String::from_utf8(demo.stdout).unwrap();
    let readme = read("README.md");
    let shown: Vec<&str> = blocks(&readme, "console").collect();
    assert!(!shown.is_empty());
    for block in shown {
        assert!(printed.contains(block), "the demo does not print\n{block}\nbut\n{printed}");
    }
}

#[test]
#[ignore = "needs go"]
fn the_demo_ends_with_a_real_run() {
    let mut demo = std::process::Command::new(root().join("scripts/demo"));
    let demo = demo.env("BUILDPLAN", env!("CARGO_BIN_EXE_buildplan")).output().unwrap();
    assert!(demo.status.success(), "{}", String::from_utf8_lossy(&demo.stderr));
    let printed = String::from_utf8(demo.stdout).unwrap();
    let real = printed.split("# Now for real").nth(1).unwrap();
    assert!(real.contains("4 built") && real.contains("nothing to do") && real.contains("3 built"), "{real}");
}

/// Asserts that a section of a page has one row for each key, with the default where there is one.
#[track_caller]
fn check_section<'k>(page: &str, heading: &str, keys: impl Iterator<Item = (&'k String, &'k Value)>) {
    let section = page.split_once(&format!("\n{heading}\n")).map_or("", |(_, section)| section);
    let section = section.split("\n## ").next().unwrap();
    let mut known = BTreeSet::new();
    for (key, about) in keys {
        let row = section.lines().find(|line| line.starts_with(&format!("| `{key}`"))).unwrap_or_default();
        assert_ne!(row, "", "docs/configuration.md, {heading}: `{key}` is missing");
        if !about["default"].is_null() {
            let default = format!("`{}`", about["default"]);
            assert!(row.contains(&default), "{heading}: the default of `{key}` is {default}");
        }
        known.insert(key.as_str());
    }
    assert_eq!(first_cells(section).collect::<BTreeSet<_>>(), known, "{heading}");
}

/// The names in backquotes that start the rows of tables.
fn first_cells(page: &str) -> impl Iterator<Item = &str> {
    page.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0))
}

/// The names that an `as_str` gives the variants of an enumeration.
fn names_in(path: &str, start: &str) -> BTreeSet<String> {
    let text = read(path);
    let (_, text) = text.split_once(start).unwrap();
    let arms = text.lines().take_while(|line| *line != "}").filter_map(|line| line.split_once("=> \""));
    arms.filter_map(|(_, name)| Some(name.split_once('"')?.0.to_owned())).collect()
}

/// The fenced blocks of a language.
fn blocks<'p>(page: &'p str, language: &str) -> impl Iterator<Item = &'p str> {
    page.split("```").skip(1).step_by(2).filter_map(move |block| block.strip_prefix(language)?.strip_prefix('\n'))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
