//! The header of a Go file: constraint, package, imports, cgo.

#![no_main]

use buildplan::go::source::{Constraint, GoFile, Import, scan_go, scan_other};
use buildplan_fuzz::{assert_refines, cut, lines};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let file = scan_go(data);
    assert_eq!(file, scan_go(data));
    check_values(data, &file);
    check_body(data);
    check_cut(data, &file);
    check_spelling(data, &file);
    check_other(data, &file);
});

fn check_values(data: &[u8], file: &GoFile) {
    let lines = u32::try_from(lines(data)).expect("inputs are short");
    assert!(file.package.as_ref().is_none_or(|name| !name.is_empty()));
    assert!(file.package.is_some() || (file.imports.is_empty() && !file.imports_c && file.problem.is_some()));
    assert!(file.imports.is_sorted_by_key(|import| import.line));
    assert!(file.imports.iter().all(|import| (1..=lines).contains(&import.line)));
    for Import { path, .. } in &file.imports {
        assert!(!path.is_empty() && path != "C" && !path.contains(|c: char| c.is_whitespace() || c.is_control()));
    }
    assert!(file.embeds.is_empty() || file.imports.iter().any(|import| import.path == "embed"));
    assert!(file.embeds.is_sorted_by_key(|embed| embed.line));
    assert!(file.embeds.iter().all(|embed| (1..=lines).contains(&embed.line)));
    assert!(file.problem.as_ref().is_none_or(|problem| (1..=lines).contains(&problem.line)));
    assert_eq!(file.imports_c, !file.cgo.is_empty());
    for block in &file.cgo {
        assert!((1..=lines).contains(&block.line));
        for directive in &block.directives {
            assert!(!matches!(directive.condition, Constraint::Invalid(_)));
            assert!(directive.arguments.iter().all(|argument| !argument.is_empty()));
            assert_refines(&|tag| directive.eval(tag));
        }
    }
    assert_refines(&|tag| file.constraint.eval(tag));
}

/// Nothing after the first declaration is part of the header, but for the NUL bytes that Go finds where it reads on
/// after what could have become an import.
fn check_body(data: &[u8]) {
    let (header, body) = data.split_at(cut(data));
    let body: Vec<u8> = body.iter().map(|byte| if *byte == 0 { b' ' } else { *byte }).collect();
    let header = [header, b"\nvar x int\n"].concat();
    let short = scan_go(&header);
    if short.problem.is_none() {
        let mut long = scan_go(&[header, body].concat());
        long.embeds.clone_from(&short.embeds);
        assert_eq!(long, short);
    }
}

/// A file that ends early has the first of the imports, and of all else that is listed.
fn check_cut(data: &[u8], file: &GoFile) {
    let start = &data[..cut(data)];
    let short = scan_go(start);
    assert!(file.imports.starts_with(&short.imports), "{:?}", short.imports);
    assert!(short.cgo.len() <= file.cgo.len());
    assert!(short.cgo.iter().zip(&file.cgo).all(|(short, long)| short.line == long.line));
    // The last setting may be cut itself.
    let whole = short.go_debug.len().saturating_sub(1);
    assert!(file.go_debug.starts_with(&short.go_debug[..whole]));
    let last_line = u32::try_from(lines(start)).expect("inputs are short");
    let whole = short.embeds.iter().take_while(|embed| embed.line < last_line).count();
    assert!(file.embeds.starts_with(&short.embeds[..whole]));
    if let Some(name) = &short.package {
        let name = name.trim_end_matches(char::REPLACEMENT_CHARACTER);
        assert!(file.package.as_ref().is_some_and(|package| package.starts_with(name)));
    }
}

/// A byte order mark and line ends of Windows change nothing.
fn check_spelling(data: &[u8], file: &GoFile) {
    if !data.starts_with(b"\xef\xbb\xbf") {
        assert_eq!(scan_go(&[b"\xef\xbb\xbf", data].concat()), *file);
    }
    let mut dos = Vec::with_capacity(data.len() * 2);
    for byte in data {
        dos.extend_from_slice(if *byte == b'\n' { b"\r\n" } else { std::slice::from_ref(byte) });
    }
    let dos = scan_go(&dos);
    // Where an end of line is escaped, which is wrong, what Go reads as the header ends elsewhere.
    if data.windows(2).any(|pair| pair == b"\\\n") {
        return;
    }
    assert_eq!((&dos.package, &dos.constraint, &dos.imports), (&file.package, &file.constraint, &file.imports));
    assert_eq!((dos.imports_c, &dos.embeds, &dos.go_debug), (file.imports_c, &file.embeds, &file.go_debug));
    assert_eq!(dos.problem, file.problem);
    let flags = |file: &GoFile| file.cgo.iter().flat_map(|block| block.directives.clone()).collect::<Vec<_>>();
    assert_eq!(flags(&dos), flags(file));
}

/// The header of a file that is not Go.
fn check_other(data: &[u8], file: &GoFile) {
    let other = scan_other(data);
    assert_eq!(other, scan_other(data));
    assert_refines(&|tag| other.eval(tag));
    assert!(!matches!(other, Constraint::Invalid(_)));
    // In a Go file that Go can read, the comments say the same; where the old lines end depends on what follows them.
    let is_old = data.windows(6).any(|word| word == b"+build");
    if matches!(file.constraint, Constraint::Always | Constraint::Expression(_)) && file.problem.is_none() && !is_old {
        assert_eq!(other, file.constraint);
    }
}
