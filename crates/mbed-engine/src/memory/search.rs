//! Finding the size of batches that is fastest, by climbing over measured rates.

use std::time::Duration;

/// A size must be faster by this part to be taken ...
const HYSTERESIS: f64 = 0.03;
/// ... and by so many standard errors of the comparison: rates of single batches vary by tens of percents on a machine
/// that others use too, and there are a dozen comparisons in which chance could win.
const SURE: f64 = 3.0;
/// How many times longer two sizes are compared while one seems faster and is not surely so.
const PERSISTENCE: u64 = 8;
/// A size that reaches less than this part of the best rate ends its direction: no dip is that deep.
const HOPELESS: f64 = 0.4;

/// Sizes of batches, each larger than the one before by the same factor, and which of them is tried.
///
/// Rows are sorted by length, so rates drift within a window. A size is therefore never compared with what another had
/// some time ago: the batches of both take turns.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    /// Tokens of each size, ascending.
    sizes: Vec<usize>,
    /// The number of the size that is the best so far.
    best: usize,
    trial: Option<Trial>,
    /// Sizes without success, one behind the other, that end a direction: a dip is passed over.
    patience: usize,
    /// Batches of each of the two that make a comparison.
    batches: usize,
    /// Directions that are still to be tried.
    left: Vec<Direction>,
    /// What each size has done in all.
    totals: Vec<Total>,
}

/// What a size has done.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Total {
    pub(crate) batches: u64,
    pub(crate) tokens: u64,
    pub(crate) time: Duration,
    /// Sum of squares of the seconds that a token took in each batch.
    squares: f64,
    /// Sum of those seconds.
    sum: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Larger,
    Smaller,
}

#[derive(Clone, Debug)]
struct Trial {
    direction: Direction,
    size: usize,
    /// What it is compared with.
    best: usize,
    misses: usize,
    ours: Total,
    theirs: Total,
    /// Batches in a row that there was no room for it.
    waited: usize,
    /// Whose turn it is.
    turn: Turn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Candidate,
    Best,
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
    /// Sizes up to `most` tokens, beginning near `start`; a comparison takes `batches` of each.
    pub(crate) fn new(most: usize, start: usize, factor: f64, batches: usize) -> Self {
        let sizes = ladder(most, factor);
        let best = sizes.iter().rposition(|&size| size <= start).unwrap_or(0);
        // So many steps make a factor of thirty, wider than any dip that was seen; what is tried costs only what it is
        // slower by, and a few batches of it.
        let steps = (30.0_f64.ln() / factor.ln()).ceil().max(2.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
        let patience = steps as usize;
        let totals = vec![Total::default(); sizes.len()];
        let left = vec![Direction::Larger, Direction::Smaller];
        Self { sizes, best, trial: None, patience: patience.min(16), batches: batches.max(1), left, totals }
    }

    /// The size that is the best so far.
    pub(crate) fn best(&self) -> usize {
        self.sizes.get(self.best).copied().unwrap_or(1)
    }

    /// What every size has done.
    pub(crate) fn totals(&self) -> impl Iterator<Item = (usize, Total)> {
        self.sizes.iter().copied().zip(self.totals.iter().copied())
    }

    /// Begins with the size nearest to `size`, which was the best in an earlier run.
    pub(crate) fn begin_at(&mut self, size: usize) {
        self.best = self.sizes.iter().rposition(|&known| known <= size).unwrap_or(0);
        self.trial = None;
    }

    /// The size of the next batch, at most `most`. Sizes above it are not tried now, and the best of those below it
    /// stands for the best.
    pub(crate) fn next(&mut self, most: usize) -> usize {
        let within = self.sizes.partition_point(|&size| size <= most);
        let Some(largest) = within.checked_sub(1) else { return most.max(1) };
        let best = self.best.min(largest);
        let patience = 4 * self.batches;
        if let Some(trial) = self.trial.as_mut().filter(|trial| trial.size.max(trial.best) > largest) {
            // Room comes and goes with the length of rows: a comparison waits for it, but not for ever.
            trial.waited += 1;
            if trial.waited <= patience {
                return self.sizes[best];
            }
            if trial.size <= largest {
                self.left.push(trial.direction);
            }
            self.trial = None;
        }
        if self.trial.is_none() {
            self.begin(best, largest);
        }
        let Some(trial) = &mut self.trial else { return self.sizes[best] };
        let size = if trial.turn == Turn::Candidate { trial.size } else { trial.best };
        trial.turn = if trial.turn == Turn::Candidate { Turn::Best } else { Turn::Candidate };
        trial.waited = 0;
        self.sizes[size]
    }

    /// Takes up a direction from `best` that can be tried.
    fn begin(&mut self, best: usize, largest: usize) {
        let step = |direction| self.step(best, direction).filter(|&size| size <= largest);
        let open = self.left.iter().rposition(|&direction| step(direction).is_some());
        let Some((open, size)) = open.and_then(|open| Some((open, step(self.left[open])?))) else { return };
        let direction = self.left.remove(open);
        self.trial = Some(Trial::new(direction, (size, best), 0));
    }

    fn step(&self, size: usize, direction: Direction) -> Option<usize> {
        match direction {
            Direction::Larger => Some(size + 1).filter(|&next| next < self.sizes.len()),
            Direction::Smaller => size.checked_sub(1),
        }
    }

    /// Learns how long a batch cut for `size` took. Tells where a better size was found.
    pub(crate) fn measured(&mut self, size: usize, tokens: usize, time: Duration) -> Option<Found> {
        let number = self.sizes.iter().position(|&known| known == size)?;
        self.totals[number].add(tokens, time);
        let batches = self.batches as u64;
        let trial = self.trial.as_mut()?;
        if number == trial.size {
            trial.ours.add(tokens, time);
        } else if number == trial.best {
            trial.theirs.add(tokens, time);
        }
        // The first of each is not counted: it pays for what was not warm.
        if trial.ours.batches <= batches || trial.theirs.batches <= batches {
            return None;
        }
        let gain = trial.ours.rate() / trial.theirs.rate();
        let error = trial.ours.relative_error().hypot(trial.theirs.relative_error());
        let least = HYSTERESIS.max(SURE * error);
        let is_open = gain > 1.0 + HYSTERESIS && gain <= 1.0 + least;
        if is_open && trial.ours.batches.min(trial.theirs.batches) <= PERSISTENCE * batches {
            return None;
        }
        self.decide(gain, least)
    }

    /// Whether all that is known of two sizes, over rows of all lengths, speaks against the first.
    fn was_slower(&self, size: usize, than: usize) -> bool {
        let (ours, theirs) = (&self.totals[size], &self.totals[than]);
        let is_known = ours.batches.min(theirs.batches) > 2 * self.batches as u64;
        is_known && ours.rate() < theirs.rate()
    }

    /// Takes the size that was tried where it is faster by more than `least`, and goes on to the next.
    fn decide(&mut self, gain: f64, least: f64) -> Option<Found> {
        let Trial { direction, size, best, misses, .. } = self.trial.take()?;
        let has_won = gain > 1.0 + least && !self.was_slower(size, best);
        let misses = match gain {
            _ if has_won => 0,
            _ if gain < HOPELESS => self.patience,
            _ => misses + 1,
        };
        let found = has_won.then(|| Found { from: self.sizes[best], to: self.sizes[size], gain });
        if has_won {
            if best < self.best && !self.left.contains(&Direction::Larger) {
                // What there was no room for may still be better, when there is.
                self.left.push(Direction::Larger);
            }
            self.best = size;
        }
        let best = if has_won { size } else { best };
        let next = self.step(size, direction).filter(|_| misses < self.patience);
        self.trial = next.map(|size| Trial::new(direction, (size, best), misses));
        found
    }
}

impl Trial {
    fn new(direction: Direction, (size, best): (usize, usize), misses: usize) -> Self {
        let (ours, theirs) = (Total::default(), Total::default());
        Self { direction, size, best, misses, ours, theirs, waited: 0, turn: Turn::Candidate }
    }
}

impl Total {
    fn add(&mut self, tokens: usize, time: Duration) {
        self.batches += 1;
        // See `Search::measured`.
        if self.batches > 1 {
            self.tokens += tokens as u64;
            self.time += time;
            let pace = time.as_secs_f64() / tokens.max(1) as f64;
            self.sum += pace;
            self.squares += pace * pace;
        }
    }

    /// The standard error of the rate, as a part of it.
    fn relative_error(&self) -> f64 {
        let count = self.batches.saturating_sub(1).max(1) as f64;
        let mean = self.sum / count;
        let variance = (self.squares / count - mean * mean).max(0.0);
        (variance / count).sqrt() / mean.max(f64::MIN_POSITIVE)
    }

    /// Tokens a second.
    pub(crate) fn rate(&self) -> f64 {
        self.tokens as f64 / self.time.as_secs_f64().max(1e-9)
    }
}

/// Sizes from a few tokens up to `most`, which is one of them.
fn ladder(most: usize, factor: f64) -> Vec<usize> {
    let mut sizes = vec![most.max(1)];
    let mut size = most as f64 / factor;
    while size >= 16.0 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most `most`, at least 16"
        )]
        sizes.push(size as usize);
        size /= factor;
    }
    sizes.reverse();
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs so many batches on a device that takes `time` for one of so many tokens.
    fn climb(mut search: Search, most: usize, time: impl Fn(usize) -> f64) -> usize {
        for _ in 0..2000 {
            let size = search.next(most);
            search.measured(size, size, Duration::from_secs_f64(time(size)));
        }
        assert!(search.trial.is_none(), "it comes to an end");
        search.best()
    }

    #[test]
    fn the_fastest_size_is_found_from_either_side() {
        // A fixed cost a batch, and a slow-down past 4096.
        let time = |size: usize| 1e-3 + size as f64 * 1e-6 * if size > 4096 { 1.5 } else { 1.0 };
        for start in [64, 1000, 4096, 20_000, 65_536] {
            let best = climb(Search::new(65_536, start, 1.5, 5), 65_536, time);
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
        let best = climb(Search::new(32_768, 8192, 1.5, 5), 32_768, time);
        assert_eq!(best, 32_768);
    }

    #[test]
    fn equal_sizes_do_not_take_turns_for_ever() {
        let search = Search::new(8192, 8192, 1.5, 5);
        assert_eq!(climb(search, 8192, |size| size as f64 * 1e-6), 8192);
    }

    #[test]
    fn noise_is_no_gain() {
        let mut search = Search::new(8192, 8192, 1.5, 5);
        for step in 0_usize..3000 {
            let size = search.next(8192);
            // Up to 30 % more or less, without a pattern, for all sizes alike.
            let noise = 0.7 + 0.6 * (step.wrapping_mul(2_654_435_761) % 1000) as f64 / 1000.0;
            search.measured(size, size, Duration::from_secs_f64(size as f64 * 1e-6 * noise));
        }
        assert!(search.best() > 2000, "{}", search.best());
    }

    #[test]
    fn no_size_is_above_what_there_is_room_for() {
        let mut search = Search::new(8192, 4096, 2.0, 3);
        for step in 0..500 {
            let most = if step % 7 == 0 { 100 } else { 3000 };
            let size = search.next(most);
            assert!(size <= most);
            search.measured(size, size, Duration::from_millis(1));
        }
    }

    #[test]
    fn sizes_end_with_the_largest() {
        assert_eq!(ladder(64, 2.0), [16, 32, 64]);
        assert_eq!(ladder(5, 2.0), [5]);
    }
}
