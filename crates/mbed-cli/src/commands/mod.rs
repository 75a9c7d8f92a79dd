//! One module a command.

pub(crate) mod bench;
mod choice;
pub(crate) mod chunk;
mod chunk_options;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod devices;
mod dispatch;
pub(crate) mod embed;
mod input_options;
pub(crate) mod job;
mod memory_words;
pub(crate) mod model;
mod model_info;
mod model_options;
pub(crate) mod monitor;
pub(crate) mod onnx;
mod parquet_options;
pub(crate) mod plan;
pub(crate) mod profile;
pub(crate) mod run;
pub(crate) mod similarity;
pub(crate) mod tune;

pub(crate) use dispatch::run as dispatch;
