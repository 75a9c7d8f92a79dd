//! How a batch is cut, and what of a part goes up to the device.

use std::ops::Range;

use mbed_core::Batch;
use mbed_core::spec::{EncoderSpec, PositionSpec};

use crate::arena::aligned;
use crate::kernels::AttentionShape;

/// Neighbouring sequences of a batch that are computed at once.
#[derive(Debug)]
pub(crate) struct Part {
    /// Their numbers in the batch.
    sequences: Range<usize>,
    /// Where their tokens lie in the batch.
    tokens: Range<usize>,
    /// Their longest.
    longest: usize,
    /// The rows of the output that pool them.
    rows: Vec<Row>,
}

/// A row of the output.
#[derive(Debug)]
struct Row {
    /// Its number in the output.
    number: usize,
    /// The pooled tokens, counted from the part's first.
    tokens: Range<usize>,
    /// The place of the first of them in its sequence.
    place: usize,
}

/// What a part is filled up to, so that few shapes occur: plans and graphs are made for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bucket {
    pub(crate) tokens: usize,
    pub(crate) sequences: usize,
    pub(crate) rows: usize,
    /// At least the longest sequence.
    pub(crate) longest: usize,
    /// Tiles of attention.
    pub(crate) tiles: usize,
}

/// Where in the buffer that goes up each list begins; a list that the model does not need has no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InputPlaces {
    pub(crate) ids: usize,
    pub(crate) types: Option<usize>,
    pub(crate) position_rows: Option<usize>,
    /// The place of each token in its sequence.
    pub(crate) places: Option<usize>,
    pub(crate) offsets: usize,
    pub(crate) tiles: usize,
    pub(crate) spans: usize,
    /// The length of all together.
    pub(crate) bytes: usize,
}

/// Cuts a batch into parts of whole sequences with at most `most` tokens, unless a single one has more.
pub(crate) fn cut(batch: &Batch, most: usize) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for sequence in 0..batch.sequences() {
        let tokens = batch.range(sequence).unwrap_or_default();
        let length = tokens.len();
        match parts.last_mut() {
            Some(part) if part.tokens.len() + length <= most => {
                part.sequences.end = sequence + 1;
                part.tokens.end = tokens.end;
                part.longest = part.longest.max(length);
            }
            _ => {
                let sequences = sequence..sequence + 1;
                parts.push(Part { sequences, tokens, longest: length, rows: Vec::new() });
            }
        }
    }
    for (number, span) in batch.spans().iter().enumerate() {
        let home = parts.partition_point(|part| part.sequences.end <= span.sequence());
        let start = batch.range(span.sequence()).unwrap_or_default().start;
        if let Some(part) = parts.get_mut(home) {
            let start = start - part.tokens.start;
            let tokens = start + span.tokens().start..start + span.tokens().end;
            part.rows.push(Row { number, tokens, place: span.tokens().start });
        }
    }
    // What nobody pools need not be computed.
    parts.retain(|part| !part.rows.is_empty());
    parts
}

impl Part {
    /// What it is filled up to. Where `shape` is given, tiles are as many as any part of that bucket has.
    pub(crate) fn bucket(&self) -> Bucket {
        Bucket {
            tokens: rounded(self.tokens.len()),
            sequences: self.sequences.len().next_power_of_two(),
            rows: self.rows.len().next_power_of_two(),
            longest: self.longest.max(LEAST_LONGEST).next_power_of_two(),
            tiles: 0,
        }
    }

    /// The numbers of its rows in the output.
    pub(crate) fn row_numbers(&self) -> impl ExactSizeIterator<Item = usize> {
        self.rows.iter().map(|row| row.number)
    }

    /// Where its sequences begin, counted from its first token, and where the last ends.
    pub(crate) fn offsets(&self, batch: &Batch) -> Vec<usize> {
        let all = batch.offsets().get(self.sequences.start..=self.sequences.end).unwrap_or_default();
        all.iter().map(|offset| offset - self.tokens.start).collect()
    }

    /// All lists, as they lie on the device.
    pub(crate) fn pack(
        &self,
        batch: &Batch,
        (spec, bucket): (&EncoderSpec, Bucket),
        tiles: &[[i32; 2]],
    ) -> Vec<u8> {
        let places = InputPlaces::new(spec, bucket);
        let mut packed = Packed(vec![0; places.bytes]);
        let tokens = self.tokens.clone();
        let ids = batch.ids().get(tokens.clone()).unwrap_or_default();
        packed.put(places.ids, ids.iter().map(|&id| id as i32));
        if let Some(place) = places.types {
            let types = batch.type_ids().get(tokens).unwrap_or_default();
            packed.put(place, types.iter().map(|&id| id as i32));
        }
        let sequences = || self.sequences.clone().filter_map(|index| batch.sequence(index));
        if let Some(place) = places.position_rows {
            let rows = sequences().flat_map(|sequence| spec.position.rows_of(sequence.ids));
            packed.put(place, rows.map(number));
        }
        if let Some(place) = places.places {
            packed.put(place, sequences().flat_map(|sequence| (0..sequence.ids.len()).map(number)));
        }
        let offsets = self.offsets(batch);
        let end = offsets.last().copied().unwrap_or(0);
        let filled = offsets.into_iter().chain(std::iter::repeat(end)).take(bucket.sequences + 1);
        packed.put(places.offsets, filled.map(number));
        let none = std::iter::repeat(&AttentionShape::NO_TILE);
        packed.put(places.tiles, tiles.iter().chain(none).take(bucket.tiles).flatten().copied());
        let spans = self.rows.iter().map(|row| [row.tokens.start, row.tokens.end, row.place]);
        packed.put(places.spans, spans.flatten().map(number));
        packed.0
    }
}

impl InputPlaces {
    pub(crate) fn new(spec: &EncoderSpec, bucket: Bucket) -> Self {
        let mut next = 0;
        let mut place = |numbers: usize| {
            let start = next;
            next += aligned(numbers * size_of::<i32>());
            start
        };
        let rotates = spec.layers.iter().any(|layer| layer.rotary.is_some());
        let has_positions = matches!(spec.position, PositionSpec::Learned { .. });
        let mut by_token = |is_there: bool| is_there.then(|| place(bucket.tokens));
        let types = by_token(spec.embedding.segments > 0);
        let position_rows = by_token(has_positions);
        let places = by_token(rotates);
        Self {
            types,
            position_rows,
            places,
            ids: place(bucket.tokens),
            offsets: place(bucket.sequences + 1),
            tiles: place(2 * bucket.tiles),
            spans: place(3 * bucket.rows),
            bytes: next,
        }
    }
}

/// A buffer of 32-bit numbers at places in bytes. What nobody wrote is zero: token 0, and spans without tokens.
struct Packed(Vec<u8>);

impl Packed {
    fn put(&mut self, place: usize, numbers: impl Iterator<Item = i32>) {
        let free = self.0.get_mut(place..).unwrap_or_default();
        let (free, _) = free.as_chunks_mut::<{ size_of::<i32>() }>();
        for (place, number) in free.iter_mut().zip(numbers) {
            *place = number.to_le_bytes();
        }
    }
}

/// The fewest tokens that are told apart: products are computed in tiles of rows at least this high.
const LEAST_TOKENS: usize = 64;

/// The shortest longest sequence that is told apart.
const LEAST_LONGEST: usize = 32;

/// `tokens` up to a sixteenth of the power of two above: at most an eighth more, and few different numbers.
fn rounded(tokens: usize) -> usize {
    let step = (tokens.next_power_of_two() / 16).max(LEAST_TOKENS);
    tokens.max(1).next_multiple_of(step)
}

/// Counts of a part are far below 2³¹: a part has as many tokens as fit, or one sequence.
fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use mbed_core::Token;

    use super::*;

    fn batch(lengths: &[usize]) -> Batch {
        let mut batch = Batch::new();
        for &length in lengths {
            batch.push(&vec![Token { id: 7, type_id: 0 }; length]);
        }
        batch
    }

    #[test]
    fn parts_hold_whole_sequences_and_all_rows() {
        let check = |lengths: &[usize], most, expected: &[&[usize]]| {
            let parts = cut(&batch(lengths), most);
            let found: Vec<Vec<usize>> = parts.iter().map(|part| part.row_numbers().collect()).collect();
            assert_eq!(found, expected, "{lengths:?} {most}");
        };
        check(&[3, 4, 5], 7, &[&[0, 1], &[2]]);
        check(&[9, 1, 1], 4, &[&[0], &[1, 2]]);
        check(&[0, 0], 4, &[&[0, 1]]);
        check(&[], 4, &[]);
    }

    #[test]
    fn spans_count_from_the_first_token_of_their_part() {
        let mut batch = batch(&[4, 4]);
        batch.push_span(1, 1..3).unwrap();
        batch.push_span(0, 2..2).unwrap();
        let parts = cut(&batch, 4);
        let spans = |part: &Part| -> Vec<_> {
            part.rows.iter().map(|row| (row.number, row.tokens.clone(), row.place)).collect()
        };
        assert_eq!(spans(&parts[0]), [(0, 0..4, 0), (3, 2..2, 2)]);
        assert_eq!(spans(&parts[1]), [(1, 0..4, 0), (2, 1..3, 1)]);
    }

    #[test]
    fn buckets_are_few_and_little_larger() {
        for tokens in 1..20_000_usize {
            let bucket = rounded(tokens);
            assert!(bucket >= tokens && bucket < tokens + tokens / 8 + LEAST_TOKENS, "{tokens}: {bucket}");
            assert_eq!(rounded(bucket), bucket, "{tokens}");
        }
        let different: std::collections::BTreeSet<_> = (1..=16_384).map(rounded).collect();
        assert!(different.len() < 64, "{}", different.len());
    }
}
