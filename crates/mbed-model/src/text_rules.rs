//! What a folder says about text: tokenizer, length, case, trimming, prompts.

use std::path::Path;

use mbed_core::{PromptPooling, Prompts, TextCase, TextSpec, Trim};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{ModelError, json};

/// Where versions of sentence-transformers keep the settings of the Transformer module; the first found counts.
pub(crate) const TRANSFORMER_CONFIGS: [&str; 7] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];

#[derive(Default, Deserialize)]
#[serde(default)]
struct TransformerConfig {
    max_seq_length: Option<usize>,
    do_lower_case: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenizerConfig {
    /// A number up to 1e30, which stands for "none".
    model_max_length: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SentenceConfig {
    prompts: Option<Map<String, Value>>,
    default_prompt_name: Option<String>,
    #[serde(rename = "__version__")]
    version: Option<Versions>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Versions {
    sentence_transformers: Option<String>,
}

/// What the encoder's configuration says about the numbers of tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The most tokens that positions allow.
    pub(crate) positions: usize,
    /// Rows of the embedding table.
    pub(crate) vocabulary: usize,
}

/// Reads the text rules of `folder`, whose Transformer module lies in `transformer`.
pub(crate) fn read(
    folder: &Path,
    transformer: &Path,
    limits: Limits,
    prompt_pooling: PromptPooling,
) -> Result<TextSpec, ModelError> {
    let tokenizer_path = transformer.join("tokenizer.json");
    let tokenizer = json::bytes_optional(&tokenizer_path)?
        .ok_or_else(|| ModelError::Missing { path: tokenizer_path.clone() })?;
    let transformer_config = read_transformer_config(transformer)?;
    let sentence_path = folder.join("config_sentence_transformers.json");
    let sentence: SentenceConfig = json::read_optional(&sentence_path)?.unwrap_or_default();
    let case = match transformer_config.do_lower_case {
        Some(true) => TextCase::Lower,
        _ => TextCase::Keep,
    };
    let trim = trim_rule(&sentence);
    Ok(TextSpec {
        tokenizer: tokenizer.into(),
        origin: tokenizer_path.display().to_string(),
        max_tokens: max_tokens(transformer, &transformer_config, limits)?,
        positions: limits.positions,
        vocabulary: limits.vocabulary,
        case,
        trim,
        prompts: read_prompts(&sentence_path, sentence)?,
        prompt_pooling,
    })
}

fn read_transformer_config(transformer: &Path) -> Result<TransformerConfig, ModelError> {
    for name in TRANSFORMER_CONFIGS {
        if let Some(config) = json::read_optional(&transformer.join(name))? {
            return Ok(config);
        }
    }
    Ok(TransformerConfig::default())
}

/// `max_seq_length` where a folder has it, as it did up to version 5.3; since then the tokenizer's
/// `model_max_length`; never more than the encoder has positions.
fn max_tokens(transformer: &Path, config: &TransformerConfig, limits: Limits) -> Result<usize, ModelError> {
    if let Some(length) = config.max_seq_length.filter(|&length| length > 0) {
        return Ok(length.min(limits.positions));
    }
    let path = transformer.join("tokenizer_config.json");
    let tokenizer: TokenizerConfig = json::read_optional(&path)?.unwrap_or_default();
    let stated = tokenizer.model_max_length.filter(|length| (1.0..1e9).contains(length));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 1e9")]
    let stated = stated.map(|length| length as usize);
    Ok(stated.unwrap_or(limits.positions).min(limits.positions))
}

/// Versions before 6 stripped texts before tokenising, 6 does not; a folder means the version that wrote it.
fn trim_rule(sentence: &SentenceConfig) -> Trim {
    let version = sentence.version.as_ref().and_then(|version| version.sentence_transformers.as_deref());
    let major = version.and_then(|version| version.split('.').next()?.parse::<u32>().ok());
    if major.is_none_or(|major| major < 6) { Trim::Strip } else { Trim::Keep }
}

fn read_prompts(path: &Path, sentence: SentenceConfig) -> Result<Prompts, ModelError> {
    let mut named = Vec::new();
    for (name, text) in sentence.prompts.unwrap_or_default() {
        let Value::String(text) = text else {
            return Err(ModelError::Config {
                path: path.to_owned(),
                key: format!("prompts.{name}"),
                value: text.to_string(),
                expected: "a text".to_owned(),
            });
        };
        named.push((name, text));
    }
    let prompts = Prompts { named, default: sentence.default_prompt_name };
    match &prompts.default {
        Some(name) if prompts.get(name).is_none() => Err(ModelError::Config {
            path: path.to_owned(),
            key: "default_prompt_name".to_owned(),
            value: name.clone(),
            expected: "the name of one of its `prompts`".to_owned(),
        }),
        _ => Ok(prompts),
    }
}
