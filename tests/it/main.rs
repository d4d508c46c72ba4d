//! The integration tests: one binary, so that they are linked once.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

// The documents, held to what the program knows and prints.
mod docs;
// The generator of benchmark repositories, which the other figures rest on.
mod generator;
// The architecture, held to by a scan of the source.
mod tidy;
