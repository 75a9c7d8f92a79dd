//! From the hidden states of tokens to one vector.

use std::ops::Range;

use candle_core::{D, Device, Result, Tensor};
use mbed_core::spec::{Bias, HeadSpec, HeadStage, Part, Pooling};
use mbed_core::{BackendError, TensorName, Weights};

use crate::activation::{ActivationFn, activation_fn};
use crate::errors::unsupported;
use crate::layers::{Linear, to_candle};

/// Pooling, then stages in order.
pub(crate) struct Head {
    hidden: usize,
    pooling: Vec<Pooling>,
    stages: Vec<Stage>,
    dimensions: usize,
}

enum Stage {
    Dense(Linear, ActivationFn),
    Normalize,
}

impl Head {
    /// The head that `spec` describes, on hidden states that are `hidden` long.
    ///
    /// # Errors
    /// A tensor is missing or misshapen, two stages do not fit together, or one is not computed here.
    pub(crate) fn load(
        spec: &HeadSpec,
        hidden: usize,
        weights: &Weights,
    ) -> std::result::Result<Self, BackendError> {
        if spec.pooling.is_empty() {
            return Err(unsupported("its head names no pooling"));
        }
        let mut length = hidden.saturating_mul(spec.pooling.len());
        let mut stages = Vec::with_capacity(spec.stages.len());
        for (index, stage) in spec.stages.iter().enumerate() {
            stages.push(match stage {
                HeadStage::Dense { input, output, .. } => {
                    check_length(index, *input, length)?;
                    length = *output;
                    load_dense(index, stage, weights)?
                }
                HeadStage::Normalize => Stage::Normalize,
                other => return Err(unsupported(format!("it has no head stage `{other:?}`"))),
            });
        }
        if length == 0 {
            return Err(unsupported("its vectors have length 0"));
        }
        Ok(Self { hidden, pooling: spec.pooling.clone(), stages, dimensions: length })
    }

    /// The length of the vectors that come out.
    pub(crate) const fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// What an empty span pools to, in every pooling.
    pub(crate) fn pooled_nothing(&self) -> Result<Tensor> {
        Tensor::zeros(self.hidden * self.pooling.len(), candle_core::DType::F32, &Device::Cpu)
    }

    /// Pools the tokens `span` of one sequence's hidden states, `length × hidden`; the results of all poolings
    /// one behind the other. The span is not empty.
    pub(crate) fn pool(&self, states: &Tensor, span: &Range<usize>) -> Result<Tensor> {
        let pooled = self.pooling.iter().map(|&pooling| pool(pooling, states, span));
        Tensor::cat(&pooled.collect::<Result<Vec<_>>>()?, 0)
    }

    /// Runs the stages after pooling on `rows × pooled`; the result is `rows × dimensions`.
    pub(crate) fn finish(&self, pooled: Tensor) -> Result<Tensor> {
        self.stages.iter().try_fold(pooled, |rows, stage| stage.forward(&rows))
    }
}

fn check_length(index: usize, input: usize, length: usize) -> std::result::Result<(), BackendError> {
    if input == length {
        return Ok(());
    }
    Err(unsupported(format!(
        "stage {index} of its head takes vectors of {input}, but gets vectors of {length}"
    )))
}

fn load_dense(
    index: usize,
    stage: &HeadStage,
    weights: &Weights,
) -> std::result::Result<Stage, BackendError> {
    let HeadStage::Dense { input, output, bias, activation } = stage else {
        return Ok(Stage::Normalize);
    };
    let weight = weights.get_shaped(TensorName::HeadDense(index, Part::Weight), &[*output, *input])?;
    let bias = match bias {
        Bias::Added => {
            Some(to_candle(weights.get_shaped(TensorName::HeadDense(index, Part::Bias), &[*output])?)?)
        }
        Bias::Absent => None,
    };
    Ok(Stage::Dense(Linear { weight: to_candle(weight)?, bias }, activation_fn(*activation)?))
}

impl Stage {
    fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        match self {
            Self::Dense(linear, activation) => activation(&linear.forward(rows)?),
            Self::Normalize => {
                let length = rows.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?;
                rows.broadcast_div(&length.maximum(1e-12)?)
            }
        }
    }
}

/// One pooling of the tokens `span`, which is not empty: `hidden` values out of `length × hidden`.
fn pool(pooling: Pooling, states: &Tensor, span: &Range<usize>) -> Result<Tensor> {
    let tokens = states.narrow(0, span.start, span.len())?;
    let count = span.len() as f64;
    match pooling {
        Pooling::Cls => tokens.get(0),
        Pooling::LastToken => tokens.get(span.len().saturating_sub(1)),
        Pooling::Max => tokens.max(0),
        Pooling::Mean => tokens.sum(0)? / count,
        Pooling::MeanSqrtLength => tokens.sum(0)? / count.sqrt(),
        Pooling::WeightedMean => {
            let weights: Vec<f32> = span.clone().map(|position| (position + 1) as f32).collect();
            let sum: f64 = weights.iter().copied().map(f64::from).sum();
            let weights = Tensor::from_vec(weights, (span.len(), 1), &Device::Cpu)?;
            tokens.broadcast_mul(&weights)?.sum(0)? / sum
        }
    }
}

#[cfg(test)]
mod tests {
    use mbed_core::spec::Activation;

    use super::*;

    fn head(pooling: Pooling) -> Head {
        let spec = HeadSpec { pooling: vec![pooling], stages: vec![] };
        Head::load(&spec, 2, &Weights::new()).unwrap()
    }

    #[test]
    fn poolings_follow_their_definitions() {
        let states =
            Tensor::new(&[[1.0_f32, -4.0], [3.0, 2.0], [-1.0, 8.0], [5.0, 0.0]], &Device::Cpu).unwrap();
        let check = |pooling, span, expected: [f32; 2]| {
            let got = head(pooling).pool(&states, &span).unwrap().to_vec1::<f32>().unwrap();
            let near = got.iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 1e-6);
            assert!(near, "{pooling:?} over {span:?}: {got:?} is not {expected:?}");
        };
        check(Pooling::Cls, 0..4, [1.0, -4.0]);
        check(Pooling::Cls, 1..3, [3.0, 2.0]);
        check(Pooling::LastToken, 0..4, [5.0, 0.0]);
        check(Pooling::LastToken, 1..3, [-1.0, 8.0]);
        check(Pooling::Max, 0..4, [5.0, 8.0]);
        check(Pooling::Max, 0..1, [1.0, -4.0]);
        check(Pooling::Mean, 0..4, [2.0, 1.5]);
        check(Pooling::Mean, 1..3, [1.0, 5.0]);
        check(Pooling::MeanSqrtLength, 0..4, [4.0, 3.0]);
        // Positions count from the start of the sequence: (2·3 + 3·-1) / 5 and (2·2 + 3·8) / 5.
        check(Pooling::WeightedMean, 1..3, [0.6, 5.6]);
        check(Pooling::WeightedMean, 0..4, [2.4, 2.4]);
    }

    #[test]
    fn stages_run_in_order_and_zeros_stay_zeros_when_normalised() {
        let dense =
            HeadStage::Dense { input: 4, output: 2, bias: Bias::Absent, activation: Activation::Relu };
        let spec =
            HeadSpec { pooling: vec![Pooling::Cls, Pooling::Max], stages: vec![dense, HeadStage::Normalize] };
        let mut weights = Weights::new();
        let matrix = [3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0];
        let tensor = mbed_core::Tensor::from_f32(vec![2, 4], &matrix).unwrap();
        weights.insert(TensorName::HeadDense(0, Part::Weight), tensor);
        let head = Head::load(&spec, 2, &weights).unwrap();
        assert_eq!(head.dimensions(), 2);
        let pooled = Tensor::new(&[[1.0_f32, 9.0, 9.0, 1.0], [-1.0, 9.0, 9.0, 2.0], [0.0; 4]], &Device::Cpu);
        let rows = head.finish(pooled.unwrap()).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(rows, [[0.6, 0.8], [0.0, 1.0], [0.0, 0.0]]);
    }

    #[test]
    fn heads_that_do_not_fit_together_are_refused() {
        let dense =
            |input| HeadStage::Dense { input, output: 2, bias: Bias::Added, activation: Activation::Tanh };
        let check = |pooling, stages, expected: &str| {
            let error = Head::load(&HeadSpec { pooling, stages }, 2, &Weights::new()).err().unwrap();
            let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            let message = format!("{error}: {source}");
            assert!(message.contains(expected), "{message}");
        };
        check(vec![], vec![], "names no pooling");
        check(
            vec![Pooling::Mean],
            vec![dense(3)],
            "stage 0 of its head takes vectors of 3, but gets vectors of 2",
        );
        check(vec![Pooling::Mean], vec![dense(2)], "tensor `head.0.dense.weight` is missing");
    }
}
