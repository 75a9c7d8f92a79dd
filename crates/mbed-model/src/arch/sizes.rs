//! Sizes that every `config.json` names, by one of several names.

use super::ConfigFile;
use crate::ModelError;

/// Length of a token's hidden state.
pub(crate) fn hidden(config: &ConfigFile) -> Result<usize, ModelError> {
    first(config, &["hidden_size", "dim", "n_embd", "d_model"])
}

/// RoBERTa and its relatives count positions from the padding token's number on, and lose that many.
pub(crate) fn max_tokens(model_type: &str, config: &ConfigFile) -> Result<usize, ModelError> {
    let positions = first(config, &["max_position_embeddings", "n_positions", "max_trained_positions"])?;
    let lost = match model_type {
        "roberta" | "xlm-roberta" | "camembert" | "mpnet" => {
            config.optional_number("pad_token_id")?.unwrap_or(1).saturating_add(1)
        }
        _ => 0,
    };
    Ok(positions.saturating_sub(lost))
}

fn first(config: &ConfigFile, keys: &[&str]) -> Result<usize, ModelError> {
    for key in keys {
        if let Some(size) = config.optional_size(key)? {
            return Ok(size);
        }
    }
    config.size(keys.first().copied().unwrap_or("hidden_size"))
}
