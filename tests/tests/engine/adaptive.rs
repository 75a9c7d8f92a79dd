//! Batches that size themselves: one thing at a time, on the simulated device.

use std::thread;
use std::time::Duration;

use mbed_core::settings::{ByteSize, MemorySettings};
use mbed_core::{BackendError, BatchLayout};
use mbed_engine::EngineError;
use mbed_engine::memory::{Change, Ledgers};
use mbed_tests::simulator::{Latency, Need, Neighbours, Simulator, SimulatorOptions, Slowdown};

use crate::simulation::{Simulated, Simulation, changes, run, simulate, windows};

const MIB: u64 = 1 << 20;

#[test]
fn memory_that_a_fixed_batch_does_not_fit_into_is_enough_for_one_that_sizes_itself() {
    let need = Need { fixed: MIB, place: 8192, pair: 0 };
    let device = SimulatorOptions { capacity: 64 * MIB, need, ..SimulatorOptions::default() };
    let memory = MemorySettings { max_retries: 0, ..MemorySettings::default() };
    let simulation = Simulation { device, memory, ..Simulation::default() };
    let windows = windows(&[100; 2000], 1000);
    let simulator = Simulator::new(simulation.device.clone());
    let fixed = run(&mut simulation.fixed(&simulator), &simulator, &windows);
    assert!(fixed.result.is_err(), "a batch of 32768 tokens needs four times what there is");
    // It needs more than the architecture tells, so the first batch teaches.
    let memory = MemorySettings::default();
    let (simulated, _) = simulate(&Simulation { memory, ..simulation }, &windows);
    simulated.check(&windows);
    let report = simulated.report.unwrap();
    assert!(report.first_budget.unwrap().get() < 48 * MIB);
    assert!(report.out_of_memory <= 3, "{report:?}");
}

#[test]
fn few_texts_take_little_memory() {
    let (simulated, simulator) = simulate(&Simulation::default(), &windows(&[10; 103], 4096));
    assert_eq!(simulated.result.unwrap().rows, 103);
    let device = SimulatorOptions::default();
    assert!(simulator.most_used() <= device.weights + device.need.of(103 * 10, 10));
}

#[test]
fn a_neighbour_makes_batches_small_and_they_grow_back_when_it_goes() {
    let neighbours =
        Neighbours { step: Duration::from_secs(4), bytes: vec![0, 225 * MIB, 0, 0, 0, 0, 0, 0, 0, 0] };
    let device = SimulatorOptions { neighbours, ..SimulatorOptions::default() };
    let windows = windows(&[200; 10_000], 1000);
    let (simulated, simulator) = simulate(&Simulation { device, ..Simulation::default() }, &windows);
    simulated.check(&windows);
    assert!(simulated.failed.is_empty());
    assert!(changes(&simulated, |change| matches!(change, Change::Pressure { .. })) > 0);
    assert!(changes(&simulated, |change| matches!(change, Change::PressureEnded { .. })) > 0);
    let calls = simulator.calls();
    let smallest = calls.iter().filter(|call| call.fitted).map(|call| call.places).min().unwrap();
    let last = calls.iter().rev().take(20).map(|call| call.places).max().unwrap();
    assert!(smallest * 4 < last, "{smallest} tokens under pressure, {last} after it");
}

#[test]
fn a_spike_does_not_cap_the_run_for_ever() {
    let device = SimulatorOptions { spurious: vec![5, 6], ..SimulatorOptions::default() };
    let windows = windows(&[100; 14_000], 4000);
    let (simulated, simulator) = simulate(&Simulation { device, ..Simulation::default() }, &windows);
    simulated.check(&windows);
    let report = simulated.report.as_ref().unwrap();
    assert_eq!((report.out_of_memory, report.ceiling), (2, None), "{report:?}");
    let calls = simulator.calls();
    let before = calls[..5].iter().map(|call| call.places).max().unwrap();
    let after = calls[calls.len() / 2..].iter().map(|call| call.places).max().unwrap();
    assert!(after >= before, "{before} tokens before, {after} after");
}

#[test]
fn a_row_that_cannot_fit_fails_by_name_and_the_rest_goes_on() {
    let need = Need { fixed: MIB, place: 100_000, pair: 0 };
    let device = SimulatorOptions { capacity: 40 * MIB, need, ..SimulatorOptions::default() };
    let mut lengths = vec![50; 300];
    (lengths[17], lengths[200]) = (400, 500);
    let windows = windows(&lengths, 100);
    let (simulated, _) = simulate(&Simulation { device, ..Simulation::default() }, &windows);
    simulated.check(&windows);
    assert_eq!(simulated.failed.len(), 2);
    for (_, error) in &simulated.failed {
        let EngineError::Compute { row, source: BackendError::OutOfMemory { .. } } = error else {
            panic!("{error:?}")
        };
        assert!(["row 17 of window 0", "row 0 of window 2"].contains(&row.as_str()), "{row}");
    }
    assert_eq!(changes(&simulated, |change| matches!(change, Change::RowFailed { .. })), 2);
}

#[test]
fn memory_that_others_hold_is_waited_for() {
    // They hold nearly everything for a second, then let go.
    let neighbours =
        Neighbours { step: Duration::from_secs(1), bytes: [&[235 * MIB][..], &[0; 1000]].concat() };
    let need = Need { fixed: 8 * MIB, place: 2048, pair: 0 };
    let device = SimulatorOptions { neighbours, need, ..SimulatorOptions::default() };
    let windows = windows(&[100; 500], 500);
    let (simulated, _) = simulate(&Simulation { device, ..Simulation::default() }, &windows);
    simulated.check(&windows);
    assert!(simulated.failed.is_empty());
    assert!(changes(&simulated, |change| matches!(change, Change::Waited { .. })) > 0);
}

#[test]
fn four_engines_at_once_share_one_budget() {
    let need = Need { fixed: MIB, place: 8192, pair: 0 };
    let device =
        SimulatorOptions { capacity: 160 * MIB, weights: 8 * MIB, need, ..SimulatorOptions::default() };
    let simulation = Simulation { device, ..Simulation::default() };
    let simulator = Simulator::new(simulation.device.clone());
    let ledgers = Ledgers::new();
    let engines: Vec<_> = (0..4).map(|_| simulation.adaptive(&simulator, &ledgers).unwrap()).collect();
    let windows = windows(&[64; 3000], 500);
    let results: Vec<Simulated> = thread::scope(|scope| {
        let (simulator, windows) = (&simulator, &windows);
        let runs: Vec<_> = engines
            .into_iter()
            .map(|mut engine| scope.spawn(move || run(&mut engine, simulator, windows)))
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    for simulated in &results {
        simulated.check(&windows);
        assert!(simulated.failed.is_empty(), "{:?} {:?}", simulated.failed, simulated.report);
    }
    assert!(simulator.most_used() <= simulation.device.capacity);
    let refused = simulator.calls().iter().filter(|call| !call.fitted).count();
    assert!(refused < 40, "{refused} batches of {} did not fit", simulator.calls().len());
}

#[test]
fn the_fastest_size_is_found_and_taken() {
    let slowdowns =
        vec![Slowdown { places: 3000..6000, factor: 1.8 }, Slowdown { places: 14_000..40_000, factor: 1.5 }];
    let latency = Latency { slowdowns, ..SimulatorOptions::default().latency };
    let device = SimulatorOptions { latency, ..SimulatorOptions::default() };
    let windows = windows(&[50; 60_000], 4000);
    let (simulated, _) = simulate(&Simulation { device, ..Simulation::default() }, &windows);
    simulated.check(&windows);
    let report = simulated.report.as_ref().unwrap();
    assert!((6000..14_000).contains(&report.tokens), "{report:?}");
    assert!(changes(&simulated, |change| matches!(change, Change::Faster { .. })) > 0);
    assert!(report.curve.len() > 3);
}

#[test]
fn more_to_leave_than_there_is_is_an_error() {
    let memory = MemorySettings { reserved: ByteSize::new(1 << 40), ..MemorySettings::default() };
    let simulation = Simulation { memory, ..Simulation::default() };
    let simulator = Simulator::new(SimulatorOptions::default());
    let error = simulation.adaptive(&simulator, &Ledgers::new()).unwrap_err();
    assert!(matches!(error, EngineError::ReservedTooMuch { .. }), "{error:?}");
    assert_eq!(error.to_string(), "1.00 TiB are to be left to others, there are 256.00 MiB");
}

#[test]
fn padding_counts() {
    let need = Need { fixed: MIB, place: 4096, pair: 4 };
    let device =
        SimulatorOptions { capacity: 48 * MIB, need, layout: BatchLayout::Padded, ..Default::default() };
    let lengths: Vec<usize> = (0..3000).map(|row| 2 + row * 37 % 500).collect();
    let windows = windows(&lengths, 700);
    let (simulated, _) = simulate(&Simulation { device, ..Simulation::default() }, &windows);
    simulated.check(&windows);
    assert!(simulated.failed.is_empty());
}

#[test]
fn memory_that_is_left_behind_is_told_once() {
    let device = SimulatorOptions { leak: MIB / 2, ..SimulatorOptions::default() };
    let simulation = Simulation { device, ..Simulation::default() };
    let simulator = Simulator::new(simulation.device.clone());
    let mut engine = simulation.impatient(&simulator);
    let windows = windows(&[100; 2000], 1000);
    let leaks: Vec<usize> = (0..4)
        .map(|_| {
            let simulated = run(&mut engine, &simulator, &windows);
            simulated.check(&windows);
            changes(&simulated, |change| matches!(change, Change::Leak { .. }))
        })
        .collect();
    assert_eq!((leaks[0], leaks[3]), (0, 1), "{leaks:?}");
}
