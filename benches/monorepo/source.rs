//! Turns the model of a Go file into its text. The text follows from the model alone; nothing is read.

#![expect(clippy::format_push_string, reason = "a template reads like the text that it makes")]
#![expect(clippy::format_collect, reason = "a template reads like the text that it makes")]

use super::model::{GoFile, PackageId, Piece, Quirk, Repo, Role};
use super::random::Random;
use super::snippets;
use std::collections::BTreeSet;

/// The bytes of a Go file.
pub(crate) fn render(repo: &Repo, package: PackageId, file: &GoFile) -> Vec<u8> {
    let is_test = file.role == Role::Test;
    let pieces = if is_test { snippets::TEST } else { snippets::SOURCE };
    let standard = standard_imports(file, pieces);
    let (imports, names) = repository_imports(repo, file, &standard);

    let mut random = Random::new(file.key);
    let mut text = String::with_capacity(8192);
    text.push_str(random.pick(snippets::LICENSES).copied().unwrap_or_default());
    if let Some(constraint) = file.condition.constraint() {
        text.push_str(&format!("//go:build {constraint}\n\n"));
    }
    if file.role == Role::Entry {
        let owner = repo.modules[repo.packages[package].module].owner();
        text.push_str(&format!("// Package {} belongs to {}.\n", file.package_name, owner));
    }
    text.push_str(&format!("package {}\n\n", file.package_name));
    push_imports(&mut text, file, &quote_standard(&standard, file), &imports);
    push_embeds(&mut text, file);
    push_own_function(&mut text, file, &names);
    for (position, piece) in file.pieces.iter().enumerate() {
        if !text.ends_with("\n\n") {
            text.push('\n');
        }
        push_piece(&mut text, file, position, piece, pieces[piece.snippet].text);
    }
    match file.quirk {
        Some(Quirk::CarriageReturns) => text.replace('\n', "\r\n").into_bytes(),
        Some(Quirk::ByteOrderMark) => format!("\u{feff}{text}").into_bytes(),
        _ => text.into_bytes(),
    }
}

fn standard_imports(file: &GoFile, pieces: &[snippets::Snippet]) -> BTreeSet<&'static str> {
    let mut imports: BTreeSet<&str> =
        file.pieces.iter().flat_map(|piece| pieces[piece.snippet].imports.iter().copied()).collect();
    if !file.embeds.is_empty() {
        imports.insert("embed");
    }
    match file.role {
        Role::Main => imports.extend(["fmt", "os"]),
        Role::Test => _ = imports.insert("testing"),
        Role::Entry | Role::Plain | Role::Variant(_) => {}
    }
    imports
}

fn quote_standard(imports: &BTreeSet<&str>, file: &GoFile) -> Vec<String> {
    let names_embed = file.embeds.iter().any(|(_, of_type)| of_type.starts_with("embed."));
    let quote = |import: &&str| match *import {
        "embed" if !names_embed => "_ \"embed\"".to_owned(),
        import => format!("\"{import}\""),
    };
    imports.iter().map(quote).collect()
}

/// The import specs for packages of the repository, and the name that the file knows each of them by.
fn repository_imports(repo: &Repo, file: &GoFile, standard: &BTreeSet<&str>) -> (Vec<String>, Vec<String>) {
    let mut taken: BTreeSet<String> =
        standard.iter().map(|import| import.rsplit('/').next().unwrap_or(import).to_owned()).collect();
    let (mut specs, mut names) = (Vec::new(), Vec::new());
    let mut sorted = file.imports.clone();
    sorted.sort_by_key(|&import| &repo.packages[import].folder);
    for import in sorted {
        let package = &repo.packages[import];
        let module_name = repo.modules[package.module].name.replace('-', "");
        let mut name = package.name.clone();
        while !taken.insert(name.clone()) {
            name = format!("{module_name}{name}");
        }
        let path = package.import_path();
        specs.push(if path.ends_with(&format!("/{name}")) {
            format!("\"{path}\"")
        } else {
            format!("{name} \"{path}\"")
        });
        names.push(name);
    }
    (specs, names)
}

fn push_imports(text: &mut String, file: &GoFile, standard: &[String], repository: &[String]) {
    let all = || standard.iter().chain(repository);
    if all().next().is_none() {
        return;
    }
    match file.quirk {
        Some(Quirk::SingleImports) => text.extend(all().map(|spec| format!("import {spec}\n"))),
        Some(Quirk::RawImportsOnOneLine) => {
            let specs: Vec<String> = all().map(|spec| spec.replace('"', "`")).collect();
            text.push_str(&format!("import ({})\n", specs.join("; ")));
        }
        Some(Quirk::CommentsAmongImports) => {
            text.push_str("import ( // \"not/this\"\n\t/* \"nor/this\"\n\t */\n");
            text.extend(all().map(|spec| format!("\t{spec} // as \"before\"\n")));
            text.push_str(")\n");
        }
        Some(Quirk::CarriageReturns | Quirk::ByteOrderMark) | None => {
            let lines = |specs: &[String]| -> String { specs.iter().map(|spec| format!("\t{spec}\n")).collect() };
            let gap = if standard.is_empty() || repository.is_empty() { "" } else { "\n" };
            text.push_str(&format!("import (\n{}{gap}{})\n", lines(standard), lines(repository)));
        }
    }
    text.push('\n');
}

fn push_embeds(text: &mut String, file: &GoFile) {
    for (position, (pattern, of_type)) in file.embeds.iter().enumerate() {
        text.push_str(&format!("//go:embed {pattern}\nvar embedded{position} {of_type}\n\n"));
    }
}

/// The function that uses the file's imports from this repository.
fn push_own_function(text: &mut String, file: &GoFile, names: &[String]) {
    let calls: String =
        names.iter().enumerate().map(|(turn, name)| format!("\ttotal += {name}.Total(start + {turn})\n")).collect();
    let stem = camel_case(&file.stem);
    match file.role {
        Role::Entry => text.push_str(&format!(
            "// Total adds up what this package and those below it make of start.\n\
             func Total(start int) int {{\n\ttotal := start\n{calls}\treturn total\n}}\n"
        )),
        Role::Main => text.push_str(&format!(
            "func main() {{\n\tstart := len(os.Args)\n\ttotal := start\n{calls}\tfmt.Println(total)\n}}\n"
        )),
        Role::Variant(function) => text.push_str(&format!(
            "// {function}Total is another one in each variant of the build.\n\
             func {function}Total(start int) int {{\n\ttotal := start + {}\n{calls}\treturn total\n}}\n",
            file.stem.len()
        )),
        Role::Test if !names.is_empty() => text.push_str(&format!(
            "func Test{stem}Total(t *testing.T) {{\n\tstart, total := 1, 0\n{calls}\tt.Log(total)\n}}\n"
        )),
        Role::Plain if !names.is_empty() => text.push_str(&format!(
            "// {stem}Total adds up the part of this file.\n\
             func {stem}Total(start int) int {{\n\ttotal := start\n{calls}\treturn total\n}}\n"
        )),
        Role::Test | Role::Plain => {}
    }
}

/// Fills in a snippet: an edit raises the revision and so changes its numbers, nothing else.
fn push_piece(text: &mut String, file: &GoFile, position: usize, piece: &Piece, snippet: &str) {
    let mut random = Random::named(file.key, &format!("{position}.{}", piece.revision));
    let numbers = [random.between(5, 997), random.between(5, 997), random.between(5, 997)].map(|n| n.to_string());
    let noun = format!("{}{}{position}", piece.noun, camel_case(&file.stem));
    let mut parts = snippet.split('$');
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (place, rest) = part.split_at_checked(1).unwrap_or((part, ""));
        text.push_str(match place {
            "N" => &noun,
            "V" => piece.verb,
            "1" => &numbers[0],
            "2" => &numbers[1],
            _ => &numbers[2],
        });
        text.push_str(rest);
    }
}

fn camel_case(stem: &str) -> String {
    let capitalize = |word: &str| -> String {
        word.char_indices().map(|(at, letter)| if at == 0 { letter.to_ascii_uppercase() } else { letter }).collect()
    };
    stem.split('_').map(capitalize).collect()
}
