//! The chunker that settings ask for.

use std::num::NonZeroUsize;
use std::sync::Arc;

use mbed_core::settings::{ChunkSize, ChunkingSettings, ChunkingStrategy, SizeUnit};

use super::{
    CharacterChunker, Chunker, HierarchicalChunker, HybridChunker, MarkdownChunker, RecursiveChunker,
    SemanticChunker, SentenceVectors, Sizes, TokenStarts,
};
use crate::TextError;

/// How much smaller each level of a hierarchy is than the one above it.
const PARTS: usize = 4;

/// What a chunker may need beside settings.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct ChunkingParts {
    /// The model's tokenizer, and how many tokens of content the model takes.
    pub tokens: Option<(Arc<TokenStarts>, NonZeroUsize)>,
    /// What embeds sentences.
    pub vectors: Option<Arc<dyn SentenceVectors>>,
}

impl std::fmt::Debug for ChunkingParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChunkingParts")
            .field("tokens", &self.tokens)
            .field("vectors", &self.vectors.is_some())
            .finish()
    }
}

/// Whether a chunker needs the model's tokenizer.
#[must_use]
pub fn needs_tokens(settings: &ChunkingSettings) -> bool {
    settings.size.is_none_or(|size| size.unit == SizeUnit::Tokens)
}

/// Whether a chunker embeds sentences.
#[must_use]
pub const fn needs_vectors(settings: &ChunkingSettings) -> bool {
    matches!(settings.strategy, ChunkingStrategy::Semantic | ChunkingStrategy::Hybrid)
}

/// The chunker that `settings` ask for, `None` where texts stay whole.
///
/// # Errors
/// The overlap is not less than the size ([`TextError::Overlap`]), a hierarchy has more levels than its size can be
/// divided into ([`TextError::Levels`]), or a part is missing that it needs ([`TextError::MissingPart`]).
pub fn chunker(
    settings: &ChunkingSettings,
    parts: &ChunkingParts,
) -> Result<Option<Box<dyn Chunker>>, TextError> {
    if settings.strategy == ChunkingStrategy::None {
        return Ok(None);
    }
    let sizes = sizes(settings, parts)?;
    let semantic = || {
        let vectors =
            parts.vectors.clone().ok_or(TextError::MissingPart { part: "embedder of sentences" })?;
        Ok(SemanticChunker::new(sizes.clone(), settings.threshold, settings.buffer, vectors))
    };
    Ok(Some(match settings.strategy {
        ChunkingStrategy::None => return Ok(None),
        ChunkingStrategy::Character => Box::new(CharacterChunker::new(sizes)),
        ChunkingStrategy::Recursive => Box::new(RecursiveChunker::new(sizes)),
        ChunkingStrategy::Markdown => Box::new(MarkdownChunker::new(sizes)),
        ChunkingStrategy::Semantic => Box::new(semantic()?),
        ChunkingStrategy::Hybrid => Box::new(HybridChunker::new(sizes.clone(), Some(semantic()?))),
        ChunkingStrategy::Hierarchical => {
            let levels = levels(sizes.most, settings.levels)?;
            let wrong = TextError::Levels { size: sizes.most.get(), levels: settings.levels.get() };
            Box::new(HierarchicalChunker::new(sizes, levels).ok_or(wrong)?)
        }
    }))
}

fn sizes(settings: &ChunkingSettings, parts: &ChunkingParts) -> Result<Sizes, TextError> {
    let tokens = || parts.tokens.clone().ok_or(TextError::MissingPart { part: "tokenizer" });
    let size = match settings.size {
        Some(size) => size,
        None => ChunkSize { amount: tokens()?.1, unit: SizeUnit::Tokens },
    };
    let sizes = match size.unit {
        SizeUnit::Characters => Sizes::characters(size.amount, settings.overlap),
        SizeUnit::Words => Sizes::words(size.amount, settings.overlap),
        SizeUnit::Tokens => Sizes::tokens(size.amount, settings.overlap, tokens()?.0),
    };
    sizes.ok_or(TextError::Overlap { overlap: settings.overlap, size: size.amount.get() })
}

fn levels(most: NonZeroUsize, count: NonZeroUsize) -> Result<Vec<NonZeroUsize>, TextError> {
    let wrong = || TextError::Levels { size: most.get(), levels: count.get() };
    let sizes = std::iter::successors(Some(most.get()), |above| Some(above / PARTS));
    sizes.take(count.get()).map(|size| NonZeroUsize::new(size).ok_or_else(wrong)).collect()
}
