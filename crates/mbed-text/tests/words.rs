//! Tokens that are found word by word are those of the tokenizers library, which reads the whole text here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use mbed_core::{PromptPooling, Prompts, SpecialTokens, TextCase, TextSpec};
use mbed_text::{Pieces, TextEncoder, TextOptions};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokenizers::{Tokenizer, TruncationParams};

/// The crate's own way and the library's, for the same file and maximum length.
struct Pair {
    ours: TextEncoder,
    whole: Tokenizer,
    truncated: Tokenizer,
}

impl Pair {
    fn new(file: &[u8], max_tokens: usize) -> Self {
        let spec = TextSpec {
            tokenizer: Arc::from(file),
            origin: "tokenizer.json".to_owned(),
            max_tokens,
            positions: max_tokens,
            vocabulary: 1 << 20,
            case: TextCase::Keep,
            prompts: Prompts { named: Vec::new(), default: None },
            prompt_pooling: PromptPooling::Included,
            special_tokens: SpecialTokens::Added,
        };
        let options = TextOptions { max_length: NonZeroUsize::new(max_tokens), ..TextOptions::default() };
        let mut whole = Tokenizer::from_bytes(file).unwrap();
        whole.with_padding(None);
        whole.with_truncation(None).unwrap();
        let mut truncated = whole.clone();
        let truncation = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
        truncated.with_truncation(Some(truncation)).unwrap();
        Self { ours: TextEncoder::new(&spec, &options).unwrap(), whole, truncated }
    }

    fn check(&self, text: &str) {
        let ours = self.ours.encode(text).unwrap();
        let got: Vec<(u32, u32)> = ours.tokens.iter().map(|token| (token.id, token.type_id)).collect();
        let whole = self.whole.encode_fast(text, true).unwrap();
        let expected = self.truncated.encode_fast(text, true).unwrap();
        let ids = expected.get_ids().iter().copied();
        let expected: Vec<(u32, u32)> = ids.zip(expected.get_type_ids().iter().copied()).collect();
        assert_eq!(got, expected, "{text:?}");
        let truncated = whole.get_ids().len() > self.ours.max_tokens();
        assert_eq!(ours.pieces == Pieces::Truncated, truncated, "{text:?}");
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The WordPiece tokenizers among the fixtures, each of them once.
static FIXTURES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let folders = std::fs::read_dir(root().join("tests/fixtures/models")).unwrap();
    let files =
        folders.filter_map(|folder| std::fs::read(folder.unwrap().path().join("tokenizer.json")).ok());
    let files: BTreeSet<Vec<u8>> = files.collect();
    let is_wordpiece =
        |file: &Vec<u8>| serde_json::from_slice::<Value>(file).unwrap()["model"]["type"] == "WordPiece";
    files.into_iter().filter(is_wordpiece).collect()
});

static PAIRS: LazyLock<Vec<Pair>> = LazyLock::new(|| {
    FIXTURES.iter().zip([5, 64].into_iter().cycle()).map(|(file, most)| Pair::new(file, most)).collect()
});

/// A tokenizer of the kind that is read word by word, with a small vocabulary.
fn tokenizer(entries: &[String], options: &Value, added: &[Value]) -> Vec<u8> {
    let special = ["[UNK]", "[CLS]", "[SEP]"].map(str::to_owned);
    let contents = added.iter().map(|token| token["content"].as_str().unwrap().to_owned());
    let mut names: Vec<String> = special.into_iter().chain(contents).collect();
    names.extend(entries.iter().filter(|entry| !names.contains(entry)).cloned().collect::<BTreeSet<_>>());
    let vocabulary: serde_json::Map<String, Value> =
        names.into_iter().enumerate().map(|(id, name)| (name, json!(id))).collect();
    let added: Vec<Value> = added
        .iter()
        .map(|token| {
            let mut token = token.clone();
            token["id"] = vocabulary[token["content"].as_str().unwrap()].clone();
            token
        })
        .collect();
    let file = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": options["clean_text"],
            "handle_chinese_chars": options["ideographs"],
            "strip_accents": options["strip_accents"],
            "lowercase": options["lowercase"],
        },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": { "type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1] },
        "decoder": null,
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": options["prefix"],
            "max_input_chars_per_word": options["longest"],
            "vocab": vocabulary,
        },
    });
    serde_json::to_vec(&file).unwrap()
}

/// Pieces of texts that make trouble.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-cA-C0-1]{1,6}",
        4 => "[ \t\n\r]{1,2}",
        2 => "[a-zA-Z0-9 .,!?'\"#$<>|~\\[\\]^_`-]{1,16}",
        1 => "[\u{0}\u{1}\u{8}\u{b}\u{c}\u{1c}\u{1f}\u{7f}]",
        1 => "[éÉıİßñçΣς≮가日中\u{301}\u{338}\u{a0}\u{85}\u{ad}\u{200b}\u{200d}\u{2019}\u{3000}\u{fffd}\u{37e}😀]{1,4}",
        1 => "\\PC{1,8}",
        1 => prop::sample::select(
            ["[CLS]", "[SEP]", "[MASK]", "[mask]", "[MA", "SK]", "[M\u{1}ASK]", "[MÁSK]", "<x>", "<x", "#A#", "#a#", "é!"]
                .map(str::to_owned).to_vec()
        ),
        1 => (90_usize..120).prop_map(|length| "x".repeat(length)),
        1 => (300_usize..2000).prop_map(|length| "aB7".repeat(length / 3 + 1)),
        1 => (4000_usize..4200).prop_map(|bytes| "é".repeat(bytes / 2)),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..16).prop_map(|pieces| pieces.concat())
}

fn added() -> impl Strategy<Value = Vec<Value>> {
    let contents = ["[MASK]", "[mask]", "<x>", "<x", "#A#", "[É]", "é!", "…", "ab", "[a b]", "\u{301}[x"];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let tokens = prop::collection::vec((prop::sample::select(contents.to_vec()), flags), 0..4);
    tokens.prop_map(|tokens| {
        let mut known = BTreeSet::new();
        let tokens = tokens.into_iter().filter(|(content, _)| known.insert(*content));
        let spell =
            |(content, (single_word, lstrip, rstrip, normalized)): (&str, (bool, bool, bool, bool))| {
                json!({
                    "content": content, "single_word": single_word, "lstrip": lstrip, "rstrip": rstrip,
                    "normalized": normalized, "special": !normalized,
                })
            };
        tokens.map(spell).collect()
    })
}

fn options() -> impl Strategy<Value = Value> {
    let accents = prop::option::of(any::<bool>());
    let prefix = prop::sample::select(["##", "", "a", "é"].to_vec());
    (any::<[bool; 3]>(), accents, prefix, 0_usize..9).prop_map(
        |([clean, fold, apart], accents, prefix, longest)| {
            json!({
                "clean_text": clean, "lowercase": fold, "ideographs": apart, "strip_accents": accents,
                "prefix": prefix, "longest": longest,
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn fuzzed_texts_of_every_fixture(text in text()) {
        for pair in &*PAIRS {
            pair.check(&text);
        }
    }

    #[test]
    fn fuzzed_vocabularies(
        entries in prop::collection::vec("(##|a|é)?[abAB01.#\\[é\u{b}\u{1f}]{1,3}", 0..80),
        options in options(),
        added in added(),
        max_tokens in 3_usize..20,
        texts in prop::collection::vec(text(), 4),
    ) {
        let pair = Pair::new(&tokenizer(&entries, &options, &added), max_tokens);
        texts.iter().for_each(|text| pair.check(text));
    }
}

#[test]
fn every_pair_of_ascii_characters() {
    let entries: Vec<String> = (0..128_u8)
        .map(char::from)
        .flat_map(|character| [format!("{character}"), format!("##{character}"), format!("a{character}")])
        .collect();
    for bits in 0..4 {
        let options = json!({
            "clean_text": bits & 1 != 0, "lowercase": bits & 2 != 0, "ideographs": true, "strip_accents": null,
            "prefix": "##", "longest": 3,
        });
        let pair = Pair::new(&tokenizer(&entries, &options, &[]), 64);
        for first in (0..128_u8).map(char::from) {
            for second in (0..128_u8).map(char::from) {
                pair.check(&format!("a{first}{second}B"));
            }
        }
    }
}

/// Files of the repository that hold text.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() && !hidden && !path.ends_with("target") {
            files(&path, found);
        }
        if path
            .extension()
            .is_some_and(|extension| ["md", "rs", "toml", "py"].iter().any(|of| extension == *of))
        {
            found.push(path);
        }
    }
}

#[test]
fn every_text_of_the_repository() {
    let mut paths = Vec::new();
    for part in ["crates", "docs", "tests"] {
        files(&root().join(part), &mut paths);
    }
    assert!(paths.len() > 100, "only {} files", paths.len());
    let pairs = [Pair::new(&FIXTURES[0], 24), Pair::new(&FIXTURES[FIXTURES.len() - 1], 100_000)];
    for path in paths {
        let text = std::fs::read_to_string(path).unwrap();
        for pair in &pairs {
            pair.check(&text);
            text.lines().step_by(17).for_each(|line| pair.check(line));
        }
    }
}

#[test]
fn texts_around_the_edges() {
    let words = "a fair bridge. ".repeat(1000);
    let edges = [
        String::new(),
        " \t\r\n".to_owned(),
        "\u{0}\u{b}".to_owned(),
        words.clone(),
        format!("{words}[MASK]"),
        format!("[MASK]{words}"),
        // Enough tokens before the character that makes the word unknown.
        "theseathenotheeathe\u{16a0}".to_owned(),
        "x".repeat(300_000),
        ". ".repeat(10_000),
        "é".repeat(10_000),
        "é ".repeat(8_000),
        format!("a{}", "\u{301}".repeat(5000)),
        format!("{} é {}", "a".repeat(5000), "b!".repeat(5000)),
    ];
    for pair in PAIRS.iter().take(2) {
        edges.iter().for_each(|text| pair.check(text));
    }
}
