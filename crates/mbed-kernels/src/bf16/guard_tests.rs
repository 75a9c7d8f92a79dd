//! Nothing is read or written outside what it was given: every kernel at every tail, on memory with protected pages
//! on both sides. Going too far ends the process, which the test runner reports as a failure of the test.

use super::machine::Machine;
use super::tiles::{BLOCK, Block, HEIGHT, Line};
use super::{Bf16Gated, Bf16Linear, Bf16Scratch, Output, TileRows};
use crate::Isa;
use crate::activation::Function;
use crate::attention::{Attention, DistanceBias, Heads, Reach};
use crate::guarded::Guarded;
use crate::int8::{ByteRows, Int8Linear};

const LEVELS: fn() -> [Isa; 2] = || [Isa::PORTABLE, Isa::detect()];

#[test]
fn blocks_of_every_depth() {
    for steps in 0..20 {
        let rows = Guarded::of(&vec![Line([0x3F80; 32]); steps * BLOCK]);
        let columns = Guarded::of(&vec![Line([0x3F80; 32]); steps * 2 * HEIGHT]);
        for isa in LEVELS() {
            let mut block = Block([[f32::NAN; BLOCK]; BLOCK]);
            Machine::start(isa).multiply(rows.values(), columns.values(), &mut block);
            let expected = (steps * BLOCK) as f32;
            assert!(block.0.as_flattened().iter().all(|&sum| sum == expected), "{steps} steps");
        }
    }
}

/// A map whose results are all `expected`.
struct Map {
    rows: usize,
    input: usize,
    output: usize,
    x: Guarded<f32>,
    weight: Guarded<f32>,
    bias: Guarded<f32>,
    expected: f32,
}

/// Maps of every width and height, each with each level.
fn maps() -> impl Iterator<Item = (Map, Isa)> {
    let small = (1..=35).flat_map(|size| [(3, 5, size), (size, 5, 3), (3, size, 5), (size, size, size)]);
    // From 256 inputs on, blocks but the last are finished beside products.
    let large = [(64, 256, 64), (33, 257, 65), (65, 300, 33), (96, 289, 95), (96, 319, 95)];
    let shapes = small.chain(large).flat_map(|shape| LEVELS().map(|isa| (shape, isa)));
    shapes.map(|((rows, input, output), isa)| {
        let x = Guarded::of(&vec![1.0; rows * input]);
        let weight = Guarded::of(&vec![0.5; output * input]);
        let bias = Guarded::of(&vec![1.0; output]);
        (Map { rows, input, output, x, weight, bias, expected: 0.5 * input as f32 + 1.0 }, isa)
    })
}

#[test]
fn linear_maps_of_every_width_and_height() {
    for (Map { rows, input, output, x, weight, bias, expected }, isa) in maps() {
        let mut tiles = TileRows::new();
        tiles.reset(rows, input).unwrap();
        tiles.write(isa, 0, x.values());
        let linear = Bf16Linear::new(isa, weight.values(), bias.values(), input).unwrap();
        let mut y = Guarded::zeros(rows * output);
        linear.apply(tiles.view(), Output::Rows(y.values_mut())).unwrap();
        assert!(y.values().iter().all(|&y| y == expected));
        linear.apply(tiles.view(), Output::Sum(y.values_mut())).unwrap();
        assert!(y.values().iter().all(|&y| y == 2.0 * expected));
        let maps = [(weight.values(), bias.values()), (weight.values(), &[][..])];
        let gated = Bf16Gated::new(isa, maps, input).unwrap();
        let mut rounded = TileRows::new();
        rounded.reset(rows, output).unwrap();
        gated.apply(tiles.view(), Function::Identity, &mut rounded).unwrap();
        let truth = expected * (expected - 1.0);
        assert!((rounded.get(rows - 1, output - 1) - truth).abs() <= truth / 256.0);
    }
}

#[test]
fn attention_of_every_length_and_head_size() {
    let sizes = (1..=70).map(|length| (length, 4)).chain((1..=70).map(|size| (3, size)));
    for (length, size) in sizes {
        let heads = Heads { count: 2, key_values: 1, size };
        let qkv = Guarded::of(&vec![0.5; length * heads.row()]);
        let bias = Guarded::of(&vec![0.25; 2 * (2 * length - 1)]);
        for (isa, before) in LEVELS().into_iter().flat_map(|isa| [(isa, 1), (isa, usize::MAX)]) {
            let (mut tiles, mut context) = (TileRows::new(), TileRows::new());
            tiles.reset(length, heads.row()).unwrap();
            tiles.write(isa, 0, qkv.values());
            context.reset(length, heads.query_width()).unwrap();
            let bias = Some(DistanceBias { values: bias.values(), longest: length });
            let attention = Attention { heads, scale: 1.0, reach: Reach { before, after: 2 }, bias };
            let mut scratch = Bf16Scratch::default();
            attention.apply_bf16(isa, &(0..length), (&tiles, &mut context), &mut scratch).unwrap();
            for (row, column) in (0..length).flat_map(|row| (0..2 * size).map(move |column| (row, column))) {
                assert_eq!(context.get(row, column), 0.5, "{length} tokens, heads of {size}");
            }
        }
    }
}

#[test]
fn maps_of_bytes_of_every_width_and_height() {
    for (Map { rows, input, output, x, weight, bias, expected }, isa) in maps() {
        let mut bytes = ByteRows::new();
        bytes.reset(rows, input).unwrap();
        bytes.write(isa, 0, x.values());
        let linear = Int8Linear::new(isa, weight.values(), bias.values(), input).unwrap();
        let mut y = Guarded::zeros(rows * output);
        linear.apply(bytes.view(), Output::Rows(y.values_mut())).unwrap();
        assert!(y.values().iter().all(|&y| (y - expected).abs() <= expected * 1e-6));
        linear.apply(bytes.view(), Output::Sum(y.values_mut())).unwrap();
        assert!(y.values().iter().all(|&y| (y - 2.0 * expected).abs() <= expected * 2e-6));
        let mut words = TileRows::new();
        words.reset(rows, input).unwrap();
        words.write(isa, 0, x.values());
        bytes.write_tiles(isa, &words, &(0..rows));
        assert_eq!(bytes.get(rows - 1, input - 1), 1.0);
    }
}
