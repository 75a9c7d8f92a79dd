//! A size of batches, and what is known of it.

use std::time::Duration;

/// Comparisons are of batches all over a window, for what is fast with long rows need not be with short ones: windows
/// that must have begun between the first and the last.
const WINDOWS: u64 = 2;

#[derive(Clone, Debug)]
pub(super) struct Arm {
    pub(super) size: usize,
    pub(super) total: Total,
    /// Its batches, as small as rows and memory made them: how many, and their tokens.
    cut: (u64, u64),
    pub(super) state: State,
    pub(super) trials: Trials,
}

/// What a size has done.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Total {
    pub(crate) batches: u64,
    pub(crate) tokens: u64,
    pub(crate) time: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nobody thought of it yet.
    Unknown,
    /// It is tried.
    Open,
    /// It was tried.
    Done,
}

/// Batches of a size beside those of the best.
///
/// Those that ran between the same two batches of the best are one trial: what the two happened to take is in all of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trials {
    pub(super) count: u64,
    /// The seconds that they took.
    took: f64,
    /// The seconds that they would have taken at the pace of the best.
    expected: f64,
    /// Of each trial, the one by the other: sum and sum of squares.
    ratios: f64,
    squares: f64,
    first_window: u64,
    last_window: u64,
}

impl Arm {
    pub(super) const fn new(size: usize) -> Self {
        let total = Total { batches: 0, tokens: 0, time: Duration::ZERO };
        Self { size, total, cut: (0, 0), state: State::Unknown, trials: Trials::NONE }
    }

    /// Counts a batch. Tells whether it was the first, which pays for what was not warm and counts no further.
    pub(super) const fn ran(&mut self, tokens: usize, time: Duration) -> bool {
        self.cut.0 += 1;
        self.cut.1 += tokens as u64;
        self.total.batches += 1;
        let is_first = self.cut.0 == 1;
        if !is_first {
            self.total.tokens += tokens as u64;
            self.total.time = self.total.time.saturating_add(time);
        }
        is_first
    }

    /// Tokens of its batches, which long rows and little memory make smaller than the size.
    pub(super) fn usual_tokens(&self) -> f64 {
        let (count, tokens) = self.cut;
        if count == 0 { self.size as f64 } else { tokens as f64 / count as f64 }
    }
}

impl Total {
    /// Tokens a second.
    pub(crate) fn rate(&self) -> f64 {
        self.tokens as f64 / self.time.as_secs_f64().max(1e-9)
    }
}

impl Trials {
    const NONE: Self = Self {
        count: 0,
        took: 0.0,
        expected: 0.0,
        ratios: 0.0,
        squares: 0.0,
        first_window: 0,
        last_window: 0,
    };

    /// A trial took `seconds`, and would have taken so much at the pace of the best.
    pub(super) fn add(&mut self, seconds: f64, expected: f64, window: u64) {
        if self.count == 0 {
            self.first_window = window;
        }
        self.last_window = window;
        self.count += 1;
        self.took += seconds;
        self.expected += expected;
        let ratio = seconds / expected.max(f64::MIN_POSITIVE);
        self.ratios += ratio;
        self.squares += ratio * ratio;
    }

    /// How much faster than the best it is, as a factor.
    pub(super) fn gain(&self) -> Option<f64> {
        (self.count > 1).then(|| self.expected / self.took.max(f64::MIN_POSITIVE))
    }

    /// Whether there are enough, and all over a window.
    pub(super) const fn are_enough(&self, least: u64) -> bool {
        self.count >= least && self.last_window >= self.first_window + WINDOWS
    }

    /// How far from the true gain chance may have taken [`Self::gain`], as a part of it, where chance that goes as far as
    /// `sure` standard deviations of the normal distribution is not reckoned with.
    ///
    /// The few trials there are say little of how much they vary, so Student's distribution counts: its quantile by that of
    /// the normal one and the degrees of freedom, Abramowitz and Stegun, *Handbook of Mathematical Functions*, 26.7.5, two
    /// terms.
    pub(super) fn doubt(&self, sure: f64) -> f64 {
        if self.count < 2 {
            return f64::INFINITY;
        }
        let count = self.count as f64;
        let (mean, freedom) = (self.ratios / count, count - 1.0);
        let variance = (self.squares - self.ratios * mean).max(0.0) / freedom;
        let first = (sure.powi(3) + sure) / 4.0;
        let second = (5.0 * sure.powi(5) + 16.0 * sure.powi(3) + 3.0 * sure) / 96.0;
        let quantile = sure + first / freedom + second / (freedom * freedom);
        quantile * (variance / count).sqrt() / mean.max(f64::MIN_POSITIVE)
    }

    /// The same beside another best, which is faster than the one before by `gain`.
    pub(super) const fn beside(mut self, gain: f64) -> Self {
        self.expected /= gain;
        self.ratios *= gain;
        self.squares *= gain * gain;
        self
    }

    /// The same seen from the other side: of the best beside this size.
    pub(super) fn reversed(mut self) -> Self {
        let mean = self.ratios / self.count.max(1) as f64;
        let scale = 1.0 / mean.max(f64::MIN_POSITIVE);
        std::mem::swap(&mut self.took, &mut self.expected);
        // What varies is as large a part of the mean as before.
        self.ratios *= scale * scale;
        self.squares *= scale.powi(4);
        self
    }
}
