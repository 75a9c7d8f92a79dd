//! From the hidden states of tokens to one vector.

use std::ops::Range;

use candle_core::{D, Device, Result, Tensor};
use mbed_core::spec::{HeadSpec, HeadStage, Pooling, Residual};
use mbed_core::{TensorName, Weights};

use crate::activation::{ActivationFn, activation_fn};
use crate::errors::{OpenResult, misfit, unsupported};
use crate::linear::Linear;
use crate::norm::Norm;

/// Pooling, then stages in order.
pub(crate) struct Head {
    hidden: usize,
    pooling: Vec<Pooling>,
    stages: Vec<Stage>,
    dimensions: usize,
}

enum Stage {
    Dense(Dense),
    LayerNorm(Norm),
    Normalize,
}

/// `activation(W x + b)`, and the residual.
struct Dense {
    linear: Linear,
    activation: ActivationFn,
    residual: DenseResidual,
}

enum DenseResidual {
    None,
    Input,
    Projected(Linear),
}

impl Head {
    /// The head that `spec` describes, on hidden states that are `hidden` long.
    ///
    /// # Errors
    /// A tensor is missing or misshapen, two stages do not fit together, or one is not computed here.
    pub(crate) fn load(spec: &HeadSpec, hidden: usize, weights: &Weights) -> OpenResult<Self> {
        let dimensions = spec.check_lengths(hidden).map_err(misfit)?;
        for (name, shape) in spec.tensors() {
            weights.get_shaped(name, &shape)?;
        }
        let stages = spec.stages.iter().enumerate();
        let stages = stages.map(|(index, stage)| Stage::load(stage, weights, index));
        let stages = stages.collect::<OpenResult<_>>()?;
        Ok(Self { hidden, pooling: spec.pooling.clone(), stages, dimensions })
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

impl Stage {
    fn load(stage: &HeadStage, weights: &Weights, index: usize) -> OpenResult<Self> {
        match *stage {
            HeadStage::Dense { bias, activation, residual, .. } => Ok(Self::Dense(Dense {
                linear: Linear::load(weights, |part| TensorName::HeadDense(index, part), bias)?,
                activation: activation_fn(activation)?,
                residual: match residual {
                    Residual::None => DenseResidual::None,
                    Residual::Input => DenseResidual::Input,
                    Residual::Projected => DenseResidual::Projected(Linear::load_matrix(
                        weights,
                        TensorName::HeadResidual(index),
                    )?),
                },
            })),
            HeadStage::LayerNorm { epsilon, .. } => {
                let name = |part| TensorName::HeadNorm(index, part);
                Ok(Self::LayerNorm(Norm::load_for_head(weights, name, epsilon)?))
            }
            HeadStage::Normalize => Ok(Self::Normalize),
            ref other => Err(unsupported(format!("it has no head stage `{other:?}`"))),
        }
    }

    fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        match self {
            Self::Dense(dense) => dense.forward(rows),
            Self::LayerNorm(norm) => norm.forward(rows),
            Self::Normalize => {
                let length = rows.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?;
                rows.broadcast_div(&length.maximum(1e-12)?)
            }
        }
    }
}

impl Dense {
    fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        let result = (self.activation)(&self.linear.forward(rows)?)?;
        match &self.residual {
            DenseResidual::None => Ok(result),
            DenseResidual::Input => result + rows,
            DenseResidual::Projected(linear) => result + linear.forward(rows)?,
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
    use mbed_core::spec::{Activation, Bias, Part};

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

    fn dense(input: usize, output: usize, residual: Residual) -> HeadStage {
        HeadStage::Dense { input, output, bias: Bias::Absent, activation: Activation::Relu, residual }
    }

    fn weights(tensors: &[(TensorName, &[usize], &[f32])]) -> Weights {
        let mut weights = Weights::new();
        for (name, shape, values) in tensors {
            weights.insert(*name, mbed_core::Tensor::from_f32(shape.to_vec(), values).unwrap());
        }
        weights
    }

    fn finished(stages: Vec<HeadStage>, weights: &Weights, rows: &[[f32; 2]]) -> Vec<Vec<f32>> {
        let spec = HeadSpec { pooling: vec![Pooling::Cls], stages };
        let head = Head::load(&spec, 2, weights).unwrap();
        let rows = Tensor::from_vec(rows.concat(), (rows.len(), 2), &Device::Cpu).unwrap();
        let finished = head.finish(rows).unwrap();
        assert_eq!(finished.dim(1).unwrap(), head.dimensions());
        finished.to_vec2().unwrap()
    }

    #[test]
    fn stages_run_in_order_and_zeros_stay_zeros_when_normalised() {
        let spec = HeadSpec {
            pooling: vec![Pooling::Cls, Pooling::Max],
            stages: vec![dense(4, 2, Residual::None), HeadStage::Normalize],
        };
        let matrix = [3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0];
        let weights = weights(&[(TensorName::HeadDense(0, Part::Weight), &[2, 4], &matrix)]);
        let head = Head::load(&spec, 2, &weights).unwrap();
        assert_eq!(head.dimensions(), 2);
        let pooled = Tensor::new(&[[1.0_f32, 9.0, 9.0, 1.0], [-1.0, 9.0, 9.0, 2.0], [0.0; 4]], &Device::Cpu);
        let rows = head.finish(pooled.unwrap()).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(rows, [[0.6, 0.8], [0.0, 1.0], [0.0, 0.0]]);
    }

    #[test]
    fn a_residual_is_added_after_the_activation() {
        let square = weights(&[(TensorName::HeadDense(0, Part::Weight), &[2, 2], &[1.0, 1.0, -1.0, -1.0])]);
        let rows = [[1.0, 2.0], [-5.0, 3.0]];
        // W x is (3, -3) and (-2, 2).
        let got = finished(vec![dense(2, 2, Residual::None)], &square, &rows);
        assert_eq!(got, [[3.0, 0.0], [0.0, 2.0]]);
        let got = finished(vec![dense(2, 2, Residual::Input)], &square, &rows);
        assert_eq!(got, [[4.0, 2.0], [-5.0, 5.0]]);
        let projected = weights(&[
            (TensorName::HeadDense(0, Part::Weight), &[1, 2], &[1.0, 1.0]),
            (TensorName::HeadResidual(0), &[1, 2], &[10.0, -1.0]),
        ]);
        assert_eq!(finished(vec![dense(2, 1, Residual::Projected)], &projected, &rows), [[11.0], [-53.0]]);
    }

    #[test]
    fn a_layer_norm_scales_and_shifts() {
        let weights = weights(&[
            (TensorName::HeadNorm(1, Part::Weight), &[2], &[2.0, 3.0]),
            (TensorName::HeadNorm(1, Part::Bias), &[2], &[0.5, -0.5]),
        ]);
        let stages = vec![HeadStage::Normalize, HeadStage::LayerNorm { length: 2, epsilon: 0.75 }];
        // (6, 8) is normalised to (0.6, 0.8), whose variance is 0.01: the root of 0.76.
        let rows = finished(stages, &weights, &[[6.0, 8.0]]);
        let share = 0.1 / 0.76_f32.sqrt();
        let near = (rows[0][0] - (0.5 - 2.0 * share)).abs().max((rows[0][1] - (3.0 * share - 0.5)).abs());
        assert!(near < 1e-6, "{rows:?}");
    }

    #[test]
    fn heads_that_do_not_fit_together_are_refused() {
        let check = |pooling, stages, expected: &str| {
            let error = Head::load(&HeadSpec { pooling, stages }, 2, &Weights::new()).err().unwrap();
            let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            let message = format!("{error}: {source}");
            assert!(message.contains(expected), "{message}");
        };
        let mean = || vec![Pooling::Mean];
        check(vec![], vec![], "names no pooling");
        check(
            mean(),
            vec![dense(3, 2, Residual::None)],
            "stage 0 of its head takes vectors of 3, but gets vectors of 2",
        );
        check(
            mean(),
            vec![dense(2, 3, Residual::None), HeadStage::LayerNorm { length: 2, epsilon: 1e-5 }],
            "stage 1 of its head takes vectors of 2, but gets vectors of 3",
        );
        check(
            mean(),
            vec![dense(2, 3, Residual::Input)],
            "stage 0 of its head adds its input of 2 to a result of 3",
        );
        check(mean(), vec![dense(2, 2, Residual::None)], "tensor `head.0.dense.weight` is missing");
        let norm = HeadStage::LayerNorm { length: 2, epsilon: 1e-5 };
        check(mean(), vec![norm], "tensor `head.0.norm.weight` is missing");
    }
}
