//! A change-aware incremental build planner for Go monorepos.

pub mod cli;
pub mod config;
pub mod docker;
pub mod fingerprint;
pub mod git;
pub mod go;
pub mod graph;
pub mod plan;
pub mod render;
pub mod repo;
pub mod service;
