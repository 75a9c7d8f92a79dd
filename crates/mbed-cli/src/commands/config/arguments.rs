//! What `mbed config` takes.

use clap::{Args, Subcommand, ValueEnum};
use mbed_config::{Sources, reference};

use super::{check, init, path, show};
use crate::failure::Failure;
use crate::printer::Printer;
use crate::status::Status;

/// Show, check and begin files of settings
///
/// From the weakest to the strongest: built-in values, a preset, the machine's file, the person's, the project's
/// `mbed.toml`, files named with --config, variables such as MBED_BATCHING__BATCH_SIZE, options.
#[derive(Debug, Args)]
pub(crate) struct ConfigArguments {
    #[command(subcommand)]
    action: Action,
}

/// What to do with settings.
#[derive(Debug, Subcommand)]
enum Action {
    Show(show::ShowArguments),
    Check(check::CheckArguments),
    Init(init::InitArguments),
    /// List the files that settings are read from, the weakest first, and whether each is there
    Path,
    /// Print the JSON schema of a file of settings, for editors
    Schema,
    /// Print a page of the reference
    #[command(hide = true)]
    Reference {
        /// Which
        page: Page,
    },
}

/// A page of the reference.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Page {
    Settings,
    Environment,
}

pub(crate) fn run(
    arguments: &ConfigArguments,
    sources: &Sources,
    printer: &Printer,
) -> Result<Status, Failure> {
    match &arguments.action {
        Action::Show(arguments) => return show::run(arguments, sources, printer),
        Action::Check(arguments) => return check::run(arguments, sources, printer),
        Action::Init(arguments) => return init::run(arguments, sources, printer),
        Action::Path => path::run(sources, printer),
        Action::Schema => printer.data(reference::schema().trim_end()),
        Action::Reference { page } => {
            let page = match page {
                Page::Settings => reference::settings_page(),
                Page::Environment => reference::environment_page(),
            };
            printer.data(page.trim_end());
        }
    }
    Ok(Status::Success)
}
