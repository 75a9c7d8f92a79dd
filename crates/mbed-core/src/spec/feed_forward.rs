//! The part of a layer that looks at one token at a time.

use std::str::FromStr;

use super::{Bias, Presence};

/// `down(activation(up(x)))`, or with a gate `down(activation(gate(x)) · up(x))`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedForwardSpec {
    /// Length between the products.
    pub intermediate: usize,
    /// What happens between the products.
    pub activation: Activation,
    /// Whether there is a gate.
    pub gate: Presence,
    /// Whether `up` and `gate` have a bias.
    pub input_bias: Bias,
    /// Whether `down` has a bias.
    pub output_bias: Bias,
}

impl FeedForwardSpec {
    /// Two products with biases, as BERT has them.
    #[must_use]
    pub const fn plain(intermediate: usize, activation: Activation) -> Self {
        Self {
            intermediate,
            activation,
            gate: Presence::Absent,
            input_bias: Bias::Added,
            output_bias: Bias::Added,
        }
    }
}

/// A function of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activation {
    /// `x`
    Identity,
    /// `x / 2 · (1 + erf(x / √2))`, the exact form.
    Gelu,
    /// `x / 2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))`, the tanh form.
    GeluTanh,
    /// `max(x, 0)`
    Relu,
    /// `x / (1 + e^-x)`
    Silu,
    /// `tanh x`
    Tanh,
    /// `1 / (1 + e^-x)`
    Sigmoid,
}

/// A name that is not an activation we compute.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown activation `{name}`")]
pub struct UnknownActivation {
    /// The name as the model's file has it.
    pub name: String,
}

impl FromStr for Activation {
    type Err = UnknownActivation;

    /// Reads the names of transformers' `ACT2FN` (`gelu`, `gelu_new`, ...) and the class names of `torch.nn`
    /// (`Tanh`, `Identity`, ...); of a dotted path the last part counts.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name.rsplit('.').next().unwrap_or(name) {
            "Identity" | "linear" => Ok(Self::Identity),
            "gelu" | "gelu_python" | "GELU" | "GELUActivation" => Ok(Self::Gelu),
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_accurate" | "NewGELUActivation" | "PytorchGELUTanh" => {
                Ok(Self::GeluTanh)
            }
            "relu" | "ReLU" => Ok(Self::Relu),
            "silu" | "swish" | "SiLU" => Ok(Self::Silu),
            "tanh" | "Tanh" => Ok(Self::Tanh),
            "sigmoid" | "Sigmoid" => Ok(Self::Sigmoid),
            _ => Err(UnknownActivation { name: name.to_owned() }),
        }
    }
}
