//! Sizes that every `config.json` names, by one of several names.

use super::ConfigFile;
use crate::ModelError;

/// What the length of a token's hidden state is called.
const HIDDEN: [&str; 4] = ["hidden_size", "dim", "n_embd", "d_model"];

/// What the number of positions is called.
const POSITIONS: [&str; 3] = ["max_position_embeddings", "n_positions", "max_trained_positions"];

/// Length of a token's hidden state.
pub(crate) fn hidden(config: &ConfigFile) -> Result<usize, ModelError> {
    match first(config, &HIDDEN)? {
        Some(size) => Ok(size),
        None => config.size(HIDDEN[0]),
    }
}

/// The most tokens of a sequence.
pub(crate) fn max_tokens(model_type: &str, config: &ConfigFile) -> Result<usize, ModelError> {
    match stated_max_tokens(model_type, config)? {
        Some(tokens) => Ok(tokens),
        None => config.size(POSITIONS[0]),
    }
}

/// The most tokens of a sequence, where the number of positions is bounded. RoBERTa and its relatives count positions from the padding token's number on, and lose that many.
pub(crate) fn stated_max_tokens(model_type: &str, config: &ConfigFile) -> Result<Option<usize>, ModelError> {
    let Some(positions) = first(config, &POSITIONS)? else { return Ok(None) };
    let lost = match model_type {
        "roberta" | "xlm-roberta" | "camembert" | "mpnet" => {
            config.optional_number("pad_token_id")?.unwrap_or(1).saturating_add(1)
        }
        _ => 0,
    };
    Ok(Some(positions.saturating_sub(lost)))
}

fn first(config: &ConfigFile, keys: &[&str]) -> Result<Option<usize>, ModelError> {
    for key in keys {
        if let Some(size) = config.optional_size(key)? {
            return Ok(Some(size));
        }
    }
    Ok(None)
}
