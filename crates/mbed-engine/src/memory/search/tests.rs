use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::between::ladder;
use super::*;

/// Runs so many windows on a device that takes `time` for a batch of so many tokens.
fn climb(mut search: Search, windows: usize, most: usize, mut time: impl FnMut(usize) -> f64) -> usize {
    for _ in 0..windows {
        search.window();
        for _ in 0..40 {
            let size = search.next(most, 16);
            let tokens = size.min(most);
            search.measured(size, tokens, Duration::from_secs_f64(time(tokens)));
        }
    }
    search.best()
}

#[test]
fn the_fastest_size_is_found_from_either_side() {
    // A fixed cost a batch, and a slow-down past 4096.
    let time = |size: usize| 1e-3 + size as f64 * 1e-6 * if size > 4096 { 1.5 } else { 1.0 };
    for start in [64, 1000, 4096, 20_000, 65_536] {
        let best = climb(Search::new(65_536, start, 1.5, 5), 100, 65_536, time);
        let rate = best as f64 / time(best);
        assert!(rate > 0.9 * 4096.0 / time(4096), "from {start} to {best}");
    }
}

#[test]
fn a_dip_is_passed_over() {
    let time = |size: usize| {
        let slow = if (12_000..24_000).contains(&size) { 1.6 } else { 1.0 };
        5e-3 + size as f64 * 1e-6 * slow
    };
    let best = climb(Search::new(32_768, 8192, 1.5, 5), 100, 32_768, time);
    assert!(best > 30_000, "{best}");
}

#[test]
fn what_only_a_size_between_two_reaches_is_found() {
    // Slow between 2,200 and 3,300 tokens and above 4,300: of sizes 1.5 times each other, none lies between.
    let time = |size: usize| {
        let slow = match size {
            2200..3300 => 2.0,
            4300.. => 1.6,
            _ => 1.0,
        };
        (3e-3 + size as f64 * 1e-6) * slow
    };
    let best = climb(Search::new(8192, 8192, 1.5, 5), 200, 8192, time);
    assert!((3300..4300).contains(&best), "{best}");
}

#[test]
fn equal_sizes_do_not_take_turns_for_ever() {
    assert_eq!(climb(Search::new(8192, 8192, 1.5, 5), 100, 8192, |size| size as f64 * 1e-6), 8192);
}

#[test]
fn trying_others_costs_little() {
    let time = |size: usize| 1e-3 + size as f64 * 1e-6;
    let mut spent = [0.0, 0.0];
    climb(Search::new(8192, 8192, 1.5, 5), 50, 8192, |tokens| {
        spent[0] += time(tokens);
        spent[1] += tokens as f64 * time(8192) / 8192.0;
        time(tokens)
    });
    assert!(spent[0] < 1.03 * spent[1], "{} of {} s", spent[0], spent[1]);
}

/// Factors of up to 30 % more or less, without a pattern (the finish of SplitMix64).
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut step = seed << 32;
    move || {
        step += 1;
        let mixed = step.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        0.7 + 0.6 * ((mixed ^ (mixed >> 31)) % 1000) as f64 / 1000.0
    }
}

#[test]
fn noise_is_no_gain() {
    for seed in 0..20 {
        let mut noise = noise(seed);
        let time = |tokens: usize| tokens as f64 * 1e-6 * noise();
        let best = climb(Search::new(8192, 8192, 1.5, 5), 75, 8192, time);
        assert!(best > 2000, "{best} with seed {seed}");
    }
}

#[test]
fn a_gain_is_found_in_noise() {
    for seed in 0..20 {
        let mut noise = noise(seed);
        // A fixed cost that is half of the time of 2,000 tokens.
        let time = |tokens: usize| (2e-3 + tokens as f64 * 1e-6) * noise();
        let best = climb(Search::new(8192, 512, 1.5, 5), 75, 8192, time);
        assert!(best > 3000, "{best} with seed {seed}");
    }
}

#[test]
fn no_size_that_is_tried_is_above_what_there_is_room_for() {
    let mut search = Search::new(8192, 4096, 2.0, 3);
    for step in 0..500 {
        let most = if step % 70 < 10 { 100 } else { 3000 };
        let size = search.next(most, 16);
        assert!(size <= most || size == search.best());
        search.measured(size, size.min(most), Duration::from_millis(1));
    }
    assert!(search.best() <= 3000, "for long there was no room for more");
}

/// A device that takes `fixed` and so much a token, is slow in a dip and above a wall, and has room for `room` tokens.
#[derive(Clone, Copy, Debug)]
struct Device {
    fixed: f64,
    token: f64,
    dip: (usize, f64),
    wall: (usize, f64),
    room: usize,
}

impl Device {
    fn time(&self, tokens: usize) -> f64 {
        let in_dip = (self.dip.0..self.dip.0 * 3 / 2).contains(&tokens);
        let slow =
            if in_dip { self.dip.1 } else { 1.0 } * if tokens >= self.wall.0 { self.wall.1 } else { 1.0 };
        (self.fixed + self.token * tokens as f64) * slow * 1e-6
    }

    /// Cuts a window of rows, longest first, as `size` says for each batch, and tells `measured` of all but the rest.
    fn run(
        &self,
        window: &[usize],
        mut size: impl FnMut(usize) -> usize,
        mut measured: impl FnMut(usize, f64),
    ) -> f64 {
        let (mut time, mut rows) = (0.0, window.iter().peekable());
        while let Some(&longest) = rows.next() {
            let (most, mut tokens) = (size(longest).min(self.room), longest);
            while let Some(&row) = rows.next_if(|&&row| tokens + row <= most) {
                tokens += row;
            }
            time += self.time(tokens);
            if rows.peek().is_some() {
                measured(tokens, self.time(tokens));
            }
        }
        time
    }

    /// One window more for `search`.
    fn search(&self, search: &mut Search, window: &[usize]) -> f64 {
        search.window();
        let (search, last) = (std::cell::RefCell::new(search), std::cell::Cell::new(0));
        let size = |longest: usize| {
            last.set(search.borrow_mut().next(4096.min(self.room + longest), longest));
            last.get()
        };
        self.run(window, size, |tokens, seconds| {
            search.borrow_mut().measured(last.get(), tokens, Duration::from_secs_f64(seconds));
        })
    }
}

proptest! {
    // The same cases each time: of random ones about two in 10,000 are further away, where a size lies half in a dip, its
    // batches differ as noise would, and what they lead by is less than that.
    #![proptest_config(ProptestConfig { cases: 256, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    /// The search alone, without an engine around it: after a while it is within 10 % of the best of a dozen sizes.
    #[test]
    fn it_comes_near_the_best_size_of_any_device(
        fixed in 20.0_f64..4000.0,
        token in 1.0_f64..20.0,
        dip in (250_usize..2500, 1.0_f64..2.0),
        wall in prop_oneof![Just((usize::MAX, 1.0)), (700_usize..4000, 1.0_f64..1.8)],
        room in 300_usize..8192,
        length in 20_usize..200,
    ) {
        let device = Device { fixed, token, dip, wall, room };
        let rows = 60_000 / (length + 20);
        let window = |number: usize| {
            let mut rows: Vec<usize> = (number * rows..(number + 1) * rows).map(|row| length + row * 13 % 40).collect();
            rows.sort_unstable_by(|a, b| b.cmp(a));
            rows
        };
        let windows = [window(0), window(1)];
        let sizes = [64, 128, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096];
        let fitting = sizes.into_iter().filter(|&size| size <= room);
        let fixed = |size: usize| windows.iter().map(|window| device.run(window, |_| size, |_, _| {})).sum::<f64>();
        let best = fitting.map(fixed).fold(f64::MAX, f64::min);
        let mut search = Search::new(4096, 4096, 1.5, 5);
        let mut adaptive = |count: usize| {
            let windows = windows.iter().cycle().take(count);
            windows.map(|window| device.search(&mut search, window)).sum::<f64>()
        };
        adaptive(80);
        let ratio = adaptive(4) / 2.0 / best;
        prop_assert!(ratio <= 1.1, "{ratio:.3} times the best with {}", search.best());
    }
}

#[test]
fn sizes_end_with_the_largest() {
    let (sizes, steps) = ladder(64, 2.0);
    assert_eq!((sizes.first(), sizes.last(), steps), (Some(&16), Some(&64), 9));
    assert_eq!(ladder(5, 2.0).0, [5]);
}
