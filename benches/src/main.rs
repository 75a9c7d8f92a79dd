//! The benchmark suite's own program. `mbed bench` is the short way for users.

mod commands;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::main()
}
