//! Parts on their way: lists go up, states are computed and vectors come down in three lanes at a time.

use std::sync::Arc;

use mbed_core::{BackendError, Batch, Embeddings};

use super::graphs::{Graphs, Step};
use super::open::SessionOptions;
use super::part::{Bucket, InputPlaces, Part, cut};
use super::regions::Regions;
use super::slot::{Moved, Slot};
use super::walk::Walk;
use super::ways::Ways;
use crate::arena::Block;
use crate::card::Card;
use crate::driver::DriverError;
use crate::kernels::AttentionShape;
use crate::model::Model;
use crate::owned::{Lane, Recording};

/// Parts on their way at a time: while one is computed, the one before comes down or the one behind goes up.
const SLOTS: usize = 2;

/// What a part is filled up to, and how attention goes through it: the kernel, where there are layers, and its tiles.
type Shaped = (Bucket, Option<AttentionShape>, Vec<[i32; 2]>);

/// What a session computes with. Memory goes back before the lanes that it was taken for.
#[derive(Debug)]
pub(crate) struct Pipeline {
    graphs: Graphs,
    ways: Ways,
    part_tokens: usize,
    workspace: Option<Block>,
    slots: [Slot; SLOTS],
    up: Lane,
    compute: Lane,
    down: Lane,
    pub(crate) model: Arc<Model>,
    pub(crate) card: Arc<Card>,
}

impl Pipeline {
    pub(crate) fn new(
        card: Arc<Card>,
        model: Arc<Model>,
        options: SessionOptions,
    ) -> Result<Self, BackendError> {
        let SessionOptions { graphs, pinning, part_tokens, .. } = options;
        let make = || -> Result<_, DriverError> {
            let lane = || Lane::new(&card.device);
            Ok(([Slot::new(&card, pinning)?, Slot::new(&card, pinning)?], [lane()?, lane()?, lane()?]))
        };
        let (slots, [up, compute, down]) = make().map_err(|error| card.failures().backend(error))?;
        let (graphs, ways, workspace) = (Graphs::new(graphs), Ways::default(), None);
        Ok(Self { graphs, ways, part_tokens, workspace, slots, up, compute, down, model, card })
    }

    /// Computes the rows of `batch`; `output` has its shape already.
    pub(crate) fn run(&mut self, batch: &Batch, output: &mut Embeddings) -> Result<(), BackendError> {
        let done = self.run_parts(batch, output);
        if done.is_err() {
            self.settle();
        }
        done
    }

    fn run_parts(&mut self, batch: &Batch, output: &mut Embeddings) -> Result<(), BackendError> {
        let parts = cut(batch, self.part_tokens);
        for (number, part) in parts.iter().enumerate() {
            let slot = number % SLOTS;
            self.collect(slot, output)?;
            self.start(slot, (batch, part))?;
        }
        for number in parts.len()..parts.len() + SLOTS {
            self.collect(number % SLOTS, output)?;
        }
        Ok(())
    }

    fn collect(&mut self, slot: usize, output: &mut Embeddings) -> Result<(), BackendError> {
        let Self { slots, card, .. } = self;
        slots[slot].collect(card, output).map_err(|error| card.failures().backend(error))
    }

    /// Sends a part on its way.
    fn start(&mut self, slot: usize, (batch, part): (&Batch, &Part)) -> Result<(), BackendError> {
        let (bucket, shape, tiles) = self.shape(batch, part)?;
        self.reserve(slot, bucket)?;
        let lists = part.pack(batch, (&self.model.spec, bucket), &tiles);
        let up = self.upload(slot, &lists);
        up.map_err(|error| self.card.failures().backend(error))?;
        self.compute(slot, bucket, shape)?;
        let down = self.download(slot, part);
        down.map_err(|error| self.card.failures().backend(error))
    }

    /// What a part is filled up to, and how attention goes through it.
    fn shape(&self, batch: &Batch, part: &Part) -> Result<Shaped, BackendError> {
        let bucket = part.bucket();
        let (spec, element) = (&self.model.spec, self.model.numbers.element());
        if spec.layers.is_empty() {
            return Ok((bucket, None, Vec::new()));
        }
        let head_size = spec.attention.head_size;
        let shape = AttentionShape::choose(element, head_size, bucket.longest);
        let shape = shape.map_err(|error| self.card.failures().launch(error))?;
        let tiles = shape.tiles(&part.offsets(batch));
        let count = if self.graphs.wants(bucket.tokens) {
            shape.most_tiles(bucket.tokens, bucket.sequences)
        } else {
            tiles.len()
        };
        Ok((Bucket { tiles: count.max(1), ..bucket }, Some(shape), tiles))
    }

    fn reserve(&mut self, slot: usize, bucket: Bucket) -> Result<(), BackendError> {
        let (spec, numbers) = (&self.model.spec, self.model.numbers);
        let needed = Regions::bytes(spec, numbers, bucket);
        if self.workspace.as_ref().is_none_or(|block| block.bytes() < needed) {
            self.graphs.clear();
            self.workspace = None;
            self.workspace = Some(self.card.arena.take(needed, self.compute.stream())?);
        }
        let lists = InputPlaces::new(spec, bucket).bytes;
        let vectors = bucket.rows.saturating_mul(spec.dimensions()).saturating_mul(size_of::<f32>());
        let moved = self.slots[slot].reserve(&self.card, (lists, vectors), &self.compute);
        if !matches!(moved, Ok(Moved::No)) {
            self.graphs.clear();
        }
        moved.map(|_moved| ())
    }

    fn upload(&self, slot: usize, bytes: &[u8]) -> Result<(), DriverError> {
        let slot = &self.slots[slot];
        let Some((shelf, block)) = slot.lists() else { return Ok(()) };
        let range = shelf.range(0, bytes.len());
        self.card.device.write(range, bytes)?;
        self.card.device.copy_up(range, block.address(), self.up.stream())?;
        slot.uploaded.record(&self.up)?;
        slot.uploaded.hold(&self.compute)
    }

    fn compute(
        &mut self,
        slot: usize,
        bucket: Bucket,
        shape: Option<AttentionShape>,
    ) -> Result<(), BackendError> {
        let Self { card, model, compute: lane, slots, graphs, ways, workspace, .. } = self;
        let there = workspace.as_ref().zip(slots[slot].lists()).zip(slots[slot].vectors());
        let Some(((workspace, (_, lists)), (vectors, _))) = there else { return Ok(()) };
        let walk = Walk {
            card,
            model,
            lane,
            bucket,
            inputs: lists.address(),
            places: InputPlaces::new(&model.spec, bucket),
            regions: Regions::new(workspace.address(), (&model.spec, model.numbers), bucket),
            shape,
            output: vectors.address(),
        };
        let failed = |error| card.failures().backend(error);
        match graphs.step(slot, bucket) {
            Step::Compute => walk.run(ways)?,
            Step::Replay(recording) => recording.replay(lane).map_err(failed)?,
            Step::Capture => {
                // Products are planned and kernels compiled by this pass where they were not; both cannot be captured.
                walk.run(ways)?;
                let recording = Recording::capture(&card.device, lane, failed, || walk.run(ways))?;
                graphs.keep(slot, bucket, recording);
            }
        }
        slots[slot].computed.record(lane).map_err(failed)
    }

    fn download(&mut self, slot: usize, part: &Part) -> Result<(), DriverError> {
        let bytes = part.row_numbers().len() * self.model.spec.dimensions() * size_of::<f32>();
        let (device, slot) = (&self.card.device, &mut self.slots[slot]);
        let Some((block, shelf)) = slot.vectors() else { return Ok(()) };
        slot.computed.hold(&self.down)?;
        device.copy_down(block.address(), shelf.range(0, bytes), self.down.stream())?;
        slot.expect(part, &self.down)
    }

    /// After a failure: waits for what is under way, and forgets it. Where the device is lost, waiting fails at once.
    fn settle(&mut self) {
        for lane in [&self.up, &self.compute, &self.down] {
            let _ = lane.synchronize();
        }
        self.slots.iter_mut().for_each(Slot::abandon);
    }

    /// Gives memory back that is kept for reuse.
    pub(crate) fn trim(&mut self) {
        self.settle();
        self.graphs.clear();
        self.workspace = None;
        self.slots.iter_mut().for_each(Slot::clear);
        // Blocks are back when the lane is there.
        let _ = self.compute.synchronize();
        let _ = self.card.arena.trim();
    }

    /// What it holds between batches.
    pub(crate) fn bytes(&self) -> usize {
        let workspace = self.workspace.as_ref().map_or(0, Block::bytes);
        workspace + self.slots.iter().map(Slot::bytes).sum::<usize>()
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.settle();
    }
}
