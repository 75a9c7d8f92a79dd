//! The contract of chunkers, on texts of all kinds, and what each strategy is for.

#![expect(clippy::unwrap_used, reason = "these are tests: what does not work is a failure")]

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use mbed_core::settings::{ChunkingSettings, ChunkingStrategy, SizeUnit, Threshold};
use mbed_core::{Embeddings, PromptPooling, Prompts, SpecialTokens, TextCase, TextSpec};
use mbed_text::chunk::{
    CharacterChunker, Chunk, Chunker, ChunkingParts, HierarchicalChunker, HybridChunker, MarkdownChunker,
    RecursiveChunker, SemanticChunker, SentenceVectors, Sizes, TokenStarts, chunker,
};
use proptest::prelude::*;

fn count(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap()
}

fn tokens() -> Arc<TokenStarts> {
    let path = "../../tests/fixtures/models/bert-mean/tokenizer.json";
    let spec = TextSpec {
        tokenizer: Arc::from(std::fs::read(path).unwrap()),
        origin: path.to_owned(),
        max_tokens: 8,
        positions: 512,
        vocabulary: 1200,
        case: TextCase::Keep,
        prompts: Prompts::default(),
        prompt_pooling: PromptPooling::Included,
        special_tokens: SpecialTokens::Added,
    };
    Arc::new(TokenStarts::new(&spec).unwrap())
}

fn parts<'a>(text: &'a str, chunker: &dyn Chunker) -> Vec<&'a str> {
    chunker.chunk(text).unwrap().into_iter().map(|chunk| &text[chunk.span]).collect()
}

/// Texts with every kind of place to cut at.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("the bridge ".to_owned()),
        Just("Dr. Smith said so. ".to_owned()),
        Just("\n".to_owned()),
        Just("\r\n\r\n".to_owned()),
        Just("# Heading\n\n".to_owned()),
        Just("* item\n".to_owned()),
        Just("```\ncode\n\nmore\n```\n".to_owned()),
        Just("日本語のテキスト。".to_owned()),
        Just("ภาษาไทย ".to_owned()),
        Just("(\u{201c}quoted\u{201d}) ".to_owned()),
        Just("x".repeat(30)),
        "\\PC{0,8}",
        any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Spans are inside of the text, on boundaries, in order, and leave nothing out.
fn check_cover(text: &str, chunks: &[Chunk]) {
    let mut end = 0;
    for (index, Chunk { span, .. }) in chunks.iter().enumerate() {
        assert!(text.get(span.clone()).is_some_and(|part| !part.is_empty()), "{span:?}");
        assert!(span.start <= end && span.end > end, "chunk {index} is {span:?} behind {end}");
        assert!(index == 0 || span.start > chunks[index - 1].span.start);
        end = span.end;
    }
    assert_eq!(end, text.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn characters_are_counted_and_shared_exactly(text in texts(), most in 1_usize..60, share in 0_usize..60) {
        let overlap = share.min(most - 1);
        let sizes = Sizes::characters(count(most), overlap).unwrap();
        let length = |part: &str| part.chars().count();
        for chunker in [&CharacterChunker::new(sizes.clone()) as &dyn Chunker, &RecursiveChunker::new(sizes)] {
            let chunks = chunker.chunk(&text).unwrap();
            check_cover(&text, &chunks);
            prop_assert_eq!(&chunks, &chunker.chunk(&text).unwrap());
            for chunk in &chunks {
                prop_assert!(length(&text[chunk.span.clone()]) <= most);
            }
            for pair in chunks.windows(2) {
                prop_assert_eq!(length(&text[pair[1].span.start..pair[0].span.end]), overlap);
            }
        }
    }

    #[test]
    fn words_and_tokens_keep_the_contract(text in texts(), most in 1_usize..12, share in 0_usize..12) {
        let overlap = share.min(most - 1);
        let tokens = tokens();
        let starts = tokens.of(&text).unwrap();
        let by_token = Sizes::tokens(count(most), overlap, tokens).unwrap();
        for chunker in [&CharacterChunker::new(by_token.clone()) as &dyn Chunker, &RecursiveChunker::new(by_token)] {
            let chunks = chunker.chunk(&text).unwrap();
            check_cover(&text, &chunks);
            let inside = |from: usize, to: usize| starts.iter().filter(|&&start| from <= start && start < to).count();
            for chunk in &chunks {
                prop_assert!(inside(chunk.span.start, chunk.span.end) <= most);
            }
            for pair in chunks.windows(2) {
                // The first token takes what stands before it.
                let shared = inside(pair[1].span.start, pair[0].span.end);
                prop_assert!(shared == overlap || pair[1].span.start == 0 && shared + 1 == overlap);
            }
        }
        let by_word = Sizes::words(count(most), overlap).unwrap();
        check_cover(&text, &RecursiveChunker::new(by_word.clone()).chunk(&text).unwrap());
        check_cover(&text, &CharacterChunker::new(by_word).chunk(&text).unwrap());
    }

    #[test]
    fn structure_covers_the_text_too(text in texts(), most in 5_usize..80) {
        let sizes = Sizes::characters(count(most), 0).unwrap();
        let chunks = MarkdownChunker::new(sizes.clone()).chunk(&text).unwrap();
        check_cover(&text, &chunks);
        prop_assert!(chunks.iter().all(|chunk| text[chunk.span.clone()].chars().count() <= most));
        let levels = vec![count(3 * most), count(most)];
        let chunks = HierarchicalChunker::new(sizes, levels).unwrap().chunk(&text).unwrap();
        for level in 0..2 {
            let of_level: Vec<Chunk> = chunks.iter().filter(|chunk| chunk.level == level).cloned().collect();
            check_cover(&text, &of_level);
        }
        for chunk in &chunks {
            match chunk.parent {
                None => prop_assert_eq!(chunk.level, 0),
                Some(parent) => {
                    let parent = &chunks[parent];
                    prop_assert_eq!(parent.level + 1, chunk.level);
                    prop_assert!(parent.span.start <= chunk.span.start && chunk.span.end <= parent.span.end);
                }
            }
        }
    }
}

/// Every strategy, with the most units of a chunk at its lowest level.
fn all_strategies(sizes: &Sizes, most: usize) -> Vec<(&'static str, Box<dyn Chunker>)> {
    let vectors = || Arc::new(Topics::default());
    let semantic = || {
        SemanticChunker::new(
            sizes.clone(),
            Threshold::Percentile(60.0),
            1,
            vectors() as Arc<dyn SentenceVectors>,
        )
    };
    let levels = vec![count(4 * most), count(2 * most), count(most)];
    vec![
        ("character", Box::new(CharacterChunker::new(sizes.clone()))),
        ("recursive", Box::new(RecursiveChunker::new(sizes.clone()))),
        ("markdown", Box::new(MarkdownChunker::new(sizes.clone()))),
        ("semantic", Box::new(semantic())),
        ("hierarchical", Box::new(HierarchicalChunker::new(sizes.clone(), levels).unwrap())),
        ("hybrid", Box::new(HybridChunker::new(sizes.clone(), Some(semantic())))),
    ]
}

/// Where the units of a text begin, counted by other means than the chunkers do.
fn unit_starts(text: &str, unit: SizeUnit) -> Vec<usize> {
    match unit {
        SizeUnit::Characters => text.char_indices().map(|(offset, _)| offset).collect(),
        SizeUnit::Tokens => tokens().of(text).unwrap(),
        // Chunks of one word each begin where words do.
        SizeUnit::Words => {
            let words =
                CharacterChunker::new(Sizes::words(NonZeroUsize::MIN, 0).unwrap()).chunk(text).unwrap();
            words.into_iter().map(|chunk| chunk.span.start).collect()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// The contract, for every strategy in every unit: covering, in order, none too long, and neighbours share exactly the
    /// overlap or nothing, the latter where something else than length ended the first.
    #[test]
    fn every_strategy_keeps_the_contract_in_every_unit(
        text in texts(), most in 2_usize..40, share in 0_usize..20, kind in 0_usize..3,
    ) {
        let overlap = share.min(most - 1);
        let unit = [SizeUnit::Characters, SizeUnit::Words, SizeUnit::Tokens][kind];
        let sizes = match unit {
            SizeUnit::Characters => Sizes::characters(count(most), overlap),
            SizeUnit::Words => Sizes::words(count(most), overlap),
            SizeUnit::Tokens => Sizes::tokens(count(most), overlap, tokens()),
        };
        let sizes = sizes.unwrap();
        let starts = unit_starts(&text, unit);
        let units = |from: usize, to: usize| starts.iter().filter(|&&start| from <= start && start < to).count();
        for (name, chunker) in all_strategies(&sizes, most) {
            let chunks = chunker.chunk(&text).unwrap();
            prop_assert_eq!(&chunks, &chunker.chunk(&text).unwrap());
            prop_assert_eq!(&chunker.chunk_all(&[&text, "", &text]).unwrap(), &[chunks.clone(), vec![], chunks.clone()]);
            let last = chunks.iter().map(|chunk| chunk.level).max().unwrap_or(0);
            for level in 0..=last {
                let of_level: Vec<Chunk> = chunks.iter().filter(|chunk| chunk.level == level).cloned().collect();
                check_cover(&text, &of_level);
                let most = most << (last - level);
                for chunk in &of_level {
                    prop_assert!(units(chunk.span.start, chunk.span.end) <= most, "{} {:?}", name, chunk);
                }
                for pair in of_level.windows(2) {
                    let (end, start) = (pair[0].span.end, pair[1].span.start);
                    let shared = units(start, end);
                    let is_exact = shared == overlap || start == 0 && shared + 1 == overlap;
                    let is_apart = start == end && !matches!(name, "character" | "recursive");
                    // Children of neighbouring parents share what those do.
                    let is_of_parents = pair[0].parent != pair[1].parent;
                    prop_assert!(is_exact || is_apart || is_of_parents, "{} {:?}", name, pair);
                }
            }
        }
    }
}

#[test]
fn scripts_without_spaces_are_cut_between_words() {
    let chunker = |most| RecursiveChunker::new(Sizes::characters(count(most), 0).unwrap());
    assert_eq!(parts("ภาษาไทยง่าย", &chunker(8)), ["ภาษาไทย", "ง่าย"]);
    assert_eq!(parts("ฉันชอบสะพาน เธอชอบแม่น้ำ", &chunker(16)), ["ฉันชอบสะพาน ", "เธอชอบแม่น้ำ"]);
    assert_eq!(parts("これは橋です。あれは川です。", &chunker(9)), ["これは橋です。", "あれは川です。"]);
    assert_eq!(parts("日本語のテキスト", &chunker(5)), ["日本語の", "テキスト"]);
}

#[test]
fn windows_of_characters_slide_by_the_rest() {
    let chunker = CharacterChunker::new(Sizes::characters(count(4), 1).unwrap());
    assert_eq!(parts("abcdefghij", &chunker), ["abcd", "defg", "ghij"]);
    assert_eq!(parts("日本語テ", &chunker), ["日本語テ"]);
    assert!(parts("", &chunker).is_empty());
}

#[test]
fn the_best_place_wins() {
    let chunker = |most| RecursiveChunker::new(Sizes::characters(count(most), 0).unwrap());
    let text = "One two three. Four five.\n\nSix seven eight. Nine.";
    assert_eq!(parts(text, &chunker(40)), ["One two three. Four five.\n\n", "Six seven eight. Nine."]);
    assert_eq!(
        parts(text, &chunker(20)),
        ["One two three. ", "Four five.\n\n", "Six seven eight. ", "Nine."]
    );
    assert_eq!(parts("one two three", &chunker(8)), ["one two ", "three"]);
    assert_eq!(parts("onetwothree", &chunker(8)), ["onetwoth", "ree"]);
}

#[test]
fn markdown_keeps_blocks_whole_and_headings_with_them() {
    let text = "intro\n\n# A *b*\n\nfirst\n\n```\ncode\n\n# no heading\n```\n\n## C\n\n* one\n* two\n\n# D\n\nlast\n";
    let chunker = MarkdownChunker::new(Sizes::characters(count(60), 0).unwrap());
    let chunks = chunker.chunk(text).unwrap();
    let got: Vec<(&str, Vec<&str>)> = chunks
        .iter()
        .map(|chunk| (&text[chunk.span.clone()], chunk.headings.iter().map(String::as_str).collect()))
        .collect();
    let expected = [
        ("intro\n\n", vec![]),
        ("# A *b*\n\nfirst\n\n```\ncode\n\n# no heading\n```\n\n", vec!["A b"]),
        ("## C\n\n* one\n* two\n\n", vec!["A b", "C"]),
        ("# D\n\nlast\n", vec!["D"]),
    ];
    assert_eq!(got, expected);
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    assert!(Sizes::characters(count(4), 4).is_none());
    let sizes = Sizes::characters(count(4), 0).unwrap();
    assert!(HierarchicalChunker::new(sizes.clone(), vec![]).is_none());
    assert!(HierarchicalChunker::new(sizes, vec![count(4), count(4)]).is_none());
}

/// Sentences about boats point one way, all others the other way; the sizes of calls are kept.
#[derive(Default)]
struct Topics(Mutex<Vec<usize>>);

impl SentenceVectors for Topics {
    fn vectors(&self, texts: &[&str]) -> Result<Embeddings, Box<dyn std::error::Error + Send + Sync>> {
        self.0.lock().unwrap().push(texts.len());
        let mut vectors = Embeddings::new();
        vectors.reset(texts.len(), 2);
        for (row, text) in texts.iter().enumerate() {
            let boats = text.matches("boat").count() as f32;
            let others = text.matches("library").count() as f32;
            vectors.get_mut(row).unwrap().copy_from_slice(&[boats, others]);
        }
        Ok(vectors)
    }
}

/// Three topics of `each` sentences.
fn topics(each: usize) -> String {
    let boats = "A boat is at sea. ".repeat(each);
    let library = "The library is quiet. ".repeat(each);
    format!("{boats}{library}{boats}")
}

#[test]
fn meaning_cuts_where_it_changes_and_embeds_in_one_call() {
    let vectors = Arc::new(Topics::default());
    let sizes = Sizes::characters(count(10_000), 0).unwrap();
    for threshold in [Threshold::Percentile(80.0), Threshold::Deviation(1.0), Threshold::Interquartile(1.5)] {
        let chunker = SemanticChunker::new(sizes.clone(), threshold, 0, Arc::clone(&vectors) as _);
        let text = topics(8);
        let chunks = chunker.chunk(&text).unwrap();
        check_cover(&text, &chunks);
        let ends: Vec<usize> = chunks.iter().map(|chunk| chunk.span.end).collect();
        let boats = 8 * "A boat is at sea. ".len();
        assert_eq!(ends, [boats, boats + 8 * "The library is quiet. ".len(), text.len()], "{threshold}");
    }
    vectors.0.lock().unwrap().clear();
    let chunker = SemanticChunker::new(sizes, Threshold::default(), 1, Arc::clone(&vectors) as _);
    let texts: Vec<String> = (4..10).map(topics).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let all = chunker.chunk_all(&texts).unwrap();
    assert_eq!(vectors.0.lock().unwrap().as_slice(), [3 * (4..10).sum::<usize>()]);
    for (text, chunks) in texts.iter().zip(all) {
        assert_eq!(chunks, chunker.chunk(text).unwrap());
    }
}

#[test]
fn a_part_of_one_meaning_that_is_too_long_is_cut_by_size() {
    let sizes = Sizes::characters(count(40), 0).unwrap();
    let chunker = SemanticChunker::new(sizes, Threshold::default(), 0, Arc::new(Topics::default()));
    let text = topics(5);
    let chunks = chunker.chunk(&text).unwrap();
    check_cover(&text, &chunks);
    assert!(chunks.iter().all(|chunk| chunk.span.len() <= 40));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn meaning_and_choice_cover_the_text_too(text in texts(), most in 5_usize..80, buffer in 0_usize..3) {
        let sizes = Sizes::characters(count(most), 0).unwrap();
        let semantic = SemanticChunker::new(sizes.clone(), Threshold::Percentile(50.0), buffer, Arc::new(Topics::default()));
        let hybrid = HybridChunker::new(sizes, Some(semantic.clone()));
        for chunker in [&semantic as &dyn Chunker, &hybrid] {
            let chunks = chunker.chunk(&text).unwrap();
            check_cover(&text, &chunks);
            prop_assert_eq!(&chunks, &chunker.chunk(&text).unwrap());
            prop_assert!(chunks.iter().all(|chunk| text[chunk.span.clone()].chars().count() <= most));
        }
    }
}

#[test]
fn each_document_gets_the_strategy_that_it_asks_for_and_is_told_why() {
    let sizes = Sizes::characters(count(60), 0).unwrap();
    let semantic = SemanticChunker::new(sizes.clone(), Threshold::default(), 0, Arc::new(Topics::default()));
    let chunker = HybridChunker::new(sizes, Some(semantic));
    let reason = |text: &str| chunker.chunk(text).unwrap()[0].reason.clone().unwrap().to_string();
    assert_eq!(reason("short"), "whole: it fits");
    let guide = "# A\n\nThe first of two parts of a guide.\n\n# B\n\nThe second of them, longer.\n";
    assert_eq!(reason(guide), "markdown: 2 headings, 0 blocks of code or tables");
    assert_eq!(reason(&topics(8)), "semantic: 24 sentences without structure");
    assert_eq!(reason(&topics(2)), "recursive: 6 sentences without structure");
}

#[test]
fn settings_become_chunkers_or_say_why_not() {
    let build = |strategy, size: &str, overlap| {
        let size = Some(size.parse().unwrap());
        let settings = ChunkingSettings { strategy, size, overlap, ..ChunkingSettings::default() };
        let built = chunker(&settings, &ChunkingParts::default());
        built.map(|chunker| chunker.is_some()).map_err(|error| error.to_string())
    };
    assert_eq!(build(ChunkingStrategy::None, "9c", 0), Ok(false));
    assert_eq!(build(ChunkingStrategy::Hierarchical, "9w", 1), Ok(true));
    let check = |strategy, size, overlap, words: &str| {
        assert_eq!(build(strategy, size, overlap), Err(words.to_owned()));
    };
    check(ChunkingStrategy::Recursive, "9c", 9, "an overlap of 9 is not less than the size of a chunk, 9");
    let levels = "2 levels, each with a quarter of the one above it, do not fit into a size of 3";
    check(ChunkingStrategy::Hierarchical, "3c", 0, levels);
    check(ChunkingStrategy::Character, "9t", 0, "this way of cutting texts needs the tokenizer of a model");
    let vectors = "this way of cutting texts needs the embedder of sentences of a model";
    check(ChunkingStrategy::Semantic, "9c", 0, vectors);
}
