//! The driver as two traits.

use std::fmt::Debug;
use std::sync::Arc;

use super::{
    DeviceFacts, DeviceMemoryUse, DriverError, Event, Function, Graph, HostBuffer, HostMemory, HostRange,
    Module, Operands, Plan, Product, Stream,
};
use crate::kernels::{Address, Architecture, Launch, Unit};

/// The driver of a machine.
pub trait Driver: Send + Sync + Debug {
    /// The devices that it shows, in the order of their numbers.
    ///
    /// # Errors
    /// The driver fails.
    fn devices(&self) -> Result<Vec<DeviceFacts>, DriverError>;

    /// Opens the device of this number. One that was lost starts afresh.
    ///
    /// # Errors
    /// The driver fails.
    fn open(&self, index: u32) -> Result<Arc<dyn Device>, DriverError>;

    /// The machine code of a unit.
    ///
    /// # Errors
    /// The compiler refuses it ([`DriverError::Compile`]).
    fn compile(&self, unit: Unit, architecture: Architecture) -> Result<Vec<u8>, DriverError>;
}

/// An open device. Calls may come from any thread.
///
/// Work is put into streams and done later; a failure of the work may show at any later call. Handles must be of this
/// device and not yet given back. Giving one back cannot fail: there is nobody who could do anything about it.
///
/// # Errors
/// Each call: the driver fails ([`DriverError::Failed`]), or the device is lost ([`DriverError::Lost`]); calls that need
/// memory: there is none ([`DriverError::OutOfMemory`]).
#[expect(clippy::missing_errors_doc, reason = "they are the same for all functions and stand above")]
pub trait Device: Send + Sync + Debug {
    /// What of its memory is in use.
    fn memory(&self) -> Result<DeviceMemoryUse, DriverError>;

    /// How many bytes the pool may keep when nobody uses them, instead of giving them back at once.
    fn keep(&self, bytes: u64) -> Result<(), DriverError>;

    /// Gives back what the pool holds and nobody uses.
    fn trim(&self) -> Result<(), DriverError>;

    /// What the pool holds, in use or not.
    fn reserved(&self) -> Result<u64, DriverError>;

    /// Takes memory out of the pool, for work that is put into `stream` from now on.
    fn allocate(&self, bytes: usize, stream: Stream) -> Result<Address, DriverError>;

    /// Gives memory back once the work that is in `stream` now is done.
    fn free(&self, address: Address, stream: Stream);

    /// A new stream.
    fn stream(&self) -> Result<Stream, DriverError>;

    /// Waits until the work in it is done.
    fn synchronize(&self, stream: Stream) -> Result<(), DriverError>;

    /// Gives a stream back.
    fn destroy_stream(&self, stream: Stream);

    /// A new event.
    fn event(&self) -> Result<Event, DriverError>;

    /// `event` happens when the work that is in `stream` now is done.
    fn record(&self, event: Event, stream: Stream) -> Result<(), DriverError>;

    /// What is put into `stream` from now on waits for `event`, as it was recorded last.
    fn wait(&self, stream: Stream, event: Event) -> Result<(), DriverError>;

    /// Waits here for an event.
    fn synchronize_event(&self, event: Event) -> Result<(), DriverError>;

    /// Gives an event back.
    fn destroy_event(&self, event: Event);

    /// Memory of the host.
    fn host_buffer(&self, bytes: usize, kind: HostMemory) -> Result<HostBuffer, DriverError>;

    /// Gives it back. No copy from or to it may be under way.
    fn free_host_buffer(&self, buffer: HostBuffer);

    /// Writes into memory of the host.
    fn write(&self, range: HostRange, bytes: &[u8]) -> Result<(), DriverError>;

    /// Reads memory of the host.
    fn read(&self, range: HostRange, bytes: &mut [u8]) -> Result<(), DriverError>;

    /// Copies from the host to the device.
    fn copy_up(&self, from: HostRange, to: Address, stream: Stream) -> Result<(), DriverError>;

    /// Copies from the device to the host.
    fn copy_down(&self, from: Address, to: HostRange, stream: Stream) -> Result<(), DriverError>;

    /// Loads machine code.
    fn load(&self, image: &[u8]) -> Result<Module, DriverError>;

    /// A kernel of a module.
    fn function(&self, module: Module, entry: &str) -> Result<Function, DriverError>;

    /// Gives a module with its functions back.
    fn unload(&self, module: Module);

    /// Puts a kernel into a stream.
    fn launch(&self, function: Function, launch: &Launch, stream: Stream) -> Result<(), DriverError>;

    /// Chooses how to compute a product: several ways are tried on the operands, whose output is overwritten.
    fn plan(&self, product: &Product, operands: &Operands, stream: Stream) -> Result<Plan, DriverError>;

    /// Puts a product into a stream.
    fn multiply(&self, plan: Plan, operands: &Operands, stream: Stream) -> Result<(), DriverError>;

    /// Gives a plan back.
    fn forget(&self, plan: Plan);

    /// From now on what is put into `stream` is noted down instead of done.
    fn begin_capture(&self, stream: Stream) -> Result<(), DriverError>;

    /// Ends that, and gives what was noted down, ready to be replayed.
    fn end_capture(&self, stream: Stream) -> Result<Graph, DriverError>;

    /// Puts what was noted down into a stream.
    fn replay(&self, graph: Graph, stream: Stream) -> Result<(), DriverError>;

    /// Gives a graph back.
    fn destroy_graph(&self, graph: Graph);
}
