//! Writing a spec and its weights as an ONNX graph of standard operators.

mod attention;
mod embedding;
mod encoder;
mod file;
mod graph;
mod head;
mod linear;
mod model;
mod parts;
mod positions;
mod proto;

pub use file::{ExportError, ExportedFiles, export};
pub(crate) use graph::{Initializer, Values};
pub(crate) use linear::{Operators, Products, WeightRange};
pub(crate) use model::{
    ATTENTION_MASK, INPUT_IDS, LAST_HIDDEN_STATE, POOLED, SENTENCE_EMBEDDING, TOKEN_TYPE_IDS, Written,
    identity_model, stages_model, states_model,
};
