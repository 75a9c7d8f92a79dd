//! Buffers that one thread works in, kept between batches.

use mbed_core::{BackendError, Precision};
use mbed_kernels::attention::{AttentionRoom, Heads};
use mbed_kernels::bf16::TileRows;
use mbed_kernels::int8::ByteRows;

use crate::clock::Clock;
use crate::encoder::Encoder;
use crate::failure;
use crate::layer::{self, TiledRows};
use crate::parts::PartOfBatch;
use crate::tables::{Distances, Turns};

/// Buffers that one thread works in.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// `rows × hidden`
    pub(crate) hidden: Vec<f32>,
    /// `rows × embedding width`, where embeddings have another length than states
    pub(crate) embedded: Vec<f32>,
    /// `rows × (queries, keys, values)`
    pub(crate) qkv: Vec<f32>,
    /// `rows × query width`
    pub(crate) context: Vec<f32>,
    /// What attention in binary32 works in.
    pub(crate) attention: AttentionRoom,
    /// `step × hidden`: what a part of a layer is given
    pub(crate) input: Vec<f32>,
    /// `step × hidden`: what it gives
    pub(crate) block: Vec<f32>,
    /// `step × intermediate`
    pub(crate) intermediate: Vec<f32>,
    /// What layers in bfloat16 work in besides.
    pub(crate) bf16: TiledRows<TileRows>,
    /// What layers in bytes work in besides.
    pub(crate) int8: TiledRows<ByteRows>,
    /// One for each rotation of the encoder.
    pub(crate) turns: Vec<Turns>,
    pub(crate) distances: Distances,
    /// Runs where somebody wants to know what stages take.
    pub(crate) clock: Clock,
}

impl Scratch {
    /// Makes room for `part`. Buffers keep the length that the largest part so far needed.
    pub(crate) fn reserve(&mut self, encoder: &Encoder, part: &PartOfBatch) -> Result<(), BackendError> {
        let spec = &encoder.spec;
        let rows = part.tokens;
        let longest = part.lengths.iter().copied().max().unwrap_or(0);
        resize(&mut self.hidden, rows * spec.hidden)?;
        if spec.embedding.projection.is_some() {
            resize(&mut self.embedded, rows * spec.embedding.width)?;
        }
        if spec.layers.is_empty() {
            return Ok(());
        }
        let (width, intermediate) = (spec.attention.width(), spec.feed_forward.intermediate);
        resize(&mut self.qkv, rows * (width + 2 * spec.attention.key_value_width()))?;
        if matches!(encoder.precision, Precision::Bf16 | Precision::Int8) {
            let step = TiledRows::step(intermediate);
            resize(&mut self.input, step * spec.hidden)?;
            resize(&mut self.block, step * spec.hidden)?;
            if encoder.precision == Precision::Bf16 {
                self.bf16.reserve(spec, part.tokens)?;
            } else {
                self.int8.reserve(spec, part.tokens)?;
            }
        } else {
            resize(&mut self.context, rows * width)?;
            let heads = Heads {
                count: spec.attention.heads,
                key_values: spec.attention.key_value_heads,
                size: spec.attention.head_size,
            };
            self.attention.reserve(encoder.isa, heads, longest).map_err(failure::no_memory)?;
            let step = layer::step(intermediate).min(rows);
            resize(&mut self.input, step * spec.hidden)?;
            resize(&mut self.block, step * spec.hidden)?;
            resize(&mut self.intermediate, step * intermediate)?;
        }
        self.turns.resize_with(encoder.rotations.len(), Turns::default);
        for (turns, rotary) in self.turns.iter_mut().zip(&encoder.rotations) {
            turns.reach(rotary, longest)?;
        }
        self.distances.reach(&spec.attention, &encoder.score_bias, longest)?;
        Ok(())
    }

    /// How many bytes it holds.
    pub(crate) fn bytes(&self) -> usize {
        let buffers = [
            &self.hidden,
            &self.embedded,
            &self.qkv,
            &self.context,
            &self.input,
            &self.block,
            &self.intermediate,
        ];
        let values: usize = buffers.iter().map(|buffer| buffer.capacity()).sum();
        let turns: usize = self.turns.iter().map(Turns::bytes).sum();
        values * size_of::<f32>()
            + self.attention.bytes()
            + self.bf16.bytes()
            + self.int8.bytes()
            + turns
            + self.distances.bytes()
    }
}

/// Makes it at least so long, and says so where there is no memory for it instead of ending the process.
fn resize(buffer: &mut Vec<f32>, length: usize) -> Result<(), BackendError> {
    failure::reserve(buffer, length.saturating_sub(buffer.len()))?;
    buffer.resize(length.max(buffer.len()), 0.0);
    Ok(())
}
