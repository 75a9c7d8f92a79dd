//! `mbed config`

mod arguments;
mod check;
mod init;
mod path;
mod show;

pub(crate) use arguments::{ConfigArguments, run};
