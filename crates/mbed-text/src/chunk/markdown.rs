//! Chunks that follow the structure of Markdown.

use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::ruler::Ruler;
use super::{Chunk, Chunker, Sizes, recursive};
use crate::TextError;

/// Chunks of whole blocks below the same headings: paragraphs, lists, code and tables are cut only where one alone is
/// longer than a chunk may be, and then at the best place. The headings above a chunk are kept with it.
///
/// Chunks share text only inside of a block that was cut.
#[derive(Clone, Debug)]
pub struct MarkdownChunker {
    sizes: Sizes,
}

impl MarkdownChunker {
    /// Cuts to these sizes.
    #[must_use]
    pub const fn new(sizes: Sizes) -> Self {
        Self { sizes }
    }
}

impl Chunker for MarkdownChunker {
    fn chunk(&self, text: &str) -> Result<Vec<Chunk>, TextError> {
        let mut packing =
            Packing { text, sizes: &self.sizes, ruler: Ruler::new(text, &self.sizes)?, chunks: Vec::new() };
        let mut open: Option<Block> = None;
        for block in blocks(text) {
            open = Some(match open.take() {
                None => block,
                Some(held) if packing.fit_together(&held, &block) => {
                    Block { span: held.span.start..block.span.end, ..held }
                }
                Some(held) => {
                    packing.close(held)?;
                    block
                }
            });
        }
        if let Some(held) = open {
            packing.close(held)?;
        }
        Ok(packing.chunks)
    }
}

struct Packing<'a> {
    text: &'a str,
    sizes: &'a Sizes,
    ruler: Ruler<'a>,
    chunks: Vec<Chunk>,
}

impl Packing<'_> {
    fn fit_together(&self, held: &Block, block: &Block) -> bool {
        let units = self.ruler.units_before(block.span.end) - self.ruler.units_before(held.span.start);
        held.headings == block.headings && units <= self.sizes.most.get()
    }

    fn close(&mut self, block: Block) -> Result<(), TextError> {
        let inside = self.text.get(block.span.clone()).unwrap_or_default();
        for part in recursive::spans(inside, self.sizes)? {
            let span = block.span.start + part.start..block.span.start + part.end;
            self.chunks.push(Chunk { headings: block.headings.clone(), ..Chunk::top(span) });
        }
        Ok(())
    }
}

/// A block at the top of a document, with what stands before the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Block {
    span: Range<usize>,
    headings: Vec<String>,
}

/// The blocks of a document; together they are all of it. A heading is the first block of what stands below it.
fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut path: Vec<(HeadingLevel, String)> = Vec::new();
    let mut depth = 0_usize;
    let mut title: Option<(HeadingLevel, usize, String)> = None;
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_TASKLISTS;
    for (event, span) in Parser::new_ext(text, options).into_offset_iter() {
        match event {
            Event::Start(tag) => {
                match tag {
                    // One inside of a quotation or a list heads nothing below it.
                    Tag::Heading { level, .. } if depth == 0 => {
                        title = Some((level, span.start, String::new()))
                    }
                    _ if depth == 0 => begin(&mut blocks, span.start, &path),
                    _ => {}
                }
                depth += 1;
            }
            Event::End(tag) => {
                depth = depth.saturating_sub(1);
                if depth > 0 {
                    continue;
                }
                if let (TagEnd::Heading(_), Some((level, start, words))) = (tag, title.take()) {
                    path.retain(|(above, _)| *above < level);
                    path.push((level, words.trim().to_owned()));
                    begin(&mut blocks, start, &path);
                }
            }
            Event::Text(words) | Event::Code(words) => {
                if let Some((_, _, title)) = &mut title {
                    title.push_str(&words);
                }
            }
            _ if depth == 0 => begin(&mut blocks, span.start, &path),
            _ => {}
        }
    }
    finish(blocks, text.len())
}

fn begin(blocks: &mut Vec<Block>, start: usize, path: &[(HeadingLevel, String)]) {
    let headings = path.iter().map(|(_, title)| title.clone()).collect();
    // What stands before the first block goes with it.
    let start = if blocks.is_empty() { 0 } else { start };
    blocks.push(Block { span: start..start, headings });
}

fn finish(mut blocks: Vec<Block>, end: usize) -> Vec<Block> {
    let starts: Vec<usize> = blocks.iter().skip(1).map(|block| block.span.start).chain([end]).collect();
    for (block, end) in blocks.iter_mut().zip(starts) {
        block.span.end = end;
    }
    if blocks.is_empty() && end > 0 {
        blocks.push(Block { span: 0..end, headings: Vec::new() });
    }
    blocks
}
