//! The right factor of a product in the order in which the kernel reads it.

/// Values of a line.
pub(crate) const LINE: usize = 16;

/// Sixteen values where a line of the cache starts: one register of AVX-512, two of AVX2.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [f32; LINE]);

impl Line {
    pub(crate) const ZERO: Self = Self([0.0; LINE]);
}

/// Columns in panels of some lines side by side, the last one filled up with zeros. A panel lies input after input, so that
/// the kernel reads it from its first line to its last.
#[derive(Clone, Debug)]
pub(super) struct Panels {
    lines: Vec<Line>,
    /// Lines side by side.
    width: usize,
    inputs: usize,
}

impl Panels {
    /// Packs the transpose of `weight`, `columns × inputs`, row-major.
    pub(super) fn of_transposed(weight: &[f32], inputs: usize, width: usize) -> Self {
        let panels = (weight.len() / inputs.max(1)).div_ceil(width * LINE);
        let mut lines = vec![Line::ZERO; panels * inputs * width];
        let columns = weight.chunks_exact(inputs.max(1) * width * LINE);
        let last = columns.remainder();
        for (panel, weights) in lines.chunks_exact_mut(inputs.max(1) * width).zip(columns.chain([last])) {
            for (column, weights) in weights.chunks_exact(inputs.max(1)).enumerate() {
                for (step, &value) in panel.chunks_exact_mut(width).zip(weights) {
                    step[column / LINE].0[column % LINE] = value;
                }
            }
        }
        Self { lines, width, inputs }
    }

    /// Packs one row of values.
    pub(super) fn of_row(values: &[f32], width: usize) -> Self {
        Self::of_transposed(values, 1, width)
    }

    /// The panels, each `inputs × width` lines.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[Line]> {
        self.lines.chunks_exact((self.inputs * self.width).max(1))
    }

    pub(super) const fn bytes(&self) -> usize {
        self.lines.capacity() * size_of::<Line>()
    }
}
