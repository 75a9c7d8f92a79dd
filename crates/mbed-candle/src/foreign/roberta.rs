//! RoBERTa, XLM-RoBERTa and CamemBERT.
//!
//! candle-transformers numbers positions as the Python library does: from `pad_token_id + 1` on, a padding token
//! within a text standing at `pad_token_id` itself. So that many rows of the table are never a text's.

use candle_core::{Result, Tensor};
use candle_transformers::models::xlm_roberta::{Config as Settings, XLMRobertaModel};
use mbed_core::BackendError;

use super::config::Config;
use super::table::ForeignEncoder;
use super::tensors::Tensors;
use crate::errors::unsupported;
use crate::model::{Limits, TokenModel};

/// What the Python library takes where `config.json` is silent.
const EPSILON: f64 = 1e-12;
const PAD_TOKEN: u32 = 1;

struct Roberta(XLMRobertaModel);

impl TokenModel for Roberta {
    fn hidden_states(&self, ids: &Tensor, type_ids: &Tensor) -> Result<Tensor> {
        self.0.forward(ids, &ids.ones_like()?, type_ids, None, None, None)
    }
}

pub(super) fn load(
    config: &Config<'_>,
    tensors: &Tensors<'_>,
    max_tokens: usize,
) -> std::result::Result<ForeignEncoder, BackendError> {
    let settings = settings(config)?;
    tensors.check_layers(settings.num_hidden_layers)?;
    let model = XLMRobertaModel::new(&settings, tensors.builder()).map_err(|error| tensors.error(error))?;
    let positions = positions(&settings)?;
    let limits = Limits {
        vocabulary: settings.vocab_size,
        segments: settings.type_vocab_size,
        max_tokens: positions.min(max_tokens),
    };
    Ok(ForeignEncoder { tokens: Box::new(Roberta(model)), limits, hidden: settings.hidden_size })
}

/// How many positions a text has in the table.
fn positions(settings: &Settings) -> std::result::Result<usize, BackendError> {
    let (rows, pad_token) = (settings.max_position_embeddings, settings.pad_token_id);
    let first = usize::try_from(pad_token).unwrap_or(usize::MAX).saturating_add(1);
    match rows.checked_sub(first) {
        Some(positions) if positions > 0 => Ok(positions),
        _ => Err(unsupported(format!("its `pad_token_id`, {pad_token}, leaves none of {rows} positions"))),
    }
}

fn settings(config: &Config<'_>) -> std::result::Result<Settings, BackendError> {
    config.only("position_embedding_type", "absolute")?;
    config.only("is_decoder", false)?;
    let (hidden_size, num_attention_heads) = config.hidden_and_heads("hidden_size", "num_attention_heads")?;
    Ok(Settings {
        hidden_size,
        layer_norm_eps: config.optional_number("layer_norm_eps")?.unwrap_or(EPSILON),
        attention_probs_dropout_prob: 0.0,
        hidden_dropout_prob: 0.0,
        num_attention_heads,
        position_embedding_type: "absolute".to_owned(),
        intermediate_size: config.size("intermediate_size")?,
        hidden_act: config.activation("hidden_act")?,
        num_hidden_layers: config.size("num_hidden_layers")?,
        vocab_size: config.size("vocab_size")?,
        max_position_embeddings: config.size("max_position_embeddings")?,
        type_vocab_size: config.size("type_vocab_size")?,
        pad_token_id: config.row_or("pad_token_id", PAD_TOKEN)?,
    })
}
