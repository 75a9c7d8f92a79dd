//! The encoder that an [`EncoderSpec`](mbed_core::spec::EncoderSpec) describes, tensor by tensor.
//!
//! Hidden states are `sequences × length × hidden` throughout, all sequences of a call equally long.

mod attention;
mod distance_bias;
mod embedding;
mod feed_forward;
mod layer;
mod open;
mod positions;
mod rotary;

pub(crate) use open::open;
