//! Weights onto the device.

use half::{bf16, f16};
use mbed_core::BackendError;

use crate::arena::{self, Block};
use crate::card::Card;
use crate::driver::HostMemory;
use crate::kernels::{Address, Element};
use crate::owned::{Lane, Mark, Shelf};

/// Copies go up in pieces of so many bytes: large enough for the full rate, small enough to pin twice.
const PIECE: usize = 8 << 20;

/// Writes tensors one behind the other into one block of device memory, converted on the way.
pub(crate) struct Uploader<'a> {
    card: &'a Card,
    block: Block,
    /// Where the next tensor begins.
    next: usize,
    pieces: Pieces<'a>,
    turn: usize,
}

/// Memory that pieces are copied out of, in turn, each with when its last copy is done.
struct Pieces<'a> {
    lane: &'a Lane,
    all: [(Shelf, Mark); 2],
}

impl Drop for Pieces<'_> {
    fn drop(&mut self) {
        // Copies may be under way where something failed; the memory must outlive them.
        let _ = self.lane.synchronize();
    }
}

impl<'a> Uploader<'a> {
    /// Takes a block of `bytes`.
    pub(crate) fn new(
        card: &'a Card,
        lane: &'a Lane,
        bytes: usize,
        kind: HostMemory,
    ) -> Result<Self, BackendError> {
        let failed = |error| card.failures().backend(error);
        let piece = || -> Result<_, BackendError> {
            let shelf = Shelf::new(&card.device, PIECE.min(arena::aligned(bytes)), kind).map_err(failed)?;
            let mark = Mark::new(&card.device).map_err(failed)?;
            mark.record(lane).map_err(failed)?;
            Ok((shelf, mark))
        };
        let pieces = Pieces { lane, all: [piece()?, piece()?] };
        let block = card.arena.take(bytes, lane.stream())?;
        Ok(Self { card, block, next: 0, pieces, turn: 0 })
    }

    /// Adds `values` in the format `element`.
    pub(crate) fn put(&mut self, element: Element, values: &[f32]) -> Result<Address, BackendError> {
        let start = self.next;
        let each = element.bytes();
        for values in values.chunks(PIECE / each) {
            self.put_bytes(&converted(element, values))?;
        }
        let address = self.block.address().offset(start as u64);
        self.next = arena::aligned(self.next);
        Ok(address)
    }

    fn put_bytes(&mut self, bytes: &[u8]) -> Result<(), BackendError> {
        let failed = |error| self.card.failures().backend(error);
        let end = self.next.saturating_add(bytes.len());
        if end > self.block.bytes() {
            // The block was made as large as all tensors of the spec.
            let (requested, free) = ((end - self.block.bytes()) as u64, None);
            return Err(self.card.failures().out_of_memory(requested, free));
        }
        let Pieces { lane, all } = &self.pieces;
        for bytes in bytes.chunks(all[0].0.bytes()) {
            let (shelf, mark) = &all[self.turn];
            mark.synchronize().map_err(failed)?;
            let range = shelf.range(0, bytes.len());
            self.card.device.write(range, bytes).map_err(failed)?;
            let to = self.block.address().offset(self.next as u64);
            self.card.device.copy_up(range, to, lane.stream()).map_err(failed)?;
            mark.record(lane).map_err(failed)?;
            self.next += bytes.len();
            self.turn = 1 - self.turn;
        }
        Ok(())
    }

    /// Waits for the last copy and gives the block away.
    pub(crate) fn finish(self) -> Result<Block, BackendError> {
        let failures = self.card.failures();
        self.pieces.lane.synchronize().map_err(|error| failures.backend(error))?;
        Ok(self.block)
    }
}

fn converted(element: Element, values: &[f32]) -> Vec<u8> {
    match element {
        Element::F32 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Element::F16 => values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect(),
        Element::Bf16 => values.iter().flat_map(|&value| bf16::from_f32(value).to_le_bytes()).collect(),
    }
}
