//! Options that say where texts are cut.

use std::num::NonZeroUsize;

use clap::Args;
use mbed::settings::{ChunkSize, Threshold};

use crate::settings_options::Flags;

/// How chunks are made, where `mbed chunk` makes them.
#[derive(Debug, Args)]
pub(crate) struct ChunkOptions {
    /// Where texts are cut: after so many characters, at the best place (without this), at the headings of Markdown, where
    /// the meaning changes, in chunks of chunks, or as each document asks for
    #[arg(long, value_name = "STRATEGY", value_parser = STRATEGIES, help_heading = "Chunks")]
    strategy: Option<String>,
    /// The most that a chunk may hold: a number with c for characters, w for words or t for tokens of the model; what the
    /// model allows without this
    #[arg(long, value_name = "SIZE", help_heading = "Chunks")]
    size: Option<ChunkSize>,
    /// How much a chunk shares with the one before it, in the unit of the size
    #[arg(long, value_name = "N", help_heading = "Chunks")]
    overlap: Option<usize>,
    /// Levels of a hierarchy; each has a quarter of the size of the one above it
    #[arg(long, value_name = "N", help_heading = "Chunks")]
    levels: Option<NonZeroUsize>,
    /// How different neighbouring sentences must be for a cut: percentile:P, deviation:N, interquartile:N or gradient:P
    #[arg(long, value_name = "KIND:AMOUNT", help_heading = "Chunks")]
    threshold: Option<Threshold>,
    /// Sentences on either side that are embedded together with each one (1 without this)
    #[arg(long, value_name = "N", help_heading = "Chunks")]
    buffer: Option<usize>,
}

const STRATEGIES: [&str; 6] = ["character", "recursive", "markdown", "semantic", "hierarchical", "hybrid"];

impl ChunkOptions {
    pub(super) fn flags(&self) -> Flags {
        Flags::default()
            .with("--strategy", "chunking.strategy", self.strategy.as_ref())
            .with("--size", "chunking.size", self.size)
            .with("--overlap", "chunking.overlap", self.overlap)
            .with("--levels", "chunking.levels", self.levels)
            .with("--threshold", "chunking.threshold", self.threshold)
            .with("--buffer", "chunking.buffer", self.buffer)
    }
}

/// How chunks are made, where they are embedded.
#[derive(Debug, Args)]
pub(crate) struct EmbedChunkOptions {
    /// Cut each document into chunks and embed those; text files are then documents too (`mbed chunk --help` tells of the
    /// strategies)
    #[arg(long, value_name = "STRATEGY", value_parser = STRATEGIES, help_heading = "Chunks")]
    chunk: Option<String>,
    /// The most that a chunk may hold, such as 800c, 120w or 256t; what the model allows without this
    #[arg(long, value_name = "SIZE", help_heading = "Chunks")]
    chunk_size: Option<ChunkSize>,
    /// How much a chunk shares with the one before it, in the unit of the size
    #[arg(long, value_name = "N", help_heading = "Chunks")]
    chunk_overlap: Option<usize>,
}

impl EmbedChunkOptions {
    pub(super) fn flags(&self) -> Flags {
        Flags::default()
            .with("--chunk", "chunking.strategy", self.chunk.as_ref())
            .with("--chunk-size", "chunking.size", self.chunk_size)
            .with("--chunk-overlap", "chunking.overlap", self.chunk_overlap)
    }
}
