//! RoBERTa, XLM-RoBERTa and CamemBERT: BERT with positions that start behind the padding token's number.

use mbed_core::spec::{EncoderSpec, HeadSpec, PositionSpec};

use super::ConfigFile;
use super::bert;
use super::families::Family;
use crate::ModelError;

pub(super) const ROBERTA: Family = family(&["roberta"]);
pub(super) const XLM_ROBERTA: Family = family(&["xlm-roberta"]);
pub(super) const CAMEMBERT: Family = family(&["camembert"]);

const fn family(model_types: &'static [&'static str]) -> Family {
    Family {
        model_types,
        claims: |_| true,
        spec,
        places: |name, _| bert::places(name),
        prefixes: &["", "roberta.", "xlm-roberta.", "camembert."],
    }
}

fn spec(config: &ConfigFile, head: HeadSpec) -> Result<EncoderSpec, ModelError> {
    config.only("position_embedding_type", "absolute")?;
    bert::encoder(config, head, positions(config)?)
}

/// Positions are counted from the number behind the padding token's, and as many rows are lost.
pub(super) fn positions(config: &ConfigFile) -> Result<PositionSpec, ModelError> {
    let padding = config.optional_number("pad_token_id")?.unwrap_or(1);
    let rows = config.size("max_position_embeddings")?;
    let first = padding.checked_add(1).filter(|&first| first < rows);
    let first =
        first.ok_or_else(|| config.refuse("pad_token_id", "less than `max_position_embeddings` - 1"))?;
    let uncounted = u32::try_from(padding).ok();
    Ok(PositionSpec::Learned { rows, first, uncounted })
}
