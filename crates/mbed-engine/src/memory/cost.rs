//! How many bytes a batch needs: from the architecture at first, then from what was measured.

use std::collections::VecDeque;

use mbed_core::spec::EncoderSpec;
use mbed_core::{AttentionMemory, Bytes, Capabilities, Precision};
use serde::{Deserialize, Serialize};

use super::Shape;

/// Parts of a batch's need: a fixed one, and those that grow with places, with places times length, and with rows.
const TERMS: usize = 4;

/// What the terms are counted in, so that a usual batch has numbers near 1 and the fit stays well conditioned.
const UNITS: [f64; TERMS] = [1.0, 1024.0, 1024.0 * 512.0, 64.0];

/// The standard deviation of what the architecture says, as a part of it: it counts every buffer once, while a backend
/// may reuse some or work on a part of the batch at a time.
const DOUBT: f64 = 0.5;
/// The least doubt of a term: what no architecture tells may still take some.
const LEAST_DOUBT: f64 = 2e6;
/// The standard deviation of a measurement, as a part of it.
const NOISE: f64 = 0.05;
/// How much of the doubt comes back with each measurement, so that the fit follows what changes slowly.
const FORGETTING: f64 = 1.0 / 0.998;
/// Measurements further than so many standard deviations from what was expected do not change the fit ...
const FAR: f64 = 4.0;
/// ... unless so many follow each other, which is no accident ...
const ACCIDENTS: u32 = 3;
/// ... or fewer than so many were there before, and the architecture alone is no measure.
const FIRST: u64 = 3;
/// The envelope stays at least so far above the fit, as a part of it, and above what was measured lately.
const LEAST_MARGIN: f64 = 0.05;
/// So many measurements are kept for the envelope ...
const LATELY: usize = 16;
/// ... and each for so many batches at most.
const LASTS: u64 = 200;

/// How many bytes a batch needs. Sequence length is a factor of its own: attention that holds all scores grows with
/// its square.
///
/// It begins with the sizes of the architecture's tensors and is fitted to measured peaks by recursive least squares.
/// [`CostModel::most`] stays above what was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostModel {
    /// Bytes for one unit of each term.
    bytes: [f64; TERMS],
    /// Covariance of `bytes`.
    doubt: [[f64; TERMS]; TERMS],
    /// The variance of each term at most, so that what is not seen for long does not become unknown.
    most_doubt: [f64; TERMS],
    /// What was measured lately, which the envelope covers.
    lately: VecDeque<Seen>,
    batches: u64,
    measurements: u64,
    accidents: u32,
}

/// What a batch needed, or more than which it needed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Seen {
    shape: Shape,
    bytes: f64,
    at: u64,
}

impl CostModel {
    /// What the architecture says: every buffer of a layer as long as the batch, and scores as attention holds them.
    #[must_use]
    pub fn new(spec: &EncoderSpec, capabilities: &Capabilities) -> Self {
        let value = value_size(capabilities.precision);
        let (width, shared) = (spec.attention.width(), spec.attention.key_value_width());
        let gates = if spec.feed_forward.gate.is_present() { 2 } else { 1 };
        let layer = if spec.layers.is_empty() {
            0
        } else {
            width + 2 * shared + width + gates * spec.feed_forward.intermediate
        };
        // States and sums stay in binary32.
        let token = (2 * spec.hidden + spec.embedding.width) * size_of::<f32>() + layer * value;
        let pair = match (capabilities.attention, spec.layers.is_empty()) {
            // Scores, and what softmax makes of them.
            (AttentionMemory::Whole, false) => 2 * spec.attention.heads * size_of::<f32>(),
            _ => 0,
        };
        // The vector in the session and the one that it is copied to.
        let row = 2 * spec.dimensions() * size_of::<f32>();
        Self::from_terms([1e6, token as f64, pair as f64, row as f64])
    }

    /// For a model whose architecture is not known: only its sizes are.
    #[must_use]
    pub fn of_sizes(hidden: usize, dimensions: usize) -> Self {
        // Most encoders have four times their states between the products of the feed-forward, and 64 values a head.
        let token = (3 * hidden + 4 * hidden + 4 * hidden) * size_of::<f32>();
        let pair = 2 * hidden.div_ceil(64) * size_of::<f32>();
        Self::from_terms([1e6, token as f64, pair as f64, (2 * dimensions * size_of::<f32>()) as f64])
    }

    fn from_terms(terms: [f64; TERMS]) -> Self {
        let mut bytes = [0.0; TERMS];
        let mut doubt = [[0.0; TERMS]; TERMS];
        let mut most_doubt = [0.0; TERMS];
        for term in 0..TERMS {
            bytes[term] = terms[term] * UNITS[term];
            most_doubt[term] = (bytes[term] * DOUBT).max(LEAST_DOUBT).powi(2);
            doubt[term][term] = most_doubt[term];
        }
        let lately = VecDeque::new();
        Self { bytes, doubt, most_doubt, lately, batches: 0, measurements: 0, accidents: 0 }
    }

    /// What a batch is expected to need.
    #[must_use]
    pub fn expected(&self, shape: Shape) -> Bytes {
        to_bytes(self.mean(&terms(shape)))
    }

    /// What a batch needs at most, as far as is known: above the fit by what the fit has been wrong, and by its own doubt.
    #[must_use]
    pub fn most(&self, shape: Shape) -> Bytes {
        let terms = terms(shape);
        to_bytes(self.mean(&terms) * (1.0 + self.margin()) + self.variance(&terms).sqrt())
    }

    /// How far the fit is below the worst of what was measured lately, as a part of it.
    fn margin(&self) -> f64 {
        let over = self.lately.iter().map(|seen| seen.bytes / self.mean(&terms(seen.shape)).max(1.0) - 1.0);
        over.fold(LEAST_MARGIN, f64::max)
    }

    /// A batch more has passed, measured or not.
    pub(crate) fn passed(&mut self) {
        self.batches += 1;
        self.lately.retain(|seen| seen.at + LASTS > self.batches);
    }

    fn saw(&mut self, shape: Shape, bytes: f64) {
        if self.lately.len() == LATELY {
            self.lately.pop_front();
        }
        self.lately.push_back(Seen { shape, bytes, at: self.batches });
    }

    /// The most rows of `length` tokens that need no more than `bytes` and have no more than `tokens`; 0 where one needs
    /// more.
    #[must_use]
    pub fn rows_within(&self, bytes: u64, length: usize, tokens: usize) -> usize {
        let (mut fits, mut too_many) = (0, tokens / length.max(1) + 1);
        while fits + 1 < too_many {
            let middle = fits + (too_many - fits) / 2;
            if self.most(Shape::even(middle, length)).get() <= bytes {
                fits = middle;
            } else {
                too_many = middle;
            }
        }
        fits
    }

    /// How many measurements it rests on.
    #[must_use]
    pub const fn measurements(&self) -> u64 {
        self.measurements
    }

    /// Bytes that every batch needs, that a place needs, that a place needs for each token of the longest sequence, and
    /// that a row needs.
    #[must_use]
    pub fn per_unit(&self) -> [f64; TERMS] {
        let mut per_unit = self.bytes;
        for (bytes, unit) in per_unit.iter_mut().zip(UNITS) {
            *bytes /= unit;
        }
        per_unit
    }

    /// Learns what a batch needed.
    pub fn measured(&mut self, shape: Shape, needed: Bytes) {
        let terms = terms(shape);
        let needed = needed.get() as f64;
        let expected = self.mean(&terms);
        self.measurements += 1;
        self.saw(shape, needed);
        let noise = (needed.max(expected) * NOISE).powi(2) + 1.0;
        let variance = self.variance(&terms) + noise;
        let is_far = self.measurements > FIRST && (needed - expected).abs() > FAR * variance.sqrt();
        self.accidents = if is_far { self.accidents + 1 } else { 0 };
        if is_far && self.accidents < ACCIDENTS {
            // It does not move the fit; the envelope has risen, for what happened may happen again.
            return;
        }
        if is_far {
            self.forget();
            self.accidents = 0;
        }
        self.fit(&terms, needed - expected, noise);
    }

    /// Learns that a batch needs more than there was room for.
    pub fn refused(&mut self, shape: Shape, room: Bytes) {
        let room = room.get() as f64;
        if room > self.mean(&terms(shape)) {
            self.saw(shape, room * 1.05);
        }
    }

    /// One step of recursive least squares.
    fn fit(&mut self, terms: &[f64; TERMS], error: f64, noise: f64) {
        let spread = self.spread(terms);
        let variance = dot(terms, &spread) + noise;
        for (row, (bytes, gain)) in self.bytes.iter_mut().zip(spread).enumerate() {
            *bytes = (*bytes + gain * error / variance).max(0.0);
            for (doubt, other) in self.doubt[row].iter_mut().zip(spread) {
                *doubt = (*doubt - gain * other / variance) * FORGETTING;
            }
        }
        self.bound_doubt();
    }

    /// Where a term has become less known than it ever was, its row and column shrink together, which keeps the matrix a
    /// covariance.
    fn bound_doubt(&mut self) {
        for term in 0..TERMS {
            let ratio = (self.most_doubt[term] / self.doubt[term][term].max(f64::MIN_POSITIVE)).sqrt();
            if ratio >= 1.0 {
                continue;
            }
            for other in 0..TERMS {
                self.doubt[term][other] *= ratio;
                self.doubt[other][term] *= ratio;
            }
        }
    }

    /// Doubts again as much as in the beginning.
    fn forget(&mut self) {
        self.doubt = [[0.0; TERMS]; TERMS];
        for term in 0..TERMS {
            self.doubt[term][term] = self.most_doubt[term];
        }
    }

    fn mean(&self, terms: &[f64; TERMS]) -> f64 {
        dot(terms, &self.bytes)
    }

    fn variance(&self, terms: &[f64; TERMS]) -> f64 {
        dot(terms, &self.spread(terms)).max(0.0)
    }

    fn spread(&self, terms: &[f64; TERMS]) -> [f64; TERMS] {
        self.doubt.map(|row| dot(terms, &row))
    }

    /// Whether every number is one, which a profile from elsewhere need not have.
    pub(crate) fn is_sound(&self) -> bool {
        let all = self.bytes.iter().chain(self.doubt.iter().flatten()).chain(&self.most_doubt);
        all.chain(self.lately.iter().map(|seen| &seen.bytes)).all(|value| value.is_finite())
            && self.bytes.iter().all(|&value| value >= 0.0)
    }
}

fn terms(shape: Shape) -> [f64; TERMS] {
    let (places, longest) = (shape.places as f64, shape.longest as f64);
    [1.0, places / UNITS[1], places * longest / UNITS[2], shape.rows as f64 / UNITS[3]]
}

fn dot(left: &[f64; TERMS], right: &[f64; TERMS]) -> f64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and a cast saturates"
)]
const fn to_bytes(value: f64) -> Bytes {
    Bytes::new(value.max(0.0) as u64)
}

const fn value_size(precision: Precision) -> usize {
    match precision {
        Precision::F16 | Precision::Bf16 => 2,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn model() -> CostModel {
        CostModel::from_terms([1e6, 16_000.0, 96.0, 3072.0])
    }

    /// A backend that works as no architecture tells.
    fn truth(shape: Shape) -> f64 {
        5e6 + 2500.0 * shape.places as f64 + 24.0 * (shape.places * shape.longest) as f64
    }

    #[test]
    fn a_fit_finds_what_a_backend_really_needs() {
        let mut model = model();
        for step in 0..200 {
            let shape = Shape::even(1 + step * 7 % 50, 16 + step * 37 % 500);
            model.measured(shape, to_bytes(truth(shape)));
        }
        for shape in [Shape::even(10, 500), Shape::even(60, 100), Shape::even(1, 16)] {
            let (expected, most) = (model.expected(shape).get() as f64, model.most(shape).get() as f64);
            assert!(
                (expected / truth(shape) - 1.0).abs() < 0.1,
                "{shape:?}: {expected}, is {}",
                truth(shape)
            );
            assert!(most >= truth(shape), "{shape:?}");
        }
    }

    #[test]
    fn one_strange_measurement_does_not_move_the_fit_and_three_do() {
        let mut model = model();
        let shape = Shape::even(20, 200);
        for _ in 0..50 {
            model.measured(shape, Bytes::new(50_000_000));
        }
        let before = model.expected(shape);
        model.measured(shape, Bytes::new(500_000_000));
        assert_eq!(model.expected(shape), before);
        assert!(model.most(shape).get() > 200_000_000, "what happened may happen again");
        for _ in 0..20 {
            model.measured(shape, Bytes::new(500_000_000));
        }
        assert!(model.expected(shape).get() > 400_000_000, "{}", model.expected(shape));
    }

    #[test]
    fn a_refusal_lifts_the_envelope_above_what_there_was() {
        let mut model = model();
        let shape = Shape::even(4, 100);
        model.refused(shape, Bytes::new(40_000_000));
        assert!(model.most(shape).get() > 40_000_000);
    }

    proptest! {
        /// Whatever is measured, the envelope of what was measured last is not below it.
        #[test]
        fn the_envelope_covers_what_was_measured(
            seen in prop::collection::vec((1_usize..200, 1_usize..1024, 0.2_f64..3.0), 1..60),
        ) {
            let mut model = model();
            for (rows, length, factor) in seen {
                let shape = Shape::even(rows, length);
                let needed = truth(shape) * factor;
                model.measured(shape, to_bytes(needed));
                prop_assert!(model.most(shape).get() as f64 >= needed * 0.999 - 1.0);
                prop_assert!(model.is_sound());
            }
        }

        #[test]
        fn more_of_anything_costs_no_less(rows in 1_usize..500, length in 1_usize..2000) {
            let model = model();
            let one = model.most(Shape::even(rows, length));
            prop_assert!(model.most(Shape::even(rows + 1, length)) >= one);
            prop_assert!(model.most(Shape::even(rows, length + 1)) >= one);
        }
    }
}
