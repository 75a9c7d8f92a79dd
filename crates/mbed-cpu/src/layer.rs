//! One encoder layer.

use mbed_core::spec::{
    Activation, EncoderSpec, LayerTensor, NormPlacement, Presence, RotaryPairing, TensorName,
};
use mbed_core::{BackendError, TensorError, Weights};
use mbed_kernels::attention::{Attention, Heads, Reach};
use mbed_kernels::gemm::{Linear, ROW_BLOCK};
use mbed_kernels::norm::Norm;
use mbed_kernels::{elementwise, rotary};

use crate::failure;
use crate::head::activate;
use crate::load;
use crate::parts::PartOfBatch;
use crate::scratch::Scratch;

/// One encoder layer: attention, then feed-forward, each with a residual sum and its norms.
#[derive(Debug)]
pub(crate) struct Layer {
    heads: Heads,
    scale: f32,
    reach: Reach,
    /// Number of the rotation in the scratch, and which values make a pair.
    rotation: Option<(usize, rotary::Pairing)>,
    /// Queries, keys and values in one product.
    qkv: Linear,
    query_key_norms: Option<(Norm, Norm)>,
    output: Linear,
    attention_norms: Norms,
    gate: Option<Linear>,
    up: Linear,
    activation: Activation,
    down: Linear,
    feed_forward_norms: Norms,
}

impl Layer {
    /// Lays out layer `index`, whose rotation is number `rotation` of the scratch.
    pub(crate) fn new(
        spec: &EncoderSpec,
        weights: &Weights,
        index: usize,
        rotation: Option<usize>,
    ) -> Result<Self, TensorError> {
        use LayerTensor as T;
        let layer = &spec.layers[index];
        let linear = |tensors: &[T], input| {
            let names: Vec<_> =
                tensors.iter().map(|&tensor| move |part| TensorName::Layer(index, tensor, part)).collect();
            load::linear(weights, &names, input)
        };
        let norm = |tensor| load::norm(weights, &spec.norm, |part| TensorName::Layer(index, tensor, part));
        let heads = Heads {
            count: spec.attention.heads,
            key_values: spec.attention.key_value_heads,
            size: spec.attention.head_size,
        };
        let query_key_norms = match spec.attention.query_key_norm {
            Presence::Present => Some((norm(T::QueryNorm)?, norm(T::KeyNorm)?)),
            Presence::Absent => None,
        };
        let attention_norms = match layer.attention_norm {
            Presence::Present => {
                Norms::load(spec.norm.placement, norm, [T::AttentionNorm, T::AttentionOutputNorm])?
            }
            Presence::Absent => Norms::None,
        };
        let gate = match spec.feed_forward.gate {
            Presence::Present => Some(linear(&[T::Gate], spec.hidden)?),
            Presence::Absent => None,
        };
        Ok(Self {
            heads,
            scale: spec.attention.scale,
            reach: Reach { before: layer.reach.before, after: layer.reach.after },
            rotation: rotation.zip(layer.rotary.as_ref().map(|rotary| pairing(rotary.pairing))),
            qkv: linear(&[T::Query, T::Key, T::Value], spec.hidden)?,
            query_key_norms,
            output: linear(&[T::AttentionOutput], spec.attention.width())?,
            attention_norms,
            gate,
            up: linear(&[T::Up], spec.hidden)?,
            activation: spec.feed_forward.activation,
            down: linear(&[T::Down], spec.feed_forward.intermediate)?,
            feed_forward_norms: Norms::load(
                spec.norm.placement,
                norm,
                [T::FeedForwardNorm, T::FeedForwardOutputNorm],
            )?,
        })
    }

    /// Replaces `scratch.hidden` by the layer's output.
    pub(crate) fn run(&self, part: &PartOfBatch, scratch: &mut Scratch) -> Result<(), BackendError> {
        let blocks = scratch.hidden.chunks_exact(ROW_BLOCK * self.qkv.input());
        for (hidden, qkv) in blocks.zip(scratch.qkv.chunks_exact_mut(ROW_BLOCK * self.qkv.output())) {
            let input = self.attention_norms.input(hidden, &mut scratch.input);
            self.qkv.apply_block(input, qkv).map_err(failure::shape)?;
        }
        self.attend(part, scratch)?;
        self.finish_blocks(scratch)
    }

    fn attend(&self, part: &PartOfBatch, scratch: &mut Scratch) -> Result<(), BackendError> {
        let bias = scratch.distances.bias();
        let attention = Attention { heads: self.heads, scale: self.scale, reach: self.reach, bias };
        let (row, width) = (self.heads.row(), self.heads.query_width());
        let mut start = 0;
        for &length in &part.lengths {
            let qkv = &mut scratch.qkv[start * row..(start + length) * row];
            for (position, row) in qkv.chunks_exact_mut(row).enumerate() {
                self.place(row, position, &scratch.turns);
            }
            let context = &mut scratch.context[start * width..(start + length) * width];
            attention.apply(length, qkv, context, &mut scratch.scores).map_err(failure::shape)?;
            start += length;
        }
        Ok(())
    }

    /// Normalises a token's queries and keys and rotates them to its position, where the model does.
    fn place(&self, row: &mut [f32], position: usize, turns: &[crate::tables::Turns]) {
        let Heads { count, key_values, size } = self.heads;
        let (queries, rest) = row.split_at_mut(count * size);
        let keys = &mut rest[..key_values * size];
        if let Some((query_norm, key_norm)) = &self.query_key_norms {
            query_norm.apply(queries);
            key_norm.apply(keys);
        }
        if let Some((turns, pairing)) =
            self.rotation.and_then(|(index, pairing)| Some((turns.get(index)?, pairing)))
        {
            let (cosines, sines) = turns.at(position);
            rotary::rotate(queries, size, pairing, cosines, sines);
            rotary::rotate(keys, size, pairing, cosines, sines);
        }
    }

    /// Everything after attention looks at one token at a time, so it goes block by block, while a block's
    /// intermediate values are in the cache.
    fn finish_blocks(&self, scratch: &mut Scratch) -> Result<(), BackendError> {
        let hidden_block = ROW_BLOCK * self.output.output();
        let context_block = ROW_BLOCK * self.output.input();
        let hiddens = scratch.hidden.chunks_exact_mut(hidden_block);
        for (hidden, context) in hiddens.zip(scratch.context.chunks_exact(context_block)) {
            let sum = &mut scratch.block;
            self.output.apply_block(context, sum).map_err(failure::shape)?;
            self.attention_norms.add(hidden, sum);
            let input = self.feed_forward_norms.input(hidden, &mut scratch.input);
            let intermediate = &mut scratch.intermediate;
            if let Some(gate) = &self.gate {
                gate.apply_block(input, intermediate).map_err(failure::shape)?;
                activate(self.activation, intermediate)?;
                self.up.apply_block(input, &mut scratch.gated).map_err(failure::shape)?;
                elementwise::multiply(intermediate, &scratch.gated);
            } else {
                self.up.apply_block(input, intermediate).map_err(failure::shape)?;
                activate(self.activation, intermediate)?;
            }
            self.down.apply_block(intermediate, sum).map_err(failure::shape)?;
            self.feed_forward_norms.add(hidden, sum);
        }
        Ok(())
    }
}

const fn pairing(pairing: RotaryPairing) -> rotary::Pairing {
    match pairing {
        RotaryPairing::Neighbours => rotary::Pairing::Neighbours,
        _ => rotary::Pairing::Halves,
    }
}

/// The norms of one of a layer's two parts `f`.
#[derive(Debug)]
enum Norms {
    /// `x + f(x)`
    None,
    /// `norm(x + f(x))`
    After(Norm),
    /// `x + f(norm(x))`
    Before(Norm),
    /// `x + second(f(first(x)))`
    Around(Norm, Norm),
}

impl Norms {
    fn load(
        placement: NormPlacement,
        norm: impl Fn(LayerTensor) -> Result<Norm, TensorError>,
        [first, second]: [LayerTensor; 2],
    ) -> Result<Self, TensorError> {
        Ok(match placement {
            NormPlacement::Before => Self::Before(norm(first)?),
            NormPlacement::Around => Self::Around(norm(first)?, norm(second)?),
            _ => Self::After(norm(first)?),
        })
    }

    /// What `f` is given of `x`; `room` is as long as `x`.
    fn input<'a>(&self, x: &'a [f32], room: &'a mut [f32]) -> &'a [f32] {
        match self {
            Self::None | Self::After(_) => x,
            Self::Before(norm) | Self::Around(norm, _) => {
                room.copy_from_slice(x);
                norm.apply(room);
                room
            }
        }
    }

    /// Joins `x` and the result of `f`.
    fn add(&self, x: &mut [f32], result: &mut [f32]) {
        match self {
            Self::None | Self::Before(_) => elementwise::add(x, result),
            Self::After(norm) => norm.apply_sum(x, result),
            Self::Around(_, norm) => {
                norm.apply(result);
                elementwise::add(x, result);
            }
        }
    }
}
