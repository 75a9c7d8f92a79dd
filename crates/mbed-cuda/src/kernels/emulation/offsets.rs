//! That no index overflows where it is computed in 32 bits, at the largest shapes that launches let through.
//!
//! `i32` and `i64` stand here as `int` and `i64` do in the kernels, and arithmetic is checked: debug and test builds stop
//! at an overflow.

use crate::kernels::check::LaunchError;
use crate::kernels::{
    Activate, Add, Address, Attention, AttentionShape, Convert, Element, Embed, Gate, Indexed, Norm, Place,
    Pool, ResidualNorm, ScoreTable,
};
use mbed_core::spec::{Activation, NormKind, Pooling, Reach};

const PLACE: Address = Address::new(1 << 40);

/// More values than 31 bits can count: a million tokens, 6144 wide.
const TOKENS: usize = 1 << 20;
const WIDTH: usize = 6144;

/// `index` in 64 bits must be exact, `parts` in 32 bits must exist.
fn exact(index: i64, expected: u128, parts: &[Option<i32>]) {
    assert_eq!(u128::try_from(index).unwrap(), expected);
    assert!(parts.iter().all(Option::is_some), "{parts:?}");
}

#[test]
fn rows_of_more_than_2_to_the_31_values_are_launched_and_reached() {
    let table = Indexed { table: PLACE, rows: PLACE };
    let norm = Norm { kind: NormKind::Layer, scale: PLACE, shift: None, epsilon: 1e-5 };
    let (element, tokens, width) = (Element::F16, TOKENS, WIDTH);
    let embed = Embed {
        element,
        tokens,
        width,
        table,
        scale: 1.0,
        segments: None,
        positions: None,
        norm: Some(norm),
        output: PLACE,
    };
    let residual = ResidualNorm {
        element,
        rows: TOKENS,
        width,
        stream: PLACE,
        addend: PLACE,
        inner: None,
        sum: None,
        outer: Some((norm, PLACE)),
    };
    for launch in [embed.launch().unwrap(), residual.launch().unwrap()] {
        // `number * width`, `number` from the block's index in 64 bits, plus a column in 32.
        let rows_of_block = i64::from(launch.block[0] / 256).max(1);
        let number = i64::from(launch.grid[0] - 1) * rows_of_block;
        let (step, threads) = (4_i32, 256_i32);
        let last_step = 32 / step - 1;
        let column = (last_step.checked_mul(threads).and_then(|c| c.checked_add(255)))
            .and_then(|c| c.checked_mul(step));
        let index = number.checked_mul(6144).unwrap();
        exact(index, (TOKENS as u128 - 1) * WIDTH as u128, &[column]);
    }
}

#[test]
fn activations_of_more_than_2_to_the_31_values_are_launched_and_reached() {
    let (element, function) = (Element::F32, Activation::Gelu);
    let width = i32::MAX as usize / 2;
    let gate =
        Gate { element, function, rows: 1 << 20, width: WIDTH, bias: None, input: PLACE, output: PLACE };
    let launch = gate.launch().unwrap();
    let row = i64::from(launch.grid[0] - 1);
    // `(2 * row + 1) * width`
    let index = (2 * row).checked_add(1).and_then(|row| row.checked_mul(6144)).unwrap();
    exact(index, ((1 << 21) - 1) * WIDTH as u128, &[6144_i32.checked_add(6143)]);
    // The widest gate that is let through: its columns still fit, and a wider one is refused.
    let widest = i32::try_from(width).unwrap();
    assert!(widest.checked_add(widest).is_some());
    let wider = Gate { rows: 1, width: width + 1, ..gate };
    assert!(matches!(wider.launch(), Err(LaunchError::TooLarge { what: "width", .. })));
    // Too many blocks in y are refused before columns could overflow.
    let activate =
        Activate { element, function, rows: 1, width: i32::MAX as usize, bias: None, values: PLACE };
    assert!(matches!(activate.launch(), Err(LaunchError::TooLarge { .. })));
    let most = Activate { width: 65_535 * 128, ..activate };
    let launch = most.launch().unwrap();
    let block = i32::try_from(launch.grid[1]).unwrap();
    let column = block.checked_mul(128).and_then(|c| c.checked_mul(4));
    assert!(column.is_some());
}

#[test]
fn attention_over_more_than_2_to_the_31_values_is_launched_and_reached() {
    let shape = AttentionShape::choose(Element::F16, 128, (1 << 29) - 1).unwrap();
    let attention = Attention {
        shape,
        heads: 32,
        key_value_heads: 32,
        scale: 1.0,
        reach: Reach::ALL,
        table: ScoreTable::Distances { values: PLACE, longest: (1 << 29) - 1 },
        offsets: PLACE,
        tiles: PLACE,
        tile_count: shape.most_tiles(TOKENS, 1),
        qkv: PLACE,
        context: PLACE,
    };
    assert!(attention.launch().is_ok());
    let row = (32_i64 + 2 * 32) * 128;
    let index = (TOKENS as i64 - 1).checked_mul(row).unwrap();
    exact(index, (TOKENS as u128 - 1) * 96 * 128, &[]);
    // `query + after`, `query - before`, `last + after + 1`, `2 * longest - 1`, with the longest there may be.
    let (longest, farthest) = ((1_i32 << 29) - 1, (1_i32 << 29) - 1);
    let sums = [
        longest.checked_add(63).and_then(|query| query.checked_add(farthest)),
        0_i32.checked_sub(farthest),
        (longest - 1).checked_add(farthest).and_then(|sum| sum.checked_add(1)),
        longest.checked_mul(2),
        longest.checked_add(64),
    ];
    exact(0, 0, &sums);
    assert!(AttentionShape::choose(Element::F16, 128, 1 << 29).is_err());
}

#[test]
fn what_counts_values_in_64_bits_takes_more_than_2_to_the_31() {
    let count = (1_usize << 31) + 5;
    let convert = Convert { from: Element::F32, to: Element::F16, count, input: PLACE, output: PLACE };
    let launch = convert.launch().unwrap();
    assert!(u64::from(launch.grid[0]) * 1024 >= count as u64);
    let launch = Add { count, target: PLACE, addend: PLACE }.launch().unwrap();
    assert!(u64::from(launch.grid[0]) * 256 >= count as u64);
    let pool = Pool {
        element: Element::F16,
        pooling: Pooling::Mean,
        rows: TOKENS,
        hidden: WIDTH,
        states: PLACE,
        spans: PLACE,
        output: PLACE,
        output_stride: WIDTH,
        column: 0,
    };
    let launch = pool.launch().unwrap();
    let index = i64::from(launch.grid[0] - 1) * 6144;
    exact(index, (TOKENS as u128 - 1) * WIDTH as u128, &[]);
    let place = Place {
        element: Element::F16,
        tokens: TOKENS,
        heads: 64,
        key_value_heads: 64,
        head_size: 128,
        qkv: PLACE,
        norms: None,
        rotation: None,
    };
    let launch = place.launch().unwrap();
    let index = (i64::from(launch.grid[0] - 1) * (64 + 128) + 127) * 128;
    exact(index, ((TOKENS as u128 - 1) * 192 + 127) * 128, &[]);
}
