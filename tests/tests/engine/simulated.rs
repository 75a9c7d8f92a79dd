//! What holds for any corpus, any device and any neighbours.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use mbed_core::BatchLayout;
use mbed_core::settings::MemorySettings;
use mbed_engine::memory::Ledgers;
use mbed_tests::simulator::{Latency, Need, Neighbours, Simulator, SimulatorOptions, Slowdown};
use proptest::prelude::*;

use crate::simulation::{LONGEST, Simulation, run, windows};

const MIB: u64 = 1 << 20;

/// So many cases, unless the environment asks for another number.
fn cases(usual: u32) -> ProptestConfig {
    let asked = ProptestConfig::default();
    let has_asked = asked.cases != 256;
    ProptestConfig { cases: if has_asked { asked.cases } else { usual }, ..asked }
}

/// Any device in which one row of full length fits even where neighbours hold all they want.
fn devices() -> impl Strategy<Value = SimulatorOptions> {
    let need = (0_u64..4 * MIB, 256_u64..40_000, 0_u64..64).prop_map(|(fixed, place, pair)| Need {
        fixed,
        place,
        pair,
    });
    let neighbours = (1_u64..400, prop::collection::vec(0.0_f64..0.95, 0..8));
    let rest = (any::<bool>(), 0.0_f64..0.1, prop::collection::vec(0_usize..200, 0..4), 0_usize..50);
    (need, 1.0_f64..40.0, neighbours, rest).prop_map(|(need, room, (step, parts), rest)| {
        let (is_padded, fragmentation, spurious, hang) = rest;
        let one = need.of(LONGEST, LONGEST);
        let weights = 4 * MIB;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sizes of a test")]
        let spare = (one as f64 * room) as u64;
        let held = parts.iter().map(|part| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part")]
            let bytes = (spare as f64 * part) as u64;
            bytes
        });
        SimulatorOptions {
            // Fragments of one batch must not keep the next from fitting.
            capacity: weights + one * 3 / 2 + spare,
            weights,
            layout: if is_padded { BatchLayout::Padded } else { BatchLayout::Packed },
            need,
            neighbours: Neighbours { step: Duration::from_millis(step), bytes: held.collect() },
            fragmentation,
            spurious,
            hang: Some((hang, Duration::from_secs(100))),
            ..SimulatorOptions::default()
        }
    })
}

proptest! {
    #![proptest_config(cases(64))]

    /// No row is lost, doubled or out of place; each is computed once, and is in no more batches that do not fit than
    /// allowed; memory is never above what there is.
    #[test]
    fn every_row_comes_out_once_whatever_memory_does(
        device in devices(),
        lengths in prop::collection::vec(2_usize..LONGEST, 1..300),
        window in 1_usize..200,
        sessions in 1_usize..3,
        max_retries in 1_u32..5,
    ) {
        let capacity = device.capacity + device.weights * (sessions as u64 - 1);
        let device = SimulatorOptions { capacity, ..device };
        let memory = MemorySettings { max_retries, ..MemorySettings::default() };
        let simulation = Simulation { device, memory, sessions, ..Simulation::default() };
        let simulator = Simulator::new(simulation.device.clone());
        let mut engine = simulation.adaptive(&simulator, &Ledgers::new()).unwrap();
        let windows = windows(&lengths, window);
        let simulated = run(&mut engine, &simulator, &windows);
        simulated.check(&windows);
        prop_assert!(simulator.most_used() <= capacity);
        let mut tries: BTreeMap<[u32; 2], (u32, u32)> = BTreeMap::new();
        for call in simulator.calls() {
            for head in call.heads {
                let (fitted, refused) = tries.entry(head).or_default();
                *(if call.fitted { fitted } else { refused }) += 1;
            }
        }
        for (fitted, refused) in tries.values() {
            prop_assert!(*refused <= max_retries + 1, "{refused} of {max_retries}");
            prop_assert!(*fitted <= 1);
        }
        // A row of any length fits in the end, for neighbours leave room for it. Of the tries of a row, 0 to
        // `max_retries`, those from the half on (rounded up) are of this row alone, with all buffers of the process
        // given back and no other batch under way. There it is refused for no reason but the spurious ones, and fails
        // only if all these tries are: `max_retries / 2 + 1` (rounded down), of which one is enough.
        if max_retries as usize / 2 >= simulation.device.spurious.len() {
            prop_assert!(simulated.failed.is_empty(), "{:?}", simulated.failed);
        }
    }
}

/// How long windows of so many rows take with batches of at most `size` tokens, longest rows first.
fn fixed_time(lengths: &[usize], rows: usize, size: usize, latency: &Latency) -> Duration {
    let mut time = Duration::ZERO;
    for window in lengths.chunks(rows) {
        let mut window = window.to_vec();
        window.sort_unstable();
        let mut places = 0;
        for length in window.into_iter().rev() {
            if places > 0 && places + length > size {
                time += latency.of(places, time);
                places = 0;
            }
            places += length;
        }
        time += latency.of(places, time);
    }
    time
}

proptest! {
    #![proptest_config(cases(6))]

    /// On a device that stays as it is, batches that size themselves are as fast as the best fixed size.
    #[test]
    fn it_is_as_fast_as_the_best_fixed_size(
        fixed_us in 20_u64..4_000,
        place_us in 1_u64..20,
        dip in (250_usize..2_500, 1.0_f64..2.0),
        wall in prop::option::of((700_usize..4_000, 1.0_f64..1.8)),
        capacity in 32_u64..100,
        place in 512_u64..20_000,
        length in 20_usize..200,
    ) {
        let mut slowdowns = vec![Slowdown { places: dip.0..dip.0 * 3 / 2, factor: dip.1 }];
        slowdowns.extend(wall.map(|(from, factor)| Slowdown { places: from..usize::MAX, factor }));
        let latency = Latency {
            fixed: Duration::from_micros(fixed_us),
            place: Duration::from_micros(place_us),
            slowdowns,
            hot: None,
        };
        let need = Need { fixed: MIB, place, pair: 0 };
        let capacity = capacity * MIB;
        let device = SimulatorOptions { capacity, need, latency, ..SimulatorOptions::default() };
        let mut simulation = Simulation { device, ..Simulation::default() };
        simulation.batching.max_tokens = NonZeroUsize::new(4096).unwrap();
        // Two windows of some 60,000 tokens: the batch that is the rest of a window has any size, and must not weigh.
        let rows = 60_000 / (length + 20);
        let lengths: Vec<usize> = (0..2 * rows).map(|row| length + row * 13 % 40).collect();
        let windows = windows(&lengths, rows);

        // Sizes that a batch needs no more for than settings let it take.
        let allowed = capacity * 9 / 10 * 7 / 10 - (16 << 20);
        let sizes = [64, 128, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096];
        let fitting = sizes.into_iter().filter(|&size| need.of(size, length) <= allowed);
        let times = fitting.map(|size| fixed_time(&lengths, rows, size, &simulation.device.latency));
        let Some(best) = times.min() else { return Ok(()) };

        let simulator = Simulator::new(simulation.device.clone());
        let mut engine = simulation.adaptive(&simulator, &Ledgers::new()).unwrap();
        for _warm_up in 0..40 {
            run(&mut engine, &simulator, &windows);
        }
        let measured = [(); 2].map(|()| run(&mut engine, &simulator, &windows));
        measured.iter().for_each(|simulated| simulated.check(&windows));
        let [first, simulated] = measured;
        let ratio = (first.time + simulated.time).as_secs_f64() / 2.0 / best.as_secs_f64();
        prop_assert!(ratio <= 1.1, "{ratio:.3} times the best, {:?}", simulated.report);
    }
}
