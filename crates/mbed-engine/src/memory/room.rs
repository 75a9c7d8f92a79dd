//! Room for a batch: turns with the other engines of this process, and waiting for other processes.

use std::sync::Arc;
use std::time::Duration;

use mbed_core::{Bytes, Session};

use super::budget::share;
use super::controller::Controller;
use super::events::Change;
use super::ledger::{Claim, Seat, Share};
use super::{Reading, Shape};

/// A batch takes turns with others for at most so long; then it tries its luck.
const CLAIM_PATIENCE: Duration = Duration::from_secs(10);
/// The first wait for memory that others hold; each is twice as long as the one before.
const FIRST_WAIT: Duration = Duration::from_millis(10);
/// So many waits make two and a half seconds.
const WAITS: u32 = 8;
/// A session without work gives its buffers back after so long.
const IDLE: Duration = Duration::from_secs(1);

/// How urgently a batch must fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Like any other.
    Usual,
    /// It is a single row that did not fit before: nothing of what this process can give back may stand in its way.
    Last,
}

/// Why a batch did not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shortage {
    /// There was too little.
    Memory,
    /// There was enough, in pieces: with the buffers given back it should fit.
    Fragments,
}

/// Sessions at work, until it is dropped.
#[derive(Debug)]
pub(crate) struct AtWork(Vec<Arc<Seat>>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.iter().for_each(|seat| seat.works(false));
    }
}

impl Controller {
    /// The first `sessions` begin to compute. They share what there is with those of other engines.
    pub(crate) fn at_work(&self, sessions: usize) -> AtWork {
        let seats: Vec<_> =
            self.state().desks.iter().take(sessions).map(|desk| Arc::clone(&desk.seat)).collect();
        seats.iter().for_each(|seat| seat.works(true));
        AtWork(seats)
    }

    /// Claims what the batch may take beyond what the session keeps anyway, and waits for other engines' batches. What
    /// the session keeps is given back first where others wait for it, or where it is more than its share.
    pub(crate) fn claim(
        &self,
        desk: usize,
        session: &mut dyn Session,
        shape: Shape,
        need: Need,
    ) -> Option<Claim> {
        let (seat, most, kept) = {
            let mut state = self.state();
            let kept = state.desks.get(desk)?.kept;
            let is_last = need == Need::Last;
            if kept > 0
                && (is_last
                    || state.desks[desk].seat.is_asked_to_trim()
                    || self.is_too_much(desk, kept, &state))
            {
                state.trim(desk, session);
                self.look_again(&mut state, desk, session);
            }
            let ours = state.desks.get(desk)?;
            (Arc::clone(&ours.seat), state.cost.most(shape).get(), ours.kept)
        };
        let share = match need {
            Need::Usual => Share::Bytes(most.saturating_sub(kept)),
            Need::Last => Share::All,
        };
        let (session, host) = (&*session, &self.options.host);
        let reserved = self.options.settings.reserved.bytes().get();
        let free = || {
            let reading = Reading::take(session.device_memory(), host)?;
            Some(reading.free.get().saturating_sub(reserved))
        };
        let claim = seat.claim(share, free, CLAIM_PATIENCE);
        if shape.rows == 1 {
            self.wait_for_room((desk, &seat), session, shape);
        }
        Some(claim)
    }

    /// Whether a session keeps more than its share while others compute too.
    fn is_too_much(&self, desk: usize, kept: u64, state: &super::controller::State) -> bool {
        let holdings = state.holdings(desk);
        let reading = state.desks.get(desk).and_then(|ours| ours.reading);
        holdings.sessions > 1
            && reading.is_some_and(|reading| kept > share(&self.options.settings, reading, holdings))
    }

    /// Gives back what a session keeps that has had no work for so long, where others wait for it or it was long.
    pub(crate) fn idle(&self, desk: usize, session: &mut dyn Session, time: Duration) {
        let mut state = self.state();
        let Some(ours) = state.desks.get(desk).filter(|ours| ours.kept > 0) else { return };
        if time >= IDLE || ours.seat.is_asked_to_trim() {
            state.trim(desk, session);
            self.look_again(&mut state, desk, session);
        }
    }

    /// Waits a little, and longer each time, while other processes hold the memory that a batch needs at the least. Its
    /// claim is held meanwhile, so that nobody here overtakes it.
    fn wait_for_room(&self, (desk, seat): (usize, &Seat), session: &dyn Session, shape: Shape) {
        let Some((mut needed, mut free)) = self.lacks_room(desk, session, shape) else { return };
        let _wish = seat.wish();
        let start = self.options.clock.now();
        let mut pause = FIRST_WAIT;
        let mut is_vain = true;
        for _ in 0..WAITS {
            self.options.clock.sleep(pause);
            pause *= 2;
            let Some(lack) = self.lacks_room(desk, session, shape) else {
                is_vain = false;
                break;
            };
            (needed, free) = lack;
        }
        let seconds = (self.options.clock.now() - start).as_secs_f64();
        let mut state = self.state();
        state.waited_in_vain = is_vain.then_some(free);
        state.event(Change::Waited { seconds, needed });
    }

    /// What the batch needs and what is free, where that is too little and others hold the rest.
    fn lacks_room(&self, desk: usize, session: &dyn Session, shape: Shape) -> Option<(Bytes, Bytes)> {
        let mut state = self.state();
        let now = self.options.clock.now();
        state.desks.get_mut(desk)?.look_again();
        let reading = state.desks[desk].read(session, &self.options.host, now)?;
        let needed = state.cost.most(shape);
        let kept = state.desks[desk].kept;
        let fits_alone = needed.get() + state.desks[desk].weights <= reading.total.get();
        let has_room = needed.get() <= reading.free.get() + kept;
        if has_room || !fits_alone {
            state.waited_in_vain = None;
            return None;
        }
        // No second wait in vain unless something has changed.
        let is_vain = state.waited_in_vain.is_some_and(|free| reading.free <= free);
        (!is_vain).then_some((needed, reading.free))
    }

    /// Counts parts of so many rows that are tried again after `tries` tries. Where these are single rows, memory has a
    /// little time to come back first.
    pub(crate) fn retry(&self, parts: usize, rows: usize, tries: u32) {
        let next = tries.saturating_add(1);
        let most = self.max_retries();
        tracing::info!(
            parts,
            rows,
            "parts of a batch that did not fit are tried again: try {next} of {most} after the first"
        );
        self.state().report.retries += parts as u64;
        if rows == 1 {
            self.options.clock.sleep(FIRST_WAIT * 2_u32.saturating_pow(tries.min(WAITS)));
        }
    }
}
