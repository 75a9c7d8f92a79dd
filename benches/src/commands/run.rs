//! From what was typed to what is done.

use std::io::{stdin, stdout};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use mbed::settings::Settings;
use mbed_bench::compare::{compare, gate};
use mbed_bench::rows;
use mbed_bench::study::{
    AccuracyOptions, SustainOptions, SweepOptions, accuracy, sustain, sweep_batch, sweep_workers,
};
use mbed_bench::worker::{Launcher, serve};
use mbed_bench::{
    BatchTokens, Bench, BenchError, Cell, Matrix, PeerOptions, Suite, peers, report, run_suite,
};

use super::args::{
    AccuracyArguments, Arguments, Command, Of, PeersArguments, RunArguments, SustainArguments, SweepArguments,
};
use super::{output, printer};

pub(crate) fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            printer::failure(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), BenchError> {
    match command {
        Command::Run(arguments) => suite(&arguments),
        Command::Sweep(arguments) => sweep(&arguments),
        Command::Sustain(arguments) => long_run(&arguments),
        Command::Accuracy(arguments) => closeness(&arguments),
        Command::Compare(arguments) => {
            let changes = compare(&arguments.old, &arguments.new, arguments.tolerance / 100.0)?;
            changes.iter().for_each(|change| printer::data(&change.to_string()));
            Ok(())
        }
        Command::Gate(arguments) => {
            let tolerance = arguments.tolerance / 100.0;
            let mut tell = |change: &mbed_bench::compare::Change| printer::data(&change.to_string());
            gate(&arguments.baseline, &arguments.rows, tolerance, &mut tell)
        }
        Command::Peers(arguments) => others(arguments),
        Command::Report(arguments) => {
            let mut found = Vec::new();
            for file in &arguments.files {
                found.extend(rows::read(file)?);
            }
            report::write(&arguments.output, &found)
        }
        Command::Performance { folder } => {
            printer::data(report::performance_section(&folder)?.trim_end());
            Ok(())
        }
        Command::Worker => serve(stdin().lock(), stdout().lock()),
    }
}

fn bench() -> Result<Bench, BenchError> {
    Bench::new(Launcher::this_program(&["worker"])?, Settings::default())
}

fn tell(line: &str) {
    printer::note(line);
}

fn suite(arguments: &RunArguments) -> Result<(), BenchError> {
    let mut suite = Suite::find(&arguments.suite)?;
    suite.matrix.iter_mut().for_each(|matrix| replace(matrix, arguments));
    suite.check()?;
    let found = run_suite(&bench()?, &suite, &mut tell)?;
    output::keep(&arguments.output, &found)
}

/// What was typed in place of the suite's lists.
fn replace(matrix: &mut Matrix, arguments: &RunArguments) {
    fn put<T: Clone>(list: &mut Vec<T>, typed: &[T]) {
        if !typed.is_empty() {
            *list = typed.to_vec();
        }
    }
    put(&mut matrix.models, &arguments.model);
    put(&mut matrix.backends, &arguments.backend);
    put(&mut matrix.precisions, &arguments.precision);
    put(&mut matrix.workloads, &arguments.workload);
    put(&mut matrix.workers, &arguments.workers);
    let tokens: Vec<BatchTokens> = arguments.batch_tokens.iter().copied().map(BatchTokens::Exactly).collect();
    put(&mut matrix.batch_tokens, &tokens);
}

fn powers_of_two(most: usize) -> Vec<NonZeroUsize> {
    let values =
        std::iter::successors(NonZeroUsize::new(1), |value| value.checked_mul(NonZeroUsize::new(2)?));
    values.take_while(|value| value.get() <= most).collect()
}

fn sweep(arguments: &SweepArguments) -> Result<(), BenchError> {
    let (values, texts): (_, &[usize]) = match arguments.of {
        Of::Batch => (powers_of_two(32_768), &[4096]),
        Of::Workers => (powers_of_two(32), &[1000, 5000, 10_000]),
    };
    let typed: Vec<usize> = arguments.texts.iter().map(|count| count.get()).collect();
    let options = SweepOptions {
        cell: arguments.cell.cell(),
        values: if arguments.values.is_empty() { values } else { arguments.values.clone() },
        texts: if typed.is_empty() { texts.to_vec() } else { typed },
        rounds: arguments.rounds.get(),
        round_seconds: arguments.round_seconds,
    };
    let found = match arguments.of {
        Of::Batch => sweep_batch(&bench()?, &options, &mut tell)?,
        Of::Workers => sweep_workers(&bench()?, &options, &mut tell)?,
    };
    output::keep(&arguments.output, &found)
}

fn long_run(arguments: &SustainArguments) -> Result<(), BenchError> {
    let [duration, window] =
        [arguments.seconds, arguments.window].map(|seconds| Duration::from_secs(seconds.get() as u64));
    let options = SustainOptions { cell: arguments.cell.cell(), duration, window };
    let found = sustain(&bench()?, &options, &mut tell)?;
    output::keep(&arguments.output, &found)
}

fn closeness(arguments: &AccuracyArguments) -> Result<(), BenchError> {
    let cell = arguments.cell.cell();
    let found = mbed::probe();
    let has_candle = found.iter().any(|(name, _)| *name == "candle");
    let usual = if has_candle { "candle" } else { "cpu" };
    let backend = arguments.reference.clone().unwrap_or_else(|| usual.to_owned());
    let reference = Cell { backend, precision: "f32".to_owned(), ..cell.clone() };
    let devices = found.iter().flat_map(|(_, probe)| probe.devices());
    let every = devices.flat_map(|device| {
        let of_device = |precision: &mbed::Precision| Cell {
            backend: device.id.backend.to_string(),
            device: device.id.index,
            precision: precision.to_string(),
            ..cell.clone()
        };
        device.precisions.iter().map(of_device).collect::<Vec<_>>()
    });
    let cells = every.filter(|cell| *cell != reference).collect();
    let texts = arguments.texts.map(NonZeroUsize::get);
    let options = AccuracyOptions { reference, cells, texts, pairs: arguments.pairs.clone() };
    let found = accuracy(&bench()?, &options, &mut tell)?;
    output::keep(&arguments.output, &found)
}

fn others(arguments: PeersArguments) -> Result<(), BenchError> {
    let PeersArguments { python, script, arguments, output } = arguments;
    let found = peers(&PeerOptions { python, script, arguments })?;
    output::keep(&output, &found)
}
