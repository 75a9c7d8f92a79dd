//! How many tokens a batch may have now: less after memory ran out or ran short, more again in time.

use mbed_core::settings::GrowthSettings;

/// After so many failures in a row the wait until a batch may grow again does not become longer.
const MOST_DOUBLINGS: u32 = 6;

/// How many tokens a batch may have now.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    tokens: usize,
    most: usize,
    growth: GrowthSettings,
    /// Batches that fitted since the limit last changed.
    successes: usize,
    /// How often memory ran out since it last became free again.
    failures: u32,
    /// Where memory ran out, until a batch of that size has fitted again.
    ceiling: Option<usize>,
    /// What the limit was before memory ran short.
    before_pressure: Option<usize>,
}

impl Limit {
    /// Begins with `start` tokens and grows to `most`.
    pub(crate) const fn new(start: usize, most: usize, growth: GrowthSettings) -> Self {
        let tokens = if start < most { start } else { most };
        let (ceiling, before_pressure) = (None, None);
        Self { tokens, most, growth, successes: 0, failures: 0, ceiling, before_pressure }
    }

    /// Begins with `tokens`.
    pub(crate) fn begin_with(&mut self, tokens: usize) {
        self.tokens = tokens.clamp(1, self.most);
    }

    pub(crate) const fn tokens(&self) -> usize {
        self.tokens
    }

    pub(crate) const fn ceiling(&self) -> Option<usize> {
        self.ceiling
    }

    /// What it was before memory ran short, while it is.
    pub(crate) const fn before_pressure(&self) -> Option<usize> {
        self.before_pressure
    }

    pub(crate) const fn is_pressed(&self) -> bool {
        self.before_pressure.is_some()
    }

    /// A batch of `places` fitted while the part `in_use` of memory was in use. Gives the old limit where it grew.
    pub(crate) fn fitted(&mut self, places: usize, in_use: Option<f64>) -> Option<usize> {
        if self.ceiling.is_some_and(|ceiling| places >= ceiling) {
            (self.ceiling, self.failures) = (None, 0);
        }
        // A batch far below the limit says nothing about it.
        if places * 2 < self.tokens {
            return None;
        }
        self.successes += 1;
        let needed = self.growth.after.get() << self.failures.saturating_sub(1).min(MOST_DOUBLINGS);
        let has_room = in_use.is_none_or(|part| part < self.growth.below.get());
        if self.successes < needed || !has_room || self.tokens >= self.most || self.is_pressed() {
            return None;
        }
        self.successes = 0;
        let grown = scale(self.tokens, self.growth.factor.get()).max(self.tokens + 1).min(self.most);
        Some(std::mem::replace(&mut self.tokens, grown))
    }

    /// Memory ran out for a batch of `places`. Gives the old limit where it became lower.
    pub(crate) fn ran_out(&mut self, places: usize) -> Option<usize> {
        self.successes = 0;
        self.failures = self.failures.saturating_add(1);
        self.ceiling = Some(self.ceiling.map_or(places, |ceiling| ceiling.min(places)));
        self.lower_to((places / 2).max(1))
    }

    /// Memory has run short. Gives the old limit where it became lower; it does not go below `least`.
    pub(crate) fn ran_short(&mut self, least: usize) -> Option<usize> {
        let lower = scale(self.tokens, 1.0 / self.growth.factor.get()).max(least).max(1);
        let before = self.tokens;
        let old = self.lower_to(lower)?;
        self.before_pressure.get_or_insert(before);
        Some(old)
    }

    /// Memory is no longer short. Gives the old limit where it went back to what it was.
    pub(crate) fn relaxed(&mut self) -> Option<usize> {
        let before = self.before_pressure.take()?;
        self.successes = 0;
        let restored = self.ceiling.map_or(before, |ceiling| before.min(ceiling)).max(self.tokens);
        Some(std::mem::replace(&mut self.tokens, restored)).filter(|&old| old != restored)
    }

    fn lower_to(&mut self, tokens: usize) -> Option<usize> {
        let lower = tokens < self.tokens;
        lower.then(|| std::mem::replace(&mut self.tokens, tokens))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and a cast saturates"
)]
const fn scale(tokens: usize, factor: f64) -> usize {
    (tokens as f64 * factor) as usize
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    fn limit(start: usize) -> Limit {
        let growth = GrowthSettings { after: NonZeroUsize::new(3).unwrap(), ..GrowthSettings::default() };
        Limit::new(start, 1000, growth)
    }

    #[test]
    fn it_grows_after_enough_batches_that_fill_it_while_there_is_room() {
        let mut limit = limit(100);
        let mut grow = |places, in_use, batches| {
            (0..batches).for_each(|_| _ = limit.fitted(places, in_use));
            limit.tokens()
        };
        assert_eq!(grow(100, Some(0.3), 2), 100);
        assert_eq!(grow(100, Some(0.3), 1), 150);
        assert_eq!(grow(10, Some(0.3), 9), 150, "small batches prove nothing");
        assert_eq!(grow(150, Some(0.7), 9), 150, "there is no room");
        assert_eq!(grow(1000, None, 100), 1000, "up to the most");
    }

    #[test]
    fn a_ceiling_decays() {
        let mut limit = limit(800);
        assert_eq!(limit.ran_out(800), Some(800));
        assert_eq!((limit.tokens(), limit.ceiling()), (400, Some(800)));
        let mut batches = 0;
        while limit.ceiling().is_some() {
            limit.fitted(limit.tokens(), Some(0.1));
            batches += 1;
        }
        assert!(limit.tokens() >= 800 && batches < 20, "{batches}");
        // Failures in a row make it wait longer each time.
        limit.ran_out(800);
        limit.ran_out(400);
        limit.ran_out(200);
        let mut batches = 0;
        while limit.tokens() == 100 {
            limit.fitted(100, Some(0.1));
            batches += 1;
        }
        assert_eq!(batches, 12);
    }

    #[test]
    fn what_pressure_took_comes_back_when_it_ends() {
        let mut limit = limit(900);
        assert_eq!(limit.ran_short(10), Some(900));
        assert_eq!(limit.ran_short(10), Some(600));
        assert_eq!(limit.tokens(), 400);
        assert_eq!(limit.ran_short(400), None);
        assert_eq!(limit.relaxed(), Some(400));
        assert_eq!((limit.tokens(), limit.relaxed()), (900, None));
    }
}
