//! What stages take, measured between marks.

use std::time::{Duration, Instant};

use mbed_core::StageTime;

/// A stage of the forward pass, in the order of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Looking embeddings up, and what is done to them.
    Embed,
    /// Queries, keys and values.
    Qkv,
    /// Scores, shares and contexts.
    Attention,
    /// The map of contexts.
    Output,
    /// The feed-forward.
    FeedForward,
    /// Norms that are not part of another stage.
    Norm,
    /// Pooling and what comes after it.
    Pool,
}

impl Stage {
    pub(crate) const ALL: [Self; 7] =
        [Self::Embed, Self::Qkv, Self::Attention, Self::Output, Self::FeedForward, Self::Norm, Self::Pool];

    const fn name(self) -> &'static str {
        match self {
            Self::Embed => "embed",
            Self::Qkv => "qkv",
            Self::Attention => "attention",
            Self::Output => "output",
            Self::FeedForward => "feed-forward",
            Self::Norm => "norm",
            Self::Pool => "pool",
        }
    }
}

/// Time and operations of each stage.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times([(Duration, u64); Stage::ALL.len()]);

impl Times {
    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, (time, operations)) in self.0.iter_mut().zip(other.0) {
            sum.0 += time;
            sum.1 += operations;
        }
    }

    /// For the seam; `peak` is what a thread reaches.
    pub(crate) fn stages(&self, peak: Option<f64>) -> Vec<StageTime> {
        let each = Stage::ALL.into_iter().zip(self.0);
        each.map(|(stage, (time, operations))| StageTime::new(stage.name(), time, operations, peak)).collect()
    }
}

/// The clock of one thread. One that does not run costs a comparison a mark.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    last: Option<Instant>,
    times: Times,
}

impl Clock {
    pub(crate) fn start(&mut self) {
        self.last = Some(Instant::now());
    }

    /// What was done since the mark before belongs to `stage`, products of so many operations among it.
    #[inline]
    pub(crate) fn mark(&mut self, stage: Stage, operations: usize) {
        if let Some(last) = &mut self.last {
            let now = Instant::now();
            let sum = &mut self.times.0[stage as usize];
            sum.0 += now - *last;
            sum.1 += operations as u64;
            *last = now;
        }
    }

    /// Stops it and gives what it measured.
    pub(crate) fn stop(&mut self) -> Times {
        self.last = None;
        std::mem::take(&mut self.times)
    }
}
