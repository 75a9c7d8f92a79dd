//! Which settings `mbed tune` tries.

use std::num::NonZeroUsize;

use mbed::settings::{Adapt, Settings};
use serde::Serialize;

/// Tokens of batches: below, every backend that was measured loses much; above, none gains.
const TOKENS: [usize; 7] = [512, 1024, 2048, 4096, 8192, 16_384, 32_768];
/// The most rows of a batch: none, and one that bounds batches of short texts.
const ROWS: [Option<usize>; 2] = [None, Some(64)];

/// One way to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Trial {
    pub(super) max_tokens: NonZeroUsize,
    pub(super) max_rows: Option<NonZeroUsize>,
    #[serde(flatten)]
    pub(super) crew: Crew,
}

/// Who works: what a model must be opened anew for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Crew {
    pub(super) workers: NonZeroUsize,
    pub(super) threads: NonZeroUsize,
}

/// Everything that is tried.
#[derive(Debug)]
pub(super) struct Plan {
    settings: Settings,
    pub(super) trials: Vec<Trial>,
}

impl Plan {
    /// All ways to work with so many `cores`, for what `settings` leave open.
    pub(super) fn new(settings: &Settings, cores: NonZeroUsize) -> Self {
        let mut trials = Vec::new();
        for crew in crews(settings.runtime.threads.unwrap_or(cores)) {
            let tokens = TOKENS.into_iter().filter_map(NonZeroUsize::new);
            let each =
                tokens.flat_map(|max_tokens| ROWS.map(|rows| (max_tokens, rows.and_then(NonZeroUsize::new))));
            trials.extend(each.map(|(max_tokens, max_rows)| Trial { max_tokens, max_rows, crew }));
        }
        Self { settings: settings.clone(), trials }
    }

    /// The settings of a trial. Batches do not size themselves: it is about this size.
    pub(super) fn settings_of(&self, trial: Trial) -> Settings {
        let mut settings = self.settings.clone();
        settings.memory.adapt = Adapt::Off;
        settings.batching.max_tokens = trial.max_tokens;
        settings.batching.max_rows = trial.max_rows;
        settings.batching.batch_size = None;
        settings.runtime.threads = Some(trial.crew.threads);
        settings.runtime.workers_per_device = Some(trial.crew.workers);
        settings
    }
}

/// All threads or half of them, with one worker, two, or one a thread.
fn crews(threads: NonZeroUsize) -> Vec<Crew> {
    let half = NonZeroUsize::new(threads.get() / 2).unwrap_or(NonZeroUsize::MIN);
    let two = NonZeroUsize::MIN.saturating_add(1);
    let mut crews = Vec::new();
    for threads in [threads, half] {
        for workers in [NonZeroUsize::MIN, two, threads] {
            let crew = Crew { workers, threads };
            if workers <= threads && workers.get() <= 4 && !crews.contains(&crew) {
                crews.push(crew);
            }
        }
    }
    crews
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_machine_has_few_crews_and_no_more_workers_than_threads() {
        let check = |threads: usize, expected: &[(usize, usize)]| {
            let found = crews(NonZeroUsize::new(threads).unwrap());
            let found: Vec<_> = found.iter().map(|crew| (crew.workers.get(), crew.threads.get())).collect();
            assert_eq!(found, expected);
        };
        check(1, &[(1, 1)]);
        check(2, &[(1, 2), (2, 2), (1, 1)]);
        check(64, &[(1, 64), (2, 64), (1, 32), (2, 32)]);
    }

    #[test]
    fn every_combination_is_tried_once() {
        let plan = Plan::new(&Settings::default(), NonZeroUsize::MIN);
        assert_eq!(plan.trials.len(), TOKENS.len() * ROWS.len());
        let settings = plan.settings_of(plan.trials[1]);
        assert_eq!(settings.batching.max_tokens.get(), 512);
        assert_eq!(settings.batching.row_cap(), NonZeroUsize::new(64));
        assert_eq!(settings.memory.adapt, Adapt::Off);
    }
}
