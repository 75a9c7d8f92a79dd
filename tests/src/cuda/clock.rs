//! What has happened before what: a vector clock for the host and each stream.

use std::collections::BTreeMap;

/// The host, or a stream by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Actor {
    /// Whoever calls.
    Host,
    /// A stream.
    Stream(u64),
}

/// A moment: how far each actor was when it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Clock(BTreeMap<Actor, u64>);

impl Clock {
    /// The next step of `actor`.
    pub(super) fn step(&mut self, actor: Actor) -> u64 {
        let ticks = self.0.entry(actor).or_default();
        *ticks += 1;
        *ticks
    }

    /// What `other` knows is known here too.
    pub(super) fn learn(&mut self, other: &Self) {
        for (&actor, &ticks) in &other.0 {
            let known = self.0.entry(actor).or_default();
            *known = ticks.max(*known);
        }
    }

    /// Whether step `ticks` of `actor` is known to be done.
    pub(super) fn knows(&self, actor: Actor, ticks: u64) -> bool {
        self.0.get(&actor).is_some_and(|&known| known >= ticks)
    }
}

/// Who touched something last.
#[derive(Clone, Debug, Default)]
pub(super) struct Touches {
    written: Option<(Actor, u64)>,
    read: BTreeMap<Actor, u64>,
}

impl Touches {
    /// Notes that `actor` reads, at its step `ticks`, and gives who wrote without this being known to be done.
    pub(super) fn read(&mut self, (actor, ticks): (Actor, u64), clock: &Clock) -> Result<(), Actor> {
        self.read.insert(actor, ticks);
        match self.written {
            Some((writer, at)) if !clock.knows(writer, at) => Err(writer),
            _ => Ok(()),
        }
    }

    /// Notes that `actor` writes, and gives who wrote or read without this being known to be done.
    pub(super) fn write(&mut self, (actor, ticks): (Actor, u64), clock: &Clock) -> Result<(), Actor> {
        let before = self.written.into_iter().chain(std::mem::take(&mut self.read));
        let unknown = before.into_iter().find(|&(who, at)| !clock.knows(who, at));
        self.written = Some((actor, ticks));
        unknown.map_or(Ok(()), |(who, _)| Err(who))
    }
}
