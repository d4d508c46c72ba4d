//! Orders of module versions and Go versions, and the canonical form of versions.

#![no_main]

use std::cmp::Ordering;

use buildplan::go::modfile::{canonical_version, go_version, is_canonical_version, is_import_path, semver};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let words: Vec<&str> = text.split(['\n', ' ']).take(8).collect();
    check_order(&words, semver::compare, semver::is_valid);
    check_order(&words, go_version::compare, go_version::is_valid);
    for word in words {
        check_semver(word);
        check_go_version(word);
        // An import path is made of import paths.
        if let Some((parent, name)) = word.rsplit_once('/') {
            assert_eq!(is_import_path(word), is_import_path(parent) && is_import_path(&format!("x/{name}")));
        }
    }
});

/// A total order in which all that is invalid is equal and comes first.
fn check_order(words: &[&str], compare: fn(&str, &str) -> Ordering, is_valid: fn(&str) -> bool) {
    for a in words {
        assert_eq!(compare(a, a), Ordering::Equal);
        for b in words {
            let order = compare(a, b);
            assert_eq!(compare(b, a), order.reverse(), "{a:?} {b:?}");
            if !is_valid(a) {
                assert_eq!(order, if is_valid(b) { Ordering::Less } else { Ordering::Equal }, "{a:?} {b:?}");
            }
            for c in words {
                if order.is_le() && compare(b, c).is_le() {
                    assert!(compare(a, c).is_le(), "{a:?} {b:?} {c:?}");
                    assert_eq!(compare(a, c).is_eq(), order.is_eq() && compare(b, c).is_eq(), "{a:?} {b:?} {c:?}");
                }
            }
        }
    }
}

fn check_semver(word: &str) {
    let canonical = canonical_version(word);
    assert_eq!(canonical.is_some(), semver::is_valid(word));
    assert!(!semver::is_valid(word) || word.is_ascii());
    let Some(canonical) = canonical else {
        assert_eq!((semver::major(word), semver::prerelease(word), semver::build(word)), ("", "", ""));
        return;
    };
    assert!(is_canonical_version(&canonical));
    assert_eq!(canonical_version(&canonical).as_ref(), Some(&canonical));
    assert_eq!(semver::compare(word, &canonical), Ordering::Equal);
    assert_eq!(semver::major(word), semver::major(&canonical));
    assert_eq!(semver::prerelease(word), semver::prerelease(&canonical));
    let core = semver::canonical(word).unwrap_or_default();
    assert!(core.starts_with(semver::major(word)) && core.ends_with(semver::prerelease(word)));
    assert_eq!(semver::build(&core), "");
}

fn check_go_version(word: &str) {
    let minor = go_version::minor(word);
    assert!(minor.is_none() || go_version::is_valid(word));
    if go_version::is_valid(word) && !word.starts_with("go") {
        let toolchain = format!("go{word}");
        assert_eq!(go_version::minor(&toolchain), minor);
        assert_eq!(go_version::compare(&toolchain, word), Ordering::Equal);
        assert_eq!(go_version::compare(&format!("{toolchain}-acme"), word), Ordering::Equal);
    }
    if let Some(minor) = minor {
        // The language version comes before all releases of it.
        assert!(go_version::compare(&format!("1.{minor}"), word).is_le() || minor < 21, "{word}");
        assert!(go_version::compare(word, &format!("1.{}", u64::from(minor) + 1)).is_lt() || minor < 21, "{word}");
    }
}
