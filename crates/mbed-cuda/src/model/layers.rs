//! The parts of a model on a device.

use mbed_core::spec::{
    Activation, Bias, EncoderSpec, HeadStage, LayerTensor, NormKind, NormPlacement, NormSpec, Part, Presence,
    Reach, Residual, TensorName,
};
use mbed_core::{BackendError, Weights};

use super::upload::Uploader;
use crate::driver::Numbers;
use crate::failure::unsupported;
use crate::kernels::{Address, Element, Norm};

/// A linear map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Linear {
    pub(crate) weight: Address,
    pub(crate) bias: Option<Address>,
    pub(crate) inner: usize,
    pub(crate) outputs: usize,
    pub(crate) numbers: Numbers,
}

/// One layer.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    /// Queries, keys and values in one product.
    pub(crate) qkv: Linear,
    pub(crate) output: Linear,
    /// Gate and up in one product, where there is a gate.
    pub(crate) up: Linear,
    pub(crate) down: Linear,
    pub(crate) reach: Reach,
    /// Number of its rotation among the model's.
    pub(crate) rotation: Option<usize>,
    pub(crate) query_key_norms: Option<[Norm; 2]>,
    pub(crate) attention: Half,
    pub(crate) feed_forward: Half,
}

/// The norms of one of a layer's two parts `f`: `after(x + inner(f(before(x))))`, each where it is there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Half {
    pub(crate) before: Option<Norm>,
    pub(crate) inner: Option<Norm>,
    pub(crate) after: Option<Norm>,
}

/// One step after pooling, in binary32.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stage {
    /// `activation(linear(x)) + residual(x)`; the bias is added together with the activation.
    Dense { linear: Linear, bias: Option<Address>, activation: Activation, residual: Shortcut },
    /// A norm over all of it.
    Norm { norm: Norm, width: usize },
    /// Division by its length.
    Normalize,
}

/// What a dense stage adds to its result.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shortcut {
    None,
    Input,
    Projected(Linear),
}

/// Where tensors come from and where they go.
pub(super) struct Source<'a, 'b> {
    pub(super) spec: &'a EncoderSpec,
    pub(super) weights: &'a Weights,
    pub(super) numbers: Numbers,
    pub(super) uploader: Uploader<'b>,
}

impl Source<'_, '_> {
    pub(super) fn put(&mut self, element: Element, name: TensorName) -> Result<Address, BackendError> {
        let values = self.weights.get(name)?.to_f32();
        self.uploader.put(element, &values)
    }

    /// The norm whose tensors `name` gives.
    pub(super) fn norm(
        &mut self,
        spec: &NormSpec,
        name: impl Fn(Part) -> TensorName,
    ) -> Result<Norm, BackendError> {
        let mut scale = self.weights.get(name(Part::Weight))?.to_f32();
        scale.iter_mut().for_each(|scale| *scale += spec.scale_offset);
        let scale = self.uploader.put(Element::F32, &scale)?;
        let has_bias = spec.kind == NormKind::Layer && spec.bias == Bias::Added;
        let shift = has_bias.then(|| self.put(Element::F32, name(Part::Bias))).transpose()?;
        Ok(Norm { kind: spec.kind, scale, shift, epsilon: spec.epsilon })
    }

    /// Linear maps of the same input, one below the other, as one product.
    pub(super) fn linear<N: Fn(Part) -> TensorName>(
        &mut self,
        names: &[N],
        (inner, bias): (usize, Bias),
    ) -> Result<Linear, BackendError> {
        let element = self.numbers.element();
        let (mut weight, mut outputs) = (Vec::new(), 0);
        for name in names {
            let tensor = self.weights.get(name(Part::Weight))?;
            outputs += tensor.shape().first().copied().unwrap_or(0);
            weight.extend(tensor.to_f32());
        }
        let weight = self.uploader.put(element, &weight)?;
        let mut shifts = Vec::new();
        if bias == Bias::Added {
            for name in names {
                shifts.extend(self.weights.get(name(Part::Bias))?.to_f32());
            }
        }
        let bias = (bias == Bias::Added).then(|| self.uploader.put(element, &shifts)).transpose()?;
        Ok(Linear { weight, bias, inner, outputs, numbers: self.numbers })
    }

    /// Linear maps of layer `index`.
    fn layer_linear(
        &mut self,
        index: usize,
        tensors: &[LayerTensor],
        shape: (usize, Bias),
    ) -> Result<Linear, BackendError> {
        let names: Vec<_> =
            tensors.iter().map(|&tensor| move |part| TensorName::Layer(index, tensor, part)).collect();
        self.linear(&names, shape)
    }

    /// Layer `index`, whose rotation has this number.
    pub(super) fn layer(&mut self, index: usize, rotation: Option<usize>) -> Result<Layer, BackendError> {
        use LayerTensor as T;
        let spec = self.spec;
        let (attention, feed_forward) = (&spec.attention, &spec.feed_forward);
        let Some(layer) = spec.layers.get(index) else { return Err(unsupported("it has no such layer")) };
        let up: &[T] = if feed_forward.gate.is_present() { &[T::Gate, T::Up] } else { &[T::Up] };
        let (hidden, input) = (spec.hidden, attention.input_bias);
        Ok(Layer {
            qkv: self.layer_linear(index, &[T::Query, T::Key, T::Value], (hidden, input))?,
            output: self.layer_linear(
                index,
                &[T::AttentionOutput],
                (attention.width(), attention.output_bias),
            )?,
            up: self.layer_linear(index, up, (hidden, feed_forward.input_bias))?,
            down: self.layer_linear(
                index,
                &[T::Down],
                (feed_forward.intermediate, feed_forward.output_bias),
            )?,
            reach: layer.reach,
            rotation,
            query_key_norms: match attention.query_key_norm {
                Presence::Present => {
                    Some([self.layer_norm(index, T::QueryNorm)?, self.layer_norm(index, T::KeyNorm)?])
                }
                Presence::Absent => None,
            },
            attention: match layer.attention_norm {
                Presence::Present => self.half(index, [T::AttentionNorm, T::AttentionOutputNorm])?,
                Presence::Absent => Half::default(),
            },
            feed_forward: self.half(index, [T::FeedForwardNorm, T::FeedForwardOutputNorm])?,
        })
    }

    fn layer_norm(&mut self, index: usize, tensor: LayerTensor) -> Result<Norm, BackendError> {
        let spec = self.spec;
        self.norm(&spec.norm, |part| TensorName::Layer(index, tensor, part))
    }

    fn half(&mut self, index: usize, [first, second]: [LayerTensor; 2]) -> Result<Half, BackendError> {
        let first = self.layer_norm(index, first)?;
        Ok(match self.spec.norm.placement {
            NormPlacement::After => Half { after: Some(first), ..Half::default() },
            NormPlacement::Before => Half { before: Some(first), ..Half::default() },
            NormPlacement::Around => {
                let inner = Some(self.layer_norm(index, second)?);
                Half { before: Some(first), inner, after: None }
            }
            _ => return Err(unsupported("it does not know where this model's norms stand")),
        })
    }

    /// Stage `index` of the head, in binary32 whatever the layers are in.
    pub(super) fn stage(&mut self, index: usize, stage: &HeadStage) -> Result<Stage, BackendError> {
        let numbers = std::mem::replace(&mut self.numbers, Numbers::F32);
        let stage = self.stage_in_f32(index, stage);
        self.numbers = numbers;
        stage
    }

    fn stage_in_f32(&mut self, index: usize, stage: &HeadStage) -> Result<Stage, BackendError> {
        Ok(match *stage {
            HeadStage::Normalize => Stage::Normalize,
            HeadStage::LayerNorm { length, epsilon } => {
                let spec = NormSpec::after(epsilon);
                let norm = self.norm(&spec, |part| TensorName::HeadNorm(index, part))?;
                Stage::Norm { norm, width: length }
            }
            HeadStage::Dense { input, bias, activation, residual, .. } => {
                let name = |part| TensorName::HeadDense(index, part);
                let linear = self.linear(&[name], (input, Bias::Absent))?;
                let bias = match bias {
                    Bias::Added => Some(self.put(Element::F32, name(Part::Bias))?),
                    Bias::Absent => None,
                };
                let residual = match residual {
                    Residual::None => Shortcut::None,
                    Residual::Input => Shortcut::Input,
                    Residual::Projected => {
                        let name = |_part| TensorName::HeadResidual(index);
                        Shortcut::Projected(self.linear(&[name], (input, Bias::Absent))?)
                    }
                };
                Stage::Dense { linear, bias, activation, residual }
            }
            _ => return Err(unsupported("it does not know a stage of this model's head")),
        })
    }
}
