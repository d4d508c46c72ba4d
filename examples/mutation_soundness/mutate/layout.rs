//! Changes of which files there are, whatever is in them: added, deleted, renamed, moved, linked, made executable.

use super::super::files::{Edits, File, Files, Kind, has_extension, join, relative, split};
use super::{CONFIG, Found, package_name};

pub(super) fn add(files: &Files, found: &mut Found) {
    for (path, file) in files.iter().filter(|(path, _)| *path != CONFIG) {
        contents(path, file, found);
        found.add("file: delete", path.to_owned(), vec![(path.to_owned(), None)]);
        names(path, file, found);
        modes_and_links(files, path, file, found);
    }
    if let Some(text) = files.text(CONFIG) {
        found.text("file: edit what Go does not read", CONFIG, &File::regular(""), "a remark", &format!("{text}# x\n"));
    }
    for folder in files.folders() {
        new_files(files, folder, found);
        if !folder.is_empty() {
            folders(files, folder, found);
        }
    }
}

fn contents(path: &str, file: &File, found: &mut Found) {
    let Some(text) = file.text() else { return };
    if matches!(split(path).1, "go.mod" | "go.work" | "go.sum" | "go.work.sum" | "modules.txt")
        || has_extension(path, "go")
    {
        return;
    }
    found.text("file: append to it", path, file, "a line", &format!("{text}more\n"));
    found.text("file: empty it", path, file, "all", "");
}

fn names(path: &str, file: &File, found: &mut Found) {
    let (folder, name) = split(path);
    let mut rename = |kind: &'static str, to: &str| found.renamed(kind, path, &join(folder, to), file);
    for prefix in ["zz_", "_", "."] {
        rename("file: rename with a prefix", &format!("{prefix}{name}"));
    }
    if let Some((stem, extension)) = name.split_once('.') {
        for suffix in ["_linux", "_windows", "_amd64", "_arm64", "_test", "_linux_amd64", "_unix", "_cgo", "_"] {
            rename("file: rename with a suffix", &format!("{stem}{suffix}.{extension}"));
        }
        for other in ["txt", "GO", "c", "h", "s", "go"] {
            rename("file: rename with another extension", &format!("{stem}.{other}"));
        }
        for tag in ["_linux", "_windows", "_amd64", "_arm64", "_test"] {
            if let Some(stem) = stem.strip_suffix(tag) {
                rename("file: rename without a suffix", &format!("{stem}.{extension}"));
            }
        }
    }
    found.renamed("file: move down", path, &join(folder, &format!("moved/{name}")), file);
    if !folder.is_empty() {
        found.renamed("file: move up", path, &join(split(folder).0, name), file);
    }
    let copy = join(folder, &format!("copy_{name}"));
    found.add("file: copy", copy.clone(), vec![(copy, Some(file.clone()))]);
}

fn modes_and_links(files: &Files, path: &str, file: &File, found: &mut Found) {
    let (folder, name) = split(path);
    let set = |file: File| vec![(path.to_owned(), Some(file))];
    match file.kind {
        Kind::Regular => {
            found.add("file: chmod", path.to_owned(), set(File { kind: Kind::Executable, ..file.clone() }));
        }
        Kind::Executable => {
            found.add("file: chmod", path.to_owned(), set(File { kind: Kind::Regular, ..file.clone() }));
        }
        Kind::Link => {}
    }
    if file.kind != Kind::Link {
        let behind = format!("behind/{name}");
        let mut edits = set(File::link(&relative(folder, &behind)));
        edits.push((behind, Some(file.clone())));
        found.add("link: put a file behind one", path.to_owned(), edits);
        found.add("link: break", path.to_owned(), set(File::link("nowhere")));
        return;
    }
    let mut targets: Vec<&str> = files.folders().into_iter().filter(|dir| !dir.is_empty()).collect();
    targets.extend(files.iter().map(|(path, _)| path).filter(|other| *other != path));
    for target in targets {
        found.add("link: retarget", format!("{path} to {target}"), set(File::link(&relative(folder, target))));
    }
    for target in ["nowhere", ".", "/etc/hostname", "../../../outside"] {
        found.add("link: break", format!("{path} to {target}"), set(File::link(target)));
    }
    if let Some(edits) = copied(files, path, file) {
        found.add("link: replace by what it leads to", path.to_owned(), edits);
    }
}

/// What a link leads to, in its place.
fn copied(files: &Files, path: &str, link: &File) -> Option<Edits> {
    let mut place: Vec<&str> = split(path).0.split('/').filter(|element| !element.is_empty()).collect();
    for element in link.target()?.split('/') {
        match element {
            ".." => drop(place.pop()?),
            "." | "" => {}
            _ => place.push(element),
        }
    }
    let target = place.join("/");
    if let Some(file) = files.get(&target) {
        return Some(vec![(path.to_owned(), Some(file.clone()))]);
    }
    let mut edits = vec![(path.to_owned(), None)];
    edits.extend(files.below(&target).map(|(below, file)| (join(path, below), Some(file.clone()))));
    (edits.len() > 1).then_some(edits)
}

fn new_files(files: &Files, folder: &str, found: &mut Found) {
    let package = package_name(files, folder).unwrap_or("zz");
    let code = format!("package {package}\n\nfunc init() {{ println(\"added\") }}\n");
    let mut add = |kind: &'static str, name: &str, text: &str| {
        found.new_file(kind, files, &join(folder, name), File::regular(text));
    };
    for name in ["zz_added.go", "aa_added.go", "zz_linux.go", "zz_amd64.go"] {
        add("file: add a Go file", name, &code);
    }
    for name in ["zz_windows.go", "zz_arm64.go", "_zz.go", ".zz.go", "zz.go.txt", "zz_test_windows.go"] {
        add("file: add a Go file that is left out", name, &code);
    }
    add("file: add a Go file that is left out", "zz_tag.go", &format!("//go:build special\n\n{code}"));
    add("file: add a test", "zz_test.go", &format!("package {package}\n"));
    add("file: add a test", "zz_ext_test.go", &format!("package {package}_test\n\nimport _ \"no/such\"\n"));
    add("file: add a broken file", "zz_empty.go", "");
    add("file: add a broken file", "zz_other.go", "package other\n");
    add("file: add a broken file", "aa_other_test.go", "package other\n");
    add("file: add a broken file", "zz_broken_test.go", "package x\nimport (\n");
    add("file: add a broken file", "zz_broken_windows.go", "package x\nimport (\n");
    add("file: add a folder", "zz/zz.go", "package zz\n");
    add("file: add a folder", "testdata/zz.txt", "x\n");
    add("file: add a folder", "zz.go/x", "a folder with the name of a file\n");
    add("file: add C or assembly", "zz.h", "#define ZZ 1\n");
    add("file: add C or assembly", "zz.c", "int zz;\n");
    add("file: add C or assembly", "zz.s", "// nothing\n");
    add("file: add C or assembly", "zz.S", "// nothing\n");
    add("file: add C or assembly", "zz_windows.s", "nonsense\n");
    add("file: add C or assembly", "zz.m", "int zz;\n");
    add("file: add C or assembly", "zz.f90", "x\n");
    add("file: add what Go does not read", "zz.txt", "x\n");
    add("file: add what Go does not read", ".zz", "x\n");
    add("file: add what Go does not read", "README", "x\n");
    add("file: add what Go does not read", "zz name.txt", "x\n");
    add("file: add a profile", "default.pgo", "");
    for (name, target) in [("zz_link.go", "nowhere.go"), ("zz_dir.go", "."), ("zz_link.txt", "nowhere")] {
        found.new_file("link: add", files, &join(folder, name), File::link(target));
    }
    let sources = files.iter().filter(|(path, _)| split(path).0 != folder && has_extension(path, "go"));
    for (path, _) in sources.take(3) {
        found.new_file("link: add", files, &join(folder, "zz_linked.go"), File::link(&relative(folder, path)));
    }
}

fn folders(files: &Files, folder: &str, found: &mut Found) {
    let below: Vec<(&str, &File)> = files.below(folder).collect();
    let gone = || below.iter().map(|(path, _)| (join(folder, path), None));
    let at =
        |place: &str| below.iter().map(|(path, file)| (join(place, path), Some((*file).clone()))).collect::<Edits>();
    found.add("folder: delete", folder.to_owned(), gone().collect());
    let (parent, name) = split(folder);
    for other in [format!("{name}x"), format!("_{name}"), "testdata".to_owned(), "vendor".to_owned()] {
        let other = join(parent, &other);
        found.add("folder: rename", format!("{folder} to {other}"), gone().chain(at(&other)).collect());
    }
    let copy = join(parent, &format!("{name}_copy"));
    found.add("folder: copy", copy.clone(), at(&copy));
    let behind = format!("behind/{name}");
    let link = (folder.to_owned(), Some(File::link(&relative(parent, &behind))));
    found.add("folder: put behind a link", folder.to_owned(), gone().chain(at(&behind)).chain([link]).collect());
    let linked = join(parent, &format!("{name}_link"));
    found.new_file("folder: link to it", files, &linked, File::link(name));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_link_leads_to_takes_its_place() {
        let files = Files::from_txtar("-- a/l -> ../b --\n-- b/x/y --\ntext\n-- f -> b/x/y --\n-- g -> nowhere --\n");
        let copied = |path: &str| copied(&files, path, files.get(path)?);
        assert_eq!(copied("a/l").unwrap().into_iter().map(|(path, _)| path).collect::<Vec<_>>(), ["a/l", "a/l/x/y"]);
        assert_eq!(copied("f").unwrap()[0].1, Some(File::regular("text\n")));
        assert!(copied("g").is_none());
    }
}
