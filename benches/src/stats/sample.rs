//! Numbers that describe a sample.

use serde::{Deserialize, Serialize};

/// The value below which the part `q` of `values` lies, linear between neighbours; 0 of nothing.
#[must_use]
pub fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    of_sorted(&sorted, q)
}

fn of_sorted(sorted: &[f64], q: f64) -> f64 {
    let place = q.clamp(0.0, 1.0) * sorted.len().saturating_sub(1) as f64;
    let (below, above) = (place.floor(), place.ceil());
    let at = |place: f64| sorted.get(place as usize).copied().unwrap_or_default();
    at(below) + (at(above) - at(below)) * (place - below)
}

/// The value in the middle; 0 of nothing.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The numbers of the values that lie far from the others, after Iglewicz and Hoaglin (1993): 0.6745 times the
/// distance from the median is more than 3.5 times the median of such distances.
#[must_use]
pub fn outliers(values: &[f64]) -> Vec<usize> {
    let middle = median(values);
    let distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    let usual = median(&distances);
    let is_far = |distance: &f64| usual > 0.0 && 0.6745 * distance > 3.5 * usual;
    let found = distances.iter().enumerate().filter(|(_, distance)| is_far(distance));
    found.map(|(index, _)| index).collect()
}

/// Waiting times, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Half of them are at most this.
    pub p50: f64,
    /// 95 of 100 are at most this.
    pub p95: f64,
    /// 99 of 100 are at most this.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Percentiles {
    /// Of all `values`, `None` of nothing.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let max = *sorted.last()?;
        let at = |q| of_sorted(&sorted, q);
        Some(Self { p50: at(0.5), p95: at(0.95), p99: at(0.99), max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.random.default_rng(7).gamma(2.0, 10.0, 12).round(3)`
    const VALUES: [f64; 12] =
        [16.683, 13.372, 11.459, 17.455, 11.086, 23.824, 18.065, 16.292, 4.639, 2.404, 5.075, 18.773];

    #[test]
    fn quantiles_are_numpys() {
        let check = |q, expected: f64| assert!((quantile(&VALUES, q) - expected).abs() < 1e-9, "{q}");
        check(0.0, 2.404);
        check(0.5, 14.832);
        check(0.95, 21.04595);
        check(0.99, 23.26839);
        check(1.0, 23.824);
        assert_eq!((median(&[]), quantile(&[4.0], 0.3)), (0.0, 4.0));
    }

    #[test]
    fn what_lies_far_off_is_found_and_nothing_else() {
        assert_eq!(outliers(&[100.0, 101.0, 99.0, 100.5, 60.0, 99.5]), [4]);
        assert_eq!(outliers(&[100.0, 101.0, 99.0, 100.5, 99.5]), [0_usize; 0]);
        assert_eq!(outliers(&[5.0, 5.0, 5.0, 9.0]), [0_usize; 0], "without spread nobody can tell");
        assert_eq!(outliers(&[]), [0_usize; 0]);
    }
}
