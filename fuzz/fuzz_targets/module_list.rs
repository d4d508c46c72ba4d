//! go.sum and vendor/modules.txt.

#![no_main]

use std::collections::BTreeSet;
use std::fmt::Write;

use buildplan::go::modfile::{GoSum, ModulesTxt, ReplaceTarget, VendoredModule, is_import_path, semver};
use buildplan_fuzz::{cut_at_line, lines};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    check_sums(data);
    check_modules(data);
});

fn check_sums(data: &[u8]) {
    let file = GoSum::parse(data);
    assert_eq!(file, GoSum::parse(data));
    assert!(file.problems.iter().all(|problem| problem.column == 1 && (1..=lines(data)).contains(&problem.line)));
    let mut text = String::new();
    let mut count = 0;
    for (sums, suffix) in [(&file.modules, ""), (&file.go_mods, "/go.mod")] {
        for (module, hashes) in sums {
            assert!(!hashes.is_empty());
            for hash in hashes {
                let _ = writeln!(text, "{} {}{suffix} {hash}", module.path, module.version);
                count += 1;
            }
        }
    }
    assert!(count + file.problems.len() <= lines(data));
    let mut again = GoSum::parse(text.as_bytes());
    assert_eq!(again.problems, []);
    again.problems.clone_from(&file.problems);
    assert_eq!(again, file);
    // The order of the lines does not matter, and what one file says and what another says is what both say.
    let (first, second) = data.split_at(cut_at_line(data));
    let turned = GoSum::parse(&[second, b"\n", first].concat());
    assert_eq!((&turned.modules, &turned.go_mods), (&file.modules, &file.go_mods));
    for part in [first, second] {
        let part = GoSum::parse(part);
        let within = |(module, hashes): (_, &BTreeSet<String>)| {
            file.modules.get(module).is_some_and(|all| all.is_superset(hashes))
        };
        assert!(part.modules.iter().all(within));
    }
}

fn check_modules(data: &[u8]) {
    let file = ModulesTxt::parse(data);
    assert_eq!(file, ModulesTxt::parse(data));
    assert!(file.problems.iter().all(|problem| problem.column == 1 && (1..=lines(data)).contains(&problem.line)));
    let mut modules = BTreeSet::new();
    let mut packages = BTreeSet::new();
    for module in &file.modules {
        assert!(modules.insert(&module.module), "each module once");
        assert!(module.module.version.is_empty() || semver::is_valid(&module.module.version));
        assert!(module.packages.iter().all(|package| is_import_path(package) && packages.insert(package)));
    }
    let again = ModulesTxt::parse(shown(&file).as_bytes());
    let is_malformed = |module: &VendoredModule| module.module.version.is_empty() && module.replacement.is_none();
    assert_eq!(again.problems.len(), file.modules.iter().filter(|module| is_malformed(module)).count());
    assert_eq!((again.workspace, &again.modules), (file.workspace, &file.modules));
    // The first lines of a file name no module that the file does not.
    let start = ModulesTxt::parse(&data[..cut_at_line(data)]);
    let names = |file: &ModulesTxt| file.modules.iter().map(|module| module.module.clone()).collect::<Vec<_>>();
    assert!(names(&file).starts_with(&names(&start)));
    let start_packages: BTreeSet<_> = start.modules.iter().flat_map(|module| &module.packages).collect();
    assert!(packages.is_superset(&start_packages));
    assert!(start.workspace == file.workspace || start.modules.is_empty());
}

fn shown(file: &ModulesTxt) -> String {
    let mut text = String::new();
    if file.workspace {
        text += "## workspace\n";
    }
    for module in &file.modules {
        let _ = write!(text, "# {} {}", module.module.path, module.module.version);
        match &module.replacement {
            None if module.module.version.is_empty() => text += "=> what is this",
            None => {}
            Some(ReplaceTarget::Folder(folder)) => text += &format!(" => {folder}"),
            Some(ReplaceTarget::Module(target)) => text += &format!(" => {} {}", target.path, target.version),
        }
        text += "\n## ";
        if module.explicit {
            text += "explicit;";
        }
        if let Some(go) = &module.go {
            let _ = write!(text, "go {go}");
        }
        text += "\n";
        module.packages.iter().for_each(|package| text += &format!("{package}\n"));
    }
    text
}
