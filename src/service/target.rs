//! Turns a service's Go settings into the targets that it is built for.
//!
//! A target is a value that can be compared: services with equal targets share one package graph. What is not
//! configured stays unknown here; it is never taken from the host.

use std::collections::BTreeSet;

use crate::config::{GoSettings, Platform};
use crate::docker::TagMention;
use crate::go::modfile::go_version;
use crate::go::source::{Target, Tri, default_arch_features};
use crate::service::flags::BuildFlags;

/// One platform with everything that decides which files are compiled for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TargetSpec {
    /// Operating system, architecture and variant.
    pub os: String,
    /// GOARCH.
    pub arch: String,
    /// `v7` of `linux/arm/v7`: the builder may know of it.
    pub variant: Option<String>,
    /// The value of GOAMD64 and its kin.
    pub level: Option<String>,
    /// Build tags that are set, sorted.
    pub tags: BTreeSet<String>,
    /// Build tags that the Dockerfile names: they may be set.
    pub possible_tags: BTreeSet<String>,
    /// Whether the Dockerfile sets tags that cannot be read off it.
    pub any_tag_possible: bool,
    /// Whether cgo is on; `None` if that depends on the machine that builds.
    pub cgo: Option<bool>,
    /// The toolchain's minor version, if the configuration says it.
    pub toolchain_minor: Option<u32>,
    /// `-race`, `-msan`, `-asan`.
    pub sanitizers: [bool; 3],
    /// Experiments that are switched on or off.
    pub experiments: Vec<(String, bool)>,
    /// Whether all other experiments are as the toolchain has them.
    pub other_experiments_default: bool,
}

impl TargetSpec {
    /// The targets of a service.
    pub fn all(settings: &GoSettings, flags: &BuildFlags, mention: &TagMention) -> Vec<Self> {
        let mut targets: Vec<Self> =
            settings.platforms.iter().map(|platform| Self::new(settings, flags, mention, platform)).collect();
        targets.sort_unstable();
        targets.dedup();
        targets
    }

    fn new(settings: &GoSettings, flags: &BuildFlags, mention: &TagMention, platform: &Platform) -> Self {
        let tags: BTreeSet<String> = settings.build_tags.iter().cloned().collect();
        Self {
            os: platform.os.clone(),
            arch: platform.arch.clone(),
            variant: platform.variant.clone(),
            level: level_variable(&platform.arch).and_then(|variable| flags.levels.get(variable)).cloned(),
            possible_tags: mention.names.iter().filter(|tag| !tags.contains(*tag)).cloned().collect(),
            tags,
            any_tag_possible: mention.unknowable,
            cgo: settings.cgo,
            toolchain_minor: settings.toolchain.as_deref().and_then(go_version::minor),
            sanitizers: [flags.race, flags.msan, flags.asan],
            experiments: flags.experiments.iter().map(|(name, on)| (name.clone(), *on)).collect(),
            other_experiments_default: flags.other_experiments_default,
        }
    }

    /// `linux/arm/v7`.
    pub fn platform(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{}/{}/{variant}", self.os, self.arch),
            None => format!("{}/{}", self.os, self.arch),
        }
    }

    /// The whole target on one line, the same for equal targets only. What is not set or not known is left out.
    pub fn label(&self) -> String {
        let list = |tags: &BTreeSet<String>| tags.iter().cloned().collect::<Vec<_>>().join(",");
        let mut parts = vec![self.platform()];
        parts.extend(self.level.iter().map(|level| format!("level={level}")));
        if !self.tags.is_empty() {
            parts.push(format!("tags={}", list(&self.tags)));
        }
        if !self.possible_tags.is_empty() {
            parts.push(format!("possible-tags={}", list(&self.possible_tags)));
        }
        if self.any_tag_possible {
            parts.push("any-tag-possible".to_owned());
        }
        parts.extend(self.cgo.map(|on| format!("cgo={}", if on { "on" } else { "off" })));
        parts.extend(self.toolchain_minor.map(|minor| format!("toolchain=1.{minor}")));
        let sanitizers = ["race", "msan", "asan"].into_iter().zip(self.sanitizers);
        parts.extend(sanitizers.filter(|(_, on)| *on).map(|(name, _)| name.to_owned()));
        parts.extend(self.experiments.iter().map(|(name, on)| format!("{}{name}", if *on { "+" } else { "-" })));
        if self.other_experiments_default {
            parts.push("default-experiments".to_owned());
        }
        parts.join(" ")
    }

    /// The target as the file selection needs it. `minimum_minor` is what the go lines say the toolchain is at least.
    pub fn resolve(&self, minimum_minor: u32) -> Target {
        let [race, msan, asan] = self.sanitizers;
        let (arch_features, uncertain_features) = self.features();
        Target {
            arch_features,
            uncertain_features,
            tags: self.tags.clone(),
            unknown_tags: self.possible_tags.clone(),
            all_tags_unknown: self.any_tag_possible,
            cgo: match self.cgo {
                Some(true) => Tri::True,
                Some(false) => Tri::False,
                None => Tri::Unknown,
            },
            // An older toolchain refuses the go line, or fetches the one that it asks for.
            toolchain_minor: self.toolchain_minor.filter(|minor| *minor >= minimum_minor),
            minimum_minor,
            experiments: self.experiments.iter().cloned().collect(),
            other_experiments_default: self.other_experiments_default,
            race,
            msan,
            asan,
            ..Target::new(&self.os, &self.arch)
        }
    }

    /// The feature tags of the architecture that hold, and those that may. A variant of the platform is for the builder
    /// to hand on; without it Go takes its default, which for `arm` depends on how Go itself was built.
    fn features(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        if let Some(level) = &self.level {
            return (default_arch_features(&self.arch, Some(level)), BTreeSet::new());
        }
        let mut possible = vec![default_arch_features(&self.arch, None)];
        if let Some(variant) = &self.variant {
            let number = variant.trim_start_matches('v');
            let level = match &*self.arch {
                "arm" => number.to_owned(),
                "arm64" if !number.contains('.') => format!("v{number}.0"),
                _ => variant.clone(),
            };
            possible.push(default_arch_features(&self.arch, Some(&level)));
        }
        if self.arch == "arm" {
            possible.push(default_arch_features(&self.arch, Some("5")));
        }
        let all: BTreeSet<String> = possible.iter().flatten().cloned().collect();
        all.into_iter().partition(|feature| possible.iter().all(|features| features.contains(feature)))
    }
}

/// The variable that sets the level of an architecture (`internal/buildcfg`).
fn level_variable(arch: &str) -> Option<&'static str> {
    Some(match arch {
        "386" => "GO386",
        "amd64" => "GOAMD64",
        "arm" => "GOARM",
        "arm64" => "GOARM64",
        "mips" | "mipsle" => "GOMIPS",
        "mips64" | "mips64le" => "GOMIPS64",
        "ppc64" | "ppc64le" => "GOPPC64",
        "riscv64" => "GORISCV64",
        "wasm" => "GOWASM",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a tag is on a platform, with a flag and a toolchain.
    #[track_caller]
    fn check(platform: &str, flag: &str, toolchain: Option<&str>, tag: &str, expected: Tri) {
        let settings = GoSettings {
            platforms: vec![platform.parse().unwrap()],
            toolchain: toolchain.map(str::to_owned),
            ..GoSettings::default()
        };
        let flags = BuildFlags::parse(&[flag.to_owned()]);
        let targets = TargetSpec::all(&settings, &flags, &TagMention::default());
        assert_eq!(targets[0].resolve(24).tag(tag), expected, "{platform} {flag} {tag}");
    }

    #[test]
    fn a_level_that_is_set_is_certain_and_a_variant_is_not() {
        check("linux/amd64", "GOAMD64=v3", None, "amd64.v3", Tri::True);
        check("linux/amd64", "-trimpath", None, "amd64.v3", Tri::False);
        check("linux/amd64/v3", "-trimpath", None, "amd64.v3", Tri::Unknown);
        check("linux/amd64/v3", "GOAMD64=v1", None, "amd64.v3", Tri::False);
        check("linux/arm/v6", "-trimpath", None, "arm.7", Tri::Unknown);
        check("linux/arm/v6", "-trimpath", None, "arm.5", Tri::True);
        check("linux/arm/v7", "GOARM=6", None, "arm.7", Tri::False);
        check("linux/arm64/v9", "-trimpath", None, "arm64.v9.0", Tri::Unknown);
        check("linux/mipsle", "GOMIPS=softfloat", None, "mipsle.softfloat", Tri::True);
        check("linux/mips64le", "GOMIPS64=softfloat", None, "mips64le.hardfloat", Tri::False);
        check("linux/ppc64le", "GOPPC64=power9", None, "ppc64le.power9", Tri::True);
    }

    #[test]
    fn a_toolchain_older_than_the_go_line_is_not_the_one_that_builds() {
        check("linux/amd64", "-trimpath", Some("1.25"), "go1.26", Tri::False);
        check("linux/amd64", "-trimpath", Some("1.20"), "go1.24", Tri::True);
        check("linux/amd64", "-trimpath", Some("1.20"), "go1.26", Tri::Unknown);
    }
}
