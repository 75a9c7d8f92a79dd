//! Properties of launches: grids cover what there is, once, and stay within what cards can do.

use mbed_core::spec::{Activation, NormKind, Pooling, RotaryPairing};
use proptest::prelude::*;

use crate::kernels::activation::THREADS;
use crate::kernels::check::{Check, LaunchError};
use crate::kernels::norm::RowForm;
use crate::kernels::{
    Activate, Address, Convert, Element, Launch, Norm, Place, Pool, Rotation, RowNorm, Scaling, Take,
    convert, head, place, pool,
};

const PLACE: Address = Address::new(512);

/// Cards of every generation take no more (CUDA C++ Programming Guide, technical specifications).
fn within_limits(launch: &Launch) {
    let [x, y, z] = launch.grid;
    assert!((1..=0x7fff_ffff).contains(&x) && (1..=65_535).contains(&y) && z == 1, "{:?}", launch.grid);
    let threads: u32 = launch.block.iter().product();
    assert!(threads <= 1024 && threads.is_multiple_of(32), "{:?}", launch.block);
    assert!(launch.shared_bytes <= 48 * 1024);
}

/// `blocks` of `each` are enough for `count`, and one fewer is not.
fn covers(blocks: u32, each: usize, count: usize) {
    let blocks = blocks as usize;
    assert!(blocks * each >= count && (blocks - 1) * each < count, "{blocks} blocks of {each} for {count}");
}

fn elements() -> impl Strategy<Value = Element> {
    prop::sample::select(Element::ALL.to_vec())
}

proptest! {
    #[test]
    fn rows_are_held_whole_and_once(width in 1_usize..9000) {
        let Ok(form) = RowForm::of(Check { kernel: "norm" }, width) else {
            prop_assert!(width > 8192 || !width.is_multiple_of(4) && width > 2048);
            return Ok(());
        };
        let mut held = vec![0; width];
        for thread in 0..form.threads {
            for step in 0..form.held / form.step {
                let column = (step * form.threads + thread) * form.step;
                if column < width {
                    // Whole steps: a part of one would read behind the row.
                    prop_assert!(column + form.step <= width);
                    held[column..column + form.step].iter_mut().for_each(|count| *count += 1);
                }
            }
        }
        prop_assert!(held.iter().all(|&count| count == 1));
    }

    #[test]
    fn norms_cover_rows(element in elements(), rows in 1_usize..5_000_000, width in 1_usize..2048) {
        let norm = Norm { kind: NormKind::Rms, scale: PLACE, shift: None, epsilon: 1e-6 };
        let launch = RowNorm { element, rows, width, norm, input: PLACE, output: PLACE }.launch().unwrap();
        within_limits(&launch);
        let rows_of_block = if launch.entry.contains("_warp") { 4 } else { 1 };
        covers(launch.grid[0], rows_of_block, rows);
        prop_assert_eq!(launch.entry.ends_with('4'), width.is_multiple_of(4));
    }

    #[test]
    fn activations_cover_columns(element in elements(), rows in 1_usize..i32::MAX as usize, width in 1_usize..100_000) {
        let function = Activation::Silu;
        let launch = Activate { element, function, rows, width, bias: None, values: PLACE }.launch().unwrap();
        within_limits(&launch);
        prop_assert_eq!(launch.grid[0] as usize, rows);
        let step = if launch.entry.ends_with("_wide") { 16 / element.bytes() } else { 1 };
        prop_assert!(width.is_multiple_of(step));
        covers(launch.grid[1], step * THREADS, width);
    }

    #[test]
    fn pools_cover_columns(element in elements(), which in 0_usize..6, hidden in 1_usize..9000) {
        let pooling = Pooling::ALL[which];
        let (states, spans, output) = (PLACE, PLACE, PLACE);
        let stride = hidden + 7;
        let launch = Pool { element, pooling, rows: 3, hidden, states, spans, output, output_stride: stride, column: 7 };
        let behind = Pool { column: 8, ..launch };
        prop_assert!(behind.launch().is_err());
        let launch = launch.launch().unwrap();
        within_limits(&launch);
        let one = matches!(pooling, Pooling::Cls | Pooling::LastToken);
        covers(launch.grid[1], if one { pool::COLUMNS * pool::PARTS } else { pool::COLUMNS }, hidden);
    }

    #[test]
    fn heads_are_covered(heads in 1_usize..200, shared in 1_usize..200, half in 1_usize..=128, pairs in 1_usize..200) {
        let rotation = Rotation {
            pairing: RotaryPairing::Halves,
            pairs,
            cosines: PLACE,
            sines: PLACE,
            positions: PLACE,
        };
        let described = Place {
            element: Element::Bf16,
            tokens: 5,
            heads,
            key_value_heads: shared,
            head_size: 2 * half,
            qkv: PLACE,
            norms: None,
            rotation: Some(rotation),
        };
        match described.launch() {
            Ok(launch) => {
                within_limits(&launch);
                covers(launch.grid[1], place::HEADS_OF_BLOCK, heads + shared);
                prop_assert!(pairs <= half);
            }
            Err(error) => {
                let expected = matches!(error, LaunchError::TooLarge { what: "pairs", .. });
                prop_assert!(expected && pairs > half);
            }
        }
    }

    #[test]
    fn what_leaves_is_covered(rows in 1_usize..1_000_000, dimensions in 1_usize..400, count in 1_usize..(1 << 40)) {
        let (input, output, output_element) = (PLACE, PLACE, Element::F16);
        let take = Take { rows, width: 384, dimensions, scaling: Scaling::Keep, input, output, output_element };
        match take.launch() {
            Ok(launch) => covers(launch.grid[0], head::ROWS_OF_BLOCK, rows),
            Err(_) => prop_assert!(dimensions > 384),
        }
        let convert = Convert { from: Element::F32, to: Element::Bf16, count, input, output };
        match convert.launch() {
            Ok(launch) => covers(launch.grid[0], convert::BLOCK, count),
            Err(_) => prop_assert!(count > convert::BLOCK * 0x7fff_ffff),
        }
    }

    #[test]
    fn places_that_cannot_be_read_at_once_are_refused(offset in 0_u64..64) {
        let values = PLACE.offset(offset);
        let launch = Activate { element: Element::F16, function: Activation::Relu, rows: 2, width: 64, bias: None, values };
        prop_assert_eq!(launch.launch().is_ok(), offset.is_multiple_of(16));
    }
}

#[test]
fn nothing_to_do_is_an_error_that_says_so() {
    let activate = Activate {
        element: Element::F32,
        function: Activation::Tanh,
        rows: 0,
        width: 8,
        bias: None,
        values: PLACE,
    };
    assert_eq!(activate.launch().unwrap_err().to_string(), "kernel `activate`: rows is 0");
}
