//! Matrix products.

mod linear;
mod product;

pub use linear::{Linear, ROW_BLOCK, matrix_vector, padded_rows};
pub use product::{Keep, Matrix, MatrixMut, ShapeMismatch, multiply};
