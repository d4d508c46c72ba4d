//! The operating systems and architectures whose names Go treats as constraints. It never says which of them a
//! toolchain can build for.

/// `KnownOS` of `internal/syslist`, sorted. Go only ever adds to it.
const OPERATING_SYSTEMS: [&str; 18] = [
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "js",
    "linux",
    "nacl",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "wasip1",
    "windows",
    "zos",
];

/// `KnownArch` of `internal/syslist`, sorted. Go only ever adds to it.
const ARCHITECTURES: [&str; 24] = [
    "386",
    "amd64",
    "amd64p32",
    "arm",
    "arm64",
    "arm64be",
    "armbe",
    "loong64",
    "mips",
    "mips64",
    "mips64le",
    "mips64p32",
    "mips64p32le",
    "mipsle",
    "ppc",
    "ppc64",
    "ppc64le",
    "riscv",
    "riscv64",
    "s390",
    "s390x",
    "sparc",
    "sparc64",
    "wasm",
];

/// Those that do not satisfy the tag `unix`: `UnixOS` of `internal/syslist`, turned round.
const NOT_UNIX: [&str; 6] = ["js", "nacl", "plan9", "wasip1", "windows", "zos"];

/// Whether Go knows an operating system of this name.
pub fn is_known_os(name: &str) -> bool {
    OPERATING_SYSTEMS.binary_search(&name).is_ok()
}

/// Whether Go knows an architecture of this name.
pub fn is_known_arch(name: &str) -> bool {
    ARCHITECTURES.binary_search(&name).is_ok()
}

/// Whether the tag `unix` holds on an operating system.
pub fn is_unix(os: &str) -> bool {
    is_known_os(os) && !NOT_UNIX.contains(&os)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted() {
        assert!(OPERATING_SYSTEMS.is_sorted());
        assert!(ARCHITECTURES.is_sorted());
    }

    #[test]
    fn unix_is_not_every_system() {
        assert!(is_unix("android") && is_unix("ios") && is_unix("hurd"));
        assert!(!is_unix("windows") && !is_unix("js") && !is_unix("templeos"));
    }
}
