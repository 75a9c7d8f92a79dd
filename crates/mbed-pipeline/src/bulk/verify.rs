//! Whether everything of a job is as it was committed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mbed_engine::Cancel;
use sha2::{Digest, Sha256};

use super::disk::LocalDisk;
use super::error::JobError;
use super::folder::Paths;
use super::journal::{Entries, Totals, Unit, hexadecimal};
use super::manifest::{Identity, Input, Manifest, Shape};
use super::meter::Unwatched;
use super::shard;
use super::status::open;
use super::store::{Keep, Patient};
use super::units::InputDigest;
use crate::plan::plan_exactly;
use crate::read::{BadRecords, Part};
use crate::{InputFormat, InputPlan, PipelineError, ReadOptions, Reader, TextFiles};

/// How far a length may be from 1 and still count as that: binary16 rounds each value by 2^-11 of itself at most, and whole
/// numbers of 8 bits a little more.
const LENGTH_TOLERANCE: f64 = 1e-2;

/// Records of the input that are read at a time.
const PART: usize = 65_536;

/// What is looked at beside the journal and the rows.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Check {
    /// Whether every input is read again and compared with what was read then.
    pub inputs: bool,
    /// Where rows are kept, where the manifest does not say enough to read them: a password is not in it.
    pub keep: Option<Keep>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Verified {
    /// Units that were looked at.
    pub units: u64,
    /// What the journal says of them together.
    pub totals: Totals,
    /// The smallest and the largest length of a vector.
    pub lengths: Option<(f64, f64)>,
    /// Whether all vectors have length 1.
    pub has_unit_lengths: bool,
    /// Records of the input that were read again, where that was asked for.
    pub inputs: Option<u64>,
    /// What is not as it was committed.
    pub faults: Vec<String>,
}

/// Reads every shard of the job in `folder`: checksums, rows, vectors, and whether the counts go together. Reads the inputs
/// again where `check` says so.
///
/// # Errors
/// There is no job, its manifest or its journal cannot be read, or its rows cannot be reached.
pub fn verify(folder: &Path, what: &Check) -> Result<Verified, JobError> {
    let (paths, manifest, entries) = open(folder)?;
    let shape = &manifest.output;
    let keep = match &what.keep {
        Some(keep) => keep.clone(),
        None => Keep::parse(&shape.keep, shape.table_name.as_deref())?,
    };
    let stop = Cancel::new();
    let store = keep.open((&paths, &LocalDisk), &manifest.job, shape);
    let mut store = Patient { store, patience: Duration::ZERO, stop: &stop, watch: &Unwatched };
    let mut found = Verified { totals: entries.totals(), ..Verified::default() };
    for (number, unit) in (0..).zip(&entries.units) {
        if unit.number != number {
            found.faults.push(format!("unit {number} is missing"));
        }
        found.units += 1;
        if let Err(fault) = check(&paths, &mut store, shape, unit, &mut found.lengths) {
            found.faults.push(format!("unit {}: {fault}", unit.number));
        }
    }
    check_counts(&manifest, &entries, &mut found);
    if what.inputs {
        check_inputs(&manifest, &entries, &mut found)?;
    }
    let is_one = |length: f64| (length - 1.0).abs() <= LENGTH_TOLERANCE;
    found.has_unit_lengths = found.lengths.is_some_and(|(least, most)| is_one(least) && is_one(most));
    Ok(found)
}

fn check_counts(manifest: &Manifest, entries: &Entries, found: &mut Verified) {
    let Totals { records, rows, written, dead } = found.totals;
    if rows != written + dead {
        found.faults.push(format!("{rows} rows are not {written} written and {dead} dead"));
    }
    if let Some(done) = entries.done
        && (done != found.totals || manifest.records.is_some_and(|all| all != records))
    {
        found.faults.push(format!("the end says {done:?}, the units are {:?}", found.totals));
    }
}

fn check(
    paths: &Paths,
    store: &mut Patient<'_>,
    shape: &Shape,
    unit: &Unit,
    lengths: &mut Option<(f64, f64)>,
) -> Result<(), String> {
    if unit.totals.rows != unit.totals.written + unit.totals.dead {
        return Err(format!("{:?} do not go together", unit.totals));
    }
    let dead = fs::read_to_string(paths.dead(unit.number)).map_or(0, |text| text.lines().count() as u64);
    if dead != unit.totals.dead {
        return Err(format!("{dead} dead letters instead of {}", unit.totals.dead));
    }
    let Some(expected) = &unit.shard_sha256 else { return Ok(()) };
    let name = store.name(unit.number);
    let bytes = store.get(unit.number).map_err(|error| told(&error))?;
    if hexadecimal(&Sha256::digest(&bytes)) != *expected {
        return Err(format!("`{name}` is not what was written"));
    }
    let mut rows = 0;
    let mut bad = None;
    let read = shard::vectors((&name, bytes), shape, |vector| {
        let length = vector.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        if vector.len() != shape.dimensions || !length.is_finite() {
            bad = Some(rows);
        }
        let (least, most) = lengths.unwrap_or((length, length));
        *lengths = Some((least.min(length), most.max(length)));
        rows += 1;
    });
    read.map_err(|error| told(&error))?;
    match bad {
        Some(row) => Err(format!("the vector of row {row} is not finite or too short")),
        None if rows != unit.totals.written => Err(format!("{rows} rows instead of {}", unit.totals.written)),
        None => Ok(()),
    }
}

/// An error with its cause.
fn told(error: &JobError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// Reads every input again and compares what each unit was made of.
fn check_inputs(manifest: &Manifest, entries: &Entries, found: &mut Verified) -> Result<(), JobError> {
    let mut read = 0;
    let plan = match plan(manifest) {
        Ok(plan) => plan,
        Err(error) => {
            found.faults.push(told(&error.into()));
            return Ok(());
        }
    };
    match super::manifest::inputs(&plan) {
        Ok(now) => found.faults.extend(manifest.differences(&manifest.asked, &now)),
        Err(error) => found.faults.push(told(&error)),
    }
    if let Err(error) = compare_units(manifest, entries, &plan, (&mut read, &mut found.faults)) {
        found.faults.push(told(&error));
    }
    found.inputs = Some(read);
    Ok(())
}

fn compare_units(
    manifest: &Manifest,
    entries: &Entries,
    plan: &InputPlan,
    (read, faults): (&mut u64, &mut Vec<String>),
) -> Result<(), JobError> {
    let mut reader = Reader::open(plan, &read_options(&manifest.asked)?)?;
    reader.skip(manifest.first)?;
    for unit in &entries.units {
        let mut digest = InputDigest::default();
        let mut left = unit.totals.records;
        while left > 0 {
            let rows = usize::try_from(left).unwrap_or(PART).min(PART);
            let Some(Part { window, bad, records }) = reader.next_part(rows)? else { break };
            digest.add(&window, &bad);
            left = left.saturating_sub(records);
            *read += records;
        }
        if left > 0 || digest.finish() != unit.input_sha256 {
            faults.push(format!("unit {}: its input is not what was read then", unit.number));
        }
    }
    Ok(())
}

/// The inputs of a job, in its order.
fn plan(manifest: &Manifest) -> Result<InputPlan, PipelineError> {
    let file = |input: &Input| Ok((PathBuf::from(&input.path), input.format.parse::<InputFormat>()?));
    plan_exactly(manifest.inputs.iter().map(file).collect::<Result<Vec<_>, PipelineError>>()?)
}

/// How the inputs were read.
fn read_options(asked: &Identity) -> Result<ReadOptions, PipelineError> {
    let named = |key: &str| asked.get(key).filter(|value| *value != "auto").cloned();
    let (text_column, id_column) = (named("input.text_column"), named("input.id_column"));
    let mut options = ReadOptions { text_column, id_column, ..ReadOptions::default() };
    if let Some(policy) = named("input.invalid_utf8") {
        options.invalid_utf8 = policy.parse()?;
    }
    if asked.get("input.text_files").is_some_and(|files| files == "whole") {
        options.text_files = TextFiles::Whole;
    }
    if asked.get("errors").is_some_and(|errors| errors == "skip") {
        options.bad_records = BadRecords::Collect;
    }
    Ok(options)
}
