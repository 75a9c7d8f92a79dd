//! What attention in binary32 works in.

use pulp::{Simd, WithSimd};

use super::Heads;
use crate::Isa;
use crate::gemm::{LINE, Line};

/// What attention in binary32 works in: keys and values of one head in panels, and the scores of a few queries, which all
/// stay in the second-level cache for sequences of some thousand tokens.
#[derive(Clone, Debug, Default)]
pub struct AttentionRoom {
    /// Panels of keys: input after input of all keys of a panel.
    pub(super) keys: Vec<Line>,
    /// Panels of values: key after key of some columns.
    pub(super) values: Vec<Line>,
    /// `rows × padded length`
    pub(super) scores: Vec<[f32; LINE]>,
}

/// Lines that a sequence takes.
struct Lines {
    keys: usize,
    values: usize,
    scores: usize,
}

impl Lines {
    fn of(isa: Isa, heads: Heads, length: usize) -> Self {
        let (rows, width) = isa.vectorize(Shape);
        let panels = |columns: usize| columns.div_ceil(width * LINE) * width;
        Self {
            keys: panels(length) * heads.size,
            values: panels(heads.size) * length,
            scores: rows * panels(length),
        }
    }
}

impl AttentionRoom {
    /// Makes room for sequences of up to `length` tokens.
    ///
    /// # Errors
    /// There is no memory for as many bytes more.
    pub fn reserve(&mut self, isa: Isa, heads: Heads, length: usize) -> Result<(), usize> {
        let Lines { keys, values, scores } = Lines::of(isa, heads, length);
        grow(&mut self.keys, keys, Line::ZERO)?;
        grow(&mut self.values, values, Line::ZERO)?;
        grow(&mut self.scores, scores, Line::ZERO.0)
    }

    pub(super) fn is_for(&self, isa: Isa, heads: Heads, length: usize) -> bool {
        let lines = Lines::of(isa, heads, length);
        self.keys.len() >= lines.keys
            && self.values.len() >= lines.values
            && self.scores.len() >= lines.scores
    }

    /// How many bytes it holds.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        (self.keys.capacity() + self.values.capacity() + self.scores.capacity()) * size_of::<Line>()
    }
}

fn grow<T: Clone>(place: &mut Vec<T>, length: usize, value: T) -> Result<(), usize> {
    let more = length.saturating_sub(place.len());
    place.try_reserve_exact(more).map_err(|_refused| more.saturating_mul(size_of::<T>()))?;
    place.resize(place.len().max(length), value);
    Ok(())
}

/// Asks for the rows and lines of a panel that the instructions work best with.
struct Shape;

impl WithSimd for Shape {
    type Output = (usize, usize);

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> (usize, usize) {
        match S::F32_LANES {
            LINE => (12, 2),
            8 => (6, 1),
            _ => (3, 1),
        }
    }
}
