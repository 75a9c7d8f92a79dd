//! Chunks that follow the structure of Markdown.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag};

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
        Ok(cut(&Ruler::new(text, &self.sizes)?, &Outline::of(text), &self.sizes))
    }
}

/// The chunks of a text with this outline.
pub(super) fn cut(ruler: &Ruler<'_>, outline: &Outline, sizes: &Sizes) -> Vec<Chunk> {
    let mut packing = Packing { ruler, outline, sizes, chunks: Vec::new() };
    let mut open: Option<Block> = None;
    for &block in &outline.blocks {
        open = Some(match open {
            None => block,
            Some(held) if packing.fit_together(held, block) => Block { end: block.end, ..held },
            Some(held) => {
                packing.close(held);
                block
            }
        });
    }
    if let Some(held) = open {
        packing.close(held);
    }
    packing.chunks
}

struct Packing<'a> {
    ruler: &'a Ruler<'a>,
    outline: &'a Outline,
    sizes: &'a Sizes,
    chunks: Vec<Chunk>,
}

impl Packing<'_> {
    fn fit_together(&self, held: Block, block: Block) -> bool {
        let units = || self.ruler.units_before(block.end) - self.ruler.units_before(held.start);
        held.path == block.path && units() <= self.sizes.most.get()
    }

    fn close(&mut self, block: Block) {
        let headings = self.outline.paths.get(block.path);
        let spans = recursive::spans(self.ruler, block.start..block.end, self.sizes).into_iter();
        let chunk = |span| Chunk { headings: headings.cloned().unwrap_or_default(), ..Chunk::top(span) };
        self.chunks.extend(spans.map(chunk));
    }
}

/// A block at the top of a document, with what stands before the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    start: usize,
    end: usize,
    /// The number of the headings above it, in [`Outline::paths`].
    path: usize,
}

/// What a document has of Markdown.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// Together they are all of the document. A heading is the first block of what stands below it.
    blocks: Vec<Block>,
    /// The headings above blocks, the outermost first, one list for each heading and an empty one before them.
    paths: Vec<Vec<String>>,
    /// How many headings there are at all.
    pub(super) headings: usize,
    /// How many blocks of code and tables.
    pub(super) whole_blocks: usize,
}

impl Outline {
    pub(super) fn of(text: &str) -> Self {
        let mut reading =
            Reading { outline: Self { paths: vec![Vec::new()], ..Self::default() }, ..Reading::default() };
        let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_TASKLISTS;
        for (event, span) in Parser::new_ext(text, options).into_offset_iter() {
            reading.take(event, span.start);
        }
        reading.outline.finish(text.len())
    }

    fn finish(mut self, end: usize) -> Self {
        if self.blocks.is_empty() && end > 0 {
            self.blocks.push(Block { start: 0, end, path: 0 });
        }
        let mut next = end;
        for block in self.blocks.iter_mut().rev() {
            block.end = next;
            next = block.start;
        }
        self
    }
}

/// An outline while a document is read.
#[derive(Default)]
struct Reading {
    outline: Outline,
    /// The headings above what comes next.
    path: Vec<(HeadingLevel, String)>,
    /// Blocks that are open.
    depth: usize,
    /// The heading that is open.
    title: Option<(HeadingLevel, usize, String)>,
}

impl Reading {
    fn take(&mut self, event: Event<'_>, start: usize) {
        match event {
            Event::Start(tag) => {
                self.outline.headings += usize::from(matches!(tag, Tag::Heading { .. }));
                self.outline.whole_blocks += usize::from(matches!(tag, Tag::CodeBlock(_) | Tag::Table(_)));
                match tag {
                    // One inside of a quotation or a list heads nothing below it.
                    Tag::Heading { level, .. } if self.depth == 0 => {
                        self.title = Some((level, start, String::new()));
                    }
                    _ if self.depth == 0 => self.begin(start),
                    _ => {}
                }
                self.depth += 1;
            }
            Event::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                if let Some((level, start, words)) = self.title.take_if(|_| self.depth == 0) {
                    self.path.retain(|(above, _)| *above < level);
                    self.path.push((level, words.trim().to_owned()));
                    self.outline.paths.push(self.path.iter().map(|(_, title)| title.clone()).collect());
                    self.begin(start);
                }
            }
            Event::Text(words) | Event::Code(words) => {
                if let Some((_, _, title)) = &mut self.title {
                    title.push_str(&words);
                }
            }
            _ if self.depth == 0 => self.begin(start),
            _ => {}
        }
    }

    fn begin(&mut self, start: usize) {
        // What stands before the first block goes with it.
        let start = if self.outline.blocks.is_empty() { 0 } else { start };
        self.outline.blocks.push(Block { start, end: start, path: self.outline.paths.len() - 1 });
    }
}
