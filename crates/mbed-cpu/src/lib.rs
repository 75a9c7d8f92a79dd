//! The CPU backend: an encoder spec walked over packed batches, in f32.
