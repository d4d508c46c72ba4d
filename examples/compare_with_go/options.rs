//! Turns the command line of the comparison into [`Options`]. It never touches the disk.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use crate::go_oracle::target::Target;

/// The text of `--help`.
pub(crate) const USAGE: &str = "\
compare buildplan with the Go toolchain on the history of a Git repository

usage: compare-with-go REPO [REV…] [options]

REPO is a Git repository, bare or not; it is only read. Each REV (or A..B) is compared with its first parent.

  --last N              the last N first-parent commits of HEAD, when no REV is given [50]
  --go-only             of these only commits that touch Go sources, go.mod, go.sum or go.work
  --platform OS/ARCH,…  target platforms, one after the other [linux/amd64]
  --tags A,B            build tags
  --cgo                 with CGO_ENABLED=1
  --workspace on|off    use go.work or not [on where the revision has one at its root]
  --back-edges MODE     strict or assume-none, as in build-plan.toml [assume-none]
  --lock                compare commits to which a build-plan.lock of `buildplan lock` is added (with --download if
                        need be), and the modules that provide packages
  --work-dir DIR        keep the clone and the results of `go list` there
  --buildplan PATH      the binary to check [$BUILDPLAN, then `buildplan`]
  --go-side-only        only list what Go says, compare nothing
  --jobs N              processes at once [2]
  --json FILE           write the raw result
";

/// What to compare, and how.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) repository: PathBuf,
    pub(crate) revisions: Revisions,
    /// One for each platform.
    pub(crate) targets: Vec<Target>,
    /// `None`: on where the revision has a `go.work` at its root.
    pub(crate) workspace: Option<bool>,
    /// Whether the commits get a lock.
    pub(crate) lock: bool,
    pub(crate) work_dir: Option<PathBuf>,
    pub(crate) buildplan: PathBuf,
    pub(crate) go_side_only: bool,
    pub(crate) jobs: usize,
    pub(crate) json: Option<PathBuf>,
}

/// The commits whose step from their first parent is compared.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Revisions {
    /// The newest first-parent commits of `HEAD`.
    Last { count: usize, go_only: bool },
    /// As named by the user, in this order.
    Named(Vec<String>),
}

impl Options {
    /// Parses the arguments after the program name; `None` when help is asked for.
    pub(crate) fn parse(
        arguments: impl IntoIterator<Item = OsString>,
        default_binary: Option<OsString>,
    ) -> Result<Option<Self>> {
        let mut options = Self {
            repository: PathBuf::new(),
            revisions: Revisions::Last { count: 50, go_only: false },
            targets: Vec::new(),
            workspace: None,
            lock: false,
            work_dir: None,
            buildplan: default_binary.map_or_else(|| PathBuf::from("buildplan"), PathBuf::from),
            go_side_only: false,
            jobs: 2,
            json: None,
        };
        let mut last = 50;
        let mut go_only = false;
        let mut platforms = vec![("linux".to_owned(), "amd64".to_owned())];
        let mut target = Target { os: String::new(), arch: String::new(), tags: Vec::new(), cgo: false, strict: false };
        let mut positional = Vec::new();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let Some(flag) = argument.to_str().filter(|text| text.starts_with('-')) else {
                positional.push(argument);
                continue;
            };
            let mut value = || arguments.next().with_context(|| format!("{flag} needs a value"));
            match flag {
                "-h" | "--help" => return Ok(None),
                "--last" => last = number(flag, value()?)?,
                "--go-only" => go_only = true,
                "--platform" => {
                    platforms =
                        list(&text(flag, value()?)?).iter().map(|value| platform(value)).collect::<Result<_>>()?;
                }
                "--tags" => target.tags = list(&text(flag, value()?)?),
                "--cgo" => target.cgo = true,
                "--workspace" => options.workspace = Some(on_or_off(&text(flag, value()?)?)?),
                "--back-edges" => target.strict = is_strict(&text(flag, value()?)?)?,
                "--lock" => options.lock = true,
                "--work-dir" => options.work_dir = Some(value()?.into()),
                "--buildplan" => options.buildplan = value()?.into(),
                "--go-side-only" => options.go_side_only = true,
                "--jobs" => options.jobs = number(flag, value()?)?.max(1),
                "--json" => options.json = Some(value()?.into()),
                _ => bail!("unknown option {flag}; see --help"),
            }
        }
        options.targets = platforms.into_iter().map(|(os, arch)| Target { os, arch, ..target.clone() }).collect();
        ensure!(!positional.is_empty(), "name the repository to compare on; see --help");
        options.repository = positional.remove(0).into();
        options.revisions = if positional.is_empty() {
            Revisions::Last { count: last, go_only }
        } else {
            Revisions::Named(positional.into_iter().map(|name| text("a revision", name)).collect::<Result<_>>()?)
        };
        Ok(Some(options))
    }
}

fn text(what: &str, value: OsString) -> Result<String> {
    value.into_string().ok().with_context(|| format!("{what} must be UTF-8"))
}

fn number(flag: &str, value: OsString) -> Result<usize> {
    let value = text(flag, value)?;
    value.parse().with_context(|| format!("{flag} needs a number, not {value:?}"))
}

fn platform(value: &str) -> Result<(String, String)> {
    let (os, arch) = value.split_once('/').with_context(|| format!("--platform needs OS/ARCH, not {value:?}"))?;
    Ok((os.to_owned(), arch.to_owned()))
}

fn list(value: &str) -> Vec<String> {
    value.split(',').filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

fn is_strict(value: &str) -> Result<bool> {
    match value {
        "strict" => Ok(true),
        "assume-none" => Ok(false),
        _ => bail!("--back-edges needs strict or assume-none, not {value:?}"),
    }
}

fn on_or_off(value: &str) -> Result<bool> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => bail!("--workspace needs on or off, not {value:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &str) -> Result<Option<Options>> {
        Options::parse(arguments.split_whitespace().map(OsString::from), None)
    }

    #[test]
    fn without_revisions_the_last_fifty_commits_are_compared() {
        let options = parse("repo --go-only").unwrap().unwrap();
        assert_eq!(options.revisions, Revisions::Last { count: 50, go_only: true });
    }

    #[test]
    fn options_may_stand_between_revisions() {
        let options = parse("repo v1 --cgo v2 --tags a,b --platform windows/arm64,js/wasm").unwrap().unwrap();
        assert_eq!(options.revisions, Revisions::Named(vec!["v1".into(), "v2".into()]));
        let expected = Target {
            os: "js".into(),
            arch: "wasm".into(),
            tags: vec!["a".into(), "b".into()],
            cgo: true,
            strict: false,
        };
        assert_eq!(options.targets.len(), 2);
        assert_eq!(options.targets.last(), Some(&expected));
    }

    #[test]
    fn mistakes_are_refused() {
        for arguments in [
            "",
            "repo --last",
            "repo --last x",
            "repo --nope",
            "repo --platform linux",
            "repo --platform linux/amd64,windows",
            "repo --workspace auto",
            "repo --back-edges on",
        ] {
            assert!(parse(arguments).is_err(), "{arguments:?} was accepted");
        }
    }
}
