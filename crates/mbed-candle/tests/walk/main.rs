//! Every part of a spec, against plain loops in binary64.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod naive;

use std::sync::Arc;

use mbed_candle::CandleBackend;
use mbed_core::spec::{
    Activation, AttentionSpec, Bias, EmbeddingSpec, EncoderSpec, FeedForwardSpec, HeadSpec, LayerSpec,
    NormKind, NormPlacement, NormSpec, Pooling, PositionSpec, Presence, Reach, RotaryPairing, RotarySpec,
    ScoreBias,
};
use mbed_core::{Backend, Batch, Embeddings, ModelSource, OpenRequest, Tensor, Token, Weights};

const LENGTH: usize = 9;

/// The bound on differences, relative above 1: what the backend promises in binary32.
const TOLERANCE: f64 = 2e-5;

/// Four heads of six, states of 20, two layers; nothing beyond what every encoder has.
fn plain() -> EncoderSpec {
    EncoderSpec {
        family: "test".to_owned(),
        vocabulary: 30,
        hidden: 20,
        embedding: EmbeddingSpec::plain(20),
        position: PositionSpec::NotAdded { max_tokens: 64 },
        attention: AttentionSpec::plain(4, 6),
        feed_forward: FeedForwardSpec::plain(28, Activation::Tanh),
        norm: NormSpec::after(1e-5),
        layers: vec![LayerSpec::PLAIN; 2],
        head: HeadSpec { pooling: vec![Pooling::Cls], stages: vec![] },
    }
}

/// Numbers between -0.5 and 0.5, the same in every run; norms move them to about 1.
fn weights(spec: &EncoderSpec) -> Weights {
    let mut state = 7_u64;
    let mut number = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    };
    let mut weights = Weights::new();
    for (name, shape) in spec.encoder_tensors() {
        let centre = if name.to_string().ends_with("norm.weight") { 1.0 } else { 0.0 };
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| centre + number()).collect();
        weights.insert(name, Tensor::from_f32(shape, &values).unwrap());
    }
    weights
}

fn tokens() -> Vec<Token> {
    (0..LENGTH as u32).map(|at| Token { id: (at * 7 + 3) % 30, type_id: at % 2 }).collect()
}

/// The states of one sequence: a row of the output for each of its tokens.
fn states(spec: &EncoderSpec, weights: &Weights, tokens: &[Token]) -> Vec<Vec<f32>> {
    let source = ModelSource::Spec { spec: spec.clone(), weights: Arc::new(weights.clone()) };
    let mut session = CandleBackend.open(OpenRequest::new(source)).unwrap();
    let (mut batch, mut output) = (Batch::new(), Embeddings::new());
    let sequence = batch.push_unpooled(tokens);
    (0..tokens.len()).for_each(|at| batch.push_span(sequence, at..at + 1).unwrap());
    session.embed(&batch, &mut output).unwrap();
    output.iter().map(<[f32]>::to_vec).collect()
}

/// Walks the plain spec, with `change` made to it, both ways.
fn check(change: impl FnOnce(&mut EncoderSpec)) {
    let mut spec = plain();
    change(&mut spec);
    let (weights, mut tokens) = (weights(&spec), tokens());
    if spec.embedding.segments == 0 {
        tokens.iter_mut().for_each(|token| token.type_id = 0);
    }
    let got = states(&spec, &weights, &tokens);
    let expected = naive::hidden_states(&spec, &weights, &tokens);
    for (token, (got, expected)) in got.iter().zip(&expected).enumerate() {
        for (at, (got, expected)) in got.iter().zip(expected).enumerate() {
            let near = (f64::from(*got) - expected).abs() <= TOLERANCE * expected.abs().max(1.0);
            assert!(near, "value {at} of token {token} is {got}, not {expected}: {spec:?}");
        }
    }
}

fn rotated(pairing: RotaryPairing, size: usize) -> LayerSpec {
    LayerSpec { rotary: Some(Arc::new(RotarySpec::new(100.0, size, pairing))), ..LayerSpec::PLAIN }
}

#[test]
fn embeddings_are_scaled_summed_normalised_and_projected() {
    check(|_| {});
    check(|spec| spec.embedding.scale = 3.5);
    check(|spec| spec.embedding.segments = 2);
    check(|spec| spec.embedding.norm = Presence::Present);
    check(|spec| spec.position = PositionSpec::Learned { rows: 40, first: 2, uncounted: Some(3) });
    for bias in [Bias::Added, Bias::Absent] {
        check(|spec| {
            spec.embedding = EmbeddingSpec {
                width: 12,
                segments: 2,
                scale: 2.0,
                norm: Presence::Present,
                projection: Some(bias),
            };
            spec.position = PositionSpec::learned(12);
        });
    }
}

#[test]
fn norms_stand_where_the_spec_puts_them() {
    for placement in [NormPlacement::After, NormPlacement::Before, NormPlacement::Around] {
        for norm in [NormSpec::after(1e-5), NormSpec::before(1e-6)] {
            check(|spec| spec.norm = NormSpec { placement, ..norm });
            check(|spec| spec.norm = NormSpec { placement, scale_offset: 1.0, bias: Bias::Absent, ..norm });
            check(|spec| {
                spec.norm = NormSpec { placement, last: Presence::Present, ..norm };
                spec.layers[0].attention_norm = Presence::Absent;
            });
        }
    }
}

#[test]
fn layers_rotate_each_in_their_own_way() {
    for pairing in [RotaryPairing::Halves, RotaryPairing::Neighbours] {
        check(|spec| spec.layers = vec![rotated(pairing, 6); 2]);
        check(|spec| spec.layers = vec![rotated(pairing, 4); 2]);
        check(|spec| spec.layers = vec![rotated(pairing, 2), LayerSpec::PLAIN, rotated(pairing, 6)]);
    }
}

#[test]
fn layers_reach_each_as_far_as_they_do() {
    for reach in [Reach::CAUSAL, Reach::within(2), Reach::within(0), Reach { before: 3, after: 0 }] {
        check(|spec| spec.layers = vec![LayerSpec { reach, ..LayerSpec::PLAIN }; 2]);
        check(|spec| spec.layers = vec![LayerSpec { reach, ..LayerSpec::PLAIN }, LayerSpec::PLAIN]);
    }
}

#[test]
fn scores_are_biased_by_distance() {
    for reach in [Reach::ALL, Reach::within(3)] {
        let layers = vec![LayerSpec { reach, ..LayerSpec::PLAIN }; 2];
        check(|spec| {
            spec.attention.score_bias = ScoreBias::Alibi;
            spec.layers.clone_from(&layers);
        });
        check(|spec| {
            spec.attention.score_bias = ScoreBias::Buckets { buckets: 4 * LENGTH, max_distance: 128 };
            spec.layers = layers;
        });
    }
}

#[test]
fn heads_share_keys_and_values() {
    for key_value_heads in [1, 2] {
        check(|spec| spec.attention.key_value_heads = key_value_heads);
        check(|spec| {
            spec.attention.key_value_heads = key_value_heads;
            spec.attention.query_key_norm = Presence::Present;
            spec.attention.scale = 0.7;
            spec.norm = NormSpec::before(1e-6);
            spec.layers = vec![LayerSpec { reach: Reach::CAUSAL, ..rotated(RotaryPairing::Halves, 6) }; 2];
        });
    }
}

#[test]
fn queries_and_keys_are_normalised_before_they_are_rotated() {
    check(|spec| spec.attention.query_key_norm = Presence::Present);
    check(|spec| {
        spec.attention.query_key_norm = Presence::Present;
        spec.norm = NormSpec { kind: NormKind::Rms, scale_offset: 1.0, ..NormSpec::after(1e-6) };
        spec.layers = vec![rotated(RotaryPairing::Neighbours, 6); 2];
    });
}

#[test]
fn feed_forwards_may_have_a_gate_and_no_biases() {
    for activation in [Activation::Silu, Activation::Relu] {
        check(|spec| {
            spec.feed_forward.gate = Presence::Present;
            spec.feed_forward.activation = activation;
        });
    }
    for (input, output) in [(Bias::Added, Bias::Absent), (Bias::Absent, Bias::Added)] {
        check(|spec| {
            spec.feed_forward = FeedForwardSpec {
                gate: Presence::Present,
                input_bias: input,
                output_bias: output,
                ..spec.feed_forward
            };
            (spec.attention.input_bias, spec.attention.output_bias) = (output, input);
        });
    }
}

#[test]
fn a_model_without_layers_gives_its_embeddings() {
    check(|spec| spec.layers.clear());
    check(|spec| {
        spec.layers.clear();
        spec.attention = AttentionSpec::plain(0, 0);
        spec.feed_forward.intermediate = 0;
    });
    check(|spec| {
        spec.layers.clear();
        spec.norm.last = Presence::Present;
    });
}

#[test]
fn a_sequence_among_others_of_its_length_sees_itself_alone() {
    let mut spec = plain();
    spec.attention.key_value_heads = 2;
    spec.attention.score_bias = ScoreBias::Alibi;
    spec.layers =
        vec![LayerSpec { reach: Reach::within(2), ..rotated(RotaryPairing::Halves, 6) }, LayerSpec::PLAIN];
    let weights = weights(&spec);
    let tokens: Vec<Token> =
        (0..LENGTH as u32).map(|at| Token { id: (at * 7 + 3) % 30, type_id: 0 }).collect();
    let source = ModelSource::Spec { spec: spec.clone(), weights: Arc::new(weights.clone()) };
    let mut session = CandleBackend.open(OpenRequest::new(source)).unwrap();
    let (mut batch, mut output) = (Batch::new(), Embeddings::new());
    let sequences: Vec<Vec<Token>> = (0..4)
        .map(|start| tokens.iter().cycle().skip(start).take(LENGTH).copied().collect())
        .chain([tokens[..5].to_vec()])
        .collect();
    sequences.iter().for_each(|tokens| _ = batch.push(tokens));
    session.embed(&batch, &mut output).unwrap();
    for (row, tokens) in output.iter().zip(&sequences) {
        let expected = &naive::hidden_states(&spec, &weights, tokens)[0];
        assert!(
            row.iter().zip(expected).all(|(got, expected)| (f64::from(*got) - expected).abs() <= TOLERANCE)
        );
    }
}

#[test]
fn specs_whose_parts_do_not_fit_together_are_refused() {
    let check = |change: fn(&mut EncoderSpec), expected: &str| {
        let mut spec = plain();
        change(&mut spec);
        let source = ModelSource::Spec { weights: Arc::new(weights(&spec)), spec };
        let message = CandleBackend.open(OpenRequest::new(source)).err().unwrap().to_string();
        assert_eq!(message, format!("backend `candle` cannot run this model: {expected}"));
    };
    check(|spec| spec.attention.key_value_heads = 3, "its 3 key and value heads do not divide its 4 heads");
    check(|spec| spec.attention.key_value_heads = 0, "its number of key and value heads is 0");
    check(
        |spec| spec.embedding.width = 12,
        "its embeddings have 12 values, its states 20, and nothing maps one to the other",
    );
    check(
        |spec| spec.attention.score_bias = ScoreBias::Buckets { buckets: 1, max_distance: 8 },
        "two ranges of distances are needed, it has 1",
    );
    check(
        |spec| spec.layers[1] = rotated(RotaryPairing::Halves, 8),
        "it rotates 8 values of heads that have 6",
    );
    check(
        |spec| spec.position = PositionSpec::Learned { rows: 4, first: 4, uncounted: None },
        "its longest sequence is 0",
    );
}
