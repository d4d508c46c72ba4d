//! With a build-plan.lock the inputs of a service are what `go list -deps` lists: the files of the repository, and the
//! modules outside it with their versions and hashes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::modules::{Choices, Modules, proptest_config};
use crate::proxy::{Proxy, output, sections};
use crate::support::{Run, Sandbox};

/// A repository, and a proxy that serves what it requires.
struct Monorepo {
    sandbox: Sandbox,
    proxy: Proxy,
    in_workspace: bool,
}

/// What goes into a program.
#[derive(Debug, Default, PartialEq, Eq)]
struct Closure {
    /// Go files of the repository, by path.
    files: BTreeSet<String>,
    /// `path version` and the replacement, if there is one, with the hash.
    modules: BTreeMap<String, String>,
}

impl Closure {
    /// In short: files and modules in order, without hashes.
    fn shown(&self) -> String {
        let modules = self.modules.keys().map(|name| name.trim_start_matches("ex.io/").replacen(' ', "@", 1));
        self.files.iter().cloned().chain(modules).collect::<Vec<_>>().join(" ")
    }
}

impl Monorepo {
    /// A repository with a module in each of the folders `a`, `b` …, whose root is a program.
    fn new(repository: &str, published: &str) -> Self {
        let sandbox = Sandbox::empty();
        let proxy = Proxy::from_txtar(published);
        for (name, content) in sections(repository) {
            sandbox.write(name, content);
        }
        let in_workspace = sandbox.dir().join("go.work").exists();
        let folders = sections(repository).into_iter().filter_map(|(name, _)| name.strip_suffix("/go.mod"));
        // In a workspace go asks for no sums.
        for folder in folders.filter(|_| !in_workspace) {
            sandbox.write(format!("{folder}/go.sum"), proxy.go_sum());
        }
        let mode = if in_workspace { "on" } else { "off" };
        sandbox.write("build-plan.toml", format!("version = 1\n\n[go]\ncgo = false\nworkspace = \"{mode}\"\n"));
        sandbox.commit("base");
        Self { sandbox, proxy, in_workspace }
    }

    /// What `go` says goes into the program in a folder, or what it complains of.
    fn listed_by_go(&self, folder: &str) -> Result<Closure, String> {
        let (dir, package) = match self.in_workspace {
            true => (self.sandbox.dir().to_owned(), format!("./{folder}")),
            false => (self.sandbox.dir().join(folder), ".".to_owned()),
        };
        let list = output(self.proxy.go(&dir).args(["list", "-deps", "-json=Dir,Standard,GoFiles,Module", &package]))?;
        let mut closure = Closure::default();
        for package in serde_json::Deserializer::from_str(&list).into_iter::<Value>().map(Result::unwrap) {
            if package["Standard"] == true {
                continue;
            }
            let module = &package["Module"];
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let is_local =
                module["Main"] == true || module["Replace"].is_object() && module["Replace"]["Version"].is_null();
            if is_local {
                let dir = text(&package["Dir"]);
                let dir = dir.strip_prefix(self.sandbox.dir().to_str().unwrap()).unwrap().trim_start_matches('/');
                let files = package["GoFiles"].as_array().unwrap().iter();
                closure.files.extend(files.map(|file| format!("{dir}/{}", text(file))));
                continue;
            }
            let replacement = &module["Replace"];
            let (actual, shown) = match replacement.is_object() {
                true => (replacement, format!(" => {} {}", text(&replacement["Path"]), text(&replacement["Version"]))),
                false => (module, String::new()),
            };
            let name = format!("{} {}{shown}", text(&module["Path"]), text(&module["Version"]));
            closure.modules.insert(name, self.proxy.sum(&text(&actual["Path"]), &text(&actual["Version"])));
        }
        Ok(closure)
    }

    /// The inputs of a service.
    #[track_caller]
    fn inputs(&self, service: &str) -> (Closure, Value) {
        let document = Run::of(self.program().args(["inputs", service, "-o", "json"])).success();
        let document: Value = serde_json::from_str(&document).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut closure = Closure::default();
        for package in document["packages"].as_array().unwrap() {
            closure.files.extend(package["files"].as_array().unwrap().iter().map(|file| text(&file["path"])));
        }
        for module in document["external"].as_array().unwrap() {
            let name = format!("{} {}", text(&module["module"]), text(&module["version"]));
            // A folder of the repository is there with its files.
            if !name.contains(" => .") {
                closure.modules.insert(name, text(&module["h1"]));
            }
        }
        (closure, document)
    }

    fn program(&self) -> std::process::Command {
        let mut program = self.sandbox.program();
        self.proxy.configure(&mut program);
        program
    }

    /// Writes the lock, and holds it to be complete.
    #[track_caller]
    fn lock(&self) {
        let run = Run::of(self.program().arg("lock"));
        assert_eq!(run.code, 0, "{}", run.stderr);
        let run = Run::of(self.program().args(["lock", "--check"]));
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
}

/// Holds the inputs of the program in `a` to what go says, and both to a list of its files and of `module@version`s.
#[track_caller]
fn check(modules: &str, expected: &str) {
    let modules = Modules(modules.to_owned());
    check_texts(&modules.repository(), &modules.published(), expected);
}

/// The same for txtar texts.
#[track_caller]
fn check_texts(repository: &str, published: &str, expected: &str) {
    let monorepo = Monorepo::new(repository, published);
    let by_go = monorepo.listed_by_go("a").unwrap();
    monorepo.proxy.download_all();
    monorepo.lock();
    let (closure, document) = monorepo.inputs("a");
    assert_eq!(closure, by_go, "{document:#}");
    let is_exact = document["external"].as_array().unwrap().iter().all(|module| module["exact"] == true);
    assert!(is_exact && document["notes"].as_array().unwrap().is_empty(), "{document:#}");
    assert_eq!(by_go.shown(), expected);
}

/// Holds the inputs to cover what is expected where go complains.
#[track_caller]
fn check_refused(modules: &str, complaint: &str, expected: &str) {
    let modules = Modules(modules.to_owned());
    let monorepo = Monorepo::new(&modules.repository(), &modules.published());
    let by_go = monorepo.listed_by_go("a").unwrap_err();
    assert!(by_go.contains(complaint), "{by_go}");
    monorepo.proxy.download_all();
    let run = Run::of(monorepo.program().arg("lock"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    let (closure, document) = monorepo.inputs("a");
    assert_eq!(closure.shown(), expected, "{document:#}");
}

#[test]
#[ignore = "needs go"]
fn a_workspace_raises_versions_that_a_module_alone_does_not() {
    let modules = "a 1.24 require z@v1.2.0 import z\nb 1.24 require y@v1.0.0 import y\n\
                   y@v1.0.0 1.20 require z@v1.5.0\nz@v1.2.0 1.20\nz@v1.5.0 1.20";
    check(modules, "a/p.go z@v1.2.0");
    check(&format!("work 1.24 use a b\n{modules}"), "a/p.go z@v1.5.0");
}

#[test]
#[ignore = "needs go"]
fn a_published_version_of_a_workspace_module_has_requirements() {
    let modules = "work 1.24 use a b\na 1.24 require z@v1.2.0 b@v1.0.0 import z b/lib\nb 1.24 in lib\n\
                   b@v1.0.0 1.20 require z@v1.5.0\nz@v1.2.0 1.20\nz@v1.5.0 1.20";
    check(modules, "a/p.go b/lib/p.go z@v1.5.0");
    check(&modules.replacen("import", "replace b=>../b import", 1), "a/p.go b/lib/p.go z@v1.2.0");
}

#[test]
#[ignore = "needs go"]
fn replacements_of_every_module_count_for_all() {
    let modules = "work 1.24 use a b\na 1.24 require z@v1.2.0 w@v1.0.0 import w z\nb 1.24 replace z=>../lib\n\
                   lib 1.20\nw@v1.0.0 1.20\nz@v1.2.0 1.20\nz@v1.3.0 1.20";
    check(modules, "a/p.go lib/p.go w@v1.0.0");
    check(&modules.replacen("use a b", "use a b replace z=>z@v1.3.0", 1), "a/p.go w@v1.0.0 z@v1.2.0 => ex.io/z v1.3.0");
    check(&modules.replacen("use a b", "use a b replace z@v1.3.0=>z@v1.3.0", 1), "a/p.go lib/p.go w@v1.0.0");
}

#[test]
#[ignore = "needs go"]
fn a_replacement_of_every_version_in_a_later_module_wins_over_that_of_one_version() {
    let modules = "a 1.24 require z@v1.2.0 replace z=>z@v1.3.0 import z\nb 1.24 replace z@v1.2.0=>z@v1.4.0\n\
                   z@v1.2.0 1.20\nz@v1.3.0 1.20\nz@v1.4.0 1.20";
    check(&format!("work 1.24 use b a\n{modules}"), "a/p.go z@v1.2.0 => ex.io/z v1.3.0");
}

#[test]
#[ignore = "needs go"]
fn an_external_module_leads_back_into_the_repository() {
    let modules = "work 1.24 use a b\na 1.24 require x@v1.0.0 import x\nb 1.24 in lib import b/other in other\n\
                   x@v1.0.0 1.20 require b@v1.0.0 import b/lib\nb@v1.0.0 1.20 in lib";
    check(modules, "a/p.go b/lib/p.go b/other/p.go x@v1.0.0");
    let alone = "a 1.24 require x@v1.0.0 import x in lib\nx@v1.0.0 1.20 require a@v1.0.0 import a/lib\n\
                 a@v1.0.0 1.20 in lib";
    check(alone, "a/lib/p.go a/p.go x@v1.0.0");
}

#[test]
#[ignore = "needs go"]
fn a_module_alone_uses_the_versions_that_it_lists() {
    let modules =
        "a 1.21 require y@v1.0.0 z@v1.2.0 import z\ny@v1.0.0 1.20 require z@v1.5.0\nz@v1.2.0 1.20\nz@v1.5.0 1.20";
    check(modules, "a/p.go z@v1.2.0");
}

#[test]
#[ignore = "needs go"]
fn a_module_of_an_old_go_line_uses_what_it_does_not_list() {
    let modules = "a 1.16 require y@v1.0.0 import y\ny@v1.0.0 1.20 require z@v1.5.0 import z\nz@v1.5.0 1.20";
    check(modules, "a/p.go y@v1.0.0 z@v1.5.0");
    check(&modules.replacen("1.16", "1.17rc1", 1), "a/p.go y@v1.0.0 z@v1.5.0");
    check_refused(&modules.replacen("1.16", "1.21", 1), "updates to go.mod needed", "a/p.go y@v1.0.0");
}

#[test]
#[ignore = "needs go"]
fn an_excluded_version_is_as_if_it_were_not_required() {
    let modules = "a 1.21 require z@v1.5.0 exclude z@v1.5.0 import z\nz@v1.5.0 1.20";
    check_refused(modules, "updates to go.mod needed", "a/p.go z@v1.5.0");
    let both = "work 1.24 use a b\na 1.24 require y@v1.0.0 z@v1.2.0 import y\nb 1.24 exclude z@v1.5.0\n\
                y@v1.0.0 1.20 require z@v1.5.0 import z\nz@v1.2.0 1.20\nz@v1.5.0 1.20";
    check(both, "a/p.go y@v1.0.0 z@v1.2.0");
}

#[test]
#[ignore = "needs go"]
fn a_nested_module_without_the_package_leaves_it_to_the_outer_one() {
    let modules = "a 1.24 require n@v1.0.0 n/sub@v0.1.0 import n/sub\nn@v1.0.0 1.20 in sub import n\n\
                   n/sub@v0.1.0 1.20 rootless in deep";
    check(modules, "a/p.go n@v1.0.0");
    check(&format!("work 1.24 use a\n{modules}"), "a/p.go n@v1.0.0");
    let outer = "a 1.24 require n@v1.0.0 n/sub@v0.1.0 import n/sub/deep\nn@v1.0.0 1.20\nn/sub@v0.1.0 1.20 in deep";
    check(outer, "a/p.go n/sub@v0.1.0");
    check_refused(&modules.replace("rootless ", ""), "ambiguous import", "a/p.go n@v1.0.0 n/sub@v0.1.0");
}

#[test]
#[ignore = "needs go"]
fn replaced_modules_keep_their_import_paths() {
    let modules = "a 1.24 require x@v1.0.0 y@v1.1.0 import x/sub\nx@v1.0.0 1.20 in sub import z\n\
                   fork@v1.1.0 1.20 require y@v1.1.0 in sub import y\ny@v1.1.0 1.20";
    let replaced = modules.replacen("import", "replace x=>fork@v1.1.0 import", 1);
    check(&replaced, "a/p.go x@v1.0.0 => ex.io/fork v1.1.0 y@v1.1.0");
    let folder =
        modules.replacen("import", "replace x@v1.0.0=>../lib import", 1) + "\nlib 1.17 in sub import x/other in other";
    check(&folder, "a/p.go lib/other/p.go lib/sub/p.go");
}

#[test]
#[ignore = "needs go"]
fn names_with_capital_letters_are_found() {
    let version = "v2.0.0-RC.1+incompatible";
    let modules = format!("a 1.24 require Up/Per@{version} import Up/Per/Sub\nUp/Per@{version} - in Sub");
    check(&modules, &format!("a/p.go Up/Per@{version}"));
}

#[test]
#[ignore = "needs go"]
fn files_that_are_not_built_bring_nothing() {
    let go_mods = "-- ex.io/y@v1.0.0/go.mod --\nmodule ex.io/y\n-- ex.io/y@v1.0.0/y.go --\npackage y\n\
                   -- ex.io/z@v1.0.0/go.mod --\nmodule ex.io/z\n-- ex.io/z@v1.0.0/z.go --\npackage z\n";
    let x = "-- ex.io/x@v1.0.0/go.mod --\nmodule ex.io/x\ngo 1.20\nrequire ex.io/y v1.0.0\nrequire ex.io/z v1.0.0\n\
             -- ex.io/x@v1.0.0/x.go --\npackage x\n\nimport _ \"fmt\"\n\
             -- ex.io/x@v1.0.0/x_windows.go --\npackage x\n\nimport _ \"ex.io/y\"\n\
             -- ex.io/x@v1.0.0/x_test.go --\npackage x\n\nimport _ \"ex.io/y\"\n\
             -- ex.io/x@v1.0.0/cgo.go --\npackage x\n\nimport \"C\"\nimport _ \"ex.io/y\"\n\
             -- ex.io/x@v1.0.0/tag.go --\n//go:build linux && !cgo && go1.20\n\npackage x\n\nimport _ \"ex.io/z\"\n\
             -- ex.io/x@v1.0.0/ignored.go --\n//go:build ignore\n\npackage main\n\nimport _ \"ex.io/y\"\n";
    let a = "-- a/go.mod --\nmodule ex.io/a\ngo 1.24\nrequire (\nex.io/x v1.0.0\nex.io/y v1.0.0\nex.io/z v1.0.0\n)\n\
             -- a/p.go --\npackage main\n\nimport _ \"ex.io/x\"\n\nfunc main() {}\n";
    check_texts(a, &format!("{go_mods}{x}"), "a/p.go x@v1.0.0 z@v1.0.0");
}

const GO_LINES: [&str; 4] = ["1.24", "1.17", "1.16", "1.21"];
const VERSIONS: [&str; 5] = ["v1.0.0", "v1.1.0", "v1.2.0-rc.1", "v1.10.0", "v1.2.0"];
const MAINS: [&str; 3] = ["a", "b", "c"];
/// The modules of the proxy. Each imports only those after it, so that no package imports itself, but may require any.
const PATHS: [&str; 7] = ["w", "x", "y", "Up", "x/sub", "z", "d"];

/// Programs and what they import, as far as chance can make that: `go mod tidy` has to do the rest.
fn programs(choices: &mut Choices<'_>) -> Modules {
    let mut text = String::new();
    let mains = if choices.odds(10) { &MAINS[..=choices.below(MAINS.len())] } else { &[] };
    for main in if mains.is_empty() { &MAINS[..1] } else { mains } {
        let imports: Vec<_> = (0..=choices.below(3)).map(|_| import_of(0, choices)).collect();
        text += &module(main, &imports, choices);
        for _ in 0..choices.below(3) {
            match choices.below(4) {
                0 => {
                    let _ = write!(text, " exclude {}@{}", choices.of(&PATHS), choices.of(&VERSIONS));
                }
                1 => {
                    let path = choices.of(&PATHS);
                    let _ = write!(text, " replace {path}=>{path}@{}", choices.of(&VERSIONS));
                }
                2 => {
                    let (path, version) = (choices.of(&PATHS[..4]), choices.of(&VERSIONS));
                    let _ = write!(text, " replace {path}@{version}=>../lib");
                }
                _ => {}
            }
        }
        // Programs of a workspace share libraries.
        let library = if choices.odds(4) { "d" } else { "" };
        let shared = if mains.len() > 1 && choices.odds(8) { choices.of(mains) } else { main };
        let _ = writeln!(text, " import {} {shared}/lib in lib import {library}", imports.join(" "));
    }
    if !mains.is_empty() {
        let _ = writeln!(text, "work 1.24 use {}", mains.join(" "));
    }
    let imports = [import_of(5, choices)];
    let line = module("lib", &imports, choices);
    let _ = writeln!(text, "{line} import {0} in p import {0}", imports[0]);
    let mut published = BTreeSet::new();
    let mut mentioned = Modules::mentions(&text);
    // That of another main module is looked up where it is not required.
    mentioned.extend(MAINS.map(|main| format!("{main}@v1.0.0")));
    while let Some(name) = mentioned.pop_first() {
        if published.insert(name.clone()) {
            let line = self::published(&name, choices);
            mentioned.extend(Modules::mentions(&line));
            text += &line;
        }
    }
    Modules(text)
}

/// A module of the proxy.
fn published(name: &str, choices: &mut Choices<'_>) -> String {
    let path = name.split('@').next().unwrap_or_default();
    let Some(place) = PATHS.iter().position(|other| *other == path) else {
        return format!("{} in lib\n", module(name, &[], choices));
    };
    // Some lead back into the repository.
    let imports: Vec<_> = match choices.below(8) {
        7 => vec![format!("{}/lib", choices.of(&MAINS))],
        some if place + 1 < PATHS.len() => (0..some / 2).map(|_| import_of(place + 1, choices)).collect(),
        _ => Vec::new(),
    };
    // A main module's library imports this one.
    let imports = if path == "d" { Vec::new() } else { imports };
    let (root, package) = imports.split_at(imports.len() / 2);
    let line = module(name, &imports, choices);
    // A package that moved from one module to another.
    let moved = match name {
        "x@v1.0.0" => " in sub",
        "x/sub@v1.0.0" => " rootless",
        _ => "",
    };
    format!("{line} import {} in p import {}{moved}\n", root.join(" "), package.join(" "))
}

/// A package of one of the modules from a place on.
fn import_of(place: usize, choices: &mut Choices<'_>) -> String {
    let path = choices.of(&PATHS[place..]);
    if choices.odds(6) { format!("{path}/p") } else { (*path).to_owned() }
}

/// A module that requires what it imports, and something else.
fn module(name: &str, imports: &[String], choices: &mut Choices<'_>) -> String {
    let mut line = format!("{name} {}", choices.of(&GO_LINES));
    let mut required = BTreeSet::from([name.split('@').next().unwrap().to_owned()]);
    let others = (0..choices.below(3)).map(|_| (*choices.of(&PATHS)).to_owned()).collect::<Vec<_>>();
    for path in imports.iter().map(|import| import.trim_end_matches("/p").trim_end_matches("/lib")) {
        if required.insert(path.to_owned()) {
            let version = if MAINS.contains(&path) { &VERSIONS[..2] } else { &VERSIONS[..] };
            let _ = write!(line, " require {path}@{}", choices.of(version));
        }
    }
    for path in others {
        if required.insert(path.clone()) {
            let _ = write!(line, " require {path}@{}", choices.of(&VERSIONS));
        }
    }
    line
}

/// Compares all programs, if go can build them all.
fn compare(modules: &Modules) -> Option<()> {
    let monorepo = Monorepo::new(&modules.repository(), &modules.published());
    for program in modules.programs() {
        let dir = monorepo.sandbox.dir().join(program);
        output(monorepo.proxy.go(&dir).args(["mod", "tidy"]).env("GOWORK", "off")).ok()?;
    }
    let programs = modules.programs().into_iter();
    let by_go: Vec<_> =
        programs.map(|program| Some((program, monorepo.listed_by_go(program).ok()?))).collect::<Option<_>>()?;
    monorepo.proxy.download_all();
    monorepo.lock();
    for (program, by_go) in by_go {
        let (closure, document) = monorepo.inputs(program);
        assert_eq!(closure, by_go, "{program} in {modules:?}\n{document:#}");
    }
    Some(())
}

#[test]
#[ignore = "needs go"]
fn inputs_of_generated_programs_are_what_go_lists() {
    let config = proptest_config(20);
    let wanted = config.cases / 2;
    let compared = std::cell::Cell::new(0);
    let tried = TestRunner::new(config).run(&Choices::cases(programs), |modules| {
        compared.set(compared.get() + u32::from(compare(&modules).is_some()));
        Ok(())
    });
    tried.unwrap();
    assert!(compared.get() >= wanted, "go can build only {} cases", compared.get());
}
