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

/// Bytes of weights up to which they stay in a second-level cache of 2 MiB beside rows and results.
const NEAR: usize = 1 << 20;

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

    /// All products. Where the weights stay in the second-level cache, a block of rows is multiplied by all of them while
    /// it is in the first-level one, which is 3 % faster; else a panel of weights by all blocks.
    pub(crate) fn products<'a>(&'a self, x: TileView<'a>) -> impl Iterator<Item = Product<'a>> {
        let (steps, blocks) = (self.steps, x.blocks());
        let panel_lines = steps * 2 * HEIGHT;
        let (count, all) = (self.columns.len(), self.columns.len() * blocks);
        let is_block_first = self.lines.len() * size_of::<Line>() <= NEAR;
        let (mut panel, mut block) = (0, 0);
        (0..all).map(move |_| {
            let product = Product {
                panel,
                block,
                rows: x.tiles(block, &(0..steps)),
                weights: &self.lines[panel * panel_lines..(panel + 1) * panel_lines],
            };
            if is_block_first {
                panel += 1;
                if panel == count {
                    (panel, block) = (0, block + 1);
                }
            } else {
                block += 1;
                if block == blocks {
                    (panel, block) = (panel + 1, 0);
                }
            }
            product
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
