//! The jobs in any other form: a template of the user's, filled with the matrix and the plan.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

use crate::render::matrix::Matrix;

/// A template that cannot be filled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", line.map(|line| format!("{line}: ")).unwrap_or_default())]
pub struct TemplateError {
    /// From 1; `None` if it is not known.
    line: Option<usize>,
    message: String,
}

/// Fills a template. It sees `matrix` (as `matrix -o json` prints it), `plan` (as `plan -o json` does), and the filter
/// `tojson`, which makes any value one that JSON and YAML take as data.
///
/// # Errors
/// If it is no template, or names what is not there.
pub fn template(source: &str, matrix: &Matrix, plan: &serde_json::Value) -> Result<String, TemplateError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    let values = context! { matrix => Serde(matrix), plan => Serde(plan) };
    let filled = environment.render_str(source, values);
    // The last line keeps its end, which the engine takes for a part of the template's syntax.
    let end = if source.ends_with('\n') { "\n" } else { "" };
    filled.map(|text| text + end).map_err(|error| TemplateError {
        line: error.line(),
        message: match error.detail() {
            Some(detail) => format!("{}: {detail}", error.kind()),
            None => error.kind().to_string(),
        },
    })
}
