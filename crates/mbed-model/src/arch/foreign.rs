//! Models of architectures without a spec, handed over as they are to a backend that may know them.

use std::sync::Arc;

use mbed_core::{ForeignModel, ModelSource, Weights};

use super::ConfigFile;
use super::families::add_head;
use crate::ModelError;
use crate::modules::Modules;
use crate::tensors::NamedTensors;

pub(super) fn describe(
    model_type: &str,
    config: &ConfigFile,
    modules: &Modules,
    tensors: NamedTensors,
) -> Result<ModelSource, ModelError> {
    let hidden = first_size(config, &["hidden_size", "dim", "n_embd", "d_model"])?;
    modules.check_lengths(hidden)?;
    let mut head_weights = Weights::new();
    add_head(&mut head_weights, modules)?;
    Ok(ModelSource::Foreign(ForeignModel {
        architecture: model_type.to_owned(),
        config: config.text(),
        tensors: Arc::new(tensors.by_name),
        hidden,
        max_tokens: max_tokens(model_type, config)?,
        head: modules.head.clone(),
        head_weights: Arc::new(head_weights),
    }))
}

fn first_size(config: &ConfigFile, keys: &[&str]) -> Result<usize, ModelError> {
    for key in keys {
        if let Some(size) = config.optional_size(key)? {
            return Ok(size);
        }
    }
    config.size(keys.first().copied().unwrap_or("hidden_size"))
}

/// RoBERTa and its relatives count positions from the padding token's number on, and lose that many.
fn max_tokens(model_type: &str, config: &ConfigFile) -> Result<usize, ModelError> {
    let positions = first_size(config, &["max_position_embeddings", "n_positions", "max_trained_positions"])?;
    let lost = match model_type {
        "roberta" | "xlm-roberta" | "camembert" | "mpnet" => {
            config.optional_number("pad_token_id")?.unwrap_or(1).saturating_add(1)
        }
        _ => 0,
    };
    Ok(positions.saturating_sub(lost))
}
