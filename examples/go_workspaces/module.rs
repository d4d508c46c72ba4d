//! Writes go.mod, go.work and modules.txt of a planned repository.

use std::fmt::Write as _;

use super::layout::{Layout, Module, Role, Shape};
use super::sketch::{Sketch, join, relative};

/// Writes the files that say what the modules are.
pub(super) fn write(sketch: &mut Sketch, layout: &Layout) {
    for module in &layout.modules {
        if module.role != Role::Vendored {
            let text = go_mod(sketch, layout, module);
            sketch.put(&join(&module.dir, "go.mod"), text);
        }
    }
    if layout.has_go_work() {
        let text = go_work(sketch, layout);
        sketch.put("go.work", text);
    }
    if let Some(vendor) = layout.vendor_dir() {
        let text = modules_txt(layout);
        sketch.put(&join(&vendor, "modules.txt"), text);
    } else if layout.has_go_work() && sketch.breaks(15) {
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
        // 1.22 is older than 1.22.0, and no module may be newer than those that require it.
        let patch = if go == 22 || go == 24 { ".0" } else { "" };
        let _ = writeln!(text, "\ngo 1.{go}{patch}");
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
        Shape::One | Shape::Many => sketch.chance(30),
    };
    let version = if has_version { format!(" {}", required.version) } else { String::new() };
    let target = folder(sketch, &by.dir, &required.dir);
    let _ = writeln!(text, "\nreplace {}{version} => {target}", required.known_as);
}

/// A folder as go.mod and go.work spell it.
fn folder(sketch: &mut Sketch, from: &str, to: &str) -> String {
    let way = plain_folder(from, to);
    match sketch.random.below(6) {
        0 => format!("{way}/"),
        1 => format!("\"{way}\""),
        2 => way.replacen("./", "././", 1),
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
        // Those replacements would have to be in modules.txt, and what is retracted has the module's major version.
        let is_wrong = layout.has_vendor && line.starts_with("replace")
            || module.path.ends_with("/v9") && line.starts_with("retract");
        if sketch.chance(6) && !is_wrong {
            let _ = writeln!(text, "\n{line}");
        }
    }
    for line in ["unknown directive", "require ext.io/absent v1.0.0", "go 1.99", "require ext.io/x", "replace a=>./b"] {
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
        .map(|module| folder(sketch, "", &module.dir))
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
        let target = folder(sketch, "", &module.dir);
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
