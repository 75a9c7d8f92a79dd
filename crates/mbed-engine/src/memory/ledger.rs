//! What the engines of one process hold of a device, so that they do not all count on the same free bytes, and so that
//! none of them starves while others keep buffers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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

/// What is held and claimed of one device's memory.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    accounts: Mutex<Accounts>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Accounts {
    seats: BTreeMap<u64, Holding>,
    /// Who waits for memory, in the order of coming.
    queue: VecDeque<u64>,
    /// How many wait for memory with their turn come, because other processes hold it.
    wishes: usize,
    /// Bytes that batches under way may still take.
    claimed: u64,
    /// How many such batches there are.
    batches: usize,
    /// The last number given to a seat or a place in the queue.
    numbers: u64,
}

/// What one session holds.
#[derive(Clone, Copy, Debug, Default)]
struct Holding {
    weights: u64,
    /// What its buffers hold.
    kept: u64,
    /// Whether it computes now, and so can give its buffers back when it is asked to.
    is_at_work: bool,
}

/// What is held together of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holdings {
    /// Weights of all sessions.
    pub(crate) weights: u64,
    /// Buffers of sessions that share what there is.
    pub(crate) kept: u64,
    /// How many these are.
    pub(crate) sessions: u64,
}

/// The place of a session in a ledger.
#[derive(Debug)]
pub(crate) struct Seat {
    ledger: Arc<Ledger>,
    number: u64,
}

/// How much of the memory a batch claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// So many bytes beyond what its session keeps.
    Bytes(u64),
    /// All: nobody else computes, nor keeps what it could give back.
    All,
}

/// A batch's claim, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    ledger: Arc<Ledger>,
    bytes: u64,
}

/// Somebody waits whose turn has come; over when it is dropped.
#[derive(Debug)]
pub(crate) struct Wish<'a>(&'a Ledger);

impl Accounts {
    const fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Whether a batch of the session at `seat` may begin.
    fn has_room(&self, seat: u64, share: Share, free: &impl Fn() -> Option<u64>) -> bool {
        let others_keep =
            || self.seats.iter().any(|(&other, held)| other != seat && held.is_at_work && held.kept > 0);
        let is_alone = || self.batches == 0 && !others_keep();
        match share {
            Share::All => is_alone(),
            // One that is alone is never kept waiting: nobody would wake it.
            Share::Bytes(bytes) => {
                bytes == 0
                    || is_alone()
                    || free().is_none_or(|free| self.claimed.saturating_add(bytes) <= free)
            }
        }
    }
}

impl Ledger {
    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        // Numbers that belong together change under one lock, with nothing between them that could panic.
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for a session.
    pub(crate) fn sit(self: &Arc<Self>, weights: u64, kept: u64) -> Seat {
        let mut accounts = self.accounts();
        let number = accounts.number();
        accounts.seats.insert(number, Holding { weights, kept, is_at_work: false });
        Seat { ledger: Arc::clone(self), number }
    }

    /// What batches under way may still take.
    #[cfg(test)]
    fn claimed(&self) -> u64 {
        self.accounts().claimed
    }
}

impl Seat {
    fn change(&self, change: impl FnOnce(&mut Holding)) {
        let mut accounts = self.ledger.accounts();
        if let Some(held) = accounts.seats.get_mut(&self.number) {
            change(held);
        }
        drop(accounts);
        self.ledger.changed.notify_all();
    }

    /// The session's buffers hold so much now.
    pub(crate) fn keeps(&self, kept: u64) {
        self.change(|held| held.kept = kept);
    }

    /// The session begins or ends to compute.
    pub(crate) fn works(&self, is_at_work: bool) {
        self.change(|held| held.is_at_work = is_at_work);
    }

    /// Whether both are of the same memory.
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.ledger, &other.ledger)
    }

    /// What is held by all sessions that compute, and by those of `own`.
    pub(crate) fn holdings<'a>(&self, own: impl Iterator<Item = &'a Self>) -> Holdings {
        let own: Vec<u64> = own.filter(|seat| seat.is_beside(self)).map(|seat| seat.number).collect();
        let accounts = self.ledger.accounts();
        let sharing =
            || accounts.seats.iter().filter(|(number, held)| held.is_at_work || own.contains(number));
        Holdings {
            weights: accounts.seats.values().map(|held| held.weights).sum(),
            kept: sharing().map(|(_, held)| held.kept).sum(),
            sessions: sharing().count() as u64,
        }
    }

    /// Whether somebody waits for memory that this session may keep.
    pub(crate) fn is_asked_to_trim(&self) -> bool {
        let accounts = self.ledger.accounts();
        !accounts.queue.is_empty() || accounts.wishes > 0
    }

    /// Claims a `share` of what `free` tells. While there is too little, waits for its turn, first come first served, at
    /// most for `patience`; sessions at work then see that they are asked to trim.
    pub(crate) fn claim(&self, share: Share, free: impl Fn() -> Option<u64>, patience: Duration) -> Claim {
        let end = Instant::now() + patience;
        let mut accounts = self.ledger.accounts();
        if !accounts.queue.is_empty() || !accounts.has_room(self.number, share, &free) {
            let ticket = accounts.number();
            accounts.queue.push_back(ticket);
            self.ledger.changed.notify_all();
            loop {
                let is_next = accounts.queue.front() == Some(&ticket);
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() || is_next && accounts.has_room(self.number, share, &free) {
                    break;
                }
                let woken = self.ledger.changed.wait_timeout(accounts, left);
                (accounts, _) = woken.unwrap_or_else(PoisonError::into_inner);
            }
            accounts.queue.retain(|&other| other != ticket);
        }
        let bytes = match share {
            Share::Bytes(bytes) => bytes,
            Share::All => u64::MAX,
        };
        let bytes = bytes.min(u64::MAX - accounts.claimed);
        accounts.claimed += bytes;
        accounts.batches += 1;
        drop(accounts);
        self.ledger.changed.notify_all();
        Claim { ledger: Arc::clone(&self.ledger), bytes }
    }

    /// Asks others to trim while this session's batch waits for memory that other processes hold.
    pub(crate) fn wish(&self) -> Wish<'_> {
        self.ledger.accounts().wishes += 1;
        Wish(&self.ledger)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.ledger.accounts().seats.remove(&self.number);
        self.ledger.changed.notify_all();
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut accounts = self.ledger.accounts();
        accounts.claimed = accounts.claimed.saturating_sub(self.bytes);
        accounts.batches = accounts.batches.saturating_sub(1);
        drop(accounts);
        self.ledger.changed.notify_all();
    }
}

impl Drop for Wish<'_> {
    fn drop(&mut self) {
        let mut accounts = self.0.accounts();
        accounts.wishes = accounts.wishes.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn claims_together_stay_below_what_is_free() {
        let ledger = Ledgers::new().of("host");
        let (under_way, most) = (AtomicU64::new(0), AtomicU64::new(0));
        let claim_often = || {
            let seat = ledger.sit(0, 0);
            for _ in 0..50 {
                let claim = seat.claim(Share::Bytes(40), || Some(100), LONG);
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
        let (first, second) = (ledgers.of("a").sit(7, 0), ledgers.of("a").sit(8, 3));
        let claim = first.claim(Share::Bytes(500), || Some(100), LONG);
        let other = second.claim(Share::Bytes(1), || Some(100), Duration::ZERO);
        assert_eq!(ledgers.clone().of("a").claimed(), 501);
        assert_eq!(ledgers.of("b").claimed(), 0);
        drop((claim, other));
        assert_eq!(ledgers.of("a").claimed(), 0);
        let holdings = |own: &[&Seat]| first.holdings(own.iter().copied());
        assert_eq!(holdings(&[&first]), Holdings { weights: 15, kept: 0, sessions: 1 });
        second.works(true);
        assert_eq!(holdings(&[&first]), Holdings { weights: 15, kept: 3, sessions: 2 });
        drop(second);
        assert_eq!(first.holdings([&first].into_iter()), Holdings { weights: 7, kept: 0, sessions: 1 });
    }

    #[test]
    fn who_came_first_is_served_first_and_buffers_are_asked_for() {
        let ledger = Ledgers::new().of("host");
        let (holder, large, small) = (ledger.sit(0, 90), ledger.sit(0, 0), ledger.sit(0, 0));
        holder.works(true);
        let free = AtomicU64::new(30);
        let (told, order) = mpsc::channel();
        let look = || Some(free.load(Ordering::SeqCst));
        let ask = |seat: &Seat, bytes, name| {
            let claim = seat.claim(Share::Bytes(bytes), look, LONG);
            told.send(name).unwrap();
            drop(claim);
        };
        thread::scope(|scope| {
            assert!(!holder.is_asked_to_trim());
            scope.spawn(move || ask(&large, 80, "large"));
            while !holder.is_asked_to_trim() {
                thread::yield_now();
            }
            // There is room for it, and still it does not overtake.
            scope.spawn(move || ask(&small, 25, "small"));
            while ledger.accounts().queue.len() < 2 {
                thread::yield_now();
            }
            free.store(100, Ordering::SeqCst);
            holder.keeps(0);
            assert_eq!([order.recv().unwrap(), order.recv().unwrap()], ["large", "small"]);
        });
        assert!(!holder.is_asked_to_trim());
    }

    #[test]
    fn all_means_that_nobody_else_computes() {
        let ledger = Ledgers::new().of("host");
        let (first, second) = (ledger.sit(0, 0), ledger.sit(0, 0));
        let claim = first.claim(Share::Bytes(1), || Some(100), LONG);
        thread::scope(|scope| {
            let all = scope.spawn(|| second.claim(Share::All, || Some(100), LONG));
            while !first.is_asked_to_trim() {
                thread::yield_now();
            }
            assert!(!all.is_finished());
            drop(claim);
            drop(all.join().unwrap());
        });
    }
}
