//! Changes in C and assembly, in what they include and what they are linked with, and in profiles.

use std::collections::BTreeSet;

use super::super::files::{File, Files, has_extension, join, split};
use super::{Found, Material, with_line};

/// Extensions of files with C or assembly in them.
const TEXTS: [&str; 8] = ["c", "h", "s", "S", "inc", "tbl", "txt", "hpp"];

pub(super) fn add(files: &Files, material: &Material, found: &mut Found) {
    let mut included = BTreeSet::new();
    for (path, file) in files.iter() {
        let Some(text) = file.text() else { continue };
        included.extend(included_names(text));
        if TEXTS.iter().any(|extension| has_extension(path, extension)) {
            add_texts(path, file, text, found);
        }
        if has_extension(path, "go") {
            add_flags(path, file, text, found);
        }
    }
    for folder in files.folders() {
        for name in &included {
            let path = join(folder, name);
            found.new_file("native: add a file of that name", files, &path, File::regular("#define SHADOW 1\n"));
        }
        add_spares(files, folder, material, found);
    }
    for (path, file) in files.iter() {
        for (extension, spares) in &material.spares {
            for spare in spares.iter().filter(|_| has_extension(path, extension)) {
                let file = File { kind: file.kind, bytes: spare.as_slice().into() };
                let what = format!("{path}: {} bytes", spare.len());
                found.add("native: exchange a file", what, vec![(path.to_owned(), Some(file))]);
            }
        }
    }
}

fn add_spares(files: &Files, folder: &str, material: &Material, found: &mut Found) {
    let names: [(&str, &[&str]); 3] = [
        ("a", &["libother.a", "libv.so"]),
        ("syso", &["zz.syso", "zz_windows.syso", "zz_linux_amd64.syso"]),
        ("pgo", &["default.pgo", "other.pgo"]),
    ];
    for (extension, names) in names {
        let spares = material.spares.iter().filter(|(of, _)| *of == extension);
        let Some(spare) = spares.flat_map(|(_, spares)| spares).next() else { continue };
        for name in names {
            found.new_file("native: add a file", files, &join(folder, name), File::regular(spare));
        }
    }
}

/// The names after `#include` and `.incbin`, whatever folder they give.
fn included_names(text: &str) -> impl Iterator<Item = String> {
    let marks = ["#include \"", "#include <", ".incbin \\\"", "__has_include(\""];
    let names = marks.into_iter().flat_map(|mark| text.split(mark).skip(1));
    names.filter_map(|rest| rest.split(['"', '>', '\\']).next()).map(|name| split(name).1.to_owned())
}

fn add_texts(path: &str, file: &File, text: &str, found: &mut Found) {
    for (number, line) in text.lines().enumerate().filter(|(_, line)| line.chars().any(|c| c.is_ascii_digit())) {
        let changed: String = line
            .chars()
            .map(|c| if c.is_ascii_digit() { char::from(b'0' + (c as u8 - b'0' + 1) % 10) } else { c })
            .collect();
        found.text("native: change numbers", path, file, &changed, &with_line(text, number, Some(&changed)));
    }
    for (number, line) in text.lines().enumerate().filter(|(_, line)| line.contains("#include")) {
        found.text("native: drop an include", path, file, line, &with_line(text, number, None));
    }
    for (how, line) in [
        ("remark", "// A remark.\n"),
        ("define", "#define EXTRA 1\n"),
        ("include", "#include \"unused.inc\"\n"),
        ("dead include", "#if 0\n#include \"near.h\"\n#endif\n"),
    ] {
        found.text("native: add a line", path, file, how, &format!("{line}{text}"));
    }
    for constraint in ["linux", "windows", "cgo", "!cgo"] {
        let changed = format!("//go:build {constraint}\n\n{text}");
        found.text("native: add a constraint", path, file, constraint, &changed);
    }
    for (number, line) in text.lines().enumerate().filter(|(_, line)| line.starts_with("//go:build ")) {
        found.text("native: drop a constraint", path, file, line, &with_line(text, number, None));
    }
}

fn add_flags(path: &str, file: &File, text: &str, found: &mut Found) {
    for (number, line) in text.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with("#cgo ")) {
        found.text("native: drop a flag line", path, file, line, &with_line(text, number, None));
        for (from, to) in
            [("/inc", "/real"), ("CFLAGS", "CPPFLAGS"), ("-DNUMBER=", "-DNUMBER=1"), ("#cgo ", "#cgo linux ")]
        {
            let changed = line.replacen(from, to, 1);
            found.text("native: change a flag line", path, file, &changed, &with_line(text, number, Some(&changed)));
        }
        for extra in ["#cgo CFLAGS: -DEXTRA=1", "#cgo CFLAGS: -iquote real", "#cgo LDFLAGS: ${SRCDIR}/lib/libother.a"] {
            let changed = with_line(text, number, Some(&format!("{extra}\n{line}")));
            found.text("native: add a flag line", path, file, extra, &changed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn included_names_are_found_in_all_spellings() {
        let text = "#include \"a/x.h\"\n#include <out/y.h>\n__asm__(\".incbin \\\"z.bin\\\"\");\n";
        assert_eq!(included_names(text).collect::<Vec<_>>(), ["x.h", "y.h", "z.bin"]);
    }

    #[test]
    fn spares_take_the_place_of_files_with_their_extension() {
        let files = Files::from_txtar("-- lib/libv.a --\nold\n");
        let material = Material { spares: vec![("a", vec![b"new".to_vec()])], ..Material::default() };
        let mut found = Found::default();
        add(&files, &material, &mut found);
        let whats: Vec<&str> = found.0.iter().map(|mutation| &*mutation.what).collect();
        assert!(whats.contains(&"lib/libv.a: 3 bytes") && whats.contains(&"lib/libother.a"), "{whats:?}");
    }
}
