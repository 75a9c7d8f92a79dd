//! What holds for any corpus, any device and any neighbours.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::time::Duration;

use mbed_core::BatchLayout;
use mbed_core::settings::MemorySettings;
use mbed_engine::memory::Ledgers;
use mbed_tests::simulator::{Heat, Latency, Need, Neighbours, Simulator, SimulatorOptions, Slowdown};
use proptest::prelude::*;

use crate::simulation::{LONGEST, Simulated, Simulation, run, windows};

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
    let heat = heat(0..20);
    (need, 1.0_f64..40.0, neighbours, heat, rest).prop_map(|(need, room, (step, parts), heat, rest)| {
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
            latency: Latency { heat, ..SimulatorOptions::default().latency },
            ..SimulatorOptions::default()
        }
    })
}

/// Heat that comes and goes in so many steps, each of which takes between a few batches and many runs.
fn heat(steps: Range<usize>) -> impl Strategy<Value = Heat> {
    (1_u64..5_000, prop::collection::vec(1.0_f64..4.0, steps))
        .prop_map(|(step, factors)| Heat { step: Duration::from_millis(step), factors })
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

/// A world in small: with texts, batches and memory a quarter of what people have, and tokens that take four times as long,
/// a run has as many batches and costs this machine a quarter.
#[derive(Clone, Debug)]
struct Race {
    simulation: Simulation,
    /// Tokens of the shortest text; the longest has 9 more.
    length: usize,
}

/// Any device that stays as it is.
fn races() -> impl Strategy<Value = Race> {
    let times = (20_u64..4_000, 4_u64..80);
    let dip = (62_usize..625, 1.0_f64..2.0);
    let wall = prop::option::of((175_usize..1_000, 1.0_f64..1.8));
    let memory = (32_u64..100, 512_u64..20_000);
    (times, dip, wall, memory, 5_usize..50).prop_map(|(times, dip, wall, (capacity, place), length)| {
        let mut slowdowns = vec![Slowdown { places: dip.0..dip.0 * 3 / 2, factor: dip.1 }];
        slowdowns.extend(wall.map(|(from, factor)| Slowdown { places: from..usize::MAX, factor }));
        let (fixed, place_time) = (Duration::from_micros(times.0), Duration::from_micros(times.1));
        let latency = Latency { fixed, place: place_time, slowdowns, heat: Heat::default() };
        let need = Need { fixed: MIB / 4, place, pair: 0 };
        let (capacity, weights) = (capacity * MIB / 4, 4 * MIB);
        let device = SimulatorOptions { capacity, weights, need, latency, ..SimulatorOptions::default() };
        let mut simulation = Simulation { device, ..Simulation::default() };
        simulation.batching.max_tokens = NonZeroUsize::new(1024).unwrap();
        Race { simulation, length }
    })
}

impl Race {
    /// Two windows of some 15,000 tokens: the batch that is the rest of a window has any size, and must not weigh.
    fn lengths(&self) -> (Vec<usize>, usize) {
        let rows = 15_000 / (self.length + 5);
        ((0..2 * rows).map(|row| self.length + row * 13 % 10).collect(), rows)
    }

    /// How long the best fixed size takes on the cold device, of those for which a batch needs no more than settings let it
    /// take.
    fn best_fixed(&self) -> Option<Duration> {
        let SimulatorOptions { capacity, weights, need, ref latency, .. } = self.simulation.device;
        let allowed = capacity * 9 / 10 * 7 / 10 - weights;
        let sizes = [16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024];
        let fitting = sizes.into_iter().filter(|&size| need.of(size, self.length) <= allowed);
        let cold = Latency { heat: Heat::default(), ..latency.clone() };
        let (lengths, rows) = self.lengths();
        fitting.map(|size| fixed_time(&lengths, rows, size, &cold)).min()
    }

    /// Runs so often; gives how long each run took, and what the last told. The last two are checked row by row, of the
    /// others that no row is lost: that is what takes this machine's time.
    fn run(&self, runs: usize) -> (Vec<Duration>, Simulated) {
        let (lengths, rows) = self.lengths();
        let windows = windows(&lengths, rows);
        let simulator = Simulator::new(self.simulation.device.clone());
        let mut engine = self.simulation.adaptive(&simulator, &Ledgers::new()).unwrap();
        let mut times = Vec::new();
        let mut last = None;
        for left in (0..runs).rev() {
            let simulated = run(&mut engine, &simulator, &windows);
            if left < 2 {
                simulated.check(&windows);
            }
            assert_eq!(simulated.result.as_ref().unwrap().rows, lengths.len() as u64);
            times.push(simulated.time);
            last = Some(simulated);
        }
        (times, last.unwrap())
    }
}

proptest! {
    #![proptest_config(cases(10))]

    /// On a device that stays as it is, batches that size themselves are as fast as the best fixed size.
    #[test]
    fn it_is_as_fast_as_the_best_fixed_size(race in races()) {
        let Some(best) = race.best_fixed() else { return Ok(()) };
        let (times, last) = race.run(42);
        let ratio = (times[40] + times[41]).as_secs_f64() / 2.0 / best.as_secs_f64();
        prop_assert!(ratio <= 1.1, "{ratio:.3} times the best, {:?}", last.report);
    }

}

proptest! {
    #![proptest_config(cases(2))]

    /// A device that becomes hotter and hotter while sizes are searched misleads the search for no longer than it does so:
    /// all rows come out in each run, and once the heat stays they do as fast as with the best fixed size.
    #[test]
    fn a_device_that_becomes_hot_does_not_leave_the_search_stuck(
        race in races(),
        rises in prop::collection::vec(1.0_f64..1.5, 1..12),
        runs_a_rise in 0.1_f64..2.0,
    ) {
        let Some(best) = race.best_fixed() else { return Ok(()) };
        let hotter = |factor: &mut f64, rise: &f64| {
            *factor = (*factor * rise).min(4.0);
            Some(*factor)
        };
        let factors: Vec<f64> = std::iter::once(1.0).chain(rises.iter().scan(1.0, hotter)).collect();
        let hottest = *factors.last().unwrap();
        let heat = Heat { step: best.mul_f64(runs_a_rise), factors };
        let mut race = race;
        race.simulation.device.latency.heat = heat;
        // The heat stays after some 25 runs at the latest, of which hot ones take longer.
        let (times, last) = race.run(66);
        for time in &times {
            prop_assert!(*time < best * 40, "a run of {time:?}, {best:?} with the best size of a cold device");
        }
        let ratio = (times[64] + times[65]).as_secs_f64() / 2.0 / (best.as_secs_f64() * hottest);
        prop_assert!(ratio <= 1.1, "{ratio:.3} times the best, {:?}", last.report);
    }
}
