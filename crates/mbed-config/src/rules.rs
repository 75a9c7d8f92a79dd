//! What must hold between settings.

use mbed_core::settings::Settings;

use crate::{ConfigError, Resolved};

/// Two settings, and what must hold between them.
struct Rule {
    first: &'static str,
    second: &'static str,
    holds: fn(&Settings) -> bool,
    says: &'static str,
}

const RULES: [Rule; 5] = [
    Rule {
        first: "batching.min_rows",
        second: "batching.batch_size",
        holds: |settings| settings.batching.batch_size.is_none_or(|rows| settings.batching.min_rows <= rows),
        says: "the first may be at most the second",
    },
    Rule {
        first: "batching.min_rows",
        second: "batching.max_rows",
        holds: |settings| settings.batching.max_rows.is_none_or(|rows| settings.batching.min_rows <= rows),
        says: "the first may be at most the second",
    },
    Rule {
        first: "batching.batch_size",
        second: "batching.max_rows",
        holds: |settings| {
            let batching = &settings.batching;
            batching.batch_size.zip(batching.max_rows).is_none_or(|(size, most)| size <= most)
        },
        says: "the first may be at most the second",
    },
    Rule {
        first: "memory.growth.below",
        second: "memory.pressure_threshold",
        holds: |settings| settings.memory.growth.below < settings.memory.pressure_threshold,
        says: "the first must be below the second, or batches would grow and shrink by turns",
    },
    Rule {
        first: "runtime.threads",
        second: "runtime.workers_per_device",
        holds: |settings| {
            let runtime = &settings.runtime;
            runtime
                .threads
                .zip(runtime.workers_per_device)
                .is_none_or(|(threads, workers)| workers <= threads)
        },
        says: "the second may be at most the first, so that each worker has a thread",
    },
];

/// Checks every rule.
pub(crate) fn check(resolved: &Resolved) -> Result<(), ConfigError> {
    for rule in &RULES {
        let stated = (resolved.stated(rule.first), resolved.stated(rule.second));
        if let ((Some(first), Some(second)), false) = (stated, (rule.holds)(&resolved.settings)) {
            let (first, second) = (Box::new(first), Box::new(second));
            return Err(ConfigError::Conflict { first, second, rule: rule.says });
        }
    }
    Ok(())
}
