//! What the head does with states, computed once more: plainly, in binary64, from the definitions.

use std::ops::Range;

use mbed_core::spec::{Activation, HeadSpec, HeadStage, Part, Pooling, Residual};
use mbed_core::{Batch, Embeddings, ModelSource, Session, TensorName, Weights};

use super::steps::{embed, stack};
use crate::bench::Truth;
use crate::{Bench, Failure, fake};

/// The vectors that `batch` must have on `bench`.
pub(super) fn expected(bench: &Bench, batch: &Batch) -> Result<Embeddings, Failure> {
    match bench.truth {
        Truth::Formula => Ok(stack(formula(batch))),
        Truth::States => from_states(bench, batch),
    }
}

fn formula(batch: &Batch) -> Vec<Vec<f32>> {
    let vector = |span: &mbed_core::Span| {
        let ids = batch.sequence(span.sequence()).map(|sequence| sequence.ids).unwrap_or_default();
        fake::vector_of(ids, span.tokens()).to_vec()
    };
    batch.spans().iter().map(vector).collect()
}

/// Asks the backend for the states of single tokens, and pools them here.
fn from_states(bench: &Bench, batch: &Batch) -> Result<Embeddings, Failure> {
    let (head, weights) = head(&bench.source)?;
    let mut session = open_without_head(bench)?;
    let mut vectors = Vec::new();
    for span in batch.spans() {
        let states = states(session.as_mut(), batch, span.sequence())?;
        let vector = run(&head, weights, &states, span.tokens(), session.capabilities().dimensions)?;
        vectors.push(vector.into_iter().map(|value| value as f32).collect());
    }
    Ok(stack(vectors))
}

/// The states of all tokens of one sequence: the last token of each range of one.
fn states(session: &mut dyn Session, batch: &Batch, sequence: usize) -> Result<Vec<Vec<f64>>, Failure> {
    let found = batch.sequence(sequence).ok_or_else(|| Failure::new("a span of no sequence"))?;
    let tokens = found.ids.iter().zip(found.type_ids);
    let tokens: Vec<mbed_core::Token> =
        tokens.map(|(&id, &type_id)| mbed_core::Token { id, type_id }).collect();
    let mut alone = Batch::new();
    alone.push_unpooled(&tokens);
    for place in 0..tokens.len() {
        alone.push_span(0, place..place + 1)?;
    }
    let states = embed(session, &alone)?;
    Ok(states.iter().map(|state| state.iter().copied().map(f64::from).collect()).collect())
}

fn head(source: &ModelSource) -> Result<(HeadSpec, &Weights), Failure> {
    match source {
        ModelSource::Spec { spec, weights } => Ok((spec.head.clone(), weights)),
        ModelSource::Foreign(model) => Ok((model.head.clone(), &model.head_weights)),
        ModelSource::Graph(model) => Ok((model.head.clone(), &model.head_weights)),
        other => Err(Failure::new(format!("no head is known of {other:?}"))),
    }
}

fn open_without_head(bench: &Bench) -> Result<Box<dyn Session>, Failure> {
    let bare = HeadSpec { pooling: vec![Pooling::LastToken], stages: Vec::new() };
    let mut source = bench.source.clone();
    match &mut source {
        ModelSource::Spec { spec, .. } => spec.head = bare,
        ModelSource::Foreign(model) => model.head = bare,
        ModelSource::Graph(model) => model.head = bare,
        other => return Err(Failure::new(format!("no head is known of {other:?}"))),
    }
    let mut request = bench.request();
    request.source = source;
    Ok(bench.backend.open(request)?)
}

/// Pooling and every stage, on states that are `hidden` long.
fn run(
    head: &HeadSpec,
    weights: &Weights,
    states: &[Vec<f64>],
    span: &Range<usize>,
    hidden: usize,
) -> Result<Vec<f64>, Failure> {
    let pooled = head.pooling.iter().flat_map(|&pooling| pool(pooling, states, span, hidden));
    let mut vector: Vec<f64> = pooled.collect();
    for (index, stage) in head.stages.iter().enumerate() {
        vector = match stage {
            HeadStage::Normalize => {
                let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt().max(1e-12);
                vector.into_iter().map(|value| value / length).collect()
            }
            HeadStage::Dense { activation, residual, .. } => {
                let added = match residual {
                    Residual::None => Vec::new(),
                    Residual::Input => vector.clone(),
                    Residual::Projected => {
                        product(&weights.get(TensorName::HeadResidual(index))?.to_f32(), &vector)
                    }
                };
                let mapped = dense(weights, index, *activation, &vector)?.into_iter().enumerate();
                mapped.map(|(at, value)| value + added.get(at).copied().unwrap_or(0.0)).collect()
            }
            HeadStage::LayerNorm { epsilon, .. } => layer_norm(weights, index, f64::from(*epsilon), &vector)?,
            other => return Err(Failure::new(format!("no reference for the stage {other:?}"))),
        };
    }
    Ok(vector)
}

fn pool(pooling: Pooling, states: &[Vec<f64>], span: &Range<usize>, hidden: usize) -> Vec<f64> {
    let tokens = states.get(span.clone()).unwrap_or_default();
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return vec![0.0; hidden] };
    let count = tokens.len() as f64;
    let weighted_sum = |weight: &dyn Fn(usize) -> f64| -> Vec<f64> {
        let sum =
            |column: usize| tokens.iter().enumerate().map(|(at, token)| weight(at) * token[column]).sum();
        (0..hidden).map(sum).collect()
    };
    match pooling {
        Pooling::Cls => first.clone(),
        Pooling::LastToken => last.clone(),
        Pooling::Max => {
            let largest = |column: usize| tokens.iter().map(|token| token[column]).fold(f64::MIN, f64::max);
            (0..hidden).map(largest).collect()
        }
        Pooling::Mean => weighted_sum(&|_| 1.0 / count),
        Pooling::MeanSqrtLength => weighted_sum(&|_| 1.0 / count.sqrt()),
        Pooling::WeightedMean => {
            let total: f64 = span.clone().map(|place| place as f64 + 1.0).sum();
            weighted_sum(&|at| (span.start + at + 1) as f64 / total)
        }
    }
}

fn dense(
    weights: &Weights,
    index: usize,
    activation: Activation,
    vector: &[f64],
) -> Result<Vec<f64>, Failure> {
    let weight = weights.get(TensorName::HeadDense(index, Part::Weight))?.to_f32();
    let bias = weights.get(TensorName::HeadDense(index, Part::Bias)).map(mbed_core::Tensor::to_f32);
    let bias = bias.unwrap_or_default();
    let outputs = product(&weight, vector).into_iter().enumerate();
    let outputs = outputs.map(|(row, value)| value + bias.get(row).copied().map_or(0.0, f64::from));
    outputs.map(|value| activate(activation, value)).collect()
}

fn product(matrix: &[f32], vector: &[f64]) -> Vec<f64> {
    let dot = |row: &[f32]| row.iter().zip(vector).map(|(&weight, value)| f64::from(weight) * value).sum();
    matrix.chunks_exact(vector.len().max(1)).map(dot).collect()
}

fn layer_norm(weights: &Weights, index: usize, epsilon: f64, vector: &[f64]) -> Result<Vec<f64>, Failure> {
    let values = |part| Ok::<_, Failure>(weights.get(TensorName::HeadNorm(index, part))?.to_f32());
    let (scale, shift) = (values(Part::Weight)?, values(Part::Bias)?);
    let count = vector.len() as f64;
    let mean = vector.iter().sum::<f64>() / count;
    let variance = vector.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    let norm = |at: usize| (vector[at] - mean) / (variance + epsilon).sqrt();
    Ok((0..vector.len()).map(|at| norm(at) * f64::from(scale[at]) + f64::from(shift[at])).collect())
}

fn activate(activation: Activation, value: f64) -> Result<f64, Failure> {
    match activation {
        Activation::Identity => Ok(value),
        Activation::Gelu => Ok(value / 2.0 * (1.0 + libm::erf(value / 2.0_f64.sqrt()))),
        Activation::Relu => Ok(value.max(0.0)),
        Activation::Silu => Ok(value / (1.0 + (-value).exp())),
        Activation::Tanh => Ok(value.tanh()),
        Activation::Sigmoid => Ok(1.0 / (1.0 + (-value).exp())),
        other => Err(Failure::new(format!("no reference for the activation {other:?}"))),
    }
}
