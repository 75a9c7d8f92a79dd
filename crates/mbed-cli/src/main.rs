//! The command line of mbed.

mod args;
mod commands;
mod failure;
mod gpus;
mod invocation;
mod logging;
mod printer;
mod progress;
mod settings_options;
mod status;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser as _;

use crate::args::Arguments;
use crate::printer::Printer;

fn main() -> ExitCode {
    let start = Instant::now();
    let arguments = Arguments::parse();
    let printer = Printer::new(arguments.quiet);
    match commands::dispatch(arguments, &printer, start) {
        Ok(status) => status.into(),
        Err(failure) => {
            printer.failure(&failure);
            failure.status.into()
        }
    }
}
