//! Buffers that one thread works in, kept between batches.

use mbed_core::{BackendError, Precision};
use mbed_kernels::attention::Attention;
use mbed_kernels::bf16::TileRows;
use mbed_kernels::gemm::{ROW_BLOCK, padded_rows};
use mbed_kernels::int8::ByteRows;

use crate::encoder::Encoder;
use crate::failure;
use crate::layer::TiledRows;
use crate::parts::PartOfBatch;
use crate::tables::{Distances, Turns};

/// Buffers that one thread works in. Rows are padded to whole blocks.
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
    /// Scores of one head of the longest sequence.
    pub(crate) scores: Vec<f32>,
    /// `block × hidden`: what a part of a layer is given
    pub(crate) input: Vec<f32>,
    /// `block × hidden`: what it gives
    pub(crate) block: Vec<f32>,
    /// `block × intermediate`
    pub(crate) intermediate: Vec<f32>,
    /// `block × intermediate`, where there is a gate
    pub(crate) gated: Vec<f32>,
    /// What layers in bfloat16 work in besides.
    pub(crate) bf16: TiledRows<TileRows>,
    /// What layers in bytes work in besides.
    pub(crate) int8: TiledRows<ByteRows>,
    /// One for each rotation of the encoder.
    pub(crate) turns: Vec<Turns>,
    pub(crate) distances: Distances,
}

impl Scratch {
    /// Makes room for `part`. Old values stay, which is harmless: rows past the part's tokens are computed along
    /// and never read.
    pub(crate) fn reserve(&mut self, encoder: &Encoder, part: &PartOfBatch) -> Result<(), BackendError> {
        let spec = &encoder.spec;
        let rows = padded_rows(part.tokens);
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
            resize(&mut self.scores, Attention::scores(longest))?;
            resize(&mut self.input, ROW_BLOCK * spec.hidden)?;
            resize(&mut self.block, ROW_BLOCK * spec.hidden)?;
            resize(&mut self.intermediate, ROW_BLOCK * intermediate)?;
            if spec.feed_forward.gate.is_present() {
                resize(&mut self.gated, ROW_BLOCK * intermediate)?;
            }
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
            &self.scores,
            &self.input,
            &self.block,
            &self.intermediate,
            &self.gated,
        ];
        let values: usize = buffers.iter().map(|buffer| buffer.capacity()).sum();
        let turns: usize = self.turns.iter().map(Turns::bytes).sum();
        values * size_of::<f32>() + self.bf16.bytes() + self.int8.bytes() + turns + self.distances.bytes()
    }
}

/// Sets the length, and says so where there is no memory for it instead of ending the process.
fn resize(buffer: &mut Vec<f32>, length: usize) -> Result<(), BackendError> {
    failure::reserve(buffer, length.saturating_sub(buffer.len()))?;
    buffer.resize(length, 0.0);
    Ok(())
}
