//! ModernBERT.
//!
//! candle-transformers has its activation (exact GELU), its lack of biases and the order of global and local
//! layers built in, and takes a missing norm before attention for one that is not wanted; all of this is checked
//! here first. Its local layers look `local_attention / 2` tokens to either side, as the Python library's do.

use candle_core::{Result, Tensor};
use candle_transformers::models::modernbert::{Config as Settings, ModernBert};
use mbed_core::BackendError;

use super::config::Config;
use super::table::ForeignEncoder;
use super::tensors::Tensors;
use crate::errors::unsupported;
use crate::model::{Limits, TokenModel};

/// What the Python library takes where `config.json` is silent.
const EPSILON: f64 = 1e-5;
const GLOBAL_BASE: f64 = 160_000.0;
const LOCAL_BASE: f64 = 10_000.0;
const GLOBAL_EVERY: usize = 3;
const LOCAL_ATTENTION: usize = 128;

struct Modern(ModernBert);

impl TokenModel for Modern {
    fn hidden_states(&self, ids: &Tensor, _type_ids: &Tensor) -> Result<Tensor> {
        self.0.forward(ids, &ids.ones_like()?)
    }
}

pub(super) fn load(
    config: &Config<'_>,
    tensors: &Tensors<'_>,
    max_tokens: usize,
) -> std::result::Result<ForeignEncoder, BackendError> {
    let settings = settings(config, max_tokens)?;
    tensors.check_layers(settings.num_hidden_layers)?;
    check_layer_kinds(config, &settings)?;
    check_attention_norms(tensors, &settings)?;
    let model = ModernBert::load(tensors.builder(), &settings).map_err(|error| tensors.error(error))?;
    let limits =
        Limits { vocabulary: settings.vocab_size, segments: 1, max_tokens: settings.max_position_embeddings };
    Ok(ForeignEncoder { tokens: Box::new(Modern(model)), limits, hidden: settings.hidden_size })
}

fn settings(config: &Config<'_>, max_tokens: usize) -> std::result::Result<Settings, BackendError> {
    for bias in ["attention_bias", "mlp_bias", "norm_bias"] {
        config.only(bias, false)?;
    }
    config.only("hidden_activation", "gelu")?;
    config.absent("rope_scaling")?;
    let (hidden_size, num_attention_heads) = config.hidden_and_heads("hidden_size", "num_attention_heads")?;
    let head_size = hidden_size / num_attention_heads;
    let (global_rope_theta, local_rope_theta) = rotary_bases(config)?;
    Ok(Settings {
        vocab_size: config.size("vocab_size")?,
        hidden_size,
        num_hidden_layers: config.size("num_hidden_layers")?,
        num_attention_heads,
        intermediate_size: config.size("intermediate_size")?,
        max_position_embeddings: config.rotary_positions("max_position_embeddings", max_tokens, head_size)?,
        layer_norm_eps: config.optional_number("norm_eps")?.unwrap_or(EPSILON),
        pad_token_id: config.row_or("pad_token_id", 0)?,
        global_attn_every_n_layers: config
            .optional_size("global_attn_every_n_layers")?
            .unwrap_or(GLOBAL_EVERY),
        global_rope_theta,
        local_attention: config.optional_size("local_attention")?.unwrap_or(LOCAL_ATTENTION),
        local_rope_theta,
        classifier_config: None,
    })
}

/// The bases of global and local layers. A local one that is there and `null` means the global one.
fn rotary_bases(config: &Config<'_>) -> std::result::Result<(f64, f64), BackendError> {
    let global = match config.rope_theta_of("full_attention")? {
        Some(base) => base,
        None => config.optional_number("global_rope_theta")?.unwrap_or(GLOBAL_BASE),
    };
    let local = match config.rope_theta_of("sliding_attention")? {
        Some(base) => base,
        None if config.has("local_rope_theta") => {
            config.optional_number("local_rope_theta")?.unwrap_or(global)
        }
        None => LOCAL_BASE,
    };
    Ok((global, local))
}

/// candle-transformers counts layers; newer files list the kind of each, which must come to the same.
fn check_layer_kinds(config: &Config<'_>, settings: &Settings) -> std::result::Result<(), BackendError> {
    let Some(kinds) = config.list("layer_types") else { return Ok(()) };
    let every = settings.global_attn_every_n_layers;
    let counted = (0..settings.num_hidden_layers)
        .map(|layer| if layer.is_multiple_of(every) { "full_attention" } else { "sliding_attention" });
    if kinds.iter().map(|kind| kind.as_str().unwrap_or_default()).eq(counted) {
        return Ok(());
    }
    Err(unsupported(format!(
        "its `layer_types` are not a global layer every {every}, which is all candle-transformers computes"
    )))
}

/// The first layer has no norm before attention, all others have one.
fn check_attention_norms(
    tensors: &Tensors<'_>,
    settings: &Settings,
) -> std::result::Result<(), BackendError> {
    let name = |layer| format!("model.layers.{layer}.attn_norm.weight");
    if tensors.contains(&name(0)) {
        return Err(unsupported("its first layer has a norm before attention"));
    }
    for layer in 1..settings.num_hidden_layers {
        tensors.builder().get(settings.hidden_size, &name(layer)).map_err(|error| tensors.error(error))?;
    }
    Ok(())
}
