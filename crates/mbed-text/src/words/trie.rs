//! The longest entry of a vocabulary that a word begins with.

use std::collections::VecDeque;

/// In `Node::parent` and `Node::id`: none.
const NONE: u32 = u32::MAX;

/// The first slot for nodes other than the root: a child's slot is its parent's base plus its byte, so every slot
/// from here on can be reached with a base that is not negative, whichever the ASCII byte.
const FIRST_SLOT: usize = 128;

/// How many slots are tried for several siblings before they are put at the end. A search without bounds is
/// quadratic; holes that are left behind are filled by only children.
const TRIES: usize = 64;

/// A trie of ASCII entries as a double array: a step is one load and one comparison.
#[derive(Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// Child `byte` stands in slot `base + byte`, if that slot names this node as its parent.
    base: u32,
    parent: u32,
    /// The entry that ends here.
    id: u32,
}

const FREE: Node = Node { base: 0, parent: NONE, id: NONE };

impl Trie {
    /// Builds the trie of `entries`, each of them once. Entries outside ASCII are left out: no ASCII word begins
    /// with one.
    pub(super) fn new<'a>(entries: impl Iterator<Item = (&'a str, u32)>) -> Self {
        let ascii = entries.filter(|(entry, _)| entry.is_ascii());
        let mut entries: Vec<(&[u8], u32)> = ascii.map(|(entry, id)| (entry.as_bytes(), id)).collect();
        entries.sort_unstable();
        let mut trie = Self { nodes: vec![FREE; FIRST_SLOT] };
        let mut first_free = FIRST_SLOT;
        // Breadth first, so that the first steps of all words stand close together.
        let mut open = VecDeque::from([(0, &entries[..], 0)]);
        while let Some((at, mut below, depth)) = open.pop_front() {
            if let Some((&(entry, id), longer)) = below.split_first()
                && entry.len() == depth
            {
                trie.nodes[at].id = id;
                below = longer;
            }
            let groups = || below.chunk_by(|(a, _), (b, _)| a[depth] == b[depth]);
            let bytes: Vec<usize> = groups().map(|group| usize::from(group[0].0[depth])).collect();
            let base = trie.place(&bytes, &mut first_free);
            trie.nodes[at].base = base as u32;
            for (byte, group) in bytes.into_iter().zip(groups()) {
                trie.nodes[base + byte].parent = at as u32;
                open.push_back((base + byte, group, depth + 1));
            }
        }
        trie
    }

    /// A base with free slots for all of `bytes`.
    fn place(&mut self, bytes: &[usize], first_free: &mut usize) -> usize {
        let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else { return 0 };
        let free = |nodes: &[Node], slot: usize| nodes.get(slot).is_none_or(|node| node.parent == NONE);
        while !free(&self.nodes, *first_free) {
            *first_free += 1;
        }
        let near = (*first_free..).take(TRIES);
        let fits = |slot: &usize| bytes.iter().all(|byte| free(&self.nodes, slot - first + byte));
        let slot = near.clone().find(fits).unwrap_or(self.nodes.len().max(FIRST_SLOT));
        let base = slot - first;
        if self.nodes.len() <= base + last {
            self.nodes.resize(base + last + 1, FREE);
        }
        base
    }

    /// The longest entry that `word` begins with, as its bytes and its id, where `normal` is what the normalizer
    /// makes of a byte.
    pub(super) fn longest(&self, word: &[u8], normal: &[u8; 256]) -> Option<(usize, u32)> {
        let mut longest = None;
        let mut at = 0;
        let mut base = self.nodes.first()?.base;
        for (length, &byte) in (1..).zip(word) {
            let slot = base + u32::from(normal[usize::from(byte)]);
            let Some(node) = self.nodes.get(slot as usize).filter(|node| node.parent == at) else { break };
            if node.id != NONE {
                longest = Some((length, node.id));
            }
            (at, base) = (slot, node.base);
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_longest_entry_is_found(
            entries in prop::collection::btree_map("[abAB#\u{0}\u{7f}é]{0,5}", 0_u32..9999, 0..200),
            word in "[abAB#\u{0}\u{7f}]{0,9}",
        ) {
            let entries: BTreeMap<String, u32> = entries;
            let trie = Trie::new(entries.iter().map(|(entry, &id)| (entry.as_str(), id)));
            let same = std::array::from_fn(|byte| byte as u8);
            let expected = (1..=word.len()).rev().find_map(|length| Some((length, *entries.get(&word[..length])?)));
            prop_assert_eq!(trie.longest(word.as_bytes(), &same), expected);
        }
    }
}
