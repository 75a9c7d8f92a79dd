//! A spec walked with plain loops in binary64, one sequence at a time: written from the docs of the spec, and sharing
//! nothing with the backend.

use mbed_core::spec::{
    Activation, Bias, EncoderSpec, LayerTensor, NormKind, NormPlacement, Part, PositionSpec, Presence,
    RotaryPairing, ScoreBias,
};
use mbed_core::{TensorName, Token, Weights};

type Row = Vec<f64>;

/// The hidden states of `tokens`, a row for each.
pub(crate) fn hidden_states(spec: &EncoderSpec, weights: &Weights, tokens: &[Token]) -> Vec<Row> {
    let walk = Walk { spec, weights };
    let mut states: Vec<Row> = (0..tokens.len()).map(|position| walk.embed(tokens, position)).collect();
    for layer in 0..spec.layers.len() {
        states = walk.layer(layer, &states);
    }
    match spec.norm.last {
        Presence::Present => states.iter().map(|x| walk.norm(TensorName::LastNorm, x)).collect(),
        Presence::Absent => states,
    }
}

struct Walk<'a> {
    spec: &'a EncoderSpec,
    weights: &'a Weights,
}

impl Walk<'_> {
    fn values(&self, name: TensorName) -> Row {
        self.weights.get(name).unwrap().to_f32().into_iter().map(f64::from).collect()
    }

    fn table_row(&self, name: TensorName, row: usize) -> Row {
        let width = self.spec.embedding.width;
        self.values(name)[row * width..(row + 1) * width].to_vec()
    }

    fn embed(&self, tokens: &[Token], position: usize) -> Row {
        let token = &tokens[position];
        let embedding = &self.spec.embedding;
        let mut x = self.table_row(TensorName::TokenEmbedding, token.id as usize);
        x.iter_mut().for_each(|value| *value *= f64::from(embedding.scale));
        if let PositionSpec::Learned { first, uncounted, .. } = self.spec.position {
            let counted = tokens[..position].iter().filter(|other| Some(other.id) != uncounted).count();
            let row = if Some(token.id) == uncounted { first - 1 } else { first + counted };
            x = sum(&x, &self.table_row(TensorName::PositionEmbedding, row));
        }
        if embedding.segments > 0 {
            x = sum(&x, &self.table_row(TensorName::SegmentEmbedding, token.type_id as usize));
        }
        if embedding.norm == Presence::Present {
            x = self.norm(TensorName::EmbeddingNorm, &x);
        }
        match embedding.projection {
            Some(bias) => self.linear(TensorName::EmbeddingProjection, bias, &x),
            None => x,
        }
    }

    fn layer(&self, index: usize, states: &[Row]) -> Vec<Row> {
        let norm = |tensor, x: &Row| self.norm(|part| TensorName::Layer(index, tensor, part), x);
        let placement = self.spec.norm.placement;
        let placed = self.spec.layers[index].attention_norm == Presence::Present;
        let before = placed && placement != NormPlacement::After;
        let inputs: Vec<Row> = states
            .iter()
            .map(|x| if before { norm(LayerTensor::AttentionNorm, x) } else { x.clone() })
            .collect();
        let mut attended = self.attention(index, &inputs);
        if placed && placement == NormPlacement::Around {
            attended = attended.iter().map(|x| norm(LayerTensor::AttentionOutputNorm, x)).collect();
        }
        let add = |(x, y): (&Row, &Row)| sum(x, y);
        let mut states: Vec<Row> = states.iter().zip(&attended).map(add).collect();
        if placed && placement == NormPlacement::After {
            states = states.iter().map(|x| norm(LayerTensor::AttentionNorm, x)).collect();
        }
        let feed_forward = |x: &Row| match placement {
            NormPlacement::After => norm(LayerTensor::FeedForwardNorm, &sum(x, &self.feed_forward(index, x))),
            NormPlacement::Before => {
                sum(x, &self.feed_forward(index, &norm(LayerTensor::FeedForwardNorm, x)))
            }
            NormPlacement::Around => {
                let y = self.feed_forward(index, &norm(LayerTensor::FeedForwardNorm, x));
                sum(x, &norm(LayerTensor::FeedForwardOutputNorm, &y))
            }
            other => panic!("{other:?}"),
        };
        states.iter().map(feed_forward).collect()
    }

    fn attention(&self, index: usize, inputs: &[Row]) -> Vec<Row> {
        let attention = &self.spec.attention;
        let (size, shared) = (attention.head_size, attention.heads / attention.key_value_heads);
        let map = |tensor, bias, x: &Row| self.linear(|part| TensorName::Layer(index, tensor, part), bias, x);
        let rows =
            |tensor| -> Vec<Row> { inputs.iter().map(|x| map(tensor, attention.input_bias, x)).collect() };
        let (queries, keys, values) =
            (rows(LayerTensor::Query), rows(LayerTensor::Key), rows(LayerTensor::Value));
        let mut results = vec![Vec::new(); inputs.len()];
        for head in 0..attention.heads {
            let from = (head / shared) * size;
            for (i, result) in results.iter_mut().enumerate() {
                let query = &queries[i][head * size..(head + 1) * size];
                let query = self.prepared(index, LayerTensor::QueryNorm, i, query);
                let mut scores = vec![f64::NEG_INFINITY; inputs.len()];
                for (j, score) in scores.iter_mut().enumerate().filter(|(j, _)| self.sees(index, i, *j)) {
                    let key = self.prepared(index, LayerTensor::KeyNorm, j, &keys[j][from..from + size]);
                    *score = dot(&query, &key) * f64::from(attention.scale) + self.score_bias(head, i, j);
                }
                let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let shares: Row = scores.iter().map(|score| (score - largest).exp()).collect();
                let total: f64 = shares.iter().sum();
                let of_value = |at: usize| -> f64 {
                    shares.iter().zip(&values).map(|(share, value)| share / total * value[from + at]).sum()
                };
                result.extend((0..size).map(of_value));
            }
        }
        results.iter().map(|x: &Row| map(LayerTensor::AttentionOutput, attention.output_bias, x)).collect()
    }

    fn sees(&self, index: usize, query: usize, key: usize) -> bool {
        let reach = self.spec.layers[index].reach;
        if key <= query { query - key <= reach.before } else { key - query <= reach.after }
    }

    /// A head's query or key, normalised and rotated where the spec says so.
    fn prepared(&self, index: usize, norm: LayerTensor, position: usize, x: &[f64]) -> Row {
        let mut x = x.to_vec();
        if self.spec.attention.query_key_norm == Presence::Present {
            x = self.norm(|part| TensorName::Layer(index, norm, part), &x);
        }
        let Some(rotary) = &self.spec.layers[index].rotary else { return x };
        let pairs = rotary.frequencies.len();
        for (pair, frequency) in rotary.frequencies.iter().enumerate() {
            let (first, second) = match rotary.pairing {
                RotaryPairing::Halves => (pair, pairs + pair),
                RotaryPairing::Neighbours => (2 * pair, 2 * pair + 1),
                other => panic!("{other:?}"),
            };
            let (sin, cos) = (position as f64 * f64::from(*frequency)).sin_cos();
            let (a, b) = (x[first], x[second]);
            (x[first], x[second]) = (a * cos - b * sin, a * sin + b * cos);
        }
        x
    }

    /// For ALiBi a power of two heads; for buckets distances below a quarter of their number.
    fn score_bias(&self, head: usize, query: usize, key: usize) -> f64 {
        let heads = self.spec.attention.heads;
        let distance = query.abs_diff(key);
        match self.spec.attention.score_bias {
            ScoreBias::None => 0.0,
            ScoreBias::Alibi => -(0.5_f64.powf(8.0 * (head + 1) as f64 / heads as f64)) * distance as f64,
            ScoreBias::Buckets { buckets, .. } => {
                assert!(heads.is_power_of_two() && distance < buckets / 4);
                let bucket = if key > query { buckets / 2 + distance } else { distance };
                self.values(TensorName::ScoreBias)[bucket * heads + head]
            }
            other => panic!("{other:?}"),
        }
    }

    fn feed_forward(&self, index: usize, x: &Row) -> Row {
        let spec = &self.spec.feed_forward;
        let map = |tensor, bias, x: &Row| self.linear(|part| TensorName::Layer(index, tensor, part), bias, x);
        let activated =
            |x: Row| -> Row { x.into_iter().map(|value| activation(spec.activation, value)).collect() };
        let up = map(LayerTensor::Up, spec.input_bias, x);
        let between = match spec.gate {
            Presence::Absent => activated(up),
            Presence::Present => {
                let gate = activated(map(LayerTensor::Gate, spec.input_bias, x));
                gate.iter().zip(&up).map(|(gate, up)| gate * up).collect()
            }
        };
        map(LayerTensor::Down, spec.output_bias, &between)
    }

    fn norm(&self, name: impl Fn(Part) -> TensorName, x: &Row) -> Row {
        let spec = &self.spec.norm;
        let count = x.len() as f64;
        let mean = if spec.kind == NormKind::Layer { x.iter().sum::<f64>() / count } else { 0.0 };
        let spread = x.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        let root = (spread + f64::from(spec.epsilon)).sqrt();
        let scale = self.values(name(Part::Weight)).into_iter().map(|s| s + f64::from(spec.scale_offset));
        let shifted = spec.kind == NormKind::Layer && spec.bias == Bias::Added;
        let shift = if shifted { self.values(name(Part::Bias)) } else { vec![0.0; x.len()] };
        x.iter().zip(scale).zip(shift).map(|((x, scale), shift)| (x - mean) / root * scale + shift).collect()
    }

    fn linear(&self, name: impl Fn(Part) -> TensorName, bias: Bias, x: &Row) -> Row {
        let mut result: Row =
            self.values(name(Part::Weight)).chunks(x.len()).map(|row| dot(row, x)).collect();
        if bias == Bias::Added {
            result = sum(&result, &self.values(name(Part::Bias)));
        }
        result
    }
}

fn activation(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Relu => x.max(0.0),
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Tanh => x.tanh(),
        other => panic!("{other:?} is not of these tests"),
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn sum(a: &[f64], b: &[f64]) -> Row {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}
