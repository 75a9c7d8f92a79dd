//! What one part on its way needs apart from the workspace: its lists, its vectors, and when they are there.

use mbed_core::{BackendError, Embeddings};

use super::part::Part;
use crate::arena::Block;
use crate::card::Card;
use crate::driver::{DriverError, HostMemory};
use crate::owned::{Lane, Mark, Shelf};

/// Whether memory that is copied from and to is pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pinning {
    Pinned,
    Pageable,
}

impl Pinning {
    /// The memory that is copied up from.
    pub(crate) const fn up(self) -> HostMemory {
        match self {
            Self::Pinned => HostMemory::UploadOnly,
            Self::Pageable => HostMemory::Pageable,
        }
    }

    const fn down(self) -> HostMemory {
        match self {
            Self::Pinned => HostMemory::Pinned,
            Self::Pageable => HostMemory::Pageable,
        }
    }
}

/// A place for one part on its way.
#[derive(Debug)]
pub(crate) struct Slot {
    pinning: Pinning,
    /// Lists on the host and on the device.
    lists: Option<(Shelf, Block)>,
    /// Vectors on the device and on the host.
    vectors: Option<(Block, Shelf)>,
    pub(crate) uploaded: Mark,
    pub(crate) computed: Mark,
    downloaded: Mark,
    /// The part whose vectors come down, as the numbers of its rows in the output.
    pending: Option<Vec<usize>>,
}

/// Whether memory that graphs know may have moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    Yes,
    No,
}

impl Slot {
    pub(crate) fn new(card: &Card, pinning: Pinning) -> Result<Self, DriverError> {
        let mark = || Mark::new(&card.device);
        let (uploaded, computed, downloaded) = (mark()?, mark()?, mark()?);
        Ok(Self { pinning, lists: None, vectors: None, uploaded, computed, downloaded, pending: None })
    }

    /// Makes room for lists and vectors of so many bytes, used by work in `lane` and by lanes that wait for it.
    pub(crate) fn reserve(
        &mut self,
        card: &Card,
        (lists, vectors): (usize, usize),
        lane: &Lane,
    ) -> Result<Moved, BackendError> {
        let failed = |error| card.failures().backend(error);
        let mut moved = Moved::No;
        if self.lists.as_ref().is_none_or(|(shelf, _)| shelf.bytes() < lists) {
            self.lists = None;
            let block = card.arena.take(lists, lane.stream())?;
            let shelf = Shelf::new(&card.device, block.bytes(), self.pinning.up()).map_err(failed)?;
            self.lists = Some((shelf, block));
            moved = Moved::Yes;
        }
        if self.vectors.as_ref().is_none_or(|(block, _)| block.bytes() < vectors) {
            self.vectors = None;
            let block = card.arena.take(vectors, lane.stream())?;
            let shelf = Shelf::new(&card.device, block.bytes(), self.pinning.down()).map_err(failed)?;
            self.vectors = Some((block, shelf));
            moved = Moved::Yes;
        }
        if moved == Moved::Yes {
            // Memory is there for work behind this in `lane` alone, and copies go through other lanes.
            lane.synchronize().map_err(failed)?;
        }
        Ok(moved)
    }

    /// The lists on the host and on the device, where there is room.
    pub(crate) const fn lists(&self) -> Option<&(Shelf, Block)> {
        self.lists.as_ref()
    }

    /// The vectors on the device and on the host, where there is room.
    pub(crate) const fn vectors(&self) -> Option<&(Block, Shelf)> {
        self.vectors.as_ref()
    }

    /// From now on the vectors of `part` are on their way down through `lane`.
    pub(crate) fn expect(&mut self, part: &Part, lane: &Lane) -> Result<(), DriverError> {
        self.downloaded.record(lane)?;
        self.pending = Some(part.row_numbers().collect());
        Ok(())
    }

    /// Waits for vectors that are on their way and writes them to their rows of `output`.
    pub(crate) fn collect(&mut self, card: &Card, output: &mut Embeddings) -> Result<(), DriverError> {
        let (Some(rows), Some((_, shelf))) = (self.pending.take(), &self.vectors) else { return Ok(()) };
        self.downloaded.synchronize()?;
        let row_bytes = output.dimensions() * size_of::<f32>();
        let mut bytes = vec![0; rows.len() * row_bytes];
        card.device.read(shelf.range(0, bytes.len()), &mut bytes)?;
        for (row, bytes) in rows.into_iter().zip(bytes.chunks_exact(row_bytes.max(1))) {
            let (values, _) = bytes.as_chunks();
            for (place, &value) in output.get_mut(row).into_iter().flatten().zip(values) {
                *place = f32::from_le_bytes(value);
            }
        }
        Ok(())
    }

    /// Forgets vectors that nobody waits for any more.
    pub(crate) fn abandon(&mut self) {
        self.pending = None;
    }

    /// Gives its memory back.
    pub(crate) fn clear(&mut self) {
        self.lists = None;
        self.vectors = None;
    }

    pub(crate) fn bytes(&self) -> usize {
        let lists = self.lists.as_ref().map_or(0, |(_, block)| block.bytes());
        lists + self.vectors.as_ref().map_or(0, |(block, _)| block.bytes())
    }
}
