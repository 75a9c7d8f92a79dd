//! Memory of the card and of the host, in blocks that know who touched them last.

use std::collections::BTreeMap;

use half::{bf16, f16};
use mbed_cuda::driver::{DriverError, HostMemory, HostRange};
use mbed_cuda::kernels::Element;

use super::clock::{Actor, Clock, Touches};

/// Blocks begin so far apart, and no address is used twice: one that was given back is never another's.
const GAP: u64 = 1 << 40;

/// What fresh memory is full of: a NaN in each format, so that values nobody wrote show in results.
const FRESH: u8 = 0xff;

#[derive(Debug)]
pub(super) struct Block {
    pub(super) bytes: Vec<u8>,
    touches: Touches,
}

/// A block of the host.
#[derive(Debug)]
pub(super) struct HostBlock {
    block: Block,
    pub(super) kind: HostMemory,
}

/// All memory of a card, and what it copies from and to.
#[derive(Debug, Default)]
pub(super) struct Memory {
    blocks: BTreeMap<u64, Block>,
    pub(super) host: BTreeMap<u64, HostBlock>,
    last: u64,
}

/// Who does something, at which of its steps, and what it knows.
#[derive(Clone, Debug)]
pub(super) struct Doing {
    pub(super) actor: Actor,
    pub(super) ticks: u64,
    pub(super) clock: Clock,
}

impl Block {
    fn new(bytes: usize) -> Self {
        Self { bytes: vec![FRESH; bytes], touches: Touches::default() }
    }
}

impl Memory {
    pub(super) fn allocate(&mut self, bytes: usize, doing: &Doing) -> u64 {
        self.last += 1;
        let mut block = Block::new(bytes);
        let _ = block.touches.write((doing.actor, doing.ticks), &doing.clock);
        self.blocks.insert(self.last * GAP, block);
        self.last * GAP
    }

    pub(super) fn free(&mut self, address: u64, doing: &Doing) -> Result<(), DriverError> {
        let mut block = self.blocks.remove(&address).ok_or_else(|| fault(address, "is given back twice"))?;
        ordered(block.touches.write((doing.actor, doing.ticks), &doing.clock), address)
    }

    pub(super) fn used(&self) -> u64 {
        self.blocks.values().map(|block| block.bytes.len() as u64).sum()
    }

    pub(super) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    pub(super) fn allocate_host(&mut self, bytes: usize, kind: HostMemory) -> u64 {
        self.last += 1;
        self.host.insert(self.last, HostBlock { block: Block::new(bytes), kind });
        self.last
    }

    pub(super) fn read(&mut self, address: u64, bytes: usize, doing: &Doing) -> Result<Vec<u8>, DriverError> {
        Ok(self.see(address, bytes, doing)?.to_vec())
    }

    fn see(&mut self, address: u64, bytes: usize, doing: &Doing) -> Result<&[u8], DriverError> {
        let (block, start) = self.find(address, bytes)?;
        ordered(block.touches.read((doing.actor, doing.ticks), &doing.clock), address)?;
        Ok(&block.bytes[start..start + bytes])
    }

    pub(super) fn write(&mut self, address: u64, bytes: &[u8], doing: &Doing) -> Result<(), DriverError> {
        let (block, start) = self.find(address, bytes.len())?;
        block.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        ordered(block.touches.write((doing.actor, doing.ticks), &doing.clock), address)
    }

    fn find(&mut self, address: u64, bytes: usize) -> Result<(&mut Block, usize), DriverError> {
        let (start, block) =
            self.blocks.range_mut(..=address).next_back().ok_or_else(|| fault(address, "is no block's"))?;
        let offset = usize::try_from(address - start).unwrap_or(usize::MAX);
        if offset.saturating_add(bytes) > block.bytes.len() {
            return Err(fault(address, "lies in no block, or goes beyond its end"));
        }
        Ok((block, offset))
    }

    pub(super) fn read_host(&mut self, range: HostRange, doing: &Doing) -> Result<Vec<u8>, DriverError> {
        let block = self.find_host(range)?;
        let found = block.bytes[range.start..range.start + range.bytes].to_vec();
        ordered(block.touches.read((doing.actor, doing.ticks), &doing.clock), range.buffer.id)?;
        Ok(found)
    }

    pub(super) fn write_host(
        &mut self,
        range: HostRange,
        bytes: &[u8],
        doing: &Doing,
    ) -> Result<(), DriverError> {
        let block = self.find_host(range)?;
        block.bytes[range.start..range.start + bytes.len()].copy_from_slice(bytes);
        ordered(block.touches.write((doing.actor, doing.ticks), &doing.clock), range.buffer.id)
    }

    fn find_host(&mut self, range: HostRange) -> Result<&mut Block, DriverError> {
        let id = range.buffer.id;
        let found = self.host.get_mut(&id).ok_or_else(|| fault(id, "is no host buffer"))?;
        if range.start + range.bytes > found.block.bytes.len() {
            return Err(fault(id, "is a host buffer that ends before"));
        }
        Ok(&mut found.block)
    }

    /// `count` values in the format `element`.
    pub(super) fn values(
        &mut self,
        (element, address): (Element, u64),
        count: usize,
        doing: &Doing,
    ) -> Result<Vec<f32>, DriverError> {
        let bytes = self.see(address, count * element.bytes(), doing)?;
        Ok(match element {
            Element::F32 => bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
            Element::F16 => {
                bytes.as_chunks().0.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect()
            }
            Element::Bf16 => {
                bytes.as_chunks().0.iter().map(|&bytes| bf16::from_le_bytes(bytes).to_f32()).collect()
            }
        })
    }

    pub(super) fn put(
        &mut self,
        (element, address): (Element, u64),
        values: &[f32],
        doing: &Doing,
    ) -> Result<(), DriverError> {
        let mut bytes = Vec::with_capacity(values.len() * element.bytes());
        for &value in values {
            match element {
                Element::F32 => bytes.extend_from_slice(&value.to_le_bytes()),
                Element::F16 => bytes.extend_from_slice(&f16::from_f32(value).to_le_bytes()),
                Element::Bf16 => bytes.extend_from_slice(&bf16::from_f32(value).to_le_bytes()),
            }
        }
        self.write(address, &bytes, doing)
    }

    pub(super) fn integers(
        &mut self,
        address: u64,
        count: usize,
        doing: &Doing,
    ) -> Result<Vec<i32>, DriverError> {
        let bytes = self.see(address, count * 4, doing)?;
        Ok(bytes.as_chunks().0.iter().map(|&bytes| i32::from_le_bytes(bytes)).collect())
    }
}

fn ordered(touched: Result<(), Actor>, place: u64) -> Result<(), DriverError> {
    touched.map_err(|before| fault(place, &format!("was touched by {before:?}, and nothing waits for that")))
}

/// A mistake of whoever uses the card.
pub(super) fn fault(place: u64, what: &str) -> DriverError {
    DriverError::Failed { call: "emulated card", reason: format!("{place:#x} {what}") }
}
