//! The chunker that settings ask for, with the parts of a model that it needs.

use std::sync::{Arc, Mutex, PoisonError};

use mbed_core::Embeddings;
use mbed_core::settings::{ChunkingStrategy, Settings};
use mbed_text::TextEncoder;
use mbed_text::chunk::{
    self, Chunker, ChunkingParts, SentenceVectors, TokenStarts, needs_tokens, needs_vectors,
};

use crate::open::{find_model, text_options};
use crate::{Context, Embedder, Error, open};

/// The chunker that `settings` ask for, `None` where texts stay whole.
///
/// Sizes in tokens need the model's tokenizer, and strategies that cut by meaning a session of their own beside the one
/// that embeds chunks: the two work at the same time.
///
/// # Errors
/// The model that it needs cannot be found, fetched, read or opened, or settings do not go together.
pub fn chunker(settings: &Settings, context: &Context<'_>) -> Result<Option<Arc<dyn Chunker>>, Error> {
    let chunking = &settings.chunking;
    if chunking.strategy == ChunkingStrategy::None {
        return Ok(None);
    }
    let mut parts = ChunkingParts::default();
    if needs_tokens(chunking) {
        let (_, model) = find_model(settings, context)?;
        let encoder = TextEncoder::new(&model.text, &text_options(settings))?;
        parts.tokens = Some((Arc::new(TokenStarts::new(&model.text)?), encoder.content_tokens()?));
    }
    if needs_vectors(chunking) {
        parts.vectors = Some(Arc::new(Sentences(Mutex::new(open(settings, context)?.embedder))));
    }
    Ok(chunk::chunker(chunking, &parts)?.map(Arc::from))
}

/// An embedder for sentences.
struct Sentences(Mutex<Embedder>);

impl SentenceVectors for Sentences {
    fn vectors(&self, texts: &[&str]) -> Result<Embeddings, Box<dyn std::error::Error + Send + Sync>> {
        // An embedder that failed in the middle of a call is as good as before it.
        let mut embedder = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(embedder.embed(texts)?)
    }
}
