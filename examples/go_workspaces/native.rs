//! Writes what of a package is not Go: cgo with its C files and includes, assembly, headers and objects.

use std::fmt::Write as _;

use super::constraint;
use super::package::{GoFile, Writer};
use super::sketch::{Sketch, relative};

/// Adds C or assembly to a package: never both, since cgo hands assembly to the C compiler.
pub(super) fn write(writer: &mut Writer<'_>) {
    match writer.sketch.random.below(10) {
        0..=4 => cgo(writer),
        5..=7 => assembly(writer),
        _ => {}
    }
    if writer.sketch.chance(30) {
        headers(writer);
    }
    if writer.sketch.chance(25) {
        objects(writer);
    }
}

fn cgo(writer: &mut Writer<'_>) {
    writer.sketch.shows("cgo");
    let number = writer.sketch.serial();
    let includes = includes(writer, number);
    // The names in C files are those of the whole program.
    let has_c_file = writer.sketch.chance(60) && !writer.is_linked_to();
    let flags = match writer.sketch.random.below(4) {
        0 => "#cgo CFLAGS: -DNUMBER=1\n#cgo linux LDFLAGS: -lm\n",
        1 => "#cgo !windows,!js CFLAGS: -O1\n",
        _ => "",
    };
    let call = if has_c_file { format!("call{number}") } else { format!("inline{number}") };
    let preamble = format!("{flags}{}static int inline{number}(void) {{ return {number}; }}\n", includes.text);
    let comment = match writer.sketch.chance(70) {
        true => format!(
            "/*\n{preamble}{}*/\n",
            if has_c_file { format!("int call{number}(void);\n") } else { String::new() }
        ),
        false => {
            let text = if has_c_file { format!("{preamble}int call{number}(void);\n") } else { preamble };
            text.lines().flat_map(|line| ["// ", line, "\n"]).collect()
        }
    };
    let imports = match writer.sketch.random.below(3) {
        0 => format!("import (\n\t{}\"C\"\n)\n", comment.replace('\n', "\n\t")),
        _ => format!("{comment}import \"C\"\n"),
    };
    // Without its Go file, C is refused: such a file has no constraint of its own.
    let header = match writer.sketch.random.below(4) {
        _ if has_c_file => String::new(),
        0 => constraint::exactly("cgo"),
        1 => constraint::exactly("linux || windows"),
        _ => String::new(),
    };
    let body = writer.counted(&format!("int(C.{call}())"));
    let name = if has_c_file { format!("cgo{number}.go") } else { format!("x{number}_cgo.go") };
    writer.put_go(&name, &GoFile { header, imports, body });
    if writer.sketch.chance(25) {
        writer.sketch.shows("assembly");
        let path = writer.path(&format!("table{number}.inc"));
        writer.sketch.put(&path, "/* Nothing. */\n");
        let path = writer.path(&format!("big{number}.S"));
        writer.sketch.put(&path, format!("#include \"table{number}.inc\"\n"));
    }
    if has_c_file {
        c_files(writer, number, &includes.text);
    }
}

fn c_files(writer: &mut Writer<'_>, number: usize, includes: &str) {
    let only = writer.package.only.map(constraint::exactly).unwrap_or_default();
    let text = format!("{only}{includes}int call{number}(void) {{ return {number}; }}\n");
    let path = writer.path(&format!("call{number}.c"));
    writer.sketch.put(&path, text);
    for name in ["c%_windows.c", "c%_darwin.c", "c%.cc", "c%_linux.cpp", "c%_js.cxx", "c%_arm64.c"] {
        if writer.sketch.chance(12) {
            let header = match &only[..] {
                "" => constraint::native_header(writer.sketch),
                _ => only.clone(),
            };
            let number = writer.sketch.serial();
            let path = writer.path(&name.replace('%', &number.to_string()));
            writer.sketch.put(&path, format!("{header}int only{number}(void) {{ return {number}; }}\n"));
        }
    }
}

struct Included {
    text: String,
}

/// Files that the preamble includes, in the folder, below it and beside it.
fn includes(writer: &mut Writer<'_>, number: usize) -> Included {
    let mut text = String::new();
    let put = |writer: &mut Writer<'_>, path: &str, contents: String| {
        let path = writer.path(path);
        writer.sketch.put(&path, contents);
    };
    if writer.sketch.chance(40) {
        writer.sketch.shows("include");
        put(writer, &format!("h{number}.h"), format!("#pragma once\n#define H{number} 1\n"));
        let _ = writeln!(text, "#include \"h{number}.h\"");
    }
    if writer.sketch.chance(40) {
        writer.sketch.shows("include");
        put(writer, &format!("sub/local{number}.inc"), format!("#pragma once\n#include \"deep{number}.txt\"\n"));
        put(writer, &format!("sub/deep{number}.txt"), format!("#define DEEP{number} 1\n"));
        let _ = writeln!(text, "#include \"sub/local{number}.inc\"");
    }
    if writer.sketch.chance(30) && !writer.package.dir.is_empty() {
        writer.sketch.shows("include");
        let path = format!("shared/c/out{number}.h");
        writer.sketch.put(&path, format!("#pragma once\n#define OUT{number} 1\n"));
        let _ = writeln!(text, "#include \"{}\"", way(writer.sketch, &writer.package.dir, &path));
    }
    Included { text }
}

/// A path as an include spells it. To the compiler the package is where it really lies.
fn way(sketch: &mut Sketch, from: &str, to: &str) -> String {
    let way = relative(from, to);
    if sketch.chance(20) { format!("./{way}") } else { way }
}

fn assembly(writer: &mut Writer<'_>) {
    writer.sketch.shows("assembly");
    let number = writer.sketch.serial();
    let mut text = writer.package.only.map(constraint::exactly).unwrap_or_default();
    text += "#include \"textflag.h\"\n";
    if writer.sketch.chance(50) {
        writer.sketch.shows("include");
        let path = writer.path(&format!("table{number}.tbl"));
        writer.sketch.put(&path, format!("#define TABLE{number} 1\n"));
        let _ = writeln!(text, "#include \"table{number}.tbl\"");
    }
    if writer.sketch.chance(40) && !writer.package.dir.is_empty() {
        let path = format!("shared/asm/c{number}.inc");
        writer.sketch.put(&path, format!("#define ASM{number} 1\n"));
        let _ = writeln!(text, "#include \"{}\"", relative(&writer.package.dir, &path));
    }
    let _ = writeln!(text, "DATA ·data{number}(SB)/8, ${number}\nGLOBL ·data{number}(SB), RODATA|NOPTR, $8");
    let name = writer.sketch.pick(&["asm%_amd64.s", "asm%.s", "asm%_arm64.s", "asm%_linux_amd64.s", "asm%_wasm.s"]);
    let path = writer.path(&name.replace('%', &number.to_string()));
    writer.sketch.put(&path, text);
    if writer.sketch.chance(50) {
        // Only cgo hands these on.
        let path = writer.path(&format!("big{number}.S"));
        writer.sketch.put(&path, "#include \"no/such/file\"\n");
    }
}

fn headers(writer: &mut Writer<'_>) {
    for name in ["u%.h", "u%.hpp", "u%_windows.h", "u%.hh", "u%_linux.hxx"] {
        if writer.sketch.chance(30) {
            let number = writer.sketch.serial();
            let header = constraint::native_header(writer.sketch);
            let path = writer.path(&name.replace('%', &number.to_string()));
            writer.sketch.put(&path, format!("{header}#define UNUSED{number} 1\n"));
        }
    }
}

/// Objects that are linked as they are: elsewhere than on linux, where programs are built.
fn objects(writer: &mut Writer<'_>) {
    writer.sketch.shows("syso");
    let number = writer.sketch.serial();
    let name = writer.sketch.pick(&["o%_windows.syso", "o%_windows_amd64.syso", "o%_darwin.syso", "o%_js_wasm.syso"]);
    let path = writer.path(&name.replace('%', &number.to_string()));
    writer.sketch.put(&path, "//go:build linux\n");
}
