//! Products of bytes with exact sums: linear maps with weights that have a scale for each output, of rows that have a
//! scale each.
//!
//! A value is its byte times its scale, and the scale is the largest magnitude of the row, or of the output's weights,
//! over 127. Bytes lie in the same tiles as bfloat16 values, see [`crate::bf16`], 64 to a line. Sums are whole numbers,
//! so every path gives the same; a map has at most 133,000 inputs, beyond which a sum might not fit 32 bits.

mod linear;
mod machine;
mod quantize;
#[cfg(target_arch = "x86_64")]
mod quantize_avx512;
mod rows;
mod sums;
#[cfg(target_arch = "x86_64")]
mod sums_avx512;

pub use linear::Int8Linear;
pub use rows::{ByteRows, ByteView};
pub(crate) use sums::{Scales, Sums};
