//! Why something could not be measured.

use std::io;
use std::path::PathBuf;

use mbed_core::Hint;

use crate::workload::BUILT_IN;

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file or folder cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file does not say what it must.
    #[error("`{}` cannot be used: {reason}", path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A suite asks for something that does not exist.
    #[error("suite `{suite}`: there is no {what} `{name}`")]
    UnknownInSuite {
        /// The suite.
        suite: String,
        /// The kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
        /// Names that exist.
        known: Vec<String>,
    },
    /// There is no suite of this name.
    #[error("there is no suite `{name}`")]
    UnknownSuite {
        /// The name.
        name: String,
        /// Names that exist.
        known: Vec<&'static str>,
    },
    /// There is no workload of this name.
    #[error("there is no workload `{name}`")]
    UnknownWorkload {
        /// The name.
        name: String,
    },
    /// A workload has nothing to embed.
    #[error("the workload `{workload}` has no texts")]
    NoTexts {
        /// The workload.
        workload: String,
    },
    /// A file of results was written by another version.
    #[error("line {line} of `{}` has schema {}, this program reads {expected}", path.display(), schema(*got))]
    OtherSchema {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What it says.
        got: Option<u64>,
        /// What this program reads.
        expected: u32,
    },
    /// Nothing was measured that could be compared.
    #[error("`{}` and `{}` have no measurement in common", left.display(), right.display())]
    NothingInCommon {
        /// One file.
        left: PathBuf,
        /// The other.
        right: PathBuf,
    },
    /// Results are worse than they were.
    #[error("{count} of {all} measurements are slower than in the baseline, beyond noise")]
    Slower {
        /// How many.
        count: usize,
        /// Of how many.
        all: usize,
    },
    /// A process that measures could not be started or talked to.
    #[error("cannot talk to the process that measures")]
    Worker {
        /// Why not.
        source: io::Error,
    },
    /// A process that measures said why it could not.
    #[error("{reason}")]
    Refused {
        /// Its words.
        reason: String,
    },
    /// Nothing of what was asked for can be measured here.
    #[error("nothing that was asked for can be measured on this machine")]
    NothingToMeasure {
        /// What was left out, and why.
        skipped: Vec<String>,
    },
    /// A chart could not be drawn.
    #[error("cannot draw the chart `{chart}`: {reason}")]
    Chart {
        /// Which.
        chart: String,
        /// Why not.
        reason: String,
    },
}

fn schema(found: Option<u64>) -> String {
    found.map_or_else(|| "none".to_owned(), |number| number.to_string())
}

impl Hint for BenchError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownInSuite { known, .. } => Some(format!("known are {}", known.join(", "))),
            Self::UnknownSuite { known, .. } => Some(format!("give a file, or one of {}", known.join(", "))),
            Self::UnknownWorkload { .. } => {
                let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
                Some(format!("workloads are {}, `constant:TOKENS` and `file:PATH`", names.join(", ")))
            }
            Self::NoTexts { .. } => Some("a file of texts has one text a line".to_owned()),
            Self::OtherSchema { .. } => Some("measure again with this version".to_owned()),
            Self::NothingToMeasure { skipped } => Some(skipped.join("; ")),
            _ => None,
        }
    }
}
