//! Turns the table of keys into the JSON Schema (draft 2020-12) that editors complete and check `build-plan.toml` with.

use serde_json::{Value, json};

use super::keys;

/// The JSON Schema of `build-plan.toml`.
///
/// Every file that [`Config::parse`](super::Config::parse) accepts is valid by it. Some rules are beyond a schema:
/// those are only checked by parsing.
pub fn schema() -> Value {
    let mut schema = keys::file().schema();
    if let Value::Object(members) = &mut schema {
        members.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        members.insert("title".to_owned(), json!("build-plan.toml"));
    }
    schema
}

/// A file that uses every key, for tests.
#[cfg(test)]
pub(super) const FULL: &str = r#"version = 1

[git]
default-branch = "trunk"

[go]
platforms = ["linux/amd64", "linux/arm/v7"]
build-tags = ["netgo", "osusergo"]
cgo = false
toolchain = "go1.24.3"
workspace = "./build/go.work"
flags = ["-trimpath", "-ldflags=-s -w"]
back-edges = "strict"

[inputs]
global = ["build/**"]

[image]
repository = "ghcr.io/acme/{service}"
tags = ["{fingerprint}", "{branch}"]
builder = "buildah"
command = ["./build.sh", "--fast"]
push-command = ["./push.sh"]
target = "final"
build-args = { GO_VERSION = "1.24" }
labels = { "org.opencontainers.image.vendor" = "Acme" }
docker-inputs = "context"
secrets = ["id=npm,src=.npmrc"]
ssh = ["default"]
cache-from = ["type=registry,ref=ghcr.io/acme/{service}:cache"]
cache-to = ["type=inline"]
provenance = ["mode=max"]
insecure-registries = ["localhost:5000"]

[run]
build-jobs = 2
push-jobs = 3
build-timeout = "1h30m"
push-timeout = "90s"
push-retries = 0

[ledger]
store = "registry"
unseen = "compare"

[services.auth]
package = "./services/auth/cmd/auth"
dockerfile = "services/auth/Dockerfile"
context = "."
inputs = ["configs/auth/**"]
env = ["RELEASE"]
weight = 3

[services.auth.go]
cgo = true

[services.auth.image]
builder = "command"
build-args = { A = "b" }

[services.auth.run]
build-timeout = "20m"

[services.cart]
dockerfile = "services/cart/Dockerfile"

[lint]
allow = ["floating-base"]
deny = ["no-trimpath"]
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn is_valid(text: &str) -> bool {
        let file: Value = toml::from_str(text).unwrap();
        jsonschema::validator_for(&schema()).unwrap().is_valid(&file)
    }

    /// Parsing and the schema must agree.
    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(Config::parse(text.as_bytes()).is_ok(), expected, "parsing {text}");
        assert_eq!(is_valid(text), expected, "the schema on {text}");
    }

    #[test]
    fn the_schema_is_a_valid_one() {
        assert!(jsonschema::draft202012::meta::is_valid(&schema()));
    }

    #[test]
    fn the_schema_and_the_parser_agree() {
        check(FULL, true);
        check("", true);
        for wrong in [
            "platforms = []",
            "version = 2",
            "[go]\nplatfroms = []",
            "[go]\nplatforms = []",
            "[go]\nplatforms = [\"linux\"]",
            "[go]\ncgo = \"off\"",
            "[go]\ntoolchain = \"v1\"",
            "[image]\nbuilder = \"dokcer\"",
            "[image]\ntarget = \"-x\"",
            "[image]\nbuild-args = { a-b = \"\" }",
            "[image]\nlabels = { \"a=b\" = \"\" }",
            "[run]\nbuild-jobs = 0",
            "[run]\nbuild-timeout = \"5 m\"",
            "[services.a]\nweight = 1",
            "[services.\"a b\"]\npackage = \"a\"",
            "[services.a]\npackage = \"\"",
            "[services.a]\npackage = \"a\"\nenv = [\"1\"]",
            "[services.a]\npackage = \"a\"\nweight = 1.5",
            "[services.a.go]\nunknown = 1\n[services.a]\npackage = \"a\"",
        ] {
            check(wrong, false);
        }
    }

    /// Writes the defaults that a schema names as a file. JSON's strings, numbers and lists are also TOML's.
    fn write_defaults(schema: &Value, path: &str, file: &mut String) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            match &property["default"] {
                Value::Null => write_defaults(property, &path, file),
                default => file.extend([&path, " = ", &default.to_string(), "\n"]),
            }
        }
    }

    #[test]
    fn the_defaults_of_the_schema_are_those_of_no_file() {
        let mut file = String::new();
        write_defaults(&schema(), "", &mut file);
        assert!(file.contains("run.build-timeout = \"5m\""), "{file}");
        assert_eq!(Config::parse(file.as_bytes()), Ok(Config::default()));
    }

    #[test]
    fn the_full_file_uses_every_key() {
        let file: Value = toml::from_str(FULL).unwrap();
        let schema = schema();
        for (section, property) in schema["properties"].as_object().unwrap() {
            let keys = property["properties"].as_object().into_iter().flatten();
            for (key, described) in keys {
                assert!(!file[section][key].is_null(), "{section}.{key} is missing");
                assert!(described["description"].is_string(), "{section}.{key} has no description");
            }
        }
        let service = &schema["properties"]["services"]["additionalProperties"]["properties"];
        for key in service.as_object().unwrap().keys() {
            assert!(!file["services"]["auth"][key].is_null(), "services.auth.{key} is missing");
        }
    }
}
