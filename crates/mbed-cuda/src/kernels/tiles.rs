//! Which attention kernel, and how sequences are cut for it.

use super::check::{Check, LaunchError};
use super::{Element, Family, Scores, Unit};

/// Queries of a block on tensor cores where sequences are long: four warps share the keys that they fetch.
const MANY_QUERIES: usize = 64;

/// Queries of one warp, the rows of its products.
const FEW_QUERIES: usize = 16;

/// Up to this length a warp goes alone: in a block of four, most would wait for keys that one of them uses.
const SHORT: usize = 32;

/// The longest sequence: sums of places and distances stay within 31 bits.
const LONGEST: usize = 1 << 29;

/// The longest head without tensor cores, and the longest of which 32 queries fit into shared memory with 32 keys.
const LONGEST_HEAD: usize = 256;
const LONGEST_OF_32: usize = 128;

/// The attention kernel for heads of one size, and how many queries of a sequence make one tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttentionShape {
    element: Element,
    head_size: usize,
    queries: usize,
    way: Way,
}

/// How products are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Way {
    /// On tensor cores.
    Tiled,
    /// Value by value.
    Any,
}

impl AttentionShape {
    /// Head sizes that go over tensor cores.
    pub const TILED: [usize; 4] = [32, 64, 96, 128];

    /// The tile that a kernel passes over.
    pub const NO_TILE: [i32; 2] = [-1, 0];

    /// The kernel for heads of `head_size` in sequences of at most `longest` tokens. Every kernel runs wherever the
    /// format does, see [`Architecture::supports`](super::Architecture::supports).
    ///
    /// # Errors
    /// Heads or sequences are too long.
    pub fn choose(element: Element, head_size: usize, longest: usize) -> Result<Self, LaunchError> {
        let check = Check { kernel: "attend" };
        check.within("length of a sequence", longest, LONGEST - 1)?;
        check.within("head size", head_size, LONGEST_HEAD)?;
        let (way, queries) = match element {
            Element::F16 | Element::Bf16 if Self::TILED.contains(&head_size) => {
                (Way::Tiled, if longest <= SHORT { FEW_QUERIES } else { MANY_QUERIES })
            }
            _ => (Way::Any, if head_size <= LONGEST_OF_32 { 32 } else { 16 }),
        };
        Ok(Self { element, head_size, queries, way })
    }

    /// How many queries a tile has.
    #[must_use]
    pub const fn queries(self) -> usize {
        self.queries
    }

    /// The format of queries, keys and values.
    #[must_use]
    pub const fn element(self) -> Element {
        self.element
    }

    /// Length of a head.
    #[must_use]
    pub const fn head_size(self) -> usize {
        self.head_size
    }

    /// Sequence and first query of each tile, those of the longest sequences first: what takes longest begins first.
    ///
    /// `offsets` has one more entry than there are sequences. Integers are those of the device: sequences and places
    /// from 2^31 on have none, and [`AttentionShape::choose`] refuses such lengths.
    #[must_use]
    pub fn tiles(self, offsets: &[usize]) -> Vec<[i32; 2]> {
        let lengths = offsets.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
        let mut sequences: Vec<_> = lengths.enumerate().collect();
        sequences.sort_by_key(|&(_, length)| std::cmp::Reverse(length));
        let tiles = sequences.into_iter().flat_map(|(sequence, length)| {
            (0..length)
                .step_by(self.queries)
                .filter_map(move |query| Some([i32::try_from(sequence).ok()?, i32::try_from(query).ok()?]))
        });
        tiles.collect()
    }

    /// No batch of so many tokens and sequences has more tiles.
    #[must_use]
    pub const fn most_tiles(self, tokens: usize, sequences: usize) -> usize {
        // Each sequence has at most one tile that is not full.
        let partly = if sequences < tokens { sequences } else { tokens };
        tokens.saturating_sub(partly) / self.queries + partly
    }

    /// The unit that holds the kernel.
    pub(super) const fn unit(self, scores: Scores) -> Unit {
        match self.way {
            Way::Tiled => {
                Unit::new(Family::AttentionTiles { head_size: self.head_size, scores }, self.element)
            }
            Way::Any => Unit::new(Family::AttentionAny, self.element),
        }
    }

    /// The kernel's name, threads of a block, and bytes of shared memory that it is given.
    pub(super) fn entry(self) -> (String, usize, usize) {
        match self.way {
            Way::Tiled => (format!("attend_{}", self.queries), 2 * self.queries, 0),
            Way::Any => {
                let tile = self.queries;
                let floats = 2 * tile * (self.head_size + 1) + tile * (tile + 1);
                (format!("attend_{tile}_any"), 128, floats * size_of::<f32>())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shape(element: Element, head_size: usize, longest: usize) -> AttentionShape {
        AttentionShape::choose(element, head_size, longest).unwrap()
    }

    #[test]
    fn kernels_follow_format_and_head_size() {
        let check = |element, head_size, longest, entry: &str, threads, shared| {
            let found = shape(element, head_size, longest).entry();
            assert_eq!(found, (entry.to_owned(), threads, shared));
        };
        check(Element::F16, 64, 512, "attend_64", 128, 0);
        check(Element::Bf16, 128, 32, "attend_16", 32, 0);
        check(Element::F32, 64, 512, "attend_32_any", 128, (2 * 32 * 65 + 32 * 33) * 4);
        check(Element::F16, 80, 512, "attend_32_any", 128, (2 * 32 * 81 + 32 * 33) * 4);
        check(Element::F16, 256, 512, "attend_16_any", 128, (2 * 16 * 257 + 16 * 17) * 4);
        assert!(AttentionShape::choose(Element::F32, 257, 512).is_err());
        assert!(AttentionShape::choose(Element::F32, 64, LONGEST).is_err());
    }

    #[test]
    fn shared_memory_is_what_every_card_gives_unasked() {
        for (element, head_size) in
            Element::ALL.iter().flat_map(|&element| (1..=256).map(move |size| (element, size)))
        {
            let (_, _, shared) = shape(element, head_size, 100).entry();
            assert!(shared <= 48 * 1024, "{element} {head_size}: {shared}");
        }
    }

    proptest! {
        #[test]
        fn tiles_cover_every_query_once(lengths in prop::collection::vec(0_usize..300, 0..20), longest in 1_usize..300) {
            let shape = shape(Element::F16, 64, longest);
            let offsets: Vec<_> = std::iter::once(0)
                .chain(lengths.iter().scan(0, |sum, length| { *sum += length; Some(*sum) }))
                .collect();
            let tiles = shape.tiles(&offsets);
            let mut covered = vec![0_u32; *offsets.last().unwrap()];
            let mut before = usize::MAX;
            for [sequence, query] in &tiles {
                let sequence = usize::try_from(*sequence).unwrap();
                let query = usize::try_from(*query).unwrap();
                prop_assert!(query.is_multiple_of(shape.queries()));
                prop_assert!(lengths[sequence] <= before);
                before = lengths[sequence];
                let end = lengths[sequence].min(query + shape.queries());
                for token in query..end {
                    covered[offsets[sequence] + token] += 1;
                }
            }
            prop_assert!(covered.iter().all(|&count| count == 1));
            prop_assert!(tiles.len() <= shape.most_tiles(covered.len(), lengths.len()));
        }
    }
}
