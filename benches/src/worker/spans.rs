//! Listens to the engine, which tells of every batch in a span.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// The span in which a session computes a batch.
const COMPUTE: &str = "compute";

/// One batch in a session.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct BatchSpan {
    pub(crate) milliseconds: f64,
    pub(crate) rows: u64,
    pub(crate) tokens: u64,
    pub(crate) longest: u64,
}

/// Keeps what the spans of batches tell until somebody takes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    last: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    open: HashMap<u64, (BatchSpan, Option<Instant>)>,
    done: Vec<BatchSpan>,
}

impl Spans {
    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one call on a map or a list.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The batches since this was last asked.
    pub(crate) fn take(&self) -> Vec<BatchSpan> {
        std::mem::take(&mut self.state().done)
    }
}

impl Visit for BatchSpan {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "rows" => self.rows = value,
            "tokens" => self.tokens = value,
            "longest" => self.longest = value,
            _ => {}
        }
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn std::fmt::Debug) {}
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.name() == COMPUTE && *metadata.level() <= Level::DEBUG
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut batch = BatchSpan::default();
        attributes.record(&mut batch);
        let id = self.0.last.fetch_add(1, Ordering::Relaxed) + 1;
        self.state().open.insert(id, (batch, None));
        Id::from_u64(id)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, _event: &Event<'_>) {}

    fn enter(&self, span: &Id) {
        if let Some((_, since)) = self.state().open.get_mut(&span.into_u64()) {
            *since = Some(Instant::now());
        }
    }

    fn exit(&self, span: &Id) {
        let end = Instant::now();
        let mut state = self.state();
        if let Some((mut batch, Some(since))) = state.open.remove(&span.into_u64()) {
            batch.milliseconds = end.saturating_duration_since(since).as_secs_f64() * 1e3;
            state.done.push(batch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_kept_with_their_sizes_and_other_spans_are_not() {
        let spans = Spans::default();
        tracing::subscriber::with_default(spans.clone(), || {
            let _other = tracing::debug_span!("tokenise", rows = 3).entered();
            let batch =
                tracing::debug_span!("compute", rows = 2_usize, tokens = 30_usize, longest = 20_usize);
            let _inside = batch.entered();
            std::thread::sleep(std::time::Duration::from_millis(3));
        });
        let [batch] = spans.take()[..] else { panic!("one batch") };
        assert_eq!((batch.rows, batch.tokens, batch.longest), (2, 30, 20));
        assert!(batch.milliseconds >= 3.0 && spans.take().is_empty());
    }
}
