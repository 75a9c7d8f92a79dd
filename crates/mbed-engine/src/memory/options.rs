//! What an engine needs to size batches by memory.

use std::sync::Arc;
use std::time::Duration;

use mbed_core::settings::MemorySettings;
use mbed_monitor::Host;

use super::{Clock, CostModel, Learnt, Ledgers, SystemClock};

/// What an engine needs to size batches by memory.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MemoryOptions {
    /// How much may be taken, and when batches grow and shrink.
    pub settings: MemorySettings,
    /// What a batch needs, before anything was measured.
    pub cost: CostModel,
    /// Values of the model, by which the rule of thumb goes where memory cannot be told.
    pub parameters: usize,
    /// What other engines of this process hold; engines that are given clones share one budget a device.
    pub ledgers: Ledgers,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where this machine's memory is read.
    pub host: Host,
    /// What earlier runs have learned.
    pub learnt: Option<Learnt>,
    /// How long memory at rest must stay above where it began to be called a leak.
    pub leak_window: Duration,
}

impl MemoryOptions {
    /// For a lone engine on this machine that has learned nothing yet.
    #[must_use]
    pub fn new(settings: MemorySettings, cost: CostModel, parameters: usize) -> Self {
        Self {
            settings,
            cost,
            parameters,
            ledgers: Ledgers::new(),
            clock: Arc::new(SystemClock::default()),
            host: Host::new(),
            learnt: None,
            leak_window: Duration::from_secs(60),
        }
    }
}
