//! `mbed onnx`

use clap::{Args, Subcommand};
use mbed_model::Refresh;

use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::progress::Bars;
use crate::settings_options::Flags;
use crate::status::Status;

/// Get ONNX Runtime's library
#[derive(Debug, Args)]
pub(crate) struct OnnxArguments {
    #[command(subcommand)]
    action: Action,
}

/// What to do with the library.
#[derive(Debug, Subcommand)]
enum Action {
    /// Fetch the library with `pip`, unless that was done before, and print its path; `--backend onnx` does so by
    /// itself where it finds none
    Fetch {
        /// Fetch it again
        #[arg(long)]
        force: bool,
        /// Use only what is on this machine: open no connection
        #[arg(long)]
        offline: bool,
    },
}

impl OnnxArguments {
    pub(crate) fn flags(&self) -> Flags {
        let Action::Fetch { offline, .. } = self.action;
        Flags::default().with("--offline", "model.offline", offline.then_some(true))
    }
}

pub(crate) fn run(arguments: &OnnxArguments, invocation: &Invocation) -> Result<Status, Failure> {
    let Action::Fetch { force, .. } = arguments.action;
    let refresh = if force { Refresh::Always } else { Refresh::IfMissing };
    let bars = Bars::new(&invocation.printer);
    let library = mbed::fetch_onnx_runtime(&invocation.context(&bars)?, refresh)?;
    invocation.printer.data(&library.display().to_string());
    Ok(Status::Success)
}
