//! Draws build constraints: as a file name and as the text above a package clause, in forms that count and forms that
//! only look as if they did.

use super::TAGS;
use super::sketch::Sketch;

const KNOWN_TAGS: [&str; 16] = [
    "linux", "windows", "darwin", "js", "wasm", "amd64", "arm64", "unix", "cgo", "gc", "gccgo", "go1.18", "go1.99",
    "ignore", "android", "race",
];

/// Names in which `%` stands for something unique; some are constraints, some only look like it.
const NAMES: [&str; 44] = [
    "%_linux.go",
    "%_windows.go",
    "%_darwin.go",
    "%_js.go",
    "%_wasm.go",
    "%_amd64.go",
    "%_linux_amd64.go",
    "%_darwin_arm64.go",
    "%_js_wasm.go",
    "%_windows_arm64.go",
    "%_linux.pb.go",
    "%_windows.gen.go",
    "%.pb_windows.go",
    "%_unix.go",
    "%_cgo.go",
    "%_LINUX.go",
    "%_amd64_linux.go",
    "%_linux_windows.go",
    "%_linux_foo.go",
    "%_linux_.go",
    "%__windows.go",
    "%_test_linux.go",
    "%_sparc64.go",
    "%_wasip1.go",
    "%_wasip2.go",
    "%_android.go",
    "%_ios.go",
    "%_hurd.go",
    "%_nacl.go",
    "%_amd64p32.go",
    "%_gccgo.go",
    "%_darwin.x.go",
    "%_zos_s390x.go",
    "%-windows.go",
    "%windows.go",
    "% space_windows.go",
    "ü%_js.go",
    "%_alpha.go",
    "%_ppc64le.go",
    "%_illumos.go",
    "%_linux_arm64_test_.go",
    "%_386.go",
    "%.linux.go",
    "%_freebsd_amd64.go",
];

/// A file name that may or may not select the file.
pub(super) fn name(sketch: &mut Sketch) -> String {
    sketch.shows("name constraint");
    let stem = format!("f{}", sketch.serial());
    sketch.pick(&NAMES).replace('%', &stem)
}

/// The text between the start of a Go file and its package clause: nothing, a constraint, or what looks like one.
pub(super) fn header(sketch: &mut Sketch) -> String {
    match sketch.random.below(10) {
        0..=3 => go_build(sketch),
        4..=5 => plus_build(sketch),
        6 => no_constraint(sketch),
        _ => String::new(),
    }
}

/// The text that puts a file under one given constraint.
pub(super) fn exactly(expression: &str) -> String {
    format!("//go:build {expression}\n\n")
}

/// The same for the leading comments of C and assembly.
pub(super) fn native_header(sketch: &mut Sketch) -> String {
    match sketch.random.below(8) {
        0 => format!("//go:build {}\n\n", expression(sketch, 2)),
        1 => format!("// A comment.\n\n// +build {}\n\n", options(sketch)),
        2 => format!("/* A comment. */\n//go:build {}\n", expression(sketch, 1)),
        _ => String::new(),
    }
}

fn go_build(sketch: &mut Sketch) -> String {
    sketch.shows("go:build");
    let expression = expression(sketch, 3);
    for wrong in ["//go:build (\n\n", "//go:build linux // c\n\n", "//go:build a b\n\n", "//go:build !!a\n\n"] {
        if sketch.breaks(1) {
            return wrong.to_owned();
        }
    }
    if sketch.breaks(1) {
        return format!("//go:build {expression}\n//go:build {expression}\n\n");
    }
    match sketch.random.below(12) {
        0 => format!("//go:build {expression}\n"),
        1 => format!("// Copyright.\n\n//go:build {expression}\n\n// Package comment.\n"),
        2 => format!("/* Copyright. */\n\n//go:build {expression}\n\n"),
        3 => format!("/*\nCopyright.\n*/\n//go:build {expression}\n/* more */\n"),
        4 => format!("//go:build {expression}\n// +build {}\n\n", options(sketch)),
        5 => format!("\u{feff}//go:build {expression}\n\n"),
        6 => format!("//go:build {expression}\r\n\r\n"),
        7 => format!("\n\n  //go:build {expression}  \n\n"),
        8 => format!("// +build {}\n//go:build {expression}\n\n", options(sketch)),
        9 => format!("//go:build\t{expression}\n\n"),
        _ => format!("//go:build {expression}\n\n"),
    }
}

fn plus_build(sketch: &mut Sketch) -> String {
    sketch.shows("+build");
    let options = options(sketch);
    match sketch.random.below(8) {
        0 => format!("//+build {options}\n\n"),
        1 => format!("// Copyright.\n\n// +build {options}\n\n"),
        2 => format!("// +build {options}\n// +build {}\n\n", self::options(sketch)),
        3 => format!("// +build {options}\r\n\r\n"),
        4 => format!("//   +build   {options}\n\n// Package comment.\n"),
        5 => format!("\u{feff}// +build {options}\n\n"),
        6 => format!("// +build {options}\n// Copyright.\n\n"),
        _ => format!("// +build {options}\n\n"),
    }
}

/// What is no constraint, or one that Go does not see.
fn no_constraint(sketch: &mut Sketch) -> String {
    let expression = expression(sketch, 2);
    match sketch.random.below(10) {
        // Directly above the package clause, or after a block comment, the old form does not count.
        0 => "// +build windows\n".to_owned(),
        1 => "/* Copyright. */\n\n// +build windows\n\n".to_owned(),
        2 => format!("/*\n//go:build {expression}\n*/\n\n"),
        // Listed, but the compiler refuses it.
        3 if sketch.breaks(50) => format!("/* x */ //go:build {expression}\n\n"),
        4 => format!("// go:build {expression}\n\n"),
        5 => format!("//go:builds {expression}\n\n"),
        6 => "// +builds windows\n\n".to_owned(),
        7 => "//go:generate echo\n\n".to_owned(),
        8 => format!("/* // +build {expression} */\n\n"),
        _ => "// Package comment.\n".to_owned(),
    }
}

fn tag(sketch: &mut Sketch) -> &'static str {
    if sketch.chance(35) { sketch.pick(&TAGS) } else { sketch.pick(&KNOWN_TAGS) }
}

fn expression(sketch: &mut Sketch, depth: usize) -> String {
    match sketch.random.below(if depth == 0 { 1 } else { 5 }) {
        1 => format!("!{}", tag(sketch)),
        2 => format!("!({})", expression(sketch, depth - 1)),
        3 => format!("{} && {}", operand(sketch, depth - 1), operand(sketch, depth - 1)),
        4 => format!("{} || {}", operand(sketch, depth - 1), operand(sketch, depth - 1)),
        _ => tag(sketch).to_owned(),
    }
}

fn operand(sketch: &mut Sketch, depth: usize) -> String {
    let expression = expression(sketch, depth);
    if expression.contains(' ') || sketch.chance(10) { format!("({expression})") } else { expression }
}

/// Fields and terms of the old form.
fn options(sketch: &mut Sketch) -> String {
    let mut fields = Vec::new();
    for _ in 0..sketch.random.between(1, 3) {
        let mut terms = Vec::new();
        for _ in 0..sketch.random.between(1, 2) {
            let not = if sketch.chance(30) { "!" } else { "" };
            terms.push(format!("{not}{}", tag(sketch)));
        }
        fields.push(terms.join(","));
    }
    if sketch.chance(5) {
        fields.push("in-valid".to_owned());
    }
    fields.join(" ")
}
