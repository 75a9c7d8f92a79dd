//! Batches by token budget, longest rows first.

use super::Bounds;

/// Cuts rows of these `lengths` into batches within `bounds`, each a list of row numbers.
///
/// Rows are taken longest first: rows of one batch have like lengths, so a session that pads wastes little, and
/// what needs most memory comes first.
pub(crate) fn plan(lengths: &[usize], bounds: Bounds) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&row| std::cmp::Reverse(lengths[row]));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let (mut tokens, mut longest) = (0, 0);
    for row in order {
        let length = lengths[row];
        let rows = batches.last().map_or(0, Vec::len);
        let fits = bounds.allow(rows + 1, tokens + length, longest.max(length));
        match batches.last_mut() {
            Some(batch) if fits => {
                batch.push(row);
                tokens += length;
            }
            _ => {
                batches.push(vec![row]);
                (tokens, longest) = (length, length);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use mbed_core::BatchLayout;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_row_is_in_one_batch_and_no_batch_is_over_budget(
            lengths in prop::collection::vec(0_usize..300, 0..200),
            budget in 1_usize..1000,
            cap in prop::option::of(1_usize..20),
            padded in any::<bool>(),
        ) {
            let layout = if padded { BatchLayout::Padded } else { BatchLayout::Packed };
            let bounds = Bounds {
                tokens: NonZeroUsize::new(budget).unwrap(),
                rows: cap.and_then(NonZeroUsize::new),
                layout,
            };
            let batches = plan(&lengths, bounds);
            let mut rows: Vec<usize> = batches.concat();
            rows.sort_unstable();
            prop_assert_eq!(rows, (0..lengths.len()).collect::<Vec<_>>());
            for batch in &batches {
                let tokens: usize = batch.iter().map(|&row| lengths[row]).sum();
                let longest = batch.iter().map(|&row| lengths[row]).max().unwrap();
                let places = if padded { longest * batch.len() } else { tokens };
                prop_assert!(places <= budget || batch.len() == 1);
                prop_assert!(cap.is_none_or(|cap| batch.len() <= cap));
            }
            let firsts: Vec<usize> = batches.iter().map(|batch| lengths[batch[0]]).collect();
            prop_assert!(firsts.is_sorted_by(|a, b| a >= b));
        }
    }
}
