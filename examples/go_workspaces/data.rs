//! Writes what a package embeds: a folder of data with all that Go passes over, and a file with the directives.

use std::fmt::Write as _;
use std::path::Path;

use super::package::{GoFile, Writer};

/// Files of a data folder, with what may go wrong in some patterns.
const FILES: [(&str, &str); 16] = [
    ("b.txt", "text"),
    ("c.go", "package c\n"),
    ("d_test.go", "package d\n"),
    (".hid", "hidden"),
    ("_und", "hidden"),
    ("sp ace.txt", "text"),
    ("br[1].txt", "text"),
    ("sub/x.txt", "text"),
    ("sub/.hid/y", "text"),
    ("sub/deep/z", "text"),
    ("testdata/t", "text"),
    ("vendor/v", "text"),
    ("_dir/u", "text"),
    (".dot/e", "text"),
    ("ü.txt", "text"),
    ("Sub/UP.TXT", "text"),
];

/// Patterns in which `%` is the data folder, and the file that each needs to match something.
const PATTERNS: [(&str, &str); 24] = [
    ("%", "a.txt"),
    ("all:%", "a.txt"),
    ("%/a.txt", "a.txt"),
    ("%/*.txt", "a.txt"),
    ("%/?.txt", "a.txt"),
    ("%/[a-c].txt", "a.txt"),
    ("%/[^x].txt", "a.txt"),
    ("\"%/a.txt\"", "a.txt"),
    ("`%/*.txt`", "a.txt"),
    ("\"%/\\x61.txt\"", "a.txt"),
    ("%/\\a.txt", "a.txt"),
    ("%/.hid", ".hid"),
    ("%/_und", "_und"),
    ("%/sub", "sub/x.txt"),
    ("all:%/sub", "sub/x.txt"),
    ("%/sub/*.txt", "sub/x.txt"),
    ("%/*/x.txt", "sub/x.txt"),
    ("%/testdata", "testdata/t"),
    ("%/vendor/v", "vendor/v"),
    ("%/_dir", "_dir/u"),
    ("all:%/.dot", ".dot/e"),
    ("\"%/sp ace.txt\"", "sp ace.txt"),
    ("%/br[[]1].txt", "br[1].txt"),
    ("%/ü.txt", "ü.txt"),
];

/// Patterns that Go refuses.
const WRONG: [&str; 9] = ["./%", "../%", "%/", ".", "%/**/x.txt", "%/{a,b}.txt", "%/none", "%/[", "all:%/none"];

/// Writes data and the files that embed it.
pub(super) fn write(writer: &mut Writer<'_>) {
    let folder = data(writer);
    for _ in 0..writer.sketch.random.between(1, 2) {
        directives(writer, &folder);
    }
    if writer.sketch.chance(30) {
        one_file(writer, &folder);
    }
    if writer.sketch.chance(15) {
        not_embedded(writer, &folder);
    }
}

/// The form for one file, which needs the package `embed` only for its effect.
fn one_file(writer: &mut Writer<'_>, folder: &str) {
    let number = writer.sketch.serial();
    let kind = writer.sketch.pick(&["string", "[]byte"]);
    let body = format!("\n//go:embed {folder}/a.txt\nvar file{number} {kind}\n");
    let body = body + &writer.counted(&format!("len(file{number})"));
    writer.put_go(
        &format!("one{number}.go"),
        &GoFile { imports: "import _ \"embed\"\n".into(), body, ..GoFile::default() },
    );
}

/// What only looks like a directive: the file does not import `embed`.
fn not_embedded(writer: &mut Writer<'_>, folder: &str) {
    let number = writer.sketch.serial();
    let body =
        format!("\n/* {folder} */\n\nconst fake{number} = `\n//go:embed {folder}\n` + \"//go:embed {folder}\"\n");
    writer.put_go(&format!("fake{number}.go"), &GoFile { body, ..GoFile::default() });
}

fn data(writer: &mut Writer<'_>) -> String {
    // The folder of a package is data as well to the one above it.
    let below = writer.packages_below();
    let is_package = !below.is_empty() && writer.sketch.chance(30);
    let folder = match is_package {
        true => writer.sketch.pick(&below),
        false => writer.sketch.pick(&["assets", "web/static", "data", "x_windows", "testdata", "dot.dir"]).to_owned(),
    };
    let at = writer.path(&folder);
    writer.sketch.put(&format!("{at}/a.txt"), "text");
    for (name, text) in FILES {
        if writer.sketch.chance(35) && !(is_package && is_go(name)) {
            writer.sketch.put(&format!("{at}/{name}"), text);
        }
    }
    if writer.sketch.chance(15) {
        let name = writer.sketch.pick(&["sub/other", "other"]);
        writer.sketch.put(&format!("{at}/{name}/go.mod"), format!("module ex.io/{name}\n"));
        writer.sketch.put(&format!("{at}/{name}/n.txt"), "text");
    }
    if writer.sketch.chance(15) {
        writer.sketch.link(&format!("{at}/sub/link"), "../a.txt");
    }
    if writer.sketch.chance(10) {
        writer.sketch.link(&format!("{at}/sub/linked"), "deep");
    }
    folder
}

fn is_go(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "go")
}

fn directives(writer: &mut Writer<'_>, folder: &str) {
    writer.sketch.shows("embed");
    let mut lines = String::new();
    for _ in 0..writer.sketch.random.between(1, 2) {
        let mut patterns = Vec::new();
        for _ in 0..writer.sketch.random.between(1, 3) {
            let (pattern, needed) = writer.sketch.pick(&PATTERNS);
            let needed = writer.path(&format!("{folder}/{needed}"));
            if writer.sketch.files.contains_key(&needed) {
                patterns.push(pattern.replace('%', folder));
            }
        }
        if writer.sketch.breaks(4) {
            patterns.push(writer.sketch.pick(&WRONG).replace('%', folder));
        }
        if writer.sketch.breaks(4) {
            // This may meet a link, a module or a folder of hidden files.
            patterns.push(format!("{folder}/*"));
        }
        if !patterns.is_empty() {
            let space = writer.sketch.pick(&[" ", "\t", "   "]);
            let _ = writeln!(lines, "//go:embed{space}{}", patterns.join(space));
        }
    }
    if lines.is_empty() {
        return;
    }
    let number = writer.sketch.serial();
    let name = match writer.sketch.random.below(4) {
        0 => format!("embed{number}_windows.go"),
        1 => format!("embed{number}_linux.go"),
        _ => format!("embed{number}.go"),
    };
    let distraction = match writer.sketch.random.below(4) {
        0 => "\nconst text = `\n//go:embed no/such/file\n`\n".replace("text", &format!("text{number}")),
        1 => "\n/*\n//go:embed no/such/file\n*/\n".to_owned(),
        2 => "\n// go:embed no/such/file\n".to_owned(),
        _ => String::new(),
    };
    let (imports, declaration) = match writer.sketch.random.below(6) {
        0 => ("import \"embed\"", format!("var (\n\tn{number} int\n{lines}\tfiles{number} embed.FS\n)\n")),
        1 => ("import e \"embed\"", format!("{lines}\n// A comment.\n\nvar files{number} e.FS\n")),
        2 => ("import . \"embed\"", format!("{lines}var files{number} FS\n")),
        3 => ("import (\n\t_ \"embed\"\n\t\"embed\"\n)", format!("{lines}var files{number} embed.FS\n")),
        _ => ("import \"embed\"", format!("{lines}var files{number} embed.FS\n")),
    };
    let imports = format!("{imports}\n");
    let count = writer.counted(&format!("len(entries{number}())"));
    let body = format!(
        "{distraction}\n{declaration}\nfunc entries{number}() string {{\n\tall, _ := \
         files{number}.ReadDir(\".\")\n\treturn all[0].Name()\n}}\n{count}"
    );
    writer.put_go(&name, &GoFile { imports, body, ..GoFile::default() });
}
