//! `mbed completions`

use std::io;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::args::Arguments;
use crate::status::Status;

/// Print a script that completes mbed's commands and options in a shell
///
/// For bash, for example: mbed completions bash > ~/.local/share/bash-completion/completions/mbed
#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(arguments: &CompletionsArguments) -> Status {
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "mbed", &mut io::stdout());
    Status::Success
}
