//! What a folder says about text: lengths from each of their homes, prompts, the tokenizer.

use std::num::NonZeroUsize;

use mbed_core::TextCase;
use mbed_core::settings::PromptChoice;
use mbed_text::{TextEncoder, TextError, TextOptions};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Copy, assert_hint, chain};

const TRANSFORMER: &str = "sentence_bert_config.json";
const TOKENIZER: &str = "tokenizer_config.json";
const SENTENCE: &str = "config_sentence_transformers.json";

/// The positions of the fixture.
const POSITIONS: usize = 64;

fn encoder(copy: &Copy, options: &TextOptions) -> Result<TextEncoder, TextError> {
    TextEncoder::new(&copy.load().unwrap().text, options)
}

#[rstest]
#[case(json!(20), json!(30), 20)]
#[case(Value::Null, json!(30), 30)]
#[case(json!(0), json!(30), 30)]
#[case(Value::Null, json!(1e30), POSITIONS)]
#[case(Value::Null, json!(1_000_000_000_000_000_019_884_624_838_656_u128 as f64), POSITIONS)]
#[case(Value::Null, Value::Null, POSITIONS)]
#[case(Value::Null, json!(-1), POSITIONS)]
#[case(json!(512), json!(30), POSITIONS)]
#[case(Value::Null, json!(512), POSITIONS)]
fn the_maximum_length_is_found_in_each_of_its_homes(
    #[case] max_seq_length: Value,
    #[case] model_max_length: Value,
    #[case] expected: usize,
) {
    let copy = Copy::new();
    copy.edit(TRANSFORMER, |config| config["max_seq_length"] = max_seq_length);
    copy.edit(TOKENIZER, |config| config["model_max_length"] = model_max_length);
    assert_eq!(copy.load().unwrap().text.max_tokens, expected);
}

#[rstest]
#[case("sentence_roberta_config.json")]
#[case("sentence_distilbert_config.json")]
#[case("sentence_camembert_config.json")]
#[case("sentence_albert_config.json")]
#[case("sentence_xlm-roberta_config.json")]
#[case("sentence_xlnet_config.json")]
fn old_names_of_the_settings_are_read(#[case] file: &str) {
    let copy = Copy::new();
    copy.remove(TRANSFORMER).write(file, r#"{"max_seq_length": 21, "do_lower_case": true}"#);
    let text = copy.load().unwrap().text;
    assert_eq!((text.max_tokens, text.case), (21, TextCase::Lower));
    // The usual name goes first.
    copy.write(TRANSFORMER, r#"{"max_seq_length": 22}"#);
    assert_eq!(copy.load().unwrap().text.max_tokens, 22);
}

#[test]
fn a_folder_without_any_settings_takes_all_positions() {
    let copy = Copy::new();
    copy.remove(TRANSFORMER).remove(TOKENIZER).remove(SENTENCE);
    let text = copy.load().unwrap().text;
    assert_eq!((text.max_tokens, text.case), (POSITIONS, TextCase::Keep));
    assert!(text.prompts.named.is_empty());
}

#[test]
fn a_default_prompt_must_be_one_of_the_prompts() {
    let copy = Copy::of("bert-instruct");
    let (key, value, expected) = copy
        .edit(SENTENCE, |config| config["default_prompt_name"] = json!("question"))
        .config_error(SENTENCE);
    assert_eq!((key.as_str(), value.as_str()), ("default_prompt_name", "question"));
    assert_eq!(expected, "the name of one of its `prompts`");
    let copy = Copy::of("bert-instruct");
    let (key, value, expected) =
        copy.edit(SENTENCE, |config| config["prompts"]["query"] = json!(7)).config_error(SENTENCE);
    assert_eq!((key.as_str(), value.as_str(), expected.as_str()), ("prompts.query", "7", "a text"));
}

#[test]
fn the_default_prompt_is_used_unless_another_is_asked_for() {
    let copy = Copy::of("bert-instruct");
    copy.edit(SENTENCE, |config| config["default_prompt_name"] = json!("query"));
    let prompt = |prompt| {
        let options = TextOptions { prompt, max_length: None };
        encoder(&copy, &options).map(|encoder| encoder.prompt().to_owned())
    };
    assert_eq!(prompt(PromptChoice::ModelDefault).unwrap(), "Represent the question for the harbour: ");
    assert_eq!(prompt(PromptChoice::Text("so: ".to_owned())).unwrap(), "so: ");
    assert_eq!(prompt(PromptChoice::Named("document".to_owned())).unwrap(), "");
    let error = prompt(PromptChoice::Named("passage".to_owned())).unwrap_err();
    assert!(matches!(&error, TextError::UnknownPrompt { name, .. } if name == "passage"), "{error:?}");
    assert_hint(&error, "document, query");
}

#[test]
fn a_tokenizer_that_knows_more_tokens_than_the_model_is_refused() {
    let copy = Copy::new();
    copy.edit("tokenizer.json", |tokenizer| tokenizer["model"]["vocab"]["harbourmaster"] = json!(400));
    let error = encoder(&copy, &TextOptions::default()).unwrap_err();
    let TextError::VocabularyTooLarge { id: 400, rows: 400, .. } = &error else { panic!("{error:?}") };
    let path = copy.path("tokenizer.json").display().to_string();
    assert!(chain(&error).contains(&path), "{}", chain(&error));
    assert_hint(&error, "not of the same model");
}

#[test]
fn a_broken_tokenizer_is_named() {
    let whole = Copy::new().read("tokenizer.json");
    for broken in [&b""[..], b"{}", &whole[..whole.len() / 2], b"\xff\xfe"] {
        let copy = Copy::new();
        copy.write("tokenizer.json", broken);
        let error = encoder(&copy, &TextOptions::default()).unwrap_err();
        assert!(matches!(error, TextError::BadTokenizer { .. }), "{error:?}");
        let path = copy.path("tokenizer.json").display().to_string();
        assert!(chain(&error).contains(&path), "{}", chain(&error));
        assert_hint(&error, "mbed model pull --force");
    }
}

#[test]
fn a_length_that_cannot_be_kept_is_refused() {
    let copy = Copy::new();
    let with_length = |length| {
        encoder(&copy, &TextOptions { max_length: NonZeroUsize::new(length), ..TextOptions::default() })
    };
    for length in [1, 2, POSITIONS + 1, usize::MAX] {
        let error = with_length(length).unwrap_err();
        let TextError::LengthOutOfRange { asked, least: 3, most: POSITIONS } = error else {
            panic!("{error:?}")
        };
        assert_eq!(asked, length);
    }
    for length in [3, POSITIONS] {
        assert_eq!(with_length(length).unwrap().max_tokens(), length);
    }
    // A folder may say what cannot be kept, too.
    copy.edit(TOKENIZER, |config| config["model_max_length"] = json!(1));
    let error = encoder(&copy, &TextOptions::default()).unwrap_err();
    assert!(matches!(error, TextError::LengthOutOfRange { asked: 1, .. }), "{error:?}");
}

#[test]
fn a_tokenizer_without_special_tokens_is_taken_as_it_is() {
    let copy = Copy::new();
    copy.edit("tokenizer.json", |tokenizer| tokenizer["post_processor"] = Value::Null);
    let encoder = encoder(&copy, &TextOptions::default()).unwrap();
    assert!(encoder.encode("").unwrap().tokens.is_empty());
    assert_eq!(encoder.encode(".").unwrap().tokens.len(), 1);
}
