//! Whose turn it is, and who wins.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::arm::{Arm, State, Total, Trials};
use super::between::{ladder, promising};

/// A size must be faster by this part to be taken, and surely so.
const HYSTERESIS: f64 = 0.03;
/// How many standard deviations of the normal distribution stand for "surely" while trials go on: rates of single batches
/// vary by tens of percents on a machine that others use too, and each trial of dozens of sizes is a chance to be misled.
const SURE: f64 = 5.0;
/// The same after the last trial of a size, which is one chance and not many.
const SURE_AT_LAST: f64 = 3.5;
/// How many times longer two sizes are compared while one seems faster and is not surely so.
const PERSISTENCE: u64 = 16;
/// A size that reaches less than this part of the best rate is given up after two trials: no dip is that deep.
const HOPELESS: f64 = 0.4;
/// What trying other sizes may cost, as a part of all time.
const COST: f64 = 0.02;
/// A batch may be cut smaller than the size that it stands for by so much: how many rows memory has room for changes with
/// their lengths.
const NEARLY: f64 = 1.25;
/// Sizes between others wait until none is left that may be faster or reaches this part of the best rate.
const PROBABLE: f64 = 0.9;

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
    /// How many make a comparison.
    trials: u64,
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
    /// Sizes up to `most` tokens, beginning near `start`; a comparison takes at least so many `trials`. At first sizes are tried
    /// that are larger than each other by `factor`.
    pub(crate) fn new(most: usize, start: usize, factor: f64, trials: usize) -> Self {
        let (sizes, step) = ladder(most, factor);
        let mut arms: Vec<Arm> = sizes.into_iter().map(Arm::new).collect();
        for arm in arms.iter_mut().rev().step_by(step) {
            arm.state = State::Open;
        }
        let trials = trials.max(2) as u64;
        let mut search = Self {
            arms,
            best: 0,
            trials,
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
            if self.without_room > PERSISTENCE * self.trials {
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
            arm.trials = Trials::default();
        }
        let gain = self.arms[largest].trials.gain().unwrap_or(1.0);
        self.take(largest, gain);
    }

    /// The size that is to be tried next: one that nothing is known of, as near as possible to the best, or else the one
    /// that seems to be the fastest.
    fn candidate(&self, playable: RangeInclusive<usize>) -> Option<usize> {
        let batch = self.reference? * self.best() as f64;
        let allowed = COST * self.spent + batch;
        let is_cheap = |arm: &Arm| {
            let gain = arm.trials.gain().unwrap_or(0.5);
            let pace = self.reference.unwrap_or(0.0);
            self.lost + arm.size as f64 * pace * (1.0 / gain - 1.0) <= allowed
        };
        let is_open = |arm: &Arm| arm.state == State::Open && is_cheap(arm);
        let open = playable.filter(|&number| number != self.best && is_open(&self.arms[number]));
        let promise = |number: usize| {
            let distance = -(number.abs_diff(self.best) as f64);
            self.arms[number].trials.gain().map_or((1, distance), |gain| (0, gain))
        };
        open.max_by(|&a, &b| {
            let ((a, a_value), (b, b_value)) = (promise(a), promise(b));
            a.cmp(&b).then(a_value.total_cmp(&b_value))
        })
    }

    /// Learns how long a batch cut for `size` took. Tells where a better size was found.
    pub(crate) fn measured(&mut self, size: usize, tokens: usize, time: Duration) -> Option<Found> {
        let number = self.arms.iter().position(|arm| arm.size == size)?;
        let seconds = time.as_secs_f64();
        self.spent += seconds;
        let is_first = self.arms[number].ran(tokens, time);
        if is_first {
            return None;
        }
        if number != self.best {
            self.pending.push((number, tokens, seconds));
            return None;
        }
        let pace = seconds / tokens.max(1) as f64;
        let before = self.reference.replace(pace).unwrap_or(pace);
        for trial in std::mem::take(&mut self.pending).chunk_by(|a, b| a.0 == b.0) {
            let tokens: usize = trial.iter().map(|batch| batch.1).sum();
            let seconds: f64 = trial.iter().map(|batch| batch.2).sum();
            let expected = (before + pace) / 2.0 * tokens as f64;
            self.lost += (seconds - expected).max(0.0);
            self.arms[trial[0].0].trials.add(seconds, expected, self.windows);
        }
        self.judge()
    }

    /// Closes what is known well enough, and takes what is surely faster.
    fn judge(&mut self) -> Option<Found> {
        let mut fastest: Option<(usize, f64)> = None;
        for (number, arm) in self.arms.iter_mut().enumerate().filter(|&(number, _)| number != self.best) {
            let Some(gain) = arm.trials.gain() else { continue };
            let are_enough = arm.trials.are_enough(self.trials);
            let is_over = are_enough && arm.trials.count > PERSISTENCE * self.trials;
            let least = HYSTERESIS.max(arm.trials.doubt(if is_over { SURE_AT_LAST } else { SURE }));
            if are_enough && gain > 1.0 + least && fastest.is_none_or(|(_, most)| gain > most) {
                fastest = Some((number, gain));
            }
            let cannot_win = are_enough && gain * (1.0 + least) < 1.0 + HYSTERESIS;
            if arm.state == State::Open && (gain < HOPELESS || cannot_win || is_over) {
                arm.state = State::Done;
            }
        }
        self.give_up_smaller();
        self.look_between();
        let (number, gain) = fastest?;
        let found = Found { from: self.best(), to: self.arms[number].size, gain };
        self.take(number, gain);
        Some(found)
    }

    /// Closes what is smaller than two sizes without hope, one behind the other: two, as one may lie in a dip.
    fn give_up_smaller(&mut self) {
        let mut hopeless = 0;
        for arm in self.arms.iter_mut().take(self.best).rev() {
            match arm.trials.gain() {
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
        self.arms[number].state = State::Done;
        if old == number {
            return;
        }
        let winner = std::mem::take(&mut self.arms[number].trials);
        for arm in &mut self.arms {
            arm.trials = arm.trials.beside(gain);
        }
        if winner.count > 0 {
            self.arms[old].trials = winner.reversed();
        }
    }

    /// Opens sizes between two that were tried, where they could be faster than the best and nothing else could.
    fn look_between(&mut self) {
        let may_win =
            |arm: &Arm| arm.state == State::Open && arm.trials.gain().is_none_or(|gain| gain > PROBABLE);
        if self.arms[self.playable.clone()].iter().any(may_win) {
            return;
        }
        for number in promising(&self.arms, self.best) {
            if self.arms[number].state == State::Unknown {
                self.arms[number].state = State::Open;
            }
        }
    }
}
