//! What a run did.

use std::time::Duration;

/// What a run did, counted as it was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunStats {
    /// Rows that came out, each with a vector.
    pub rows: u64,
    /// Tokens that were computed, special tokens and prompts included.
    pub tokens: u64,
    /// Rows whose text was cut at the maximum length.
    pub truncated_rows: u64,
    /// Batches that were computed.
    pub batches: u64,
    /// Rows that have no vector because they did not fit into memory alone, where the sink let the run go on.
    pub failed_rows: u64,
    /// How often a batch was cut into parts because memory ran out.
    pub splits: u64,
    /// What tokenising took, beside the other stages.
    pub tokenising: Duration,
    /// What finishing and writing vectors took, beside the other stages.
    pub writing: Duration,
    /// From the first read to the last write.
    pub elapsed: Duration,
}

impl RunStats {
    /// Rows a second, 0 where no time has passed.
    #[must_use]
    pub fn texts_per_second(&self) -> f64 {
        rate(self.rows, self.elapsed)
    }

    /// Tokens a second, 0 where no time has passed.
    #[must_use]
    pub fn tokens_per_second(&self) -> f64 {
        rate(self.tokens, self.elapsed)
    }
}

fn rate(count: u64, elapsed: Duration) -> f64 {
    let seconds = elapsed.as_secs_f64();
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}
