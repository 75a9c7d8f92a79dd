//! The input of a job, as windows that know where a unit ends.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use mbed_engine::{Cancel, Rows, Source};
use sha2::{Digest, Sha256};

use super::dedup::{Origin, Repeats};
use super::error::JobError;
use super::journal::hexadecimal;
use super::pause::Pause;
use crate::chunked::Cutter;
use crate::read::{Bookmark, Part};
use crate::{BadRecord, Reader, Window};

/// How many records a unit has: few at first, then as many as take about a second.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    records: Arc<AtomicUsize>,
    most: usize,
    fixed: Option<usize>,
}

/// Records of the first unit. Even on a slow machine they take less than a second or so.
const FIRST_UNIT: usize = 32;

/// How much larger a unit may be than the one before it.
const GROWTH: usize = 4;

/// The most bytes of vectors of a unit, which is held in memory until it is whole.
const MOST_BYTES: usize = 64 << 20;

impl Pace {
    /// For vectors of this length; always as many records as are `fixed`.
    pub(super) fn new(dimensions: usize, fixed: Option<usize>) -> Self {
        let most = (MOST_BYTES / size_of::<f32>() / dimensions.max(1)).max(1);
        Self { records: Arc::new(AtomicUsize::new(FIRST_UNIT)), most, fixed }
    }

    fn records(&self) -> usize {
        self.fixed.unwrap_or_else(|| self.records.load(Ordering::Relaxed)).max(1)
    }

    /// Takes what was measured: so many records in so many seconds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped right after")]
    pub(super) fn measured(&self, records: u64, seconds: f64) {
        let now = self.records.load(Ordering::Relaxed);
        let in_a_second = (records as f64 / seconds.max(1e-3)) as usize;
        let next = in_a_second.clamp(1, self.most).min(now.saturating_mul(GROWTH));
        self.records.store(next, Ordering::Relaxed);
    }
}

/// Rows on their way through the engine.
#[derive(Debug)]
pub(super) struct UnitRows {
    pub(super) window: Window,
    /// Where the vectors of the window's rows come from, where some may come from others.
    pub(super) origins: Option<Vec<Origin>>,
    /// The rows that are computed, in that case.
    computed: Vec<usize>,
    /// Records of the input that these rows are, and bad ones between them; 0 where more windows of the same records
    /// come before.
    pub(super) records: u64,
    pub(super) bad: Vec<BadRecord>,
    /// Set on the last window of a unit.
    pub(super) closes: Option<Closing>,
}

/// The end of a unit.
#[derive(Clone, Debug, Default)]
pub(super) struct Closing {
    /// The digest of its input.
    pub(super) input_sha256: String,
    /// Where the record behind it begins.
    pub(super) behind: Option<Bookmark>,
}

impl UnitRows {
    fn new(window: Window, repeats: Option<&mut Repeats>) -> Self {
        let origins: Option<Vec<Origin>> =
            repeats.map(|repeats| window.texts().map(|text| repeats.origin(text)).collect());
        let is_computed = |origin: &Origin| matches!(origin, Origin::Computed(_));
        let computed = origins.iter().flatten().enumerate().filter(|(_, origin)| is_computed(origin));
        let computed = computed.map(|(row, _)| row).collect();
        Self { window, origins, computed, records: 0, bad: Vec::new(), closes: None }
    }

    /// The row of the window that the engine calls `row`.
    fn row(&self, row: usize) -> usize {
        if self.origins.is_some() { self.computed.get(row).copied().unwrap_or(usize::MAX) } else { row }
    }

    /// How many rows were not computed because their text was before.
    pub(super) fn repeated(&self) -> u64 {
        self.origins.as_ref().map_or(0, |origins| (origins.len() - self.computed.len()) as u64)
    }
}

impl Rows for UnitRows {
    fn len(&self) -> usize {
        if self.origins.is_some() { self.computed.len() } else { self.window.len() }
    }

    fn text(&self, row: usize) -> &str {
        self.window.text(self.row(row)).unwrap_or_default()
    }

    fn name(&self, row: usize) -> String {
        self.window.name(self.row(row))
    }
}

/// How much of the input is read.
#[derive(Debug)]
pub(super) struct Bounds {
    /// Records that are left.
    pub(super) left: u64,
    /// When reading ends whatever is left.
    pub(super) until: Option<Instant>,
    pub(super) stop: Cancel,
    pub(super) pause: Pause,
}

/// Reads units.
pub(super) struct Units {
    reader: Reader,
    cutter: Option<Cutter>,
    repeats: Option<Repeats>,
    bounds: Bounds,
    pace: Pace,
    has_ended: bool,
    unit: OpenUnit,
    ready: VecDeque<UnitRows>,
}

/// How reading ended.
pub(super) struct Rest {
    /// The end of a unit that was begun and that nothing has closed.
    pub(super) closing: Option<Closing>,
    /// Whether the input was read to its end.
    pub(super) has_ended: bool,
}

/// The unit that is being read.
#[derive(Default)]
struct OpenUnit {
    records: usize,
    wanted: usize,
    digest: InputDigest,
}

impl Units {
    pub(super) fn new(
        reader: Reader,
        (cutter, repeats): (Option<Cutter>, Option<Repeats>),
        bounds: Bounds,
        pace: Pace,
    ) -> Self {
        let (unit, ready) = (OpenUnit::default(), VecDeque::new());
        Self { reader, cutter, repeats, bounds, pace, has_ended: false, unit, ready }
    }

    /// What is left when the run has ended.
    pub(super) fn rest(mut self) -> Rest {
        let closing = (self.unit.records > 0).then(|| self.close());
        Rest { closing, has_ended: self.has_ended }
    }

    fn is_over(&self) -> bool {
        let Bounds { until, stop, pause, .. } = &self.bounds;
        pause.wait(stop, *until);
        let late = until.is_some_and(|until| Instant::now() >= until);
        self.bounds.left == 0 || late || stop.is_cancelled()
    }

    fn close(&mut self) -> Closing {
        let unit = std::mem::take(&mut self.unit);
        Closing { input_sha256: unit.digest.finish(), behind: self.reader.bookmark() }
    }

    /// Reads the next part of a unit.
    fn read(&mut self) -> Result<bool, JobError> {
        if self.is_over() {
            return Ok(false);
        }
        if self.unit.records == 0 {
            self.unit.wanted = self.pace.records();
        }
        let left = usize::try_from(self.bounds.left).unwrap_or(usize::MAX);
        let rows = (self.unit.wanted - self.unit.records).min(left);
        let Some(Part { window, bad, records }) = self.reader.next_part(rows)? else {
            self.has_ended = true;
            return Ok(false);
        };
        self.bounds.left = self.bounds.left.saturating_sub(records);
        self.unit.records += usize::try_from(records).unwrap_or(usize::MAX);
        self.unit.digest.add(&window, &bad);
        let windows = match &self.cutter {
            Some(cutter) if !window.is_empty() => cutter.cut(&window)?,
            Some(cutter) => VecDeque::from([cutter.none(&window)?]),
            None => VecDeque::from([window]),
        };
        let is_whole = self.unit.records >= self.unit.wanted || self.bounds.left == 0;
        let closes = is_whole.then(|| self.close());
        for window in windows {
            self.ready.push_back(UnitRows::new(window, self.repeats.as_mut()));
        }
        if let Some(last) = self.ready.back_mut() {
            (last.records, last.bad, last.closes) = (records, bad, closes);
        }
        Ok(true)
    }
}

impl Source for Units {
    type Rows = UnitRows;
    type Error = JobError;

    fn next_rows(&mut self) -> Result<Option<UnitRows>, JobError> {
        while self.ready.is_empty() {
            if !self.read()? {
                return Ok(None);
            }
        }
        Ok(self.ready.pop_front())
    }
}

/// The digest of some records, in whatever parts they are read: of all texts and of all bad records, each with its length
/// before it, so that no two inputs have the same.
#[derive(Clone, Default)]
pub(super) struct InputDigest {
    texts: Sha256,
    bad: Sha256,
}

impl InputDigest {
    pub(super) fn add(&mut self, window: &Window, bad: &[BadRecord]) {
        let add = |digest: &mut Sha256, text: &str| {
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text);
        };
        window.texts().for_each(|text| add(&mut self.texts, text));
        bad.iter().for_each(|record| add(&mut self.bad, &record.reason));
    }

    pub(super) fn finish(self) -> String {
        let both = Sha256::new().chain_update(self.texts.finalize()).chain_update(self.bad.finalize());
        hexadecimal(&both.finalize())
    }
}
