//! The input of a job, as windows that know where a unit ends.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use mbed_engine::{Cancel, Rows, Source};
use sha2::{Digest, Sha256};

use super::error::JobError;
use crate::chunked::Cutter;
use crate::read::Part;
use crate::{BadRecord, Reader, Window};

/// How many records a unit has: few at first, then as many as take about a second.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    records: Arc<AtomicUsize>,
    most: usize,
}

/// Records of the first unit. Even on a slow machine they take less than a second or so.
const FIRST_UNIT: usize = 32;

/// How much larger a unit may be than the one before it.
const GROWTH: usize = 4;

/// The most bytes of vectors of a unit, which is held in memory until it is whole.
const MOST_BYTES: usize = 64 << 20;

impl Pace {
    /// For vectors of this length.
    pub(super) fn new(dimensions: usize) -> Self {
        let most = (MOST_BYTES / size_of::<f32>() / dimensions.max(1)).max(1);
        Self { records: Arc::new(AtomicUsize::new(FIRST_UNIT)), most }
    }

    fn records(&self) -> usize {
        self.records.load(Ordering::Relaxed)
    }

    /// Takes what was measured: so many records in so many seconds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped right after")]
    pub(super) fn measured(&self, records: u64, seconds: f64) {
        let now = self.records();
        let in_a_second = (records as f64 / seconds.max(1e-3)) as usize;
        let next = in_a_second.clamp(1, self.most).min(now.saturating_mul(GROWTH));
        self.records.store(next, Ordering::Relaxed);
    }
}

/// Rows on their way through the engine.
#[derive(Debug)]
pub(super) struct UnitRows {
    pub(super) window: Window,
    /// Records of the input that these rows are, and bad ones between them; 0 where more windows of the same records
    /// come before.
    pub(super) records: u64,
    pub(super) bad: Vec<BadRecord>,
    /// Set on the last window of a unit: the digest of its input.
    pub(super) closes: Option<String>,
}

impl Rows for UnitRows {
    fn len(&self) -> usize {
        self.window.len()
    }

    fn text(&self, row: usize) -> &str {
        self.window.text(row).unwrap_or_default()
    }

    fn name(&self, row: usize) -> String {
        self.window.name(row)
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
}

/// Reads units.
pub(super) struct Units {
    reader: Reader,
    cutter: Option<Cutter>,
    bounds: Bounds,
    pace: Pace,
    fixed: Option<usize>,
    has_ended: bool,
    unit: OpenUnit,
    ready: VecDeque<UnitRows>,
}

/// How reading ended.
pub(super) struct Rest {
    /// The digest of a unit that was begun and that nothing has closed.
    pub(super) digest: Option<String>,
    /// Whether the input was read to its end.
    pub(super) has_ended: bool,
}

/// The unit that is being read.
#[derive(Default)]
struct OpenUnit {
    records: usize,
    wanted: usize,
    digest: Sha256,
}

impl Units {
    pub(super) fn new(
        reader: Reader,
        cutter: Option<Cutter>,
        bounds: Bounds,
        (pace, fixed): (Pace, Option<usize>),
    ) -> Self {
        let (unit, ready) = (OpenUnit::default(), VecDeque::new());
        Self { reader, cutter, bounds, pace, fixed, has_ended: false, unit, ready }
    }

    /// What is left when the run has ended.
    pub(super) fn rest(self) -> Rest {
        let has_begun = self.unit.records > 0;
        let digest = has_begun.then(|| super::journal::hexadecimal(&self.unit.digest.finalize()));
        Rest { digest, has_ended: self.has_ended }
    }

    fn is_over(&self) -> bool {
        let late = self.bounds.until.is_some_and(|until| Instant::now() >= until);
        self.bounds.left == 0 || late || self.bounds.stop.is_cancelled()
    }

    /// Reads the next part of a unit.
    fn read(&mut self) -> Result<bool, JobError> {
        if self.is_over() {
            return Ok(false);
        }
        if self.unit.records == 0 {
            self.unit.wanted = self.fixed.unwrap_or_else(|| self.pace.records()).max(1);
        }
        let left = usize::try_from(self.bounds.left).unwrap_or(usize::MAX);
        let rows = (self.unit.wanted - self.unit.records).min(left);
        let Some(Part { window, bad, records }) = self.reader.next_part(rows)? else {
            self.has_ended = true;
            return Ok(false);
        };
        self.bounds.left = self.bounds.left.saturating_sub(records);
        self.unit.records += usize::try_from(records).unwrap_or(usize::MAX);
        digest(&mut self.unit.digest, &window, &bad);
        let mut windows = match &self.cutter {
            Some(cutter) if !window.is_empty() => cutter.cut(&window)?,
            Some(cutter) => VecDeque::from([cutter.none(&window)?]),
            None => VecDeque::from([window]),
        };
        let last = windows.pop_back();
        let rows = |window| UnitRows { window, records: 0, bad: Vec::new(), closes: None };
        self.ready.extend(windows.into_iter().map(rows));
        let closes = (self.unit.records >= self.unit.wanted || self.bounds.left == 0)
            .then(|| std::mem::take(&mut self.unit))
            .map(|unit| super::journal::hexadecimal(&unit.digest.finalize()));
        self.ready.extend(last.map(|window| UnitRows { window, records, bad, closes }));
        Ok(true)
    }
}

/// Adds texts and bad records, each with its length, so that no two inputs have the same digest.
pub(super) fn digest(digest: &mut Sha256, window: &Window, bad: &[BadRecord]) {
    let mut add = |text: &str| {
        digest.update((text.len() as u64).to_le_bytes());
        digest.update(text);
    };
    window.texts().for_each(&mut add);
    bad.iter().for_each(|record| add(&record.reason));
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
