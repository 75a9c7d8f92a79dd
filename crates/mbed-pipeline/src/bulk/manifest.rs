//! What a job is: what it reads, and everything that its vectors depend on.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::copy::TableColumn;
use super::disk::{Disk, put};
use super::error::JobError;
use crate::read::Known;
use crate::{InputPlan, OutputFormat};

/// The version of the folder's layout.
const VERSION: u32 = 2;

/// Everything that the vectors depend on beside the inputs, by name: settings, the model's fingerprint, the backend.
pub type Identity = BTreeMap<String, String>;

/// What a job is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) version: u32,
    /// What tells this job from all others, in a table that several write to.
    pub(super) job: String,
    /// The version of mbed that began it.
    pub(super) mbed: String,
    /// What was asked for.
    pub(super) asked: Identity,
    /// What that became, once the model was open.
    pub(super) became: Identity,
    pub(super) inputs: Vec<Input>,
    /// What need not be found out about the inputs again.
    pub(super) known: Option<Known>,
    /// Records of the input in all, for this machine where several share them.
    pub(super) records: Option<u64>,
    /// The first record of this machine.
    pub(super) first: u64,
    pub(super) output: Shape,
}

/// How shards look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shape {
    pub(super) text_column: String,
    pub(super) vector_column: String,
    pub(super) vectors: String,
    pub(super) dimensions: usize,
    /// The format of shards.
    pub(super) format: String,
    /// Where they are kept.
    pub(super) keep: String,
    /// The table, where they are rows of one.
    pub(super) table_name: Option<String>,
    /// Its columns for records.
    pub(super) table: Vec<TableColumn>,
}

impl Shape {
    /// The format of shards, where they are files.
    pub(super) fn files(&self) -> OutputFormat {
        self.format.parse().unwrap_or(OutputFormat::Parquet)
    }

    /// Whether rows are in a table.
    pub(super) const fn is_table(&self) -> bool {
        self.table_name.is_some()
    }
}

/// A file as it was when the job began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    pub(super) path: String,
    pub(super) format: String,
    pub(super) bytes: u64,
    pub(super) modified_ns: u64,
}

impl Manifest {
    pub(super) fn new(asked: Identity, inputs: Vec<Input>) -> Self {
        Self {
            version: VERSION,
            job: unlike_others(),
            mbed: env!("CARGO_PKG_VERSION").to_owned(),
            asked,
            became: Identity::new(),
            inputs,
            known: None,
            records: None,
            first: 0,
            output: Shape::default(),
        }
    }

    /// The manifest at `path`, `None` where there is none.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, JobError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(JobError::Folder { path: path.to_owned(), source }),
        };
        let damaged = |reason: String| JobError::Damaged { path: path.to_owned(), reason };
        let manifest: Self = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if manifest.version == VERSION {
            return Ok(Some(manifest));
        }
        Err(damaged(format!("its version is {}, this mbed knows {VERSION}", manifest.version)))
    }

    pub(super) fn write(&self, disk: &dyn Disk, path: &Path) -> Result<(), JobError> {
        let failed = |source| JobError::Write { path: path.to_owned(), source };
        let text = serde_json::to_string_pretty(self).map_err(|error| failed(error.into()))?;
        put(disk, path, text.as_bytes()).map_err(failed)
    }

    /// What differs from a job of these inputs that is asked for so.
    pub(super) fn differences(&self, asked: &Identity, inputs: &[Input]) -> Vec<String> {
        let mut found = compare(&self.asked, asked);
        let mbed = env!("CARGO_PKG_VERSION");
        if self.mbed != mbed {
            found.push(format!("mbed was {}, is {mbed}", self.mbed));
        }
        if self.inputs.len() != inputs.len() {
            found.push(format!("inputs were {} files, are {}", self.inputs.len(), inputs.len()));
        }
        for (before, now) in self.inputs.iter().zip(inputs).filter(|(before, now)| before != now) {
            found.push(if before.path == now.path {
                format!("`{}` has changed: {} bytes before, {} now", now.path, before.bytes, now.bytes)
            } else {
                format!("input `{}` was `{}`", now.path, before.path)
            });
        }
        found
    }
}

/// Digits that no two jobs share.
fn unlike_others() -> String {
    // The keys of hash tables are random (the standard library sees to that), and a hash of nothing tells them.
    let random = || std::hash::RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

/// What differs between two identities, in words.
pub(super) fn compare(before: &Identity, now: &Identity) -> Vec<String> {
    let keys: std::collections::BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let shown = |identity: &Identity, key: &str| {
        identity.get(key).map_or_else(|| "not set".to_owned(), |value| format!("`{value}`"))
    };
    keys.into_iter()
        .filter(|key| before.get(*key) != now.get(*key))
        .map(|key| format!("{key} was {}, is {}", shown(before, key), shown(now, key)))
        .collect()
}

/// The files of a plan as they are now.
///
/// # Errors
/// One is not there, or cannot be read more than once.
pub(super) fn inputs(plan: &InputPlan) -> Result<Vec<Input>, JobError> {
    let input = |file: &crate::InputFile| {
        let path = file.path().to_string_lossy().into_owned();
        if !file.is_regular() {
            return Err(JobError::NotAFile { path: crate::place::label(&path).to_owned() });
        }
        let failed = |source| JobError::Folder { path: file.path().to_owned(), source };
        let (bytes, modified_ns) = file.stamp().map_err(failed)?;
        Ok(Input { path, format: file.format().to_string(), bytes, modified_ns })
    };
    plan.files().iter().map(input).collect()
}
