//! Weights in the order in which tiles are loaded.

use super::tiles::{BLOCK, HEIGHT, Line, TileView};
use crate::Isa;

/// Weights of 32 outputs side by side, panel after panel, each with what a product's columns need besides. Within a
/// panel two tiles of 16 outputs for each line's width of inputs; a row of such a tile has neighbouring inputs, as many
/// as fit 4 bytes, for each output.
#[derive(Clone, Debug)]
pub(crate) struct Panels<C> {
    pub(crate) isa: Isa,
    lines: Vec<Line>,
    pub(crate) columns: Vec<C>,
    pub(crate) input: usize,
    /// Of a product.
    steps: usize,
}

/// Tiles to multiply.
pub(crate) struct Product<'a> {
    pub(crate) panel: usize,
    /// Of rows.
    pub(crate) block: usize,
    pub(crate) rows: &'a [Line],
    pub(crate) weights: &'a [Line],
}

impl<C: Clone + Default> Panels<C> {
    /// `count` panels for `input` values, of which a line has `width`. `source` gives the weights and the bias of a
    /// column of a panel, where it has one, and `pack` puts them into the panel and what belongs to it.
    pub(crate) fn new<'a>(
        isa: Isa,
        (input, width): (usize, usize),
        count: usize,
        source: impl Fn(usize, usize) -> Option<(&'a [f32], f32)>,
        pack: impl Fn((&'a [f32], f32), usize, (&mut [Line], &mut C)),
    ) -> Self {
        let steps = input.div_ceil(width);
        let mut lines = vec![Line::ZERO; count * steps * 2 * HEIGHT];
        let mut columns = vec![C::default(); count];
        let panels = lines.chunks_exact_mut((steps * 2 * HEIGHT).max(1)).zip(&mut columns);
        for (panel, (lines, columns)) in panels.enumerate() {
            for column in 0..BLOCK {
                if let Some(weights) = source(panel, column) {
                    pack(weights, column, (lines, columns));
                }
            }
        }
        Self { isa, lines, columns, input, steps }
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.lines.capacity() * size_of::<Line>() + self.columns.capacity() * size_of::<C>()
    }

    /// All blocks of rows with a panel, then with the next one: a panel of 384 inputs, 24 KiB, stays in the first-level
    /// cache, past which rows are streamed.
    pub(crate) fn products<'a>(&'a self, x: TileView<'a>) -> impl Iterator<Item = Product<'a>> {
        let steps = self.steps;
        let panels = self.lines.chunks_exact((steps * 2 * HEIGHT).max(1)).enumerate();
        panels.flat_map(move |(panel, weights)| {
            let rows = move |block| x.tiles(block, &(0..steps));
            (0..x.blocks()).map(move |block| Product { panel, block, rows: rows(block), weights })
        })
    }
}

/// How many outputs `weight` (`output × input`) has, or `None` where lengths do not fit; `bias` may be empty.
pub(crate) fn outputs(weight: &[f32], bias: &[f32], input: usize) -> Option<usize> {
    let output = weight.len().checked_div(input)?;
    let bias_fits = bias.is_empty() || bias.len() == output;
    (output > 0 && weight.len() == input * output && bias_fits).then_some(output)
}

/// The weights and the bias of output `row`, 0 where there is none; or `None` behind the last.
pub(crate) fn output_of<'a>(
    (weight, bias): (&'a [f32], &[f32]),
    input: usize,
    row: usize,
) -> Option<(&'a [f32], f32)> {
    let weights = weight.get(row * input..(row + 1) * input)?;
    Some((weights, bias.get(row).copied().unwrap_or_default()))
}
