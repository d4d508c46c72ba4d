//! go.mod (of a main module and of a dependency) and go.work.

#![no_main]

use buildplan::go::modfile::{
    GoMod, GoWork, ModuleVersion, Problem, Replace, ReplaceTarget, Strictness, canonical_version, is_folder_target,
};
use buildplan_fuzz::cut_at_line;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let main = GoMod::parse(data, Strictness::MainModule);
    let dependency = GoMod::parse(data, Strictness::Dependency);
    let work = GoWork::parse(data);
    assert_eq!(main, GoMod::parse(data, Strictness::MainModule));
    for problems in [&main.problems, &dependency.problems, &work.problems] {
        check_problems(data, problems);
    }
    check_values(&main);
    check_values(&dependency);
    check_dependency(&main, &dependency);
    check_line_ends(data, &main, &work);
    check_shown(&main, &work);
    check_cut(data, &main, &work);
});

/// Problems lie within the file, in a bounded number, with messages that fit on a screen.
fn check_problems(data: &[u8], problems: &[Problem]) {
    assert!(problems.len() <= 1000);
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    for problem in problems {
        let line = problem.line.checked_sub(1).and_then(|index| lines.get(index)).expect("the line exists");
        // A byte that is not UTF-8 counts as a character.
        let characters: usize =
            line.utf8_chunks().map(|chunk| chunk.valid().chars().count() + chunk.invalid().len()).sum();
        assert!((1..=characters + 1).contains(&problem.column), "{problem}");
        let message = &problem.message;
        assert!(!message.is_empty() && message.len() < 1000 && !message.chars().any(char::is_control), "{message:?}");
    }
}

fn check_values(file: &GoMod) {
    assert!(file.requires.is_sorted_by_key(|require| require.line));
    assert!(file.replaces.is_sorted_by_key(|replace| replace.line));
    for replace in file.replaces.iter().filter(|_| file.problems.is_empty()) {
        match &replace.target {
            ReplaceTarget::Folder(folder) => assert!(is_folder_target(folder)),
            ReplaceTarget::Module(module) => assert!(!is_folder_target(&module.path) && !module.version.is_empty()),
        }
    }
}

/// A file without problems says the same of a dependency, as far as it concerns others.
fn check_dependency(main: &GoMod, dependency: &GoMod) {
    if !main.problems.is_empty() || !dependency.problems.is_empty() {
        return;
    }
    assert_eq!((&main.module, &main.go, &main.ignores), (&dependency.module, &dependency.go, &dependency.ignores));
    let nothing = (&dependency.toolchain, &dependency.replaces, &dependency.excludes, &dependency.godebug);
    assert_eq!(nothing, (&None, &vec![], &vec![], &vec![]));
    assert_eq!(main.requires.len(), dependency.requires.len());
    for (written, read) in main.requires.iter().zip(&dependency.requires) {
        let version = canonical_version(&written.module.version).expect("it is a version");
        assert_eq!(read.module, ModuleVersion { path: written.module.path.clone(), version });
        assert_eq!((read.indirect, read.line), (written.indirect, written.line));
    }
}

/// Line ends of Windows and a comment at the end change nothing.
fn check_line_ends(data: &[u8], main: &GoMod, work: &GoWork) {
    let mut dos = Vec::with_capacity(data.len() * 2);
    for byte in data {
        dos.extend_from_slice(if *byte == b'\n' { b"\r\n" } else { std::slice::from_ref(byte) });
    }
    let longer = [data, b"\n// the end"].concat();
    for changed in [&dos, &longer] {
        if main.problems.is_empty() {
            assert_eq!(GoMod::parse(changed, Strictness::MainModule), *main);
        }
        if work.problems.is_empty() {
            assert_eq!(GoWork::parse(changed), *work);
        }
    }
}

/// What was read can be written, and reads the same.
fn check_shown(main: &GoMod, work: &GoWork) {
    if main.problems.is_empty() {
        let mut text = String::new();
        let mut line = |words: &[&str]| text += &(words.join(" ") + "\n");
        for (verb, value) in [("go", &main.go), ("toolchain", &main.toolchain)] {
            value.iter().for_each(|value| line(&[verb, value]));
        }
        main.module.iter().for_each(|path| line(&["module", &quoted(path)]));
        main.godebug.iter().for_each(|(key, value)| line(&["godebug", &format!("{key}={value}")]));
        main.tools.iter().for_each(|path| line(&["tool", &quoted(path)]));
        main.ignores.iter().for_each(|path| line(&["ignore", &quoted(path)]));
        main.excludes.iter().for_each(|module| line(&["exclude", &shown_module(module)]));
        for require in &main.requires {
            let comment = if require.indirect { "// indirect" } else { "" };
            line(&["require", &shown_module(&require.module), comment]);
        }
        main.replaces.iter().for_each(|replace| line(&["replace", &shown_replace(replace)]));
        let again = GoMod::parse(text.as_bytes(), Strictness::MainModule);
        assert_eq!(without_lines(&again), without_lines(main), "{text}");
    }
    if work.problems.is_empty() {
        let mut text = String::new();
        let mut line = |words: &[&str]| text += &(words.join(" ") + "\n");
        for (verb, value) in [("go", &work.go), ("toolchain", &work.toolchain)] {
            value.iter().for_each(|value| line(&[verb, value]));
        }
        work.godebug.iter().for_each(|(key, value)| line(&["godebug", &format!("{key}={value}")]));
        line(&["use ("]);
        work.uses.iter().for_each(|used| line(&[&quoted(&used.path)]));
        line(&[")"]);
        work.replaces.iter().for_each(|replace| line(&["replace", &shown_replace(replace)]));
        let again = GoWork::parse(text.as_bytes());
        assert_eq!(work_without_lines(&again), work_without_lines(work), "{text}");
    }
}

fn shown_module(module: &ModuleVersion) -> String {
    format!("{} {}", quoted(&module.path), quoted(&module.version))
}

fn shown_replace(replace: &Replace) -> String {
    let version = replace.version.as_deref().map(quoted).unwrap_or_default();
    let target = match &replace.target {
        ReplaceTarget::Folder(folder) => quoted(folder),
        ReplaceTarget::Module(module) => shown_module(module),
    };
    format!("{} {version} => {target}", quoted(&replace.path))
}

/// A word as a Go string, with as many escapes as there can be.
fn quoted(word: &str) -> String {
    let escaped =
        |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).into() } else { format!("\\x{byte:02x}") };
    format!("\"{}\"", word.bytes().map(escaped).collect::<String>())
}

fn without_lines(file: &GoMod) -> GoMod {
    let mut file = file.clone();
    file.requires.iter_mut().for_each(|require| require.line = 0);
    file.replaces.iter_mut().for_each(|replace| replace.line = 0);
    file
}

fn work_without_lines(file: &GoWork) -> GoWork {
    let mut file = file.clone();
    file.uses.iter_mut().for_each(|used| (used.line, used.column) = (0, 0));
    file.replaces.iter_mut().for_each(|replace| replace.line = 0);
    file
}

/// The first lines of a file say no more than the file.
fn check_cut(data: &[u8], main: &GoMod, work: &GoWork) {
    let start = &data[..cut_at_line(data)];
    let open_block = |problem: &Problem| problem.message.contains("has no end; add a line");
    let short = GoMod::parse(start, Strictness::MainModule);
    if short.problems.iter().all(open_block) {
        assert!(main.requires.starts_with(&short.requires) && main.replaces.starts_with(&short.replaces));
        assert!(main.excludes.starts_with(&short.excludes) && main.ignores.starts_with(&short.ignores));
        assert!(main.tools.starts_with(&short.tools) && main.godebug.starts_with(&short.godebug));
        assert!(short.module.is_none() || short.module == main.module);
        assert!(short.go.is_none() || short.go == main.go);
    }
    let short = GoWork::parse(start);
    if short.problems.iter().all(open_block) {
        assert!(work.uses.starts_with(&short.uses) && work.replaces.starts_with(&short.replaces));
        assert!(short.go.is_none() || short.go == work.go);
    }
}
