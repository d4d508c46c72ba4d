//! Modules in short: a notation for repositories and proxies in which a line is a module, for tests that are about what
//! modules require and what their packages import.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use proptest::prelude::*;

/// Modules, as a text with a line for each. `a 1.24 require x@v1.0.0 import x/sub in sub import y` is the module in the
/// folder `a` of the repository, whose path is `ex.io/a` like that of all modules, with the go line 1.24 (`-` for none)
/// and two packages; without `in`, imports are those of the root. `x@v1.0.0 …` is a module that the proxy serves.
///
/// There are also `exclude x@v1.0.0`, `replace x@v1.0.0=>../lib`, `replace x=>y@v1.0.0`, and `rootless` for a module
/// without a package in its root. `work 1.24 use a b` is a go.work. The root of a module in the repository is a program,
/// but in folders whose name starts with `lib`.
#[derive(Clone)]
pub(crate) struct Modules(pub(crate) String);

impl fmt::Debug for Modules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}", self.0)
    }
}

/// One line, read.
#[derive(Default)]
struct Line<'l> {
    name: &'l str,
    /// What go.mod or go.work says after its first line.
    directives: String,
    /// What each package imports, by folder.
    packages: BTreeMap<&'l str, BTreeSet<&'l str>>,
}

impl Modules {
    /// The repository, as txtar.
    pub(crate) fn repository(&self) -> String {
        self.files(|name| !name.contains('@'))
    }

    /// What the proxy serves, as txtar.
    pub(crate) fn published(&self) -> String {
        self.files(|name| name.contains('@'))
    }

    /// The folders of the programs: all modules of the repository that are no libraries.
    pub(crate) fn programs(&self) -> Vec<&str> {
        let names = self.0.lines().filter_map(|line| line.split_whitespace().next());
        names.filter(|name| !name.contains('@') && *name != "work" && !name.starts_with("lib")).collect()
    }

    /// Whether there is a go.work.
    pub(crate) fn have_work_file(&self) -> bool {
        self.0.lines().any(|line| line.starts_with("work "))
    }

    fn files(&self, wanted: impl Fn(&str) -> bool) -> String {
        let mut text = String::new();
        for line in self.0.lines().filter(|line| !line.is_empty()).map(Line::parse).filter(|line| wanted(line.name)) {
            line.write(&mut text);
        }
        text
    }

    /// The modules with versions that are named somewhere.
    pub(crate) fn mentions(text: &str) -> BTreeSet<String> {
        let words = text.split_whitespace().flat_map(|word| word.split("=>"));
        words.filter(|word| word.contains('@')).map(ToOwned::to_owned).collect()
    }
}

impl<'l> Line<'l> {
    fn parse(line: &'l str) -> Self {
        let mut words = line.split_whitespace();
        let mut parsed = Self { name: words.next().unwrap(), ..Self::default() };
        match words.next().unwrap() {
            "-" => {}
            go => parsed.directives = format!("go {go}\n"),
        }
        let (mut verb, mut folder, mut has_root) = ("", "", true);
        for word in words {
            match (verb, word) {
                (_, "require" | "exclude" | "replace" | "use" | "import" | "in") => verb = word,
                (_, "rootless") => has_root = false,
                ("in", _) => {
                    folder = word;
                    parsed.packages.entry(folder).or_default();
                }
                ("import", _) => drop(parsed.packages.entry(folder).or_default().insert(word)),
                ("use", _) => drop(writeln!(parsed.directives, "use ./{word}")),
                _ => {
                    let sides: Vec<_> = word.split("=>").map(in_full).collect();
                    let _ = writeln!(parsed.directives, "{verb} {}", sides.join(" => "));
                }
            }
        }
        if has_root {
            parsed.packages.entry("").or_default();
        }
        parsed
    }

    fn write(&self, text: &mut String) {
        let Self { name, directives, packages } = self;
        if *name == "work" {
            let directives = directives.replace("=> ../", "=> ./");
            let _ = write!(text, "-- go.work --\n{directives}");
            return;
        }
        let (path, version) = name.split_once('@').map_or((*name, None), |(path, version)| (path, Some(version)));
        let dir = version.map_or_else(|| path.to_owned(), |version| format!("ex.io/{path}@{version}"));
        let _ = write!(text, "-- {dir}/go.mod --\nmodule ex.io/{path}\n{directives}");
        for (folder, imports) in packages {
            let is_program = folder.is_empty() && version.is_none() && !path.starts_with("lib");
            let file = if folder.is_empty() { "p.go".to_owned() } else { format!("{folder}/p.go") };
            let _ = writeln!(text, "-- {dir}/{file} --\npackage {}\n", if is_program { "main" } else { "p" });
            for import in imports {
                let _ = writeln!(text, "import _ \"ex.io/{import}\"");
            }
            text.push_str(if is_program { "\nfunc main() {}\n" } else { "" });
        }
    }
}

/// `x@v1.0.0` as go.mod has it; folders stay as they are.
fn in_full(module: &str) -> String {
    if module.starts_with("../") { module.to_owned() } else { format!("ex.io/{}", module.replace('@', " ")) }
}

/// Numbers from which everything else about a case follows. Fewer and smaller ones make a smaller case, and none the
/// smallest, so that a failure shrinks.
pub(crate) struct Choices<'b>(std::slice::Iter<'b, u8>);

impl Choices<'_> {
    /// Cases that are made of choices.
    pub(crate) fn cases<C: fmt::Debug>(make: fn(&mut Choices<'_>) -> C) -> impl Strategy<Value = C> {
        proptest::collection::vec(any::<u8>(), 0..1200).prop_map(move |bytes| make(&mut Choices(bytes.iter())))
    }

    /// A number below the limit.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::from(*self.0.next().unwrap_or(&0)) % limit
    }

    /// One of them.
    pub(crate) fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// True in so many of 16 cases.
    pub(crate) fn odds(&mut self, sixteenths: usize) -> bool {
        self.below(16) >= 16 - sixteenths
    }
}

/// Few cases, since they are tried at every build; `PROPTEST_CASES` asks for more.
pub(crate) fn proptest_config(cases: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig { cases: asked.unwrap_or(cases), failure_persistence: None, ..ProptestConfig::default() }
}

#[test]
fn lines_are_modules() {
    let modules = Modules(
        "work 1.24 use a lib replace x=>../lib\na 1.24 require x@v1.0.0 exclude x@v1.1.0 replace y@v1.0.0=>Z@v1.0.0 \
         import x in sub import lib x/deep\nlib - rootless\nx@v1.0.0 1.20 in deep\n"
            .to_owned(),
    );
    let repository = "\
-- go.work --
go 1.24
use ./a
use ./lib
replace ex.io/x => ./lib
-- a/go.mod --
module ex.io/a
go 1.24
require ex.io/x v1.0.0
exclude ex.io/x v1.1.0
replace ex.io/y v1.0.0 => ex.io/Z v1.0.0
-- a/p.go --
package main

import _ \"ex.io/x\"

func main() {}
-- a/sub/p.go --
package p

import _ \"ex.io/lib\"
import _ \"ex.io/x/deep\"
-- lib/go.mod --
module ex.io/lib
";
    let published = "\
-- ex.io/x@v1.0.0/go.mod --
module ex.io/x
go 1.20
-- ex.io/x@v1.0.0/p.go --
package p

-- ex.io/x@v1.0.0/deep/p.go --
package p

";
    assert_eq!((modules.repository().as_str(), modules.published().as_str()), (repository, published));
    assert_eq!(modules.programs(), ["a"]);
    assert_eq!(Modules::mentions("a replace y@v1=>Z@v2 x"), ["y@v1", "Z@v2"].map(ToOwned::to_owned).into());
}
