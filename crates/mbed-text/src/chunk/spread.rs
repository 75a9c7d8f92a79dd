//! Which of many distances are large.

use std::borrow::Cow;

use mbed_core::settings::Threshold;

/// The numbers of the distances that are above the threshold, in order.
pub(super) fn cuts(distances: &[f64], threshold: Threshold) -> Vec<usize> {
    let values = match threshold {
        Threshold::Gradient(_) => Cow::Owned(slopes(distances)),
        _ => Cow::Borrowed(distances),
    };
    let limit = limit(&values, threshold);
    values.iter().enumerate().filter(|(_, value)| **value > limit).map(|(index, _)| index).collect()
}

/// What a value has to be above.
fn limit(values: &[f64], threshold: Threshold) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match threshold {
        Threshold::Percentile(percent) | Threshold::Gradient(percent) => percentile(&sorted, percent),
        Threshold::Deviation(amount) => {
            let mean = mean(values);
            let squares: Vec<f64> = values.iter().map(|value| (value - mean).powi(2)).collect();
            mean + amount * self::mean(&squares).sqrt()
        }
        Threshold::Interquartile(amount) => {
            mean(values) + amount * (percentile(&sorted, 75.0) - percentile(&sorted, 25.0))
        }
    }
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// The value below which `percent` of the sorted values lie, between two of them by proportion.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list, never below 0 and never behind its end"
)]
fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = last as f64 * percent / 100.0;
    let below = (place.floor() as usize).min(last);
    let value = |index: usize| sorted.get(index.min(last)).copied().unwrap_or_default();
    value(below) + (value(below + 1) - value(below)) * (place - below as f64)
}

/// Central differences, one-sided at both ends.
fn slopes(values: &[f64]) -> Vec<f64> {
    let last = values.len().saturating_sub(1);
    let slope = |index: usize| {
        let (before, after) = (index.saturating_sub(1), (index + 1).min(last));
        let rise = values.get(after).zip(values.get(before)).map_or(0.0, |(after, before)| after - before);
        if after > before { rise / (after - before) as f64 } else { 0.0 }
    };
    (0..values.len()).map(slope).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISTANCES: [f64; 10] = [0.10, 0.12, 0.50, 0.11, 0.09, 0.90, 0.10, 0.13, 0.30, 0.12];

    /// The numbers are what numpy 2.4 prints for `percentile(d, p)`, `d.mean() + n * d.std()`,
    /// `d.mean() + n * (percentile(d, 75) - percentile(d, 25))` and `percentile(gradient(d), p)`.
    #[test]
    fn limits_are_those_of_numpy() {
        let check = |threshold, expected: f64| {
            let values = if matches!(threshold, Threshold::Gradient(_)) {
                slopes(&DISTANCES)
            } else {
                DISTANCES.to_vec()
            };
            let got = limit(&values, threshold);
            assert!((got - expected).abs() < 1e-12, "{threshold}: {got} is not {expected}");
        };
        check(Threshold::Percentile(95.0), 0.7199999999999995);
        check(Threshold::Percentile(80.0), 0.34);
        check(Threshold::Deviation(1.0), 0.49716194754598464);
        check(Threshold::Deviation(3.0), 0.9974858426379539);
        check(Threshold::Interquartile(1.5), 0.4794999999999999);
        check(Threshold::Interquartile(0.5), 0.32449999999999996);
        check(Threshold::Gradient(95.0), 0.3072499999999998);
        check(Threshold::Gradient(85.0), 0.16499999999999995);
    }

    #[test]
    fn each_kind_cuts_above_its_limit() {
        let distances = DISTANCES;
        let check = |threshold, expected: &[usize]| assert_eq!(cuts(&distances, threshold), expected);
        check(Threshold::Percentile(95.0), &[5]);
        check(Threshold::Percentile(80.0), &[2, 5]);
        check(Threshold::Percentile(100.0), &[]);
        check(Threshold::Deviation(1.0), &[2, 5]);
        check(Threshold::Deviation(2.0), &[5]);
        check(Threshold::Interquartile(3.0), &[5]);
        check(Threshold::Interquartile(1.5), &[2, 5]);
        check(Threshold::Gradient(85.0), &[1, 4]);
        assert!(cuts(&[], Threshold::default()).is_empty());
        assert!(cuts(&[0.3], Threshold::Gradient(50.0)).is_empty());
    }

    #[test]
    fn percentiles_lie_between_values() {
        let sorted = [1.0, 2.0, 4.0, 8.0];
        let check = |percent, expected: f64| assert!((percentile(&sorted, percent) - expected).abs() < 1e-12);
        check(0.0, 1.0);
        check(50.0, 3.0);
        check(90.0, 6.8);
        check(100.0, 8.0);
    }

    #[test]
    fn slopes_are_central_inside_and_one_sided_at_the_ends() {
        assert_eq!(slopes(&[1.0, 2.0, 4.0, 7.0, 11.0, 16.0]), [1.0, 1.5, 2.5, 3.5, 4.5, 5.0]);
    }
}
