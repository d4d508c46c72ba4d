//! Turns the `[go] flags` of the configuration, spelled as `go build` spells them, into what the planner must know of
//! them: `-mod`, `-pgo`, architecture level, experiments. Tags and cgo have keys of their own. What makes the compilers
//! read files that nobody here can see is kept by name. It never runs anything.

use std::collections::BTreeMap;

use crate::go::mode::ModFlag;

/// What build flags say beyond their own text, which is an input as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of `go build` of its own")]
pub struct BuildFlags {
    /// `-mod`.
    pub mod_flag: ModFlag,
    /// `-pgo`.
    pub pgo: Pgo,
    /// `-race`.
    pub race: bool,
    /// `-msan`.
    pub msan: bool,
    /// `-asan`.
    pub asan: bool,
    /// `GOAMD64` and its kin: the level for the architecture, by upper-case name of the variable.
    pub levels: BTreeMap<String, String>,
    /// `GOEXPERIMENT`: experiments switched on, or off with a leading `no`.
    pub experiments: BTreeMap<String, bool>,
    /// Whether all other experiments are as the toolchain has them: `GOEXPERIMENT` is given, be it empty.
    pub other_experiments_default: bool,
    /// Flags after which the planner cannot know what is built: `-overlay`, `-modfile`, `-toolexec`, another compiler,
    /// GOPATH mode, and whatever names files to compiler, assembler or linker.
    pub opaque: Vec<String>,
}

/// Where the profile for profile-guided optimisation comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pgo {
    /// `default.pgo` in the folder of the main package, if it is there.
    #[default]
    Auto,
    /// None.
    Off,
    /// This file.
    File(String),
}

impl BuildFlags {
    /// Reads the flags; what it does not know is left to the compiler.
    pub fn parse(flags: &[String]) -> Self {
        let mut parsed = Self::default();
        let mut flags = flags.iter().map(String::as_str);
        while let Some(flag) = flags.next() {
            let mut words = words_of(flag).into_iter();
            while let Some(word) = words.next() {
                let Some(name) = word.strip_prefix('-') else {
                    if let Some((name, value)) = word.split_once('=') {
                        parsed.variable(name, value);
                    }
                    continue;
                };
                let name = name.strip_prefix('-').unwrap_or(name);
                match name.split_once('=') {
                    Some((name, value)) => parsed.flag(name, value),
                    None if takes_value(name) => {
                        let value = words.next().or_else(|| flags.next()).unwrap_or_default();
                        parsed.flag(name, value);
                    }
                    None => parsed.flag(name, "true"),
                }
            }
        }
        parsed
    }

    fn flag(&mut self, name: &str, value: &str) {
        let on = value != "false" && value != "0";
        match name {
            "mod" => {
                self.mod_flag = match value {
                    "vendor" => ModFlag::Vendor,
                    "readonly" => ModFlag::Readonly,
                    "mod" => ModFlag::Mod,
                    _ => ModFlag::Auto,
                }
            }
            "pgo" => {
                self.pgo = match value {
                    "off" => Pgo::Off,
                    "auto" | "true" => Pgo::Auto,
                    file => Pgo::File(file.to_owned()),
                }
            }
            "race" => self.race = on,
            "msan" => self.msan = on,
            "asan" => self.asan = on,
            "overlay" | "modfile" | "toolexec" => self.opaque.push(format!("-{name}")),
            "compiler" if value != "gc" => self.opaque.push(format!("-compiler={value}")),
            // `-asmflags=./asm=-I inc`: the pattern is part of the first word.
            "asmflags" if quoted_words(value).iter().any(|word| word.starts_with("-I") || word.contains("=-I")) => {
                self.opaque.push("-asmflags".to_owned());
            }
            "gcflags" if ["-pgoprofile", "-embedcfg", "-importcfg"].iter().any(|flag| value.contains(flag)) => {
                self.opaque.push("-gcflags".to_owned());
            }
            "ldflags" if names_files_to_linker(value) => self.opaque.push("-ldflags".to_owned()),
            _ => {}
        }
    }

    fn variable(&mut self, name: &str, value: &str) {
        match name {
            "GOEXPERIMENT" => self.experiment_list(value),
            "GO111MODULE" if value == "off" => self.opaque.push("GO111MODULE=off".to_owned()),
            "GOENV" if value != "off" => self.opaque.push("GOENV".to_owned()),
            "CGO_CFLAGS" | "CGO_CPPFLAGS" | "CGO_CXXFLAGS" | "CGO_FFLAGS" | "CGO_LDFLAGS"
                if value.split_whitespace().any(names_a_file) =>
            {
                self.opaque.push(name.to_owned());
            }
            "CC" | "CXX" | "FC" | "AR" | "PKG_CONFIG" if value.starts_with('.') => self.opaque.push(name.to_owned()),
            name if name.starts_with("GO") => drop(self.levels.insert(name.to_owned(), value.to_owned())),
            _ => {}
        }
    }

    /// The rules are those of `ParseGOEXPERIMENT` in `internal/buildcfg`.
    fn experiment_list(&mut self, value: &str) {
        self.other_experiments_default = true;
        for one in value.split(',').filter(|one| !one.is_empty()) {
            if one == "none" {
                self.experiments.clear();
                self.other_experiments_default = false;
                continue;
            }
            let (name, on) = one.strip_prefix("no").map_or((one, true), |off| (off, false));
            self.experiments.insert(name.to_owned(), on);
        }
    }
}

/// `-race -trimpath` are two words, `-ldflags=-s -w` and `-ldflags` are one.
fn words_of(flag: &str) -> Vec<&str> {
    let flag = flag.trim();
    match flag.split_once(char::is_whitespace) {
        Some((first, rest)) if first.starts_with('-') && !first.contains('=') => {
            let is_flag = rest.trim_start().starts_with('-') && !takes_value(first.trim_start_matches('-'));
            let rest = if is_flag { words_of(rest) } else { vec![rest.trim_start()] };
            [vec![first], rest].concat()
        }
        _ => vec![flag],
    }
}

/// Splits as the `go` command splits flags within flags: a word may be in quotes, whole (cmd/internal/quoted).
fn quoted_words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '"' | '\'' => rest[1..].split_once(first).unwrap_or((&rest[1..], "")),
            _ => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word);
        rest = after.trim_start();
    }
    words
}

/// Whether flags of Go's linker name files, or let the system's linker read some.
fn names_files_to_linker(flags: &str) -> bool {
    let words = quoted_words(flags);
    let value_of = |option: &str, index: usize| {
        let word = words.get(index)?.trim_start_matches('-');
        match word.strip_prefix(option)?.strip_prefix('=') {
            Some(value) => Some(value),
            None if word == option => words.get(index + 1).copied(),
            None => None,
        }
    };
    (0..words.len()).any(|index| {
        let external =
            value_of("extldflags", index).is_some_and(|flags| quoted_words(flags).into_iter().any(names_a_file));
        external
            || value_of("extld", index).is_some_and(|linker| linker.starts_with('.'))
            || value_of("L", index).is_some()
    })
}

/// Whether a flag of a compiler or linker names a file or folder that is not the machine's own.
fn names_a_file(flag: &str) -> bool {
    const OPTIONS: [&str; 12] = [
        "-include",
        "-imacros",
        "-iquote",
        "-isystem",
        "-idirafter",
        "-isysroot",
        "--sysroot",
        "-I",
        "-L",
        "-F",
        "-B",
        "-T",
    ];
    const SYSTEM: [&str; 5] = ["/usr/", "/opt/", "/lib", "/etc/", "/System/"];
    let is_system = |path: &str| SYSTEM.iter().any(|root| path.starts_with(root));
    if let Some(parts) = ["-Wl,", "-Wa,", "-Wp,"].iter().find_map(|prefix| flag.strip_prefix(prefix)) {
        return parts.split(',').any(|part| names_a_file(part) && (part.starts_with('-') || part.contains(['/', '.'])));
    }
    if let Some(value) = OPTIONS.iter().find_map(|option| flag.strip_prefix(option)) {
        // `-Bstatic` is none of them.
        let is_word = flag.starts_with("-B") && !value.is_empty() && !value.contains(['/', '.']);
        return !is_word && !is_system(value.trim_start_matches('='));
    }
    match flag.split_once('=') {
        Some((option, value)) if option.starts_with('-') && !option.starts_with("-D") => {
            value.contains('/') && !is_system(value)
        }
        _ => !flag.starts_with('-') && !is_system(flag),
    }
}

/// The flags of `go build` that take their value from the next word.
fn takes_value(name: &str) -> bool {
    matches!(
        name,
        "tags"
            | "mod"
            | "pgo"
            | "ldflags"
            | "gcflags"
            | "asmflags"
            | "gccgoflags"
            | "buildmode"
            | "compiler"
            | "installsuffix"
            | "overlay"
            | "modfile"
            | "toolexec"
            | "pkgdir"
            | "p"
            | "o"
            | "C"
            | "buildvcs"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(flags: &[&str]) -> BuildFlags {
        BuildFlags::parse(&flags.iter().map(|flag| (*flag).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn flags_that_change_the_inputs_are_understood() {
        let flags = parse(&["-race", "-pgo=off", "GOAMD64=v3", "GOEXPERIMENT=synctest,noregabi", "-overlay=o.json"]);
        assert!(flags.race && flags.pgo == Pgo::Off);
        assert_eq!(flags.levels["GOAMD64"], "v3");
        assert_eq!((flags.experiments["synctest"], flags.experiments["regabi"]), (true, false));
        assert_eq!(flags.opaque, ["-overlay"]);
        assert!(flags.other_experiments_default && parse(&["GOEXPERIMENT="]).other_experiments_default);
        assert!(!parse(&["-race"]).other_experiments_default);
        let none = parse(&["GOEXPERIMENT=simd,none,arenas"]);
        assert_eq!((none.experiments.len(), none.experiments["arenas"]), (1, true));
        assert!(!none.other_experiments_default);
        assert_eq!(parse(&["-ldflags", "-s -w", "-mod=mod"]).mod_flag, ModFlag::Mod);
        let linked = parse(&["-ldflags", "-extldflags=-Llib", "-race"]);
        assert!(linked.race && linked.opaque == ["-ldflags"]);
        assert!(parse(&["-trimpath -race"]).race && parse(&["-ldflags -s", "-race"]).race);
    }

    #[track_caller]
    fn check_opaque(flag: &str, expected: &[&str]) {
        assert_eq!(parse(&[flag]).opaque, expected, "{flag}");
    }

    #[test]
    fn flags_that_hide_what_is_read_are_kept_by_name() {
        check_opaque("-modfile=other.mod", &["-modfile"]);
        check_opaque("--toolexec=wrap", &["-toolexec"]);
        check_opaque("-compiler=gccgo", &["-compiler=gccgo"]);
        check_opaque("-compiler gc", &[]);
        check_opaque("GO111MODULE=off", &["GO111MODULE=off"]);
        check_opaque("GO111MODULE=on", &[]);
        check_opaque("GOENV=./env", &["GOENV"]);
        check_opaque("-asmflags=-I inc", &["-asmflags"]);
        check_opaque("-asmflags=all=-Iinc", &["-asmflags"]);
        check_opaque("-asmflags=all=-trimpath", &[]);
        check_opaque("-gcflags=-pgoprofile=x", &["-gcflags"]);
        check_opaque("-gcflags=all=-N -l", &[]);
        check_opaque("CC=./cc", &["CC"]);
        check_opaque("CC=clang", &[]);
    }

    #[test]
    fn flags_of_the_system_s_compilers_may_name_files() {
        check_opaque("CGO_CFLAGS=-O2 -g -DX=a/b -std=c99", &[]);
        check_opaque("CGO_CFLAGS=-I/usr/local/include", &[]);
        check_opaque("CGO_CFLAGS=-I/src/include", &["CGO_CFLAGS"]);
        check_opaque("CGO_CFLAGS=-include x.h", &["CGO_CFLAGS"]);
        check_opaque("CGO_LDFLAGS=-lm -Wl,-Bstatic,-lz -static", &[]);
        check_opaque("CGO_LDFLAGS=-Llib", &["CGO_LDFLAGS"]);
        check_opaque("CGO_LDFLAGS=lib/libv.a", &["CGO_LDFLAGS"]);
        check_opaque("CGO_LDFLAGS=-Wl,-T,x.ld", &["CGO_LDFLAGS"]);
        check_opaque("-ldflags=-s -w -X main.v=a/b", &[]);
        check_opaque("-ldflags=-linkmode external -extldflags '-static -lm'", &[]);
        check_opaque("-ldflags=-extldflags=-static -X main.v=a/b", &[]);
        check_opaque("-ldflags=-s -extldflags '-static -L./lib'", &["-ldflags"]);
        check_opaque("-ldflags=-extldflags=-Wl,--version-script=./x.map", &["-ldflags"]);
        check_opaque("-ldflags=-L pkg", &["-ldflags"]);
    }
}
