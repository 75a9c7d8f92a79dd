//! A layer whose products go through tiles: in bfloat16, or in bytes but for attention, which stays in bfloat16.
//! States, sums and norms stay in binary32.

use std::ops::Range;

use mbed_core::spec::EncoderSpec;
use mbed_core::{BackendError, Bytes};
use mbed_kernels::Isa;
use mbed_kernels::activation::Function;
use mbed_kernels::bf16::{Bf16Gated, Bf16Linear, Bf16Scratch, Output, TileRows};
use mbed_kernels::elementwise;

use super::choice::Source;
use super::factors::{Factors, Kind, Part};
use super::norms::Norms;
use super::shared::Shared;
use crate::clock::Stage;
use crate::failure::{self, DEVICE};
use crate::parts::PartOfBatch;
use crate::scratch::Scratch;

/// Intermediate values of the feed-forward at a time: 768 KiB, which stay in the second-level cache.
const INTERMEDIATE_VALUES: usize = 256 * 1536;

/// Rows are taken in blocks of so many.
const BLOCK: usize = 32;

/// More rows at a time bring nothing.
const MOST_BLOCKS: usize = 8;

/// A layer's linear maps.
#[derive(Debug)]
pub(super) struct Maps<K: Kind> {
    isa: Isa,
    /// Queries, keys and values in one product.
    qkv: K::Linear,
    output: K::Linear,
    up: Up,
    down: K::Linear,
}

/// The first half of the feed-forward, always in bfloat16: its function takes as long as its product, so bytes would save
/// little, and they cost the most accuracy here.
#[derive(Debug)]
enum Up {
    Plain(Bf16Linear),
    Gated(Bf16Gated),
}

/// Rows that one thread works in.
#[derive(Debug, Default)]
pub(crate) struct TiledRows<F> {
    /// `rows × hidden`: what queries, keys and values are made of
    input: F,
    /// Whether the layer before has written it.
    is_input_written: bool,
    qkv: TileRows,
    context: TileRows,
    /// `step × hidden`: what the feed-forward is given
    step: TileRows,
    /// `step × intermediate`
    intermediate: TileRows,
    /// `step` rows of `context` and of `intermediate` as factors, where bfloat16 values are none.
    rooms: [F; 2],
    attention: Bf16Scratch,
}

impl TiledRows<()> {
    /// Rows that go through the feed-forward at a time.
    pub(crate) fn step(intermediate: usize) -> usize {
        let blocks = INTERMEDIATE_VALUES / BLOCK / intermediate.max(1);
        blocks.clamp(1, MOST_BLOCKS) * BLOCK
    }
}

impl<F: Factors> TiledRows<F> {
    /// Makes room for `rows`.
    pub(crate) fn reserve(&mut self, spec: &EncoderSpec, rows: usize) -> Result<(), BackendError> {
        let (width, intermediate) = (spec.attention.width(), spec.feed_forward.intermediate);
        self.is_input_written = false;
        let step = rows.min(TiledRows::step(intermediate));
        let row = width + 2 * spec.attention.key_value_width();
        let words = [
            (&mut self.qkv, rows, row),
            (&mut self.context, rows, width),
            (&mut self.step, step, spec.hidden),
            (&mut self.intermediate, step, intermediate),
        ];
        let words = words.into_iter().map(|(place, rows, columns)| place.reset(rows, columns));
        let factors = [self.input.reset(rows, spec.hidden)];
        let [context, fed] = &mut self.rooms;
        let rooms = [context.reserve_copy(step, width), fed.reserve_copy(step, intermediate)];
        words.chain(factors).chain(rooms).try_for_each(|done| done.map_err(|bytes| no_memory(Some(bytes))))
    }

    pub(crate) fn bytes(&self) -> usize {
        let words: usize =
            [&self.qkv, &self.context, &self.step, &self.intermediate].into_iter().map(TileRows::bytes).sum();
        let factors: usize = [&self.input].into_iter().chain(&self.rooms).map(Factors::bytes).sum();
        self.attention.bytes() + words + factors
    }
}

impl<K: Kind> Maps<K> {
    pub(super) fn new(source: Source<'_>, isa: Isa) -> Result<Self, BackendError> {
        let up = match source.gate()? {
            Some(gate) => Up::Gated(gate.bf16_gated(isa, &source.up()?)?),
            None => Up::Plain(source.up()?.bf16(isa)?),
        };
        Ok(Self {
            isa,
            qkv: K::linear(isa, &source.query_key_value()?)?,
            output: K::linear(isa, &source.output()?)?,
            up,
            down: K::linear(isa, &source.down()?)?,
        })
    }

    pub(super) fn bytes(&self) -> usize {
        let up = match &self.up {
            Up::Plain(up) => up.bytes(),
            Up::Gated(up) => up.bytes(),
        };
        [&self.qkv, &self.output, &self.down].into_iter().map(K::bytes).sum::<usize>() + up
    }

    pub(super) fn run(
        &self,
        shared: &Shared,
        part: &PartOfBatch,
        scratch: &mut Scratch,
    ) -> Result<(), BackendError> {
        let mut tiles = std::mem::take(K::rows(scratch));
        let done = self.run_with(shared, part, scratch, &mut tiles);
        *K::rows(scratch) = tiles;
        done
    }

    fn run_with(
        &self,
        shared: &Shared,
        part: &PartOfBatch,
        scratch: &mut Scratch,
        tiles: &mut TiledRows<K::Rows>,
    ) -> Result<(), BackendError> {
        self.project(shared, part, scratch, tiles)?;
        let clock = &mut scratch.clock;
        clock.mark(Stage::Qkv, 2 * part.tokens * tiles.input.columns() * K::output(&self.qkv));
        self.attend(shared, part, scratch, tiles)?;
        scratch.clock.mark(Stage::Attention, shared.heads.operations(&part.lengths));
        let step = TiledRows::step(tiles.intermediate.columns());
        for first in (0..part.tokens).step_by(step) {
            self.finish(shared, first..part.tokens.min(first + step), scratch, tiles)?;
        }
        tiles.is_input_written = matches!(shared.feed_forward_norms, Norms::After(_));
        Ok(())
    }

    /// Makes queries, keys and values of the states.
    fn project(
        &self,
        shared: &Shared,
        part: &PartOfBatch,
        scratch: &mut Scratch,
        tiles: &mut TiledRows<K::Rows>,
    ) -> Result<(), BackendError> {
        let Scratch { hidden, input, qkv: places, turns, .. } = scratch;
        let width = tiles.input.columns();
        if !tiles.is_input_written {
            let states = &hidden[..part.tokens * width];
            round(self.isa, &shared.attention_norms, (states, input), &mut tiles.input);
        }
        let x = (&tiles.input, 0..part.tokens);
        if !shared.places() {
            let output = Output::Tiles(Function::Identity, &mut tiles.qkv);
            return K::apply(&self.qkv, x, output).map_err(failure::shape);
        }
        let row = tiles.qkv.columns();
        let places = &mut places[..part.tokens * row];
        K::apply(&self.qkv, x, Output::Rows(places)).map_err(failure::shape)?;
        let positions = part.lengths.iter().flat_map(|&length| 0..length);
        for (row, position) in places.chunks_exact_mut(row).zip(positions) {
            shared.place(row, position, turns);
        }
        tiles.qkv.write(self.isa, 0, places);
        Ok(())
    }

    fn attend(
        &self,
        shared: &Shared,
        part: &PartOfBatch,
        scratch: &Scratch,
        tiles: &mut TiledRows<K::Rows>,
    ) -> Result<(), BackendError> {
        let attention = shared.attention(scratch.distances.bias());
        let TiledRows { qkv, context, attention: room, .. } = tiles;
        let mut start = 0;
        for &length in &part.lengths {
            let done = attention.apply_bf16(self.isa, &(start..start + length), (qkv, context), room);
            done.map_err(|mismatch| mismatch.map_or_else(|| no_memory(None), failure::shape))?;
            start += length;
        }
        Ok(())
    }

    /// Everything after attention looks at one token at a time, so it goes by some rows, while their intermediate
    /// values are in the cache.
    fn finish(
        &self,
        shared: &Shared,
        rows: Range<usize>,
        scratch: &mut Scratch,
        tiles: &mut TiledRows<K::Rows>,
    ) -> Result<(), BackendError> {
        let Scratch { hidden, input: input_room, block, clock, .. } = scratch;
        let TiledRows { input, context, step, intermediate, rooms: [first, second], .. } = tiles;
        let width = K::output(&self.output);
        let hidden = &mut hidden[rows.start * width..rows.end * width];
        let attended = (&self.output, first.of_words(self.isa, (&*context, rows.clone())));
        self.join(attended, &shared.attention_norms, (hidden, block), (step, 0))?;
        clock.mark(Stage::Output, 2 * rows.len() * shared.heads.query_width() * width);
        if !matches!(shared.attention_norms, Norms::After(_)) {
            round(self.isa, &shared.feed_forward_norms, (hidden, input_room), step);
        }
        let all = 0..rows.len();
        match &self.up {
            Up::Plain(up) => up.apply(step.part(&all), Output::Tiles(shared.activation, intermediate)),
            Up::Gated(up) => up.apply(step.part(&all), shared.activation, intermediate),
        }
        .map_err(failure::shape)?;
        let fed = (&self.down, second.of_words(self.isa, (&*intermediate, all)));
        self.join(fed, &shared.feed_forward_norms, (hidden, block), (input, rows.start))?;
        let maps = if matches!(self.up, Up::Gated(_)) { 3 } else { 2 };
        clock.mark(Stage::FeedForward, 2 * rows.len() * maps * width * intermediate.columns());
        Ok(())
    }

    /// Joins `states` and a map of `x`; `result` is as long as the longest states. Where a norm comes after, its result
    /// is what the next part is given, and goes to `tiles` too, from row `first` on.
    fn join<F: Factors>(
        &self,
        (map, x): (&K::Linear, Part<'_, K::Rows>),
        norms: &Norms,
        (states, result): (&mut [f32], &mut [f32]),
        (tiles, first): (&mut F, usize),
    ) -> Result<(), BackendError> {
        if let Norms::Around(_, norm) = norms {
            let result = &mut result[..states.len()];
            K::apply(map, x, Output::Rows(result)).map_err(failure::shape)?;
            norm.apply(result);
            elementwise::add(states, result);
            return Ok(());
        }
        K::apply(map, x, Output::Sum(states)).map_err(failure::shape)?;
        if let Norms::After(norm) = norms {
            tiles.write_normed(self.isa, first, norm, states);
        }
        Ok(())
    }
}

/// Rounds what a part of a layer is given of `states`; `room` is for as many rows as are looked at at a time.
fn round<F: Factors>(isa: Isa, norms: &Norms, (states, room): (&[f32], &mut [f32]), rows: &mut F) {
    let (Norms::Before(norm) | Norms::Around(norm, _)) = norms else {
        rows.write(isa, 0, states);
        return;
    };
    let width = rows.columns().max(1);
    let count = (room.len() / width).max(1);
    for (index, states) in states.chunks(count * width).enumerate() {
        let input = &mut room[..states.len()];
        input.copy_from_slice(states);
        rows.write_normed(isa, index * count, norm, input);
    }
}

fn no_memory(bytes: Option<usize>) -> BackendError {
    BackendError::OutOfMemory { device: DEVICE, requested: Bytes::from(bytes.unwrap_or(0)), free: None }
}
