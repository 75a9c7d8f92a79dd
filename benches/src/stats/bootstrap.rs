//! How sure a median is: what it would have been, had the same sample been drawn again.

use serde::{Deserialize, Serialize};

use super::sample::{median, quantile};
use crate::random::Random;

/// Samples that are drawn again. The ends of an interval then move by less than a hundredth of its length.
const DRAWS: usize = 2000;

/// The ends of an interval that holds 95 of 100.
const ENDS: [f64; 2] = [0.025, 0.975];

/// A median and the interval that holds it in 95 of 100 cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The median.
    pub median: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Estimate {
    /// The same in another unit.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self { median: self.median * factor, low: self.low * factor, high: self.high * factor }
    }
}

/// The median of `values` with its interval, by the percentile bootstrap.
#[must_use]
pub fn median_of(values: &[f64]) -> Estimate {
    let mut random = Random::new(1);
    let medians: Vec<f64> = (0..DRAWS).map(|_| median(&drawn(values, &mut random))).collect();
    let [low, high] = ENDS.map(|end| quantile(&medians, end));
    Estimate { median: median(values), low, high }
}

/// How one median stands to another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// The ratio with its interval.
    #[serde(flatten)]
    pub ratio: Estimate,
    /// The part of the draws in which it was below 1.
    pub below_one: f64,
}

/// The median of `new` divided by that of `old`; `None` where one is of nothing or `old` is 0.
#[must_use]
pub fn ratio_of_medians(new: &[f64], old: &[f64]) -> Option<Ratio> {
    let (over, under) = (median(new), median(old));
    if new.is_empty() || old.is_empty() || under <= 0.0 {
        return None;
    }
    let mut random = Random::new(2);
    let mut ratio = || median(&drawn(new, &mut random)) / median(&drawn(old, &mut random));
    let ratios: Vec<f64> = (0..DRAWS).map(|_| ratio()).collect();
    let [low, high] = ENDS.map(|end| quantile(&ratios, end));
    let below = ratios.iter().filter(|&&ratio| ratio < 1.0).count();
    let ratio = Estimate { median: over / under, low, high };
    Some(Ratio { ratio, below_one: below as f64 / DRAWS as f64 })
}

fn drawn(values: &[f64], random: &mut Random) -> Vec<f64> {
    let draw = |_| values.get(random.below(values.len())).copied().unwrap_or_default();
    (0..values.len()).map(draw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.random.default_rng(3).normal(100, 4, 30).round(2)`
    const VALUES: [f64; 30] = [
        108.16, 89.78, 101.67, 97.73, 98.19, 99.14, 91.92, 99.07, 96.54, 113.29, 100.9, 98.59, 98.87, 97.33,
        95.78, 98.44, 101.93, 99.05, 103.83, 99.2, 100.1, 106.18, 102.18, 97.98, 99.27, 102.16, 107.74,
        98.92, 99.03, 104.01,
    ];

    #[test]
    fn the_interval_is_scipys() {
        // `scipy.stats.bootstrap((VALUES,), numpy.median, n_resamples=20000, method='percentile', rng=1)`
        let Estimate { median, low, high } = median_of(&VALUES);
        assert!((median - 99.10499999999999).abs() < 1e-9, "{median}");
        assert!((low - 98.73).abs() < 0.35 && (high - 101.285).abs() < 0.35, "{low} {high}");
    }

    #[test]
    fn a_slower_half_is_told_from_noise() {
        let slower: Vec<f64> = VALUES.iter().map(|value| value * 0.9).collect();
        let ratio = ratio_of_medians(&slower, &VALUES).unwrap();
        assert!((ratio.ratio.median - 0.9).abs() < 1e-9 && ratio.ratio.high < 0.97, "{ratio:?}");
        assert!(ratio.below_one > 0.99);
        let same = ratio_of_medians(&VALUES, &VALUES).unwrap();
        assert!(same.ratio.low < 1.0 && same.ratio.high > 1.0, "{same:?}");
        assert!(ratio_of_medians(&[], &VALUES).is_none() && ratio_of_medians(&VALUES, &[0.0]).is_none());
    }

    #[test]
    fn the_same_numbers_give_the_same_interval() {
        assert_eq!(median_of(&VALUES), median_of(&VALUES));
        assert_eq!(median_of(&[7.0]), Estimate { median: 7.0, low: 7.0, high: 7.0 });
    }
}
