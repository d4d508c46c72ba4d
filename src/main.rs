//! The `buildplan` program: see the library's documentation for how it works.

use std::process::ExitCode;

/// Plans are made of very many small values, allocated on all cores; the allocator is a fifth of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    buildplan::cli::main()
}
