//! What could not be embedded, and why.

use serde_json::json;

/// Lines of a dead-letter file: a JSON object each, with the record and the reason.
#[derive(Debug, Default)]
pub(super) struct DeadLetters {
    lines: String,
    pub(super) count: u64,
}

impl DeadLetters {
    /// Adds a record by the name it has in messages.
    pub(super) fn add(&mut self, row: &str, reason: &str) {
        self.lines.push_str(&json!({ "row": row, "reason": reason }).to_string());
        self.lines.push('\n');
        self.count += 1;
    }

    pub(super) const fn lines(&self) -> &str {
        self.lines.as_str()
    }
}
