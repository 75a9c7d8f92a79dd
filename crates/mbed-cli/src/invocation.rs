//! What every command works with: settings, the environment, a printer.

use std::time::Instant;

use mbed::settings::Settings;
use mbed::{Context, Progress};
use mbed_config::{Environment, Origin, Resolved, Sources};
use mbed_model::Network;

use crate::failure::Failure;
use crate::logging;
use crate::printer::Printer;
use crate::settings_options::Flags;

/// What every command works with.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) printer: Printer,
    pub(crate) environment: Environment,
    pub(crate) resolved: Resolved,
    /// When the process began.
    pub(crate) start: Instant,
}

impl Invocation {
    /// Reads all settings, begins to log, and tells what deserves a look.
    pub(crate) fn begin(sources: &Sources, printer: &Printer, start: Instant) -> Result<Self, Failure> {
        let resolved = mbed_config::resolve(sources)?;
        let is_chosen = resolved.origin("logging.level").is_some_and(|origin| *origin != Origin::Default);
        let mut logging = resolved.settings.logging.clone();
        if printer.is_quiet() && !is_chosen {
            logging.level.others = mbed::settings::LogLevel::Error;
        }
        logging::start(&logging, printer);
        for warning in &resolved.warnings {
            tracing::warn!("{warning}");
        }
        let environment = sources.environment.clone().unwrap_or_else(Environment::read);
        Ok(Self { printer: printer.clone(), environment, resolved, start })
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.resolved.settings
    }

    /// Where models may come from; `progress` hears of downloads.
    pub(crate) fn context<'a>(&self, progress: &'a dyn Progress) -> Result<Context<'a>, Failure> {
        let Context { mut locations, onnx_libraries, ledgers, profiles, .. } =
            Context::new(&self.environment)?;
        let model = &self.settings().model;
        if model.offline {
            let because = match self.resolved.origin("model.offline") {
                Some(Origin::Flag(name)) => name.clone(),
                Some(origin) => format!("model.offline, {origin}"),
                None => "model.offline".to_owned(),
            };
            locations.network = Network::Offline { because };
        }
        Ok(Context {
            locations,
            onnx_libraries,
            revision: model.revision.clone(),
            progress,
            ledgers,
            profiles,
        })
    }
}

/// The usual places, the files that were named and what was typed.
pub(crate) fn sources(files: &[std::path::PathBuf], flags: Flags) -> Sources {
    // Where the folder cannot be told there is no project to look for.
    let folder = std::env::current_dir().ok();
    Sources { named_files: files.to_vec(), flags: flags.0, ..Sources::usual(Environment::read(), folder) }
}
