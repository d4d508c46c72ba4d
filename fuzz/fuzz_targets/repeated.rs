//! Every reader on a quarter of a megabyte, where one part of the input stands again and again: four times the text
//! takes about four times as long. (The time is that of the processor, which only Linux tells: `/proc`.)

#![no_main]

use std::fs;
use std::time::Duration;

use buildplan::go::external::lock_file::LockFile;
use buildplan::go::modfile::{GoMod, GoSum, GoWork, ModulesTxt, Strictness};
use buildplan::go::source::{Constraint, asm_includes, c_includes, path_match, scan_go, scan_other};
use buildplan_fuzz::hash;
use libfuzzer_sys::fuzz_target;

const LENGTH: usize = 1 << 18;

/// No time worth a comparison.
const SHORT: Duration = Duration::from_millis(100);

const READERS: [(&str, fn(&[u8])); 10] = [
    ("go", |bytes| drop(scan_go(bytes).constraint.to_string())),
    ("go preamble", |bytes| scan_go(bytes).cgo.iter().for_each(|block| drop(c_includes(block.preamble.as_bytes())))),
    ("other", |bytes| drop(scan_other(bytes))),
    ("includes", |bytes| drop((c_includes(bytes), asm_includes(bytes)))),
    ("constraint", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        drop(Constraint::parse_go_build(&text).to_string());
        drop(Constraint::parse_plus_build(&text).map(|constraint| constraint.to_string()));
    }),
    ("pattern", |bytes| _ = path_match(&bytes[..4096], &bytes[bytes.len() - 4096..])),
    ("go.mod", |bytes| {
        drop((GoMod::parse(bytes, Strictness::MainModule), GoMod::parse(bytes, Strictness::Dependency)));
    }),
    ("go.work", |bytes| drop(GoWork::parse(bytes))),
    ("lists", |bytes| drop((GoSum::parse(bytes), ModulesTxt::parse(bytes)))),
    ("lock", |bytes| drop(LockFile::parse(bytes).to_text())),
];

fuzz_target!(|data: &[u8]| {
    if data.is_empty() || data.len() > 400 {
        return;
    }
    let mut cuts = [hash(data), hash(&[data, b"!"].concat())]
        .map(|number| usize::try_from(number % (data.len() as u64 + 1)).unwrap_or_default());
    cuts.sort_unstable();
    let (start, part, end) = (&data[..cuts[0]], &data[cuts[0]..cuts[1]], &data[cuts[1]..]);
    let part = if part.is_empty() { data } else { part };
    let repeat = |length: usize| [start, &part.repeat(length / part.len()), end].concat();
    let (short, long) = (repeat(LENGTH / 4), repeat(LENGTH));
    for (name, read) in READERS {
        if time(read, &long) < SHORT {
            continue;
        }
        // A page that has to be fetched, or a full cache of another program, is no fault of the reader.
        let best = |text| (0..3).map(|_| time(read, text)).min().unwrap_or_default();
        let (quarter, whole) = (best(&short), best(&long));
        assert!(
            whole < SHORT || whole < quarter * 10,
            "{name} takes {quarter:?}, and {whole:?} for four times as much"
        );
    }
});

fn time(read: fn(&[u8]), text: &[u8]) -> Duration {
    let start = time_on_processor();
    read(text);
    time_on_processor().saturating_sub(start)
}

/// The time that this thread has run; nothing where the system does not tell.
fn time_on_processor() -> Duration {
    let statistics = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = statistics.split(' ').next().and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}
