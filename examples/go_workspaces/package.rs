//! Writes the files of one package. Every package `N` has a variable `TotalN` and a function `VN`, to which its files
//! add, so that what is built in has an effect.

use std::fmt::Write as _;

use super::constraint;
use super::data;
use super::layout::{Kind, Layout, Package};
use super::native;
use super::sketch::{Sketch, join, relative};

const BASE_NAMES: [&str; 9] =
    ["lib.go", "a.go", "zz.go", "doc.go", "linux.go", "test.go", "windows.go", "x_unix.go", "some-thing.go"];

/// Writes all files of a package, or the link that stands for it.
pub(super) fn write(sketch: &mut Sketch, layout: &Layout, package: &Package) {
    if let Kind::Link(to) = package.kind {
        let above = package.dir.rsplit_once('/').map_or("", |(above, _)| above);
        sketch.link(&package.dir, relative(above, &layout.packages[to].dir));
        return;
    }
    Writer { sketch, layout, package }.write();
}

/// What is needed to write the files of one package.
pub(super) struct Writer<'w> {
    pub(super) sketch: &'w mut Sketch,
    layout: &'w Layout,
    pub(super) package: &'w Package,
}

/// A Go file in parts.
#[derive(Default)]
pub(super) struct GoFile {
    /// What stands above the package clause.
    pub(super) header: String,
    /// Import declarations, whole.
    pub(super) imports: String,
    /// What follows them.
    pub(super) body: String,
}

impl Writer<'_> {
    fn write(&mut self) {
        if self.package.only.is_some() {
            self.sketch.shows("package under a constraint");
        }
        self.base_file();
        for _ in 0..self.sketch.random.between(0, 4) {
            self.constrained_file();
        }
        if self.sketch.chance(40) {
            self.test_file();
        }
        if self.sketch.chance(30) {
            self.ignored_file();
        }
        if self.sketch.chance(30) {
            data::write(self);
        }
        if self.sketch.chance(30) {
            native::write(self);
        }
        if self.sketch.chance(10) {
            self.linked_file();
        }
        if self.package.kind == Kind::Program && self.sketch.chance(25) {
            self.profile();
        }
        self.import_packages_under_constraints();
        self.broken_file();
    }

    /// Whether another package is made of the same files.
    pub(super) fn is_linked_to(&self) -> bool {
        self.layout.packages.iter().any(|other| other.kind == Kind::Link(self.package.id))
    }

    /// The packages in folders below this one, as paths from it.
    pub(super) fn packages_below(&self) -> Vec<String> {
        let prefix = if self.package.dir.is_empty() { String::new() } else { format!("{}/", self.package.dir) };
        let own = |other: &&Package| other.kind == Kind::Library && other.module == self.package.module;
        let below = self.layout.packages.iter().filter(own).filter_map(|other| other.dir.strip_prefix(&prefix));
        below.filter(|below| !below.is_empty() && !below.starts_with(['.', '_'])).map(str::to_owned).collect()
    }

    /// The folder of the package and a name in it.
    pub(super) fn path(&self, name: &str) -> String {
        join(&self.package.dir, name)
    }

    /// The name in the package clause.
    pub(super) fn name(&self) -> String {
        if self.package.kind == Kind::Program { "main".to_owned() } else { format!("p{}", self.package.id) }
    }

    /// A statement that makes an expression count.
    pub(super) fn counted(&self, expression: &str) -> String {
        format!("\nfunc init() {{ Total{} += {expression} }}\n", self.package.id)
    }

    /// Adds a Go file. The constraint of the whole package goes before that of the file.
    pub(super) fn put_go(&mut self, name: &str, file: &GoFile) {
        let header = match self.package.only {
            Some(only) => constraint::exactly(only),
            None => file.header.clone(),
        };
        let clause = match self.sketch.random.below(12) {
            0 => format!("package {}; ", self.name()),
            1 => format!("package /* x */ {} // import \"elsewhere.io/x\"\n", self.name()),
            2 => format!("package\n{}\n", self.name()),
            _ => format!("package {}\n", self.name()),
        };
        let text = format!("{header}{clause}\n{}{}", file.imports, file.body);
        let text = if self.sketch.chance(4) { text.replace("\r\n", "\n").replace('\n', "\r\n") } else { text };
        let path = self.path(name);
        self.sketch.put(&path, text);
    }

    fn base_file(&mut self) {
        let id = self.package.id;
        let (imports, sum) = self.some_imports(3);
        let body = match self.package.kind {
            Kind::Program => format!("\nvar Total{id} = 1\n\nfunc main() {{ println(Total{id}{sum}) }}\n"),
            _ => format!("\nvar Total{id} = {id}\n\nfunc V{id}() int {{ return Total{id}{sum} }}\n"),
        };
        let name = if self.package.kind == Kind::Program { "main.go" } else { self.sketch.pick(&BASE_NAMES) };
        self.put_go(name, &GoFile { imports, body, ..GoFile::default() });
    }

    fn constrained_file(&mut self) {
        let header = constraint::header(self.sketch);
        let name = match self.sketch.chance(55) {
            true => constraint::name(self.sketch),
            false => format!("g{}.go", self.sketch.serial()),
        };
        let (imports, sum) = self.some_imports(2);
        let body = self.counted(&format!("{}{sum}", self.package.id));
        self.put_go(&name, &GoFile { header, imports, body });
    }

    /// Imports and what they add up to, as ` + x.V1() + …`.
    fn some_imports(&mut self, most: usize) -> (String, String) {
        let is_free = |id: &&usize| self.layout.packages[**id].only.is_none();
        let pool: Vec<usize> = self.package.may_import.iter().filter(is_free).copied().collect();
        let count = self.sketch.random.between(0, most);
        let chosen = self.sketch.random.skewed(&pool, count);
        self.imports_of(&chosen)
    }

    fn imports_of(&mut self, chosen: &[usize]) -> (String, String) {
        let mut specs = Vec::new();
        let mut sum = String::new();
        for id in chosen {
            let imported = &self.layout.packages[*id];
            let symbol = match imported.kind {
                Kind::Link(to) => to,
                _ => *id,
            };
            let alias = format!("d{}", self.sketch.serial());
            let path = quoted(self.sketch, &imported.import_path);
            // Two packages behind one folder would both bring the same name.
            let can_be_bare = !matches!(imported.kind, Kind::Link(_));
            match self.sketch.random.below(8) {
                0 => specs.push(format!("_ {path}")),
                1 if can_be_bare => {
                    specs.push(format!(". {path}"));
                    let _ = write!(sum, " + V{symbol}()");
                }
                2 | 3 if can_be_bare => {
                    specs.push(path);
                    let _ = write!(sum, " + p{symbol}.V{symbol}()");
                }
                _ => {
                    specs.push(format!("{alias} {path}"));
                    let _ = write!(sum, " + {alias}.V{symbol}()");
                }
            }
        }
        if self.sketch.breaks(3) {
            specs.push("_ \"ex.io/missing/package\"".to_owned());
        }
        if self.sketch.breaks(1) {
            specs.push("_ \"./relative\"".to_owned());
        }
        (declaration(self.sketch, &specs), sum)
    }

    /// A package that is there only under a constraint is imported under the same.
    fn import_packages_under_constraints(&mut self) {
        let pool: Vec<usize> = self.package.may_import.clone();
        for id in pool {
            let imported = &self.layout.packages[id];
            let Some(only) = imported.only else { continue };
            let is_odd = self.sketch.breaks(10);
            if self.package.only.is_some_and(|own| own != only) || !(self.sketch.chance(50) || is_odd) {
                continue;
            }
            let (imports, sum) = self.imports_of(&[id]);
            let body = self.counted(&format!("0{sum}"));
            let header = if is_odd { String::new() } else { constraint::exactly(only) };
            let name = format!("only{}.go", self.sketch.serial());
            self.put_go(&name, &GoFile { header, imports, body });
        }
    }

    fn test_file(&mut self) {
        self.sketch.shows("test file");
        let name = match self.sketch.random.below(4) {
            0 => format!("t{}_windows_test.go", self.sketch.serial()),
            1 => format!("t{}_linux_amd64_test.go", self.sketch.serial()),
            _ => format!("t{}_test.go", self.sketch.serial()),
        };
        let suffix = if self.sketch.chance(40) { "_test" } else { "" };
        let embed = if self.sketch.chance(20) { "\n//go:embed no/such/file\nvar fs embed.FS\n" } else { "" };
        let imports = "import (\n\t\"embed\"\n\t\"testing\"\n\t_ \"ex.io/only/for/tests\"\n)\n";
        let header = if self.sketch.chance(20) { constraint::exactly("windows") } else { String::new() };
        let text = format!("{header}package {}{suffix}\n\n{imports}{embed}", self.name());
        let path = self.path(&name);
        self.sketch.put(&path, text);
    }

    /// A file that Go passes over.
    fn ignored_file(&mut self) {
        let number = self.sketch.serial();
        let broken = "package (\n\nimport \"ex.io/never\"\n";
        let (name, text) = match self.sketch.random.below(11) {
            0 => (format!("_i{number}.go"), broken.to_owned()),
            1 => (format!(".i{number}.go"), broken.to_owned()),
            2 => (format!("i{number}.GO"), broken.to_owned()),
            3 if self.sketch.breaks(50) => (format!("i{number}_plan9.go"), broken.to_owned()),
            3 => (format!("i{number}_plan9.go"), format!("package {}\n\nimport \"ex.io/never\"\n", self.name())),
            4 | 5 => {
                self.sketch.shows("package documentation");
                let text = "// Text.\npackage documentation\n\nimport \"ex.io/never\"\n";
                (format!("i{number}.go"), text.to_owned())
            }
            6 => (format!("i{number}.go"), "//go:build ignore\n\npackage main\n\nimport \"ex.io/never\"\n".to_owned()),
            7 => (format!("i{number}.go.txt"), broken.to_owned()),
            // A folder may have any name, and a link to one is a folder.
            8 => (format!("i{number}.go/file.txt"), broken.to_owned()),
            9 => {
                let target = format!("shared/folder{number}");
                self.sketch.put(&format!("{target}/file.txt"), broken);
                let path = self.path(&format!("i{number}.go"));
                self.sketch.link(&path, relative(&self.package.dir, &target));
                return;
            }
            _ => (format!("_native{number}.c"), "#include \"no.h\"\n".to_owned()),
        };
        let path = self.path(&name);
        self.sketch.put(&path, text);
    }

    /// A Go file, or one that it embeds, that lies elsewhere.
    fn linked_file(&mut self) {
        let number = self.sketch.serial();
        let text = format!(
            "{}package {}\n{}",
            self.package.only.map(constraint::exactly).unwrap_or_default(),
            self.name(),
            self.counted("3"),
        );
        let target = format!("shared/linked/target{number}.txt");
        self.sketch.put(&target, text);
        let mut to = target;
        if self.sketch.chance(30) {
            let between = format!("shared/linked/between{number}");
            self.sketch.link(&between, format!("target{number}.txt"));
            to = between;
        }
        if self.sketch.chance(20) {
            self.sketch.link("shared/way", "linked");
            to = to.replacen("shared/linked", "shared/way", 1);
        }
        let name = if self.sketch.chance(30) { format!("l{number}_windows.go") } else { format!("l{number}.go") };
        let path = self.path(&name);
        let mut way = relative(&self.package.dir, &to);
        if self.sketch.breaks(15) {
            "no/such/file".clone_into(&mut way);
        }
        if self.sketch.breaks(5) {
            "/etc/hostname".clone_into(&mut way);
        }
        self.sketch.shows("linked file");
        self.sketch.link(&path, way);
    }

    fn profile(&mut self) {
        let path = self.path("default.pgo");
        if self.sketch.chance(70) {
            self.sketch.put(&path, "");
        } else {
            self.sketch.put("shared/profile", "");
            self.sketch.link(&path, relative(&self.package.dir, "shared/profile"));
        }
    }

    /// Something that Go refuses.
    fn broken_file(&mut self) {
        const FILES: [(&str, &str); 12] = [
            ("bad_clause.go", "packge p\n"),
            ("bad_name.go", "package other\n"),
            ("bad_import.go", "package p\n\nimport \"unterminated\n"),
            ("bad_body.go", "package p\n\nfunc {\n"),
            ("bad_nul.go", "package p\n\n// \0\n"),
            ("bad_empty.go", ""),
            ("bad_windows.go", "packge p\n"),
            ("bad_test.go", "packge p\n"),
            ("bad.f90", "end\n"),
            ("bad.m", "int m;\n"),
            ("bad.swig", "%module x\n"),
            ("LIB.go", "package p\n"),
        ];
        for (name, text) in FILES {
            if self.sketch.breaks(1) {
                let path = self.path(name);
                let text = text.replace("package p\n", &format!("package {}\n", self.name()));
                self.sketch.put(&path, text);
            }
        }
    }
}

/// An import path as a Go string.
fn quoted(sketch: &mut Sketch, path: &str) -> String {
    match sketch.random.below(8) {
        0 => format!("`{path}`"),
        1 => format!("\"\\x{:02x}{}\"", path.as_bytes()[0], &path[1..]),
        _ => format!("\"{path}\""),
    }
}

/// Import specifications as one declaration or several.
fn declaration(sketch: &mut Sketch, specs: &[String]) -> String {
    if specs.is_empty() {
        return String::new();
    }
    match sketch.random.below(5) {
        0 => specs.iter().flat_map(|spec| ["import ", spec, "\n"]).collect(),
        1 => format!("import ({})\n", specs.join("; ")),
        2 => format!("import /* a */ ( // b\n\t{}\n)\n", specs.join(" // c\n\t/* d */")),
        3 => specs.iter().flat_map(|spec| ["import(", spec, ");"]).collect::<String>() + "\n",
        _ => format!("import (\n\t{}\n)\n", specs.join("\n\t")),
    }
}
