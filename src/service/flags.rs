//! Turns the `[go] flags` of the configuration, spelled as `go build` spells them, into what the planner must know of
//! them: `-mod`, `-pgo`, architecture level, experiments. Tags and cgo have keys of their own. It never runs anything.

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
    /// Flags after which the planner cannot know what is built: `-overlay`, `-modfile`, `-toolexec`.
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
        let mut words = flags.iter().map(String::as_str).peekable();
        while let Some(word) = words.next() {
            if !word.starts_with('-') {
                if let Some((name, value)) = word.split_once('=') {
                    parsed.variable(name, value);
                }
                continue;
            }
            let name = word.trim_start_matches('-');
            match name.split_once('=') {
                Some((name, value)) => parsed.flag(name, value),
                None if takes_value(name) => {
                    let value = words.next_if(|next| !next.starts_with('-')).unwrap_or_default();
                    parsed.flag(name, value);
                }
                None => parsed.flag(name, "true"),
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
            _ => {}
        }
    }

    fn variable(&mut self, name: &str, value: &str) {
        match name {
            "GOEXPERIMENT" => self.experiment_list(value),
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
    }
}
