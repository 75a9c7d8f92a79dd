//! `mbed embed`

mod arguments;
mod command;
mod stages;
mod summary;
mod tolerant;

pub(crate) use arguments::{EmbedArguments, OutputChoice};
pub(crate) use command::run;
