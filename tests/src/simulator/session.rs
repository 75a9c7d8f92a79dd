//! A session on the simulated device.

use mbed_core::{
    BackendError, Batch, Bytes, Capabilities, DeviceMemory, Embeddings, Precision, Session, SessionMemory,
};

use super::Simulator;
use super::device::DEVICE;
use crate::fake::{DIMENSIONS, vector_of};

/// A session on the simulated device.
#[derive(Debug)]
pub(super) struct SimulatedSession {
    capabilities: Capabilities,
    simulator: Simulator,
    number: usize,
}

impl SimulatedSession {
    pub(super) fn new(simulator: Simulator, number: usize, max_tokens: usize) -> Self {
        let mut capabilities = Capabilities::new(DEVICE, Precision::F32, DIMENSIONS, max_tokens);
        capabilities.layout = simulator.options.layout;
        Self { capabilities, simulator, number }
    }
}

impl Session for SimulatedSession {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn embed(&mut self, batch: &Batch, output: &mut Embeddings) -> Result<(), BackendError> {
        let options = &self.simulator.options;
        let call = self.simulator.allocate(self.number, batch)?;
        let places = options.layout.places(batch.sequences(), batch.tokens(), batch.longest());
        let clock = &self.simulator.clock;
        clock.pass(options.latency.of(places, clock.now()));
        if let Some((_, long)) = options.hang.filter(|(at, _)| *at == call) {
            clock.pass(long);
        }
        output.reset(batch.rows(), DIMENSIONS);
        for (row, span) in batch.spans().iter().enumerate() {
            let ids = batch.sequence(span.sequence()).map(|sequence| sequence.ids).unwrap_or_default();
            if let Some(place) = output.get_mut(row) {
                place.copy_from_slice(&vector_of(ids, span.tokens()));
            }
        }
        Ok(())
    }

    fn memory(&self) -> SessionMemory {
        let kept = Bytes::new(self.simulator.kept(self.number));
        SessionMemory { weights: Some(Bytes::new(self.simulator.options.weights)), workspace: Some(kept) }
    }

    fn device_memory(&self) -> DeviceMemory {
        let total = Bytes::new(self.simulator.options.capacity);
        DeviceMemory::Own { total, free: Bytes::new(self.simulator.free_now()) }
    }

    fn trim(&mut self) {
        self.simulator.trim(self.number);
    }
}
