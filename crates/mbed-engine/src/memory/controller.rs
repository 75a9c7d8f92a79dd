//! The size of batches: what memory allows, and what is fastest within that.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mbed_core::settings::BatchingSettings;
use mbed_core::{Bytes, Session};
use mbed_monitor::LeakWatch;

use super::budget::{self, budget};
use super::desk::Desk;
use super::events::{Change, Events};
use super::ledger::Holdings;
use super::limit::Limit;
use super::room::Shortage;
use super::search::Search;
use super::{CostModel, CurvePoint, Learnt, MemoryOptions, MemoryReport, Reading, Shape, rows_per_gib};
use crate::EngineError;
use crate::batch::{Bounds, MemoryBound};

/// Pressure does not make a batch smaller that needs no more than this part of the device: that would cost time and
/// free nothing.
const SMALL: f64 = 0.02;

/// A session may keep more than its batches need by this part: allocators round up.
const ROUNDING: f64 = 0.1;

/// Sizes the batches of one engine.
#[derive(Debug)]
pub(crate) struct Controller {
    pub(super) options: MemoryOptions,
    rows: Option<NonZeroUsize>,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) cost: CostModel,
    limit: Limit,
    search: Search,
    pub(super) desks: Vec<Desk>,
    events: Events,
    batches: u64,
    /// The longest text of the last batch.
    longest: usize,
    /// Waiting brought nothing the last time, with so much free.
    pub(super) waited_in_vain: Option<Bytes>,
    pub(super) report: MemoryReport,
}

/// A batch that was computed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fitted {
    pub(crate) shape: Shape,
    /// The size that it stands for in measurements, where it is neither the rest of a window nor a part of a batch.
    pub(crate) size: Option<usize>,
    pub(crate) time: Duration,
    /// By how much the process had grown at its peak, where the session does not tell what it keeps.
    pub(crate) grown: Option<Bytes>,
}

impl Controller {
    /// `longest` is the most tokens of a text.
    pub(crate) fn new(
        options: MemoryOptions,
        sessions: &[Box<dyn Session>],
        batching: &BatchingSettings,
        longest: usize,
    ) -> Result<Self, EngineError> {
        let settings = &options.settings;
        let leaks = LeakWatch::new(settings.leak_tolerance.get(), options.leak_window);
        let desks =
            sessions.iter().map(|session| Desk::new(session.as_ref(), &options.ledgers, leaks.clone()));
        let learnt = options.learnt.as_ref();
        let cost = learnt.map_or_else(|| options.cost.clone(), |learnt| learnt.cost.clone());
        let most = batching.max_tokens.get();
        let growth = settings.growth;
        let mut state = State {
            cost,
            limit: Limit::new(most, most, growth),
            search: Search::new(most, most, growth.factor.get(), growth.after.get() / 2),
            desks: desks.collect(),
            events: Events::default(),
            batches: 0,
            longest,
            waited_in_vain: None,
            report: MemoryReport::new(most),
        };
        let mut tightest: Option<u64> = None;
        for (desk, session) in sessions.iter().enumerate() {
            let now = options.clock.now();
            if let Some(reading) = state.desks[desk].read(session.as_ref(), &options.host, now) {
                budget::check(settings, reading)?;
                let bytes = budget(settings, reading, state.holdings(desk));
                tightest = Some(tightest.map_or(bytes, |least| least.min(bytes)));
            }
        }
        state.start(tightest, longest, most, options.parameters);
        state.search = Search::new(most, state.limit.tokens(), growth.factor.get(), growth.after.get() / 2);
        if let Some(learnt) = learnt {
            state.search.begin_at(learnt.tokens);
        }
        Ok(Self { options, rows: batching.row_cap(), state: Mutex::new(state) })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // No step in here leaves half a change behind where it panics: at worst a size is not the best.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the next batch may be, and the size that it stands for in measurements.
    pub(crate) fn bounds(&self) -> (Bounds, usize) {
        let mut state = self.state();
        let bounds = self.bounds_of(&state, state.limit.tokens());
        let longest = state.longest.max(1);
        // One row more than fits, so that some size stands for as many rows as there is room for.
        let room = bounds.memory.as_ref().map_or(usize::MAX, |memory| {
            let rows = memory.cost.rows_within(memory.bytes, longest, bounds.tokens.get());
            rows.saturating_add(1).saturating_mul(longest)
        });
        let size = state.search.next(bounds.tokens.get().min(room), longest);
        let tokens = NonZeroUsize::new(size).unwrap_or(NonZeroUsize::MIN).min(bounds.tokens);
        (Bounds { tokens, ..bounds }, size)
    }

    /// A window begins.
    pub(crate) fn window(&self) {
        self.state().search.window();
    }

    fn bounds_of(&self, state: &State, tokens: usize) -> Bounds {
        let layout = state.desks.first().map_or(mbed_core::BatchLayout::Packed, |desk| desk.layout);
        let rooms = (0..state.desks.len()).filter_map(|desk| {
            Some(budget(&self.options.settings, state.desks[desk].reading?, state.holdings(desk)))
        });
        let memory = rooms.min().map(|bytes| MemoryBound { cost: state.cost.clone(), bytes });
        let tokens = NonZeroUsize::new(tokens).unwrap_or(NonZeroUsize::MIN);
        Bounds { tokens, rows: self.rows, layout, memory }
    }

    /// How many of the first rows of these lengths may be computed together now, at least one. Limits may have come
    /// down since the batch was cut.
    pub(crate) fn fitting(&self, lengths: &[usize]) -> usize {
        let state = self.state();
        let bounds = self.bounds_of(&state, state.limit.tokens());
        let (mut tokens, mut longest) = (0, 0);
        let fits = lengths.iter().enumerate().take_while(|&(row, &length)| {
            (tokens, longest) = (tokens + length, longest.max(length));
            row == 0 || bounds.allow(row + 1, tokens, longest)
        });
        fits.count()
    }

    /// Learns from a batch that fitted, and gives the session's buffers back where their time has come.
    pub(crate) fn fitted(&self, desk: usize, session: &mut dyn Session, batch: Fitted) {
        let mut state = self.state();
        state.batches += 1;
        state.longest = batch.shape.longest;
        state.measure(desk, session, batch);
        let now = self.options.clock.now();
        let reading = state.desks[desk].read(session, &self.options.host, now);
        let settings = &self.options.settings;
        self.press(&mut state, desk, session, batch.shape);
        if let Some(from) = state.limit.fitted(batch.shape.places, reading.map(|reading| reading.in_use())) {
            let to = state.limit.tokens();
            state.event(Change::Grew { from, to });
        }
        state.compare(batch);
        state.desks[desk].rows_since_trim += batch.shape.rows;
        if state.desks[desk].rows_since_trim >= settings.trim_every.get() {
            state.trim(desk, session);
            self.look_again(&mut state, desk, session);
        }
    }

    /// Makes batches smaller while memory is short, and what they were before once it is no longer.
    fn press(&self, state: &mut State, desk: usize, session: &mut dyn Session, shape: Shape) {
        let Some(reading) = state.desks.get(desk).and_then(|ours| ours.reading) else { return };
        let settings = &self.options.settings;
        let threshold = settings.pressure_threshold.get();
        if reading.in_use() <= threshold {
            let budget = budget(settings, reading, state.holdings(desk));
            if state.in_use_if_relaxed(desk, reading, (budget, shape)) <= threshold
                && let Some(from) = state.limit.relaxed()
            {
                let to = state.limit.tokens();
                state.event(Change::PressureEnded { from, to });
            }
            return;
        }
        // Smaller batches free nothing of what the session keeps for larger ones, or in pieces.
        if let Some(surplus) = state.surplus(desk, reading, shape) {
            let kept = state.desks[desk].kept;
            state.trim(desk, session);
            self.look_again(state, desk, session);
            if state.desks[desk].kept < kept {
                state.event(surplus);
                return;
            }
        }
        let least = state.harmless_tokens(reading, shape);
        if let Some(from) = state.limit.ran_short(least) {
            let to = state.limit.tokens();
            state.event(Change::Pressure { from, to, in_use: reading.in_use() });
        }
    }

    /// Reads memory anew, after it was given back.
    pub(super) fn look_again(&self, state: &mut State, desk: usize, session: &dyn Session) {
        if let Some(ours) = state.desks.get_mut(desk) {
            ours.look_again();
            ours.read(session, &self.options.host, self.options.clock.now());
        }
    }

    /// Learns from a batch that did not fit, and gives the session's buffers back.
    pub(crate) fn ran_out(
        &self,
        desk: usize,
        session: &mut dyn Session,
        shape: Shape,
        free: Option<Bytes>,
    ) -> Shortage {
        let mut state = self.state();
        state.report.out_of_memory += 1;
        let kept = state.desks.get(desk).map_or(0, |ours| ours.kept);
        let room = free.map(|free| Bytes::new(free.get().saturating_add(kept)));
        let needed = state.cost.most(shape);
        state.trim(desk, session);
        self.look_again(&mut state, desk, session);
        if let Some(room) = room.filter(|&room| kept > 0 && needed <= room) {
            state.event(Change::Fragmented { needed, room });
            return Shortage::Fragments;
        }
        if let Some(room) = room {
            state.cost.refused(shape, room);
        }
        state.limit.ran_out(shape.places);
        let to = state.limit.tokens();
        state.event(Change::OutOfMemory { rows: shape.rows, tokens: shape.places, to });
        Shortage::Memory
    }

    /// Counts a row that did not fit alone.
    pub(crate) fn row_failed(&self, tokens: usize) {
        let mut state = self.state();
        state.report.failed_rows += 1;
        state.event(Change::RowFailed { tokens });
    }

    /// Gives back what a session keeps, and looks for a leak: for when there is nothing to do.
    pub(crate) fn rest(&self, desk: usize, session: &mut dyn Session) {
        let mut state = self.state();
        state.trim(desk, session);
        self.look_again(&mut state, desk, session);
        let reading = match session.device_memory() {
            mbed_core::DeviceMemory::Own { total, free } => {
                Some(Bytes::new(total.get().saturating_sub(free.get())))
            }
            _ => self.options.host.process().map(|process| process.resident),
        };
        let leak = reading
            .and_then(|in_use| state.desks.get_mut(desk)?.leaks.look(in_use, std::time::Instant::now()));
        if let Some(leak) = leak {
            state.event(Change::Leak { start: leak.start, now: leak.now });
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.options.clock.now()
    }

    pub(crate) const fn max_retries(&self) -> u32 {
        self.options.settings.max_retries
    }

    pub(crate) const fn host(&self) -> &mbed_monitor::Host {
        &self.options.host
    }

    /// What came of all this so far.
    pub(crate) fn report(&self) -> MemoryReport {
        let state = self.state();
        let mut report = state.report.clone();
        report.tokens = state.search.best().min(state.limit.tokens());
        report.ceiling = state.limit.ceiling();
        report.event_count = state.events.count();
        report.events = state.events.kept().to_vec();
        report.curve = state.curve();
        report
    }

    /// What later runs may begin with.
    pub(crate) fn learnt(&self) -> Learnt {
        let state = self.state();
        Learnt { cost: state.cost.clone(), tokens: state.search.best(), curve: state.curve() }
    }

    /// The cost of batches as it is known now.
    pub(crate) fn cost(&self) -> CostModel {
        self.state().cost.clone()
    }

    /// What batches may take now, and the tightest reading that it rests on.
    pub(crate) fn budget(&self) -> Option<(Bytes, Reading)> {
        let state = self.state();
        let budgets = state.desks.iter().enumerate().filter_map(|(desk, known)| {
            let reading = known.reading?;
            Some((Bytes::new(budget(&self.options.settings, reading, state.holdings(desk))), reading))
        });
        budgets.min_by_key(|(bytes, _)| *bytes)
    }
}

impl State {
    pub(super) fn event(&mut self, what: Change) {
        self.events.push(self.batches, what);
    }

    pub(super) fn holdings(&self, desk: usize) -> Holdings {
        let Some(ours) = self.desks.get(desk) else { return Holdings::default() };
        ours.seat.holdings(self.desks.iter().map(|desk| desk.seat.as_ref()))
    }

    /// The first limit: what fits into the budget at full length, or the rule of thumb.
    fn start(&mut self, budget: Option<u64>, longest: usize, most: usize, parameters: usize) {
        let rows = match budget {
            Some(bytes) => self.cost.rows_within(bytes, longest, most),
            None => {
                let rows = rows_per_gib(parameters);
                tracing::warn!(
                    rows,
                    "nobody tells how much memory there is: batches begin with what fits into 1 GiB by rule of thumb"
                );
                rows
            }
        };
        self.limit.begin_with(rows.max(1).saturating_mul(longest.max(1)));
        self.report.first_budget = budget.map(Bytes::new);
        self.report.first_tokens = self.limit.tokens();
    }

    /// Takes over what the session tells of its buffers. Only a batch that needed more than any since they were last
    /// given back tells what it needs: others ran in what was there.
    fn measure(&mut self, desk: usize, session: &dyn Session, batch: Fitted) {
        self.cost.passed();
        let Some(ours) = self.desks.get_mut(desk) else { return };
        let expected = self.cost.expected(batch.shape);
        let is_largest = ours.largest.is_none_or(|largest| expected >= self.cost.expected(largest));
        let kept = session.memory().workspace;
        ours.keeps(kept.map_or(0, Bytes::get));
        self.report.most_kept = self.report.most_kept.max(Bytes::new(ours.kept));
        let needed = kept.filter(|_| is_largest).or(batch.grown);
        if is_largest {
            ours.largest = Some(batch.shape);
        }
        if let Some(needed) = needed {
            self.cost.measured(batch.shape, needed);
        }
    }

    /// What is to be told where a session keeps more than the batches need that there may be now, of sequences as long as
    /// those of `shape`.
    fn surplus(&self, desk: usize, reading: Reading, shape: Shape) -> Option<Change> {
        let ours = self.desks.get(desk)?;
        let longest = shape.longest.max(1);
        let allowed = self.cost.most(Shape::even((self.limit.tokens() / longest).max(1), longest));
        let kept = Bytes::new(ours.kept);
        let needed = self.cost.most(ours.largest?).min(allowed);
        let least = (1.0 + ROUNDING) * needed.get() as f64 + SMALL * reading.total.get() as f64;
        (kept.get() as f64 > least).then_some(Change::Surplus { kept, needed })
    }

    /// The part of memory that will be in use if batches are again what they were before it ran short.
    fn in_use_if_relaxed(&self, desk: usize, reading: Reading, (budget, shape): (u64, Shape)) -> f64 {
        let Some(before) = self.limit.before_pressure() else { return 0.0 };
        let longest = shape.longest.max(1);
        let rows = self.cost.rows_within(budget, longest, before).max(1);
        let kept = self.desks.get(desk).map_or(0, |ours| ours.kept);
        let more = self.cost.most(Shape::even(rows, longest)).get().saturating_sub(kept);
        reading.in_use() + more as f64 / reading.total.get().max(1) as f64
    }

    /// Compares rates, where the batch was as large as it was meant to be.
    fn compare(&mut self, batch: Fitted) {
        let found = batch.size.and_then(|size| self.search.measured(size, batch.shape.places, batch.time));
        if let Some(found) = found {
            self.event(Change::Faster { from: found.from, to: found.to, gain: found.gain });
        }
    }

    /// Tokens of a batch, of sequences as long as those of `shape`, that needs but a small part of the device.
    fn harmless_tokens(&self, reading: Reading, shape: Shape) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a part of what there is"
        )]
        let small = (reading.total.get() as f64 * SMALL) as u64;
        let longest = shape.longest.max(1);
        self.cost.rows_within(small, longest, self.limit.tokens()).max(1).saturating_mul(longest)
    }

    pub(super) fn trim(&mut self, desk: usize, session: &mut dyn Session) {
        session.trim();
        self.report.trims += 1;
        if let Some(ours) = self.desks.get_mut(desk) {
            ours.keeps(session.memory().workspace.map_or(0, Bytes::get));
            ours.largest = None;
            ours.rows_since_trim = 0;
        }
    }

    fn curve(&self) -> Vec<CurvePoint> {
        let measured = self.search.totals().filter(|(_, total)| total.batches > 1);
        measured
            .map(|(tokens, total)| CurvePoint { tokens, tokens_per_s: total.rate(), batches: total.batches })
            .collect()
    }
}
