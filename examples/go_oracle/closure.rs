//! Turns the packages that `go list -deps -json` prints into the closure of each `main` package. It runs nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use super::listing::{Fact, FactKind, File, Main, is_within};

/// The fields of a package that the comparison asks `go list` for.
pub(crate) const FIELDS: &str = "ImportPath,Dir,Name,Module,Standard,DepOnly,DefaultGODEBUG,Imports,ImportMap,Error,\
     DepsErrors,Incomplete,GoFiles,CgoFiles,CFiles,CXXFiles,MFiles,FFiles,HFiles,SFiles,SysoFiles,SwigFiles,\
     SwigCXXFiles,EmbedFiles";

/// A package as `go list -json` prints it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Package {
    import_path: String,
    dir: String,
    name: String,
    module: Option<ModuleInfo>,
    standard: bool,
    dep_only: bool,
    #[serde(rename = "DefaultGODEBUG")]
    default_godebug: String,
    imports: Vec<String>,
    import_map: BTreeMap<String, String>,
    error: Option<PackageError>,
    deps_errors: Vec<PackageError>,
    incomplete: bool,
    go_files: Vec<String>,
    cgo_files: Vec<String>,
    #[serde(rename = "CFiles")]
    c_files: Vec<String>,
    #[serde(rename = "CXXFiles")]
    cxx_files: Vec<String>,
    #[serde(rename = "MFiles")]
    m_files: Vec<String>,
    #[serde(rename = "FFiles")]
    f_files: Vec<String>,
    #[serde(rename = "HFiles")]
    h_files: Vec<String>,
    #[serde(rename = "SFiles")]
    s_files: Vec<String>,
    syso_files: Vec<String>,
    swig_files: Vec<String>,
    #[serde(rename = "SwigCXXFiles")]
    swig_cxx_files: Vec<String>,
    embed_files: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ModuleInfo {
    path: String,
    version: String,
    main: bool,
    go_version: String,
    replace: Option<Box<ModuleInfo>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PackageError {
    import_stack: Vec<String>,
    err: String,
}

impl Package {
    /// Whether it was asked for and is a program for the target.
    pub(crate) fn is_main(&self) -> bool {
        !self.dep_only && self.name == "main" && (!self.go_files.is_empty() || !self.cgo_files.is_empty())
    }

    fn has_code(&self) -> bool {
        [&self.go_files, &self.cgo_files, &self.swig_files, &self.swig_cxx_files].iter().any(|files| !files.is_empty())
    }

    /// Its folder below `root`, which is the canonical path of the work tree; `None` for a package from elsewhere.
    pub(crate) fn dir_below(&self, root: &Path) -> Option<String> {
        if self.dir.is_empty() || self.standard {
            return None;
        }
        Some(Path::new(&self.dir).strip_prefix(root).ok()?.to_string_lossy().into_owned())
    }

    fn imported(&self) -> impl Iterator<Item = &str> {
        self.imports.iter().map(|import| self.import_map.get(import).unwrap_or(import).as_str())
    }

    fn files(&self, dir: &str) -> impl Iterator<Item = File> {
        let kinds = [
            ("go", &self.go_files),
            ("cgo", &self.cgo_files),
            ("c", &self.c_files),
            ("cxx", &self.cxx_files),
            ("m", &self.m_files),
            ("f", &self.f_files),
            ("h", &self.h_files),
            ("s", &self.s_files),
            ("syso", &self.syso_files),
            ("swig", &self.swig_files),
            ("swig", &self.swig_cxx_files),
            ("embed", &self.embed_files),
        ];
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        kinds.into_iter().flat_map(move |(kind, names)| {
            let prefix = prefix.clone();
            names.iter().map(move |name| File {
                path: format!("{prefix}{name}"),
                kind: kind.to_owned(),
                package: self.import_path.clone(),
            })
        })
    }

    /// The facts of its module; `in_repository` says where the package's files are.
    ///
    /// The id of a program covers the whole `go` line of its module (cmd/go `buildActionID`); of what it imports only the
    /// compiled code counts, and that only knows the language version.
    fn facts(&self, in_repository: bool, is_program: bool) -> Vec<Fact> {
        let Some(module) = &self.module else { return Vec::new() };
        let mut facts = Vec::new();
        let replacement = module.replace.as_deref();
        if !module.main {
            let kind = if in_repository && replacement.is_some_and(|to| to.version.is_empty()) {
                FactKind::BuildInfo
            } else {
                FactKind::ExternalModule
            };
            let mut text = format!("{} {}", module.path, module.version);
            if let Some(to) = replacement.filter(|to| !to.version.is_empty()) {
                text = format!("{text} => {} {}", to.path, to.version);
            }
            facts.push(Fact { kind, text });
        }
        if in_repository {
            let version = replacement.map_or(&*module.go_version, |to| &to.go_version);
            let version = if is_program { version } else { language(version) };
            facts.push(Fact { kind: FactKind::Language, text: format!("{} go {version}", module.path) });
        }
        facts
    }
}

/// The closure of each main package among `packages`.
pub(crate) fn mains(packages: &[Package], root: &Path, module_paths: &BTreeSet<String>) -> Vec<Main> {
    let by_path: BTreeMap<&str, &Package> =
        packages.iter().map(|package| (package.import_path.as_str(), package)).collect();
    packages
        .iter()
        .filter(|package| package.is_main())
        .filter_map(|package| {
            let dir = package.dir_below(root)?;
            Some(close(package, dir, &by_path, root, module_paths))
        })
        .collect()
}

fn close(
    main: &Package,
    dir: String,
    by_path: &BTreeMap<&str, &Package>,
    root: &Path,
    module_paths: &BTreeSet<String>,
) -> Main {
    let own = reached_without_external(main, by_path, root);
    let mut closure = Main { dir, import_path: main.import_path.clone(), ..Main::default() };
    closure.facts.insert(Fact { kind: FactKind::Godebug, text: main.default_godebug.clone() });
    let mut seen = BTreeSet::from([main.import_path.as_str()]);
    let mut queue = vec![main];
    while let Some(package) = queue.pop() {
        let dir = package.dir_below(root);
        let is_ours = dir.is_some() || is_in_modules(&package.import_path, module_paths);
        if let Some(error) = &package.error {
            if is_ours || is_dotless(&package.import_path) {
                closure.obstacle.get_or_insert_with(|| format!("{}: {}", package.import_path, error.err));
            } else {
                closure.unavailable.insert(package.import_path.clone());
            }
        }
        if dir.is_some() && !package.has_code() {
            // `go list` has nothing against a package of test files only, but `go build` has.
            closure.obstacle.get_or_insert_with(|| format!("{}: no Go files", package.import_path));
        }
        let is_behind = dir.is_some() && !own.contains(package.import_path.as_str());
        let facts = if is_behind { &mut closure.facts_behind_external } else { &mut closure.facts };
        facts.extend(package.facts(dir.is_some(), std::ptr::eq(package, main)));
        if is_behind {
            closure.behind_external.insert(package.import_path.clone());
        }
        if let Some(dir) = dir {
            closure.packages += 1;
            closure.files.extend(package.files(&dir));
        }
        for import in package.imported() {
            match by_path.get(import) {
                Some(next) if !next.standard && seen.insert(import) => queue.push(next),
                None if import != "C" && seen.insert(import) => {
                    closure.obstacle.get_or_insert_with(|| format!("{import}: not among the listed packages"));
                }
                _ => {}
            }
        }
    }
    let is_explained = closure.obstacle.is_some() || !closure.unavailable.is_empty();
    if main.incomplete && !is_explained {
        closure.obstacle = Some(unexplained(main));
    }
    closure
}

/// `1.24` of `1.24.2` and of `1.24rc1`.
fn language(version: &str) -> &str {
    let minor = version.find('.').map_or(version.len(), |dot| dot + 1);
    let after = |rest: &str| rest.find(|character: char| !character.is_ascii_digit());
    let end = version.get(minor..).and_then(after).map_or(version.len(), |length| minor + length);
    version.get(..end).unwrap_or(version)
}

/// The packages below `root` that a chain of such packages leads to.
fn reached_without_external<'p>(
    main: &'p Package,
    by_path: &BTreeMap<&str, &'p Package>,
    root: &Path,
) -> BTreeSet<&'p str> {
    let mut reached = BTreeSet::from([main.import_path.as_str()]);
    let mut queue = vec![main];
    while let Some(package) = queue.pop() {
        let imported = package.imported().filter_map(|import| by_path.get(import));
        for next in imported.filter(|next| next.dir_below(root).is_some()) {
            if reached.insert(&next.import_path) {
                queue.push(next);
            }
        }
    }
    reached
}

fn unexplained(main: &Package) -> String {
    main.deps_errors.first().map_or_else(
        || "incomplete for an unknown reason".to_owned(),
        |error| format!("{}: {}", error.import_stack.join(" > "), error.err),
    )
}

fn is_in_modules(import_path: &str, module_paths: &BTreeSet<String>) -> bool {
    module_paths.iter().any(|module| !module.is_empty() && is_within(import_path, module))
}

fn is_dotless(import_path: &str) -> bool {
    !import_path.split('/').next().unwrap_or_default().contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each package is `import path|folder below /repo or -|imports|files|error`.
    #[track_caller]
    fn check(packages: &[&str], files: &[&str], obstacle: Option<&str>, unavailable: &[&str]) {
        let packages: Vec<Package> = packages
            .iter()
            .map(|line| {
                let fields: Vec<&str> = line.split('|').collect();
                let words = |index: usize| fields[index].split_whitespace().map(str::to_owned).collect::<Vec<_>>();
                Package {
                    import_path: fields[0].into(),
                    dir: if fields[1] == "-" { "/cache/x".into() } else { format!("/repo/{}", fields[1]) },
                    name: if fields[0].ends_with("cmd") { "main".into() } else { "lib".into() },
                    imports: words(2),
                    go_files: words(3),
                    error: (!fields[4].is_empty())
                        .then(|| PackageError { err: fields[4].into(), ..PackageError::default() }),
                    ..Package::default()
                }
            })
            .collect();
        let mains = mains(&packages, Path::new("/repo"), &BTreeSet::from(["ex.io/m".to_owned()]));
        let main = mains.first().unwrap();
        assert_eq!(main.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), files);
        assert_eq!(main.obstacle.as_deref(), obstacle);
        assert_eq!(main.unavailable.iter().map(String::as_str).collect::<Vec<_>>(), unavailable);
    }

    #[test]
    fn the_closure_passes_through_external_packages() {
        check(
            &[
                "ex.io/m/cmd|cmd|other.io/x|main.go|",
                "other.io/x|-|ex.io/m/lib|x.go|",
                "ex.io/m/lib|lib||lib.go|",
                "ex.io/m/unused|unused||unused.go|",
            ],
            &["cmd/main.go", "lib/lib.go"],
            None,
            &[],
        );
    }

    #[test]
    fn what_only_external_packages_import_is_told_apart() {
        let package = |path: &str, dir: &str, imports: &[&str]| Package {
            import_path: path.into(),
            dir: dir.into(),
            name: if path.ends_with("cmd") { "main".into() } else { "lib".into() },
            imports: imports.iter().map(|import| (*import).to_owned()).collect(),
            go_files: vec!["x.go".into()],
            module: Some(ModuleInfo {
                path: dir.into(),
                main: true,
                go_version: "1.25".into(),
                ..ModuleInfo::default()
            }),
            ..Package::default()
        };
        let packages = [
            package("ex.io/m/cmd", "/repo/cmd", &["other.io/x", "ex.io/m/lib"]),
            package("other.io/x", "/cache/x", &["ex.io/n/back", "ex.io/m/lib"]),
            package("ex.io/m/lib", "/repo/lib", &[]),
            package("ex.io/n/back", "/repo/back", &[]),
        ];
        let mains = mains(&packages, Path::new("/repo"), &BTreeSet::new());
        let main = mains.first().unwrap();
        assert_eq!(main.behind_external, BTreeSet::from(["ex.io/n/back".to_owned()]));
        let facts: Vec<_> = main.facts_behind_external.iter().map(|fact| fact.text.as_str()).collect();
        assert_eq!(facts, ["/repo/back go 1.25"]);
        assert_eq!(main.files.len(), 3);
    }

    #[test]
    fn a_missing_external_package_is_no_obstacle_but_one_of_the_repository_is() {
        check(
            &["ex.io/m/cmd|cmd|other.io/x|main.go|", "other.io/x|-|||no module"],
            &["cmd/main.go"],
            None,
            &["other.io/x"],
        );
        check(
            &["ex.io/m/cmd|cmd|ex.io/m/gen|main.go|", "ex.io/m/gen|-|||no package"],
            &["cmd/main.go"],
            Some("ex.io/m/gen: no package"),
            &[],
        );
    }

    #[test]
    fn a_language_version_has_no_patch() {
        for (version, expected) in [("1.24.2", "1.24"), ("1.24rc1", "1.24"), ("1.24", "1.24"), ("1", "1"), ("", "")] {
            assert_eq!(language(version), expected);
        }
    }

    #[test]
    fn a_package_without_go_files_is_an_obstacle() {
        let packages = ["ex.io/m/cmd|cmd|ex.io/m/lib|main.go|", "ex.io/m/lib|lib|||"];
        check(&packages, &["cmd/main.go"], Some("ex.io/m/lib: no Go files"), &[]);
    }
}
