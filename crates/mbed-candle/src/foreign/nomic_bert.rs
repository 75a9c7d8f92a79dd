//! NomicBERT, in the two forms of its `config.json`: that of the model's own code (`n_embd`, ...), and that of
//! transformers 5 (`hidden_size`, ...). The tensors have the same names in both.

use candle_core::{Result, Tensor};
use candle_transformers::models::nomic_bert::{Config as Settings, NomicBertModel};
use mbed_core::BackendError;

use super::config::Config;
use super::table::ForeignEncoder;
use super::tensors::Tensors;
use crate::model::{Limits, TokenModel};

/// What the Python library takes where `config.json` is silent.
const EPSILON: f64 = 1e-12;
const ROTARY_BASE: f64 = 1000.0;

struct NomicBert(NomicBertModel);

impl TokenModel for NomicBert {
    fn hidden_states(&self, ids: &Tensor, type_ids: &Tensor) -> Result<Tensor> {
        self.0.forward(ids, Some(type_ids), None)
    }
}

pub(super) fn load(
    config: &Config<'_>,
    tensors: &Tensors<'_>,
    max_tokens: usize,
) -> std::result::Result<ForeignEncoder, BackendError> {
    let settings = if config.has("n_embd") {
        own_settings(config, max_tokens)?
    } else {
        library_settings(config, max_tokens)?
    };
    tensors.check_layers(settings.n_layer)?;
    let model = NomicBertModel::load(tensors.builder(), &settings).map_err(|error| tensors.error(error))?;
    let limits = Limits {
        vocabulary: settings.vocab_size,
        segments: settings.type_vocab_size,
        max_tokens: settings.n_positions,
    };
    Ok(ForeignEncoder { tokens: Box::new(NomicBert(model)), limits, hidden: settings.n_embd })
}

/// The form of the model's own code, which has switches for other models than those that were published.
fn own_settings(config: &Config<'_>, max_tokens: usize) -> std::result::Result<Settings, BackendError> {
    for switch in ["prenorm", "use_rms_norm", "causal", "parallel_block", "scale_attn_by_inverse_layer_idx"] {
        config.only(switch, false)?;
    }
    for scaling in ["rotary_emb_scale_base", "rotary_scaling_factor", "num_experts"] {
        config.absent(scaling)?;
    }
    config.only("rotary_emb_fraction", 1.0)?;
    config.only("activation_function", "swiglu")?;
    config.only("moe_every_n_layers", 0)?;
    let (n_embd, n_head) = config.hidden_and_heads("n_embd", "n_head")?;
    Ok(Settings {
        vocab_size: config.size("vocab_size")?,
        n_embd,
        n_head,
        n_layer: config.size("n_layer")?,
        n_inner: config.size("n_inner")?,
        n_positions: config.rotary_positions("n_positions", max_tokens, n_embd / n_head)?,
        type_vocab_size: config.size("type_vocab_size")?,
        layer_norm_epsilon: config.optional_number("layer_norm_epsilon")?.unwrap_or(EPSILON),
        rotary_emb_base: config.optional_number("rotary_emb_base")?.unwrap_or(ROTARY_BASE),
        rotary_emb_interleaved: config.flag("rotary_emb_interleaved")?,
        qkv_proj_bias: config.flag("qkv_proj_bias")?,
        mlp_fc1_bias: config.flag("mlp_fc1_bias")?,
        mlp_fc2_bias: config.flag("mlp_fc2_bias")?,
        model_type: None,
        ..Settings::default()
    })
}

/// The form of transformers 5, which knows the published models only: no biases, SwiGLU, norms after the sums.
fn library_settings(config: &Config<'_>, max_tokens: usize) -> std::result::Result<Settings, BackendError> {
    config.only("hidden_act", "silu")?;
    let (n_embd, n_head) = config.hidden_and_heads("hidden_size", "num_attention_heads")?;
    config.only("head_dim", n_embd / n_head)?;
    Ok(Settings {
        vocab_size: config.size("vocab_size")?,
        n_embd,
        n_head,
        n_layer: config.size("num_hidden_layers")?,
        n_inner: config.size("intermediate_size")?,
        n_positions: config.rotary_positions("max_position_embeddings", max_tokens, n_embd / n_head)?,
        type_vocab_size: config.size("type_vocab_size")?,
        layer_norm_epsilon: config.optional_number("layer_norm_eps")?.unwrap_or(EPSILON),
        rotary_emb_base: config.rope_theta()?.unwrap_or(ROTARY_BASE),
        model_type: None,
        ..Settings::default()
    })
}
