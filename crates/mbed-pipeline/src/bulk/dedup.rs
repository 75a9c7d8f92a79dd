//! Texts that come again are embedded once.
//!
//! Texts are told apart by 128 bits of their SHA-256. The reading side gives each text one of a bounded number of slots and
//! says of every row whether it is computed into its slot or copied from there. The writing side does as it is told, row
//! by row in the same order, so that it needs no table of its own and both sides always agree. Where all slots are taken,
//! the next one goes to whoever was not asked for lately (second chance, Corbató 1968); a text that lost its slot and
//! comes again is computed again.

use std::collections::HashMap;

use mbed_core::Embeddings;
use sha2::{Digest, Sha256};

/// Where the vector of a row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// It is computed, and kept in this slot.
    Computed(u32),
    /// It is the one in this slot.
    Copied(u32),
}

/// The reading side.
#[derive(Debug)]
pub(super) struct Repeats {
    slots: Vec<Slot>,
    by_key: HashMap<u128, u32>,
    most: usize,
    /// The slot that is looked at next where one is needed.
    hand: usize,
}

#[derive(Debug)]
struct Slot {
    key: u128,
    /// Whether it was asked for since it was looked at last.
    is_in_use: bool,
}

impl Repeats {
    /// For vectors of this length, in about so many bytes.
    pub(super) fn new(bytes: usize, dimensions: usize) -> Self {
        // A slot, its vector, and twice its place in the table, which is never quite full.
        let each = size_of::<Slot>() + dimensions * size_of::<f32>() + 2 * size_of::<(u128, u32)>();
        let most = (bytes / each).clamp(1, u32::MAX as usize);
        Self { slots: Vec::new(), by_key: HashMap::new(), most, hand: 0 }
    }

    /// Where the vector of the next row comes from.
    pub(super) fn origin(&mut self, text: &str) -> Origin {
        let mut key = [0; 16];
        key.copy_from_slice(&Sha256::digest(text)[..16]);
        let key = u128::from_le_bytes(key);
        if let Some(&slot) = self.by_key.get(&key) {
            if let Some(found) = self.slots.get_mut(slot as usize) {
                found.is_in_use = true;
            }
            return Origin::Copied(slot);
        }
        let slot = self.free();
        let taken = Slot { key, is_in_use: false };
        match self.slots.get_mut(slot) {
            Some(place) => *place = taken,
            None => self.slots.push(taken),
        }
        let slot = u32::try_from(slot).unwrap_or(u32::MAX);
        self.by_key.insert(key, slot);
        Origin::Computed(slot)
    }

    /// A slot that nobody has, or that is taken from somebody.
    fn free(&mut self) -> usize {
        if self.slots.len() < self.most {
            return self.slots.len();
        }
        loop {
            let here = self.hand;
            self.hand = (here + 1) % self.slots.len();
            let Some(slot) = self.slots.get_mut(here) else { return here };
            if !std::mem::take(&mut slot.is_in_use) {
                self.by_key.remove(&slot.key);
                return here;
            }
        }
    }
}

/// The writing side: the vectors of slots.
#[derive(Debug, Default)]
pub(super) struct Vectors {
    values: Vec<f32>,
    /// Why slots have no vector.
    failed: HashMap<u32, String>,
}

/// Rows that have no vector, with the reason.
pub(super) type Failed = Vec<(usize, String)>;

impl Vectors {
    /// The vectors of all rows, of those that were computed; `failed` names rows among the latter.
    pub(super) fn expand(
        &mut self,
        origins: &[Origin],
        computed: &Embeddings,
        failed: &Failed,
    ) -> (Embeddings, Failed) {
        let dimensions = computed.dimensions();
        let mut all = Embeddings::new();
        all.reset(origins.len(), dimensions);
        let mut all_failed = Failed::new();
        let mut next = 0;
        for (row, origin) in origins.iter().enumerate() {
            let (Origin::Computed(slot) | Origin::Copied(slot)) = *origin;
            if let Origin::Computed(_) = origin {
                self.set(slot, computed.get(next).unwrap_or_default());
                match failed.iter().find(|(row, _)| *row == next) {
                    Some((_, reason)) => _ = self.failed.insert(slot, reason.clone()),
                    None => _ = self.failed.remove(&slot),
                }
                next += 1;
            }
            let start = slot as usize * dimensions;
            if let (Some(to), Some(from)) = (all.get_mut(row), self.values.get(start..start + dimensions)) {
                to.copy_from_slice(from);
            }
            all_failed.extend(self.failed.get(&slot).map(|reason| (row, reason.clone())));
        }
        (all, all_failed)
    }

    fn set(&mut self, slot: u32, vector: &[f32]) {
        let start = slot as usize * vector.len();
        let end = start + vector.len();
        if self.values.len() < end {
            self.values.resize(end, 0.0);
        }
        if let Some(place) = self.values.get_mut(start..end) {
            place.copy_from_slice(vector);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_row_has_the_vector_of_its_text_however_few_slots_there_are(
            texts in prop::collection::vec(0_u8..12, 1..200),
            slots in 1_usize..16,
            window in 1_usize..20,
        ) {
            let mut repeats = Repeats { most: slots, ..Repeats::new(0, 1) };
            let mut vectors = Vectors::default();
            let mut computed_times = HashMap::new();
            for window in texts.chunks(window) {
                let origins: Vec<Origin> =
                    window.iter().map(|text| repeats.origin(&text.to_string())).collect();
                let is_computed = |origin: &Origin| matches!(origin, Origin::Computed(_));
                let fresh: Vec<u8> =
                    window.iter().zip(&origins).filter(|(_, origin)| is_computed(origin)).map(|(text, _)| *text).collect();
                let mut computed = Embeddings::new();
                computed.reset(fresh.len(), 1);
                computed.values_mut().copy_from_slice(&fresh.iter().map(|&text| f32::from(text)).collect::<Vec<_>>());
                // Text 5 has no vector.
                let failed: Failed = fresh.iter().enumerate().filter(|(_, text)| **text == 5).map(|(row, _)| (row, "five".to_owned())).collect();
                let (all, failed) = vectors.expand(&origins, &computed, &failed);
                prop_assert_eq!(all.values(), window.iter().map(|&text| f32::from(text)).collect::<Vec<_>>());
                let fives: Vec<usize> = (0..window.len()).filter(|&row| window[row] == 5).collect();
                prop_assert_eq!(failed.iter().map(|(row, _)| *row).collect::<Vec<_>>(), fives);
                fresh.iter().for_each(|text| *computed_times.entry(*text).or_insert(0) += 1);
            }
            if slots >= 12 {
                prop_assert!(computed_times.values().all(|&times| times == 1), "each text once: {computed_times:?}");
            }
        }
    }
}
