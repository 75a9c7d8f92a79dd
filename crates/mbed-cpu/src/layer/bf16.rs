//! A layer whose products are in bfloat16. States, sums and norms stay in binary32.

use mbed_core::spec::EncoderSpec;
use mbed_core::{BackendError, Bytes};
use mbed_kernels::Isa;
use mbed_kernels::activation::Function;
use mbed_kernels::bf16::{Bf16Gated, Bf16Linear, Bf16Scratch, Output, TileRows, TileView};
use mbed_kernels::elementwise;

use super::choice::Source;
use super::norms::Norms;
use super::shared::Shared;
use crate::failure::{self, DEVICE};
use crate::parts::PartOfBatch;
use crate::scratch::Scratch;

/// Intermediate values of the feed-forward at a time: 768 KiB, which stay in the second-level cache.
const INTERMEDIATE_VALUES: usize = 256 * 1536;

/// Rows are taken in blocks of so many.
const BLOCK: usize = 32;

/// More rows at a time bring nothing.
const MOST_BLOCKS: usize = 8;

/// A layer's linear maps in bfloat16.
#[derive(Debug)]
pub(super) struct Maps {
    isa: Isa,
    /// Queries, keys and values in one product.
    qkv: Bf16Linear,
    output: Bf16Linear,
    up: Up,
    down: Bf16Linear,
}

/// The first half of the feed-forward.
#[derive(Debug)]
enum Up {
    Plain(Bf16Linear),
    Gated(Bf16Gated),
}

/// Rows of bfloat16 values that one thread works in.
#[derive(Debug, Default)]
pub(crate) struct Bf16Rows {
    /// `rows × hidden`: what queries, keys and values are made of
    input: TileRows,
    /// Whether the layer before has written it.
    is_input_written: bool,
    qkv: TileRows,
    context: TileRows,
    /// `step × hidden`: what the feed-forward is given
    step: TileRows,
    /// `step × intermediate`
    intermediate: TileRows,
    attention: Bf16Scratch,
}

impl Bf16Rows {
    /// Rows that go through the feed-forward at a time.
    pub(crate) fn step(intermediate: usize) -> usize {
        let blocks = INTERMEDIATE_VALUES / BLOCK / intermediate.max(1);
        blocks.clamp(1, MOST_BLOCKS) * BLOCK
    }

    /// Makes room for `rows`.
    pub(crate) fn reserve(&mut self, spec: &EncoderSpec, rows: usize) -> Result<(), BackendError> {
        let width = spec.attention.width();
        self.is_input_written = false;
        let step = rows.min(Self::step(spec.feed_forward.intermediate));
        let shapes = [
            (&mut self.input, rows, spec.hidden),
            (&mut self.qkv, rows, width + 2 * spec.attention.key_value_width()),
            (&mut self.context, rows, width),
            (&mut self.step, step, spec.hidden),
            (&mut self.intermediate, step, spec.feed_forward.intermediate),
        ];
        for (place, rows, columns) in shapes {
            place.reset(rows, columns).map_err(|bytes| no_memory(Some(bytes)))?;
        }
        Ok(())
    }

    pub(crate) fn bytes(&self) -> usize {
        let rows = [&self.input, &self.qkv, &self.context, &self.step, &self.intermediate];
        self.attention.bytes() + rows.into_iter().map(TileRows::bytes).sum::<usize>()
    }
}

impl Maps {
    pub(super) fn new(source: Source<'_>, isa: Isa) -> Result<Self, BackendError> {
        let up = match source.gate()? {
            Some(gate) => Up::Gated(gate.bf16_gated(isa, &source.up()?)?),
            None => Up::Plain(source.up()?.bf16(isa)?),
        };
        Ok(Self {
            isa,
            qkv: source.query_key_value()?.bf16(isa)?,
            output: source.output()?.bf16(isa)?,
            up,
            down: source.down()?.bf16(isa)?,
        })
    }

    pub(super) const fn bytes(&self) -> usize {
        let up = match &self.up {
            Up::Plain(up) => up.bytes(),
            Up::Gated(up) => up.bytes(),
        };
        self.qkv.bytes() + self.output.bytes() + up + self.down.bytes()
    }

    pub(super) fn run(
        &self,
        shared: &Shared,
        part: &PartOfBatch,
        scratch: &mut Scratch,
    ) -> Result<(), BackendError> {
        self.project(shared, part, scratch)?;
        self.attend(shared, part, scratch)?;
        let step = Bf16Rows::step(self.down.input());
        for first in (0..part.tokens).step_by(step) {
            self.finish(shared, first..part.tokens.min(first + step), scratch)?;
        }
        scratch.bf16.is_input_written = matches!(shared.feed_forward_norms, Norms::After(_));
        Ok(())
    }

    /// Makes queries, keys and values of the states.
    fn project(
        &self,
        shared: &Shared,
        part: &PartOfBatch,
        scratch: &mut Scratch,
    ) -> Result<(), BackendError> {
        let Scratch { hidden, input, qkv: places, bf16: rows, turns, .. } = scratch;
        let width = self.qkv.input();
        if !rows.is_input_written {
            round(
                self.isa,
                &shared.attention_norms,
                (&hidden[..part.tokens * width], input),
                &mut rows.input,
            );
        }
        let x = rows.input.part(&(0..part.tokens));
        if !shared.places() {
            return self
                .qkv
                .apply(x, Output::Tiles(Function::Identity, &mut rows.qkv))
                .map_err(failure::shape);
        }
        let row = self.qkv.output();
        let places = &mut places[..part.tokens * row];
        self.qkv.apply(x, Output::Rows(places)).map_err(failure::shape)?;
        let positions = part.lengths.iter().flat_map(|&length| 0..length);
        for (row, position) in places.chunks_exact_mut(row).zip(positions) {
            shared.place(row, position, turns);
        }
        rows.qkv.write(self.isa, 0, places);
        Ok(())
    }

    fn attend(&self, shared: &Shared, part: &PartOfBatch, scratch: &mut Scratch) -> Result<(), BackendError> {
        let attention = shared.attention(scratch.distances.bias());
        let Bf16Rows { qkv, context, attention: room, .. } = &mut scratch.bf16;
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
        rows: std::ops::Range<usize>,
        scratch: &mut Scratch,
    ) -> Result<(), BackendError> {
        let Scratch { hidden, input: room, block, bf16: tiles, .. } = scratch;
        let Bf16Rows { input, context, step, intermediate, .. } = tiles;
        let width = self.output.output();
        let count = rows.len();
        let hidden = &mut hidden[rows.start * width..rows.end * width];
        let attended = (&self.output, context.part(&rows));
        self.join(attended, &shared.attention_norms, (hidden, block), (step, 0))?;
        if !matches!(shared.attention_norms, Norms::After(_)) {
            round(self.isa, &shared.feed_forward_norms, (hidden, room), step);
        }
        let x = step.part(&(0..count));
        match &self.up {
            Up::Plain(up) => up.apply(x, Output::Tiles(shared.activation, intermediate)),
            Up::Gated(up) => up.apply(x, shared.activation, intermediate),
        }
        .map_err(failure::shape)?;
        let fed = (&self.down, intermediate.part(&(0..count)));
        self.join(fed, &shared.feed_forward_norms, (hidden, block), (input, rows.start))
    }

    /// Joins `states` and a map of `x`; `room` is as long as the longest states. Where a norm comes after, its result is
    /// what the next part is given, and goes to `tiles` too, from row `first` on.
    fn join(
        &self,
        (map, x): (&Bf16Linear, TileView<'_>),
        norms: &Norms,
        (states, room): (&mut [f32], &mut [f32]),
        (tiles, first): (&mut TileRows, usize),
    ) -> Result<(), BackendError> {
        if let Norms::Around(_, norm) = norms {
            let result = &mut room[..states.len()];
            map.apply(x, Output::Rows(result)).map_err(failure::shape)?;
            norm.apply(result);
            elementwise::add(states, result);
            return Ok(());
        }
        map.apply(x, Output::Sum(states)).map_err(failure::shape)?;
        if let Norms::After(norm) = norms {
            tiles.write_normed(self.isa, first, norm, states);
        }
        Ok(())
    }
}

/// Rounds what a part of a layer is given of `states`; `room` is for as many rows as are looked at at a time.
fn round(isa: Isa, norms: &Norms, (states, room): (&[f32], &mut [f32]), rows: &mut TileRows) {
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
