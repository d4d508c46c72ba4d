//! How long each stage takes on the small generated monorepo: `cargo bench`. Whole runs are timed by `scripts/bench`.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot make its repository fails")]

mod monorepo;

use buildplan::config::{Config, Unseen};
use buildplan::fingerprint::{Snapshot, SnapshotOptions};
use buildplan::git::Repository;
use buildplan::go::source::scan_go;
use buildplan::go::workspace::Workspace;
use buildplan::plan::{HeadRevision, Plan, PlanRequest, Record, Selection};
use buildplan::render::json;
use criterion::{Criterion, criterion_group, criterion_main};

use monorepo::{Size, Summary, generate};

fn stages(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let summary: Summary = generate(folder.path(), Size::Small, 1).unwrap();
    let repository = Repository::discover(folder.path()).unwrap();
    let (base, head) = (repository.commit("HEAD~1").unwrap(), repository.commit(&summary.head).unwrap());
    let (base_tree, head_tree) = (repository.commit_tree(&base), repository.commit_tree(&head));
    let (config, options) = (Config::default(), SnapshotOptions::default());

    criterion.bench_function("git: changes between two commits", |bencher| {
        bencher.iter(|| repository.changes(&base_tree, &head_tree).unwrap());
    });
    criterion.bench_function("go: scan a workspace", |bencher| {
        bencher.iter(|| Workspace::scan(&head_tree).unwrap());
    });
    let workspace = Workspace::scan(&head_tree).unwrap();
    criterion.bench_function("go: update a workspace to another commit", |bencher| {
        bencher.iter(|| workspace.update(&base_tree).unwrap());
    });
    criterion.bench_function("fingerprint: take a snapshot", |bencher| {
        bencher.iter(|| Snapshot::new(&workspace, &config, &options, None).unwrap());
    });
    let snapshot = Snapshot::new(&workspace, &config, &options, None).unwrap();
    let base_workspace = workspace.update(&base_tree).unwrap();
    criterion.bench_function("fingerprint: take a snapshot after another", |bencher| {
        bencher.iter(|| Snapshot::new(&base_workspace, &config, &options, Some(&snapshot)).unwrap());
    });
    let before = Snapshot::new(&base_workspace, &config, &options, Some(&snapshot)).unwrap();
    let changes = repository.changes(&base_tree, &head_tree).unwrap();
    let plan = || Plan::new(Some(&before), &snapshot, &changes, request(&head));
    criterion.bench_function("plan: decide and explain", |bencher| bencher.iter(plan));
    criterion.bench_function("render: write a plan as JSON", |bencher| {
        let plan = plan();
        bencher.iter(|| json::to_text(&json::plan_document(&plan)).unwrap());
    });
}

fn request(head: &buildplan::git::Commit) -> PlanRequest<'static> {
    PlanRequest {
        head: HeadRevision { rev: None, commit: head.id, tree: head.tree, working_copy: false, dirty: false },
        base: None,
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
    }
}

fn one_file(criterion: &mut Criterion) {
    let source = include_bytes!("../testdata/shop/libs/store/store.go");
    criterion.bench_function("go: read the header of a file", |bencher| bencher.iter(|| scan_go(source)));
}

criterion_group!(benches, stages, one_file);
criterion_main!(benches);
