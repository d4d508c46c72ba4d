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
    /// `v7` of `linux/arm/v7`, or the value of GOAMD64 and its kin.
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
        let variable = format!("GO{}", platform.arch.to_uppercase());
        let tags: BTreeSet<String> = settings.build_tags.iter().cloned().collect();
        Self {
            os: platform.os.clone(),
            arch: platform.arch.clone(),
            level: flags.levels.get(&variable).cloned().or_else(|| platform.variant.clone()),
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
        match &self.level {
            Some(level) => format!("{}/{}/{level}", self.os, self.arch),
            None => format!("{}/{}", self.os, self.arch),
        }
    }

    /// The whole target on one line, the same for equal targets only. What is not set or not known is left out.
    pub fn label(&self) -> String {
        let list = |tags: &BTreeSet<String>| tags.iter().cloned().collect::<Vec<_>>().join(",");
        let mut parts = vec![self.platform()];
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
        Target {
            arch_features: default_arch_features(&self.arch, self.level.as_deref()),
            tags: self.tags.clone(),
            unknown_tags: self.possible_tags.clone(),
            all_tags_unknown: self.any_tag_possible,
            cgo: match self.cgo {
                Some(true) => Tri::True,
                Some(false) => Tri::False,
                None => Tri::Unknown,
            },
            toolchain_minor: self.toolchain_minor,
            minimum_minor,
            experiments: self.experiments.iter().cloned().collect(),
            other_experiments_default: self.other_experiments_default,
            race,
            msan,
            asan,
            ..Target::new(&self.os, &self.arch)
        }
    }
}
