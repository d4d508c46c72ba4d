//! The files that C and assembly name.

#![no_main]

use buildplan::go::source::{Includes, asm_includes, c_includes};
use buildplan_fuzz::cut;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for scan in [c_includes, asm_includes] {
        check(data, scan);
    }
});

fn check(data: &[u8], scan: fn(&[u8]) -> Includes) {
    let found = scan(data);
    assert_eq!(found, scan(data));
    for names in [&found.quoted, &found.angled] {
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
        assert!(names.iter().all(|name| name.len() <= 4096));
    }
    // A name that is complete stays one, whatever follows.
    let (start, end) = data.split_at(cut(data));
    assert_within(&scan(start), &found);
    // A directive at the start of a line counts, whatever comes before and after it; so does the rest of the text.
    let with_line = scan(&[start, b"\n\n#include \"zz.h\"\n", end].concat());
    assert!(with_line.quoted.iter().any(|name| name == "zz.h"));
    let apart = scan(&[start, b"\n\n", end].concat());
    assert_within(&scan(start), &apart);
    assert_within(&scan(end), &apart);
}

#[track_caller]
fn assert_within(part: &Includes, all: &Includes) {
    let missing = |part: &[String], all: &[String]| part.iter().any(|name| !all.contains(name));
    assert!(!missing(&part.quoted, &all.quoted) && !missing(&part.angled, &all.angled), "{part:?} in {all:?}");
}
