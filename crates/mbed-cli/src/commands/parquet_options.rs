//! Options that say how Parquet is written.

use std::num::NonZeroUsize;

use clap::Args;
use mbed_pipeline::ParquetOptions;

/// How Parquet is written.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ParquetArguments {
    /// The most rows of a row group of Parquet; as many as have 64 MiB of vectors without this
    #[arg(long, value_name = "N", help_heading = "Output")]
    pub(in crate::commands) row_group_rows: Option<NonZeroUsize>,
    /// The level of zstd in Parquet, 1 (without this) to 22
    #[arg(long, value_name = "LEVEL", value_parser = clap::value_parser!(i32).range(1..=22), help_heading = "Output")]
    pub(in crate::commands) zstd: Option<i32>,
}

impl ParquetArguments {
    pub(in crate::commands) fn options(&self) -> ParquetOptions {
        let mut options = ParquetOptions::default();
        options.row_group_rows = self.row_group_rows;
        options.zstd_level = self.zstd.unwrap_or(options.zstd_level);
        options
    }

    /// What was typed, and of another where nothing was.
    pub(in crate::commands) fn or(&self, other: &Self) -> Self {
        Self { row_group_rows: self.row_group_rows.or(other.row_group_rows), zstd: self.zstd.or(other.zstd) }
    }
}
