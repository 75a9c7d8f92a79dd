//! How many tokens texts really have.

use serde::{Deserialize, Serialize};

use crate::stats::quantile;

/// How many tokens texts have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TokenLengths {
    /// How many texts there are.
    pub texts: usize,
    /// All their tokens.
    pub tokens: u64,
    /// Of a text on the average.
    pub mean: f64,
    /// 5 of 100 texts have at most so many.
    pub p5: f64,
    /// Half of them have.
    pub p50: f64,
    /// 95 of 100 have.
    pub p95: f64,
    /// The longest.
    pub max: f64,
}

impl TokenLengths {
    /// Of texts with so many tokens each.
    #[must_use]
    pub fn of(lengths: &[usize]) -> Self {
        let values: Vec<f64> = lengths.iter().map(|&tokens| tokens as f64).collect();
        let tokens: usize = lengths.iter().sum();
        let at = |q| quantile(&values, q);
        Self {
            texts: lengths.len(),
            tokens: tokens as u64,
            mean: tokens as f64 / lengths.len().max(1) as f64,
            p5: at(0.05),
            p50: at(0.5),
            p95: at(0.95),
            max: at(1.0),
        }
    }
}
