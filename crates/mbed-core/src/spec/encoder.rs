//! A whole encoder.

use super::head::Bias;
use super::{
    AttentionSpec, FeedForwardSpec, HeadSpec, HeadStage, LayerTensor, NormSpec, Part, PositionSpec,
    TensorName,
};
use crate::{TensorError, Weights};

/// An encoder as data: embeddings, `layers` equal layers, a head.
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderSpec {
    /// The family it belongs to (`model_type` of `config.json`), for people only: no backend decides by it.
    pub family: String,
    /// Rows of the token embedding.
    pub vocabulary: usize,
    /// Rows of the segment embedding.
    pub segments: usize,
    /// Length of a token's hidden state.
    pub hidden: usize,
    /// Number of layers.
    pub layers: usize,
    /// Positions.
    pub position: PositionSpec,
    /// Attention of every layer.
    pub attention: AttentionSpec,
    /// Feed-forward of every layer.
    pub feed_forward: FeedForwardSpec,
    /// Norms of every layer and of the embeddings.
    pub norm: NormSpec,
    /// Pooling and what comes after it.
    pub head: HeadSpec,
}

impl EncoderSpec {
    /// The length of the vectors that come out.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.head.dimensions(self.hidden)
    }

    /// Every tensor that the encoder needs, with its shape. The head's are in
    /// [`EncoderSpec::head_tensors`].
    #[must_use]
    pub fn encoder_tensors(&self) -> Vec<(TensorName, Vec<usize>)> {
        let mut tensors = vec![
            (TensorName::TokenEmbedding, vec![self.vocabulary, self.hidden]),
            (TensorName::SegmentEmbedding, vec![self.segments, self.hidden]),
        ];
        match self.position {
            PositionSpec::Learned { rows, .. } => {
                tensors.push((TensorName::PositionEmbedding, vec![rows, self.hidden]));
            }
        }
        for part in [Part::Weight, Part::Bias] {
            tensors.push((TensorName::EmbeddingNorm(part), vec![self.hidden]));
        }
        for layer in 0..self.layers {
            self.layer_tensors(layer, &mut tensors);
        }
        tensors
    }

    fn layer_tensors(&self, layer: usize, tensors: &mut Vec<(TensorName, Vec<usize>)>) {
        let width = self.attention.width();
        let intermediate = self.feed_forward.intermediate;
        let linear = [
            (LayerTensor::Query, width, self.hidden),
            (LayerTensor::Key, width, self.hidden),
            (LayerTensor::Value, width, self.hidden),
            (LayerTensor::AttentionOutput, self.hidden, width),
            (LayerTensor::Up, intermediate, self.hidden),
            (LayerTensor::Down, self.hidden, intermediate),
        ];
        for (tensor, output, input) in linear {
            tensors.push((TensorName::Layer(layer, tensor, Part::Weight), vec![output, input]));
            tensors.push((TensorName::Layer(layer, tensor, Part::Bias), vec![output]));
        }
        for tensor in [LayerTensor::AttentionNorm, LayerTensor::FeedForwardNorm] {
            for part in [Part::Weight, Part::Bias] {
                tensors.push((TensorName::Layer(layer, tensor, part), vec![self.hidden]));
            }
        }
    }

    /// Every tensor that the head needs, with its shape.
    #[must_use]
    pub fn head_tensors(&self) -> Vec<(TensorName, Vec<usize>)> {
        let mut tensors = Vec::new();
        for (index, stage) in self.head.stages.iter().enumerate() {
            if let HeadStage::Dense { input, output, bias, .. } = stage {
                tensors.push((TensorName::HeadDense(index, Part::Weight), vec![*output, *input]));
                if *bias == Bias::Added {
                    tensors.push((TensorName::HeadDense(index, Part::Bias), vec![*output]));
                }
            }
        }
        tensors
    }

    /// Proves that `weights` holds every tensor in the right shape.
    ///
    /// # Errors
    /// The first tensor that is missing or has another shape.
    pub fn check(&self, weights: &Weights) -> Result<(), TensorError> {
        for (name, shape) in self.encoder_tensors().into_iter().chain(self.head_tensors()) {
            weights.get_shaped(name, &shape)?;
        }
        Ok(())
    }
}
