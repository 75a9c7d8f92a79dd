//! Architectures as data. A backend walks an [`EncoderSpec`]; a new family of models adds a spec, not a forward
//! pass.

mod attention;
mod embedding;
mod encoder;
mod feed_forward;
mod head;
mod layer;
mod names;
mod norm;
mod position;
mod sizes;

pub use attention::{AttentionSpec, ScoreBias, alibi_slopes, relative_bucket};
pub use embedding::EmbeddingSpec;
pub use encoder::EncoderSpec;
pub use feed_forward::{Activation, FeedForwardSpec, UnknownActivation};
pub use head::{Bias, HeadSpec, HeadStage, Pooling, Presence, Residual, UnknownPooling};
pub use layer::{LayerSpec, Reach};
pub use names::{LayerTensor, Part, TensorName};
pub use norm::{NormKind, NormPlacement, NormSpec};
pub use position::{PositionSpec, RotaryPairing, RotarySpec};
pub use sizes::SizeError;
