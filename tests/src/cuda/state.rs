//! The card's insides, behind one lock.

use std::collections::BTreeMap;

use mbed_cuda::driver::{DriverError, HostRange, Operands, Product};
use mbed_cuda::kernels::Launch;

use super::clock::{Actor, Clock};
use super::kernels;
use super::memory::{Doing, Memory, fault};

/// What the card was told, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Count {
    /// Memory of the card, of the host, or for code was asked for.
    Allocation,
    /// A copy up.
    Up,
    /// A copy down.
    Down,
    /// A kernel.
    Launch,
    /// A product.
    Product,
    /// A plan for products.
    Plan,
    /// A graph was captured.
    Capture,
    /// A graph was replayed.
    Replay,
    /// The host waited for an event.
    Wait,
}

/// What the card was told, in order.
#[derive(Clone, Debug, Default)]
pub struct Trace(pub Vec<Count>);

impl Trace {
    /// How often it was told this.
    #[must_use]
    pub fn count(&self, kind: Count) -> usize {
        self.0.iter().filter(|found| **found == kind).count()
    }
}

/// Work in a stream.
#[derive(Clone, Debug)]
pub(super) enum Work {
    Up(HostRange, u64),
    Down(u64, HostRange),
    Launch(Launch),
    Multiply(Product, Operands),
}

/// All that a card holds.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) memory: Memory,
    clocks: BTreeMap<Actor, Clock>,
    pub(super) streams: BTreeMap<u64, ()>,
    pub(super) events: BTreeMap<u64, Clock>,
    pub(super) plans: BTreeMap<u64, Product>,
    pub(super) modules: BTreeMap<u64, String>,
    pub(super) functions: BTreeMap<u64, String>,
    pub(super) graphs: BTreeMap<u64, Vec<Work>>,
    pub(super) capture: Option<(u64, Vec<Work>)>,
    pub(super) trace: Trace,
    /// After so many allocations one fails.
    pub(super) allocations_left: Option<usize>,
    /// After so many launches the card is lost.
    pub(super) launches_left: Option<usize>,
    pub(super) is_lost: bool,
    last: u64,
}

impl State {
    pub(super) const fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Whether the card still answers.
    pub(super) fn answer(&self) -> Result<(), DriverError> {
        if self.is_lost {
            let reason = "the test wants it so".to_owned();
            return Err(DriverError::Lost { call: "emulated card", reason });
        }
        Ok(())
    }

    /// Notes an allocation, which may be one that fails.
    pub(super) fn allocation(&mut self, requested: u64) -> Result<(), DriverError> {
        self.answer()?;
        if self.capture.is_some() {
            return Err(fault(0, "memory is asked for while work is captured"));
        }
        self.trace.0.push(Count::Allocation);
        match &mut self.allocations_left {
            Some(0) => {
                self.allocations_left = None;
                Err(DriverError::OutOfMemory { requested })
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// What the host does now.
    pub(super) fn host(&mut self) -> Doing {
        self.step(Actor::Host)
    }

    /// What a stream does now: it knows what the host knew when it was told.
    pub(super) fn stream(&mut self, stream: u64) -> Result<Doing, DriverError> {
        self.answer()?;
        if !self.streams.contains_key(&stream) {
            return Err(fault(stream, "is no stream"));
        }
        let host = self.clocks.entry(Actor::Host).or_default().clone();
        self.clocks.entry(Actor::Stream(stream)).or_default().learn(&host);
        Ok(self.step(Actor::Stream(stream)))
    }

    fn step(&mut self, actor: Actor) -> Doing {
        let clock = self.clocks.entry(actor).or_default();
        let ticks = clock.step(actor);
        Doing { actor, ticks, clock: clock.clone() }
    }

    /// `actor` knows from now on what `clock` knows.
    pub(super) fn learn(&mut self, actor: Actor, clock: &Clock) {
        self.clocks.entry(actor).or_default().learn(clock);
    }

    pub(super) fn clock(&self, actor: Actor) -> Clock {
        self.clocks.get(&actor).cloned().unwrap_or_default()
    }

    /// Puts work into a stream: it is done at once, or noted down where the stream captures.
    pub(super) fn put(&mut self, stream: u64, work: Work) -> Result<(), DriverError> {
        let doing = self.stream(stream)?;
        if let Some((capturing, noted)) = &mut self.capture
            && *capturing == stream
        {
            noted.push(work);
            return Ok(());
        }
        self.work(&work, &doing)
    }

    pub(super) fn work(&mut self, work: &Work, doing: &Doing) -> Result<(), DriverError> {
        self.trace.0.push(match work {
            Work::Up(..) => Count::Up,
            Work::Down(..) => Count::Down,
            Work::Launch(_) => Count::Launch,
            Work::Multiply(..) => Count::Product,
        });
        match work {
            Work::Up(from, to) => {
                let bytes = self.memory.read_host(*from, doing)?;
                self.memory.write(*to, &bytes, doing)
            }
            Work::Down(from, to) => {
                let bytes = self.memory.read(*from, to.bytes, doing)?;
                self.memory.write_host(*to, &bytes, doing)
            }
            Work::Launch(launch) => {
                self.lose_perhaps()?;
                kernels::run(&mut self.memory, launch, doing)
            }
            Work::Multiply(product, operands) => multiply(&mut self.memory, product, operands, doing),
        }
    }

    fn lose_perhaps(&mut self) -> Result<(), DriverError> {
        match &mut self.launches_left {
            Some(0) => {
                self.launches_left = None;
                self.is_lost = true;
                self.answer()
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

fn multiply(
    memory: &mut Memory,
    product: &Product,
    operands: &Operands,
    doing: &Doing,
) -> Result<(), DriverError> {
    let element = product.numbers.element();
    let Product { rows, inner, outputs, .. } = *product;
    let input = memory.values((element, operands.input.get()), rows * inner, doing)?;
    let weight = memory.values((element, operands.weight.get()), outputs * inner, doing)?;
    let bias = match operands.bias {
        Some(bias) => memory.values((element, bias.get()), outputs, doing)?,
        None => vec![0.0; outputs],
    };
    // Whoever tells the card of the room for sums must own it.
    memory.write(operands.workspace.get(), &vec![0; operands.workspace_bytes.min(1)], doing)?;
    let mut output = Vec::with_capacity(rows * outputs);
    for x in input.chunks_exact(inner) {
        for (w, bias) in weight.chunks_exact(inner).zip(&bias) {
            output.push(sum_of_products(x, w) + bias);
        }
    }
    memory.put((element, operands.output.get()), &output, doing)
}

/// The sum of products, in four sums at a time. Tests are hardly optimised, so that calls of iterators' functions would
/// take most of what this takes, and this most of what a test takes.
pub(super) fn sum_of_products(left: &[f32], right: &[f32]) -> f32 {
    const LANES: usize = 4;
    let count = left.len().min(right.len());
    let mut sums = [0.0_f32; LANES];
    let mut at = 0;
    while at < count {
        sums[at % LANES] += left[at] * right[at];
        at += 1;
    }
    sums.iter().sum()
}
