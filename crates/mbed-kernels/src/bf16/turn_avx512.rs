//! Tiles turned and mixed, a line at a time.

use std::arch::x86_64::{
    __m512i, _mm512_permutex2var_epi16, _mm512_shuffle_i32x4, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use super::tiles::{HEIGHT, Line};
use crate::avx512::{load_words, store_words};

/// As `scalar::turn`.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn turn(lines: &[Line; HEIGHT], tile: &mut [Line; HEIGHT]) {
    let mut rows = lines.each_ref().map(|line| load_words(&line.0));
    // Neighbouring pairs, then neighbouring pairs of pairs change places within 128 bits, then the 128 bits do.
    for pair in rows.as_chunks_mut::<2>().0 {
        *pair = [_mm512_unpacklo_epi32(pair[0], pair[1]), _mm512_unpackhi_epi32(pair[0], pair[1])];
    }
    for four in rows.as_chunks_mut::<4>().0 {
        let [a, b, c, d] = *four;
        *four = [
            _mm512_unpacklo_epi64(a, c),
            _mm512_unpackhi_epi64(a, c),
            _mm512_unpacklo_epi64(b, d),
            _mm512_unpackhi_epi64(b, d),
        ];
    }
    for column in 0..4 {
        let [a, b, c, d] = [0, 4, 8, 12].map(|group| rows[group + column]);
        let [low, high] = [[a, b], [c, d]].map(|[a, b]| quarters(a, b));
        let turned = [quarters(low[0], high[0]), quarters(low[1], high[1])];
        // Of rows in the order 0, 2, 1, 3, the first quarters are even columns.
        for (group, values) in
            [turned[0][0], turned[1][0], turned[0][1], turned[1][1]].into_iter().enumerate()
        {
            store_words(&mut tile[group * 4 + column].0, values);
        }
    }
}

/// The even and the odd 128 bits of two registers.
#[inline]
#[target_feature(enable = "avx512f")]
fn quarters(a: __m512i, b: __m512i) -> [__m512i; 2] {
    [_mm512_shuffle_i32x4::<0b10_00_10_00>(a, b), _mm512_shuffle_i32x4::<0b11_01_11_01>(a, b)]
}

/// As `scalar::mix`.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn mix(first: &Line, second: &Line, [low, high]: [&mut Line; 2]) {
    let (first, second) = (load_words(&first.0), load_words(&second.0));
    store_words(&mut low.0, _mm512_permutex2var_epi16(first, load_words(&LOW), second));
    store_words(&mut high.0, _mm512_permutex2var_epi16(first, load_words(&HIGH), second));
}

/// Places of the first 16 values of two registers, by turns.
static LOW: [u16; 32] = by_turns(0);
static HIGH: [u16; 32] = by_turns(16);

const fn by_turns(first: u16) -> [u16; 32] {
    let mut places = [0; 32];
    let mut index = 0;
    while index < 16 {
        places[2 * index] = first + index as u16;
        places[2 * index + 1] = first + index as u16 + 32;
        index += 1;
    }
    places
}
