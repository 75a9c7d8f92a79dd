//! Settings in layers, each value with where it came from, and the one place that reads the environment.
//!
//! [`Environment::read`] looks at the process once, at the start; everything behind it works on the value that
//! came out, so that a test makes an environment of its own from a table. [`resolve`] does the same for settings:
//! [`Sources`] says where to look, [`Resolved`] holds the typed settings, the origin of each and what it replaced.
//!
//! From the weakest to the strongest: what the types say, a preset, the machine's file, the person's, the project's,
//! files that were named, the environment, flags.

mod alias;
mod catalogue;
mod entry;
pub mod env_vars;
mod environment;
mod error;
mod file;
mod onnx_library;
mod origin;
mod platform;
mod preset;
pub mod reference;
mod resolve;
mod resolved;
mod rules;
mod sources;
mod suggest;
mod variables;

pub use catalogue::{Catalogue, Effect, Section, Setting};
pub use environment::Environment;
pub use error::{ConfigError, Stated};
pub use origin::{Layer, Origin, Place};
pub use platform::Platform;
pub use preset::preset_names;
pub use resolve::resolve;
pub use resolved::{FileState, Overridden, Resolved, ResolvedValue, SettingsFile, Warning};
pub use sources::{Flag, PROJECT_FILE, Sources};
