//! The vectors that come out of a session.

/// Vectors as one row-major buffer, `rows × dimensions`. Reusing one keeps its memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embeddings {
    values: Vec<f32>,
    dimensions: usize,
    rows: usize,
}

impl Embeddings {
    /// No rows. A session gives it its shape.
    #[must_use]
    pub const fn new() -> Self {
        Self { values: Vec::new(), dimensions: 0, rows: 0 }
    }

    /// Takes the shape `rows × dimensions`, all zero, keeping the memory that is already there.
    pub fn reset(&mut self, rows: usize, dimensions: usize) {
        self.values.clear();
        self.values.resize(rows.saturating_mul(dimensions), 0.0);
        self.rows = rows;
        self.dimensions = dimensions;
    }

    /// How many vectors there are.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// The length of each vector.
    #[must_use]
    pub const fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Whether there are no vectors.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Vector `row`, or `None` past the end.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&[f32]> {
        let start = row.checked_mul(self.dimensions)?;
        if row >= self.rows {
            return None;
        }
        self.values.get(start..start + self.dimensions)
    }

    /// Vector `row` for writing, or `None` past the end.
    pub fn get_mut(&mut self, row: usize) -> Option<&mut [f32]> {
        let start = row.checked_mul(self.dimensions)?;
        if row >= self.rows {
            return None;
        }
        self.values.get_mut(start..start + self.dimensions)
    }

    /// The vectors in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        (0..self.rows).map(|row| self.get(row).unwrap_or_default())
    }

    /// All values, `rows × dimensions`, row after row.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All values for writing, `rows × dimensions`, row after row.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// Gives the buffer away.
    #[must_use]
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }
}

#[cfg(test)]
mod tests {
    use super::Embeddings;

    #[test]
    fn rows_lie_one_after_the_other_and_a_reset_forgets_the_old_values() {
        let mut embeddings = Embeddings::new();
        embeddings.reset(2, 3);
        embeddings.values_mut().copy_from_slice(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(embeddings.get(1), Some(&[4.0, 5.0, 6.0][..]));
        assert_eq!(embeddings.get(2), None);
        assert_eq!(embeddings.iter().len(), 2);
        embeddings.reset(1, 3);
        assert_eq!(embeddings.get(0), Some(&[0.0, 0.0, 0.0][..]));
        assert_eq!(embeddings.get(1), None);
    }
}
