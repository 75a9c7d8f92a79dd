//! `mbed embed`

mod arguments;
mod command;
mod stages;
mod summary;
mod tolerant;

pub(crate) use arguments::EmbedArguments;
pub(crate) use command::run;
