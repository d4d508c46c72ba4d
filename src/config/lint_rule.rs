//! The names of the rules of `buildplan lint`. They live here so that a mistyped one is an error of the configuration,
//! with its line; what the rules ask is the business of `lint`.

use super::nearest::nearest;

/// A rule of `buildplan lint`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LintRule {
    /// `ADD` where `COPY` serves.
    AddForCopy,
    /// A binary that needs a C library, in an image without one.
    DynamicBinary,
    /// A base image without a version.
    FloatingBase,
    /// `go build -a`.
    ForcedRebuild,
    /// A general-purpose distribution under a program that uses nothing of it.
    HeavyBase,
    /// A `.dockerignore` that lets in what no image should have.
    LeakyDockerignore,
    /// go.mod, go.sum or go.work not there when the modules are downloaded.
    MissingModuleFile,
    /// `go build` without a cache that survives.
    NoCacheMount,
    /// HTTPS requests without certificates to check them.
    NoCertificates,
    /// The whole context is copied, and nothing is left out.
    NoDockerignore,
    /// A build on another platform that does not say what it builds for.
    NoTargetArch,
    /// Time zones by name without their data.
    NoTimeZones,
    /// `go build` without `-trimpath`.
    NoTrimpath,
    /// A Go image that is older than go.mod asks for.
    OldBuilder,
    /// Package lists left in a layer.
    PackageLists,
    /// A program that runs as root.
    RootUser,
    /// A secret in `ARG` or `ENV`.
    SecretInVariable,
    /// Modules downloaded again after every change of the source.
    SourceBeforeModules,
    /// The Go toolchain in the final image.
    ToolchainInImage,
    /// Modules or tools of whatever version is the newest.
    UnlockedModules,
    /// A Dockerfile that cannot be read.
    UnreadableDockerfile,
    /// Debug information in the binary.
    Unstripped,
    /// An allow comment that silences nothing.
    UnusedAllow,
    /// A packed binary.
    Upx,
    /// The commit in the binary.
    VcsStamp,
}

impl LintRule {
    /// All rules, by name.
    pub const ALL: [Self; 25] = [
        Self::AddForCopy,
        Self::DynamicBinary,
        Self::FloatingBase,
        Self::ForcedRebuild,
        Self::HeavyBase,
        Self::LeakyDockerignore,
        Self::MissingModuleFile,
        Self::NoCacheMount,
        Self::NoCertificates,
        Self::NoDockerignore,
        Self::NoTargetArch,
        Self::NoTimeZones,
        Self::NoTrimpath,
        Self::OldBuilder,
        Self::PackageLists,
        Self::RootUser,
        Self::SecretInVariable,
        Self::SourceBeforeModules,
        Self::ToolchainInImage,
        Self::UnlockedModules,
        Self::UnreadableDockerfile,
        Self::Unstripped,
        Self::UnusedAllow,
        Self::Upx,
        Self::VcsStamp,
    ];

    /// The name used in the configuration, in comments and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AddForCopy => "add-for-copy",
            Self::DynamicBinary => "dynamic-binary",
            Self::FloatingBase => "floating-base",
            Self::ForcedRebuild => "forced-rebuild",
            Self::HeavyBase => "heavy-base",
            Self::LeakyDockerignore => "leaky-dockerignore",
            Self::MissingModuleFile => "missing-module-file",
            Self::NoCacheMount => "no-cache-mount",
            Self::NoCertificates => "no-certificates",
            Self::NoDockerignore => "no-dockerignore",
            Self::NoTargetArch => "no-target-arch",
            Self::NoTimeZones => "no-time-zones",
            Self::NoTrimpath => "no-trimpath",
            Self::OldBuilder => "old-builder",
            Self::PackageLists => "package-lists",
            Self::RootUser => "root-user",
            Self::SecretInVariable => "secret-in-variable",
            Self::SourceBeforeModules => "source-before-modules",
            Self::ToolchainInImage => "toolchain-in-image",
            Self::UnlockedModules => "unlocked-modules",
            Self::UnreadableDockerfile => "unreadable-dockerfile",
            Self::Unstripped => "unstripped",
            Self::UnusedAllow => "unused-allow",
            Self::Upx => "upx",
            Self::VcsStamp => "vcs-stamp",
        }
    }

    /// The rule of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == name)
    }

    /// The rule whose name is nearest to one that there is not.
    pub fn nearest(name: &str) -> Option<Self> {
        nearest(name, Self::ALL.map(Self::as_str)).and_then(Self::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_sorted_by_name_and_found_by_it() {
        let names = LintRule::ALL.map(LintRule::as_str);
        assert!(names.is_sorted(), "{names:?}");
        assert!(LintRule::ALL.is_sorted());
        assert!(names.into_iter().all(|name| LintRule::of(name).map(LintRule::as_str) == Some(name)));
        assert_eq!(LintRule::of("no-trim-path"), None);
        assert_eq!(LintRule::nearest("no-trim-path"), Some(LintRule::NoTrimpath));
        assert_eq!(LintRule::nearest("DL3006"), None);
    }
}
