//! From what was typed to the command that does it.

use std::time::Instant;

use super::{completions, devices, embed, model, similarity};
use crate::args::{Arguments, Command};
use crate::failure::Failure;
use crate::printer::Printer;
use crate::status::Status;

/// Runs the command that was typed. `start` is when the process began.
pub(crate) fn run(arguments: Arguments, printer: &Printer, start: Instant) -> Result<Status, Failure> {
    match arguments.command {
        Command::Embed(arguments) => embed::run(*arguments, *printer, start),
        Command::Similarity(arguments) => similarity::run(&arguments, *printer),
        Command::Devices(arguments) => devices::run(&arguments, *printer),
        Command::Model(arguments) => model::run(&arguments, *printer),
        Command::Completions(arguments) => Ok(completions::run(&arguments)),
    }
}
