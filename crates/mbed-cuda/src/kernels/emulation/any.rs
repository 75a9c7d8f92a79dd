//! `attention_any.cu`, line by line.

use super::problem::Problem;
use super::tiled::{int, reach, sees, size};

const THREADS: usize = 128;
const COLUMNS_OF_THREAD: usize = 32;

/// The kernel for a shape.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kernel<'a> {
    pub(super) problem: &'a Problem,
    pub(super) tile: usize,
}

/// A thread's registers.
#[derive(Clone)]
struct Thread {
    sums: [f32; COLUMNS_OF_THREAD],
    scores: Vec<f32>,
    top: f32,
    total: f32,
    factor: f32,
    base: f32,
}

impl Kernel<'_> {
    const fn parts(&self) -> usize {
        THREADS / self.tile
    }

    /// One block, whose index in y is `head`.
    pub(super) fn attend(&self, [sequence, tile_query]: [i32; 2], head: usize, context: &mut [f32]) {
        let Ok(sequence) = usize::try_from(sequence) else { return };
        let problem = self.problem;
        let (head_size, padded) = (problem.head_size, problem.head_size + 1);
        let offsets = problem.offsets();
        let (start, length) = (offsets[sequence], int(offsets[sequence + 1] - offsets[sequence]));
        let key_head = problem.heads + head / (problem.heads / problem.key_value_heads);
        let (key, value) = (key_head * head_size, (key_head + problem.key_value_heads) * head_size);
        let (before, after) = reach(problem);
        let tile = int(self.tile);
        let begin = (tile_query - before).max(0) / tile * tile;
        let end = length.min((tile_query + tile).min(length) + after);
        let fresh = Thread {
            sums: [0.0; COLUMNS_OF_THREAD],
            scores: Vec::new(),
            top: f32::NEG_INFINITY,
            total: 0.0,
            factor: 0.0,
            base: 0.0,
        };
        let mut threads = vec![fresh; THREADS];
        let fetch = |column: usize, first: i32| self.fetch((start, length), column, first);
        let queries = fetch(head * head_size, tile_query);
        let mut first = begin;
        while first < end {
            let keys = fetch(key, first);
            for (index, thread) in threads.iter_mut().enumerate() {
                let (own, part) = (index / self.parts(), index % self.parts());
                self.score(thread, &queries[own * padded..], (part, &keys));
                let places = (head, tile_query + int(own), first + int(part));
                self.mask(thread, places, length);
            }
            self.share_tops(&mut threads);
            let mut shares = vec![f32::NAN; self.tile * (self.tile + 1)];
            for (index, thread) in threads.iter_mut().enumerate() {
                let (own, part) = (index / self.parts(), index % self.parts());
                for (i, &score) in thread.scores.iter().enumerate() {
                    let share = (score - thread.base).exp();
                    thread.total += share;
                    shares[own * (self.tile + 1) + part + i * self.parts()] = share;
                }
            }
            let values = fetch(value, first);
            for (index, thread) in threads.iter_mut().enumerate() {
                let (own, part) = (index / self.parts(), index % self.parts());
                self.gather(thread, &shares[own * (self.tile + 1)..], (part, &values));
            }
            first += tile;
        }
        self.finish(&threads, (head, tile_query), (start, length), context);
    }

    fn fetch(&self, (start, length): (usize, i32), from: usize, first: i32) -> Vec<f32> {
        let problem = self.problem;
        let padded = problem.head_size + 1;
        let mut room = vec![f32::NAN; self.tile * padded];
        for index in 0..self.tile * problem.head_size {
            let (token, column) = (index / problem.head_size, index % problem.head_size);
            let present = first + int(token) < length;
            let place = (start + size(first) + token) * problem.row() + from + column;
            room[token * padded + column] = if present { problem.qkv[place] } else { 0.0 };
        }
        room
    }

    fn score(&self, thread: &mut Thread, query: &[f32], (part, keys): (usize, &[f32])) {
        let padded = self.problem.head_size + 1;
        let scores = (0..self.tile / self.parts()).map(|i| {
            let key = &keys[(part + i * self.parts()) * padded..];
            query.iter().zip(key).take(self.problem.head_size).map(|(a, b)| a * b).sum()
        });
        thread.scores = scores.collect();
    }

    fn mask(&self, thread: &mut Thread, (head, query, first): (usize, i32, i32), length: i32) {
        let problem = self.problem;
        for (i, score) in thread.scores.iter_mut().enumerate() {
            let key = first + int(i * self.parts());
            let seen = query < length && sees(problem, query, key, length);
            *score = if seen {
                *score * problem.scale + problem.bias(head, query, key)
            } else {
                f32::NEG_INFINITY
            };
        }
    }

    /// The largest score over the threads of a query, by shuffles within warps.
    fn share_tops(&self, threads: &mut [Thread]) {
        let own = |thread: &Thread| thread.scores.iter().copied().fold(thread.top, f32::max);
        let mut tops: Vec<f32> = threads.iter().map(own).collect();
        let mut distance = self.parts() / 2;
        while distance > 0 {
            let old = tops.clone();
            for (index, top) in tops.iter_mut().enumerate() {
                // Lanes of one warp: the exclusive or never leaves it.
                *top = top.max(old[index ^ distance]);
            }
            distance /= 2;
        }
        for (thread, top) in threads.iter_mut().zip(tops) {
            thread.base = if top == f32::NEG_INFINITY { 0.0 } else { top };
            thread.factor = (thread.top - thread.base).exp();
            thread.top = top;
            thread.total *= thread.factor;
        }
    }

    fn gather(&self, thread: &mut Thread, shares: &[f32], (part, values): (usize, &[f32])) {
        let head_size = self.problem.head_size;
        for sum in &mut thread.sums {
            *sum *= thread.factor;
        }
        for (key, &share) in shares.iter().enumerate().take(self.tile) {
            for (i, sum) in thread.sums.iter_mut().enumerate() {
                let column = part + i * self.parts();
                if column < head_size {
                    *sum += share * values[key * (head_size + 1) + column];
                }
            }
        }
    }

    fn finish(
        &self,
        threads: &[Thread],
        (head, tile_query): (usize, i32),
        (start, length): (usize, i32),
        context: &mut [f32],
    ) {
        let problem = self.problem;
        let row = problem.heads * problem.head_size;
        for (own, threads) in threads.chunks_exact(self.parts()).enumerate() {
            let query = tile_query + int(own);
            if query >= length {
                continue;
            }
            let total: f32 = threads.iter().map(|thread| thread.total).sum();
            let place = (start + size(query)) * row + head * problem.head_size;
            for (part, thread) in threads.iter().enumerate() {
                let columns = (part..problem.head_size).step_by(self.parts());
                for (column, sum) in columns.zip(&thread.sums) {
                    context[place + column] = sum / total;
                }
            }
        }
    }
}
