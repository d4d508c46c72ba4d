//! The `buildplan` program: see the library's documentation for how it works.

use std::process::ExitCode;

fn main() -> ExitCode {
    buildplan::cli::main()
}
