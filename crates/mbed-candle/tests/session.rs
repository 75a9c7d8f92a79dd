//! What a session promises, on the committed tiny BERT models.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::num::NonZeroUsize;
use std::sync::Arc;

use mbed_candle::CandleBackend;
use mbed_core::spec::{HeadStage, Part, Pooling};
use mbed_core::{
    Backend, BackendError, Batch, Embeddings, ModelSource, OpenRequest, Precision, PrecisionChoice,
    TensorName, Token,
};
use support::{Fixture, embed};

fn tokens(ids: &[u32]) -> Vec<Token> {
    ids.iter().map(|&id| Token { id, type_id: 0 }).collect()
}

fn vectors(name: &str, batch: &Batch) -> Vec<Vec<f32>> {
    let mut output = Embeddings::new();
    Fixture::load(name).open().unwrap().embed(batch, &mut output).unwrap();
    output.iter().map(<[f32]>::to_vec).collect()
}

#[test]
fn an_empty_batch_is_no_rows() {
    let mut output = Embeddings::new();
    output.reset(2, 2);
    let mut session = Fixture::load("bert-mean").open().unwrap();
    session.embed(&Batch::new(), &mut output).unwrap();
    assert_eq!((output.rows(), output.dimensions()), (0, 64));
}

#[test]
fn an_empty_span_is_zeros_before_the_later_stages() {
    let mut batch = Batch::new();
    batch.push(&[]);
    let sequence = batch.push(&tokens(&[5, 6, 7]));
    batch.push_span(sequence, 2..2).unwrap();
    let zeros = vec![0.0; 64];
    let rows = vectors("bert-mean", &batch);
    assert_eq!((&rows[0], &rows[2]), (&zeros, &zeros));
    assert_ne!(rows[1], zeros);

    // Of Dense on zeros the bias is left: tanh(b), then divided by its length.
    let ModelSource::Spec { weights, .. } = Fixture::load("bert-cls-dense").source() else { unreachable!() };
    let bias = weights.get(TensorName::HeadDense(0, Part::Bias)).unwrap().to_f32();
    let expected: Vec<f32> = bias.iter().map(|value| value.tanh()).collect();
    let length = expected.iter().map(|value| value * value).sum::<f32>().sqrt();
    let rows = vectors("bert-cls-dense", &batch);
    for (got, expected) in rows[0].iter().zip(&expected) {
        assert!((got - expected / length).abs() < 1e-6, "{got} is not {}", expected / length);
    }
    assert_eq!(rows[0], rows[2]);
}

#[test]
fn rows_follow_spans() {
    let mut batch = Batch::new();
    let long = batch.push_unpooled(&tokens(&[5, 6, 7, 8, 9]));
    let short = batch.push_unpooled(&tokens(&[10, 11]));
    for (sequence, span) in
        [(short, 0..1), (long, 1..4), (short, 0..2), (long, 1..2), (long, 2..3), (long, 3..4)]
    {
        batch.push_span(sequence, span).unwrap();
    }
    let rows = vectors("bert-max-raw", &batch);
    assert_eq!(rows.len(), 6);
    let largest: Vec<f32> = (0..64).map(|at| rows[3][at].max(rows[4][at]).max(rows[5][at])).collect();
    assert_eq!(rows[1], largest);
    let both_at_least_first = rows[2].iter().zip(&rows[0]).all(|(both, first)| both >= first);
    assert!(both_at_least_first && rows[2] != rows[0]);
}

#[test]
fn poolings_are_put_one_behind_the_other() {
    let mut fixture = Fixture::load("bert-max-raw").source();
    if let ModelSource::Spec { spec, .. } = &mut fixture {
        spec.head.pooling = vec![Pooling::LastToken, Pooling::Max];
        spec.head.stages = vec![HeadStage::Normalize];
    }
    let mut session = CandleBackend.open(OpenRequest::new(fixture)).unwrap();
    let rows = embed(session.as_mut(), &[tokens(&[5])], 1);
    // Of a single token every pooling is that token, and each half has half of the squared length.
    assert_eq!(rows[0].len(), 128);
    assert_eq!(rows[0][..64], rows[0][64..]);
    let squared: f32 = rows[0].iter().map(|value| value * value).sum();
    assert!((squared - 1.0).abs() < 1e-5, "{squared}");
}

#[test]
fn bad_batches_are_refused_and_the_session_stays_usable() {
    let mut session = Fixture::load("bert-mean").open().unwrap();
    let mut output = Embeddings::new();
    let before = embed(session.as_mut(), &[tokens(&[5, 6])], 1);
    let mut check = |sequence: Vec<Token>, expected: &str| {
        let mut batch = Batch::new();
        batch.push(&tokens(&[5]));
        batch.push(&sequence);
        let error = session.embed(&batch, &mut output).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check(tokens(&[5, 1200]), "token id 1200 in sequence 1 is outside the model's table of 1200");
    let wrong_type = Token { id: 5, type_id: 2 };
    check(vec![wrong_type], "type id 2 in sequence 1 is outside the model's table of 2");
    check(tokens(&[5; 513]), "sequence 1 has 513 tokens, the model takes at most 512");
    assert_eq!(embed(session.as_mut(), &[tokens(&[5, 6])], 1), before);
}

#[test]
fn any_number_of_threads_gives_the_same_vectors() {
    let fixture = Fixture::load("bert-mean");
    let sequences = fixture.tokens("");
    let golden = fixture.golden("golden.npy");
    for threads in [1, 3] {
        let request = OpenRequest::new(fixture.source()).with_threads(NonZeroUsize::new(threads));
        let mut session = CandleBackend.open(request).unwrap();
        for (vector, golden) in embed(session.as_mut(), &sequences, 8).iter().zip(&golden) {
            let near = vector.iter().zip(golden).all(|(value, golden)| (value - golden).abs() <= 2e-5);
            assert!(near, "{threads} threads");
        }
    }
}

#[test]
fn what_cannot_be_had_is_an_error() {
    let fixture = Fixture::load("bert-mean");
    let check = |request: OpenRequest, expected: &str| {
        let error = CandleBackend.open(request).err().unwrap();
        assert_eq!(error.to_string(), expected);
    };
    let request = OpenRequest::new(fixture.source());
    check(request.clone().with_device(Some(1)), "backend `candle` has no device 1: it has one, `candle:0`");
    let bf16 = PrecisionChoice::Exactly(Precision::Bf16);
    check(request.with_precision(bf16), "`candle:0` cannot run in `bf16`");
    let mut source = fixture.source();
    if let ModelSource::Spec { spec, .. } = &mut source {
        (spec.attention.heads, spec.attention.head_size) = (0, 16);
    }
    check(OpenRequest::new(source), "backend `candle` cannot run this model: its number of heads is 0");
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    let mut source = Fixture::load("bert-mean").source();
    if let ModelSource::Spec { weights, .. } = &mut source {
        let half = mbed_core::Tensor::from_f32(vec![32], &[0.0; 32]).unwrap();
        Arc::make_mut(weights).insert(TensorName::EmbeddingNorm(Part::Bias), half);
    }
    let error = CandleBackend.open(OpenRequest::new(source)).err().unwrap();
    let BackendError::Weights(error) = error else { panic!("{error:?}") };
    let expected = "tensor `embeddings.norm.bias` has shape [32], the configuration asks for [64]";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn weights_are_counted_in_binary32() {
    // Without the pooler's two tensors, which no pooling reads: 1200·64 + 2·64 + 512·64 + 2·64 for the
    // embeddings, and 2 layers of 4·(64·64 + 64) + 2·64·128 + 128 + 64 + 4·64.
    let values = 1714 * 64 + 128 + 2 * (4 * 4160 + 16_384 + 192 + 256);
    let memory = Fixture::load("bert-mean").open().unwrap().memory();
    assert_eq!(memory.weights.map(mbed_core::Bytes::get), Some(values * 4));
}
