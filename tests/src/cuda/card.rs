//! A card that is not there, as a session sees it.

use std::sync::{Arc, Mutex, MutexGuard};

use mbed_core::Bytes;
use mbed_cuda::driver::{
    Device, DeviceMemoryUse, DriverError, Event, Function, Graph, HostBuffer, HostMemory, HostRange, Module,
    Operands, Plan, Product, Stream,
};
use mbed_cuda::kernels::{Address, Launch};

use super::clock::Actor;
use super::driver::lock;
use super::memory::fault;
use super::state::{Count, State, Work};

#[derive(Debug)]
pub(super) struct EmulatedCard {
    state: Arc<Mutex<State>>,
    memory: Bytes,
}

impl EmulatedCard {
    pub(super) const fn new(state: Arc<Mutex<State>>, memory: Bytes) -> Self {
        Self { state, memory }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Device for EmulatedCard {
    fn memory(&self) -> Result<DeviceMemoryUse, DriverError> {
        let state = self.state();
        state.answer()?;
        let total = self.memory.get();
        Ok(DeviceMemoryUse { total, free: total.saturating_sub(state.memory.used()) })
    }

    fn keep(&self, _bytes: u64) -> Result<(), DriverError> {
        self.state().answer()
    }

    fn trim(&self) -> Result<(), DriverError> {
        self.state().answer()
    }

    fn reserved(&self) -> Result<u64, DriverError> {
        Ok(self.state().memory.used())
    }

    fn allocate(&self, bytes: usize, stream: Stream) -> Result<Address, DriverError> {
        let mut state = self.state();
        state.allocation(bytes as u64)?;
        if state.memory.used().saturating_add(bytes as u64) > self.memory.get() {
            return Err(DriverError::OutOfMemory { requested: bytes as u64 });
        }
        let doing = state.stream(stream.0)?;
        Ok(Address::new(state.memory.allocate(bytes, &doing)))
    }

    fn free(&self, address: Address, stream: Stream) {
        let mut state = self.state();
        let freed = state.stream(stream.0).and_then(|doing| state.memory.free(address.get(), &doing));
        assert!(freed.is_ok() || state.is_lost, "{freed:?}");
    }

    fn stream(&self) -> Result<Stream, DriverError> {
        let mut state = self.state();
        state.answer()?;
        let number = state.number();
        state.streams.insert(number, ());
        Ok(Stream(number))
    }

    fn synchronize(&self, stream: Stream) -> Result<(), DriverError> {
        let mut state = self.state();
        state.stream(stream.0)?;
        let clock = state.clock(Actor::Stream(stream.0));
        state.learn(Actor::Host, &clock);
        Ok(())
    }

    fn destroy_stream(&self, stream: Stream) {
        assert!(self.state().streams.remove(&stream.0).is_some(), "{stream:?} is given back twice");
    }

    fn event(&self) -> Result<Event, DriverError> {
        let mut state = self.state();
        state.answer()?;
        let number = state.number();
        state.events.insert(number, super::clock::Clock::default());
        Ok(Event(number))
    }

    fn record(&self, event: Event, stream: Stream) -> Result<(), DriverError> {
        let mut state = self.state();
        let doing = state.stream(stream.0)?;
        let place = state.events.get_mut(&event.0).ok_or_else(|| fault(event.0, "is no event"))?;
        *place = doing.clock;
        Ok(())
    }

    fn wait(&self, stream: Stream, event: Event) -> Result<(), DriverError> {
        let mut state = self.state();
        state.stream(stream.0)?;
        let clock = state.events.get(&event.0).cloned().ok_or_else(|| fault(event.0, "is no event"))?;
        state.learn(Actor::Stream(stream.0), &clock);
        Ok(())
    }

    fn synchronize_event(&self, event: Event) -> Result<(), DriverError> {
        let mut state = self.state();
        state.answer()?;
        state.trace.0.push(Count::Wait);
        let clock = state.events.get(&event.0).cloned().ok_or_else(|| fault(event.0, "is no event"))?;
        state.learn(Actor::Host, &clock);
        Ok(())
    }

    fn destroy_event(&self, event: Event) {
        assert!(self.state().events.remove(&event.0).is_some(), "{event:?} is given back twice");
    }

    fn host_buffer(&self, bytes: usize, kind: HostMemory) -> Result<HostBuffer, DriverError> {
        let mut state = self.state();
        state.allocation(bytes as u64)?;
        Ok(HostBuffer { id: state.memory.allocate_host(bytes, kind), bytes })
    }

    fn free_host_buffer(&self, buffer: HostBuffer) {
        let mut state = self.state();
        // It may go when every copy from and to it is known to be done.
        let doing = state.host();
        let whole = HostRange { buffer, start: 0, bytes: buffer.bytes };
        let quiet = state.memory.write_host(whole, &[], &doing);
        assert!(quiet.is_ok() || state.is_lost, "{quiet:?}");
        assert!(state.memory.host.remove(&buffer.id).is_some(), "{buffer:?} is given back twice");
    }

    fn write(&self, range: HostRange, bytes: &[u8]) -> Result<(), DriverError> {
        let mut state = self.state();
        let doing = state.host();
        state.memory.write_host(range, bytes, &doing)
    }

    fn read(&self, range: HostRange, bytes: &mut [u8]) -> Result<(), DriverError> {
        let mut state = self.state();
        let doing = state.host();
        bytes.copy_from_slice(&state.memory.read_host(range, &doing)?);
        Ok(())
    }

    fn copy_up(&self, from: HostRange, to: Address, stream: Stream) -> Result<(), DriverError> {
        self.state().put(stream.0, Work::Up(from, to.get()))
    }

    fn copy_down(&self, from: Address, to: HostRange, stream: Stream) -> Result<(), DriverError> {
        self.state().put(stream.0, Work::Down(from.get(), to))
    }

    fn load(&self, image: &[u8]) -> Result<Module, DriverError> {
        let mut state = self.state();
        state.allocation(image.len() as u64)?;
        let number = state.number();
        state.modules.insert(number, String::from_utf8_lossy(image).into_owned());
        Ok(Module(number))
    }

    fn function(&self, module: Module, entry: &str) -> Result<Function, DriverError> {
        let mut state = self.state();
        let unit = state.modules.get(&module.0).cloned().ok_or_else(|| fault(module.0, "is no module"))?;
        let number = state.number();
        state.functions.insert(number, format!("{unit}/{entry}"));
        Ok(Function(number))
    }

    fn unload(&self, module: Module) {
        assert!(self.state().modules.remove(&module.0).is_some(), "{module:?} is given back twice");
    }

    fn launch(&self, function: Function, launch: &Launch, stream: Stream) -> Result<(), DriverError> {
        let mut state = self.state();
        let expected = format!("{}/{}", launch.unit, launch.entry);
        if state.functions.get(&function.0) != Some(&expected) {
            return Err(fault(function.0, &format!("is not `{expected}`")));
        }
        state.put(stream.0, Work::Launch(launch.clone()))
    }

    fn plan(&self, product: &Product, operands: &Operands, stream: Stream) -> Result<Plan, DriverError> {
        let mut state = self.state();
        if state.capture.is_some() {
            return Err(fault(operands.output.get(), "is planned for while work is captured"));
        }
        state.put(stream.0, Work::Multiply(*product, *operands))?;
        state.trace.0.push(Count::Plan);
        let number = state.number();
        state.plans.insert(number, *product);
        Ok(Plan(number))
    }

    fn multiply(&self, plan: Plan, operands: &Operands, stream: Stream) -> Result<(), DriverError> {
        let mut state = self.state();
        let product = state.plans.get(&plan.0).copied().ok_or_else(|| fault(plan.0, "is no plan"))?;
        state.put(stream.0, Work::Multiply(product, *operands))
    }

    fn forget(&self, plan: Plan) {
        assert!(self.state().plans.remove(&plan.0).is_some(), "{plan:?} is given back twice");
    }

    fn begin_capture(&self, stream: Stream) -> Result<(), DriverError> {
        let mut state = self.state();
        state.stream(stream.0)?;
        let before = state.capture.replace((stream.0, Vec::new()));
        before.map_or(Ok(()), |(other, _)| Err(fault(other, "is captured already")))
    }

    fn end_capture(&self, stream: Stream) -> Result<Graph, DriverError> {
        let mut state = self.state();
        let captured = state.capture.take();
        let (_, work) = captured
            .filter(|(capturing, _)| *capturing == stream.0)
            .ok_or_else(|| fault(stream.0, "is not captured"))?;
        state.trace.0.push(Count::Capture);
        let number = state.number();
        state.graphs.insert(number, work);
        Ok(Graph(number))
    }

    fn replay(&self, graph: Graph, stream: Stream) -> Result<(), DriverError> {
        let mut state = self.state();
        let doing = state.stream(stream.0)?;
        let work = state.graphs.get(&graph.0).cloned().ok_or_else(|| fault(graph.0, "is no graph"))?;
        work.iter().try_for_each(|work| state.work(work, &doing))?;
        state.trace.0.push(Count::Replay);
        Ok(())
    }

    fn destroy_graph(&self, graph: Graph) {
        assert!(self.state().graphs.remove(&graph.0).is_some(), "{graph:?} is given back twice");
    }
}
