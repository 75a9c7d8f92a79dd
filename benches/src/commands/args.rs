//! What can be typed.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use mbed_bench::{BatchTokens, Cell, WorkloadName};

/// The benchmark suite: what each backend does on this machine, sustained, comparable, with pictures.
#[derive(Debug, Parser)]
#[command(name = "mbed-bench", version, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure every cell of a suite and write a report
    Run(RunArguments),
    /// Find out which batch size or how many workers are fastest
    Sweep(SweepArguments),
    /// Run for a long time and see whether the rate stays
    Sustain(SustainArguments),
    /// Compare vectors with those of the reference
    Accuracy(AccuracyArguments),
    /// Set two files of rows beside each other
    Compare(CompareArguments),
    /// Fail where rows are slower than in a baseline, beyond noise
    Gate(GateArguments),
    /// Measure other engines and mbed in turns
    Peers(PeersArguments),
    /// Write a report of files of rows
    Report(ReportArguments),
    /// Print the section on speed of the project's own page, of a folder of rows
    Performance {
        /// The folder
        folder: PathBuf,
    },
    /// Answer requests on standard input
    #[command(hide = true)]
    Worker,
}

/// Where results go.
#[derive(Debug, Args)]
pub(crate) struct OutputOptions {
    /// The folder of the page, and of raw rows in `rows.jsonl`; what it holds of an earlier report is replaced
    #[arg(long, short, value_name = "DIR", default_value = "mbed-bench-report")]
    pub(crate) output: PathBuf,
    /// Add raw rows to this file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) rows: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// A suite (quick, full, seed-targets) or its file
    #[arg(long, value_name = "NAME", default_value = "quick")]
    pub(crate) suite: String,
    /// Measure this model in place of the suite's
    #[arg(long, short)]
    pub(crate) model: Vec<String>,
    /// Measure these backends in place of the suite's
    #[arg(long, value_delimiter = ',')]
    pub(crate) backend: Vec<String>,
    /// Measure these precisions in place of the suite's
    #[arg(long, value_delimiter = ',')]
    pub(crate) precision: Vec<String>,
    /// Measure these texts in place of the suite's: queries, sentences, passages, mixed, documents, constant:TOKENS or
    /// file:PATH
    #[arg(long, value_delimiter = ',')]
    pub(crate) workload: Vec<WorkloadName>,
    /// Bound batches by so many tokens in place of the suite's bounds
    #[arg(long, value_delimiter = ',')]
    pub(crate) batch_tokens: Vec<NonZeroUsize>,
    /// Open so many copies of the model in place of the suite's
    #[arg(long, value_delimiter = ',')]
    pub(crate) workers: Vec<NonZeroUsize>,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

/// What is measured where it is one thing alone.
#[derive(Debug, Args)]
pub(crate) struct CellOptions {
    /// The model
    #[arg(long, short, default_value = "sentence-transformers/all-MiniLM-L6-v2")]
    model: String,
    /// The backend
    #[arg(long, default_value = "auto")]
    backend: String,
    /// The number of the device
    #[arg(long, default_value_t = 0)]
    device: u32,
    /// The precision
    #[arg(long, default_value = "auto")]
    precision: String,
    /// The texts: queries, sentences, passages, mixed, documents, constant:TOKENS or file:PATH
    #[arg(long, default_value = "sentences")]
    workload: WorkloadName,
    /// Threads; one a core without this
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Copies of the model
    #[arg(long)]
    workers: Option<NonZeroUsize>,
    /// Bound batches by so many tokens; they size themselves without this
    #[arg(long)]
    batch_tokens: Option<NonZeroUsize>,
}

impl CellOptions {
    pub(crate) fn cell(&self) -> Cell {
        Cell {
            backend: self.backend.clone(),
            device: self.device,
            precision: self.precision.clone(),
            batch_tokens: self.batch_tokens.map_or(BatchTokens::Auto, BatchTokens::Exactly),
            workers: self.workers,
            threads: self.threads,
            ..Cell::of(&self.model, self.workload.clone())
        }
    }
}

/// What a study is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Of {
    /// Rows of a batch.
    Batch,
    /// Copies of the model.
    Workers,
}

#[derive(Debug, Args)]
pub(crate) struct SweepArguments {
    /// What is tried
    pub(crate) of: Of,
    /// Values that are tried, from the least on; 1 to 32768 rows or 1 to 32 workers without this
    #[arg(long, value_delimiter = ',')]
    pub(crate) values: Vec<NonZeroUsize>,
    /// How many texts are embedded at a time; 4096 for batches, 1000, 5000 and 10000 for workers without this
    #[arg(long, value_delimiter = ',')]
    pub(crate) texts: Vec<NonZeroUsize>,
    /// Turns of each value with the program's own choice
    #[arg(long, default_value = "5")]
    pub(crate) rounds: NonZeroUsize,
    /// How many seconds a turn is to take at least
    #[arg(long, default_value_t = 1.0)]
    pub(crate) round_seconds: f64,
    #[command(flatten)]
    pub(crate) cell: CellOptions,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

#[derive(Debug, Args)]
pub(crate) struct SustainArguments {
    /// How many seconds
    #[arg(long, default_value = "300")]
    pub(crate) seconds: NonZeroUsize,
    /// Seconds of a window
    #[arg(long, default_value = "5")]
    pub(crate) window: NonZeroUsize,
    #[command(flatten)]
    pub(crate) cell: CellOptions,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

#[derive(Debug, Args)]
pub(crate) struct AccuracyArguments {
    /// The backend whose f32 is the reference; candle, or cpu where that is not built in, without this
    #[arg(long)]
    pub(crate) reference: Option<String>,
    /// Pairs that people have judged: a score and two texts in a line, with tabs between them
    #[arg(long, value_name = "FILE")]
    pub(crate) pairs: Option<PathBuf>,
    /// How many texts are compared
    #[arg(long)]
    pub(crate) texts: Option<NonZeroUsize>,
    #[command(flatten)]
    pub(crate) cell: CellOptions,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArguments {
    /// The older file of rows
    pub(crate) old: PathBuf,
    /// The newer one
    pub(crate) new: PathBuf,
    /// Percent that count as no change
    #[arg(long, default_value_t = 2.0)]
    pub(crate) tolerance: f64,
}

#[derive(Debug, Args)]
pub(crate) struct GateArguments {
    /// The file of rows that others must not be slower than
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: PathBuf,
    /// The file of rows that is looked at
    pub(crate) rows: PathBuf,
    /// Percent that count as no change
    #[arg(long, default_value_t = 2.0)]
    pub(crate) tolerance: f64,
}

#[derive(Debug, Args)]
pub(crate) struct PeersArguments {
    /// A Python with the packages of `benches/peers/requirements.txt`
    #[arg(long, default_value = "python3")]
    pub(crate) python: PathBuf,
    /// The program that compares
    #[arg(long, default_value = "benches/peers/compare.py")]
    pub(crate) script: PathBuf,
    /// Its arguments, see `benches/peers/README.md`
    #[arg(last = true)]
    pub(crate) arguments: Vec<String>,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// Files of rows
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// The folder of the page
    #[arg(long, short, value_name = "DIR", default_value = "mbed-bench-report")]
    pub(crate) output: PathBuf,
}
