//! BuildKit as the judge of what a Dockerfile reads: every file of a context is changed in turn, and an image that comes
//! out different must be one that the planner wants to build. What it wants to build in vain must be expected, too.
//!
//! The cases are in the texts beside this file. A case is `=== NAME what it says`, lines `VERB: …`, and a tree in the `txtar` format,
//! which is the module `ex.io/m` if it has no go.mod:
//!
//! - `package`, `dockerfile`, `context`, `target`: the service, which is `cmd/app`, `Dockerfile` and `.` unless said
//!   otherwise; `-` is no package
//! - `argument: NAME=VALUE`: a build argument
//! - `image: NAME DOCKERFILE`: an image that is built first, of the same context, for `FROM NAME`
//! - `flag: NAME`: a flag of `COPY` that the frontend of this BuildKit need not know
//! - `config: LINE`: more of the configuration, after the table of the service
//! - `executable: FILES`, `archive: FILE FOLDER`: what a text cannot say: a mode, and a tar archive of a folder
//! - `change: CHANGE`: `add FILE`, `delete FILE`, `executable FILE`, `link FILE -> TARGET`, `replace FILE OLD => NEW`,
//!   beside the change of every file, whose label is its path
//! - `vain: CHANGE, CHANGE…: REASON`: changes that are planned though the image stays what it is, and why that must be
//!
//! A change of a file makes `@2` of every `@1` in it, or adds a comment. The Dockerfile and its `.dockerignore` are inputs
//! as they are, and are not judged where they are planned. With `JUDGE=NAME` only the cases are judged whose
//! names begin so.

mod bases;
mod case;
mod image;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::Value;

use super::servers::{Engine, found};
use super::support::Sandbox;
use bases::Base;
use case::{Case, Change, cases, put, write_tree};
use image::Image;

/// How many cases are judged at a time: a build waits more than it computes.
const WORKERS: usize = 3;

#[test]
#[ignore = "needs buildkitd, buildx, go"]
#[expect(clippy::print_stdout, reason = "the totals are of interest when all is well, too")]
fn no_file_that_changes_an_image_is_missed_and_vain_builds_are_expected() {
    let begin = Instant::now();
    let only = std::env::var("JUDGE").unwrap_or_default();
    let cases: Vec<Case> = cases().into_iter().filter(|case| case.name.starts_with(&only)).collect();
    let engine = Engine::buildkit();
    let bases = bases::make(&engine);
    println!("base images after {:.1} s", begin.elapsed().as_secs_f64());
    let (next, total) = (AtomicUsize::new(0), Mutex::new(Verdict::default()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = Court::new(&engine, &bases, case).judge();
                    total.lock().unwrap().add(verdict);
                }
            });
        }
    });
    let mut total = total.into_inner().unwrap();
    total.faults.sort();
    println!("{} cases in {:.1} s: {}", cases.len(), begin.elapsed().as_secs_f64(), total.counts());
    assert!(total.faults.is_empty(), "{}\n{}", total.faults.join("\n"), total.counts());
}

#[test]
fn cases_are_many_and_expect_what_can_be() {
    let cases = cases();
    let names: BTreeSet<&String> = cases.iter().map(|case| &case.name).collect();
    assert!(cases.len() >= 30 && names.len() == cases.len(), "{}", cases.len());
    for case in &cases {
        let changes: BTreeSet<&String> = case.changes.iter().map(|change| &change.label).collect();
        let unknown: Vec<&String> = case.vain.keys().filter(|label| !changes.contains(label)).collect();
        assert!(unknown.is_empty(), "{}: no such change: {unknown:?}", case.name);
        assert_eq!(changes.len(), case.changes.len(), "{}", case.name);
    }
}

/// What the judge found.
#[derive(Default)]
struct Verdict {
    changes: usize,
    /// Changes that alter the image and are planned.
    needed: usize,
    /// Changes that alter nothing and are planned, as expected.
    in_vain: usize,
    /// Changes of Dockerfiles and `.dockerignore` files that are planned; whether they alter an image is not asked.
    recipes: usize,
    /// Changes that alter the image and are not planned.
    missed: usize,
    /// Vain builds that are not expected, and expected ones that there are not.
    surprises: usize,
    /// Cases that the frontend of this BuildKit does not know.
    unknown: usize,
    faults: Vec<String>,
}

impl Verdict {
    fn add(&mut self, other: Self) {
        self.changes += other.changes;
        self.needed += other.needed;
        self.in_vain += other.in_vain;
        self.recipes += other.recipes;
        self.missed += other.missed;
        self.surprises += other.surprises;
        self.unknown += other.unknown;
        self.faults.extend(other.faults);
    }

    fn counts(&self) -> String {
        format!(
            "{} changes; built: {} that alter the image, {} in vain as expected, {} for a Dockerfile or \
             .dockerignore; {} MISSED, {} not in vain or in vain against expectation, {} cases not known \
             to this BuildKit, {} faults",
            self.changes,
            self.needed,
            self.in_vain,
            self.recipes,
            self.missed,
            self.surprises,
            self.unknown,
            self.faults.len()
        )
    }
}

/// A case before the judge: the same tree twice, as a repository for the planner and as a context for BuildKit, which
/// must not see `.git`.
struct Court<'a> {
    case: &'a Case,
    engine: &'a Engine,
    bases: &'a [Base],
    repo: Sandbox,
    context: PathBuf,
    config: String,
}

impl<'a> Court<'a> {
    fn new(engine: &'a Engine, bases: &'a [Base], case: &'a Case) -> Self {
        let repo = Sandbox::empty();
        write_tree(repo.dir(), &case.tree);
        repo.commit("base");
        let context = repo.beside("context");
        write_tree(&context, &case.tree);
        let config = repo.beside("build-plan.toml");
        fs::write(&config, case.configuration()).unwrap();
        let config = config.to_str().unwrap().to_owned();
        Self { case, engine, bases, repo, context, config }
    }

    fn judge(&self) -> Verdict {
        let mut verdict = Verdict::default();
        let unchanged = match self.build() {
            Ok(image) => image,
            Err(log) => {
                if self.case.flag.as_ref().is_some_and(|flag| log.contains(&format!("unknown flag: {flag}"))) {
                    verdict.unknown += 1;
                } else {
                    verdict.faults.push(format!("{}: BuildKit refuses it:\n{log}", self.case.name));
                }
                return verdict;
            }
        };
        let plan = self.plan();
        if plan["decision"] != "skip" {
            verdict.faults.push(format!("{}: is built without a change: {plan:#}", self.case.name));
        }
        let (quiet, others): (Vec<_>, Vec<_>) =
            self.case.changes.iter().map(|change| (change, self.plan_of(change))).partition(|it| self.is_quiet(it));
        verdict.changes = quiet.len() + others.len();
        let quiet = if self.leave_it(&quiet, &unchanged) { Vec::new() } else { quiet };
        for (change, plan) in quiet.iter().chain(&others) {
            if plan["decision"] == "build" && self.case.is_recipe(change) {
                verdict.recipes += 1;
            } else {
                self.hear(&mut verdict, change, plan, &unchanged);
            }
        }
        verdict
    }

    /// Whether nothing should come of a change.
    fn is_quiet(&self, (change, plan): &(&Change, Value)) -> bool {
        change.is_edit && plan["decision"] == "skip" && !self.case.vain.contains_key(&change.label)
    }

    /// Whether changes of so many files at once leave the image as it is; then each of them does.
    fn leave_it(&self, quiet: &[(&Change, Value)], unchanged: &Image) -> bool {
        for (change, _) in quiet {
            self.put(change, true);
        }
        let image = self.build();
        for (change, _) in quiet {
            self.put(change, false);
        }
        image.is_ok_and(|image| unchanged.differences(&image).is_empty())
    }

    /// Judges one change.
    fn hear(&self, verdict: &mut Verdict, change: &Change, plan: &Value, unchanged: &Image) {
        self.put(change, true);
        let image = self.build();
        self.put(change, false);
        let differences = match image {
            Ok(image) => unchanged.differences(&image),
            // What is copied by name and is gone breaks the build, which is a difference, too.
            Err(log) if change.may_break() => vec![log.lines().last().unwrap_or_default().to_owned()],
            Err(log) => {
                verdict.faults.push(format!("{}: {} breaks the build:\n{log}", self.case.name, change.label));
                return;
            }
        };
        self.weigh(verdict, change, &differences, plan);
    }

    /// Compares what the judge and the planner say of a change.
    fn weigh(&self, verdict: &mut Verdict, change: &Change, differences: &[String], plan: &Value) {
        let name = format!("{} ({}): {}", self.case.name, self.case.says, change.label);
        let (is_other, is_built) = (!differences.is_empty(), plan["decision"] == "build");
        let is_expected = self.case.vain.contains_key(&change.label);
        match (is_other, is_built) {
            (true, true) => verdict.needed += 1,
            (true, false) => {
                verdict.missed += 1;
                let mut text = format!("MISSED {name}: these paths of the image differ: {differences:?}\n");
                write!(text, "{}\n{plan:#}", self.case.dockerfile_text()).unwrap();
                verdict.faults.push(text);
            }
            (false, true) if is_expected => verdict.in_vain += 1,
            (false, true) => {
                verdict.surprises += 1;
                verdict.faults.push(format!("IN VAIN {name}: {}", plan["reasons"]));
            }
            (false, false) => {}
        }
        if is_expected && (is_other || !is_built) {
            verdict.surprises += 1;
            let state = if is_other { "changes the image" } else { "is not built" };
            verdict.faults.push(format!("NOT IN VAIN {name}: it {state}"));
        }
    }

    fn put(&self, change: &Change, is_changed: bool) {
        let was = self.case.tree.get(&change.path);
        let node = if is_changed { change.to.as_ref() } else { was };
        put(self.repo.dir(), &change.path, node);
        put(&self.context, &change.path, node);
    }

    fn plan_of(&self, change: &Change) -> Value {
        self.put(change, true);
        let plan = self.plan();
        self.put(change, false);
        plan
    }

    /// What is planned for the service, or what the program complains of.
    fn plan(&self) -> Value {
        let run = self.repo.run(["plan", "-o", "json", "--base", "HEAD", "--config", &self.config]);
        let plan: Value = serde_json::from_str(&run.stdout).unwrap_or_default();
        let services = plan["services"].as_array();
        let app = services.and_then(|services| services.iter().find(|service| service["name"] == "app"));
        app.cloned().unwrap_or(Value::String(run.stderr))
    }

    /// The image, or what BuildKit said.
    fn build(&self) -> Result<Image, String> {
        let folder = tempfile::tempdir_in(self.engine.folder.path()).unwrap();
        let (layout, output) = (folder.path().join("layout"), folder.path().join("output"));
        let mut contexts: Vec<String> = self.bases.iter().map(Base::as_build_context).collect();
        if let Some((name, dockerfile)) = &self.case.image {
            let to = format!("type=oci,tar=false,dest={}", layout.display());
            self.run(self.buildx(dockerfile, &contexts, &to))?;
            contexts.push(format!("{name}=oci-layout://{}", layout.display()));
        }
        let to = format!("type=local,dest={}", output.display());
        let mut command = self.buildx(&self.case.dockerfile, &contexts, &to);
        if let Some(target) = &self.case.target {
            command.args(["--target", target]);
        }
        for argument in &self.case.arguments {
            command.args(["--build-arg", argument]);
        }
        self.run(command)?;
        Ok(Image::read(&output))
    }

    fn buildx(&self, dockerfile: &str, contexts: &[String], output: &str) -> Command {
        let mut command = buildx(self.engine);
        command.args(["--output", output]).arg("--file").arg(self.context.join(dockerfile));
        for context in contexts {
            command.args(["--build-context", context]);
        }
        command
    }

    /// Runs a build of the context of the case.
    fn run(&self, mut command: Command) -> Result<(), String> {
        let run = command.arg(self.context.join(&self.case.context)).output().unwrap();
        if run.status.success() { Ok(()) } else { Err(end_of(&String::from_utf8_lossy(&run.stderr))) }
    }
}

/// The last lines of a log.
fn end_of(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(25)..].join("\n")
}

/// A build, to be told of what and whereto.
fn buildx(engine: &Engine) -> Command {
    let mut command = engine.command(found("buildx").to_str().unwrap());
    command.args(["build", "--progress=plain", "--provenance=false"]).env("GOGC", "off");
    command
}
