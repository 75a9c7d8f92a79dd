//! What `mbed embed` did, in one line.

use mbed::RunStats;
use mbed::memory::MemoryReport;
use serde::Serialize;

use super::stages::Profile;
use crate::commands::memory_words::memory_words;

/// What a run did. The fields are those of `--json`, in their order.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    /// Documents that were read, where they were cut into chunks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) documents: Option<u64>,
    /// Documents that did not fit into the model and were read in windows, with late chunking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) split_documents: Option<u64>,
    /// Rows that were written.
    pub(super) rows: u64,
    /// Tokens that were computed.
    pub(super) tokens: u64,
    /// Rows that were cut at the maximum length.
    pub(super) truncated_rows: u64,
    /// Rows that were left out for bytes that are not UTF-8, where that was asked for.
    pub(super) skipped_rows: u64,
    /// From the first batch to the last byte.
    pub(super) seconds: f64,
    /// Everything before that.
    pub(super) load_seconds: f64,
    pub(super) texts_per_s: f64,
    pub(super) tokens_per_s: f64,
    pub(super) dimensions: usize,
    pub(super) backend: &'static str,
    pub(super) device: String,
    pub(super) device_name: String,
    pub(super) precision: String,
    pub(super) model: String,
    /// `null` where the system does not tell.
    pub(super) peak_memory_bytes: Option<u64>,
    /// Rows that have no vector because they did not fit into memory alone.
    pub(super) failed_rows: u64,
    /// How often a batch was cut into parts because memory ran out.
    pub(super) splits: u64,
    /// How often a session whose device was lost was opened anew.
    pub(super) reopened_sessions: u64,
    /// Sessions that were taken out because their device was lost.
    pub(super) lost_sessions: u64,
    /// How batches sized themselves; `null` where they did not.
    pub(super) memory: Option<MemoryReport>,
    /// What stages took, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) profile: Option<Profile>,
}

impl Summary {
    /// Takes over what was counted; the rates leave the load out.
    pub(super) fn count(&mut self, stats: &RunStats) {
        self.rows = stats.rows;
        self.tokens = stats.tokens;
        self.truncated_rows = stats.truncated_rows;
        self.failed_rows = stats.failed_rows;
        self.splits = stats.splits;
        self.reopened_sessions = stats.reopened_sessions;
        self.lost_sessions = stats.lost_sessions;
        self.seconds = stats.elapsed.as_secs_f64();
        self.texts_per_s = stats.texts_per_second();
        self.tokens_per_s = stats.tokens_per_second();
    }

    /// What became of devices that were lost.
    fn loss_words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if self.reopened_sessions > 0 {
            words.push(format!("a device was lost and opened anew {} times", self.reopened_sessions));
        }
        if self.lost_sessions > 0 {
            words.push(format!("{} sessions lost with their devices, others took over", self.lost_sessions));
        }
        words
    }

    /// What memory did to batches, where it did anything.
    fn memory_words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if self.failed_rows > 0 {
            words.push(format!("{} rows without a vector", self.failed_rows));
        }
        match &self.memory {
            Some(report) => words.extend(memory_words(report)),
            None => words.extend((self.splits > 0).then(|| format!("{} batches split", self.splits))),
        }
        words
    }

    /// For people.
    pub(super) fn line(&self) -> String {
        let mut parts = vec![
            self.documents.map_or_else(String::new, |count| format!("{count} documents, "))
                + &format!("{} rows", self.rows),
            format!("{} tokens", self.tokens),
            format!("{} truncated", self.truncated_rows),
        ];
        if let Some(split) = self.split_documents.filter(|&split| split > 0) {
            parts.push(format!("{split} documents longer than the model, read in windows"));
        }
        if self.skipped_rows > 0 {
            parts.push(format!("{} skipped (not UTF-8)", self.skipped_rows));
        }
        parts.push(format!("{:.1} texts/s", self.texts_per_s));
        parts.push(format!("{:.2} s after {:.2} s load", self.seconds, self.load_seconds));
        parts.push(format!(
            "{} on {} ({}) in {}",
            self.backend, self.device, self.device_name, self.precision
        ));
        parts.extend(self.loss_words());
        parts.extend(self.memory_words());
        parts.join(", ")
    }
}
