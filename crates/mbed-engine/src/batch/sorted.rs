//! Batches by token budget, longest rows first.

use super::Bounds;

/// Cuts rows into batches, each a list of row numbers, as they are asked for: bounds may change in between.
///
/// Rows are taken longest first: rows of one batch have like lengths, so a session that pads wastes little, and
/// what needs most memory comes first.
#[derive(Debug)]
pub(crate) struct Cutter<'a> {
    lengths: &'a [usize],
    order: std::vec::IntoIter<usize>,
}

impl<'a> Cutter<'a> {
    /// Rows of these `lengths`.
    pub(crate) fn new(lengths: &'a [usize]) -> Self {
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        order.sort_by_key(|&row| std::cmp::Reverse(lengths[row]));
        Self { lengths, order: order.into_iter() }
    }

    /// As [`Cutter::new`], without some of the rows, which are given in order.
    pub(crate) fn without(lengths: &'a [usize], left_out: &[usize]) -> Self {
        let mut cutter = Self::new(lengths);
        if !left_out.is_empty() {
            let rows: Vec<usize> = cutter.order.filter(|row| left_out.binary_search(row).is_err()).collect();
            cutter.order = rows.into_iter();
        }
        cutter
    }

    /// Whether no rows are left.
    pub(crate) fn is_empty(&self) -> bool {
        self.order.as_slice().is_empty()
    }

    /// The next batch within `bounds`, of one row at least, or `None` where no rows are left.
    pub(crate) fn next(&mut self, bounds: &Bounds) -> Option<Vec<usize>> {
        let mut batch = vec![self.order.next()?];
        let longest = self.lengths[batch[0]];
        let mut tokens = longest;
        while let Some(&row) = self.order.as_slice().first() {
            tokens += self.lengths[row];
            if !bounds.allow(batch.len() + 1, tokens, longest) {
                break;
            }
            batch.extend(self.order.next());
        }
        Some(batch)
    }
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
                memory: None,
            };
            let mut cutter = Cutter::new(&lengths);
            let batches: Vec<Vec<usize>> = std::iter::from_fn(|| cutter.next(&bounds)).collect();
            prop_assert!(cutter.is_empty());
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
