//! Which architectures candle-transformers computes right, and where each is loaded.

use mbed_core::{BackendError, ForeignModel};

use super::config::Config;
use super::tensors::Tensors;
use super::{modernbert, nomic_bert, qwen, roberta};
use crate::errors::unsupported;
use crate::head::Head;
use crate::model::{Limits, LoadedModel, TokenModel};

/// One kind of model that candle-transformers computes.
struct Family {
    /// `model_type` of `config.json`.
    architectures: &'static [&'static str],
    /// The name of a tensor that each of them has, without a prefix.
    anchor: &'static str,
    /// The prefixes that its files are seen with; a model saved with a task's head has one.
    prefixes: &'static [&'static str],
    /// The prefix that candle-transformers looks under.
    candle_prefix: &'static str,
    /// Builds the model; the last number is the most tokens of a sequence.
    load: fn(&Config<'_>, &Tensors<'_>, usize) -> Result<ForeignEncoder, BackendError>,
}

/// What a family's loader gives.
pub(super) struct ForeignEncoder {
    /// From tokens to hidden states.
    pub tokens: Box<dyn TokenModel>,
    /// Which batches it takes.
    pub limits: Limits,
    /// The length of its hidden states.
    pub hidden: usize,
}

const FAMILIES: &[Family] = &[
    Family {
        architectures: &["roberta", "xlm-roberta", "camembert"],
        anchor: "embeddings.word_embeddings.weight",
        prefixes: &["", "roberta.", "camembert.", "model."],
        candle_prefix: "",
        load: roberta::load,
    },
    Family {
        architectures: &["nomic_bert"],
        anchor: "embeddings.word_embeddings.weight",
        prefixes: &["", "nomic_bert.", "bert.", "model."],
        candle_prefix: "",
        load: nomic_bert::load,
    },
    Family {
        architectures: &["modernbert"],
        anchor: "embeddings.tok_embeddings.weight",
        prefixes: &["", "model."],
        candle_prefix: "model.",
        load: modernbert::load,
    },
    Family {
        architectures: &["qwen2"],
        anchor: "embed_tokens.weight",
        prefixes: &["", "model."],
        candle_prefix: "model.",
        load: qwen::load_qwen2,
    },
    Family {
        architectures: &["qwen3"],
        anchor: "embed_tokens.weight",
        prefixes: &["", "model."],
        candle_prefix: "model.",
        load: qwen::load_qwen3,
    },
];

/// Architectures that candle-transformers has and that are left out, with the reason.
const LEFT_OUT: &[(&str, &str)] = &[
    ("distilbert", "candle-transformers 0.11.1 computes its exact GELU in the tanh form"),
    ("jina_bert", "no independent vectors prove candle-transformers' version of it right"),
];

/// Loads a model of an architecture in the table.
///
/// # Errors
/// The architecture is not in the table, its configuration asks for something that candle-transformers would
/// compute otherwise, or a tensor is missing or misshapen.
pub(crate) fn open(model: &ForeignModel) -> Result<LoadedModel, BackendError> {
    let family = find(&model.architecture)?;
    let fields = serde_json::from_str(&model.config);
    let fields =
        fields.map_err(|error| unsupported(format!("its `config.json` is not an object: {error}")))?;
    let config = Config::new(&fields);
    let tensors = Tensors::find(&model.tensors, family.anchor, family.prefixes, family.candle_prefix)?;
    let encoder = (family.load)(&config, &tensors, model.max_tokens)?;
    if encoder.hidden != model.hidden {
        let (given, found) = (model.hidden, encoder.hidden);
        return Err(unsupported(format!("its hidden size is {given}, but `config.json` says {found}")));
    }
    Ok(LoadedModel {
        tokens: encoder.tokens,
        head: Head::load(&model.head, model.hidden, &model.head_weights)?,
        limits: encoder.limits,
        weights: None,
    })
}

fn find(architecture: &str) -> Result<&'static Family, BackendError> {
    if let Some(family) = FAMILIES.iter().find(|family| family.architectures.contains(&architecture)) {
        return Ok(family);
    }
    if let Some((_, reason)) = LEFT_OUT.iter().find(|(name, _)| *name == architecture) {
        return Err(unsupported(format!("architecture `{architecture}` is left out: {reason}")));
    }
    let known: Vec<_> = FAMILIES.iter().flat_map(|family| family.architectures).copied().collect();
    Err(unsupported(format!(
        "architecture `{architecture}` is not among those it knows: {}",
        known.join(", ")
    )))
}
