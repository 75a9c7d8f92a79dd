//! An open device.

#![expect(unsafe_code, reason = "the driver's functions take bare handles and addresses")]

use std::ffi::{CString, c_void};
use std::sync::Mutex;

use cudarc::driver::result::DriverError as Said;
use cudarc::driver::{result, sys};

use super::context::Context;
use super::errors::driver;
use super::host::HostBuffers;
use super::matrix::Matrices;
use crate::card::lock;
use crate::driver::{
    Device, DeviceMemoryUse, DriverError, Event, Function, Graph, HostBuffer, HostMemory, HostRange, Module,
    Operands, Plan, Product, Stream,
};
use crate::kernels::{Address, Launch};

/// A device of this machine.
#[derive(Debug)]
pub(super) struct OpenDevice {
    matrices: Mutex<Matrices>,
    buffers: Mutex<HostBuffers>,
    context: Context,
}

impl OpenDevice {
    pub(super) fn open(index: u32) -> Result<Self, DriverError> {
        let context = Context::open(index)?;
        let matrices = Mutex::new(Matrices::new()?);
        Ok(Self { matrices, buffers: Mutex::default(), context })
    }

    /// Whether every call fails from now on.
    pub(super) fn is_lost(&self) -> bool {
        self.context.is_lost()
    }

    /// Makes the context current, calls, and notes where it is lost.
    fn call<T>(
        &self,
        (name, requested): (&'static str, u64),
        call: impl FnOnce() -> Result<T, Said>,
    ) -> Result<T, DriverError> {
        let done = self.context.bind().and_then(|()| call().map_err(|said| driver(name, requested, said)));
        self.noted(done)
    }

    fn noted<T>(&self, done: Result<T, DriverError>) -> Result<T, DriverError> {
        self.context.noted(done)
    }
}

impl Drop for OpenDevice {
    fn drop(&mut self) {
        if self.context.bind().is_err() {
            // What cublasLt holds was thrown away with the context.
            lock(&self.matrices).abandon();
        }
    }
}

/// Handles are addresses, which go over the seam as numbers.
const fn stream(stream: Stream) -> sys::CUstream {
    stream.0 as usize as sys::CUstream
}

const fn event(event: Event) -> sys::CUevent {
    event.0 as usize as sys::CUevent
}

impl Device for OpenDevice {
    fn memory(&self) -> Result<DeviceMemoryUse, DriverError> {
        self.noted(self.context.memory())
    }

    fn keep(&self, bytes: u64) -> Result<(), DriverError> {
        let attribute = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        self.noted(self.context.set_pool_attribute(attribute, bytes))
    }

    fn trim(&self) -> Result<(), DriverError> {
        self.noted(self.context.trim_pool())
    }

    fn reserved(&self) -> Result<u64, DriverError> {
        let attribute = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT;
        self.noted(self.context.pool_attribute(attribute))
    }

    fn allocate(&self, bytes: usize, on: Stream) -> Result<Address, DriverError> {
        let pool = self.context.pool();
        self.call(("cuMemAllocFromPoolAsync", bytes as u64), || {
            // SAFETY: the pool lives as long as this, the stream is of this device.
            unsafe { result::mem_pool::alloc_async(pool, bytes, stream(on)) }.map(Address::new)
        })
    }

    fn free(&self, address: Address, on: Stream) {
        // SAFETY: the address was given by `allocate`, whose caller gives it back once, on a stream of this device.
        let _ = self.call(("cuMemFreeAsync", 0), || unsafe { result::free_async(address.get(), stream(on)) });
    }

    fn stream(&self) -> Result<Stream, DriverError> {
        let kind = result::stream::StreamKind::NonBlocking;
        let made = self.call(("cuStreamCreate", 0), || result::stream::create(kind))?;
        Ok(Stream(made as usize as u64))
    }

    fn synchronize(&self, on: Stream) -> Result<(), DriverError> {
        // SAFETY: the stream is of this device.
        self.call(("cuStreamSynchronize", 0), || unsafe { result::stream::synchronize(stream(on)) })
    }

    fn destroy_stream(&self, gone: Stream) {
        // SAFETY: the stream is of this device and is given back once.
        let _ = self.call(("cuStreamDestroy", 0), || unsafe { result::stream::destroy(stream(gone)) });
    }

    fn event(&self) -> Result<Event, DriverError> {
        let flags = sys::CUevent_flags::CU_EVENT_DISABLE_TIMING;
        let made = self.call(("cuEventCreate", 0), || result::event::create(flags))?;
        Ok(Event(made as usize as u64))
    }

    fn record(&self, mark: Event, on: Stream) -> Result<(), DriverError> {
        // SAFETY: both are of this device.
        self.call(("cuEventRecord", 0), || unsafe { result::event::record(event(mark), stream(on)) })
    }

    fn wait(&self, on: Stream, mark: Event) -> Result<(), DriverError> {
        let flags = sys::CUevent_wait_flags::CU_EVENT_WAIT_DEFAULT;
        // SAFETY: both are of this device.
        self.call(("cuStreamWaitEvent", 0), || unsafe {
            result::stream::wait_event(stream(on), event(mark), flags)
        })
    }

    fn synchronize_event(&self, mark: Event) -> Result<(), DriverError> {
        // SAFETY: the event is of this device.
        self.call(("cuEventSynchronize", 0), || unsafe { result::event::synchronize(event(mark)) })
    }

    fn destroy_event(&self, gone: Event) {
        // SAFETY: the event is of this device and is given back once.
        let _ = self.call(("cuEventDestroy", 0), || unsafe { result::event::destroy(event(gone)) });
    }

    fn host_buffer(&self, bytes: usize, kind: HostMemory) -> Result<HostBuffer, DriverError> {
        self.context.bind()?;
        self.noted(lock(&self.buffers).add(bytes, kind))
    }

    fn free_host_buffer(&self, buffer: HostBuffer) {
        // Pinned memory of a lost context goes with it.
        if self.context.bind().is_ok() {
            lock(&self.buffers).remove(buffer);
        }
    }

    fn write(&self, range: HostRange, bytes: &[u8]) -> Result<(), DriverError> {
        self.context.bind()?;
        lock(&self.buffers).write(range, bytes)
    }

    fn read(&self, range: HostRange, bytes: &mut [u8]) -> Result<(), DriverError> {
        self.context.bind()?;
        lock(&self.buffers).read(range, bytes)
    }

    fn copy_up(&self, from: HostRange, to: Address, on: Stream) -> Result<(), DriverError> {
        let source = lock(&self.buffers).address("cuMemcpyHtoDAsync", from)? as *const c_void;
        // SAFETY: the source is a range of a buffer that lives until the copy is done, by the contract of
        // `free_host_buffer`; an address of the device that is wrong is an error of the device.
        self.call(("cuMemcpyHtoDAsync", 0), || unsafe {
            sys::cuMemcpyHtoDAsync_v2(to.get(), source, from.bytes, stream(on)).result()
        })
    }

    fn copy_down(&self, from: Address, to: HostRange, on: Stream) -> Result<(), DriverError> {
        let target = lock(&self.buffers).address("cuMemcpyDtoHAsync", to)? as *mut c_void;
        // SAFETY: the target is a range of a buffer that lives until the copy is done, by the contract of
        // `free_host_buffer`, and that nobody reads before; a wrong address of the device is an error of the device.
        self.call(("cuMemcpyDtoHAsync", 0), || unsafe {
            sys::cuMemcpyDtoHAsync_v2(target, from.get(), to.bytes, stream(on)).result()
        })
    }

    fn load(&self, image: &[u8]) -> Result<Module, DriverError> {
        let made = self.call(("cuModuleLoadData", image.len() as u64), || {
            // SAFETY: the image is a whole cubin, whose header says how long it is.
            unsafe { result::module::load_data(image.as_ptr().cast()) }
        })?;
        Ok(Module(made as usize as u64))
    }

    fn function(&self, module: Module, entry: &str) -> Result<Function, DriverError> {
        let name = CString::new(entry).map_err(|error| DriverError::Failed {
            call: "cuModuleGetFunction",
            reason: error.to_string(),
        })?;
        let made = self.call(("cuModuleGetFunction", 0), || {
            // SAFETY: the module is loaded on this device.
            unsafe { result::module::get_function(module.0 as usize as sys::CUmodule, name) }
        })?;
        Ok(Function(made as usize as u64))
    }

    fn unload(&self, module: Module) {
        // SAFETY: the module is loaded on this device and is given back once; its kernels are done.
        let _ = self.call(("cuModuleUnload", 0), || unsafe {
            result::module::unload(module.0 as usize as sys::CUmodule)
        });
    }

    fn launch(&self, function: Function, launch: &Launch, on: Stream) -> Result<(), DriverError> {
        let mut values: Vec<[u8; 8]> = launch.arguments.iter().map(|argument| argument.bytes()).collect();
        let mut arguments: Vec<*mut c_void> =
            values.iter_mut().map(|value| value.as_mut_ptr().cast()).collect();
        let ([grid_x, grid_y, grid_z], [x, y, z]) = (launch.grid, launch.block);
        self.call(("cuLaunchKernel", 0), || {
            // SAFETY: the kernel is of a loaded module; its arguments are as many and as long as it has, by the launch's
            // own contract, and outlive the call. What it does to the device's memory cannot touch the host's.
            unsafe {
                result::launch_kernel(
                    function.0 as usize as sys::CUfunction,
                    (grid_x, grid_y, grid_z),
                    (x, y, z),
                    launch.shared_bytes,
                    stream(on),
                    &mut arguments,
                )
            }
        })
    }

    fn plan(&self, product: &Product, operands: &Operands, on: Stream) -> Result<Plan, DriverError> {
        self.context.bind()?;
        self.noted(lock(&self.matrices).plan(product, operands, stream(on)))
    }

    fn multiply(&self, plan: Plan, operands: &Operands, on: Stream) -> Result<(), DriverError> {
        self.context.bind()?;
        self.noted(lock(&self.matrices).multiply(plan, operands, stream(on)))
    }

    fn forget(&self, plan: Plan) {
        let _ = self.context.bind();
        lock(&self.matrices).forget(plan);
    }

    fn begin_capture(&self, on: Stream) -> Result<(), DriverError> {
        // Calls of other threads, which open sessions or plan products meanwhile, are none of this capture's business.
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED;
        // SAFETY: the stream is of this device.
        self.call(("cuStreamBeginCapture", 0), || unsafe { result::stream::begin_capture(stream(on), mode) })
    }

    fn end_capture(&self, on: Stream) -> Result<Graph, DriverError> {
        // SAFETY: the stream is of this device and is capturing.
        let graph =
            self.call(("cuStreamEndCapture", 0), || unsafe { result::stream::end_capture(stream(on)) })?;
        let flags = sys::CUgraphInstantiate_flags_enum::CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH;
        // SAFETY: the graph was just captured.
        let ready =
            self.call(("cuGraphInstantiate", 0), || unsafe { result::graph::instantiate(graph, flags) });
        // SAFETY: the graph was captured here and is given back once; what was made of it stands on its own.
        let _ = self.call(("cuGraphDestroy", 0), || unsafe { result::graph::destroy(graph) });
        Ok(Graph(ready? as usize as u64))
    }

    fn replay(&self, graph: Graph, on: Stream) -> Result<(), DriverError> {
        // SAFETY: both are of this device.
        self.call(("cuGraphLaunch", 0), || unsafe {
            result::graph::launch(graph.0 as usize as sys::CUgraphExec, stream(on))
        })
    }

    fn destroy_graph(&self, graph: Graph) {
        // SAFETY: the graph is of this device and is given back once.
        let _ = self.call(("cuGraphExecDestroy", 0), || unsafe {
            result::graph::exec_destroy(graph.0 as usize as sys::CUgraphExec)
        });
    }
}
