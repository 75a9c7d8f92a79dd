//! Products of bfloat16 values with binary32 sums: linear maps and attention on AMX tiles.
//!
//! Everything here goes through tiles: a row of a tile is 64 bytes, 32 values, and a tile has 16 rows. Products are
//! made in blocks of 32 × 32, whatever the shapes; what is padded is zero. A row of a block is computed from that
//! row alone and always in the same order, so its bits depend neither on its neighbours nor on their number.
//!
//! Without AMX the same blocks are computed by `scalar.rs`, which is the truth in tests and too slow to embed with.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
pub(crate) mod amx_beside;
mod attention;
pub(crate) mod finish;
#[cfg(target_arch = "x86_64")]
mod finish_avx512;
#[cfg(all(test, unix))]
mod guard_tests;
pub(crate) mod linear;
pub(crate) mod machine;
#[cfg(target_arch = "x86_64")]
mod norm_avx512;
pub(crate) mod panels;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod shares_avx512;
pub(crate) mod tiles;
#[cfg(target_arch = "x86_64")]
mod turn_avx512;

pub use attention::Bf16Scratch;
pub use finish::Output;
pub use linear::{Bf16Gated, Bf16Linear};
#[cfg(all(test, unix))]
pub(crate) use tiles::Line;
pub use tiles::{TileRows, TileView};
