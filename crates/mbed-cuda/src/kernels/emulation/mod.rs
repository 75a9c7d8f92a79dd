//! The kernels' intricate index arithmetic, repeated on the host and compared with plain loops.
//!
//! [`warp`] is what NVIDIA's documentation says of instructions, not what the kernels hope of them. [`tiled`] and [`any`]
//! are the attention kernels line by line, a thread being an index. Shared memory begins as NaN, so that a value that was
//! never fetched cannot go unnoticed.

mod any;
mod compare;
mod launches;
mod offsets;
mod problem;
mod tiled;
mod warp;
