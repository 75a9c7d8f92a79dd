//! Buffers that are given back: every so many rows, when there is no work, and when what they hold is in pieces.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use mbed_core::settings::{Fraction, MemorySettings};
use mbed_engine::memory::{Change, Ledgers};
use mbed_tests::simulator::{Need, Simulator, SimulatorOptions};

use crate::simulation::{Simulation, changes, run_from, simulate, windows};
use crate::support::{TestSource, ends, told};

const MIB: u64 = 1 << 20;

/// Far longer than a session waits for work before it gives its buffers back, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);

#[test]
fn buffers_are_given_back_after_so_many_rows_and_not_before() {
    for rows in [300, 1000, 100_000] {
        let memory =
            MemorySettings { trim_every: NonZeroUsize::new(rows).unwrap(), ..MemorySettings::default() };
        let simulation = Simulation { memory, ..Simulation::default() };
        let simulator = Simulator::new(simulation.device.clone());
        let mut engine = simulation.adaptive(&simulator, &Ledgers::new()).unwrap();
        // So few texts at once are computed by this thread, which never has to wait for work.
        for window in windows(&[100; 5000], 200) {
            engine.embed(&window).unwrap();
        }
        let (calls, trims) = (simulator.calls(), simulator.trims());
        assert!(calls.iter().all(|call| call.fitted), "nothing else has them given back");
        let mut from = 0;
        for &to in &trims {
            let computed: usize = calls[from..to].iter().map(|call| call.heads.len()).sum();
            let last = calls[to - 1].heads.len();
            assert!((rows..rows + last).contains(&computed), "{computed} rows, {last} with the last batch");
            from = to;
        }
        let rest: usize = calls[from..].iter().map(|call| call.heads.len()).sum();
        assert!(rest < rows, "{rest} rows without giving back, {rows} allowed");
        assert_eq!(engine.memory_report().unwrap().trims, trims.len() as u64);
    }
}

#[test]
fn a_session_without_work_gives_its_buffers_back() {
    let simulation = Simulation::default();
    let simulator = Simulator::new(simulation.device.clone());
    let mut engine = simulation.adaptive(&simulator, &Ledgers::new()).unwrap();
    let windows = windows(&[100; 400], 200);
    // The second window comes once the first is computed and its buffers are back.
    let device = simulator.clone();
    let source = TestSource::with_step(windows.clone(), move |window| {
        let start = Instant::now();
        while window == 1 && (device.trims().is_empty() || device.kept(0) > 0) {
            if start.elapsed() > PATIENCE {
                return Err(told());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    });
    let device = simulator.clone();
    let simulated = ends(move || run_from(&mut engine, &device, source));
    simulated.check(&windows);
    let (calls, trims) = (simulator.calls(), simulator.trims());
    let rows: usize = calls[..trims[0]].iter().map(|call| call.heads.len()).sum();
    assert_eq!(rows, 200, "after the whole first window");
    assert!(calls.len() > trims[0], "the second needs them again");
}

#[test]
fn memory_in_pieces_is_given_back_and_the_batch_tried_again_as_it_is() {
    // Each batch leaves a fifth of its memory in pieces, so that some batch finds too little in one.
    let device = SimulatorOptions {
        capacity: 64 * MIB,
        need: Need { fixed: MIB, place: 8192, pair: 0 },
        fragmentation: 0.2,
        ..SimulatorOptions::default()
    };
    // However much is in use, that does not make batches smaller.
    let pressure_threshold = Fraction::try_from(1.0).unwrap();
    let memory = MemorySettings { pressure_threshold, ..MemorySettings::default() };
    let simulation = Simulation { device, memory, ..Simulation::default() };
    let windows = windows(&[100; 5000], 1000);
    let (simulated, simulator) = simulate(&simulation, &windows);
    simulated.check(&windows);
    assert!(simulated.failed.is_empty());
    let fragmented = changes(&simulated, |change| matches!(change, Change::Fragmented { .. }));
    assert!(fragmented > 0, "{:?}", simulated.report);
    let (calls, trims) = (simulator.calls(), simulator.trims());
    let refused: Vec<usize> = (0..calls.len()).filter(|&call| !calls[call].fitted).collect();
    for call in refused {
        assert!(trims.contains(&(call + 1)), "buffers are given back before the next batch");
        assert_eq!(calls[call].heads, calls[call + 1].heads, "it is tried again as it is");
        assert!(calls[call + 1].fitted);
    }
}

#[test]
fn pieces_of_its_own_do_not_make_batches_small() {
    // 48 MiB are free, of which seven tenths are enough for 4,000 tokens.
    let device = SimulatorOptions {
        capacity: 64 * MIB,
        need: Need { fixed: MIB, place: 8192, pair: 0 },
        fragmentation: 0.1,
        ..SimulatorOptions::default()
    };
    let windows = windows(&[100; 10_000], 1000);
    let (simulated, _) = simulate(&Simulation { device, ..Simulation::default() }, &windows);
    simulated.check(&windows);
    assert!(changes(&simulated, |change| matches!(change, Change::Surplus { .. })) > 0);
    let small = changes(&simulated, |change| matches!(change, Change::Pressure { to: ..2000, .. }));
    assert_eq!(small, 0, "{:?}", simulated.report);
}
