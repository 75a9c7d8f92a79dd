//! A strategy for each document.

use std::sync::Arc;

use pulldown_cmark::{Event, Options, Parser, Tag};

use super::semantic::sentences;
use super::{Chunk, Chunker, MarkdownChunker, RecursiveChunker, SemanticChunker, Sizes};
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
    markdown: MarkdownChunker,
    recursive: RecursiveChunker,
    semantic: Option<SemanticChunker>,
}

impl HybridChunker {
    /// Cuts to these sizes; without a semantic chunker prose is cut by size.
    #[must_use]
    pub fn new(sizes: Sizes, semantic: Option<SemanticChunker>) -> Self {
        let (markdown, recursive) =
            (MarkdownChunker::new(sizes.clone()), RecursiveChunker::new(sizes.clone()));
        Self { sizes, markdown, recursive, semantic }
    }

    fn choose(&self, text: &str) -> Result<(Choice, Arc<str>), TextError> {
        if recursive_fits(text, &self.sizes)? {
            return Ok((Choice::Size, "whole: it fits".into()));
        }
        let structure = Structure::of(text);
        if structure.headings >= HEADINGS || structure.whole_blocks >= WHOLE_BLOCKS {
            let Structure { headings, whole_blocks } = structure;
            let why = format!("markdown: {headings} headings, {whole_blocks} blocks of code or tables");
            return Ok((Choice::Structure, why.into()));
        }
        let count = sentences(text).len();
        Ok(if self.semantic.is_some() && count >= SENTENCES {
            (Choice::Meaning, format!("semantic: {count} sentences without structure").into())
        } else {
            (Choice::Size, format!("recursive: {count} sentences without structure").into())
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Structure,
    Meaning,
    Size,
}

impl Chunker for HybridChunker {
    fn chunk(&self, text: &str) -> Result<Vec<Chunk>, TextError> {
        Ok(self.chunk_all(&[text])?.pop().unwrap_or_default())
    }

    fn chunk_all(&self, texts: &[&str]) -> Result<Vec<Vec<Chunk>>, TextError> {
        let choices: Vec<(Choice, Arc<str>)> =
            texts.iter().map(|text| self.choose(text)).collect::<Result<_, _>>()?;
        let prose: Vec<&str> = texts
            .iter()
            .zip(&choices)
            .filter(|(_, (choice, _))| *choice == Choice::Meaning)
            .map(|(text, _)| *text)
            .collect();
        let mut by_meaning = match &self.semantic {
            Some(semantic) => semantic.chunk_all(&prose)?.into_iter(),
            None => Vec::new().into_iter(),
        };
        let mut documents = Vec::with_capacity(texts.len());
        for (text, (choice, why)) in texts.iter().zip(choices) {
            let mut chunks = match choice {
                Choice::Structure => self.markdown.chunk(text)?,
                Choice::Meaning => by_meaning.next().unwrap_or_default(),
                Choice::Size => self.recursive.chunk(text)?,
            };
            for chunk in &mut chunks {
                chunk.reason = Some(Arc::clone(&why));
            }
            documents.push(chunks);
        }
        Ok(documents)
    }

    fn gives_reasons(&self) -> bool {
        true
    }
}

fn recursive_fits(text: &str, sizes: &Sizes) -> Result<bool, TextError> {
    Ok(super::ruler::Ruler::new(text, sizes)?.units() <= sizes.most.get())
}

/// What a document has of Markdown.
#[derive(Clone, Copy, Debug, Default)]
struct Structure {
    headings: usize,
    whole_blocks: usize,
}

impl Structure {
    fn of(text: &str) -> Self {
        let mut found = Self::default();
        for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Heading { .. }) => found.headings += 1,
                Event::Start(Tag::CodeBlock(_) | Tag::Table(_)) => found.whole_blocks += 1,
                _ => {}
            }
        }
        found
    }
}
