//! Matrix products.

mod kernel;
mod linear;
mod panels;
mod vector;

pub(crate) use kernel::{Sums, accumulate, multiply_add, store_row};
pub use linear::{Linear, Output, ShapeMismatch};
pub(crate) use panels::{LINE, Line};
pub use vector::matrix_vector;
