//! What is known of one session of an engine.

use std::sync::Arc;
use std::time::Duration;

use mbed_core::{BatchLayout, Bytes, DeviceMemory, Session};
use mbed_monitor::{Host, LeakWatch};

use super::ledger::{Ledgers, Seat};
use super::{Reading, Shape};

/// This machine is not asked more often: reading its files takes a tenth of a millisecond.
const HOST_INTERVAL: Duration = Duration::from_millis(50);

/// What is known of one session of an engine.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) layout: BatchLayout,
    pub(super) seat: Arc<Seat>,
    pub(super) weights: u64,
    /// What its buffers hold.
    pub(super) kept: u64,
    /// The most demanding batch since its buffers were last given back.
    pub(super) largest: Option<Shape>,
    pub(super) rows_since_trim: usize,
    pub(super) leaks: LeakWatch,
    pub(super) reading: Option<Reading>,
    read_at: Option<Duration>,
}

impl Desk {
    pub(super) fn new(session: &dyn Session, ledgers: &Ledgers, leaks: LeakWatch) -> Self {
        let capabilities = session.capabilities();
        let name = match session.device_memory() {
            DeviceMemory::Host => "host".to_owned(),
            _ => capabilities.device.to_string(),
        };
        let memory = session.memory();
        let weights = memory.weights.map_or(0, Bytes::get);
        let kept = memory.workspace.map_or(0, Bytes::get);
        Self {
            layout: capabilities.layout,
            seat: Arc::new(ledgers.of(&name).sit(weights, kept)),
            weights,
            kept,
            largest: None,
            rows_since_trim: 0,
            leaks,
            reading: None,
            read_at: None,
        }
    }

    /// Looks how much memory there is.
    pub(super) fn read(&mut self, session: &dyn Session, host: &Host, now: Duration) -> Option<Reading> {
        let memory = session.device_memory();
        let is_recent = self.read_at.is_some_and(|at| now.saturating_sub(at) < HOST_INTERVAL);
        if memory != DeviceMemory::Host || !is_recent {
            self.reading = Reading::take(memory, host);
            self.read_at = Some(now);
        }
        self.reading
    }

    /// The session's buffers hold so much now.
    pub(super) fn keeps(&mut self, bytes: u64) {
        if self.kept != bytes {
            self.seat.keeps(bytes);
        }
        self.kept = bytes;
    }

    /// Forgets when it last looked.
    pub(super) const fn look_again(&mut self) {
        self.read_at = None;
    }
}
