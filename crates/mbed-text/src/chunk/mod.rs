//! Cutting long texts into chunks.
//!
//! A [`Chunker`] gives spans: byte ranges of the text on character boundaries, in order, the same for the same text every
//! time. The chunks of one level cover the whole text; each begins exactly [`Overlap`](Sizes::overlap) units before the
//! one before it ended, and none is longer than it may be.

mod boundary;
mod character;
mod choose;
mod chunker;
mod hierarchical;
mod hybrid;
mod markdown;
mod place;
mod recursive;
mod ruler;
mod semantic;
mod size;
mod spread;
mod tokens;

pub use character::CharacterChunker;
pub use choose::{ChunkingParts, chunker, needs_tokens, needs_vectors};
pub use chunker::{Chunk, Chunker};
pub use hierarchical::HierarchicalChunker;
pub use hybrid::HybridChunker;
pub use markdown::MarkdownChunker;
pub use recursive::RecursiveChunker;
pub use semantic::{SemanticChunker, SentenceVectors};
pub use size::Sizes;
pub use tokens::TokenStarts;
