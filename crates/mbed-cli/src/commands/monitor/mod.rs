//! `mbed monitor`

mod command;
mod view;

pub(crate) use command::{MonitorArguments, run};
