//! Raw results: one JSON object a line, each whole by itself.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::BenchError;
use crate::machine::Machine;
use crate::peak::Peak;
use crate::stats::{Estimate, Percentiles, Trend};
use crate::suite::{Cell, Skipped};
use crate::worker::Opened;

/// What rows mean. Another number means that they cannot be read with these types.
pub const SCHEMA: u32 = 1;

/// One result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// [`SCHEMA`]
    pub schema: u32,
    /// When and with what it was measured.
    pub origin: Origin,
    /// What was measured.
    #[serde(flatten)]
    pub body: Body,
}

/// When and with what something was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The suite or study.
    pub study: String,
    /// Seconds since 1970.
    pub time: u64,
    /// The commit of the program, with a mark where the tree had changes.
    pub commit: String,
    /// The version of the program.
    pub version: String,
    /// Backends that are built in.
    pub features: Vec<String>,
    /// `release`, or `debug`, whose figures are worth nothing.
    pub profile: String,
    /// The machine.
    pub machine: Machine,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "result", rename_all = "snake_case")]
pub enum Body {
    /// How fast a cell is.
    Throughput(Box<Throughput>),
    /// A point of a study of batch sizes or workers.
    Sweep(Box<SweepPoint>),
    /// What a study comes to.
    Advice(Advice),
    /// A long run.
    Sustained(Box<Sustained>),
    /// How close vectors are to the reference's.
    Accuracy(Box<Accuracy>),
    /// Another engine, or ours beside it.
    Peer(Box<Peer>),
    /// What the processor can do at best.
    Peak(Peak),
    /// What was left out.
    Skipped(Skipped),
    /// Why figures of this run deserve a second look.
    Warning {
        /// The reason.
        text: String,
    },
}

/// How fast a cell is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    /// The cell.
    pub cell: Cell,
    /// What came of it.
    pub opened: Opened,
    /// Texts a second of each round, in the order of time; outliers are in it.
    pub rounds: Vec<f64>,
    /// The numbers of rounds that lie far from the others. They count.
    pub outliers: Vec<usize>,
    /// Rounds that were thrown away before.
    pub warm_up: Vec<f64>,
    /// Texts a second.
    pub texts_per_s: Estimate,
    /// Tokens a second, padding not counted.
    pub tokens_per_s: Estimate,
    /// Texts a minute, as the classic targets count.
    pub docs_per_min: f64,
    /// What a batch takes in the session, in milliseconds.
    pub batch_ms: Option<Percentiles>,
    /// Tokens of a batch on the average.
    pub batch_tokens_mean: Option<f64>,
    /// What a text takes alone, from text to vector, in milliseconds.
    pub alone_ms: Option<Percentiles>,
    /// The part of token places that was padding.
    pub padding: f64,
    /// The part of texts that was cut.
    pub truncated: f64,
    /// Billions of floating-point operations a second.
    pub gflops: Option<f64>,
    /// The part of the measured peak of matrix products that is.
    pub peak_share: Option<f64>,
    /// The most memory of its process.
    pub peak_bytes: Option<u64>,
    /// Cores that it kept busy.
    pub cores: Option<f64>,
    /// Joules of a text, where a counter could be read.
    pub joules: Option<f64>,
    /// The highest temperature meanwhile.
    pub celsius: Option<f64>,
    /// Why a graphics card ran slower than it could.
    pub throttled_by: Vec<String>,
}

/// A point of a study of batch sizes or workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepPoint {
    /// `batch` or `workers`.
    pub of: String,
    /// Rows of a batch, or workers.
    pub value: usize,
    /// Texts that were embedded at a time.
    pub texts: usize,
    /// The cell.
    pub cell: Cell,
    /// Texts a second.
    pub texts_per_s: Estimate,
    /// Texts a second of each round.
    pub rounds: Vec<f64>,
    /// How it stands to the program's own choice, measured in turns with it.
    pub beside_default: Estimate,
    /// The most memory of its process.
    pub peak_bytes: Option<u64>,
}

/// What a study comes to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// `batch` or `workers`.
    pub of: String,
    /// What to set.
    pub setting: String,
    /// Why.
    pub reason: String,
    /// The program's own choice divided by the best of the study.
    pub default_share: f64,
    /// Values that were not measured because the curve was clear.
    pub left_out: Vec<usize>,
}

/// A long run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sustained {
    /// The cell.
    pub cell: Cell,
    /// What came of it.
    pub opened: Opened,
    /// What each window of time came to.
    pub windows: Vec<Window>,
    /// How many windows at the start are warming up.
    pub warm_up: usize,
    /// Texts a second of the steady part.
    pub texts_per_s: Estimate,
    /// The direction of the steady part, in texts a second for each window.
    pub trend: Option<Trend>,
    /// What the first texts would have predicted.
    pub rehearsals: Vec<Rehearsal>,
}

/// One window of a long run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Its end, in seconds since the run began.
    pub seconds: f64,
    /// Texts in it.
    pub texts: usize,
    /// Texts a second.
    pub texts_per_s: f64,
    /// The hottest sensor at its end.
    pub celsius: Option<f64>,
    /// The slowest core's clock at its end.
    pub mhz: Option<f64>,
}

/// What the first texts of a run would have predicted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// How many there were.
    pub texts: usize,
    /// Their texts a second, the model's opening counted.
    pub texts_per_s: f64,
    /// Seconds for the whole run by that.
    pub predicted_s: f64,
    /// Seconds that it took.
    pub actual_s: f64,
}

/// How close vectors are to the reference's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// The cell.
    pub cell: Cell,
    /// What came of it.
    pub opened: Opened,
    /// Who the reference is.
    pub reference: String,
    /// The smallest cosine.
    pub min_cosine: f64,
    /// The mean.
    pub mean_cosine: f64,
    /// 1 − cosine below which 50, 90, 99 and 100 of 100 texts are.
    pub distances: [f64; 4],
    /// Spearman's correlation with people's judgement, where a file of pairs was given.
    pub sts: Option<f64>,
    /// The part of queries whose passage is the first that is found.
    pub recall_at_1: f64,
    /// The part of queries whose passage is among the first ten.
    pub recall_at_10: f64,
    /// The part of the reference's first ten that is found as well.
    pub same_ten: f64,
}

/// An engine that was measured in turns with others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peer {
    /// Its name with its precision.
    pub engine: String,
    /// Its version.
    #[serde(default)]
    pub version: Option<String>,
    /// How it was set.
    #[serde(default)]
    pub settings: Option<String>,
    /// The texts.
    pub texts: String,
    /// How many.
    pub rows: usize,
    /// Their mean length in tokens.
    pub tokens_mean: f64,
    /// Texts a second of each round; none where it could not be measured.
    pub rounds: Vec<f64>,
    /// The batch size that was best for it, where one had to be found.
    pub batch: Option<usize>,
    /// The smallest cosine to the reference in f32.
    pub min_cosine: Option<f64>,
    /// Threads.
    pub threads: usize,
    /// Why it was not measured.
    #[serde(default)]
    pub missing: Option<String>,
}

/// Reads a file of rows.
///
/// # Errors
/// It cannot be read, or a line was written by another version or is none of ours.
pub fn read(path: &Path) -> Result<Vec<Row>, BenchError> {
    let text =
        fs::read_to_string(path).map_err(|source| BenchError::Read { path: path.to_owned(), source })?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(index, line)| parse(path, index + 1, line)).collect()
}

fn parse(path: &Path, line: usize, text: &str) -> Result<Row, BenchError> {
    let bad = |error: serde_json::Error| BenchError::BadFile {
        path: path.to_owned(),
        reason: format!("line {line}: {error}"),
    };
    let value: Value = serde_json::from_str(text).map_err(bad)?;
    let got = value.get("schema").and_then(Value::as_u64);
    if got != Some(u64::from(SCHEMA)) {
        return Err(BenchError::OtherSchema { path: path.to_owned(), line, got, expected: SCHEMA });
    }
    serde_json::from_value(value).map_err(bad)
}

/// Writes rows into a file, in place of what it held.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, rows: &[Row]) -> Result<(), BenchError> {
    if path.exists() {
        fs::remove_file(path).map_err(|source| BenchError::Write { path: path.to_owned(), source })?;
    }
    append(path, rows)
}

/// Adds rows to a file, which is made where it does not exist.
///
/// # Errors
/// It cannot be written.
pub fn append(path: &Path, rows: &[Row]) -> Result<(), BenchError> {
    let failed = |source| BenchError::Write { path: path.to_owned(), source };
    let mut text = String::new();
    for row in rows {
        text += &serde_json::to_string(row).map_err(|error| failed(error.into()))?;
        text.push('\n');
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}
