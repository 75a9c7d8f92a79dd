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
    /// Longer texts that rows were read within and that did not fit into one sequence.
    pub split_documents: u64,
    /// Batches that were computed.
    pub batches: u64,
    /// Rows that have no vector: they did not fit into memory alone, could not be tokenised, or were too long, and the sink
    /// let the run go on.
    pub failed_rows: u64,
    /// How often a batch was cut into parts because memory ran out.
    pub splits: u64,
    /// How often a session whose device was lost was opened anew.
    pub reopened_sessions: u64,
    /// Sessions that were taken out because their device was lost; others computed what they had.
    pub lost_sessions: u64,
    /// What tokenising took, beside the other stages.
    pub tokenising: Duration,
    /// What finishing and writing vectors took, beside the other stages.
    pub writing: Duration,
    /// From the first read to the last write.
    pub elapsed: Duration,
    /// How long sessions computed, all of them together.
    pub busy: Duration,
    /// How many sessions there are.
    pub sessions: usize,
}

impl RunStats {
    /// Rows a second, 0 where no time has passed.
    #[must_use]
    pub fn texts_per_second(&self) -> f64 {
        rate(self.rows, self.elapsed)
    }

    /// The part of the time, 0 to 1, in which sessions did not compute: they waited for texts, or for somebody to take their
    /// vectors.
    #[must_use]
    pub fn idle_share(&self) -> f64 {
        let available = self.elapsed.as_secs_f64() * self.sessions as f64;
        if available > 0.0 { (1.0 - self.busy.as_secs_f64() / available).max(0.0) } else { 0.0 }
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
