//! A whole encoder.

use super::{
    AttentionSpec, Bias, EmbeddingSpec, FeedForwardSpec, HeadSpec, HeadStage, LayerSpec, LayerTensor,
    NormKind, NormPlacement, NormSpec, Part, PositionSpec, Residual, ScoreBias, TensorName,
};
use crate::{TensorError, Weights};

/// A tensor's name and shape.
type Needed = (TensorName, Vec<usize>);

/// An encoder as data: embeddings, layers, a head.
///
/// Without layers, it is a table of token vectors (a static model).
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderSpec {
    /// The family it belongs to (`model_type` of `config.json`), for people only: no backend decides by it.
    pub family: String,
    /// Rows of the token embedding.
    pub vocabulary: usize,
    /// Length of a token's hidden state.
    pub hidden: usize,
    /// From vocabulary numbers to the first states.
    pub embedding: EmbeddingSpec,
    /// Positions.
    pub position: PositionSpec,
    /// Attention of every layer.
    pub attention: AttentionSpec,
    /// Feed-forward of every layer.
    pub feed_forward: FeedForwardSpec,
    /// Norms of every layer, of the embeddings and of the last states.
    pub norm: NormSpec,
    /// The layers, from the first to the last.
    pub layers: Vec<LayerSpec>,
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
        let mut tensors = self.embedding_tensors();
        if let (ScoreBias::Buckets { buckets, .. }, false) =
            (self.attention.score_bias, self.layers.is_empty())
        {
            tensors.push((TensorName::ScoreBias, vec![buckets, self.attention.heads]));
        }
        for (index, layer) in self.layers.iter().enumerate() {
            self.attention_tensors(index, layer, &mut tensors);
            self.feed_forward_tensors(index, &mut tensors);
        }
        if self.norm.last.is_present() {
            self.push_norm(TensorName::LastNorm, self.hidden, &mut tensors);
        }
        tensors
    }

    fn embedding_tensors(&self) -> Vec<Needed> {
        let width = self.embedding.width;
        let mut tensors = vec![(TensorName::TokenEmbedding, vec![self.vocabulary, width])];
        if self.embedding.segments > 0 {
            tensors.push((TensorName::SegmentEmbedding, vec![self.embedding.segments, width]));
        }
        if let PositionSpec::Learned { rows, .. } = self.position {
            tensors.push((TensorName::PositionEmbedding, vec![rows, width]));
        }
        if self.embedding.norm.is_present() {
            self.push_norm(TensorName::EmbeddingNorm, width, &mut tensors);
        }
        if let Some(bias) = self.embedding.projection {
            push_linear(TensorName::EmbeddingProjection, [self.hidden, width], bias, &mut tensors);
        }
        tensors
    }

    fn attention_tensors(&self, index: usize, layer: &LayerSpec, tensors: &mut Vec<Needed>) {
        let AttentionSpec { head_size, input_bias, output_bias, .. } = self.attention;
        let (width, shared) = (self.attention.width(), self.attention.key_value_width());
        let linear = [
            (LayerTensor::Query, [width, self.hidden], input_bias),
            (LayerTensor::Key, [shared, self.hidden], input_bias),
            (LayerTensor::Value, [shared, self.hidden], input_bias),
            (LayerTensor::AttentionOutput, [self.hidden, width], output_bias),
        ];
        for (tensor, shape, bias) in linear {
            push_linear(|part| TensorName::Layer(index, tensor, part), shape, bias, tensors);
        }
        if self.attention.query_key_norm.is_present() {
            for tensor in [LayerTensor::QueryNorm, LayerTensor::KeyNorm] {
                self.push_norm(|part| TensorName::Layer(index, tensor, part), head_size, tensors);
            }
        }
        if layer.attention_norm.is_present() {
            let (first, second) = (LayerTensor::AttentionNorm, LayerTensor::AttentionOutputNorm);
            self.push_layer_norms(index, first, second, tensors);
        }
    }

    fn feed_forward_tensors(&self, index: usize, tensors: &mut Vec<Needed>) {
        let FeedForwardSpec { intermediate, gate, input_bias, output_bias, .. } = self.feed_forward;
        let mut linear = vec![(LayerTensor::Up, [intermediate, self.hidden], input_bias)];
        if gate.is_present() {
            linear.push((LayerTensor::Gate, [intermediate, self.hidden], input_bias));
        }
        linear.push((LayerTensor::Down, [self.hidden, intermediate], output_bias));
        for (tensor, shape, bias) in linear {
            push_linear(|part| TensorName::Layer(index, tensor, part), shape, bias, tensors);
        }
        let (first, second) = (LayerTensor::FeedForwardNorm, LayerTensor::FeedForwardOutputNorm);
        self.push_layer_norms(index, first, second, tensors);
    }

    fn push_layer_norms(
        &self,
        index: usize,
        first: LayerTensor,
        second: LayerTensor,
        tensors: &mut Vec<Needed>,
    ) {
        self.push_norm(|part| TensorName::Layer(index, first, part), self.hidden, tensors);
        if self.norm.placement == NormPlacement::Around {
            self.push_norm(|part| TensorName::Layer(index, second, part), self.hidden, tensors);
        }
    }

    fn push_norm(&self, name: impl Fn(Part) -> TensorName, length: usize, tensors: &mut Vec<Needed>) {
        tensors.push((name(Part::Weight), vec![length]));
        if self.norm.kind == NormKind::Layer && self.norm.bias == Bias::Added {
            tensors.push((name(Part::Bias), vec![length]));
        }
    }

    /// Every tensor that the head needs, with its shape.
    #[must_use]
    pub fn head_tensors(&self) -> Vec<(TensorName, Vec<usize>)> {
        self.head.tensors()
    }

    /// How many values all tensors have together.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let tensors = self.encoder_tensors().into_iter().chain(self.head_tensors());
        tensors.map(|(_, shape)| shape.into_iter().product::<usize>()).sum()
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

impl HeadSpec {
    /// Every tensor that the stages need, with its shape.
    #[must_use]
    pub fn tensors(&self) -> Vec<(TensorName, Vec<usize>)> {
        let mut tensors = Vec::new();
        for (index, stage) in self.stages.iter().enumerate() {
            match *stage {
                HeadStage::Dense { input, output, bias, residual, .. } => {
                    push_linear(
                        |part| TensorName::HeadDense(index, part),
                        [output, input],
                        bias,
                        &mut tensors,
                    );
                    if residual == Residual::Projected {
                        tensors.push((TensorName::HeadResidual(index), vec![output, input]));
                    }
                }
                HeadStage::LayerNorm { length, .. } => {
                    for part in [Part::Weight, Part::Bias] {
                        tensors.push((TensorName::HeadNorm(index, part), vec![length]));
                    }
                }
                HeadStage::Normalize => {}
            }
        }
        tensors
    }
}

fn push_linear(name: impl Fn(Part) -> TensorName, shape: [usize; 2], bias: Bias, tensors: &mut Vec<Needed>) {
    tensors.push((name(Part::Weight), shape.to_vec()));
    if bias == Bias::Added {
        tensors.push((name(Part::Bias), vec![shape[0]]));
    }
}
