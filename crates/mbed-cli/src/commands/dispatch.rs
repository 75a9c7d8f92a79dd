//! From what was typed to the command that does it.

use std::time::Instant;

use super::{
    bench, chunk, completions, config, devices, embed, job, model, monitor, onnx, plan, profile, run as bulk,
    similarity, tune,
};
use crate::args::{Arguments, Command};
use crate::failure::Failure;
use crate::invocation::{Invocation, sources};
use crate::printer::Printer;
use crate::status::Status;

/// Runs the command that was typed. `start` is when the process began.
pub(crate) fn run(arguments: Arguments, printer: &Printer, start: Instant) -> Result<Status, Failure> {
    let Arguments { command, settings, .. } = arguments;
    let command = command.prepared()?;
    let sources = sources(&settings.files, settings.flags().and(command.flags()));
    let begin = || Invocation::begin(&sources, printer, start);
    match command {
        Command::Embed(arguments) => embed::run(*arguments, &begin()?),
        Command::Chunk(arguments) => chunk::run(&arguments, &begin()?),
        Command::Run(arguments) => bulk::run(&arguments, &begin()?),
        Command::Status(arguments) => job::status(&arguments, &begin()?.printer),
        Command::Verify(arguments) => job::verify(&arguments, &begin()?.printer),
        Command::Merge(arguments) => job::merge(&arguments, &begin()?.printer),
        Command::Similarity(arguments) => similarity::run(&arguments, &begin()?),
        Command::Devices(arguments) => devices::run(&arguments, &begin()?.printer),
        Command::Model(arguments) => model::run(&arguments, &begin()?),
        Command::Plan(arguments) => plan::run(&arguments, &begin()?),
        Command::Tune(arguments) => tune::run(&arguments, &begin()?),
        Command::Monitor(arguments) => monitor::run(&arguments, &begin()?.printer),
        Command::Profile(arguments) => profile::run(&arguments, &begin()?),
        Command::Onnx(arguments) => onnx::run(&arguments, &begin()?),
        Command::Bench(arguments) => bench::run(&arguments, &begin()?),
        // Settings come from whoever started it, and what listens to spans is the measurement.
        Command::BenchWorker => bench::serve_parent(),
        // These must work where settings are broken.
        Command::Config(arguments) => config::run(&arguments, &sources, printer),
        Command::Completions(arguments) => Ok(completions::run(&arguments)),
    }
}
