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
//! # Architectures behind the door
//!
//! `model_type` of `config.json` decides. In the table: `roberta`, `xlm-roberta`, `camembert`, `nomic_bert`,
//! `modernbert`, `qwen2` and `qwen3`. A configuration that candle-transformers would compute otherwise than the
//! model was trained (a bias it leaves out, a rotary scaling it does not know) is refused by the field's name.
//!
//! Left out on purpose: `distilbert`, whose exact GELU candle-transformers 0.11.1 computes in the tanh form
//! (measured on a tiny model of two layers: 7.2e-5 away, where the others stay below 1e-6), and `jina_bert`, for
//! which no independent vectors stand ready to prove it right.
//!
//! # Threads
//!
//! A session owns a pool of as many threads as it was given. Matrix products and softmax run in it; products use
//! no more of them than the machine has physical cores (or than `RAYON_NUM_THREADS` says, which candle reads
//! itself). Two things stay outside of any setting: candle works through element-wise operations on 65,536 values
//! or more, and through the attention of `qwen3`, on a pool of its own that the whole process shares.

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
