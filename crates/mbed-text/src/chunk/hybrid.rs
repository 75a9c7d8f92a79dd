//! A strategy for each document.

use std::ops::Range;
use std::sync::Arc;

use super::markdown::{self, Outline};
use super::ruler::Ruler;
use super::semantic::{Prose, sentences};
use super::{Chunk, Chunker, SemanticChunker, Sizes, recursive};
use crate::TextError;

/// Headings that make a document structured. One alone is a title.
const HEADINGS: usize = 2;

/// Blocks of code and tables that make a document structured even without headings.
const WHOLE_BLOCKS: usize = 2;

/// Sentences from which on distances between them tell anything: the usual percentile leaves 1 of 20 as a cut.
const SENTENCES: usize = 20;

/// Structure where a document has one, else meaning where it is prose of some length, else size. Each chunk tells which
/// was chosen, and why.
#[derive(Clone, Debug)]
pub struct HybridChunker {
    sizes: Sizes,
    semantic: Option<SemanticChunker>,
}

/// How a document is cut.
enum Choice {
    Structure(Outline),
    Meaning(Vec<Range<usize>>),
    Size,
}

impl HybridChunker {
    /// Cuts to these sizes; without a semantic chunker prose is cut by size.
    #[must_use]
    pub const fn new(sizes: Sizes, semantic: Option<SemanticChunker>) -> Self {
        Self { sizes, semantic }
    }

    fn choose(&self, ruler: &Ruler<'_>) -> (Choice, Arc<str>) {
        if ruler.units() <= self.sizes.most.get() {
            return (Choice::Size, "whole: it fits".into());
        }
        let outline = Outline::of(ruler.text());
        let Outline { headings, whole_blocks, .. } = outline;
        if headings >= HEADINGS || whole_blocks >= WHOLE_BLOCKS {
            let why = format!("markdown: {headings} headings, {whole_blocks} blocks of code or tables");
            return (Choice::Structure(outline), why.into());
        }
        let sentences = sentences(ruler.text());
        let count = sentences.len();
        if self.semantic.is_some() && count >= SENTENCES {
            (Choice::Meaning(sentences), format!("semantic: {count} sentences without structure").into())
        } else {
            (Choice::Size, format!("recursive: {count} sentences without structure").into())
        }
    }
}

impl Chunker for HybridChunker {
    fn chunk(&self, text: &str) -> Result<Vec<Chunk>, TextError> {
        Ok(self.chunk_all(&[text])?.pop().unwrap_or_default())
    }

    fn chunk_all(&self, texts: &[&str]) -> Result<Vec<Vec<Chunk>>, TextError> {
        let mut documents = vec![Vec::new(); texts.len()];
        let mut prose = Vec::new();
        for (text, chunks) in texts.iter().zip(&mut documents) {
            let ruler = Ruler::new(text, &self.sizes)?;
            let (choice, why) = self.choose(&ruler);
            match choice {
                Choice::Structure(outline) => *chunks = markdown::cut(&ruler, &outline, &self.sizes),
                Choice::Size => *chunks = recursive::cut(&ruler, &self.sizes),
                Choice::Meaning(sentences) => {
                    prose.push((Prose { ruler, sentences }, (why, chunks)));
                    continue;
                }
            }
            give_reason(chunks, &why);
        }
        if let Some(semantic) = &self.semantic {
            let (prose, places): (Vec<_>, Vec<_>) = prose.into_iter().unzip();
            for ((why, chunks), cut) in places.into_iter().zip(semantic.cut_all(&prose)?) {
                *chunks = cut;
                give_reason(chunks, &why);
            }
        }
        Ok(documents)
    }

    fn gives_reasons(&self) -> bool {
        true
    }
}

fn give_reason(chunks: &mut [Chunk], why: &Arc<str>) {
    for chunk in chunks {
        chunk.reason = Some(Arc::clone(why));
    }
}
