//! Attention of one sequence in bfloat16, head by head, 32 queries at a time.

use std::ops::Range;

use super::machine::Machine;
use super::tiles::{BLOCK, Block, HEIGHT, Line, TileRows, WIDTH};
use crate::Isa;
use crate::attention::{Attention, Heads};
use crate::gemm::ShapeMismatch;

/// Queries whose shares are computed side by side.
pub(super) const SIDE_BY_SIDE: usize = 4;

/// What attention in bfloat16 works in, kept between calls.
#[derive(Clone, Debug, Default)]
pub struct Bf16Scratch {
    /// Heads by turns: while one is at work, the next is made ready and the last finished.
    heads: [HeadTiles; 3],
    /// Scores of 32 queries, 32 keys, block after block; of those at work and of the next.
    scores: [Vec<Block>; 2],
    /// What the exponential function made of scores; of those at work and of the last.
    shares: [TileRows; 2],
    /// Contexts of the last 32 queries, before they are divided, 32 columns, block after block.
    contexts: Vec<Block>,
}

/// One head of a sequence in the order of tiles.
#[derive(Clone, Debug, Default)]
struct HeadTiles {
    queries: TileRows,
    /// Keys as the second factor of scores: 32 keys, panel after panel.
    keys: Vec<Line>,
    /// Values as the second factor of contexts: 32 columns, panel after panel.
    values: Vec<Line>,
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

/// Up to 32 queries of one head of a sequence.
#[derive(Clone, Copy)]
struct Unit {
    head: usize,
    first: usize,
    /// How many.
    queries: usize,
    /// The first block of keys that some of them see, and the first behind the last.
    blocks: (usize, usize),
}

impl Bf16Scratch {
    /// How many bytes it holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let scores: usize = self.scores.iter().map(Vec::capacity).sum();
        let heads: usize = self.heads.iter().map(HeadTiles::bytes).sum();
        let shares: usize = self.shares.iter().map(TileRows::bytes).sum();
        heads + shares + (scores + self.contexts.capacity()) * size_of::<Block>()
    }

    /// Makes room for heads of `size` and sequences of `length`.
    fn reserve(&mut self, length: usize, size: usize) -> Result<(), usize> {
        let blocks = length.div_ceil(BLOCK);
        for shares in &mut self.shares {
            shares.reset(BLOCK, blocks * BLOCK)?;
        }
        resize(&mut self.contexts, size.div_ceil(WIDTH), Block::ZERO)?;
        for head in &mut self.heads {
            head.queries.reset(length, size)?;
            for place in [&mut head.keys, &mut head.values] {
                resize(place, blocks * size.div_ceil(WIDTH) * BLOCK, Line::ZERO)?;
            }
        }
        self.scores.iter_mut().try_for_each(|scores| resize(scores, blocks, Block::ZERO))
    }
}

impl HeadTiles {
    const fn bytes(&self) -> usize {
        (self.keys.capacity() + self.values.capacity()) * size_of::<Line>() + self.queries.bytes()
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
        scratch.reserve(tokens.len(), self.heads.size).map_err(|_bytes| None)?;
        self.attend_all(&Machine::start(isa), tokens, (qkv, context), scratch);
        Ok(())
    }

    /// The contexts of all heads.
    ///
    /// Lines that were just stored can be loaded as a tile only once they have left the store buffer, and products take
    /// their time too. So while scores of some queries become shares, the contexts of the queries before and the scores
    /// of those after are multiplied.
    fn attend_all(
        &self,
        machine: &Machine,
        tokens: &Range<usize>,
        (qkv, context): (&TileRows, &mut TileRows),
        scratch: &mut Bf16Scratch,
    ) {
        let Bf16Scratch { heads, scores, shares, contexts } = scratch;
        let [mut now, mut next] = scores.each_mut().map(Vec::as_mut_slice);
        let [mut shares, mut last_shares] = shares.each_mut();
        let mut units = self.units(tokens.len());
        let mut upcoming = units.next();
        let mut last: Option<(Unit, [f32; BLOCK])> = None;
        self.gather(machine, 0, (tokens, qkv), &mut heads[0]);
        if let Some(unit) = upcoming {
            self.multiply_keys(machine, (&unit, &heads[0]), 0..unit.blocks.1 - unit.blocks.0, now);
        }
        while let Some(unit) = upcoming {
            upcoming = units.next();
            if let Some(next) = upcoming.filter(|next| next.head != unit.head) {
                self.gather(machine, next.head, (tokens, qkv), &mut heads[next.head % 3]);
            }
            let total = upcoming.map_or(0, |next| next.blocks.1 - next.blocks.0);
            let steps = unit.queries.div_ceil(SIDE_BY_SIDE);
            let mut beside = |step: usize| {
                if let (0, Some((last, _))) = (step, &last) {
                    self.multiply_values(machine, last, (&heads[last.head % 3], last_shares), contexts);
                }
                if let Some(unit) = &upcoming {
                    let blocks = step * total / steps..(step + 1) * total / steps;
                    self.multiply_keys(machine, (unit, &heads[unit.head % 3]), blocks, next);
                }
            };
            let sums = self.shares(machine, &unit, (tokens.len(), now, shares), &mut beside);
            if let Some(last) = &last {
                self.write(machine, last, contexts, (tokens.start, context));
            }
            last = Some((unit, sums));
            std::mem::swap(&mut now, &mut next);
            std::mem::swap(&mut shares, &mut last_shares);
        }
        if let Some(last) = &last {
            self.multiply_values(machine, &last.0, (&heads[last.0.head % 3], last_shares), contexts);
            self.write(machine, last, contexts, (tokens.start, context));
        }
    }

    /// All queries of a sequence, head by head.
    fn units(&self, length: usize) -> impl Iterator<Item = Unit> {
        let starts = move |head| (0..length).step_by(BLOCK).map(move |first| (head, first));
        (0..self.heads.count).flat_map(starts).map(move |(head, first)| {
            let queries = BLOCK.min(length - first);
            let start = self.reach.keys(first, length).start;
            let end = self.reach.keys(first + queries - 1, length).end;
            Unit { head, first, queries, blocks: (start / BLOCK, end.div_ceil(BLOCK)) }
        })
    }

    /// The scores of a unit's queries and some of the blocks of keys that they see, counted from the first of those.
    fn multiply_keys(
        &self,
        machine: &Machine,
        (unit, tiles): (&Unit, &HeadTiles),
        blocks: Range<usize>,
        scores: &mut [Block],
    ) {
        let chunks = self.heads.size.div_ceil(WIDTH);
        let queries = tiles.queries.view().tiles(unit.first / BLOCK, &(0..chunks));
        let panels = tiles.keys.chunks_exact(chunks * BLOCK).skip(unit.blocks.0 + blocks.start);
        for (panel, scores) in panels.zip(&mut scores[blocks]) {
            machine.multiply(queries, panel, scores);
        }
    }

    /// Brings queries, keys and values of one head into the order of tiles.
    fn gather(
        &self,
        machine: &Machine,
        head: usize,
        (tokens, qkv): (&Range<usize>, &TileRows),
        tiles: &mut HeadTiles,
    ) {
        let Heads { count, key_values, size } = self.heads;
        let shared = head / (count / key_values.max(1)).max(1);
        let starts = [head, count + shared, count + key_values + shared].map(|index| index * size);
        let (chunks, halves) = (size.div_ceil(WIDTH), tokens.len().div_ceil(BLOCK) * 2);
        for (half, chunk) in (0..halves).flat_map(|half| (0..chunks).map(move |chunk| (half, chunk))) {
            let width = WIDTH.min(size - chunk * WIDTH);
            let first = half * HEIGHT;
            let read = |start: usize, lines: &mut [Line]| {
                let rows = tokens.start + first..tokens.end.min(tokens.start + first + HEIGHT);
                qkv.copy(rows, start + chunk * WIDTH..start + chunk * WIDTH + width, lines);
            };
            read(starts[0], tiles.queries.tile_mut(half, chunk));
            let mut lines = [Line::ZERO; HEIGHT];
            read(starts[1], &mut lines);
            let place = ((half / 2 * chunks + chunk) * 2 + half % 2) * HEIGHT;
            if let Some(place) = tiles.keys[place..].first_chunk_mut() {
                machine.turn(&lines, place);
            }
            read(starts[2], &mut lines);
            let place = (chunk * halves + half / 2 * 2) * HEIGHT;
            let (low, high) = tiles.values[place..place + BLOCK].split_at_mut(HEIGHT);
            let places = low.iter_mut().zip(high).skip(half % 2 * (HEIGHT / 2));
            for ([first, second], (low, high)) in lines.as_chunks::<2>().0.iter().zip(places) {
                machine.mix(first, second, [low, high]);
            }
        }
    }

    /// Turns the scores of a unit's queries into powers of e, and gives their sums. `beside` is called once for each
    /// four queries.
    fn shares(
        &self,
        machine: &Machine,
        unit: &Unit,
        (length, scores, shares): (usize, &[Block], &mut TileRows),
        beside: &mut dyn FnMut(usize),
    ) -> [f32; BLOCK] {
        let mut sums = [1.0; BLOCK];
        let (start, end) = unit.blocks;
        let scores = &scores[..end - start];
        let rows = sums[..unit.queries].chunks_mut(SIDE_BY_SIDE).enumerate();
        if self.sees_all(length) {
            for (step, sums) in rows {
                beside(step);
                machine.shares_of_all(scores, (length, self.scale), (step * SIDE_BY_SIDE, shares), sums);
            }
            return sums;
        }
        for (step, sums) in rows {
            beside(step);
            for (sum, row) in sums.iter_mut().zip(step * SIDE_BY_SIDE..) {
                let keys = self.reach.keys(unit.first + row, length);
                let bias = self.bias.and_then(|bias| bias.row(unit.head, unit.first + row, &keys));
                let seen = (keys.start - start * BLOCK, keys.end - start * BLOCK);
                let query = Query { row, scale: self.scale, seen, bias: bias.unwrap_or_default() };
                *sum = machine.shares(scores, query, shares.line_places(row).skip(start));
            }
        }
        sums
    }

    /// Whether every query sees all keys, with nothing added to scores.
    fn sees_all(&self, length: usize) -> bool {
        let ends = [self.reach.keys(0, length), self.reach.keys(length - 1, length)];
        self.bias.is_none() && self.scale > 0.0 && ends.iter().all(|keys| *keys == (0..length))
    }

    /// The sums of values by a unit's shares.
    fn multiply_values(
        &self,
        machine: &Machine,
        unit: &Unit,
        (tiles, shares): (&HeadTiles, &TileRows),
        contexts: &mut [Block],
    ) {
        let seen = unit.blocks.0..unit.blocks.1;
        let shares = shares.view().tiles(0, &seen);
        let panels = tiles.values.chunks_exact(tiles.queries.rows() * WIDTH / BLOCK);
        for (panel, block) in panels.zip(contexts) {
            machine.multiply(shares, &panel[seen.start * BLOCK..seen.end * BLOCK], block);
        }
    }

    /// Divides a unit's sums and brings them to their place.
    fn write(
        &self,
        machine: &Machine,
        (unit, sums): &(Unit, [f32; BLOCK]),
        contexts: &[Block],
        (start, context): (usize, &mut TileRows),
    ) {
        let size = self.heads.size;
        let inverse = sums.map(|sum| 1.0 / sum);
        let rows = start + unit.first..start + unit.first + unit.queries;
        for (chunk, block) in contexts.iter().enumerate().take(size.div_ceil(WIDTH)) {
            let (column, width) = (unit.head * size + chunk * WIDTH, WIDTH.min(size - chunk * WIDTH));
            if width == WIDTH && column.is_multiple_of(WIDTH) {
                let mut values = (&block.0[..], &inverse[..]);
                for lines in context.lines_mut(rows.clone(), column / WIDTH) {
                    machine.scale_and_round(values.0, values.1, lines);
                    values = (&values.0[lines.len()..], &values.1[lines.len()..]);
                }
                continue;
            }
            let mut lines = [Line::ZERO; BLOCK];
            machine.scale_and_round(&block.0, &inverse, &mut lines);
            for (row, line) in rows.clone().zip(&lines) {
                context.replace(row, column, &line.0[..width]);
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
