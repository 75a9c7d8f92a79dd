//! Matrix products.

mod linear;
#[cfg(target_arch = "x86_64")]
mod packed;
#[cfg(target_arch = "x86_64")]
mod packed_avx512;
mod product;

pub use linear::{Linear, ROW_BLOCK, matrix_vector, padded_rows};
pub use product::{Keep, Matrix, MatrixMut, ShapeMismatch, multiply};
