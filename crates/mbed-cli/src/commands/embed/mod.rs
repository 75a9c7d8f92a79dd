//! `mbed embed`

mod arguments;
mod command;
mod summary;

pub(crate) use arguments::EmbedArguments;
pub(crate) use command::run;
