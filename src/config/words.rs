//! The strings that keys can have, each with the check that makes it safe to be used: names, paths, tags, versions.

use std::time::Duration;

use super::error::{Mistake, shown};
use super::glob::Glob;
use super::image_reference::check_registry;
use super::kinds::{Text, TextTable};
use super::nearest::nearest;
use super::platform::{self, Platform};
use super::template::{
    REPOSITORY_PLACEHOLDERS, TAG_PLACEHOLDERS, check_placeholders, check_repository_for, check_tag_for,
};
use super::{WorkspaceMode, duration};
use crate::repo::RepoPath;

pub(super) const PLATFORM: Text<Platform> = Text {
    one: "a platform such as `\"linux/amd64\"`",
    many: "platforms such as `\"linux/amd64\"`",
    pattern: Some(platform::PATTERN),
    parse: |text| text.parse().map_err(|message: String| Mistake::new(message)),
};

pub(super) const BUILD_TAG: Text<String> = Text {
    one: "a build tag",
    many: "build tags",
    pattern: Some(r"^[\p{L}\p{Nd}_.]+$"),
    parse: |text| {
        let legal = |character: char| character.is_alphanumeric() || matches!(character, '_' | '.');
        if !text.is_empty() && text.chars().all(legal) {
            return Ok(text.to_owned());
        }
        let mistake = Mistake::new(format!("`{}` is not a build tag", shown(text)));
        Err(mistake.hint("tags are letters, digits, `_` and `.`; each is an entry of its own"))
    },
};

pub(super) const TOOLCHAIN: Text<String> = Text {
    one: "a Go version such as `\"1.24.3\"`",
    many: "Go versions",
    pattern: Some(r"^(go)?[0-9]+\.[0-9]+(\.[0-9]+|rc[0-9]+|beta[0-9]+)?$"),
    parse: |text| {
        let version = text.strip_prefix("go").unwrap_or(text);
        if is_go_version(version) {
            return Ok(version.to_owned());
        }
        let mistake = Mistake::new(format!("`{}` is not a Go version", shown(text)));
        Err(mistake.hint("write it as `1.24`, `1.24.3` or `1.25rc1`"))
    },
};

/// Whether a text is `1.24`, `1.24.3`, `1.25rc1` or `1.25beta2`, without leading zeros.
fn is_go_version(version: &str) -> bool {
    let is_number = |text: &str| {
        let digits = !text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits && (text == "0" || !text.starts_with('0'))
    };
    let Some((major, rest)) = version.split_once('.') else { return false };
    let last = ["rc", "beta", "."].iter().find_map(|separator| rest.split_once(separator));
    let (minor, last) = last.map_or((rest, None), |(minor, last)| (minor, Some(last)));
    is_number(major) && is_number(minor) && last.is_none_or(is_number)
}

pub(super) const WORKSPACE: Text<WorkspaceMode> = Text {
    one: "`\"auto\"`, `\"on\"`, `\"off\"` or the path of a `go.work`",
    many: "workspace modes",
    pattern: None,
    parse: |text| match text {
        "auto" => Ok(WorkspaceMode::Auto),
        "on" => Ok(WorkspaceMode::On),
        "off" => Ok(WorkspaceMode::Off),
        // A path has a dot in it: the one of `go.work`.
        _ if text.contains(['.', '/']) => parse_file(text).map(WorkspaceMode::File),
        _ => {
            let mistake = Mistake::new(format!("`{}` is no workspace mode", shown(text)));
            Err(match nearest(text, ["auto", "on", "off"]) {
                Some(meant) => mistake.hint(format!("did you mean `\"{meant}\"`?")),
                None => mistake.hint("there are `\"auto\"`, `\"on\"`, `\"off\"` and the path of a `go.work`"),
            })
        }
    },
};

/// Flags that say what another key says: the planner would not know of them.
const FLAGS_WITH_KEYS: [(&str, &str); 7] = [
    ("-tags", "build-tags"),
    ("CGO_ENABLED", "cgo"),
    ("GOOS", "platforms"),
    ("GOARCH", "platforms"),
    ("GOTOOLCHAIN", "toolchain"),
    ("GOWORK", "workspace"),
    ("GOFLAGS", "flags"),
];

pub(super) const FLAG: Text<String> = Text {
    one: "a build flag",
    many: "build flags",
    pattern: None,
    parse: |text| {
        if text.trim().is_empty() {
            return Err(Mistake::new("a build flag is empty"));
        }
        let name = text.split(['=', ' ']).next().unwrap_or(text);
        let name = if name.starts_with("--") { &name[1..] } else { name };
        match FLAGS_WITH_KEYS.iter().find(|(flag, _)| *flag == name) {
            Some((flag, key)) => {
                Err(Mistake::new(format!("`{flag}` cannot be among the flags")).hint(format!("use the key `{key}`")))
            }
            None => Ok(text.to_owned()),
        }
    },
};

pub(super) const GLOB: Text<Glob> =
    Text { one: "a glob", many: "globs", pattern: None, parse: |text| Glob::new(text).map_err(Mistake::from) };

pub(super) const BRANCH: Text<String> = Text {
    one: "a branch name",
    many: "branch names",
    pattern: None,
    parse: |text| {
        if is_branch(text) {
            return Ok(text.to_owned());
        }
        Err(Mistake::new(format!("`{}` is not a branch name", shown(text))))
    },
};

/// The rules of `git check-ref-format --branch`.
fn is_branch(text: &str) -> bool {
    let wrong_character = |character: char| character.is_control() || " ~^:?*[\\".contains(character);
    let wrong_element = |element: &str| {
        let lock = element.len() >= 5 && element.as_bytes().ends_with(b".lock");
        element.is_empty() || element.starts_with('.') || lock
    };
    !(text == "@"
        || text.starts_with('-')
        || text.ends_with('.')
        || text.contains("..")
        || text.contains("@{")
        || text.contains(wrong_character)
        || text.split('/').any(wrong_element))
}

pub(super) const REPOSITORY: Text<String> = Text {
    one: "an image repository",
    many: "image repositories",
    pattern: None,
    parse: |text| {
        check_placeholders(text, &REPOSITORY_PLACEHOLDERS)?;
        check_repository_for(text, "service")?;
        Ok(text.to_owned())
    },
};

pub(super) const TAG: Text<String> = Text {
    one: "a tag",
    many: "tags",
    pattern: None,
    parse: |text| {
        check_placeholders(text, &TAG_PLACEHOLDERS)?;
        check_tag_for(text, "service")?;
        Ok(text.to_owned())
    },
};

pub(super) const CACHE: Text<String> = Text {
    one: "a cache location",
    many: "cache locations",
    pattern: None,
    parse: |text| {
        check_placeholders(text, &TAG_PLACEHOLDERS)?;
        (OPTION.parse)(text)
    },
};

pub(super) const OPTION: Text<String> = Text {
    one: "a value as `docker build` takes it",
    many: "values as `docker build` takes them",
    pattern: None,
    parse: |text| {
        if text.trim().is_empty() || text.contains(char::is_control) {
            return Err(Mistake::new(format!("`{}` is empty or has control characters", shown(text))));
        }
        Ok(text.to_owned())
    },
};

pub(super) const ARGUMENT: Text<String> = Text {
    one: "an argument",
    many: "strings, the program and its arguments",
    pattern: None,
    parse: |text| {
        if text.is_empty() {
            return Err(Mistake::new("an argument of the command is empty"));
        }
        Ok(text.to_owned())
    },
};

pub(super) const STAGE: Text<String> = Text {
    one: "a stage of the Dockerfile",
    many: "stages of the Dockerfile",
    pattern: Some("^[A-Za-z0-9][A-Za-z0-9._-]*$"),
    parse: |text| {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if text.starts_with(|first: char| first.is_ascii_alphanumeric()) && text.bytes().all(legal) {
            return Ok(text.to_owned());
        }
        Err(Mistake::new(format!("`{}` is not the name of a stage", shown(text))))
    },
};

pub(super) const REGISTRY: Text<String> = Text {
    one: "a registry",
    many: "registries",
    pattern: None,
    parse: |text| check_registry(text).map(|()| text.to_owned()).map_err(Mistake::from),
};

pub(super) const DURATION: Text<Duration> = Text {
    one: "a duration such as `\"1h30m\"`",
    many: "durations",
    pattern: Some(duration::PATTERN),
    parse: |text| {
        duration::parse(text).map_err(|message| {
            Mistake::new(format!("`{}`: {message}", shown(text))).hint("write it as `\"90s\"` or `\"1h30m\"`")
        })
    },
};

/// The form of the name of a variable.
const VARIABLE: &str = "^[A-Za-z_][A-Za-z0-9_]*$";

pub(super) const ENV_NAME: Text<String> = Text {
    one: "the name of an environment variable",
    many: "names of environment variables",
    pattern: Some(VARIABLE),
    parse: |text| check_variable(text).map(|()| text.to_owned()),
};

fn check_variable(text: &str) -> Result<(), Mistake> {
    let starts = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if starts && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(());
    }
    let mistake = Mistake::new(format!("`{}` is not the name of a variable", shown(text)));
    Err(mistake.hint("names are letters, digits and `_`, and begin with no digit"))
}

pub(super) const BUILD_ARGS: TextTable =
    TextTable { many: "build arguments", name_pattern: VARIABLE, check_name: check_variable };

pub(super) const LABELS: TextTable = TextTable {
    many: "labels",
    name_pattern: "^[^\\s=]+$",
    check_name: |name| {
        let wrong = |character: char| character.is_whitespace() || character.is_control() || character == '=';
        if name.is_empty() || name.contains(wrong) {
            return Err(Mistake::new(format!("`{}` is not the name of a label", shown(name))));
        }
        Ok(())
    },
};

pub(super) const PACKAGE: Text<RepoPath> = Text {
    one: "the folder of a package such as `\"./services/auth\"`",
    many: "folders",
    pattern: None,
    parse: |text| {
        if text.split('/').any(|element| element == "...") {
            let mistake = Mistake::new(format!("`{}` is a pattern of packages", shown(text)));
            return Err(mistake.hint("a service is built from one package"));
        }
        parse_path(text)
    },
};

pub(super) const FILE: Text<RepoPath> =
    Text { one: "the path of a file", many: "paths of files", pattern: None, parse: parse_file };

pub(super) const FOLDER: Text<RepoPath> =
    Text { one: "the path of a folder", many: "paths of folders", pattern: None, parse: parse_path };

fn parse_file(text: &str) -> Result<RepoPath, Mistake> {
    let path = parse_path(text)?;
    if path.is_root() || text.ends_with('/') {
        return Err(Mistake::new(format!("`{}` names a folder, not a file", shown(text))));
    }
    Ok(path)
}

/// Reads a path that is relative to the repository root and stays within it.
fn parse_path(text: &str) -> Result<RepoPath, Mistake> {
    let named = shown(text);
    let to_the_root = "paths are relative to the repository root";
    if text.is_empty() {
        return Err(Mistake::new("the path is empty").hint("write `.` for the repository root"));
    }
    if text.contains("://") {
        return Err(Mistake::new(format!("`{named}` is a URL")).hint(to_the_root));
    }
    if text.contains(char::is_control) {
        return Err(Mistake::new(format!("the path `{named}` has a control character")));
    }
    if text.contains('\\') {
        return Err(Mistake::new(format!("the path `{named}` has a `\\`")).hint("folders are separated by `/`"));
    }
    if text.starts_with('/') {
        return Err(Mistake::new(format!("the path `{named}` is absolute")).hint(to_the_root));
    }
    let path = RepoPath::clean(text.as_bytes());
    let path =
        path.ok_or_else(|| Mistake::new(format!("the path `{named}` leaves the repository")).hint(to_the_root))?;
    if path.as_bytes().starts_with(b"-") {
        return Err(Mistake::new(format!("the path `{named}` begins with `-`, which programs take for a flag")));
    }
    Ok(path)
}

/// The longest name of a service.
pub(super) const LONGEST_SERVICE_NAME: usize = 128;

/// The form of the name of a service.
pub(super) const SERVICE_NAME: &str = "^[A-Za-z0-9][A-Za-z0-9._-]*$";

/// Whether a name has the form of that of a service, whatever its length: found services have the names of folders.
pub fn is_service_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    name.starts_with(|first: char| first.is_ascii_alphanumeric()) && name.bytes().all(legal)
}

/// Checks a service name, which reaches command lines, file names and CI files.
pub(super) fn check_service_name(name: &str) -> Result<(), Mistake> {
    if name.len() > LONGEST_SERVICE_NAME {
        let named = shown(name);
        return Err(Mistake::new(format!(
            "the service name `{named}` is longer than {LONGEST_SERVICE_NAME} characters"
        )));
    }
    if is_service_name(name) {
        return Ok(());
    }
    Err(Mistake::new(format!("`{}` is not a service name", shown(name)))
        .hint("names are letters, digits, `.`, `_` and `-`, and begin with a letter or digit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: std::fmt::Debug>(kind: &Text<T>, legal: &[&str], illegal: &[&str]) {
        let pattern = kind.pattern.map(|pattern| serde_json::json!({"type": "string", "pattern": pattern}));
        let validator = pattern.map(|schema| jsonschema::validator_for(&schema).unwrap());
        for text in legal {
            assert!((kind.parse)(text).is_ok(), "{text} is legal: {:?}", (kind.parse)(text));
            let agrees = validator.as_ref().is_none_or(|validator| validator.is_valid(&(*text).into()));
            assert!(agrees, "the pattern refuses {text}");
        }
        for text in illegal {
            assert!((kind.parse)(text).is_err(), "{text} is illegal");
        }
    }

    #[test]
    fn build_tags_are_those_of_go() {
        check(&BUILD_TAG, &["netgo", "go1.21", "a_b", "größe"], &["", "a,b", "a b", "!a", "a-b"]);
    }

    #[test]
    fn toolchains_are_go_versions() {
        check(&TOOLCHAIN, &["1.24", "go1.24.3", "1.25rc1", "go1.21beta2", "1.0"], &["", "1", "go", "v1.24", "1.24.x"]);
        check(&TOOLCHAIN, &[], &["1.024", "1.24.3.4", "1.24rc", "local", "1.24-x", "1.24.9999999999", "gogo1.24"]);
        assert_eq!((TOOLCHAIN.parse)("go1.24.3"), Ok("1.24.3".to_owned()));
    }

    #[test]
    fn workspace_modes_are_words_or_paths() {
        let file = WorkspaceMode::File(RepoPath::from_clean(b"build/go.work"));
        assert_eq!((WORKSPACE.parse)("./build/go.work"), Ok(file));
        check(&WORKSPACE, &["auto", "on", "off", "go.work"], &["", "onn", "/go.work", "../go.work", "./"]);
    }

    #[test]
    fn flags_do_not_say_what_keys_say() {
        check(
            &FLAG,
            &["-trimpath", "-ldflags=-s -w", "GOAMD64=v3", "-tagsx"],
            &["", " ", "-tags=x", "--tags x", "-tags"],
        );
        check(&FLAG, &["GOEXPERIMENT=none"], &["CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm", "GOWORK=off"]);
    }

    #[test]
    fn branches_are_those_of_git() {
        check(
            &BRANCH,
            &["main", "release/1.0", "größe", "a-b"],
            &["", "-a", "a b", "a..b", "a/", "/a", "a//b", "a.lock"],
        );
        check(&BRANCH, &["a@b"], &["@", "a@{b", ".a", "a/.b", "a.", "a~1", "a^", "a:b", "a\\b", "a\nb", "x.lock/y"]);
    }

    #[test]
    fn paths_stay_in_the_repository() {
        check(&FOLDER, &[".", "./a/b", "a/../b", "größe", "a/-b", "a/"], &["", "..", "../a", "a/../..", "/a", "a\\b"]);
        check(&FOLDER, &[], &["-a", "./-a", "https://example.com/x", "a\nb"]);
        check(&FILE, &["Dockerfile", "./a/Dockerfile"], &[".", "a/", "a/..", ""]);
        check(&PACKAGE, &["./services/x", "."], &["./...", "a/..."]);
        assert_eq!((PACKAGE.parse)("./services//x/"), Ok(RepoPath::from_clean(b"services/x")));
    }

    #[test]
    fn names_are_safe_on_command_lines() {
        for (name, legal) in [
            ("auth", true),
            ("Auth-2_x.y", true),
            ("0", true),
            ("", false),
            ("-auth", false),
            (".auth", false),
            ("a/b", false),
            ("a b", false),
            ("a$b", false),
            ("größe", false),
            (&"a".repeat(128), true),
            (&"a".repeat(129), false),
        ] {
            assert_eq!(check_service_name(name).is_ok(), legal, "{name}");
        }
        check(&ENV_NAME, &["A", "_a1"], &["", "1A", "A-B", "A=B", "Ä"]);
        check(&STAGE, &["build", "0", "a.b-c_d"], &["", "-a", "a b", "a/b"]);
        check(&OPTION, &["id=npm,src=.npmrc", "mode=max"], &["", " ", "a\nb"]);
        check(&CACHE, &["type=registry,ref=x/{service}:{branch}"], &["{x}", "{", ""]);
        check(&REGISTRY, &["localhost:5000"], &["http://localhost"]);
    }

    #[test]
    fn names_in_tables_are_checked() {
        assert!((BUILD_ARGS.check_name)("GO_VERSION").is_ok());
        assert!((BUILD_ARGS.check_name)("go-version").is_err());
        assert!((LABELS.check_name)("org.opencontainers.image.source").is_ok());
        assert!((LABELS.check_name)("a=b").is_err());
        assert!((LABELS.check_name)("").is_err());
    }
}
