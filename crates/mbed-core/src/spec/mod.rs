//! Architectures as data. A backend walks an [`EncoderSpec`]; a new family of models adds a spec, not a forward
//! pass.

mod attention;
mod encoder;
mod feed_forward;
mod head;
mod names;
mod norm;
mod position;

pub use attention::AttentionSpec;
pub use encoder::EncoderSpec;
pub use feed_forward::{Activation, FeedForwardSpec, UnknownActivation};
pub use head::{Bias, HeadSpec, HeadStage, Pooling, UnknownPooling};
pub use names::{LayerTensor, Part, TensorName};
pub use norm::NormSpec;
pub use position::PositionSpec;
