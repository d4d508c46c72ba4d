//! Turns `"linux/arm64/v8"` into a [`Platform`] that Go can build for. It never asks which machine it runs on.

use std::fmt;
use std::str::FromStr;

use super::error::shown;
use super::nearest::nearest;

/// What an image is built for, in the words of Go, which are also those of Docker and OCI.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// `GOOS`: `linux`, `windows`, …
    pub os: String,
    /// `GOARCH`: `amd64`, `arm64`, …
    pub arch: String,
    /// The level of the architecture, with its `v`: `v7` of `arm`, `v8` of `arm64`, `v3` of `amd64`.
    pub variant: Option<String>,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.arch)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

/// Each `GOOS` with every `GOARCH` that some release of Go since 1.18 builds it for (`go tool dist list`).
const PLATFORMS: [(&str, &[&str]); 15] = [
    ("aix", &["ppc64"]),
    ("android", &["386", "amd64", "arm", "arm64"]),
    ("darwin", &["amd64", "arm64"]),
    ("dragonfly", &["amd64"]),
    ("freebsd", &["386", "amd64", "arm", "arm64", "riscv64"]),
    ("illumos", &["amd64"]),
    ("ios", &["amd64", "arm64"]),
    ("js", &["wasm"]),
    (
        "linux",
        &[
            "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le",
            "riscv64", "s390x",
        ],
    ),
    ("netbsd", &["386", "amd64", "arm", "arm64"]),
    ("openbsd", &["386", "amd64", "arm", "arm64", "mips64", "ppc64", "riscv64"]),
    ("plan9", &["386", "amd64", "arm"]),
    ("solaris", &["amd64"]),
    ("wasip1", &["wasm"]),
    ("windows", &["386", "amd64", "arm", "arm64"]),
];

/// What other tools call an operating system or an architecture.
const OTHER_NAMES: [(&str, &str); 8] = [
    ("macos", "darwin"),
    ("osx", "darwin"),
    ("x86_64", "amd64"),
    ("x64", "amd64"),
    ("aarch64", "arm64"),
    ("i386", "386"),
    ("x86", "386"),
    ("armhf", "arm"),
];

/// The levels of the architectures that have any.
const VARIANTS: [(&str, &[&str]); 3] = [
    ("amd64", &["v1", "v2", "v3", "v4"]),
    ("arm", &["v5", "v6", "v7"]),
    (
        "arm64",
        &[
            "v8", "v8.0", "v8.1", "v8.2", "v8.3", "v8.4", "v8.5", "v8.6", "v8.7", "v8.8", "v8.9", "v9", "v9.0", "v9.1",
            "v9.2", "v9.3", "v9.4", "v9.5",
        ],
    ),
];

/// The form of a platform, for JSON Schema.
pub(super) const PATTERN: &str = "^[a-z0-9]+/[a-z0-9]+(/v[0-9.]+)?$";

impl FromStr for Platform {
    type Err = String;

    /// Reads `os/arch` or `os/arch/variant`.
    ///
    /// # Errors
    /// A message that names the part that Go does not know, and the nearest one that it does.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, '/');
        let (Some(os), Some(arch)) = (parts.next(), parts.next()) else {
            return Err(format!("`{}` is not a platform; write it as `linux/amd64`", shown(text)));
        };
        let Some((_, architectures)) = PLATFORMS.iter().find(|(name, _)| *name == os) else {
            return Err(unknown("operating system", os, PLATFORMS.iter().map(|(name, _)| *name)));
        };
        if !architectures.contains(&arch) {
            return Err(unknown_architecture(os, arch, architectures));
        }
        let variant = parts.next();
        if let Some(variant) = variant {
            check_variant(arch, variant)?;
        }
        Ok(Self { os: os.to_owned(), arch: arch.to_owned(), variant: variant.map(str::to_owned) })
    }
}

fn unknown_architecture(os: &str, arch: &str, of_this_os: &[&str]) -> String {
    if PLATFORMS.iter().any(|(_, architectures)| architectures.contains(&arch)) {
        return format!("Go does not build {os} for `{arch}`, only for {}", of_this_os.join(", "));
    }
    unknown("architecture", arch, PLATFORMS.iter().flat_map(|(_, architectures)| architectures.iter().copied()))
}

fn unknown<'a>(what: &str, word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let other = OTHER_NAMES.iter().find(|(name, _)| *name == word).map(|(_, go)| *go);
    let mut known = known.collect::<Vec<_>>();
    known.sort_unstable();
    known.dedup();
    let meant = other.filter(|name| known.contains(name)).or_else(|| nearest(word, known.iter().copied()));
    match meant {
        Some(meant) => format!("unknown {what} `{}`, did you mean `{meant}`?", shown(word)),
        None => format!("unknown {what} `{}`; Go knows {}", shown(word), known.join(", ")),
    }
}

fn check_variant(arch: &str, variant: &str) -> Result<(), String> {
    let Some((_, variants)) = VARIANTS.iter().find(|(name, _)| *name == arch) else {
        return Err(format!("`{arch}` has no variants, found `{}`", shown(variant)));
    };
    if variants.contains(&variant) {
        return Ok(());
    }
    Err(format!("unknown variant `{}` of `{arch}`; there are {}", shown(variant), variants.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str) {
        assert_eq!(text.parse::<Platform>().map(|platform| platform.to_string()), Ok(text.to_owned()));
    }

    #[track_caller]
    fn check_error(text: &str, expected: &str) {
        assert_eq!(text.parse::<Platform>().unwrap_err(), expected);
    }

    #[test]
    fn platforms_are_shown_as_they_are_written() {
        check("linux/amd64");
        check("linux/arm/v7");
        check("linux/arm64/v8");
        check("linux/amd64/v3");
        check("windows/arm64");
        check("wasip1/wasm");
    }

    #[test]
    fn unknown_names_lead_to_the_nearest() {
        check_error("linx/amd64", "unknown operating system `linx`, did you mean `linux`?");
        check_error("Linux/amd64", "unknown operating system `Linux`, did you mean `linux`?");
        check_error("macos/arm64", "unknown operating system `macos`, did you mean `darwin`?");
        check_error("linux/amd46", "unknown architecture `amd46`, did you mean `amd64`?");
        check_error("linux/x86_64", "unknown architecture `x86_64`, did you mean `amd64`?");
        check_error("linux/aarch64", "unknown architecture `aarch64`, did you mean `arm64`?");
        check_error("darwin/s390x", "Go does not build darwin for `s390x`, only for amd64, arm64");
    }

    #[test]
    fn variants_belong_to_their_architecture() {
        check_error("linux/arm/v8", "unknown variant `v8` of `arm`; there are v5, v6, v7");
        check_error("linux/arm/7", "unknown variant `7` of `arm`; there are v5, v6, v7");
        check_error("linux/s390x/v1", "`s390x` has no variants, found `v1`");
        check_error("linux/arm/v7/x", "unknown variant `v7/x` of `arm`; there are v5, v6, v7");
        check_error("linux/arm/", "unknown variant `` of `arm`; there are v5, v6, v7");
    }

    #[test]
    fn what_has_no_slash_is_not_a_platform() {
        check_error("linux", "`linux` is not a platform; write it as `linux/amd64`");
        check_error("", "`` is not a platform; write it as `linux/amd64`");
        check_error("a\nb", "`a\\nb` is not a platform; write it as `linux/amd64`");
    }
}
