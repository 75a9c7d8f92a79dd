//! `mbed run`

mod arguments;
mod command;
mod job_file;
mod line;

pub(crate) use arguments::RunArguments;
pub(crate) use command::run;
pub(crate) use job_file::output_of;
