//! Qwen2 and Qwen3: causal models, each token looking at those before it.
//!
//! Both keep keys and values between calls to go on with a text. An embedding has nothing to go on with, so each
//! group of sequences is given to a fresh copy of the model, which shares its weights.

use candle_core::{Result, Tensor};
use candle_transformers::models::{qwen2, qwen3};
use mbed_core::BackendError;

use super::config::Config;
use super::table::ForeignEncoder;
use super::tensors::Tensors;
use crate::errors::unsupported;
use crate::model::{Limits, TokenModel};

/// What the Python library takes where `config.json` is silent.
const EPSILON: f64 = 1e-6;
const ROTARY_BASE: f64 = 10_000.0;

const POSITIONS: &str = "max_position_embeddings";

struct Qwen2(qwen2::Model);

impl TokenModel for Qwen2 {
    fn hidden_states(&self, ids: &Tensor, _type_ids: &Tensor) -> Result<Tensor> {
        self.0.clone().forward(ids, 0, None)
    }
}

struct Qwen3(qwen3::Model);

impl TokenModel for Qwen3 {
    fn hidden_states(&self, ids: &Tensor, _type_ids: &Tensor) -> Result<Tensor> {
        self.0.clone().forward(ids, 0)
    }
}

pub(super) fn load_qwen2(
    config: &Config<'_>,
    tensors: &Tensors<'_>,
    max_tokens: usize,
) -> std::result::Result<ForeignEncoder, BackendError> {
    let common = Common::read(config, tensors)?;
    let head_size = common.hidden / common.heads;
    config.only("head_dim", head_size)?;
    let positions = config.rotary_positions(POSITIONS, max_tokens, head_size)?;
    let settings = qwen2::Config {
        vocab_size: common.vocabulary,
        hidden_size: common.hidden,
        intermediate_size: common.intermediate,
        num_hidden_layers: common.layers,
        num_attention_heads: common.heads,
        num_key_value_heads: common.key_value_heads,
        max_position_embeddings: positions,
        // Wider than any sequence: no window.
        sliding_window: positions,
        max_window_layers: common.layers,
        tie_word_embeddings: true,
        rope_theta: common.rope_theta,
        rms_norm_eps: common.epsilon,
        use_sliding_window: false,
        hidden_act: common.activation,
    };
    let model = qwen2::Model::new(&settings, tensors.builder()).map_err(|error| tensors.error(error))?;
    Ok(common.encoder(Box::new(Qwen2(model)), positions))
}

pub(super) fn load_qwen3(
    config: &Config<'_>,
    tensors: &Tensors<'_>,
    max_tokens: usize,
) -> std::result::Result<ForeignEncoder, BackendError> {
    let common = Common::read(config, tensors)?;
    let head_dim = config.size("head_dim")?;
    let positions = config.rotary_positions(POSITIONS, max_tokens, head_dim)?;
    let settings = qwen3::Config {
        vocab_size: common.vocabulary,
        hidden_size: common.hidden,
        intermediate_size: common.intermediate,
        num_hidden_layers: common.layers,
        num_attention_heads: common.heads,
        head_dim,
        attention_bias: config.flag("attention_bias")?,
        num_key_value_heads: common.key_value_heads,
        max_position_embeddings: positions,
        sliding_window: None,
        max_window_layers: common.layers,
        tie_word_embeddings: true,
        rope_theta: common.rope_theta,
        rms_norm_eps: common.epsilon,
        use_sliding_window: false,
        hidden_act: common.activation,
    };
    let model = qwen3::Model::new(&settings, tensors.builder()).map_err(|error| tensors.error(error))?;
    Ok(common.encoder(Box::new(Qwen3(model)), positions))
}

/// What both configurations hold.
struct Common {
    vocabulary: usize,
    hidden: usize,
    intermediate: usize,
    layers: usize,
    heads: usize,
    key_value_heads: usize,
    rope_theta: f64,
    epsilon: f64,
    activation: candle_nn::Activation,
}

impl Common {
    fn read(config: &Config<'_>, tensors: &Tensors<'_>) -> std::result::Result<Self, BackendError> {
        // Embedding models with code of their own switch the causal mask off by one of these.
        config.only("is_causal", true)?;
        config.only("use_bidirectional_attention", false)?;
        config.only("use_sliding_window", false)?;
        config.absent("rope_scaling")?;
        check_layer_kinds(config)?;
        let (hidden, heads) = config.hidden_and_heads("hidden_size", "num_attention_heads")?;
        let key_value_heads = config.optional_size("num_key_value_heads")?.unwrap_or(heads);
        if !heads.is_multiple_of(key_value_heads) {
            return Err(unsupported(format!("its {heads} heads do not share {key_value_heads} keys evenly")));
        }
        let rope_theta = match config.rope_theta()? {
            Some(base) => base,
            None => config.optional_number("rope_theta")?.unwrap_or(ROTARY_BASE),
        };
        Ok(Self {
            vocabulary: config.size("vocab_size")?,
            hidden,
            intermediate: config.size("intermediate_size")?,
            layers: tensors.check_layers(config.size("num_hidden_layers")?)?,
            heads,
            key_value_heads,
            rope_theta,
            epsilon: config.optional_number("rms_norm_eps")?.unwrap_or(EPSILON),
            activation: config.activation("hidden_act")?,
        })
    }

    fn encoder(self, tokens: Box<dyn TokenModel>, max_tokens: usize) -> ForeignEncoder {
        let limits = Limits { vocabulary: self.vocabulary, segments: 1, max_tokens };
        ForeignEncoder { tokens, limits, hidden: self.hidden }
    }
}

fn check_layer_kinds(config: &Config<'_>) -> std::result::Result<(), BackendError> {
    let kinds = config.list("layer_types").unwrap_or_default();
    match kinds.iter().find(|kind| kind.as_str() != Some("full_attention")) {
        None => Ok(()),
        Some(kind) => {
            Err(config.refuse("layer_types", kind, "candle-transformers computes only `full_attention`"))
        }
    }
}
