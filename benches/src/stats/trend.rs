//! Whether a series rises or falls, or only wavers.

use serde::{Deserialize, Serialize};

use super::sample::median;

/// A series' direction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// By how much it changes from one value to the next, after Theil and Sen: the median of all slopes.
    pub slope: f64,
    /// How often chance alone would give a direction as clear as this, after Mann and Kendall.
    pub p: f64,
}

/// The direction of values that follow one another at equal distances; `None` of fewer than four, which cannot tell.
#[must_use]
pub fn trend(values: &[f64]) -> Option<Trend> {
    if values.len() < 4 {
        return None;
    }
    let pairs = || {
        let later = |(first, &value): (usize, &f64)| {
            let rest = values.iter().enumerate().skip(first + 1);
            rest.map(move |(second, &next)| ((second - first) as f64, next - value)).collect::<Vec<_>>()
        };
        values.iter().enumerate().flat_map(later)
    };
    let slopes: Vec<f64> = pairs().map(|(distance, change)| change / distance).collect();
    let score: f64 = pairs().map(|(_, change)| if change == 0.0 { 0.0 } else { change.signum() }).sum();
    let p = if score == 0.0 { 1.0 } else { two_sided(score / variance(values).sqrt()) };
    Some(Trend { slope: median(&slopes), p })
}

/// The variance of Kendall's score where there is no trend, with ties.
fn variance(values: &[f64]) -> f64 {
    let part = |count: f64| count * (count - 1.0) * (2.0 * count + 5.0);
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let ties: f64 = sorted.chunk_by(|left, right| left == right).map(|group| part(group.len() as f64)).sum();
    (part(values.len() as f64) - ties) / 18.0
}

/// The part of a normal distribution that is at least as far out as `z`, on both sides.
fn two_sided(z: f64) -> f64 {
    libm::erfc(z.abs() / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f64], slope: f64, p: f64) {
        let found = trend(values).unwrap();
        assert!((found.slope - slope).abs() < 1e-9, "{found:?}");
        assert!((found.p - p).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn directions_are_scipys() {
        // `scipy.stats.theilslopes(y).slope` and `scipy.stats.kendalltau(range(len(y)), y, method='asymptotic').pvalue`
        check(
            &[
                496.8, 493.9, 497.4, 499.3, 501.3, 496.4, 493.0, 491.3, 496.6, 499.3, 493.1, 486.3, 486.6,
                496.0,
            ],
            -0.5374999999999943,
            0.10000831669998021,
        );
        check(&[5.0, 5.0, 6.0, 6.0, 6.0, 7.0, 6.0, 8.0, 7.0, 7.0], 0.25, 0.0060634680709607085);
        check(&[3.0, 3.0, 3.0, 3.0, 3.0], 0.0, 1.0);
        assert_eq!(trend(&[1.0, 2.0, 3.0]), None);
    }
}
