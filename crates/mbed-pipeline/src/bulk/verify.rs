//! Whether everything in the folder of a job is as it was committed.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::error::JobError;
use super::folder::Paths;
use super::journal::{Totals, Unit, hexadecimal};
use super::manifest::Shape;
use super::shard;
use super::status::open;

/// How far a length may be from 1 and still count as that: binary16 rounds each value by 2^-11 of itself at most, and whole
/// numbers of 8 bits a little more.
const LENGTH_TOLERANCE: f64 = 1e-2;

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
    /// What is not as it was committed.
    pub faults: Vec<String>,
}

/// Reads every shard of the job in `folder`: checksums, rows, vectors, and whether the counts go together.
///
/// # Errors
/// There is no job, or its manifest or its journal cannot be read.
pub fn verify(folder: &Path) -> Result<Verified, JobError> {
    let (paths, manifest, entries) = open(folder)?;
    let mut found = Verified { totals: entries.totals(), ..Verified::default() };
    for (number, unit) in (0..).zip(&entries.units) {
        if unit.number != number {
            found.faults.push(format!("unit {number} is missing"));
        }
        found.units += 1;
        if let Err(fault) = check(&paths, &manifest.output, unit, &mut found.lengths) {
            found.faults.push(format!("unit {}: {fault}", unit.number));
        }
    }
    let Totals { records, rows, written, dead } = found.totals;
    if rows != written + dead {
        found.faults.push(format!("{rows} rows are not {written} written and {dead} dead"));
    }
    if let Some(done) = entries.done
        && (done != found.totals || manifest.records.is_some_and(|all| all != records))
    {
        found.faults.push(format!("the end says {done:?}, the units are {:?}", found.totals));
    }
    let is_one = |length: f64| (length - 1.0).abs() <= LENGTH_TOLERANCE;
    found.has_unit_lengths = found.lengths.is_some_and(|(least, most)| is_one(least) && is_one(most));
    Ok(found)
}

fn check(paths: &Paths, shape: &Shape, unit: &Unit, lengths: &mut Option<(f64, f64)>) -> Result<(), String> {
    if unit.totals.rows != unit.totals.written + unit.totals.dead {
        return Err(format!("{:?} do not go together", unit.totals));
    }
    let dead = fs::read_to_string(paths.dead(unit.number)).map_or(0, |text| text.lines().count() as u64);
    if dead != unit.totals.dead {
        return Err(format!("{dead} dead letters instead of {}", unit.totals.dead));
    }
    let Some(expected) = &unit.shard_sha256 else { return Ok(()) };
    let path = paths.shard(unit.number);
    let bytes = fs::read(&path).map_err(|error| format!("`{}`: {error}", path.display()))?;
    if hexadecimal(&Sha256::digest(&bytes)) != *expected {
        return Err(format!("`{}` is not what was written", path.display()));
    }
    let mut rows = 0;
    let mut bad = None;
    let read = shard::read(&path, shape, |part| {
        for vector in part.vectors.iter() {
            let length = vector.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
            if vector.len() != shape.dimensions || !length.is_finite() {
                bad = Some(rows);
            }
            let (least, most) = lengths.unwrap_or((length, length));
            *lengths = Some((least.min(length), most.max(length)));
            rows += 1;
        }
        Ok(())
    });
    read.map_err(|error| error.to_string())?;
    match bad {
        Some(row) => Err(format!("the vector of row {row} is not finite or too short")),
        None if rows != unit.totals.written => Err(format!("{rows} rows instead of {}", unit.totals.written)),
        None => Ok(()),
    }
}
