//! Graphics cards to watch.

use mbed_monitor::{Gpus, MonitorError};

use crate::failure::Failure;
use crate::printer::Printer;

/// The graphics cards. A library that is there and does not work is told; everything else goes on without it.
pub(crate) fn load(printer: &Printer) -> Option<Gpus> {
    match Gpus::load() {
        Ok(gpus) => Some(gpus),
        Err(MonitorError::NoLibrary { .. }) => None,
        Err(error) => {
            printer.note(&Failure::from(error).to_string());
            None
        }
    }
}
