//! Readers and writers as the ends of an engine's run.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use mbed_core::Embeddings;
use mbed_engine::{Cancel, Rows, Sink, Source, Within};

use crate::{PipelineError, Window, Windows, Writer};

/// How often a source that waits for its input looks whether somebody wants the end.
const CANCEL_INTERVAL: Duration = Duration::from_millis(50);

impl Rows for Window {
    fn len(&self) -> usize {
        Self::len(self)
    }

    fn text(&self, row: usize) -> &str {
        Self::text(self, row).unwrap_or_default()
    }

    fn name(&self, row: usize) -> String {
        Self::name(self, row)
    }

    fn within(&self, row: usize) -> Option<Within<'_>> {
        let (document, text, span) = self.part(row)?;
        Some(Within { document, text, span })
    }
}

/// A reader at work on a thread of its own, one window ahead.
///
/// The thread is never waited for: one that waits for a terminal or a silent pipe must not keep a run from ending.
/// It ends with the input, with this value, or with the process.
#[derive(Debug)]
pub struct BackgroundReader {
    windows: Receiver<Result<Window, PipelineError>>,
    counts: Arc<Counts>,
    cancel: Cancel,
}

/// What the thread has counted.
#[derive(Debug, Default)]
struct Counts {
    read: AtomicU64,
    skipped: AtomicU64,
}

impl BackgroundReader {
    /// Starts to read. A run that is cancelled gets no more windows.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start(mut reader: Box<dyn Windows>, cancel: Cancel) -> io::Result<Self> {
        let (sender, windows) = bounded(1);
        let counts = Arc::new(Counts::default());
        let counter = Arc::clone(&counts);
        thread::Builder::new().name("mbed-read".to_owned()).spawn(move || {
            loop {
                let window = reader.next_window();
                counter.read.store(reader.read_rows(), Ordering::Release);
                counter.skipped.store(reader.skipped_rows(), Ordering::Release);
                let Some(window) = window.transpose() else { return };
                let failed = window.is_err();
                if sender.send(window).is_err() || failed {
                    return;
                }
            }
        })?;
        Ok(Self { windows, counts, cancel })
    }

    /// How many records were left out for bytes that are not UTF-8; final once there are no more windows.
    #[must_use]
    pub fn skipped_rows(&self) -> u64 {
        self.counts.skipped.load(Ordering::Acquire)
    }

    /// How many input records were read; final once there are no more windows.
    #[must_use]
    pub fn read_rows(&self) -> u64 {
        self.counts.read.load(Ordering::Acquire)
    }
}

impl Source for BackgroundReader {
    type Rows = Window;
    type Error = PipelineError;

    fn next_rows(&mut self) -> Result<Option<Window>, PipelineError> {
        loop {
            match self.windows.recv_timeout(CANCEL_INTERVAL) {
                Ok(window) => return window.map(Some),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) if self.cancel.is_cancelled() => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl Sink for Writer {
    type Rows = Window;
    type Error = PipelineError;

    fn write(&mut self, rows: &Window, vectors: &Embeddings) -> Result<(), PipelineError> {
        Self::write(self, rows, vectors)
    }
}
