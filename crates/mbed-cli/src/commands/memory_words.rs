//! What memory did to batches, in words.

use mbed::memory::MemoryReport;

/// What memory did to batches, each fact for itself; nothing where it did nothing.
pub(super) fn memory_words(report: &MemoryReport) -> Vec<String> {
    let mut words = Vec::new();
    if report.first_tokens != report.tokens {
        words.push(format!("batches of {} tokens after {}", report.tokens, report.first_tokens));
    }
    if report.out_of_memory > 0 {
        let (failures, retries) = (report.out_of_memory, report.retries);
        words.push(format!("memory ran out {failures} times, {retries} parts tried again"));
    }
    if report.event_count > 0 {
        words.push(format!("{} events of memory", report.event_count));
    }
    if let Some(ceiling) = report.ceiling {
        words.push(format!("a batch of {ceiling} tokens does not fit"));
    }
    words
}
