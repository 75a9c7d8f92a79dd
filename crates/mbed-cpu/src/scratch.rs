//! Buffers that one thread works in, kept between batches.

use mbed_core::spec::EncoderSpec;
use mbed_core::{BackendError, Bytes};
use mbed_kernels::gemm::{ROW_BLOCK, padded_rows};

use crate::failure::DEVICE;
use crate::parts::PartOfBatch;

/// Buffers that one thread works in. Rows are padded to whole blocks.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// `rows × hidden`
    pub(crate) hidden: Vec<f32>,
    /// `rows × 3 · width`
    pub(crate) qkv: Vec<f32>,
    /// `rows × width`
    pub(crate) context: Vec<f32>,
    /// `longest × longest`
    pub(crate) scores: Vec<f32>,
    /// `block × hidden`
    pub(crate) block: Vec<f32>,
    /// `block × intermediate`
    pub(crate) intermediate: Vec<f32>,
}

impl Scratch {
    /// Makes room for `part`. Old values stay, which is harmless: rows past the part's tokens are computed along
    /// and never read.
    pub(crate) fn reserve(&mut self, spec: &EncoderSpec, part: &PartOfBatch) -> Result<(), BackendError> {
        let rows = padded_rows(part.tokens);
        let longest = part.lengths.iter().copied().max().unwrap_or(0);
        let width = spec.attention.width();
        resize(&mut self.hidden, rows * spec.hidden)?;
        resize(&mut self.qkv, rows * 3 * width)?;
        resize(&mut self.context, rows * width)?;
        resize(&mut self.scores, longest * longest)?;
        resize(&mut self.block, ROW_BLOCK * spec.hidden)?;
        resize(&mut self.intermediate, ROW_BLOCK * spec.feed_forward.intermediate)
    }

    /// How many bytes it holds.
    pub(crate) fn bytes(&self) -> usize {
        let buffers = [&self.hidden, &self.qkv, &self.context, &self.scores, &self.block, &self.intermediate];
        buffers.iter().map(|buffer| buffer.capacity() * size_of::<f32>()).sum()
    }
}

/// Sets the length, and says so where there is no memory for it instead of ending the process.
fn resize(buffer: &mut Vec<f32>, length: usize) -> Result<(), BackendError> {
    let missing = length.saturating_sub(buffer.len());
    buffer.try_reserve_exact(missing).map_err(|_refused| BackendError::OutOfMemory {
        device: DEVICE,
        requested: Bytes::from(missing * size_of::<f32>()),
        free: None,
    })?;
    buffer.resize(length, 0.0);
    Ok(())
}
