//! `mbed config check`

use std::path::PathBuf;

use clap::Args;
use mbed_config::{FileState, Origin, Sources};

use crate::failure::Failure;
use crate::printer::Printer;
use crate::status::Status;

/// Check a file of settings by itself, or without one all settings as they count here
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// The file
    file: Option<PathBuf>,
}

pub(super) fn run(
    arguments: &CheckArguments,
    sources: &Sources,
    printer: &Printer,
) -> Result<Status, Failure> {
    let alone = |file: &PathBuf| Sources { named_files: vec![file.clone()], ..Sources::default() };
    let alone = arguments.file.as_ref().map(alone);
    let resolved = mbed_config::resolve(alone.as_ref().unwrap_or(sources))?;
    for warning in &resolved.warnings {
        printer.note(&format!("warning: {warning}"));
    }
    for file in resolved.files.iter().filter(|file| file.state == FileState::Read) {
        printer.data(&format!("{} is right", file.path.display()));
    }
    let set = resolved.values.iter().filter(|value| value.origin != Origin::Default).count();
    printer.note(&format!("{set} of {} settings are set", resolved.values.len()));
    Ok(Status::Success)
}
