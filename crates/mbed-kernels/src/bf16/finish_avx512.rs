//! What becomes of a block of sums, 16 values at a time.

use std::arch::x86_64::{
    __m512, _mm512_add_ps, _mm512_cvtne2ps_pbh, _mm512_max_ps, _mm512_mul_ps, _mm512_setzero_ps,
};

use super::TileRows;
use super::finish::{Output, Place};
use super::tiles::{BLOCK, Block, Line, WIDTH};
use crate::activation::Function;
use crate::avx512::{
    gelu, gelu_tanh, load, load_some, sigmoid, store_rounded, store_some, store_words, tanh, words,
};

/// Calls `$then` with the function's form for 16 values, so that it is compiled for each.
macro_rules! with_function {
    ($function:expr, |$name:ident| $then:expr) => {
        match $function {
            Function::Identity => {
                let $name = |x: __m512| x;
                $then
            }
            Function::Gelu => {
                let $name = |x: __m512| gelu(x);
                $then
            }
            Function::GeluTanh => {
                let $name = |x: __m512| gelu_tanh(x);
                $then
            }
            Function::Relu => {
                let $name = |x: __m512| _mm512_max_ps(_mm512_setzero_ps(), x);
                $then
            }
            Function::Silu => {
                let $name = |x: __m512| _mm512_mul_ps(x, sigmoid(x));
                $then
            }
            Function::Tanh => {
                let $name = |x: __m512| tanh(x);
                $then
            }
            Function::Sigmoid => {
                let $name = |x: __m512| sigmoid(x);
                $then
            }
        }
    };
}
/// Adds the bias and brings the block to its place.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
pub(super) fn finish(block: &Block, place: Place<'_>, output: &mut Output<'_>) {
    let bias = halves(place.bias);
    match output {
        Output::Rows(rows) => {
            for (values, row) in block.0.iter().zip(place.rows(rows)) {
                put(sum(values, bias), row);
            }
        }
        Output::Sum(rows) => {
            for (values, row) in block.0.iter().zip(place.rows(rows)) {
                let [low, high] = sum(values, bias);
                let (old_low, old_high) = row.split_at(row.len().min(16));
                put([_mm512_add_ps(low, load_some(old_low)), _mm512_add_ps(high, load_some(old_high))], row);
            }
        }
        Output::Tiles(function, tiles) => {
            with_function!(*function, |function| put_tiles(block, bias, place, tiles, function));
        }
    }
}

/// Adds the bias and brings `function(first half) · second half` of the block's columns to their place.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
pub(super) fn finish_gated(block: &Block, place: Place<'_>, function: Function, tiles: &mut TileRows) {
    let bias = halves(place.bias);
    with_function!(function, |function| put_gated(block, bias, place, tiles, function));
}

/// Rounds a row into its lines.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
pub(super) fn round_row<'a>(values: &[f32], lines: impl Iterator<Item = &'a mut Line>) {
    for (values, line) in values.chunks(WIDTH).zip(lines) {
        let (low, high) = values.split_at(values.len().min(16));
        round([load_some(low), load_some(high)], line);
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
fn put_tiles(
    block: &Block,
    bias: [__m512; 2],
    place: Place<'_>,
    tiles: &mut TileRows,
    function: impl Fn(__m512) -> __m512,
) {
    for (values, line) in block.0.iter().zip(tiles.block_mut(place.row / BLOCK, place.panel)) {
        let [low, high] = sum(values, bias);
        round([function(low), function(high)], line);
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
fn put_gated(
    block: &Block,
    bias: [__m512; 2],
    place: Place<'_>,
    tiles: &mut TileRows,
    function: impl Fn(__m512) -> __m512,
) {
    for (values, line) in block.0.iter().zip(tiles.block_mut(place.row / BLOCK, place.panel / 2)) {
        let [gate, up] = sum(values, bias);
        let product = _mm512_mul_ps(function(gate), up);
        store_rounded(&mut line.0.as_chunks_mut().0[place.panel % 2], product);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn halves(values: &[f32; BLOCK]) -> [__m512; 2] {
    let (halves, _) = values.as_chunks();
    [load(&halves[0]), load(&halves[1])]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn sum(values: &[f32; BLOCK], bias: [__m512; 2]) -> [__m512; 2] {
    let [low, high] = halves(values);
    [_mm512_add_ps(low, bias[0]), _mm512_add_ps(high, bias[1])]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn put([low, high]: [__m512; 2], row: &mut [f32]) {
    let (low_places, high_places) = row.split_at_mut(row.len().min(16));
    store_some(low_places, low);
    store_some(high_places, high);
}

#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn round([low, high]: [__m512; 2], line: &mut Line) {
    store_words(&mut line.0, words(_mm512_cvtne2ps_pbh(high, low)));
}
