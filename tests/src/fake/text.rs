//! Texts for the fake.

use mbed_core::{PromptPooling, Prompts, SpecialTokens, TextCase, TextSpec};
use mbed_text::{TextEncoder, TextOptions};

use super::{MAX_TOKENS, VOCABULARY};

/// A tokenizer that knows the numbers below the fake's vocabulary, and adds nothing; texts have at most `max_tokens`.
///
/// # Panics
/// The tokenizers library refuses it.
#[must_use]
#[expect(clippy::unwrap_used, reason = "this is for tests: what does not work is a failure")]
pub fn encoder(max_tokens: usize) -> TextEncoder {
    let vocabulary: serde_json::Map<String, serde_json::Value> =
        (0..VOCABULARY).map(|id| (id.to_string(), id.into())).collect();
    let tokenizer = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": { "type": "WhitespaceSplit" }, "post_processor": null, "decoder": null,
        "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": "0" },
    });
    let spec = TextSpec {
        tokenizer: tokenizer.to_string().into_bytes().into(),
        origin: "numbers".to_owned(),
        max_tokens,
        positions: max_tokens.max(MAX_TOKENS),
        vocabulary: VOCABULARY,
        case: TextCase::Keep,
        prompts: Prompts::default(),
        prompt_pooling: PromptPooling::Included,
        special_tokens: SpecialTokens::Added,
    };
    TextEncoder::new(&spec, &TextOptions::default()).unwrap()
}
