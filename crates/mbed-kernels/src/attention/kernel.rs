//! Attention of one sequence in binary32: a few queries of a head against all keys within reach, while keys, values and
//! scores are in the cache.

#![expect(
    clippy::needless_range_loop,
    reason = "loops over rows and registers go over constant ranges: then all sums stay in registers"
)]

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::softmax::{limit, softmax};
use super::{Attention, AttentionRoom, Heads};
use crate::gemm::{LINE, Sums, accumulate, store_row};

/// Steps of products at a time; heads have as many values, or a multiple.
const CHUNK: usize = 32;

pub(super) struct Attend<'a> {
    pub(super) attention: &'a Attention<'a>,
    pub(super) length: usize,
    pub(super) qkv: &'a [f32],
    pub(super) context: &'a mut [f32],
    pub(super) room: &'a mut AttentionRoom,
}

impl WithSimd for Attend<'_> {
    type Output = ();

    /// Queries at a time, registers of sums, and lines of a panel; see `room::Shape`, which says the same.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            LINE => self.run::<S, 12, 2, 2>(simd),
            8 => self.run::<S, 6, 2, 1>(simd),
            _ => self.run::<S, 3, 4, 1>(simd),
        }
    }
}

/// Some queries of a head.
struct Queries {
    head: usize,
    first: usize,
    count: usize,
    /// What they see between them.
    keys: Range<usize>,
}

impl Attend<'_> {
    #[inline(always)]
    fn run<S: Simd, const ROWS: usize, const REGISTERS: usize, const LINES: usize>(mut self, simd: S) {
        let Heads { count, key_values, .. } = self.attention.heads;
        let shared = (count / key_values.max(1)).max(1);
        for head in 0..count {
            if head % shared == 0 {
                self.pack_keys::<LINES>(head / shared);
                self.pack_values::<LINES>(head / shared);
            }
            for first in (0..self.length).step_by(ROWS) {
                let last = self.length.min(first + ROWS) - 1;
                let reach = self.attention.reach;
                let keys = reach.keys(first, self.length).start..reach.keys(last, self.length).end;
                let queries = Queries { head, first, count: last + 1 - first, keys };
                self.attend::<S, ROWS, REGISTERS, LINES>(simd, &queries);
            }
        }
    }

    /// A token's part of `qkv` that starts at head `head`, queries, keys and values counted through.
    #[inline(always)]
    fn part(&self, token: usize, head: usize) -> &[f32] {
        let Heads { size, .. } = self.attention.heads;
        &self.qkv[token * self.attention.heads.row() + head * size..][..size]
    }

    /// Turns the keys of a head, so that a line has one value of 16 keys.
    #[inline(always)]
    fn pack_keys<const LINES: usize>(&mut self, head: usize) {
        let Heads { count, size, .. } = self.attention.heads;
        for first in (0..self.length).step_by(LINE) {
            let panel = first / (LINES * LINE) * LINES * size + first / LINE % LINES;
            for (lane, token) in (first..self.length.min(first + LINE)).enumerate() {
                let start = token * self.attention.heads.row() + (count + head) * size;
                let places = self.room.keys[panel..].iter_mut().step_by(LINES);
                for (line, &value) in places.zip(&self.qkv[start..start + size]) {
                    line.0[lane] = value;
                }
            }
        }
    }

    #[inline(always)]
    fn pack_values<const LINES: usize>(&mut self, head: usize) {
        let Heads { count, key_values, size } = self.attention.heads;
        for token in 0..self.length {
            let start = token * self.attention.heads.row() + (count + key_values + head) * size;
            for (index, values) in self.qkv[start..start + size].chunks(LINE).enumerate() {
                let panel = index / LINES * self.length * LINES + index % LINES;
                let place = &mut self.room.values[panel + token * LINES].0;
                match <&[f32; LINE]>::try_from(values) {
                    Ok(values) => *place = *values,
                    Err(_short) => place[..values.len()].copy_from_slice(values),
                }
            }
        }
    }

    #[inline(always)]
    fn attend<S: Simd, const ROWS: usize, const REGISTERS: usize, const LINES: usize>(
        &mut self,
        simd: S,
        queries: &Queries,
    ) {
        let (width, keys) = (LINES * LINE, &queries.keys);
        let panels = keys.start / width..keys.end.div_ceil(width);
        self.score::<S, ROWS, REGISTERS, LINES>(simd, queries, panels.clone());
        let stride = self.length.div_ceil(width) * LINES;
        let mut inverse = [0.0; ROWS];
        for row in 0..queries.count {
            let (attention, query) = (self.attention, queries.first + row);
            let seen = attention.reach.keys(query, self.length);
            let bias = attention.bias.and_then(|bias| bias.row(queries.head, query, &seen));
            let row_scores =
                &mut self.room.scores[row * stride + panels.start * LINES..row * stride + panels.end * LINES];
            limit(row_scores, panels.start * width, &seen, bias.unwrap_or_default());
            inverse[row] = softmax(simd, row_scores);
        }
        self.mix::<S, ROWS, REGISTERS, LINES>(simd, queries, &inverse);
    }

    /// The scores of the keys in `panels`. Where there are fewer than `ROWS` queries, the last one stands for the others.
    #[inline(always)]
    fn score<S: Simd, const ROWS: usize, const REGISTERS: usize, const LINES: usize>(
        &mut self,
        simd: S,
        queries: &Queries,
        panels: Range<usize>,
    ) {
        let (size, stride) = (self.attention.heads.size, self.length.div_ceil(LINES * LINE) * LINES);
        let scale = simd.splat_f32s(self.attention.scale);
        for panel in panels {
            let mut rows = [&[][..]; ROWS];
            for row in 0..ROWS {
                rows[row] = self.part(queries.first + row.min(queries.count - 1), queries.head);
            }
            let lines = &self.room.keys[panel * size * LINES..(panel + 1) * size * LINES];
            let mut sums: Sums<S, ROWS, REGISTERS> = [[simd.splat_f32s(0.0); REGISTERS]; ROWS];
            accumulate::<S, ROWS, REGISTERS, LINES, CHUNK>(simd, rows, lines, &mut sums);
            for row in 0..ROWS {
                let places = &mut self.room.scores[row * stride + panel * LINES..][..LINES];
                let in_line = LINE / S::F32_LANES;
                for register in 0..REGISTERS {
                    let line = S::as_mut_simd_f32s(&mut places[register / in_line]).0;
                    line[register % in_line] = simd.mul_f32s(sums[row][register], scale);
                }
            }
        }
    }

    /// The contexts: values mixed by shares.
    #[inline(always)]
    fn mix<S: Simd, const ROWS: usize, const REGISTERS: usize, const LINES: usize>(
        &mut self,
        simd: S,
        queries: &Queries,
        inverse: &[f32; ROWS],
    ) {
        let (size, width) = (self.attention.heads.size, self.attention.heads.query_width());
        let (stride, keys) = (self.length.div_ceil(LINES * LINE) * LINES, &queries.keys);
        // From a line's start on, so that shares can be taken from whole lines.
        let first = keys.start / LINE * LINE;
        for panel in 0..size.div_ceil(LINES * LINE) {
            let mut rows = [&[][..]; ROWS];
            for row in 0..ROWS {
                rows[row] = self.room.scores[row * stride + first / LINE..(row + 1) * stride].as_flattened();
            }
            let start = panel * self.length;
            let lines = &self.room.values[(start + first) * LINES..(start + keys.end) * LINES];
            let mut sums: Sums<S, ROWS, REGISTERS> = [[simd.splat_f32s(0.0); REGISTERS]; ROWS];
            accumulate::<S, ROWS, REGISTERS, LINES, CHUNK>(simd, rows, lines, &mut sums);
            let columns = panel * LINES * LINE..size.min((panel + 1) * LINES * LINE);
            for row in 0..queries.count {
                let (mut values, factor) = (sums[row], simd.splat_f32s(inverse[row]));
                for register in 0..REGISTERS {
                    values[register] = simd.mul_f32s(values[register], factor);
                }
                let place = (queries.first + row) * width + queries.head * size;
                let places = &mut self.context[place + columns.start..place + columns.end];
                store_row(simd, places, values);
            }
        }
    }
}
