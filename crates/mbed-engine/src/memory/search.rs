//! Finding the size of batches that is fastest, by trying others now and then.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A size must be faster by this part to be taken ...
const HYSTERESIS: f64 = 0.03;
/// ... and by so many standard errors of the comparison: rates of single batches vary by tens of percents on a machine
/// that others use too, and there are dozens of comparisons in which chance could win.
const SURE: f64 = 3.0;
/// How many times longer two sizes are compared while one seems faster and is not surely so.
const PERSISTENCE: u64 = 8;
/// A size that reaches less than this part of the best rate is given up after two batches: no dip is that deep.
const HOPELESS: f64 = 0.4;
/// Comparisons are of batches all over a window, for what is fast with long rows need not be with short ones: windows
/// that must have begun between the first and the last.
const WINDOWS: u64 = 2;
/// What trying other sizes may cost, as a part of all time.
const COST: f64 = 0.02;
/// A batch may be cut smaller than the size that it stands for by so much: how many rows memory has room for changes with
/// their lengths.
const NEARLY: f64 = 1.25;
/// Sizes as far from each other as this are all that is ever tried: what lies between them cannot be faster by more.
const FINEST: f64 = 1.09;
/// Sizes between others wait until none is left that may be faster or reaches this part of the best rate.
const PROBABLE: f64 = 0.9;
/// A size between two others is tried where it could be faster than the best by this part.
const PROMISING: f64 = 0.03;

/// Sizes of batches, each larger than the one before by the same factor, and which of them is tried.
///
/// The best so far computes nearly everything. Others take turns with it and are compared with its batches right before
/// and after theirs: rows are sorted by length, so rates drift within a window, and machines have other things to do.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    /// Ascending by size.
    arms: Vec<Arm>,
    /// The number of the size that is the best so far.
    best: usize,
    /// Batches of a size that make a comparison.
    batches: u64,
    /// Windows that have begun.
    windows: u64,
    /// Whose turn it is.
    turn: Turn,
    /// Seconds a token of the last batch of the best size.
    reference: Option<f64>,
    /// Batches of other sizes since then: number, tokens, seconds.
    pending: Vec<(usize, usize, f64)>,
    /// Batches in a row that there was no room for the best size.
    without_room: u64,
    /// The numbers of the sizes that there is room for and that are more than a row.
    playable: RangeInclusive<usize>,
    /// Seconds that trying other sizes has cost.
    lost: f64,
    /// Seconds of everything.
    spent: f64,
}

/// What a size has done.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Total {
    pub(crate) batches: u64,
    pub(crate) tokens: u64,
    pub(crate) time: Duration,
}

#[derive(Clone, Debug)]
struct Arm {
    size: usize,
    total: Total,
    /// Its batches, as small as rows and memory made them: how many, and their tokens.
    cut: (u64, u64),
    state: State,
    /// Batches that were compared with the best.
    compared: u64,
    /// The seconds that they took.
    took: f64,
    /// The seconds that they would have taken at the pace of the best.
    expected: f64,
    /// Of each of these batches, the one by the other: sum and sum of squares.
    ratios: f64,
    squares: f64,
    first_window: u64,
    last_window: u64,
}

/// A size that was tried: its number, the tokens of its batches, and its time in tokens at the pace of the best.
type Known = (usize, f64, f64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody thought of it yet.
    Unknown,
    /// It is tried.
    Open,
    /// It was tried.
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Best,
    /// So many batches of this size follow.
    Candidate(usize, u32),
}

/// A size was found to be faster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// How much faster, as a factor.
    pub(crate) gain: f64,
}

impl Search {
    /// Sizes up to `most` tokens, beginning near `start`; a comparison takes at least `batches`. At first sizes are tried
    /// that are larger than each other by `factor`.
    pub(crate) fn new(most: usize, start: usize, factor: f64, batches: usize) -> Self {
        let (sizes, step) = ladder(most, factor);
        let mut arms: Vec<Arm> = sizes.into_iter().map(Arm::new).collect();
        for arm in arms.iter_mut().rev().step_by(step) {
            arm.state = State::Open;
        }
        let batches = batches.max(1) as u64;
        let mut search = Self {
            arms,
            best: 0,
            batches,
            windows: 0,
            turn: Turn::Best,
            reference: None,
            pending: Vec::new(),
            without_room: 0,
            playable: 0..=0,
            lost: 0.0,
            spent: 0.0,
        };
        search.best = search.largest_within(start);
        search.begin_at(start);
        search
    }

    /// The size that is the best so far.
    pub(crate) fn best(&self) -> usize {
        self.arms.get(self.best).map_or(1, |arm| arm.size)
    }

    /// What every size has done.
    pub(crate) fn totals(&self) -> impl Iterator<Item = (usize, Total)> {
        self.arms.iter().map(|arm| (arm.size, arm.total))
    }

    /// Begins with the size nearest to `size`, which was the best in an earlier run.
    pub(crate) fn begin_at(&mut self, size: usize) {
        self.take(self.largest_within(size), 1.0);
    }

    fn largest_within(&self, size: usize) -> usize {
        self.arms.partition_point(|arm| arm.size <= size).saturating_sub(1)
    }

    /// A window begins.
    pub(crate) const fn window(&mut self) {
        self.windows += 1;
    }

    /// The size that the next batch stands for, of rows with at most `longest` tokens, where there is room for `most`
    /// tokens: little more than that.
    pub(crate) fn next(&mut self, most: usize, longest: usize) -> usize {
        let largest = self.largest_within(most);
        if self.best() as f64 > most as f64 * NEARLY {
            self.without_room += 1;
            if self.without_room > PERSISTENCE * self.batches {
                self.settle_for(largest);
            }
        } else {
            self.without_room = 0;
        }
        if let Turn::Candidate(number, left) = self.turn {
            self.turn = if left > 1 { Turn::Candidate(number, left - 1) } else { Turn::Best };
            if number <= largest {
                return self.arms[number].size;
            }
        }
        // Smaller ones are all the same: a single row.
        self.playable = self.largest_within(longest).min(largest)..=largest;
        if let Some(number) = self.candidate(self.playable.clone()) {
            // Small ones have several batches at a time, which still cost little.
            let times = (self.best() / 4 / self.arms[number].size).clamp(1, 3);
            self.turn = Turn::Candidate(number, u32::try_from(times).unwrap_or(1));
        }
        self.best()
    }

    /// There has been no room for the best size for long: the largest that fits stands in.
    fn settle_for(&mut self, largest: usize) {
        for arm in self.arms.iter_mut().skip(largest + 1).filter(|arm| arm.state == State::Done) {
            // It may be better when there is room again.
            arm.state = State::Open;
            arm.forget();
        }
        let gain = self.arms[largest].gain().unwrap_or(1.0);
        self.take(largest, gain);
    }

    /// The size that is to be tried next: one that nothing is known of, as near as possible to the best, or else the one
    /// that seems to be the fastest.
    fn candidate(&self, playable: RangeInclusive<usize>) -> Option<usize> {
        let batch = self.reference? * self.best() as f64;
        let allowed = COST * self.spent + batch;
        let is_cheap = |arm: &Arm| {
            let gain = arm.gain().unwrap_or(0.5);
            let pace = self.reference.unwrap_or(0.0);
            self.lost + arm.size as f64 * pace * (1.0 / gain - 1.0) <= allowed
        };
        let is_open = |arm: &Arm| arm.state == State::Open && is_cheap(arm);
        let open = playable.filter(|&number| number != self.best && is_open(&self.arms[number]));
        let promise = |number: usize| {
            let distance = -(number.abs_diff(self.best) as f64);
            self.arms[number].gain().map_or((1, distance), |gain| (0, gain))
        };
        open.max_by(|&a, &b| {
            let ((a, a_value), (b, b_value)) = (promise(a), promise(b));
            a.cmp(&b).then(a_value.total_cmp(&b_value))
        })
    }

    /// Learns how long a batch cut for `size` took. Tells where a better size was found.
    pub(crate) fn measured(&mut self, size: usize, tokens: usize, time: Duration) -> Option<Found> {
        let number = self.arms.iter().position(|arm| arm.size == size)?;
        let (seconds, is_first) = (time.as_secs_f64(), self.arms[number].cut.0 == 0);
        self.arms[number].cut.0 += 1;
        self.arms[number].cut.1 += tokens as u64;
        self.spent += seconds;
        self.arms[number].total.batches += 1;
        // The first of each is not counted: it pays for what was not warm.
        if is_first {
            return None;
        }
        self.arms[number].total.add(tokens, time);
        if number != self.best {
            self.pending.push((number, tokens, seconds));
            return None;
        }
        let pace = seconds / tokens.max(1) as f64;
        let before = self.reference.replace(pace).unwrap_or(pace);
        for (number, tokens, seconds) in std::mem::take(&mut self.pending) {
            let expected = (before + pace) / 2.0 * tokens as f64;
            self.lost += (seconds - expected).max(0.0);
            self.arms[number].compare(seconds, expected, self.windows);
        }
        self.judge()
    }

    /// Closes what is known well enough, and takes what is surely faster.
    fn judge(&mut self) -> Option<Found> {
        for arm in self.arms.iter_mut().filter(|arm| arm.state == State::Open) {
            let Some(gain) = arm.gain() else { continue };
            let least = HYSTERESIS.max(SURE * arm.relative_error());
            let is_known = arm.is_known(self.batches);
            let is_over = arm.compared > PERSISTENCE * self.batches && is_known;
            let cannot_win = gain * (1.0 + least) < 1.0 + HYSTERESIS;
            if gain < HOPELESS && arm.compared >= 2 || is_known && cannot_win || is_over {
                arm.state = State::Done;
            }
        }
        self.give_up_smaller();
        self.look_between();
        let known = self.arms.iter().enumerate().filter_map(|(number, arm)| {
            let gain = arm.gain()?;
            let is_known = arm.is_known(self.batches);
            // After so long the best guess is what is left.
            let sure = if arm.compared > PERSISTENCE * self.batches { 1.0 } else { SURE };
            let least = HYSTERESIS.max(sure * arm.relative_error());
            (number != self.best && is_known && gain > 1.0 + least).then_some((number, gain))
        });
        let (number, gain) = known.max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        let found = Found { from: self.best(), to: self.arms[number].size, gain };
        self.take(number, gain);
        Some(found)
    }

    /// Closes what is smaller than two sizes without hope, one behind the other: two, as one may lie in a dip.
    fn give_up_smaller(&mut self) {
        let mut hopeless = 0;
        for arm in self.arms.iter_mut().take(self.best).rev() {
            match arm.gain() {
                _ if hopeless >= 2 => arm.state = State::Done,
                Some(gain) if gain < HOPELESS => hopeless += 1,
                Some(_) => hopeless = 0,
                None => {}
            }
        }
    }

    /// Compares with the size of this `number` from now on, which is faster than the best so far by the factor `gain`.
    fn take(&mut self, number: usize, gain: f64) {
        let old = self.best;
        self.best = number;
        (self.reference, self.turn, self.without_room) = (None, Turn::Best, 0);
        self.pending.clear();
        for arm in &mut self.arms {
            arm.expected /= gain;
            arm.ratios *= gain;
            arm.squares *= gain * gain;
        }
        self.arms[number].forget();
        self.arms[number].state = State::Done;
        if old != number {
            self.arms[old].was_best(self.batches, gain);
        }
    }

    /// Opens sizes between two that were tried, where they could be faster than the best.
    fn look_between(&mut self) {
        let may_win = |arm: &Arm| arm.state == State::Open && arm.gain().is_none_or(|gain| gain > PROBABLE);
        if self.arms[self.playable.clone()].iter().any(may_win) {
            return;
        }
        let gain = |number: usize| if number == self.best { Some(1.0) } else { self.arms[number].gain() };
        let known: Vec<Known> = (0..self.arms.len())
            .filter_map(|number| {
                let tokens = self.arms[number].usual_tokens();
                Some((number, tokens, tokens / gain(number)?))
            })
            .collect();
        let pairs = || known.iter().zip(known.iter().skip(1));
        // What a token more costs at the least, where dips do not end.
        let apart = pairs().filter(|(a, b)| b.1 > a.1 * FINEST.sqrt());
        let slopes = apart.map(|(a, b)| (b.2 - a.2) / (b.1 - a.1)).filter(|&slope| slope > 0.0);
        let slope = slopes.fold(1.0, f64::min);
        let mut between = Vec::new();
        for (a, b) in pairs().filter(|(a, b)| b.0 > a.0 + 1) {
            // Where a size is slow by itself, a larger one may take less time: what is known of all smaller ones counts.
            let smaller = known.iter().take_while(|known| known.0 <= a.0);
            let least = smaller.map(|known| known.2 + slope * (b.1 - known.1)).fold(f64::MAX, f64::min);
            if b.1 / least > 1.0 + PROMISING {
                between.push(usize::midpoint(a.0, b.0));
            }
        }
        for number in between {
            if self.arms[number].state == State::Unknown {
                self.arms[number].state = State::Open;
            }
        }
    }
}

impl Arm {
    fn new(size: usize) -> Self {
        Self {
            size,
            total: Total::default(),
            cut: (0, 0),
            state: State::Unknown,
            compared: 0,
            took: 0.0,
            expected: 0.0,
            ratios: 0.0,
            squares: 0.0,
            first_window: 0,
            last_window: 0,
        }
    }

    fn compare(&mut self, seconds: f64, expected: f64, window: u64) {
        if self.compared == 0 {
            self.first_window = window;
        }
        self.last_window = window;
        self.compared += 1;
        self.took += seconds;
        self.expected += expected;
        let ratio = seconds / expected.max(f64::MIN_POSITIVE);
        self.ratios += ratio;
        self.squares += ratio * ratio;
    }

    /// What was compared with another than the best of now.
    const fn forget(&mut self) {
        (self.compared, self.took, self.expected, self.ratios, self.squares) = (0, 0.0, 0.0, 0.0, 0.0);
    }

    /// Another is the best now, faster by `gain`.
    const fn was_best(&mut self, batches: u64, gain: f64) {
        let count = batches as f64;
        (self.compared, self.took, self.expected) = (batches, 1.0, 1.0 / gain);
        (self.ratios, self.squares) = (gain * count, gain * gain * count);
    }

    /// Tokens of its batches, which long rows and little memory make smaller than the size.
    fn usual_tokens(&self) -> f64 {
        let (count, tokens) = self.cut;
        if count == 0 { self.size as f64 } else { tokens as f64 / count as f64 }
    }

    /// How much faster than the best it is.
    fn gain(&self) -> Option<f64> {
        (self.compared > 1).then(|| self.expected / self.took.max(f64::MIN_POSITIVE))
    }

    /// Whether it was compared often enough, and all over a window.
    const fn is_known(&self, batches: u64) -> bool {
        self.compared >= batches && self.last_window >= self.first_window + WINDOWS
    }

    /// The standard error of the gain, as a part of it.
    fn relative_error(&self) -> f64 {
        let count = self.compared.max(1) as f64;
        let mean = self.ratios / count;
        let variance = (self.squares / count - mean * mean).max(0.0);
        (variance / count).sqrt() / mean.max(f64::MIN_POSITIVE)
    }
}

impl Total {
    const fn add(&mut self, tokens: usize, time: Duration) {
        self.tokens += tokens as u64;
        self.time = self.time.saturating_add(time);
    }

    /// Tokens a second.
    pub(crate) fn rate(&self) -> f64 {
        self.tokens as f64 / self.time.as_secs_f64().max(1e-9)
    }
}

/// Sizes from a few tokens up to `most`, which is one of them, and how many of them make a `factor`.
fn ladder(most: usize, factor: f64) -> (Vec<usize>, usize) {
    let steps = (factor.ln() / FINEST.ln()).ceil().max(1.0);
    let ratio = factor.powf(1.0 / steps);
    let mut sizes = vec![most.max(1)];
    let mut size = most as f64 / ratio;
    while size >= 16.0 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most `most`, at least 16"
        )]
        sizes.push(size as usize);
        size /= ratio;
    }
    sizes.reverse();
    sizes.dedup();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
    let steps = steps as usize;
    (sizes, steps)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    #[test]
    #[ignore = "does not hold yet: where all sizes are alike and times differ by 30 %, it drifts to small ones"]
    fn noise_is_no_gain() {
        for seed in 0..20_u64 {
            let mut step = seed << 32;
            let best = climb(Search::new(8192, 8192, 1.5, 5), 75, 8192, |tokens| {
                // Up to 30 % more or less, without a pattern (the finish of SplitMix64), for all sizes alike.
                step += 1;
                let mixed = step.wrapping_mul(0x9E37_79B9_7F4A_7C15);
                let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                let noise = 0.7 + 0.6 * ((mixed ^ (mixed >> 31)) % 1000) as f64 / 1000.0;
                tokens as f64 * 1e-6 * noise
            });
            assert!(best > 2000, "{best} with seed {seed}");
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
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

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
}
