//! A layer in binary32.

use mbed_core::BackendError;
use mbed_kernels::Isa;
use mbed_kernels::elementwise;
use mbed_kernels::gemm::{Linear, ROW_BLOCK};

use super::choice::Source;
use super::shared::Shared;
use crate::failure;
use crate::parts::PartOfBatch;
use crate::scratch::Scratch;

/// A layer's linear maps in binary32.
#[derive(Debug)]
pub(super) struct Maps {
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
        let blocks = scratch.hidden.chunks_exact(ROW_BLOCK * self.qkv.input());
        for (hidden, qkv) in blocks.zip(scratch.qkv.chunks_exact_mut(ROW_BLOCK * self.qkv.output())) {
            let input = shared.attention_norms.input(hidden, &mut scratch.input);
            self.qkv.apply_block(input, qkv).map_err(failure::shape)?;
        }
        attend(shared, part, scratch)?;
        self.finish_blocks(shared, scratch)
    }

    /// Everything after attention looks at one token at a time, so it goes block by block, while a block's
    /// intermediate values are in the cache.
    fn finish_blocks(&self, shared: &Shared, scratch: &mut Scratch) -> Result<(), BackendError> {
        let hidden_block = ROW_BLOCK * self.output.output();
        let context_block = ROW_BLOCK * self.output.input();
        let hiddens = scratch.hidden.chunks_exact_mut(hidden_block);
        for (hidden, context) in hiddens.zip(scratch.context.chunks_exact(context_block)) {
            let sum = &mut scratch.block;
            self.output.apply_block(context, sum).map_err(failure::shape)?;
            shared.attention_norms.add(hidden, sum);
            let input = shared.feed_forward_norms.input(hidden, &mut scratch.input);
            let intermediate = &mut scratch.intermediate;
            if let Some(gate) = &self.gate {
                gate.apply_block(input, intermediate).map_err(failure::shape)?;
                shared.activation.apply(intermediate);
                self.up.apply_block(input, &mut scratch.gated).map_err(failure::shape)?;
                elementwise::multiply(intermediate, &scratch.gated);
            } else {
                self.up.apply_block(input, intermediate).map_err(failure::shape)?;
                shared.activation.apply(intermediate);
            }
            self.down.apply_block(intermediate, sum).map_err(failure::shape)?;
            shared.feed_forward_norms.add(hidden, sum);
        }
        Ok(())
    }
}

fn attend(shared: &Shared, part: &PartOfBatch, scratch: &mut Scratch) -> Result<(), BackendError> {
    let attention = shared.attention(scratch.distances.bias());
    let (row, width) = (shared.heads.row(), shared.heads.query_width());
    let mut start = 0;
    for &length in &part.lengths {
        let qkv = &mut scratch.qkv[start * row..(start + length) * row];
        for (position, row) in qkv.chunks_exact_mut(row).enumerate() {
            shared.place(row, position, &scratch.turns);
        }
        let context = &mut scratch.context[start * width..(start + length) * width];
        attention.apply(length, qkv, context, &mut scratch.scores).map_err(failure::shape)?;
        start += length;
    }
    Ok(())
}
