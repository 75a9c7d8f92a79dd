//! `mbed status`, `mbed verify` and `mbed merge`

use std::path::PathBuf;

use clap::Args;
use mbed_pipeline::bulk::{Check, Keep};
use mbed_pipeline::{OutputFormat, Target, bulk};
use serde_json::json;

use super::choice::{Choice, output_choices};
use super::parquet_options::ParquetArguments;
use super::run::output_of;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::status::Status;

/// Tell how far a job is
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    /// The folder of the job, or its file
    job: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Check everything that a job has written: checksums, rows, vectors, counts
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// The folder of the job, or its file
    job: PathBuf,
    /// Read every input again, too, and compare it with what each unit was made of
    #[arg(long)]
    inputs: bool,
    /// Where the rows are, where a password is needed to read them: it is kept nowhere
    #[arg(long, value_name = "URL")]
    sink: Option<String>,
    /// The table of `--sink`
    #[arg(long, value_name = "NAME", requires = "sink")]
    table: Option<String>,
}

/// Write all rows of finished jobs into one file, in the order of their input
#[derive(Debug, Args)]
pub(crate) struct MergeArguments {
    /// The folders of the jobs, or their files; the parts of `--shard` in their order
    #[arg(required = true)]
    jobs: Vec<PathBuf>,
    /// The file to write, which appears only when it is whole
    #[arg(long, short, value_name = "OUT")]
    output: PathBuf,
    /// Format of the output; by default the extension of OUT says it
    #[arg(long, default_value = "auto", value_parser = output_choices())]
    format: Choice<OutputFormat>,
    #[command(flatten)]
    parquet: ParquetArguments,
}

pub(crate) fn status(arguments: &StatusArguments, printer: &Printer) -> Result<Status, Failure> {
    let found = bulk::status(&output_of(&arguments.job)?)?;
    let rate = if found.seconds > 0.0 { found.totals.records as f64 / found.seconds } else { 0.0 };
    if arguments.json {
        let report = json!({
            "state": found.state.name(), "records": found.all, "done": found.totals, "units": found.units,
            "seconds": found.seconds, "records_per_s": rate,
        });
        printer.data(&report.to_string());
        return Ok(Status::Success);
    }
    let all = found.all.map_or_else(String::new, |all| format!(" of {all}"));
    printer.data(&format!(
        "{}: {}{all} records, {} written, {} dead, {} units, {:.1} s, {rate:.1} records/s",
        found.state.name(),
        found.totals.records,
        found.totals.written,
        found.totals.dead,
        found.units,
        found.seconds,
    ));
    Ok(Status::Success)
}

pub(crate) fn verify(arguments: &VerifyArguments, printer: &Printer) -> Result<Status, Failure> {
    let mut check = Check::default();
    check.inputs = arguments.inputs;
    check.keep = match &arguments.sink {
        Some(url) => Some(Keep::parse(url, arguments.table.as_deref())?),
        None => None,
    };
    let found = bulk::verify(&output_of(&arguments.job)?, &check)?;
    for fault in &found.faults {
        printer.data(fault);
    }
    if !found.faults.is_empty() {
        return Err(Failure::new(format!("{} faults in {} units", found.faults.len(), found.units), None));
    }
    let lengths = match found.lengths {
        Some(_) if found.has_unit_lengths => "every vector has length 1".to_owned(),
        Some((least, most)) => format!("lengths of vectors are {least:.4} to {most:.4}"),
        None => "no vectors".to_owned(),
    };
    let inputs = found
        .inputs
        .map_or_else(String::new, |read| format!("; {read} records of the input are as they were read"));
    printer.data(&format!(
        "{} units as they were written: {} records, {} rows, {} dead; {lengths}{inputs}",
        found.units, found.totals.records, found.totals.written, found.totals.dead,
    ));
    Ok(Status::Success)
}

pub(crate) fn merge(arguments: &MergeArguments, printer: &Printer) -> Result<Status, Failure> {
    let folders = arguments.jobs.iter().map(|job| output_of(job)).collect::<Result<Vec<_>, _>>()?;
    let format = match arguments.format.named() {
        Some(format) => format,
        None => OutputFormat::from_path(&arguments.output).map_err(Failure::pipeline)?,
    };
    let report =
        bulk::merge(&folders, Target::File(arguments.output.clone()), (format, arguments.parquet.options()))?;
    printer.note(&format!("{} rows, {}", report.rows, report.bytes));
    Ok(Status::Success)
}
