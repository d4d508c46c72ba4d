//! Turns a workspace and a way to build in it into the reason why the `go` command refuses to build anything at all
//! that way: files that are fine each by itself and contradict each other.
//!
//! It never looks at a package, and asks nothing that takes a network to answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::go::mode::{ModFlag, Mode, vendor_in_force};
use crate::go::modfile::{ModuleVersion, Replace, ReplaceTarget, canonical_version, go_version};
use crate::go::module::{Module, Vendor, WorkFile};
use crate::go::workspace::Workspace;
use crate::repo::RepoPath;

/// Why nothing can be built in a mode; `None` if no reason is known.
pub fn refusal(workspace: &Workspace<'_>, mode: &Mode, flag: ModFlag) -> Option<String> {
    let build = Build::new(workspace, mode)?;
    if build.work_file.is_some() && flag == ModFlag::Mod {
        return Some(format!("{mode}: -mod=mod is not possible with a go.work; use -mod=readonly, or go without it"));
    }
    let reason = build.work_file.and_then(|file| build.contradicts_itself(file));
    let reason = reason.or_else(|| build.replaces_twice());
    let vendored = || build.differs_from(vendor_in_force(workspace, mode, flag)?);
    reason.or_else(vendored).map(|reason| format!("{mode}: {reason}"))
}

/// The files that are in force.
struct Build<'w> {
    work_file: Option<&'w WorkFile>,
    mains: Vec<&'w Module>,
    /// The paths of the main modules.
    paths: BTreeSet<&'w str>,
}

/// What is replaced: a module path, and a version or none.
type Replaced<'r> = (&'r str, &'r str);

/// What it is replaced by. A folder is as written, or relative to the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target<'r> {
    Written(&'r ReplaceTarget),
    Folder(RepoPath),
}

impl<'w> Build<'w> {
    fn new(workspace: &'w Workspace<'_>, mode: &Mode) -> Option<Self> {
        let module = |dir: &RepoPath| workspace.modules().get(dir).map(Arc::as_ref);
        let (work_file, mains) = match mode {
            Mode::Module(dir) => (None, vec![module(dir)?]),
            Mode::Workspace(dir) => {
                let file: &WorkFile = workspace.work_files().get(dir)?;
                (Some(file), file.uses().filter_map(|(used, _)| module(&used.ok()?)).collect())
            }
        };
        let paths = mains.iter().map(|main| main.path()).filter(|path| !path.is_empty()).collect();
        Some(Self { work_file, mains, paths })
    }

    /// The rules of `LoadWorkFile`, `loadModFile` and `makeMainModules` of cmd/go/internal/modload.
    fn contradicts_itself(&self, file: &WorkFile) -> Option<String> {
        let mut folders = BTreeSet::new();
        for (used, _) in file.uses() {
            let used = used.ok()?;
            if !folders.insert(used.clone()) {
                return Some(format!("{used} is used twice; drop one of the lines"));
            }
        }
        let own = file.go_work.go.as_deref().unwrap_or("1.18");
        let mut by_path: BTreeMap<&str, &Module> = BTreeMap::new();
        for main in &self.mains {
            let wanted = main.go_mod.go.as_deref().unwrap_or("1.16");
            if go_version::compare(wanted, own).is_gt() && go_version::compare(wanted, "1.21").is_ge() {
                return Some(format!("{} wants go {wanted}, but go.work says go {own}; run go work use", main.file()));
            }
            if let Some(other) = by_path.insert(main.path(), main).filter(|_| !main.path().is_empty()) {
                return Some(format!("{} and {} are both module {}", other.dir, main.dir, main.path()));
            }
        }
        let is_main = |replace: &&Replace| replace.version.is_none() && self.paths.contains(&*replace.path);
        let replaced = file.go_work.replaces.iter().find(is_main)?;
        Some(format!("the module {} is used, and replaced in every version; drop the replacement", replaced.path))
    }

    /// Replacements of one module by two, which only the go.work may overrule.
    fn replaces_twice(&self) -> Option<String> {
        let of_work_file = self.work_file.map(|file| &file.go_work.replaces[..]).unwrap_or_default();
        let overruled: BTreeSet<&str> = of_work_file.iter().map(|replace| &*replace.path).collect();
        let mut known: BTreeMap<Replaced<'_>, Target<'_>> = BTreeMap::new();
        for replace in of_work_file {
            let target = Target::Written(&replace.target);
            if known.insert(replaced(replace), target.clone()).is_some_and(|before| before != target) {
                return Some(conflict(replace));
            }
        }
        for main in &self.mains {
            let mut own: BTreeMap<Replaced<'_>, Target<'_>> = BTreeMap::new();
            for replace in &main.go_mod.replaces {
                let written = Target::Written(&replace.target);
                if own.insert(replaced(replace), written.clone()).is_some_and(|before| before != written) {
                    return Some(conflict(replace));
                }
            }
            for replace in main.go_mod.replaces.iter().filter(|replace| !overruled.contains(&*replace.path)) {
                let target = self.target(&main.dir, replace);
                if known.insert(replaced(replace), target.clone()).is_some_and(|before| before != target) {
                    return Some(conflict(replace));
                }
            }
        }
        None
    }

    /// In a workspace folders are compared as they lie, not as they are written.
    fn target<'r>(&self, from: &RepoPath, replace: &'r Replace) -> Target<'r> {
        let folder = replace.folder().filter(|_| self.work_file.is_some());
        match folder.and_then(|folder| from.join(folder.as_bytes())) {
            Some(folder) => Target::Folder(folder),
            None => Target::Written(&replace.target),
        }
    }

    /// What the go.mod files say and vendor/modules.txt does not (`checkVendorConsistency` of cmd/go/internal/modload).
    fn differs_from(&self, vendor: &Vendor) -> Option<String> {
        let file = vendor.dir.child(b"modules.txt");
        let command = if self.work_file.is_some() { "go work vendor" } else { "go mod vendor" };
        let difference = self
            .requires_otherwise(vendor)
            .or_else(|| self.replaces_otherwise(vendor))
            .or_else(|| self.lists_otherwise(vendor))?;
        Some(format!("{difference}, and {file} says otherwise; run {command}"))
    }

    /// Before Go 1.14 the list said less.
    fn is_old(&self) -> bool {
        let go = self.mains.first().and_then(|main| main.go_mod.go.as_deref());
        self.work_file.is_none() && go.and_then(go_version::minor).unwrap_or(0) < 14
    }

    fn requires_otherwise(&self, vendor: &Vendor) -> Option<String> {
        let listed = &vendor.modules_txt.modules;
        let requires = self.mains.iter().flat_map(|main| &main.go_mod.requires);
        let mut versions: BTreeMap<&str, &str> = BTreeMap::new();
        versions
            .extend(listed.iter().filter(|m| !m.packages.is_empty()).map(|m| (&*m.module.path, &*m.module.version)));
        let explicit: BTreeSet<&ModuleVersion> = listed.iter().filter(|m| m.explicit).map(|m| &m.module).collect();
        let differs = |module: &ModuleVersion| match self.is_old() {
            true => versions.get(&*module.path).is_some_and(|version| *version != module.version),
            false => !explicit.contains(module),
        };
        let wrong = requires.map(|require| canonical(&require.module)).find(differs)?;
        Some(format!("{wrong} is required"))
    }

    fn replaces_otherwise(&self, vendor: &Vendor) -> Option<String> {
        let of_work_file = self.work_file.iter().flat_map(|file| &file.go_work.replaces);
        let mut replaces = self.mains.iter().flat_map(|main| &main.go_mod.replaces).chain(of_work_file);
        let listed: BTreeMap<Replaced<'_>, &ReplaceTarget> = vendor
            .modules_txt
            .modules
            .iter()
            .filter_map(|module| Some(((&*module.module.path, &*module.module.version), module.replacement.as_ref()?)))
            .collect();
        let is_wrong = |replace: &&Replace| {
            let old = replaced(replace);
            match (self.replacement(old, vendor), listed.get(&old)) {
                (None, None) => false,
                (Some(_), None) => !self.is_old(),
                (None, Some(_)) => true,
                (Some(new), Some(listed)) => new != **listed,
            }
        };
        let wrong = replaces.find(is_wrong)?;
        Some(format!("{} is replaced", wrong.path))
    }

    fn lists_otherwise(&self, vendor: &Vendor) -> Option<String> {
        let required: BTreeSet<ModuleVersion> = self
            .mains
            .iter()
            .flat_map(|main| &main.go_mod.requires)
            .map(|require| canonical(&require.module))
            .collect();
        let listed = &vendor.modules_txt.modules;
        let gone = |module: &&_| {
            let module: &crate::go::modfile::VendoredModule = module;
            let old = (&*module.module.path, &*module.module.version);
            let is_required = required.contains(&module.module);
            (module.explicit && !module.packages.is_empty() && !is_required)
                || (module.replacement.is_some() && self.replacement(old, vendor).is_none())
        };
        let gone = listed.iter().find(gone)?;
        Some(format!("{} is neither required nor replaced as it was", gone.module))
    }

    /// What stands for a module, in the words of modules.txt (`replacementFrom` and `canonicalizeReplacePath`).
    fn replacement(&self, old: Replaced<'_>, vendor: &Vendor) -> Option<ReplaceTarget> {
        if old.1.is_empty() && self.paths.contains(old.0) {
            return None;
        }
        let of_work_file = self.work_file.and_then(|file| in_force(&file.go_work.replaces, old));
        if let Some(replace) = of_work_file {
            return Some(replace.target.clone());
        }
        self.mains.iter().find_map(|main| {
            let replace = in_force(&main.go_mod.replaces, old)?;
            let Target::Folder(folder) = self.target(&main.dir, replace) else { return Some(replace.target.clone()) };
            let root = vendor.dir.parent().unwrap_or_else(RepoPath::root);
            Some(ReplaceTarget::Folder(relative(&root, &folder)))
        })
    }
}

fn replaced(replace: &Replace) -> Replaced<'_> {
    (&replace.path, replace.version.as_deref().unwrap_or_default())
}

fn conflict(replace: &Replace) -> String {
    format!("{} is replaced by two that differ; decide with go work edit -replace, or drop one", replace.path)
}

fn canonical(module: &ModuleVersion) -> ModuleVersion {
    let version = canonical_version(&module.version).unwrap_or_else(|| module.version.clone());
    ModuleVersion { path: module.path.clone(), version }
}

/// The one of the very version goes before the one of every version.
fn in_force<'r>(replaces: &'r [Replace], (path, version): Replaced<'_>) -> Option<&'r Replace> {
    let find = |version: Option<&str>| {
        replaces.iter().rfind(|replace| replace.path == path && replace.version.as_deref() == version)
    };
    find(Some(version)).or_else(|| find(None))
}

/// A folder as seen from another, in the form of a `replace` target.
fn relative(from: &RepoPath, to: &RepoPath) -> String {
    let common = from.elements().zip(to.elements()).take_while(|(left, right)| left == right).count();
    let up = from.elements().count() - common;
    let down = to.elements().skip(common).map(|element| String::from_utf8_lossy(element).into_owned());
    let path = std::iter::repeat_n("..".to_owned(), up).chain(down).collect::<Vec<_>>().join("/");
    match (up, &*path) {
        (0, "") => ".".to_owned(),
        (0, below) => format!("./{below}"),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::MemoryTree;

    /// Why nothing can be built with a go.work that uses `a` and `b`, or with the module in the root.
    #[track_caller]
    fn check(txtar: &str, flag: ModFlag, expected: Option<&str>) {
        let tree = MemoryTree::from_txtar(txtar);
        let workspace = Workspace::scan(&tree).unwrap();
        let mode = match workspace.work_files().is_empty() {
            true => Mode::Module(RepoPath::root()),
            false => Mode::Workspace(RepoPath::root()),
        };
        assert_eq!(refusal(&workspace, &mode, flag).as_deref(), expected);
    }

    fn workspace(work: &str, a: &str, b: &str) -> String {
        format!(
            "-- go.work --\ngo 1.24\nuse ./a\nuse ./b\n{work}\n-- a/go.mod --\nmodule ex.io/a\ngo 1.24\n{a}\n\
             -- b/go.mod --\nmodule ex.io/b\n{b}\n"
        )
    }

    #[test]
    fn a_workspace_may_contradict_itself() {
        let check = |work: &str, a: &str, b: &str, expected| {
            check(&workspace(work, a, b), ModFlag::Auto, expected);
        };
        check("", "", "", None);
        check("use b", "", "", Some("go.work: b is used twice; drop one of the lines"));
        check("replace ex.io/b v1.0.0 => ./b", "", "", None);
        let replaced = "go.work: the module ex.io/b is used, and replaced in every version; drop the replacement";
        check("replace ex.io/b => ./b", "", "", Some(replaced));
        let old = "go.work: b/go.mod wants go 1.24.1, but go.work says go 1.24; run go work use";
        check("", "", "go 1.24.1", Some(old));
        let conflict = "go.work: q is replaced by two that differ; decide with go work edit -replace, or drop one";
        check("", "replace q => ../q", "replace q => ./../q/", None);
        check("", "replace q => ../q", "replace q v1.0.0 => ../r", None);
        check("", "replace q => ../q", "replace q => ./q", Some(conflict));
        check("replace q => ./x", "replace q => ../q", "replace q => ./q", None);
        check("replace q => ./x\nreplace q => ./y", "", "", Some(conflict));
        check("replace q => ./x", "replace q => ../q\nreplace q => ../r", "", Some(conflict));
    }

    #[test]
    fn a_workspace_has_no_module_twice_and_its_go_mod_files_are_not_amended() {
        let twice = workspace("", "", "").replace("module ex.io/b", "module ex.io/a");
        check(&twice, ModFlag::Auto, Some("go.work: a and b are both module ex.io/a"));
        let amended = "go.work: -mod=mod is not possible with a go.work; use -mod=readonly, or go without it";
        check(&workspace("", "", ""), ModFlag::Mod, Some(amended));
        check("-- go.mod --\nmodule m\n", ModFlag::Mod, None);
    }

    #[test]
    fn a_vendor_folder_agrees_with_the_requirements() {
        let check = |go_mod: &str, modules: &str, flag, expected| {
            let tree = format!("-- go.mod --\nmodule m\n{go_mod}\n-- vendor/modules.txt --\n{modules}\n");
            check(&tree, flag, expected);
        };
        let listed = "# o.io/a v1.0.0\n## explicit\no.io/a";
        let required = "go.mod: o.io/a@v1.1.0 is required, and vendor/modules.txt says otherwise; run go mod vendor";
        check("go 1.24\nrequire o.io/a v1.0.0", listed, ModFlag::Auto, None);
        check("go 1.24\nrequire o.io/a v1.1.0", listed, ModFlag::Auto, Some(required));
        check("go 1.24\nrequire o.io/a v1.1.0", listed, ModFlag::Readonly, None);
        check("go 1.13\nrequire o.io/a v1.1.0", listed, ModFlag::Vendor, Some(required));
        check(
            "go 1.13\nrequire o.io/b v1.1.0\nreplace o.io/a => ./a",
            "# o.io/a v1.0.0\no.io/a",
            ModFlag::Vendor,
            None,
        );
        let gone = "go.mod: o.io/a@v1.0.0 is neither required nor replaced as it was, and vendor/modules.txt says \
                    otherwise; run go mod vendor";
        check("go 1.24", listed, ModFlag::Auto, Some(gone));
        let replaced = "go.mod: o.io/a is replaced, and vendor/modules.txt says otherwise; run go mod vendor";
        check("go 1.24\nrequire o.io/a v1.0.0\nreplace o.io/a => ./a", listed, ModFlag::Auto, Some(replaced));
    }

    #[test]
    fn folders_are_seen_from_another() {
        let check = |from: &str, to: &str, expected: &str| {
            let [from, to] = [from, to].map(|path| RepoPath::from_clean(path.as_bytes()));
            assert_eq!(relative(&from, &to), expected);
        };
        check("", "a/b", "./a/b");
        check("a", "a/b", "./b");
        check("a/c", "a/b", "../b");
        check("a", "a", ".");
    }
}
