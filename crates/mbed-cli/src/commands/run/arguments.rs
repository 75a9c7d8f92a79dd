//! What `mbed run` takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use mbed::settings::Settings;
use mbed_core::Bytes;
use mbed_pipeline::bulk::{Job, JobOptions, Keep, OnError, ShardOf};
use mbed_pipeline::{InputFormat, OutputFormat, VectorType, plan_inputs};

use super::job_file::JobFile;
use crate::commands::chunk_options::EmbedChunkOptions;
use crate::commands::input_options::InputOptions;
use crate::commands::model_options::ModelOptions;
use crate::commands::parquet_options::ParquetArguments;
use crate::failure::Failure;
use crate::settings_options::Flags;

/// Embed millions of records in units that survive any kill
///
/// The output folder is the job: what is done is in it, and the same command goes on where it was, whatever ended it. A job
/// that is done is left alone. One that was begun with other inputs, settings or another model is refused, with what
/// differs. Ctrl-C commits what is computed and ends; pressing it again changes nothing, and killing the process is safe.
/// SIGUSR1 makes a run wait once what it has read is committed, SIGUSR2 lets it go on.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RunArguments {
    /// A job file, whose names are those of these options with _ for -
    #[arg(value_name = "JOB.toml")]
    job: Option<PathBuf>,
    /// Files, folders and patterns such as 'data/**/*.parquet'
    #[arg(long, value_name = "PATH", num_args = 1..)]
    input: Vec<PathBuf>,
    /// The folder of the job
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    chunks: EmbedChunkOptions,
    #[command(flatten)]
    read: InputOptions,
    /// How values of vectors are written: f32 (without this), f16, or int8 with a column of scales
    #[arg(long, value_name = "TYPE", value_parser = ["f32", "f16", "int8"], help_heading = "Output")]
    vectors: Option<String>,
    /// The column that the vectors are written to; `embedding` without this
    #[arg(long, value_name = "COLUMN", help_heading = "Output")]
    vector_column: Option<String>,
    /// The format of shards: parquet (without this), arrow, jsonl or npy
    #[arg(long, value_name = "FORMAT", value_parser = ["parquet", "arrow", "jsonl", "npy"], help_heading = "Output")]
    format: Option<String>,
    #[command(flatten)]
    parquet: ParquetArguments,
    /// Keep rows elsewhere than in the folder of the job, which still says what is done: s3://bucket/prefix,
    /// file:///folder or postgresql://user@host/database, which needs pgvector. One that goes away is asked again
    #[arg(long, value_name = "URL", help_heading = "Output")]
    sink: Option<String>,
    /// The table of a postgresql sink; `embeddings` without this. It is made where there is none
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    table: Option<String>,
    /// How long a sink may be away before the run ends; 5m without this
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Output")]
    sink_patience: Option<Duration>,
    /// Embed texts that come again in this run once, as far as the vectors that are kept for that fit 256 MiB
    #[arg(long, help_heading = "Job")]
    dedup: bool,
    /// What happens to a record that cannot be embedded: the run ends (without this), or it is put into dead/ with the
    /// reason
    #[arg(long, value_name = "WHAT", value_parser = ["fail", "skip"], help_heading = "Job")]
    on_error: Option<String>,
    /// End the run where more records than this were put aside
    #[arg(long, value_name = "N", help_heading = "Job")]
    max_errors: Option<u64>,
    /// End this run, in good order, after N records
    #[arg(long, value_name = "N", help_heading = "Job")]
    max_rows: Option<u64>,
    /// End this run, in good order, after so many seconds, or 30m, 12h
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Job")]
    max_time: Option<Duration>,
    /// Do part I of N, from 0: each of N machines does one, in a folder of its own
    #[arg(long, value_name = "I/N", help_heading = "Job")]
    shard: Option<String>,
    /// Go on with the job in the folder; that is so without this, too
    #[arg(long, help_heading = "Job")]
    resume: bool,
    /// Print the summary as one JSON object on standard output
    #[arg(long)]
    pub(super) json: bool,
    #[arg(skip)]
    file: JobFile,
}

/// What vectors of texts that may come again are kept in.
const DEDUP_MEMORY: Bytes = Bytes::new(256 << 20);

const EXAMPLES: &str = "Examples:
  mbed run --input articles.parquet --text-column body --output vectors
  mbed run job.toml
  mbed run --input s3://texts/2026/ --output job --sink postgresql://me@host/search --table articles
  mbed status vectors
  mbed merge vectors -o articles-with-vectors.parquet";

/// Reads `90`, `90s`, `30m`, `12h`.
fn time(text: &str) -> Result<Duration, String> {
    let units = [("s", 1), ("m", 60), ("h", 3600)];
    let found = units.into_iter().find_map(|(end, seconds)| Some((text.strip_suffix(end)?, seconds)));
    let (number, seconds) = found.unwrap_or((text, 1));
    let number: u64 = number.parse().map_err(|_other| "a number of seconds, or 30m, 12h".to_owned())?;
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}

impl RunArguments {
    /// Reads the job file, where one was named.
    pub(crate) fn prepared(mut self) -> Result<Self, Failure> {
        if let Some(path) = &self.job {
            self.file = JobFile::read(path)?;
        }
        Ok(self)
    }

    pub(crate) fn flags(&self) -> Flags {
        let typed = self.model.flags().and(self.chunks.flags()).and(self.read.flags());
        self.file.flags().under(typed)
    }

    /// The job that is asked for.
    pub(super) fn job(&self, settings: &Settings) -> Result<Job, Failure> {
        let file = &self.file;
        let inputs = if self.input.is_empty() { &file.input } else { &self.input };
        let output = self.output.as_ref().or(file.output.as_ref()).ok_or_else(|| {
            Failure::new("no output folder was named", Some("`--output DIR`, or `output` in a job file"))
        })?;
        let named = file.input_format.as_ref().map(|name| name.parse::<InputFormat>()).transpose();
        let format = self.read.input_format.named().or(named.map_err(Failure::pipeline)?);
        let plan = plan_inputs(inputs, format).map_err(Failure::pipeline)?;
        let mut read = self.read.read_options(settings);
        read.text_column = read.text_column.or_else(|| file.text_column.clone());
        read.id_column = read.id_column.or_else(|| file.id_column.clone());
        let mut job = Job::new(output.clone(), plan, read);
        job.options = self.options(settings)?;
        Ok(job)
    }

    fn options(&self, settings: &Settings) -> Result<JobOptions, Failure> {
        let file = &self.file;
        let mut options = JobOptions::default();
        options.on_error = match self.on_error.as_ref().or(file.on_error.as_ref()).map(String::as_str) {
            None | Some("fail") => OnError::Fail,
            Some("skip") => OnError::Skip,
            Some(other) => {
                let message = format!("`{other}` is not what can happen to records that fail");
                return Err(Failure::new(message, Some("choose `fail` or `skip`")));
            }
        };
        options.max_errors = self.max_errors.or(file.max_errors);
        (options.max_records, options.max_time) = (self.max_rows, self.max_time);
        options.unit_records = settings.pipeline.checkpoint_rows;
        if let Some(shard) = self.shard.as_ref().or(file.shard.as_ref()) {
            options.shard = shard.parse::<ShardOf>().map_err(Failure::pipeline)?;
        }
        if let Some(vectors) = self.vectors.as_ref().or(file.vectors.as_ref()) {
            options.vectors = vectors.parse::<VectorType>().map_err(Failure::pipeline)?;
        }
        if let Some(column) = self.vector_column.as_ref().or(file.vector_column.as_ref()) {
            options.vector_column.clone_from(column);
        }
        if let Some(format) = self.format.as_ref().or(file.format.as_ref()) {
            options.format = format.parse::<OutputFormat>().map_err(Failure::pipeline)?;
        }
        options.parquet = self.parquet.or(&file.parquet()?).options();
        if let Some(sink) = self.sink.as_ref().or(file.sink.as_ref()) {
            options.keep =
                Keep::parse(sink, self.table.as_ref().or(file.table.as_ref()).map(String::as_str))?;
        }
        options.patience = self.sink_patience.unwrap_or(options.patience);
        options.dedup = (self.dedup || file.dedup).then_some(DEDUP_MEMORY);
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let check = |text: &str, seconds| assert_eq!(time(text).ok(), Some(Duration::from_secs(seconds)));
        check("90", 90);
        check("90s", 90);
        check("30m", 1800);
        check("12h", 43_200);
        assert!(time("soon").is_err() && time("1.5h").is_err() && time("m").is_err());
    }
}
