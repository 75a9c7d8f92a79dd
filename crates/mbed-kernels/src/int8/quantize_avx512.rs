//! Values to bytes, 64 at a time.

use std::arch::x86_64::{
    __m512, __m512i, _mm512_and_si512, _mm512_castps_si512, _mm512_castsi256_si512, _mm512_castsi512_ps,
    _mm512_cvtepi32_epi16, _mm512_cvtps_epi32, _mm512_inserti64x4, _mm512_max_epu16, _mm512_max_epu32,
    _mm512_mul_ps, _mm512_or_si512, _mm512_packs_epi16, _mm512_packs_epi32, _mm512_permutexvar_epi32,
    _mm512_reduce_max_epu32, _mm512_set1_epi16, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_si512,
    _mm512_slli_epi32, _mm512_srli_epi32,
};

use super::quantize::Facts;
use crate::avx512::{LANES, load_integers, load_some, load_words, store_words};
use crate::bf16::tiles::{HEIGHT, Line, WIDTH};

/// Where the four bytes of each group of a packed register go: `_mm512_packs_epi32` and `_mm512_packs_epi16` work
/// within quarters of a register.
static ORDER: [i32; LANES] = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];

/// As `quantize::quantize`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn quantize<'a>(values: &[f32], lines: impl Iterator<Item = &'a mut Line>) -> Facts {
    let magnitude = _mm512_set1_epi32(0x7FFF_FFFF);
    let mut largest = [_mm512_setzero_si512(); 4];
    for values in values.chunks(4 * LANES) {
        for (quarter, largest) in largest.iter_mut().enumerate() {
            let bits = _mm512_castps_si512(quarter_of(values, quarter));
            *largest = _mm512_max_epu32(*largest, _mm512_and_si512(bits, magnitude));
        }
    }
    let [a, b, c, d] = largest;
    let largest = _mm512_max_epu32(_mm512_max_epu32(a, b), _mm512_max_epu32(c, d));
    let facts = Facts::of_bits(_mm512_reduce_max_epu32(largest));
    let (inverse, order) = (_mm512_set1_ps(facts.inverse), load_integers(&ORDER));
    for (values, line) in values.chunks(2 * WIDTH).zip(lines) {
        let [a, b, c, d] = [0, 1, 2, 3]
            .map(|quarter| _mm512_cvtps_epi32(_mm512_mul_ps(quarter_of(values, quarter), inverse)));
        let bytes = _mm512_packs_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
        store_words(&mut line.0, _mm512_permutexvar_epi32(order, bytes));
    }
    facts
}

/// As `quantize::quantize_words`. Lines of a row lie far apart, all in a few sets of the first-level cache; those of 16
/// rows lie side by side, so the rows of a tile go together.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn quantize_words<'a, 'b>(
    words: impl Iterator<Item = &'b [Line; HEIGHT]> + Clone,
    tiles: impl Iterator<Item = &'a mut [Line; HEIGHT]>,
    scales: &mut [f32; HEIGHT],
) {
    let magnitude = _mm512_set1_epi16(0x7FFF);
    let mut largest = [_mm512_setzero_si512(); HEIGHT];
    for tile in words.clone() {
        for (line, largest) in tile.iter().zip(&mut largest) {
            *largest = _mm512_max_epu16(*largest, _mm512_and_si512(load_words(&line.0), magnitude));
        }
    }
    let mut inverses = [0.0; HEIGHT];
    for ((largest, inverse), scale) in largest.into_iter().zip(&mut inverses).zip(scales) {
        let upper = _mm512_srli_epi32::<16>(largest);
        let lower = _mm512_and_si512(largest, _mm512_set1_epi32(0xFFFF));
        let facts = Facts::of_bits(_mm512_reduce_max_epu32(_mm512_max_epu32(upper, lower)) << 16);
        (*inverse, *scale) = (facts.inverse, facts.scale);
    }
    let mut words = words;
    for tile in tiles {
        let (first, second) = (words.next(), words.next());
        for (row, (line, &inverse)) in tile.iter_mut().zip(&inverses).enumerate() {
            let inverse = _mm512_set1_ps(inverse);
            let bytes = [first, second].map(|tile| {
                let words = tile.map_or(_mm512_setzero_si512(), |tile| bytes_of(&tile[row].0, inverse));
                _mm512_cvtepi32_epi16(words)
            });
            store_words(&mut line.0, _mm512_inserti64x4::<1>(_mm512_castsi256_si512(bytes[0]), bytes[1]));
        }
    }
}

/// Two bytes in the low half of each 32 bits.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn bytes_of(words: &[u16; WIDTH], inverse: __m512) -> __m512i {
    let words = load_words(words);
    let even = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(words));
    let odd = _mm512_castsi512_ps(_mm512_and_si512(words, _mm512_set1_epi32(0xFFFF_0000_u32.cast_signed())));
    let [even, odd] = [even, odd].map(|values| _mm512_cvtps_epi32(_mm512_mul_ps(values, inverse)));
    _mm512_or_si512(_mm512_and_si512(even, _mm512_set1_epi32(0xFF)), _mm512_slli_epi32::<8>(odd))
}

/// 16 of up to 64 values, zeros where there are none.
#[inline]
#[target_feature(enable = "avx512f")]
fn quarter_of(values: &[f32], quarter: usize) -> __m512 {
    load_some(values.get(quarter * LANES..).unwrap_or_default())
}
