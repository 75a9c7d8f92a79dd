//! mbed turns texts into embedding vectors on whatever hardware is there.
//!
//! ```
//! use mbed::Embedder;
//!
//! # fn main() -> Result<(), mbed::Error> {
//! // A folder as here, or a name on the hub: "sentence-transformers/all-MiniLM-L6-v2".
//! let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/models/bert-mean");
//! let mut embedder = Embedder::open(model)?;
//! let vectors = embedder.embed(&["the bridge near the harbour", "a quiet library"])?;
//! assert_eq!((vectors.rows(), vectors.dimensions()), (2, 64));
//! let length: f32 = vectors.iter().next().unwrap().iter().map(|x| x * x).sum();
//! assert!((length - 1.0).abs() < 1e-5, "this model normalises");
//! # Ok(())
//! # }
//! ```
//!
//! [`Embedder::open`] takes the defaults; [`open`] takes [`Settings`](settings::Settings) and a
//! [`Context`] that says where models may come from and who hears of progress. [`config`] reads settings from files
//! and variables, as the command line does:
//!
//! ```no_run
//! use mbed::Context;
//! use mbed::config::{Environment, Sources, resolve};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let environment = Environment::read();
//! let context = Context::new(&environment)?;
//! let resolved = resolve(&Sources::usual(environment, std::env::current_dir().ok()))?;
//! for warning in &resolved.warnings {
//!     eprintln!("{warning}");
//! }
//! let mut opened = mbed::open(&resolved.settings, &context)?;
//! let vectors = opened.embedder.embed(&["the bridge near the harbour"])?;
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | effect | default |
//! |---|---|---|
//! | `cpu` | the CPU backend | yes |
//! | `candle` | the reference backend on candle | no |
//! | `onnx` | ONNX Runtime, whose library is loaded at run time | no |

mod chunking;
mod context;
mod embedder;
mod error;
mod export;
mod onnx_runtime;
mod open;
mod registry;
mod sessions;
mod sizing;

pub use chunking::chunker;
pub use context::Context;
pub use embedder::Embedder;
pub use error::{Error, Refusal};
pub use export::{Exported, export_onnx};
pub use mbed_config as config;
pub use mbed_core::{
    Bytes, Capabilities, DeviceId, DeviceInfo, Embeddings, Hint, Precision, PrecisionChoice, Probe, Progress,
    Silent, StageTime, Task, settings,
};
pub use mbed_engine::memory;
pub use mbed_engine::{Cancel, Engine, EngineError, Rows, RunError, RunStats, Sink, Source};
pub use mbed_text::chunk;
pub use onnx_runtime::fetch_onnx_runtime;
pub use open::{Opened, check_backend, open};
pub use registry::{KNOWN_BACKENDS, Place, places, probe};
