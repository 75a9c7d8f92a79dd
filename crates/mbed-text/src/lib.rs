//! From texts to tokens: the rules before the tokenizer, the tokenizer, and where texts are cut.

pub mod chunk;
mod cut;
mod encoder;
mod error;
mod frame;
mod parts;
mod words;

pub use encoder::{Encoded, Pieces, TextEncoder, TextOptions};
pub use error::TextError;
pub use parts::EncodedParts;
