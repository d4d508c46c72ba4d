//! The JSON Schemas of everything that scripts read or people write.

use schemars::schema_for;
use serde_json::Value;

use crate::render::inputs::InputsDocument;
use crate::render::json::PlanDocument;
use crate::render::lint::LintDocument;
use crate::render::matrix::Matrix;
use crate::render::packages::PackagesDocument;
use crate::render::report::ReportDocument;
use crate::render::status::StatusDocument;

/// The schemas that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaName {
    /// `build-plan.toml`.
    Config,
    /// `plan -o json`.
    Plan,
    /// `inputs -o json`.
    Inputs,
    /// `packages -o json`.
    Packages,
    /// `matrix -o json`.
    Matrix,
    /// `run --report FILE`.
    Report,
    /// `status -o json`.
    Status,
    /// `lint -o json`.
    Lint,
}

/// A schema (JSON Schema, draft 2020-12).
pub fn schema(name: SchemaName) -> Value {
    match name {
        SchemaName::Config => crate::config::schema::schema(),
        SchemaName::Plan => schema_for!(PlanDocument).to_value(),
        SchemaName::Inputs => schema_for!(InputsDocument).to_value(),
        SchemaName::Packages => schema_for!(PackagesDocument).to_value(),
        SchemaName::Matrix => schema_for!(Matrix).to_value(),
        SchemaName::Status => schema_for!(StatusDocument).to_value(),
        SchemaName::Lint => schema_for!(LintDocument).to_value(),
        SchemaName::Report => schema_for!(ReportDocument).to_value(),
    }
}
