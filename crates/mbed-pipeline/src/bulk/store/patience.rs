//! Sinks that go away and come back.

use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mbed_engine::Cancel;

use super::{Store, StoreError};
use crate::bulk::error::JobError;
use crate::bulk::meter::JobWatch;

/// The first and the longest pause between two tries; each is twice the one before it.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(15);

/// How often a pause looks whether somebody wants the end.
const MOMENT: Duration = Duration::from_millis(50);

/// A store that is asked again while it may be that it only went away for a while.
pub(in crate::bulk) struct Patient<'a> {
    pub(in crate::bulk) store: Box<dyn Store + 'a>,
    /// How long it may be away.
    pub(in crate::bulk) patience: Duration,
    pub(in crate::bulk) stop: &'a Cancel,
    pub(in crate::bulk) watch: &'a dyn JobWatch,
}

impl Patient<'_> {
    /// As [`Store::forget`].
    ///
    /// # Errors
    /// The store fails for good, or for longer than it may, or the run is to end.
    pub(in crate::bulk) fn forget(&mut self, next: u64) -> Result<(), JobError> {
        self.retry(next, |store| store.forget(next))
    }

    /// As [`Store::put`].
    ///
    /// # Errors
    /// As [`Patient::forget`].
    pub(in crate::bulk) fn put(&mut self, unit: u64, bytes: &Bytes) -> Result<(), JobError> {
        self.retry(unit, |store| store.put(unit, bytes))
    }

    /// As [`Store::get`].
    ///
    /// # Errors
    /// As [`Patient::forget`].
    pub(in crate::bulk) fn get(&mut self, unit: u64) -> Result<Bytes, JobError> {
        self.retry(unit, |store| store.get(unit))
    }

    pub(in crate::bulk) fn name(&self, unit: u64) -> String {
        self.store.name(unit)
    }

    fn retry<T>(
        &mut self,
        unit: u64,
        mut act: impl FnMut(&mut dyn Store) -> Result<T, StoreError>,
    ) -> Result<T, JobError> {
        let (start, mut pause) = (Instant::now(), FIRST);
        loop {
            let source = match act(self.store.as_mut()) {
                Ok(done) => return Ok(done),
                Err(StoreError::Disk(path, source)) => return Err(JobError::Write { path, source }),
                Err(StoreError::Lasting(source)) => return Err(self.failed(unit, source)),
                Err(StoreError::Passing(source)) => source,
            };
            if start.elapsed() >= self.patience || self.stop.is_cancelled() {
                return Err(self.failed(unit, source));
            }
            self.watch.waiting(&self.store.name(unit), source.as_ref());
            self.pause(pause.min(self.patience));
            pause = (pause * 2).min(LONGEST);
        }
    }

    fn failed(&self, unit: u64, source: crate::error::Cause) -> JobError {
        JobError::Sink { name: self.store.name(unit), source }
    }

    fn pause(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while Instant::now() < until && !self.stop.is_cancelled() {
            thread::sleep(MOMENT.min(until.saturating_duration_since(Instant::now())));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::sync::Mutex;

    use super::*;
    use crate::bulk::Snapshot;

    /// Fails so often, then takes what comes.
    struct Shaky(usize);

    impl Store for Shaky {
        fn forget(&mut self, _next: u64) -> Result<(), StoreError> {
            Err(StoreError::Lasting("no".into()))
        }

        fn put(&mut self, _unit: u64, _bytes: &Bytes) -> Result<(), StoreError> {
            match self.0.checked_sub(1) {
                Some(left) => {
                    self.0 = left;
                    Err(StoreError::Passing("away".into()))
                }
                None => Ok(()),
            }
        }

        fn get(&mut self, _unit: u64) -> Result<Bytes, StoreError> {
            Ok(Bytes::new())
        }

        fn name(&self, unit: u64) -> String {
            format!("unit {unit}")
        }
    }

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl JobWatch for Heard {
        fn unit(&self, _snapshot: &Snapshot) {}

        fn waiting(&self, sink: &str, error: &(dyn Error + Send + Sync)) {
            self.0.lock().unwrap().push(format!("{sink}: {error}"));
        }
    }

    #[test]
    fn what_may_pass_is_tried_again_and_what_lasts_is_not() {
        let (stop, heard) = (Cancel::new(), Heard::default());
        let store = |failures| Patient {
            store: Box::new(Shaky(failures)),
            patience: Duration::from_secs(60),
            stop: &stop,
            watch: &heard,
        };
        store(2).put(7, &Bytes::new()).unwrap();
        assert_eq!(*heard.0.lock().unwrap(), ["unit 7: away", "unit 7: away"]);
        let error = store(0).forget(3).unwrap_err();
        assert!(matches!(&error, JobError::Sink { name, .. } if name == "unit 3"), "{error}");
        let mut brief = Patient { patience: Duration::ZERO, ..store(1) };
        assert!(matches!(brief.put(1, &Bytes::new()), Err(JobError::Sink { .. })));
        stop.cancel();
        assert!(store(1).put(1, &Bytes::new()).is_err(), "whoever wants the end does not wait");
    }
}
