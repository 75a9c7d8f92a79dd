//! DeBERTa v2 and v3, which score a key's position against a query's content and the other way round.
//!
//! candle-transformers panics at the convolution that a few of them have beside their first layer, and reads some
//! fields more narrowly than the Python library; all of this is checked here first.

use candle_core::{Result, Tensor};
use candle_transformers::models::debertav2::{Config as Settings, DebertaV2Model, HiddenAct};
use mbed_core::spec::Activation;
use serde_json::Value;

use super::config::Config;
use super::table::ForeignEncoder;
use super::tensors::Tensors;
use crate::errors::{OpenResult, unsupported};
use crate::model::{Limits, TokenModel};

/// What the Python library takes where `config.json` is silent.
const EPSILON: f64 = 1e-7;

/// The most positions that a list of their numbers is made for. Published models have 512.
const MOST_POSITIONS: usize = 1 << 20;

struct DebertaV2 {
    model: DebertaV2Model,
    at_once: AtOnce,
}

/// How many sequences candle-transformers takes: where positions are added, it adds those of one.
#[derive(Clone, Copy)]
enum AtOnce {
    One,
    All,
}

impl TokenModel for DebertaV2 {
    fn hidden_states(&self, ids: &Tensor, type_ids: &Tensor) -> Result<Tensor> {
        match self.at_once {
            AtOnce::All => self.model.forward(ids, Some(type_ids.clone()), None),
            AtOnce::One => {
                let one = |sequence| {
                    let type_ids = type_ids.narrow(0, sequence, 1)?;
                    self.model.forward(&ids.narrow(0, sequence, 1)?, Some(type_ids), None)
                };
                Tensor::cat(&(0..ids.dim(0)?).map(one).collect::<Result<Vec<_>>>()?, 0)
            }
        }
    }
}

pub(super) fn load(
    config: &Config<'_>,
    tensors: &Tensors<'_>,
    max_tokens: usize,
) -> OpenResult<ForeignEncoder> {
    let settings = settings(config, max_tokens)?;
    tensors.check_layers(settings.num_hidden_layers)?;
    let model = DebertaV2Model::load(tensors.builder(), &settings).map_err(|error| tensors.error(error))?;
    let limits = Limits {
        vocabulary: settings.vocab_size,
        segments: settings.type_vocab_size.max(1),
        max_tokens: settings.max_position_embeddings.min(max_tokens),
    };
    let at_once = if settings.position_biased_input { AtOnce::One } else { AtOnce::All };
    Ok(ForeignEncoder {
        tokens: Box::new(DebertaV2 { model, at_once }),
        limits,
        hidden: settings.hidden_size,
    })
}

fn settings(config: &Config<'_>, max_tokens: usize) -> OpenResult<Settings> {
    let (hidden_size, num_attention_heads) = config.hidden_and_heads()?;
    config.only("embedding_size", hidden_size)?;
    config.only("attention_head_size", hidden_size / num_attention_heads)?;
    config.only("conv_kernel_size", 0)?;
    let distances = Distances::read(config)?;
    Ok(Settings {
        vocab_size: config.size("vocab_size")?,
        hidden_size,
        num_hidden_layers: config.size("num_hidden_layers")?,
        num_attention_heads,
        intermediate_size: config.size("intermediate_size")?,
        hidden_act: activation(config)?,
        hidden_dropout_prob: 0.0,
        attention_probs_dropout_prob: 0.0,
        max_position_embeddings: positions(config, max_tokens)?,
        type_vocab_size: config.extent("type_vocab_size")?.unwrap_or(0),
        initializer_range: 0.0,
        layer_norm_eps: config.number("layer_norm_eps")?.unwrap_or(EPSILON),
        relative_attention: config.flag("relative_attention")?.unwrap_or(false),
        max_relative_positions: distances.furthest,
        pad_token_id: None,
        position_biased_input: config.flag("position_biased_input")?.unwrap_or(true),
        pos_att_type: position_scores(config)?,
        position_buckets: distances.buckets,
        share_att_key: config.flag("share_att_key")?,
        attention_head_size: None,
        embedding_size: None,
        norm_rel_ebd: Some(norm_of_distances(config)?),
        conv_kernel_size: None,
        conv_groups: None,
        conv_act: None,
        id2label: None,
        label2id: None,
        pooler_dropout: None,
        pooler_hidden_act: None,
        pooler_hidden_size: None,
        cls_dropout: None,
    })
}

/// How many positions there are. Where they have a table this is its length; else no more are needed than sequences
/// may have tokens.
fn positions(config: &Config<'_>, max_tokens: usize) -> OpenResult<usize> {
    let positions = config.size("max_position_embeddings")?;
    if config.flag("position_biased_input")?.unwrap_or(true) {
        return Ok(positions);
    }
    match positions.min(max_tokens) {
        needed @ 1..=MOST_POSITIONS => Ok(needed),
        needed => Err(unsupported(format!("it makes no list of {needed} positions"))),
    }
}

/// The distances that have embeddings.
struct Distances {
    furthest: isize,
    /// The number of ranges on either side, where distances are put into ranges.
    buckets: Option<isize>,
}

impl Distances {
    fn read(config: &Config<'_>) -> OpenResult<Self> {
        let positions = config.size("max_position_embeddings")?;
        let furthest = config.extent("max_relative_positions")?.unwrap_or(positions);
        let buckets = config.extent("position_buckets")?;
        // Half of the ranges are one distance each, and the logarithm of what is beyond is divided by that of the
        // furthest.
        if let Some(buckets) = buckets.filter(|&buckets| buckets < 2 || furthest <= buckets / 2 + 1) {
            return Err(unsupported(format!("it puts distances up to {furthest} into {buckets} ranges")));
        }
        let signed = |size: usize| isize::try_from(size).unwrap_or(isize::MAX);
        Ok(Self { furthest: signed(furthest), buckets: buckets.map(signed) })
    }
}

fn activation(config: &Config<'_>) -> OpenResult<HiddenAct> {
    match config.activation("hidden_act")?.unwrap_or(Activation::Gelu) {
        Activation::Gelu => Ok(HiddenAct::Gelu),
        Activation::GeluTanh => Ok(HiddenAct::GeluApproximate),
        Activation::Relu => Ok(HiddenAct::Relu),
        _ => Err(config.refuse("hidden_act", "candle-transformers has no such activation here")),
    }
}

/// Which positions are scored: `c2p`, `p2c`, both or none; as a list, or with bars between.
fn position_scores(config: &Config<'_>) -> OpenResult<Vec<String>> {
    let named: Vec<&str> = match config.get("pos_att_type") {
        None => Vec::new(),
        Some(Value::String(names)) => names.split('|').map(str::trim).collect(),
        Some(Value::Array(names)) => names.iter().map(|name| name.as_str().unwrap_or_default()).collect(),
        Some(_) => vec![""],
    };
    if named.iter().all(|name| ["c2p", "p2c"].contains(name)) {
        return Ok(named.into_iter().map(str::to_owned).collect());
    }
    Err(config.refuse("pos_att_type", "candle-transformers computes only `c2p` and `p2c`"))
}

/// Whether the embeddings of distances are normalised.
fn norm_of_distances(config: &Config<'_>) -> OpenResult<String> {
    match config.text("norm_rel_ebd")?.unwrap_or("none") {
        norm @ ("none" | "layer_norm") => Ok(norm.to_owned()),
        _ => Err(config.refuse("norm_rel_ebd", "candle-transformers computes only `none` and `layer_norm`")),
    }
}
