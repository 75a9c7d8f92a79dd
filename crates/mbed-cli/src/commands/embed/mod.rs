//! `mbed embed`

mod arguments;
mod command;
mod summary;
mod tolerant;

pub(crate) use arguments::EmbedArguments;
pub(crate) use command::run;
