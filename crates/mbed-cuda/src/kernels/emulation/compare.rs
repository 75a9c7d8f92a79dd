//! Attention as the kernels index it, beside its definition.

use mbed_core::spec::Reach;

use super::problem::Problem;
use super::tiled::Tensor;
use super::{any, tiled};
use crate::kernels::{AttentionShape, Element};

/// Runs every block of a launch and compares every value with the definition. What no block writes stays NaN.
fn check(problem: &Problem, shape: AttentionShape, block: impl Fn([i32; 2], usize, &mut [f32])) {
    let difference = largest_difference(problem, shape, block);
    assert!(
        difference < 1e-5,
        "{difference}: {:?} {:?} {} heads of {}",
        problem.lengths,
        problem.reach,
        problem.heads,
        problem.head_size
    );
}

fn largest_difference(
    problem: &Problem,
    shape: AttentionShape,
    block: impl Fn([i32; 2], usize, &mut [f32]),
) -> f32 {
    let expected = problem.expected();
    let mut context = vec![f32::NAN; expected.len()];
    let mut tiles = shape.tiles(&problem.offsets());
    tiles.push(AttentionShape::NO_TILE);
    for tile in tiles {
        for head in 0..problem.heads {
            block(tile, head, &mut context);
        }
    }
    let differences = context.iter().zip(&expected).map(|(got, expected)| (got - expected).abs());
    // A value that is none counts as infinitely far.
    differences.map(|one| if one.is_nan() { f32::INFINITY } else { one }).fold(0.0, f32::max)
}

fn check_tiled(problem: &Problem, tensor: Tensor) {
    for (longest, warps) in [(16, 1), (512, 4)] {
        // Tiles of either kind work for any length; which is faster is another matter.
        let shape = AttentionShape::choose(Element::F16, problem.head_size, longest).unwrap();
        assert_eq!(shape.queries(), 16 * warps);
        let kernel = tiled::Kernel { problem, warps, tensor };
        check(problem, shape, |tile, head, context| kernel.attend(tile, head, context));
    }
}

fn check_any(problem: &Problem) {
    let shape = AttentionShape::choose(Element::F32, problem.head_size, problem.longest()).unwrap();
    let kernel = any::Kernel { problem, tile: shape.queries() };
    check(problem, shape, |tile, head, context| kernel.attend(tile, head, context));
}

/// Sequences around the sizes of tiles, an empty one among them.
const LENGTHS: [usize; 6] = [1, 17, 0, 64, 5, 70];

#[test]
fn every_head_size_of_the_tensor_cores_is_right() {
    for head_size in AttentionShape::TILED {
        for tensor in [Tensor::Turing, Tensor::Ampere] {
            check_tiled(&Problem::new(&LENGTHS, [2, 2, head_size], Reach::ALL), tensor);
        }
    }
}

#[test]
fn reaches_tables_and_shared_keys_are_right_on_tensor_cores() {
    for reach in [Reach::CAUSAL, Reach::within(3), Reach { before: 40, after: 70 }] {
        check_tiled(&Problem::new(&LENGTHS, [4, 2, 96], reach), Tensor::Ampere);
        let problem = Problem::new(&LENGTHS, [3, 1, 32], reach);
        check_tiled(&problem.clone().with_slopes(), Tensor::Ampere);
        check_tiled(&problem.with_distances(), Tensor::Ampere);
    }
    let problem = Problem::new(&[130, 64], [3, 3, 64], Reach::ALL);
    check_tiled(&problem.clone().with_slopes(), Tensor::Ampere);
    check_tiled(&problem.with_distances(), Tensor::Ampere);
}

#[test]
fn every_kind_of_attention_is_right_without_tensor_cores() {
    for head_size in [1, 8, 33, 64, 128, 129, 256] {
        check_any(&Problem::new(&[1, 17, 0, 40], [2, 1, head_size], Reach::ALL));
    }
    for reach in [Reach::CAUSAL, Reach::within(3), Reach { before: 5, after: 0 }] {
        let problem = Problem::new(&LENGTHS, [4, 2, 20], reach);
        check_any(&problem);
        check_any(&problem.clone().with_slopes());
        check_any(&problem.with_distances());
    }
}

#[test]
fn a_value_in_another_place_is_noticed() {
    let problem = Problem::new(&[20], [1, 1, 32], Reach::ALL);
    let shape = AttentionShape::choose(Element::F16, 32, 20).unwrap();
    let row = problem.row();
    // One value of a query, of a key, of a value; and a tile that nobody computes.
    for place in [3 * row, 3 * row + 32, 3 * row + 64] {
        let mut other = problem.clone();
        other.qkv.swap(place, place + 1);
        let kernel = tiled::Kernel { problem: &other, warps: 1, tensor: Tensor::Ampere };
        let block = |tile, head, context: &mut [f32]| kernel.attend(tile, head, context);
        assert!(largest_difference(&problem, shape, block) > 1e-3, "{place}");
    }
    let kernel = tiled::Kernel { problem: &problem, warps: 1, tensor: Tensor::Ampere };
    let block = |tile: [i32; 2], head, context: &mut [f32]| {
        if tile[1] == 0 {
            kernel.attend(tile, head, context);
        }
    };
    assert_eq!(largest_difference(&problem, shape, block), f32::INFINITY);
}
