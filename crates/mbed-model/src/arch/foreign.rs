//! Models of architectures without a spec, handed over as they are to a backend that may know them.

use std::sync::Arc;

use mbed_core::{ForeignModel, ModelSource, Weights};

use super::families::add_head;
use super::{ConfigFile, sizes};
use crate::ModelError;
use crate::modules::Modules;
use crate::tensors::NamedTensors;

pub(super) fn describe(
    model_type: &str,
    config: &ConfigFile,
    modules: &Modules,
    tensors: NamedTensors,
) -> Result<ModelSource, ModelError> {
    let hidden = sizes::hidden(config)?;
    modules.check_lengths(hidden)?;
    let mut head_weights = Weights::new();
    add_head(&mut head_weights, modules)?;
    Ok(ModelSource::Foreign(ForeignModel {
        architecture: model_type.to_owned(),
        config: config.text(),
        tensors: Arc::new(tensors.by_name),
        hidden,
        max_tokens: sizes::max_tokens(model_type, config)?,
        head: modules.head.clone(),
        head_weights: Arc::new(head_weights),
    }))
}
