//! What the fake computes.

use std::ops::Range;

/// The length of its vectors.
pub const DIMENSIONS: usize = 4;

/// The vector of the tokens `span` of a sequence with these vocabulary numbers: how many they are, their sum, their
/// sum weighted by position, counted from 1 at the start of the sequence, and the last of them. Of no tokens it is
/// zeros.
///
/// Sequences with other tokens or another order have other vectors; sums below 2^24 are exact.
#[must_use]
pub fn vector_of(ids: &[u32], span: &Range<usize>) -> [f32; DIMENSIONS] {
    let tokens = ids.get(span.clone()).unwrap_or_default();
    let places = span.clone().map(|place| place as u64 + 1);
    let sum: u64 = tokens.iter().copied().map(u64::from).sum();
    let weighted: u64 = tokens.iter().zip(places).map(|(&id, place)| u64::from(id) * place).sum();
    [tokens.len() as f32, sum as f32, weighted as f32, tokens.last().map_or(0.0, |&id| id as f32)]
}

#[cfg(test)]
mod tests {
    use super::vector_of;

    #[test]
    fn vectors_tell_tokens_order_and_span() {
        assert_eq!(vector_of(&[5, 7, 9], &(0..3)), [3.0, 21.0, 46.0, 9.0]);
        assert_eq!(vector_of(&[5, 9, 7], &(0..3)), [3.0, 21.0, 44.0, 7.0]);
        assert_eq!(vector_of(&[5, 7, 9], &(1..2)), [1.0, 7.0, 14.0, 7.0]);
        assert_eq!(vector_of(&[5, 7, 9], &(2..2)), [0.0; 4]);
    }
}
