//! What a folder says about text: tokenizer, length, case, trimming, prompts.

use std::path::Path;

use mbed_core::{Prompts, SpecialTokens, TextCase, TextSpec};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::modules::{EncoderKind, Modules};
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
    /// Honoured by the code that comes with some models; their `tokenizer.json` may know nothing of it.
    add_eos_token: Option<bool>,
    /// A text, or an object with the text under `content`.
    eos_token: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SentenceConfig {
    prompts: Option<Map<String, Value>>,
    default_prompt_name: Option<String>,
}

/// What the encoder's configuration says about the numbers of tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The most tokens that positions allow.
    pub(crate) positions: usize,
    /// Rows of the embedding table.
    pub(crate) vocabulary: usize,
}

/// Reads the text rules of `folder`, which has these modules.
pub(crate) fn read(folder: &Path, modules: &Modules, limits: Limits) -> Result<TextSpec, ModelError> {
    let transformer = &modules.transformer;
    let is_static = modules.encoder == EncoderKind::Static;
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
    let tokenizer_config: TokenizerConfig =
        json::read_optional(&transformer.join("tokenizer_config.json"))?.unwrap_or_default();
    let max_tokens = match is_static {
        true => static_max_tokens(&tokenizer_path, &tokenizer, limits)?,
        false => max_tokens(&tokenizer_config, &transformer_config, limits),
    };
    Ok(TextSpec {
        tokenizer: tokenizer.into(),
        origin: tokenizer_path.display().to_string(),
        max_tokens,
        positions: limits.positions,
        vocabulary: limits.vocabulary,
        case,
        prompts: read_prompts(&sentence_path, sentence)?,
        prompt_pooling: modules.prompt_pooling,
        special_tokens: if is_static { SpecialTokens::LeftOut } else { special_tokens(&tokenizer_config) },
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
fn max_tokens(tokenizer: &TokenizerConfig, config: &TransformerConfig, limits: Limits) -> usize {
    if let Some(length) = config.max_seq_length.filter(|&length| length > 0) {
        return length.min(limits.positions);
    }
    let stated = tokenizer.model_max_length.filter(|length| (1.0..1e9).contains(length));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 1e9")]
    let stated = stated.map(|length| length as usize);
    stated.unwrap_or(limits.positions).min(limits.positions)
}

#[derive(Deserialize)]
struct TokenizerFile {
    truncation: Option<Truncation>,
}

#[derive(Deserialize)]
struct Truncation {
    max_length: usize,
}

/// Static models have no limit of their own, but the library leaves the tokenizer's own truncation on.
fn static_max_tokens(path: &Path, tokenizer: &[u8], limits: Limits) -> Result<usize, ModelError> {
    let file: TokenizerFile = serde_json::from_slice(tokenizer)
        .map_err(|source| ModelError::Json { path: path.to_owned(), source })?;
    Ok(file.truncation.map_or(limits.positions, |truncation| truncation.max_length.min(limits.positions)))
}

fn special_tokens(tokenizer: &TokenizerConfig) -> SpecialTokens {
    let token = tokenizer.eos_token.as_ref();
    let token = token.and_then(|token| token.as_str().or_else(|| token.get("content")?.as_str()));
    match (tokenizer.add_eos_token, token) {
        (Some(true), Some(token)) => SpecialTokens::AddedWithEnd(token.to_owned()),
        _ => SpecialTokens::Added,
    }
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
