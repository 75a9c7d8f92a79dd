//! Handles of a device that go back when they are dropped.

use std::sync::Arc;

use crate::driver::{
    Device, DriverError, Event, Graph, HostBuffer, HostMemory, HostRange, Operands, Plan, Product, Stream,
};

/// A stream of one owner.
#[derive(Debug)]
pub(crate) struct Lane {
    device: Arc<dyn Device>,
    stream: Stream,
}

impl Lane {
    pub(crate) fn new(device: &Arc<dyn Device>) -> Result<Self, DriverError> {
        Ok(Self { stream: device.stream()?, device: Arc::clone(device) })
    }

    pub(crate) const fn stream(&self) -> Stream {
        self.stream
    }

    pub(crate) fn synchronize(&self) -> Result<(), DriverError> {
        self.device.synchronize(self.stream)
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.device.destroy_stream(self.stream);
    }
}

/// An event of one owner.
#[derive(Debug)]
pub(crate) struct Mark {
    device: Arc<dyn Device>,
    event: Event,
}

impl Mark {
    pub(crate) fn new(device: &Arc<dyn Device>) -> Result<Self, DriverError> {
        Ok(Self { event: device.event()?, device: Arc::clone(device) })
    }

    /// Happens when what is in `lane` now is done.
    pub(crate) fn record(&self, lane: &Lane) -> Result<(), DriverError> {
        self.device.record(self.event, lane.stream)
    }

    /// What is put into `lane` from now on waits for it.
    pub(crate) fn hold(&self, lane: &Lane) -> Result<(), DriverError> {
        self.device.wait(lane.stream, self.event)
    }

    /// Waits for it here.
    pub(crate) fn synchronize(&self) -> Result<(), DriverError> {
        self.device.synchronize_event(self.event)
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        self.device.destroy_event(self.event);
    }
}

/// Memory of the host that the device copies from or to.
#[derive(Debug)]
pub(crate) struct Shelf {
    device: Arc<dyn Device>,
    buffer: HostBuffer,
}

impl Shelf {
    pub(crate) fn new(device: &Arc<dyn Device>, bytes: usize, kind: HostMemory) -> Result<Self, DriverError> {
        Ok(Self { buffer: device.host_buffer(bytes, kind)?, device: Arc::clone(device) })
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.buffer.bytes
    }

    /// `bytes` from `start` on.
    pub(crate) const fn range(&self, start: usize, bytes: usize) -> HostRange {
        HostRange { buffer: self.buffer, start, bytes }
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.device.free_host_buffer(self.buffer);
    }
}

/// How one shape of product is computed.
#[derive(Debug)]
pub(crate) struct Way {
    device: Arc<dyn Device>,
    plan: Plan,
}

impl Way {
    pub(crate) fn new(
        device: &Arc<dyn Device>,
        (product, operands): (&Product, &Operands),
        lane: &Lane,
    ) -> Result<Self, DriverError> {
        Ok(Self { plan: device.plan(product, operands, lane.stream)?, device: Arc::clone(device) })
    }

    pub(crate) fn run(&self, operands: &Operands, lane: &Lane) -> Result<(), DriverError> {
        self.device.multiply(self.plan, operands, lane.stream)
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.device.forget(self.plan);
    }
}

/// Captured work.
#[derive(Debug)]
pub(crate) struct Recording {
    device: Arc<dyn Device>,
    graph: Graph,
}

impl Recording {
    /// Notes down what `work` puts into `lane`. The capture is ended where `work` fails too, so that the lane can be used.
    pub(crate) fn capture<E>(
        device: &Arc<dyn Device>,
        lane: &Lane,
        failed: impl Fn(DriverError) -> E,
        work: impl FnOnce() -> Result<(), E>,
    ) -> Result<Self, E> {
        device.begin_capture(lane.stream).map_err(&failed)?;
        let done = work();
        let graph = device.end_capture(lane.stream);
        match (done, graph) {
            (Ok(()), Ok(graph)) => Ok(Self { device: Arc::clone(device), graph }),
            (Err(error), Ok(graph)) => {
                device.destroy_graph(graph);
                Err(error)
            }
            (Err(error), Err(_)) => Err(error),
            (Ok(()), Err(error)) => Err(failed(error)),
        }
    }

    pub(crate) fn replay(&self, lane: &Lane) -> Result<(), DriverError> {
        self.device.replay(self.graph, lane.stream)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.device.destroy_graph(self.graph);
    }
}
