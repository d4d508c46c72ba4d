//! The way from bytes to a checked configuration: text, TOML, version, keys, and the checks across keys.

use toml::de::{DeTable, DeValue};

use super::error::{Lines, Mistake, Problems};
use super::kinds::{Item, KeyPath, Kind};
use super::{Config, ConfigError, consistency, keys};

/// Larger files are refused; a thousand services take a third of a megabyte.
const LARGEST_FILE: usize = 2 << 20;

/// How many bytes of settings for all services may be repeated for each of them, in sum.
const LARGEST_REPETITION: usize = 256 << 20;

/// Reads a `build-plan.toml`.
pub(super) fn read(bytes: &[u8]) -> Result<Config, ConfigError> {
    let lines = Lines::new(bytes);
    if bytes.len() > LARGEST_FILE {
        return Err(lines.error(0, Mistake::new(format!("the file is larger than {} MiB", LARGEST_FILE >> 20))));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| lines.error(error.valid_up_to(), Mistake::new("the file is not UTF-8")))?;
    let root = DeTable::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        lines.error(offset, syntax_mistake(error.message()))
    })?;
    let root = root.get_ref();
    check_version(root, &lines)?;
    check_repetition(root, &lines)?;

    let mut config = Config::default();
    let mut problems = Problems::default();
    keys::file().read_table(&mut config, root, None, &mut problems);
    if problems.none_so_far() {
        consistency::check(&config, root, &mut problems);
    }
    problems.into_result(&lines)?;
    if let Some(DeValue::Table(services)) = root.get("services").map(toml::Spanned::get_ref) {
        for name in services.keys() {
            if let Some(service) = config.services.get_mut(name.get_ref().as_ref()) {
                service.line = lines.line(name.span().start);
            }
        }
    }
    Ok(config)
}

/// What the TOML parser says, in one line and in lower case as our own messages.
fn syntax_mistake(message: &str) -> Mistake {
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut characters = message.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    Mistake::new(first.into_iter().chain(characters).collect::<String>())
}

/// In a file of another version any other error would mislead.
fn check_version(root: &DeTable<'_>, lines: &Lines<'_>) -> Result<(), ConfigError> {
    let Some(value) = root.get("version") else { return Ok(()) };
    let key = KeyPath { parent: None, name: "version" };
    let offset = value.span().start;
    let item = Item { key: &key, offset, value: value.get_ref() };
    let mut problems = Problems::default();
    if keys::VERSION.read(&item, &mut problems).is_none() && matches!(item.value, DeValue::Integer(_)) {
        let mistake = Mistake::new("this version of the configuration is not supported");
        return Err(lines.error(offset, mistake.hint("this buildplan reads `version = 1`")));
    }
    problems.into_result(lines)
}

/// Settings for all are copied into each service: keeps the sum of it in bounds.
fn check_repetition(root: &DeTable<'_>, lines: &Lines<'_>) -> Result<(), ConfigError> {
    let Some((name, services)) = root.get_key_value("services") else { return Ok(()) };
    let count = services.get_ref().as_table().map_or(0, DeTable::len);
    let repeated = ["go", "image"].iter().filter_map(|section| root.get(*section)?.get_ref().as_table());
    let size: usize = repeated.flat_map(DeTable::values).map(|value| size(value.get_ref())).sum();
    if size.saturating_mul(count) <= LARGEST_REPETITION {
        return Ok(());
    }
    let mistake = Mistake::new(format!("the settings in `[go]` and `[image]` are too large for {count} services"));
    Err(lines.error(name.span().start, mistake))
}

/// About how many bytes a value of a known key takes.
fn size(value: &DeValue<'_>) -> usize {
    let of_string = |value: &DeValue<'_>| 32 + value.as_str().map_or(0, str::len);
    match value {
        DeValue::Array(elements) => elements.iter().map(|element| of_string(element.get_ref())).sum(),
        DeValue::Table(table) => {
            table.iter().map(|(name, value)| 32 + name.get_ref().len() + of_string(value.get_ref())).sum()
        }
        scalar => of_string(scalar),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::config::schema::FULL;
    use crate::config::{
        BackEdges, Builder, DockerInputs, Glob, GoSettings, ImageSettings, LedgerSettings, LedgerStore, LintRule,
        Platform, RunSettings, ServiceConfig, Unseen, WorkspaceMode,
    };
    use crate::repo::RepoPath;

    fn parse(text: &str) -> Config {
        Config::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    /// The error must be exactly this, as it is displayed.
    #[track_caller]
    fn check_error(text: &str, expected: &str) {
        let error = Config::parse(text.as_bytes()).expect_err(text);
        assert_eq!(error.to_string(), expected, "{text}");
    }

    /// The error must hold this text.
    #[track_caller]
    fn check_error_part(text: &str, expected: &str) {
        let error = Config::parse(text.as_bytes()).expect_err(text).to_string();
        assert!(error.contains(expected) && !error.contains('\n'), "{text}: {error}");
    }

    fn platforms(names: &[&str]) -> Vec<Platform> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        assert_eq!(parse(""), Config::default());
        assert_eq!(parse("version = 1\n[go]\n[image]\n[services]\n"), Config::default());
        assert_eq!(parse("\u{feff}version = 1\r\n"), Config::default());
    }

    #[test]
    fn every_global_key_reaches_its_field() {
        let config = parse(FULL);
        assert_eq!(config.default_branch.as_deref(), Some("trunk"));
        assert_eq!(
            config.go,
            GoSettings {
                platforms: platforms(&["linux/amd64", "linux/arm/v7"]),
                build_tags: strings(&["netgo", "osusergo"]),
                cgo: Some(false),
                toolchain: Some("1.24.3".to_owned()),
                workspace: WorkspaceMode::File(RepoPath::from_clean(b"build/go.work")),
                flags: strings(&["-trimpath", "-ldflags=-s -w"]),
                back_edges: BackEdges::Strict,
            }
        );
        assert_eq!(config.global_inputs.iter().map(Glob::as_str).collect::<Vec<_>>(), ["build/**"]);
        assert_eq!(
            config.image,
            ImageSettings {
                repository: Some("ghcr.io/acme/{service}".to_owned()),
                tags: strings(&["{fingerprint}", "{branch}"]),
                builder: Builder::Buildah,
                command: strings(&["./build.sh", "--fast"]),
                push_command: strings(&["./push.sh"]),
                target: Some("final".to_owned()),
                build_args: [("GO_VERSION".to_owned(), "1.24".to_owned())].into(),
                labels: [("org.opencontainers.image.vendor".to_owned(), "Acme".to_owned())].into(),
                docker_inputs: DockerInputs::Context,
                secrets: strings(&["id=npm,src=.npmrc"]),
                ssh: strings(&["default"]),
                cache_from: strings(&["type=registry,ref=ghcr.io/acme/{service}:cache"]),
                cache_to: strings(&["type=inline"]),
                provenance: strings(&["mode=max"]),
                insecure_registries: strings(&["localhost:5000"]),
            }
        );
        assert_eq!((config.run.build_jobs.get(), config.run.push_jobs.get(), config.run.push_retries), (2, 3, 0));
        assert_eq!(config.run.build_timeout, Duration::from_mins(90));
        assert_eq!(config.run.push_timeout, Duration::from_secs(90));
        assert_eq!((config.ledger.store, config.ledger.unseen), (LedgerStore::Registry, Unseen::Compare));
        assert_eq!(config.lint.allow, [LintRule::FloatingBase]);
        assert_eq!(config.lint.deny, [LintRule::NoTrimpath]);
    }

    #[test]
    fn a_service_replaces_settings_key_by_key() {
        let config = parse(FULL);
        let auth = &config.services["auth"];
        let expected = ServiceConfig {
            package: Some(RepoPath::from_clean(b"services/auth/cmd/auth")),
            dockerfile: Some(RepoPath::from_clean(b"services/auth/Dockerfile")),
            context: Some(RepoPath::root()),
            inputs: auth.inputs.clone(),
            env: strings(&["RELEASE"]),
            weight: 3,
            go: GoSettings { cgo: Some(true), ..config.go.clone() },
            image: ImageSettings {
                builder: Builder::Command,
                build_args: [("A".to_owned(), "b".to_owned())].into(),
                ..config.image.clone()
            },
            run: RunSettings { build_timeout: Duration::from_mins(20), ..config.run.clone() },
            line: 46,
        };
        assert_eq!(*auth, expected);
        assert_eq!(auth.inputs.iter().map(Glob::as_str).collect::<Vec<_>>(), ["configs/auth/**"]);
        assert_eq!(config.services["cart"].image, config.image);
        assert_eq!(config.services["cart"].line, 64);
    }

    #[test]
    fn settings_for_all_reach_services_that_stand_before_them() {
        let config = parse("[services.a]\npackage = \"a\"\n[go]\ncgo = true\n");
        assert_eq!(config.services["a"].go.cgo, Some(true));
        assert_eq!(config.services["a"].line, 1);
        let config = parse("services.b.package = \"b\"\nservices.a = { dockerfile = \"x\" }\n");
        assert_eq!((config.services["b"].line, config.services["a"].line), (1, 2));
    }

    #[test]
    fn unseen_follows_the_store_unless_it_is_given() {
        let ledger = |text: &str| parse(&format!("[ledger]\n{text}")).ledger;
        assert_eq!(ledger("").unseen, Unseen::Compare);
        assert_eq!(ledger("store = \"registry\"").unseen, Unseen::Build);
        assert_eq!(ledger("store = \"none\"").unseen, Unseen::Compare);
        assert_eq!(ledger("store = \"registry\"\nunseen = \"compare\"").unseen, Unseen::Compare);
        assert_eq!(ledger("unseen = \"build\"").unseen, Unseen::Build);
        assert_eq!(LedgerSettings::default().with_store(LedgerStore::Registry).unseen, Unseen::Build);
        assert_eq!(ledger("unseen = \"compare\"").with_store(LedgerStore::Registry).unseen, Unseen::Compare);
    }

    #[test]
    fn unknown_keys_lead_to_the_nearest() {
        check_error("[go]\nplatfroms = []\n", "2:1: unknown key `platfroms` in `[go]` (did you mean `platforms`?)");
        check_error("[gos]\n", "1:2: unknown key `gos` (did you mean `go`?)");
        check_error("[service.auth]\n", "1:2: unknown key `service` (did you mean `services`?)");
        check_error(
            "[services.a]\npackage = \"a\"\n  [services.a.image]\n  build_args = {}\n",
            "4:3: unknown key `build_args` in `[services.a.image]` (did you mean `build-args`?)",
        );
        check_error("[lint]\nxyz = 1\n", "2:1: unknown key `xyz` in `[lint]` (known keys: allow, deny)");
        check_error(
            "\"a\\nb\" = 1\n",
            "1:1: unknown key `a\\nb` (known keys: version, git, go, inputs, image, run, ledger, lint, services)",
        );
    }

    #[test]
    fn the_first_error_of_the_file_is_shown() {
        check_error(
            "[run]\nbuild-jobs = 0\n[go]\ncgo = 1\n",
            "2:14: `run.build-jobs` must be an integer from 1 to 1024, found 0",
        );
        check_error(
            "zzz = 1\naaa = 2\n[go]\ncgo = 1\n",
            "1:1: unknown key `zzz` (known keys: version, git, go, inputs, image, run, ledger, lint, services)",
        );
        check_error(
            "[services.b]\npackage = \"/b\"\n[services.a]\npackage = \"/a\"\n",
            "2:11: the path `/b` is absolute (paths are relative to the repository root)",
        );
    }

    #[test]
    fn wrong_types_say_what_is_expected_and_what_was_found() {
        check_error("go = 3\n", "1:6: `go` must be a table, found an integer");
        check_error("[[go]]\n", "1:1: `go` must be a table, found a list");
        check_error("services = []\n", "1:12: `services` must be a table of services, found a list");
        check_error("[services]\na = true\n", "2:5: `services.a` must be a table, found a boolean");
        check_error("[go]\ncgo = \"off\"\n", "2:7: `go.cgo` must be true or false, found a string");
        check_error(
            "[go]\nplatforms = \"linux/amd64\"\n",
            "2:13: `go.platforms` must be a list of platforms such as `\"linux/amd64\"`, found a string (write it as `[\"linux/amd64\"]`)",
        );
        check_error(
            "[go]\nbuild-tags = [\"größe\", 1]\n",
            "2:24: `go.build-tags` must be a string: a build tag, found an integer (put it in quotes)",
        );
        check_error(
            "[go]\ntoolchain = 1.24\n",
            "2:13: `go.toolchain` must be a string: a Go version such as `\"1.24.3\"`, found a float (put it in quotes)",
        );
        check_error(
            "[services.a]\npackage = \"a\"\nweight = 1.5\n",
            "3:10: `services.a.weight` must be an integer from 1 to 1000000, found a float",
        );
        check_error(
            "[image]\nbuild-args = { A = 1 }\n",
            "2:20: `image.build-args.A` must be a string, found an integer (put it in quotes)",
        );
        check_error(
            "[run]\nbuild-timeout = 300\n",
            "2:17: `run.build-timeout` must be a string: a duration such as `\"1h30m\"`, found an integer (put it in quotes)",
        );
    }

    #[test]
    fn choices_lead_to_the_nearest_word() {
        check_error(
            "[image]\nbuilder = \"dokcer\"\n",
            "2:11: `image.builder` must be `\"docker\"`, `\"buildah\"` or `\"command\"`, found `\"dokcer\"` (did you mean `\"docker\"`?)",
        );
        check_error(
            "[go]\nback-edges = \"none\"\n",
            "2:14: `go.back-edges` must be `\"assume-none\"` or `\"strict\"`, found `\"none\"`",
        );
        check_error_part("[image]\ndocker-inputs = \"Trace\"\n", "did you mean `\"trace\"`?");
        check_error_part("[ledger]\nstore = \"registy\"\n", "did you mean `\"registry\"`?");
        check_error_part("[ledger]\nunseen = \"biuld\"\n", "did you mean `\"build\"`?");
        check_error_part("[go]\nworkspace = \"atuo\"\n", "did you mean `\"auto\"`?");
    }

    #[test]
    fn values_are_checked_where_they_stand() {
        check_error(
            "[go]\nplatforms = [\"linux/amd64\",\n  \"linux/amd46\"]\n",
            "3:3: unknown architecture `amd46`, did you mean `amd64`?",
        );
        check_error(
            "[go]\nplatforms = []\n",
            "2:13: `go.platforms` must not be empty (leave the key out for its default)",
        );
        check_error(
            "[go]\nplatforms = [\"linux/arm\", \"linux/arm\"]\n",
            "2:1: the platform `linux/arm` is there twice",
        );
        check_error(
            "[inputs]\nglobal = [\"a\", \"../b\"]\n",
            "2:16: the pattern `../b` leads out of its folder with `..`",
        );
        check_error(
            "[image]\nrepository = \"ghcr.io/acme/{servcie}\"\n",
            "2:14: unknown placeholder `{servcie}` (did you mean `{service}`?)",
        );
        check_error(
            "[image]\nrepository = \"ghcr.io/acme/app:{branch}\"\n",
            "2:14: the placeholder `{branch}` can only be used in tags (here there is `{service}`)",
        );
        check_error_part(
            "[image]\nrepository = \"ghcr.io/acme/app:v1\"\n",
            "2:14: the image repository `ghcr.io/acme/app:v1` has a tag",
        );
        check_error("[image]\ntags = [\"a/b\"]\n", "2:9: the tag `a/b` has the character `/`");
        check_error_part("[image]\ntags = []\n", "must not be empty");
        check_error_part("[image]\nbuild-args = { a-b = \"\" }\n", "2:16: `a-b` is not the name of a variable");
        check_error_part("[run]\nbuild-timeout = \"5 minutes\"\n", "2:17: `5 minutes`: a duration has the units");
        check_error_part("[run]\npush-retries = -1\n", "found -1");
        check_error_part("[run]\npush-retries = 99999999999999999999999999999999\n", "2:16:");
        check_error_part("[services.a]\npackage = \"../a\"\n", "2:11: the path `../a` leaves the repository");
        check_error_part("[services.a]\ndockerfile = \".\"\n", "2:14: `.` names a folder, not a file");
        check_error_part(
            "[services.a]\npackage = \"a\"\nenv = [\"A-B\"]\n",
            "3:8: `A-B` is not the name of a variable",
        );
        check_error_part("[services.\"a b\"]\npackage = \"a\"\n", "1:11: `a b` is not a service name");
        check_error_part("[services.a]\npackage = \"a\\u0000\"\n", "has a NUL character");
        check_error_part(&format!("[go]\nflags = [\"{}\"]\n", "x".repeat(5000)), "is longer than 4096 bytes");
        check_error_part(&format!("[go]\nflags = [{}]\n", "\"x\",".repeat(1001)), "has more than 1000 entries");
    }

    #[test]
    fn keys_must_fit_together() {
        check_error(
            "[services.a]\nweight = 2\n",
            "1:11: the service `a` has neither a package nor a Dockerfile (give it `package`, `dockerfile` or both)",
        );
        check_error(
            "[image]\nbuilder = \"command\"\n",
            "2:1: the builder `command` has no command (give it `command = [\"program\", \"argument\"]`)",
        );
        check_error_part("[image]\ncommand = []\n", "2:11: `image.command` must not be empty");
        let own = "[image]\nbuilder = \"command\"\n[services.a]\npackage = \"a\"\nimage.command = [\"make\"]\n";
        assert_eq!(parse(own).services["a"].image.command, ["make"]);
        check_error_part(
            "[services.a]\npackage = \"a\"\nimage.builder = \"command\"\n",
            "3:7: the builder `command` has no command",
        );
        check_error(
            "[image]\nrepository = \"x/{service}\"\n[services.Auth]\npackage = \"a\"\n",
            "3:11: the image repository `x/Auth` must be in lower case (for the service `Auth`)",
        );
        let long = "a".repeat(100);
        check_error_part(
            &format!(
                "[services.{long}]\npackage = \"a\"\n[services.{long}.image]\ntags = [\"{{service}}-{{fingerprint}}\"]\n"
            ),
            "4:1: the tag",
        );
        check_error_part(
            "[lint]\nallow = [\"upx\", \"root-user\"]\ndeny = [\"root-user\"]\n",
            "3:1: the rule `root-user` is both allowed and denied",
        );
    }

    #[test]
    fn a_rule_that_there_is_not_is_an_error_with_the_nearest() {
        check_error(
            "[lint]\ndeny = [\"notrimpath\"]\n",
            "2:9: there is no rule `notrimpath` (did you mean `no-trimpath`?)",
        );
        check_error("[lint]\nallow = [\"DL3006\"]\n", "2:10: there is no rule `DL3006` (docs/lint.md lists them)");
    }

    #[test]
    fn another_version_is_the_only_error_of_its_file() {
        check_error(
            "new-key = true\nversion = 2\n",
            "2:11: this version of the configuration is not supported (this buildplan reads `version = 1`)",
        );
        check_error("new-key = true\nversion = \"1\"\n", "2:11: `version` must be the integer 1, found a string");
        assert_eq!(parse("version = 0x1"), Config::default());
    }

    #[test]
    fn syntax_errors_have_one_line_and_a_place() {
        check_error("[go]\ncgo = true\ncgo = false\n", "3:1: duplicate key");
        check_error("[go]\n[go]\n", "2:2: duplicate key");
        for (text, place) in [
            ("[go\n", "1:"),
            ("a = \n", "1:"),
            ("a = \"x\n", "1:"),
            ("a\n", "1:"),
            ("[go]\n= 1\n", "2:1:"),
            ("ä = 1\n", "1:1:"),
            ("a = [1\n\n", "1:"),
            ("a = 1 b = 2\n", "1:9:"),
        ] {
            let error = Config::parse(text.as_bytes()).expect_err(text).to_string();
            let plain = !error.contains('\n') && !error.contains(": I") && !error.contains(": U");
            assert!(error.starts_with(place) && plain, "{text:?}: {error}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_have_a_place() {
        let error = Config::parse(b"[go]\n# \xc3\xa4 \xff\n").unwrap_err();
        assert_eq!(error.to_string(), "2:5: the file is not UTF-8");
    }

    #[test]
    fn hostile_files_are_refused_quickly() {
        check_error_part(&"#".repeat(LARGEST_FILE + 1), "1:1: the file is larger than 2 MiB");
        check_error_part(&format!("a = {}", "[".repeat(1_000_000)), "1:");
        check_error_part(&format!("a = {}", "{a=".repeat(300_000)), "1:");
        check_error_part(&format!("{}a = 1", "a.".repeat(500_000)), "1:");
        check_error_part(&format!("[{}a]", "a.".repeat(500_000)), "1:");
        let dotted = format!("{}a=", "a.".repeat(78));
        check_error_part(
            &format!("{dotted}{}1{}", format!("{{{dotted}").repeat(78), "}".repeat(78)),
            "1:1: unknown key",
        );
        let many = |line: &dyn Fn(u32) -> String| (0..50_000).map(line).collect::<Vec<_>>().concat();
        let unknown = many(&|number| format!("[services.s{number}]\nx=1\n"));
        check_error_part(&unknown, "2:1: unknown key `x`");
        let flags = "\"-x\",".repeat(1000);
        let services = many(&|number| format!("s{number}.package=\"a\"\n"));
        check_error_part(&format!("[go]\nflags=[{flags}]\n[services]\n{services}"), "too large for 50000 services");
    }

    proptest! {
        #[test]
        fn a_damaged_file_is_read_or_refused_at_a_place_in_it(
            place in 0..FULL.len(),
            removed in 0_usize..40,
            added in "[\\[\\]{}=.,#\"'a-c0-9\n\\\\*?!ä-]{0,12}",
        ) {
            let end = (place + removed).min(FULL.len());
            let damaged = format!("{}{added}{}", &FULL[..place], &FULL[end..]);
            if let Err(error) = Config::parse(damaged.as_bytes()) {
                prop_assert!(error.line <= damaged.lines().count() + 1);
                prop_assert!(!error.to_string().contains('\n'));
            }
        }
    }
}
