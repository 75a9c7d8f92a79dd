//! Nothing is read or written outside what it was given: kernels in binary32 on every path and at every tail, on memory
//! with protected pages on both sides. Going too far ends the process, which the test runner reports as a failure.

use crate::activation::Function;
use crate::attention::{Attention, AttentionRoom, DistanceBias, Heads, Reach};
use crate::gemm::{Linear, Output};
use crate::guarded::Guarded;
use crate::norm::{Norm, NormKind};
use crate::{Isa, Level, elementwise, pool, rotary};

fn levels() -> impl Iterator<Item = Isa> {
    Level::ALL.into_iter().map(|level| Isa::detect().at_most(level))
}

#[test]
fn linear_maps_of_every_width_and_height() {
    let small = (1..=100).flat_map(|size| [(3, size, 2), (size.min(30), 3, size), (9, size, size)]);
    for (rows, input, output) in small.chain([(25, 129, 97), (7, 300, 33)]) {
        let (x, weight) = (Guarded::of(&vec![0.5; rows * input]), Guarded::of(&vec![2.0; input * output]));
        let bias = Guarded::of(&vec![1.0; output]);
        for isa in levels() {
            let linear = Linear::new(isa, weight.values(), bias.values(), input).unwrap();
            let mut y = Guarded::of(&vec![f32::NAN; rows * output]);
            let truth = input as f32 + 1.0;
            let mut check = |output: fn(&mut [f32]) -> Output<'_>, expected: f32| {
                linear.apply(x.values(), output(y.values_mut())).unwrap();
                assert!(y.values().iter().all(|&y| y == expected), "{isa:?}: {rows} × {input}");
            };
            check(|y| Output::Rows(Function::Relu, y), truth);
            check(|y| Output::Sum(y), 2.0 * truth);
            check(|y| Output::Product(y), 2.0 * truth * truth);
        }
    }
}

#[test]
fn attention_of_every_length_and_head_size() {
    let sizes = (1..=70).map(|length| (length, 4)).chain((1..=70).map(|size| (3, size)));
    for (length, size) in sizes {
        let heads = Heads { count: 2, key_values: 1, size };
        let qkv = Guarded::of(&vec![0.5; length * heads.row()]);
        let bias = Guarded::of(&vec![0.25; 2 * (2 * length - 1)]);
        for (isa, before) in levels().flat_map(|isa| [(isa, 1), (isa, usize::MAX)]) {
            let mut context = Guarded::of(&vec![f32::NAN; length * heads.query_width()]);
            let bias = Some(DistanceBias { values: bias.values(), longest: length });
            let attention = Attention { heads, scale: 1.0, reach: Reach { before, after: 2 }, bias };
            let mut room = AttentionRoom::default();
            room.reserve(isa, heads, length).unwrap();
            attention.apply(isa, (length, qkv.values()), context.values_mut(), &mut room).unwrap();
            for value in context.values() {
                assert!((value - 0.5).abs() < 1e-6, "{isa:?}: {length} tokens, heads of {size}");
            }
        }
    }
}

#[test]
fn rows_of_every_length() {
    const FUNCTIONS: [Function; 6] = [
        Function::Gelu,
        Function::GeluTanh,
        Function::Relu,
        Function::Silu,
        Function::Tanh,
        Function::Sigmoid,
    ];
    for length in 1..=100 {
        let ones = || Guarded::of(&vec![1.0; length]);
        let scale = Norm::new(NormKind::Layer, vec![1.0; length], vec![2.0; length], 1e-5).unwrap();
        for isa in levels() {
            let mut row = ones();
            scale.apply_on(isa, row.values_mut());
            assert!(row.values().iter().all(|&value| value == 2.0));
        }
        for function in FUNCTIONS {
            let (mut row, mut one) = (ones(), [1.0]);
            function.apply(row.values_mut());
            function.apply(&mut one);
            assert!(row.values().iter().all(|&value| (value - one[0]).abs() < 1e-6), "{function:?}");
        }
        let (mut row, other) = (ones(), ones());
        elementwise::add(row.values_mut(), other.values());
        elementwise::multiply(row.values_mut(), other.values());
        pool::mean(other.values(), row.values_mut());
        pool::max(other.values(), row.values_mut());
        let turns = Guarded::of(&vec![1.0; length / 2]);
        rotary::rotate(row.values_mut(), length, rotary::Pairing::Halves, turns.values(), turns.values());
        assert!(length < 2 || row.values()[0] == 0.0);
    }
}
