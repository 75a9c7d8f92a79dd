//! Settings in layers, and the one place that reads the environment.
//!
//! [`Environment::read`] looks at the process once, at the start; everything behind it works on the value that
//! came out, so that a test makes an environment of its own from a table.

pub mod env_vars;
mod environment;
mod error;
mod platform;

pub use environment::Environment;
pub use error::ConfigError;
pub use platform::Platform;
