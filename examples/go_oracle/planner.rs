//! Runs `buildplan` with everything pinned that Go was told too, and reads its JSON.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::listing::{Listing, is_within};
use super::process;
use super::target::Target;

/// `buildplan` for one pair of commits.
#[derive(Clone, Debug)]
pub(crate) struct Planner {
    binary: PathBuf,
    repository: PathBuf,
    config: PathBuf,
    base: String,
    head: String,
    /// The services of the configuration by the folder of their main package.
    pub(crate) services: Vec<Service>,
}

/// A service that the configuration declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) dir: String,
}

/// `inputs SERVICE -o json`, as far as it is compared.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Inputs {
    pub(crate) packages: Vec<InputPackage>,
    /// The modules that provide packages.
    #[serde(default)]
    pub(crate) external: Vec<InputModule>,
    /// What is an input otherwise than as a file of a package.
    #[serde(default)]
    pub(crate) image: Vec<InputFile>,
    #[serde(default)]
    pub(crate) notes: Vec<Note>,
}

/// A module that is not a main module.
#[derive(Debug, Deserialize)]
pub(crate) struct InputModule {
    pub(crate) module: String,
    /// With what replaces it, after an arrow.
    pub(crate) version: String,
    /// Whether it is known to provide a package; else it only may.
    pub(crate) exact: bool,
}

/// A package of the inputs.
#[derive(Debug, Deserialize)]
pub(crate) struct InputPackage {
    pub(crate) import_path: String,
    pub(crate) files: Vec<InputFile>,
}

/// A file of a package.
#[derive(Debug, Deserialize)]
pub(crate) struct InputFile {
    pub(crate) path: String,
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) blob: Option<String>,
}

/// `plan -o json`, as far as it is compared.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Plan {
    pub(crate) services: Vec<PlanService>,
    #[serde(default)]
    pub(crate) notes: Vec<Note>,
}

/// A service and its decision.
#[derive(Debug, Deserialize)]
pub(crate) struct PlanService {
    pub(crate) name: String,
    pub(crate) decision: String,
    pub(crate) reasons: Vec<Reason>,
}

/// Why a service is built.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Reason {
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) path: Option<String>,
    #[serde(default)]
    pub(crate) module: Option<String>,
}

/// What the planner says about how it came to its answer.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Note {
    pub(crate) kind: String,
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) service: Option<String>,
    #[serde(default)]
    pub(crate) path: Option<String>,
}

impl Planner {
    /// Writes the configuration for the main packages that Go finds in `listing` beside the clone. `pinned` is what Go was
    /// told and whether it used the go.work; without it `buildplan` has to do with what it finds in the repository.
    pub(crate) fn new(
        binary: &Path,
        repository: &Path,
        (base, head): (&str, &str),
        listing: &Listing,
        pinned: Option<(&Target, bool)>,
    ) -> Result<Self> {
        let services = services(listing);
        let config = repository.with_file_name("build-plan.toml");
        let text = config_text(listing, &services, pinned);
        std::fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;
        let (base, head) = (base.to_owned(), head.to_owned());
        Ok(Self { binary: binary.to_owned(), repository: repository.to_owned(), config, base, head, services })
    }

    /// The same between other commits.
    pub(crate) fn between(&self, base: &str, head: &str) -> Self {
        Self { base: base.to_owned(), head: head.to_owned(), ..self.clone() }
    }

    /// What goes into a service at head.
    pub(crate) fn inputs(&self, service: &str) -> Result<Inputs> {
        let output = process::output_of(self.command("inputs").arg(service), "buildplan inputs")?;
        serde_json::from_slice(&output).context("cannot read the JSON of buildplan inputs")
    }

    /// What is built because of the step from base to head.
    pub(crate) fn plan(&self) -> Result<Plan> {
        let output = process::output_of(&mut self.command("plan"), "buildplan plan")?;
        serde_json::from_slice(&output).context("cannot read the JSON of buildplan plan")
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("--config").arg(&self.config).arg("-C").arg(&self.repository).arg(name);
        command.args(["--no-merge-base", "--base", &self.base, "--head", &self.head, "-o", "json"]);
        command.env_remove("CI").env_remove("BUILDPLAN_BASE");
        command
    }
}

fn services(listing: &Listing) -> Vec<Service> {
    let mut names = BTreeSet::new();
    let mut services = Vec::new();
    for main in listing.modules.iter().flat_map(|module| &module.mains) {
        let plain = legal_name(&main.dir);
        let mut name = plain.clone();
        let mut number = 2;
        while !names.insert(name.to_lowercase()) {
            name = format!("{plain}-{number}");
            number += 1;
        }
        services.push(Service { name, dir: main.dir.clone() });
    }
    services
}

fn legal_name(dir: &str) -> String {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = dir.chars().map(|c| if is_legal(c) { c } else { '-' }).collect();
    if dir.is_empty() {
        "root".to_owned()
    } else if name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        name
    } else {
        format!("s{name}")
    }
}

fn config_text(listing: &Listing, services: &[Service], pinned: Option<(&Target, bool)>) -> String {
    let mut text = "version = 1\n".to_owned();
    let versions: BTreeSet<&str> =
        listing.modules.iter().map(|module| module.go_version.as_str()).filter(|version| !version.is_empty()).collect();
    let common = versions.last().copied().filter(|_| pinned.is_some()).unwrap_or_default();
    if let Some((target, workspace)) = pinned {
        text.push_str(&go_section(target, workspace));
        if !common.is_empty() {
            let _ = writeln!(text, "toolchain = {}", quoted(common));
        }
    }
    text.push_str("\n[image]\ndocker-inputs = \"none\"\n");
    for service in services {
        let package = if service.dir.is_empty() { ".".to_owned() } else { format!("./{}", service.dir) };
        let _ = write!(text, "\n[services.{}]\npackage = {}\n", quoted(&service.name), quoted(&package));
        let own = listing.modules.iter().filter(|module| is_within(&service.dir, &module.dir));
        let own = own.max_by_key(|module| module.dir.len()).filter(|_| pinned.is_some());
        if let Some(module) = own.filter(|module| module.go_version != common) {
            let _ = writeln!(text, "go = {{ toolchain = {} }}", quoted(&module.go_version));
        }
    }
    text
}

/// The configuration that tells `buildplan` what Go is told.
pub(crate) fn go_section(target: &Target, workspace: bool) -> String {
    let tags: Vec<String> = target.tags.iter().map(|tag| quoted(tag)).collect();
    format!(
        "\n[go]\nplatforms = [{}]\nbuild-tags = [{}]\ncgo = {}\nworkspace = {}\n\
         flags = [\"GOEXPERIMENT=\"]\nback-edges = {}\n",
        quoted(&format!("{}/{}", target.os, target.arch)),
        tags.join(", "),
        target.cgo,
        quoted(if workspace { "on" } else { "off" }),
        quoted(if target.strict { "strict" } else { "assume-none" }),
    )
}

/// A TOML basic string: its escapes are those of JSON, but for one character.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::super::listing::{Main, Module};
    use super::*;

    #[test]
    fn every_main_package_becomes_a_service_with_a_name_of_its_own() {
        let mains = ["", "a/b", "a-b", "_x/ü", "A/b"].map(|dir| Main { dir: dir.into(), ..Main::default() });
        let listing = Listing { modules: vec![Module { mains: mains.to_vec(), ..Module::default() }] };
        let names: Vec<String> = services(&listing).into_iter().map(|service| service.name).collect();
        assert_eq!(names, ["root", "a-b", "a-b-2", "s_x--", "A-b-3"]);
    }

    #[test]
    fn the_configuration_pins_what_go_is_told() {
        let module = |dir: &str, version: &str| Module {
            dir: dir.into(),
            go_version: version.into(),
            mains: vec![Main { dir: format!("{dir}/cmd"), ..Main::default() }],
            ..Module::default()
        };
        let listing = Listing { modules: vec![module("a", "go1.25.0"), module("b", "go1.26.0")] };
        let target =
            Target { os: "linux".into(), arch: "arm64".into(), tags: vec!["x".into()], cgo: false, strict: true };
        let expected = r#"version = 1

[go]
platforms = ["linux/arm64"]
build-tags = ["x"]
cgo = false
workspace = "on"
flags = ["GOEXPERIMENT="]
back-edges = "strict"
toolchain = "go1.26.0"

[image]
docker-inputs = "none"

[services."a-cmd"]
package = "./a/cmd"
go = { toolchain = "go1.25.0" }

[services."b-cmd"]
package = "./b/cmd"
"#;
        assert_eq!(config_text(&listing, &services(&listing), Some((&target, true))), expected);
    }
}
