//! What the simulated device is like.

use std::ops::Range;
use std::time::Duration;

use mbed_core::BatchLayout;

/// What the simulated device is like.
#[derive(Clone, Debug)]
pub struct SimulatorOptions {
    /// Bytes of its memory.
    pub capacity: u64,
    /// Bytes of the weights, held from the opening of a session on.
    pub weights: u64,
    /// How batches are laid out.
    pub layout: BatchLayout,
    /// What a batch needs.
    pub need: Need,
    /// What others hold.
    pub neighbours: Neighbours,
    /// Of each batch's need this part stays unusable until the memory is given back.
    pub fragmentation: f64,
    /// Calls, counted from 0 over all sessions, that run out of memory for no reason.
    pub spurious: Vec<usize>,
    /// How long a batch takes.
    pub latency: Latency,
    /// A call that takes very long, and how long.
    pub hang: Option<(usize, Duration)>,
    /// Bytes that every call leaves behind for ever.
    pub leak: u64,
}

/// Bytes that a batch needs.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// Whatever it is.
    pub fixed: u64,
    /// For each place.
    pub place: u64,
    /// For each place and token of the longest sequence.
    pub pair: u64,
}

impl Need {
    /// For a batch of so many places with a longest sequence of so many tokens.
    #[must_use]
    pub const fn of(&self, places: usize, longest: usize) -> u64 {
        let places = places as u64;
        self.fixed + self.place * places + self.pair * places * longest as u64
    }
}

/// What others hold: bytes from each moment on, over and over again. Nothing where there is no step.
#[derive(Clone, Debug, Default)]
pub struct Neighbours {
    /// How long a step lasts.
    pub step: Duration,
    /// Bytes in each step.
    pub bytes: Vec<u64>,
}

impl Neighbours {
    /// What they want at a moment.
    #[must_use]
    pub fn at(&self, now: Duration) -> u64 {
        let step = now.as_nanos() / self.step.as_nanos().max(1);
        let count = self.bytes.len().max(1) as u128;
        usize::try_from(step % count).ok().and_then(|step| self.bytes.get(step)).copied().unwrap_or(0)
    }
}

/// How long a batch takes.
#[derive(Clone, Debug)]
pub struct Latency {
    /// Whatever it is.
    pub fixed: Duration,
    /// For each place.
    pub place: Duration,
    /// Batches of so many places take so many times as long.
    pub slowdowns: Vec<Slowdown>,
    /// Heat, which makes everything take longer.
    pub heat: Heat,
}

/// How hot the device is: everything takes so many times as long in each step. The last step stays; without any the device
/// is cold.
#[derive(Clone, Debug, Default)]
pub struct Heat {
    /// How long a step lasts.
    pub step: Duration,
    /// How many times as long everything takes, step after step.
    pub factors: Vec<f64>,
}

impl Heat {
    /// The factor at a moment.
    #[must_use]
    pub fn at(&self, now: Duration) -> f64 {
        let step = usize::try_from(now.as_nanos() / self.step.as_nanos().max(1)).unwrap_or(usize::MAX);
        self.factors.get(step).or(self.factors.last()).copied().unwrap_or(1.0)
    }
}

/// Sizes of batches that the device is slow with.
#[derive(Clone, Debug)]
pub struct Slowdown {
    /// In places.
    pub places: Range<usize>,
    /// How many times as long they take.
    pub factor: f64,
}

impl Latency {
    /// For a batch of so many places that begins at a moment.
    #[must_use]
    pub fn of(&self, places: usize, now: Duration) -> Duration {
        let slow = self.slowdowns.iter().filter(|slow| slow.places.contains(&places));
        let slow: f64 = slow.map(|slow| slow.factor).product();
        let places = u32::try_from(places).unwrap_or(u32::MAX);
        (self.fixed + self.place * places).mul_f64(slow * self.heat.at(now))
    }
}

impl Default for SimulatorOptions {
    /// 256 MiB, 2 KiB a token, 10 µs a token, nobody else.
    fn default() -> Self {
        Self {
            capacity: 256 << 20,
            weights: 16 << 20,
            layout: BatchLayout::Packed,
            need: Need { fixed: 1 << 20, place: 2048, pair: 0 },
            neighbours: Neighbours::default(),
            fragmentation: 0.0,
            spurious: Vec::new(),
            latency: Latency {
                fixed: Duration::from_millis(1),
                place: Duration::from_micros(10),
                slowdowns: Vec::new(),
                heat: Heat::default(),
            },
            hang: None,
            leak: 0,
        }
    }
}
