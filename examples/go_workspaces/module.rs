//! Writes go.mod, go.work and modules.txt of a planned repository.

use std::fmt::Write as _;

use super::layout::{Kind, Layout, Module, Role, Shape};
use super::sketch::{Sketch, join, relative};

/// Writes the files that say what the modules are.
pub(super) fn write(sketch: &mut Sketch, layout: &Layout) {
    for module in &layout.modules {
        if module.role != Role::Vendored {
            let text = go_mod(sketch, layout, module);
            let path = join(&module.dir, "go.mod");
            if sketch.chance(5) {
                let target = format!("shared/{}.mod", module.path.replace('/', "_"));
                sketch.put(&target, text);
                sketch.link(&path, relative(&module.dir, &target));
            } else {
                sketch.put(&path, text);
            }
        }
    }
    if layout.has_go_work() {
        let text = go_work(sketch, layout);
        sketch.put("go.work", text);
    }
    if let Some(last) = layout.last().filter(|_| layout.has_copies) {
        copies(sketch, layout, last);
    }
    if let Some(vendor) = layout.vendor_dir() {
        let text = modules_txt(layout);
        sketch.put(&join(&vendor, "modules.txt"), text);
    } else if layout.has_go_work() && !layout.has_copies && sketch.breaks(15) {
        // One module's vendor folder does not count in a workspace, but does without.
        let dir = layout.modules.last().map_or("", |module| &module.dir);
        if !dir.is_empty() {
            sketch.put(&join(dir, "vendor/ext.io/one/one.go"), "package one\n");
        }
    }
}

fn go_mod(sketch: &mut Sketch, layout: &Layout, module: &Module) -> String {
    let mut text = String::new();
    if sketch.chance(20) {
        text.push_str("// A comment.\n\n");
    }
    let _ = match sketch.random.below(8) {
        0 => writeln!(text, "module \"{}\"", module.path),
        1 => writeln!(text, "module (\n\t{}\n)", module.path),
        2 => writeln!(text, "module   {}//glued", module.path),
        _ => writeln!(text, "module {}", module.path),
    };
    if let Some(go) = module.go {
        let _ = writeln!(text, "\ngo {}", go_line(go));
        if go >= 21 && sketch.chance(15) {
            text.push_str("\ntoolchain go1.24.1\n");
        }
    }
    let required: Vec<&Module> = module.requires.iter().map(|index| &layout.modules[*index]).collect();
    requirements(sketch, &required, &mut text);
    for required in required.into_iter().filter(|required| required.role != Role::Vendored) {
        if !required.replaced_in_work {
            replacement(sketch, layout, module, required, &mut text);
        }
    }
    noise(sketch, layout, module, &mut text);
    if sketch.chance(8) { text.replace('\n', "\r\n") } else { text }
}

fn requirements(sketch: &mut Sketch, required: &[&Module], text: &mut String) {
    let line = |sketch: &mut Sketch, module: &Module| {
        let comment = if sketch.chance(20) { " // indirect" } else { "" };
        format!("{} {}{comment}\n", module.known_as, module.version)
    };
    if required.len() > 1 && sketch.chance(70) {
        text.push_str("\nrequire (\n");
        for module in required {
            let _ = write!(text, "\t{}", line(sketch, module));
        }
        text.push_str(")\n");
    } else {
        for module in required {
            let _ = write!(text, "\nrequire {}", line(sketch, module));
        }
    }
}

fn replacement(sketch: &mut Sketch, layout: &Layout, by: &Module, required: &Module, text: &mut String) {
    sketch.shows("folder replace");
    // In a workspace Go compares those of a single version by their text, which depends on the module's own folder.
    let has_version = match layout.shape {
        Shape::Work => sketch.breaks(10),
        Shape::One | Shape::Many => is_replaced_by_version(required),
    };
    let version = if has_version { format!(" {}", required.version) } else { String::new() };
    let target = folder(&by.dir, &required.dir);
    let _ = writeln!(text, "\nreplace {}{version} => {target}", required.known_as);
}

fn is_replaced_by_version(required: &Module) -> bool {
    required.known_as.len().is_multiple_of(3)
}

/// A folder as go.mod and go.work spell it, in one of several ways.
fn folder(from: &str, to: &str) -> String {
    let way = written_folder(from, to);
    if (from.len() + to.len()).is_multiple_of(7) { format!("\"{way}\"") } else { way }
}

/// The same without quotes.
fn written_folder(from: &str, to: &str) -> String {
    let way = plain_folder(from, to);
    match (from.len() + to.len()) % 6 {
        0 => format!("{way}/"),
        1 => way.replacen("./", "././", 1),
        _ => way,
    }
}

fn plain_folder(from: &str, to: &str) -> String {
    let way = relative(from, to);
    if way.starts_with('.') { way } else { format!("./{way}") }
}

/// Directives that change no package.
fn noise(sketch: &mut Sketch, layout: &Layout, module: &Module, text: &mut String) {
    const LINES: [&str; 6] = [
        "exclude ext.io/never v1.0.0",
        "retract v0.0.9 // published by mistake",
        "replace ext.io/never => ./no/such/folder",
        "replace ext.io/never v1.5.0 => ext.io/other v1.0.0",
        "exclude (\n\text.io/never v1.1.0\n)",
        "retract [v0.0.1, v0.0.3]",
    ];
    for line in LINES {
        // modules.txt would have to have those replacements, two modules of a go.work may not differ in them, and what is
        // retracted has the module's major version.
        let has_others = layout.has_vendor || layout.has_copies || layout.shape == Shape::Work;
        let is_wrong =
            has_others && line.starts_with("replace") || module.path.ends_with("/v9") && line.starts_with("retract");
        if sketch.chance(6) && !is_wrong {
            let _ = writeln!(text, "\n{line}");
        }
    }
    for line in [
        "ignore ./a",
        "ignore (\n\tcore\n\t./nested\n)",
        "tool ext.io/never/tool",
        "replace ext.io/never v1.6.0 => ../../../../outside",
        "unknown directive",
        "require ext.io/absent v1.0.0",
        "go 1.99",
        "require ext.io/x",
        "replace a=>./b",
    ] {
        if sketch.breaks(2) {
            let _ = writeln!(text, "\n{line}");
        }
    }
}

fn go_work(sketch: &mut Sketch, layout: &Layout) -> String {
    let newest = layout.modules.iter().filter_map(|module| module.go).max().unwrap_or(18).max(18);
    let patch = if newest >= 21 { ".0" } else { "" };
    let has_go_line = newest > 18 || layout.has_vendor || sketch.chance(80);
    let mut text = if has_go_line { format!("go 1.{newest}{patch}\n") } else { String::new() };
    let mut used: Vec<String> = layout
        .modules
        .iter()
        .filter(|module| module.role == Role::Main)
        .map(|module| folder("", &module.dir))
        .collect();
    if sketch.breaks(4) {
        used.push("./no/such/module".to_owned());
    }
    if sketch.chance(60) {
        let _ = writeln!(text, "\nuse (\n\t{}\n)", used.join("\n\t"));
    } else {
        for used in used {
            let _ = writeln!(text, "use {used}");
        }
    }
    for module in layout.modules.iter().filter(|module| module.replaced_in_work) {
        sketch.shows("replace in go.work");
        let target = folder("", &module.dir);
        let version = if sketch.chance(30) { format!(" {}", module.version) } else { String::new() };
        let _ = writeln!(text, "\nreplace {}{version} => {target}", module.known_as);
    }
    text
}

fn modules_txt(layout: &Layout) -> String {
    let mut text = String::new();
    if layout.shape == Shape::Work {
        text.push_str("## workspace\n");
    }
    let is_required = |index: usize| layout.modules.iter().any(|module| module.requires.contains(&index));
    for (index, module) in layout.modules.iter().enumerate().filter(|(index, _)| is_required(*index)) {
        let go = module.go.map(|go| format!("; go 1.{go}")).unwrap_or_default();
        // A module of the go.work is there by name only.
        let (replacement, has_copies) = match module.role {
            Role::Vendored => (String::new(), true),
            _ => (format!(" => {}", plain_folder("", &module.dir)), false),
        };
        let _ = writeln!(text, "# {} {}{replacement}\n## explicit{go}", module.path, module.version);
        let mut packages: Vec<&str> = layout
            .packages
            .iter()
            .filter(|package| has_copies && package.module == index)
            .map(|package| package.import_path.as_str())
            .collect();
        packages.sort_unstable();
        for package in packages {
            let _ = writeln!(text, "{package}");
        }
    }
    text
}

/// The vendor folder of one module with copies of replaced modules: without a go.work it stands for them.
fn copies(sketch: &mut Sketch, layout: &Layout, of: &Module) {
    sketch.shows("vendored copies of replaced modules");
    let vendor = join(&of.dir, "vendor");
    let mut text = String::new();
    let mut of_every_version = String::new();
    for index in &of.requires {
        let module = &layout.modules[*index];
        let go = module.go.map(|go| format!("; go {}", go_line(go))).unwrap_or_default();
        let target = written_folder(&of.dir, &module.dir);
        let _ = writeln!(text, "# {} {} => {target}\n## explicit{go}", module.known_as, module.version);
        for package in layout.packages.iter().filter(|package| package.module == *index) {
            let symbol = match package.kind {
                Kind::Library => package.id,
                Kind::Link(to) => to,
                Kind::Program | Kind::Unnamed => continue,
            };
            let _ = writeln!(text, "{}", package.import_path);
            let copy = format!("package p{symbol}\n\nvar Total{symbol} = 0\n\nfunc V{symbol}() int {{ return 2 }}\n");
            sketch.put(&join(&vendor, &format!("{}/copy.go", package.import_path)), copy);
        }
        if layout.shape == Shape::Work || !is_replaced_by_version(module) {
            let _ = writeln!(of_every_version, "# {} => {target}", module.known_as);
        }
    }
    sketch.put(&join(&vendor, "modules.txt"), text + &of_every_version);
}

/// 1.22 is older than 1.22.0, and no module may be newer than those that require it.
fn go_line(minor: usize) -> String {
    let patch = if minor == 22 || minor == 24 { ".0" } else { "" };
    format!("1.{minor}{patch}")
}
