//! What a build-plan.lock makes exact, and what becomes of one that is stale or damaged. The module caches are made by
//! hand, so no test needs Go.

use std::fs;

use serde_json::Value;

use crate::support::{Plan, Run, Sandbox};

/// A repository and a module cache beside it.
struct Locked {
    repo: Sandbox,
}

impl Locked {
    /// A repository of some files, each `path` with its text.
    fn new(files: &[(&str, &str)]) -> Self {
        let locked = Self { repo: Sandbox::empty() };
        locked.write(files);
        locked
    }

    fn write(&self, files: &[(&str, &str)]) -> &Self {
        for (path, text) in files {
            self.repo.write(path, text);
        }
        self
    }

    /// Puts a module into the cache: its go.mod without the first line, and its files.
    fn module(&self, path: &str, version: &str, go_mod: &str, files: &[(&str, &str)]) -> &Self {
        let cache = self.repo.beside("cache");
        let write = |path: &str, text: &str| {
            let path = cache.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        // 32 bytes that tell modules apart are all that a hash has to be.
        let letters = format!("{:A<43}", path.replace(['.', '/'], "") + &version.replace('.', ""));
        write(&format!("cache/download/{path}/@v/{version}.mod"), &format!("module {path}\n{go_mod}"));
        write(&format!("cache/download/{path}/@v/{version}.ziphash"), &format!("h1:{}=", &letters[..43]));
        for (file, text) in files {
            write(&format!("{path}@{version}/{file}"), text);
        }
        self
    }

    fn run<const N: usize>(&self, arguments: [&str; N]) -> Run {
        Run::of(self.repo.program().args(arguments).env("GOMODCACHE", self.repo.beside("cache")))
    }

    /// Locks, checks, and commits.
    fn lock(&self) -> &Self {
        self.run(["lock", "-q"]).success();
        self.run(["lock", "--check", "-q"]).success();
        self.repo.commit("locked");
        self
    }

    fn plan(&self) -> Plan {
        self.repo.plan(["--base", "HEAD"])
    }

    /// The external modules of a service: path, version, and whether they are known exactly.
    fn external(&self, service: &str) -> Vec<String> {
        let document: Value =
            serde_json::from_str(&self.repo.run(["inputs", service, "-o", "json"]).success()).unwrap();
        let show = |module: &Value| {
            let exact = if module["exact"] == true { "" } else { " perhaps" };
            format!("{} {}{exact}", module["module"].as_str().unwrap(), module["version"].as_str().unwrap())
        };
        document["external"].as_array().unwrap().iter().map(show).collect()
    }
}

/// Two programs in one module, each with a module of its own behind it, and one that only a library brings in.
fn two_programs() -> Locked {
    let locked = Locked::new(&[
        (
            "go.mod",
            "module ex.io/m\ngo 1.24\nrequire (\n\tx.io/x v1.0.0\n\ty.io/y v1.0.0\n\tz.io/z v1.0.0 // indirect\n)\n",
        ),
        ("cmd/a/main.go", "package main\n\nimport _ \"x.io/x\"\n\nfunc main() {}\n"),
        ("cmd/b/main.go", "package main\n\nimport _ \"y.io/y/sub\"\n\nfunc main() {}\n"),
    ]);
    let x = [("x.go", "package x\n"), ("x_windows.go", "package x\nimport _ \"z.io/z\"\n")];
    locked.module("x.io/x", "v1.0.0", "go 1.24\nrequire z.io/z v1.0.0\n", &x);
    for version in ["v1.0.0", "v1.1.0"] {
        locked.module("y.io/y", version, "go 1.24\n", &[("sub/y.go", "package sub\nimport _ \"z.io/z\"\n")]);
    }
    locked.module("z.io/z", "v1.0.0", "go 1.24\n", &[("z.go", "package z\n")]);
    locked.lock();
    locked
}

#[test]
fn each_service_has_exactly_the_modules_that_its_packages_are_from() {
    let locked = two_programs();
    assert_eq!(locked.external("a"), ["x.io/x v1.0.0"]);
    assert_eq!(locked.external("b"), ["y.io/y v1.0.0", "z.io/z v1.0.0"]);
    assert_eq!(locked.plan().note_kinds(), [""; 0]);
}

#[test]
fn a_dependency_update_rebuilds_only_the_services_that_use_it() {
    let locked = two_programs();
    locked.repo.replace("go.mod", "y.io/y v1.0.0", "y.io/y v1.1.0");
    locked.run(["lock", "-q"]).success();
    let plan = locked.plan();
    assert_eq!(plan.story(), ["b: external-module y.io/y \"v1.0.0\" -> \"v1.1.0\" via b > sub"]);
    assert_eq!(plan.note_kinds(), [""; 0]);
}

#[test]
fn a_stale_lock_still_counts_for_what_it_knows() {
    let locked = two_programs();
    locked.repo.replace("go.mod", "y.io/y v1.0.0", "y.io/y v1.1.0");
    assert!(locked.run(["lock", "--check"]).finding().contains("y.io/y@v1.1.0 is not in build-plan.lock"));
    let plan = locked.plan();
    assert_eq!(plan.built(), ["b"]);
    assert_eq!(
        plan.story(),
        [
            "b: external-module y.io/y \"v1.0.0\" -> \"v1.1.0\" via b > sub",
            "b: external-module external modules \"known from build-plan.lock\" -> \"bounded by go.mod\"",
        ]
    );
    assert_eq!(plan.note_kinds(), ["back-edges", "external-bound"]);
    assert_eq!(locked.external("a"), ["x.io/x v1.0.0"]);
}

#[test]
fn a_lock_that_appears_or_vanishes_is_one_reason_for_each_service() {
    let locked = two_programs();
    locked.repo.remove("build-plan.lock");
    let plan = locked.plan();
    let reason = "external-module external modules \"known from build-plan.lock\" -> \"bounded by go.mod\"";
    assert_eq!(plan.story(), [format!("a: {reason}"), format!("b: {reason}")]);
}

#[test]
fn what_go_sum_contradicts_is_not_believed() {
    let locked = two_programs();
    locked.repo.write("go.sum", "y.io/y v1.0.0 h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
    assert_eq!(locked.external("a"), ["x.io/x v1.0.0"]);
    assert!(locked.external("b").contains(&"x.io/x v1.0.0 perhaps".to_owned()));
    locked.run(["lock", "--check"]).finding();
}

#[test]
fn a_line_that_was_edited_is_named_and_does_not_count() {
    let locked = two_programs();
    locked.repo.replace("build-plan.lock", "\t/sub z.io/z ", "\t/sub ");
    let complaint = locked.run(["lock", "--check"]).finding();
    assert!(complaint.contains("build-plan.lock:"), "{complaint}");
    let plan = locked.plan();
    assert_eq!(plan.built(), ["b"]);
    let notes = plan.0["notes"].to_string();
    assert!(notes.contains("it was edited, or belongs to another version"), "{notes}");
}

#[test]
fn check_wants_no_entry_that_nobody_needs() {
    let locked = two_programs();
    locked.repo.write("cmd/b/main.go", "package main\n\nfunc main() {}\n");
    let complaint = locked.run(["lock", "--check"]).finding();
    assert!(complaint.contains("entries that nothing needs any more"), "{complaint}");
    locked.lock();
    assert!(!locked.repo.read("build-plan.lock").contains("y.io/y"));
}

#[test]
fn locking_twice_gives_the_same_file() {
    let locked = two_programs();
    let before = locked.repo.read("build-plan.lock");
    locked.run(["lock", "-q"]).success();
    assert_eq!(locked.repo.read("build-plan.lock"), before);
}

#[test]
fn what_the_cache_lacks_is_named() {
    let locked = two_programs();
    locked.repo.replace("go.mod", "y.io/y v1.0.0", "y.io/y v1.2.0");
    let run = locked.run(["lock"]);
    assert!(run.stderr.contains("warning: y.io/y@v1.2.0 is not in the module cache"), "{}", run.stderr);
    assert!(run.stderr.contains("`buildplan lock --download`"), "{}", run.stderr);
    assert_eq!(run.code, 0);
    assert!(locked.repo.read("build-plan.lock").contains("\nx.io/x v1.0.0\n"));
}

#[test]
fn a_download_that_fails_keeps_nothing_that_is_there_from_being_locked() {
    let locked = two_programs();
    locked.repo.replace("go.mod", "y.io/y v1.0.0", "y.io/y v1.2.0");
    let cache = locked.repo.beside("cache");
    let mut lock = locked.repo.program();
    let run =
        Run::of(lock.args(["lock", "--download"]).env("GOMODCACHE", cache).env("PATH", locked.repo.beside("none")));
    assert!(run.stderr.contains("warning: cannot run the go program"), "{}", run.stderr);
    assert!(run.stderr.contains("warning: y.io/y@v1.2.0 is not in the module cache"), "{}", run.stderr);
    assert!(!run.stderr.contains("--download"), "{}", run.stderr);
    assert_eq!(run.code, 0);
    assert!(locked.repo.read("build-plan.lock").contains("\nx.io/x v1.0.0\n"));
}

#[test]
fn vendored_modules_need_no_lock() {
    let repo = Sandbox::copy_of("vendored");
    let run = Run::of(repo.program().arg("lock").env("GOMODCACHE", repo.beside("cache")));
    assert!(run.stderr.contains("nothing to lock"), "{}", run.stderr);
    assert_eq!(run.code, 0);
    assert!(!repo.dir().join("build-plan.lock").exists());
}

/// Two modules in a workspace, where `b` requires a module that wants more of another than `a` lists.
fn hidden_bump() -> Locked {
    let main = |import: &str| format!("package main\n\nimport _ \"{import}\"\n\nfunc main() {{}}\n");
    let locked = Locked::new(&[
        ("go.work", "go 1.24\nuse ./a\nuse ./b\n"),
        ("build-plan.toml", "[go]\nworkspace = \"on\"\n"),
        ("a/go.mod", "module ex.io/a\ngo 1.24\nrequire z.io/z v1.2.0\n"),
        ("a/main.go", &main("z.io/z")),
        ("b/go.mod", "module ex.io/b\ngo 1.24\nrequire y.io/y v1.1.0\n"),
        ("b/main.go", &main("y.io/y")),
    ]);
    for version in ["v1.2.0", "v1.5.0"] {
        locked.module("z.io/z", version, "go 1.24\n", &[("z.go", "package z\n")]);
    }
    locked.module("y.io/y", "v1.0.0", "go 1.24\n", &[("y.go", "package y\n")]);
    locked.module("y.io/y", "v1.1.0", "go 1.24\nrequire z.io/z v1.5.0\n", &[("y.go", "package y\n")]);
    locked.lock();
    locked
}

#[test]
fn in_a_workspace_a_requirement_of_one_module_moves_the_version_of_another() {
    let locked = hidden_bump();
    assert_eq!(locked.external("a"), ["z.io/z v1.5.0"]);
    locked.repo.replace("b/go.mod", "v1.1.0", "v1.0.0");
    locked.run(["lock", "-q"]).success();
    assert_eq!(
        locked.plan().story(),
        [
            "a: external-module z.io/z \"v1.5.0\" -> \"v1.2.0\" via a > z",
            "b: external-module y.io/y \"v1.1.0\" -> \"v1.0.0\" via b > y",
        ]
    );
}

#[test]
fn in_a_workspace_an_unknown_go_mod_leaves_every_version_open() {
    let locked = hidden_bump();
    locked.repo.replace("b/go.mod", "v1.1.0", "v1.3.0");
    let plan = locked.plan();
    assert_eq!(plan.built(), ["a", "b"]);
    assert_eq!(plan.note_kinds(), ["back-edges", "external-bound"]);
}

#[test]
fn an_external_module_leads_back_to_a_package_of_the_workspace() {
    let locked = Locked::new(&[
        ("go.work", "go 1.24\nuse ./app\nuse ./lib\n"),
        ("build-plan.toml", "[go]\nworkspace = \"on\"\n"),
        ("app/go.mod", "module ex.io/app\ngo 1.24\nrequire x.io/x v1.0.0\n"),
        ("app/main.go", "package main\n\nimport _ \"x.io/x\"\n\nfunc main() {}\n"),
        ("lib/go.mod", "module ex.io/lib\ngo 1.24\n"),
        ("lib/used/used.go", "package used\n"),
        ("lib/other/other.go", "package other\n"),
    ]);
    locked.module("ex.io/lib", "v1.0.0", "go 1.24\n", &[("used/used.go", "package used\n")]);
    let x = [("x.go", "package x\nimport _ \"ex.io/lib/used\"\n")];
    locked.module("x.io/x", "v1.0.0", "go 1.24\nrequire ex.io/lib v1.0.0\n", &x).lock();
    locked.repo.edit("lib/other/other.go");
    assert_eq!(locked.plan().story(), [""; 0]);
    locked.repo.edit("lib/used/used.go");
    let plan = locked.plan();
    assert_eq!(plan.story(), ["app: go-file lib/used/used.go modified via app > x > used"]);
    assert_eq!(plan.note_kinds(), [""; 0]);
}

#[test]
fn a_module_that_another_replaces_has_the_files_of_that() {
    let locked = Locked::new(&[
        ("go.mod", "module ex.io/m\ngo 1.24\nrequire x.io/x v1.0.0\nreplace x.io/x => f.io/fork v0.1.0\n"),
        ("main.go", "package main\n\nimport _ \"x.io/x/p\"\n\nfunc main() {}\n"),
    ]);
    locked.module("f.io/fork", "v0.1.0", "go 1.24\n", &[("p/p.go", "package p\n")]);
    locked.module("f.io/fork", "v0.2.0", "go 1.24\n", &[("p/p.go", "package p\n")]);
    locked.lock();
    assert_eq!(locked.external("m"), ["x.io/x v1.0.0 => f.io/fork v0.1.0"]);
    locked.repo.replace("go.mod", "v0.1.0", "v0.2.0");
    locked.run(["lock", "-q"]).success();
    let moved = "\"v1.0.0 => f.io/fork v0.1.0\" -> \"v1.0.0 => f.io/fork v0.2.0\"";
    assert_eq!(locked.plan().story(), [format!("m: external-module x.io/x {moved} via m > p")]);
}

#[test]
fn a_package_is_from_the_module_that_has_it() {
    let locked = Locked::new(&[
        ("go.mod", "module ex.io/m\ngo 1.24\nrequire (\n\tn.io/n v1.0.0\n\tn.io/n/sub v0.1.0\n)\n"),
        ("main.go", "package main\n\nimport _ \"n.io/n/sub/deep\"\n\nfunc main() {}\n"),
    ]);
    locked.module("n.io/n", "v1.0.0", "go 1.24\n", &[("sub/deep/deep.go", "package deep\n")]);
    locked.module("n.io/n/sub", "v0.1.0", "go 1.24\n", &[("other/other.go", "package other\n")]);
    locked.lock();
    assert_eq!(locked.external("m"), ["n.io/n v1.0.0"]);
    assert!(locked.repo.read("build-plan.lock").contains("\t-/deep/ "));
}
