//! The reference backend: the same spec on candle tensors, and the door to candle's own architectures.
//!
//! [`CandleBackend`] takes two kinds of models. One that is described by an
//! [`EncoderSpec`](mbed_core::spec::EncoderSpec) is computed here, tensor by tensor, as plainly as it can be
//! written, so that the fast backends have something independent to be compared with. One that is not comes in
//! as a [`ForeignModel`](mbed_core::ForeignModel): candle-transformers computes the hidden states of its tokens,
//! and the same pooling and head follow.
//!
//! A batch is cut into groups of equally long sequences, so nothing is padded and no attention mask is needed.
//!
//! # Reading a spec
//!
//! Each file in `encoder/` computes one part of a spec with plain tensor operations, under the names that the spec
//! uses: this is the place to look up what a field means. `encoder/open.rs` is the walk as a whole.
//!
//! # Architectures behind the door
//!
//! `model_type` of `config.json` decides, and an architecture gets in only with golden vectors that prove it right.
//! In the table: `deberta-v2`, which is DeBERTa v2 and v3. A configuration that candle-transformers would compute
//! otherwise than the model was trained (a convolution it leaves out, scores it does not know) is refused by the
//! field's name.
//!
//! # Threads
//!
//! A session owns a pool of as many threads as it was given. Matrix products and softmax run in it; products use
//! no more of them than the machine has physical cores (or than `RAYON_NUM_THREADS` says, which candle reads
//! itself). One thing stays outside of any setting: candle works through element-wise operations on 65,536 values
//! or more on a pool of its own that the whole process shares.

mod activation;
mod backend;
mod convert;
mod encoder;
mod errors;
mod foreign;
mod group;
mod head;
mod linear;
mod model;
mod norm;
mod session;

pub use backend::CandleBackend;
