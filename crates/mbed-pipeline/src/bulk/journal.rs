//! Which units are done: a file that only grows, each line with a checksum over itself and all lines before it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::disk::Disk;
use super::error::JobError;
use crate::read::Bookmark;

/// Hexadecimal digits of a line's checksum: half of a SHA-256.
const DIGITS: usize = 32;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Entry {
    /// A unit was committed.
    Unit(Unit),
    /// All units were.
    Done(Totals),
}

/// A unit that was committed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unit {
    /// Its number, from 0.
    pub(super) number: u64,
    /// What it holds.
    #[serde(flatten)]
    pub(super) totals: Totals,
    /// The size of its shard, `None` where all of its records are dead.
    pub(super) shard_bytes: Option<u64>,
    /// The SHA-256 of its shard, in hexadecimal digits.
    pub(super) shard_sha256: Option<String>,
    /// The SHA-256 of its input: of the digests of its texts and of its bad records, each with its length before it.
    pub(super) input_sha256: String,
    /// Where in the input the record behind it begins, where one can go there at once.
    pub(super) behind: Option<Bookmark>,
    /// How long it took.
    pub(super) seconds: f64,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Records of the input that were read.
    pub records: u64,
    /// Rows that were to be embedded: the records, or their chunks; a record that cannot be read counts as one.
    pub rows: u64,
    /// Rows that were written with their vectors.
    pub written: u64,
    /// Rows that were put aside. `rows` are `written` and `dead` together, always.
    pub dead: u64,
}

impl Totals {
    pub(super) const fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.rows += other.rows;
        self.written += other.written;
        self.dead += other.dead;
    }

    pub(super) const fn since(&self, before: &Self) -> Self {
        Self {
            records: self.records - before.records,
            rows: self.rows - before.rows,
            written: self.written - before.written,
            dead: self.dead - before.dead,
        }
    }
}

/// A journal to add to.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    checksum: String,
}

/// What a journal holds.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) units: Vec<Unit>,
    pub(super) done: Option<Totals>,
    /// Bytes of whole lines.
    whole: u64,
    checksum: String,
}

impl Entries {
    /// Reads a journal. What a kill left of a last line is not part of it.
    ///
    /// # Errors
    /// It cannot be read, or a line that is not the last is not as it was written.
    pub(super) fn read(path: &Path) -> Result<Self, JobError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(JobError::Folder { path: path.to_owned(), source }),
        };
        let mut entries = Self::default();
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').peekable();
        while let Some(line) = lines.next() {
            let Some(entry) = parse(&entries.checksum, line) else {
                if lines.peek().is_none() {
                    break;
                }
                let reason = format!("line {} has been changed", entries.units.len() + 1);
                return Err(JobError::Damaged { path: path.to_owned(), reason });
            };
            entries.checksum = String::from_utf8_lossy(line.get(..DIGITS).unwrap_or_default()).into_owned();
            entries.whole += line.len() as u64;
            match entry {
                Entry::Unit(unit) => entries.units.push(unit),
                Entry::Done(totals) => entries.done = Some(totals),
            }
        }
        Ok(entries)
    }

    /// All units together.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for unit in &self.units {
            totals.add(&unit.totals);
        }
        totals
    }

    /// The journal, to go on with; what a kill left of a last line is cut off.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn journal(&self, path: PathBuf) -> Result<Journal, JobError> {
        let cut = || -> io::Result<()> {
            let Ok(file) = fs::OpenOptions::new().write(true).open(&path) else { return Ok(()) };
            if file.metadata()?.len() > self.whole {
                file.set_len(self.whole)?;
                file.sync_all()?;
            }
            Ok(())
        };
        cut().map_err(|source| JobError::Write { path: path.clone(), source })?;
        Ok(Journal { path, checksum: self.checksum.clone() })
    }
}

impl Journal {
    /// Adds an entry and waits until it is safely on the disk.
    ///
    /// # Errors
    /// It cannot be written. What there may be of it is ignored, and cut off by the next run.
    pub(super) fn add(&mut self, disk: &dyn Disk, entry: &Entry) -> Result<(), JobError> {
        let failed = |source| JobError::Write { path: self.path.clone(), source };
        let text = serde_json::to_string(entry).map_err(|error| failed(error.into()))?;
        let checksum = checksum(&self.checksum, &text);
        disk.append(&self.path, format!("{checksum} {text}\n").as_bytes()).map_err(failed)?;
        disk.sync(&self.path).map_err(failed)?;
        self.checksum = checksum;
        Ok(())
    }
}

fn parse(before: &str, line: &[u8]) -> Option<Entry> {
    let line = str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (found, text) = line.split_at_checked(DIGITS)?;
    let text = text.strip_prefix(' ')?;
    if checksum(before, text) != found {
        return None;
    }
    serde_json::from_str(text).ok()
}

fn checksum(before: &str, text: &str) -> String {
    let digest = Sha256::new().chain_update(before).chain_update(text).finalize();
    let mut digits = hexadecimal(&digest);
    digits.truncate(DIGITS);
    digits
}

/// Bytes as hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::LocalDisk;
    use super::*;

    fn unit(number: u64) -> Entry {
        let totals = Totals { records: 3, rows: 3, written: 2, dead: 1 };
        Entry::Unit(Unit { number, totals, ..Unit::default() })
    }

    #[test]
    fn a_journal_reads_back_whatever_a_kill_left_of_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Entries::read(&path).unwrap().journal(path.clone()).unwrap();
        journal.add(&LocalDisk, &unit(0)).unwrap();
        let first = fs::read(&path).unwrap().len();
        journal.add(&LocalDisk, &unit(1)).unwrap();
        let whole = fs::read(&path).unwrap();
        for length in first..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let entries = Entries::read(&path).unwrap();
            assert_eq!(entries.units.len(), 1, "{length}");
            // What is added next is the same as if nothing had happened.
            entries.journal(path.clone()).unwrap().add(&LocalDisk, &unit(1)).unwrap();
            assert_eq!(fs::read(&path).unwrap(), whole);
        }
    }

    #[test]
    fn a_changed_a_lost_and_a_moved_line_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Entries::default().journal(path.clone()).unwrap();
        for number in 0..4 {
            journal.add(&LocalDisk, &unit(number)).unwrap();
        }
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let check = |lines: &[&str]| {
            fs::write(&path, lines.join("\n") + "\n").unwrap();
            Entries::read(&path).map(|entries| entries.units.len()).map_err(|error| error.to_string())
        };
        assert_eq!(check(&lines), Ok(4));
        assert!(check(&[lines[0], &lines[1].replace("\"written\":2", "\"written\":3"), lines[2]]).is_err());
        assert!(check(&[lines[0], lines[2], lines[3]]).is_err());
        assert!(check(&[lines[1], lines[0], lines[2]]).is_err());
    }
}
