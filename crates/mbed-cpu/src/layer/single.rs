//! A layer in binary32.

use std::ops::Range;

use mbed_core::BackendError;
use mbed_kernels::Isa;
use mbed_kernels::activation::Function;
use mbed_kernels::elementwise;
use mbed_kernels::gemm::{Linear, Output};

use super::choice::Source;
use super::norms::Norms;
use super::shared::Shared;
use crate::clock::Stage;
use crate::failure;
use crate::parts::PartOfBatch;
use crate::scratch::Scratch;

/// Intermediate values of the feed-forward at a time: 768 KiB, which stay in the second-level cache.
const INTERMEDIATE_VALUES: usize = 128 * 1536;

/// Rows that the kernels take at a time, on every path: 8, 6 and 3 divide it.
const GROUP: usize = 24;

/// More rows at a time bring nothing.
const MOST_GROUPS: usize = 8;

/// Rows that go through the feed-forward at a time.
pub(crate) fn step(intermediate: usize) -> usize {
    (INTERMEDIATE_VALUES / GROUP / intermediate.max(1)).clamp(1, MOST_GROUPS) * GROUP
}

/// A layer's linear maps in binary32.
#[derive(Debug)]
pub(super) struct Maps {
    isa: Isa,
    /// Queries, keys and values in one product.
    qkv: Linear,
    output: Linear,
    gate: Option<Linear>,
    up: Linear,
    down: Linear,
}

impl Maps {
    pub(super) fn new(source: Source<'_>, isa: Isa) -> Result<Self, BackendError> {
        Ok(Self {
            isa,
            qkv: source.query_key_value()?.linear(isa)?,
            output: source.output()?.linear(isa)?,
            gate: source.gate()?.map(|gate| gate.linear(isa)).transpose()?,
            up: source.up()?.linear(isa)?,
            down: source.down()?.linear(isa)?,
        })
    }

    pub(super) fn bytes(&self) -> usize {
        let maps =
            [Some(&self.qkv), Some(&self.output), self.gate.as_ref(), Some(&self.up), Some(&self.down)];
        maps.into_iter().flatten().map(Linear::bytes).sum()
    }

    pub(super) fn run(
        &self,
        shared: &Shared,
        part: &PartOfBatch,
        scratch: &mut Scratch,
    ) -> Result<(), BackendError> {
        let step = step(self.down.input());
        for first in (0..part.tokens).step_by(step) {
            self.project(shared, first..part.tokens.min(first + step), scratch)?;
        }
        scratch.clock.mark(Stage::Qkv, self.qkv.operations(part.tokens));
        self.attend(shared, part, scratch)?;
        scratch.clock.mark(Stage::Attention, shared.heads.operations(&part.lengths));
        for first in (0..part.tokens).step_by(step) {
            self.finish(shared, first..part.tokens.min(first + step), scratch)?;
        }
        Ok(())
    }

    /// Makes queries, keys and values of the states.
    fn project(
        &self,
        shared: &Shared,
        rows: Range<usize>,
        scratch: &mut Scratch,
    ) -> Result<(), BackendError> {
        let Scratch { hidden, input: room, qkv, .. } = scratch;
        let (width, row) = (self.qkv.input(), self.qkv.output());
        let hidden = &hidden[rows.start * width..rows.end * width];
        let x = shared.attention_norms.input(self.isa, hidden, &mut room[..hidden.len()]);
        let places = &mut qkv[rows.start * row..rows.end * row];
        self.qkv.apply(x, Output::Rows(Function::Identity, places)).map_err(failure::shape)
    }

    fn attend(&self, shared: &Shared, part: &PartOfBatch, scratch: &mut Scratch) -> Result<(), BackendError> {
        let attention = shared.attention(scratch.distances.bias());
        let (row, width) = (shared.heads.row(), shared.heads.query_width());
        let mut start = 0;
        for &length in &part.lengths {
            let qkv = &mut scratch.qkv[start * row..(start + length) * row];
            if shared.places() {
                for (position, row) in qkv.chunks_exact_mut(row).enumerate() {
                    shared.place(row, position, &scratch.turns);
                }
            }
            let context = &mut scratch.context[start * width..(start + length) * width];
            let done = attention.apply(self.isa, (length, qkv), context, &mut scratch.attention);
            done.map_err(failure::shape)?;
            start += length;
        }
        Ok(())
    }

    /// Everything after attention looks at one token at a time, so it goes by some rows, while their intermediate
    /// values are in the cache.
    fn finish(&self, shared: &Shared, rows: Range<usize>, scratch: &mut Scratch) -> Result<(), BackendError> {
        let Scratch { hidden, input: room, block, context, intermediate, clock, .. } = scratch;
        let (width, inner) = (self.output.output(), self.output.input());
        let hidden = &mut hidden[rows.start * width..rows.end * width];
        let context = &context[rows.start * inner..rows.end * inner];
        self.join((&self.output, context), &shared.attention_norms, (hidden, block))?;
        clock.mark(Stage::Output, self.output.operations(rows.len()));
        let x = shared.feed_forward_norms.input(self.isa, hidden, &mut room[..hidden.len()]);
        let intermediate = &mut intermediate[..rows.len() * self.down.input()];
        let first = self.gate.as_ref().unwrap_or(&self.up);
        first.apply(x, Output::Rows(shared.activation, intermediate)).map_err(failure::shape)?;
        if self.gate.is_some() {
            self.up.apply(x, Output::Product(intermediate)).map_err(failure::shape)?;
        }
        self.join((&self.down, intermediate), &shared.feed_forward_norms, (hidden, block))?;
        let maps = [Some(&self.up), self.gate.as_ref(), Some(&self.down)];
        clock
            .mark(Stage::FeedForward, maps.into_iter().flatten().map(|map| map.operations(rows.len())).sum());
        Ok(())
    }

    /// Joins `states` and a map of `x`; `room` is as long as the longest states.
    fn join(
        &self,
        (map, x): (&Linear, &[f32]),
        norms: &Norms,
        (states, room): (&mut [f32], &mut [f32]),
    ) -> Result<(), BackendError> {
        if let Norms::Around(_, norm) = norms {
            let result = &mut room[..states.len()];
            map.apply(x, Output::Rows(Function::Identity, result)).map_err(failure::shape)?;
            norm.apply_on(self.isa, result);
            elementwise::add(states, result);
            return Ok(());
        }
        map.apply(x, Output::Sum(states)).map_err(failure::shape)?;
        if let Norms::After(norm) = norms {
            norm.apply_on(self.isa, states);
        }
        Ok(())
    }
}
