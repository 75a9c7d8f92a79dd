//! `mbed tune`

mod command;
mod plan;
mod report;
mod sweep;
mod texts;

pub(crate) use command::{TuneArguments, run};
