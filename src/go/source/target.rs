//! Turns what is known of a build (platform, tags, cgo, toolchain) into the value of any tag. It never asks the host.

use std::collections::{BTreeMap, BTreeSet};

use super::Tri;
use super::platforms::{is_known_arch, is_known_os, is_unix};

/// The oldest toolchain that the rules model: from Go 1.21 on, the `go` line is a strict minimum.
const OLDEST_MINOR: u32 = 21;

/// Experiments, each with the newest minor version that is known to leave it off by default, in every patch release.
/// Source: `ParseGOEXPERIMENT` of `internal/buildcfg`.
const OFF_BY_DEFAULT: [(&str, u32); 13] = [
    ("arenas", 27),
    ("boringcrypto", 27),
    ("cgocheck2", 27),
    ("fieldtrack", 27),
    ("heapminimum512kib", 27),
    ("jsonv2", 26),
    ("loopvar", 27),
    ("newinliner", 27),
    ("preemptibleloops", 27),
    ("runtimefreegc", 27),
    ("runtimesecret", 27),
    ("simd", 27),
    ("staticlockranking", 27),
];

/// What a build is made for and with, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of `go build` of its own")]
pub struct Target {
    /// `GOOS`.
    pub os: String,
    /// `GOARCH`.
    pub arch: String,
    /// The feature tags of the architecture that hold, like `amd64.v1`.
    pub arch_features: BTreeSet<String>,
    /// The feature tags that may hold.
    pub uncertain_features: BTreeSet<String>,
    /// The tags given with `-tags`.
    pub tags: BTreeSet<String>,
    /// Tags that may or may not be given with `-tags`.
    pub unknown_tags: BTreeSet<String>,
    /// Whether any tag at all may be given with `-tags`.
    pub all_tags_unknown: bool,
    /// Whether nothing at all is known, not even the platform: then any file may count that not all platforms leave out.
    pub anything: bool,
    /// `CGO_ENABLED`.
    pub cgo: Tri,
    /// The minor version of the toolchain (27 for `go1.27.3`), where it is known exactly.
    pub toolchain_minor: Option<u32>,
    /// The minor version that the toolchain has at least.
    pub minimum_minor: u32,
    /// The experiments that are known to be on or off.
    pub experiments: BTreeMap<String, bool>,
    /// Whether all other experiments are as the toolchain has them by default.
    pub other_experiments_default: bool,
    /// Built with `-race`.
    pub race: bool,
    /// Built with `-msan`.
    pub msan: bool,
    /// Built with `-asan`.
    pub asan: bool,
}

impl Target {
    /// A platform with its default architecture features, no tags, and everything else unknown.
    pub fn new(os: &str, arch: &str) -> Self {
        Self {
            os: os.into(),
            arch: arch.into(),
            arch_features: default_arch_features(arch, None),
            uncertain_features: BTreeSet::new(),
            tags: BTreeSet::new(),
            unknown_tags: BTreeSet::new(),
            all_tags_unknown: false,
            anything: false,
            cgo: Tri::Unknown,
            toolchain_minor: None,
            minimum_minor: 0,
            experiments: BTreeMap::new(),
            other_experiments_default: false,
            race: false,
            msan: false,
            asan: false,
        }
    }

    /// Every build at once: each tag may hold or not, except `ignore`, which by custom never does.
    pub fn any() -> Self {
        Self { anything: true, ..Self::new("", "") }
    }

    /// Whether a tag holds: `matchTag` of `go/build`, with unknown where the target does not say.
    pub fn tag(&self, name: &str) -> Tri {
        if self.anything {
            return if name == "ignore" { Tri::False } else { Tri::Unknown };
        }
        if self.is_platform(name) {
            return Tri::True;
        }
        // The old name of the experiment hides a `-tags boringcrypto`.
        let name = if name == "boringcrypto" { "goexperiment.boringcrypto" } else { name };
        let given = if self.tags.contains(name) {
            Tri::True
        } else if self.unknown_tags.contains(name) {
            Tri::Unknown
        } else {
            Tri::False
        };
        let fallback = if self.all_tags_unknown { Tri::Unknown } else { Tri::False };
        given.or(self.tool_tag(name).unwrap_or(fallback))
    }

    fn is_platform(&self, name: &str) -> bool {
        name == self.os
            || name == self.arch
            || name == "gc"
            || (name == "unix" && is_unix(&self.os))
            || matches!((&self.os[..], name), ("android", "linux") | ("illumos", "solaris") | ("ios", "darwin"))
    }

    /// The tags that Go itself defines; `None` for one that only a user can give.
    fn tool_tag(&self, name: &str) -> Option<Tri> {
        match name {
            "cgo" => return Some(self.cgo),
            "race" => return Some(self.race.into()),
            "msan" => return Some(self.msan.into()),
            "asan" => return Some(self.asan.into()),
            "unix" | "gc" | "gccgo" => return Some(Tri::False),
            _ if is_known_os(name) || is_known_arch(name) => return Some(Tri::False),
            _ => {}
        }
        if let Some(minor) = release_minor(name) {
            return Some(self.release(minor));
        }
        // `GOFIPS140`, which may be set on the builder, gives a tag of its own.
        if let Some(version) = name.strip_prefix("fips140v") {
            return Some(if is_major_minor(version) { Tri::Unknown } else { Tri::False });
        }
        let (family, rest) = name.split_once('.')?;
        if family == "goexperiment" {
            return Some(self.experiment(rest));
        }
        is_known_arch(family).then(|| self.arch_feature(family, name))
    }

    fn experiment(&self, name: &str) -> Tri {
        match self.experiments.get(name) {
            // On most architectures the register ABI cannot be switched off.
            Some(false) if name.starts_with("regabi") => return Tri::Unknown,
            Some(on) => return Tri::from(*on),
            None => {}
        }
        let newest = OFF_BY_DEFAULT.iter().find(|(off, _)| *off == name).map(|(_, newest)| *newest);
        match (self.toolchain_minor, newest) {
            (Some(minor), Some(newest)) if self.other_experiments_default && minor <= newest => Tri::False,
            _ => Tri::Unknown,
        }
    }

    fn arch_feature(&self, family: &str, name: &str) -> Tri {
        if family != self.arch {
            return Tri::False;
        }
        if family == "wasm" && matches!(name, "wasm.satconv" | "wasm.signext") {
            // Before 1.26 they had to be asked for.
            return Tri::from(self.arch_features.contains(name)).or(self.release(26));
        }
        if self.uncertain_features.contains(name) || !is_known_feature(family, name) {
            return Tri::Unknown;
        }
        // Toolchains before 1.23 do not define these.
        let defined = if matches!(family, "arm64" | "riscv64") { self.release(23) } else { Tri::True };
        Tri::from(self.arch_features.contains(name)).and(defined)
    }

    /// Whether the toolchain is at least `go1.minor`.
    fn release(&self, minor: u32) -> Tri {
        match self.toolchain_minor {
            Some(exact) => Tri::from(minor <= exact),
            None if minor <= self.minimum_minor.max(OLDEST_MINOR) => Tri::True,
            None => Tri::Unknown,
        }
    }
}

/// The number in a release tag (`go1.21`); `None` for other tags, among them `go1` and `go1.21.3`.
fn release_minor(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("go1.")?;
    let plain = !digits.is_empty() && !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    // A number too large for any release is still the form of one.
    plain.then(|| digits.parse().unwrap_or(u32::MAX))
}

/// `1.0` of `fips140v1.0`.
fn is_major_minor(version: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    version.split_once('.').is_some_and(|(major, minor)| is_number(major) && is_number(minor))
}

/// Whether some release defines a feature tag of an architecture; a later one may define more.
fn is_known_feature(arch: &str, name: &str) -> bool {
    ["", "softfloat", "v4", "7", "v9.5", "power10", "rva23u64"]
        .iter()
        .any(|setting| default_arch_features(arch, Some(setting)).contains(name))
}

/// The feature tags that hold on an architecture, given its variable (`GOAMD64=v3`, `GOARM=6,softfloat`, …) or, where
/// it is absent or invalid, Go's default. Source: `gogoarchTags` of `internal/buildcfg`.
pub fn default_arch_features(arch: &str, variant_setting: Option<&str>) -> BTreeSet<String> {
    let setting = variant_setting.unwrap_or_default();
    let features: Vec<String> = match arch {
        "386" => vec![if setting == "softfloat" { "softfloat".into() } else { "sse2".into() }],
        "amd64" => up_to(&["v1", "v2", "v3", "v4"], setting, 0),
        "arm" => up_to(&["5", "6", "7"], setting.split(',').next().unwrap_or_default(), 2),
        "arm64" => arm64_features(setting),
        "mips" | "mipsle" | "mips64" | "mips64le" => {
            vec![if setting == "softfloat" { "softfloat".into() } else { "hardfloat".into() }]
        }
        "ppc64" | "ppc64le" => up_to(&["power8", "power9", "power10"], setting, 0),
        "riscv64" => up_to(&["rva20u64", "rva22u64", "rva23u64"], setting, 0),
        // From 1.26 on they hold whatever is asked for.
        "wasm" => setting.split(',').filter(|one| matches!(*one, "satconv" | "signext")).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    features.into_iter().map(|feature| format!("{arch}.{feature}")).collect()
}

/// The levels up to the one that is set; up to the default if none of them is.
fn up_to(levels: &[&str], setting: &str, default: usize) -> Vec<String> {
    let last = levels.iter().position(|level| *level == setting).unwrap_or(default);
    levels.iter().take(last + 1).map(|level| (*level).to_owned()).collect()
}

/// `v9.x` has all of `v8.x+5`; options like `,lse` give no tags.
fn arm64_features(setting: &str) -> Vec<String> {
    let level = setting.split(',').next().unwrap_or_default();
    let minor = |prefix: &str, highest: u32| {
        let digits = level.strip_prefix(prefix).filter(|digits| digits.len() == 1)?;
        digits.parse::<u32>().ok().filter(|minor| *minor <= highest)
    };
    let of = |major: u32, last: u32| (0..=last).map(move |minor| format!("v{major}.{minor}"));
    match minor("v9.", 5) {
        Some(last) => of(9, last).chain(of(8, (last + 5).min(9))).collect(),
        None => of(8, minor("v8.", 9).unwrap_or(0)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(target: &Target, name: &str, expected: Tri) {
        assert_eq!(target.tag(name), expected, "{name}");
    }

    fn linux() -> Target {
        Target::new("linux", "amd64")
    }

    #[test]
    fn the_platform_and_its_aliases_hold() {
        for name in ["linux", "amd64", "gc", "unix", "amd64.v1"] {
            check(&linux(), name, Tri::True);
        }
        for name in ["windows", "arm64", "gccgo", "amd64.v2", "arm64.v8.0", "go1", "ignore", "purego", "race"] {
            check(&linux(), name, Tri::False);
        }
        check(&Target::new("android", "arm64"), "linux", Tri::True);
        check(&Target::new("ios", "arm64"), "darwin", Tri::True);
        check(&Target::new("illumos", "amd64"), "solaris", Tri::True);
        check(&Target::new("windows", "amd64"), "unix", Tri::False);
    }

    #[test]
    fn feature_tags_of_the_architecture_depend_on_its_level_and_on_the_toolchain() {
        let mut target = Target::new("js", "wasm");
        check(&target, "wasm.satconv", Tri::Unknown);
        target.toolchain_minor = Some(26);
        check(&target, "wasm.satconv", Tri::True);
        target.toolchain_minor = Some(25);
        check(&target, "wasm.satconv", Tri::False);
        target.arch_features = default_arch_features("wasm", Some("satconv"));
        check(&target, "wasm.satconv", Tri::True);
        check(&target, "wasm.signext", Tri::False);
        check(&target, "wasm.threads", Tri::Unknown);
        check(&linux(), "amd64.v5", Tri::Unknown);
        check(&linux(), "arm64.v8.0", Tri::False);
        let mut target = Target::new("linux", "arm");
        check(&target, "arm.7", Tri::True);
        target.uncertain_features.insert("arm.7".into());
        check(&target, "arm.7", Tri::Unknown);
        check(&Target::new("linux", "386"), "386.softfloat", Tri::False);
    }

    #[test]
    fn a_module_of_fips_140_may_be_asked_for() {
        check(&linux(), "fips140v1.0", Tri::Unknown);
        check(&linux(), "fips140v1", Tri::False);
    }

    #[test]
    fn f16_release_tags_follow_the_toolchain_and_never_its_patch() {
        let mut target = linux();
        target.toolchain_minor = Some(27);
        check(&target, "go1.1", Tri::True);
        check(&target, "go1.27", Tri::True);
        check(&target, "go1.28", Tri::False);
        check(&target, "go1.27.1", Tri::False);
        check(&target, "go1.01", Tri::False);
        check(&target, "go1.0", Tri::False);
        check(&target, "go1.99999999999", Tri::False);
    }

    #[test]
    fn an_unknown_toolchain_has_at_least_the_minimum() {
        let mut target = linux();
        check(&target, "go1.21", Tri::True);
        check(&target, "go1.22", Tri::Unknown);
        target.minimum_minor = 25;
        check(&target, "go1.25", Tri::True);
        check(&target, "go1.26", Tri::Unknown);
        check(&target, "go1.99999999999", Tri::Unknown);
        target.toolchain_minor = Some(20);
        check(&target, "go1.21", Tri::False);
    }

    #[test]
    fn cgo_and_experiments_are_unknown_until_said() {
        let mut target = linux();
        check(&target, "cgo", Tri::Unknown);
        check(&target, "goexperiment.jsonv2", Tri::Unknown);
        check(&target, "boringcrypto", Tri::Unknown);
        target.cgo = Tri::False;
        target.experiments = [("jsonv2".to_owned(), true), ("boringcrypto".to_owned(), false)].into();
        check(&target, "cgo", Tri::False);
        check(&target, "goexperiment.jsonv2", Tri::True);
        check(&target, "boringcrypto", Tri::False);
    }

    #[test]
    fn experiments_that_are_not_named_follow_a_known_toolchain() {
        let mut target = linux();
        target.other_experiments_default = true;
        check(&target, "goexperiment.simd", Tri::Unknown);
        target.toolchain_minor = Some(26);
        check(&target, "goexperiment.simd", Tri::False);
        check(&target, "boringcrypto", Tri::False);
        check(&target, "goexperiment.jsonv2", Tri::False);
        check(&target, "goexperiment.greenteagc", Tri::Unknown);
        target.toolchain_minor = Some(27);
        check(&target, "goexperiment.jsonv2", Tri::Unknown);
        target.toolchain_minor = Some(28);
        check(&target, "goexperiment.simd", Tri::Unknown);
        target.experiments = [("simd".to_owned(), true), ("regabiargs".to_owned(), false)].into();
        check(&target, "goexperiment.simd", Tri::True);
        check(&target, "goexperiment.regabiargs", Tri::Unknown);
    }

    #[test]
    fn user_tags_win_over_everything_but_the_boringcrypto_alias() {
        let mut target = linux();
        target.cgo = Tri::False;
        target.experiments.insert("boringcrypto".into(), false);
        target.tags = ["windows", "cgo", "go1.99", "boringcrypto"].map(String::from).into();
        for name in ["windows", "cgo", "go1.99"] {
            check(&target, name, Tri::True);
        }
        check(&target, "boringcrypto", Tri::False);
        target.tags.insert("goexperiment.boringcrypto".into());
        check(&target, "boringcrypto", Tri::True);
    }

    #[test]
    fn tags_that_may_be_given_are_unknown() {
        let mut target = linux();
        target.unknown_tags = ["dev", "windows"].map(String::from).into();
        check(&target, "dev", Tri::Unknown);
        check(&target, "windows", Tri::Unknown);
        check(&target, "linux", Tri::True);
        check(&target, "integration", Tri::False);
        target.all_tags_unknown = true;
        check(&target, "integration", Tri::Unknown);
        for name in ["darwin", "arm64", "amd64.v3", "gccgo", "race"] {
            check(&target, name, Tri::False);
        }
    }

    #[track_caller]
    fn check_features(arch: &str, setting: Option<&str>, expected: &[&str]) {
        let found: Vec<_> = default_arch_features(arch, setting).into_iter().collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn features_accumulate_up_to_the_level_that_is_set() {
        check_features("amd64", None, &["amd64.v1"]);
        check_features("amd64", Some("v3"), &["amd64.v1", "amd64.v2", "amd64.v3"]);
        check_features("amd64", Some("v9"), &["amd64.v1"]);
        check_features("arm", None, &["arm.5", "arm.6", "arm.7"]);
        check_features("arm", Some("6,softfloat"), &["arm.5", "arm.6"]);
        check_features("arm64", None, &["arm64.v8.0"]);
        check_features("arm64", Some("v8.1,lse"), &["arm64.v8.0", "arm64.v8.1"]);
        assert_eq!(default_arch_features("arm64", Some("v9.1")).len(), 2 + 7);
        check_features("386", None, &["386.sse2"]);
        check_features("mipsle", Some("softfloat"), &["mipsle.softfloat"]);
        check_features("ppc64le", Some("power9"), &["ppc64le.power8", "ppc64le.power9"]);
        check_features("riscv64", None, &["riscv64.rva20u64"]);
        check_features("wasm", None, &[]);
        check_features("wasm", Some("signext,x"), &["wasm.signext"]);
        check_features("s390x", None, &[]);
    }
}
