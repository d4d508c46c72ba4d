//! Turns the bytes of `build-plan.toml` into a validated `Config`. It never reads a file.
