//! Turns plans, manifests, package lists and advice into text: one pure function and one file for each format.
//!
//! It computes nothing and prints nothing.

pub mod ci_log;
pub mod inputs;
pub mod json;
pub mod lint;
pub mod markdown;
pub mod matrix;
pub mod packages;
pub mod report;
pub mod report_html;
pub mod schema;
pub mod status;
pub mod style;
pub mod text;
pub mod why;
pub mod words;
