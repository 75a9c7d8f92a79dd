//! Chunks that end where the meaning changes.

use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use mbed_core::Embeddings;
use mbed_core::settings::Threshold;

use super::boundary::{Boundary, boundaries};
use super::ruler::Ruler;
use super::spread::cuts;
use super::{Chunk, Chunker, Sizes, recursive};
use crate::TextError;

/// Texts that are embedded by one call: enough for full batches of any backend, and a bound on what is held.
const TEXTS_PER_CALL: usize = 8192;

/// Something that embeds sentences: vector `i` belongs to text `i`.
pub trait SentenceVectors: Send + Sync {
    /// The vectors of `texts`.
    ///
    /// # Errors
    /// They cannot be computed.
    fn vectors(&self, texts: &[&str]) -> Result<Embeddings, Box<dyn Error + Send + Sync>>;
}

/// Chunks that end where neighbouring sentences differ in meaning; one that is longer than it may be is cut again at the
/// best places.
///
/// Chunks share text only inside of a part that was cut for its length.
#[derive(Clone)]
pub struct SemanticChunker {
    sizes: Sizes,
    threshold: Threshold,
    buffer: usize,
    vectors: Arc<dyn SentenceVectors>,
}

/// A text with its sentences.
pub(super) struct Prose<'a> {
    pub(super) ruler: Ruler<'a>,
    pub(super) sentences: Vec<Range<usize>>,
}

impl SemanticChunker {
    /// Cuts where `vectors` of sentences, each embedded with `buffer` sentences on either side, differ by the threshold.
    #[must_use]
    pub fn new(sizes: Sizes, threshold: Threshold, buffer: usize, vectors: Arc<dyn SentenceVectors>) -> Self {
        Self { sizes, threshold, buffer, vectors }
    }

    /// The distances between neighbouring sentences of all texts, embedded in full batches across texts.
    fn distances(&self, documents: &[Prose<'_>]) -> Result<Vec<Vec<f64>>, TextError> {
        let mut groups: Vec<(usize, &str)> = Vec::new();
        for (document, Prose { ruler, sentences: spans }) in documents.iter().enumerate() {
            let text = ruler.text();
            let last = spans.len().saturating_sub(1);
            groups.extend((0..spans.len()).map(|index| {
                let start = spans.get(index.saturating_sub(self.buffer)).map_or(0, |span| span.start);
                let end = spans.get((index + self.buffer).min(last)).map_or(text.len(), |span| span.end);
                (document, text.get(start..end).unwrap_or_default())
            }));
        }
        let mut distances: Vec<Vec<f64>> = vec![Vec::new(); documents.len()];
        let mut before: Option<(usize, Vec<f32>)> = None;
        for part in groups.chunks(TEXTS_PER_CALL) {
            let words: Vec<&str> = part.iter().map(|(_, words)| *words).collect();
            let vectors =
                self.vectors.vectors(&words).map_err(|source| TextError::SentenceVectors { source })?;
            for (&(document, _), vector) in part.iter().zip(vectors.iter()) {
                if let (Some((_, before)), Some(list)) =
                    (before.as_ref().filter(|(earlier, _)| *earlier == document), distances.get_mut(document))
                {
                    list.push(1.0 - cosine(before, vector));
                }
                before = Some((document, vector.to_vec()));
            }
        }
        Ok(distances)
    }

    /// The chunks of texts whose sentences are known.
    pub(super) fn cut_all(&self, documents: &[Prose<'_>]) -> Result<Vec<Vec<Chunk>>, TextError> {
        let distances = self.distances(documents)?.into_iter();
        Ok(documents.iter().zip(distances).map(|(prose, distances)| self.cut(prose, &distances)).collect())
    }

    fn cut(&self, Prose { ruler, sentences }: &Prose<'_>, distances: &[f64]) -> Vec<Chunk> {
        let ends = cuts(distances, self.threshold).into_iter();
        let ends = ends.filter_map(|index| sentences.get(index)).map(|span| span.end);
        let mut chunks = Vec::new();
        let mut start = 0;
        for end in ends.chain([ruler.text().len()]) {
            let spans = recursive::spans(ruler, start..end, &self.sizes).into_iter();
            chunks.extend(spans.map(Chunk::top));
            start = end;
        }
        chunks
    }
}

impl Chunker for SemanticChunker {
    fn chunk(&self, text: &str) -> Result<Vec<Chunk>, TextError> {
        Ok(self.chunk_all(&[text])?.pop().unwrap_or_default())
    }

    fn chunk_all(&self, texts: &[&str]) -> Result<Vec<Vec<Chunk>>, TextError> {
        let prose = |text| Ok(Prose { ruler: Ruler::new(text, &self.sizes)?, sentences: sentences(text) });
        let documents: Result<Vec<Prose<'_>>, TextError> = texts.iter().map(|&text| prose(text)).collect();
        self.cut_all(&documents?)
    }
}

impl fmt::Debug for SemanticChunker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SemanticChunker")
            .field("sizes", &self.sizes)
            .field("threshold", &self.threshold)
            .field("buffer", &self.buffer)
            .finish_non_exhaustive()
    }
}

/// The sentences of a text, which together are all of it. White space alone is none.
pub(super) fn sentences(text: &str) -> Vec<Range<usize>> {
    let ends = boundaries(text).into_iter().map(|Boundary { offset, .. }| offset).chain([text.len()]);
    let mut spans: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    for end in ends.filter(|&end| end > 0) {
        let blank = text.get(start..end).is_some_and(|part| part.trim().is_empty());
        match spans.last_mut() {
            Some(last) if blank => last.end = end,
            // White space at the front goes with the first sentence.
            None if blank && end < text.len() => continue,
            _ => spans.push(start..end),
        }
        start = end;
    }
    spans
}

/// The cosine of the angle between two vectors, 0 where one has no length.
fn cosine(left: &[f32], right: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    let lengths = (dot(left, left) * dot(right, right)).sqrt();
    if lengths > 0.0 { dot(left, right) / lengths } else { 0.0 }
}
