//! What must hold of every repository, tried on generated ones: a fixed set of paths, each with several contents, of
//! which any combination makes a tree, also ones that Go would refuse.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use buildplan::config::{Config, Unseen};
use buildplan::fingerprint::{ServiceState, Snapshot, SnapshotOptions};
use buildplan::go::workspace::Workspace;
use buildplan::graph::{FolderPackage, Node, NodeId, Part};
use buildplan::plan::packages::{Question, affected_packages};
use buildplan::plan::reason::ReasonKind;
use buildplan::plan::{BaseRevision, Decision, HeadRevision, Plan, PlanRequest, Record, Selection};
use buildplan::render::inputs::inputs_document;
use buildplan::render::json;
use buildplan::repo::{ChangeSet, Digest, EntryKind, MemoryTree, ObjectId, RepoPath, Tree};
use proptest::prelude::*;
use serde_json::Value;

/// Every path that a tree may have, with what may lie there; a content `-> PATH` is a symlink.
const PATHS: [(&str, &[&str]); 42] = [
    (
        "go.mod",
        &[
            "module ex.org/m\n\ngo 1.24\n",
            "module ex.org/m\n\ngo 1.25\n",
            "module ex.org/m\n\ngo 1.24\n\nrequire ex.com/x v1.0.0\n",
            "module ex.org/m\n\ngo 1.24\n\nrequire (\n\tex.com/x v1.1.0\n\tex.org/two v0.0.0\n)\n\nreplace ex.org/two => ./two\n",
            "module ex.org/m\n\ngo 1.24\n\nrequire ex.org/two v0.0.0\n\nreplace ex.org/two => ../outside\n",
        ],
    ),
    ("build/two.mod", &["module ex.org/two\n\ngo 1.24\n", "module ex.org/three\n\ngo 1.20\n"]),
    ("l3/testdata/t.go", &["package testdata\n", "package testdata\n\nimport _ \"ex.org/m/l4\"\n"]),
    ("l3/testdata/go.mod", &["module t\n"]),
    ("s2/main_test.go", &["package main\n\nimport _ \"ex.org/two\"\n"]),
    ("go.sum", &["ex.com/x v1.0.0 h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", ""]),
    (
        "go.work",
        &["go 1.24\n\nuse .\n", "go 1.24\n\nuse (\n\t.\n\t./two\n)\n", "go 1.25\n\ntoolchain go1.25.1\n\nuse .\n"],
    ),
    ("two/go.mod", &["module ex.org/two\n\ngo 1.24\n", "module ex.org/two\n\ngo 1.21\n", "-> ../build/two.mod"]),
    ("two/two.go", &["package two\n", "package two\n\nimport _ \"fmt\"\n"]),
    ("two/cmd/main.go", &["package main\n\nimport _ \"ex.org/two\"\n\nfunc main() {}\n"]),
    (
        "s0/main.go",
        &[
            "package main\n\nimport _ \"ex.org/m/l0\"\n\nfunc main() {}\n",
            "package main\n\nimport (\n\t_ \"ex.org/m/l1\"\n\t_ \"ex.org/two\"\n)\n\nfunc main() {}\n",
            "package main\n\nfunc main() {}\n",
        ],
    ),
    (
        "s0/Dockerfile",
        &["FROM scratch\nCOPY s0/static /static\n", "FROM golang:1.24\nCOPY . .\nRUN go build -tags extra ./s0\n"],
    ),
    ("s0/static/page.html", &["<p>\n", "<q>\n"]),
    ("s0/default.pgo", &["profile\n"]),
    (
        "s1/main.go",
        &[
            "package main\n\nimport _ \"ex.com/x\"\n\nfunc main() {}\n",
            "package main\n\nimport _ \"ex.org/m/l2\"\n\nfunc main() {}\n",
            "package lib\n",
        ],
    ),
    (
        "s1/extra.go",
        &["//go:build extra\n\npackage main\n\nimport _ \"ex.org/m/l3\"\n", "//go:build !linux\n\npackage main\n"],
    ),
    ("s1/Dockerfile", &["FROM s0\nCOPY s1/ /src\n", "FROM $BASE\n", "RUN <<EOF\n"]),
    (
        "s2/main.go",
        &[
            "package main\n\nimport (\n\t_ \"ex.org/m/l2\"\n\t_ \"ex.org/m/l3\"\n)\n\nfunc main() {}\n",
            "package main\n\nimport \"C\"\n\nfunc main() {}\n",
        ],
    ),
    ("s2/code.c", &["#include \"code.h\"\n", "int x;\n"]),
    ("s2/code.h", &["int x;\n"]),
    (
        "l0/l0.go",
        &[
            "package l0\n\nimport _ \"ex.org/m/l1\"\n",
            "package l0\n",
            "package l0\n\nimport _ \"ex.org/m/gone\"\n",
            "package other\n",
        ],
    ),
    ("l0/l0_windows.go", &["package l0\n\nimport _ \"ex.org/m/l3\"\n"]),
    ("l0/l0_test.go", &["package l0\n\nimport _ \"ex.org/m/l2\"\n", "package l0_test\n"]),
    ("l0/go.mod", &["module ex.org/m/l0\n"]),
    (
        "l1/l1.go",
        &[
            "package l1\n\nimport _ \"embed\"\n\n//go:embed data\nvar d string\n",
            "package l1\n\nimport _ \"embed\"\n\n//go:embed data/*.txt\nvar d string\n",
            "package l1\n\nimport _ \"ex.org/m/l2\"\n",
        ],
    ),
    ("l1/data/a.txt", &["a\n", "b\n"]),
    ("l1/data/b.txt", &["a\n", "-> a.txt", "-> ../../s0/static/page.html"]),
    ("l1/data/.c", &["c\n"]),
    ("l1/data/deep/go.mod", &["module deep\n"]),
    ("l1/data/deep/d.txt", &["d\n"]),
    (
        "l2/l2.go",
        &[
            "package l2\n\nimport _ \"ex.org/m/l3\"\n",
            "package l2\n\nimport (\n\t_ \"ex.com/x/y\"\n\t_ \"net\"\n)\n",
            "package l2\n\nimport _ \"ex.org/m/l2\n",
        ],
    ),
    ("l2/add_amd64.s", &["#include \"add.h\"\n", "TEXT\n"]),
    ("l2/add.h", &["#define X 1\n"]),
    (
        "l3/l3.go",
        &[
            "package l3\n",
            "package l3\n\nimport _ \"ex.org/m/l1\"\n",
            "package l3\n\nimport _ \"ex.org/m/l3/testdata\"\n",
            "-> ../l1/l1.go",
            "-> nothing.go",
        ],
    ),
    ("l3/linked.go", &["-> ../l2/l2.go", "package l3\n"]),
    ("l4", &["-> l1", "-> ../outside"]),
    ("l4/l4.go", &["package l4\n"]),
    (
        "vendor/modules.txt",
        &[
            "# ex.com/x v1.0.0\n## explicit; go 1.22\nex.com/x\n",
            "# ex.com/x v1.1.0\n## explicit\nex.com/x\nex.com/x/y\n",
        ],
    ),
    ("vendor/ex.com/x/x.go", &["package x\n", "package x\n\nimport _ \"ex.com/x/y\"\n"]),
    ("vendor/ex.com/x/y/y.go", &["package y\n"]),
    (".gitattributes", &["*.txt eol=crlf\n", "*.md diff\n"]),
    (
        "build-plan.toml",
        &[
            "[inputs]\nglobal = [\"l1/data/**\"]\n",
            "[go]\nplatforms = [\"linux/amd64\", \"windows/arm64\"]\nbuild-tags = [\"extra\"]\n",
            "[image]\nrepository = \"{service}\"\n\n[services.s0]\npackage = \"s0\"\n\n[services.s1]\ndockerfile = \"s1/Dockerfile\"\ninputs = [\"l2/*.h\"]\n",
            "[go]\nback-edges = \"strict\"\ncgo = false\nworkspace = \"off\"\n",
        ],
    ),
];

/// Which content each path has; `None` where there is no file. A failed test shows it as Go's tests would write it.
#[derive(Clone)]
struct Choice(Vec<Option<usize>>);

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = self.0.iter().enumerate().filter_map(|(path, content)| Some((PATHS[path], (*content)?)));
        files
            .into_iter()
            .try_for_each(|((path, contents), content)| writeln!(f, "\n-- {path} --\n{}", contents[content]))
    }
}

/// A path that gets another content, or is removed.
#[derive(Clone)]
struct Edit(usize, Option<usize>);

impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, contents) = PATHS[self.0];
        write!(f, "{path}: {:?}", self.1.map(|content| contents[content]))
    }
}

fn content(path: usize) -> impl Strategy<Value = Option<usize>> {
    let contents = PATHS[path].1.len();
    // Mostly present, so that imports lead somewhere; what lies across another path or breaks everything is rare.
    let present = if PATHS[path].0.ends_with("l4.go") || contents == 1 { 1 } else { 3 };
    prop_oneof![1 => Just(None), present => (0..contents).prop_map(Some)]
}

fn choice() -> impl Strategy<Value = Choice> {
    (0..PATHS.len()).map(content).collect::<Vec<_>>().prop_map(Choice)
}

/// Some changes of a tree: at most a few paths get another content.
fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let edit = (0..PATHS.len()).prop_flat_map(|path| content(path).prop_map(move |content| Edit(path, content)));
    prop::collection::vec(edit, 1..5)
}

/// A tree that was made of a choice.
#[derive(Clone)]
struct Generated(MemoryTree);

impl Generated {
    fn new(choice: &Choice) -> Self {
        Self::of(choice.0.iter().enumerate())
    }

    fn of<'c>(files: impl Iterator<Item = (usize, &'c Option<usize>)>) -> Self {
        let mut tree = MemoryTree::new();
        let mut is_link = false;
        let mut below = None;
        for (path, content) in files.filter_map(|(path, content)| Some((path, (*content)?))) {
            let (path, content) = (PATHS[path].0, PATHS[path].1[content]);
            match (path, content.strip_prefix("-> ")) {
                // A link cannot have files below it.
                ("l4", Some(target)) => {
                    is_link = true;
                    tree.insert_link(path, target);
                }
                ("l4/l4.go", _) => below = Some(content),
                (_, Some(target)) => tree.insert_link(path, target),
                (_, None) => tree.insert(path, content),
            }
        }
        if let Some(content) = below.filter(|_| !is_link) {
            tree.insert("l4/l4.go", content);
        }
        Self(tree)
    }

    fn edited(choice: &Choice, edits: &[Edit]) -> Self {
        let mut choice = choice.clone();
        for Edit(path, content) in edits {
            choice.0[*path] = *content;
        }
        Self::new(&choice)
    }

    /// The tree with a line more in one file.
    fn touched(&self, path: &RepoPath) -> Self {
        let mut tree = self.clone();
        let text = self.0.read(path).unwrap();
        tree.0.insert(path.to_str().unwrap(), [&text, &b"// changed\n"[..]].concat());
        tree
    }

    fn config(&self) -> Config {
        let file = self.0.read(&RepoPath::from_clean(b"build-plan.toml"));
        file.map(|text| Config::parse(&text).unwrap()).unwrap_or_default()
    }

    fn is_link(&self, path: &RepoPath) -> bool {
        self.0.entry(path).unwrap().is_some_and(|entry| entry.kind == EntryKind::Symlink)
    }
}

/// Everything that a workspace means, as text that can be compared.
fn everything(workspace: &Workspace<'_>, config: &Config) -> Value {
    shown(&snapshot(workspace, config, true))
}

fn shown(snapshot: &Snapshot<'_>) -> Value {
    let packages = affected_packages(None, snapshot, Question::Builds);
    let tests = affected_packages(None, snapshot, Question::Tests);
    let mut digests = BTreeMap::new();
    for (key, context) in &snapshot.contexts {
        for (id, node) in context.graph.nodes() {
            let part = node.folder().map(|folder| folder.part);
            digests.insert(format!("{key:?} {} {part:?}", node.import_path), context.digests.deep(id).to_string());
        }
    }
    let inputs: Vec<Value> = snapshot
        .services
        .values()
        .map(|state| serde_json::to_value(inputs_document(snapshot, state)).unwrap())
        .collect();
    serde_json::json!({
        "inputs": inputs,
        "packages": format!("{packages:?}"),
        "tests": format!("{tests:?}"),
        "digests": digests,
        "problems": format!("{:?}", snapshot.problems),
        "notes": format!("{:?}", snapshot.notes),
    })
}

fn snapshot<'t>(workspace: &'t Workspace<'t>, config: &Config, every_package: bool) -> Snapshot<'t> {
    Snapshot::new(workspace, config, &SnapshotOptions { every_package, ..SnapshotOptions::default() }, None).unwrap()
}

fn scan(tree: &Generated) -> Workspace<'_> {
    Workspace::scan(&tree.0).unwrap()
}

/// Fingerprints by service; `None` where an input cannot be known.
fn fingerprints(tree: &Generated) -> BTreeMap<String, Option<Digest>> {
    let workspace = scan(tree);
    let snapshot = snapshot(&workspace, &tree.config(), false);
    snapshot.services.into_iter().map(|(name, state)| (name, state.fingerprint)).collect()
}

/// The paths of all inputs of each service, and whether it starts from the image of another one.
fn inputs(tree: &Generated) -> BTreeMap<String, (BTreeSet<RepoPath>, bool)> {
    fn paths(value: &Value, found: &mut BTreeSet<RepoPath>) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| paths(value, found)),
            Value::Object(fields) => {
                found.extend(
                    fields.get("path").and_then(Value::as_str).map(|path| RepoPath::from_clean(path.as_bytes())),
                );
                fields.values().for_each(|value| paths(value, found));
            }
            _ => {}
        }
    }
    let workspace = scan(tree);
    let snapshot = snapshot(&workspace, &tree.config(), false);
    let of = |(name, state): (&String, &ServiceState)| {
        let document = serde_json::to_value(inputs_document(&snapshot, state)).unwrap();
        let mut found = BTreeSet::new();
        for part in ["packages", "image", "declared"] {
            paths(&document[part], &mut found);
        }
        (String::clone(name), (found, !state.images_of.is_empty()))
    };
    snapshot.services.iter().map(of).collect()
}

/// The plan of one tree against another.
fn plan(base: &Generated, head: &Generated) -> Plan {
    let (base_workspace, head_workspace) = (scan(base), scan(head));
    let base_snapshot = snapshot(&base_workspace, &base.config(), false);
    let head_snapshot = snapshot(&head_workspace, &head.config(), false);
    let changes: ChangeSet = head.0.changes_from(&base.0);
    let id = ObjectId::from_bytes(&[7; 20]);
    let request = PlanRequest {
        head: HeadRevision { rev: None, commit: id, tree: id, working_copy: false, dirty: false },
        base: Some(BaseRevision { rev: "base".into(), commit: id, merge_base: false, source: "flag", rule: None }),
        missing_base: None,
        ledger: "none",
        record: &|_, _| Record::Unseen,
        unseen: Unseen::Compare,
        force: false,
        push: false,
        selection: Selection::default(),
        tags: &|_| Vec::new(),
        repository: &|_| None,
        fill: &|_, template| template.to_owned(),
    };
    Plan::new(Some(&base_snapshot), &head_snapshot, &changes, request)
}

fn json(plan: &Plan) -> String {
    json::to_text(&json::plan_document(plan)).unwrap()
}

/// Few cases, since they are tried at every build; `PROPTEST_CASES` asks for more.
fn proptest_config() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig { cases: asked.unwrap_or(64), failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    fn an_updated_workspace_is_what_a_scan_finds(before in choice(), edits in edits()) {
        let (old, new) = (Generated::new(&before), Generated::edited(&before, &edits));
        let workspace = scan(&old);
        let updated = workspace.update(&new.0).unwrap();
        prop_assert_eq!(everything(&updated, &new.config()), everything(&scan(&new), &new.config()));
    }

    #[test]
    fn what_a_snapshot_takes_over_is_what_it_would_have_found(before in choice(), edits in edits()) {
        let (old, new) = (Generated::new(&before), Generated::edited(&before, &edits));
        let workspace = scan(&old);
        let earlier = snapshot(&workspace, &old.config(), false);
        let updated = workspace.update(&new.0).unwrap();
        let with_earlier = Snapshot::new(&updated, &new.config(), &SnapshotOptions::default(), Some(&earlier)).unwrap();
        prop_assert_eq!(shown(&with_earlier), shown(&snapshot(&scan(&new), &new.config(), false)));
    }

    #[test]
    fn the_order_of_files_and_threads_means_nothing(choice in choice()) {
        let reversed = Generated::of(choice.0.iter().enumerate().collect::<Vec<_>>().into_iter().rev());
        let tree = Generated::new(&choice);
        prop_assert_eq!(everything(&scan(&tree), &tree.config()), everything(&scan(&reversed), &tree.config()));
    }

    #[test]
    fn a_fingerprint_covers_exactly_the_listed_files(choice in choice(), index in any::<prop::sample::Index>()) {
        let tree = Generated::new(&choice);
        // What these say counts, not how they say it, and a comment says nothing.
        let is_fact = |path: &RepoPath| {
            matches!(path.name(), b"go.mod" | b"two.mod" | b"go.sum" | b"go.work" | b"modules.txt" | b".gitattributes" | b"build-plan.toml")
        };
        let files: Vec<&RepoPath> = tree.0.paths().filter(|path| !is_fact(path) && !tree.is_link(path)).collect();
        prop_assume!(!files.is_empty());
        let path = files[index.index(files.len())].clone();
        let (before, after) = (fingerprints(&tree), fingerprints(&tree.touched(&path)));
        for (name, (listed, from_image)) in inputs(&tree) {
            let Some(Some(fingerprint)) = before.get(&name) else { continue };
            let differs = after.get(&name) != Some(&Some(*fingerprint));
            // A file may also be an input through a link that is listed, or through the image of another service.
            let is_indirect = from_image || listed.iter().any(|input| tree.is_link(input));
            prop_assert!(differs == listed.contains(&path) || is_indirect && differs, "{} {}: {:?}", name, path, listed);
        }
    }

    #[test]
    fn who_imports_an_affected_package_is_affected(before in choice(), edits in edits()) {
        let (old, new) = (Generated::new(&before), Generated::edited(&before, &edits));
        let (old_workspace, new_workspace) = (scan(&old), scan(&new));
        let base = snapshot(&old_workspace, &new.config(), true);
        let head = snapshot(&new_workspace, &new.config(), true);
        let affected = affected_packages(Some(&base), &head, Question::Builds);
        let is_affected = |node: &Node, folder: &FolderPackage| {
            affected.iter().any(|package| *package.import_path == *node.import_path && package.dir == folder.place.dir)
        };
        for (key, context) in &head.contexts {
            let Some(before) = base.contexts.get(key) else { continue };
            let differs = |id: NodeId| {
                let old = before.graph.counterpart(context.graph.node(id))?;
                Some(before.digests.deep(old) != context.digests.deep(id))
            };
            for (importer, importing) in context.graph.nodes() {
                for id in context.graph.imports(importer).filter(|id| differs(*id) == Some(true)) {
                    let node = context.graph.node(id);
                    // One that only head has in this context says nothing: it may be built as it was in another.
                    let Some(importer_differs) = differs(importer) else { continue };
                    prop_assert!(importer_differs, "{} imports {}", importing.import_path, node.import_path);
                    let listed = importing.folder().filter(|folder| {
                        folder.part == Part::Package && !folder.place.vendored && !folder.package.files.is_empty()
                    });
                    prop_assert!(
                        listed.is_none_or(|folder| is_affected(importing, folder)),
                        "{} imports {}",
                        importing.import_path,
                        node.import_path
                    );
                }
            }
        }
    }

    #[test]
    fn a_service_whose_fingerprint_differs_is_built_for_a_reason(before in choice(), edits in edits()) {
        let (old, new) = (Generated::new(&before), Generated::edited(&before, &edits));
        for service in plan(&old, &new).services {
            prop_assert!(!service.reasons.is_empty(), "{} has no reason", service.name);
            let is_same = service.fingerprint.is_some() && service.fingerprint == service.base_fingerprint;
            let unchanged = service.reasons.iter().any(|reason| reason.kind == ReasonKind::Unchanged);
            prop_assert_eq!((service.decision == Decision::Skip, unchanged), (is_same, is_same), "{}", service.name);
        }
    }

    #[test]
    fn a_tree_against_itself_has_nothing_to_build_but_what_cannot_be_known(choice in choice()) {
        let tree = Generated::new(&choice);
        let plan = plan(&tree, &tree);
        for service in plan.builds() {
            prop_assert!(service.fingerprint.is_none() && service.reasons.iter().all(|reason| reason.kind == ReasonKind::Unknown));
        }
        prop_assert!(plan.changed_files.is_empty() && plan.removed.is_empty());
    }

    #[test]
    fn the_same_trees_have_the_same_plan_to_the_byte(before in choice(), edits in edits()) {
        let (old, new) = (Generated::new(&before), Generated::edited(&before, &edits));
        prop_assert_eq!(json(&plan(&old, &new)), json(&plan(&old, &new)));
    }
}
