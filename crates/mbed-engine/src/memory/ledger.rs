//! What the engines of one process hold of a device, so that they do not all count on the same free bytes.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The memory of every device, shared by the engines of a process that were given clones of it.
#[derive(Clone, Debug, Default)]
pub struct Ledgers(Arc<Mutex<BTreeMap<String, Arc<Ledger>>>>);

impl Ledgers {
    /// Nobody holds anything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The ledger of a device's memory.
    pub(crate) fn of(&self, memory: &str) -> Arc<Ledger> {
        // Entries are inserted whole.
        let mut ledgers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(ledgers.entry(memory.to_owned()).or_default())
    }
}

/// What is claimed of one device's memory.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    claims: Mutex<Claims>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Claims {
    /// Bytes that batches under way may still take.
    bytes: u64,
    /// How many such batches there are.
    count: usize,
}

/// A batch's claim, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    ledger: Arc<Ledger>,
    bytes: u64,
}

impl Ledger {
    fn claims(&self) -> MutexGuard<'_, Claims> {
        // Both numbers change under one lock, without anything between them that could panic.
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What batches under way may still take.
    pub(crate) fn claimed(&self) -> u64 {
        self.claims().bytes
    }

    /// Claims `bytes` of what `free` tells, waiting at most `patience` while batches of others hold too much of it.
    ///
    /// A batch that is alone is never kept waiting: nobody would wake it.
    pub(crate) fn claim(
        self: &Arc<Self>,
        bytes: u64,
        free: impl Fn() -> Option<u64>,
        patience: Duration,
    ) -> Claim {
        let crowded = |claims: &mut Claims| {
            claims.count > 0 && free().is_some_and(|free| claims.bytes.saturating_add(bytes) > free)
        };
        let waited = self.changed.wait_timeout_while(self.claims(), patience, crowded);
        let (mut claims, _) = waited.unwrap_or_else(PoisonError::into_inner);
        claims.bytes = claims.bytes.saturating_add(bytes);
        claims.count += 1;
        Claim { ledger: Arc::clone(self), bytes }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claims = self.ledger.claims();
        claims.bytes = claims.bytes.saturating_sub(self.bytes);
        claims.count = claims.count.saturating_sub(1);
        drop(claims);
        self.ledger.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn claims_together_stay_below_what_is_free() {
        let ledger = Ledgers::new().of("host");
        let (under_way, most) = (AtomicU64::new(0), AtomicU64::new(0));
        let claim_often = || {
            for _ in 0..50 {
                let claim = ledger.claim(40, || Some(100), Duration::from_secs(60));
                let now = under_way.fetch_add(40, Ordering::SeqCst) + 40;
                most.fetch_max(now, Ordering::SeqCst);
                thread::yield_now();
                under_way.fetch_sub(40, Ordering::SeqCst);
                drop(claim);
            }
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(claim_often);
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 80);
        assert_eq!(ledger.claimed(), 0);
    }

    #[test]
    fn a_lone_batch_and_one_without_patience_go_ahead() {
        let ledgers = Ledgers::new();
        let ledger = ledgers.of("a");
        let first = ledger.claim(500, || Some(100), Duration::from_secs(60));
        let second = ledger.claim(1, || Some(100), Duration::ZERO);
        assert_eq!(ledgers.clone().of("a").claimed(), 501);
        assert_eq!(ledgers.of("b").claimed(), 0);
        drop((first, second));
        assert_eq!(ledger.claimed(), 0);
    }
}
