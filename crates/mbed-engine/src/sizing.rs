//! Who says how large batches are.

use mbed_core::{BatchLayout, Session};

use crate::EngineOptions;
use crate::batch::Bounds;
use crate::memory::{Controller, Place};
use crate::sequences::Sequence;
use crate::worker::{self, Done, Failure, Retries};

/// Who says how large batches are.
#[derive(Debug)]
pub(crate) enum Sizing {
    /// Settings alone.
    Fixed,
    /// What memory allows and what was measured to be fast, within settings.
    Adaptive(Box<Controller>),
}

/// Sequences of a batch, and the size that they were cut for.
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) sequences: Vec<usize>,
    pub(crate) size: usize,
}

/// How batches are cut and computed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) sizing: &'a Sizing,
    pub(crate) options: &'a EngineOptions,
    pub(crate) layout: BatchLayout,
}

impl Plan<'_> {
    /// How large the next batch may be, and the size that it stands for.
    pub(crate) fn bounds(&self) -> (Bounds, usize) {
        match self.sizing {
            Sizing::Fixed => (Bounds::new(&self.options.batching, self.layout), 0),
            Sizing::Adaptive(controller) => controller.bounds(),
        }
    }

    /// Computes a batch with the session of this number.
    pub(crate) fn compute(
        &self,
        (desk, session): (usize, &mut dyn Session),
        list: &[Sequence],
        Cut { sequences, size }: Cut,
    ) -> Result<Done, Failure> {
        match self.sizing {
            Sizing::Fixed => worker::compute(session, list, sequences, Retries::new(self.options)),
            Sizing::Adaptive(controller) => {
                let min_rows = self.options.batching.min_rows;
                Place { controller, desk, min_rows, size }.compute(session, list, sequences)
            }
        }
    }
}
