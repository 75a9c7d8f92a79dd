//! Parts on their way, and graphs.

use mbed_core::settings::{CudaSettings, GraphChoice};
use mbed_core::{Backend, Batch, Precision, Session};
use mbed_cuda::CudaOptions;
use mbed_cuda::driver::HostMemory;
use mbed_tests::cuda::Count;
use mbed_tests::largest_difference;

use crate::support::{World, batch, embed, model, options, request};

/// Sums are made in another order in parts of another size.
const NEAR: f32 = 1e-5;

#[test]
fn a_batch_in_parts_gives_the_rows_of_one_without() {
    let source = model("bert-mean");
    let lengths = [3, 0, 17, 30, 1, 8, 25, 12, 30, 2];
    let mut batch = batch(&lengths);
    batch.push_span(3, 4..9).unwrap();
    batch.push_span(0, 1..1).unwrap();
    let whole = World::with(options(1 << 14, GraphChoice::Off));
    let expected = embed(whole.open(&source).unwrap().as_mut(), &batch).unwrap();
    for part_tokens in [1, 20, 64] {
        let world = World::with(options(part_tokens, GraphChoice::Off));
        let got = embed(world.open(&source).unwrap().as_mut(), &batch).unwrap();
        let difference = largest_difference(&got, &expected).unwrap();
        assert!(difference <= NEAR, "{part_tokens}: {difference}");
    }
}

#[test]
fn the_next_part_goes_up_before_the_last_one_is_waited_for() {
    let world = World::with(options(32, GraphChoice::Off));
    let mut session = world.open(&model("bert-mean")).unwrap();
    session.warm_up().unwrap();
    let texts = batch(&[30; 5]);
    // Memory of both slots is there from now on, and nothing waits for that.
    embed(session.as_mut(), &texts).unwrap();
    let before = world.driver.trace(0).0.len();
    embed(session.as_mut(), &texts).unwrap();
    let steps: Vec<Count> = world.driver.trace(0).0.split_off(before);
    let moves: Vec<Count> = steps
        .into_iter()
        .filter(|step| matches!(step, Count::Up | Count::Down | Count::Wait | Count::Allocation))
        .collect();
    use Count::{Down, Up, Wait};
    assert_eq!(moves, [Up, Down, Up, Down, Wait, Up, Down, Wait, Up, Down, Wait, Up, Down, Wait, Wait]);
}

#[test]
fn the_third_batch_of_a_kind_is_a_graph() {
    let world = World::with(options(1 << 14, GraphChoice::Auto));
    let source = model("bert-mean");
    let mut session = world.open(&source).unwrap();
    let texts = batch(&[5, 9, 14]);
    let first = embed(session.as_mut(), &texts).unwrap();
    let counts = || [Count::Capture, Count::Replay].map(|kind| world.driver.trace(0).count(kind));
    assert_eq!(counts(), [0, 0]);
    assert_eq!(embed(session.as_mut(), &texts).unwrap(), first);
    assert_eq!(counts(), [1, 0]);
    assert_eq!(embed(session.as_mut(), &texts).unwrap(), first);
    assert_eq!(counts(), [1, 1]);
    // Other texts of the same bucket are other input of the same graph.
    let others = batch(&[9, 5, 13]);
    let replayed = embed(session.as_mut(), &others).unwrap();
    assert_eq!(counts(), [1, 2]);
    let plain = World::with(options(1 << 14, GraphChoice::Off));
    let expected = embed(plain.open(&source).unwrap().as_mut(), &others).unwrap();
    assert_eq!(replayed, expected);
    assert_eq!(plain.driver.trace(0).count(Count::Capture), 0);
    session.trim();
    assert_eq!(world.driver.held(0)[6], 0, "graphs hold memory");
    assert_eq!(embed(session.as_mut(), &texts).unwrap(), first);
}

#[test]
fn many_kinds_of_batches_make_few_graphs_and_plans() {
    let world = World::with(options(1 << 14, GraphChoice::On));
    let mut session = world.open(&model("bert-mean")).unwrap();
    for length in 1..=30 {
        for rows in [1, 3, 6] {
            let texts = batch(&vec![length; rows]);
            embed(session.as_mut(), &texts).unwrap();
            embed(session.as_mut(), &texts).unwrap();
        }
    }
    let [.., plans, _modules, graphs] = world.driver.held(0);
    // Tokens fill up to 64, 128 or 192, and rows to 1, 4 or 8, of which six pairs occur.
    assert!((1..=6).contains(&graphs), "{graphs}");
    // A layer has four products, of as many shapes as there are numbers of tokens.
    assert!((4..=3 * 4).contains(&plans), "{plans}");
}

#[test]
fn a_product_is_planned_once_for_a_shape() {
    let world = World::with(options(1 << 14, GraphChoice::Off));
    let mut session = world.open(&model("bert-mean")).unwrap();
    embed(session.as_mut(), &batch(&[5, 9])).unwrap();
    let plans = world.driver.trace(0).count(Count::Plan);
    embed(session.as_mut(), &batch(&[20, 4])).unwrap();
    assert_eq!(world.driver.trace(0).count(Count::Plan), plans);
}

#[test]
fn memory_is_pinned_unless_people_say_otherwise() {
    let check = |pinned_memory, expected: &[HostMemory]| {
        let settings = CudaSettings { pinned_memory, ..CudaSettings::default() };
        let world = World::with(CudaOptions { settings, ..CudaOptions::default() });
        let mut session = world.open(&model("bert-mean")).unwrap();
        embed(session.as_mut(), &batch(&[5])).unwrap();
        let found = world.driver.host_memory(0);
        assert!(!found.is_empty() && found.iter().all(|kind| expected.contains(kind)), "{found:?}");
    };
    check(true, &[HostMemory::UploadOnly, HostMemory::Pinned]);
    check(false, &[HostMemory::Pageable]);
}

#[test]
fn sessions_of_a_device_share_the_weights_of_a_model() {
    let world = World::new();
    let source = model("bert-mean");
    let first = world.open(&source).unwrap();
    let used = world.driver.used(0);
    let second = world.open(&source).unwrap();
    assert_eq!(world.driver.used(0), used);
    let half = world.backend.open(request(&source, Precision::F16)).unwrap();
    assert!(world.driver.used(0) > used, "other numbers are other weights");
    assert_eq!(Some(used), first.memory().weights.map(mbed_core::Bytes::get));
    drop((first, second, half));
    assert_eq!(world.driver.held(0), [0; 7]);
}

#[test]
fn two_sessions_compute_side_by_side() {
    let world = World::with(options(32, GraphChoice::Auto));
    let source = model("bert-mean");
    let texts = batch(&[12, 30, 7, 22]);
    let sessions: Vec<Box<dyn Session>> = (0..2).map(|_| world.open(&source).unwrap()).collect();
    let rounds = |mut session: Box<dyn Session>| {
        (0..4).map(|_| embed(session.as_mut(), &texts).unwrap()).collect::<Vec<_>>()
    };
    let found: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = sessions.into_iter().map(|session| scope.spawn(|| rounds(session))).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(found.iter().all(|vectors| *vectors == found[0]));
}

#[test]
fn an_empty_batch_touches_nothing() {
    let world = World::new();
    let mut session = world.open(&model("bert-mean")).unwrap();
    let before = world.driver.trace(0).0.len();
    assert_eq!(embed(session.as_mut(), &Batch::new()).unwrap().rows(), 0);
    assert_eq!(world.driver.trace(0).0.len(), before);
}
