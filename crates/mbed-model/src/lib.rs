//! From a model's name to its folder, and from its folder to an encoder spec, weights and text rules.

mod arch;
mod error;
mod fingerprint;
mod folder;
mod graph;
mod json;
mod mapped;
mod modules;
mod pickle;
mod source;
mod static_model;
mod tensors;
mod text_rules;

pub use arch::known_families;
pub use error::ModelError;
pub use fingerprint::fingerprint;
pub use folder::{Model, load, load_folder};
pub use pickle::PickleError;
pub use source::{
    Attempt, CachedModel, FileCheck, KnownModel, KnownModels, KnownWheel, Locations, ModelId, Network,
    NotASha256, OnnxRuntimeWheels, Origin, Place, Refresh, ResolvedModel, Revision, Sha256, SourceError,
    Verdict, copy_without_encoder, list, pull, resolve, verify,
};
