//! Where in a storage the values of a tensor lie.

/// A tensor's view of a storage, in values.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
    pub(super) offset: usize,
}

impl Layout {
    /// How many values it has.
    pub(super) fn elements(&self) -> Option<usize> {
        self.shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size))
    }

    /// The first place behind all of its values.
    pub(super) fn end(&self) -> Option<usize> {
        if self.shape.contains(&0) {
            return Some(self.offset);
        }
        let steps = self.shape.iter().zip(&self.strides);
        let last = steps.map(|(size, stride)| (size - 1).checked_mul(*stride));
        last.into_iter()
            .try_fold(self.offset, |place, step| place.checked_add(step?))
            .and_then(|last| last.checked_add(1))
    }

    /// Whether its values lie row-major, without gaps.
    pub(super) fn is_row_major(&self) -> bool {
        let mut expected = 1_usize;
        self.shape.contains(&0)
            || self.shape.iter().zip(&self.strides).rev().all(|(&size, &stride)| {
                let fits = size == 1 || stride == expected;
                expected = expected.saturating_mul(size);
                fits
            })
    }

    /// Its values row-major, from a storage that reaches to its [end](Self::end).
    pub(super) fn copy(&self, storage: &[u8], element: usize) -> Vec<u8> {
        let count = self.elements().unwrap_or_default();
        let mut copied = Vec::with_capacity(count * element);
        let mut index = vec![0_usize; self.shape.len()];
        for _ in 0..count {
            let steps: usize = index.iter().zip(&self.strides).map(|(index, stride)| index * stride).sum();
            let start = (self.offset + steps) * element;
            copied.extend_from_slice(storage.get(start..start + element).unwrap_or_default());
            self.advance(&mut index);
        }
        copied
    }

    /// Goes to the next value, the last dimension first.
    fn advance(&self, index: &mut [usize]) {
        for (place, &size) in index.iter_mut().zip(&self.shape).rev() {
            *place += 1;
            if *place < size {
                return;
            }
            *place = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(shape: &[usize], strides: &[usize], offset: usize) -> Layout {
        Layout { shape: shape.to_vec(), strides: strides.to_vec(), offset }
    }

    #[test]
    fn rows_without_gaps_are_told_from_others() {
        let check = |shape: &[usize], strides: &[usize], row_major| {
            assert_eq!(layout(shape, strides, 3).is_row_major(), row_major, "{shape:?} {strides:?}");
        };
        check(&[], &[], true);
        check(&[4], &[1], true);
        check(&[2, 3], &[3, 1], true);
        check(&[2, 1, 3], &[3, 77, 1], true);
        check(&[0, 3], &[1, 1], true);
        check(&[2, 3], &[1, 2], false);
        check(&[2, 3], &[4, 1], false);
        check(&[4], &[0], false);
    }

    #[test]
    fn the_end_is_behind_the_last_value() {
        let check = |shape: &[usize], strides: &[usize], end| {
            assert_eq!(layout(shape, strides, 3).end(), end, "{shape:?} {strides:?}");
        };
        check(&[], &[], Some(4));
        check(&[2, 3], &[3, 1], Some(9));
        check(&[2, 3], &[1, 2], Some(9));
        check(&[5], &[0], Some(4));
        check(&[0, 3], &[usize::MAX, 1], Some(3));
        check(&[3], &[usize::MAX / 2], None);
        check(&[usize::MAX, usize::MAX], &[1, 1], None);
    }

    #[test]
    fn a_copy_goes_row_by_row() {
        let storage: Vec<u8> = (0..10).collect();
        assert_eq!(layout(&[2, 3], &[1, 2], 1).copy(&storage, 1), [1, 3, 5, 2, 4, 6]);
        assert_eq!(layout(&[2, 2], &[0, 1], 1).copy(&storage, 2), [2, 3, 4, 5, 2, 3, 4, 5]);
        assert_eq!(layout(&[], &[], 4).copy(&storage, 2), [8, 9]);
    }
}
