//! The affected packages: one import path a line, or JSON.

use schemars::JsonSchema;
use serde::Serialize;

use crate::plan::packages::AffectedPackage;
use crate::render::json::{Tool, path_base64, path_text};
use crate::render::words;

/// The packages that differ between base and head.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "buildplan.packages.v1")]
pub struct PackagesDocument {
    /// Always `buildplan.packages.v1`.
    schema: &'static str,
    tool: Tool,
    /// Whether these are the packages whose tests should run.
    tests: bool,
    packages: Vec<PackageDocument>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct PackageDocument {
    import_path: String,
    dir: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    dir_base64: Option<String>,
    module: String,
    /// Whether its own files differ, not only what it imports.
    changed: bool,
}

/// The packages as a document.
pub fn packages_document(packages: &[AffectedPackage], tests: bool) -> PackagesDocument {
    let packages = packages.iter().map(|package| PackageDocument {
        import_path: package.import_path.clone(),
        dir: path_text(&package.dir),
        dir_base64: path_base64(&package.dir),
        module: package.module.clone(),
        changed: package.changed,
    });
    PackagesDocument { schema: "buildplan.packages.v1", tool: Tool::this(), tests, packages: packages.collect() }
}

/// One import path a line: what `go test` and `xargs` take.
pub fn packages_text(packages: &[AffectedPackage]) -> String {
    packages.iter().map(|package| words::escape(&package.import_path) + "\n").collect()
}
