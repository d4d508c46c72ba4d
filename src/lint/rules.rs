//! The table of the rules: what each is about in a line, what following it brings, and what hadolint calls the same.

use crate::config::LintRule;

/// What a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// In one line.
    pub summary: &'static str,
    /// What following it brings, above all.
    pub gain: Gain,
    /// The rules of hadolint that ask the same, or nearly so.
    pub hadolint: &'static [&'static str],
}

/// What following a rule brings, above all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gain {
    /// A smaller image.
    Size,
    /// A faster build, or fewer builds.
    Time,
    /// An image that works, and that others cannot abuse.
    Safety,
}

impl Gain {
    /// The name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Time => "time",
            Self::Safety => "safety",
        }
    }
}

/// What is known of a rule.
pub fn about(rule: LintRule) -> About {
    use LintRule as R;
    let (summary, gain, hadolint): (_, _, &'static [_]) = match rule {
        R::AddForCopy => ("`ADD` where `COPY` serves", Gain::Safety, &["DL3020"]),
        R::DynamicBinary => ("a binary that needs a C library, in an image without one", Gain::Safety, &[]),
        R::FloatingBase => ("a base image without a version", Gain::Safety, &["DL3006", "DL3007"]),
        R::ForcedRebuild => ("`go build -a`", Gain::Time, &[]),
        R::HeavyBase => ("a whole distribution under a program that uses nothing of it", Gain::Size, &[]),
        R::LeakyDockerignore => ("a `.dockerignore` that lets in what no image should have", Gain::Safety, &[]),
        R::MissingModuleFile => ("a go.mod, go.sum or go.work missing when modules are downloaded", Gain::Time, &[]),
        R::NoCacheMount => ("`go build` without a cache mount", Gain::Time, &[]),
        R::NoCertificates => ("HTTPS requests without certificates to check them", Gain::Safety, &[]),
        R::NoDockerignore => ("the whole context is copied, and nothing is left out", Gain::Time, &[]),
        R::NoTargetArch => ("a build on another platform that does not say what it builds for", Gain::Safety, &[]),
        R::NoTimeZones => ("time zones by name without their data", Gain::Safety, &[]),
        R::NoTrimpath => ("`go build` without `-trimpath`", Gain::Safety, &[]),
        R::OldBuilder => ("a Go image older than go.mod asks for", Gain::Safety, &[]),
        R::PackageLists => {
            ("package lists left in a layer", Gain::Size, &["DL3009", "DL3019", "DL3032", "DL3036", "DL3040"])
        }
        R::RootUser => ("a program that runs as root", Gain::Safety, &["DL3002"]),
        R::SecretInVariable => ("a secret in `ARG` or `ENV`", Gain::Safety, &["DL3064"]),
        R::SourceBeforeModules => ("modules downloaded again after every change of the source", Gain::Time, &[]),
        R::ToolchainInImage => ("the Go toolchain in the final image", Gain::Size, &[]),
        R::UnlockedModules => ("modules or tools of whatever version is the newest", Gain::Safety, &["DL3062"]),
        R::UnreadableDockerfile => ("a Dockerfile that cannot be read", Gain::Safety, &[]),
        R::Unstripped => ("symbols and debug information in the binary", Gain::Size, &[]),
        R::UnusedAllow => ("an allow comment that silences nothing", Gain::Safety, &[]),
        R::Upx => ("a packed binary", Gain::Time, &[]),
        R::VcsStamp => ("the commit in the binary", Gain::Time, &[]),
    };
    About { summary, gain, hadolint }
}
