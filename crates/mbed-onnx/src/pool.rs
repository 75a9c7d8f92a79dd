//! Poolings over spans of tokens.

use std::ops::Range;

use mbed_core::spec::Pooling;

/// Pools the tokens `span` of `states`, `length × hidden`, into `row`, which is `hidden` long and zero. An empty span
/// leaves zeros.
pub(crate) fn pool(pooling: Pooling, states: &[f32], span: &Range<usize>, row: &mut [f32]) {
    let hidden = row.len();
    let Some(tokens) = states.get(span.start * hidden..span.end * hidden).filter(|tokens| !tokens.is_empty())
    else {
        return;
    };
    let mut tokens = tokens.chunks_exact(hidden);
    let count = span.len() as f32;
    match pooling {
        Pooling::Cls => row.copy_from_slice(tokens.next().unwrap_or_default()),
        Pooling::LastToken => row.copy_from_slice(tokens.next_back().unwrap_or_default()),
        Pooling::Max => {
            row.fill(f32::NEG_INFINITY);
            for token in tokens {
                row.iter_mut().zip(token).for_each(|(most, &value)| *most = most.max(value));
            }
        }
        Pooling::Mean => weigh(tokens.map(|token| (1.0, token)), count, row),
        Pooling::MeanSqrtLength => weigh(tokens.map(|token| (1.0, token)), count.sqrt(), row),
        Pooling::WeightedMean => {
            let weights = span.clone().map(|position| (position + 1) as f32);
            weigh(weights.clone().zip(tokens), weights.sum(), row);
        }
    }
}

/// The sum of weights times tokens, divided by `divisor`.
fn weigh<'a>(tokens: impl Iterator<Item = (f32, &'a [f32])>, divisor: f32, row: &mut [f32]) {
    for (weight, token) in tokens {
        row.iter_mut().zip(token).for_each(|(sum, &value)| *sum += weight * value);
    }
    row.iter_mut().for_each(|sum| *sum /= divisor);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poolings_follow_their_definitions() {
        let states = [1.0_f32, -4.0, 3.0, 2.0, -1.0, 8.0, 5.0, 0.0];
        let check = |pooling, span: Range<usize>, expected: [f32; 2]| {
            let mut row = [0.0; 2];
            pool(pooling, &states, &span, &mut row);
            let near = row.iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 1e-6);
            assert!(near, "{pooling:?} over {span:?}: {row:?} is not {expected:?}");
        };
        check(Pooling::Cls, 1..3, [3.0, 2.0]);
        check(Pooling::LastToken, 1..3, [-1.0, 8.0]);
        check(Pooling::Max, 0..4, [5.0, 8.0]);
        check(Pooling::Max, 0..1, [1.0, -4.0]);
        check(Pooling::Mean, 0..4, [2.0, 1.5]);
        check(Pooling::MeanSqrtLength, 0..4, [4.0, 3.0]);
        // Positions count from the start of the sequence: (2·3 + 3·-1) / 5 and (2·2 + 3·8) / 5.
        check(Pooling::WeightedMean, 1..3, [0.6, 5.6]);
        for pooling in Pooling::ALL {
            check(pooling, 2..2, [0.0, 0.0]);
        }
    }
}
