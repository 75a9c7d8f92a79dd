//! Which architectures candle-transformers computes right, and where each is loaded.

use mbed_core::ForeignModel;

use super::config::Config;
use super::deberta_v2;
use super::tensors::Tensors;
use crate::errors::{OpenResult, unsupported};
use crate::head::Head;
use crate::model::{Limits, LoadedModel, TokenModel};

/// One kind of model that candle-transformers computes.
struct Family {
    /// `model_type` of `config.json`.
    architecture: &'static str,
    /// The name of a tensor that each of them has, without a prefix.
    anchor: &'static str,
    /// The prefixes that its files are seen with; a model saved with a task's head has one.
    prefixes: &'static [&'static str],
    /// Builds the model; the last number is the most tokens of a sequence.
    load: fn(&Config<'_>, &Tensors<'_>, usize) -> OpenResult<ForeignEncoder>,
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

const FAMILIES: &[Family] = &[Family {
    architecture: "deberta-v2",
    anchor: "embeddings.word_embeddings.weight",
    prefixes: &["", "deberta."],
    load: deberta_v2::load,
}];

/// Whether an architecture is in the table.
///
/// # Errors
/// It is not; those that are get listed.
pub(crate) fn knows(architecture: &str) -> OpenResult<()> {
    find(architecture).map(drop)
}

/// Loads a model of an architecture in the table.
///
/// # Errors
/// The architecture is not in the table, its configuration asks for something that candle-transformers would
/// compute otherwise, or a tensor is missing or misshapen.
pub(crate) fn open(model: &ForeignModel) -> OpenResult<LoadedModel> {
    let family = find(&model.architecture)?;
    let fields = serde_json::from_str(&model.config);
    let fields =
        fields.map_err(|error| unsupported(format!("its `config.json` is not an object: {error}")))?;
    let config = Config::new(&fields);
    let tensors = Tensors::find(&model.tensors, family.anchor, family.prefixes)?;
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

fn find(architecture: &str) -> OpenResult<&'static Family> {
    FAMILIES.iter().find(|family| family.architecture == architecture).ok_or_else(|| {
        let known: Vec<_> = FAMILIES.iter().map(|family| family.architecture).collect();
        let known = known.join("`, `");
        unsupported(format!("architecture `{architecture}` is not among those it knows: `{known}`"))
    })
}
