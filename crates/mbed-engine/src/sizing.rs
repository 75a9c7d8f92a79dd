//! Who says how large batches are.

use std::time::Duration;

use mbed_core::{BatchLayout, Session};

use crate::EngineOptions;
use crate::batch::{Bounds, Cutter};
use crate::memory::{AtWork, Controller, Place};
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

/// Sequences of a batch, and the size that they stand for in measurements.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    pub(crate) sequences: Vec<usize>,
    pub(crate) size: Option<usize>,
}

/// How batches are cut and computed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) sizing: &'a Sizing,
    pub(crate) options: &'a EngineOptions,
    pub(crate) layout: BatchLayout,
}

impl Plan<'_> {
    /// A window begins.
    pub(crate) fn window(&self) {
        if let Sizing::Adaptive(controller) = self.sizing {
            controller.window();
        }
    }

    /// The next batch of a window, or `None` where no rows are left.
    pub(crate) fn cut(&self, cutter: &mut Cutter<'_>) -> Option<Cut> {
        match self.sizing {
            Sizing::Fixed => {
                let sequences = cutter.next(&Bounds::new(&self.options.batching, self.layout))?;
                Some(Cut { sequences, size: None })
            }
            Sizing::Adaptive(controller) => {
                let (bounds, size) = controller.bounds();
                let sequences = cutter.next(&bounds)?;
                // The rest of a window says nothing about the size.
                let size = (!cutter.is_empty()).then_some(size);
                Some(Cut { sequences, size })
            }
        }
    }

    /// The first `sessions` compute, until what this gives is dropped.
    pub(crate) fn at_work(&self, sessions: usize) -> Option<AtWork> {
        match self.sizing {
            Sizing::Fixed => None,
            Sizing::Adaptive(controller) => Some(controller.at_work(sessions)),
        }
    }

    /// The session of this number has had no work for so long.
    pub(crate) fn idle(&self, (desk, session): (usize, &mut dyn Session), time: Duration) {
        if let Sizing::Adaptive(controller) = self.sizing {
            controller.idle(desk, session, time);
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
