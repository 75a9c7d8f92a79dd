//! Blocks by plain loops: the truth.

use super::TileRows;
use super::attention::Query;
use super::finish::{Output, Place};
use super::tiles::{BLOCK, Block, HEIGHT, Line, WIDTH, from_bf16, to_bf16};
use crate::activation::{Function, exp};

/// `block = a · b`; the layout is that of `amx::Tiles::multiply`.
pub(super) fn multiply(a: &[Line], b: &[Line], block: &mut Block) {
    *block = Block::ZERO;
    for (a, b) in a.chunks_exact(BLOCK).zip(b.chunks_exact(2 * HEIGHT)) {
        for (a, row) in a.iter().zip(&mut block.0) {
            for (column, sum) in row.iter_mut().enumerate() {
                add_products(a, b, column, sum);
            }
        }
    }
}

/// Adds the products of a row and a column of two tiles side by side.
fn add_products(row: &Line, tiles: &[Line], column: usize, sum: &mut f32) {
    let (tile, place) = (column / HEIGHT, 2 * (column % HEIGHT));
    let columns = &tiles[tile * HEIGHT..(tile + 1) * HEIGHT];
    for (pair, line) in row.0.as_chunks::<2>().0.iter().zip(columns) {
        for (&left, &right) in pair.iter().zip(&line.0[place..]) {
            *sum += from_bf16(left) * from_bf16(right);
        }
    }
}

/// Adds the bias and brings the block to its place.
pub(super) fn finish(block: &mut Block, place: Place<'_>, output: &mut Output<'_>) {
    for row in &mut block.0 {
        for (value, bias) in row.iter_mut().zip(place.bias) {
            *value += bias;
        }
    }
    match output {
        Output::Rows(rows) => {
            for (values, row) in block.0.iter().zip(place.rows(rows)) {
                row.copy_from_slice(&values[..row.len()]);
            }
        }
        Output::Sum(rows) => {
            for (values, row) in block.0.iter().zip(place.rows(rows)) {
                for (value, added) in row.iter_mut().zip(values) {
                    *value += added;
                }
            }
        }
        Output::Tiles(function, tiles) => {
            for (values, line) in block.0.iter_mut().zip(tiles.block_mut(place.row / BLOCK, place.panel)) {
                function.apply(values);
                line.0 = values.map(to_bf16);
            }
        }
    }
}

/// Adds the bias and brings `function(first half) · second half` of the block's columns to their place.
pub(super) fn finish_gated(block: &mut Block, place: Place<'_>, function: Function, tiles: &mut TileRows) {
    for (row, line) in block.0.iter_mut().zip(tiles.block_mut(place.row / BLOCK, place.panel / 2)) {
        for (value, bias) in row.iter_mut().zip(place.bias) {
            *value += bias;
        }
        let (gate, up) = row.split_at_mut(BLOCK / 2);
        function.apply(gate);
        let places = &mut line.0[place.panel % 2 * (WIDTH / 2)..];
        for (value, (gate, up)) in places.iter_mut().zip(gate.iter().zip(up.iter())) {
            *value = to_bf16(gate * up);
        }
    }
}

/// Rounds a row into its lines.
pub(super) fn round_row<'a>(values: &[f32], lines: impl Iterator<Item = &'a mut Line>) {
    for (values, line) in values.chunks(WIDTH).zip(lines) {
        for (&value, place) in values.iter().zip(&mut line.0) {
            *place = to_bf16(value);
        }
    }
}

/// Turns a query's scores into powers of e, the largest 1, and gives their sum; 0 for keys that are not seen.
pub(super) fn shares<'a>(
    scores: &[Block],
    query: Query<'_>,
    lines: impl Iterator<Item = &'a mut Line>,
) -> f32 {
    let score = |key: usize| {
        let bias = key.checked_sub(query.seen.0).and_then(|place| query.bias.get(place));
        scores[key / BLOCK].0[query.row][key % BLOCK] * query.scale + bias.copied().unwrap_or(0.0)
    };
    let seen = query.seen.0..query.seen.1;
    let largest = seen.clone().map(score).fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for (line, first) in lines.zip((0..scores.len() * BLOCK).step_by(BLOCK)) {
        for (value, key) in line.0.iter_mut().zip(first..) {
            let share = if seen.contains(&key) { exp(score(key) - largest) } else { 0.0 };
            sum += share;
            *value = to_bf16(share);
        }
    }
    sum
}

/// Multiplies each row by its factor and rounds it into its line.
pub(super) fn scale_and_round(rows: &[[f32; BLOCK]], factors: &[f32], lines: &mut [Line]) {
    for ((row, factor), line) in rows.iter().zip(factors).zip(lines) {
        line.0 = row.map(|value| to_bf16(value * factor));
    }
}

/// Turns 16 lines of 16 pairs each: line `i` of the result has pair `i` of every line.
pub(super) fn turn(lines: &[Line; HEIGHT], tile: &mut [Line; HEIGHT]) {
    for (column, line) in lines.iter().enumerate() {
        for (pair, place) in line.0.as_chunks::<2>().0.iter().zip(tile.iter_mut()) {
            place.0.as_chunks_mut().0[column] = *pair;
        }
    }
}

/// Takes values of two lines by turns: those of the first halves, then those of the second.
pub(super) fn mix(first: &Line, second: &Line, [low, high]: [&mut Line; 2]) {
    let places = low.0.as_chunks_mut::<2>().0.iter_mut().chain(high.0.as_chunks_mut::<2>().0);
    for (place, (&first, &second)) in places.zip(first.0.iter().zip(&second.0)) {
        *place = [first, second];
    }
}
