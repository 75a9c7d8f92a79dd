//! Whether two series order things alike.

/// Spearman's correlation of ranks, values that are equal sharing theirs; `None` where one has no order or they are
/// not as long as each other.
#[must_use]
pub fn spearman(left: &[f64], right: &[f64]) -> Option<f64> {
    if left.len() != right.len() || left.len() < 2 {
        return None;
    }
    let (left, right) = (ranks(left), ranks(right));
    let mean = (left.len() as f64 + 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    let spread = (product(&left, &left) * product(&right, &right)).sqrt();
    (spread > 0.0).then(|| product(&left, &right) / spread)
}

/// The rank of each value from 1, the mean of their places for those that are equal.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    let value = |index: usize| values.get(index).copied().unwrap_or_default();
    order.sort_by(|&a, &b| value(a).total_cmp(&value(b)));
    let mut ranks = vec![0.0; values.len()];
    let mut place = 0;
    for group in order.chunk_by(|&a, &b| value(a) == value(b)) {
        let rank = place as f64 + (group.len() as f64 + 1.0) / 2.0;
        for &index in group {
            if let Some(held) = ranks.get_mut(index) {
                *held = rank;
            }
        }
        place += group.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::spearman;

    #[test]
    fn correlations_are_scipys() {
        // `scipy.stats.spearmanr(LEFT, RIGHT).statistic`
        let found = spearman(
            &[1.0, 2.0, 2.0, 3.0, 4.5, 7.0, 7.0, 7.0, 9.0, 12.0],
            &[2.0, 1.0, 4.0, 4.0, 3.0, 9.0, 8.0, 8.0, 7.0, 20.0],
        )
        .unwrap();
        assert!((found - 0.8452376966295818).abs() < 1e-12, "{found}");
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[9.0, 4.0, 1.0]), Some(-1.0));
        assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(spearman(&[1.0], &[1.0, 2.0]), None);
    }
}
