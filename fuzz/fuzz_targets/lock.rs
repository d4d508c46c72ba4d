//! build-plan.lock: any bytes, any content, and any merge of two.
//!
//! Lines are sealed, so bytes alone seldom get past the first check. An input is therefore also read as a description of
//! two locks, one fact a line (`#` stands for a new line within a word, the words are separated by `;`):
//! `m;path;version`, `g;hash;go;path;version;…`, `z;hash`, `p;folder;path;[condition];path;…`, `e;folder`, `a;folder`.

#![no_main]

use std::collections::BTreeMap;
use std::sync::Arc;

use buildplan::go::external::lock_file::{LockFile, LockedFiles, LockedModule, all_below};
use buildplan::go::external::{ConditionalImports, ExternalFolder, ExternalImports, ExternalModules};
use buildplan::go::modfile::ModuleVersion;
use buildplan::go::mvs::ExternalGoMod;
use buildplan::go::source::Constraint;
use buildplan_fuzz::{cut_at_line, hash, lines};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    check_bytes(data);
    let text = String::from_utf8_lossy(data);
    let (ours, theirs) = data.split_at(cut_at_line(data));
    let (ours, theirs) = (described(&String::from_utf8_lossy(ours)), described(&String::from_utf8_lossy(theirs)));
    for lock in [&ours, &theirs] {
        check_content(lock);
    }
    // The whole text is one lock more, of which both are parts.
    let whole = described(&text);
    check_merge(&whole, &whole, hash(data));
    check_merge(&ours, &theirs, hash(data));
});

/// What is believed of any bytes can be written, and reads the same.
fn check_bytes(data: &[u8]) {
    let file = LockFile::parse(data);
    assert_eq!(file, LockFile::parse(data));
    assert!(file.problems.len() <= lines(data));
    assert!(file.problems.windows(2).all(|pair| pair[0].line < pair[1].line));
    assert!(file.problems.iter().all(|problem| (1..=lines(data)).contains(&problem.line)));
    let text = file.to_text();
    let again = LockFile::parse(text.as_bytes());
    assert_eq!(again.problems, []);
    assert_eq!(again.modules(), file.modules());
    assert_eq!(again.to_text(), text);
}

/// Whatever is written reads as it is, or is left out.
fn check_content(lock: &LockFile) {
    let text = lock.to_text();
    let read = LockFile::parse(text.as_bytes());
    assert_eq!(read.problems, []);
    assert_eq!(read.to_text(), text);
    assert_believed(&read, &[lock]);
    if is_plain(lock) {
        assert_eq!(read.modules(), lock.modules());
    }
    for (module, known) in read.modules() {
        assert_eq!(read.go_mod(module), known.go_mod);
        for (below, package) in known.files.iter().flat_map(|files| &files.folders) {
            match package {
                Some(imports) => assert_eq!(read.package(module, below), ExternalFolder::Package(Arc::clone(imports))),
                None => assert_eq!(read.package(module, below), ExternalFolder::Empty),
            }
        }
    }
}

/// Whether there are only names that real modules could have.
fn is_plain(lock: &LockFile) -> bool {
    let plain = |word: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-=+:".contains(&byte);
        !word.is_empty() && word.len() < 100 && word.bytes().all(is_plain) && !word.starts_with(['-', '.'])
    };
    let plain_module =
        |module: &ModuleVersion| plain(&module.path) && plain(&module.version) && module.version.starts_with('v');
    lock.modules().iter().all(|(module, known)| {
        let go_mod = known.go_mod.iter().all(|(go_mod, sum)| {
            plain(sum) && go_mod.go.as_deref().is_none_or(plain) && go_mod.requires.iter().all(plain_module)
        });
        let folder = |(below, imports): (&String, &Option<Arc<ExternalImports>>)| {
            let mut groups = imports.iter().flat_map(|imports| &imports.by_condition);
            (below.is_empty() || plain(below)) && groups.all(|group| group.paths.iter().all(|path| plain(path)))
        };
        let files = known.files.iter().all(|files| plain(&files.sum) && files.folders.iter().all(folder));
        plain_module(module) && go_mod && files
    })
}

/// However the lines of two locks are mixed up, what is believed stands in one of them.
fn check_merge(ours: &LockFile, theirs: &LockFile, mut dice: u64) {
    let (ours_text, theirs_text) = (ours.to_text(), theirs.to_text());
    let mut queues = [ours_text.lines().collect::<Vec<_>>(), theirs_text.lines().collect()];
    queues.iter_mut().for_each(|queue| queue.reverse());
    let mut merged = Vec::new();
    while let [Some(_), _] | [_, Some(_)] = [queues[0].last(), queues[1].last()] {
        dice = hash(&dice.to_le_bytes());
        let side = usize::from(dice & 1 == 1);
        let Some(line) = queues[side].pop() else { continue };
        match dice >> 1 & 15 {
            0 => {}
            1 => merged.extend([line, line]),
            2 => merged.insert(usize::try_from(dice >> 8).unwrap_or(0) % (merged.len() + 1), line),
            3 => merged.extend([line, "<<<<<<< ours"]),
            _ => merged.push(line),
        }
    }
    assert_believed(&LockFile::parse(merged.join("\n").as_bytes()), &[ours, theirs]);
}

#[track_caller]
fn assert_believed(read: &LockFile, sources: &[&LockFile]) {
    for (module, known) in read.modules() {
        let sources: Vec<_> = sources.iter().filter_map(|source| source.modules().get(module)).collect();
        assert!(!sources.is_empty(), "{module}");
        assert!(known.go_mod.is_none() || sources.iter().any(|source| source.go_mod == known.go_mod), "{known:?}");
        let Some(files) = &known.files else { continue };
        let sources = sources.iter().filter_map(|source| source.files.as_ref());
        let sources: Vec<_> = sources.filter(|source| source.sum == files.sum).collect();
        assert!(!sources.is_empty(), "{module} {}", files.sum);
        for (below, package) in &files.folders {
            assert!(sources.iter().any(|source| source.folders.get(below) == Some(package)), "{below} {package:?}");
        }
    }
}

fn described(text: &str) -> LockFile {
    let mut modules: BTreeMap<ModuleVersion, LockedModule> = BTreeMap::new();
    let mut current = ModuleVersion { path: "x.io/m".to_owned(), version: "v1.0.0".to_owned() };
    for line in text.split('\n') {
        let line = line.replace('#', "\n");
        let words: Vec<&str> = line.split(';').collect();
        let known = modules.entry(current.clone()).or_default();
        match words[..] {
            ["m", path, version] => current = ModuleVersion { path: path.to_owned(), version: version.to_owned() },
            ["g", sum, go, ref requires @ ..] => {
                let requires = requires
                    .chunks_exact(2)
                    .map(|pair| ModuleVersion { path: pair[0].to_owned(), version: pair[1].to_owned() });
                let go = (!go.is_empty()).then(|| go.to_owned());
                let go_mod = ExternalGoMod { go, requires: requires.collect() };
                known.go_mod = Some((Arc::new(go_mod), Arc::from(sum)));
            }
            ["z", sum] => known.files = Some(LockedFiles { sum: Arc::from(sum), folders: BTreeMap::new() }),
            ["p", below, ref words @ ..] => add(known, below.to_owned(), Some(imports(words))),
            ["e", below] => add(known, below.to_owned(), None),
            ["a", below] => add(known, all_below(below), None),
            _ => {}
        }
    }
    LockFile::new(modules)
}

fn add(known: &mut LockedModule, below: String, package: Option<ExternalImports>) {
    if let Some(files) = &mut known.files {
        files.folders.insert(below, package.map(Arc::new));
    }
}

/// Imports as they are read from source: the first group is without condition, the conditions are as they are shown.
fn imports(words: &[&str]) -> ExternalImports {
    let mut by_condition: Vec<ConditionalImports> = Vec::new();
    for word in words {
        let condition = match word.strip_prefix('[').and_then(|word| word.strip_suffix(']')) {
            Some(text) => match Constraint::parse_go_build(text) {
                Constraint::Expression(condition) => Constraint::parse_go_build(&condition.to_string()),
                _ => continue,
            },
            None if by_condition.is_empty() => Constraint::Always,
            None => {
                by_condition.last_mut().expect("there is one").paths.push(Arc::from(*word));
                continue;
            }
        };
        let paths = if condition == Constraint::Always { vec![Arc::from(*word)] } else { Vec::new() };
        by_condition.push(ConditionalImports { condition, paths });
    }
    ExternalImports { by_condition }
}
