//! Records that cannot be embedded.

use std::mem;

use super::reader::{BadRecord, BadRecords};
use crate::{PipelineError, Place};

/// Records that cannot be embedded, since they were last taken.
pub(super) struct Rejected {
    policy: BadRecords,
    records: Vec<BadRecord>,
}

impl Rejected {
    pub(super) const fn new(policy: BadRecords) -> Self {
        Self { policy, records: Vec::new() }
    }

    pub(super) const fn policy(&self) -> BadRecords {
        self.policy
    }

    /// Puts a record aside, or fails.
    ///
    /// # Errors
    /// It is an error here.
    pub(super) fn add(&mut self, place: Place, error: PipelineError) -> Result<(), PipelineError> {
        if self.policy == BadRecords::Fail {
            return Err(error);
        }
        self.records.push(BadRecord { place, reason: error.to_string() });
        Ok(())
    }

    /// How many wait to be taken.
    pub(super) const fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn take(&mut self) -> Vec<BadRecord> {
        mem::take(&mut self.records)
    }
}
