//! From the states of tokens to the vector of a span.

use std::ops::Range;

use mbed_core::spec::{Activation, EncoderSpec, HeadStage, NormSpec, Part, Pooling, Residual, TensorName};
use mbed_core::{BackendError, Weights};
use mbed_kernels::activation::Function;
use mbed_kernels::norm::{self, Norm};
use mbed_kernels::{elementwise, gemm, pool};

use crate::{failure, load};

/// Pooling and what comes after it.
#[derive(Debug)]
pub(crate) struct Head {
    pooling: Vec<Pooling>,
    stages: Vec<Stage>,
    hidden: usize,
}

/// One step after pooling. Matrices are `output × input`; a bias is empty where there is none.
#[derive(Debug)]
enum Stage {
    Dense { weight: Vec<f32>, bias: Vec<f32>, output: usize, function: Function, residual: Shortcut },
    LayerNorm(Norm),
    Normalize,
}

/// What a Dense stage adds to its result.
#[derive(Debug)]
enum Shortcut {
    None,
    Input,
    Projected(Vec<f32>),
}

impl Head {
    pub(crate) fn new(spec: &EncoderSpec, weights: &Weights) -> Result<Self, BackendError> {
        let stages =
            spec.head.stages.iter().enumerate().map(|(index, stage)| Stage::new(index, stage, weights));
        Ok(Self {
            pooling: spec.head.pooling.clone(),
            stages: stages.collect::<Result<_, _>>()?,
            hidden: spec.hidden,
        })
    }

    /// Makes the vector of the tokens `span` of a sequence whose states are `states`, `tokens × hidden`.
    pub(crate) fn run(
        &self,
        states: &[f32],
        span: &Range<usize>,
        output: &mut [f32],
    ) -> Result<(), BackendError> {
        let pooled_states = states.get(span.start * self.hidden..span.end * self.hidden).unwrap_or_default();
        let mut vector = failure::zeros(self.hidden * self.pooling.len())?;
        for (&pooling, part) in self.pooling.iter().zip(vector.chunks_exact_mut(self.hidden)) {
            match pooling {
                Pooling::Cls => pool::first(pooled_states, part),
                Pooling::Max => pool::max(pooled_states, part),
                Pooling::Mean => pool::mean(pooled_states, part),
                Pooling::MeanSqrtLength => pool::mean_sqrt_length(pooled_states, part),
                Pooling::WeightedMean => pool::weighted_mean(pooled_states, span.start + 1, part),
                Pooling::LastToken => pool::last(pooled_states, part),
            }
        }
        for stage in &self.stages {
            vector = stage.run(vector)?;
        }
        output.copy_from_slice(&vector);
        Ok(())
    }
}

impl Stage {
    fn new(index: usize, stage: &HeadStage, weights: &Weights) -> Result<Self, BackendError> {
        let dense = |part| TensorName::HeadDense(index, part);
        Ok(match *stage {
            HeadStage::Dense { output, activation, residual, .. } => Self::Dense {
                weight: load::values(weights, dense(Part::Weight))?,
                bias: load::optional(weights, dense(Part::Bias)),
                output,
                function: function(activation)?,
                residual: match residual {
                    Residual::None => Shortcut::None,
                    Residual::Input => Shortcut::Input,
                    Residual::Projected => {
                        Shortcut::Projected(load::values(weights, TensorName::HeadResidual(index))?)
                    }
                },
            },
            HeadStage::LayerNorm { epsilon, .. } => {
                let name = |part| TensorName::HeadNorm(index, part);
                Self::LayerNorm(load::norm(weights, &NormSpec::after(epsilon), name)?)
            }
            HeadStage::Normalize => Self::Normalize,
            _ => return Err(unsupported("it does not know a stage of this model's head")),
        })
    }

    fn run(&self, mut vector: Vec<f32>) -> Result<Vec<f32>, BackendError> {
        match self {
            Self::Normalize => norm::scale_to_unit_length(&mut vector),
            Self::LayerNorm(norm) => norm.apply(&mut vector),
            Self::Dense { weight, bias, output, function, residual } => {
                let mut mapped = failure::zeros(*output)?;
                gemm::matrix_vector(weight, &vector, &mut mapped);
                elementwise::add(&mut mapped, bias);
                function.apply(&mut mapped);
                match residual {
                    Shortcut::None => {}
                    Shortcut::Input => elementwise::add(&mut mapped, &vector),
                    Shortcut::Projected(weight) => {
                        let mut projected = failure::zeros(*output)?;
                        gemm::matrix_vector(weight, &vector, &mut projected);
                        elementwise::add(&mut mapped, &projected);
                    }
                }
                vector = mapped;
            }
        }
        Ok(vector)
    }
}

/// The kernel of an activation.
pub(crate) fn function(activation: Activation) -> Result<Function, BackendError> {
    Ok(match activation {
        Activation::Identity => Function::Identity,
        Activation::Gelu => Function::Gelu,
        Activation::GeluTanh => Function::GeluTanh,
        Activation::Relu => Function::Relu,
        Activation::Silu => Function::Silu,
        Activation::Tanh => Function::Tanh,
        Activation::Sigmoid => Function::Sigmoid,
        _ => return Err(unsupported("it does not know this model's activation")),
    })
}

fn unsupported(reason: &str) -> BackendError {
    BackendError::UnsupportedModel { backend: "cpu", reason: reason.to_owned() }
}
