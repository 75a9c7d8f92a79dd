//! The memory of the simulated device, and what happened on it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mbed_core::spec::{
    Activation, AttentionSpec, EmbeddingSpec, EncoderSpec, FeedForwardSpec, HeadSpec, LayerSpec, NormSpec,
    Pooling, PositionSpec,
};
use mbed_core::{BackendError, Batch, Bytes, DeviceId, Session};

use super::session::SimulatedSession;
use super::{SimulatorOptions, VirtualClock};
use crate::fake;

/// The device that all sessions of a simulator share.
pub(super) const DEVICE: DeviceId = DeviceId::new("simulated", 0);

/// A simulated device. Clones are the same device.
#[derive(Clone, Debug)]
pub struct Simulator {
    pub(super) options: Arc<SimulatorOptions>,
    pub(super) clock: VirtualClock,
    state: Arc<Mutex<State>>,
}

/// A batch that a session was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The number of the session.
    pub session: usize,
    /// The first two tokens of each sequence, by which a test knows its texts.
    pub heads: Vec<[u32; 2]>,
    /// Places of the batch.
    pub places: usize,
    /// Whether it was computed; else memory ran out.
    pub fitted: bool,
}

#[derive(Debug, Default)]
struct State {
    /// What each session's pool holds, weights not counted.
    pools: Vec<u64>,
    /// What of each pool cannot be used.
    fragments: Vec<u64>,
    leaked: u64,
    calls: Vec<Call>,
    most_used: u64,
    /// How many batches were given before each wish to give memory back.
    trims: Vec<usize>,
}

impl Simulator {
    /// A device that is like this.
    #[must_use]
    pub fn new(options: SimulatorOptions) -> Self {
        Self { options: Arc::new(options), clock: VirtualClock::default(), state: Arc::default() }
    }

    /// Its time.
    #[must_use]
    pub fn clock(&self) -> VirtualClock {
        self.clock.clone()
    }

    /// A model of the kind that it runs, with sequences of at most `max_tokens`.
    #[must_use]
    pub fn spec(max_tokens: usize) -> EncoderSpec {
        const HIDDEN: usize = 64;
        EncoderSpec {
            family: "simulated".to_owned(),
            vocabulary: fake::VOCABULARY,
            hidden: HIDDEN,
            embedding: EmbeddingSpec { segments: fake::SEGMENTS, ..EmbeddingSpec::plain(HIDDEN) },
            position: PositionSpec::learned(max_tokens),
            attention: AttentionSpec::plain(2, HIDDEN / 2),
            feed_forward: FeedForwardSpec::plain(4 * HIDDEN, Activation::Gelu),
            norm: NormSpec::after(1e-12),
            layers: vec![LayerSpec::PLAIN; 2],
            head: HeadSpec { pooling: vec![Pooling::Mean], stages: Vec::new() },
        }
    }

    /// Opens a session for sequences of at most `max_tokens`.
    #[must_use]
    pub fn open(&self, max_tokens: usize) -> Box<dyn Session> {
        let mut state = self.state();
        state.pools.push(0);
        state.fragments.push(0);
        let number = state.pools.len() - 1;
        drop(state);
        Box::new(SimulatedSession::new(self.clone(), number, max_tokens))
    }

    /// Every batch that sessions were given, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// The most memory that was ever in use, neighbours among it.
    #[must_use]
    pub fn most_used(&self) -> u64 {
        self.state().most_used
    }

    /// When sessions were asked to give memory back: after so many batches that they were given, in order.
    #[must_use]
    pub fn trims(&self) -> Vec<usize> {
        self.state().trims.clone()
    }

    /// What a session's pool holds now, weights not counted.
    #[must_use]
    pub fn kept(&self, session: usize) -> u64 {
        self.state().pools[session]
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked has failed anyway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the memory for a batch, or refuses. Gives the number of the call.
    pub(super) fn allocate(&self, session: usize, batch: &Batch) -> Result<usize, BackendError> {
        let places = self.options.layout.places(batch.sequences(), batch.tokens(), batch.longest());
        let mut state = self.state();
        let number = state.calls.len();
        let call = Call { session, heads: heads(batch), places, fitted: false };
        state.calls.push(call);
        let need = self.options.need.of(places, batch.longest());
        let usable = state.pools[session].saturating_sub(state.fragments[session]);
        let more = need.saturating_sub(usable);
        let free = self.free(&state);
        if more > free || self.options.spurious.contains(&number) {
            let (requested, free) = (Bytes::new(more), Some(Bytes::new(free)));
            return Err(BackendError::OutOfMemory { device: DEVICE, requested, free });
        }
        state.pools[session] += more;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a part of what was taken"
        )]
        let fragments = (need as f64 * self.options.fragmentation) as u64;
        state.fragments[session] = (state.fragments[session] + fragments).min(state.pools[session]);
        state.leaked += self.options.leak;
        state.most_used = state.most_used.max(self.options.capacity - self.free(&state));
        state.calls[number].fitted = true;
        Ok(number)
    }

    pub(super) fn trim(&self, session: usize) {
        let mut state = self.state();
        state.pools[session] = 0;
        state.fragments[session] = 0;
        let calls = state.calls.len();
        state.trims.push(calls);
    }

    pub(super) fn free_now(&self) -> u64 {
        self.free(&self.state())
    }

    /// What nobody holds. Neighbours take what they want and what is left of it.
    fn free(&self, state: &State) -> u64 {
        let weights = self.options.weights * state.pools.len() as u64;
        let ours = weights + state.pools.iter().sum::<u64>() + state.leaked;
        let left = self.options.capacity.saturating_sub(ours);
        left.saturating_sub(self.options.neighbours.at(self.clock.now()))
    }
}

fn heads(batch: &Batch) -> Vec<[u32; 2]> {
    let sequences = (0..batch.sequences()).filter_map(|index| batch.sequence(index));
    let token = |ids: &[u32], place| ids.get(place).copied().unwrap_or(0);
    sequences.map(|sequence| [token(sequence.ids, 0), token(sequence.ids, 1)]).collect()
}
