//! From the states of tokens to the vector of a span.

use std::ops::Range;

use mbed_core::spec::{Activation, Bias, EncoderSpec, HeadSpec, HeadStage, Part, Pooling, TensorName};
use mbed_core::{BackendError, TensorError, Weights};
use mbed_kernels::{activation, gemm, norm, pool};

/// Pooling and what comes after it.
#[derive(Debug)]
pub(crate) struct Head {
    spec: HeadSpec,
    /// For each stage its weight (`output × input`) and bias; empty where it has none.
    stages: Vec<(Vec<f32>, Vec<f32>)>,
    hidden: usize,
}

impl Head {
    pub(crate) fn new(spec: &EncoderSpec, weights: &Weights) -> Result<Self, TensorError> {
        let mut stages = Vec::new();
        for (index, stage) in spec.head.stages.iter().enumerate() {
            let values =
                |part| weights.get(TensorName::HeadDense(index, part)).map(mbed_core::Tensor::to_f32);
            stages.push(match stage {
                HeadStage::Dense { bias: Bias::Added, .. } => (values(Part::Weight)?, values(Part::Bias)?),
                HeadStage::Dense { bias: Bias::Absent, .. } => (values(Part::Weight)?, Vec::new()),
                _ => (Vec::new(), Vec::new()),
            });
        }
        Ok(Self { spec: spec.head.clone(), stages, hidden: spec.hidden })
    }

    /// Makes the vector of the tokens `span` of a sequence whose states are `states`, `tokens × hidden`.
    pub(crate) fn run(
        &self,
        states: &[f32],
        span: &Range<usize>,
        output: &mut [f32],
    ) -> Result<(), BackendError> {
        let pooled_states = states.get(span.start * self.hidden..span.end * self.hidden).unwrap_or_default();
        let mut vector = vec![0.0; self.hidden * self.spec.pooling.len()];
        for (&pooling, part) in self.spec.pooling.iter().zip(vector.chunks_exact_mut(self.hidden)) {
            match pooling {
                Pooling::Cls => pool::first(pooled_states, part),
                Pooling::Max => pool::max(pooled_states, part),
                Pooling::Mean => pool::mean(pooled_states, part),
                Pooling::MeanSqrtLength => pool::mean_sqrt_length(pooled_states, part),
                Pooling::WeightedMean => pool::weighted_mean(pooled_states, span.start + 1, part),
                Pooling::LastToken => pool::last(pooled_states, part),
            }
        }
        for (stage, (weight, bias)) in self.spec.stages.iter().zip(&self.stages) {
            vector = run_stage(stage, weight, bias, vector)?;
        }
        output.copy_from_slice(&vector);
        Ok(())
    }
}

fn run_stage(
    stage: &HeadStage,
    weight: &[f32],
    bias: &[f32],
    mut vector: Vec<f32>,
) -> Result<Vec<f32>, BackendError> {
    match stage {
        HeadStage::Normalize => norm::scale_to_unit_length(&mut vector),
        HeadStage::Dense { output, activation, .. } => {
            let mut mapped = vec![0.0; *output];
            gemm::matrix_vector(weight, &vector, &mut mapped);
            for (value, added) in mapped.iter_mut().zip(bias) {
                *value += added;
            }
            activate(*activation, &mut mapped)?;
            vector = mapped;
        }
        _ => return Err(unsupported("it does not know a stage of this model's head")),
    }
    Ok(vector)
}

/// Applies an activation in place.
pub(crate) fn activate(function: Activation, values: &mut [f32]) -> Result<(), BackendError> {
    match function {
        Activation::Identity => {}
        Activation::Gelu => activation::gelu(values),
        Activation::GeluTanh => activation::gelu_tanh(values),
        Activation::Relu => activation::relu(values),
        Activation::Silu => activation::silu(values),
        Activation::Tanh => activation::tanh(values),
        Activation::Sigmoid => activation::sigmoid(values),
        _ => return Err(unsupported("it does not know this model's activation")),
    }
    Ok(())
}

fn unsupported(reason: &str) -> BackendError {
    BackendError::UnsupportedModel { backend: "cpu", reason: reason.to_owned() }
}
