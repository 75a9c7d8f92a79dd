//! Attention of one sequence in bfloat16, head by head, 32 queries at a time.

use std::ops::Range;

use super::machine::Machine;
use super::tiles::{BLOCK, Block, HEIGHT, Line, TileRows, WIDTH};
use crate::Isa;
use crate::attention::{Attention, Heads};
use crate::gemm::{Keep, ShapeMismatch};

/// What attention in bfloat16 works in, kept between calls.
#[derive(Clone, Debug, Default)]
pub struct Bf16Scratch {
    /// Queries of one head.
    queries: TileRows,
    /// Keys of one head as the second factor of scores: 32 keys, panel after panel.
    keys: Vec<Line>,
    /// Values of one head as the second factor of contexts: 32 columns, panel after panel.
    values: Vec<Line>,
    /// Scores of 32 queries: 32 keys, block after block.
    scores: Vec<Block>,
    /// What the exponential function made of them.
    shares: TileRows,
}

/// Scores of one query, before they are shares.
#[derive(Clone, Copy)]
pub(super) struct Query<'a> {
    /// Its row in the blocks.
    pub(super) row: usize,
    /// What scores are multiplied by.
    pub(super) scale: f32,
    /// The first key that the query sees, counted from the first block's first, and the first behind the last.
    pub(super) seen: (usize, usize),
    /// What is added to the scores of the keys that are seen, or nothing.
    pub(super) bias: &'a [f32],
}

impl Bf16Scratch {
    /// How many bytes it holds.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        let lines = (self.keys.capacity() + self.values.capacity()) * size_of::<Line>();
        lines + self.queries.bytes() + self.shares.bytes() + self.scores.capacity() * size_of::<Block>()
    }

    /// Makes room for heads of `size` and sequences of `length`.
    fn reserve(&mut self, length: usize, size: usize) -> Result<(), usize> {
        let (blocks, chunks) = (length.div_ceil(BLOCK), size.div_ceil(WIDTH));
        self.queries.reset(length, size)?;
        self.shares.reset(BLOCK, blocks * BLOCK)?;
        let lines = blocks * chunks * 2 * HEIGHT;
        for place in [&mut self.keys, &mut self.values] {
            resize(place, lines, Line::ZERO)?;
        }
        resize(&mut self.scores, blocks, Block::ZERO)
    }
}

impl Attention<'_> {
    /// Computes the contexts of one sequence, the rows `tokens` of `qkv` and of `context`; see
    /// [`Attention::apply`]. Shares are within 1e-5, and rounded to bfloat16 as all factors are.
    ///
    /// # Errors
    /// `qkv` or `context` has too few rows, or rows of another length than [`Heads`] says; or there is no memory, for
    /// which `None` stands.
    pub fn apply_bf16(
        &self,
        isa: Isa,
        tokens: &Range<usize>,
        (qkv, context): (&TileRows, &mut TileRows),
        scratch: &mut Bf16Scratch,
    ) -> Result<(), Option<ShapeMismatch>> {
        let Heads { count, size, .. } = self.heads;
        let fits = qkv.columns() == self.heads.row()
            && context.columns() == self.heads.query_width()
            && tokens.end <= qkv.rows().min(context.rows());
        if !fits {
            return Err(Some(ShapeMismatch {
                left: (qkv.rows(), qkv.columns()),
                right: (tokens.end, self.heads.row()),
                output: (context.rows(), context.columns()),
            }));
        }
        if tokens.is_empty() {
            return Ok(());
        }
        scratch.reserve(tokens.len(), size).map_err(|_bytes| None)?;
        let machine = Machine::start(isa);
        for head in 0..count {
            self.gather(&machine, head, (tokens, qkv), scratch);
            for first in (0..tokens.len()).step_by(BLOCK) {
                self.attend_tiles(&machine, (head, first), tokens, (context, scratch));
            }
        }
        Ok(())
    }

    /// Brings queries, keys and values of one head into the order of tiles.
    fn gather(
        &self,
        machine: &Machine,
        head: usize,
        (tokens, qkv): (&Range<usize>, &TileRows),
        scratch: &mut Bf16Scratch,
    ) {
        let Heads { count, key_values, size } = self.heads;
        let shared = head / (count / key_values.max(1)).max(1);
        let starts = [head, count + shared, count + key_values + shared].map(|index| index * size);
        let (chunks, tiles) = (size.div_ceil(WIDTH), tokens.len().div_ceil(BLOCK) * 2);
        for (tile, chunk) in (0..tiles).flat_map(|tile| (0..chunks).map(move |chunk| (tile, chunk))) {
            let width = WIDTH.min(size - chunk * WIDTH);
            let first = tile * HEIGHT;
            let read = |start: usize, lines: &mut [Line]| {
                for (line, token) in lines.iter_mut().zip(first..tokens.len()) {
                    qkv.read(tokens.start + token, start + chunk * WIDTH, &mut line.0[..width]);
                }
            };
            let queries = scratch.queries.tile_mut(tile, chunk);
            queries.fill(Line::ZERO);
            read(starts[0], queries);
            let [mut keys, mut values] = [[Line::ZERO; HEIGHT]; 2];
            read(starts[1], &mut keys);
            read(starts[2], &mut values);
            let place = ((tile / 2 * chunks + chunk) * 2 + tile % 2) * HEIGHT;
            if let Some(place) = scratch.keys[place..].first_chunk_mut() {
                machine.turn(&keys, place);
            }
            let place = (chunk * tiles + tile / 2 * 2) * HEIGHT;
            let (low, high) = scratch.values[place..place + 2 * HEIGHT].split_at_mut(HEIGHT);
            let places = low.iter_mut().zip(high).skip(tile % 2 * (HEIGHT / 2));
            for ([first, second], (low, high)) in values.as_chunks::<2>().0.iter().zip(places) {
                machine.mix(first, second, [low, high]);
            }
        }
    }

    /// The contexts of up to 32 queries from `first` on.
    fn attend_tiles(
        &self,
        machine: &Machine,
        (head, first): (usize, usize),
        tokens: &Range<usize>,
        (context, scratch): (&mut TileRows, &mut Bf16Scratch),
    ) {
        let (size, length) = (self.heads.size, tokens.len());
        let (chunks, queries) = (size.div_ceil(WIDTH), BLOCK.min(length - first));
        let seen = self.reach.keys(first, length).start..self.reach.keys(first + queries - 1, length).end;
        let blocks = seen.start / BLOCK..seen.end.div_ceil(BLOCK);
        let a = scratch.queries.view().tiles(first / BLOCK, &(0..chunks));
        let panels = scratch.keys.chunks_exact(chunks * 2 * HEIGHT);
        for (panel, scores) in panels.zip(&mut scratch.scores).take(blocks.end).skip(blocks.start) {
            machine.multiply(a, panel, Keep::Nothing, scores);
        }
        let mut inverse = [0.0; BLOCK];
        for (row, inverse) in inverse.iter_mut().enumerate().take(queries) {
            let keys = self.reach.keys(first + row, length);
            let bias = self.bias.and_then(|bias| bias.row(head, first + row, &keys)).unwrap_or_default();
            let origin = blocks.start * BLOCK;
            let query =
                Query { row, scale: self.scale, seen: (keys.start - origin, keys.end - origin), bias };
            let lines = scratch.shares.line_places(row).skip(blocks.start);
            *inverse = 1.0 / machine.shares(&scratch.scores[blocks.clone()], query, lines);
        }
        let panel_length = length.div_ceil(BLOCK) * 2 * HEIGHT;
        for (chunk, panel) in scratch.values.chunks_exact(panel_length).enumerate() {
            let mut block = Block::ZERO;
            let a = scratch.shares.view().tiles(0, &blocks);
            let panel = &panel[blocks.start * 2 * HEIGHT..blocks.end * 2 * HEIGHT];
            machine.multiply(a, panel, Keep::Nothing, &mut block);
            let width = WIDTH.min(size - chunk * WIDTH);
            for (row, (values, inverse)) in block.0.iter().zip(inverse).enumerate().take(queries) {
                let line = machine.scale_and_round(values, inverse);
                let column = head * size + chunk * WIDTH;
                context.replace(tokens.start + first + row, column, &line.0[..width]);
            }
        }
    }
}

fn resize<T: Clone>(places: &mut Vec<T>, length: usize, value: T) -> Result<(), usize> {
    let missing = length.saturating_sub(places.len());
    places.try_reserve_exact(missing).map_err(|_refused| missing * size_of::<T>())?;
    places.resize(length, value);
    Ok(())
}
