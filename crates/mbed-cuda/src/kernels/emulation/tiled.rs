//! `attention_tiles.cu`, line by line.

use super::problem::{Problem, Table};
use super::warp::{LANES, Pair, combine, load_matrices, load_transposed, multiply_add_8, multiply_add_16};

/// Which instructions multiply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tensor {
    Turing,
    Ampere,
}

/// The kernel for a shape.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kernel<'a> {
    pub(super) problem: &'a Problem,
    pub(super) warps: usize,
    pub(super) tensor: Tensor,
}

/// A warp's registers.
struct Walk {
    queries: Vec<[[Pair; 4]; LANES]>,
    sums: Vec<[[f32; 4]; LANES]>,
    top: [[f32; 2]; LANES],
    total: [[f32; 2]; LANES],
}

/// What a block knows of its sequence.
#[derive(Clone, Copy)]
struct Block {
    head: usize,
    /// The sequence's first token in the batch.
    sequence: usize,
    length: i32,
    /// Columns of keys and of values in a row.
    key: usize,
    value: usize,
}

/// Keys or values in shared memory.
type Shared = Vec<f32>;

impl Kernel<'_> {
    const fn keys(&self) -> usize {
        if self.problem.head_size <= 64 { 64 } else { 32 }
    }

    const fn stride(&self) -> usize {
        self.problem.head_size + 8
    }

    /// One block, whose index in y is `head`.
    pub(super) fn attend(&self, tile: [i32; 2], head: usize, context: &mut [f32]) {
        let [sequence, tile_query] = tile;
        let Ok(sequence) = usize::try_from(sequence) else { return };
        let problem = self.problem;
        let offsets = problem.offsets();
        let key_head = problem.heads + head / (problem.heads / problem.key_value_heads);
        let key = key_head * problem.head_size;
        let block = Block {
            head,
            sequence: offsets[sequence],
            length: int(offsets[sequence + 1] - offsets[sequence]),
            key,
            value: key + problem.key_value_heads * problem.head_size,
        };
        let (before, after) = reach(problem);
        let keys = int(self.keys());
        let rows = int(16 * self.warps);
        let last = (tile_query + rows).min(block.length) - 1;
        let begin = (tile_query - before).max(0) / keys * keys;
        let end = block.length.min(last + after + 1);
        let mut walks: Vec<_> =
            (0..self.warps).map(|warp| self.begin(block, tile_query + int(warp) * 16)).collect();
        let mut first = begin;
        while first < end {
            let needed = keys.min((end - first + 15) / 16 * 16);
            let shared = [block.key, block.value].map(|column| self.fetch(block, column, first, needed));
            let all_see = first + keys <= block.length
                && first >= last - before
                && first + keys - 1 <= tile_query + after
                && tile_query + rows <= block.length;
            for (warp, walk) in walks.iter_mut().enumerate() {
                let query = tile_query + int(warp) * 16;
                if query < block.length {
                    let mut scores = self.score(walk, &shared[0], needed);
                    self.weigh(walk, &mut scores, (block, query, first), all_see);
                    self.gather(walk, &scores, &shared[1], needed);
                }
            }
            first += keys;
        }
        for (warp, walk) in walks.iter().enumerate() {
            self.finish(walk, block, tile_query + int(warp) * 16, context);
        }
    }

    fn begin(&self, block: Block, query: i32) -> Walk {
        let problem = self.problem;
        let value = |token: i32, column: usize| {
            if token >= block.length {
                return 0.0;
            }
            let row = (block.sequence + size(token)) * problem.row();
            problem.qkv[row + block.head * problem.head_size + column]
        };
        let queries = (0..problem.head_size / 16).map(|step| {
            std::array::from_fn(|lane| {
                std::array::from_fn(|part| {
                    let token = query + int(lane / 4 + part % 2 * 8);
                    let column = step * 16 + lane % 4 * 2 + part / 2 * 8;
                    [value(token, column), value(token, column + 1)]
                })
            })
        });
        Walk {
            queries: queries.collect(),
            sums: vec![[[0.0; 4]; LANES]; problem.head_size / 8],
            top: [[f32::NEG_INFINITY; 2]; LANES],
            total: [[0.0; 2]; LANES],
        }
    }

    fn fetch(&self, block: Block, from: usize, first: i32, needed: i32) -> Shared {
        let problem = self.problem;
        let pieces = problem.head_size / 8;
        let mut shared = vec![f32::NAN; self.keys() * self.stride()];
        // Threads take every so manieth index; all of them together take each once.
        for index in 0..size(needed) * pieces {
            let (token, column) = (index / pieces, index % pieces * 8);
            let present = first + int(token) < block.length;
            let source = if present { size(first) + token } else { 0 };
            let place = (block.sequence + source) * problem.row() + from + column;
            for i in 0..8 {
                shared[token * self.stride() + column + i] =
                    if present { problem.qkv[place + i] } else { 0.0 };
            }
        }
        shared
    }

    fn score(&self, walk: &Walk, keys: &Shared, needed: i32) -> Vec<[[f32; 4]; LANES]> {
        let mut scores = vec![[[0.0; 4]; LANES]; self.keys() / 8];
        for (eight, scores) in scores.iter_mut().enumerate() {
            if int(eight * 8) >= needed {
                continue;
            }
            for step in 0..self.problem.head_size / 32 {
                let places = std::array::from_fn(|lane| {
                    (eight * 8 + lane % 8) * self.stride() + step * 32 + lane / 8 * 8
                });
                let right = load_matrices(keys, places);
                self.multiply_add(scores, &walk.queries[2 * step], &right.map(|[a, b, _, _]| [a, b]));
                self.multiply_add(scores, &walk.queries[2 * step + 1], &right.map(|[_, _, a, b]| [a, b]));
            }
        }
        scores
    }

    fn weigh(
        &self,
        walk: &mut Walk,
        scores: &mut [[[f32; 4]; LANES]],
        (block, query, first): (Block, i32, i32),
        all_see: bool,
    ) {
        let mut tops = walk.top;
        for (eight, scores) in scores.iter_mut().enumerate() {
            for (lane, scores) in scores.iter_mut().enumerate() {
                for (i, score) in scores.iter_mut().enumerate() {
                    let own_query = query + int(lane / 4 + i / 2 * 8);
                    let key = first + int(eight * 8 + lane % 4 * 2 + i % 2);
                    *score = self.weighed(*score, block, (own_query, key), all_see);
                    tops[lane][i / 2] = tops[lane][i / 2].max(*score);
                }
            }
        }
        for half in 0..2 {
            let mut new_tops: [f32; LANES] = std::array::from_fn(|lane| tops[lane][half]);
            combine(&mut new_tops, 1, f32::max);
            combine(&mut new_tops, 2, f32::max);
            for lane in 0..LANES {
                let base = if new_tops[lane] == f32::NEG_INFINITY { 0.0 } else { new_tops[lane] };
                let factor = (walk.top[lane][half] - base).exp2();
                tops[lane][half] = base;
                walk.top[lane][half] = new_tops[lane];
                walk.total[lane][half] *= factor;
                for sums in &mut walk.sums {
                    sums[lane][2 * half] *= factor;
                    sums[lane][2 * half + 1] *= factor;
                }
            }
        }
        for scores in scores.iter_mut() {
            for (lane, scores) in scores.iter_mut().enumerate() {
                for (i, score) in scores.iter_mut().enumerate() {
                    *score = (*score - tops[lane][i / 2]).exp2();
                    walk.total[lane][i / 2] += *score;
                }
            }
        }
    }

    fn weighed(&self, score: f32, block: Block, (query, key): (i32, i32), all_see: bool) -> f32 {
        let problem = self.problem;
        if !all_see && !sees(problem, query, key, block.length) {
            return f32::NEG_INFINITY;
        }
        let has_bias = !matches!(problem.table, Table::None) && query < block.length;
        let bias = if has_bias { problem.bias(block.head, query, key) } else { 0.0 };
        (score * problem.scale + bias) * std::f32::consts::LOG2_E
    }

    fn gather(&self, walk: &mut Walk, shares: &[[[f32; 4]; LANES]], values: &Shared, needed: i32) {
        for (sixteen, shares) in shares.as_chunks::<2>().0.iter().enumerate() {
            if int(sixteen * 16) >= needed {
                continue;
            }
            let left: [[Pair; 4]; LANES] = std::array::from_fn(|lane| {
                let ([a, b, c, d], [e, f, g, h]) = (shares[0][lane], shares[1][lane]);
                [[a, b], [c, d], [e, f], [g, h]]
            });
            for step in 0..self.problem.head_size / 16 {
                let places = std::array::from_fn(|lane| {
                    (sixteen * 16 + lane % 16) * self.stride() + step * 16 + lane / 16 * 8
                });
                let right = load_transposed(values, places);
                self.multiply_add(&mut walk.sums[2 * step], &left, &right.map(|[a, b, _, _]| [a, b]));
                self.multiply_add(&mut walk.sums[2 * step + 1], &left, &right.map(|[_, _, a, b]| [a, b]));
            }
        }
    }

    fn finish(&self, walk: &Walk, block: Block, query: i32, context: &mut [f32]) {
        let problem = self.problem;
        let row = problem.heads * problem.head_size;
        for half in 0..2 {
            let mut whole: [f32; LANES] = std::array::from_fn(|lane| walk.total[lane][half]);
            combine(&mut whole, 1, |a, b| a + b);
            combine(&mut whole, 2, |a, b| a + b);
            for (lane, whole) in whole.into_iter().enumerate() {
                let token = query + int(lane / 4 + half * 8);
                let factor = if whole > 0.0 { 1.0 / whole } else { 0.0 };
                if token >= block.length {
                    continue;
                }
                let start = (block.sequence + size(token)) * row + block.head * problem.head_size;
                for (step, sums) in walk.sums.iter().enumerate() {
                    // The kernel counts in registers of two values: `step * 4` of them.
                    let place = start + lane % 4 * 2 + step * 4 * 2;
                    context[place] = sums[lane][2 * half] * factor;
                    context[place + 1] = sums[lane][2 * half + 1] * factor;
                }
            }
        }
    }

    fn multiply_add(
        &self,
        sums: &mut [[f32; 4]; LANES],
        left: &[[Pair; 4]; LANES],
        right: &[[Pair; 2]; LANES],
    ) {
        match self.tensor {
            Tensor::Ampere => multiply_add_16(sums, left, right),
            Tensor::Turing => {
                multiply_add_8(sums, &left.map(|[a, b, _, _]| [a, b]), &right.map(|[low, _]| low));
                multiply_add_8(sums, &left.map(|[_, _, a, b]| [a, b]), &right.map(|[_, high]| high));
            }
        }
    }
}

/// How far a token sees, as a launch says it.
pub(super) fn reach(problem: &Problem) -> (i32, i32) {
    let limit = |tokens: usize| int(tokens.min((1 << 29) - 1));
    (limit(problem.reach.before), limit(problem.reach.after))
}

pub(super) fn sees(problem: &Problem, query: i32, key: i32, length: i32) -> bool {
    let (before, after) = reach(problem);
    key < length && key >= query - before && key <= query + after
}

pub(super) fn int(value: usize) -> i32 {
    i32::try_from(value).unwrap()
}

pub(super) fn size(value: i32) -> usize {
    usize::try_from(value).unwrap()
}
